"""`PredictionFolder`: a folder of predictions while it is written, which knows the files that it wrote and how.

``predictions.json`` says how they were made, and holds the SHA-256 of each. Whatever has its hash is iddkit's own; all
else is a user's, and is replaced with `overwrite` only. While a run goes on its files are lines of
``predictions.jsonl``, so that one that was killed is started again and does what is missing.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from iddkit import files
from iddkit.errors import AnnotationError, OutputError, printable
from iddkit.journal import Journal, replay
from iddkit.subset.manifest import check_hash, check_path
from iddkit.subset.place import remove_file

#: The record of what was predicted, and how; that of a run that goes on.
NAME: Final = "predictions.json"
JOURNAL: Final = "predictions.jsonl"
FORMAT: Final = "iddkit predictions 1"

#: Keys of the record that have to be equal for a run to go on where another one stopped, and what to call them.
_SETTINGS: Final = {
    "checkpoint_sha256": "of another checkpoint",
    "size": "of another size",
    "resolution": "of another resolution",
    "splits": "of other splits",
    "source": "of other images",
}

#: A record has some 100 bytes for each file.
_MAX_BYTES: Final = 2**32


class PredictionFolder:
    """A context manager, which only one process at a time can enter; any number of its threads may write.

    Parameters
    ----------
    out
        The folder.
    record
        JSON values: how its files are made.
    overwrite
        Begin anew: what earlier runs wrote is removed, and files of others are replaced.

    Raises
    ------
    OutputError
        On entering: the folder cannot be written, another run is writing there, or without `overwrite` it holds
        predictions that were made in another way.
    """

    def __init__(self, out: Path, record: Mapping[str, Any], *, overwrite: bool = False) -> None:
        self.out, self._record, self._overwrite = out, dict(record), overwrite
        self._journal = Journal(out / JOURNAL)
        self._files: dict[str, str] = {}
        self._one_at_a_time = threading.Lock()

    def __enter__(self) -> PredictionFolder:
        self._journal.__enter__()
        try:
            self._begin()
        except BaseException:
            self._journal.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._journal.__exit__()

    def _begin(self) -> None:
        known = self._read()
        if known is not None:
            self._files = _files_of(known, self.out / NAME)
            for entry in replay(self.out / JOURNAL):
                self._files |= _files_of(entry, self.out / JOURNAL)
            differ = [what for key, what in _SETTINGS.items() if known.get(key) != self._record.get(key)]
            if differ and not self._overwrite:
                raise OutputError(f"holds predictions {differ[0]}; --overwrite replaces them", path=self.out)
        if self._journal.resumed:
            files.remove_temporaries(self.out)
        if known is None or self._overwrite:
            # First the files, then what says of them: a run that is killed in between can be started again.
            for relative in sorted(self._files):
                remove_file(self.out, relative)
            self._files = {}
            self._journal.clear()
            self._save()

    def _read(self) -> dict[str, Any] | None:
        path = self.out / NAME
        if not os.path.lexists(path):
            return None
        try:
            known = json.loads(files.read_bytes(path, _MAX_BYTES))
        except AnnotationError as error:
            raise OutputError(error.problem, path=path) from error
        except (ValueError, RecursionError):
            known = None
        if not (isinstance(known, dict) and known.get("format") == FORMAT):
            raise OutputError("is there, and no record of predictions", path=path)
        return known

    def _save(self) -> None:
        document = {"format": FORMAT, **self._record, "files": dict(sorted(self._files.items()))}
        files.write_bytes(self.out / NAME, json.dumps(document, indent=1).encode() + b"\n")

    def holds(self, paths: Sequence[Path]) -> bool:
        """Return whether all of some files are there as a run of the same record wrote them."""
        return all(self._is_own(path) for path in paths)

    def _is_own(self, path: Path) -> bool:
        digest = self._files.get(path.relative_to(self.out).as_posix())
        try:
            return digest is not None and files.present_hash(path) == digest
        except OutputError:  # no file is there; what is, is said when one is to be written
            return False

    def write(self, contents: Mapping[Path, bytes]) -> None:
        """Write some files, all of them or none.

        Raises
        ------
        OutputError
            One cannot be written, or someone else's is there and is not to be replaced.
        """
        hashes = {path.relative_to(self.out).as_posix(): files.sha256(content) for path, content in contents.items()}
        if not self._overwrite:
            for path, digest in zip(contents, hashes.values(), strict=True):
                if not self._is_own(path) and files.present_hash(path) not in (None, digest):
                    raise OutputError("is there already; --overwrite replaces it", path=path)
        with self._one_at_a_time:
            # First the entry: a file that is found after a kill is known to be iddkit's own.
            self._journal.add({"files": hashes})
            self._files |= hashes
        files.write_all(contents)

    def finish(self) -> None:
        """Write the record of all files.

        Raises
        ------
        OutputError
            It cannot be written.
        """
        self._save()
        self._journal.clear()


def _files_of(document: Mapping[str, Any], path: Path) -> dict[str, str]:
    try:
        return {check_path(name): check_hash(digest) for name, digest in document.get("files", {}).items()}
    except (ValueError, AttributeError) as error:
        raise OutputError(f"a damaged record of predictions: {printable(str(error))}", path=path) from error
