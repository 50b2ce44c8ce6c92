"""Who reviews: never the author, everyone as much as the others, and every author's frames by all of them."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pytest
from scipy import stats

from iddkit.qc import queue
from iddkit.qc.events import Kind
from iddkit.qc.queue.people import read_people
from iddkit.qc.stages import Action, Role, Stage
from iddkit.qc.state import Frame, Person
from iddkit.qc.store.database import Store, open_store
from iddkit.qc.store.work import Work
from tests.qc_project import CHECKLIST, Review, check_log, make_handin, start_review
from tests.qc_stores import Databases

SEEDS, PER_SEED, ANNOTATORS = 100, 100, 5


@pytest.fixture
def quick(sqlite: Databases) -> Iterator[Store]:
    with sqlite.new() as url:
        store = open_store(url, durable=False)
        yield store
        store.close()


def read_loads(work: Work) -> list[int]:
    """Return the loads of those who are there and have taken on that of the others."""
    people = read_people(work)
    there = [p for p in people if Role.ANNOTATOR in p.role_set and p.is_available(work.at)]
    return [p.load for p in there]


def submit_next(work: Work, number: int, author: Person) -> Frame:
    return queue.submit(work, work.state.get(Frame, number), author, make_handin(number)).frame


def pass_frame(work: Work, number: int) -> None:
    frame = work.state.get(Frame, number)
    if frame.stage == Stage.QC1 and frame.holder is not None:
        holder = work.state.get(Person, frame.holder)
        queue.review(work, frame, holder, Action.PASS, checklist=CHECKLIST)


def test_ten_thousand_assignments_are_fair(quick: Store) -> None:
    team = {"lea": "l"} | {f"a{i}": "a" for i in range(ANNOTATORS)}
    review = start_review(quick, SEEDS * PER_SEED, team)
    pairs = np.zeros((SEEDS, ANNOTATORS, ANNOTATORS), dtype=np.int64)
    dice = random.Random(3)
    number = 0
    waiting: deque[int] = deque()

    def run(work: Work, seed: int) -> None:
        nonlocal number
        lead = queue.find_person(work, "lea")
        queue.change_project(work, lead, seed=seed)
        people = [queue.find_person(work, f"a{i}") for i in range(ANNOTATORS)]
        first = people[0].id
        for _ in range(PER_SEED):
            number += 1
            frame = submit_next(work, number, dice.choice(people))
            assert frame.holder is not None
            loads = read_loads(work)
            assert len(loads) == ANNOTATORS
            assert max(loads) - min(loads) <= 1
            waiting.append(number)
            if len(waiting) > 20 and dice.random() < 0.95:
                pass_frame(work, waiting.popleft())
        for done in range(number - PER_SEED + 1, number + 1):
            frame = work.state.get(Frame, done)
            reviewer = frame.reviewer1 or frame.holder
            assert reviewer is not None
            assert reviewer != frame.author
            pairs[seed, (frame.author or 0) - first, reviewer - first] += 1

    for seed in range(SEEDS):
        review.do(lambda work, seed=seed: run(work, seed))  # type: ignore[misc]
    assert number == pairs.sum() == 10_000
    check_log(quick)
    off = ~np.eye(ANNOTATORS, dtype=bool)
    assert not pairs[:, ~off].any(), "somebody reviews what they drew"

    def judge(table: np.ndarray) -> float:
        # The row sums are given, the column sums are even by the balance, the diagonal is empty.
        expected = np.where(off, table.sum(axis=1, keepdims=True) / (ANNOTATORS - 1), 1)
        chi = float((((table - expected) ** 2 / expected) * off).sum())
        return float(stats.chi2.sf(chi, ANNOTATORS * (ANNOTATORS - 2) - (ANNOTATORS - 1)))

    each = np.array([judge(table) for table in pairs])
    assert each.min() > 1e-5
    assert 1e-3 < judge(pairs.sum(axis=0)) < 1 - 1e-3
    assert stats.kstest(each, "uniform").pvalue > 1e-3


def test_the_same_seed_gives_the_same_reviewers_and_another_one_others(sqlite: Databases) -> None:
    drawn = []
    for seed in (1, 1, 2):
        with sqlite.new() as url:
            store = open_store(url, durable=False)
            review = start_review(store, 60, {"lea": "l"} | {f"a{i}": "a" for i in range(6)}, seed=seed)
            review.do(lambda work: [submit_next(work, i, queue.find_person(work, f"a{i % 6}")) for i in range(1, 61)])
            drawn.append([frame.holder for frame in review.frames()])
            store.close()
    assert drawn[0] == drawn[1] != drawn[2]


def test_loads_stay_even_while_people_come_and_go(quick: Store) -> None:
    team = {"lea": "l"} | {f"a{i}": "a" for i in range(8)}
    review = start_review(quick, 1500, team)
    dice = random.Random(5)
    waiting: deque[int] = deque()
    spreads: Counter[int] = Counter()

    def hand_in(work: Work, number: int) -> None:
        there = [p for p in read_people(work) if Role.ANNOTATOR in p.role_set and p.is_available(work.at)]
        submit_next(work, number, dice.choice(there))
        waiting.append(number)
        if len(waiting) > 40:
            pass_frame(work, waiting.popleft())

    def change(work: Work) -> None:
        lead = queue.find_person(work, "lea")
        annotators = [p for p in read_people(work) if Role.ANNOTATOR in p.role_set]
        there = [p for p in annotators if p.is_available(work.at)]
        gone = [p for p in annotators if not p.active]
        match dice.randrange(4):
            case 0 if len(there) > 4:
                queue.change_person(work, dice.choice(there), lead, active=False)
            case 1 if gone:
                queue.change_person(work, dice.choice(gone), lead, active=True)
            case 2 if len(there) > 4:
                until = work.at + dice.randrange(1, 100) * 60 * 10**6
                queue.set_absence(work, dice.choice(there), lead, work.at, until)
            case 3 if len(annotators) < 14:
                queue.add_person(work, f"new{len(annotators)}", [Role.ANNOTATOR], lead)

    for number in range(1, 1501):
        if number % 25 == 0:
            review.do(change)
        review.do(lambda work, number=number: hand_in(work, number))  # type: ignore[misc]
        with quick.writing(review.now) as work:
            loads = read_loads(work)
        spreads[max(loads) - min(loads)] += 1
    assert set(spreads) == {0, 1}
    check_log(quick)


def count_given(review: Review, name: str, since: int) -> int:
    number = review.person(name).id
    given = [event for event in review.events(Kind.ASSIGNED) if event.seq > since]
    return sum(event.data["person"] == number for event in given)


def hand_in_many(review: Review, first: int, count: int, authors: int = 4) -> None:
    def act(work: Work) -> None:
        people = [queue.find_person(work, f"a{i}") for i in range(authors)]
        for number in range(first, first + count):
            submit_next(work, number, people[number % authors])
            pass_frame(work, number)

    review.do(act)


TEAM = {"lea": "l", "a0": "a", "a1": "a", "a2": "a", "a3": "a", "sue": "s"}


def join(review: Review) -> None:
    review.do(lambda work: queue.add_person(work, "new", [Role.ANNOTATOR], queue.find_person(work, "lea")))


def join_and_plan_a_holiday(review: Review) -> None:
    join(review)
    review.absent("new", review.now + timedelta(days=20), review.now + timedelta(days=30), by="new")


def come_back(review: Review) -> None:
    review.change("old", active=True)


def come_back_from_another_role(review: Review) -> None:
    review.change("old", roles=[Role.ANNOTATOR])


def end_an_absence(review: Review) -> None:
    review.absent("old", review.now, review.now + timedelta(minutes=1))
    review.wait(minutes=2)


@pytest.mark.parametrize(
    ("go", "come", "name"),
    [
        (None, join, "new"),
        (None, join_and_plan_a_holiday, "new"),
        (lambda review: review.change("old", active=False), come_back, "old"),
        (lambda review: review.change("old", roles=[Role.SUPERVISOR]), come_back_from_another_role, "old"),
        (lambda review: review.absent("old", review.now, None), end_an_absence, "old"),
    ],
)
def test_nobody_who_comes_is_flooded(quick: Store, go, come, name: str) -> None:  # type: ignore[no-untyped-def]
    review = start_review(quick, 200, TEAM if go is None else {**TEAM, "old": "a"})
    hand_in_many(review, 1, 20)
    if go is not None:
        go(review)
    hand_in_many(review, 21, 80)
    come(review)
    since = review.events()[-1].seq
    hand_in_many(review, 101, 50)
    assert 8 <= count_given(review, name, since) <= 13  # a fifth, and what they have not drawn themselves


def test_a_frame_that_is_dropped_gives_its_load_back(quick: Store) -> None:
    review = start_review(quick, 1, TEAM)
    review.submit("a0")
    peer = review.holder()
    assert review.person(peer).load == 1
    review.drop()
    assert review.person(peer).load == 0
    review.restore()
    assert sum(review.person(name).load for name in TEAM) == 1
