"""The outlines of a frame's polygons as one array, so that what is asked of each edge is asked of all at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from iddkit.annotation import POLYGON, Shape
from iddkit.checks.crossings import Crossing, examine
from iddkit.geometry import outline

if TYPE_CHECKING:
    from shapely import Geometry


#: Points of the longest outline that is asked whether it crosses itself. Annotators click some dozen.
MOST_POINTS: Final = 10_000

#: Kinds of shapes that have one outline beside polygons.
_OUTLINED: Final = frozenset({"rectangle", "oriented_rectangle", "circle"})


@dataclass(frozen=True)
class Rings:
    """Polygons of three points or more, and rectangles and circles as such, each a closed ring.

    Attributes
    ----------
    shapes
        The objects.
    points
        float64 (N, 2): the points of all of them, without explicit ends (a last point that is the first).
    starts
        intp (R + 1,): where each ring begins, and where the last one ends.
    """

    shapes: tuple[Shape, ...]
    points: NDArray[np.float64]
    starts: NDArray[np.intp]

    @classmethod
    def of(cls, shapes: Sequence[Shape]) -> Rings:
        """Return the rings of those shapes that have an outline of three points or more; the others are left out."""
        chosen, parts = [], []
        for shape in shapes:
            points = shape.points if shape.kind == POLYGON else _outline(shape)
            if len(points) < 3:
                continue
            if len(points) > 3 and (points[0] == points[-1]).all():
                points = points[:-1]
            chosen.append(shape)
            parts.append(points)
        points = np.concatenate(parts) if parts else np.empty((0, 2))
        return cls(tuple(chosen), points, np.cumsum([0, *map(len, parts)], dtype=np.intp))

    def __len__(self) -> int:
        return len(self.shapes)

    def __iter__(self) -> Iterator[tuple[Shape, NDArray[np.float64]]]:
        """Yield each shape with its points."""
        for k, shape in enumerate(self.shapes):
            yield shape, self.ring(k)

    def ring(self, k: int) -> NDArray[np.float64]:
        """Return the points of a ring: float64 (n, 2)."""
        return self.points[self.starts[k] : self.starts[k + 1]]

    def distinct(self) -> Rings:
        """Return the rings without points that are repeated at once; rings of fewer than three others are left out."""
        kept = self.steps.any(axis=1)
        left = np.bincount(self.owner[kept], minlength=len(self))
        kept &= (left >= 3)[self.owner]
        shapes = tuple(shape for shape, count in zip(self.shapes, left.tolist(), strict=True) if count >= 3)
        return Rings(shapes, self.points[kept], np.cumsum([0, *left[left >= 3].tolist()], dtype=np.intp))

    @cached_property
    def owner(self) -> NDArray[np.intp]:
        """The ring of each point: intp (N,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    @cached_property
    def following(self) -> NDArray[np.intp]:
        """The place of the point after each one, around its ring: intp (N,)."""
        following = np.arange(1, len(self.points) + 1)
        following[self.starts[1:] - 1] = self.starts[:-1]
        return following

    @cached_property
    def steps(self) -> NDArray[np.float64]:
        """From each point to the next one of its ring: float64 (N, 2)."""
        return self.points[self.following] - self.points

    @cached_property
    def areas(self) -> NDArray[np.float64]:
        """Signed areas by the shoelace formula, positive where x turns towards y: float64 (R,), in square pixels."""
        # From the first point of each ring, so that large coordinates do not eat the digits.
        here = self.points - self.points[self.starts[:-1]][self.owner]
        there = here[self.following]
        return np.bincount(self.owner, here[:, 0] * there[:, 1] - there[:, 0] * here[:, 1], len(self)) / 2

    @cached_property
    def boxes(self) -> NDArray[np.float64]:
        """Left, top, right and bottom of each ring: float64 (R, 4)."""
        if not len(self):
            return np.empty((0, 4))
        low = np.minimum.reduceat(self.points, self.starts[:-1])
        return np.hstack([low, np.maximum.reduceat(self.points, self.starts[:-1])])

    @cached_property
    def outlines(self) -> NDArray[np.object_]:
        """The rings as polygons of shapely, valid or not: object (R,)."""
        import shapely

        # A ring of shapely states its first point at the end as well.
        order = np.insert(np.arange(len(self.points)), self.starts[1:], self.starts[:-1])
        lengths = np.diff(self.starts) + 1
        rings = shapely.linearrings(self.points[order], indices=np.repeat(np.arange(len(self)), lengths))
        found: NDArray[np.object_] = shapely.polygons(rings)
        return found

    @cached_property
    def is_simple(self) -> NDArray[np.bool_]:
        """Whether each ring neither crosses nor touches itself, and has an area: bool (R,)."""
        import shapely

        # Of very long outlines it is not asked: that takes a second for every ten thousand points of one.
        found: NDArray[np.bool_] = np.ones(len(self), dtype=np.bool_)
        asked = np.diff(self.starts) <= MOST_POINTS
        found[asked] = shapely.is_valid(self.outlines[asked])
        return found

    @cached_property
    def crossings(self) -> dict[int, Crossing]:
        """How each ring that is not simple crosses itself, by its place."""
        return {k: examine(self.ring(k)) for k in np.flatnonzero(~self.is_simple).tolist()}

    def outline(self, k: int) -> Geometry:
        """Return a ring as a valid geometry of shapely; where it crosses itself, what the even-odd rule fills."""
        import shapely

        return self.outlines[k] if self.is_simple[k] else shapely.make_valid(self.outlines[k])


def _outline(shape: Shape) -> NDArray[np.float64]:
    """Return the outline of a shape that is no polygon: float64 (N, 2), empty for one that has none, or has parts."""
    try:
        return outline(shape) if shape.kind in _OUTLINED else np.empty((0, 2))
    except ValueError:  # a circle that reaches beyond any image
        return np.empty((0, 2))
