"""What is to be alike in the subset and its source, as one vector of whole numbers per frame.

A subset is good if the mean of its frames' vectors is that of all frames. Each column is centred on the source's
mean, divided by its spread, weighted, and rounded to 1 / `UNIT`. Sums of whole numbers are exact in float64 below
2**53, in whatever order a processor adds them, so the choice is the same on every machine. What leads there is
elementwise arithmetic, which IEEE 754 fixes, too.

The kinds of columns and their weights were settled by measurements on IDD-lite, CamVid and simulated drives;
`benchmarks/subset.py` repeats them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from iddkit.statistics.counts import SHARE_UNIT, unit_shares
from iddkit.subset.candidates import Candidates

#: One standard deviation at weight 1 is this many units.
UNIT = 1024

#: Weight of each kind of column.
WEIGHTS = {
    "share": 1.0,
    "presence": 0.5,
    "pair": 0.25,
    "share bins": 0.35,
    "products": 0.25,
    "labels": 0.25,
    "entropy": 0.3,
    "color": 0.5,
    "color bins": 0.3,
    "layout": 0.4,
}

#: The kinds that a choice over more frames than fit one block is tuned by.
LIGHT = ("share", "presence")

#: In the end a share weighs so many times its spread over its mean more, within bounds: what people read is the error
#: of a share relative to the share, and a rare label's spread is many times its mean.
SHARE_EMPHASIS, SHARE_BOUNDS = 4, (6, 40)

#: And presence weighs so many times the root of the number of chosen frames more, within bounds: it is to be right
#: to a few frames, however many there are.
PRESENCE_EMPHASIS, PRESENCE_BOUNDS = 0.9, (8, 40)

_BINS = 4
_CLIP = 4.0  # standard deviations, before shares are multiplied
_FINE = 2**15  # shares and the like are squared in this unit, so that sums of a million squares fit 64 bits


@dataclass(frozen=True)
class Features:
    """The vectors of some frames.

    Attributes
    ----------
    values
        float32 (N, D): whole numbers below 2**24, which float32 holds exactly.
    emphasis
        float32 (D,): whole numbers; by so much each column weighs more when the choice is polished.
    """

    values: NDArray[np.float32]
    emphasis: NDArray[np.float32]


def make_features(candidates: Candidates, count: int, kinds: tuple[str, ...] = tuple(WEIGHTS)) -> Features:
    """Return the vectors of the candidates, of which `count` are to be chosen, standardized by themselves."""
    on_presence = int(np.clip(round(PRESENCE_EMPHASIS * isqrt(count)), *PRESENCE_BOUNDS))
    values, emphasis = [np.zeros((len(candidates), 0), dtype=np.float32)], [np.zeros(0)]
    for kind, raw in _columns(candidates, kinds):
        block, relative = _standardize(raw, WEIGHTS[kind])
        varies = relative > 0
        values.append(block[:, varies])
        if kind == "share":
            emphasis.append(np.clip(np.rint(SHARE_EMPHASIS * relative[varies]), *SHARE_BOUNDS))
        else:
            emphasis.append(np.full(varies.sum(), on_presence if kind == "presence" else 1))
    return Features(np.concatenate(values, axis=1), np.concatenate(emphasis).astype(np.float32))


def _columns(candidates: Candidates, kinds: tuple[str, ...]) -> Iterator[tuple[str, NDArray[np.integer]]]:
    """Yield the raw columns, integers (N, d), of each kind."""
    shares = unit_shares(candidates.pixels)
    present = (candidates.pixels[:, :-1] > 0).astype(np.uint8)
    one, other = np.triu_indices(candidates.classes, k=1)
    if "share" in kinds:
        yield "share", shares
        # Also of all pixels, void among them: whoever divides by those finds the proportions kept as well.
        yield "share", _shares_of_all(candidates.pixels)
    if "presence" in kinds:
        yield "presence", present
    if "pair" in kinds:
        yield "pair", present[:, one] & present[:, other]
    if "share bins" in kinds:
        yield "share bins", _bins(shares, nonzero=True)
    if "products" in kinds:
        clipped, _ = _standardize(shares, 1.0)
        np.clip(clipped, -_CLIP * UNIT, _CLIP * UNIT, out=clipped)
        yield "products", (clipped * clipped).astype(np.int32)
        yield "products", (clipped[:, one] * clipped[:, other]).astype(np.int32)
    if "labels" in kinds:
        yield "labels", present.sum(axis=1, dtype=np.int32)[:, None]
    if "entropy" in kinds:
        yield "entropy", _bins(_entropy(shares)[:, None])
    if candidates.colors is not None and "color" in kinds:
        yield "color", candidates.colors
        yield "color bins", _bins(candidates.colors)
    if candidates.layout is not None and "layout" in kinds:
        yield "layout", candidates.layout.reshape(len(candidates), -1)


def _shares_of_all(pixels: NDArray[np.int32]) -> NDArray[np.int64]:
    counts = pixels.astype(np.int64)
    shares: NDArray[np.int64] = counts * SHARE_UNIT // np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares


def _standardize(raw: NDArray[np.integer], weight: float) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return columns less their mean, over their spread, in weighted units; and the spread of each over its mean."""
    # Column by column: temporary arrays of one column stay in the cache.
    done = np.zeros((raw.shape[1], len(raw)), dtype=np.float32)
    relative = np.zeros(raw.shape[1])
    for i in range(raw.shape[1] if len(raw) else 0):
        column = np.ascontiguousarray(raw[:, i]).astype(np.int64)
        least, most = int(column.min()), int(column.max())
        if least == most:
            continue
        mean = int(column.sum()) / len(column)
        scale = max(1, (most - least) // _FINE)
        deviation = (column - round(mean)) // scale
        spread = max(float(np.sqrt(int((deviation * deviation).sum()) / len(column))), 0.5) * scale
        done[i] = np.rint((column - mean) * (weight * UNIT / spread))
        relative[i] = spread / max(abs(mean), 1.0)
    return np.ascontiguousarray(done.T), relative


def _bins(raw: NDArray[np.integer], *, nonzero: bool = False) -> NDArray[np.uint8]:
    """Return whether each value lies in each of the quantile bins of its column: uint8 (N, columns * bins).

    With `nonzero`, the quantiles are those of the values above zero, and zeros lie in no bin.
    """
    kept = []
    for i in range(raw.shape[1]):
        column = np.ascontiguousarray(raw[:, i])
        ordered = np.sort(column[column > 0] if nonzero else column)
        if not len(ordered):
            continue
        edges = ordered[[len(ordered) * b // _BINS for b in range(1, _BINS)]]
        place = np.searchsorted(edges, column, side="right")
        if nonzero:
            place[column == 0] = _BINS
        kept.append(place[:, None] == np.arange(_BINS))
    return np.concatenate([np.zeros((len(raw), 0), np.uint8), *(k.astype(np.uint8) for k in kept)], axis=1)


def _entropy(shares: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the entropy of each frame's shares, in 2**-32 bits: int64 (N,)."""
    terms = _entropy_terms()[shares // (SHARE_UNIT // 2**16)]
    return np.asarray(terms.sum(axis=1, dtype=np.int64))


@lru_cache(maxsize=1)
def _entropy_terms() -> NDArray[np.int64]:
    """Return -p log2 p for p = 0, 1, ... 2**16 in 2**-16, in 2**-32 bits.

    The logarithm by squaring, in whole numbers: those of the mathematical libraries differ in the last bit.
    """
    p = np.arange(2**16 + 1, dtype=np.uint64)
    p[0] = 1
    exponent = np.array([int(value).bit_length() - 1 for value in p], dtype=np.uint64)
    mantissa = p << (np.uint64(31) - exponent)  # from 1 to before 2, in 2**-31
    logarithm = exponent.copy()
    for _ in range(16):
        mantissa = mantissa * mantissa >> np.uint64(31)
        bit = mantissa >> np.uint64(32)
        mantissa >>= bit
        logarithm = (logarithm << np.uint64(1)) | bit
    terms: NDArray[np.int64] = p.astype(np.int64) * (16 * 2**16 - logarithm.astype(np.int64))
    terms[0] = 0
    return terms
