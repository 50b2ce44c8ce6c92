"""Seeded numbers that are the same on every machine.

Only the raw words of PCG64 and IEEE arithmetic are used: NumPy promises that stream (NEP 19), while the methods
of its `Generator` may change between versions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.random import PCG64, SeedSequence
from numpy.typing import NDArray

T = TypeVar("T")

_UNIT = 2.0**-53


class Dice:
    """Uniform numbers of a key: any whole numbers, such as a seed, a topic and a place."""

    __slots__ = ("_bits", "_pool")

    def __init__(self, *key: int) -> None:
        # A seed sequence takes no negative numbers: 0, -1, 1, -2 ... become 0, 1, 2, 3 ...
        self._bits = PCG64(SeedSequence([2 * k if k >= 0 else -2 * k - 1 for k in key]))
        self._pool: list[float] = []

    def random(self) -> float:
        """Return a number in [0, 1)."""
        if not self._pool:
            words = self._bits.random_raw(48)
            self._pool = ((words >> np.uint64(11)) * _UNIT).tolist()
        return self._pool.pop()

    def between(self, low: float, high: float) -> float:
        """Return a number in [low, high)."""
        return low + (high - low) * self.random()

    def whole(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, both included."""
        return low + int((high - low + 1) * self.random())

    def chance(self, share: float) -> bool:
        """Return True in `share` of the cases."""
        return self.random() < share

    def pick(self, options: Sequence[T]) -> T:
        """Return one of `options`, all equally likely."""
        return options[int(len(options) * self.random())]

    def weighted(self, options: Mapping[T, float]) -> T:
        """Return one of the keys, as likely as its weight says."""
        left = self.random() * sum(options.values())
        for option, weight in options.items():
            left -= weight
            if left < 0:
                return option
        return option  # rounding left nothing over


def lattice(key: int, cells: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each whole number in `cells`: a hash (SplitMix64), so places need no memory."""
    words = cells.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    words += np.uint64((key * 0xD1B54A32D192ED03 + 0x8CB92BA72F3D8DD7) & 0xFFFFFFFFFFFFFFFF)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    numbers: NDArray[np.float64] = ((words ^ (words >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * _UNIT
    return numbers


def jags(key: int, places: NDArray[np.float64], cell: float) -> NDArray[np.float64]:
    """Return a broken line through random heights in [-1, 1), one every `cell`, at each of `places`."""
    steps = places / cell
    below = np.floor(steps)
    share = steps - below
    return _blend(key, below, share)


def waves(key: int, places: NDArray[np.float64], cell: float) -> NDArray[np.float64]:
    """Return a smooth line through random heights in [-1, 1), one every `cell`, at each of `places`."""
    steps = places / cell
    below = np.floor(steps)
    share = steps - below
    return _blend(key, below, share * share * (3.0 - 2.0 * share))


def _blend(key: int, below: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    cells = below.astype(np.int64)
    left, right = lattice(key, cells), lattice(key, cells + 1)
    return 2.0 * (left + (right - left) * share) - 1.0
