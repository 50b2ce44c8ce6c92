"""Where an index image changes from one row to the next, and all that follows from it.

A label image of two million pixels has some fifteen thousand that differ from the one above. Found once, they give the
rows of every PNG file of the frame, which the filter 'Up' makes of the differences, and the area and the box of each
value, without another look at the pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iddkit.images import FILTER_UP

Index = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, slots=True, eq=False)
class Seams:
    """The pixels of an index image that differ from the one above. Made by `find_seams`.

    Attributes
    ----------
    shape
        Height and width of the image.
    values
        Number of values that the image may hold: 0 ... values - 1.
    top, bottom
        The first and the last row: uint8 or uint16 (W,).
    row, column
        Place of each seam, which is that of the lower pixel: intp (N,), in the order of the image.
    above, here
        The values on both sides of it: uint8 or uint16 (N,).
    """

    shape: tuple[int, int]
    values: int
    top: Index
    bottom: Index
    row: NDArray[np.intp]
    column: NDArray[np.intp]
    above: Index
    here: Index

    def visible(self) -> NDArray[np.bool_]:
        """Return whether each value has a pixel: bool (values,)."""
        found = np.zeros(self.values, dtype=np.bool_)
        found[self.top] = True
        found[self.here] = True
        return found

    def areas(self) -> NDArray[np.int64]:
        """Return the pixels of each value: int64 (values,)."""
        height = self.shape[0]
        # Each column is its top value down to the bottom, but for what the seams below take from it and give on.
        # The weights are whole numbers, and float64 adds them exactly below 2**53.
        left = height - self.row
        given = np.bincount(self.here, left, self.values) - np.bincount(self.above, left, self.values)
        return height * np.bincount(self.top, minlength=self.values) + given.astype(np.int64)

    def boxes(self) -> NDArray[np.int64]:
        """Return the box of each value: int64 (values, 4), left, top, right, bottom in pixels, the last two exclusive.

        The box of a value without pixels is empty: its right is left of its left.
        """
        height, width = self.shape
        boxes = np.empty((self.values, 4), dtype=np.int64)
        boxes[:, :2], boxes[:, 2:] = max(height, width), 0
        for values, column in ((self.here, self.column), (self.top, np.arange(width))):
            np.minimum.at(boxes[:, 0], values, column)
            np.maximum.at(boxes[:, 2], values, column + 1)
        # A value begins at a seam or in the first row, and ends above a seam or in the last one.
        np.minimum.at(boxes[:, 1], self.here, self.row)
        np.maximum.at(boxes[:, 3], self.above, self.row)
        boxes[self.top, 1] = 0
        boxes[self.bottom, 3] = height
        return boxes

    def png_rows(self, table: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return ``table[index]`` as the rows of a PNG file with the filter 'Up': uint8 (H, 1 + W * C).

        Parameters
        ----------
        table
            uint8 (values, C): the bytes of a pixel for each value.
        """
        height, width = self.shape
        channels = table.shape[1]
        stride = 1 + width * channels
        rows = np.zeros((height, stride), dtype=np.uint8)
        rows[:, 0] = FILTER_UP
        rows[0, 1:] = table[self.top].ravel()
        flat, place = rows.reshape(-1), self.row * stride + (1 + self.column * channels)
        for channel in range(channels):
            numbers = np.ascontiguousarray(table[:, channel])
            flat[place + channel] = numbers[self.here] - numbers[self.above]  # modulo 256, as PNG has it
        return rows


def find_seams(index: Index, values: int) -> Seams:
    """Return the seams of an index image.

    Parameters
    ----------
    index
        uint8 or uint16 (H, W), C order, both at least 1; all values are below `values`.
    values
        Number of values, those without a pixel included.

    Examples
    --------
    >>> seams = find_seams(np.array([[0, 1, 1], [0, 0, 1]], dtype=np.uint8), 2)
    >>> seams.row.tolist(), seams.column.tolist(), seams.areas().tolist(), seams.boxes().tolist()
    ([1], [1], [3, 3], [[0, 0, 2, 2], [1, 0, 3, 2]])
    """
    place = _nonzero(index[1:] != index[:-1])
    row, column = np.divmod(place, index.shape[1])
    flat = index.reshape(-1)
    height, width = index.shape
    above, here = flat[place], flat[place + width]
    return Seams((height, width), values, index[0], index[-1], row + 1, column, above, here)


def _nonzero(changed: NDArray[np.bool_]) -> NDArray[np.intp]:
    if changed.size % 8:
        return np.flatnonzero(changed)
    # Eight at a time: hardly any are set.
    words = np.flatnonzero(changed.reshape(-1).view(np.uint64))
    within = np.flatnonzero(changed.reshape(-1, 8)[words])
    place: NDArray[np.intp] = words[within >> 3] * 8 + (within & 7)
    return place
