"""What a simulation knows at its end: what the review says, beside the truth."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from iddkit.qc.simulation.desk import Desk
from iddkit.qc.simulation.truth import is_bad
from iddkit.qc.stages import Stage
from iddkit.qc.store.database import Store
from iddkit.qc.store.tables import batches, events, frames, people


@dataclass(frozen=True, slots=True)
class Planted:
    """What became of a planted defect.

    Attributes
    ----------
    frame, reason
        Key of the frame, and what is wrong with its first file.
    hidden
        Whether it is hard to see.
    found
        The stage that named it first, "" if none did.
    mended
        Whether the latest file is without it.
    stage
        Where the frame stands.
    """

    frame: str
    reason: str
    hidden: bool
    found: str
    mended: bool
    stage: str


@dataclass(frozen=True, slots=True)
class BatchTruth:
    """What is true of a batch: name, stage, how often it was frozen, its frames, and the bad ones among them."""

    name: str
    stage: str
    rounds: int
    frames: int
    bad: int


@dataclass(frozen=True, slots=True)
class Simulated:
    """What a simulation made, and what only a simulation can know of it.

    Attributes
    ----------
    frames, people, events
        How many.
    planted
        In the order of the frames.
    batches
        In the order in which they were added.
    defects, found, left
        Made in all, the planted ones among them; named by a review; in accepted frames at the end.
    """

    frames: int
    people: int
    events: int
    planted: tuple[Planted, ...]
    batches: tuple[BatchTruth, ...]
    defects: int
    found: int
    left: int


def tell(store: Store, desk: Desk) -> Simulated:
    """Compare the truth with what the review says."""
    records, checklist = desk.records, desk.checklist
    with store.reading() as connection:
        members = connection.execute(select(func.count()).select_from(people)).scalar() or 0
        count = connection.execute(select(func.count()).select_from(events)).scalar() or 0
        rows = connection.execute(select(frames.c.id, frames.c.key, frames.c.stage, frames.c.batch)).all()
        known = connection.execute(select(batches).order_by(batches.c.id)).all()
    told = []
    for number, key, stage, _ in sorted(tuple(row) for row in rows):
        record = records[number]
        if record.planted is not None:
            mended = bool(record.signed) and record.planted not in record.defects
            found = record.found.get(record.planted, "")
            told.append(Planted(key, record.planted.reason, record.planted.hidden, found, mended, stage))
    truths = []
    for batch in known:
        inside = [number for number, _, stage, place in rows if place == batch.id and stage != Stage.DROPPED]
        bad = sum(is_bad(records[number], checklist) for number in inside)
        truths.append(BatchTruth(batch.name, batch.stage, batch.round, len(inside), bad))
    accepted = [records[number] for number, _, stage, _ in rows if stage == Stage.ACCEPTED]
    return Simulated(
        frames=len(rows),
        people=members,
        events=count,
        planted=tuple(told),
        batches=tuple(truths),
        defects=sum(record.made for record in records.values()),
        found=sum(len(record.found) for record in records.values()),
        left=sum(len(record.defects) for record in accepted),
    )
