"""Balanced swaps: exchange chosen frames for better ones until the chosen ones' mean vector is that of all.

A chosen frame gives its place to a free frame of its own sequence, so that quotas hold; a pass of its own exchanges
places between sequences, within the bounds of their quotas. Goal: the squared length of the sum of the chosen
frames' vectors, less the part of the sum of all that is theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iddkit.subset.dice import Dice
from iddkit.subset.features import Features
from iddkit.subset.quota import Quotas, spread_out, widest_gap

#: Passes end when one gains less than this part of the goal.
LEAST_GAIN = 0.003

#: Free frames that are looked at in exchange for one; in a longer sequence, so many by chance.
MOST_LOOKED_AT = 512


@dataclass
class Swaps:
    """The state of a choice: which frames are chosen, and what each exchange would do to the goal.

    Attributes
    ----------
    starts
        intp (S + 1,): first row of each sequence, and the number of rows.
    quotas
        Of the sequences.
    chosen
        bool (N,).
    fixed
        bool (N,): chosen frames that keep their place.
    """

    starts: NDArray[np.intp]
    quotas: Quotas
    chosen: NDArray[np.bool_]
    fixed: NDArray[np.bool_]
    _gaps: NDArray[np.intp]  # that of each sequence
    _near: NDArray[np.int32]  # number of chosen frames of the same sequence within the gap of each frame
    _values: NDArray[np.float32]
    _norms: NDArray[np.float64]
    _sum: NDArray[np.float64]  # of the chosen frames' vectors, less the target

    @classmethod
    def begin(cls, starts: NDArray[np.intp], quotas: Quotas, gap: int, dice: Dice) -> Swaps:
        """Choose systematically in time within each sequence.

        Chosen frames are more than `gap` positions apart, now and later, in sequences that are long enough for it.
        """
        rows = int(starts[-1])
        nothing = np.zeros(rows, dtype=np.bool_)
        sizes = np.diff(starts)
        gaps = np.array(
            [widest_gap(int(n), int(most), gap) for n, most in zip(sizes, quotas.most, strict=True)], np.intp
        )
        goal = np.zeros((rows, 0), dtype=np.float32), np.zeros(rows), np.zeros(0)
        state = cls(starts, quotas, nothing, nothing.copy(), gaps, np.zeros(rows, np.int32), *goal)
        for sequence, count in enumerate(quotas.counts):
            phase = dice.below(2**20) / 2**20
            for position in spread_out(int(sizes[sequence]), int(count), phase, int(gaps[sequence])):
                state._put(sequence, int(starts[sequence] + position))
        return state

    def part(self, first: int, last: int) -> Swaps:
        """Return the sequences from `first` to before `last` as a choice that shares its arrays with this one."""
        rows, sequences = slice(int(self.starts[first]), int(self.starts[last])), slice(first, last)
        quotas = Quotas(*(q[sequences] for q in (self.quotas.counts, self.quotas.least, self.quotas.most)))
        arrays = (self.chosen[rows], self.fixed[rows], self._gaps[sequences], self._near[rows])
        goal = (self._values[rows], self._norms[rows], np.zeros(0))
        return Swaps(self.starts[first : last + 1] - self.starts[first], quotas, *arrays, *goal)

    def aim(self, features: Features, *, polish: bool = False) -> None:
        """Take the vectors that the goal is made of; to `polish`, with their emphasis."""
        self._values = features.values * features.emphasis if polish else features.values
        self._norms = np.zeros(len(self._values))
        total = np.zeros(self._values.shape[1])
        for first in range(0, len(self._values), 4096):
            part = self._values[first : first + 4096].astype(np.float64)
            self._norms[first : first + 4096] = (part * part).sum(axis=1)
            total += part.sum(axis=0)
        picked = self._values[self.chosen].sum(axis=0, dtype=np.float64)
        # Columns are centred but for their rounding, whose sum is taken off, too.
        self._sum = picked - np.rint(total * (float(self.chosen.sum()) / max(1, len(self.chosen))))

    @property
    def goal(self) -> float:
        """The squared length of what is left."""
        return float(self._sum @ self._sum)

    def improve(self, dice: Dice, passes: int) -> None:
        """Exchange frames within their sequences until a pass gains next to nothing."""
        for _ in range(passes):
            before = self.goal
            for sequence in dice.shuffled(np.arange(len(self.starts) - 1)):
                self._improve_sequence(int(sequence), dice)
            if self.goal >= before * (1 - LEAST_GAIN):
                break

    def _improve_sequence(self, sequence: int, dice: Dice) -> None:
        first, last = int(self.starts[sequence]), int(self.starts[sequence + 1])
        if not 0 < self.quotas.counts[sequence] < last - first:
            return
        vectors, norms = self._values[first:last].astype(np.float64), self._norms[first:last]
        near, gap, total = self._near[first:last], int(self._gaps[sequence]), self._sum
        places = np.flatnonzero(self.chosen[first:last] & ~self.fixed[first:last])
        looks_at_all = last - first <= MOST_LOOKED_AT
        for place in dice.shuffled(places).tolist():
            near[max(0, place - gap) : place + gap + 1] -= 1
            total -= vectors[place]
            if looks_at_all:
                goals = vectors @ (2 * total) + norms
                own = goals[place]
                goals[near > 0] = np.inf
                best = int(goals.argmin())
                if goals[best] >= own:
                    best = place
            else:
                free = dice.sample(np.flatnonzero(near == 0), MOST_LOOKED_AT)
                best = _best(vectors, norms, total, free, place)
            near[max(0, best - gap) : best + gap + 1] += 1
            total += vectors[best]
            if best != place:
                self.chosen[first + place] = False
                self.chosen[first + best] = True

    def exchange(self, dice: Dice) -> None:
        """Let sequences whose quota was rounded up give a place to ones whose quota was rounded down."""
        counts, least, most = self.quotas.counts, self.quotas.least, self.quotas.most
        sequence_of = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        for giving in dice.shuffled(np.flatnonzero(counts > least)):
            first, last = int(self.starts[giving]), int(self.starts[giving + 1])
            picked = first + np.flatnonzero(self.chosen[first:last] & ~self.fixed[first:last])
            # Of very many rows some by chance, so that an exchange costs the same however many there are.
            rows = dice.rows(len(sequence_of), 8 * MOST_LOOKED_AT)
            has_room = (counts < most)[sequence_of[rows]]
            free = dice.sample(rows[has_room & (self._near[rows] == 0)], MOST_LOOKED_AT)
            if not len(picked) or not len(free):
                continue
            row = int(picked[dice.below(len(picked))])
            self._take(int(giving), row)
            best = _best(self._values, self._norms, self._sum, free, row)
            taking = int(sequence_of[best])
            self._put(taking, best)
            counts[giving] -= 1
            counts[taking] += 1

    def keep_labels(self, present: NDArray[np.bool_], least: int, dice: Dice) -> bool:
        """Choose a frame of each label that `least` frames hold and no chosen one does; return whether there was one.

        Parameters
        ----------
        present
            bool (N, L): which frame holds which label.
        """
        wanted = present.sum(axis=0) >= max(1, least)
        sequence_of = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        changed = False
        for label in np.flatnonzero(wanted & ~present[self.chosen].any(axis=0)):
            if present[self.chosen, label].any():
                continue  # it came with another one
            for row in dice.shuffled(np.flatnonzero(present[:, label])):
                if self._bring_in(int(row), int(sequence_of[row]), present, wanted):
                    changed = True
                    break
        return changed

    def _bring_in(self, row: int, sequence: int, present: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> bool:
        """Exchange some chosen frame for `row`, unless a wanted label, the gap or a quota would be lost."""
        held = present[self.chosen].sum(axis=0)
        for other, giving in self._could_go(sequence):
            if (wanted & present[other] & (held == 1) & ~present[row]).any():
                continue
            self._take(giving, other)
            if self._near[row] == 0:
                self._put(sequence, row)
                self.fixed[row] = True
                self.quotas.counts[giving] -= 1
                self.quotas.counts[sequence] += 1
                return True
            self._put(giving, other)
        return False

    def _could_go(self, sequence: int) -> Iterator[tuple[int, int]]:
        """Yield chosen frames, each with its sequence, that could go for one of `sequence`: first its own."""
        counts, least, most = self.quotas.counts, self.quotas.least, self.quotas.most
        giving = np.flatnonzero(counts > least) if counts[sequence] < most[sequence] else np.zeros(0, np.intp)
        for one in [sequence, *giving[giving != sequence]]:
            first, last = int(self.starts[one]), int(self.starts[one + 1])
            for row in first + np.flatnonzero(self.chosen[first:last] & ~self.fixed[first:last]):
                yield int(row), int(one)

    def _put(self, sequence: int, row: int) -> None:
        self.chosen[row] = True
        self._near[self._around(sequence, row)] += 1
        if self._values.shape[1]:
            self._sum += self._values[row]

    def _take(self, sequence: int, row: int) -> None:
        self.chosen[row] = False
        self._near[self._around(sequence, row)] -= 1
        if self._values.shape[1]:
            self._sum -= self._values[row]

    def _around(self, sequence: int, row: int) -> slice:
        first, last, gap = int(self.starts[sequence]), int(self.starts[sequence + 1]), int(self._gaps[sequence])
        return slice(max(first, row - gap), min(last, row + gap + 1))


def _best(
    values: NDArray[np.float32] | NDArray[np.float64],
    norms: NDArray[np.float64],
    total: NDArray[np.float64],
    rows: NDArray[np.intp],
    stays: int,
) -> int:
    """Return which of `rows` completes the choice best; `stays`, unless another one is better."""
    rows = np.append(rows, stays)
    goals = values[rows].astype(np.float64) @ (2 * total) + norms[rows]
    at = int(goals.argmin())
    return int(rows[at]) if goals[at] < goals[-1] else stays
