"""One frame measured: what is counted of it, at the source's size and at the output's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from iddkit import files
from iddkit.errors import FrameError, UnknownFormatError, UserError
from iddkit.frames import Frame
from iddkit.images import OutputSize, read_size
from iddkit.statistics.columns import classes, collapse
from iddkit.statistics.decode import count_numbers
from iddkit.statistics.source import LabelReader, LabelSource, label_file, level_of, read_file
from iddkit.statistics.table import CELL_UNIT, CELLS, COLORS
from iddkit.statistics.thumbnail import measure_colors, read_thumbnail


class RowKey(NamedTuple):
    """What decides about a frame's row, besides the settings that all frames share.

    Attributes
    ----------
    level
        At which its labels are read; "" without labels.
    label, image
        SHA-256 of the file that they come from, and of the image if it is looked at; else "".
    width, height
        Of the image, where only its header is read; else zeros.
    """

    level: str
    label: str
    image: str
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class Row:
    """What was counted of one frame; arrays are zero where there is nothing to count.

    Attributes
    ----------
    size, pixels, shapes
        As a row of `FrameTable`; `shapes` is None where the labels come from an image.
    output, sampled, layout, colors
        As a row of `Sampled`: ``sizes``, ``pixels``, ``layout``, ``colors``.
    """

    size: tuple[int, int]
    pixels: NDArray[np.int64]
    shapes: NDArray[np.int64] | None
    output: tuple[int, int]
    sampled: NDArray[np.int32]
    layout: NDArray[np.uint16]
    colors: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Task:
    """A frame to measure, by its place in the index. With `only_key`, its files are hashed and nothing is read."""

    place: int
    frame: Frame
    only_key: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """What became of a task.

    Attributes
    ----------
    place
        Of the frame in the index.
    key, row
        None where there is a problem; no `row` where only the key was asked for.
    bytes
        Of the frame's files.
    problem
        Why the frame cannot be used: ``path: where: problem``.
    is_foreign
        It is because its file is no annotation at all.
    """

    place: int
    key: RowKey | None = None
    row: Row | None = None
    bytes: int = 0
    problem: str = ""
    is_foreign: bool = False


class Columns(NamedTuple):
    """In which column of the table the labels of one level are counted.

    Attributes
    ----------
    of_number
        intp (256,): the column of each number, -1 for one that is no label.
    of_class
        intp (L + 1,): the column of each class of that level, then of its void.
    """

    of_number: NDArray[np.intp]
    of_class: NDArray[np.intp]


@dataclass(frozen=True)
class Measuring:
    """How all frames of a dataset are measured. Made by `prepare`.

    Attributes
    ----------
    root
        Of the index.
    reader
        Reads labels.
    classes
        Of the table, L.
    columns
        Level at which labels are read to the columns that they are counted in.
    output_size
        Measure also what the output will have.
    images
        Look at the images, too.
    """

    root: Path
    reader: LabelReader
    classes: int
    columns: Mapping[str, Columns]
    output_size: OutputSize | None
    images: bool


def prepare(
    root: Path, reader: LabelReader, levels: Iterable[str], level: str, output_size: OutputSize | None, images: bool
) -> Measuring:
    """Return how frames whose labels are read at `levels` are measured in the classes of `level`.

    Raises
    ------
    LabelMapError
        One of the levels cannot be turned into it.
    """
    count = len(classes(reader.label_map, level))
    columns = {}
    for fine in levels:
        of_class = np.append(collapse(reader.label_map, fine, level), count)
        of_number = np.append(of_class, -1)[reader.columns(fine)]
        columns[fine] = Columns(of_number, of_class)
    return Measuring(root, reader, count, columns, output_size, images)


def measure_frame(how: Measuring, task: Task) -> Measured:
    """Measure a frame.

    Returns
    -------
    Measured
        A problem of the frame's own files never raises: it is in the result.
    """
    try:
        return _measure(how, task)
    except UserError as error:
        file = label_file(task.frame) or task.frame.image
        problem = str(error.located(how.root / (file or Path())))
        return Measured(task.place, problem=problem, is_foreign=isinstance(error, UnknownFormatError))


def _measure(how: Measuring, task: Task) -> Measured:
    frame, reader = task.frame, how.reader
    file = label_file(frame)
    content = None if file is None else read_file(how.root / file)
    picture = read_file(how.root / frame.image) if how.images and frame.image is not None else None
    level = "" if file is None else level_of(frame, reader.label_map, reader.level)
    label_hash = "" if content is None else files.sha256(content)
    image_hash = "" if picture is None else files.sha256(picture)
    size = None
    if frame.image is not None and picture is None and frame.annotation is not None:
        size = read_size(how.root / frame.image)
    key = RowKey(level, label_hash, image_hash, *(size or (0, 0)))
    total = _count_bytes(how.root, frame)
    if task.only_key:
        return Measured(task.place, key, None, total)
    if picture is not None and frame.image is not None:
        size = read_size(how.root / frame.image, picture)
    colors = np.zeros(len(COLORS), dtype=np.int32)
    if picture is not None and frame.image is not None:
        colors = measure_colors(read_thumbnail(picture, how.root / frame.image))
    if content is None or file is None:
        return Measured(task.place, key, _unlabelled(how, colors), total)
    source = reader.parse(content, how.root / file, frame, size)
    return Measured(task.place, key, _count(how, source, colors), total)


def _count_bytes(root: Path, frame: Frame) -> int:
    total = 0
    for file in (frame.image, frame.annotation, frame.labels):
        if file is not None:
            try:
                total += (root / file).stat().st_size
            except OSError as error:
                raise FrameError(f"cannot be read: {error.strerror or error}", path=root / file) from error
    return total


def _unlabelled(how: Measuring, colors: NDArray[np.int32]) -> Row:
    columns = how.classes + 1
    layout = np.zeros((CELLS * CELLS, how.classes), dtype=np.uint16)
    return Row((0, 0), np.zeros(columns, np.int64), None, (0, 0), np.zeros(columns, np.int32), layout, colors)


def _count(how: Measuring, source: LabelSource, colors: NDArray[np.int32]) -> Row:
    empty, columns = _unlabelled(how, colors), how.columns[source.level]
    width, height = source.size
    found = np.flatnonzero(source.counts)
    np.add.at(empty.pixels, columns.of_number[found], source.counts[found])
    shapes = None
    if source.shapes is not None:
        shapes = np.zeros_like(empty.pixels)
        np.add.at(shapes, columns.of_class, source.shapes)
    if how.output_size is None:
        return replace(empty, size=(width, height), shapes=shapes)
    output = how.output_size.of(width, height)
    # The rule of the output's label images, and then its columns instead of numbers.
    numbers = count_cells(source.sample(*output))
    found = np.flatnonzero(numbers.any(axis=0))
    cells = np.zeros((CELLS * CELLS, how.classes + 1), dtype=np.int64)
    np.add.at(cells.T, columns.of_number[found], numbers.T[found])
    sampled = cells.sum(axis=0, dtype=np.int32)
    counted = replace(empty, size=(width, height), shapes=shapes)
    return replace(counted, output=output, sampled=sampled, layout=cell_shares(cells))


def count_cells(numbers: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return how many pixels of each number lie in each cell of an image, uint8 (H, W): int64 (CELLS * CELLS, 256).

    Cell i of an axis of n pixels is ``i * n // CELLS`` to before ``(i + 1) * n // CELLS``, which is empty for some i
    where n is below `CELLS`.
    """
    rows, columns = ([i * side // CELLS for i in range(CELLS + 1)] for side in numbers.shape)
    cells = [numbers[top:bottom, left:right] for top, bottom in pairwise(rows) for left, right in pairwise(columns)]
    return np.array([count_numbers(cell) for cell in cells])


def cell_shares(cells: NDArray[np.int64]) -> NDArray[np.uint16]:
    """Return counts in cells, int64 (cells, classes + 1), void last, as shares of the cells: uint16 (cells, classes).

    In 1 / `CELL_UNIT`, rounded down; zeros in an empty cell.
    """
    sizes = np.maximum(cells.sum(axis=1, keepdims=True), 1)
    shares: NDArray[np.int64] = cells[:, :-1] * CELL_UNIT // sizes
    return shares.astype(np.uint16)
