"""Rules of one outline. The docstring of a rule is its help text: `iddkit rules NAME` prints it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iddkit.annotation import POLYGON, Shape
from iddkit.checks.finding import Finding, Mend, Region, region_of
from iddkit.checks.view import View
from iddkit.geometry import clip
from iddkit.severity import Severity

#: Square pixels below which an outline has no area.
_NO_AREA: Final = 0.01

#: A loop of a crossing outline is grave from so many square pixels on, if they are this part of the whole area. Below
#: the last number it is a slip of the hand that no raster shows.
_LOOP, _LOOP_PART, _SLIP = 64.0, 0.02, 0.5

#: A spike: an angle of so many degrees at most, between edges of so many pixels at least. One of less area than the
#: last number is a spike wherever it is: the outline runs back on itself.
_SPIKE_ANGLE, _SPIKE_LENGTH, _SPIKE_AREA = 8.0, 8.0, 0.5

#: Where a spike ends, the outline goes on in the direction from which it came, to so many degrees; past one of so many
#: pixels, which no small wedge is, to so many.
_SPIKE_BEND, _SPIKE_LONG, _SPIKE_BEND_LONG = 90.0, 20.0, 150.0


def unreadable_object(view: View) -> Iterator[Finding]:
    """Find an object of the file that cannot be read.

    A number that is not finite or no pixel coordinate, text where a number belongs, a missing key. Nothing is guessed;
    `iddkit rasterize` refuses the frame.
    """
    for problem in view.reading.problems:
        if problem.number is not None:
            yield Finding(Severity.CRITICAL, problem.text, problem.number, identity=problem.text)


def too_few_points(view: View) -> Iterator[Finding]:
    """Find a polygon of fewer than three distinct points, which is not drawn.

    Minor where it has no point at all: IDD's own files hold such objects, and nothing is lost with them.
    """
    for shape in view.shapes:
        if shape.kind != POLYGON or len(shape.points) > 64:
            continue
        distinct = len(set(map(tuple, shape.points.tolist())))
        if distinct < 3:
            severity = Severity.MAJOR if distinct else Severity.MINOR
            told = "no points" if not distinct else f"{distinct} distinct point{'s' if distinct > 1 else ''}"
            yield Finding(severity, f"{told}, where a polygon has three at least", shape.number, _place(shape))


def zero_area(view: View) -> Iterator[Finding]:
    """Find a polygon without area: its points lie on one line, or it was traced twice, which fills nothing."""
    rings = view.rings
    for k in np.flatnonzero(abs(rings.areas) < _NO_AREA).tolist():
        shape, points = rings.shapes[k], rings.ring(k)
        filled = abs(float(rings.areas[k])) if rings.is_simple[k] else rings.crossings[k].filled
        if filled < _NO_AREA and len(np.unique(points, axis=0)) > 2:
            yield Finding(Severity.MAJOR, "no area: all points lie on one line", shape.number, _place(shape))
    for k, crossing in rings.crossings.items():
        if crossing.filled < _NO_AREA <= abs(float(rings.areas[k])):
            shape = rings.shapes[k]
            text = "no area is filled: the outline was traced twice"
            yield Finding(Severity.MAJOR, text, shape.number, _place(shape))


def self_crossing(view: View) -> Iterator[Finding]:
    """Find an outline that crosses itself.

    A hole that is cut by a bridge (a keyhole, as Cityscapes draws 'out of roi'), an outline that touches itself, and
    one that is explicitly closed are none. Minor where the loops are smaller than 64 square pixels, or 2 % of the area.
    """
    for k, crossing in view.rings.crossings.items():
        if crossing.lobes < _SLIP:
            continue
        shape = view.rings.shapes[k]
        small = crossing.lobes < max(_LOOP, _LOOP_PART * crossing.filled)
        if math.isnan(crossing.lobes):
            text = f"the outline crosses itself more than {crossing.crossings - 1} times"
        elif crossing.crossings:
            times = "" if crossing.crossings == 1 else f" {crossing.crossings} times"
            text = f"the outline crosses itself{times}; {_area(crossing.lobes)} lie in loops"
        else:
            text = f"the outline crosses itself in a vertex; {_area(crossing.lobes)} lie in loops"
        yield Finding(
            Severity.MINOR if small else Severity.MAJOR,
            text,
            shape.number,
            _place(shape) if crossing.place is None else region_of(np.array([crossing.place])),
        )


def spike(view: View) -> Iterator[Finding]:
    """Find a spike: the outline runs to a vertex and back at an angle of less than 8 degrees.

    Edges shorter than 8 pixels are none, nor is the tip of a wedge, such as a road in the distance: past a spike the
    outline goes on as it came.
    """
    rings = view.rings.distinct()
    out, following = rings.steps, rings.following
    before = np.empty_like(following)
    before[following] = np.arange(len(following))
    arriving = out[before]
    lengths = np.hypot(*out.T)
    shorter = np.minimum(lengths, lengths[before])
    cross = arriving[:, 0] * out[:, 1] - arriving[:, 1] * out[:, 0]
    turn = np.degrees(np.arctan2(cross, (arriving * out).sum(axis=1)))  # 180: back where it came from
    sharp = (abs(turn) >= 180 - _SPIKE_ANGLE) & (shorter >= _SPIKE_LENGTH)
    sharp &= np.diff(rings.starts)[rings.owner] > 3  # a triangle is all tip
    # Past a spike the outline goes on as it came; at the tip of a wedge it turns round. The end of a thin pole, whose
    # foot goes on as well, is half of it.
    came, goes = out[before[before]], out[following]
    bend = np.degrees(np.arctan2(came[:, 0] * goes[:, 1] - came[:, 1] * goes[:, 0], (came * goes).sum(axis=1)))
    stands = abs(bend) <= np.where(shorter < _SPIKE_LONG, _SPIKE_BEND, _SPIKE_BEND_LONG)
    stands &= abs(cross) < abs(rings.areas)[rings.owner]
    sharp &= stands | (abs(cross) / 2 < _SPIKE_AREA)
    for place in np.flatnonzero(sharp).tolist():
        shape, point = rings.shapes[rings.owner[place]], rings.points[place]
        text = f"a spike of {shorter[place]:.0f} px at {_point(point)}"
        yield Finding(Severity.MINOR, text, shape.number, region_of(point[None]), identity=_point(point))


def repeated_points(view: View) -> Iterator[Finding]:
    """Find a point that is repeated at once.

    It is harmless where it is drawn. An end that repeats the first point only closes the outline.

    Mend: the repetitions are left out.
    """
    rings = view.rings
    repeated = ~rings.steps.any(axis=1)
    if not repeated.any():
        return
    for k, count in enumerate(np.bincount(rings.owner[repeated], minlength=len(rings)).tolist()):
        shape = rings.shapes[k]
        if not count or count > len(rings.ring(k)) - 3:  # nothing would be left: `too_few_points` tells of it
            continue
        points = shape.points
        kept = points[np.append(True, (points[1:] != points[:-1]).any(axis=1))]
        if len(kept) == len(points):
            continue  # only the end repeats the beginning, more than once
        text = "a point is repeated" if count == 1 else f"{count} points are repeated"
        mend = Mend("points", shape.number, f"{len(points) - len(kept)} repeated points left out", kept)
        yield Finding(Severity.MINOR, text, shape.number, _place(shape), mend)


def outside_image(view: View) -> Iterator[Finding]:
    """Find an object that lies wholly outside the image, and cannot be seen."""
    width, height = view.size
    if not width:
        return
    for shape in view.shapes:
        if not len(shape.points):
            continue
        (left, top), (right, bottom) = shape.points.min(axis=0).tolist(), shape.points.max(axis=0).tolist()
        if shape.kind == "circle":
            continue  # its points are its centre and one of its rim
        if left >= width or top >= height or right <= 0 or bottom <= 0:
            text = f"lies wholly outside the image of {width}x{height}"
            yield Finding(Severity.MAJOR, text, shape.number, _place(shape))


def beyond_image(view: View) -> Iterator[Finding]:
    """Find a polygon that reaches beyond the image by more than a margin: 10 pixels, unless the settings say it.

    A vertex on the border, x = width among them, is right, and one a little beyond is usual.

    Mend: the polygon is cut at the border.
    """
    width, height = view.size
    if not width:
        return
    rings, margin = view.rings, view.settings.margin
    left, top, right, bottom = rings.boxes.T
    beyond = np.stack([-left, -top, right - width, bottom - height]).max(axis=0)
    outside = (left >= width) | (top >= height) | (right <= 0) | (bottom <= 0)
    for k in np.flatnonzero((beyond > margin) & ~outside).tolist():
        shape = rings.shapes[k]
        cut = clip(shape.points, (0.0, 0.0), (float(width), float(height)))
        mend = Mend("points", shape.number, "cut at the border of the image", cut) if len(cut) > 2 else None
        text = f"reaches {beyond[k]:.0f} px beyond the image"
        yield Finding(Severity.MINOR, text, shape.number, _place(shape), mend)


def _place(shape: Shape) -> Region | None:
    return region_of(shape.points)


def _area(pixels: float) -> str:
    return f"{pixels:.0f} px²" if pixels >= 10 else f"{pixels:.1f} px²"


def _point(point: NDArray[np.float64]) -> str:
    return f"({point[0]:.0f}, {point[1]:.0f})"
