"""Gaps: regions that no polygon covers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from iddkit.checks.finding import Gap
from iddkit.raster import Painting


def find_gaps(painting: Painting, least: int = 4) -> tuple[Gap, ...]:
    """Return the regions of a painted frame that nothing was painted on, the largest first.

    Pixels that touch at a side or a corner belong to one region, so that a region of `least` pixels is found whatever
    its form. What was painted as void is no gap: somebody said that it has no class.

    Parameters
    ----------
    painting
        Of the frame.
    least
        Pixels of the smallest region that is returned.

    Examples
    --------
    >>> from iddkit import annotation, labels, raster
    >>> sky = annotation.Shape("sky", annotation.as_points([[0, 0], [9, 0], [9, 3], [0, 3]]))
    >>> painting = raster.paint(annotation.Annotation(10, 6, (sky,)), labels.load("idd"))
    >>> find_gaps(painting)
    (Gap(region=(0, 4, 10, 2), area=20, place=(4, 4), width=2),)
    """
    import cv2

    if not painting.pixel_counts()[0]:
        return ()
    left, top, right, bottom = painting.seams.boxes()[0].tolist()
    bare = (painting.index[top:bottom, left:right] == 0).view(np.uint8)
    count, parts, statistics, _ = cv2.connectedComponentsWithStats(bare, connectivity=8, ltype=cv2.CV_32S)
    areas = statistics[:, cv2.CC_STAT_AREA]
    large = [part for part in range(1, count) if areas[part] >= least]
    # How far each pixel is from the nearest one outside of its region, which ends where the image does.
    depth = cv2.distanceTransform(np.pad(bare, 1), cv2.DIST_C, 3)[1:-1, 1:-1]
    gaps = []
    for part in large:
        x, y, width, height, area = statistics[part].tolist()
        within = np.where(parts[y : y + height, x : x + width] == part, depth[y : y + height, x : x + width], 0)
        deepest = np.argwhere(within == within.max())
        # Of the deepest pixels the one nearest to their middle.
        row, column = deepest[(abs(deepest - deepest.mean(axis=0))).sum(axis=1).argmin()].tolist()
        place = left + x + column, top + y + row
        gaps.append(Gap((left + x, top + y, width, height), area, place, _largest_square(within)))
    return tuple(sorted(gaps, key=lambda gap: (-gap.area, gap.region)))


def _largest_square(depth: NDArray[np.float32]) -> int:
    """Return the side of the largest square in a region; `depth` is how far each of its pixels is from the outside."""
    # Around a pixel of depth d lies a square of side 2 d - 1. Four of them together, and it is one of side 2 d.
    deepest = depth == depth.max()
    four = deepest[1:, 1:] & deepest[1:, :-1] & deepest[:-1, 1:] & deepest[:-1, :-1]
    return 2 * int(depth.max()) - (0 if four.any() else 1)
