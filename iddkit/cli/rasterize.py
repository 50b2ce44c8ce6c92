"""``iddkit rasterize``: polygons in, label images out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from iddkit import labels
from iddkit.cli import options
from iddkit.cli.progress import progress_bar

if TYPE_CHECKING:
    from iddkit.groundtruth import Report


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), help="Mirror the tree under this folder.  [default: beside the polygons]"
)
@options.label_map
@click.option("--level", "levels", multiple=True, metavar="LEVEL", help="Level of the label images; repeatable; 'all'.")
@options.fill
@click.option("--instances", is_flag=True, help="Also instance images, of each --level that is named.")
@click.option(
    "--instance-level", "instance_levels", multiple=True, metavar="LEVEL", help="Instances of these levels instead."
)
@click.option("--panoptic", is_flag=True, help="Also panoptic images and their COCO JSON.")
@click.option("--panoptic-level", metavar="LEVEL", help="Panoptic segments of this level instead.")
@click.option("--color", is_flag=True, help="Also colour images.")
@click.option(
    "--size", type=options.Size(), help="Size of the images, sampled at pixel centres.  [default: as annotated]"
)
@options.unknown
@options.jobs
@options.overwrite
@options.as_json
def rasterize(
    source: Path,
    out: Path | None,
    label_map_name: str | None,
    levels: tuple[str, ...],
    jobs: int,
    overwrite: bool,
    as_json: bool,
    **wanted: Any,
) -> None:
    """Draw the polygons of SOURCE as label images, exactly as the published ground truth was drawn.

    SOURCE is a dataset's folder (IDD, Cityscapes, LabelMe), an annotation file, or an index CSV. The images have the
    published file names. 'rasterize.json' records what was made of what: a run that was interrupted, or a dataset that
    has grown, is rasterized again with the same command, which does only what is missing.
    """
    from iddkit import frames, groundtruth
    from iddkit.groundtruth.plan import make_plan

    index = frames.scan(source)
    label_map = labels.load(label_map_name or ("cityscapes" if index.layout == "cityscapes" else "idd"))
    plan = make_plan(label_map, levels, **wanted)
    with progress_bar("rasterize") as progress:
        report = groundtruth.rasterize(index, out, plan, jobs=jobs, overwrite=overwrite, progress=progress)
    for line in report.failures:
        click.echo(line, err=True)
    for line in report.warnings:
        click.echo(f"Warning: {line}", err=True)
    if as_json:
        click.echo(json.dumps(_as_json(report), indent=1))
    else:
        _print_summary(report, plan.label_map.name)
    raise click.exceptions.Exit(0 if report.ok else 1)


def _as_json(report: Report) -> dict[str, Any]:
    return {
        "done": report.done,
        "skipped": report.skipped,
        "failed": report.failed,
        "images": report.images,
        "fills": report.fills,
        "polygons": report.ledger.to_json(),
        "failures": report.failures,
        "warnings": report.warnings,
        "notes": report.notes,
        "manifest": None if report.manifest is None else str(report.manifest),
    }


def _print_summary(report: Report, label_map: str) -> None:
    ledger = report.ledger
    dropped = sum(ledger.dropped.values())
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(ledger.dropped.items()))
    fills = ", ".join(f"{fill} ({count})" for fill, count in sorted(report.fills.items()))
    click.echo(f"frames    {report.done} done, {report.skipped} up to date, {report.failed} failed")
    click.echo(f"images    {report.images} written")
    click.echo(f"polygons  {ledger.drawn} drawn + {ledger.hidden} hidden + {dropped} dropped = {ledger.objects}")
    if reasons:
        click.echo(f"dropped   {reasons}")
    click.echo(f"drawn by  label map {label_map}" + (f", fill rule {fills}" if fills else ""))
    if report.manifest is not None:
        click.echo(f"manifest  {report.manifest}")
    if report.notes:
        click.echo(f"{len(report.notes)} notes on files without a partner: 'iddkit index' lists them", err=True)
