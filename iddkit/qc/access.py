"""Who may see what: the frames of the batches in which a person has a part."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BindParameter, Connection, bindparam, or_, select

from iddkit.qc.stages import Role
from iddkit.qc.state import Batch, Frame, Person
from iddkit.qc.store.tables import batches, frames

#: Who has a part in every batch, and sees how the whole project and each person fare.
OVERSEERS: Final = frozenset({Role.LEAD, Role.SUPERVISOR})

# Who has a part in every batch that was ever frozen.
_FROZEN: Final = frozenset({Role.RESEARCHER, Role.EXPERT})

#: Who sees how far each batch is: those who oversee it, and those who freeze it and judge its samples.
INSIDERS: Final = OVERSEERS | _FROZEN

_person: Final[BindParameter[int]] = bindparam("person")
_HAS_PART: Final = (
    select(frames.c.id)
    .where(
        frames.c.batch == bindparam("batch"),
        or_(
            frames.c.holder == _person,
            frames.c.claimant == _person,
            frames.c.reviewer1 == _person,
            frames.c.reviewer2 == _person,
            frames.c.reviewer3 == _person,
            frames.c.hands.like(bindparam("drawn")),
        ),
    )
    .limit(1)
)


def may_see(connection: Connection, person: Person, frame: Frame) -> bool:
    """Return whether a person may look at a frame.

    Leads and supervisors see all; researchers and experts the batches that were ever frozen; others those in which they
    drew, hold, claimed or judged a frame.
    """
    roles = person.role_set
    if roles & OVERSEERS:
        return True
    if roles & _FROZEN:
        batch = Batch(*connection.execute(select(batches).where(batches.c.id == frame.batch)).one())
        if batch.round:
            return True
    values = {"batch": frame.batch, "person": person.id, "drawn": f"%,{person.id},%"}
    return connection.execute(_HAS_PART, values).first() is not None


def may_see_sample(person: Person) -> bool:
    """Return whether a person may know which images are in a sample that is not concluded: those who judge samples."""
    return not person.role_set.isdisjoint(_FROZEN | {Role.LEAD})
