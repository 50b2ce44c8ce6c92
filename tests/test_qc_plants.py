"""Planted errors: who is shown them, what becomes of the verdicts, and that nothing of them goes any further."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from iddkit import formats, synthetic
from iddkit.errors import AnnotationError, OptionError, RefusedError
from iddkit.qc import queue
from iddkit.qc.backup import backup, restore
from iddkit.qc.checklist import Mark
from iddkit.qc.events import Kind
from iddkit.qc.progress.brief import read_brief
from iddkit.qc.progress.desk import read_desk
from iddkit.qc.progress.export import export
from iddkit.qc.progress.history import read_history
from iddkit.qc.progress.person import read_person
from iddkit.qc.progress.plants import read_plants
from iddkit.qc.progress.sensitivity import read_measured, read_sensitivity
from iddkit.qc.progress.weekly import read_weeks
from iddkit.qc.queue.planting import plant_by_lot, plant_own
from iddkit.qc.sight import find_plant, shown_revision
from iddkit.qc.stages import Action, Role, Stage
from iddkit.qc.state import Frame, Plant, Revision
from iddkit.qc.store import contents
from iddkit.qc.store.database import Store, open_store
from iddkit.qc.store.tables import events
from iddkit.qc.verify import verify
from iddkit.severity import Severity
from tests.qc_project import CHECKLIST, MARK, MINOR, Review, check_log, start_review
from tests.qc_run import Run, start
from tests.qc_stores import Databases

TEAM = {"lea": "l", "ann": "a", "bo": "a", "sue": "s", "tim": "s", "rex": "r", "kim": "r", "eve": "e", "lou": "sl"}

COPY = queue.Copy("f" * 64, "wrong-label", 4, "car", (10, 20, 30, 40))


@pytest.fixture
def review(store: Store) -> Review:
    return start_review(store, 4, TEAM)


def plant(review: Review, number: int = 1, *, by: str = "lea", to: str | None = None, copy: queue.Copy = COPY) -> Plant:
    person, actor = None if to is None else review.person(to), review.person(by)
    return review.do(lambda work: queue.plant(work, work.state.get(Frame, number), actor, copy, person=person))


def seen_by(review: Review, name: str, number: int = 1) -> bool:
    """Whether a person is shown a copy in place of a frame."""
    with review.store.looking() as work:
        return find_plant(work, work.state.get(Frame, number), review.person(name)) is not None


def states(review: Review | Run) -> list[str]:
    with review.store.reading() as connection:
        return [one.state for one in read_plants(connection)]


# --- one frame


def test_the_verdict_is_the_copys_and_the_frame_stays_where_it_is(review: Review) -> None:
    review.to_qc2(1)
    before = review.frame(1)
    made = plant(review)
    assert (made.frame, made.stage, made.revision, made.person, made.reason) == (1, "qc2", 1, None, "wrong-label")
    assert review.frame(1) == before
    event = review.passes("sue", 1, seconds=90)
    assert (event.kind, event.verdict, event.stage, event.seconds) == (Kind.PROBED, "pass", "qc2", 90)
    assert review.frame(1) == replace(before, moved=event.seq)
    assert states(review) == ["missed"]
    event = review.passes("sue", 1)
    assert event.kind is Kind.REVIEWED
    assert review.frame(1).stage == "ready"
    assert states(review) == ["missed"]
    check_log(review.store)
    assert verify(review.store, files=False).findings == ()


def test_a_failure_catches_it_and_makes_no_repair(review: Review) -> None:
    review.to_qc2(1)
    plant(review)
    review.fails("sue", 1)
    assert review.frame(1).stage == "qc2"
    assert review.frame(1).rounds == 0
    assert states(review) == ["caught"]


@pytest.mark.parametrize(
    ("mark", "located"),
    [
        (Mark("wrong-label", Severity.MAJOR, 9), True),  # the reason
        (Mark("boundary", Severity.MAJOR, 4), True),  # the object
        (Mark("boundary", Severity.MAJOR, None, "", (39, 59, 5, 5)), True),  # the place
        (Mark("boundary", Severity.MAJOR, None, "", (40, 60, 5, 5)), False),  # beside it
        (Mark("boundary", Severity.MAJOR, 5), False),
        (Mark("gap", Severity.MAJOR), False),
    ],
)
def test_a_mark_at_the_object_its_place_or_of_its_reason_locates_it(review: Review, mark: Mark, located: bool) -> None:
    review.to_qc2(1)
    plant(review)
    event = review.fails("sue", 1, marks=[mark])
    assert (event.data["caught"], event.data["located"]) == (True, located)


def test_who_is_shown_it(review: Review) -> None:
    review.to_qc2(1)
    plant(review)
    shown = {name for name in TEAM if seen_by(review, name)}
    # Not who drew it, has another role, or is a lead and can read what is planted.
    assert shown == {"sue", "tim"}
    review.change("tim", active=False)
    assert not seen_by(review, "tim")


def test_a_bound_copy_is_shown_to_that_person_alone(review: Review) -> None:
    review.to_qc2(1)
    plant(review, to="tim")
    assert {name for name in TEAM if seen_by(review, name)} == {"tim"}
    assert review.passes("sue", 1).kind is Kind.REVIEWED
    assert states(review) == ["void"]
    assert not seen_by(review, "tim")


def test_a_lead_is_shown_what_another_lead_planted_for_them(review: Review) -> None:
    review.to_qc2(1)
    plant(review, to="lou")
    assert review.passes("lou", 1).kind is Kind.PROBED


def test_at_qc1_only_the_peer_is_shown_it(review: Review) -> None:
    review.submit("ann", 1)
    plant(review)
    assert {name for name in TEAM if seen_by(review, name)} == {"bo"}
    assert review.fails("bo", 1).kind is Kind.PROBED
    assert review.holder(1) == "bo"


def test_who_was_shown_the_version_itself_judges_that(review: Review) -> None:
    review.to_qc2(1)
    with review.store.looking() as work:
        shown = shown_revision(work, work.state.get(Frame, 1), review.person("sue"))
    assert shown is not None
    plant(review)
    with review.refused("another file was looked at"):
        review.passes("sue", 1, sha256="0" * 64)
    assert review.passes("sue", 1, sha256=shown.sha256).kind is Kind.REVIEWED
    assert states(review) == ["void"]


def test_who_was_shown_the_copy_judges_the_copy(review: Review) -> None:
    review.to_qc2(1)
    plant(review)
    assert review.passes("sue", 1, sha256=COPY.sha256).kind is Kind.PROBED


@pytest.mark.parametrize("verdict", [Action.PASS, Action.FAIL])
def test_the_judge_is_told_what_would_have_come_of_it(review: Review, verdict: Action) -> None:
    for number in (1, 2):
        review.to_qc2(number)
    plant(review, 1)
    told = {}
    for number in (1, 2):
        frame = review.frame(number)
        event = review.judge("sue", verdict, number)
        with review.store.looking() as work:
            said = queue.told_frame(work, frame, event)
        told[number] = (said.stage, said.rounds, said.revision, said.holder)
    assert told[1] == told[2]


def test_the_frame_goes_to_the_end_of_the_queue(review: Review) -> None:
    for number in (1, 2, 3):
        review.to_qc2(number)
    plant(review, 1)
    for number in (1, 2, 3, 1):
        found = review.take("sue")
        assert found is not None
        assert found.id == number
        review.passes("sue", number)
    assert review.take("sue") is None


def test_what_a_review_refuses_it_refuses_of_a_copy(review: Review) -> None:
    review.to_qc2(1)
    plant(review)
    with review.refused("a failed review needs a reason"):
        review.judge("sue", Action.FAIL, 1, marks=[])
    with review.refused("a defect of this severity makes it fail"):
        review.judge("sue", Action.PASS, 1, marks=[MARK])
    with review.refused("revision 7 was looked at"):
        review.passes("sue", 1, revision=7)
    review.change("ann", roles=[Role.SUPERVISOR])
    with review.refused("nobody reviews what they drew"):
        review.passes("ann", 1)
    assert states(review) == ["open"]


# --- what cannot be planted


def test_only_a_lead_plants(review: Review) -> None:
    review.to_qc2(1)
    with review.refused("lead"):
        plant(review, by="sue")


def test_planting_is_refused_where_it_measures_nothing(review: Review) -> None:
    with review.refused("it is at annotate"):
        plant(review)
    review.to_qc2(1)
    real = review.do(lambda work: work.state.get(Revision, 1, 1)).sha256
    with review.refused("the copy is the version itself"):
        plant(review, copy=replace(COPY, sha256=real))
    for name, words in (
        ("lea", "knows what is wrong"),
        ("bo", "is no supervisor"),
        ("rex", "is no supervisor"),
    ):
        with review.refused(words):
            plant(review, to=name)
    review.give("tim", 1)
    with review.refused("its review at qc2 is tim's"):
        plant(review, to="sue")
    review.take("tim")
    with review.refused("tim works on it"):
        plant(review)
    review.do(lambda work: queue.release(work, work.state.get(Frame, 1), review.person("tim")))
    plant(review)
    with review.refused("planted already"):
        plant(review)


def test_a_lead_who_holds_the_review_is_no_test(review: Review) -> None:
    review.to_qc2(1)
    review.give("lou", 1)
    with review.refused("its review is lou's, a lead's"):
        plant(review)
    plant(review, to="lou")


# --- copies that nobody judged


def test_a_copy_is_void_when_its_frame_goes_on(review: Review) -> None:
    for number in (1, 2):
        review.to_qc2(number)
        plant(review, number, to="tim")
    review.fails("sue", 1)  # to repair
    review.drop(2)
    assert states(review) == ["void", "void"]
    review.submit("ann", 1)
    review.restore(2)
    review.passes("bo", 2)
    assert [review.frame(number).stage for number in (1, 2)] == ["qc2", "qc2"]
    assert not seen_by(review, "tim", 1)
    # The same version at the same stage once more, and still void.
    assert not seen_by(review, "tim", 2)
    assert states(review) == ["void", "void"]
    plant(review, 2)
    assert states(review) == ["void", "void", "open"]


def test_it_waits_through_claims_and_new_holders(review: Review) -> None:
    review.to_qc2(1)
    plant(review)
    review.give("tim", 1)
    assert {name for name in TEAM if seen_by(review, name)} == {"tim"}
    assert review.take("tim") is not None
    assert seen_by(review, "tim")


# --- samples


def sampled(review: Review) -> list[int]:
    """Bring all frames into a sealed sample; return them in its order."""
    review.to_ready(1, 2, 3, 4)
    review.freeze()
    review.draw()
    drawn = [frame for frame in review.frames() if frame.sample is not None]
    return [frame.id for frame in sorted(drawn, key=lambda frame: frame.position or 0)]


@pytest.fixture
def sample(store: Store) -> tuple[Review, list[int]]:
    plan = {"kind": "fixed", "n": 3, "c": 0}
    review = start_review(store, 4, TEAM, plan3=plan, plan4=plan)
    return review, sampled(review)


def test_a_sample_is_judged_as_if_nothing_was_planted(sample: tuple[Review, list[int]]) -> None:
    review, order = sample
    first = order[0]
    plant(review, first)
    outside = next(frame.id for frame in review.frames() if frame.sample is None)
    with review.refused("not in a sealed sample"):
        plant(review, outside)
    assert review.fails("rex", first).kind is Kind.PROBED
    frame = review.frame(first)
    assert (frame.verdict, frame.bad, frame.reviewer3) == ("", 0, None)
    with review.refused("cannot be concluded yet"):
        review.conclude()
    # Who judged the copy comes to the frame last; another one comes to it in the sealed order.
    assert [review.take("rex").id, review.take("kim").id] == [order[1], first]  # type: ignore[union-attr]
    review.passes("kim", first)
    review.passes("rex", order[1])
    with review.refused("was judged in its sample already"):
        plant(review, first)
    review.passes("rex", order[2])
    assert review.conclude().sample.bad == 0
    assert states(review) == ["caught"]
    assert verify(review.store, files=False).findings == ()


def test_in_a_sample_it_is_caught_by_what_the_plan_counts(sample: tuple[Review, list[int]]) -> None:
    review, order = sample
    plant(review, order[0])
    plant(review, order[1])
    event = review.fails("rex", order[0], marks=[MINOR])
    assert not event.data["caught"]
    assert not event.data["located"]
    assert review.fails("rex", order[1], marks=[MINOR, MARK]).data["caught"]
    assert states(review) == ["missed", "caught"]


def test_a_copy_in_a_returned_batch_is_void(sample: tuple[Review, list[int]]) -> None:
    review, order = sample
    plant(review, order[0], to="kim")
    review.judge_sample("rex", order[1])
    review.conclude()
    assert states(review) == ["void"]


# --- the log


def forge(review: Review, kind: Kind, **values: Any) -> str:
    """Write an event that the queue would not write; return what is found."""
    review.do(lambda work: work.append(kind, **values))
    return " ".join(finding.problem for finding in verify(review.store, files=False).findings)


PLANTED = {"plant": 1, "person": None, "sha256": "e" * 64, "shape": None, "label": "", "region": None}


@pytest.mark.parametrize(
    ("change", "data", "said"),
    [
        ({"actor": 4}, {}, "planted by leads"),
        ({"stage": "qc1"}, {}, "is of a frame at qc2"),
        ({"revision": 2}, {}, "whose revision 1 counted"),
        ({"frame": 3}, {}, "is of a frame at qc1"),
        ({}, {"person": 2}, "who planted it or drew the frame"),
        ({}, {"plant": 7}, "has the number 7"),
        ({}, {"sha256": f"{1:064x}"}, "no spoiled copy"),
    ],
)
def test_what_the_queue_would_not_plant_is_found(
    review: Review, change: dict[str, Any], data: dict[str, Any], said: str
) -> None:
    review.to_qc2(1)
    review.submit("ann", 3)
    values = {"actor": 1, "frame": 1, "batch": 1, "stage": "qc2", "revision": 1, "reason": "gap", **change}
    assert said in forge(review, Kind.PLANTED, data={**PLANTED, **data}, **values)


@pytest.mark.parametrize(
    ("change", "data", "said"),
    [
        ({"actor": 1}, {}, "was not to be shown the copy"),
        ({"actor": 2}, {}, "nobody reviews what they drew"),
        ({"actor": 6}, {}, "pass at qc2 is for supervisor or lead"),
        ({"revision": 2}, {}, "judges revision 2"),
        ({"stage": "qc1"}, {}, "is a review at qc1"),
        ({}, {"caught": True}, "does not follow from its marks"),
        ({"verdict": "fail"}, {"marks": [MARK.to_json()]}, "does not follow from its marks"),
    ],
)
def test_verdicts_that_the_queue_would_not_take_are_found(
    review: Review, change: dict[str, Any], data: dict[str, Any], said: str
) -> None:
    review.to_qc2(1)
    plant(review)
    assert verify(review.store, files=False).findings == ()
    values = {"actor": 4, "frame": 1, "batch": 1, "stage": "qc2", "verdict": "pass", "revision": 1, **change}
    assert said in forge(review, Kind.PROBED, data={"plant": 1, "caught": False, "located": False, **data}, **values)


def test_a_copy_that_is_judged_twice_is_found(review: Review) -> None:
    review.to_qc2(1)
    plant(review)
    review.passes("sue", 1)
    values = {"actor": 4, "frame": 1, "batch": 1, "stage": "qc2", "verdict": "pass", "revision": 1}
    data = {"plant": 1, "caught": False, "located": False}
    assert "void, judged before" in forge(review, Kind.PROBED, data=data, **values)


def test_a_changed_row_is_found(review: Review) -> None:
    review.to_qc2(1)
    plant(review)
    review.passes("sue", 1)
    with review.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE plant SET caught = 1")
    (finding,) = verify(review.store, files=False).findings
    assert str(finding) == "plant 1: caught is 1, and 0 by the log"


def test_a_log_of_the_past_tells_of_the_version_itself(review: Review) -> None:
    review.to_qc2(1)
    plant(review)

    def import_review(work: Any) -> Any:
        work.stamp = {"import": "x:1:y"}
        frame = work.state.get(Frame, 1)
        return queue.review(work, frame, review.person("sue"), Action.PASS, checklist=CHECKLIST)

    assert review.do(import_review).kind is Kind.REVIEWED


# --- with files


def street(number: int) -> bytes:
    return formats.dumper("cityscapes")(synthetic.scene(number, width=480, height=270).annotation)


def make(folder: Path, count: int = 6, url: str = "", **settings: Any) -> Run:
    """A project whose frames wait at QC2, with scenes in which something can be made wrong."""
    run = start(folder, count, url, findings="off", **settings)
    for frame in run.frames("annotate"):
        run.submit(frame.key, "ann", street(frame.id))
    run.step_all("qc1")
    return run


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    made = make(tmp_path / "p")
    yield made
    made.store.close()


def sow(run: Run, count: int = 2, **options: Any) -> list[Plant]:
    return list(plant_by_lot(run.store, "lead", count=count, seed=5, now=run.tick(), **options).plants)


def brief(run: Run, key: str, name: str | None) -> Any:
    person = None if name is None else run.person(name)
    with run.store.looking() as work:
        return read_brief(run.store, work, run.frame(key), person)


def key_of(run: Run, planted: Plant) -> str:
    with run.store.looking() as work:
        return work.state.get(Frame, planted.frame).key


def test_lots_fall_the_same_way_for_a_seed(tmp_path: Path) -> None:
    found = []
    for folder in ("a", "b"):
        with closing((run := make(tmp_path / folder)).store):
            found.append([(one.frame, one.reason, one.sha256, one.region) for one in sow(run, 3)])
    assert found[0] == found[1]
    assert len({frame for frame, *_ in found[0]}) == 3


def test_a_reviewer_is_shown_the_copy_and_others_the_version(run: Run) -> None:
    (one,) = sow(run, 1)
    key = key_of(run, one)
    shown, real = brief(run, key, "sue"), brief(run, key, None)
    assert shown.content != real.content
    assert contents.fetch(run.folder / "qc_files", one.sha256) == shown.content
    assert brief(run, key, "ann").content == brief(run, key, "lead").content == real.content
    hidden = {name for name in real.__slots__ if getattr(shown, name) != getattr(real, name)}
    assert hidden == {"content", "revision"}
    assert replace(shown.revision, sha256="") == replace(real.revision, sha256="")
    run.review(key, "sue")
    assert brief(run, key, "sue").content == real.content


def test_the_machine_finds_nothing_in_a_copy_that_it_does_not_find_in_the_version(tmp_path: Path) -> None:
    run = make(tmp_path / "p")
    lead = run.person("lead")
    with run.store.writing(run.tick()) as work:
        queue.change_project(work, lead, findings="show")
    planted = sow(run, 5)
    assert planted
    for one in planted:
        key = key_of(run, one)
        rules = [sorted(f.rule for f in brief(run, key, name).checked.findings) for name in ("sue", None)]
        assert not [rule for rule in rules[0] if rules[0].count(rule) > rules[1].count(rule)]
    run.store.close()


def test_only_leads_read_of_it_in_the_history(run: Run) -> None:
    (one,) = sow(run, 1)
    key = key_of(run, one)
    run.review(key, "sue", "wrong-label@1")
    with pytest.raises(RefusedError):
        plant_own(run.store, "ann", key, street(99), "gap")
    with run.store.reading() as connection:
        hidden = read_history(connection, run.frame(key))
        told = read_history(connection, run.frame(key), planted=True)
    assert {entry.kind for entry in told} - {entry.kind for entry in hidden} == {"planted", "probed"}
    assert not [entry for entry in hidden if "plant" in entry.what]
    assert any("caught the planted copy" in entry.what for entry in told)


@pytest.fixture
def anywhere(databases: Databases, tmp_path: Path) -> Iterator[Run]:
    """The same in a database of either kind."""
    with databases.new() as url:
        made = make(tmp_path / "p", url=url, files=str(tmp_path / "p" / "qc_files"))
        yield made
        made.store.close()


def test_hours_are_counted_and_passes_are_not(anywhere: Run) -> None:
    run = anywhere
    (one,) = sow(run, 1)
    key = key_of(run, one)

    def read() -> tuple[Any, Any, Any]:
        with run.store.looking() as work:
            connection, now = work.connection, run.tick()
            (week,) = read_weeks(connection, work.project, now=now)
            desk = read_desk(work, run.person("sue"), now)
            return week, read_person(connection, None, run.person("sue")), desk

    week, person, _ = read()
    run.review(key, "sue", seconds=1800)
    after, later, desk = read()
    assert after.qc_seconds == week.qc_seconds + 1800
    assert replace(after, qc_seconds=0) == replace(week, qc_seconds=0)
    assert later.qc_hours == person.qc_hours + 0.5
    assert replace(later, qc_hours=0) == replace(person, qc_hours=0)
    # To the person it is a review like all others.
    assert [(row.kind, row.stage, row.verdict, row.count, row.seconds) for row in desk.done] == [
        ("reviewed", "qc2", "pass", 1, 1800)
    ]


def test_an_accepted_batch_is_as_one_in_which_nothing_was_planted(tmp_path: Path) -> None:
    trees: list[dict[Path, bytes]] = []
    verdicts: list[list[tuple[Any, ...]]] = []
    hashes: set[str] = set()
    for name in ("plain", "planted"):
        run = make(tmp_path / name, 5, plan3={"kind": "fixed", "n": 2, "c": 0}, plan4={"kind": "fixed", "n": 2, "c": 0})
        for _ in range(40):
            if name == "planted":
                hashes |= {one.sha256 for one in sow_all(run)}
            if run.batch("B").stage == "accepted":
                break
            advance(run)
        assert run.batch("B").stage == "accepted"
        with run.store.reading() as connection:
            export(connection, run.folder / "qc_files", tmp_path / f"{name}-out")
        out = tmp_path / f"{name}-out"
        trees.append({p.relative_to(out): p.read_bytes() for p in out.rglob("*.json")})
        assert verify(run.store).findings == ()
        with run.store.reading() as connection:
            judged = select(events.c.stage, events.c.frame, events.c.verdict).where(events.c.kind == Kind.REVIEWED)
            verdicts.append(sorted(map(tuple, connection.execute(judged))))
        run.store.close()
    assert len(hashes) > 4
    assert trees[0] == trees[1]
    assert len(trees[0]) == 5
    assert verdicts[0] == verdicts[1]


def sow_all(run: Run) -> list[Plant]:
    try:
        return sow(run, 20)
    except OptionError:
        return []


def advance(run: Run) -> None:
    """Let everyone do all they can, and bring the batch one step on."""
    run.work()
    batch = run.batch("B")
    if batch.stage == "open" and not run.frames("qc2"):
        run.freeze("B", "one")
    elif batch.stage in ("qc3", "qc4"):
        if run.sample_is_open(batch):
            run.conclude("B")
        else:
            run.draw("B", "two")


def test_backup_and_restore_bring_the_files_of_copies(run: Run, tmp_path: Path, databases: Databases) -> None:
    (one,) = sow(run, 1)
    copy = backup(run.store, tmp_path / "b" / "copy.db")
    assert contents.path_of(copy.files, one.sha256).is_file()
    with closing(open_store(copy.path)) as store:
        assert verify(store).findings == ()
        assert verify(store).files == verify(run.store).files
    with databases.new(migrated=False) as url:
        restored = restore(Path(copy.path), url, folder=str(tmp_path / "r"))
        assert restored.verification.ok
        assert contents.path_of(tmp_path / "r", one.sha256).is_file()


def test_a_missing_file_of_a_copy_is_found(run: Run) -> None:
    (one,) = sow(run, 1)
    contents.path_of(run.folder / "qc_files", one.sha256).unlink()
    (finding,) = verify(run.store).findings
    assert finding.where == f"plant {one.id}, a copy of {key_of(run, one)}"


def test_frames_in_which_nothing_can_be_spoiled_are_passed_over(tmp_path: Path) -> None:
    run = start(tmp_path / "p", 3, findings="off")
    run.work()
    run.freeze("B", "one")
    with pytest.raises(OptionError, match="no frame at which anything can be planted now: none waits"):
        plant_by_lot(run.store, "lead", stage=Stage.QC1)
    done = plant_by_lot(run.store, "lead", count=2)
    assert done.plants == ()
    assert all("nothing in it can be made wrong" in problem for problem in done.problems.values())
    run.store.close()


def test_nobody_is_tested_twice_with_one_version(anywhere: Run) -> None:
    run = anywhere
    keys = {key_of(run, one) for one in sow(run, 6)}
    assert len(keys) == 6
    for key in keys:
        run.review(key, "sue")
    with pytest.raises(OptionError, match=r"planted now: a copy of it is planted, or was judged \(6 of 6\)"):
        sow(run, 1)
    key = sorted(keys)[0]
    run.review(key, "sue")
    with pytest.raises(OptionError, match="it is at ready"):
        sow(run, 1, frames=[key])


# --- a lead's own copy


def test_a_leads_own_copy_is_taken(run: Run) -> None:
    frame = run.frames("qc2")[0]
    document = json.loads(street(frame.id))
    place = next(i for i, item in enumerate(document["objects"]) if item["label"] == "building")
    document["objects"][place]["label"] = "wall"
    own = json.dumps(document).encode()
    made = plant_own(run.store, "lead", frame.key, own, "wrong-label", path=Path("mine.json"), now=run.tick())
    assert (made.reason, made.shape, made.label) == ("wrong-label", place, "building")
    assert made.region
    shown = brief(run, frame.key, "sue")
    assert shown.content == own
    assert shown.revision.file_name == brief(run, frame.key, None).revision.file_name


@pytest.mark.parametrize(
    ("content", "reason", "error", "said"),
    [
        (b"{", "gap", AnnotationError, "not JSON"),
        (b'{"imgWidth": 9, "imgHeight": 9, "objects": []}', "gap", Exception, "an image of 9x9"),
        (b'{"shapes": [], "imageWidth": 480, "imageHeight": 270}', "gap", AnnotationError, "that would tell"),
        (street(1), "no-such", OptionError, "no reason"),
        (street(1), "gap", AnnotationError, "shows the same labels"),
    ],
)
def test_own_copies_that_would_tell_or_measure_nothing_are_refused(
    run: Run, content: bytes, reason: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        plant_own(run.store, "lead", run.frames("qc2")[0].key, content, reason)
    assert states(run) == []


# --- sensitivity


def test_sensitivity_by_stage_and_reviewer(review: Review) -> None:
    for number in (1, 2, 3):
        review.to_qc2(number)
        plant(review, number)
    review.fails("sue", 1, marks=[Mark("gap", Severity.MAJOR)])
    review.fails("sue", 2)
    review.passes("tim", 3)
    review.submit("ann", 4)
    plant(review, 4)
    until = review.events()[-1].seq
    review.passes("bo", 4)
    with review.store.reading() as connection:
        seen = read_sensitivity(connection)
        assert read_sensitivity(connection, until=until).stages.keys() == {"qc2"}
        assert read_sensitivity(connection, stage="qc1").reviewers.keys() == {("qc1", "bo")}
        assert read_sensitivity(connection, batch=review.batch("b")) == seen
        assert read_measured(connection, "qc3").judged == 0
        measured = read_measured(connection, "qc2")
    counts = {key: (one.share.count, one.share.of, one.located) for key, one in seen.reviewers.items()}
    assert counts == {("qc1", "bo"): (0, 1, 0), ("qc2", "sue"): (2, 2, 1), ("qc2", "tim"): (0, 1, 0)}
    assert list(seen.stages) == ["qc1", "qc2"]
    share = seen.stages["qc2"].share
    assert share.low is not None
    assert share.high is not None
    # Clopper and Pearson for 2 of 3; rounded outwards.
    assert (measured.caught, measured.judged) == (2, 3)
    assert measured.low is not None
    assert measured.high is not None
    assert 0 <= share.low - measured.low < 1e-4
    assert 0 <= measured.high - share.high < 1e-4
