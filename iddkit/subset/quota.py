"""How many frames each sequence gives, and where in the sequence the choice begins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iddkit.subset.dice import Dice

#: One frame of each sequence is taken where that costs no more than this part of all chosen ones.
COVERING_SHARE = 0.03

#: A quota is a whole number next to the sequence's fair part. Where other sequences have to be covered, that part is
#: lowered by no more than this, so that a quota stays within 1.2 of the fair part.
MOST_TAKEN = 0.2

_UNIT = 2**20


@dataclass(frozen=True)
class Quotas:
    """Frames to choose of each sequence.

    Attributes
    ----------
    counts
        intp (S,): of each sequence; their sum is what was asked for.
    least, most
        intp (S,): the whole numbers on both sides of the sequence's part. One sequence may give a frame and another
        take one between these bounds.
    """

    counts: NDArray[np.intp]
    least: NDArray[np.intp]
    most: NDArray[np.intp]


def share_out(sizes: NDArray[np.intp], count: int, dice: Dice, *, cover: bool = False) -> Quotas:
    """Return how many of `count` frames each sequence gives, in proportion to its size.

    The fractional parts are rounded by systematic sampling over the sequences in random order: each count is the
    whole number below or above the sequence's part, and all together are exactly `count`.

    Parameters
    ----------
    sizes
        intp (S,): frames of each sequence, none of them empty.
    count
        Frames to choose, at most as many as there are.
    dice
        Chance.
    cover
        At least one frame of every sequence, if there are as many frames to choose. Without it only where that
        costs the larger sequences little (`COVERING_SHARE`, `MOST_TAKEN`).
    """
    # In whole numbers: `_UNIT` is one frame, and what division leaves is added where the order begins.
    total = int(sizes.sum())
    parts = np.array([int(size) * count * _UNIT // max(total, 1) for size in sizes], dtype=np.int64)
    order = dice.shuffled(np.arange(len(sizes)))
    parts = _covering(_exactly(parts, count, sizes.astype(np.int64) * _UNIT, order), count, cover)
    ends = np.cumsum(parts[order]) + dice.below(_UNIT)
    counts = np.empty(len(sizes), dtype=np.intp)
    counts[order] = np.diff(ends // _UNIT, prepend=0)
    least = (parts // _UNIT).astype(np.intp)
    most = np.minimum(-(-parts // _UNIT), sizes).astype(np.intp)
    return Quotas(counts, least, most)


def _covering(parts: NDArray[np.int64], count: int, cover: bool) -> NDArray[np.int64]:
    """Return the parts with those below one raised to one, if the others can pay for it."""
    small = parts < _UNIT
    missing = int((_UNIT - parts[small]).sum())
    can_give = np.maximum(parts - _UNIT, 0)
    if not cover:
        if missing > COVERING_SHARE * count * _UNIT:
            return parts
        can_give = np.minimum(can_give, int(MOST_TAKEN * _UNIT))
    if missing > int(can_give.sum()):
        return parts
    raised = np.where(small, _UNIT, parts)
    # All give alike until they have no more: the smallest level at which the sum is reached.
    low, high = 0, int(can_give.max(initial=0))
    while low < high:
        middle = (low + high) // 2
        if int(np.minimum(can_give, middle).sum()) >= missing:
            high = middle
        else:
            low = middle + 1
    gives = np.minimum(can_give, low)
    too_much = int(gives.sum()) - missing  # less than there are at that level
    gives[np.flatnonzero(gives == low)[:too_much]] -= 1
    return np.asarray(raised - gives)


def _exactly(
    parts: NDArray[np.int64], count: int, limits: NDArray[np.int64], order: NDArray[np.intp]
) -> NDArray[np.int64]:
    """Return parts whose sum is `count` exactly: what the divisions left goes to the first in order that have room."""
    over = count * _UNIT - int(parts.sum())
    exact = parts.copy()
    for i in order:
        # Never up to the next whole number: that would allow the sequence one frame more.
        step = min(over, int(limits[i] - exact[i]), _UNIT - 1 - int(exact[i] % _UNIT))
        exact[i] += step
        over -= step
        if over == 0:
            break
    return exact


def spread_out(size: int, count: int, phase: float, gap: int) -> NDArray[np.intp]:
    """Return `count` positions in a sequence of `size` frames, systematically in time: intp (count,), ascending.

    Parameters
    ----------
    size, count
        Frames of the sequence, and how many of them to choose.
    phase
        Where in the first interval the first one lies, 0-1.
    gap
        Two chosen frames are more than this apart, if the sequence is long enough for it.
    """
    if count == 0:
        return np.zeros(0, dtype=np.intp)
    step = size / count
    if count == 1 or int(step) > gap:
        return ((np.arange(count) + phase) * step).astype(np.intp)
    return np.asarray(np.arange(count) * (size - 1) // (count - 1), dtype=np.intp)


def widest_gap(size: int, count: int, gap: int) -> int:
    """Return the gap that `count` frames of a sequence of `size` can keep, at most `gap`.

    Examples
    --------
    >>> widest_gap(38, 4, 5), widest_gap(11, 2, 5), widest_gap(4, 2, 5), widest_gap(3, 3, 5)
    (5, 5, 2, 0)
    """
    return gap if count < 2 else min(gap, int(size - 1) // (count - 1) - 1)
