"""Lines of text as outlines of letters, in the font that comes with matplotlib: of one look on every machine.

A line is laid out once, however often and in whatever size and colour it is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.path import Path

#: Size in which lines are laid out: all their lengths are in hundredths of the size in which they are written.
UNIT: Final = 100.0

#: The middle of a line's letters lies so much above its base line, as a part of the size.
MIDDLE: Final = 0.3

_FILES = {False: "DejaVuSans.ttf", True: "DejaVuSans-Bold.ttf"}


@dataclass(frozen=True, eq=False, slots=True)
class Line:
    """A line of text.

    Attributes
    ----------
    glyphs
        Name in `outline`, and the place of its origin, x to the right and y upwards.
    path
        All outlines in one.
    width
        To the right end of what is drawn.
    """

    glyphs: tuple[tuple[str, float, float], ...]
    path: Path
    width: float


_outlines: dict[str, Path] = {}


@lru_cache(maxsize=8192)
def lay_out(text: str, bold: bool = False) -> Line:
    """Return a line of text, which has no line breaks. Call it inside `figure.styled`."""
    from matplotlib.path import Path
    from matplotlib.textpath import text_to_path

    font = _font(bold)
    font.set_size(UNIT, 72)
    # The third argument and result are for mathematics, of which there is none: a label may be called 'US$'.
    placed, found, _ = text_to_path.get_glyphs_with_font(font, text)
    for name, (vertices, codes) in found.items():
        if name not in _outlines:
            _outlines[name] = Path(np.reshape(vertices, (-1, 2)), codes)
    glyphs = tuple((name, float(x), float(y)) for name, x, y, _ in placed if _vertices(name).size)
    if not glyphs:
        return Line((), Path(np.empty((0, 2))), 0.0)
    vertices = np.concatenate([_vertices(name) + np.array([x, y]) for name, x, y in glyphs])
    codes = np.concatenate([_outlines[name].codes for name, _, _ in glyphs])
    return Line(glyphs, Path(vertices, codes), float(vertices[:, 0].max()))


def measure(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of a text in points, that of its longest line."""
    return max(lay_out(line, bold).width for line in text.split("\n")) * size / UNIT


def outline(name: str) -> Path:
    """Return the outline of a glyph of a line that was laid out, around its origin."""
    return _outlines[name]


def _vertices(name: str) -> NDArray[np.float64]:
    return np.asarray(_outlines[name].vertices)


@lru_cache(maxsize=2)
def _font(bold: bool) -> Any:
    import os

    from matplotlib import get_data_path
    from matplotlib.font_manager import get_font

    # By its file: a font of the machine may have the same name.
    return get_font(os.path.join(get_data_path(), "fonts", "ttf", _FILES[bold]))
