"""`Traits`: what is kept of a frame to hold it beside the others of its dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from iddkit.checks.finding import Region
from iddkit.checks.view import View

#: Rows of the image that are told apart by what is usual in them, from the top.
BANDS: Final = 8


class Trait(NamedTuple):
    """An object of which something is seen.

    Attributes
    ----------
    number
        In its file.
    label
        Of the map.
    band
        In which of `BANDS` rows of the image it ends below: what stands further down is nearer.
    area
        Of its outline, hidden or not, as a part of the image; of what is no polygon its visible pixels.
    region
        The box around it.
    """

    number: int
    label: str
    band: int
    area: float
    region: Region | None


@dataclass(frozen=True, slots=True)
class Traits:
    """What is kept of a frame.

    Attributes
    ----------
    key, sequence
        Of the frame, and of its drive: split and sequence.
    objects
        Those of which something is seen.
    shares
        Label to its part of the pixels that have one.
    authors
        Who drew its objects, where the file says it.
    thumbnail
        Of the image (`iddkit.likeness.read_thumbnail`); empty where there is none, or nobody asked.
    """

    key: str
    sequence: str
    objects: tuple[Trait, ...] = ()
    shares: Mapping[str, float] | None = None
    authors: frozenset[str] = frozenset()
    thumbnail: bytes = b""


def describe(view: View, key: str, sequence: str, thumbnail: bytes = b"") -> Traits:
    """Return what is to be kept of a frame."""
    authors = frozenset(shape.author for shape in view.shapes if shape.author)
    painting = view.painting
    if painting is None:
        return Traits(key, sequence, authors=authors, thumbnail=thumbnail)
    pixels = painting.pixel_counts()
    height, size = view.size[1], painting.index.size
    areas = dict(zip((shape.number for shape in view.rings.shapes), abs(view.rings.areas).tolist(), strict=True))
    objects = []
    shares: dict[str, float] = {}
    labelled = max(1, size - int(pixels[0]))
    for k in (np.flatnonzero(pixels[1:]) + 1).tolist():
        painted, seen = painting.objects[k - 1], int(pixels[k])
        if painted.label is None:
            continue
        points = view.by_number[painted.number].points
        bottom = min(float(points[:, 1].max()), height)
        band = min(BANDS - 1, max(0, int(BANDS * bottom / height)))
        area = min(areas.get(painted.number, seen), size) / size
        objects.append(Trait(painted.number, painted.label, band, area or 1 / size, view.regions[painted.number]))
        shares[painted.label] = shares.get(painted.label, 0.0) + seen / labelled
    return Traits(key, sequence, tuple(objects), shares, authors, thumbnail)
