"""Outlines that cross themselves, told apart from keyholes.

A keyhole is a hole that is cut by a bridge: the outline runs along the bridge twice, once to the hole and once back.
The even-odd rule fills it as it was meant, and Cityscapes draws every 'out of roi' so. GEOS calls both invalid. Here
the faces into which an outline divides the plane decide, by how often it winds around each of them. A simple outline
winds around its inside once, and around a keyhole's hole not at all, or twice where the hole was clicked the same way
round. What it winds around the other way, as one half of an eight, is a crossing for certain; what it winds around
twice is one where edges really cross, and not only run along each other or, as the two sides of a bridge that was not
clicked exactly, back beside each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

#: Pairs of edges that cross are counted so far; an outline with more is a scribble, and its faces are not looked at.
_MANY: Final = 1_000

#: Two edges run back beside each other at an angle of 165 degrees and more.
_BACK: Final = 0.966

#: Edges that are compared with all others at once, and pairs of edges that are looked at in all: an outline of 50,000
#: points that crosses itself everywhere must not take more.
_BLOCK: Final = 64
_MOST_PAIRS: Final = 20_000_000


@dataclass(frozen=True, slots=True)
class Crossing:
    """How an outline crosses itself.

    Attributes
    ----------
    crossings
        Pairs of its edges that cross, so far as they were counted.
    lobes
        Area in square pixels of what it winds around the wrong way, or twice because edges cross; NaN for a scribble.
    filled
        Area in square pixels that the even-odd rule fills; NaN for a scribble.
    place
        x and y of a point in the largest of these lobes; None without any.
    """

    crossings: int
    lobes: float
    filled: float
    place: tuple[float, float] | None = None


def examine(ring: NDArray[np.float64]) -> Crossing:
    """Return how a closed outline crosses itself.

    Parameters
    ----------
    ring
        float64 (n, 2), n >= 3, without the first point at the end.

    Examples
    --------
    >>> examine(np.array([[0.0, 0], [4, 4], [4, 0], [0, 4]]))     # an eight
    Crossing(crossings=1, lobes=4.0, filled=8.0, place=(3.5, 3.0))
    >>> keyhole = [[0.0, 0], [9, 0], [9, 9], [0, 9], [0, 0], [3, 3], [3, 6], [6, 6], [6, 3], [3, 3]]
    >>> examine(np.array(keyhole))
    Crossing(crossings=0, lobes=0.0, filled=72.0, place=None)
    """
    crossings, bridges = count_crossings(ring)
    if crossings > _MANY:
        return Crossing(crossings, float("nan"), float("nan"))
    areas, inside = _faces(ring)
    windings = np.array([_winding(ring, point) for point in inside], dtype=np.intp)
    filled = float(areas[windings % 2 != 0].sum())
    # The way round is that of most of what it winds around once.
    once = abs(windings) == 1
    way = 1 if (areas[once] * windings[once]).sum() >= 0 else -1
    wrong = windings * way < 0
    if crossings > bridges:
        wrong |= abs(windings) > 1
    if not wrong.any():
        return Crossing(crossings, 0.0, filled)
    x, y = inside[wrong][areas[wrong].argmax()].tolist()
    return Crossing(crossings, float(areas[wrong].sum()), filled, (x, y))


def count_crossings(ring: NDArray[np.float64]) -> tuple[int, int]:
    """Return how many pairs of edges cross in a point inside both, and how many of these run back beside each other.

    Of more than a thousand it is some number above that.
    """
    import shapely

    there = np.roll(ring, -1, axis=0)
    low, high = np.minimum(ring, there), np.maximum(ring, there)
    boxes = shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1])
    tree = shapely.STRtree(boxes)
    found = bridges = looked = 0
    for begin in range(0, len(ring), _BLOCK):
        one, other = tree.query(boxes[begin : begin + _BLOCK])
        one = one + begin
        one, other = one[other > one], other[other > one]
        crossed = _cross(ring[one], there[one], ring[other], there[other])
        one, other = one[crossed], other[crossed]
        u, v = there[one] - ring[one], there[other] - ring[other]
        found += len(one)
        bridges += int(((u * v).sum(axis=1) < -_BACK * np.hypot(*u.T) * np.hypot(*v.T)).sum())
        looked += len(crossed)
        if found > _MANY or looked > _MOST_PAIRS:
            return max(found, _MANY + 1), bridges
    return found, bridges


def _cross(
    a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64], d: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return whether the edges a b and c d cross in a point inside both: bool (n,)."""
    return (_side(a, b, c) * _side(a, b, d) < 0) & (_side(c, d, a) * _side(c, d, b) < 0)


def _side(a: NDArray[np.float64], b: NDArray[np.float64], p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return on which side of the line from a to b a point lies: the sign of a cross product, (n,)."""
    (ux, uy), (vx, vy) = (b - a).T, (p - a).T
    cross = ux * vy - uy * vx
    # What is left of digits that cancelled out is no side.
    return np.where(abs(cross) <= 1e-12 * (abs(ux * vy) + abs(uy * vx)), 0.0, np.sign(cross))


def _faces(ring: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the area of each face that an outline encloses, float64 (F,), and a point in it, float64 (F, 2)."""
    import shapely

    closed = shapely.linestrings(np.vstack([ring, ring[:1]]))
    faces = shapely.get_parts(shapely.polygonize([shapely.unary_union(closed)]))
    return shapely.area(faces), shapely.get_coordinates(shapely.point_on_surface(faces))


def _winding(ring: NDArray[np.float64], point: NDArray[np.float64]) -> int:
    """Return how often a ring winds around a point that is not on it; positive where x turns towards y."""
    (x, y), (there_x, there_y) = (ring - point).T, (np.roll(ring, -1, axis=0) - point).T
    # Edges that pass the ray to the right, upwards or downwards.
    side = x * there_y - there_x * y
    down = (y <= 0) & (there_y > 0) & (side > 0)
    up = (y > 0) & (there_y <= 0) & (side < 0)
    return int(down.sum()) - int(up.sum())
