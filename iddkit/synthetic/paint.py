"""What all painting shares: colours and corners as OpenCV takes them, and haze."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from iddkit.synthetic.solids import Color, mix
from iddkit.synthetic.world import Look

Image = NDArray[np.uint8]

# Corners are handed over in sixteenths of a pixel. Beyond this many pixels nothing is seen.
SHIFT, _FAR_OUTSIDE = 4, 30000.0


def to_bytes(color: Color) -> tuple[int, int, int]:
    """Return a colour as whole numbers."""
    red, green, blue = (int(min(255.0, max(0.0, c))) for c in color)
    return red, green, blue


def to_fixed(points: NDArray[np.float64]) -> NDArray[np.int32]:
    """Return points in pixels as whole numbers of sixteenths, with `SHIFT` for OpenCV."""
    return np.rint(np.clip(points, -_FAR_OUTSIDE, _FAR_OUTSIDE) * (1 << SHIFT)).astype(np.int32)


def bounding_box(points: NDArray[np.float64], width: int, height: int) -> tuple[int, int, int, int] | None:
    """Return left, top, right, bottom of the pixels around a polygon, cut at the image, or None outside it."""
    (x0, y0), (x1, y1) = np.floor(points.min(axis=0)) - 1.0, np.ceil(points.max(axis=0)) + 1.0
    box = max(0, int(x0)), max(0, int(y0)), min(width, int(x1)), min(height, int(y1))
    return box if box[0] < box[2] and box[1] < box[3] else None


def hazed(color: Color, distance: float, look: Look) -> Color:
    """Return how `color` looks `distance` metres away."""
    return mix(color, look.haze, 1.0 - 2.0 ** (-distance / look.haze_range))


def as_image(array: Any) -> Image:
    """Return what OpenCV made as what it is: uint8 (h, w, 3)."""
    image: Image = array
    return image
