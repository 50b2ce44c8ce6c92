"""Exact intervals for shares, rates and medians: what so few cases say, and from how many on they say anything."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

#: Probability that is left out at both ends together: intervals are those of 95 %.
LEFT_OUT: Final = 0.05

#: Cases of a share. With 20 its interval can be 46 points wide; with fewer it is wider than what tells people apart.
FEWEST_CASES: Final = 20

#: Polygons of a rate of defects. After 500 without any, up to 0.74 defects in 100 are not ruled out; people differ so.
FEWEST_POLYGONS: Final = 500

#: Tasks of a median: with five no interval of order statistics reaches 95 %, as all lie on one side in 1 case of 16.
FEWEST_TASKS: Final = 6

# In which the ends of a measured interval are rounded outwards.
_PARTS: Final = 10_000

#: What is said where there are fewer.
TOO_FEW: Final = "too few to say"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its interval at 95 %.

    Attributes
    ----------
    value
        What was seen; None where nothing was.
    low, high
        The interval; None where there is none.
    count, of
        Cases, and among how many; of a rate: defects and polygons; of a median: tasks, twice.
    fewest
        Below so many (`of`) nothing is said.
    """

    value: float | None
    low: float | None
    high: float | None
    count: int
    of: int
    fewest: int

    @property
    def says(self) -> bool:
        """Whether there are enough cases to say anything."""
        return self.of >= self.fewest

    def to_json(self) -> dict[str, Any]:
        """Return the estimate as JSON values; with too few cases only the counts."""
        counts: dict[str, Any] = {"count": self.count, "of": self.of}
        if not self.says:
            return {**counts, "too_few": True, "fewest": self.fewest}
        return {"value": self.value, "low": self.low, "high": self.high, **counts}


def estimate_share(count: int, of: int) -> Estimate:
    """Return a share with its interval by Clopper and Pearson (Biometrika 1934).

    Examples
    --------
    >>> share = estimate_share(18, 20)
    >>> round(share.low, 4), round(share.high, 4)
    (0.683, 0.9877)
    """
    from scipy.special import betaincinv

    low = float(betaincinv(count, of - count + 1, LEFT_OUT / 2)) if count else 0.0
    high = float(betaincinv(count + 1, of - count, 1 - LEFT_OUT / 2)) if count < of else 1.0
    return Estimate(count / of if of else None, low, high, count, of, FEWEST_CASES)


@dataclass(frozen=True, slots=True)
class Measured:
    """A stage's sensitivity as the risks of a plan are computed with it.

    Attributes
    ----------
    judged, caught
        Errors that were planted and judged, and those of them that were caught.
    low, high
        The interval at 95 %, its ends rounded outwards to a hundredth of a per cent; None where nothing was judged.
    """

    judged: int
    caught: int
    low: float | None
    high: float | None

    @property
    def value(self) -> Fraction:
        """Caught among judged, exactly; something has to be judged."""
        return Fraction(self.caught, self.judged)


def measure(caught: int, judged: int) -> Measured:
    """Return the sensitivity that so many caught errors among those that were judged show.

    Examples
    --------
    >>> measure(9, 12)
    Measured(judged=12, caught=9, low=0.4281, high=0.9452)
    """
    if not judged:
        return Measured(0, 0, None, None)
    share = estimate_share(caught, judged)
    assert share.low is not None
    assert share.high is not None
    # Rounded, it is the same number on every machine: a certificate is checked digit by digit.
    return Measured(judged, caught, math.floor(share.low * _PARTS) / _PARTS, math.ceil(share.high * _PARTS) / _PARTS)


def estimate_rate(defects: int, polygons: int) -> Estimate:
    """Return defects per 100 polygons with the interval of a Poisson count by Garwood (Biometrika 1936).

    A polygon can have several defects, and a missing object has none: it is no share.

    Examples
    --------
    >>> rate = estimate_rate(3, 600)
    >>> rate.value, round(rate.low, 4), round(rate.high, 4)
    (0.5, 0.1031, 1.4612)
    """
    from scipy.special import gammaincinv

    if not polygons:
        return Estimate(None, None, None, defects, 0, FEWEST_POLYGONS)
    low = float(gammaincinv(defects, LEFT_OUT / 2)) if defects else 0.0
    high = float(gammaincinv(defects + 1, 1 - LEFT_OUT / 2))
    each = 100 / polygons
    return Estimate(defects * each, low * each, high * each, defects, polygons, FEWEST_POLYGONS)


def estimate_median(values: Sequence[float]) -> Estimate:
    """Return a median with an interval between two of the values, whatever they are distributed like.

    The k-th smallest and the k-th largest, with the largest k for which both lie on one side of the median in at most
    5 % of cases (David and Nagaraja, Order Statistics, 2003, section 7.1).

    Examples
    --------
    >>> median = estimate_median([9, 1, 4, 7, 3, 8])
    >>> median.value, median.low, median.high
    (5.5, 1.0, 9.0)
    """
    import numpy as np
    from scipy.special import bdtr

    size = len(values)
    if not size:
        return Estimate(None, None, None, 0, 0, FEWEST_TASKS)
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    beyond = bdtr(np.arange((size + 1) // 2), size, 0.5)  # P(fewer than k + 1 of them lie below the median)
    k = int(np.searchsorted(beyond, LEFT_OUT / 2, side="right"))
    low, high = (float(ordered[k - 1]), float(ordered[size - k])) if k else (None, None)
    return Estimate(float(np.median(ordered)), low, high, size, size, FEWEST_TASKS)
