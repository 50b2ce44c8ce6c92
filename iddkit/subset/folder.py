"""Writing a derived dataset: its folder is locked, its frames are made in parallel, and the manifest seals it.

Three steps, so that reports can be written between the second and the third::

    with DatasetFolder(out, root, plan) as folder:      # locked; another plan's dataset is refused
        built = folder.build(frames, jobs=8)            # images and labels
        folder.write("report.html", content)
        folder.finish(numbers)                          # the manifest; what is no longer wanted goes

Each finished frame is a line of ``manifest.jsonl``. A run that was killed is started again with the same command: it
makes the frames that are missing, and ends with the same bytes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import iddkit
from iddkit import files
from iddkit.errors import FrameError, OptionError, OutputError
from iddkit.frames import Frame
from iddkit.journal import Journal
from iddkit.subset import manifest as manifests
from iddkit.subset.earlier import Earlier, recall, state
from iddkit.subset.frame import FramePlan, level_names
from iddkit.subset.manifest import FrameRecord, Manifest
from iddkit.subset.place import refuse_source, remove_file, source_files
from iddkit.subset.plan import SubsetPlan
from iddkit.subset.task import Build, FrameResult, FrameTask, build_frame, in_place
from iddkit.versions import made_by
from iddkit.workers import run_tasks

JOURNAL: Final = "manifest.jsonl"

Progress = Callable[[int, int], None]

# What the workers need, loaded once for all of them.
_PRELOAD = ("iddkit.subset.task", "iddkit.formats.cityscapes")


class DatasetFolder:
    """The folder of a derived dataset while it is written.

    A context manager, which only one process at a time can enter. Whatever lies in the folder is iddkit's own if the
    manifest or the journal has its hash, and is replaced or removed when it is no longer wanted. The rest is a user's:
    never removed, and replaced with `overwrite` only.

    Parameters
    ----------
    out, root
        Folders of the derived dataset and of the source.
    plan
        What is to be made.
    source_level
        Level of the source's label images, where their names do not say it.
    overwrite
        Replace the dataset of another plan or source, and files that are not iddkit's.

    Attributes
    ----------
    notes
        What a user has to know of the folder as a whole.

    Raises
    ------
    OutputError
        On entering: the folder cannot be written, another run is writing there, it holds the source, a damaged
        manifest, or without `overwrite` another dataset or a file that was changed since iddkit wrote it.
    """

    def __init__(
        self,
        out: str | Path,
        root: str | Path,
        plan: SubsetPlan,
        *,
        source_level: str | None = None,
        overwrite: bool = False,
    ) -> None:
        self.out, self.root, self.plan = Path(out), Path(root), plan
        self.notes: list[str] = []
        self._overwrite = overwrite
        # All but its contents.
        self._dataset = Manifest(
            iddkit.__version__,
            made_by(),
            files.relative_path(self.root, self.out),
            plan.settings(),
            level_names(plan.label_map, plan.level),
            {},
            {},
            source_level=source_level,
        )
        self._state = state(self._dataset)
        self._journal = Journal(self.out / JOURNAL)
        self._earlier = Earlier()
        self._records: dict[str, FrameRecord] = {}
        self._files: dict[str, str] = {}
        self._order: list[str] = []
        self._failed: int | None = None  # nothing was built yet

    def __enter__(self) -> DatasetFolder:
        refuse_source(self.out, self.root)
        self._journal.__enter__()
        try:
            self._earlier = recall(self.out, JOURNAL, self._dataset, self._overwrite)
            self._refuse_changed_files()
            if self._journal.resumed:
                files.remove_temporaries(self.out)
        except BaseException:
            self._journal.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._journal.__exit__()

    def _refuse_changed_files(self) -> None:
        # Before anything is done: the folder and its manifest stay as they are, and 'verify' still tells what changed.
        if self._overwrite:
            return
        changed = [p for p, own in sorted(self._earlier.own.items()) if self._present(p) not in (None, *own)]
        if changed:
            others = f", and {len(changed) - 1} more files" if len(changed) > 1 else ""
            problem = f"was changed since it was written{others}; --overwrite replaces what was changed"
            raise OutputError(problem, path=self.out / changed[0])

    def build(self, frames: Iterable[Frame], *, jobs: int = 1, progress: Progress | None = None) -> Build:
        """Make the files of all frames; those that are as an earlier run left them stay.

        Parameters
        ----------
        frames, jobs, progress
            As `build` has them.

        Raises
        ------
        OutputError
            Nothing more can be written (the disk is full), or the folder holds other frames and nothing is to be
            overwritten.
        """
        if jobs < 1:
            raise OptionError(f"{jobs} jobs: at least one is needed")
        wanted = list(frames)
        self._order = [frame.key for frame in wanted]
        self._refuse_other_frames()
        results: list[FrameResult] = []
        tasks = list(self._tasks(wanted, results))
        # With this entry the folder is known as iddkit's own, whatever happens before the first frame is recorded.
        self._journal.add({"state": self._state})
        with contextlib.closing(run_tasks(build_frame, tasks, jobs, _PRELOAD)) as done:
            for count, result in enumerate(done, start=1):
                if result.status == "full":
                    raise OutputError(f"{result.problem}; when there is room, start the same command again")
                self._record(result)
                results.append(result)
                if progress is not None:
                    progress(count, len(tasks))
        place = {key: i for i, key in enumerate(self._order)}
        report = Build()
        for result in sorted(results, key=lambda result: place[result.key]):
            report.add(result)
        self._failed = report.failed
        self._keep_what_failed()
        return report

    def _refuse_other_frames(self) -> None:
        left = sorted(set(self._earlier.known) - set(self._order))
        if left and not self._overwrite:
            others = f" and {len(left) - 1} more" if len(left) > 1 else ""
            problem = f"holds the frame {left[0]}{others}, not wanted now that the source has changed"
            raise OutputError(f"{problem}; --overwrite removes what is too much", path=self.out)

    def _tasks(self, frames: Sequence[Frame], results: list[FrameResult]) -> Iterator[FrameTask]:
        plan = FramePlan.of(self.plan, self._dataset.source_level)
        taken: dict[str, str] = {}
        out, root = os.path.realpath(self.out), os.path.realpath(self.root)
        for frame in frames:
            sources = source_files(frame, root)
            try:
                paths = plan.outputs(frame).values()
                lost = next((path for path in paths if os.path.join(out, path) in sources), None)
                if lost is not None:
                    raise FrameError(f"its file {lost} would be written over a file of the source", path=frame.key)
                clash = next((path for path in paths if path in taken), None)
                if clash is not None:
                    problem = f"its file {clash} would be that of {taken[clash]}, too: rename one of them"
                    raise FrameError(problem, path=frame.key)
            except FrameError as error:
                results.append(FrameResult(frame.key, "failed", str(error)))
                continue
            taken.update(dict.fromkeys(paths, frame.key))
            own = {path: frozenset(self._earlier.own[path]) for path in paths if path in self._earlier.own}
            previous, hashes = self._earlier.known.get(frame.key, (None, {}))
            yield FrameTask(frame, self.root, self.out, plan, previous, hashes, own, self._overwrite)

    def _record(self, result: FrameResult) -> None:
        if result.status == "done":
            assert result.record is not None
            entry = {"state": self._state, "key": result.key, "record": result.record.to_json()}
            self._journal.add({**entry, "files": dict(result.hashes)})
        if result.record is not None:
            self._records[result.key] = result.record
            self._files.update(result.hashes)

    def _keep_what_failed(self) -> None:
        """Keep on record what an earlier run of the same plan made of the frames that failed now."""
        for key in self._order:
            if key not in self._records and key in self._earlier.known:
                record, hashes = self._earlier.known[key]
                if all(self._present(path) == digest for path, digest in hashes.items()):
                    self._records[key] = record
                    self._files.update(hashes)

    @property
    def records(self) -> dict[str, FrameRecord]:
        """What was built of each frame, by its key in the source, in the order of the frames."""
        return {key: self._records[key] for key in self._order if key in self._records}

    def write(self, name: str, content: bytes) -> None:
        """Write another file of the dataset: a report, a card.

        Parameters
        ----------
        name
            Path in the folder, with ``/``.
        content
            Of the file.

        Raises
        ------
        OutputError
            It cannot be written, or a file that is not iddkit's is there.
        """
        relative = manifests.check_path(name)
        if relative in self._files or relative in (manifests.NAME, JOURNAL):
            raise OutputError("is a file of the dataset already", path=self.out / relative)
        digest = files.sha256(content)
        own = self._earlier.own.get(relative)
        if not in_place(self.out / relative, digest, own, self._overwrite):
            # First the entry: a file that is found after a kill is known to be iddkit's own.
            self._journal.add({"state": self._state, "files": {relative: digest}})
            files.write_bytes(self.out / relative, content)
        self._files[relative] = digest

    def finish(self, numbers: Mapping[str, Any] | None = None) -> Manifest:
        """Write the manifest, and remove what earlier runs wrote and is no longer wanted.

        Where frames failed nothing is removed, and what an earlier run of the same plan made of them stays on record.

        Parameters
        ----------
        numbers
            JSON values for `Manifest.numbers`.

        Raises
        ------
        OutputError
            It cannot be written.
        """
        if self._failed is None:
            raise ValueError("build comes before finish")
        self._remove_unwanted()
        manifest = replace(self._dataset, frames=self.records, files=self._files, numbers=numbers or {})
        manifest.save(self.out)
        self._journal.clear()
        return manifest

    def _present(self, relative: str) -> str | None:
        """Return the hash of a file; "" for what is no file, None for nothing."""
        try:
            return files.present_hash(self.out / relative)
        except OutputError:
            return ""

    def _remove_unwanted(self) -> None:
        left = changed = 0
        for path in sorted(set(self._earlier.own) - set(self._files)):
            present = self._present(path)
            if present is None:
                continue
            if present not in self._earlier.own[path]:
                changed += 1
            elif self._failed:
                left += 1
            else:
                remove_file(self.out, path)
        if left:
            self.notes.append(f"{self.out}: {left} files of earlier runs stay, as frames failed")
        if changed:
            self.notes.append(f"{self.out}: {changed} files of earlier runs were changed since, and stay")
