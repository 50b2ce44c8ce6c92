"""Everything that ever happened to a frame, in words: who did what to which version, and who was what at that time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, func, or_, select

from iddkit.qc.events import Kind, to_text
from iddkit.qc.stages import REVIEWS, SAMPLED, Action, Stage
from iddkit.qc.state import Frame
from iddkit.qc.store.tables import batches, events, people

#: What happens to a batch happens to its frames.
_OF_BATCH: Final = (Kind.FROZEN, Kind.SAMPLE, Kind.CONCLUDED, Kind.REFUSED)


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened to a frame, or to its batch while it was in it.

    Attributes
    ----------
    seq, at
        Number of the event, and when it happened.
    who
        "" for what the queue did by itself.
    what
        In words.
    kind, stage, verdict, revision, minutes
        As in the event; None where it has none, or where the time is not known.
    reasons
        Codes of a failed review; of a refusal and a conclusion, why.
    marks
        The defects of a failed review, in words.
    batch
        That the frame was in, by name.
    author, repairer, reviewer
        Who had handed it in first, who had last mended it, and who had last judged it, after this; "" for nobody yet.
    """

    seq: int
    at: str
    who: str
    what: str
    kind: str
    stage: str
    verdict: str
    revision: int | None
    minutes: float | None
    reasons: str
    marks: tuple[str, ...]
    batch: str
    author: str
    repairer: str
    reviewer: str

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        return {**asdict(self), "marks": list(self.marks)}


@dataclass(slots=True)
class _Told:
    """What is known of the frame so far, while its events are told."""

    frame: int
    names: Mapping[int | None, str]
    batches: Mapping[int | None, str]
    batch: int | None = None
    author: int | None = None
    repairer: int | None = None
    reviewer: int | None = None
    counts: bool = True


def read_history(
    connection: Connection, frame: Frame, *, planted: bool = False, counts: bool = True, sampled: bool = True
) -> list[Happening]:
    """Return all that happened to a frame, in order, with refused attempts and the steps of its batches.

    Parameters
    ----------
    connection
        Of the project.
    frame
        Whose history.
    planted
        Tell of planted errors and of verdicts on them, too: to leads alone, as others are measured by them.
    counts
        Tell how many shapes and findings a hand-in had: a planted copy has others.
    sampled
        Tell what happened since its batch was frozen, while that is judged by samples: not to those who must not know
        which images are looked at.
    """
    names: dict[int | None, str] = {None: ""}
    names.update(connection.execute(select(people.c.id, people.c.name)).all())
    called: dict[int | None, str] = {None: ""}
    called.update(connection.execute(select(batches.c.id, batches.c.name)).all())
    been = select(events.c.batch).where(events.c.frame == frame.id, events.c.batch.is_not(None)).distinct()
    where = or_(
        events.c.frame == frame.id,
        and_(events.c.frame.is_(None), events.c.batch.in_(been), events.c.kind.in_(_OF_BATCH)),
    )
    told = _Told(frame.id, names, called, counts=counts)
    found = []
    frozen = None if sampled else _find_frozen(connection, frame)
    for event in connection.execute(select(events).where(where).order_by(events.c.seq)):
        if not planted and _is_of_plants(event):
            continue
        if frozen is not None and event.seq > frozen:
            continue
        happening = _tell(told, event)
        if happening is not None:
            found.append(happening)
    return found


def _find_frozen(connection: Connection, frame: Frame) -> int | None:
    """Return the number of the event by which a frame was frozen, if its batch is judged by samples now."""
    if frame.stage not in SAMPLED:
        return None
    frozen = select(func.max(events.c.seq)).where(events.c.frame == frame.id, events.c.kind == Kind.FROZEN)
    seq: int | None = connection.execute(frozen).scalar_one()
    return seq


def _is_of_plants(event: Row[Any]) -> bool:
    if event.kind == Kind.REFUSED:
        return bool(json.loads(event.data).get("action") == "plant")
    return event.kind in (Kind.PLANTED, Kind.PROBED)


def _tell(told: _Told, event: Row[Any]) -> Happening | None:
    data = json.loads(event.data)
    kind = Kind(event.kind)
    if event.frame is None and event.batch != told.batch:
        return None  # before the frame came into the batch, or after it had left
    if kind in (Kind.FRAME, Kind.MOVED, Kind.SUBMITTED) and event.batch is not None:
        told.batch = event.batch
    what = _WORDS[kind](told, event, data)
    if kind is Kind.SUBMITTED:
        told.author = event.actor if told.author is None else told.author
        if event.stage in (Stage.REPAIR, Stage.ESCALATED):
            told.repairer = event.actor
    elif kind is Kind.REVIEWED:
        told.reviewer = event.actor
    return Happening(
        seq=event.seq,
        at=to_text(event.at),
        who=told.names.get(event.actor, ""),
        what=what,
        kind=str(kind),
        stage=event.stage,
        verdict=event.verdict,
        revision=event.revision,
        minutes=event.seconds / 60 if event.seconds else None,
        reasons=event.reason,
        marks=tuple(_say_mark(mark) for mark in data.get("marks", ())),
        batch=told.batches.get(told.batch, ""),
        author=told.names.get(told.author, ""),
        repairer=told.names.get(told.repairer, ""),
        reviewer=told.names.get(told.reviewer, ""),
    )


def _say_mark(mark: Mapping[str, Any]) -> str:
    """Return a defect in words: ``wrong-label (major), polygon 17, ought to be truck: it carries bricks``."""
    said = f"{mark.get('reason', '')} ({mark.get('severity', '')})"
    if mark.get("shape") is not None:
        said += f", polygon {mark['shape']}"
    if mark.get("label"):
        said += f", ought to be {mark['label']}"
    if mark.get("region"):
        x, y, width, height = mark["region"]
        said += f", at {x},{y} of {width} x {height}"
    return f"{said}: {mark['text']}" if mark.get("text") else said


def _say_submitted(told: _Told, event: Row[Any], data: Mapping[str, Any]) -> str:
    what = {
        Stage.ANNOTATE: "handed in",
        Stage.REPAIR: "mended and handed in",
        Stage.ESCALATED: "mended, after it was escalated, and handed in",
        Stage.ACCEPTED: "re-opened, after it was accepted, and handed in",
    }.get(event.stage, "handed in")
    findings = ", ".join(f"{count} {severity}" for severity, count in data.get("findings", {}).items())
    found = f"; findings: {findings}" if findings else ""
    counted = f", {data['shapes']} shapes{found}" if told.counts else ""
    return f"{what} revision {event.revision} ({data['file']}{counted})"


def _say_conflict(told: _Told, event: Row[Any], data: Mapping[str, Any]) -> str:
    problem = f": {data['problem']}" if data.get("problem") else ""
    return f"handed in revision {event.revision} ({data['file']}), kept but not counted{problem}"


def _say_reviewed(told: _Told, event: Row[Any], data: Mapping[str, Any]) -> str:
    verdict = "passed" if event.verdict == Action.PASS else "failed"
    said = f"{event.stage.upper()} {verdict} revision {event.revision}"
    if event.reason:
        said += f": {event.reason}"
    if event.stage in REVIEWS and data.get("bad"):
        said += " (a bad image of the sample)"
    return f"{said}. {data['text']}" if data.get("text") else said


def _say_assigned(told: _Told, event: Row[Any], data: Mapping[str, Any]) -> str:
    to = told.names.get(data["person"], "")
    step = "repair" if event.stage in (Stage.REPAIR, Stage.ESCALATED) else event.stage.upper()
    return f"{step if step != 'ANNOTATE' else 'annotation'} given to {to}"


def _say_planted(told: _Told, event: Row[Any], data: Mapping[str, Any]) -> str:
    whom = "whoever reviews it first" if data["person"] is None else told.names[data["person"]]
    return f"planted for {whom} at {event.stage.upper()}: a copy of revision {event.revision} with {event.reason}"


def _say_probed(told: _Told, event: Row[Any], data: Mapping[str, Any]) -> str:
    verdict = "caught" if data["caught"] else "missed"
    return f"{verdict} the planted copy: {_say_reviewed(told, event, data)}"


def _say_frozen(told: _Told, event: Row[Any], data: Mapping[str, Any]) -> str:
    if event.frame is not None:
        return "frozen with its batch"
    return f"batch {told.batches.get(event.batch, '')} frozen: {data['frames']} frames"


def _say_sample(told: _Told, event: Row[Any], data: Mapping[str, Any]) -> str:
    drawn = data["positions"]
    place = f"as number {drawn.index(told.frame) + 1} of it" if told.frame in drawn else "and this frame is not in it"
    return f"sample of {len(drawn)} of {data['size']} frames drawn for {event.stage.upper()}, {place}"


def _say_concluded(told: _Told, event: Row[Any], data: Mapping[str, Any]) -> str:
    verdict = "accepted" if event.verdict == Action.ACCEPT else "returned"
    return f"batch {told.batches.get(event.batch, '')} {verdict} at {event.stage.upper()}: {event.reason}"


def _say_settled(told: _Told, event: Row[Any], data: Mapping[str, Any]) -> str:
    return {
        "accept": f"passed {event.stage.upper()} with its batch",
        "return": "sent back to QC2 with its batch",
        "mend": "sent to repair: a bad image of the sample",
    }[data["action"]]


def _say_refused(told: _Told, event: Row[Any], data: Mapping[str, Any]) -> str:
    return f"tried to {data.get('action', 'do something')}, refused: {event.reason}"


def _say_frame(told: _Told, event: Row[Any], data: Mapping[str, Any]) -> str:
    return f"added to batch {told.batches.get(event.batch, '')}"


def _say_moved(told: _Told, event: Row[Any], data: Mapping[str, Any]) -> str:
    return f"moved to batch {told.batches.get(event.batch, '')}"


def _say_claimed(told: _Told, event: Row[Any], data: Mapping[str, Any]) -> str:
    return f"claimed until {to_text(data['until'])}"


def _say_dropped(told: _Told, event: Row[Any], data: Mapping[str, Any]) -> str:
    return f"dropped: {event.reason}"


def _say(words: str) -> Callable[[_Told, Row[Any], Mapping[str, Any]], str]:
    return lambda told, event, data: words


_WORDS: Final[Mapping[Kind, Callable[[_Told, Row[Any], Mapping[str, Any]], str]]] = {
    Kind.FRAME: _say_frame,
    Kind.MOVED: _say_moved,
    Kind.CLAIMED: _say_claimed,
    Kind.RELEASED: _say("released"),
    Kind.ASSIGNED: _say_assigned,
    Kind.SUBMITTED: _say_submitted,
    Kind.CONFLICT: _say_conflict,
    Kind.REVIEWED: _say_reviewed,
    Kind.FROZEN: _say_frozen,
    Kind.SAMPLE: _say_sample,
    Kind.SETTLED: _say_settled,
    Kind.CONCLUDED: _say_concluded,
    Kind.DROPPED: _say_dropped,
    Kind.RESTORED: _say("restored"),
    Kind.PLANTED: _say_planted,
    Kind.PROBED: _say_probed,
    Kind.WORKED: _say("worked"),
    Kind.REFUSED: _say_refused,
    # Of people and the project, never of a frame; here so that every kind has its words.
    Kind.PROJECT: _say("settings changed"),
    Kind.PERSON: _say("a person was changed"),
    Kind.LEVELLED: _say("a load was levelled"),
    Kind.BATCH: _say("batch added"),
}
