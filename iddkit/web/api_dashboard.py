"""``/api/v1/weeks``, ``standing``, ``claims``, ``people/yields``, ``tables``, ``figures``: how the project fares."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Response

from iddkit.qc.progress.person import read_people_table
from iddkit.qc.stages import Role
from iddkit.reporting.qc_figures import draw_weeks
from iddkit.web.answers import answer_csv, answer_svg
from iddkit.web.overview import FOR_LEADS, AskedSpan, TableName, read_claims, read_present, read_span, read_table
from iddkit.web.refusals import answers_with
from iddkit.web.roles import Overseer, require_role
from iddkit.web.signing import AtDesk

router = APIRouter(prefix="/api/v1", tags=["dashboard"])


@router.get("/weeks")
def weeks(span: AskedSpan, desk: AtDesk, _: Overseer) -> dict[str, Any]:
    """Tell what was done in each week, and what it left to the next."""
    with desk.store.looking() as work:
        return {"weeks": [row.to_json() for row in read_span(work, span, datetime.now(UTC))]}


@router.get("/standing")
def standing(desk: AtDesk, session: Overseer) -> dict[str, Any]:
    """Tell where all frames stand, what waits for whom, open repairs, and frames that nobody can do."""
    with desk.store.looking() as work:
        return read_present(work, session.person, datetime.now(UTC)).to_json()


@router.get("/claims")
def claims(desk: AtDesk, session: Overseer) -> dict[str, Any]:
    """List the frames that somebody claimed and has not done yet, the oldest claim first."""
    with desk.store.looking() as work:
        found = read_claims(work, session.person, datetime.now(UTC))
    return {"claims": [claim.to_json() for claim in found]}


@router.get("/people/yields")
def yields(desk: AtDesk, _: Overseer) -> dict[str, Any]:
    """Tell of each person what passes at once, with its exact interval, or that there are too few cases to say."""
    with desk.store.looking() as work:
        return {"people": [report.to_json() for report in read_people_table(work.connection)]}


@router.get("/tables/{name}.csv", response_class=Response, responses=answers_with("text/csv"))
def table(name: TableName, span: AskedSpan, desk: AtDesk, session: Overseer) -> Response:
    """Return a table of the dashboard as a CSV file; `weeks` and `day` say of which weeks, where it is weekly.

    `sensitivity` and `plants` are for leads.
    """
    if name in FOR_LEADS:
        require_role([Role.LEAD])(session)
    with desk.store.looking() as work:
        return answer_csv(read_table(work, name, span, session.person, datetime.now(UTC)), name)


@router.get("/figures/weeks.svg", response_class=Response, responses=answers_with("image/svg+xml"))
def figure(span: AskedSpan, desk: AtDesk, _: Overseer) -> Response:
    """Draw passes of each review and hours, week by week."""
    with desk.store.looking() as work:
        rows = read_span(work, span, datetime.now(UTC))
    return answer_svg(draw_weeks(rows))
