"""Grey tiles that repeat without a seam, and the colours they are turned into.

A pattern is drawn once per process, a street gives it its colours: two streets differ, and no label is one flat colour.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from iddkit.synthetic.dice import lattice
from iddkit.synthetic.solids import Color

#: Side of a tile in pixels.
TILE = 512

_NAMES = ("grain", "asphalt", "soil", "paving", "leaves", "plaster", "cloud")


@lru_cache(maxsize=16)
def tile(name: str) -> NDArray[np.uint8]:
    """Return a pattern, uint8 (1024, 1024), mean 128: four times the same tile, so that any cut of 512 fits.

    `name` is grain, asphalt, soil, paving, leaves, plaster or cloud.
    """
    key = 1000 * (1 + _NAMES.index(name))
    if name == "grain":
        pattern = _octaves(key, ((256, 0.6), (512, 0.8)))
    elif name == "asphalt":
        pattern = _octaves(key, ((4, 0.7), (16, 0.5), (128, 0.5), (256, 0.5), (512, 0.5)))
    elif name == "soil":
        pattern = _octaves(key, ((8, 0.8), (24, 0.8), (64, 0.9), (160, 0.8), (512, 0.5)))
        pattern += 0.8 * np.maximum(0.0, _octaves(key + 50, ((48, 1.0), (128, 0.7))) - 0.9)
    elif name == "paving":
        pattern = 0.4 * _octaves(key, ((16, 0.5), (256, 0.6))) + _slabs(key)
    elif name == "leaves":
        pattern = _octaves(key, ((8, 0.7), (32, 1.0), (80, 1.0), (170, 0.8)))
        pattern = np.sign(pattern) * np.sqrt(np.abs(pattern))
    elif name == "plaster":
        pattern = _octaves(key, ((6, 0.8), (20, 0.5), (90, 0.3), (256, 0.3)))
    else:
        pattern = _octaves(key, ((4, 1.0), (8, 0.6), (16, 0.4), (32, 0.25), (64, 0.15)))
    pattern = pattern - pattern.mean()
    grey = np.clip(128.0 + 44.0 * pattern / pattern.std(), 0.0, 255.0).astype(np.uint8)
    return np.tile(grey, (2, 2))


def _octaves(key: int, octaves: tuple[tuple[int, float], ...]) -> NDArray[np.float32]:
    import cv2

    total = np.zeros((TILE, TILE), dtype=np.float32)
    for count, weight in octaves:
        heights = 2.0 * lattice(key + count, np.arange(count * count)).reshape(count, count) - 1.0
        wrapped = np.pad(heights, 2, mode="wrap").astype(np.float32)
        zoom = TILE / count
        large = cv2.resize(wrapped, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_LINEAR)
        start = int(2 * zoom)
        total += weight * large[start : start + TILE, start : start + TILE]
    return total


def _slabs(key: int) -> NDArray[np.float32]:
    pattern = np.zeros((TILE, TILE), dtype=np.float32)
    tones = lattice(key + 7, np.arange(256)).reshape(16, 16)
    for row in range(16):
        for column in range(16):
            pattern[32 * row : 32 * row + 32, 32 * column : 32 * column + 32] = tones[row, column] - 0.5
    pattern[::32] -= 1.2
    pattern[1::32] -= 0.8
    pattern[:, ::32] -= 1.2
    pattern[:, 1::32] -= 0.8
    return pattern


def cut(name: str, key: int, size: tuple[int, int], zoom: float) -> NDArray[np.uint8]:
    """Return a piece of a pattern, uint8 `size` (height, width), its pixels magnified by `zoom`."""
    import cv2

    height, width = size
    zoom = max(zoom, height / TILE, width / TILE)
    rows, columns = max(1, min(TILE, round(height / zoom))), max(1, min(TILE, round(width / zoom)))
    y, x = key % TILE, (key // TILE) % TILE
    piece = tile(name)[y : y + rows, x : x + columns]
    if (rows, columns) == size:
        return piece
    zoomed: NDArray[np.uint8] = np.asarray(cv2.resize(piece, (width, height)), dtype=np.uint8)
    return zoomed


def ramp(dark: Color, middle: Color, bright: Color) -> NDArray[np.uint8]:
    """Return the colours of the grey values, uint8 (256, 1, 3): dark at 40, `middle` at 128, `bright` at 216."""
    stops = np.array((0.0, 40.0, 128.0, 216.0, 255.0))
    colors = np.array((dark, dark, middle, bright, bright))
    channels = [np.interp(np.arange(256.0), stops, colors[:, k]) for k in range(3)]
    table: NDArray[np.uint8] = np.clip(np.stack(channels, axis=1), 0.0, 255.0).astype(np.uint8)[:, None, :]
    return table
