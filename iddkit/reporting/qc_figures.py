"""Figures of the review: what passed and how long it took, week by week, and how batches were worked off."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from iddkit.errors import printable
from iddkit.qc.events import to_datetime, to_microseconds
from iddkit.qc.progress.burndown import PASSED, BurnDown
from iddkit.qc.progress.weekly import WeekRow
from iddkit.qc.stages import REVIEWS, Stage
from iddkit.reporting.figure import (
    MARGIN,
    SECOND,
    SOURCE,
    SUBSET,
    WIDTH,
    Drawing,
    Symbol,
    draw_legend,
    finish,
    render,
    styled,
)
from iddkit.reporting.lettering import measure
from iddkit.reporting.panel import TICK_AWAY, TICK_SIZE, Panel, linear, round_steps, widest
from iddkit.reporting.qc_tables import MONTHS
from iddkit.reporting.sheet import INK, Look, Sheet

#: Reviews of every image are blue, those of samples red and yellow; what comes later is darker. Annotation is grey.
COLORS: Final[dict[str, str]] = {
    Stage.ANNOTATE: SOURCE,
    Stage.QC1: "#7fa8d1",
    Stage.QC2: SUBSET,
    Stage.QC3: "#e8a33d",
    Stage.QC4: SECOND,
}

# Height of a panel, and what is above and below it, in points.
_TALL, _OVER, _UNDER = 150.0, 22.0, 22.0

# Bars have their numbers over them if so few weeks are shown.
_NUMBERED: Final = 6

# Days between two ticks of a calendar.
_STEPS: Final = (1, 2, 7, 14, 28, 56, 91, 182, 364, 728, 3640)


def draw_weeks(rows: Sequence[WeekRow]) -> Drawing:
    """Draw the images that passed each review in each week, and the hours; from the left to the right in time.

    Parameters
    ----------
    rows
        At least one, the newest first, as `iddkit.qc.progress.weekly.read_weeks` gives them.
    """
    shown = list(reversed(rows))
    with styled():
        sheet = Sheet(WIDTH)
        entries = [((Symbol(Look(COLORS[stage])),), f"{stage.upper()} passed") for stage in REVIEWS]
        top = draw_legend(sheet, entries) + 8
        bottom = _draw_bars(
            sheet,
            top,
            "images",
            shown,
            [(COLORS[stage], [float(row.passed[stage]) for row in shown]) for stage in REVIEWS],
        )
        hours = (("man-hours of annotation", SOURCE), ("man-hours of quality control", SUBSET))
        top = draw_legend(sheet, [((Symbol(Look(color)),), name) for name, color in hours], bottom + 12) + 8
        spent = ([row.annotation_seconds / 3600 for row in shown], [row.qc_seconds / 3600 for row in shown])
        series = [(color, values) for (_, color), values in zip(hours, spent, strict=True)]
        bottom = _draw_bars(sheet, top, "hours", shown, series)
        return render(finish(sheet, bottom))


def _draw_bars(
    sheet: Sheet, top: float, name: str, rows: Sequence[WeekRow], series: Sequence[tuple[str, Sequence[float]]]
) -> float:
    most = max([1.0, *(value for _, values in series for value in values)])
    numbered = len(rows) <= _NUMBERED
    high = most * (1.1 if numbered else 1.03)
    levels = round_steps(0, high, 6, least=1)
    texts = [f"{level:,.0f}" for level in levels]
    left = MARGIN + 20 + widest(texts, TICK_SIZE)
    across = linear(-0.5, len(rows) - 0.5)
    panel = Panel(sheet, left, top, WIDTH - MARGIN, top + _TALL, across, linear(high, 0))
    panel.draw_levels(levels)
    thick = 0.8 / len(series)
    for place, (color, values) in enumerate(series):
        for week, value in enumerate(values):
            start = week - 0.4 + place * thick
            if value > 0:
                panel.draw_boxes(start, value, start + 0.94 * thick, 0, Look(color))
            if value > 0 and numbered:
                x, y = float(panel.x(start + 0.47 * thick)), float(panel.y(value))
                sheet.write(f"{value:,.0f}", x, y - 6, size=7.5, align="center", color=INK)
    panel.draw_frame()
    panel.mark_down(levels, texts)
    panel.name_down(name, left - MARGIN - 6)
    every = -(-len(rows) // 8)
    ticks = [week for week in range(len(rows)) if (len(rows) - 1 - week) % every == 0]
    days = _name_days([rows[week].week.first for week in ticks])
    _mark_days(panel, ticks, [f"from {day}" if numbered else day for day in days])
    return panel.bottom + _UNDER


def _name_days(days: Sequence[date]) -> list[str]:
    """Return days as ticks have them; if there are several years, each stands at the first of its days."""
    named = []
    for place, day in enumerate(days):
        is_new = len({day.year for day in days}) > 1 and (place == 0 or days[place - 1].year != day.year)
        named.append(f"{day.day} {MONTHS[day.month - 1]}" + (f" {day.year}" if is_new else ""))
    return named


def _mark_days(panel: Panel, ticks: Sequence[float], names: Sequence[str]) -> None:
    """Write days below a panel, none beyond the right edge of the sheet."""
    for x, name in zip(panel.x(ticks), names, strict=True):
        half = measure(name, TICK_SIZE) / 2
        at = max(MARGIN + half, min(float(x), panel.sheet.width - MARGIN - half))
        panel.sheet.write(name, at, panel.bottom + TICK_AWAY, size=TICK_SIZE, align="center")


def draw_burn_down(batches: Sequence[BurnDown], timezone: str = "UTC") -> Drawing:
    """Draw, for each batch, how many of its frames waited for each stage, one band on the other.

    What is above the bands is accepted, or has left the batch.

    Parameters
    ----------
    batches
        As `iddkit.qc.progress.burndown.read_burn_down` gives them; those without a frame say so.
    timezone
        Whose days the ticks are.
    """
    zone = ZoneInfo(timezone)
    with styled():
        sheet = Sheet(WIDTH)
        names = {stage: "annotation" if stage is Stage.ANNOTATE else stage.upper() for stage in PASSED}
        entries = [((Symbol(Look(COLORS[stage])),), f"waits for {names[stage]}") for stage in PASSED]
        bottom = draw_legend(sheet, entries)
        high = max([1, *(count for batch in batches for series in batch.left.values() for count in series)]) * 1.04
        left = MARGIN + 20 + widest([f"{level:,.0f}" for level in round_steps(0, high, 6, least=1)], TICK_SIZE)
        for batch in batches:
            bottom = _draw_batch(sheet, batch, left, bottom + _OVER, zone)
        return render(finish(sheet, bottom))


def _draw_batch(sheet: Sheet, batch: BurnDown, left: float, top: float, zone: ZoneInfo) -> float:
    high = max([1, *(count for series in batch.left.values() for count in series)]) * 1.04
    start, end = (batch.times[0], batch.times[-1]) if batch.times else (0, 1)
    end = max(end, start + 3_600_000_000)
    panel = Panel(sheet, left, top, WIDTH - MARGIN - 16, top + _TALL, linear(start, end), linear(high, 0))
    panel.entitle(printable(batch.batch, 60))
    if not batch.times:
        panel.draw_frame()
        panel.say("no frame", high / 2)
        return panel.bottom + _UNDER
    days = _find_days(start, end, zone)
    ticks = [_midnight(day, zone) for day in days]
    levels = round_steps(0, high, 6, least=1)
    panel.draw_rules(ticks)
    panel.draw_levels(levels)
    panel.draw_frame()
    panel.mark_down(levels, [f"{level:,.0f}" for level in levels])
    if days:
        _mark_days(panel, ticks, _name_days(days))
    else:  # all of it in one day
        panel.mark_across([start], _name_days([to_datetime(start).astimezone(zone).date()]), short=False)
    panel.name_down("frames", left - MARGIN - 6)
    # Who has not passed a stage has not passed the later ones: what is seen of each band waits for its stage.
    for stage in reversed(PASSED):
        _draw_band(panel, [float(at) for at in batch.times], batch.left[stage], COLORS[stage])
    panel.draw_frame()
    return panel.bottom + _UNDER


def _draw_band(panel: Panel, times: Sequence[float], counts: Sequence[int], color: str) -> None:
    x, y, floor = panel.x(times), panel.y(counts), panel.y([0])[0]
    boxes = [(x[i], y[i], x[i + 1], floor) for i in range(len(times) - 1) if counts[i]]
    panel.sheet.draw_boxes(boxes, Look(color))


def _find_days(start: int, end: int, zone: ZoneInfo) -> list[date]:
    first = to_datetime(start).astimezone(zone).date() + timedelta(days=1)
    count = max(0, (to_datetime(end).astimezone(zone).date() - first).days + 1)
    step = next((step for step in _STEPS if count <= 9 * step), _STEPS[-1])
    return [first + timedelta(days=place) for place in range(0, count, step)]


def _midnight(day: date, zone: ZoneInfo) -> int:
    return to_microseconds(datetime.combine(day, time.min, zone))
