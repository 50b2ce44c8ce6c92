"""Figures of the choice in a split: pairs, layout, sequences; its place among random subsets.

Call them inside `figure.styled`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from iddkit.errors import printable
from iddkit.reporting.figure import (
    FAINT,
    INK,
    PAPER,
    RANDOM,
    RULE,
    SOURCE,
    STRIPE,
    SUBSET,
    draw_chips,
    new_figure,
    number,
    signed,
)
from iddkit.reporting.label_figures import order_labels, shown_splits, title_of
from iddkit.subset.evidence import LabelEvidence, Measure, SplitEvidence, SubsetEvidence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Labels whose layout is shown: the most frequent ones.
LAYOUTS = 8

# As many columns even of fewer labels: their maps would be as wide as the page.
_COLUMNS = 5

#: Sequences that are named; of more, only every n-th has a tick with its place.
_NAMED = 24

# Labels of a matrix of pairs whose numbers fit it, and frames that its scale goes to at least.
_NUMBERED, _PALE = 16, 2

# Ratios to the median beyond these are drawn at the edge.
_LEAST, _MOST = 1e-6, 5.0


def draw_random(evidence: SubsetEvidence) -> Figure:
    """Draw each error of the choice beside those of random subsets, in units of the random subsets' median.

    A block of rows for each level: that of the output, then the finest one.
    """
    splits = [split for split in shown_splits(evidence) if split.measures]
    rows = _measure_rows(splits)
    figure = new_figure(0.95 + 0.46 * max(2, len(rows)))
    panels = figure.subplots(1, max(1, len(splits)), sharey=True, squeeze=False)[0]
    found = [_ratio(measure, measure.value) for split in splits for measure in split.measures]
    spread = [_ratio(m, value) for split in splits for m in split.measures for value in (m.random[:1] or (m.value,))]
    least = min([ratio for ratio in (*found, *spread) if ratio > 0], default=0.1)
    low = max(_LEAST, 10 ** math.floor(math.log10(least) - 0.1))
    for axes, split in zip(panels, splits, strict=False):
        axes.set_xscale("log")
        axes.set_xlim(low, _MOST)
        by_name = {(measure.level, measure.name): measure for measure in split.measures}
        for row, (level, name, _) in enumerate(rows):
            if (level, name) in by_name:
                _draw_measure(axes, row, by_name[level, name], low)
        axes.axvline(1, color=FAINT, lw=0.8, zorder=1)
        ticks = [10.0**k for k in range(round(math.log10(low)), 1)]
        axes.set_xticks(ticks, [number(tick) for tick in ticks])
        axes.minorticks_off()
        axes.grid(axis="x")
        axes.set_title(title_of(split))
        axes.text(1.02, 1.01, "better than", transform=axes.transAxes, fontsize=8, color=FAINT, va="bottom")
    panels[0].set_ylim(len(rows) - 0.45, -0.55)
    panels[0].set_yticks(range(len(rows)), [title for _, _, title in rows])
    for text, (_, name, _) in zip(panels[0].get_yticklabels(), rows, strict=True):
        text.set_fontweight("normal" if name else "bold")
    figure.supxlabel("error as a multiple of the median random subset's (1), log scale; smaller is better", fontsize=9)
    panels[0].plot([], [], "D", ms=8, color=SUBSET, label="this subset")
    count = max((len(measure.random) for split in splits for measure in split.measures), default=0)
    panels[0].plot([], [], "o", ms=3.5, color=SOURCE, label=f"{count} random subsets of the same size, one dot each")
    figure.legend(loc="outside upper left", ncols=2)
    return figure


def _measure_rows(splits: Sequence[SplitEvidence]) -> list[tuple[str, str, str]]:
    """Return level, name and title of each row; a row without a name is the heading of a level."""
    found = {(m.level, m.name): m.title for split in splits for m in split.measures if m.can_differ}
    if not found:  # nothing can differ: say so in each row
        found = {(m.level, m.name): m.title for split in splits for m in split.measures}
    rows: list[tuple[str, str, str]] = []
    for level in dict.fromkeys(m.level for split in splits for m in split.measures):
        its = [(of, name, title) for (of, name), title in found.items() if of == level]
        rows += [(level, "", f"labels of {level}"), *its] if its else []
    return rows


def _ratio(measure: Measure, value: float) -> float:
    return value / measure.median if measure.median else 0.0


def _draw_measure(axes: Axes, row: int, measure: Measure, low: float) -> None:
    if row % 2:
        axes.axhspan(row - 0.5, row + 0.5, color=STRIPE, zorder=-5, linewidth=0)
    place = axes.get_yaxis_transform()
    if not measure.median:
        axes.text(
            0.02, row, "no error in random subsets, either", transform=place, color=FAINT, va="center", fontsize=8
        )
        return
    ratios = np.clip([_ratio(measure, value) for value in measure.random], low, _MOST)
    # Heights of the dots by their rank, so that equal errors do not cover each other: no dice.
    heights = row + 0.22 * (np.arange(len(ratios)) * 7 % 11 - 5) / 5
    axes.plot(ratios, heights, "o", ms=2.6, color=SOURCE, mew=0, zorder=2)
    ratio = _ratio(measure, measure.value)
    shape, size = ("<", 8) if ratio < low else ("D", 7)
    at = max(low, min(ratio, _MOST))
    axes.plot(at, row, shape, ms=size, color=SUBSET, mec=PAPER, mew=1, zorder=4, clip_on=False)
    words = f"{measure.beaten} of {len(measure.random)}" if measure.beaten < len(measure.random) else "all"
    axes.text(1.02, row, words, transform=place, va="center", fontsize=8, color=INK)


def draw_sequences(evidence: SubsetEvidence) -> Figure:
    """Draw how many frames of each sequence were chosen, and how many its size asks for, by split."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    splits = shown_splits(evidence)
    figure = new_figure(0.9 + 2.1 * len(splits))
    panels = figure.subplots(len(splits), 1, squeeze=False)[:, 0]
    for axes, split in zip(panels, splits, strict=True):
        rows = sorted(split.sequences, key=lambda sequence: -sequence.frames)
        expected = np.array([row.frames * split.chosen / split.frames for row in rows])
        chosen = np.array([row.chosen for row in rows])
        places = np.arange(1, len(rows) + 1)
        axes.bar(places, expected, 1 if len(rows) > _NAMED else 0.8, color=RANDOM, linewidth=0, zorder=1)
        size = float(np.clip(300 / max(1, len(rows)), 2.2, 6.5))
        kept = chosen > 0
        axes.plot(places[kept], chosen[kept], "o", ms=size, color=SUBSET, mew=0, zorder=3, clip_on=False)
        if not kept.all():
            axes.plot(places[~kept], chosen[~kept], "x", ms=size + 1, color=INK, mew=0.9, zorder=3, clip_on=False)
        axes.set_xlim(0.3, max(1, len(rows)) + 0.7)
        axes.set_ylim(0, max(1, *expected, *chosen) * 1.08)
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.set_ylabel("chosen frames")
        axes.grid(axis="y")
        covered = int(kept.sum())
        axes.set_title(f"{title_of(split)}, {covered:,} of {len(rows):,} sequences")
        if len(rows) <= _NAMED:
            turn = 45 if len(rows) > 12 or max(len(row.name) for row in rows) > 6 else 0
            names = [printable(row.name, 14) or "no name" for row in rows]
            axes.set_xticks(places, names, rotation=turn, ha="right" if turn else "center", rotation_mode="anchor")
        axes.tick_params(axis="x", length=0)
    sizes = {len({row.frames for row in split.sequences}) for split in splits}
    panels[-1].set_xlabel("sequences, the largest first" if sizes != {1} else "sequences, in the order of the source")
    handles = [
        Line2D([], [], ls="", marker="o", ms=5, color=SUBSET, label="chosen"),
        Line2D([], [], ls="", marker="x", ms=5, color=INK, label="none chosen"),
        Patch(color=RANDOM, linewidth=0, label="in proportion to the sequence's frames"),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=3)
    return figure


def draw_layout(evidence: SubsetEvidence, split: SplitEvidence) -> Figure:
    """Draw where in the image the most frequent labels lie, in 4 x 4 cells: source, subset, difference."""
    places = [i for i in order_labels(evidence) if any(split.layout[i]) or any(split.layout_chosen[i])][:LAYOUTS]
    labels = [split.level(evidence.level).labels[i] for i in places]
    figure = new_figure(3.7)
    if not places:
        figure.text(0.5, 0.5, "no label in any frame", ha="center", color=FAINT)
        return figure
    grid = figure.subplots(3, max(_COLUMNS, len(places)), squeeze=False)
    maps = [[_cells(layout[i]) for i in places] for layout in (split.layout, split.layout_chosen)]
    apart = [chosen - source for source, chosen in zip(*maps, strict=True)]
    largest = max(0.05, *(float(np.abs(cells).max()) for cells in apart))
    for column, label in enumerate(labels):
        top = max(float(maps[0][column].max()), float(maps[1][column].max()), 1e-9)
        for row, cells in enumerate((maps[0][column], maps[1][column])):
            grid[row][column].imshow(cells, cmap="Blues", vmin=0, vmax=top, aspect="auto")
            _write_cells(grid[row][column], cells, cells > 0.6 * top, number)
        grid[2][column].imshow(apart[column], cmap="PuOr", vmin=-largest, vmax=largest, aspect="auto")
        _write_cells(grid[2][column], apart[column], np.abs(apart[column]) > 0.7 * largest, signed)
        grid[0][column].set_title(_broken(label.short), fontsize=8, loc="center", color=INK, fontweight="normal")
    for row, name in enumerate(("source", "subset", "subset less\nsource, points")):
        grid[row][0].set_ylabel(name, fontsize=8.5)
    for axes in grid.flat:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_visible(bool(axes.images))
        for spine in axes.spines.values():
            spine.set(visible=True, color=RULE)
    return figure


def _cells(values: Sequence[float]) -> NDArray[np.float64]:
    side = math.isqrt(len(values))
    return 100 * np.array(values).reshape(side, side)


def _write_cells(axes: Axes, cells: NDArray[np.float64], dark: NDArray[np.bool_], text: object) -> None:
    for (row, column), value in np.ndenumerate(cells):
        words = f"{value:.0f}" if text is number else f"{value:+.1f}".replace("-", "\N{MINUS SIGN}")
        words = "0" if words.strip("+\N{MINUS SIGN}0.") == "" else words
        color = PAPER if dark[row, column] else INK
        axes.text(column, row, words, ha="center", va="center", fontsize=6, color=color)


def _broken(name: str) -> str:
    # Two lines at the blank nearest to the middle.
    if len(name) <= 13 or " " not in name:
        return name
    blanks = [i for i, letter in enumerate(name) if letter == " "]
    at = min(blanks, key=lambda i: abs(i - len(name) / 2))
    return f"{name[:at]}\n{name[at + 1 :]}"


def draw_pairs(evidence: SubsetEvidence, split: SplitEvidence) -> Figure:
    """Draw how often two labels come together: subset against source, and the difference as a matrix."""
    labels = split.level(evidence.presence_level).labels
    order = [i for i in order_labels(evidence, evidence.presence_level) if labels[i].resized.frames]
    count = len(order)
    figure = new_figure(4.9 if count <= 20 else 5.6)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    source = 100 * np.array(split.pairs)[np.ix_(order, order)].reshape(count, count)
    chosen = 100 * np.array(split.pairs_chosen)[np.ix_(order, order)].reshape(count, count)
    one, other = np.tril_indices(count, k=-1)
    _draw_scatter(left, source[one, other], chosen[one, other])
    # One frame more or less is no colour: the scale goes at least to `_PALE` frames.
    _draw_matrix(right, chosen - source, [labels[i] for i in order], 100 * _PALE / max(1, split.chosen))
    return figure


def _draw_scatter(axes: Axes, source: NDArray[np.float64], chosen: NDArray[np.float64]) -> None:
    axes.plot([0, 100], [0, 100], color=FAINT, lw=0.8, zorder=1)
    axes.plot(source, chosen, "o", ms=4 if len(source) < 200 else 2.8, color=SUBSET, alpha=0.75, mew=0, zorder=3)
    axes.set(xlim=(-2, 102), ylim=(-2, 102), xlabel="of the source's frames, %", ylabel="of the subset's frames, %")
    axes.set_aspect("equal")
    axes.grid()
    axes.set_title("frames that hold both of two labels")


def _draw_matrix(axes: Axes, apart: NDArray[np.float64], labels: Sequence[LabelEvidence], least: float) -> None:
    count = len(labels)
    largest = max(0.5, least, float(np.abs(apart).max(initial=0)))
    shown = np.ma.masked_array(apart, mask=np.triu(np.ones((count, count), dtype=bool), k=1))
    picture = axes.imshow(shown, cmap="PuOr", vmin=-largest, vmax=largest, aspect="auto") if count else None
    size = 8 if count <= 16 else 6.5 if count <= 26 else 5.5
    axes.set_yticks(range(count), [label.short for label in labels], fontsize=size)
    axes.set_xticks(range(count), [label.short for label in labels], fontsize=size, rotation=90)
    axes.tick_params(length=0, pad=10)
    figure = axes.get_figure(root=True)
    assert figure is not None
    colors = [label.color for label in labels]
    draw_chips(axes, colors, 5, size=4.5)
    draw_chips(axes, colors, 5, size=4.5, below=True)
    for place in range(count):
        if count <= _NUMBERED:
            for column in range(place + 1):
                value = float(apart[place, column])
                dark = abs(value) > 0.6 * largest
                words = signed(value) if abs(value) < 10 else signed(round(value))
                color = PAPER if dark else INK
                axes.text(column, place, words, ha="center", va="center", fontsize=7 if count <= 10 else 5, color=color)
    axes.set_title("subset less source, points\n(diagonal: the label itself)")
    if picture is not None:
        bar = figure.colorbar(picture, ax=axes, shrink=0.7, pad=0.02)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=7.5)
