"""Verdicts: a person passes or fails the version of a frame that counts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from iddkit.qc.acceptance import SamplingPlan
from iddkit.qc.checklist import Checklist, Mark
from iddkit.qc.events import Event, Kind
from iddkit.qc.projection import apply
from iddkit.qc.queue.plants import probe
from iddkit.qc.queue.rules import refuse, require_reviewer
from iddkit.qc.sight import find_plant
from iddkit.qc.stages import Action, Stage
from iddkit.qc.state import Frame, MemoryState, Person, Plant, Revision, Sample
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
    seen_at: str | None = None,
    revision: int | None = None,
    sha256: str | None = None,
    text: str = "",
) -> Event:
    """Pass or fail a frame; or the spoiled copy that a lead planted in its place, if the person was shown one.

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
    seen_at, revision
        Where the frame stood, and the version, when it was looked at; where they are known.
    sha256
        Of the file that was looked at, where that is known. One who has looked at the version itself, before a copy of
        it was planted, judges the version.
    text
        What else there is to say.

    Returns
    -------
    Event
        `Kind.REVIEWED`, or `Kind.PROBED` of a planted copy: the frame stays as it is. `told_frame` is what either looks
        like to the person.

    Raises
    ------
    RefusedError
        The stage is no review, the person is not the one, drew the frame, or looked at another version; another one is
        at it; it is not in the sealed sample, or was judged there already; a failure has no reason,
        or a pass a grave one.
    """
    require_reviewer(work, frame, person, verdict)
    if seen_at is not None and seen_at != frame.stage:
        refuse(work, frame, person, verdict, f"it was looked at for {seen_at}, and is at {frame.stage} by now")
    if revision is not None and revision != frame.revision:
        problem = f"revision {revision} was looked at, and {frame.revision} counts by now"
        refuse(work, frame, person, verdict, problem)
    if verdict is Action.FAIL and not marks:
        known = ", ".join(reason.code for reason in checklist.reasons)
        refuse(work, frame, person, verdict, f"a failed review needs a reason: {known}")
    if verdict is Action.PASS and any(mark.severity.weight >= _least_bad(work, frame).weight for mark in marks):
        refuse(work, frame, person, verdict, "a defect of this severity makes it fail")
    data: dict[str, object] = {"checklist": f"{checklist.name} {checklist.version}"}
    said = [mark.to_json() for mark in marks]
    if marks:
        data["marks"] = said
    if answers:
        data["answers"] = dict(answers)
    if text:
        data["text"] = text
    reason = " ".join(dict.fromkeys(mark.reason for mark in marks))
    found = _find_copy(work, frame, person, sha256, verdict)
    if found is not None:
        bad_from = None if frame.sample is None else _least_bad(work, frame)
        return probe(
            work, found, frame, person, verdict, said, bad_from=bad_from, reason=reason, seconds=seconds, data=data
        )
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
        reason=reason,
        seconds=seconds,
        data=data,
    )


def told_frame(work: Work, frame: Frame, event: Event) -> Frame:
    """Return how a frame stands as it is told to the one whose verdict an event is.

    Of a planted copy it is what their verdict would have made of the frame: the answer to a verdict gives nothing away.
    """
    if event.kind is not Kind.PROBED:
        return work.state.get(Frame, frame.id)
    state = MemoryState()
    state.put(work.project)
    state.put(frame)
    apply(state, replace(event, kind=Kind.REVIEWED, data={"bad": event.data["caught"]}))
    return state.get(Frame, frame.id)


def _find_copy(work: Work, frame: Frame, person: Person, sha256: str | None, verdict: Action) -> Plant | None:
    # A log of the past tells of the version itself: nobody could plant anything then.
    found = None if "import" in work.stamp else find_plant(work, frame, person)
    if sha256 is None or (found is not None and sha256 == found.sha256):
        return found
    if sha256 != work.state.get(Revision, frame.id, frame.revision).sha256:
        refuse(work, frame, person, verdict, "another file was looked at than the one that counts by now")
    return None


def _least_bad(work: Work, frame: Frame) -> Severity:
    # In a sample its plan says from which severity on an image is bad; before, a pass may have minor defects.
    if frame.sample is None:
        return Severity.MAJOR
    return Severity(SamplingPlan.from_json(json.loads(work.state.get(Sample, frame.sample).plan)).bad_from)
