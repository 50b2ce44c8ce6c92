"""Rules of objects that lie over each other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from iddkit.annotation import Shape
from iddkit.checks.finding import Finding, Mend, Region, named
from iddkit.checks.rings import Rings
from iddkit.checks.shapes import is_outside
from iddkit.checks.view import View
from iddkit.severity import Severity

#: Polygons that are compared with each other at once, and how many of those that follow them, by label and from left to
#: right, each is compared with. Real frames have fewer.
_BLOCK: Final = 512
_NEIGHBOURS: Final = 256

#: Occurrences of its least point from which an outline is read. Who passes one point more often draws no object.
_STARTS: Final = 8

#: Pixels by which the outlines of one object drawn twice differ at most, however thin it is, if that is no more than
#: this part of its longer side and they overlap by so much.
_BESIDE: Final = 2.0
_BESIDE_PART, _THIN = 0.05, 0.1

#: Outlines that overlap by this part of their union are of one object.
_ONE: Final = 0.97

#: What tools note of an object that two of one thing differ in.
_OF_HAND: Final = frozenset({"id", "date", "user", "verified", "draw", "deleted", "polygon"})

#: Pixels of a thing that have to be hidden for it to be worth a word.
_HIDDEN: Final = 16


def duplicate_shape(view: View) -> Iterator[Finding]:
    """Find two objects with one outline, wherever it begins and whichever way round it runs.

    Critical where their labels differ: one of them is wrong, and which one is seen hangs on the order.

    Mend: where all that is said of them is the same, the earlier one goes; the later one covers it.
    """
    rings = view.rings
    for first, second in _duplicates(rings):
        one, other = rings.shapes[first], rings.shapes[second]
        region = view.regions[one.number]
        if one.label == other.label:
            drop = Mend("drop", one.number, f"dropped: {named(other)} is the same")
            mend = drop if _said_of(one) == _said_of(other) else None
            yield Finding(Severity.MAJOR, f"the same as {named(other)}", one.number, region, mend)
        else:
            text = f"the same outline as {named(other)}, under another label"
            yield Finding(Severity.CRITICAL, text, one.number, region, identity=other.label)


def near_duplicate_shape(view: View) -> Iterator[Finding]:
    """Find two objects of one label with nearly one outline: drawn twice.

    They overlap by nine tenths of their union, or what the settings say, or no point of one outline is further than 2
    pixels, or 5 % of its longer side, from the other, as of a thin pole. Minor for an overlap below 97 %. Two who ride
    one motorcycle are often seen as nearly one: riders, and what else has partners, are compared by 97 % alone.
    """
    import shapely

    rings, least = view.rings, view.settings.overlap
    for first, second in sorted(set(_candidates(rings, least)) - set(_duplicates(rings))):
        one, other = rings.shapes[first], rings.shapes[second]
        a, b = rings.outline(first), rings.outline(second)
        both = shapely.area(shapely.intersection(a, b))
        union = shapely.area(a) + shapely.area(b) - both
        overlap = both / union if union > 0 else 0.0
        may_be_two = view.label_of(one) in view.settings.partners
        text = f"nearly the same as {named(other)}: {100 * overlap:.0f} % of both together are shared"
        if overlap >= (max(_ONE, least) if may_be_two else least):
            severity = Severity.MAJOR if overlap >= _ONE else Severity.MINOR
            yield Finding(severity, text, one.number, view.regions[one.number])
        elif overlap > _THIN and not may_be_two:
            # Of a thin object the overlap says little. Of a small one two pixels are much.
            beside = min(_BESIDE, _BESIDE_PART * float(np.ptp(rings.ring(first), axis=0).max()))
            if shapely.hausdorff_distance(rings.outlines[first], rings.outlines[second]) > beside:
                continue
            yield Finding(Severity.MINOR, text, one.number, view.regions[one.number])


def hidden_shape(view: View) -> Iterator[Finding]:
    """Find an object of which no pixel is seen: later ones cover all of it.

    Duplicates, and what lies outside the image, have rules of their own.
    """
    painting = view.painting
    if painting is None:
        return
    hidden = np.flatnonzero(~painting.seams.visible()[1:]).tolist()
    rings, (width, height) = view.rings, view.size
    twice = {rings.shapes[first].number for first, _ in _duplicates(rings)} if hidden else set()
    for k in hidden:
        shape = view.by_number[painting.objects[k].number]
        region = view.regions[shape.number]
        if not is_outside(region, width, height) and shape.number not in twice:
            yield Finding(Severity.MINOR, "wholly hidden by later objects", shape.number, region)


def order_inversion(view: View) -> Iterator[Finding]:
    """Find a thing that sky or ground hides, which are never in front of it: they were drawn too late.

    The settings name the labels (behind), and the part of a thing that they may hide: a fifth.
    """
    painting = view.painting
    if painting is None:
        return
    behind = {k for k, one in enumerate(painting.objects, start=1) if one.label in view.settings.behind}
    last = max(behind, default=0)
    boxes = {k: view.regions[painting.objects[k - 1].number] for k in behind}
    outlines = {shape.number: ring for shape, ring in view.rings}
    for k, painted in enumerate(painting.objects, start=1):
        shape = view.by_number[painted.number]
        region = view.regions[shape.number]
        if k >= last or shape.number not in outlines or not view.is_thing(shape):
            continue
        later = [j for j in behind if j > k and _overlap(region, boxes[j])]
        if not later:
            continue
        over = _objects_over(outlines[shape.number], region, painting.index)
        counts = np.bincount(over, minlength=len(painting.objects) + 1)
        worst = max(later, key=lambda j: int(counts[j]))
        hidden, whole = int(counts[later].sum()), len(over)
        if hidden >= _HIDDEN and hidden > view.settings.covered * whole:
            other = view.by_number[painting.objects[worst - 1].number]
            text = f"{100 * hidden / whole:.0f} % of it lie under {named(other)}, which was drawn later"
            yield Finding(Severity.MAJOR, text, shape.number, region)


def _duplicates(rings: Rings) -> list[tuple[int, int]]:
    """Return the places of polygons of one outline: each with the next one that has it."""
    alike: dict[tuple[float, ...], list[int]] = {}
    for k, box in enumerate(map(tuple, rings.boxes.tolist())):
        alike.setdefault(box, []).append(k)
    found = []
    for ks in alike.values():
        if len(ks) > 1:  # the same box: only then it is worth a look at the points
            same: dict[bytes, list[int]] = {}
            for k in ks:
                same.setdefault(_canonical(rings.ring(k)), []).append(k)
            found += [pair for twins in same.values() for pair in pairwise(twins)]
    return sorted(found)


def _canonical(ring: NDArray[np.float64]) -> bytes:
    """Return what all ways to state one outline have in common: from its least point on, towards the lesser one."""
    points = ring[(ring != np.roll(ring, 1, axis=0)).any(axis=1)] + 0.0
    if not len(points):
        return b""
    ways: list[bytes] = []
    for way in (points, points[::-1]):
        # An outline that touches itself may have its least point more than once.
        leftmost = way[:, 0] == way[:, 0].min()
        starts = np.flatnonzero(leftmost & (way[:, 1] == way[leftmost, 1].min()))
        ways += [np.roll(way, -start, axis=0).tobytes() for start in starts[:_STARTS].tolist()]
    return min(ways)


def _candidates(rings: Rings, least: float) -> Iterator[tuple[int, int]]:
    """Yield pairs of polygons of one label whose boxes are near enough for an overlap of `least`, or are nearly one."""
    boxes, labels = rings.boxes, np.unique([shape.label for shape in rings.shapes], return_inverse=True)[1]
    sizes = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    # By label, then by their left edges: those of near-duplicates are near each other.
    order = np.lexsort((boxes[:, 0], labels))
    for begin in range(0, len(order), _BLOCK):
        one = order[begin : begin + _BLOCK, None]
        other = order[None, begin : begin + _BLOCK + _NEIGHBOURS]
        # All four sides at once: (4, rows, columns).
        sides_one, sides_other = boxes[one].transpose(2, 0, 1), boxes[other].transpose(2, 0, 1)
        low, high = np.maximum(sides_one[:2], sides_other[:2]), np.minimum(sides_one[2:], sides_other[2:])
        shared = (high - low).clip(0).prod(axis=0)
        # A slanted outline fills half of its box: boxes of near-duplicates overlap by about as much as they do.
        near = shared >= (2 * least - 1) * np.maximum(sizes[one], sizes[other])
        near |= (abs(sides_one - sides_other) <= _BESIDE).all(axis=0)
        near &= labels[one] == labels[other]
        for i, j in np.argwhere(np.triu(near, 1)).tolist():
            a, b = int(order[begin + i]), int(order[begin + j])
            yield min(a, b), max(a, b)


def _said_of(shape: Shape) -> tuple[object, dict[str, object]]:
    """Return what a file says of an object beside its outline, its label, and who drew it when."""
    return shape.group, {key: value for key, value in shape.extra.items() if key not in _OF_HAND}


def _overlap(one: Region, other: Region) -> bool:
    return all(one[i] < other[i] + other[i + 2] and other[i] < one[i] + one[i + 2] for i in (0, 1))


def _objects_over(
    ring: NDArray[np.float64], region: Region, index: NDArray[np.uint8] | NDArray[np.uint16]
) -> NDArray[np.intp]:
    """Return the object that is seen at each pixel inside an outline: intp (n,)."""
    height, width = index.shape
    left, top, w, h = region
    right, bottom = min(left + w + 1, width), min(top + h + 1, height)
    left, top = max(left, 0), max(top, 0)
    if right <= left or bottom <= top:
        return np.empty(0, dtype=np.intp)
    mask = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(mask).polygon((ring - (left, top)).ravel().tolist(), fill=1)
    over: NDArray[np.intp] = index[top:bottom, left:right][np.asarray(mask, dtype=bool)].astype(np.intp)
    return over
