from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="torch is not installed")

from iddkit.errors import ImageError, OptionError  # noqa: E402
from iddkit.labels import VOID  # noqa: E402
from iddkit.training.feed import Feed, check_batch  # noqa: E402
from tests.training_data import make_frame, make_recipe  # noqa: E402

SIZE = (32, 24)


class Shelf:
    """Stands for `Pictures`: some frames, of which some cannot be read."""

    def __init__(self, count: int, damaged: int | None = None) -> None:
        self.count, self.damaged = count, damaged
        self.asked: list[int] = []

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, place: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        self.asked.append(place)
        if place == self.damaged:
            raise ImageError("no image that can be read", path="x.jpg")
        image, labels = make_frame(place, (40, 30))
        return image, labels


def make_feed(count: int, batch_size: int = 4, damaged: int | None = None, **more: Any) -> Feed:
    recipe = make_recipe(batch_size=batch_size, seed=more.pop("seed", 0))
    shelf: Any = Shelf(count, damaged)
    return Feed(shelf, recipe, SIZE, **more)


def batches_of(feed: Feed, epoch: int = 0, begin: int = 0, threads: int = 2) -> list[Any]:
    with feed.epoch(epoch, begin, threads) as batches:
        return [*batches]


def equal(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(
        torch.equal(x, y) for a, b in zip(one, other, strict=True) for x, y in zip(a, b, strict=True)
    )


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 5), st.integers(0, 2**32 - 1))
def test_an_epoch_takes_every_frame_once_and_fills_its_last_batch_with_the_first_of_them(
    count: int, batch_size: int, epoch: int, seed: int
) -> None:
    feed = make_feed(count, batch_size, seed=seed)
    order = feed.order(epoch)
    assert len(order) == feed.steps * batch_size < count + batch_size
    assert sorted(order[:count]) == [*range(count)]
    assert [*order[count:]] == [order[i % count] for i in range(count, len(order))]
    assert [*order] == [*feed.order(epoch)]


def test_each_epoch_and_each_seed_has_an_order_of_its_own() -> None:
    orders = {tuple(make_feed(12, seed=seed).order(epoch)) for seed in range(4) for epoch in range(4)}
    assert len(orders) == 16


def test_batches_are_what_a_network_takes() -> None:
    pixels, columns = batches_of(make_feed(5))[0]
    assert (pixels.shape, pixels.dtype) == ((4, 3, 24, 32), torch.float32)
    assert pixels.is_contiguous(memory_format=torch.channels_last)
    assert (columns.shape, columns.dtype) == ((4, 24, 32), torch.int64)
    assert set(columns.unique().tolist()) <= {*range(7), VOID}


def test_batches_do_not_depend_on_threads_nor_on_where_an_epoch_is_begun() -> None:
    feed = make_feed(14)
    whole = batches_of(feed, 3, threads=1)
    assert len(whole) == feed.steps == 4
    assert equal(whole, batches_of(feed, 3, threads=5))
    for begin in range(5):
        assert equal(whole[begin:], batches_of(feed, 3, begin))


def test_a_frame_is_another_picture_in_each_epoch_and_each_time_it_fills_a_batch() -> None:
    feed = make_feed(1, 3)
    pictures = [picture for epoch in (0, 1) for picture in batches_of(feed, epoch)[0][0]]
    assert len({picture.numpy().tobytes() for picture in pictures}) == 6


@settings(max_examples=10)
@given(st.integers(1, 9), st.sampled_from([(2, 2), (6, 2), (6, 3)]))
def test_devices_share_a_batch_without_overlap(count: int, sharing: tuple[int, int]) -> None:
    batch_size, ranks = sharing
    whole = batches_of(make_feed(count, batch_size), 1)
    shares = [batches_of(make_feed(count, batch_size, rank=rank, ranks=ranks), 1) for rank in range(ranks)]
    for step, (pixels, columns) in enumerate(whole):
        for rank, share in enumerate(shares):
            assert torch.equal(share[step][0], pixels[rank::ranks])
            assert torch.equal(share[step][1], columns[rank::ranks])


def test_an_epoch_that_is_left_early_is_not_read_to_its_end() -> None:
    feed = make_feed(400)
    with feed.epoch(0, 0, 2) as batches:
        next(batches)
    shelf: Any = feed.pictures
    assert len(shelf.asked) <= 4 * 4


def test_a_picture_that_cannot_be_read_is_told_by_its_path() -> None:
    with pytest.raises(ImageError, match=r"x\.jpg: no image that can be read"):
        batches_of(make_feed(8, damaged=5))


@pytest.mark.parametrize(("batch_size", "size", "ranks"), [(3, SIZE, 2), (1, SIZE, 2), (1, (16, 9), 1), (2, (8, 8), 2)])
def test_batches_of_which_no_step_can_be_made_are_refused(batch_size: int, size: tuple[int, int], ranks: int) -> None:
    with pytest.raises(OptionError, match="--batch-size"):
        check_batch(batch_size, size, ranks)
    check_batch(2 * ranks, size, ranks)


def test_the_feed_ends_its_threads(tmp_path: Path) -> None:
    import threading

    with make_feed(40).epoch(0, 0, 3) as batches:
        next(batches)
        assert any(thread.name.startswith("iddkit-feed") for thread in threading.enumerate())
    assert not any(thread.name.startswith("iddkit-feed") for thread in threading.enumerate())
