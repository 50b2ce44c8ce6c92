"""The picture of a sampling plan: what it does to batches of every quality. Call it inside `figure.styled`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from iddkit.qc.acceptance import OperatingPoint, Rate, ResolvedPlan, oc_curve, parse_rate, risks
from iddkit.reporting.figure import MARGIN, RANDOM, SECOND, SUBSET, WIDTH, Symbol, draw_legend, finish, number, percent
from iddkit.reporting.lettering import measure
from iddkit.reporting.panel import Panel, linear, round_steps
from iddkit.reporting.sheet import INK, PAPER, Look, Sheet

# Height of the panel, room for its words on the left, over it and below, in points.
_TALL, _LEFT, _OVER, _BELOW = 234.0, 46.0, 16.0, 36.0

# Size of words beside a mark, in points.
_WORDS: Final = 8

# Points of a curve, at most.
_POINTS: Final = 400

_LEVEL: Final = Look(SECOND, PAPER, 0.8)


def draw_oc_curve(
    resolved: ResolvedPlan, *, sensitivity: Rate = 1, specificity: Rate = 1, low: Rate | None = None
) -> Sheet:
    """Draw the operating characteristic of a plan: how probably a batch is accepted, by its part of bad images.

    The plan's own levels are marked; of a plan without any, the batches that are accepted with 95, 50 and 10 %. Where
    reviewers are not perfect, the curve of perfect ones lies behind.

    Parameters
    ----------
    resolved
        The plan, for one size of batch or for a lot without end.
    sensitivity, specificity
        Of the reviewers.
    low
        The low end of the interval of a sensitivity that was measured: its curve lies behind, too.

    Raises
    ------
    OptionError
        There are no such reviewers.
    """
    points = oc_curve(resolved, sensitivity=sensitivity, specificity=specificity, points=_POINTS)
    is_perfect = parse_rate(sensitivity, "the sensitivity") == parse_rate(specificity, "the specificity") == 1
    ideal = [] if is_perfect else oc_curve(resolved, points=_POINTS)
    worst = [] if low is None else oc_curve(resolved, sensitivity=low, specificity=specificity, points=_POINTS)
    last = max(point.fraction for point in [*points, *ideal]) or 1.0
    worst = [point for point in worst if point.fraction <= last]  # it may never come down
    sheet = Sheet(WIDTH)
    said = f"look at {number(resolved.n, 9)}{'' if resolved.size is None else f' of {number(resolved.size, 9)}'} images"
    allowed = "" if resolved.lines is not None else f", accept with at most {number(resolved.c, 9)} bad"
    entries: list[tuple[Sequence[Symbol], str]] = [((Symbol(Look(SUBSET)),), said + allowed)]
    if ideal:
        entries.append(((Symbol(Look(RANDOM)),), "the same with reviewers who miss nothing"))
    if low is not None:
        part = percent(float(parse_rate(low)))
        entries.append(((Symbol(Look(SECOND)),), f"the same where {part} of the bad images are seen, the low end"))
    end = draw_legend(sheet, entries)
    top = end + _OVER
    panel = Panel(sheet, _LEFT, top, WIDTH - MARGIN - 12, top + _TALL, linear(0, last), linear(1, 0))
    across, down = round_steps(0, last, 11), [i / 5 for i in range(6)]
    panel.draw_rules(across)
    panel.draw_levels(down)
    panel.draw_frame()
    panel.mark_across(across, [number(100 * tick) for tick in across])
    panel.mark_down(down, [number(100 * tick) for tick in down])
    panel.name_across("bad images in the batch, %")
    panel.name_down("accepted, %", _LEFT - MARGIN - 6)
    _draw_curve(panel, ideal, RANDOM, 1.6)
    _draw_curve(panel, worst, SECOND, 1.2)
    _draw_curve(panel, points, SUBSET, 1.8)
    for point in _marked(resolved, sensitivity, specificity):
        panel.draw_marks([point.fraction], [point.p_accept], "o", 6, _LEVEL)
        x, y = float(panel.x(point.fraction)), float(panel.y(point.p_accept))
        words = f"{percent(point.fraction)} bad: {percent(point.p_accept)} accepted"
        wide = measure(words, _WORDS)
        # Above the curve; or before it, where the sheet ends.
        left = x + 7 if x + 7 + wide <= WIDTH - MARGIN else x - 18 - wide
        sheet.write(words, left, y - 4, size=_WORDS, color=INK)
    return finish(sheet, panel.bottom + _BELOW)


def _draw_curve(panel: Panel, points: Sequence[OperatingPoint], color: str, width: float) -> None:
    x = panel.x([point.fraction for point in points])
    y = panel.y([point.p_accept for point in points])
    ends = zip(x[:-1], y[:-1], x[1:], y[1:], strict=True) if len(points) else ()
    panel.sheet.draw_lines(list(ends), color, width)


def _marked(resolved: ResolvedPlan, sensitivity: Rate, specificity: Rate) -> list[OperatingPoint]:
    its = risks(resolved, sensitivity=sensitivity, specificity=specificity)
    if its.producer is not None:
        return list(its.levels)
    found = (its.mostly_accepted, its.even, its.mostly_rejected)
    return [point for point in dict.fromkeys(found) if point is not None]  # each once
