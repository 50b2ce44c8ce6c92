"""Small datasets that keep the label statistics of a large one: which frames, and how they are written."""

from iddkit.subset.candidates import Candidates, candidates_of
from iddkit.subset.choice import choose
from iddkit.subset.plan import METHODS, SubsetPlan

__all__ = ["METHODS", "Candidates", "SubsetPlan", "candidates_of", "choose"]
