"""Where the classes of a label image end: the bands of boundary IoU, and the pixels of boundary F1.

Both are found for all classes at once. A pixel is near the boundary of its own class when a pixel of any other number
is near it, so one look at the label image serves every class; the masks of single classes are never made.

Boundary IoU is that of Cheng et al. 2021 ("Boundary IoU: Improving Object-Centric Image Segmentation Evaluation"),
pixel for pixel as their public ``boundary-iou-api`` computes it: of each mask only the pixels count whose distance to
the mask's outside is at most d, the distance measured by the longer of its two coordinates; beyond the image everything
is outside; d is a share of the image's diagonal, 2 % in the paper, rounded to whole pixels and at least 1.

Boundary F1 is that of Csurka et al. 2013 ("What is a good evaluation measure for semantic segmentation?"): of the
boundary pixels of a class in each image, the share that lies within a distance of one of the same class in the other;
F1 is the harmonic mean of both shares. Here a boundary pixel is one of the class with a pixel of another number among
its eight neighbours, the distance is Euclidean and may be equal to the tolerance, and the edge of the image is no
boundary: nobody drew it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from iddkit.errors import OptionError
from iddkit.metrics.shares import divide

#: Tolerances beyond this, in pixels, are refused: they would count as agreement what nobody would call that.
MOST_TOLERANCE = 64


def band_reach(height: int, width: int, ratio: float) -> int:
    """Return how far the bands of boundary IoU go into a mask, in pixels.

    Examples
    --------
    >>> band_reach(1080, 1920, 0.02), band_reach(9, 9, 0.02)
    (44, 1)
    """
    return max(1, round(ratio * math.sqrt(height * height + width * width)))


def find_boundaries(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return which pixels have a pixel of another number among their eight neighbours: uint8 (H, W) of 0 and 1.

    Parameters
    ----------
    labels
        uint8 (H, W): any numbers.

    Examples
    --------
    >>> find_boundaries(np.array([[7, 7, 7, 2]], dtype=np.uint8)).tolist()
    [[0, 0, 1, 1]]
    """
    import cv2

    around = np.ones((3, 3), dtype=np.uint8)
    # Beyond the image there is nothing for either of them to take.
    differs: NDArray[np.uint8] = np.not_equal(cv2.erode(labels, around), cv2.dilate(labels, around)).astype(np.uint8)
    return differs


def find_bands(boundaries: NDArray[np.uint8], reach: int) -> NDArray[np.bool_]:
    """Return which pixels lie at most so far from the end of what has their number: bool (H, W).

    Parameters
    ----------
    boundaries
        As `find_boundaries` gives them.
    reach
        The distance, in pixels, at least 1: 1 is the boundary alone. The edge of the image is an end.
    """
    import cv2

    ends = boundaries.copy()
    ends[[0, -1]] = 1
    ends[:, [0, -1]] = 1
    if reach == 1:
        return ends.astype(np.bool_)
    # The first pixel of another number on the way is one step from an end of one's own.
    side = 2 * min(reach, max(ends.shape)) - 1
    spread: NDArray[np.uint8] = np.asarray(cv2.dilate(ends, np.ones((side, side), dtype=np.uint8)))
    return spread.astype(np.bool_)


def count_bands(
    a: NDArray[np.uint8], b: NDArray[np.uint8], in_a: NDArray[np.bool_], in_b: NDArray[np.bool_], size: int
) -> NDArray[np.int64]:
    """Return how many pixels the bands of each class have: int64 (3, size), in both images, in A and in B.

    Parameters
    ----------
    a, b
        uint8 (H, W): classes 0 to size - 1; all other numbers are no class.
    in_a, in_b
        Their bands, as `find_bands` gives them.
    size
        Number of classes.
    """
    both = a[in_a & in_b & (a == b)]
    counted = [np.bincount(pixels, minlength=256)[:size] for pixels in (both, a[in_a], b[in_b])]
    return np.stack(counted).astype(np.int64)


def count_near(
    a: NDArray[np.uint8],
    b: NDArray[np.uint8],
    ends_a: NDArray[np.uint8],
    ends_b: NDArray[np.uint8],
    size: int,
    tolerances: Sequence[int],
) -> NDArray[np.int64]:
    """Return how many boundary pixels of A have one of their class near them in B: int64 (1 + tolerances, size).

    The first row is that of all boundary pixels of A, each other row that of those with one of B within the tolerance.

    Parameters
    ----------
    a, b
        uint8 (H, W): classes 0 to size - 1; all other numbers are no class.
    ends_a, ends_b
        As `find_boundaries` gives them.
    size
        Number of classes.
    tolerances
        Euclidean distances in pixels, whole numbers in ascending order.
    """
    largest = max(tolerances, default=0)
    rows, columns = np.nonzero(ends_a.astype(np.bool_) & (a < size))
    numbers = a[rows, columns]
    there = np.full((a.shape[0] + 2 * largest, a.shape[1] + 2 * largest), 255, dtype=np.uint8)
    inner = there[largest : largest + a.shape[0], largest : largest + a.shape[1]]
    np.copyto(inner, b, where=ends_b.astype(np.bool_))
    flat, stride = there.ravel(), there.shape[1]
    left = (rows + largest) * stride + columns + largest  # where those lie that have found none yet
    waiting = numbers
    counts = [np.bincount(numbers, minlength=256)[:size]]
    before = -1
    for tolerance in tolerances:
        for down, across in _ring(before, tolerance):
            far = flat[left + (down * stride + across)] != waiting
            left, waiting = left[far], waiting[far]
        before = tolerance
        counts.append(counts[0] - np.bincount(waiting, minlength=256)[:size])
    return np.stack(counts).astype(np.int64)


def _ring(inner: int, outer: int) -> list[tuple[int, int]]:
    """Return the steps (down, across) longer than `inner` and at most as long as `outer`, the shortest first."""
    steps = [(y * y + x * x, y, x) for y in range(-outer, outer + 1) for x in range(-outer, outer + 1)]
    least = inner * inner if inner >= 0 else -1
    return [(y, x) for square, y, x in sorted(steps) if least < square <= outer * outer]


def boundary_iou(a: NDArray[np.bool_], b: NDArray[np.bool_], ratio: float = 0.02) -> float:
    """Return the boundary IoU of two masks; NaN where both are empty.

    Parameters
    ----------
    a, b
        bool (H, W).
    ratio
        Of the image's diagonal: how far the bands go into the masks.

    Raises
    ------
    ValueError
        The shapes differ.

    Examples
    --------
    >>> left = np.arange(100)[None, :] < np.full((100, 1), 50)
    >>> boundary_iou(left, left), boundary_iou(left, ~left)
    (1.0, 0.0)
    """
    if a.shape != b.shape:
        raise ValueError(f"masks of the shapes {a.shape} and {b.shape}")
    reach = band_reach(a.shape[0], a.shape[1], ratio)
    labels = [(~mask).astype(np.uint8) for mask in (a, b)]
    bands = [find_bands(find_boundaries(one), reach) for one in labels]
    shared, of_a, of_b = count_bands(labels[0], labels[1], bands[0], bands[1], 1)[:, 0]
    return float(divide(shared, of_a + of_b - shared))


def check_tolerances(tolerances: Sequence[int]) -> tuple[int, ...]:
    """Return tolerances in ascending order, each once.

    Raises
    ------
    OptionError
        There is none, or one that is negative or more than `MOST_TOLERANCE`.
    """
    if not tolerances:
        raise OptionError("no tolerance: boundary F1 needs one at least")
    for tolerance in tolerances:
        if not 0 <= tolerance <= MOST_TOLERANCE:
            raise OptionError(f"a tolerance of {tolerance} pixels: it has to be between 0 and {MOST_TOLERANCE}")
    return tuple(sorted(set(tolerances)))
