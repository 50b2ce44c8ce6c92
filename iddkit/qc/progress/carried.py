"""How many frames waited in each stage at times of the past, from the present state and what happened since."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import accumulate
from operator import add
from typing import Any, Final

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
    standing: dict[int, str] = {}
    oldest: dict[int, int] = {}  # by frame: the last of the places at which something happened to it
    told: list[dict[str, int]] = []
    for place, (end, until) in enumerate(zip(ends, (None, *ends), strict=False)):
        # Whole columns at a time: a year has more of these rows than a loop should see.
        numbers, before, now = _read_first_moves(connection, end, until)
        counts.subtract(Counter(map(standing.get, numbers, now)))
        counts.update(Counter(before))
        standing.update(zip(numbers, before, strict=True))
        oldest.update(dict.fromkeys(numbers, place))
        told.append({str(stage): counts[stage] for stage in WAITING})
    for place, gone in enumerate(_count_unborn(connection, ends, standing, oldest)):
        told[place] = {stage: count - gone[stage] for stage, count in told[place].items()}
    return told


def _count_unborn(
    connection: Connection, ends: Sequence[int], standing: dict[int, str], oldest: dict[int, int]
) -> list[Counter[str]]:
    """Return for each time how many frames that came later were counted in which stage.

    Frames that came later than a time were not there, unless something had happened to them already: a log of the past
    can be imported for frames that were added after it.
    """
    born = _read_births(connection, ends[-1])
    known = _read_known(connection, ends[-1], born)
    ascending = ends[::-1]
    came: list[Counter[str]] = [Counter() for _ in ends]
    now = _read_stages(connection, [frame for _, _, frame in born if frame not in standing])
    for at, _, frame in born:
        if frame not in known:
            place = max(len(ends) - bisect_right(ascending, at), oldest.get(frame, 0))
            came[place][standing.get(frame) or now[frame]] += 1
    return list(accumulate(came, add))


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

#: What makes a frame wait for a review.
_TURNING: Final = (Kind.SUBMITTED, Kind.FROZEN, Kind.SETTLED, Kind.REVIEWED)


def _read_first_moves(connection: Connection, start: int, until: int | None) -> list[Sequence[Any]]:
    """Return frames that something happened to, the stages in which they stood before, and those of now: columns."""
    moving = or_(events.c.kind.in_(_MOVING), and_(events.c.kind == Kind.ASSIGNED, events.c.stage == Stage.ESCALATED))
    its = [moving, events.c.at >= start]
    if until is not None:
        its.append(events.c.at < until)
    first = func.min(_CODES * events.c.seq + _CODE).label("first")
    moved = select(FRAME.label("frame"), first).where(*its).group_by(FRAME).subquery()
    seq, code = moved.c.first // _CODES, moved.c.first % _CODES
    # A review of a sampled stage may have been the second look at a frame that was mended: what made the frame wait
    # before it tells. It is looked up in the same statement: a query for each takes ten times as long.
    earlier = events.alias()
    its_own = and_(earlier.c.frame == moved.c.frame, earlier.c.seq < seq, earlier.c.kind.in_(_TURNING))
    turned = select(earlier.c.kind).where(its_own).order_by(earlier.c.seq.desc()).limit(1).scalar_subquery()
    is_sampled = code.in_([_STAGES.index(stage) for stage in SAMPLED])
    is_recheck = case((is_sampled, turned), else_=None) == Kind.SUBMITTED
    before = case((is_recheck, _STAGES.index(Stage.RECHECK)), else_=code)
    # What has no such stage is of a damaged log: 'qc verify' tells.
    query = select(moved.c.frame, before, frames.c.stage).where(code < len(_STAGES))
    rows = connection.execute(query.join(frames, frames.c.id == moved.c.frame)).all()
    numbers, codes, now = zip(*rows, strict=True) if rows else ((), (), ())
    return [numbers, list(map(_STAGES.__getitem__, codes)), now]


def _read_births(connection: Connection, start: int) -> Sequence[Any]:
    """Return when frames were added after a time, by which event, and their numbers."""
    born = select(events.c.at, events.c.seq, events.c.frame)
    return connection.execute(born.where(events.c.kind == Kind.FRAME, events.c.at >= start)).all()


def _read_stages(connection: Connection, numbers: Sequence[int]) -> dict[int, str]:
    """Return where frames are now; those between them, too: frames are added many at a time."""
    if not numbers:
        return {}
    query = select(frames.c.id, frames.c.stage).where(frames.c.id.between(min(numbers), max(numbers)))
    return dict(connection.execute(query).all())


def _read_known(connection: Connection, start: int, born: Sequence[Any]) -> Collection[int]:
    """Return the frames that were handed in before a time; none if none that was added after it can be among them."""
    if not born:
        return ()
    first = min(seq for _, seq, _ in born)
    recorded_later = select(events.c.seq).where(events.c.at < start, events.c.seq + 0 > first).limit(1)
    if connection.execute(recorded_later).first() is None:
        return ()
    known = select(FRAME).where(events.c.at < start, events.c.kind == Kind.SUBMITTED).group_by(FRAME)
    return set(connection.execute(known).scalars())
