"""``iddkit qc export``: accepted frames leave the review as a dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iddkit.cli import options as shared
from iddkit.cli.qc import options
from iddkit.errors import printable
from iddkit.qc.stages import Stage

if TYPE_CHECKING:
    from iddkit.qc.store.database import Store


@click.command()
@click.argument("batch_names", metavar="[BATCH...]", nargs=-1)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    required=True,
    help="Where the annotations and their index, frames.csv, are written.",
)
@click.option(
    "--state",
    "states",
    type=click.Choice([str(stage) for stage in Stage if stage is not Stage.ANNOTATE]),
    multiple=True,
    default=[str(Stage.ACCEPTED)],
    show_default=True,
    help="Frames of this stage; repeatable.",
)
@shared.overwrite
@shared.as_json
@options.project
def export(
    store: Store, batch_names: tuple[str, ...], out: Path, states: tuple[str, ...], overwrite: bool, as_json: bool
) -> None:
    """Write the annotations of accepted frames of each BATCH (of all, without one), byte for byte as handed in.

    FOLDER/frames.csv is an index that 'iddkit rasterize', 'stats' and 'make-lite' take; the images stay where they are.
    Frames of other stages are exported only where --state asks for them. The same command does only what is missing.
    """
    from iddkit.qc.progress.export import export as write
    from iddkit.qc.store.database import read_project

    with store.reading() as connection:
        done = write(
            connection,
            store.files(read_project(connection)),
            out,
            named=batch_names,
            stages=[Stage(state) for state in states],
            overwrite=overwrite,
        )
    for problem in done.problems:
        click.echo(problem, err=True)
    if as_json:
        document = {
            "index": str(done.path),
            "frames": len(done.index),
            "written": done.written,
            "up_to_date": done.there,
            "removed": done.removed,
            "problems": list(done.problems),
        }
        click.echo(json.dumps(document, indent=1))
    else:
        click.echo(f"frames  {done.written} written, {done.there} up to date, {done.removed} removed")
        click.echo(f"index   {printable(str(done.path), 4096)}, {len(done.index)} frames")
    raise click.exceptions.Exit(1 if done.problems else 0)
