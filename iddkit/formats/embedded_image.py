"""Images inside a JSON file, as base64 text: the mask of a shape, the annotated image itself.

A kilobyte of PNG can stand for a gigabyte of pixels, so nothing is decoded before the header has been looked at.
"""

from __future__ import annotations

import base64
import io
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from iddkit.annotation import MAX_PIXELS, check_size
from iddkit.errors import printable
from iddkit.images import DAMAGE

# labelme writes PNG and JPEG; its first versions put whatever file was opened into the JSON.
_IMAGE_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP")
_MASK_FORMATS = ("PNG",)
_MASK_MODES = ("1", "L", "P", "I;16", "I")

#: Nearly every header ends within these first characters of base64 (a multiple of four); decoding a photograph
#: whole takes longer than everything else that is done to its shapes.
_HEADER_CHARACTERS = 2**16


def read_size(text: Any) -> tuple[int, int]:
    """Return width and height of the image that `text` holds, from its header.

    Raises
    ------
    ValueError
        It is not text, not base64, no image, or one of an impossible size.
    """
    try:
        return _open(text if not isinstance(text, str) else text[:_HEADER_CHARACTERS], _IMAGE_FORMATS).size
    except ValueError:  # a long preview before the header, or the whole file is needed to know
        return _open(text, _IMAGE_FORMATS).size


class PixelBudget:
    """How many pixels may still be decoded: many small bombs are one large one."""

    def __init__(self, pixels: int = 4 * MAX_PIXELS) -> None:
        self.left = pixels

    def take(self, pixels: int) -> None:
        """Count `pixels` as spent; ValueError when fewer are left."""
        if pixels > self.left:
            raise ValueError(f"{pixels} pixels, where only {self.left} are left for all the masks of a file")
        self.left -= pixels


def decode_mask(text: Any, box: tuple[int, int] | None, budget: PixelBudget) -> NDArray[np.bool_]:
    """Return the mask that `text` holds as a PNG of one channel: bool (h, w), true where it is not 0.

    Parameters
    ----------
    text
        As the file has it.
    box
        Width and height that the mask is cut to, or None for the PNG's own.
    budget
        Of which the PNG's pixels are taken.

    Raises
    ------
    ValueError
        It is not text, not base64, no PNG, truncated, of several channels, of more pixels than
        `budget` has left, or smaller than `box`.
    """
    image = _open(text, _MASK_FORMATS)
    width, height = image.size
    if image.mode not in _MASK_MODES:
        raise ValueError(f"an image of mode {image.mode}, not of one channel")
    box_width, box_height = box or image.size
    if not (0 < box_width <= width and 0 < box_height <= height):
        raise ValueError(f"{width} x {height} pixels for a box of {box_width} x {box_height}")
    budget.take(width * height)
    try:
        patch: NDArray[np.bool_] = np.asarray(image)[:box_height, :box_width] != 0
    except DAMAGE as error:
        raise ValueError(f"no PNG that can be read: {error}") from error
    return patch


def encode_mask(mask: NDArray[np.bool_]) -> str:
    """Return a mask, bool (h, w), as the base64 text of a PNG of zeros and ones: what labelme writes."""
    file = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8)).save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode()


def _open(text: Any, formats: tuple[str, ...]) -> Image.Image:
    if not isinstance(text, str):
        raise ValueError(f"{type(text).__name__} instead of text")
    try:
        # Lenient, as labelme's reader is: line breaks in the text are nothing to refuse a file for.
        content = base64.b64decode(text)
    except ValueError as error:
        raise ValueError(f"not base64: {error}") from error
    try:
        with warnings.catch_warnings():
            # Of bombs, which are measured below by one limit for all of iddkit, and of odd but harmless tags.
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(content), formats=formats)
    except UnidentifiedImageError as error:
        raise ValueError(f"no image ({', '.join(formats)})") from error
    except DAMAGE as error:
        raise ValueError(f"no image that can be read: {printable(str(error))}") from error
    wrong = check_size(*image.size)
    if wrong:
        raise ValueError(wrong)
    return image
