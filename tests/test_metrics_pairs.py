from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from iddkit.metrics.pairs import Count, count_compiled, count_numpy, count_pairs, fold_pairs
from tests.test_decode import label_images

Pixels = NDArray[np.uint8]

needs_compiler = pytest.mark.skipif(count_compiled is None, reason="the compiled count was not built")
COUNTS = [
    pytest.param(count_numpy, id="numpy"),
    pytest.param(count_compiled, id="compiled", marks=needs_compiler),
]


@st.composite
def image_pairs(draw: st.DrawFn) -> tuple[Pixels, Pixels]:
    """Draw two label images of one shape."""
    first, second = draw(label_images()), draw(label_images())
    height, width = min(first.shape[0], second.shape[0]), min(first.shape[1], second.shape[1])
    return first[:height, :width], second[:height, :width]


def count_plainly(first: Pixels, second: Pixels) -> NDArray[np.int64]:
    counts = np.zeros((256, 256), dtype=np.int64)
    for row, column in zip(first.ravel().tolist(), second.ravel().tolist(), strict=True):
        counts[row, column] += 1
    return counts


@pytest.mark.parametrize("count", COUNTS)
@given(image_pairs())
def test_every_pixel_is_counted_once_with_its_pair(count: Count, images: tuple[Pixels, Pixels]) -> None:
    first, second = (np.ascontiguousarray(image) for image in images)
    counts = np.full((256, 256), 5, dtype=np.int64)
    count(first, second, counts)
    assert (counts - 5 == count_plainly(first, second)).all()


@given(image_pairs())
def test_the_table_is_the_same_of_a_view_of_an_image(images: tuple[Pixels, Pixels]) -> None:
    first, second = images
    counted = count_pairs(first[:, ::2], second[:, ::2])
    assert (counted == count_plainly(first[:, ::2], second[:, ::2])).all()


def test_images_of_different_shapes_have_no_pairs() -> None:
    with pytest.raises(ValueError, match="no pairs"):
        count_pairs(np.zeros((2, 6), np.uint8), np.zeros((3, 4), np.uint8))


@needs_compiler
def test_the_compiled_count_refuses_what_does_not_fit() -> None:
    assert count_compiled is not None
    counts, pixels = np.zeros((256, 256), np.int64), np.zeros((4, 4), np.uint8)
    for first, second, into in (
        (pixels, pixels[:2], counts),
        (pixels, pixels, counts[:100]),
        (pixels.astype(np.int32), pixels, counts),
        (pixels, pixels, counts.astype(np.int32)),
        (pixels, pixels, counts.astype(np.float64)),
        (pixels, pixels, counts.astype(np.uint64)),
        (pixels, pixels, counts.astype(">i8")),
        (pixels.astype(np.int8), pixels, counts),
        (pixels, pixels.astype(bool), counts),
    ):
        with pytest.raises(TypeError, match="count wants"):
            count_compiled(first, second, into)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="3 arguments"):
        count_compiled(pixels, pixels)  # type: ignore[call-arg]
    counts.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        count_compiled(pixels, pixels, counts)


@given(image_pairs(), st.integers(0, 9), st.integers(0, 99))
def test_pairs_of_numbers_fold_into_pairs_of_classes(images: tuple[Pixels, Pixels], size: int, seed: int) -> None:
    rows, columns = np.random.default_rng(seed).integers(-1, size + 1, (2, 256))
    expected = np.zeros((size + 1, size + 1), dtype=np.int64)
    for true, predicted in zip(images[0].ravel(), images[1].ravel(), strict=True):
        expected[rows[true], columns[predicted]] += 1
    assert (fold_pairs(count_pairs(*images), rows, columns, size) == expected).all()
