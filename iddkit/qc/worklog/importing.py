"""Import of a log of past activity: the file is read, its rows are replayed, and what came of it is reported."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from iddkit.errors import AnnotationError, FrameError, UserError
from iddkit.files import read_bytes, sha256
from iddkit.qc.events import to_microseconds
from iddkit.qc.store.database import Store, read_project
from iddkit.qc.worklog.replay import Replay
from iddkit.qc.worklog.rows import read_log

#: Rows in a transaction: what is imported holds, however the import ends, and others can work between two of them.
_CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What came of an import.

    Attributes
    ----------
    sha256
        Of the file, as its events name it.
    rows
        That hold anything.
    imported
        Of them, now.
    there
        Of them, by an import before.
    problems
        One for each row that was refused, cannot be read, or was kept without counting; in the order of the file.
    frames, people
        That are new: how many, and whom.
    roles
        Of each of these people, separated by commas: what the rows imply that they are.
    """

    sha256: str
    rows: int
    imported: int
    there: int
    problems: tuple[UserError, ...]
    frames: int
    people: tuple[str, ...]
    roles: tuple[str, ...]


def import_log(
    store: Store, path: Path, *, strict: bool = False, retry: bool = False, now: datetime | None = None
) -> ImportReport:
    """Import a log of past activity; the same file again changes nothing, and one that has grown brings what is new.

    A row is known by what it says and how many equal rows stand before it, in whatever file: saved in another way, with
    rows added, or in another order, it is the same row. A row that was changed is another one.

    The rows are replayed by the functions that live work goes through, each at its own time, so the order of the stages
    holds for them as well. What a log knows and the queue would decide by itself is taken from the log: who the peer
    of QC1 was, who repaired, and which frames of a batch the samples held. A review at QC3 implies that its batch was
    frozen and sampled, one at QC4 that QC3 was concluded; rows ``freeze``, ``sample`` and ``conclude`` say when. The
    sample of an imported batch is the frames that the log's reviews name until the batch is concluded, and its seed is
    ``imported``: no lot chose it, and the certificate says so. Only if the log ends before the batch is concluded, and
    the plan asks for more, the rest is drawn by lot. A ``sample`` row that no review follows draws as the project's
    plan says.

    Only a batch whose frames all came by imports can have such a sample: of a batch that the project itself reviews,
    nobody chooses the sample by a file.

    A hand-in has a placeholder as its file, a small JSON that names the row: the annotation itself is not at hand.
    Each event names the file and the row that it comes from. A row that is refused leaves one line of the log that says
    so, and nothing else: no person, frame or batch that it names.

    Parameters
    ----------
    store
        Of the project.
    path
        A CSV file; `iddkit.qc.worklog.rows` says what its columns may hold.
    strict
        Refuse frames and people that the project does not know. Otherwise frames are added to the batch that the row
        names, and people in the roles that their rows imply. A row that is refused for this leaves no line of the log:
        it is imported when the project knows them.
    retry
        Try rows again that an earlier import refused, as when something was mended since.
    now
        The time of the import; the system's, if None.

    Raises
    ------
    FrameError
        The file cannot be read as a log. A row that cannot be read, or that is refused, stops no other: it is in the
        report.
    StoreError
        The database or the folder of its files cannot be written.
    """
    at = to_microseconds(now or datetime.now(UTC))
    with store.reading() as connection:
        project = read_project(connection)
    try:
        digest = sha256(read_bytes(path))
    except AnnotationError as error:
        raise FrameError(error.problem, path=path) from error
    rows, unread = read_log(path, ZoneInfo(project.timezone), at)
    replay = Replay(store, path, digest, project, rows, strict, retry)
    problems: list[UserError] = [*unread, *replay.skip_imported()]
    waiting = [place for place, row in enumerate(rows) if row.number not in replay.there]
    for start in range(0, len(waiting), _CHUNK):
        with store.writing(now) as work:
            problems += replay.play(work, waiting[start : start + _CHUNK])
    ordered = sorted(problems, key=lambda problem: int(problem.where.removeprefix("row ")))
    return ImportReport(
        digest,
        len(rows) + len(unread),
        replay.done,
        len(replay.there),
        tuple(ordered),
        replay.frames_added,
        tuple(replay.people_added),
        tuple(",".join(sorted(replay.roles[name.casefold()])) for name in replay.people_added),
    )
