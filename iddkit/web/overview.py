"""The tables of the dashboard by name: the page and the API's CSV files take them from here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Annotated, Final, Literal

from fastapi import Depends, Query

from iddkit.qc.access import may_see_sample
from iddkit.qc.progress.open_claims import SOME, OpenClaim, read_open_claims
from iddkit.qc.progress.person import read_people_table
from iddkit.qc.progress.plants import read_plants
from iddkit.qc.progress.sensitivity import read_sensitivity
from iddkit.qc.progress.standing import Standing, read_standing
from iddkit.qc.progress.weekly import WeekRow, read_weeks
from iddkit.qc.stages import SAMPLED
from iddkit.qc.state import Person
from iddkit.qc.store.work import Work
from iddkit.reporting import qc_people, qc_plants, qc_tables
from iddkit.reporting.tables import Table

TableName = Literal[
    "annotation",
    "quality_control",
    "carried_over",
    "weeks",
    "frames",
    "waits",
    "repairs",
    "stuck",
    "claims",
    "people",
    "sensitivity",
    "plants",
]

#: For leads alone: who sees these change knows of which frame there was a planted copy.
FOR_LEADS: Final = frozenset({"sensitivity", "plants"})

#: Of weeks; ``weeks`` has all of them in one, for scripts.
WEEKLY: Final[dict[str, Callable[[list[WeekRow]], Table]]] = {
    "annotation": qc_tables.work_table,
    "quality_control": qc_tables.review_table,
    "carried_over": qc_tables.carried_table,
    "weeks": qc_tables.week_table,
}

#: Of where frames stand now.
PRESENT: Final[dict[str, Callable[[Standing], Table]]] = {
    "frames": qc_tables.standing_table,
    "waits": qc_tables.wait_table,
    "repairs": lambda standing: qc_tables.repair_table(standing.repairs),
    "stuck": qc_tables.stuck_table,
}


@dataclass(frozen=True, slots=True)
class Span:
    """Which weeks are asked for.

    Attributes
    ----------
    weeks
        How many, the newest first.
    day
        Any day of the newest one; None for today.
    """

    weeks: int
    day: date | None = None

    @property
    def query(self) -> str:
        """The same as the query of an address."""
        return f"weeks={self.weeks}" + (f"&day={self.day.isoformat()}" if self.day else "")


def get_span(
    weeks: Annotated[int, Query(ge=1, le=104, description="How many weeks, the newest first.")] = 8,
    day: Annotated[date | Literal[""], Query(description="Any day of the newest week; today without it.")] = "",
) -> Span:
    """Return which weeks a request asks for."""
    return Span(weeks, day or None)


AskedSpan = Annotated[Span, Depends(get_span)]


def read_span(work: Work, span: Span, now: datetime) -> list[WeekRow]:
    """Return the weeks of a span, the newest first; OptionError if the calendar has no such weeks."""
    return read_weeks(work.connection, work.project, containing=span.day, weeks=span.weeks, now=now)


def read_claims(work: Work, person: Person, now: datetime) -> tuple[OpenClaim, ...]:
    """Return the open claims as a person may know them."""
    return read_open_claims(work.connection, now=now, knows_sample=may_see_sample(person))


def read_present(work: Work, person: Person, now: datetime) -> Standing:
    """Return where all frames stand, as a person may know it."""
    standing = read_standing(work.connection, now=now)
    if may_see_sample(person):
        return standing
    hidden = [replace(one, number=None, frame=SOME) if one.stage in SAMPLED else one for one in standing.stuck]
    return replace(standing, stuck=tuple(hidden))


def read_table(work: Work, name: TableName, span: Span, person: Person, now: datetime) -> Table:
    """Return one of the tables as its CSV file has it, for a person.

    People have the ends of intervals in columns of their own.
    """
    if name in WEEKLY:
        return WEEKLY[name](read_span(work, span, now))
    if name in PRESENT:
        return PRESENT[name](read_present(work, person, now))
    if name == "claims":
        return qc_tables.claim_table(read_claims(work, person, now))
    if name == "sensitivity":
        return qc_plants.sensitivity_table(read_sensitivity(work.connection))
    if name == "plants":
        return qc_plants.plant_table(read_plants(work.connection))
    return qc_people.estimate_table(read_people_table(work.connection))
