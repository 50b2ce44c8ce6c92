"""How well a network does on a split, by the official protocol (`iddkit.metrics`)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from iddkit.metrics import Confusion
from iddkit.runs import FrameScore
from iddkit.training.device import CPU, exact
from iddkit.training.pictures import Picture, Pictures
from iddkit.training.recipe import BFLOAT16, FLOAT32
from iddkit.training.transforms import to_tensor

#: Images that are predicted at once: enough to keep a processor busy, few enough for a small memory.
_BATCH = 8


@dataclass(frozen=True)
class Validation:
    """The confusion of all frames, and the scores of each, in their order."""

    confusion: Confusion
    frames: tuple[FrameScore, ...]


def validate(
    network: nn.Module,
    pictures: Pictures,
    names: tuple[str, ...],
    *,
    device: str = CPU,
    precision: str = FLOAT32,
    threads: int = 1,
) -> Validation:
    """Predict every picture and count.

    Parameters
    ----------
    network
        On the device; it is left in the mode that it was in.
    pictures
        Made with ``exact=True``: images and labels at the size of validation.
    names
        Of the C classes.
    device, precision
        Where and how to compute; what is reported is computed in float32, as ``iddkit predict`` does.
    threads
        That read pictures.

    Raises
    ------
    UserError
        A picture cannot be read.
    """
    whole, scores = Confusion.empty(names), []
    was_training = network.training
    network.eval()
    try:
        # Not every device knows autocast, so it is not asked for what is not wanted.
        short = torch.autocast(device, torch.bfloat16) if precision == BFLOAT16 else nullcontext()
        with torch.inference_mode(), exact(), short:
            for places, batch in _batches(pictures, threads):
                images = to_tensor(np.stack([image for image, _ in batch])).to(device)
                predicted = network(images).argmax(dim=1).to(torch.uint8).cpu().numpy()
                for place, (_, truth), columns in zip(places, batch, predicted, strict=True):
                    one = Confusion.of(names, truth, columns)
                    whole += one
                    scores.append(FrameScore(pictures.frames[place].key, one.mean_iou, one.pixel_accuracy))
    finally:
        network.train(was_training)
    return Validation(whole, tuple(scores))


def _batches(pictures: Pictures, threads: int) -> Iterator[tuple[range, list[Picture]]]:
    with ThreadPoolExecutor(threads) as pool:
        for begin in range(0, len(pictures), _BATCH):
            places = range(begin, min(begin + _BATCH, len(pictures)))
            yield places, list(pool.map(pictures.__getitem__, places))
