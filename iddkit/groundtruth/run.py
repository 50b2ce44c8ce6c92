"""Rasterize an index of frames: in parallel, resumable, one bad frame at a time."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, as_completed, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iddkit import frames, labels
from iddkit.errors import FrameError, OptionError, OutputError
from iddkit.frames import Frame, Index
from iddkit.groundtruth import manifest as manifests
from iddkit.groundtruth.encode import Encoder
from iddkit.groundtruth.frame import FrameResult, rasterize_frame
from iddkit.groundtruth.ledger import Ledger
from iddkit.groundtruth.panoptic_files import PanopticFiles
from iddkit.groundtruth.plan import Plan, make_plan
from iddkit.versions import pixel_versions

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
        Image files of the frames that are done.
    ledger
        The account of all polygons of the frames that are done or up to date.
    failures
        One line for each problem: ``path: where: problem``.
    notes
        What a user may want to know and need not mend: images without an annotation.
    manifest
        Path of ``rasterize.json``, or None when nothing was made.
    """

    done: int = 0
    skipped: int = 0
    failed: int = 0
    images: int = 0
    ledger: Ledger = field(default_factory=Ledger)
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    manifest: Path | None = None
    fills: dict[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every frame was made."""
        return not self.failures

    def add(self, result: FrameResult, images: int) -> None:
        """Count one frame."""
        if result.status == "failed":
            self.failed += 1
            self.failures += result.problems
            return
        assert result.record is not None
        self.done += result.status == "done"
        self.skipped += result.status == "skipped"
        self.images += images if result.status == "done" else 0
        self.ledger += Ledger.from_json(result.record["ledger"])
        fill = result.record["fill"]
        self.fills[fill] = self.fills.get(fill, 0) + 1


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
    manifest = manifests.load(folder, plan.settings(), overwrite)
    report = Report()
    for problem in index.problems:
        line = str(FrameError(problem.problem, path=root / problem.path))
        if problem.is_error:
            report.failed += 1
            report.failures.append(line)
        else:
            report.notes.append(line)
    work = [frame for frame in index.frames if frame.annotation is not None]
    panoptic = PanopticFiles(folder, plan, manifest.outputs)
    panoptic.entries.update(manifest.panoptic)
    tasks = [
        _Task(frame, root, folder, plan, manifest.frames.get(frame.key), panoptic.lacks(frame), overwrite)
        for frame in work
    ]
    with manifests.Journal(folder, manifest) as journal:
        for done, result in enumerate(_results(tasks, jobs), start=1):
            if result.status == "done":
                assert result.record is not None
                journal.add(result.key, result.record, result.panoptic)
                manifest.frames[result.key] = dict(result.record)
                panoptic.add(result.panoptic)
            report.add(result, len(plan.products))
            if progress is not None:
                progress(done, len(tasks))
    if manifest.frames:
        try:
            panoptic.write(overwrite)
        except OutputError as error:
            report.failures.append(str(error))
        report.manifest = manifests.save(folder, manifest, pixel_versions())
    return report


@dataclass(frozen=True, slots=True)
class _Task:
    frame: Frame
    root: Path
    out: Path
    plan: Plan
    previous: Mapping[str, Any] | None
    needs_segments: bool
    overwrite: bool


def _do(tasks: Sequence[_Task], encoder: Encoder | None = None) -> list[FrameResult]:
    encoder = encoder or Encoder()
    return [
        rasterize_frame(
            task.frame,
            task.root,
            task.out,
            task.plan,
            previous=task.previous,
            needs_segments=task.needs_segments,
            overwrite=task.overwrite,
            encoder=encoder,
        )
        for task in tasks
    ]


def _results(tasks: Sequence[_Task], jobs: int) -> Iterator[FrameResult]:
    batches = [tasks[i : i + _BATCH] for i in range(0, len(tasks), _BATCH)]
    if jobs == 1 or len(batches) < 2:
        encoder = Encoder()
        for task in tasks:
            yield from _do([task], encoder)
        return
    with _pool(min(jobs, len(batches))) as pool:
        waiting: set[Future[list[FrameResult]]] = set()
        for batch in batches:
            waiting.add(pool.submit(_do, batch))
            # A few batches ahead, not all: what waits is memory.
            if len(waiting) >= 3 * jobs:
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from _unpacked(finished)
        yield from _unpacked(as_completed(waiting))


def _unpacked(futures: Iterable[Future[list[FrameResult]]]) -> Iterator[FrameResult]:
    try:
        for future in futures:
            yield from future.result()
    except BrokenProcessPool as error:
        problem = "a worker process was killed, perhaps for want of memory; start again with fewer jobs to go on"
        raise OptionError(problem) from error


@contextmanager
def _pool(jobs: int) -> Iterator[ProcessPoolExecutor]:
    # Not by plain fork: the parent's libraries hold threads, and a fork in that state can hang.
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        context.set_forkserver_preload(["__main__", "iddkit.groundtruth.run", "iddkit.formats.cityscapes"])
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_leave_interrupts_to_the_parent)
    try:
        yield pool
        pool.shutdown()
    except BaseException:
        # Ctrl-C among them: what runs is finished and recorded by nobody, what waits is dropped.
        pool.shutdown(wait=True, cancel_futures=True)
        raise


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
