"""What the table of moves allows a person to do with a frame, and how the rest is refused."""

from __future__ import annotations

from typing import NoReturn

from iddkit.errors import printable
from iddkit.qc.duties import can_do, is_holder, may_hold
from iddkit.qc.events import to_text
from iddkit.qc.stages import SAMPLED, Action, Move, Stage, describe_allowed, find_move, find_step
from iddkit.qc.state import Frame, Person
from iddkit.qc.store.work import Work

__all__ = [
    "can_do",
    "is_claimed_by_other",
    "is_holder",
    "may_hold",
    "refuse",
    "refuse_move",
    "require_move",
    "require_unclaimed",
]


def require_move(work: Work, frame: Frame, person: Person, action: Action) -> Move:
    """Return the move that a person is about to make.

    Raises
    ------
    RefusedError
        The table has none, or none for this person: it says what is allowed, and for whom.
    """
    move = find_move(Stage(frame.stage), action)
    if move is None:
        refuse_move(work, frame, person, action)
    if not person.active:
        refuse(work, frame, person, action, f"{printable(person.name)} has left")
    if not person.role_set & set(move.roles):
        roles = " or ".join(move.roles)
        refuse(work, frame, person, action, f"{action} at {frame.stage} is for {roles}, and {_describe(person)}")
    return move


def require_unclaimed(work: Work, frame: Frame, person: Person, action: Action) -> None:
    """Refuse what would be done to a frame while another person works on it.

    Raises
    ------
    RefusedError
        It names who, and until when.
    """
    if is_claimed_by_other(work, frame, person):
        assert frame.claimant is not None
        assert frame.claimed_until is not None
        holder = work.state.get(Person, frame.claimant).name
        until = to_text(frame.claimed_until)
        refuse(work, frame, person, action, f"{printable(holder)} works on it until {until}, or until it is released")


def require_reviewer(work: Work, frame: Frame, person: Person, verdict: Action) -> None:
    """Refuse a verdict that is not this person's to give.

    Raises
    ------
    RefusedError
        The stage is no review; the person is not the one, or drew the frame; another one is at it; it is not in the
        sealed sample, or was judged there already.
    """
    require_move(work, frame, person, verdict)
    if frame.was_drawn_by(person.id):
        refuse(work, frame, person, verdict, f"{printable(person.name)} drew it, and nobody reviews what they drew")
    if frame.stage in SAMPLED:
        _require_sampled(work, frame, person, verdict)
    elif not is_holder(work, frame, person):
        assert frame.holder is not None
        holder = printable(work.state.get(Person, frame.holder).name)
        refuse(work, frame, person, verdict, f"its review at {frame.stage} is {holder}'s")
    require_unclaimed(work, frame, person, verdict)


def require_step(work: Work, frame: Frame, person: Person) -> Action:
    """Return what a person may do with a frame now: `Action.SUBMIT`, or `Action.PASS` where it is to be judged.

    Raises
    ------
    RefusedError
        Nothing; it says why.
    """
    step = find_step(Stage(frame.stage))
    if step is None:
        refuse(work, frame, person, "claim", f"there is nothing to do; {describe_allowed(Stage(frame.stage))}")
    if step.action is Action.PASS:
        require_reviewer(work, frame, person, Action.PASS)
        return step.action
    require_move(work, frame, person, step.action)
    if not is_holder(work, frame, person):
        assert frame.holder is not None
        holder = printable(work.state.get(Person, frame.holder).name)
        refuse(work, frame, person, step.action, f"it was given to {holder}")
    require_unclaimed(work, frame, person, step.action)
    return step.action


def is_claimed_by_other(work: Work, frame: Frame, person: Person) -> bool:
    """Whether another person's claim of the frame holds now."""
    return frame.claimant not in (None, person.id) and (frame.claimed_until or 0) > work.at


def refuse_move(work: Work, frame: Frame, person: Person, action: Action) -> NoReturn:
    """Refuse an action that the table does not have in the frame's stage."""
    stage = Stage(frame.stage)
    refuse(work, frame, person, action, f"{action} is not possible now; {describe_allowed(stage)}")


def refuse(work: Work, frame: Frame, person: Person, action: str, problem: str) -> NoReturn:
    """Refuse what a person tried with a frame, by its name."""
    work.refuse(f"{printable(frame.key)}: {problem}", actor=person.id, action=str(action), frame=frame.id)


def _require_sampled(work: Work, frame: Frame, person: Person, verdict: Action) -> None:
    if frame.sample is None:
        problem = "is not in a sealed sample of its batch, and reviews outside of it do not count"
        refuse(work, frame, person, verdict, problem)
    if frame.verdict:
        judge = printable(work.state.get(Person, frame.reviewer3).name) if frame.reviewer3 is not None else "another"
        refuse(work, frame, person, verdict, f"{judge} has judged it already: {frame.verdict}")


def _describe(person: Person) -> str:
    return f"{printable(person.name)} is {' and '.join(sorted(person.role_set))}"
