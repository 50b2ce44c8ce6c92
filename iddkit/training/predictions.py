"""Predictions as files: of which images, where they lie, what they are called and what is in them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from iddkit import frames, images, labels
from iddkit.errors import CheckpointError, FrameError, OutputError, UserError, printable
from iddkit.frames import IMAGE_SUFFIXES, Frame, Index
from iddkit.frames.layout import IMAGE, LAYOUTS, name_rules
from iddkit.frames.table import TABLE
from iddkit.groundtruth.plan import make_plan
from iddkit.subset import manifest as manifests
from iddkit.subset.manifest import Manifest
from iddkit.subset.place import refuse_source, source_files
from iddkit.training.checkpoint import Classes
from iddkit.training.transforms import resize_image

#: What is written of a frame beside its label image, for people to look at; ``iddkit evaluate`` passes them over.
OVERLAY, COLOR = "_overlay.png", "_color.png"

_PUBLISHED_LAYOUTS: Final = ("idd", "cityscapes")

#: Images that are predicted at once.
BATCH: Final = 8


@dataclass(frozen=True, slots=True)
class Settings:
    """How images are predicted.

    Attributes
    ----------
    size
        Width and height that the network sees; None for those of the checkpoint.
    resolution
        Width and height of the label images; None for those of each image.
    overlay, color
        Also write ``_overlay.png``, the image under the colours of its labels, and ``_color.png``, these alone.
    batch
        Images that are predicted at once.
    """

    size: tuple[int, int] | None = None
    resolution: tuple[int, int] | None = None
    overlay: bool = False
    color: bool = False
    batch: int = BATCH


def open_images(source: str | Path) -> Index:
    """Return the index of one image, of a folder of images in any layout, or that a CSV file holds.

    Raises
    ------
    FrameError
        There is no image.
    """
    source = Path(source)
    if source.suffix.lower() not in IMAGE_SUFFIXES or source.is_dir():
        return frames.scan(source)
    if not source.is_file():
        raise FrameError("no such file", path=source)
    read = name_rules((LAYOUTS["flat"],))[""].read(source.name)
    is_image = read is not None and read[1].role == IMAGE
    name = read[0] if read is not None and is_image else source.stem
    return Index(source.parent, TABLE, (Frame("", "", name, image=Path(source.name)),))


def choose_frames(index: Index, splits: Sequence[str]) -> tuple[tuple[Frame, ...], int]:
    """Return the frames of some splits (none for all) that have an image, and how many have none.

    Raises
    ------
    FrameError
        There is no such split, or no image in it.
    """
    known = list(dict.fromkeys(frame.split for frame in index))
    for split in splits:
        if split not in known:
            names = ", ".join(printable(name, 40) for name in known if name) or "none"
            raise FrameError(f"no split {printable(split, 40)}; splits: {names}", path=index.root)
    wanted = [frame for frame in index if not splits or frame.split in splits]
    found = tuple(frame for frame in wanted if frame.image is not None)
    if not found:
        raise FrameError("no image to predict", path=index.root)
    return found, len(wanted) - len(found)


def label_suffix(index: Index, classes: Classes) -> str:
    """Return how label images are called after the frame's name: as those of the dataset's own layout."""
    if index.layout in _PUBLISHED_LAYOUTS and classes.label_map in labels.names():
        return f"_gtFine{make_plan(labels.load(classes.label_map), [classes.level]).products[0].suffix}"
    return "_label.png"


class Photo(NamedTuple):
    """An image as it was read: its size, at the size of the network, and, for an overlay, itself."""

    size: tuple[int, int]
    seen: NDArray[np.uint8]
    whole: NDArray[np.uint8] | None


@dataclass(frozen=True)
class Work:
    """What is done with each image: read, and, once it is predicted, turned into files."""

    root: Path
    out: Path
    settings: Settings
    size: tuple[int, int]
    classes: Classes
    suffix: str
    with_split: bool

    def paths(self, frame: Frame) -> list[Path]:
        """Return the files of a frame, the label image first."""
        parts = (frame.split if self.with_split else "", frame.sequence)
        folder = self.out.joinpath(*(part for part in parts if part))
        pictures = ((OVERLAY, self.settings.overlay), (COLOR, self.settings.color))
        return [folder / (frame.name + end) for end in (self.suffix, *(end for end, wanted in pictures if wanted))]

    def read(self, frame: Frame) -> Photo | UserError:
        """Return a frame's image, or why it cannot be read."""
        assert frame.image is not None
        try:
            image = images.read_rgb(self.root / frame.image)
        except UserError as error:
            return error
        size = (image.shape[1], image.shape[0])
        return Photo(size, resize_image(image, self.size), image if self.settings.overlay else None)

    def encode(self, frame: Frame, photo: Photo, places: NDArray[np.uint8]) -> dict[Path, bytes]:
        """Return the content of the files of a frame; `places` is uint8 (h, w), among the classes."""
        numbers = np.array(self.classes.numbers, dtype=np.uint8)
        colors = np.array(self.classes.colors, dtype=np.uint8)
        contents = [images.encode_png(numbers[places])]
        if photo.whole is not None:
            below = resize_image(photo.whole, (places.shape[1], places.shape[0]))
            # Half of each, rounded up: in whole numbers, the same on every machine.
            contents.append(images.encode_png(((below.astype(np.uint16) + colors[places] + 1) // 2).astype(np.uint8)))
        if self.settings.color:
            contents.append(images.encode_png(places, colors))
        return dict(zip(self.paths(frame), contents, strict=True))


def refuse_place(out: Path, index: Index, paths: Iterable[Path]) -> None:
    """Raise where predictions would get into the way of what they are made of.

    Raises
    ------
    OutputError
        `out` holds the dataset or lies in its folders, or one of `paths` is a file of the dataset.
    """
    root = Path(index.root)
    if index.layout != TABLE:
        try:
            refuse_source(out, root)
        except OutputError as error:
            problem = error.problem.partition(";")[0]
            raise OutputError(f"{problem}; predictions need a folder of their own", path=out) from error
        if index.layout == "flat" and root.resolve() in out.resolve().parents:
            # The next run would take them for images.
            raise OutputError("lies among the images; predictions need a folder of their own", path=out)
    real = os.path.realpath(root)
    sources = {path for frame in index for path in source_files(frame, real)}
    for path in paths:
        if os.path.join(os.path.realpath(path.parent), path.name) in sources:
            raise OutputError("is a file of the dataset, not a place for a prediction", path=path)


def compare_labels(classes: Classes, index: Index) -> tuple[str, ...]:
    """Return notes on how a network's labels differ from those of a derived dataset.

    Raises
    ------
    CheckpointError
        They are of different label maps, so that their numbers mean different things.
    """
    root = Path(index.root)
    if not (root / manifests.NAME).is_file():
        return ()
    try:
        manifest = Manifest.load(root)
    except OutputError:  # of another tool, or damaged, which is no matter here
        return ()
    (name, digest), level = manifest.label_map, str(manifest.plan.get("level"))
    mine = f"its labels are those of {classes.level} of the map {printable(classes.label_map, 40)}"
    if name != classes.label_map and digest != classes.sha256:
        raise CheckpointError(f"{mine}, the dataset's those of the map {printable(name, 40)}")
    if level != classes.level:
        return (f"predictions are of {classes.level}, the dataset's label images of {printable(level, 40)}",)
    for number, label in zip(classes.numbers, classes.names, strict=True):
        other = manifest.categories.get(number, label)
        if other != label:
            problem = f"where {number} is {printable(label, 60)}; in the dataset it is {printable(other, 60)}"
            raise CheckpointError(f"{mine}, {problem}")
    return ()
