"""A small review for the tests: people, frames with real files, and all of them through the queue."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from iddkit.frames import Frame as ListedFrame
from iddkit.frames import Index
from iddkit.qc import queue
from iddkit.qc.checklist import load_checklist, parse_mark
from iddkit.qc.queue.batches import Conclusion
from iddkit.qc.stages import ASKED, Action, Role, Stage
from iddkit.qc.state import OPEN, Batch, Frame, Person, Sample
from iddkit.qc.store.database import Store, create_store
from iddkit.qc.store.tables import batches, frames, people

CHECKLIST = load_checklist()
START = datetime(2019, 7, 17, 9, tzinfo=UTC)
ROLES = {
    "lead": Role.LEAD,
    "ann": Role.ANNOTATOR,
    "bo": Role.ANNOTATOR,
    "cy": Role.ANNOTATOR,
    "sue": Role.SUPERVISOR,
    "rex": Role.RESEARCHER,
    "eve": Role.EXPERT,
}


def polygons(count: int, label: str = "road", note: int = 0) -> bytes:
    """Return a Cityscapes file of an image of 16 x 12 pixels."""
    objects = [{"label": label, "polygon": [[0, 0], [8, 0], [8, 6 + i % 6], [0, 6]]} for i in range(count)]
    return json.dumps({"imgWidth": 16, "imgHeight": 12, "objects": objects, "note": note}).encode()


@dataclass
class Run:
    """A project and a clock that each step moves on by a minute."""

    store: Store
    folder: Path
    dice: random.Random = field(default_factory=lambda: random.Random(7))
    now: datetime = START
    handed: int = 0

    def tick(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now

    def person(self, name: str) -> Person:
        with self.store.reading() as connection:
            return Person(*connection.execute(select(people).where(people.c.name == name)).one())

    def frame(self, key: str) -> Frame:
        with self.store.reading() as connection:
            return Frame(*connection.execute(select(frames).where(frames.c.key == key)).one())

    def batch(self, name: str) -> Batch:
        with self.store.reading() as connection:
            return Batch(*connection.execute(select(batches).where(batches.c.name == name)).one())

    def frames(self, stage: str) -> list[Frame]:
        with self.store.reading() as connection:
            query = select(frames).where(frames.c.stage == stage).order_by(frames.c.id)
            return [Frame(*row) for row in connection.execute(query)]

    def submit(self, key: str, name: str, content: bytes, file_name: str = "", seconds: int = 600) -> queue.Outcome:
        path = self.folder / (file_name or f"{key.rsplit('/', 1)[-1]}_gtFine_polygons.json")
        path.write_bytes(content)
        handin = queue.read_handin(path, self.folder / "qc_files")
        person = self.person(name)
        with self.store.writing(self.tick()) as work:
            return queue.submit(work, work.state.get(Frame, self.frame(key).id), person, handin, seconds=seconds)

    def review(self, key: str, name: str, *marks: str, seconds: int = 60, text: str = "") -> None:
        verdict = Action.FAIL if marks else Action.PASS
        said = [parse_mark(mark, CHECKLIST) for mark in marks]
        person = self.person(name)
        with self.store.writing(self.tick()) as work:
            frame = work.state.get(Frame, self.frame(key).id)
            queue.review(work, frame, person, verdict, checklist=CHECKLIST, marks=said, seconds=seconds, text=text)

    def step(self, name: str, fail: float, stage: Stage | None = None) -> bool:
        """Let a person do their next task; a review fails by chance."""
        person = self.person(name)
        with self.store.writing(self.tick()) as work:
            task = queue.take_next(work, person, stage)
        if task is None:
            return False
        if task.frame.stage in (Stage.ANNOTATE, Stage.REPAIR, Stage.ESCALATED):
            self.handed += 1
            content = polygons(5 + self.handed % 7, note=self.handed)
            self.submit(task.frame.key, name, content, seconds=300 + self.handed)
        else:
            marks = ["wrong-label@1>car"] if self.dice.random() < fail else []
            self.review(task.frame.key, name, *marks)
        return True

    def work(self, fail: float = 0.0) -> None:
        """Let everyone work until nobody has anything to do."""
        while any([self.step(name, fail) for name in ROLES] + [self.step("lead", fail, Stage.ESCALATED)]):
            pass

    def step_all(self, stage: str) -> None:
        """Let everyone pass all that waits for them at a stage."""
        asked = [name for name, role in ROLES.items() if role in ASKED[Stage(stage)]]
        while any(self.step(name, 0.0, Stage(stage)) for name in asked):
            pass

    def freeze(self, name: str, seed: str, by: str = "rex", leave_to: str | None = None) -> Sample:
        person, batch = self.person(by), self.batch(name)
        with self.store.writing(self.tick()) as work:
            queue.freeze(work, batch, person, leave_to=leave_to)
        return self.draw(name, seed, by)

    def draw(self, name: str, seed: str, by: str = "rex") -> Sample:
        person, batch = self.person(by), self.batch(name)
        with self.store.writing(self.tick()) as work:
            return queue.draw_sample(work, batch, person, seed=seed)

    def conclude(self, name: str, by: str = "rex") -> Conclusion:
        person, batch = self.person(by), self.batch(name)
        with self.store.writing(self.tick()) as work:
            return queue.conclude(work, batch, person)

    def finish(self, name: str, fail: float = 0.0, rounds: int = 20) -> None:
        """Take a batch to its acceptance, however often it is returned."""
        for number in range(rounds):
            self.work(fail)
            batch = self.batch(name)
            if batch.stage == Stage.ACCEPTED:
                return
            fail /= 2
            if batch.stage == OPEN:
                self.freeze(name, f"{name} {number}")
            elif not self.sample_is_open(batch):
                self.draw(name, f"{name} {number}")
            else:
                self.conclude(name)
        raise AssertionError("never accepted")

    def sample_is_open(self, batch: Batch) -> bool:
        with self.store.writing(self.tick()) as work:
            return batch.sample is not None and not work.state.get(Sample, batch.sample).verdict


def start(folder: Path, count: int = 30, url: str = "", batch: str = "B", **settings: Any) -> Run:
    """Make a project with the people of `ROLES` and `count` frames in two sequences."""
    folder.mkdir(parents=True, exist_ok=True)
    store = create_store(url or str(folder / "qc.db"), durable=False)
    run = Run(store, folder)
    with store.writing(run.tick()) as work:
        queue.start_project(work, "street", **settings)
        lead = queue.add_person(work, "lead", [Role.LEAD])
        for name, role in ROLES.items():
            if name != "lead":
                queue.add_person(work, name, [role], lead)
        listed = tuple(
            ListedFrame("train", str(i % 2), f"{i:04}", Path(f"leftImg8bit/train/{i % 2}/{i:04}_leftImg8bit.png"))
            for i in range(count)
        )
        queue.add_frames(work, Index(folder / "data", "idd", listed), batch, lead)
    return run
