"""The runs of one benchmark report: each with a name and a colour of its own, and grouped by what they tell apart."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from iddkit.errors import OptionError, printable
from iddkit.metrics import Confusion
from iddkit.reporting.figure import SECOND, SUBSET
from iddkit.runs import Epoch, FrameScore, Run
from iddkit.runs.learning import course_of, standings
from iddkit.runs.published import Published, published_for
from iddkit.runs.record import NAME

#: Colours and marks of runs: dark blue, then those of Okabe and Ito (2008), which are told apart by all.
COLORS: Final = (SUBSET, SECOND, "#009e73", "#cc79a7", "#56b4e9", "#b88a00")
SHAPES: Final = ("o", "D", "s", "^", "v", "P", "X")

#: Chance that an interval holds the true mean.
CONFIDENCE: Final = 0.95


@dataclass(frozen=True, eq=False, slots=True)
class Entry:
    """A run in a report.

    Attributes
    ----------
    name
        By which the report calls it; no other run in it is called so.
    slug
        The same as part of a file name.
    run, confusion
        What it told.
    color, shape
        Of its lines and marks.
    published
        What was published on the dataset of its label map and level; None if nothing was.
    """

    name: str
    slug: str
    run: Run
    confusion: Confusion
    color: str
    shape: str
    published: Published | None

    @property
    def published_score(self) -> float | None:
        """The published mean IoU of its network, a part of 1; None if there is none."""
        return None if self.published is None else self.published.mean_iou_of(self.run.model)

    @property
    def validated(self) -> tuple[Epoch, ...]:
        """Its validations: epochs with a mean IoU of the network that is scored (`iddkit.runs.learning.course_of`).

        What was validated of the encoder alone, or before all groups were made, is a score of another network.
        """
        return tuple(epoch for epoch, _ in course_of(self.run).scores)

    @property
    def curve(self) -> tuple[Epoch, ...]:
        """All of its epochs with a mean IoU, those of the encoder alone and of weights outside the groups, too."""
        return tuple(one for one in self.run.epochs if one.mean_iou is not None and math.isfinite(one.mean_iou))

    @property
    def is_scored(self) -> bool:
        """Whether any validation pixel was predicted."""
        return bool(self.confusion.counts.any())


@dataclass(frozen=True, eq=False, slots=True)
class Group:
    """Runs that tell the same classes apart.

    Attributes
    ----------
    title
        What they tell apart: ``7 classes of idd level1``.
    labels, colors
        Of the classes.
    entries
        In the order of the report.
    """

    title: str
    labels: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs on the same validation frames.

    Attributes
    ----------
    first, second
        Their names.
    frames
        That both have a score of.
    sequences
        That these frames are of; None where frames are of no sequence.
    difference
        Mean over the frames of the second's mean IoU less the first's, a part of 1.
    margin
        Half the width of its 95 % interval, if sequences were drawn by chance (`margin_of`); None for a single one.
    """

    first: str
    second: str
    frames: int
    sequences: int | None
    difference: float
    margin: float | None


def make_entries(runs: Sequence[Run]) -> tuple[Entry, ...]:
    """Return the runs of a report with their names, colours and marks, in order.

    Raises
    ------
    OptionError
        There is no run.
    """
    if not runs:
        raise OptionError("a report needs at least one run")
    names = _differ([printable(run.name, 60) or run.model for run in runs])
    slugs = [re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.").lower() or "run" for name in names]
    return tuple(
        Entry(
            name,
            slug,
            run,
            run.confusion,
            COLORS[place % len(COLORS)],
            SHAPES[place % len(SHAPES)],
            published_for(run.label_map, run.level),
        )
        for place, (name, slug, run) in enumerate(zip(names, _differ(slugs, "-{}"), runs, strict=True))
    )


def _differ(names: Sequence[str], form: str = " ({})") -> list[str]:
    """Return names in which those that are there already have a number."""
    found: list[str] = []
    for name in names:
        other, count = name, 1
        while other in found:
            count += 1
            other = name + form.format(count)
        found.append(other)
    return found


def name_by_paths(runs: Sequence[Run], paths: Sequence[Path]) -> list[Run]:
    """Return runs that were read from `paths`, by names of their own.

    Where two of them were saved under one name, all are called by the parts of their paths that differ:
    ``seed0/erfnet`` and ``seed1/erfnet`` are ``seed0`` and ``seed1``.
    """
    if len({run.name for run in runs}) == len(runs):
        return [*runs]
    parts = [tuple(part for part in path.absolute().parts if part != NAME) for path in paths]
    start = _count_alike(parts)
    rest = [one[start:] for one in parts]
    end = _count_alike([one[::-1] for one in rest])
    if any(len(one) <= end for one in rest):  # a/erfnet and a/b/erfnet
        end = 0
    names = ["/".join(one[: len(one) - end]) for one in rest]
    return [replace(run, name=name or run.name) for run, name in zip(runs, names, strict=True)]


def _count_alike(paths: Sequence[tuple[str, ...]]) -> int:
    """Return how many parts, from the first on, are the same in all."""
    count = 0
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1:
            break
        count += 1
    return count


def group_entries(entries: Sequence[Entry]) -> tuple[Group, ...]:
    """Return the runs by label map, level and classes; groups and their runs in the order of the report."""
    groups: dict[tuple[object, ...], list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry.run.label_map, entry.run.level, entry.run.labels), []).append(entry)
    return tuple(
        Group(
            f"{len(first.labels)} {'class' if len(first.labels) == 1 else 'classes'} of {first.label_map} "
            f"{first.level}",
            first.labels,
            first.colors,
            tuple(members),
        )
        for members in groups.values()
        for first in (members[0].run,)
    )


def pair_entries(entries: Sequence[Entry]) -> tuple[Pair, ...]:
    """Return each run beside the first one that was scored on frames of the same keys, dataset, classes and size."""
    pairs = []
    for place, second in enumerate(entries):
        first = next((other for other in entries[:place] if _is_same(other.run, second.run)), None)
        if first is None:
            continue
        scores = {frame.key: frame.mean_iou for frame in scored_frames(first.run)}
        found = {one.key: one.mean_iou - scores[one.key] for one in scored_frames(second.run) if one.key in scores}
        if found:
            values = list(found.values())
            mean, margin = float(np.mean(values)), margin_of(values, [*found])
            pairs.append(Pair(first.name, second.name, len(found), count_sequences([*found]), mean, margin))
    return tuple(pairs)


def _is_same(first: Run, second: Run) -> bool:
    def of(run: Run) -> tuple[object, ...]:
        return run.dataset, run.label_map, run.level, run.labels, run.size, len(run.frames)

    return of(first) == of(second)


def margin_of(values: Sequence[float], keys: Sequence[str]) -> float | None:
    """Return half the width of the 95 % interval of the mean of numbers of frames; None for a single sequence.

    Frames of one drive are alike: it is the sequences that count as drawn by chance. The error is the square root of
    G / (G - 1) times the sum over the G sequences of (sum of the deviations of their frames from the mean)^2, divided
    by the number of frames (the cluster-robust error of a mean, Liang and Zeger 1986), the interval that of Student's t
    with G - 1 degrees of freedom. Where each sequence has one frame, that is the usual interval of a mean. A frame of
    no sequence stands for itself.

    Parameters
    ----------
    values
        One a frame.
    keys
        Of the frames, ``split/sequence/name``.
    """
    from scipy.special import stdtrit  # Student's t without scipy.stats, which takes a second to load

    if not values:
        return None
    mean = math.fsum(values) / len(values)
    sums: dict[str, float] = {}
    for value, key in zip(values, keys, strict=True):
        cluster = _sequence_of(key) or key
        sums[cluster] = sums.get(cluster, 0.0) + value - mean
    count = len(sums)
    if count < 2:
        return None
    error = math.sqrt(count / (count - 1) * math.fsum(one**2 for one in sums.values())) / len(values)
    return float(stdtrit(count - 1, (1 + CONFIDENCE) / 2)) * error


def count_sequences(keys: Sequence[str]) -> int | None:
    """Return of how many sequences frames are; None where they are of none."""
    return len({_sequence_of(key) for key in keys} - {""}) or None


def _sequence_of(key: str) -> str:
    """Return split and sequence of a frame's key, or "" for one without a sequence."""
    before = key.rpartition("/")[0]
    return before if "/" in before else ""


def scored_frames(run: Run) -> tuple[FrameScore, ...]:
    """Return the validation frames that have a score, in the order of the split."""
    return tuple(frame for frame in run.frames if math.isfinite(frame.mean_iou))


def rank_frames(run: Run) -> tuple[FrameScore, ...]:
    """Return the validation frames that have a score, the best first; equal ones in the order of the split."""
    return tuple(sorted(scored_frames(run), key=lambda frame: -frame.mean_iou))


def chance_of(run: Run) -> list[float | None]:
    """Return the IoU of each class by chance (`iddkit.runs.learning.Standing`); None for one that is not there."""
    return [one.chance if one.pixels else None for one in standings(run)]


def layer_shares(entry: Entry) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return which part of the time of all layers each one takes: float64 (n,); NaN if all of it is 0."""
    times = np.array([one.milliseconds for one in entry.run.speed.layers] if entry.run.speed else [], dtype=np.float64)
    whole = times.sum()
    return times / whole if whole > 0 else np.full(times.shape, np.nan)
