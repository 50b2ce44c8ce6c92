"""What people do with a frame that was given to them: draw it, mend it, judge it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from iddkit.formats import cityscapes
from iddkit.qc import queue
from iddkit.qc.checklist import Checklist, Mark
from iddkit.qc.simulation.drawing import Defect, draw, make_defect, make_mark
from iddkit.qc.simulation.team import Worker
from iddkit.qc.simulation.truth import Record
from iddkit.qc.stages import SAMPLED, Action, Stage
from iddkit.qc.state import Frame, Person
from iddkit.qc.store import contents
from iddkit.qc.store.work import Work
from iddkit.severity import Severity
from iddkit.synthetic.dice import Dice

# What one can see of a hidden defect, and of a minor one, beside any other; and how often something is called a defect
# that is none.
_HIDDEN: Final = 0.35
_MINOR: Final = 0.8
_FALSE: Final = {Stage.QC1: 0.012, Stage.QC2: 0.008, Stage.QC3: 0.001, Stage.QC4: 0.001}

# Repairs: what was marked is mended, what was not is noticed, something new goes wrong.
_MENDED: Final = 0.94
_NOTICED: Final = 0.10
_NEW: Final = 0.02

# The question that a defect answers with no.
_QUESTION: Final = {
    "wrong-label": "labels",
    "missing-object": "complete",
    "missing-small-object": "small-objects",
    "gap": "complete",
    "boundary": "boundaries",
}

# Where a person hands something in, and does not judge.
_DRAWN: Final = (Stage.ANNOTATE, Stage.REPAIR, Stage.ESCALATED, Stage.ACCEPTED)


@dataclass(frozen=True, slots=True)
class Desk:
    """What all work with.

    Attributes
    ----------
    seed
        Of the simulation.
    dice
        Of what people do, in the order of the clock.
    checklist
        That reviews follow.
    folder
        Of the annotation files.
    records
        The truth, by number of the frame.
    durable
        Whether each file is written down to the disk before it is handed in.
    """

    seed: int
    dice: Dice
    checklist: Checklist
    folder: Path
    records: dict[int, Record]
    durable: bool


def time_for(desk: Desk, worker: Worker, frame: Frame) -> int:
    """Return how long a person will be at a frame, in seconds."""
    record = desk.records[frame.id]
    swing = desk.dice.between(0.75, 1.25)
    if frame.stage in (Stage.ANNOTATE, Stage.ACCEPTED):
        return int(3600 * worker.hours * swing)
    if frame.stage in _DRAWN:
        return int(60 * (10 + 12 * max(1, len(record.marked))) * swing)
    again = frame.stage == Stage.RECHECK or (frame.stage == Stage.QC2 and frame.reviewer2 is not None)
    return int(60 * worker.minutes[_review_of(frame)] * swing * (0.5 if again else 1.0))


def do_task(desk: Desk, work: Work, worker: Worker, frame: Frame, seconds: int, moment: datetime) -> None:
    """Hand in a frame, or judge it, whatever its stage asks for."""
    person = work.state.get(Person, worker.number)
    if frame.stage not in _DRAWN:
        _judge(desk, work, worker, person, frame, seconds)
        return
    record = desk.records[frame.id]
    first = frame.revision == 0
    touched = range(len(record.scene)) if first else _mend(desk, worker, record)
    if first:
        record.defects = _err(desk, worker, record)
    record.signed |= {place: (worker.name, moment.strftime("%d-%b-%Y %H:%M:%S")) for place in touched}
    queue.submit(work, frame, person, make_file(desk, frame), seconds=seconds, base=frame.revision)


def make_file(desk: Desk, frame: Frame) -> queue.HandIn:
    """Write the frame's file as it would be handed in now."""
    record = desk.records[frame.id]
    annotation = draw(record.scene, record.defects, Dice(desk.seed, 4, frame.id), record.signed)
    digest = contents.keep(desk.folder, cityscapes.dump(annotation), durable=desk.durable)
    return queue.HandIn(digest, f"{frame.name}_gtFine_polygons.json", len(annotation.shapes))


def _err(desk: Desk, worker: Worker, record: Record) -> list[Defect]:
    made = [] if record.planted is None else [record.planted]
    record.made += len(made)
    for _ in range(2):
        if desk.dice.chance(worker.defects / 2):
            made += _new_defect(desk, worker, record, made)
    return made


def _new_defect(desk: Desk, worker: Worker, record: Record, made: list[Defect]) -> list[Defect]:
    taken = [defect.thing for defect in made]
    found = make_defect(desk.dice, record.scene, desk.dice.weighted(worker.habit), taken)
    record.made += found is not None
    return [] if found is None else [found]


def _mend(desk: Desk, worker: Worker, record: Record) -> list[int]:
    # Returns the objects that were drawn anew. The sky is touched up each time: a defect may be overlooked once more,
    # and a file that is the same as before is no repair.
    touched = [0, *(defect.thing for defect in record.marked)]
    left = []
    for defect in record.defects:
        if desk.dice.chance(_MENDED if defect in record.marked else _NOTICED):
            touched.append(defect.thing)
        else:
            left.append(defect)
    if desk.dice.chance(_NEW):
        new = _new_defect(desk, worker, record, left)
        touched += [defect.thing for defect in new]
        left += new
    record.defects = left
    record.marked = []
    return touched


def _judge(desk: Desk, work: Work, worker: Worker, person: Person, frame: Frame, seconds: int) -> None:
    record = desk.records[frame.id]
    stage = _review_of(frame)
    seen = [defect for defect in record.defects if desk.dice.chance(_chance_to_see(desk, worker, stage, defect))]
    marks = [make_mark(record.scene, record.defects, defect, desk.checklist) for defect in seen]
    if not seen and desk.dice.chance(_FALSE[stage]):
        marks = [Mark("boundary", Severity.MAJOR, desk.dice.whole(0, 4))]
    for defect in seen:
        record.found.setdefault(defect, stage)
    record.marked = seen
    denied = {_QUESTION.get(mark.reason, "guidelines") for mark in marks}
    answers = {question.code: question.code not in denied for question in desk.checklist.of(stage)}
    queue.review(
        work,
        frame,
        person,
        Action.FAIL if marks else Action.PASS,
        checklist=desk.checklist,
        marks=marks,
        answers=answers,
        seconds=seconds,
        revision=frame.revision,
    )


def _review_of(frame: Frame) -> Stage:
    return Stage(frame.failed_at if frame.stage == Stage.RECHECK else frame.stage)


def _chance_to_see(desk: Desk, worker: Worker, stage: Stage, defect: Defect) -> float:
    chance = worker.eyes[stage]
    if defect.hidden and stage not in SAMPLED:
        chance *= _HIDDEN
    minor = desk.checklist.reason(defect.reason).severity is Severity.MINOR
    return chance * _MINOR if minor else chance
