"""``/api/v1/session``, ``me``, ``links``: signing in and out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ParamSpec

from fastapi import APIRouter, HTTPException, Request, Response

from iddkit.qc import accounts, queue
from iddkit.qc.queue.people import require_lead
from iddkit.web.signing import AtDesk, Desk, SignedIn, cookie_name, give_cookie, now, roles_of, take_cookie
from iddkit.web.values import Credentials, Invited, NewPassword, Welcome

router = APIRouter(prefix="/api/v1", tags=["signing in"])

Arguments = ParamSpec("Arguments")


@router.post("/session")
async def sign_in(body: Credentials, request: Request, response: Response, desk: AtDesk) -> dict[str, Any]:
    """Sign in by name and password."""
    return await _in_turn(desk, _sign_in, body, request, response, desk)


def _sign_in(body: Credentials, request: Request, response: Response, desk: Desk) -> dict[str, Any]:
    keys = _keys(request, f"name {body.name}")
    _require_patience(desk, keys)
    # Counted before it is known to have failed: many at a time would else all be tried.
    desk.attempts.note(keys[-1])
    with desk.store.reading() as connection:
        person = accounts.check_password(connection, body.name, body.password)
    if person is None:
        desk.attempts.note(keys[0])
        raise HTTPException(401, "no such name with this password")
    desk.attempts.forget(*keys)
    with desk.store.writing() as work:
        queue.note_rest(work, person)  # of a session that was not closed
        token, session = accounts.open_session(work.connection, person, now())
    give_cookie(response, desk.settings, token)
    return _tell(session)


@router.post("/session/link")
async def sign_in_by_link(body: Welcome, request: Request, response: Response, desk: AtDesk) -> dict[str, Any]:
    """Sign in by a link of the lead, and choose a password; the link is void afterwards."""
    return await _in_turn(desk, _sign_in_by_link, body, request, response, desk)


def _sign_in_by_link(body: Welcome, request: Request, response: Response, desk: Desk) -> dict[str, Any]:
    keys = _keys(request)
    _require_patience(desk, keys)
    hashed = accounts.hash_password(body.password)
    with desk.store.writing() as work:
        person = accounts.use_link(work.connection, body.token, now())
        if person is not None:
            accounts.keep_password(work.connection, person, hashed)
            token, session = accounts.open_session(work.connection, person, now())
    if person is None:
        desk.attempts.note(*keys)
        raise HTTPException(401, "this link was used, is too old, or never was")
    give_cookie(response, desk.settings, token)
    return _tell(session)


@router.delete("/session")
def sign_out(request: Request, response: Response, desk: AtDesk, session: SignedIn) -> dict[str, Any]:
    """Sign out; the time at frames that were neither judged nor handed in is written to the log."""
    with desk.store.writing() as work:
        queue.note_rest(work, session.person)
        accounts.close_session(work.connection, request.cookies[cookie_name(desk.settings)])
    take_cookie(response, desk.settings)
    return {}


@router.get("/me")
def me(session: SignedIn) -> dict[str, Any]:
    """Say who is signed in."""
    return _tell(session)


@router.put("/me/password")
async def change_password(
    body: NewPassword, request: Request, response: Response, desk: AtDesk, session: SignedIn
) -> dict[str, Any]:
    """Choose another password; whoever else is signed in by this name no longer is."""
    return await _in_turn(desk, _change_password, body, request, response, desk, session)


def _change_password(
    body: NewPassword, request: Request, response: Response, desk: Desk, session: accounts.Session
) -> dict[str, Any]:
    keys = _keys(request, f"name {session.person.name}")
    _require_patience(desk, keys)
    with desk.store.reading() as connection:
        known = accounts.check_password(connection, session.person.name, body.old)
    if known is None:
        desk.attempts.note(*keys)
        raise HTTPException(403, "the password so far is another one")
    hashed = accounts.hash_password(body.new)
    with desk.store.writing() as work:
        accounts.keep_password(work.connection, session.person, hashed)
        token, session = accounts.open_session(work.connection, session.person, now())
    give_cookie(response, desk.settings, token)
    return _tell(session)


@router.post("/links")
def make_link(body: Invited, desk: AtDesk, session: SignedIn) -> dict[str, Any]:
    """Make a link by which a person signs in once: a lead does."""
    with desk.store.writing() as work:
        actor = queue.find_person(work, session.person.name)
        require_lead(work, actor, "link")
        person = queue.find_person(work, body.name)
        token = accounts.make_link(work.connection, person, now())
    return {"name": person.name, "path": f"/welcome#{token}", "hours": accounts.LINK // 3_600_000_000}


async def _in_turn(
    desk: Desk, work: Callable[Arguments, dict[str, Any]], *arguments: Arguments.args, **more: Arguments.kwargs
) -> dict[str, Any]:
    """Do what hashes a password in the one thread for that.

    A hash takes 64 MiB and four processors for a tenth of a second: a team that comes at nine stops nobody who is at
    work, and many guesses at once are counted like as many one after another.
    """
    return await asyncio.wrap_future(desk.hashing.submit(work, *arguments, **more))


def _tell(session: accounts.Session) -> dict[str, Any]:
    person = session.person
    return {"name": person.name, "roles": roles_of(person), "csrf": session.csrf, "until": session.until}


def _keys(request: Request, *more: str) -> tuple[str, ...]:
    address = request.client.host if request.client is not None else "nowhere"
    return (f"address {address}", *more)


def _require_patience(desk: Desk, keys: tuple[str, ...]) -> None:
    seconds = desk.attempts.wait(*keys)
    if seconds > 0:
        headers = {"Retry-After": str(int(seconds) + 1)}
        raise HTTPException(429, f"too many attempts; wait {seconds:.0f} seconds", headers=headers)
