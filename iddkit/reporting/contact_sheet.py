"""Many small pictures on one sheet, with a caption for each row and column, and a key of colours below."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from iddkit.reporting.canvas import font

_PAPER, _INK = (250, 250, 248), (30, 30, 30)
_GAP, _CAPTION = 8, 20

# Of the key below the pictures, in pixels.
_LINE, _CHIP, _EDGE = 24, 12, (95, 107, 120)


def draw_contact_sheet(
    rows: Sequence[Sequence[NDArray[np.uint8]]],
    columns: Sequence[str],
    captions: Sequence[str],
    width: int = 320,
) -> NDArray[np.uint8]:
    """Return a sheet of pictures: uint8 (H, W, 3) RGB.

    Parameters
    ----------
    rows
        Pictures, uint8 (h, w, 3) RGB; all rows are as long as `columns`.
    columns, captions
        Text above each column and under each row.
    width
        Of each picture on the sheet, in pixels; the aspect ratio is kept. Pictures more than three times as high as
        wide are narrower.
    """
    fitted = [[_fit(picture, width) for picture in row] for row in rows]
    heights = [max(height for _, height in row) for row in fitted]
    size = (
        _GAP + len(columns) * (width + _GAP),
        _CAPTION + _GAP + sum(height + _CAPTION + _GAP for height in heights),
    )
    sheet = Image.new("RGB", size, _PAPER)
    draw, text = ImageDraw.Draw(sheet), font(13)
    for column, name in enumerate(columns):
        draw.text((_GAP + column * (width + _GAP), 4), name, fill=_INK, font=text)
    top = _CAPTION + _GAP
    for row, sizes, height, caption in zip(rows, fitted, heights, captions, strict=True):
        for column, (picture, size) in enumerate(zip(row, sizes, strict=True)):
            # Averaged, as a person sees it from afar; label numbers would not survive it, colours do.
            small = Image.fromarray(picture).resize(size, Image.Resampling.BOX)
            sheet.paste(small, (_GAP + column * (width + _GAP), top))
        draw.text((_GAP, top + height + 2), caption, fill=_INK, font=text)
        top += height + _CAPTION + _GAP
    return np.array(sheet)


def _fit(picture: NDArray[np.uint8], width: int) -> tuple[int, int]:
    """Return width and height of a picture on the sheet."""
    height, across = picture.shape[:2]
    scale = min(width / across, 3 * width / height)
    return max(1, round(across * scale)), max(1, round(height * scale))


def draw_key(entries: Sequence[tuple[str, tuple[int, int, int]]], width: int) -> NDArray[np.uint8]:
    """Return what colours mean, to be put below a sheet: uint8 (H, width, 3) RGB.

    Parameters
    ----------
    entries
        Names with their colours, in order.
    width
        Of the sheet, in pixels.
    """
    text = font(13)
    places, x, y = [], 8.0, 4
    for name, _ in entries:
        length = _CHIP + 6 + text.getlength(name) + 22
        if x > 8 and x + length > width:
            x, y = 8.0, y + _LINE
        places.append((x, y))
        x += length
    key = Image.new("RGB", (width, y + _LINE + 4), _PAPER)
    draw = ImageDraw.Draw(key)
    for (name, color), (left, top) in zip(entries, places, strict=True):
        draw.rectangle((left, top + 2, left + _CHIP, top + 2 + _CHIP), fill=color, outline=_EDGE)
        draw.text((left + _CHIP + 6, top), name, fill=_INK, font=text)
    return np.array(key)


def fit_image(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Return an image, uint8 (h, w, 3) RGB, at the size of its labels: uint8 (height, width, 3)."""
    if image.shape[:2] == (height, width):
        return image
    return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


def to_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return a sheet as a PNG file. Same sheet, same bytes, as long as Pillow is the same."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=9)
    return file.getvalue()
