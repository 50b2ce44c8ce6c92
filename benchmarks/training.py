"""Measure `iddkit benchmark`'s training loop beside the usual way of feeding a network.

Usage: python benchmarks/training.py [DATASET] [--steps 40] [--runs 5] [--threads 2]

Both train ERFNet, the same network with the same weights, on the same frames, 128x256, in batches of 8, with Adam. The
peer feeds as the public training code of ERFNet does (Eromera/erfnet_pytorch, train/main.py): a `DataLoader` with
worker processes, of which each opens an image and a label image with Pillow, resizes, mirrors and moves them by two
pixels at most, and makes tensors; float32, memory as PyTorch has it, and the loss is read after every step. It is
written anew here, since that code needs a PyTorch of 2017.

Three things are measured against it, in turn: iddkit as it comes (`auto`: bfloat16 where the processor computes in
it), iddkit in float32, and feeding alone, without a network. Augmentation of iddkit is on: flip, scale, translation and
colours. Images per second of wall time, since workers and threads share the processor; the median of the ratios of
pairs that ran one after the other. Without a DATASET 200 synthetic frames of 320x227 are made.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from iddkit import models
from iddkit.training.dataset import LabelledData, open_dataset
from iddkit.training.device import start
from iddkit.training.loop import Training
from iddkit.training.recipe import Recipe, recipe_of

SIZE, BATCH = (256, 128), 8


class PillowFrames(Dataset[tuple[Tensor, Tensor]]):
    """Frames as the public code makes them: opened, resized, mirrored and moved with Pillow, each time anew."""

    def __init__(self, data: LabelledData) -> None:
        root = data.index.root
        self.paths = [(root / frame.image, root / frame.labels) for frame in data.train if frame.image and frame.labels]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, place: int) -> tuple[Tensor, Tensor]:
        image_path, label_path = self.paths[place]
        with Image.open(image_path) as file:
            image = file.convert("RGB").resize(SIZE, Image.Resampling.BILINEAR)
        with Image.open(label_path) as file:
            labels = file.convert("P").resize(SIZE, Image.Resampling.NEAREST)
        if random.random() < 0.5:
            image, labels = (one.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for one in (image, labels))
        right, down = random.randint(0, 2), random.randint(0, 2)
        image = ImageOps.expand(image, border=(right, down, 0, 0), fill=0).crop((0, 0, *SIZE))
        labels = ImageOps.expand(labels, border=(right, down, 0, 0), fill=255).crop((0, 0, *SIZE))
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().float().div(255)
        return pixels, torch.from_numpy(np.array(labels)).long()


def peer_batches(data: LabelledData, workers: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Give batches for ever, as a `DataLoader` with worker processes makes them."""
    loader = DataLoader(PillowFrames(data), batch_size=BATCH, shuffle=True, drop_last=True, num_workers=workers)
    while True:
        yield from loader


def time_peer(data: LabelledData, steps: int, threads: int, learns: bool = True) -> float:
    """Return images per second of the usual loop, after its first batch."""
    torch.manual_seed(0)
    network = models.build("erfnet", len(data.classes)).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-4, weight_decay=1e-4)
    loss_of = torch.nn.CrossEntropyLoss(torch.ones(len(data.classes)), ignore_index=255)
    batches = peer_batches(data, threads)
    began = 0.0
    for step in range(steps + 2):
        images, labels = next(batches)
        if step == 2:
            began = time.perf_counter()
        if not learns:
            continue
        labels[labels >= len(data.classes)] = 255
        optimizer.zero_grad()
        loss = loss_of(network(images), labels)
        loss.backward()
        optimizer.step()
        float(loss.detach())
    return steps * BATCH / (time.perf_counter() - began)


def our_training(data: LabelledData, recipe: Recipe, folder: Path, threads: int) -> Training:
    """Return iddkit's training, ready to begin."""
    return Training(data, recipe, folder, start("cpu", 1, recipe.precision), None, threads, {}, None)


def our_batches(training: Training) -> Generator[tuple[Tensor, Tensor]]:
    """Give batches for ever, as iddkit makes them."""
    for epoch in count():
        with training.feed.epoch(epoch, 0, training.threads) as batches:
            yield from batches


def time_ours(data: LabelledData, recipe: Recipe, steps: int, threads: int, learns: bool = True) -> float:
    """Return images per second of iddkit's loop, after its first batches."""
    began = 0.0
    with tempfile.TemporaryDirectory() as folder:
        training = our_training(data, recipe, Path(folder), threads)
        with closing(our_batches(training)) as batches:
            for step, (images, columns) in enumerate(islice(batches, steps + 2)):
                if step == 2:
                    began = time.perf_counter()
                if learns:
                    training.step(images, columns)
        return steps * BATCH / (time.perf_counter() - began)


def compare(title: str, peer: Callable[[], float], ours: Callable[[], float], runs: int) -> dict[str, Any]:
    """Measure in turn, print images per second of both and the median ratio, and return the figures."""
    pairs = [(peer(), ours()) for _ in range(runs)]
    ratios = sorted(b / a for a, b in pairs)
    medians = [statistics.median(pair[i] for pair in pairs) for i in (0, 1)]
    shown = f"{medians[0]:>10.1f}{medians[1]:>10.1f}{statistics.median(ratios):>8.2f}"
    print(f"{title:<44}{shown} ({ratios[0]:.2f}-{ratios[-1]:.2f})", flush=True)
    return {"title": title, "images_per_second": pairs, "median_ratio": statistics.median(ratios)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, nargs="?", help="IDD-lite, say [synthetic frames]")
    parser.add_argument("--steps", type=int, default=40, help="steps that are measured [40]")
    parser.add_argument("--runs", type=int, default=5, help="pairs [5]")
    parser.add_argument("--threads", type=int, default=2, help="workers of both, and threads of PyTorch [2]")
    parser.add_argument("--json", type=Path, help="write all figures to this file as well")
    arguments = parser.parse_args()
    steps, runs, threads = arguments.steps, arguments.runs, arguments.threads
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory(prefix="iddkit-benchmark-") as name:
        dataset = arguments.dataset or write_source(Path(name))
        data = open_dataset(dataset, size=SIZE)
        recipe = recipe_of("erfnet", batch_size=BATCH, size=SIZE)
        plain = recipe_of("erfnet", batch_size=BATCH, size=SIZE, precision="float32")
        print(f"{'images per second':<44}{'peer':>10}{'iddkit':>10}{'ratio':>8}")
        report = [
            compare(
                "training, as it comes",
                lambda: time_peer(data, steps, threads),
                lambda: time_ours(data, recipe, steps, threads),
                runs,
            ),
            compare(
                "training, float32",
                lambda: time_peer(data, steps, threads),
                lambda: time_ours(data, plain, steps, threads),
                runs,
            ),
            compare(
                "feeding alone",
                lambda: time_peer(data, 5 * steps, threads, learns=False),
                lambda: time_ours(data, recipe, 5 * steps, threads, learns=False),
                runs,
            ),
        ]
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


def write_source(folder: Path) -> Path:
    """Write synthetic frames as IDD-lite's, with its size, and return their folder."""
    from fractions import Fraction

    from iddkit import demo, labels
    from iddkit.derivation import derive
    from iddkit.subset import SubsetPlan

    demo.write_dataset(folder / "source", drives=25, frames=10, size=(640, 454))
    plan = SubsetPlan(factor=Fraction(1), size=(320, 227), level="level1", label_map=labels.load("idd"))
    derive(folder / "source", folder / "lite", plan, report=False)
    return folder / "lite"


if __name__ == "__main__":
    main()
