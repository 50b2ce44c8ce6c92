from __future__ import annotations

from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from iddkit import labels
from iddkit.errors import LabelMapError, OptionError
from iddkit.frames import Frame
from iddkit.labels import VOID, LabelMap
from iddkit.statistics import FrameTable, LabelStatistics, Sampled, classes
from iddkit.statistics.columns import collapse, column_of_number
from iddkit.statistics.counts import SHARE_UNIT, unit_shares
from iddkit.statistics.table import CELLS, COLORS, merge_columns

IDD, CITYSCAPES = labels.load("idd"), labels.load("cityscapes")
NESTED = [(m, fine, coarse) for m in (IDD, CITYSCAPES) for fine in m.levels for coarse in m.levels]
NESTED = [(m, fine, coarse) for m, fine, coarse in NESTED if labels.nests(m, fine, coarse)]


@st.composite
def counts(draw: st.DrawFn, columns: int) -> NDArray[np.int64]:
    """Draw pixels per frame and column: int64 (N, columns), empty frames and absent classes among them."""
    rng = np.random.default_rng(draw(st.integers(0, 9999)))
    n = draw(st.integers(0, 6))
    found = rng.integers(0, draw(st.sampled_from([2, 50, 2_000_000])), (n, columns))
    return np.where(rng.random((n, columns)) < draw(st.floats(0, 1)), found, 0) * (rng.random((n, 1)) < 0.9)


def table_of(
    pixels: NDArray[np.int64], label_map: LabelMap = IDD, level: str = "id", shapes: bool = True
) -> FrameTable:
    """Return a table of frames with these pixels, and as many shapes."""
    n, columns = pixels.shape
    sampled = Sampled(
        np.full((n, 2), 9, np.int32),
        (pixels // 3).astype(np.int32),
        np.zeros((n, CELLS * CELLS, columns - 1), np.uint16),
        np.zeros((n, len(COLORS)), np.int32),
    )
    frames = tuple(Frame("train", "0", f"{i}", labels=Path(f"{i}_label.png")) for i in range(n))
    hashes = tuple(f"{i:064x}" for i in range(n))
    sizes = np.full((n, 2), 30, np.int32)
    its_shapes = pixels % 7 if shapes else None
    return FrameTable(frames, label_map, level, sizes, pixels, its_shapes, np.arange(n), hashes, ("",) * n, sampled)


def assert_equal(one: LabelStatistics, other: LabelStatistics) -> None:
    assert (one.level, one.numbers, one.labelled, one.images) == (
        other.level,
        other.numbers,
        other.labelled,
        other.images,
    )
    for name in ("pixels", "frames", "shapes", "share_sum"):
        ours, theirs = getattr(one, name), getattr(other, name)
        assert ours.dtype == theirs.dtype == np.int64
        assert ours.tolist() == theirs.tolist(), name


@given(data=st.data(), pixels=counts(36), sampled=st.booleans())
def test_the_parts_of_a_dataset_add_up_to_the_whole_at_every_level(
    data: st.DataObject, pixels: NDArray[np.int64], sampled: bool
) -> None:
    table = table_of(pixels, shapes=data.draw(st.booleans()))
    order = np.array(data.draw(st.permutations(range(len(table)))), dtype=np.intp)
    cut = data.draw(st.integers(0, len(table)))
    for level in table.levels():
        whole = table.statistics(level, sampled=sampled)
        parts = [table.rows(part).statistics(level, sampled=sampled) for part in (order[:cut], order[cut:])]
        assert_equal(parts[0] + parts[1], whole)
        assert_equal(parts[1] + parts[0], whole)
        frames = [table.rows(order[i : i + 1]).statistics(level, sampled=sampled) for i in range(len(table))]
        nothing = table.rows(order[:0]).statistics(level, sampled=sampled)
        assert_equal(reduce(add, frames, nothing), whole)


@given(pixels=counts(36))
def test_all_levels_count_the_same_pixels(pixels: NDArray[np.int64]) -> None:
    table = table_of(pixels)
    assert table.levels() == ("id", "level4", "level3", "level2", "level1")
    for level in table.levels():
        found = table.statistics(level)
        assert int(found.pixels.sum()) == pixels.sum()
        assert int(found.pixels[-1]) == pixels[:, -1].sum()
        assert found.images == len(pixels)
        assert found.labelled == np.count_nonzero(pixels[:, :-1].sum(axis=1))
        assert found.frames.max(initial=0) <= len(pixels)
        assert (found.presence <= 1).all()
        assert found.pooled.sum() == pytest.approx(1 if found.labelled else 0)
        assert found.mean_share.sum() == pytest.approx(1 if found.labelled else 0, abs=1e-6)
        assert found.shapes.sum() == (pixels % 7).sum()


@given(pixels=counts(8))
def test_shares_are_whole_numbers_and_nearly_the_quotients(pixels: NDArray[np.int64]) -> None:
    shares = unit_shares(pixels)
    assert shares.dtype == np.int64
    for row, found in zip(pixels.tolist(), shares.tolist(), strict=True):
        labelled = sum(row[:-1])
        assert found == [count * SHARE_UNIT // max(labelled, 1) for count in row[:-1]]
        assert SHARE_UNIT - 7 <= sum(found) <= SHARE_UNIT if labelled else found == [0] * 7


def test_a_frame_weighs_the_same_whatever_its_size_in_the_mean_of_the_shares() -> None:
    pixels = np.zeros((2, 8), dtype=np.int64)
    pixels[0, 0], pixels[1, 1] = 100, 300
    found = table_of(pixels, level="level1").statistics("level1")
    assert found.mean_share[:2].tolist() == [0.5, 0.5]
    assert found.pooled[:2].tolist() == [0.25, 0.75]
    assert found.presence[:3].tolist() == [0.5, 0.5, 0]


def test_frames_without_labelled_pixels_count_as_images_only() -> None:
    pixels = np.array([[0] * 7 + [50], [10] + [0] * 7])
    found = table_of(pixels, level="level1").statistics("level1")
    assert (found.images, found.labelled, found.frames[-1]) == (2, 1, 1)
    assert found.mean_share[0] == 1
    assert found.presence[0] == 0.5


def test_counts_of_different_labels_do_not_add_up() -> None:
    table = table_of(np.ones((1, 36), dtype=np.int64))
    with pytest.raises(OptionError, match="counts at level1 and at level2"):
        table.statistics("level1") + table.statistics("level2")


@pytest.mark.parametrize(("label_map", "fine", "coarse"), NESTED, ids=lambda value: getattr(value, "name", value))
def test_columns_of_a_fine_level_fall_where_its_numbers_do(label_map: LabelMap, fine: str, coarse: str) -> None:
    into = collapse(label_map, fine, coarse)
    fine_columns, coarse_columns = column_of_number(label_map, fine), column_of_number(label_map, coarse)
    assert into.shape == (len(classes(label_map, fine)),)
    for label in label_map:
        if label.drawn:
            column = fine_columns[label.numbers[fine]]
            wanted = coarse_columns[label.numbers[coarse]]
            assert (wanted if column == len(into) else into[column]) == wanted


@pytest.mark.parametrize("label_map", [IDD, CITYSCAPES], ids=lambda label_map: label_map.name)
def test_a_label_is_void_at_every_level_of_the_hierarchy_or_at_none(label_map: LabelMap) -> None:
    for label in label_map:
        if label.drawn:
            levels = label_map.hierarchy
            void = {column_of_number(label_map, lv)[label.numbers[lv]] == len(classes(label_map, lv)) for lv in levels}
            assert len(void) == 1, label.name


@pytest.mark.parametrize("level", IDD.levels)
def test_every_number_of_a_level_has_a_column_and_no_other(level: str) -> None:
    columns = column_of_number(IDD, level)
    known = {category.number for category in IDD.categories(level)} | {VOID, IDD.void(level)}
    assert {number for number in range(256) if columns[number] >= 0} == known
    assert columns[VOID] == len(classes(IDD, level))
    numbers = [category.number for category in classes(IDD, level)]
    assert columns[numbers].tolist() == list(range(len(numbers)))


def test_levels_that_do_not_nest_are_refused() -> None:
    with pytest.raises(LabelMapError, match="level4 cannot be turned into level3"):
        collapse(IDD, "level4", "level3")
    table = table_of(np.ones((1, len(classes(IDD, "level4")) + 1), dtype=np.int64), level="level4")
    assert table.levels() == ("level4", "level1")
    with pytest.raises(LabelMapError):
        table.statistics("level3")


@given(pixels=counts(36))
def test_merging_by_way_of_a_level_between_is_merging_at_once(pixels: NDArray[np.int64]) -> None:
    def merged(values: NDArray[np.int64], fine: str, coarse: str) -> NDArray[np.int64]:
        return merge_columns(values, collapse(IDD, fine, coarse), len(classes(IDD, coarse)))

    step = merged(merged(merged(pixels, "id", "level3"), "level3", "level2"), "level2", "level1")
    assert step.tolist() == merged(pixels, "id", "level1").tolist()


def test_rows_of_a_table_are_those_frames() -> None:
    table = table_of(np.arange(36 * 4).reshape(4, 36))
    some = table.rows(np.array([2, 0], dtype=np.intp))
    assert len(some) == 2
    assert [frame.name for frame in some.frames] == ["2", "0"]
    assert some.label_hashes == (table.label_hashes[2], table.label_hashes[0])
    assert some.bytes.tolist() == [2, 0]
    assert some.sampled is not None
    assert table.sampled is not None
    assert some.sampled.pixels.tolist() == table.sampled.pixels[[2, 0]].tolist()
    assert some.shapes is not None
    assert some.shapes.tolist() == (some.pixels % 7).tolist()


def test_nothing_can_be_said_of_a_size_that_was_not_measured() -> None:
    table = table_of(np.zeros((1, 36), dtype=np.int64))
    without = FrameTable(**{**vars(table), "sampled": None})
    with pytest.raises(ValueError, match="nothing at the output's size"):
        without.statistics("id", sampled=True)
