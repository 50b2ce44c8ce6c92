"""Which frames of a counted source make the derived dataset, split by split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iddkit.errors import FrameError, OptionError
from iddkit.frames import Frame, Index
from iddkit.statistics import Collection
from iddkit.subset import Candidates, SubsetPlan, candidates_of, choose

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Selection:
    """The chosen frames.

    Attributes
    ----------
    labelled
        Split to rows of the collection's table, ascending.
    unlabelled
        Split to places in ``Collection.unlabelled``, ascending.
    available
        Split to the number of frames that could have been chosen.
    frames
        All of them, in the order of the source's index.
    missing
        One line for each frame that was asked for by name and could not be read.
    """

    labelled: Mapping[str, Rows]
    unlabelled: Mapping[str, Rows]
    available: Mapping[str, int]
    frames: tuple[Frame, ...]
    missing: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, tuple[int, int]]:
        """Split to how many frames there were, and how many were chosen."""
        chosen = {**self.labelled, **self.unlabelled}
        return {split: (available, len(chosen[split])) for split, available in self.available.items()}


def select(collection: Collection, plan: SubsetPlan) -> Selection:
    """Return the frames that a plan takes of a source, of which `collection` holds the counts at the output's size.

    Frames without labels come along from splits that have no labels at all, if the plan asks for it.

    Raises
    ------
    OptionError
        More frames are asked for than there are, of a split that does not exist, or of a source without labels.
    """
    table = collection.table
    by_split = _places(frame.split for frame in table.frames)
    if not by_split:
        problem = "no frame has labels that can be read"
        if collection.failures:
            problem += f"; the first of {len(collection.failures)} problems: {collection.failures[0]}"
        raise FrameError(problem, path=collection.index.root)
    bare = _places(frame.split for frame in collection.unlabelled)
    bare = {split: places for split, places in bare.items() if split not in by_split}
    if plan.frames is not None:
        return _take(collection, plan.frames, by_split, bare)
    bare = _wanted(bare, plan)
    available = {split: len(places) for split, places in (*by_split.items(), *bare.items())}
    counts = plan.count_frames(available)
    how = {"method": plan.method, "seed": plan.seed, "cover": plan.cover_sequences}
    labelled = {
        split: places[choose(candidates_of(table.rows(places)), counts[split], **how)]  # type: ignore[arg-type]
        for split, places in by_split.items()
    }
    unlabelled = {
        split: places[choose(_images_of(collection, places), counts[split], **how)]  # type: ignore[arg-type]
        for split, places in bare.items()
    }
    return _selection(collection, labelled, unlabelled, available)


def has_choice(index: Index, plan: SubsetPlan) -> bool:
    """Return whether a plan leaves frames out, as far as the index can tell.

    Raises
    ------
    OptionError
        As `select` would if every frame of the index could be read: so that nobody has to wait for it.
    """
    by_split = _places(frame.split for frame in index if frame.annotation or frame.labels)
    bare = _places(frame.split for frame in index if frame.image and frame.split not in by_split)
    if plan.frames is not None or not by_split:
        return True
    available = {split: len(places) for split, places in (*by_split.items(), *_wanted(bare, plan).items())}
    counts = plan.count_frames(available)
    if not any(counts.values()):
        raise OptionError("no frame at all is asked for")
    return counts != available


def _wanted(bare: dict[str, Rows], plan: SubsetPlan) -> dict[str, Rows]:
    """Return the splits without labels that the plan takes along."""
    if plan.unlabelled:
        return bare
    for split in plan.counts:
        if split in bare:
            raise OptionError(f"the split {split} has no labels; --with-unlabelled takes its images along")
    return {}


def _places(splits: Iterable[str]) -> dict[str, Rows]:
    found: dict[str, list[int]] = {}
    for place, split in enumerate(splits):
        found.setdefault(split, []).append(place)
    return {split: np.array(places, dtype=np.intp) for split, places in found.items()}


def _images_of(collection: Collection, places: Rows) -> Candidates:
    """Return frames without labels as candidates: of them only the drive and the colours are known."""
    colors = collection.unlabelled_colors
    names = [collection.unlabelled[i].sequence for i in places]
    starts = [i == 0 or names[i] != names[i - 1] for i in range(len(names))]
    nothing = np.zeros((len(places), 1), dtype=np.int32)
    return Candidates(np.cumsum(starts, dtype=np.intp) - 1, nothing, colors=None if colors is None else colors[places])


def _take(
    collection: Collection, keys: tuple[str, ...], by_split: Mapping[str, Rows], bare: Mapping[str, Rows]
) -> Selection:
    wanted = set(keys)
    labelled = {s: _named(places, collection.table.frames, wanted) for s, places in by_split.items()}
    unlabelled = {s: _named(places, collection.unlabelled, wanted) for s, places in bare.items()}
    found = _selection(collection, labelled, unlabelled, {})
    known = {frame.key for frame in found.frames}
    missing = tuple(
        str(FrameError("is on the list, and cannot be taken: it could not be read, or has no labels", path=key))
        for key in keys
        if key not in known
    )
    available = {split: len(places) for split, places in (*by_split.items(), *bare.items())}
    return Selection(labelled, unlabelled, available, found.frames, missing)


def _named(places: Rows, frames: tuple[Frame, ...], wanted: set[str]) -> Rows:
    return places[[frames[i].key in wanted for i in places]]


def _selection(
    collection: Collection, labelled: Mapping[str, Rows], unlabelled: Mapping[str, Rows], available: Mapping[str, int]
) -> Selection:
    taken = {collection.table.frames[i].key for rows in labelled.values() for i in rows}
    taken |= {collection.unlabelled[i].key for places in unlabelled.values() for i in places}
    frames = tuple(frame for frame in collection.index.frames if frame.key in taken)
    return Selection(labelled, unlabelled, available, frames)
