"""Why a frame failed: what one who mends it has to know, and one who sees it again."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, select

from iddkit.qc.events import Kind
from iddkit.qc.stages import Action
from iddkit.qc.store.tables import events, people


@dataclass(frozen=True, slots=True)
class Failure:
    """A review that failed a frame.

    Attributes
    ----------
    at
        When, in microseconds since 1970-01-01 UTC.
    stage
        Which review.
    by
        Name of the reviewer.
    revision
        The version that was judged.
    marks
        The defects, as `iddkit.qc.checklist.Mark.to_json` writes them.
    text
        What else was said, or "".
    """

    at: int
    stage: str
    by: str
    revision: int
    marks: tuple[Mapping[str, Any], ...]
    text: str

    def to_json(self) -> dict[str, Any]:
        """Return the failure as JSON values."""
        marks = [dict(mark) for mark in self.marks]
        return {"stage": self.stage, "by": self.by, "revision": self.revision, "marks": marks, "text": self.text}


def read_failures(connection: Connection, numbers: Collection[int] | Select[tuple[int]]) -> dict[int, list[Failure]]:
    """Return the reviews that failed frames, by the number of the frame, the earliest first; nothing for the others.

    Which frames is said by their numbers, or by a query for them.
    """
    columns = (events.c.frame, events.c.at, events.c.stage, people.c.name, events.c.revision, events.c.data)
    failed = (events.c.frame.in_(numbers), events.c.kind == Kind.REVIEWED, events.c.verdict == Action.FAIL)
    query = select(*columns).join(people, people.c.id == events.c.actor).where(*failed).order_by(events.c.seq)
    found: dict[int, list[Failure]] = {}
    for number, at, stage, by, revision, text in connection.execute(query):
        data = json.loads(text)
        failure = Failure(at, stage, by, revision, tuple(data.get("marks", ())), data.get("text", ""))
        found.setdefault(number, []).append(failure)
    return found
