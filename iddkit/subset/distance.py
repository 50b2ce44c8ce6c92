"""How far the frames of a choice lie from those of the source: distance of their means in the space of a kernel.

The maximum mean discrepancy (Gretton et al., JMLR 13, 2012) of a Gaussian kernel, by random Fourier features (Rahimi
and Recht, NIPS 2007): each frame becomes the cosines and sines of `FREQUENCIES` random projections, and the distance
is that of the means. Whereas shares and presence are sums over frames, this tells a choice of average frames from one
that is as diverse as the source.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from iddkit.statistics.counts import SHARE_UNIT, unit_shares
from iddkit.subset.candidates import Candidates

#: Random projections of a frame; the kernel is met within about 1 / sqrt(FREQUENCIES).
FREQUENCIES = 256

#: Cosines and sines are kept in this part: sums of whole numbers are the same in whatever order they are added.
WAVE_UNIT = 2**20

#: The width of the kernel is the median distance between so many frames, evenly spread over the source.
SAMPLED_FRAMES = 400

#: Frames are worked on in blocks of so many.
BLOCK = 4096

_SEED = 2012
_SHARE_SHIFT = SHARE_UNIT // 2**16


@dataclass(frozen=True)
class Embedding:
    """The random projections for the frames of a source.

    Attributes
    ----------
    projections
        float64 (F, FREQUENCIES), for the F numbers that `features` gives of a frame: in radians each.
    """

    projections: NDArray[np.float64]

    def waves(self, part: Candidates) -> NDArray[np.float64]:
        """Return cosines, then sines of frames, whole numbers in 1 / `WAVE_UNIT`: float64 (n, 2 * FREQUENCIES)."""
        angles = features(part) @ self.projections
        waves = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
        rounded: NDArray[np.float64] = np.rint(waves * WAVE_UNIT)
        return rounded


def embed(candidates: Candidates) -> Embedding:
    """Return random projections for a source, the same for equal frames on every machine.

    Shares, layout and colours each count the same: each number of a frame is divided by its spread over the source,
    and each of the three groups by the root of how many numbers it has that differ between frames.
    """
    scale = _scale(candidates)
    count = min(len(candidates), SAMPLED_FRAMES)
    sample = (2 * np.arange(count, dtype=np.intp) + 1) * len(candidates) // (2 * max(1, count))
    points = features(pick(candidates, sample)) * scale
    apart = np.concatenate([np.zeros(0), *(np.linalg.norm(points[i + 1 :] - points[i], axis=1) for i in range(count))])
    apart = apart[apart > 0]
    width = float(np.median(apart)) if len(apart) else 1.0
    return Embedding(scale[:, None] * _normal(len(scale), FREQUENCIES) / width)


def features(part: Candidates) -> NDArray[np.float64]:
    """Return what is compared of frames, as whole numbers: shares, layout where known, colours where known.

    float64 (n, F). They stay below 2**16, so that sums of their squares are exact for two million frames.
    """
    groups: list[NDArray[np.integer]] = [unit_shares(part.pixels) // _SHARE_SHIFT]
    if part.layout is not None:
        groups.append(part.layout.reshape(len(part), -1))
    if part.colors is not None:
        groups.append(part.colors)
    return np.concatenate(groups, axis=1, dtype=np.float64)


def pick(candidates: Candidates, rows: NDArray[np.intp]) -> Candidates:
    """Return some of the frames."""
    return Candidates(
        candidates.sequence[rows],
        candidates.pixels[rows],
        None if candidates.layout is None else candidates.layout[rows],
        None if candidates.colors is None else candidates.colors[rows],
    )


def blocks(length: int, size: int = BLOCK) -> Iterator[slice]:
    """Yield slices of at most `size` that cover `length` frames."""
    for start in range(0, length, size):
        yield slice(start, min(length, start + size))


def _scale(candidates: Candidates) -> NDArray[np.float64]:
    groups = [candidates.classes]
    groups += [] if candidates.layout is None else [int(np.prod(candidates.layout.shape[1:]))]
    groups += [] if candidates.colors is None else [candidates.colors.shape[1]]
    width = sum(groups)
    sums, squares = np.zeros(width), np.zeros(width)
    for block in blocks(len(candidates)):
        numbers = features(candidates.rows(block.start, block.stop))
        sums += numbers.sum(axis=0)
        squares += (numbers * numbers).sum(axis=0)
    count = len(candidates)
    # Python's integers: a column without any spread has to give zero.
    spread = [count * int(b) - int(a) ** 2 for a, b in zip(sums, squares, strict=True)]
    scale = np.array([math.sqrt(Fraction(count**2, s)) if s else 0.0 for s in spread])
    start = 0
    for size in groups:
        group = scale[start : start + size]
        group /= math.sqrt(max(1, int(np.count_nonzero(group))))
        start += size
    return scale


def _normal(rows: int, columns: int) -> NDArray[np.float64]:
    # Raw bits and Box and Muller's formula: NumPy does not promise that its own normal numbers stay the same.
    raw = np.random.PCG64(_SEED).random_raw(2 * rows * columns)
    first, second = ((raw >> np.uint64(11)) + 0.5).reshape(2, rows, columns) * 2.0**-53
    numbers: NDArray[np.float64] = np.sqrt(-2 * np.log(first)) * np.cos(2 * np.pi * second)
    return numbers
