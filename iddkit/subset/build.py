"""Writing a derived dataset: images, labels and manifest, in one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from iddkit.frames import Frame
from iddkit.subset.folder import DatasetFolder, Progress
from iddkit.subset.plan import SubsetPlan
from iddkit.subset.task import Build


def build(
    frames: Iterable[Frame],
    root: str | Path,
    out: str | Path,
    plan: SubsetPlan,
    *,
    source_level: str | None = None,
    jobs: int = 1,
    overwrite: bool = False,
    numbers: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Build:
    """Write a derived dataset of some frames, without reports: images, labels and manifest.

    Parameters
    ----------
    frames, root
        The frames to take, in the order of their index, and its root.
    out
        Folder of the derived dataset.
    plan
        What to make of each frame.
    source_level
        Level of label images whose names do not say it.
    jobs
        Worker processes. With more than one, a script needs ``if __name__ == "__main__":``.
    overwrite
        Replace the dataset of another plan, and files that iddkit did not write.
    numbers
        Statistics for the manifest.
    progress
        Called after each frame, in this process, with how many are looked at and how many there are.

    Returns
    -------
    Build
        Frames that cannot be made are in its ``failures``; they do not raise.

    Raises
    ------
    UserError
        Nothing can be done at all: a folder that holds something else, a full disk.
    """
    with DatasetFolder(out, root, plan, source_level=source_level, overwrite=overwrite) as folder:
        built = folder.build(frames, jobs=jobs, progress=progress)
        built.manifest = folder.finish(numbers)
        built.notes += folder.notes
        return built
