"""What is said in words of benchmark runs: page and Markdown share the sentences."""

from __future__ import annotations

from collections.abc import Sequence

from iddkit.errors import printable
from iddkit.reporting.benchmark_entries import (
    Entry,
    count_sequences,
    group_entries,
    margin_of,
    pair_entries,
    scored_frames,
)
from iddkit.reporting.benchmark_tables import passes_of
from iddkit.reporting.figure import metric, number, signed
from iddkit.reporting.page import Fact
from iddkit.runs.finding import counted, duration, resolution_text
from iddkit.runs.learning import course_of

#: Runs that are named in one sentence.
MOST_NAMED = 6

_ENDS = {
    "complete": "ran to its end",
    "budget": "ended when its time was used up",
    "early stop": "was stopped early, as its score no longer rose",
    "interrupted": "was interrupted",
}


def title_of(entries: Sequence[Entry]) -> str:
    """Return the heading of a report: ``erfnet, drn on idd_lite``."""
    names = [entry.name for entry in entries]
    datasets = list(dict.fromkeys(printable(entry.run.dataset, 60) for entry in entries))
    shown = ", ".join(names[:MOST_NAMED]) + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")
    return f"{shown} on {', '.join(datasets[:3]) if len(datasets) <= 3 else f'{len(datasets)} datasets'}"


def describe(entries: Sequence[Entry]) -> str:
    """Return what was done, in a sentence or two."""
    run = entries[0].run
    if len(entries) > 1:
        groups = group_entries(entries)
        if len({(one.run.dataset, one.run.train, one.run.val, one.run.size) for one in entries}) > 1 or len(groups) > 1:
            return (
                f"{len(entries)} trainings, each scored on the validation split of its own dataset and classes: "
                f"{'; '.join(group.title for group in groups)}."
            )
        return (
            f"{len(entries)} trainings on the same {run.train.frames:,} frames of {printable(run.dataset, 60)} "
            f"({groups[0].title}), scored on the same {run.val.frames:,} validation frames at "
            f"{_pixels(run.size)}."
        )
    (entry,) = entries
    epochs, passes = passes_of(entry)
    return (
        f"{printable(run.model, 60)} was trained on {run.train.frames:,} frames of {printable(run.dataset, 60)} "
        f"({group_entries(entries)[0].title}) for {duration(run.seconds)}: {_epochs(epochs)}, {passes:.1f} passes over "
        f"the training split, on {_devices(entry)}. It was scored on {run.val.frames:,} validation frames at "
        f"{_pixels(run.size)}."
    )


def _pixels(size: tuple[int, int]) -> str:
    return f"{resolution_text(size)} pixels (height x width)"


def _devices(entry: Entry) -> str:
    run = entry.run
    several = f"{run.devices} x " if run.devices > 1 else ""
    return f"{several}{printable(run.device, 80)} in {printable(run.precision, 20)}"


def facts(entries: Sequence[Entry]) -> tuple[Fact, ...]:
    """Return the headlines: of one run its score, size and speed; of several the best of each."""
    if len(entries) > 1:
        return _facts_of_several(entries)
    (entry,) = entries
    run, its, target = entry.run, entry.confusion, entry.published_score
    found = [Fact("mean IoU", percentage(its.mean_iou), f"of {len(run.labels)} classes, {run.val.frames:,} val frames")]
    if target is not None and entry.published is not None:
        note = f"{entry.published.dataset}; this run is {points(its.mean_iou - target)}"
        found.append(Fact("published mean IoU", percentage(target), note))
    found.append(
        Fact("pixel accuracy", percentage(its.pixel_accuracy), f"mean of the classes {percentage(its.mean_accuracy)}")
    )
    found.append(
        Fact("training", duration(run.seconds), f"best epoch {run.best_epoch} of {passes_of(entry)[0]}; {ended(entry)}")
    )
    found.append(Fact("parameters", _count(run.parameters), f"{number(run.gmacs, 4)} GMACs an image"))
    if run.speed is not None:
        note = f"{number(run.speed.fps)} images a second, one at a time"
        found.append(Fact("latency", f"{number(run.speed.milliseconds)} ms", note))
    return tuple(found)


def _facts_of_several(entries: Sequence[Entry]) -> tuple[Fact, ...]:
    found = []
    scored = [entry for entry in entries if entry.is_scored]
    if scored:
        best = max(scored, key=lambda entry: entry.confusion.mean_iou)
        found.append(Fact("best mean IoU", percentage(best.confusion.mean_iou), best.name))
    smallest = min(entries, key=lambda entry: entry.run.parameters)
    note = f"{smallest.name}, {number(smallest.run.gmacs, 4)} GMACs an image"
    found.append(Fact("fewest parameters", _count(smallest.run.parameters), note))
    timed = [
        (entry.run.speed.milliseconds, place) for place, entry in enumerate(entries) if entry.run.speed is not None
    ]
    if timed:
        shortest, place = min(timed)
        found.append(Fact("shortest latency", f"{number(shortest)} ms", entries[place].name))
    return tuple(found)


def readings(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """Return what these runs can and cannot show: title and sentences."""
    found = [("How long they were trained", " ".join(_budget(entry) for entry in entries))]
    if len(entries) == 1:
        found = [("How long it was trained", found[0][1])]
    found.append(
        (
            "The best epoch was picked on the validation split",
            "The scored weights are those of the epoch that did best on the validation split, so its score is a "
            "little too good, the more so the more often it was validated. " + _last_scores(entries) + " A split that "
            "no choice was made on would say what is left of it; published scores are of the validation split, too.",
        )
    )
    found.append(("Chance", _chance(entries)))
    found += [("Beside the published scores", text) for text in [_beside_published(entries)] if text]
    found += [("Runs that differ", text) for text in [_differences(entries)] if text]
    return found


def _epochs(number: int) -> str:
    return "1 epoch" if number == 1 else f"{number:,} epochs"


def _budget(entry: Entry) -> str:
    run, (epochs, passes) = entry.run, passes_of(entry)
    if not run.epochs:
        return f"{entry.name} has no epoch."
    text = f"{entry.name} {ended(entry)} after {duration(run.seconds)}, {_epochs(epochs)}, {passes:.1f} passes"
    course = course_of(run)
    if course.gain is None:
        return f"{text}; its validations are too few to say whether its score still rose."
    if course.gain <= 0:
        return f"{text}; in the last fifth of its validations its best score did not rise."
    rose = f"{text}; in the last fifth of its validations its best score rose by {100 * course.gain:.2f} points"
    if course.still_improves:
        return f"{rose}: it was still improving, and what it reaches is a lower bound of what the network can."
    return f"{rose}."


def _last_scores(entries: Sequence[Entry]) -> str:
    found = [
        f"{entry.name}: {len(entry.validated)} validation{'s' * (len(entry.validated) != 1)}, best "
        f"{percentage(max(one.mean_iou or 0.0 for one in entry.validated))}, last "
        f"{percentage(entry.validated[-1].mean_iou or 0.0)}"
        for entry in entries
        if entry.validated
    ]
    return f"{'; '.join(found)}." if found else "None of the runs was validated while it was trained."


def _chance(entries: Sequence[Entry]) -> str:
    found = []
    for entry in entries:
        frames = scored_frames(entry.run)
        scores, keys = [one.mean_iou for one in frames], [one.key for one in frames]
        margin = margin_of(scores, keys)
        if margin is not None:
            sequences = count_sequences(keys)
            of = counted(len(frames), "frame") + (f" of {counted(sequences, 'sequence')}" if sequences else "")
            mean = percentage(sum(scores) / len(scores))
            found.append(f"{entry.name} {mean} \N{PLUS-MINUS SIGN} {100 * margin:.1f} ({of})")
    if not found:
        return "There are too few validation sequences to say how much the score owes to the choice of them."
    text = (
        f"Mean of the scores of single frames, with its 95 % interval: {'; '.join(found)}. It holds if the sequences "
        "were drawn by chance, as frames of one sequence are alike; where frames are of no sequence, if the frames "
        "were. The same recipe with another seed gives another score, too: that a difference is real, only several "
        "seeds show."
    )
    if pair_entries(entries):
        text += " Runs on the same frames are compared frame by frame below: what is hard for all of them cancels out."
    return text


def _beside_published(entries: Sequence[Entry]) -> str:
    found = []
    for entry in entries:
        row, size = entry.published, entry.run.size
        if row is None:
            found.append(f"Nothing was published of {printable(entry.run.level, 40)} ({entry.name}).")
        elif size != row.size:
            found.append(
                f"{entry.name} was scored at {_pixels(size)}, the published score of {row.dataset} at "
                f"{resolution_text(row.size)}."
            )
        if row is not None and entry.published_score is None:
            found.append(f"No score of {printable(entry.run.model, 40)} was published on {row.dataset}.")
    if any(entry.published is not None for entry in entries):
        found.append(
            "The published scores are of the published frames; of another choice of frames, or of a network that was "
            "trained for longer or began with weights of another dataset, another score is to be expected. Results of "
            "challenges are of the test split, under limits of memory and time."
        )
    return " ".join(dict.fromkeys(found))


def _differences(entries: Sequence[Entry]) -> str:
    groups = group_entries(entries)
    found = []
    if len(groups) > 1:
        found.append(
            f"The runs tell different classes apart ({'; '.join(group.title for group in groups)}): their mean IoU are "
            "means over different things, and tables of classes stand side by side only within each group."
        )
    for what, values in (
        ("datasets", {entry.run.dataset for entry in entries}),
        ("sizes of the scored images", {entry.run.size for entry in entries}),
        ("devices of the latency", {entry.run.speed.device for entry in entries if entry.run.speed is not None}),
        ("sizes of the timed images", {entry.run.speed.size for entry in entries if entry.run.speed is not None}),
    ):
        if len(values) > 1:
            found.append(f"They differ in the {what}; compare with care.")
    return " ".join(found)


def ended(entry: Entry) -> str:
    """Return how a training ended: ``ended when its time was used up``."""
    return _ENDS.get(entry.run.finished, printable(entry.run.finished, 60))


def percentage(value: float) -> str:
    """Return a score in per cent, with two digits after the point as published ones have; ``-`` for NaN."""
    return "-" if value != value else f"{100 * value:.2f} %"


def points(difference: float) -> str:
    """Return a difference of two scores: ``+1.20 points``."""
    return "without a score" if difference != difference else f"{signed(round(100 * difference, 2), 4)} points"


def _count(value: int) -> str:
    return f"{value / 1e6:.3f} M" if value >= 1_000_000 else metric(value) if value < 1000 else f"{value / 1000:.1f} k"


def glossary() -> tuple[tuple[str, str], ...]:
    """Return the words of the report and what they mean."""
    return (
        (
            "IoU of a class",
            "Pixels that are and were predicted as it, divided by those that are or were predicted as it.",
        ),
        ("Mean IoU", "Mean of the IoU of the classes; a class neither in the split nor predicted is left out."),
        ("Pixel accuracy", "Share of the pixels with a class that were predicted as it. Void pixels count nowhere."),
        ("Recall, mean accuracy", "Share of a class's pixels that were predicted as it; its mean over the classes."),
        ("Precision", "Share of the pixels predicted as a class that are of it."),
        ("Points", "Differences of percentages: from 60 % to 62 % are two points."),
        ("Pass", "As many training images as the training split has."),
        ("GMACs", "Multiply-adds of a forward pass of one image of the scored size, in units of 10^9."),
        (
            "Latency",
            "Time of a forward pass of one image: median, tenth and ninetieth percentile. FPS follows from it.",
        ),
        (
            "Conversion",
            "Largest change of logits when a network's gradually grouped convolutions became grouped ones.",
        ),
        ("Near-duplicate", "A validation frame whose thumbnail is almost that of a training frame."),
    )
