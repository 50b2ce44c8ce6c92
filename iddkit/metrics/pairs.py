"""Which number meets which: two label images laid over each other, and their pairs of numbers counted.

The table of pairs is all that scores are made of, whatever the numbers mean, and it shows the numbers that mean nothing
as well. The compiled `iddkit.metrics._pairs` counts as fast as the images can be read; where it could not be built,
NumPy does the same.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Count = Callable[[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int64]], None]


def count_numpy(first: NDArray[np.uint8], second: NDArray[np.uint8], counts: NDArray[np.int64]) -> None:
    """Add how often each pair of numbers occurs to `counts`, int64 (256, 256); the images are in C order."""
    pairs = first.astype(np.uint16) * np.uint16(256) + second
    counts += np.bincount(pairs.ravel(), minlength=256 * 256).reshape(256, 256)


def _compiled() -> Count | None:
    try:
        from iddkit.metrics._pairs import count
    except ImportError:  # installed without a compiler
        return None
    return count


#: The compiled function, or None where it could not be built.
count_compiled = _compiled()

#: The best one at hand; the arguments are those of `count_numpy`.
count: Count = count_compiled or count_numpy


def count_pairs(truth: NDArray[np.uint8], predicted: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return how many pixels have each pair of numbers: int64 (256, 256), true number (row) by predicted (column).

    Parameters
    ----------
    truth, predicted
        uint8 of one shape.

    Raises
    ------
    ValueError
        They differ in shape.

    Examples
    --------
    >>> count_pairs(np.array([[0, 0, 1]], dtype=np.uint8), np.array([[0, 1, 1]], dtype=np.uint8))[:2, :2].tolist()
    [[1, 1], [0, 1]]
    """
    if truth.shape != predicted.shape:
        raise ValueError(f"images of the shapes {truth.shape} and {predicted.shape} have no pairs of pixels")
    counts = np.zeros((256, 256), dtype=np.int64)
    count(np.ascontiguousarray(truth), np.ascontiguousarray(predicted), counts)
    return counts


def fold_pairs(
    pairs: NDArray[np.int64], rows: NDArray[np.intp], columns: NDArray[np.intp], size: int
) -> NDArray[np.int64]:
    """Return pairs of numbers as pairs of classes: int64 (size + 1, size + 1).

    Parameters
    ----------
    pairs
        int64 (256, 256), as `count_pairs` gives them.
    rows, columns
        intp (256,): the class of each true and each predicted number, 0 to `size`; -1 is `size` as well.
    size
        Number of classes; the row and column of that number are those of void.
    """
    folded = np.zeros((size + 1, size + 1), dtype=np.int64)
    # Few numbers occur in an image, so nearly all rows of the table are empty.
    met = np.flatnonzero(pairs.any(axis=1))
    true, predicted = np.nonzero(pairs[met])
    np.add.at(folded, (rows[met[true]], columns[predicted]), pairs[met[true], predicted])
    return folded
