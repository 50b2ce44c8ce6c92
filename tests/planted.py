"""Clean annotations, and defects planted into them: what `iddkit check` has to find, and what it must not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from iddkit import synthetic
from iddkit.annotation import Annotation, Reading, Shape
from iddkit.checks.crossings import examine
from iddkit.raster import paint
from tests.strategies import IDD

Plant = Callable[[Annotation, np.random.Generator], Annotation]


_RIDDEN: Final = ("motorcycle", "bicycle")


def clean_frame(seed: int, width: int = 640, height: int = 360) -> Annotation:
    """Return a synthetic street without the slips of a hand: nothing repeated, deleted, hidden, cut short, no loops."""
    annotation = synthetic.scene(seed, time=float(seed % 7), width=width, height=height, incomplete=0.0).annotation
    shapes = []
    for shape in annotation.shapes:
        points = shape.points[np.append(True, (shape.points[1:] != shape.points[:-1]).any(axis=1))]
        if len(points) > 3 and (points[0] == points[-1]).all():
            points = points[:-1]
        if shape.label in _RIDDEN:  # without it a rider would have nothing to ride
            points = _without_loops(points)
        if not shape.deleted and examine(points).lobes == 0:
            shapes.append(replace(shape, points=points))
    whole = numbered(Annotation(width, height, tuple(shapes)))
    painting = paint(whole, IDD)
    seen = {one.number for one, count in zip(painting.objects, painting.pixel_counts()[1:], strict=True) if count}
    return numbered(replace(whole, shapes=tuple(shape for shape in whole.shapes if shape.number in seen)))


def _without_loops(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest piece of an outline that crosses itself."""
    if examine(points).lobes == 0:
        return points
    # Twice: out of a collection of a line and of polygons come these, and out of these each of them.
    pieces = shapely.get_parts(shapely.get_parts(shapely.make_valid(shapely.Polygon(points))))
    largest: NDArray[np.float64] = shapely.get_coordinates(shapely.get_exterior_ring(max(pieces, key=shapely.area)))
    return largest[:-1]


def numbered(annotation: Annotation) -> Annotation:
    """Return an annotation whose objects are numbered by their place."""
    return replace(annotation, shapes=tuple(replace(shape, number=i) for i, shape in enumerate(annotation.shapes)))


def reading_of(annotation: Annotation) -> Reading:
    """Return what a reader would make of a file that holds this annotation."""
    return Reading(annotation, (), "cityscapes")


def _large(annotation: Annotation, dice: np.random.Generator, *labels: str) -> int:
    """Return the place of an object of some size, of one of the labels if any are given."""
    wanted = [
        i
        for i, shape in enumerate(annotation.shapes)
        if len(shape.points) >= 6 and np.ptp(shape.points, axis=0).min() >= 12 and (not labels or shape.label in labels)
    ]
    return int(dice.choice(wanted))


def _with(annotation: Annotation, place: int, **change: object) -> Annotation:
    shapes = list(annotation.shapes)
    shapes[place] = replace(shapes[place], **change)  # type: ignore[arg-type]
    return replace(annotation, shapes=tuple(shapes))


def _adding(annotation: Annotation, place: int, label: str, points: NDArray[np.float64]) -> Annotation:
    shapes = list(annotation.shapes)
    shapes.insert(place, Shape(label, points))
    return numbered(replace(annotation, shapes=tuple(shapes)))


def _cross(annotation: Annotation, dice: np.random.Generator) -> Annotation:
    place = _large(annotation, dice)
    points = annotation.shapes[place].points.copy()
    # Two corners that are far from each other change places; where that is to be seen, and no hair's breadth.
    for i in dice.permutation(len(points)).tolist():
        j = (i + len(points) // 2) % len(points)
        swapped = points.copy()
        swapped[[i, j]] = swapped[[j, i]]
        if examine(swapped).lobes >= 1:
            return _with(annotation, place, points=swapped)
    raise ValueError("no two corners of it make a loop when they change places")


def _spike(annotation: Annotation, dice: np.random.Generator) -> Annotation:
    place = _large(annotation, dice)
    points = annotation.shapes[place].points
    centre = points.mean(axis=0)
    i = int(dice.integers(len(points)))
    outward = points[i] - centre
    outward /= max(float(np.hypot(*outward)), 1.0)
    tip = points[i] + 60 * outward
    beside = points[i] + np.array([-outward[1], outward[0]]) * 0.5
    return _with(annotation, place, points=np.insert(points, i + 1, [tip, beside], axis=0))


def _repeat(annotation: Annotation, dice: np.random.Generator) -> Annotation:
    place = _large(annotation, dice)
    points = annotation.shapes[place].points
    i = int(dice.integers(len(points)))
    return _with(annotation, place, points=np.insert(points, i, points[i], axis=0))


def _move_out(annotation: Annotation, dice: np.random.Generator) -> Annotation:
    place = _large(annotation, dice)
    points = annotation.shapes[place].points
    return _with(annotation, place, points=points + np.array([annotation.width + 5 - points[:, 0].min(), 0]))


def _reach_beyond(annotation: Annotation, dice: np.random.Generator) -> Annotation:
    place = _large(annotation, dice)
    points = annotation.shapes[place].points.copy()
    points[int(points[:, 0].argmax()), 0] = annotation.width + float(dice.uniform(15, 200))
    return _with(annotation, place, points=points)


def _flatten(annotation: Annotation, dice: np.random.Generator) -> Annotation:
    place = _large(annotation, dice)
    points = annotation.shapes[place].points.copy()
    points[:, 1] = points[0, 1]
    return _with(annotation, place, points=points)


def _cut_short(annotation: Annotation, dice: np.random.Generator) -> Annotation:
    place = _large(annotation, dice)
    return _with(annotation, place, points=annotation.shapes[place].points[: int(dice.integers(1, 3))])


def _misspell(annotation: Annotation, dice: np.random.Generator) -> Annotation:
    place = _large(annotation, dice)
    label = annotation.shapes[place].label
    i = int(dice.integers(len(label)))
    return _with(annotation, place, label=label[:i] + "q" + label[i + 1 :])


def _duplicate(annotation: Annotation, dice: np.random.Generator) -> Annotation:
    place = _large(annotation, dice)
    shape = annotation.shapes[place]
    turned = np.roll(shape.points[::-1], int(dice.integers(len(shape.points))), axis=0)
    return _adding(annotation, place + 1, shape.label, turned)


def _trace_again(annotation: Annotation, dice: np.random.Generator) -> Annotation:
    place = _large(annotation, dice, *{shape.label for shape in annotation.shapes} - {"rider"})
    shape = annotation.shapes[place]
    moved = np.clip(dice.uniform(-0.01, 0.01, 2) * np.ptp(shape.points, axis=0), -1.2, 1.2)
    return _adding(annotation, place + 1, shape.label, shape.points + moved)


def _cover(annotation: Annotation, dice: np.random.Generator) -> Annotation:
    place = _large(annotation, dice)
    low, high = annotation.shapes[place].points.min(axis=0) - 2, annotation.shapes[place].points.max(axis=0) + 2
    box = np.array([low, [high[0], low[1]], high, [low[0], high[1]]])
    return _adding(annotation, len(annotation.shapes), "billboard", box)


def _invert(annotation: Annotation, dice: np.random.Generator) -> Annotation:
    things = ("car", "truck", "bus", "person", "autorickshaw", "motorcycle", "rider", "bicycle")
    place = _large(annotation, dice, *things)
    low, high = annotation.shapes[place].points.min(axis=0), annotation.shapes[place].points.max(axis=0)
    half = np.array(
        [low, [high[0], low[1]], [high[0], (low[1] + 2 * high[1]) / 3], [low[0], (low[1] + 2 * high[1]) / 3]]
    )
    return _adding(annotation, len(annotation.shapes), "sky", half)


def _leave_gap(annotation: Annotation, dice: np.random.Generator) -> Annotation:
    # All of the ground is one piece with a notch: nothing else covers it.
    width, height = annotation.width, annotation.height
    x, side = float(dice.integers(20, width - 60)), float(dice.integers(3, 30))
    sky = np.array([[0, 0], [width, 0], [width, height], [x + side, height], [x + side, height - side]])
    sky = np.vstack([sky, [[x, height - side], [x, height], [0, height]]])
    return numbered(Annotation(width, height, (Shape("road", sky),)))


def _ride_alone(annotation: Annotation, dice: np.random.Generator) -> Annotation:
    ridden = {"motorcycle", "bicycle", "animal", "vehicle fallback", "trailer", "autorickshaw"}
    left = tuple(shape for shape in annotation.shapes if shape.label.removesuffix("group") not in ridden)
    x, y = float(dice.integers(50, annotation.width - 90)), float(annotation.height - 90)
    rider = np.array([[x, y], [x + 30, y], [x + 34, y + 40], [x + 28, y + 70], [x, y + 70]])
    return numbered(replace(annotation, shapes=(*left, Shape("rider", rider))))


def _group_stuff(annotation: Annotation, dice: np.random.Generator) -> Annotation:
    place = _large(annotation, dice, "vegetation", "building", "road", "sidewalk", "wall")
    return _with(annotation, place, label=annotation.shapes[place].label + "group")


#: Kind of defect, which is the name of the rule that finds it, to what plants one.
PLANTS: Final[Mapping[str, Plant]] = {
    "self-crossing": _cross,
    "spike": _spike,
    "repeated-points": _repeat,
    "outside-image": _move_out,
    "beyond-image": _reach_beyond,
    "zero-area": _flatten,
    "too-few-points": _cut_short,
    "unknown-label": _misspell,
    "duplicate-shape": _duplicate,
    "near-duplicate-shape": _trace_again,
    "hidden-shape": _cover,
    "order-inversion": _invert,
    "gap": _leave_gap,
    "missing-partner": _ride_alone,
    "group-without-instances": _group_stuff,
}
