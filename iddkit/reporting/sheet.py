"""A sheet of paper to draw a figure on: boxes, lines, marks and words, in points from its upper left corner.

What is drawn is kept in few large pieces, each of one look, so that a picture of thousands of things is made in
milliseconds. `raster` and `vector` make files of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iddkit.reporting.lettering import MIDDLE, UNIT, Line, lay_out

if TYPE_CHECKING:
    from iddkit.reporting.panel import Panel

INK, FAINT, RULE, STRIPE, PAPER = "#1b1f24", "#5f6b78", "#dfe3e8", "#f6f7f9", "#ffffff"

Align = Literal["left", "center", "right"]

_BEFORE = {"left": 0.0, "center": 0.5, "right": 1.0}

# Distance of the lines of a text, in its sizes.
_LEADING = 1.2


@dataclass(frozen=True, slots=True)
class Look:
    """How boxes and marks are painted: colour inside, colour and width of the edge; no colour, no paint."""

    face: str | None
    edge: str | None = None
    width: float = 0.0
    alpha: float = 1.0


@dataclass(frozen=True, eq=False, slots=True)
class Boxes:
    """Rectangles: float (n, 4), left, top, right, bottom."""

    at: NDArray[np.float64]
    look: Look


@dataclass(frozen=True, eq=False, slots=True)
class Lines:
    """Straight lines: float (n, 4), x and y of both ends."""

    at: NDArray[np.float64]
    color: str
    width: float


@dataclass(frozen=True, eq=False, slots=True)
class Marks:
    """Marks around points, float (n, 2); the shape as matplotlib names it."""

    at: NDArray[np.float64]
    shape: str
    size: float
    look: Look


@dataclass(frozen=True, eq=False, slots=True)
class Words:
    """A line of text: where its base line starts, and its turn anticlockwise, in radians."""

    text: str
    line: Line
    x: float
    y: float
    size: float
    color: str
    turn: float


@dataclass(eq=False, slots=True)
class Sheet:
    """What is drawn, later things over earlier ones, words over all.

    Attributes
    ----------
    width, height
        In points; the height may be set at the end.
    """

    width: float
    height: float = 0.0
    pieces: list[Boxes | Lines | Marks] = field(default_factory=list)
    words: list[Words] = field(default_factory=list)
    panels: list[Panel] = field(default_factory=list)

    def draw_boxes(self, at: ArrayLike, look: Look) -> None:
        """Draw rectangles, (n, 4): left, top, right, bottom."""
        boxes = np.asarray(at, dtype=float).reshape(-1, 4)
        if len(boxes):
            self.pieces.append(Boxes(boxes, look))

    def draw_cells(self, at: NDArray[np.float64], colors: Sequence[str]) -> None:
        """Draw rectangles that do not overlap, each of its colour."""
        by_color: dict[str, list[int]] = {}
        for i, color in enumerate(colors):
            by_color.setdefault(color, []).append(i)
        for color, places in by_color.items():
            self.draw_boxes(at[places], Look(color))

    def draw_lines(self, at: ArrayLike, color: str, width: float) -> None:
        """Draw straight lines, (n, 4): x and y of both ends."""
        lines = np.asarray(at, dtype=float).reshape(-1, 4)
        if len(lines):
            self.pieces.append(Lines(lines, color, width))

    def draw_marks(self, at: ArrayLike, shape: str, size: float, look: Look) -> None:
        """Draw marks around points, (n, 2)."""
        points = np.asarray(at, dtype=float).reshape(-1, 2)
        if len(points):
            self.pieces.append(Marks(points, shape, size, look))

    def write(
        self,
        text: str,
        x: float,
        y: float,
        *,
        size: float = 9,
        color: str = INK,
        align: Align = "left",
        bold: bool = False,
        turn: float = 0,
    ) -> None:
        """Write a text of one or more lines; `y` is the middle of its height, `turn` in degrees anticlockwise."""
        lines = text.split("\n")
        cosine, sine = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        for i, content in enumerate(lines):
            line = lay_out(content, bold)
            along = -_BEFORE[align] * line.width * size / UNIT
            down = (MIDDLE + (i - (len(lines) - 1) / 2) * _LEADING) * size
            start = x + along * cosine + down * sine, y - along * sine + down * cosine
            self.words.append(Words(content, line, *start, size, color, math.radians(turn)))

    def by_color(self) -> Iterable[tuple[str, list[Words]]]:
        """Return the words of each colour."""
        colors = dict.fromkeys(words.color for words in self.words)
        return [(color, [words for words in self.words if words.color == color]) for color in colors]
