"""Events: what happened, one row each, chained by their hashes. They are the truth; all else is computed from them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

#: What the first event has as the hash of the one before.
NO_HASH: Final = "0" * 64


#: Work on annotations and work of quality control: the stages of `Kind.WORKED`.
ANNOTATION, QC = "annotation", "qc"


class Kind(StrEnum):
    """What an event says."""

    PROJECT = "project"  # settings were made or changed
    PERSON = "person"  # a person was added, or their roles, absences or presence changed
    LEVELLED = "levelled"  # one who comes or returns takes on the load of the others
    BATCH = "batch"  # a batch was added
    FRAME = "frame"  # a frame was added
    MOVED = "moved"  # a frame went to another batch
    CLAIMED = "claimed"
    RELEASED = "released"
    ASSIGNED = "assigned"
    SUBMITTED = "submitted"
    CONFLICT = "conflict"  # a hand-in that was kept but does not count
    REVIEWED = "reviewed"
    FROZEN = "frozen"  # a batch, and with the same kind each of its frames
    SAMPLE = "sample"
    SETTLED = "settled"  # what the conclusion of its batch means for a frame
    CONCLUDED = "concluded"
    DROPPED = "dropped"
    RESTORED = "restored"
    PLANTED = "planted"  # a lead put a spoiled copy before whoever reviews a frame next
    PROBED = "probed"  # a reviewer judged such a copy: the frame itself was not judged
    WORKED = "worked"  # hours of which nothing came, or that belong to no frame
    REFUSED = "refused"  # what was tried and is not allowed: nothing but this line came of it


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the log.

    Attributes
    ----------
    seq
        1, 2, 3 ... without gaps.
    at
        When it happened, in microseconds since 1970-01-01 UTC. Imported events are recorded later than they happened.
    kind
        What it says.
    actor
        The person who did it, or None for what the queue does by itself.
    frame, batch
        What it is about, by number.
    stage
        The review that was judged or drawn, or the work that was done, "" elsewhere.
    verdict
        ``pass`` or ``fail`` of a review; ``accept`` or ``return`` of a batch.
    revision
        The version of the annotation that was handed in or judged.
    reason
        Codes of a failed review, separated by blanks; the code of what a planted copy has wrong; or words.
    seconds
        Time spent.
    data
        What else belongs to this kind; JSON.
    previous, hash
        Hash of the event before, and of this one.
    """

    seq: int
    at: int
    kind: Kind
    actor: int | None = None
    frame: int | None = None
    batch: int | None = None
    stage: str = ""
    verdict: str = ""
    revision: int | None = None
    reason: str = ""
    seconds: int = 0
    data: dict[str, Any] = field(default_factory=dict)
    previous: str = NO_HASH
    hash: str = ""


def hash_event(event: Event) -> str:
    """Return the SHA-256 of an event's content with the hash of the one before, in hexadecimal."""
    content = [
        event.previous,
        event.seq,
        event.at,
        str(event.kind),
        event.actor,
        event.frame,
        event.batch,
        event.stage,
        event.verdict,
        event.revision,
        event.reason,
        event.seconds,
        encode_data(event.data),
    ]
    return hashlib.sha256(json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()


def encode_data(data: dict[str, Any]) -> str:
    """Return the further content of an event as the JSON that is stored and hashed."""
    return json.dumps(data, ensure_ascii=True, separators=(",", ":"), sort_keys=True)


def to_microseconds(when: datetime) -> int:
    """Return a time with its zone as microseconds since 1970-01-01 UTC, exactly."""
    apart = when.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (apart.days * 86_400 + apart.seconds) * 1_000_000 + apart.microseconds


def to_datetime(at: int) -> datetime:
    """Return the time of an event, in UTC."""
    seconds, micro = divmod(at, 1_000_000)
    return datetime.fromtimestamp(seconds, tz=UTC).replace(microsecond=micro)


def to_text(at: int) -> str:
    """Return the time of an event as people read it.

    Examples
    --------
    >>> to_text(1_563_321_600_000_000)
    '2019-07-17 00:00:00Z'
    """
    return to_datetime(at).strftime("%Y-%m-%d %H:%M:%SZ")
