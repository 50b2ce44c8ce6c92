"""Planted errors: a lead puts a spoiled copy before whoever reviews a frame next, to measure what reviewers see.

The verdict is taken by the copy and not by the frame, which stays where it is and is judged later as it is. So nothing
that was planted can reach a sample's result, a count of passes, an accepted batch or an export.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, func, or_, select

from iddkit.errors import printable
from iddkit.qc.duties import is_holder, may_hold
from iddkit.qc.events import Event, Kind
from iddkit.qc.queue.people import require_lead
from iddkit.qc.queue.rules import refuse
from iddkit.qc.sight import find_open_plant
from iddkit.qc.stages import REVIEWS, SAMPLED, Action, Role, Stage
from iddkit.qc.state import Batch, Frame, Person, Plant, Revision
from iddkit.qc.store.tables import frames, plants
from iddkit.qc.store.work import Work
from iddkit.severity import Severity

#: What a refusal calls the attempt.
PLANT = "plant"


@dataclass(frozen=True, slots=True)
class Copy:
    """A spoiled copy that is kept among the files: see `Plant` for the attributes."""

    sha256: str
    reason: str
    shape: int | None = None
    label: str = ""
    region: tuple[int, int, int, int] | None = None


def plant(work: Work, frame: Frame, actor: Person, copy: Copy, *, person: Person | None = None) -> Plant:
    """Show a spoiled copy of a frame's version to the one who reviews it next.

    Parameters
    ----------
    work
        The open transaction.
    frame
        It waits for a review; in QC3 and QC4 in the open sample, not judged yet.
    actor
        A lead, who will not be shown it.
    copy
        Of the version that counts.
    person
        Who alone is shown it; None is whoever reviews the frame first and is no lead.

    Raises
    ------
    RefusedError
        The actor is no lead; the frame waits for no review or is being judged; there is a copy already; the copy is no
        other file; or the person could not judge it.
    """
    require_lead(work, actor, "plant errors")
    problem = find_problem(work, frame, actor, person)
    if problem:
        refuse(work, frame, actor, PLANT, problem)
    if copy.sha256 == work.state.get(Revision, frame.id, frame.revision).sha256:
        refuse(work, frame, actor, PLANT, "the copy is the version itself: nothing is wrong with it")
    number = 1 + (work.connection.execute(select(func.max(plants.c.id))).scalar() or 0)
    data: dict[str, Any] = {
        "plant": number,
        "person": None if person is None else person.id,
        "sha256": copy.sha256,
        "shape": copy.shape,
        "label": copy.label,
        "region": None if copy.region is None else list(copy.region),
    }
    work.append(
        Kind.PLANTED,
        actor.id,
        frame=frame.id,
        batch=frame.batch,
        stage=frame.stage,
        revision=frame.revision,
        reason=copy.reason,
        data=data,
    )
    work.flush()  # the next one counts from it
    return work.state.get(Plant, number)


def find_problem(work: Work, frame: Frame, actor: Person, person: Person | None = None) -> str:
    """Return why a lead can plant nothing at a frame now, for a person or for whoever reviews it first; or ""."""
    problem = _find_problem(work, frame, actor, person)
    if not problem and find_open_plant(work, frame) is not None:
        return "a copy of it is planted already"
    return problem


def _find_problem(work: Work, frame: Frame, actor: Person, person: Person | None) -> str:
    stage = Stage(frame.stage)
    if stage not in REVIEWS:
        return f"it is at {stage}, and errors are planted at {', '.join(REVIEWS)}"
    if stage in SAMPLED and frame.sample is None:
        return "is not in a sealed sample of its batch, and nobody reviews it"
    if frame.verdict:
        return "was judged in its sample already"
    if frame.claimant is not None and (frame.claimed_until or 0) > work.at:
        return f"{printable(work.state.get(Person, frame.claimant).name)} works on it, and has seen how it is"
    if person is not None:
        return _find_problem_of(work, frame, actor, person)
    if frame.holder is not None:
        holder = work.state.get(Person, frame.holder)
        if Role.LEAD in holder.role_set and is_holder(work, frame, holder):
            return f"its review is {printable(holder.name)}'s, a lead's, who can read what is planted"
    return ""


def _find_problem_of(work: Work, frame: Frame, actor: Person, person: Person) -> str:
    name = printable(person.name)
    if person.id == actor.id:
        return f"{name} knows what is wrong with it"
    if not person.is_available(work.at):
        return f"{name} is away or has left"
    problem = may_hold(frame, person, Stage(frame.stage))
    if problem:
        return f"{name} {problem}"
    if not is_holder(work, frame, person):
        assert frame.holder is not None
        return f"its review at {frame.stage} is {printable(work.state.get(Person, frame.holder).name)}'s"
    return ""


def survey(
    work: Work, actor: Person, *, stage: Stage | None = None, batch: Batch | None = None, person: Person | None = None
) -> list[tuple[Frame, str]]:
    """Return the frames that wait for a review, in the order in which they were added.

    Each with why a lead can plant nothing at it now, or "": not where a copy waits, or was judged there in place of the
    same version, as its judge has seen both.
    """
    query = select(frames).where(frames.c.stage.in_(REVIEWS if stage is None else (stage,))).order_by(frames.c.id)
    if batch is not None:
        query = query.where(frames.c.batch == batch.id)
    judged = and_(plants.c.stage == frames.c.stage, plants.c.revision == frames.c.revision, plants.c.verdict != "")
    waiting = and_(plants.c.moved == frames.c.moved, plants.c.verdict == "")
    there = select(plants.c.id).where(plants.c.frame == frames.c.id, or_(judged, waiting)).exists()
    spoiled = {frame.id for frame in work.find(Frame, query.where(there))}
    problem = "a copy of it is planted, or was judged"
    found = work.find(Frame, query)
    return [(one, problem if one.id in spoiled else _find_problem(work, one, actor, person)) for one in found]


def probe(
    work: Work,
    found: Plant,
    frame: Frame,
    person: Person,
    verdict: Action,
    marks: Sequence[Mapping[str, Any]],
    *,
    bad_from: Severity | None,
    reason: str,
    seconds: int,
    data: Mapping[str, Any],
) -> Event:
    """Take a verdict on a planted copy; `bad_from` is that of the sample's plan, None outside of a sample."""
    caught = is_caught(verdict, marks, bad_from)
    return work.append(
        Kind.PROBED,
        person.id,
        frame=frame.id,
        batch=frame.batch,
        stage=frame.stage,
        verdict=verdict,
        revision=frame.revision,
        reason=reason,
        seconds=seconds,
        data={**data, "plant": found.id, "caught": caught, "located": caught and is_located(found, marks)},
    )


def is_caught(verdict: str, marks: Sequence[Mapping[str, Any]], bad_from: Severity | None) -> bool:
    """Return whether a verdict on a copy is one that would have stopped a frame like it.

    In a sample that is a failure with a defect that its plan counts; elsewhere any failure. Marks are as
    `iddkit.qc.checklist.Mark.to_json` has them.
    """
    if verdict != Action.FAIL:
        return False
    return bad_from is None or any(Severity(mark["severity"]).weight >= bad_from.weight for mark in marks)


def is_located(found: Plant, marks: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a mark points at what is wrong: at the object, at its place, or by the same reason."""
    return any(_points_at(found, mark) for mark in marks)


def _points_at(found: Plant, mark: Mapping[str, Any]) -> bool:
    if mark["reason"] == found.reason or (found.shape is not None and mark.get("shape") == found.shape):
        return True
    if not found.region or mark.get("region") is None:
        return False
    x, y, width, height = json.loads(found.region)
    left, top, across, down = mark["region"]
    return bool(left < x + width and x < left + across and top < y + height and y < top + down)
