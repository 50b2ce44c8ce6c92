"""A dataset that a network can learn within seconds: coloured regions, in the layout of IDD-lite."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from iddkit import images
from iddkit.labels import VOID
from iddkit.training.dataset import LabelledData, open_dataset
from iddkit.training.recipe import Recipe

#: Width and height of an image.
SIZE = (64, 48)

#: Colour of each class of IDD's level1.
COLORS = np.array(
    [(128, 64, 128), (244, 35, 232), (220, 20, 60), (0, 0, 142), (190, 153, 60), (40, 110, 40), (130, 200, 250)],
    dtype=np.uint8,
)


def make_frame(number: int, size: tuple[int, int] = SIZE) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return an image, uint8 (H, W, 3), and its labels, uint8 (H, W): a street of rectangles, its left edge void."""
    width, height = size
    dice = np.random.default_rng([71, number])
    labels = np.zeros((height, width), dtype=np.uint8)
    horizon = int(height * dice.uniform(0.4, 0.6))
    labels[:horizon] = 5
    labels[: horizon // 2] = 6
    labels[horizon:, int(width * dice.uniform(0.6, 0.8)) :] = 1
    for label in (2, 3, 4):
        x, y = int(dice.integers(0, max(1, width * 3 // 4))), int(dice.integers(0, max(1, height * 2 // 3)))
        labels[y : y + max(1, height // 3), x : x + max(1, width // 4)] = label
    image = COLORS[labels].astype(np.int16) + dice.integers(-12, 13, (height, width, 3))
    labels[:, : width // 16] = VOID
    return image.clip(0, 255).astype(np.uint8), labels


def image_path(root: Path, split: str, sequence: str, name: str, ending: str = ".jpg") -> Path:
    """Return where an image lies."""
    return root / "leftImg8bit" / split / sequence / f"{name}_image{ending}"


def label_path(root: Path, split: str, sequence: str, name: str) -> Path:
    """Return where its labels lie."""
    return root / "gtFine" / split / sequence / f"{name}_label.png"


def write_frame(
    root: Path,
    split: str,
    sequence: str,
    name: str,
    image: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    *,
    ending: str = ".jpg",
) -> None:
    """Write a frame."""
    path, beside = image_path(root, split, sequence, name, ending), label_path(root, split, sequence, name)
    for folder in (path.parent, beside.parent):
        folder.mkdir(parents=True, exist_ok=True)
    if ending == ".png":
        path.write_bytes(images.encode_png(image))
    else:
        encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
        path.write_bytes(encoded.tobytes())
    beside.write_bytes(images.encode_png(labels))


def write_small_dataset(
    root: Path,
    *,
    train: int = 8,
    val: int = 3,
    sizes: Sequence[tuple[int, int]] = (SIZE,),
    splits: tuple[str, str] = ("train", "val"),
    ending: str = ".jpg",
) -> Path:
    """Write frames of two splits, two to a sequence, in `sizes` by turns; return `root`."""
    number = 0
    for split, frames in zip(splits, (train, val), strict=True):
        for _ in range(frames):
            image, labels = make_frame(number, sizes[number % len(sizes)])
            write_frame(root, split, str(number // 2), f"frame{number:04d}", image, labels, ending=ending)
            number += 1
    return root


def open_small(root: Path, size: tuple[int, int] = (32, 24), **settings: object) -> LabelledData:
    """Look through a dataset, to validate at a small size."""
    return open_dataset(root, size=size, **settings)  # type: ignore[arg-type]


def make_recipe(model: str = "erfnet", **settings: object) -> Recipe:
    """Return a recipe that learns a small dataset fast, the same everywhere."""
    usual: dict[str, object] = {
        "epochs": 2,
        "batch_size": 4,
        "optimizer": "adamw",
        "learning_rate": 2e-3,
        "schedule": "constant",
        "scale": (0.8, 1.25),
        "jitter": 0.2,
        "precision": "float32",
    }
    return Recipe(model, **{**usual, **settings})  # type: ignore[arg-type]
