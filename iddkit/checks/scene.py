"""Rules of a frame as a whole: its image, what is missing in it, what does not go together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from iddkit.annotation import POLYGON, Shape
from iddkit.checks.finding import Finding, Gap, Region
from iddkit.checks.view import View
from iddkit.severity import Severity

#: A sliver is so many times longer than it is wide.
_LONG: Final = 4

#: A partner touches the box around an object, made larger on each side by this part of its longer side.
_NEAR: Final = 0.5

#: What is smaller, in pixels of its longer side or as part of the image's, may have its partner where nobody can tell.
_SMALL, _SMALL_PART = 32, 0.02


def image_missing(view: View) -> Iterator[Finding]:
    """Find an annotation without its image. A dataset without any images has nothing missing."""
    if view.has_images and view.image_size is None and not view.image_problem:
        yield Finding(Severity.MAJOR, "no image belongs to the annotation")


def image_unreadable(view: View) -> Iterator[Finding]:
    """Find an image that cannot be read, or ends too early."""
    if view.image_problem:
        yield Finding(Severity.CRITICAL, view.image_problem, identity=view.image_problem)


def size_mismatch(view: View) -> Iterator[Finding]:
    """Find an annotation of another size than its image, or one whose size nobody states."""
    stated, real = view.reading.annotation.size, view.image_size
    if stated == (0, 0) and real is None:
        yield Finding(Severity.CRITICAL, "no image size in the file, and no image to take it from")
    elif real is not None and stated not in ((0, 0), real):
        text = f"the annotation is of an image of {stated[0]}x{stated[1]}, the image has {real[0]}x{real[1]}"
        yield Finding(Severity.CRITICAL, text, identity=text)


def unlabelled_share(view: View) -> Iterator[Finding]:
    """Find a frame of which more than 1 % has no label at all; major from 5 % on, critical where nothing is drawn.

    What is labelled as void has a label.
    """
    if view.painting is None:
        return
    share = view.painting.pixel_counts()[0] / view.painting.index.size
    if share <= view.settings.unlabelled:
        return
    severity = Severity.MAJOR if share > view.settings.unlabelled_major else Severity.MINOR
    if share == 1:
        severity = Severity.CRITICAL
    yield Finding(severity, f"{100 * share:.1f} % of the image have no label")


def gap(view: View) -> Iterator[Finding]:
    """Find a region of 4 pixels or more that no polygon covers.

    Slivers between polygons have a rule of their own.
    """
    for one in view.gaps:
        if not is_sliver(one, view.settings.sliver):
            x, y = one.place
            text = f"{one.area} px without a label around ({x}, {y})"
            yield Finding(Severity.MINOR, text, region=one.region, identity=str(one.region))


def sliver(view: View) -> Iterator[Finding]:
    """Find thin gaps between polygons, at most 2 pixels wide and long: borders that should be one line. One finding."""
    slivers = [one for one in view.gaps if is_sliver(one, view.settings.sliver)]
    if slivers:
        longest = max(slivers, key=lambda one: (max(one.region[2:]), one.region))
        text = f"{len(slivers)} sliver{'s' if len(slivers) > 1 else ''} between polygons"
        text += f", {sum(one.area for one in slivers)} px in all; the longest lies at {longest.place}"
        yield Finding(Severity.MINOR, text, region=longest.region, identity=str(sorted(one.region for one in slivers)))


def required_label(view: View) -> Iterator[Finding]:
    """Find a frame that shows nothing drivable, or what else the settings require of every frame."""
    painting = view.painting
    if painting is None:
        return
    visible = painting.seams.visible()[1:].tolist()
    shown = {one.label for one, is_seen in zip(painting.objects, visible, strict=True) if is_seen}
    for group in view.settings.required:
        known = [label for label in group if label in view.label_map]
        if known and shown.isdisjoint(known):
            text = f"no {known[0]}" if len(known) == 1 else f"none of {', '.join(known)}"
            yield Finding(Severity.MINOR, f"{text} in the frame", identity=known[0])


def missing_partner(view: View) -> Iterator[Finding]:
    """Find a rider without a two-wheeler, or what else is ridden, near it; major where the frame has none at all.

    A rider whose seat is hidden by something nearer is none: what is ridden may be hidden as well.
    """
    for label, partners in view.settings.partners.items():
        wanted = [shape for shape in view.shapes if view.label_of(shape) in partners and len(shape.points)]
        boxes = [view.regions[shape.number] for shape in wanted]
        for shape in view.shapes:
            box = view.regions.get(shape.number)
            if view.label_of(shape) != label or box is None or (shape.kind == POLYGON and len(shape.points) < 3):
                continue
            if wanted and max(box[2:]) < max(_SMALL, _SMALL_PART * max(view.size)):
                continue
            if any(_are_near(box, other) for other in boxes):
                continue
            known = ", ".join(partner for partner in partners if partner in view.label_map)
            if not known or _is_seat_hidden(view, shape, box):
                continue
            where = "near it" if wanted else "in the frame"
            severity = Severity.MINOR if wanted else Severity.MAJOR
            text = f"a {label} with none of {known} {where}"
            yield Finding(severity, text, shape.number, box)


def is_sliver(one: Gap, widest: int) -> bool:
    """Return whether a gap is at most so wide, and several times as long."""
    return one.width <= widest and max(one.region[2:]) >= _LONG * one.width


def _is_seat_hidden(view: View, shape: Shape, box: Region) -> bool:
    """Return whether nearer objects cover half of the place, or more, where that on which a rider sits would be."""
    painting = view.painting
    if painting is None:
        return False
    order = {one.number: order for order, one in enumerate(painting.objects, start=1)}
    x, y, width, height = box
    top, bottom = y + height / 2, y + (1 + _NEAR) * height
    place = painting.index[max(int(top), 0) : max(int(bottom), 0), max(int(x), 0) : max(int(x + width), 0)]
    nearer = np.count_nonzero(place > order.get(shape.number, 0))
    return place.size > 0 and bool(2 * nearer >= place.size)


def _are_near(one: Region, other: Region) -> bool:
    reach = _NEAR * max(one[2:])
    return all(one[i] - reach <= other[i] + other[i + 2] and one[i] + one[i + 2] + reach >= other[i] for i in (0, 1))
