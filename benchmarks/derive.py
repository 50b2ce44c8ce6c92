"""Measure `iddkit make-lite` and `iddkit stats` beside plain loops over the same files.

Usage: python benchmarks/derive.py [--frames 500] [--runs 5]

The frames are synthetic, 1920 x 1080, JPEG images and PNG label images of ids. Linux only, as `rasterize.py`, whose way
of measuring this is: whole processes with their start, one worker, in pairs: loop, iddkit, loop, iddkit, ..., after one
run of each that is not counted. Read the ratios, not the seconds.

The loops are what one writes in five minutes: Pillow's open, resize, save for images and labels; `np.unique` of each
label image that Pillow opened. A third one shrinks images by `Image.thumbnail`, which decodes them at a part of their
size.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rasterize import Run, Tool, adopt_orphans, run

IMAGE, LABELS = "_leftImg8bit.jpg", "_gtFine_labelids.png"

#: Of the outputs: what 1920 x 1080 becomes at longest side 320.
SIZE = (320, 180)


def resize_plainly(source: Path, out: Path, thumbnail: bool = False) -> None:
    """Write all images and label images of a dataset at `SIZE`, as one does with Pillow."""
    from PIL import Image

    for path, target in _outputs(source, out, IMAGE):
        with Image.open(path) as image:
            if thumbnail:
                image.thumbnail(SIZE)
                image.save(target, quality=95)
            else:
                image.resize(SIZE).save(target, quality=95)
    for path, target in _outputs(source, out, LABELS):
        with Image.open(path) as image:
            image.resize(SIZE, Image.Resampling.NEAREST).save(target)


def _outputs(source: Path, out: Path, ending: str) -> Iterator[tuple[Path, Path]]:
    for path in sorted(source.rglob(f"*{ending}")):
        target = out / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        yield path, target


def count_plainly(source: Path) -> None:
    """Print the pixels of each number in all label images of a dataset, as one does with Pillow and NumPy."""
    import numpy as np
    from PIL import Image

    pixels: Counter[int] = Counter()
    for path in sorted(source.rglob(f"*{LABELS}")):
        with Image.open(path) as image:
            numbers, counts = np.unique(np.array(image), return_counts=True)
        pixels.update(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))
    print(json.dumps(pixels))


LOOPS = {"resize": resize_plainly, "thumbnail": lambda source, out: resize_plainly(source, out, thumbnail=True)}


def loop_tool(which: str) -> Tool:
    """Return one of the loops, run by this file."""

    def commands(source: Path, folder: Path) -> list[list[str]]:
        return [[sys.executable, __file__, "--loop", which, str(source), str(folder)]]

    return Tool(f"loop: {which}", commands, {})


def make_lite_tool(factor: int, *options: str) -> Tool:
    """Return `iddkit make-lite` at a factor, without a cache."""

    def commands(source: Path, folder: Path) -> list[list[str]]:
        command = [sys.executable, "-m", "iddkit", "make-lite", str(source), str(folder / "lite"), "-j", "1"]
        return [[*command, "--factor", str(factor), "--no-cache", *options]]

    return Tool(" ".join(["make-lite", str(factor), *options]), commands, {})


def stats_tool(cache: Path | None = None) -> Tool:
    """Return `iddkit stats`, with a cache in a folder of its own or without."""

    def commands(source: Path, _: Path) -> list[list[str]]:
        kept = ["--no-cache"] if cache is None else ["--cache", str(cache)]
        return [[sys.executable, "-m", "iddkit", "stats", str(source), "-j", "1", *kept]]

    return Tool("stats" if cache is None else "stats, unchanged", commands, {})


def write_source(folder: Path, frames: int) -> None:
    """Write synthetic drives of ten frames: images, and label images of ids; no polygons."""
    from iddkit import demo, labels
    from iddkit.groundtruth import make_plan, rasterize

    demo.write_dataset(folder, drives=-(-frames // 10), frames=10, size=(1920, 1080))
    report = rasterize(folder, plan=make_plan(labels.load("idd"), ["id"]), jobs=1)
    if not report.ok:
        raise SystemExit("\n".join(report.failures))
    polygons = sorted(folder.rglob("*_gtFine_polygons.json"))
    for path in polygons:
        path.unlink()
    for path in polygons[frames:]:
        stem = path.name.removesuffix("_gtFine_polygons.json")
        path.with_name(stem + LABELS).unlink()
        (folder / "leftImg8bit" / path.parent.relative_to(folder / "gtFine") / (stem + IMAGE)).unlink()


def measure_pairs(title: str, loop: Tool, ours: Tool, source: Path, scratch: Path, runs: int) -> dict[str, Any]:
    """Run loop and command in turn; print images per CPU second of both and the ratio, and return the figures."""
    frames = sum(1 for _ in source.rglob(f"*{LABELS}"))
    for tool in (loop, ours):
        run(tool, source, scratch)
    pairs: list[tuple[Run, Run]] = [(run(loop, source, scratch), run(ours, source, scratch)) for _ in range(runs)]
    ratios = sorted(a.cpu / b.cpu for a, b in pairs)
    per_second = [frames / statistics.median(pair[i].cpu for pair in pairs) for i in (0, 1)]
    shown = f"{per_second[0]:>8.1f}/s {per_second[1]:>8.1f}/s"
    wall = statistics.median(a.wall / b.wall for a, b in pairs)
    print(
        f"{title:<58}{shown}{statistics.median(ratios):>8.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f}){wall:>8.2f}",
        flush=True,
    )
    return {
        "title": title,
        "frames": frames,
        "cpu_s": [[a.cpu, b.cpu] for a, b in pairs],
        "wall_s": [[a.wall, b.wall] for a, b in pairs],
        "median_ratio_cpu": statistics.median(ratios),
        "median_ratio_wall": wall,
    }


def measure_all(source: Path, scratch: Path, runs: int) -> list[dict[str, Any]]:
    """Take all measurements, print them and return them."""
    print(f"{'frames per CPU second':<60}{'loop':>8} {'iddkit':>10}{'ratio of CPU':>20}{'wall':>8}")
    compared = [
        ("all frames made, no report; open, resize, save", "resize", make_lite_tool(1, "--no-report")),
        ("all frames made, no report; open, thumbnail, save", "thumbnail", make_lite_tool(1, "--no-report")),
        ("all frames made, with the report; open, resize, save", "resize", make_lite_tool(1)),
        ("a tenth chosen, no report; open, resize, save of all", "resize", make_lite_tool(10, "--no-report")),
        ("a tenth chosen, with the report; open, resize, save of all", "resize", make_lite_tool(10)),
        ("statistics; np.unique", "unique", stats_tool()),
        ("statistics once more, from the cache; np.unique", "unique", stats_tool(scratch / "cache")),
    ]
    return [measure_pairs(title, loop_tool(loop), ours, source, scratch, runs) for title, loop, ours in compared]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=500, help="synthetic frames [500]")
    parser.add_argument("--runs", type=int, default=5, help="pairs [5]")
    parser.add_argument(
        "--scratch", type=Path, help="folder for data, best in memory [/dev/shm, else the temporary one]"
    )
    parser.add_argument("--json", type=Path, help="write all figures to this file as well")
    parser.add_argument("--loop", nargs=3, metavar=("LOOP", "SOURCE", "OUT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.loop:
        which, source, out = arguments.loop
        count_plainly(Path(source)) if which == "unique" else LOOPS[which](Path(source), Path(out))
        return
    adopt_orphans()
    in_memory = Path("/dev/shm")
    base = arguments.scratch or (in_memory if os.access(in_memory, os.W_OK) else None)
    with tempfile.TemporaryDirectory(prefix="iddkit-benchmark-", dir=base) as name:
        source = Path(name) / "source"
        write_source(source, arguments.frames)
        report = measure_all(source, Path(name), arguments.runs)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
