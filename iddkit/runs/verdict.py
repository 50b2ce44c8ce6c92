"""The verdict on a split: what networks that were trained on it say of it, in sentences.

`judge` asks of one run, or of several on the same split: does a network learn every label, was the validation split
seen in training, how far is the score from the published one, do the two splits hold the same labels, and was the
training long enough to tell. A run that was too short leaves the verdict open; that is no fault of the split.

A label is *learned* when its IoU is well above chance (`iddkit.runs.learning`). A network that predicts label c
everywhere has an IoU of p, the label's share of the labelled pixels; one that predicts it at random, on a share q of
them, has p q / (p + q - p q), which is never more than p. So p bounds what can be had by a network that ignores both
image and place. One that ignores the image alone can do better where labels keep their places: on IDD-lite the picture
of the most frequent label at each place closes 56 % of the gap from p to 1 for drivable, 32 % for sky and 18 % for far
objects. Chance is the larger of the two, where a run has both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from iddkit.errors import printable
from iddkit.runs.beside import find_scores, is_far_below
from iddkit.runs.finding import Finding, Level, counted, duration, listed, name_of, percent, quoted
from iddkit.runs.learning import LEAST_VALIDATIONS, Course, Standing, course_of, standings
from iddkit.runs.record import Run
from iddkit.runs.splits import find_absent, find_leaks, find_shares

__all__ = ["Finding", "Verdict", "judge"]

#: A label with a smaller share of the scored pixels is hardly there: its IoU hangs on a few objects.
HARDLY_THERE: Final = 0.0005

_RULE: Final = (
    "A label counts as learned when a tenth of the gap from chance to 100 % is closed. Chance is its share of the "
    "scored pixels, the IoU of a network that predicts it everywhere"
)
_WITH_PRIOR: Final = (
    " or, where that is more, its IoU in a picture that never changes: at each place the most frequent label of "
    "training."
)
_WITHOUT_PRIOR: Final = (
    "; this holds only for networks that ignore the place. One that knows where in the picture a label mostly is, and "
    "nothing else, has more, and how much was not measured."
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What runs say of a split: in a sentence or two, and point by point."""

    summary: str
    findings: tuple[Finding, ...]


def judge(runs: Sequence[Run]) -> Verdict:
    """Return what runs say of the split that they were trained on.

    Runs of different frames, labels or levels are judged apart, and each finding says of which it is.

    Raises
    ------
    ValueError
        There are no runs.
    """
    if not runs:
        raise ValueError("no runs, no verdict")
    groups: dict[tuple[object, ...], list[Run]] = {}
    for run in runs:
        key = (run.fingerprint, run.label_map, run.level, run.labels)
        groups.setdefault(key, []).append(run)
    verdicts = [_judge_split(group) for group in groups.values()]
    if len(verdicts) == 1:
        return verdicts[0]
    named = list(zip(_tell_apart([group[0] for group in groups.values()]), verdicts, strict=True))
    return Verdict(
        " ".join(f"{name}: {verdict.summary}" for name, verdict in named),
        tuple(replace(found, title=f"{name}: {found.title}") for name, verdict in named for found in verdict.findings),
    )


def _tell_apart(runs: Sequence[Run]) -> list[str]:
    names = [f"{printable(run.dataset, 60)} at {run.level}" for run in runs]
    sizes = [f"{run.train.frames:,} + {run.val.frames:,} frames" for run in runs]
    pairs = [f"{name} ({size})" if names.count(name) > 1 else name for name, size in zip(names, sizes, strict=True)]
    return [
        f"{pair}, files {printable(run.fingerprint, 60)[:8]}" if pairs.count(pair) > 1 else pair
        for pair, run in zip(pairs, runs, strict=True)
    ]


def _judge_split(runs: Sequence[Run]) -> Verdict:
    courses = [course_of(run) for run in runs]
    learned, leakage = _find_learned(runs, courses), find_leaks(runs)
    scores = tuple(find_scores(runs, courses))
    findings = (
        *(learned, *find_absent(runs[0]), leakage, *scores, find_shares(runs[0])),
        *(_find_course(run, course) for run, course in zip(runs, courses, strict=True)),
    )
    train, val = runs[0].train.frames, runs[0].val.frames
    judged = f"Judged by {listed([name_of(run) for run in runs])} on {train:,} training and {val:,} validation frames."
    faults = [found.title for found in findings if found.level == "bad"]
    rest = "; ".join(found.title for found in (learned, leakage, *scores) if found.level != "bad")
    if faults:
        others = f" Besides: {rest}." if rest else ""
        return Verdict(f"The split has faults: {'; '.join(faults)}.{others} {judged}", findings)
    is_enough = any(course.is_enough for course in courses)
    if learned.level == "note" and not is_enough:
        return Verdict(f"The verdict is open: {rest}. {judged}", findings)
    is_sure = learned.level == leakage.level == "good" and is_enough and not any(map(is_far_below, runs))
    limit = "" if is_sure else ", as far as can be told"
    return Verdict(f"The split does what it is for{limit}: {rest}. {judged}", findings)


def _find_learned(runs: Sequence[Run], courses: Sequence[Course]) -> Finding:
    """Say which labels are learned: one that no network learns weighs more than one that some network did not."""
    by_run = [standings(run) for run in runs]
    # Of labels that one run scored: a run at a small size may have lost the last pixel of one.
    scored = [i for i in range(len(runs[0].labels)) if any(ones[i].pixels for ones in by_run)]
    if not scored:
        return Finding("bad", "nothing was scored", "No pixel of the validation split has a label.")
    best = [max((ones[i] for ones in by_run), key=lambda one: one.above_chance) for i in scored]
    lost = [one for one in best if not one.is_learned]
    if lost:
        words = [f"{'Not learned' if len(runs) == 1 else 'Learned by no network'}: {_describe(lost)}."]
    else:
        words = [f"Nearest to chance: {_describe([min(best, key=lambda one: one.above_chance)])}."]
    for run, ones in zip(runs, by_run, strict=True):
        own = [ones[i] for i, top in zip(scored, best, strict=True) if top.is_learned and not ones[i].is_learned]
        words += [f"{name_of(run)} did not learn {_describe(own)}; another network did."] if own else []
    text = " ".join([*words, _rule(runs)])
    if not lost:
        return Finding("good", f"all {counted(len(best), 'label')} learned", text)
    count = f"{len(best) - len(lost)} of {len(best)} labels learned"
    if not any(course.is_enough for course in courses):
        return Finding("note", f"{count}, and training was too short to hold the others against the split", text)
    fair = [one.label for one in lost if one.chance >= HARDLY_THERE and one.in_training]
    if not fair:
        return Finding("note", f"{count}, and of the others hardly a pixel is there", text)
    return Finding("bad", f"{'not learned' if len(runs) == 1 else 'learned by no network'}: {quoted(fair)}", text)


def _rule(runs: Sequence[Run]) -> str:
    without = [name_of(run) for run in runs if run.prior is None]
    if not without:
        return _RULE + _WITH_PRIOR
    if len(without) == len(runs):
        return _RULE + _WITHOUT_PRIOR
    return (
        _RULE + _WITH_PRIOR + f" That picture was not measured for {listed(without)}, whose chance is the share alone."
    )


def _describe(ones: Sequence[Standing]) -> str:
    return ", ".join(
        f"{quoted([one.label])} with an IoU of {percent(one.iou)} (chance {percent(one.chance)}, "
        f"{percent(one.in_training)} of the training pixels)"
        for one in ones
    )


def _find_course(run: Run, course: Course) -> Finding:
    """Say whether a training was long enough, and whether it went too far."""
    text = (
        f"It saw {course.images:,} images, each {course.passes:.1f} times, in {duration(run.seconds)}, and ended as "
        f"'{printable(run.finished, 40)}'; the weights of epoch {run.best_epoch} are scored."
    )
    what = []
    if course.interrupted:
        what.append("was interrupted")
    if course.is_short:
        what.append("is too short to tell what cannot be learned")
    if course.still_improves and course.gain is not None:
        what.append("was still improving at its end")
        text += f" The last fifth of the validations gained {100 * course.gain:.1f} points."
    if course.overfits:
        what.append("went on after its best")
        text += f" The score fell by {100 * course.since_best:.1f} points while the loss fell on: images by heart."
    if course.went_through and course.gain is not None and course.gain > 0:
        text += (
            f" The last fifth of the validations gained {100 * course.gain:.1f} points, where the learning rate falls "
            "to zero: that gain does not tell whether a longer training would end higher."
        )
    if course.gain is None:
        what.append("was validated too seldom to show a curve")
        text += f" {counted(len(course.scores), 'validation')} of at least {LEAST_VALIDATIONS}."
    level: Level = "note" if what else "good"
    good = "went through its schedule" if course.went_through else "had come to rest"
    return Finding(level, f"training of {name_of(run)} {listed(what) or good}", text)
