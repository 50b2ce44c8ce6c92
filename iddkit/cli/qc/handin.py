"""``iddkit qc submit``, ``get``: annotations go in, and any version comes out again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from iddkit.cli import options as shared
from iddkit.cli.qc import options
from iddkit.cli.qc.findings import print_findings
from iddkit.errors import UserError, printable

if TYPE_CHECKING:
    from iddkit.qc.store.database import Store


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@options.as_person
@click.option("--frame", "frame_name", metavar="FRAME", help="Which frame it is of.  [default: by name and folder]")
@options.minutes
@click.option(
    "--base",
    type=click.IntRange(0),
    metavar="N",
    help="The revision that it was made from: if another counts by now, say so.",
)
@options.project
def submit(
    store: Store, files: tuple[Path, ...], as_name: str, frame_name: str | None, seconds: int, base: int | None
) -> None:
    """Hand in annotations: polygons in any format that iddkit reads, kept byte for byte.

    The frame is told by the file's name and folders. A file that cannot be read, or is of an image of another size, is
    a line, and the others are handed in. Where another person works on the frame, or handed it in meanwhile, the file
    is kept as a revision that does not count, and the exit code is 1: nothing is lost; 'iddkit qc get' gives it back.
    What 'iddkit check' finds in a file is told at once; a project may refuse what is critical ('settings --findings').
    --minutes are those of all files together; given again with the same file they are added if they were forgotten.
    """
    from iddkit.qc import queue
    from iddkit.qc.queue.naming import find_frame_of_file

    if len(files) > 1 and (frame_name is not None or base is not None):
        raise click.UsageError("--frame and --base are of one file")
    project = options.read_settings(store)
    folder = store.files(project)
    # Minutes are of the whole call: each file has its part.
    share, rest = divmod(seconds, len(files))
    spent = dict(zip(files, [share + (place < rest) for place in range(len(files))], strict=False))

    def submit_one(path: Path) -> bool:
        try:
            with options.looking(store) as work:
                queue.find_person(work, as_name)
                found = find_frame_of_file(work, path) if frame_name is None else queue.find_frame(work, frame_name)
            handin = queue.read_handin(path, folder, found, project)
            with store.writing() as work:
                person, frame = queue.find_person(work, as_name), queue.find_frame(work, found.key)
                outcome = queue.submit(work, frame, person, handin, seconds=spent[path], base=base)
        except UserError as error:
            raise error.located(path) from error
        for problem in handin.problems:
            click.echo(f"Note: {problem}", err=True)
        number = outcome.revision.number
        if outcome.conflict:
            said = f"kept as revision {number}, which does not count: {outcome.conflict}"
            click.echo(f"{printable(str(path), 4096)}: {printable(found.key)}: {said}", err=True)
            return False
        what = "was there already" if outcome.was_there else f"{outcome.revision.shapes} objects"
        frame = outcome.frame
        click.echo(f"{printable(frame.key)}: revision {number}, {what}; now at {frame.stage}")
        print_findings(frame.key, handin.checked)
        return True

    options.do_each(files, submit_one)


@click.command()
@click.argument("frame_name", metavar="FRAME")
@click.option("--revision", type=click.IntRange(0), metavar="N", help=options.WHICH_VERSION)
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to write it.  [default: standard output]",
)
@options.as_shown
@shared.overwrite
@options.project
def get(
    store: Store, frame_name: str, revision: int | None, out: Path | None, as_name: str | None, overwrite: bool
) -> None:
    """Write out a version of FRAME's annotation, byte for byte as it was handed in."""
    from iddkit import files
    from iddkit.qc import queue
    from iddkit.qc.progress.brief import fetch_shown

    with options.looking(store) as work:
        frame = queue.find_frame(work, frame_name)
        person = None if as_name is None else queue.find_person(work, as_name)
        version = fetch_shown(store, work, frame, person, revision)
    if out is None:
        click.echo(version.content, nl=False)
        return
    files.write_new(out, version.content, overwrite)
    click.echo(f"{printable(frame.key)}: revision {version.number} written to {printable(str(out), 4096)}", err=True)
