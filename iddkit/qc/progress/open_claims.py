"""Frames that somebody claimed and has not done yet: the oldest claims are those to ask about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from iddkit.qc.events import Kind, to_microseconds
from iddkit.qc.stages import SAMPLED
from iddkit.qc.store.tables import batches, events, frames, people

_HOUR = 3_600_000_000


@dataclass(frozen=True, slots=True)
class OpenClaim:
    """A frame that a person has.

    Attributes
    ----------
    number
        Of the frame; None if who reads may not know which it is.
    frame, batch, stage
        Key, name of its batch, and where it stands.
    person
        Who claimed it.
    since
        Since when they have had it without a break, in microseconds since 1970-01-01 UTC.
    until
        When the claim lapses.
    is_lapsed
        Whether it did: the frame is still where they left it, and anyone may take it.
    hours
        For how long they have had it.
    """

    number: int | None
    frame: str
    batch: str
    stage: str
    person: str
    since: int
    until: int
    is_lapsed: bool
    hours: float

    def to_json(self) -> dict[str, Any]:
        """Return the claim as JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


#: In place of a frame's name while a sample is judged: whoever reads of it may not know which images it holds.
SOME: Final = "an image of the sample"


def read_open_claims(connection: Connection, *, now: datetime, knows_sample: bool = False) -> tuple[OpenClaim, ...]:
    """Return the claimed frames that were neither handed in, judged nor given back, the oldest claim first.

    Parameters
    ----------
    connection
        Of `Store.reading`.
    now
        With its zone: what has lapsed by then is told.
    knows_sample
        Whether who reads may know which images an open sample holds.
    """
    at = to_microseconds(now)
    columns = (frames.c.id, frames.c.key, frames.c.stage, frames.c.claimant, frames.c.claimed_until)
    query = select(*columns, batches.c.name.label("batch"), people.c.name.label("person"))
    query = query.join(batches, batches.c.id == frames.c.batch).join(people, people.c.id == frames.c.claimant)
    found = []
    for row in connection.execute(query).all():
        since = _read_since(connection, row.id, row.claimant)
        hours = max(0, at - since) / _HOUR
        until = row.claimed_until or 0
        number, key = (row.id, row.key) if knows_sample or row.stage not in SAMPLED else (None, SOME)
        found.append(OpenClaim(number, key, row.batch, row.stage, row.person, since, until, until <= at, hours))
    return tuple(sorted(found, key=lambda claim: (claim.since, claim.frame)))


def _read_since(connection: Connection, frame: int, claimant: int) -> int:
    # A claim that is renewed is the same one; whatever else happened to the frame began a new one.
    query = select(events.c.kind, events.c.actor, events.c.at).where(events.c.frame == frame)
    since = 0
    for kind, actor, at in connection.execute(query.order_by(events.c.seq.desc())):
        if kind == Kind.CLAIMED and actor == claimant:
            since = at
        elif since and kind != Kind.REFUSED:
            break
    return since
