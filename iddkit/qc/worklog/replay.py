"""The rows of a log of past activity, replayed in the order of time through the functions of the queue."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from sqlalchemy import select

from iddkit.errors import OptionError, RefusedError, UserError, printable
from iddkit.qc import queue
from iddkit.qc.checklist import Checklist, Mark, load_checklist, parse_mark
from iddkit.qc.events import Kind
from iddkit.qc.queue.rules import is_claimed_by_other, refuse
from iddkit.qc.stages import SAMPLED, Action, Role, Stage, find_move
from iddkit.qc.state import OPEN, Batch, Frame, Person, Project, R
from iddkit.qc.store import contents
from iddkit.qc.store.database import Store
from iddkit.qc.store.tables import frames, people
from iddkit.qc.store.work import Refusal, Work
from iddkit.qc.worklog.batches import conclude, find_open_sample, freeze, sample
from iddkit.qc.worklog.marks import KEPT, make_stamp, mark_rows, read_imported
from iddkit.qc.worklog.rows import Doing, Row
from iddkit.severity import Severity

#: The batch of frames for which the log names none.
NO_BATCH: Final = "imported"

#: The reason of a failed review for which the log names none, or none that the checklist has.
NOT_STATED: Final = "not-stated"

# Rows in a savepoint.
_TOGETHER: Final = 50

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
    store, path, digest, project, rows, strict, retry
        Of the database; of the file, and its SHA-256; the settings; what can be read, in the order of time; whether
        what the project does not know is refused; whether rows that were refused are tried again.
    there
        Numbers of rows that an import before brought, of this file or another, or that say what is so already.
    done, frames_added, people_added
        What came of it so far.
    """

    store: Store
    path: Path
    digest: str
    project: Project
    rows: Sequence[Row]
    strict: bool
    retry: bool
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
    # Keys of frames and names of people that are new, in their order; whether it is a person.
    _added: list[tuple[str, bool]] = field(default_factory=list)
    _marks: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.checklist = load_checklist(self.project.checklist)
        self.roles = {}
        for row in self.rows:
            if (role := _ROLES.get((row.doing, row.stage))) is not None:
                self.roles.setdefault(row.person.casefold(), set()).add(role)
        self._marks = mark_rows(self.rows)

    def skip_imported(self) -> Iterable[UserError]:
        """Leave out the rows that an import has brought before, of any file; return those that it did not count."""
        problems = read_imported(self.store, self._marks)
        self.there = set(problems)
        if self.retry:
            self.there -= {number for number, problem in problems.items() if problem.is_refusal}
        return [self._problem(number, problems[number].text) for number in self.there if problems[number].text]

    def _problem(self, number: int, problem: str) -> UserError:
        return RefusedError(problem, path=self.path, where=f"row {number}")

    def play(self, work: Work, places: Sequence[int]) -> list[UserError]:
        """Replay rows in one transaction, and return what is wrong with some of them.

        Of a row that is refused nothing stays but a line of the log that says so. Most are refused before they have
        done anything. Where one had, what was played since the last savepoint is taken back, and played again row by
        row: a savepoint for each row from the beginning would double the time.
        """
        work = Work.begin(work.connection, work.at)  # one that can be left for another
        self._look_up(work, places)
        problems = []
        for start in range(0, len(places), _TOGETHER):
            together = places[start : start + _TOGETHER]
            try:
                problems += self._play_together(work, together)
                continue
            except _TracesError:
                work = Work.begin(work.connection, work.at)
            for place in together:
                try:
                    problems += self._play_together(work, [place])
                except _TracesError as error:
                    work = self._begin_again(work, self.rows[place], error)
                    problems.append(self._problem(self.rows[place].number, error.problem))
        work.flush()
        return problems

    def _play_together(self, work: Work, places: Sequence[int]) -> list[UserError]:
        """Replay rows in one savepoint, up to one that is refused and has changed something."""
        problems, there, done, added = [], set(), 0, len(self._added)
        work.flush()
        savepoint = work.connection.begin_nested()
        for place in places:
            row, before = self.rows[place], work.last
            work.at = row.at
            work.stamp = make_stamp(self.digest, row.number, self._marks[row.number])
            try:
                said = self._play_row(work, place)
                if work.last == before:
                    there.add(row.number)  # a frame that is there is not added again
                else:
                    done += 1
            except (RefusedError, OptionError, _UnknownError) as error:
                said = error.problem
                if work.last != before:
                    savepoint.rollback()
                    self._forget(added)
                    raise _TracesError(said, leaves_line=not isinstance(error, _UnknownError)) from None
                if not isinstance(error, _UnknownError):
                    self._append_refusal(work, row, work.refusal, said)
                work.refusal = None
            if said:
                problems.append(self._problem(row.number, said))
        work.flush()
        savepoint.commit()
        self.there |= there
        self.done += done
        return problems

    def _begin_again(self, work: Work, row: Row, error: _TracesError) -> Work:
        """Return the transaction as it was before a row, with the line that says why the row was refused."""
        # What the other one has read or changed since may not be so.
        again = Work.begin(work.connection, work.at)
        again.stamp = work.stamp
        if error.leaves_line:
            self._append_refusal(again, row, work.refusal, error.problem)
        return again

    def _append_refusal(self, work: Work, row: Row, refusal: Refusal | None, problem: str) -> None:
        if refusal is None:
            refusal = Refusal(self._persons.get(row.person.casefold()), None, None, row.doing, problem)
        # It can name only what is there without the row.
        actor, frame, batch = (
            _known(work, Person, refusal.actor),
            _known(work, Frame, refusal.frame),
            _known(work, Batch, refusal.batch),
        )
        work.append_refusal(replace(refusal, actor=actor, frame=frame, batch=batch))

    def _forget(self, added: int) -> None:
        """Take back what is known of rows that were taken back."""
        for name, is_person in self._added[added:]:
            if is_person:
                del self._persons[name]
                self.people_added.pop()
            else:
                del self._keys[name]
                self._names[name.rpartition("/")[2]].remove(name)
                self._last -= 1
                self.frames_added -= 1
        del self._added[added:]

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
            freeze(work, batch, self._person(work, row))
        elif row.doing is Doing.SAMPLE:
            sample(work, batch, self._person(work, row), self.rows[place + 1 :], self._find_keys)
        else:
            conclude(work, batch, self._person(work, row), row)
        return ""

    # -- people and frames

    def _person(self, work: Work, row: Row) -> Person:
        number = self._persons.get(row.person.casefold())
        if number is None:
            if self.strict:
                raise _UnknownError(f"nobody is called {printable(row.person, 60)!r}")
            person = queue.add_person(work, row.person, self.roles[row.person.casefold()])
            self._persons[row.person.casefold()] = number = person.id
            self._added.append((row.person.casefold(), True))
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
        if self.strict and not keys:
            raise _UnknownError(f"no frame {printable(row.frame, 100)!r} in the project")
        if len(keys) > 1:
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
        self._added.append((key, False))
        self.frames_added += 1
        return key

    # -- hand-ins and reviews

    def _submit(self, work: Work, row: Row) -> str:
        person, frame = self._person(work, row), self._frame(work, row)
        if frame.stage == Stage.ACCEPTED and frame.root:
            # It came with its files, and not with a log: a row of the past must not put a placeholder in their place.
            refuse(
                work, frame, person, Action.SUBMIT, "is accepted here, and a log of the past does not take it up again"
            )
        if frame.stage == Stage.ESCALATED or frame.holder not in (None, person.id):
            frame = self._note_holder(work, frame, person)
        # It differs from the frame's last one, as a repair has to.
        content = json.dumps({"import": self._marks[row.number], "revision": frame.revisions + 1}).encode()
        kept = contents.keep(self.store.files(self.project), content)
        handin = queue.HandIn(kept, "imported.json", row.shapes)
        outcome = queue.submit(work, frame, person, handin, seconds=row.seconds, draw_peer=False)
        return f"{KEPT}{outcome.conflict}" if outcome.conflict else ""

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

    def _lead_to(self, work: Work, frame: Frame, person: Person, stage: Stage, place: int) -> None:
        """Do with the frame's batch what must have been done before a review of its sample."""
        batch = work.state.get(Batch, frame.batch)
        if batch.stage == OPEN and stage is Stage.QC3 and frame.stage == Stage.READY:
            batch = freeze(work, batch, person)
        if batch.stage == Stage.QC3 and stage is Stage.QC4:
            queue.conclude(work, batch, person)
            batch = work.state.get(Batch, batch.id)
        if batch.stage == stage and find_open_sample(work, batch) is None:
            sample(work, batch, person, self.rows[place:], self._find_keys)

    def _read_marks(self, row: Row) -> tuple[Mark, ...]:
        marks = []
        for part in filter(None, (part.strip() for part in row.reason.split(";"))):
            try:
                marks.append(parse_mark(part, self.checklist))
            except OptionError:
                marks.append(Mark(NOT_STATED, Severity.MAJOR, text=part))
        return tuple(marks) or (Mark(NOT_STATED, Severity.MAJOR),)


class _UnknownError(Exception):
    """A row names whom or what the project does not know, and may not add them: it leaves no trace at all."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class _TracesError(Exception):
    """A row was refused after it had changed something: what was done has been taken back."""

    def __init__(self, problem: str, *, leaves_line: bool) -> None:
        super().__init__(problem)
        self.problem = problem
        self.leaves_line = leaves_line


def _known(work: Work, kind: type[R], number: int | None) -> int | None:
    try:
        if number is not None:
            work.state.get(kind, number)
    except KeyError:
        return None
    return number
