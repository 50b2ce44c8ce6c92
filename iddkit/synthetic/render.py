"""From a scene to the photograph that its annotators might have seen.

Shapes are painted in their order inside their own polygons, so the image agrees with the annotation: sky with clouds,
ground in perspective, faces with noise and light, haze with the distance, and the noise of a sensor over all.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from iddkit.synthetic.camera import LAYOUT_HEIGHT
from iddkit.synthetic.dice import waves
from iddkit.synthetic.paint import SHIFT, Image, as_image, bounding_box, hazed, to_bytes, to_fixed
from iddkit.synthetic.plane import PATTERNS, Plane
from iddkit.synthetic.scene import Scene
from iddkit.synthetic.solids import Color, mix, shade
from iddkit.synthetic.texture import TILE, cut, ramp, tile
from iddkit.synthetic.view import Surface
from iddkit.synthetic.world import Look

#: Pattern of what stands, its strength, and how much lighter it is above than below (grey values).
_GRAIN: dict[str, tuple[str, float, float]] = {
    "building": ("plaster", 0.3, 10.0),
    "wall": ("soil", 0.4, 16.0),
    "curb": ("asphalt", 0.35, 8.0),
    "bridge": ("plaster", 0.35, 10.0),
    "animal": ("soil", 0.2, 34.0),
    "unlabeled": ("soil", 0.9, 20.0),
    "car": ("grain", 0.05, 36.0),
    "bus": ("grain", 0.06, 28.0),
    "truck": ("plaster", 0.2, 28.0),
    "person": ("grain", 0.16, 14.0),
    "persongroup": ("grain", 0.16, 14.0),
    "rider": ("grain", 0.16, 18.0),
    "billboard": ("grain", 0.08, 10.0),
}
#: Labels with holes in what is drawn, though not in the polygon, and how dark it is behind them.
_SEEN_THROUGH = {"fence": 0.72, "bicycle": 0.8, "polegroup": 0.85}
_SEEN_THROUGH |= {"persongroup": 0.7, "cargroup": 0.7, "motorcyclegroup": 0.6}
_PLAIN = ("grain", 0.12, 16.0)


def render(scene: Scene) -> Image:
    """Return the image of a scene, uint8 (H, W, 3) RGB.

    The boundary of each shape lies within about a pixel of its polygon. Deleted shapes are not there. Equal scenes give
    equal images on one machine; another version of OpenCV may differ in the last bit.
    """
    import cv2

    width, height = scene.annotation.size
    look = scene.world.look
    canvas: Image = np.empty((height, width, 3), dtype=np.uint8)
    canvas[:] = to_bytes(look.haze)
    ground = Plane(scene)
    faded = False
    for shape, surface in zip(scene.annotation.shapes, scene.surfaces, strict=True):
        if surface is None:
            continue
        if surface.solid is not None and not faded:
            ground.haze(canvas)
            faded = True
        box = bounding_box(shape.points, width, height)
        if box is None:
            continue
        view = canvas[box[1] : box[3], box[0] : box[2]]
        corner = np.array((box[0] + 0.5, box[1] + 0.5))
        if surface.shadow is not None:
            _darken(canvas, surface.shadow, 0.58)
        mask = np.zeros(view.shape[:2], dtype=np.uint8)
        cv2.fillPoly(mask, [to_fixed(shape.points - corner)], 255, shift=SHIFT)
        if surface.solid is not None:
            patch = _faces(surface, corner, view, scene)
        elif surface.label in PATTERNS:
            patch = ground.patch(surface, box, corner)
        else:
            patch = _far(surface.label, box, scene)
        cv2.copyTo(patch, mask, view)
    return _expose(canvas, scene)


def _darken(canvas: Image, corners: NDArray[np.float64], factor: float) -> None:
    import cv2

    box = bounding_box(corners, canvas.shape[1], canvas.shape[0])
    if box is None:
        return
    view = canvas[box[1] : box[3], box[0] : box[2]]
    mask = np.zeros(view.shape[:2], dtype=np.uint8)
    cv2.fillPoly(mask, [to_fixed(corners - np.array((box[0] + 0.5, box[1] + 0.5)))], 255, shift=SHIFT)
    cv2.copyTo(cv2.convertScaleAbs(view, alpha=factor), mask, view)


def _faces(surface: Surface, corner: NDArray[np.float64], view: Image, scene: Scene) -> Image:
    """Return the box of a solid: its faces from far to near, each with what lies on it, then pattern and light."""
    import cv2

    solid, look = surface.solid, scene.world.look
    assert solid is not None
    size = view.shape[:2]
    # Pixels in a metre; a pattern has 40.
    zoom = scene.camera.focal * scene.annotation.height / LAYOUT_HEIGHT / max(surface.distance, 2.0) / 40.0
    fade = 2.0 ** (-surface.distance / look.haze_range)
    if surface.label == "vegetation":
        patch = _leaves(surface, size, max(zoom, 0.45), look)
    elif surface.label in _SEEN_THROUGH:
        patch = as_image(cv2.convertScaleAbs(view, alpha=_SEEN_THROUGH[surface.label]))
    else:
        patch = np.empty_like(view)
        patch[:] = to_bytes(hazed(_first_color(solid.colors), surface.distance, look))
    fixed = to_fixed(surface.points[:, :2] - corner)
    starts = solid.starts.tolist()
    ahead = np.add.reduceat(surface.points[:, 2], solid.starts[:-1]) / np.diff(solid.starts)
    small = min(size) < 12
    details = solid.details.tolist()
    firsts = [k for k, detail in enumerate(details) if not detail]
    for first in sorted(firsts, key=lambda k: -ahead[k]):
        k = first
        while k < len(details) and (k == first or details[k]):
            color = solid.colors[k]
            stop = k + 1
            # Windows of one colour are painted in one go.
            while k != first and stop < len(details) and details[stop] and solid.colors[stop] == color:
                stop += 1
            if color is not None:
                tone = to_bytes(hazed(color, surface.distance, look))
                cv2.fillPoly(patch, [fixed[starts[j] : starts[j + 1]] for j in range(k, stop)], tone, shift=SHIFT)
            if small:
                break
            k = stop
    if surface.label in ("vegetation", "fence"):
        return patch
    name, strength, light = _GRAIN.get(surface.label, _PLAIN)
    grey = cut(name, surface.key, (size[0], size[1]), max(zoom, 0.5))
    slope = cv2.resize(np.array(((128 + light,), (128 - light,)), dtype=np.uint8), (size[1], size[0]))
    both = cv2.addWeighted(grey, strength * fade, slope, fade, 128.0 - 128.0 * fade * (1.0 + strength))
    return as_image(cv2.addWeighted(patch, 1.0, cv2.cvtColor(both, cv2.COLOR_GRAY2RGB), 1.0, -128.0))


def _first_color(colors: tuple[Color | None, ...]) -> Color:
    return next((color for color in colors if color is not None), (128.0, 128.0, 128.0))


def _leaves(surface: Surface, size: tuple[int, ...], zoom: float, look: Look) -> Image:
    import cv2

    hue = 0.75 + 0.5 * ((surface.key % 1009) / 1009.0)
    leaf = mix(shade(look.leaf, hue), (96.0, 110.0, 40.0), 0.3 * ((surface.key % 211) / 211.0))
    distance = surface.distance
    colors = [hazed(shade(leaf, factor), distance, look) for factor in (0.42, 0.92, 1.5)]
    grey = cut("leaves", surface.key, (size[0], size[1]), zoom)
    slope = cv2.resize(np.array(((158,), (98,)), dtype=np.uint8), (size[1], size[0]))
    lit = cv2.addWeighted(grey, 0.85, slope, 1.0, -109.0)
    return as_image(cv2.applyColorMap(lit, ramp(*colors)))


def _far(label: str, box: tuple[int, int, int, int], scene: Scene) -> Image:
    """Return the box of what has no nearness: sky, hills, the trees at the end of the street, borders, the bonnet."""
    import cv2

    look = scene.world.look
    size = box[3] - box[1], box[2] - box[0]
    patch: Image = np.empty((*size, 3), dtype=np.uint8)
    if label == "sky":
        return _sky(size, scene)
    if label in ("fallback background", "vegetation"):
        base = mix(look.leaf, (116.0, 122.0, 130.0), 0.75) if label == "fallback background" else look.leaf
        away = 1.6 * look.haze_range if label == "fallback background" else 0.8 * look.haze_range
        colors = [hazed(shade(base, factor), away, look) for factor in (0.6, 0.95, 1.3)]
        grey = cut("leaves" if label == "vegetation" else "plaster", scene.world.seed, size, 0.6)
        return as_image(cv2.applyColorMap(grey, ramp(*colors)))
    if label == "ego vehicle":
        tones = np.array(((150, 152, 158), (62, 62, 66), (34, 34, 38)), dtype=np.uint8)
        return as_image(cv2.resize(tones[:, None, :], (size[1], size[0])))
    patch[:] = (8, 8, 8)
    return patch


def _sky(size: tuple[int, int], scene: Scene) -> Image:
    """Return a sky that is brighter towards the horizon, with clouds that drift."""
    import cv2

    look = scene.world.look
    rows, columns = max(2, size[0] // 4), max(2, size[1] // 4)
    fall = np.linspace(0.0, 1.0, rows, dtype=np.float32)[:, None, None]
    low, top = np.array(look.sky_low, dtype=np.float32), np.array(look.sky_top, dtype=np.float32)
    clear = top + (low - top) * np.sqrt(fall)
    drift = scene.world.seed * 7919 + int(scene.time * 3.0) * TILE
    cloud = cut("cloud", drift, (rows, columns), columns / 400.0).astype(np.float32)[:, :, None]
    share = np.clip((cloud - 128.0) / 90.0 + 0.3, 0.0, 1.0) * look.cloud * (1.0 - 0.7 * fall)
    small = clear * (1.0 - share) + 244.0 * share
    image = cv2.resize(small, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return as_image(np.clip(image, 0.0, 255.0).astype(np.uint8))


def _expose(canvas: Image, scene: Scene) -> Image:
    """Return the image as a camera takes it: a little blurred, lighter or darker, with the noise of its sensor."""
    import cv2

    width, height = scene.annotation.size
    sigma = 0.45 + 0.25 * min(1.0, height / LAYOUT_HEIGHT)
    blurred = cv2.GaussianBlur(canvas, (3, 3), sigma)
    moment = scene.world.seed * 31 + round(scene.time * 1000.0)
    flicker = float(waves(moment, np.array((0.0,)), 1.0)[0])
    light = scene.world.look.light * (1.0 + 0.02 * flicker)
    noise = tile("grain")[moment % 251 :, (moment * 7) % 241 :]
    y, x = min(noise.shape[0], 640), min(noise.shape[1], 640)
    rows, columns = -(-height // y), -(-width // x)
    grain = np.tile(noise[:y, :x], (rows, columns))[:height, :width]
    grey = cv2.cvtColor(grain, cv2.COLOR_GRAY2RGB)
    return as_image(cv2.addWeighted(blurred, light, grey, 0.055, -0.055 * 128.0))
