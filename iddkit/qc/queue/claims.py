"""Claims: a person asks for the next frame and has it to themselves for a while."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, or_, select

from iddkit.errors import printable
from iddkit.qc.access import may_see_sample
from iddkit.qc.events import Kind
from iddkit.qc.queue.assignment import hand_over
from iddkit.qc.queue.people import read_people
from iddkit.qc.queue.rules import can_do, refuse, require_step
from iddkit.qc.stages import ASKED, SAMPLED, Action, Role, Stage, find_move
from iddkit.qc.state import Frame, Person
from iddkit.qc.store.tables import frames, plants
from iddkit.qc.store.work import Work

# What is given to a person comes before what anyone may take; what others wait for longest comes first.
_HELD = (Stage.REPAIR, Stage.RECHECK, Stage.QC2, Stage.QC1, Stage.ANNOTATE)
_POOLS = (Stage.ESCALATED, Stage.REPAIR, Stage.RECHECK, Stage.QC4, Stage.QC3, Stage.QC2, Stage.QC1, Stage.ANNOTATE)


@dataclass(frozen=True, slots=True)
class Task:
    """What a person is to do next.

    Attributes
    ----------
    frame
        Claimed for them.
    again
        Whether they had it already.
    """

    frame: Frame
    again: bool = False


def take_next(work: Work, person: Person, stage: Stage | None = None, besides: Collection[int] = ()) -> Task | None:
    """Give a person the next frame of their stages, or of one of them; None if there is nothing to do.

    No two people get one frame. A claim lapses after the time that the project sets; until then the same call gives the
    same frame again, so that nothing is lost when an answer is.

    Parameters
    ----------
    work
        The open transaction.
    person, stage
        Who asks, and for what.
    besides
        Numbers of frames that they do not want to be given again: their verdicts are on the way.

    Raises
    ------
    RefusedError
        The person has left or is away, or has no part in the stage that they ask for.
    """
    if not person.is_available(work.at):
        work.refuse(f"{printable(person.name)} is away or has left", actor=person.id, action="next")
    if stage is not None and stage in ASKED and not person.role_set & {*ASKED[stage], Role.LEAD}:
        work.refuse(f"{stage} is for {'s or '.join(ASKED[stage])}s", actor=person.id, action="next")
    mine = _find_mine(work, person, stage, besides)
    if mine is not None:
        return Task(mine, again=True)
    if Role.ANNOTATOR in person.role_set:
        hand_over(work)
    found = _find_free(work, person, stage, besides)
    if found is None:
        return None
    return Task(_claim(work, found, person))


def take_several(work: Work, person: Person, stage: Stage, count: int, besides: Collection[int] = ()) -> list[Frame]:
    """Give a person up to so many frames of a review at once, to be looked through side by side.

    They are those that `take_next` would give one after another.

    Raises
    ------
    RefusedError
        The person has left or is away, or has no part in the stage.
    """
    taken: dict[int, Frame] = {}
    while len(taken) < count:
        task = take_next(work, person, stage, {*besides, *taken})
        if task is None:
            break
        taken[task.frame.id] = task.frame
        work.flush()
    return list(taken.values())


def _claim(work: Work, frame: Frame, person: Person) -> Frame:
    until = work.at + work.project.claim_seconds * 1_000_000
    work.append(Kind.CLAIMED, person.id, frame=frame.id, stage=frame.stage, data={"until": until})
    return work.state.get(Frame, frame.id)


def look_ahead(work: Work, person: Person, stage: Stage | None = None, besides: Collection[int] = ()) -> Frame | None:
    """Return the frame that `take_next` would give, as far as can be told; nothing is claimed."""
    return _find_mine(work, person, stage, besides) or _find_free(work, person, stage, besides)


def _find_mine(work: Work, person: Person, stage: Stage | None, besides: Collection[int]) -> Frame | None:
    """Return the first frame that a person has claimed and can still do."""
    for frame in work.find(Frame, _MINE, person=person.id, now=work.at):
        drawn = find_move(Stage(frame.stage), Action.PASS) is not None and frame.was_drawn_by(person.id)
        if frame.id in besides:
            continue
        if stage in (None, frame.stage) and can_do(person, Stage(frame.stage), work.at) and not drawn:
            return frame
    return None


def _find_free(work: Work, person: Person, stage: Stage | None, besides: Collection[int]) -> Frame | None:
    """Return the first frame that a person may claim."""
    for query, values in _queries(work, person, stage):
        found = work.find(Frame, query, besides=list(besides), **values)
        if found:
            return found[0]
    return None


def _queries(work: Work, person: Person, stage: Stage | None) -> Iterator[tuple[Select[Any], dict[str, object]]]:
    drawn = f"%,{person.id},%"
    held = [other for other in _HELD if stage in (None, other) and can_do(person, other, work.at)]
    if held:
        yield _GIVEN, {"stages": held, "person": person.id, "now": work.at, "drawn": drawn}
    everyone = read_people(work)
    for pool in _POOLS:
        if stage not in (None, pool) or not person.role_set & {*ASKED[pool], Role.LEAD}:
            continue
        if stage is None and not person.role_set & set(ASKED[pool]):
            continue  # a lead may stand in for all, and is not asked to unless they ask for it
        values: dict[str, object] = {"stage": pool, "now": work.at}
        if pool not in (Stage.ESCALATED, Stage.REPAIR, Stage.ANNOTATE):
            values["drawn"] = drawn
        if pool in SAMPLED:
            yield _SAMPLED, {**values, "person": person.id}
            continue
        yield _of_nobody(reviewed="drawn" in values), values
        # One who is away for some days mends what they drew when they are back; all else does not wait for them.
        at = None if pool is Stage.REPAIR else work.at
        gone = [other.id for other in everyone if not can_do(other, pool, at)]
        if gone:
            yield _of_gone(reviewed="drawn" in values), {**values, "gone": gone}


# The statements are made once: SQLAlchemy takes longer to put one together than SQLite to run it.
_FREE: Final = and_(
    or_(frames.c.claimant.is_(None), frames.c.claimed_until <= bindparam("now")),
    frames.c.id.not_in(bindparam("besides", expanding=True)),
)
_NOT_DRAWN: Final = frames.c.hands.not_like(bindparam("drawn"))
_OLDEST: Final = (frames.c.moved, frames.c.id)

_MINE: Final = (
    select(frames)
    .where(frames.c.claimant == bindparam("person"), frames.c.claimed_until > bindparam("now"))
    .order_by(*_OLDEST)
)
_GIVEN: Final = (
    select(frames)
    .where(
        frames.c.stage.in_(bindparam("stages", expanding=True)),
        frames.c.holder == bindparam("person"),
        _FREE,
        or_(frames.c.stage.in_((Stage.ANNOTATE, Stage.REPAIR)), _NOT_DRAWN),
    )
    .order_by(case({stage: place for place, stage in enumerate(_HELD)}, value=frames.c.stage), *_OLDEST)
    .limit(1)
)
# Who has just judged a planted copy of a frame is not shown the frame itself next, if anything else is left.
_PROBED: Final = (
    select(plants.c.id)
    .where(
        plants.c.frame == frames.c.id,
        plants.c.stage == frames.c.stage,
        plants.c.revision == frames.c.revision,
        plants.c.judge == bindparam("person"),
    )
    .exists()
)
_SAMPLED: Final = (
    select(frames)
    .where(
        frames.c.stage == bindparam("stage"), _FREE, _NOT_DRAWN, frames.c.sample.is_not(None), frames.c.verdict == ""
    )
    .order_by(case((_PROBED, 1), else_=0), frames.c.sample, frames.c.position)
    .limit(1)
)


@cache
def _of_nobody(*, reviewed: bool) -> Select[Any]:
    return _pool(frames.c.holder.is_(None), reviewed)


@cache
def _of_gone(*, reviewed: bool) -> Select[Any]:
    return _pool(frames.c.holder.in_(bindparam("gone", expanding=True)), reviewed)


def _pool(holder: ColumnElement[bool], reviewed: bool) -> Select[Any]:
    where = [frames.c.stage == bindparam("stage"), holder, _FREE, *([_NOT_DRAWN] if reviewed else [])]
    return select(frames).where(*where).order_by(*_OLDEST).limit(1)


def claim(work: Work, frame: Frame, person: Person) -> Frame:
    """Claim one frame, which the person picked out themselves.

    Raises
    ------
    RefusedError
        What is next with it is not theirs to do, or another one works on it.
    """
    require_step(work, frame, person)
    if frame.claimant == person.id and (frame.claimed_until or 0) > work.at:
        return frame
    return _claim(work, frame, person)


def release(work: Work, frame: Frame, person: Person) -> Frame:
    """Give a claimed frame back, so that another person can have it; a lead can do it for others.

    Raises
    ------
    RefusedError
        Nobody has claimed it, or another person has.
    """
    is_claimed = frame.claimant is not None and (frame.claimed_until or 0) > work.at
    is_theirs = is_claimed and frame.claimant == person.id
    if frame.stage in SAMPLED and not is_theirs and not may_see_sample(person):
        # Whether somebody works on it would tell that it is in the sample.
        refuse(work, frame, person, Action.ASSIGN, "only who works on it or a lead can release it")
    if not is_claimed:
        refuse(work, frame, person, Action.ASSIGN, "nobody works on it")
    if not is_theirs and Role.LEAD not in person.role_set:
        assert frame.claimant is not None
        holder = printable(work.state.get(Person, frame.claimant).name)
        refuse(work, frame, person, Action.ASSIGN, f"only {holder} or a lead can release it")
    work.append(Kind.RELEASED, person.id, frame=frame.id)
    return work.state.get(Frame, frame.id)
