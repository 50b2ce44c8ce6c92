from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from iddkit.agreement.boundary import (
    band_reach,
    boundary_iou,
    check_tolerances,
    count_near,
    find_bands,
    find_boundaries,
)
from iddkit.agreement.tally import tally_pair
from iddkit.errors import OptionError

Pixels = NDArray[np.uint8]

#: Width of a band, from one pixel to more than the image has.
RATIOS = (0.001, 0.02, 0.1, 0.3, 0.9)


def blocks(seed: int, numbers: int = 4, most: int = 26) -> Pixels:
    """Return a label image of blocks of some size, at the image's edge among other places."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, most, 2)
    side = int(rng.integers(1, 9))
    cells = rng.integers(0, numbers, (height // side + 1, width // side + 1), dtype=np.uint8)
    return np.ascontiguousarray(np.kron(cells, np.ones((side, side), np.uint8))[:height, :width].astype(np.uint8))


def two_of(seed: int, numbers: int = 4) -> tuple[Pixels, Pixels]:
    """Return two label images of one size, the second like the first but for a shift and a patch."""
    rng = np.random.default_rng(seed)
    a = blocks(seed, numbers)
    b = np.roll(a, int(rng.integers(-2, 3)), axis=int(rng.integers(2)))
    b[: int(rng.integers(3)), : int(rng.integers(6))] = int(rng.integers(numbers))
    return a, b


def erode_by_hand(mask: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """Return a mask without the pixels that have one outside around them, again and again; beyond it all is outside."""
    for _ in range(steps):
        padded = np.pad(mask, 1)
        height, width = mask.shape
        mask = np.logical_and.reduce(
            [padded[down : down + height, across : across + width] for down in range(3) for across in range(3)]
        )
    return mask


def iou_by_hand(a: NDArray[np.bool_], b: NDArray[np.bool_], ratio: float) -> float:
    reach = max(1, round(ratio * math.hypot(*a.shape)))
    bands = [mask & ~erode_by_hand(mask, reach) for mask in (a, b)]
    union = (bands[0] | bands[1]).sum()
    return float((bands[0] & bands[1]).sum() / union) if union else float("nan")


@given(st.integers(0, 9999), st.sampled_from(RATIOS))
def test_bands_are_what_erosion_of_each_class_takes_away(seed: int, ratio: float) -> None:
    labels = blocks(seed)
    reach = band_reach(labels.shape[0], labels.shape[1], ratio)
    bands = find_bands(find_boundaries(labels), reach)
    for number in range(4):
        mask = labels == number
        assert np.array_equal(bands & mask, mask & ~erode_by_hand(mask, reach))


@given(st.integers(0, 9999), st.sampled_from(RATIOS))
def test_boundary_iou_of_each_class_is_that_of_its_mask(seed: int, ratio: float) -> None:
    a, b = two_of(seed)
    found = tally_pair(a, b, 3, [1], ratio).boundary_iou()
    for number in range(3):
        expected = iou_by_hand(a == number, b == number, ratio)
        assert found[number] == pytest.approx(expected, nan_ok=True)
        assert boundary_iou(a == number, b == number, ratio) == pytest.approx(expected, nan_ok=True)


@given(st.integers(0, 9999), st.sampled_from(RATIOS))
def test_boundary_iou_of_a_mask_with_itself_is_1_and_with_the_rest_0(seed: int, ratio: float) -> None:
    mask = blocks(seed, 2) == 0
    if mask.any():
        assert boundary_iou(mask, mask, ratio) == 1
        assert boundary_iou(mask, ~mask, ratio) == 0
    else:
        assert math.isnan(boundary_iou(mask, mask, ratio))


def test_a_mask_that_fills_the_image_has_its_band_along_the_edge() -> None:
    bands = find_bands(find_boundaries(np.zeros((7, 9), np.uint8)), 2)
    assert bands[2:-2, 2:-2].sum() == 0
    assert bands.sum() == 7 * 9 - 3 * 5


def test_masks_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="shapes"):
        boundary_iou(np.zeros((2, 3), bool), np.zeros((3, 2), bool))


@pytest.mark.parametrize(("size", "ratio", "reach"), [((1080, 1920), 0.02, 44), ((4, 4), 0.02, 1), ((3, 4), 0.5, 2)])
def test_the_reach_is_rounded_as_the_public_one_is(size: tuple[int, int], ratio: float, reach: int) -> None:
    assert band_reach(*size, ratio) == reach  # 2.5 pixels are 2: halves go to the even number


def near_by_hand(a: Pixels, b: Pixels, number: int, tolerance: int) -> tuple[int, int]:
    """Return how many boundary pixels a class has in A, and how many of them have one in B within a distance."""

    def ends(labels: Pixels) -> list[tuple[int, int]]:
        found = []
        for row, column in zip(*(at.tolist() for at in np.nonzero(labels == number)), strict=True):
            around = labels[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
            if (around != number).any():
                found.append((row, column))
        return found

    there = ends(b)
    here = ends(a)
    return len(here), sum(any(math.dist(one, other) <= tolerance for other in there) for one in here)


@given(st.integers(0, 9999), st.sets(st.integers(0, 6), min_size=1, max_size=3))
def test_boundary_pixels_near_the_other_side_are_those_of_a_search_by_hand(seed: int, tolerances: set[int]) -> None:
    a, b = two_of(seed)
    ordered = sorted(tolerances)
    counts = count_near(a, b, find_boundaries(a), find_boundaries(b), 3, ordered)
    for number in range(3):
        for place, tolerance in enumerate(ordered, start=1):
            assert (counts[0, number], counts[place, number]) == near_by_hand(a, b, number, tolerance)


def test_a_boundary_two_pixels_away_counts_from_that_tolerance_on() -> None:
    a = np.zeros((20, 20), np.uint8)
    b = a.copy()
    a[:, 8:] = 1
    b[:, 10:] = 1
    f1 = tally_pair(a, b, 2, [1, 2]).boundary_f1()
    assert f1.tolist() == [[0, 0], [1, 1]]


def test_the_edge_of_the_image_is_no_boundary_of_f1() -> None:
    assert find_boundaries(np.zeros((5, 5), np.uint8)).sum() == 0
    f1 = tally_pair(np.zeros((5, 5), np.uint8), np.zeros((5, 5), np.uint8), 2, [1]).boundary_f1()
    assert np.isnan(f1).all()


def test_a_boundary_on_one_side_only_is_0() -> None:
    a = np.zeros((6, 6), np.uint8)
    b = a.copy()
    b[2:4, 2:4] = 1
    f1 = tally_pair(a, b, 2, [4]).boundary_f1()
    assert f1[0].tolist() == [0, 0]


@pytest.mark.parametrize("wrong", [(), (-1,), (1, 65)])
def test_tolerances_that_cannot_be_are_refused(wrong: tuple[int, ...]) -> None:
    with pytest.raises(OptionError, match="tolerance"):
        check_tolerances(wrong)


def test_tolerances_are_put_in_order() -> None:
    assert check_tolerances([4, 1, 4]) == (1, 4)
