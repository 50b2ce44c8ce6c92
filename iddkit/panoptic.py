"""Panoptic segmentation of a painted frame, in COCO's format.

A segment's id is its instance number plus one (`iddkit.raster.instance_numbers`), so that ids are the same in every
run and 0 is left for void, as panopticapi expects. The PNG holds the id as R + 256 G + 65536 B.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iddkit.labels import VOID, Category, LabelMap
from iddkit.raster.lookup import instance_numbers, level_numbers
from iddkit.raster.paint import Painted, Painting

#: The id of pixels that belong to no segment.
VOID_SEGMENT = 0


@dataclass(frozen=True, slots=True, eq=False)
class Panoptic:
    """One frame's segments.

    Attributes
    ----------
    index
        The painted frame's index image.
    ids
        int64 (V,): the segment id of each value of `index`.
    segments
        COCO's ``segments_info``, by ascending id: id, category_id, area in pixels, bbox [x, y, width,
        height] in pixels, iscrowd.
    """

    index: NDArray[np.uint8] | NDArray[np.uint16]
    ids: NDArray[np.int64]
    segments: tuple[dict[str, Any], ...]

    @property
    def colors(self) -> NDArray[np.uint8]:
        """The ids as red, green, blue: uint8 (V, 3)."""
        return np.stack([self.ids & 255, self.ids >> 8 & 255, self.ids >> 16 & 255], axis=1).astype(np.uint8)

    @property
    def image(self) -> NDArray[np.uint8]:
        """The panoptic image: uint8 (H, W, 3), the ids as RGB."""
        return self.colors[self.index]


def segment(painting: Painting, label_map: LabelMap, level: str) -> Panoptic:
    """Return the panoptic segments of a frame at `level`.

    Labels with instances are one segment per object, all others one segment per number. Objects drawn as a
    group are one crowd segment per number. Numbers whose labels the evaluation ignores are void.

    Raises
    ------
    RasterError
        As `iddkit.raster.instance_numbers`.
    """
    category_of = level_numbers(painting, label_map, level)
    instance_of = instance_numbers(painting, label_map, level)
    known = {c.number: c for c in evaluated_categories(label_map, level)}
    ids = np.where(np.isin(category_of, list(known)), instance_of + 1, VOID_SEGMENT)
    area, boxes = painting.seams.areas(), painting.seams.boxes()
    groups = np.array([False, *(_is_crowd(shape, label_map) for shape in painting.objects)])
    segments = []
    for segment_id in np.unique(ids[(area > 0) & (ids != VOID_SEGMENT)]).tolist():
        members = (ids == segment_id) & (area > 0)
        category = known[int(category_of[members][0])]
        left, top = boxes[members, :2].min(axis=0).tolist()
        right, bottom = boxes[members, 2:].max(axis=0).tolist()
        segments.append(
            {
                "id": segment_id,
                "category_id": category.number,
                "area": int(area[members].sum()),
                "bbox": [left, top, right - left, bottom - top],
                "iscrowd": int(groups[members].any()),
            }
        )
    return Panoptic(painting.index, ids, tuple(segments))


def _is_crowd(shape: Painted, label_map: LabelMap) -> bool:
    return shape.is_group and shape.label is not None and label_map[shape.label].has_instances


def evaluated_categories(label_map: LabelMap, level: str) -> tuple[Category, ...]:
    """Return the categories of `level` that can be segments: not void, and not ignored by the evaluation."""
    no_class = (label_map.void(level), VOID)
    return tuple(c for c in label_map.categories(level) if c.number not in no_class and not c.ignore_in_eval)


def coco_categories(label_map: LabelMap, level: str) -> list[dict[str, Any]]:
    """Return COCO's ``categories`` of `level`, with the level's own names."""
    return [
        {
            "id": category.number,
            "name": category.name,
            "supercategory": category.labels[0].category or category.name,
            "color": list(category.color),
            "isthing": int(category.isthing),
        }
        for category in evaluated_categories(label_map, level)
    ]
