"""A figure of a confusion matrix: shaded cells. Call it inside `figure.styled`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iddkit.errors import printable
from iddkit.metrics.shares import divide
from iddkit.reporting.figure import (
    MARGIN,
    SECOND,
    SUBSET,
    WIDTH,
    draw_chips,
    finish,
    hexadecimal,
    room_for_labels,
)
from iddkit.reporting.lettering import measure
from iddkit.reporting.panel import Panel, linear, widest
from iddkit.reporting.sheet import FAINT, INK, PAPER, RULE, Look, Sheet

#: Names are cut after so many letters: they stand on the figure, the tables have them whole.
_LETTERS: Final = 28

# Height of cells in points, at most; shades of a colour; on what is darker, digits are white.
_CELL, _SHADES, _DARK = 34.0, 40, 140.0

#: A class's name and its colour; None for what is no class.
Head = tuple[str, tuple[int, int, int] | None]


def draw_matrix(
    counts: NDArray[np.int64], rows: Sequence[Head], columns: Sequence[Head], title: str, side: str
) -> Sheet:
    """Draw, as shaded cells, which share of each row's pixels lies in which column.

    Those on the diagonal are blue, all others vermilion.

    Parameters
    ----------
    counts
        int64 (rows, columns or more): shares are those of the whole row, shown is what `columns` has names for.
    rows, columns
        Names and colours, in order.
    title, side
        What stands above the matrix, and beside its rows.
    """
    size, across = len(rows), len(columns)
    shares = divide(counts, counts.sum(axis=1, keepdims=True))[:, :across]
    names, heads = ([shorten(name) for name, _ in them] for them in (rows, columns))
    sheet = Sheet(WIDTH)
    left = room_for_labels(names) + 14
    wide = min((WIDTH - MARGIN - 8 - left) / across, 2.2 * _CELL)
    tall = min(_CELL, max(15.0, wide * 0.62))
    over = widest(heads, 8) if any(measure(name, 8) > wide - 4 for name in heads) else 0.0
    top = MARGIN + 32 + (over if over else 12)
    panel = Panel(
        sheet, left, top, left + across * wide, top + size * tall, linear(-0.5, across - 0.5), linear(-0.5, size - 0.5)
    )
    sheet.write(title, MARGIN, MARGIN + 8, size=9.5, bold=True)
    for name, y in zip(names, panel.y(range(size)), strict=True):
        sheet.write(name, left - 17, float(y), align="right")
    _draw_chips(sheet, [(left - 8.5, float(y)) for y in panel.y(range(size))], rows)
    for name, x in zip(heads, panel.x(range(across)), strict=True):
        if over:
            sheet.write(name, float(x), top - 16, size=8, turn=90)
        else:
            sheet.write(name, float(x), top - 19, size=8, align="center")
    _draw_chips(sheet, [(float(x), top - 8.5) for x in panel.x(range(across))], columns)
    _draw_cells(panel, shares, min(tall, wide))
    panel.name_down(side, left - MARGIN - 6)
    return finish(sheet, panel.bottom + 8)


def _draw_chips(sheet: Sheet, places: Sequence[tuple[float, float]], heads: Sequence[Head]) -> None:
    shown = [(place, color) for place, (_, color) in zip(places, heads, strict=True) if color is not None]
    draw_chips(sheet, [place for place, _ in shown], [color for _, color in shown], 8)


def _draw_cells(panel: Panel, shares: NDArray[np.float64], room: float) -> None:
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


def shorten(label: str) -> str:
    """Return a label as short as figures have room for."""
    return printable(label, _LETTERS)
