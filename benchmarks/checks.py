"""Measure `iddkit check` beside Datumaro's validator of segmentations, on the same files.

Usage: python benchmarks/checks.py --peer-python PYTHON [--frames 100] [--polygons 100] [--runs 3]

PYTHON is an interpreter with Datumaro (pip install datumaro). The frames are synthetic streets of 1920 x 1080 as
LabelMe XML with JPEG images, of so many polygons each and without any that Datumaro cannot import (it ends at a polygon
of two points). Four defects are planted into every tenth frame: an outline that crosses itself, one outside the image,
one without area, a duplicate.

Whole processes, start-up included, one worker on each side, in pairs: peer, iddkit, peer, iddkit, ..., after one of
each that is not counted, measured as in `rasterize.py`. Linux only. iddkit runs all of its rules, for which it decodes
every image; once more without the two that look at pixels, as the peer opens no image. Read the ratios, not the
seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rasterize import Run, Tool, adopt_orphans, run

from iddkit import formats, synthetic
from iddkit.annotation import Annotation, Shape

SIZE: Final = (1920, 1080)

#: Rules that decode images; the peer has none.
PIXELS: Final = "-near-duplicate-frame,-image-unreadable"

#: What the peer is asked: import, validate, and how many findings of which kind there are.
PEER: Final = """
import json, sys, warnings
warnings.simplefilter("ignore")
import datumaro
from datumaro.plugins.validators import SegmentationValidator
dataset = datumaro.Dataset.import_from(sys.argv[1], "label_me")
report = SegmentationValidator().validate(dataset)
kinds = {}
for one in report["validation_reports"]:
    kinds[one["anomaly_type"]] = kinds.get(one["anomaly_type"], 0) + 1
shapes = sum(len(item.annotations) for item in dataset)
print(json.dumps({"version": datumaro.__version__, "frames": len(dataset), "shapes": shapes, "kinds": kinds}))
"""


def write_frames(folder: Path, frames: int, polygons: int) -> None:
    """Write frames of exactly so many polygons, and their images."""
    import cv2

    dice = np.random.default_rng(0)
    for number in range(frames):
        scene = synthetic.scene(number, width=SIZE[0], height=SIZE[1], incomplete=0.0)
        shapes = [shape for shape in scene.annotation.shapes if not shape.deleted and len(shape.points) > 3][:polygons]
        while len(shapes) < polygons:  # leaves in the air, as many as are missing
            middle, angles = dice.uniform((50, 50), (1870, 500)), np.linspace(0, 2 * np.pi, 24, endpoint=False)
            reach = dice.uniform(8, 30) * dice.uniform(0.7, 1.0, 24)
            outline = middle + reach[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
            shapes.append(Shape("vegetation", outline.round(2)))
        if number % 10 == 0:
            shapes[-4:] = plant(shapes[-5])
        name = f"frame{number:04d}"
        annotation = Annotation(*SIZE, tuple(replace(s, number=i) for i, s in enumerate(shapes)), f"{name}.jpg")
        (folder / f"{name}.xml").write_bytes(formats.dumper("labelme-xml")(annotation))
        picture = cv2.cvtColor(synthetic.render(scene), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"{name}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 92])


def plant(shape: Shape) -> list[Shape]:
    """Return four defects: an eight, a box outside the image, a polygon on a line, the shape once more."""

    def made(points: list[tuple[int, int]] | NDArray[np.float64]) -> Shape:
        return replace(shape, points=np.array(points, dtype=np.float64))

    eight = made([(800, 600), (900, 700), (900, 600), (800, 700)])
    outside = made([(2000, 10), (2100, 10), (2100, 90), (2000, 90)])
    flat = made([(300, 300), (400, 300), (500, 300), (450, 300)])
    return [eight, outside, flat, made(shape.points)]


def iddkit_tool(name: str, *more: str) -> Tool:
    """Return `iddkit check` with all its defaults, one worker."""

    def commands(source: Path, out: Path) -> list[list[str]]:
        # A critical finding ends it with 1; what is measured is the work.
        check = [sys.executable, "-m", "iddkit", "check", str(source), "-j", "1", "--format", "json"]
        return [["sh", "-c", '"$@"; [ $? -le 1 ]', "sh", *check, *more, "-o", str(out / "found.json")]]

    return Tool(name, commands, {})


def peer_tool(python: str, script: Path) -> Tool:
    """Return the peer: import and validate."""
    return Tool("datumaro", lambda source, _: [[python, str(script), str(source)]], {})


def measure(peer: Tool, ours: Tool, frames: Path, scratch: Path, runs: int, count: int) -> dict[str, Any]:
    """Run both tools in turn, print each pair and the median of the ratios, and return them."""
    print(f"{ours.name}, {count} frames")
    print(f"{'pair':>6} {'peer CPU s':>12} {'iddkit CPU s':>14} {'ratio':>8}")
    for tool in (peer, ours):
        run(tool, frames, scratch)
    pairs: list[tuple[Run, Run]] = []
    for number in range(1, runs + 1):
        pairs.append((run(peer, frames, scratch), run(ours, frames, scratch)))
        a, b = pairs[-1]
        print(f"{number:>6} {a.cpu:>12.2f} {b.cpu:>14.2f} {a.cpu / b.cpu:>8.2f}")
    ratio = statistics.median(a.cpu / b.cpu for a, b in pairs)
    theirs, mine = (statistics.median(count / pair[i].cpu for pair in pairs) for i in (0, 1))
    print(f"median ratio of CPU {ratio:.2f}; frames a CPU second: peer {theirs:.1f}, iddkit {mine:.1f}\n")
    return {"title": ours.name, "cpu_s": [(a.cpu, b.cpu) for a, b in pairs], "median_ratio_cpu": ratio}


def say_what_is_found(python: str, script: Path, frames: Path) -> None:
    """Print what each side finds of the planted defects."""
    import subprocess

    from iddkit import labels
    from iddkit.checks import check

    done = subprocess.run([python, str(script), str(frames)], capture_output=True, text=True, check=True)
    print(f"peer finds   {done.stdout.strip().splitlines()[-1]}")
    planted = {"self-crossing", "outside-image", "zero-area", "duplicate-shape"}
    report = check(frames, labels.load("idd"), rules=sorted(planted))
    found = dict.fromkeys(sorted(planted), 0)
    for frame in report.frames[::10]:
        for rule in planted & {finding.rule for finding in frame.findings}:
            found[rule] += 1
    print(f"iddkit finds {json.dumps(found)} of {len(report.frames[::10])} planted each")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", required=True, help="interpreter with Datumaro")
    parser.add_argument("--frames", type=int, default=100, help="[100]")
    parser.add_argument("--polygons", type=int, default=100, help="of each frame [100]")
    parser.add_argument("--runs", type=int, default=3, help="pairs [3]")
    parser.add_argument("--json", type=Path, help="write all figures to this file as well")
    arguments = parser.parse_args()
    adopt_orphans()
    in_memory = Path("/dev/shm")
    base = in_memory if os.access(in_memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="iddkit-benchmark-", dir=base) as name:
        frames, scratch, script = Path(name, "frames"), Path(name, "scratch"), Path(name, "peer.py")
        frames.mkdir()
        scratch.mkdir()
        script.write_text(PEER)
        write_frames(frames, arguments.frames, arguments.polygons)
        say_what_is_found(arguments.peer_python, script, frames)
        peer = peer_tool(arguments.peer_python, script)
        report = [
            measure(peer, ours, frames, scratch, arguments.runs, arguments.frames)
            for ours in (iddkit_tool("all rules"), iddkit_tool("without the pixels of images", "--rules", PIXELS))
        ]
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
