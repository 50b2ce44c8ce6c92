"""`Tally`: all that two annotations of a frame are compared by, as counts that add up, and the scores that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iddkit.agreement.boundary import band_reach, count_bands, count_near, find_bands, find_boundaries
from iddkit.agreement.kappa import class_kappa, cohen_kappa
from iddkit.metrics.pairs import count_pairs
from iddkit.metrics.shares import divide, mean_known

Counts = NDArray[np.int64] | NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Tally:
    """Counts of one level, of C classes and T tolerances. Tallies add up.

    The scores are those of each tally where arrays have axes before the ones that are named here.

    Attributes
    ----------
    counts
        (C + 1, C + 1): pixels by their class in A (row) and in B (column); the last ones are those of void.
    bands
        (3, C): pixels in the band of each class in both, in A, in B (`iddkit.agreement.boundary.count_bands`).
    ends
        (2, T + 1, C): boundary pixels of each class in A and in B; of each all, then those that have one of the other
        side within each tolerance (`iddkit.agreement.boundary.count_near`).
    """

    counts: Counts
    bands: Counts
    ends: Counts

    @classmethod
    def empty(cls, classes: int, tolerances: int) -> Tally:
        """Return the tally of no pixels."""
        shapes = ((classes + 1, classes + 1), (3, classes), (2, tolerances + 1, classes))
        return cls(*(np.zeros(shape, dtype=np.int64) for shape in shapes))

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.counts + other.counts, self.bands + other.bands, self.ends + other.ends)

    def agreement(self, *, void: bool) -> NDArray[np.float64]:
        """Return the share of pixels that have one class on both sides: float64 (...).

        With `void` of all pixels, void being a class of its own; without it of those that are void on neither side.
        They are the two numbers that Cityscapes reports (Cordts et al. 2016, 2.3), 96 % and 98 %.
        """
        counts = self.counts if void else self._inner
        return divide(np.trace(counts, axis1=-2, axis2=-1), counts.sum(axis=(-2, -1)))

    def kappa(self, *, void: bool) -> NDArray[np.float64]:
        """Return Cohen's kappa over the same pixels as `agreement`: float64 (...)."""
        return cohen_kappa(self.counts if void else self._inner)

    def class_kappa(self) -> NDArray[np.float64]:
        """Return the kappa of each class against the others, of pixels void on neither side: float64 (..., C)."""
        found = class_kappa(self._inner)
        return np.where(np.isnan(self.iou()), np.nan, found)

    def iou(self) -> NDArray[np.float64]:
        """Return intersection over union of each class, of pixels void on neither side: float64 (..., C).

        NaN for a class that neither side has there.
        """
        inner = self._inner
        hit = np.diagonal(inner, axis1=-2, axis2=-1)
        return divide(hit, inner.sum(axis=-1) + inner.sum(axis=-2) - hit)

    def boundary_iou(self) -> NDArray[np.float64]:
        """Return boundary IoU of each class: float64 (..., C); NaN for a class that neither side has.

        Of the masks of the classes as they are: what is void on one side is outside of all of them.
        """
        both, a, b = (self.bands[..., i, :] for i in range(3))
        return divide(both, a + b - both)

    def boundary_f1(self) -> NDArray[np.float64]:
        """Return boundary F1 of each class at each tolerance: float64 (..., T, C).

        0 for a class that has a boundary on one side only, NaN for one that has none on either.
        """
        of_a, of_b = (divide(self.ends[..., i, 1:, :], self.ends[..., i, :1, :]) for i in range(2))
        known = np.nan_to_num(of_a), np.nan_to_num(of_b)
        total = known[0] + known[1]
        f1 = np.where(total > 0, divide(2 * known[0] * known[1], total), 0.0)
        return np.where(np.isnan(of_a) & np.isnan(of_b), np.nan, f1)

    def mean_iou(self) -> NDArray[np.float64]:
        """Return the mean of `iou` over the classes that have one: float64 (...)."""
        return mean_known(self.iou())

    def mean_boundary_iou(self) -> NDArray[np.float64]:
        """Return the mean of `boundary_iou` over the classes that have one: float64 (...)."""
        return mean_known(self.boundary_iou())

    def mean_boundary_f1(self) -> NDArray[np.float64]:
        """Return the mean of `boundary_f1` over the classes that have one: float64 (..., T)."""
        return mean_known(self.boundary_f1())

    def transposed(self) -> Tally:
        """Return the tally of B and A."""
        return Tally(np.swapaxes(self.counts, -2, -1), self.bands[..., [0, 2, 1], :], self.ends[..., ::-1, :, :])

    @property
    def _inner(self) -> Counts:
        return self.counts[..., :-1, :-1]


def tally_pair(
    a: NDArray[np.uint8], b: NDArray[np.uint8], classes: int, tolerances: Sequence[int], ratio: float = 0.02
) -> Tally:
    """Compare two label images.

    Parameters
    ----------
    a, b
        uint8 (H, W) of one shape: classes from 0 on, `classes` for void.
    classes
        How many there are, at most 254.
    tolerances
        Of boundary F1, in pixels, in ascending order.
    ratio
        Of the image's diagonal: how far the bands of boundary IoU go into a class.

    Raises
    ------
    ValueError
        The shapes differ.

    Examples
    --------
    >>> a = np.array([[0, 0, 1, 1, 2]], dtype=np.uint8)
    >>> b = np.array([[0, 0, 0, 1, 1]], dtype=np.uint8)
    >>> tally = tally_pair(a, b, 2, [1])
    >>> tally.agreement(void=True).item(), tally.agreement(void=False).item(), tally.iou().round(3).tolist()
    (0.6, 0.75, [0.667, 0.5])
    """
    pairs = count_pairs(a, b)[: classes + 1, : classes + 1].copy()
    ends = find_boundaries(a), find_boundaries(b)
    reach = band_reach(a.shape[0], a.shape[1], ratio)
    bands = count_bands(a, b, find_bands(ends[0], reach), find_bands(ends[1], reach), classes)
    near = [
        count_near(a, b, ends[0], ends[1], classes, tolerances),
        count_near(b, a, ends[1], ends[0], classes, tolerances),
    ]
    return Tally(pairs, bands, np.stack(near))
