"""Mended copies of annotation files: only what is safe is changed, and each change is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from iddkit import files, formats
from iddkit.annotation import Annotation, Reading, Shape
from iddkit.checks.finding import Mend
from iddkit.checks.frame import Checked, Checking, check_reading
from iddkit.checks.run import Report
from iddkit.checks.settings import Settings
from iddkit.errors import FrameError, UserError

#: One mend may make room for another: points beyond the image are cut off, and what is left repeats a point.
_ROUNDS: Final = 5


@dataclass(frozen=True, slots=True)
class Change:
    """A mend that was made.

    Attributes
    ----------
    key
        Of the frame.
    object
        Number of the object in the file as it was.
    rule
        Whose finding it was.
    label
        Of the object before it.
    text
        What was changed.
    """

    key: str
    object: int
    rule: str
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Mended:
    """What `write_mended` did.

    Attributes
    ----------
    files
        The copies that were written.
    changes
        Each mend that was made, in the order of the frames.
    failures
        Files that could not be mended, one line each.
    """

    files: tuple[Path, ...]
    changes: tuple[Change, ...]
    failures: tuple[str, ...]


def mend(reading: Reading, how: Checking, key: str = "", image: Path | None = None) -> tuple[Annotation, list[Change]]:
    """Return a mended annotation, and what was changed in it.

    Parameters
    ----------
    reading
        Of the file.
    how
        The rules whose findings are mended.
    key, image
        Of the frame, as `iddkit.checks.check_reading` takes them.
    """
    annotation, changes = reading.annotation, list[Change]()
    for _ in range(_ROUNDS):
        checked = check_reading(how, replace(reading, annotation=annotation), key, image)
        chosen = _one_of_each(checked)
        if not chosen:
            break
        by_number = {shape.number: shape for shape in annotation.shapes}
        for rule, one in chosen.values():
            changes.append(Change(key, one.object, rule, by_number[one.object].label, one.text))
        changed = (_change(shape, chosen) for shape in annotation.shapes)
        annotation = replace(annotation, shapes=tuple(shape for shape in changed if shape is not None))
    return annotation, changes


def _one_of_each(checked: Checked) -> dict[int, tuple[str, Mend]]:
    """Return the first mend of each object: the others may not fit what it leaves."""
    chosen: dict[int, tuple[str, Mend]] = {}
    for finding in checked.findings:
        if finding.mend is not None:
            chosen.setdefault(finding.mend.object, (finding.rule, finding.mend))
    return chosen


def _change(shape: Shape, chosen: Mapping[int, tuple[str, Mend]]) -> Shape | None:
    if shape.deleted or shape.number not in chosen:
        return shape
    one = chosen[shape.number][1]
    if one.action == "drop":
        return None
    if one.action == "label":
        return replace(shape, label=one.label)
    assert one.points is not None
    return replace(shape, points=one.points)


def write_mended(
    report: Report,
    out: str | Path,
    *,
    settings: Settings | None = None,
    fill: str | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Mended:
    """Write copies of those files of a checked dataset that can be mended, in a folder that mirrors its tree.

    Parameters
    ----------
    report
        Of the dataset; findings that it does not hold any more (by severity, or by a baseline) are mended nonetheless
        where their frame has another one that is.
    out
        The folder. The dataset's own files are left alone.
    settings, fill
        As `iddkit.checks.check` was given them.
    overwrite
        Replace files that are there and differ.
    progress
        Called with how many files are done and how many there are.

    Returns
    -------
    Mended
        Files that cannot be mended are in its ``failures``: those that hold objects which cannot be read, and would be
        lost in a copy, those whose masks lie in files beside them, and those that lie outside the dataset.
    """
    root, folder = Path(report.index.root), Path(out)
    how = Checking(root, report.label_map, report.rules, settings or Settings(), fill)
    tasks = [frame for frame in report.frames if any(finding.mend for finding in frame.findings)]
    written: list[Path] = []
    changes: list[Change] = []
    failures: list[str] = []
    for done, frame in enumerate(tasks, start=1):
        try:
            target = folder / _inside(frame)
            reading = _read_whole(root / frame.annotation)
            image = None if frame.image is None else root / frame.image
            annotation, made = mend(reading, how, frame.key, image)
            if target.exists() and target.samefile(root / frame.annotation):
                raise FrameError("the mended copy would replace it; --mend takes another folder")
            files.write_new(target, formats.dumper(reading.format)(annotation), overwrite)
        except UserError as error:
            failures.append(str(error.located(root / frame.annotation)))
        else:
            written.append(target)
            changes += made
        if progress is not None:
            progress(done, len(tasks))
    return Mended(tuple(written), tuple(changes), tuple(failures))


def _inside(frame: Checked) -> Path:
    if frame.annotation.is_absolute() or ".." in frame.annotation.parts:
        raise FrameError("lies outside the dataset, whose tree is to be mirrored")
    return frame.annotation


def _read_whole(path: Path) -> Reading:
    reading = formats.read(path)
    unread = len({problem.number for problem in reading.problems if problem.number is not None})
    if unread:
        raise FrameError(f"{unread} of its objects cannot be read, and would be lost in a mended copy", path=path)
    if reading.format == "labelme-xml" and any(shape.mask is not None for shape in reading.annotation.shapes):
        raise FrameError("its masks lie in files beside it, where a mended copy would not find them", path=path)
    return reading
