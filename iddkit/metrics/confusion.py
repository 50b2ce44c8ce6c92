"""`Confusion`: how many pixels of each class were predicted as each class, and the scores that follow from it.

Scores are those of Vallurupalli 2022, 2.5, and of the public evaluation of IDD (AutoNUE public-code,
``evaluate_mIoU.py`` and ``idd_lite_evaluate_mIoU.py``): pixels whose truth is void count nowhere; a pixel that has a
class and is predicted as none is a miss of its class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iddkit.labels import LabelMap
from iddkit.metrics.pairs import count_pairs, fold_pairs
from iddkit.metrics.shares import divide, mean_known
from iddkit.statistics.columns import classes, collapse


@dataclass(frozen=True, eq=False)
class Confusion:
    """A confusion matrix over the classes of one level. Matrices of the same classes add up.

    Attributes
    ----------
    classes
        Their names, in the order of the rows.
    counts
        int64 (C, C + 1): pixels by their true class (row) and predicted class (column); the last column is for
        predictions that are no class.

    Examples
    --------
    >>> confusion = Confusion.of(("road", "sky"), np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0]))
    >>> confusion.counts.tolist()
    [[1, 1, 0], [0, 1, 0]]
    >>> confusion.iou().tolist(), confusion.mean_iou, confusion.pixel_accuracy
    ([0.5, 0.5], 0.5, 0.6666666666666666)
    """

    classes: tuple[str, ...]
    counts: NDArray[np.int64]

    def __post_init__(self) -> None:
        size = len(self.classes)
        if self.counts.shape != (size, size + 1) or self.counts.dtype != np.int64:
            raise ValueError(f"{self.counts.dtype} {self.counts.shape} is no confusion matrix of {size} classes")

    @classmethod
    def empty(cls, names: Sequence[str]) -> Confusion:
        """Return the matrix of no pixels."""
        return cls(tuple(names), np.zeros((len(names), len(names) + 1), dtype=np.int64))

    @classmethod
    def of(cls, names: Sequence[str], truth: NDArray[np.integer], predicted: NDArray[np.integer]) -> Confusion:
        """Count pixels.

        Parameters
        ----------
        names
            Of the C classes.
        truth, predicted
            Columns, integers of the same shape, from 0 on; all from C on are void, or no class.
        """
        size = len(names)
        if truth.dtype == np.uint8 and predicted.dtype == np.uint8:
            columns = np.minimum(np.arange(256), size)
            pairs = count_pairs(truth.astype(np.uint8, copy=False), predicted.astype(np.uint8, copy=False))
            return cls.of_pairs(names, pairs, columns, columns)
        numbers = np.minimum(truth, size).astype(np.int64) * (size + 1) + np.minimum(predicted, size)
        counts = np.bincount(numbers.ravel(), minlength=(size + 1) ** 2).reshape(size + 1, size + 1)
        return cls(tuple(names), np.ascontiguousarray(counts[:size], dtype=np.int64))

    @classmethod
    def of_pairs(
        cls,
        names: Sequence[str],
        pairs: NDArray[np.int64],
        truth: NDArray[np.intp],
        predicted: NDArray[np.intp],
    ) -> Confusion:
        """Return the matrix of numbers that were counted before anyone asked what they mean.

        Parameters
        ----------
        names
            Of the C classes.
        pairs
            int64 (256, 256), as `iddkit.metrics.pairs.count_pairs` gives them.
        truth, predicted
            intp (256,): the column of each number in the true and in the predicted image, C for void and no class.
        """
        return cls(tuple(names), fold_pairs(pairs, truth, predicted, len(names))[:-1].copy())

    def __add__(self, other: Confusion) -> Confusion:
        if self.classes != other.classes:
            raise ValueError(f"matrices of different classes do not add up: {self.classes}, {other.classes}")
        return Confusion(self.classes, self.counts + other.counts)

    def iou(self) -> NDArray[np.float64]:
        """Return intersection over union of each class: float64 (C,); NaN for one neither true nor predicted."""
        hit = self.counts.diagonal()
        union = self.counts.sum(axis=1) + self.counts[:, :-1].sum(axis=0) - hit
        return divide(hit, union)

    def recall(self) -> NDArray[np.float64]:
        """Return which share of each class's pixels was predicted as it: float64 (C,); NaN for one that has none."""
        return divide(self.counts.diagonal(), self.counts.sum(axis=1))

    def precision(self) -> NDArray[np.float64]:
        """Return which share of the pixels predicted as each class is of it: float64 (C,); NaN for one never met."""
        return divide(self.counts.diagonal(), self.counts[:, :-1].sum(axis=0))

    @property
    def mean_iou(self) -> float:
        """Mean of `iou` over the classes that have one; NaN without any."""
        return float(mean_known(self.iou()))

    @property
    def mean_accuracy(self) -> float:
        """Mean of `recall` over the classes that have one; NaN without any."""
        return float(mean_known(self.recall()))

    @property
    def pixel_accuracy(self) -> float:
        """Share of all pixels that have a class, and were predicted as it; NaN without any."""
        pixels = int(self.counts.sum())
        return int(self.counts.trace()) / pixels if pixels else float("nan")

    def collapse(self, label_map: LabelMap, fine: str, coarse: str) -> Confusion:
        """Return the matrix at a coarser level of a label map; its classes are those of level `fine`.

        Raises
        ------
        LabelMapError
            A class of the fine level lies in several of the coarse one (IDD's level4 in level3).
        """
        columns = collapse(label_map, fine, coarse)
        names = tuple(category.name for category in classes(label_map, coarse))
        counts = np.zeros((len(names) + 1, len(names) + 1), dtype=np.int64)
        np.add.at(counts, (columns[:, None], np.append(columns, len(names))[None, :]), self.counts)
        return Confusion(names, counts[:-1].copy())
