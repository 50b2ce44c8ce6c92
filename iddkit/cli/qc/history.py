"""``iddkit qc history``: everything that happened to a frame."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from iddkit.cli import options as shared
from iddkit.cli.qc import options
from iddkit.errors import printable

if TYPE_CHECKING:
    from iddkit.qc.store.database import Store
    from iddkit.reporting.tables import Cell


@click.command()
@click.argument("frame_name", metavar="FRAME")
@click.option("--as", "as_name", metavar="NAME", help="Who asks: a lead is told of planted errors, too.")
@shared.as_json
@options.project
def history(store: Store, frame_name: str, as_name: str | None, as_json: bool) -> None:
    """List who did what to FRAME, and when: hand-ins, reviews with their marks, what its batch went through, refusals.

    'iddkit qc get FRAME --revision N' writes out any version that is named. Times are UTC.
    """
    from iddkit.cli.console import print_table
    from iddkit.qc import queue
    from iddkit.qc.progress.history import read_history
    from iddkit.qc.stages import Role
    from iddkit.qc.state import Batch
    from iddkit.reporting.tables import Column, Table

    with options.looking(store) as work:
        frame = queue.find_frame(work, frame_name)
        planted = as_name is not None and Role.LEAD in queue.find_person(work, as_name).role_set
        found = read_history(work.connection, frame, planted=planted)
        batch = work.state.get(Batch, frame.batch).name
    if as_json:
        click.echo(json.dumps([one.to_json() for one in found], indent=1))
        return
    rows: list[tuple[Cell, ...]] = []
    for one in found:
        rows.append((one.at, one.who or "-", one.what, one.minutes))
        rows += [("", "", f"  {mark}", None) for mark in one.marks]
    columns = (Column("time"), Column("who"), Column("what"), Column("minutes", 1))
    revision = f", revision {frame.revision}" if frame.revision else ""
    title = f"{printable(frame.key)}: at {frame.stage}{revision}, batch {printable(batch)}"
    print_table(Table(columns, tuple(rows), title))
