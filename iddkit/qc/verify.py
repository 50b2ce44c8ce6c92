"""Checking a project: the log's chain and rules, the rows that were computed from it, and the files of the hand-ins.

The log is replayed from its first event, and each event has to be one that the queue would have written (see
`iddkit.qc.audit`). Two things it cannot show by itself: that it was written anew from some event
on, with all hashes; and that its end was cut off, where that changed no row. For these somebody has to have noted the
number and the hash of a later event. Every certificate does; `verify` takes them as
`anchors`, or whole certificates, and compares what they say.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Row, select
from sqlalchemy.exc import DatabaseError

from iddkit.errors import StoreError, printable, shown
from iddkit.qc import state
from iddkit.qc.audit import Audit
from iddkit.qc.events import NO_HASH, Event, Kind, to_text
from iddkit.qc.guard import check_guard
from iddkit.qc.progress.comparison import compare_certificate
from iddkit.qc.progress.rounds import Certificate
from iddkit.qc.projection import apply
from iddkit.qc.state import KEYS, ONLY, Frame, MemoryState, Plant, Project, Revision, key_of
from iddkit.qc.store import contents
from iddkit.qc.store.database import Store
from iddkit.qc.store.tables import TABLES, events

#: Rows that are read at a time: a log of a million events is never in memory.
CHUNK: Final = 2000

#: Findings of one kind that are named; the others are counted.
NAMED: Final = 50

LOG, ROWS, FILES, STORE, CERTIFICATES = "log", "rows", "files", "store", "certificates"

# What an event that cannot follow those before it makes of `apply`.
_CANNOT_FOLLOW: Final = (KeyError, ValueError, TypeError, AttributeError, AssertionError, IndexError, OverflowError)

# As `hash_event` writes it; made once for a million events.
_ENCODER: Final = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"))

_DIGEST: Final = re.compile("[0-9a-f]{64}")

#: Called with how many events are read, and how many there are.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it has to be.

    Attributes
    ----------
    kind
        ``log``, ``rows``, ``files``, ``store`` or ``certificates``.
    where
        ``event 17 (reviewed, 2019-07-17 10:00:00Z)``, ``frame 3 (train/0/003)``.
    problem
        What is wrong, without a full stop.
    seq
        Number of the event, of findings in the log.
    """

    kind: str
    where: str
    problem: str
    seq: int | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found.

    Attributes
    ----------
    events, rows, files
        How many were checked.
    last
        Number and hash of the last event: to be noted down, as an anchor of a later check.
    findings
        Of the log in its order, then of rows, of files, of the database itself, and of certificates; at most `NAMED` of
        a kind.
    left_out
        Kind to how many findings more there are.
    """

    events: int
    rows: int
    files: int
    last: tuple[int, str]
    findings: tuple[Finding, ...]
    left_out: Mapping[str, int]

    @property
    def ok(self) -> bool:
        """Whether all is as it has to be."""
        return not self.findings

    @property
    def first_broken(self) -> Finding | None:
        """The first event that is broken, if one is."""
        return next((finding for finding in self.findings if finding.kind == LOG), None)


class _Findings:
    """Findings in the order in which they come, not more than can be read."""

    def __init__(self) -> None:
        self.kept: list[Finding] = []
        self.count: dict[str, int] = {}

    def add(self, kind: str, where: str, problem: str, seq: int | None = None) -> None:
        self.count[kind] = self.count.get(kind, 0) + 1
        if self.count[kind] <= NAMED:
            self.kept.append(Finding(kind, where, problem, seq))

    def left_out(self) -> dict[str, int]:
        return {kind: count - NAMED for kind, count in self.count.items() if count > NAMED}


def verify(
    store: Store,
    *,
    files: bool = True,
    anchors: Mapping[int, str] | None = None,
    certificates: Sequence[Certificate] = (),
    progress: Progress | None = None,
) -> Verification:
    """Check a project. Others may write meanwhile: it sees one moment.

    Parameters
    ----------
    store
        The open database.
    files
        Read every file that was handed in or planted, too, and compare its hash.
    anchors
        Number of an event to the hash that was noted of it: on a certificate, or by an earlier check.
    certificates
        Their events are anchors, too; and all that they say has to be what the log said by then.
    progress
        Called now and then.

    Raises
    ------
    StoreError
        The database cannot be read at all.
    """
    with store.reading() as connection:
        return verify_connection(
            connection, store, files=files, anchors=anchors, certificates=certificates, progress=progress
        )


def verify_connection(
    connection: Connection,
    store: Store,
    *,
    files: bool | Path = True,
    anchors: Mapping[int, str] | None = None,
    certificates: Sequence[Certificate] = (),
    progress: Progress | None = None,
) -> Verification:
    """Check what a connection sees; as `verify`. `files` may be the folder of the files, where that is another one."""
    found = _Findings()
    memory = MemoryState()
    noted = [*(anchors or {}).items(), *((one.log_events, one.log_hash) for one in certificates)]
    snapshots: dict[int, dict[str, str]] = {one.log_events: {} for one in certificates}
    last, is_replayed = _check_log(connection, memory, found, noted, snapshots, progress)
    count, read = 0, 0
    if is_replayed:
        count = _check_rows(connection, memory, found)
        if files:
            read = _check_files(memory, store, files if isinstance(files, Path) else None, found)
    for where, problem in check_guard(connection):
        found.add(STORE, where, problem)
    if is_replayed:
        _check_certificates(connection, certificates, snapshots, found)
    return Verification(last[0], count, read, last, tuple(found.kept), found.left_out())


def hash_row(row: Sequence[Any]) -> str:
    """Return the hash of an event as `iddkit.qc.events.hash_event` has it, of the text that is stored.

    The text of the data is hashed as it is: one that says the same in other letters is a change, too.

    Raises
    ------
    TypeError
        A cell holds what no event holds.
    """
    cells: tuple[Any, ...] = tuple(row)
    content = [cells[-2], *cells[:-2]]
    return hashlib.sha256(_ENCODER.encode(content).encode()).hexdigest()


def _check_log(
    connection: Connection,
    memory: MemoryState,
    found: _Findings,
    noted: Sequence[tuple[int, str]],
    snapshots: dict[int, dict[str, str]],
    progress: Progress | None,
) -> tuple[tuple[int, str], bool]:
    """Return number and hash of the last event, and whether all could be replayed.

    `snapshots` are filled: number of an event to where the frames stood after it, by key.
    """
    audit = Audit(memory)
    anchors: dict[int, set[str]] = {}
    for number, digest in noted:
        anchors.setdefault(number, set()).add(digest)
    total = connection.execute(select(events.c.seq).order_by(events.c.seq.desc()).limit(1)).scalar() or 0
    seq, digest, is_replayed, read = 0, NO_HASH, True, 0
    for row in _read_log(connection, found):
        where = _name(row)
        for problem in _problems_of_chain(row, seq, digest):
            found.add(LOG, where(), problem, row.seq)
        if anchors.pop(row.seq, {row.hash}) != {row.hash}:
            found.add(LOG, where(), "its hash is not the one that was noted: the log was written anew", row.seq)
        if is_replayed:
            problem, broken = _replay(memory, audit, row)
            if problem:
                found.add(LOG, where(), f"{problem}; what follows is not replayed", row.seq)
                is_replayed = False
            for rule in broken:
                found.add(LOG, where(), rule, row.seq)
            if row.seq in snapshots:
                snapshots[row.seq] = {frame.key: frame.stage for frame in _frames(memory)}
        seq, digest, read = row.seq, row.hash, read + 1
        if progress is not None and read % CHUNK == 0:
            progress(read, total)
    for lost in sorted(anchors):
        found.add(LOG, f"event {lost}", "was noted, and the log has no such event: its end was cut off", lost)
    is_whole = seq == total
    if not seq:
        found.add(LOG, "event 1", "the log is empty", 1)
    if progress is not None:
        progress(read, total)
    return (read, digest), is_replayed and is_whole


def _read_log(connection: Connection, found: _Findings) -> Iterator[Row[Any]]:
    query = select(events).order_by(events.c.seq)
    last = 0
    try:
        for row in connection.execute(query.execution_options(yield_per=CHUNK)):
            yield row
            last = row.seq
        return
    except DatabaseError as error:
        reason = str(error.orig).strip().splitlines()[0]
        if connection.dialect.name != "sqlite":
            raise
    # Text that is no text, say: one row at a time shows which it is.
    while True:
        try:
            one = connection.execute(query.where(events.c.seq > last).limit(1)).first()
        except DatabaseError:
            number = connection.execute(select(events.c.seq).where(events.c.seq > last).limit(1)).scalar()
            found.add(LOG, f"event {number}", f"cannot be read: {reason}; nor is what follows", number)
            return
        if one is None:
            return
        yield one
        last = one.seq


def _name(row: Row[Any]) -> Callable[[], str]:
    def name() -> str:
        try:
            when = to_text(row.at)
        except (TypeError, ValueError, OverflowError, OSError):
            when = shown(row.at)
        return f"event {shown(row.seq)} ({printable(str(row.kind), 40)}, {when})"

    return name


def _problems_of_chain(row: Row[Any], seq: int, digest: str) -> Iterator[str]:
    if row.seq != seq + 1:
        gap = f"events {seq + 1} to {row.seq - 1} are" if row.seq - 1 > seq + 1 else f"event {seq + 1} is"
        yield f"{gap} missing before it"
    elif row.previous != digest:
        yield "does not follow the event before: one of the two was changed"
    try:
        is_own = hash_row(row) == row.hash
    except (TypeError, ValueError):
        is_own = False
    if not is_own:
        yield "its content is not what was written: its hash is another one"


def _frames(memory: MemoryState) -> Iterator[Frame]:
    return (row for row in memory.rows[Frame].values() if isinstance(row, Frame))


def _replay(memory: MemoryState, audit: Audit, row: Row[Any]) -> tuple[str, list[str]]:
    """Return why an event cannot be applied, or "", and which rules it breaks."""
    try:
        kind = Kind(row.kind)
        data = json.loads(row.data)
    except (ValueError, TypeError, RecursionError):
        return "its kind or its data cannot be read", []
    if not isinstance(data, dict):
        return "its data cannot be read", []
    cells: Sequence[Any] = row
    seq, at, _, actor, frame, batch, stage, verdict, revision, reason, seconds, _, previous, digest = cells
    event = Event(seq, at, kind, actor, frame, batch, stage, verdict, revision, reason, seconds, data, previous, digest)
    broken = audit.check(event)
    try:
        apply(memory, event)
    except _CANNOT_FOLLOW as error:
        reason = " ".join(str(error).split())
        said = f"{type(error).__name__}{': ' if reason else ''}{printable(reason)}"
        return f"it cannot follow those before it ({said})", []
    return "", broken


def _check_rows(connection: Connection, memory: MemoryState, found: _Findings) -> int:
    count = 0
    for kind, table in TABLES.items():
        wanted = dict(memory.rows[kind])
        order = [table.c[name] for name in KEYS[kind]]
        for row in connection.execute(select(table).order_by(*order).execution_options(yield_per=CHUNK)):
            count += 1
            stored = kind(*row)
            expected = wanted.pop(key_of(stored), None)
            if expected is None:
                found.add(ROWS, _name_row(stored), "the log knows no such row")
            elif expected != stored:
                found.add(ROWS, _name_row(expected), _differences(expected, stored))
        for lost in wanted.values():
            found.add(ROWS, _name_row(lost), "the row is missing")
    return count


def _differences(expected: state.Row, stored: state.Row) -> str:
    said = []
    for name in type(expected).__slots__:
        one, other = getattr(expected, name), getattr(stored, name)
        if one != other:
            one, other = (str(value) if isinstance(value, str) else value for value in (one, other))  # no enumerations
            said.append(f"{name} is {shown(other)}, and {shown(one)} by the log")
    return "; ".join(said)


def _name_row(row: state.Row) -> str:
    kind = type(row).__name__.lower()
    if isinstance(row, Project):
        return kind
    if isinstance(row, Revision):
        return f"revision {shown(row.number)} of frame {shown(row.frame)}"
    called = row.key if isinstance(row, Frame) else getattr(row, "name", "")
    return f"{kind} {shown(row.id)}{f' ({printable(str(called))})' if called else ''}"


def _check_files(memory: MemoryState, store: Store, folder: Path | None, found: _Findings) -> int:
    try:
        folder = folder or store.files(memory.get(Project, ONLY))
    except KeyError:
        found.add(STORE, "project", "the log makes none")
        return 0
    good: set[str] = set()
    for row in (*memory.rows[Revision].values(), *memory.rows[Plant].values()):
        assert isinstance(row, Revision | Plant)
        problem = "" if row.sha256 in good else _problem_of_file(folder, row.sha256)
        if problem:
            frame = memory.rows[Frame].get((row.frame,))
            of = frame.key if isinstance(frame, Frame) else str(row.frame)
            what = f"revision {row.number}" if isinstance(row, Revision) else f"plant {row.id}, a copy"
            found.add(FILES, f"{what} of {printable(of)}", problem)
        else:
            good.add(row.sha256)
    return len(good)


def _problem_of_file(folder: Path, digest: str) -> str:
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        return f"{shown(digest)} is no hash of a file"
    try:
        contents.fetch(folder, digest)
    except StoreError as error:
        return str(error)
    return ""


def _check_certificates(
    connection: Connection,
    certificates: Sequence[Certificate],
    snapshots: Mapping[int, Mapping[str, str]],
    found: _Findings,
) -> None:
    for one in certificates:
        for problem in compare_certificate(connection, one, snapshots.get(one.log_events)):
            found.add(CERTIFICATES, f"certificate of batch {printable(one.batch, 60)}", problem)
