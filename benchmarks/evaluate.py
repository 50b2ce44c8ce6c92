"""Measure `iddkit evaluate` beside AutoNUE's scoring scripts, and compare their matrices.

Usage: python benchmarks/evaluate.py --peer CHECKOUT [--peer-python PYTHON] [--idd-lite FOLDER] [--runs 5] [--pairs 5]

CHECKOUT is a clone of https://github.com/AutoNUE/public-code, PYTHON an interpreter with NumPy, Pillow, matplotlib and
tqdm. FOLDER is the published IDD-lite (idd20k_lite), whose 204 validation frames are scored; without it, as many
synthetic ones of that size. Predictions are the labels themselves, shifted by some pixels and with wrong patches.

(a) Whole processes, start-up included, each with its own number of workers, at 128x256: in pairs, peer, iddkit, peer,
iddkit, ..., after one of each that is not counted, measured as in `rasterize.py`. Linux only.
(b) One pair of 1920 x 1080 after another in this process, files read and decoded on both sides: level 3.

The matrices of both sides are compared as whole numbers; exit code 1 if one differs. Read the ratios, not the seconds.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterize import Run, Tool, adopt_orphans, run

#: Of IDD-lite: frames of its validation split, their size, and the resolution at which it is scored.
FRAMES, SIZE, RESOLUTION = 204, (320, 227), "128x256"

# How the peer writes beside where it was started, and iddkit where it is told to.
PEER_MATRIX, OUR_MATRIX = Path("eval_results/lite_cm_128.npy"), Path("confusion.csv")


def write_truth(folder: Path, frames: int, size: tuple[int, int], level: str, ending: str) -> None:
    """Write label images of synthetic street scenes, ten of a drive: ``gtFine/val/<drive>/<frame><ending>``."""
    from iddkit import images, labels, raster, synthetic

    label_map = labels.load("idd")
    for number in range(frames):
        drive, moment = divmod(number, 10)
        scene = synthetic.scene(drive, time=0.5 * moment, width=size[0], height=size[1]).annotation
        painting = raster.paint(scene, label_map)
        path = folder / "gtFine" / "val" / f"{drive:03d}" / f"frame{moment:04d}{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(images.encode_png(raster.level_image(painting, label_map, level).astype(np.uint8)))


def write_predictions(truth: Path, folder: Path, ending: str, classes: int) -> None:
    """Write a prediction of each label image below `truth`, called as it: shifted, with wrong and void patches."""
    from iddkit import images

    rng = np.random.default_rng(0)
    for path in _label_images(truth, ending):
        pixels = images.read_labels(path).astype(np.uint8)
        height, width = pixels.shape
        pixels = np.roll(pixels, rng.integers(-width // 50, width // 50 + 1, size=2), axis=(0, 1))
        for number in (*rng.integers(0, classes, size=10), 255):
            top, left = rng.integers(0, height), rng.integers(0, width)
            pixels[top : top + height // 8, left : left + width // 8] = number
        copy = folder / path.relative_to(truth)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(images.encode_png(pixels))


def _label_images(folder: Path, ending: str) -> list[Path]:
    return [path for path in sorted(folder.glob(f"*/*{ending}")) if not path.name.endswith("_inst_label.png")]


def peer_tool(script: Path, python: str, predictions: Path, results: Path) -> Tool:
    """Return the peer's script for IDD-lite, started in the folder that its results are kept in."""

    def commands(truth: Path, _: Path) -> list[list[str]]:
        there = ["sh", "-c", 'cd "$0" && exec "$@"', str(results)]
        return [[*there, python, str(script), "--gts", str(truth), "--preds", str(predictions), "--res", "128"]]

    return Tool("peer", commands, {"PYTHONDONTWRITEBYTECODE": "1"})


def iddkit_tool(predictions: Path, results: Path) -> Tool:
    """Return `iddkit evaluate` with all its defaults."""

    def commands(truth: Path, _: Path) -> list[list[str]]:
        command = [sys.executable, "-m", "iddkit", "evaluate", str(truth), str(predictions), "--level", "level1"]
        return [[*command, "--resolution", RESOLUTION, "--confusion", str(results / OUR_MATRIX), "--overwrite"]]

    return Tool("iddkit", commands, {})


def measure_processes(peer: Tool, ours: Tool, truth: Path, results: Path, runs: int) -> dict[str, Any]:
    """Run both tools in turn, print each pair and the medians of the ratios, and return them."""
    frames = len(_label_images(truth, "_label.png"))
    print(f"(a) whole processes, {frames} frames at {RESOLUTION}")
    print(
        f"{'pair':>6} {'peer CPU s':>12} {'wall s':>8} {'iddkit CPU s':>14} {'wall s':>8} {'ratio CPU':>10} {'wall':>6}"
    )
    for tool in (peer, ours):
        run(tool, truth, results)
    pairs: list[tuple[Run, Run]] = []
    for number in range(1, runs + 1):
        a, b = run(peer, truth, results), run(ours, truth, results)
        pairs.append((a, b))
        print(f"{number:>6} {a.cpu:>12.2f} {a.wall:>8.2f} {b.cpu:>14.2f} {b.wall:>8.2f}", end="")
        print(f" {a.cpu / b.cpu:>10.2f} {a.wall / b.wall:>6.2f}", flush=True)
    cpu = statistics.median(a.cpu / b.cpu for a, b in pairs)
    wall = statistics.median(a.wall / b.wall for a, b in pairs)
    theirs = np.load(results / PEER_MATRIX).astype(np.int64)[:-1]
    with open(results / OUR_MATRIX, newline="") as file:
        mine = np.array([[int(cell) for cell in row[1:]] for row in list(csv.reader(file))[1:]])
    equal = bool(np.array_equal(theirs, mine))
    print(f"median ratio {cpu:.2f} CPU, {wall:.2f} wall; {mine.sum()} pixels, matrices {_said(equal)}\n")
    return {
        "title": "whole processes",
        "frames": frames,
        "cpu_s": [[a.cpu, b.cpu] for a, b in pairs],
        "wall_s": [[a.wall, b.wall] for a, b in pairs],
        "median_ratio_cpu": cpu,
        "median_ratio_wall": wall,
        "equal": equal,
    }


def load_peer(script: Path) -> ModuleType:
    """Return the peer's script for full sizes as a module; nothing runs."""
    specification = importlib.util.spec_from_file_location("peer", script)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.dont_write_bytecode = True
    specification.loader.exec_module(module)
    return module


def measure_pairs(peer: ModuleType, truth: Path, predictions: Path, ending: str) -> dict[str, Any]:
    """Score each pair of full size by both sides; print and return CPU seconds, medians over the pairs."""
    from iddkit import frames, labels
    from iddkit.metrics.frame import Task, prepare, score_frame
    from iddkit.statistics.source import LabelReader

    label_map = labels.load("idd")
    index = frames.scan(truth)
    how = prepare(Path(index.root), predictions, LabelReader(label_map), ["level3"], "level3", None)
    seconds: list[tuple[float, float]] = []
    equal = True
    for frame in index:
        file = Path(frame.sequence) / f"{frame.name}{ending}"
        started = time.process_time()
        theirs: NDArray[np.int64] = peer.process_pred_gt_pair((str(predictions / file), str(truth / file)))
        between = time.process_time()
        scored = score_frame(how, Task(0, frame, file))
        seconds.append((between - started, time.process_time() - between))
        equal &= scored.counts is not None and np.array_equal(theirs.astype(np.int64)[:-1], scored.counts)
    ratio = statistics.median(a / b for a, b in seconds)
    a, b = (1000 * statistics.median(pair[i] for pair in seconds) for i in (0, 1))
    print(f"(b) pairs of 1920 x 1080, level 3, in one process: {len(seconds)} pairs")
    print(f"peer {a:.0f} ms CPU a pair, iddkit {b:.2f}, median ratio {ratio:.0f}; matrices {_said(equal)}")
    return {"title": "pairs of 1920x1080", "cpu_s": seconds, "median_ratio_cpu": ratio, "equal": equal}


def _said(equal: bool) -> str:
    return "equal" if equal else "DIFFER"


def measure_all(arguments: argparse.Namespace, scratch: Path) -> list[dict[str, Any]]:
    """Make the data, take both measurements, print them and return them."""
    scripts = arguments.peer.resolve() / "evaluation"
    lite, full, results = scratch / "lite", scratch / "full", scratch / "results"
    results.mkdir()
    if arguments.idd_lite is not None:
        shutil.copytree(arguments.idd_lite / "gtFine" / "val", lite / "gtFine" / "val")
    else:
        write_truth(lite, FRAMES, SIZE, "level1", "_label.png")
    truth, predictions = lite / "gtFine" / "val", scratch / "predictions"
    write_predictions(truth, predictions, "_label.png", 7)
    peer = peer_tool(scripts / "idd_lite_evaluate_mIoU.py", arguments.peer_python, predictions, results)
    report = [measure_processes(peer, iddkit_tool(predictions, results), truth, results, arguments.runs)]
    ending = "_gtFine_labellevel3Ids.png"
    write_truth(full, arguments.pairs, (1920, 1080), "level3", ending)
    truth, predictions = full / "gtFine" / "val", scratch / "full_predictions"
    write_predictions(truth, predictions, ending, 26)
    module = load_peer(scripts / "evaluate_mIoU.py")
    module.__dict__["res"] = 1080
    report.append(measure_pairs(module, truth, predictions, ending))
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", type=Path, required=True, help="clone of AutoNUE public-code")
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter that can run it")
    parser.add_argument("--idd-lite", type=Path, help="the published IDD-lite, in place of synthetic frames")
    parser.add_argument("--runs", type=int, default=5, help="pairs of whole processes [5]")
    parser.add_argument("--pairs", type=int, default=5, help="pairs of full size [5]")
    parser.add_argument(
        "--scratch", type=Path, help="folder for data, best in memory [/dev/shm, else the temporary one]"
    )
    parser.add_argument("--json", type=Path, help="write all figures to this file as well")
    arguments = parser.parse_args()
    adopt_orphans()
    in_memory = Path("/dev/shm")
    base = arguments.scratch or (in_memory if os.access(in_memory, os.W_OK) else None)
    with tempfile.TemporaryDirectory(prefix="iddkit-benchmark-", dir=base) as name:
        report = measure_all(arguments, Path(name))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    raise SystemExit(0 if all(part["equal"] for part in report) else 1)


if __name__ == "__main__":
    main()
