"""Scores of predictions: confusion matrices, and the official evaluation of folders of label images."""

from iddkit.metrics.confusion import Confusion

__all__ = ["Confusion"]
