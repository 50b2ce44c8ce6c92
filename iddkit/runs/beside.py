"""A run's score beside the published one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from iddkit.errors import printable
from iddkit.runs.finding import Finding, Level, duration, listed, name_of, percent, resolution_text
from iddkit.runs.learning import Course
from iddkit.runs.published import (
    EARLY_BYTES,
    EARLY_SCORE,
    EARLY_SECONDS,
    EARLY_SOURCE,
    SCORES_SOURCE,
    Published,
    published_for,
)
from iddkit.runs.record import Run

#: Mean IoU, a part of 1: a score so near to the published one is the same, one so far from it asks for a reason.
SAME: Final = 0.02
FAR: Final = 0.15

#: A training that saw each image fewer times is not one for the score: ERFNet's authors train 150 epochs for theirs.
FULL_PASSES: Final = 50


def find_scores(runs: Sequence[Run], courses: Sequence[Course]) -> Iterator[Finding]:
    """Yield what is to be said of the score of each run of one split; one note if nothing was published of any."""
    known = published_for(runs[0].label_map, runs[0].level)
    scores = [None if known is None else known.mean_iou_of(run.model) for run in runs]
    for run, course, score in zip(runs, courses, scores, strict=True):
        if known is not None and score is not None:
            yield _compare(run, course, known, score)
    if all(score is None for score in scores):
        models = listed(sorted({run.model for run in runs}))
        text = "Of no network, at this level." if known is None else f"Only of {listed([*known.mean_ious])}."
        yield Finding("note", f"no published score of {models} to compare with", f"{text} ({SCORES_SOURCE})")


def is_far_below(run: Run) -> bool:
    """Return whether a run is far below what was published of its network on the dataset whose labels it has."""
    known = published_for(run.label_map, run.level)
    score = None if known is None else known.mean_iou_of(run.model)
    return score is not None and run.confusion.mean_iou < score - FAR


def _compare(run: Run, course: Course, known: Published, score: float) -> Finding:
    got = run.confusion.mean_iou
    if math.isnan(got):
        return Finding("bad", f"{name_of(run)} has no score", "No pixel of the validation split has a label.")
    words = [
        f"Mean IoU {percent(got)}, published {percent(score)} ({SCORES_SOURCE}, {known.dataset}).",
        *_differences(run, course, known),
    ]
    if not _is_release(run, known):
        # A level is not a dataset: what is far from a score of other frames is no fault, and no sign of leakage.
        return Finding("note", f"{name_of(run)} has a mean IoU of {percent(got)}", " ".join(words))
    points = 100 * (got - score)
    side = "above" if points > 0 else "below"
    title = f"{name_of(run)} is {abs(points):.1f} points {side} the published {percent(score)}"
    level: Level = "good" if points >= -100 * SAME else "note"
    # A fault of the split only where nothing else accounts for it: training, resolution, labels, fewer images.
    is_same = run.size == known.size and len(run.labels) == known.labels and run.train.frames >= known.frames[0][0]
    if is_far_below(run) and is_same and course.is_enough and course.passes >= FULL_PASSES:
        level = "bad"
    elif points > 100 * FAR:
        level = "note"
        words.append("So far above, look for validation frames that training has seen.")
    return Finding(level, title, " ".join(words))


def _is_release(run: Run, known: Published) -> bool:
    """Return whether a run has as many frames as a release of the dataset, so that they may well be its frames."""
    return (run.train.frames, run.val.frames) in known.frames


def _differences(run: Run, course: Course, known: Published) -> Iterator[str]:
    """Yield what else than the split may be why the scores differ."""
    used, (train, val) = (run.train.frames, run.val.frames), known.frames[0]
    if not _is_release(run, known):
        releases = " or ".join(f"{a:,} and {b:,}" for a, b in known.frames)
        yield (
            f"Labels as in {known.dataset}; whether the frames are its frames is not known: they are {used[0]:,} for "
            f"training and {used[1]:,} for validation, released were {releases}. Scores on other frames do not compare."
        )
    elif used != (train, val):
        yield (
            f"The published score is of {train:,} training and {val:,} validation images, this one of "
            f"{used[0]:,} and {used[1]:,}, so that the gap is not the split's alone."
        )
    if known.labels != len(run.labels):
        yield (
            f"The published score is stated for {known.labels} labels and this one is the mean over {len(run.labels)}: "
            "strictly, they do not compare."
        )
    if run.size != known.size:
        sizes = [resolution_text(size) for size in (known.size, run.size)]
        yield f"It was scored at {sizes[0]} pixels and this one at {sizes[1]}: strictly, they do not compare."
    yield (
        f"This training saw {run.train.frames:,} images {course.passes:.1f} times, in {duration(run.seconds)} on "
        f"{printable(run.device, 60)}; how long the published one took on its GPU was not stated."
    )
    if (known.dataset, run.model) == ("IDD-lite", "erfnet") and _is_release(run, known):
        seconds = next((epoch.seconds for epoch, score in course.scores if score > EARLY_SCORE), None)
        passed = "It never passed" if seconds is None else f"After {duration(seconds)} it had passed"
        yield (
            f"{passed} {percent(EARLY_SCORE)}, for which {duration(EARLY_SECONDS)} are published, with "
            f"{EARLY_BYTES / 1e9:.0f} GB of a GPU ({EARLY_SOURCE})."
        )
