"""The rules of rasterizing in their plainest form: one shape, one row, one pixel at a time.

Slow on purpose. The fast code of iddkit is compared with it, and the golden files are made by it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from iddkit.annotation import Annotation, Shape
from iddkit.labels import LabelMap


def drawn_shapes(annotation: Annotation, label_map: LabelMap) -> Iterator[tuple[Shape, str, bool]]:
    """Yield what is drawn, with its label's name and whether it is a group."""
    for shape in annotation.shapes:
        if shape.deleted or len(shape.points) < 3:
            continue
        name, is_group = shape.label, False
        if name not in label_map and name.endswith("group"):
            name, is_group = name[: -len("group")], True
        if label_map[name].id >= 0:
            yield shape, name, is_group


def cityscapes_mask(points: NDArray[np.float64], width: int, height: int) -> NDArray[np.bool_]:
    """Fill one polygon by the ``cityscapes`` rule."""
    mask = np.zeros((height, width), dtype=np.bool_)
    vertices = [(math.trunc(x), math.trunc(y)) for x, y in points]
    one = np.float32
    for y in range(height):
        crossings = []
        for (x0, y0), (x1, y1) in zip(vertices, vertices[1:] + vertices[:1], strict=True):
            if min(y0, y1) <= y < max(y0, y1):
                slope = one(x1 - x0) / one(y1 - y0)
                crossings.append(float(one(one(y + 0.5 - y0) * slope) + one(x0)))
        crossings.sort()
        for left, right in zip(crossings[::2], crossings[1::2], strict=True):
            for x in range(max(math.ceil(left - 0.5), 0), min(math.floor(right + 0.5), width - 1) + 1):
                mask[y, x] = True
    return mask


def pillow_mask(points: NDArray[np.float64], width: int, height: int, outline: bool = False) -> NDArray[np.bool_]:
    """Fill one polygon by the ``pillow`` rule, which is whatever Pillow draws, or by ``labelme``'s."""
    image = Image.new("L", (width, height), 0)
    vertices = [(float(x), float(y)) for x, y in points]
    if outline:
        ImageDraw.Draw(image).polygon(vertices, fill=1, outline=1)
    else:
        ImageDraw.Draw(image).polygon(vertices, fill=1)
    return np.array(image).astype(np.bool_)


def polygon_mask(fill: str, points: NDArray[np.float64], width: int, height: int) -> NDArray[np.bool_]:
    """Fill one polygon by a rule."""
    if fill == "cityscapes":
        return cityscapes_mask(points, width, height)
    return pillow_mask(points, width, height, outline=fill == "labelme")


def draw_numbers(
    annotation: Annotation, label_map: LabelMap, level: str, fill: str, numbers: Sequence[int] | None = None
) -> NDArray[np.int64]:
    """Draw a level directly: each polygon with its number, in order. `numbers` replaces those of the labels."""
    unlabeled = label_map["unlabeled"].numbers[level]
    image = np.full((annotation.height, annotation.width), unlabeled, dtype=np.int64)
    for k, (shape, name, _) in enumerate(drawn_shapes(annotation, label_map)):
        number = label_map[name].numbers[level] if numbers is None else numbers[k]
        image[polygon_mask(fill, shape.points, annotation.width, annotation.height)] = number
    return image


def count_instances(annotation: Annotation, label_map: LabelMap, level: str) -> list[int]:
    """Return the instance number of each shape that is drawn, by the published rule per number of the level."""
    numbers, counts = [], dict.fromkeys(range(256), 0)
    for _, name, is_group in drawn_shapes(annotation, label_map):
        label = label_map[name]
        number = label.numbers[level]
        if label.has_instances and not is_group and number != 255:
            numbers.append(number * 1000 + counts[number])
            counts[number] += 1
        else:
            numbers.append(number)
    return numbers
