"""Chance by seed, the same on every machine and with every version of NumPy.

NumPy promises that the raw bits of a bit generator never change, but not what `numpy.random.Generator` makes of
them (NEP 19); so what is needed here is made of the raw bits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Dice:
    """A stream of random numbers; equal `keys` (not negative) give equal streams."""

    def __init__(self, *keys: int) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence(list(keys)))

    def below(self, limit: int) -> int:
        """Return a whole number from 0 to before `limit`, all equally likely (to one part in 2**64 / limit)."""
        return int(self._bits.random_raw()) % limit

    def shuffled(self, items: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return `items` in random order."""
        return items[np.argsort(self._bits.random_raw(len(items)), kind="stable")]

    def rows(self, limit: int, count: int) -> NDArray[np.intp]:
        """Return about `count` whole numbers from 0 to before `limit`, ascending and different; or all of them."""
        if limit <= count:
            return np.arange(limit)
        return np.unique(self._bits.random_raw(count) % np.uint64(limit)).astype(np.intp)

    def sample(self, items: NDArray[np.intp], count: int) -> NDArray[np.intp]:
        """Return `count` of the `items`, in their order; all of them when there are no more."""
        if len(items) <= count:
            return items
        raw = self._bits.random_raw(len(items))
        return items[np.sort(np.argsort(raw, kind="stable")[:count])]
