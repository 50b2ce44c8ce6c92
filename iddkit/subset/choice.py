"""Which frames of a split make the subset."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from iddkit.errors import OptionError
from iddkit.subset.candidates import Candidates
from iddkit.subset.dice import Dice
from iddkit.subset.features import LIGHT, Features, make_features
from iddkit.subset.plan import METHODS
from iddkit.subset.quota import Quotas, share_out, spread_out
from iddkit.subset.swaps import LEAST_GAIN, Swaps

#: More frames than this are chosen from in blocks of whole sequences, which bounds the memory for their vectors.
BLOCK = 40_000

#: A choice from fewer frames than this is made several times from other beginnings, and the best one is taken: among
#: few frames, a single one matters, and time does not.
FEW, MOST_BEGINNINGS = 20_000, 12


class _Effort(NamedTuple):
    passes: int  # at most, before and after sequences exchange places
    rounds: int  # of the polish, each of which begins with such an exchange
    polish: int  # passes of a round, at most


# Among tens of thousands of frames the first passes leave nothing that anyone could see.
_FULL, _IN_BLOCKS, _OVER_ALL = _Effort(40, 3, 12), _Effort(3, 1, 3), _Effort(0, 1, 1)


def choose(
    candidates: Candidates, count: int, *, method: str = "balanced", seed: int = 0, cover: bool = False
) -> NDArray[np.intp]:
    """Return the rows of the chosen frames of one split: intp (count,), ascending.

    Parameters
    ----------
    candidates
        The frames of the split.
    count
        How many to choose.
    method
        ``balanced``: swaps until label shares, presence, pairs, layout and colours are those of the source, the
        sequences are represented in proportion and no two neighbours are chosen. ``random``: all subsets equally
        likely. ``every-kth``: systematically over the whole list.
    seed
        Another seed is another choice; the same one gives the same on every machine.
    cover
        At least one frame of each sequence (``balanced`` only).

    Raises
    ------
    OptionError
        More frames are asked for than there are, or an unknown method.
    """
    available = len(candidates)
    if not 0 <= count <= available:
        raise OptionError(f"{count} frames cannot be chosen of {available}")
    rows = np.arange(available)
    if count == available:
        return rows
    dice = Dice(seed)
    if method == "random":
        return dice.sample(rows, count)
    if method == "every-kth":
        return spread_out(available, count, dice.below(2**20) / 2**20, 0)
    if method != "balanced":
        raise OptionError(f"the method {method!r} is none of {', '.join(METHODS)}")
    return _choose_balanced(candidates, count, dice, cover)


def _choose_balanced(candidates: Candidates, count: int, dice: Dice, cover: bool) -> NDArray[np.intp]:
    if count == 0:
        return np.zeros(0, dtype=np.intp)
    starts = np.append(np.flatnonzero(np.diff(candidates.sequence, prepend=-1)), len(candidates))
    quotas = share_out(np.diff(starts), count, dice, cover=cover)
    # The nearest whole factor: 1403 frames for 351 are every fourth.
    gap = (2 * len(candidates) + count) // (2 * count) // 2
    if len(candidates) > BLOCK:
        starts, quotas = _cut(starts, quotas, gap, dice)
        state = Swaps.begin(starts, quotas, gap, dice)
        for first, last in _blocks(starts):
            part, rows = state.part(first, last), candidates.rows(int(starts[first]), int(starts[last]))
            _balance(part, make_features(rows, int(part.quotas.counts.sum())), dice, _IN_BLOCKS)
        features = make_features(candidates, count, LIGHT)
        _polish(state, features, dice, _OVER_ALL)
    else:
        features = make_features(candidates, count)
        state = _best_beginning(starts, quotas, gap, features, dice)
    # Chance may lose a label of a few frames, which nobody forgives.
    if state.keep_labels(candidates.pixels[:, :-1] > 0, -(-len(candidates) // count), dice):
        _polish(state, features, dice, _OVER_ALL)
    return np.flatnonzero(state.chosen)


def _best_beginning(starts: NDArray[np.intp], quotas: Quotas, gap: int, features: Features, dice: Dice) -> Swaps:
    best = None
    for _ in range(max(1, min(MOST_BEGINNINGS, FEW // int(starts[-1])))):
        own = Quotas(quotas.counts.copy(), quotas.least, quotas.most)
        state = Swaps.begin(starts, own, gap, dice)
        _balance(state, features, dice, _FULL)
        best = state if best is None or state.goal < best.goal else best
    assert best is not None
    return best


def _balance(state: Swaps, features: Features, dice: Dice, effort: _Effort) -> None:
    state.aim(features)
    state.improve(dice, effort.passes)
    state.exchange(dice)
    state.improve(dice, effort.passes)
    _polish(state, features, dice, effort)


def _polish(state: Swaps, features: Features, dice: Dice, effort: _Effort) -> None:
    state.aim(features, polish=True)
    for _ in range(effort.rounds):
        before = state.goal
        state.exchange(dice)
        state.improve(dice, effort.polish)
        if state.goal >= before * (1 - LEAST_GAIN):
            break


def _blocks(starts: NDArray[np.intp]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last-but-one sequence of each block: about `BLOCK` frames, in whole sequences."""
    blocks = -(-int(starts[-1]) // BLOCK)
    ends = np.searchsorted(starts, [int(starts[-1]) * b // blocks for b in range(1, blocks)])
    edges = np.unique([0, *ends, len(starts) - 1])
    yield from ((int(first), int(last)) for first, last in pairwise(edges))


def _cut(starts: NDArray[np.intp], quotas: Quotas, gap: int, dice: Dice) -> tuple[NDArray[np.intp], Quotas]:
    """Return the sequences with those that are longer than half a block cut into parts, each with its quota.

    Between two parts lie `gap` frames that are never chosen: what is chosen of one part is not near to what is chosen
    of the next.
    """
    edges: list[int] = []
    bounds: list[tuple[int, int, int]] = []  # count, least, most
    for sequence, (first, last) in enumerate(pairwise(starts.tolist())):
        cut = -(-2 * (last - first) // BLOCK)
        own = Quotas(*(q[sequence : sequence + 1] for q in (quotas.counts, quotas.least, quotas.most)))
        cuts = [first + (last - first) * part // cut for part in range(cut + 1)]
        if cut > 1:
            sizes = np.diff(cuts) - gap * (np.arange(cut) > 0)
            counts = share_out(sizes, int(quotas.counts[sequence]), dice).counts
            own = Quotas(counts, counts, counts)  # or the sequence could give or take one with each of its parts
        for part, limits in enumerate(zip(own.counts.tolist(), own.least.tolist(), own.most.tolist(), strict=True)):
            if part and gap:
                edges.append(cuts[part])
                bounds.append((0, 0, 0))
            edges.append(cuts[part] + (gap if part else 0))
            bounds.append(limits)
    columns = np.array(bounds, dtype=np.intp).reshape(-1, 3).T
    return np.array([*edges, int(starts[-1])], dtype=np.intp), Quotas(*(np.ascontiguousarray(c) for c in columns))
