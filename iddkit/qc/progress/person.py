"""What the log says of each person: what passes at once, what is wrong with the rest, and how long it takes.

Numbers about few cases mislead, and these are about people: each has its interval, and below a stated number of cases
nothing is said (`iddkit.qc.progress.intervals`).
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, and_, func, select

from iddkit import formats
from iddkit.errors import UserError
from iddkit.qc.events import ANNOTATION, Kind
from iddkit.qc.progress.intervals import Estimate, estimate_median, estimate_rate, estimate_share
from iddkit.qc.stages import REVIEWS, Action, Stage
from iddkit.qc.state import Person
from iddkit.qc.store import contents
from iddkit.qc.store.tables import events, people, revisions

#: The reason whose marks say which label a polygon ought to have.
WRONG_LABEL: Final = "wrong-label"

#: How a polygon's label is called whose mark names none, or whose file cannot be read.
UNKNOWN: Final = ""

#: Kinds of tasks, in the order in which they are shown.
TASKS: Final = ("annotate", "repair", *(str(stage) for stage in REVIEWS))


@dataclass(frozen=True, slots=True)
class Confusion:
    """A label that was drawn, the one that it ought to have been, and how often reviewers said so."""

    drawn: str
    right: str
    count: int


@dataclass(frozen=True, slots=True)
class PersonReport:
    """One person's work.

    Attributes
    ----------
    name, roles
        As in `Person`.
    frames
        Frames that they handed in first.
    first_qc1
        Share of these that passed their first QC1 review as they were handed in first, among those that had one.
    first_qc2
        The same of the first QC2 review, among those that it saw as they were handed in first.
    judged
        Versions by them that any review judged.
    defects
        Marks of failed reviews of these, per 100 polygons in them.
    by_reason
        The same by reason, the most frequent first.
    confused
        Labels, the most frequent pair first; empty where the files were not read.
    annotation_hours, qc_hours
        Time of hand-ins and of reviews, with what was booked besides.
    tasks
        Kind of task (`TASKS`) to the median of its minutes; without tasks whose time is not known.
    reviews
        Share of failures among the reviews that they gave.
    by_stage
        The same by stage.
    """

    name: str
    roles: tuple[str, ...]
    frames: int
    first_qc1: Estimate
    first_qc2: Estimate
    judged: int
    defects: Estimate
    by_reason: tuple[tuple[str, Estimate], ...]
    confused: tuple[Confusion, ...]
    annotation_hours: float
    qc_hours: float
    tasks: tuple[tuple[str, Estimate], ...]
    reviews: Estimate
    by_stage: tuple[tuple[str, Estimate], ...]

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "name": self.name,
            "roles": list(self.roles),
            "frames": self.frames,
            "first_pass": {"qc1": self.first_qc1.to_json(), "qc2": self.first_qc2.to_json()},
            "judged": self.judged,
            "defects_per_100_polygons": self.defects.to_json(),
            "defects_by_reason": {reason: rate.to_json() for reason, rate in self.by_reason},
            "confused": [{"drawn": one.drawn, "right": one.right, "count": one.count} for one in self.confused],
            "hours": {"annotation": self.annotation_hours, "qc": self.qc_hours},
            "median_minutes": {task: minutes.to_json() for task, minutes in self.tasks},
            "reviews_failed": self.reviews.to_json(),
            "reviews_failed_by_stage": {stage: share.to_json() for stage, share in self.by_stage},
        }


def read_person(connection: Connection, folder: Path | None, person: Person) -> PersonReport:
    """Return what the log says of a person.

    Parameters
    ----------
    connection
        Of the project.
    folder
        Of the annotation files that were handed in, to read which label a polygon was given; None reads none: the pairs
        of confused labels then have the right one alone.
    person
        Of whom.
    """
    return _report(person, _gather(connection, person.id), folder)


def read_people_table(connection: Connection) -> list[PersonReport]:
    """Return what the log says of everyone, in the order in which they came; no annotation file is read."""
    gathered = _gather(connection, None)
    rows = connection.execute(select(people).order_by(people.c.id))
    return [_report(Person(*row), gathered, None) for row in rows]


@dataclass(slots=True)
class _Gathered:
    """Counts of the log, by person."""

    frames: Counter[int]
    first: Counter[tuple[int, str, str]]  # author, stage, verdict
    judged: dict[int, tuple[int, int]]  # versions, polygons
    marks: dict[int, list[tuple[str, str, Mapping[str, Any]]]]  # hash of the file, name, mark
    seconds: dict[int, Counter[tuple[str, str, int]]]  # kind, stage, seconds
    reviews: Counter[tuple[int, str, str]]  # reviewer, stage, verdict


def _gather(connection: Connection, person: int | None) -> _Gathered:
    of_author = [] if person is None else [revisions.c.person == person]
    of_actor = [] if person is None else [events.c.actor == person]
    marks: dict[int, list[tuple[str, str, Mapping[str, Any]]]] = defaultdict(list)
    for row in connection.execute(_failures().where(*of_author).execution_options(yield_per=1000)):
        marks[row.person] += [(row.sha256, row.file_name, mark) for mark in _marks(row)]
    seconds: dict[int, Counter[tuple[str, str, int]]] = defaultdict(Counter)
    reviews: Counter[tuple[int, str, str]] = Counter()
    spent = select(events.c.actor, events.c.kind, events.c.stage, events.c.verdict, events.c.seconds, func.count())
    # Of verdicts on planted copies the hours alone: they are no reviews of frames.
    kinds = (Kind.SUBMITTED, Kind.CONFLICT, Kind.REVIEWED, Kind.PROBED, Kind.WORKED)
    columns = (events.c.actor, events.c.kind, events.c.stage, events.c.verdict, events.c.seconds)
    for actor, kind, stage, verdict, time, count in connection.execute(
        spent.where(events.c.kind.in_(kinds), events.c.actor.is_not(None), *of_actor).group_by(*columns)
    ):
        seconds[actor][kind, stage, time] += count
        if kind == Kind.REVIEWED:
            reviews[actor, stage, verdict] += count
    return _Gathered(
        Counter(dict(connection.execute(_authored().where(*of_author).group_by(revisions.c.person)).all())),
        Counter({(row[0], row[1], row[2]): row[3] for row in connection.execute(_first_passes(person))}),
        {row[0]: (row[1], row[2]) for row in connection.execute(_judged().where(*of_author))},
        marks,
        seconds,
        reviews,
    )


_FIRST: Final = (
    select(revisions.c.frame, func.min(revisions.c.number).label("number"))
    .where(revisions.c.counts == 1)
    .group_by(revisions.c.frame)
    .subquery("first")
)


def _authored() -> Select[Any]:
    is_first = and_(revisions.c.frame == _FIRST.c.frame, revisions.c.number == _FIRST.c.number)
    return select(revisions.c.person, func.count()).join(_FIRST, is_first)


def _first_passes(person: int | None) -> Select[Any]:
    """Return author, stage, verdict and how many: of first reviews that judged the first hand-in."""
    reviewed = select(events.c.frame, events.c.stage, func.min(events.c.seq).label("seq")).where(
        events.c.kind == Kind.REVIEWED, events.c.stage.in_((Stage.QC1, Stage.QC2))
    )
    if person is not None:
        reviewed = reviewed.where(events.c.frame.in_(select(revisions.c.frame).where(revisions.c.person == person)))
    earliest = reviewed.group_by(events.c.frame, events.c.stage).subquery("earliest")
    query = (
        select(revisions.c.person, events.c.stage, events.c.verdict, func.count())
        .join(earliest, earliest.c.seq == events.c.seq)
        .join(_FIRST, _FIRST.c.frame == events.c.frame)
        .join(
            revisions,
            and_(revisions.c.frame == _FIRST.c.frame, revisions.c.number == _FIRST.c.number),
        )
        .where(events.c.revision == _FIRST.c.number)
        .group_by(revisions.c.person, events.c.stage, events.c.verdict)
    )
    return query if person is None else query.where(revisions.c.person == person)


def _judged() -> Select[Any]:
    review = select(events.c.seq).where(
        events.c.frame == revisions.c.frame,
        events.c.revision == revisions.c.number,
        events.c.kind == Kind.REVIEWED,
    )
    return (
        select(revisions.c.person, func.count(), func.sum(revisions.c.shapes))
        .where(review.exists())
        .group_by(revisions.c.person)
    )


def _failures() -> Select[Any]:
    same = and_(revisions.c.frame == events.c.frame, revisions.c.number == events.c.revision)
    return (
        select(
            revisions.c.person,
            revisions.c.sha256,
            revisions.c.file_name,
            events.c.reason,
            events.c.data,
        )
        .join(revisions, same)
        .where(events.c.kind == Kind.REVIEWED, events.c.verdict == Action.FAIL)
        .order_by(events.c.seq)
    )


def _marks(row: Row[Any]) -> Iterator[Mapping[str, Any]]:
    # A work log of the past may know the reason and no marks: it counts as one of them.
    said = json.loads(row.data).get("marks")
    yield from said if said else ({"reason": code} for code in row.reason.split())


def _report(person: Person, gathered: _Gathered, folder: Path | None) -> PersonReport:
    versions, polygons = gathered.judged.get(person.id, (0, 0))
    marks = gathered.marks.get(person.id, [])
    reasons = Counter(str(mark["reason"]) for _, _, mark in marks)
    seconds = gathered.seconds.get(person.id, Counter())
    total = sum(time * count for (_, _, time), count in seconds.items())
    annotation = sum(time * count for (kind, stage, time), count in seconds.items() if _is_annotation(kind, stage))
    by_stage = tuple(
        (str(stage), share) for stage in REVIEWS if (share := _failed(gathered.reviews, person.id, [stage])).of
    )
    return PersonReport(
        name=person.name,
        roles=tuple(sorted(person.role_set)),
        frames=gathered.frames[person.id],
        first_qc1=_passed(gathered.first, person.id, Stage.QC1),
        first_qc2=_passed(gathered.first, person.id, Stage.QC2),
        judged=versions,
        defects=estimate_rate(sum(reasons.values()), polygons),
        by_reason=tuple(
            (reason, estimate_rate(count, polygons))
            for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
        ),
        confused=_confused(marks, folder),
        annotation_hours=annotation / 3600,
        qc_hours=(total - annotation) / 3600,
        tasks=tuple((task, estimate_median(minutes)) for task in TASKS if (minutes := _minutes(seconds, task))),
        reviews=_failed(gathered.reviews, person.id, REVIEWS),
        by_stage=by_stage,
    )


def _is_annotation(kind: str, stage: str) -> bool:
    return kind in (Kind.SUBMITTED, Kind.CONFLICT) or (kind == Kind.WORKED and stage == ANNOTATION)


def _minutes(seconds: Counter[tuple[str, str, int]], task: str) -> list[float]:
    """Return the minutes of each task of a kind whose time is known."""
    return [
        time / 60
        for (kind, stage, time), count in sorted(seconds.items())
        if time > 0 and _task(kind, stage) == task
        for _ in range(count)
    ]


def _task(kind: str, stage: str) -> str:
    if kind == Kind.SUBMITTED:
        return "annotate" if stage == Stage.ANNOTATE else "repair"
    return stage if kind == Kind.REVIEWED else ""


def _passed(first: Counter[tuple[int, str, str]], person: int, stage: Stage) -> Estimate:
    passed, failed = first[person, stage, Action.PASS], first[person, stage, Action.FAIL]
    return estimate_share(passed, passed + failed)


def _failed(reviews: Counter[tuple[int, str, str]], person: int, stages: Iterable[Stage]) -> Estimate:
    stages = list(stages)
    failed = sum(reviews[person, stage, Action.FAIL] for stage in stages)
    return estimate_share(failed, failed + sum(reviews[person, stage, Action.PASS] for stage in stages))


def _confused(marks: Sequence[tuple[str, str, Mapping[str, Any]]], folder: Path | None) -> tuple[Confusion, ...]:
    wanted: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for sha256, file_name, mark in marks:
        if mark["reason"] == WRONG_LABEL and mark.get("label"):
            wanted[sha256, file_name].append(mark)
    pairs: Counter[tuple[str, str]] = Counter()
    for (sha256, file_name), of_file in wanted.items():
        drawn = _read_labels(folder, sha256, file_name)
        pairs.update((drawn.get(mark.get("shape"), UNKNOWN), str(mark["label"])) for mark in of_file)
    ordered = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Confusion(drawn, right, count) for (drawn, right), count in ordered)


def _read_labels(folder: Path | None, sha256: str, file_name: str) -> dict[int | None, str]:
    """Return the label of each object of a file by its number; none where it cannot be read."""
    if folder is None:
        return {}
    try:
        reading = formats.parse(contents.fetch(folder, sha256), Path(file_name))
    except UserError:
        return {}
    return {shape.number: shape.label for shape in reading.annotation.shapes}
