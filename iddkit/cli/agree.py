"""``iddkit agree``: how far two annotations of the same frames agree."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from iddkit.cli import options
from iddkit.cli.documents import finite
from iddkit.cli.notes import print_problems
from iddkit.cli.numbering import numbering
from iddkit.cli.progress import progress_bar
from iddkit.errors import printable

if TYPE_CHECKING:
    from iddkit.agreement import Agreement, LevelAgreement
    from iddkit.frames import Index
    from iddkit.labels import LabelMap

# Frames of the list that is printed; the files have all.
_WORST = 10


class Share(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """``95%`` or ``0.95``: a part of 1."""

    name = "SHARE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the part, above 0 and below 1."""
        text = str(value).strip()
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            share = float("nan")
        if not 0 < share < 1:
            self.fail(f"{value!r} is no share above 0 and below 1; write 95% or 0.95", param, ctx)
        return share


@click.command()
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@options.label_map
@click.option(
    "--level",
    metavar="LEVEL",
    help="Level of the comparison; coarser ones follow.  [default: level3 (IDD) or id, or the next that both have]",
)
@click.option("--split", metavar="SPLIT", help="The split that is compared.  [default: all]")
@click.option("--common", is_flag=True, help="Compare what both have; frames of one side only are no problem.")
@click.option(
    "--tolerance",
    "tolerances",
    type=click.IntRange(0, 64),
    multiple=True,
    default=(1, 2, 4),
    metavar="PX",
    help="Of boundary F1, in pixels; repeatable.  [default: 1, 2, 4]",
)
@click.option(
    "--boundary-ratio",
    "ratio",
    type=Share(),
    default="2%",
    show_default=True,
    help="Width of boundary IoU's bands, as a share of the image's diagonal.",
)
@click.option(
    "--bootstrap",
    "resamples",
    type=click.IntRange(0, 1_000_000),
    default=1000,
    show_default=True,
    help="Resamples of the frames for the intervals; 0 for no intervals.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the resamples.")
@click.option("--confidence", type=Share(), default="95%", show_default=True, help="Of the intervals.")
@click.option("--source-level", metavar="LEVEL", help="Level of the label images.  [default: as their names say]")
@options.fill
@options.unknown
@click.option(
    "-o",
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Write report.html, tables (CSV), figures (PNG, SVG) and pictures of the worst frames.",
)
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the report's page alone."
)
@click.option(
    "--csv",
    "csv_folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Write each table as a CSV file.",
)
@click.option(
    "--worst",
    type=click.IntRange(0, 100),
    default=6,
    show_default=True,
    help="Frames that the report shows as pictures; 0 for a report without pixels of the dataset.",
)
@options.as_json
@options.jobs
@options.overwrite
def agree(
    a: Path,
    b: Path,
    label_map_name: str | None,
    source_level: str | None,
    resamples: int,
    seed: int,
    confidence: float,
    out: Path | None,
    html: Path | None,
    csv_folder: Path | None,
    worst: int,
    as_json: bool,
    overwrite: bool,
    **comparing: Any,
) -> None:
    """Compare A and B, two annotations of the same frames, neither of which is the truth.

    A and B are each a dataset's folder in any layout that 'iddkit index' knows, a part of one, a folder of label PNGs,
    an index CSV, an annotation file or a label PNG. Polygons are drawn in memory, so one side may be polygons and the
    other label images. Frames are matched by split, sequence and name; where none is, by sequence and name, then by
    name alone.

    Printed are pixel agreement and Cohen's kappa with void (all pixels, void being a class) and without it (pixels void
    on neither side), IoU, boundary IoU and boundary F1 of each class and of each level, with intervals that come of
    drawing the frames anew, and the frames that differ most.

    Frames of one side only, of different sizes or that cannot be read are a line each, and the exit code is 1.
    """
    from iddkit import files
    from iddkit.agreement import Resampling
    from iddkit.agreement import agree as compare
    from iddkit.agreement.side import open_index

    indexes = open_index(a), open_index(b)
    label_map, source_levels = _numberings(indexes, label_map_name, source_level)
    with progress_bar("compare") as progress:
        found = compare(
            *indexes,
            label_map,
            source_levels=source_levels,
            resampling=Resampling(resamples, seed, confidence),
            progress=progress,
            **comparing,
        )
    found = replace(found, a=a, b=b)
    print_problems(found.problems, found.notes)
    contents: dict[Path, bytes] = {}
    if csv_folder is not None:
        from iddkit.reporting.agreement_tables import make_tables
        from iddkit.reporting.tables import to_csv

        contents |= {csv_folder / f"{name}.csv": to_csv(table) for name, table in make_tables(found).items()}
    if out is not None or html is not None:
        from iddkit.reporting.agreement_page import make_page, make_report

        command = shlex.join(["iddkit", *sys.argv[1:]])
        if out is not None:
            contents |= {out / name: content for name, content in make_report(found, command, worst).items()}
        if html is not None:
            contents[html] = make_page(found, command, worst)
    for path, content in contents.items():
        files.write_new(path, content, overwrite)
    for place in (out, html, csv_folder):
        if place is not None:
            click.echo(f"{printable(str(place))}: written", err=True)
    # Last: who pipes it into 'head' has the files nonetheless.
    if as_json:
        click.echo(json.dumps(_as_json(found), indent=1))
    else:
        _print_tables(found)
    raise click.exceptions.Exit(0 if found.ok else 1)


def _numberings(
    indexes: Sequence[Index], label_map_name: str | None, level: str | None
) -> tuple[LabelMap, tuple[str | None, str | None]]:
    """Return the label map of both sides, and the level of each one's label images."""
    found = [numbering(index, label_map_name, level) for index in indexes]
    # A folder of label images does not say whose numbers they are, and is taken for IDD's until the other side says it.
    label_map = next((one for one, _ in found if one.name != "idd"), found[0][0])
    return label_map, (found[0][1], found[1][1])


def _print_tables(found: Agreement) -> None:
    from iddkit.cli.console import print_table
    from iddkit.reporting import agreement_tables as tables

    print_table(tables.measure_table(found, found.finest))
    print_table(tables.class_table(found, found.finest))
    if len(found.levels) > 1:
        print_table(tables.level_table(found))
    if len(found.frames) > 1:
        print_table(tables.frame_table(found, _WORST))


def _as_json(found: Agreement) -> dict[str, Any]:
    return {
        "a": str(found.a),
        "b": str(found.b),
        "label_map": found.label_map.name,
        "split": found.split,
        "matched_by": found.matched_by,
        "frames": found.wanted,
        "compared": len(found.frames),
        "tolerances": list(found.how.tolerances),
        "boundary_ratio": found.how.ratio,
        "bootstrap": {"resamples": found.resamples, "seed": found.seed, "confidence": found.confidence},
        "levels": {one.level: _level_as_json(found, one) for one in found.levels},
        "worst_first": [
            {
                "frame": one.key,
                "pixels": one.pixels,
                "differing": one.differing,
                "agreement": finite(one.tallies[0].agreement(void=False).item()),
                "mean_iou": finite(one.tallies[0].mean_iou().item()),
                "a": str(found.how.a.file(one.pair.a)),
                "b": str(found.how.b.file(one.pair.b)),
            }
            for one in found.frames
        ],
        "problems": [
            {
                "kind": problem.kind,
                "frame": problem.key or None,
                "path": str(problem.path),
                "where": problem.where or None,
                "problem": problem.problem,
            }
            for problem in found.problems
        ],
        "notes": list(found.notes),
    }


def _level_as_json(found: Agreement, one: LevelAgreement) -> dict[str, Any]:
    iou, kappa, boundary_iou = one.tally.iou(), one.tally.class_kappa(), one.tally.boundary_iou()
    by_px = one.tally.boundary_f1()
    return {
        "measures": {
            short: {"value": finite(its.value), "low": finite(its.low), "high": finite(its.high)}
            for short, its in one.measures.items()
        },
        "classes": [
            {
                "number": category.number,
                "name": category.name,
                "iou": finite(iou[i]),
                "iou_low": finite(one.iou_interval[0, i]),
                "iou_high": finite(one.iou_interval[1, i]),
                "kappa": finite(kappa[i]),
                "boundary_iou": finite(boundary_iou[i]),
                "boundary_f1": {str(px): finite(f1[i]) for px, f1 in zip(found.how.tolerances, by_px, strict=True)},
            }
            for i, category in enumerate(one.classes)
        ],
        "confusion": one.tally.counts.tolist(),
    }
