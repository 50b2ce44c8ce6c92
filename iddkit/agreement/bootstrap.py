"""How far a score would be another one with other frames: percentile intervals by resampling frames.

The frames are drawn again and again, as many as there are, with replacement; each time their counts are added up and
the scores computed. The interval holds the middle part of these scores (Efron 1979; Efron and Tibshirani 1993,
chapter 13). Frames are drawn, not pixels: the pixels of a frame are no independent witnesses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

#: Numbers that are added up at once: resamples times frames, or resamples times counts.
_AT_ONCE = 2**22

Statistic = Callable[..., NDArray[np.float64]]


def bootstrap(
    counts: Sequence[NDArray[np.int64]], statistic: Statistic, *, resamples: int, seed: int, confidence: float
) -> NDArray[np.float64]:
    """Return the ends of an interval for each score: float64 (2, scores).

    NaN where a score is none in all resamples; with fewer than two frames, or no resamples, everywhere: one frame says
    nothing of how frames differ. A resample in which a score is none (a class that none of its frames has) says
    nothing of that score.

    Parameters
    ----------
    counts
        Arrays of whole numbers, each with a first axis of frames.
    statistic
        Takes the sums of each array, float64 (resamples, ...), and returns float64 (resamples, scores).
    resamples
        How often frames are drawn.
    seed
        Of the draws: same counts and seed, same interval.
    confidence
        Which part of the scores the interval holds, between 0 and 1.

    Examples
    --------
    >>> right, all_of_them = np.array([90, 50, 70]), np.array([100, 100, 100])
    >>> low, high = bootstrap(
    ...     [right, all_of_them],
    ...     lambda hit, whole: (hit / whole)[:, None],
    ...     resamples=200,
    ...     seed=0,
    ...     confidence=0.9,
    ... )
    >>> [round(end.item(), 3) for end in (low, high)]
    [0.567, 0.833]
    """
    frames = len(counts[0])
    flat = [one.reshape(frames, -1).astype(np.float64) for one in counts]
    if frames < 2 or resamples < 1:
        scores = statistic(*(one.sum(axis=0, keepdims=True).astype(np.float64) for one in counts)).shape[-1]
        return np.full((2, scores), np.nan)
    step = max(1, _AT_ONCE // max(frames, *(one.shape[1] for one in flat)))
    drawn: list[NDArray[np.float64]] = []
    rng = np.random.default_rng(seed)
    for first in range(0, resamples, step):
        times = _draw(rng, min(step, resamples - first), frames)
        # Whole numbers below 2 ** 53, which floating-point numbers add up without a rounding, in any order.
        sums = [(times @ one).reshape(-1, *shaped.shape[1:]) for one, shaped in zip(flat, counts, strict=True)]
        drawn.append(statistic(*sums))
    return _ends(np.concatenate(drawn), confidence)


def _draw(rng: np.random.Generator, resamples: int, frames: int) -> NDArray[np.float64]:
    """Return how often each frame was drawn in each resample: float64 (resamples, frames)."""
    picked = rng.integers(frames, size=(resamples, frames)) + frames * np.arange(resamples)[:, None]
    return np.bincount(picked.ravel(), minlength=resamples * frames).reshape(resamples, frames).astype(np.float64)


def _ends(scores: NDArray[np.float64], confidence: float) -> NDArray[np.float64]:
    outside = (1 - confidence) / 2
    ends = np.full((2, scores.shape[1]), np.nan)
    known = ~np.isnan(scores).all(axis=0)
    if known.any():
        ends[:, known] = np.nanquantile(scores[:, known], [outside, 1 - outside], axis=0)
    return ends
