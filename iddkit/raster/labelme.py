"""The fill rule ``labelme``: every kind of shape as labelme's own export draws it.

labelme draws with Pillow, and so does this module. Its numbers are those of ``shape_to_mask`` in labelme
7.1 (``examples/utils.py``): lines 10 pixels wide with rounded joints, points as discs of radius 5.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw

from iddkit.annotation import Shape

#: Width of a line or a line strip in pixels (``line_width`` of labelme's ``shape_to_mask``).
LINE_WIDTH = 10
#: Radius of a point in pixels (``point_size`` of labelme's ``shape_to_mask``).
POINT_RADIUS = 5

# Pillow's ellipse works with the fourth power of the diameter in 64 bits. From a diameter of 46,341 on that
# overflows: the drawing is wrong, and takes 17 seconds at a radius of a million.
_LARGEST_DIAMETER = 2**15


def draw_polygon_outlined(draw: ImageDraw.ImageDraw, points: NDArray[np.float64], value: int) -> None:
    """Fill and outline a polygon with `value`.

    Pillow truncates the vertices toward zero. Every Pillow since 11.2.1 draws no outline of the colour that
    it has just filled with, so these are the pixels of the fill rule ``pillow``.

    Parameters
    ----------
    draw
        Of an image of mode ``L`` or ``I;16``.
    points
        float64 (N, 2), x and y in pixels, N at least 2.
    value
        What the pixels become.
    """
    draw.polygon(points.ravel().tolist(), fill=value, outline=value)


def draw_kind(
    draw: ImageDraw.ImageDraw, index: NDArray[np.uint8] | NDArray[np.uint16], shape: Shape, value: int
) -> None:
    """Draw a shape of any kind but ``polygon``.

    Time and memory are bounded by the image's size and the number of points, wherever the points lie.

    Parameters
    ----------
    draw
        Of an image of mode ``L`` or ``I;16`` that shares its memory with `index`.
    index
        uint8 or uint16 (H, W).
    shape
        With as many points as its kind needs (`iddkit.annotation.KINDS`). The kind ``points``, which labelme's
        export refuses, is drawn as that many points.
    value
        What the pixels become.

    Raises
    ------
    ValueError
        The shape is of another kind.
    """
    points = shape.points.tolist()
    if shape.kind == "rectangle":
        (x0, y0), (x1, y1) = points
        draw.rectangle((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)), fill=value, outline=value)
    elif shape.kind == "oriented_rectangle":
        draw_polygon_outlined(draw, shape.points, value)
    elif shape.kind == "circle":
        (x, y), (rim_x, rim_y) = points
        _draw_disc(draw, index, x, y, math.sqrt((x - rim_x) ** 2 + (y - rim_y) ** 2), value)
    elif shape.kind in ("point", "points"):
        for x, y in points:
            _draw_disc(draw, index, x, y, POINT_RADIUS, value)
    elif shape.kind in ("line", "linestrip"):
        joint = "curve" if shape.kind == "linestrip" else None
        draw.line([(x, y) for x, y in points], fill=value, width=LINE_WIDTH, joint=joint)
    elif shape.kind == "mask":
        _draw_mask(index, shape, value)
    else:
        raise ValueError(f"no drawing for a shape of kind {shape.kind!r}")


def _draw_disc(
    draw: ImageDraw.ImageDraw,
    index: NDArray[np.uint8] | NDArray[np.uint16],
    x: float,
    y: float,
    radius: float,
    value: int,
) -> None:
    if 2 * radius < _LARGEST_DIAMETER:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=value, outline=value)
        return
    left, top, right, bottom = int(x - radius), int(y - radius), int(x + radius), int(y + radius)
    _draw_large_ellipse(index, left, top, right - left, bottom - top, value)


def _draw_large_ellipse(
    index: NDArray[np.uint8] | NDArray[np.uint16], left: int, top: int, width: int, height: int, value: int
) -> None:
    """Draw what Pillow's ellipse would, were its numbers long enough: the rows' ends by formula, not by walking.

    Pillow counts in half pixels from the centre and walks along the rim from one point to whichever
    neighbour satisfies the ellipse's equation best. So the end x of row y is the larger of two numbers: the
    last column that is nearer to the rim than the one before it (where the rim is steep), and the last
    column for which row y is nearer to the rim than the row before it (where it is flat). 'Nearer' is meant
    in terms of the equation: the sum of its values at the two points is not positive.
    """
    first, last = max(top, 0), min(top + height, index.shape[0] - 1)
    if first > last:
        return
    y = np.abs(2 * (np.arange(first, last + 1, dtype=np.int64) - top) - height)
    ratio = width / height
    steep = 1 + np.sqrt(np.maximum(ratio * ratio * (height * height - y * y) - 1, 0))
    flat = ratio * np.sqrt(np.maximum(height * height - (y - 1) ** 2 - 1, 0))
    x = np.floor(np.maximum(steep, flat)).astype(np.int64)
    x -= (x - width) % 2  # Only every second half pixel is a pixel.
    x[y <= 1] = width
    starts, ends = left + (width - x) // 2, left + (width + x) // 2
    columns = np.arange(index.shape[1])
    index[first : last + 1][(columns >= starts[:, None]) & (columns <= ends[:, None])] = value


def _draw_mask(index: NDArray[np.uint8] | NDArray[np.uint16], shape: Shape, value: int) -> None:
    if shape.mask is None:
        raise ValueError("a shape of kind 'mask' without a mask")
    x, y = (int(v) for v in shape.points[0].round())  # to even at .5, as labelme rounds
    height, width = index.shape
    rows = slice(max(-y, 0), max(height - y, 0))
    columns = slice(max(-x, 0), max(width - x, 0))
    patch = shape.mask[rows, columns]
    target = index[max(y, 0) : max(y, 0) + patch.shape[0], max(x, 0) : max(x, 0) + patch.shape[1]]
    target[patch] = value
