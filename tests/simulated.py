"""Drives of simulated label counts, in whole numbers, so that they are the same on every machine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from iddkit.statistics.table import CELL_UNIT, CELLS, COLORS
from iddkit.subset import Candidates

WIDTH, HEIGHT = 320, 180


def simulate(sizes: list[int], labels: int = 7, seed: int = 0, *, void: bool = True) -> Candidates:
    """Return the frames of drives of these sizes: each with a character of its own, that changes along the drive."""
    bits = np.random.PCG64(np.random.SeedSequence([seed, labels]))
    frames = sum(sizes)

    def numbers(count: int, limit: int) -> NDArray[np.int64]:
        return (bits.random_raw(count) % np.uint64(limit)).astype(np.int64)

    sequence = np.repeat(np.arange(len(sizes)), sizes)
    # Label l is half as frequent as label l - 1, and so often not there at all.
    frequency = 2 ** (20 - np.minimum(np.arange(labels), 12))
    character = 1 + numbers(len(sizes) * labels, 8).reshape(len(sizes), labels)
    weights = character[sequence] * (1 + numbers(frames * labels, 16).reshape(frames, labels)) * frequency
    weights[numbers(frames * labels, 16).reshape(frames, labels) < np.arange(labels)] = 0
    weights[:, 0] += 1
    parts = np.concatenate([weights, np.full((frames, 1), 2**16 if void else 0)], axis=1)
    pixels = parts * (WIDTH * HEIGHT) // parts.sum(axis=1, keepdims=True)
    pixels[:, 0] += WIDTH * HEIGHT - pixels.sum(axis=1)
    cells = weights[:, None, :] * (1 + numbers(frames * CELLS**2 * labels, 8).reshape(frames, CELLS**2, labels))
    layout = cells * CELL_UNIT // np.maximum(1, cells.sum(axis=2, keepdims=True))
    colors = numbers(len(sizes) * len(COLORS), 30000).reshape(-1, len(COLORS))[sequence]
    colors = colors + numbers(frames * len(COLORS), 9000).reshape(frames, len(COLORS))
    return Candidates(sequence, pixels.astype(np.int32), layout.astype(np.uint16), colors.astype(np.int32))
