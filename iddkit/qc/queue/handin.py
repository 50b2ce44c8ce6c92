"""Hand-ins: an annotation file becomes a revision of its frame, and is kept whatever comes of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePath

from sqlalchemy import select

from iddkit import files, formats
from iddkit.checks import Checked
from iddkit.errors import UserError, printable
from iddkit.qc.events import ANNOTATION, Kind
from iddkit.qc.examination import NO_CRITICAL, describe_critical, examine
from iddkit.qc.places import image_size
from iddkit.qc.queue.assignment import assign_peer, give_up
from iddkit.qc.queue.frames import add_batch
from iddkit.qc.queue.rules import is_claimed_by_other, is_holder, require_move
from iddkit.qc.stages import Action, Role, Stage, describe_allowed, find_move
from iddkit.qc.state import OPEN, Batch, Frame, Person, Project, Revision
from iddkit.qc.store import contents
from iddkit.qc.store.tables import events, revisions
from iddkit.qc.store.work import Work


@dataclass(frozen=True, slots=True)
class HandIn:
    """A file that can be handed in: read, and kept under its hash.

    Attributes
    ----------
    sha256
        Of the file.
    file_name
        Its last part.
    shapes
        Objects that are not deleted.
    problems
        Objects that could not be read, one line each; the others could.
    checked
        What the machine found in it; None where nobody asked.
    """

    sha256: str
    file_name: str
    shapes: int
    problems: tuple[str, ...] = ()
    checked: Checked | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a hand-in.

    Attributes
    ----------
    frame
        As it stands now.
    revision
        The version that holds the file.
    conflict
        Why the version is kept but does not count, "" if it counts.
    was_there
        Whether the same person had handed in the same file before: nothing was done.
    """

    frame: Frame
    revision: Revision
    conflict: str = ""
    was_there: bool = False


def read_handin(path: Path, folder: Path, frame: Frame | None = None, project: Project | None = None) -> HandIn:
    """Read an annotation file, and keep it in the folder of the project's files.

    It is done before the transaction, so that nobody waits for it. A file that no event names later does no harm.

    Parameters
    ----------
    path
        The file.
    folder
        Where it is kept.
    frame
        What it is of: if its image is at hand, the file has to be of an image of that size.
    project
        Whose settings say what the machine looks for in it (`iddkit.qc.examination`); None for nothing.

    Raises
    ------
    AnnotationError
        It cannot be read: nothing was kept.
    FrameError
        It is of an image of another size.
    StoreError
        It cannot be kept.
    """
    return take_in(files.read_bytes(path), path, folder, frame, project)


def take_in(
    content: bytes, path: Path, folder: Path, frame: Frame | None = None, project: Project | None = None
) -> HandIn:
    """Read an annotation file that is in memory already, as `read_handin` does; `path` is what it is called."""
    reading = formats.parse(content, path)
    if frame is not None:
        size = image_size(frame)
        if size is not None:  # it may be elsewhere, or damaged: that is not the hand-in's fault
            reading.annotation.fitted(size, PurePath(frame.image).name)
    shapes = sum(not shape.deleted for shape in reading.annotation.shapes)
    problems = tuple(str(problem) for problem in reading.problems)
    checked = None
    try:
        checked = None if project is None else examine(project, frame, reading)
    except UserError as error:
        if project is None or project.findings == NO_CRITICAL:
            raise
        problems += (f"could not be looked through: {error}",)  # that keeps nobody from handing in
    return HandIn(contents.keep(folder, content), path.name, shapes, problems, checked)


def submit(
    work: Work,
    frame: Frame,
    person: Person,
    handin: HandIn,
    *,
    seconds: int = 0,
    measured: int = 0,
    base: int | None = None,
    draw_peer: bool = True,
) -> Outcome:
    """Hand in an annotation.

    Parameters
    ----------
    work
        The open transaction.
    frame, person
        What is handed in, and by whom.
    handin
        The file.
    seconds
        Time spent on it, as its author says.
    measured
        Time besides that a page has measured since the last time and that no event holds yet.
    base
        The revision that it was made from, where that is known: if another one counts by now, there is a conflict.
    draw_peer
        Whether a frame at QC1 is given to a peer at once. Not where a log of the past knows who looked at it.

    Returns
    -------
    Outcome
        In a conflict, that is when another person works on the frame or handed it in meanwhile, the version is kept but
        does not count.

    Raises
    ------
    RefusedError
        The person has no role that hands in, the frame was dropped, or the machine found something critical and the
        project's settings do not allow that.
    """
    same = select(revisions).where(
        revisions.c.frame == frame.id, revisions.c.person == person.id, revisions.c.sha256 == handin.sha256
    )
    spent = seconds + measured
    earlier = work.find(Revision, same.order_by(revisions.c.number.desc()).limit(1))
    if earlier and earlier[0].counts and find_move(Stage(frame.stage), Action.SUBMIT) is None:
        # The answer to the first attempt was lost, perhaps, or the time was forgotten.
        _note_time(work, frame, person, measured if _has_time(work, earlier[0]) else spent)
        return Outcome(frame, earlier[0], was_there=True)
    conflict = _find_conflict(work, frame, person, base)
    if not conflict and handin.checked is not None and work.project.findings == NO_CRITICAL:
        critical = describe_critical(handin.checked)
        if critical:
            work.refuse(f"{printable(frame.key)}: {critical}", actor=person.id, action="submit", frame=frame.id)
    if conflict and earlier:
        _note_time(work, frame, person, measured)
        return Outcome(frame, earlier[0], conflict=f"{conflict}; the same file is kept already")
    if not conflict and frame.stage in (Stage.REPAIR, Stage.ACCEPTED):
        judged = select(revisions).where(revisions.c.frame == frame.id, revisions.c.sha256 == handin.sha256)
        for same_file in work.find(Revision, judged.where(revisions.c.counts == 1).limit(1)):
            problem = f"{printable(frame.key)}: the file is the same as revision {same_file.number}; nothing is mended"
            work.refuse(problem, actor=person.id, action="submit", frame=frame.id)
    number = frame.revisions + 1
    data: dict[str, object] = {"sha256": handin.sha256, "file": handin.file_name, "shapes": handin.shapes}
    if base is not None:
        data["base"] = base
    if handin.checked is not None:
        data["findings"] = {str(severity): count for severity, count in sorted(handin.checked.count().items())}
    if conflict:
        data["problem"] = conflict
        work.append(Kind.CONFLICT, person.id, frame=frame.id, revision=number, seconds=spent, data=data)
        kept = give_up(work, work.state.get(Frame, frame.id), person)
        return Outcome(kept, work.state.get(Revision, frame.id, number), conflict)
    batch = _reopen(work, frame) if frame.stage == Stage.ACCEPTED else None
    if batch is not None:
        data["reopened"] = True
    # The stage says which work it was: the first annotation, a repair, the change of an accepted one.
    work.append(
        Kind.SUBMITTED,
        person.id,
        frame=frame.id,
        batch=None if batch is None else batch.id,
        stage=frame.stage,
        revision=number,
        seconds=spent,
        data=data,
    )
    changed = work.state.get(Frame, frame.id)
    if changed.stage == Stage.QC1 and draw_peer:
        changed = assign_peer(work, changed)
    return Outcome(changed, work.state.get(Revision, frame.id, number))


def _note_time(work: Work, frame: Frame, person: Person, seconds: int) -> None:
    if seconds:
        work.append(Kind.WORKED, person.id, frame=frame.id, stage=ANNOTATION, seconds=seconds)


def _has_time(work: Work, revision: Revision) -> bool:
    spent = select(events.c.seq).where(
        events.c.frame == revision.frame,
        events.c.actor == revision.person,
        events.c.kind.in_((Kind.SUBMITTED, Kind.WORKED)),
        events.c.seconds > 0,
        events.c.at >= revision.at,
    )
    work.flush()
    return work.connection.execute(spent.limit(1)).first() is not None


def _find_conflict(work: Work, frame: Frame, person: Person, base: int | None) -> str:
    stage = Stage(frame.stage)
    if stage is Stage.DROPPED:
        require_move(work, frame, person, Action.SUBMIT)
    if find_move(stage, Action.SUBMIT) is None:
        if frame.editor is None:
            return f"nothing can be handed in; {describe_allowed(stage)}"
        editor = work.state.get(Person, frame.editor).name
        return f"revision {frame.revision} by {printable(editor)} is under review; {describe_allowed(stage)}"
    if stage is Stage.ESCALATED and Role.LEAD not in person.role_set:
        return f"it has failed too often, and the lead has it; {describe_allowed(stage)}"
    require_move(work, frame, person, Action.SUBMIT)
    if is_claimed_by_other(work, frame, person):
        assert frame.claimant is not None
        return f"{printable(work.state.get(Person, frame.claimant).name)} works on it"
    if not is_holder(work, frame, person):
        assert frame.holder is not None
        return f"it was given to {printable(work.state.get(Person, frame.holder).name)}"
    if base is not None and base != frame.revision:
        return f"it was made from revision {base}, and {frame.revision} counts by now"
    return ""


def _reopen(work: Work, frame: Frame) -> Batch:
    # The certificate of its batch speaks of the version before: the frame has to pass all stages in another batch.
    name = re.sub(r"\.reopened\d*$", "", work.state.get(Batch, frame.batch).name)
    number = 1
    while True:
        batch = add_batch(work, f"{name}.reopened{number if number > 1 else ''}")
        if batch.stage == OPEN:
            return batch
        number += 1
