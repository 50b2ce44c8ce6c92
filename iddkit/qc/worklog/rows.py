"""Rows of a log of past activity, as people keep it in a spreadsheet."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from iddkit.errors import FrameError, printable
from iddkit.files import sha256
from iddkit.frames.table import read_rows
from iddkit.qc.events import ANNOTATION, QC, to_microseconds
from iddkit.qc.stages import Action, Stage

COLUMNS: Final = ("frame", "person", "action", "time", "minutes", "batch", "verdict", "reason", "shapes")
_NEEDED: Final = ("person", "action", "time")


class Doing(StrEnum):
    """What a row says was done."""

    ADD = "add"
    SUBMIT = "submit"
    REVIEW = "review"
    FREEZE = "freeze"
    SAMPLE = "sample"
    CONCLUDE = "conclude"
    HOURS = "hours"


#: How people write it, in small letters and without punctuation, and what it is: of a review or of hours, also which.
_ACTIONS: Final[dict[str, tuple[Doing, str]]] = {
    "raw": (Doing.ADD, ""),
    "add": (Doing.ADD, ""),
    "added": (Doing.ADD, ""),
    "raw add": (Doing.ADD, ""),
    "annotate": (Doing.SUBMIT, ""),
    "annotated": (Doing.SUBMIT, ""),
    "submit": (Doing.SUBMIT, ""),
    "submitted": (Doing.SUBMIT, ""),
    "hand in": (Doing.SUBMIT, ""),
    "handed in": (Doing.SUBMIT, ""),
    "repair": (Doing.SUBMIT, ""),
    "repaired": (Doing.SUBMIT, ""),
    "qc1": (Doing.REVIEW, Stage.QC1),
    "qc2": (Doing.REVIEW, Stage.QC2),
    "qc3": (Doing.REVIEW, Stage.QC3),
    "qc4": (Doing.REVIEW, Stage.QC4),
    "freeze": (Doing.FREEZE, ""),
    "frozen": (Doing.FREEZE, ""),
    "sample": (Doing.SAMPLE, ""),
    "sampled": (Doing.SAMPLE, ""),
    "conclude": (Doing.CONCLUDE, ""),
    "concluded": (Doing.CONCLUDE, ""),
    "hours annotation": (Doing.HOURS, ANNOTATION),
    "annotation hours": (Doing.HOURS, ANNOTATION),
    "hours qc": (Doing.HOURS, QC),
    "qc hours": (Doing.HOURS, QC),
}

#: What is said of a review, or of a batch that is concluded; in a column of its own, or after the action.
_VERDICTS: Final[dict[str, Action]] = {
    "pass": Action.PASS,
    "passed": Action.PASS,
    "ok": Action.PASS,
    "accept": Action.PASS,
    "accepted": Action.PASS,
    "fail": Action.FAIL,
    "failed": Action.FAIL,
    "reject": Action.FAIL,
    "rejected": Action.FAIL,
    "return": Action.FAIL,
    "returned": Action.FAIL,
}

#: Rows that are about one frame, and those that are about a batch.
_OF_FRAME: Final = (Doing.ADD, Doing.SUBMIT, Doing.REVIEW)
_OF_BATCH: Final = (Doing.FREEZE, Doing.SAMPLE, Doing.CONCLUDE)

# What a column of the database holds; 68 years.
_MOST_SECONDS: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Row:
    """One row that can be read.

    Attributes
    ----------
    number
        As a spreadsheet counts: the header is row 1.
    at
        When it was done, in microseconds since 1970-01-01 UTC.
    doing
        What was done.
    stage
        Of a review: ``qc1`` to ``qc4``. Of hours: ``annotation`` or ``qc``.
    verdict
        Of a review, and of a batch that was concluded where the row says it; or None.
    frame, batch, person
        As they are called; "" where the row does not say it.
    seconds
        Time spent.
    reason
        Why it failed: marks as the queue takes them, separated by semicolons, or any words.
    shapes
        Polygons that were handed in.
    """

    number: int
    at: int
    doing: Doing
    stage: str = ""
    verdict: Action | None = None
    frame: str = ""
    batch: str = ""
    person: str = ""
    seconds: int = 0
    reason: str = ""
    shapes: int = 0

    @property
    def content(self) -> str:
        """The SHA-256 of what the row says, however and wherever it is written: not of its number, nor of its file."""
        named = [self.frame.strip("/"), self.batch, self.person.casefold()]
        said = [self.at, self.doing, self.stage, self.verdict or "", *named, self.seconds, self.reason, self.shapes]
        return sha256(json.dumps(said).encode())


def read_log(path: Path, zone: ZoneInfo, latest: int) -> tuple[list[Row], list[FrameError]]:
    """Return the rows of a log in the order of time, and one error for each row that cannot be read.

    Parameters
    ----------
    path
        Of the CSV file.
    zone
        Of times that name none. A date alone is noon of the day.
    latest
        Now, in microseconds since 1970-01-01 UTC: what is said to be done later is an error.

    Raises
    ------
    FrameError
        The file cannot be read, or has not the columns.
    """
    rows, problems = [], []
    for number, cells in read_rows(path, _problem_of_columns):
        try:
            rows.append(_read_row(number, cells, zone, latest))
        except ValueError as error:
            problems.append(FrameError(str(error), path=path, where=f"row {number}"))
    return sorted(rows, key=lambda row: (row.at, row.number)), problems


def _problem_of_columns(header: Sequence[str]) -> str:
    known = [cell for cell in header if cell in COLUMNS]
    missing = [column for column in _NEEDED if column not in known]
    if missing:
        return f"no log: the column {missing[0]} is missing; the columns are {', '.join(COLUMNS)}"
    return "a column stands twice" if len(set(known)) < len(known) else ""


def _read_row(number: int, cells: Mapping[str, str], zone: ZoneInfo, latest: int) -> Row:
    text = {column: cells.get(column, "").strip() for column in COLUMNS}
    for column in ("frame", "batch", "person"):
        if not text[column].isprintable():
            raise ValueError(f"the {column} is {printable(text[column], 60)!r}, which cannot be printed")
    doing, stage, verdict = _read_action(text["action"], text["verdict"])
    if doing in _OF_FRAME and not text["frame"]:
        raise ValueError(f"{text['action']!r} is about a frame, and the row names none")
    if doing in _OF_BATCH and not text["batch"]:
        raise ValueError(f"{text['action']!r} is about a batch, and the row names none")
    if doing is not Doing.ADD and not text["person"]:
        raise ValueError("nobody is named")
    at = _read_time(text["time"], zone)
    if at > latest:
        raise ValueError(f"the time {text['time']!r} has not come yet")
    shapes = int(text["shapes"]) if re.fullmatch("[0-9]{1,9}", text["shapes"]) else 0
    if text["shapes"] and not re.fullmatch("[0-9]{1,9}", text["shapes"]):
        raise ValueError(f"shapes is {printable(text['shapes'], 40)!r}, not a whole number")
    named = (text["frame"], text["batch"], text["person"])
    return Row(number, at, doing, stage, verdict, *named, _read_minutes(text["minutes"]), text["reason"], shapes)


def _read_action(action: str, verdict: str) -> tuple[Doing, str, Action | None]:
    words = _plain(action)
    said = None
    if words not in _ACTIONS:
        before, _, last = words.rpartition(" ")
        if before in _ACTIONS and last in _VERDICTS:
            words, said = before, _VERDICTS[last]
        else:
            known = ", ".join(dict.fromkeys(_ACTIONS))
            raise ValueError(f"no action {printable(action, 40)!r}; there are {known}")
    doing, stage = _ACTIONS[words]
    if verdict:
        if _plain(verdict) not in _VERDICTS:
            raise ValueError(f"no verdict {printable(verdict, 40)!r}; there are {', '.join(_VERDICTS)}")
        if said not in (None, _VERDICTS[_plain(verdict)]):
            raise ValueError(f"the action is {printable(action, 40)!r}, and the verdict {printable(verdict, 40)!r}")
        said = _VERDICTS[_plain(verdict)]
    if doing is Doing.REVIEW and said is None:
        raise ValueError(f"{printable(action, 40)!r} without a verdict: pass or fail")
    if said is not None and doing not in (Doing.REVIEW, Doing.CONCLUDE):
        raise ValueError(f"{printable(action, 40)!r} has no verdict")
    return doing, str(stage), said


def _plain(text: str) -> str:
    words = re.sub(r"[\W_]+", " ", text.casefold()).strip()
    return re.sub(r"^qc (?=[0-9])", "qc", words)


def _read_time(text: str, zone: ZoneInfo) -> int:
    try:
        try:
            when = datetime.combine(date.fromisoformat(text), time(12))
        except ValueError:
            when = datetime.fromisoformat(text)
        at = to_microseconds(when if when.tzinfo is not None else when.replace(tzinfo=zone))
        if at < 0:  # nobody annotated then: a cell that a spreadsheet took for a number
            raise ValueError
    except (ValueError, OverflowError):
        form = "2019-07-17, 2019-07-17 09:30 or 2019-07-17T09:30:00+05:30"
        raise ValueError(f"no time {printable(text, 40)!r}; write {form}") from None
    return at


def _read_minutes(text: str) -> int:
    """Return minutes as seconds; where cells are separated by semicolons, decimals have a comma."""
    if not text:
        return 0
    try:
        minutes = Decimal(text.replace(",", "."))
    except InvalidOperation:
        raise ValueError(f"minutes is {printable(text, 40)!r}, not a number") from None
    if not minutes.is_finite() or not 0 <= minutes <= Decimal(_MOST_SECONDS) / 60:
        raise ValueError(f"minutes is {printable(text, 40)!r}, which cannot be")
    return round(minutes * 60)
