"""Where the dataset has the files of a frame: its image, and the annotation that it came with."""

from __future__ import annotations

from pathlib import Path

from iddkit.errors import ImageError
from iddkit.images import read_size
from iddkit.qc.state import Frame


def image_path(frame: Frame) -> Path | None:
    """Return where a frame's image lies, or None: no image, or a path that leads out of the dataset."""
    return _inside(frame.root, frame.image)


def annotation_path(frame: Frame) -> Path | None:
    """Return where the annotation lies that a frame came with, or None, as `image_path` does."""
    return _inside(frame.root, frame.annotation)


def image_size(frame: Frame) -> tuple[int, int] | None:
    """Return width and height of a frame's image; None without one, or if it cannot be read."""
    path = image_path(frame)
    try:
        return None if path is None else read_size(path)
    except ImageError:
        return None


def _inside(root: str, name: str) -> Path | None:
    path = Path(name)
    return None if not name or path.is_absolute() or ".." in path.parts else Path(root) / path
