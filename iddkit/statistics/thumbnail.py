"""What the choice of a subset asks of an image's look, in whole numbers: the same on every machine."""

from __future__ import annotations

from math import isqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iddkit.images import open_image
from iddkit.statistics.decode import PNG_SIGNATURE, png_data
from iddkit.statistics.lab import lab_axes
from iddkit.statistics.table import COLOR_UNIT

#: Rows and columns of a thumbnail: 30 pixels of a 1080-line image make one. The same for images of every size, so that
#: their edges can be compared.
THUMBNAIL = (36, 64)


def read_thumbnail(content: bytes, path: Path) -> NDArray[np.uint8]:
    """Return an image as its means over the cells of a grid: uint8 (36, 64, 3) RGB, or less for a smaller image.

    A JPEG is decoded at a fraction of its size, the smallest that libjpeg offers and that the grid needs.

    Parameters
    ----------
    content
        Of the file.
    path
        Of the file, for messages.

    Raises
    ------
    ImageError
        The image cannot be read: damaged, cut.
    """
    from PIL import ImageOps

    if content.startswith(PNG_SIGNATURE):
        png_data(content, path)
    with open_image(path, content) as image:
        is_camera = image.format == "JPEG"
        if is_camera:
            # The longer side for both, as the image may have to be turned.
            image.draft("RGB", (max(THUMBNAIL), max(THUMBNAIL)))
        pixels = np.asarray((ImageOps.exif_transpose(image) if is_camera else image).convert("RGB"))
    return average(pixels, *THUMBNAIL)


def average(pixels: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.uint8]:
    """Return the means over a grid of `rows` x `columns` cells with whole pixels, or less if there are less.

    `pixels` is uint8 (H, W, C); the means are rounded down.
    """
    height, width = pixels.shape[:2]
    rows, columns = min(rows, height), min(columns, width)
    top, left = (np.arange(n) * side // n for n, side in ((rows, height), (columns, width)))
    tall, wide = np.diff(top, append=height), np.diff(left, append=width)
    # A cell has so many rows or one more. Whole rows are added in a fifth of the time of np.add.reduceat along them.
    least = height // rows
    added = pixels[top].astype(np.uint32)
    for step in range(1, least):
        added += pixels[top + step]
    taller = np.flatnonzero(tall > least)
    added[taller] += pixels[top[taller] + least]
    sums = np.add.reduceat(added, left, axis=1, dtype=np.int64)
    means: NDArray[np.int64] = sums // (tall[:, None] * wide)[:, :, None]
    return means.astype(np.uint8)


def measure_colors(thumbnail: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return what `iddkit.statistics.table.COLORS` names, of uint8 (h, w, 3) RGB: int32 (5,) in 1 / `COLOR_UNIT`."""
    # ITU-R BT.601, in 2**16.
    luminance = thumbnail.astype(np.int64) @ np.array([19595, 38470, 7471]) >> 16
    n, total = luminance.size, int(luminance.sum())
    variance = n * int((luminance**2).sum()) - total**2  # times n * n
    steps = [np.abs(np.diff(luminance, axis=axis)) for axis in (0, 1)]
    edges, pairs = sum(int(step.sum()) for step in steps), sum(step.size for step in steps)
    mean_a, mean_b = (int(axis.sum()) * COLOR_UNIT // n - 128 * COLOR_UNIT for axis in lab_axes(thumbnail))
    values = (
        total * COLOR_UNIT // n,
        isqrt(variance * COLOR_UNIT**2) // n,
        edges * COLOR_UNIT // max(1, pairs),
        mean_a,
        mean_b,
    )
    return np.array(values, dtype=np.int32)
