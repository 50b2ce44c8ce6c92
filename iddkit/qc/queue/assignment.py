"""Who reviews: a peer by lot among those with the least load, never one who drew the frame."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, or_, select

from iddkit.errors import printable
from iddkit.qc.events import Kind
from iddkit.qc.queue.people import read_people, require_lead
from iddkit.qc.queue.rules import can_do, may_hold, refuse_move
from iddkit.qc.stages import Action, Role, Stage, find_move
from iddkit.qc.state import Frame, Person
from iddkit.qc.store.tables import frames
from iddkit.qc.store.work import Work


def assign_peer(work: Work, frame: Frame, actor: Person | None = None) -> Frame:
    """Give a frame at QC1 to its reviewer.

    The one who judged it before, if they can; otherwise one of those annotators who have the least load and drew no
    version of it, by lot. Loads differ by one at most among those who are there: where only people who drew the frame
    have the least load, one of them takes over a waiting frame of another, who takes this one. Without any peer it goes
    to a lead.
    """
    everyone = read_people(work)
    present = [person for person in everyone if person.is_available(work.at) and Role.ANNOTATOR in person.role_set]
    free = [person for person in present if not frame.was_drawn_by(person.id)]
    by = None if actor is None else actor.id
    if frame.reviewer1 is not None and any(person.id == frame.reviewer1 for person in free):
        return _assign(work, frame, frame.reviewer1, [], by)
    if not free:
        leads = [person for person in everyone if Role.LEAD in person.role_set and person.is_available(work.at)]
        able = [person for person in leads if not frame.was_drawn_by(person.id)]
        if not able or any(person.id == frame.holder for person in able):
            return frame  # without anyone it waits until there is somebody: 'status' names it
        return _assign(work, frame, _cast(work, able).id, [], by)
    if frame.reviewer1 is not None:  # it comes back, and the one who judged it cannot: no load of a new frame
        return _assign(work, frame, _cast(work, _least(free)).id, [], by)
    present = _level(work, present)
    least = min(person.load for person in present)
    able = [person for person in present if person.load == least and not frame.was_drawn_by(person.id)]
    if not able:
        able = _swap(work, frame, present, least) or _least([p for p in present if not frame.was_drawn_by(p.id)])
    peer = _cast(work, able)
    return _assign(work, frame, peer.id, move_load(work, frame, peer), by)


def move_load(work: Work, frame: Frame, taker: Person | None) -> list[list[int]]:
    """Return the load that changes hands with a frame: person, and one more or less.

    A lead who stands in for a peer has none, a frame that comes back is none, and what a lead gives to somebody is no
    lot: nobody else is to have more for it.
    """
    steps = [[taker.id, 1]] if taker is not None and Role.ANNOTATOR in taker.role_set else []
    if frame.holder is not None and Role.ANNOTATOR in work.state.get(Person, frame.holder).role_set:
        steps.append([frame.holder, -1])
    return steps if frame.stage == Stage.QC1 and frame.reviewer1 is None else []


def _assign(work: Work, frame: Frame, person: int, load: list[list[int]], actor: int | None) -> Frame:
    data = {"person": person, "load": load} if load else {"person": person}
    work.append(Kind.ASSIGNED, actor, frame=frame.id, stage=frame.stage, data=data)
    return work.state.get(Frame, frame.id)


def _level(work: Work, present: Sequence[Person]) -> list[Person]:
    # Those who are there differ by one at most, as long as they are. Who has less has come, or come back, and would be
    # given every frame until they had as many as the others.
    floor = max(person.load for person in present) - 1
    for person in present:
        if person.load < floor:
            work.append(Kind.LEVELLED, data={"person": person.id, "load": floor})
    return [work.state.get(Person, person.id) for person in present]


def _swap(work: Work, frame: Frame, present: Sequence[Person], least: int) -> list[Person]:
    # Returns whom the frame can be given to now, nobody if there is no frame that could change hands.
    below = [person for person in present if person.load == least]
    above = {p.id: p for p in present if p.load == least + 1 and not frame.was_drawn_by(p.id)}
    waiting = select(frames).where(
        frames.c.stage == Stage.QC1,
        frames.c.holder.in_(above),
        frames.c.reviewer1.is_(None),
        frames.c.id != frame.id,
        or_(frames.c.claimant.is_(None), frames.c.claimed_until <= work.at),
    )
    for other in work.find(Frame, waiting.order_by(frames.c.moved.desc()).limit(200)):
        takers = [person for person in below if not other.was_drawn_by(person.id)]
        if takers and other.holder is not None:
            taker = _cast(work, takers)
            _assign(work, other, taker.id, move_load(work, other, taker), None)
            return [work.state.get(Person, other.holder)]
    return []


def _least(people: Sequence[Person]) -> list[Person]:
    least = min(person.load for person in people)
    return [person for person in people if person.load == least]


def _cast(work: Work, people: Sequence[Person]) -> Person:
    # Of seed and event: the same on every machine, and nobody can choose.
    lot = hashlib.sha256(f"{work.project.seed}:{work.next_seq}".encode()).digest()
    return sorted(people, key=lambda person: person.id)[int.from_bytes(lot, "big") % len(people)]


def give(work: Work, frame: Frame, person: Person, actor: Person) -> Frame:
    """Give a frame's next step to a person, as only a lead may; an escalated frame goes to repair.

    Raises
    ------
    RefusedError
        The stage has nothing to give, the actor is no lead, or the person cannot do it.
    """
    require_lead(work, actor, "give frames to people")
    move = find_move(Stage(frame.stage), Action.ASSIGN)
    if move is None:
        refuse_move(work, frame, actor, Action.ASSIGN)
    problem = may_hold(frame, person, Stage(move.to))
    if not person.is_available(work.at):
        problem = "is away or has left"
    if problem:
        work.refuse(f"{printable(person.name)} {problem}", actor=actor.id, action="assign", frame=frame.id)
    return _assign(work, frame, person.id, move_load(work, frame, None), actor.id)


def note_holder(work: Work, frame: Frame, person: Person) -> Frame:
    """Give a frame's next step to the one who is known to have done it: nobody decides that, a log of the past says so.

    Nothing is done where the stage has nothing to give, the person has it, or cannot do it.
    """
    move = find_move(Stage(frame.stage), Action.ASSIGN)
    if move is None or frame.holder == person.id or may_hold(frame, person, Stage(move.to)):
        return frame
    return _assign(work, frame, person.id, move_load(work, frame, person), None)


_WITHOUT_PEER: Final = (
    select(frames)
    .where(
        frames.c.stage == Stage.QC1,
        or_(frames.c.holder.is_(None), frames.c.holder.in_(bindparam("gone", expanding=True))),
        # Somebody who stands in may be at it.
        or_(frames.c.claimant.is_(None), frames.c.claimed_until <= bindparam("now")),
    )
    .order_by(frames.c.moved, frames.c.id)
)


def hand_over(work: Work, actor: Person | None = None) -> int:
    """Give peer reviews of people who are no peers, or not there, or that nobody has, to others; return how many moved.

    A lead who stands in for a peer has the frame until a peer is there, or as long as they have claimed it.
    """
    gone = [p.id for p in read_people(work) if not p.is_available(work.at) or Role.ANNOTATOR not in p.role_set]
    changed = 0
    for frame in work.find(Frame, _WITHOUT_PEER, gone=gone, now=work.at):
        changed += assign_peer(work, frame, actor).holder != frame.holder
    return changed


def leave_work(work: Work, person: Person, actor: Person) -> None:
    """Free what a person has claimed and cannot do any more, and give their peer reviews to others."""
    claimed = select(frames).where(frames.c.claimant == person.id, frames.c.claimed_until > work.at)
    for frame in work.find(Frame, claimed.order_by(frames.c.id)):
        if not can_do(person, Stage(frame.stage), work.at):
            work.append(Kind.RELEASED, actor.id, frame=frame.id)
    hand_over(work, actor)


def give_up(work: Work, frame: Frame, person: Person) -> Frame:
    """Take a review from the one to whom it was given and who has drawn a version of the frame since."""
    if find_move(Stage(frame.stage), Action.PASS) is None:
        return frame
    if frame.claimant == person.id:
        work.append(Kind.RELEASED, person.id, frame=frame.id)
        frame = work.state.get(Frame, frame.id)
    if frame.holder != person.id:
        return frame
    if frame.stage == Stage.QC1:
        return assign_peer(work, frame)
    work.append(Kind.ASSIGNED, None, frame=frame.id, stage=frame.stage, data={"person": None})
    return work.state.get(Frame, frame.id)
