"""Compare every image that iddkit makes of IDD's polygons with the one that AutoNUE's own functions make.

Usage: python benchmarks/equality.py --peer CHECKOUT --peer-python PYTHON [--files 120]

CHECKOUT is a clone of https://github.com/AutoNUE/public-code, PYTHON an interpreter that can run it, with the Pillow
that iddkit uses (benchmarks/README.md). The peer's panoptic step is run without its resize, which invents instance
numbers. Pixels are compared as decoded. Exit code 1 if one differs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rasterize import ALL_PRODUCTS, POLYGONS, copy_frames, iddkit_tool, peer_tool, write_synthetic

LABELS = (
    "_labelids.png",
    *(f"_labellevel{level}Ids.png" for level in (4, 3, 2, 1)),
    "_labelcsTrainIds.png",
)

# Run by the peer's interpreter: its panoptic loop on its own instance images, at their own size.
PANOPTIC_WITHOUT_RESIZE = """
import sys, types
import PIL.Image
import cityscape_panoptic_gt as peer

def open_to_stay_as_it_is(path):
    image = PIL.Image.open(path)
    image.resize = lambda size: image
    return image

peer.Image = types.SimpleNamespace(open=open_to_stay_as_it_is, fromarray=PIL.Image.fromarray)
folder, jobs, *splits = sys.argv[1:]
for split in splits:
    made = folder + "/gtFine/" + split + "_panoptic"
    peer.panoptic_converter(int(jobs), folder + "/gtFine/" + split, made, made + ".json")
"""


@dataclass
class Count:
    """Images compared, and the differences among them."""

    files: int = 0
    differing: int = 0
    pixels: int = 0

    def add(self, pixels: int, other: bool = False) -> None:
        """Count an image with so many different pixels, or with a difference in what is stated of it."""
        self.files += 1
        self.differing += bool(pixels or other)
        self.pixels += pixels


def run(command: list[str], environment: dict[str, str]) -> None:
    """Run a command in silence unless it fails."""
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:3])} ... ended with {done.returncode}:\n{done.stderr[-2000:]}")


def read_numbers(path: Path) -> NDArray[np.int64]:
    """Return an image of numbers as int64 (H, W)."""
    with Image.open(path) as image:
        return np.array(image).astype(np.int64)


def read_colors(path: Path) -> NDArray[np.int64]:
    """Return a colour image, with a palette or without, as one number for each pixel: int64 (H, W)."""
    with Image.open(path) as image:
        channels = np.array(image.convert("RGB")).astype(np.int64)
    numbers: NDArray[np.int64] = channels @ np.array([1, 256, 65536])
    return numbers


def compare_images(
    peer: Path, ours: Path, suffix: str, read: Callable[[Path], NDArray[np.int64]]
) -> tuple[Count, list[str]]:
    """Compare the images of one product; return the count, and a line for each image that differs."""
    count, lines = Count(), []
    for path in frames_of(peer):
        relative = f"{path.parent.relative_to(peer)}/{path.name.removesuffix('_polygons.json')}{suffix}"
        drawn, expected = read(ours / relative), read(peer / relative)
        pixels = int((drawn != expected).sum()) if drawn.shape == expected.shape else expected.size
        count.add(pixels)
        if pixels:
            lines.append(f"{relative}: {pixels} pixels different")
    return count, lines


def frames_of(folder: Path) -> Iterator[Path]:
    """Yield the polygon files of a dataset."""
    yield from sorted(folder.glob(f"gtFine/*/*/*{POLYGONS}"))


def splits_of(folder: Path) -> list[str]:
    """Return the splits that have polygon files."""
    return sorted({path.parent.parent.name for path in frames_of(folder)})


def compare_panoptic(peer: Path, ours: Path) -> tuple[Count, list[str]]:
    """Compare panoptic images and what their JSON files state.

    The ids of segments differ by design, the peer's being random: equal are images that are parted into the same
    segments, each of the same category, area, box and crowd flag.
    """
    count, lines = Count(), []
    for split in splits_of(peer):
        name = f"gtFine/{split}_panoptic"
        expected, drawn = (json.loads((folder / f"{name}.json").read_text()) for folder in (peer, ours))
        if category_kinds(expected) != category_kinds(drawn):
            lines.append(f"{name}.json: other categories")
        stated = {entry["file_name"]: entry["segments_info"] for entry in drawn["annotations"]}
        if set(stated) != {entry["file_name"] for entry in expected["annotations"]}:
            lines.append(f"{name}.json: other files")
        for entry in expected["annotations"]:
            file_name, segments = entry["file_name"], entry["segments_info"]
            pixels, statements = compare_segments(
                read_colors(peer / name / file_name),
                segments,
                read_colors(ours / name / file_name),
                stated.get(file_name, []),
            )
            count.add(pixels, statements > 0)
            if pixels or statements:
                lines.append(f"{name}/{file_name}: {pixels} pixels, {statements} segments different")
    return count, lines


def category_kinds(document: dict[str, Any]) -> dict[int, int]:
    """Return each category's id and whether it is a thing; names and colours differ by design."""
    return {category["id"]: category["isthing"] for category in document["categories"]}


def compare_segments(
    expected: NDArray[np.int64],
    expected_segments: list[dict[str, Any]],
    drawn: NDArray[np.int64],
    drawn_segments: list[dict[str, Any]],
) -> tuple[int, int]:
    """Return how many pixels lie in other segments, and how many segments are stated otherwise or not at all.

    Segments are paired by the pixels that they share, the most first; void is paired with void alone.
    """
    if expected.shape != drawn.shape:
        return expected.size, len(expected_segments)
    pairs, pixels = np.unique(expected << 24 | drawn, return_counts=True)
    partners: dict[int, int] = {}
    shared = 0
    for k in np.argsort(-pixels, kind="stable"):
        left, right = divmod(int(pairs[k]), 2**24)
        if left not in partners and right not in partners.values() and (left == 0) == (right == 0):
            partners[left] = right
            shared += int(pixels[k])
    ours = {segment["id"]: facts(segment) for segment in drawn_segments}
    otherwise = sum(ours.get(partners.get(s["id"], -1)) != facts(s) for s in expected_segments)
    return expected.size - shared, otherwise + abs(len(ours) - len(expected_segments))


def facts(segment: dict[str, Any]) -> tuple[Any, ...]:
    """Return what is stated of a segment but for its id."""
    return segment["category_id"], segment["area"], tuple(segment["bbox"]), segment["iscrowd"]


def make_both(arguments: argparse.Namespace, scratch: Path) -> tuple[Path, Path]:
    """Write the polygons, and all images of both tools; return the folders of the peer's and of iddkit's."""
    source = arguments.frames
    if source is None:
        source = scratch / "synthetic"
        write_synthetic(source, arguments.files)
    polygons, ours = scratch / "peer", scratch / "iddkit"
    copy_frames(source, polygons, arguments.files)
    checkout, python, jobs = arguments.peer.resolve(), arguments.peer_python, arguments.jobs
    command, *_ = iddkit_tool(ALL_PRODUCTS, jobs).commands(polygons, ours)
    run(command, {})
    peer = peer_tool(checkout, python, jobs, scratch / "pycache", everything=True, panoptic=False)
    for command in peer.commands(polygons, polygons):
        run(command, peer.environment)
    modules = os.pathsep.join([str(checkout / "helpers"), str(checkout / "preperation")])
    command = [python, "-c", PANOPTIC_WITHOUT_RESIZE, str(polygons), str(jobs), *splits_of(polygons)]
    run(command, peer.environment | {"PYTHONPATH": modules})
    return polygons, ours


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", type=Path, required=True, help="clone of AutoNUE public-code")
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter that can run it")
    parser.add_argument("--files", type=int, default=120, help="frames [120]")
    parser.add_argument("--jobs", type=int, default=2, help="workers of each tool [2]")
    parser.add_argument("--frames", type=Path, help="dataset to take polygons from, in place of synthetic ones")
    parser.add_argument("--scratch", type=Path, help="folder for data [the temporary one]")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="iddkit-equality-", dir=arguments.scratch) as name:
        peer, ours = make_both(arguments, Path(name))
        table = {suffix: compare_images(peer, ours, suffix, read_numbers) for suffix in LABELS}
        table["_instancelevel3Ids.png"] = compare_images(peer, ours, "_instancelevel3Ids.png", read_numbers)
        table["_labelColors.png"] = compare_images(peer, ours, "_labelColors.png", read_colors)
        table["_panopticlevel3Ids.png"] = compare_panoptic(peer, ours)
    print(f"{'product':<26} {'files':>7} {'files different':>16} {'pixels different':>17}")
    for product, (count, lines) in table.items():
        print(f"{product:<26} {count.files:>7} {count.differing:>16} {count.pixels:>17}")
        for line in lines[:5]:
            print(f"  {line}")
    if any(lines for _, lines in table.values()) or any(not count.files for count, _ in table.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
