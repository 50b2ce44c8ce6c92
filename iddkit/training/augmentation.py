"""Augmentation: one matrix that places an image, one that changes its colours, drawn for each image anew.

Mirroring, scaling, moving and fitting to the size of training are one affine map, so that a pixel is interpolated
once. Brightness, contrast, saturation and tint are another one, of colours, which takes normalisation with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from iddkit.labels import VOID
from iddkit.training.recipe import Recipe
from iddkit.training.transforms import MEAN, STD

#: Weights of red, green and blue in the luminance (ITU-R BT.601).
_LUMINANCE: Final = np.array([0.299, 0.587, 0.114], dtype=np.float32)

_MEAN, _STD = (np.array(values, dtype=np.float32) * 255 for values in (MEAN, STD))
_FILL: Final = tuple(float(round(value)) for value in _MEAN)  # what is beyond an image's edge has the mean colour


@dataclass(frozen=True)
class Draw:
    """What chance decided for one image.

    Attributes
    ----------
    place
        float64 (2, 3): where the pixel (x, y, 1) of the image lies in the output.
    color
        float32 (3, 4): the normalised colour of (r, g, b, 1), r, g, b in 0 to 255.
    """

    place: NDArray[np.float64]
    color: NDArray[np.float32]


def draw(recipe: Recipe, source: tuple[int, int], size: tuple[int, int], chance: np.random.Generator) -> Draw:
    """Draw the augmentation of an image.

    Parameters
    ----------
    recipe
        Its flip, scale, translate and jitter.
    source, size
        Width and height of the image and of the output, which a scale of 1 maps onto each other.
    chance
        Ten numbers are drawn from it, whatever the recipe.
    """
    flip, scale, right, down, brightness, contrast, saturation = chance.random(7)
    tint = chance.random(3)
    low, high = recipe.scale
    factor = low * (high / low) ** scale
    fx, fy = factor * size[0] / source[0], factor * size[1] / source[1]
    # Where the image is larger than the output, a window of it is taken; where it is smaller, it lies somewhere within.
    free_x, free_y = size[0] - fx * source[0], size[1] - fy * source[1]
    x = right * free_x + (2 * right - 1) * recipe.translate * size[0]
    y = down * free_y + (2 * down - 1) * recipe.translate * size[1]
    if flip < recipe.flip:
        place = np.array([[-fx, 0, x + fx * source[0]], [0, fy, y]])
    else:
        place = np.array([[fx, 0, x], [0, fy, y]])
    # Edges are mapped so far; OpenCV counts from the centres of pixels.
    place[:, 2] += place[:, :2] @ (0.5, 0.5) - 0.5
    return Draw(place, _color(recipe.jitter, brightness, contrast, saturation, tint))


def _color(
    jitter: float, brightness: float, contrast: float, saturation: float, tint: NDArray[np.float64]
) -> NDArray[np.float32]:
    def about_one(number: float, part: float = 1.0) -> float:
        return 1 + part * jitter * (2 * number - 1)

    grey = np.tile(_LUMINANCE, (3, 1))
    saturated = grey + np.float32(about_one(saturation)) * (np.eye(3, dtype=np.float32) - grey)
    gain = np.float32(about_one(contrast)) * (1 + jitter / 2 * (2 * tint - 1)).astype(np.float32)
    matrix = gain[:, None] * saturated
    # Contrast turns about the middle of the scale, brightness moves all.
    offset = 127.5 * about_one(brightness) - matrix.sum(axis=1) * 127.5
    return np.column_stack([matrix, offset - _MEAN]).astype(np.float32) / _STD[:, None]


def apply(
    drawn: Draw, image: NDArray[np.uint8], columns: NDArray[np.uint8], size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return the augmented image, normalised float32 (h, w, 3), and its labels uint8 (h, w), `VOID` beyond the edges.

    Parameters
    ----------
    drawn
        By `draw`, for the image's width and height and this size.
    image, columns
        uint8 (H, W, 3) and (H, W).
    size
        Width and height of the output.
    """
    pixels = cv2.warpAffine(image, drawn.place, size, flags=cv2.INTER_LINEAR, borderValue=_FILL)
    labels = cv2.warpAffine(columns, drawn.place, size, flags=cv2.INTER_NEAREST, borderValue=VOID)
    colors = cv2.transform(pixels.astype(np.float32), drawn.color)
    return np.asarray(colors, dtype=np.float32), np.asarray(labels, dtype=np.uint8)
