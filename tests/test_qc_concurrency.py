"""Eight people at once: each frame is claimed by one of them at a time and reviewed once."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import pytest

from iddkit.qc import queue
from iddkit.qc.events import Event, Kind
from iddkit.qc.stages import Action, Stage
from iddkit.qc.state import Frame, Person
from iddkit.qc.store.database import open_store
from iddkit.qc.store.work import Work
from tests.qc_project import CHECKLIST, Review, check_log, is_exploring, make_handin, start_review
from tests.qc_stores import Databases
from tests.qc_worker import read_acknowledged, start_workers

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="workers are forked")

#: 2,000 when there is time.
FRAMES = 2000 if is_exploring() else 240

PROCESSES = 8

TEAM = {"lea": "l", "ann": "a", "bo": "a"} | {f"sue{i}": "s" for i in range(PROCESSES)}


def bring_to_qc2(review: Review) -> None:
    def act(work: Work) -> None:
        ann = queue.find_person(work, "ann")
        for number in range(1, FRAMES + 1):
            frame = queue.submit(work, work.state.get(Frame, number), ann, make_handin(number)).frame
            peer = work.state.get(Person, frame.holder or 0)
            queue.review(work, frame, peer, Action.PASS, checklist=CHECKLIST)

    review.do(act)


def test_eight_people_at_once_review_each_frame_once(databases: Databases, tmp_path: Path) -> None:
    with databases.new() as url, open(tmp_path / "errors", "wb") as errors, start_workers(errors) as workers:
        store = open_store(url, durable=False)
        review = start_review(store, FRAMES, TEAM, files=str(tmp_path))
        bring_to_qc2(review)
        before = len(review.events())
        begin = time.perf_counter()
        pids = []
        for i in range(PROCESSES):
            options = {"names": [f"sue{i}"], "acks": str(tmp_path / f"{i}"), "seed": i, "errors": 0.2}
            pids.append(workers.fork("work_on", url=url, durable=True, **options))
        ended = [workers.wait(pid) for pid in pids]
        seconds = time.perf_counter() - begin
        assert ended == [0] * PROCESSES, (tmp_path / "errors").read_text()
        print(f"{databases.kind}: {FRAMES / seconds:.0f} verdicts/s")
        log = check_log(store)
        store.close()
    check_claims(log[before:])
    told = [ack for i in range(PROCESSES) for ack in read_acknowledged(tmp_path / f"{i}")]
    reviewed = [event for event in log[before:] if event.kind is Kind.REVIEWED]
    assert sorted(ack.frame for ack in told) == list(range(1, FRAMES + 1))
    assert sorted((ack.seq, ack.hash, ack.frame) for ack in told) == [(e.seq, e.hash, e.frame) for e in reviewed]
    assert {event.kind for event in log[before:]} == {Kind.CLAIMED, Kind.REVIEWED}
    shares = Counter(event.actor for event in reviewed)
    assert len(shares) > 1, "one had finished before the others began"


def check_claims(log: list[Event]) -> None:
    """Between two claims of a frame lies the verdict of the first one."""
    at_work: dict[int | None, int | None] = {}
    for event in log:
        if event.kind is Kind.CLAIMED:
            assert event.frame not in at_work
            assert event.stage == Stage.QC2
            at_work[event.frame] = event.actor
        elif event.kind is Kind.REVIEWED:
            assert at_work.pop(event.frame) == event.actor
    assert not at_work
