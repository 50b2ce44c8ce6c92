from __future__ import annotations

import contextlib
import io
import struct
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from iddkit import images
from iddkit.errors import ImageError, OptionError

sizes = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20)


def decoded(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png))
    image.load()
    return image


@given(hnp.arrays(np.uint8, sizes))
def test_a_label_image_comes_back_from_its_png(pixels: np.ndarray) -> None:
    image = decoded(images.encode_png(pixels))
    assert image.mode == "L"
    assert (np.array(image) == pixels).all()


@given(hnp.arrays(np.uint16, sizes), st.sampled_from(["<u2", ">u2"]))
def test_an_instance_image_comes_back_in_16_bits_from_either_byte_order(pixels: np.ndarray, order: str) -> None:
    image = decoded(images.encode_png(pixels.astype(order)))
    assert image.mode == "I;16"
    assert (np.array(image) == pixels).all()


@given(hnp.arrays(np.uint8, sizes.map(lambda s: (*s, 3))))
def test_a_colour_image_comes_back(pixels: np.ndarray) -> None:
    assert (np.array(decoded(images.encode_png(pixels))) == pixels).all()


@given(hnp.arrays(np.uint8, sizes), hnp.arrays(np.uint8, (256, 3)))
def test_a_palette_gives_each_number_its_colour(pixels: np.ndarray, palette: np.ndarray) -> None:
    image = decoded(images.encode_png(pixels, palette))
    assert image.mode == "P"
    assert (np.array(image) == pixels).all()
    assert (np.array(image.convert("RGB")) == palette[pixels]).all()


def test_arrays_that_no_png_holds_are_refused() -> None:
    wrong: list[Any] = [np.zeros((2, 2), np.int32), np.zeros((2, 2, 4), np.uint8), np.zeros(4, np.uint8)]
    for array in wrong:
        with pytest.raises(TypeError):
            images.encode_png(array)


def test_views_that_are_not_contiguous_are_written_right() -> None:
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)[::2, ::-1]
    assert (np.array(decoded(images.encode_png(pixels))) == pixels).all()


def test_the_size_is_read_from_the_header(tmp_path: Path) -> None:
    Image.new("RGB", (7, 5)).save(tmp_path / "a.png")
    assert images.read_size(tmp_path / "a.png") == (7, 5)


def test_a_turned_photo_is_as_wide_as_it_is_shown(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (32, 16)).save(tmp_path / "a.jpg", exif=exif)
    assert images.read_size(tmp_path / "a.jpg") == (16, 32)
    assert images.read_rgb(tmp_path / "a.jpg").shape == (32, 16, 3)


def test_label_images_are_read_as_numbers(tmp_path: Path) -> None:
    numbers = np.array([[0, 3], [255, 7]], dtype=np.uint8)
    (tmp_path / "p.png").write_bytes(images.encode_png(numbers, np.zeros((256, 3), np.uint8)))
    assert images.read_labels(tmp_path / "p.png").tolist() == numbers.tolist()
    Image.new("RGB", (2, 2)).save(tmp_path / "rgb.png")
    with pytest.raises(ImageError, match="one channel"):
        images.read_labels(tmp_path / "rgb.png")


def png_of_size(width: int, height: int) -> bytes:
    # A header that promises more than any image here has.
    header = images.encode_png(np.zeros((1, 1), np.uint8))
    body = header[8:]
    ihdr = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + ihdr + struct.pack(">I", zlib.crc32(ihdr))
    return header[:8] + chunk + body[25:]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not an image",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0",
        png_of_size(10**6, 10**6),
        png_of_size(20000, 9000),
    ],
)
def test_what_is_no_usable_image_is_an_image_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    for read in (images.read_size, images.read_rgb, images.read_labels):
        with pytest.raises(ImageError, match="a.png"):
            read(path)


def test_a_missing_image_and_a_folder_are_image_errors(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no such image"):
        images.read_size(tmp_path / "a.png")
    with pytest.raises(ImageError):
        images.read_size(tmp_path)


@given(st.binary(max_size=64), st.integers(0, 70))
def test_damaged_images_raise_nothing_else(noise: bytes, at: int) -> None:
    good = images.encode_png(np.arange(64, dtype=np.uint8).reshape(8, 8))
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        file.write(good[:at] + noise + good[at + len(noise) :])
        file.flush()
        with contextlib.suppress(ImageError):
            assert images.read_rgb(file.name).dtype == np.uint8


@given(st.integers(1, 500), st.integers(1, 500))
def test_the_sampled_pixel_holds_the_centre(source: int, target: int) -> None:
    chosen = images.sample_centres(source, target)
    for i, pixel in enumerate(chosen.tolist()):
        # centre of output pixel i, in source pixels, as a fraction over 2 * target
        assert pixel * 2 * target <= (2 * i + 1) * source < (pixel + 1) * 2 * target


def test_halving_takes_the_same_pixels_in_both_directions() -> None:
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 4)
    assert images.resize_labels(pixels, 2, 2).tolist() == [[5, 7], [13, 15]]
    assert images.resize_labels(pixels, 4, 4).tolist() == pixels.tolist()
    assert images.resize_labels(pixels, 8, 4)[0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    with pytest.raises(OptionError):
        images.sample_centres(4, 0)
