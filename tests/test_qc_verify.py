from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iddkit.qc.events import Event, Kind, hash_event
from iddkit.qc.store.database import open_store
from iddkit.qc.store.tables import TABLES, events
from iddkit.qc.store.work import row_of
from iddkit.qc.verify import Verification, hash_row, verify
from tests.qc_run import start

Tamper = Callable[..., Verification]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify") / "project"
    run = start(folder, 12)
    run.finish("B", 0.3)
    run.store.close()
    return folder


@pytest.fixture
def tamper(finished: Path, tmp_path: Path) -> Tamper:
    """Return a function that changes a copy with the triggers taken away and put back, and verifies it."""
    folder = tmp_path / "copy"
    shutil.copytree(finished, folder)

    def change(*statements: str, values: Sequence[object] = (), keep: bool = True) -> Verification:
        with closing(sqlite3.connect(folder / "qc.db")) as database:
            triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for name, _ in triggers:
                database.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                database.execute(statement, values)
            for _, sql in triggers if keep else ():
                database.execute(sql)
            database.commit()
        store = open_store(str(folder / "qc.db"))
        try:
            return verify(store)
        finally:
            store.close()

    return change


def test_untouched_project_is_found_whole(tamper: Tamper) -> None:
    found = tamper()
    assert found.ok
    assert found.first_broken is None
    assert found.events > 100
    assert found.files >= 12


def test_events_cannot_be_changed_while_the_triggers_are_there(finished: Path) -> None:
    with closing(sqlite3.connect(finished / "qc.db")) as database:
        for statement in ("UPDATE event SET seconds = 1 WHERE seq = 9", "DELETE FROM event WHERE seq = 9"):
            with pytest.raises(sqlite3.IntegrityError, match="only ever added to"):
                database.execute(statement)


@pytest.mark.parametrize("column", [column.name for column in events.c])
def test_change_of_any_column_of_an_event_is_found_at_that_event(tamper: Tamper, column: str) -> None:
    values = {
        "seq": "1000000",
        "at": "at + 1",
        "kind": "'worked'",
        "stage": "'qc4'",
        "verdict": "'pass'",
        "reason": "'none'",
        "data": "data || ' '",  # the same to a reader of JSON
        "previous": "replace(previous, substr(previous, 1, 1), 'x')",
        "hash": "replace(hash, substr(hash, 1, 1), 'x')",
    }
    found = tamper(f"UPDATE event SET {column} = {values.get(column, f'coalesce({column}, 0) + 1')} WHERE seq = 60")
    assert found.first_broken is not None
    assert found.first_broken.seq == (61 if column == "seq" else 60)
    assert found.first_broken.where.startswith(f"event {found.first_broken.seq} (")
    assert "2019-07-17" in found.first_broken.where


@pytest.mark.parametrize("value", ["not json", "[]", "17", "[" * 100_000, "{}", '{"until":"x"}', "1e999"])
def test_damaged_data_are_a_finding_and_no_crash(tamper: Tamper, value: str) -> None:
    found = tamper("UPDATE event SET data = ? WHERE seq = 40", values=[value])
    assert found.first_broken is not None
    assert found.first_broken.seq == 40


@pytest.mark.parametrize("column", ["kind", "data", "reason", "stage", "at", "hash", "actor", "frame", "revision"])
@pytest.mark.parametrize("value", [b"\xff\xfe", b"x", 2**62, -1.5, "?", "\ud7ff\x00"])
def test_values_of_a_wrong_type_are_a_finding_and_no_crash(tamper: Tamper, column: str, value: object) -> None:
    found = tamper(f"UPDATE event SET {column} = ? WHERE seq = 50", values=[value])
    assert found.first_broken is not None
    assert found.first_broken.seq == 50


def test_text_that_is_no_text_is_named_by_its_event(tamper: Tamper) -> None:
    found = tamper("UPDATE event SET reason = CAST(x'fffe' AS TEXT) WHERE seq = 50")
    assert found.first_broken is not None
    assert found.first_broken.seq == 50
    assert "cannot be read" in found.first_broken.problem


def test_deleted_event_is_found_by_the_gap(tamper: Tamper) -> None:
    found = tamper("DELETE FROM event WHERE seq = 33")
    assert found.first_broken is not None
    assert (found.first_broken.seq, found.first_broken.problem) == (34, "event 33 is missing before it")


def test_first_events_that_are_deleted_are_found(tamper: Tamper) -> None:
    found = tamper("DELETE FROM event WHERE seq <= 3")
    assert found.first_broken is not None
    assert found.first_broken.problem == "events 1 to 3 are missing before it"


def test_end_that_is_cut_off_is_found_by_the_rows(tamper: Tamper) -> None:
    found = tamper("DELETE FROM event WHERE seq > (SELECT max(seq) - 5 FROM event)")
    assert found.first_broken is None
    assert any(finding.where.startswith("frame ") for finding in found.findings)


def test_end_that_changed_no_row_is_found_by_an_anchor(finished: Path, tmp_path: Path) -> None:
    run = start(tmp_path / "p", 3)
    with pytest.raises(Exception, match="no pass now"):
        run.review("train/0/0000", "ann")  # one line of the log, and nothing else
    before = verify(run.store)
    with closing(sqlite3.connect(tmp_path / "p" / "qc.db")) as database:
        database.execute("DROP TRIGGER event_DELETE")
        database.execute("DELETE FROM event WHERE seq = ?", [before.last[0]])
        database.commit()
    assert verify(run.store, anchors={}).first_broken is None
    broken = verify(run.store, anchors=dict([before.last])).first_broken
    assert broken is not None
    assert "cut off" in broken.problem


def test_log_written_anew_is_found_by_an_anchor(finished: Path) -> None:
    store = open_store(str(finished / "qc.db"))
    good = verify(store, anchors=dict([verify(store).last]))
    assert good.ok
    other = verify(store, anchors={7: "0" * 64}).first_broken
    store.close()
    assert other is not None
    assert (other.seq, "written anew" in other.problem) == (7, True)


def test_events_that_change_places_are_found(tamper: Tamper) -> None:
    swap = [f"UPDATE event SET seq = {new} WHERE seq = {old}" for old, new in ((40, 0), (41, 40), (0, 41))]
    found = tamper(*swap)
    assert found.first_broken is not None
    assert found.first_broken.seq == 40


def test_inserted_event_is_found(tamper: Tamper) -> None:
    top = "(SELECT max(seq) FROM event)"
    columns = ", ".join(column.name for column in events.c if column.name != "seq")
    found = tamper(f"INSERT INTO event SELECT {top} + 1, {columns} FROM event WHERE seq = {top}")
    assert found.first_broken is not None
    assert "does not follow" in found.first_broken.problem


def test_changed_event_whose_hash_was_made_anew_breaks_the_chain_at_the_next(finished: Path, tamper: Tamper) -> None:
    with closing(sqlite3.connect(finished / "qc.db")) as database:
        kind, seq = database.execute("SELECT kind, seq FROM event WHERE kind = 'reviewed' LIMIT 1").fetchone()
        row = database.execute("SELECT * FROM event WHERE seq = ?", [seq]).fetchone()
    values = dict(zip(Event.__slots__, row, strict=True))
    event = Event(**{**values, "kind": Kind(kind), "seconds": 9999, "data": json.loads(values["data"])})
    found = tamper("UPDATE event SET seconds = 9999, hash = ? WHERE seq = ?", values=[hash_event(event), seq])
    assert found.first_broken is not None
    assert (found.first_broken.seq, "does not follow" in found.first_broken.problem) == (seq + 1, True)


COLUMNS = [(table.name, column.name) for table in TABLES.values() for column in table.c]


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_change_of_any_column_of_any_row_is_found(tamper: Tamper, table: str, column: str) -> None:
    numbers = {c.name for t in TABLES.values() for c in t.c if c.type.python_type is int}
    new = f"coalesce({column}, 0) + 1000" if column in numbers else f"{column} || 'x'"
    where = f"rowid = (SELECT max(rowid) FROM {table})"
    found = tamper(f"UPDATE {table} SET {column} = {new} WHERE {where}")
    assert found.first_broken is None
    rows = [finding for finding in found.findings if finding.kind == "rows"]
    if column in ("id", "frame", "number"):
        assert {finding.problem for finding in rows} == {"the row is missing", "the log knows no such row"}
    else:
        assert len(rows) == 1
        assert rows[0].problem.startswith(f"{column} is ")


@pytest.mark.parametrize("table", [table.name for table in TABLES.values()])
def test_missing_row_is_found(tamper: Tamper, table: str) -> None:
    found = tamper(f"DELETE FROM {table} WHERE rowid = (SELECT max(rowid) FROM {table})")
    assert [finding.problem for finding in found.findings] == ["the row is missing"]


def test_missing_trigger_is_found(tamper: Tamper) -> None:
    found = tamper(keep=False)
    assert [finding.where for finding in found.findings] == ["trigger event_DELETE", "trigger event_UPDATE"]


def test_damaged_missing_and_wrongly_named_files_are_found(finished: Path, tamper: Tamper, tmp_path: Path) -> None:
    kept = sorted(path for path in (tmp_path / "copy" / "qc_files").rglob("*") if path.is_file())
    kept[0].write_bytes(b"other")
    kept[1].unlink()
    found = tamper()
    assert len(found.findings) == 2
    assert {finding.kind for finding in found.findings} == {"files"}
    store = open_store(str(tmp_path / "copy" / "qc.db"))
    assert verify(store, files=False).ok
    store.close()


def test_findings_are_named_up_to_a_limit_and_the_others_counted(tamper: Tamper) -> None:
    found = tamper("UPDATE event SET seconds = seconds + 1")
    assert found.first_broken is not None
    assert found.first_broken.seq == 1
    assert len([finding for finding in found.findings if finding.kind == "log"]) == 50
    assert found.left_out["log"] == found.events - 50


def test_tables_without_a_log_are_a_finding(tmp_path: Path) -> None:
    from iddkit.qc.store.database import create_store

    found = verify(create_store(str(tmp_path / "empty.db")))
    assert str(found.findings[0]) == "event 1: the log is empty"


words = st.text(max_size=8)
numbers = st.none() | st.integers(0, 2**31)
contents = st.dictionaries(words, st.recursive(st.none() | st.integers() | words, st.lists, max_leaves=4), max_size=3)


@given(st.integers(1, 10**9), st.sampled_from(list(Kind)), numbers, words, st.integers(0, 10**6), contents)
def test_hash_of_a_row_is_the_hash_of_its_event(
    seq: int, kind: Kind, actor: int | None, reason: str, seconds: int, data: dict[str, object]
) -> None:
    event = Event(seq, seq * 3, kind, actor, None, actor, "qc1", "", None, reason, seconds, data, "a" * 64)
    assert hash_row([*row_of(event).values()]) == hash_event(event)
