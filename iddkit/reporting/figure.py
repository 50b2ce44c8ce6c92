"""What the figures share: style, size, rows of labels, legends, numbers as people read them, and the bytes of a file.

Figures are drawn on a `Sheet`; matplotlib has the letters, the colour maps and the painting of pixels. Same figure,
same bytes: no date, no random names, matplotlib's own font, text in SVG as outlines.
"""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np

from iddkit.errors import printable
from iddkit.reporting.lettering import measure
from iddkit.reporting.panel import Panel, widest
from iddkit.reporting.raster import to_png
from iddkit.reporting.sheet import FAINT, STRIPE, Look, Sheet
from iddkit.reporting.vector import to_svg

#: Width of every figure, and of the white around what is in it, in points.
WIDTH, MARGIN = 648.0, 4.0

#: Pixels per inch of PNG files.
DPI: Final = 160

# Heights are multiples of this, in points: whole pixels at 160 and at 100 per inch.
_STEP = 3.6

#: The source, the derived dataset, and what random subsets do. They differ in lightness more than in hue.
SOURCE, SUBSET, RANDOM = "#a3adb8", "#0b3c6f", "#c9ced5"

#: A second quantity beside the derived dataset's: vermilion of Okabe and Ito (2008), which is told from blue by all.
SECOND: Final = "#d55e00"

#: Height of a legend's row, and how far a row's label and its chip lie from a panel.
LEGEND_ROW, _LABEL_AWAY, _CHIP_AWAY, _CHIP = 20.0, 17.0, 8.5, 8.0


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure as files.

    Attributes
    ----------
    png, svg
        The same picture twice.
    width, height
        Of the picture as it is meant to be seen, in pixels.
    """

    png: bytes
    svg: bytes
    width: int
    height: int


#: Matplotlib's settings and fonts are those of the whole process: in a server one figure is drawn at a time.
_ALONE: Final = threading.RLock()


@contextmanager
def styled() -> Iterator[None]:
    """Hold none of the user's own settings of matplotlib, and let no other thread draw meanwhile."""
    import matplotlib

    with _ALONE, matplotlib.rc_context(), warnings.catch_warnings():
        # A label in a script that the font does not have is drawn as boxes; the tables beside have it right.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        matplotlib.rcdefaults()
        yield


def finish(sheet: Sheet, bottom: float) -> Sheet:
    """Give a sheet the height of what is drawn on it."""
    sheet.height = round(_STEP * math.ceil((bottom + MARGIN) / _STEP), 3)
    return sheet


def render(sheet: Sheet) -> Drawing:
    """Return a figure as PNG and SVG. Call it inside `styled`."""
    width, height = (round(length * 100 / 72) for length in (sheet.width, sheet.height))
    return Drawing(to_png(sheet, DPI), to_svg(sheet), width, height)


@dataclass(frozen=True, slots=True)
class Symbol:
    """A mark of a legend; without a shape it is a box."""

    look: Look
    shape: str = ""
    size: float = 6.0
    hatch: str = ""


def draw_legend(sheet: Sheet, entries: Sequence[tuple[Sequence[Symbol], str]], top: float = MARGIN) -> float:
    """Draw a legend from the left to the right, in as many rows as it needs; return where it ends."""
    x, y = MARGIN + 4, top + LEGEND_ROW / 2
    for symbols, name in entries:
        lengths = [12.0 if symbol.shape else 18.0 for symbol in symbols]
        length = sum(lengths) + 7 * len(symbols) + measure(name, 9)
        if x > MARGIN + 4 and x + length > sheet.width - MARGIN:
            x, y = MARGIN + 4, y + LEGEND_ROW
        for symbol, width in zip(symbols, lengths, strict=True):
            if symbol.shape:
                sheet.draw_marks([(x + width / 2, y)], symbol.shape, symbol.size, symbol.look)
            else:
                draw_bars(sheet, [(x, y - 3.2, x + width, y + 3.2)], symbol.look, symbol.hatch)
            x += width + 7
        sheet.write(name, x, y)
        x += measure(name, 9) + 22
    return y + LEGEND_ROW / 2


def draw_bars(sheet: Sheet, bars: Sequence[tuple[float, float, float, float]], look: Look, hatch: str = "") -> None:
    """Draw rectangles, and in them lines of a hatch: ``/``, ``x`` or ``-``, as often as it is to be dense."""
    sheet.draw_boxes(bars, look)
    lines: list[tuple[float, float, float, float]] = []
    for left, top, right, bottom in bars if hatch else ():
        gap, tall, wide = 10.0 / len(hatch), bottom - top, right - left
        if hatch[0] == "-":
            lines += [(left, y, right, y) for y in np.arange(top + gap / 2, bottom, gap)]
            continue
        for start in np.arange(-tall + gap / 2, wide, 1.4 * gap):
            low, high = max(start, 0.0), min(start + tall, wide)  # the part of a rising line inside
            lines.append((left + low, bottom - (low - start), left + high, bottom - (high - start)))
            if hatch[0] == "x":
                lines.append((left + low, top + (low - start), left + high, top + (high - start)))
    sheet.draw_lines(lines, look.edge or FAINT, 0.6)


def room_for_labels(names: Sequence[str]) -> float:
    """Return how much of a sheet's left is for the names of rows and their chips."""
    return MARGIN + widest([printable(name) for name in names], 9) + _LABEL_AWAY


def label_rows(panels: Sequence[Panel], names: Sequence[str], colors: Sequence[tuple[int, int, int]]) -> None:
    """Give panels of rows 0, 1, ... a row for each label: its name, a chip of its colour, stripes behind them."""
    first = panels[0]
    for panel in panels:
        draw_stripes(panel, range(1, len(names), 2))
    for name, y in zip(names, first.y(range(len(names))), strict=True):
        first.sheet.write(printable(name), first.left - _LABEL_AWAY, y, align="right")
    places = [(first.left - _CHIP_AWAY, y) for y in first.y(range(len(names)))]
    draw_chips(first.sheet, places, colors, _CHIP)


def draw_stripes(panel: Panel, rows: Iterable[int]) -> None:
    """Draw some rows of a panel darker."""
    places = [(panel.left, float(panel.y(row - 0.5)), panel.right, float(panel.y(row + 0.5))) for row in rows]
    panel.sheet.draw_boxes(places, Look(STRIPE))


def draw_chips(
    sheet: Sheet, places: Sequence[tuple[float, float]], colors: Sequence[tuple[int, int, int]], size: float
) -> None:
    """Draw a square of each colour around each place, its size in points."""
    half = size / 2
    for (x, y), color in zip(places, colors, strict=True):
        sheet.draw_boxes([(x - half, y - half, x + half, y + half)], Look(hexadecimal(color), FAINT, 0.4))


def hexadecimal(color: tuple[int, int, int]) -> str:
    """Return a colour as HTML writes it.

    Examples
    --------
    >>> hexadecimal((128, 64, 128))
    '#804080'
    """
    return "#{:02x}{:02x}{:02x}".format(*color)


def percent(value: float, digits: int = 3) -> str:
    """Return a part of 1 in per cent with so many digits that count.

    Examples
    --------
    >>> percent(0.3126), percent(0.00001234), percent(0.0), percent(1)
    ('31.3 %', '0.00123 %', '0 %', '100 %')
    """
    return f"{number(100 * value, digits)} %"


def number(value: float, digits: int = 3) -> str:
    """Return a number with so many digits that count, without an exponent from 1e-5 to 1e15.

    Examples
    --------
    >>> [number(v) for v in (0, 0.00001234, 1.5, 31.25, 1403, 1.2e7)]
    ['0', '0.0000123', '1.5', '31.2', '1,403', '12,000,000']
    """
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    size = abs(value)
    if size < 1e-5:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        text = f"{float(mantissa):g}e{int(exponent)}"
    else:
        decimals = max(0, digits - 1 - math.floor(math.log10(size)))
        text = f"{value:,.{decimals}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "\N{MINUS SIGN}")


def signed(value: float, digits: int = 2) -> str:
    """Return a number with its sign; zero has none."""
    text = number(value, digits)
    return f"+{text}" if value > 0 else text


def metric(value: float) -> str:
    """Return a count as the ticks of an axis have it: ``10 k``, ``1 M``, ``100 G``."""
    for size, unit in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"
