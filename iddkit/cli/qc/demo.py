"""``iddkit qc demo``: a project to look at, made by a simulation."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from iddkit.cli import options as shared
from iddkit.cli.progress import progress_bar
from iddkit.errors import printable


@click.command()
@click.argument("out", type=click.Path(file_okay=False, path_type=Path), default="qc_demo")
@click.option("--frames", type=click.IntRange(1, 100_000), default=1661, show_default=True, help="Frames.")
@click.option("--annotators", type=click.IntRange(2, 200), default=25, show_default=True, help="Annotators.")
@click.option("--weeks", type=click.IntRange(1, 104), default=4, show_default=True, help="Weeks from 17 July 2019 on.")
@click.option(
    "--planted", metavar="P", default="5%", show_default=True, help="Part of the frames with a planted defect."
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of all chance.")
@shared.as_json
@shared.overwrite
def demo(
    out: Path, frames: int, annotators: int, weeks: int, planted: str, seed: int, as_json: bool, overwrite: bool
) -> None:
    """Simulate a project into the folder OUT: weeks of hand-ins, reviews, repairs, samples and mishaps.

    Everybody works by the clock, every action goes through the queue, and some frames have defects that were planted.
    What a simulation alone can know, which frames are truly bad, is printed here; all else the commands tell, with
    --db OUT/qc.db.
    """
    from iddkit.qc.acceptance import parse_rate
    from iddkit.qc.simulation import write_demo

    with progress_bar("days") as progress:
        made = write_demo(
            out,
            frames=frames,
            annotators=annotators,
            weeks=weeks,
            seed=seed,
            planted=float(parse_rate(planted, "planted")),
            overwrite=overwrite,
            progress=progress,
        )
    if as_json:
        click.echo(json.dumps(asdict(made), indent=1))
        return
    from iddkit.cli.console import print_table
    from iddkit.reporting.tables import Column, Table

    click.echo(
        f"{printable(str(out / 'qc.db'), 4096)}: {made.frames} frames, {made.people} people, {made.events} events"
    )
    mended = sum(one.mended for one in made.planted)
    click.echo(f"planted: {len(made.planted)} defects, {mended} of them mended")
    click.echo(f"made in all: {made.defects}; named by a review: {made.found}; left in accepted frames: {made.left}")
    columns = (Column("batch"), Column("stage"), Column("rounds"), Column("frames"), Column("truly bad"))
    print_table(Table(columns, tuple((b.name, b.stage, b.rounds, b.frames, b.bad) for b in made.batches)))
