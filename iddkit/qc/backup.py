"""Backups: a project of any store as a SQLite file with its annotation files beside it, and back into any store.

All rows are read in one moment while others go on working. The copy is checked as a whole, chain, rows and files,
before it takes its name: a backup that is there is good.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path, PurePath
from typing import Final

from sqlalchemy import Connection, func, insert, select, union

from iddkit.errors import OptionError, OutputError, StoreError
from iddkit.files import TEMPORARY_PREFIX, TEMPORARY_SUFFIX
from iddkit.qc.events import Kind
from iddkit.qc.state import Project
from iddkit.qc.store import contents
from iddkit.qc.store.database import Store, create_store, open_store, read_project
from iddkit.qc.store.tables import TABLES, events, plants, revisions
from iddkit.qc.store.work import Work
from iddkit.qc.verify import Verification, verify_connection

#: Rows that are copied at a time.
CHUNK: Final = 2000

#: Folder of the files of a backup whose project keeps its own somewhere else.
FILES: Final = "qc_files"

#: Called with how many rows and files are copied.
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Copy:
    """What was copied.

    Attributes
    ----------
    path
        Of the SQLite file, or the URL of the store.
    files
        Folder of the annotation files.
    copied
        Annotation files that were not there yet.
    moved
        Whether an event was added that says where the files lie now: they did not lie beside the project.
    verification
        Of what was copied.
    """

    path: str
    files: Path
    copied: int
    moved: bool
    verification: Verification


def backup(
    store: Store,
    target: Path,
    *,
    overwrite: bool = False,
    now: datetime | None = None,
    progress: Progress | None = None,
) -> Copy:
    """Copy a project into a new SQLite file, whole or not at all.

    Files lie under their hashes, so that backups in one folder share them, and a later one copies only what is new.

    Parameters
    ----------
    store
        SQLite or PostgreSQL.
    target
        Of the new file; its folder is made.
    overwrite
        Replace an earlier backup.
    now
        The time of the event that says where the files lie now, if one is needed; the system's, if None.
    progress
        Called now and then.

    Raises
    ------
    OutputError
        The file is there already, is the project itself, is open in another program, or cannot be written.
    StoreError
        The project is damaged: it says where. Nothing was written over.
    """
    _require_free(store, target, overwrite)
    temporary = target.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{target.name[:60]}{TEMPORARY_SUFFIX}")
    try:
        _remove(temporary)
        with store.reading() as source:
            project = read_project(source)
            name = _choose_folder(store, project, target)
            copy = create_store(str(temporary), durable=False)
            try:
                made = _fill(source, store.files(project), copy, name, target.parent / name, now, progress)
            finally:
                copy.close()
        _settle(temporary)
        try:
            os.replace(temporary, target)
        except OSError as error:
            raise OutputError(f"cannot be written: {error.strerror or error}", path=target) from error
        _sync(target.parent)
    finally:
        _remove(temporary)
    return Copy(str(target), *made)


def restore(
    source: Path,
    url: str,
    *,
    folder: str | None = None,
    now: datetime | None = None,
    progress: Progress | None = None,
) -> Copy:
    """Copy a backup, or any project in a SQLite file, into an empty store: another file, or a PostgreSQL database.

    Parameters
    ----------
    source
        The SQLite file.
    url
        Of the store, as in `create_store`.
    folder
        Of its annotation files; by default as in the backup. A database of a team needs a full path.
    now, progress
        As for `backup`.

    Raises
    ------
    OptionError
        The folder of the files has to be named, or given in full.
    StoreError
        The store is not empty, or the backup is damaged: nothing was changed.
    """
    with closing(open_store(str(source))) as old, closing(create_store(url)) as new, old.reading() as connection:
        project = read_project(connection)
        name = folder or project.files
        if new.engine.dialect.name != "sqlite" and not Path(name).is_absolute():
            raise OptionError("a database of a team needs the full path of a folder for the files, which all can reach")
        return Copy(new.url, *_fill(connection, old.files(project), new, name, new.folder / name, now, progress))


def _fill(
    source: Connection,
    files: Path,
    target: Store,
    name: str,
    folder: Path,
    now: datetime | None,
    progress: Progress | None,
) -> tuple[Path, int, bool, Verification]:
    """Copy all that a connection sees, in one transaction that is undone unless all is well."""
    with target.writing(now) as work:
        if work.connection.execute(select(func.count()).select_from(events)).scalar():
            raise StoreError("is not empty: it has a project already", path=target.url)
        done = 0
        for table in (events, *TABLES.values()):
            rows = source.execute(select(table).execution_options(yield_per=CHUNK))
            for part in rows.partitions():
                work.connection.execute(insert(table), [row._asdict() for row in part])
                done += len(part)
                if progress is not None:
                    progress(done)
        copied = 0
        for digest in source.execute(_DIGESTS).scalars():
            copied += _copy_file(files, folder, digest)
            done += 1
            if progress is not None and done % 100 == 0:
                progress(done)
        found = verify_connection(work.connection, target, files=folder)
        if not found.ok:
            raise StoreError(f"the project is damaged: {found.findings[0]}", path=target.url)
        project = read_project(work.connection)
        moved = name != project.files
        if moved:
            latest = Work.begin(work.connection, work.at)
            data = {field.name: getattr(project, field.name) for field in fields(Project) if field.name != "id"}
            latest.append(Kind.PROJECT, data={**data, "files": name})
            latest.flush()
        return folder, copied, moved, found


# Of hand-ins and of planted copies, each once.
_DIGESTS: Final = union(select(revisions.c.sha256), select(plants.c.sha256)).order_by("sha256")


def _copy_file(files: Path, folder: Path, digest: str) -> bool:
    """Copy an annotation file unless it is there; one that is there and damaged is mended."""
    try:
        contents.fetch(folder, digest)
    except StoreError:
        contents.keep(folder, contents.fetch(files, digest))
        return True
    return False


def _choose_folder(store: Store, project: Project, target: Path) -> str:
    """Return where the files of a backup lie, relative to it: never where the project has its own."""
    name = PurePath(project.files)
    beside = name.parts and not name.is_absolute() and ".." not in name.parts
    chosen = project.files if beside else FILES
    if (target.parent / chosen).resolve() == store.files(project).resolve():
        chosen = f"{target.stem}_files"
    return chosen


def _require_free(store: Store, target: Path, overwrite: bool) -> None:
    own = store.engine.url.database if store.engine.dialect.name == "sqlite" else None
    if own is not None and Path(own).resolve() == target.resolve():
        raise OutputError("is the project itself", path=target)
    if not target.exists():
        return
    if not overwrite or not target.is_file():
        raise OutputError("is there already; --overwrite replaces it", path=target)
    # What another program has open it would go on writing beside; and a log of SQLite that is left would be read with
    # the new file.
    _settle(target)


def _settle(path: Path) -> None:
    """Make a SQLite file one file again, and lasting."""
    try:
        with closing(sqlite3.connect(path, timeout=1)) as database:
            database.execute("PRAGMA journal_mode = DELETE").fetchall()
    except sqlite3.OperationalError as error:
        raise OutputError(f"is open in another program ({error})", path=path) from error
    except sqlite3.DatabaseError as error:
        raise OutputError("is there already and is no project", path=path) from error
    _sync(path)


def _sync(path: Path) -> None:
    with suppress(OSError):  # not every system has it for folders
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
