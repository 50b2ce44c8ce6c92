"""What the choice knows: the frames of one split, in the order of their drives, as arrays of counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iddkit.statistics import FrameTable


@dataclass(frozen=True)
class Candidates:
    """Frames that can be chosen, ordered by sequence, and in each sequence by time.

    Attributes
    ----------
    sequence
        intp (N,): number of the frame's sequence, from 0, never falling.
    pixels
        int32 (N, L + 1): pixels of each class at the size of the output, void last.
    layout
        uint16 (N, CELLS * CELLS, L): `iddkit.statistics.Sampled.layout`; None where it is not at hand.
    colors
        int32 (N, len(COLORS)): `iddkit.statistics.Sampled.colors`; None where it is not at hand.
    """

    sequence: NDArray[np.intp]
    pixels: NDArray[np.int32]
    layout: NDArray[np.uint16] | None = None
    colors: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        return len(self.sequence)

    @property
    def classes(self) -> int:
        """Number of classes, L."""
        return int(self.pixels.shape[1]) - 1

    def rows(self, start: int, stop: int) -> Candidates:
        """Return the frames from `start` to before `stop`; sequences keep their numbers."""
        part = slice(start, stop)
        return Candidates(
            self.sequence[part],
            self.pixels[part],
            None if self.layout is None else self.layout[part],
            None if self.colors is None else self.colors[part],
        )


def candidates_of(table: FrameTable) -> Candidates:
    """Return the frames of a table, all of one split and measured at the size of the output, as candidates.

    Colours count only if every frame has an image.
    """
    if table.sampled is None:
        raise ValueError("the table holds nothing at the output's size")
    names = [frame.sequence for frame in table.frames]
    # The order of an index is by sequence and name already.
    starts = [i == 0 or names[i] != names[i - 1] for i in range(len(names))]
    sequence = np.cumsum(starts, dtype=np.intp) - 1
    has_images = len(table) > 0 and all(table.image_hashes)
    return Candidates(
        sequence, table.sampled.pixels, table.sampled.layout, table.sampled.colors if has_images else None
    )
