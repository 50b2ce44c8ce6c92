"""``iddkit qc import-log``: weeks that were over before the project began."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iddkit.cli import options as shared
from iddkit.cli.qc import options
from iddkit.errors import printable

if TYPE_CHECKING:
    from iddkit.qc.store.database import Store

#: Rows that are listed without ``--all``: a screen of them.
_LISTED = 20


@click.command("import-log")
@click.argument("path", metavar="LOG.csv", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--strict", is_flag=True, help="Refuse people and frames that the project does not know.")
@click.option("--retry", is_flag=True, help="Try rows again that an import refused, after something was mended.")
@click.option("--all", "list_all", is_flag=True, help=f"List all rows that were refused, not the first {_LISTED}.")
@shared.as_json
@options.project
def import_log(store: Store, path: Path, strict: bool, retry: bool, list_all: bool, as_json: bool) -> None:
    """Import past activity: LOG.csv has the columns frame, person, action, time, minutes, as a spreadsheet keeps them.

    \b
    action   add, submit, qc1 pass, qc1 fail ... qc4 fail, freeze, sample, conclude, hours annotation, hours qc
    time     2019-07-17 14:30, where the project is
    further  batch, verdict, reason, shapes

    Each row goes through what live work goes through, at its own time: what the order of the stages does not allow is
    refused here, too, and is a line; the exit code is 1 then. A row is known by what it says: the same file again
    changes nothing, and one that has grown since brings what is new.
    """  # noqa: D301 - click wants the character itself
    from iddkit.qc.worklog import import_log as read

    report = read(store, path, strict=strict, retry=retry)
    listed = report.problems if list_all or as_json else report.problems[:_LISTED]
    for problem in listed:
        click.echo(str(problem), err=True)
    if len(listed) < len(report.problems):
        click.echo(f"... and {len(report.problems) - len(listed)} more; --all lists them", err=True)
    if as_json:
        document = {
            "sha256": report.sha256,
            "rows": report.rows,
            "imported": report.imported,
            "there": report.there,
            "frames": report.frames,
            "people": list(report.people),
            "roles": list(report.roles),
            "problems": [str(problem) for problem in report.problems],
        }
        click.echo(json.dumps(document, indent=1))
    else:
        refused = len(report.problems)
        click.echo(
            f"rows    {report.imported} imported, {report.there} there already, {refused} refused or not counted"
        )
        click.echo(f"frames  {report.frames} added")
        click.echo(f"people  {', '.join(map(printable, report.people)) or 'nobody'} added")
        added = zip(report.people, report.roles, strict=True)
        if roles := "; ".join(f"{printable(name)}: {its.replace(',', ', ')}" for name, its in added):
            click.echo(f"roles   {roles}")
    raise click.exceptions.Exit(1 if report.problems else 0)
