"""One frame's prediction against its truth: two label images in, a confusion matrix out.

The protocol is the official one: AutoNUE public-code, ``evaluation/idd_lite_evaluate_mIoU.py``. Truth and prediction
are brought to one resolution by Pillow's ``NEAREST`` if they do not have it. Pixels whose truth is void count nowhere;
a pixel with a class that is predicted as void, or as a number that is no class, is a miss of its class.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iddkit import images
from iddkit.errors import UserError
from iddkit.frames import Frame
from iddkit.labels import LabelMap, nests
from iddkit.metrics.confusion import Confusion
from iddkit.metrics.evaluation import DAMAGED, SIZE, UNKNOWN, EvaluationProblem
from iddkit.metrics.pairs import count_pairs, fold_pairs
from iddkit.metrics.resize import resize_nearest
from iddkit.statistics.columns import classes, column_at, column_of_number
from iddkit.statistics.decode import decode_labels
from iddkit.statistics.source import LabelReader, label_file, level_of, read_file


@dataclass(frozen=True)
class Protocol:
    """How all pairs are scored. Made by `prepare`.

    Attributes
    ----------
    root, folder
        Of the dataset and of the predictions.
    reader
        Reads the truth.
    names
        Of the C classes.
    truth
        Level of a truth to intp (256,): the column of each of its numbers, C for void, -1 for one that is no label.
    predicted
        The same of the predictions.
    resolution
        Width and height; None for each pair's own.
    """

    root: Path
    folder: Path
    reader: LabelReader
    names: tuple[str, ...]
    truth: Mapping[str, NDArray[np.intp]]
    predicted: NDArray[np.intp]
    resolution: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Task:
    """A frame to score, by its place among those wanted."""

    place: int
    frame: Frame
    predicted: Path


@dataclass(frozen=True, slots=True)
class Scored:
    """What became of a task.

    Attributes
    ----------
    place
        Of the frame among those wanted.
    counts
        int64 (C, C + 1), as `Confusion.counts`; None for a frame that cannot be scored.
    problems
        Why not; or that numbers of it are unknown.
    sizes
        Width and height of truth and prediction; None where they were not read.
    """

    place: int
    counts: NDArray[np.int64] | None = None
    problems: tuple[EvaluationProblem, ...] = ()
    sizes: tuple[tuple[int, int], tuple[int, int]] | None = None


def prepare(
    root: Path,
    folder: Path,
    reader: LabelReader,
    levels: Iterable[str],
    level: str,
    resolution: tuple[int, int] | None,
) -> Protocol:
    """Return how predictions of `level` are scored against a truth of `levels`, of those that it can be made of."""
    label_map = reader.label_map
    fitting = [fine for fine in dict.fromkeys(levels) if nests(label_map, fine, level)]
    truth = {fine: column_at(label_map, fine, level) for fine in fitting}
    names = tuple(category.name for category in classes(label_map, level))
    return Protocol(root, folder, reader, names, truth, column_of_number(label_map, level), resolution)


def score_pair(
    truth: NDArray[np.uint8],
    predicted: NDArray[np.uint8],
    label_map: LabelMap,
    level: str,
    *,
    truth_level: str | None = None,
    resolution: tuple[int, int] | None = None,
) -> Confusion:
    """Return the matrix of one predicted label image and its truth, as `evaluate` counts them.

    Parameters
    ----------
    truth, predicted
        uint8 (H, W): numbers of the label map.
    label_map, level
        Of the predicted numbers.
    truth_level
        Of the true numbers, finer than `level`; default `level`.
    resolution
        Width and height to which both are brought; without it they have to have one shape.

    Raises
    ------
    LabelMapError
        No such level, or numbers of the true level lie in several of `level`.
    ValueError
        The shapes differ.
    """
    level = label_map.level(level)
    if resolution is not None:
        truth, predicted = resize_nearest(truth, *resolution), resize_nearest(predicted, *resolution)
    names = tuple(category.name for category in classes(label_map, level))
    of_truth = column_at(label_map, label_map.level(truth_level or level), level)
    of_predicted = column_of_number(label_map, level)
    # Numbers that are no label count as void and as no class.
    known = [np.where(columns < 0, len(names), columns) for columns in (of_truth, of_predicted)]
    return Confusion.of_pairs(names, count_pairs(truth, predicted), known[0], known[1])


def score_frame(how: Protocol, task: Task) -> Scored:
    """Score one frame; a problem of its own files never raises."""
    file, key = how.root / (label_file(task.frame) or Path()), task.frame.key
    target = how.folder / task.predicted
    read = file
    try:
        level, image, table = _read_truth(how, task.frame, file)
        read = target
        predicted = decode_labels(read_file(target), target)
    except UserError as error:
        located = error.located(read)
        problem = EvaluationProblem(DAMAGED, key, Path(located.path or read), located.problem, located.where)
        return Scored(task.place, problems=(problem,))
    sizes = (image.shape[1], image.shape[0]), (predicted.shape[1], predicted.shape[0])
    if how.resolution is None and sizes[0] != sizes[1]:
        (width, height), (its_width, its_height) = sizes
        text = f"{its_width}x{its_height}, and the truth is {width}x{height}; --resolution brings both to one size"
        return Scored(task.place, problems=(EvaluationProblem(SIZE, key, target, text),))
    resolution = how.resolution or sizes[0]
    # Polygons are looked up only where they are asked for.
    sampled = resize_nearest(image, *resolution)
    truth = sampled.astype(np.uint8, copy=False) if table is None else np.take(table, sampled)
    pairs = count_pairs(truth, resize_nearest(predicted, *resolution))
    size, of_truth = len(how.names), how.truth[level]
    # A row and a column more: those of the numbers that are no label, which -1 stands for.
    folded = fold_pairs(pairs, of_truth, how.predicted, size + 1)
    counts = folded[:size, : size + 1].copy()
    counts[:, size] += folded[:size, -1]
    problems = []
    if folded[-1].any() or folded[:, -1].any():
        for path, columns, met, counted in (
            (file, of_truth, pairs.sum(axis=1), "void"),
            (target, how.predicted, pairs.sum(axis=0), "no class"),
        ):
            strange = np.flatnonzero((met > 0) & (columns < 0)).tolist()
            if strange:
                shown = ", ".join(map(str, strange[:8])) + (" ..." if len(strange) > 8 else "")
                text = f"{met[strange].sum()} pixels have numbers that are no label, counted as {counted}: {shown}"
                problems.append(EvaluationProblem(UNKNOWN, key, path, text, numbers=tuple(strange)))
    return Scored(task.place, counts, tuple(problems), sizes)


def _read_truth(how: Protocol, frame: Frame, file: Path) -> tuple[str, NDArray[np.integer], NDArray[np.uint8] | None]:
    """Return the level of a frame's labels, their image, and for polygons the number of each object in it."""
    if frame.annotation is None:
        # Not by the reader, which refuses the whole image for one unknown number.
        return level_of(frame, how.reader.label_map, how.reader.level), decode_labels(read_file(file), file), None
    size = None if frame.image is None else images.read_size(how.root / frame.image)
    source = how.reader.parse(read_file(file), file, frame, size)
    return source.level, source.image, source.table
