"""A review for the tests of the queue: people, frames and a clock, and what has to hold after whatever was done."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
from hypothesis import settings
from sqlalchemy import Connection, select

from iddkit.errors import RefusedError
from iddkit.frames import Frame as IndexFrame
from iddkit.frames import Index
from iddkit.qc import queue
from iddkit.qc.checklist import load_checklist, parse_mark
from iddkit.qc.events import NO_HASH, Event, Kind, hash_event, to_microseconds
from iddkit.qc.projection import apply
from iddkit.qc.stages import Action, Role, Stage
from iddkit.qc.state import Batch, Frame, MemoryState, Person, Row, Sample, key_of
from iddkit.qc.store.database import Store
from iddkit.qc.store.tables import TABLES, batches, events, frames, people, samples
from iddkit.qc.store.work import Work, events_of

CHECKLIST: Final = load_checklist()
MARK: Final = parse_mark("wrong-label@3>truck", CHECKLIST)
MINOR: Final = parse_mark("wrong-label!minor@3", CHECKLIST)
START: Final = datetime(2019, 7, 17, 6, tzinfo=UTC)

#: Initials of the roles.
ROLES: Final = {"a": Role.ANNOTATOR, "s": Role.SUPERVISOR, "r": Role.RESEARCHER, "e": Role.EXPERT, "l": Role.LEAD}

#: By name: one lead, three annotators, and two of each of the others.
TEAM: Final = {"lea": "l", "ann": "a", "bo": "a", "cy": "a", "sue": "s", "sam": "s", "rex": "r", "rob": "r"} | {
    "eve": "e",
    "eli": "e",
}

T = TypeVar("T")
Rows = dict[type, dict[tuple[int, ...], Row]]


@dataclass
class Review:
    """A project whose clock goes on by a minute with each transaction."""

    store: Store
    now: datetime = START
    files: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def do(self, act: Callable[[Work], T]) -> T:
        self.now += timedelta(minutes=1)
        with self.store.writing(self.now) as work:
            return act(work)

    def wait(self, **span: float) -> None:
        self.now += timedelta(**span)

    @property
    def at(self) -> int:
        return to_microseconds(self.now)

    def person(self, name: str) -> Person:
        with self.store.reading() as connection:
            return Person(*connection.execute(select(people).where(people.c.name == name)).one())

    def frame(self, number: int = 1) -> Frame:
        with self.store.reading() as connection:
            return Frame(*connection.execute(select(frames).where(frames.c.id == number)).one())

    def frames(self) -> list[Frame]:
        with self.store.reading() as connection:
            return [Frame(*row) for row in connection.execute(select(frames).order_by(frames.c.id))]

    def batch(self, name: str = "b") -> Batch:
        with self.store.reading() as connection:
            return Batch(*connection.execute(select(batches).where(batches.c.name == name)).one())

    def samples(self) -> list[Sample]:
        with self.store.reading() as connection:
            return [Sample(*row) for row in connection.execute(select(samples).order_by(samples.c.id))]

    def events(self, *kinds: Kind) -> list[Event]:
        with self.store.reading() as connection:
            found = read_events(connection)
        return [event for event in found if not kinds or event.kind in kinds]

    def name(self, person: int | None) -> str:
        with self.store.reading() as connection:
            return str(connection.execute(select(people.c.name).where(people.c.id == person)).scalar_one())

    def take(self, name: str, stage: Stage | None = None) -> Frame | None:
        person = self.person(name)
        task = self.do(lambda work: queue.take_next(work, person, stage))
        return None if task is None else task.frame

    def submit(
        self, name: str, number: int = 1, *, file: int | None = None, base: int | None = None, seconds: int = 60
    ) -> queue.Outcome:
        person, frame = self.person(name), self.frame(number)
        handin = make_handin(next(self.files) if file is None else file)
        return self.do(lambda work: queue.submit(work, frame, person, handin, seconds=seconds, base=base))

    def judge(self, name: str, verdict: Action, number: int = 1, **options: Any) -> Event:
        person, frame = self.person(name), self.frame(number)
        options.setdefault("marks", [MARK] if verdict is Action.FAIL else [])
        return self.do(lambda work: queue.review(work, frame, person, verdict, checklist=CHECKLIST, **options))

    def passes(self, name: str, number: int = 1, **options: Any) -> Event:
        return self.judge(name, Action.PASS, number, **options)

    def fails(self, name: str, number: int = 1, **options: Any) -> Event:
        return self.judge(name, Action.FAIL, number, **options)

    def give(self, name: str, number: int = 1, by: str = "lea") -> Frame:
        person, frame, actor = self.person(name), self.frame(number), self.person(by)
        return self.do(lambda work: queue.give(work, frame, person, actor))

    def freeze(self, by: str = "rex", name: str = "b", **options: Any) -> Batch:
        batch, actor = self.batch(name), self.person(by)
        return self.do(lambda work: queue.freeze(work, batch, actor, **options))

    def draw(self, by: str = "rex", name: str = "b", **options: Any) -> Sample:
        batch, actor = self.batch(name), self.person(by)
        return self.do(lambda work: queue.draw_sample(work, batch, actor, **options))

    def conclude(self, by: str = "rex", name: str = "b") -> queue.Conclusion:
        batch, actor = self.batch(name), self.person(by)
        return self.do(lambda work: queue.conclude(work, batch, actor))

    def change(self, name: str, by: str = "lea", **options: Any) -> Person:
        person, actor = self.person(name), self.person(by)
        return self.do(lambda work: queue.change_person(work, person, actor, **options))

    def absent(self, name: str, start: datetime, until: datetime | None, by: str = "lea") -> Person:
        person, actor = self.person(name), self.person(by)
        end = None if until is None else to_microseconds(until)
        return self.do(lambda work: queue.set_absence(work, person, actor, to_microseconds(start), end))

    def drop(self, number: int = 1, by: str = "lea", reason: str = "blurred") -> Frame:
        frame, actor = self.frame(number), self.person(by)
        return self.do(lambda work: queue.drop(work, frame, actor, reason))

    def restore(self, number: int = 1, by: str = "lea", batch: str | None = None) -> Frame:
        frame, actor = self.frame(number), self.person(by)
        target = None if batch is None else self.batch(batch)
        return self.do(lambda work: queue.restore(work, frame, actor, target))

    def holder(self, number: int = 1) -> str:
        return self.name(self.frame(number).holder)

    def to_qc2(self, number: int = 1, author: str = "ann") -> None:
        self.submit(author, number)
        self.passes(self.holder(number), number)

    def to_ready(self, *numbers: int) -> None:
        for number in numbers:
            self.to_qc2(number)
            self.passes("sue", number)

    def judge_sample(self, name: str, *bad: int, marks: Sequence[Any] = (MARK,)) -> list[int]:
        """Judge what is drawn and was not judged yet, in the sealed order; return the numbers."""
        drawn = [frame for frame in self.frames() if frame.sample is not None and not frame.verdict]
        order = [frame.id for frame in sorted(drawn, key=lambda frame: frame.position or 0)]
        for number in order:
            if number in bad:
                self.fails(name, number, marks=list(marks))
            else:
                self.passes(name, number)
        return order

    @contextlib.contextmanager
    def refused(self, *words: str) -> Iterator[None]:
        """Expect a refusal that says these words; nothing but a line of the log comes of it."""
        before, rows = self.events(), self.rows()
        with pytest.raises(RefusedError) as caught:
            yield
        said = str(caught.value)
        for part in words:
            assert re.search(re.escape(part), said), f"{part!r} is not in {said!r}"
        after = self.events()
        assert after[:-1] == before
        assert after[-1].kind is Kind.REFUSED
        assert after[-1].reason == said
        assert after[-1].data["action"]
        assert self.rows() == rows

    def rows(self) -> Rows:
        with self.store.reading() as connection:
            return read_rows(connection)


def is_exploring() -> bool:
    """Whether the tests look for what is new, at length: ``pytest --hypothesis-profile=explore``."""
    return settings.default is not None and settings.default.max_examples > 1000


def make_handin(number: int) -> queue.HandIn:
    """Return a file that was read: what is in it is no matter of the queue."""
    return queue.HandIn(f"{number:064x}", f"{number}.json", 1 + number % 7)


def make_index(count: int, root: Path = Path("/data"), sequence: int = 4) -> Index:
    listed = tuple(IndexFrame("train", str(i // sequence), f"{i:04}") for i in range(count))
    return Index(root, "idd", listed)


def start_review(
    store: Store, count: int = 1, team: dict[str, str] = TEAM, *, batch: str = "b", **settings: Any
) -> Review:
    """Start a project with people of the roles that their initials say and a batch of frames."""
    review = Review(store)

    def start(work: Work) -> None:
        queue.start_project(work, "test", **{"files": "/nowhere", **settings})
        for name, initials in team.items():
            queue.add_person(work, name, [ROLES[initial] for initial in initials])
        queue.add_frames(work, make_index(count), batch, queue.find_person(work, next(iter(team))))

    review.do(start)
    return review


def read_events(connection: Connection, after: int = 0) -> list[Event]:
    query = select(events).where(events.c.seq > after).order_by(events.c.seq)
    return list(events_of(connection.execute(query)))


def read_rows(connection: Connection) -> Rows:
    """Return the state as the tables have it."""
    rows: Rows = {}
    for kind, table in TABLES.items():
        read = (kind(*row) for row in connection.execute(select(table)))
        rows[kind] = {key_of(row): row for row in read}
    return rows


def check_chain(log: Sequence[Event], previous: str = NO_HASH, after: int = 0) -> None:
    """The log is whole: numbers without gaps, and each event has the hash of its content and of the one before."""
    for number, event in enumerate(log, after + 1):
        assert event.seq == number
        assert event.previous == previous
        assert event.hash == hash_event(event)
        previous = event.hash


def check_log(store: Store) -> list[Event]:
    """The log is whole, and the tables are what follows from it. Returns the log."""
    with store.reading() as connection:
        log = read_events(connection)
        rows = read_rows(connection)
    check_chain(log)
    memory = MemoryState()
    for event in log:
        apply(memory, event)
    for kind in rows:
        assert rows[kind] == memory.rows[kind], kind.__name__
    return log
