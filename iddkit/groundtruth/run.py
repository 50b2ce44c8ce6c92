"""Rasterize an index of frames: in parallel, resumable, one bad frame at a time."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, as_completed, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from iddkit import files, frames, labels
from iddkit.errors import FrameError, OptionError, OutputError, UserError
from iddkit.frames import Index
from iddkit.groundtruth import manifest as manifests
from iddkit.groundtruth.frame import FrameResult, Task, rasterize_frame
from iddkit.groundtruth.ledger import Ledger
from iddkit.groundtruth.panoptic_files import PanopticFiles
from iddkit.groundtruth.plan import Plan, make_plan
from iddkit.versions import made_by

# Frames handed to a worker at once: enough to hide the hand-over, few enough to lose little when killed.
_BATCH = 8

Progress = Callable[[int, int], None]


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
    with manifests.Journal(folder) as journal:
        manifest = manifests.load(folder, plan.settings(), _relative(root, folder), overwrite)
        if manifest.journalled:
            files.remove_temporaries(folder)
        panoptic = PanopticFiles(folder, plan, manifest.outputs)
        panoptic.entries.update(manifest.panoptic)
        if not any(frame.annotation for frame in index.frames):
            raise FrameError("no frame has an annotation", path=root)
        tasks = list(_tasks(index, root, folder, plan, manifest, panoptic, overwrite, report))
        try:
            for done, result in enumerate(_results(tasks, jobs), start=1):
                if result.status == "foreign" and (index.layout != "flat" or len(tasks) == 1):
                    # Its name says that it is an annotation, or it was asked for; it was not met on the way.
                    result = replace(result, status="failed")
                if result.status == "done":
                    assert result.record is not None
                    journal.add(manifest.settings, result.key, result.record, result.panoptic)
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


def _do(tasks: Sequence[Task]) -> list[FrameResult]:
    return [rasterize_frame(task) for task in tasks]


def _results(tasks: Sequence[Task], jobs: int) -> Iterator[FrameResult]:
    batches = [tasks[i : i + _BATCH] for i in range(0, len(tasks), _BATCH)]
    if jobs == 1 or len(batches) < 2:
        _keep_freed_memory()
        for task in tasks:
            yield rasterize_frame(task)
        return
    with _pool(min(jobs, len(batches))) as pool:
        waiting: set[Future[list[FrameResult]]] = set()
        try:
            for batch in batches:
                with _interrupts_held_back():  # it may start a worker, which is not to be left half started
                    waiting.add(pool.submit(_do, batch))
                # A few batches ahead, not all: what waits is memory.
                if len(waiting) >= 3 * jobs:
                    finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    for future in finished:
                        yield from future.result()
            for future in as_completed(waiting):
                yield from future.result()
        except BrokenProcessPool as error:
            problem = (
                "the worker processes ended: killed, perhaps for want of memory (fewer jobs need less), or never "
                "started (a script that asks for several jobs needs 'if __name__ == \"__main__\":')"
            )
            raise OptionError(problem) from error


@contextmanager
def _pool(jobs: int) -> Iterator[ProcessPoolExecutor]:
    # Not by plain fork: the parent's libraries hold threads, and a fork in that state can hang.
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        from multiprocessing import forkserver, resource_tracker  # not to be had on Windows

        context.set_forkserver_preload(["iddkit.groundtruth.run", "iddkit.formats.cityscapes"])
        resource_tracker.ensure_running()  # which lifts every mask when it starts
        with _interrupts_held_back():
            forkserver.ensure_running()
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_start_worker)
    try:
        yield pool
        pool.shutdown()
    except BaseException:
        # Ctrl-C among them: what runs is finished and recorded by nobody, what waits is dropped.
        pool.shutdown(wait=True, cancel_futures=True)
        raise


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    # Ctrl-C reaches every process of the group, and a worker is not to be left half started. What starts meanwhile
    # inherits the mask of this thread: the server of the workers and the workers never see the signal. This process
    # may take it in any of its threads, so its handler waits as well.
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    came: list[tuple[Any, ...]] = []
    handler = signal.signal(signal.SIGINT, lambda *arguments: came.append(arguments))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
    if came and callable(handler):
        handler(*came[0])


def _keep_freed_memory() -> None:
    # glibc gives the memory of a frame back to the system and takes it again, page by page, for the next one. One
    # allocation just below its largest threshold, freed at once and never touched, teaches it to keep such memory.
    np.empty(2**25 - 2**16, dtype=np.uint8)


def _start_worker() -> None:
    _keep_freed_memory()
    _follow_the_parent()


def _follow_the_parent() -> None:
    # The parent decides what an interrupt means, and a worker must not outlive a parent that was killed.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)
