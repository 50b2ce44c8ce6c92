"""Which files make a frame: found files in, frames and problems out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from iddkit.errors import printable
from iddkit.frames.index import (
    DUPLICATE,
    NO_ANNOTATION,
    NO_IMAGE,
    Frame,
    FrameProblem,
    Index,
    sort_frames,
    sort_problems,
)
from iddkit.frames.layout import ANNOTATION, DERIVED, IMAGE, LABELS, Layout, locate

Key = tuple[str, str, str]  # split, sequence, name


class File(NamedTuple):
    """A file of a frame."""

    folder: str
    name: str
    role: str
    rank: int

    @property
    def path(self) -> str:
        """The path relative to the root, with ``/``."""
        return f"{self.folder}/{self.name}" if self.folder else self.name


def pair_files(
    root: Path, layout: Layout, found: Mapping[Key, Sequence[File]], problems: Iterable[FrameProblem] = ()
) -> Index:
    """Return the index of the files found, by frame.

    A frame with two images or two annotations in one folder is left out and named among the problems, and so
    are an image without annotation or labels, and the reverse.
    """
    frames: list[Frame] = []
    noted = list(problems)
    annotated = {key for key, files in found.items() if any(file.role == ANNOTATION for file in files)}
    for key, files in found.items():
        images, annotations, labels = (_ranked(files, role) for role in (IMAGE, ANNOTATION, LABELS))
        if not annotations:
            # 'a_color.png' is a product of 'a', unless someone annotated the very file.
            images = [file for file in images if not DERIVED.search(file.name)]
            # And then it is not the label image of 'a'.
            labels = [file for file in labels if (*key[:2], Path(file.name).stem) not in annotated]
        if not (images or annotations or labels):
            continue
        twice = [*_duplicates(images), *_duplicates(annotations)]
        if twice:
            noted.append(FrameProblem(DUPLICATE, Path(twice[0].path), _text_of_duplicate(key, twice)))
            continue
        frame = Frame(*key, _path(images), _path(annotations), None if annotations else _path(labels))
        frames.append(frame)
        if frame.image is None:
            wanted = locate(layout.images[0], *key)
            noted.append(
                FrameProblem(
                    NO_IMAGE, Path((annotations or labels)[0].path), f"no image such as {printable(wanted.as_posix())}"
                )
            )
        elif not (annotations or labels):
            wanted = locate((layout.annotations or layout.labels)[0], *key)
            noted.append(
                FrameProblem(NO_ANNOTATION, frame.image, f"no annotation such as {printable(wanted.as_posix())}")
            )
    return Index(root, layout.name, sort_frames(frames), sort_problems(noted))


def _ranked(files: Sequence[File], role: str) -> list[File]:
    mine = [file for file in files if file.role == role]
    return mine if len(mine) < 2 else sorted(mine, key=lambda file: (file.rank, file.name))


def _path(files: Sequence[File]) -> Path | None:
    return Path(files[0].path) if files else None


def _duplicates(files: Sequence[File]) -> list[File]:
    # Of files in different folders (gtFine, gtCoarse) the layout says which comes first; in one it does not.
    first = [file for file in files if file.folder == files[0].folder]
    return first if len(first) > 1 else []


def _text_of_duplicate(key: Key, files: Sequence[File]) -> str:
    names = ", ".join(sorted(printable(file.name) for file in files))
    return f"{len(files)} files for the frame {printable(Frame(*key).key)}, none was chosen: {names}"
