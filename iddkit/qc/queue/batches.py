"""Batches: frozen, judged by sealed samples, and concluded."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NoReturn

from sqlalchemy import func, select

from iddkit.errors import printable
from iddkit.qc.acceptance import Decision, SamplingPlan, decide
from iddkit.qc.events import Kind
from iddkit.qc.queue.frames import add_batch
from iddkit.qc.queue.people import read_people
from iddkit.qc.sampling import IMPORTED, Listed, draw, hash_list, seal
from iddkit.qc.stages import SAMPLED, Action, Stage, find_move
from iddkit.qc.state import OPEN, Batch, Frame, Person, Sample
from iddkit.qc.store.tables import batches, frames, revisions, samples
from iddkit.qc.store.work import Work


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What the sample of a batch led to.

    Attributes
    ----------
    batch, sample
        As they are now.
    decision
        Of the plan.
    to_mend
        Bad frames that go to repair.
    """

    batch: Batch
    sample: Sample
    decision: Decision
    to_mend: tuple[Frame, ...]


def freeze(work: Work, batch: Batch, actor: Person, *, leave_to: str | None = None) -> Batch:
    """Freeze the list of a batch whose frames have all passed QC2.

    Parameters
    ----------
    work
        The open transaction.
    batch, actor
        What is frozen, and by whom.
    leave_to
        Name of a batch that takes the frames which are not ready; without it they are a reason to refuse.

    Raises
    ------
    RefusedError
        The batch is frozen already, is empty, or has frames that are not ready; the actor may not do it.
    """
    _require(work, batch, actor, Stage.READY, Action.FREEZE)
    if batch.stage != OPEN:
        _refuse(work, batch, actor, "freeze", f"is at {batch.stage} already")
    members = read_frames(work, batch)
    waiting = [frame for frame in members if frame.stage not in (Stage.READY, Stage.DROPPED)]
    if waiting and leave_to is None:
        stages = ", ".join(f"{count} at {stage}" for stage, count in Counter(f.stage for f in waiting).items())
        _refuse(
            work,
            batch,
            actor,
            "freeze",
            f"has frames that are not ready: {stages}; leave them to another batch",
        )
    ready = [frame for frame in members if frame.stage == Stage.READY]
    if not ready:
        _refuse(work, batch, actor, "freeze", "has no frame that passed QC2")
    if waiting and leave_to is not None:
        taken = work.find(Batch, select(batches).where(batches.c.name == leave_to.strip()))
        if taken and (taken[0].id == batch.id or taken[0].stage != OPEN):
            _refuse(work, batch, actor, "freeze", f"cannot leave frames to {printable(leave_to)}: it is not open")
        other = add_batch(work, leave_to, actor.id)
        for frame in waiting:
            work.append(Kind.MOVED, actor.id, frame=frame.id, batch=other.id)
    listed = list_frames(work, ready)
    data = {"list_hash": hash_list(listed), "frames": len(ready)}
    work.append(Kind.FROZEN, actor.id, batch=batch.id, data=data)
    for frame in ready:
        work.append(Kind.FROZEN, actor.id, frame=frame.id, batch=batch.id)
    return work.state.get(Batch, batch.id)


def draw_sample(
    work: Work,
    batch: Batch,
    actor: Person,
    *,
    plan: SamplingPlan | None = None,
    seed: str | None = None,
    looked_at: Collection[int] = (),
) -> Sample:
    """Draw and seal the sample of a frozen batch for the stage that it is at.

    Parameters
    ----------
    work
        The open transaction.
    batch, actor
        Whose sample, and who draws.
    plan
        The project's for the stage, if None.
    seed
        Any text that no sample of the batch was drawn with; by default one that nobody can know before.
    looked_at
        Numbers of frames that are in the sample because a log of the past says that they were looked at; only what the
        plan asks for beyond them is drawn. The seed is `IMPORTED` then, whatever is asked for: no lot chose them.

    Raises
    ------
    OptionError
        The plan asks for what the batch is too small for.
    RefusedError
        The batch is not frozen, has an open sample, waits for frames that are mended, or had a sample with this seed.
    """
    stage = _sampled_stage(work, batch, actor, "sample")
    earlier = work.find(Sample, select(samples).where(samples.c.batch == batch.id).order_by(samples.c.id))
    if earlier and not earlier[-1].verdict:
        _refuse(work, batch, actor, "sample", f"has an open sample for {earlier[-1].stage}; conclude it first")
    was_given = seed is not None
    if seed == IMPORTED:
        _refuse(work, batch, actor, "sample", f"cannot have the seed {IMPORTED}: it says that no lot was drawn")
    if seed is not None and any(sample.seed == seed for sample in earlier):
        _refuse(work, batch, actor, "sample", f"had a sample with the seed {printable(seed, 60)}; each needs its own")
    members = read_frames(work, batch)
    mended = [frame for frame in members if frame.stage not in (stage, Stage.DROPPED)]
    if mended:
        some = ", ".join(f"{printable(frame.key)} at {frame.stage}" for frame in mended[:3])
        count = len(mended)
        _refuse(work, batch, actor, "sample", f"waits for {count} of its frames: {some}{' ...' if count > 3 else ''}")
    plan = plan_of(work, stage) if plan is None else plan
    judged = [frame for frame in members if frame.stage == stage]
    listed = list_frames(work, judged)
    known = [place for place, frame in enumerate(judged) if frame.id in looked_at]
    if len(known) > plan.resolve(len(judged)).n:
        plan = _enlarge(plan, len(known), len(judged))
    resolved = plan.resolve(len(judged))
    if known:
        seed = IMPORTED
        others = sorted(set(range(len(judged))) - set(known))
        count = min(resolved.n - len(known), len(others))
        places = known + [others[i] for i in draw([listed[place] for place in others], count, seed)]
    else:
        seed = str(secrets.randbits(64)) if seed is None else seed
        places = draw(listed, resolved.n, seed)
    list_hash = hash_list(listed)
    number = 1 + (work.connection.execute(select(func.max(samples.c.id))).scalar() or 0)
    data = {
        "id": number,
        "seed": seed,
        "plan": plan.to_json(),
        "size": len(judged),
        "allowed": resolved.c,
        "list_hash": list_hash,
        "seal": seal(list_hash, seed, plan.to_json(), [listed[i].key for i in places]),
        "positions": [judged[i].id for i in places],
        "list": [frame.to_json() for frame in listed],
        "given": was_given,
    }
    work.append(Kind.SAMPLE, actor.id, batch=batch.id, stage=stage, data=data)
    return work.state.get(Sample, number)


def _enlarge(plan: SamplingPlan, looked_at: int, size: int) -> SamplingPlan:
    # More were looked at than the plan asks for: the same rule for as many as there are.
    if plan.fraction is not None:
        return replace(plan, fraction=Fraction(looked_at, size))
    return SamplingPlan("fixed", n=looked_at, c=plan.resolve(size).c, bad_from=plan.bad_from)


def conclude(work: Work, batch: Batch, actor: Person) -> Conclusion:
    """Conclude the stage of a batch by what its sample showed.

    Accepted, the batch goes to QC4 or is done; the bad frames of the sample are mended first, and their reviewer looks
    at them again. Returned, the bad frames go to repair and all others back to QC2; it has to be frozen and sampled
    anew.

    Raises
    ------
    RefusedError
        There is no open sample, or the plan cannot decide yet: it says how many images are still to be looked at.
    """
    stage = _sampled_stage(work, batch, actor, "conclude")
    sample = None if batch.sample is None else work.state.get(Sample, batch.sample)
    if sample is None or sample.verdict:
        _refuse(work, batch, actor, "conclude", f"has no open sample; 'iddkit qc sample' draws one for {stage}")
    members = [frame for frame in read_frames(work, batch) if frame.stage == stage]
    decision = decide_sample(sample, members)
    if decision.outcome == "continue":
        _refuse(work, batch, actor, "conclude", f"cannot be concluded yet: {decision.reason}")
    accepted = decision.outcome == "accept"
    action = Action.ACCEPT if accepted else Action.RETURN
    seen = [frame for frame in members if frame.verdict]
    to_mend = [frame for frame in seen if frame.bad]
    work.append(
        Kind.CONCLUDED,
        actor.id,
        batch=batch.id,
        stage=stage,
        verdict=action,
        reason=decision.reason,
        data={"seen": len(seen), "bad": len(to_mend), "sample": sample.id},
    )
    after = str(find_move(stage, Action.ACCEPT).to) if accepted else ""  # type: ignore[union-attr]
    back = Stage.RECHECK if accepted else Stage.QC2
    for frame in members:
        settled = {"action": str(action)}
        if frame.bad:
            settled = {"action": str(Action.MEND), "back": str(back), "after": after}
        work.append(Kind.SETTLED, actor.id, frame=frame.id, batch=batch.id, stage=stage, data=settled)
    changed = tuple(work.state.get(Frame, frame.id) for frame in to_mend)
    return Conclusion(work.state.get(Batch, batch.id), work.state.get(Sample, sample.id), decision, changed)


def decide_sample(sample: Sample, members: list[Frame]) -> Decision:
    """Return what the plan of a sample says of the images that were judged so far, in the sealed order."""
    drawn = sorted((f for f in members if f.sample == sample.id), key=lambda frame: frame.position or 0)
    plan = SamplingPlan.from_json(json.loads(sample.plan))
    resolved = plan.resolve(sample.size)
    flags: list[bool] = []
    for frame in drawn:
        if not frame.verdict and plan.kind == "sequential":
            break  # its steps are those of the sealed order
        if frame.verdict:
            flags.append(bool(frame.bad))
    return decide(resolved, flags)


def plan_of(work: Work, stage: str) -> SamplingPlan:
    """Return the project's plan for a stage."""
    text = work.project.plan3 if stage == Stage.QC3 else work.project.plan4
    return SamplingPlan.from_json(json.loads(text))


def read_frames(work: Work, batch: Batch) -> list[Frame]:
    """Return the frames of a batch in the order in which they were added."""
    return work.find(Frame, select(frames).where(frames.c.batch == batch.id).order_by(frames.c.id))


def list_frames(work: Work, members: list[Frame]) -> list[Listed]:
    """Return frames as a frozen list has them."""
    names = {person.id: person.name for person in read_people(work)}
    hashes: dict[tuple[int, int], str] = {}
    if members:
        query = (
            select(revisions.c.frame, revisions.c.number, revisions.c.sha256)
            .join(frames, (frames.c.id == revisions.c.frame) & (frames.c.revision == revisions.c.number))
            .where(frames.c.batch == members[0].batch)
        )
        hashes = {(frame, number): digest for frame, number, digest in work.connection.execute(query)}
    return [
        Listed(frame.key, hashes[frame.id, frame.revision], names[frame.editor or 0], frame.sequence)
        for frame in members
    ]


def _sampled_stage(work: Work, batch: Batch, actor: Person, action: str) -> Stage:
    if batch.stage not in SAMPLED:
        what = "is not frozen" if batch.stage == OPEN else f"is {batch.stage}"
        _refuse(work, batch, actor, action, f"{what}: samples belong to frozen batches, at qc3 and qc4")
    stage = Stage(batch.stage)
    _require(work, batch, actor, stage, Action.ACCEPT)
    return stage


def _require(work: Work, batch: Batch, actor: Person, stage: Stage, action: Action) -> None:
    move = find_move(stage, action)
    assert move is not None
    if not actor.active or not actor.role_set & set(move.roles):
        roles = " or ".join(move.roles)
        _refuse(work, batch, actor, str(action), f"is for {roles}, and {printable(actor.name)} is none")


def _refuse(work: Work, batch: Batch, actor: Person, action: str, problem: str) -> NoReturn:
    work.refuse(f"batch {printable(batch.name)} {problem}", actor=actor.id, action=action, batch=batch.id)
