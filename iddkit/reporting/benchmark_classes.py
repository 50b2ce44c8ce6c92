"""Figures of single classes: IoU of each, and which are taken for which. Call them inside `figure.styled`."""

from __future__ import annotations

from typing import Final

from iddkit.errors import printable
from iddkit.reporting.benchmark_entries import Entry, Group, chance_of
from iddkit.reporting.confusion_figure import draw_matrix, shorten
from iddkit.reporting.figure import (
    MARGIN,
    WIDTH,
    Symbol,
    draw_legend,
    finish,
    label_rows,
    room_for_labels,
)
from iddkit.reporting.panel import Panel, linear, round_steps
from iddkit.reporting.sheet import INK, PAPER, Look, Sheet

#: Up to so many runs have bars; more have marks.
MOST_BARS: Final = 4

#: Height of a row with one bar, of each further bar, and of a row of marks, in points.
_ROW, _MORE, _MARKED = 19.0, 8.0, 19.0

# What the upright marks are, without and with `Run.prior`.
_EVERYWHERE: Final = "chance: by predicting the class everywhere, its share of the pixels"
_CHANCE: Final = "chance: by a picture that never changes, or the class everywhere, whichever is better"


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
    names = [shorten(label) for label in group.labels]
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
    """Draw which share of each class's pixels was predicted as which class.

    The last column, predictions that are no class, is left out where there are none.
    """
    counts, names, colors = entry.confusion.counts, [*entry.run.labels, "no class"], entry.run.colors
    across = len(colors) + bool(counts[:, -1].any())
    title = f"{printable(entry.name, 60)}: predicted class of the pixels of each true class, %"
    rows = list(zip(entry.run.labels, colors, strict=True))
    columns = list(zip(names, [*colors, None], strict=True))[:across]
    return draw_matrix(counts, rows, columns, title, "true class")
