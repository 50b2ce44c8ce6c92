"""From events to state: the one place that says what each kind of event changes.

`apply` is pure but for the `State` that it is given. A transaction calls it for the event that it appends, `qc verify`
for all events from the first; the results have to be equal.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from iddkit.qc.events import Event, Kind
from iddkit.qc.stages import AFTER, BACK, Action, Stage, find_move
from iddkit.qc.state import ONLY, OPEN, Batch, Frame, Person, Plant, Project, Revision, Sample, State


def apply(state: State, event: Event) -> None:
    """Change the state as an event says.

    Raises
    ------
    KeyError, ValueError
        The event cannot follow those before it: the log is damaged.
    """
    _APPLY[event.kind](state, event)


def next_stage(frame: Frame, action: Action) -> Stage:
    """Return where an action leads a frame, as the table of moves says.

    Raises
    ------
    ValueError
        The table has no such move.
    """
    move = find_move(Stage(frame.stage), action)
    if move is None:
        raise ValueError(f"no {action} at {frame.stage}")
    return Stage({BACK: frame.back, AFTER: frame.after}.get(move.to, move.to))


def _project(state: State, event: Event) -> None:
    with suppress(KeyError):  # settings are made once and then changed
        state.get(Project, ONLY)
    state.put(Project(id=ONLY, **event.data))


def _person(state: State, event: Event) -> None:
    data = dict(event.data)
    data["absences"] = json.dumps(data["absences"])
    data["roles"] = ",".join(data["roles"])
    try:
        person = state.get(Person, data["id"])
    except KeyError:
        person = Person(load=0, **data)
    else:
        person = replace(person, **data)
    state.put(person)


def _levelled(state: State, event: Event) -> None:
    person = state.get(Person, event.data["person"])
    state.put(replace(person, load=event.data["load"]))


def _batch(state: State, event: Event) -> None:
    assert event.batch is not None
    state.put(Batch(event.batch, event.data["name"], OPEN, 0, "", 0, None))


def _frame(state: State, event: Event) -> None:
    assert event.frame is not None
    assert event.batch is not None
    state.put(Frame(id=event.frame, batch=event.batch, moved=event.seq, **event.data))


def _moved(state: State, event: Event) -> None:
    assert event.batch is not None
    state.put(replace(_frame_of(state, event), batch=event.batch))


def _claimed(state: State, event: Event) -> None:
    state.put(replace(_frame_of(state, event), claimant=event.actor, claimed_until=event.data["until"]))


def _released(state: State, event: Event) -> None:
    state.put(replace(_frame_of(state, event), claimant=None, claimed_until=None))


def _assigned(state: State, event: Event) -> None:
    frame = _frame_of(state, event)
    _move_load(state, event)
    stage = next_stage(frame, Action.ASSIGN)
    changed = replace(frame, holder=event.data["person"], claimant=None, claimed_until=None, stage=stage)
    if stage != frame.stage:
        changed = replace(changed, rounds=0, moved=event.seq)
    state.put(changed)


def _move_load(state: State, event: Event) -> None:
    for person, step in event.data.get("load", ()):
        row = state.get(Person, person)
        state.put(replace(row, load=row.load + step))


def _revision(event: Event, *, counts: bool) -> Revision:
    assert event.frame is not None
    assert event.revision is not None
    assert event.actor is not None
    return Revision(
        frame=event.frame,
        number=event.revision,
        sha256=event.data["sha256"],
        file_name=event.data["file"],
        person=event.actor,
        at=event.at,
        shapes=event.data["shapes"],
        counts=int(counts),
    )


def _submitted(state: State, event: Event) -> None:
    frame = _frame_of(state, event)
    revision = _revision(event, counts=True)
    state.put(revision)
    stage = next_stage(frame, Action.SUBMIT)
    was_accepted = frame.stage == Stage.ACCEPTED
    hands = _hands(frame, revision)
    # Who failed it looks at it again. A peer is assigned by an event of its own, which counts the load.
    same = {Stage.QC2: frame.reviewer2, Stage.RECHECK: frame.reviewer3}.get(stage)
    if same is not None and f",{same}," in hands:
        same = None  # they mended it themselves
    state.put(
        replace(
            frame,
            batch=event.batch if event.batch is not None else frame.batch,
            stage=stage,
            revision=revision.number,
            revisions=revision.number,
            author=frame.author if frame.author is not None else revision.person,
            editor=revision.person,
            hands=hands,
            holder=same,
            claimant=None,
            claimed_until=None,
            rounds=0 if was_accepted else frame.rounds,
            reviewer1=None if was_accepted else frame.reviewer1,
            reviewer2=None if was_accepted else frame.reviewer2,
            reviewer3=None if was_accepted else frame.reviewer3,
            passed="" if was_accepted else frame.passed,
            back="",
            failed_at="" if stage != Stage.RECHECK else frame.failed_at,
            moved=event.seq,
        )
    )


def _hands(frame: Frame, revision: Revision) -> str:
    return frame.hands if frame.was_drawn_by(revision.person) else f"{frame.hands}{revision.person},"


def _conflict(state: State, event: Event) -> None:
    revision = _revision(event, counts=False)
    state.put(revision)
    frame = _frame_of(state, event)
    state.put(replace(frame, revisions=revision.number, hands=_hands(frame, revision)))


def _reviewed(state: State, event: Event) -> None:
    frame = _frame_of(state, event)
    assert event.actor is not None
    passes = event.verdict == Action.PASS
    if frame.sample is not None:  # the batch moves on, not the frame
        bad = int(bool(event.data.get("bad")))
        state.put(
            replace(frame, verdict=event.verdict, bad=bad, reviewer3=event.actor, claimant=None, claimed_until=None)
        )
        return
    stage = next_stage(frame, Action(event.verdict))
    if frame.stage == Stage.QC1:
        frame = replace(frame, reviewer1=event.actor)
    elif frame.stage == Stage.QC2:
        frame = replace(frame, reviewer2=event.actor)
    changed = replace(frame, stage=stage, claimant=None, claimed_until=None, holder=None, moved=event.seq)
    if passes:
        changed = replace(changed, passed=_with(frame.passed, event.stage), failed_at="", after="")
    else:
        changed = _fail(state, frame, changed, event)
    state.put(changed)


def _fail(state: State, frame: Frame, changed: Frame, event: Event) -> Frame:
    changed = replace(
        changed,
        back=frame.stage,
        after=frame.after,
        failed_at=event.stage,
        passed=_without(frame.passed, event.stage),
    )
    if frame.rounds >= state.get(Project, ONLY).max_rounds:
        return replace(changed, stage=Stage.ESCALATED, holder=None)
    return replace(changed, rounds=frame.rounds + 1, holder=frame.editor)


def _frozen(state: State, event: Event) -> None:
    if event.frame is not None:
        frame = _frame_of(state, event)
        state.put(replace(frame, stage=next_stage(frame, Action.FREEZE), moved=event.seq, holder=None))
        return
    batch = _batch_of(state, event)
    data = event.data
    state.put(
        replace(batch, stage=Stage.QC3, round=batch.round + 1, list_hash=data["list_hash"], frames=data["frames"])
    )


def _sample(state: State, event: Event) -> None:
    batch = _batch_of(state, event)
    data = dict(event.data)
    drawn = data.pop("positions")
    for name in ("list", "given"):  # for the certificate
        data.pop(name, None)
    data.pop("import", None)
    data["plan"] = json.dumps(data["plan"], sort_keys=True)
    state.put(Sample(batch=batch.id, stage=event.stage, round=batch.round, drawn=len(drawn), **data))
    state.put(replace(batch, sample=data["id"]))
    for position, number in enumerate(drawn, start=1):
        frame = state.get(Frame, number)
        state.put(replace(frame, sample=data["id"], position=position, verdict="", bad=0))


def _settled(state: State, event: Event) -> None:
    # After the conclusion of its batch a frame goes on, back to QC2, or is mended first.
    frame = _frame_of(state, event)
    action = Action(event.data["action"])
    stage = next_stage(frame, action)
    changed = replace(frame, stage=stage, moved=event.seq, sample=None, position=None, verdict="", bad=0)
    changed = replace(changed, holder=None, claimant=None, claimed_until=None)
    if action is Action.ACCEPT:
        changed = replace(changed, passed=_with(frame.passed, frame.stage))
    elif action is Action.RETURN:
        changed = replace(changed, passed=_without(frame.passed, Stage.QC2), rounds=0)
    else:
        back, after = event.data["back"], event.data["after"]
        changed = replace(changed, back=back, after=after, failed_at=frame.stage, holder=frame.editor)
        passed = frame.passed if after else _without(frame.passed, Stage.QC2)
        changed = replace(changed, passed=passed, rounds=0)
    state.put(changed)


def _concluded(state: State, event: Event) -> None:
    batch = _batch_of(state, event)
    assert batch.sample is not None
    data = event.data
    sample = state.get(Sample, batch.sample)
    state.put(replace(sample, verdict=event.verdict, seen=data["seen"], bad=data["bad"]))
    if event.verdict == Action.RETURN:
        state.put(replace(batch, stage=OPEN, list_hash="", frames=0))
    else:
        state.put(replace(batch, stage=Stage.QC4 if batch.stage == Stage.QC3 else Stage.ACCEPTED))


def _dropped(state: State, event: Event) -> None:
    frame = _frame_of(state, event)
    _move_load(state, event)
    stage = next_stage(frame, Action.DROP)
    changed = replace(frame, stage=stage, claimant=None, claimed_until=None, holder=None, moved=event.seq)
    state.put(replace(changed, back=event.data["back"]))


def _restored(state: State, event: Event) -> None:
    frame = _frame_of(state, event)
    stage = next_stage(frame, Action.RESTORE)
    state.put(replace(frame, stage=stage, back="", after="", failed_at="", passed="", rounds=0, moved=event.seq))


def _planted(state: State, event: Event) -> None:
    frame = _frame_of(state, event)
    assert event.revision is not None
    assert event.actor is not None
    data = event.data
    state.put(
        Plant(
            id=data["plant"],
            frame=frame.id,
            stage=event.stage,
            revision=event.revision,
            person=data["person"],
            planter=event.actor,
            moved=frame.moved,
            sha256=data["sha256"],
            reason=event.reason,
            shape=data["shape"],
            label=data["label"],
            region="" if data["region"] is None else json.dumps(data["region"]),
        )
    )


def _probed(state: State, event: Event) -> None:
    # The frame was not judged: it stays where it is and whose it is, behind all others that wait there.
    frame = _frame_of(state, event)
    data = event.data
    plant = state.get(Plant, data["plant"])
    caught, located = int(bool(data["caught"])), int(bool(data["located"]))
    state.put(replace(plant, verdict=event.verdict, judge=event.actor, caught=caught, located=located))
    state.put(replace(frame, claimant=None, claimed_until=None, moved=event.seq))


def _nothing(state: State, event: Event) -> None:
    """Change nothing: hours that belong to no frame, and what was refused."""


def _frame_of(state: State, event: Event) -> Frame:
    if event.frame is None:
        raise ValueError("an event without its frame")
    return state.get(Frame, event.frame)


def _batch_of(state: State, event: Event) -> Batch:
    if event.batch is None:
        raise ValueError("an event without its batch")
    return state.get(Batch, event.batch)


def _with(passed: str, stage: str) -> str:
    return ",".join(sorted({*filter(None, passed.split(",")), str(stage)}))


def _without(passed: str, stage: str) -> str:
    # What follows a stage that has to be passed again has to be passed again, too.
    return ",".join(part for part in filter(None, passed.split(",")) if part < str(stage))


_APPLY: Final[dict[Kind, Callable[[State, Event], Any]]] = {
    Kind.PROJECT: _project,
    Kind.PERSON: _person,
    Kind.LEVELLED: _levelled,
    Kind.BATCH: _batch,
    Kind.FRAME: _frame,
    Kind.MOVED: _moved,
    Kind.CLAIMED: _claimed,
    Kind.RELEASED: _released,
    Kind.ASSIGNED: _assigned,
    Kind.SUBMITTED: _submitted,
    Kind.CONFLICT: _conflict,
    Kind.REVIEWED: _reviewed,
    Kind.FROZEN: _frozen,
    Kind.SAMPLE: _sample,
    Kind.SETTLED: _settled,
    Kind.CONCLUDED: _concluded,
    Kind.DROPPED: _dropped,
    Kind.RESTORED: _restored,
    Kind.PLANTED: _planted,
    Kind.PROBED: _probed,
    Kind.WORKED: _nothing,
    Kind.REFUSED: _nothing,
}
