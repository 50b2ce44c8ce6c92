"""An index as a CSV file: a row a frame, paths relative to the file, so that a dataset can be moved with it.

The columns are ``split, sequence, name, image, annotation, labels``; a column ``root`` follows when the dataset is not
the CSV file's own folder, and then the paths are relative to that. What spreadsheet programs make of such a file
is read too: a byte order mark, CRLF, semicolons, empty rows at the end.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from iddkit import files
from iddkit.errors import AnnotationError, FrameError, printable
from iddkit.frames.index import DUPLICATE, Frame, FrameProblem, Index, sort_frames, sort_problems
from iddkit.frames.layout import (
    ANNOTATION,
    IMAGE,
    LABELS,
    LAYOUTS,
    Layout,
    begin_with_sequence,
    has_splits,
    name_rules,
)

_PATHS: Final = ("image", "annotation", "labels")
COLUMNS: Final = ("split", "sequence", "name", *_PATHS)
_ROOT: Final = "root"

#: The layout of a CSV file whose rows follow none of the published ones.
TABLE: Final = "table"


def write_csv(index: Index, path: str | Path) -> None:
    """Write an index as a CSV file (UTF-8, LF), whole or not at all; problems are not written.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    path = Path(path)
    files.write_bytes(path, encode_csv(index, path.parent))


def encode_csv(index: Index, folder: Path) -> bytes:
    """Return the content of the CSV file that `write_csv` would write into `folder`."""
    root = _relative(index.root, folder)
    columns = COLUMNS if root == "." else (*COLUMNS, _ROOT)
    rows: list[tuple[str, ...]] = [columns]
    for frame in index:
        paths = ("" if file is None else file.as_posix() for file in (frame.image, frame.annotation, frame.labels))
        row = (frame.split, frame.sequence, frame.name, *paths)
        rows.append(row if root == "." else (*row, root))
    text = io.StringIO(newline="")
    # The writer quotes a cell for the line end that it writes itself, and not for a bare CR.
    has_cr = any("\r" in cell for row in rows for cell in row)
    quoting: Literal[0, 1] = csv.QUOTE_ALL if has_cr else csv.QUOTE_MINIMAL
    csv.writer(text, lineterminator="\n", quoting=quoting).writerows(rows)
    # A file name that is not UTF-8 comes back byte for byte.
    return text.getvalue().encode("utf-8", "surrogateescape")


def _relative(root: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(root, folder)).as_posix()
    except ValueError:  # another drive
        return root.absolute().as_posix()


def read_csv(path: str | Path) -> Index:
    """Return the index that a CSV file holds; the files it names are not looked for.

    ``name`` and one of ``image``, ``annotation`` and ``labels`` are needed, other columns may be missing or more.
    Rows of one key are all left out and named among the problems.

    Raises
    ------
    FrameError
        The file cannot be read, or a row cannot be used: a missing cell, no file, a name that is no single
        name, a number that has lost its leading zeros.
    """
    path = Path(path)
    roots: set[str] = set()
    frames: dict[str, list[tuple[int, Frame]]] = {}
    for number, row in read_rows(path, _problem_of_columns):
        frame = _frame(row, number, path)
        frames.setdefault(frame.key, []).append((number, frame))
        roots.add(row.get(_ROOT) or ".")
        if len(roots) > 1:
            raise FrameError("another root than in the rows above", path=path, where=f"row {number}")
    root = Path(os.path.normpath(path.parent / (roots.pop() if roots else ".")))
    problems = []
    for key, rows in frames.items():
        if len(rows) > 1:
            numbers = ", ".join(str(number) for number, _ in rows)
            problem = f"the rows {numbers} are one frame, {printable(key)}; none was chosen"
            problems.append(FrameProblem(DUPLICATE, Path(_relative(path, root)), problem))
    kept = sort_frames(rows[0][1] for rows in frames.values() if len(rows) == 1)
    return Index(root, _layout(kept), kept, sort_problems(problems))


def read_rows(path: Path, check: Callable[[Sequence[str]], str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a CSV file that are not empty, numbered as a spreadsheet does: the header is row 1.

    Parameters
    ----------
    path
        Of the file.
    check
        Takes the names of the columns, in lower case; returns what is wrong with them, or "".

    Raises
    ------
    FrameError
        The file cannot be read, is not CSV, is cut short, or `check` refuses its columns.
    """
    try:
        content = files.read_bytes(path)
    except AnnotationError as error:
        raise FrameError(error.problem, path=path) from error
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in content:
        raise FrameError("not a CSV file in UTF-8", path=path)
    text = content.decode("utf-8-sig", "surrogateescape")
    first = text.partition("\n")[0]
    delimiter = next((mark for mark in ";\t" if mark in first and "," not in first), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    lines = sum(1 for _ in io.StringIO(text, newline=""))
    header: list[str] = []
    number = 0
    try:
        for number, row in enumerate(reader, start=1):
            if number == 1:
                header = [cell.strip().lower() for cell in row]
                if problem := check(header):
                    raise FrameError(problem, path=path, where="row 1")
            elif any(row):
                # Excel drops empty cells at the end of a row; in a last row without a line end it is the rest of
                # the file that is missing.
                is_cut = len(row) < len(header) and reader.line_num == lines and not text.endswith(("\n", "\r"))
                if is_cut or any(row[len(header) :]):
                    problem = f"{len(row)} cells under {len(header)} columns"
                    raise FrameError(problem, path=path, where=f"row {number}")
                yield number, dict(zip(header, row, strict=False))
    except csv.Error as error:
        raise FrameError(f"not CSV: {error}", path=path, where=f"row {number + 1}") from error
    if not header:
        raise FrameError("the file is empty", path=path)


def _problem_of_columns(header: Sequence[str]) -> str:
    known = [cell for cell in header if cell in (*COLUMNS, _ROOT)]
    if "name" not in known or not set(_PATHS) & set(known):
        return f"no index: the columns are {', '.join(COLUMNS)}"
    return "a column stands twice" if len(set(known)) < len(known) else ""


def _frame(row: Mapping[str, str], number: int, path: Path) -> Frame:
    split, sequence, name = (row.get(column, "") for column in COLUMNS[:3])
    paths = {column: row[column] for column in _PATHS if row.get(column)}
    problem = _problem_of_names(split, sequence, name) or (
        "" if paths else "no file: image, annotation and labels are empty"
    )
    for column, text in paths.items():
        lost = name.isdecimal() and re.match(rf"0+{name}(?![0-9])", text.rpartition("/")[2])
        if lost:
            problem = problem or f"the name {name[:40]} has lost the zeros that the {column} has, {lost.group()[:40]}"
    if problem:
        raise FrameError(problem, path=path, where=f"row {number}")
    return Frame(split, sequence, name, **{column: Path(text) for column, text in paths.items()})


def _problem_of_names(split: str, sequence: str, name: str) -> str:
    """Return what is wrong with the parts of a key: outputs are written under them."""
    if not name:
        return "the name is empty"
    for column, text in (("split", split), ("name", name)):
        if "/" in text or text in (".", ".."):
            return f"the {column} is {text[:80]!r}, not the name of one folder or file"
    if sequence and any(part in ("", ".", "..") for part in sequence.split("/")):
        return f"the sequence is {sequence[:80]!r}, not a folder inside the dataset"
    return ""


def _layout(frames: tuple[Frame, ...]) -> str:
    """Return the name of the layout in which all files of the frames lie."""
    for name, layout in LAYOUTS.items():
        if frames and all(_lies(frame, layout) for frame in frames):
            cities = name == "idd" and begin_with_sequence((frame.sequence, frame.name) for frame in frames)
            return "cityscapes" if cities else name
    return TABLE


def _lies(frame: Frame, layout: Layout) -> bool:
    rules = name_rules((layout,))
    folders = (frame.split, frame.sequence) if has_splits(layout) else (frame.sequence,)
    for role, file in ((IMAGE, frame.image), (ANNOTATION, frame.annotation), (LABELS, frame.labels)):
        if file is None:
            continue
        top, _, below = ("", "", file.parent.as_posix()) if "" in rules else file.parent.as_posix().partition("/")
        read = rules[top].read(file.name) if top in rules else None
        if read is None or read[0] != frame.name or read[1].role != role:
            return False
        if below.removeprefix(".") != "/".join(folders):
            return False
    return True
