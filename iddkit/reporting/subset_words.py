"""What is said in words of a derived dataset: page, Markdown and card share the sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from iddkit.errors import printable
from iddkit.reporting.figure import number, percent, signed
from iddkit.subset.evidence import LabelEvidence, Measure, SplitEvidence, SubsetEvidence

#: What the methods of `iddkit.subset.plan.METHODS` do, as one reads of them.
METHOD_NAMES: Final = {
    "balanced": "balanced swaps",
    "random": "a random draw",
    "every-kth": "every k-th frame",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """A headline: a figure with what it is and what belongs to it."""

    title: str
    value: str
    note: str


def describe(evidence: SubsetEvidence) -> str:
    """Return what the dataset is, in a sentence or two."""
    derived, source = evidence.derived, evidence.source
    method = METHOD_NAMES.get(str(evidence.plan.get("method")), str(evidence.plan.get("method")))
    how = "from a given list" if evidence.plan.get("frames") is not None else f"by {method}"
    seed = "" if evidence.plan.get("frames") is not None else f" (seed {evidence.plan.get('seed')})"
    size = f"{derived.width:.0f} x {derived.height:.0f} pixels"
    return (
        f"{evidence.chosen:,} of {evidence.frames:,} labelled frames of {printable(source.name, 80)}, at {size} on "
        f"average, with the {derived.labels} labels of {evidence.level} that they hold. "
        f"The frames were chosen {how}{seed}."
    )


def facts(evidence: SubsetEvidence) -> tuple[Fact, ...]:
    """Return the headlines: how many frames, the worst errors, the place among random subsets, what is left out."""
    splits = evidence.splits
    named = len(splits) > 1
    counts = (
        ", ".join(f"{_name(s)} {s.chosen:,} of {s.frames:,}" for s in splits) if named else f"of {evidence.frames:,}"
    )
    sequences = [sequence for split in splits for sequence in split.sequences]
    covered = sum(sequence.chosen > 0 for sequence in sequences)
    found = [
        Fact("frames", f"{evidence.chosen:,}", counts),
        Fact("sequences", f"{covered:,} of {len(sequences):,}", "have at least one frame in the subset"),
        _worst_share(evidence),
        _worst_presence(evidence),
    ]
    measured = [split for split in splits if _moved(split)]
    if measured:
        largest = max(measured, key=lambda split: split.frames)
        best = sum(measure.beaten == len(measure.random) for measure in _moved(largest))
        note = f"errors{f' of {_name(largest)}' if named else ''} are smaller than in all of "
        note += f"{len(_moved(largest)[0].random)} random subsets"
        found.append(Fact("beside random", f"{best} of {len(_moved(largest))}", note))
    lost = evidence.lost().get(evidence.level, ())
    finest = splits[0].levels[0].level
    finer = evidence.lost().get(finest, ())
    note = f"labels of {evidence.level} are in the source and not in the subset"
    if finest != evidence.level:
        note += f"; of {finest}: {len(finer)}"
    found.append(Fact("labels left out", str(len(lost)), note))
    return tuple(found)


def comparisons(evidence: SubsetEvidence) -> tuple[str, ...]:
    """Return what a reader should know of the other datasets beside: whose labels are not all those of this one."""
    found = []
    for dataset in evidence.datasets[2:]:
        if dataset.foreign > 0:
            part = f"{percent(dataset.foreign, 2)} of the labelled pixels of {printable(dataset.name, 80)}"
            text = f"{part} have labels that {evidence.level} lacks"
            found.append(f"{text}." if dataset in evidence.compared else f"{text}: the figures leave it out.")
    return tuple(found)


def verdicts(evidence: SubsetEvidence) -> tuple[str, ...]:
    """Return for each split where it stands among random subsets, in plain words."""
    return tuple(_verdict(split) for split in evidence.splits if split.measures)


def _verdict(split: SplitEvidence) -> str:
    start = f"{f'{_name(split)}, ' if split.name else ''}{split.chosen:,} of {split.frames:,} frames: "
    total = len(split.measures[0].random)
    moved = _moved(split)
    if not moved:
        return f"{start}random subsets of this size have no error, either."
    groups: dict[int, list[str]] = {}
    for measure in moved:
        groups.setdefault(measure.beaten, []).append(measure.title.partition(" (")[0])
    parts = [f"than {_many(beaten, total)} in {_listed(groups[beaten])}" for beaten in sorted(groups, reverse=True)]
    parts[0] = parts[0].replace(f" {total} in ", f" {total} random subsets of this size in ", 1)
    return f"{start}nearer to the source {'; '.join(parts)}.{_gain(moved)}"


def _moved(split: SplitEvidence) -> list[Measure]:
    # Where random subsets have no error, there is nothing to be better than.
    return [measure for measure in split.measures if measure.median]


def _many(beaten: int, total: int) -> str:
    return f"all {total}" if beaten == total else f"{beaten or 'none'} of {total}"


def _gain(measures: list[Measure]) -> str:
    measure = next((measure for measure in measures if measure.name == "js"), None)
    if measure is None or not measure.median:
        return ""
    ratio = measure.median / measure.value if measure.value else 0.0
    against = f"{number(measure.value)} against {number(measure.median)} millionths of a bit"
    if ratio < 1.5:
        return f" The JS divergence of its label shares, beside that of the median random subset, is {against}."
    times = f"{float(f'{ratio:.2g}'):,.{0 if ratio >= 10 else 1}f}"
    return f" The JS divergence of its label shares is {times} times smaller than that of the median one: {against}."


def _worst_share(evidence: SubsetEvidence) -> Fact:
    found = [(split, split.level(evidence.level).worst_share) for split in evidence.splits]
    errors = [(split, label, 100 * (label.share_error or 0.0)) for split, label in found if label is not None]
    return _worst("worst share error", errors, " %", "common label: ")


def _worst_presence(evidence: SubsetEvidence) -> Fact:
    found = [(split, split.level(evidence.level).worst_presence) for split in evidence.splits]
    errors = [(split, label, 100 * label.presence_error) for split, label in found if label is not None]
    return _worst("worst presence error", errors, " points", "")


def _worst(title: str, errors: list[tuple[SplitEvidence, LabelEvidence, float]], unit: str, kind: str) -> Fact:
    if not errors:
        return Fact(title, "-", "no label is common enough to say")
    split, label, error = max(errors, key=lambda one: abs(one[2]))
    place = f" ({_name(split)})" if len(errors) > 1 else ""
    others = [f"{_name(s)}: {printable(lb.short)} {signed(e)}{unit}" for s, lb, e in errors if s is not split]
    return Fact(title, f"{signed(error)}{unit}", "; ".join([f"{kind}{printable(label.short)}{place}", *others]))


def _name(split: SplitEvidence) -> str:
    return printable(split.name, 40) if split.name else "all"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
