"""How many pixels each value of an index image has, and the box they lie in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from iddkit.raster import compiled
from iddkit.raster.scanline import Index

Measure = Callable[[Index, NDArray[np.int64], NDArray[np.int64]], None]


def measure_numpy(index: Index, areas: NDArray[np.int64], boxes: NDArray[np.int64]) -> None:
    """Add up the pixels of each value, and widen the boxes to hold them.

    Parameters
    ----------
    index
        uint8 or uint16 (H, W), C order; all values are below V.
    areas
        int64 (V,): added to.
    boxes
        int64 (V, 4), left, top, right, bottom in pixels, the last two exclusive: widened.
    """
    if index.size == 0:
        return
    # From the runs of equal pixels in each row: some ten thousand instead of two million pixels.
    starts_here = np.ones(index.shape, dtype=np.bool_)
    np.not_equal(index[:, 1:], index[:, :-1], out=starts_here[:, 1:])
    start = np.flatnonzero(starts_here)
    value = index.ravel()[start]
    length = np.diff(start, append=index.size)
    np.add.at(areas, value, length)
    row, left = np.divmod(start, index.shape[1])
    np.minimum.at(boxes[:, 0], value, left)
    np.minimum.at(boxes[:, 1], value, row)
    np.maximum.at(boxes[:, 2], value, left + length)
    np.maximum.at(boxes[:, 3], value, row + 1)


#: The fastest exact implementation at hand; the arguments are those of `measure_numpy`.
measure_runs: Measure = compiled.pixels.measure if compiled.pixels else measure_numpy


def areas_and_boxes(index: Index, values: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pixels of each value 0 ... `values` - 1, int64 (V,), and their boxes, int64 (V, 4).

    A box is left, top, right, bottom in pixels, the last two exclusive; that of a value without pixels is empty.

    Examples
    --------
    >>> areas, boxes = areas_and_boxes(np.array([[0, 1, 1], [0, 0, 1]], dtype=np.uint8), 2)
    >>> areas.tolist(), boxes.tolist()
    ([3, 3], [[0, 0, 2, 2], [1, 0, 3, 2]])
    """
    areas = np.zeros(values, dtype=np.int64)
    boxes = np.zeros((values, 4), dtype=np.int64)
    boxes[:, :2] = max(index.shape)
    measure_runs(index, areas, boxes)
    return areas, boxes
