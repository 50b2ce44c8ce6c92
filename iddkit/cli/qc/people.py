"""``iddkit qc people``: who takes part, in which roles, and when they are away."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from iddkit.cli import options as shared
from iddkit.cli.qc import options
from iddkit.errors import FrameError, OptionError, printable
from iddkit.qc.stages import Role

if TYPE_CHECKING:
    from iddkit.qc.state import Person
    from iddkit.qc.store.database import Store
    from iddkit.reporting.tables import Cell

_roles = click.option(
    "--role", "roles", type=click.Choice([str(role) for role in Role]), multiple=True, help="Repeatable."
)


@click.group(invoke_without_command=True)
@shared.as_json
@options.database
@click.pass_context
def people(context: click.Context, as_json: bool) -> None:
    """List the people of the project; add some, and say who is away, is back or has left."""
    if context.invoked_subcommand is not None:
        return
    from iddkit.cli.console import print_table
    from iddkit.qc.store.database import open_store
    from iddkit.reporting.tables import Column, Table

    store = open_store(options.database_of(context))
    context.call_on_close(store.close)
    found, timezone, now = _read(store)
    if as_json:
        click.echo(json.dumps([_as_json(person, now) for person in found], indent=1))
        return
    columns = (Column("name"), Column("roles"), Column("presence"), Column("peer reviews given"))
    rows: list[tuple[Cell, ...]] = [
        (person.name, ", ".join(_ordered(person)), _presence(person, now, timezone), person.load) for person in found
    ]
    print_table(Table(columns, tuple(rows)))


@people.command()
@click.argument("names", metavar="NAME...", nargs=-1)
@_roles
@click.option(
    "--csv",
    "csv_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Add those of a CSV file with the columns name and roles ('annotator', 'supervisor lead').",
)
@options.as_lead
@options.project
def add(
    store: Store, names: tuple[str, ...], roles: tuple[str, ...], csv_path: Path | None, as_name: str | None
) -> None:
    """Add people, each with the given roles: annotator, supervisor, researcher, expert, lead.

    As long as there is no lead, anybody may add people; then a lead does.
    """
    from iddkit.qc import queue

    wanted: list[tuple[str, Sequence[str]]] = [(name, roles) for name in names]
    if names and not roles:
        raise click.UsageError("say what they do: --role annotator")
    if csv_path is not None:
        wanted += _read_csv(csv_path)
    if not wanted:
        raise click.UsageError("name the people, or a CSV file that does")

    with options.looking(store) as work:
        # The first people come before anyone could have added them.
        is_needed = as_name is not None or bool(options.active_leads(work))
        by = options.find_actor(work, as_name).name if is_needed else None

    def add_one(one: tuple[str, Sequence[str]]) -> bool:
        with store.writing() as work:
            actor = None if by is None else queue.find_person(work, by)
            person = queue.add_person(work, one[0], [Role(role) for role in one[1]], actor)
        click.echo(f"{printable(person.name)}: {', '.join(_ordered(person))}")
        return True

    options.do_each(wanted, add_one)


@people.command()
@click.argument("name")
@click.option("--from", "start", type=options.When(), help="First day, or time, of absence.  [default: now]")
@click.option("--until", type=options.When(), help="Last day of it, or the time of return.  [default: not known]")
@options.as_lead
@options.project
def away(
    store: Store, name: str, start: date | datetime | None, until: date | datetime | None, as_name: str | None
) -> None:
    """Say that NAME is away: peer reviews go to others meanwhile, and come no more.

    People may say it of themselves (--as NAME); a lead may of all.
    """
    from iddkit.qc import queue
    from iddkit.qc.events import to_microseconds

    with store.writing() as work:
        person, actor = queue.find_person(work, name), options.find_actor(work, as_name)
        timezone = work.project.timezone
        begin = work.at if start is None else to_microseconds(options.start_of(start, timezone))
        end = None if until is None else to_microseconds(options.end_of(until, timezone))
        changed, at = queue.set_absence(work, person, actor, begin, end), work.at
    click.echo(f"{printable(changed.name)}: {_presence(changed, at, timezone)}")


@people.command()
@click.argument("name")
@options.as_lead
@options.project
def back(store: Store, name: str, as_name: str | None) -> None:
    """Say that NAME is back, from an absence, a planned one, or after having left."""
    from iddkit.qc import queue

    with store.writing() as work:
        person, actor = queue.find_person(work, name), options.find_actor(work, as_name)
        if not person.active:
            person = queue.change_person(work, person, actor, active=True)
        elif not _is_absent(person, work.at):
            raise OptionError(f"{printable(person.name)} is not away")
        if _is_absent(person, work.at):
            # An absence that ends now is how the log says it; one that has not begun is replaced by it.
            person = queue.set_absence(work, person, actor, work.at - 1, work.at)
    click.echo(f"{printable(person.name)}: here")


@people.command()
@click.argument("name")
@options.as_lead
@options.project
def leave(store: Store, name: str, as_name: str | None) -> None:
    """Say that NAME has left: what they did stays theirs, their peer reviews go to others, their repairs to anyone."""
    from iddkit.qc import queue

    with store.writing() as work:
        actor = options.find_actor(work, as_name)
        person = queue.change_person(work, queue.find_person(work, name), actor, active=False)
    click.echo(f"{printable(person.name)}: left")


@people.command("roles")
@click.argument("name")
@_roles
@options.as_lead
@options.project
def set_roles(store: Store, name: str, roles: tuple[str, ...], as_name: str | None) -> None:
    """Give NAME these roles, in place of the ones that they had."""
    from iddkit.qc import queue

    if not roles:
        raise click.UsageError("say what they do: --role annotator")
    with store.writing() as work:
        actor = options.find_actor(work, as_name)
        wanted = [Role(role) for role in roles]
        person = queue.change_person(work, queue.find_person(work, name), actor, roles=wanted)
    click.echo(f"{printable(person.name)}: {', '.join(_ordered(person))}")


def _read(store: Store) -> tuple[list[Person], str, int]:
    from iddkit.qc.queue.people import read_people

    with options.looking(store) as work:
        return read_people(work), work.project.timezone, work.at


def _read_csv(path: Path) -> list[tuple[str, Sequence[str]]]:
    from iddkit.frames.table import read_rows

    wanted: list[tuple[str, Sequence[str]]] = []
    columns = "the columns are name and roles"
    for number, row in read_rows(path, lambda header: "" if {"name", "roles"} <= set(header) else columns):
        roles = row.get("roles", "").lower().replace(",", " ").replace(";", " ").replace("|", " ").split()
        unknown = [role for role in roles if role not in {*Role}]
        if unknown or not roles or not row["name"].strip():
            problem = f"no role {printable(unknown[0], 40)!r}" if unknown else "a name and its roles are needed"
            raise FrameError(f"{problem}; there are {', '.join(Role)}", path=path, where=f"row {number}")
        wanted.append((row["name"], roles))
    return wanted


_ORDER: Final = {str(role): place for place, role in enumerate(Role)}


def _ordered(person: Person) -> list[str]:
    return sorted(map(str, person.role_set), key=lambda role: _ORDER[role])


def _is_absent(person: Person, at: int) -> bool:
    """Whether they are away, or mean to be."""
    return any(end is None or end > at for _, end in json.loads(person.absences))


def _presence(person: Person, at: int, timezone: str) -> str:
    if not person.active:
        return "left"
    for start, end in json.loads(person.absences):
        if end is None or end > at:
            until = "" if end is None else f" until {options.local_text(end, timezone)}"
            return f"away{until}" if start <= at else f"away from {options.local_text(start, timezone)}{until}"
    return "here"


def _as_json(person: Person, at: int) -> dict[str, Any]:
    from iddkit.qc.events import to_text

    absences = [[None if when is None else to_text(when) for when in period] for period in json.loads(person.absences)]
    away = any(start <= at and (end is None or at < end) for start, end in json.loads(person.absences))
    return {
        "name": person.name,
        "roles": _ordered(person),
        "active": bool(person.active),
        "away": away,
        "absences": absences,
        "load": person.load,
    }
