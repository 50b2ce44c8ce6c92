"""Active time: what counts, and how it comes into the log."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from iddkit import formats, synthetic
from iddkit.frames import Frame as FrameFiles
from iddkit.frames import Index
from iddkit.qc import queue
from iddkit.qc.events import Kind
from iddkit.qc.progress.weekly import read_weeks
from iddkit.qc.stages import Role
from iddkit.qc.state import Frame, Person
from iddkit.qc.store.database import Store, open_store, read_project
from iddkit.qc.store.tables import activity, events
from iddkit.qc.verify import verify
from tests.qc_stores import Databases

START = datetime(2026, 3, 4, 9, tzinfo=UTC)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A project of one annotator and two frames, on either database."""
    folder: Path = tmp_path_factory.mktemp("activity")
    databases: Databases = request.getfixturevalue(request.param)
    with databases.new() as url:
        made = open_store(url, durable=False)
        _fill(made, folder)
        yield made
        made.close()


def _fill(made: Store, folder: Path) -> None:
    with made.writing(START) as work:
        queue.start_project(work, "street", files=str(folder / "files"))
        lead = queue.add_person(work, "lea", [Role.LEAD])
        queue.add_person(work, "ann", [Role.ANNOTATOR], lead)
        files = tuple(FrameFiles("train", "0", f"frame{number}") for number in range(2))
        queue.add_frames(work, Index(folder, "idd", files), "B1", lead)


def tap(store: Store, number: int, seconds: float) -> None:
    with store.writing(START + timedelta(seconds=seconds)) as work:
        queue.beat(work, work.state.get(Person, 2), work.state.get(Frame, number))


def end(store: Store) -> dict[int, int]:
    """Write the rest to the log; return the seconds of each frame."""
    with store.writing(START) as work:
        first = work.next_seq
        queue.note_rest(work, work.state.get(Person, 2))
        work.flush()
        query = events.select().where(events.c.seq >= first, events.c.kind == Kind.WORKED)
        return {row.frame: row.seconds for row in work.connection.execute(query)}


def test_time_between_beats_counts_until_a_minute_without_one(store: Store) -> None:
    for seconds in (0, 20, 80, 141, 150):  # 61 seconds between the third and the fourth
        tap(store, 1, seconds)
    assert end(store) == {1: 20 + 60 + 9}
    assert end(store) == {}


def test_two_tabs_count_once(store: Store) -> None:
    for seconds in range(0, 100, 10):
        tap(store, 1, seconds)
        tap(store, 2, seconds + 1)
    assert sum(end(store).values()) == 91


def test_a_verdict_takes_the_time_of_its_frame_and_leaves_the_others(store: Store) -> None:
    for number, seconds in ((1, 0), (1, 30), (2, 40), (2, 50)):
        tap(store, number, seconds)
    with store.writing(START) as work:
        assert queue.take_seconds(work, work.state.get(Person, 2), work.state.get(Frame, 1)) == 30
        assert queue.take_seconds(work, work.state.get(Person, 2), work.state.get(Frame, 1)) == 0
    tap(store, 2, 60)  # counted from the last beat on, whatever was taken meanwhile
    assert end(store) == {2: 30}


def test_what_is_left_over_is_written_at_its_own_time(store: Store) -> None:
    before = datetime(2026, 2, 4, 9, tzinfo=UTC)
    with store.writing(before) as work:
        queue.beat(work, work.state.get(Person, 2), work.state.get(Frame, 1))
    with store.writing(before + timedelta(seconds=45)) as work:
        queue.beat(work, work.state.get(Person, 2), work.state.get(Frame, 1))
    assert end(store) == {1: 45}
    with store.reading() as connection:
        (row,) = read_weeks(connection, read_project(connection), containing=before.date(), now=START)
    assert (row.annotation_seconds, row.qc_seconds) == (45, 0)
    assert verify(store).findings == ()


@given(st.lists(st.tuples(st.integers(1, 2), st.integers(0, 100)), min_size=1, max_size=12))
def test_no_more_is_counted_than_passed(store: Store, beats: list[tuple[int, int]]) -> None:
    at, gaps = 0, []
    for place, (number, gap) in enumerate(beats):
        at += gap if place else 0
        gaps.append(gap if place and gap <= 60 else 0)
        tap(store, number, at)
    found = end(store)
    assert sum(found.values()) == sum(gaps) <= at


def test_two_tabs_at_a_time_count_once(store: Store) -> None:
    start = datetime.now(UTC)
    with store.noting() as work:
        queue.beat(work, work.state.get(Person, 2), work.state.get(Frame, 1))

    def beat(_: int) -> None:
        with store.noting() as work:
            queue.beat(work, work.state.get(Person, 2), work.state.get(Frame, 1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(beat, range(40)))
    passed = (datetime.now(UTC) - start).total_seconds()
    with store.looking() as work:
        counted = work.connection.execute(select(func.sum(activity.c.microseconds))).scalar_one()
    assert 0 < counted / 1_000_000 <= passed
    end(store)


def test_no_time_is_lost_when_a_file_is_handed_in_twice(store: Store, tmp_path: Path) -> None:
    content = formats.dumper("cityscapes")(synthetic.scene(1, width=64, height=36).annotation)

    def hand_in(seconds: int, measured: int) -> str:
        with store.writing(START + timedelta(days=1)) as work:
            frame, person = work.state.get(Frame, 1), work.state.get(Person, 2)
            handin = queue.take_in(content, Path("a.json"), store.files(work.project), frame)
            first = work.next_seq
            queue.submit(work, frame, person, handin, seconds=seconds, measured=measured)
            work.flush()
            query = events.select().where(events.c.seq >= first, events.c.actor == 2)
            return ", ".join(f"{row.kind} {row.seconds}" for row in work.connection.execute(query))

    assert hand_in(0, 0) == "submitted 0"
    assert hand_in(60, 5) == "worked 65"  # the time was forgotten
    assert hand_in(60, 7) == "worked 7"  # what a person says is said again, what was measured is not
    assert hand_in(60, 0) == ""
    assert verify(store).findings == ()
