"""Image files: sizes, pixels, and the PNG files that label images are kept in."""

from __future__ import annotations

import io
import stat
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from zlib_ng import zlib_ng

from iddkit.annotation import MAX_SIDE, check_size
from iddkit.errors import ImageError, OptionError

#: PNG's filter 'Up': each byte less the one above it, modulo 256. Label images are equal from row to row.
FILTER_UP = 2

# After that filter nearly all bytes of a label image are zero, which is what zlib's strategy for runs is made for:
# files smaller than Pillow's default, in a fortieth of its time (benchmarks/rasterize.py). Pixels of several bytes
# repeat at a distance instead, which the ordinary strategy finds at its second level.
_RUNS, _REPEATS = (3, zlib_ng.Z_RLE), (2, zlib_ng.Z_DEFAULT_STRATEGY)
_WINDOW_BITS, _MEMORY = 15, 8

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB, _PALETTE = 0, 2, 3
_EXIF_ORIENTATION, _CAMERA = 0x0112, "JPEG"

#: What the decoders of damaged image files raise: whatever their struct, zlib or index operations do.
DAMAGE = (
    *(OSError, SyntaxError, ValueError, TypeError, EOFError, KeyError, IndexError, AttributeError, OverflowError),
    *(struct.error, zlib.error, Image.DecompressionBombError),
)


@contextmanager
def open_image(path: Path, content: bytes | None = None) -> Iterator[Image.Image]:
    """Open an image file, or the `content` of it that was read already.

    Raises
    ------
    ImageError
        On entering, and for whatever is found to be damaged while it is open.
    """
    try:
        with warnings.catch_warnings():
            # Sizes are checked below, by one limit for all of iddkit; damaged metadata is nobody's business here.
            warnings.simplefilter("ignore")
            # A named pipe would be waited for.
            if content is None and not stat.S_ISREG(path.stat().st_mode):
                raise ImageError("not a regular file", path=path)
            with Image.open(path if content is None else io.BytesIO(content)) as image:
                wrong = check_size(*image.size)
                if wrong:
                    raise ImageError(wrong, path=path)
                yield image
    except FileNotFoundError as error:
        raise ImageError("no such image", path=path) from error
    except UnidentifiedImageError as error:
        raise ImageError("no image that can be read: of no known format", path=path) from error
    except DAMAGE as error:
        raise ImageError(f"no image that can be read: {error}", path=path) from error


def read_size(path: str | Path, content: bytes | None = None) -> tuple[int, int]:
    """Return width and height in pixels as the image is displayed, from the file's header alone.

    A JPEG that a camera marked as rotated (EXIF orientation) is as wide as it is shown, which is what
    annotation tools draw on.

    Raises
    ------
    ImageError
        No such file, not an image, or an impossible size.
    """
    with open_image(Path(path), content) as image:
        width, height = image.size
        # A PNG would have to be decoded whole to be asked.
        turned = image.format == _CAMERA and image.getexif().get(_EXIF_ORIENTATION, 1) in (5, 6, 7, 8)
        return (height, width) if turned else (width, height)


def read_rgb(path: str | Path) -> NDArray[np.uint8]:
    """Return an image as uint8 (H, W, 3), RGB, of the size that `read_size` says.

    Raises
    ------
    ImageError
    """
    from PIL import ImageOps

    with open_image(Path(path)) as image:
        upright = ImageOps.exif_transpose(image) if image.format == _CAMERA else image
        return np.array(to_rgb(upright))


def to_rgb(image: Image.Image) -> Image.Image:
    """Return an image of any mode as RGB, 8 bits a channel; alpha is left out."""
    if image.mode.startswith("I;16"):  # Pillow would clip where it should scale
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image if image.mode == "RGB" else image.convert("RGB")


def read_labels(path: str | Path) -> NDArray[np.integer]:
    """Return a label image as its numbers: (H, W), uint8 or uint16 (a palette image gives its indices).

    Raises
    ------
    ImageError
        Not readable, or an image with more than one channel.
    """
    with open_image(Path(path)) as image:
        if image.mode not in ("L", "P", "I;16", "I;16B", "I", "1"):
            raise ImageError(f"a label image has one channel, this one is {image.mode}", path=path)
        pixels = np.array(image)
        return pixels.astype(np.uint8) if pixels.dtype == np.bool_ else pixels


def encode_png(pixels: NDArray[np.uint8] | NDArray[np.uint16], palette: NDArray[np.uint8] | None = None) -> bytes:
    """Return a PNG file of a label image.

    Parameters
    ----------
    pixels
        uint8 (H, W), uint16 (H, W), or uint8 (H, W, 3) RGB.
    palette
        uint8 (n, 3) RGB: the uint8 pixels are indices into it.

    Examples
    --------
    >>> import io
    >>> from PIL import Image
    >>> png = encode_png(np.array([[1, 2], [3, 300]], dtype=np.uint16))
    >>> np.array(Image.open(io.BytesIO(png))).tolist()
    [[1, 2], [3, 300]]
    """
    if pixels.ndim == 2 and pixels.dtype.kind == "u" and pixels.dtype.itemsize <= 2:
        samples = pixels.astype(">u2").view(np.uint8) if pixels.dtype.itemsize == 2 else pixels
        bits, channels = 8 * pixels.dtype.itemsize, 1
    elif pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.dtype == np.uint8:
        samples, bits, channels = pixels, 8, 3
    else:
        raise TypeError(f"no PNG for an array {pixels.dtype} {pixels.shape}")
    below = samples.reshape(pixels.shape[0], -1)
    rows = np.empty((below.shape[0], below.shape[1] + 1), dtype=np.uint8)
    rows[:, 0] = FILTER_UP
    rows[0, 1:] = below[0]
    np.subtract(below[1:], below[:-1], out=rows[1:, 1:])
    height, width = pixels.shape[:2]
    compressed = compress_rows(rows, channels * bits // 8)
    return assemble_png(width, height, compressed, bits=bits, channels=channels, palette=palette)


def compress_rows(rows: NDArray[np.uint8], pixel_bytes: int) -> bytes:
    """Return the image data of a PNG: filtered rows, uint8 (H, 1 + bytes of a row) in C order, compressed.

    `pixel_bytes` is the number of bytes of a pixel; it decides how they are compressed, not whether they can be read.
    """
    level, strategy = _RUNS if pixel_bytes == 1 else _REPEATS
    deflate = zlib_ng.compressobj(level, zlib_ng.DEFLATED, _WINDOW_BITS, _MEMORY, strategy)
    return bytes(deflate.compress(rows) + deflate.flush())


def assemble_png(
    width: int, height: int, rows: bytes, *, bits: int = 8, channels: int = 1, palette: NDArray[np.uint8] | None = None
) -> bytes:
    """Return a PNG file of compressed rows.

    Parameters
    ----------
    width, height
        In pixels.
    rows
        What `compress_rows` gave.
    bits, channels
        Of a pixel: 8 bits and 1 or 3 channels, or 16 bits (big-endian) and 1.
    palette
        uint8 (n, 3) RGB for 8 bits and 1 channel: the pixels are indices into it.
    """
    color_type = _PALETTE if palette is not None else _RGB if channels == 3 else _GREY
    chunks = [_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, 0))]
    if palette is not None:
        chunks.append(_chunk(b"PLTE", palette.astype(np.uint8).tobytes()))
    return b"".join([_SIGNATURE, *chunks, _chunk(b"IDAT", rows), _chunk(b"IEND", b"")])


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib_ng.crc32(data, zlib_ng.crc32(kind))
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def sample_centres(source: int, target: int) -> NDArray[np.intp]:
    """Return which of `source` pixels lies under the centre of each of `target` pixels: intp (target,).

    ``((2 i + 1) * source) // (2 * target)``, in whole numbers: exact, and the same on every machine. The
    'nearest' of other libraries (``cv2.INTER_NEAREST``) takes the pixel under the left edge and shifts labels by
    up to half an output pixel.

    Examples
    --------
    >>> sample_centres(6, 3).tolist()
    [1, 3, 5]
    """
    if source < 1 or target < 1:
        raise OptionError(f"no image of {source} pixels can be sampled at {target}")
    return (2 * np.arange(target, dtype=np.int64) + 1) * source // (2 * target)


@dataclass(frozen=True, slots=True)
class OutputSize:
    """The size that images are scaled to.

    Attributes
    ----------
    longest_side
        The longer side in pixels; the aspect ratio is kept, and no image is enlarged.
    size
        Width and height in pixels, whatever the source's. With neither, images keep their size.

    Examples
    --------
    >>> OutputSize(longest_side=320).of(1920, 1080), OutputSize(size=(320, 227)).of(1920, 1080), OutputSize().of(9, 4)
    ((320, 180), (320, 227), (9, 4))
    """

    longest_side: int | None = None
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.size is not None and self.longest_side is not None:
            raise OptionError("a size and a longest side: only one of them can hold")
        sides = (*(self.size or ()), *(() if self.longest_side is None else (self.longest_side,)))
        for side in sides:
            if not 1 <= side <= MAX_SIDE:
                raise OptionError(f"a side of {side} pixels: it has to be between 1 and {MAX_SIDE}")

    def of(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height of the output of an image; the shorter side to the nearest pixel, halves up."""
        if self.size is not None:
            return self.size
        longest = max(width, height)
        if self.longest_side is None or longest <= self.longest_side:
            return width, height
        scaled = [max(1, (2 * side * self.longest_side + longest) // (2 * longest)) for side in (width, height)]
        return scaled[0], scaled[1]


def resize_labels(pixels: NDArray[np.uint8] | NDArray[np.uint16], width: int, height: int) -> NDArray[np.uint8]:
    """Return label numbers at another size: those under the pixel centres (`sample_centres`), same dtype."""
    rows = sample_centres(pixels.shape[0], height)
    columns = sample_centres(pixels.shape[1], width)
    # First whole rows, then columns: a third of the time of both at once.
    return np.ascontiguousarray(pixels[rows][:, columns])
