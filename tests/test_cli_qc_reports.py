from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from iddkit.cli import group
from iddkit.qc.events import Kind
from iddkit.qc.simulation import write_demo
from tests.qc_commands import begin, call, do, hand_in, pass_all, refused, take, work_through, write_frames


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated project of two weeks."""
    folder = tmp_path_factory.mktemp("simulated")
    write_demo(folder, frames=60, annotators=4, weeks=2, seed=3)
    return folder


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IDDKIT_DB", raising=False)


@pytest.fixture
def db(simulated: Path, tmp_path: Path) -> str:
    """A copy of the simulated project."""
    shutil.copytree(simulated, tmp_path / "copy")
    return str(tmp_path / "copy" / "qc.db")


# --- status


def test_the_status_says_where_frames_stand_and_who_is_waited_for() -> None:
    files = begin(4)
    do("submit", *files[:2], "--as", "asha")
    reviewer = next(name for name in ("bo", "cy") if take(name))
    frame = take(reviewer)["frame"]
    do("review", frame, "--as", reviewer, "--fail", "--reason", "gap")
    said = do("status", "--json").json
    assert (said["stages"]["annotate"], said["stages"]["qc1"], said["stages"]["repair"]) == (2, 1, 1)
    assert [(one["frame"], one["owner"], one["reason"]) for one in said["repairs"]] == [(frame, "asha", "gap")]
    text = do("status").out
    assert "frames by stage" in text
    assert "any annotator" in text
    do("status", "--batch", "B", "--csv", "tables")
    assert {path.name for path in Path("tables").iterdir()} == {
        "frames.csv",
        "waits.csv",
        "repairs.csv",
        "stuck.csv",
        "burn_down.csv",
    }
    assert "no batch 'C'" in refused("status", "--batch", "C")


def test_a_frame_that_nobody_can_review_is_said() -> None:
    do("init", "--lead", "lee")
    do("add", write_frames(Path("IDD"), 1)[0], "--batch", "B")
    do("submit", "IDD/gtFine/train/0/frame0000_gtFine_polygons.json", "--as", "lee")
    assert "frames that nobody can do" in do("status").out
    assert "no one can review it" in do("status", "--json").json["stuck"][0]["problem"]
    do("people", "add", "asha", "--role", "annotator")
    assert "nobody can do" not in do("status").out


def test_repairs_are_listed_by_owner_and_batch() -> None:
    files = begin(4)
    assert do("repairs").out == "no frame is in repair\n"
    for path, name in zip(files, ("asha", "asha", "bo", "cy"), strict=True):
        do("submit", path, "--as", name)
    for name in ("asha", "bo", "cy"):
        while task := take(name, "--stage", "qc1"):
            do("review", task["frame"], "--as", name, "--fail", "--reason", "boundary")
    assert len(do("repairs", "--json").json) == 4
    assert {one["frame"][-9:] for one in do("repairs", "--of", "asha", "--json").json} == {"frame0000", "frame0001"}
    assert do("repairs", "--batch", "B").out.count("boundary") == 4
    hand_in(files[0])
    assert len(do("repairs", "--json").json) == 3


def test_weeks_hold_the_day_that_is_asked_for(db: str) -> None:
    weeks = do("status", "--db", db, "--week", "2019-07-25", "--weeks", "2", "--json").json
    assert [(week["first"], week["last"]) for week in weeks] == [
        ("2019-07-24", "2019-07-30"),
        ("2019-07-17", "2019-07-23"),
    ]
    assert sum(week["raw"] for week in weeks) >= 60
    assert do("status", "--db", db, "--week", "2019-07-23T23:59", "--json").json == weeks[1:]
    # 20:00 in London is past midnight of Wednesday in Kolkata.
    assert do("status", "--db", db, "--week", "2019-07-23T20:00+00:00", "--json").json[0]["first"] == "2019-07-24"
    assert do("status", "--db", db, "--week", "--json").json[0]["raw"] == 0
    assert len(do("status", "--db", db, "--weeks", "3", "--json").json) == 3
    text = do("status", "--db", db, "--week", "2019-07-17").out
    assert "17 July - 23 July 2019" in text
    assert "man-hours annotation" in text
    assert "QC1 passed" in text


def test_weeks_are_written_as_one_table_or_as_those_that_are_printed(db: str) -> None:
    asked = ("status", "--db", db, "--week", "2019-07-25", "--weeks", "2")
    weeks = do(*asked, "--csv", "weeks.csv", "--json").json
    rows = list(csv.DictReader(io.StringIO(Path("weeks.csv").read_text())))
    assert [(row["first"], int(row["raw"]), int(row["qc1_passed"])) for row in rows] == [
        (week["first"], week["raw"], week["passed"]["qc1"]) for week in weeks
    ]
    assert "is there already" in call("status", "--db", db, "--week", "2019-07-17", "--csv", "weeks.csv").err
    do(*asked, "--csv", "folder")
    assert {path.stem for path in Path("folder").iterdir()} == {"annotation", "quality_control", "carried_over"}
    assert "give a folder" in call("status", "--db", db, "--csv", "all.csv").err


def test_weeks_and_batches_are_drawn(db: str) -> None:
    do("status", "--db", db, "--week", "2019-07-25", "--weeks", "2", "--plot", "weeks.png")
    do("status", "--db", db, "--plot", "batches.png")
    do("status", "--db", db, "--batch", "B01", "--plot", "one.png")
    do("status", "--db", db, "--batch", "B01", "--plot", "one.svg")
    heights = []
    for name in ("weeks.png", "batches.png", "one.png"):
        with Image.open(name) as image:
            heights.append(image.height)
    assert heights[2] < heights[1]
    assert call("status", "--db", db, "--plot", "one.gif").code == 2
    assert call("status", "--db", db, "--batch", "B01", "--week").code == 2


@pytest.mark.parametrize("day", ["yesterday", "2019-02-30", "2019-7-1", "20190717", "2019-07-17T25:00"])
def test_what_is_no_day_is_refused(day: str) -> None:
    begin(1)
    assert call("status", "--week", day).code == 2


# --- certificates


def test_a_certificate_is_printed_written_and_drawn_again(db: str) -> None:
    said = do("certificate", "B01", "--db", db, "--html", "page.html")
    assert said.out.startswith("Batch B01 of simulated is accepted")
    assert "% of the images are bad, at 95 % confidence" in said.out
    assert "seal" in said.out
    assert Path("page.html").read_text().startswith("<!")
    assert do("certificate", "B01", "--db", db, "--markdown").out.startswith("# Certificate of batch B01")
    content = do("certificate", "B01", "--db", db, "--json").out
    Path("cert.json").write_text(content)
    assert "drawn again, all as it says" in do("redraw", "cert.json").out
    assert "all as it was written" in do("verify", "--db", db, "--certificate", "cert.json").out
    document = json.loads(content)
    document["rounds"][0]["seed"] = "1"
    Path("cert.json").write_text(json.dumps(document))
    said = call("redraw", "cert.json")
    assert said.code == 1
    assert "cert.json: sample 1 (qc3): the seed draws other images\n" in said.err
    document["log_hash"] = "0" * 64
    Path("cert.json").write_text(json.dumps(document))
    said = call("verify", "--db", db, "--certificate", "cert.json")
    assert said.code == 1
    assert "the log was written anew" in said.out
    Path("cert.json").write_text("{}")
    assert refused("redraw", "cert.json").startswith("Error: cert.json: no certificate")
    assert call("certificate", "B01", "--db", db, "--json", "--markdown").code == 2


def test_an_open_batch_has_a_certificate_that_says_so() -> None:
    begin(1)
    assert do("certificate", "B").out.startswith("Batch B of street is not accepted: no sample of it was drawn.")


# --- export


def test_accepted_frames_leave_as_a_dataset() -> None:
    files = begin(5)
    work_through(files)
    assert "no frame in B is accepted" in refused("export", "B", "--out", "out")
    do("freeze", "B")
    for name, stage in (("rex", "qc3"), ("eve", "qc4")):
        do("sample", "B")
        assert pass_all(name, stage) == 1
        do("conclude", "B")
    said = do("export", "B", "--out", "out", "--json").json
    assert (said["frames"], said["written"], said["problems"]) == (5, 5, [])
    assert do("export", "--out", "out").out.startswith("frames  0 written, 5 up to date, 0 removed")
    assert Path("out/gtFine/train/0/frame0000_gtFine_polygons.json").read_bytes() == files[0].read_bytes()
    done = CliRunner().invoke(group, ["index", "out/frames.csv", "--json"])
    assert json.loads(done.stdout)["frames"] == 5


def test_frames_of_another_stage_are_exported_when_they_are_asked_for() -> None:
    files = begin(3)
    do("submit", files[0], "--as", "asha")
    assert do("export", "--out", "out", "--state", "qc1", "--json").json["frames"] == 1
    assert "no batch 'C'" in refused("export", "C", "--out", "out", "--state", "qc1")


# --- upkeep


def test_verify_finds_what_was_changed_behind_the_back_of_the_log(db: str) -> None:
    said = do("verify", "--db", db, "--json").json
    assert said["ok"]
    assert said["files"] > 60
    with sqlite3.connect(db) as connection:
        connection.execute("UPDATE frame SET stage = 'accepted', holder = NULL WHERE id = 7")
        connection.execute("UPDATE person SET load = load + 1 WHERE id = 3")
    connection.close()
    kept = next(Path(db).parent.glob("qc_files/*/*"))
    kept.write_bytes(b"")
    said = call("verify", "--db", db)
    assert said.code == 1
    assert "person 3" in said.out
    assert kept.name in said.out
    assert "findings\n" in said.out
    assert kept.name not in call("verify", "--db", db, "--no-files").out


def test_a_backup_becomes_a_project_again(db: str) -> None:
    before = do("verify", "--db", db, "--json").json
    Path("backups").mkdir()
    said = do("backup", "backups", "--db", db, "--json").json
    assert (said["events"], said["last"]) == (before["events"], before["last"])
    assert said["copied"] == before["files"]
    assert "is there already; --overwrite" in refused("backup", "backups", "--db", db)
    assert ", 0 copied" in do("backup", "backups/qc.db", "--db", db, "--overwrite").out
    assert "all as it was written" in do("restore-backup", "backups", "--db", "new/qc.db").out
    assert do("verify", "--db", "new/qc.db", "--json").json["last"] == before["last"]
    assert do("status", "--db", "new/qc.db", "--json").out == do("status", "--db", db, "--json").out
    assert "has a project already" in refused("restore-backup", "backups", "--db", "new/qc.db")


def test_upgrade_leaves_a_project_of_this_version_as_it_is(db: str) -> None:
    before = do("verify", "--db", db, "--json").json["last"]
    assert "project simulated, tables of version" in do("upgrade", "--db", db).out
    assert do("verify", "--db", db, "--json").json["last"] == before


def test_what_is_no_database_is_one_line() -> None:
    Path("qc.db").write_text("not a database, but long enough to be looked at as one" * 40)
    assert "the database says" in refused("status")
    assert "neither SQLite nor PostgreSQL" in refused("status", "--db", "mysql://localhost/x")


# --- the simulation


def test_a_simulated_project_can_be_looked_at() -> None:
    said = do("demo", "out", "--frames", "12", "--annotators", "3", "--weeks", "1", "--planted", "20%", "--json").json
    assert said["frames"] == 12
    assert len(said["planted"]) == 2
    assert do("verify", "--db", "out/qc.db").code == 0
    assert "there is a project already" in refused("demo", "out", "--frames", "12")
    again = do("demo", "out", "--frames", "12", "--annotators", "3", "--weeks", "1", "--planted", "20%", "--overwrite")
    assert f"{said['events']} events" in again.out
    assert "truly bad" in again.out
    assert (
        "two annotators" in call("demo", "x", "--annotators", "1").err
        or call("demo", "x", "--annotators", "1").code == 2
    )


def test_every_kind_of_event_that_a_team_makes_is_in_the_log(simulated: Path) -> None:
    with sqlite3.connect(simulated / "qc.db") as connection:
        kinds = {kind for (kind,) in connection.execute("SELECT DISTINCT kind FROM event")}
    connection.close()
    assert {Kind.SUBMITTED, Kind.REVIEWED, Kind.SAMPLE, Kind.CONCLUDED} <= kinds


# --- people and frames


def test_people_have_their_numbers(db: str) -> None:
    everyone = do("person", "--db", db, "--json").json
    assert sum(one["frames"] for one in everyone) == 60
    best = max(everyone, key=lambda one: one["frames"])
    one = do("person", best["name"].lower(), "--db", db, "--json").json
    assert (one["frames"], one["hours"]) == (best["frames"], best["hours"])
    assert "too few to say" in do("person", "--db", db).out
    assert do("person", "--db", db, "--markdown").out.startswith("**people**")
    assert "first passes and reviews" in do("person", best["name"], "--db", db).out
    do("person", "--db", db, "--csv", "people.csv")
    rows = list(csv.DictReader(io.StringIO(Path("people.csv").read_text())))
    assert {row["name"]: int(row["frames"]) for row in rows} == {one["name"]: one["frames"] for one in everyone}
    assert call("person", best["name"], "--db", db, "--csv", "people.csv").code == 2


def test_one_who_has_done_nothing_has_no_numbers() -> None:
    begin(1)
    assert do("person", "bo").out == "bo: nothing yet\n"


def test_a_frame_has_its_history() -> None:
    files = begin(1)
    do("submit", files[0], "--as", "asha", "--minutes", "12.5")
    reviewer = next(name for name in ("bo", "cy") if take(name))
    do("review", "frame0000", "--as", reviewer, "--fail", "--mark", "gap=the left side")
    refused("review", "frame0000", "--as", reviewer, "--pass")
    told = do("history", "frame0000", "--json").json
    assert [one["kind"] for one in told] == [
        "frame",
        "submitted",
        "assigned",
        "claimed",
        "reviewed",
        "refused",
    ]
    assert (told[1]["who"], told[1]["minutes"]) == ("asha", 12.5)
    text = do("history", "frame0000").out
    assert "train/0/frame0000: at repair, revision 1, batch B" in text
    assert "gap (major): the left side" in text
    assert "no frame 'frame0001'" in refused("history", "frame0001")


# --- the past


def test_past_activity_is_imported_row_by_row() -> None:
    do("init", "--lead", "lee")
    rows = [
        "frame,person,action,time,minutes,batch",
        "train/0/a,ann,submit,2019-07-17 10:00,60,B",
        "train/0/a,bo,qc1 pass,2019-07-17 12:00,5,",
        "train/0/a,ann,qc2 pass,2019-07-17 13:00,5,",
        "train/0/a,sue,qc2 pass,2019-07-18,5,",
        "train/0/a,sue,danced,2019-07-18,5,",
        ",ann,hours annotation,2019-07-18,90,",
    ]
    Path("log.csv").write_text("\n".join(rows) + "\n")
    said = call("import-log", "log.csv")
    assert said.code == 1
    assert [line[:15] for line in said.err.splitlines()] == ["log.csv: row 4:", "log.csv: row 6:"]
    assert "people  ann, bo, sue added" in said.out
    week = do("status", "--week", "2019-07-17", "--json").json[0]
    assert (week["raw"], week["annotation_seconds"], week["passed"]["qc2"]) == (1, 9000, 1)
    assert call("import-log", "log.csv", "--json").out.count('"imported": 0') == 1
    Path("other.csv").write_text("frame,person,action,time\ntrain/0/b,kim,submit,2019-07-19\n")
    assert "nobody is called 'kim'" in call("import-log", "other.csv", "--strict").err
