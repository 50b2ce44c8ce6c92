"""The loss: cross entropy, weighted by class, where void pixels count for nothing."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from iddkit.labels import VOID


def class_weights(shares: NDArray[np.float64], constant: float = 1.10) -> Tensor:
    """Return the weight of each class, ``1 / ln(constant + share)``: float32 (C,).

    Parameters
    ----------
    shares
        float64 (C,): proportion of each class in the labelled pixels (`LabelStatistics.pooled`).
    constant
        Vallurupalli 2022, 3.4, has 1.10: a class without pixels weighs 10.5, one with half of them 2.1.

    Examples
    --------
    >>> [round(weight, 2) for weight in class_weights(np.array([0.5, 0.0])).tolist()]
    [2.13, 10.49]
    """
    return torch.from_numpy(1 / np.log(constant + shares)).float()


def cross_entropy(logits: Tensor, columns: Tensor, weights: Tensor | None) -> Tensor:
    """Return the mean loss of the labelled pixels, weighted; 0, with gradients of 0, where a batch has none.

    Parameters
    ----------
    logits
        float (N, C, H, W).
    columns
        int64 (N, H, W): classes, `VOID` where there is none.
    weights
        float32 (C,), or None.
    """
    losses = functional.cross_entropy(logits.float(), columns, weights, ignore_index=VOID, reduction="sum")
    known = columns != VOID
    total = known.sum() if weights is None else weights[columns.where(known, 0)].where(known, 0).sum()
    return losses / total.clamp(min=torch.finfo(torch.float32).tiny)


def shrink_labels(columns: Tensor, factor: int) -> Tensor:
    """Return labels at ``1 / factor`` of the size, rounded up: those nearest to the middle of each square of pixels.

    The encoder is trained alone against these (Vallurupalli 2022, 3.4.1). `columns` is int64 (N, H, W).
    """
    first = factor // 2
    height, width = columns.shape[-2:]
    pad = functional.pad(columns, (0, -width % factor, 0, -height % factor), value=VOID)
    return pad[:, first::factor, first::factor]
