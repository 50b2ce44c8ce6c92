"""Deriving a dataset: count the source, choose frames, write them, and prove with a report what was kept.

`derive` does all of it in one call; `select` is the choice alone.
"""

from iddkit.derivation.derive import Derived, derive
from iddkit.derivation.select import Selection, select

__all__ = ["Derived", "Selection", "derive", "select"]
