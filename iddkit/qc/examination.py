"""What the machine says of an annotation that is handed in or looked at: `iddkit.checks` by the project's labels."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from iddkit import formats, labels
from iddkit.annotation import Reading
from iddkit.checks import Checked, Checking, check_reading, choose_rules
from iddkit.errors import printable
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
    key, image = ("", None) if frame is None else (frame.key, Path(frame.root, frame.image) if frame.image else None)
    if image is not None and not image.is_file():
        image = None  # it is on another machine: that is no fault of the annotation
    return check_reading(Checking(Path(), labels.load(project.label_map), _RULES), reading, key, image)


def examine_content(project: Project, frame: Frame, content: bytes, name: str) -> Checked | None:
    """Return what the rules find in a file that was kept; None where the project asks for nothing.

    Raises
    ------
    UserError
        As `examine`, or the file cannot be read.
    """
    return examine(project, frame, formats.parse(content, Path(name)))


def describe_critical(checked: Checked) -> str:
    """Return why a hand-in is refused, or "": its critical findings, the first of them in words."""
    critical = [finding for finding in checked.findings if finding.severity is Severity.CRITICAL]
    if not critical:
        return ""
    others = f" (and {len(critical) - 1} more)" if len(critical) > 1 else ""
    return f"a critical finding, {critical[0].rule}: {printable(str(critical[0]), 300)}{others}"
