"""The ``cityscapes`` fill rule: how the official Cityscapes label images were drawn.

It is the polygon fill of Pillow up to 2.4, which no later Pillow draws any more:

1. vertices are truncated toward zero to whole numbers;
2. each row y takes the crossings of all edges that are not horizontal at y + 0.5, in float32:
   ``x = (y + 0.5 - y0) * ((x1 - x0) / (y1 - y0)) + x0``;
3. sorted, each pair of crossings (even-odd) fills the columns ``ceil(left - 0.5)`` to ``floor(right + 0.5)``, both
   included, clipped to the image.

There is no outline; the right end reaches one pixel further than sampling at centres would.

The compiled `iddkit.raster._scanline` does the work where it could be built; the NumPy function here is its exact twin.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from iddkit.raster.seams import Index

Fill = Callable[[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64], Index], None]

# Crossings held at once; a polygon with more is filled in bands of rows, so that memory stays bounded.
_MOST_CROSSINGS = 2**20


def fill_numpy(points: NDArray[np.int32], offsets: NDArray[np.int64], values: NDArray[np.int64], index: Index) -> None:
    """Paint polygons in order into `index`, in place.

    Parameters
    ----------
    points
        int32 (M, 2), the vertices (x, y) of all polygons, truncated.
    offsets
        int64 (K + 1): polygon k is ``points[offsets[k]:offsets[k + 1]]``.
    values
        int64 (K): what polygon k paints.
    index
        uint8 or uint16 (H, W), C order.
    """
    height = index.shape[0]
    for k, value in enumerate(values.tolist()):
        polygon = points[offsets[k] : offsets[k + 1]]
        if len(polygon):
            top, bottom = int(polygon[:, 1].min()), int(polygon[:, 1].max())
            _fill_rows(polygon, value, index, max(top, 0), min(bottom, height))


def _fill_rows(polygon: NDArray[np.int32], value: int, index: Index, top: int, bottom: int) -> None:
    start, end = polygon, np.roll(polygon, -1, axis=0)
    first = np.clip(np.minimum(start[:, 1], end[:, 1]), top, None)
    rows_of_edge = np.clip(np.maximum(start[:, 1], end[:, 1]), None, bottom) - first
    crossing = rows_of_edge > 0
    count = int(rows_of_edge[crossing].sum())
    if count > _MOST_CROSSINGS and bottom - top > 1:
        middle = (top + bottom) // 2
        _fill_rows(polygon, value, index, top, middle)
        _fill_rows(polygon, value, index, middle, bottom)
        return
    if not count:
        return
    start, end, first, rows_of_edge = (a[crossing] for a in (start, end, first, rows_of_edge))
    x0, y0 = start[:, 0].astype(np.float32), start[:, 1].astype(np.float32)
    slope = (end[:, 0].astype(np.float32) - x0) / (end[:, 1].astype(np.float32) - y0)
    # One entry per edge and row: the edge it belongs to, and its row.
    edge = np.repeat(np.arange(len(first)), rows_of_edge)
    before = np.cumsum(rows_of_edge) - rows_of_edge
    row = (np.arange(count) - before[edge] + first[edge]).astype(np.int64)
    x = (row.astype(np.float32) + np.float32(0.5) - y0[edge]) * slope[edge] + x0[edge]
    order = np.lexsort((x, row))
    # A closed polygon crosses each row an even number of times, so pairs never straddle rows.
    row, x = row[order][::2], x[order].astype(np.float64)
    left = np.maximum(np.ceil(x[::2] - 0.5), 0).astype(np.int64)
    right = np.minimum(np.floor(x[1::2] + 0.5), index.shape[1] - 1).astype(np.int64) + 1
    for y, start_column, stop_column in zip(row.tolist(), left.tolist(), right.tolist(), strict=True):
        if start_column < stop_column:
            index[y, start_column:stop_column] = value


def _compiled() -> Fill | None:
    try:
        from iddkit.raster import _scanline
    except ImportError:  # installed without a compiler
        return None
    return _scanline.fill


#: The compiled function, or None where it could not be built.
fill_compiled: Fill | None = _compiled()

#: The fastest exact implementation at hand; the arguments are those of `fill_numpy`.
fill: Fill = fill_compiled or fill_numpy
