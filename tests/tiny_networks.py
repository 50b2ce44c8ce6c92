"""Checkpoints of networks that nobody trained, for what is done with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from iddkit import labels

#: Width and height: odd, and no multiple of what networks take.
SIZE = (45, 29)


def save_checkpoint(
    path: Path, *, model: str = "essnet-dg8", level: str = "level1", seed: int = 0, **more: Any
) -> Path:
    """Write a checkpoint with weights by a seed."""
    import torch

    from iddkit import models
    from iddkit.training.checkpoint import Checkpoint, Classes

    classes = more.pop("classes", None) or Classes.of(labels.load("idd"), level)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = models.build(model, len(classes))
    weights = more.pop("weights", None) or network.state_dict()
    given: dict[str, Any] = {
        "size": SIZE,
        "epoch": 3,
        "mean_iou": 0.5,
        "recipe": {},
        "versions": {},
        "state": {},
    } | more
    Checkpoint(model=model, classes=classes, weights=weights, **given).save(path)
    return path


def photograph(seed: int, width: int = 64, height: int = 40) -> NDArray[np.uint8]:
    """Return smooth noise: uint8 (height, width, 3)."""
    small = np.random.default_rng(seed).integers(0, 256, (5, 8, 3)).astype(np.uint8)
    return np.array(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


def write_photographs(root: Path, names: list[str], width: int = 64, height: int = 40) -> Path:
    """Write photographs at paths relative to `root`, each another one, and return `root`."""
    for seed, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photograph(seed, width, height)).save(path)
    return root
