"""The annotator's hand: from the exact outlines of what is seen to the polygons that somebody clicked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from iddkit.geometry import clip
from iddkit.synthetic.camera import LAYOUT_HEIGHT, Camera, thin
from iddkit.synthetic.dice import Dice, lattice
from iddkit.synthetic.view import GROUND, Draft

# Corners that annotators click around an object of a label.
_CLICKS = {"vegetation": 72, "building": 52, "car": 52, "rider": 46, "motorcycle": 48, "person": 48, "truck": 46}
_CLICKS |= {"autorickshaw": 48, "persongroup": 60, "animal": 52, "wall": 38, "fence": 36, "bicycle": 46, "curb": 34}
_CLICKS |= {"pole": 16, "polegroup": 32, "traffic sign": 14, "traffic light": 14, "billboard": 16, "license plate": 6}
_CLICKS |= {"bridge": 48, "obs-str-bar-fallback": 28, "guard rail": 28, "vehicle fallback": 46, "trailer": 34}
_CLICKS |= {"bus": 44, "cargroup": 56, "motorcyclegroup": 56}


def click(draft: Draft, camera: Camera, seed: int, dice: Dice) -> NDArray[np.float64]:
    """Return the polygon as clicked: no needless corners, some on long edges, none exact, cut at the border."""
    points = draft.points
    standing = 0.0 < draft.distance < GROUND
    if standing:
        points = _clicked(points, draft.label, seed + draft.surface.key)
    # Most annotators stop at the border, some go a little beyond.
    over = dice.between(0.2, 5.0) if dice.chance(0.12) else 0.0
    points = clip(points, (-over, -over), (camera.width + over, LAYOUT_HEIGHT + over))
    return points if standing or len(points) < 3 else thin(points, 0.05)


def _clicked(points: NDArray[np.float64], label: str, key: int) -> NDArray[np.float64]:
    extent = points.max(axis=0) - points.min(axis=0)
    least = float(extent.min())
    points = thin(points, min(0.6, 0.02 * least))
    step = np.roll(points, -1, axis=0) - points
    length = np.sqrt(step[:, 0] * step[:, 0] + step[:, 1] * step[:, 1])
    wanted = _CLICKS.get(label, 26) - len(points)
    total = float(length.cumsum()[-1])
    if wanted < 3 or total < 30.0:
        return points
    extra = np.minimum(np.floor(length * wanted / total + 0.4), 12.0).astype(np.int64)
    owner = np.repeat(np.arange(len(points)), extra + 1)
    order = np.arange(len(owner)) - np.repeat(np.cumsum(extra + 1) - extra - 1, extra + 1)
    share = order / (extra[owner] + 1.0)
    hand = min(1.1, 0.02 * least)
    noise = 2.0 * hand * (lattice(key, np.arange(2 * len(owner))).reshape(-1, 2) - 0.5)
    clicked: NDArray[np.float64] = points[owner] + step[owner] * share[:, None] + noise * (order > 0)[:, None]
    return clicked
