"""How people prove who they are to the review page: passwords, links that work once, sessions.

None of it is in the log or in a backup: what the log tells has to be readable by all, and for ever. Of passwords an
Argon2 hash is kept (RFC 9106), of links and sessions the SHA-256 of a random token.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from iddkit.errors import OptionError
from iddkit.qc.state import Person
from iddkit.qc.store.tables import accounts, links, people, sessions

if TYPE_CHECKING:
    from argon2 import PasswordHasher

#: Characters of a password, at least and at most: the shortest that NIST SP 800-63B allows without a second factor is
#: eight; hashing the longest must not keep the server busy.
SHORTEST, LONGEST = 8, 256

_SECOND: Final = 1_000_000

#: How long a session lasts, in microseconds: a working day.
SESSION: Final = 12 * 3600 * _SECOND

#: How long a link can be used, in microseconds.
LINK: Final = 72 * 3600 * _SECOND


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in.

    Attributes
    ----------
    person
        Who.
    csrf
        What a page sends back with all that changes something: no other site knows it.
    until
        When it ends, in microseconds since 1970-01-01 UTC.
    """

    person: Person
    csrf: str
    until: int


def hash_password(password: str) -> str:
    """Return what is kept of a password. It takes a tenth of a second: do it before a transaction, not in one.

    Raises
    ------
    OptionError
        It is too short or too long.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise OptionError(f"a password has {SHORTEST} characters at least and {LONGEST} at most")
    return _hasher().hash(password)


def keep_password(connection: Connection, person: Person, hashed: str) -> None:
    """Keep what `hash_password` made, in place of the one before; whoever is signed in as this person no longer is."""
    connection.execute(delete(accounts).where(accounts.c.person == person.id))
    connection.execute(insert(accounts).values(person=person.id, password=hashed))
    connection.execute(delete(sessions).where(sessions.c.person == person.id))


def set_password(connection: Connection, person: Person, password: str) -> None:
    """Hash and keep a password; as the two above, for a transaction that nobody waits for."""
    keep_password(connection, person, hash_password(password))


def check_password(connection: Connection, name: str, password: str) -> Person | None:
    """Return who has this name and password; None if nobody has.

    A name that nobody has takes as long as a wrong password.
    """
    from argon2.exceptions import InvalidHashError, VerificationError

    query = select(people, accounts.c.password).join(accounts, accounts.c.person == people.c.id)
    row = connection.execute(query.where(people.c.name == name)).first()
    kept = _nobody() if row is None else row.password
    try:
        _hasher().verify(kept, password[: LONGEST + 1])
    except (VerificationError, InvalidHashError):
        return None
    person = None if row is None else Person(*row[:-1])
    return person if person is not None and person.active else None


def make_link(connection: Connection, person: Person, at: int) -> str:
    """Return the token of a new link by which a person signs in once; their earlier links are void."""
    token = secrets.token_urlsafe(32)
    connection.execute(delete(links).where((links.c.person == person.id) | (links.c.until <= at)))
    connection.execute(insert(links).values(token=_digest(token), person=person.id, until=at + LINK))
    return token


def use_link(connection: Connection, token: str, at: int) -> Person | None:
    """Return whose link it is, and void it; None if it is nobody's, was used, or is too old."""
    row = connection.execute(
        select(people).join(links, links.c.person == people.c.id).where(_is_valid(token, at))
    ).first()
    connection.execute(delete(links).where(links.c.token == _digest(token)))
    return Person(*row) if row is not None and row.active else None


def open_session(connection: Connection, person: Person, at: int) -> tuple[str, Session]:
    """Sign a person in, and return the token of the session with it."""
    token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    connection.execute(delete(sessions).where(sessions.c.until <= at))
    until = at + SESSION
    connection.execute(insert(sessions).values(token=_digest(token), person=person.id, csrf=csrf, until=until))
    return token, Session(person, csrf, until)


def find_session(connection: Connection, token: str, at: int) -> Session | None:
    """Return the session of a token; None if there is none, it has ended, or the person has left."""
    query = select(people, sessions.c.csrf, sessions.c.until).join(sessions, sessions.c.person == people.c.id)
    row = connection.execute(query.where(sessions.c.token == _digest(token), sessions.c.until > at)).first()
    if row is None:
        return None
    person = Person(*row[:-2])
    return Session(person, row.csrf, row.until) if person.active else None


def close_session(connection: Connection, token: str) -> None:
    """Sign out."""
    connection.execute(delete(sessions).where(sessions.c.token == _digest(token)))


def _is_valid(token: str, at: int) -> ColumnElement[bool]:
    return (links.c.token == _digest(token)) & (links.c.until > at)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()


@cache
def _nobody() -> str:
    return _hasher().hash(secrets.token_urlsafe(32))
