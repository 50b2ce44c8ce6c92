"""What a person has to know of a frame before they work on it."""

from __future__ import annotations

from dataclasses import dataclass

from iddkit.checks import Checked
from iddkit.errors import UserError
from iddkit.qc.examination import examine_content
from iddkit.qc.progress.failures import Failure, read_failures
from iddkit.qc.progress.history import fetch_revision
from iddkit.qc.sight import shown_revision
from iddkit.qc.stages import REVIEWS, Stage
from iddkit.qc.state import Frame, Person, Revision
from iddkit.qc.store import contents
from iddkit.qc.store.database import Store
from iddkit.qc.store.work import Work


@dataclass(frozen=True, slots=True)
class Brief:
    """A frame for one who works on it.

    Attributes
    ----------
    frame
        Where it stands.
    review
        The review that it waits for, a recheck's too; "" if it waits for none.
    revision
        The version that counts; None before the first one. Where something is planted for the person, it names the
        copy's file.
    content
        Its file, or None.
    by
        Name of who handed it in, or "".
    failures
        The reviews that failed it, the earliest first.
    checked
        What the machine finds in it; None where the project asks for nothing.
    problem
        Why the machine could not look it through, or "".
    """

    frame: Frame
    review: str
    revision: Revision | None
    content: bytes | None
    by: str
    failures: tuple[Failure, ...]
    checked: Checked | None
    problem: str


def read_brief(store: Store, work: Work, frame: Frame, person: Person | None = None) -> Brief:
    """Return what there is to know of a frame, as a person is shown it; without a person as it is.

    Raises
    ------
    StoreError
        The version that counts is missing among the files, or is not what was handed in.
    """
    review = frame.failed_at if frame.stage == Stage.RECHECK else frame.stage
    revision = shown_revision(work, frame, person)
    content, by, checked, problem = None, "", None, ""
    if revision is not None:
        content = contents.fetch(store.files(work.project), revision.sha256)
        by = work.state.get(Person, revision.person).name
        try:
            checked = examine_content(work.project, frame, content, revision.file_name)
        except UserError as error:
            problem = str(error)
    failures = tuple(read_failures(work.connection, frame.id))
    return Brief(frame, review if review in REVIEWS else "", revision, content, by, failures, checked, problem)


def fetch_shown(
    store: Store, work: Work, frame: Frame, person: Person | None = None, number: int | None = None
) -> tuple[int, bytes]:
    """Return a version of a frame's annotation as a person is shown it: its number and its file, byte for byte.

    Parameters
    ----------
    store, work
        Of the project.
    frame
        Of which frame.
    person
        Who is shown it; without one it is as it was handed in.
    number
        Of the version; the one that counts, if None.

    Raises
    ------
    OptionError
        There is no such version; it says which there are.
    StoreError
        The file is missing, or is not what was handed in.
    """
    folder, shown = store.files(work.project), shown_revision(work, frame, person)
    if shown is not None and number in (None, shown.number):
        return shown.number, contents.fetch(folder, shown.sha256)
    number = frame.revision if number is None else number
    return number, fetch_revision(work.connection, folder, frame, number)
