"""How long people are active at a frame, measured by what their page reports: a beat whenever they do something.

The time between two beats of a person counts for the frame of the later one, if it is no longer than `IDLE`: who went
away counts nothing, and two tabs count once. It is kept beside the log until something comes of it: a verdict or a
hand-in takes it along, and what is left over becomes an event of its own (`Kind.WORKED`).
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import delete, func, insert, select, update

from iddkit.qc.events import ANNOTATION, QC, Kind
from iddkit.qc.stages import Action, Stage, find_step
from iddkit.qc.state import Frame, Person
from iddkit.qc.store.tables import activity, people
from iddkit.qc.store.work import Work

_SECOND: Final = 1_000_000

#: Microseconds without a beat after which a person was not at work.
IDLE: Final = 60 * _SECOND


def beat(work: Work, person: Person, frame: Frame) -> int:
    """Note that a person is active at a frame now; returns the microseconds that this adds to it."""
    its = (activity.c.person == person.id, activity.c.frame == frame.id)
    _take_turn(work, person)
    last = work.connection.execute(select(func.max(activity.c.at)).where(activity.c.person == person.id)).scalar_one()
    since = IDLE + 1 if last is None else work.at - last
    added = since if 0 <= since <= IDLE else 0
    at = max(work.at, last or 0)  # one who had to wait must not count again what was counted meanwhile
    values = {"microseconds": activity.c.microseconds + added, "at": at}
    if not work.connection.execute(update(activity).where(*its).values(values)).rowcount:
        new = {"person": person.id, "frame": frame.id, "microseconds": added, "at": at}
        work.connection.execute(insert(activity).values(new))
    return added


def take_seconds(work: Work, person: Person, frame: Frame) -> int:
    """Return the seconds that a person was active at a frame, and begin anew; what came of them notes them."""
    its = (activity.c.person == person.id, activity.c.frame == frame.id)
    _take_turn(work, person)
    found = work.connection.execute(select(activity.c.microseconds).where(*its)).scalar_one_or_none()
    # The row stays: the next beat, at another frame, counts from its time on.
    work.connection.execute(update(activity).where(*its).values(microseconds=0))
    return round((found or 0) / _SECOND)


def note_rest(work: Work, person: Person, frame: Frame | None = None) -> int:
    """Write to the log what a person was active at a frame, or at all of them, without anything that came of it.

    Returns
    -------
    int
        Seconds.
    """
    _take_turn(work, person)
    its = [activity.c.person == person.id, *([] if frame is None else [activity.c.frame == frame.id])]
    noted = 0
    columns = (activity.c.frame, activity.c.microseconds, activity.c.at)
    for number, microseconds, at in work.connection.execute(select(*columns).where(*its).order_by(activity.c.at)).all():
        seconds = round(microseconds / _SECOND)
        if seconds:
            step = find_step(Stage(work.state.get(Frame, number).stage))
            stage = ANNOTATION if step is not None and step.action is Action.SUBMIT else QC
            work.append(Kind.WORKED, person.id, frame=number, stage=stage, seconds=seconds, at=at)
            noted += seconds
    work.connection.execute(delete(activity).where(*its))
    return noted


def _take_turn(work: Work, person: Person) -> None:
    """Wait until no other transaction is at the time of this person; SQLite lets one writer in anyway."""
    work.connection.execute(select(people.c.id).where(people.c.id == person.id).with_for_update())
