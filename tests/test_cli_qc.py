from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from iddkit.cli import group
from iddkit.cli.qc import COMMANDS
from tests.qc_commands import begin, call, do, hand_in, polygons, refused, take, work_through, write_frames
from tests.qc_stores import Databases


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IDDKIT_DB", raising=False)


# --- the group, and where the database is


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_does(command: str) -> None:
    said = do(command, "--help")
    assert len(said.out.splitlines()) > 5
    assert f"iddkit qc {command}" in CliRunner().invoke(group, ["qc", command, "--help"], prog_name="iddkit").stdout


def test_help_waits_for_no_database() -> None:
    heavy = ("sqlalchemy", "alembic", "numpy", "scipy", "cv2", "matplotlib")
    code = (
        "import sys\nfrom iddkit.cli import group\n"
        "for arguments in (['qc', '--help'], ['qc', 'status', '--help'], ['qc', 'people', 'add', '--help']):\n"
        "    group.main(arguments, standalone_mode=False)\n"
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_the_database_is_named_before_or_after_the_command_or_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("one", "two", "three"):
        do("init", "--db", f"{name}.db", "--name", name)
    assert do("--db", "one.db", "settings", "--json").json["name"] == "one"
    assert do("settings", "--json", "--db", "two.db").json["name"] == "two"
    assert do("--db", "one.db", "people", "--db", "two.db", "add", "x", "--role", "lead", "--db", "three.db").code == 0
    assert [person["name"] for person in do("people", "--json", "--db", "three.db").json] == ["x"]
    monkeypatch.setenv("IDDKIT_DB", "three.db")
    assert do("settings", "--json").json["name"] == "three"
    assert do("settings", "--json", "--db", "one.db").json["name"] == "one"


def test_without_a_project_the_way_to_one_is_named() -> None:
    assert refused("people").startswith("Error: qc.db: no review project is here; 'iddkit qc init'")
    assert "no review project is here" in refused("upgrade")
    assert not Path("qc.db").exists()


def test_a_project_is_begun_once() -> None:
    do("init", "--lead", "lee")
    assert refused("init") == "Error: there is a project already"
    assert [person["name"] for person in do("people", "--json").json] == ["lee"]
    assert do("upgrade").out.startswith("qc.db: project")


# --- settings and the checklist


def test_settings_are_said_as_they_are_given() -> None:
    given = ("--week-start", "monday", "--timezone", "Asia/Kolkata", "--claim-hours", "2.5", "--max-rounds", "1")
    do("init", "--name", "street", "--lead", "lee", *given, "--plan3", "aql=1% rql=5% curtailed", "--plan4", "n=8 c=0")
    said = do("settings", "--json").json
    assert (said["week_start"], said["timezone"]) == ("monday", "Asia/Kolkata")
    assert (said["claim_hours"], said["max_rounds"]) == (2.5, 1)
    assert said["plan3"]["kind"] == "two-point"
    assert said["plan4"] == {"kind": "fixed", "n": 8, "c": 0, "curtailed": False, "bad_from": "major"}
    assert "aql=0.01" in do("settings").out


def test_a_plan_that_settings_print_can_be_given_again() -> None:
    do("init", "--lead", "lee", "--plan3", "sequential aql=1% rql=5% bad-from=minor")
    before = do("settings", "--json").json["plan3"]
    line = next(row for row in do("settings").out.splitlines() if row.startswith("plan3"))
    do("settings", "--plan3", "thesis")
    assert do("settings", "--json").json["plan3"]["kind"] == "fraction"
    do("settings", "--plan3", line.removeprefix("plan3").strip())
    assert do("settings", "--json").json["plan3"] == before


@pytest.mark.parametrize(
    "plan", ["", "thesis n=5", "thesis sequential", "n=5", "five", "n=5 c=5", "{", "aql=5% rql=1%"]
)
def test_what_is_no_plan_is_refused(plan: str) -> None:
    do("init", "--lead", "lee")
    assert (
        "plan" in refused("settings", "--plan3", plan)
        or "n has to be above c" in refused("settings", "--plan3", plan)
        or ("AQL" in refused("settings", "--plan3", plan))
    )


def test_only_a_lead_changes_settings() -> None:
    begin(1)
    assert "only a lead may change settings" in refused("settings", "--max-rounds", "1", "--as", "bo")
    assert do("settings", "--json").json["max_rounds"] == 3


def test_a_checklist_of_ones_own_is_used() -> None:
    text = 'name = "mine"\nversion = 4\n[[questions]]\nstage = "qc1"\ncode = "sky"\ntext = "Is the sky blue?"\n'
    Path("mine.toml").write_text(text + '[[reasons]]\ncode = "grey"\ntext = "It is grey."\nseverity = "minor"\n')
    assert do("checklist", "mine.toml", "--json").json["reasons"] == [
        {"code": "grey", "text": "It is grey.", "severity": "minor"}
    ]
    files = begin(1, "--checklist", "mine.toml")
    assert "Is the sky blue?" in do("checklist", "--stage", "qc1").out
    do("submit", files[0], "--as", "asha")
    frame = next(task for name in ("bo", "cy") if (task := take(name)))
    assert frame["questions"] == [{"code": "sky", "text": "Is the sky blue?"}]


# --- people


def test_people_come_by_name_or_from_a_file() -> None:
    do("init", "--lead", "lee")
    Path("people.csv").write_text("name,roles\nsue,supervisor\nrex,researcher; expert\n")
    do("people", "add", "asha", "bo", "--role", "annotator", "--role", "lead", "--csv", "people.csv")
    assert {person["name"]: person["roles"] for person in do("people", "--json").json} == {
        "lee": ["lead"],
        "asha": ["annotator", "lead"],
        "bo": ["annotator", "lead"],
        "sue": ["supervisor"],
        "rex": ["researcher", "expert"],
    }


def test_one_who_cannot_be_added_stops_nobody_else() -> None:
    do("init", "--lead", "lee")
    said = call("people", "add", "asha", "LEE", "bo", "--role", "annotator")
    assert (said.code, said.err) == (1, "there is a person LEE already\n")
    assert len(do("people", "--json").json) == 3


def test_a_role_that_a_file_misspells_is_named_with_its_row() -> None:
    do("init", "--lead", "lee")
    Path("people.csv").write_text("name,roles\nsue,supervisor\nrex,reseacher\n")
    assert refused("people", "add", "--csv", "people.csv").startswith("Error: people.csv: row 3: no role 'reseacher'")
    assert len(do("people", "--json").json) == 1


def test_once_there_is_a_lead_only_leads_add_people() -> None:
    do("init")
    do("people", "add", "lee", "--role", "lead")
    do("people", "add", "bo", "--role", "annotator")
    assert "only a lead may add people" in refused("people", "add", "cy", "--role", "lead", "--as", "bo")
    do("people", "add", "kim", "--role", "lead")
    assert "there are several leads: lee, kim" in refused("people", "add", "cy", "--role", "annotator")
    do("people", "add", "cy", "--role", "annotator", "--as", "kim")


def test_absences_begin_and_end() -> None:
    begin(1, "--timezone", "Asia/Kolkata")

    def bo() -> dict[str, object]:
        return next(person for person in do("people", "--json").json if person["name"] == "bo")

    assert do("people", "away", "bo", "--from", "2090-01-01", "--until", "2090-01-05").out == (
        "bo: away from 2090-01-01 00:00 until 2090-01-06 00:00\n"
    )
    assert not bo()["away"]
    assert bo()["absences"] == [["2089-12-31 18:30:00Z", "2090-01-05 18:30:00Z"]]
    do("people", "back", "bo")
    do("people", "away", "bo", "--as", "bo")
    assert bo()["away"]
    assert "is away" in refused("next", "--as", "bo")
    do("people", "back", "bo")
    assert not bo()["away"]
    assert refused("people", "back", "bo") == "Error: bo is not away"
    assert "only a lead" in refused("people", "away", "bo", "--as", "cy")


def test_people_leave_return_and_change_roles() -> None:
    begin(1)
    do("people", "leave", "bo")
    assert "has left" in refused("next", "--as", "bo")
    assert do("people", "back", "bo").out == "bo: here\n"
    do("people", "roles", "bo", "--role", "supervisor", "--role", "annotator")
    assert do("people").out.count("annotator, supervisor") == 1
    assert "the only lead cannot go" in refused("people", "leave", "lee")


def test_a_name_that_nobody_has_suggests_one() -> None:
    begin(1)
    assert "do you mean asha?" in refused("next", "--as", "asah")


# --- frames


def test_an_index_or_a_folder_can_be_added_and_again() -> None:
    begin(4)
    write_frames(Path("IDD"), 6)
    assert CliRunner().invoke(group, ["index", "IDD", "--csv", "frames.csv"]).exit_code == 0
    said = do("add", "frames.csv", "--batch", "C")
    assert said.out == "batch C: 2 frames added\n"
    assert said.err.startswith("Note: 4 frames were in the project already: train/0/frame0000")


def test_without_a_lead_no_frames_are_added() -> None:
    do("init")
    write_frames(Path("IDD"), 1)
    assert "there is no lead yet; 'iddkit qc people add NAME --role lead'" in refused("add", "IDD", "--batch", "B")


def test_frames_are_assigned_released_dropped_and_restored() -> None:
    begin(3)
    assert do("assign", "frame0001", "frame0002", "--to", "bo").out == (
        "train/1/frame0001: annotate, bo\ntrain/0/frame0002: annotate, bo\n"
    )
    assert [take("bo")["frame"], take("asha")["frame"]] == ["train/0/frame0002", "train/0/frame0000"]
    assert "only asha or a lead can release it" in refused("release", "frame0000", "--as", "cy")
    do("release", "frame0000", "--as", "asha")
    assert take("cy")["frame"] == "train/0/frame0000"
    said = call("drop", "frame0002", "frame0009", "frame0001", "--reason", "no road in it")
    assert (said.code, said.out.count("dropped")) == (1, 2)
    assert said.err == "no frame 'frame0009' in the project\n"
    assert do("restore", "frame0002", "--batch", "B").out == "train/0/frame0002: annotate\n"


# --- hand-ins


def test_the_next_frame_is_told_with_all_that_is_needed() -> None:
    files = begin(2)
    task = take("asha")
    assert (task["frame"], task["stage"], task["again"]) == ("train/0/frame0000", "annotate", False)
    assert Path(task["image"]).is_file()
    assert Path(task["annotation"]).samefile(files[0])
    assert take("asha")["again"]
    assert take("bo")["frame"] == "train/1/frame0001"
    assert do("next", "--as", "cy").out == "nothing to do\n"
    assert do("next", "--as", "cy", "--json").json is None


def test_a_review_shows_the_version_that_is_kept_and_what_is_asked() -> None:
    files = begin(1)
    do("submit", files[0], "--as", "asha", "--minutes", "12.5")
    reviewer, task = next((name, task) for name in ("bo", "cy") if (task := take(name)))
    assert (task["stage"], task["review"], task["revision"], task["by"]) == ("qc1", "qc1", 1, "asha")
    assert Path(task["annotation"]).read_bytes() == files[0].read_bytes()
    assert [question["code"] for question in task["questions"]] == ["guidelines", "labels", "complete", "boundaries"]
    text = do("next", "--as", reviewer).out
    assert "stage       qc1, again; yours until" in text
    assert "asked       labels: Has each polygon the right label?" in text


def test_a_repair_says_what_is_wrong() -> None:
    files = begin(1)
    do("submit", files[0], "--as", "asha")
    reviewer = next(name for name in ("bo", "cy") if take(name))
    mark = "wrong-label@1>truck#1,2,3,4=it carries bricks"
    said = do(
        "review", "frame0000", "--as", reviewer, "--fail", "--mark", mark, "--reason", "gap", "--text", "look again"
    )
    assert said.out == "train/0/frame0000: failed qc1, revision 1; now at repair\n"
    assert f"failed      qc1 by {reviewer}, revision 1: look again" in (text := do("next", "--as", "asha").out)
    assert "wrong-label (major), polygon 1, ought to be truck, at 1,2 of 3 x 4: it carries bricks" in text
    assert "gap (major)" in text
    assert "nothing is mended" in refused("submit", files[0], "--as", "asha")
    hand_in(files[0])
    assert take(reviewer)["failures"][0]["text"] == "look again"


def test_hand_ins_find_their_frame_by_name_and_folder() -> None:
    begin(4)
    for name in ("a/train/0/frame0000.json", "0/frame0002_gtFine_polygons.json", "downloads/frame0001.json"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(polygons(2))
        assert "revision 1, 2 objects; now at qc1" in do("submit", name, "--as", "asha").out
    Path("1").mkdir()
    Path("1/frame0000.json").write_text(polygons(2))
    assert "its folder '1' is not that of train/0/frame0000; --frame says which" in refused(
        "submit", "1/frame0000.json", "--as", "asha"
    )
    Path("x.json").write_text(polygons(2))
    assert "--frame says which it is" in refused("submit", "x.json", "--as", "asha")
    assert "now at qc1" in do("submit", "x.json", "--as", "asha", "--frame", "1/frame0003").out
    tree = Path("other/gtFine/val/0/frame0000_gtFine_polygons.json")
    tree.parent.mkdir(parents=True)
    tree.write_text(polygons(2))
    assert "no frame 'val/0/frame0000'" in refused("submit", tree, "--as", "asha")


def test_frames_of_one_name_have_to_be_told_apart() -> None:
    begin(2)
    for split in ("train", "val"):
        path = Path(f"more/gtFine/{split}/7/same_gtFine_polygons.json")
        path.parent.mkdir(parents=True)
        path.write_text(polygons(2))
    do("add", "more", "--batch", "B")
    Path("same.json").write_text(polygons(2))
    assert "it might be one of 2 frames: train/7/same, val/7/same; --frame says which" in refused(
        "submit", "same.json", "--as", "asha"
    )
    do("submit", "more/gtFine/val/7/same_gtFine_polygons.json", "--as", "asha")
    assert do("get", "val/7/same").out == polygons(2)


def test_a_bad_file_is_a_line_and_the_others_are_handed_in() -> None:
    files = begin(3)
    files[1].write_text("{")
    said = call("submit", *files, "missing.json", "--as", "asha")
    assert said.code == 1
    assert [line.split(":")[0] for line in said.err.splitlines()] == [str(files[1]), "missing.json"]
    assert said.out.count("now at qc1") == 2


def test_a_conflict_keeps_both_versions() -> None:
    files = begin(1)
    do("submit", files[0], "--as", "asha")
    first = files[0].read_text()
    files[0].write_text(polygons(7))
    said = refused("submit", files[0], "--as", "bo")
    assert "train/0/frame0000: kept as revision 2, which does not count: revision 1 by asha is under review" in said
    assert do("get", "frame0000").out == first
    do("get", "frame0000", "--revision", "2", "-o", "two.json")
    assert Path("two.json").read_text() == polygons(7)
    assert "is there already; --overwrite" in refused("get", "frame0000", "-o", "two.json")
    do("get", "frame0000", "-o", "two.json", "--overwrite")
    assert Path("two.json").read_text() == first
    assert "has no revision 3; there is 1 to 2" in refused("get", "frame0000", "--revision", "3")


def test_a_hand_in_made_from_an_older_version_is_a_conflict() -> None:
    files = begin(1)
    do("submit", files[0], "--as", "asha", "--base", "0")
    reviewer = next(name for name in ("bo", "cy") if take(name))
    do("review", "frame0000", "--as", reviewer, "--fail", "--reason", "gap")
    files[0].write_text(polygons(9))
    assert "it was made from revision 0, and 1 counts by now" in refused(
        "submit", files[0], "--as", "asha", "--base", "0"
    )


def test_objects_that_cannot_be_read_are_noted() -> None:
    files = begin(1)
    document = json.loads(files[0].read_text())
    document["objects"].append({"label": "car", "polygon": [[1, "2"]]})
    files[0].write_text(json.dumps(document))
    said = do("submit", files[0], "--as", "asha")
    assert said.err.startswith("Note: ")
    assert "object 3" in said.err


def test_minutes_of_several_files_are_shared_among_them() -> None:
    files = begin(3)
    do("submit", *files, "--as", "asha", "--minutes", "1:00")
    assert do("status", "--week", "--json").json[0]["annotation_seconds"] == 3600


@pytest.mark.parametrize("text", ["-1", "nan", "1:75", "x", "1e3", "inf"])
def test_what_is_no_time_is_refused(text: str) -> None:
    files = begin(1)
    assert call("submit", files[0], "--as", "asha", "--minutes", text).code == 2


# --- reviews


def test_a_review_says_pass_or_fail_and_why() -> None:
    files = begin(1)
    do("submit", files[0], "--as", "asha")
    reviewer = next(name for name in ("bo", "cy") if take(name))
    assert call("review", "frame0000", "--as", reviewer).code == 2
    assert "a failed review needs a reason: wrong-label" in refused("review", "frame0000", "--as", reviewer, "--fail")
    assert "no reason 'gpa'" in refused("review", "frame0000", "--as", reviewer, "--fail", "--reason", "gpa")
    assert "qc1 has no question 'small-objects'" in refused(
        "review", "frame0000", "--as", reviewer, "--pass", "--answer", "small-objects=yes"
    )
    assert "drew it, and nobody reviews what they drew" in refused("review", "frame0000", "--as", "asha", "--pass")
    assert "looked at, and 1 counts" in refused("review", "frame0000", "--as", reviewer, "--pass", "--revision", "2")
    said = do("review", "frame0000", "--as", reviewer, "--pass", "--answer", "labels=yes", "--minutes", "0:05")
    assert said.out == "train/0/frame0000: passed qc1, revision 1; now at qc2\n"


def test_marks_come_from_a_file_too() -> None:
    files = begin(1)
    do("submit", files[0], "--as", "asha")
    reviewer = next(name for name in ("bo", "cy") if take(name))
    marks = [{"reason": "boundary", "shape": 2, "region": [1, 2, 3, 4]}, {"reason": "gap", "severity": "critical"}]
    Path("marks.json").write_text(json.dumps(marks))
    do("review", "frame0000", "--as", reviewer, "--fail", "--marks", "marks.json")
    assert take("asha")["failures"][0]["marks"] == [
        {"reason": "boundary", "severity": "major", "shape": 2, "region": [1, 2, 3, 4]},
        {"reason": "gap", "severity": "critical"},
    ]


def test_correction_boxes_go_to_the_annotation_tool_and_come_back() -> None:
    files = begin(1)
    do("submit", files[0], "--as", "asha")
    reviewer = next(name for name in ("bo", "cy") if take(name))
    do("review", "frame0000", "--as", reviewer, "--fail", "--mark", "wrong-label@1>truck#1,2,3,4=it carries bricks")
    do("repairs", "--corrections", "boxes")
    (boxes,) = Path("boxes").rglob("*.xml")
    hand_in(files[0])
    do("review", "frame0000", "--as", reviewer, "--fail", "--marks", str(boxes))
    first, second = take("asha")["failures"]
    assert second["marks"] == first["marks"]


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("[", "not JSON"),
        ("3", "no list of marks"),
        ('["gap"]', "mark 0: 'gap' is no mark"),
        ('[{"reason": "gap"}, {"reason": "x"}]', "mark 1: no reason 'x'"),
        ('[{"reason": "gap", "severity": "bad"}]', "mark 0: no severity 'bad'"),
        ('[{"reason": "gap", "shape": -1}]', "mark 0: shape is -1"),
        ('[{"reason": "gap", "shape": true}]', "mark 0: shape is True"),
        ('[{"reason": "gap", "region": [1, 2, 3]}]', "mark 0: region is [1, 2, 3]"),
        ('[{"reason": "gap", "polygon": 3}]', "mark 0: a mark has no polygon"),
        ('[{"reason": "gap", "text": 3}]', "mark 0: text is 3"),
    ],
)
def test_marks_that_are_none_are_named(document: str, problem: str) -> None:
    files = begin(1)
    do("submit", files[0], "--as", "asha")
    Path("marks.json").write_text(document)
    assert f"marks.json: {problem}" in refused("review", "frame0000", "--as", "bo", "--fail", "--marks", "marks.json")


# --- batches


def test_a_batch_goes_from_hand_in_to_acceptance() -> None:
    files = begin(10)
    assert "has frames that are not ready: 10 at annotate" in refused("freeze", "B")
    work_through(files)
    assert "is for researcher or expert or lead" in refused("freeze", "B", "--as", "bo")
    assert do("freeze", "B").out.startswith("batch B: 10 frames frozen, round 1, now at qc3\n")
    assert "has no open sample" in refused("conclude", "B")
    drawn = do("sample", "B", "--seed", "monsoon", "--json").json
    assert (drawn["n"], drawn["c"], drawn["seed"], len(drawn["frames"])) == (2, 0, "monsoon", 2)
    assert do("sample", "B", "--list", "--json").json == drawn
    assert "has an open sample" in refused("sample", "B")
    assert "cannot be concluded yet: 0 bad among 0 so far" in refused("conclude", "B")
    outside = next(p.name[:9] for p in files if p.name[:9] not in {f["frame"][-9:] for f in drawn["frames"]})
    assert "not in a sealed sample" in refused("review", outside, "--as", "rex", "--pass")
    assert take("rex")["frame"] == drawn["frames"][0]["frame"]
    for frame in drawn["frames"]:
        said = do("review", frame["frame"], "--as", "rex", "--pass").out
        assert "passed qc3, revision 1; stays at qc3 with its batch" in said
    assert do("conclude", "B").out == (
        "batch B: accepted at qc3; 0 bad among 2: no more than the 0 allowed\nnow at qc4\n"
    )
    drawn = do("sample", "B", "--n", "3", "--c", "1", "--as", "eve", "--json").json
    assert drawn["plan"]["kind"] == "fixed"
    bad = drawn["frames"][0]["frame"]
    do("review", bad, "--as", "eve", "--fail", "--reason", "boundary")
    for frame in drawn["frames"][1:]:
        do("review", frame["frame"], "--as", "eve", "--pass")
    concluded = do("conclude", "B", "--json").json
    assert (concluded["verdict"], concluded["batch_stage"], concluded["to_mend"]) == ("accept", "accepted", [bad])
    assert take("asha")["frame"] == bad


def test_a_batch_that_is_returned_says_so() -> None:
    files = begin(5)
    work_through(files)
    do("freeze", "B")
    drawn = do("sample", "B", "--seed", "1")
    assert "look at 1 of 5 frames; accepted with at most 0 bad" in drawn.out
    assert "plan  fraction " in drawn.out
    bad = take("rex")["frame"]
    do("review", bad, "--as", "rex", "--fail", "--reason", "unusable")
    said = do("conclude", "B").out
    assert "batch B: returned at qc3; 1 bad among 1" in said
    assert f"repair  {bad}\n" in said
    assert "had a sample with the seed 1" in refused_after_repair(bad, files)


def refused_after_repair(bad: str, files: list[Path]) -> str:
    path = next(file for file in files if bad[-9:] in file.name)
    hand_in(path)
    while task := take("sue"):
        do("review", task["frame"], "--as", "sue", "--pass")
    do("freeze", "B")
    return refused("sample", "B", "--seed", "1")


def test_frames_that_are_not_ready_can_be_left_to_another_batch() -> None:
    files = begin(4)
    work_through(files[:3])
    assert "batch B: 3 frames frozen" in do("freeze", "B", "--leave-to", "later").out
    assert "is at qc3: its list is frozen" in refused("add", "IDD", "--batch", "B")
    assert "no batch 'C'; there are B, later" in refused("conclude", "C")


def test_a_sample_is_listed_or_drawn() -> None:
    begin(1)
    assert call("sample", "B", "--list", "--seed", "1").code == 2
    assert call("sample", "B", "--plan", "thesis", "--n", "3").code == 2
    assert "has no open sample" in refused("sample", "B", "--list")


# --- a database for a team


def test_a_team_works_on_a_server(postgresql: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with postgresql.new(migrated=False) as url:
        monkeypatch.setenv("IDDKIT_DB", url)
        assert "a folder for the files" in refused("init", "--lead", "lee").replace("full path of a folder", "a folder")
        files = begin(5, "--files", "kept")
        work_through(files)
        do("freeze", "B")
        do("sample", "B", "--seed", "1")
        assert Path(do("settings", "--json").json["files"]) == tmp_path / "kept"
        assert take("rex")["stage"] == "qc3"
        assert do("status", "--json").json["stages"]["qc3"] == 5
        assert do("verify").code == 0
        assert not Path("qc.db").exists()
