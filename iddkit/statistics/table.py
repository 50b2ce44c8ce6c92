"""`FrameTable`: what was counted in each frame of a dataset, one row a frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iddkit.frames import Frame
from iddkit.labels import LabelMap, nests
from iddkit.statistics.columns import classes, collapse
from iddkit.statistics.counts import LabelStatistics

#: The layout of a frame is counted in so many rows and columns of cells (Mishra 2024 names none; 4 x 4 shows road
#: below, sky above, and the sides).
CELLS = 4

#: Shares of a cell are kept in this part, 16 bits.
CELL_UNIT = 65535

#: What is measured of an image's thumbnail, each in 1 / `COLOR_UNIT`: mean and spread of the luminance, mean
#: difference of neighbouring pixels, means of the axes a and b of CIELAB (less 128).
COLORS = ("luminance", "luminance spread", "edge energy", "green-red (a)", "blue-yellow (b)")
COLOR_UNIT = 256


@dataclass(frozen=True)
class Sampled:
    """What the choice of a subset reads of each frame: its label image at the size of the output.

    Attributes
    ----------
    sizes
        int32 (N, 2): width and height of the output.
    pixels
        int32 (N, L + 1): pixels of each class, void last.
    layout
        uint16 (N, CELLS * CELLS, L): share of each class in each cell, by rows from the top left, in 1 / `CELL_UNIT`
        of the cell's pixels.
    colors
        int32 (N, len(COLORS)), zeros where there is no image.
    """

    sizes: NDArray[np.int32]
    pixels: NDArray[np.int32]
    layout: NDArray[np.uint16]
    colors: NDArray[np.int32]

    def rows(self, which: NDArray[np.intp]) -> Sampled:
        """Return some of the frames."""
        return Sampled(self.sizes[which], self.pixels[which], self.layout[which], self.colors[which])


@dataclass(frozen=True)
class FrameTable:
    """What was counted in each frame of a dataset, in the order of its index.

    Attributes
    ----------
    frames
        N of them; those that could not be read are left out.
    label_map, level
        The columns are the classes of this level, the finest at hand: `iddkit.statistics.columns.classes`.
    sizes
        int32 (N, 2): width and height of the label image in pixels.
    pixels
        int64 (N, L + 1): pixels of each class, void last.
    shapes
        int64 (N, L + 1): objects of each class (`LabelStatistics.shapes`), or None: the dataset has no polygons.
    bytes
        int64 (N,): of the frame's image, annotation and label files.
    label_hashes, image_hashes
        SHA-256 of the file that the labels come from, and of the image ("" where there is none or it was not asked
        for), in hexadecimal digits.
    sampled
        At the output's size, when it was asked for.
    """

    frames: tuple[Frame, ...]
    label_map: LabelMap
    level: str
    sizes: NDArray[np.int32]
    pixels: NDArray[np.int64]
    shapes: NDArray[np.int64] | None
    bytes: NDArray[np.int64]
    label_hashes: tuple[str, ...]
    image_hashes: tuple[str, ...]
    sampled: Sampled | None = None

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the classes, one a column."""
        return tuple(category.number for category in classes(self.label_map, self.level))

    def rows(self, which: NDArray[np.intp]) -> FrameTable:
        """Return some of the frames."""
        return FrameTable(
            tuple(self.frames[i] for i in which),
            self.label_map,
            self.level,
            self.sizes[which],
            self.pixels[which],
            None if self.shapes is None else self.shapes[which],
            self.bytes[which],
            tuple(self.label_hashes[i] for i in which),
            tuple(self.image_hashes[i] for i in which),
            None if self.sampled is None else self.sampled.rows(which),
        )

    def statistics(self, level: str, *, sampled: bool = False) -> LabelStatistics:
        """Return the counts of all frames at `level`, of the source's own pixels or of those of the output's size.

        Raises
        ------
        LabelMapError
            The table's level cannot be turned into this one.
        """
        if sampled and self.sampled is None:
            raise ValueError("the table holds nothing at the output's size")
        pixels = self.sampled.pixels if sampled and self.sampled is not None else self.pixels
        into = collapse(self.label_map, self.level, level)
        numbers = tuple(category.number for category in classes(self.label_map, level))
        return LabelStatistics.of(
            level,
            numbers,
            merge_columns(pixels, into, len(numbers)),
            None if self.shapes is None else merge_columns(self.shapes, into, len(numbers)),
        )

    def can_be(self, level: str) -> bool:
        """Return whether the table's level can be turned into another one: each of its numbers lies in one of that."""
        return level == self.level or (level in self.label_map.levels and nests(self.label_map, self.level, level))

    def levels(self) -> tuple[str, ...]:
        """Return the level of the table and the coarser ones of the hierarchy that it can be turned into."""
        hierarchy = self.label_map.hierarchy
        if self.level not in hierarchy:
            return (self.level,)
        coarser = hierarchy[hierarchy.index(self.level) :]
        return tuple(level for level in coarser if self.can_be(level))


def merge_columns(counts: NDArray[np.integer], into: NDArray[np.intp], columns: int) -> NDArray[np.int64]:
    """Return counts (N, L + 1) of a fine level as those of a coarse one with `columns` classes: int64 (N, columns + 1).

    `into` is what `iddkit.statistics.columns.collapse` gave; the last column, void, stays the last.
    """
    merged = np.zeros((len(counts), columns + 1), dtype=np.int64)
    for fine, coarse in enumerate([*into, columns]):
        merged[:, coarse] += counts[:, fine]
    return merged
