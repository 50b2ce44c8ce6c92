"""The verdict on a split: what networks that were trained on it say of it, in sentences.

`judge` asks of one run, or of several on the same split: does a network learn every label, was the validation split
seen in training, how far is the score from the published one, do the two splits hold the same labels, and was the
training long enough to tell. A run that was too short leaves the verdict open; that is no fault of the split.

A label is *learned* when its IoU is well above chance (`iddkit.runs.learning`). A network that predicts label c
everywhere has an IoU of p, the label's share of the labelled pixels; one that predicts it at random, on a share q of
them, has p q / (p + q - p q), which is never more than p. So p bounds what can be had without looking at the image.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from iddkit.errors import printable
from iddkit.runs.beside import find_scores
from iddkit.runs.finding import Finding, Level, counted, duration, listed, name_of, percent, quoted
from iddkit.runs.learning import LEAST_VALIDATIONS, Course, Standing, course_of, standings
from iddkit.runs.record import Run

__all__ = ["Finding", "Verdict", "judge"]

#: A label with a smaller share of the scored pixels is hardly there: its IoU hangs on a few objects.
HARDLY_THERE: Final = 0.0005

#: Validation frames that training has seen, or nearly: from this part on they can move the score.
LEAKS: Final = 0.01

#: Jensen-Shannon divergence of the label shares of the two splits, in bits: up to the first they are alike, from the
#: second on they are not. Published IDD-lite (1,403 and 204 frames, level1) has 0.0008.
ALIKE_BITS: Final = 0.005
UNLIKE_BITS: Final = 0.05

_RULE: Final = (
    "Chance is the label's share of the scored pixels: the IoU of a network that predicts it everywhere. A label "
    "counts as learned when a tenth of the gap from there to 100 % is closed."
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What runs say of a split: in a sentence or two, and point by point."""

    summary: str
    findings: tuple[Finding, ...]


def judge(runs: Sequence[Run]) -> Verdict:
    """Return what runs say of the split that they were trained on.

    Runs of different datasets, levels or splits are judged apart, and each finding says of which it is.

    Raises
    ------
    ValueError
        There are no runs.
    """
    if not runs:
        raise ValueError("no runs, no verdict")
    groups: dict[tuple[object, ...], list[Run]] = {}
    for run in runs:
        key = (run.dataset, run.label_map, run.level, run.labels, run.train.frames, run.val.frames)
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
    return [f"{name} ({size})" if names.count(name) > 1 else name for name, size in zip(names, sizes, strict=True)]


def _judge_split(runs: Sequence[Run]) -> Verdict:
    courses = [course_of(run) for run in runs]
    learned, leakage = _find_learned(runs, courses), _find_leakage(runs)
    scores = tuple(find_scores(runs, courses))
    findings = (
        *(learned, *_find_absent(runs[0]), leakage, *scores, _find_shares(runs[0])),
        *(_find_course(run, course) for run, course in zip(runs, courses, strict=True)),
    )
    train, val = runs[0].train.frames, runs[0].val.frames
    judged = f"Judged by {listed([name_of(run) for run in runs])} on {train:,} training and {val:,} validation frames."
    faults = [found.title for found in findings if found.level == "bad"]
    rest = "; ".join(found.title for found in (learned, leakage, *scores) if found.level != "bad")
    if faults:
        others = f" Besides: {rest}." if rest else ""
        return Verdict(f"The split has faults: {'; '.join(faults)}.{others} {judged}", findings)
    if learned.level == "note" and not any(course.is_enough for course in courses):
        return Verdict(f"The verdict is open: {rest}. {judged}", findings)
    far = "" if learned.level == leakage.level == "good" else ", as far as can be told"
    return Verdict(f"The split does what it is for{far}: {rest}. {judged}", findings)


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
    text = " ".join([*words, _RULE])
    if not lost:
        return Finding("good", f"all {counted(len(best), 'label')} learned", text)
    count = f"{len(best) - len(lost)} of {len(best)} labels learned"
    if not any(course.is_enough for course in courses):
        return Finding("note", f"{count}, and training was too short to hold the others against the split", text)
    fair = [one.label for one in lost if one.chance >= HARDLY_THERE and one.in_training]
    if not fair:
        return Finding("note", f"{count}, and of the others hardly a pixel is there", text)
    return Finding("bad", f"{'not learned' if len(runs) == 1 else 'learned by no network'}: {quoted(fair)}", text)


def _describe(ones: Sequence[Standing]) -> str:
    return ", ".join(
        f"{quoted([one.label])} with an IoU of {percent(one.iou)} (chance {percent(one.chance)}, "
        f"{percent(one.in_training)} of the training pixels)"
        for one in ones
    )


def _find_absent(run: Run) -> Iterator[Finding]:
    """Say which labels a split is without."""
    both = list(zip(run.labels, run.train.pixels, run.val.pixels, strict=True))
    unscored = [name for name, train, val in both if train and not val]
    untrained = [name for name, train, val in both if val and not train]
    unknown = [name for name, train, val in both if not train and not val]
    if unscored:
        text = "Training has pixels of it and validation none: what a network makes of it is not scored."
        yield Finding("bad", f"not in validation: {quoted(unscored)}", text)
    if untrained:
        text = "Validation has pixels of it and training none: it cannot be learned, and lowers the mean IoU."
        yield Finding("bad", f"not in training: {quoted(untrained)}", text)
    if unknown:
        yield Finding("note", f"in neither split: {quoted(unknown)}", "It counts nowhere.")


def _find_leakage(runs: Sequence[Run]) -> Finding:
    """Say what of the validation split training has seen."""
    found = next((run.leakage for run in runs if run.leakage is not None), None)
    if found is None:
        return Finding("note", "leakage was not looked for", "No run compared the frames of the two splits.")
    frames, alike = max(1, runs[0].val.frames), len(found.duplicates)
    text = "No drive has frames in both splits."
    if found.sequences:
        text = (
            "Validation frames from drives of which training has frames, too: "
            f"{found.frames:,} of {frames:,} ({percent(found.frames / frames)}), from {quoted(found.sequences)}."
        )
    if alike:
        nearest = found.duplicates[0]
        text += (
            f" Validation frames that look like one of training: {alike:,} of {frames:,} ({percent(alike / frames)}), "
            f"{printable(nearest.val, 120)} like {printable(nearest.train, 120)} first of all; in {found.identical:,} "
            "the files are the same."
        )
    else:
        text += " No validation frame looks like one of training."
    if not found.sequences and not alike:
        return Finding("good", "no validation frame was seen in training", text)
    leaks = found.identical > 0 or max(found.frames, alike) >= LEAKS * frames
    parts = [f"{counted(found.frames, 'validation frame')} from drives of training"] if found.sequences else []
    parts += [f"{counted(alike, 'near-duplicate')} of training frames"] if alike else []
    return Finding("bad" if leaks else "note", f"leakage: {listed(parts)}", text)


def _find_shares(run: Run) -> Finding:
    """Say whether the two splits hold the same labels."""
    train, val = run.train.pixels, run.val.pixels
    if not sum(train) or not sum(val):
        which = "training" if not sum(train) else "validation"
        return Finding("bad", f"no labelled pixel in {which}", "The shares of labels cannot be compared.")
    shares = [(a / sum(train), b / sum(val)) for a, b in zip(train, val, strict=True)]
    bits = _divergence(shares)
    at = max(range(len(shares)), key=lambda i: abs(shares[i][0] - shares[i][1]))
    text = (
        f"The shares of the labels in the labelled pixels differ by {bits:.2g} bits (Jensen-Shannon divergence: 0 if "
        f"they are equal, 1 without a common label), most for {quoted([run.labels[at]])}: {percent(shares[at][0])} in "
        f"training, {percent(shares[at][1])} in validation."
    )
    if bits <= ALIKE_BITS:
        return Finding("good", "training and validation hold the labels in the same shares", text)
    if bits < UNLIKE_BITS:
        return Finding("note", "training and validation hold the labels in somewhat different shares", text)
    return Finding("bad", "training and validation hold the labels in different shares", text)


def _divergence(shares: Sequence[tuple[float, float]]) -> float:
    """Return the Jensen-Shannon divergence (Lin 1991) of two distributions, in bits."""
    return sum(x / 2 * math.log2(2 * x / (a + b)) for a, b in shares for x in (a, b) if x)


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
    if course.gain is None:
        what.append("was validated too seldom to show a curve")
        text += f" {counted(len(course.scores), 'validation')} of at least {LEAST_VALIDATIONS}."
    level: Level = "note" if what else "good"
    return Finding(level, f"training of {name_of(run)} {listed(what) or 'had come to rest'}", text)
