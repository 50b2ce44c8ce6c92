"""Shapes of every kind as polygons: what a format that knows only polygons writes, and what areas are measured on.

Coordinates are those of `iddkit.annotation.Shape`: x to the right, y down, (0, 0) the outer corner of the first pixel.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from iddkit.annotation import MAX_COORDINATE, POLYGON, Shape

#: A circle's polygon leaves the circle by no more than this many pixels ...
CHORD_ERROR = 0.05
#: ... unless that took more vertices than this (from a radius of 170,000 pixels on).
MAX_CIRCLE_VERTICES = 4096

#: The outline of a mask runs this far inside the edges of its pixels. A vertex that is truncated, as all Pillow does,
#: then names a pixel of the mask and not the one to the right of it or below; a rule that samples at pixel
#: centres, or rounds to a fifth of a pixel (pycocotools), sees no difference. A power of two, so that it is exact.
INSET = 1 / 16

#: A mask whose outline has more corners than this is noise, and its polygon no use to anyone.
MAX_MASK_VERTICES = 1_000_000

_NO_AREA = ("line", "linestrip", "point", "points")

# Steps right, down, left, up in the image: one turn to the right is the next entry.
_DX, _DY = (1, 0, -1, 0), (0, 1, 0, -1)


def outline(shape: Shape) -> NDArray[np.float64]:
    """Return a shape of any kind as one polygon: float64 (N, 2), x and y in pixels.

    ==================  ==========================================================================
    polygon             its own points
    rectangle           its four corners, clockwise from the first point's
    oriented_rectangle  its four points
    circle              a regular polygon that leaves it by at most `CHORD_ERROR` pixels
    mask                the outer border of its largest part; holes are filled (see below)
    line, point         their own points: fewer than three, which nothing ever draws
    linestrip, points   the same up to two points; more would be an area that nobody drew: an error
    ==================  ==========================================================================

    Drawing the outline of a mask gives the mask back, pixel for pixel, under the fill rules ``pillow`` and
    ``labelme`` and with pycocotools, if it has one part (pixels that touch at a corner count as one part) and no
    hole. The fill rule ``cityscapes`` truncates vertices as well but leaves out the lowest row of what it draws.

    Raises
    ------
    ValueError
        The shape has no area and three points or more, reaches beyond `iddkit.annotation.MAX_COORDINATE`, or
        its mask has more than `MAX_MASK_VERTICES` corners.

    Examples
    --------
    >>> outline(Shape("car", np.array([[1.0, 2.0], [5.0, 4.0]]), "rectangle")).tolist()
    [[1.0, 2.0], [5.0, 2.0], [5.0, 4.0], [1.0, 4.0]]
    """
    if shape.kind in (POLYGON, "oriented_rectangle"):
        return shape.points
    if shape.kind == "rectangle":
        (x0, y0), (x1, y1) = shape.points
        return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    if shape.kind == "circle":
        return _circle(shape.points)
    if shape.kind == "mask":
        rings = _mask_rings(shape, only_largest=True)
        return rings[0] if rings else np.empty((0, 2))
    if shape.kind in _NO_AREA:
        if len(shape.points) < 3:
            return shape.points
        raise ValueError(f"a {shape.kind} of {len(shape.points)} points has no area, and would be filled as a polygon")
    raise ValueError(f"unknown shape type {shape.kind!r}")


def polygons(shape: Shape) -> list[NDArray[np.float64]]:
    """Return a shape as polygons, float64 (N, 2) each: of a mask every part, from the top; else `outline` alone.

    Raises
    ------
    ValueError
        As `outline`.
    """
    return _mask_rings(shape) if shape.kind == "mask" else [outline(shape)]


def clip(points: NDArray[np.float64], low: tuple[float, float], high: tuple[float, float]) -> NDArray[np.float64]:
    """Return the part of a polygon inside a rectangle (Sutherland and Hodgman 1974), float64 (M, 2), perhaps empty."""
    for axis in (0, 1):
        for bound, sign in ((low[axis], 1.0), (high[axis], -1.0)):
            inside = sign * (points[:, axis] - bound)
            if (inside >= 0.0).all():
                continue
            following = np.roll(points, -1, axis=0)
            after = np.roll(inside, -1)
            crosses = (inside >= 0.0) != (after >= 0.0)
            share = inside / np.where(crosses, inside - after, 1.0)
            met = points + share[:, None] * (following - points)
            met[:, axis] = bound
            both = np.stack((points, met), axis=1).reshape(-1, 2)
            points = both[np.stack((inside >= 0.0, crosses), axis=1).reshape(-1)]
            if len(points) == 0:
                return points
    return points


def has_holes(mask: NDArray[np.bool_]) -> bool:
    """Return whether the parts of a mask, bool (h, w), enclose pixels that are not in it: outlines fill those."""
    import cv2

    # What is not in the mask, with a frame: one connected whole, unless there are holes.
    count, _ = cv2.connectedComponents(np.pad(~mask, 1, constant_values=True).astype(np.uint8), connectivity=4)
    return count > 2


def _circle(points: NDArray[np.float64]) -> NDArray[np.float64]:
    centre, rim = points
    radius = math.hypot(*(rim - centre).tolist())
    if np.abs(centre).max() + radius > MAX_COORDINATE:
        raise ValueError(f"a circle of radius {radius:.0f} reaches beyond any image")
    # A chord over an angle of 2a lies r (1 - cos a) inside the circle; a multiple of four keeps the bounding box exact.
    half_angle = math.acos(max(1 - CHORD_ERROR / radius, 0.0)) if radius else math.pi
    count = min(max(8, 4 * math.ceil(math.pi / half_angle / 4)), MAX_CIRCLE_VERTICES)
    angles = np.arange(count) * (2 * np.pi / count)
    return np.asarray(centre + radius * np.column_stack((np.cos(angles), np.sin(angles))), dtype=np.float64)


def _mask_rings(shape: Shape, *, only_largest: bool = False) -> list[NDArray[np.float64]]:
    import cv2

    if shape.mask is None or not shape.mask.any():
        return []
    patch = np.pad(shape.mask.astype(np.uint8), 1)  # a frame of nothing, so that tracing needs no limits
    count, parts, statistics, _ = cv2.connectedComponentsWithStats(patch, connectivity=8)
    # From the top: how OpenCV numbers the parts is its own affair.
    wanted = sorted(
        range(1, count), key=lambda part: (*statistics[part, [cv2.CC_STAT_TOP, cv2.CC_STAT_LEFT]].tolist(), part)
    )
    if only_largest:
        wanted = [max(wanted, key=lambda part: int(statistics[part, cv2.CC_STAT_AREA]))]
    rings = []
    for part in wanted:
        x, y, w, h = (int(v) for v in statistics[part, : cv2.CC_STAT_AREA])
        ring = _trace(parts[y - 1 : y + h + 1, x - 1 : x + w + 1] == part)
        # Two steps back: the frame around the patch, the frame around the part.
        rings.append(ring + np.round(shape.points[0]) + np.array([x - 2, y - 2]))
    return rings


def _trace(part: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the outer border of a part that is framed by nothing, clockwise, `INSET` inside its pixels' edges."""
    width = part.shape[1]
    pixels = part.tobytes()
    # From the corner (x, y), numbered y * width + x, the pixels ahead on the left and the right of each direction.
    ahead_left = (-width, 0, -1, -width - 1)
    ahead_right = (0, -1, -width - 1, -width)
    step = (1, width, -1, -width)
    start = corner = pixels.index(1)
    direction = 0
    ring: list[tuple[float, float]] = []
    while True:
        corner += step[direction]
        if pixels[corner + ahead_left[direction]]:
            turned = (direction - 1) % 4
        elif pixels[corner + ahead_right[direction]]:
            continue
        else:
            turned = (direction + 1) % 4
        y, x = divmod(corner, width)
        # Inside lies to the right of the way: the inward normal of a direction is the next direction.
        nx, ny = (direction + 1) % 4, (turned + 1) % 4
        inward_x, inward_y = _DX[nx] + _DX[ny], _DY[nx] + _DY[ny]
        if turned == (direction - 1) % 4 and not pixels[corner + ahead_right[direction]]:
            # Two pixels touch at this corner alone: step from the one into the other, past the two outside.
            ring.append((x + INSET * (_DX[nx] - _DX[direction]), y + INSET * (_DY[nx] - _DY[direction])))
            ring.append((x + INSET * (_DX[ny] + _DX[turned]), y + INSET * (_DY[ny] + _DY[turned])))
        else:
            ring.append((x + INSET * inward_x, y + INSET * inward_y))
        if len(ring) > MAX_MASK_VERTICES:
            raise ValueError(f"the outline of the mask has more than {MAX_MASK_VERTICES} corners")
        direction = turned
        if corner == start and direction == 0:
            return np.array(ring)
