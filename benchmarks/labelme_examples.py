"""Compare iddkit's rasters of labelme's public examples with the rasters that labelme publishes beside them.

Usage: python benchmarks/labelme_examples.py LABELME_CHECKOUT

LABELME_CHECKOUT is a clone of https://github.com/wkentaro/labelme. Its ``examples`` hold annotations and, under
``data_dataset_voc``, the class and object rasters that labelme's own export made of them, as PNG and as NPY.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iddkit import formats, images, labels, raster

EXAMPLES = ("semantic_segmentation", "instance_segmentation", "video_annotation")


def find_rasters(checkout: Path) -> Iterator[tuple[Path, Path]]:
    """Yield every published raster with its annotation file."""
    for example in EXAMPLES:
        folder = checkout / "examples" / example
        for path in sorted((folder / "data_dataset_voc").glob("Segmentation*/*.*")):
            if path.suffix in (".png", ".npy"):
                yield path, folder / "data_annotated" / f"{path.stem}.json"


def read_raster(path: Path) -> NDArray[np.int64]:
    """Return a published raster; labelme's number for ``__ignore__``, -1, is 255 in a PNG."""
    if path.suffix == ".npy":
        numbers: NDArray[np.int32] = np.load(path)
        return numbers.astype(np.int64) % 256
    return images.read_labels(path).astype(np.int64)


def draw(annotation_file: Path, label_map: labels.LabelMap, objects: bool) -> NDArray[np.int64]:
    """Return iddkit's class raster, or its object raster, in labelme's numbers.

    labelme numbers objects from 1 in order of first appearance, shapes of one label and one group together; an
    ignored object has a number like any other, and its pixels are 0.
    """
    reading = formats.read(annotation_file)
    if reading.problems:
        raise SystemExit(f"{annotation_file}: {reading.problems[0]}")
    painting = raster.paint(reading.annotation, label_map, fill="labelme")
    if not objects:
        return raster.level_image(painting, label_map, labels.ID).astype(np.int64)
    instances: dict[tuple[object, ...], int] = {}
    numbers = [0]
    for shape in painting.objects:
        key = (shape.label, shape.number) if shape.group is None else (shape.label, None, shape.group)
        number = instances.setdefault(key, len(instances) + 1)
        numbers.append(0 if shape.label in (None, "__ignore__") else number)
    return np.array(numbers)[painting.index]


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    rasters = pixels = differing = 0
    print(f"{'raster':<72} {'pixels':>9} {'different':>9}")
    for path, annotation_file in find_rasters(Path(sys.argv[1])):
        label_map = labels.load(annotation_file.parents[1] / "labels.txt")
        published = read_raster(path)
        drawn = draw(annotation_file, label_map, objects="SegmentationObject" in path.parent.name)
        places = np.argwhere(drawn != published)
        rasters, pixels, differing = rasters + 1, pixels + published.size, differing + len(places)
        name = f"{path.parents[2].name}/{path.parent.name}/{path.name}"
        print(f"{name:<72} {published.size:>9} {len(places):>9}")
        for y, x in places[:5]:
            print(f"  x {x}, y {y}: published {published[y, x]}, drawn {drawn[y, x]}")
    if not rasters:
        raise SystemExit("no rasters: is this a checkout of labelme?")
    print(f"{f'{rasters} rasters':<72} {pixels:>9} {differing:>9}")


if __name__ == "__main__":
    main()
