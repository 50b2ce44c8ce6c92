"""Compare the boundary IoU of `iddkit agree` with the public boundary-iou-api, and measure both.

Usage: python benchmarks/agreement.py --peer CHECKOUT [--frames 4] [--masks 2000]

CHECKOUT is a clone of https://github.com/bowenc0221/boundary-iou-api; its `mask_to_boundary` runs in this process, with
the OpenCV that iddkit uses.

(a) Random masks of up to 90 x 90 pixels, at the image's edge among other places, with bands of one pixel to more than
the image has: bands are compared pixel for pixel, boundary IoU as floating-point numbers.
(b) Synthetic street scenes of 1920 x 1080 at level 3, the second annotation shifted by 3 pixels: boundary IoU of each
class by both, and CPU seconds in turn. The peer takes the masks of the classes one after the other, of which its
`mask_to_boundary` is all that is counted; iddkit takes the label images, all classes at once.

Exit code 1 if a pixel or a score differs. Read the ratio, not the seconds.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]
Boundary = Callable[[Mask, float], Mask]

#: Shares of the diagonal: those of the paper and of its Cityscapes version, and wide ones.
RATIOS = (0.005, 0.02, 0.05, 0.2, 0.9)


def load_peer(checkout: Path) -> Boundary:
    """Return the peer's function."""
    script = checkout / "boundary_iou" / "utils" / "boundary_utils.py"
    specification = importlib.util.spec_from_file_location("peer", script)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.dont_write_bytecode = True
    specification.loader.exec_module(module)
    found: Boundary = module.mask_to_boundary
    return found


def peer_iou(boundary: Boundary, a: Mask, b: Mask, ratio: float) -> float:
    """Return IoU of the peer's boundaries of two masks; NaN where both are empty."""
    of_a, of_b = (boundary(mask, ratio).astype(bool) for mask in (a, b))
    union = int((of_a | of_b).sum())
    return int((of_a & of_b).sum()) / union if union else float("nan")


def random_mask(rng: np.random.Generator, height: int, width: int) -> Mask:
    """Return a mask of blocks: uint8 (height, width) of 0 and 1."""
    side = int(rng.integers(1, 12))
    cells = rng.random((height // side + 1, width // side + 1)) < rng.random()
    return np.ascontiguousarray(np.kron(cells, np.ones((side, side)))[:height, :width].astype(np.uint8))


def compare_masks(boundary: Boundary, count: int) -> tuple[int, float]:
    """Return how many pixels of bands differ, and the largest difference of a score."""
    from iddkit.agreement.boundary import band_reach, boundary_iou, find_bands, find_boundaries

    rng = np.random.default_rng(0)
    pixels, largest = 0, 0.0
    for _ in range(count):
        height, width = (int(side) for side in rng.integers(1, 91, 2))
        ratio = float(rng.choice(RATIOS))
        masks = [random_mask(rng, height, width) for _ in range(2)]
        for mask in masks:
            ours = find_bands(find_boundaries(mask), band_reach(height, width, ratio)) & (mask == 1)
            pixels += int((ours != boundary(mask, ratio).astype(bool)).sum())
        scores = boundary_iou(masks[0] == 1, masks[1] == 1, ratio), peer_iou(boundary, masks[0], masks[1], ratio)
        largest = max(largest, difference(*scores))
    return pixels, largest


def difference(a: float, b: float) -> float:
    """Return how far two scores are apart; two that are none are equal, one is as far as can be."""
    if np.isnan(a) or np.isnan(b):
        return 0.0 if np.isnan(a) and np.isnan(b) else 1.0
    return abs(a - b)


def measure_scenes(boundary: Boundary, count: int) -> tuple[float, float, float, float]:
    """Return the largest difference of a class's score, median CPU ms of a pair, peer and iddkit, and their ratio."""
    from iddkit import labels, raster, synthetic
    from iddkit.agreement.boundary import band_reach, count_bands, find_bands, find_boundaries
    from iddkit.statistics.columns import classes, column_of_number

    label_map = labels.load("idd")
    size, columns = len(classes(label_map, "level3")), column_of_number(label_map, "level3").astype(np.uint8)
    largest, seconds = 0.0, []
    for seed in range(count + 1):
        painting = raster.paint(synthetic.scene(seed, width=1920, height=1080).annotation, label_map)
        a = columns[raster.level_image(painting, label_map, "level3")]
        b = np.ascontiguousarray(np.roll(a, 3, axis=1))
        masks = [((a == i).astype(np.uint8), (b == i).astype(np.uint8)) for i in range(size)]
        shown = [pair for pair in masks if pair[0].any() or pair[1].any()]
        started = time.process_time()
        for one, other in shown:
            boundary(one, 0.02)
            boundary(other, 0.02)
        between = time.process_time()
        reach = band_reach(a.shape[0], a.shape[1], 0.02)
        bands = [find_bands(find_boundaries(image), reach) for image in (a, b)]
        both, of_a, of_b = count_bands(a, b, bands[0], bands[1], size)
        ended = time.process_time()
        if seed:  # the first is not counted: libraries are loaded
            seconds.append((between - started, ended - between))
        with np.errstate(invalid="ignore"):
            ours = both / (of_a + of_b - both)
        for i, (one, other) in enumerate(masks):
            largest = max(largest, difference(float(ours[i]), peer_iou(boundary, one, other, 0.02)))
    medians = [1000 * statistics.median(pair[i] for pair in seconds) for i in (0, 1)]
    return largest, medians[0], medians[1], statistics.median(peer / ours for peer, ours in seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", type=Path, required=True, help="clone of boundary-iou-api")
    parser.add_argument("--frames", type=int, default=4, help="scenes of full size [4]")
    parser.add_argument("--masks", type=int, default=2000, help="pairs of random masks [2000]")
    arguments = parser.parse_args()
    boundary = load_peer(arguments.peer)
    pixels, largest = compare_masks(boundary, arguments.masks)
    print(f"(a) {arguments.masks} pairs of masks: {pixels} pixels of bands differ, largest difference {largest:g}")
    apart, peer, ours, ratio = measure_scenes(boundary, arguments.frames)
    print(f"(b) {arguments.frames} scenes of 1920 x 1080, all classes of level 3: largest difference {apart:g}")
    print(f"    peer {peer:.0f} ms CPU a pair, iddkit {ours:.1f}, median ratio {ratio:.0f}")
    raise SystemExit(1 if pixels or largest or apart else 0)


if __name__ == "__main__":
    main()
