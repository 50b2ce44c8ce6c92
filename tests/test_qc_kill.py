"""Workers are killed at random moments: nothing that they were told to be done is lost, and work goes on."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from iddkit.qc import queue
from iddkit.qc.events import Event, Kind
from iddkit.qc.stages import Stage
from iddkit.qc.store import contents
from iddkit.qc.store.database import open_store
from iddkit.qc.store.work import Work
from iddkit.qc.verify import verify
from tests.qc_invariants import Watch
from tests.qc_project import check_log, is_exploring, make_index, start_review
from tests.qc_stores import Databases
from tests.qc_worker import read_acknowledged, start_workers

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="workers are forked")

#: On both databases together; 500 when there is time to look for what is new.
RUNS = 500 if is_exploring() else 40

#: A worker is killed some time after so many acknowledgements; a hand-in takes some 10 ms.
MOST, LATEST = 5, 0.02

TEAM = {"lea": "l", "ann": "a", "bo": "a", "cy": "a", "sue": "s"}


def test_what_was_acknowledged_outlives_a_killed_process(databases: Databases, tmp_path: Path) -> None:
    dice = random.Random(4)
    acknowledged = 0
    with databases.new() as url, open(tmp_path / "errors", "wb") as errors, start_workers(errors) as workers:
        store = open_store(url)
        review = start_review(store, 10, TEAM, files=str(tmp_path / "qc_files"), claim_seconds=1)
        watch = Watch(store)
        watch.follow()
        for run in range(RUNS // 2):
            if sum(frame.stage != Stage.READY for frame in watch.frames()) < 10:
                more = make_index(len(watch.frames()) + 40)

                def add(work: Work, more=more) -> None:  # type: ignore[no-untyped-def]
                    queue.add_frames(work, more, "b", queue.find_person(work, "lea"))

                review.do(add)
            acks = tmp_path / f"acks-{run}"
            options = {"names": list(TEAM), "seed": run, "durable": True, "errors": 0.3}
            pid = workers.fork("work_on", url=url, acks=str(acks), **options)
            wait_for(acks, dice.randrange(MOST + 1))
            time.sleep(dice.random() * LATEST)
            os.kill(pid, signal.SIGKILL)
            ended = workers.wait(pid)
            assert ended in (-signal.SIGKILL, 0), (tmp_path / "errors").read_text()
            new = {event.seq: event for event in watch.follow()}  # the chain, and tables that follow from the log
            told = read_acknowledged(acks)
            for ack in told:
                event = new[ack.seq]
                assert event.hash == ack.hash
                if ack.kind == "submitted":
                    event = next(e for e in new.values() if is_handin(e, ack.frame, ack.revision))
                    assert event.data["sha256"] == ack.sha256
                else:
                    assert (event.kind, event.verdict) == (Kind.REVIEWED, ack.kind)
                    assert (event.frame, event.revision) == (ack.frame, ack.revision)
            for event in new.values():
                if event.kind is Kind.SUBMITTED:  # acknowledged or not: no event without its file
                    contents.fetch(tmp_path / "qc_files", event.data["sha256"])
            acknowledged += len(told)
            assert Kind.CONFLICT not in {event.kind for event in new.values()}
        assert acknowledged > RUNS // 2
        # Who comes after them finds a whole database, and brings what is left to its end.
        time.sleep(1.1)  # the claims of the dead lapse
        pid = workers.fork("work_on", url=url, acks=str(tmp_path / "acks"), **{**options, "errors": 0})
        assert workers.wait(pid) == 0, (tmp_path / "errors").read_text()
        check_log(store)
        assert verify(store).findings == ()
        assert {frame.stage for frame in review.frames()} == {Stage.READY}
        store.close()


def wait_for(acks: Path, count: int) -> None:
    """Wait until a worker has opened the database, and was told so many times that something is done."""
    deadline = time.monotonic() + 60
    while not acks.exists() or acks.read_bytes().count(b"\n") < count:
        assert time.monotonic() < deadline, "a worker does nothing"
        time.sleep(0.001)


def is_handin(event: Event, frame: int, revision: int) -> bool:
    return (event.kind, event.frame, event.revision) == (Kind.SUBMITTED, frame, revision)
