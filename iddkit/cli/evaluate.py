"""``iddkit evaluate``: predicted label images scored by the official protocol."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from iddkit.cli import options
from iddkit.cli.documents import finite
from iddkit.cli.notes import print_problems
from iddkit.cli.numbering import numbering
from iddkit.cli.progress import progress_bar
from iddkit.errors import OptionError, OutputError

if TYPE_CHECKING:
    from iddkit.metrics import Confusion, Evaluation


@click.command()
@click.argument("truth", type=click.Path(path_type=Path))
@click.argument("predicted", type=click.Path(path_type=Path))
@options.label_map
@click.option(
    "--level",
    metavar="LEVEL",
    help="Level of the predictions.  [default: that of TRUTH's label images; of polygons the coarsest]",
)
@click.option(
    "--resolution",
    type=options.Resolution(),
    help="Height x width in pixels to which both are brought: 128x256 for IDD-lite.  [default: as they are]",
)
@click.option("--split", metavar="SPLIT", help="The split that is scored.  [default: val if there is one, else all]")
@click.option("--source-level", metavar="LEVEL", help="Level of TRUTH's label images.  [default: as their names say]")
@options.fill
@options.unknown
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write each frame's score.",
)
@click.option(
    "--confusion",
    "confusion_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the confusion matrix, pixels, as CSV.",
)
@options.as_json
@options.jobs
@options.overwrite
def evaluate(
    truth: Path,
    predicted: Path,
    label_map_name: str | None,
    level: str | None,
    resolution: tuple[int, int] | None,
    split: str | None,
    source_level: str | None,
    csv_file: Path | None,
    confusion_file: Path | None,
    as_json: bool,
    overwrite: bool,
    **scoring: Any,
) -> None:
    """Score PREDICTED, a folder of label PNGs, against TRUTH: IoU of each class, and their mean.

    TRUTH is a dataset's folder in any layout that 'iddkit index' knows, a part of one (gtFine/val), or an index CSV.
    Its labels are label images of the level or a finer one, or polygons, which are drawn in memory. PREDICTED holds a
    file for each frame, <sequence>/<name>_label.png; a folder of the split above, gtFine above that, and other usual
    endings of the name are found as well.

    The protocol is that of AutoNUE's idd_lite_evaluate_mIoU: both are resized to the resolution by the nearest pixel,
    as Pillow does it; void pixels of the truth do not count; void, or a number that is no class, is a miss where it is
    predicted; the score is the mean over the classes. Coarser levels are those of the same pixels.

    Frames without a prediction, of the wrong size or with unknown numbers are a line each, and the exit code is 1.
    """
    from iddkit import files, frames
    from iddkit.metrics import evaluate as score

    _check_targets(csv_file, confusion_file, overwrite)
    index = frames.scan(truth)
    label_map, source_level = numbering(index, label_map_name, source_level)
    with progress_bar("score") as progress:
        found = score(
            index,
            predicted,
            label_map,
            level,
            resolution=resolution,
            split=split,
            source_level=source_level,
            progress=progress,
            **scoring,
        )
    print_problems(found.problems, found.notes)
    if as_json:
        click.echo(json.dumps(_as_json(found), indent=1))
    else:
        from iddkit.cli.console import print_table
        from iddkit.reporting.evaluation_tables import class_table, level_table

        print_table(class_table(found))
        print_table(level_table(found))
    if csv_file is not None or confusion_file is not None:
        from iddkit.reporting.evaluation_tables import confusion_table, frame_table
        from iddkit.reporting.tables import to_csv

        if csv_file is not None:
            files.write_new(csv_file, to_csv(frame_table(found)), overwrite)
        if confusion_file is not None:
            files.write_new(confusion_file, to_csv(confusion_table(found.confusion)), overwrite)
    raise click.exceptions.Exit(0 if found.ok else 1)


def _check_targets(csv_file: Path | None, confusion_file: Path | None, overwrite: bool) -> None:
    """Refuse what cannot be written before the work is done."""
    if csv_file is not None and confusion_file is not None and csv_file.absolute() == confusion_file.absolute():
        raise click.UsageError("--csv and --confusion: two tables do not fit into one file")
    for path in (csv_file, confusion_file):
        if path is None:
            continue
        if path.suffix.lower() != ".csv":
            raise OptionError("a table is written to a file whose name ends with .csv", path=path)
        if path.exists() and not overwrite:
            raise OutputError("is there already; --overwrite replaces it", path=path)


def _as_json(found: Evaluation) -> dict[str, Any]:
    return {
        "label_map": found.label_map.name,
        "level": found.level,
        "resolution": found.resolution and {"height": found.resolution[1], "width": found.resolution[0]},
        "split": found.split,
        "frames": found.wanted,
        "scored": len(found.frames),
        "levels": {level: _scores(confusion) for level, confusion in found.levels.items()},
        "worst_first": [
            {
                "frame": frame.key,
                "mean_iou": finite(frame.mean_iou),
                "pixel_accuracy": finite(frame.pixel_accuracy),
                "pixels": frame.pixels,
                "predicted": frame.predicted.as_posix(),
            }
            for frame in found.frames
        ],
        "problems": [
            {
                "kind": problem.kind,
                "frame": problem.key or None,
                "path": str(problem.path),
                "problem": problem.problem,
                "numbers": list(problem.numbers),
            }
            for problem in found.problems
        ],
        "notes": list(found.notes),
    }


def _scores(confusion: Confusion) -> dict[str, Any]:
    per_class = zip(confusion.classes, confusion.iou(), confusion.recall(), confusion.precision(), strict=True)
    return {
        "mean_iou": finite(confusion.mean_iou),
        "pixel_accuracy": finite(confusion.pixel_accuracy),
        "mean_accuracy": finite(confusion.mean_accuracy),
        "classes": [
            {"name": name, "iou": finite(iou), "accuracy": finite(recall), "precision": finite(precision)}
            for name, iou, recall, precision in per_class
        ],
        "confusion": confusion.counts.tolist(),
    }
