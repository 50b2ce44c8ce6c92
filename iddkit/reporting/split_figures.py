"""Figures of the choice in the splits: frames of sequences; errors among those of random subsets.

Call them inside `figure.styled`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from iddkit.errors import printable
from iddkit.reporting.figure import (
    MARGIN,
    RANDOM,
    SOURCE,
    SUBSET,
    WIDTH,
    Symbol,
    draw_legend,
    draw_stripes,
    finish,
    number,
)
from iddkit.reporting.label_figures import FOOT, HEADING, shown_splits, title_of
from iddkit.reporting.panel import TICK_SIZE, Panel, fit_columns, linear, logarithmic, round_steps, widest
from iddkit.reporting.sheet import FAINT, INK, PAPER, Look, Sheet
from iddkit.subset.evidence import Measure, SplitEvidence, SubsetEvidence

#: Sequences that are named; of more, only every n-th has a tick with its place.
_NAMED = 24

# Ratios to the median beyond these are drawn at the edge.
_LEAST, _MOST = 1e-6, 5.0

# Height of a row of errors, in points.
_ROW = 33.0

# Height of a panel of sequences, in points.
_TALL = 110.0


def draw_random(evidence: SubsetEvidence) -> Sheet:
    """Draw each error of the choice beside those of random subsets, in units of the random subsets' median.

    A block of rows for each level: that of the output, then the finest one.
    """
    splits = [split for split in shown_splits(evidence) if split.measures]
    measures = [m for split in splits for m in split.measures]
    rows = _measure_rows(splits)
    found = [_ratio(m, value) for m in measures for value in (m.value, *(m.random[:1] or (m.value,)))]
    least = min([ratio for ratio in found if ratio > 0], default=0.1)
    low = max(_LEAST, 10 ** math.floor(math.log10(least) - 0.1))
    sheet = Sheet(WIDTH)
    count = max((len(m.random) for m in measures), default=0)
    entries = [
        ((Symbol(Look(SUBSET), "D", 8),), "this subset"),
        ((Symbol(Look(SOURCE), "o", 3.5),), f"{count} random subsets of the same size, one dot each"),
    ]
    top = draw_legend(sheet, entries) + HEADING
    start = MARGIN + widest([title for _, _, title in rows], 9) + 6
    beside = widest(["better than", *map(_beaten, measures)], 8) + 6
    ticks = [10.0**k for k in range(round(math.log10(low)), 1)]
    across, down = logarithmic(low, _MOST), linear(-0.55, len(rows) - 0.45)
    columns = fit_columns(max(1, len(splits)), start, WIDTH - MARGIN, 14)
    bottom = top + _ROW * max(2, len(rows))
    panels = [Panel(sheet, left, top, right - beside, bottom, across, down) for left, right in columns]
    for panel, split in zip(panels, splits, strict=False):
        by_name = {(m.level, m.name): m for m in split.measures}
        draw_stripes(panel, [row for row, (level, name, _) in enumerate(rows) if row % 2 and (level, name) in by_name])
        panel.draw_rules(ticks)
        panel.draw_rules([1], FAINT, 0.8)
        panel.draw_frame()
        panel.mark_across(ticks, [number(tick) for tick in ticks])
        panel.entitle(title_of(split))
        sheet.write("better than", panel.right + 4, top - 9, size=8, color=FAINT)
        for row, (level, name, _) in enumerate(rows):
            if (level, name) in by_name:
                _draw_measure(panel, row, by_name[level, name], low)
    for row, (_, name, title) in enumerate(rows):
        y = float(panels[0].y(row))
        sheet.write(title, panels[0].left - 5, y, align="right", bold=not name)
    words = "error as a multiple of the median random subset's (1), log scale; smaller is better"
    sheet.write(words, WIDTH / 2, bottom + 25, align="center")
    return finish(sheet, bottom + FOOT)


def _measure_rows(splits: Sequence[SplitEvidence]) -> list[tuple[str, str, str]]:
    """Return level, name and title of each row; a row without a name is the heading of a level."""
    found = {(m.level, m.name): m.title for split in splits for m in split.measures if m.can_differ}
    if not found:  # nothing can differ: say so in each row
        found = {(m.level, m.name): m.title for split in splits for m in split.measures}
    rows: list[tuple[str, str, str]] = []
    for level in dict.fromkeys(m.level for split in splits for m in split.measures):
        its = [(of, name, title) for (of, name), title in found.items() if of == level]
        rows += [(level, "", f"labels of {level}"), *its] if its else []
    return rows


def _ratio(measure: Measure, value: float) -> float:
    return value / measure.median if measure.median else 0.0


def _draw_measure(panel: Panel, row: int, measure: Measure, low: float) -> None:
    if not measure.median:
        panel.say("no error in random subsets, either", row, size=8)
        return
    ratios = np.clip([_ratio(measure, value) for value in measure.random], low, _MOST)
    # Heights of the dots by their rank, so that equal errors do not cover each other: no dice.
    heights = row + 0.22 * (np.arange(len(ratios)) * 7 % 11 - 5) / 5
    panel.draw_marks(ratios, heights, "o", 2.6, Look(SOURCE))
    ratio = _ratio(measure, measure.value)
    shape, size = ("<", 8) if ratio < low else ("D", 7)
    panel.draw_marks([max(low, min(ratio, _MOST))], [row], shape, size, Look(SUBSET, PAPER, 1))
    panel.say_beside(_beaten(measure), row, size=8)


def _beaten(measure: Measure) -> str:
    return f"{measure.beaten} of {len(measure.random)}" if measure.beaten < len(measure.random) else "all"


def draw_sequences(evidence: SubsetEvidence) -> Sheet:
    """Draw how many frames of each sequence were chosen, and how many its size asks for, by split."""
    splits = shown_splits(evidence)
    sheet = Sheet(WIDTH)
    entries = [
        ((Symbol(Look(SUBSET), "o", 5),), "chosen"),
        ((Symbol(Look(None, INK, 0.9), "x", 5),), "none chosen"),
        ((Symbol(Look(RANDOM)),), "in proportion to the sequence's frames"),
    ]
    bottom = draw_legend(sheet, entries)
    largest = max((sequence.chosen for split in splits for sequence in split.sequences), default=0)
    left = MARGIN + 20 + widest([f"{largest:,}"], TICK_SIZE)
    for split in splits:
        bottom = _draw_split(sheet, split, left, bottom + HEADING)
    sizes = {len({row.frames for row in split.sequences}) for split in splits}
    words = "sequences, the largest first" if sizes != {1} else "sequences, in the order of the source"
    sheet.write(words, (sheet.panels[-1].left + WIDTH - MARGIN) / 2, bottom + 8, align="center")
    return finish(sheet, bottom + 15)


def _draw_split(sheet: Sheet, split: SplitEvidence, left: float, top: float) -> float:
    rows = sorted(split.sequences, key=lambda sequence: -sequence.frames)
    expected = np.array([row.frames * split.chosen / split.frames for row in rows])
    chosen = np.array([row.chosen for row in rows])
    places = np.arange(1, len(rows) + 1)
    high = max(1, *expected, *chosen) * 1.08
    across = linear(0.3, max(1, len(rows)) + 0.7)
    panel = Panel(sheet, left, top, WIDTH - MARGIN, top + _TALL, across, linear(high, 0))
    levels = round_steps(0, high, 6, least=1)
    panel.draw_levels(levels)
    half = 0.5 if len(rows) > _NAMED else 0.4
    panel.draw_boxes(places - half, expected, places + half, 0, Look(RANDOM))
    panel.draw_frame()
    panel.mark_down(levels, [f"{level:,.0f}" for level in levels])
    size = float(np.clip(300 / max(1, len(rows)), 2.2, 6.5))
    kept = chosen > 0
    panel.draw_marks(places[kept], chosen[kept], "o", size, Look(SUBSET))
    panel.draw_marks(places[~kept], chosen[~kept], "x", size + 1, Look(None, INK, 0.9))
    panel.name_down("chosen frames", left - MARGIN - 6)
    panel.entitle(f"{title_of(split)}, {int(kept.sum()):,} of {len(rows):,} sequences")
    if len(rows) > _NAMED:
        ticks = [tick for tick in round_steps(1, len(rows), 10, least=1) if tick >= 1]
        panel.mark_across(ticks, [f"{tick:,.0f}" for tick in ticks], short=False)
        return panel.bottom + 18
    names = [printable(row.name, 14) or "no name" for row in rows]
    if len(rows) <= 12 and max(map(len, names), default=0) <= 6:
        panel.mark_across([float(place) for place in places], names, short=False)
        return panel.bottom + 18
    for x, name in zip(panel.x(places), names, strict=True):
        sheet.write(name, x + 3, panel.bottom + 8, align="right", turn=45)
    return panel.bottom + 12 + widest(names, 9) * math.sin(math.pi / 4)
