"""``/api/v1/frames``: what a person does to a frame: claims, hand-ins, verdicts, and the time at it."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from iddkit.errors import RefusedError
from iddkit.qc import queue
from iddkit.qc.checklist import load_checklist
from iddkit.qc.events import Kind
from iddkit.qc.queue.naming import find_misnaming
from iddkit.qc.stages import Action
from iddkit.qc.state import Frame, Person
from iddkit.qc.store.tables import events
from iddkit.qc.store.work import Work, events_of
from iddkit.web.api_frames import FrameId, find_seen
from iddkit.web.refusals import REFUSED_HAND_IN, RefusedHandInError
from iddkit.web.signing import AtDesk, Desk, SignedIn
from iddkit.web.telling import tell_checked, tell_frame
from iddkit.web.values import VerdictBody

router = APIRouter(prefix="/api/v1/frames", tags=["frames"])


@router.post("/{number}/claim")
def claim(number: FrameId, desk: AtDesk, session: SignedIn) -> dict[str, Any]:
    """Claim this frame, if what is next with it is the person's to do."""
    with desk.store.writing() as work:
        found = find_seen(work, session.person, number)
        return tell_frame(queue.claim(work, found, work.state.get(Person, session.person.id)))


@router.post("/{number}/release")
def release(number: FrameId, desk: AtDesk, session: SignedIn) -> dict[str, Any]:
    """Give a claimed frame back."""
    with desk.store.writing() as work:
        found = find_seen(work, session.person, number)
        released = queue.release(work, found, session.person)
        if found.claimant is not None:  # a lead gives back what others have claimed
            queue.note_rest(work, work.state.get(Person, found.claimant), released)
        return tell_frame(released)


@router.post("/{number}/beat")
def beat(number: FrameId, desk: AtDesk, session: SignedIn) -> dict[str, Any]:
    """Say that the person is active at a frame that they claimed: the time since the last beat, if it is short, counts.

    A page sends it when something is done, not while nothing is.
    """
    with desk.store.noting() as work:
        found = find_seen(work, session.person, number)
        counts = found.claimant == session.person.id and (found.claimed_until or 0) > work.at
        added = queue.beat(work, session.person, found) if counts else 0
    return {"counts": counts, "added": added / 1_000_000}


@router.post("/{number}/verdict")
def judge(number: FrameId, body: VerdictBody, desk: AtDesk, session: SignedIn) -> dict[str, Any]:
    """Pass or fail a frame. Sent once more with the same `request`, after an answer was lost, it changes nothing."""
    with desk.store.looking() as work:
        checklist = load_checklist(work.project.checklist)
    marks = [mark.to_mark(checklist) for mark in body.marks]
    with desk.store.writing() as work:
        found = find_seen(work, session.person, number)
        person = work.state.get(Person, session.person.id)
        if body.request:
            judged = _find_judged(work, found, person, body.request)
            if judged is not None:
                return {**tell_frame(judged), "was_there": True}
            work.stamp = {"request": body.request}
        measured = queue.take_seconds(work, person, found)
        event = queue.review(
            work,
            found,
            person,
            Action(body.verdict),
            checklist=checklist,
            marks=marks,
            answers=body.answers,
            seconds=measured if body.seconds is None else body.seconds,
            seen_at=body.stage,
            revision=body.revision,
            sha256=body.sha256,
            text=body.text,
        )
        judged = queue.told_frame(work, found, event)
    return {**tell_frame(judged), "was_there": False}


@router.post("/{number}/annotation", responses=REFUSED_HAND_IN)
async def submit(
    number: FrameId,
    request: Request,
    desk: AtDesk,
    session: SignedIn,
    name: Annotated[str, Query(min_length=1, max_length=200)],
    base: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None,
    seconds: Annotated[int | None, Query(ge=0, le=24 * 3600)] = None,
    anyway: bool = False,
) -> dict[str, Any]:
    """Hand in an annotation, the body as it is in the file called `name`; what the machine finds in it is told.

    A file whose name is that of another frame is refused, as `misnamed`, unless it is to be handed in `anyway`.
    """
    content = await request.body()
    called = PurePath(name.replace("\\", "/")).name
    if not called.isprintable() or not called.strip("."):
        raise HTTPException(422, "no name of a file")
    if not anyway:
        await run_in_threadpool(_require_name, desk, session.person, number, called)
    return await run_in_threadpool(_submit, desk, session.person, number, content, called, base, seconds)


def _require_name(desk: Desk, person: Person, number: int, called: str) -> None:
    with desk.store.looking() as work:
        problem = find_misnaming(work, find_seen(work, person, number), called)
    if problem:
        raise RefusedHandInError(problem, {"misnamed": True})


def _submit(
    desk: Desk, signed_in: Person, number: int, content: bytes, called: str, base: int | None, seconds: int | None
) -> dict[str, Any]:
    with desk.store.looking() as work:
        found = find_seen(work, signed_in, number)
        project = work.project
    handin = queue.take_in(content, Path(called), desk.store.files(project), found, project)
    try:
        with desk.store.writing() as work:
            person = work.state.get(Person, signed_in.id)
            found = find_seen(work, person, number)
            measured = queue.take_seconds(work, person, found)  # what was drawn elsewhere took its own time
            outcome = queue.submit(work, found, person, handin, seconds=seconds or 0, measured=measured, base=base)
    except RefusedError as error:
        raise RefusedHandInError(error.problem, tell_checked(handin.checked)) from error
    return {
        **tell_frame(outcome.frame),
        "handed_in": outcome.revision.number,
        "conflict": outcome.conflict,
        "was_there": outcome.was_there,
        "shapes": handin.shapes,
        "problems": list(handin.problems),
        **tell_checked(handin.checked),
    }


def _find_judged(work: Work, frame: Frame, person: Person, request: str) -> Frame | None:
    """Return how a frame stands as its judge is told if this very request was answered before: its event names it."""
    kinds = (Kind.REVIEWED, Kind.PROBED)
    of_theirs = (events.c.frame == frame.id, events.c.kind.in_(kinds), events.c.actor == person.id)
    query = select(events).where(*of_theirs).order_by(events.c.seq)
    for event in events_of(work.connection.execute(query)):
        if event.data.get("request") == request:
            is_there = (event.stage, event.revision) == (frame.stage, frame.revision)
            return queue.told_frame(work, frame, event) if is_there else frame
    return None
