"""What was done in a week, and what the week left: the two tables that IDD's pipeline printed every Wednesday.

All is counted by the database in the index ``event_week``, which holds whatever a week's tables need; what comes out is
a row a week, however many events there are.

Source: Mishra 2024, tables 3.1 and 3.2.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, case, func, or_, select

from iddkit.errors import OptionError
from iddkit.qc.events import ANNOTATION, QC, Kind, to_microseconds
from iddkit.qc.progress.carried import FRAME, WAITING, count_carried
from iddkit.qc.stages import REVIEWS, Action, Stage
from iddkit.qc.state import Project
from iddkit.qc.store.tables import batches, events

# What a week counts of frames and hours; of planted copies the hours alone.
_COUNTED: Final = (Kind.SUBMITTED, Kind.CONFLICT, Kind.REVIEWED, Kind.PROBED, Kind.WORKED)

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
    told = _read_told(connection, asked)
    carried = count_carried(connection, [week.end for week in asked])
    return [_read_week(connection, *its) for its in zip(asked, told, carried, strict=True)]


def _midnight(day: date, zone: ZoneInfo) -> int:
    return to_microseconds(datetime.combine(day, time.min, zone))


def _read_week(
    connection: Connection, week: Week, told: dict[str, tuple[str, ...]], carried: dict[str, int]
) -> WeekRow:
    """Return a week's row: its events are read once, and come together by frame."""
    kind, stage, verdict = events.c.kind, events.c.stage, events.c.verdict
    is_handin = kind == Kind.SUBMITTED
    is_judged = and_(kind == Kind.REVIEWED, stage.in_((Stage.QC1, Stage.QC2)))
    is_annotation = or_(kind.in_((Kind.SUBMITTED, Kind.CONFLICT)), and_(kind == Kind.WORKED, stage == ANNOTATION))
    has_failed = case((verdict == Action.FAIL, 1), else_=0)
    has_passed = [and_(kind == Kind.REVIEWED, stage == review, verdict == Action.PASS) for review in REVIEWS]
    its = (
        select(
            func.max(case((is_handin, 1), else_=0)).label("raw"),
            # The last event of a frame and whether it is a failure in one number: one pass, and no join.
            func.max(case((or_(is_handin, is_judged), 2 * events.c.seq + has_failed), else_=0)).label("last"),
            func.sum(case((is_annotation, events.c.seconds), else_=0)).label(ANNOTATION),
            func.sum(case((is_annotation, 0), else_=events.c.seconds)).label(QC),
            *(func.max(case((its, 1), else_=0)).label(review) for its, review in zip(has_passed, REVIEWS, strict=True)),
        )
        .where(events.c.at >= week.start, events.c.at < week.end, kind.in_(_COUNTED))
        .group_by(FRAME)
        .subquery()
    )
    is_whole = and_(its.c.raw == 1, its.c.last % 2 == 0)
    sums = (its.c.raw, case((is_whole, 1), else_=0), its.c[ANNOTATION], its.c[QC], *(its.c[stage] for stage in REVIEWS))
    found = connection.execute(select(*(func.coalesce(func.sum(of), 0) for of in sums))).one()
    raw, annotated, annotation, qc, *passed = map(int, found)
    by_review = {str(stage): count for stage, count in zip(REVIEWS, passed, strict=True)}
    batches_told = (told[Kind.FROZEN], told[Action.ACCEPT], told[Action.RETURN])
    return WeekRow(week, raw, annotated, annotation, qc, by_review, *batches_told, carried)


def _read_told(connection: Connection, weeks: Sequence[Week]) -> list[dict[str, tuple[str, ...]]]:
    """Return for each week the names of the batches that were frozen, accepted and returned in it."""
    names = dict(connection.execute(select(batches.c.id, batches.c.name)).all())
    about = and_(events.c.frame.is_(None), events.c.kind.in_((Kind.FROZEN, Kind.CONCLUDED)))
    during = and_(events.c.at >= weeks[-1].start, events.c.at < weeks[0].end)
    query = select(events.c.at, events.c.kind, events.c.verdict, events.c.batch).where(during, about)
    # Each name once, in the order of the log.
    told: list[dict[str, dict[str, None]]] = [{Kind.FROZEN: {}, Action.ACCEPT: {}, Action.RETURN: {}} for _ in weeks]
    starts = [week.start for week in reversed(weeks)]
    for at, kind, verdict, batch in connection.execute(query.order_by(events.c.seq)):
        what = Kind.FROZEN if kind == Kind.FROZEN else verdict
        told[len(weeks) - bisect_right(starts, at)][what][names[batch]] = None
    return [{what: tuple(named) for what, named in its.items()} for its in told]
