"""Figures of one split as maps of colours: where labels lie in the image, and how often two of them come together.

Call them inside `figure.styled`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from iddkit.errors import printable
from iddkit.reporting.figure import MARGIN, SUBSET, WIDTH, draw_chips, finish, number, signed
from iddkit.reporting.label_figures import order_labels
from iddkit.reporting.panel import Panel, fit_columns, linear, round_steps, widest
from iddkit.reporting.sheet import FAINT, INK, PAPER, RULE, Look, Sheet
from iddkit.subset.evidence import LabelEvidence, SplitEvidence, SubsetEvidence

#: Labels whose layout is shown: the most frequent ones.
LAYOUTS = 8

# As many columns even of fewer labels: their maps would be as wide as the page.
_COLUMNS = 5

# Labels of a matrix of pairs whose numbers fit it, and frames that its scale goes to at least.
_NUMBERED, _PALE = 16, 2

# Sizes in points: a map, and its distance from the next; a matrix; the colours of its scale.
_MAP_HEIGHT, _MAP_GAP = 75.0, 6.0
_SCALE, _SHADES = 11.0, 64


def draw_layout(evidence: SubsetEvidence, split: SplitEvidence) -> Sheet:
    """Draw where in the image the most frequent labels lie, in 4 x 4 cells: source, subset, difference."""
    places = [i for i in order_labels(evidence) if any(split.layout[i]) or any(split.layout_chosen[i])][:LAYOUTS]
    labels = [split.level(evidence.level).labels[i] for i in places]
    sheet = Sheet(WIDTH)
    if not places:
        sheet.write("no label in any frame", WIDTH / 2, 20, align="center", color=FAINT)
        return finish(sheet, 36)
    maps = [[_cells(layout[i]) for i in places] for layout in (split.layout, split.layout_chosen)]
    apart = [chosen - source for source, chosen in zip(*maps, strict=True)]
    largest = max(0.05, *(float(np.abs(cells).max()) for cells in apart))
    names = [_broken(printable(label.short)) for label in labels]
    first = MARGIN + (26 if any("\n" in name for name in names) else 15)
    tops = [first + row * (_MAP_HEIGHT + _MAP_GAP) for row in range(3)]
    columns = fit_columns(max(_COLUMNS, len(places)), 32, WIDTH - MARGIN, _MAP_GAP)
    for i, ((left, right), name) in enumerate(zip(columns, names, strict=False)):
        panels = [_map(sheet, left, top, right, top + _MAP_HEIGHT, len(apart[i])) for top in tops]
        most = max(float(maps[0][i].max()), float(maps[1][i].max()), 1e-9)
        for panel, cells in zip(panels, (maps[0][i], maps[1][i]), strict=False):
            _draw_cells(panel, cells / most, "Blues")
            _write_cells(panel, [_whole(value) for value in cells.flat], cells > 0.6 * most)
        _draw_cells(panels[2], (apart[i] / largest + 1) / 2, "PuOr")
        _write_cells(panels[2], [_tenth(value) for value in apart[i].flat], np.abs(apart[i]) > 0.7 * largest)
        sheet.draw_boxes([(left, top, right, top + _MAP_HEIGHT) for top in tops], Look(None, RULE, 0.7))
        sheet.write(name, (left + right) / 2, first - (13 if "\n" in name else 8), size=8, align="center")
    for name, top in zip(("source", "subset", "subset less\nsource, points"), tops, strict=True):
        sheet.write(name, 18, top + _MAP_HEIGHT / 2, size=8.5, align="center", turn=90)
    return finish(sheet, tops[2] + _MAP_HEIGHT)


def _map(sheet: Sheet, left: float, top: float, right: float, bottom: float, side: int) -> Panel:
    """Return a panel of side x side cells, whose middles are whole numbers."""
    return Panel(sheet, left, top, right, bottom, linear(-0.5, side - 0.5), linear(-0.5, side - 0.5))


def _draw_cells(panel: Panel, values: NDArray[np.float64], colors: str) -> None:
    """Draw cells in the colours of one of matplotlib's maps; values from 0 to 1, what is not a number is left out."""
    rows, columns = np.nonzero(np.isfinite(values))
    edges = panel.x(columns - 0.5), panel.y(rows - 0.5), panel.x(columns + 0.5), panel.y(rows + 0.5)
    panel.sheet.draw_cells(np.stack(edges, axis=-1), _shades(values[rows, columns], colors))


def _shades(values: NDArray[np.float64], colors: str) -> list[str]:
    from matplotlib import colormaps

    return [f"#{bytes(color).hex()}" for color in colormaps[colors](values, bytes=True)[:, :3]]


def _write_cells(panel: Panel, texts: Sequence[str], dark: NDArray[np.bool_], size: float = 6) -> None:
    for (row, column), text in zip(np.ndindex(dark.shape), texts, strict=True):
        if text:
            color = PAPER if dark[row, column] else INK
            x, y = float(panel.x(column)), float(panel.y(row))
            panel.sheet.write(text, x, y, size=size, color=color, align="center")


def _cells(values: Sequence[float]) -> NDArray[np.float64]:
    side = math.isqrt(len(values))
    return 100 * np.array(values).reshape(side, side)


def _whole(value: float) -> str:
    return f"{abs(value):.0f}"


def _tenth(value: float) -> str:
    text = f"{value:+.1f}".replace("-", "\N{MINUS SIGN}")
    return "0" if text[1:] == "0.0" else text


def _broken(name: str) -> str:
    # Two lines at the blank nearest to the middle.
    if len(name) <= 13 or " " not in name:
        return name
    blanks = [i for i, letter in enumerate(name) if letter == " "]
    at = min(blanks, key=lambda i: abs(i - len(name) / 2))
    return f"{name[:at]}\n{name[at + 1 :]}"


def draw_pairs(evidence: SubsetEvidence, split: SplitEvidence) -> Sheet:
    """Draw how often two labels come together: subset against source, and the difference as a matrix."""
    labels = split.level(evidence.presence_level).labels
    order = [i for i in order_labels(evidence, evidence.presence_level) if labels[i].resized.frames]
    count = len(order)
    source = 100 * np.array(split.pairs)[np.ix_(order, order)].reshape(count, count)
    chosen = 100 * np.array(split.pairs_chosen)[np.ix_(order, order)].reshape(count, count)
    one, other = np.tril_indices(count, k=-1)
    sheet = Sheet(WIDTH)
    # One frame more or less is no colour: the scale goes at least to `_PALE` frames.
    least = 100 * _PALE / max(1, split.chosen)
    matrix, bottom = _draw_matrix(sheet, chosen - source, [labels[i] for i in order], least)
    _draw_scatter(sheet, (matrix.top + matrix.bottom) / 2, source[one, other], chosen[one, other])
    return finish(sheet, bottom)


def _draw_scatter(sheet: Sheet, middle: float, source: NDArray[np.float64], chosen: NDArray[np.float64]) -> None:
    side, ticks = 212.0, [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
    left, top = 40.0, middle - side / 2
    panel = Panel(sheet, left, top, left + side, top + side, linear(-2, 102), linear(102, -2))
    panel.draw_rules(ticks)
    panel.draw_levels(ticks)
    panel.draw_frame()
    panel.mark_across(ticks, [number(tick) for tick in ticks])
    panel.mark_down(ticks, [number(tick) for tick in ticks])
    (low, high), (bottom, upper) = panel.x([0, 100]), panel.y([0, 100])
    sheet.draw_lines([(low, bottom, high, upper)], FAINT, 0.8)
    panel.draw_marks(source, chosen, "o", 4 if len(source) < 200 else 2.8, Look(SUBSET, alpha=0.75))
    panel.entitle("frames that hold both of two labels")
    panel.name_across("of the source's frames, %")
    panel.name_down("of the subset's frames, %", 30)


def _draw_matrix(
    sheet: Sheet, apart: NDArray[np.float64], labels: Sequence[LabelEvidence], least: float
) -> tuple[Panel, float]:
    """Draw a matrix below its diagonal, on the right of a sheet; return its panel and where all of it ends."""
    count, names = len(labels), [printable(label.short) for label in labels]
    largest = max(0.5, least, float(np.abs(apart).max(initial=0)))
    size = 8 if count <= 16 else 6.5 if count <= 26 else 5.5
    room = widest(names, size) + 12
    left, top = 272 + room, MARGIN + 32
    right, height = WIDTH - 54, 240.0 if count <= 20 else 290.0
    panel = _map(sheet, left, top, right, top + height, max(1, count))
    panel.entitle("subset less source, points\n(diagonal: the label itself)")
    if not count:
        panel.draw_frame()
        return panel, panel.bottom + 30
    _draw_cells(panel, np.where(np.tri(count, dtype=bool), (apart / largest + 1) / 2, np.nan), "PuOr")
    panel.draw_frame()
    middles_x, middles_y = panel.x(range(count)), panel.y(range(count))
    for name, x, y in zip(names, middles_x, middles_y, strict=True):
        sheet.write(name, left - 11, y, size=size, align="right")
        sheet.write(name, x, panel.bottom + 11, size=size, align="right", turn=90)
    colors = [label.color for label in labels]
    draw_chips(sheet, [(left - 5.5, y) for y in middles_y], colors, 4.5)
    draw_chips(sheet, [(x, panel.bottom + 5.5) for x in middles_x], colors, 4.5)
    if count <= _NUMBERED:
        texts = [signed(v) if abs(v) < 10 else signed(round(v)) for v in apart.flat]
        shown = [
            text if column <= row else "" for (row, column), text in zip(np.ndindex(apart.shape), texts, strict=True)
        ]
        _write_cells(panel, shown, np.abs(apart) > 0.6 * largest, 7 if count <= 10 else 5)
    _draw_scale(panel, largest)
    return panel, panel.bottom + room


def _draw_scale(matrix: Panel, largest: float) -> None:
    """Draw the scale of a matrix's colours to the right of it."""
    left, middle, half = matrix.right + 10, (matrix.top + matrix.bottom) / 2, 0.37 * (matrix.bottom - matrix.top)
    bar = Panel(
        matrix.sheet, left, middle - half, left + _SCALE, middle + half, linear(0, 1), linear(largest, -largest)
    )
    edges = np.linspace(bar.bottom, bar.top, _SHADES + 1)
    across = np.full(_SHADES, left)
    cells = np.stack([across, edges[1:], across + _SCALE, edges[:-1]], axis=-1)
    matrix.sheet.draw_cells(cells, _shades(np.linspace(0, 1, _SHADES), "PuOr"))
    for tick in round_steps(-largest, largest, 9):
        y = float(bar.y(tick))
        matrix.sheet.draw_lines([(bar.right, y, bar.right + 3, y)], FAINT, 0.7)
        matrix.sheet.write(number(tick, 3), bar.right + 5, y, size=7.5)
