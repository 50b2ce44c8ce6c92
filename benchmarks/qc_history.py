"""A log of a million events for `qc.py`: the history of a large project, each event as the queue would have written it.

The queue itself would take minutes. Here its events are made in memory by the same `Work.append`, so each of them is
chained and carries the state on by the table of moves; then log and state are written at once. `iddkit qc verify` finds
nothing wrong with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import cycle
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, insert, select

from iddkit.qc import queue
from iddkit.qc.acceptance import SamplingPlan
from iddkit.qc.events import Kind, to_microseconds
from iddkit.qc.projection import apply
from iddkit.qc.sampling import Listed, draw, hash_list, seal
from iddkit.qc.stages import Action, Role, Stage
from iddkit.qc.state import Batch, Frame, MemoryState, Person, Sample
from iddkit.qc.store.database import Store
from iddkit.qc.store.tables import TABLES, events
from iddkit.qc.store.work import DatabaseState, Work, events_of, row_of

#: Midnight at which the first week begins.
BEGINNING: Final = datetime(2019, 7, 17, tzinfo=ZoneInfo("Asia/Kolkata"))

_BATCH: Final = 250  # frames
_CHUNK: Final = 50_000  # events that are written at a time
_FAILS: Final = 9  # every ninth review fails

Step = Iterator[None]


def write_history(store: Store, count: int, weeks: int) -> None:
    """Write a project with a number of events, spread evenly over some weeks."""
    with store.writing(now=BEGINNING) as work:
        queue.start_project(work, "history", timezone="Asia/Kolkata")
        lead = queue.add_person(work, "lead", [Role.LEAD])
        for role, number in ((Role.ANNOTATOR, 80), (Role.SUPERVISOR, 12), (Role.RESEARCHER, 4), (Role.EXPERT, 2)):
            for place in range(number):
                queue.add_person(work, f"{role} {place}", [role], lead)
    with store.engine.connect() as connection:
        memory = MemoryState()
        log = list(events_of(connection.execute(select(events).order_by(events.c.seq)).all()))
        for event in log:
            apply(memory, event)
        # Where a transaction has the database's rows, this one has all rows in memory.
        work = Work(connection, cast(DatabaseState, memory), log[-1].at, (log[-1].seq, log[-1].hash))
        history = _History(work, memory)
        pace = timedelta(weeks=weeks) / (count + 1)
        for _ in history.steps():
            work.at = to_microseconds(BEGINNING + pace * work.next_seq)
            if work.next_seq > count or len(work._new) >= _CHUNK:
                connection.execute(insert(events), [row_of(event) for event in work._new])
                work._new.clear()
            if work.next_seq > count:
                break
        _write_rows(connection, memory)
        connection.commit()


def _write_rows(connection: Connection, memory: MemoryState) -> None:
    for kind, rows in memory.rows.items():
        connection.execute(delete(TABLES[kind]))
        values = [{name: getattr(row, name) for name in row.__slots__} for row in rows.values()]
        if values:
            connection.execute(insert(TABLES[kind]), values)


class _History:
    """Batches, each a phase behind the one before; in a phase the frames of all batches take turns."""

    def __init__(self, work: Work, memory: MemoryState) -> None:
        self.work = work
        self.memory = memory
        people = [cast(Person, row) for row in memory.rows[Person].values()]
        of_role = {role: [person.id for person in people if role in person.role_set] for role in Role}
        self.lead = of_role[Role.LEAD][0]
        self.next_of = {role: cycle(numbers) for role, numbers in of_role.items()}
        self.reviews = 0

    def steps(self) -> Step:
        """Yield between actions, for ever."""
        running: list[Iterator[Step]] = []
        batch = 0
        while True:
            batch += 1
            running.append(self._phases(batch))
            phases = [phase for phase in (next(story, None) for story in running) if phase is not None]
            while phases:
                phases = [phase for phase in phases if next(phase, self) is not self]
                yield

    def _phases(self, batch: int) -> Iterator[Step]:
        numbers = range((batch - 1) * _BATCH + 1, batch * _BATCH + 1)
        yield self._add(batch, numbers)
        yield self._hand_in(numbers, Stage.ANNOTATE)
        yield self._judge(numbers, Stage.QC1, Role.ANNOTATOR)
        yield self._hand_in(numbers, Stage.REPAIR)
        yield self._judge(numbers, Stage.QC1, Role.ANNOTATOR, fails=False)
        yield self._judge(numbers, Stage.QC2, Role.SUPERVISOR)
        yield self._hand_in(numbers, Stage.REPAIR)
        yield self._judge(numbers, Stage.QC2, Role.SUPERVISOR, fails=False)
        yield self._freeze(batch, numbers)
        for stage, role in ((Stage.QC3, Role.RESEARCHER), (Stage.QC4, Role.EXPERT)):
            yield self._draw(batch, numbers, stage)
            yield self._judge(numbers, stage, role, fails=False)
            yield self._conclude(batch, numbers, stage)

    def _frame(self, number: int) -> Frame:
        return self.memory.get(Frame, number)

    def _add(self, batch: int, numbers: range) -> Step:
        self.work.append(Kind.BATCH, self.lead, batch=batch, data={"name": f"B{batch:04}"})
        for number in numbers:
            sequence, name = str(number // 10), f"frame{number % 10:04}"
            data = {"key": f"train/{sequence}/{name}", "split": "train", "sequence": sequence, "name": name}
            data |= {"root": "/", "image": "", "annotation": ""}
            self.work.append(Kind.FRAME, self.lead, frame=number, batch=batch, data=data)
            yield

    def _claim(self, frame: Frame, person: int) -> None:
        until = self.work.at + 8 * 3600 * 1_000_000
        self.work.append(Kind.CLAIMED, person, frame=frame.id, stage=frame.stage, data={"until": until})

    def _hand_in(self, numbers: range, stage: Stage) -> Step:
        for number in numbers:
            frame = self._frame(number)
            if frame.stage != stage:
                continue
            person = frame.holder or next(self.next_of[Role.ANNOTATOR])
            self._claim(frame, person)
            revision = frame.revisions + 1
            data = {"sha256": f"{number:032x}{revision:032x}", "file": f"{frame.name}.json", "shapes": 60}
            self.work.append(
                Kind.SUBMITTED, person, frame=number, stage=stage, revision=revision, seconds=6000, data=data
            )
            if self._frame(number).stage == Stage.QC1:
                self._assign(self._frame(number))
            yield

    def _assign(self, frame: Frame) -> None:
        peer = frame.reviewer1
        load: dict[str, Any] = {}
        while peer is None or frame.was_drawn_by(peer):
            peer = next(self.next_of[Role.ANNOTATOR])
            load = {"load": [[peer, 1]]}
        self.work.append(Kind.ASSIGNED, None, frame=frame.id, stage=frame.stage, data={"person": peer, **load})

    def _judge(self, numbers: range, stage: Stage, role: Role, *, fails: bool = True) -> Step:
        for number in numbers:
            frame = self._frame(number)
            sampled = stage in (Stage.QC3, Stage.QC4)
            if frame.stage != stage or (sampled and frame.sample is None):
                continue
            person = frame.holder or next(self.next_of[role])
            self._claim(frame, person)
            self.reviews += 1
            verdict = Action.FAIL if fails and self.reviews % _FAILS == 0 else Action.PASS
            marks = [{"reason": "wrong-label", "severity": "major", "shape": 7, "label": "truck"}]
            self.work.append(
                Kind.REVIEWED,
                person,
                frame=number,
                batch=frame.batch,
                stage=stage,
                verdict=verdict,
                revision=frame.revision,
                reason="wrong-label" if verdict is Action.FAIL else "",
                seconds=600,
                data={"checklist": "idd 1"} | ({"marks": marks} if verdict is Action.FAIL else {}),
            )
            yield

    def _freeze(self, batch: int, numbers: range) -> Step:
        data = {"list_hash": hash_list(self._list(numbers)), "frames": len(numbers)}
        self.work.append(Kind.FROZEN, self.lead, batch=batch, data=data)
        for number in numbers:
            self.work.append(Kind.FROZEN, self.lead, frame=number, batch=batch)
        yield

    def _list(self, numbers: range) -> list[Listed]:
        listed = []
        for frame in map(self._frame, numbers):
            name = self.memory.get(Person, frame.editor or 0).name
            listed.append(Listed(frame.key, f"{frame.id:032x}{frame.revision:032x}", name, frame.sequence))
        return listed

    def _draw(self, batch: int, numbers: range, stage: Stage) -> Step:
        plan = SamplingPlan("fraction", fraction="20%" if stage is Stage.QC3 else "10%")
        resolved = plan.resolve(len(numbers))
        listed, seed = self._list(numbers), f"{batch}{stage}"
        places = draw(listed, resolved.n, seed)
        list_hash = hash_list(listed)
        data = {
            "id": len(self.memory.rows[Sample]) + 1,
            "seed": seed,
            "plan": plan.to_json(),
            "size": len(numbers),
            "allowed": resolved.c,
            "list_hash": list_hash,
            "seal": seal(list_hash, seed, plan.to_json(), [listed[place].key for place in places]),
            "positions": [numbers[place] for place in places],
            "list": [one.to_json() for one in listed],
        }
        self.work.append(Kind.SAMPLE, self.lead, batch=batch, stage=stage, data=data)
        yield

    def _conclude(self, batch: int, numbers: range, stage: Stage) -> Step:
        sample = self.memory.get(Batch, batch).sample
        data = {"seen": self.memory.get(Sample, sample or 0).drawn, "bad": 0, "sample": sample}
        self.work.append(
            Kind.CONCLUDED, self.lead, batch=batch, stage=stage, verdict=Action.ACCEPT, reason="0 bad", data=data
        )
        for number in numbers:
            settled = {"action": str(Action.ACCEPT)}
            self.work.append(Kind.SETTLED, self.lead, frame=number, batch=batch, stage=stage, data=settled)
        yield
