"""What was planted, for leads: where, for whom, what is wrong with it, and what became of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import Connection, select

from iddkit.qc.state import Frame, Plant
from iddkit.qc.store.tables import frames, people, plants

#: What can become of a planted copy: it waits, its error was caught or missed, or its frame went on without it.
OPEN, CAUGHT, MISSED, VOID = STATES = ("open", "caught", "missed", "void")

_OF_PLANT: Final = len(plants.columns)


@dataclass(frozen=True, slots=True)
class Planted:
    """A planted copy and what became of it.

    Attributes
    ----------
    id
        Its number.
    frame
        Key of the frame.
    stage, revision
        The review, and the version that was spoiled.
    reviewer
        Who alone is shown it, "" for whoever reviews the frame first.
    planter
        Name of the lead.
    reason, shape, label, region
        What is wrong with it, as in `Plant`.
    state
        One of `STATES`.
    judge
        Who judged it, or "".
    located
        Whether they pointed at what is wrong.
    sha256
        Of its file.
    """

    id: int
    frame: str
    stage: str
    revision: int
    reviewer: str
    planter: str
    reason: str
    shape: int | None
    label: str
    region: tuple[int, int, int, int] | None
    state: str
    judge: str
    located: bool
    sha256: str

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**asdict(self), "region": None if self.region is None else list(self.region)}


def read_plants(connection: Connection, *, only: int | None = None) -> list[Planted]:
    """Return all that was ever planted, or only what has one number, in order."""
    names: dict[int | None, str] = {None: ""}
    names.update(connection.execute(select(people.c.id, people.c.name)).all())
    query = select(plants, frames).join(frames, frames.c.id == plants.c.frame).order_by(plants.c.id)
    if only is not None:
        query = query.where(plants.c.id == only)
    found = []
    for row in map(tuple, connection.execute(query)):
        plant, frame = Plant(*row[:_OF_PLANT]), Frame(*row[_OF_PLANT:])
        found.append(
            Planted(
                id=plant.id,
                frame=frame.key,
                stage=plant.stage,
                revision=plant.revision,
                reviewer=names[plant.person],
                planter=names[plant.planter],
                reason=plant.reason,
                shape=plant.shape,
                label=plant.label,
                region=tuple(json.loads(plant.region)) if plant.region else None,
                state=_state_of(plant, frame),
                judge=names[plant.judge],
                located=bool(plant.located),
                sha256=plant.sha256,
            )
        )
    return found


def _state_of(plant: Plant, frame: Frame) -> str:
    if plant.verdict:
        return CAUGHT if plant.caught else MISSED
    return OPEN if plant.is_open(frame) else VOID
