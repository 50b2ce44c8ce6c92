"""A lookup in an index image, straight into the filtered rows of a PNG file."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from iddkit.images import FILTER_UP
from iddkit.raster import compiled
from iddkit.raster.scanline import Index

Filter = Callable[[Index, NDArray[np.uint8], NDArray[np.uint8]], None]


def filter_numpy(index: Index, table: NDArray[np.uint8], rows: NDArray[np.uint8]) -> None:
    """Write ``table[index]`` as the rows of a PNG with the filter 'Up'.

    Parameters
    ----------
    index
        uint8 or uint16 (H, W), C order.
    table
        uint8 (V, C): the bytes of a pixel for each value of `index`, all of which are below V.
    rows
        uint8 (H, 1 + W * C), C order: written.
    """
    pixels = table[index].reshape(index.shape[0], -1)
    rows[:, 0] = FILTER_UP
    rows[:1, 1:] = pixels[:1]
    np.subtract(pixels[1:], pixels[:-1], out=rows[1:, 1:])


#: The fastest exact implementation at hand; the arguments are those of `filter_numpy`.
filter_rows: Filter = compiled.pixels.filter_rows if compiled.pixels else filter_numpy
