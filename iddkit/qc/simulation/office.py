"""What is done to batches and people: freezing, drawing, concluding; absences, who leaves and who comes; mishaps."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import select

from iddkit.qc import queue
from iddkit.qc.acceptance import SamplingPlan
from iddkit.qc.events import to_microseconds
from iddkit.qc.queue.batches import decide_sample, read_frames
from iddkit.qc.queue.people import read_people
from iddkit.qc.simulation.desk import Desk, make_file
from iddkit.qc.simulation.team import Worker
from iddkit.qc.stages import Action, Role, Stage
from iddkit.qc.state import OPEN, Batch, Frame, Person, Sample
from iddkit.qc.store.tables import batches, frames
from iddkit.qc.store.work import Work
from iddkit.synthetic.dice import Dice

#: Plans that are not the project's, by place of the batch and stage: one that promises something to either side and
#: stops as soon as it is decided, and one that decides image by image.
PLANS: Final[dict[tuple[int, str], SamplingPlan]] = {
    (2, Stage.QC3): SamplingPlan("two-point", aql="2%", rql="10%", curtailed=True),
    (2, Stage.QC4): SamplingPlan("zero-defect", fraction="10%", curtailed=True),
    (4, Stage.QC3): SamplingPlan("sequential", aql="2%", rql="10%"),
}

# A batch is not kept waiting by its last frames: these go on with another one.
_NEARLY: Final = 0.97


@dataclass(slots=True)
class Office:
    """Whose task it is to keep the work going.

    Attributes
    ----------
    desk
        What all work with.
    lead, clerk
        Numbers of the lead, and of the researcher who freezes, draws and concludes.
    away
        By person: from when until when they are away.
    """

    desk: Desk
    lead: int
    clerk: int
    away: dict[int, tuple[datetime, datetime]] = field(default_factory=dict)


def name_batch(place: int) -> str:
    """Return the name of the n-th batch, from 1 on."""
    return f"B{place:02}"


def look_after_batches(office: Office, work: Work) -> None:
    """Freeze what is ready, draw what is frozen, conclude what is decided."""
    clerk = work.state.get(Person, office.clerk)
    everything = work.find(Batch, select(batches).order_by(batches.c.id))
    for batch in everything:
        members = [frame for frame in read_frames(work, batch) if frame.stage != Stage.DROPPED]
        if batch.stage == OPEN:
            _freeze(office, work, batch, members, everything, clerk)
        elif batch.stage in (Stage.QC3, Stage.QC4):
            _carry_on(office, work, batch, members, clerk)


def _freeze(
    office: Office, work: Work, batch: Batch, members: list[Frame], everything: list[Batch], clerk: Person
) -> None:
    ready = sum(frame.stage == Stage.READY for frame in members)
    later = [other.name for other in everything if other.id > batch.id and other.stage == OPEN]
    if not ready or (ready < len(members) and not (ready >= _NEARLY * len(members) and later)):
        return
    queue.freeze(work, batch, clerk, leave_to=later[0] if ready < len(members) else None)
    _draw(office, work, work.state.get(Batch, batch.id), clerk)


def _draw(office: Office, work: Work, batch: Batch, clerk: Person) -> None:
    # A real seed is one that nobody can know before; a simulation has to come out the same twice.
    words = f"{office.desk.seed}:{batch.id}:{batch.stage}:{batch.round}"
    seed = str(int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "big"))
    queue.draw_sample(work, batch, clerk, plan=PLANS.get((batch.id, batch.stage)), seed=seed)


def _carry_on(office: Office, work: Work, batch: Batch, members: list[Frame], clerk: Person) -> None:
    assert batch.sample is not None
    sample = work.state.get(Sample, batch.sample)
    judged = [frame for frame in members if frame.stage == batch.stage]
    if sample.verdict == "":
        if decide_sample(sample, judged).outcome == "continue":
            return
        batch = queue.conclude(work, batch, clerk).batch
        judged = [frame for frame in read_frames(work, batch) if frame.stage == batch.stage]
    if batch.stage in (Stage.QC3, Stage.QC4) and len(judged) == len(members):  # nothing is being mended
        _draw(office, work, batch, clerk)


def give_on(office: Office, work: Work) -> None:
    """Give what people who are away or have left were to do to others, where the queue does not do so itself."""
    everyone = read_people(work)
    gone = [person.id for person in everyone if not person.is_available(work.at)]
    lead = work.state.get(Person, office.lead)
    held = select(frames).where(frames.c.stage.in_([Stage.REPAIR, Stage.RECHECK]), frames.c.holder.in_(gone))
    for frame in work.find(Frame, held.order_by(frames.c.id)):
        wanted = {Role.ANNOTATOR} if frame.stage == Stage.REPAIR else {Role.RESEARCHER, Role.EXPERT}
        able = [
            person
            for person in everyone
            if person.id not in gone
            and person.role_set & wanted
            and (Role.ANNOTATOR in wanted or not frame.was_drawn_by(person.id))
        ]
        if able:
            queue.give(work, frame, office.desk.dice.pick(able), lead)


def plan_absences(dice: Dice, workers: list[Worker], days: list[datetime]) -> dict[int, tuple[datetime, datetime]]:
    """Return who is away, and when: every third annotator and fourth supervisor, one to three working days."""
    away = {}
    for worker in workers:
        share = {Role.ANNOTATOR: 1 / 3, Role.SUPERVISOR: 1 / 4}.get(worker.roles[0], 0.0)
        begin, length = dice.whole(1, max(1, len(days) - 1)), dice.whole(1, 3)
        if dice.chance(share) and len(days) > 3:
            begin = min(begin, len(days) - 1)
            end = days[min(begin + length, len(days)) - 1] + timedelta(days=1)
            away[worker.number] = (days[begin], end)
    return away


def report_absence(office: Office, work: Work, number: int) -> None:
    """Say that a person is away."""
    begin, end = office.away[number]
    person, lead = work.state.get(Person, number), work.state.get(Person, office.lead)
    queue.set_absence(work, person, lead, to_microseconds(begin), to_microseconds(end))


def mishaps(office: Office) -> Iterator[Callable[[Work], None]]:
    """Yield what happens besides: it is refused, is kept and does not count, or (once) re-opens an accepted frame."""
    mistakes = (_review_own, _hand_in_late, _review_unsampled, _fail_without_reason)
    for action in itertools.chain(mistakes, [_reopen], itertools.cycle(mistakes)):
        yield partial(action, office)


def _waiting(work: Work, stage: Stage, *where: object) -> Frame | None:
    found = work.find(Frame, select(frames).where(frames.c.stage == stage, *where).order_by(frames.c.id).limit(1))  # type: ignore[arg-type]
    return found[0] if found else None


def _review_own(office: Office, work: Work) -> None:
    frame = _waiting(work, Stage.QC1)
    if frame is not None and frame.editor is not None:
        person = work.state.get(Person, frame.editor)
        queue.review(work, frame, person, Action.PASS, checklist=office.desk.checklist, seconds=60)


def _hand_in_late(office: Office, work: Work) -> None:
    # Its author hands a frame in once more, with a date of today, while it is under review: kept, and does not count.
    frame = _waiting(work, Stage.QC2)
    if frame is not None and frame.editor is not None:
        record = office.desk.records[frame.id]
        kept = dict(record.signed)
        record.signed[0] = (kept[0][0], "once more")
        handin = make_file(office.desk, frame)
        record.signed = kept
        queue.submit(work, frame, work.state.get(Person, frame.editor), handin, seconds=300)


def _review_unsampled(office: Office, work: Work) -> None:
    frame = _waiting(work, Stage.QC3, frames.c.sample.is_(None))
    if frame is not None:
        clerk = work.state.get(Person, office.clerk)
        queue.review(work, frame, clerk, Action.PASS, checklist=office.desk.checklist, seconds=60)


def _reopen(office: Office, work: Work) -> None:
    # The one who drew it sees by chance what all reviews of an accepted frame overlooked.
    accepted = select(frames).where(frames.c.stage == Stage.ACCEPTED).order_by(frames.c.id)
    for frame in work.find(Frame, accepted):
        record = office.desk.records[frame.id]
        editor = work.state.get(Person, frame.editor or 0)
        if record.defects and editor.is_available(work.at):
            mended = record.defects.pop()
            record.signed |= {0: (editor.name, "later"), mended.thing: (editor.name, "later")}
            queue.submit(work, frame, editor, make_file(office.desk, frame), seconds=900, base=frame.revision)
            return


def _fail_without_reason(office: Office, work: Work) -> None:
    frame = _waiting(work, Stage.QC2, frames.c.holder.is_(None), frames.c.claimant.is_(None))
    supervisor = next(person for person in read_people(work) if Role.SUPERVISOR in person.role_set)
    if frame is not None and supervisor.is_available(work.at):
        queue.review(work, frame, supervisor, Action.FAIL, checklist=office.desk.checklist, seconds=60)
