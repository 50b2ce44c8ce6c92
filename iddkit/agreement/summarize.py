"""Tallies of frames summed up: the scores of each level, and the bootstrap intervals over frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iddkit.agreement.agreement import LevelAgreement, Measure
from iddkit.agreement.bootstrap import bootstrap
from iddkit.agreement.tally import Counts, Tally
from iddkit.labels import LabelMap
from iddkit.statistics.columns import classes


@dataclass(frozen=True, slots=True)
class Resampling:
    """How intervals are made: how often frames are drawn, by which seed, and which part of the scores they hold."""

    resamples: int = 1000
    seed: int = 0
    confidence: float = 0.95


def name_measures(tolerances: Sequence[int]) -> dict[str, str]:
    """Return short name to name of the scores of a level, in order.

    Examples
    --------
    >>> list(name_measures([1, 2]))[-3:]
    ['mean_boundary_iou', 'mean_boundary_f1_1', 'mean_boundary_f1_2']
    """
    return {
        "agreement_with_void": "pixel agreement, with void",
        "agreement": "pixel agreement, without void",
        "kappa_with_void": "Cohen's kappa, with void",
        "kappa": "Cohen's kappa, without void",
        "mean_iou": "mean IoU",
        "mean_boundary_iou": "mean boundary IoU",
        **{f"mean_boundary_f1_{t}": f"mean boundary F1, {t} px" for t in tolerances},
    }


def score(tally: Tally) -> NDArray[np.float64]:
    """Return the scores of `name_measures`, in its order, then the IoU of each class: float64 (..., 6 + T + C)."""
    single = (
        tally.agreement(void=True),
        tally.agreement(void=False),
        tally.kappa(void=True),
        tally.kappa(void=False),
        tally.mean_iou(),
        tally.mean_boundary_iou(),
    )
    return np.concatenate([np.stack(single, axis=-1), tally.mean_boundary_f1(), tally.iou()], axis=-1)


def summarize(
    label_map: LabelMap, level: str, tallies: Sequence[Tally], tolerances: Sequence[int], how: Resampling
) -> LevelAgreement:
    """Return the agreement at a level of frames with these tallies."""
    its = classes(label_map, level)
    whole = Tally.empty(len(its), len(tolerances))
    for tally in tallies:
        whole += tally
    values = score(whole)
    if len(tallies) < 2:
        ends = np.full((2, len(values)), np.nan)
    else:
        stacks = [np.stack([getattr(one, name) for one in tallies]) for name in ("counts", "bands", "ends")]
        ends = bootstrap(stacks, _score_sums, resamples=how.resamples, seed=how.seed, confidence=how.confidence)
    names = name_measures(tolerances)
    measures = {
        short: Measure(name, *map(float, (values[i], ends[0, i], ends[1, i])))
        for i, (short, name) in enumerate(names.items())
    }
    return LevelAgreement(level, its, whole, measures, ends[:, len(names) :])


def _score_sums(counts: Counts, bands: Counts, ends: Counts) -> NDArray[np.float64]:
    return score(Tally(counts, bands, ends))
