from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

pytest.importorskip("torch", reason="torch is not installed")

from iddkit.labels import VOID
from iddkit.training.augmentation import Draw, apply, draw
from iddkit.training.recipe import Recipe
from iddkit.training.transforms import MEAN, STD, resize_image, to_tensor

sides = st.integers(1, 40)
sizes = st.tuples(sides, sides)
PLAIN: dict[str, Any] = {"flip": 0.0, "scale": (1.0, 1.0), "jitter": 0.0}


def draw_it(source: tuple[int, int], size: tuple[int, int], seed: int = 0, **recipe: Any) -> Draw:
    return draw(Recipe("erfnet", **{**PLAIN, **recipe}), source, size, np.random.default_rng(seed))


def make_image(width: int, height: int, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    dice = np.random.default_rng(seed)
    return (
        dice.integers(0, 256, (height, width, 3), dtype=np.uint8),
        dice.integers(0, 7, (height, width), dtype=np.uint8),
    )


def normalised(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = to_tensor(image[None])[0].permute(1, 2, 0).numpy()
    return found


@given(sizes, st.integers(0, 9))
def test_at_a_scale_of_one_an_image_of_the_size_stays_as_it_is(size: tuple[int, int], seed: int) -> None:
    image, columns = make_image(*size, seed)
    pixels, labels = apply(draw_it(size, size, seed), image, columns, size)
    np.testing.assert_allclose(pixels, normalised(image), atol=1e-5)
    assert labels.tolist() == columns.tolist()


@given(sizes, st.integers(0, 9))
def test_a_mirrored_image_is_the_image_from_right_to_left(size: tuple[int, int], seed: int) -> None:
    image, columns = make_image(*size, seed)
    pixels, labels = apply(draw_it(size, size, seed, flip=1.0), image, columns, size)
    np.testing.assert_allclose(pixels, normalised(image)[:, ::-1], atol=1e-5)
    assert labels.tolist() == columns[:, ::-1].tolist()


def test_at_a_scale_of_one_a_larger_image_is_resized() -> None:
    image, columns = make_image(40, 30)
    pixels, labels = apply(draw_it((40, 30), (20, 15)), image, columns, (20, 15))
    # Halved, each pixel is the mean of four; OpenCV rounds it to a 32nd of a pixel's place and to a whole number.
    assert np.abs(pixels - normalised(resize_image(image, (20, 15)))).max() <= 1.01 / (255 * min(STD))
    assert labels.shape == (15, 20)


@given(
    source=st.tuples(st.integers(30, 90), st.integers(30, 90)),
    size=st.tuples(st.integers(30, 60), st.integers(30, 60)),
    seed=st.integers(0, 2**32),
    translate=st.sampled_from([0.0, 0.2]),
)
def test_image_and_labels_move_together(
    source: tuple[int, int], size: tuple[int, int], seed: int, translate: float
) -> None:
    # A block of one class, and of one colour, on a ground of another.
    width, height = source
    columns = np.zeros((height, width), dtype=np.uint8)
    columns[height // 4 : height * 3 // 4, width // 4 : width // 2] = 1
    image = np.where(columns[..., None] == 1, 255, 0).astype(np.uint8).repeat(3, axis=2)
    drawn = draw_it(source, size, seed, flip=0.5, scale=(0.75, 2.0), translate=translate)
    pixels, labels = apply(drawn, image, columns, size)
    brightness = (pixels * np.array(STD) + MEAN).mean(axis=2)
    # Inside and outside of the block they agree; along its edge, interpolation is between both.
    fx, fy = abs(drawn.place[0, 0]), drawn.place[1, 1]
    y, x = np.mgrid[: size[1], : size[0]]
    sx = (x - drawn.place[0, 2]) / drawn.place[0, 0]
    sy = (y - drawn.place[1, 2]) / drawn.place[1, 1]
    inside = (sx > width // 4 + 1) & (sx < width // 2 - 2) & (sy > height // 4 + 1) & (sy < height * 3 // 4 - 2)
    assert (labels[inside] == 1).all()
    assert (brightness[inside] > 0.95).all()
    near = (sx > width // 4 - 2) & (sx < width // 2 + 1) & (sy > height // 4 - 2) & (sy < height * 3 // 4 + 1)
    within = (sx > 1) & (sx < width - 2) & (sy > 1) & (sy < height - 2)
    assert (labels[within & ~near] == 0).all()
    assert (brightness[within & ~near] < 0.05).all()
    outside = (sx < -1) | (sx > width) | (sy < -1) | (sy > height)
    assert (labels[outside] == VOID).all()
    assert fx == pytest.approx(fy * size[0] * source[1] / source[0] / size[1])


@given(sizes, sizes, st.integers(0, 2**32), st.floats(0.5, 1), st.floats(1, 2))
def test_a_window_never_leaves_a_larger_image_and_a_smaller_image_never_the_window(
    source: tuple[int, int], size: tuple[int, int], seed: int, low: float, high: float
) -> None:
    place = draw_it(source, size, seed, flip=0.5, scale=(low, high)).place
    corners = np.array([[-0.5, -0.5, 1], [source[0] - 0.5, source[1] - 0.5, 1]]) @ place.T + 0.5
    first, last = corners.min(axis=0), corners.max(axis=0)
    factor = (last - first) / size
    assert factor[0] == pytest.approx(factor[1])
    assert low - 1e-9 <= factor[0] <= high + 1e-9
    beyond = np.maximum(0 - first, last - size)
    if factor[0] <= 1:
        assert (beyond <= 1e-6).all()
    else:
        assert (first <= 1e-6).all()
        assert (last >= np.array(size) - 1e-6).all()


def test_scales_are_as_often_below_as_above_their_geometric_mean() -> None:
    factors = [draw_it((8, 8), (8, 8), seed, scale=(0.5, 2.0)).place[1, 1] for seed in range(400)]
    assert 0.5 <= min(factors) < 0.55
    assert 1.8 < max(factors) <= 2
    assert 0.9 < np.median(factors) < 1.1
    mirrored = np.mean([draw_it((8, 8), (8, 8), seed, flip=0.25).place[0, 0] < 0 for seed in range(400)])
    assert 0.18 < mirrored < 0.32


@given(st.integers(0, 2**32), st.floats(0, 1))
def test_chance_is_used_alike_whatever_the_recipe(seed: int, jitter: float) -> None:
    one, other = np.random.default_rng(seed), np.random.default_rng(seed)
    draw(Recipe("erfnet", **PLAIN), (8, 8), (8, 8), one)
    draw(Recipe("erfnet", flip=1.0, scale=(0.5, 2.0), translate=0.5, jitter=jitter), (9, 7), (5, 6), other)
    assert one.random() == other.random()


def test_without_jitter_colours_are_only_normalised() -> None:
    colors = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    drawn = draw_it((5, 6), (5, 6)).color
    found = colors.reshape(-1, 3) @ drawn[:, :3].T + drawn[:, 3]
    np.testing.assert_allclose(found.reshape(6, 5, 3), normalised(colors), atol=1e-5)


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.floats(0, 0.5))
def test_jitter_keeps_grey_nearly_grey_and_colours_within_bounds(seed: int, jitter: float) -> None:
    drawn = draw_it((8, 8), (8, 8), seed, jitter=jitter).color
    grey = np.full(3, 127.5) @ drawn[:, :3].T + drawn[:, 3]
    # The middle of the scale moves by brightness alone.
    moved = grey * np.array(STD) + MEAN
    assert np.ptp(moved) < 1e-5
    assert abs(moved[0] - 0.5) <= 0.5 * jitter + 1e-5
    ends = np.array([[0, 0, 0], [255, 255, 255]]) @ drawn[:, :3].T + drawn[:, 3]
    contrast = (ends[1] - ends[0]) * np.array(STD)
    assert ((1 - jitter) * (1 - jitter / 2) - 1e-5 <= contrast).all()
    assert (contrast <= (1 + jitter) * (1 + jitter / 2) + 1e-5).all()


def test_what_lies_beyond_the_edges_is_void_and_of_the_mean_colour() -> None:
    mean = np.round(np.array(MEAN) * 255).astype(np.uint8)
    image, columns = np.tile(mean, (10, 10, 1)), np.ones((10, 10), dtype=np.uint8)
    pixels, labels = apply(draw_it((10, 10), (20, 20), scale=(0.5, 0.5)), image, columns, (20, 20))
    assert (labels == 1).sum() == 100
    assert (labels == VOID).sum() == 300
    # So that an edge cannot be seen; to half a grey level, as colours are whole numbers.
    assert np.abs(pixels).max() <= 0.51 / (255 * min(STD))
