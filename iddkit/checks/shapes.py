"""Rules of one outline. The docstring of a rule is its help text: `iddkit rules NAME` prints it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iddkit.annotation import POLYGON, Shape
from iddkit.checks.finding import Finding, Mend, Region, region_of
from iddkit.checks.view import View
from iddkit.geometry import clip
from iddkit.raster import default_fill, paint
from iddkit.severity import Severity

#: Square pixels below which an outline has no area.
_NO_AREA: Final = 0.01

#: Points of a polygon that are looked at before all of them are.
_FIRST: Final = 16

#: A loop of a crossing outline is grave from so many square pixels on, if they are this part of the whole area. Below
#: the last number it is a slip of the hand that no raster shows.
_LOOP, _LOOP_PART, _SLIP = 64.0, 0.02, 0.5

#: A spike: an angle of so many degrees at most, between edges of so many pixels at least. One of less area than the
#: last number is a spike wherever it is: the outline runs back on itself. Others are longer than a part of the
#: image's longer side (posts, rods and the tips of trees are shorter), or than most of the object.
_SPIKE_ANGLE, _SPIKE_LENGTH, _SPIKE_AREA, _SPIKE_PART, _SPIKE_MOST = 8.0, 15.0, 0.5, 0.03, 0.6

#: Where a spike ends, the outline goes on in the direction from which it came, to so many degrees; past one of so many
#: pixels, which no small wedge is, to so many. The way back is no more than so many times as long as the way there.
_SPIKE_BEND, _SPIKE_LONG, _SPIKE_BEND_LONG, _SPIKE_EVEN = 90.0, 20.0, 150.0, 2.0

#: A long spike that opens by so few degrees is one however the outline goes on: nobody draws a wedge like it.
_NEEDLE_ANGLE: Final = 1.0

#: An object without its spike has so many square pixels.
_SPIKE_REST: Final = 16.0

#: A spike that goes inwards is as long as this part of the object's longer side, at least.
_SPIKE_THROUGH: Final = 0.75


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
        if shape.kind != POLYGON:
            continue
        # Nearly all have three among their first ones.
        distinct = len(set(map(tuple, shape.points[:_FIRST].tolist())))
        if distinct < 3 and len(shape.points) > _FIRST:
            distinct = len(np.unique(shape.points, axis=0))
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
        if filled < _NO_AREA and (shape.kind != POLYGON or len(np.unique(points, axis=0)) > 2):
            yield Finding(Severity.MAJOR, "no area: all of it lies on one line", shape.number, _place(shape))
    for k, crossing in rings.crossings.items():
        if crossing.filled < _NO_AREA <= abs(float(rings.areas[k])):
            shape = rings.shapes[k]
            text = "no area is filled: the outline was traced twice"
            yield Finding(Severity.MAJOR, text, shape.number, _place(shape))


def self_crossing(view: View) -> Iterator[Finding]:
    """Find an outline that crosses itself.

    A hole that is cut by a bridge (a keyhole, as Cityscapes draws 'out of roi'), an outline that touches itself, and
    one that is explicitly closed are none. Minor where the loops are smaller than 64 square pixels, or 2 % of the area.
    Loops of less than half a square pixel are none, and outlines of more than 10,000 points are not asked.
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

    Edges shorter than 15 pixels are none, nor such of less than 3 % of the image's longer side and 60 % of the object's
    (posts and the tips of trees are like that) unless the way back is the way there, nor is the tip of a wedge, such as
    a road in the distance (past a spike the outline goes on as it came), nor a slit between two legs.
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
    areas = abs(rings.areas)[rings.owner]
    stands &= abs(cross) < areas
    # What is longer than half the way round all the rest is a spike, if the rest is an object and no foot of a pole.
    across = np.hypot(*(arriving + out).T)
    around = np.bincount(rings.owner, lengths, len(rings))[rings.owner] - lengths - lengths[before] + across
    rest = areas - abs(cross) / 2
    stands |= (shorter > around / 2) & (rest > np.maximum(2 * across**2, _SPIKE_REST))
    is_even = np.maximum(lengths, lengths[before]) <= _SPIKE_EVEN * shorter
    # A slit that goes inwards, as between two legs, is none unless it goes through most of the object. Sky and ground
    # have no legs: a needle into them is one.
    larger = (rings.boxes[:, 2:] - rings.boxes[:, :2]).max(axis=1)[rings.owner] if len(rings) else shorter
    is_outward = (turn * rings.areas[rings.owner] > 0) | (shorter > _SPIKE_THROUGH * larger)
    needle = (abs(turn) >= 180 - _NEEDLE_ANGLE) & (shorter >= _SPIKE_LONG)
    if needle.any():
        has_legs = np.array([view.is_thing(shape) for shape in rings.shapes])[rings.owner]
        is_outward |= needle & ~has_legs
    is_long = (shorter >= _SPIKE_PART * max(view.size)) | (shorter >= _SPIKE_MOST * larger)
    sharp &= is_outward & is_long & is_even & (needle | stands) | (abs(cross) / 2 < _SPIKE_AREA)
    of_ring: dict[int, list[int]] = {}
    for place in np.flatnonzero(sharp).tolist():
        of_ring.setdefault(int(rings.owner[place]), []).append(place)
    for k, places in of_ring.items():
        longest = max(places, key=lambda place: float(shorter[place]))
        point = rings.points[longest]
        text = f"a spike of {shorter[longest]:.0f} px at {_point(point)}"
        if len(places) > 1:
            text = f"{len(places)} spikes, the longest of {shorter[longest]:.0f} px at {_point(point)}"
        yield Finding(Severity.MINOR, text, rings.shapes[k].number, region_of(point[None]))


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
        if (
            not count or shape.kind != POLYGON or count > len(rings.ring(k)) - 3
        ):  # nothing would be left: `too_few_points` tells of it
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
    if not width or not view.is_size_certain:
        return
    for shape in view.shapes:
        region = view.regions.get(shape.number)
        if region is not None and is_outside(region, width, height):
            text = f"lies wholly outside the image of {width}x{height}"
            yield Finding(Severity.MAJOR, text, shape.number, region)


def beyond_image(view: View) -> Iterator[Finding]:
    """Find a polygon that reaches beyond the image by more than a margin: 10 pixels, unless the settings say it.

    A vertex on the border, x = width among them, is right, and one a little beyond is usual. Where the size of the
    image is in doubt, nothing is said of its border.

    Mend: the polygon is cut at the border or, if that would change a pixel, at the margin; if that would, too, nowhere.
    """
    (width, height), margin = view.size, view.settings.margin
    if not width or not view.is_size_certain:
        return
    rings = view.rings
    left, top, right, bottom = rings.boxes.T
    beyond = np.stack([-left, -top, right - width, bottom - height]).max(axis=0)
    for k in np.flatnonzero(beyond > margin).tolist():
        shape = rings.shapes[k]
        region = view.regions[shape.number]
        if is_outside(region, width, height):
            continue
        text = f"reaches {beyond[k]:.0f} px beyond the image"
        yield Finding(Severity.MINOR, text, shape.number, region, _cut(view, shape))


def is_outside(region: Region, width: int, height: int) -> bool:
    """Return whether a box lies wholly outside an image."""
    x, y, w, h = region
    return x >= width or y >= height or x + w <= 0 or y + h <= 0


def _cut(view: View, shape: Shape) -> Mend | None:
    """Return the mend that cuts a polygon near the border and changes no pixel, if there is one."""
    if shape.kind != POLYGON:
        return None
    width, height = view.size
    drawn = _drawn(view, shape)
    for margin in (0.0, view.settings.margin):
        points = clip(shape.points, (-margin, -margin), (width + margin, height + margin))
        if len(points) > 2 and np.array_equal(_drawn(view, replace(shape, points=points)), drawn):
            where = f", {margin:g} px beyond it" if margin else ""
            return Mend("points", shape.number, f"cut at the border of the image{where}", points)
    return None


def _drawn(view: View, shape: Shape) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Return the pixels of one shape alone."""
    fill = view.fill or default_fill(view.reading.format, view.label_map)
    return paint(replace(view.annotation, shapes=(shape,)), view.label_map, fill, unknown="void").index


def _place(shape: Shape) -> Region | None:
    return region_of(shape.points)


def _area(pixels: float) -> str:
    return f"{pixels:.0f} px²" if pixels >= 10 else f"{pixels:.1f} px²"


def _point(point: NDArray[np.float64]) -> str:
    return f"({point[0]:.0f}, {point[1]:.0f})"
