"""What became of the files and objects of a conversion."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from iddkit.annotation import Problem
from iddkit.errors import UserError, printable


@dataclass(frozen=True, slots=True)
class Listed:
    """An object, or another part of a file, that was not converted, or not as it was, and why."""

    path: Path
    problem: Problem

    def __str__(self) -> str:
        return f"{printable(str(self.path))}: {printable(str(self.problem), 400)}"


@dataclass(frozen=True, slots=True)
class ConversionReport:
    """The outcome of `iddkit.conversion.convert`.

    Attributes
    ----------
    written
        The files written, in order, and those that were there with the same content.
    failed
        One error for each file (or frame of a COCO file) that could not be read or written; its objects are
        not counted.
    passed_over
        Files that are whole but hold no annotation: manifests and the like.
    listed
        What was left out of the files that were written.
    files
        Annotation files read.
    objects
        Objects in the frames that were written.
    converted
        Objects that were written whole: ``objects`` less the objects in ``listed``.
    """

    written: tuple[Path, ...] = ()
    failed: tuple[UserError, ...] = ()
    passed_over: tuple[Path, ...] = ()
    listed: tuple[Listed, ...] = ()
    files: int = 0
    objects: int = 0
    converted: int = 0

    @property
    def ok(self) -> bool:
        """Whether every annotation file was converted, and there was one."""
        return not self.failed and bool(self.written)
