"""The state of a project: rows that are computed from the events and from nothing else.

`iddkit.qc.projection.apply` is the one function that changes them. In a transaction they lie in the database's tables,
for `qc verify` in memory: `State` is what both offer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from iddkit.qc.stages import Role, Stage

#: The project is one row.
ONLY: Final = 1


@dataclass(frozen=True, slots=True)
class Project:
    """Settings, the same for all who work on it.

    Attributes
    ----------
    name
        Of the dataset.
    week_start
        0 is Monday; IDD's weeks begin on Wednesday, 2.
    timezone
        Whose midnight a week begins at, as ``Asia/Kolkata``.
    max_rounds
        Repairs of a frame before it escalates.
    claim_seconds
        After which a claim lapses.
    seed
        Of the assignments.
    checklist
        Name of the checklist that reviews follow.
    plan3, plan4
        Sampling plans of QC3 and QC4, JSON.
    files
        Folder of the annotation files, relative to that of the database, or absolute.
    label_map
        Name or path of the labels that annotations are checked by.
    findings
        What is done with the machine's findings: ``off``, ``show``, or ``no-critical``, which refuses a hand-in that
        has a critical one.
    """

    id: int
    name: str
    week_start: int
    timezone: str
    max_rounds: int
    claim_seconds: int
    seed: int
    checklist: str
    plan3: str
    plan4: str
    files: str
    label_map: str = "idd"
    findings: str = "show"


@dataclass(frozen=True, slots=True)
class Person:
    """One who takes part.

    Attributes
    ----------
    roles
        Separated by commas.
    active
        1, or 0 for one who has left.
    absences
        Periods, JSON: [[from, until], ...] in microseconds; until may be null.
    load
        Peer reviews given to them, as far as they count for balance.
    """

    id: int
    name: str
    roles: str
    active: int
    absences: str
    load: int

    @property
    def role_set(self) -> frozenset[Role]:
        """The roles as a set."""
        return frozenset(Role(role) for role in self.roles.split(",") if role)

    def is_available(self, at: int) -> bool:
        """Whether they take part and are not away at a time."""
        if not self.active or self.absences == "[]":
            return bool(self.active)
        periods = json.loads(self.absences)
        return not any(start <= at and (until is None or at < until) for start, until in periods)


@dataclass(frozen=True, slots=True)
class Batch:
    """Frames that are judged together.

    Attributes
    ----------
    stage
        ``open``, then ``qc3``, ``qc4``, ``accepted``; a batch that is returned is open again.
    round
        How often it was frozen.
    list_hash
        Of the frozen list (see `iddkit.qc.sampling.hash_list`), "" while open.
    frames
        In the frozen list.
    sample
        The latest sample, or None.
    """

    id: int
    name: str
    stage: str
    round: int
    list_hash: str
    frames: int
    sample: int | None


OPEN: Final = "open"


@dataclass(frozen=True, slots=True)
class Frame:
    """One image and where its annotation stands.

    Attributes
    ----------
    key
        ``split/sequence/name``: what people call it.
    split, sequence, name, root, image, annotation
        As in `iddkit.frames.Frame`; root is where the paths begin. "" if there is none.
    batch
        By number.
    stage
        Where it stands.
    revision
        The version that is judged, 0 before the first one; `revisions` counts those in conflict, too.
    author
        Who handed it in first.
    editor
        Who handed in the version that is judged: the author or a repairer.
    hands
        All who ever handed in a version, as ``,3,17,``: they never review it.
    holder
        To whom the frame's next step was given; None is anyone of the stage's role.
    claimant, claimed_until
        Who works on it now, and until when nobody else may.
    rounds
        Repairs since the first hand-in, or since the lead took it up.
    reviewer1, reviewer2, reviewer3
        Who judged it last at QC1, at QC2, and in a sample.
    back
        Repair: the stage that follows. Dropped: where it begins again when it is restored.
    after
        Recheck and its repair: the stage that follows when it passes.
    failed_at
        Repair: the review that failed it.
    passed
        The reviews passed since it was last handed in anew, as ``qc1,qc2``; the batch's are among them.
    sample, position
        Of the sample that is open now and holds it.
    verdict
        In that sample: "", ``pass`` or ``fail``.
    bad
        In that sample: 1 if the failure counts under its plan.
    moved
        Number of the event that brought it to its stage, or put it at the end of the queue there.
    """

    id: int
    key: str
    split: str
    sequence: str
    name: str
    root: str
    image: str
    annotation: str
    batch: int
    stage: str = Stage.ANNOTATE
    revision: int = 0
    revisions: int = 0
    author: int | None = None
    editor: int | None = None
    hands: str = ","
    holder: int | None = None
    claimant: int | None = None
    claimed_until: int | None = None
    rounds: int = 0
    reviewer1: int | None = None
    reviewer2: int | None = None
    reviewer3: int | None = None
    back: str = ""
    after: str = ""
    failed_at: str = ""
    passed: str = ""
    sample: int | None = None
    position: int | None = None
    verdict: str = ""
    bad: int = 0
    moved: int = 0

    def was_drawn_by(self, person: int) -> bool:
        """Whether a person handed in any version of it."""
        return f",{person}," in self.hands


@dataclass(frozen=True, slots=True)
class Revision:
    """A version of a frame's annotation, kept for ever.

    Attributes
    ----------
    frame, number
        The frame, and 1, 2, 3 ...
    sha256
        Of the file.
    file_name
        As it was handed in.
    person, at
        Who handed it in, and when.
    shapes
        Polygons and other objects that are not deleted.
    counts
        1, or 0 for one that was kept in a conflict.
    """

    frame: int
    number: int
    sha256: str
    file_name: str
    person: int
    at: int
    shapes: int
    counts: int


@dataclass(frozen=True, slots=True)
class Sample:
    """A sealed sample of a frozen batch.

    Attributes
    ----------
    stage, round
        ``qc3`` or ``qc4``, and the round of the batch.
    seed
        It was drawn with.
    plan
        JSON of the `SamplingPlan`.
    size, drawn, allowed
        Frames in the list (N), in the sample (n), and bad ones among them that are accepted (c).
    list_hash, seal
        Of the list, and of list, seed, plan and sample together.
    verdict
        "", ``accept`` or ``return``.
    seen, bad
        Images judged when it was concluded, and bad ones among them.
    """

    id: int
    batch: int
    stage: str
    round: int
    seed: str
    plan: str
    size: int
    drawn: int
    allowed: int
    list_hash: str
    seal: str
    verdict: str = ""
    seen: int = 0
    bad: int = 0


@dataclass(frozen=True, slots=True)
class Plant:
    """A spoiled copy of a version, shown to a reviewer in place of it to measure what reviewers see.

    It is no frame and no version: nothing but these rows and two kinds of events knows of it.

    Attributes
    ----------
    frame, stage, revision
        The frame, the review that it waited for, and the version that was spoiled.
    person
        Who alone is shown it; None is whoever reviews the frame first.
    planter
        The lead who planted it, and is never shown it.
    moved
        As the frame's was then: when that changes, or the frame is judged, the copy is void.
    sha256
        Of the copy's file.
    reason
        Code of the checklist for what is wrong with it.
    shape
        Number of the spoiled object in the copy; None where one is missing, or nobody said.
    label
        What that object ought to be called, or "".
    region
        Where it differs, JSON: [x, y, width, height] in pixels, or "".
    verdict, judge
        ``pass`` or ``fail``, and whose; "" and None as long as nobody judged it.
    caught, located
        1 if the verdict was a failure that would have counted, and if it pointed at what is wrong.
    """

    id: int
    frame: int
    stage: str
    revision: int
    person: int | None
    planter: int
    moved: int
    sha256: str
    reason: str
    shape: int | None
    label: str
    region: str
    verdict: str = ""
    judge: int | None = None
    caught: int = 0
    located: int = 0

    def is_open(self, frame: Frame) -> bool:
        """Whether it waits to be judged, given how its frame stands; not judged and not open, it is void."""
        return not self.verdict and not frame.verdict and self.moved == frame.moved


Row = Project | Person | Batch | Frame | Revision | Sample | Plant
R = TypeVar("R", Project, Person, Batch, Frame, Revision, Sample, Plant)

#: The columns that name a row.
KEYS: Final[dict[type, tuple[str, ...]]] = {
    Project: ("id",),
    Person: ("id",),
    Batch: ("id",),
    Frame: ("id",),
    Revision: ("frame", "number"),
    Sample: ("id",),
    Plant: ("id",),
}


def key_of(row: Row) -> tuple[int, ...]:
    """Return what names a row among its kind."""
    return tuple(getattr(row, name) for name in KEYS[type(row)])


class State(Protocol):
    """Where rows are kept."""

    def get(self, kind: type[R], *key: int) -> R:
        """Return a row; KeyError if there is none."""

    def put(self, row: Row) -> None:
        """Keep a row, in place of the one with its key."""


class MemoryState:
    """Rows in dictionaries."""

    def __init__(self) -> None:
        self.rows: dict[type, dict[tuple[int, ...], Row]] = {kind: {} for kind in KEYS}

    def get(self, kind: type[R], *key: int) -> R:
        """Return a row; KeyError if there is none."""
        row = self.rows[kind][key]
        assert isinstance(row, kind)
        return row

    def put(self, row: Row) -> None:
        """Keep a row, in place of the one with its key."""
        self.rows[type(row)][key_of(row)] = row
