"""What the pictures share: captions, colours of labels and of segments."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFont

from iddkit.labels import LabelMap
from iddkit.raster import Painting, instance_numbers, level_numbers
from iddkit.raster.lookup import INSTANCES_PER_NUMBER

#: Shapes whose label the map does not know are shown in this colour, which no label of IDD or Cityscapes has.
UNKNOWN_COLOR = (255, 0, 255)

# Steps of the golden ratio spread any number of hues evenly.
_GOLDEN = 0.618033988749895


def font(height: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's own font, `height` pixels high: the same on every machine."""
    return ImageFont.load_default(size=height)


def label_colors(painting: Painting, label_map: LabelMap, level: str) -> NDArray[np.uint8]:
    """Return the colour image of a painted frame at `level`: uint8 (H, W, 3) RGB, unknown labels magenta."""
    colors = label_map.palette(level)[level_numbers(painting, label_map, level)].astype(np.int64)
    for k, shape in enumerate(painting.objects, start=1):
        if shape.label is None:
            colors[k] = UNKNOWN_COLOR
    return colors.astype(np.uint8)[painting.index]


def instance_colors(painting: Painting, label_map: LabelMap, level: str, *, stuff: bool) -> NDArray[np.uint8]:
    """Return an image in which each instance has a colour of its own: uint8 (H, W, 3) RGB.

    Labels without instances have the colour of their label, or are black without `stuff`.
    """
    import cv2

    ids = instance_numbers(painting, label_map, level)
    counted = ids >= INSTANCES_PER_NUMBER
    colors = label_map.palette(level)[level_numbers(painting, label_map, level)].astype(np.int64)
    if not stuff:
        colors[:] = 0
    hue = np.floor(np.arange(len(ids)) * _GOLDEN % 1.0 * 180)
    bright = 255 - 60 * (np.arange(len(ids)) % 3)
    hsv = np.stack([hue, np.full(len(ids), 170), bright], axis=1).astype(np.uint8)
    colors[counted] = np.asarray(cv2.cvtColor(hsv[None], cv2.COLOR_HSV2RGB))[0][counted]
    return colors.astype(np.uint8)[painting.index]
