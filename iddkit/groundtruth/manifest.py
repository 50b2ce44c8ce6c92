"""``rasterize.json``: what was made of which file, and the journal that survives a killed run.

While a run goes on, each finished frame is a line of ``rasterize.jsonl`` beside the manifest. At the end the
lines are folded into the manifest, which holds no time and no order of work, so that an interrupted run that
is started again ends with the same bytes as one that was not.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from iddkit import files
from iddkit.errors import OutputError, UserError
from iddkit.groundtruth.record import Record

NAME = "rasterize.json"
JOURNAL = "rasterize.jsonl"
FORMAT = "iddkit rasterize 1"


@dataclass
class Manifest:
    """The records of one output folder.

    Attributes
    ----------
    settings
        What all frames share (`iddkit.groundtruth.Plan.settings`).
    source
        Where the dataset lies, relative to the folder.
    frames
        Frame key to record.
    panoptic
        Panoptic image to its entry (`iddkit.groundtruth.FrameResult.panoptic`), from the journal.
    outputs
        Files that are not one frame's, relative to the folder, to their SHA-256.
    recorded_source
        Where the dataset of the records lies: another place than `source` when the folder served another dataset.
    journalled
        A run was killed here, and may have left temporary files.
    """

    settings: dict[str, Any]
    source: str
    frames: dict[str, Record] = field(default_factory=dict)
    panoptic: dict[str, dict[str, Any]] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    recorded_source: str = ""
    journalled: bool = False


def load(out: Path, settings: Mapping[str, Any], source: str, overwrite: bool) -> Manifest:
    """Return what earlier runs recorded in the folder `out`, with the journal of one that was killed.

    Damaged records are passed over: their frames are made again.

    Raises
    ------
    OutputError
        The folder holds images of another label map or size, and `overwrite` is not given; or the manifest
        is no manifest.
    """
    path = out / NAME
    manifest = Manifest(dict(settings), source, recorded_source=source)
    if path.exists():
        document = _decode(path)
        if document["settings"] == manifest.settings:
            records = {key: Record.from_json(value) for key, value in document["frames"].items()}
            manifest.frames = {key: record for key, record in records.items() if record is not None}
            manifest.outputs = {k: v for k, v in document["outputs"].items() if isinstance(v, str)}
            manifest.recorded_source = str(document.get("source", source))
        elif not overwrite:
            differing = [key for key, value in manifest.settings.items() if document["settings"].get(key) != value]
            stated = ", ".join(differing).replace("label_map_sha256", "content of the label map")
            problem = f"the images here were made with another {stated}; --overwrite replaces them, --out keeps them"
            raise OutputError(problem, path=path)
    _replay(out / JOURNAL, manifest)
    return manifest


def _decode(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(files.read_bytes(path, limit=2**32))
        if document.get("format", FORMAT) != FORMAT:
            raise OutputError("the manifest of another version of iddkit; move it away and start again", path=path)
        if all(isinstance(document[key], dict) for key in ("settings", "frames", "outputs")):
            found: dict[str, Any] = document
            return found
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    except OutputError:
        raise
    except UserError as error:
        raise OutputError(error.problem, path=path) from error
    raise OutputError("not a manifest of iddkit; move it away and start again", path=path)


def _replay(path: Path, manifest: Manifest) -> None:
    lines = [line for line in path.read_bytes().splitlines() if line]
    manifest.journalled = bool(lines)
    for line in lines:
        # What cannot be read is the line that was being written when the run was killed.
        with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
            entry = json.loads(line)
            record = Record.from_json(entry["record"])
            if entry["settings"] != manifest.settings or record is None or not isinstance(entry["key"], str):
                continue
            manifest.frames[entry["key"]] = record
            if is_panoptic_entry(entry["panoptic"]):
                manifest.panoptic[entry["panoptic"]["path"]] = entry["panoptic"]


def is_panoptic_entry(value: Any) -> bool:
    """Return whether a value is what `iddkit.groundtruth.FrameResult` holds of a panoptic image."""
    try:
        image, annotation = value["image"], value["annotation"]
        names = [value["path"], annotation["file_name"], image["file_name"]]
        return all(isinstance(name, str) for name in names) and isinstance(annotation["segments_info"], list)
    except (KeyError, TypeError):
        return False


class Journal:
    """The finished frames of the run that goes on, and the lock that keeps other runs away.

    A context manager; the journal is removed at its end if `save` has folded it into the manifest.
    """

    def __init__(self, out: Path) -> None:
        self._path = out / JOURNAL
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Journal:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self._path, "ab")
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

    def add(self, settings: Mapping[str, Any], key: str, record: Record, panoptic: Mapping[str, Any] | None) -> None:
        """Append a finished frame; the line is in the file when this returns."""
        entry = {"settings": settings, "key": key, "record": record.to_json(), "panoptic": panoptic}
        assert self._file is not None
        try:
            self._file.write(json.dumps(entry).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise OutputError(f"cannot be written: {error.strerror or error}", path=self._path) from error

    def __exit__(self, *_: object) -> None:
        assert self._file is not None
        with contextlib.suppress(OSError):  # what could not be flushed was reported by `add`
            self._file.close()
        with contextlib.suppress(OSError):
            if not self._path.read_bytes().strip():
                self._path.unlink()


def _lock(file: IO[bytes], path: Path) -> None:
    # The system lets go of the lock when the process ends, however it ends.
    try:
        import fcntl
    except ImportError:  # Windows: without a lock
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OutputError("another run is writing here; wait for it, or use another --out", path=path.parent) from error
    except OSError:  # a file system without locks
        return


def save(out: Path, manifest: Manifest) -> Path:
    """Write the manifest and empty the journal; return the manifest's path."""
    document = {
        "format": FORMAT,
        "settings": manifest.settings,
        "source": manifest.source,
        "outputs": dict(sorted(manifest.outputs.items())),
        "frames": {key: manifest.frames[key].to_json() for key in sorted(manifest.frames)},
    }
    path = out / NAME
    files.write_bytes(path, (json.dumps(document, indent=1) + "\n").encode())
    with contextlib.suppress(OSError), open(out / JOURNAL, "r+b") as journal:
        journal.truncate()
    return path
