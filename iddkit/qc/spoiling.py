"""Spoiled annotations: one object of a frame is made wrong as annotators get it wrong, where a reviewer can see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from iddkit.annotation import POLYGON, Annotation, Shape
from iddkit.errors import AnnotationError
from iddkit.labels import LabelMap
from iddkit.raster import Painting, paint
from iddkit.synthetic.dice import Dice

#: The labels that annotators take one for.
CONFUSED: Final[dict[str, tuple[str, ...]]] = {
    "car": ("autorickshaw", "truck"),
    "autorickshaw": ("car",),
    "truck": ("bus", "vehicle fallback"),
    "bus": ("truck",),
    "motorcycle": ("bicycle",),
    "bicycle": ("motorcycle",),
    "rider": ("person",),
    "person": ("rider",),
    "sidewalk": ("drivable fallback", "non-drivable fallback"),
    "wall": ("fence", "building"),
    "fence": ("wall", "guard rail"),
    "vegetation": ("non-drivable fallback",),
    "billboard": ("traffic sign",),
}

#: What can be made wrong, by the reason of the checklist that names it.
WRONG_LABEL, MISSING, BOUNDARY = KINDS = ("wrong-label", "missing-object", "boundary")

#: Pixels of another label that a spoiled annotation has at least, and an object that is spoiled: what nobody could see
#: measures nobody. A square of 20 x 20 is a car at a hundred metres in an image 1920 pixels wide.
LEAST_PIXELS: Final = 400

#: Part of the image that such an object covers at most: more is background.
MOST_SHARE: Final = 0.4

# A boundary is off by this part of the object's smaller side, and by so many pixels at least and at most.
_OFF: Final = 0.25
_LEAST_OFF, _MOST_OFF = 10, 60

# An object that is drawn too large or too small, around its middle.
_SCALES: Final = (0.75, 1.3)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Spoiled:
    """An annotation with one object made wrong.

    Attributes
    ----------
    annotation
        The spoiled one.
    reason
        One of `KINDS`.
    number
        Of the object in the file as it was.
    changed
        The object as it is now; None for one that was left out.
    label
        What the object ought to be called.
    region
        x, y, width and height in pixels of where another label is seen.
    """

    annotation: Annotation
    reason: str
    number: int
    changed: Shape | None
    label: str
    region: tuple[int, int, int, int]


def spoil(
    annotation: Annotation, label_map: LabelMap, *, kind: str | None = None, seed: int = 0, fill: str = "pillow"
) -> Spoiled:
    """Return an annotation with one object made wrong.

    Parameters
    ----------
    annotation
        With a known size.
    label_map
        Which labels there are.
    kind
        One of `KINDS`; None for any of them.
    seed
        Chooses kind and object: the same seed spoils the same one.
    fill
        The rule that the annotation is painted by (`iddkit.raster.FILLS`).

    Raises
    ------
    AnnotationError
        No object is large enough, or of a label that can be made wrong in this way.

    Examples
    --------
    >>> from iddkit import annotation, labels
    >>> square = annotation.as_points([[10, 10], [50, 10], [50, 50], [10, 50]])
    >>> frame = annotation.Annotation(100, 80, (annotation.Shape("truck", square),))
    >>> spoiled = spoil(frame, labels.load("idd"), kind="wrong-label", seed=3)
    >>> spoiled.annotation.shapes[0].label in CONFUSED["truck"], spoiled.label, spoiled.region
    (True, 'truck', (10, 10, 41, 41))
    """
    kinds = KINDS if kind is None else (kind,)
    for found in find_spoilings(annotation, label_map, kinds=kinds, seed=seed, fill=fill):
        return found
    raise AnnotationError(f"no object is large enough, and of a label, for {' or '.join(kinds)}")


def find_spoilings(
    annotation: Annotation, label_map: LabelMap, *, kinds: Sequence[str] = KINDS, seed: int = 0, fill: str = "pillow"
) -> Iterator[Spoiled]:
    """Yield what `spoil` can make of an annotation, one after the other in an order that the seed chooses."""
    dice = Dice(seed, 17)
    before = paint(annotation, label_map, fill, unknown="void")
    seen = _see_labels(before, label_map)
    for kind in _shuffle(dice, kinds):
        for shape, label in _shuffle(dice, _choose(annotation, before, label_map, kind)):
            changed = _CHANGES[kind](dice, shape, label, annotation, label_map)
            if kind != MISSING and changed is None:
                continue
            spoiled = _replace_shape(annotation, shape, changed)
            differs = _see_labels(paint(spoiled, label_map, fill, unknown="void"), label_map) != seen
            if np.count_nonzero(differs) >= LEAST_PIXELS:
                yield Spoiled(spoiled, kind, shape.number, changed, label, find_box(differs))


def find_difference(
    before: Annotation, after: Annotation, label_map: LabelMap, fill: str = "pillow"
) -> tuple[int, int, int, int] | None:
    """Return where two annotations of one size show other labels: x, y, width and height in pixels; or None."""
    one, other = (_see_labels(paint(of, label_map, fill, unknown="void"), label_map) for of in (before, after))
    differs = one != other
    return find_box(differs) if differs.any() else None


def find_box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return x, y, width and height of the smallest box that holds what is set in a mask, bool (H, W)."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    x, y = int(columns[0]), int(rows[0])
    return x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1


def _see_labels(painting: Painting, label_map: LabelMap) -> NDArray[np.int16]:
    """Return the place of the label that is seen at each pixel, int16 (H, W); -1 for none."""
    places = {label.name: place for place, label in enumerate(label_map)}
    table = [-1, *(-1 if one.label is None else places[one.label] for one in painting.objects)]
    return np.array(table, dtype=np.int16)[painting.index]


def _choose(annotation: Annotation, painting: Painting, label_map: LabelMap, kind: str) -> list[tuple[Shape, str]]:
    """Return the objects that can be made wrong in a way, each with the name of its label."""
    shapes = {shape.number: shape for shape in annotation.shapes}
    most = MOST_SHARE * annotation.width * annotation.height
    chosen = []
    for one, pixels in zip(painting.objects, painting.pixel_counts()[1:].tolist(), strict=True):
        if one.label is None or one.is_group or not LEAST_PIXELS <= pixels <= most:
            continue
        is_thing, shape = label_map[one.label].has_instances, shapes[one.number]
        fits = {
            WRONG_LABEL: bool(_mistaken(one.label, label_map)),
            MISSING: is_thing,
            BOUNDARY: shape.kind == POLYGON and (is_thing or one.label in CONFUSED),
        }
        if fits[kind]:
            chosen.append((shape, one.label))
    return chosen


def _mistaken(label: str, label_map: LabelMap) -> tuple[str, ...]:
    return tuple(name for name in CONFUSED.get(label, ()) if name in label_map and label_map[name].drawn)


def _mislabel(dice: Dice, shape: Shape, label: str, annotation: Annotation, label_map: LabelMap) -> Shape:
    return replace(shape, label=dice.pick(_mistaken(label, label_map)))


def _leave_out(dice: Dice, shape: Shape, label: str, annotation: Annotation, label_map: LabelMap) -> None:
    return None


def _shift(dice: Dice, shape: Shape, label: str, annotation: Annotation, label_map: LabelMap) -> Shape | None:
    points = shape.points
    low, high = points.min(axis=0), points.max(axis=0)
    off = int(np.clip(_OFF * (high - low).min(), _LEAST_OFF, _MOST_OFF))
    if dice.chance(0.5):
        moved = points + np.array([dice.pick((-off, off)), dice.pick((-off, 0, off))])
    else:
        middle = (low + high) / 2
        moved = middle + dice.pick(_SCALES) * (points - middle)
    # Whole numbers stay whole: other digits than those of all other objects would tell.
    moved = moved.round(0 if np.array_equal(points, points.round()) else 2)
    moved = moved.clip(0, (annotation.width, annotation.height))
    return None if np.array_equal(moved, points) else replace(shape, points=moved)


_CHANGES: Final = {WRONG_LABEL: _mislabel, MISSING: _leave_out, BOUNDARY: _shift}


def _replace_shape(annotation: Annotation, shape: Shape, changed: Shape | None) -> Annotation:
    shapes: list[Shape] = []
    for other in annotation.shapes:
        if other is not shape:
            shapes.append(other)
        elif changed is not None:
            shapes.append(changed)
    return replace(annotation, shapes=tuple(shapes))


def _shuffle(dice: Dice, items: Sequence[T]) -> list[T]:
    return [item for _, _, item in sorted((dice.random(), place, item) for place, item in enumerate(items))]
