"""Which file of a folder is the prediction of which frame.

Taken are PNG files that are called as the frame: ``<name>_label.png`` and all other names of label images of the level,
``<name>.png``, and names that networks keep of their input, ``<name>_leftImg8bit.png``, ``<name>_image.png``, or give
their output, ``<name>_pred.png``. They lie in ``<sequence>``, ``<split>/<sequence>``, either of them in ``gtFine`` or
``leftImg8bit``, or, where no other frame has that name, in one folder. Of several files of a frame one that is called
a label image goes before one called as the frame, and that before any other; two of one rank are a problem, and none is
taken.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from iddkit.errors import FrameError, LabelMapError, printable
from iddkit.frames import Frame, FrameProblem, natural_order
from iddkit.frames.layout import DERIVED, DRIVE_FOLDERS, is_product
from iddkit.frames.walk import Parts, is_folder, walk
from iddkit.labels import LabelMap

#: Splits that are taken for such even where the truth has none.
_SPLITS: Final = frozenset({"train", "val", "test"})

# What follows the frame's name: a label image that may say its level, the frame's own name, words.
_LABEL = re.compile(r"(?:_leftImg8bit|_image)?(?:_gtFine|_gtCoarse)?_label(?P<level>[^_]*ids)?", re.IGNORECASE)
_PLAIN: Final = frozenset({"", "_leftImg8bit", "_image"})
_WORDS = re.compile(r"(?:_[A-Za-z]+)+")
# For people to look at, beside the labels; `DERIVED` has those of other tools.
_PICTURE = re.compile(r"_(?:overlay|colou?r(?:ed|s)?)\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a folder of predictions holds for some frames.

    Attributes
    ----------
    files
        The file of each frame by the frame's key, relative to the folder.
    missing
        Why a frame has none, by its key, in the order of the frames: ``no prediction``.
    extra
        PNG files that may be label images and are of none of the frames, in natural order.
    problems
        Folders and files that cannot be read.
    """

    files: Mapping[str, Path]
    missing: Mapping[str, str]
    extra: tuple[Path, ...]
    problems: tuple[FrameProblem, ...]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A file that is called as a frame: 0 is the best rank; None is a label image of another level."""

    parts: Parts
    name: str
    rank: int | None

    @property
    def path(self) -> Path:
        return Path(*self.parts, self.name)


def find_predictions(
    folder: Path, wanted: Sequence[Frame], label_map: LabelMap, level: str, known: Iterable[Frame] = ()
) -> Predictions:
    """Return the prediction of each frame, found by the names of files and folders alone.

    Parameters
    ----------
    folder
        Of the predictions.
    wanted
        Frames that are to be scored.
    label_map, level
        Of the predicted numbers: label images whose names state another level are not taken.
    known
        All frames of the dataset: a file called as one of them is no prediction of a frame whose name begins alike.

    Raises
    ------
    FrameError
        There is no such folder.
    """
    if not is_folder(folder):
        problem = "not a folder" if folder.exists() else "no such folder"
        raise FrameError(f"{problem}: predictions are a folder of label images", path=folder)
    names = {frame.name for frame in (*wanted, *known)}
    problems: list[FrameProblem] = []
    candidates: dict[str, list[_Candidate]] = {}
    others: list[Path] = []
    walked = walk(
        folder, [()], lambda parts, name: False, problems, leave_out=lambda _, below: set(filter(is_product, below))
    )
    for parts, files in walked:
        for file in files:
            if not file.lower().endswith(".png") or is_product(file) or file.endswith("_inst_label.png"):
                continue
            name, ending = _split_name(file[:-4], names)
            if name is None:
                if not _is_picture(file):
                    others.append(Path(*parts, file))
                continue
            rank = _rank(file, ending, label_map, level)
            if rank < 0 and not _is_picture(file):
                others.append(Path(*parts, file))
            elif rank >= 0:
                candidates.setdefault(name, []).append(_Candidate(parts, file, rank if rank < _OTHER_LEVEL else None))
    return _choose(wanted, candidates, others, problems)


_OTHER_LEVEL: Final = 3


def _split_name(stem: str, names: set[str]) -> tuple[str | None, str]:
    """Return the longest name of a frame that a file is called by, and what follows it."""
    end = len(stem)
    while end > 0:
        if stem[:end] in names:
            return stem[:end], stem[end:]
        end = stem.rfind("_", 0, end)
    return None, ""


def _is_picture(file: str) -> bool:
    is_label = _LABEL.search(file[:-4])
    return _PICTURE.search(file[:-4]) is not None or (DERIVED.search(file) is not None and not is_label)


def _rank(file: str, ending: str, label_map: LabelMap, level: str) -> int:
    """Return 0 to 2 for a file that may be taken, `_OTHER_LEVEL` for labels of another level, -1 for anything else."""
    label = _LABEL.fullmatch(ending)
    if label is not None:
        try:
            stated = label_map.level(f"label{label['level']}") if label["level"] else level
        except LabelMapError:
            return _OTHER_LEVEL
        return 0 if stated == level else _OTHER_LEVEL
    if ending in _PLAIN:
        return 1
    return 2 if _WORDS.fullmatch(ending) and not _is_picture(file) else -1


def _choose(
    wanted: Sequence[Frame],
    candidates: Mapping[str, Sequence[_Candidate]],
    others: list[Path],
    problems: Sequence[FrameProblem],
) -> Predictions:
    splits = _SPLITS | {frame.split for frame in wanted if frame.split}
    times = Counter(frame.name for frame in wanted)
    files: dict[str, Path] = {}
    missing: dict[str, str] = {}
    used: set[Path] = set()
    for frame in wanted:
        named = candidates.get(frame.name, ())
        mine = [one for one in named if _fits(frame, one.parts, splits, times[frame.name] == 1)]
        used.update(one.path for one in mine)
        ranks = [one.rank for one in mine if one.rank is not None]
        best = [one.path for one in mine if ranks and one.rank == min(ranks)]
        if len(best) == 1:
            files[frame.key] = best[0]
        elif best:
            shown = ", ".join(printable(path.as_posix()) for path in sorted(best)[:4])
            missing[frame.key] = f"{len(best)} files may be its prediction, none was taken: {shown}"
        elif mine:
            missing[frame.key] = f"no prediction: {printable(mine[0].path.as_posix())} is of another level by its name"
        elif named and times[frame.name] > 1 and any(not _folders(one.parts) for one in named):
            missing[frame.key] = f"no prediction in its own folder, and {times[frame.name]} frames are called so"
        else:
            missing[frame.key] = "no prediction"
    unused = [one.path for named in candidates.values() for one in named if one.path not in used]
    extra = sorted([*others, *unused], key=lambda path: natural_order(path.as_posix()))
    return Predictions(files, missing, tuple(extra), tuple(problems))


def _folders(parts: Parts) -> Parts:
    """Return the folders of a file without those that the published trees begin with."""
    return parts[1:] if parts and parts[0] in DRIVE_FOLDERS else parts


def _fits(frame: Frame, parts: Parts, splits: frozenset[str], is_only: bool) -> bool:
    """Return whether a file of the frame's name in this folder is of the frame."""
    if not frame.sequence and is_only:
        return True
    return any(
        sequence == frame.sequence or (is_only and not sequence) for sequence in _sequences(frame, parts, splits)
    )


def _sequences(frame: Frame, parts: Parts, splits: frozenset[str]) -> Iterator[str]:
    """Yield the sequences that a folder may be of, if it is of the frame's split."""
    folders = _folders(parts)
    yield "/".join(folders)
    if folders and folders[0] in ({frame.split} if frame.split else splits):
        yield "/".join(folders[1:])
