"""Make the golden files of this folder: ``python -m tests.data.make_goldens``.

The polygons are drawn by a random generator, not taken from any dataset: crossings, points outside the image,
repeated, collinear and closed polygons, a keyhole. The rasters of the ``cityscapes`` rule are made by the
plain reference in tests/slow.py; those of the Pillow rules are kept as hashes of what Pillow 13.0.0 drew.
``choices.json`` holds what a seed chooses of simulated drives, with every version of Python and NumPy.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from iddkit import formats
from iddkit.labels import load
from iddkit.subset import METHODS, choose
from tests import slow
from tests.simulated import simulate

HERE = Path(__file__).parent
IDD = load("idd")


def random_objects(rng: np.random.Generator, width: int, height: int, count: int) -> list[dict[str, Any]]:
    """Return objects as a polygon file has them."""
    names = [label.name for label in IDD] + ["cargroup", "persongroup"]
    objects = []
    for number in range(count):
        n = int(rng.integers(3, 12))
        spread = rng.choice([0.1, 0.4, 1.5])
        centre = rng.uniform((0, 0), (width, height))
        points = np.round(centre + rng.normal(0, spread, (n, 2)) * (width, height), int(rng.integers(0, 3)))
        if rng.random() < 0.2:
            points[rng.integers(n)] = points[rng.integers(n)]
        polygon = points.tolist()
        if rng.random() < 0.2:
            polygon.append(polygon[0])
        item: dict[str, Any] = {"label": str(rng.choice(names)), "polygon": polygon, "id": 3 * number}
        item |= {
            "deleted": int(rng.random() < 0.05),
            "verified": 1,
            "user": "synthetic",
            "date": "01-Jan-2020 00:00:00",
        }
        objects.append(item)
    return objects


def main() -> None:
    """Write the polygons and the rasters."""
    frames = {f"stress{seed}": (131, 97, seed, 40) for seed in range(4)} | {"scene": (64, 48, 9, 12)}
    golden: dict[str, dict[str, str]] = {"pillow": {}, "labelme": {}}
    for name, (width, height, seed, count) in frames.items():
        objects = random_objects(np.random.default_rng(seed), width, height, count)
        if name == "stress0":
            hole = [
                [0, 0],
                [width, 0],
                [width, height],
                [0, height],
                [0, 0],
                [9, 9],
                [9, 80],
                [120, 80],
                [120, 9],
                [9, 9],
            ]
            objects.append({"label": "out of roi", "polygon": hole})
        path = HERE / f"{name}_gtFine_polygons.json"
        path.write_text(json.dumps({"imgHeight": height, "imgWidth": width, "objects": objects}) + "\n")
        annotation = formats.read(path).annotation
        for fill in ("cityscapes", "pillow", "labelme"):
            index = np.zeros((height, width), dtype=np.uint16)
            for k, (shape, _, _) in enumerate(slow.drawn_shapes(annotation, IDD), start=1):
                index[slow.polygon_mask(fill, shape.points, width, height)] = k
            if fill == "cityscapes":
                Image.fromarray(index).save(HERE / f"{name}_cityscapes.png")
            else:
                golden[fill][name] = hashlib.sha256(index.astype("<u2").tobytes()).hexdigest()
    (HERE / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")
    write_choices()


def write_choices() -> None:
    """Write which frames of simulated drives each method chooses."""
    drives = [31, 8, 54, 1, 17, 40, 2, 23, 60, 12, 5, 36, 44, 9, 28]
    cases = [(method, count, 7, seed) for method in METHODS for count, seed in ((37, 0), (93, 5))]
    choices = []
    for method, count, labels, seed in [*cases, ("balanced", 37, 18, 0), ("balanced", 37, 1, 0)]:
        chosen = choose(simulate(drives, labels), count, method=method, seed=seed).tolist()
        case = {"drives": drives, "labels": labels, "count": count, "method": method, "seed": seed}
        choices.append(json.dumps(case | {"chosen": chosen}))
    (HERE / "choices.json").write_text("[\n" + ",\n".join(choices) + "\n]\n")


if __name__ == "__main__":
    main()
