"""The import of a log of past activity: what is read, what the queue makes of it, and what is refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iddkit.errors import FrameError
from iddkit.qc import queue
from iddkit.qc.events import Kind, to_microseconds
from iddkit.qc.sampling import IMPORTED
from iddkit.qc.stages import Action, Stage
from iddkit.qc.store import contents
from iddkit.qc.store.database import Store
from iddkit.qc.verify import verify
from iddkit.qc.worklog import Doing, ImportReport, import_log, read_log
from tests.qc_project import Review, check_log, start_review

HEADER = ("frame", "person", "action", "time", "minutes", "batch", "reason", "verdict", "shapes")
NOW = datetime(2020, 1, 1, tzinfo=UTC)
LATEST = to_microseconds(NOW)
KOLKATA = ZoneInfo("Asia/Kolkata")


class Sheet:
    """A log in a spreadsheet; rows are an hour apart."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "log.csv"
        self.rows: list[tuple[str, ...]] = []

    def add(self, frame: str, person: str, action: str, minutes: object = "", **more: str) -> None:
        when = more.pop("time", (datetime(2019, 7, 17, 9) + timedelta(hours=len(self.rows))).isoformat(" "))
        rest = (more.get(name, "") for name in ("batch", "reason", "verdict", "shapes"))
        self.rows.append((frame, person, action, when, str(minutes), *rest))

    def whole(self, *names: str, batch: str = "b") -> None:
        """Frames of a batch that are drawn and pass QC1 and QC2."""
        for name in names:
            self.add(f"train/0/{name}", "ann", "submit", 60, batch=batch)
            self.add(f"train/0/{name}", "bo", "qc1 pass", 5)
            self.add(f"train/0/{name}", "sue", "qc2 pass", 5)

    def write(self, header: Sequence[str] = HEADER, delimiter: str = ",") -> Path:
        with self.path.open("w", newline="") as file:
            csv.writer(file, delimiter=delimiter).writerows([header, *self.rows])
        return self.path


@pytest.fixture
def sheet(tmp_path: Path) -> Sheet:
    return Sheet(tmp_path)


@pytest.fixture
def review(store: Store, tmp_path: Path) -> Review:
    """An empty project, which knows nobody."""
    review = Review(store)
    review.do(lambda work: queue.start_project(work, "IDD", timezone="Asia/Kolkata", files=str(tmp_path / "files")))
    return review


def run(review: Review, sheet: Sheet, *, strict: bool = False) -> ImportReport:
    report = import_log(review.store, sheet.write(), strict=strict, now=NOW)
    check_log(review.store)
    assert verify(review.store).findings == ()
    return report


def problems(report: ImportReport) -> list[str]:
    return [f"{problem.where}: {problem.problem}" for problem in report.problems]


# -- rows


@pytest.mark.parametrize(
    ("action", "verdict", "doing", "stage", "said"),
    [
        ("raw/add", "", Doing.ADD, "", None),
        ("Annotated", "", Doing.SUBMIT, "", None),
        ("hand-in", "", Doing.SUBMIT, "", None),
        ("SUBMIT ", "", Doing.SUBMIT, "", None),
        ("qc1 pass", "", Doing.REVIEW, "qc1", Action.PASS),
        ("QC1-Pass", "", Doing.REVIEW, "qc1", Action.PASS),
        ("QC1 passed", "", Doing.REVIEW, "qc1", Action.PASS),
        ("qc 2 failed", "", Doing.REVIEW, "qc2", Action.FAIL),
        ("qc3_fail", "", Doing.REVIEW, "qc3", Action.FAIL),
        ("QC4", "Pass", Doing.REVIEW, "qc4", Action.PASS),
        ("qc4 pass", "passed", Doing.REVIEW, "qc4", Action.PASS),
        ("freeze", "", Doing.FREEZE, "", None),
        ("conclude", "returned", Doing.CONCLUDE, "", Action.FAIL),
        ("hours annotation", "", Doing.HOURS, "annotation", None),
        ("Hours (QC)", "", Doing.HOURS, "qc", None),
    ],
)
def test_an_action_is_read_however_it_is_written(
    sheet: Sheet, action: str, verdict: str, doing: Doing, stage: str, said: Action | None
) -> None:
    sheet.add("train/0/a", "ann", action, 3, batch="b", verdict=verdict)
    ((row,), wrong) = read_log(sheet.write(), KOLKATA, LATEST)
    assert not wrong
    assert (row.doing, row.stage, row.verdict, row.seconds) == (doing, stage, said, 180)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2019-07-17", "2019-07-17 06:30"),  # noon in India
        ("2019-07-17 09:30", "2019-07-17 04:00"),
        ("2019-07-17T09:30:15", "2019-07-17 04:00:15"),
        ("2019-07-17T09:30:15Z", "2019-07-17 09:30:15"),
        ("2019-07-17T09:30+02:00", "2019-07-17 07:30"),
    ],
)
def test_times_are_those_of_the_project_unless_they_have_a_zone(sheet: Sheet, text: str, utc: str) -> None:
    sheet.add("a", "ann", "submit", time=text)
    (row,) = read_log(sheet.write(), KOLKATA, LATEST)[0]
    assert row.at == to_microseconds(datetime.fromisoformat(utc).replace(tzinfo=UTC))


def test_what_a_spreadsheet_program_makes_of_it_is_read(sheet: Sheet) -> None:
    sheet.add("a", "Zoë", "submit", "12,5")
    path = sheet.write([name.title() for name in HEADER], ";")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes() + b";;;;;;;;\r\n")
    ((row,), wrong) = read_log(path, KOLKATA, LATEST)
    assert not wrong
    assert (row.number, row.person, row.seconds) == (2, "Zoë", 750)


def test_rows_are_in_the_order_of_time_and_then_of_the_file(sheet: Sheet) -> None:
    for frame, day in (("a", "2019-07-18"), ("b", "2019-07-17"), ("c", "2019-07-18"), ("d", "2019-07-17")):
        sheet.add(frame, "ann", "submit", time=day)
    assert [row.frame for row in read_log(sheet.write(), KOLKATA, LATEST)[0]] == ["b", "d", "a", "c"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"action": "polish"}, "no action 'polish'; there are"),
        ({"action": "qc1"}, "without a verdict"),
        ({"action": "qc1 maybe"}, "no action 'qc1 maybe'"),
        ({"action": "qc1 pass", "verdict": "fail"}, "the verdict 'fail'"),
        ({"action": "qc1 pass", "verdict": "so-so"}, "no verdict 'so-so'"),
        ({"action": "submit", "verdict": "pass"}, "has no verdict"),
        ({"action": "freeze"}, "names none"),
        ({"frame": ""}, "names none"),
        ({"person": " "}, "nobody is named"),
        ({"person": "a\x07n"}, "cannot be printed"),
        ({"time": "17.7.2019"}, "no time '17.7.2019'; write"),
        ({"time": "0001-01-01"}, "no time"),
        ({"time": "2020-01-02"}, "has not come yet"),
        ({"minutes": "an hour"}, "not a number"),
        ({"minutes": "-1"}, "cannot be"),
        ({"minutes": "nan"}, "cannot be"),
        ({"minutes": "1e99999999"}, "cannot be"),
        ({"shapes": "-3"}, "not a whole number"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_and_stops_no_other(sheet: Sheet, more: dict[str, str], said: str) -> None:
    sheet.add("good", "ann", "submit")
    cells = {"frame": "bad", "person": "ann", "action": "submit", **more}
    sheet.add(**cells)
    rows, wrong = read_log(sheet.write(), KOLKATA, LATEST)
    assert [row.frame for row in rows] == ["good"]
    assert [problem.where for problem in wrong] == ["row 3"]
    assert said in str(wrong[0])
    assert str(wrong[0]).startswith(f"{sheet.path}: row 3: ")


@pytest.mark.parametrize(
    ("header", "said"), [("frame,person,time", "the column action is missing"), ("person,action,time,time", "twice")]
)
def test_a_file_without_the_columns_is_no_log(tmp_path: Path, header: str, said: str) -> None:
    (tmp_path / "log.csv").write_text(f"{header}\n")
    with pytest.raises(FrameError, match=said):
        read_log(tmp_path / "log.csv", KOLKATA, LATEST)


@given(text=st.text(max_size=30), column=st.sampled_from(HEADER))
def test_no_cell_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, text: str, column: str) -> None:
    sheet = Sheet(tmp_path_factory.mktemp("cells"))
    cells = {"frame": "a", "person": "ann", "action": "submit", "batch": "b", column: text}
    sheet.add(**cells)
    try:
        content = sheet.write()
    except UnicodeEncodeError:
        return
    try:
        rows, wrong = read_log(content, KOLKATA, LATEST)
    except FrameError:
        return  # not CSV: a NUL, say
    assert len(rows) + len(wrong) == 1


# -- what comes of them


def test_a_frame_goes_its_whole_way(review: Review, sheet: Sheet) -> None:
    names = [f"{i}" for i in range(10)]
    sheet.whole(*names)
    for name in ("0", "1"):
        sheet.add(f"train/0/{name}", "rex", "qc3 pass", 9)
    sheet.add("train/0/4", "eve", "qc4 pass", 20)
    sheet.add("", "rex", "conclude", batch="b", verdict="accepted")
    report = run(review, sheet)
    assert report.problems == ()
    assert (report.rows, report.imported, report.frames, report.people) == (
        34,
        34,
        10,
        ("ann", "bo", "sue", "rex", "eve"),
    )
    assert {frame.stage for frame in review.frames()} == {Stage.ACCEPTED}
    assert {frame.passed for frame in review.frames()} == {"qc1,qc2,qc3,qc4"}
    assert review.batch().stage == "accepted"
    three, four = review.samples()
    assert (three.stage, three.seed, three.drawn, three.seen, three.verdict) == ("qc3", IMPORTED, 2, 2, "accept")
    assert (four.stage, four.seed, four.drawn, four.seen, four.verdict) == ("qc4", IMPORTED, 1, 1, "accept")
    assert {person: review.person(person).roles for person in ("ann", "rex", "eve")} == {
        "ann": "annotator",
        "rex": "researcher",
        "eve": "expert",
    }


def test_each_event_has_its_time_and_names_its_row(review: Review, sheet: Sheet) -> None:
    sheet.add("train/0/a", "ann", "submit", 61, time="2019-07-17 09:30", batch="b", shapes="17")
    sheet.add("train/0/a", "bo", "qc1 fail", 5, time="2019-07-18", reason="wrong-label@3>truck; the sky is torn")
    report = run(review, sheet)
    (submitted,) = review.events(Kind.SUBMITTED)
    (judged,) = review.events(Kind.REVIEWED)
    assert submitted.at == to_microseconds(datetime(2019, 7, 17, 4, tzinfo=UTC))
    assert (submitted.seconds, submitted.data["shapes"]) == (3660, 17)
    assert submitted.data["import"].startswith(f"{report.sha256}:2:")
    assert judged.data["import"].startswith(f"{report.sha256}:3:")
    assert judged.reason == "wrong-label not-stated"
    assert [mark.get("text", "") for mark in judged.data["marks"]] == ["", "the sky is torn"]
    assert review.frame().holder == review.person("ann").id
    frame_event = review.events(Kind.FRAME)[0]
    assert frame_event.at == submitted.at


def test_the_peer_of_the_log_is_the_reviewer_and_has_the_load(review: Review, sheet: Sheet) -> None:
    for name, peer in (("a", "bo"), ("b", "cy"), ("c", "cy")):
        sheet.add(f"train/0/{name}", "ann", "submit")
        sheet.add(f"train/0/{name}", peer, "qc1 pass")
    run(review, sheet)
    given = [(one.frame, one.data["person"]) for one in review.events(Kind.ASSIGNED)]
    bo, cy = review.person("bo"), review.person("cy")
    assert given == [(1, bo.id), (2, cy.id), (3, cy.id)]
    assert (bo.load, cy.load) == (1, 2)


def test_a_repair_by_another_person_counts_and_after_many_rounds_too(review: Review, sheet: Sheet) -> None:
    sheet.add("train/0/a", "ann", "submit", batch="b")
    for repairer in ("cy", "ann", "cy", "ann", "cy"):  # more rounds than a frame has before it escalates
        sheet.add("train/0/a", "bo", "qc1 fail")
        sheet.add("train/0/a", repairer, "repaired")
    sheet.add("train/0/a", "bo", "qc1 pass")
    report = run(review, sheet)
    assert report.problems == ()
    frame = review.frame()
    assert (frame.stage, frame.revision, review.name(frame.editor)) == (Stage.QC2, 6, "cy")


def test_a_placeholder_is_kept_for_each_hand_in(review: Review, sheet: Sheet, tmp_path: Path) -> None:
    sheet.add("train/0/a", "ann", "submit")
    sheet.add("train/0/a", "bo", "qc1 fail")
    sheet.add("train/0/a", "ann", "submit")
    report = run(review, sheet)
    digests = [one.data["sha256"] for one in review.events(Kind.SUBMITTED)]
    kept = [json.loads(contents.fetch(tmp_path / "files", digest)) for digest in digests]
    assert [one["revision"] for one in kept] == [1, 2]
    stamps = [one.data["import"] for one in review.events(Kind.SUBMITTED)]
    assert stamps == [f"{report.sha256}:{row}:{one['import']}" for row, one in zip((2, 4), kept, strict=True)]


def test_refused_rows_leave_a_line_of_the_log_and_the_rest_goes_on(review: Review, sheet: Sheet) -> None:
    sheet.add("train/0/a", "ann", "submit", batch="b")
    sheet.add("train/0/a", "ann", "qc1 pass")
    sheet.add("train/0/a", "sue", "qc2 pass")
    sheet.add("train/0/a", "bo", "qc1 pass")
    sheet.add("train/0/a", "rex", "qc3 pass")
    report = run(review, sheet)
    said = problems(report)
    assert [line.split(": ")[0] for line in said] == ["row 3", "row 4", "row 6"]
    assert "nobody reviews what they drew" in said[0]
    assert "is at qc1, not at qc2" in said[1]
    assert "is at qc2, not at qc3" in said[2]
    assert len(review.events(Kind.REFUSED)) == 3
    assert review.frame().stage == Stage.QC2
    assert str(report.problems[0]).startswith(f"{sheet.path}: row 3: train/0/a: ")
    assert review.batch().stage == "open"


def test_the_same_file_again_changes_nothing_and_says_the_same(review: Review, sheet: Sheet) -> None:
    sheet.whole("a", "b")
    sheet.add("train/0/a", "bo", "qc1 pass")
    sheet.add("train/0/c", "bo", "raw")
    sheet.add("", "bo", "hours annotation", 30)
    first = run(review, sheet)
    log = review.events()
    again = run(review, sheet)
    assert review.events() == log
    assert again.problems != ()
    assert problems(again) == problems(first)
    assert (again.imported, again.there) == (0, again.rows)
    assert (again.frames, again.people) == (0, ())


def hours(review: Review) -> int:
    return sum(one.seconds for one in review.events())


def resave(sheet: Sheet, how: str) -> None:
    """Write the log in another way, as another program or another person does."""
    header, delimiter, rows = list(HEADER), ",", sheet.rows
    if how == "columns":
        header, sheet.rows = header[::-1], [row[::-1] for row in rows]
    content = sheet.write(header, ";" if how == "delimiter" else delimiter).read_bytes()
    sheet.rows = rows
    if how == "lf":
        content = content.replace(b"\r\n", b"\n")
    elif how == "bom":
        content = b"\xef\xbb\xbf" + content
    elif how == "case":
        content = content.replace(b"ann", b"Ann").replace(b"submit", b"Handed in").replace(b",60,", b",60.0,")
    sheet.path.write_bytes(content)


@pytest.mark.parametrize("how", ["lf", "bom", "columns", "delimiter", "case"])
def test_the_same_rows_saved_in_another_way_change_nothing(review: Review, sheet: Sheet, how: str) -> None:
    sheet.whole("a", "b")
    sheet.add("train/0/a", "bo", "qc1 pass")  # refused
    sheet.add("", "bo", "hours annotation", 30)
    first = run(review, sheet)
    log, content = review.events(), sheet.path.read_bytes()
    resave(sheet, how)
    assert sheet.path.read_bytes() != content
    again = import_log(review.store, sheet.path, now=NOW)
    assert review.events() == log
    assert (again.imported, again.there, problems(again)) == (0, first.rows, problems(first))


def test_a_spreadsheet_that_grows_is_imported_every_week(review: Review, sheet: Sheet) -> None:
    day = {"time": "2019-07-17"}
    sheet.whole("a")
    sheet.add("", "ann", "hours annotation", 30, **day)
    sheet.add("", "ann", "hours annotation", 30, **day)  # two of them, and they are equal
    assert run(review, sheet).imported == 5
    spent = hours(review)
    sheet.whole("b")
    sheet.add("", "ann", "hours annotation", 30, **day)
    sheet.rows = [sheet.rows[-1], *sheet.rows[:-1]]  # the newest row on top
    second = run(review, sheet)
    assert (second.imported, second.there, second.problems) == (4, 5, ())
    assert hours(review) == spent + 70 * 60 + 30 * 60
    assert [len(review.events(kind)) for kind in (Kind.SUBMITTED, Kind.CONFLICT, Kind.REFUSED)] == [2, 0, 0]
    assert run(review, sheet).imported == 0


def test_a_row_that_names_no_batch_yet_is_refused_for_good(review: Review, sheet: Sheet) -> None:
    sheet.add("", "rex", "freeze", batch="b")
    sheet.whole("a")
    first = run(review, sheet)
    assert problems(first) == ["row 2: there is no batch yet"]
    (refused,) = review.events(Kind.REFUSED)
    assert (refused.reason, refused.actor, refused.data["action"]) == ("there is no batch yet", None, "freeze")
    log = review.events()
    assert problems(run(review, sheet)) == problems(first)
    assert review.events() == log
    again = import_log(review.store, sheet.path, retry=True, now=NOW)
    assert (again.imported, again.there, again.problems) == (1, 3, ())
    assert review.batch().stage == "qc3"
    assert run(review, sheet).problems == ()


def test_a_hand_in_that_does_not_count_is_told_again(review: Review, sheet: Sheet) -> None:
    sheet.add("train/0/a", "ann", "submit")
    sheet.add("train/0/a", "cy", "submit")
    first = run(review, sheet)
    assert "it does not count" in problems(first)[0]
    assert problems(run(review, sheet)) == problems(first)


@pytest.mark.parametrize(
    ("frame", "person", "action", "more"),
    [
        ("train/9/z", "mallory", "qc2 pass", {"batch": "new"}),  # it is not drawn yet
        ("train/9/z", "mallory", "qc4 pass", {}),
        ("train/0/a", "mallory", "qc1 pass", {}),  # it has passed
        ("train/0/a", "ann", "qc3 pass", {}),
        ("../z", "mallory", "submit", {}),
        ("", "mallory", "conclude", {"batch": "b"}),
        ("", "mallory", "sample", {"batch": "b"}),
        ("", "mallory", "freeze", {"batch": "new"}),
    ],
)
def test_a_refused_row_leaves_nothing_but_its_line(
    review: Review, sheet: Sheet, frame: str, person: str, action: str, more: dict[str, str]
) -> None:
    sheet.whole("a", "b")
    sheet.add(frame, person, action, **more)
    sheet.add("train/0/c", "cy", "submit", batch="b")
    report = run(review, sheet)
    assert [problem.where for problem in report.problems] == ["row 8"]
    assert (report.imported, report.frames, report.people) == (7, 3, ("ann", "bo", "sue", "cy"))
    assert [one.data["name"] for one in review.events(Kind.PERSON)] == ["ann", "bo", "sue", "cy"]
    assert [one.data["key"] for one in review.events(Kind.FRAME)] == ["train/0/a", "train/0/b", "train/0/c"]
    assert [one.data["name"] for one in review.events(Kind.BATCH)] == ["b"]
    (refused,) = review.events(Kind.REFUSED)
    assert refused.data["import"].startswith(f"{report.sha256}:8:")
    assert {Kind.FROZEN, Kind.SAMPLE, Kind.CONCLUDED}.isdisjoint(one.kind for one in review.events())
    assert len(review.events(Kind.ASSIGNED)) == 2


def test_a_batch_that_the_project_reviews_gets_no_sample_by_a_file(store: Store, sheet: Sheet, tmp_path: Path) -> None:
    review = start_review(store, 10, files=str(tmp_path / "files"))
    review.to_ready(*range(1, 11))
    review.freeze()
    before = len(review.events())
    for action in ("qc3 pass", "qc4 pass"):
        sheet.add("train/0/0003", "rex", action)
    said = problems(import_log(review.store, sheet.write(), now=NOW))
    check_log(review.store)
    assert "has frames that no import added" in said[0]
    assert review.samples() == []
    assert [one.kind for one in review.events()[before:]] == [Kind.REFUSED] * 2
    review.draw()
    assert review.samples()[0].seed != IMPORTED


def test_people_who_are_added_are_named_with_their_roles(review: Review, sheet: Sheet) -> None:
    sheet.whole("a")
    sheet.add("train/0/b", "sue", "submit")
    report = run(review, sheet)
    assert list(zip(report.people, report.roles, strict=True)) == [
        ("ann", "annotator"),
        ("bo", "annotator"),
        ("sue", "annotator,supervisor"),
    ]


def test_an_import_that_was_cut_short_goes_on_where_it_was(
    review: Review, sheet: Sheet, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet.whole("a", "b", "c")
    monkeypatch.setattr("iddkit.qc.worklog.importing._CHUNK", 4)
    real = contents.keep
    calls = []

    def keep(*arguments: object, **more: object) -> str:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(contents, "keep", keep)
    with pytest.raises(KeyboardInterrupt):
        import_log(review.store, sheet.write(), now=NOW)
    assert len(review.events(Kind.SUBMITTED)) == 2
    report = run(review, sheet)
    assert (report.imported, report.there, report.problems) == (5, 4, ())
    assert [frame.stage for frame in review.frames()] == [Stage.READY] * 3


def test_frames_and_people_that_are_there_are_used(store: Store, sheet: Sheet, tmp_path: Path) -> None:
    review = start_review(store, 3, files=str(tmp_path / "files"))
    sheet.add("0001", "Ann", "submit")  # by the end of its key, and whatever the case
    sheet.add("0/0001", "bo", "qc1 pass")
    sheet.add("0002", "sue", "submit")
    report = run(review, sheet, strict=True)
    assert (report.imported, report.frames, report.people) == (2, 0, ())
    assert review.frame(2).stage == Stage.QC2
    assert problems(report) == [
        "row 4: train/0/0002: submit at annotate is for annotator or lead, and sue is supervisor"
    ]


def test_strict_refuses_whom_and_what_the_project_does_not_know(store: Store, sheet: Sheet, tmp_path: Path) -> None:
    review = start_review(store, 1, files=str(tmp_path / "files"))
    before = review.events()
    sheet.add("0000", "zed", "submit")
    sheet.add("0099", "ann", "submit")
    report = run(review, sheet, strict=True)
    assert problems(report) == ["row 2: nobody is called 'zed'", "row 3: no frame '0099' in the project"]
    assert review.events() == before


def test_a_name_of_two_frames_is_refused(review: Review, sheet: Sheet) -> None:
    sheet.add("train/0/a", "ann", "submit")
    sheet.add("train/1/a", "ann", "submit")
    sheet.add("a", "bo", "qc1 pass")
    assert problems(run(review, sheet)) == ["row 4: 2 frames are called 'a': train/0/a, train/1/a"]


@pytest.mark.parametrize("name", ["../a", "train//a", "."])
def test_a_frame_is_called_split_sequence_and_name(review: Review, sheet: Sheet, name: str) -> None:
    sheet.add(name, "ann", "submit")
    assert "is not split/sequence/name" in problems(run(review, sheet))[0]


def test_new_frames_come_into_the_batch_of_the_row(review: Review, sheet: Sheet) -> None:
    sheet.add("train/2/sub/a", "ann", "submit", batch="first")
    sheet.add("b", "ann", "submit")
    sheet.add("c", "", "add", batch="first")
    run(review, sheet)
    one, two, three = review.frames()
    assert (one.split, one.sequence, one.name, one.stage) == ("train", "2/sub", "a", "qc1")
    assert (two.split, two.sequence, two.name) == ("", "", "b")
    assert (three.stage, three.batch, one.batch) == ("annotate", one.batch, review.batch("first").id)
    assert two.batch == review.batch("imported").id


# -- batches


def test_rows_say_when_a_batch_was_frozen_sampled_and_concluded(review: Review, sheet: Sheet) -> None:
    sheet.whole(*map(str, range(10)))
    sheet.add("", "rex", "freeze", batch="b")
    sheet.add("", "rex", "sample", batch="b")
    sheet.add("train/0/3", "rex", "qc3 pass")
    sheet.add("train/0/7", "rob", "qc3 fail", reason="gap")
    sheet.add("", "rex", "conclude", batch="b", verdict="return")
    report = run(review, sheet)
    assert report.problems == ()
    frozen = [one for one in review.events(Kind.FROZEN) if one.frame is None]
    (sample,) = review.samples()
    (concluded,) = review.events(Kind.CONCLUDED)
    assert [one.data["import"].split(":")[1] for one in (*frozen, concluded)] == ["32", "36"]
    assert (sample.drawn, sample.seen, sample.bad, sample.verdict) == (2, 2, 1, "return")
    drawn = review.events(Kind.SAMPLE)[0].data["positions"]
    assert sorted(review.frame(number).name for number in drawn) == ["3", "7"]
    stages = {frame.name: frame.stage for frame in review.frames()}
    assert stages["7"] == Stage.REPAIR
    assert stages["3"] == Stage.QC2


def test_a_sample_that_was_concluded_is_what_was_looked_at(review: Review, sheet: Sheet) -> None:
    sheet.whole(*map(str, range(20)))  # the plan asks for four
    for name in ("2", "9", "11"):
        sheet.add(f"train/0/{name}", "rex", "qc3 pass")
    sheet.add("", "rex", "conclude", batch="b")
    assert run(review, sheet).problems == ()
    (sample,) = review.samples()
    assert (sample.drawn, sample.allowed, json.loads(sample.plan)["kind"]) == (3, 0, "fixed")
    assert review.batch().stage == "qc4"


def test_a_sample_that_is_not_concluded_goes_on_as_the_plan_says(review: Review, sheet: Sheet) -> None:
    sheet.whole(*map(str, range(20)))
    sheet.add("train/0/2", "rex", "qc3 pass")
    assert run(review, sheet).problems == ()
    (sample,) = review.samples()
    assert (sample.seed, sample.drawn, json.loads(sample.plan)["kind"]) == (IMPORTED, 4, "fraction")
    assert len([frame for frame in review.frames() if frame.sample and not frame.verdict]) == 3


def test_a_sample_that_nobody_has_looked_at_is_drawn_by_lot(review: Review, sheet: Sheet) -> None:
    sheet.whole(*map(str, range(10)))
    sheet.add("", "rex", "freeze", batch="b")
    sheet.add("", "rex", "sample", batch="b")
    assert run(review, sheet).problems == ()
    (sample,) = review.samples()
    assert sample.drawn == 2
    assert sample.seed != IMPORTED


def test_frames_that_were_not_ready_are_left_to_another_batch(review: Review, sheet: Sheet) -> None:
    sheet.whole("a", "b", "c")
    sheet.add("train/0/d", "ann", "submit", batch="b")
    sheet.add("train/0/a", "rex", "qc3 pass")
    sheet.add("train/0/d", "bo", "qc1 pass")
    assert run(review, sheet).problems == ()
    assert review.batch().frames == 3
    assert [review.frame(4).batch, review.frame(4).stage] == [review.batch("b.rest1").id, "qc2"]


def test_a_conclusion_that_the_plan_does_not_draw_is_refused(review: Review, sheet: Sheet) -> None:
    sheet.whole(*map(str, range(10)))
    for name in ("0", "1"):
        sheet.add(f"train/0/{name}", "rex", "qc3 pass")
    sheet.add("", "rex", "conclude", batch="b", verdict="returned")
    assert "the log says otherwise than its plan" in problems(run(review, sheet))[0]
    assert review.batch().stage == "qc3"


def test_a_reviewer_who_drew_the_frame_freezes_no_batch(review: Review, sheet: Sheet) -> None:
    sheet.whole("a")
    sheet.add("train/0/b", "rex", "submit", batch="c")  # rex is annotator and researcher
    sheet.add("train/0/b", "bo", "qc1 pass")
    sheet.add("train/0/b", "sue", "qc2 pass")
    sheet.add("train/0/b", "rex", "qc3 pass")
    assert "nobody reviews what they drew" in problems(run(review, sheet))[0]
    assert review.batch("c").stage == "open"


def test_a_batch_that_was_returned_is_frozen_and_sampled_again(review: Review, sheet: Sheet) -> None:
    sheet.whole("0", "1", "2", "3", "4")
    sheet.add("train/0/0", "rex", "qc3 fail", reason="gap")
    sheet.add("", "rex", "conclude", batch="b")
    sheet.add("train/0/0", "ann", "submit")
    for name in "01234":
        sheet.add(f"train/0/{name}", "sue", "qc2 pass")
    sheet.add("train/0/3", "rex", "qc3 pass")
    sheet.add("", "rex", "conclude", batch="b")
    assert run(review, sheet).problems == ()
    assert [(one.round, one.drawn, one.verdict) for one in review.samples()] == [(1, 1, "return"), (2, 1, "accept")]
    assert review.batch().stage == "qc4"


def test_a_recheck_of_a_mended_frame_is_a_row_of_its_review(review: Review, sheet: Sheet) -> None:
    sheet.whole(*map(str, range(100)))
    for i in range(50):
        sheet.add(f"train/0/{i}", "rex", "qc3 fail" if i == 0 else "qc3 pass")
    sheet.add("", "rex", "conclude", batch="b")
    sheet.add("train/0/0", "ann", "submit")
    sheet.add("train/0/0", "rex", "qc3 pass")
    report = run(review, sheet)
    assert report.problems == ()
    assert {frame.stage for frame in review.frames()} == {"qc4"}


def test_a_log_of_thousands_of_rows_is_read_in_seconds(review: Review, sheet: Sheet) -> None:
    for i in range(700):
        sheet.add(f"train/{i // 30}/{i}", f"ann{i % 5}", "submit", 50, time="2019-07-17", batch="b")
        sheet.add(f"train/{i // 30}/{i}", f"ann{(i + 1) % 5}", "qc1 pass", 2, time="2019-07-17")
    started = datetime.now(UTC)
    report = import_log(review.store, sheet.write(), now=NOW)
    assert (datetime.now(UTC) - started).total_seconds() < 20
    assert report.imported == 1400


def test_a_row_of_the_past_does_not_take_up_an_accepted_frame(store: Store, sheet: Sheet, tmp_path: Path) -> None:
    review = start_review(store, files=str(tmp_path / "files"))
    review.to_ready(1)
    review.freeze()
    for name in ("rex", "eve"):
        review.draw()
        review.judge_sample(name)
        review.conclude()
    sheet.add(review.frame().key, "ann", "submit", batch="b")
    report = import_log(store, sheet.write(), now=NOW)
    check_log(store)
    assert "does not take it up again" in str(report.problems[0])
    assert review.frame().stage == Stage.ACCEPTED
