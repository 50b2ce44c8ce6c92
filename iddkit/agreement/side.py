"""One of the two sides: which frames it has, and how their labels are read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iddkit import frames
from iddkit.errors import FrameError, printable
from iddkit.frames import IMAGE_SUFFIXES, Frame, FrameProblem, Index
from iddkit.frames.layout import LABELS, LAYOUTS, name_rules
from iddkit.labels import LabelMap
from iddkit.metrics.truth import are_plain, as_labels, errors_of
from iddkit.statistics.columns import column_at
from iddkit.statistics.source import LabelReader, label_file, level_of, read_source


@dataclass(frozen=True)
class Side:
    """A side of the comparison.

    Attributes
    ----------
    name
        ``A`` or ``B``.
    root
        What the paths of its frames are relative to.
    reader
        How their labels are read.
    """

    name: str
    root: Path
    reader: LabelReader
    _tables: dict[tuple[str, str], NDArray[np.uint8]] = field(default_factory=dict, repr=False, compare=False)

    def file(self, frame: Frame) -> Path:
        """Return the file that a frame's labels come from."""
        return self.root / (label_file(frame) or Path())

    def level_of(self, frame: Frame) -> str:
        """Return the level of a frame's labels; `UserError` if its name does not say it."""
        return level_of(frame, self.reader.label_map, self.reader.level)

    def read(self, frame: Frame, level: str) -> NDArray[np.uint8]:
        """Return the column at `level` of each pixel of a frame: uint8 (H, W).

        Columns are those of `iddkit.statistics.columns.classes`; as many as there are classes stands for void.

        Raises
        ------
        UserError
            The labels cannot be read, or not be turned into this level. It names the file.
        """
        reader = self.reader
        source = read_source(
            self.root, frame, reader.label_map, fill=reader.fill, unknown=reader.unknown, level=reader.level
        )
        key = source.level, level
        if key not in self._tables:
            # Numbers that the map does not have were refused by the reader: their -1 is never looked up.
            self._tables[key] = column_at(reader.label_map, *key).astype(np.uint8)
        return np.take(self._tables[key], source.numbers)


def open_index(path: str | Path) -> Index:
    """Return the frames of a side: a dataset, a part of one, a folder of label images, an index, or a single file.

    Parameters
    ----------
    path
        What `iddkit.frames.scan` takes, or a label image.

    Raises
    ------
    FrameError
        There is nothing, or no frame of it has labels.
    """
    path = Path(path)
    index = _one_image(path) if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file() else frames.scan(path)
    index = as_labels(index)
    if all(label_file(frame) is None for frame in index):
        raise FrameError("no frame has labels", path=path)
    return index


def _one_image(path: Path) -> Index:
    read = name_rules((LAYOUTS["flat"],))[""].read(path.name)
    name = read[0] if read is not None and read[1].role == LABELS else path.stem
    return Index(path.parent, "flat", (Frame("", "", name, labels=Path(path.name)),))


def make_side(name: str, index: Index, reader: LabelReader, level: str | None) -> Side:
    """Return a side whose frames' labels are read by `reader`; `level` is that of label images without a level's name.

    The level of the reader goes before the names of all label images.
    """
    stated = reader.level or (level if are_plain([one for one in index if label_file(one) is not None]) else None)
    own = LabelReader(reader.label_map, reader.fill, reader.unknown, stated)
    return Side(name, Path(index.root), own)


def labelled(index: Index, split: str | None) -> tuple[Frame, ...]:
    """Return the labelled frames of a split, or all of them.

    Raises
    ------
    FrameError
        No labelled frame is of this split.
    """
    found = tuple(frame for frame in index if label_file(frame) is not None and split in (None, frame.split))
    if not found:
        known = ", ".join(dict.fromkeys(printable(one.split) for one in index if one.split)) or "none"
        text = f"no frame of the split {printable(split or '')!r} has labels; splits: {known}"
        raise FrameError(text, path=index.root)
    return found


def left_out(index: Index, split: str | None) -> tuple[FrameProblem, ...]:
    """Return what of a dataset could not be taken for a frame although it was meant to be one."""
    return errors_of(index, () if split is None else (split,))


def reader_of(label_map: LabelMap, fill: str | None, unknown: str, source_level: str | None) -> LabelReader:
    """Return how label files are read; `source_level` is that of label images, whatever their names say."""
    return LabelReader(label_map, fill, unknown, None if source_level is None else label_map.level(source_level))
