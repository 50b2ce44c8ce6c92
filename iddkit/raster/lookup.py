"""Label and instance images as table lookups in an object-index image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from iddkit.errors import RasterError
from iddkit.labels import LabelMap
from iddkit.raster.paint import Painting

#: Instance number = number of the class * 1000 + running count (Cityscapes, json2instanceImg).
INSTANCES_PER_NUMBER = 1000


def level_numbers(painting: Painting, label_map: LabelMap, level: str) -> NDArray[np.int64]:
    """Return the number at `level` of each value of the index image: int64 (len(objects) + 1,).

    The first entry is the background.
    """
    void = label_map.void(level)
    seen = (void if o.label is None else label_map[o.label].numbers[level] for o in painting.objects)
    return np.array([label_map.background(level), *seen], dtype=np.int64)


def level_image(painting: Painting, label_map: LabelMap, level: str) -> NDArray[np.uint8]:
    """Return the label image at `level`: uint8 (H, W)."""
    return look_up(painting.index, level_numbers(painting, label_map, level))


def instance_numbers(painting: Painting, label_map: LabelMap, level: str) -> NDArray[np.int64]:
    """Return the instance number at `level` of each value of the index image: int64 (len(objects) + 1,).

    For a label with instances it is number * 1000 + a count from 0 that runs *per number of this level*, so that
    a motorcycle and a bicycle, which share a number at IDD's level2, never get the same. Shapes of one label
    and one group id count as one. Groups, labels without instances and void keep the plain number.

    Raises
    ------
    RasterError
        More than 1000 instances of one number, a result beyond 16 bits, or instances of the number 0 (which
        could not be told from plain numbers): nothing is ever clipped.
    """
    numbers = level_numbers(painting, label_map, level)
    void = label_map.void(level)
    counts: dict[int, int] = {}
    grouped: dict[tuple[str, Any], int] = {}
    for k, shape in enumerate(painting.objects, start=1):
        number = int(numbers[k])
        if shape.label is None or shape.is_group or number == void or not label_map[shape.label].has_instances:
            continue
        key = (shape.label, shape.number if shape.group is None else (shape.group,))
        if key not in grouped:
            grouped[key] = _next_instance(number, counts, shape.number, level)
        numbers[k] = grouped[key]
    return numbers


def _next_instance(number: int, counts: dict[int, int], object_number: int, level: str) -> int:
    count = counts.get(number, 0)
    counts[number] = count + 1
    instance = number * INSTANCES_PER_NUMBER + count
    where = f"object {object_number}"
    if number == 0:
        raise RasterError(f"{level} gives a label with instances the number 0, which leaves none for them", where=where)
    if count >= INSTANCES_PER_NUMBER:
        raise RasterError(f"more than {INSTANCES_PER_NUMBER} instances of {level} {number}", where=where)
    if instance > np.iinfo(np.uint16).max:
        raise RasterError(f"the instance number {instance} at {level} does not fit 16 bits", where=where)
    return instance


def instance_image(painting: Painting, label_map: LabelMap, level: str) -> NDArray[np.uint16]:
    """Return the instance image at `level`: uint16 (H, W). Raises as `instance_numbers` does."""
    return look_up_wide(painting.index, instance_numbers(painting, label_map, level)).astype(np.uint16)


def look_up(index: NDArray[np.uint8] | NDArray[np.uint16], table: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return ``table[index]`` as uint8 (H, W); `table` holds numbers 0-255."""
    if index.dtype != np.uint8:
        return table.astype(np.uint8)[index]
    import cv2

    return cv2.LUT(index, _full(table)).reshape(index.shape)  # type: ignore[return-value]


def look_up_wide(index: NDArray[np.uint8] | NDArray[np.uint16], table: NDArray[np.int64]) -> NDArray[np.uint16]:
    """Return ``table[index]`` as big-endian uint16 (H, W), the byte order of PNG; `table` holds 0-65535."""
    if index.dtype != np.uint8:
        return table.astype(">u2")[index]
    return look_up_channels(index, np.stack([table >> 8, table & 255], axis=1)).view(">u2")[..., 0]


def look_up_channels(index: NDArray[np.uint8] | NDArray[np.uint16], table: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return ``table[index]`` as uint8 (H, W, C); `table` is (values, C) of 0-255."""
    if index.dtype != np.uint8:
        return table.astype(np.uint8)[index]
    import cv2

    # One lookup per channel and a merge: three times as fast as fancy indexing.
    return cv2.merge([cv2.LUT(index, _full(column)) for column in table.T])  # type: ignore[return-value]


def _full(table: NDArray[np.int64]) -> NDArray[np.uint8]:
    # cv2.LUT wants all 256 entries; the index image holds none beyond the table.
    full = np.zeros(256, dtype=np.uint8)
    full[: len(table)] = table
    return full
