"""The pages: made on the server, the same data as the API gives."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from iddkit.qc.checklist import load_checklist
from iddkit.qc.progress.desk import read_desk
from iddkit.qc.stages import ASKED, REVIEWS, Role, Stage
from iddkit.web.api_frames import FrameId, find_seen
from iddkit.web.api_tasks import tell_desk
from iddkit.web.rendering import identify, render
from iddkit.web.signing import AtDesk, find_signed_in
from iddkit.web.telling import tell_frame

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/sign-in")
def sign_in() -> HTMLResponse:
    """Ask for name and password."""
    return render("sign_in.html")


@router.get("/welcome")
def welcome() -> HTMLResponse:
    """Ask one who comes by a link for a password; the token stands behind the #, which no server is sent."""
    return render("welcome.html")


@router.get("/")
def home(request: Request, desk: AtDesk) -> Response:
    """Show what waits for a person."""
    session = find_signed_in(request, desk)
    if session is None:
        return RedirectResponse("/sign-in", 303)
    with desk.store.looking() as work:
        found = read_desk(work, session.person, datetime.now(UTC))
        project = work.project.name
    stages = [str(stage) for stage, roles in ASKED.items() if session.person.role_set & {*roles, Role.LEAD}]
    done = [(_word(one.kind, one.stage, one.verdict), one.count, _minutes(one.seconds)) for one in found.done]
    return render(
        "home.html", **identify(desk, session), project=project, desk=tell_desk(found), stages=stages, done=done
    )


@router.get("/frames/{number}")
def review(number: FrameId, request: Request, desk: AtDesk) -> Response:
    """Show a frame to be reviewed or mended."""
    session = find_signed_in(request, desk)
    if session is None:
        return RedirectResponse("/sign-in", 303)
    with desk.store.looking() as work:
        found = find_seen(work, session.person, number)
    return render("review.html", **identify(desk, session), frame=tell_frame(found))


@router.get("/grid")
def grid(request: Request, desk: AtDesk, stage: Literal["qc1", "qc2", "qc3", "qc4"] | None = None) -> Response:
    """Show many frames of a review side by side."""
    session = find_signed_in(request, desk)
    if session is None:
        return RedirectResponse("/sign-in", 303)
    stages = [str(one) for one in REVIEWS if session.person.role_set & {*ASKED[one], Role.LEAD}]
    with desk.store.looking() as work:
        reasons = load_checklist(work.project.checklist).reasons
    shown: str = stage or (stages[0] if stages else Stage.QC1)
    return render("grid.html", **identify(desk, session), stages=stages, stage=shown, reasons=reasons)


def _word(kind: str, stage: str, verdict: str) -> str:
    if kind == "reviewed":
        return f"{stage.upper()}: {'passed' if verdict == 'pass' else 'failed'}"
    return {"submitted": f"handed in ({stage})", "worked": "other work"}.get(kind, kind)


def _minutes(seconds: int) -> str:
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}" if seconds else "-"
