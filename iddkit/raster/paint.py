"""Paint the shapes of a frame, far to near, into one object-index image.

Three fill rules are known by name, because no two tools draw the same pixels:

``cityscapes``
    How the official Cityscapes label images were drawn; see `iddkit.raster.scanline`.
``pillow``
    What Pillow's ``ImageDraw.polygon(fill=...)`` draws (11.3 and later draw the same): what AutoNUE's
    tool, and so IDD, draws.
``labelme``
    As labelme's own export calls Pillow: with an outline of the same value. From Pillow 11.3 on the pixels are
    those of ``pillow``; the call is kept, because Pillow's treatment of outlines has changed before.

The rules are about polygons only; circles, lines, points and masks are drawn as labelme draws them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from iddkit.annotation import POLYGON, Annotation, Problem, Reading, Shape, check_size
from iddkit.errors import OptionError, RasterError, printable
from iddkit.labels import LabelMap
from iddkit.raster import labelme, scanline
from iddkit.raster.seams import Index, Seams, find_seams

#: The fill rules by name.
FILLS: Final = ("cityscapes", "pillow", "labelme")

#: What to do with a label that the map does not know: refuse the frame, paint it void, leave it out.
UNKNOWN: Final = ("error", "void", "skip")

# The values of 16 bits, less the one for nothing. Real frames have some hundred objects.
_MOST_OBJECTS = 2**16 - 1

#: labelme's name for a region that is to be ignored: void in every map that does not say otherwise.
IGNORE: Final = "__ignore__"


@dataclass(frozen=True, slots=True)
class Painted:
    """One shape that was painted.

    Attributes
    ----------
    number
        The object's number in its file.
    label
        Name of its label in the map, or None for a void region.
    is_group
        Drawn as ``<label>group``: several objects, without an instance number.
    group
        The file's group id: shapes of one label and one group are one instance.
    """

    number: int
    label: str | None
    is_group: bool = False
    group: int | str | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """A shape that is not painted, and why."""

    number: int
    reason: str


@dataclass(frozen=True, eq=False)
class Painting:
    """A painted frame.

    Attributes
    ----------
    index
        uint8 or uint16 (H, W): 0 where nothing was painted, k where ``objects[k - 1]`` is what is seen.
    objects
        What was painted, in draw order.
    dropped
        What was not. Objects and dropped together are all shapes of the annotation.
    """

    index: NDArray[np.uint8] | NDArray[np.uint16]
    objects: tuple[Painted, ...]
    dropped: tuple[Dropped, ...]

    @cached_property
    def seams(self) -> Seams:
        """Where the index image changes from row to row: what areas, boxes and PNG files are made of."""
        return find_seams(self.index, len(self.objects) + 1)

    def pixel_counts(self) -> NDArray[np.int64]:
        """Return the visible pixels of each value of `index`: int64 (len(objects) + 1,), nothing first."""
        return self.seams.areas()


def default_fill(format_name: str, label_map: LabelMap) -> str:
    """Return the fill rule that the published rasters of this format and map were drawn by.

    labelme's JSON: ``labelme``. Polygon JSON with a map that has Cityscapes' ``train`` numbering:
    ``cityscapes``. All else, IDD and LabelMe XML among it: ``pillow``.
    """
    if format_name == "labelme-json":
        return "labelme"
    return "cityscapes" if format_name == "cityscapes" and "train" in label_map.levels else "pillow"


def paint(annotation: Annotation, label_map: LabelMap, fill: str = "pillow", unknown: str = "error") -> Painting:
    """Paint a frame.

    Deleted shapes, polygons of fewer than 3 points and labels with a negative id are not painted.

    Parameters
    ----------
    annotation
        With a known size.
    label_map
        Which labels there are.
    fill
        One of `FILLS`.
    unknown
        One of `UNKNOWN`.

    Raises
    ------
    RasterError
        A label is unknown and `unknown` is ``error``, the annotation has no usable size, or more than 65,535 objects.
    OptionError
        No such rule.

    Examples
    --------
    >>> from iddkit import annotation, labels
    >>> square = annotation.as_points([[1, 1], [3, 1], [3, 3], [1, 3]])
    >>> frame = annotation.Annotation(5, 5, (annotation.Shape("car", square),))
    >>> paint(frame, labels.load("idd")).index.tolist()
    [[0, 0, 0, 0, 0], [0, 1, 1, 1, 0], [0, 1, 1, 1, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 0]]
    """
    if fill not in FILLS:
        raise OptionError(f"no fill rule {fill!r}; known: {', '.join(FILLS)}")
    wrong = check_size(annotation.width, annotation.height)
    if wrong:
        raise RasterError(wrong)
    shapes, objects, dropped = _choose(annotation.shapes, label_map, unknown)
    if len(shapes) > _MOST_OBJECTS:
        raise RasterError(f"{len(shapes)} objects to paint, more than the {_MOST_OBJECTS} that an index image holds")
    dtype = np.uint8 if len(shapes) < 256 else np.uint16
    index = np.zeros((annotation.height, annotation.width), dtype=dtype)
    if fill == "cityscapes":
        _paint_by_scanline(shapes, index)
    else:
        _paint_with_pillow(shapes, index, outlined=fill == "labelme")
    return Painting(index, tuple(objects), tuple(dropped))


def unknown_labels(shapes: Sequence[Shape], label_map: LabelMap) -> list[Problem]:
    """Return one problem for each label that would be painted and that `label_map` does not know.

    The first object that has it is named, with the nearest label that is known.
    """
    first: dict[str, list[int]] = {}
    for shape in shapes:
        if _reason_not_to_paint(shape) is None and shape.label != IGNORE and label_map.find(shape.label) is None:
            first.setdefault(shape.label, []).append(shape.number)
    problems = []
    for label, numbers in first.items():
        near = label_map.nearest(label)
        text = f"unknown label '{printable(label, 60)}'" if label else "no label"
        text += f", perhaps '{near}'" if near else ""
        text += f" (and {len(numbers) - 1} more of it)" if len(numbers) > 1 else ""
        problems.append(Problem(f"object {numbers[0]}", text, numbers[0]))
    return problems


def obstacles(reading: Reading, label_map: LabelMap, unknown: str) -> list[Problem]:
    """Return what keeps a file from being painted: objects that could not be read, and labels that are an error.

    Parameters
    ----------
    reading
        The file as it was read.
    label_map, unknown
        As `paint` has them.
    """
    unreadable = [problem for problem in reading.problems if problem.number is not None]
    return unreadable + (unknown_labels(reading.annotation.shapes, label_map) if unknown == "error" else [])


def _reason_not_to_paint(shape: Shape) -> str | None:
    if shape.deleted:
        return "deleted"
    if shape.kind == POLYGON and len(shape.points) < 3:
        return "fewer than 3 points" if len(shape.points) else "no points"
    return None


def _choose(
    shapes: Sequence[Shape], label_map: LabelMap, unknown: str
) -> tuple[list[Shape], list[Painted], list[Dropped]]:
    if unknown not in UNKNOWN:
        raise OptionError(f"no way {unknown!r} to treat unknown labels; known: {', '.join(UNKNOWN)}")
    chosen, objects, dropped = [], [], []
    for shape in shapes:
        reason = _reason_not_to_paint(shape)
        label, is_group = None, False
        if reason is None:
            found = label_map.find(shape.label)
            if found is not None:
                label, is_group = found
                reason = None if label_map[label].drawn else "label that is never drawn"
            elif shape.label != IGNORE and unknown == "error":
                problem = unknown_labels(shapes, label_map)[0]
                raise RasterError(problem.text, where=problem.where)
            elif shape.label != IGNORE and unknown == "skip":
                reason = "unknown label"
        if reason is None:
            chosen.append(shape)
            objects.append(Painted(shape.number, label, is_group, shape.group))
        else:
            dropped.append(Dropped(shape.number, reason))
    return chosen, objects, dropped


def _paint_with_pillow(shapes: Sequence[Shape], index: Index, outlined: bool) -> None:
    draw = _drawer(index)
    for value, shape in enumerate(shapes, start=1):
        if shape.kind != POLYGON:
            labelme.draw_kind(draw, index, shape, value)
        elif outlined:
            labelme.draw_polygon_outlined(draw, shape.points, value)
        else:
            # Pillow truncates toward zero as well, and reads a flat list of floats fastest.
            draw.polygon(shape.points.ravel().tolist(), fill=value)


def _drawer(index: Index) -> ImageDraw.ImageDraw:
    height, width = index.shape
    mode = "L" if index.dtype == np.uint8 else "I;16"
    image = Image.frombuffer(mode, (width, height), index, "raw", mode, 0, 1)
    # Pillow takes the array's own memory, and would copy it before drawing: it knows no owner but itself.
    image.readonly = 0
    return ImageDraw.Draw(image)


def _paint_by_scanline(shapes: Sequence[Shape], index: Index) -> None:
    for run in _runs_of_polygons(shapes):
        first, shape = run[0]
        if shape.kind != POLYGON:
            labelme.draw_kind(_drawer(index), index, shape, first)
            continue
        points = np.concatenate([shape.points for _, shape in run]).astype(np.int32)  # truncates toward zero
        offsets = np.cumsum([0, *(len(shape.points) for _, shape in run)], dtype=np.int64)
        scanline.fill(points, offsets, np.array([value for value, _ in run], dtype=np.int64), index)


def _runs_of_polygons(shapes: Sequence[Shape]) -> Iterator[list[tuple[int, Shape]]]:
    # Polygons that follow each other are painted in one call; any other shape stands alone between them.
    run: list[tuple[int, Shape]] = []
    for value, shape in enumerate(shapes, start=1):
        if shape.kind == POLYGON:
            run.append((value, shape))
            continue
        if run:
            yield run
        yield [(value, shape)]
        run = []
    if run:
        yield run
