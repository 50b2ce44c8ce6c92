"""Templates, and what all pages of one who is signed in have in common."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from iddkit.qc.access import INSIDERS, OVERSEERS
from iddkit.qc.accounts import Session
from iddkit.qc.stages import ASKED, REVIEWS, Role
from iddkit.reporting.sections import plain_table
from iddkit.reporting.tables import Table
from iddkit.web.signing import Desk, roles_of

#: Rows of a table that a page shows; its CSV file has all of them.
SHOWN_ROWS: Final = 100

#: The pages that each header leads to: path, name, and for whom they are.
_PAGES: Final = (
    ("/", "Home", frozenset(Role)),
    ("/grid", "Grid", frozenset({Role.LEAD, *(role for stage in REVIEWS for role in ASKED[stage])})),
    ("/batches", "Batches", INSIDERS),
    ("/dashboard", "Dashboard", OVERSEERS),
)


def identify(desk: Desk, session: Session) -> dict[str, Any]:
    """Return whose page it is, as templates take it, and which pages there are for them."""
    person = session.person
    pages = [(path, name) for path, name, roles in _PAGES if not person.role_set.isdisjoint(roles)]
    return {
        "owner": f"{desk.project[:16]}.{person.id}",
        "name": person.name,
        "roles": roles_of(person),
        "csrf": session.csrf,
        "pages": pages,
    }


def show_table(
    table: Table, csv: str = "", links: Sequence[str] = (), buttons: Sequence[tuple[str, str] | None] = ()
) -> dict[str, Any]:
    """Return a table as ``table.html`` takes it.

    Parameters
    ----------
    table
        Its first `SHOWN_ROWS` rows are shown.
    csv
        Where its CSV file is, or "".
    links
        For each row, where its first cell leads, "" for nowhere.
    buttons
        For each row, what can be done with it, if anything: in words, and where that is posted to.
    """
    padded = [*links, *[""] * (len(table.rows) - len(links))]
    shown = plain_table(table, (), {}, SHOWN_ROWS)
    return {**shown, "title": table.title, "csv": csv, "links": padded, "buttons": list(buttons)}


def render(template: str, status: int = 200, **values: object) -> HTMLResponse:
    """Return a page made of one of the templates; what a value says is escaped."""
    return HTMLResponse(_environment().get_template(template).render(**values), status)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("iddkit.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
