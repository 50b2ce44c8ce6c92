"""A choice of frames beside random ones, at two levels: that of the published labels, and the finest one."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iddkit.statistics import FrameTable, classes
from iddkit.statistics.columns import collapse
from iddkit.statistics.table import CELL_UNIT, merge_columns
from iddkit.subset.beside import plain
from iddkit.subset.candidates import Candidates, candidates_of
from iddkit.subset.label_evidence import Measure
from iddkit.subset.quality import Errors, RandomErrors, measure_errors, prepare, random_errors

#: Decimals of a divergence in bits.
JS_DECIMALS: Final = 12

#: The errors of `iddkit.subset.quality` that are one number: what to call them, their unit, and the factor to it. What
#: people read comes first.
_MEASURES: Final = {
    "worst_share": ("largest share error", "%", 100),
    "js": ("label shares (JS divergence)", "bits", 1),
    "worst_presence": ("largest presence error", "points", 100),
    "pairs": ("largest pair error", "points", 100),
    "layout": ("layout in 4 x 4 cells", "", 1),
    "mmd": ("feature distance (MMD)", "", 1),
}


def compare(table: FrameTable, chosen: NDArray[np.intp], level: str, *, subsets: int) -> tuple[Measure, ...]:
    """Return the errors of a choice among those of random subsets of its size.

    Parameters
    ----------
    table
        The frames of one split, measured at the output's size.
    chosen
        Rows of the table, ascending: intp (n,).
    level
        Of the published labels. Its errors come first; those of the table's own level follow, if that is another.
    subsets
        Number of random subsets. They are of the same frames at both levels.

    Raises
    ------
    ValueError
        The table holds nothing at the output's size, or no frame was chosen.
    LabelMapError
        The table's level cannot be turned into `level`.
    """
    candidates = candidates_of(table)
    found: list[Measure] = []
    for one in dict.fromkeys((level, table.level)):
        into = collapse(table.label_map, table.level, one)
        space = prepare(collapse_candidates(candidates, into, len(classes(table.label_map, one))))
        randoms = random_errors(space, len(chosen), subsets=subsets)
        found += measures_of(measure_errors(space, chosen), randoms, one)
    return tuple(found)


def collapse_candidates(candidates: Candidates, into: NDArray[np.intp], columns: int) -> Candidates:
    """Return candidates counted at a coarse level with `columns` classes; `into` is what `collapse` gave."""
    layout = candidates.layout
    if layout is not None:
        merged = np.zeros((*layout.shape[:2], columns + 1), dtype=np.int64)  # void is the last one
        for fine, coarse in enumerate(into):
            merged[:, :, coarse] += layout[:, :, fine]
        layout = np.minimum(merged[:, :, :-1], CELL_UNIT).astype(np.uint16)
    pixels = merge_columns(candidates.pixels, into, columns).astype(np.int32)
    return Candidates(candidates.sequence, pixels, layout, candidates.colors)


def measures_of(errors: Errors, randoms: RandomErrors, level: str) -> tuple[Measure, ...]:
    """Return the errors of a choice among those of random subsets; those that are not known (NaN) are left out."""
    found = []
    for name, (title, unit, factor) in _MEASURES.items():
        value, others = float(getattr(errors, name)), np.sort(getattr(randoms, name))
        if math.isfinite(value) and np.isfinite(others).all():
            random = tuple(plain(round(factor * float(other), JS_DECIMALS)) for other in others)
            found.append(Measure(name, title, unit, plain(round(factor * value, JS_DECIMALS)), random, level))
    return tuple(found)
