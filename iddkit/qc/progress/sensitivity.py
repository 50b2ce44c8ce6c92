"""What reviewers see: of the errors that were planted and judged, how many were caught.

It is measured on errors of the kinds that were planted. Real ones may be harder to see, or easier.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from iddkit.qc.events import Kind
from iddkit.qc.progress.intervals import Estimate, Measured, estimate_share, measure
from iddkit.qc.stages import REVIEWS
from iddkit.qc.state import Batch
from iddkit.qc.store.tables import events, people


@dataclass(frozen=True, slots=True)
class Seen:
    """What was caught of the errors that were planted and judged.

    Attributes
    ----------
    share
        Caught among judged, with its interval by Clopper and Pearson.
    located
        Of those that were caught, how many were pointed at.
    """

    share: Estimate
    located: int

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        bounds = {"value": self.share.value, "low": self.share.low, "high": self.share.high} if self.share.of else {}
        return {"caught": self.share.count, "of": self.share.of, "located": self.located, **bounds}


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What reviewers caught: by stage, and by stage and name of the reviewer; without a plant there is no entry."""

    stages: Mapping[str, Seen]
    reviewers: Mapping[tuple[str, str], Seen]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "stages": {stage: seen.to_json() for stage, seen in self.stages.items()},
            "reviewers": [
                {"stage": stage, "reviewer": name, **seen.to_json()} for (stage, name), seen in self.reviewers.items()
            ],
        }


def read_sensitivity(
    connection: Connection, *, batch: Batch | None = None, until: int | None = None, stage: str | None = None
) -> Sensitivity:
    """Return what reviewers caught of what was planted.

    Parameters
    ----------
    connection
        Of the project.
    batch
        Only of frames that were in it when they were judged.
    until
        Number of the last event that counts; None for all of them.
    stage
        Only at this review.
    """
    query = select(events.c.stage, people.c.name, events.c.data).join(people, people.c.id == events.c.actor)
    query = query.where(events.c.kind == Kind.PROBED).order_by(people.c.id)
    if batch is not None:
        query = query.where(events.c.batch == batch.id)
    if until is not None:
        query = query.where(events.c.seq <= until)
    if stage is not None:
        query = query.where(events.c.stage == stage)
    stages: dict[str, _Count] = {}
    reviewers: dict[tuple[str, str], _Count] = {}
    for at, name, text in connection.execute(query):
        data = json.loads(text)
        for count in (stages.setdefault(at, _Count()), reviewers.setdefault((at, name), _Count())):
            count.judged += 1
            count.caught += bool(data["caught"])
            count.located += bool(data["located"])
    order = [str(review) for review in REVIEWS if review in stages]
    return Sensitivity(
        {review: stages[review].seen() for review in order},
        {key: count.seen() for review in order for key, count in reviewers.items() if key[0] == review},
    )


@dataclass(slots=True)
class _Count:
    judged: int = 0
    caught: int = 0
    located: int = 0

    def seen(self) -> Seen:
        return Seen(estimate_share(self.caught, self.judged), self.located)


def read_measured(connection: Connection, stage: str, until: int | None = None) -> Measured:
    """Return what was measured at a review in the whole project, up to an event."""
    seen = read_sensitivity(connection, stage=stage, until=until).stages.get(stage)
    return measure(0, 0) if seen is None else measure(seen.share.count, seen.share.of)
