"""Where the frames of a project stand now: what waits for whom, what is in repair, and what nobody can do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, func, select

from iddkit.qc.events import to_microseconds
from iddkit.qc.progress.repairs import Repair, read_repairs
from iddkit.qc.stages import ASKED, SAMPLED, Action, Role, Stage, find_move
from iddkit.qc.state import Batch, Person, Sample
from iddkit.qc.store.tables import batches, events, frames, people, samples

# What is done next in a stage to one frame; READY and frames outside a sample wait for what is done to their batch.
_NEXT: Final[dict[Stage, Action]] = {
    Stage.ANNOTATE: Action.SUBMIT,
    Stage.QC1: Action.PASS,
    Stage.QC2: Action.PASS,
    Stage.READY: Action.FREEZE,
    Stage.QC3: Action.PASS,
    Stage.QC4: Action.PASS,
    Stage.REPAIR: Action.SUBMIT,
    Stage.RECHECK: Action.PASS,
    Stage.ESCALATED: Action.SUBMIT,
}


@dataclass(frozen=True, slots=True)
class BatchStanding:
    """A batch and its frames.

    Attributes
    ----------
    id, name
        Its number, and what it is called.
    stage, round
        ``open``, ``qc3``, ``qc4`` or ``accepted``, and how often it was frozen.
    stages
        Frames by stage; every stage is there.
    sample
        The open sample, or None.
    seen, bad
        Images of the open sample that were judged, and bad ones among them.
    """

    id: int
    name: str
    stage: str
    round: int
    stages: dict[str, int]
    sample: Sample | None = None
    seen: int = 0
    bad: int = 0

    @property
    def frames(self) -> int:
        """Frames that are not dropped."""
        return sum(self.stages.values()) - self.stages[Stage.DROPPED]

    def to_json(self) -> dict[str, Any]:
        """Return the batch as JSON values."""
        return {
            "id": self.id,
            "name": self.name,
            "stage": self.stage,
            "round": self.round,
            "stages": dict(self.stages),
            "sample": None if self.sample is None else {"drawn": self.sample.drawn, "seen": self.seen, "bad": self.bad},
        }


@dataclass(frozen=True, slots=True)
class Wait:
    """Frames that wait for one person, or for anyone of a role.

    Attributes
    ----------
    stage
        Where they stand.
    person
        To whom they were given, or "".
    role
        Who is asked for them otherwise.
    frames
        How many.
    since
        Since when the one that waits longest does, in microseconds since 1970-01-01 UTC.
    """

    stage: str
    person: str
    role: str
    frames: int
    since: int


@dataclass(frozen=True, slots=True)
class Stuck:
    """A frame whose next step nobody can do who is there.

    Attributes
    ----------
    number
        Of the frame; None if who reads may not know which it is.
    frame, stage
        Key, and where it stands.
    problem
        In words.
    """

    number: int | None
    frame: str
    stage: str
    problem: str


@dataclass(frozen=True, slots=True)
class Standing:
    """All that is said of the present.

    Attributes
    ----------
    stages
        Frames of the project, or of the batch that was asked for, by stage; every stage is there.
    batches
        In the order in which they were made.
    repairs
        The longest first.
    waits
        By stage, then by person.
    stuck
        In the order in which the frames were added.
    """

    stages: dict[str, int]
    batches: tuple[BatchStanding, ...]
    repairs: tuple[Repair, ...]
    waits: tuple[Wait, ...]
    stuck: tuple[Stuck, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the standing as JSON values."""
        return {
            "stages": dict(self.stages),
            "batches": [one.to_json() for one in self.batches],
            "repairs": [{name: getattr(one, name) for name in Repair.__slots__} for one in self.repairs],
            "waits": [{name: getattr(one, name) for name in Wait.__slots__} for one in self.waits],
            "stuck": [{name: getattr(one, name) for name in Stuck.__slots__} for one in self.stuck],
        }


def read_standing(connection: Connection, *, now: datetime, batch: Batch | None = None) -> Standing:
    """Return where the frames of a project stand.

    Parameters
    ----------
    connection
        Of `Store.reading`.
    now
        With its zone: who is away is not asked.
    batch
        Only this one.
    """
    at = to_microseconds(now)
    everyone = {row.id: Person(*row) for row in connection.execute(select(people).order_by(people.c.id))}
    its = () if batch is None else (frames.c.batch == batch.id,)
    standing = read_batches(connection, batch)
    stages = {str(stage): sum(one.stages[stage] for one in standing) for stage in Stage}
    waits, stuck = _read_waits(connection, everyone, at, its)
    return Standing(stages, standing, read_repairs(connection, now=now, batch=batch), waits, stuck)


def read_batches(connection: Connection, batch: Batch | None = None) -> tuple[BatchStanding, ...]:
    """Return all batches in the order in which they were made, or one of them, with the frames in each stage."""
    counts = select(frames.c.batch, frames.c.stage, func.count()).group_by(frames.c.batch, frames.c.stage)
    made = select(batches).order_by(batches.c.id)
    if batch is not None:
        counts, made = counts.where(frames.c.batch == batch.id), made.where(batches.c.id == batch.id)
    by_batch: dict[int, dict[str, int]] = {}
    for number, stage, count in connection.execute(counts):
        by_batch.setdefault(number, {})[stage] = count
    of_all = [Batch(*row) for row in connection.execute(made)]
    drawn = select(samples).where(samples.c.id.in_([one.sample for one in of_all if one.sample is not None]))
    open_samples = {row.id: Sample(*row) for row in connection.execute(drawn) if not row.verdict}
    found = []
    for one in of_all:
        stages = {str(stage): by_batch.get(one.id, {}).get(stage, 0) for stage in Stage}
        sample = None if one.sample is None else open_samples.get(one.sample)
        seen, bad = 0, 0
        if sample is not None:
            judged = select(func.count(), func.coalesce(func.sum(frames.c.bad), 0))
            seen, bad = connection.execute(judged.where(frames.c.sample == sample.id, frames.c.verdict != "")).one()
        found.append(BatchStanding(one.id, one.name, one.stage, one.round, stages, sample, int(seen), int(bad)))
    return tuple(found)


def _read_waits(
    connection: Connection, everyone: dict[int, Person], at: int, its: Iterable[ColumnElement[bool]]
) -> tuple[tuple[Wait, ...], tuple[Stuck, ...]]:
    # Frames with one answer to 'who can do it' are counted together: those of one stage, given to one person, and drawn
    # by the same ones.
    there = {number: person.role_set for number, person in everyone.items() if person.is_available(at)}
    sampled = and_(frames.c.sample.is_not(None), frames.c.verdict == "")
    groups = (frames.c.stage, frames.c.holder, frames.c.hands)
    query = select(*groups, func.count(), func.min(frames.c.moved)).group_by(*groups)
    one_by_one = and_(frames.c.stage.in_(_NEXT), frames.c.stage.not_in(SAMPLED) | sampled, *its)
    waits: dict[tuple[str, int | None], tuple[int, int]] = {}
    stuck = []
    for stage, holder, hands, count, moved in connection.execute(query.where(one_by_one)).all():
        before = waits.get((stage, holder), (0, moved))
        waits[stage, holder] = (before[0] + count, min(before[1], moved))
        if problem := _find_problem(Stage(stage), holder, hands, there):
            same = and_(one_by_one, frames.c.stage == stage, frames.c.holder.is_(holder), frames.c.hands == hands)
            if holder is not None:
                same = and_(one_by_one, frames.c.stage == stage, frames.c.holder == holder, frames.c.hands == hands)
            for number, key in connection.execute(select(frames.c.id, frames.c.key).where(same)):
                stuck.append((number, Stuck(number, key, stage, problem)))
    times = _read_times(connection, [moved for _, moved in waits.values()])
    order = {str(stage): place for place, stage in enumerate(Stage)}
    found = [
        Wait(
            stage,
            "" if holder is None else everyone[holder].name,
            " or ".join(ASKED.get(Stage(stage), _roles(Stage(stage))[:1])),
            count,
            times[moved],
        )
        for (stage, holder), (count, moved) in waits.items()
    ]
    found.sort(key=lambda wait: (order[wait.stage], wait.person == "", wait.person))
    return tuple(found), tuple(one for _, one in sorted(stuck, key=lambda pair: pair[0]))


def _read_times(connection: Connection, numbers: Sequence[int]) -> dict[int, int]:
    query = select(events.c.seq, events.c.at).where(events.c.seq.in_(numbers))
    return dict(connection.execute(query).all())


def _roles(stage: Stage) -> tuple[Role, ...]:
    move = find_move(stage, _NEXT[stage])
    assert move is not None
    return move.roles


def _find_problem(stage: Stage, holder: int | None, hands: str, there: Mapping[int, frozenset[Role]]) -> str:
    """Return why nobody who is there can do the next step of a frame, or ""."""
    is_review = _NEXT[stage] is Action.PASS
    roles = _roles(stage)
    asked = [person for person, its in there.items() if its.intersection(roles)]
    able = [person for person in asked if not (is_review and f",{person}," in hands)]
    # What was given to somebody is theirs, unless they are away; a lead may do it for them.
    if holder in there:
        able = [person for person in able if person == holder or Role.LEAD in there[person]]
    if able:
        return ""
    words = " or ".join(roles)
    what = "review it" if is_review else "freeze its batch" if stage is Stage.READY else "hand it in"
    if holder in there:
        return f"no one can {what} but the one it was given to, who cannot"
    if asked:
        return f"no one can {what}: every {words} who is there drew it"
    return f"no one can {what}: no {words} is there"
