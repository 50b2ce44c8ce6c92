"""All figures of a derived dataset's report."""

from __future__ import annotations

import numpy as np

from iddkit.reporting import error_figures, label_figures, map_figures, split_figures
from iddkit.reporting.figure import Drawing, render, styled
from iddkit.reporting.subset_tables import name_of
from iddkit.subset.evidence import SubsetEvidence


def draw_figures(evidence: SubsetEvidence) -> dict[str, Drawing]:
    """Return name to figure. Same evidence, same bytes, as long as matplotlib is the same.

    ``shares``, ``pixels``, ``share_errors``, ``presence_errors``, ``drift`` and ``sequences`` are one figure each,
    ``random`` too where there are random subsets; ``pairs`` and ``layout`` are one for each split (``pairs-train``).
    """
    drawings: dict[str, Drawing] = {}
    with styled(), np.errstate(all="ignore"):
        for draw in (
            label_figures.draw_shares,
            label_figures.draw_pixels,
            error_figures.draw_share_errors,
            error_figures.draw_presence_errors,
            error_figures.draw_drift,
            split_figures.draw_sequences,
        ):
            drawings[draw.__name__.removeprefix("draw_")] = render(draw(evidence))
        if any(split.measures for split in evidence.splits):
            drawings["random"] = render(split_figures.draw_random(evidence))
        for split in evidence.splits:
            drawings[name_of("pairs", split)] = render(map_figures.draw_pairs(evidence, split))
            drawings[name_of("layout", split)] = render(map_figures.draw_layout(evidence, split))
    return drawings
