from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iddkit.annotation import (
    MAX_COORDINATE,
    MAX_PIXELS,
    MAX_POINTS,
    MAX_SIDE,
    PointsError,
    as_points,
    check_kind,
    check_size,
)

numbers = st.one_of(
    st.integers(-(2**22), 2**22), st.floats(-MAX_COORDINATE, MAX_COORDINATE), st.sampled_from([0, -0.0, 0.5])
)


@given(st.lists(st.tuples(numbers, numbers).map(list)))
def test_points_are_the_numbers_of_the_file(pairs: list[list[float]]) -> None:
    points = as_points(pairs)
    assert points.dtype == np.float64
    assert points.shape == (len(pairs), 2)
    assert points.tolist() == [[float(x), float(y)] for x, y in pairs]


WRONG = [
    ([[1, 2], [3, float("nan")]], "point 1: y is nan, no pixel coordinate"),
    ([[1, 1e300]], "point 0: y is 1e+300, no pixel coordinate"),
    ([[1, float("inf")]], "point 0: y is inf, no pixel coordinate"),
    ([["1", 2]], "point 0: x is '1', not a number"),
    ([[1, 2], ["3", "4"]], "point 1: x is '3', not a number"),
    ([[1, True]], "point 0: y is True, not a number"),
    ([[1, None]], "point 0: y is None, not a number"),
    ([[1, 2, 3]], "point 0 is [1, 2, 3], not a pair of numbers"),
    ([[1, 2], [3]], "point 1 is [3], not a pair of numbers"),
    ([1, 2], "point 0 is 1, not a pair of numbers"),
    ([[1, 2], None], "point 1 is None, not a pair of numbers"),
    ([[[1, 2]]], "point 0 is [[1, 2]], not a pair of numbers"),
    ("12", "the points are '12', not a list"),
    ({"x": 1}, "the points are {'x': 1}, not a list"),
    (None, "the points are None, not a list"),
    ([[10**400, 1]], "point 0: x is an enormous integer, no pixel coordinate"),
    ([[2**63, 1]], "point 0: x is 9223372036854775808, no pixel coordinate"),
    ([{"x": 1, "y": 2}], "point 0 is {'x': 1, 'y': 2}, not a pair of numbers"),
]


@pytest.mark.parametrize(("values", "message"), WRONG)
def test_what_is_no_point_is_named(values: Any, message: str) -> None:
    with pytest.raises(PointsError) as caught:
        as_points(values)
    assert str(caught.value) == message


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=2), inner, max_size=2)),
    max_leaves=8,
)


@given(json_values)
def test_any_json_value_is_points_or_a_points_error(value: Any) -> None:
    with contextlib.suppress(PointsError):
        points = as_points(value)
        assert points.ndim == 2
        assert points.shape[1] == 2


@pytest.mark.parametrize(
    "size", [(70_000, 1), (0, 1), (1, -1), (10**9, 1), (10**9, 10**9), ("1", 1), (1.0, 1), (True, 1), (None, 1)]
)
def test_impossible_sizes_are_refused(size: tuple[Any, Any]) -> None:
    assert check_size(*size)


def test_the_largest_size_is_accepted() -> None:
    assert check_size(MAX_SIDE, MAX_PIXELS // MAX_SIDE) is None
    assert check_size(MAX_SIDE, MAX_PIXELS // MAX_SIDE + 1)


def test_kinds_need_their_number_of_points() -> None:
    assert check_kind("circle", 2) is None
    assert check_kind("polygon", 0) is None
    assert check_kind("circle", 3) == "a circle needs 2 points, this one has 3"
    assert check_kind("linestrip", 1) == "a linestrip needs at least 2 points, this one has 1"
    assert check_kind("spline", 1) == "unknown shape type 'spline'"


def test_a_polygon_of_too_many_points_is_refused() -> None:
    assert len(as_points([[0, 0]] * MAX_POINTS)) == MAX_POINTS
    with pytest.raises(PointsError, match="50001 points"):
        as_points([[0, 0]] * (MAX_POINTS + 1))


def test_values_nested_without_end_are_named_all_the_same() -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(PointsError, match="point 0 is"):
        as_points([deep])
    assert check_size(deep, 1)
