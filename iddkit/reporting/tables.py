"""Tables as values: made once, then written as CSV or Markdown, or shown on a console (`iddkit.cli.console`)."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from iddkit.errors import OptionError, printable
from iddkit.statistics import LabelStatistics, classes
from iddkit.statistics.summary import DatasetSummary

#: Text, a number, or None where there is nothing to say.
Cell = str | int | float | None

#: CSV files are for scripts: numbers in them have so many digits that count, whatever is shown to people. Sums of
#: floating-point numbers agree to that on every machine.
_CSV_DIGITS = 9

#: What is said of each label. The shares stand first: they are what datasets are compared by.
_MEASURES: Final = ("pooled %", "mean %", "presence %", "pixels", "frames", "shapes")
_DIGITS: Final = {"pooled %": 3, "mean %": 3, "presence %": 1}

# How all frames are called beside those of single splits, and splits in the order in which papers state them.
_ALL, _NO_SPLIT, _PUBLISHED = "all", "no split", ("train", "val", "test")

# What Markdown, and HTML inside it, would take for its own.
_MARKUP = re.compile(r"([\\`*_\[\]<>|~#&])")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    heading
        With the unit: ``disk MB``, ``pooled %``.
    digits
        Of its numbers after the decimal point, where people read them.
    group
        What neighbouring columns have in common: ``pooled %`` of three datasets, whose names are the headings.
    significant
        `digits` are those that count, wherever the point is; small numbers have a power of ten: ``5.6e-06``.
    """

    heading: str
    digits: int = 0
    group: str = ""
    significant: bool = False

    @property
    def name(self) -> str:
        """Group and heading in one: ``pooled % IDD``."""
        return f"{self.group} {self.heading}".strip()


@dataclass(frozen=True, slots=True)
class Table:
    r"""Rows under columns.

    Attributes
    ----------
    columns
        In order.
    rows
        Each with a cell a column. Where a number is None or not finite, there is nothing to say.
    title
        One line, or "".

    Examples
    --------
    >>> table = Table((Column("label"), Column("pooled %", 2)), (("road", 31.25), ("sky", None)), "level1")
    >>> print(to_markdown(table), end="")
    **level1**
    <BLANKLINE>
    | label | pooled % |
    | ----- | -------: |
    | road  |    31.25 |
    | sky   |        - |
    >>> to_csv(table)
    b'label,pooled %\nroad,31.25\nsky,\n'
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{len(row)} cells under {len(self.columns)} columns")

    def is_number(self, column: int) -> bool:
        """Return whether a column has no text: it is set to the right."""
        return not any(isinstance(row[column], str) for row in self.rows)

    def texts(self) -> list[list[str]]:
        """Return the cells as people read them: ``1,403``, ``31.25``, ``-`` for nothing, no control characters."""
        return [[_text(cell, column) for cell, column in zip(row, self.columns, strict=True)] for row in self.rows]


def _is_missing(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, float) and not math.isfinite(cell))


def _text(cell: Cell, column: Column) -> str:
    if _is_missing(cell):
        return "-"
    if isinstance(cell, str):
        return printable(cell, 2000) or "-"
    assert cell is not None
    if column.significant and abs(cell) < 10**column.digits:
        return f"{cell:.{column.digits}g}"
    digits = 0 if isinstance(cell, int) or column.significant else column.digits
    text = f"{cell:,.{digits}f}"
    return text if text.strip("-0.,") else text.lstrip("-")  # zero has no sign


def to_csv(table: Table) -> bytes:
    """Return a table as a CSV file: UTF-8, LF, a first row of headings; numbers with nine digits that count.

    What is missing is an empty cell. Same table, same bytes. The title is not in it.
    """

    def plain(cell: Cell) -> str:
        if _is_missing(cell):
            return ""
        return f"{cell:.{_CSV_DIGITS}g}" if isinstance(cell, float) else str(cell)

    rows = [[column.name for column in table.columns], *([plain(cell) for cell in row] for row in table.rows)]
    text = io.StringIO(newline="")
    # The writer quotes a cell for the line end that it writes itself, and not for a bare CR.
    has_cr = any("\r" in cell for row in rows for cell in row)
    quoting: Literal[0, 1] = csv.QUOTE_ALL if has_cr else csv.QUOTE_MINIMAL
    csv.writer(text, lineterminator="\n", quoting=quoting).writerows(rows)
    # A file name that is not UTF-8 comes back byte for byte.
    return text.getvalue().encode("utf-8", "surrogateescape")


def to_markdown(table: Table) -> str:
    """Return a table as Markdown (GitHub's tables), ending with a newline; the title is a bold line above it."""
    names = [_escape(printable(column.name)) for column in table.columns]
    rows = [[_escape(text) for text in row] for row in table.texts()]
    widths = [max(3, len(name), *(len(row[i]) for row in rows)) for i, name in enumerate(names)]
    right = [table.is_number(i) for i in range(len(names))]
    rule = ["-" * (width - flag) + ":" * flag for width, flag in zip(widths, right, strict=True)]
    lines = [_line(names, widths, right), _line(rule, widths, right), *(_line(row, widths, right) for row in rows)]
    title = f"**{_escape(printable(table.title))}**\n\n" if table.title else ""
    return title + "".join(f"{line}\n" for line in lines)


def escape_markdown(text: str) -> str:
    """Return a text on one line, in which Markdown and HTML find nothing of theirs."""
    return _escape(printable(text, 20_000))


def _escape(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text)


def _line(cells: list[str], widths: list[int], right: list[bool]) -> str:
    padded = (
        cell.rjust(width) if flag else cell.ljust(width) for cell, width, flag in zip(cells, widths, right, strict=True)
    )
    return f"| {' | '.join(padded)} |"


def dataset_table(summaries: Sequence[DatasetSummary], levels: Sequence[str] = ()) -> Table:
    """Return a row a dataset: Table 3.3 of Mishra 2024.

    Mean height and width of the labelled frames, annotated pixels (void ones left out), frames of each split, labelled
    frames, disk space (MB of 10^6 bytes), and how many labels the dataset's finest level has and how many of them
    occur; `levels` leaves others out of that.
    """
    splits = _names_of_splits(summaries)
    columns = (
        Column("dataset"),
        Column("height", 0, "mean"),
        Column("width", 0, "mean"),
        Column("pixels 10^6", 2, "annotated"),
        *(Column(name, 0, "frames") for name in splits.values()),
        Column("labelled", 0, "frames"),
        Column("MB", 2, "disk"),
        Column("level", 0, "labels"),
        Column("total", 0, "labels"),
        Column("found", 0, "labels"),
    )
    rows: list[tuple[Cell, ...]] = []
    for one in summaries:
        frames = {size.split: size.frames for size in one.splits}
        counted = [level for level in one.levels if level in levels] or one.levels
        level = max(counted, key=lambda its: one.labels(its)[1])
        found, total = one.labels(level)
        sizes = (one.height, one.width, one.whole.annotated_pixels / 1e6, *(frames.get(split) for split in splits))
        rows.append((one.name, *sizes, one.whole.labelled, one.bytes / 1e6, level, total, found))
    return Table(columns, tuple(rows), "datasets")


def split_table(summaries: Sequence[DatasetSummary]) -> Table:
    """Return a row a split, and one for all splits of a dataset: frames, pixels, sequences and their lengths."""
    splits = _names_of_splits(summaries)
    columns = (
        Column("dataset"),
        Column("split"),
        Column("all", 0, "frames"),
        Column("labelled", 0, "frames"),
        Column("pixels 10^6", 2, "annotated"),
        Column("number", 0, "sequences"),
        Column("shortest", 0, "sequences"),
        Column("median", 1, "sequences"),
        Column("longest", 0, "sequences"),
    )
    rows: list[tuple[Cell, ...]] = []
    for one in summaries:
        its = {size.split: size for size in one.splits}
        sizes = [(name, its[split]) for split, name in splits.items() if split in its]
        if [name for name, _ in sizes] != [_ALL]:
            sizes.append((_ALL, one.whole))
        for name, size in sizes:
            counts = (size.frames, size.labelled, size.annotated_pixels / 1e6, size.sequences)
            rows.append((one.name, name, *counts, size.shortest, size.median, size.longest))
    return Table(columns, tuple(rows), "splits")


def sequence_table(summary: DatasetSummary) -> Table:
    """Return a row a sequence: how many frames it has, and how many of them are labelled."""
    columns = (Column("split"), Column("sequence"), Column("frames"), Column("labelled"))
    rows = tuple((size.split, size.sequence, size.frames, size.labelled) for size in summary.sequences)
    return Table(columns, rows, f"{summary.name}: sequences")


def label_table(summaries: Sequence[DatasetSummary], level: str, split: str | None = None) -> Table:
    """Return a row a label of `level`, and a last one for void; several datasets stand side by side.

    Of each dataset: the label's proportion in all labelled pixels (``pooled %``), the mean of its proportions in single
    frames (``mean %``), the part of the frames that hold it (``presence %``), its ``pixels``, ``frames``, and, where
    there are polygons, ``shapes``. Of all labelled frames, or of those of one `split`.

    Raises
    ------
    OptionError
        The datasets are of different label maps.
    """
    label_map = summaries[0].label_map
    if any(one.label_map.sha256 != label_map.sha256 for one in summaries):
        raise OptionError("datasets of different label maps have no table of labels in common")
    categories = classes(label_map, level)
    columns = [Column("number"), Column("label")]
    cells: list[Sequence[Cell]] = [[c.number for c in categories] + [None], [c.name for c in categories] + ["void"]]
    counted = [one.statistics[level] if split is None else one.by_split[level].get(split) for one in summaries]
    for measure in _MEASURES:
        digits = _DIGITS.get(measure, 0)
        for one, counts in zip(summaries, counted, strict=True):
            if measure == "shapes" and not one.has_shapes:
                continue
            columns.append(Column(measure, digits) if len(summaries) == 1 else Column(one.name, digits, measure))
            cells.append([None] * (len(categories) + 1) if counts is None else _measured(counts, measure))
    found = dict.fromkeys(0 if counts is None else int((counts.frames[:-1] > 0).sum()) for counts in counted)
    title = f"{level}{f', {split}' if split else ''}: {', '.join(map(str, found))} of {len(categories)} labels"
    return Table(tuple(columns), tuple(zip(*cells, strict=True)), title)


def _measured(counts: LabelStatistics, measure: str) -> list[Cell]:
    """Return a measure of each class, then of void."""
    if measure == "pooled %":
        return [*(100 * counts.pooled).tolist(), None]
    if measure == "mean %":
        return [*(100 * counts.mean_share).tolist(), None]
    if measure == "presence %":
        return [*(100 * counts.presence).tolist(), 100 * int(counts.frames[-1]) / max(1, counts.images)]
    return list({"pixels": counts.pixels, "frames": counts.frames, "shapes": counts.shapes}[measure].tolist())


def _names_of_splits(summaries: Sequence[DatasetSummary]) -> dict[str, str]:
    """Return the splits of all datasets in the order in which they are shown, with their headings."""
    found = dict.fromkeys(size.split for one in summaries for size in one.splits)
    ordered = [*(split for split in _PUBLISHED if split in found), *(s for s in found if s not in ("", *_PUBLISHED))]
    if "" in found:
        ordered.append("")
    # Frames of no split are all frames, but in an index that has both kinds.
    alone = all(len(one.splits) == 1 for one in summaries if any(size.split == "" for size in one.splits))
    return {split: split or (_ALL if alone else _NO_SPLIT) for split in ordered}
