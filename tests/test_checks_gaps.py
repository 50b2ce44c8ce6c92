"""Every gap that is planted is found, and none where polygons fit each other."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from iddkit.checks import find_gaps
from iddkit.raster import Painted, Painting

Mask = NDArray[np.bool_]


def painting(bare: Mask) -> Painting:
    """Return a frame in which nothing is painted where `bare` is true."""
    return Painting(np.where(bare, 0, 1).astype(np.uint8), (Painted(0, "road"),), ())


def parts(bare: Mask) -> list[set[tuple[int, int]]]:
    """Return the regions by hand: pixels that touch at a side or a corner."""
    left = set(zip(*np.nonzero(bare), strict=True))
    found = []
    while left:
        region, edge = set(), [left.pop()]
        while edge:
            row, column = edge.pop()
            region.add((int(row), int(column)))
            near = {(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            edge += near
        found.append(region)
    return found


masks = st.builds(
    lambda seed, height, width, share: np.random.default_rng(seed).random((height, width)) < share,
    st.integers(0, 2**32),
    st.integers(1, 24),
    st.integers(1, 24),
    st.sampled_from([0.0, 0.05, 0.3, 0.6, 1.0]),
)


@given(masks, st.integers(1, 8))
def test_gaps_are_the_connected_regions_of_so_many_pixels(bare: Mask, least: int) -> None:
    wanted = sorted(len(region) for region in parts(bare) if len(region) >= least)
    gaps = find_gaps(painting(bare), least)
    assert sorted(gap.area for gap in gaps) == wanted
    assert [gap.area for gap in gaps] == sorted(wanted, reverse=True)
    for gap in gaps:
        x, y, width, height = gap.region
        (region,) = [region for region in parts(bare) if (gap.place[1], gap.place[0]) in region]
        rows, columns = zip(*region, strict=True)
        assert (min(columns), min(rows)) == (x, y)
        assert (max(columns) + 1, max(rows) + 1) == (x + width, y + height)
        assert len(region) == gap.area
        assert gap.width == max(
            side for side in range(1, 25) if any(_fits(region, row, column, side) for row, column in region)
        )


def _fits(region: set[tuple[int, int]], row: int, column: int, side: int) -> bool:
    return all((row + i, column + j) in region for i in range(side) for j in range(side))


@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 12))
def test_an_exact_tiling_has_no_gap(seed: int, rows: int, columns: int) -> None:
    from iddkit.annotation import Annotation, Shape
    from iddkit.raster import FILLS, paint
    from tests.strategies import IDD

    dice = np.random.default_rng(seed)
    # Tiles share their borders, whole or fractional, as polygons do that were drawn side by side.
    xs = np.concatenate([[0], np.sort(dice.uniform(0, 60, columns - 1)).round(int(dice.integers(0, 3))), [60]])
    ys = np.concatenate([[0], np.sort(dice.uniform(0, 40, rows - 1)).round(int(dice.integers(0, 3))), [40]])
    shapes = [
        Shape("road", np.array([[a, c], [b, c], [b, d], [a, d]])) for a, b in pairwise(xs) for c, d in pairwise(ys)
    ]
    for fill in FILLS:
        assert find_gaps(paint(Annotation(60, 40, tuple(shapes)), IDD, fill)) == ()
