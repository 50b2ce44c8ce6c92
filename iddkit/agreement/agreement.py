"""The values of a comparison: both annotations' agreement at each level, with intervals, and each frame's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iddkit.agreement.compare import Method
from iddkit.agreement.pairs import Pair
from iddkit.agreement.tally import Tally
from iddkit.labels import Category, LabelMap
from iddkit.metrics.evaluation import EvaluationProblem


@dataclass(frozen=True, slots=True)
class Measure:
    """A score of all frames together.

    Attributes
    ----------
    name
        ``pixel agreement, void counted``, ``kappa``, ``mean IoU``, ``boundary F1, 2 px`` ...
    value
        NaN where there is none. All are shares of 1; kappa may be negative.
    low, high
        Ends of the bootstrap interval; NaN where there is none.
    """

    name: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False, slots=True)
class LevelAgreement:
    """Agreement at one level.

    Attributes
    ----------
    level
        Its name in the label map.
    classes
        In the order of the tally's columns.
    tally
        Of all frames.
    measures
        By short names: ``agreement_with_void``, ``agreement``, ``kappa_with_void``, ``kappa``, ``mean_iou``,
        ``mean_boundary_iou``, ``mean_boundary_f1_2``.
    iou_interval
        float64 (2, C): low and high end of each class's IoU; NaN where there is none.
    """

    level: str
    classes: tuple[Category, ...]
    tally: Tally
    measures: Mapping[str, Measure]
    iou_interval: NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class FrameAgreement:
    """How far both sides agree on one frame, at the finest level that was compared.

    Attributes
    ----------
    pair
        Its files in A and in B.
    tallies
        For each level, the finest first.
    """

    pair: Pair
    tallies: tuple[Tally, ...]

    @property
    def key(self) -> str:
        """Of the frame, in A."""
        return self.pair.key

    @property
    def pixels(self) -> int:
        """Of the frame."""
        return int(self.tallies[0].counts.sum())

    @property
    def differing(self) -> int:
        """Pixels that have not the same class on both sides, void being one."""
        counts = self.tallies[0].counts
        return int(counts.sum() - np.trace(counts))


@dataclass(frozen=True, eq=False)
class Agreement:
    """Two annotations of the same frames, compared.

    Attributes
    ----------
    label_map
        Of both.
    split
        That was compared; None for all frames.
    a, b
        As they were given.
    levels
        Agreement at each level, the finest first.
    frames
        The compared frames, the largest share of differing pixels first.
    wanted
        Frames that were to be compared: those of both sides together, or with `common` those that both have.
    matched_by
        What tells which frame of B is a frame of A.
    how
        The sides, levels, tolerances and the ratio of boundary IoU.
    resamples, seed, confidence
        Of the intervals.
    problems
        Frames that could not be compared, and what could not be taken for a frame.
    notes
        What a user should know although nothing failed: lines.
    """

    label_map: LabelMap
    split: str | None
    a: Path
    b: Path
    levels: tuple[LevelAgreement, ...]
    frames: tuple[FrameAgreement, ...]
    wanted: int
    matched_by: str
    how: Method
    resamples: int
    seed: int
    confidence: float
    problems: tuple[EvaluationProblem, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether all frames were compared."""
        return not self.problems

    @property
    def finest(self) -> LevelAgreement:
        """Agreement at the finest level that was compared."""
        return self.levels[0]
