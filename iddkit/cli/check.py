"""``iddkit check``: what a machine can say of annotations."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from iddkit.cli import options
from iddkit.cli.notes import print_notes
from iddkit.cli.numbering import numbering
from iddkit.cli.progress import progress_bar
from iddkit.errors import OptionError, printable

if TYPE_CHECKING:
    from iddkit.checks import Report

#: Findings that the table on a terminal lists: a few screens. All other forms hold all.
_LISTED = 100


@click.command()
@click.argument("source", metavar="DATASET", type=click.Path(path_type=Path))
@options.label_map
@click.option(
    "--rules",
    multiple=True,
    metavar="RULE,...",
    help="Only these rules; with a minus before its name, all but this one.  [default: all that 'iddkit rules' lists]",
)
@click.option(
    "--severity",
    type=click.Choice(["critical", "major", "minor"]),
    default="minor",
    show_default=True,
    help="Show what is at least so bad.",
)
@click.option(
    "--settings", type=click.Path(dir_okay=False, path_type=Path), metavar="TOML", help="What the rules go by."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "sarif", "github"]),
    default="table",
    show_default=True,
    help="Of what is printed.",
)
@click.option(
    "-o", "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write it to a file instead."
)
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Also a page with pictures."
)
@click.option("--pictures", type=click.IntRange(0), default=200, show_default=True, help="Of findings on that page.")
@click.option(
    "--baseline",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="JSON",
    help="Leave out what this earlier result ('--format json') holds.",
)
@click.option(
    "--mend",
    "mend_folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Write mended copies of the files that can be mended, and mends.csv.",
)
@click.option(
    "--tables",
    "table_folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Also findings, gaps and ledgers as CSV.",
)
@options.fill
@options.jobs
@options.overwrite
def check(
    source: Path,
    label_map_name: str | None,
    rules: tuple[str, ...],
    severity: str,
    settings: Path | None,
    form: str,
    out: Path | None,
    html: Path | None,
    pictures: int,
    baseline: Path | None,
    mend_folder: Path | None,
    table_folder: Path | None,
    fill: str | None,
    jobs: int,
    overwrite: bool,
) -> None:
    """Look for defects in the annotations of DATASET: what a machine can see before a person looks.

    Outlines that cross themselves, misspelt labels, duplicates, what is hidden, gaps, images that do not fit, frames
    and drives that are unlike the others: 'iddkit rules' lists all. DATASET is a folder in any layout that 'iddkit
    index' knows, an annotation file, or an index CSV.

    The summary accounts for every object: drawn + hidden + dropped = objects in the files. --mend changes nothing in
    DATASET: it writes copies in which only what is safe is changed, and lists each change.

    The exit code is 1 if something critical was found, or a file could not be used.
    """
    from iddkit import frames
    from iddkit.checks import check as run
    from iddkit.checks import load_settings
    from iddkit.checks.baseline import load_baseline
    from iddkit.severity import Severity

    if form == "table" and out is not None:
        raise click.UsageError("-o FILE takes what --format json, csv, sarif or github gives")
    known = None if baseline is None else load_baseline(baseline)
    index = frames.scan(source)
    if mend_folder is not None:
        _refuse_inside(mend_folder, index.root)
    label_map, _ = numbering(index, label_map_name, None)
    going_by = None if settings is None else load_settings(settings)
    with progress_bar("check") as progress:
        whole = run(index, label_map, rules=rules, settings=going_by, fill=fill, jobs=jobs, progress=progress)
    report = whole if known is None else whole.without(known)
    report = report.at_least(Severity(severity))
    for line in report.failures:
        click.echo(line, err=True)
    print_notes(report.notes, index)
    if html is not None:
        _write_page(report, html, pictures, fill, overwrite)
    if table_folder is not None:
        _write_tables(report, table_folder, overwrite)
    failed = False
    if mend_folder is not None:
        failed = _mend(whole, mend_folder, settings=going_by, fill=fill, overwrite=overwrite)
    _print(report, form, out, overwrite)  # last: who pipes it into 'head' has the files nonetheless
    raise click.exceptions.Exit(0 if report.ok and not failed else 1)


def _print(report: Report, form: str, out: Path | None, overwrite: bool) -> None:
    from iddkit import files
    from iddkit.reporting.check_formats import to_github, to_json, to_sarif
    from iddkit.reporting.check_tables import finding_table
    from iddkit.reporting.tables import to_csv

    if form == "table" and out is None:
        _print_summary(report)
        return
    text = {
        "csv": lambda: to_csv(finding_table(report)).decode("utf-8", "surrogateescape"),
        "json": lambda: to_json(report),
        "sarif": lambda: to_sarif(report),
        "github": lambda: to_github(report),
    }[form]()
    content = text.encode("utf-8", "surrogateescape")
    if out is None:
        click.echo(content, nl=False)
    else:
        files.write_new(out, content, overwrite)


def _print_summary(report: Report) -> None:
    from iddkit.checks.finding import counted
    from iddkit.cli.console import print_table
    from iddkit.reporting.check_tables import count_table
    from iddkit.severity import Severity

    ordered = sorted(report.findings, key=lambda each: -each[1].severity.weight)
    for key, one in ordered[:_LISTED]:
        click.echo(f"{one.severity:8}  {printable(key)}: {one.rule}: {printable(str(one), 500)}")
    if len(ordered) > _LISTED:
        click.echo(f"... and {len(ordered) - _LISTED} more: --severity, --rules, --format csv or --html show them")
    if ordered:
        click.echo()
        print_table(count_table(report))
    ledger = report.ledger
    dropped = ", ".join(f"{count} {reason}" for reason, count in sorted(ledger.dropped.items()))
    gaps = [gap for frame in report.frames for gap in frame.gaps]
    hidden = f" ({report.hidden} in the baseline)" if report.hidden else ""
    clean = sum(not frame.findings for frame in report.frames)
    click.echo(f"frames    {len(report.frames)} checked, {clean} without a finding")
    click.echo(f"findings  {counted({severity: report.count().get(severity, 0) for severity in Severity})}{hidden}")
    total = sum(ledger.dropped.values())
    click.echo(f"polygons  {ledger.drawn} drawn + {ledger.hidden} hidden + {total} dropped = {ledger.objects}")
    if dropped:
        click.echo(f"dropped   {dropped}")
    click.echo(f"gaps      {len(gaps)}, {sum(gap.area for gap in gaps)} px")


def _write_page(report: Report, path: Path, pictures: int, fill: str | None, overwrite: bool) -> None:
    from iddkit import files
    from iddkit.reporting.check_page import render_check

    command = shlex.join(["iddkit", "check", str(report.index.root)])
    with progress_bar("draw") as progress:
        page = render_check(report, pictures=pictures, fill=fill, command=command, progress=progress)
    files.write_new(path, page.encode("utf-8", "replace"), overwrite)
    click.echo(f"{printable(str(path))}: written", err=True)


def _write_tables(report: Report, folder: Path, overwrite: bool) -> None:
    from iddkit import files
    from iddkit.reporting.check_tables import finding_table, gap_table, ledger_table
    from iddkit.reporting.tables import to_csv

    for name, table in (
        ("findings", finding_table(report)),
        ("gaps", gap_table(report)),
        ("ledgers", ledger_table(report)),
    ):
        files.write_new(folder / f"{name}.csv", to_csv(table), overwrite)
    click.echo(f"{printable(str(folder))}: 3 tables written", err=True)


def _refuse_inside(folder: Path, root: Path) -> None:
    """Refuse a folder for mended copies in which the next run would take them for frames."""
    real, inside = root.resolve(), folder.resolve()
    if inside == real or real in inside.parents:
        raise OptionError("--mend: a folder of the dataset itself; mended copies need one of their own outside of it")


def _mend(report: Report, folder: Path, *, overwrite: bool, **going_by: Any) -> bool:
    """Write mended copies, say what was changed, and return whether a file could not be mended."""
    from iddkit import files
    from iddkit.checks.mend import write_mended
    from iddkit.reporting.check_tables import change_table
    from iddkit.reporting.tables import to_csv

    with progress_bar("mend") as progress:
        mended = write_mended(report, folder, overwrite=overwrite, progress=progress, **going_by)
    for line in mended.failures:
        click.echo(line, err=True)
    for one in mended.changes:
        click.echo(
            f"mended    {printable(one.key)}: object {one.object} ({printable(one.label, 40)}): {one.text}", err=True
        )
    if mended.changes:
        files.write_new(folder / "mends.csv", to_csv(change_table(mended.changes)), overwrite)
    click.echo(f"{printable(str(folder))}: {len(mended.files)} files mended, {len(mended.changes)} changes", err=True)
    return bool(mended.failures)
