"""What is said in words of a derived dataset: page, Markdown and card share the sentences."""

from __future__ import annotations

from typing import Final

from iddkit.errors import printable
from iddkit.reporting.figure import number, percent, signed
from iddkit.reporting.page import Fact
from iddkit.subset.evidence import LabelEvidence, Measure, SplitEvidence, SubsetEvidence

#: A split with fewer chosen frames cannot hold the shares of rare labels, and readers are told so.
FEW: Final = 30

#: Labels, and lines on frames that could not be read, that are named where people read; tables name all of the former.
MOST_NAMED: Final = 20

#: What the methods of `iddkit.subset.plan.METHODS` do, as one reads of them.
METHOD_NAMES: Final = {
    "balanced": "balanced swaps",
    "random": "a random draw",
    "every-kth": "every k-th frame",
}


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
    counts = (
        ", ".join(f"{_name(s)} {s.chosen:,} of {s.frames:,}" for s in splits)
        if len(splits) > 1
        else f"of {evidence.frames:,}"
    )
    sequences = [sequence for split in splits for sequence in split.sequences]
    covered = sum(sequence.chosen > 0 for sequence in sequences)
    return (
        Fact("frames", f"{evidence.chosen:,}", counts),
        Fact("sequences", f"{covered:,} of {len(sequences):,}", "have at least one frame in the subset"),
        _worst_share(evidence),
        *_divergences(evidence),
        *_worst_presence(evidence),
        *_beside_random(evidence),
        _left_out(evidence),
    )


def lost_words(evidence: SubsetEvidence, level: str) -> str:
    """Return which labels of a level the splits lost: ``bus (val), "curb, wall" (train)``; "" for none."""
    return _shortened([printable(str(one)) for one in evidence.lost().get(level, ())])


def lost_sentence(evidence: SubsetEvidence) -> str:
    """Return in a sentence or two what the splits lost, at the output's level first."""
    finest, lost = evidence.finest, evidence.lost().get(evidence.level, ())
    text = f"At {evidence.level}, no label that frames of a split hold was left out of it."
    if lost:
        text = f"Held by frames of a split in the source and by none of its chosen frames, at {evidence.level}: "
        text += f"{lost_words(evidence, evidence.level)}."
    if finest != evidence.level:
        text += f" At {finest}, the finest level: {count_lost(evidence, finest)}."
    return text


def _left_out(evidence: SubsetEvidence) -> Fact:
    finest, lost = evidence.finest, evidence.lost().get(evidence.level, ())
    note = f"of {evidence.level}"
    note += f": {lost_words(evidence, evidence.level)}" if lost else ", in any split"
    if finest != evidence.level:
        note += f"; of {finest}: {count_lost(evidence, finest)}"
    return Fact("labels left out", str(len(lost)), note)


def count_lost(evidence: SubsetEvidence, level: str) -> str:
    """Return how many labels of a level each split lost: ``3 (train), 1 (val)``; "0" for none."""
    counts: dict[str, int] = {}
    for one in evidence.lost().get(level, ()):
        counts[one.split] = counts.get(one.split, 0) + 1
    parts = [f"{count} ({printable(split, 40)})" if split else str(count) for split, count in counts.items()]
    return ", ".join(parts) or "0"


def cautions(evidence: SubsetEvidence) -> tuple[str, ...]:
    """Return what a reader should mind before the numbers: splits with few frames."""
    few = [split for split in evidence.splits if split.chosen < min(FEW, split.frames)]
    if not few:
        return ()
    counts = _listed([f"{split.chosen:,}{f' ({_name(split)})' if split.name else ''}" for split in few])
    text = f"So few chosen frames as {counts} cannot hold the shares of rare labels. "
    return (f"{text}Look at the interval beside each error: about 95 % of random subsets of the same size lie inside.",)


def failure_lines(evidence: SubsetEvidence) -> tuple[str, ...]:
    """Return the lines on frames that could not be read: the first of them, and how many more there are."""
    lines = [printable(line, 2000) for line in evidence.failures]
    more = len(lines) - MOST_NAMED
    return (*lines[:MOST_NAMED], *([f"and {more:,} more"] if more > 0 else []))


def failures_sentence(evidence: SubsetEvidence) -> str:
    """Return how many frames could not be read; "" for none."""
    count = len(evidence.failures)
    if not count:
        return ""
    words = "frame could not be read and is" if count == 1 else "frames could not be read and are"
    return f"{count:,} {words} left out of everything:"


def presence_sentence(evidence: SubsetEvidence) -> str:
    """Return where presence cannot differ at the output's level, and what is shown for it; "" where it can."""
    fixed = [split for split in evidence.splits if split.has_fixed_presence(evidence.level)]
    if not fixed:
        return ""
    where = "" if len(fixed) == len(evidence.splits) else f" of {_listed([_name(split) for split in fixed])}"
    parts = [label.resized.presence for split in fixed for label in split.level(evidence.level).labels]
    text = f"Every label of {evidence.level} is in every frame{where}, or in none"
    if any(0 < part < 1 for part in parts):
        text = (
            f"Every label of {evidence.level} is in nearly every frame{where}, or in hardly any, so that single frames"
        )
        text += " decide about its presence in the subset"
    if evidence.presence_level != evidence.level:
        text += f": presence and pairs are shown at {evidence.presence_level}"
    return f"{text}."


def again_sentence(evidence: SubsetEvidence) -> str:
    """Return what the command makes again."""
    others = evidence.datasets[2:]
    what = "The same command" if evidence.plan.get("frames") is None else "The same command with the same list"
    if not others:
        return f"{what} makes the same dataset again, byte for byte:"
    names = _listed([printable(dataset.name, 80) for dataset in others])
    return f"{what} makes the same data again; this report also shows {names}, given by --beside:"


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
    """Return for each split where it stands among random subsets, in plain words: as published, then finest."""
    return tuple(
        _verdict(split, level)
        for level in measured_levels(evidence)
        for split in evidence.splits
        if any(measure.level == level for measure in split.measures)
    )


def measured_levels(evidence: SubsetEvidence) -> tuple[str, ...]:
    """Return the levels that choices were compared with random ones at: the output's first."""
    return tuple(dict.fromkeys(measure.level for split in evidence.splits for measure in split.measures))


def bits(value: float) -> str:
    """Return a divergence with three digits that count, small ones as powers of ten.

    Examples
    --------
    >>> bits(0.002031), bits(0.0000056), bits(0)
    ('0.00203', '5.6e-06', '0')
    """
    return f"{value:.3g}"


def value_of(measure: Measure, value: float) -> str:
    """Return a value of a measure as people read it, without its unit."""
    return bits(value) if measure.unit == "bits" else number(value)


def _verdict(split: SplitEvidence, level: str) -> str:
    found = split.measured(level)
    start = f"{f'{_name(split)}, ' if split.name else ''}{level}, {split.chosen:,} of {split.frames:,} frames: "
    if not found:
        return f"{start}random subsets of this size have no error, either."
    total = len(found[0].random)
    by_name = {measure.name: measure for measure in found}
    text = start
    if "worst_share" in by_name:
        one = by_name["worst_share"]
        text += f"the largest share error of a common label is {number(one.value)} % ({printable(one.label)}), "
        text += f"{_against(one)}. "
    if "js" in by_name:
        one = by_name["js"]
        text += f"The JS divergence of the shares is {bits(one.value)} bits, {_against(one)}. "
    groups: dict[int, list[str]] = {}
    for measure in found:
        groups.setdefault(measure.beaten, []).append(measure.title.partition(" (")[0])
    parts = [f"than {_many(beaten, total)} in {_listed(groups[beaten])}" for beaten in sorted(groups, reverse=True)]
    parts[0] = parts[0].replace(f" {total} in ", f" {total} random subsets of this size in ", 1)
    words = "nearer to the source" if text == start else "Nearer to the source"
    return f"{text}{words} {'; '.join(parts)}."


def _against(measure: Measure) -> str:
    """Return how many times smaller an error is than the median random subset's."""
    median = f"{value_of(measure, measure.median or 0.0)}{' %' if measure.unit == '%' else ''}"
    times = times_smaller(measure)
    if not times:
        return f"beside {median} in the median random subset"
    return f"{times} times smaller than in the median random subset ({median})"


def times_smaller(measure: Measure) -> str:
    """Return how many times smaller an error is than the median random subset's; "" for hardly or not."""
    if not measure.median or not measure.value or measure.median < 1.5 * measure.value:
        return ""
    ratio = measure.median / measure.value
    return f"{float(f'{ratio:.2g}'):,.{0 if ratio >= 10 else 1}f}"


def _many(beaten: int, total: int) -> str:
    return f"all {total}" if beaten == total else f"{beaten or 'none'} of {total}"


def _worst_share(evidence: SubsetEvidence) -> Fact:
    found = [(split, split.level(evidence.level).worst_share) for split in evidence.splits]
    errors = [(split, label, 100 * (label.share_error or 0.0)) for split, label in found if label is not None]
    fact = _worst("largest share error", errors, " %", f"common label of {evidence.level}")
    if not errors:
        return fact
    split = max(errors, key=lambda one: abs(one[2]))[0]
    against = [_against(one) for one in split.measured(evidence.level) if one.name == "worst_share"]
    first, *others = fact.note.split("; ")
    return Fact(fact.title, fact.value, "; ".join([", ".join([first, *against]), *others]))


def _divergences(evidence: SubsetEvidence) -> list[Fact]:
    found = [(s, one) for s in evidence.splits for one in s.measured(evidence.level) if one.name == "js"]
    if not found:
        return []
    split, worst = max(found, key=lambda pair: pair[1].value)
    parts = [f"{'' if len(found) == 1 else f'{_name(split)}, '}shares of {evidence.level}, {_against(worst)}"]
    parts += [f"{_name(s)}: {bits(one.value)}, {_against(one)}" for s, one in found if s is not split]
    return [Fact("JS divergence", f"{bits(worst.value)} bits", "; ".join(parts))]


def _worst_presence(evidence: SubsetEvidence) -> list[Fact]:
    level = evidence.presence_level
    splits = [split for split in evidence.splits if not split.has_fixed_presence(level)]
    found = [(split, split.level(level).worst_presence) for split in splits]
    errors = [(split, label, 100 * label.presence_error) for split, label in found if label is not None]
    return [_worst("largest presence error", errors, " points", f"label of {level}")] if errors else []


def _beside_random(evidence: SubsetEvidence) -> list[Fact]:
    levels = measured_levels(evidence)
    texts = []
    for level in levels:
        parts = []
        for split in evidence.splits:
            found = split.measured(level)
            if found:
                best = sum(measure.beaten == len(measure.random) for measure in found)
                parts.append(f"{f'{_name(split)} ' if len(evidence.splits) > 1 else ''}{best} of {len(found)}")
        texts.append(", ".join(parts))
    if not levels or not texts[0]:
        return []
    total = max(len(measure.random) for split in evidence.splits for measure in split.measures)
    note = f"errors of {levels[0]} are smaller than in all of {total} random subsets"
    note += "".join(f"; of {level}: {text}" for level, text in zip(levels[1:], texts[1:], strict=True) if text)
    return [Fact("beside random", texts[0], note)]


def _worst(title: str, errors: list[tuple[SplitEvidence, LabelEvidence, float]], unit: str, kind: str) -> Fact:
    if not errors:
        return Fact(title, "-", "no label is common enough to say")
    split, label, error = max(errors, key=lambda one: abs(one[2]))
    place = f" ({_name(split)})" if len(errors) > 1 else ""
    others = [f"{_name(s)}: {printable(lb.quoted)} {signed(e, 3)}{unit}" for s, lb, e in errors if s is not split]
    return Fact(title, f"{signed(error, 3)}{unit}", "; ".join([f"{kind}: {printable(label.quoted)}{place}", *others]))


def _name(split: SplitEvidence) -> str:
    return printable(split.name, 40) if split.name else "all"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _shortened(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join([*names[:MOST_NAMED], *([f"and {more} more"] if more > 0 else [])])
