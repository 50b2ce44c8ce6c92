"""What a subset is chosen by, simulated: frames of drives with a character of their own, in any number.

Drives differ from each other, change slowly along their way, and vary from frame to frame. IDD's frames of
1920 x 1080 pixels and those of 1280 x 720 are alike here: outputs of both are 320 x 180. Some labels are in nearly
every frame, some in a few drives only, one in two frames of a thousand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from iddkit.statistics.table import CELL_UNIT, CELLS, COLOR_UNIT
from iddkit.subset import Candidates

#: Pixels of a cell of the layout: a sixteenth of 320 x 180.
CELL_PIXELS = 80 * 45

#: Simulated in blocks of about so many frames.
BLOCK = 8192


@dataclass(frozen=True)
class Kind:
    """A label: its usual part of a frame that holds it, and how many frames do.

    Attributes
    ----------
    share, presence
        Usual part of the pixels; part of all frames that hold it.
    sequence
        How much of the chance to hold it lies with the drive, 0-1.
    row, height
        Where in the frame it is, 0 at the top to 1, and how far it spreads.
    """

    share: float
    presence: float
    sequence: float
    row: float
    height: float


KINDS = {
    "road": Kind(0.30, 0.9995, 0.3, 0.90, 0.25),
    "drivable fallback": Kind(0.05, 0.45, 0.5, 0.80, 0.20),
    "sidewalk": Kind(0.03, 0.30, 0.7, 0.72, 0.15),
    "non-drivable fallback": Kind(0.05, 0.60, 0.5, 0.72, 0.20),
    "person": Kind(0.005, 0.65, 0.4, 0.58, 0.12),
    "animal": Kind(0.004, 0.03, 0.6, 0.65, 0.12),
    "rider": Kind(0.006, 0.60, 0.4, 0.58, 0.12),
    "two-wheeler": Kind(0.010, 0.65, 0.4, 0.65, 0.12),
    "autorickshaw": Kind(0.012, 0.35, 0.5, 0.58, 0.14),
    "car": Kind(0.035, 0.80, 0.4, 0.60, 0.14),
    "truck or bus": Kind(0.030, 0.45, 0.5, 0.50, 0.18),
    "wall": Kind(0.020, 0.50, 0.5, 0.58, 0.12),
    "traffic light": Kind(0.0006, 0.012, 0.8, 0.25, 0.12),
    "pole": Kind(0.006, 0.93, 0.3, 0.40, 0.25),
    "building": Kind(0.09, 0.85, 0.5, 0.38, 0.20),
    "tunnel": Kind(0.10, 0.002, 0.95, 0.30, 0.25),
    "vegetation": Kind(0.20, 0.97, 0.4, 0.40, 0.20),
    "sky": Kind(0.20, 0.98, 0.4, 0.05, 0.25),
}

_WAVES = 2


def simulate(frames: int, sequences: int, seed: int = 0) -> Candidates:
    """Return `frames` frames of so many drives, each of at least one; equal arguments give equal frames."""
    generator = np.random.default_rng(seed)
    weights = generator.lognormal(0.0, 0.6, sequences)
    ends = np.arange(1, sequences + 1) + np.floor(np.cumsum(weights) / weights.sum() * (frames - sequences) + 0.5)
    starts = np.concatenate([[0], ends.astype(np.intp)])
    made = Candidates(
        np.repeat(np.arange(sequences, dtype=np.intp), np.diff(starts)),
        np.zeros((frames, len(KINDS) + 1), np.int32),
        np.zeros((frames, CELLS * CELLS, len(KINDS)), np.uint16),
        np.zeros((frames, 5), np.int32),
    )
    for first, last in _blocks(starts):
        _simulate_drives(made.rows(int(starts[first]), int(starts[last])), starts[first : last + 1], generator)
    return made


def _blocks(starts: NDArray[np.intp]) -> Iterator[tuple[int, int]]:
    first = 0
    while first < len(starts) - 1:
        last = max(first + 1, int(np.searchsorted(starts, starts[first] + BLOCK, side="right")) - 1)
        yield first, last
        first = last


def _simulate_drives(part: Candidates, starts: NDArray[np.intp], generator: np.random.Generator) -> None:
    """Fill the arrays of some drives, whose first rows are `starts`."""
    drives, labels = len(starts) - 1, len(KINDS)
    drive = np.repeat(np.arange(drives), np.diff(starts))
    way = (np.arange(len(part)) + starts[0] - starts[drive]) / np.diff(starts)[drive]  # 0 at a drive's first frame to 1
    kinds = list(KINDS.values())
    # Two standard normal variables for each label, presence and share, and some for the scene as a whole.
    latent = _varying(drive, way, np.array([k.sequence for k in kinds] + [0.5] * labels + [0.6] * 8), generator)
    bounds = np.array([NormalDist().inv_cdf(1 - k.presence) for k in kinds])
    present = latent[:, :labels] > bounds
    present[~present.any(axis=1), 0] = True
    logarithms = np.log([k.share for k in kinds]) + 0.8 * latent[:, labels : 2 * labels]
    shares = np.where(present, np.exp(logarithms), 0).astype(np.float32)
    scene = latent[:, 2 * labels :]
    void = 0.004 + 0.006 * np.abs(scene[:, 0])
    shares *= ((1 - void) / shares.sum(axis=1))[:, None]
    cells = _place(shares, scene[:, 1], scene[:, 2], _varying(drive, way, np.full(labels, 0.5), generator))
    cells *= (1 - void)[:, None, None]
    counts = (cells * CELL_PIXELS + generator.random(cells.shape, dtype=np.float32)).astype(np.int32)
    counts[..., 0] -= np.maximum(counts.sum(axis=2) - CELL_PIXELS, 0)  # rounding seldom gives a pixel too much
    part.pixels[:, :-1] = counts.sum(axis=1)
    part.pixels[:, -1] = CELL_PIXELS * CELLS * CELLS - part.pixels[:, :-1].sum(axis=1)
    assert part.layout is not None
    assert part.colors is not None
    part.layout[:] = (counts * CELL_UNIT + CELL_PIXELS // 2) // CELL_PIXELS
    names = list(KINDS)
    sky, green = (shares[:, names.index(name)] for name in ("sky", "vegetation"))
    colors = np.stack(
        [
            105 + 60 * sky + 22 * scene[:, 3],
            52 + 25 * sky + 8 * scene[:, 4],
            14 + 12 * green + 3 * scene[:, 5],
            -3 - 8 * green + 2 * scene[:, 6],
            4 - 10 * sky + 3 * scene[:, 7],
        ],
        axis=1,
    )
    part.colors[:] = np.rint(np.clip(colors, [0, 0, 0, -128, -128], [255, 128, 255, 127, 127]) * COLOR_UNIT)


def _varying(
    drive: NDArray[np.intp], way: NDArray[np.float64], sequence: NDArray[np.float64], generator: np.random.Generator
) -> NDArray[np.float64]:
    """Return standard normal variables (frames, V): part of a drive, slowly changing along it, and of the frame."""
    drives, width = int(drive[-1]) + 1, len(sequence)
    value = generator.standard_normal((len(drive), width)) * np.sqrt((1 - sequence**2) * 0.6)
    value += (generator.standard_normal((drives, width)) * sequence)[drive]
    for _ in range(_WAVES):
        speed, phase = generator.uniform(0.3, 2.5, (drives, width)), generator.random((drives, width))
        waves = np.cos(2 * np.pi * (speed[drive] * way[:, None] + phase[drive]))
        value += waves * np.sqrt((1 - sequence**2) * 0.4 * 2 / _WAVES)
    return value


def _place(
    shares: NDArray[np.float32], horizon: NDArray[np.float64], turn: NDArray[np.float64], side: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return the part of each cell that each label has, float32 (n, 16, L): cells full, labels in their shares."""
    kinds = list(KINDS.values())
    centres = (np.arange(CELLS) + 0.5) / CELLS
    rows = np.array([k.row for k in kinds]) + 0.06 * horizon[:, None]
    heights = np.array([k.height for k in kinds])
    columns = 0.5 + 0.08 * turn[:, None] + 0.18 * side
    down = np.exp(-0.5 * ((centres[:, None] - rows[:, None, :]) / heights) ** 2).astype(np.float32)
    across = np.exp(-0.5 * ((centres[:, None] - columns[:, None, :]) / 0.35) ** 2).astype(np.float32)
    cells: NDArray[np.float32] = down[:, :, None, :] * across[:, None, :, :] + np.float32(1e-6)
    cells = cells.reshape(len(shares), CELLS * CELLS, -1)
    parts = shares / shares.sum(axis=1, keepdims=True)
    for _ in range(3):
        cells *= (CELLS * CELLS * parts / np.maximum(cells.sum(axis=1), 1e-12))[:, None, :]
        cells /= cells.sum(axis=2, keepdims=True)
    return cells
