"""A folder of predictions scored against a dataset's labels.

The protocol is that of `iddkit.metrics.frame`; pixels are added up over all frames, and the score is the mean over the
classes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from iddkit import frames
from iddkit.annotation import check_size
from iddkit.errors import FrameError, OptionError, printable
from iddkit.frames import Frame, Index
from iddkit.frames.layout import DERIVED
from iddkit.labels import LabelMap
from iddkit.metrics.confusion import Confusion
from iddkit.metrics.evaluation import DATASET, MISSING, Evaluation, EvaluationProblem, ScoredFrame
from iddkit.metrics.frame import Protocol, Scored, Task, prepare, score_frame
from iddkit.metrics.predictions import Predictions, find_predictions
from iddkit.metrics.truth import are_plain, as_labels, choose_frames, common_level, errors_of, find_levels
from iddkit.raster import FILLS
from iddkit.raster import UNKNOWN as WAYS
from iddkit.statistics.source import LabelReader, label_file
from iddkit.workers import run_all

# A worker takes as long to start as some hundreds of frames to score.
_FRAMES_OF_A_WORKER = 300

_PRELOAD = ("iddkit.metrics.scoring",)

_ITSELF = "the label image itself"


def evaluate(
    truth: Index | str | Path,
    predicted: str | Path,
    label_map: LabelMap,
    level: str | None = None,
    *,
    resolution: tuple[int, int] | None = None,
    split: str | None = None,
    source_level: str | None = None,
    fill: str | None = None,
    unknown: str = "error",
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Score a folder of predicted label images.

    Parameters
    ----------
    truth
        A dataset's folder, a part of one (``gtFine/val``), an index CSV, or an index. The labels are polygons, which
        are painted, or label images of `level` or a finer one; a flat folder of nothing but PNG files holds label
        images.
    predicted
        A folder of label images of `level` (`iddkit.metrics.predictions` says how they are found).
    label_map
        Of both.
    level
        Of the predictions. Default: that of the truth's label images; of polygons, and images of ids, the coarsest.
    resolution
        Width and height, in pixels, to which both are brought by `resize_nearest`. Default: each pair's own, and a
        prediction has to have the size of its truth.
    split
        Which is scored. Default: ``val`` (``validation``, ``valid``) if it has labels, else every frame that has some.
    source_level
        Of the truth's label images, if their names do not say it, or say it wrongly.
    fill, unknown
        How polygons are painted (`iddkit.statistics.collect` has the same).
    jobs
        Worker processes at most; a few hundred frames are scored sooner than a worker starts.
    progress
        Called with how many frames are done and how many there are.

    Returns
    -------
    Evaluation
        Frames that cannot be scored are in its ``problems``; they do not raise.

    Raises
    ------
    UserError
        Nothing can be scored at all: no such dataset, folder, split or level, no labels, no prediction of any frame.
    """
    if jobs < 1:
        raise OptionError(f"{jobs} jobs: at least one is needed")
    if fill is not None and fill not in FILLS:
        raise OptionError(f"no fill rule {fill!r}; known: {', '.join(FILLS)}")
    if unknown not in WAYS:
        raise OptionError(f"no way {unknown!r} to treat unknown labels; known: {', '.join(WAYS)}")
    if resolution is not None and (wrong := check_size(*resolution)):
        raise OptionError(f"the resolution: {wrong}")
    index = as_labels(truth if isinstance(truth, Index) else frames.scan(Path(truth)))
    wanted, split, notes = choose_frames(index, split)
    stated = source_level or (level if are_plain(wanted) else None)
    reader = LabelReader(label_map, fill, unknown, None if stated is None else label_map.level(stated))
    levels, refused = find_levels(index, wanted, reader)
    level = label_map.level(level) if level is not None else common_level(levels, label_map)
    how = prepare(Path(index.root), Path(predicted), reader, levels.values(), level, resolution)
    for place, fine in levels.items():
        if fine not in how.truth:
            refused[place] = f"its labels are of {fine}, which cannot be turned into {level}"
    scorable = [frame for place, frame in enumerate(wanted) if place not in refused]
    if not scorable:
        raise FrameError(refused[0], path=how.root / (label_file(wanted[0]) or Path()))
    found = find_predictions(how.folder, scorable, label_map, level, index)
    if not found.files:
        raise FrameError(_text_of_none(scorable[0], found, len(scorable)), path=predicted)
    own = {
        frame.key for frame in scorable if _is_label_of(how.root, frame, how.folder / found.files.get(frame.key, ""))
    }
    if own and own.issuperset(found.files):
        raise FrameError(f"holds no predictions: every file found is {_ITSELF}", path=predicted)
    tasks = [
        Task(place, frame, found.files[frame.key])
        for place, frame in enumerate(wanted)
        if place not in refused and frame.key in found.files and frame.key not in own
    ]
    workers = min(jobs, 1 + len(tasks) // _FRAMES_OF_A_WORKER)
    scored = run_all(partial(score_frame, how), tasks, workers, _PRELOAD, lambda one: one.place, progress)
    problems = [*_problems_of_dataset(index, split), *_problems_of_folder(how.folder, found)]
    for place, frame in enumerate(wanted):
        if place in refused:
            file = how.root / (label_file(frame) or Path())
            problems.append(EvaluationProblem(DATASET, frame.key, file, refused[place]))
        elif frame.key in found.missing:
            text = found.missing[frame.key]
            problems.append(EvaluationProblem(MISSING, frame.key, how.folder, text, printable(frame.key)))
        elif frame.key in own:
            file = how.folder / found.files[frame.key]
            problems.append(EvaluationProblem(MISSING, frame.key, file, f"no prediction: is {_ITSELF}"))
        else:
            problems += scored[place].problems
    notes += _notes_of_extra(found)
    notes += _notes_of_sizes(tasks, scored, resolution)
    confusion, listed = _add_up(how, tasks, scored)
    if listed:
        notes += _notes_of_classes(confusion)
    return Evaluation(
        label_map, level, resolution, split, confusion, listed, len(wanted), tuple(problems), tuple(notes)
    )


def _is_label_of(root: Path, frame: Frame, file: Path) -> bool:
    """Return whether a file is the true label image of a frame, by whatever name: its score would be 100 %."""
    try:
        if frame.annotation is not None and DERIVED.search(file.name):  # painted of its polygons, and lying beside them
            return os.path.samefile((root / frame.annotation).parent, file.parent)
        return os.path.samefile(root / (label_file(frame) or ""), file)
    except OSError:  # whatever is wrong with a file is said when it is read
        return False


def _add_up(
    how: Protocol, tasks: Sequence[Task], scored: Mapping[int, Scored]
) -> tuple[Confusion, tuple[ScoredFrame, ...]]:
    """Return the matrix of all frames, and each frame's score, the worst first and those without any last."""
    total = np.zeros((len(how.names), len(how.names) + 1), dtype=np.int64)
    listed: list[ScoredFrame] = []
    for task in tasks:
        counts = scored[task.place].counts
        if counts is not None:
            total += counts
            its = Confusion(how.names, counts)
            iou = tuple(its.iou().tolist())
            pixels = int(counts.sum())
            listed.append(ScoredFrame(task.frame.key, its.mean_iou, its.pixel_accuracy, pixels, iou, task.predicted))
    listed.sort(key=lambda frame: (math.isnan(frame.mean_iou), frame.mean_iou))
    return Confusion(how.names, total), tuple(listed)


def _problems_of_dataset(index: Index, split: str | None) -> list[EvaluationProblem]:
    """Return what is left out of the dataset, without what lies in other splits."""
    return [
        EvaluationProblem(DATASET, "", Path(index.root) / problem.path, problem.problem)
        for problem in errors_of(index, () if split is None else (split,))
    ]


def _problems_of_folder(folder: Path, found: Predictions) -> list[EvaluationProblem]:
    return [
        EvaluationProblem(DATASET, "", folder / problem.path, problem.problem)
        for problem in found.problems
        if problem.is_error
    ]


def _text_of_none(frame: Frame, found: Predictions, count: int) -> str:
    name = "/".join(part for part in (frame.sequence, f"{frame.name}_label.png") if part)
    text = f"no prediction of any of the {count} frames; looked for such as {printable(name)}"
    why = found.missing[frame.key].removeprefix("no prediction").removeprefix(": ")
    return f"{text}; {why}" if why else text


def _notes_of_extra(found: Predictions) -> list[str]:
    if not found.extra:
        return []
    first = printable(found.extra[0].as_posix())
    are = "predictions are" if len(found.extra) > 1 else "prediction is"
    return [f"{len(found.extra)} {are} of no frame that is scored, the first {first}"]


def _notes_of_classes(confusion: Confusion) -> list[str]:
    without = [name for name, iou in zip(confusion.classes, confusion.iou(), strict=True) if np.isnan(iou)]
    return [f"neither true nor predicted anywhere, left out of the mean: {', '.join(without)}"] if without else []


def _notes_of_sizes(
    tasks: Sequence[Task], scored: Mapping[int, Scored], resolution: tuple[int, int] | None
) -> list[str]:
    """Return a note on predictions that have neither the shape of their truth nor that of the resolution."""
    if resolution is None:
        return []
    odd = [(task, sizes) for task in tasks if (sizes := scored[task.place].sizes) and not _is_alike(*sizes, resolution)]
    if not odd:
        return []
    task, ((width, height), (its_width, its_height)) = odd[0]
    first = f"{printable(task.predicted.as_posix())}: {its_width}x{its_height}, its truth is {width}x{height}"
    return [f"{len(odd)} predictions have neither the aspect of their truth nor of the resolution, the first {first}"]


def _is_alike(truth: tuple[int, int], predicted: tuple[int, int], resolution: tuple[int, int]) -> bool:
    # To a pixel of the smaller one: 320x227 is 1920x1361 made smaller, to the nearest row.
    return any(
        abs(predicted[0] * height - predicted[1] * width) <= max(width, height, *predicted)
        for width, height in (truth, resolution)
    )
