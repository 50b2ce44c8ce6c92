"""The values: what was found, what would mend it, and a region that nobody labelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from iddkit.annotation import Shape, point_list
from iddkit.errors import printable
from iddkit.severity import Severity

#: x, y, width, height in pixels, as a reviewer's mark has it.
Region = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Mend:
    """A change of one object that is safe: it loses nothing that is drawn.

    Attributes
    ----------
    action
        ``points`` (other points), ``label`` (another label), ``drop`` (the object goes).
    object
        Its number in the file.
    text
        What is changed, in words.
    points
        float64 (N, 2), for ``points``.
    label
        For ``label``.
    """

    action: Literal["points", "label", "drop"]
    object: int
    text: str
    points: NDArray[np.float64] | None = None
    label: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        said: dict[str, Any] = {"action": self.action, "object": self.object, "text": self.text}
        if self.points is not None:
            said["points"] = point_list(self.points)
        if self.label:
            said["label"] = self.label
        return said


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """What a rule has to say of an annotation.

    Attributes
    ----------
    severity
        How bad it is.
    text
        One sentence without a full stop.
    object
        Number of the object in its file, from 0, deleted ones counted; None for what is of no single object.
    region
        x, y, width, height in pixels, inside the image or not; None for what is of no place.
    mend
        What would mend it, where that is safe.
    identity
        Tells the finding from others of its rule and frame, whatever the numbers of the objects: what `--baseline`
        knows it by.
    rule
        Name of the rule, a key of `iddkit.checks.RULES`; rules themselves leave it to those who ask them.
    """

    severity: Severity
    text: str
    object: int | None = None
    region: Region | None = None
    mend: Mend | None = None
    identity: str = ""
    rule: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values; what is not said is null."""
        return {
            "rule": self.rule,
            "severity": str(self.severity),
            "object": self.object,
            "region": None if self.region is None else list(self.region),
            "text": self.text,
            "mend": None if self.mend is None else self.mend.to_json(),
        }

    def __str__(self) -> str:
        where = "" if self.object is None else f"object {self.object}: "
        return f"{where}{self.text}"


@dataclass(frozen=True, slots=True)
class Gap:
    """A region that no polygon covers; its pixels touch at sides or corners.

    Attributes
    ----------
    region
        The box around it: x, y, width, height in pixels.
    area
        In pixels.
    place
        One of its pixels, x and y: where to look.
    width
        How wide it is at its widest, in pixels; a sliver has 1 or 2.
    """

    region: Region
    area: int
    place: tuple[int, int]
    width: int

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"region": list(self.region), "area": self.area, "place": list(self.place), "width": self.width}


def named(shape: Shape) -> str:
    """Return what a text calls a shape: ``the car (object 12)``."""
    return f"the {printable(shape.label, 40) or 'object without a label'} (object {shape.number})"


def counted(counts: Mapping[Severity, int]) -> str:
    """Return numbers of findings in words, the worst first; ``none`` for no findings.

    Examples
    --------
    >>> counted({Severity.MINOR: 3, Severity.CRITICAL: 1})
    '1 critical, 3 minor'
    """
    return ", ".join(f"{counts[severity]} {severity}" for severity in Severity if counts.get(severity)) or "none"


def region_of(points: NDArray[np.float64]) -> Region | None:
    """Return the box around points in whole pixels, of one pixel at least; None for no points."""
    if not len(points):
        return None
    left, top = np.floor(points.min(axis=0)).astype(int).tolist()
    right, bottom = np.ceil(points.max(axis=0)).astype(int).tolist()
    return left, top, max(1, right - left), max(1, bottom - top)
