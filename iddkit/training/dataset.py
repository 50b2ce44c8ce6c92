"""`LabelledData`: the training and validation split of a dataset, looked through once before anything is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iddkit import frames
from iddkit.errors import FrameError, OptionError, TrainingError, printable
from iddkit.frames import Frame, Index
from iddkit.labels import LabelMap
from iddkit.metrics.truth import VAL, errors_of
from iddkit.runs import SplitFacts
from iddkit.runs.published import published_for
from iddkit.statistics import Collection, FrameTable, collect
from iddkit.statistics.source import LabelReader
from iddkit.subset.origin import numbering_of
from iddkit.training.checkpoint import Classes
from iddkit.training.recipe import MOST_PIXELS

#: The split to train on by its names, where nothing else is said; the first that there is.
TRAIN: Final = ("train", "training")


@dataclass(frozen=True)
class LabelledData:
    """What a network is trained and validated on.

    Attributes
    ----------
    name
        Of the dataset's folder.
    index
        Of the dataset.
    reader
        Of its labels.
    classes
        Of the level that is trained.
    size
        Width and height at which images are validated.
    train, val
        The labelled frames of the splits.
    train_facts, val_facts
        What they hold.
    shares
        float64 (C,): proportion of each class in the labelled pixels of the training split.
    fingerprint
        Hash of the files of both splits, their order and the classes: equal for equal data.
    failures, notes
        A line for each frame that cannot be used, and for what a user should know.
    """

    name: str
    index: Index
    reader: LabelReader
    classes: Classes
    size: tuple[int, int]
    train: tuple[Frame, ...]
    val: tuple[Frame, ...]
    train_facts: SplitFacts
    val_facts: SplitFacts
    shares: NDArray[np.float64]
    fingerprint: str
    failures: tuple[str, ...]
    notes: tuple[str, ...]


def open_dataset(
    source: str | Path,
    *,
    label_map_name: str | None = None,
    level: str | None = None,
    label_level: str | None = None,
    size: tuple[int, int] | None = None,
    train_split: str | None = None,
    val_split: str | None = None,
    fill: str | None = None,
    unknown: str = "error",
    cache: Path | None = None,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> LabelledData:
    """Look through a dataset: every image and every label of both splits is read.

    Parameters
    ----------
    source
        A dataset's folder, or an index CSV.
    label_map_name
        Name or path of a label map; default: as `iddkit.subset.origin.numbering_of`.
    level
        To train; default: that of the label images, level3 (IDD's 26 classes) or train_id (Cityscapes) for finer ones
        and for polygons.
    label_level
        Of label images whose names do not say it, or say it wrongly.
    size
        Width and height at which images are validated; default: that of the published figures of this map and level
        (Mishra 2024, Table 3.4), else that of the first frame.
    train_split, val_split
        Names of splits; default: ``train`` and ``val``.
    fill, unknown, cache, jobs, progress
        As `iddkit.statistics.collect`.

    Raises
    ------
    UserError
        No such dataset, map, level or split.
    TrainingError
        A split has no frame with image and labels that can be used, or nothing but void.
    """
    if size is not None and size[0] * size[1] > MOST_PIXELS:
        raise OptionError(f"height {size[1]}, width {size[0]}: more than {MOST_PIXELS:,} pixels to validate at")
    index = frames.scan(Path(source))
    numbering = numbering_of(index, label_map_name, label_level)
    reader = LabelReader(numbering.label_map, fill, unknown, numbering.level)
    names = list(dict.fromkeys(frame.split for frame in index.frames))
    train_name = _choose(index.root, names, train_split, TRAIN, "--train-split")
    val_name = _choose(index.root, names, val_split, VAL, "--val-split")
    if train_name == val_name:
        raise OptionError(f"the split {printable(train_name)} can be trained on or validated on, not both")
    wanted = tuple(frame for frame in index.frames if frame.split in (train_name, val_name))
    bare = sum(frame.image is None for frame in wanted)
    problems = errors_of(index, (train_name, val_name))
    usable = Index(index.root, index.layout, tuple(frame for frame in wanted if frame.image is not None), problems)
    found = collect(
        usable,
        numbering.label_map,
        fill=fill,
        unknown=unknown,
        level=numbering.level,
        images=True,
        cache=cache,
        jobs=jobs,
        progress=progress,
    )
    table = found.table
    if not len(table):
        reason = f"; the first: {found.failures[0]}" if found.failures else ""
        raise TrainingError(f"no frame of it can be used{reason}", path=index.root)
    chosen = numbering.label_map.level(level) if level else _default_level(table, numbering.label_map)
    classes = Classes.of(numbering.label_map, chosen)
    if not len(classes):
        raise TrainingError(f"level {chosen} of the label map {numbering.label_map.name} has no class", path=index.root)
    train, train_facts, train_rows = _split(found, train_name, chosen)
    val, val_facts, val_rows = _split(found, val_name, chosen)
    notes = [*found.notes, *([f"{bare} frame{' has' if bare == 1 else 's have'} no image"] if bare else [])]
    published = published_for(numbering.label_map.name, chosen)
    width, height = (int(side) for side in table.sizes[0])
    return LabelledData(
        Path(index.root).resolve().name,
        index,
        reader,
        classes,
        size or (published.size if published else (width, height)),
        train,
        val,
        train_facts,
        val_facts,
        train_rows.statistics(chosen).pooled,
        _fingerprint(classes, train_rows, val_rows),
        found.failures,
        tuple(notes),
    )


def _choose(root: Path, names: list[str], given: str | None, usual: tuple[str, ...], option: str) -> str:
    if given is not None:
        if given not in names:
            known = ", ".join(name or "(none)" for name in names)
            raise FrameError(f"no split {printable(given)}; there are {known}", path=root)
        return given
    for name in usual:
        if name in names:
            return name
    known = ", ".join(name for name in names if name) or "none at all"
    raise FrameError(f"no split {usual[0]}; {option} says which one it is. Splits: {known}", path=root)


def _default_level(table: FrameTable, label_map: LabelMap) -> str:
    for level in ("level3", "train_id", "trainId"):
        if level in label_map.levels and table.can_be(level):
            return level
    return table.level


def _split(found: Collection, name: str, level: str) -> tuple[tuple[Frame, ...], SplitFacts, FrameTable]:
    root, table = found.index.root, found.table
    rows = table.rows(np.array([i for i, frame in enumerate(table.frames) if frame.split == name], dtype=np.intp))
    if not len(rows):
        problem = f"the split {printable(name)} has no frame with image and labels"
        if found.failures:
            problem += f"; of all files {len(found.failures)} cannot be used, the first: {found.failures[0]}"
        raise TrainingError(problem, path=root)
    pixels = rows.statistics(level).pixels[:-1]
    if not pixels.sum():
        raise TrainingError(f"the split {printable(name)} has no labelled pixel: all is void at {level}", path=root)
    sequences = len({frame.sequence for frame in rows.frames})
    return rows.frames, SplitFacts(name, len(rows), sequences, tuple(int(n) for n in pixels)), rows


def _fingerprint(classes: Classes, *splits: FrameTable) -> str:
    import hashlib

    digest = hashlib.sha256(repr((classes.level, classes.names, classes.numbers)).encode())
    for rows in splits:
        for frame, label, image in zip(rows.frames, rows.label_hashes, rows.image_hashes, strict=True):
            digest.update(f"{frame.key}\n{label}\n{image}\n".encode())
    return digest.hexdigest()
