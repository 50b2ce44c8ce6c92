"""The simulated project: small ones, of which every claim can be looked up."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from iddkit import formats
from iddkit.annotation import Annotation
from iddkit.errors import OptionError, OutputError
from iddkit.qc.checklist import load_checklist
from iddkit.qc.events import Kind, to_datetime
from iddkit.qc.progress.weekly import read_weeks
from iddkit.qc.simulation import Planted, Simulated, simulate, write_demo
from iddkit.qc.simulation.drawing import WEIGHTS, Thing, draw, make_defect, make_mark, make_scene
from iddkit.qc.simulation.team import BEGINNING, end_of, work_days
from iddkit.qc.spoiling import CONFUSED
from iddkit.qc.stages import Action, Stage
from iddkit.qc.store import contents
from iddkit.qc.store.database import Store, create_store, open_store, read_project
from iddkit.qc.store.tables import batches, events, frames, people, revisions, samples
from iddkit.qc.verify import verify
from iddkit.synthetic.dice import Dice

SEED = 3


@dataclass(frozen=True)
class Played:
    """A project that was simulated, and its tables."""

    store: Store
    told: Simulated
    log: list[Any]
    frames: list[Any]

    def content(self, frame: int, number: int) -> Annotation:
        """Return a version of a frame as it was handed in."""
        with self.store.reading() as connection:
            its = (revisions.c.frame == frame, revisions.c.number == number)
            digest = connection.execute(select(revisions.c.sha256).where(*its)).scalar_one()
            folder = self.store.files(read_project(connection))
        return formats.parse(contents.fetch(folder, digest), Path("x.json")).annotation


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """One project of two weeks, in which people come and go."""
    folder = tmp_path_factory.mktemp("demo")
    told = write_demo(folder, frames=150, annotators=6, weeks=2, seed=SEED, planted=0.1)
    store = open_store(str(folder / "qc.db"))
    with store.reading() as connection:
        log = list(connection.execute(select(events).order_by(events.c.seq)))
        return Played(store, told, log, list(connection.execute(select(frames).order_by(frames.c.id))))


def last_hash(folder: Path, **options: Any) -> str:
    """Simulate a small project and return the hash of its last event, which covers all."""
    store = create_store(str(folder / "qc.db"), durable=False)
    simulate(store, **{"frames": 24, "annotators": 3, "weeks": 1, **options})
    with store.reading() as connection:
        digest = connection.execute(select(events.c.hash).order_by(events.c.seq.desc()).limit(1)).scalar_one()
    store.close()
    return str(digest)


def test_a_seed_is_one_story_and_another_seed_another(tmp_path: Path) -> None:
    first = last_hash(tmp_path / "a", seed=1)
    assert last_hash(tmp_path / "b", seed=1) == first
    assert last_hash(tmp_path / "c", seed=2) != first


def test_the_log_verifies_down_to_the_files(played: Played) -> None:
    checked = verify(played.store)
    assert checked.ok, checked.findings
    assert checked.events == played.told.events == len(played.log)
    assert checked.files > 150


def first_defects(played: Played, one: Planted) -> tuple[tuple[Thing, ...], Annotation]:
    """Return what a planted frame shows, and its first file."""
    row = next(row for row in played.frames if row.key == one.frame)
    return make_scene(SEED, row.id), played.content(row.id, 1)


def test_planted_frames_are_really_bad(played: Played) -> None:
    assert len(played.told.planted) == 15
    checklist = load_checklist()
    for one in played.told.planted:
        assert checklist.reason(one.reason).severity.weight >= 2
        if one.found == "" and not one.mended and one.stage == Stage.ANNOTATE:
            continue  # nobody has drawn it yet
        scene, drawn = first_defects(played, one)
        shown, said = Counter(thing.label for thing in scene), Counter(shape.label for shape in drawn.shapes)
        if one.reason == "wrong-label":
            (meant,), (typed,) = (shown - said) or [""], (said - shown) or [""]
            assert typed in CONFUSED[meant]
        elif one.reason in ("missing-object", "gap"):
            assert shown - said
        else:
            assert one.reason == "boundary"
            assert shown == said
            places = [
                max(abs(s.points[0] - t.outline[0]).max() for _ in (0,))
                for s, t in zip(drawn.shapes, scene, strict=True)
            ]
            assert max(places) > 20


def test_planted_defects_that_are_said_to_be_mended_are_gone(played: Played) -> None:
    mended = [one for one in played.told.planted if one.mended and one.reason == "wrong-label"]
    assert mended
    for one in mended:
        row = next(row for row in played.frames if row.key == one.frame)
        scene = make_scene(SEED, row.id)
        first, latest = played.content(row.id, 1), played.content(row.id, row.revision)
        missing = Counter(thing.label for thing in scene) - Counter(shape.label for shape in first.shapes)
        still = Counter(thing.label for thing in scene) - Counter(shape.label for shape in latest.shapes)
        assert not missing & still


def test_marks_name_the_polygon_that_is_wrong(played: Played) -> None:
    named = 0
    for event in played.log:
        for mark in json.loads(event.data).get("marks", []) if event.kind == Kind.REVIEWED else []:
            shapes = played.content(event.frame, event.revision).shapes
            if mark["reason"] == "wrong-label":
                named += 1
                assert shapes[mark["shape"]].label in CONFUSED[mark["label"]]
            if mark["reason"] == "duplicate":
                twins = shapes[mark["shape"]], shapes[mark["shape"] + 1]
                assert (twins[0].points == twins[1].points).all()
    assert named > 5


def test_no_frame_is_lost_or_without_an_owner(played: Played) -> None:
    assert len(played.frames) == played.told.frames == 150
    for row in played.frames:
        if row.stage in (Stage.QC1, Stage.REPAIR, Stage.RECHECK):
            assert row.holder is not None, row.key
        if row.stage == Stage.ACCEPTED:
            assert row.passed == "qc1,qc2,qc3,qc4"


def test_batches_are_certified_and_the_truth_of_each_is_told(played: Played) -> None:
    with played.store.reading() as connection:
        stored = {row.name: row for row in connection.execute(select(batches))}
        drawn = list(connection.execute(select(samples).where(samples.c.verdict != "")))
    assert any(row.stage == Stage.ACCEPTED for row in stored.values())
    assert {sample.stage for sample in drawn} == {Stage.QC3, Stage.QC4}
    for truth in played.told.batches:
        assert (truth.stage, truth.rounds) == (stored[truth.name].stage, stored[truth.name].round)
        assert 0 <= truth.bad <= truth.frames
    assert sum(truth.frames for truth in played.told.batches) == 150


def test_every_week_has_work_of_both_kinds(played: Played) -> None:
    with played.store.reading() as connection:
        now = datetime(2019, 7, 30, 12, tzinfo=UTC)
        weeks = read_weeks(connection, read_project(connection), weeks=2, now=now)
    assert weeks[1].week.first == BEGINNING.date()
    for week in weeks:
        assert week.annotation_seconds > 3600
        assert week.qc_seconds > 3600
    assert sum(week.raw for week in weeks) >= 150
    assert all(sum(week.passed[stage] for week in weeks) for stage in ("qc1", "qc2", "qc3", "qc4"))


def test_nobody_works_at_night_or_on_a_free_day(played: Played) -> None:
    for event in played.log:
        local = to_datetime(event.at).astimezone(BEGINNING.tzinfo)
        assert local.weekday() < 5
        assert 8 <= local.hour < 22


def test_an_image_takes_an_hour_and_a_half_to_two_on_average(played: Played) -> None:
    drawn = [event.seconds for event in played.log if event.kind == Kind.SUBMITTED and event.stage == Stage.ANNOTATE]
    assert 1.4 < sum(drawn) / len(drawn) / 3600 < 2.1
    assert len(set(drawn)) > 100


def test_people_come_and_go_and_one_is_away(played: Played) -> None:
    with played.store.reading() as connection:
        everyone = list(connection.execute(select(people)))
    assert len(everyone) == played.told.people
    assert sum(not person.active for person in everyone) == 1
    assert any(person.absences != "[]" for person in everyone)
    named = [event for event in played.log if event.kind == Kind.PERSON]
    assert named[-1].at > named[0].at


def test_what_goes_wrong_is_refused_or_does_not_count(played: Played) -> None:
    kinds = Counter(event.kind for event in played.log)
    assert kinds[Kind.REFUSED] > 0
    assert kinds[Kind.CONFLICT] > 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_small_project_has_a_certificate_after_a_week(seed: int, tmp_path: Path) -> None:
    told = write_demo(tmp_path, frames=40, annotators=6, weeks=1, seed=seed)
    assert any(batch.stage == Stage.ACCEPTED for batch in told.batches)


def test_a_demo_replaces_another_one_only_if_asked_to(tmp_path: Path) -> None:
    write_demo(tmp_path, frames=4, annotators=2, weeks=1)
    with pytest.raises(OutputError, match="project already"):
        write_demo(tmp_path, frames=4, annotators=2, weeks=1)
    told = write_demo(tmp_path, frames=6, annotators=2, weeks=1, overwrite=True)
    assert told.frames == 6


@pytest.mark.parametrize("options", [{"frames": 0}, {"annotators": 1}, {"weeks": 0}, {"planted": 0.5}])
def test_nothing_to_simulate_is_said(options: dict[str, Any], tmp_path: Path) -> None:
    store = create_store(str(tmp_path / "qc.db"), durable=False)
    with pytest.raises(OptionError):
        simulate(store, **options)
    store.close()


@pytest.mark.parametrize("reason", list(WEIGHTS))
def test_a_mark_points_at_its_defect(reason: str) -> None:
    checklist = load_checklist()
    for number in range(1, 40):
        scene = make_scene(0, number)
        defects = [d for d in (make_defect(Dice(0, number), scene, reason), None) if d is not None]
        for other in ("missing-object", "duplicate"):
            more = make_defect(Dice(1, number), scene, other, [defect.thing for defect in defects])
            defects += [] if more is None else [more]
        if not defects or defects[0].reason != reason:
            continue
        drawn = draw(scene, defects, Dice(2, number), dict.fromkeys(range(len(scene)), ("an", "today")))
        mark = make_mark(scene, defects, defects[0], checklist)
        thing = scene[defects[0].thing]
        if mark.shape is None:
            assert mark.label == thing.label
            assert mark.region is not None
        else:
            assert drawn.shapes[mark.shape].label == (defects[0].label or thing.label)


def test_lunch_is_no_work() -> None:
    day = work_days(1)[0]
    half_past_twelve = day.replace(hour=12, minute=30)
    assert end_of(half_past_twelve, 3600, day) == day.replace(hour=14, minute=30)
    assert end_of(half_past_twelve, 1200, day) == day.replace(hour=12, minute=50)
    assert end_of(day.replace(hour=13, minute=10), 60, day) == day.replace(hour=14, minute=1)


def test_a_verdict_answers_the_questions_of_its_stage(played: Played) -> None:
    reviewed = [event for event in played.log if event.kind == Kind.REVIEWED]
    for event in reviewed:
        answers = json.loads(event.data)["answers"]
        if event.verdict == Action.PASS:
            assert all(answers.values())
    assert any(not all(json.loads(event.data)["answers"].values()) for event in reviewed)
