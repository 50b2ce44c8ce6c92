"""Checking a derived dataset against its manifest, file by file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iddkit import files, images, labels
from iddkit.errors import AnnotationError, FrameError, OptionError, UserError, printable
from iddkit.files import TEMPORARY_PREFIX
from iddkit.images import OutputSize
from iddkit.labels import LabelMap
from iddkit.raster.lookup import INSTANCES_PER_NUMBER
from iddkit.subset.folder import JOURNAL
from iddkit.subset.manifest import NAME, FrameRecord, Manifest

#: Kinds of `Finding`.
MISSING, CHANGED, FOREIGN, DAMAGED = "missing", "changed", "foreign", "damaged"

# No file of a derived dataset is as large; one that is could not be read at once.
_MOST_BYTES = 2**32


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as the manifest says.

    Attributes
    ----------
    kind
        `MISSING`, `CHANGED` (another content), `FOREIGN` (not in the manifest) or `DAMAGED` (as recorded, but not what
        the plan says).
    path
        The file, as it was looked for.
    problem
        What is wrong, in a line.
    """

    kind: str
    path: Path
    problem: str

    def __str__(self) -> str:
        return str(UserError(self.problem, path=self.path))


@dataclass(frozen=True)
class Verification:
    """What `verify` found.

    Attributes
    ----------
    manifest
        Of the dataset.
    findings
        Ordered by path.
    notes
        What was not looked at, and why.
    checked
        Files that were read, those of the source among them.
    """

    manifest: Manifest
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    checked: int

    @property
    def ok(self) -> bool:
        """Whether all is as the manifest says."""
        return not self.findings


def verify(
    out: str | Path,
    *,
    source: str | Path | None = None,
    label_map: LabelMap | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Verification:
    """Check a derived dataset: every file is there with its hash, and no other; images are what the plan says.

    Names that begin with a dot are passed over, as they are when a dataset is read (``.git``, ``.DS_Store``); but not
    the temporary files of a run that was killed.

    Parameters
    ----------
    out
        Folder of the dataset.
    source
        Folder of the dataset that it was derived from, to check that its files are still those that were read.
    label_map
        The label map, to check that it is still that of the manifest. Default: iddkit's own of this name, if there is
        one.
    progress
        Called after each file with how many are checked and how many there are.

    Raises
    ------
    OutputError
        There is no manifest, it is damaged or was changed, or a path in it leads out of the folder.
    FrameError
        There is no such source.
    """
    out = Path(out)
    manifest = Manifest.load(out)
    if source is not None and not Path(source).is_dir():
        raise FrameError("no such folder", path=source)
    total = len(manifest.files) + (0 if source is None else sum(len(r.source) for r in manifest.frames.values()))
    findings = [*_check_frames_of_plan(manifest, out), *_find_foreign(manifest, out)]
    checked = 0
    for checked, finding in enumerate(_check_files(manifest, out, None if source is None else Path(source)), start=1):
        if finding is not None:
            findings.append(finding)
        if progress is not None:
            progress(checked, total)
    notes = []
    name, digest = manifest.label_map
    if label_map is None and name in labels.names():  # not by a path that a manifest names
        label_map = labels.load(name)
    if label_map is None:
        notes.append(f"the label map {printable(name)} is not at hand: whether it is still the same was not checked")
    elif label_map.sha256 != digest:
        problem = f"the label map {label_map.name} is not the {printable(name)} that the dataset was made with"
        findings.append(Finding(CHANGED, out / NAME, problem))
    findings.sort(key=lambda finding: (finding.path.as_posix(), finding.problem))
    return Verification(manifest, tuple(findings), tuple(notes), checked)


def _check_frames_of_plan(manifest: Manifest, out: Path) -> Iterator[Finding]:
    plan = manifest.plan
    try:
        side, size = plan.get("longest_side"), plan.get("size")
        output = OutputSize(side, None if size is None else (size[0], size[1]))
        wrong = [key for key, record in manifest.frames.items() if output.of(*record.source_size) != record.size]
    except (OptionError, TypeError, LookupError):
        yield Finding(DAMAGED, out / NAME, "its plan has no size that images could have")
        return
    for key in wrong:
        record = manifest.frames[key]
        problem = f"the frame {key} of {_text(record.source_size)} is {_text(record.size)}: not the size of the plan"
        yield Finding(DAMAGED, out / NAME, problem)


def _find_foreign(manifest: Manifest, out: Path) -> Iterator[Finding]:
    for relative in _list(out, out):
        if relative in manifest.files or relative == NAME:
            continue
        if relative == JOURNAL:
            problem = "a run is writing here, or was killed: start it again"
        elif Path(relative).name.startswith(TEMPORARY_PREFIX):
            problem = "foreign: left by a run that was killed"
        else:
            problem = "foreign: not in the manifest"
        yield Finding(FOREIGN, out / relative, problem)


def _list(folder: Path, out: Path) -> Iterator[str]:
    """Yield what lies below a folder and is no folder, relative to `out`; links are not followed."""
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except OSError:  # a folder that is closed to us: files of the manifest in it are missed
        return
    for entry in entries:
        if entry.name.startswith(".") and not entry.name.startswith(TEMPORARY_PREFIX):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _list(folder / entry.name, out)
        else:
            yield (folder / entry.name).relative_to(out).as_posix()


def _check_files(manifest: Manifest, out: Path, source: Path | None) -> Iterator[Finding | None]:
    """Yield what is wrong with each file, or None."""
    roles = {path: (role, record) for record in manifest.frames.values() for role, path in record.outputs.items()}
    for relative, digest in manifest.files.items():
        path = out / relative
        content, finding = _read(path, digest)
        if content is not None and relative in roles:
            try:
                problem = _check_image(*roles[relative], path, content, manifest, out)
            except UserError as error:
                problem = error.problem
            finding = Finding(DAMAGED, path, problem) if problem else None
        yield finding
    if source is not None:
        for record in manifest.frames.values():
            for relative, digest in record.source.values():
                yield _read(source / relative, digest)[1]


def _read(path: Path, digest: str) -> tuple[bytes | None, Finding | None]:
    """Return the content of a file that has this hash, or what is wrong with it."""
    if not os.path.lexists(path):
        return None, Finding(MISSING, path, "missing")
    try:
        content = files.read_bytes(path, limit=_MOST_BYTES)
    except AnnotationError as error:
        return None, Finding(CHANGED, path, error.problem)
    if files.sha256(content) != digest:
        return None, Finding(CHANGED, path, "changed: its hash is not that of the manifest")
    return content, None


def _check_image(
    role: str, record: FrameRecord, path: Path, content: bytes, manifest: Manifest, out: Path
) -> str | None:
    """Return what is wrong with an image that has the right hash, or None.

    Raises
    ------
    UserError
        It cannot be decoded.
    """
    if role == "image":
        with images.open_image(path, content) as image:
            image.load()
        return _check_size(images.read_size(path, content), record)
    pixels = images.read_labels(path)
    wrong = _check_size((pixels.shape[1], pixels.shape[0]), record)
    if wrong:
        return wrong
    if role == "label":
        return _check_numbers(pixels, manifest.categories)
    label = record.outputs.get("label")
    if label is None or _read(out / label, manifest.files[label])[1] is not None:
        return None  # what is wrong with the labels is said of them
    return _check_instances(pixels, out / label)


def _check_size(size: tuple[int, int], record: FrameRecord) -> str | None:
    return None if size == record.size else f"{_text(size)} pixels, not {_text(record.size)}"


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _check_numbers(pixels: NDArray[np.integer], categories: Mapping[int, str]) -> str | None:
    strange = [str(number) for number in np.unique(pixels).tolist() if number not in categories]
    return f"numbers that the level does not have: {', '.join(strange[:5])}" if strange else None


def _check_instances(pixels: NDArray[np.integer], label: Path) -> str | None:
    try:
        expected = images.read_labels(label)
    except UserError:
        return None
    if expected.shape != pixels.shape:
        return None
    numbers = np.where(pixels < INSTANCES_PER_NUMBER, pixels, pixels // INSTANCES_PER_NUMBER)
    differing = int((numbers != expected).sum())
    return f"{differing} pixels are of another label than in {label.name}" if differing else None
