"""Rows of frames that were measured, kept by the hashes of their files, so that a second run reads no pixel."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

from iddkit import files
from iddkit.errors import OutputError
from iddkit.statistics.measure import Measuring, Row, RowKey
from iddkit.statistics.table import CELLS, COLORS
from iddkit.versions import made_by

#: Of the files and of what is in them: another number when anything is measured otherwise.
FORMAT = "iddkit statistics 1"

#: Rows of files that are not in the dataset any more, or were not asked for in this run, and are kept all the same.
MOST_UNUSED = 100_000

# Keys of the file's own metadata.
_SETTINGS, _CHECK = b"iddkit", b"iddkit check"


def default_cache_folder() -> Path:
    """Return the folder of the user's caches that iddkit keeps its own in; it need not exist."""
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("iddkit", appauthor=False))


def settings_of(how: Measuring, level: str) -> dict[str, Any]:
    """Return what all rows of a cache file share, as JSON values: with other settings, the rows are others."""
    size, label_map = how.output_size, how.reader.label_map
    return {
        "format": FORMAT,
        "label_map_sha256": label_map.sha256,
        "level": level,
        "fill": how.reader.fill,
        "unknown": how.reader.unknown,
        "output": None if size is None else [size.longest_side, size.size and list(size.size)],
        "images": how.images,
        "made_by": made_by(),
    }


def cache_file(folder: Path, root: Path, settings: Mapping[str, Any]) -> Path:
    """Return the cache file of a dataset and settings."""
    text = json.dumps([str(root.resolve()), settings], sort_keys=True)
    return folder / f"frames-{files.sha256(text.encode(errors='surrogatepass'))[:32]}.parquet"


@dataclass(frozen=True)
class Rows:
    """Many rows (`iddkit.statistics.measure.Row`), an array for each of their values.

    Attributes
    ----------
    keys
        What each row is of; no key is twice among them.
    sizes, pixels, has_shapes, shapes, outputs, sampled, layout, colors
        int32 (N, 2), int64 (N, L + 1), bool (N,), int64 (N, L + 1), int32 (N, 2), int32 (N, L + 1), uint16
        (N, cells, L), int32 (N, colours).
    """

    keys: tuple[RowKey, ...]
    sizes: NDArray[np.int32]
    pixels: NDArray[np.int64]
    has_shapes: NDArray[np.bool_]
    shapes: NDArray[np.int64]
    outputs: NDArray[np.int32]
    sampled: NDArray[np.int32]
    layout: NDArray[np.uint16]
    colors: NDArray[np.int32]

    @classmethod
    def of(cls, rows: Mapping[RowKey, Row], classes: int) -> Rows:
        """Return measured rows of a table with so many classes."""

        def stack(values: list[Any], dtype: type, *shape: int) -> NDArray[Any]:
            return np.array(values, dtype=dtype).reshape(len(rows), *shape)

        found, columns = rows.values(), classes + 1
        none = np.zeros(columns, dtype=np.int64)
        return cls(
            tuple(rows),
            stack([row.size for row in found], np.int32, 2),
            stack([row.pixels for row in found], np.int64, columns),
            stack([row.shapes is not None for row in found], np.bool_),
            stack([none if row.shapes is None else row.shapes for row in found], np.int64, columns),
            stack([row.output for row in found], np.int32, 2),
            stack([row.sampled for row in found], np.int32, columns),
            stack([row.layout for row in found], np.uint16, CELLS * CELLS, classes),
            stack([row.colors for row in found], np.int32, len(COLORS)),
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all but the keys by name."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "keys"}

    def take(self, which: NDArray[np.intp]) -> Rows:
        """Return some rows."""
        return Rows(tuple(self.keys[i] for i in which), **{name: array[which] for name, array in self.arrays().items()})

    def __add__(self, other: Rows) -> Rows:
        theirs = other.arrays()
        joined = {name: np.concatenate([array, theirs[name]]) for name, array in self.arrays().items()}
        return Rows(self.keys + other.keys, **joined)


class Cache:
    """The rows of one dataset and one set of settings: what was found in a file, and what was measured since.

    Parameters
    ----------
    folder
        Where cache files are kept; None for a cache that is forgotten.
    how, level
        How frames are measured, and the level of the table.

    Attributes
    ----------
    found
        The rows of the file: none where there is no file, or it is damaged or not what it should be.
    """

    def __init__(self, folder: Path | None, how: Measuring, level: str) -> None:
        self._settings = settings_of(how, level)
        self._classes = how.classes
        self._path = None if folder is None else cache_file(folder, how.root, self._settings)
        self.found = Rows.of({}, how.classes)
        if self._path is not None:
            self.found = _load(self._path, self._settings, how.classes) or self.found
        self._places = {key: place for place, key in enumerate(self.found.keys)}
        self._new: dict[RowKey, Row] = {}
        self._used: set[RowKey] = set()

    def has(self, key: RowKey) -> bool:
        """Return whether the row of a frame is at hand, and note that there is such a frame."""
        self._used.add(key)
        return key in self._places or key in self._new

    def add(self, key: RowKey, row: Row) -> None:
        """Keep a row that was measured."""
        if key not in self._places:
            self._new[key] = row

    def rows(self, keys: Iterable[RowKey]) -> Rows:
        """Return the rows of `keys`, all of them in the cache, in their order."""
        places = self._places | {key: place for place, key in enumerate(self._new, start=len(self._places))}
        which = np.array([places[key] for key in keys], dtype=np.intp)
        everything = self.found + Rows.of(self._new, self._classes) if self._new else self.found
        return everything.take(which)

    def save(self) -> str:
        """Write the file, if there is anything new; return why it could not be written, or "".

        Rows of no frame that `has` was asked of are of files that are gone, or of another part of the dataset. They
        are kept, but not without end.
        """
        if self._path is None or not self._new:
            return ""
        unused = [place for key, place in self._places.items() if key not in self._used]
        dropped = unused[: max(0, len(unused) - MOST_UNUSED)]
        kept = self.found.take(np.delete(np.arange(len(self.found.keys)), dropped))
        try:
            files.write_bytes(self._path, _dump(self._settings, kept + Rows.of(self._new, self._classes)))
        except OutputError as error:
            return f"{error}; the next run will measure all frames again"
        return ""


def _load(path: Path, settings: Mapping[str, Any], classes: int) -> Rows | None:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with open(path, "rb") as file:
            table = parquet.read_table(file)
        if json.loads(table.schema.metadata[_SETTINGS]) != settings:
            return None
        parts = [table.column(name).to_pylist() for name in RowKey._fields]
        keys = tuple(RowKey(*values) for values in zip(*parts, strict=True))
        like = Rows.of({}, classes).arrays()
        rows = Rows(keys, **{name: _unpack(table.column(name), array) for name, array in like.items()})
        return rows if table.schema.metadata[_CHECK] == _check(rows) else None
    except (OSError, ValueError, TypeError, KeyError, pa.ArrowException):
        return None


def _dump(settings: Mapping[str, Any], rows: Rows) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    columns = {
        name: pa.array(values) for name, values in zip(RowKey._fields, zip(*rows.keys, strict=True), strict=True)
    }
    columns |= {name: _pack(array) for name, array in rows.arrays().items()}
    metadata = {_SETTINGS: json.dumps(settings, sort_keys=True).encode(), _CHECK: _check(rows)}
    table = pa.table(columns).replace_schema_metadata(metadata)
    out = pa.BufferOutputStream()
    parquet.write_table(table, out, compression="zstd", use_dictionary=["level"])
    return bytes(out.getvalue().to_pybytes())


def _check(rows: Rows) -> bytes:
    """Return a check sum of all values: a wrong byte in the file would be a wrong count that nobody notices."""
    check = zlib_ng.crc32(repr(rows.keys).encode())
    for array in rows.arrays().values():
        check = zlib_ng.crc32(_plain(array), check)
    return b"%08x" % check


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))


def _pack(array: NDArray[Any]) -> Any:
    """Return an array as an Arrow column: the bytes of a row, little endian, are one value."""
    import pyarrow as pa

    plain = _plain(array)
    width = plain.itemsize * int(np.prod(plain.shape[1:]))
    return pa.Array.from_buffers(pa.binary(width), len(plain), [None, pa.py_buffer(plain)])


def _unpack(column: Any, like: NDArray[Any]) -> NDArray[Any]:
    """Return the array that `_pack` made a column of, which had the type and the inner shape of `like`."""
    width = like.itemsize * int(np.prod(like.shape[1:]))
    chunk = column.combine_chunks()
    if chunk.type.byte_width != width or chunk.null_count:
        raise ValueError("not what was written")
    flat = np.frombuffer(chunk.buffers()[1], dtype=np.uint8)[chunk.offset * width :][: len(chunk) * width]
    return flat.view(like.dtype.newbyteorder("<")).astype(like.dtype).reshape(len(chunk), *like.shape[1:])
