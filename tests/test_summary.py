from __future__ import annotations

from collections import Counter
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iddkit.errors import LabelMapError
from iddkit.frames import Frame
from iddkit.statistics import FrameTable
from iddkit.statistics.summary import common_levels, summarize
from tests.tables_by_hand import frame_tables, table

# Seven classes and void: drivable, ..., sky.
ROAD_AND_SKY = [600, 0, 0, 0, 0, 0, 200, 24]
ROAD = [100, 0, 0, 0, 0, 0, 0, 0]
NOTHING = [0, 0, 0, 0, 0, 0, 0, 824]


@given(frame_tables())
def test_splits_add_up_to_the_whole(frames: FrameTable) -> None:
    summary = summarize(frames)
    assert summary.levels == frames.levels()
    for level in summary.levels:
        whole, parts = summary.statistics[level], list(summary.by_split[level].values())
        assert whole.images == sum(part.images for part in parts) == len(frames)
        if parts:
            total = reduce(add, parts)
            for name in ("pixels", "frames", "shapes", "share_sum"):
                np.testing.assert_array_equal(getattr(whole, name), getattr(total, name))
            assert whole.labelled == total.labelled
    assert summary.whole.annotated_pixels == sum(split.annotated_pixels for split in summary.splits)
    assert summary.whole.frames == sum(split.frames for split in summary.splits)


@given(frame_tables(), st.integers(0, 3))
def test_sequences_add_up_to_their_splits(frames: FrameTable, more: int) -> None:
    others = [Frame("test", str(number % 2), f"x{number}", Path("x.jpg")) for number in range(more)]
    summary = summarize(frames, others)
    for size in summary.splits:
        members = [one for one in summary.sequences if one.split == size.split]
        assert size.frames == sum(one.frames for one in members)
        assert size.labelled == sum(one.labelled for one in members)
        assert size.sequences == len(members)
        assert size.shortest <= size.median <= size.longest
    assert summary.whole.frames == len(frames) + more
    assert summary.whole.labelled == len(frames)
    names = [(one.split, one.sequence) for one in summary.sequences]
    assert Counter((frame.split, frame.sequence) for frame in (*frames.frames, *others)) == dict(
        zip(names, (one.frames for one in summary.sequences), strict=True)
    )


@given(frame_tables())
def test_annotated_pixels_are_the_same_at_every_level(frames: FrameTable) -> None:
    summary = summarize(frames)
    annotated = {int(counts.pixels[:-1].sum()) for counts in summary.statistics.values()}
    assert annotated == {summary.whole.annotated_pixels}


@given(frame_tables("id"))
def test_a_coarser_level_has_no_more_labels_than_a_finer_one(frames: FrameTable) -> None:
    summary = summarize(frames)
    found = [summary.labels(level)[0] for level in ("id", "level3", "level2", "level1")]
    assert found == sorted(found, reverse=True)
    assert [summary.labels(level)[1] for level in ("id", "level3", "level2", "level1")] == [35, 26, 16, 7]


def test_shares_are_taken_both_ways() -> None:
    summary = summarize(table([("", "", "a"), ("", "", "b"), ("", "", "c")], [ROAD_AND_SKY, ROAD, NOTHING]))
    counts = summary.statistics["level1"]
    assert counts.pooled.tolist() == [7 / 9, 0, 0, 0, 0, 0, 2 / 9]
    assert counts.mean_share.tolist() == [0.875, 0, 0, 0, 0, 0, 0.125]  # of the two frames that have labels
    assert counts.presence.tolist() == [2 / 3, 0, 0, 0, 0, 0, 1 / 3]  # of all three
    assert (summary.whole.annotated_pixels, summary.labels("level1")) == (900, (2, 7))


def test_the_mean_size_is_that_of_the_labelled_frames() -> None:
    frames = table([("", "", "a"), ("", "", "b")], [ROAD, ROAD], sizes=[(1920, 1080), (1280, 720)])
    summary = summarize(frames, [Frame("", "", "c", Path("c.jpg"))])
    assert (summary.height, summary.width) == (900.0, 1600.0)


def test_splits_and_sequences_come_in_the_order_of_the_index() -> None:
    keys = [("train", "2", "a"), ("train", "10", "a"), ("train", "10", "b"), ("val", "1", "a")]
    others = [Frame("test", "7", "z", Path("z.jpg")), Frame("train", "2", "z", Path("z.jpg"))]
    summary = summarize(table(keys, [ROAD] * 4), others)
    assert [(one.split, one.sequence, one.frames, one.labelled) for one in summary.sequences] == [
        ("test", "7", 1, 0),
        ("train", "2", 2, 1),
        ("train", "10", 2, 2),
        ("val", "1", 1, 1),
    ]
    assert [one.split for one in summary.splits] == ["test", "train", "val"]
    test, train, _ = summary.splits
    assert (test.frames, test.labelled, test.annotated_pixels) == (1, 0, 0)
    assert (train.sequences, train.shortest, train.median, train.longest) == (2, 2, 2.0, 2)
    assert "test" not in summary.by_split["level1"]


def test_unlabelled_frames_count_on_the_disk_where_their_files_are(tmp_path: Path) -> None:
    (tmp_path / "b.jpg").write_bytes(b"12345")
    others = [Frame("", "", "b", Path("b.jpg")), Frame("", "", "c", Path("gone.jpg"))]
    frames = table([("", "", "a")], [ROAD])
    assert summarize(frames, others, root=tmp_path).bytes == 105
    assert summarize(frames, others).bytes == 100


def test_a_dataset_without_frames_has_zeros() -> None:
    summary = summarize(table([], []))
    assert (summary.whole.frames, summary.whole.median, summary.height, summary.width) == (0, 0, 0, 0)
    assert (summary.splits, summary.sequences, summary.labels("level1")) == ((), (), (0, 7))
    assert summary.statistics["level1"].pooled.tolist() == [0] * 7


def test_levels_are_named_as_users_name_them() -> None:
    frames = table([("", "", "a")], [ROAD], level="level1")
    assert summarize(frames, levels=["level1Ids", "level1"]).levels == ("level1",)
    fine = table([("", "", "a")], [[5] * 36], level="id")
    assert summarize(fine, levels=["level2", "csTrainIds"]).levels == ("level2", "cs_train")
    with pytest.raises(LabelMapError, match="no level 'level9'"):
        summarize(fine, levels=["level9"])
    with pytest.raises(LabelMapError, match="level1 cannot be turned into level3"):
        summarize(frames, levels=["level3"])


def test_common_levels_are_those_of_all() -> None:
    fine = summarize(table([("", "", "a")], [[5] * 36], level="id"))
    middle = summarize(table([("", "", "a")], [[5] * 17], level="level2"))
    coarse = summarize(table([("", "", "a")], [ROAD]))
    assert common_levels([fine]) == ("id", "level4", "level3", "level2", "level1")
    assert common_levels([fine, middle]) == ("level2", "level1")
    assert common_levels([coarse, fine, middle]) == ("level1",)
