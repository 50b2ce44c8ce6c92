"""Label images of 8 bits, decoded and counted as fast as it can be done exactly.

A label image is mostly equal to itself one pixel to the left and one row up, so there is little to inflate; what takes
the time of a PNG decoder is to undo the filters of its rows byte by byte. The compiled `iddkit.statistics._unfilter`
does it eight at a time, and counts the numbers so; where it could not be built, NumPy does the filter that iddkit
writes, and Pillow all other filters and the counting.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from zlib_ng import zlib_ng

from iddkit.annotation import check_size
from iddkit.errors import ImageError
from iddkit.images import FILTER_UP, open_image

Unfilter = Callable[[bytes, NDArray[np.uint8]], None]
Count = Callable[[NDArray[np.uint8], NDArray[np.int64]], None]

PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"

# Width, height, bits a sample, kind of pixel, compression, filters, interlacing.
_HEADER = struct.Struct(">IIBBBBB")
_GREY, _PALETTE = 0, 3
_FILTER_NONE = 0

# zlib_ng's own error is no class to its type stubs.
_DAMAGE: Final = cast(type[Exception], zlib_ng.error)


def decode_labels(content: bytes, path: Path) -> NDArray[np.uint8]:
    """Return the numbers of a label image: uint8 (H, W). A palette image gives its indices.

    Parameters
    ----------
    content
        Of the file: PNG, or another format that Pillow reads.
    path
        Of the file, for messages.

    Raises
    ------
    ImageError
        Damaged, not of one channel, or not of 8 bits a pixel.
    """
    if content.startswith(PNG_SIGNATURE):
        data = png_data(content, path)
        width, height, bits, kind, interlaced = _read_header(content)
        if bits == 16 or (bits != 8 and kind == _GREY):
            raise ImageError(f"{bits} bits a pixel: a label image has 8", path=path)
        if bits == 8 and kind in (_GREY, _PALETTE) and not interlaced and check_size(width, height) is None:
            rows = _inflate(data, height * (width + 1), path)
            pixels = np.empty((height, width), dtype=np.uint8)
            # A filter that only the compiled function knows is Pillow's business.
            with contextlib.suppress(ValueError):
                unfilter(rows, pixels)
                return pixels
    with open_image(path, content) as image:
        if image.mode not in ("L", "P"):
            raise ImageError(f"a label image has one channel of 8 bits, this one is {image.mode}", path=path)
        return np.asarray(image)


def png_data(content: bytes, path: Path) -> bytes:
    """Return the compressed pixels of a PNG file; each part of the file is checked, more than Pillow does.

    Raises
    ------
    ImageError
        The file is cut, or a byte of it is wrong.
    """
    try:
        parts = list(_chunks(content))
    except (ValueError, struct.error) as error:
        raise ImageError("a damaged PNG file: cut, or with a wrong check sum", path=path) from error
    if not parts or parts[0][0] != b"IHDR" or len(parts[0][1]) != _HEADER.size:
        raise ImageError("a damaged PNG file: no header", path=path)
    return b"".join(body for name, body in parts if name == b"IDAT")


def _chunks(content: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield name and body of each chunk of a PNG file; `ValueError` or `struct.error` where it is not whole."""
    view, at, name = memoryview(content), len(PNG_SIGNATURE), b""
    while name != b"IEND":
        length, name = struct.unpack_from(">I4s", view, at)
        (check,) = struct.unpack_from(">I", view, at + 8 + length)
        if zlib_ng.crc32(view[at + 4 : at + 8 + length]) != check:
            raise ValueError
        yield name, view[at + 8 : at + 8 + length]
        at += 12 + length


def _read_header(content: bytes) -> tuple[int, int, int, int, int]:
    """Return width, height, bits a sample, kind of pixel, and whether it is interlaced."""
    width, height, bits, kind, _, _, interlaced = _HEADER.unpack_from(content, len(PNG_SIGNATURE) + 8)
    return width, height, bits, kind, interlaced


def _inflate(data: bytes, size: int, path: Path) -> bytes:
    try:
        stream = zlib_ng.decompressobj()
        rows = stream.decompress(data, size + 1)
    except _DAMAGE as error:
        raise ImageError(f"a damaged PNG file: {error}", path=path) from error
    if len(rows) != size or not stream.eof:
        raise ImageError("a damaged PNG file: its pixels are not as many as its header says", path=path)
    return rows


def unfilter_numpy(rows: bytes, pixels: NDArray[np.uint8]) -> None:
    """Undo the filters of a PNG file's rows, if they are 'None' and 'Up', as in the files that iddkit writes.

    Parameters
    ----------
    rows
        H * (W + 1) bytes: each row is the number of its filter, then the filtered bytes.
    pixels
        uint8 (H, W), C order: written.

    Raises
    ------
    ValueError
        A row has another filter.
    """
    filtered = np.frombuffer(rows, dtype=np.uint8).reshape(pixels.shape[0], -1)
    filters = filtered[:, 0].tolist()
    if not set(filters) <= {_FILTER_NONE, FILTER_UP}:
        raise ValueError("a filter that needs a compiler")
    above = np.zeros(pixels.shape[1], dtype=np.uint8)
    for kind, row, here in zip(filters, filtered[:, 1:], pixels, strict=True):
        if kind == FILTER_UP:
            np.add(above, row, here)  # modulo 256, as PNG has it
        else:
            here[:] = row
        above = here


def _compiled() -> tuple[Unfilter, Count] | tuple[None, None]:
    try:
        from iddkit.statistics._unfilter import count, unfilter
    except ImportError:  # installed without a compiler
        return None, None
    return unfilter, count


#: The compiled functions, or None where they could not be built; the first one does every filter.
unfilter_compiled, count_compiled = _compiled()

#: The best one at hand; the arguments are those of `unfilter_numpy`.
unfilter: Unfilter = unfilter_compiled or unfilter_numpy


def count_pillow(pixels: NDArray[np.uint8], counts: NDArray[np.int64]) -> None:
    """Add how many of `pixels`, uint8 (H, W) in C order, have each number to `counts`, int64 (256,)."""
    # Four times as fast as np.bincount, which turns every pixel into eight bytes first.
    height, width = pixels.shape
    image = Image.frombuffer("L", (width, height), pixels, "raw", "L", 0, 1)
    counts += np.array(image.histogram(), dtype=np.int64)


#: The best one at hand; the arguments are those of `count_pillow`.
count: Count = count_compiled or count_pillow


def count_numbers(numbers: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return how many pixels have each number: int64 (256,). `numbers` is uint8 (H, W).

    Examples
    --------
    >>> count_numbers(np.array([[3, 0, 3]], dtype=np.uint8))[:5].tolist()
    [1, 0, 0, 2, 0]
    """
    counts = np.zeros(256, dtype=np.int64)
    count(np.ascontiguousarray(numbers), counts)
    return counts
