"""Tables of what runs were made with: their splits, what of them training saw twice, settings and versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from iddkit.reporting.benchmark_entries import Entry
from iddkit.reporting.tables import Cell, Column, Table
from iddkit.runs.finding import resolution_text


def split_table(entries: Sequence[Entry]) -> Table:
    """Return a row a dataset: its splits, and what of the validation split was seen in training."""
    columns = (
        Column("dataset"),
        Column("frames", 0, "train"),
        Column("sequences", 0, "train"),
        Column("frames", 0, "val"),
        Column("sequences", 0, "val"),
        Column("sequences in both", 0, "of val also in train"),
        Column("their val frames", 0, "of val also in train"),
        Column("near-duplicates", 0, "of val also in train"),
        Column("same file", 0, "of val also in train"),
    )
    rows: dict[tuple[Cell, ...], None] = {}
    for entry in entries:
        run, leakage = entry.run, entry.run.leakage
        sizes = run.train.frames, run.train.sequences, run.val.frames, run.val.sequences
        seen: tuple[Cell, ...] = (None,) * 4
        if leakage is not None:
            seen = (len(leakage.sequences), leakage.frames, len(leakage.duplicates), leakage.identical)
        rows[(run.dataset, *sizes, *seen)] = None
    return Table(columns, tuple(rows), "splits")


def duplicate_table(entry: Entry) -> Table:
    """Return a row a validation frame with a near-duplicate in training."""
    columns = (Column("val frame"), Column("train frame"), Column("distance", 2))
    found = entry.run.leakage.duplicates if entry.run.leakage is not None else ()
    return Table(columns, tuple((one.val, one.train, one.distance) for one in found), "near-duplicates")


def recipe_table(entries: Sequence[Entry]) -> Table:
    """Return a row a setting of the training, with a column a run."""
    flat = [_flatten(entry.run.recipe) for entry in entries]
    keys = dict.fromkeys(key for one in flat for key in one)
    columns = (Column("setting"), *(Column(entry.name) for entry in entries))
    return Table(columns, tuple((key, *(one.get(key, "-") for one in flat)) for key in keys), "recipe")


def version_table(entries: Sequence[Entry]) -> Table:
    """Return a row for each thing that has a version, with a column a run."""
    keys = dict.fromkeys(key for entry in entries for key in entry.run.versions)
    columns = (Column("of"), *(Column(entry.name) for entry in entries))
    rows = tuple((key, *(str(entry.run.versions.get(key, "-")) for entry in entries)) for key in keys)
    return Table(columns, rows, "versions")


def _flatten(settings: Mapping[str, Any], before: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            found |= _flatten(value, f"{before}{key}.")
        elif key == "size" and isinstance(value, list | tuple) and len(value) == 2:
            found[before + key] = f"{resolution_text((value[0], value[1]))} (height x width)"
        elif isinstance(value, list | tuple):
            found[before + key] = ", ".join(map(str, value)) or "-"
        elif isinstance(value, bool):
            found[before + key] = "yes" if value else "no"
        else:
            found[before + key] = "-" if value is None else str(value)
    return found
