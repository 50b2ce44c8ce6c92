"""``/api/v1/desk``, ``tasks``: what waits for a person, and the next frame."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from iddkit.qc import queue
from iddkit.qc.progress.desk import Desk as MyDesk
from iddkit.qc.progress.desk import read_desk
from iddkit.qc.sight import shown_revision
from iddkit.qc.stages import Stage
from iddkit.qc.state import Person
from iddkit.web.signing import AtDesk, SignedIn
from iddkit.web.telling import tell_frame
from iddkit.web.values import Asked, Several

router = APIRouter(prefix="/api/v1", tags=["tasks"])


Besides = Annotated[tuple[Annotated[int, Field(ge=1, le=2**31 - 1)], ...], Query(max_length=100)]


@router.get("/desk")
def desk(desk: AtDesk, session: SignedIn) -> dict[str, Any]:
    """List the person's repairs with what the reviewer said, their queue, and what they did this week."""
    with desk.store.looking() as work:
        return tell_desk(read_desk(work, session.person, datetime.now(UTC)))


@router.post("/tasks/next")
def take_next(body: Asked, desk: AtDesk, session: SignedIn) -> dict[str, Any]:
    """Claim the next frame: nobody else gets it until it is judged, handed in or released, or the claim lapses."""
    with desk.store.writing() as work:
        person = work.state.get(Person, session.person.id)
        task = queue.take_next(work, person, None if body.stage is None else Stage(body.stage), body.besides)
    return {"frame": None if task is None else tell_frame(task.frame), "again": task is not None and task.again}


@router.post("/tasks/several")
def take_several(body: Several, desk: AtDesk, session: SignedIn) -> dict[str, Any]:
    """Claim several frames of a review, to be looked through side by side."""
    with desk.store.writing() as work:
        person = work.state.get(Person, session.person.id)
        taken = queue.take_several(work, person, Stage(body.stage), body.count, body.besides)
        shown = [shown_revision(work, frame, person) for frame in taken]
    return {
        "frames": [
            {**tell_frame(frame), "sha256": "" if revision is None else revision.sha256}
            for frame, revision in zip(taken, shown, strict=True)
        ]
    }


@router.get("/tasks/ahead")
def look_ahead(desk: AtDesk, session: SignedIn, stage: Stage | None = None, besides: Besides = ()) -> dict[str, Any]:
    """Say which frame would come next beside some, so that a page can fetch it meanwhile; nothing is claimed."""
    with desk.store.looking() as work:
        frame = queue.look_ahead(work, session.person, stage, besides)
    return {"frame": None if frame is None else tell_frame(frame)}


def tell_desk(found: MyDesk) -> dict[str, Any]:
    """Return a person's desk as JSON values."""
    return {
        "repairs": [
            {**tell_frame(one.frame), "failure": None if one.failure is None else one.failure.to_json()}
            for one in found.repairs
        ],
        "queue": [tell_frame(frame) for frame in found.queue],
        "waiting": found.waiting,
        "week": found.week.first.isoformat(),
        "done": [{name: getattr(one, name) for name in one.__slots__} for one in found.done],
    }
