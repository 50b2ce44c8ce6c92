"""How the learning rate, and alpha of gradual grouping, change in the course of a run.

All but ``plateau`` are functions of the progress, the part of a phase that is over: of its epochs or, with a budget, of
its time, whichever is further.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from iddkit.training.recipe import ONE_CYCLE, POLY, Recipe

#: One cycle begins at this part of its highest rate.
_FIRST = 0.04


def rate_factor(recipe: Recipe, progress: float) -> float:
    """Return what the learning rate is multiplied with at `progress`, 0 to 1; ``plateau`` has `Plateau` for it.

    Examples
    --------
    >>> from iddkit.training.recipe import Recipe
    >>> recipe = Recipe("erfnet", schedule="one-cycle", warmup=0.25)
    >>> [round(rate_factor(recipe, progress), 3) for progress in (0, 0.25, 0.625, 1)]
    [0.04, 1.0, 0.5, 0.0]
    """
    progress = min(1.0, max(0.0, progress))
    if recipe.schedule == POLY:
        return float((1 - progress) ** recipe.power)
    if recipe.schedule == ONE_CYCLE:
        if progress < recipe.warmup:
            return _FIRST + (1 - _FIRST) * _rise(progress / recipe.warmup)
        return 1 - _rise((progress - recipe.warmup) / (1 - recipe.warmup))
    return 1.0


def _rise(part: float) -> float:
    return (1 - math.cos(math.pi * part)) / 2


@dataclass(slots=True)
class Plateau:
    """The factor of a rate that falls when validations get no better ('ReduceLROnPlateau', Vallurupalli 2022, 3.4.1).

    Attributes
    ----------
    factor
        What the rate is multiplied with now.
    best
        Highest mean IoU so far.
    waited
        Validations since then.
    """

    factor: float = 1.0
    best: float = -1.0
    waited: int = 0

    def see(self, recipe: Recipe, mean_iou: float) -> None:
        """Take notice of a validation."""
        if mean_iou > self.best:
            self.best, self.waited = mean_iou, 0
            return
        self.waited += 1
        if self.waited > recipe.plateau_patience:
            self.factor, self.waited = self.factor * recipe.plateau_factor, 0


def alpha_at(recipe: Recipe, progress: float) -> float:
    """Return alpha of gradual grouping at `progress` of the phase that groups: from 1 in a line to 0, then 0.

    CHOICE: the sources say "gradually" (Vallurupalli et al. 2018, 3.3); how is not told.

    Examples
    --------
    >>> from iddkit.training.recipe import Recipe
    >>> recipe = Recipe("erfnet")
    >>> alpha_at(recipe, 0.3)
    0.0
    """
    if not recipe.gradual_part:
        return 0.0
    return max(0.0, 1 - progress / recipe.gradual_part)
