"""What earlier runs recorded of a derived dataset's folder: in its manifest, and in the journal of a killed run."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iddkit.errors import OutputError
from iddkit.files import sha256
from iddkit.journal import replay
from iddkit.subset.manifest import FORMAT, NAME, FrameRecord, Manifest, check_hash, check_path

# Settings that change no file but the reports.
_WORDS = ("name", "license")


@dataclass
class Earlier:
    """What earlier runs left in a folder.

    Attributes
    ----------
    known
        Key of a frame to its record and the hashes of its files, of runs that made the same dataset with the same
        versions of all that decides about pixels.
    own
        Path of a file to the hashes that runs of any plan gave to it: what has one of them is iddkit's own.
    """

    known: dict[str, tuple[FrameRecord, dict[str, str]]] = field(default_factory=dict)
    own: dict[str, set[str]] = field(default_factory=dict)


def state(dataset: Manifest) -> str:
    """Return a digest of all that decides about the files of frames."""
    made = [FORMAT, dataset.made_by, _settings(dataset)]
    return sha256(json.dumps(made, sort_keys=True).encode())


def recall(out: Path, journal: str, dataset: Manifest, overwrite: bool) -> Earlier:
    """Return what earlier runs recorded in the folder `out`, of which `journal` is locked.

    Parameters
    ----------
    dataset
        What is to be made there: its settings count, not its contents.
    overwrite
        Whether another dataset may be there.

    Raises
    ------
    OutputError
        The folder holds another dataset, or its manifest is damaged.
    """
    earlier = Earlier()
    entries = list(replay(out / journal))
    if (out / NAME).exists():
        _take_manifest(earlier, _load(out), out, dataset, overwrite)
    elif not entries and not overwrite:
        there = next((name for name in ("leftImg8bit", "gtFine") if (out / name).exists()), None)
        if there is not None:
            problem = "lies here already, and not from this command; use another folder, or --overwrite"
            raise OutputError(problem, path=out / there)
    mine = state(dataset)
    for entry in entries:
        # What cannot be understood is as good as not there.
        with contextlib.suppress(ValueError):
            _take_entry(earlier, entry, mine)
    return earlier


def _settings(dataset: Manifest) -> dict[str, Any]:
    plan = {key: value for key, value in dataset.plan.items() if key not in _WORDS}
    return {**plan, "source": dataset.source, "source_level": dataset.source_level}


def _load(out: Path) -> Manifest:
    try:
        return Manifest.load(out)
    except OutputError as error:
        raise OutputError(f"{error.problem}; move it away to start again", path=error.path) from error


def _take_manifest(earlier: Earlier, old: Manifest, out: Path, dataset: Manifest, overwrite: bool) -> None:
    mine, its = _settings(dataset), _settings(old)
    if mine != its and not overwrite:
        differing = ", ".join(key for key in mine if key not in its or its[key] != mine[key])
        stated = differing.replace("label_map_sha256", "content of the label map").replace("frames", "list of frames")
        problem = f"the dataset here was made with another {stated.replace('_', ' ')}; --overwrite replaces it"
        raise OutputError(problem, path=out / NAME)
    for path, digest in old.files.items():
        earlier.own.setdefault(path, set()).add(digest)
    if mine == its and old.made_by == dataset.made_by:
        for key, record in old.frames.items():
            earlier.known[key] = record, {path: old.files[path] for path in record.outputs.values()}


def _take_entry(earlier: Earlier, entry: Mapping[str, Any], mine: str) -> None:
    hashes = entry.get("files")
    if not isinstance(hashes, dict):
        return
    checked = {check_path(path): check_hash(digest) for path, digest in hashes.items()}
    for path, digest in checked.items():
        earlier.own.setdefault(path, set()).add(digest)
    key = entry.get("key")
    if entry.get("state") == mine and isinstance(key, str):
        record = FrameRecord.from_json(entry.get("record"))
        if set(record.outputs.values()) == set(checked):
            earlier.known[key] = record, checked
