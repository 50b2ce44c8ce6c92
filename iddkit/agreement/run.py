"""Two annotations of a dataset's frames, compared frame by frame."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from iddkit.agreement.agreement import Agreement, FrameAgreement
from iddkit.agreement.boundary import check_tolerances
from iddkit.agreement.compare import Compared, compare_frame, method_of
from iddkit.agreement.pairs import ONLY, Pair, Pairs, pair_frames
from iddkit.agreement.side import Side, labelled, left_out, make_side, open_index, reader_of
from iddkit.agreement.summarize import Resampling, summarize
from iddkit.errors import FrameError, OptionError, UserError, printable
from iddkit.frames import Frame, Index
from iddkit.groundtruth.plan import published_level
from iddkit.labels import LabelMap, nests
from iddkit.metrics.evaluation import DATASET, MISSING, EvaluationProblem
from iddkit.raster import FILLS
from iddkit.raster import UNKNOWN as WAYS
from iddkit.statistics.columns import coarser_levels
from iddkit.workers import run_all

_PRELOAD = ("iddkit.agreement.run", "cv2")

# A worker takes as long to start as some dozens of frames to compare.
_FRAMES_OF_A_WORKER = 24

# The side that is to blame for a frame, by its key, and why.
_Refused = dict[str, tuple[Side, str]]

#: Of `Resampling`, unless something else is asked for.
RESAMPLING = Resampling()


def agree(
    a: Index | str | Path,
    b: Index | str | Path,
    label_map: LabelMap,
    level: str | None = None,
    *,
    split: str | None = None,
    common: bool = False,
    tolerances: Sequence[int] = (1, 2, 4),
    ratio: float = 0.02,
    resampling: Resampling = RESAMPLING,
    source_levels: tuple[str | None, str | None] = (None, None),
    fill: str | None = None,
    unknown: str = "error",
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Agreement:
    """Compare two annotations of the same frames. Neither is the truth: exchanged, they give the same scores.

    Parameters
    ----------
    a, b
        Each a dataset's folder, a part of one, a folder of label images, an index CSV, an index, an annotation file or
        a label image. Polygons are painted in memory.
    label_map
        Of both.
    level
        At which they are compared; coarser ones of the map follow. Default: of the published level (IDD's level3, else
        id) and those coarser than it the first that both sides can be turned into.
    split
        Which is compared. Default: all frames.
    common
        A frame of one side only is no problem.
    tolerances
        Of boundary F1, in pixels.
    ratio
        Of boundary IoU: how far bands go into a class, as a share of the image's diagonal.
    resampling
        Of the intervals.
    source_levels
        Of A's and of B's label images, where their names do not say it, or say it wrongly.
    fill, unknown
        How polygons are painted (`iddkit.statistics.collect` has the same).
    jobs
        Worker processes at most.
    progress
        Called with how many frames are done and how many there are.

    Returns
    -------
    Agreement
        Frames that cannot be compared are in its ``problems``; they do not raise.

    Raises
    ------
    UserError
        Nothing can be compared at all: no such file or folder, no labels, no frame in common, no level in common.
    """
    _check_options(ratio, resampling, fill, unknown, jobs)
    tolerances = check_tolerances(tolerances)
    level = None if level is None else label_map.level(level)
    indexes = [one if isinstance(one, Index) else open_index(one) for one in (a, b)]
    readers = [reader_of(label_map, fill, unknown, stated) for stated in source_levels]
    sides = [make_side(*one, level) for one in zip("AB", indexes, readers, strict=True)]
    matched = pair_frames(*(labelled(index, split) for index in indexes))
    if not matched.pairs:
        raise FrameError(_text_of_none(matched, sides), path=sides[1].root)
    levels, refused = _levels_of_pairs(sides, matched.pairs)
    finest = level if level is not None else default_level(label_map, levels.values())
    for key, its in levels.items():
        for side, own in zip(sides, its, strict=True):
            if not nests(label_map, own, finest):
                refused[key] = side, f"its labels are of {own}, which cannot be turned into {finest}"
    how = method_of(sides[0], sides[1], (finest, *coarser_levels(label_map, finest)), tolerances, ratio)
    tasks = [pair for pair in matched.pairs if pair.key not in refused]
    if not tasks:
        raise _error_of(matched.pairs[0], refused)
    workers = min(jobs, 1 + len(tasks) // _FRAMES_OF_A_WORKER)
    compared = run_all(partial(compare_frame, how), tasks, workers, _PRELOAD, lambda one: one.place, progress)
    problems = [
        problem
        for side, index in zip(sides, indexes, strict=True)
        for problem in _problems_of_index(side, index, split)
    ]
    alone = () if common else (*_alone(sides[0], sides[1], matched.only_a), *_alone(sides[1], sides[0], matched.only_b))
    problems += alone
    found = _collect(matched.pairs, refused, compared, problems)
    summed = tuple(
        summarize(label_map, its, [one.tallies[i] for one in found], tolerances, resampling)
        for i, its in enumerate(how.levels)
    )
    found.sort(key=lambda one: -one.differing / max(1, one.pixels))
    return Agreement(
        label_map=label_map,
        split=split,
        a=_named(a),
        b=_named(b),
        levels=summed,
        frames=tuple(found),
        wanted=len(matched.pairs) + len(alone),
        matched_by=matched.by,
        how=how,
        resamples=resampling.resamples,
        seed=resampling.seed,
        confidence=resampling.confidence,
        problems=tuple(problems),
        notes=tuple(_notes(matched, sides, common, len(found))),
    )


def default_level(label_map: LabelMap, levels: Iterable[tuple[str, str]]) -> str:
    """Return the level at which labels of these pairs of levels are compared if nobody says it.

    Raises
    ------
    OptionError
        They have none in common.

    Examples
    --------
    >>> from iddkit import labels
    >>> idd = labels.load("idd")
    >>> default_level(idd, [("id", "id")]), default_level(idd, [("id", "level2")])
    ('level3', 'level2')
    """
    met = dict.fromkeys(one for pair in levels for one in pair)
    first = published_level(label_map)
    candidates = (first, *coarser_levels(label_map, first), *met)
    for candidate in candidates:
        if all(nests(label_map, one, candidate) for one in met):
            return candidate
    raise OptionError(f"the labels are of the levels {', '.join(met)}, which have none in common")


def _check_options(ratio: float, resampling: Resampling, fill: str | None, unknown: str, jobs: int) -> None:
    if jobs < 1:
        raise OptionError(f"{jobs} jobs: at least one is needed")
    if fill is not None and fill not in FILLS:
        raise OptionError(f"no fill rule {fill!r}; known: {', '.join(FILLS)}")
    if unknown not in WAYS:
        raise OptionError(f"no way {unknown!r} to treat unknown labels; known: {', '.join(WAYS)}")
    if not 0 < ratio <= 1:
        raise OptionError(f"a boundary ratio of {ratio:g}: a share of the image's diagonal, above 0 and at most 1")
    if resampling.resamples < 0:
        raise OptionError(f"{resampling.resamples} resamples: 0 or more are needed")
    if not 0 < resampling.confidence < 1:
        raise OptionError(f"a confidence of {resampling.confidence:g}: it has to be between 0 and 1")


def _levels_of_pairs(sides: Sequence[Side], pairs: Sequence[Pair]) -> tuple[dict[str, tuple[str, str]], _Refused]:
    """Return the levels of both sides by the key of the frame, and what is wrong with frames of unknown level."""
    levels: dict[str, tuple[str, str]] = {}
    refused: _Refused = {}
    for pair in pairs:
        its = []
        for side, frame in zip(sides, (pair.a, pair.b), strict=True):
            try:
                its.append(side.level_of(frame))
            except UserError as error:
                refused[pair.key] = side, error.problem.replace("--level", "--source-level")
        if len(its) == 2:
            levels[pair.key] = its[0], its[1]
    return levels, refused


def _error_of(pair: Pair, refused: _Refused) -> FrameError:
    side, problem = refused[pair.key]
    return FrameError(problem, path=side.file(pair.a if side.name == "A" else pair.b))


def _collect(
    pairs: Sequence[Pair], refused: _Refused, compared: dict[int, Compared], problems: list[EvaluationProblem]
) -> list[FrameAgreement]:
    """Return the frames that were compared, in the order of A; those that were not are added to the problems."""
    found: list[FrameAgreement] = []
    for pair in pairs:
        if pair.key in refused:
            error = _error_of(pair, refused)
            problems.append(EvaluationProblem(DATASET, pair.key, Path(error.path or ""), error.problem))
            continue
        result = compared[pair.place]
        if result.problem is not None:
            problems.append(result.problem)
        else:
            found.append(FrameAgreement(pair, result.tallies))
    return found


def _problems_of_index(side: Side, index: Index, split: str | None) -> list[EvaluationProblem]:
    return [
        EvaluationProblem(DATASET, "", side.root / problem.path, problem.problem) for problem in left_out(index, split)
    ]


def _alone(side: Side, other: Side, alone: Iterable[tuple[Frame, str]]) -> list[EvaluationProblem]:
    text = f"in {side.name} only, not in {other.name}"
    return [EvaluationProblem(MISSING, one.key, side.file(one), text + _why(reason)) for one, reason in alone]


def _why(reason: str) -> str:
    return f": {reason}" if reason else ""


def _text_of_none(matched: Pairs, sides: Sequence[Side]) -> str:
    first = [printable(alone[0][0].key) for alone in (matched.only_a, matched.only_b)]
    counts = f"{len(matched.only_a)} frames of A, {len(matched.only_b)} of B, the first {first[0]} and {first[1]}"
    return f"no frame in common with {printable(str(sides[0].root), 500)}: {counts}"


def _notes(matched: Pairs, sides: Sequence[Side], common: bool, compared: int) -> list[str]:
    notes = []
    if matched.by == ONLY:
        one = matched.pairs[0]
        if one.a.name != one.b.name:
            names = f"{printable(one.a.key)} and {printable(one.b.key)}"
            notes.append(f"{names} were compared, as the only frame of each side")
    elif matched.by != "key":
        notes.append(f"the frames of A and B were matched by {matched.by}")
    for side, alone in zip(sides, (matched.only_a, matched.only_b), strict=True):
        if alone and common:
            notes.append(f"{len(alone)} frames are in {side.name} only, the first {printable(alone[0][0].key)}")
    same = [pair for pair in matched.pairs if _is_one_file(sides[0].file(pair.a), sides[1].file(pair.b))]
    if same:
        notes.append(f"{len(same)} frames have the same file in A and B, the first {printable(same[0].key)}")
    if compared == 1:
        notes.append("one frame: no interval over frames")
    return notes


def _is_one_file(a: Path, b: Path) -> bool:
    try:
        return os.path.samefile(a, b)
    except OSError:  # whatever is wrong with a file is said when it is read
        return False


def _named(side: Index | str | Path) -> Path:
    return Path(side.root if isinstance(side, Index) else side)
