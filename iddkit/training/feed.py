"""Batches for the network, made by threads while it works on the ones before.

What is in a batch depends on the seed, the epoch and the place of a frame in the split alone: not on threads, nor on
what came before. A training that is resumed in the middle of an epoch is fed what an undisturbed one is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iddkit.errors import OptionError
from iddkit.training import augmentation
from iddkit.training.pictures import Pictures
from iddkit.training.recipe import Recipe

#: Batches that are made ahead of the one that is worked on, at the least; one for each thread.
_AHEAD: Final = 3

# Names of the streams of chance, so that no two of them are the same.
_ORDER, _AUGMENT = 1, 2

#: Networks shrink an image by no more than this.
_STRIDE: Final = 16

Batch = tuple[Tensor, Tensor]


def check_batch(batch_size: int, size: tuple[int, int], ranks: int) -> None:
    """Refuse batches that no step can be made of.

    Raises
    ------
    OptionError
        The devices cannot share them evenly, or they are of one image in which batch normalisation has one value.
    """
    if batch_size % ranks:
        raise OptionError(f"batches of {batch_size} cannot be shared evenly by {ranks} devices; --batch-size")
    if batch_size == ranks and max(size) <= _STRIDE:
        raise OptionError(f"batches of one image of {size[0]}x{size[1]} pixels cannot be normalised; --batch-size")


@dataclass(frozen=True)
class Feed:
    """Where a training's batches come from.

    Attributes
    ----------
    pictures
        Of the training split.
    recipe
        Its batch size, augmentation and seed.
    size
        Width and height that is trained on.
    rank, ranks
        The place of this process among those that train together: each takes its part of every batch.
    """

    pictures: Pictures
    recipe: Recipe
    size: tuple[int, int]
    rank: int = 0
    ranks: int = 1

    @property
    def steps(self) -> int:
        """Batches of an epoch. The last one is filled up from the beginning of the same epoch's order."""
        return -(-len(self.pictures) // self.recipe.batch_size)

    def order(self, epoch: int) -> NDArray[np.intp]:
        """Return the places of the frames in the order of an epoch, in whole batches: intp (steps * batch size,)."""
        chance = np.random.default_rng([self.recipe.seed, _ORDER, epoch])
        places = chance.permutation(len(self.pictures))
        return np.resize(places, self.steps * self.recipe.batch_size)

    def sample(self, epoch: int, place: int, turn: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return the augmented picture of a frame, the `turn`-th of an epoch; see `augmentation.apply`."""
        image, columns = self.pictures[place]
        chance = np.random.default_rng([self.recipe.seed, _AUGMENT, epoch, turn])
        drawn = augmentation.draw(self.recipe, (image.shape[1], image.shape[0]), self.size, chance)
        return augmentation.apply(drawn, image, columns, self.size)

    def batch(self, epoch: int, step: int, order: NDArray[np.intp]) -> Batch:
        """Return images float32 (N, 3, h, w) in memory channels last, and columns int64 (N, h, w), of one step."""
        turns = range(step * self.recipe.batch_size, (step + 1) * self.recipe.batch_size)[self.rank :: self.ranks]
        samples = [self.sample(epoch, int(order[turn]), turn) for turn in turns]
        pixels = torch.from_numpy(np.stack([pixels for pixels, _ in samples])).permute(0, 3, 1, 2)
        return pixels, torch.from_numpy(np.stack([columns for _, columns in samples]).astype(np.int64))

    @contextmanager
    def epoch(self, number: int, begin: int, threads: int) -> Iterator[Iterator[Batch]]:
        """Give the batches of an epoch from step `begin` on, in order, made by `threads` ahead of time.

        Raises
        ------
        UserError
            While they are taken: a file cannot be read.
        """
        order = self.order(number)
        with ThreadPoolExecutor(threads, thread_name_prefix="iddkit-feed") as pool:
            waiting: deque[Future[Batch]] = deque()

            def batches() -> Iterator[Batch]:
                for step in range(begin, self.steps):
                    while len(waiting) <= max(_AHEAD, threads) and step + len(waiting) < self.steps:
                        waiting.append(pool.submit(self.batch, number, step + len(waiting), order))
                    yield waiting.popleft().result()

            try:
                yield batches()
            finally:
                for future in waiting:
                    future.cancel()
