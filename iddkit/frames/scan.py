"""Finding out how a folder is laid out, and what frames it holds."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from iddkit.errors import FrameError, printable
from iddkit.frames.gather import Look, gather
from iddkit.frames.index import DATASET, DEPTH, FrameProblem, Index
from iddkit.frames.layout import DRIVE_FOLDERS, DRIVES, IMAGE_SUFFIXES, LABELME_FOLDERS, LAYOUTS
from iddkit.frames.table import read_csv
from iddkit.frames.walk import absolute, is_folder

_LABELME, _FLAT = (LAYOUTS["labelme"],), (LAYOUTS["flat"],)
_DRIVE_ANNOTATIONS = ("gtFine", "gtCoarse")


def scan(path: str | Path) -> Index:
    """Return the index of a dataset, found by looking at names alone: no file but a CSV file is opened.

    Parameters
    ----------
    path
        The root of a dataset in one of the layouts ``LAYOUTS``; a folder inside one (``gtFine/train``), which gives
        the index of that part with the root of the whole; an annotation file, which gives an index of one frame; or
        a CSV file that `write_csv` wrote.

    Returns
    -------
    Index
        Hidden files and products of annotations (label images, panoptic folders, manifests) are not in it. Where a
        frame has fine and coarse polygons (Cityscapes) it has the fine ones; scan ``gtCoarse`` for the others.

    Raises
    ------
    FrameError
        There is no such path, it cannot be listed, or no frame was found there.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError)
        problem = "no such file or folder" if missing else f"cannot be read: {getattr(error, 'strerror', error)}"
        raise FrameError(problem, path=path) from error
    if stat.S_ISDIR(mode):
        return _choose(path, _looks_at_folder(path))
    if path.suffix.lower() == ".csv":
        return read_csv(path)
    if path.suffix.lower() in IMAGE_SUFFIXES or not stat.S_ISREG(mode):
        raise FrameError("neither a folder, nor an annotation file, nor an index (CSV)", path=path)
    return _one_frame(path)


def _looks_at_folder(path: Path) -> Iterator[Look]:
    """Yield the ways to see a folder, the most telling first, the flat folder last."""
    tops = tuple(top for top in DRIVE_FOLDERS if is_folder(path / top))
    if tops:
        yield Look(path, DRIVES, tops)
    yield from _enclosing(absolute(path).parts)
    if is_folder(path / LABELME_FOLDERS[0]):
        yield Look(path, _LABELME, LABELME_FOLDERS)
    yield Look(path, _FLAT)


def _enclosing(folders: tuple[str, ...], only: str = "") -> Iterator[Look]:
    """Yield the datasets of which `folders`, an absolute path, may be a part."""
    last = len(folders) - 1
    for i in range(last, 0, -1):
        at, within, root = folders[i], folders[i + 1 :], Path(*folders[:i])
        if at in DRIVE_FOLDERS and len(within) <= 2:
            # Who points at one kind of annotation does not want the other.
            tops = (at, "leftImg8bit") if at in _DRIVE_ANNOTATIONS else DRIVE_FOLDERS
            yield Look(root, DRIVES, tops, at, within, only)
        elif at in LABELME_FOLDERS and is_folder(root / LABELME_FOLDERS[0]):
            yield Look(root, _LABELME, LABELME_FOLDERS, at, within, only)


def _choose(path: Path, looks: Iterator[Look]) -> Index:
    """Return the first index with annotations or labels, failing that the first with images."""
    seen: list[Index] = []
    is_tree = False
    for look in looks:
        index = gather(look)
        if look.layouts == _FLAT and is_tree:
            # IDD's images that someone annotated in place are a flat folder. But a tree of nothing but images, or
            # one with a folder too few, is none because some JSON file lies about.
            if any(frame.image and frame.annotation for frame in index):
                return index
            break
        if any(frame.annotation or frame.labels for frame in index):
            return index
        seen.append(index)
        # Who points at a folder inside a tree may mean what lies there, whatever the tree's depth.
        is_tree |= bool(index.frames) or any(p.is_error and not (p.kind == DEPTH and look.at) for p in index.problems)
    for index in seen:
        if index.frames:
            return index
    raise FrameError(_text_of_nothing(seen), path=path)


def _text_of_nothing(seen: list[Index]) -> str:
    for index in seen:
        errors = [problem for problem in index.problems if problem.is_error]
        if errors:
            return f"no frames; errors: {len(errors)}, the first {_shown(errors[0])}"
    inner = [
        printable(problem.path.as_posix()) for index in seen for problem in index.problems if problem.kind == DATASET
    ]
    if inner:
        return f"no frames of its own, but datasets in {', '.join(inner[:5])}: give one of these"
    if seen[0].problems:  # files that no layout has a name for
        return f"no frames; files of unknown name: {len(seen[0].problems)}, the first {_shown(seen[0].problems[0])}"
    known = (f"{layout.name} ({(layout.annotations or layout.labels)[0]})" for layout in LAYOUTS.values())
    return f"no frames; looked for the layouts {', '.join(known)}"


def _shown(problem: FrameProblem) -> str:
    return f"{printable(problem.path.as_posix())}: {problem.problem}"


def _one_frame(path: Path) -> Index:
    """Return the index of one annotation file, with the root of the dataset in which it lies."""
    for look in _enclosing(absolute(path).parent.parts, path.name):
        index = gather(look)
        if any(frame.annotation for frame in index) or any(problem.is_error for problem in index.problems):
            return index
    return gather(Look(path.parent, _FLAT, only=path.name))
