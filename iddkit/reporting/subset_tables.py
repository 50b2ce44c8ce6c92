"""The numbers of a `SubsetEvidence` as tables, which page, Markdown and CSV files share."""

from __future__ import annotations

import re
from itertools import combinations

from iddkit.reporting.label_figures import SPREAD, order_labels
from iddkit.reporting.tables import Cell, Column, Table
from iddkit.subset.evidence import LabelEvidence, Measure, SplitEvidence, SubsetEvidence

#: Names of tables that are of one split: ``errors`` or, where there are several splits, ``errors-train``.
BY_SPLIT = ("errors", "presence", "pairs", "layout", "sequences")

_RANDOM_COLUMNS = ("best", "median", "worst")

# Two standard errors of a random subset, to each side of zero.
_INTERVAL = "± 2 s.e."


def make_tables(evidence: SubsetEvidence) -> dict[str, Table]:
    """Return name to table. Tables of a split are called ``errors-train`` where the dataset has splits."""
    tables = {
        "datasets": _datasets(evidence),
        "shares": _shares(evidence),
        "pixels": _pixels(evidence),
        "random": _random(evidence),
        "levels": _levels(evidence),
        "lost": _lost(evidence),
        "drift": _drift(evidence),
    }
    for split in evidence.splits:
        tables[name_of("errors", split)] = _errors(evidence, split)
        if evidence.presence_level != evidence.level:
            tables[name_of("presence", split)] = _presence(evidence, split)
        tables[name_of("pairs", split)] = _pairs(evidence, split)
        tables[name_of("layout", split)] = _layout(evidence, split)
        tables[name_of("sequences", split)] = _sequences(split)
    return tables


def name_of(kind: str, split: SplitEvidence) -> str:
    """Return the name of a table or figure of one split, fit for a file's name: ``errors-train``."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", split.name)
    return f"{kind}-{plain}" if plain else kind


def _datasets(evidence: SubsetEvidence) -> Table:
    splits = list(
        dict.fromkeys(split for dataset in evidence.datasets for split in (*dataset.images, *dataset.unlabelled))
    )
    columns = [
        Column("dataset"),
        Column("height", 0, "mean size"),
        Column("width", 0, "mean size"),
        Column("annotated pixels, 10^6", 2),
        *(Column(split or "labelled", 0, "images") for split in splits),
        Column("unlabelled", 0, "images"),
        Column("sequences"),
        Column("disk, MB", 1),
        Column("labels"),
        Column("level"),
    ]
    rows: list[tuple[Cell, ...]] = [
        (
            dataset.name,
            round(dataset.height),
            round(dataset.width),
            dataset.annotated / 1e6,
            *(dataset.images.get(split, 0) for split in splits),
            sum(dataset.unlabelled.values()),
            dataset.sequences,
            None if dataset.bytes is None else dataset.bytes / 1e6,
            dataset.labels,
            dataset.level,
        )
        for dataset in evidence.datasets
    ]
    return Table(tuple(columns), tuple(rows))


def _shares(evidence: SubsetEvidence) -> Table:
    names = _label_names(evidence)
    columns = (Column("label"), *(Column(dataset.name, 3, "share %") for dataset in evidence.datasets))
    rows = (
        (names[i], *(None if d.shares[i] is None else 100 * (d.shares[i] or 0.0) for d in evidence.datasets))
        for i in order_labels(evidence)
    )
    return Table(columns, tuple(rows))


def _pixels(evidence: SubsetEvidence) -> Table:
    names = _label_names(evidence)
    columns = (Column("label"), *(Column(dataset.name, 0, "pixels") for dataset in evidence.datasets))
    rows = ((names[i], *(d.pixels[i] for d in evidence.datasets)) for i in order_labels(evidence))
    return Table(columns, tuple(rows))


def _errors(evidence: SubsetEvidence, split: SplitEvidence) -> Table:
    columns = (
        Column("label"),
        Column("source", 3, "share %"),
        Column("subset", 3, "share %"),
        Column("subset", 2, "share error %"),
        Column(_INTERVAL, 2, "share error %"),
        Column("source", 0, "frames"),
        Column("subset", 0, "frames"),
        Column("source", 2, "presence %"),
        Column("subset", 2, "presence %"),
        Column("subset", 2, "presence error, points"),
        Column(_INTERVAL, 2, "presence error, points"),
    )

    def row(label: LabelEvidence) -> tuple[Cell, ...]:
        return (
            label.name,
            100 * label.resized.share,
            100 * label.subset.share,
            _hundred(label.share_error),
            _hundred(label.share_noise, SPREAD),
            label.resized.frames,
            label.subset.frames,
            100 * label.resized.presence,
            100 * label.subset.presence,
            100 * label.presence_error,
            100 * SPREAD * label.presence_noise,
        )

    labels = split.level(evidence.level).labels
    return Table(columns, tuple(row(labels[i]) for i in order_labels(evidence)))


def _presence(evidence: SubsetEvidence, split: SplitEvidence) -> Table:
    columns = (
        Column("label"),
        Column("source", 0, "frames"),
        Column("subset", 0, "frames"),
        Column("source", 2, "presence %"),
        Column("subset", 2, "presence %"),
        Column("subset", 2, "presence error, points"),
        Column(_INTERVAL, 2, "presence error, points"),
    )
    labels = split.level(evidence.presence_level).labels
    rows = tuple(
        (
            label.name,
            label.resized.frames,
            label.subset.frames,
            100 * label.resized.presence,
            100 * label.subset.presence,
            100 * label.presence_error,
            100 * SPREAD * label.presence_noise,
        )
        for label in (labels[i] for i in order_labels(evidence, evidence.presence_level))
    )
    return Table(columns, rows)


def _random(evidence: SubsetEvidence) -> Table:
    columns = (
        *((Column("split"),) if _has_names(evidence) else ()),
        Column("level"),
        Column("error"),
        Column("label"),
        Column("unit"),
        Column("subset", 3, significant=True),
        *(Column(name, 3, "random subsets", significant=True) for name in _RANDOM_COLUMNS),
        Column("better than"),
        Column("of"),
    )
    rows: list[tuple[Cell, ...]] = []
    for split in evidence.splits:
        for measure in split.measures:
            first: tuple[Cell, ...] = (split.name,) if _has_names(evidence) else ()
            names = (measure.level, measure.title, measure.label, measure.unit)
            cells = (*names, measure.value, *_range(measure))
            rows.append((*first, *cells, measure.beaten, len(measure.random)))
    return Table(columns, tuple(rows))


def _range(measure: Measure) -> tuple[Cell, ...]:
    if not measure.random:
        return (None,) * len(_RANDOM_COLUMNS)
    return measure.random[0], measure.median, measure.random[-1]


def _levels(evidence: SubsetEvidence) -> Table:
    columns = (
        *((Column("split"),) if _has_names(evidence) else ()),
        Column("level"),
        Column("all", 0, "labels"),
        Column("source", 0, "labels"),
        Column("subset", 0, "labels"),
        Column("by choosing", 3, "JS divergence, bits", significant=True),
        Column("by resizing", 3, "JS divergence, bits", significant=True),
        Column("%", 2, "worst share error"),
        Column("label", 0, "worst share error"),
        Column("points", 2, "worst presence error"),
        Column("label", 0, "worst presence error"),
    )
    rows: list[tuple[Cell, ...]] = []
    for split in evidence.splits:
        for level in split.levels:
            first: tuple[Cell, ...] = (split.name,) if _has_names(evidence) else ()
            share, presence = level.worst_share, level.worst_presence
            rows.append(
                (
                    *first,
                    level.level,
                    len(level.labels),
                    sum(label.source.frames > 0 for label in level.labels),
                    sum(label.subset.frames > 0 for label in level.labels),
                    level.js,
                    level.js_resize,
                    None if share is None else _hundred(share.share_error),
                    None if share is None else share.name,
                    None if presence is None else 100 * presence.presence_error,
                    None if presence is None else presence.name,
                )
            )
    return Table(columns, tuple(rows))


def _lost(evidence: SubsetEvidence) -> Table:
    columns = (
        *((Column("split"),) if _has_names(evidence) else ()),
        Column("level"),
        Column("label"),
        Column("frames", 0, "in the source"),
        Column("pixels", 0, "in the source"),
        Column("frames", 0, "resized"),
    )
    rows: list[tuple[Cell, ...]] = []
    for split in evidence.splits:
        first: tuple[Cell, ...] = (split.name,) if _has_names(evidence) else ()
        for level in split.levels:
            for label in level.labels:
                if label.lost:
                    counts = (label.source.frames, label.source.pixels, label.resized.frames)
                    rows.append((*first, level.level, label.name, *counts))
    return Table(columns, tuple(rows))


def _drift(evidence: SubsetEvidence) -> Table:
    columns = (
        *((Column("split"),) if _has_names(evidence) else ()),
        Column("label"),
        Column("source", 3, "share %"),
        Column("resized", 3, "share %"),
        Column("chosen", 3, "share %"),
        Column("by resizing", 2, "change %"),
        Column("by choosing", 2, "change %"),
    )
    rows: list[tuple[Cell, ...]] = []
    for split in evidence.splits:
        labels = split.level(evidence.level).labels
        for label in (labels[i] for i in order_labels(evidence)):
            first: tuple[Cell, ...] = (split.name,) if _has_names(evidence) else ()
            shares = [100 * counts.share for counts in (label.source, label.resized, label.subset)]
            rows.append((*first, label.name, *shares, _hundred(label.resize_drift), _hundred(label.share_error)))
    return Table(columns, tuple(rows))


def _pairs(evidence: SubsetEvidence, split: SplitEvidence) -> Table:
    columns = (
        Column("label"),
        Column("and label"),
        Column("source", 2, "frames with both, %"),
        Column("subset", 2, "frames with both, %"),
        Column("difference, points", 2),
    )
    names = [label.name for label in split.level(evidence.presence_level).labels]
    rows: list[tuple[str, str, float, float, float]] = []
    for i, j in combinations(order_labels(evidence, evidence.presence_level), 2):
        source, chosen = 100 * split.pairs[i][j], 100 * split.pairs_chosen[i][j]
        if source or chosen:
            rows.append((names[i], names[j], source, chosen, chosen - source))
    rows.sort(key=lambda row: -abs(row[-1]))
    return Table(columns, tuple(rows))


def _layout(evidence: SubsetEvidence, split: SplitEvidence) -> Table:
    names = _label_names(evidence)
    cells = len(split.layout[0]) if split.layout else 0
    side = round(cells**0.5)
    headings = (Column(f"column {k % side + 1}", 2, f"row {k // side + 1}") for k in range(cells))
    rows: list[tuple[Cell, ...]] = []
    for i in order_labels(evidence):
        for what, layout in (("source", split.layout), ("subset", split.layout_chosen)):
            if any(split.layout[i]) or any(split.layout_chosen[i]):
                rows.append((names[i], what, *(100 * share for share in layout[i])))
    return Table((Column("label"), Column("frames of"), *headings), tuple(rows))


def _sequences(split: SplitEvidence) -> Table:
    columns = (Column("sequence"), Column("frames"), Column("in proportion", 2), Column("chosen"))
    rows = (
        (sequence.name, sequence.frames, sequence.frames * split.chosen / split.frames, sequence.chosen)
        for sequence in split.sequences
    )
    return Table(columns, tuple(rows))


def _label_names(evidence: SubsetEvidence) -> list[str]:
    return [label.name for label in evidence.splits[0].level(evidence.level).labels]


def _has_names(evidence: SubsetEvidence) -> bool:
    return any(split.name for split in evidence.splits)


def _hundred(value: float | None, times: float = 1) -> float | None:
    return None if value is None else 100 * times * value
