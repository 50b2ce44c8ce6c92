"""The plane under the street: its patterns in perspective."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from iddkit.synthetic.camera import LAYOUT_HEIGHT
from iddkit.synthetic.paint import SHIFT, Image, to_bytes, to_fixed
from iddkit.synthetic.scene import Scene
from iddkit.synthetic.solids import Color, mix, shade
from iddkit.synthetic.texture import TILE, tile
from iddkit.synthetic.view import Surface
from iddkit.synthetic.world import Look

#: Pattern of the ground and its contrast.
PATTERNS: dict[str, tuple[str, float]] = {
    "road": ("asphalt", 0.36),
    "drivable fallback": ("soil", 0.5),
    "parking": ("asphalt", 0.4),
    "sidewalk": ("paving", 0.42),
    "rail track": ("soil", 0.6),
    "curb": ("asphalt", 0.4),
    "non-drivable fallback": ("soil", 0.75),
}
_DENSITY = 80.0  # pixels of the pattern in a metre of ground


class Plane:
    """The plane under the street: where on it each pixel looks."""

    def __init__(self, scene: Scene) -> None:
        import cv2

        self._scene = scene
        width, height = scene.annotation.size
        camera, scale = scene.camera, height / LAYOUT_HEIGHT
        focal, horizon = camera.focal * scale, camera.horizon * scale
        self._first = min(height - 1, max(0, int(horizon) + 1))
        rows = np.arange(self._first, height) + 0.5
        self._ahead = np.minimum(focal * camera.y / np.maximum(rows - horizon, 0.4), 250.0)
        sight = (np.arange(width) + 0.5 - 0.5 * width) / focal + camera.heading
        across = (sight[None, :] * self._ahead[:, None] + camera.x) * _DENSITY
        along = np.broadcast_to((camera.z * _DENSITY % TILE + self._ahead * _DENSITY)[:, None], across.shape)
        self._maps = cv2.convertMaps(across.astype(np.float32), along.astype(np.float32), cv2.CV_16SC2)
        # Far away the pattern is finer than a pixel.
        self._sharp = np.minimum(1.0, 13.0 * (0.4 + 0.6 * scale) / self._ahead).astype(np.float32)

    def patch(self, surface: Surface, box: tuple[int, int, int, int], corner: NDArray[np.float64]) -> Image:
        """Return the box of a flat shape, its pattern in perspective and its paint on it."""
        import cv2

        name, contrast = PATTERNS[surface.label]
        x0, y0, x1, y1 = box
        patch: Image = np.empty((y1 - y0, x1 - x0, 3), dtype=np.uint8)
        patch[:] = to_bytes(_ground_color(surface.label, self._scene.world.look))
        for corners, color in surface.paint:
            for polygon in to_fixed(corners.reshape(-1, 2) - corner).reshape(corners.shape):
                cv2.fillPoly(patch, [polygon], to_bytes(color), shift=SHIFT, lineType=cv2.LINE_AA)
        skipped = max(0, self._first - y0)
        if skipped < y1 - y0:
            rows = slice(y0 + skipped - self._first, y1 - self._first)
            where, between = (part[rows, x0:x1] for part in self._maps)
            pattern = cv2.remap(tile(name)[:TILE, :TILE], where, between, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
            # 128 leaves a colour as it is.
            sharp = contrast * self._sharp[rows, None]
            lit = (pattern * sharp + 128.0 * (1.0 - sharp)).astype(np.uint8)
            view = patch[skipped:]
            cv2.multiply(view, cv2.cvtColor(lit, cv2.COLOR_GRAY2RGB), dst=view, scale=1.0 / 128.0)
        return patch

    def haze(self, canvas: Image) -> None:
        """Let the ground fade with the distance."""
        look = self._scene.world.look
        share = 1.0 - np.exp2(-self._ahead / look.haze_range)
        last = int((share > 0.05).sum())
        part = share[:last, None, None].astype(np.float32)
        view = canvas[self._first : self._first + last]
        view[:] = (view * (1.0 - part) + np.array(look.haze, dtype=np.float32) * part).astype(np.uint8)


def _ground_color(label: str, look: Look) -> Color:
    return {
        "road": look.road,
        "drivable fallback": mix(look.road, look.soil, 0.62),
        "parking": mix(shade(look.road, 1.2), look.paving, 0.3),
        "sidewalk": look.paving,
        "rail track": mix((122.0, 112.0, 102.0), look.soil, 0.3),
        "curb": (206.0, 202.0, 190.0),
        "non-drivable fallback": look.soil,
    }[label]
