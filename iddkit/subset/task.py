"""The work on one frame of a derived dataset (read, make, write; in any process), and the account of all frames."""

from __future__ import annotations

import errno
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from iddkit import files
from iddkit.errors import OutputError, UserError
from iddkit.frames import Frame
from iddkit.subset.frame import FramePlan, FrameSource, make_frame, read_frame
from iddkit.subset.manifest import FrameRecord, Manifest

# What does not go away with the next frame: a full disk, a quota, a disk that can only be read.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


@dataclass(frozen=True, slots=True)
class FrameTask:
    """One frame to make.

    Attributes
    ----------
    frame
        Paths relative to `root`.
    root, out
        Folders of the source and of the derived dataset.
    plan
        What to make.
    previous, hashes
        The record of an earlier run of the same plan, and the hashes of its files; None if there is none.
    own
        Path to the hashes of files that earlier runs of any plan wrote there: these may be replaced.
    overwrite
        Replace other files, too.
    """

    frame: Frame
    root: Path
    out: Path
    plan: FramePlan
    previous: FrameRecord | None = None
    hashes: Mapping[str, str] = field(default_factory=dict)
    own: Mapping[str, frozenset[str]] = field(default_factory=dict)
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class FrameResult:
    """What was done for one frame.

    Attributes
    ----------
    key
        The frame's key in the source.
    status
        ``done``, ``skipped`` (up to date), ``failed``, or ``full``: nothing can be written any more.
    problem
        Why it failed, in one line.
    record, hashes
        What the manifest says of the frame, and of each of its files.
    written
        Files that were not in place already.
    notes
        As `iddkit.subset.frame.FrameFiles` has them.
    """

    key: str
    status: str
    problem: str = ""
    record: FrameRecord | None = None
    hashes: Mapping[str, str] = field(default_factory=dict)
    written: int = 0
    notes: tuple[str, ...] = ()


@dataclass
class Build:
    """What was done for the frames of a derived dataset.

    Attributes
    ----------
    done, skipped, failed
        Frames that were made, found up to date, and not made.
    written
        Files of frames that were written; those that were in place already are not.
    failures
        One line for each frame that failed: ``path: where: problem``.
    notes
        What a user may want to know of frames that were made.
    manifest
        The record of the dataset, once it is finished.
    """

    done: int = 0
    skipped: int = 0
    failed: int = 0
    written: int = 0
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    manifest: Manifest | None = None

    @property
    def ok(self) -> bool:
        """Whether every frame was made."""
        return not self.failures

    def add(self, result: FrameResult) -> None:
        """Count one frame."""
        self.notes += result.notes
        self.written += result.written
        self.done += result.status == "done"
        self.skipped += result.status == "skipped"
        if result.problem:
            self.failed += 1
            self.failures.append(result.problem)


def build_frame(task: FrameTask) -> FrameResult:
    """Write all files of a frame, or none; nothing that can be wrong with the frame raises."""
    key = task.frame.key
    try:
        source = read_frame(task.frame, task.root)
        if _up_to_date(task, source):
            return FrameResult(key, "skipped", record=task.previous, hashes=task.hashes)
        made = make_frame(source, task.plan)
        hashes = {path: files.sha256(content) for path, content in made.contents.items()}
        # First look at all that lies there, then write: a frame is made whole or left alone.
        missing = [
            path
            for path, digest in hashes.items()
            if not in_place(task.out / path, digest, task.own.get(path), task.overwrite)
        ]
        files.write_all({task.out / path: made.contents[path] for path in missing})
        return FrameResult(key, "done", "", made.record, hashes, len(missing), made.notes)
    except OutputError as error:
        status = "full" if getattr(error.__cause__, "errno", None) in _FULL else "failed"
        return FrameResult(key, status, str(error))
    except UserError as error:
        return FrameResult(key, "failed", str(error))


def _up_to_date(task: FrameTask, source: FrameSource) -> bool:
    previous = task.previous
    if previous is None or dict(previous.source) != source.files:
        return False
    return all(files.present_hash(task.out / path) == task.hashes[path] for path in previous.outputs.values())


def in_place(path: Path, digest: str, own: Collection[str] | None, overwrite: bool) -> bool:
    """Return whether a file is there and has this hash.

    Parameters
    ----------
    path, digest
        The file, and the hash that it is to have.
    own
        Hashes of the files that iddkit wrote there; None if it never did.
    overwrite
        Whether the files of others may be replaced.

    Raises
    ------
    OutputError
        Another file is there, and must not be replaced.
    """
    present = files.present_hash(path)
    if present is not None and present != digest and not overwrite and present not in (own or ()):
        reason = "is there already, and not from this run" if own is None else "was changed since it was written"
        raise OutputError(f"{reason}; --overwrite replaces it", path=path)
    return present == digest
