"""What can go wrong that a user can mend: one line each, ``path: where: problem``.

::

    UserError                  the base; the command line prints it and ends with exit code 1
    +-- AnnotationError        an annotation file that cannot be read
    |   +-- UnknownFormatError     a whole file, but no annotation of one frame (a manifest, say)
    +-- LabelMapError          a label map (CSV) that contradicts itself, or an unknown name or level
    +-- ImageError             an image that cannot be read, or has an impossible size
    +-- FrameError             a frame or index row that cannot be used (missing, duplicated, mixed sizes)
    +-- RasterError            shapes that cannot be drawn as asked (unknown label, too many instances)
    +-- OutputError            a file or folder that cannot be written, or would be overwritten
    +-- RecipeError            a recipe (TOML) that cannot be read, with an unknown key or a value that cannot be
    +-- OptionError            options that contradict each other
    +-- CheckpointError        a network's weights that cannot be read, or that do not fit what they are used for
    +-- TrainingError          training that cannot go on: losses that are no number, no memory, nothing to learn from
    +-- StoreError             a database of the review that cannot be opened, is of another version, or is damaged
    +-- RefusedError           an action that the review does not allow: nothing but a line of the log came of it

Everything else that is raised is a bug of iddkit and keeps its traceback.
"""

from __future__ import annotations

import reprlib
from pathlib import Path
from typing import Any


class UserError(Exception):
    """A problem that a user can mend.

    Parameters
    ----------
    problem
        What is wrong, in one sentence without a full stop.
    path
        The file or folder concerned, if there is one.
    where
        The place inside it: ``object 12``, ``line 4, column 7``, ``row 3``.
    """

    def __init__(self, problem: str, *, path: str | Path | None = None, where: str = "") -> None:
        self.problem = " ".join(problem.split())
        self.path = None if path is None else str(path)
        self.where = where
        super().__init__(str(self))

    def __str__(self) -> str:
        # A file name may hold a newline; a report of one line must not.
        parts = (None if self.path is None else printable(self.path, 4096), self.where, self.problem)
        return ": ".join(part for part in parts if part)

    def located(self, path: str | Path) -> UserError:
        """Return the same error with the path of its file, if it names none."""
        return self if self.path else type(self)(self.problem, path=path, where=self.where)

    def __reduce__(self) -> tuple[object, ...]:
        # Errors travel from worker processes; keyword-only arguments need help to be pickled.
        return _rebuild, (type(self), self.problem, self.path, self.where)


def printable(text: str, limit: int = 200) -> str:
    """Return `text` with control characters escaped, cut at `limit` characters: safe for one line."""
    shown = "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode("ascii") for c in text[:limit]
    )
    return shown if len(text) <= limit else shown + "..."


_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxtuple, _SHORT.maxdict = 2, 4, 4, 3
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60


def shown(value: Any) -> str:
    """Return a value of a file as Python writes it, short and on one line, however long or deep it is."""
    if isinstance(value, int) and abs(value) >= 10**20:
        return "an enormous integer"  # and Python refuses to write out one of thousands of digits
    return printable(_SHORT.repr(value), 80)


def _rebuild(kind: type[UserError], problem: str, path: str | None, where: str) -> UserError:
    return kind(problem, path=path, where=where)


class AnnotationError(UserError):
    """An annotation file that cannot be read."""


class UnknownFormatError(AnnotationError):
    """A file that can be read, but is no annotation of a single frame in any format: a manifest, say."""


class LabelMapError(UserError):
    """A label map that contradicts itself, or a name or level that it does not hold."""


class ImageError(UserError):
    """An image that cannot be read, or that has an impossible size."""


class FrameError(UserError):
    """A frame or an index row that cannot be used."""


class RasterError(UserError):
    """Shapes that cannot be drawn as asked."""


class OutputError(UserError):
    """A file or folder that cannot be written, or that would be overwritten."""


class RecipeError(UserError):
    """A recipe that cannot be read, or that holds an unknown key or a value that cannot be."""


class OptionError(UserError):
    """Options that contradict each other."""


class CheckpointError(UserError):
    """A network's weights that cannot be read, or that do not fit what they are used for."""


class TrainingError(UserError):
    """Training that cannot begin or go on: losses that are no number, too little memory, nothing to learn from."""


class StoreError(UserError):
    """A database of the review that cannot be opened, is of another version, or is damaged."""


class RefusedError(UserError):
    """An action that the review does not allow: nothing but a line of the log came of it."""
