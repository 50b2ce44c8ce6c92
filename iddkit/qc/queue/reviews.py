"""Verdicts: a person passes or fails the version of a frame that counts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from iddkit.qc.acceptance import SamplingPlan
from iddkit.qc.checklist import Checklist, Mark
from iddkit.qc.events import Event, Kind
from iddkit.qc.queue.rules import refuse, require_reviewer
from iddkit.qc.stages import Action, Stage
from iddkit.qc.state import Frame, Person, Sample
from iddkit.qc.store.work import Work
from iddkit.severity import Severity


def review(
    work: Work,
    frame: Frame,
    person: Person,
    verdict: Action,
    *,
    checklist: Checklist,
    marks: Sequence[Mark] = (),
    answers: Mapping[str, bool] | None = None,
    seconds: int = 0,
    revision: int | None = None,
    text: str = "",
) -> Event:
    """Pass or fail a frame.

    Parameters
    ----------
    work
        The open transaction.
    frame, person
        What is judged, and by whom.
    verdict
        `Action.PASS` or `Action.FAIL`.
    checklist
        Whose questions were asked and whose reasons the marks have; its name and version are recorded.
    marks
        Defects; a failed frame has at least one.
    answers
        By code of the question.
    seconds
        Time spent on it.
    revision
        The version that was looked at, where that is known.
    text
        What else there is to say.

    Raises
    ------
    RefusedError
        The stage is no review, the person is not the one, drew the frame, or looked at another version; another one is
        at it; it is not in the sealed sample, or was judged there already; a failure has no reason,
        or a pass a grave one.
    """
    require_reviewer(work, frame, person, verdict)
    if revision is not None and revision != frame.revision:
        problem = f"revision {revision} was looked at, and {frame.revision} counts by now"
        refuse(work, frame, person, verdict, problem)
    if verdict is Action.FAIL and not marks:
        known = ", ".join(reason.code for reason in checklist.reasons)
        refuse(work, frame, person, verdict, f"a failed review needs a reason: {known}")
    if verdict is Action.PASS and any(mark.severity.weight >= _least_bad(work, frame).weight for mark in marks):
        refuse(work, frame, person, verdict, "a defect of this severity makes it fail")
    data: dict[str, object] = {"checklist": f"{checklist.name} {checklist.version}"}
    if marks:
        data["marks"] = [mark.to_json() for mark in marks]
    if answers:
        data["answers"] = dict(answers)
    if text:
        data["text"] = text
    if frame.sample is not None and verdict is Action.FAIL:
        data["bad"] = any(mark.severity.weight >= _least_bad(work, frame).weight for mark in marks)
    stage = frame.failed_at if frame.stage == Stage.RECHECK else frame.stage
    return work.append(
        Kind.REVIEWED,
        person.id,
        frame=frame.id,
        batch=frame.batch,
        stage=stage,
        verdict=verdict,
        revision=frame.revision,
        reason=" ".join(dict.fromkeys(mark.reason for mark in marks)),
        seconds=seconds,
        data=data,
    )


def _least_bad(work: Work, frame: Frame) -> Severity:
    # In a sample its plan says from which severity on an image is bad; before, a pass may have minor defects.
    if frame.sample is None:
        return Severity.MAJOR
    return Severity(SamplingPlan.from_json(json.loads(work.state.get(Sample, frame.sample).plan)).bad_from)
