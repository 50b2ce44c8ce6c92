"""What a plan does to batches of every quality: its operating characteristic, and the risks that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from iddkit.errors import OptionError
from iddkit.qc.acceptance.find import bad_at_levels
from iddkit.qc.acceptance.hypergeometric import Counts, accept_probability, count_seen
from iddkit.qc.acceptance.plans import ResolvedPlan
from iddkit.qc.acceptance.rates import Rate, parse_rate
from iddkit.qc.acceptance.sequential import follow

#: Qualities at which the risks of a plan without levels of its own are stated.
USUAL_LEVELS: Final = (Fraction(1, 100), Fraction(2, 100), Fraction(5, 100), Fraction(10, 100))

#: Steps in which the bad fraction of a lot without end is sought.
PARTS: Final = 1_000_000

# A curve ends where a plan accepts one batch in a thousand.
_END: Final = 0.001


class OperatingPoint(NamedTuple):
    """What a plan does to batches of one quality.

    Attributes
    ----------
    bad
        Bad images in the batch; None in a lot without end.
    fraction
        The same as a fraction.
    p_accept
        Probability of acceptance.
    average_looks
        Images looked at until it is decided, on average: the average sample number.
    """

    bad: int | None
    fraction: float
    p_accept: float
    average_looks: float


@dataclass(frozen=True, slots=True)
class Risks:
    """What a plan promises, as a certificate prints it.

    Attributes
    ----------
    producer
        At the acceptable level, the probability of refusing a batch; None where the plan has no such level.
    consumer
        At the rejectable level, the probability of accepting a batch; None where the plan has no such level.
    levels
        The plan at its acceptable and rejectable level; at `USUAL_LEVELS` where it has none. Images are whole:
        the acceptable level is rounded down, the others up.
    mostly_accepted
        The worst batch that is accepted with a probability of 95 % or more; None where even a perfect one is not,
        for false alarms.
    even
        The worst batch that is accepted with a probability of 50 % or more, the point of indifference; or None.
    mostly_rejected
        The best batch that is accepted with a probability of 10 % or less; None where even a batch of nothing but
        bad images is not, for misses.
    """

    producer: float | None
    consumer: float | None
    levels: tuple[OperatingPoint, ...]
    mostly_accepted: OperatingPoint | None
    even: OperatingPoint | None
    mostly_rejected: OperatingPoint | None

    def to_json(self) -> dict[str, Any]:
        """Return the risks as JSON values."""

        def point(value: OperatingPoint | None) -> dict[str, Any] | None:
            return None if value is None else value._asdict()

        return {
            "producer": self.producer,
            "consumer": self.consumer,
            "levels": [point(level) for level in self.levels],
            "mostly_accepted": point(self.mostly_accepted),
            "even": point(self.even),
            "mostly_rejected": point(self.mostly_rejected),
        }


def oc_curve(
    resolved: ResolvedPlan,
    *,
    sensitivity: Rate = 1,
    specificity: Rate = 1,
    points: int | Sequence[Rate] = 101,
) -> list[OperatingPoint]:
    """Return the operating characteristic of a plan, exactly, with its average sample number.

    Every plan is a function of its sealed sample, of which it needs the numbers and, if it stops early, the order.
    How many of the n are called bad is hypergeometric (binomial in a lot without end, and mixed with the errors of the
    reviewers); given that number, all orders are equally likely. So what a plan does to K bad among n is computed
    once, and weighted by the probability of K.

    Parameters
    ----------
    resolved
        The plan.
    sensitivity, specificity
        Of the reviewers, as in `accept_probability`.
    points
        How many points at most, evenly from no bad image to where one batch in a thousand is accepted; or at which
        numbers of bad images (in a lot without end: fractions) they are to be.

    Raises
    ------
    OptionError
        There are no such points.

    Examples
    --------
    >>> from iddkit.qc.acceptance import SamplingPlan
    >>> plan = SamplingPlan("fraction", curtailed=True).resolve(200)
    >>> for point in oc_curve(plan, points=[0, 2, 10]):
    ...     print(f"{point.fraction:.2f} {point.p_accept:.3f} {point.average_looks:.1f}")
    0.00 1.000 40.0
    0.01 0.639 32.7
    0.05 0.101 16.8
    """
    at = _at(resolved, sensitivity, specificity)
    if not isinstance(points, int):
        return at([_amount(resolved, bad) for bad in points])
    if points < 2:
        raise OptionError(f"a curve of {points} points: at least two are needed")
    whole = _whole(resolved)
    beyond = _first(whole, lambda bad: at([_of(resolved, bad)])[0].p_accept <= _END)
    last = min(beyond, whole)
    marks = sorted({round(i * last / (points - 1)) for i in range(points)})
    return at([_of(resolved, mark) for mark in marks])


def risks(resolved: ResolvedPlan, *, sensitivity: Rate = 1, specificity: Rate = 1) -> Risks:
    """Return what a plan promises: its risks at its own levels, and the qualities that it tells apart.

    Parameters
    ----------
    resolved
        The plan.
    sensitivity, specificity
        Of the reviewers, as in `accept_probability`. The plan's own promises assume perfect ones.

    Raises
    ------
    OptionError
        The reviewers are more likely to call a good image bad than a bad one.
    """
    if parse_rate(sensitivity, "the sensitivity") + parse_rate(specificity, "the specificity") < 1:
        raise OptionError("reviewers who call good images bad more often than bad ones tell no batches apart")
    at = _at(resolved, sensitivity, specificity)
    whole = _whole(resolved)

    def at_mark(mark: int) -> OperatingPoint:
        return at([_of(resolved, mark)])[0]

    plan, producer, consumer = resolved.plan, None, None
    if plan.aql is not None:
        levels = tuple(at(list(bad_at_levels(resolved.size, plan.rate("aql"), plan.rate("rql")))))
        producer, consumer = 1 - levels[0].p_accept, levels[1].p_accept
    else:
        # bad_at_levels rounds its second level up, as a level that has to be reached
        levels = tuple(at([bad_at_levels(resolved.size, Fraction(0), level)[1] for level in USUAL_LEVELS]))
    accepted = _first(whole, lambda mark: at_mark(mark).p_accept < 0.95) - 1
    even = _first(whole, lambda mark: at_mark(mark).p_accept < 0.5) - 1
    rejected = _first(whole, lambda mark: at_mark(mark).p_accept <= 0.1)
    return Risks(
        producer,
        consumer,
        levels,
        mostly_accepted=at_mark(accepted) if accepted >= 0 else None,
        even=at_mark(even) if even >= 0 else None,
        mostly_rejected=at_mark(rejected) if rejected <= whole else None,
    )


def _at(
    resolved: ResolvedPlan, sensitivity: Rate, specificity: Rate
) -> Callable[[Sequence[Fraction]], list[OperatingPoint]]:
    """Return the function from numbers (or fractions) of bad images to the points of the curve."""
    sees, passes = parse_rate(sensitivity, "the sensitivity"), parse_rate(specificity, "the specificity")

    def points(amounts: Sequence[Fraction]) -> list[OperatingPoint]:
        if not amounts:
            return []
        if not resolved.stops_early:
            return [
                _point(resolved, bad, _accept_all(resolved, bad, sees, passes), float(resolved.n)) for bad in amounts
            ]
        counts = [count_seen(resolved.size, resolved.n, bad, sees, passes) for bad in amounts]
        first = min(count.first for count in counts)
        last = max(count.first + len(count.chances) for count in counts)
        accepted, looks = _outcomes(resolved, np.arange(first, last))
        return [
            _point(resolved, bad, _mean(count, accepted, first), _mean(count, looks, first))
            for bad, count in zip(amounts, counts, strict=True)
        ]

    return points


def _accept_all(resolved: ResolvedPlan, bad: Fraction, sees: Fraction, passes: Fraction) -> float:
    return accept_probability(resolved.size, resolved.n, resolved.c, bad, sensitivity=sees, specificity=passes)


def _outcomes(resolved: ResolvedPlan, bad: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return, for samples with so many bad images in random order, P(accept) and the average number of looks."""
    n, c = resolved.n, resolved.c
    if resolved.lines is not None:
        walk = follow(resolved.lines, n, bad.astype(np.float64))
        return walk.accepted, walk.looks
    # Curtailed: accepted at the (n - c)-th good image or rejected at the (c + 1)-th bad one. The g-th of G marked
    # images among n lies at g (n + 1) / (G + 1) on average (the mean of the negative hypergeometric distribution).
    accepted = bad <= c
    looks = np.where(accepted, (n - c) * (n + 1) / (n - bad + 1), (c + 1) * (n + 1) / (bad + 1))
    return accepted.astype(np.float64), looks


def _mean(counts: Counts, values: NDArray[np.float64], first: int) -> float:
    start = counts.first - first
    return float(counts.chances @ values[start : start + len(counts.chances)])


def _point(resolved: ResolvedPlan, bad: Fraction, p_accept: float, looks: float) -> OperatingPoint:
    p_accept = min(1.0, p_accept)
    if resolved.size is None:
        return OperatingPoint(None, float(bad), p_accept, looks)
    return OperatingPoint(int(bad), float(bad / resolved.size), p_accept, looks)


def _amount(resolved: ResolvedPlan, bad: Rate) -> Fraction:
    if resolved.size is None:
        return parse_rate(bad, "the fraction of bad images")
    if not isinstance(bad, int | Fraction) or bad != int(bad) or not 0 <= bad <= resolved.size:
        raise OptionError(f"{bad} bad images among {resolved.size} cannot be")
    return Fraction(bad)


def _whole(resolved: ResolvedPlan) -> int:
    """Return how many steps of quality there are from nothing bad to nothing good."""
    return PARTS if resolved.size is None else resolved.size


def _of(resolved: ResolvedPlan, mark: int) -> Fraction:
    return Fraction(mark, PARTS) if resolved.size is None else Fraction(mark)


def _first(whole: int, holds: Callable[[int], bool]) -> int:
    """Return the first mark from 0 to `whole` at which it holds, and from there on; whole + 1 if at none."""
    low, high = -1, whole + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
