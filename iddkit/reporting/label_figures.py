"""Figures with a row for each label: proportions, annotated pixels, errors, drift. Call them inside `figure.styled`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from iddkit.errors import printable
from iddkit.reporting.figure import (
    FAINT,
    INK,
    MARKERS,
    OTHERS,
    PAPER,
    RANDOM,
    RULE,
    SECOND,
    SOURCE,
    SUBSET,
    label_rows,
    metric,
    new_figure,
    number,
    signed,
)
from iddkit.subset.evidence import LabelEvidence, SplitEvidence, SubsetEvidence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Splits side by side in one figure; further ones are in the tables.
MOST_SPLITS = 3

#: Two standard errors to each side hold about 95 % of the random subsets.
SPREAD = 2


def order_labels(evidence: SubsetEvidence, level: str = "") -> list[int]:
    """Return the places of a level's labels, the most frequent in the source first.

    All labels of the output's level, which is the default; of another, those that a frame holds.
    """
    if level in ("", evidence.level):
        shares = [share or 0.0 for share in evidence.source.shares]
        return sorted(range(len(shares)), key=lambda i: (-shares[i], i))
    rows = list(zip(*(split.level(level).labels for split in evidence.splits), strict=True))
    weights = [
        sum(label.resized.share * split.frames for label, split in zip(row, evidence.splits, strict=True))
        for row in rows
    ]
    held = [i for i, row in enumerate(rows) if any(label.source.frames for label in row)]
    return sorted(held, key=lambda i: (-weights[i], i))


def draw_shares(evidence: SubsetEvidence) -> Figure:
    """Draw the proportion of each label in each dataset (Mishra 2024, Fig 3.6): bars, and dots on a log scale."""
    order, rows = _rows(evidence)
    values = [[dataset.shares[i] for i in order] for dataset in evidence.compared]
    figure = new_figure(_height(rows, len(values)))
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1.15, 1))
    _draw_bars(left, values, 100)
    label_rows((left, right), [label.short for label in rows], [label.color for label in rows])
    left.set_xlim(0, 104 * max(0.01, *(value or 0 for row in values for value in row)))
    left.set_xlabel("mean share of a frame's labelled pixels, %")
    left.grid(axis="x")
    _draw_dots(right, values, 100, lambda value: number(value, 1))
    right.set_xlabel("the same, log scale, %")
    _draw_legend(figure, [dataset.name for dataset in evidence.compared], bars=True)
    return figure


def draw_pixels(evidence: SubsetEvidence) -> Figure:
    """Draw the annotated pixels of each label in each dataset on a log scale (Mishra 2024, Fig 3.7)."""
    order, rows = _rows(evidence)
    values = [[dataset.pixels[i] for i in order] for dataset in evidence.compared]
    figure = new_figure(_height(rows, 2))
    axes = figure.subplots()
    _draw_dots(axes, values, 1, metric)
    label_rows((axes,), [label.short for label in rows], [label.color for label in rows])
    axes.set_xlabel("annotated pixels, log scale")
    _draw_legend(figure, [dataset.name for dataset in evidence.compared], bars=False)
    return figure


def draw_share_errors(evidence: SubsetEvidence) -> Figure:
    """Draw each label's share error in the subset, and how far those of random subsets go, by split."""

    def read(label: LabelEvidence) -> tuple[float, float] | None:
        if label.share_error is None or label.share_noise is None:
            return None
        return 100 * label.share_error, 100 * label.share_noise

    return _draw_errors(evidence, read, f"share error at {evidence.level}, %", "%", evidence.level)


def draw_presence_errors(evidence: SubsetEvidence) -> Figure:
    """Draw each label's presence error in the subset, and how far those of random subsets go, by split."""

    def read(label: LabelEvidence) -> tuple[float, float] | None:
        if not label.resized.frames:
            return None
        return 100 * label.presence_error, 100 * label.presence_noise

    level = evidence.presence_level
    return _draw_errors(evidence, read, f"presence error at {level}, points", "", level)


def draw_drift(evidence: SubsetEvidence) -> Figure:
    """Draw what resizing did to each label's share beside what choosing did, by split."""
    order, rows = _rows(evidence)
    splits = shown_splits(evidence)
    figure = new_figure(_height(rows, 1))
    panels = figure.subplots(1, len(splits), sharey=True, squeeze=False)[0]
    drawn = [[split.level(evidence.level).labels[i] for i in order] for split in splits]
    drifts = [(label.resize_drift, label.share_error) for labels in drawn for label in labels]
    edge = _set_symlog(panels, [100 * value for pair in drifts for value in pair if value is not None], 1)
    for axes, split, labels in zip(panels, splits, drawn, strict=True):
        for row, label in enumerate(labels):
            if label.resize_drift is None or label.share_error is None:
                _say_nothing(axes, row, "in no frame" if label.resize_drift is None else "gone at this size")
                continue
            ends = [max(-edge, min(edge, 100 * value)) for value in (label.resize_drift, label.share_error)]
            axes.plot(ends, [row, row], color=RANDOM, lw=1.2, zorder=1)
            axes.plot(ends[0], row, "D", ms=5.5, mfc=PAPER, mec=SECOND, mew=1.5, zorder=3, clip_on=False)
            axes.plot(ends[1], row, "o", ms=6, color=SUBSET, zorder=4, clip_on=False)
        axes.axvline(0, color=INK, lw=0.8, zorder=0)
        axes.set_title(title_of(split))
    figure.supxlabel("change of the share, % (log scale beyond ±1)", fontsize=9)
    label_rows(panels, [label.short for label in rows], [label.color for label in rows])
    panels[0].plot([], [], "D", ms=5.5, mfc=PAPER, mec=SECOND, mew=1.5, label="by resizing all frames")
    panels[0].plot([], [], "o", ms=6, color=SUBSET, label="by choosing some of them")
    figure.legend(loc="outside upper left", ncols=2)
    return figure


def title_of(split: SplitEvidence) -> str:
    """Return a heading for what is said of a split: ``train: 699 of 6,993 frames``."""
    counts = f"{split.chosen:,} of {split.frames:,} frames"
    return f"{printable(split.name, 40)}: {counts}" if split.name else counts


def shown_splits(evidence: SubsetEvidence) -> list[SplitEvidence]:
    """Return the splits that figures show: the largest `MOST_SPLITS`, in their order."""
    largest = sorted(evidence.splits, key=lambda split: -split.frames)[:MOST_SPLITS]
    return [split for split in evidence.splits if split in largest]


def _rows(evidence: SubsetEvidence, level: str = "") -> tuple[list[int], list[LabelEvidence]]:
    order = order_labels(evidence, level)
    labels = evidence.splits[0].level(level or evidence.level).labels
    return order, [labels[i] for i in order]


def _height(rows: Sequence[object], bars: int) -> float:
    return 1.15 + max(3, len(rows)) * max(0.27, 0.1 + 0.085 * bars)


def _draw_bars(axes: Axes, values: Sequence[Sequence[float | None]], factor: float) -> None:
    thick = 0.82 / len(values)
    for place, row in enumerate(values):
        for y, value in enumerate(row):
            at = y - 0.41 + thick * (place + 0.5)
            if value is None:
                axes.text(
                    0.004,
                    at,
                    "no such label",
                    transform=axes.get_yaxis_transform(),
                    color=FAINT,
                    va="center",
                    fontsize=6.5,
                )
            elif value > 0:
                axes.barh(at, factor * value, thick * 0.92, **_face(place))


def _face(place: int) -> dict[str, Any]:
    if place < 2:
        return {"color": (SOURCE, SUBSET)[place], "linewidth": 0}
    color, hatch = OTHERS[(place - 2) % len(OTHERS)]
    return {"facecolor": color, "hatch": hatch, "edgecolor": FAINT, "linewidth": 0.6}


def _draw_dots(
    axes: Axes, values: Sequence[Sequence[float | None]], factor: float, text: Callable[[float], str]
) -> None:
    positive = [factor * value for row in values for value in row if value]
    low = 10 ** math.floor(math.log10(min(positive, default=1)) - 0.15)
    high = 1.2 * 10 ** math.ceil(math.log10(max(positive, default=10)) + 0.01)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_xticks(*_decades(low, high, text))
    axes.minorticks_off()
    axes.grid(axis="x")
    for y, row in enumerate(zip(*values, strict=True)):
        known = [factor * value for value in row if value]
        if known:
            axes.plot([min(known), max(known)], [y, y], color=RANDOM, lw=1.2, zorder=1)
        elif not any(row):
            _say_nothing(axes, y, "in no frame")
        for place, value in enumerate(row):
            if value:
                axes.plot(factor * value, y, zorder=3 + (place == 1), **_dot(place))


def _dot(place: int) -> dict[str, Any]:
    # The derived dataset's dot lies inside the source's, so that both are seen where they agree.
    face = (SOURCE, SUBSET, PAPER)[min(place, 2)]
    edge = (SOURCE, PAPER, INK)[min(place, 2)]
    return {
        "marker": MARKERS[place % len(MARKERS)],
        "ms": (9.5, 5.5, 5.5)[min(place, 2)],
        "mfc": face,
        "mec": edge,
        "mew": 0.8,
        "ls": "",
    }


def _draw_legend(figure: Figure, names: Sequence[str], *, bars: bool) -> None:
    from matplotlib.legend_handler import HandlerTuple
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = []
    for place in range(len(names)):
        dot = Line2D([], [], **_dot(place))
        handles.append((Patch(**_face(place)), dot) if bars else (dot,))
    figure.legend(
        handles,
        [printable(name, 40) for name in names],
        loc="outside upper left",
        ncols=min(4, len(names)),
        handler_map={tuple: HandlerTuple(ndivide=None, pad=0.6)},
        handlelength=3.5 if bars else 2,
    )


def _decades(low: float, high: float, text: Callable[[float], str]) -> tuple[list[float], list[str]]:
    ticks = [10.0**k for k in range(round(math.log10(low)), math.floor(math.log10(high) + 0.001) + 1)]
    return ticks, [text(tick) for tick in ticks]


def _say_nothing(axes: Axes, row: int, words: str) -> None:
    axes.text(0.02, row, words, transform=axes.get_yaxis_transform(), color=FAINT, va="center", fontsize=7.5)


def _draw_errors(
    evidence: SubsetEvidence,
    read: Callable[[LabelEvidence], tuple[float, float] | None],
    title: str,
    unit: str,
    level: str,
) -> Figure:
    order, rows = _rows(evidence, level)
    splits = shown_splits(evidence)
    figure = new_figure(_height(rows, 1))
    panels = figure.subplots(1, len(splits), sharey=True, squeeze=False)[0]
    found = [[read(split.level(level).labels[i]) for i in order] for split in splits]
    known = [pair for column in found for pair in column if pair is not None]
    edge = _set_symlog(panels, [number for error, noise in known for number in (error, SPREAD * noise)], 1)
    for axes, split, column in zip(panels, splits, found, strict=True):
        for row, pair in enumerate(column):
            if pair is None:
                _say_nothing(axes, row, "in no frame")
                continue
            error, reach = pair[0], min(edge, SPREAD * pair[1])
            axes.barh(row, 2 * reach, 0.56, left=-reach, color=RANDOM, linewidth=0, zorder=1)
            at = max(-edge, min(edge, error))
            axes.plot(at, row, "o", ms=6, color=SUBSET, mec=PAPER, mew=0.8, zorder=4, clip_on=False)
            axes.text(
                1.01,
                row,
                f"{signed(error)} {unit}".rstrip(),
                transform=axes.get_yaxis_transform(),
                va="center",
                fontsize=7.5,
                color=INK,
            )
        axes.axvline(0, color=INK, lw=0.8, zorder=2)
        axes.set_title(title_of(split))
    figure.supxlabel(f"{title} (log scale beyond ±1)", fontsize=9)
    label_rows(panels, [label.short for label in rows], [label.color for label in rows])
    panels[0].plot([], [], "o", ms=6, color=SUBSET, label="this subset")
    interval = "two standard errors of a random subset of this size: about 95 % of them"
    panels[0].barh([math.nan], [1], color=RANDOM, label=interval)
    figure.legend(loc="outside upper left", ncols=2)
    return figure


def _set_symlog(panels: Sequence[Axes], values: Sequence[float], linear: float) -> float:
    """Give panels one scale that is linear near zero and logarithmic beyond; return its end."""
    largest = min(1e7, max((abs(value) for value in values), default=0.0))
    steps = [linear * step * 10**k for k in range(8) for step in (1, 2, 5)]
    edge = next(step for step in steps if step >= 1.05 * largest or step == steps[-1])
    edge = max(float(edge), 2 * linear)
    marks = [step for step in steps if step <= edge and (edge <= 10 * linear or steps.index(step) % 3 == 0)]
    ticks = sorted([0.0, *marks, *(-mark for mark in marks)])
    for axes in panels:
        axes.set_xscale("symlog", linthresh=linear, linscale=0.8)
        axes.set_xlim(-edge, edge)
        axes.set_xticks(ticks, [signed(tick) for tick in ticks])
        axes.minorticks_off()
        axes.grid(axis="x", color=RULE)
    return edge
