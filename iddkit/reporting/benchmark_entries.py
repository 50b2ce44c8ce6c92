"""The runs of one benchmark report: each with a name and a colour of its own, and grouped by what they tell apart."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from iddkit.errors import OptionError, printable
from iddkit.metrics import Confusion
from iddkit.reporting.figure import SECOND, SUBSET
from iddkit.runs import Epoch, Run
from iddkit.runs.published import Published, published_for

#: Colours and marks of runs: dark blue, then those of Okabe and Ito (2008), which are told apart by all.
COLORS: Final = (SUBSET, SECOND, "#009e73", "#cc79a7", "#56b4e9", "#b88a00")
SHAPES: Final = ("o", "D", "s", "^", "v", "P", "X")

#: So many standard errors to each side hold 95 % of what chance does (the normal distribution).
SPREAD: Final = 1.96


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
        """Its epochs with a mean IoU."""
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
    difference
        Mean over the frames of the second's mean IoU less the first's, a part of 1.
    margin
        Half the width of its 95 % interval, if frames were drawn by chance; None for a single frame.
    """

    first: str
    second: str
    frames: int
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
        scores = {frame.key: frame.mean_iou for frame in first.run.frames} if first else {}
        found = np.array([one.mean_iou - scores[one.key] for one in second.run.frames if one.key in scores])
        found = found[np.isfinite(found)]
        if first is not None and found.size:
            pairs.append(Pair(first.name, second.name, len(found), float(found.mean()), margin_of(found)))
    return tuple(pairs)


def _is_same(first: Run, second: Run) -> bool:
    def of(run: Run) -> tuple[object, ...]:
        return run.dataset, run.label_map, run.level, run.labels, run.size, len(run.frames)

    return of(first) == of(second)


def margin_of(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float | None:
    """Return half the width of the 95 % interval of the mean of float (n,); None for fewer than two."""
    return SPREAD * float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else None


def frame_scores(run: Run) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return the mean IoU of each validation frame that has one: float64 (n,)."""
    scores = np.array([frame.mean_iou for frame in run.frames], dtype=np.float64)
    return scores[np.isfinite(scores)]


def layer_shares(entry: Entry) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return which part of the time of all layers each one takes: float64 (n,); NaN if all of it is 0."""
    times = np.array([one.milliseconds for one in entry.run.speed.layers] if entry.run.speed else [], dtype=np.float64)
    whole = times.sum()
    return times / whole if whole > 0 else np.full(times.shape, np.nan)
