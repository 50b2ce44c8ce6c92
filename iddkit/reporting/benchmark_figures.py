"""All figures of a benchmark report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iddkit.reporting.benchmark_classes import draw_classes, draw_confusion
from iddkit.reporting.benchmark_costs import draw_costs, draw_layers
from iddkit.reporting.benchmark_curves import draw_loss, draw_progress
from iddkit.reporting.benchmark_entries import Entry, Group, group_entries
from iddkit.reporting.figure import Drawing, render, styled


def draw_figures(entries: Sequence[Entry]) -> dict[str, Drawing]:
    """Return name to figure. Same runs, same bytes, as long as matplotlib is the same.

    ``progress`` and ``loss`` are one figure each; ``classes`` is one for all runs of the same classes, ``confusion``
    and ``layers`` one a run (``confusion-erfnet``), of those that have a score or a measured speed; ``costs`` is there
    for several runs.
    """
    drawings: dict[str, Drawing] = {}
    with styled(), np.errstate(all="ignore"):
        drawings["progress"] = render(draw_progress(entries))
        drawings["loss"] = render(draw_loss(entries))
        for group in scored_groups(entries):
            drawings[class_figure(group, entries)] = render(draw_classes(group))
        for entry in entries:
            if entry.is_scored:
                drawings[figure_of("confusion", entry, entries)] = render(draw_confusion(entry))
            if entry.run.speed is not None and entry.run.speed.layers:
                drawings[figure_of("layers", entry, entries)] = render(draw_layers(entry))
        if len(entries) > 1:
            drawings["costs"] = render(draw_costs(entries))
    return drawings


def scored_groups(entries: Sequence[Entry]) -> tuple[Group, ...]:
    """Return the groups of runs that tell the same classes apart, of runs that have a score."""
    return group_entries([entry for entry in entries if entry.is_scored])


def figure_of(kind: str, entry: Entry, entries: Sequence[Entry]) -> str:
    """Return the name of a figure of one run: ``layers``, or ``layers-erfnet`` if there are several runs."""
    return kind if len(entries) == 1 else f"{kind}-{entry.slug}"


def class_figure(group: Group, entries: Sequence[Entry]) -> str:
    """Return the name of a group's figure: ``classes``, or ``classes-erfnet`` by its first run if there are more."""
    return "classes" if len(scored_groups(entries)) == 1 else f"classes-{group.entries[0].slug}"
