"""What waits for one person, and what they did this week: the page that they begin at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import and_, case, func, literal_column, or_, select

from iddkit.qc.events import Kind, to_microseconds
from iddkit.qc.progress.failures import Failure, read_failures
from iddkit.qc.progress.weekly import Week, find_weeks
from iddkit.qc.stages import Stage
from iddkit.qc.state import Frame, Person
from iddkit.qc.store.tables import events, frames
from iddkit.qc.store.work import Work

#: Frames of the queue that are named; of the others it is said how many they are.
SHOWN: Final = 50

_OF_WORK: Final = (Kind.SUBMITTED, Kind.REVIEWED, Kind.PROBED, Kind.WORKED)

# To the person a verdict on a planted copy is one like all others.
_KIND: Final = case((events.c.kind == Kind.PROBED, str(Kind.REVIEWED)), else_=events.c.kind)


@dataclass(frozen=True, slots=True)
class MyRepair:
    """A frame of theirs that failed.

    Attributes
    ----------
    frame
        Which one.
    failure
        The review that sent it back.
    """

    frame: Frame
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class Done:
    """What they did this week of one kind.

    Attributes
    ----------
    kind, stage, verdict
        As in the log; verdicts on planted copies are among the others.
    count
        How often.
    seconds
        The time noted for it.
    """

    kind: str
    stage: str
    verdict: str
    count: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Desk:
    """What a person sees first.

    Attributes
    ----------
    repairs
        Frames that failed and are theirs to mend, the one that has waited longest first.
    queue
        Other frames that they claimed or that were given to them; claimed ones first.
    waiting
        How many those are in all.
    week, done
        This week, and what they did in it.
    """

    repairs: tuple[MyRepair, ...]
    queue: tuple[Frame, ...]
    waiting: int
    week: Week
    done: tuple[Done, ...]


def read_desk(work: Work, person: Person, now: datetime) -> Desk:
    """Return what waits for a person, and what they did in the week of a moment (with its zone)."""
    at = to_microseconds(now)
    claimed = and_(frames.c.claimant == person.id, frames.c.claimed_until > at)
    free = or_(frames.c.claimant.is_(None), frames.c.claimed_until <= at, frames.c.claimant == person.id)
    mine = or_(claimed, and_(frames.c.holder == person.id, free))
    order = (frames.c.moved, frames.c.id)
    mending = frames.c.stage.in_((Stage.REPAIR, Stage.ESCALATED))
    to_mend = work.find(Frame, select(frames).where(mine, mending).order_by(*order))
    failures = read_failures(work.connection, select(frames.c.id).where(mine, mending))
    repairs = [MyRepair(frame, failures[frame.id][-1] if frame.id in failures else None) for frame in to_mend]
    other = and_(mine, ~mending, frames.c.stage != Stage.DROPPED)
    found = work.find(Frame, select(frames).where(other).order_by(case((claimed, 0), else_=1), *order).limit(SHOWN))
    waiting = work.connection.execute(select(func.count()).select_from(frames).where(other)).scalar_one()
    (week,) = find_weeks(work.project, now.astimezone(ZoneInfo(work.project.timezone)).date())
    columns = (_KIND.label("what"), events.c.stage, events.c.verdict)
    did = (events.c.actor == person.id, events.c.kind.in_(_OF_WORK), events.c.at >= week.start, events.c.at < week.end)
    named = [literal_column("what"), *columns[1:]]
    query = select(*columns, func.count(), func.sum(events.c.seconds)).where(*did).group_by(*named).order_by(*named)
    done = tuple(Done(kind, stage, verdict, n, int(s)) for kind, stage, verdict, n, s in work.connection.execute(query))
    return Desk(tuple(repairs), tuple(found), waiting, week, done)
