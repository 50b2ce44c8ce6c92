"""What a person has to know of a frame before they work on it."""

from __future__ import annotations

from dataclasses import dataclass

from iddkit.checks import Checked
from iddkit.errors import OptionError, UserError, printable
from iddkit.files import read_bytes, sha256
from iddkit.qc.examination import examine_content
from iddkit.qc.places import annotation_path
from iddkit.qc.progress.failures import Failure, read_failures
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
        Its file; None without one, and if it is missing or damaged.
    by
        Name of who handed it in, or "".
    failures
        The reviews that failed it, the earliest first.
    checked
        What the machine finds in it; None where the project asks for nothing.
    problem
        Why there is no file, or why the machine could not look it through, or "".
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
    """Return what there is to know of a frame, as a person is shown it; without a person as it is."""
    review = frame.failed_at if frame.stage == Stage.RECHECK else frame.stage
    revision = shown_revision(work, frame, person)
    content, by, checked, problem = None, "", None, ""
    if revision is not None:
        by = work.state.get(Person, revision.person).name
        try:
            content = contents.fetch(store.files(work.project), revision.sha256)
            checked = examine_content(work.project, frame, content, revision.file_name)
        except UserError as error:
            problem = str(error)
    failures = tuple(read_failures(work.connection, [frame.id]).get(frame.id, ()))
    return Brief(frame, review if review in REVIEWS else "", revision, content, by, failures, checked, problem)


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a frame's annotation.

    Attributes
    ----------
    number
        0 is what the dataset came with.
    file_name
        What the file was called.
    content
        The file, byte for byte as it was handed in.
    """

    number: int
    file_name: str
    content: bytes


def fetch_shown(
    store: Store, work: Work, frame: Frame, person: Person | None = None, number: int | None = None
) -> Version:
    """Return a version of a frame's annotation as a person is shown it.

    Parameters
    ----------
    store, work
        Of the project.
    frame
        Of which frame.
    person
        Who is shown it; without one it is as it was handed in.
    number
        Of the version, 0 for the file that the dataset came with; the one that counts, if None.

    Raises
    ------
    OptionError
        There is no such version; it says which there are.
    AnnotationError
        The file of the dataset cannot be read.
    StoreError
        The file is missing, or is not what was handed in.
    """
    number = frame.revision if number is None else number
    folder, came_with = store.files(work.project), annotation_path(frame)
    if number == 0 and came_with is not None:
        content, name = read_bytes(came_with), came_with.name
        digest = sha256(content)
    else:
        revision = find_revision(work, frame, number)
        content, name, digest = None, revision.file_name, revision.sha256
    shown = shown_revision(work, frame, person)
    if shown is not None and digest == work.state.get(Revision, frame.id, frame.revision).sha256:
        # The version that counts, by whatever number: a planted copy that differed from one of them would be known.
        content, digest = None, shown.sha256
    return Version(number, name, contents.fetch(folder, digest) if content is None else content)


def find_revision(work: Work, frame: Frame, number: int) -> Revision:
    """Return a version of a frame's annotation; OptionError if there is none of this number."""
    try:
        return work.state.get(Revision, frame.id, number)
    except KeyError:
        there = f"1 to {frame.revisions}" if frame.revisions > 1 else "only 1" if frame.revisions else "none yet"
        raise OptionError(f"{printable(frame.key)} has no revision {number}; there is {there}") from None
