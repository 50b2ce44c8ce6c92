"""Simulate a project: everybody works by the clock, and every action goes through the queue."""

from __future__ import annotations

import heapq
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from iddkit.errors import OptionError, OutputError, RefusedError
from iddkit.frames import Frame as Listed
from iddkit.frames import Index
from iddkit.qc import queue
from iddkit.qc.checklist import load_checklist
from iddkit.qc.events import to_microseconds
from iddkit.qc.simulation import office as offices
from iddkit.qc.simulation.desk import Desk, do_task, time_for
from iddkit.qc.simulation.office import Office, name_batch
from iddkit.qc.simulation.outcome import Simulated, tell
from iddkit.qc.simulation.team import (
    TIMEZONE,
    Worker,
    end_of,
    is_late,
    make_worker,
    name_people,
    open_from,
    work_days,
)
from iddkit.qc.simulation.truth import name_frame, plant
from iddkit.qc.stages import Role
from iddkit.qc.state import Frame, Person
from iddkit.qc.store.database import Store, create_store, read_project
from iddkit.qc.store.work import Work
from iddkit.synthetic.dice import Dice

# Of a batch, more or less; small projects have two.
_BATCH: Final = 240

# When somebody who has nothing to do asks again, and what lies between two looks at the batches.
_IDLE: Final = timedelta(minutes=30)
_LOOKS: Final = timedelta(minutes=75)

# Steps of a transaction: the clock goes on inside of it.
_STEPS: Final = 300


def simulate(
    store: Store,
    *,
    frames: int = 1661,
    annotators: int = 25,
    weeks: int = 4,
    seed: int = 1,
    planted: float = 0.05,
    files: str = "qc_files",
    durable: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Simulated:
    """Play a project from its first day on, through the queue.

    The weeks begin on 17 July 2019, as those of the thesis do. Equal arguments give equal events.

    Parameters
    ----------
    store
        New and empty.
    frames, annotators, weeks
        How many. Two annotators at least: nobody reviews what they drew.
    seed
        Of all chance.
    planted
        Part of the frames that get a defect, whoever draws them.
    files
        Folder of the files that are handed in, relative to that of the database; of PostgreSQL, absolute.
    durable
        Whether each file is written down to the disk before it is handed in.
    progress
        Called after each day with how many are done, and how many there are.

    Raises
    ------
    OptionError
        There is nothing to simulate.
    """
    if frames < 1 or annotators < 2 or weeks < 1:
        raise OptionError("a simulation needs a frame, two annotators and a week at least")
    if not 0 <= planted <= 0.3:
        raise OptionError(f"planted {planted}: a part of the frames, from 0 to 0.3")
    play = _Play(store, seed, frames, annotators, weeks, planted, files, durable)
    play.run(progress)
    return tell(store, play.desk)


class _Play:
    def __init__(
        self,
        store: Store,
        seed: int,
        count: int,
        annotators: int,
        weeks: int,
        planted: float,
        files: str,
        durable: bool,
    ) -> None:
        self.store = store
        self.days = work_days(weeks)
        size = -(-count // max(1 if count < 2 else 2, round(count / _BATCH)))
        places = -(-count // size)
        named = name_people(annotators)
        self.workers = {n: make_worker(seed, n, *one) for n, one in enumerate(named, start=1)}
        begins = self.days[0] + timedelta(hours=8)
        with store.writing(now=begins) as work:
            settings = {"timezone": TIMEZONE, "seed": seed, "claim_seconds": 12 * 3600, "files": files}
            queue.start_project(work, "simulated", **settings)
            lead = queue.add_person(work, named[0][0], named[0][1])
            for name, roles in named[1:-1]:
                queue.add_person(work, name, roles, lead)
            listed = [Listed(*name_frame(number)) for number in range(1, count + 1)]
            for place in range(places):
                part = tuple(listed[place * size : (place + 1) * size])
                queue.add_frames(work, Index(Path("/"), "idd", part), name_batch(place + 1), lead)
        with store.reading() as connection:
            folder = store.files(read_project(connection))
        records = plant(seed, count, planted, places)
        self.desk = Desk(seed, Dice(seed, 5), load_checklist(), folder, records, durable)
        clerk = next(n for n, worker in self.workers.items() if Role.RESEARCHER in worker.roles)
        self.office = Office(self.desk, 1, clerk)
        self.joins = len(named)
        self.heap: list[tuple[datetime, int, Callable[[Work], None], bool]] = []
        self.order = 0
        self._fill_calendar(weeks)

    def _fill_calendar(self, weeks: int) -> None:
        there = [worker for worker in self.workers.values() if worker.number != self.joins]
        self.office.away = offices.plan_absences(Dice(self.desk.seed, 6), there, self.days)
        for worker in there:
            self._at(open_from(worker, self.days[0]), partial(self._ask, worker=worker))
        for number, (begin, _) in self.office.away.items():
            self._at(begin + timedelta(hours=8), partial(offices.report_absence, self.office, number=number))
        if weeks > 1:
            leaver = next(n for n in range(self.joins - 1, 0, -1) if n not in self.office.away)
            half = len(self.days) // 2
            self._at(self.days[half] + timedelta(hours=8), partial(self._leave, number=leaver))
            self._at(self.days[half + 1] + timedelta(hours=8), self._join)
        wrong = offices.mishaps(self.office)
        for place, day in enumerate(self.days):
            self._at(day + timedelta(hours=8, minutes=30), partial(offices.give_on, self.office))
            moment = day + timedelta(hours=9, minutes=50)
            while moment < day + timedelta(hours=20):
                self._at(moment, partial(offices.look_after_batches, self.office))
                moment += _LOOKS
            if place % 2 == 1:
                self._at(day + timedelta(hours=15, minutes=5), next(wrong), alone=True)

    def _at(self, moment: datetime, action: Callable[[Work], None], *, alone: bool = False) -> None:
        self.order += 1
        heapq.heappush(self.heap, (moment, self.order, action, alone))

    def run(self, progress: Callable[[int, int], None] | None) -> None:
        """Do all that the calendar has, until there is no day left."""
        while self.heap:
            with self.store.writing(now=self.heap[0][0]) as work:
                for _ in range(_STEPS):
                    if not self.heap or self.heap[0][3]:
                        break
                    self._step(work)
            if self.heap and self.heap[0][3]:
                self._step_alone()
            if progress is not None:
                done = sum(not self.heap or day < self.heap[0][0] for day in self.days)
                progress(done, len(self.days))

    def _step(self, work: Work) -> None:
        moment, _, action, _ = heapq.heappop(self.heap)
        self.now = moment
        work.at = to_microseconds(moment)
        action(work)

    def _step_alone(self) -> None:
        # What is refused undoes its transaction, and leaves its line.
        try:
            with self.store.writing(now=self.heap[0][0]) as work:
                self._step(work)
        except RefusedError:
            pass

    def _ask(self, work: Work, worker: Worker) -> None:
        day = self.now.replace(hour=0, minute=0)
        begin, end = self.office.away.get(worker.number, (self.now, self.now))
        if is_late(self.now, day) or begin <= self.now < end:
            after = [open_from(worker, other) for other in self.days if other > day]
            if after:
                self._at(after[0], partial(self._ask, worker=worker))
            return
        person = work.state.get(Person, worker.number)
        if not person.active:
            return
        task = queue.take_next(work, person)
        if task is None:
            self._at(self.now + _IDLE, partial(self._ask, worker=worker))
            return
        seconds = time_for(self.desk, worker, task.frame)
        number = task.frame.id
        self._at(end_of(self.now, seconds, day), partial(self._finish, worker=worker, number=number, seconds=seconds))

    def _finish(self, work: Work, worker: Worker, number: int, seconds: int) -> None:
        frame = work.state.get(Frame, number)
        # A batch that was decided early took its other frames with it.
        if frame.claimant == worker.number:
            do_task(self.desk, work, worker, frame, seconds, self.now)
        self._ask(work, worker)

    def _leave(self, work: Work, number: int) -> None:
        lead = work.state.get(Person, self.office.lead)
        queue.change_person(work, work.state.get(Person, number), lead, active=False)

    def _join(self, work: Work) -> None:
        worker = self.workers[self.joins]
        lead = work.state.get(Person, self.office.lead)
        queue.add_person(work, worker.name, worker.roles, lead)
        self._at(open_from(worker, self.now.replace(hour=0)), partial(self._ask, worker=worker))


def write_demo(
    folder: str | Path,
    *,
    frames: int = 1661,
    annotators: int = 25,
    weeks: int = 4,
    seed: int = 1,
    planted: float = 0.05,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Simulated:
    """Make a simulated project in a folder: ``qc.db`` and the files that were handed in, ``qc_files``.

    Raises
    ------
    OptionError
        There is nothing to simulate.
    OutputError
        There is a project already.
    """
    folder = Path(folder)
    path = folder / "qc.db"
    if path.exists() and not overwrite:
        raise OutputError("there is a project already", path=path)
    for name in ("qc.db", "qc.db-wal", "qc.db-shm"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "qc_files", ignore_errors=True)
    store = create_store(str(path), durable=False)
    try:
        return simulate(
            store, frames=frames, annotators=annotators, weeks=weeks, seed=seed, planted=planted, progress=progress
        )
    finally:
        store.close()
