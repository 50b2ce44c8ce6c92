"""Where a derived dataset may lie beside its source, and taking a file away from it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from iddkit.errors import OutputError
from iddkit.frames import Frame
from iddkit.frames.layout import DRIVE_FOLDERS, LABELME_FOLDERS


def refuse_source(out: Path, root: Path) -> None:
    """Raise where the folder `out` of a derived dataset and the folder `root` of its source get into each other's way.

    Raises
    ------
    OutputError
        `out` holds the source, or lies where the source's own files do.
    """
    try:
        here, there = out.resolve(), root.resolve()
    except (OSError, RuntimeError):  # a loop of links: whatever is wrong with it is said when it is used
        return
    if here == there or here in there.parents:
        raise OutputError("holds the source; a derived dataset needs a folder of its own", path=out)
    inside = there in here.parents and here.relative_to(there).parts[0]
    if inside in (*DRIVE_FOLDERS, *LABELME_FOLDERS):
        # It would be looked at as a part of the source when the same command is started again.
        raise OutputError(f"lies in {inside} of the source; a derived dataset needs a folder of its own", path=out)


def source_files(frame: Frame, root: str) -> set[str]:
    """Return the paths of a frame's own files; `root` is the real path of the source."""
    paths = (frame.image, frame.annotation, frame.labels)
    return {os.path.normpath(os.path.join(root, path)) for path in paths if path is not None}


def remove_file(out: Path, relative: str) -> None:
    """Remove a file of the folder `out`, and the folders that it leaves empty.

    Raises
    ------
    OutputError
        It cannot be removed.
    """
    path = out / relative
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"cannot be removed: {error.strerror or error}", path=path) from error
    with contextlib.suppress(OSError):  # a folder that is not empty
        for folder in list(path.parents)[: len(Path(relative).parts) - 1]:
            folder.rmdir()
