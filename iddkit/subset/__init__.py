"""Small datasets that keep the label statistics of a large one: which frames, and how they are written and checked."""

from iddkit.subset.candidates import Candidates, candidates_of
from iddkit.subset.choice import choose
from iddkit.subset.plan import METHODS, SubsetPlan
from iddkit.subset.recipe import Recipe, load_recipe, plan_of
from iddkit.subset.verify import verify

__all__ = [
    "METHODS",
    "Candidates",
    "Recipe",
    "SubsetPlan",
    "candidates_of",
    "choose",
    "load_recipe",
    "plan_of",
    "verify",
]
