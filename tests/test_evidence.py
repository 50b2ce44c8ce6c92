from __future__ import annotations

import json
from fractions import Fraction
from itertools import combinations
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iddkit import labels
from iddkit.errors import LabelMapError
from iddkit.frames import Frame
from iddkit.statistics import classes
from iddkit.statistics.columns import collapse
from iddkit.subset import SubsetPlan, candidates_of
from iddkit.subset.beside import match_classes
from iddkit.subset.compare import collapse_candidates, compare, measures_of
from iddkit.subset.evidence import DIGITS, SHORT, LabelEvidence, Measure, SubsetEvidence
from iddkit.subset.gather import gather_evidence, short_name
from iddkit.subset.quality import RandomErrors
from tests.evidence_tables import choose_rows, make_evidence, make_table

TWO_SPLITS = {"train": (5, 8), "val": (2, 6)}


def every_label(evidence: SubsetEvidence) -> list[LabelEvidence]:
    return [label for split in evidence.splits for level in split.levels for label in level.labels]


@given(
    st.sampled_from(["id", "level3", "level2", "level1"]),
    st.integers(1, 20),
    st.integers(0, 6),
    st.integers(0, 20),
    st.floats(0, 1),
)
def test_each_number_follows_from_the_counts(level: str, train: int, val: int, seed: int, rare: float) -> None:
    table = make_table(TWO_SPLITS, level="id", seed=seed, rare=rare)
    evidence = make_evidence(table, {"train": train, "val": val}, level=level, method="random", subsets=0)
    assert [split.name for split in evidence.splits] == (["train", "val"] if val else ["train"])
    for split in evidence.splits:
        assert sum(sequence.frames for sequence in split.sequences) == split.frames
        assert sum(sequence.chosen for sequence in split.sequences) == split.chosen
        for one in split.levels:
            for counts in ("source", "resized", "subset"):
                shares = [getattr(label, counts).share for label in one.labels]
                assert sum(shares) == pytest.approx(1 if any(shares) else 0, abs=1e-7)
                pooled = [getattr(label, counts).pooled for label in one.labels]
                assert sum(pooled) == pytest.approx(1 if any(pooled) else 0, abs=1e-7)
            for label in one.labels:
                assert label.lost == (label.source.frames > 0 and label.subset.frames == 0)
                assert label.subset.frames <= label.resized.frames <= split.frames
                error = label.subset.presence - label.resized.presence
                assert label.presence_error == pytest.approx(error, abs=1e-8)
                if label.share_error is not None:
                    assert label.resized.share * (1 + label.share_error) == pytest.approx(label.subset.share, rel=1e-6)
        for matrix in (split.pairs, split.pairs_chosen):
            assert np.array_equal(matrix, np.transpose(matrix))
            counts = "resized" if matrix is split.pairs else "subset"
            presence = [getattr(label, counts).presence for label in split.level(evidence.presence_level).labels]
            assert np.allclose(np.diag(matrix), presence, atol=1e-8)
        # What the cells hold is what the images hold.
        assert np.sum(split.layout) / 16 <= 1 + 1e-6


@given(st.integers(0, 20))
def test_a_choice_of_all_frames_has_no_error(seed: int) -> None:
    table = make_table({"train": (2, 4)}, level="id", seed=seed)
    evidence = make_evidence(table, {"train": 8}, level="level3", subsets=3)
    assert {label.share_error for label in every_label(evidence)} <= {0.0, None}
    assert {label.presence_error for label in every_label(evidence)} == {0.0}
    assert not any(label.lost for label in every_label(evidence))
    split = evidence.splits[0]
    assert [level.js for level in split.levels] == [0.0] * len(split.levels)
    assert (split.pairs, split.layout) == (split.pairs_chosen, split.layout_chosen)
    assert {measure.percentile for measure in split.measures} == {50.0}
    assert not any(evidence.lost().values())


@given(st.integers(0, 9))
def test_evidence_survives_being_written_as_json(seed: int) -> None:
    table = make_table(TWO_SPLITS, seed=seed)
    evidence = make_evidence(table, {"train": 8}, subsets=4, written_bytes=9, failures=["a: b"], command="iddkit x")
    text = json.dumps(evidence.to_json(), allow_nan=False)
    assert SubsetEvidence.from_json(json.loads(text)) == evidence
    with pytest.raises(msgspec.ValidationError):
        SubsetEvidence.from_json({"name": "x"})


def test_numbers_have_no_more_digits_than_machines_agree_on() -> None:
    evidence = make_evidence(make_table(TWO_SPLITS), {"train": 8, "val": 3})

    def numbers(value: object) -> list[float]:
        if isinstance(value, dict):
            return [number for one in value.values() for number in numbers(one)]
        if isinstance(value, list | tuple):
            return [number for one in value for number in numbers(one)]
        return [value] if isinstance(value, float) else []

    found = numbers(evidence.to_json())
    assert len(found) > 200
    assert all(float(f"{number:.{DIGITS}g}") == number for number in found)


def test_a_label_that_no_chosen_frame_holds_is_named_at_each_level() -> None:
    table = make_table({"train": (3, 6)}, level="id", rare=0)
    place = next(i for i, c in enumerate(classes(table.label_map, "id")) if c.name == "bridge")
    tunnel = next(i for i, c in enumerate(classes(table.label_map, "id")) if c.name == "tunnel")
    assert table.sampled is not None
    for counts in (table.pixels, table.sampled.pixels):
        counts[:, [place, tunnel]] = 0
        counts[5, place] = 40
    evidence = gather_evidence(
        table, {"train": np.array([0, 7, 9])}, SubsetPlan(level="level1", factor=Fraction(6), name="tiny")
    )
    lost = evidence.lost()
    assert next(iter(lost)) == "level1"  # what is published comes first
    assert "bridge (train)" in map(str, lost["id"])
    assert '"bridge, tunnel" (train)' in map(str, lost["level3"])
    assert lost["level1"] == ()
    bridge = next(label for label in every_label(evidence) if label.name == "bridge")
    assert (bridge.lost, bridge.share_error, bridge.source.frames, bridge.subset.frames) == (True, -1.0, 1, 0)


def test_the_noise_is_the_spread_of_all_subsets_of_this_size() -> None:
    table = make_table({"": (2, 4)}, seed=3, rare=0.9)
    evidence = make_evidence(table, {"": 3}, subsets=0)
    statistics = [
        table.rows(np.array(rows)).statistics("level1", sampled=True) for rows in combinations(range(len(table)), 3)
    ]
    shares = np.array([one.mean_share for one in statistics])
    presence = np.array([one.presence for one in statistics])
    for i, label in enumerate(evidence.splits[0].level("level1").labels):
        if label.share_noise is not None:
            assert label.share_noise * label.resized.share == pytest.approx(shares[:, i].std(), abs=1e-7)
        assert label.presence_noise == pytest.approx(presence[:, i].std(), abs=1e-8)


def test_other_datasets_are_compared_by_the_names_of_their_labels() -> None:
    idd, other = (
        make_table({"train": (2, 6)}, level="id"),
        make_table({"val": (2, 6)}, map_name="cityscapes", level="id"),
    )
    evidence = make_evidence(idd, {"train": 4}, level="level3", beside=[("Cityscapes", other)], subsets=0)
    city = evidence.datasets[2]
    names = [label.name for label in evidence.splits[0].level("level3").labels]
    own = {c.name: i for i, c in enumerate(classes(other.label_map, "id"))}
    share = other.statistics("id").mean_share
    assert city.shares[names.index("road")] == pytest.approx(share[own["road"]])
    assert city.shares[names.index("pole, polegroup")] == pytest.approx(share[own["pole"]] + share[own["polegroup"]])
    assert city.shares[names.index("autorickshaw")] is None
    known = sum(value or 0 for value in city.pixels)
    assert city.foreign == pytest.approx(1 - known / city.annotated)
    assert city.images == {"val": 12}


def test_a_class_whose_labels_lie_in_several_others_is_matched_with_none() -> None:
    idd = labels.load("idd")
    into = match_classes(idd, "level1", classes(idd, "level3"))
    assert into.tolist() == [-1, -1, -1, -1, -1, -1, 25]
    assert match_classes(idd, "level3", classes(idd, "level1")).min() >= 0


def test_the_source_is_compared_in_the_splits_that_were_chosen_from() -> None:
    table = make_table(TWO_SPLITS, seed=4)
    evidence = make_evidence(table, {"train": 5}, subsets=0)
    train = np.array([i for i, frame in enumerate(table.frames) if frame.split == "train"])
    expected = table.rows(train).statistics("level1", sampled=True).mean_share
    assert evidence.source.shares == pytest.approx(tuple(expected), abs=1e-8)
    assert evidence.source.images == {"train": 40, "val": 12}
    assert evidence.derived.images == {"train": 5}
    assert (evidence.frames, evidence.chosen) == (40, 5)


def test_the_derived_dataset_has_the_size_of_its_images_and_no_polygons() -> None:
    evidence = make_evidence(
        make_table({"": (2, 4)}, level="id"), {"": 4}, level="level1", written_bytes=123, subsets=0
    )
    derived = evidence.derived
    assert (derived.width, derived.height, derived.bytes, derived.level) == (320, 180, 123, "level1")
    assert derived.labels <= 7 < evidence.source.labels
    assert {label.subset.shapes for label in evidence.splits[0].level("level1").labels} != {0}


def test_samples_are_spread_over_the_list_and_have_labels() -> None:
    written = [
        Frame("train", "1", f"{i:02}", Path(f"i/{i:02}.jpg"), labels=None if i % 2 else Path(f"l/{i:02}.png"))
        for i in range(40)
    ]
    evidence = make_evidence(make_table({"train": (2, 4)}), {"train": 4}, written=written, subsets=0)
    assert [sample.labels for sample in evidence.samples] == [f"l/{i:02}.png" for i in (2, 6, 12, 16, 22, 26, 32, 36)]
    assert evidence.samples[0].key == "train/1/02"


def test_short_names_are_short_and_tell_labels_apart() -> None:
    for name in labels.names():
        label_map = labels.load(name)
        for level in label_map.levels:
            short = [short_name(category) for category in classes(label_map, level)]
            assert max(map(len, short)) <= SHORT
            assert len(set(short)) == len(short)


def test_what_cannot_be_said_is_an_error() -> None:
    table = make_table({"train": (2, 4)}, level="level1")
    plan = SubsetPlan(level="level1", factor=Fraction(2))
    with pytest.raises(ValueError, match="no frame was chosen"):
        gather_evidence(table, {"train": np.zeros(0, dtype=np.intp)}, plan)
    with pytest.raises(LabelMapError):
        gather_evidence(table, choose_rows(table, {"train": 2}), SubsetPlan(level="level3", factor=Fraction(2)))
    bare = type(table)(**{**{name: getattr(table, name) for name in table.__dataclass_fields__}, "sampled": None})
    with pytest.raises(ValueError, match="at the output's size"):
        gather_evidence(bare, choose_rows(table, {"train": 2}), plan)


def test_a_list_of_frames_is_recorded_by_its_length() -> None:
    table = make_table({"train": (2, 4)})
    plan = SubsetPlan(frames=("train/0/frame0001", "train/10/frame0002"), name="tiny")
    assert gather_evidence(table, {"train": np.array([1, 6])}, plan).plan["frames"] == 2


@given(st.floats(0, 9), st.lists(st.sampled_from([0.0, 1.0, 2.5, 9.0]), max_size=9).map(sorted))
def test_the_place_among_random_subsets_is_counted(value: float, random: list[float]) -> None:
    measure = Measure("js", "shares", "bits", value, tuple(random))
    assert measure.beaten == len([one for one in random if one > value])
    if random:
        assert measure.percentile is not None
        assert 0 <= measure.percentile <= 100
        assert (measure.percentile == 0) == (measure.beaten == len(random))
        assert measure.median == pytest.approx(float(np.median(random)))
    else:
        assert (measure.percentile, measure.median) == (None, None)


def test_errors_that_are_not_known_are_left_out() -> None:
    evidence = make_evidence(make_table({"train": (2, 4)}), {"train": 3}, subsets=5)
    names = ["worst_share", "js", "worst_presence", "pairs", "layout", "mmd"]
    assert [m.name for m in evidence.splits[0].measures] == names
    units = {measure.name: measure.unit for measure in evidence.splits[0].measures}
    assert (units["js"], units["worst_share"], units["pairs"]) == ("bits", "%", "points")

    class Known:
        js, worst_share, worst_presence, pairs, layout, mmd = 1e-6, 0.02, 0.03, 0.04, float("nan"), 0.5

    randoms = RandomErrors(*(np.array([2.0, 1.0]) for _ in range(6)))
    found = measures_of(Known(), randoms, "level1")  # type: ignore[arg-type]
    assert [(m.name, m.value) for m in found] == [
        ("worst_share", 2.0),
        ("js", 1e-6),
        ("worst_presence", 3.0),
        ("pairs", 4.0),
        ("mmd", 0.5),
    ]
    assert list(found[1].random) == [1, 2]
    assert {m.level for m in found} == {"level1"}


def test_the_choice_is_measured_at_the_published_level_and_at_the_finest_one() -> None:
    evidence = make_evidence(make_table(TWO_SPLITS, level="id", rare=0.9), {"train": 8, "val": 4}, level="level2")
    for split in evidence.splits:
        assert list(dict.fromkeys(measure.level for measure in split.measures)) == ["level2", "id"]
        for measure in split.measures:
            level = split.level(measure.level)
            if measure.name == "js":
                assert measure.value == pytest.approx(level.js, abs=1e-11)
            if measure.name == "worst_share" and level.worst_share is not None:
                assert measure.value == pytest.approx(abs(100 * (level.worst_share.share_error or 0)), abs=1e-4)
                assert measure.label == level.worst_share.quoted
            if measure.name == "worst_presence" and level.worst_presence is not None:
                assert measure.value == pytest.approx(abs(100 * level.worst_presence.presence_error), abs=1e-6)
            if measure.name == "pairs" and measure.level == evidence.presence_level:
                apart = 100 * np.abs(np.array(split.pairs_chosen) - np.array(split.pairs))
                np.fill_diagonal(apart, 0)
                assert measure.value == pytest.approx(apart.max(), abs=1e-6)
                assert " with " in measure.label
    same = make_evidence(make_table({"train": (2, 6)}, level="level2"), {"train": 4}, level="level2")
    assert len(same.splits[0].measures) == 6


@given(st.sampled_from(["level3", "level2", "level1"]), st.integers(0, 9))
def test_candidates_of_a_coarse_level_hold_the_sums_of_the_fine_ones(level: str, seed: int) -> None:
    table = make_table({"train": (2, 4)}, level="id", seed=seed)
    fine, count = candidates_of(table), len(classes(table.label_map, level))
    coarse = collapse_candidates(fine, collapse(table.label_map, "id", level), count)
    assert fine.layout is not None
    assert coarse.layout is not None
    assert coarse.classes == count
    assert np.array_equal(coarse.pixels.sum(axis=0), table.statistics(level, sampled=True).pixels)
    assert np.array_equal(coarse.pixels.sum(axis=1), fine.pixels.sum(axis=1))
    assert np.array_equal(coarse.layout.sum(axis=2, dtype=int), fine.layout.sum(axis=2, dtype=int))
    assert compare(table, np.array([0, 5]), level, subsets=2)[0].level == level


def test_a_manifest_has_neither_matrices_nor_single_random_subsets() -> None:
    evidence = make_evidence(make_table(TWO_SPLITS), {"train": 8, "val": 3}, subsets=9)
    summary = evidence.summary()
    assert not {"pairs", "pairs_chosen", "layout", "layout_chosen"} & set(summary["splits"][0])
    measure = evidence.splits[1].measures[0]
    assert summary["splits"][1]["measures"][0]["random"] == {
        "best": measure.random[0],
        "median": measure.median,
        "worst": measure.random[-1],
        "beaten": measure.beaten,
        "of": 9,
    }
    assert len(json.dumps(summary)) < len(json.dumps(evidence.to_json()))
