"""Whose step it is: what a person can do with a frame by their roles, what they drew, and to whom it was given."""

from __future__ import annotations

from iddkit.qc.stages import ASKED, Action, Role, Stage, find_step
from iddkit.qc.state import Frame, Person
from iddkit.qc.store.work import Work


def is_holder(work: Work, frame: Frame, person: Person) -> bool:
    """Whether a step is this person's: given to them, to nobody, or to one who cannot do it; a lead's always."""
    if frame.holder in (None, person.id) or Role.LEAD in person.role_set:
        return True
    assert frame.holder is not None
    return not can_do(work.state.get(Person, frame.holder), Stage(frame.stage), work.at)


def can_do(person: Person, stage: Stage, at: int | None) -> bool:
    """Whether a person has a role for the step of a stage, and is there at a time; None: has not left."""
    step = find_step(stage)
    there = bool(person.active) if at is None else person.is_available(at)
    return step is not None and there and bool(person.role_set & set(step.roles))


def may_hold(frame: Frame, person: Person, stage: Stage) -> str:
    """Return why a person cannot be given a frame in a stage, or ""."""
    step = find_step(stage)
    if step is None or not person.role_set & set(step.roles):
        return f"is no {' or '.join(ASKED.get(stage, (Role.ANNOTATOR,)))}"
    if step.action is Action.PASS and frame.was_drawn_by(person.id):
        return "drew it, and nobody reviews what they drew"
    return ""
