from __future__ import annotations

import contextlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from iddkit import images
from iddkit.errors import ImageError
from iddkit.statistics import decode
from iddkit.statistics.decode import (
    count_compiled,
    count_numbers,
    count_pillow,
    decode_labels,
    unfilter_compiled,
    unfilter_numpy,
)

Pixels = NDArray[np.uint8]

needs_compiler = pytest.mark.skipif(unfilter_compiled is None, reason="the compiled filters were not built")
IMPLEMENTATIONS = [
    pytest.param(unfilter_numpy, id="numpy"),
    pytest.param(unfilter_compiled, id="compiled", marks=needs_compiler),
]
COUNTS = [
    pytest.param(count_pillow, id="pillow"),
    pytest.param(count_compiled, id="compiled", marks=needs_compiler),
]

PATH = Path("x_label.png")


@st.composite
def label_images(draw: st.DrawFn) -> Pixels:
    """Draw a label image of some blocks, or of noise: uint8 (H, W)."""
    height, width = draw(st.integers(1, 12)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    if draw(st.booleans()):
        return rng.integers(0, 256, (height, width), dtype=np.uint8)
    pixels = np.zeros((height, width), dtype=np.uint8)
    for _ in range(draw(st.integers(0, 5))):
        top, left = rng.integers(height), rng.integers(width)
        pixels[top : top + rng.integers(1, 9), left : left + rng.integers(1, 30)] = rng.integers(0, 256)
    return pixels


def filter_rows(pixels: Pixels, filters: list[int]) -> bytes:
    """Return the rows of a PNG file, byte by byte as the specification has it (section 9)."""
    rows = bytearray()
    for y, kind in enumerate(filters):
        rows.append(kind)
        for x in range(pixels.shape[1]):
            left = int(pixels[y, x - 1]) if x else 0
            up = int(pixels[y - 1, x]) if y else 0
            corner = int(pixels[y - 1, x - 1]) if x and y else 0
            distances = [abs(left + up - corner - value) for value in (left, up, corner)]
            paeth = (left, up, corner)[distances.index(min(distances))]
            rows.append((int(pixels[y, x]) - (0, left, up, (left + up) // 2, paeth)[kind]) % 256)
    return bytes(rows)


def png_file(size: tuple[int, int], rows: bytes, parts: int = 1, kind: int = 0) -> bytes:
    """Return a PNG file of this width and height and these filtered rows, its data in so many chunks."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    data = zlib.compress(rows)
    step = -(-len(data) // parts)
    cut = [chunk(b"IDAT", data[i : i + step]) for i in range(0, len(data), step)]
    palette = chunk(b"PLTE", bytes(range(256)) * 3) if kind == 3 else b""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + palette + b"".join(cut) + chunk(b"IEND", b"")


def png(pixels: Pixels, filters: list[int], parts: int = 1, kind: int = 0) -> bytes:
    """Return a PNG file of these pixels whose rows have these filters."""
    height, width = pixels.shape
    return png_file((width, height), filter_rows(pixels, filters), parts, kind)


@pytest.mark.parametrize("unfilter", IMPLEMENTATIONS)
@given(data=st.data(), pixels=label_images())
def test_files_of_any_filters_give_their_numbers(
    unfilter: decode.Unfilter, data: st.DataObject, pixels: Pixels
) -> None:
    filters = data.draw(st.lists(st.integers(0, 4), min_size=len(pixels), max_size=len(pixels)))
    parts, kind = data.draw(st.integers(1, 3)), data.draw(st.sampled_from([0, 3]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode, "unfilter", unfilter)
        if unfilter is unfilter_compiled or set(filters) <= {0, 2}:
            patch.setattr(decode, "open_image", None)  # without Pillow
        assert (decode_labels(png(pixels, filters, parts, kind), PATH) == pixels).all()


@needs_compiler
@given(pixels=label_images())
def test_files_of_pillow_and_of_iddkit_need_no_pillow(pixels: Pixels) -> None:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode, "open_image", None)
        for content in (buffer.getvalue(), images.encode_png(pixels)):
            assert (decode_labels(content, PATH) == pixels).all()


@pytest.mark.parametrize("unfilter", IMPLEMENTATIONS)
@given(data=st.data(), pixels=label_images())
def test_a_damaged_file_is_an_error_or_gives_its_numbers(
    unfilter: decode.Unfilter, data: st.DataObject, pixels: Pixels
) -> None:
    content = bytearray(png(pixels, [2] * len(pixels), 2))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode, "unfilter", unfilter)
        with contextlib.suppress(ImageError):
            assert decode_labels(bytes(content), PATH).tolist() == pixels.tolist()


def test_filters_that_do_not_exist_are_an_error() -> None:
    broken = bytearray(filter_rows(np.zeros((2, 3), np.uint8), [0, 0]))
    broken[4] = 5
    for unfilter in (unfilter_numpy, unfilter_compiled):
        if unfilter is not None:
            with pytest.raises(ValueError, match="filter"):
                unfilter(bytes(broken), np.empty((2, 3), np.uint8))


@needs_compiler
def test_the_compiled_function_refuses_what_does_not_fit() -> None:
    assert unfilter_compiled is not None
    for rows, shape in ((7, (2, 3)), (9, (2, 3)), (0, (1, 1)), (8, (8,))):
        with pytest.raises(TypeError):
            unfilter_compiled(bytes(rows), np.empty(shape, np.uint8))


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        (Image.new("RGB", (3, 2)), "a label image has one channel of 8 bits, this one is RGB"),
        (Image.new("LA", (3, 2)), "this one is LA"),
        (Image.new("I;16", (3, 2)), "16 bits a pixel: a label image has 8"),
        (Image.new("1", (3, 2)), "1 bits a pixel: a label image has 8"),
    ],
    ids=["RGB", "LA", "16 bits", "1 bit"],
)
def test_images_that_hold_no_numbers_of_8_bits_are_errors(image: Image.Image, problem: str) -> None:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    with pytest.raises(ImageError, match=problem):
        decode_labels(buffer.getvalue(), PATH)


def test_what_is_no_image_is_an_error_without_an_address_in_it() -> None:
    for content in (b"", b"no image"):
        with pytest.raises(ImageError, match=r"^x_label.png: no image that can be read: of no known format$"):
            decode_labels(content, PATH)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_palette_of_any_depth_gives_its_indices(bits: int) -> None:
    pixels = (np.arange(35) % (1 << bits)).astype(np.uint8).reshape(5, 7)
    image = Image.fromarray(pixels)
    image.putpalette(bytes(range(1 << bits)) * 3)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", bits=bits)
    assert (decode_labels(buffer.getvalue(), PATH) == pixels).all()


def test_other_formats_are_read_as_well() -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "BMP")
    assert (decode_labels(buffer.getvalue(), PATH) == pixels).all()


def test_a_file_of_more_pixels_than_its_header_says_is_an_error_and_fills_no_memory() -> None:
    rows = bytes(5000 * 5001)
    for height in (4, 4999, 5001):
        with pytest.raises(ImageError, match="its pixels are not as many as its header says"):
            decode_labels(png_file((5000, height), rows), PATH)


@pytest.mark.parametrize("count", COUNTS)
@given(pixels=label_images())
def test_counts_are_those_of_numpy(count: decode.Count, pixels: Pixels) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode, "count", count)
        for part in (pixels, pixels[:, ::2], pixels[:0], pixels[:, :0]):
            assert (count_numbers(part) == np.bincount(part.ravel(), minlength=256)).all()


@needs_compiler
def test_the_compiled_count_refuses_what_does_not_fit() -> None:
    assert count_compiled is not None
    for pixels, counts in (
        (np.zeros((2, 3), np.uint16), np.zeros(256, np.int64)),
        (np.zeros((2, 3), np.uint8), np.zeros(255, np.int64)),
        (np.zeros((2, 3), np.uint8), np.zeros(512, np.int32)),
    ):
        with pytest.raises(TypeError, match="count wants"):
            count_compiled(pixels, counts)  # type: ignore[arg-type]
