"""``iddkit stats``: what datasets hold, label by label, side by side."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from iddkit.cli import options
from iddkit.cli.notes import print_notes
from iddkit.cli.progress import progress_bar
from iddkit.errors import FrameError, UserError, printable

if TYPE_CHECKING:
    from iddkit.reporting.tables import Table
    from iddkit.statistics import LabelStatistics
    from iddkit.statistics.collect import Collection
    from iddkit.statistics.summary import DatasetSummary


@click.command()
@click.argument("datasets", metavar="DATASET...", nargs=-1, required=True, type=click.Path(path_type=Path))
@options.label_map
@click.option(
    "--level",
    "levels",
    multiple=True,
    metavar="LEVEL",
    help="Level of the counts; repeatable.  [default: every one that all datasets can be counted at]",
)
@click.option(
    "--source-level", metavar="LEVEL", help="Level of the label images that are read.  [default: as their names say]"
)
@options.fill
@options.unknown
@click.option("--by-split", is_flag=True, help="Also the labels of each split.")
@click.option("--sequences", is_flag=True, help="Also the sequences of each dataset.")
@click.option(
    "--csv",
    "csv_folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Also write each table as a CSV file.",
)
@click.option("--markdown", is_flag=True, help="Print Markdown.")
@options.as_json
@options.cache
@options.jobs
@options.overwrite
def stats(
    datasets: tuple[Path, ...],
    label_map_name: str | None,
    levels: tuple[str, ...],
    source_level: str | None,
    by_split: bool,
    sequences: bool,
    csv_folder: Path | None,
    markdown: bool,
    as_json: bool,
    overwrite: bool,
    **counting: Any,
) -> None:
    """Count pixels, frames and shapes of each label in one DATASET or several, and print them side by side.

    A DATASET is a folder in any layout that 'iddkit index' knows (polygons, or label images of IDD, IDD-lite or
    Cityscapes), a part of one, or an index CSV. Polygons are drawn as 'iddkit rasterize' draws them, in memory.

    \b
    pooled %    proportion of the label in all labelled pixels; large frames weigh more
    mean %      mean over the frames of its proportion in the frame; all frames weigh the same
    presence %  part of the frames in which it has a pixel

    Pixels that are void count in no proportion. The counts of each frame are kept in a cache, by the content of its
    files: a second run over an unchanged dataset reads no pixel.
    """  # noqa: D301 - click wants the character itself
    from iddkit import files
    from iddkit.reporting.tables import to_csv, to_markdown

    if markdown and as_json:
        raise click.UsageError("--markdown and --json: only one of them can hold")
    collections: list[Collection] = []
    summaries: list[DatasetSummary] = []
    failed = False
    for dataset, name in zip(datasets, name_datasets(datasets), strict=True):
        try:
            collection, summary = _count(dataset, name, label_map_name, levels, source_level, counting)
        except UserError as error:
            click.echo(f"Error: {error}", err=True)
            failed = True
            continue
        collections.append(collection)
        summaries.append(summary)
        failed |= bool(collection.failures)
        _print_problems(collection)
    if not summaries:
        raise click.exceptions.Exit(1)
    read, frames = sum(c.read for c in collections), sum(len(c.table) for c in collections)
    click.echo(f"{read} frames read, {frames - read} from the cache", err=True)
    tables = dict(_tables(summaries, by_split, sequences))
    if as_json:
        documents = [_as_json(*one) for one in zip(collections, summaries, strict=True)]
        click.echo(json.dumps(documents, indent=1))
    elif markdown:
        click.echo("\n".join(to_markdown(table) for table in tables.values()), nl=False)
    else:
        from iddkit.cli.console import print_table

        for table in tables.values():
            print_table(table)
    if csv_folder is not None:
        for stem, table in tables.items():
            files.write_new(csv_folder / f"{stem}.csv", to_csv(table), overwrite)
        click.echo(f"{printable(str(csv_folder))}: {len(tables)} tables written", err=True)
    raise click.exceptions.Exit(1 if failed else 0)


def name_datasets(datasets: Sequence[Path]) -> list[str]:
    """Return what tables call each dataset: its folder, with as many of those above it as tell it from the others.

    Examples
    --------
    >>> name_datasets([Path("a/IDD"), Path("b/IDD"), Path("lite.csv")])
    ['a/IDD', 'b/IDD', 'lite']
    """
    paths = [Path(os.path.abspath(dataset)) for dataset in datasets]
    parts = [(path.with_suffix("") if path.suffix == ".csv" else path).parts for path in paths]
    names = []
    for mine in parts:
        others = [other for other in parts if other != mine]
        depth = next((d for d in range(1, len(mine)) if all(other[-d:] != mine[-d:] for other in others)), len(mine))
        names.append(Path(*mine[-depth:]).as_posix())
    return [name if names.index(name) == i else f"{name} ({i + 1})" for i, name in enumerate(names)]


def _count(
    dataset: Path,
    name: str,
    label_map_name: str | None,
    levels: Sequence[str],
    source_level: str | None,
    counting: dict[str, Any],
) -> tuple[Collection, DatasetSummary]:
    from iddkit import frames
    from iddkit.statistics.collect import collect
    from iddkit.statistics.summary import summarize
    from iddkit.subset.origin import numbering_of

    index = frames.scan(dataset)
    if not any(frame.annotation or frame.labels for frame in index):
        raise FrameError("no frame has labels", path=dataset)
    label_map, source_level = numbering_of(index, label_map_name, source_level)
    wanted = [label_map.level(level) for level in levels]  # a level that does not exist is said before the work
    with progress_bar(f"count {printable(name, 40)}") as progress:
        collection = collect(index, label_map, level=source_level, progress=progress, **counting)
    return collection, summarize(
        collection.table, collection.unlabelled, name=name, levels=wanted, root=collection.index.root
    )


def _print_problems(collection: Collection) -> None:
    for line in collection.failures:
        click.echo(line, err=True)
    print_notes(collection.notes, collection.index)


def _tables(summaries: Sequence[DatasetSummary], by_split: bool, sequences: bool) -> Iterator[tuple[str, Table]]:
    """Yield the tables with the stems of their CSV files."""
    from iddkit.reporting.tables import dataset_table, label_table, sequence_table, split_table
    from iddkit.statistics.summary import common_levels

    yield "datasets", dataset_table(summaries)
    yield "splits", split_table(summaries)
    if sequences:
        for number, summary in enumerate(summaries, start=1):
            yield f"sequences{f'_{number}' if len(summaries) > 1 else ''}", sequence_table(summary)
    by_map: dict[str, list[DatasetSummary]] = {}
    for summary in summaries:
        by_map.setdefault(summary.label_map.sha256, []).append(summary)
    for alike in by_map.values():
        # Labels of different maps do not stand side by side.
        label_map = f"_{_plain(alike[0].label_map.name)}" if len(by_map) > 1 else ""
        splits = dict.fromkeys(split for one in alike for split in one.by_split[one.levels[0]] if split)
        for level in common_levels(alike):
            yield f"labels{label_map}_{level}", label_table(alike, level)
            for split in splits if by_split else ():
                yield f"labels{label_map}_{level}_{_plain(split)}", label_table(alike, level, split)


def _plain(text: str) -> str:
    """Return a name as a part of a file's name; different names stay different."""
    return quote(text, safe=" ", errors="surrogateescape")


def _as_json(collection: Collection, summary: DatasetSummary) -> dict[str, Any]:
    return {
        "name": summary.name,
        "root": str(collection.index.root),
        "layout": collection.index.layout,
        "label_map": summary.label_map.name,
        "label_map_sha256": summary.label_map.sha256,
        "source_level": collection.table.level,
        "mean_height": summary.height,
        "mean_width": summary.width,
        "bytes": summary.bytes,
        **{key: value for key, value in asdict(summary.whole).items() if key != "split"},
        "splits": [asdict(size) for size in summary.splits],
        "sequence_sizes": [asdict(size) for size in summary.sequences],
        "levels": {
            level: {
                **_counts_as_json(summary, summary.statistics[level]),
                "by_split": {
                    split: _counts_as_json(summary, counts) for split, counts in summary.by_split[level].items()
                },
            }
            for level in summary.levels
        },
        "read": collection.read,
        "failures": list(collection.failures),
        "notes": list(collection.notes),
    }


def _counts_as_json(summary: DatasetSummary, counts: LabelStatistics) -> dict[str, Any]:
    from iddkit.statistics import classes

    labels = []
    for i, category in enumerate(classes(summary.label_map, counts.level)):
        labels.append(
            {
                "number": category.number,
                "name": category.name,
                "pixels": int(counts.pixels[i]),
                "frames": int(counts.frames[i]),
                "shapes": int(counts.shapes[i]) if summary.has_shapes else None,
                "pooled": float(counts.pooled[i]),
                "mean_share": float(counts.mean_share[i]),
                "presence": float(counts.presence[i]),
            }
        )
    void = {
        "pixels": int(counts.pixels[-1]),
        "frames": int(counts.frames[-1]),
        "shapes": int(counts.shapes[-1]) if summary.has_shapes else None,
    }
    return {"frames": counts.images, "labelled": counts.labelled, "labels": labels, "void": void}
