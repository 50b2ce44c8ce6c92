"""``iddkit convert``: annotation files from one format into another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from iddkit.cli import options
from iddkit.cli.progress import progress_bar
from iddkit.formats import FORMATS

if TYPE_CHECKING:
    from iddkit.conversion import ConversionReport

#: Lines of each kind that are printed; the summary has the counts, --json has all.
_MOST_LINES = 50


@click.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--to", required=True, type=click.Choice((*FORMATS, "coco")), help="The format to write.")
@click.option("--label-map", "label_map_name", metavar="MAP", help="For coco: labels that become the categories.")
@options.overwrite
@options.as_json
def convert(source: Path, out: Path, to: str, label_map_name: str | None, overwrite: bool, as_json: bool) -> None:
    """Convert the annotation file IN, or every one below the folder IN, and write it to OUT.

    The formats of IN are found by content, not by name: Cityscapes JSON (also IDD's), labelme JSON, LabelMe XML, COCO
    instances. OUT is a folder that mirrors the tree of IN. If IN is one file of one frame, OUT can be a file.

    \b
    --to          writes                   named
    cityscapes    a file for each frame    FRAME_gtFine_polygons.json
    labelme-json  a file for each frame    FRAME.json
    labelme-xml   a file for each frame    FRAME.xml
    coco          one file for all         instances.json, or OUT if it ends in .json

    Points, labels, groups, deleted marks and the order of objects stay as they are, with these limits. Cityscapes and
    LabelMe XML know only polygons: circles, boxes and masks become polygons. COCO has no deleted objects, which are
    left out, and no depth order: each object keeps the whole outline that was drawn. With --label-map idd the
    categories of COCO have IDD's ids, and 'cargroup' is a crowd of 'car'; without it they are the labels as they come.
    COCO's panoptic format is written by 'iddkit rasterize --panoptic'.

    Cityscapes and COCO state the size of the image. Where IN does not, the image is looked for beside the annotation,
    and in the folders of LabelMe and IDD trees.

    What could not be converted is listed on standard error, as 'path: object N: why', and the rest is converted. The
    exit code is 1 if a file failed or there was none to convert. Files that exist are kept unless --overwrite is given,
    files in IN always.

    \b
    Examples:
      iddkit convert Annotations converted --to labelme-json
      iddkit convert IDD/gtFine/val val.json --to coco --label-map idd
      iddkit convert instances.json frames --to cityscapes
    """  # noqa: D301 - click wants the character itself
    from iddkit import conversion, labels

    label_map = None if label_map_name is None else labels.load(label_map_name)
    with progress_bar("convert") as progress:
        report = conversion.convert(source, out, to, label_map=label_map, overwrite=overwrite, progress=progress)
    if as_json:
        click.echo(json.dumps(_as_json(report), indent=1))
    else:
        _print_summary(report)
    raise click.exceptions.Exit(0 if report.ok else 1)


def _as_json(report: ConversionReport) -> dict[str, Any]:
    return {
        "files": report.files,
        "written": [str(path) for path in report.written],
        "failed": [str(error) for error in report.failed],
        "no_annotation": [str(path) for path in report.passed_over],
        "objects": report.objects,
        "converted": report.converted,
        "listed": [
            {"path": str(line.path), "where": line.problem.where, "problem": line.problem.text}
            for line in report.listed
        ],
    }


def _print_summary(report: ConversionReport) -> None:
    _print_lines([f"{path}: no annotation format" for path in report.passed_over])
    _print_lines([str(line) for line in report.listed])
    _print_lines([str(error) for error in report.failed])
    passed_over = f", {len(report.passed_over)} without annotation" if report.passed_over else ""
    click.echo(f"files    {report.files} read, {len(report.written)} written, {len(report.failed)} failed{passed_over}")
    listed = report.objects - report.converted
    click.echo(f"objects  {report.converted} converted + {listed} listed = {report.objects}")


def _print_lines(lines: list[str]) -> None:
    for line in lines[:_MOST_LINES]:
        click.echo(line, err=True)
    if len(lines) > _MOST_LINES:
        click.echo(f"... and {len(lines) - _MOST_LINES} more; --json lists them all", err=True)
