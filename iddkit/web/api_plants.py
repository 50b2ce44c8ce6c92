"""``/api/v1/plants``, ``sensitivity``: errors on purpose, for leads, and what reviewers caught of them."""

from __future__ import annotations

import secrets
from typing import Any

from fastapi import APIRouter, HTTPException

from iddkit.qc import queue
from iddkit.qc.progress.plants import read_plants
from iddkit.qc.progress.sensitivity import read_sensitivity
from iddkit.qc.queue.people import require_lead
from iddkit.qc.queue.planting import plant_by_lot, plant_own
from iddkit.qc.spoiling import KINDS
from iddkit.qc.stages import Stage
from iddkit.qc.state import Frame
from iddkit.web.roles import LeadOnly
from iddkit.web.signing import AtDesk, Desk, SignedIn
from iddkit.web.values import PlantBody

router = APIRouter(prefix="/api/v1", tags=["planted errors"])


@router.post("/plants")
def plant(body: PlantBody, desk: AtDesk, session: SignedIn) -> dict[str, Any]:
    """Plant errors, of frames that are chosen by lot or of the one that is named: a lead does.

    With `content` it is the lead's own copy of the named frame, and `reason` says what is wrong with it.
    """
    with desk.store.writing() as work:
        require_lead(work, queue.find_person(work, session.person.name), "plant errors")
    problems: dict[str, str] = {}
    if body.content is not None:
        if body.frame is None:
            raise HTTPException(422, "a copy is of one frame: say which")
        content, key = body.content.encode("utf-8", "surrogatepass"), _key_of(desk, body.frame)
        made = plant_own(desk.store, session.person.name, key, content, body.reason, reviewer=body.reviewer)
        numbers = [made.id]
    else:
        done = plant_by_lot(
            desk.store,
            session.person.name,
            stage=None if body.stage is None else Stage(body.stage),
            batch=body.batch,
            reviewer=body.reviewer,
            frames=[] if body.frame is None else [_key_of(desk, body.frame)],
            count=body.count,
            seed=secrets.randbits(32) if body.seed is None else body.seed,
            kinds=body.kinds or KINDS,
        )
        numbers, problems = [one.id for one in done.plants], done.problems
    with desk.store.reading() as connection:
        found = [one.to_json() for one in read_plants(connection) if one.id in numbers]
    return {"plants": found, "problems": problems}


@router.get("/plants")
def plants(desk: AtDesk, _: LeadOnly) -> dict[str, Any]:
    """List all that was planted and what became of it: to leads."""
    with desk.store.reading() as connection:
        return {"plants": [one.to_json() for one in read_plants(connection)]}


@router.get("/sensitivity")
def sensitivity(desk: AtDesk, _: LeadOnly, batch: str | None = None) -> dict[str, Any]:
    """Say how much of what was planted reviewers caught, by stage and reviewer: to leads."""
    with desk.store.looking() as work:
        chosen = None if batch is None else queue.find_batch(work, batch)
        return read_sensitivity(work.connection, batch=chosen).to_json()


def _key_of(desk: Desk, number: int) -> str:
    with desk.store.looking() as work:
        try:
            return work.state.get(Frame, number).key
        except KeyError:
            raise HTTPException(404, "no such frame") from None
