"""Label and instance images as table lookups in an object-index image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from iddkit.errors import RasterError
from iddkit.labels import VOID, LabelMap
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
    return np.take(level_numbers(painting, label_map, level).astype(np.uint8), painting.index)


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
    # A label without a counterpart in another dataset's numbering is VOID there, whatever 'unlabeled' is.
    no_class = (label_map.void(level), VOID)
    counts: dict[int, int] = {}
    grouped: dict[tuple[str, Any], int] = {}
    for k, shape in enumerate(painting.objects, start=1):
        number = int(numbers[k])
        if shape.label is None or shape.is_group or number in no_class or not label_map[shape.label].has_instances:
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
    return np.take(instance_numbers(painting, label_map, level).astype(np.uint16), painting.index)
