"""How many bad images a batch may hold after what was seen: exact one-sided upper confidence bounds.

A number D of bad images is ruled out at a confidence of 95 % if batches with D would show so few bad ones in at most
5 % of samples; the bound is the largest number that is not ruled out (Clopper & Pearson 1934, without replacement).
Whatever the true number is, the bound is at least that in 95 % of samples or more.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from iddkit.errors import OptionError
from iddkit.qc.acceptance.hypergeometric import check_lot, compare_probability
from iddkit.qc.acceptance.plans import ResolvedPlan
from iddkit.qc.acceptance.rates import Rate, parse_rate
from iddkit.qc.acceptance.sequential import follow


def upper_bound(size: int, n: int, seen_bad: int, confidence: Rate = Fraction(95, 100)) -> int:
    """Return the largest number of bad images in a batch that its sample does not rule out.

    Parameters
    ----------
    size, n
        Images in the batch and in the sample; the sample was drawn at random, and its size did not depend on what
        was seen (else see `upper_bound_when_stopped`).
    seen_bad
        Bad images in the sample, seen by reviewers who miss none.
    confidence
        Above 0 and below 1.

    Returns
    -------
    int
        From `seen_bad` to ``size - (n - seen_bad)``.

    Raises
    ------
    OptionError
        There is no such sample or confidence.

    Examples
    --------
    After a perfect sample of 20 % of 50, 200 and 1000 images:

    >>> [upper_bound(size, size // 5, 0) for size in (50, 200, 1000)]
    [11, 12, 13]
    """
    check_lot(size, n, 0, seen_bad)
    if seen_bad > n:
        raise OptionError(f"{seen_bad} bad images among {n} cannot be")
    risk = 1 - _confidence(confidence)

    def is_possible(bad: int) -> bool:
        return compare_probability(size, n, seen_bad, bad, risk) > 0

    return _last(seen_bad, size - (n - seen_bad), is_possible)


def upper_bound_when_stopped(
    resolved: ResolvedPlan, inspected: int, seen_bad: int, confidence: Rate = Fraction(95, 100)
) -> int:
    """Return the same bound after a plan that may stop early, with its early stopping accounted for.

    A sequential plan stops where what it saw crosses a line, so its looks are no sample of a size fixed before. Its
    outcomes are therefore put in order, the best first: accepted early, accepted late, by number of bad images at the
    last look, rejected late, rejected early (the stage-wise order of sequential analysis). D is ruled out if batches
    with D would end so well or better with a probability of at most ``1 - confidence``. "So well or better" is what
    the same plan, cut off at this look with this number allowed, would accept; and that probability is exact.
    For a plan that always looks at all n this is `upper_bound`.

    Parameters
    ----------
    resolved
        The plan, for a batch of a known size.
    inspected, seen_bad
        Images that were looked at until the plan decided (`Decision.inspected`, `Decision.bad`), and bad ones among
        them. Before that, it is the bound of the plan cut off here.
    confidence
        Above 0 and below 1.

    Raises
    ------
    OptionError
        There is no such outcome or confidence, or the lot has no end.
    """
    size = resolved.size
    if size is None:
        raise OptionError("a number of bad images needs the size of the batch")
    if not 0 <= seen_bad <= inspected <= resolved.n:
        raise OptionError(f"{seen_bad} bad images among {inspected} of {resolved.n} cannot be")
    if resolved.lines is None:
        rejected_here = inspected < resolved.n and seen_bad > resolved.c
        if not (resolved.plan.curtailed and rejected_here):
            return upper_bound(size, inspected, seen_bad, confidence)
        # Rejected no sooner than here: no more than c were bad one look before.
        most = size - (inspected - seen_bad)
        return max(seen_bad, min(most, upper_bound(size, inspected - 1, seen_bad - 1, confidence)))
    cut, risk = resolved.lines.cut(inspected, seen_bad), float(1 - _confidence(confidence))

    def is_possible(bad: int) -> bool:
        # in doubt it is possible: the bound may be too large by one, never too small
        return float(follow(cut, size, np.array([float(bad)])).accepted[0]) > risk - 1e-12

    return _last(seen_bad, size - (inspected - seen_bad), is_possible)


def _last(low: int, high: int, is_possible: Callable[[int], bool]) -> int:
    """Return the largest number that is possible; the smallest always is, and none is above an impossible one."""
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if is_possible(middle) else (low, middle - 1)
    return low


def _confidence(confidence: Rate) -> Fraction:
    value = parse_rate(confidence, "the confidence")
    if not 0 < value < 1:
        raise OptionError(f"a confidence of {confidence} cannot be: it lies between 0 and 1")
    return value
