"""Figures of how runs were trained: score, loss and learning rate over time. Call them inside `figure.styled`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Final

import numpy as np

from iddkit.errors import printable
from iddkit.reporting.benchmark_entries import Entry
from iddkit.reporting.confusion_figure import shade
from iddkit.reporting.figure import MARGIN, WIDTH, Symbol, draw_legend, finish, number
from iddkit.reporting.lettering import measure
from iddkit.reporting.panel import TICK_SIZE, Panel, Scale, linear, logarithmic, round_steps, widest
from iddkit.reporting.sheet import FAINT, INK, PAPER, Look, Sheet
from iddkit.runs.published import EARLY_SCORE, EARLY_SECONDS, TITLES

# Heights of panels, in points; from a panel to the one below it; epochs up to which each has a dot.
_TALL, _SHORT, _BELOW, _DOTS = 250.0, 120.0, 46.0, 60

# Where Fig 3.9 was after a quarter of an hour.
_EARLY: Final = Symbol(Look(None, FAINT, 1.4), "x", 7)

# Validations that are not of the network that is scored.
_OTHER: Final = Symbol(Look(PAPER, FAINT, 0.9), "o", 6)

# Width of curves, and length of a dash and of the gap after it.
_CURVE, _DASH, _GAP = 1.5, 5.0, 3.5

# Of the colour of a run, how much is left in the pale part of its curve.
_PALE: Final = 0.2

# Learning rates this many times apart are drawn on a log scale; those below this part of the highest are at the edge.
_FAR, _LEAST_RATE = 20.0, 1e-4


def draw_progress(entries: Sequence[Entry]) -> Sheet:
    """Draw the time of training against mean IoU of the validation split (Mishra 2024, Fig 3.9).

    A ring is around the epoch whose weights are scored; dashed lines are published scores.
    """
    sheet = Sheet(WIDTH)
    ring = Symbol(Look(None, INK, 1.2), "o", 9)
    legend = [*_legend(entries), ((ring,), "best epoch, whose weights are scored")]
    if any(len(entry.validated) < len(entry.curve) for entry in entries):
        legend.append(((_OTHER,), "before the whole network was there: the encoder alone, groups not yet made"))
    is_early = _has_early(entries)
    if is_early:
        legend.append(((_EARLY,), f"published: more than {100 * EARLY_SCORE:.0f} % by then, on a GPU"))
    top = draw_legend(sheet, legend) + 10
    targets = {
        f"{row.dataset}, {TITLES[entry.run.model.lower()]}": score
        for entry in entries
        for row, score in ((entry.published, entry.published_score),)
        if row is not None and score is not None
    }
    scores = [one.mean_iou or 0.0 for entry in entries for one in entry.curve]
    high = 100 * min(1.0, 1.1 * max([0.1, *scores, *targets.values()]))
    levels = round_steps(0, high, 9)
    texts = [number(level) for level in levels]
    panel, unit = _panel(sheet, entries, top, _TALL, linear(high, 0), texts)
    panel.draw_levels(levels)
    _draw_phases(panel, entries, unit)
    _draw_targets(panel, targets)
    if is_early:
        panel.draw_marks(EARLY_SECONDS / unit, 100 * EARLY_SCORE, _EARLY.shape, _EARLY.size, _EARLY.look)
    panel.draw_frame()
    panel.mark_down(levels, texts)
    panel.name_down("mean IoU of the validation split, %", panel.left - MARGIN - 6)
    for entry in entries:
        scored = {one.number for one in entry.validated}
        kinds = [(one.phase == "encoder", one.number in scored) for one in entry.curve]
        for (_, is_scored), part in groupby(zip(kinds, entry.curve, strict=True), itemgetter(0)):
            found = [(one.seconds / unit, 100 * (one.mean_iou or 0.0)) for _, one in part]
            _draw_curve(panel, found, entry, is_other=not is_scored)
        for one in entry.curve:
            if one.number == entry.run.best_epoch:
                panel.draw_marks(one.seconds / unit, 100 * (one.mean_iou or 0.0), "o", 9, Look(None, INK, 1.2))
    if not any(entry.curve for entry in entries):
        panel.say("never validated", high / 2, size=9)
    _name_time(panel, unit)
    return finish(sheet, panel.bottom + 32)


def draw_loss(entries: Sequence[Entry]) -> Sheet:
    """Draw the mean loss of each epoch, and below it the learning rate at its end."""
    sheet = Sheet(WIDTH)
    top = draw_legend(sheet, _legend(entries)) + 18
    epochs = [one for entry in entries for one in entry.run.epochs]
    high = 1.08 * max([1e-6, *(one.loss for one in epochs if math.isfinite(one.loss))])
    rates = [one.learning_rate for one in epochs if math.isfinite(one.learning_rate) and one.learning_rate > 0]
    most, least = max(rates, default=1.0), max(min(rates, default=1.0), _LEAST_RATE * max(rates, default=1.0))
    if most > _FAR * least:
        low = 10 ** math.floor(math.log10(least) + 1e-9)
        edge = 10 ** math.ceil(math.log10(most) - 1e-9)
        ticks = [low * 10.0**k for k in range(round(math.log10(edge / low)) + 1)]
        scale = _rising(logarithmic(low, edge))
    else:
        low, ticks = 0.0, round_steps(0, 1.08 * most, 5)
        scale = linear(1.08 * most, 0)
    clipped = " (lower ones are at the edge)" if any(one.learning_rate < low for one in epochs) else ""
    levels = round_steps(0, high, 6)
    names = [number(level) for level in levels], [number(tick) for tick in ticks]
    panel, unit = _panel(sheet, entries, top, _TALL * 0.7, linear(high, 0), [*names[0], *names[1]])
    below = Panel(
        sheet, panel.left, panel.bottom + _BELOW, panel.right, panel.bottom + _BELOW + _SHORT, panel.across, scale
    )
    for one, places, texts, title in (
        (panel, levels, names[0], "mean training loss of the epoch"),
        (below, ticks, names[1], f"learning rate at its end{clipped}"),
    ):
        one.draw_levels(places)
        _draw_phases(one, entries, unit)
        one.draw_frame()
        one.mark_down(places, texts)
        one.entitle(title)
    for entry in entries:
        found = [one for one in entry.run.epochs if math.isfinite(one.loss)]
        _draw_curve(panel, [(one.seconds / unit, one.loss) for one in found], entry)
        _draw_curve(below, [(one.seconds / unit, max(one.learning_rate, low)) for one in entry.run.epochs], entry)
    if not epochs:
        panel.say("no epoch", high / 2, size=9)
    _name_time(below, unit)
    return finish(sheet, below.bottom + 32)


def _draw_targets(panel: Panel, targets: Mapping[str, float]) -> None:
    """Draw published scores; of two that are near each other, one is named on the right and one on the left."""
    before, is_right = math.inf, False
    for name, score in sorted(targets.items(), key=lambda one: one[1]):
        y = float(panel.y(100 * score))
        draw_dashes(panel.sheet, panel.left, panel.right, y)
        is_right = not is_right or before - y > 11
        x = panel.right - 3 if is_right else panel.left + 3
        words = f"published: {name}, {100 * score:.2f} %"
        panel.sheet.write(words, x, y - 6.5, size=8, color=FAINT, align="right" if is_right else "left")
        before = y


def draw_dashes(sheet: Sheet, left: float, right: float, y: float, color: str = FAINT) -> None:
    """Draw a dashed level line."""
    starts = np.arange(left, right, _DASH + _GAP)
    sheet.draw_lines([(x, y, min(float(x) + _DASH, right), y) for x in starts], color, 1.0)


def _legend(entries: Sequence[Entry]) -> list[tuple[Sequence[Symbol], str]]:
    return [((Symbol(Look(entry.color), entry.shape, 6),), printable(entry.name, 40)) for entry in entries]


def _panel(
    sheet: Sheet, entries: Sequence[Entry], top: float, tall: float, down: Scale, texts: Sequence[str]
) -> tuple[Panel, float]:
    """Return a panel over the time of training, ticks below it, and the seconds of its unit of time."""
    seconds = max([*(entry.run.seconds for entry in entries), 1e-3])
    unit = 1.0 if seconds < 180 else 60.0 if seconds < 4 * 3600 else 3600.0
    long = 1.04 * seconds / unit
    left = MARGIN + 20 + widest(texts, TICK_SIZE)
    panel = Panel(sheet, left, top, WIDTH - MARGIN - 8, top + tall, linear(0, long), down)
    ticks = round_steps(0, long, 11)
    panel.mark_across(ticks, [number(tick) for tick in ticks])
    return panel, unit


def _name_time(panel: Panel, unit: float) -> None:
    name = {1.0: "seconds", 60.0: "minutes", 3600.0: "hours"}[unit]
    panel.name_across(f"{name} of training, validations included")
    if len(panel.sheet.panels) > 1:
        ticks = round_steps(0, _end(panel), 11)
        panel.mark_across(ticks, [number(tick) for tick in ticks])


def _end(panel: Panel) -> float:
    # The scale is linear from 0 on: what lies at its end follows from where 1 lies.
    return 1 / float(panel.across(np.array(1.0)))


def _draw_curve(panel: Panel, found: Sequence[tuple[float, float]], entry: Entry, is_other: bool = False) -> None:
    """Draw the curve of a run; pale and with hollow marks what is of another network than the one that is scored."""
    x, y = panel.x([one[0] for one in found]), panel.y([one[1] for one in found])
    ends = [(x[i], y[i], x[i + 1], y[i + 1]) for i in range(len(found) - 1)]
    color = shade(entry.color, _PALE) if is_other else entry.color
    panel.sheet.draw_lines(ends, color, _CURVE)
    # Dots also close the joints of the lines.
    size = 5.5 if len(found) <= _DOTS else _CURVE
    dot = Look(PAPER, entry.color, 0.9) if is_other else Look(entry.color, PAPER, 0.6)
    look = dot if len(found) <= _DOTS else Look(color)
    panel.sheet.draw_marks(list(zip(x, y, strict=True)), entry.shape if size > _CURVE else "o", size, look)


def _draw_phases(panel: Panel, entries: Sequence[Entry], unit: float) -> None:
    """Draw an upright line where a phase of the training ended; of one run alone, or the picture is a fence."""
    epochs = entries[0].run.epochs if len(entries) == 1 else ()
    for one, after in pairwise(epochs):
        if one.phase != after.phase:
            at = one.seconds / unit
            panel.draw_rules([at], FAINT, 0.6)
            x = float(panel.x(at))
            if x - measure(one.phase, 8) - 4 > panel.left:
                panel.sheet.write(one.phase, x - 4, panel.bottom - 8, size=8, color=FAINT, align="right")
            panel.sheet.write(after.phase, x + 4, panel.bottom - 8, size=8, color=FAINT)


def _has_early(entries: Sequence[Entry]) -> bool:
    """Return whether Fig 3.9's quarter of an hour on IDD-lite lies within the time of these runs."""
    longest = max(entry.run.seconds for entry in entries)
    lite = any(entry.published is not None and entry.published.dataset == "IDD-lite" for entry in entries)
    return lite and longest >= 0.97 * EARLY_SECONDS


def _rising(scale: Scale) -> Scale:
    """Return a scale whose beginning is at the bottom of a panel."""
    return lambda values: 1 - scale(values)
