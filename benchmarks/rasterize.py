"""Measure `iddkit rasterize` beside AutoNUE's createLabels, and the `cityscapes` fill rule beside `pillow`.

Usage: python benchmarks/rasterize.py --peer CHECKOUT --peer-python PYTHON [--files 500] [--all-files 100] [--runs 5]

CHECKOUT is a clone of https://github.com/AutoNUE/public-code, PYTHON an interpreter that can run it
(benchmarks/README.md). Linux only: CPU time and memory of whole process trees are read from the kernel.

Runs are whole processes, start-up included, in pairs: peer, iddkit, peer, iddkit, ..., after one run of each that is
not counted. What else the machine does falls on both of a pair, so the ratios hold where absolute times move.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

POLYGONS = "_gtFine_polygons.json"

#: The peer's numberings of all products, one run of its tool for each; level3Id also gives instances, colour, panoptic.
ID_TYPES = ("id", "level4Id", "level3Id", "level2Id", "level1Id", "csTrainId")

#: The options that make iddkit's command write the same products.
LABEL_ONLY = ("--level", "level3")
ALL_PRODUCTS = ("--level", "all", "--instances", "--color", "--panoptic")

#: The parts of the measurement: label images of one level, all products, the fill rules.
PARTS = ("label", "all", "fills")

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER, <linux/prctl.h>


@dataclass
class Run:
    """One run of a tool: processor and wall seconds, bytes written, and of each process the peak memory in MiB."""

    cpu: float = 0.0
    wall: float = 0.0
    written: int = 0
    resident: list[float] = field(default_factory=list)
    proportional: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Tool:
    """A way to make one set of products: its commands for a folder of polygons and a folder for the results."""

    name: str
    commands: Callable[[Path, Path], list[list[str]]]
    environment: dict[str, str]
    beside_sources: bool = False


def run(tool: Tool, source: Path, scratch: Path, watch_memory: bool = False) -> Run:
    """Run a tool once, into a fresh folder that is removed again outside of the time taken."""
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        folder = Path(name)
        if tool.beside_sources:
            # The peer writes beside the polygons: give it a tree of links to them.
            shutil.copytree(source, folder, copy_function=os.link, dirs_exist_ok=True)
        result = Run()
        for command in tool.commands(folder if tool.beside_sources else source, folder):
            _run_command(command, tool.environment, result, watch_memory)
        result.written = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file() and not _is_polygons(f))
        return result


def _is_polygons(path: Path) -> bool:
    return path.name.endswith(POLYGONS)


def _run_command(command: list[str], environment: dict[str, str], result: Run, watch_memory: bool) -> None:
    with tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env=os.environ | environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
        )
        with _memory_watched(result) if watch_memory else _nothing():
            # This process inherits the orphans of the tree (`adopt_orphans`), so no process escapes the count: a
            # pool's fork server outlives the command that began it.
            while True:
                try:
                    pid, status, usage = os.wait4(-1, 0)
                except ChildProcessError:
                    break
                result.cpu += usage.ru_utime + usage.ru_stime
                if pid == process.pid:
                    result.wall += time.perf_counter() - started
                    process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise SystemExit(f"{' '.join(command)}\nended with {process.returncode}:\n{errors.read().decode()[-2000:]}")


def adopt_orphans() -> None:
    """Make this process the one that processes without a parent are handed to."""
    if sys.platform != "linux":
        raise SystemExit("only Linux accounts for whole process trees")
    if ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0) != 0:
        raise SystemExit("this kernel cannot account for whole process trees")


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def _memory_watched(result: Run) -> Iterator[None]:
    # Not in runs that are timed: reading the page tables of a process holds it up.
    peaks: dict[int, tuple[float, float]] = {}
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            for pid in _descendants(os.getpid()):
                resident, proportional = _memory(pid)
                peaks[pid] = (resident, max(proportional, peaks.get(pid, (0.0, 0.0))[1]))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        result.resident += [resident for resident, _ in peaks.values()]
        result.proportional += [proportional for _, proportional in peaks.values()]


def _descendants(root: int) -> set[int]:
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # ended meanwhile
    found: set[int] = set()
    new = {root}
    while new:
        new = {pid for pid, parent in parents.items() if parent in new} - found
        found |= new
    return found


def _memory(pid: int) -> tuple[float, float]:
    """Return the peak of the resident, and the present proportional, memory of a process in MiB."""
    try:
        return _entry(pid, "status", "VmHWM"), _entry(pid, "smaps_rollup", "Pss")
    except OSError:
        return 0.0, 0.0  # ended meanwhile


def _entry(pid: int, file: str, key: str) -> float:
    for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) / 1024
    return 0.0


def peer_tool(
    checkout: Path, python: str, jobs: int, cache: Path, *, everything: bool = False, panoptic: bool = True
) -> Tool:
    """Return the peer's createLabels: level3Id label images, or all products.

    All products in its best case: one run for each numbering, instances, colour and panoptic images (which can be
    left out) within one of them. Its bytecode is cached in a folder outside of the checkout.
    """
    script = str(checkout / "preperation" / "createLabels.py")
    # The tool takes any text for true, and would take 'False' for true as well.
    extras = ["--instance", "True", "--color", "True"] + (["--panoptic", "True"] if panoptic else [])

    def commands(_: Path, folder: Path) -> list[list[str]]:
        command = [python, script, "--datadir", str(folder), "--num-workers", str(jobs), "--id-type"]
        if not everything:
            return [[*command, "level3Id"]]
        return [[*command, id_type, *(extras if id_type == "level3Id" else [])] for id_type in ID_TYPES]

    paths = {"PYTHONPATH": str(checkout / "helpers"), "PYTHONPYCACHEPREFIX": str(cache)}
    return Tool("peer", commands, paths, beside_sources=True)


def iddkit_tool(options: Sequence[str], jobs: int, fill: str = "pillow", name: str = "iddkit") -> Tool:
    """Return one call of iddkit's command."""

    def commands(source: Path, folder: Path) -> list[list[str]]:
        command = [sys.executable, "-m", "iddkit", "rasterize", str(source), "--out", str(folder)]
        return [[*command, "--label-map", "idd", "--fill", fill, "-j", str(jobs), *options]]

    return Tool(name, commands, {})


def measure_pairs(title: str, first: Tool, second: Tool, source: Path, scratch: Path, runs: int) -> dict[str, Any]:
    """Run two tools in turn, print each pair and the medians of the ratios, and return them."""
    count = sum(1 for _ in source.rglob(f"*{POLYGONS}"))
    print(f"\n{title}, {count} files")
    print(f"{'pair':>6} {first.name + ' CPU s':>12} {'wall s':>8} {second.name + ' CPU s':>17} {'wall s':>8}", end="")
    print(f" {'ratio CPU':>10} {'wall':>6}")
    for tool in (first, second):
        run(tool, source, scratch)
    pairs = []
    for number in range(1, runs + 1):
        a, b = run(first, source, scratch), run(second, source, scratch)
        pairs.append((a, b))
        print(f"{number:>6} {a.cpu:>12.2f} {a.wall:>8.2f} {b.cpu:>17.2f} {b.wall:>8.2f}", end="")
        print(f" {a.cpu / b.cpu:>10.2f} {a.wall / b.wall:>6.2f}", flush=True)
    cpu = statistics.median(a.cpu / b.cpu for a, b in pairs)
    wall = statistics.median(a.wall / b.wall for a, b in pairs)
    per_file = [statistics.median(pair[i].cpu for pair in pairs) / count * 1000 for i in (0, 1)]
    print(f"median {per_file[0]:>9.1f} ms {'':>8} {per_file[1]:>14.1f} ms {'':>8} {cpu:>10.2f} {wall:>6.2f}")
    written = [pairs[-1][i].written for i in (0, 1)]
    print(
        f"bytes  {written[0]:>12} {'':>8} {written[1]:>17}   {second.name} / {first.name} {written[1] / written[0]:.3f}"
    )
    return {
        "title": title,
        "files": count,
        "tools": [first.name, second.name],
        "cpu_s": [[a.cpu, b.cpu] for a, b in pairs],
        "wall_s": [[a.wall, b.wall] for a, b in pairs],
        "median_ratio_cpu": cpu,
        "median_ratio_wall": wall,
        "bytes": written,
    }


def measure_memory(title: str, tool: Tool, source: Path, scratch: Path) -> dict[str, Any]:
    """Run a tool under watch; print the peak memory of its five largest processes, and return that of all."""
    result = run(tool, source, scratch, watch_memory=True)
    resident, proportional = (sorted(peaks, reverse=True) for peaks in (result.resident, result.proportional))
    shown = " ".join(f"{peak:.0f}" for peak in resident[:5]), " ".join(f"{peak:.0f}" for peak in proportional[:5])
    print(f"{title} {tool.name:<8} resident {shown[0]:<22} proportional {shown[1]}")
    return {"title": title, "tool": tool.name, "resident_mib": resident, "proportional_mib": proportional}


def measure_fills(source: Path, runs: int) -> dict[str, Any]:
    """Time the paint step of both fill rules in this process, frame by frame in turn; print and return the ratio."""
    from iddkit import formats, labels, raster
    from iddkit.raster import scanline

    label_map = labels.load("idd")
    annotations = [formats.read(path).annotation for path in sorted(source.rglob(f"*{POLYGONS}"))[:100]]
    ways: dict[str, tuple[str, scanline.Fill]] = {
        "pillow": ("pillow", scanline.fill),
        "cityscapes, NumPy": ("cityscapes", scanline.fill_numpy),
    }
    if scanline.fill_compiled is not None:
        ways["cityscapes, compiled"] = ("cityscapes", scanline.fill_compiled)
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(runs + 1):  # the first is not counted
        total = dict.fromkeys(ways, 0.0)
        for annotation in annotations:
            for way, (rule, function) in ways.items():
                scanline.fill = function
                started = time.process_time()
                raster.paint(annotation, label_map, rule)
                total[way] += time.process_time() - started
        for way in ways if number else ():
            seconds[way].append(total[way])
    print(f"\n(c) The paint step alone, {len(annotations)} files")
    medians = {}
    for way, values in seconds.items():
        ratios = [value / base for value, base in zip(values, seconds["pillow"], strict=True)]
        medians[way] = statistics.median(ratios)
        each = statistics.median(values) / len(annotations) * 1000
        print(f"{way:<22} {each:>6.2f} ms a file   {medians[way]:.2f} x pillow")
    return {"title": "paint", "files": len(annotations), "median_ratio": medians}


def copy_frames(source: Path, target: Path, count: int) -> None:
    """Copy `count` polygon files, spread evenly over a dataset, and nothing else of it."""
    paths = sorted(source.glob(f"gtFine/*/*/*{POLYGONS}"))
    if len(paths) < count:
        raise SystemExit(f"{source}: only {len(paths)} polygon files under gtFine/split/drive")
    for path in (paths[number * len(paths) // count] for number in range(count)):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def write_synthetic(folder: Path, count: int) -> None:
    """Write polygon files of synthetic street scenes of 1920 x 1080 pixels: one of five is of the split 'val'."""
    from iddkit import formats, synthetic

    dump = formats.dumper("cityscapes")
    for number in range(count):
        drive, moment = divmod(number, 10)
        # The peer draws objects of two points in its instance images, and only there.
        annotation = synthetic.scene(drive, time=0.5 * moment, incomplete=0.0).annotation
        path = folder / "gtFine" / ("val" if drive % 5 == 4 else "train") / f"{drive:03d}"
        path.mkdir(parents=True, exist_ok=True)
        (path / f"frame{moment:04d}{POLYGONS}").write_bytes(dump(annotation))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--peer", type=Path, help="clone of AutoNUE public-code; without it only fill rules are compared"
    )
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter that can run it")
    parser.add_argument("--files", type=int, default=500, help="files for label images only [500]")
    parser.add_argument("--all-files", type=int, default=100, help="files for all products [100]")
    parser.add_argument("--runs", type=int, default=5, help="pairs [5]")
    parser.add_argument("--jobs", type=int, default=2, help="workers of each tool [2]")
    parser.add_argument("--frames", type=Path, help="dataset to take polygons from, in place of synthetic ones")
    parser.add_argument(
        "--scratch", type=Path, help="folder for data, best in memory [/dev/shm, else the temporary one]"
    )
    parser.add_argument("--part", choices=PARTS, action="append", help="measure this alone; repeatable [all parts]")
    parser.add_argument("--json", type=Path, help="write all figures to this file as well")
    arguments = parser.parse_args()
    adopt_orphans()
    in_memory = Path("/dev/shm")
    base = arguments.scratch or (in_memory if os.access(in_memory, os.W_OK) else None)
    with tempfile.TemporaryDirectory(prefix="iddkit-benchmark-", dir=base) as name:
        report = measure_all(arguments, Path(name))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


def measure_all(arguments: argparse.Namespace, scratch: Path) -> list[dict[str, Any]]:
    """Make the data, take all measurements, print them and return them."""
    source = arguments.frames
    if source is None:
        source = scratch / "synthetic"
        write_synthetic(source, max(arguments.files, arguments.all_files))
    jobs, runs = arguments.jobs, arguments.runs
    label_files, all_files = scratch / "label", scratch / "all"
    copy_frames(source, label_files, arguments.files)
    copy_frames(source, all_files, arguments.all_files)
    parts = arguments.part or PARTS
    report: list[dict[str, Any]] = []
    if arguments.peer is not None:
        place = arguments.peer.resolve(), arguments.peer_python, jobs, scratch / "pycache"
        compared = {
            "(a) Label images of level 3": (peer_tool(*place), iddkit_tool(LABEL_ONLY, jobs), label_files),
            "(b) All products": (peer_tool(*place, everything=True), iddkit_tool(ALL_PRODUCTS, jobs), all_files),
        }
        compared = {
            title: found for (title, found), part in zip(compared.items(), PARTS, strict=False) if part in parts
        }
        for title, (peer, ours, folder) in compared.items():
            report.append(measure_pairs(title, peer, ours, folder, scratch, runs))
        print("\nPeak memory of each process, MiB")
        for title, (peer, ours, folder) in compared.items():
            report += [measure_memory(title[:3], tool, folder, scratch) for tool in (peer, ours)]
    if "fills" in parts:
        report.append(measure_fills(all_files, runs))
        rules = [iddkit_tool(LABEL_ONLY, jobs, rule, name=rule) for rule in ("cityscapes", "pillow")]
        title = "(c) Whole runs by fill rule, label images of level 3"
        report.append(measure_pairs(title, rules[0], rules[1], label_files, scratch, runs))
    return report


if __name__ == "__main__":
    main()
