"""From the counts of a source and the chosen frames to the `SubsetEvidence`. Arithmetic alone: no file is read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import iddkit
from iddkit.frames import Frame
from iddkit.labels import Category
from iddkit.statistics import FrameTable, LabelStatistics, classes
from iddkit.statistics.columns import collapse
from iddkit.statistics.counts import SHARE_UNIT, unit_shares
from iddkit.statistics.table import CELL_UNIT, merge_columns
from iddkit.subset.beside import at_output_size, gather_dataset, plain
from iddkit.subset.compare import JS_DECIMALS
from iddkit.subset.evidence import (
    SHORT,
    Counts,
    LabelEvidence,
    LevelEvidence,
    Measure,
    SampleFrame,
    SequenceEvidence,
    SplitEvidence,
    SubsetEvidence,
)
from iddkit.subset.plan import SubsetPlan
from iddkit.subset.quality import HELD_BY, divergence

#: Frames of a report's contact sheet.
SAMPLES = 8

#: Frames are worked on in blocks of so many.
_BLOCK = 2**16

Rows = NDArray[np.intp]
Matrix = tuple[tuple[float, ...], ...]


def gather_evidence(
    table: FrameTable,
    chosen: Mapping[str, Rows],
    plan: SubsetPlan,
    *,
    source_name: str = "source",
    measures: Mapping[str, Sequence[Measure]] | None = None,
    beside: Sequence[tuple[str, FrameTable]] = (),
    written: Sequence[Frame] = (),
    source_bytes: int | None = None,
    written_bytes: int | None = None,
    unlabelled: Mapping[str, int] | None = None,
    unlabelled_taken: Mapping[str, int] | None = None,
    failures: Sequence[str] = (),
    command: str = "",
    notes: Sequence[str] = (),
) -> SubsetEvidence:
    """Return what can be said of a derived dataset.

    Parameters
    ----------
    table
        The labelled frames of the source, with `FrameTable.sampled` at the plan's output size.
    chosen
        Split to the rows of the table that were chosen there. A split without rows is left out of the comparison.
    plan
        What was asked for.
    source_name
        How the report calls the source.
    measures
        Split to the errors of the choice among those of random subsets (`iddkit.subset.compare.compare`).
    beside
        Other datasets to show, with their names.
    written
        The frames of the derived dataset, with files relative to its folder: the samples are taken from them.
    source_bytes, written_bytes
        Disk space of the source and of the derived dataset: images, annotations and labels. Default: of the source
        that of its labelled frames; of the derived dataset it is left open.
    unlabelled, unlabelled_taken
        Split to the number of the source's images without labels, and of those that were taken along.
    failures, command, notes
        `SubsetEvidence` has them.

    Raises
    ------
    ValueError
        The table holds nothing at the output's size, or no frame was chosen.
    LabelMapError
        The table's level cannot be turned into the plan's.
    """
    if table.sampled is None:
        raise ValueError("the table holds nothing at the output's size")
    used = {split: np.asarray(rows, dtype=np.intp) for split, rows in chosen.items() if len(rows)}
    if not used:
        raise ValueError("no frame was chosen")
    places = _rows_by_split(table)
    compared = table.rows(np.sort(np.concatenate([places[split] for split in used])))
    derived = at_output_size(table.rows(np.sort(np.concatenate(list(used.values())))))
    disk = int(table.bytes.sum()) if source_bytes is None else source_bytes
    presence_level = _presence_level(table, [(places[split], len(rows)) for split, rows in used.items()], plan.level)
    settings = plan.settings()
    settings["frames"] = None if plan.frames is None else len(plan.frames)
    found = measures or {}
    return SubsetEvidence(
        name=plan.name,
        license=plan.license,
        level=plan.level,
        datasets=(
            gather_dataset(source_name, table, plan, disk, unlabelled or {}, compared=compared),
            gather_dataset(plan.name, derived, plan, written_bytes, unlabelled_taken or {}, level=plan.level),
            *(gather_dataset(name, other, plan, int(other.bytes.sum())) for name, other in beside),
        ),
        splits=tuple(
            _split(table.rows(rows), table.rows(used[split]), plan.level, presence_level, found.get(split, ()))
            for split, rows in places.items()
            if split in used
        ),
        presence_level=presence_level,
        plan=settings,
        command=command,
        failures=tuple(failures),
        samples=_samples(written),
        made_by=f"iddkit {iddkit.__version__}",
        notes=tuple(notes),
    )


def short_name(category: Category) -> str:
    """Return the name of a class in at most `SHORT` letters: ``truck, bus, caravan +3``.

    Examples
    --------
    >>> from iddkit import labels
    >>> [short_name(c) for c in labels.load("idd").categories("level2")[8:10]]
    ['truck, bus, caravan +3', 'curb, wall']
    """
    if len(category.name) <= SHORT:
        return category.name
    names = [label.name for label in category.labels]
    if category.name == ", ".join(names):
        for count in range(len(names) - 1, 0, -1):
            text = f"{', '.join(names[:count])} +{len(names) - count}"
            if len(text) <= SHORT:
                return text
    return category.name[: SHORT - 1].rstrip(" ,") + "…"


def _presence_level(table: FrameTable, splits: Sequence[tuple[Rows, int]], level: str) -> str:
    """Return `level`, or the table's where presence is fixed at it in each split: rows and number of chosen frames."""
    assert table.sampled is not None
    for one in (level, table.level):
        into, count = collapse(table.label_map, table.level, one), len(classes(table.label_map, one))
        for rows, chosen in splits:
            held = np.zeros(count, dtype=np.int64)
            for start in range(0, len(rows), _BLOCK):
                part = table.sampled.pixels[rows[start : start + _BLOCK]]
                held += (merge_columns(part, into, count)[:, :-1] > 0).sum(axis=0)
            # As in `SplitEvidence.has_fixed_presence`.
            if (np.minimum(held, len(rows) - held) * chosen >= len(rows)).any():
                return one
    return level


def _split(
    whole: FrameTable, part: FrameTable, level: str, presence_level: str, measures: Sequence[Measure]
) -> SplitEvidence:
    assert whole.sampled is not None
    assert part.sampled is not None
    into = collapse(whole.label_map, whole.level, level)
    count = len(classes(whole.label_map, level))
    # A numbering for training is no level of the hierarchy.
    levels = {one: _level(whole, part, one) for one in dict.fromkeys((*whole.levels(), level))}
    pairs = {one: _pairs_of_both(whole, part, one) for one in dict.fromkeys((level, whole.level, presence_level))}
    return SplitEvidence(
        name=whole.frames[0].split,
        frames=len(whole),
        chosen=len(part),
        sequences=_sequences(whole, part),
        levels=tuple(levels.values()),
        pairs=_matrix(pairs[presence_level][0]),
        pairs_chosen=_matrix(pairs[presence_level][1]),
        layout=_layout(whole.sampled.layout, into, count),
        layout_chosen=_layout(part.sampled.layout, into, count),
        measures=tuple(_name_label(one, levels[one.level], *pairs[one.level]) for one in measures),
    )


def _pairs_of_both(whole: FrameTable, part: FrameTable, level: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    assert whole.sampled is not None
    assert part.sampled is not None
    into, count = collapse(whole.label_map, whole.level, level), len(classes(whole.label_map, level))
    return _pairs(whole.sampled.pixels, into, count), _pairs(part.sampled.pixels, into, count)


def _name_label(
    measure: Measure, level: LevelEvidence, source: NDArray[np.float64], chosen: NDArray[np.float64]
) -> Measure:
    """Return a measure with the label that has the largest error, where it is of one label or pair."""
    worst = {"worst_share": level.worst_share, "worst_presence": level.worst_presence}.get(measure.name)
    if worst is not None:
        return replace(measure, label=worst.quoted)
    if measure.name == "pairs" and len(source) > 1:
        apart = np.abs(np.triu(np.round(chosen - source, 12), k=1))
        one, other = np.unravel_index(int(apart.argmax()), apart.shape)
        return replace(measure, label=f"{level.labels[one].quoted} with {level.labels[other].quoted}")
    return measure


def _level(whole: FrameTable, part: FrameTable, level: str) -> LevelEvidence:
    source, resized = whole.statistics(level), whole.statistics(level, sampled=True)
    subset = part.statistics(level, sampled=True)
    assert whole.sampled is not None
    into = collapse(whole.label_map, whole.level, level)
    noise = _share_noise(whole.sampled.pixels, into, resized, subset.labelled)
    found = []
    for i, category in enumerate(classes(whole.label_map, level)):
        counts = [_counts(statistics, i) for statistics in (source, resized, subset)]
        presence = float(resized.presence[i])
        found.append(
            LabelEvidence(
                number=category.number,
                name=category.name,
                short=short_name(category),
                color=category.color,
                source=counts[0],
                resized=counts[1],
                subset=counts[2],
                share_error=_ratio(float(subset.mean_share[i]), float(resized.mean_share[i]), less=1),
                share_noise=_ratio(float(noise[i]), float(resized.mean_share[i])),
                presence_error=plain(float(subset.presence[i]) - presence),
                presence_noise=plain(_presence_noise(presence, len(whole), len(part))),
                resize_drift=_ratio(float(resized.mean_share[i]), float(source.mean_share[i]), less=1),
                common=bool(resized.frames[i] >= HELD_BY * len(whole)),
                lost=bool(source.frames[i] and not subset.frames[i]),
            )
        )
    return LevelEvidence(
        level,
        tuple(found),
        _divergence(subset, resized),
        _divergence(resized, source),
    )


def _divergence(found: LabelStatistics, source: LabelStatistics) -> float:
    # A difference of nearly equal numbers: not the digits that count are the same on every machine, but the decimals.
    return plain(round(float(divergence(found.mean_share[None], source.mean_share)[0]), JS_DECIMALS))


def _counts(statistics: LabelStatistics, column: int) -> Counts:
    return Counts(
        int(statistics.pixels[column]),
        int(statistics.frames[column]),
        int(statistics.shapes[column]),
        plain(float(statistics.mean_share[column])),
        plain(float(statistics.pooled[column])),
        plain(float(statistics.presence[column])),
    )


def _share_noise(
    pixels: NDArray[np.int32], into: NDArray[np.intp], resized: LabelStatistics, chosen: int
) -> NDArray[np.float64]:
    # The standard error of a mean of frames drawn without replacement (Cochran, Sampling Techniques, 1977, 2.6).
    squares = np.zeros(len(resized.numbers))
    for start in range(0, len(pixels), _BLOCK):
        merged = merge_columns(pixels[start : start + _BLOCK], into, len(resized.numbers))
        apart = unit_shares(merged) / SHARE_UNIT - resized.mean_share
        squares += (apart[merged[:, :-1].any(axis=1)] ** 2).sum(axis=0)
    frames = resized.labelled
    if frames < 2 or chosen < 1:
        return np.zeros_like(squares)
    noise: NDArray[np.float64] = np.sqrt(squares / (frames - 1) / chosen * (1 - chosen / frames))
    return noise


def _presence_noise(presence: float, frames: int, chosen: int) -> float:
    # The same of a hypergeometric number.
    if frames < 2:
        return 0.0
    return math.sqrt(presence * (1 - presence) / chosen * (frames - chosen) / (frames - 1))


def _sequences(whole: FrameTable, part: FrameTable) -> tuple[SequenceEvidence, ...]:
    total: dict[str, int] = {}
    taken: dict[str, int] = {}
    for counts, table in ((total, whole), (taken, part)):
        for frame in table.frames:
            counts[frame.sequence] = counts.get(frame.sequence, 0) + 1
    return tuple(SequenceEvidence(name, frames, taken.get(name, 0)) for name, frames in total.items())


def _pairs(pixels: NDArray[np.int32], into: NDArray[np.intp], count: int) -> NDArray[np.float64]:
    together = np.zeros((count, count))
    for start in range(0, len(pixels), _BLOCK):
        present = (merge_columns(pixels[start : start + _BLOCK], into, count)[:, :-1] > 0).astype(np.float64)
        together += present.T @ present  # whole numbers: exact
    found: NDArray[np.float64] = together / max(1, len(pixels))
    return found


def _layout(layout: NDArray[np.uint16], into: NDArray[np.intp], count: int) -> Matrix:
    sums = layout.sum(axis=0, dtype=np.int64)
    merged = np.zeros((count + 1, sums.shape[0]), dtype=np.int64)  # a class may be void at the coarser level
    np.add.at(merged, into, sums.T)
    merged = merged[:-1]
    return _matrix(merged / (CELL_UNIT * max(1, len(layout))))


def _rows_by_split(table: FrameTable) -> dict[str, Rows]:
    found: dict[str, list[int]] = {}
    for row, frame in enumerate(table.frames):
        found.setdefault(frame.split, []).append(row)
    return {split: np.array(rows, dtype=np.intp) for split, rows in found.items()}


def _samples(written: Sequence[Frame]) -> tuple[SampleFrame, ...]:
    # Evenly spread over the list, which is in the order of the splits and drives.
    shown = [frame for frame in written if frame.image is not None and frame.labels is not None]
    count = min(SAMPLES, len(shown))
    picked = [shown[(2 * i + 1) * len(shown) // (2 * count)] for i in range(count)]
    return tuple(SampleFrame(frame.key, _posix(frame.image), _posix(frame.labels)) for frame in picked)


def _posix(path: Path | None) -> str:
    return "" if path is None else path.as_posix()


def _ratio(value: float, whole: float, less: float = 0.0) -> float | None:
    return plain(value / whole - less) if whole > 0 else None


def _matrix(values: NDArray[Any]) -> Matrix:
    return tuple(tuple(plain(float(value)) for value in row) for row in values)
