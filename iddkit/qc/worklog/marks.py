"""By what a row of a log is known again, in whatever file it comes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from iddkit.qc.events import Kind
from iddkit.qc.store.database import Store
from iddkit.qc.store.tables import events
from iddkit.qc.worklog.rows import Row

#: What is said of a hand-in that was kept only.
KEPT = "kept, but it does not count: "


@dataclass(frozen=True, slots=True)
class Found:
    """What an earlier import made of a row.

    Attributes
    ----------
    text
        Why it does not count, "" if it does.
    is_refusal
        Whether nothing came of it.
    """

    text: str = ""
    is_refusal: bool = False


def mark_rows(rows: Sequence[Row]) -> dict[int, str]:
    """Return the mark of each row by its number: what it says, and how many rows up to it in the file say the same."""
    equal: Counter[str] = Counter()
    marks = {}
    for row in sorted(rows, key=lambda row: row.number):
        content = row.content
        equal[content] += 1
        marks[row.number] = f"{content}:{equal[content]}"
    return marks


def make_stamp(digest: str, number: int, mark: str) -> dict[str, str]:
    """Return what the events of a row say of where they come from: the file's SHA-256, the row's number, its mark."""
    return {"import": f"{digest}:{number}:{mark}"}


def read_imported(store: Store, marks: Mapping[int, str]) -> dict[int, Found]:
    """Return by number what imports before, of any file, made of those rows that they had."""
    numbers = {mark: number for number, mark in marks.items()}
    query = select(events.c.kind, events.c.reason, events.c.data).where(events.c.data.like('%"import":"%'))
    found: dict[int, Found] = {}
    with store.reading() as connection:
        for kind, reason, text in connection.execute(query.order_by(events.c.seq)):
            data = json.loads(text)
            number = numbers.get(str(data.get("import", "")).partition(":")[2].partition(":")[2])
            if number is None:
                continue
            if kind == Kind.REFUSED:
                found[number] = Found(reason, is_refusal=True)
            elif kind == Kind.CONFLICT:
                found[number] = Found(f"{KEPT}{data['problem']}")
            elif number not in found or found[number].is_refusal:  # it was tried again
                found[number] = Found()
    return found
