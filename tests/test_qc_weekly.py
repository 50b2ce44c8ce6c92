"""The weekly tables: every number is compared with one that is counted event by event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from iddkit.errors import OptionError
from iddkit.qc import queue
from iddkit.qc.events import Event, Kind, to_microseconds
from iddkit.qc.progress.carried import WAITING, count_carried
from iddkit.qc.progress.weekly import Week, WeekRow, find_weeks, read_weeks
from iddkit.qc.projection import apply
from iddkit.qc.simulation import simulate
from iddkit.qc.stages import REVIEWS, Stage
from iddkit.qc.state import Frame, MemoryState, Project
from iddkit.qc.store.database import Store, create_store, read_project
from iddkit.qc.store.work import Work
from tests.qc_project import Review, make_index, read_events, start_review

FAR = datetime(2030, 1, 1, tzinfo=UTC)


@dataclass
class Played:
    """A simulated project, its settings and its log."""

    store: Store
    project: Project
    log: list[Event]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """Three weeks of a small team, with returned batches, rechecks, escalations and dropped frames."""
    store = create_store(str(tmp_path_factory.mktemp("played") / "qc.db"), durable=False)
    simulate(store, frames=90, annotators=5, weeks=3, seed=10, planted=0.2)
    with store.writing(datetime(2019, 8, 5, tzinfo=UTC)) as work:
        lead = next(p for p in queue.people.read_people(work) if "lead" in p.roles)
        queue.add_frames(work, make_index(3, Path("/more")), "late", lead)
        queue.drop(work, queue.find_frame(work, "train/0/0001"), lead, "blurred")
    with store.writing(datetime(2019, 8, 12, tzinfo=UTC)) as work:
        queue.restore(work, queue.find_frame(work, "train/0/0001"), queue.people.read_people(work)[lead.id - 1])
    with store.reading() as connection:
        yield Played(store, read_project(connection), read_events(connection))
    store.close()


def stages_at(log: Sequence[Event], end: int) -> dict[str, int]:
    """Return how many frames waited in each stage at a time: all events before it, applied one by one."""
    state = MemoryState()
    for one in log:
        if one.at < end:
            apply(state, one)
    counts = Counter(frame.stage for frame in state.rows[Frame].values() if isinstance(frame, Frame))
    return {str(stage): counts[stage] for stage in WAITING}


def count_by_hand(log: Sequence[Event], week: Week) -> WeekRow:
    its = [one for one in log if week.start <= one.at < week.end]
    names = {one.batch: one.data["name"] for one in log if one.kind is Kind.BATCH}
    raw = {one.frame for one in its if one.kind is Kind.SUBMITTED}
    last: dict[int | None, bool] = {}
    for one in its:
        if one.kind is Kind.SUBMITTED:
            last[one.frame] = True
        elif one.kind is Kind.REVIEWED and one.stage in ("qc1", "qc2"):
            last[one.frame] = one.verdict != "fail"

    def total(*kinds: Kind, worked: str) -> int:
        return sum(one.seconds for one in its if one.kind in kinds or (one.kind is Kind.WORKED and one.stage == worked))

    def batches(kind: Kind, verdict: str = "") -> tuple[str, ...]:
        found = [names[one.batch] for one in its if one.kind is kind and one.verdict == verdict and one.frame is None]
        return tuple(dict.fromkeys(found))

    passed = {
        str(stage): len(
            {one.frame for one in its if (one.kind, one.stage, one.verdict) == (Kind.REVIEWED, stage, "pass")}
        )
        for stage in REVIEWS
    }
    return WeekRow(
        week,
        len(raw),
        sum(last[frame] for frame in raw),
        total(Kind.SUBMITTED, Kind.CONFLICT, worked="annotation"),
        total(Kind.REVIEWED, worked="qc"),
        passed,
        batches(Kind.FROZEN),
        batches(Kind.CONCLUDED, "accept"),
        batches(Kind.CONCLUDED, "return"),
        stages_at(log, week.end),
    )


def test_every_number_of_every_week_is_that_of_the_log(played: Played) -> None:
    with played.store.reading() as connection:
        rows = read_weeks(connection, played.project, containing=date(2019, 8, 16), weeks=6, now=FAR)
    by_hand = [count_by_hand(played.log, row.week) for row in rows]
    assert rows == by_hand
    # and the project was one in which there is something to count
    for found in (
        [row.raw for row in rows],
        [row.repairs for row in rows],
        [row.passed["qc3"] for row in rows],
        [row.qc_seconds for row in rows],
        [len(row.frozen) + len(row.accepted) for row in rows],
        [row.carried["repair"] for row in rows],
    ):
        assert sum(found) > 0


@given(moments=st.lists(st.integers(-2, 30 * 24 * 60), min_size=1, max_size=4))
def test_what_waited_at_any_moment_is_what_the_log_says(played: Played, moments: list[int]) -> None:
    start = to_microseconds(datetime(2019, 7, 17, tzinfo=UTC))
    ends = sorted({start + minutes * 60_000_000 for minutes in moments}, reverse=True)
    with played.store.reading() as connection:
        assert count_carried(connection, ends) == [stages_at(played.log, end) for end in ends]


def test_the_moments_just_before_and_after_each_event_differ_by_that_event(played: Played) -> None:
    picked = [one for one in played.log if one.kind in (Kind.SETTLED, Kind.DROPPED, Kind.RESTORED, Kind.REVIEWED)][::23]
    picked += [one for one in played.log if one.kind in (Kind.DROPPED, Kind.RESTORED)]
    ends = sorted({one.at + after for one in picked for after in (0, 1)}, reverse=True)
    with played.store.reading() as connection:
        assert count_carried(connection, ends) == [stages_at(played.log, end) for end in ends]


def test_a_second_look_is_told_from_a_look_at_the_sample(store: Store) -> None:
    review = start_review(store, 20, plan3={"kind": "fixed", "n": 10, "c": 3}, plan4={"kind": "fixed", "n": 9, "c": 3})
    review.to_ready(*range(1, 21))
    review.freeze()
    review.draw()
    first = next(f.id for f in review.frames() if f.sample is not None)
    review.judge_sample("rex", first)
    review.conclude()
    review.submit("ann", first)
    waiting = review.at
    review.passes("rex", first)  # at qc3 again, as the log has it
    review.draw("eve")
    drawn = review.at
    review.judge_sample("eve")
    with store.reading() as connection:
        after, before = count_carried(connection, [drawn + 1, waiting + 1])
    assert (before["recheck"], before["qc4"]) == (1, 19)
    assert (after["recheck"], after["qc4"]) == (0, 20)


def test_an_empty_project_has_rows_of_zeros(store: Store) -> None:
    review = start_review(store)
    with store.reading() as connection:
        project = read_project(connection)
        rows = read_weeks(connection, project, containing=date(1999, 12, 31), weeks=3, now=review.now)
    assert [row.week.first for row in rows] == [date(1999, 12, 29), date(1999, 12, 22), date(1999, 12, 15)]
    assert {(row.raw, row.annotated, row.annotation_seconds, row.qc_seconds) for row in rows} == {(0, 0, 0, 0)}
    assert all(set(row.passed.values()) == set(row.carried.values()) == {0} for row in rows)


def test_the_current_week_carries_what_waits_now(store: Store) -> None:
    review = start_review(store, 3)
    review.to_qc2(1)
    review.submit("bo", 2)
    with store.reading() as connection:
        row = read_weeks(connection, read_project(connection), now=review.now)[0]
    assert row.week.first == date(2019, 7, 17)
    assert (row.carried["annotate"], row.carried["qc1"], row.carried["qc2"]) == (1, 1, 1)
    assert (row.raw, row.annotated, row.passed["qc1"]) == (2, 2, 1)


def test_a_frame_that_fails_and_comes_back_is_one_raw_and_one_annotated(store: Store) -> None:
    review = start_review(store, 2)
    for number in (1, 2):
        review.submit("ann", number)
        review.fails(review.holder(number), number)
    review.submit("ann", 1)
    with store.reading() as connection:
        row = read_weeks(connection, read_project(connection), now=review.now)[0]
    assert (row.raw, row.annotated, row.repairs) == (2, 1, 1)


def test_hours_without_a_frame_and_of_conflicts_count(store: Store) -> None:
    review = start_review(store, 1)
    review.submit("ann", 1, seconds=100)
    assert review.submit("bo", 1, seconds=40).conflict
    review.passes(review.holder(), 1, seconds=7)
    person = review.person("sue").id
    review.do(lambda work: work.append(Kind.WORKED, person, stage="qc", seconds=1000))
    review.do(lambda work: work.append(Kind.WORKED, person, stage="annotation", seconds=20000))
    with store.reading() as connection:
        row = read_weeks(connection, read_project(connection), now=review.now)[0]
    assert (row.annotation_seconds, row.qc_seconds) == (20140, 1007)
    assert row.raw == 1


def test_frames_added_after_the_log_that_was_imported_for_them_count_in_its_weeks(store: Store) -> None:
    review = start_review(store, 2)  # on 17 July
    ann, frame = review.person("ann"), review.frame(1)

    def act(work: Work) -> None:
        work.at = to_microseconds(datetime(2019, 7, 3, tzinfo=UTC))
        queue.submit(work, frame, ann, queue.HandIn("0" * 64, "x.json", 1), draw_peer=False)

    review.do(act)
    with store.reading() as connection:
        rows = read_weeks(connection, read_project(connection), weeks=3, now=review.now)
    assert [row.raw for row in rows] == [0, 0, 1]
    assert [row.carried["qc1"] for row in rows] == [1, 1, 1]
    assert [row.carried["annotate"] for row in rows] == [1, 0, 0]


@given(
    start=st.integers(0, 6), day=st.dates(date(1990, 1, 1), date(2090, 1, 1)), weeks=st.integers(1, 60),
    zone=st.sampled_from(["Asia/Kolkata", "Europe/Berlin", "America/New_York", "Pacific/Apia", "Africa/Cairo"]),
)  # fmt: skip
def test_weeks_lie_side_by_side_from_midnight_to_midnight(start: int, day: date, weeks: int, zone: str) -> None:
    project = replace(PROJECT, week_start=start, timezone=zone)
    found = find_weeks(project, day, weeks)
    assert len(found) == weeks
    assert found[0].first <= day <= found[0].last
    for week, before in pairwise(found):
        assert week.start == before.end
    for week in found:
        assert week.first.weekday() == start
        assert abs(week.end - week.start - 7 * 86_400_000_000) <= 86_400_000_000
    assert {find_weeks(project, found[0].first + timedelta(days=i), weeks) for i in range(7)} == {found}


PROJECT = Project(1, "x", 2, "UTC", 3, 60, 1, "idd", "{}", "{}", "files")


def test_a_week_in_which_the_clocks_change_has_an_hour_more_or_less() -> None:
    berlin = replace(PROJECT, week_start=0, timezone="Europe/Berlin")
    hours = [(w.end - w.start) // 3_600_000_000 for w in find_weeks(berlin, date(2019, 3, 31), 1)]
    hours += [(w.end - w.start) // 3_600_000_000 for w in find_weeks(berlin, date(2019, 10, 27), 1)]
    assert hours == [167, 169]


def test_an_event_is_of_the_week_that_the_clock_of_the_project_shows(store: Store) -> None:
    start_review(store, 2, timezone="Europe/Berlin", week_start=0)
    berlin = ZoneInfo("Europe/Berlin")
    for number, when in enumerate((datetime(2019, 10, 27, 23, 59), datetime(2019, 10, 28, 0, 1)), start=1):
        Review(store, when.replace(tzinfo=berlin) - timedelta(minutes=1)).submit("ann", number)
    with store.reading() as connection:
        rows = read_weeks(connection, read_project(connection), containing=date(2019, 10, 28), weeks=2, now=FAR)
    assert [(row.week.first, row.raw) for row in rows] == [(date(2019, 10, 28), 1), (date(2019, 10, 21), 1)]


@pytest.mark.parametrize(("day", "weeks"), [(date(1, 1, 2), 1), (date(9999, 12, 31), 1), (date(2019, 1, 1), 0)])
def test_weeks_that_no_calendar_has_are_refused(day: date, weeks: int) -> None:
    with pytest.raises(OptionError):
        find_weeks(PROJECT, day, weeks)


def test_a_week_is_read_from_its_index_alone(played: Played) -> None:
    plans: list[str] = []

    def explain(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "event.at" in statement and not statement.startswith("EXPLAIN"):
            plan = connection.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in plan if " event " in f"{row[3]} ")

    with played.store.reading() as connection:
        event.listen(played.store.engine, "before_cursor_execute", explain)
        read_weeks(connection, played.project, containing=date(2019, 7, 25), now=FAR)
        event.remove(played.store.engine, "before_cursor_execute", explain)
    assert len(plans) >= 4
    of_batches = [plan for plan in plans if "event_frame (frame=?)" in plan]  # the few events that are of no frame
    assert len(of_batches) <= 1
    for plan in set(plans) - set(of_batches):
        assert "USING COVERING INDEX event_week" in plan, plan


def test_no_statement_is_run_for_each_frame(played: Played) -> None:
    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    with played.store.reading() as connection:
        event.listen(played.store.engine, "before_cursor_execute", note)
        read_weeks(connection, played.project, containing=date(2019, 8, 16), weeks=6, now=FAR)
        event.remove(played.store.engine, "before_cursor_execute", note)
    assert len(seen) <= 2 * 6 + 8


def test_stages_of_the_carry_over_are_those_in_which_somebody_waits() -> None:
    assert set(Stage) - set(WAITING) == {Stage.ACCEPTED, Stage.DROPPED}
