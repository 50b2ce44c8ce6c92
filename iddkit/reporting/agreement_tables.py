"""Tables of an agreement: its measures, levels, classes, frames and matrices."""

from __future__ import annotations

from iddkit.agreement import Agreement, LevelAgreement
from iddkit.agreement.summarize import score
from iddkit.reporting.tables import Cell, Column, Table


def measure_table(found: Agreement, *levels: LevelAgreement) -> Table:
    """Return a row a measure of some levels, with its interval; kappa is given in hundredths as well."""
    shown = levels or found.levels
    columns = (
        *((Column("level"),) if len(shown) > 1 else ()),
        Column("measure"),
        Column("%", 2),
        Column("from", 2, interval_of(found)),
        Column("to", 2, interval_of(found)),
    )
    rows = tuple(
        (*((one.level,) if len(shown) > 1 else ()), its.name, 100 * its.value, 100 * its.low, 100 * its.high)
        for one in shown
        for its in one.measures.values()
    )
    title = f"{', '.join(one.level for one in shown)}: {len(found.frames)} of {found.wanted} frames compared"
    return Table(columns, rows, title)


def interval_of(found: Agreement) -> str:
    """Return what the intervals are called: ``95 % interval``."""
    return f"{100 * found.confidence:g} % interval"


def level_table(found: Agreement) -> Table:
    """Return a row a level, the finest first, with all its measures."""
    columns = (Column("level"), Column("classes"), *_columns(found))
    rows: list[tuple[Cell, ...]] = [
        (one.level, len(one.classes), *(100 * its.value for its in one.measures.values())) for one in found.levels
    ]
    return Table(columns, tuple(rows), "levels")


def class_table(found: Agreement, one: LevelAgreement) -> Table:
    """Return a row a class: IoU with its interval, kappa, boundary IoU and boundary F1, and its pixels in A and B."""
    columns = (
        Column("number"),
        Column("class"),
        Column("IoU %", 2),
        Column("from", 2, interval_of(found)),
        Column("to", 2, interval_of(found)),
        Column("kappa %", 2),
        Column("boundary IoU %", 2),
        *(Column(f"{tolerance} px", 2, "boundary F1 %") for tolerance in found.how.tolerances),
        Column("A", 0, "pixels"),
        Column("B", 0, "pixels"),
    )
    tally = one.tally
    shares = (tally.iou(), *one.iou_interval, tally.class_kappa(), tally.boundary_iou(), *tally.boundary_f1())
    pixels = (tally.counts.sum(axis=1)[:-1], tally.counts.sum(axis=0)[:-1])
    cells = (
        [category.number for category in one.classes],
        [category.name for category in one.classes],
        *((100 * values).tolist() for values in shares),
        *(values.tolist() for values in pixels),
    )
    return Table(columns, tuple(zip(*cells, strict=True)), f"classes of {one.level}")


def frame_table(found: Agreement, most: int | None = None, *, files: bool = False) -> Table:
    """Return a row a frame, that with the largest share of differing pixels first; at most so many.

    With `files`, the last columns say how many pixels it has, and where its labels come from.
    """
    columns = (
        Column("frame"),
        Column("differing %", 2),
        *_columns(found),
        *((Column("pixels"), Column("A"), Column("B")) if files else ()),
    )
    rows: list[tuple[Cell, ...]] = []
    for one in found.frames[:most]:
        cells: list[Cell] = [one.key, 100 * one.differing / max(1, one.pixels)]
        cells += (100 * score(one.tallies[0])[: len(found.finest.measures)]).tolist()
        if files:
            cells += [one.pixels, found.how.a.file(one.pair.a).as_posix(), found.how.b.file(one.pair.b).as_posix()]
        rows.append(tuple(cells))
    return Table(columns, tuple(rows), f"frames at {found.finest.level}, the largest difference first")


def confusion_table(one: LevelAgreement) -> Table:
    """Return the matrix of a level: a row a class of A, a column a class of B, void last."""
    names = (*(category.name for category in one.classes), "void")
    columns = (Column("A"), *(Column(name, 0, "B") for name in names))
    rows = tuple((name, *row) for name, row in zip(names, one.tally.counts.tolist(), strict=True))
    return Table(columns, rows, f"pixels at {one.level}")


def problem_table(found: Agreement) -> Table:
    """Return a row a problem."""
    columns = (Column("kind"), Column("frame"), Column("file"), Column("problem"))
    rows = tuple((one.kind, one.key or "-", str(one.path), one.problem) for one in found.problems)
    return Table(columns, rows, "frames that could not be compared")


def make_tables(found: Agreement) -> dict[str, Table]:
    """Return all tables by the names of their CSV files."""
    tables = {
        "measures": measure_table(found),
        "frames": frame_table(found, files=True),
        "problems": problem_table(found),
    }
    for one in found.levels:
        tables[f"classes_{one.level}"] = class_table(found, one)
        tables[f"confusion_{one.level}"] = confusion_table(one)
    return tables


def _columns(found: Agreement) -> tuple[Column, ...]:
    return (
        Column("with void", 2, "agreement %"),
        Column("without", 2, "agreement %"),
        Column("with void", 2, "kappa %"),
        Column("without", 2, "kappa %"),
        Column("mIoU %", 2),
        Column("boundary IoU %", 2),
        *(Column(f"{tolerance} px", 2, "boundary F1 %") for tolerance in found.how.tolerances),
    )
