"""Who makes a request: the session of its cookie, and the proof that one of our own pages sent it."""

from __future__ import annotations

import secrets
import time
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, HTTPException, Request, Response, Security
from fastapi.security import APIKeyCookie

from iddkit.qc.accounts import SESSION, Session, find_session
from iddkit.qc.state import Person
from iddkit.qc.store.database import Store
from iddkit.web.attempts import Attempts
from iddkit.web.settings import Settings

#: Header in which a page sends back what it knows of the session.
CSRF: Final = "X-CSRF-Token"

_SAFE: Final = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Desk:
    """What the handlers of requests share.

    Attributes
    ----------
    store
        The database.
    project
        What tells the project from others that were served at the same address (`read_identity`).
    settings
        Of the server.
    attempts
        Sign-ins that failed.
    hashing
        One thread, which hashes passwords.
    """

    store: Store
    project: str
    settings: Settings
    attempts: Attempts
    hashing: Executor


def get_desk(request: Request) -> Desk:
    """Return what the handlers share."""
    desk: Desk = request.app.state.desk
    return desk


AtDesk = Annotated[Desk, Depends(get_desk)]


def cookie_name(settings: Settings) -> str:
    """Return the name of the session's cookie: browsers let no other host and no plain HTTP set the secure one."""
    return "__Host-iddkit" if settings.secure else "iddkit"


def find_signed_in(request: Request, desk: Desk) -> Session | None:
    """Return the session of a request, or None."""
    token = request.cookies.get(cookie_name(desk.settings), "")
    if not token:
        return None
    with desk.store.reading() as connection:
        return find_session(connection, token, now())


# What the description of the API says of it; the cookie itself is looked for by the name that it has.
_COOKIE: Final = APIKeyCookie(
    name="iddkit",
    scheme_name="session",
    description=f"Given by signing in; over HTTPS it is called __Host-iddkit. Changes need the header {CSRF}, too.",
    auto_error=False,
)


def require_session(request: Request, desk: AtDesk, _: Annotated[str | None, Security(_COOKIE)] = None) -> Session:
    """Return the session of a request; 401 without one, 403 for a change that none of our pages asked for."""
    session = find_signed_in(request, desk)
    if session is None:
        raise HTTPException(401, "not signed in")
    if request.method not in _SAFE:
        sent = request.headers.get(CSRF, "")
        if not secrets.compare_digest(sent.encode(), session.csrf.encode()):
            raise HTTPException(403, f"the header {CSRF} is missing or wrong")
    return session


SignedIn = Annotated[Session, Depends(require_session)]


def give_cookie(response: Response, settings: Settings, token: str) -> None:
    """Let the browser keep a session: no script can read it, no other site can make the browser send it."""
    response.set_cookie(
        cookie_name(settings),
        token,
        max_age=SESSION // 1_000_000,
        httponly=True,
        secure=settings.secure,
        samesite="strict",
        path="/",
    )


def take_cookie(response: Response, settings: Settings) -> None:
    """Let the browser forget it."""
    response.delete_cookie(cookie_name(settings), path="/", secure=settings.secure, httponly=True, samesite="strict")


def roles_of(person: Person) -> list[str]:
    """Return a person's roles by name."""
    return sorted(map(str, person.role_set))


def now() -> int:
    """Return the time in microseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1000
