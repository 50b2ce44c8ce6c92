"""Panels of a figure: a rectangle of a sheet in which numbers have places, with its scales, grid and ticks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iddkit.reporting.lettering import measure
from iddkit.reporting.sheet import FAINT, INK, RULE, Look, Sheet

Scale = Callable[[NDArray[np.float64]], NDArray[np.float64]]

#: Size of ticks' labels, and the distance of their middle from the axis below, and of a title from the panel.
TICK_SIZE, TICK_AWAY, TITLE_AWAY = 9.0, 11.0, 9.0

# Width of axes and grids, and length of ticks.
_THIN, _TICK = 0.7, 3.0


def linear(low: float, high: float) -> Scale:
    """Return a scale from `low` to `high`: it gives 0 for the first and 1 for the second."""
    return lambda values: (values - low) / (high - low)


def logarithmic(low: float, high: float) -> Scale:
    """Return a scale from `low` to `high`, both above 0; what is not is at 0."""

    def scale(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.log(np.maximum(values, low) / low) / math.log(high / low)

    return scale


def symmetric(edge: float, near: float) -> Scale:
    """Return a scale from minus `edge` to `edge`: linear up to `near` on both sides, logarithmic beyond."""
    # The linear half is as long as 0.8 decades.
    length = 0.8 + max(0.0, math.log10(edge / near))

    def scale(values: NDArray[np.float64]) -> NDArray[np.float64]:
        size = np.abs(values)
        beyond = 0.8 + np.log10(np.maximum(size, near) / near)
        return 0.5 + 0.5 * np.sign(values) * np.where(size <= near, 0.8 * size / near, beyond) / length

    return scale


def round_steps(low: float, high: float, most: int, least: float = 0.0) -> list[float]:
    """Return at most so many multiples of a round number from `low` to `high`, at least `least` apart.

    Examples
    --------
    >>> round_steps(0, 37.8, 8)
    [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0]
    >>> round_steps(0, 1.08, 5, least=1)
    [0.0, 1.0]
    """
    power = math.floor(math.log10((high - low) / most))
    for step in (factor * 10.0**k for k in range(power, power + 3) for factor in (1, 2, 2.5, 5)):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most and step >= least and not (least and step % least):
            return [place * step for place in range(first, last + 1)]
    return [low, high]


@dataclass(frozen=True, eq=False, slots=True)
class Panel:
    """A rectangle of a sheet, in points, and its scales: `across` from left to right, `down` from top to bottom."""

    sheet: Sheet
    left: float
    top: float
    right: float
    bottom: float
    across: Scale
    down: Scale

    def __post_init__(self) -> None:
        self.sheet.panels.append(self)

    def x(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return the places of numbers on the sheet, in points."""
        return self.left + (self.right - self.left) * self.across(np.asarray(values, dtype=float))

    def y(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return the places of numbers on the sheet, in points."""
        return self.top + (self.bottom - self.top) * self.down(np.asarray(values, dtype=float))

    def draw_boxes(self, left: ArrayLike, top: ArrayLike, right: ArrayLike, bottom: ArrayLike, look: Look) -> None:
        """Draw rectangles between numbers; a single number is that of all."""
        edges = np.broadcast_arrays(self.x(left), self.y(top), self.x(right), self.y(bottom))
        self.sheet.draw_boxes(np.stack(edges, axis=-1), look)

    def draw_marks(self, x: ArrayLike, y: ArrayLike, shape: str, size: float, look: Look) -> None:
        """Draw marks at numbers."""
        places = np.broadcast_arrays(self.x(x), self.y(y))
        self.sheet.draw_marks(np.stack(places, axis=-1), shape, size, look)

    def draw_bands(self, left: ArrayLike, right: ArrayLike, y: ArrayLike, color: str, width: float) -> None:
        """Draw level lines between numbers."""
        ends = np.broadcast_arrays(self.x(left), self.y(y), self.x(right), self.y(y))
        self.sheet.draw_lines(np.stack(ends, axis=-1), color, width)

    def draw_rules(self, ticks: Sequence[float], color: str = RULE, width: float = _THIN) -> None:
        """Draw upright lines of the panel's height."""
        self.sheet.draw_lines([(x, self.top, x, self.bottom) for x in self.x(ticks)], color, width)

    def draw_levels(self, ticks: Sequence[float]) -> None:
        """Draw level lines of the panel's width."""
        self.sheet.draw_lines([(self.left, y, self.right, y) for y in self.y(ticks)], RULE, _THIN)

    def draw_frame(self) -> None:
        """Draw the axes on the left and below."""
        ends = [(self.left, self.top, self.left, self.bottom), (self.left, self.bottom, self.right, self.bottom)]
        self.sheet.draw_lines(ends, FAINT, _THIN)

    def mark_across(self, ticks: Sequence[float], texts: Sequence[str], *, short: bool = True) -> None:
        """Write numbers below the panel, each with a short line if asked for."""
        if short:
            ends = [(x, self.bottom, x, self.bottom + _TICK) for x in self.x(ticks)]
            self.sheet.draw_lines(ends, FAINT, _THIN)
        for x, text in zip(self.x(ticks), texts, strict=True):
            self.sheet.write(text, x, self.bottom + TICK_AWAY, size=TICK_SIZE, align="center")

    def mark_down(self, ticks: Sequence[float], texts: Sequence[str]) -> None:
        """Write numbers left of the panel."""
        for y, text in zip(self.y(ticks), texts, strict=True):
            self.sheet.write(text, self.left - 5, y, size=TICK_SIZE, align="right")

    def say(self, text: str, y: float, *, size: float = 7.5) -> None:
        """Write, at a height given as a number, why there is nothing to see."""
        self.sheet.write(text, self.left + 5, float(self.y(y)), size=size, color=FAINT)

    def say_beside(self, text: str, y: float, *, size: float) -> None:
        """Write to the right of the panel, at a height given as a number."""
        self.sheet.write(text, self.right + 4, float(self.y(y)), size=size)

    def entitle(self, text: str) -> None:
        """Write a heading over the panel, of one line or more."""
        rows = text.count("\n")
        self.sheet.write(text, self.left, self.top - TITLE_AWAY - 5.7 * rows, size=9.5, bold=True)

    def name_across(self, text: str, away: float = 25.0) -> None:
        """Write below the panel's numbers what they are."""
        self.sheet.write(text, (self.left + self.right) / 2, self.bottom + away, align="center", color=INK)

    def name_down(self, text: str, away: float) -> None:
        """Write left of the panel's numbers what they are, upwards."""
        self.sheet.write(text, self.left - away, (self.top + self.bottom) / 2, align="center", turn=90)


def fit_columns(count: int, left: float, right: float, gap: float) -> list[tuple[float, float]]:
    """Return the left and right ends of panels side by side."""
    width = (right - left - gap * (count - 1)) / count
    return [(left + i * (width + gap), left + i * (width + gap) + width) for i in range(count)]


def widest(texts: Sequence[str], size: float) -> float:
    """Return the width of the widest of some texts, in points; 0 without any."""
    return max((measure(text, size) for text in texts), default=0.0)
