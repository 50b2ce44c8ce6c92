from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from iddkit.errors import OptionError
from iddkit.images import sample_centres
from iddkit.metrics import resize_nearest
from iddkit.metrics.resize import sample_nearest

sides = st.one_of(st.integers(1, 40), st.integers(1, 3000))


def sample_by_pillow(source: int, target: int, vertical: bool = False) -> list[int]:
    """Return which pixels of a line Pillow takes."""
    line = np.arange(source, dtype=np.int32)
    image = Image.fromarray(line[:, None] if vertical else line[None, :])
    resized = image.resize((1, target) if vertical else (target, 1), Image.Resampling.NEAREST)
    found: list[int] = np.array(resized).ravel().tolist()
    return found


@given(sides, sides)
@example(320, 256)  # of IDD-lite
@example(227, 128)
@example(10, 3)  # a centre on an edge
def test_the_pixels_are_those_that_pillow_takes(source: int, target: int) -> None:
    assert sample_nearest(source, target).tolist() == sample_by_pillow(source, target)
    assert sample_nearest(source, target).tolist() == sample_by_pillow(source, target, vertical=True)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 60), st.integers(1, 60), st.integers(0, 99))
def test_an_image_is_resized_as_pillow_does(height: int, width: int, rows: int, columns: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    resized = resize_nearest(pixels, columns, rows)
    assert resized.dtype == np.uint8
    assert resized.flags.c_contiguous
    assert (resized == np.array(Image.fromarray(pixels).resize((columns, rows), Image.Resampling.NEAREST))).all()


def test_pillow_does_not_always_take_the_pixel_under_the_centre() -> None:
    # Why there are two rules: by the exact one this would be a copy of it.
    differing = [
        (source, target)
        for source in range(1, 60)
        for target in range(1, 60)
        if sample_nearest(source, target).tolist() != sample_centres(source, target).tolist()
    ]
    assert differing
    for source, target in ((320, 256), (227, 128), (1920, 256), (1080, 128)):
        assert (sample_nearest(source, target) == sample_centres(source, target)).all()


def test_an_image_of_the_size_stays_as_it_is() -> None:
    pixels = np.arange(6, dtype=np.uint16).reshape(2, 3)
    assert resize_nearest(pixels, 3, 2) is pixels
    assert resize_nearest(pixels, 1, 1).tolist() == [[4]]


def test_a_side_without_pixels_is_refused() -> None:
    with pytest.raises(OptionError, match="0 pixels"):
        resize_nearest(np.zeros((2, 0), np.uint8), 3, 3)
