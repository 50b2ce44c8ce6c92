"""Things made of flat faces, in metres: x to the right, y up, z away from the camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Color = tuple[float, float, float]
Point2 = tuple[float, float]
Point3 = tuple[float, float, float]

# A box is lit from above: the top is brighter, the flanks are darker than the ends.
TOP, FLANK = 1.14, 0.82

_HALF, _ROOT = 0.5, sqrt(0.75)
#: A regular polygon of twelve corners on the unit circle; a square root is exact where a cosine is not.
CIRCLE: tuple[Point2, ...] = (
    *((1.0, 0.0), (_ROOT, _HALF), (_HALF, _ROOT), (0.0, 1.0), (-_HALF, _ROOT), (-_ROOT, _HALF)),
    *((-1.0, 0.0), (-_ROOT, -_HALF), (-_HALF, -_ROOT), (0.0, -1.0), (_HALF, -_ROOT), (_ROOT, -_HALF)),
)


def finer_circle(count: int) -> list[Point2]:
    """Return a regular polygon of at least `count` corners on the unit circle: `CIRCLE`, its corners' angles halved."""
    ring = list(CIRCLE)
    while len(ring) < count:
        finer: list[Point2] = []
        for (ax, ay), (bx, by) in zip(ring, [*ring[1:], ring[0]], strict=True):
            x, y = ax + bx, ay + by
            size = sqrt(x * x + y * y)
            finer += [(ax, ay), (x / size, y / size)]
        ring = finer
    return ring


#: Directions as (cosine, sine) of the turn about the vertical axis, from 'away from the camera'.
AWAY, TOWARDS, LEFT, RIGHT = (1.0, 0.0), (-1.0, 0.0), (0.0, -1.0), (0.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Solid:
    """Faces with their colours.

    Attributes
    ----------
    points
        float64 (P, 3), the corners of all faces, one face after the other.
    starts
        int (F + 1,): face k has the corners ``points[starts[k]:starts[k + 1]]``.
    colors
        RGB 0-255 of each face; None leaves the texture of the label.
    details
        bool (F,): the face lies on the one before it (a window on a wall) and adds nothing to the outline.
    edges
        int (E, 2): pairs of corners, the edges of the faces that are no details.
    """

    points: NDArray[np.float64]
    starts: NDArray[np.intp]
    colors: tuple[Color | None, ...]
    details: NDArray[np.bool_]
    edges: NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A solid that annotators give a polygon of its own, with its label."""

    label: str
    solid: Solid


#: What stands in one place: a motorcycle with its rider, a pole with its sign.
Model = tuple[Part, ...]


class Modeller:
    """Collects faces into a `Solid`."""

    def __init__(self) -> None:
        self._points: list[Point3] = []
        self._starts = [0]
        self._colors: list[Color | None] = []
        self._details: list[bool] = []

    def face(self, corners: Sequence[Point3], color: Color | None, *, detail: bool = False) -> None:
        """Add a flat face; a detail lies on the face before it."""
        self._points.extend(corners)
        self._starts.append(len(self._points))
        self._colors.append(color)
        self._details.append(detail)

    def card(self, outline: Sequence[Point2], color: Color | None, z: float = 0.0, *, detail: bool = False) -> None:
        """Add a face of (x, y) corners that stands across the view at depth `z`."""
        self.face([(x, y, z) for x, y in outline], color, detail=detail)

    def flank(self, outline: Sequence[Point2], color: Color | None, x: float, *, detail: bool = False) -> None:
        """Add a face of (z, y) corners that stands along the road at `x`."""
        self.face([(x, y, z) for z, y in outline], color, detail=detail)

    def disc(
        self, x: float, y: float, radius: Point2, color: Color | None, z: float = 0.0, *, detail: bool = False
    ) -> None:
        """Add an ellipse across the view with its centre at (x, y) and `radius` in x and y."""
        self.card([(x + radius[0] * c, y + radius[1] * s) for c, s in CIRCLE], color, z, detail=detail)

    def box(self, x: Point2, y: Point2, z: Point2, color: Color) -> None:
        """Add a box between two values of each coordinate, without a floor."""
        (x0, x1), (y0, y1), (z0, z1) = x, y, z
        self.card(rectangle(x0, y0, x1, y1), color, z1)
        for side in (x0, x1):
            self.flank(rectangle(z0, y0, z1, y1), shade(color, FLANK), side)
        self.face([(x0, y1, z0), (x1, y1, z0), (x1, y1, z1), (x0, y1, z1)], shade(color, TOP))
        self.card(rectangle(x0, y0, x1, y1), color, z0)

    def prism(
        self,
        profile: Sequence[Point2],
        half: float,
        color: Color,
        *,
        inset: float = 0.0,
        flanks: Sequence[tuple[Sequence[Point2], Color]] = (),
        strips: Sequence[tuple[int, Color]] = (),
        center: float = 0.0,
    ) -> None:
        """Add the (z, y) outline `profile`, `half` wide to both sides and narrower by `inset` at its top.

        `flanks` are details on both sides, `strips` panes on the face behind edge k of the profile.
        """
        low = min(y for _, y in profile)
        rise = max(y for _, y in profile) - low or 1.0

        def across(y: float) -> float:
            return half - inset * (y - low) / rise

        panes = dict(strips)
        for k, (z0, y0) in enumerate(profile):
            z1, y1 = profile[(k + 1) % len(profile)]
            level = abs(z1 - z0) > 2.0 * abs(y1 - y0)
            self.face(
                [(center + s * across(y), y, z) for s, y, z in ((-1, y0, z0), (1, y0, z0), (1, y1, z1), (-1, y1, z1))],
                shade(color, TOP if level else 1.0),
            )
            if k in panes:
                ends = ((-0.84, 0.14), (0.84, 0.14), (0.78, 0.88), (-0.78, 0.88))
                pane = [(s, y0 + (y1 - y0) * t, z0 + (z1 - z0) * t) for s, t in ends]
                self.face([(center + s * across(y), y, z) for s, y, z in pane], panes[k], detail=True)
        for s in (-1.0, 1.0):
            self.face([(center + s * across(y), y, z) for z, y in profile], shade(color, FLANK))
            for outline, tone in flanks:
                self.face([(center + s * across(y), y, z) for z, y in outline], tone, detail=True)

    def wheel(self, x: float, z: float, radius: float, width: float, color: Color = (34, 32, 32)) -> None:
        """Add a wheel that rolls along z, `width` wide inwards from `x` (both of one sign)."""
        inner = x - width if x > 0 else x + width
        rim = [(z + radius * c, radius + radius * s) for c, s in CIRCLE]
        self.card(rectangle(min(x, inner), 0.0, max(x, inner), 1.4 * radius), color, z - 0.6 * radius)
        self.card(rectangle(min(x, inner), 0.0, max(x, inner), 1.4 * radius), color, z + 0.6 * radius)
        for side in (inner, x):
            self.flank(rim, color, side)
            hub = [(z + 0.5 * radius * c, radius + 0.5 * radius * s) for c, s in CIRCLE[::2]]
            self.flank(hub, (120, 120, 122), side, detail=True)

    def ball(self, x: float, y: float, z: float, radius: float, color: Color, cap: Color | None = None) -> None:
        """Add a ball, as a disc across and a disc along the view; `cap` colours its upper half."""
        outline = [(radius * c, radius * s) for c, s in CIRCLE]
        upper = [(radius * c, radius * s) for c, s in CIRCLE[:7]]
        self.flank([(z + a, y + b) for a, b in outline], color, x)
        if cap is not None:
            self.flank([(z + a, y + b) for a, b in upper], cap, x, detail=True)
        self.card([(x + a, y + b) for a, b in outline], color, z)
        if cap is not None:
            self.card([(x + a, y + b) for a, b in upper], cap, z, detail=True)

    def limb(self, start: Point3, end: Point3, width: float, color: Color) -> None:
        """Add an arm, a leg or a bar from `start` to `end`: a band across and a band along the view."""
        (x0, y0, z0), (x1, y1, z1), w = start, end, 0.5 * width
        flat = abs(y1 - y0) < abs(x1 - x0)  # a band must not be seen edge on
        dx, dy = (0.0, w) if flat else (w, 0.0)
        self.face(
            [(x0 - dx, y0 - dy, z0), (x0 + dx, y0 + dy, z0), (x1 + dx, y1 + dy, z1), (x1 - dx, y1 - dy, z1)], color
        )
        flat = abs(y1 - y0) < abs(z1 - z0)
        dz, dy = (0.0, w) if flat else (w, 0.0)
        self.face(
            [(x0, y0 - dy, z0 - dz), (x0, y0 + dy, z0 + dz), (x1, y1 + dy, z1 + dz), (x1, y1 - dy, z1 - dz)], color
        )

    def solid(self) -> Solid:
        """Return the faces added so far."""
        starts = np.array(self._starts, dtype=np.intp)
        details = np.array(self._details, dtype=np.bool_)
        return Solid(
            np.array(self._points, dtype=np.float64).reshape(-1, 3),
            starts,
            tuple(self._colors),
            details,
            _edges(starts, details),
        )


def _edges(starts: NDArray[np.intp], details: NDArray[np.bool_]) -> NDArray[np.intp]:
    first = np.arange(starts[-1])
    second = first + 1
    second[starts[1:] - 1] = starts[:-1]  # the last corner of a face joins its first
    kept = np.repeat(~details, np.diff(starts))
    return np.stack((first[kept], second[kept]), axis=1)


def rectangle(x0: float, y0: float, x1: float, y1: float) -> list[Point2]:
    """Return the four corners of a rectangle."""
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def shade(color: Color, factor: float) -> Color:
    """Return `color` times `factor`, within 0-255."""
    red, green, blue = (min(255.0, c * factor) for c in color)
    return red, green, blue


def mix(color: Color, other: Color, share: float) -> Color:
    """Return the colour on the way from `color` to `other`."""
    red, green, blue = (a + (b - a) * share for a, b in zip(color, other, strict=True))
    return red, green, blue


def turn(model: Model, direction: Point2, pivot: float) -> Model:
    """Return `model` turned about the vertical axis through (0, `pivot`) to `direction` (cosine, sine)."""
    c, s = direction
    return tuple(Part(part.label, _moved(part.solid, _turned(part.solid.points, c, s, pivot))) for part in model)


def _turned(points: NDArray[np.float64], c: float, s: float, pivot: float) -> NDArray[np.float64]:
    x, y, z = points[:, 0], points[:, 1], points[:, 2] - pivot
    return np.stack((c * x + s * z, y, c * z - s * x + pivot), axis=1)


def shift(model: Model, x: float, y: float, z: float) -> Model:
    """Return `model` moved by (x, y, z)."""
    return tuple(Part(part.label, _moved(part.solid, part.solid.points + np.array((x, y, z)))) for part in model)


def _moved(solid: Solid, points: NDArray[np.float64]) -> Solid:
    return Solid(points, solid.starts, solid.colors, solid.details, solid.edges)


def crowd(label: str, solids: Sequence[Solid]) -> Part:
    """Return several solids, far to near, as one part: the annotators' ``cargroup``, ``persongroup``."""
    starts = [solids[0].starts]
    for solid in solids[1:]:
        starts.append(solid.starts[1:] + starts[-1][-1])
    joined = np.concatenate(starts)
    details = np.concatenate([solid.details for solid in solids])
    points = np.concatenate([solid.points for solid in solids])
    colors = tuple(color for solid in solids for color in solid.colors)
    return Part(label, Solid(points, joined, colors, details, _edges(joined, details)))
