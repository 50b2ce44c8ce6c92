"""`Pictures`: the images and labels of a split as arrays, kept in memory where they fit."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iddkit import images
from iddkit.frames import Frame
from iddkit.labels import VOID
from iddkit.metrics.resize import resize_nearest
from iddkit.statistics.columns import collapse
from iddkit.statistics.source import LabelReader, label_file, read_file
from iddkit.training.transforms import resize_image

#: Pictures may take this part of the memory that is free when training begins.
_PART_OF_MEMORY: Final = 0.5

#: Bytes of a pixel: red, green, blue, and its label.
_BYTES: Final = 4

Picture = tuple[NDArray[np.uint8], NDArray[np.uint8]]


class Pictures:
    """The labelled frames of a split.

    A picture is an image, uint8 (H, W, 3), and the column of each of its pixels, uint8 (H, W): the place of its class
    among those of the level, `VOID` where it has none. To train on, images of more than twice the size are shrunk to
    that: scaling up to 2 then still finds every detail, and a whole dataset fits into memory. To validate, all are
    brought to the size itself, labels as the official evaluation does it (`iddkit.metrics.resize`).

    Parameters
    ----------
    root
        Of the frames' index.
    frames
        With images and labels.
    reader
        Of their labels.
    level
        The level that is trained.
    size
        Width and height that the network sees.
    exact
        To validate.
    """

    def __init__(
        self,
        root: Path,
        frames: Sequence[Frame],
        reader: LabelReader,
        level: str,
        size: tuple[int, int],
        *,
        exact: bool = False,
    ) -> None:
        self.frames = tuple(frames)
        self._root, self._reader, self._level = root, reader, level
        self._size, self._exact = size, exact
        self._tables: dict[str, NDArray[np.uint8]] = {}
        self._kept: dict[int, Picture] = {}
        self._keeps = False

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, place: int) -> Picture:
        """Return a picture; of threads, any number may ask.

        Raises
        ------
        UserError
            One of its files cannot be read.
        """
        found = self._kept.get(place)
        if found is None:
            found = self._read(self.frames[place])
            if self._keeps:
                self._kept[place] = found
        return found

    def keep_in_memory(self, threads: int = 1, progress: Callable[[int, int], None] | None = None) -> bool:
        """Read all pictures if they fit into half of the free memory, and return whether they did.

        Raises
        ------
        UserError
            A file cannot be read.
        """
        if not self.frames:
            return True
        image, _ = self._read(self.frames[0])
        if image.shape[0] * image.shape[1] * _BYTES * len(self) > _PART_OF_MEMORY * free_memory():
            return False
        self._keeps = True
        with ThreadPoolExecutor(threads) as pool:
            for done, _ in enumerate(pool.map(self.__getitem__, range(len(self)))):
                if progress is not None:
                    progress(done + 1, len(self))
        return True

    def _read(self, frame: Frame) -> Picture:
        assert frame.image is not None
        image = images.read_rgb(self._root / frame.image)
        path = self._root / (label_file(frame) or Path())
        height, width = image.shape[:2]
        source = self._reader.parse(read_file(path), path, frame, (width, height))
        table, most = self._table(source.level), (2 * self._size[0], 2 * self._size[1])
        if self._exact:
            return resize_image(image, self._size), np.take(table, resize_nearest(source.numbers, *self._size))
        if width > most[0] and height > most[1]:
            return resize_image(image, most), np.take(table, source.sample(*most))
        return image, np.take(table, source.numbers)

    def _table(self, level: str) -> NDArray[np.uint8]:
        """Return the column at the trained level of each number of `level`: uint8 (256,)."""
        if level not in self._tables:
            fine = self._reader.columns(level)
            into = np.append(collapse(self._reader.label_map, level, self._level), VOID)
            self._tables[level] = into[fine].astype(np.uint8)
        return self._tables[level]


def free_memory() -> int:
    """Return how many bytes of memory are free; two GiB where the system does not say."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 2 * 2**30
