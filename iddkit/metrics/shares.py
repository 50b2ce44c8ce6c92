"""Parts of a whole, and their means, where some have no whole at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def divide(part: ArrayLike, whole: ArrayLike) -> NDArray[np.float64]:
    """Return parts as shares: float64 of the common shape; NaN where the whole is 0.

    Examples
    --------
    >>> divide([1, 0], [4, 0]).tolist()
    [0.25, nan]
    """
    parts, wholes = np.broadcast_arrays(np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64))
    shares = np.full(wholes.shape, np.nan)
    np.divide(parts, wholes, out=shares, where=wholes > 0)
    return shares


def mean_known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over the last axis of what is a number: float64 (...); NaN where nothing is.

    Examples
    --------
    >>> mean_known(np.array([[0.5, np.nan, 1.0], [np.nan] * 3])).tolist()
    [0.75, nan]
    """
    known = ~np.isnan(values)
    return divide(np.where(known, values, 0).sum(axis=-1), known.sum(axis=-1))
