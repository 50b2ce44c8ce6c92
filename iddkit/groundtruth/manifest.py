"""``rasterize.json``: what was made of which file, and the journal that survives a killed run.

While a run goes on, each finished frame is a line of ``rasterize.jsonl`` beside the manifest. At the end the
lines are folded into the manifest, which holds no time and no order of work, so that an interrupted run that
is started again ends with the same bytes as one that was not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from iddkit import files
from iddkit.errors import OutputError, UserError

NAME = "rasterize.json"
JOURNAL = "rasterize.jsonl"


@dataclass
class Manifest:
    """The records of one output folder.

    Attributes
    ----------
    settings
        What all frames share (`iddkit.groundtruth.Plan.settings`).
    frames
        Frame key to record (`iddkit.groundtruth.FrameResult.record`).
    panoptic
        Panoptic image to its entry (`iddkit.groundtruth.FrameResult.panoptic`), from the journal.
    outputs
        Files that are not one frame's, relative to the folder, to their SHA-256.
    """

    settings: dict[str, Any]
    frames: dict[str, dict[str, Any]] = field(default_factory=dict)
    panoptic: dict[str, dict[str, Any]] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)


def load(out: Path, settings: Mapping[str, Any], overwrite: bool) -> Manifest:
    """Return what earlier runs recorded in the folder `out`, with the journal of one that was killed.

    Raises
    ------
    OutputError
        The folder holds images of another label map or size, and `overwrite` is not given; or the manifest
        is damaged.
    """
    path = out / NAME
    manifest = Manifest(dict(settings))
    if path.exists():
        document = _decode(path)
        if document["settings"] == manifest.settings:
            manifest.frames = document["frames"]
            manifest.outputs = document["outputs"]
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
        if (
            isinstance(document, dict)
            and isinstance(document["frames"], dict)
            and isinstance(document["settings"], dict)
            and isinstance(document["outputs"], dict)
        ):
            return document
    except (ValueError, KeyError):
        pass
    except UserError as error:
        raise OutputError(error.problem, path=path) from error
    raise OutputError("not a manifest of iddkit; move it away and start again", path=path)


def _replay(path: Path, manifest: Manifest) -> None:
    if not path.is_file():
        return
    for line in path.read_bytes().splitlines():
        try:
            entry = json.loads(line)
            if entry["settings"] == manifest.settings:
                manifest.frames[entry["key"]] = entry["record"]
                if entry["panoptic"]:
                    manifest.panoptic[entry["panoptic"]["path"]] = entry["panoptic"]
        except (ValueError, KeyError, TypeError):
            continue  # the line that was being written when the run was killed


class Journal:
    """The finished frames of the run that goes on: a context manager that appends and, at the end, closes."""

    def __init__(self, out: Path, manifest: Manifest) -> None:
        self._path = out / JOURNAL
        self._settings = manifest.settings
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Journal:
        return self

    def add(self, key: str, record: Mapping[str, Any], panoptic: Mapping[str, Any] | None) -> None:
        """Append a finished frame; the line is in the file when this returns."""
        entry = {"settings": self._settings, "key": key, "record": record, "panoptic": panoptic}
        try:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                # A killed run may have left half a line: begin a new one.
                self._file = open(self._path, "ab")
                self._file.write(b"\n")
            self._file.write(json.dumps(entry).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise OutputError(f"cannot be written: {error.strerror or error}", path=self._path) from error

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


def save(out: Path, manifest: Manifest, versions: Mapping[str, str]) -> Path:
    """Write the manifest and remove the journal; return the manifest's path."""
    document = {
        "format": "iddkit rasterize 1",
        "versions": dict(versions),
        "settings": manifest.settings,
        "outputs": dict(sorted(manifest.outputs.items())),
        "frames": {key: manifest.frames[key] for key in sorted(manifest.frames)},
    }
    path = out / NAME
    files.write_bytes(path, (json.dumps(document, indent=1) + "\n").encode())
    (out / JOURNAL).unlink(missing_ok=True)
    return path
