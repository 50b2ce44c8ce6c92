"""Tables of the review: the two that IDD printed every week, what a week left, where frames stand, and repairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from iddkit.qc.events import to_text
from iddkit.qc.progress.burndown import BurnDown
from iddkit.qc.progress.carried import WAITING
from iddkit.qc.progress.open_claims import OpenClaim
from iddkit.qc.progress.repairs import Repair
from iddkit.qc.progress.standing import Standing
from iddkit.qc.progress.weekly import Week, WeekRow
from iddkit.qc.stages import REVIEWS, SAMPLED, Stage
from iddkit.reporting.tables import Cell, Column, Table

#: Months as the thesis writes them: names of up to five letters in full. Not those of the user's locale.
MONTHS: Final = ("Jan", "Feb", "March", "April", "May", "June", "July", "Aug", "Sept", "Oct", "Nov", "Dec")


def name_week(week: Week) -> str:
    """Return the days of a week as the thesis writes them.

    Examples
    --------
    >>> name_week(Week(date(2019, 7, 31), 0, 0))
    '31 July - 06 Aug 2019'
    >>> name_week(Week(date(2019, 12, 30), 0, 0))
    '30 Dec 2019 - 05 Jan 2020'
    """
    first = _day(week.first) + (f" {week.first.year}" if week.first.year != week.last.year else "")
    return f"{first} - {_day(week.last)} {week.last.year}"


def _day(day: date) -> str:
    return f"{day.day:02} {MONTHS[day.month - 1]}"


def work_table(rows: Sequence[WeekRow]) -> Table:
    """Return a row a week: what was handed in, and the hours (Table 3.1 of Mishra 2024)."""
    headings = ("timeline", "raw frames", "annotated images", "man-hours annotation", "man-hours QC")
    cells = tuple(
        (name_week(row.week), row.raw, row.annotated, row.annotation_seconds / 3600, row.qc_seconds / 3600)
        for row in rows
    )
    return Table(tuple(map(Column, headings)), cells, "annotation")


def review_table(rows: Sequence[WeekRow]) -> Table:
    """Return a row a week: what passed each review, and what became of batches (Table 3.2 of Mishra 2024).

    The sampled reviews pass nothing in most weeks: their 0 is a ``-``, as the thesis has it.
    """
    headings = ("timeline", *(f"{stage.upper()} passed" for stage in REVIEWS), "remarks")
    cells = tuple((name_week(row.week), *_passed(row), _remark(row)) for row in rows)
    return Table(tuple(map(Column, headings)), cells, "quality control")


def _passed(row: WeekRow) -> tuple[Cell, ...]:
    return tuple(row.passed[stage] or (None if stage in SAMPLED else 0) for stage in REVIEWS)


def _remark(row: WeekRow) -> str:
    parts = (("frozen", row.frozen), ("accepted", row.accepted), ("returned", row.returned))
    return "; ".join(f"{what}: {', '.join(names)}" for what, names in parts if names) or "-"


def carried_table(rows: Sequence[WeekRow]) -> Table:
    """Return a row a week: how many frames waited in each stage at its end."""
    columns = (Column("timeline"), *(Column(stage) for stage in WAITING))
    cells: list[tuple[Cell, ...]] = [(name_week(row.week), *(row.carried[stage] for stage in WAITING)) for row in rows]
    return Table(columns, tuple(cells), "carried over")


def week_table(rows: Sequence[WeekRow]) -> Table:
    """Return all that is said of weeks in one table, for scripts: a row a week, the newest first."""
    headings = ["first", "last", "raw", "annotated", "annotation_seconds", "qc_seconds"]
    headings += [f"{stage}_passed" for stage in REVIEWS]
    headings += ["frozen", "accepted", "returned", *(f"carried_{stage}" for stage in WAITING)]
    cells: list[tuple[Cell, ...]] = [
        (
            *(row.week.first.isoformat(), row.week.last.isoformat()),
            *(row.raw, row.annotated, row.annotation_seconds, row.qc_seconds),
            *(row.passed[stage] for stage in REVIEWS),
            *("; ".join(names) for names in (row.frozen, row.accepted, row.returned)),
            *(row.carried[stage] for stage in WAITING),
        )
        for row in rows
    ]
    return Table(tuple(map(Column, headings)), tuple(cells), "weeks")


def standing_table(standing: Standing) -> Table:
    """Return a row a batch, and one for all of them: how many frames stand in each stage."""
    shown = [stage for stage in Stage if stage in WAITING or standing.stages[stage]]
    columns = (Column("batch"), Column("state"), Column("frames"), *(Column(stage) for stage in shown))
    columns = (*columns, Column("sample"))
    rows: list[tuple[Cell, ...]] = []
    for one in standing.batches:
        state = f"{one.stage}, round {one.round}" if one.round > 1 else one.stage
        sample = "-"
        if one.sample is not None:
            sample = f"{one.seen} of {one.sample.drawn} seen, {one.bad} bad, {one.sample.allowed} allowed"
        rows.append((one.name, state, one.frames, *(one.stages[stage] for stage in shown), sample))
    total = sum(one.frames for one in standing.batches)
    if len(rows) != 1:
        rows.append(("all", "", total, *(standing.stages[stage] for stage in shown), ""))
    return Table(columns, tuple(rows), "frames by stage")


def batch_table(stages: Mapping[str, int]) -> Table:
    """Return a row for each stage in which frames of a batch stand, in the order of the review."""
    rows = tuple((str(stage), stages[stage]) for stage in Stage if stages[stage])
    return Table((Column("stage"), Column("frames")), rows, "frames by stage")


def wait_table(standing: Standing) -> Table:
    """Return a row for each stage and whom its frames wait for: a person, or anyone of a role."""
    headings = ("stage", "waits for", "frames", "since")
    rows = tuple(
        (wait.stage, wait.person or f"any {wait.role}", wait.frames, to_text(wait.since)) for wait in standing.waits
    )
    return Table(tuple(map(Column, headings)), rows, "what waits for whom")


def stuck_table(standing: Standing) -> Table:
    """Return a row for each frame whose next step nobody can do who is there."""
    rows = tuple((one.frame, one.stage, one.problem) for one in standing.stuck)
    return Table((Column("frame"), Column("stage"), Column("problem")), rows, "frames that nobody can do")


def repair_table(repairs: Sequence[Repair]) -> Table:
    """Return a row for each frame that is being mended, and who owns the repair."""
    headings = ("frame", "batch", "owner", "failed at", "reason", "round")
    rows = tuple(
        (one.frame, one.batch, _owner(one), one.failed_at, one.reason, one.rounds, one.days, to_text(one.since))
        for one in repairs
    )
    return Table((*map(Column, headings), Column("days", 1), Column("since")), rows, "repairs")


def _owner(repair: Repair) -> str:
    if repair.is_escalated:
        return "a lead (escalated)"
    if not repair.owner:
        return "a lead"
    return f"{repair.owner} (away)" if repair.is_away else repair.owner


def claim_table(claims: Sequence[OpenClaim]) -> Table:
    """Return a row for each frame that somebody claimed and has not done: who, for how long, and until when."""
    columns = (Column("frame"), Column("batch"), Column("stage"), Column("claimed by"), Column("hours", 1))
    rows = tuple(
        (one.frame, one.batch, one.stage, one.person, one.hours, to_text(one.since), _until(one)) for one in claims
    )
    return Table((*columns, Column("since"), Column("until")), rows, "open claims")


def _until(claim: OpenClaim) -> str:
    return f"{to_text(claim.until)}{' (lapsed)' if claim.is_lapsed else ''}"


def burn_down_table(burn_down: BurnDown) -> Table:
    """Return a row for each time at which something changed: frames that had not yet passed each stage."""
    columns = (Column("time"), *(Column(f"not past {stage}") for stage in burn_down.left))
    series = zip(*burn_down.left.values(), strict=True)
    rows = tuple((to_text(at), *counts) for at, counts in zip(burn_down.times, series, strict=True))
    return Table(columns, rows, burn_down.batch)
