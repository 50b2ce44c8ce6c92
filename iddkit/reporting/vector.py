"""A sheet as an SVG file: each glyph and each mark is defined once, and letters are outlines."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

from iddkit.reporting.lettering import UNIT, outline
from iddkit.reporting.raster import mark_path
from iddkit.reporting.sheet import PAPER, Boxes, Lines, Look, Marks, Sheet, Words

if TYPE_CHECKING:
    from matplotlib.path import Path

_NAMES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'

# How SVG calls matplotlib's steps of a path.
_LETTERS = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}


def to_svg(sheet: Sheet) -> bytes:
    """Return a sheet as an SVG file, its coordinates in points. Call it inside `figure.styled`."""
    width, height = f"{sheet.width:g}", f"{sheet.height:g}"
    extent = f'width="{width}pt" height="{height}pt" viewBox="0 0 {width} {height}" version="1.1"'
    defined: dict[str, str] = {}
    drawn = [_draw(piece, defined) for piece in sheet.pieces]
    for color, words in sheet.by_color():
        drawn.append(f'<g fill="{color}">\n' + "".join(_write(one, defined) for one in words) + "</g>")
    return "\n".join(
        [
            '<?xml version="1.0" encoding="utf-8"?>',
            f"<svg {_NAMES} {extent}>",
            "<defs>",
            *(f'<path id="{name}" d="{steps}"/>' for name, steps in defined.items()),
            "</defs>",
            f'<path d="M0 0H{width}V{height}H0Z" fill="{PAPER}"/>',
            *drawn,
            "</svg>\n",
        ]
    ).encode()


def _draw(piece: Boxes | Lines | Marks, defined: dict[str, str]) -> str:
    if isinstance(piece, Boxes):
        steps = "".join(f"M{_short(x)} {_short(y)}H{_short(u)}V{_short(v)}H{_short(x)}Z" for x, y, u, v in piece.at)
        # Without smoothing, neighbouring cells have no gaps.
        return f'<path d="{steps}"{_paint(piece.look)} shape-rendering="crispEdges"/>'
    if isinstance(piece, Lines):
        steps = "".join(f"M{_short(x)} {_short(y)}L{_short(u)} {_short(v)}" for x, y, u, v in piece.at)
        return f'<path d="{steps}"{_paint(Look(None, piece.color, piece.width))}/>'
    name = f"m{ord(piece.shape):x}-{piece.size:g}"
    defined.setdefault(name, _steps(mark_path(piece.shape), piece.size, 3))
    uses = "\n".join(f'<use xlink:href="#{name}" x="{_short(x)}" y="{_short(y)}"/>' for x, y in piece.at)
    return f"<g{_paint(piece.look)}>\n{uses}\n</g>"


def _paint(look: Look) -> str:
    fill = f' fill="{look.face or "none"}"' + (f' fill-opacity="{look.alpha:g}"' if look.alpha < 1 else "")
    return fill + (f' stroke="{look.edge}" stroke-width="{look.width:g}"' if look.edge and look.width else "")


def _write(words: Words, defined: dict[str, str]) -> str:
    turn = f" rotate({-math.degrees(words.turn):g})" if words.turn else ""
    scale = f"{words.size / UNIT:g}"
    uses = []
    for name, x, y in words.line.glyphs:
        if name not in defined:
            defined[name] = _glyph(name)
        uses.append(f'<use xlink:href="#{name}" x="{_short(x)}"' + (f' y="{_short(y)}"/>' if y else "/>"))
    place = f"translate({_short(words.x)} {_short(words.y)}){turn} scale({scale} -{scale})"
    return f'<g transform="{place}">{"".join(uses)}</g>\n' if uses else ""


@lru_cache(maxsize=1024)
def _glyph(name: str) -> str:
    return _steps(outline(name), 1, 1, flip=False)


def _steps(path: Path, scale: float, digits: int, *, flip: bool = True) -> str:
    steps = []
    for values, code in path.iter_segments(simplify=False):
        signs = (scale, -scale if flip else scale)
        numbers = "" if code == 79 else " ".join(_short(v * signs[i % 2], digits) for i, v in enumerate(values))
        steps.append(_LETTERS[int(code)] + numbers)
    return "".join(steps)


def _short(value: float, digits: int = 2) -> str:
    # Hundredths of a point are enough.
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
