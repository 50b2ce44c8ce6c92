from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from iddkit.qc import queue
from iddkit.qc.acceptance import SamplingPlan
from iddkit.qc.events import Event, Kind, hash_event
from iddkit.qc.queue.batches import list_frames, read_frames
from iddkit.qc.sampling import Listed, draw, hash_list, seal
from iddkit.qc.state import KEYS, Batch, Frame
from iddkit.qc.store.contents import keep
from iddkit.qc.store.database import open_store
from iddkit.qc.store.tables import TABLES, events, frames
from iddkit.qc.store.work import Work, row_of
from iddkit.qc.verify import Verification, hash_row, verify
from tests.qc_run import Run, polygons, start
from tests.qc_stores import Databases

Tamper = Callable[..., Verification]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify") / "project"
    run = start(folder, 12)
    run.finish("B", 0.3)
    plant(run)
    run.store.close()
    return folder


def plant(run: Run) -> None:
    """Let a frame be judged once more, and plant an error in its place."""
    number, lead = run.frames("accepted")[0].id, run.person("lead")
    run.submit(run.frames("accepted")[0].key, "ann", polygons(9, note=999))
    copy = queue.Copy(keep(run.folder / "qc_files", polygons(9, "car")), "wrong-label", 1, "road", (0, 0, 8, 6))
    with run.store.writing(run.tick()) as work:
        queue.plant(work, work.state.get(Frame, number), lead, copy)


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
    with pytest.raises(Exception, match="pass is not possible now"):
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
    (keys,) = (KEYS[kind] for kind, its in TABLES.items() if its.name == table)
    if column in keys:
        assert {finding.problem for finding in rows} == {"the row is missing", "the log knows no such row"}
    else:
        assert len(rows) == 1
        assert rows[0].problem.startswith(f"{column} is ")


@pytest.mark.parametrize("table", [table.name for table in TABLES.values()])
def test_missing_row_is_found(tamper: Tamper, table: str) -> None:
    found = tamper(f"DELETE FROM {table} WHERE rowid = (SELECT max(rowid) FROM {table})")
    assert [finding.problem for finding in found.findings] == ["the row is missing"]


Forge = Callable[[Run, Work], object]


def find(work: Work, stage: str) -> Frame:
    return work.find(Frame, select(frames).where(frames.c.stage == stage).order_by(frames.c.id).limit(1))[0]


def review_own(run: Run, work: Work) -> None:
    frame = find(work, "qc1")
    work.append(Kind.REVIEWED, frame.author, frame=frame.id, batch=1, stage="qc1", verdict="pass", revision=1)


def review_in_another_role(run: Run, work: Work) -> None:
    frame = find(work, "qc2")
    work.append(Kind.REVIEWED, run.person("rex").id, frame=frame.id, batch=1, stage="qc2", verdict="pass", revision=1)


def review_another_version(run: Run, work: Work) -> None:
    frame = find(work, "qc2")
    work.append(Kind.REVIEWED, run.person("sue").id, frame=frame.id, batch=1, stage="qc2", verdict="pass", revision=7)


def drop_as_annotator(run: Run, work: Work) -> None:
    frame = find(work, "qc2")
    work.append(Kind.DROPPED, run.person("ann").id, frame=frame.id, stage="qc2", reason="x", data={"back": "qc1"})


def hand_in_after_leaving(run: Run, work: Work) -> None:
    data = {"id": run.person("cy").id, "name": "cy", "roles": ["annotator"], "active": 0, "absences": []}
    work.append(Kind.PERSON, run.person("lead").id, data=data)
    content = {"sha256": "0" * 64, "file": "a.json", "shapes": 1}
    frame = find(work, "annotate")
    work.append(Kind.SUBMITTED, run.person("cy").id, frame=frame.id, stage="annotate", revision=1, data=content)


@pytest.mark.parametrize(
    ("forge", "said"),
    [
        (review_own, "nobody reviews what they drew"),
        (review_in_another_role, "pass at qc2 is for supervisor or lead, and rex was none"),
        (review_another_version, "judges revision 7, and 1 counted"),
        (drop_as_annotator, "drop at qc2 is for lead, and ann was none"),
        (hand_in_after_leaving, "cy had left"),
    ],
)
def test_events_that_the_queue_would_refuse_are_found_though_chain_and_rows_fit(
    tmp_path: Path, forge: Forge, said: str
) -> None:
    run = start(tmp_path / "p", 3)
    run.submit("train/0/0000", "ann", polygons(3))
    run.submit("train/1/0001", "ann", polygons(4))
    holder = run.frame("train/1/0001").holder
    run.review("train/1/0001", next(name for name in ("bo", "cy") if run.person(name).id == holder))
    assert verify(run.store).ok
    with run.store.writing(run.tick()) as work:
        forge(run, work)
    found = verify(run.store, files=False)
    assert [(finding.kind, said in finding.problem) for finding in found.findings] == [("log", True)]


def sampled(folder: Path, count: int = 12) -> Run:
    """A project with a frozen batch and no sample yet."""
    run = start(folder / "p", count)
    run.work()
    with run.store.writing(run.tick()) as work:
        queue.freeze(work, work.state.get(Batch, 1), run.person("rex"))
    return run


def forge_sample(run: Run, change: Callable[[dict[str, Any]], None]) -> Verification:
    """Verify after a sample that somebody wrote by hand, sealed anew after a change."""
    with run.store.writing(run.tick()) as work:
        members = read_frames(work, work.state.get(Batch, 1))
        listed = list_frames(work, members)
        plan = SamplingPlan("fixed", n=4, c=0)
        data: dict[str, Any] = {"id": 1, "seed": "x", "plan": plan.to_json(), "size": len(listed), "allowed": 0}
        data["list"] = [one.to_json() for one in listed]
        data["positions"] = [members[place].id for place in draw(listed, 4, "x")]
        change(data)
        data["list_hash"] = hash_list([Listed(*row) for row in data["list"]])
        keys = [work.state.get(Frame, number).key for number in data["positions"]]
        data["seal"] = data.get("seal", seal(data["list_hash"], data["seed"], data["plan"], keys))
        work.append(Kind.SAMPLE, run.person("rex").id, batch=1, stage="qc3", data=data)
    return verify(run.store, files=False)


def choose_images(data: dict[str, Any]) -> None:
    data["positions"] = sorted(set(range(1, 13)) - set(data["positions"]))[:4]


def shorten(data: dict[str, Any]) -> None:
    data["positions"].pop()


def allow_more(data: dict[str, Any]) -> None:
    data["allowed"] = 3


def list_other_annotators(data: dict[str, Any]) -> None:
    for row in data["list"]:
        row[2] = "bo"


def break_seal(data: dict[str, Any]) -> None:
    data["seal"] = "0" * 64


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (choose_images, "holds other images than its seed draws"),
        (shorten, "has not the n = 4, c = 0 of its plan"),
        (allow_more, "has not the n = 4, c = 0 of its plan"),
        (list_other_annotators, "lists other images than were frozen"),
        (break_seal, "has a seal that does not fit"),
    ],
)
def test_samples_that_no_seed_drew_are_found(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    found = forge_sample(sampled(tmp_path), change)
    assert any(said in finding.problem for finding in found.findings)
    assert {finding.where for finding in found.findings} == {found.findings[0].where}


def test_sample_that_its_seed_drew_is_right(tmp_path: Path) -> None:
    assert forge_sample(sampled(tmp_path), lambda data: None).ok


@pytest.mark.parametrize(
    ("verdict", "seen", "bad", "said"),
    [
        ("return", 3, 1, ""),
        ("accept", 3, 1, "by plan and sample it is 'return'"),
        ("return", 3, 0, "1 bad among 3 were seen"),
        ("return", 999, -5, "1 bad among 3 were seen"),
    ],
)
def test_conclusions_that_the_sample_does_not_have_are_found(
    tmp_path: Path, verdict: str, seen: int, bad: int, said: str
) -> None:
    run = sampled(tmp_path)
    run.draw("B", "1")  # 3 of 12, none may be bad
    drawn = sorted((f for f in run.frames("qc3") if f.sample is not None), key=lambda frame: frame.position or 0)
    for place, frame in enumerate(drawn):
        run.review(frame.key, "rex", *(["gap"] if place == 1 else []))
    with run.store.writing(run.tick()) as work:
        data = {"seen": seen, "bad": bad, "sample": 1}
        work.append(Kind.CONCLUDED, run.person("rex").id, batch=1, stage="qc3", verdict=verdict, data=data)
    findings = verify(run.store, files=False).findings
    assert [said in finding.problem for finding in findings] == ([True] if said else [])


def test_frame_that_goes_on_though_its_sample_failed_is_found(tmp_path: Path) -> None:
    run = sampled(tmp_path)
    run.draw("B", "1")
    for frame in [frame for frame in run.frames("qc3") if frame.sample is not None]:
        run.review(frame.key, "rex", "gap")
    with run.store.writing(run.tick()) as work:
        rex = run.person("rex").id
        data: dict[str, Any] = {"seen": 3, "bad": 3, "sample": 1}
        work.append(Kind.CONCLUDED, rex, batch=1, stage="qc3", verdict="return", data=data)
        work.append(Kind.SETTLED, rex, frame=1, batch=1, stage="qc3", data={"action": "accept"})
    first = verify(run.store, files=False).first_broken
    assert first is not None
    assert "does not follow from the conclusion" in first.problem


def test_trigger_that_does_nothing_is_found(tamper: Tamper, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "copy" / "qc.db")) as database:
        database.execute("DROP TRIGGER event_UPDATE")
        database.execute("CREATE TRIGGER event_UPDATE BEFORE UPDATE ON event BEGIN SELECT 1; END")
        database.execute("CREATE TRIGGER other AFTER INSERT ON event BEGIN UPDATE person SET load = 0; END")
        database.commit()
    found = tamper()
    assert [finding.where for finding in found.findings] == ["trigger event_UPDATE", "trigger other"]


WEAKENED = """
DROP TRIGGER event_kept ON event;
CREATE TRIGGER event_kept BEFORE TRUNCATE ON event EXECUTE FUNCTION keep_events()
"""


@pytest.mark.parametrize(
    ("statement", "is_found"),
    [
        ("SELECT 1", False),
        ("ALTER TABLE event DISABLE TRIGGER event_kept", True),
        ("ALTER TABLE event ENABLE REPLICA TRIGGER event_kept", True),
        ("DROP TRIGGER event_kept ON event", True),
        (
            "CREATE OR REPLACE FUNCTION keep_events() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
            True,
        ),
        (WEAKENED, True),
    ],
)
def test_trigger_of_postgresql_that_does_nothing_is_found(
    postgresql: Databases, statement: str, is_found: bool
) -> None:
    with postgresql.new() as url:
        store = open_store(url)
        with store.engine.begin() as connection:
            connection.exec_driver_sql(statement)
        found = [finding for finding in verify(store, files=False).findings if finding.kind == "store"]
        store.close()
    assert [finding.where for finding in found] == (["trigger event_kept"] if is_found else [])


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
