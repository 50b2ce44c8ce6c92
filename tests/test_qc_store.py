"""What both databases of the review have to do alike: tables, versions, errors, and a log that is only added to."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import DBAPIError

from iddkit.errors import OptionError, StoreError
from iddkit.qc import queue
from iddkit.qc.store import contents
from iddkit.qc.store.database import VERSION, Store, create_store, open_store, read_project
from iddkit.qc.store.migrate import make_config
from iddkit.qc.store.tables import events, frames, metadata
from iddkit.qc.store.work import Work
from tests.qc_project import check_log, make_index, start_review
from tests.qc_stores import Databases


def test_migrations_make_the_tables_that_the_code_knows(store: Store) -> None:
    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_version_of_the_code_is_that_of_the_last_migration() -> None:
    assert ScriptDirectory.from_config(make_config()).get_heads() == [VERSION]


def test_a_new_database_gets_its_tables_once(databases: Databases) -> None:
    with databases.new(migrated=False) as url:
        for _ in range(2):
            made = create_store(url)
            with made.reading() as connection:
                assert connection.execute(select(func.count()).select_from(events)).scalar() == 0
            made.close()
        opened = open_store(url)
        with opened.reading() as connection, pytest.raises(StoreError, match="no project yet"):
            read_project(connection)
        opened.close()


def test_a_database_without_tables_is_no_project(databases: Databases) -> None:
    with databases.new(migrated=False) as url:
        if databases.kind == "sqlite":
            sqlite3.connect(url).execute("CREATE TABLE other (id INTEGER)").connection.close()
        with pytest.raises(StoreError, match="no review project is here; 'iddkit qc init' makes one"):
            open_store(url)


@pytest.mark.parametrize(("found", "said"), [("9999", "from a later iddkit"), ("0000", "'iddkit qc upgrade'")])
def test_another_version_of_the_tables_is_refused(databases: Databases, found: str, said: str) -> None:
    with databases.new() as url:
        store = open_store(url)
        with store.engine.begin() as connection:
            connection.execute(text(f"UPDATE alembic_version SET version_num = '{found}'"))
        store.close()
        with pytest.raises(StoreError, match=f"tables of version {found}.*{said}"):
            open_store(url)
        if found > VERSION:
            with pytest.raises(StoreError, match="from a later iddkit"):
                create_store(url)


@pytest.mark.parametrize(
    "statement", ["UPDATE event SET reason = 'mine'", "DELETE FROM event WHERE seq = 3", "TRUNCATE event"]
)
def test_no_event_is_changed_or_removed(store: Store, statement: str) -> None:
    if statement.startswith("TRUNCATE") and store.engine.dialect.name == "sqlite":
        statement = "DELETE FROM event"  # it has no other way
    log = start_review(store).events()
    with pytest.raises(DBAPIError, match="only ever added to"), store.engine.begin() as connection:
        connection.execute(text(statement))
    assert check_log(store) == log


def test_reading_sees_one_moment_while_another_writes(store: Store) -> None:
    start_review(store, 3)
    count = select(func.count()).select_from(frames)
    with store.reading() as connection:
        before = connection.execute(count).scalar()
        with store.writing() as work:
            queue.add_frames(work, make_index(8), "b", queue.find_person(work, "lea"))
        assert connection.execute(count).scalar() == before == 3
        assert connection.execute(select(func.count()).where(events.c.frame == 8)).scalar() == 0
    with store.reading() as connection:
        assert connection.execute(count).scalar() == 8


def test_what_is_written_is_unseen_until_all_of_it_holds(store: Store) -> None:
    review = start_review(store)
    rows, log = review.rows(), review.events()
    with store.writing() as work:
        queue.add_frames(work, make_index(5), "other", queue.find_person(work, "lea"))
        assert review.rows() == rows
    assert len(review.frames()) == 5
    assert len(review.events()) == len(log) + 5


def test_an_error_in_a_transaction_leaves_nothing(store: Store) -> None:
    review = start_review(store)
    rows, log = review.rows(), review.events()

    def stumble(work: Work) -> None:
        queue.add_frames(work, make_index(5), "other", queue.find_person(work, "lea"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        review.do(stumble)
    assert (review.rows(), review.events()) == (rows, log)
    check_log(store)


def test_a_refusal_takes_back_what_was_done_before_it(store: Store) -> None:
    review = start_review(store)

    def overreach(work: Work) -> None:
        queue.add_frames(work, make_index(5), "other", queue.find_person(work, "lea"))
        queue.add_frames(work, make_index(6), "other", queue.find_person(work, "ann"))

    with review.refused("only a lead may add frames"):
        review.do(overreach)
    check_log(store)


def test_a_refusal_is_written_by_one_connection(store: Store) -> None:
    review, used, most = start_review(store), [0], [0]

    def take(*_: object) -> None:
        used[0] += 1
        most[0] = max(most[0], used[0])

    event.listen(store.engine, "checkout", take)
    event.listen(store.engine, "checkin", lambda *_: used.__setitem__(0, used[0] - 1))
    with review.refused("only a lead may add frames"):
        review.do(lambda work: queue.add_frames(work, make_index(6), "other", queue.find_person(work, "ann")))
    assert (used, most) == ([0], [1])


def test_threads_that_write_to_sqlite_wait_without_a_connection(tmp_path: Path) -> None:
    store, threads = create_store(str(tmp_path / "qc.db"), durable=False), 12
    begun = threading.Barrier(threads)
    made: list[object] = []
    event.listen(store.engine, "connect", lambda *_: made.append(None))

    def write(_: int) -> None:
        begun.wait()
        with store.writing() as work:
            assert work.connection.execute(select(func.count()).select_from(events)).scalar_one() == 0

    with ThreadPoolExecutor(threads) as pool:
        assert list(pool.map(write, range(threads))) == [None] * threads
    store.close()
    assert len(made) <= 1, "the one of before may be there still"


def test_events_survive_the_database_unchanged(store: Store) -> None:
    review = start_review(store, timezone="Asia/Kolkata")
    review.submit("ann", seconds=7)
    review.fails(review.holder(), text='Übergröße "\n\t\x00\x1f {}[] \U0001f697', seconds=2**31 - 1)
    log = check_log(store)
    assert log[-1].data["text"] == 'Übergröße "\n\t\x00\x1f {}[] \U0001f697'
    assert log[-1].seconds == 2**31 - 1


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no review project is here"):
        open_store(str(tmp_path))
    with pytest.raises(StoreError, match="unable to open database file"):
        create_store(str(tmp_path))


def test_another_file_is_no_database_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are notes, and no database at all; " * 40)
    content = path.read_bytes()
    for make in (open_store, create_store):
        with pytest.raises(StoreError, match="notes.txt: the database says: file is not a database"):
            make(str(path))
    assert path.read_bytes() == content


def test_a_missing_file_is_named_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="qc.db: no review project is here"):
        open_store(str(tmp_path / "qc.db"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["", "sqlite://", "sqlite:///:memory:", ":memory:"])
def test_a_project_is_not_kept_in_memory(url: str) -> None:
    with pytest.raises(StoreError, match="needs a file"):
        create_store(url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://a@b/c", "neither SQLite nor PostgreSQL|not the URL"),
        ("nothing://a", "not the URL of a database"),
        ("postgresql+asyncthing://a@b/c", "not the URL of a database"),
        ("http:///x", "not the URL of a database"),
    ],
)
def test_a_url_of_something_else_is_refused(url: str, said: str) -> None:
    with pytest.raises(StoreError, match=said):
        open_store(url)


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "postgresql", "postgres"])
def test_a_server_that_is_not_there_is_one_line_without_the_password(tmp_path: Path, scheme: str) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(StoreError, match="the database says: ") as caught:
        open_store(f"{scheme}://me:geheim@/review?host={tmp_path}")
    assert "geheim" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_database_that_the_server_does_not_have_is_named(postgresql: Databases) -> None:
    with postgresql.new() as url:
        missing = url.replace("iddkit_test_", "iddkit_missing_")
        with pytest.raises(StoreError, match="does not exist"):
            open_store(missing)


def test_the_files_of_a_team_need_a_full_path(postgresql: Databases) -> None:
    with postgresql.new() as url:
        store = open_store(url)
        with pytest.raises(OptionError, match="needs the full path"), store.writing() as work:
            queue.start_project(work, "team")
        assert check_log(store) == []
        store.close()


def test_kept_files_come_back_byte_for_byte(tmp_path: Path) -> None:
    for content in (b"", b"{}", bytes(range(256)) * 100):
        digest = contents.keep(tmp_path, content)
        assert contents.keep(tmp_path, content) == digest
        assert contents.fetch(tmp_path, digest) == content
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 3


def test_a_kept_file_that_was_changed_is_not_given_out_and_can_be_kept_anew(tmp_path: Path) -> None:
    digest = contents.keep(tmp_path, b"as it was handed in")
    path = contents.path_of(tmp_path, digest)
    path.write_bytes(b"as it was made later")
    with pytest.raises(StoreError, match="not what was handed in"):
        contents.fetch(tmp_path, digest)
    assert contents.keep(tmp_path, b"as it was handed in") == digest
    assert contents.fetch(tmp_path, digest) == b"as it was handed in"
    path.unlink()
    with pytest.raises(StoreError, match="cannot be read"):
        contents.fetch(tmp_path, digest)
