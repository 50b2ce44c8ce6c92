"""The values: a frame, what is wrong with one, and the ordered list of a dataset's frames."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

#: Kinds of `FrameProblem`. An image without its annotation and the reverse are often meant so: a test split is
#: published without annotations, and polygons can be drawn without the images.
NO_ANNOTATION: Final = "no annotation"
NO_IMAGE: Final = "no image"
NAME: Final = "unknown name"  # an image or annotation that is not named as the layout asks
LINK: Final = "link"  # a link to a folder that was not followed
DATASET: Final = "dataset"  # a dataset of its own inside a flat folder, not scanned
DUPLICATE: Final = "duplicate"  # several files, or rows, are one frame; none was chosen
FOLDER: Final = "folder"  # a folder named like a file
DEPTH: Final = "wrong depth"  # a file in another depth of folders than the layout asks
UNREADABLE: Final = "unreadable"  # a folder that cannot be listed, a link to nothing, a device

#: Kinds that leave something of the dataset out although it was meant to be in: the user has to mend them.
ERRORS: Final = frozenset({DUPLICATE, FOLDER, DEPTH, UNREADABLE})


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a dataset and where its files lie.

    Attributes
    ----------
    split
        ``train``, ``val``, ``test`` ..., or "" where the layout has no splits.
    sequence
        The drive sequence or city; in LabelMe layouts the folder (``a/b``); "" if there is none.
    name
        What the frame's files have in common.
    image, annotation, labels
        The image, the polygon file (JSON or XML) and the label image, relative to the root of the index, or None.
        `labels` is that of a dataset which comes as label images: it is None beside polygons, of which label
        images are only a product.
    """

    split: str
    sequence: str
    name: str
    image: Path | None = None
    annotation: Path | None = None
    labels: Path | None = None

    @property
    def key(self) -> str:
        """``split/sequence/name``, empty parts left out: what tells the frame from every other of its index."""
        return "/".join(part for part in (self.split, self.sequence, self.name) if part)


@dataclass(frozen=True, slots=True)
class FrameProblem:
    """What is wrong with a file, folder or row of a dataset.

    Attributes
    ----------
    kind
        One of the constants `NO_ANNOTATION`, `NO_IMAGE`, `NAME`, `LINK`, `DATASET`, `DUPLICATE`, `FOLDER`, `DEPTH`,
        `UNREADABLE`.
    path
        The file or folder concerned, relative to the root of the index.
    problem
        One sentence without a full stop.
    """

    kind: str
    path: Path
    problem: str

    @property
    def is_error(self) -> bool:
        """Whether something was left out that was meant to be in; the other problems are notes."""
        return self.kind in ERRORS


@dataclass(frozen=True, slots=True)
class Index:
    """The frames of a dataset, in natural order.

    Attributes
    ----------
    root
        What the paths of the frames are relative to.
    layout
        Name of a `Layout` of ``LAYOUTS``, or ``table`` for a CSV file whose rows follow none.
    frames
        Ordered by split, sequence and name, numbers by their value; no two have one key.
    problems
        Ordered by path.
    """

    root: Path
    layout: str
    frames: tuple[Frame, ...]
    problems: tuple[FrameProblem, ...] = ()

    def __len__(self) -> int:
        return len(self.frames)

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.frames)


NaturalKey = tuple[tuple[str | tuple[int, str], ...], str]

_NUMBERS = re.compile("([0-9]+)")


@lru_cache(maxsize=4096)  # splits and sequences come again with every frame
def natural_order(text: str) -> NaturalKey:
    """Return a sort key that orders numbers inside names by value and all else by code point.

    It is the same on every machine, whatever the locale and the file system.

    Examples
    --------
    >>> sorted(["frame10", "frame9", "frame009"], key=natural_order)
    ['frame009', 'frame9', 'frame10']
    """
    parts: list[str | tuple[int, str]] = [*_NUMBERS.split(text)]
    # Numbers as (digits, text) and not as int: a name may hold thousands of digits, which int() refuses.
    parts[1::2] = ((len(bare := part.lstrip("0")), bare) for part in _NUMBERS.findall(text))
    return tuple(parts), text


def sort_frames(frames: Iterable[Frame]) -> tuple[Frame, ...]:
    """Return the frames in the order of an `Index`."""
    return tuple(
        sorted(frames, key=lambda f: (natural_order(f.split), natural_order(f.sequence), natural_order(f.name)))
    )


def sort_problems(problems: Iterable[FrameProblem]) -> tuple[FrameProblem, ...]:
    """Return the problems in the order of an `Index`."""
    return tuple(sorted(problems, key=lambda p: (natural_order(p.path.as_posix()), p.kind, p.problem)))
