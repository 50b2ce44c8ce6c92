"""Outlines that cross themselves, and those that only look so to a geometry library."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from iddkit.annotation import MAX_POINTS, Shape
from iddkit.checks.crossings import count_crossings, examine
from iddkit.checks.rings import Rings

Ring = NDArray[np.float64]


@st.composite
def stars(draw: st.DrawFn, least: int = 4, most: int = 30) -> Ring:
    """Draw a simple outline around (100, 100): any distance at each of some angles."""
    count = draw(st.integers(least, most))
    distances = draw(st.lists(st.floats(5, 90), min_size=count, max_size=count))
    angles = np.arange(count) * 2 * np.pi / count
    ring = 100 + np.array(distances)[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
    turned: Ring = ring[::-1] if draw(st.booleans()) else ring
    return turned


def area(ring: Ring) -> float:
    x, y = ring.T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


@given(stars())
def test_a_simple_outline_does_not_cross_itself(ring: Ring) -> None:
    found = examine(ring)
    assert (found.crossings, found.lobes, found.place) == (0, 0.0, None)
    assert found.filled == pytest.approx(area(ring))


@given(stars(), st.booleans(), st.integers(0, 29), st.integers(0, 29), st.floats(0.1, 0.6))
def test_a_keyhole_is_no_crossing_whichever_way_its_hole_runs(
    ring: Ring, turned: bool, at: int, inner_at: int, scale: float
) -> None:
    # The hole is the outline made smaller around the same middle: the bridge between them crosses neither.
    at %= len(ring)
    outer = np.roll(ring, -at, axis=0)
    inner = 100 + scale * (outer - 100)
    inner = np.vstack([inner[:1], inner[1:][::-1]]) if turned else inner
    keyhole = np.vstack([outer, outer[:1], inner, inner[:1]])
    found = examine(keyhole)
    assert found.lobes == pytest.approx(0.0, abs=1e-6)
    assert found.filled == pytest.approx(area(ring) * (1 - scale**2), rel=1e-6)


@given(st.floats(0.5, 3), st.booleans())
def test_a_keyhole_whose_bridge_was_not_clicked_exactly_is_no_loop(off: float, turned: bool) -> None:
    outer = np.array([(10.0, 10), (190, 10), (190, 90), (10, 90), (10, 10)])
    inner = np.array([(50.0, 30), (90, 30), (90, 70), (50, 70), (50, 30 - off)])
    if turned:
        inner = np.array([(50.0, 30), (50, 70), (90, 70), (90, 30), (50 + off, 30)])
    keyhole = np.vstack([outer, inner, [(10, 10 + off)]])
    assert examine(keyhole).lobes < 100  # the sliver of the bridge, and not the hole of 1,600
    # A loop of edges that do not run back is one.
    curl = np.array([(0.0, 0), (100, 0), (100, 60), (40, 60), (40, -40), (60, -40), (60, 80), (0, 80)])
    assert examine(curl).lobes > 500


@given(stars(), st.integers(0, 29))
def test_an_outline_that_repeats_points_or_is_closed_is_no_crossing(ring: Ring, at: int) -> None:
    at %= len(ring)
    assert examine(np.insert(ring, at, ring[at], axis=0)).lobes == 0
    assert examine(np.vstack([ring, ring[:1]])).lobes == 0


@given(stars(6), st.data())
def test_corners_that_changed_places_are_found_where_edges_cross(ring: Ring, data: st.DataObject) -> None:
    i = data.draw(st.integers(0, len(ring) - 1))
    j = (i + len(ring) // 2) % len(ring)
    swapped = ring.copy()
    swapped[[i, j]] = swapped[[j, i]]
    crossings = sum(_meet(swapped, a, b) for a in range(len(ring)) for b in range(a + 1, len(ring)))
    found = examine(swapped)
    assert found.crossings == crossings
    assert (found.lobes > 0) == (crossings > 0)


def _meet(ring: Ring, a: int, b: int) -> bool:
    """Whether two edges cross inside both, by solving for the point."""
    p, r = ring[a], ring[(a + 1) % len(ring)] - ring[a]
    q, s = ring[b], ring[(b + 1) % len(ring)] - ring[b]
    cross = r[0] * s[1] - r[1] * s[0]
    if abs(cross) < 1e-9:
        return False
    t = ((q - p)[0] * s[1] - (q - p)[1] * s[0]) / cross
    u = ((q - p)[0] * r[1] - (q - p)[1] * r[0]) / cross
    return bool(1e-9 < t < 1 - 1e-9 and 1e-9 < u < 1 - 1e-9)


def test_an_eight_through_a_common_corner_is_a_crossing_without_crossing_edges() -> None:
    eight = np.array([[0.0, 0], [4, 4], [8, 0], [8, 8], [4, 4], [0, 8]])
    found = examine(eight)
    # Which way round the corner is passed decides: here both halves run one way, and only touch.
    assert (found.crossings, found.lobes) == (0, 0.0)
    crossed = np.array([[0.0, 0], [4, 4], [8, 8], [8, 0], [4, 4], [0, 8]])
    assert examine(crossed).lobes == pytest.approx(16)


def test_an_outline_traced_twice_fills_nothing() -> None:
    square = np.array([[0.0, 0], [4, 0], [4, 4], [0, 4]])
    found = examine(np.vstack([square, square]))
    assert (found.lobes, found.filled) == (0.0, 0.0)


def test_a_pentagram_winds_twice_around_its_middle() -> None:
    angles = np.arange(5) * 4 * np.pi / 5
    found = examine(100 + 50 * np.column_stack([np.cos(angles), np.sin(angles)]))
    assert found.crossings == 5
    middle = 50 * math.cos(2 * math.pi / 5) / math.cos(math.pi / 5)
    assert found.lobes == pytest.approx(5 / 2 * middle**2 * math.sin(2 * math.pi / 5))


def test_a_scribble_of_many_points_is_given_up_on_in_bounded_time() -> None:
    dice = np.random.default_rng(0)
    ring = dice.uniform(0, 4000, (MAX_POINTS, 2))
    begin = time.process_time()
    found = examine(ring)
    assert found.crossings > 1000
    assert math.isnan(found.lobes)
    assert time.process_time() - begin < 60  # it would be hours


def test_large_coordinates_do_not_make_sides_of_rounding() -> None:
    ring = np.array([[0.0, 0], [1, 1], [2, 2], [3, 3], [0, 3]]) * 0.1 + 4e6
    assert count_crossings(ring) == (0, 0)


def test_rings_are_polygons_without_explicit_ends() -> None:
    square = np.array([[0.0, 0], [4, 0], [4, 4], [0, 4]])
    shapes = [
        Shape("a", square),
        Shape("b", np.vstack([square, square[:1]])),
        Shape("c", square[:2]),
        Shape("d", square[::2], "rectangle"),
        Shape("e", square[[0, 0, 1, 2]]),
    ]
    rings = Rings.of(shapes)
    assert [shape.label for shape in rings.shapes] == ["a", "b", "d", "e"]
    assert rings.areas.tolist() == [16.0, 16.0, 16.0, 8.0]
    assert rings.boxes.tolist() == [[0, 0, 4, 4]] * 4
    assert rings.is_simple.tolist() == [True] * 4
    assert [len(ring) for _, ring in rings.distinct()] == [4, 4, 4, 3]
    empty = Rings.of([])
    assert (len(empty), empty.areas.tolist(), empty.boxes.shape, empty.is_simple.tolist()) == (0, [], (0, 4), [])
    assert len(empty.distinct()) == 0
