"""People: who takes part, in which roles, and when they are away."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence

from iddkit.errors import OptionError, printable
from iddkit.qc.events import Kind
from iddkit.qc.stages import Role
from iddkit.qc.state import Person
from iddkit.qc.store.work import Work


def add_person(work: Work, name: str, roles: Iterable[Role], actor: Person | None = None) -> Person:
    """Add a person.

    Parameters
    ----------
    work
        The open transaction.
    name
        As they are called on the command line; no two have one name.
    roles
        At least one.
    actor
        A lead; None as long as there is none, and for imports.

    Raises
    ------
    OptionError
        The name is empty or taken, or there is no role.
    RefusedError
        There is a lead, and the actor is none.
    """
    if actor is not None:
        require_lead(work, actor, "add people")
    wanted = sorted(set(roles))
    name = name.strip()
    if not name or not name.isprintable():
        raise OptionError("a person needs a name that can be printed")
    if not wanted:
        raise OptionError(f"{printable(name)} has no role")
    everyone = read_people(work)
    if any(person.name.casefold() == name.casefold() for person in everyone):
        raise OptionError(f"there is a person {printable(name)} already")
    number = 1 + max((person.id for person in everyone), default=0)
    work.append(Kind.PERSON, None if actor is None else actor.id, data=_say(number, name, wanted, True, []))
    return work.state.get(Person, number)


def change_person(
    work: Work, person: Person, actor: Person, *, roles: Iterable[Role] | None = None, active: bool | None = None
) -> Person:
    """Change what a person does, or say that they have left or come back. What they did stays theirs.

    What they had claimed is free when they go, and peer reviews that they were given go to others.
    """
    from iddkit.qc.queue.assignment import leave_work

    require_lead(work, actor, "change people")
    kept = bool(person.active) if active is None else active
    wanted = sorted(person.role_set if roles is None else set(roles))
    if not wanted:
        raise OptionError(f"{printable(person.name)} needs a role")
    leads = [other for other in read_people(work) if Role.LEAD in other.role_set and other.active]
    if [other.id for other in leads] == [person.id] and not (kept and Role.LEAD in wanted):
        work.refuse("the only lead cannot go; make another one first", actor=actor.id, action="change people")
    data = _say(person.id, person.name, wanted, kept, json.loads(person.absences))
    work.append(Kind.PERSON, actor.id, data=data)
    leave_work(work, work.state.get(Person, person.id), actor)
    return work.state.get(Person, person.id)


def set_absence(work: Work, person: Person, actor: Person, start: int, until: int | None) -> Person:
    """Say that a person is away from a time until another one (microseconds; None: until it is known).

    What was said of the same time before does not hold any more: an absence without an end is ended by the next one.
    """
    from iddkit.qc.queue.assignment import leave_work

    if actor.id != person.id:
        require_lead(work, actor, "say that others are away")
    if until is not None and until <= start:
        raise OptionError("an absence ends after it begins")
    known = json.loads(person.absences)
    past = [[begin, start if end is None else min(end, start)] for begin, end in known if begin < start]
    later = [[begin, end] for begin, end in known if until is not None and begin > until]
    periods = [*past, [start, until], *later]
    data = _say(person.id, person.name, sorted(person.role_set), bool(person.active), periods)
    work.append(Kind.PERSON, actor.id, data=data)
    leave_work(work, work.state.get(Person, person.id), actor)
    return work.state.get(Person, person.id)


def read_people(work: Work) -> list[Person]:
    """Return all people, in the order in which they came."""
    return work.state.get_all(Person)


def find_person(work: Work, name: str) -> Person:
    """Return the person with a name; upper and lower case are one where that leaves no doubt.

    Raises
    ------
    OptionError
        There is none; it names those with a like name.
    """
    everyone = read_people(work)
    exact = [person for person in everyone if person.name == name.strip()]
    loose = [person for person in everyone if person.name.casefold() == name.strip().casefold()]
    found = exact or loose
    if len(found) == 1:
        return found[0]
    raise OptionError(f"nobody is called {printable(name, 60)!r}{_suggest(name, [p.name for p in everyone])}")


def _suggest(name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if near:
        return f"; do you mean {' or '.join(near)}?"
    return "; 'iddkit qc people' lists them" if names else "; 'iddkit qc people add' adds people"


def require_lead(work: Work, actor: Person, action: str) -> None:
    """Refuse what only a lead may do.

    Raises
    ------
    RefusedError
        The actor is no lead, or has left.
    """
    if Role.LEAD not in actor.role_set or not actor.active:
        work.refuse(f"only a lead may {action}; {printable(actor.name)} is none", actor=actor.id, action=action)


def _say(
    number: int, name: str, roles: Sequence[Role], active: bool, absences: list[list[int | None]]
) -> dict[str, object]:
    said = [str(role) for role in roles]
    return {
        "id": number,
        "name": name,
        "roles": said,
        "active": int(active),
        "absences": absences,
    }
