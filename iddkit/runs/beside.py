"""A run's score beside the published one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from iddkit.errors import printable
from iddkit.runs.finding import Finding, Level, duration, listed, name_of, percent
from iddkit.runs.learning import Course
from iddkit.runs.published import EARLY_SCORE, EARLY_SECONDS, EARLY_SOURCE, SCORES_SOURCE, Published, published_for
from iddkit.runs.record import Run

#: Mean IoU, a part of 1: a score so near to the published one is the same, one so far from it asks for a reason.
SAME: Final = 0.02
FAR: Final = 0.15

#: A training that saw each image fewer times is not one for the score: ERFNet's authors train 150 epochs for theirs.
FULL_PASSES: Final = 50

#: Training and validation images on which the published scores were measured (Mishra 2024, section 3.4). IDD-lite was
#: published once more, with 1,403 and 204.
PUBLISHED_FRAMES: Final = {
    "Cityscapes": (2975, 500),
    "IDD": (6993, 981),
    "IDD-mini": (1794, 253),
    "IDD-lite": (673, 110),
}


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


def _compare(run: Run, course: Course, known: Published, score: float) -> Finding:
    got = run.confusion.mean_iou
    if math.isnan(got):
        return Finding("bad", f"{name_of(run)} has no score", "No pixel of the validation split has a label.")
    points = 100 * (got - score)
    side = "above" if points > 0 else "below"
    title = f"{name_of(run)} is {abs(points):.1f} points {side} the published {percent(score)}"
    level: Level = "good" if points >= -100 * SAME else "note"
    words = [
        f"Mean IoU {percent(got)}, published {percent(score)} ({SCORES_SOURCE}, {known.dataset}).",
        *_differences(run, course, known),
    ]
    # A fault of the split only where nothing else accounts for it: training, resolution, fewer images.
    has_all = run.size == known.size and run.train.frames >= PUBLISHED_FRAMES[known.dataset][0]
    is_fair = course.is_enough and course.passes >= FULL_PASSES and has_all
    if points < -100 * FAR and is_fair:
        level = "bad"
    elif points > 100 * FAR:
        level = "note"
        words.append("So far above, look for validation frames that training has seen.")
    return Finding(level, title, " ".join(words))


def _differences(run: Run, course: Course, known: Published) -> Iterator[str]:
    """Yield what else than the split may be why the scores differ."""
    train, val = PUBLISHED_FRAMES[known.dataset]
    yield (
        f"This training saw {run.train.frames:,} images {course.passes:.1f} times, in {duration(run.seconds)} on "
        f"{printable(run.device, 60)}; how long the published one took on its GPU was not stated."
    )
    if (run.train.frames, run.val.frames) != (train, val):
        yield (
            f"The published score is of {train:,} training and {val:,} validation images, this one of "
            f"{run.train.frames:,} and {run.val.frames:,}, so that the gap is not the split's alone."
        )
    if run.size != known.size:
        sizes = [f"{height}x{width}" for width, height in (known.size, run.size)]
        yield f"It was scored at {sizes[0]} pixels and this one at {sizes[1]}: strictly, they do not compare."
    if (known.dataset, run.model) == ("IDD-lite", "erfnet"):
        seconds = next((epoch.seconds for epoch, score in course.scores if score > EARLY_SCORE), None)
        passed = "It never passed" if seconds is None else f"After {duration(seconds)} it had passed"
        yield f"{passed} {percent(EARLY_SCORE)}, for which {duration(EARLY_SECONDS)} are published ({EARLY_SOURCE})."
