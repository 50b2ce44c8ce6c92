"""A small picture of a frame with its labels over it, for looking through many side by side."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from iddkit.images import OutputSize, open_image, sample_centres, to_rgb
from iddkit.web.picture import Drawing

#: Pixels of the longer side: three beside each other on a screen of 1366.
LONGEST: Final = 420

# What stands for an image that is missing, and how strongly labels cover the image.
_GREY: Final = 85
_STRONG: Final = 0.45


def draw_thumbnail(path: Path | None, drawing: Drawing) -> bytes | None:
    """Return a JPEG of an image with the labels of its annotation over it; None where neither has a size.

    Raises
    ------
    ImageError
        The image cannot be read.
    """
    if path is None:
        if not drawing.width:
            return None
        width, height = OutputSize(LONGEST).of(drawing.width, drawing.height)
        pixels = np.full((height, width, 3), _GREY, np.uint8)
    else:
        pixels = _read_small(path)
    if drawing.index is not None:
        pixels = _cover(pixels, drawing)
    made = io.BytesIO()
    Image.fromarray(pixels).save(made, "JPEG", quality=82)
    return made.getvalue()


def _read_small(path: Path) -> NDArray[np.uint8]:
    with open_image(path) as image:
        # A JPEG is decoded at an eighth, a quarter or half of its size in a fraction of the time.
        image.draft("RGB", (2 * LONGEST, 2 * LONGEST))
        upright = to_rgb(ImageOps.exif_transpose(image))
        return np.asarray(upright.resize(OutputSize(LONGEST).of(*upright.size), Image.Resampling.BOX))


def _cover(pixels: NDArray[np.uint8], drawing: Drawing) -> NDArray[np.uint8]:
    assert drawing.index is not None
    height, width = pixels.shape[:2]
    with Image.open(io.BytesIO(drawing.index)) as image:  # of our own making
        whole = np.asarray(image)
    rows, columns = sample_centres(whole.shape[0], height), sample_centres(whole.shape[1], width)
    small = whole[rows][:, columns]
    places = small[..., 0].astype(np.uint16) + (small[..., 1].astype(np.uint16) << 8)
    colors = {shape["number"]: bytes.fromhex(shape["color"][1:]) for shape in drawing.shapes}
    table = np.zeros((len(drawing.objects) + 1, 3), np.float32)
    for place, number in enumerate(drawing.objects, start=1):
        table[place] = list(colors[number])
    covered = (1 - _STRONG) * pixels + _STRONG * table[places]
    return np.where(places[..., None] > 0, covered.round(), pixels).astype(np.uint8)
