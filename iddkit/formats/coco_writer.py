"""Writing COCO instances: the half of `iddkit.formats.coco` that needs pycocotools."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from iddkit.annotation import Annotation, Problem, Shape
from iddkit.errors import AnnotationError, printable
from iddkit.formats import runlength
from iddkit.geometry import outline
from iddkit.labels import LabelMap

#: A polygon longer than this is damage. pycocotools walks its edges in steps of a fifth of a pixel, 16 bytes each.
MAX_OUTLINE = 2_000_000

#: Keys of an annotation that are COCO's own, and `Shape.group`; all others are kept in `Shape.extra`.
ANNOTATION_KEYS = ("id", "image_id", "category_id", "segmentation", "area", "bbox", "iscrowd", "group_id")


@dataclass(frozen=True, slots=True)
class Written:
    """A COCO file's content, and the shapes that it does not hold: the frame's file name and why."""

    content: bytes
    dropped: tuple[tuple[str, Problem], ...] = ()


def dump_instances(frames: Iterable[tuple[str, Annotation]], label_map: LabelMap | None = None) -> Written:
    """Return the content of a COCO instances file for (image file name, annotation) pairs.

    Images and annotations are numbered from 1 in the order given. Shapes of one label and one group are one
    annotation of several polygons, at the place of the first; the group is kept as ``group_id``. Masks are written
    run-length encoded. Areas and boxes are those of pycocotools, clipped to the image.

    With a label map the categories are its drawn labels with their ids, and ``<label>group`` is a crowd of
    ``<label>``, run-length encoded as COCO wants it. Without one the categories are the labels as they stand in the
    files, numbered from 1 as they come.

    Raises
    ------
    AnnotationError
        The size of an image is unknown.
    """
    images: list[str] = []
    dropped: list[tuple[str, Problem]] = []
    categories = _Categories(label_map)
    # Text at once, in one buffer: 10,000 frames are 1.2 GB of it, and as Python objects ten times that.
    content = io.BytesIO()
    content.write(b'{"info": {"description": "Instances written by iddkit"}, "licenses": [],\n"annotations": [')
    count = 0
    for image_id, (file_name, annotation) in enumerate(frames, start=1):
        if not all(annotation.size):
            raise AnnotationError("the size of its image is unknown, and COCO needs it", path=file_name)
        image = dict(annotation.extra) | {"id": image_id, "file_name": file_name}
        images.append(json.dumps(image | {"width": annotation.width, "height": annotation.height}))
        for members in _objects(annotation.shapes):
            item, problems = _annotation(members, annotation.size, categories)
            dropped += ((file_name, problem) for problem in problems)
            if item is not None:
                count += 1
                text = json.dumps({"id": count, "image_id": image_id} | item)
                content.write(f"{',' if count > 1 else ''}\n{text}".encode("ascii"))
    for name, items in (("images", images), ("categories", categories.written())):
        content.write((f'],\n"{name}": [\n' + ",\n".join(items)).encode("ascii"))
    content.write(b"]}\n")
    return Written(content.getvalue(), tuple(dropped))


class _Categories:
    """The categories of the file being written."""

    def __init__(self, label_map: LabelMap | None) -> None:
        self.label_map = label_map
        self.found: dict[str, int] = {}

    def find(self, label: str) -> tuple[int, bool]:
        """Return (category id, is a crowd) or raise ValueError with the reason why there is none."""
        if self.label_map is None:
            return self.found.setdefault(label, len(self.found) + 1), False
        known = self.label_map.find(label)
        if known is None:
            near = self.label_map.nearest(label)
            hint = f"; is {near!r} meant?" if near else ""
            raise ValueError(f"the label {printable(label, 60)!r} is not in the label map{hint}")
        name, crowd = known
        if not self.label_map[name].drawn:
            raise ValueError(f"the label {name!r} is never drawn")
        return self.label_map[name].id, crowd

    def written(self) -> list[str]:
        if self.label_map is None:
            rows = [(number, name, "") for name, number in self.found.items()]
        else:
            rows = sorted((label.id, label.name, label.category) for label in self.label_map if label.drawn)
        return [json.dumps({"id": number, "name": name, "supercategory": above}) for number, name, above in rows]


def _objects(shapes: Iterable[Shape]) -> Iterable[list[Shape]]:
    found: dict[tuple[object, ...], list[Shape]] = {}
    for place, shape in enumerate(shapes):
        key = (place,) if shape.group is None else (shape.label, shape.group)
        found.setdefault(key, []).append(shape)
    return found.values()


def _annotation(
    members: list[Shape], size: tuple[int, int], categories: _Categories
) -> tuple[dict[str, Any] | None, list[Problem]]:
    """Return shapes of one label as one annotation, if any pixel is left of them, and those that are not in it."""
    from pycocotools import mask as coco_mask

    kept: list[Shape] = []
    problems: list[Problem] = []
    runs: list[dict[str, Any]] = []
    polygons: list[list[float]] = []
    for shape in members:
        try:
            if shape.deleted:
                raise ValueError("deleted")
            if shape.kind == "mask":
                runs.append(runlength.encode(shape, *size))
            else:
                polygons.append(_flat(shape))
                runs += coco_mask.frPyObjects(polygons[-1:], size[1], size[0])
            kept.append(shape)
        except ValueError as error:
            problems.append(Problem(f"object {shape.number}", str(error), shape.number))
    if not kept:
        return None, problems
    whole = coco_mask.merge(runs)
    try:
        if not coco_mask.area(whole):
            raise ValueError("covers no pixel of the image")
        category_id, crowd = categories.find(members[0].label)
    except ValueError as error:
        return None, problems + [Problem(f"object {shape.number}", str(error), shape.number) for shape in kept]
    segmentation: Any = [[int(v) if v.is_integer() else v for v in polygon] for polygon in polygons]
    if crowd or len(polygons) < len(kept):
        segmentation = {"size": whole["size"], "counts": whole["counts"].decode("ascii")}
    own = {
        "category_id": category_id,
        "segmentation": segmentation,
        "area": int(coco_mask.area(whole)),
        "bbox": coco_mask.toBbox(whole).tolist(),
        "iscrowd": int(crowd),
    }
    group = {} if kept[0].group is None else {"group_id": kept[0].group}
    return {key: value for key, value in kept[0].extra.items() if key not in ANNOTATION_KEYS} | own | group, problems


def _flat(shape: Shape) -> list[float]:
    points = outline(shape)
    if len(points) < 3:
        raise ValueError(f"a {shape.kind} of {len(points)} points has no area")
    length = np.abs(np.diff(points, axis=0, append=points[:1])).max(axis=1).sum()
    if length > MAX_OUTLINE:
        raise ValueError(f"its outline is {length:.0f} pixels long")
    flat: list[float] = points.ravel().tolist()
    return flat
