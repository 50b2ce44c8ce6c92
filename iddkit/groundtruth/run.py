"""Rasterize an index of frames: in parallel, resumable, one bad frame at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from iddkit import files, frames, labels
from iddkit.errors import FrameError, OptionError, OutputError, UserError
from iddkit.frames import Index
from iddkit.groundtruth import manifest as manifests
from iddkit.groundtruth.frame import FrameResult, Task, rasterize_frame
from iddkit.groundtruth.ledger import Ledger
from iddkit.groundtruth.panoptic_files import PanopticFiles
from iddkit.groundtruth.plan import Plan, make_plan
from iddkit.journal import Journal
from iddkit.versions import made_by
from iddkit.workers import run_tasks

Progress = Callable[[int, int], None]

# What the workers need, loaded once for all of them.
_PRELOAD = ("iddkit.groundtruth.frame", "iddkit.formats.cityscapes")


@dataclass
class Report:
    """What a run did.

    Attributes
    ----------
    done, skipped, failed
        Frames written, found up to date, and not made.
    images
        Image files that were written.
    ledger
        The account of all polygons of the frames that are done or up to date.
    failures
        One line for each problem: ``path: where: problem``.
    notes
        Images without an annotation and the reverse: often meant so.
    warnings
        What a user should know although every frame was made: parts of a file that are no object and could not be
        read, images of an older state.
    manifest
        Path of ``rasterize.json``, or None when nothing was made.
    fills
        Fill rule to the frames that were painted by it.
    """

    done: int = 0
    skipped: int = 0
    failed: int = 0
    images: int = 0
    ledger: Ledger = field(default_factory=Ledger)
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    manifest: Path | None = None
    fills: dict[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every frame was made."""
        return not self.failures

    def add(self, result: FrameResult) -> None:
        """Count one frame."""
        self.warnings += result.warnings
        if result.status == "foreign":
            self.notes += result.problems
            return
        if result.status == "failed":
            self.failed += 1
            self.failures += result.problems
            return
        assert result.record is not None
        self.done += result.status == "done"
        self.skipped += result.status == "skipped"
        self.images += result.written
        self.ledger += result.record.ledger
        self.fills[result.record.fill] = self.fills.get(result.record.fill, 0) + 1


def rasterize(
    source: Index | str | Path,
    out: str | Path | None = None,
    plan: Plan | None = None,
    *,
    jobs: int = 1,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Write the label images of all frames of a dataset.

    Parameters
    ----------
    source
        A dataset's folder, an annotation file, an index CSV, or an index.
    out
        Folder that mirrors the dataset's tree; default: beside the polygons.
    plan
        What to make (`iddkit.groundtruth.make_plan`); default: IDD's level3 label images.
    jobs
        Worker processes. With more than one, a script needs ``if __name__ == "__main__":``.
    overwrite
        Make every frame anew, and replace images that iddkit did not make or made otherwise.
    progress
        Called after each frame, in this process, with how many are looked at and how many there are.

    Returns
    -------
    Report
        Frames that cannot be made are in its ``failures``; they do not raise.

    Raises
    ------
    UserError
        Nothing can be done at all: no such dataset, an output folder that cannot be written.
    """
    if jobs < 1:
        raise OptionError(f"{jobs} jobs: at least one is needed")
    index = source if isinstance(source, Index) else frames.scan(Path(source))
    plan = plan or make_plan(labels.load("idd"))
    root = Path(index.root)
    folder = root if out is None else Path(out)
    report = Report()
    for problem in index.problems:
        line = str(FrameError(problem.problem, path=root / problem.path))
        if problem.is_error:
            report.failed += 1
            report.failures.append(line)
        else:
            report.notes.append(line)
    with Journal(folder / manifests.JOURNAL) as journal:
        manifest = manifests.load(folder, plan.settings(), _relative(root, folder), overwrite)
        if journal.resumed:
            files.remove_temporaries(folder)
        panoptic = PanopticFiles(folder, plan, manifest.outputs)
        panoptic.entries.update(manifest.panoptic)
        if not any(frame.annotation for frame in index.frames):
            raise FrameError("no frame has an annotation", path=root)
        tasks = list(_tasks(index, root, folder, plan, manifest, panoptic, overwrite, report))
        try:
            for done, result in enumerate(run_tasks(rasterize_frame, tasks, jobs, _PRELOAD), start=1):
                if result.status == "foreign" and (index.layout != "flat" or len(tasks) == 1):
                    # Its name says that it is an annotation, or it was asked for; it was not met on the way.
                    result = replace(result, status="failed")
                if result.status == "done":
                    assert result.record is not None
                    journal.add(manifests.journal_entry(manifest.settings, result.key, result.record, result.panoptic))
                    manifest.frames[result.key] = result.record
                    panoptic.add(result.panoptic)
                report.add(result)
                if progress is not None:
                    progress(done, len(tasks))
            if manifest.frames:
                panoptic.write(overwrite)
        except UserError as error:
            # What was made so far is on record in the journal; the run ends with what it knows.
            report.failures.append(str(error))
        _forget_what_is_gone(manifest, index, root)
        if manifest.frames:
            try:
                report.manifest = manifests.save(folder, manifest)
                journal.clear()
            except OutputError as error:
                report.failures.append(str(error))
    stale = sum(len(record.stale) for record in manifest.frames.values())
    if stale:
        report.warnings.append(f"{stale} images are of an older state of their frame; name their levels to renew them")
    return report


def _forget_what_is_gone(manifest: manifests.Manifest, index: Index, root: Path) -> None:
    known = {frame.key for frame in index.frames if frame.annotation is not None}
    for key, record in list(manifest.frames.items()):
        if key not in known and not (root / record.annotation).exists():
            del manifest.frames[key]


def _relative(root: Path, folder: Path) -> str:
    if folder == root:
        return "."
    try:
        return Path(os.path.relpath(root, folder)).as_posix()
    except ValueError:  # Windows: another drive
        return root.absolute().as_posix()


def _tasks(
    index: Index,
    root: Path,
    folder: Path,
    plan: Plan,
    manifest: manifests.Manifest,
    panoptic: PanopticFiles,
    overwrite: bool,
    report: Report,
) -> Iterator[Task]:
    taken: dict[str, str] = {}
    other, versions = manifest.recorded_source != manifest.source, made_by()
    for frame in index.frames:
        if frame.annotation is None:
            continue
        task = Task(frame, root, folder, plan, manifest.frames.get(frame.key), False, overwrite, other, versions)
        try:
            outputs = list(task.outputs().values())
            clash = next((path for path in outputs if path in taken), None)
            if clash is not None:
                raise FrameError(f"its image {clash} would be that of {taken[clash]}, too", path=task.path)
        except FrameError as error:
            report.add(FrameResult(frame.key, "failed", (str(error),)))
            continue
        taken.update(dict.fromkeys(outputs, frame.key))
        yield replace(task, needs_segments=panoptic.lacks(frame))
