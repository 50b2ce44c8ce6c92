from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from iddkit.errors import OptionError, OutputError, StoreError
from iddkit.files import TEMPORARY_PREFIX
from iddkit.qc.backup import backup, restore
from iddkit.qc.events import Kind
from iddkit.qc.store import contents
from iddkit.qc.store.database import Store, open_store, read_project
from iddkit.qc.store.tables import TABLES, events, revisions
from iddkit.qc.verify import verify
from tests.qc_run import START, Run, start
from tests.qc_stores import Databases


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = start(tmp_path_factory.mktemp("backup") / "p", 8)
    run.finish("B", 0.3)
    run.store.close()
    return run


@pytest.fixture
def project(made: Run, tmp_path: Path) -> Run:
    shutil.copytree(made.folder, tmp_path / "p")
    return Run(open_store(str(tmp_path / "p" / "qc.db"), durable=False), tmp_path / "p", now=made.now)


def rows(store: Store, upto: int | None = None) -> dict[str, list[tuple[object, ...]]]:
    with store.reading() as connection:
        found = {t.name: sorted(map(tuple, connection.execute(select(t))), key=repr) for t in TABLES.values()}
        log = select(events).order_by(events.c.seq)
        found["event"] = [*map(tuple, connection.execute(log if upto is None else log.where(events.c.seq <= upto)))]
    return found


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_backup_holds_all_rows_and_all_files(project: Run, tmp_path: Path) -> None:
    copy = backup(project.store, tmp_path / "b" / "copy.db")
    assert copy.verification.ok
    assert (copy.moved, copy.files) == (False, tmp_path / "b" / "qc_files")
    with closing(open_store(copy.path)) as store:
        assert rows(store) == rows(project.store)
        assert verify(store).ok
        assert verify(store).files == copy.copied == verify(project.store).files
    shutil.rmtree(project.folder)
    with closing(open_store(copy.path)) as store:
        assert verify(store).ok


def test_backup_is_one_file_with_its_folder_and_nothing_else(project: Run, tmp_path: Path) -> None:
    backup(project.store, tmp_path / "b" / "copy.db")
    assert left(tmp_path / "b") == ["copy.db"]


def test_backup_is_not_written_over_unless_asked(project: Run, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    backup(project.store, target)
    before = target.read_bytes()
    project.submit(project.frames("accepted")[0].key, "ann", b'{"imgWidth": 9, "imgHeight": 9, "objects": []}')
    with pytest.raises(OutputError, match="is there already; --overwrite"):
        backup(project.store, target)
    assert target.read_bytes() == before
    copy = backup(project.store, target, overwrite=True)
    assert copy.copied == 1  # the others were there
    with closing(open_store(str(target))) as store:
        assert rows(store) == rows(project.store)


def test_project_is_no_place_for_its_backup(project: Run) -> None:
    with pytest.raises(OutputError, match="is the project itself"):
        backup(project.store, project.folder / ".." / "p" / "qc.db", overwrite=True)


def test_backup_beside_the_project_has_its_own_files(project: Run) -> None:
    copy = backup(project.store, project.folder / "copy.db", now=START)
    assert copy.moved
    assert copy.files == project.folder / "copy_files"
    shutil.rmtree(project.folder / "qc_files")
    with closing(open_store(copy.path)) as store:
        found = verify(store)
        assert found.ok
        assert found.events == verify(project.store, files=False).events + 1  # which says where they lie
        assert rows(store, found.events - 1)["event"] == rows(project.store)["event"]


def test_project_whose_files_lie_elsewhere_is_backed_up_as_a_whole(tmp_path: Path) -> None:
    run = start(tmp_path / "p", 2, files=str(tmp_path / "far"))
    (tmp_path / "far").mkdir()
    (tmp_path / "p" / "qc_files").symlink_to(tmp_path / "far")
    run.work()
    copy = backup(run.store, tmp_path / "b" / "copy.db")
    shutil.rmtree(tmp_path / "far")
    with closing(open_store(copy.path)) as store:
        assert verify(store).ok
        with store.reading() as connection:
            assert read_project(connection).files == "qc_files"


def test_damaged_project_does_not_replace_a_good_backup(project: Run, tmp_path: Path) -> None:
    target = tmp_path / "b" / "copy.db"
    backup(project.store, target)
    good = target.read_bytes()
    with closing(sqlite3.connect(project.folder / "qc.db")) as database:
        database.execute("UPDATE frame SET rounds = 9 WHERE id = 1")
        database.commit()
    with pytest.raises(StoreError, match="damaged: frame 1"):
        backup(project.store, target, overwrite=True)
    assert target.read_bytes() == good
    assert left(tmp_path / "b") == ["copy.db"]


def test_lost_annotation_file_stops_a_backup(project: Run, tmp_path: Path) -> None:
    shutil.rmtree(project.folder / "qc_files")
    with pytest.raises(StoreError, match="cannot be read"):
        backup(project.store, tmp_path / "b" / "copy.db")
    assert left(tmp_path / "b") == []


def test_damaged_file_of_an_earlier_backup_is_mended(project: Run, tmp_path: Path) -> None:
    first = backup(project.store, tmp_path / "b" / "one.db")
    path = next(path for path in first.files.rglob("*") if path.is_file())
    path.write_bytes(b"damaged")
    assert backup(project.store, tmp_path / "b" / "two.db").copied == 1


def test_what_is_open_or_no_project_is_not_replaced(project: Run, tmp_path: Path) -> None:
    copy = backup(project.store, tmp_path / "b" / "copy.db")
    with closing(open_store(copy.path)) as store, store.reading() as connection:
        read_project(connection)
        with pytest.raises(OutputError, match="open in another program"):
            backup(project.store, tmp_path / "b" / "copy.db", overwrite=True)
    (tmp_path / "notes.txt").write_text("not a database at all " * 99)
    with pytest.raises(OutputError, match="no project"):
        backup(project.store, tmp_path / "notes.txt", overwrite=True)
    with pytest.raises(OutputError, match="there already"):
        backup(project.store, tmp_path / "b", overwrite=True)


def test_killed_backup_leaves_nothing_that_looks_like_one(project: Run, tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def kill(done: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        backup(project.store, tmp_path / "b" / "copy.db", progress=kill)
    assert not (tmp_path / "b" / "copy.db").exists()
    assert not [name for name in left(tmp_path / "b") if not name.startswith(TEMPORARY_PREFIX)]


def test_backup_while_others_write_is_of_one_moment(project: Run, tmp_path: Path) -> None:
    stop = threading.Event()
    errors: list[BaseException] = []

    def write() -> None:
        try:
            with closing(open_store(str(project.folder / "qc.db"), durable=False)) as store:
                while not stop.is_set():
                    with store.writing() as work:
                        work.append(Kind.WORKED, 2, stage="annotation", seconds=1)
        except BaseException as error:
            errors.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        copies = [backup(project.store, tmp_path / "b" / f"{number}.db") for number in range(3)]
    finally:
        stop.set()
        writer.join()
    assert not errors
    whole = rows(project.store)["event"]
    sizes = []
    for copy in copies:
        with closing(open_store(copy.path)) as store:
            log = rows(store)["event"]
        assert log == whole[: len(log)]
        sizes.append(len(log))
    assert sizes[0] < sizes[2] <= len(whole)


def test_backup_of_either_store_goes_back_into_either(project: Run, databases: Databases, tmp_path: Path) -> None:
    first = backup(project.store, tmp_path / "b" / "one.db")
    with databases.new(migrated=False) as url:
        files = str(tmp_path / "team")
        there = restore(Path(first.path), url, folder=files)
        assert there.moved
        with closing(open_store(url)) as store:
            assert verify(store).ok
            events_there = verify(store).events
            again = backup(store, tmp_path / "c" / "two.db")
        assert (again.moved, again.copied) == (True, there.copied)
    with closing(open_store(again.path)) as store:
        found = verify(store)
        assert found.ok
        assert found.events == events_there + 1
        assert rows(store, events_there - 1)["event"] == rows(project.store)["event"]
        with store.reading() as connection:
            assert read_project(connection).files == "qc_files"


def test_work_goes_on_after_a_restore(project: Run, databases: Databases, tmp_path: Path) -> None:
    first = backup(project.store, tmp_path / "b" / "one.db")
    with databases.new(migrated=False) as url:
        restore(Path(first.path), url, folder=str(tmp_path / "q" / "qc_files"))
        (tmp_path / "q").mkdir(exist_ok=True)
        with closing(open_store(url, durable=False)) as store:
            run = Run(store, tmp_path / "q", now=project.now)
            run.submit(run.frames("accepted")[0].key, "ann", b'{"imgWidth": 9, "imgHeight": 9, "objects": []}')
            run.work()
            assert verify(store).ok


def test_store_that_is_not_empty_takes_no_backup(project: Run, tmp_path: Path) -> None:
    first = backup(project.store, tmp_path / "b" / "one.db")
    before = rows(project.store)
    with pytest.raises(StoreError, match="not empty"):
        restore(Path(first.path), str(project.folder / "qc.db"))
    assert rows(project.store) == before


def test_damaged_backup_is_not_restored(project: Run, tmp_path: Path) -> None:
    first = backup(project.store, tmp_path / "b" / "one.db")
    with closing(sqlite3.connect(first.path)) as database:
        database.execute("DROP TRIGGER event_UPDATE")
        database.execute("UPDATE event SET seconds = seconds + 1 WHERE seq = 30")
        database.commit()
    with pytest.raises(StoreError, match="damaged: event 30"):
        restore(Path(first.path), str(tmp_path / "n" / "new.db"))
    with closing(open_store(str(tmp_path / "n" / "new.db"))) as store:
        assert rows(store)["event"] == []


def test_database_of_a_team_needs_a_full_path(project: Run, postgresql: Databases, tmp_path: Path) -> None:
    first = backup(project.store, tmp_path / "b" / "one.db")
    with postgresql.new(migrated=False) as url, pytest.raises(OptionError, match="full path"):
        restore(Path(first.path), url)


def test_every_kept_file_of_a_restore_is_the_same(project: Run, tmp_path: Path) -> None:
    first = backup(project.store, tmp_path / "b" / "one.db")
    there = restore(Path(first.path), str(tmp_path / "n" / "new.db"))
    with closing(open_store(there.path)) as store, store.reading() as connection:
        digests = set(connection.execute(select(revisions.c.sha256)).scalars())
    for digest in digests:
        assert contents.fetch(there.files, digest) == contents.fetch(project.folder / "qc_files", digest)
    assert len(digests) == there.copied
