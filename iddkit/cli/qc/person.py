"""``iddkit qc person``: what the log says of the work of people."""

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


@click.command()
@click.argument("name", required=False)
@click.option(
    "--csv",
    "csv_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.csv",
    help="Also write the table of all people as a CSV file, numbers and ends of intervals in columns of their own.",
)
@click.option("--markdown", is_flag=True, help="Print Markdown.")
@shared.as_json
@shared.overwrite
@options.project
def person(
    store: Store, name: str | None, csv_path: Path | None, markdown: bool, as_json: bool, overwrite: bool
) -> None:
    """Say how the work of a person fares, or, without a NAME, that of all: each number with its interval at 95 %.

    \b
    first pass   part of the frames that passed their first review as they were handed in first
    defects      what reviewers found per 100 polygons, by reason, and which labels were confused
    hours        of annotation and of quality control, and the median minutes of each kind of task

    Of few cases nothing is said ('too few to say'): 20 of a share, 500 polygons of a rate, 6 tasks of a median.
    """  # noqa: D301 - click wants the character itself
    from iddkit.cli.console import print_table
    from iddkit.qc import queue
    from iddkit.qc.progress.person import read_people_table, read_person
    from iddkit.reporting.qc_people import estimate_table, people_table, person_tables
    from iddkit.reporting.tables import to_markdown

    if markdown and as_json:
        raise click.UsageError("--markdown and --json: only one of them can hold")
    if name is not None and csv_path is not None:
        raise click.UsageError("--csv is of all people; leave the name away")
    with options.looking(store) as work:
        if name is None:
            reports = read_people_table(work.connection)
        else:
            folder = store.files(work.project)
            reports = [read_person(work.connection, folder, queue.find_person(work, name))]
    tables = [people_table(reports)] if name is None else person_tables(reports[0])
    if as_json:
        documents = [report.to_json() for report in reports]
        click.echo(json.dumps(documents if name is None else documents[0], indent=1))
    elif markdown:
        click.echo("\n".join(to_markdown(table) for table in tables), nl=False)
    elif not tables:
        click.echo(f"{printable(reports[0].name)}: nothing yet")
    else:
        for table in tables:
            print_table(table)
    if csv_path is not None:
        from iddkit import files
        from iddkit.reporting.tables import to_csv

        files.write_new(csv_path, to_csv(estimate_table(reports)), overwrite)
        click.echo(f"{printable(str(csv_path), 4096)}: written", err=True)
