"""A transaction: events are appended, and the rows that they change are written with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NoReturn

from sqlalchemy import Connection, Select, Update, bindparam, insert, select, update

from iddkit.errors import OptionError, RefusedError
from iddkit.qc.events import NO_HASH, Event, Kind, encode_data, hash_event
from iddkit.qc.projection import apply
from iddkit.qc.state import KEYS, ONLY, Project, R, Row, key_of
from iddkit.qc.store.tables import TABLES, events


class DatabaseState:
    """Rows of the database, read when they are asked for and written by `flush`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: dict[type, dict[tuple[int, ...], Row]] = {kind: {} for kind in KEYS}
        self._stored: dict[type, set[tuple[int, ...]]] = {kind: set() for kind in KEYS}
        self._changed: dict[tuple[type, tuple[int, ...]], None] = {}
        self._whole: set[type] = set()

    def get(self, kind: type[R], *key: int) -> R:
        """Return a row; KeyError if there is none."""
        found = self._rows[kind].get(key)
        if found is None:
            row = self._connection.execute(_SELECTS[kind], dict(zip(KEYS[kind], key, strict=True))).first()
            if row is None:
                raise KeyError(key)
            found = self._keep(kind(*row))
        assert isinstance(found, kind)
        return found

    def get_all(self, kind: type[R]) -> list[R]:
        """Return all rows of a kind of which there are few, by their keys; they are read once in a transaction."""
        if kind not in self._whole:
            self.find(kind, select(TABLES[kind]))
            self._whole.add(kind)
        rows = self._rows[kind]
        return [self.get(kind, *key) for key in sorted(rows)]

    def put(self, row: Row) -> None:
        """Keep a row, in place of the one with its key."""
        kind, key = type(row), key_of(row)
        self._rows[kind][key] = row
        self._changed[kind, key] = None

    def find(self, kind: type[R], query: Select[Any], **values: object) -> list[R]:
        """Return the rows of a query over all columns of their table; what was changed is written before."""
        self.flush()
        return [self._keep(kind(*row)) for row in self._connection.execute(query, values)]

    def _keep(self, row: R) -> R:
        key = key_of(row)
        self._stored[type(row)].add(key)
        self._rows[type(row)][key] = row
        return row

    def flush(self) -> None:
        """Write what was changed."""
        if not self._changed:
            return
        new: dict[type, list[dict[str, Any]]] = {}
        old: dict[type, list[dict[str, Any]]] = {}
        for kind, key in self._changed:
            # A row that was put without having been read is new: `apply` reads what it changes.
            target = old if key in self._stored[kind] else new
            target.setdefault(kind, []).append(_columns_of(self._rows[kind][key]))
            self._stored[kind].add(key)
        self._changed.clear()
        for kind, rows in new.items():
            self._connection.execute(insert(TABLES[kind]), rows)
        for kind, rows in old.items():
            named = [{**row, **{f"key_{name}": row.pop(name) for name in KEYS[kind]}} for row in rows]
            self._connection.execute(_UPDATES[kind], named)


def _select_one(kind: type) -> Select[Any]:
    table = TABLES[kind]
    return select(table).where(*(table.c[name] == bindparam(name) for name in KEYS[kind]))


def _update_one(kind: type) -> Update:
    table, keys = TABLES[kind], KEYS[kind]
    columns: dict[str, Any] = {column.name: bindparam(column.name) for column in table.c if column.name not in keys}
    return update(table).where(*(table.c[name] == bindparam(f"key_{name}") for name in keys)).values(columns)


# Made once: SQLAlchemy takes longer to put a statement together than SQLite to run it.
_SELECTS: Final = {kind: _select_one(kind) for kind in KEYS}
_UPDATES: Final = {kind: _update_one(kind) for kind in KEYS}


def _columns_of(row: Row) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__}


# Their data are the attributes of a row, and nothing else.
_ROWS: Final = frozenset({Kind.PROJECT, Kind.PERSON, Kind.FRAME})


_LATEST: Final = select(events.c.seq, events.c.hash).order_by(events.c.seq.desc()).limit(1)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was tried and is not allowed."""

    actor: int | None
    frame: int | None
    batch: int | None
    action: str
    problem: str


@dataclass(slots=True)
class Work:
    """One transaction of the review.

    Attributes
    ----------
    connection
        Inside the transaction.
    state
        The rows.
    at
        The time of its events, in microseconds since 1970-01-01 UTC.
    last
        Number and hash of the latest event.
    refusal
        Set when what was tried is not allowed.
    stamp
        What the data of its events say besides: where an import has them from. Events whose data are a row have none.
    """

    connection: Connection
    state: DatabaseState
    at: int
    last: tuple[int, str]
    refusal: Refusal | None = None
    stamp: dict[str, Any] = field(default_factory=dict)
    _new: list[Event] = field(default_factory=list)

    @classmethod
    def begin(cls, connection: Connection, at: int) -> Work:
        """Look where the log ends. The caller holds the lock that lets nobody else write."""
        row = connection.execute(_LATEST).first()
        return cls(connection, DatabaseState(connection), at, (0, NO_HASH) if row is None else (row.seq, row.hash))

    @property
    def project(self) -> Project:
        """The settings."""
        return self.state.get(Project, ONLY)

    @property
    def next_seq(self) -> int:
        """The number that the next event will have."""
        return self.last[0] + 1

    def append(
        self,
        kind: Kind,
        actor: int | None = None,
        *,
        frame: int | None = None,
        batch: int | None = None,
        stage: str = "",
        verdict: str = "",
        revision: int | None = None,
        reason: str = "",
        seconds: int = 0,
        data: dict[str, Any] | None = None,
        at: int | None = None,
    ) -> Event:
        """Add an event to the log and change the state as it says.

        Raises
        ------
        OptionError
            The time spent is none.
        """
        if not 0 <= seconds < 2**31:
            raise OptionError(f"{seconds} seconds is no time that a task can take")
        event = Event(
            seq=self.next_seq,
            at=self.at if at is None else at,
            kind=kind,
            actor=actor,
            frame=frame,
            batch=batch,
            stage=str(stage),
            verdict=str(verdict),
            revision=revision,
            reason=reason,
            seconds=seconds,
            data={**(data or {}), **({} if kind in _ROWS else self.stamp)},
            previous=self.last[1],
        )
        event = replace(event, hash=hash_event(event))
        apply(self.state, event)
        self._new.append(event)
        self.last = (event.seq, event.hash)
        return event

    def refuse(
        self, problem: str, *, actor: int | None, action: str, frame: int | None = None, batch: int | None = None
    ) -> NoReturn:
        """End the transaction without a change but a line of the log.

        Raises
        ------
        RefusedError
            Always.
        """
        self.refusal = Refusal(actor, frame, batch, action, problem)
        raise RefusedError(problem)

    def append_refusal(self, refusal: Refusal) -> Event:
        """Add the line of the log that tells what was tried."""
        return self.append(
            Kind.REFUSED,
            refusal.actor,
            frame=refusal.frame,
            batch=refusal.batch,
            reason=refusal.problem,
            data={"action": refusal.action},
        )

    def find(self, kind: type[R], query: Select[Any], **values: object) -> list[R]:
        """Return the rows of a query over all columns of their table, with these values of its parameters."""
        return self.state.find(kind, query, **values)

    def flush(self) -> None:
        """Write what was appended and changed."""
        self.state.flush()
        if self._new:
            self.connection.execute(insert(events), [row_of(event) for event in self._new])
            self._new.clear()


def row_of(event: Event) -> dict[str, Any]:
    """Return an event as the log's table holds it."""
    row = {name: getattr(event, name) for name in Event.__slots__}
    return {**row, "kind": str(event.kind), "data": encode_data(event.data)}


def events_of(rows: Iterable[Sequence[Any]]) -> Iterable[Event]:
    """Yield the events that rows of the log's table hold.

    Raises
    ------
    ValueError
        The kind or the data of a row cannot be read.
    """
    import json

    for row in rows:
        values = dict(zip(Event.__slots__, row, strict=True))
        yield Event(**{**values, "kind": Kind(values["kind"]), "data": json.loads(values["data"])})
