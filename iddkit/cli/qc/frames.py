"""``iddkit qc add``, ``assign``, ``release``, ``drop``, ``restore``: what a lead does with frames."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from iddkit.cli.qc import options
from iddkit.errors import printable

if TYPE_CHECKING:
    from iddkit.qc.store.database import Store

#: Frames that are listed: a screen of them.
_LISTED = 20

_frames = click.argument("names", metavar="FRAME...", nargs=-1, required=True)


@click.command()
@click.argument("source", metavar="INDEX", type=click.Path(path_type=Path))
@click.option("--batch", "batch_name", metavar="B", required=True, help="Name of the batch; it is made if it is new.")
@options.as_lead
@options.project
def add(store: Store, source: Path, batch_name: str, as_name: str | None) -> None:
    """Add the frames of INDEX to a batch: what is frozen, sampled and accepted together.

    INDEX is a CSV file of 'iddkit index', the folder of a dataset in any layout that 'iddkit index' knows, or a part of
    one. Frames that the project has already stay as they are and where they are; the same command can be given
    again.
    """
    from iddkit import frames
    from iddkit.cli.notes import print_notes
    from iddkit.errors import FrameError
    from iddkit.qc import queue

    index = frames.scan(source)
    with store.writing() as work:
        added = queue.add_frames(work, index, batch_name, options.find_actor(work, as_name))
    click.echo(f"batch {printable(added.batch.name)}: {added.added} frames added")
    if added.there:
        some = ", ".join(map(printable, added.there[:3])) + (" ..." if added.there[3:] else "")
        click.echo(f"Note: {len(added.there)} frames were in the project already: {some}", err=True)
    for key in added.unnamed[:_LISTED]:
        click.echo(f"{printable(key)}: its name or its place is not UTF-8: it cannot be added", err=True)
    notes = [str(FrameError(p.problem, path=index.root / p.path)) for p in index.problems if not p.is_error]
    print_notes(notes, index)
    errors = [p for p in index.problems if p.is_error]
    for problem in errors[:_LISTED]:
        click.echo(str(FrameError(problem.problem, path=index.root / problem.path)), err=True)
    if errors[_LISTED:]:
        click.echo(f"... and {len(errors) - _LISTED} more; 'iddkit index --all' lists them", err=True)
    raise click.exceptions.Exit(1 if errors or added.unnamed else 0)


@click.command()
@_frames
@click.option("--to", "to_name", metavar="NAME", required=True, help="Who is to do the next step.")
@options.as_lead
@options.project
def assign(store: Store, names: tuple[str, ...], to_name: str, as_name: str | None) -> None:
    """Give the next step of each FRAME to a person: its annotation, its repair or its review.

    A frame that has escalated goes to repair. Nobody is given the review of what they drew.
    """
    from iddkit.qc import queue

    def assign_one(name: str) -> bool:
        with store.writing() as work:
            person = queue.find_person(work, to_name)
            frame = queue.give(work, queue.find_frame(work, name), person, options.find_actor(work, as_name))
        click.echo(f"{printable(frame.key)}: {frame.stage}, {printable(person.name)}")
        return True

    options.do_each(names, assign_one)


@click.command()
@_frames
@options.as_person
@options.project
def release(store: Store, names: tuple[str, ...], as_name: str) -> None:
    """Give back each FRAME that 'iddkit qc next' gave to a person, so that others can have it.

    Whose it is may do it (--as NAME), and a lead.
    """
    from iddkit.qc import queue

    def release_one(name: str) -> bool:
        with store.writing() as work:
            frame = queue.release(work, queue.find_frame(work, name), options.find_actor(work, as_name))
        click.echo(f"{printable(frame.key)}: {frame.stage}, free")
        return True

    options.do_each(names, release_one)


@click.command()
@_frames
@click.option("--reason", metavar="TEXT", required=True, help="Why.")
@options.as_lead
@options.project
def drop(store: Store, names: tuple[str, ...], reason: str, as_name: str | None) -> None:
    """Take each FRAME out of the review. What was handed in is kept, and 'iddkit qc restore' takes it up again."""
    from iddkit.qc import queue

    def drop_one(name: str) -> bool:
        with store.writing() as work:
            frame = queue.drop(work, queue.find_frame(work, name), options.find_actor(work, as_name), reason)
        click.echo(f"{printable(frame.key)}: {frame.stage}")
        return True

    options.do_each(names, drop_one)


@click.command()
@_frames
@click.option(
    "--batch", "batch_name", metavar="B", help="An open batch that takes them.  [default: the one they are of]"
)
@options.as_lead
@options.project
def restore(store: Store, names: tuple[str, ...], batch_name: str | None, as_name: str | None) -> None:
    """Take each dropped FRAME up again: at QC1 if it was handed in, else to be annotated."""
    from iddkit.qc import queue

    def restore_one(name: str) -> bool:
        with store.writing() as work:
            batch = None if batch_name is None else queue.find_batch(work, batch_name)
            frame = queue.restore(work, queue.find_frame(work, name), options.find_actor(work, as_name), batch)
        click.echo(f"{printable(frame.key)}: {frame.stage}")
        return True

    options.do_each(names, restore_one)
