"""Whether the database still keeps the log from being changed: the triggers that the first migration made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection, text

from iddkit.errors import printable

_REASON: Final = "the log of the review is only ever added to"

# As the database keeps what ``migrations/versions/0001_first.py`` made; written here again, so that one is checked by
# the other.
_SQLITE: Final = {
    f"event_{action}": f"CREATE TRIGGER event_{action} BEFORE {action} ON event BEGIN "
    f"SELECT RAISE(ABORT, '{_REASON}'); END"
    for action in ("UPDATE", "DELETE")
}

_POSTGRESQL: Final = f"BEGIN RAISE EXCEPTION '{_REASON}'; END"

# Bits of pg_trigger.tgtype: before (2), delete (8), update (16), truncate (32); for each statement, so without 1.
_TYPE: Final = 2 | 8 | 16 | 32

_TRIGGERS: Final = """
SELECT t.tgname, t.tgtype, t.tgenabled, t.tgqual IS NULL AND t.tgnargs = 0 AND t.tgattr::text = '' AS always,
       p.prosrc, l.lanname
FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_language l ON l.oid = p.prolang
WHERE t.tgrelid = 'event'::regclass AND NOT t.tgisinternal
"""

_GONE: Final = "was taken away: nothing keeps events from being changed"
_OTHER: Final = "is not what iddkit made: nothing may keep events from being changed"
_UNKNOWN: Final = "is none of iddkit's: what it changes, no event tells"


def check_guard(connection: Connection) -> Iterator[tuple[str, str]]:
    """Yield where and what is wrong with the triggers: one is missing, switched off, does something else, or is new."""
    if connection.dialect.name == "postgresql":
        yield from _check_postgresql(connection)
        return
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
    there = {name: " ".join(str(sql).split()) for name, sql in connection.execute(text(query))}
    for name in sorted(_SQLITE.keys() | there.keys()):
        where = f"trigger {printable(name, 60)}"
        if name not in there:
            yield where, _GONE
        elif name not in _SQLITE:
            yield where, _UNKNOWN
        elif there[name] != _SQLITE[name]:
            yield where, _OTHER


def _check_postgresql(connection: Connection) -> Iterator[tuple[str, str]]:
    there = {row.tgname: row for row in connection.execute(text(_TRIGGERS))}
    # 'O' fires in ordinary sessions, 'A' in all; 'R' fires in those of a replica alone, 'D' never.
    kept = there.pop("event_kept", None)
    if kept is None or _plain(kept.tgenabled) not in ("O", "A"):
        yield "trigger event_kept", _GONE
    elif (kept.tgtype, kept.always, _plain(kept.lanname)) != (_TYPE, True, "plpgsql") or (
        " ".join(kept.prosrc.split()) != _POSTGRESQL
    ):
        yield "trigger event_kept", _OTHER
    for name in sorted(there):
        yield f"trigger {printable(name, 60)}", _UNKNOWN


def _plain(value: str | bytes) -> str:
    # The driver gives PostgreSQL's "char" as bytes.
    return value.decode() if isinstance(value, bytes) else value
