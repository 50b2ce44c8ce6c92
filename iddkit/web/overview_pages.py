"""The pages of batches and the dashboard: made on the server, the same data as the API gives."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from iddkit.qc.access import INSIDERS, OVERSEERS
from iddkit.qc.accounts import Session
from iddkit.qc.progress.open_claims import OpenClaim
from iddkit.qc.progress.person import read_people_table
from iddkit.qc.progress.plants import read_plants
from iddkit.qc.progress.repairs import Repair
from iddkit.qc.progress.sensitivity import read_sensitivity
from iddkit.qc.progress.standing import Standing, Stuck
from iddkit.qc.queue.people import read_people
from iddkit.qc.stages import SAMPLED, Role, Stage
from iddkit.reporting.page import Fact
from iddkit.reporting.qc_people import people_table
from iddkit.reporting.qc_plants import plant_table, sensitivity_table
from iddkit.reporting.qc_tables import batch_table, claim_table
from iddkit.web.api_batches import BatchId, find_batch, tell_batch, tell_batches
from iddkit.web.overview import PRESENT, WEEKLY, AskedSpan, read_claims, read_present, read_span
from iddkit.web.rendering import identify, render, show_table
from iddkit.web.roles import name_roles
from iddkit.web.signing import AtDesk, Desk, find_signed_in

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/dashboard")
def dashboard(request: Request, span: AskedSpan, desk: AtDesk) -> Response:
    """Show how the project fares: weeks, batches, people, claims and repairs."""
    session = _let_in(request, desk, OVERSEERS)
    if isinstance(session, Response):
        return session
    now = datetime.now(UTC)
    with desk.store.looking() as work:
        rows = read_span(work, span, now)
        standing = read_present(work, session.person, now)
        claims = read_claims(work, session.person, now)
        people = people_table(read_people_table(work.connection))
        caught = sensitivity_table(read_sensitivity(work.connection))
        planted = plant_table(read_plants(work.connection)[::-1])  # the latest first
        batches = tell_batches(work, session.person)
        project = work.project.name
        invited = [person.name for person in read_people(work) if person.active]
    tables = {name: show_table(make(rows), _csv(name, span.query)) for name, make in WEEKLY.items()}
    tables |= {name: show_table(make(standing), _csv(name)) for name, make in PRESENT.items()}
    is_lead = Role.LEAD in session.person.role_set
    tables["repairs"]["links"], tables["stuck"]["links"] = _link(standing.repairs), _link(standing.stuck)
    tables["claims"] = _show_claims(claims, is_lead=is_lead)
    tables["people"] = show_table(people, _csv("people"))
    if is_lead:
        tables["sensitivity"] = show_table(caught, _csv("sensitivity"))
        tables["plants"] = show_table(planted, _csv("plants"))
    tables["frames"]["links"] = [f"/batches/{one['id']}" for one in batches] + [""]
    values: dict[str, Any] = {
        "project": project,
        "tables": tables,
        "batches": batches,
        "facts": _facts(standing),
        "span": span,
    }
    return render("dashboard.html", **identify(desk, session), **values, invited=invited if is_lead else [])


@router.get("/batches")
def batches(request: Request, desk: AtDesk) -> Response:
    """List the batches."""
    session = _let_in(request, desk, INSIDERS)
    if isinstance(session, Response):
        return session
    with desk.store.looking() as work:
        found = tell_batches(work, session.person)
        project = work.project.name
    return render("batches.html", **identify(desk, session), project=project, batches=found)


@router.get("/batches/{number}")
def batch(number: BatchId, request: Request, desk: AtDesk) -> Response:
    """Show how far a batch is, and what can be done to it."""
    session = _let_in(request, desk, INSIDERS)
    if isinstance(session, Response):
        return session
    with desk.store.looking() as work:
        found = tell_batch(work, find_batch(work, number), session.person)
    return render("batch.html", **identify(desk, session), batch=found, table=show_table(batch_table(found["stages"])))


def _let_in(request: Request, desk: Desk, roles: Collection[Role]) -> Session | Response:
    """Return the session of one who has any of some roles, or the page that others get."""
    session = find_signed_in(request, desk)
    if session is None:
        return RedirectResponse("/sign-in", 303)
    if session.person.role_set.isdisjoint(roles):
        return render("refused.html", 403, **identify(desk, session), whose=name_roles(roles))
    return session


def _show_claims(claims: Sequence[OpenClaim], *, is_lead: bool) -> dict[str, Any]:
    """Return the table of open claims; a lead can give back what others still have."""
    buttons = [
        None if one.number is None or one.is_lapsed else ("Release", f"/api/v1/frames/{one.number}/release")
        for one in claims
    ]
    return show_table(claim_table(claims), _csv("claims"), _link(claims), buttons if is_lead else ())


def _link(its: Sequence[OpenClaim | Repair | Stuck]) -> list[str]:
    return ["" if one.number is None else f"/frames/{one.number}" for one in its]


def _csv(name: str, query: str = "") -> str:
    return f"/api/v1/tables/{name}.csv" + (f"?{query}" if query else "")


def _facts(standing: Standing) -> list[tuple[Fact, str]]:
    """Return what a lead looks at first, how many frames are where, each with the part of the page that tells more."""
    stages = standing.stages
    frames = sum(stages.values()) - stages[Stage.DROPPED]
    batches, escalated = len(standing.batches), stages[Stage.ESCALATED]
    facts = (
        ("frames", frames, f"in {batches} batch{'' if batches == 1 else 'es'}", "batches"),
        ("to annotate", stages[Stage.ANNOTATE], "not handed in yet", ""),
        ("in review", stages[Stage.QC1] + stages[Stage.QC2] + stages[Stage.RECHECK], "QC1, QC2, recheck", ""),
        ("in repair", len(standing.repairs), f"{escalated} escalated" if escalated else "with their owners", "repairs"),
        ("ready or sampled", sum(stages[one] for one in (Stage.READY, *SAMPLED)), "up to QC4", "batches"),
        ("accepted", stages[Stage.ACCEPTED], f"{100 * stages[Stage.ACCEPTED] / max(1, frames):.0f} % of all", ""),
        ("stuck", len(standing.stuck), "nobody can do them", "stuck"),
    )
    return [(Fact(title, f"{count:,}", note), target if count else "") for title, count, note, target in facts]
