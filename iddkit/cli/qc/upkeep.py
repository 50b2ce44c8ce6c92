"""``iddkit qc verify``, ``backup``, ``restore-backup``, ``upgrade``: whether all is as it was written, and stays so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from iddkit.cli import options as shared
from iddkit.cli.progress import progress_bar
from iddkit.cli.qc import options
from iddkit.errors import StoreError, UserError, printable

if TYPE_CHECKING:
    from iddkit.qc.backup import Copy
    from iddkit.qc.store.database import Store
    from iddkit.qc.verify import Verification


@click.command()
@click.option("--no-files", is_flag=True, help="Only the database; leave the files that were handed in unread.")
@click.option(
    "--certificate",
    "certificates",
    type=click.Path(dir_okay=False, path_type=Path),
    multiple=True,
    metavar="CERT.json",
    help="The log has to be the one that this certificate was made from, and to say what it says; repeatable.",
)
@shared.as_json
@options.project
def verify(store: Store, no_files: bool, certificates: tuple[Path, ...], as_json: bool) -> None:
    """Check the project: replay the log, compare its chain, the rows and the files, and name what is broken.

    Each event has to be one that the queue would have written: by somebody of the role, never a review of one's own
    work; samples are drawn again and conclusions made again.

    The last line is the number and the hash of the last event. Who notes them down, or keeps a certificate, can tell
    later whether the log was written anew; of a certificate, all that it says is compared. Each finding is a line, and
    the exit code is 1.
    """
    from iddkit import files
    from iddkit.qc.progress.certificate import Certificate
    from iddkit.qc.verify import verify as check

    shown = []
    for path in certificates:
        try:
            shown.append(Certificate.from_json(files.read_bytes(path)))
        except UserError as error:
            raise error.located(path) from error
    with progress_bar("verify") as progress:
        found = check(store, files=not no_files, certificates=shown, progress=progress)
    if as_json:
        click.echo(json.dumps(_as_json(found), indent=1))
    else:
        for finding in found.findings:
            click.echo(str(finding))
        for kind, count in found.left_out.items():
            click.echo(f"... and {count} more findings of the {kind}")
        count = len(found.findings)
        said = "all as it was written" if found.ok else f"{count} finding{'s' if count > 1 else ''}"
        click.echo(f"{found.events} events, {found.rows} rows, {found.files} files: {said}")
        click.echo(f"last event  {found.last[0]} {found.last[1]}")
    raise click.exceptions.Exit(0 if found.ok else 1)


def _as_json(found: Verification) -> dict[str, Any]:
    return {
        "ok": found.ok,
        "findings": [
            {"kind": one.kind, "where": one.where, "problem": one.problem, "event": one.seq} for one in found.findings
        ],
        "left_out": dict(found.left_out),
        "events": found.events,
        "rows": found.rows,
        "files": found.files,
        "last": {"event": found.last[0], "hash": found.last[1]},
    }


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@shared.overwrite
@shared.as_json
@options.project
def backup(store: Store, target: Path, overwrite: bool, as_json: bool) -> None:
    """Copy the project to TARGET, a SQLite file with the annotations beside it, while others go on working.

    The copy is one moment of the project, and is checked as a whole before it takes its name. In a folder, TARGET is
    called qc.db; later backups beside it copy only the annotations that are new.
    """
    from iddkit.qc.backup import backup as back_up

    made = back_up(store, _in_folder(target), overwrite=overwrite)
    _say_copy(made, as_json)


@click.command("restore-backup")
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--files",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Where the annotations are to lie; PostgreSQL needs it.  [default: beside the SQLite file, as in the backup]",
)
@shared.as_json
@options.database
@click.pass_context
def restore_backup(context: click.Context, /, source: Path, files: Path | None, as_json: bool) -> None:
    """Make a project of SOURCE, a backup, where there is none: --db says where, a SQLite file or PostgreSQL.

    So a project moves from a file to a server, and back.
    """
    from iddkit.qc.backup import restore

    folder = None if files is None else str(files.absolute())
    _say_copy(restore(_in_folder(source), options.database_of(context), folder=folder), as_json)


def _in_folder(path: Path) -> Path:
    return path / options.DEFAULT_DATABASE if path.is_dir() else path


def _say_copy(made: Copy, as_json: bool) -> None:
    found = made.verification
    if as_json:
        document = {"path": made.path, "files": str(made.files), "copied": made.copied, **_as_json(found)}
        click.echo(json.dumps(document, indent=1))
        return
    where = printable(made.path, 4096)
    click.echo(f"{where}: {found.events} events, {found.rows} rows, {found.files} files: all as it was written")
    click.echo(f"files  {printable(str(made.files), 4096)}, {made.copied} copied")


@click.command()
@options.database
@click.pass_context
def upgrade(context: click.Context) -> None:
    """Bring the tables of a project that an older iddkit made to the version of this one."""
    from iddkit.qc.store.database import VERSION, create_store

    url = options.database_of(context)
    if "://" not in url and not Path(url).is_file():
        raise StoreError("no review project is here; 'iddkit qc init' makes one", path=url)
    store = create_store(url)
    context.call_on_close(store.close)
    project = options.read_settings(store)
    click.echo(f"{store.url}: project {project.name}, tables of version {VERSION}")
