"""Tables of an evaluation: its classes, its levels, its frames, its matrix."""

from __future__ import annotations

from iddkit.metrics import Confusion, Evaluation
from iddkit.reporting.tables import Cell, Column, Table
from iddkit.statistics import classes


def class_table(found: Evaluation) -> Table:
    """Return a row a class: IoU, accuracy (the share of its pixels that were predicted as it), precision, pixels."""
    confusion = found.confusion
    columns = (
        Column("number"),
        Column("label"),
        Column("IoU %", 2),
        Column("accuracy %", 2),
        Column("precision %", 2),
        Column("true pixels"),
        Column("predicted pixels"),
    )
    numbers = [category.number for category in classes(found.label_map, found.level)]
    shares = (100 * confusion.iou(), 100 * confusion.recall(), 100 * confusion.precision())
    pixels = (confusion.counts.sum(axis=1), confusion.counts[:, :-1].sum(axis=0))
    cells = (numbers, confusion.classes, *(values.tolist() for values in (*shares, *pixels)))
    return Table(columns, tuple(zip(*cells, strict=True)), _title(found))


def _title(found: Evaluation) -> str:
    split = f", split {found.split}" if found.split else ""
    size = ""
    if found.resolution is not None:
        width, height = found.resolution
        size = f", at {height} x {width} (height x width)"
    return f"{found.level}{split}{size}: {len(found.frames)} of {found.wanted} frames scored"


def level_table(found: Evaluation) -> Table:
    """Return a row a level, that of the predictions first: means over its classes, and the share of right pixels."""
    columns = (
        Column("level"),
        Column("classes"),
        Column("mIoU %", 2),
        Column("pixel accuracy %", 2),
        Column("mean accuracy %", 2),
    )
    rows = tuple(
        (level, len(one.classes), 100 * one.mean_iou, 100 * one.pixel_accuracy, 100 * one.mean_accuracy)
        for level, one in found.levels.items()
    )
    return Table(columns, rows, "means")


def frame_table(found: Evaluation) -> Table:
    """Return a row a scored frame, the worst mean IoU first, with its IoU of each class."""
    columns = (
        Column("frame"),
        Column("mIoU %", 2),
        Column("pixel accuracy %", 2),
        Column("pixels"),
        *(Column(name, 2, "IoU %") for name in found.confusion.classes),
        Column("predicted"),
    )
    rows: list[tuple[Cell, ...]] = []
    for one in found.frames:
        shares = [100 * share for share in (one.mean_iou, one.pixel_accuracy)]
        rows.append((one.key, *shares, one.pixels, *(100 * iou for iou in one.iou), one.predicted.as_posix()))
    return Table(columns, tuple(rows), "frames")


def confusion_table(confusion: Confusion) -> Table:
    """Return the matrix: a row a true class, a column a predicted one, the last for pixels predicted as none."""
    columns = (Column("true"), *(Column(name, 0, "predicted") for name in (*confusion.classes, "no class")))
    rows = tuple((name, *row) for name, row in zip(confusion.classes, confusion.counts.tolist(), strict=True))
    return Table(columns, rows, "pixels")
