"""`Pictures`: the images and labels of a split as arrays, kept in memory where they fit."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iddkit import images
from iddkit.frames import Frame
from iddkit.labels import VOID
from iddkit.metrics.resize import resize_nearest
from iddkit.statistics.columns import classes, column_at
from iddkit.statistics.source import LabelReader, label_file, read_file
from iddkit.training.memory import available_memory
from iddkit.training.transforms import resize_image

#: Pictures may take this part of the memory that is free when training begins.
_PART_OF_MEMORY: Final = 0.5

#: Pictures that are read before it is judged whether all of them fit.
_PORTION: Final = 64

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
        return self._read(self.frames[place]) if found is None else found

    def labels(self, place: int) -> NDArray[np.uint8]:
        """Return the labels of a picture without its image, made with ``exact=True``: uint8 (H, W).

        Raises
        ------
        UserError
            The file cannot be read.
        """
        frame = self.frames[place]
        path = self._root / (label_file(frame) or Path())
        source = self._reader.parse(read_file(path), path, frame)
        return np.take(self._table(source.level), resize_nearest(source.numbers, *self._size))

    def keep_in_memory(self, threads: int = 1, processes: int = 1) -> bool:
        """Read all pictures if they fit into half of the memory that is available, and return whether they did.

        Parameters
        ----------
        threads
            That read.
        processes
            That do the same at the same time.

        Raises
        ------
        UserError
            A file cannot be read.
        """
        most, held = _PART_OF_MEMORY * available_memory() / processes, 0
        kept: dict[int, Picture] = {}
        with ThreadPoolExecutor(threads) as pool:
            # In portions: a dataset that does not fit is not to be read whole to find out.
            for begin in range(0, len(self), _PORTION):
                places = range(begin, min(begin + _PORTION, len(self)))
                for place, (image, columns) in zip(places, pool.map(self.__getitem__, places), strict=True):
                    kept[place] = image, columns
                    held += image.nbytes + columns.nbytes
                if held / places.stop * len(self) > most:
                    return False
        self._kept = kept
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
            columns = column_at(self._reader.label_map, level, self._level)
            count = len(classes(self._reader.label_map, self._level))
            known = (columns >= 0) & (columns < count)
            self._tables[level] = np.where(known, columns, VOID).astype(np.uint8)
        return self._tables[level]
