"""The values of an evaluation: the matrix of all pixels, each frame's score, and what was not as it has to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from iddkit.errors import FrameError
from iddkit.labels import LabelMap
from iddkit.metrics.confusion import Confusion
from iddkit.statistics.columns import coarser_levels

#: Kinds of `EvaluationProblem`. Frames with `UNKNOWN` numbers are scored, all others are not.
MISSING: Final = "missing"  # no prediction, several that may be it, or the truth itself
SIZE: Final = "size"  # the prediction has not the size of the truth, and no resolution was asked for
UNKNOWN: Final = "unknown numbers"  # numbers that are neither a class nor void
DAMAGED: Final = "damaged"  # truth or prediction cannot be read
DATASET: Final = "dataset"  # a frame or folder of the dataset cannot be used


@dataclass(frozen=True, slots=True)
class EvaluationProblem:
    """What is wrong with one frame.

    Attributes
    ----------
    kind
        One of the constants `MISSING`, `SIZE`, `UNKNOWN`, `DAMAGED`, `DATASET`.
    key
        Of the frame; "" for a problem of no frame.
    path
        The file or folder that is wrong.
    problem
        One sentence without a full stop.
    where
        The place in the file or folder, or "".
    numbers
        The unknown ones.
    """

    kind: str
    key: str
    path: Path
    problem: str
    where: str = ""
    numbers: tuple[int, ...] = ()

    def __str__(self) -> str:
        return str(FrameError(self.problem, path=self.path, where=self.where))


@dataclass(frozen=True, slots=True)
class ScoredFrame:
    """How well one frame was predicted.

    Attributes
    ----------
    key
        Of the frame.
    mean_iou
        Mean over the classes that it shows or that were predicted on it; NaN for a frame that is all void.
    pixel_accuracy
        Share of its pixels of a class that were predicted as it; NaN for a frame that is all void.
    pixels
        Of a class.
    iou
        Of each class; NaN for those neither shown nor predicted.
    predicted
        The prediction.
    """

    key: str
    mean_iou: float
    pixel_accuracy: float
    pixels: int
    iou: tuple[float, ...]
    predicted: Path


@dataclass(frozen=True)
class Evaluation:
    """Predictions of a dataset's frames against their labels.

    Attributes
    ----------
    label_map, level
        Of the predicted numbers.
    resolution
        Width and height at which pixels were compared; None for each frame's own.
    split
        The split that was scored; None for all frames.
    confusion
        Over the pixels of all scored frames.
    frames
        The scored frames, the worst mean IoU first, those all void last.
    wanted
        Labelled frames that were to be scored.
    problems
        In the order of the frames.
    notes
        What a user should know although nothing failed: lines.
    """

    label_map: LabelMap
    level: str
    resolution: tuple[int, int] | None
    split: str | None
    confusion: Confusion
    frames: tuple[ScoredFrame, ...]
    wanted: int
    problems: tuple[EvaluationProblem, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether all frames were scored, and held nothing but numbers of the level."""
        return not self.problems

    @cached_property
    def levels(self) -> Mapping[str, Confusion]:
        """The matrix at the level of the predictions, and at each coarser one of the map: finest first.

        Pixels predicted as no class stay misses at every level. AutoNUE's ``evaluate_mIoU.py`` drops them from its
        coarser matrices, and makes level 1 of level 3 by the table that is meant for level 2: its scores of level 2
        and level 1 are others. Those of the level that is scored are the same.
        """
        coarser = coarser_levels(self.label_map, self.level)
        return {
            self.level: self.confusion,
            **{coarse: self.confusion.collapse(self.label_map, self.level, coarse) for coarse in coarser},
        }
