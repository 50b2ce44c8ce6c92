"""One dataset beside others: source, derived dataset, and others whose labels may be of another map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from iddkit.labels import Category, LabelMap
from iddkit.statistics import FrameTable, classes
from iddkit.subset.evidence import DIGITS, DatasetEvidence
from iddkit.subset.plan import SubsetPlan


def gather_dataset(
    name: str,
    table: FrameTable,
    plan: SubsetPlan,
    disk: int | None,
    unlabelled: Mapping[str, int] | None = None,
    *,
    compared: FrameTable | None = None,
    level: str = "",
) -> DatasetEvidence:
    """Return what is said of a dataset beside others.

    Counts are of the whole table, `disk` is in bytes. Shares and pixels by label are of the frames that are `compared`,
    and their shares are those at the output's size; without them they are of the whole table, too. `level` is that
    of its label images: the table's, if it is not named.
    """
    bars = table if compared is None else compared
    wanted = classes(plan.label_map, plan.level)
    # The plan's level where the dataset has it; else its finest, whose labels are found by their names.
    knows = plan.level in table.label_map.levels and table.can_be(plan.level)
    own = plan.level if knows else table.level
    into = match_classes(table.label_map, own, wanted)
    shares = bars.statistics(own, sampled=compared is not None).mean_share
    pixels = bars.statistics(own).pixels[:-1]
    known = [(into == i) for i in range(len(wanted))]
    images: dict[str, int] = {}
    for frame in table.frames:
        images[frame.split] = images.get(frame.split, 0) + 1
    width, height = table.sizes.sum(axis=0, dtype=np.int64).tolist()
    held = table.statistics(level or table.level).frames[:-1]
    return DatasetEvidence(
        name=name,
        height=plain(height / max(1, len(table))),
        width=plain(width / max(1, len(table))),
        annotated=int(table.pixels[:, :-1].sum()),
        images=images,
        unlabelled={split: int(count) for split, count in (unlabelled or {}).items() if count},
        sequences=len({(frame.split, frame.sequence) for frame in table.frames}),
        bytes=disk,
        level=level or table.level,
        labels=int(np.count_nonzero(held)),
        shares=tuple(plain(float(shares[columns].sum())) if columns.any() else None for columns in known),
        pixels=tuple(int(pixels[columns].sum()) if columns.any() else None for columns in known),
        foreign=plain(int(pixels[into < 0].sum()) / max(1, int(pixels.sum()))),
    )


def match_classes(label_map: LabelMap, level: str, wanted: Sequence[Category]) -> NDArray[np.intp]:
    """Return for each class of `level` which of the `wanted` ones holds all its labels: intp (L,), -1 for none.

    Labels of different maps are the same if they are called the same: ``road`` of Cityscapes is ``road`` of IDD.
    Labels that only one of the maps knows do not count.
    """
    place = {label.name: i for i, category in enumerate(wanted) for label in category.labels}
    found = []
    for category in classes(label_map, level):
        into = {place[label.name] for label in category.labels if label.name in place}
        found.append(into.pop() if len(into) == 1 else -1)
    return np.array(found, dtype=np.intp)


def at_output_size(table: FrameTable) -> FrameTable:
    """Return what would be counted in a derived dataset of these frames: sampled labels, and no polygons."""
    assert table.sampled is not None
    return replace(table, sizes=table.sampled.sizes, pixels=table.sampled.pixels.astype(np.int64), shapes=None)


def plain(value: float) -> float:
    """Return a number with so many digits as the evidence keeps."""
    return float(f"{value:.{DIGITS}g}")
