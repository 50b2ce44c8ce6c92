"""How many frames waited in each stage at times of the past, from the present state and what happened since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import Connection, and_, case, func, or_, select

from iddkit.qc.events import Kind
from iddkit.qc.stages import SAMPLED, Stage
from iddkit.qc.store.tables import events, frames

#: Stages in which a frame waits for somebody: those that a week can leave to the next.
WAITING: Final = tuple(stage for stage in Stage if stage not in (Stage.ACCEPTED, Stage.DROPPED))

#: The number of an event's frame as something that no index is sorted by: a planner that grouped by the index of frames
#: would read every row of the log for it.
FRAME: Final = events.c.frame + 0


def count_carried(connection: Connection, ends: Sequence[int]) -> list[dict[str, int]]:
    """Return by stage how many frames waited there at each of some times, the latest first.

    It is the present state, taken back: the first thing that happened to a frame after a time tells in which stage it
    stood until then. What is said of a time costs what happened since.

    Parameters
    ----------
    connection
        Of `Store.reading`.
    ends
        Microseconds since 1970-01-01 UTC, descending. What happened at that very time is not counted.
    """
    query = select(frames.c.stage, func.count()).group_by(frames.c.stage)
    counts: Counter[str] = Counter(dict(connection.execute(query).all()))
    spans = zip(ends, (None, *ends), strict=False)
    moves = [list(_read_first_moves(connection, end, until)) for end, until in spans]
    # Frames that came later than a time were not there, unless something had happened to them already: a log of the
    # past can be imported for frames that were added after it.
    born = _read_births(connection, ends[-1])
    known = _read_known(connection, ends[-1], born)
    oldest = dict.fromkeys(known, len(ends))
    for place, moved in enumerate(moves):
        oldest |= {frame: max(place, oldest.get(frame, 0)) for frame, _, _ in moved}
    standing: dict[int, str] = {}
    told: list[dict[str, int]] = []
    for place, end in enumerate(ends):
        for frame, before, now in moves[place]:
            counts[standing.get(frame, now)] -= 1
            counts[before] += 1
            standing[frame] = before
        late: list[tuple[int, int, int, str]] = []
        while born and born[-1][0] >= end:
            at, seq, frame, now = born.pop()
            if oldest.get(frame, 0) > place:
                late.append((at, seq, frame, now))
            else:
                counts[standing.get(frame, now)] -= 1
        born += reversed(late)
        told.append({str(stage): counts[stage] for stage in WAITING})
    return told


#: Stages by their number in `_code`.
_STAGES: Final = tuple(str(stage) for stage in Stage)
_CODES: Final = 16  # more than there are stages
_CODE: Final = case(
    (events.c.kind == Kind.FROZEN, _STAGES.index(Stage.READY)),
    (events.c.kind == Kind.RESTORED, _STAGES.index(Stage.DROPPED)),
    *((events.c.stage == stage, code) for code, stage in enumerate(_STAGES)),
    else_=_CODES - 1,
)
_MOVING: Final = (Kind.SUBMITTED, Kind.REVIEWED, Kind.FROZEN, Kind.SETTLED, Kind.DROPPED, Kind.RESTORED)


def _read_first_moves(connection: Connection, start: int, until: int | None) -> Iterator[tuple[int, str, str]]:
    """Yield frames that something happened to, the stage in which they stood before, and that of now."""
    moving = or_(events.c.kind.in_(_MOVING), and_(events.c.kind == Kind.ASSIGNED, events.c.stage == Stage.ESCALATED))
    its = [moving, events.c.at >= start]
    if until is not None:
        its.append(events.c.at < until)
    first = func.min(_CODES * events.c.seq + _CODE).label("first")
    moved = select(FRAME.label("frame"), first).where(*its).group_by(FRAME).subquery()
    query = select(moved.c.frame, moved.c.first, frames.c.stage).join(frames, frames.c.id == moved.c.frame)
    for frame, number, now in connection.execute(query).all():
        seq, code = divmod(number, _CODES)
        if code >= len(_STAGES):
            continue  # a damaged log: 'qc verify' tells
        before = _STAGES[code]
        if before in SAMPLED and _is_recheck(connection, frame, seq):
            before = Stage.RECHECK
        yield frame, str(before), now


def _is_recheck(connection: Connection, frame: int, seq: int) -> bool:
    """Return whether a review of a sampled stage was the second look at a frame that was mended."""
    turning = (Kind.SUBMITTED, Kind.FROZEN, Kind.SETTLED, Kind.REVIEWED)
    its = and_(events.c.frame == frame, events.c.seq < seq, events.c.kind.in_(turning))
    before = select(events.c.kind).where(its).order_by(events.c.seq.desc()).limit(1)
    return connection.execute(before).scalar() == Kind.SUBMITTED


def _read_births(connection: Connection, start: int) -> list[tuple[int, int, int, str]]:
    """Return when frames were added after a time, by which event, their number and stage now; in the order of time."""
    added = select(events.c.at, events.c.seq, events.c.frame, frames.c.stage)
    its = added.join(frames, frames.c.id == events.c.frame).where(events.c.kind == Kind.FRAME, events.c.at >= start)
    return sorted((at, seq, frame, stage) for at, seq, frame, stage in connection.execute(its))


def _read_known(connection: Connection, start: int, born: Sequence[tuple[int, int, int, str]]) -> Sequence[int]:
    """Return the frames that were handed in before a time; none if none that was added after it can be among them."""
    if not born:
        return ()
    first = min(seq for _, seq, _, _ in born)
    recorded_later = select(events.c.seq).where(events.c.at < start, events.c.seq + 0 > first).limit(1)
    if connection.execute(recorded_later).first() is None:
        return ()
    known = select(FRAME).where(events.c.at < start, events.c.kind == Kind.SUBMITTED).group_by(FRAME)
    return connection.execute(known).scalars().all()
