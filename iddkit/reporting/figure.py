"""What the figures share: style, size, rows of labels, numbers as people read them, and the bytes of a file.

Figures are matplotlib's `Figure` objects, without pyplot's global state; settings hold inside `styled` alone. Same
figure, same bytes: no date, no random names, matplotlib's own font, text in SVG as outlines.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from iddkit.errors import printable
from iddkit.images import encode_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Width of every figure, in inches.
WIDTH: Final = 9.0

#: Pixels per inch of PNG files.
DPI: Final = 200

INK, FAINT, RULE, STRIPE, PAPER = "#1b1f24", "#5f6b78", "#dfe3e8", "#f6f7f9", "#ffffff"

# So many of a PNG's 256 colours are those of most pixels.
_EXACT = 160

#: The source, the derived dataset, and what random subsets do. They differ in lightness more than in hue.
SOURCE, SUBSET, RANDOM = "#a3adb8", "#0b3c6f", "#c9ced5"

#: A second quantity beside the derived dataset's: vermilion of Okabe and Ito (2008), which is told from blue by all.
SECOND: Final = "#d55e00"

#: Faces and hatches of the bars of further datasets.
OTHERS: Final = (("#ffffff", "////"), ("#e3e8ee", ""), ("#ffffff", "xxxx"), ("#d5dbe2", "----"))

#: Markers of datasets in a dot plot, and of splits.
MARKERS: Final = ("o", "D", "s", "^", "v", "P", "X")

_STYLE: Final[dict[str, Any]] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a label may be called 'US$'
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "figure.facecolor": PAPER,
    "figure.dpi": 100,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "path.simplify": False,
    "savefig.bbox": None,
    "svg.fonttype": "path",
    "svg.hashsalt": "iddkit",
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
}


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


@contextmanager
def styled() -> Iterator[None]:
    """Hold iddkit's style, and none of the user's own settings of matplotlib."""
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        # A label in a script that the font does not have is drawn as boxes; the tables beside have it right.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        matplotlib.rcdefaults()
        for name, value in _STYLE.items():
            matplotlib.rcParams[name] = value  # type: ignore[index]
        yield


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """Return an empty figure of a size in inches. Call it inside `styled`."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def render(figure: Figure) -> Drawing:
    """Return a figure as PNG and SVG. Call it inside `styled`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    width, height = figure.get_size_inches() * 100
    figure.dpi = DPI
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[:, :, :3])  # type: ignore[no-untyped-call]
    figure.set_layout_engine("none")  # all have found their places
    svg = io.BytesIO()
    # Not 'savefig', which draws the figure once more to ask what it needs.
    FigureCanvasSVG(figure).print_svg(svg, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
    return Drawing(_encode(pixels), _shorten(svg.getvalue()), round(width), round(height))


def _encode(pixels: NDArray[np.uint8]) -> bytes:
    # The most frequent colours exactly, the others (edges of letters, a colour bar) by near ones: a third of the bytes.
    from PIL import Image

    counted: list[Any] = Image.fromarray(pixels).getcolors(pixels.size) or []
    colors = np.array([color for _, color in sorted(counted, key=lambda one: (-one[0], one[1]))], dtype=np.uint8)
    palette = colors
    if len(colors) > 256:
        rest = Image.fromarray(colors[None, _EXACT:]).quantize(256 - _EXACT, Image.Quantize.MEDIANCUT).getpalette()
        palette = np.concatenate([colors[:_EXACT], np.array(rest, dtype=np.uint8).reshape(-1, 3)])[:256]
    nearest = np.zeros(1 << 24, dtype=np.uint8)
    for start in range(0, len(colors), 1024):  # a block at a time: of a colour map there are many
        block = colors[start : start + 1024].astype(np.int32)
        nearest[_pack(block)] = ((block[:, None] - palette.astype(np.int32)) ** 2).sum(axis=2).argmin(axis=1)
    return encode_png(nearest[_pack(pixels)], palette)


def _pack(colors: NDArray[np.integer]) -> NDArray[np.int32]:
    red, green, blue = (colors[..., channel].astype(np.int32) for channel in range(3))
    packed: NDArray[np.int32] = (red << 16) | (green << 8) | blue
    return packed


def _shorten(svg: bytes) -> bytes:
    # Hundredths of a point are enough for coordinates; numbers below 1 may be scales.
    return re.sub(rb"(?<![\d.#])(-?[1-9]\d*\.\d\d)\d+", rb"\1", svg)


def label_rows(panels: Sequence[Axes], names: Sequence[str], colors: Sequence[tuple[int, int, int]]) -> None:
    """Give panels that share their y axis a row for each label, the first on top: its name and a chip of its colour."""
    first = panels[0]
    first.set_ylim(len(names) - 0.4, -0.6)
    first.set_yticks(range(len(names)), [printable(name) for name in names])
    first.tick_params(axis="y", pad=15)
    for axes in panels:
        for row in range(1, len(names), 2):
            axes.axhspan(row - 0.5, row + 0.5, color=STRIPE, zorder=-5, linewidth=0)
    draw_chips(first, colors, 8.5, size=8)


def draw_chips(
    axes: Axes, colors: Sequence[tuple[int, int, int]], away: float, *, size: float, below: bool = False
) -> None:
    """Draw a square of each colour left of each row of an axis, or below each column; distance and size in points."""
    from matplotlib.transforms import ScaledTranslation, Transform, blended_transform_factory

    figure = axes.get_figure(root=True)
    assert figure is not None
    parts = (axes.transData, axes.transAxes) if below else (axes.transAxes, axes.transData)
    shift = (0, -away / 72) if below else (-away / 72, 0)
    shifted = ScaledTranslation(shift[0], shift[1], figure.dpi_scale_trans)  # type: ignore[call-arg,unused-ignore]
    place: Transform = blended_transform_factory(*parts) + shifted
    for number_of, color in enumerate(colors):
        at = (number_of, 0) if below else (0, number_of)
        face = hexadecimal(color)
        axes.plot(*at, "s", ms=size, mfc=face, mec=FAINT, mew=0.4, transform=place, clip_on=False, zorder=5)


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
