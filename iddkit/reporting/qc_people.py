"""What the review's log says of people, as tables: every number with its interval, or that there are too few cases."""

from __future__ import annotations

from collections.abc import Sequence

from iddkit.qc.progress.intervals import TOO_FEW, Estimate
from iddkit.qc.progress.person import UNKNOWN, PersonReport
from iddkit.reporting.tables import Cell, Column, Table


def people_table(reports: Sequence[PersonReport]) -> Table:
    """Return a row a person: what passes at once, defects, hours, and the reviews that they gave."""
    columns = (
        Column("person"),
        Column("roles"),
        Column("frames"),
        Column("QC1", group="first pass %"),
        Column("QC2", group="first pass %"),
        Column("defects per 100 polygons"),
        Column("annotation", 1, "hours"),
        Column("qc", 1, "hours"),
        Column("given", 0, "reviews"),
        Column("failed %", 0, "reviews"),
    )
    rows: list[tuple[Cell, ...]] = [
        (
            one.name,
            ", ".join(one.roles),
            one.frames,
            say_share(one.first_qc1),
            say_share(one.first_qc2),
            say_estimate(one.defects),
            one.annotation_hours,
            one.qc_hours,
            one.reviews.of,
            say_share(one.reviews),
        )
        for one in reports
    ]
    return Table(columns, tuple(rows), "people")


def estimate_table(reports: Sequence[PersonReport]) -> Table:
    """Return the numbers of all people for scripts: an estimate is its value, the ends of its interval, and counts."""
    estimates = {"first_qc1": "share", "first_qc2": "share", "defects": "per_100_polygons", "reviews": "failed_share"}
    headings = ["name", "roles", "frames", "judged", "annotation_hours", "qc_hours"]
    for key, what in estimates.items():
        headings += [f"{key}_{what}", f"{key}_low", f"{key}_high", f"{key}_count", f"{key}_of"]
    rows: list[tuple[Cell, ...]] = []
    for one in reports:
        cells: list[Cell] = [one.name, " ".join(one.roles), one.frames, one.judged]
        cells += [one.annotation_hours, one.qc_hours]
        for key in estimates:
            found = getattr(one, key)
            said = (found.value, found.low, found.high) if found.says else (None, None, None)
            cells += [*said, found.count, found.of]
        rows.append(tuple(cells))
    return Table(tuple(map(Column, headings)), tuple(rows), "people")


def person_tables(report: PersonReport) -> list[Table]:
    """Return one person's tables that are not empty: shares, defects by reason, confused labels, minutes by task."""
    shares = [
        ("first hand-ins passed at QC1", report.first_qc1),
        ("first hand-ins passed at QC2", report.first_qc2),
        ("reviews given that failed", report.reviews),
        *((f"of these at {stage.upper()}", share) for stage, share in report.by_stage),
    ]
    counted = (Column("share %"), Column("number"), Column("of"))
    tables = [
        Table(
            (Column(report.name), *counted),
            tuple((what, say_share(share), share.count, share.of) for what, share in shares if share.of),
            f"{report.name}: first passes and reviews",
        ),
        Table(
            (Column("reason"), Column("per 100 polygons"), Column("defects"), Column("polygons")),
            tuple(
                (reason, say_estimate(rate), rate.count, rate.of)
                for reason, rate in (("all", report.defects), *report.by_reason)
                if rate.of
            ),
            f"{report.name}: defects that reviewers found",
        ),
        Table(
            (Column("drawn"), Column("ought to be"), Column("times")),
            tuple((one.drawn if one.drawn != UNKNOWN else "?", one.right, one.count) for one in report.confused),
            f"{report.name}: confused labels",
        ),
        Table(
            (Column("task"), Column("median minutes"), Column("tasks")),
            tuple((task, say_estimate(minutes, 1), minutes.of) for task, minutes in report.tasks),
            f"{report.name}: time",
        ),
    ]
    return [table for table in tables if table.rows]


def say_share(share: Estimate) -> str | None:
    """Return a share in per cent with its interval: ``90 (68 to 99)``; None without any case."""
    if not share.of:
        return None
    if not share.says or share.value is None or share.low is None or share.high is None:
        return TOO_FEW
    return f"{100 * share.value:.0f} ({100 * share.low:.0f} to {100 * share.high:.0f})"


def say_estimate(estimate: Estimate, digits: int = 2) -> str | None:
    """Return a number with its interval: ``0.50 (0.10 to 1.46)``; None without any case."""
    if not estimate.of:
        return None
    if not estimate.says or estimate.value is None or estimate.low is None or estimate.high is None:
        return TOO_FEW
    return f"{estimate.value:.{digits}f} ({estimate.low:.{digits}f} to {estimate.high:.{digits}f})"
