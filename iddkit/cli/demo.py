"""``iddkit demo``: a dataset to try everything on, without downloading one."""

from __future__ import annotations

from pathlib import Path

import click

from iddkit.cli import options
from iddkit.cli.progress import progress_bar


@click.command()
@click.argument("out", type=click.Path(path_type=Path), default="demo")
@click.option("--drives", type=click.IntRange(1, 10_000), default=4, show_default=True, help="Drive sequences.")
@click.option("--frames", type=click.IntRange(1, 10_000), default=3, show_default=True, help="Frames of each drive.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Another seed is another city.")
@click.option("--size", type=options.Size(), help="Of the images.  [default: 1920x1080 and 1280x720 in turn]")
@click.option(
    "--to",
    type=click.Choice(["cityscapes", "labelme-xml", "labelme-json"]),
    default="cityscapes",
    show_default=True,
    help="Polygons.",
)
@click.option("--labels", "label_map", type=click.Choice(["idd", "cityscapes"]), default="idd", show_default=True)
@options.jobs
@options.overwrite
def demo(
    out: Path,
    drives: int,
    frames: int,
    seed: int,
    size: tuple[int, int] | None,
    to: str,
    label_map: str,
    jobs: int,
    overwrite: bool,
) -> None:
    """Write a synthetic driving dataset into OUT, rasterize it, and show what was made.

    The scenes are drawn by a seeded generator: streets with buildings, plants, two-wheelers and their riders,
    autorickshaws, cars, trucks, animals, poles and signs, on roads with ragged borders. Polygons come in depth order,
    with deleted objects and groups, as annotators draw them; the images match the polygons.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from iddkit import demo as demos
    from iddkit import files, images, labels
    from iddkit.groundtruth import make_plan, rasterize

    with progress_bar("drawing scenes") as progress:
        written = demos.write_dataset(
            out,
            drives=drives,
            frames=frames,
            seed=seed,
            size=size,
            to=to,
            label_map=label_map,
            overwrite=overwrite,
            progress=progress,
        )
    plan = make_plan(labels.load(label_map), ["all"], instances=True, panoptic=True, color=True)
    report = rasterize(out, plan=plan, jobs=jobs, overwrite=overwrite)
    for line in report.failures:
        click.echo(line, err=True)
    sheet = out / "contact_sheet.png"
    files.write_new(sheet, images.encode_png(demos.draw_sheet(out, written, label_map)), overwrite)
    console = Console()
    table = Table(title=Text(f"{len(written)} frames of {drives} drives in {out}"), title_justify="left")
    table.add_column("files")
    for heading in ("number", "KiB"):
        table.add_column(heading, justify="right")
    for kind, (count, size_in_bytes) in demos.count_files(out).items():
        table.add_row(Text(kind), str(count), f"{size_in_bytes / 1024:.0f}")
    console.print(table)
    ledger = report.ledger
    dropped = sum(ledger.dropped.values())
    click.echo(f"polygons: {ledger.drawn} drawn + {ledger.hidden} hidden + {dropped} dropped = {ledger.objects}")
    click.echo(f"to look at: {sheet}")
    raise click.exceptions.Exit(0 if report.ok else 1)
