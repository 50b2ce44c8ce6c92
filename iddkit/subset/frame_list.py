"""Lists of frames that a user wants, and no others: a CSV file with a row a frame."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

from iddkit.errors import FrameError, printable
from iddkit.frames import Frame, Index
from iddkit.frames.table import read_rows


def read_frame_list(path: str | Path, source: Index) -> tuple[str, ...]:
    """Return the keys of the frames that a CSV file lists, in the order of `source`.

    Parameters
    ----------
    path
        A file with a column ``key``, or with ``name`` and, where the dataset has them, ``split`` and ``sequence``: an
        index of iddkit, its own or that of a dataset derived earlier. Other columns are passed over.
    source
        The dataset that the frames are of.

    Raises
    ------
    FrameError
        The file cannot be read, lists no frame, or a row names a frame that the source does not have or that another
        row has named already.
    """
    path = Path(path)
    place = {frame.key: i for i, frame in enumerate(source)}
    rows: dict[str, int] = {}
    for number, row in read_rows(path, _problem_of_columns):
        key = _key(row)
        where = f"row {number}"
        if not key:
            raise FrameError("the row names no frame", path=path, where=where)
        if key in rows:
            raise FrameError(f"{printable(key)} stands in row {rows[key]} already", path=path, where=where)
        rows[key] = number
    if not rows:
        raise FrameError("no frames are listed", path=path)
    missing = [key for key in rows if key not in place]
    if missing:
        problem = f"{printable(missing[0])} is no frame of {printable(str(source.root))}{_hint(missing[0], source)}"
        if len(missing) > 1:
            problem += f"; nor are {len(missing) - 1} more of the {len(rows)} that are listed"
        raise FrameError(problem, path=path, where=f"row {rows[missing[0]]}")
    return tuple(sorted(rows, key=place.__getitem__))


def _problem_of_columns(header: Sequence[str]) -> str:
    if "key" not in header and "name" not in header:
        return "no list of frames: it needs a column key, or the columns split, sequence and name"
    used = [column for column in header if column in ("key", "split", "sequence", "name")]
    return "a column stands twice" if len(set(used)) < len(used) else ""


def _key(row: Mapping[str, str]) -> str:
    if row.get("key"):
        return row["key"]
    name = row.get("name", "")
    return Frame(row.get("split", ""), row.get("sequence", ""), name).key if name else ""


def _hint(key: str, source: Index) -> str:
    """Say which frame of the same drive is spelt most alike, or how frames of the source are called at all."""
    if not source.frames:
        return ""
    drive = key.rpartition("/")[0]
    near = difflib.get_close_matches(key, [f.key for f in source if f.key.rpartition("/")[0] == drive], n=1)
    return f", perhaps {printable(near[0])}" if near else f", whose first is {printable(source.frames[0].key)}"
