"""Made-up counts for the tests of reports: nothing is read and nothing is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iddkit import labels
from iddkit.frames import Frame
from iddkit.statistics import FrameTable, Sampled, classes
from iddkit.statistics.table import CELL_UNIT, CELLS, COLORS
from iddkit.subset import SubsetPlan, candidates_of, choose
from iddkit.subset.compare import compare
from iddkit.subset.evidence import Measure, SubsetEvidence
from iddkit.subset.gather import gather_evidence

CELL = 60  # pixels of a cell of the made-up label images


def make_table(
    drives: Mapping[str, tuple[int, int]],
    *,
    map_name: str = "idd",
    level: str = "level1",
    seed: int = 0,
    rare: float = 0.5,
    polygons: bool = True,
) -> FrameTable:
    """Return counts of frames: split to its number of drives and of frames in each; `rare` makes labels absent."""
    label_map = labels.load(map_name)
    count = len(classes(label_map, level))
    dice = np.random.Generator(np.random.PCG64(seed))
    frames = [
        Frame(split, f"{10 * drive + place}", f"frame{number:04d}", Path(f"{split}{drive}-{number}.jpg"))
        for place, (split, (number_of_drives, length)) in enumerate(drives.items())
        for drive in range(number_of_drives)
        for number in range(length)
    ]
    drive_of = np.unique([f"{frame.split}/{frame.sequence}" for frame in frames], return_inverse=True)[1]
    weights = np.exp(-4 / count * dice.permutation(count))
    mood = dice.gamma(2.0, size=(int(drive_of.max(initial=-1)) + 1, count))
    held = dice.random((len(frames), count)) < np.clip(weights / weights.max() + 1 - rare, 0.02, 1)
    held[:, int(weights.argmax())] = True
    rates = weights * mood[drive_of] * held
    rates = rates[:, None, :] * dice.gamma(1.0, size=(len(frames), CELLS * CELLS, count))
    cells = np.floor(CELL * rates / np.maximum(rates.sum(axis=2, keepdims=True), 1e-12)).astype(np.int64)
    pixels = cells.sum(axis=1)
    void = CELL * CELLS * CELLS - pixels.sum(axis=1, keepdims=True)
    small = np.concatenate([pixels, void], axis=1)
    large = small * 36 + (small > 0) * dice.integers(0, 36, small.shape)
    sampled = Sampled(
        np.tile(np.array([320, 180], dtype=np.int32), (len(frames), 1)),
        small.astype(np.int32),
        (cells * CELL_UNIT // CELL).astype(np.uint16),
        dice.integers(0, 256 * 128, (len(frames), len(COLORS))).astype(np.int32),
    )
    return FrameTable(
        tuple(frames),
        label_map,
        level,
        np.where(drive_of[:, None] % 2, (1280, 720), (1920, 1080)).astype(np.int32),
        large,
        (small > 0).astype(np.int64) if polygons else None,
        dice.integers(200_000, 900_000, len(frames)),
        tuple(f"{i:064x}" for i in range(len(frames))),
        tuple(f"{i:064x}" for i in range(len(frames))),
        sampled,
    )


def choose_rows(table: FrameTable, count: Mapping[str, int], method: str = "balanced") -> dict[str, NDArray[np.intp]]:
    """Return split to chosen rows."""
    found = {}
    for split, wanted in count.items():
        rows = np.array([i for i, frame in enumerate(table.frames) if frame.split == split], dtype=np.intp)
        found[split] = rows[choose(candidates_of(table.rows(rows)), wanted, method=method)]
    return found


def make_evidence(
    table: FrameTable,
    count: Mapping[str, int],
    *,
    level: str = "level1",
    method: str = "balanced",
    subsets: int = 40,
    plan: Mapping[str, Any] | None = None,
    **more: Any,
) -> SubsetEvidence:
    """Return the evidence of a choice of so many frames a split, beside so many random subsets."""
    chosen = choose_rows(table, count, method)
    measures: dict[str, tuple[Measure, ...]] = {}
    for split, rows in chosen.items() if subsets else ():
        everything = np.array([i for i, frame in enumerate(table.frames) if frame.split == split], dtype=np.intp)
        if len(rows):
            part = np.searchsorted(everything, rows)
            measures[split] = compare(table.rows(everything), part, level, subsets=subsets)
    wanted = SubsetPlan(
        label_map=table.label_map,
        level=level,
        factor=Fraction(4),
        longest_side=320,
        method=method,
        name="tiny",
        **(plan or {}),
    )
    return gather_evidence(table, chosen, wanted, measures=measures, **more)
