from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from iddkit.agreement.pairs import pair_frames
from iddkit.frames import Frame

parts = st.sampled_from(["", "0", "1"])
some_frames = st.lists(
    st.builds(Frame, parts, parts, st.sampled_from(["x", "y", "z"])), unique_by=lambda frame: frame.key, min_size=1
)


@given(some_frames, some_frames)
def test_every_frame_is_in_one_pair_or_alone(a: list[Frame], b: list[Frame]) -> None:
    found = pair_frames(a, b)
    assert {id(pair.a) for pair in found.pairs} | {id(frame) for frame, _ in found.only_a} == set(map(id, a))
    assert {id(pair.b) for pair in found.pairs} | {id(frame) for frame, _ in found.only_b} == set(map(id, b))
    assert len(found.pairs) + len(found.only_a) == len(a)
    assert len(found.pairs) + len(found.only_b) == len(b)


@given(some_frames, some_frames)
def test_exchanged_sides_have_the_same_pairs(a: list[Frame], b: list[Frame]) -> None:
    one, other = pair_frames(a, b), pair_frames(b, a)
    assert {(pair.a, pair.b) for pair in one.pairs} == {(pair.b, pair.a) for pair in other.pairs}
    assert one.by == other.by


def test_frames_of_one_key_are_pairs_and_all_others_alone() -> None:
    a = [Frame("val", "0", "x"), Frame("val", "0", "y")]
    b = [Frame("val", "0", "x"), Frame("val", "1", "y")]
    found = pair_frames(a, b)
    assert [(pair.a, pair.b) for pair in found.pairs] == [(a[0], b[0])]
    assert found.by == "key"
    assert (found.only_a, found.only_b) == (((a[1], ""),), ((b[1], ""),))


def test_without_splits_sequence_and_name_tell() -> None:
    found = pair_frames([Frame("val", "0", "x"), Frame("val", "1", "x")], [Frame("", "0", "x"), Frame("", "1", "x")])
    assert [(pair.a.sequence, pair.b.sequence) for pair in found.pairs] == [("0", "0"), ("1", "1")]
    assert found.by == "sequence and name"


def test_a_name_that_several_frames_share_pairs_none_of_them() -> None:
    a = [Frame("val", "0", "x"), Frame("val", "1", "x"), Frame("val", "1", "y")]
    found = pair_frames(a, [Frame("", "", "x"), Frame("", "", "y")])
    assert [pair.key for pair in found.pairs] == ["val/1/y"]
    assert [reason for _, reason in found.only_a] == ["2 frames are called so here"] * 2
    assert [reason for _, reason in found.only_b] == ["2 frames are called so there"]


def test_two_single_frames_are_a_pair_whatever_they_are_called() -> None:
    found = pair_frames([Frame("", "", "by_asha")], [Frame("", "", "by_bo")])
    assert [(pair.a.name, pair.b.name) for pair in found.pairs] == [("by_asha", "by_bo")]
    assert found.by == "being the only ones"
