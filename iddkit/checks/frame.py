"""The work on one frame: read, look, paint, apply the rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from iddkit import files, formats, images
from iddkit.annotation import Reading
from iddkit.checks.finding import Finding, Gap
from iddkit.checks.rules import RULES, apply, unreadable_file, worst_first
from iddkit.checks.settings import Settings
from iddkit.checks.traits import Traits, describe
from iddkit.checks.view import View
from iddkit.errors import ImageError, UnknownFormatError, UserError
from iddkit.frames import Frame
from iddkit.groundtruth.ledger import Ledger, account
from iddkit.labels import LabelMap
from iddkit.likeness import read_thumbnail
from iddkit.severity import Severity

#: Rules for which the pixels of an image are decoded.
_OF_PIXELS = frozenset({"image-unreadable", "near-duplicate-frame"})


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found in one frame.

    Attributes
    ----------
    key
        Of the frame.
    annotation, image
        Its files, relative to the root of the index; `image` is None where there is none.
    findings
        The worst first.
    gaps
        Regions without a label, the largest first.
    ledger
        What becomes of each of its objects when it is drawn; None for a file that cannot be read.
    width, height
        In pixels, zeros where they are not known.
    is_foreign
        The file is no annotation at all.
    """

    key: str
    annotation: Path
    image: Path | None
    findings: tuple[Finding, ...] = ()
    gaps: tuple[Gap, ...] = ()
    ledger: Ledger | None = None
    width: int = 0
    height: int = 0
    is_foreign: bool = False

    def count(self) -> dict[Severity, int]:
        """Return how many of its findings are how bad."""
        return Counter(finding.severity for finding in self.findings)


@dataclass(frozen=True)
class Checking:
    """How all frames of a dataset are checked.

    Attributes
    ----------
    root
        Of the index.
    label_map, settings, fill
        As `iddkit.checks.view.View` has them.
    rules
        Names of the rules to apply.
    has_images
        Whether any frame of the index has an image.
    """

    root: Path
    label_map: LabelMap
    rules: tuple[str, ...] = tuple(RULES)
    settings: Settings = field(default_factory=Settings)
    fill: str | None = None
    has_images: bool = True


def check_frame(how: Checking, frame: Frame) -> tuple[Checked, Traits | None]:
    """Return what the rules find in a frame, and what is to be held beside the other frames.

    A problem of the frame's own files never raises: it is a finding.
    """
    path = how.root / (frame.annotation or Path())
    checked = Checked(frame.key, frame.annotation or Path(), frame.image)
    reading = None
    try:
        reading = formats.parse(files.read_bytes(path), path)
        size, problem, thumbnail = _look_at(how, frame)
        view = View(reading, how.label_map, how.settings, size, problem, how.has_images, how.fill)
        sequence = "/".join(part for part in (frame.split, frame.sequence) if part)
        return _apply(how, checked, view), describe(view, frame.key, sequence, thumbnail)
    except UserError as error:  # it cannot be read, or has more objects than can be painted
        found = tuple(replace(finding, rule="unreadable-file") for finding in unreadable_file(error))
        chosen = found if "unreadable-file" in how.rules else ()
        if reading is not None:
            objects = reading.object_count
            checked = replace(checked, ledger=Ledger(objects, dropped={"in a frame that cannot be painted": objects}))
        return replace(checked, findings=chosen, is_foreign=isinstance(error, UnknownFormatError)), None


def check_reading(how: Checking, reading: Reading, key: str = "", image: Path | None = None) -> Checked:
    """Return what the rules of objects and frames find in an annotation that was read already.

    Parameters
    ----------
    how
        The rules; the root is not looked at.
    reading
        Of the annotation file.
    key
        Of the frame.
    image
        Its image, if there is one.
    """
    frame = Frame("", "", key, image=image)
    size, problem, _ = _look_at(how, frame)
    view = View(reading, how.label_map, how.settings, size, problem, image is not None, how.fill)
    return _apply(how, Checked(key, Path(), image), view)


def _look_at(how: Checking, frame: Frame) -> tuple[tuple[int, int] | None, str, bytes]:
    """Return the size of the image, what is wrong with it, and its thumbnail where a rule needs its pixels."""
    if frame.image is None:
        return None, "", b""
    path = how.root / frame.image
    try:
        size = images.read_size(path)
        return size, "", read_thumbnail(path) if _OF_PIXELS & set(how.rules) else b""
    except ImageError as error:
        return None, error.problem, b""


def _apply(how: Checking, checked: Checked, view: View) -> Checked:
    findings = tuple(sorted(_identified(apply(how.rules, view), view), key=worst_first))
    unread = len({problem.number for problem in view.reading.problems if problem.number is not None})
    ledger = Ledger(unread, dropped={"cannot be read": unread} if unread else {})
    if view.painting is not None:
        ledger += account(view.painting)
    elif view.annotation.shapes:
        shapes = len(view.annotation.shapes)
        ledger += Ledger(shapes, dropped={"no image size": shapes})
    width, height = view.size
    return replace(checked, findings=findings, gaps=view.gaps, ledger=ledger, width=width, height=height)


def _identified(found: Iterator[Finding], view: View) -> Iterator[Finding]:
    """Yield findings with what tells them from others of the frame: the object's own content, not its number."""
    for finding in found:
        shape = None if finding.object is None else view.by_number.get(finding.object)
        if shape is not None:
            content = f"{shape.label}\n{finding.identity}\n".encode("utf-8", "surrogatepass") + shape.points.tobytes()
            finding = replace(finding, identity=files.sha256(content)[:24])
        yield finding
