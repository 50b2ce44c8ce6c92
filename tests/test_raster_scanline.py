from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from iddkit.raster import scanline
from iddkit.raster.scanline import Fill, fill_compiled, fill_numpy
from iddkit.raster.seams import Index
from tests import slow
from tests.strategies import polygons

needs_compiler = pytest.mark.skipif(fill_compiled is None, reason="the compiled fill rule was not built")
IMPLEMENTATIONS = [
    pytest.param(fill_numpy, id="numpy"),
    pytest.param(fill_compiled, id="compiled", marks=needs_compiler),
]

Job = tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]


def job(drawn: list[list[tuple[float, float]]]) -> Job:
    """Return points, offsets and values of polygons, painted 1, 2, 3 ..."""
    arrays = [np.array(polygon, dtype=np.float64).reshape(-1, 2).astype(np.int32) for polygon in drawn]
    offsets = np.cumsum([0, *map(len, arrays)], dtype=np.int64)
    return np.concatenate([np.empty((0, 2), np.int32), *arrays]), offsets, np.arange(1, len(drawn) + 1)


@pytest.mark.parametrize("fill", IMPLEMENTATIONS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@given(drawn=st.lists(polygons(), max_size=5))
def test_each_implementation_fills_as_the_rule_says(
    fill: Fill, dtype: str, drawn: list[list[tuple[float, float]]]
) -> None:
    index: Index = np.zeros((12, 16), dtype=dtype)
    fill(*job(drawn), index)
    expected = np.zeros((12, 16), dtype=dtype)
    for value, polygon in enumerate(drawn, start=1):
        if polygon:
            expected[slow.cityscapes_mask(np.array(polygon, dtype=np.float64), 16, 12)] = value
    assert (index == expected).all()


@needs_compiler
@given(st.integers(0, 2**32 - 1), st.sampled_from([20, 300, 5000, 2**22]), st.integers(1, 60))
def test_both_implementations_fill_large_polygons_alike(seed: int, spread: int, count: int) -> None:
    assert fill_compiled is not None
    rng = np.random.default_rng(seed)
    drawn = [rng.integers(-spread, spread, (count, 2)).tolist() for _ in range(3)]
    first, second = np.zeros((90, 140), np.uint16), np.zeros((90, 140), np.uint16)
    fill_numpy(*job(drawn), first)
    fill_compiled(*job(drawn), second)
    assert (first == second).all()


def test_bands_of_rows_fill_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    drawn = [rng.integers(-20, 120, (40, 2)).tolist()]
    whole, banded = np.zeros((90, 100), np.uint8), np.zeros((90, 100), np.uint8)
    fill_numpy(*job(drawn), whole)
    monkeypatch.setattr(scanline, "_MOST_CROSSINGS", 64)
    fill_numpy(*job(drawn), banded)
    assert whole.any()
    assert (whole == banded).all()


def test_a_hole_cut_by_a_bridge_stays_open() -> None:
    keyhole = [(0, 0), (15, 0), (15, 11), (0, 11), (0, 0), (4, 4), (4, 8), (11, 8), (11, 4), (4, 4)]
    index = np.zeros((12, 16), np.uint8)
    scanline.fill(*job([[(float(x), float(y)) for x, y in keyhole]]), index)
    assert index[6, 7] == 0
    assert index[1, 7] == index[6, 1] == index[6, 14] == 1


@needs_compiler
def test_a_value_that_does_not_fit_is_refused() -> None:
    assert fill_compiled is not None
    points, offsets, _ = job([[(0.0, 0.0), (5.0, 0.0), (0.0, 5.0)]])
    for value, dtype in ((256, "uint8"), (-1, "uint8"), (2**16, "uint16")):
        index: Index = np.zeros((12, 16), dtype=dtype)
        with pytest.raises(OverflowError):
            fill_compiled(points, offsets, np.array([value]), index)


@needs_compiler
def test_the_compiled_function_refuses_arrays_of_another_kind() -> None:
    assert fill_compiled is not None
    points, offsets, values = job([[(0.0, 0.0), (5.0, 0.0), (0.0, 5.0)]])
    index = np.zeros((12, 16), np.uint8)
    wrong_kinds = [
        (points.astype(np.int64), offsets, values, index),
        (points, offsets.astype(np.int32), values, index),
        (points, offsets, values.astype(np.int16), index),
        (points, offsets, values, index.astype(np.float64)),
        (points.ravel(), offsets, values, index),
    ]
    for arguments in wrong_kinds:
        with pytest.raises(TypeError):
            fill_compiled(*arguments)  # type: ignore[arg-type]
    for bad in ([0, 4], [1, 3], [0, -1], [0, 2, 3], [0, 2]):
        with pytest.raises(ValueError, match="offsets"):
            fill_compiled(points, np.array(bad, dtype=np.int64), values, index)
    frozen = index.copy()
    frozen.setflags(write=False)
    with pytest.raises((BufferError, ValueError)):
        fill_compiled(points, offsets, values, frozen)
    with pytest.raises((BufferError, ValueError)):
        fill_compiled(points, offsets, values, np.asfortranarray(np.zeros((12, 16), np.uint8)))
    with pytest.raises(TypeError, match="4 arguments"):
        fill_compiled(points)  # type: ignore[call-arg]
