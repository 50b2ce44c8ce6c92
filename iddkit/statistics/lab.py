"""The axes a and b of CIELAB in whole numbers, as OpenCV has them for images of 8 bits.

These are the numbers of ``cv2.cvtColor(..., cv2.COLOR_RGB2LAB)`` to the last bit, for each of the 2**24 colours. That
function makes tables for images of any depth before its first pixel, which takes longer than all the thumbnails of a
small dataset; here the two tables that are needed are made.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

# Linear light is kept in 1 / LIGHT_UNIT, its products with the matrix in 2**-12 of that, roots in 1 / ROOT_UNIT.
_LIGHT_UNIT, _MATRIX_BITS, _ROOT_BITS = 255 * 8, 12, 15
# sRGB to CIE XYZ (IEC 61966-2-1), each row divided by that of the white D65, in 2**-12.
_MATRIX = np.array([[1777, 1541, 778], [871, 2929, 296], [73, 448, 3575]])


@lru_cache(maxsize=1)
def _tables() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the light of each of the 256 values, and the root of CIELAB of each light."""
    value = np.arange(256) / 255
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    ratio = np.arange(_LIGHT_UNIT + 1) / _LIGHT_UNIT
    root = np.where(ratio < 216 / 24389, ratio * 841 / 108 + 16 / 116, np.cbrt(ratio))
    # OpenCV's are of single precision, which decides about two roots that lie halfway; a third it rounds wrongly.
    roots = np.rint(root.astype(np.float32) * 2**_ROOT_BITS).astype(np.intp)
    roots[324] = 17745
    return np.rint(light * _LIGHT_UNIT).astype(np.intp), roots


def lab_axes(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return a (green to red) and b (blue to yellow) of RGB pixels, each 128 for grey.

    Parameters
    ----------
    pixels
        uint8 (H, W, 3).

    Returns
    -------
    tuple of ndarray
        intp (H, W) each, in 0-255.

    Examples
    --------
    >>> red, blue = lab_axes(np.array([[[255, 0, 0], [0, 0, 255], [9, 9, 9]]], dtype=np.uint8))
    >>> red.tolist(), blue.tolist()
    ([[208, 207, 128]], [[195, 20, 128]])
    """
    light, roots = _tables()
    x, y, z = np.moveaxis(roots[_divide(light[pixels] @ _MATRIX.T, _MATRIX_BITS)], -1, 0)
    return _divide(500 * (x - y), _ROOT_BITS) + 128, _divide(200 * (y - z), _ROOT_BITS) + 128


def _divide(numbers: NDArray[np.intp], bits: int) -> NDArray[np.intp]:
    """Return numbers divided by 2**bits, halves up."""
    return (numbers + (1 << bits - 1)) >> bits
