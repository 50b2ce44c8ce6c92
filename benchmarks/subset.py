"""Measure the choice of subsets: how faithful, beside random and every k-th frame, how fast, in how much memory.

Usage: python benchmarks/subset.py [--idd-lite FOLDER] [--seeds 20] [--scale 100000 --scale 1000000]

FOLDER is the published IDD-lite (idd20k_lite), whose real label maps and images are chosen from at factors 10 and 4. A
simulated IDD (`simulate.py`) of 6993 + 981 frames is always measured, and the scales are simulated, too.

Printed are the errors, medians over the seeds, and for each bar how many seeds pass it; choices of fewer than
`FEWEST` frames are not judged. Exit code 1 if the balanced method misses a bar.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from simulate import simulate

from iddkit.subset import METHODS, Candidates, choose
from iddkit.subset.quality import SCALARS, Errors, RandomErrors, measure_errors, percentile, prepare, random_errors

FACTORS = (10, 4)

#: The bars ask nothing of smaller choices: IDD-lite's 204 validation frames, of which 20 or 51 are chosen.
FEWEST = 98

#: The scales' drives have as many frames as IDD's.
DRIVE = 38

#: Bars: CPU seconds of choosing, and MiB that the process held at most.
SECONDS = {100_000: 10.0, 1_000_000: 90.0}
MEBIBYTES = 2 * 10**9 / 2**20

_NAMES = {"js": "JS, 1e-6 bits", "worst_share": "worst share, %", "worst_presence": "presence, points"}
_NAMES |= {"pairs": "pairs, points", "layout": "layout", "mmd": "MMD"}
_SCALES = {"js": 1e6, "worst_share": 100.0, "worst_presence": 100.0, "pairs": 100.0}


@dataclass(frozen=True)
class Source:
    """Frames to choose from: a split of a dataset."""

    name: str
    candidates: Candidates
    train: bool


@dataclass(frozen=True)
class Case:
    """A choice that was made, and what the bars ask of it."""

    source: Source
    factor: int
    chosen: NDArray[np.intp]
    errors: Errors
    randoms: RandomErrors

    @property
    def count(self) -> int:
        """Chosen frames."""
        return len(self.chosen)

    @property
    def expected(self) -> NDArray[np.float64]:
        """Fair part of each sequence: float64 (S,)."""
        sizes = np.bincount(self.source.candidates.sequence)
        return np.asarray(sizes * (self.count / len(self.source.candidates)), dtype=np.float64)

    @property
    def quotas(self) -> NDArray[np.intp]:
        """Chosen frames of each sequence: intp (S,)."""
        sequence = self.source.candidates.sequence
        return np.bincount(sequence[self.chosen], minlength=int(sequence[-1]) + 1)

    @property
    def closest(self) -> int:
        """Smallest distance between two chosen frames of a sequence, in positions; large if there are none."""
        together = np.diff(self.source.candidates.sequence[self.chosen]) == 0
        return int(np.diff(self.chosen)[together].min(initial=10**9))

    @property
    def gap(self) -> int:
        """Positions that chosen frames are more than apart: half the whole factor that is nearest."""
        frames = len(self.source.candidates)
        return (2 * frames + self.count) // (2 * self.count) // 2

    @property
    def lost(self) -> int:
        """Labels that at least one frame of every choice of so many would hold on average, and none of these does."""
        held = self.source.candidates.pixels[:, :-1] > 0
        return int(((held.sum(axis=0) * self.count >= len(held)) & ~held[self.chosen].any(axis=0)).sum())


@dataclass(frozen=True)
class Bar:
    """What is asked of a choice: a value, and what it may be at most; asked only of some cases."""

    name: str
    value: Callable[[Case], float]
    most: float
    asked: Callable[[Case], bool] = lambda _: True


BARS = (
    Bar("JS, bits, n >= 699", lambda c: c.errors.js, 1e-6, lambda c: c.count >= 699),
    Bar(
        "JS below median random / 300, n >= 699",
        lambda c: 300 * c.errors.js / _median(c, "js"),
        1,
        lambda c: c.count >= 699,
    ),
    Bar("JS, bits", lambda c: c.errors.js, 1e-5),
    Bar("share error, train", lambda c: c.errors.worst_share, 0.02, lambda c: c.source.train),
    Bar("share error", lambda c: c.errors.worst_share, 0.05),
    Bar("presence, frames", lambda c: round(c.errors.worst_presence * c.count, 6), 3),
    Bar("labels of >= k frames lost", lambda c: c.lost, 0),
    Bar("sequences due one frame without", lambda c: int(((c.expected >= 1) & (c.quotas == 0)).sum()), 0),
    Bar("quota off its fair part", lambda c: float(np.abs(c.quotas - c.expected).max()), 1.2),
    Bar("adjacent frames", lambda c: int(c.closest < 2), 0),
    Bar("frames within floor(k / 2)", lambda c: int(c.closest <= c.gap), 0),
    Bar("layout / median random", lambda c: c.errors.layout / _median(c, "layout"), 0.4),
    Bar("MMD percentile, n >= 140", lambda c: percentile(c.errors.mmd, c.randoms.mmd), 20, lambda c: c.count >= 140),
)


def _median(case: Case, metric: str) -> float:
    return float(np.median(getattr(case.randoms, metric)))


def read_idd_lite(folder: Path) -> list[Source]:
    """Return the splits of the published IDD-lite as they are, images and labels of 320 x 227 pixels."""
    from iddkit import labels
    from iddkit.images import OutputSize
    from iddkit.statistics.collect import collect
    from iddkit.subset import candidates_of

    collection = collect(folder, labels.load("idd"), output_size=OutputSize(), images=True)
    table = collection.table
    splits = np.array([frame.split for frame in table.frames])
    return [
        Source(f"IDD-lite {split}", candidates_of(table.rows(np.flatnonzero(splits == split))), split == "train")
        for split in ("train", "val")
    ]


def simulated_idd() -> list[Source]:
    """Return two splits of IDD's size: 184 drives in all."""
    return [
        Source("simulated train", simulate(6993, 160, seed=1), True),
        Source("simulated val", simulate(981, 24, seed=2), False),
    ]


def measure(source: Source, factor: int, seeds: int) -> Iterator[tuple[str, list[Case], float]]:
    """Yield each method with the choices it made and the CPU seconds that one took."""
    space = prepare(source.candidates)
    count = round(len(source.candidates) / factor)
    randoms = random_errors(space, count)
    for method in METHODS:
        cases, seconds = [], []
        for seed in range(seeds):
            started = time.process_time()
            chosen = choose(source.candidates, count, method=method, seed=seed)
            seconds.append(time.process_time() - started)
            cases.append(Case(source, factor, chosen, measure_errors(space, chosen), randoms))
        if not np.array_equal(cases[0].chosen, choose(source.candidates, count, method=method, seed=0)):
            raise SystemExit(f"{method}: the same seed gave another choice")
        yield method, cases, float(np.median(seconds))


def print_errors(title: str, results: dict[str, tuple[list[Case], float]]) -> None:
    """Print a table method x metric of medians over the seeds, and below it the medians of the random subsets."""
    print(f"\n{title}\n{'':<14}" + "".join(f"{_NAMES[m]:>18}" for m in SCALARS) + f"{'MMD percentile':>16}{'CPU s':>8}")
    for method, (cases, seconds) in results.items():
        values = [np.median([getattr(c.errors, m) for c in cases]) * _SCALES.get(m, 1) for m in SCALARS]
        at = np.median([percentile(c.errors.mmd, c.randoms.mmd) for c in cases])
        print(f"{method:<14}" + "".join(f"{v:>18.4g}" for v in values) + f"{at:>16.1f}{seconds:>8.2f}")
    randoms = results[METHODS[0]][0][0].randoms
    values = [np.median(getattr(randoms, m)) * _SCALES.get(m, 1) for m in SCALARS]
    print(f"{'200 random':<14}" + "".join(f"{v:>18.4g}" for v in values))


def print_bars(results: dict[str, tuple[list[Case], float]]) -> int:
    """Print for each bar how many seeds of each method pass it and the worst value; return what `balanced` misses."""
    missed = 0
    print(f"{'':<42}{'at most':>9}" + "".join(f"{method:>22}" for method in results))
    for bar in BARS:
        cells = []
        for method, (cases, _) in results.items():
            values = [bar.value(case) for case in cases if bar.asked(case)]
            passed = sum(value <= bar.most for value in values)
            missed += (len(values) - passed) * (method == "balanced")
            if values:
                cells.append(f"{passed:>5}/{len(values)} ({max(values):.3g})".rjust(22))
        if cells:
            print(f"{bar.name:<42}{bar.most:>9.3g}" + "".join(cells))
    return missed


def measure_scale(frames: int, factor: int, seed: int) -> dict[str, Any]:
    """Choose from so many simulated frames, in this process; return CPU seconds, MiB and errors."""
    candidates = simulate(frames, frames // DRIVE, seed=seed)
    simulated = _peak()
    started = time.process_time()
    chosen = choose(candidates, round(frames / factor), seed=seed)
    seconds, peak = time.process_time() - started, _peak()
    started = time.process_time()
    errors = measure_errors(prepare(candidates), chosen)
    report = {"frames": frames, "factor": factor, "cpu_s": seconds, "mib": peak, "simulated_mib": simulated}
    return report | {"measured_cpu_s": time.process_time() - started} | {m: getattr(errors, m) for m in SCALARS}


def _peak() -> float:
    """Return the most memory that this process has held, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def print_scales(scales: list[int]) -> int:
    """Choose from many frames, each time in a process of its own with one thread; return how many bars are missed."""
    missed = 0
    head = f"{'frames':>9} {'factor':>7} {'CPU s':>7} {'peak MiB':>9} {'of it the frames':>17}"
    print(f"\nSimulated scales, balanced\n{head}" + "".join(f"{_NAMES[m]:>18}" for m in SCALARS))
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    for frames in scales:
        for factor in FACTORS:
            command = [sys.executable, __file__, "--one-scale", f"{frames},{factor}"]
            done = subprocess.run(command, env=os.environ | one_thread, stdout=subprocess.PIPE, check=True)
            found = json.loads(done.stdout)
            values = "".join(f"{found[m] * _SCALES.get(m, 1):>18.4g}" for m in SCALARS)
            columns = f"{found['cpu_s']:>7.1f} {found['mib']:>9.0f} {found['simulated_mib']:>17.0f}"
            print(f"{frames:>9} {factor:>7} {columns}{values}", flush=True)
            missed += found["cpu_s"] > SECONDS.get(frames, float("inf"))
            missed += found["mib"] > MEBIBYTES
    return missed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--idd-lite", type=Path, help="the published dataset (idd20k_lite)")
    parser.add_argument("--seeds", type=int, default=20, help="choices by each method [20]")
    parser.add_argument("--scale", type=int, action="append", help="frames to simulate; repeatable [100000, 1000000]")
    parser.add_argument("--no-scales", action="store_true", help="faithfulness alone")
    parser.add_argument("--one-scale", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one_scale:
        frames, factor = (int(part) for part in arguments.one_scale.split(","))
        print(json.dumps(measure_scale(frames, factor, seed=0)))
        return
    missed = 0
    sources = [] if arguments.idd_lite is None else read_idd_lite(arguments.idd_lite)
    for source in [*sources, *simulated_idd()]:
        for factor in FACTORS:
            results = {method: (cases, cpu) for method, cases, cpu in measure(source, factor, arguments.seeds)}
            count = results["balanced"][0][0].count
            sequences = int(source.candidates.sequence[-1]) + 1
            title = f"{source.name}: {count} of {len(source.candidates)} frames, {sequences} sequences, {factor=}"
            print_errors(title, results)
            missed += print_bars(results) if count >= FEWEST else 0
    if not arguments.no_scales:
        missed += print_scales(arguments.scale or list(SECONDS))
    print(f"\nbars missed by the balanced method: {missed}")
    raise SystemExit(1 if missed else 0)


if __name__ == "__main__":
    main()
