"""One frame's labels, read from its polygons or from its label image."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iddkit import files, formats, images
from iddkit.annotation import Shape
from iddkit.errors import AnnotationError, FrameError, ImageError, UserError
from iddkit.frames import Frame
from iddkit.labels import ID, VOID, LabelMap
from iddkit.raster import Painting, default_fill, level_numbers, paint
from iddkit.raster.paint import obstacles
from iddkit.statistics.columns import column_of_number
from iddkit.statistics.decode import count_numbers, decode_labels

# '_gtFine_labellevel3Ids.png', '_labelTrainIds.png', and IDD-lite's '_label.png'.
_NAMES_LEVEL = re.compile(r"_label([^_]*ids)?\.[a-z]+\Z", re.IGNORECASE)


@dataclass(frozen=True)
class LabelSource:
    """The labels of one frame.

    Attributes
    ----------
    level
        Of the label map: that of the numbers.
    image
        uint8 or uint16 (H, W): the label image at that level; of polygons the image of object indices.
    table
        uint8: the number of each object index; None where the image holds the numbers themselves.
    counts
        int64 (256,): how many of its pixels have each number.
    shapes
        int64 (L + 1,): objects of each class of the level and void ones (`iddkit.statistics.LabelStatistics.shapes`);
        None where the labels come from an image.
    painting
        What was painted; None where the labels come from an image.
    """

    level: str
    image: NDArray[np.uint8] | NDArray[np.uint16]
    table: NDArray[np.uint8] | None
    counts: NDArray[np.int64]
    shapes: NDArray[np.int64] | None
    painting: Painting | None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.image.shape[1], self.image.shape[0]

    @property
    def numbers(self) -> NDArray[np.uint8]:
        """The label image: uint8 (H, W)."""
        return self.sample(*self.size)

    def sample(self, width: int, height: int) -> NDArray[np.uint8]:
        """Return the label image at another size, by `iddkit.images.resize_labels`: uint8 (height, width).

        Of polygons only the pixels that are asked for are looked up.
        """
        image = self.image if self.size == (width, height) else images.resize_labels(self.image, width, height)
        return np.take(self.table, image) if self.table is not None else image.astype(np.uint8, copy=False)


def label_file(frame: Frame) -> Path | None:
    """Return the file that a frame's labels come from, relative to the root of its index: polygons before images."""
    return frame.annotation or frame.labels


def level_of(frame: Frame, label_map: LabelMap, level: str | None = None) -> str:
    """Return the level at which a frame's labels are read.

    Of polygons it is `ID`. Of a label image its name says it: ``_labelids`` or ``_labellevel3Ids``; ``_label``, as in
    IDD-lite, is the coarsest level of the map. `level`, if it is given, goes before the name.

    Raises
    ------
    FrameError
        The name does not say it.
    LabelMapError
        The map has no such level.

    Examples
    --------
    >>> from iddkit import labels
    >>> idd = labels.load("idd")
    >>> [level_of(Frame("", "", "a", labels=Path(f"a_{end}.png")), idd) for end in ("gtFine_labellevel3Ids", "label")]
    ['level3', 'level1']
    """
    if frame.annotation is not None or frame.labels is None:
        return ID
    if level is not None:
        return label_map.level(level)
    found = _NAMES_LEVEL.search(frame.labels.name)
    if found is None:
        raise FrameError("its name does not say of which level its numbers are; --level does")
    return label_map.level(f"label{found[1]}") if found[1] else label_map.hierarchy[-1]


def read_source(
    root: Path,
    frame: Frame,
    label_map: LabelMap,
    *,
    fill: str | None = None,
    unknown: str = "error",
    level: str | None = None,
) -> LabelSource:
    """Read the labels of a frame; see `LabelReader`, which is faster for many of them.

    Parameters
    ----------
    root
        Of the frame's index.
    frame
        With polygons, or a label image.
    label_map, fill, unknown, level
        As `LabelReader` has them.

    Raises
    ------
    UserError
        The file, or an image that polygons take their size from, cannot be read; an object cannot be read, or its
        label is unknown; a label image has a number that the map does not have at its level. It names the file.
    """
    path = root / (label_file(frame) or Path())
    is_fitted = frame.annotation is not None and frame.image is not None
    size = images.read_size(root / frame.image) if is_fitted and frame.image is not None else None
    return LabelReader(label_map, fill, unknown, level).parse(read_file(path), path, frame, size)


def read_file(path: Path) -> bytes:
    """Return the content of a file of a frame; `FrameError` if it cannot be read."""
    try:
        return files.read_bytes(path)
    except AnnotationError as error:
        raise FrameError(error.problem, path=path) from error


@dataclass(frozen=True)
class LabelReader:
    """How the labels of frames are read.

    Attributes
    ----------
    label_map
        The labels and their numbers.
    fill, unknown
        How polygons are painted: a fill rule, None for that of the file's format and map
        (`iddkit.raster.default_fill`); and the way with unknown labels.
    level
        Of label images whose names do not say it, or say it wrongly.
    """

    label_map: LabelMap
    fill: str | None = None
    unknown: str = "error"
    level: str | None = None
    _columns: dict[str, NDArray[np.intp]] = field(default_factory=dict, repr=False, compare=False)

    def columns(self, level: str) -> NDArray[np.intp]:
        """Return `iddkit.statistics.columns.column_of_number`, made once for each level."""
        if level not in self._columns:
            self._columns[level] = column_of_number(self.label_map, level)
        return self._columns[level]

    def parse(self, content: bytes, path: Path, frame: Frame, image_size: tuple[int, int] | None = None) -> LabelSource:
        """Return the labels in the file at `path`, the frame's annotation or label image, that has this `content`.

        `image_size` is width and height of the frame's image, which its labels have to share; None to ask for nothing.

        Raises
        ------
        UserError
            As `read_source`.
        """
        try:
            if frame.annotation is not None:
                return self._paint(content, path, image_size, frame.image.name if frame.image else "")
            return self._decode(content, path, image_size, level_of(frame, self.label_map, self.level))
        except UserError as error:
            raise error.located(path) from error

    def _paint(self, content: bytes, path: Path, image_size: tuple[int, int] | None, image_name: str) -> LabelSource:
        reading = formats.parse(content, path)
        annotation = reading.annotation.fitted(image_size, image_name)
        problems = obstacles(reading, self.label_map, self.unknown)
        if problems:
            others = f" (and {len(problems) - 1} more such problems)" if len(problems) > 1 else ""
            raise AnnotationError(problems[0].text + others, path=path, where=problems[0].where)
        fill = self.fill or default_fill(reading.format, self.label_map)
        painting = paint(annotation, self.label_map, fill, self.unknown)
        table = level_numbers(painting, self.label_map, ID).astype(np.uint8)
        counts = np.bincount(table, painting.pixel_counts(), minlength=256).astype(np.int64)
        shapes = self._count_shapes(annotation.shapes)
        return LabelSource(ID, painting.index, table, counts, shapes, painting)

    def _count_shapes(self, shapes: Iterable[Shape]) -> NDArray[np.int64]:
        columns = self.columns(ID)
        counts = np.zeros(int(columns.max()) + 1, dtype=np.int64)
        grouped: set[tuple[str, int | str]] = set()
        for shape in shapes:
            if shape.deleted or (shape.group is not None and (shape.label, shape.group) in grouped):
                continue
            if shape.group is not None:
                grouped.add((shape.label, shape.group))
            found = self.label_map.find(shape.label)
            # Unknown labels and those that are never drawn are void.
            drawn = found is not None and self.label_map[found[0]].drawn
            counts[columns[self.label_map[found[0]].id if found is not None and drawn else VOID]] += 1
        return counts

    def _decode(self, content: bytes, path: Path, image_size: tuple[int, int] | None, level: str) -> LabelSource:
        numbers = decode_labels(content, path)
        height, width = numbers.shape
        if image_size not in (None, (width, height)):
            raise FrameError(f"{width}x{height}, and its image is {image_size[0]}x{image_size[1]}", path=path)
        counts = count_numbers(numbers)
        strange = np.flatnonzero((counts > 0) & (self.columns(level) < 0))
        if len(strange):
            number = int(strange[0])
            others = f" (and {len(strange) - 1} more such numbers)" if len(strange) > 1 else ""
            problem = f"{counts[number]} pixels have the number {number}, which is no label of {level}{others}"
            raise ImageError(problem, path=path)
        return LabelSource(level, numbers, None, counts, None, None)
