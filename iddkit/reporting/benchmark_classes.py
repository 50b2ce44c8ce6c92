"""Figures of single classes: IoU of each, and which are taken for which. Call them inside `figure.styled`."""

from __future__ import annotations

from typing import Final

import numpy as np

from iddkit.errors import printable
from iddkit.reporting.benchmark_entries import Entry, Group, chance_of
from iddkit.reporting.figure import (
    MARGIN,
    SECOND,
    SUBSET,
    WIDTH,
    Symbol,
    draw_chips,
    draw_legend,
    finish,
    hexadecimal,
    label_rows,
    room_for_labels,
)
from iddkit.reporting.lettering import measure
from iddkit.reporting.panel import Panel, linear, round_steps, widest
from iddkit.reporting.sheet import FAINT, INK, PAPER, RULE, Look, Sheet

#: Up to so many runs have bars; more have marks.
MOST_BARS: Final = 4

#: Height of a row with one bar, of each further bar, and of a row of marks, in points.
_ROW, _MORE, _MARKED = 19.0, 8.0, 19.0

#: Names are cut after so many letters: they stand on the figure, the tables have them whole.
_LETTERS: Final = 28

# What the upright marks are, without and with `Run.prior`.
_EVERYWHERE: Final = "chance: by predicting the class everywhere, its share of the pixels"
_CHANCE: Final = "chance: by a picture that never changes, or the class everywhere, whichever is better"

# Height of cells of a confusion matrix in points, at most; shades of a colour; on what is darker, digits are white.
_CELL, _SHADES, _DARK = 34.0, 40, 140.0


def draw_classes(group: Group) -> Sheet:
    """Draw IoU of each class, the runs side by side, and what is to be had without looking at the image."""
    entries = group.entries
    sheet = Sheet(WIDTH)
    bars = len(entries) <= MOST_BARS
    legend = [
        ((Symbol(Look(entry.color), "" if bars else entry.shape, 6),), printable(entry.name, 40)) for entry in entries
    ]
    tick = Symbol(Look(None, INK, 1.4), "|", 9)
    top = draw_legend(sheet, [*legend, ((tick,), _CHANCE if entries[0].run.prior else _EVERYWHERE)]) + 6
    names = [_short(label) for label in group.labels]
    height = (_ROW + _MORE * (len(entries) - 1) if bars else _MARKED) * len(names)
    left = room_for_labels(names)
    right = WIDTH - MARGIN - 30
    panel = Panel(sheet, left, top, right, top + height, linear(0, 100), linear(-0.5, len(names) - 0.5))
    label_rows((panel,), names, group.colors)
    ticks = round_steps(0, 100, 11)
    panel.draw_rules(ticks)
    thick = 0.76 / len(entries)
    for place, entry in enumerate(entries):
        for row, score in enumerate((100 * entry.confusion.iou()).tolist()):
            at = row - 0.38 + thick * (place + 0.5) if bars else float(row)
            _draw_score(panel, entry, at, score, 0.47 * thick if bars else 0.0)
    for row, chance in enumerate(chance_of(entries[0].run)):
        if chance is None:
            continue
        x, ends = float(panel.x(100 * chance)), panel.y([row - 0.44, row + 0.44])
        for color, width in ((PAPER, 3.4), (INK, 1.4)):  # with a white rim, as it may lie on a dark bar
            sheet.draw_lines([(x, float(ends[0]), x, float(ends[1]))], color, width)
    panel.draw_frame()
    panel.mark_across(ticks, [f"{tick:g}" for tick in ticks])
    panel.name_across("IoU on the validation split, %")
    return finish(sheet, panel.bottom + 31)


def _draw_score(panel: Panel, entry: Entry, at: float, score: float, half: float) -> None:
    if score != score:  # NaN: the class is neither in the split nor predicted
        panel.say("neither there nor predicted" if half else "", at, size=7)
    elif half:
        panel.draw_boxes(0, at - half, score, at + half, Look(entry.color))
        x = float(panel.x(score)) + 4
        panel.sheet.write(f"{score:.1f}", x, float(panel.y(at)), size=8 if half > 0.2 else 6.5)
    else:
        panel.draw_marks(score, at, entry.shape, 6.5, Look(entry.color, PAPER, 0.6))


def draw_confusion(entry: Entry) -> Sheet:
    """Draw, as shaded cells, which share of each class's pixels was predicted as which class.

    Right ones, on the diagonal, are blue, wrong ones vermilion; the last column, predictions that are no class, is left
    out where there are none.
    """
    counts = entry.confusion.counts
    size = len(entry.run.labels)
    across = size + bool(counts[:, size].any())
    whole = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, whole, out=np.full(counts.shape, np.nan), where=whole > 0)[:, :across]
    names = [_short(label) for label in entry.run.labels]
    heads = [*names, "no class"][:across]
    sheet = Sheet(WIDTH)
    left = room_for_labels(names) + 14
    wide = min((WIDTH - MARGIN - 8 - left) / across, 2.2 * _CELL)
    tall = min(_CELL, max(15.0, wide * 0.62))
    over = widest(heads, 8) if any(measure(name, 8) > wide - 4 for name in heads) else 0.0
    top = MARGIN + 32 + (over if over else 12)
    panel = Panel(
        sheet, left, top, left + across * wide, top + size * tall, linear(-0.5, across - 0.5), linear(-0.5, size - 0.5)
    )
    title = f"{printable(entry.name, 60)}: predicted class of the pixels of each true class, %"
    sheet.write(title, MARGIN, MARGIN + 8, size=9.5, bold=True)
    for name, y in zip(names, panel.y(range(size)), strict=True):
        sheet.write(name, left - 17, float(y), align="right")
    draw_chips(sheet, [(left - 8.5, float(y)) for y in panel.y(range(size))], entry.run.colors, 8)
    for name, x in zip(heads, panel.x(range(across)), strict=True):
        if over:
            sheet.write(name, float(x), top - 16, size=8, turn=90)
        else:
            sheet.write(name, float(x), top - 19, size=8, align="center")
    draw_chips(sheet, [(float(x), top - 8.5) for x in panel.x(range(size))], entry.run.colors, 8)
    _draw_cells(panel, shares, min(tall, wide))
    panel.name_down("true class", left - MARGIN - 6)
    return finish(sheet, panel.bottom + 8)


def _draw_cells(panel: Panel, shares: np.ndarray[tuple[int, ...], np.dtype[np.float64]], room: float) -> None:
    letters = 8.5 if room > 22 else 6.0
    by_look: dict[str, list[tuple[float, float, float, float]]] = {}
    for row, values in enumerate(shares.tolist()):
        for column, share in enumerate(values):
            corners = panel.x([column - 0.5, column + 0.5]), panel.y([row - 0.5, row + 0.5])
            box = float(corners[0][0]), float(corners[1][0]), float(corners[0][1]), float(corners[1][1])
            color = shade(SUBSET if row == column else SECOND, share if share == share else 0.0)
            by_look.setdefault(color, []).append(box)
            # What rounds to zero is left out; the table has it.
            text = "-" if share != share else f"{100 * share:.1f}" if room > 22 else f"{100 * share:.0f}"
            if share == share and float(text) == 0 and row != column:
                continue
            ink = PAPER if _lightness(color) < _DARK else INK
            middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
            panel.sheet.write(text, *middle, size=letters, align="center", color=ink, bold=row == column)
    for color, boxes in by_look.items():
        panel.sheet.draw_boxes(boxes, Look(color, RULE, 0.5))
    panel.sheet.draw_boxes([(panel.left, panel.top, panel.right, panel.bottom)], Look(None, FAINT, 0.7))


def shade(color: str, share: float) -> str:
    """Return a colour mixed with white, all of it for 1; small shares differ more than large ones.

    Examples
    --------
    >>> shade("#0b3c6f", 0), shade("#0b3c6f", 1)
    ('#ffffff', '#0b3c6f')
    """
    part = round(_SHADES * min(1.0, max(0.0, share)) ** 0.6) / _SHADES
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return hexadecimal((_mix(red, part), _mix(green, part), _mix(blue, part)))


def _lightness(color: str) -> float:
    # Rec. 601, 0 to 255.
    return sum(weight * int(color[i : i + 2], 16) for i, weight in ((1, 0.299), (3, 0.587), (5, 0.114)))


def _mix(value: int, part: float) -> int:
    return round(255 - (255 - value) * part)


def _short(label: str) -> str:
    return printable(label, _LETTERS)
