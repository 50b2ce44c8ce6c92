"""``iddkit predict``: a trained network's label images of photographs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from iddkit.cli import options
from iddkit.cli.extras import TRAINING, require
from iddkit.cli.progress import progress_bar

if TYPE_CHECKING:
    from iddkit.training.predict import PredictionReport


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("images", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--split", "splits", multiple=True, metavar="NAME", help="Only this split; repeatable.  [default: all]")
@click.option(
    "--size",
    type=options.Resolution(),
    metavar="HxW",
    help="Height and width that the network sees.  [default: as it was validated]",
)
@click.option(
    "--resolution",
    type=options.Resolution(),
    metavar="HxW",
    help="Height and width of the label images.  [default: those of each image]",
)
@click.option("--overlay", is_flag=True, help="Also each image under the colours of its labels.")
@click.option("--color", is_flag=True, help="Also the colours alone.")
@click.option("--device", type=click.Choice(("auto", "cuda", "mps", "cpu")), default="auto", show_default=True)
@click.option("--batch-size", "batch", type=click.IntRange(1), default=8, show_default=True, help="Images at once.")
@options.jobs
@options.overwrite
@options.as_json
def predict(
    checkpoint: Path,
    images: Path,
    out: Path,
    splits: tuple[str, ...],
    device: str,
    jobs: int,
    overwrite: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Write what the network of CHECKPOINT sees in IMAGES, as label images in the folder OUT.

    CHECKPOINT is a file, or the folder of a training. IMAGES is a dataset in any layout that 'iddkit index' knows, an
    index CSV, a folder of images, or one image.

    OUT/sequence/name_label.png holds the numbers of the network's labels; 'iddkit evaluate' and the IDD-lite
    leaderboard take it so. Frames of IDD and Cityscapes are called as their own label images are, and where several
    splits are predicted each has a folder. 'predictions.json' records what was written how: the same command goes on
    where it was stopped, and a folder takes the predictions of one checkpoint, one dataset and the same splits.
    --overwrite begins anew, and removes what was recorded.
    """
    require("a prediction", *TRAINING)
    from iddkit.training.predict import predict as run
    from iddkit.training.predictions import Settings, open_images

    index = open_images(images)
    with progress_bar("predict") as progress:
        report = run(
            checkpoint,
            index,
            out,
            Settings(**settings),
            splits=splits,
            device=device,
            threads=jobs,
            overwrite=overwrite,
            progress=progress,
        )
    for line in report.failures:
        click.echo(f"Error: {line}", err=True)
    for note in report.notes:
        click.echo(f"Note: {note}", err=True)
    if as_json:
        click.echo(json.dumps(_as_json(report, out), indent=1))
    else:
        width, height = report.size
        click.echo(f"images  {report.done} predicted, {report.skipped} there already, {len(report.failures)} failed")
        click.echo(f"seen    at height {height}, width {width}; {report.device}")
        click.echo(f"labels  {out}")
    raise click.exceptions.Exit(1 if report.failures else 0)


def _as_json(report: PredictionReport, out: Path) -> dict[str, Any]:
    width, height = report.size
    return {
        "predicted": report.done,
        "skipped": report.skipped,
        "failed": len(report.failures),
        "failures": list(report.failures),
        "notes": list(report.notes),
        "height": height,
        "width": width,
        "device": report.device,
        "out": str(out),
    }
