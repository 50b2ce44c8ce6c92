"""Figures of what happened to each label in each split: errors, drift. Call them inside `figure.styled`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from iddkit.reporting.figure import (
    MARGIN,
    RANDOM,
    SECOND,
    SUBSET,
    WIDTH,
    Symbol,
    draw_legend,
    finish,
    label_rows,
    room_for_labels,
    signed,
)
from iddkit.reporting.label_figures import FOOT, HEADING, SPREAD, row_panel, rows_of, shown_splits, title_of
from iddkit.reporting.panel import Panel, Scale, fit_columns, symmetric, widest
from iddkit.reporting.sheet import INK, PAPER, Look, Sheet
from iddkit.subset.evidence import LabelEvidence, SplitEvidence, SubsetEvidence

# This subset's error; its drift by resizing.
_CHOSEN, _RESIZED = Look(SUBSET, PAPER, 0.8), Look(PAPER, SECOND, 1.5)


def draw_share_errors(evidence: SubsetEvidence) -> Sheet:
    """Draw each label's share error in the subset, and how far those of random subsets go, by split."""

    def read(label: LabelEvidence) -> tuple[float, float] | None:
        if label.share_error is None or label.share_noise is None:
            return None
        return 100 * label.share_error, 100 * label.share_noise

    return _draw_errors(evidence, read, f"share error at {evidence.level}, %", "%", evidence.level)


def draw_presence_errors(evidence: SubsetEvidence) -> Sheet:
    """Draw each label's presence error in the subset, and how far those of random subsets go, by split."""

    def read(label: LabelEvidence) -> tuple[float, float] | None:
        if not label.resized.frames:
            return None
        return 100 * label.presence_error, 100 * label.presence_noise

    level = evidence.presence_level
    return _draw_errors(evidence, read, f"presence error at {level}, points", "", level)


def draw_drift(evidence: SubsetEvidence) -> Sheet:
    """Draw what resizing did to each label's share beside what choosing did, by split."""
    order, rows = rows_of(evidence)
    splits = shown_splits(evidence)
    drawn = [[split.level(evidence.level).labels[i] for i in order] for split in splits]
    drifts = [(label.resize_drift, label.share_error) for labels in drawn for label in labels]
    edge = _edge([100 * value for pair in drifts for value in pair if value is not None])
    sheet = Sheet(WIDTH)
    resized, chosen = Symbol(_RESIZED, "D", 5.5), Symbol(Look(SUBSET), "o", 6)
    end = draw_legend(sheet, [((resized,), "by resizing all frames"), ((chosen,), "by choosing some of them")])
    panels = _split_panels(sheet, rows, splits, end + HEADING, symmetric(edge, 1), edge, beside=0)
    for panel, labels in zip(panels, drawn, strict=True):
        panel.draw_rules([0], INK, 0.8)
        known = []
        for row, label in enumerate(labels):
            if label.resize_drift is None or label.share_error is None:
                panel.say("in no frame" if label.resize_drift is None else "gone at this size", row)
            else:
                known.append((row, *(max(-edge, min(edge, 100 * v)) for v in (label.resize_drift, label.share_error))))
        places, by_resizing, by_choosing = np.array(known).reshape(-1, 3).T
        panel.draw_bands(by_resizing, by_choosing, places, RANDOM, 1.2)
        panel.draw_marks(by_resizing, places, resized.shape, resized.size, resized.look)
        panel.draw_marks(by_choosing, places, chosen.shape, chosen.size, chosen.look)
    sheet.write("change of the share, % (log scale beyond ±1)", WIDTH / 2, panels[0].bottom + 25, align="center")
    return finish(sheet, panels[0].bottom + FOOT)


def _split_panels(
    sheet: Sheet,
    rows: Sequence[LabelEvidence],
    splits: Sequence[SplitEvidence],
    top: float,
    across: Scale,
    edge: float,
    *,
    beside: float,
) -> list[Panel]:
    """Return a panel of rows for each split, with heading, grid and numbers; so much of its right is for words."""
    start = room_for_labels([label.short for label in rows])
    columns = fit_columns(len(splits), start, WIDTH - MARGIN, 8)
    panels = [row_panel(sheet, rows, left, right - beside, top, across) for left, right in columns]
    label_rows(panels, [label.short for label in rows], [label.color for label in rows])
    # So many of the numbers 1, 2, 5, 10 ... as there is room for.
    marks = [step for step in _STEPS if step <= edge and (edge <= 10 or _STEPS.index(step) % 3 == 0)]
    ticks = sorted([0.0, *marks, *(-mark for mark in marks)])
    for panel, split in zip(panels, splits, strict=True):
        panel.draw_rules(ticks)
        panel.draw_frame()
        panel.mark_across(ticks, [signed(tick) for tick in ticks])
        panel.entitle(title_of(split))
    return panels


# Where scales of errors end, in per cent or points.
_STEPS: Final = tuple(float(step * 10**k) for k in range(8) for step in (1, 2, 5))


def _edge(values: Sequence[float]) -> float:
    """Return where a scale ends that is linear up to 1."""
    largest = min(1e7, max((abs(value) for value in values), default=0.0))
    return max(2.0, next(step for step in _STEPS if step >= 1.05 * largest or step == _STEPS[-1]))


def _draw_errors(
    evidence: SubsetEvidence,
    read: Callable[[LabelEvidence], tuple[float, float] | None],
    title: str,
    unit: str,
    level: str,
) -> Sheet:
    order, rows = rows_of(evidence, level)
    splits = shown_splits(evidence)
    found = [[read(split.level(level).labels[i]) for i in order] for split in splits]
    known = [pair for column in found for pair in column if pair is not None]
    edge = _edge([number for error, noise in known for number in (error, SPREAD * noise)])
    sheet, interval = Sheet(WIDTH), "two standard errors of a random subset of this size: about 95 % of them"
    end = draw_legend(sheet, [((Symbol(_CHOSEN, "o", 6),), "this subset"), ((Symbol(Look(RANDOM)),), interval)])
    words = [[f"{signed(pair[0])} {unit}".rstrip() if pair else "" for pair in column] for column in found]
    beside = widest([text for column in words for text in column], 7.5) + 6
    panels = _split_panels(sheet, rows, splits, end + HEADING, symmetric(edge, 1), edge, beside=beside)
    for panel, column, texts in zip(panels, found, words, strict=True):
        drawn = [(row, *pair) for row, pair in enumerate(column) if pair is not None]
        places, errors, noises = np.array(drawn).reshape(-1, 3).T
        reach = np.minimum(edge, SPREAD * noises)
        panel.draw_boxes(-reach, places - 0.28, reach, places + 0.28, Look(RANDOM))
        panel.draw_rules([0], INK, 0.8)
        panel.draw_marks(np.clip(errors, -edge, edge), places, "o", 6, _CHOSEN)
        for row, text in enumerate(texts):
            if text:
                panel.say_beside(text, row, size=7.5)
            else:
                panel.say("in no frame", row)
    sheet.write(f"{title} (log scale beyond ±1)", WIDTH / 2, panels[0].bottom + 25, align="center")
    return finish(sheet, panels[0].bottom + FOOT)
