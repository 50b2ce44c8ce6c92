"""For whom a part of the API is: told before anything is looked up, so that a refusal reveals nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated

from fastapi import Depends, HTTPException

from iddkit.qc.access import INSIDERS, OVERSEERS
from iddkit.qc.accounts import Session
from iddkit.qc.stages import Role
from iddkit.web.signing import SignedIn


def require_role(roles: Iterable[Role]) -> Callable[[Session], Session]:
    """Return what gives the session of one who has any of some roles; 403 for others."""
    wanted = [role for role in Role if role in frozenset(roles)]

    def require(session: SignedIn) -> Session:
        if session.person.role_set.isdisjoint(wanted):
            raise HTTPException(403, f"this is for {name_roles(wanted)}")
        return session

    return require


def name_roles(roles: Iterable[Role]) -> str:
    """Return roles in words: those who have any of them.

    Examples
    --------
    >>> name_roles([Role.LEAD]), name_roles(OVERSEERS)
    ('leads', 'supervisors and leads')
    """
    *others, last = (f"{role}s" for role in Role if role in frozenset(roles))
    return f"{', '.join(others)} and {last}" if others else last


#: The session of a lead, of one who oversees the project, and of one who sees how far each batch is.
LeadOnly = Annotated[Session, Depends(require_role([Role.LEAD]))]
Overseer = Annotated[Session, Depends(require_role(OVERSEERS))]
Insider = Annotated[Session, Depends(require_role(INSIDERS))]
