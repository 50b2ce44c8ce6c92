"""What was done in a week, and what the week left: the two tables that IDD's pipeline printed every Wednesday.

All is counted by the database in the index ``event_week``, which holds whatever a week's tables need; what comes out is
a row a week, however many events there are.

Source: Mishra 2024, tables 3.1 and 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, case, distinct, func, or_, select

from iddkit.errors import OptionError
from iddkit.qc.events import Kind, to_microseconds
from iddkit.qc.progress.carried import FRAME, WAITING, count_carried
from iddkit.qc.stages import REVIEWS, Action, Stage
from iddkit.qc.state import Project
from iddkit.qc.store.tables import batches, events

#: Work on annotations and work of quality control: the stages of `Kind.WORKED`.
ANNOTATION, QC = "annotation", "qc"

# More rows than anybody reads, and far fewer than would take long.
_MOST_WEEKS: Final = 1000


@dataclass(frozen=True, slots=True)
class Week:
    """Seven days of a project's calendar.

    Attributes
    ----------
    first
        Its first day.
    start, end
        Midnight before it and midnight after the last, where the project is, in microseconds since 1970-01-01 UTC.
        A week in which the clocks change has an hour more or less.
    """

    first: date
    start: int
    end: int

    @property
    def last(self) -> date:
        """Its last day."""
        return self.first + timedelta(days=6)


@dataclass(frozen=True, slots=True)
class WeekRow:
    """What was done in a week.

    Attributes
    ----------
    week
        When.
    raw
        Frames that were handed in, each once.
    annotated
        Those of them that did not go to the repair queue, or came back from it: after their last hand-in QC1 or QC2
        did not fail them in this week.
    annotation_seconds, qc_seconds
        Time that was spent on annotations and on reviews.
    passed
        By review: frames that passed it, each once, in the week in which they passed.
    frozen, accepted, returned
        Names of batches; an accepted one passed QC3 or QC4.
    carried
        By stage: frames that waited there at the end of the week. Of the current week: that wait there now.
    """

    week: Week
    raw: int = 0
    annotated: int = 0
    annotation_seconds: int = 0
    qc_seconds: int = 0
    passed: dict[str, int] = field(default_factory=lambda: {str(stage): 0 for stage in REVIEWS})
    frozen: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    returned: tuple[str, ...] = ()
    carried: dict[str, int] = field(default_factory=lambda: {str(stage): 0 for stage in WAITING})

    @property
    def repairs(self) -> int:
        """Frames of the week that went to the repair queue and were there at its end: raw less annotated."""
        return self.raw - self.annotated

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        return {
            "first": self.week.first.isoformat(),
            "last": self.week.last.isoformat(),
            "raw": self.raw,
            "annotated": self.annotated,
            "annotation_seconds": self.annotation_seconds,
            "qc_seconds": self.qc_seconds,
            "passed": dict(self.passed),
            "frozen": list(self.frozen),
            "accepted": list(self.accepted),
            "returned": list(self.returned),
            "carried": dict(self.carried),
        }


def find_weeks(project: Project, containing: date, weeks: int = 1) -> tuple[Week, ...]:
    """Return the week that holds a day and those before it, the newest first.

    Raises
    ------
    OptionError
        The calendar has no such weeks, or none or too many are asked for.
    """
    if not 1 <= weeks <= _MOST_WEEKS:
        raise OptionError(f"{weeks} weeks: from 1 to {_MOST_WEEKS} can be shown")
    zone = ZoneInfo(project.timezone)
    try:
        newest = containing - timedelta(days=(containing.weekday() - project.week_start) % 7)
        days = [newest - timedelta(weeks=before) for before in range(weeks)]
        ends = [(day, day + timedelta(days=7)) for day in days]
        return tuple(Week(day, _midnight(day, zone), _midnight(end, zone)) for day, end in ends)
    except OverflowError:
        raise OptionError(f"{containing}: the calendar ends before {weeks} weeks do") from None


def read_weeks(
    connection: Connection, project: Project, *, containing: date | None = None, weeks: int = 1, now: datetime
) -> list[WeekRow]:
    """Return what was done in each week, the newest first; a week without an event has a row of zeros.

    Parameters
    ----------
    connection
        Of `Store.reading`.
    project
        Whose weeks: on which day they begin, and where.
    containing
        Any day of the newest week; today, if None.
    weeks
        How many.
    now
        With its zone: what today is.

    Raises
    ------
    OptionError
        There are no such weeks.
    """
    day = now.astimezone(ZoneInfo(project.timezone)).date() if containing is None else containing
    asked = find_weeks(project, day, weeks)
    names = dict(connection.execute(select(batches.c.id, batches.c.name)).all())
    carried = count_carried(connection, [week.end for week in asked])
    return [_read_week(connection, week, names, left) for week, left in zip(asked, carried, strict=True)]


def _midnight(day: date, zone: ZoneInfo) -> int:
    return to_microseconds(datetime.combine(day, time.min, zone))


def _read_week(connection: Connection, week: Week, names: dict[int, str], carried: dict[str, int]) -> WeekRow:
    raw, annotated = _count_handed_in(connection, week)
    passed = {str(stage): 0 for stage in REVIEWS}
    seconds = {ANNOTATION: 0, QC: 0}
    its = _during(week)
    columns = events.c.kind, events.c.stage, events.c.verdict
    counted = func.count(distinct(events.c.frame)), func.sum(events.c.seconds)
    kinds = (Kind.SUBMITTED, Kind.CONFLICT, Kind.REVIEWED, Kind.WORKED)
    query = select(*columns, *counted).where(its, events.c.kind.in_(kinds)).group_by(*columns)
    for kind, stage, verdict, count, spent in connection.execute(query):
        if kind == Kind.REVIEWED and verdict == Action.PASS:
            passed[stage] = count
        of_annotation = kind in (Kind.SUBMITTED, Kind.CONFLICT) or (kind == Kind.WORKED and stage == ANNOTATION)
        seconds[ANNOTATION if of_annotation else QC] += int(spent)
    told: dict[str, list[str]] = {Kind.FROZEN: [], Action.ACCEPT: [], Action.RETURN: []}
    about = and_(events.c.frame.is_(None), events.c.kind.in_((Kind.FROZEN, Kind.CONCLUDED)))
    concluded = select(events.c.kind, events.c.verdict, events.c.batch).where(its, about).order_by(events.c.seq)
    for kind, verdict, batch in connection.execute(concluded):
        told[Kind.FROZEN if kind == Kind.FROZEN else verdict].append(names[batch])
    once = {what: tuple(dict.fromkeys(its)) for what, its in told.items()}
    return WeekRow(
        week,
        raw,
        annotated,
        seconds[ANNOTATION],
        seconds[QC],
        passed,
        once[Kind.FROZEN],
        once[Action.ACCEPT],
        once[Action.RETURN],
        carried,
    )


def _during(week: Week) -> Any:
    return and_(events.c.at >= week.start, events.c.at < week.end)


def _count_handed_in(connection: Connection, week: Week) -> tuple[int, int]:
    """Return how many frames were handed in, and how many of these do not stand in the repair queue."""
    is_first = case((events.c.kind == Kind.SUBMITTED, 1), else_=0)
    has_failed = case((events.c.verdict == Action.FAIL, 1), else_=0)
    judged = and_(events.c.kind == Kind.REVIEWED, events.c.stage.in_((Stage.QC1, Stage.QC2)))
    # The last event of a frame and whether it is a failure in one number: one pass, and no join.
    its = (
        select(func.max(is_first).label("raw"), func.max(2 * events.c.seq + has_failed).label("last"))
        .where(_during(week), or_(events.c.kind == Kind.SUBMITTED, judged))
        .group_by(FRAME)
        .subquery()
    )
    is_whole = case((its.c.last % 2 == 0, 1), else_=0)
    query = select(func.count(), func.coalesce(func.sum(is_whole), 0)).where(its.c.raw == 1)
    raw, annotated = connection.execute(query).one()
    return int(raw), int(annotated)
