"""Claims: a person asks for the next frame and has it to themselves for a while."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, or_, select

from iddkit.errors import printable
from iddkit.qc.events import Kind
from iddkit.qc.queue.assignment import hand_over
from iddkit.qc.queue.people import is_available, read_people
from iddkit.qc.queue.rules import refuse
from iddkit.qc.stages import ASKED, SAMPLED, Action, Role, Stage
from iddkit.qc.state import Frame, Person
from iddkit.qc.store.tables import frames
from iddkit.qc.store.work import Work

# What is given to a person comes before what anyone may take; what others wait for longest comes first.
_HELD = (Stage.REPAIR, Stage.RECHECK, Stage.QC2, Stage.QC1, Stage.ANNOTATE)
_POOLS = (Stage.ESCALATED, Stage.QC4, Stage.QC3, Stage.QC2, Stage.QC1, Stage.ANNOTATE)


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


def take_next(work: Work, person: Person, stage: Stage | None = None) -> Task | None:
    """Give a person the next frame of their stages, or of one of them; None if there is nothing to do.

    No two people get one frame. A claim lapses after the time that the project sets; until then the same call gives the
    same frame again, so that nothing is lost when an answer is.

    Raises
    ------
    RefusedError
        The person has left or is away, or has no part in the stage that they ask for.
    """
    if not is_available(person, work.at):
        work.refuse(f"{printable(person.name)} is away or has left", actor=person.id, action="next")
    if stage is not None and stage in ASKED and not person.role_set & {ASKED[stage], Role.LEAD}:
        work.refuse(f"{stage} is for {ASKED[stage]}s", actor=person.id, action="next")
    mine = select(frames).where(frames.c.claimant == person.id, frames.c.claimed_until > work.at)
    for frame in work.find(Frame, mine.order_by(frames.c.moved, frames.c.id)):
        if stage in (None, frame.stage):
            return Task(frame, again=True)
    if Role.ANNOTATOR in person.role_set:
        hand_over(work)
    for query in _queries(work, person, stage):
        found = work.find(Frame, query.limit(1))
        if found:
            until = work.at + work.project.claim_seconds * 1_000_000
            work.append(Kind.CLAIMED, person.id, frame=found[0].id, stage=found[0].stage, data={"until": until})
            return Task(work.state.get(Frame, found[0].id))
    return None


def _queries(work: Work, person: Person, stage: Stage | None) -> Iterator[Select[tuple[object, ...]]]:
    free = or_(frames.c.claimant.is_(None), frames.c.claimed_until <= work.at)
    not_drawn = ~frames.c.hands.contains(f",{person.id},", autoescape=True)
    for held in _HELD:
        if stage in (None, held):
            yield _oldest(and_(frames.c.stage == held, frames.c.holder == person.id, free))
    gone = [other.id for other in read_people(work) if not is_available(other, work.at)]
    for pool in _POOLS:
        if stage not in (None, pool) or not person.role_set & {ASKED[pool], Role.LEAD}:
            continue
        if Role.LEAD in person.role_set and ASKED[pool] not in person.role_set and stage is None:
            continue  # a lead may stand in for all, and is not asked to unless they ask for it
        where = and_(frames.c.stage == pool, free)
        if pool in SAMPLED:
            drawn = and_(where, not_drawn, frames.c.sample.is_not(None), frames.c.verdict == "")
            yield select(frames).where(drawn).order_by(frames.c.sample, frames.c.position)
            continue
        if pool is not Stage.ESCALATED and pool is not Stage.ANNOTATE:
            where = and_(where, not_drawn)
        yield _oldest(and_(where, frames.c.holder.is_(None)))
        if gone:
            yield _oldest(and_(where, frames.c.holder.in_(gone)))


def _oldest(where: ColumnElement[bool]) -> Select[tuple[object, ...]]:
    return select(frames).where(where).order_by(frames.c.moved, frames.c.id)


def release(work: Work, frame: Frame, person: Person) -> Frame:
    """Give a claimed frame back, so that another person can have it; a lead can do it for others.

    Raises
    ------
    RefusedError
        Nobody has claimed it, or another person has.
    """
    if frame.claimant is None or (frame.claimed_until or 0) <= work.at:
        refuse(work, frame, person, Action.ASSIGN, "nobody works on it")
    if frame.claimant != person.id and Role.LEAD not in person.role_set:
        holder = printable(work.state.get(Person, frame.claimant).name)
        refuse(work, frame, person, Action.ASSIGN, f"only {holder} or a lead can release it")
    work.append(Kind.RELEASED, person.id, frame=frame.id)
    return work.state.get(Frame, frame.id)
