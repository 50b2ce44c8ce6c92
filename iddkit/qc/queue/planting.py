"""Making what is planted: spoiled copies of versions, of frames that are chosen by lot or that a lead names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from iddkit import formats, labels
from iddkit.annotation import Annotation, Reading
from iddkit.errors import AnnotationError, FrameError, OptionError, UserError, printable
from iddkit.qc.checklist import load_checklist
from iddkit.qc.examination import examine
from iddkit.qc.places import image_size
from iddkit.qc.queue.frames import find_batch, find_frame
from iddkit.qc.queue.people import find_person, require_lead
from iddkit.qc.queue.plants import Copy, find_problem, plant, survey
from iddkit.qc.rewriting import rewrite
from iddkit.qc.spoiling import KINDS, Spoiled, find_difference, find_spoilings
from iddkit.qc.stages import Stage
from iddkit.qc.state import Frame, Plant, Project, Revision
from iddkit.qc.store import contents
from iddkit.qc.store.database import Store
from iddkit.raster import default_fill
from iddkit.synthetic.dice import Dice

# Spoiled copies of a frame that are tried until one is as clean to the machine as the frame itself.
_TRIES = 12


@dataclass(frozen=True, slots=True)
class Planting:
    """What came of planting: the copies, and why frames were passed over, by the key of the frame."""

    plants: tuple[Plant, ...]
    problems: dict[str, str]


def spoil_version(
    project: Project, folder: Path, frame: Frame, revision: Revision, *, kinds: Sequence[str] = KINDS, seed: int = 0
) -> Copy:
    """Make a spoiled copy of a version and keep it among the files.

    The machine finds nothing in it that it does not find in the version: what it says of a frame gives nothing away.

    Parameters
    ----------
    project
        Whose labels, checklist and findings count.
    folder
        Of the annotation files.
    frame, revision
        What is spoiled.
    kinds
        Of `iddkit.qc.spoiling.KINDS`.
    seed
        Chooses what is made wrong.

    Raises
    ------
    UserError
        Nothing in it can be made wrong, or its file cannot be read.
    """
    label_map = labels.load(project.label_map)
    content, path = contents.fetch(folder, revision.sha256), Path(revision.file_name)
    reading = formats.parse(content, path)
    known = {reason.code for reason in load_checklist(project.checklist).reasons}
    usual = _find_rules(project, frame, reading)
    annotation, fill = _size(reading.annotation, frame), default_fill(reading.format, label_map)
    tries = 0
    wanted = [kind for kind in kinds if kind in known]
    for spoiled in find_spoilings(annotation, label_map, kinds=wanted, seed=seed, fill=fill):
        made = rewrite(content, reading, spoiled, path)
        if not _find_rules(project, frame, formats.parse(made, path)) - usual:
            return _keep(folder, made, spoiled)
        tries += 1
        if tries == _TRIES:
            break
    tried = f"; the machine finds each of {tries} that were tried" if tries else ""
    raise AnnotationError(f"nothing in it can be made wrong by {', '.join(kinds)}{tried}", where=printable(frame.key))


def _keep(folder: Path, made: bytes, spoiled: Spoiled) -> Copy:
    shape = None if spoiled.changed is None else spoiled.number
    return Copy(contents.keep(folder, made), spoiled.reason, shape, spoiled.label, spoiled.region)


def take_copy(
    project: Project, folder: Path, frame: Frame, revision: Revision, content: bytes, reason: str, *, path: Path
) -> Copy:
    """Keep a lead's own spoiled copy of a version among the files.

    Parameters
    ----------
    project, folder, frame, revision
        As for `spoil_version`.
    content, path
        Of the file; the reviewer sees it under the name of the version's.
    reason
        Code of the checklist.

    Raises
    ------
    UserError
        It cannot be read, is of another image or in another format than the version, shows no other labels; or the
        checklist has no such reason.
    """
    code = load_checklist(project.checklist).reason(reason).code
    label_map = labels.load(project.label_map)
    real = formats.parse(contents.fetch(folder, revision.sha256), Path(revision.file_name))
    spoiled = formats.parse(content, path)
    if spoiled.problems:
        raise AnnotationError(str(spoiled.problems[0]), path=path)
    if spoiled.format != real.format:
        problem = f"is {spoiled.format}, and the version of {printable(frame.key)} is {real.format}: that would tell"
        raise AnnotationError(problem, path=path)
    before, after = _size(real.annotation, frame), _size(spoiled.annotation, frame)
    if before.size != after.size:
        raise FrameError(f"is of an image of {after.width}x{after.height}, not {before.width}x{before.height}")
    region = find_difference(before, after, label_map, default_fill(real.format, label_map))
    if region is None:
        raise AnnotationError(f"shows the same labels as the version of {printable(frame.key)}", path=path)
    return Copy(contents.keep(folder, content), code, *_find_object(before, after), region)


def _find_object(before: Annotation, after: Annotation) -> tuple[int | None, str]:
    """Return number and right label of the object that differs, if it is one of as many; else None and ""."""
    if len(before.shapes) != len(after.shapes):
        return None, ""
    pairs = zip(before.shapes, after.shapes, strict=True)
    differ = [(o, n) for o, n in pairs if o.label != n.label or o.points.tolist() != n.points.tolist()]
    return (differ[0][1].number, differ[0][0].label) if len(differ) == 1 else (None, "")


def plant_own(
    store: Store,
    lead: str,
    name: str,
    content: bytes,
    reason: str,
    *,
    path: Path | None = None,
    reviewer: str | None = None,
    now: datetime | None = None,
) -> Plant:
    """Plant a lead's own spoiled copy of a frame.

    Parameters
    ----------
    store, lead, reviewer, now
        As for `plant_by_lot`.
    name
        Of the frame.
    content, path
        Of the copy, for messages; the reviewer sees it under the name of the version's file.
    reason
        Code of the checklist.

    Raises
    ------
    UserError
        As `take_copy`, and as `iddkit.qc.queue.plants.plant`.
    """
    with store.looking() as work:
        frame, project = find_frame(work, name), work.project
        problem = find_problem(work, frame, find_person(work, lead))
        revision = None if problem else work.state.get(Revision, frame.id, frame.revision)
    copy = Copy("", reason)
    if revision is not None:  # else the queue says why nothing can be planted
        copy = take_copy(
            project, store.files(project), frame, revision, content, reason, path=path or Path(revision.file_name)
        )
    with store.writing(now) as work:
        there, person = find_frame(work, frame.key), None if reviewer is None else find_person(work, reviewer)
        if revision is not None and there.revision != frame.revision:
            raise OptionError("was handed in anew meanwhile", where=printable(frame.key))
        return plant(work, there, find_person(work, lead), copy, person=person)


def plant_by_lot(
    store: Store,
    lead: str,
    *,
    stage: Stage | None = None,
    batch: str | None = None,
    reviewer: str | None = None,
    frames: Sequence[str] = (),
    count: int = 1,
    seed: int = 0,
    kinds: Sequence[str] = KINDS,
    now: datetime | None = None,
) -> Planting:
    """Plant spoiled copies at frames that are chosen by lot among those where that can be done now.

    Parameters
    ----------
    store
        Of the project.
    lead
        Name of the lead.
    stage, batch, reviewer
        Only at this review, in this batch, for this person; by default for whoever reviews the frame first.
    frames
        Names of the only frames that may be chosen, wherever they stand; all, if there are none.
    count
        How many.
    seed
        Of the lots, and of what is made wrong: the same project and seed have the same result.
    kinds
        Of `iddkit.qc.spoiling.KINDS`.
    now
        The time of the events; the system's, if None.

    Raises
    ------
    RefusedError
        The one who plants is no lead.
    OptionError
        There is nobody and nothing of a name, or no frame at which anything can be planted.
    """
    with store.writing(now) as work:  # first of all: what a refusal says is for leads
        require_lead(work, find_person(work, lead), "plant errors")
    with store.looking() as work:
        actor = find_person(work, lead)
        person = None if reviewer is None else find_person(work, reviewer)
        chosen = None if batch is None else find_batch(work, batch)
        if frames:
            able = [find_frame(work, name) for name in frames]
            for frame in able:
                problem = find_problem(work, frame, actor, person)
                if problem:
                    raise OptionError(problem, where=printable(frame.key))
        else:
            able = _find_able(survey(work, actor, stage=stage, batch=chosen, person=person))
        project, folder = work.project, store.files(work.project)
    planted: list[Plant] = []
    problems: dict[str, str] = {}
    for frame in _cast(able, seed):
        if len(planted) == count:
            break
        try:
            with store.looking() as work:
                revision = work.state.get(Revision, frame.id, frame.revision)
            copy = spoil_version(project, folder, frame, revision, kinds=kinds, seed=seed + frame.id)
            with store.writing(now) as work:
                there, by = work.state.get(Frame, frame.id), find_person(work, lead)
                whom = None if reviewer is None else find_person(work, reviewer)
                if there.revision != frame.revision:
                    raise OptionError("was handed in anew meanwhile", where=printable(frame.key))
                planted.append(plant(work, there, by, copy, person=whom))
        except UserError as error:  # another one is taken
            problems[frame.key] = error.problem
    return Planting(tuple(planted), problems)


def _find_able(surveyed: Sequence[tuple[Frame, str]]) -> list[Frame]:
    """Return the frames at which something can be planted; OptionError, with the commonest reasons, for none."""
    able = [frame for frame, problem in surveyed if not problem]
    if able:
        return able
    reasons = Counter(problem for _, problem in surveyed).most_common(3)
    told = "; ".join(f"{problem} ({count} of {len(surveyed)})" for problem, count in reasons)
    why = told or "none waits for a review that was asked for"
    raise OptionError(f"there is no frame at which anything can be planted now: {why}")


def _cast(able: Sequence[Frame], seed: int) -> Iterator[Frame]:
    dice = Dice(seed, 23)
    for _, _, frame in sorted((dice.random(), frame.id, frame) for frame in able):
        yield frame


def _size(annotation: Annotation, frame: Frame) -> Annotation:
    """Return an annotation with a size: its own, or that of the image."""
    if annotation.size != (0, 0):
        return annotation
    size = image_size(frame)
    if size is None:
        raise FrameError("neither file nor image says how large it is", where=printable(frame.key))
    return annotation.with_size(*size)


def _find_rules(project: Project, frame: Frame, reading: Reading) -> Counter[str]:
    """Return which rules find something in an annotation, and how often."""
    checked = examine(project, frame, reading)
    return Counter() if checked is None else Counter(finding.rule for finding in checked.findings)
