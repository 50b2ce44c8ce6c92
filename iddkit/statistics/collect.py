"""A dataset measured frame by frame: what was measured before is taken from the cache."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iddkit import frames
from iddkit.errors import FrameError, OptionError, UserError
from iddkit.frames import Frame, Index
from iddkit.images import OutputSize
from iddkit.labels import ID, LabelMap, nests
from iddkit.raster import FILLS, UNKNOWN
from iddkit.statistics.cache import Cache
from iddkit.statistics.measure import Measured, Measuring, Task, measure_frame, prepare
from iddkit.statistics.source import LabelReader, label_file, level_of
from iddkit.statistics.table import FrameTable, Sampled
from iddkit.workers import run_tasks

# What the workers need, loaded once for all of them.
_PRELOAD = ("iddkit.statistics.measure", "iddkit.formats.cityscapes")


@dataclass(frozen=True)
class Collection:
    """What `collect` found in a dataset.

    Attributes
    ----------
    index
        Of the dataset.
    table
        The labelled frames that could be read, in the order of the index.
    unlabelled
        Frames that have an image and no labels.
    unlabelled_colors
        int32 (M, len(COLORS)): what was measured of their images; None where images were not asked for.
    failures
        One line for each frame or file that cannot be used: ``path: where: problem``.
    notes
        What a user should know although nothing failed: also lines.
    read
        Frames whose pixels were read; the others came from the cache.
    """

    index: Index
    table: FrameTable
    unlabelled: tuple[Frame, ...] = ()
    unlabelled_colors: NDArray[np.int32] | None = None
    failures: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    read: int = 0

    @property
    def ok(self) -> bool:
        """Whether every frame could be used."""
        return not self.failures


def collect(
    source: Index | str | Path,
    label_map: LabelMap,
    *,
    fill: str | None = None,
    unknown: str = "error",
    level: str | None = None,
    output_size: OutputSize | None = None,
    images: bool = False,
    cache: Path | None = None,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Collection:
    """Measure all frames of a dataset.

    Parameters
    ----------
    source
        A dataset's folder, an annotation file, an index CSV, or an index.
    label_map
        Its labels.
    fill, unknown
        How polygons are painted: a fill rule, None for that of the file's format and map; and the way with
        unknown labels, ``error``, ``void`` or ``skip``.
    level
        Of label images whose names do not say it, or say it wrongly.
    output_size
        Measure also what label images of this size would hold (`FrameTable.sampled`).
    images
        Look at the images, too: their colours, and whether they can be read and have their labels' size.
    cache
        Folder in which the rows are kept (`iddkit.statistics.cache.default_cache_folder`); None to keep nothing.
    jobs
        Worker processes. With more than one, a script needs ``if __name__ == "__main__":``.
    progress
        Called, in this process, with how many frames are done and how many there are.

    Returns
    -------
    Collection
        The same for any number of jobs, and whatever the cache held. Frames that cannot be used are in its
        ``failures``; they do not raise.

    Raises
    ------
    UserError
        Nothing can be done at all: no such dataset, level or rule.
    """
    if jobs < 1:
        raise OptionError(f"{jobs} jobs: at least one is needed")
    if fill is not None and fill not in FILLS:
        raise OptionError(f"no fill rule {fill!r}; known: {', '.join(FILLS)}")
    if unknown not in UNKNOWN:
        raise OptionError(f"no way {unknown!r} to treat unknown labels; known: {', '.join(UNKNOWN)}")
    index = source if isinstance(source, Index) else frames.scan(Path(source))
    reader = LabelReader(label_map, fill, unknown, None if level is None else label_map.level(level))
    levels, common, refused = _find_levels(index, reader)
    how = prepare(Path(index.root), reader, set(levels.values()), common, output_size, images)
    bare = [place for place, frame in enumerate(index.frames) if label_file(frame) is None and frame.image is not None]
    tasks = [Task(place, index.frames[place]) for place in sorted([*levels, *(bare if images else ())])]
    store = Cache(cache, how, common)
    try:
        measured, read = _measure(how, tasks, store, jobs, progress or _no_progress)
    finally:
        # After Ctrl-C as well: what was measured so far need not be measured again.
        unwritten = store.save()
    failures, notes = _problems(index, refused | {m.place: m for m in measured.values() if m.problem}, len(tasks))
    if unwritten:
        notes.append(unwritten)
    keys = {place: m.key for place, m in measured.items() if m.key is not None}
    labelled = [place for place in keys if place in levels]
    unlabelled = [place for place in bare if place in keys or not images]
    rows = store.rows(keys[place] for place in labelled)
    from_images = len(labelled) - int(rows.has_shapes.sum())
    if 0 < from_images < len(labelled):
        notes.append(f"{from_images} frames come as label images: how many objects they show is not known")
    table = FrameTable(
        tuple(index.frames[place] for place in labelled),
        label_map,
        common,
        rows.sizes,
        rows.pixels,
        rows.shapes if rows.has_shapes.any() else None,
        np.array([measured[place].bytes for place in labelled], dtype=np.int64),
        tuple(keys[place].label for place in labelled),
        tuple(keys[place].image for place in labelled),
        None if output_size is None else Sampled(rows.outputs, rows.sampled, rows.layout, rows.colors),
    )
    return Collection(
        index,
        table,
        tuple(index.frames[place] for place in unlabelled),
        store.rows(keys[place] for place in unlabelled).colors if images else None,
        tuple(failures),
        tuple(notes),
        read,
    )


def _no_progress(done: int, total: int) -> None:
    pass


def _find_levels(index: Index, reader: LabelReader) -> tuple[dict[int, str], str, dict[int, Measured]]:
    """Return the level of each labelled frame by its place, the level of the table, and the frames that do not fit.

    The table has the level into which the labels of most frames can be turned: of polygons and label images of
    level3, it is level3.
    """
    levels: dict[int, str] = {}
    refused: dict[int, Measured] = {}
    label_map, root = reader.label_map, Path(index.root)
    for place, frame in enumerate(index.frames):
        file = label_file(frame)
        if file is not None:
            try:
                levels[place] = level_of(frame, label_map, reader.level)
            except UserError as error:
                refused[place] = Measured(place, problem=str(error.located(root / file)))
    counts = Counter(levels.values())
    fitting = {level: _count_fitting(label_map, counts, level) for level in label_map.levels if level in counts}
    common = max(fitting, key=lambda level: fitting[level], default=reader.level or ID)
    misfits = {level for level in counts if not nests(label_map, level, common)}
    for place in [place for place, level in levels.items() if level in misfits]:
        problem = f"its labels are of {levels.pop(place)}, which cannot be turned into {common} as the others are"
        path = root / (index.frames[place].labels or "")
        refused[place] = Measured(place, problem=str(FrameError(problem, path=path)))
    return levels, common, refused


def _count_fitting(label_map: LabelMap, counts: Counter[str], level: str) -> int:
    return sum(frames for fine, frames in counts.items() if nests(label_map, fine, level))


def _measure(
    how: Measuring, tasks: Sequence[Task], store: Cache, jobs: int, progress: Callable[[int, int], None]
) -> tuple[dict[int, Measured], int]:
    """Return what became of each frame by its place, in the order of the tasks, and how many were read."""
    measured: dict[int, Measured] = {}
    if store.found.keys:
        only_keys = [replace(task, only_key=True) for task in tasks]
        with closing(run_tasks(partial(measure_frame, how), only_keys, jobs, _PRELOAD)) as results:
            for result in results:
                if result.key is None or store.has(result.key):
                    measured[result.place] = result
                    progress(len(measured), len(tasks))
    missing = [task for task in tasks if task.place not in measured]
    read = 0
    with closing(run_tasks(partial(measure_frame, how), missing, jobs, _PRELOAD)) as results:
        for result in results:
            if result.key is not None and result.row is not None:
                store.add(result.key, result.row)
                read += 1
            measured[result.place] = replace(result, row=None)
            progress(len(measured), len(tasks))
    return {task.place: measured[task.place] for task in tasks}, read


def _problems(index: Index, failed: Mapping[int, Measured], tasks: int) -> tuple[list[str], list[str]]:
    """Return failures and notes, a line each: of the index, then of the frames in their order."""
    failures: list[str] = []
    notes: list[str] = []
    for problem in index.problems:
        line = str(FrameError(problem.problem, path=Path(index.root) / problem.path))
        (failures if problem.is_error else notes).append(line)
    for place in sorted(failed):
        # In a flat folder a JSON or XML file that is no annotation was only met on the way.
        is_met = failed[place].is_foreign and index.layout == "flat" and tasks > 1
        (notes if is_met else failures).append(failed[place].problem)
    return failures, notes
