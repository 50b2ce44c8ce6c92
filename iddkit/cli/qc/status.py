"""``iddkit qc status``: where the frames stand, what a week brought, and how a batch goes on."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from iddkit.cli import options as shared
from iddkit.cli.qc import options
from iddkit.errors import OptionError, printable

if TYPE_CHECKING:
    from iddkit.qc.store.database import Store
    from iddkit.reporting.figure import Drawing
    from iddkit.reporting.tables import Table

# '--week' without a date.
_THIS_WEEK: Final = date.min


class _Week(options.When):
    """A day of a week; ``now`` is the day on which it is asked."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date | datetime:
        if isinstance(value, str) and value == "now":
            return _THIS_WEEK
        return super().convert(value, param, ctx)


@click.command()
@click.option(
    "--week",
    type=_Week(),
    is_flag=False,
    flag_value="now",
    metavar="[DATE]",
    help="The week that holds this day; without a date the current one.",
)
@click.option("--weeks", type=click.IntRange(1, 1000), metavar="N", help="So many weeks, the newest first.")
@click.option("--batch", "batch_name", metavar="B", help="Only this batch: where its frames stand, and its burn-down.")
@click.option(
    "--csv",
    "csv_path",
    type=click.Path(path_type=Path),
    metavar="FOLDER|FILE.csv",
    help="Also write each table as a CSV file into a folder, or of weeks all in one file.",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Draw the weeks, or the burn-down of the batches: .png or .svg.",
)
@shared.as_json
@shared.overwrite
@options.project
def status(
    store: Store,
    week: date | datetime | None,
    weeks: int | None,
    batch_name: str | None,
    csv_path: Path | None,
    plot: Path | None,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Print where the frames stand; with --week what was done in a week and is carried over.

    Without options: frames by batch and stage, what waits for whom, open repairs, and frames that nobody can do. With
    --week or --weeks: a row a week, the newest first, as IDD's team had it every Wednesday ('iddkit qc settings' says
    on which day a week begins, and where).

    \b
    raw frames        frames that were handed in, each once
    annotated images  those of them that QC1 and QC2 did not send back, or that came back mended
    QC1 ... passed    frames that passed the review in this week
    carried over      frames that waited in each stage at its end
    """  # noqa: D301 - click wants the character itself
    if plot is not None and plot.suffix.lower() not in (".png", ".svg"):
        raise click.UsageError(f"--plot {plot.name}: the figure is a .png or .svg file")
    is_weekly = week is not None or weeks is not None
    if is_weekly and batch_name is not None:
        raise click.UsageError("--batch and --week: weeks are of the whole project")
    if is_weekly:
        tables, document = _weeks(store, week, weeks or 1, csv_path, plot, overwrite)
    else:
        tables, document = _standing(store, batch_name, plot, overwrite)
    if as_json:
        click.echo(json.dumps(document, indent=1))
    else:
        from iddkit.cli.console import print_table

        for name, table in tables.items():
            # The steps of a burn-down are for a figure or a script.
            if table.rows and name != "burn_down":
                print_table(table)
    if csv_path is not None and not (is_weekly and _is_file(csv_path)):
        _write_folder(csv_path, tables, overwrite)


def _weeks(
    store: Store, week: date | datetime | None, count: int, csv_path: Path | None, plot: Path | None, overwrite: bool
) -> tuple[dict[str, Table], Any]:
    from iddkit.qc.progress.weekly import read_weeks
    from iddkit.qc.store.database import read_project
    from iddkit.reporting.qc_tables import carried_table, review_table, week_table, work_table

    with store.reading() as connection:
        project = read_project(connection)
        day = None if week is None or week == _THIS_WEEK else _day_of(week, project.timezone)
        rows = read_weeks(connection, project, containing=day, weeks=count, now=datetime.now(UTC))
    if csv_path is not None and _is_file(csv_path):
        from iddkit import files
        from iddkit.reporting.tables import to_csv

        files.write_new(csv_path, to_csv(week_table(rows)), overwrite)
        click.echo(f"{printable(str(csv_path), 4096)}: written", err=True)
    if plot is not None:
        from iddkit.reporting.qc_figures import draw_weeks

        _write_figure(plot, draw_weeks(rows), overwrite)
    tables = {"annotation": work_table(rows), "quality_control": review_table(rows)}
    return {**tables, "carried_over": carried_table(rows)}, [row.to_json() for row in rows]


def _standing(
    store: Store, batch_name: str | None, plot: Path | None, overwrite: bool
) -> tuple[dict[str, Table], dict[str, Any]]:
    from iddkit.qc import queue
    from iddkit.qc.progress.burndown import read_burn_down
    from iddkit.qc.progress.standing import read_standing
    from iddkit.reporting.qc_tables import burn_down_table, repair_table, standing_table, stuck_table, wait_table

    with options.looking(store) as work:
        batch = None if batch_name is None else queue.find_batch(work, batch_name)
        standing = read_standing(work.connection, now=datetime.now(UTC), batch=batch)
        drawn = [batch] if batch is not None else []
        if batch is None and plot is not None:
            drawn = [queue.find_batch(work, one.name) for one in standing.batches]
        burn_downs = [read_burn_down(work.connection, one) for one in drawn]
        timezone = work.project.timezone
    if plot is not None:
        from iddkit.reporting.qc_figures import draw_burn_down

        _write_figure(plot, draw_burn_down(burn_downs, timezone), overwrite)
    document = standing.to_json()
    tables = {
        "frames": standing_table(standing),
        "waits": wait_table(standing),
        "repairs": repair_table(standing.repairs),
        "stuck": stuck_table(standing),
    }
    if batch is not None:
        tables["burn_down"] = burn_down_table(burn_downs[0])
        document["burn_down"] = burn_downs[0].to_json()
    return tables, document


def _day_of(when: date | datetime, timezone: str) -> date:
    """Return the day of a time where the project is."""
    if not isinstance(when, datetime):
        return when
    from zoneinfo import ZoneInfo

    return options.start_of(when, timezone).astimezone(ZoneInfo(timezone)).date()


def _is_file(path: Path) -> bool:
    return path.suffix.lower() == ".csv"


def _write_folder(folder: Path, tables: dict[str, Table], overwrite: bool) -> None:
    from iddkit import files
    from iddkit.reporting.tables import to_csv

    if _is_file(folder):
        raise OptionError("the tables of a project are several files; give a folder", path=folder)
    for stem, table in tables.items():
        files.write_new(folder / f"{stem}.csv", to_csv(table), overwrite)
    click.echo(f"{printable(str(folder), 4096)}: {len(tables)} tables written", err=True)


def _write_figure(path: Path, drawing: Drawing, overwrite: bool) -> None:
    from iddkit import files

    files.write_new(path, drawing.png if path.suffix.lower() == ".png" else drawing.svg, overwrite)
    click.echo(f"{printable(str(path), 4096)}: written", err=True)
