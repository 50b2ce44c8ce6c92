"""Cohen's kappa: agreement beyond what two annotators would reach by chance (Cohen 1960).

``kappa = (p_o - p_e) / (1 - p_e)``, where p_o is the share of pixels on which both agree, and p_e the share on which
they would agree if each gave its classes to pixels at random, as often as it did.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def cohen_kappa(counts: NDArray[np.integer] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the kappa of matrices of pixel counts: float64 (...).

    NaN where there are no pixels, and where all of them have one class on both sides: nothing is left beyond chance.

    Parameters
    ----------
    counts
        (..., n, n): pixels by their class in A (row) and in B (column).

    Examples
    --------
    The example of every textbook: 20 and 15 agreements, 5 and 10 disagreements.

    >>> round(cohen_kappa(np.array([[20, 5], [10, 15]])).item(), 3)
    0.4
    """
    matrices = counts.astype(np.float64)
    return _kappa(
        np.trace(matrices, axis1=-2, axis2=-1),
        (matrices.sum(axis=-1) * matrices.sum(axis=-2)).sum(axis=-1),
        matrices.sum(axis=(-2, -1)),
    )


def class_kappa(counts: NDArray[np.integer] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the kappa of each class against all others together: float64 (..., n); NaN for one that is nowhere.

    Examples
    --------
    >>> class_kappa(np.array([[4, 0, 0], [0, 2, 2], [0, 0, 4]])).round(3).tolist()
    [1.0, 0.571, 0.667]
    """
    matrices = counts.astype(np.float64)
    whole = matrices.sum(axis=(-2, -1))[..., None]
    rows, columns = matrices.sum(axis=-1), matrices.sum(axis=-2)
    hit = np.diagonal(matrices, axis1=-2, axis2=-1)
    return _kappa(whole - rows - columns + 2 * hit, rows * columns + (whole - rows) * (whole - columns), whole)


def _kappa(same: NDArray[np.float64], chance: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return kappa of the pixels that agree, and of the sum of products that chance would make of all of them."""
    beyond = np.asarray(whole * whole - chance)
    found = np.full(beyond.shape, np.nan)
    np.divide(same * whole - chance, beyond, out=found, where=beyond > 0)
    return found
