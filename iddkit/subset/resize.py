"""Images at another size: the average of what lies under each output pixel, in whole numbers."""

from __future__ import annotations

import io
import math
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from iddkit import images
from iddkit.errors import ImageError

#: A JPEG is decoded at 1/4 or 1/2 of its size where that leaves so many times the output's width and height. Against
#: full decoding, area averaged without rounding, that gives more than 52 dB where the sizes divide (1920x1080 or
#: 1280x720 at 320x180), and 41 dB or more where they do not and the image is as sharp as can be; JPEG at quality 95
#: itself gives 34-38 dB on the same images.
SCALED_DECODING: Final = {4: 3, 2: 2}

_FORMATS = {"jpeg": "JPEG", "png": "PNG"}
# How a file of each format ends.
_ENDS = {"jpeg": b"\xff\xd9", "png": b"IEND\xaeB`\x82"}
_EXIF_ORIENTATION = 0x0112
# Of libjpeg.
_MOST_JPEG_SIDE = 65500
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Up to so many rows with weights of their own are added row by row; beyond that, all at once by their numbers.
_MOST_PHASES = 32


def resize_image(
    content: bytes, width: int, height: int, *, path: str | Path, image_format: str = "jpeg", quality: int = 95
) -> bytes:
    """Return an image file at another size: the same bytes on every machine.

    Parameters
    ----------
    content, path
        An image file of any kind that Pillow reads, and its name for errors.
    width, height
        Of the output in pixels, as the image is shown: a JPEG that a camera marked as rotated is turned. A side that
        grows is interpolated linearly, a side that shrinks is averaged.
    image_format, quality
        ``jpeg`` with a quality of 1-100, or ``png``.

    Returns
    -------
    bytes
        RGB, 8 bits a channel, without metadata. A whole image that has the size and the format already, and is grey or
        RGB, comes back byte for byte: nothing is lost by a second compression, and its metadata stay.

    Raises
    ------
    ImageError
        It cannot be decoded to its end, or the output is too large for JPEG. (Damage inside a JPEG's data that leaves
        its end in place is only a warning of libjpeg, and cannot be seen here.)
    """
    if image_format == "jpeg" and max(width, height) > _MOST_JPEG_SIDE:
        raise ImageError(f"{width}x{height} pixels: a side of a JPEG has at most {_MOST_JPEG_SIDE}", path=path)
    with images.open_image(Path(path), content) as image:
        turn = _TURNS.get(image.getexif().get(_EXIF_ORIENTATION, 1)) if image.format == "JPEG" else None
        as_wanted = image.size == (width, height) and image.format == _FORMATS[image_format] and turn is None
        if as_wanted and image.mode in ("RGB", "L") and content.endswith(_ENDS[image_format]):
            image.load()
            return content
        swapped = turn is not None and turn >= Image.Transpose.ROTATE_90 and turn != Image.Transpose.ROTATE_180
        across, down = (height, width) if swapped else (width, height)
        extent, scale = image.size, _reduce(image, across, down)
        pixels = np.asarray(images.to_rgb(image))
    averaged = average_area(pixels, min(across, extent[0]), min(down, extent[1]), extent=extent, scale=scale)
    if turn is None and averaged.shape == (height, width, 3):
        return _encode(averaged, image_format, quality)
    sized = Image.fromarray(averaged).resize((across, down), Image.Resampling.BILINEAR)
    return _encode(np.asarray(sized if turn is None else sized.transpose(turn)), image_format, quality)


def _reduce(image: Image.Image, across: int, down: int) -> int:
    """Have a JPEG decoded at a part of its size, and return which: 1 for all of it."""
    width, height = image.size
    for scale, margin in SCALED_DECODING.items():
        if width // scale >= margin * across and height // scale >= margin * down:
            image.draft("RGB", (width // scale, height // scale))
            return scale if image.size == (-(-width // scale), -(-height // scale)) else 1
    return 1


def _encode(pixels: NDArray[np.uint8], image_format: str, quality: int) -> bytes:
    if image_format == "png":
        return images.encode_png(pixels)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return file.getvalue()


def average_area(
    pixels: NDArray[np.uint8],
    width: int,
    height: int,
    *,
    extent: tuple[int, int] | None = None,
    scale: int = 1,
) -> NDArray[np.uint8]:
    """Return an image of at most its own size, each pixel the mean of the area that it covers, halves up.

    Sums are whole numbers, so the result is exact: the same on every machine, which holds neither for
    ``cv2.INTER_AREA`` (floating point) nor for ``Image.reduce`` of Pillow (a factor cut off at 24 bits).

    Parameters
    ----------
    pixels
        uint8 (H, W, 3).
    width, height
        Of the output.
    extent, scale
        If each pixel stands for `scale` by `scale` ones of an image of this width and height; the last row and column
        may stand for fewer.

    Returns
    -------
    ndarray
        uint8 (height, width, 3).

    Examples
    --------
    >>> row = np.array([[[0] * 3, [90] * 3, [30] * 3]], dtype=np.uint8)
    >>> average_area(row, 2, 1)[0, :, 0].tolist()      # (0 + 90 / 2) / 1.5 and (90 / 2 + 30) / 1.5
    [30, 50]
    """
    across, down = extent or (pixels.shape[1], pixels.shape[0])
    rows, columns = _spans(down, height, scale), _spans(across, width, scale)
    area = rows.total * columns.total
    summed = _add_rows(pixels, rows, _smallest(255 * rows.total))
    sums = _add_rows(_transpose(summed, summed.dtype), columns, _smallest(255 * area + area // 2))
    sums += sums.dtype.type(area // 2)
    sums //= sums.dtype.type(area)
    return _transpose(sums, np.dtype(np.uint8))


class _Spans(NamedTuple):
    """Which source rows each output row is made of.

    `first` intp (n,) is the first of them, `weights` int64 (n, taps) what it and those after it count, `total` the sum
    of any row of weights. After `phases` rows the weights are the same, `stride` source rows further on.
    """

    first: NDArray[np.intp]
    weights: NDArray[np.int64]
    total: int
    phases: int
    stride: int


@lru_cache(maxsize=64)  # a dataset has a few sizes
def _spans(source: int, target: int, scale: int) -> _Spans:
    if source % scale == 0:
        source, scale = source // scale, 1
    # In parts of 1 / target of a source pixel, borders are whole numbers.
    begin = np.arange(target, dtype=np.int64)[:, None] * source
    end = begin + source
    first = begin // (scale * target)
    taps = int((-(-end // (scale * target)) - first).max())
    cell = (first + np.arange(taps)) * scale * target
    cell_end = np.minimum(cell + scale * target, source * target)
    weights = np.maximum(np.minimum(end, cell_end) - np.maximum(begin, cell), 0)
    weights //= np.gcd.reduce(weights, axis=None)
    common = math.gcd(source, target) if scale == 1 else 1
    return _Spans(first[:, 0], weights, int(weights[0].sum()), target // common, source // common)


def _transpose(pixels: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return (H, W, 3) as (W, H, 3): plane by plane, which takes half the time of one transpose."""
    height, width, planes = pixels.shape
    turned = np.empty((width, height, planes), dtype)
    for plane in range(planes):
        turned[..., plane] = pixels[..., plane].T
    return turned


def _smallest(largest: int) -> np.dtype[Any]:
    return np.min_scalar_type(max(largest, 256))


def _add_rows(pixels: NDArray[Any], spans: _Spans, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the weighted sums of the rows of `pixels` (n, ...), one for each span."""
    first, weights, _, phases, stride = spans
    sums = np.empty((len(first), *pixels.shape[1:]), dtype)
    if phases > _MOST_PHASES:
        last = len(pixels) - 1
        factors = weights.astype(dtype)[:, :, None, None]
        np.multiply(pixels[first], factors[:, 0], out=sums, dtype=dtype)
        for tap in range(1, weights.shape[1]):
            # Beyond the last row the weight is 0.
            sums += np.multiply(pixels[np.minimum(first + tap, last)], factors[:, tap], dtype=dtype)
        return sums
    rows = len(first) // phases
    product = np.empty((rows, *pixels.shape[1:]), dtype)
    for phase in range(phases):
        part = sums[phase::phases]
        for tap, weight in enumerate(weights[phase].tolist()):
            if weight == 0:
                continue
            source = pixels[first[phase] + tap :: stride][:rows]
            if tap == 0:
                np.multiply(source, dtype.type(weight), out=part, dtype=dtype)
            elif weight == 1:
                np.add(part, source, out=part)
            else:
                np.add(part, np.multiply(source, dtype.type(weight), out=product, dtype=dtype), out=part)
    return sums
