"""What was planted and what reviewers caught of it, as tables."""

from __future__ import annotations

from collections.abc import Sequence

from iddkit.qc.progress.plants import Planted
from iddkit.qc.progress.sensitivity import Seen, Sensitivity
from iddkit.reporting.tables import Cell, Column, Table


def plant_table(found: Sequence[Planted]) -> Table:
    """Return a row for each planted copy: where, for whom, what is wrong with it, and what became of it."""
    columns = tuple(map(Column, ("plant", "frame", "stage", "for", "what", "state", "judged by", "located")))
    rows = tuple(
        (
            *(one.id, one.frame, one.stage, one.reviewer or "anyone", describe_plant(one), one.state, one.judge or "-"),
            "yes" if one.located else "no" if one.state == "caught" else "-",
        )
        for one in found
    )
    return Table(columns, rows, "planted errors")


def sensitivity_table(seen: Sensitivity) -> Table:
    """Return what was caught at each stage, by all and by each reviewer, in percent with its interval."""
    columns = tuple(map(Column, ("stage", "reviewer", "judged", "caught", "located")))
    columns += (Column("caught %", 1), Column("from", 1), Column("to", 1))
    rows: list[tuple[Cell, ...]] = []
    for stage, of_stage in seen.stages.items():
        rows.append((stage, "all", *_numbers(of_stage, says=True)))
        rows += [
            (stage, name, *_numbers(one, says=one.share.says))
            for (at, name), one in seen.reviewers.items()
            if at == stage
        ]
    return Table(columns, tuple(rows), "what was caught, at 95 % confidence")


def _numbers(seen: Seen, *, says: bool) -> tuple[int | float | str | None, ...]:
    share = seen.share
    counts = (share.of, share.count, seen.located)
    if not says:
        return (*counts, "too few to say", None, None)
    return (*counts, *(None if value is None else 100 * value for value in (share.value, share.low, share.high)))


def describe_plant(one: Planted) -> str:
    """Return in words what is wrong with a copy."""
    which = "" if one.shape is None else f", polygon {one.shape}"
    label = f", {one.label}" if one.label else ""
    where = "" if one.region is None else ", at {},{} of {} x {}".format(*one.region)
    return f"{one.reason}{which}{label}{where}"
