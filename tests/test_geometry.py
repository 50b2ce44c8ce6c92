"""Outlines: what is drawn from them is the shape again."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from iddkit import geometry
from iddkit.annotation import MAX_COORDINATE, Shape
from iddkit.geometry import has_holes, outline, polygons

masks = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14))


def shape(kind: str, *points: tuple[float, float], **changes: Any) -> Shape:
    return Shape("car", np.array(points, dtype=np.float64).reshape(-1, 2), kind, **changes)


def mask_shape(mask: NDArray[np.bool_], left: float = 5, top: float = 7) -> Shape:
    return shape("mask", (left, top), (left + mask.shape[1] - 1, top + mask.shape[0] - 1), mask=mask)


def draw_with_pillow(rings: list[NDArray[np.float64]], *, with_outline: bool) -> NDArray[np.bool_]:
    image = Image.new("L", (30, 30))
    for ring in rings:
        points = [(x, y) for x, y in ring.tolist()]
        ImageDraw.Draw(image).polygon(points, fill=1, outline=1 if with_outline else None)
    return np.asarray(image) > 0


def draw_with_pycocotools(rings: list[NDArray[np.float64]]) -> NDArray[np.bool_]:
    from pycocotools import mask as coco_mask

    runs = coco_mask.frPyObjects([ring.ravel().tolist() for ring in rings], 30, 30)
    plain = {"size": [30, 30], "counts": coco_mask.merge(runs)["counts"]}
    pixels: NDArray[np.uint8] = coco_mask.decode(plain)
    return pixels > 0


def fill_holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    filled = np.pad(mask.astype(np.uint8), 1)
    cv2.floodFill(filled, None, (0, 0), (2,))
    return np.asarray(filled != 2)[1:-1, 1:-1]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:pycocotools")
@settings(max_examples=200)
@given(masks)
def test_drawing_the_outlines_of_a_mask_gives_the_mask_with_its_holes_filled(mask: NDArray[np.bool_]) -> None:
    rings = polygons(mask_shape(mask))
    expected = np.zeros((30, 30), dtype=np.bool_)
    expected[7 : 7 + mask.shape[0], 5 : 5 + mask.shape[1]] = fill_holes(mask)
    assert np.array_equal(draw_with_pillow(rings, with_outline=False), expected)
    assert np.array_equal(draw_with_pillow(rings, with_outline=True), expected)
    if rings:
        assert np.array_equal(draw_with_pycocotools(rings), expected)
    assert has_holes(mask) == (fill_holes(mask).sum() > mask.sum())


@given(masks)
def test_outline_of_a_mask_is_that_of_its_largest_part(mask: NDArray[np.bool_]) -> None:
    rings = polygons(mask_shape(mask))
    count, parts, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    assert len(rings) == count - 1
    ring = outline(mask_shape(mask))
    if not rings:
        assert ring.shape == (0, 2)
        return
    areas = statistics[:, cv2.CC_STAT_AREA]
    drawn = draw_with_pillow([ring], with_outline=False)[7 : 7 + mask.shape[0], 5 : 5 + mask.shape[1]]
    largest = [i for i in range(1, count) if areas[i] == areas[1:].max()]
    assert any(np.array_equal(drawn, fill_holes(parts == i)) for i in largest)


def test_outline_of_a_mask_runs_just_inside_the_edges_of_its_pixels() -> None:
    e = geometry.INSET
    ring = outline(mask_shape(np.ones((2, 3), dtype=np.bool_), 10.4, 19.6))
    expected = [[13 - e, 20 + e], [13 - e, 22 - e], [10 + e, 22 - e], [10 + e, 20 + e]]
    assert sorted(ring.tolist()) == sorted(expected)


def test_mask_of_noise_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geometry, "MAX_MASK_VERTICES", 20)
    with pytest.raises(ValueError, match="more than 20 corners"):
        outline(mask_shape(np.eye(12, dtype=np.bool_)))


@given(st.floats(-5000, 5000), st.floats(-5000, 5000), st.floats(0, 150_000), st.floats(0, 2 * math.pi))
def test_polygon_of_a_circle_leaves_it_by_less_than_a_tenth_of_a_pixel(x: float, y: float, r: float, at: float) -> None:
    rim = (x + r * math.cos(at), y + r * math.sin(at))
    points = outline(shape("circle", (x, y), rim))
    radius = math.hypot(rim[0] - x, rim[1] - y)
    assert 8 <= len(points) <= geometry.MAX_CIRCLE_VERTICES
    middles = (points + np.roll(points, 1, axis=0)) / 2
    assert np.hypot(*(points - (x, y)).T) == pytest.approx(radius, abs=1e-6)
    assert np.hypot(*(middles - (x, y)).T).min() > radius - 0.06


def test_enormous_circle_is_bounded_or_refused() -> None:
    assert len(outline(shape("circle", (0, 0), (MAX_COORDINATE, 0)))) == geometry.MAX_CIRCLE_VERTICES
    with pytest.raises(ValueError, match="reaches beyond any image"):
        outline(shape("circle", (1, 0), (-MAX_COORDINATE, 0)))


def test_rectangle_has_its_four_corners_whichever_two_are_given() -> None:
    corners = [[1, 2], [1, 4], [5, 2], [5, 4]]
    for first, second in (((1, 2), (5, 4)), ((5, 4), (1, 2)), ((1, 4), (5, 2))):
        points = outline(shape("rectangle", first, second))
        assert sorted(points.tolist()) == corners
        assert cv2.contourArea(points.astype(np.float32)) == 8


@pytest.mark.parametrize("kind", ["polygon", "oriented_rectangle"])
def test_polygon_is_its_own_outline(kind: str) -> None:
    one = shape(kind, (0, 0), (4.5, 0), (4, 4), (0, 4))
    assert outline(one) is one.points
    assert polygons(one)[0] is one.points


@pytest.mark.parametrize(("kind", "count"), [("point", 1), ("line", 2), ("linestrip", 2), ("points", 1), ("points", 2)])
def test_shape_without_area_has_too_few_points_to_be_drawn(kind: str, count: int) -> None:
    assert len(outline(shape(kind, *[(1.0, 2.0)] * count))) == count < 3


@pytest.mark.parametrize("kind", ["linestrip", "points"])
def test_shape_without_area_never_becomes_one(kind: str) -> None:
    with pytest.raises(ValueError, match=f"a {kind} of 3 points has no area"):
        outline(shape(kind, (0, 0), (4, 0), (4, 4)))


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="'star'"):
        outline(shape("star", (0, 0)))
