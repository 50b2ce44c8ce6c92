"""Sequential sampling: look at one image after another, and stop when the evidence suffices.

Wald's sequential probability ratio test (Sequential Analysis, 1947): after each image the likelihood of what was seen
in the rejectable lot is divided by that in the acceptable lot. At or below ``B = consumer_risk / (1 -
producer_risk)`` the lot is accepted, at or above ``A = (1 - consumer_risk) / producer_risk`` rejected. Wald's straight
lines belong to lots without end; here the ratio is that of drawing without replacement, so the lines bend towards the
end of the lot. As in ISO 8422 the test is cut off at one and a half times the single sample, and unlike there its
risks, so cut, are computed; where they do not hold, it is cut off later.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

import numpy as np
from numpy.typing import NDArray

from iddkit.qc.acceptance.find import bad_at_levels, find_two_point

# Floating point decides on which side of a line a ratio lies if its logarithm is so far from it; else integers do.
_CLEAR = 1e-9

# What is allowed for the rounding of a risk that is the promised one exactly.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Lines:
    """Where a sequential plan stops.

    Attributes
    ----------
    accept
        (n + 1) acceptance numbers: after m images the lot is accepted at ``accept[m]`` bad ones or fewer; -1 for
        never.
    reject
        (n + 1) rejection numbers: after m images the lot is rejected at ``reject[m]`` bad ones or more.
        ``reject[n]`` is ``accept[n] + 1``, so that n images always decide.
    """

    accept: tuple[int, ...]
    reject: tuple[int, ...]

    @property
    def n(self) -> int:
        """The most images that are looked at."""
        return len(self.accept) - 1

    def cut(self, n: int, c: int) -> Lines:
        """Return the lines of the same plan, cut off after n images: accepted then at c bad ones or fewer."""
        return Lines((*self.accept[:n], c), (*self.reject[:n], c + 1))


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """What happens to lots under a sequential plan, each array with a value per lot.

    Attributes
    ----------
    accepted
        float64 (B,): probability of acceptance.
    looks
        float64 (B,): images looked at, on average.
    undecided
        float64 (B, K): probability of each number of bad images after the last one, where no line was crossed before.
    """

    accepted: NDArray[np.float64]
    looks: NDArray[np.float64]
    undecided: NDArray[np.float64]


def find_lines(
    size: int | None, aql: Fraction, rql: Fraction, producer_risk: Fraction, consumer_risk: Fraction
) -> Lines:
    """Find the lines of a sequential plan that keeps both risks.

    It is tried to cut off at 1.5, 2 and 3 times the single sample, with Wald's A and B and then with ``A = 1 /
    producer_risk`` and ``B = consumer_risk``; at last, with these, not before the end of the lot, which cannot fail (a
    likelihood ratio ever reaches A with a probability of at most 1 / A). The plan also stops where its outcome is
    certain.

    Parameters
    ----------
    size, aql, rql, producer_risk, consumer_risk
        As in `find_two_point`.
    """
    single, _ = find_two_point(size, aql, rql, producer_risk, consumer_risk)
    lot = Lots.at(size, aql, rql)
    usual = consumer_risk / (1 - producer_risk), (1 - consumer_risk) / producer_risk
    strict = consumer_risk, 1 / producer_risk
    for last, (least, most) in _attempts(size, single, usual, strict):
        lines = lot.lines(last, least, most)
        walk = follow(lines, size, np.array([float(lot.good), float(lot.poor)]))
        # The last acceptance number is free between the lines: the smallest that the producer's promise allows.
        rest = 1 - float(producer_risk) - _ROUNDING - walk.accepted[0]
        left = np.cumsum(walk.undecided, axis=1)
        c = int(np.argmax(left[0] >= rest))
        if left[0, c] >= rest and walk.accepted[1] + left[1, c] <= float(consumer_risk) + _ROUNDING:
            return _curtail(lines, max(c, lines.accept[-1]))
    raise AssertionError("at the end of the lot all is known")


def follow(lines: Lines, size: int | None, bad: NDArray[np.float64]) -> Walk:
    """Follow lots through a sequential plan, exactly: the distribution of the bad images seen, look by look.

    Parameters
    ----------
    lines
        Of the plan. Its last acceptance number may be -1 with the last rejection number beyond n, for a plan whose
        end is not yet decided.
    size
        Images in each lot; None for lots without end.
    bad
        float64 (B,): bad images of each lot; of lots without end, their fraction.
    """
    width = max(min(number, look) for look, number in enumerate(lines.reject)) + 1
    seen = np.arange(width)
    alive = np.zeros((len(bad), width))
    alive[:, 0] = 1
    accepted, looks = np.zeros(len(bad)), np.zeros(len(bad))
    for look in range(lines.n):
        looks += alive.sum(axis=1)
        next_bad = bad[:, None] if size is None else np.maximum(bad[:, None] - seen, 0) / (size - look)
        moved = alive * np.minimum(next_bad, 1)
        alive -= moved
        alive[:, 1:] += moved[:, :-1]
        low, high = lines.accept[look + 1], lines.reject[look + 1]
        accepted += alive[:, : low + 1].sum(axis=1)
        alive[:, : low + 1] = 0
        alive[:, high:] = 0
    return Walk(accepted, looks, alive)


def stopping_look(lines: Lines, flags: Sequence[bool]) -> int | None:
    """Return after how many verdicts the plan stopped; None where it goes on."""
    seen = 0
    for look, bad in enumerate(flags, 1):
        seen += bad
        if not lines.accept[look] < seen < lines.reject[look]:
            return look
    return None


@dataclass(frozen=True, slots=True)
class Lots:
    """The two lots between which a sequential plan decides, by their numbers (or fractions) of bad images."""

    size: int | None
    good: Fraction
    poor: Fraction

    @classmethod
    def at(cls, size: int | None, aql: Fraction, rql: Fraction) -> Lots:
        """Return the acceptable and the rejectable lot."""
        return cls(size, *bad_at_levels(size, aql, rql))

    def lines(self, n: int, least: Fraction, most: Fraction) -> Lines:
        """Return the lines up to n images: accept at a likelihood ratio <= `least`, reject at one >= `most`."""
        by_bad, by_good = self._logarithms(n)
        accept, reject = [-1] * (n + 1), [n + 1] * (n + 1)
        for k, logarithm in enumerate(by_bad):
            first = k + _first(by_good, _log(least) - logarithm, partial(self._at_most, least, k))
            if first > n:
                break
            accept[first:] = [k] * (n + 1 - first)
        filled = 0
        for k, logarithm in enumerate(by_bad):
            after = k + _first(by_good, _log(most) - logarithm, partial(self._below, most, k))
            after = min(after, n + 1)  # before this look, k bad ones are too many
            reject[filled:after] = [k] * (after - filled)
            filled = max(filled, after)
            if filled > n:
                break
        return Lines(tuple(accept), tuple(reject))

    def _at_most(self, level: Fraction, bad: int, good: int) -> bool:
        return self.ratio(bad, good) <= level

    def _below(self, level: Fraction, bad: int, good: int) -> bool:
        return self.ratio(bad, good) < level

    def ratio(self, bad: int, good: int) -> Fraction | float:
        """Return the likelihood of so many bad and good images in the poor lot over that in the good one."""
        if self.size is None:
            poor = self.poor**bad * (1 - self.poor) ** good
            fine = self.good**bad * (1 - self.good) ** good
        else:
            poor = Fraction(_ways(self.size, int(self.poor), bad, good), math.comb(self.size, int(self.poor)))
            fine = Fraction(_ways(self.size, int(self.good), bad, good), math.comb(self.size, int(self.good)))
        if fine:
            return poor / fine
        return math.inf if poor else 0.0

    def _logarithms(self, n: int) -> tuple[list[float], NDArray[np.float64]]:
        """Return the two summands of the ratio's logarithm: by bad images (K,), by good ones (G,), from 0 up."""
        if self.size is None:
            each_bad = math.log(self.poor / self.good) if self.good else math.inf
            each_good = math.log((1 - self.poor) / (1 - self.good)) if self.poor < 1 else -math.inf
            by_bad = [0.0, *(k * each_bad for k in range(1, n + 1))]
            return by_bad, np.array([0.0, *(g * each_good for g in range(1, n + 1))])
        good, poor = int(self.good), int(self.poor)
        by_bad = [0.0]
        for k in range(min(n, poor)):
            by_bad.append(by_bad[-1] + math.log((poor - k) / (good - k)) if k < good else math.inf)
        goods = np.arange(min(n, self.size - poor))
        by_good = np.cumsum(np.log((self.size - poor - goods) / (self.size - good - goods)))
        return by_bad, np.concatenate([[0.0], by_good, [-math.inf]])


def _attempts(
    size: int | None, single: int, usual: tuple[Fraction, Fraction], strict: tuple[Fraction, Fraction]
) -> Iterator[tuple[int, tuple[Fraction, Fraction]]]:
    """Yield where to cut off, and the limits of the ratio, in the order in which they are tried."""
    for half in (3, 4, 6):
        for limits in (usual, strict):
            yield min(math.ceil(Fraction(single * half, 2)), size or single * half), limits
    last = size or 4 * single
    while True:
        yield last, strict
        last *= 2  # only of a lot without end: at the end of another one all is known


def _curtail(lines: Lines, c: int) -> Lines:
    """Return the lines, cut off at c bad images, and stopping where the cut leaves no doubt of the outcome."""
    accept = [*(max(number, c - (lines.n - look)) for look, number in enumerate(lines.accept[:-1])), c]
    reject = [*(min(number, c + 1) for number in lines.reject[:-1]), c + 1]
    meet = next(look for look in range(lines.n + 1) if accept[look] + 1 == reject[look])
    return Lines(tuple(accept[: meet + 1]), tuple(reject[: meet + 1]))


def _first(falling: NDArray[np.float64], limit: float, holds: Callable[[int], bool]) -> int:
    """Return the first index at which `falling` is at or below the limit; `holds` decides in doubt.

    At least its length if there is none.
    """
    if limit == -math.inf:  # the ratio is infinite, whatever good images are seen
        return sys.maxsize
    place = int(np.searchsorted(-falling, -(limit + _CLEAR)))
    while place < len(falling) and abs(falling[place] - limit) <= _CLEAR and not holds(place):
        place += 1
    return place


def _log(value: Fraction) -> float:
    return math.log(value.numerator) - math.log(value.denominator)


def _ways(size: int, bad: int, seen_bad: int, seen_good: int) -> int:
    """Count the lots with `bad` bad images that show what was seen first."""
    rest = size - seen_bad - seen_good
    return math.comb(rest, bad - seen_bad) if 0 <= bad - seen_bad <= rest else 0
