"""A file of JSON lines that survives a killed run: what was finished, and the lock that keeps other runs away."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from iddkit.errors import OutputError


class Journal:
    """The finished work of the run that goes on.

    A context manager, which only one process at a time can enter (where the system has locks). At its end the file is
    removed if nothing is in it: because nothing was finished, or because what was is kept elsewhere by now (`clear`).

    Parameters
    ----------
    path
        The file, in the folder that the run writes to. What an earlier run left in it stays (`replay`).

    Attributes
    ----------
    resumed
        On entering, the file of another run was there: it was killed here, and may have left temporary files.

    Raises
    ------
    OutputError
        On entering: the file cannot be written, or another run holds it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self.resumed = False

    def __enter__(self) -> Journal:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self._path, "ab")
            self.resumed = self._file.tell() > 0
            # A killed run may have left half a line: begin a new one.
            self._file.write(b"\n")
            self._file.flush()
        except (OSError, ValueError) as error:
            raise OutputError(f"cannot be written: {getattr(error, 'strerror', error)}", path=self._path) from error
        try:
            _lock(self._file, self._path)
        except OutputError:
            self._file.close()
            raise
        return self

    def add(self, entry: Mapping[str, Any]) -> None:
        """Append an entry of JSON values; the line is in the file when this returns.

        Raises
        ------
        OutputError
            The file cannot be written: the disk is full.
        """
        assert self._file is not None
        try:
            self._file.write(json.dumps(entry).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise OutputError(f"cannot be written: {error.strerror or error}", path=self._path) from error

    def clear(self) -> None:
        """Empty the journal: all that it says is on record elsewhere."""
        assert self._file is not None
        with contextlib.suppress(OSError):  # entries that are on record twice do no harm
            self._file.truncate(0)

    def __exit__(self, *_: object) -> None:
        assert self._file is not None
        with contextlib.suppress(OSError):  # what could not be flushed was reported by `add`
            self._file.close()
        with contextlib.suppress(OSError):
            if not self._path.read_bytes().strip():
                self._path.unlink()


def replay(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the entries of a journal in the order in which they came; nothing where there is no journal.

    A line that is no entry is passed over: it was being written when the run was killed.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    for line in content.splitlines():
        with contextlib.suppress(ValueError, RecursionError):
            entry = json.loads(line)
            if isinstance(entry, dict):
                yield entry


def _lock(file: IO[bytes], path: Path) -> None:
    # The system lets go of the lock when the process ends, however it ends.
    try:
        import fcntl
    except ImportError:  # Windows: without a lock
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        problem = "another run is writing here; wait for it, or use another folder"
        raise OutputError(problem, path=path.parent) from error
    except OSError:  # a file system without locks
        return
