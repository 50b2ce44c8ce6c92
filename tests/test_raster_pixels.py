"""The loops over pixels: each compiled function against its twin in NumPy, and both against the plainest form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from iddkit.raster import compiled
from iddkit.raster.rows import Filter, filter_numpy
from iddkit.raster.runs import Measure, areas_and_boxes, measure_numpy
from iddkit.raster.scanline import Index

needs_compiler = pytest.mark.skipif(compiled.pixels is None, reason="the compiled loops were not built")
FILTERS = [pytest.param(filter_numpy, id="numpy")]
MEASURES = [pytest.param(measure_numpy, id="numpy")]
if compiled.pixels is not None:
    FILTERS.append(pytest.param(compiled.pixels.filter_rows, id="compiled"))
    MEASURES.append(pytest.param(compiled.pixels.measure, id="compiled"))


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


@needs_compiler
@pytest.mark.parametrize("filter_rows", FILTERS)
@given(drawn=index_images(), channels=st.integers(1, 3), seed=st.integers(0, 99))
def test_rows_are_the_looked_up_pixels_less_those_above(
    filter_rows: Filter, drawn: tuple[Index, int], channels: int, seed: int
) -> None:
    index, values = drawn
    table = np.random.default_rng(seed).integers(0, 256, (values, channels)).astype(np.uint8)
    height, width = index.shape
    rows = np.full((height, 1 + width * channels), 77, dtype=np.uint8)
    filter_rows(index, table, rows)
    assert (rows[:, 0] == 2).all()
    found = np.cumsum(rows[:, 1:], axis=0, dtype=np.uint8)
    assert (found == table[index].reshape(height, -1)).all()


@needs_compiler
@pytest.mark.parametrize("measure", MEASURES)
@given(drawn=index_images())
def test_areas_and_boxes_are_those_of_the_pixels(measure: Measure, drawn: tuple[Index, int]) -> None:
    index, values = drawn
    areas, boxes = np.zeros(values, dtype=np.int64), np.zeros((values, 4), dtype=np.int64)
    boxes[:, :2] = 99
    measure(index, areas, boxes)
    for value in range(values):
        rows, columns = np.nonzero(index == value)
        assert areas[value] == len(rows)
        if len(rows):
            assert boxes[value].tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        else:
            assert boxes[value].tolist() == [99, 99, 0, 0]


def test_a_value_without_pixels_has_an_empty_box() -> None:
    areas, boxes = areas_and_boxes(np.zeros((2, 3), dtype=np.uint8), 2)
    assert areas.tolist() == [6, 0]
    assert boxes[1, 0] > boxes[1, 2]


@needs_compiler
def test_values_beyond_the_table_and_other_arrays_are_refused() -> None:
    pixels = compiled.pixels
    assert pixels is not None
    index = np.array([[0, 3]], dtype=np.uint8)
    table, rows = np.zeros((3, 1), dtype=np.uint8), np.zeros((1, 3), dtype=np.uint8)
    areas, boxes = np.zeros(3, dtype=np.int64), np.zeros((3, 4), dtype=np.int64)
    with pytest.raises(ValueError, match="beyond the table"):
        pixels.filter_rows(index, table, rows)
    with pytest.raises(ValueError, match="beyond the table"):
        pixels.measure(index, areas, boxes)
    with pytest.raises(ValueError, match="beyond the table"):
        pixels.measure(index.astype(np.uint16), areas, boxes)
    inside = np.minimum(index, 2)
    with pytest.raises(ValueError, match="not of the image's size"):
        pixels.filter_rows(inside, table, np.zeros((1, 4), dtype=np.uint8))
    frozen: NDArray[np.uint8] = rows.copy()
    frozen.setflags(write=False)
    with pytest.raises((BufferError, ValueError)):
        pixels.filter_rows(inside, table, frozen)
    wrong: list[tuple[Any, ...]] = [
        (inside.astype(np.float64), table, rows),
        (inside.ravel(), table, rows),
        (inside, table.ravel(), rows),
        (inside, table.astype(np.int64), rows),
        (inside, table),
    ]
    for arguments in wrong:
        with pytest.raises(TypeError):
            pixels.filter_rows(*arguments)
    for arguments in [
        (inside, areas, boxes.ravel()),
        (inside, areas.astype(np.int32), boxes),
        (inside, areas, boxes[:2]),
    ]:
        with pytest.raises(TypeError):
            pixels.measure(*arguments)
