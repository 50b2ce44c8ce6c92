"""How the frames of a batch went through the stages, from its first day on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, or_, select

from iddkit.qc.events import Kind
from iddkit.qc.stages import REVIEWS, Action, Stage
from iddkit.qc.state import Batch
from iddkit.qc.store.tables import events, frames

#: The stages that a frame leaves behind, in their order.
PASSED: Final = (Stage.ANNOTATE, *REVIEWS)

# More moments than a figure can show.
_MOST: Final = 400

_KINDS: Final = (
    Kind.FRAME,
    Kind.MOVED,
    Kind.SUBMITTED,
    Kind.REVIEWED,
    Kind.SETTLED,
    Kind.DROPPED,
    Kind.RESTORED,
)


@dataclass(frozen=True, slots=True)
class BurnDown:
    """What was left of a batch, at each time.

    Attributes
    ----------
    batch
        Its name.
    times
        When something changed, in microseconds since 1970-01-01 UTC, ascending; of more than a few hundred moments, the
        last of each short while.
    left
        By stage of `PASSED`: at each time, frames of the batch that had not yet passed it. A frame that fails has
        not passed the stage that failed it, and none after.
    """

    batch: str
    times: tuple[int, ...]
    left: dict[str, tuple[int, ...]]

    def to_json(self) -> dict[str, Any]:
        """Return the series as JSON values."""
        return {"batch": self.batch, "times": list(self.times), "left": {k: list(v) for k, v in self.left.items()}}


def read_burn_down(connection: Connection, batch: Batch) -> BurnDown:
    """Return how many frames of a batch had not passed each stage, from the first frame on.

    It is computed from the log: of frames that came from another batch, from when they came.
    """
    came = select(events.c.frame).where(events.c.batch == batch.id, events.c.kind.in_((Kind.FRAME, Kind.MOVED)))
    its = or_(events.c.frame.in_(select(frames.c.id).where(frames.c.batch == batch.id)), events.c.frame.in_(came))
    columns = (events.c.at, events.c.kind, events.c.frame, events.c.batch, events.c.stage, events.c.verdict)
    query = select(*columns, events.c.data).where(its, events.c.kind.in_(_KINDS)).order_by(events.c.seq)
    passed: dict[int, int] = {}  # stages that a frame has left behind
    members: set[int] = set()
    dropped: set[int] = set()
    mended: set[int] = set()  # found bad in a sample that passed: the next pass is that of the recheck
    left = [0] * len(PASSED)
    moments: list[tuple[int, tuple[int, ...]]] = []
    latest = 0
    for at, kind, frame, of, stage, verdict, data in connection.execute(query):
        before = passed.get(frame, 0) if frame in members and frame not in dropped else None
        if kind == Kind.FRAME or kind == Kind.MOVED or (kind == Kind.SUBMITTED and of is not None):
            (members.add if of == batch.id else members.discard)(frame)
        if kind == Kind.DROPPED:
            dropped.add(frame)
        elif kind == Kind.RESTORED:
            dropped.discard(frame)
        passed[frame] = _count_passed(passed.get(frame, 0), mended, kind, frame, stage, verdict, data)
        after = passed[frame] if frame in members and frame not in dropped else None
        if before == after:
            continue
        for place in range(len(PASSED)):
            left[place] += (after is not None and after <= place) - (before is not None and before <= place)
        latest = max(latest, at)  # what is imported later may have happened earlier
        moments.append((latest, tuple(left)))
    kept = _thin(moments)
    series = {str(stage): tuple(counts[place] for _, counts in kept) for place, stage in enumerate(PASSED)}
    return BurnDown(batch.name, tuple(at for at, _ in kept), series)


def _count_passed(count: int, mended: set[int], kind: str, frame: int, stage: str, verdict: str, data: str) -> int:
    if kind == Kind.SUBMITTED:
        return count if stage in (Stage.REPAIR, Stage.ESCALATED) else 1
    if kind == Kind.REVIEWED:
        place = PASSED.index(Stage(stage))
        if stage in (Stage.QC1, Stage.QC2):
            return place + 1 if verdict == Action.PASS else place
        if frame in mended and verdict == Action.PASS:
            mended.discard(frame)
            return place + 1
        return count  # the batch moves on, not the frame
    if kind == Kind.SETTLED:
        said = json.loads(data)
        if said["action"] == Action.ACCEPT:
            return PASSED.index(Stage(stage)) + 1
        if said["action"] == Action.MEND and said["after"]:
            mended.add(frame)
            return count
        return PASSED.index(Stage.QC2)
    if kind == Kind.RESTORED:
        mended.discard(frame)
        return min(count, 1)
    return count


def _thin(moments: list[tuple[int, tuple[int, ...]]]) -> list[tuple[int, tuple[int, ...]]]:
    if not moments:
        return []
    start, end = moments[0][0], moments[-1][0]
    last: dict[int, tuple[int, tuple[int, ...]]] = {}
    for moment in moments:
        # The first moment is one of its own: the frames come one after another, and all at one time.
        slot = 1 + (moment[0] - start) * _MOST // (end - start) if moment[0] > start else 0
        last[slot] = moment
    return list(last.values())
