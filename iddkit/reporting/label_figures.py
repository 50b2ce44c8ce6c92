"""Figures with a row for each label: proportions and annotated pixels. Call them inside `figure.styled`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from iddkit.errors import printable
from iddkit.reporting.figure import (
    RANDOM,
    SOURCE,
    SUBSET,
    WIDTH,
    Symbol,
    draw_bars,
    draw_legend,
    finish,
    label_rows,
    metric,
    number,
    room_for_labels,
)
from iddkit.reporting.panel import Panel, Scale, linear, logarithmic, round_steps
from iddkit.reporting.sheet import FAINT, INK, PAPER, Look, Sheet
from iddkit.subset.evidence import DatasetEvidence, LabelEvidence, SplitEvidence, SubsetEvidence

#: Splits side by side in one figure; further ones are in the tables.
MOST_SPLITS = 3

#: Two standard errors to each side hold about 95 % of the random subsets.
SPREAD = 2

#: From the top of a figure to panels with headings, below a legend of one row; and from panels to the lower edge.
HEADING, FOOT = 18.0, 31.0

#: Faces and hatches of the bars of further datasets.
_OTHERS: Final = (("#ffffff", "////"), ("#e3e8ee", ""), ("#ffffff", "xxxx"), ("#d5dbe2", "----"))

# Markers of datasets in a dot plot.
_MARKERS: Final = ("o", "D", "s", "^", "v", "P", "X")


def order_labels(evidence: SubsetEvidence, level: str = "") -> list[int]:
    """Return the places of a level's labels, the most frequent in the source first.

    All labels of the output's level, which is the default; of another, those that a frame holds.
    """
    if level in ("", evidence.level):
        shares = [share or 0.0 for share in evidence.source.shares]
        return sorted(range(len(shares)), key=lambda i: (-shares[i], i))
    rows = list(zip(*(split.level(level).labels for split in evidence.splits), strict=True))
    weights = [
        sum(label.resized.share * split.frames for label, split in zip(row, evidence.splits, strict=True))
        for row in rows
    ]
    held = [i for i, row in enumerate(rows) if any(label.source.frames for label in row)]
    return sorted(held, key=lambda i: (-weights[i], i))


def draw_shares(evidence: SubsetEvidence) -> Sheet:
    """Draw the proportion of each label in each dataset (Mishra 2024, Fig 3.6): bars, and dots on a log scale."""
    order, rows = rows_of(evidence)
    values = [[dataset.shares[i] for i in order] for dataset in evidence.compared]
    sheet, top = _begin(evidence.compared, bars=True)
    low, high = _ends(values, 100)
    most = 104 * max(0.01, *(value or 0 for row in values for value in row))
    start = room_for_labels([label.short for label in rows])
    middle = start + (WIDTH - 14 - start) * 1.15 / 2.15
    left = row_panel(sheet, rows, start, middle - 6, top, linear(0, most), len(values))
    right = row_panel(sheet, rows, middle + 6, WIDTH - 14, top, logarithmic(low, high), len(values))
    label_rows((left, right), [label.short for label in rows], [label.color for label in rows])
    ticks = round_steps(0, most, 8)
    left.draw_rules(ticks)
    left.mark_across(ticks, [number(tick) for tick in ticks])
    _draw_bars(left, values, 100)
    left.draw_frame()
    left.name_across("mean share of a frame's labelled pixels, %")
    _draw_dots(right, values, 100, low, high, lambda value: number(value, 1))
    right.name_across("the same, log scale, %")
    return finish(sheet, left.bottom + FOOT)


def draw_pixels(evidence: SubsetEvidence) -> Sheet:
    """Draw the annotated pixels of each label in each dataset on a log scale (Mishra 2024, Fig 3.7)."""
    order, rows = rows_of(evidence)
    values = [[dataset.pixels[i] for i in order] for dataset in evidence.compared]
    sheet, top = _begin(evidence.compared, bars=False)
    low, high = _ends(values, 1)
    start = room_for_labels([label.short for label in rows])
    panel = row_panel(sheet, rows, start, WIDTH - 14, top, logarithmic(low, high), 2)
    label_rows((panel,), [label.short for label in rows], [label.color for label in rows])
    _draw_dots(panel, values, 1, low, high, metric)
    panel.name_across("annotated pixels, log scale")
    return finish(sheet, panel.bottom + FOOT)


def title_of(split: SplitEvidence) -> str:
    """Return a heading for what is said of a split: ``train: 699 of 6,993 frames``."""
    counts = f"{split.chosen:,} of {split.frames:,} frames"
    return f"{printable(split.name, 40)}: {counts}" if split.name else counts


def shown_splits(evidence: SubsetEvidence) -> list[SplitEvidence]:
    """Return the splits that figures show: the largest `MOST_SPLITS`, in their order."""
    largest = sorted(evidence.splits, key=lambda split: -split.frames)[:MOST_SPLITS]
    return [split for split in evidence.splits if split in largest]


def rows_of(evidence: SubsetEvidence, level: str = "") -> tuple[list[int], list[LabelEvidence]]:
    """Return the places of a level's labels in their order, and the labels."""
    order = order_labels(evidence, level)
    labels = evidence.splits[0].level(level or evidence.level).labels
    return order, [labels[i] for i in order]


def _begin(datasets: Sequence[DatasetEvidence], *, bars: bool) -> tuple[Sheet, float]:
    """Return a sheet with a legend of datasets, and where panels start."""
    sheet = Sheet(WIDTH)
    entries = []
    for place, dataset in enumerate(datasets):
        shape, size, look = _dot(place)
        dot = Symbol(look, shape, size)
        bar = Symbol(*_face(place)[:1], hatch=_face(place)[1])
        entries.append(((bar, dot) if bars else (dot,), printable(dataset.name, 40)))
    return sheet, draw_legend(sheet, entries) + 4


def row_panel(
    sheet: Sheet, rows: Sequence[object], left: float, right: float, top: float, across: Scale, bars: int = 1
) -> Panel:
    """Return a panel of rows 0, 1, ... that hold so many bars each."""
    height = 72 * max(3, len(rows)) * max(0.28, 0.1 + 0.085 * bars)
    return Panel(sheet, left, top, right, top + height, across, linear(-0.6, len(rows) - 0.4))


def _draw_bars(panel: Panel, values: Sequence[Sequence[float | None]], factor: float) -> None:
    thick = 0.82 / len(values)
    for place, row in enumerate(values):
        look, hatch = _face(place)
        bars = []
        for y, value in enumerate(row):
            at = y - 0.41 + thick * (place + 0.5)
            if value is None:
                panel.say("no such label", at, size=6.5)
            elif value > 0:
                top, bottom = panel.y([at - 0.46 * thick, at + 0.46 * thick])
                bars.append((panel.left, float(top), float(panel.x(factor * value)), float(bottom)))
        draw_bars(panel.sheet, bars, look, hatch)


def _face(place: int) -> tuple[Look, str]:
    if place < 2:
        return Look((SOURCE, SUBSET)[place]), ""
    color, hatch = _OTHERS[(place - 2) % len(_OTHERS)]
    return Look(color, FAINT, 0.6), hatch


def _dot(place: int) -> tuple[str, float, Look]:
    # The derived dataset's dot lies inside the source's, so that both are seen where they agree.
    which = min(place, 2)
    look = Look((SOURCE, SUBSET, PAPER)[which], (SOURCE, PAPER, INK)[which], 0.8)
    return _MARKERS[place % len(_MARKERS)], (9.5, 5.5, 5.5)[which], look


def _ends(values: Sequence[Sequence[float | None]], factor: float) -> tuple[float, float]:
    positive = [factor * value for row in values for value in row if value]
    low = 10 ** math.floor(math.log10(min(positive, default=1)) - 0.15)
    return float(low), 1.2 * 10 ** math.ceil(math.log10(max(positive, default=10)) + 0.01)


def _draw_dots(
    panel: Panel,
    values: Sequence[Sequence[float | None]],
    factor: float,
    low: float,
    high: float,
    text: Callable[[float], str],
) -> None:
    ticks = [10.0**k for k in range(round(math.log10(low)), math.floor(math.log10(high) + 0.001) + 1)]
    panel.draw_rules(ticks)
    panel.draw_frame()
    panel.mark_across(ticks, [text(tick) for tick in ticks])
    by_row = [[factor * value for value in row if value] for row in zip(*values, strict=True)]
    known = [(min(row), max(row), y) for y, row in enumerate(by_row) if row]
    least, most, places = np.array(known).reshape(-1, 3).T
    panel.draw_bands(least, most, places, RANDOM, 1.2)
    for y in (y for y, row in enumerate(by_row) if not row):
        panel.say("in no frame", y)
    # The derived dataset's dots over all others.
    for place in sorted(range(len(values)), key=lambda place: place == 1):
        dots = [(factor * value, y) for y, value in enumerate(values[place]) if value]
        across, down = np.array(dots).reshape(-1, 2).T
        panel.draw_marks(across, down, *_dot(place))
