"""The rows of a log of past activity, replayed in the order of time through the functions of the queue."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import select

from iddkit.errors import OptionError, RefusedError, UserError, printable
from iddkit.qc import queue
from iddkit.qc.acceptance import SamplingPlan
from iddkit.qc.checklist import Checklist, Mark, Severity, load_checklist, parse_mark
from iddkit.qc.events import Kind
from iddkit.qc.queue.batches import decide_sample, plan_of, read_frames
from iddkit.qc.queue.rules import is_claimed_by_other, refuse
from iddkit.qc.stages import SAMPLED, Action, Role, Stage, find_move
from iddkit.qc.state import OPEN, Batch, Frame, Person, Project, Sample
from iddkit.qc.store import contents
from iddkit.qc.store.database import Store
from iddkit.qc.store.tables import events, frames, people
from iddkit.qc.store.work import Work
from iddkit.qc.worklog.rows import Doing, Row

#: The batch of frames for which the log names none.
NO_BATCH: Final = "imported"

#: The reason of a failed review for which the log names none, or none that the checklist has.
NOT_STATED: Final = "not-stated"

#: What somebody is who did it, where the project does not know them.
_ROLES: Final = {
    (Doing.SUBMIT, ""): Role.ANNOTATOR,
    (Doing.REVIEW, Stage.QC1): Role.ANNOTATOR,
    (Doing.REVIEW, Stage.QC2): Role.SUPERVISOR,
    (Doing.REVIEW, Stage.QC3): Role.RESEARCHER,
    (Doing.REVIEW, Stage.QC4): Role.EXPERT,
    (Doing.FREEZE, ""): Role.RESEARCHER,
    (Doing.SAMPLE, ""): Role.RESEARCHER,
    (Doing.CONCLUDE, ""): Role.RESEARCHER,
    (Doing.HOURS, "annotation"): Role.ANNOTATOR,
    (Doing.HOURS, "qc"): Role.SUPERVISOR,
}


@dataclass(slots=True)
class Replay:
    """An import on its way.

    Attributes
    ----------
    store, path, digest, project, rows, strict
        Of the database; of the file, and its SHA-256; the settings; what can be read, in the order of time; whether
        what the project does not know is refused.
    there
        Numbers of rows that an import before brought.
    done, frames_added, people_added
        What came of it so far.
    """

    store: Store
    path: Path
    digest: str
    project: Project
    rows: Sequence[Row]
    strict: bool
    checklist: Checklist = field(init=False)
    roles: dict[str, set[Role]] = field(init=False)
    there: set[int] = field(default_factory=set)
    done: int = 0
    frames_added: int = 0
    people_added: list[str] = field(default_factory=list)
    # What is known of the database in this transaction: numbers by what things are called.
    _persons: dict[str, int] = field(default_factory=dict)
    _keys: dict[str, int] = field(default_factory=dict)
    _names: dict[str, list[str]] = field(default_factory=dict)
    _last: int = 0

    def __post_init__(self) -> None:
        self.checklist = load_checklist(self.project.checklist)
        self.roles = {}
        for row in self.rows:
            if (role := _ROLES.get((row.doing, row.stage))) is not None:
                self.roles.setdefault(row.person.casefold(), set()).add(role)

    def skip_imported(self) -> Iterable[UserError]:
        """Leave out the rows that an import of this file has brought before; return those that it refused."""
        mark = f'%"import":"{self.digest}:%'
        query = select(events.c.kind, events.c.reason, events.c.data).where(events.c.data.like(mark))
        problems = {}
        with self.store.reading() as connection:
            for kind, reason, data in connection.execute(query.order_by(events.c.seq)):
                number = int(json.loads(data)["import"].rpartition(":")[2])
                self.there.add(number)
                if kind == Kind.REFUSED:
                    problems[number] = self._problem(number, reason)
        return problems.values()

    def _problem(self, number: int, problem: str) -> UserError:
        return RefusedError(problem, path=self.path, where=f"row {number}")

    def play(self, work: Work, places: Sequence[int]) -> list[UserError]:
        """Replay rows in one transaction, and return what is wrong with some of them."""
        self._look_up(work, places)
        problems = []
        for place in places:
            row = self.rows[place]
            work.at = row.at
            work.stamp = {"import": f"{self.digest}:{row.number}"}
            try:
                said = self._play_row(work, place)
                self.done += 1
            except RefusedError as error:
                # The queue refuses before it appends: the transaction is as it was, and goes on.
                said = error.problem
                if work.refusal is not None:
                    work.append_refusal(work.refusal)
                    work.refusal = None
            except OptionError as error:
                said = error.problem
            if said:
                problems.append(self._problem(row.number, said))
        return problems

    def _look_up(self, work: Work, places: Sequence[int]) -> None:
        self._persons = {
            name.casefold(): number for number, name in work.connection.execute(select(people.c.id, people.c.name))
        }
        self._keys, self._names = {}, {}
        for number, key, name in work.connection.execute(select(frames.c.id, frames.c.key, frames.c.name)):
            self._keys[key] = number
            self._names.setdefault(name, []).append(key)
        self._last = max(self._keys.values(), default=0)
        named = {key for place in places if self.rows[place].frame for key in self._find_keys(self.rows[place].frame)}
        work.find(Frame, select(frames).where(frames.c.id.in_(sorted(self._keys[key] for key in named))))

    def _play_row(self, work: Work, place: int) -> str:
        row = self.rows[place]
        if row.doing is Doing.ADD:
            self._frame(work, row)
            return ""
        if row.doing is Doing.HOURS:
            work.append(Kind.WORKED, self._person(work, row).id, stage=row.stage, seconds=row.seconds)
            return ""
        if row.doing is Doing.SUBMIT:
            return self._submit(work, row)
        if row.doing is Doing.REVIEW:
            self._review(work, place)
            return ""
        batch = queue.find_batch(work, row.batch)
        if row.doing is Doing.FREEZE:
            self._freeze(work, batch, self._person(work, row))
        elif row.doing is Doing.SAMPLE:
            self._sample(work, batch, self._person(work, row), place + 1)
        else:
            self._conclude(work, batch, self._person(work, row), row)
        return ""

    # -- people and frames

    def _person(self, work: Work, row: Row) -> Person:
        number = self._persons.get(row.person.casefold())
        if number is None:
            if self.strict:
                raise OptionError(f"nobody is called {printable(row.person, 60)!r}")
            person = queue.add_person(work, row.person, self.roles[row.person.casefold()])
            self._persons[person.name.casefold()] = number = person.id
            self.people_added.append(person.name)
        return work.state.get(Person, number)

    def _find_keys(self, name: str) -> list[str]:
        """Return the key that a row names, or those that end so."""
        name = name.strip("/")
        if name in self._keys:
            return [name]
        return [key for key in self._names.get(name.rpartition("/")[2], ()) if f"/{key}".endswith(f"/{name}")]

    def _frame(self, work: Work, row: Row) -> Frame:
        keys = self._find_keys(row.frame)
        if len(keys) > 1 or (self.strict and not keys):
            return queue.find_frame(work, row.frame)  # says what is wrong
        key = keys[0] if keys else self._add_frame(work, row)
        return work.state.get(Frame, self._keys[key])

    def _add_frame(self, work: Work, row: Row) -> str:
        *folders, name = row.frame.strip("/").split("/")
        split, sequence = ("", "/".join(folders)) if len(folders) < 2 else (folders[0], "/".join(folders[1:]))
        if not name or any(part in ("", ".", "..") for part in (*folders, name)):
            raise OptionError(f"{printable(row.frame, 100)!r} is not split/sequence/name of a frame")
        batch = queue.add_batch(work, row.batch or NO_BATCH)
        if batch.stage != OPEN:
            raise OptionError(f"batch {printable(batch.name)} is at {batch.stage}: no frame can come into it")
        key = "/".join((*folders, name))
        self._last += 1
        number = self._last
        data = {"key": key, "split": split, "sequence": sequence, "name": name}
        data |= dict.fromkeys(("root", "image", "annotation"), "")
        work.append(Kind.FRAME, None, frame=number, batch=batch.id, data=data)
        self._keys[key] = number
        self._names.setdefault(name, []).append(key)
        self.frames_added += 1
        return key

    # -- hand-ins and reviews

    def _submit(self, work: Work, row: Row) -> str:
        person, frame = self._person(work, row), self._frame(work, row)
        if frame.stage == Stage.ESCALATED or frame.holder not in (None, person.id):
            frame = self._note_holder(work, frame, person)
        # It differs from the frame's last one, as a repair has to.
        content = json.dumps({"import": self.digest, "revision": frame.revisions + 1}).encode()
        kept = contents.keep(self.store.files(self.project), content)
        handin = queue.HandIn(kept, "imported.json", row.shapes)
        outcome = queue.submit(work, frame, person, handin, seconds=row.seconds, draw_peer=False)
        return f"kept, but it does not count: {outcome.conflict}" if outcome.conflict else ""

    def _note_holder(self, work: Work, frame: Frame, person: Person) -> Frame:
        # Only what will be done can have been given to them.
        return frame if is_claimed_by_other(work, frame, person) else queue.note_holder(work, frame, person)

    def _review(self, work: Work, place: int) -> None:
        row = self.rows[place]
        assert row.verdict is not None
        person, frame = self._person(work, row), self._frame(work, row)
        stage = Stage(row.stage)
        again = frame.stage == Stage.RECHECK and frame.failed_at == stage
        if stage in SAMPLED and not again:
            self._require_reviewer(work, frame, person, stage, row.verdict)
            self._lead_to(work, frame, person, stage, place)
            frame = work.state.get(Frame, frame.id)
        if frame.stage != stage and not again:
            refuse(work, frame, person, row.verdict, f"is at {frame.stage}, not at {stage}")
        if stage is Stage.QC1 or frame.holder not in (None, person.id):
            frame = self._note_holder(work, frame, person)
        marks = self._read_marks(row) if row.verdict is Action.FAIL else ()
        queue.review(
            work, frame, person, row.verdict, checklist=self.checklist, marks=marks, seconds=row.seconds, text=""
        )

    def _require_reviewer(self, work: Work, frame: Frame, person: Person, stage: Stage, verdict: Action) -> None:
        # Before anything is done to the batch for the sake of a review that cannot count.
        move = find_move(stage, verdict)
        assert move is not None
        if not person.role_set & set(move.roles):
            refuse(work, frame, person, verdict, f"{stage} is for {' or '.join(move.roles)}")
        if frame.was_drawn_by(person.id):
            refuse(work, frame, person, verdict, f"{printable(person.name)} drew it, and nobody reviews what they drew")

    def _read_marks(self, row: Row) -> tuple[Mark, ...]:
        marks = []
        for part in filter(None, (part.strip() for part in row.reason.split(";"))):
            try:
                marks.append(parse_mark(part, self.checklist))
            except OptionError:
                marks.append(Mark(NOT_STATED, Severity.MAJOR, text=part))
        return tuple(marks) or (Mark(NOT_STATED, Severity.MAJOR),)

    # -- batches

    def _lead_to(self, work: Work, frame: Frame, person: Person, stage: Stage, place: int) -> None:
        """Do with the frame's batch what must have been done before a review of its sample."""
        batch = work.state.get(Batch, frame.batch)
        if batch.stage == OPEN and stage is Stage.QC3 and frame.stage == Stage.READY:
            batch = self._freeze(work, batch, person)
        if batch.stage == Stage.QC3 and stage is Stage.QC4:
            queue.conclude(work, batch, person)
            batch = work.state.get(Batch, batch.id)
        if batch.stage == stage and _open_sample(work, batch) is None:
            self._sample(work, batch, person, place)

    def _freeze(self, work: Work, batch: Batch, person: Person) -> Batch:
        # Frames that were not ready were in the batch by name only.
        waits = any(f.stage not in (Stage.READY, Stage.DROPPED) for f in read_frames(work, batch))
        rest = None
        if waits:
            number = 1
            while (other := queue.add_batch(work, rest := f"{batch.name}.rest{number}")).stage != OPEN:
                number += 1
            rest = other.name
        return queue.freeze(work, batch, person, leave_to=rest)

    def _sample(self, work: Work, batch: Batch, person: Person, place: int) -> None:
        looked_at, is_concluded = self._looked_at(work, batch, place)
        plan = None
        if batch.stage in SAMPLED and looked_at:
            size = sum(frame.stage == batch.stage for frame in read_frames(work, batch))
            plan = _plan_for(plan_of(work, batch.stage), size, len(looked_at), is_concluded=is_concluded)
        queue.draw_sample(work, batch, person, plan=plan, looked_at=looked_at)

    def _looked_at(self, work: Work, batch: Batch, place: int) -> tuple[set[int], bool]:
        """Return the frames that the rows from here on name as the batch's sample, and whether it was concluded."""
        members = {frame.key: frame.id for frame in read_frames(work, batch) if frame.stage == batch.stage}
        found: set[int] = set()
        for row in self.rows[place:]:
            if row.doing in (Doing.FREEZE, Doing.SAMPLE, Doing.CONCLUDE) and row.batch == batch.name:
                return found, row.doing is Doing.CONCLUDE
            keys = self._find_keys(row.frame) if row.doing is Doing.REVIEW and row.stage in SAMPLED else []
            if len(keys) != 1 or keys[0] not in members:
                continue
            if row.stage == batch.stage:
                found.add(members[keys[0]])
            elif row.stage == Stage.QC4:
                return found, True
        return found, False

    def _conclude(self, work: Work, batch: Batch, person: Person, row: Row) -> None:
        sample = _open_sample(work, batch)
        if row.verdict is not None and sample is not None:
            members = [frame for frame in read_frames(work, batch) if frame.stage == batch.stage]
            decision = decide_sample(sample, members)
            outcome = {"accept": Action.PASS, "reject": Action.FAIL}.get(decision.outcome, row.verdict)
            if outcome is not row.verdict:
                problem = f"batch {printable(batch.name)}: the log says otherwise than its plan: {decision.reason}"
                work.refuse(problem, actor=person.id, action="conclude", batch=batch.id)
        queue.conclude(work, batch, person)


def _open_sample(work: Work, batch: Batch) -> Sample | None:
    sample = None if batch.sample is None else work.state.get(Sample, batch.sample)
    return None if sample is None or sample.verdict else sample


def _plan_for(plan: SamplingPlan, size: int, looked_at: int, *, is_concluded: bool) -> SamplingPlan:
    """Return the plan of a sample that the past has chosen: the project's, or with as many images as were looked at."""
    resolved = plan.resolve(size)
    if resolved.n == looked_at or (looked_at < resolved.n and not is_concluded):
        return plan
    if plan.pass_rate is not None:
        allowed = looked_at - math.ceil(plan.rate("pass_rate") * looked_at)
    else:
        allowed = resolved.c * looked_at // resolved.n
    return SamplingPlan("fixed", n=looked_at, c=allowed, bad_from=plan.bad_from)
