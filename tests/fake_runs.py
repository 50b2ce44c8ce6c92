"""Runs that nobody trained: plausible numbers, the same every time."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from iddkit import labels
from iddkit.metrics import Confusion
from iddkit.runs import Epoch, FrameScore, LayerTime, Leakage, NearDuplicate, Run, Speed, SplitFacts
from iddkit.statistics.columns import classes

_KINDS = ("Downsampler", "NonBottleneck1D", "NonBottleneck1D", "Upsampler")


def make_run(
    name: str = "erfnet",
    *,
    model: str = "",
    level: str = "level1",
    skill: float = 0.6,
    epochs: int = 12,
    frames: int = 20,
    layers: int = 9,
    minutes: float = 15.0,
    seed: int = 0,
    **more: Any,
) -> Run:
    """Return a run on a dataset of IDD's labels at a level; `skill` is about its mean IoU."""
    dice = np.random.default_rng(seed)
    found = classes(labels.load("idd"), level)
    names, colors = tuple(one.name for one in found), tuple(one.color for one in found)
    size = len(names)
    shares = np.array([0.5 ** (i % 8) for i in range(size)])
    pixels = np.round(6_000_000 * shares / shares.sum()).astype(int)
    counts = np.zeros((size, size + 1), dtype=np.int64)
    for i in range(size):
        right = min(0.97, max(0.05, skill + 0.25 * shares[i] + 0.1 * float(dice.standard_normal())))
        wrong = dice.random(size) * shares
        wrong[i] = 0
        if wrong.sum() > 0:
            counts[i, :size] = np.floor(pixels[i] * (1 - right) * wrong / wrong.sum())
        counts[i, i] = pixels[i] - counts[i].sum()
    # The last epoch of the log has about the score of the matrix.
    skill = Confusion(names, counts).mean_iou
    log = tuple(
        Epoch(
            k,
            "encoder" if k <= epochs // 3 else "whole",
            1403 * k,
            60 * minutes * k / epochs,
            5e-4 * (1 - (k - 1) / epochs) ** 0.9,
            1.0,
            1.9 * math.exp(-3 * k / epochs) + 0.3 + 0.02 * float(dice.standard_normal()),
            skill * (1 - math.exp(-5 * k / epochs)) + 0.01 * float(dice.standard_normal()),
            0.9 * (1 - math.exp(-7 * k / epochs)),
        )
        for k in range(1, epochs + 1)
    )
    best = max(log, key=lambda one: one.mean_iou or 0).number if log else 0
    scores = np.clip(skill + 0.12 * dice.standard_normal(frames), 0.05, 0.98)
    timed = tuple(
        LayerTime(
            f"encoder.layers.{i}",
            _KINDS[i % len(_KINDS)],
            (16 * (1 + i), 128 >> (i // 4), 256 >> (i // 4)),
            float(0.3 + dice.random()),
            1000 * (i + 1),
            10_000_000 * (1 + i % 4),
        )
        for i in range(layers)
    )
    run = Run(
        name=name,
        model=model or name,
        parameters=2_063_411,
        gmacs=1.65648,
        peak_bytes=1_700_000_000,
        dataset="idd_lite",
        label_map="idd",
        level=level,
        labels=names,
        colors=colors,
        size=(256, 128),
        train=SplitFacts("train", 1403, 115, tuple(int(7 * one) for one in pixels)),
        val=SplitFacts("val", frames, 20, tuple(int(one) for one in pixels)),
        fingerprint=f"{level} {frames}",
        recipe={
            "model": model or name,
            "optimizer": {"name": "adam", "learning_rate": 5e-4, "weight_decay": 2e-4},
            "schedule": {"name": "poly", "power": 0.9, "warm_up": 0},
            "augment": {"flip": True, "scale": [0.5, 2.0], "crop": None},
        },
        seed=seed,
        device="AMD EPYC, 2 cores",
        precision="float32",
        devices=1,
        epochs=log,
        best_epoch=best,
        finished="budget",
        counts=tuple(tuple(row) for row in counts.tolist()),
        frames=tuple(FrameScore(f"val/{i % 20}/{i:04d}", s, 0.8 + s / 6) for i, s in enumerate(scores.tolist())),
        speed=Speed("AMD EPYC", 2, "float32", (256, 128), 29.4, 28.1, 33.8, 210_000_000, timed),
        prior=tuple(float(one) for one in 0.5 * shares / shares.sum()),
        leakage=Leakage((), 0, (NearDuplicate("train/3/0007", "val/9/0001", 3.4),), 0),
        conversion=None,
        versions={"iddkit": "0.5.0", "torch": "2.13.0", "python": "3.11.9"},
        command=f"iddkit benchmark {name} idd_lite --budget-minutes {minutes:g}",
    )
    return replace(run, **more)


def several() -> tuple[Run, ...]:
    """Return three networks on the same frames."""
    return (
        make_run("erfnet", skill=0.62, seed=1),
        make_run("drn", skill=0.5, seed=2, parameters=15_884_343, gmacs=8.5146, minutes=22),
        make_run("essnet-dg2", skill=0.55, seed=3, parameters=262_643, gmacs=0.227533, epochs=18, conversion=2.3e-7),
    )
