"""`DatasetSummary`: what a dataset holds on one page, as dataset papers state it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from iddkit.frames import Frame, natural_order
from iddkit.labels import LabelMap
from iddkit.statistics.counts import LabelStatistics
from iddkit.statistics.table import FrameTable


@dataclass(frozen=True, slots=True)
class SequenceSize:
    """How many frames a sequence has, and how many of them are labelled."""

    split: str
    sequence: str
    frames: int
    labelled: int


@dataclass(frozen=True, slots=True)
class SplitSize:
    """How many frames a split has, and of what sequences.

    Attributes
    ----------
    split
        Its name; "" in a dataset without splits, and for all splits together.
    frames, labelled
        All frames, and those whose labels were counted.
    annotated_pixels
        Pixels that have a label; void ones have none.
    sequences
        How many.
    shortest, median, longest
        Frames of its shortest sequence, the median of all, and frames of the longest.
    """

    split: str
    frames: int
    labelled: int
    annotated_pixels: int
    sequences: int
    shortest: int
    median: float
    longest: int


@dataclass(frozen=True)
class DatasetSummary:
    """What a dataset holds. Made by `summarize`.

    Attributes
    ----------
    name
        By which tables call the dataset.
    label_map, levels
        The labels, and the levels that were counted, in the order in which they were asked for.
    height, width
        Means over the labelled frames, in pixels of the label images; zeros without frames.
    bytes
        Of the image, annotation and label files of all frames.
    whole, splits
        The sizes of all, and of each split in the order of the index.
    sequences
        In the order of the index, unlabelled frames with them.
    statistics
        Level to the counts of all labelled frames.
    by_split
        Level to split to the counts of its labelled frames, for the splits that have any: they add up to `statistics`.
    has_shapes
        The labels come from polygons, so that the counts hold shapes.
    """

    name: str
    label_map: LabelMap
    levels: tuple[str, ...]
    height: float
    width: float
    bytes: int
    whole: SplitSize
    splits: tuple[SplitSize, ...]
    sequences: tuple[SequenceSize, ...]
    statistics: Mapping[str, LabelStatistics]
    by_split: Mapping[str, Mapping[str, LabelStatistics]]
    has_shapes: bool

    def labels(self, level: str) -> tuple[int, int]:
        """Return how many labels of `level` have a pixel somewhere, and how many the level has."""
        frames = self.statistics[level].frames[:-1]
        return int(np.count_nonzero(frames)), len(frames)


def summarize(
    table: FrameTable,
    unlabelled: Sequence[Frame] = (),
    *,
    name: str = "",
    levels: Sequence[str] = (),
    root: str | Path | None = None,
) -> DatasetSummary:
    """Sum up a dataset.

    Parameters
    ----------
    table
        Its labelled frames.
    unlabelled
        Its other frames: the images of a published test split. They count as frames, in sequences, and on disk.
    name
        By which tables call the dataset.
    levels
        Of the label map; default: those that the table can be turned into (`FrameTable.levels`).
    root
        Where the files of the unlabelled frames lie; without it their bytes are not counted.

    Raises
    ------
    LabelMapError
        No such level, or the table cannot be turned into it.
    """
    label_map = table.label_map
    chosen = tuple(dict.fromkeys(label_map.level(level) for level in levels)) or table.levels()
    height, width = _mean_size(table)
    sequences = _count_sequences(table.frames, unlabelled)
    rows: dict[str, list[int]] = {}
    for row, frame in enumerate(table.frames):
        rows.setdefault(frame.split, []).append(row)
    parts = {split: table.rows(np.array(which, dtype=np.intp)) for split, which in rows.items()}
    members: dict[str, list[SequenceSize]] = {}
    for sequence in sequences:
        members.setdefault(sequence.split, []).append(sequence)
    return DatasetSummary(
        name,
        label_map,
        chosen,
        height,
        width,
        int(table.bytes.sum()) + (0 if root is None else count_bytes(Path(root), unlabelled)),
        _size("", table, sequences),
        tuple(_size(split, parts.get(split), its) for split, its in members.items()),
        sequences,
        {level: table.statistics(level) for level in chosen},
        {level: {split: part.statistics(level) for split, part in parts.items()} for level in chosen},
        table.shapes is not None,
    )


def common_levels(summaries: Sequence[DatasetSummary]) -> tuple[str, ...]:
    """Return the levels that all of the datasets were counted at, in the order of the first."""
    first, *others = summaries
    return tuple(level for level in first.levels if all(level in other.levels for other in others))


def count_bytes(root: Path, frames: Iterable[Frame]) -> int:
    """Return how many bytes the images, annotations and label files of frames have; a file that is gone has none."""
    total = 0
    for frame in frames:
        for file in (frame.image, frame.annotation, frame.labels):
            if file is not None:
                try:
                    total += (root / file).stat().st_size
                except OSError:
                    continue
    return total


def _mean_size(table: FrameTable) -> tuple[float, float]:
    width, height = table.sizes.sum(axis=0, dtype=np.int64).tolist()
    return height / max(1, len(table)), width / max(1, len(table))


def _count_sequences(labelled: Sequence[Frame], unlabelled: Sequence[Frame]) -> tuple[SequenceSize, ...]:
    counted = Counter((frame.split, frame.sequence) for frame in labelled)
    others = Counter((frame.split, frame.sequence) for frame in unlabelled)
    names = sorted({*counted, *others}, key=lambda names: tuple(natural_order(name) for name in names))
    return tuple(SequenceSize(*name, counted[name] + others[name], counted[name]) for name in names)


def _size(split: str, part: FrameTable | None, sequences: Sequence[SequenceSize]) -> SplitSize:
    frames = [sequence.frames for sequence in sequences]
    return SplitSize(
        split,
        sum(frames),
        sum(sequence.labelled for sequence in sequences),
        0 if part is None else int(part.pixels[:, :-1].sum()),
        len(frames),
        min(frames, default=0),
        float(np.median(frames)) if frames else 0.0,
        max(frames, default=0),
    )
