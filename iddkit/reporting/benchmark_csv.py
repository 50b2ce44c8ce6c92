"""Tables of a benchmark report for scripts: a row for each fact, scores as parts of 1, times in the unit named."""

from __future__ import annotations

from collections.abc import Sequence

from iddkit.reporting.benchmark_entries import Entry, layer_shares, pair_entries
from iddkit.reporting.tables import Cell, Column, Table
from iddkit.runs.published import (
    CHALLENGES_SOURCE,
    PUBLISHED,
    SCORES_SOURCE,
    SECONDS_MACHINE,
    SECONDS_SOURCE,
)


def make_csv_tables(entries: Sequence[Entry]) -> dict[str, Table]:
    """Return name to table; those of several runs hold them under each other, ``run`` says of which a row is."""
    tables = {
        "scores": _scores(entries),
        "classes": _classes(entries),
        "confusion": _confusion(entries),
        "log": _log(entries),
        "layers": _layers(entries),
        "frames": _frames(entries),
        "published": _published(),
    }
    if len(entries) > 1:
        tables["pairs"] = _pairs(entries)
    return tables


def _table(headings: str, rows: Sequence[tuple[Cell, ...]]) -> Table:
    return Table(tuple(Column(heading.strip()) for heading in headings.split(",")), tuple(rows))


def _scores(entries: Sequence[Entry]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for entry in entries:
        run, speed, leakage, last = entry.run, entry.run.speed, entry.run.leakage, entry.run.epochs[-1:]
        scores = entry.confusion.mean_iou, entry.confusion.pixel_accuracy, entry.confusion.mean_accuracy
        target = entry.published_score
        rows.append(
            (
                *(entry.name, run.model, run.dataset, run.label_map, run.level, len(run.labels), *run.size),
                *(*scores, target, None if target is None else scores[0] - target),
                *(run.parameters, run.gmacs, run.peak_bytes, run.seconds, last[0].images if last else 0),
                *(last[0].number if last else 0, run.best_epoch, run.finished),
                *(entry.validated[-1].mean_iou if entry.validated else None, run.train.frames, run.val.frames),
                *(run.seed, run.device, run.devices, run.precision, run.conversion),
                *(
                    (None,) * 9
                    if speed is None
                    else (
                        *(speed.device, speed.threads, speed.precision, *speed.size),
                        *(speed.milliseconds, speed.fastest, speed.slowest, speed.peak_bytes),
                    )
                ),
                *(
                    (None,) * 4
                    if leakage is None
                    else (len(leakage.sequences), leakage.frames, len(leakage.duplicates), leakage.identical)
                ),
            )
        )
    return _table(
        "run, model, dataset, label map, level, classes, width, height, mean IoU, pixel accuracy, mean accuracy, "
        "published mean IoU, mean IoU less published, parameters, GMACs, training peak bytes, training seconds, "
        "training images seen, epochs, best epoch, ended, mean IoU of last validation, train frames, val frames, seed, "
        "device, devices, precision, conversion difference, latency device, latency threads, latency precision, "
        "latency width, latency height, latency ms, latency ms p10, latency ms p90, inference peak bytes, "
        "sequences in both splits, val frames of these, val frames with a near-duplicate, val frames identical",
        rows,
    )


def _classes(entries: Sequence[Entry]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for entry in entries:
        its, run = entry.confusion, entry.run
        true, predicted = its.counts.sum(axis=1), its.counts[:, : len(run.labels)].sum(axis=0)
        of_splits = run.train.pixels, run.val.pixels
        scores = zip(its.iou().tolist(), its.recall().tolist(), its.precision().tolist(), strict=True)
        for i, (label, three) in enumerate(zip(run.labels, scores, strict=True)):
            counts = int(true[i]), int(predicted[i]), *(pixels[i] if pixels else None for pixels in of_splits)
            share, prior = int(true[i]) / max(1, int(true.sum())), run.prior[i] if run.prior else None
            rows.append((entry.name, label, *three, share, prior, *counts))
    return _table(
        "run, class, IoU, recall, precision, share of scored pixels, IoU of a picture that never changes, "
        "scored pixels, predicted pixels, train pixels, val pixels",
        rows,
    )


def _confusion(entries: Sequence[Entry]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for entry in entries:
        for label, counts in zip(entry.run.labels, entry.confusion.counts.tolist(), strict=True):
            for other, pixels in zip((*entry.run.labels, "no class"), counts, strict=True):
                rows.append((entry.name, label, other, pixels, pixels / sum(counts) if any(counts) else None))
    return _table("run, true class, predicted class, pixels, share of true class", rows)


def _log(entries: Sequence[Entry]) -> Table:
    rows = [
        (
            *(entry.name, one.number, one.phase, one.images, one.seconds, one.learning_rate, one.alpha, one.loss),
            *(one.mean_iou, one.pixel_accuracy),
        )
        for entry in entries
        for one in entry.run.epochs
    ]
    return _table("run, epoch, phase, images seen, seconds, learning rate, alpha, loss, mean IoU, pixel accuracy", rows)


def _layers(entries: Sequence[Entry]) -> Table:
    rows = [
        (
            *(entry.name, place, one.name, one.kind, *one.shape, one.milliseconds, share),
            *(one.parameters, one.macs),
        )
        for entry in entries
        for place, (one, share) in enumerate(
            zip(entry.run.speed.layers if entry.run.speed else (), layer_shares(entry).tolist(), strict=True), start=1
        )
    ]
    return _table(
        "run, place, layer, kind, channels, height, width, milliseconds, share of time, parameters, multiply-adds", rows
    )


def _frames(entries: Sequence[Entry]) -> Table:
    rows = [(entry.name, one.key, one.mean_iou, one.pixel_accuracy) for entry in entries for one in entry.run.frames]
    return _table("run, frame, mean IoU, pixel accuracy", rows)


def _published() -> Table:
    rows: list[tuple[Cell, ...]] = []
    for one in PUBLISHED:
        rows += [
            (one.dataset, "val", model, "mean IoU", score, *one.size, SCORES_SOURCE)
            for model, score in one.mean_ious.items()
        ]
        rows += [
            (one.dataset, "test", f"{event.name}, place {place}", "mean IoU", score, *one.size, CHALLENGES_SOURCE)
            for event in one.challenges
            for place, score in enumerate(event.mean_ious, start=1)
        ]
        rows += [
            (one.dataset, "", model, f"seconds per image, {SECONDS_MACHINE}", seconds, *one.size, SECONDS_SOURCE)
            for model, seconds in one.seconds.items()
        ]
    return _table("dataset, split, network, measure, value, width, height, source", rows)


def _pairs(entries: Sequence[Entry]) -> Table:
    rows = [
        (one.first, one.second, one.frames, one.sequences, one.difference, *_ends(one.difference, one.margin))
        for one in pair_entries(entries)
    ]
    return _table("run, other run, frames, sequences, mean difference, low, high", rows)


def _ends(middle: float, margin: float | None) -> tuple[float | None, float | None]:
    return (None, None) if margin is None else (middle - margin, middle + margin)
