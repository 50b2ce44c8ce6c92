from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iddkit.raster.seams import Index, find_seams


@st.composite
def index_images(draw: st.DrawFn) -> tuple[Index, int]:
    """Draw an index image and the number of its values: few runs or noise, few values or more than a byte holds."""
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 40))
    values = draw(st.sampled_from([1, 2, 7, 255, 256, 300]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    image = rng.integers(0, values, (height, width))
    if draw(st.booleans()):
        image = np.repeat(np.repeat(image, 9, axis=1)[:, :width], 3, axis=0)[:height]
    dtype = np.uint8 if values <= 256 and draw(st.booleans()) else np.uint16
    found: Any = np.ascontiguousarray(image.astype(dtype))
    return found, values


@given(drawn=index_images(), channels=st.integers(1, 3), seed=st.integers(0, 99))
def test_rows_are_the_looked_up_pixels_less_those_above(drawn: tuple[Index, int], channels: int, seed: int) -> None:
    index, values = drawn
    table = np.random.default_rng(seed).integers(0, 256, (values, channels)).astype(np.uint8)
    rows = find_seams(index, values).png_rows(table)
    assert (rows[:, 0] == 2).all()
    found = np.cumsum(rows[:, 1:], axis=0, dtype=np.uint8)
    assert (found == table[index].reshape(index.shape[0], -1)).all()


@given(drawn=index_images())
def test_areas_and_boxes_are_those_of_the_pixels(drawn: tuple[Index, int]) -> None:
    index, values = drawn
    seams = find_seams(index, values)
    areas, boxes, visible = seams.areas(), seams.boxes(), seams.visible()
    for value in range(values):
        rows, columns = np.nonzero(index == value)
        assert areas[value] == len(rows)
        assert visible[value] == (len(rows) > 0)
        if len(rows):
            assert boxes[value].tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_a_value_without_pixels_has_an_empty_box() -> None:
    seams = find_seams(np.zeros((2, 3), dtype=np.uint8), 2)
    assert seams.areas().tolist() == [6, 0]
    assert seams.boxes()[1, 0] > seams.boxes()[1, 2]


@pytest.mark.parametrize("shape", [(1, 1), (1, 8), (8, 1), (3, 5), (4, 16)])
def test_images_of_any_size_have_their_seams(shape: tuple[int, int]) -> None:
    index = np.arange(shape[0] * shape[1], dtype=np.uint8).reshape(shape)
    seams = find_seams(index, 256)
    assert len(seams.row) == (shape[0] - 1) * shape[1]
    assert (seams.here == index[1:].ravel()).all()
    assert (seams.above == index[:-1].ravel()).all()
