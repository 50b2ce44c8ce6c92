"""What the machine says of an annotation that is handed in or looked at: `iddkit.checks` by the project's labels."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

from iddkit import formats, labels
from iddkit.annotation import Reading
from iddkit.checks import Checked, Checking, check_reading, choose_rules
from iddkit.errors import printable
from iddkit.labels import LabelMap
from iddkit.qc.places import image_path
from iddkit.qc.state import Frame, Project
from iddkit.severity import Severity

#: What a project does with findings: nothing, tell them, refuse a hand-in that has a critical one.
OFF, SHOW, NO_CRITICAL = WAYS = ("off", "show", "no-critical")

#: An image that is damaged or missing is no fault of who draws on it.
_RULES: Final = choose_rules(["-image-missing", "-image-unreadable"])


def examine(project: Project, frame: Frame | None, reading: Reading) -> Checked | None:
    """Return what the rules of objects and frames find in an annotation; None where the project asks for nothing.

    Parameters
    ----------
    project
        Whose label map is meant.
    frame
        Whose image is looked at, if it is at hand.
    reading
        Of the file.

    Raises
    ------
    UserError
        The label map cannot be read, or the frame has more objects than can be painted.
    """
    if project.findings == OFF:
        return None
    key, image = ("", None) if frame is None else (frame.key, _find_image(frame))
    return _check(labels.load(project.label_map), reading, key, image)


def examine_content(project: Project, frame: Frame, content: bytes, name: str) -> Checked | None:
    """Return what the rules find in a file that was kept; None where the project asks for nothing.

    A frame of ten thousand objects takes seconds, and is looked at again and again: what was found lately is kept.

    Raises
    ------
    UserError
        As `examine`, or the file cannot be read.
    """
    if project.findings == OFF:
        return None
    image = _find_image(frame)
    state = None if image is None else image.stat()
    stamp = None if state is None else (state.st_mtime_ns, state.st_size)
    digest = labels.load(project.label_map).sha256
    return _check_content(content, name, project.label_map, digest, frame.key, image, stamp)


@lru_cache(maxsize=16)
def _check_content(
    content: bytes,
    name: str,
    label_map: str,
    digest: str,
    key: str,
    image: Path | None,
    stamp: tuple[int, int] | None,
) -> Checked:
    """Check a file; by `digest` and `stamp` labels and image that were written anew are others."""
    return _check(labels.load(label_map), formats.parse(content, Path(name)), key, image)


def _check(label_map: LabelMap, reading: Reading, key: str, image: Path | None) -> Checked:
    return check_reading(Checking(Path(), label_map, _RULES), reading, key, image)


def _find_image(frame: Frame) -> Path | None:
    path = image_path(frame)
    # It may be on another machine: that is no fault of the annotation.
    return path if path is not None and path.is_file() else None


def describe_critical(checked: Checked) -> str:
    """Return why a hand-in is refused, or "": its critical findings, the first of them in words."""
    critical = [finding for finding in checked.findings if finding.severity is Severity.CRITICAL]
    if not critical:
        return ""
    others = f" (and {len(critical) - 1} more)" if len(critical) > 1 else ""
    return f"a critical finding, {critical[0].rule}: {printable(str(critical[0]), 300)}{others}"
