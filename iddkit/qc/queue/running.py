"""A batch between its moves: which one comes next, whose it is, and how its open sample stands."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from sqlalchemy import select

from iddkit.qc.acceptance import Decision, Outlook, SamplingPlan, look_out
from iddkit.qc.queue.batches import decide_sample
from iddkit.qc.stages import SAMPLED, Action, Stage, find_move
from iddkit.qc.state import OPEN, Batch, Frame, Person, Plant, Sample
from iddkit.qc.store.tables import frames, plants
from iddkit.qc.store.work import Work

#: What is done to a batch as a whole.
Step = Literal["freeze", "sample", "conclude"]

# As people say it of a batch.
_OUTCOMES: Final = {"accept": "accept", "reject": "return", "continue": "continue"}


@dataclass(frozen=True, slots=True)
class Running:
    """The open sample of a batch, without the names of its images.

    Attributes
    ----------
    sample
        Of the stage that the batch is at.
    judged, bad
        Images that were looked at, and bad ones among them.
    decision
        Of the plan; of a sequential one by the verdicts before the first gap in the sealed order.
    outlook
        What remains.
    """

    sample: Sample
    judged: int
    bad: int
    decision: Decision
    outlook: Outlook

    def to_json(self) -> dict[str, Any]:
        """Return how the sample stands as JSON values."""
        return {
            "stage": self.sample.stage,
            "round": self.sample.round,
            "size": self.sample.size,
            "n": self.sample.drawn,
            "c": self.sample.allowed,
            "plan": json.loads(self.sample.plan),
            "judged": self.judged,
            "bad": self.bad,
            "outcome": _OUTCOMES[self.decision.outcome],
            "inspected": self.decision.inspected,
            "counted": self.decision.bad,
            "reason": self.decision.reason,
            "needed": self.outlook.needed,
            "good_to_accept": self.outlook.good_to_accept,
            "bad_to_return": self.outlook.bad_to_return,
            "remains": self.outlook.words,
        }


def read_running(work: Work, batch: Batch, person: Person | None = None) -> Running | None:
    """Return how the open sample of a batch stands; None if none is open.

    To a person who judged planted copies in place of its images those verdicts are like all others: they are counted
    until the images themselves are judged. Without a person nothing but verdicts on images counts.
    """
    sample = _find_open(work, batch)
    if sample is None:
        return None
    drawn = work.find(Frame, select(frames).where(frames.c.sample == sample.id).order_by(frames.c.id))
    if person is not None:
        drawn = _with_copies(work, sample, drawn, person)
    judged = [frame for frame in drawn if frame.verdict]
    decision = decide_sample(sample, drawn)
    resolved = SamplingPlan.from_json(json.loads(sample.plan)).resolve(sample.size)
    bad = sum(1 for frame in judged if frame.bad)
    return Running(sample, len(judged), bad, decision, look_out(resolved, decision))


def _with_copies(work: Work, sample: Sample, drawn: list[Frame], person: Person) -> list[Frame]:
    """Return the images of a sample, with a person's verdicts on copies of those that were not judged yet."""
    of_theirs = (frames.c.sample == sample.id, frames.c.verdict == "", plants.c.verdict != "")
    at_it = (plants.c.stage == frames.c.stage, plants.c.revision == frames.c.revision, plants.c.judge == person.id)
    found = work.find(Plant, select(plants).join(frames, plants.c.frame == frames.c.id).where(*of_theirs, *at_it))
    copies = {copy.frame: copy for copy in found}
    return [
        replace(frame, verdict=copies[frame.id].verdict, bad=copies[frame.id].caught) if frame.id in copies else frame
        for frame in drawn
    ]


def find_step(work: Work, batch: Batch) -> Step | None:
    """Return what is done to a batch next, once it can be; None if it is accepted."""
    if batch.stage == OPEN:
        return "freeze"
    if batch.stage not in SAMPLED:
        return None
    return "sample" if _find_open(work, batch) is None else "conclude"


def may_step(batch: Batch, person: Person) -> bool:
    """Return whether a person has a role that freezes a batch, or draws and concludes the sample of its stage."""
    stage, action = (Stage.READY, Action.FREEZE) if batch.stage == OPEN else (Stage(batch.stage), Action.ACCEPT)
    move = find_move(stage, action)
    return move is not None and bool(person.active) and not person.role_set.isdisjoint(move.roles)


def _find_open(work: Work, batch: Batch) -> Sample | None:
    sample = None if batch.sample is None else work.state.get(Sample, batch.sample)
    return None if sample is None or sample.verdict else sample
