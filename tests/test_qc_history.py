from __future__ import annotations

import json
from pathlib import Path

import pytest

from iddkit.errors import OptionError, RefusedError, StoreError
from iddkit.qc import queue
from iddkit.qc.events import Kind
from iddkit.qc.progress.brief import fetch_shown
from iddkit.qc.progress.history import _WORDS, Happening, read_history
from iddkit.qc.state import Frame
from iddkit.qc.store import contents
from iddkit.qc.store.tables import revisions
from tests.qc_run import Run, polygons, start


def history(run: Run, key: str) -> list[Happening]:
    frame = run.frame(key)
    with run.store.reading() as connection:
        return read_history(connection, frame)


def told(run: Run, key: str) -> list[str]:
    return [f"{one.who}: {one.what}" for one in history(run, key)]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return start(tmp_path / "p", 4)


KEY = "train/0/0000"


def give(run: Run, key: str, name: str) -> None:
    lead, person = run.person("lead"), run.person(name)
    with run.store.writing(run.tick()) as work:
        queue.give(work, work.state.get(Frame, run.frame(key).id), person, lead)


def test_every_kind_of_event_has_its_words() -> None:
    assert set(_WORDS) == set(Kind)


def test_history_says_who_did_what_to_which_version(run: Run) -> None:
    run.submit(KEY, "ann", polygons(3), seconds=600)
    give(run, KEY, "bo")
    run.review(KEY, "bo", "wrong-label@1>truck=it carries bricks", "gap#1,2,3,4", text="look again", seconds=90)
    run.submit(KEY, "ann", polygons(4))
    run.review(KEY, "bo")
    rows = [one for one in history(run, KEY) if one.kind != "assigned"]
    assert [(one.who, one.what) for one in rows] == [
        ("lead", "added to batch B"),
        ("ann", "handed in revision 1 (0000_gtFine_polygons.json, 3 shapes)"),
        ("bo", "QC1 failed revision 1: wrong-label gap. look again"),
        ("ann", "mended and handed in revision 2 (0000_gtFine_polygons.json, 4 shapes)"),
        ("bo", "QC1 passed revision 2"),
    ]
    failed = rows[2]
    assert failed.marks == (
        "wrong-label (major), polygon 1, ought to be truck: it carries bricks",
        "gap (major), at 1,2 of 3 x 4",
    )
    assert (failed.minutes, failed.verdict, failed.reasons, failed.revision) == (1.5, "fail", "wrong-label gap", 1)
    assert rows[1].minutes == 10
    assert "QC1 given to bo" in [one.what for one in history(run, KEY)]
    json.dumps([one.to_json() for one in rows])


def test_author_repairer_and_reviewer_are_those_of_the_time(run: Run) -> None:
    run.submit(KEY, "ann", polygons(3))
    give(run, KEY, "bo")
    run.review(KEY, "bo", "gap")
    give(run, KEY, "cy")
    run.submit(KEY, "cy", polygons(4))
    run.review(KEY, "bo")
    run.review(KEY, "sue")
    by_what = {(one.kind, one.who): (one.author, one.repairer, one.reviewer) for one in history(run, KEY)}
    assert by_what["frame", "lead"] == ("", "", "")
    assert by_what["submitted", "ann"] == ("ann", "", "")
    assert by_what["submitted", "cy"] == ("ann", "cy", "bo")
    assert by_what["reviewed", "sue"] == ("ann", "cy", "sue")


def test_refused_attempts_and_conflicts_are_told(run: Run) -> None:
    run.submit(KEY, "ann", polygons(3))
    with pytest.raises(RefusedError):
        run.review(KEY, "ann")
    assert run.submit(KEY, "bo", polygons(5)).conflict
    words = told(run, KEY)
    assert any(line.startswith("ann: tried to pass, refused:") and "nobody reviews" in line for line in words)
    assert any(
        line.startswith("bo: handed in revision 2") and "kept but not counted: revision 1 by ann" in line
        for line in words
    )


def test_steps_of_its_batch_are_told_and_those_of_others_are_not(run: Run) -> None:
    run.work()
    with run.store.writing(run.tick()) as work:
        other = queue.add_batch(work, "C", 1)
        work.append(Kind.MOVED, 1, frame=run.frame("train/1/0003").id, batch=other.id)
    run.freeze("B", "1")
    inside = next(frame for frame in run.frames("qc3") if frame.sample is not None)
    outside = next(frame for frame in run.frames("qc3") if frame.sample is None)
    run.review(inside.key, "rex", "gap")
    run.conclude("B")
    assert any("drawn for QC3, as number 1 of it" in line for line in told(run, inside.key))
    assert any("drawn for QC3, and this frame is not in it" in line for line in told(run, outside.key))
    assert "rex: QC3 failed revision 1: gap (a bad image of the sample)" in told(run, inside.key)
    assert "rex: sent to repair: a bad image of the sample" in told(run, inside.key)
    assert "rex: sent back to QC2 with its batch" in told(run, outside.key)
    assert any("batch B returned at QC3: 1 bad among 1" in line for line in told(run, outside.key))
    elsewhere = told(run, "train/1/0003")
    assert "lead: moved to batch C" not in elsewhere[:1]
    assert any("moved to batch C" in line for line in elsewhere)
    assert not any("sample" in line or "frozen" in line for line in elsewhere)


def test_reopened_frame_keeps_its_past_and_goes_to_its_new_batch(run: Run) -> None:
    run.finish("B")
    run.submit(KEY, "ann", polygons(9, note=5))
    last = [one for one in history(run, KEY) if one.kind == "submitted"][-1]
    assert last.what.startswith("re-opened, after it was accepted, and handed in revision 2")
    assert last.batch == "B.reopened"
    assert history(run, KEY)[0].batch == "B"


def test_history_of_a_whole_run_leaves_no_event_of_the_frame_out(run: Run) -> None:
    run.finish("B", 0.5)
    with run.store.reading() as connection:
        from sqlalchemy import text

        for frame in run.frames("accepted"):
            query = text("SELECT seq FROM event WHERE frame = :frame ORDER BY seq")
            own = list(connection.execute(query, {"frame": frame.id}).scalars())
            rows = read_history(connection, frame)
            assert sorted({one.seq for one in rows} & set(own)) == own
            assert [one.seq for one in rows] == sorted(one.seq for one in rows)
            assert rows[-1].author != ""


def test_any_old_version_comes_back_byte_for_byte(run: Run) -> None:
    versions = [polygons(3, note=number) for number in range(3)]
    run.submit(KEY, "ann", versions[0])
    give(run, KEY, "bo")
    run.review(KEY, "bo", "gap")
    run.submit(KEY, "ann", versions[1])
    run.submit(KEY, "cy", versions[2])  # in conflict, and kept
    frame = run.frame(KEY)
    with run.store.looking() as work:

        def fetch(number: int, other: Frame = frame) -> bytes:
            return fetch_shown(run.store, work, other, None, number).content

        assert [fetch(number) for number in (1, 2, 3)] == versions
        with pytest.raises(OptionError, match="no revision 4; there is 1 to 3"):
            fetch(4)
        with pytest.raises(OptionError, match="no revision 1; there is none yet"):
            fetch(1, run.frame("train/1/0001"))
        digest = work.connection.execute(revisions.select().where(revisions.c.number == 2)).one().sha256
        contents.path_of(run.folder / "qc_files", digest).write_bytes(b"other")
        with pytest.raises(StoreError, match="not what was handed in"):
            fetch(2)
