from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from iddkit import images
from iddkit.errors import ImageError
from iddkit.subset.resize import average_area, resize_image

ORIENTATION = 0x0112
sides = st.integers(1, 24)


def photo(width: int, height: int, seed: int = 0) -> np.ndarray:
    """Return something with edges, slopes and noise: uint8 (H, W, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = [128 + 60 * np.sin(x / (7 + 3 * c)) + 50 * np.cos(y / (11 - 2 * c)) for c in range(3)]
    noise = rng.integers(-15, 16, (height, width, 3))
    pixels = np.stack(waves, axis=2) + noise + 40 * ((x // 16 + y // 16) % 2)[..., None]
    return np.array(np.clip(pixels, 0, 255), dtype=np.uint8)


def encoded(pixels: np.ndarray, form: str = "JPEG", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


def decoded(content: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(content)).convert("RGB"))


def plain_average(pixels: np.ndarray, width: int, height: int, extent: tuple[int, int], scale: int) -> np.ndarray:
    """Return the definition: the sum over all source pixels of the area that each shares with the output pixel."""
    across, down = extent

    def overlap(i: int, j: int, side: int, target: int) -> int:  # in parts of 1 / target of a pixel
        begin, end = j * scale * target, min((j + 1) * scale, side) * target
        return max(0, min((i + 1) * side, end) - max(i * side, begin))

    rows = np.array(
        [[overlap(i, j, down, height) for j in range(pixels.shape[0])] for i in range(height)], dtype=object
    )
    columns = np.array([[overlap(i, j, across, width) for j in range(pixels.shape[1])] for i in range(width)], object)
    sums = np.einsum("ij,jkc,lk->ilc", rows, pixels.astype(object), columns)
    return np.array((2 * sums + across * down) // (2 * across * down), dtype=np.uint8)


@given(st.data(), sides, sides, st.sampled_from([1, 1, 2, 4]))
def test_area_averages_are_exactly_the_plain_definition(
    data: st.DataObject, width: int, height: int, scale: int
) -> None:
    shape = (-(-height // scale), -(-width // scale), 3)
    pixels = data.draw(hnp.arrays(np.uint8, shape))
    across, down = data.draw(st.integers(1, width)), data.draw(st.integers(1, height))
    found = average_area(pixels, across, down, extent=(width, height), scale=scale)
    assert (found == plain_average(pixels, across, down, (width, height), scale)).all()


@pytest.mark.parametrize(("width", "target"), [(97, 41), (97, 96), (128, 127), (300, 77)])
def test_sides_that_share_no_divisor_are_averaged_exactly(width: int, target: int) -> None:
    pixels = photo(width, 3)
    assert (average_area(pixels, target, 2) == plain_average(pixels, target, 2, (width, 3), 1)).all()


def test_sums_beyond_32_bits_do_not_overflow() -> None:
    # Weights add up to 19997 * 19993: times 255 it is more than 32 bits hold.
    white = np.full((2500, 2500, 3), 255, np.uint8)
    assert (average_area(white, 3, 2, extent=(19_997, 19_993), scale=8) == 255).all()


@given(st.integers(0, 255), sides, sides, st.data())
def test_a_plain_area_stays_as_it_is(grey: int, width: int, height: int, data: st.DataObject) -> None:
    pixels = np.full((height, width, 3), grey, np.uint8)
    across, down = data.draw(st.integers(1, width)), data.draw(st.integers(1, height))
    assert (average_area(pixels, across, down) == grey).all()


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=20)), sides, sides)
def test_resized_labels_invent_no_label_and_are_those_under_the_centres(pixels: np.ndarray, w: int, h: int) -> None:
    found = images.resize_labels(pixels, w, h)
    assert found.shape == (h, w)
    assert set(np.unique(found)) <= set(np.unique(pixels))
    high, wide = pixels.shape
    # The centre of output pixel i lies at (i + 1/2) * source / target.
    expected = [
        [pixels[(2 * i + 1) * high // (2 * h), (2 * j + 1) * wide // (2 * w)] for j in range(w)] for i in range(h)
    ]
    assert (found == np.array(expected)).all()


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    error = np.mean((one.astype(float) - other) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


@pytest.mark.parametrize(
    ("source", "target", "least"),
    [
        ((1280, 720), (320, 180), 50),  # decoded at 1/2
        ((1920, 1080), (160, 90), 50),  # at 1/4
        ((1920, 1080), (320, 227), 44),
        ((1283, 721), (97, 55), 44),
    ],
)
def test_a_jpeg_decoded_at_a_part_of_its_size_is_close_to_the_whole(
    source: tuple[int, int], target: tuple[int, int], least: float
) -> None:
    content = encoded(photo(*source), quality=92)
    png = resize_image(content, *target, path="a.jpg", image_format="png")
    assert least < psnr(decoded(png), average_area(decoded(content), *target)) < 70


def test_a_jpeg_is_decoded_whole_where_little_is_left_out() -> None:
    content = encoded(photo(960, 540), quality=92)
    png = resize_image(content, 500, 281, path="a.jpg", image_format="png")
    assert (decoded(png) == average_area(decoded(content), 500, 281)).all()


def test_a_png_is_averaged_from_all_its_pixels() -> None:
    pixels = photo(96, 54)
    png = resize_image(encoded(pixels, "PNG"), 32, 18, path="a.png", image_format="png")
    assert (decoded(png) == average_area(pixels, 32, 18)).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("target", [(20, 30), (33, 21), (61, 90)])
def test_a_rotated_photograph_is_upright(orientation: int, target: tuple[int, int], tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    content = encoded(photo(40, 60), quality=100, subsampling=0, exif=exif)
    (tmp_path / "a.jpg").write_bytes(content)
    upright = images.read_rgb(tmp_path / "a.jpg")
    assert upright.shape[1::-1] == images.read_size(tmp_path / "a.jpg")
    found = decoded(resize_image(content, *target, path="a.jpg", image_format="png"))
    assert found.shape == (target[1], target[0], 3)
    expected = decoded(resize_image(encoded(upright, "PNG"), *target, path="a.png", image_format="png"))
    # Where one side grows, turning and interpolating round in another order.
    assert np.abs(found.astype(int) - expected).max() <= (0 if target == (20, 30) else 1)


def variants() -> dict[str, tuple[Image.Image, str]]:
    rgb = Image.fromarray(photo(40, 30))
    deep = Image.fromarray((np.asarray(rgb.convert("L")).astype(np.uint16) << 8) + 7)
    alpha = rgb.convert("RGBA")
    alpha.putalpha(9)
    return {
        "grey": (rgb.convert("L"), "L"),
        "palette": (rgb.quantize(32), "quantized"),
        "black and white": (rgb.convert("1"), "1"),
        "16 bits": (deep, "L"),
        "alpha": (alpha, "RGB"),
        "grey and alpha": (alpha.convert("LA"), "L"),
    }


@pytest.mark.parametrize("kind", variants())
def test_images_of_any_mode_become_rgb(kind: str, tmp_path: Path) -> None:
    image, means = variants()[kind]
    image.save(tmp_path / "a.png")
    rgb = Image.fromarray(photo(40, 30))
    expected = np.array((rgb.quantize(32) if means == "quantized" else rgb.convert(means)).convert("RGB"))
    assert (images.read_rgb(tmp_path / "a.png") == expected).all()
    content = (tmp_path / "a.png").read_bytes()
    small = resize_image(content, 20, 15, path="a.png", image_format="png")
    assert (decoded(small) == average_area(expected, 20, 15)).all()
    assert Image.open(io.BytesIO(resize_image(content, 20, 15, path="a.png"))).mode == "RGB"


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_an_image_of_the_right_size_and_format_is_not_compressed_again(form: str) -> None:
    content = encoded(photo(40, 30), form)
    assert resize_image(content, 40, 30, path="a", image_format=form.lower(), quality=10) == content


def test_an_image_of_the_right_size_in_another_format_or_orientation_is_made_anew() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 3
    pixels = photo(40, 30)
    turned = resize_image(encoded(pixels, exif=exif), 40, 30, path="a.jpg")
    assert not Image.open(io.BytesIO(turned)).getexif()
    assert (decoded(resize_image(encoded(pixels, "PNG"), 40, 30, path="a", image_format="jpeg", quality=100)) > 0).any()
    assert (decoded(resize_image(encoded(pixels, "BMP"), 40, 30, path="a", image_format="png")) == pixels).all()
    cmyk = Image.fromarray(pixels).convert("CMYK")
    file = io.BytesIO()
    cmyk.save(file, "JPEG")
    assert Image.open(io.BytesIO(resize_image(file.getvalue(), 40, 30, path="a.jpg"))).mode == "RGB"


def test_an_image_is_enlarged_where_a_size_asks_for_it() -> None:
    pixels = np.array([[[0] * 3, [100] * 3]], dtype=np.uint8)
    found = decoded(resize_image(encoded(pixels, "PNG"), 4, 3, path="a.png", image_format="png"))
    assert found[:, :, 0].tolist() == [[0, 25, 75, 100]] * 3
    both = decoded(resize_image(encoded(photo(8, 40), "PNG"), 16, 10, path="a.png", image_format="png"))
    assert both.shape == (10, 16, 3)


def test_quality_decides_about_the_size_of_a_jpeg() -> None:
    content = encoded(photo(200, 100), "PNG")
    low, high = (resize_image(content, 100, 50, path="a.png", quality=quality) for quality in (30, 95))
    assert len(low) < len(high) / 2
    assert psnr(decoded(low), decoded(high)) < 45


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
@pytest.mark.parametrize("target", [(400, 300), (200, 150), (90, 70), (20, 15)])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_truncated_image_is_an_error_at_every_size(form: str, target: tuple[int, int], progressive: bool) -> None:
    content = encoded(photo(400, 300), form, progressive=progressive)
    # The last 20 bytes of a PNG are checksums and the mark of its end.
    few = (1, 2, 20) if form == "JPEG" else (30,)
    for missing in (*few, len(content) // 2, len(content) - 30, len(content)):
        with pytest.raises(ImageError, match=r"\Aa\.x: no image that can be read"):
            resize_image(content[:-missing], *target, path="a.x", image_format=form.lower())


@pytest.mark.parametrize("change", [lambda content: content[:-2], lambda content: content + b"?"])
def test_a_png_that_has_all_its_pixels_and_ends_otherwise_is_mended(change: Callable[[bytes], bytes]) -> None:
    pixels = photo(40, 30)
    mended = resize_image(change(encoded(pixels, "PNG")), 40, 30, path="a.png", image_format="png")
    assert mended.endswith(b"IEND\xaeB`\x82")
    assert (decoded(mended) == pixels).all()


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_a_changed_byte_of_a_png_changes_no_pixel_unseen(place: int, change: int) -> None:
    pixels = photo(40, 30)
    content = bytearray(encoded(pixels, "PNG"))
    content[place % len(content)] ^= change
    try:
        found = decoded(resize_image(bytes(content), 40, 30, path="a.png", image_format="png"))
    except ImageError:
        return
    assert (found == pixels).all()


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\xff\xd8\xff\xe0", b"not an image" * 99])
def test_what_is_no_image_is_an_error(content: bytes) -> None:
    with pytest.raises(ImageError):
        resize_image(content, 3, 3, path="a.jpg")


def test_a_side_that_jpeg_does_not_have_is_an_error_of_the_image() -> None:
    content = encoded(photo(40, 30), "PNG")
    with pytest.raises(ImageError, match="a.png: 65501x1 pixels: a side of a JPEG has at most 65500"):
        resize_image(content, 65501, 1, path="a.png")
    assert decoded(resize_image(content, 65500, 1, path="a.png")).shape == (1, 65500, 3)
    assert decoded(resize_image(content, 65501, 1, path="a.png", image_format="png")).shape == (1, 65501, 3)
