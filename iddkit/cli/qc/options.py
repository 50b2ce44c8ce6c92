"""What the commands of the review share: the database, who acts, dates and minutes, and lists of which one may fail."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from iddkit.errors import OptionError, UserError, printable

if TYPE_CHECKING:
    from iddkit.qc.state import Person, Project
    from iddkit.qc.store.database import Store
    from iddkit.qc.store.work import Work

T = TypeVar("T")

#: The database where nothing is said of it.
DEFAULT_DATABASE: Final = "qc.db"

_KEY: Final = "iddkit.qc.database"

_DATABASE_HELP = "SQLite file of the project, or the URL of a database: postgresql+psycopg://user@host/name."


def _remember(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.meta[_KEY] = value


#: ``--db`` before the command: it falls back on IDDKIT_DB and on a file in the current folder.
group_database = click.option(
    "--db",
    metavar="FILE|URL",
    envvar="IDDKIT_DB",
    default=DEFAULT_DATABASE,
    show_default=True,
    show_envvar=True,
    expose_value=False,
    callback=_remember,
    help=_DATABASE_HELP,
)

#: ``--db`` after the command: it is the one that counts.
database = click.option("--db", metavar="FILE|URL", expose_value=False, callback=_remember, help=_DATABASE_HELP)

as_person = click.option("--as", "as_name", metavar="NAME", required=True, help="Who does it.")
as_lead = click.option(
    "--as", "as_name", metavar="NAME", help="Who does it.  [default: the lead, where there is only one]"
)

#: Of a version's number.
WHICH_VERSION = "Which version; 0 is what the dataset came with.  [default: the one that counts]"

as_shown = click.option(
    "--as", "as_name", metavar="NAME", help="Who looks: a reviewer is shown what 'next' shows them."
)


def database_of(context: click.Context) -> str:
    """Return the path or URL of the database that a command is to work on."""
    url: str = context.meta.get(_KEY, DEFAULT_DATABASE)
    return url


def project(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--db``: the command takes ``store``, the open database of a project, which is closed behind it."""

    @database
    @functools.wraps(command)
    def with_store(*arguments: Any, **named: Any) -> Any:
        from iddkit.qc.store.database import open_store

        context = click.get_current_context()
        store = open_store(database_of(context))
        context.call_on_close(store.close)
        return command(*arguments, store=store, **named)

    return with_store


def read_settings(store: Store) -> Project:
    """Return the settings of an open project."""
    from iddkit.qc.store.database import read_project

    with store.reading() as connection:
        return read_project(connection)


def find_actor(work: Work, name: str | None, *, what: str = "a lead") -> Person:
    """Return who acts: the person of a name, or without one the only active lead.

    Raises
    ------
    OptionError
        Nobody has the name, there is no lead, or there are several.
    """
    from iddkit.qc import queue

    if name is not None:
        return queue.find_person(work, name)
    leads = active_leads(work)
    if len(leads) == 1:
        return leads[0]
    if not leads:
        raise OptionError("there is no lead yet; 'iddkit qc people add NAME --role lead' adds one")
    raise OptionError(
        f"say who acts, --as NAME; there are several leads: {', '.join(printable(p.name) for p in leads)}"
    )


def active_leads(work: Work) -> list[Person]:
    """Return the leads who take part, in the order in which they came."""
    from iddkit.qc.queue.people import read_people
    from iddkit.qc.stages import Role

    return [person for person in read_people(work) if Role.LEAD in person.role_set and person.active]


def do_each(items: Iterable[T], do: Callable[[T], bool]) -> None:
    """Do something with each item; what fails is a line, and the exit code is 1 in the end.

    Parameters
    ----------
    items
        In order; one that fails stops no other.
    do
        Returns whether it went well; a `UserError` that it raises is printed.
    """
    ok = True
    for item in items:
        try:
            ok &= do(item)
        except UserError as error:
            click.echo(str(error), err=True)
            ok = False
    if not ok:
        raise click.exceptions.Exit(1)


#: Seconds that a task can have taken: more is a slip of the finger, and a log cannot be mended.
_LONGEST: Final = 24 * 3600


class Minutes(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """``12.5`` minutes, or ``1:30`` hours and minutes; the value is in seconds."""

    name = "MINUTES"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return seconds."""
        if isinstance(value, int):
            return value
        seconds = self._read(str(value).strip(), param, ctx)
        if seconds > _LONGEST:
            self.fail(f"{printable(str(value), 40)!r} is more than a day; hand in tasks one by one", param, ctx)
        return seconds

    def _read(self, text: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        clock = re.fullmatch(r"(\d{1,4}):([0-5]\d)", text, flags=re.ASCII)
        if clock is not None:
            return 3600 * int(clock[1]) + 60 * int(clock[2])
        if re.fullmatch(r"\d{1,6}(\.\d{1,9})?", text, flags=re.ASCII) is None:
            self.fail(
                f"{printable(text, 40)!r} is no time; write minutes, 12.5, or hours and minutes, 1:30", param, ctx
            )
        return round(60 * float(text))


class When(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A day, ``2026-11-20``, or a time, ``2026-11-20T14:30``; without a zone it is that of the project."""

    name = "DATE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date | datetime:
        """Return a date, or a datetime where a time of day is given."""
        if isinstance(value, date):
            return value
        text = str(value).strip()
        found = re.match(r"\d{4}-\d\d-\d\d([T ]|$)", text, flags=re.ASCII)
        try:
            if found is None:
                raise ValueError(text)
            return datetime.fromisoformat(text) if found[1] else date.fromisoformat(text)
        except ValueError:
            self.fail(f"{printable(text, 40)!r} is no date; write 2026-11-20, or 2026-11-20T14:30", param, ctx)


minutes = click.option("--minutes", "seconds", type=Minutes(), default="0", help="Time spent: 12.5, or 1:30 for h:mm.")


def start_of(when: date | datetime, timezone: str) -> datetime:
    """Return the moment that a day begins at, or the time itself, with its zone."""
    from zoneinfo import ZoneInfo

    if not isinstance(when, datetime):
        when = datetime(when.year, when.month, when.day)
    return when if when.tzinfo is not None else when.replace(tzinfo=ZoneInfo(timezone))


def end_of(when: date | datetime, timezone: str) -> datetime:
    """Return the moment that a day ends at, or the time itself, with its zone."""
    return start_of(when if isinstance(when, datetime) else when + timedelta(days=1), timezone)


def local_text(at: int, timezone: str) -> str:
    """Return a time of the log (microseconds) in a time zone, as people read it: ``2026-11-20 14:30``."""
    from zoneinfo import ZoneInfo

    from iddkit.qc.events import to_datetime

    return to_datetime(at).astimezone(ZoneInfo(timezone)).strftime("%Y-%m-%d %H:%M")


def looking(store: Store) -> contextlib.AbstractContextManager[Work]:
    """Open a transaction in which rows are looked up and nothing can be written."""
    return store.looking()
