"""What a log of past activity does with batches: they are frozen, sampled as it says, and concluded."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from iddkit.errors import printable
from iddkit.qc import queue
from iddkit.qc.acceptance import SamplingPlan
from iddkit.qc.queue.batches import decide_sample, plan_of, read_frames
from iddkit.qc.stages import SAMPLED, Action, Stage
from iddkit.qc.state import OPEN, Batch, Person, Sample
from iddkit.qc.store.work import Work
from iddkit.qc.worklog.rows import Doing, Row

#: Returns the keys that the name of a frame can mean.
FindKeys = Callable[[str], list[str]]


def freeze(work: Work, batch: Batch, person: Person) -> Batch:
    """Freeze the frames of a batch that are ready, and leave the others to another one."""
    # Frames that were not ready were in the batch by name only.
    waits = any(f.stage not in (Stage.READY, Stage.DROPPED) for f in read_frames(work, batch))
    rest = None
    if waits:
        number = 1
        while (other := queue.add_batch(work, rest := f"{batch.name}.rest{number}")).stage != OPEN:
            number += 1
        rest = other.name
    return queue.freeze(work, batch, person, leave_to=rest)


def sample(work: Work, batch: Batch, person: Person, later: Sequence[Row], find_keys: FindKeys) -> None:
    """Draw the sample of a batch: the frames that later rows say were looked at, and others if the plan asks for more.

    Raises
    ------
    RefusedError
        The rows say which frames were looked at, and some of the batch did not come by an import: of a batch that the
        project itself reviews, nobody chooses the sample by a file.
    """
    looked_at, is_concluded = _looked_at(work, batch, later, find_keys)
    plan = None
    if batch.stage in SAMPLED and looked_at:
        members = read_frames(work, batch)
        if any(frame.root for frame in members):  # what an import adds lies nowhere
            problem = f"batch {printable(batch.name)} has frames that no import added"
            problem += ": a log cannot say what its sample is; 'iddkit qc sample' draws one"
            work.refuse(problem, actor=person.id, action="sample", batch=batch.id)
        size = sum(frame.stage == batch.stage for frame in members)
        plan = _plan_for(plan_of(work, batch.stage), size, len(looked_at), is_concluded=is_concluded)
    queue.draw_sample(work, batch, person, plan=plan, looked_at=looked_at)


def conclude(work: Work, batch: Batch, person: Person, row: Row) -> None:
    """Conclude a batch; the log and the plan have to agree.

    Raises
    ------
    RefusedError
        They do not, or it cannot be concluded.
    """
    drawn = find_open_sample(work, batch)
    if row.verdict is not None and drawn is not None:
        members = [frame for frame in read_frames(work, batch) if frame.stage == batch.stage]
        decision = decide_sample(drawn, members)
        outcome = {"accept": Action.PASS, "reject": Action.FAIL}.get(decision.outcome, row.verdict)
        if outcome is not row.verdict:
            problem = f"batch {printable(batch.name)}: the log says otherwise than its plan: {decision.reason}"
            work.refuse(problem, actor=person.id, action="conclude", batch=batch.id)
    queue.conclude(work, batch, person)


def find_open_sample(work: Work, batch: Batch) -> Sample | None:
    """Return the sample of a batch that is not concluded."""
    sample = None if batch.sample is None else work.state.get(Sample, batch.sample)
    return None if sample is None or sample.verdict else sample


def _looked_at(work: Work, batch: Batch, later: Sequence[Row], find_keys: FindKeys) -> tuple[set[int], bool]:
    """Return the frames that later rows name as the batch's sample, and whether it was concluded."""
    members = {frame.key: frame.id for frame in read_frames(work, batch) if frame.stage == batch.stage}
    found: set[int] = set()
    for row in later:
        if row.doing in (Doing.FREEZE, Doing.SAMPLE, Doing.CONCLUDE) and row.batch == batch.name:
            return found, row.doing is Doing.CONCLUDE
        keys = find_keys(row.frame) if row.doing is Doing.REVIEW and row.stage in SAMPLED else []
        if len(keys) != 1 or keys[0] not in members:
            continue
        if row.stage == batch.stage:
            found.add(members[keys[0]])
        elif row.stage == Stage.QC4:
            return found, True
    return found, False


def _plan_for(plan: SamplingPlan, size: int, looked_at: int, *, is_concluded: bool) -> SamplingPlan:
    """Return the plan of a sample that the past has chosen: the project's, or with as many images as were looked at."""
    resolved = plan.resolve(size)
    if resolved.n == looked_at or (looked_at < resolved.n and not is_concluded):
        return plan
    if plan.pass_rate is not None:
        allowed = looked_at - math.ceil(plan.rate("pass_rate") * looked_at)
    else:
        allowed = resolved.c * looked_at // resolved.n
    return SamplingPlan("fixed", n=looked_at, c=allowed, bad_from=plan.bad_from)
