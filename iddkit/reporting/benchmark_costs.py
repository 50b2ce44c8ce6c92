"""Figures of what a score costs: run time of each layer, accuracy against size. Call them inside `figure.styled`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from iddkit.errors import printable
from iddkit.reporting.benchmark_entries import COLORS, Entry
from iddkit.reporting.confusion_figure import shade
from iddkit.reporting.figure import (
    MARGIN,
    WIDTH,
    Symbol,
    draw_legend,
    draw_stripes,
    finish,
    metric,
    number,
)
from iddkit.reporting.panel import Panel, fit_columns, linear, logarithmic, round_steps, widest
from iddkit.reporting.sheet import FAINT, INK, PAPER, Look, Sheet
from iddkit.runs import LayerTime
from iddkit.runs.finding import resolution_text

#: Layers that are drawn; of more, the slowest ones.
MOST_LAYERS: Final = 60

# Height of a row, and of a panel of scores, in points.
_ROW, _TALL = 13.5, 190.0


def draw_layers(entry: Entry) -> Sheet:
    """Draw the run time of each layer, in the order in which they run (Mishra 2024, Fig 3.10).

    A mark shows what the layer would take if time were spent in proportion to multiply-adds.
    """
    speed = entry.run.speed
    layers = speed.layers if speed is not None else ()
    whole, macs = sum(one.milliseconds for one in layers), sum(one.macs for one in layers)
    kinds = list(dict.fromkeys(one.kind for one in layers))
    looks = {kind: Look(_kind_color(place)) for place, kind in enumerate(kinds)}
    shown = _slowest(layers)
    sheet = Sheet(WIDTH)
    diamond = Symbol(Look(PAPER, INK, 0.9), "D", 5)
    entries = [((Symbol(look),), printable(kind, 40)) for kind, look in looks.items()]
    share = "its share of the multiply-adds, as time"
    top = draw_legend(sheet, [*entries, ((diamond,), share)] if macs else entries) + 22
    names = [printable(one.name, 32) for one in shown]
    shapes = [" x ".join(map(str, one.shape)) for one in shown]
    left = MARGIN + widest(names, 8) + widest(shapes, 7) + 20
    far = [*(one.milliseconds for one in shown), *(whole * one.macs / macs for one in shown if macs)]
    most = 1.04 * max([1e-6, *far])
    right = WIDTH - MARGIN - 78
    height = _ROW * max(1, len(shown))
    panel = Panel(sheet, left, top, right, top + height, linear(0, most), linear(-0.5, max(1, len(shown)) - 0.5))
    draw_stripes(panel, range(1, len(shown), 2))
    ticks = round_steps(0, most, 8)
    panel.draw_rules(ticks)
    for row, one in enumerate(shown):
        y = float(panel.y(row))
        panel.draw_boxes(0, row - 0.36, one.milliseconds, row + 0.36, looks[one.kind])
        sheet.write(names[row], MARGIN, y, size=8)
        sheet.write(shapes[row], left - 6, y, size=7, color=FAINT, align="right")
        sheet.write(f"{one.milliseconds:.2f} ms", right + 42, y, size=7.5, align="right")
        part = f"{100 * one.milliseconds / whole:.1f} %" if whole else "-"
        sheet.write(part, WIDTH - MARGIN, y, size=7.5, color=FAINT, align="right")
    if macs:
        panel.draw_marks([whole * one.macs / macs for one in shown], range(len(shown)), "D", 4, Look(PAPER, INK, 0.9))
    panel.draw_frame()
    panel.mark_across(ticks, [number(tick) for tick in ticks])
    left_out = f", the {len(shown)} slowest of {len(layers)} layers" if len(shown) < len(layers) else ""
    on = f"{printable(speed.device, 60)}, {resolution_text(speed.size)} pixels" if speed is not None else ""
    sheet.write(f"{printable(entry.name, 40)} on {on}{left_out}", MARGIN, top - 10, size=9.5, bold=True)
    panel.name_across("milliseconds in a forward pass of one image")
    return finish(sheet, panel.bottom + 31)


def _slowest(layers: Sequence[LayerTime]) -> list[LayerTime]:
    kept = sorted(range(len(layers)), key=lambda i: -layers[i].milliseconds)[:MOST_LAYERS]
    return [layers[i] for i in sorted(kept)]


def _kind_color(place: int) -> str:
    # After the colours come lighter ones.
    return shade(COLORS[place % len(COLORS)], 1 / (1 + place // len(COLORS)) ** 2)


def draw_costs(entries: Sequence[Entry]) -> Sheet:
    """Draw mean IoU of several runs against parameters, multiply-adds and, where measured, latency."""
    sheet = Sheet(WIDTH)
    legend = [((Symbol(Look(entry.color), entry.shape, 6),), printable(entry.name, 40)) for entry in entries]
    hollow = Symbol(Look(None, FAINT, 1.0), "o", 7)
    has_target = any(entry.published_score is not None for entry in entries)
    top = draw_legend(sheet, [*legend, ((hollow,), "published")] if has_target else legend) + 14
    costs: list[tuple[str, Callable[[Entry], float]]] = [
        ("parameters", lambda entry: float(entry.run.parameters)),
        ("multiply-adds, 10⁹", lambda entry: entry.run.gmacs),
    ]
    if sum(entry.run.speed is not None for entry in entries) > 1:
        costs.append(("latency, ms", lambda entry: entry.run.speed.milliseconds if entry.run.speed else math.nan))
    scores = [entry.confusion.mean_iou for entry in entries] + [entry.published_score or 0.0 for entry in entries]
    high = 100 * min(1.0, 1.15 * max([0.1, *(score for score in scores if score == score)]))
    levels = round_steps(0, high, 8)
    left = MARGIN + 20 + widest([number(level) for level in levels], 9)
    for place, ((start, end), (name, cost)) in enumerate(
        zip(fit_columns(len(costs), left, WIDTH - MARGIN - 8, 18), costs, strict=True)
    ):
        values = [value for value in map(cost, entries) if value > 0]
        low, most = min(values, default=1.0) / 1.6, max(values, default=10.0) * 1.6
        panel = Panel(sheet, start, top, end, top + _TALL, logarithmic(low, most), linear(high, 0))
        ticks = [step * 10.0**k for k in range(-6, 15) for step in _steps(most / low)]
        ticks = [tick for tick in ticks if low <= tick <= most]
        panel.draw_rules(ticks)
        panel.draw_levels(levels)
        panel.draw_frame()
        panel.mark_across(ticks, [metric(tick) if tick >= 1000 else number(tick) for tick in ticks])
        panel.name_across(f"{name}, log scale")
        if place == 0:
            panel.mark_down(levels, [number(level) for level in levels])
            panel.name_down("mean IoU of the validation split, %", left - MARGIN - 6)
        for entry in entries:
            if entry.published_score is not None and cost(entry) > 0:
                ring = Look(None, entry.color, 1.0)
                panel.draw_marks(cost(entry), 100 * entry.published_score, "o", 7, ring)
        for entry in entries:
            score = 100 * entry.confusion.mean_iou
            if score == score and cost(entry) > 0:
                panel.draw_marks(cost(entry), score, entry.shape, 8, Look(entry.color, PAPER, 0.8))
    return finish(sheet, sheet.panels[-1].bottom + 31)


def _steps(ratio: float) -> tuple[float, ...]:
    """Return the ticks of each decade of a log scale on which the highest number is so many times the lowest."""
    return (1,) if ratio > 1000 else (1, 3) if ratio > 30 else (1, 2, 5) if ratio > 5 else (1, 1.5, 2, 3, 4, 5, 7)
