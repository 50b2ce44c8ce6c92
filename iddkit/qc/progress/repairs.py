"""Frames that failed and are being mended, and who owns each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, and_, select

from iddkit.qc.events import Kind, to_microseconds
from iddkit.qc.stages import Action, Stage
from iddkit.qc.state import Batch, Person
from iddkit.qc.store.tables import batches, events, frames, people

_DAY: Final = 86_400_000_000

#: Stages in which a frame is with somebody who mends it.
MENDED: Final = (Stage.REPAIR, Stage.ESCALATED)


@dataclass(frozen=True, slots=True)
class Repair:
    """A frame that failed and was not handed in again.

    Attributes
    ----------
    number
        Of the frame.
    frame, batch
        Key, and name.
    owner
        Who is to mend it; "" where no person is named: a lead has to.
    is_away
        Whether the owner is away or has left.
    failed_at, reason
        Which review failed it, and the codes of the reasons.
    rounds
        Repairs since it was handed in first, this one counted.
    is_escalated
        Whether it failed too often.
    since
        When it failed, in microseconds since 1970-01-01 UTC.
    days
        For how long it has waited since.
    """

    number: int
    frame: str
    batch: str
    owner: str
    is_away: bool
    failed_at: str
    reason: str
    rounds: int
    is_escalated: bool
    since: int
    days: float


def read_repairs(connection: Connection, *, now: datetime, batch: Batch | None = None) -> tuple[Repair, ...]:
    """Return the frames that failed and are being mended, those that have waited longest first."""
    at = to_microseconds(now)
    columns = (
        frames.c.key,
        batches.c.name.label("batch"),
        frames.c.holder,
        frames.c.failed_at,
        frames.c.rounds,
        frames.c.stage,
        events.c.at,
        frames.c.id,
    )
    query = select(*columns).join(batches, batches.c.id == frames.c.batch).join(events, events.c.seq == frames.c.moved)
    its = [frames.c.stage.in_(MENDED), *(() if batch is None else (frames.c.batch == batch.id,))]
    everyone = {row.id: Person(*row) for row in connection.execute(select(people))}
    found = []
    for row in connection.execute(query.where(*its).order_by(frames.c.moved, frames.c.id)).all():
        owner = None if row.holder is None else everyone[row.holder]
        found.append(
            Repair(
                row.id,
                row.key,
                row.batch,
                "" if owner is None else owner.name,
                owner is not None and not owner.is_available(at),
                row.failed_at,
                _read_reason(connection, row.id),
                row.rounds,
                row.stage == Stage.ESCALATED,
                row.at,
                max(0, at - row.at) / _DAY,
            )
        )
    return tuple(found)


def _read_reason(connection: Connection, frame: int) -> str:
    failed = and_(events.c.frame == frame, events.c.kind == Kind.REVIEWED, events.c.verdict == Action.FAIL)
    query = select(events.c.reason).where(failed).order_by(events.c.seq.desc()).limit(1)
    return connection.execute(query).scalar() or ""
