"""`LabelStatistics`: how many pixels, frames and shapes each label of a dataset has; two of them add up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from iddkit.errors import OptionError

#: Shares of single frames are kept in this part of the frame's labelled pixels: their sum is a whole number, the
#: same in whatever order the frames come.
SHARE_UNIT = 2**32


@dataclass(frozen=True)
class LabelStatistics:
    """The counts of some frames at one level.

    Attributes
    ----------
    level
        Of the label map.
    numbers
        The numbers of the classes (`iddkit.statistics.columns.classes`), ascending.
    pixels
        int64 (L + 1,): pixels of each class, then void ones.
    frames
        int64 (L + 1,): frames in which it has a pixel.
    shapes
        int64 (L + 1,): objects of the polygon files that are labelled so and not deleted, groups as one; 0 where
        the dataset comes as label images.
    share_sum
        int64 (L,): sum of the frames' own shares, in 1 / `SHARE_UNIT` of a frame's labelled pixels.
    labelled, images
        Frames with a labelled pixel, and all frames that were counted.
    """

    level: str
    numbers: tuple[int, ...]
    pixels: NDArray[np.int64]
    frames: NDArray[np.int64]
    shapes: NDArray[np.int64]
    share_sum: NDArray[np.int64]
    labelled: int
    images: int

    def __add__(self, other: LabelStatistics) -> LabelStatistics:
        """Return the counts of both, which are of different frames at one level."""
        if (self.level, self.numbers) != (other.level, other.numbers):
            raise OptionError(f"counts at {self.level} and at {other.level} are of different labels")
        return LabelStatistics(
            self.level,
            self.numbers,
            self.pixels + other.pixels,
            self.frames + other.frames,
            self.shapes + other.shapes,
            self.share_sum + other.share_sum,
            self.labelled + other.labelled,
            self.images + other.images,
        )

    @classmethod
    def of(
        cls, level: str, numbers: tuple[int, ...], pixels: NDArray[np.integer], shapes: NDArray[np.integer] | None
    ) -> LabelStatistics:
        """Return the counts of frames: `pixels` and `shapes` are integers (N, L + 1), void last; no `shapes`: zeros."""
        labelled = pixels[:, :-1].sum(axis=1, dtype=np.int64)
        return cls(
            level,
            numbers,
            pixels.sum(axis=0, dtype=np.int64),
            (pixels > 0).sum(axis=0, dtype=np.int64),
            np.zeros(len(numbers) + 1, np.int64) if shapes is None else shapes.sum(axis=0, dtype=np.int64),
            unit_shares(pixels).sum(axis=0, dtype=np.int64),
            int((labelled > 0).sum()),
            len(pixels),
        )

    @cached_property
    def pooled(self) -> NDArray[np.float64]:
        """Proportion of each class in all labelled pixels: float64 (L,), zeros where nothing is labelled.

        A frame of 1080 lines weighs 2.25 times one of 720 in it.
        """
        return self.pixels[:-1] / max(1, int(self.pixels[:-1].sum()))

    @cached_property
    def mean_share(self) -> NDArray[np.float64]:
        """Mean over the labelled frames of each class's proportion in the frame's labelled pixels: float64 (L,)."""
        return self.share_sum / (SHARE_UNIT * max(1, self.labelled))

    @cached_property
    def presence(self) -> NDArray[np.float64]:
        """Part of all frames in which each class has a pixel: float64 (L,)."""
        return self.frames[:-1] / max(1, self.images)


def unit_shares(pixels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return each frame's shares of its labelled pixels, rounded down to 1 / `SHARE_UNIT`: int64 (N, L).

    `pixels` is (N, L + 1) with the void ones last; a frame without labelled pixels has zeros. Whole numbers, so that
    sums do not depend on the machine.
    """
    counts = pixels[:, :-1].astype(np.int64)
    labelled = counts.sum(axis=1, keepdims=True)
    shares: NDArray[np.int64] = counts * SHARE_UNIT // np.maximum(labelled, 1)
    return shares
