"""``iddkit index``: which frames a dataset has, and what does not fit together."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from iddkit.cli import options
from iddkit.errors import OutputError, printable
from iddkit.frames import FrameProblem, Index, scan, write_csv

#: Problems that are listed without ``--all``: a screen of them.
_LISTED = 20


class SplitCount(NamedTuple):
    """What an index holds of one split."""

    split: str
    sequences: int
    frames: int
    images: int
    polygons: int
    labels: int


@click.command("index")
@click.argument("root", type=click.Path(path_type=Path))
@click.option(
    "--csv",
    "csv_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT.csv",
    help="Write the index as a CSV file.",
)
@options.overwrite
@options.as_json
@click.option("--all", "list_all", is_flag=True, help=f"List all problems, not the first {_LISTED}.")
@click.option("--strict", is_flag=True, help="End with exit code 1 for any problem: images without annotation too.")
@click.pass_context
def index(
    context: click.Context,
    root: Path,
    csv_path: Path | None,
    overwrite: bool,
    as_json: bool,
    list_all: bool,
    strict: bool,
) -> None:
    """List what frames a dataset has, by split, and which files have no partner.

    ROOT is the folder of a dataset (IDD, Cityscapes, IDD-lite, LabelMe), a part of one, an annotation file, or a CSV
    file of this command. Files are told by their names; none is opened.

    The exit code is 1 if a frame had to be left out: duplicates, folders named like files, files in the wrong
    place. Images without annotation and annotations without image are listed, but are no errors.
    """
    if csv_path is not None and csv_path.exists() and not overwrite:
        raise OutputError("exists; --overwrite replaces it", path=csv_path)
    found = scan(root)
    if as_json:
        click.echo(json.dumps(_document(found), indent=2))
    else:
        _print(found, list_all)
    if csv_path is not None:
        write_csv(found, csv_path)
        click.echo(f"{printable(str(csv_path))}: {len(found)} frames written", err=True)
    if any(strict or problem.is_error for problem in found.problems):
        context.exit(1)


def count_splits(found: Index) -> list[SplitCount]:
    """Return the counts of each split, in the order of the index."""
    sequences: dict[str, set[str]] = {}
    counts: dict[str, Counter[str]] = {}
    for frame in found:
        sequences.setdefault(frame.split, set()).add(frame.sequence)
        count = counts.setdefault(frame.split, Counter())
        count["frames"] += 1
        count["images"] += frame.image is not None
        count["polygons"] += frame.annotation is not None
        count["labels"] += frame.labels is not None
    return [
        SplitCount(split, len(sequences[split]), *(count[name] for name in SplitCount._fields[2:]))
        for split, count in counts.items()
    ]


def _document(found: Index) -> dict[str, object]:
    return {
        "root": str(found.root),
        "layout": found.layout,
        "frames": len(found),
        "splits": [count._asdict() for count in count_splits(found)],
        "problems": [
            {"kind": problem.kind, "path": problem.path.as_posix(), "problem": problem.problem}
            for problem in found.problems
        ],
    }


def _print(found: Index, list_all: bool) -> None:
    click.echo(f"{printable(str(found.root))}: layout {found.layout}, {len(found)} frames")
    counts = count_splits(found)
    table = Table()
    table.add_column("split", overflow="fold")
    for column in ("sequences", "frames", "with image", "with polygons", "with labels"):
        table.add_column(column, justify="right")
    for split, *numbers in counts:
        table.add_row(Text(printable(split) or "-"), *map(str, numbers))
    if len(counts) > 1:
        table.add_section()
        table.add_row("all", *(str(sum(column)) for column in list(zip(*counts, strict=True))[1:]))
    console = Console()
    # A table that is piped into a file is as wide as it needs.
    (console if console.is_terminal else Console(width=160)).print(table)
    _print_problems(found.problems, list_all)


def _print_problems(problems: tuple[FrameProblem, ...], list_all: bool) -> None:
    if not problems:
        return
    kinds = Counter(problem.kind for problem in problems)
    click.echo(f"{len(problems)} problems: " + ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items())))
    # What has to be mended stands first: the notes may fill any number of screens.
    ordered = sorted(problems, key=lambda problem: not problem.is_error)
    listed = ordered if list_all else ordered[:_LISTED]
    for problem in listed:
        click.echo(f"{printable(problem.path.as_posix())}: {printable(problem.problem, 500)}")
    if len(listed) < len(ordered):
        click.echo(f"... and {len(ordered) - len(listed)} more; --all lists them")
