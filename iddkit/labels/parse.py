"""Read label maps from CSV files, and refuse those that contradict themselves."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iddkit import files
from iddkit.errors import LabelMapError
from iddkit.labels.label_map import ID, VOID, Label, LabelMap

_FLAGS = {"0": False, "1": True, "false": False, "true": True, "no": False, "yes": True}
# labelme's name for regions without a class: the one label that may have the number of void.
_IGNORE = "__ignore__"

_COLUMNS = ("name", "id", "has_instances", "ignore_in_eval", "red", "green", "blue")

# Published numberings that break the rule 'each level nests in the next', kept as published: in IDD's
# table level4 gives sidewalk and rail track one number, level3 two (helpers/anue_labels.py of AutoNUE).
_PUBLISHED_SPLITS = frozenset({("level4", frozenset({"sidewalk", "rail track"}))})


def names() -> tuple[str, ...]:
    """Return the names of the label maps that iddkit brings along."""
    return tuple(sorted(path.stem for path in _folder().glob("*.csv")))


def _folder() -> Path:
    return files.data_folder("label_maps")


def load(name_or_path: str | Path) -> LabelMap:
    """Load a label map by name (``idd``, ``cityscapes``) or by path.

    A ``.txt`` file is read as labelme's ``labels.txt``: a name a line, numbered from ``_background_`` = 0,
    ``__ignore__`` = void.

    Raises
    ------
    LabelMapError
        There is no such map or file, or the file contradicts itself; the row is named.
    """
    text = str(name_or_path)
    path = Path(text)
    if text in names():
        path = _folder() / f"{text}.csv"
    elif not path.is_file():
        raise LabelMapError(f"no label map of this name or path; known by name: {', '.join(names())}", path=text)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LabelMapError(f"cannot be read: {error.strerror}", path=path) from error
    return _parse_cached(content, str(path))


@lru_cache(maxsize=16)
def _parse_cached(content: bytes, path: str) -> LabelMap:
    return parse(content, path)


def parse(content: bytes, path: str) -> LabelMap:
    """Make a label map of a file's bytes. `path` gives the map its name and stands in the messages.

    Raises
    ------
    LabelMapError
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelMapError(f"not UTF-8 at byte {error.start}", path=path) from error
    rows = _labelme_rows(text, path) if path.lower().endswith(".txt") else _csv_rows(text, path)
    columns = next(iter(rows.values()))
    levels = tuple(column.removesuffix("_id") for column in columns if column == ID or column.endswith("_id"))
    _check_levels(levels, path)
    labels = tuple(_label(row, levels, path, line) for line, row in rows.items())
    _check_unique(labels, list(rows), path)
    category_names = {
        level: _names_of_level(level, labels, rows, path) for level in levels if f"{level}_name" in columns
    }
    label_map = LabelMap(Path(path).stem, labels, levels, category_names, hashlib.sha256(content).hexdigest())
    _check_nesting(label_map, path)
    return label_map


def _check_levels(levels: Sequence[str], path: str) -> None:
    # Levels are parts of file names, and are told apart without underscores ('level3Id' is 'level3').
    for level in levels:
        if not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", level) or level == "all":
            raise LabelMapError(f"'{level}_id' names no level: letters and digits", path=path, where="row 1")
    plain = [level.replace("_", "") for level in levels]
    if len(set(plain)) < len(plain):
        raise LabelMapError("two levels differ in underscores only", path=path, where="row 1")


def _csv_rows(text: str, path: str) -> dict[int, dict[str, str]]:
    """Return line number to column to cell."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        table = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if row]
    except csv.Error as error:
        raise LabelMapError(f"not CSV: {error}", path=path) from error
    if len(table) < 2:
        raise LabelMapError("no labels", path=path)
    header = [cell.lower() for cell in table[0][1]]
    missing = [column for column in _COLUMNS if column not in header]
    if missing:
        raise LabelMapError(f"the column {', '.join(missing)} is missing", path=path, where="row 1")
    if len(set(header)) < len(header):
        raise LabelMapError("a column stands twice", path=path, where="row 1")
    for line, row in table[1:]:
        if len(row) != len(header):
            raise LabelMapError(f"{len(row)} cells under {len(header)} columns", path=path, where=f"row {line}")
    return {line: dict(zip(header, row, strict=True)) for line, row in table[1:]}


def _labelme_rows(text: str, path: str) -> dict[int, dict[str, str]]:
    listed = {i: line.strip() for i, line in enumerate(text.splitlines(), start=1) if line.strip()}
    if not listed:
        raise LabelMapError("no labels", path=path)
    rows = {}
    number = 0
    for line, name in listed.items():
        ignored = name == _IGNORE
        mine = VOID if ignored else number
        number += 0 if ignored else 1
        red, green, blue = (int(v) for v in _bit_color(mine))
        rows[line] = {
            "name": name,
            ID: str(mine),
            "has_instances": "0" if name.startswith("_") else "1",
            "ignore_in_eval": str(int(ignored)),
            "red": str(red),
            "green": str(green),
            "blue": str(blue),
        }
    return rows


def _bit_color(number: int) -> NDArray[np.uint8]:
    # The colour table of PASCAL VOC: three bits of the number at a time, highest bits of the colour first.
    color = np.zeros(3, dtype=np.uint8)
    for step in range(3):
        for channel in range(3):
            color[channel] |= ((number >> (3 * step + channel)) & 1) << (7 - step)
    return color


def _label(row: Mapping[str, str], levels: Sequence[str], path: str, line: int) -> Label:
    where = f"row {line}"
    if not row["name"]:
        raise LabelMapError("a label without a name", path=path, where=where)
    numbers = {}
    for level in levels:
        column = level if level == ID else f"{level}_id"
        numbers[level] = _whole(row[column], column, path, where)
        if numbers[level] > 255:
            raise LabelMapError(
                f"{column} {numbers[level]} is beyond 255, which no label image holds", path=path, where=where
            )
    if numbers[ID] == VOID and row["name"] != _IGNORE:
        raise LabelMapError(f"the id {VOID} is that of void", path=path, where=where)
    if numbers[ID] >= 0 and min(numbers.values()) < 0:
        raise LabelMapError("a number is negative although the id is not", path=path, where=where)
    color = tuple(_whole(row[channel], channel, path, where) for channel in ("red", "green", "blue"))
    if min(color) < 0 or max(color) > 255:
        raise LabelMapError(f"the colour {color} is not within 0-255", path=path, where=where)
    flags = {}
    for column in ("has_instances", "ignore_in_eval"):
        if row[column].lower() not in _FLAGS:
            raise LabelMapError(f"{column} is {row[column]!r}, not 0 or 1", path=path, where=where)
        flags[column] = _FLAGS[row[column].lower()]
    return Label(
        row["name"],
        numbers,
        (color[0], color[1], color[2]),
        flags["has_instances"],
        flags["ignore_in_eval"],
        row.get("category_name", ""),
    )


def _whole(text: str, column: str, path: str, where: str) -> int:
    if not re.fullmatch(r"-?\d{1,9}", text, flags=re.ASCII):
        raise LabelMapError(f"{column} is {text[:40]!r}, not a whole number", path=path, where=where)
    return int(text)


def _check_unique(labels: Sequence[Label], lines: Sequence[int], path: str) -> None:
    names: set[str] = set()
    ids: dict[int, str] = {}
    for i, label in zip(lines, labels, strict=True):
        if label.name in names:
            raise LabelMapError(f"the label {label.name!r} stands twice", path=path, where=f"row {i}")
        names.add(label.name)
        if label.drawn and label.id in ids:
            raise LabelMapError(
                f"{label.name!r} and {ids[label.id]!r} have the id {label.id}", path=path, where=f"row {i}"
            )
        ids.setdefault(label.id, label.name)


def _names_of_level(
    level: str, labels: Sequence[Label], rows: Mapping[int, Mapping[str, str]], path: str
) -> dict[int, str]:
    found: dict[int, str] = {}
    for label, (i, row) in zip(labels, rows.items(), strict=True):
        name = row[f"{level}_name"]
        if label.drawn and found.setdefault(label.numbers[level], name) != name:
            earlier = found[label.numbers[level]]
            problem = f"{level}_id {label.numbers[level]} is called {name!r} here and {earlier!r} above"
            raise LabelMapError(problem, path=path, where=f"row {i}")
    return found


def _check_nesting(label_map: LabelMap, path: str) -> None:
    for fine, coarse in zip(label_map.hierarchy, label_map.hierarchy[1:], strict=False):
        for category in label_map.categories(fine):
            if len({label.numbers[coarse] for label in category.labels}) == 1:
                continue
            members = frozenset(label.name for label in category.labels)
            if (fine, members) not in _PUBLISHED_SPLITS:
                listed = ", ".join(f"{label.name} {label.numbers[coarse]}" for label in category.labels)
                problem = f"{fine} {category.number} does not nest in {coarse}: {listed}"
                raise LabelMapError(problem, path=path)
