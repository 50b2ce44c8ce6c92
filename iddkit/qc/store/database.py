"""The database of a project: SQLite, one file and nothing to set up, or PostgreSQL for a team.

Reads see one consistent moment. Writes are one after another: an event carries the hash of the one before, so two of
them can never be written at a time, and a claim or a verdict needs no further lock.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, inspect, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DataError, NoSuchModuleError, OperationalError

from iddkit.errors import OptionError, RefusedError, StoreError, shown
from iddkit.qc.events import to_microseconds
from iddkit.qc.state import Project
from iddkit.qc.store.tables import events, projects
from iddkit.qc.store.work import Work

#: The version of the tables that this code reads and writes: the latest in ``migrations/versions``.
VERSION: Final = "0005"

# Seconds that a writer waits for the others.
_PATIENCE: Final = 120

# Connections that are kept: as many as the review page has threads, so that none of them waits for one, and none is
# opened anew for every answer. They are made when they are needed: a command has one.
_CONNECTIONS: Final = 40


@dataclass(frozen=True, slots=True)
class Store:
    """An open database.

    Attributes
    ----------
    engine
        SQLAlchemy's.
    url
        Where it is; a password is not in it.
    folder
        What a relative folder of annotation files begins at: that of the SQLite file, elsewhere the current one.
    turn
        Held by the thread that writes to SQLite.
    """

    engine: Engine
    url: str
    folder: Path
    turn: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a connection that sees one moment of the database, and changes nothing."""
        with self.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with _named_errors(self.url), connection.begin() as transaction:
                yield connection
                transaction.rollback()

    @contextlib.contextmanager
    def looking(self) -> Iterator[Work]:
        """Open a transaction in which rows are looked up and nothing can be written."""
        with self.reading() as connection:
            yield Work.begin(connection, to_microseconds(datetime.now(UTC)))

    @contextlib.contextmanager
    def writing(self, now: datetime | None = None) -> Iterator[Work]:
        """Open a transaction: all that is done in it holds, or nothing.

        Parameters
        ----------
        now
            The time of its events; the system's, if None.

        Raises
        ------
        RefusedError
            What was tried in it is not allowed. The log has a line about that; nothing else was changed.
        """
        at = to_microseconds(now or datetime.now(UTC))
        with _named_errors(self.url):
            work = None
            try:
                with self._locked(at) as (connection, work):
                    yield work
                    work.flush()
                    connection.commit()
            except RefusedError:
                if work is not None:
                    self._log_refusal(work, at)
                raise

    @contextlib.contextmanager
    def noting(self) -> Iterator[Work]:
        """Open a transaction for what the log does not hold: on PostgreSQL nobody who writes to that waits for it."""
        with (
            _named_errors(self.url),
            self._in_turn(),
            self.engine.connect().execution_options(iddkit_writes=True) as connection,
            connection.begin(),
        ):
            yield Work.begin(connection, to_microseconds(datetime.now(UTC)))

    @contextlib.contextmanager
    def _locked(self, at: int) -> Iterator[tuple[Connection, Work]]:
        with self._in_turn(), self.engine.connect().execution_options(iddkit_writes=True) as connection:
            connection.begin()
            if connection.dialect.name == "postgresql":
                # Others may read meanwhile, and nobody else write.
                connection.execute(text(f"SET LOCAL lock_timeout = '{_PATIENCE}s'"))
                # A client that hangs, or whose machine is gone, must not stop the others for ever.
                connection.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = '{_PATIENCE}s'"))
                connection.execute(text("LOCK TABLE event IN EXCLUSIVE MODE"))
            yield connection, Work.begin(connection, at)

    @contextlib.contextmanager
    def _in_turn(self) -> Iterator[None]:
        # SQLite does not tell who waits that it is their turn: they look again and again, up to a tenth of a second
        # apart. Of the threads of one process the next is woken at once, and until then it holds no connection.
        if self.engine.dialect.name != "sqlite":
            yield
            return
        if not self.turn.acquire(timeout=_PATIENCE):
            raise StoreError("the database says: another thread has been writing for too long", path=self.url)
        try:
            yield
        finally:
            self.turn.release()

    def _log_refusal(self, refused: Work, at: int) -> None:
        if refused.refusal is not None:
            with self._locked(at) as (connection, work):
                work.append_refusal(refused.refusal)
                work.flush()
                connection.commit()

    def files(self, project: Project) -> Path:
        """Return the folder of the annotation files."""
        return self.folder / project.files

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()


def create_store(url: str, *, durable: bool = True) -> Store:
    """Make the tables in a new database, or bring those of an older version up to date.

    Raises
    ------
    StoreError
        The database cannot be reached or made, or is of a later version than this one.
    """
    from iddkit.qc.store.migrate import upgrade

    store = _connect(url, durable=durable, create=True)
    with _closed_if_bad(store) as connection:
        # Of two that make one at a time, the second finds what the first has made.
        connection = connection.execution_options(iddkit_writes=True)
        found = _read_version(connection)
        connection.rollback()
        if found is None or found < VERSION:
            upgrade(connection)
        elif found > VERSION:
            raise StoreError(_other_version(found), path=store.url)
    return store


def open_store(url: str, *, durable: bool = True) -> Store:
    """Open the database of a project.

    Parameters
    ----------
    url
        Path of a SQLite file, or a URL as SQLAlchemy writes it: ``postgresql+psycopg://user@host/name``.
    durable
        Whether what is acknowledged survives a power failure; without it writes are many times faster.

    Raises
    ------
    StoreError
        There is none, it cannot be reached, or it is of another version.
    """
    store = _connect(url, durable=durable, create=False)
    with _closed_if_bad(store) as connection:
        found = _read_version(connection)
        if found is None:
            raise StoreError("no review project is here; 'iddkit qc init' makes one", path=store.url)
        if found != VERSION:
            raise StoreError(_other_version(found), path=store.url)
    return store


@contextlib.contextmanager
def _closed_if_bad(store: Store) -> Iterator[Connection]:
    # Nobody gets a store that cannot be used: it would stay connected for ever.
    try:
        with _named_errors(store.url), store.engine.connect() as connection:
            yield connection
    except BaseException:
        store.close()
        raise


def _other_version(found: str) -> str:
    if found < VERSION:
        return f"has tables of version {found}; 'iddkit qc upgrade' brings them to {VERSION}"
    return f"has tables of version {found}, from a later iddkit; this one knows {VERSION}"


def _read_version(connection: Connection) -> str | None:
    # Not by Alembic, which takes as long to import as a whole command takes to run.
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return version


def _connect(url: str, *, durable: bool, create: bool) -> Store:
    parsed = _parse(url)
    if parsed.get_backend_name() != "sqlite":
        engine = create_engine(parsed, pool_pre_ping=True, pool_size=_CONNECTIONS, connect_args={"connect_timeout": 10})
        return Store(engine, parsed.render_as_string(), Path())
    path = Path(parsed.database or "")
    if parsed.database in (None, "", ":memory:"):
        raise StoreError("a review project needs a file: a database in memory is gone with the command")
    if not create and not path.is_file():
        raise StoreError("no review project is here; 'iddkit qc init' makes one", path=path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot be made: {error.strerror or error}", path=path.parent) from error
    engine = create_engine(parsed, pool_size=_CONNECTIONS, connect_args={"timeout": _PATIENCE})
    event.listen(engine, "connect", _prepare_durable if durable else _prepare_quick)
    event.listen(engine, "begin", _begin)
    return Store(engine, str(path), path.parent)


def _parse(url: str) -> URL:
    if "://" not in url:
        return URL.create("sqlite", database=url)
    # 'postgresql://' alone would be psycopg2.
    scheme, rest = url.split("://", 1)
    try:
        parsed = make_url(f"{'postgresql+psycopg' if scheme in ('postgres', 'postgresql') else scheme}://{rest}")
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError) as error:
        raise StoreError(f"not the URL of a database: {error}") from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError("neither SQLite nor PostgreSQL", path=parsed.render_as_string())
    return parsed


def _prepare_durable(connection: sqlite3.Connection, _: Any) -> None:
    _prepare(connection, "FULL")


def _prepare_quick(connection: sqlite3.Connection, _: Any) -> None:
    _prepare(connection, "OFF")


def _prepare(connection: sqlite3.Connection, synchronous: str) -> None:
    # Transactions begin where `_begin` says, and not before the first statement that writes.
    connection.isolation_level = None
    deadline = time.monotonic() + _PATIENCE
    while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:  # the switch does not wait for others as all else does
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    connection.execute(f"PRAGMA synchronous = {synchronous}")


def _begin(connection: Connection) -> None:
    # A transaction that reads first and then writes can fail in the middle; one that means to write waits at the door.
    writes = connection.get_execution_options().get("iddkit_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextlib.contextmanager
def _named_errors(url: str) -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        # 'Not a database' is the bare error of SQLite; a broken constraint would be a bug of iddkit.
        if type(error) not in (OperationalError, DataError, DatabaseError):
            raise
        reason = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
        raise StoreError(f"the database says: {reason}", path=url) from error
    except UnicodeEncodeError as error:
        raise OptionError(f"{shown(error.object)} is not UTF-8, and cannot be stored or looked for") from error


def read_identity(connection: Connection) -> str:
    """Return what tells a project from all others: the hash of its first event; "" before that."""
    first: str | None = connection.execute(select(events.c.hash).order_by(events.c.seq).limit(1)).scalar()
    return first or ""


def read_project(connection: Connection) -> Project:
    """Return the settings.

    Raises
    ------
    StoreError
        There are tables, but no project: 'iddkit qc init' did not end.
    """
    row = connection.execute(select(projects)).first()
    if row is None:
        raise StoreError("has no project yet; 'iddkit qc init' makes one")
    return Project(*row)
