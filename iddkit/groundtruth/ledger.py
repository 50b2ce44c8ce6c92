"""The account of polygons: what was drawn, what is hidden, what was dropped and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from iddkit.raster import Painting


@dataclass(frozen=True, slots=True)
class Ledger:
    """What became of the objects of annotation files: ``drawn + hidden + dropped == objects``, always.

    Attributes
    ----------
    objects
        Objects in the files.
    drawn
        Painted, with at least one pixel to be seen.
    hidden
        Painted, but covered by later ones, or without a pixel inside the image.
    dropped
        Not painted: reason to count.
    """

    objects: int = 0
    drawn: int = 0
    hidden: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Ledger) -> Ledger:
        dropped = Counter(self.dropped)
        dropped.update(other.dropped)
        return Ledger(self.objects + other.objects, self.drawn + other.drawn, self.hidden + other.hidden, dict(dropped))

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values, reasons sorted."""
        dropped = {reason: self.dropped[reason] for reason in sorted(self.dropped)}
        return {"objects": self.objects, "drawn": self.drawn, "hidden": self.hidden, "dropped": dropped}

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Ledger:
        """Return the ledger that `to_json` wrote."""
        dropped = {str(reason): int(count) for reason, count in value["dropped"].items()}
        return Ledger(int(value["objects"]), int(value["drawn"]), int(value["hidden"]), dropped)


def account(painting: Painting) -> Ledger:
    """Return the ledger of a painted frame, at the size it was painted in."""
    seen = int(np.count_nonzero(painting.seams.visible()[1:]))
    painted = len(painting.objects)
    dropped = Counter(d.reason for d in painting.dropped)
    return Ledger(painted + len(painting.dropped), seen, painted - seen, dict(dropped))
