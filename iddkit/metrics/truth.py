"""Which frames of a dataset are scored, and by which level's numbers they are labelled."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from iddkit.errors import FrameError, OptionError, UserError, printable
from iddkit.frames import Frame, FrameProblem, Index
from iddkit.frames.layout import DRIVE_FOLDERS
from iddkit.labels import ID, LabelMap
from iddkit.statistics.source import LabelReader, label_file, level_of

#: Names of the split that papers score on, and that is scored where a dataset has it: the first that there is.
VAL: Final = ("val", "validation", "valid")


def as_labels(index: Index) -> Index:
    """Return an index in which the PNG files of a flat folder without any label image are label images."""
    bare = all(frame.annotation is None and frame.labels is None for frame in index)
    plain = [frame for frame in index if frame.image is not None and frame.image.suffix.lower() == ".png"]
    if index.layout != "flat" or not bare or len(plain) < len(index):
        return index
    return replace(index, frames=tuple(replace(frame, image=None, labels=frame.image) for frame in plain))


def are_plain(wanted: Sequence[Frame]) -> bool:
    """Return whether the frames are those that `as_labels` made: called by nothing but their names."""
    return all(frame.labels is not None and frame.labels.stem == frame.name for frame in wanted)


def choose_frames(index: Index, split: str | None) -> tuple[list[Frame], str | None, list[str]]:
    """Return the labelled frames of a split, the split, and what to say of it.

    Without a split it is the first of `VAL` that has labels, else every labelled frame, and None.

    Raises
    ------
    FrameError
        No frame of it has labels.
    """
    labelled = [frame for frame in index if label_file(frame) is not None]
    if not labelled:
        raise FrameError("no frame has labels", path=index.root)
    splits = list(dict.fromkeys(frame.split for frame in labelled))
    if split is None:
        split = next((name for name in VAL if name in splits), None)
    if split is not None and split not in splits:
        known = ", ".join(printable(one) for one in splits if one) or "none"
        raise FrameError(
            f"no frame of the split {printable(split)!r} has labels; splits that do: {known}", path=index.root
        )
    wanted = [frame for frame in labelled if split in (None, frame.split)]
    bare = sum(label_file(frame) is None and split in (None, frame.split) for frame in index)
    notes = []
    if len(wanted) < len(labelled):
        others = ", ".join(printable(one) or "no split" for one in splits if one != split)
        notes.append(f"scored: the split {split}, {len(wanted)} frames; not {others} (--split says which)")
    if bare:
        notes.append(f"{bare} frames have no labels, and are not scored")
    return wanted, split, notes


def errors_of(index: Index, splits: Collection[str]) -> tuple[FrameProblem, ...]:
    """Return what was left out of an index that was meant to be in, without what lies in other splits (none: all)."""
    return tuple(
        problem
        for problem in index.problems
        if problem.is_error and (not splits or _split_of(problem.path) in (None, *splits))
    )


def _split_of(path: Path) -> str | None:
    return path.parts[1] if len(path.parts) > 2 and path.parts[0] in DRIVE_FOLDERS else None


def find_levels(index: Index, wanted: Sequence[Frame], reader: LabelReader) -> tuple[dict[int, str], dict[int, str]]:
    """Return the level of each frame's labels by its place, and what is wrong with those of unknown level.

    Raises
    ------
    FrameError
        The level of none is known.
    """
    levels: dict[int, str] = {}
    refused: dict[int, str] = {}
    for place, frame in enumerate(wanted):
        try:
            levels[place] = level_of(frame, reader.label_map, reader.level)
        except UserError as error:
            refused[place] = error.problem.replace("--level", "--source-level")
    if not levels:
        file = index.root / (label_file(wanted[0]) or Path())
        raise FrameError(refused[0], path=file)
    return levels, refused


def common_level(levels: Mapping[int, str], label_map: LabelMap) -> str:
    """Return the level of all label images; of ids, which polygons are painted with as well, the coarsest one.

    Raises
    ------
    OptionError
        They are of several levels.
    """
    found = sorted(set(levels.values()))
    if found == [ID]:
        return label_map.hierarchy[-1]
    if len(found) > 1:
        raise OptionError(f"its labels are of several levels, {', '.join(found)}; --level says which is scored")
    return found[0]
