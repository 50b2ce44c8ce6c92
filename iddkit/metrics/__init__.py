"""Scores of predictions: confusion matrices, and the official evaluation of folders of label images.

>>> from iddkit import labels, metrics
>>> found = metrics.evaluate("idd20k_lite", "predictions", labels.load("idd"), "level1", resolution=(256, 128))
... # doctest: +SKIP
>>> found.confusion.mean_iou, found.frames[0].key   # doctest: +SKIP
(0.6614, 'val/3/004942')
"""

from iddkit.metrics.confusion import Confusion
from iddkit.metrics.evaluation import Evaluation, EvaluationProblem, ScoredFrame
from iddkit.metrics.frame import score_pair
from iddkit.metrics.resize import resize_nearest
from iddkit.metrics.scoring import evaluate

__all__ = [
    "Confusion",
    "Evaluation",
    "EvaluationProblem",
    "ScoredFrame",
    "evaluate",
    "resize_nearest",
    "score_pair",
]
