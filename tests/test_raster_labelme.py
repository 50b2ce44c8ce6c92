"""The fill rule labelme, beside the calls that labelme's own export makes."""

import math
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from iddkit.annotation import MAX_COORDINATE, Shape
from iddkit.raster import labelme

WIDTH, HEIGHT = 40, 30
COUNTS = {"rectangle": 2, "oriented_rectangle": 4, "circle": 2, "line": 2, "point": 1}

near = st.floats(-20, 60) | st.integers(-20, 60).map(float) | st.integers(-40, 120).map(lambda n: n / 2)
far = st.floats(-MAX_COORDINATE, MAX_COORDINATE)


def make_drawer(index: NDArray[Any]) -> ImageDraw.ImageDraw:
    mode = "L" if index.dtype == np.uint8 else "I;16"
    image = Image.frombuffer(mode, index.shape[::-1], index, "raw", mode, 0, 1)
    image.readonly = 0
    return ImageDraw.Draw(image)


def draw(shape: Shape, value: int = 1, dtype: type = np.uint8, size: tuple[int, int] = (HEIGHT, WIDTH)) -> NDArray[Any]:
    index: NDArray[Any] = np.zeros(size, dtype=dtype)
    labelme.draw_kind(make_drawer(index), index, shape, value)
    return index


@st.composite
def shapes(draw_one: st.DrawFn, coordinate: st.SearchStrategy[float]) -> Shape:
    kind = draw_one(st.sampled_from([*COUNTS, "linestrip", "points"]))
    least, most = (COUNTS[kind],) * 2 if kind in COUNTS else (2, 6)
    points = draw_one(st.lists(st.tuples(coordinate, coordinate), min_size=least, max_size=most))
    return Shape("car", np.array(points, dtype=np.float64), kind)


def draw_as_labelme(shape: Shape) -> NDArray[np.bool_]:
    """Draw one shape into an image of its own with the calls that labelme's export makes."""
    image = Image.new("L", (WIDTH, HEIGHT))
    pen = ImageDraw.Draw(image)
    xy = [(x, y) for x, y in shape.points.tolist()]
    match shape.kind:
        case "rectangle":
            (x0, y0), (x1, y1) = xy
            pen.rectangle([(min(x0, x1), min(y0, y1)), (max(x0, x1), max(y0, y1))], outline=1, fill=1)
        case "oriented_rectangle" | "polygon":
            pen.polygon(xy, outline=1, fill=1)
        case "circle":
            (x0, y0), (x1, y1) = xy
            radius = math.sqrt((x0 - x1) ** 2 + (y0 - y1) ** 2)
            pen.ellipse([(x0 - radius, y0 - radius), (x0 + radius, y0 + radius)], outline=1, fill=1)
        case "point" | "points":
            for x, y in xy:
                pen.ellipse([(x - 5, y - 5), (x + 5, y + 5)], outline=1, fill=1)
        case "line":
            pen.line(xy, fill=1, width=10)
        case "linestrip":
            pen.line(xy, fill=1, width=10, joint="curve")
    return np.array(image, dtype=np.bool_)


@settings(max_examples=400)
@given(shapes(near), st.sampled_from([(np.uint8, 200), (np.uint16, 77), (np.uint16, 256), (np.uint16, 65535)]))
def test_every_kind_is_drawn_as_labelme_draws_it_in_8_and_in_16_bits(shape: Shape, number: tuple[type, int]) -> None:
    dtype, value = number
    assert np.array_equal(draw(shape, value, dtype), draw_as_labelme(shape) * dtype(value))


@given(st.lists(st.tuples(near, near), min_size=2, max_size=9), st.sampled_from([(np.uint8, 9), (np.uint16, 40_000)]))
def test_polygons_are_drawn_as_labelme_draws_them(xy: list[tuple[float, float]], number: tuple[type, int]) -> None:
    dtype, value = number
    shape = Shape("road", np.array(xy, dtype=np.float64))
    index: NDArray[Any] = np.zeros((HEIGHT, WIDTH), dtype=dtype)
    labelme.draw_polygon_outlined(make_drawer(index), shape.points, value)
    assert np.array_equal(index, draw_as_labelme(shape) * dtype(value))


def test_only_the_pixels_of_the_shape_change() -> None:
    index = np.full((HEIGHT, WIDTH), 1000, dtype=np.uint16)
    labelme.draw_kind(make_drawer(index), index, Shape("car", np.array([[2.0, 3.0], [4.0, 5.0]]), "rectangle"), 2000)
    assert (index[3:6, 2:5] == 2000).all()
    assert np.count_nonzero(index == 1000) == index.size - 9


def test_many_points_are_as_many_single_points() -> None:
    points = np.array([[3.0, 3.0], [30.5, 12.0], [39.0, 29.0]])
    together = draw(Shape("sign", points, "points"))
    assert np.array_equal(together, np.max([draw(Shape("sign", points[i : i + 1], "point")) for i in range(3)], axis=0))


@given(st.integers(1, 1500), st.integers(-1, 1), st.integers(-1600, 60), st.integers(-1600, 60))
def test_a_large_ellipse_equals_that_of_pillow_where_pillow_is_right(
    width: int, more: int, left: int, top: int
) -> None:
    height = max(width + more, 1)
    image = Image.new("L", (WIDTH, HEIGHT))
    ImageDraw.Draw(image).ellipse((left, top, left + width, top + height), fill=1)
    index = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    labelme._draw_large_ellipse(index, left, top, width, height, 1)
    assert np.array_equal(index, np.asarray(image))


@pytest.mark.parametrize("degrees", [0, 10, 44.9, 45, 60, 90, 135, 200, 270, 300])
def test_there_is_no_step_from_pillow_to_the_formula(degrees: float) -> None:
    # The part of the rim that lies in the image, of the largest circles that Pillow draws right.
    radius = 21_000.3
    x = WIDTH / 2 - radius * math.cos(math.radians(degrees))
    y = HEIGHT / 2 - radius * math.sin(math.radians(degrees))
    shape = Shape("roundabout", np.array([[x, y], [x + radius, y]]), "circle")
    drawn = draw(shape)
    assert 0 < drawn.sum() < drawn.size
    assert np.array_equal(drawn != 0, draw_as_labelme(shape))


@settings(max_examples=50)
@given(st.floats(0, 2 * math.pi), st.floats(2.0**15, MAX_COORDINATE))
def test_an_enormous_circle_follows_the_equation_exactly(angle: float, radius: float) -> None:
    # The rule in whole numbers of any length, for the rows of an image that the rim passes through.
    x, y = 20 + radius * math.cos(angle), 15 + radius * math.sin(angle)
    index = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    labelme._draw_disc(make_drawer(index), index, x, y, radius, 1)
    left, top = int(x - radius), int(y - radius)
    a, b = int(x + radius) - left, int(y + radius) - top
    for row in range(HEIGHT):
        v = abs(2 * (row - top) - b)
        if v <= 1 or v > b:
            continue
        for column in range(WIDTH):
            u = abs(2 * (column - left) - a)
            steep = b * b * (u * u + (u - 2) ** 2) <= 2 * a * a * (b * b - v * v)
            flat = a * a * (v * v + (v - 2) ** 2) <= 2 * b * b * (a * a - u * u)
            assert bool(index[row, column]) == (steep or flat)


@settings(deadline=1000)
@given(shapes(far))
def test_shapes_of_any_extent_are_drawn_at_once(shape: Shape) -> None:
    draw(shape, 300, np.uint16)


def test_a_circle_over_the_whole_image_takes_no_time() -> None:
    # Pillow alone takes 17 seconds for this one.
    started = time.perf_counter()
    index = draw(Shape("lake", np.array([[960.0, 540.0], [960.0, 1_000_540.0]]), "circle"), size=(1080, 1920))
    assert index.all()
    assert time.perf_counter() - started < 1


def test_an_enormous_circle_outside_the_image_leaves_it_empty() -> None:
    for x, y in ((-2e6, 5.0), (2e6, 5.0), (5.0, -2e6), (5.0, 2e6)):
        assert not draw(Shape("lake", np.array([[x, y], [x, y + 1e6]]), "circle")).any()


@given(
    st.tuples(st.integers(1, 50), st.integers(1, 50), st.integers(0, 2**32 - 1)),
    st.tuples(st.integers(-60, 60), st.integers(-60, 60)),
)
def test_a_mask_is_laid_at_its_first_point_and_cut_at_the_border(
    patch: tuple[int, int, int], corner: tuple[int, int]
) -> None:
    height, width, seed = patch
    mask = np.random.default_rng(seed).random((height, width)) < 0.5
    x, y = corner
    points = np.array([[x, y], [x + width - 1, y + height - 1]], dtype=np.float64)
    expected = np.zeros((HEIGHT, WIDTH), dtype=np.uint16)
    for row, column in np.argwhere(mask):
        if 0 <= y + row < HEIGHT and 0 <= x + column < WIDTH:
            expected[y + row, x + column] = 500
    assert np.array_equal(draw(Shape("dog", points, "mask", mask=mask), 500, np.uint16), expected)


def test_a_mask_between_pixels_goes_to_the_even_one() -> None:
    mask = np.ones((1, 1), dtype=np.bool_)
    for x, column in ((2.5, 2), (3.5, 4), (3.4, 3)):
        drawn = draw(Shape("dog", np.array([[x, 0.0], [x, 0.0]]), "mask", mask=mask))
        assert np.argwhere(drawn).tolist() == [[0, column]]


def test_zeros_of_a_mask_leave_what_lies_below() -> None:
    index = np.full((1, 2), 7, dtype=np.uint8)
    shape = Shape("dog", np.array([[0.0, 0.0], [1.0, 0.0]]), "mask", mask=np.array([[True, False]]))
    labelme.draw_kind(make_drawer(index), index, shape, 9)
    assert index.tolist() == [[9, 7]]


def test_a_kind_without_a_drawing_is_refused() -> None:
    for shape in (Shape("car", np.zeros((3, 2))), Shape("car", np.zeros((2, 2)), "mask")):
        with pytest.raises(ValueError, match="kind"):
            draw(shape)
