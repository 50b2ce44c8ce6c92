"""``rasterize.json``: what was made of which file.

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
from typing import Any

from iddkit import files
from iddkit.errors import OutputError, UserError
from iddkit.groundtruth.record import Record
from iddkit.journal import replay

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
    """

    settings: dict[str, Any]
    source: str
    frames: dict[str, Record] = field(default_factory=dict)
    panoptic: dict[str, dict[str, Any]] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    recorded_source: str = ""


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
    for entry in replay(path):
        with contextlib.suppress(ValueError, KeyError, TypeError):
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


def journal_entry(
    settings: Mapping[str, Any], key: str, record: Record, panoptic: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return what the journal keeps of a finished frame."""
    return {"settings": settings, "key": key, "record": record.to_json(), "panoptic": panoptic}


def save(out: Path, manifest: Manifest) -> Path:
    """Write the manifest, and return its path."""
    document = {
        "format": FORMAT,
        "settings": manifest.settings,
        "source": manifest.source,
        "outputs": dict(sorted(manifest.outputs.items())),
        "frames": {key: manifest.frames[key].to_json() for key in sorted(manifest.frames)},
    }
    path = out / NAME
    files.write_bytes(path, (json.dumps(document, indent=1) + "\n").encode())
    return path
