"""The smallest single sampling plan that keeps two promises, computed rather than looked up.

The tables of ISO 2859-1 and of Dodge & Romig list plans for ranges of lot sizes; here the plan of the very lot is
found, and it is the smallest.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from iddkit.qc.acceptance.hypergeometric import compare_probability, count_bad


def bad_at_levels(size: int | None, aql: Fraction, rql: Fraction) -> tuple[Fraction, Fraction]:
    """Return the bad images (of an endless lot: their fractions) of the acceptable and of the rejectable lot.

    No more than the acceptable level: floor(aql * size); no fewer than the rejectable one: ceil(rql * size).
    """
    if size is None:
        return aql, rql
    return Fraction(math.floor(aql * size)), Fraction(math.ceil(rql * size))


def find_two_point(
    size: int | None, aql: Fraction, rql: Fraction, producer_risk: Fraction, consumer_risk: Fraction
) -> tuple[int, int]:
    """Find the smallest sample, with its smallest acceptance number, that keeps two risks.

    P(accept) is at least ``1 - producer_risk`` at the acceptable quality level and at most `consumer_risk` at the
    rejectable one.

    Two staircases bound c: the consumer's promise asks for at least ``n(c)`` images, the producer's for at least
    ``c(n)`` allowed ones, and both grow. Starting at c = 0 and climbing them in turn, one never passes over a
    solution: whoever needs n images needs ``c(n)``, and then ``n(c(n))``. Where both agree is the smallest.

    Parameters
    ----------
    size
        Images in the lot; None for a lot without end.
    aql, rql
        The acceptable and the rejectable fraction of bad images, the first below the second.
    producer_risk, consumer_risk
        Largest probability of refusing the acceptable and of accepting the rejectable lot; above 0 and below 1.

    Returns
    -------
    tuple
        n and c.

    Examples
    --------
    >>> find_two_point(1000, Fraction(1, 100), Fraction(5, 100), Fraction(5, 100), Fraction(10, 100))
    (128, 3)
    """
    good, poor = bad_at_levels(size, aql, rql)
    n = c = 0
    while True:
        n = _least_sample(size, n, c, poor, consumer_risk)
        allowed = _least_allowed(size, n, good, 1 - producer_risk)
        if allowed <= c:
            return n, c
        c = allowed


def _least_sample(size: int | None, start: int, c: int, bad: Fraction, risk: Fraction) -> int:
    """Return the smallest n >= start with P(at most c) <= risk; there is one, as the whole lot shows them all."""

    def enough(n: int) -> bool:
        return compare_probability(size, n, c, bad, risk) <= 0

    low, step = start - 1, 1  # enough for none up to low
    high = start
    while not enough(high):
        low, high, step = high, high + step, 2 * step
        if size is not None and high >= size:
            high = size
            break
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _least_allowed(size: int | None, n: int, bad: Fraction, level: Fraction) -> int:
    """Return the smallest c with P(at most c) >= level."""
    counts = count_bad(size, n, bad)
    # The sum is right to far better than 1e-9; from just below the level, integers decide.
    c = counts.first + int(np.searchsorted(np.cumsum(counts.chances), float(level) - 1e-9))
    c = min(c, n)
    while compare_probability(size, n, c, bad, level) < 0:
        c += 1
    return c
