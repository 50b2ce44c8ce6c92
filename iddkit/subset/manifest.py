"""``manifest.json``: what a derived dataset is, from which files it was made, and the hash of each file in it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from iddkit import files
from iddkit.errors import OutputError, UserError, shown

NAME: Final = "manifest.json"
FORMAT: Final = "iddkit subset 1"

#: The files of a frame: in the source, and in the derived dataset.
SOURCES: Final = ("image", "annotation", "labels")
OUTPUTS: Final = ("image", "label", "instances")

_HASH = re.compile(r"[0-9a-f]{64}")
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class FrameRecord:
    """What the manifest says of one frame.

    Attributes
    ----------
    split
        In the derived dataset: ``train`` where the source has no splits.
    source_size, size
        Width and height of the source, as it is shown, and of the output.
    source
        ``image``, ``annotation`` or ``labels``: path in the source and SHA-256 of the file that was read.
    outputs
        ``image``, ``label``, ``instances``: path in the derived dataset.
    """

    split: str
    source_size: tuple[int, int]
    size: tuple[int, int]
    source: Mapping[str, tuple[str, str]]
    outputs: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        source = {role: dict(zip(("path", "sha256"), self.source[role], strict=True)) for role in sorted(self.source)}
        return {
            "split": self.split,
            "source_size": list(self.source_size),
            "size": list(self.size),
            "source": source,
            "outputs": dict(sorted(self.outputs.items())),
        }

    @staticmethod
    def from_json(value: Any) -> FrameRecord:
        """Return what `to_json` wrote; `ValueError` for anything else, and for a path that leads out of its folder."""
        record = _dict(value)
        source = {}
        for role, file in _dict(record.get("source")).items():
            source[role] = (check_path(_dict(file).get("path")), check_hash(_dict(file).get("sha256")))
        outputs = {role: check_path(path) for role, path in _dict(record.get("outputs")).items()}
        if not (set(source) <= set(SOURCES) and set(outputs) <= set(OUTPUTS)):
            raise ValueError("a frame has files of an unknown kind")
        sizes = _size(record.get("source_size")), _size(record.get("size"))
        return FrameRecord(_text(record.get("split")), *sizes, source, outputs)


@dataclass(frozen=True)
class Manifest:
    """The record of a derived dataset. Equal datasets have manifests of equal bytes.

    Attributes
    ----------
    iddkit, made_by
        Version of iddkit, and those that decide about pixels (`iddkit.versions.made_by`).
    source
        Where the source lies, relative to the folder.
    source_level
        Level of the source's label images, where their names did not say it.
    plan
        `iddkit.subset.SubsetPlan.settings`: the label map with its hash, the level, the seed, and all else.
    categories
        Each number that label images may hold, and the name of its category.
    frames
        Frame key, as in the source's index, to record; in the order of that index.
    files
        Every file of the folder but the manifest itself to its SHA-256, by path.
    numbers
        Statistics: whatever JSON values the one who derived the dataset has to say of it.
    """

    iddkit: str
    made_by: str
    source: str
    plan: Mapping[str, Any]
    categories: Mapping[int, str]
    frames: Mapping[str, FrameRecord]
    files: Mapping[str, str]
    numbers: Mapping[str, Any] = field(default_factory=dict)
    source_level: str | None = None

    @property
    def label_map(self) -> tuple[str, str]:
        """Name and SHA-256 of the label map."""
        return str(self.plan.get("label_map")), str(self.plan.get("label_map_sha256"))

    @property
    def seed(self) -> int:
        """What the random draws followed from."""
        return int(self.plan.get("seed", 0))

    def encode(self) -> bytes:
        """Return the content of the file. Its last line is the hash of what stands before."""
        document = {
            "format": FORMAT,
            "iddkit": self.iddkit,
            "made_by": self.made_by,
            "source": self.source,
            "source_level": self.source_level,
            "plan": dict(self.plan),
            "categories": {str(number): name for number, name in sorted(self.categories.items())},
            "frames": {key: record.to_json() for key, record in self.frames.items()},
            "numbers": dict(self.numbers),
            "files": dict(sorted(self.files.items())),
        }
        body = json.dumps(document, indent=1, allow_nan=False)
        digest = files.sha256(body.encode())
        return f'{body.removesuffix(chr(10) + "}")},\n "sha256": "{digest}"\n}}\n'.encode()

    def save(self, folder: str | Path) -> Path:
        """Write it into the folder, whole or not at all; return its path.

        Raises
        ------
        OutputError
            It cannot be written.
        """
        path = Path(folder) / NAME
        files.write_bytes(path, self.encode())
        return path

    @staticmethod
    def load(folder: str | Path) -> Manifest:
        """Read the manifest in a folder.

        Raises
        ------
        OutputError
            There is none, it is damaged or was changed by hand, or a path in it leads out of the folder.
        """
        path = Path(folder) / NAME
        if not path.exists():
            raise OutputError(f"no {NAME} here: not a dataset that iddkit derived", path=folder)
        try:
            content = files.read_bytes(path, limit=2**32)
            manifest = _parse(content)
        except UserError as error:
            raise OutputError(error.problem, path=path) from error
        except (ValueError, RecursionError) as error:
            # Not by itself: json's words are of characters and columns, and this file is nobody's to mend.
            said = "not JSON" if isinstance(error, (json.JSONDecodeError, RecursionError)) else str(error)
            raise OutputError(f"not a manifest of a derived dataset, or a damaged one: {said}", path=path) from error
        if manifest.encode() != content:
            raise OutputError("was changed since it was written: its own hash is another", path=path)
        return manifest


def _parse(content: bytes) -> Manifest:
    document = _dict(json.loads(content))
    if document.get("format") != FORMAT:
        raise ValueError(f"its format is {shown(document.get('format'))}, not {FORMAT!r}")
    level = document.get("source_level")
    manifest = Manifest(
        _text(document.get("iddkit")),
        _text(document.get("made_by")),
        _text(document.get("source")),
        _dict(document.get("plan")),
        {_number(number): _text(name) for number, name in _dict(document.get("categories")).items()},
        {key: FrameRecord.from_json(value) for key, value in _dict(document.get("frames")).items()},
        {check_path(path): check_hash(digest) for path, digest in _dict(document.get("files")).items()},
        _dict(document.get("numbers")),
        None if level is None else _text(level),
    )
    for key, record in manifest.frames.items():
        missing = [path for path in record.outputs.values() if path not in manifest.files]
        if missing:
            raise ValueError(f"{shown(missing[0])} of the frame {shown(key)} is not among the files")
    return manifest


def check_path(value: Any) -> str:
    """Return a path below a folder, with ``/``; `ValueError` for one that leads out of it, and for no path."""
    text = _text(value)
    path = PurePosixPath(text)
    inside = not path.is_absolute() and ".." not in path.parts and not _DRIVE.match(text)
    if not inside or str(path) != text or text == "." or "\\" in text or "\0" in text:
        raise ValueError(f"the path {shown(text)} does not lie inside its folder")
    return text


def check_hash(value: Any) -> str:
    """Return a SHA-256 in hexadecimal digits; `ValueError` for anything else."""
    if not isinstance(value, str) or _HASH.fullmatch(value) is None:
        raise ValueError(f"{shown(value)} is no SHA-256")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} where a text should be")
    return value


def _dict(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{shown(value)} where an object should be")
    return value


def _number(text: str) -> int:
    if not re.fullmatch(r"\d{1,3}", text) or int(text) > 255:
        raise ValueError(f"{shown(text)} is no number of a label")
    return int(text)


def _size(value: Any) -> tuple[int, int]:
    if isinstance(value, list) and len(value) == 2 and all(type(side) is int and side > 0 for side in value):
        return value[0], value[1]
    raise ValueError(f"{shown(value)} is no size of an image")
