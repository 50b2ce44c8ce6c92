"""COCO instances: one JSON file for many frames, each object with its polygons or its run-length encoded mask.

COCO knows no depth order: every object is written with the whole outline that the annotator drew, also where a
nearer object covers it. Masks in which each pixel has one owner are what COCO's panoptic format is for
(`iddkit.panoptic`). The format is described at https://cocodataset.org/#format-data; where that is silent,
pycocotools decides. Only `pycocotools.mask` is used: `pycocotools.coco` imports matplotlib.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iddkit import files
from iddkit.annotation import POLYGON, Annotation, PointsError, Problem, Reading, Shape, as_points, check_size
from iddkit.errors import AnnotationError, UnknownFormatError, printable
from iddkit.formats import decode_json, runlength
from iddkit.formats.coco_writer import ANNOTATION_KEYS, Written, dump_instances

__all__ = ["Instances", "Written", "dump_instances", "is_instances", "parse", "read"]

#: One file holds a whole dataset: COCO's own train2017 has 470 MB, IDD's frames would have 1.2 GB.
MAX_BYTES = 2**31

_IMAGE_OWN = ("id", "file_name", "width", "height")


@dataclass(frozen=True, slots=True)
class Instances:
    """What a COCO file holds.

    Attributes
    ----------
    frames
        The image's file name and what was read of its objects, in the order of the file; `Shape.number` is the place in
        the list of annotations. An annotation of several polygons is several shapes of one number and one group.
    problems
        Annotations of no image of this file, and images and categories that could not be read.
    """

    frames: tuple[tuple[str, Reading], ...]
    problems: tuple[Problem, ...] = ()


def read(path: str | Path) -> Instances:
    """Read a COCO instances file.

    Raises
    ------
    AnnotationError
        Nothing of the file can be read.
    """
    path = Path(path)
    document = decode_json(files.read_bytes(path, limit=MAX_BYTES), path)
    if not is_instances(document):
        raise AnnotationError("not COCO: the keys 'images' and 'annotations' are missing", path=path)
    return parse(document, path)


def is_instances(document: Any) -> bool:
    """Return whether a decoded JSON value claims to be a COCO file."""
    return isinstance(document, dict) and {"images", "annotations"} <= document.keys()


def parse(document: Mapping[str, Any], path: Path) -> Instances:
    """Read a decoded COCO document.

    Polygons stay polygons, with their points as they are; masks, compressed or not, become shapes of kind
    ``mask``, cut to their bounding box. Of a crowd (``iscrowd``) the label is the category's name + ``group``.

    Raises
    ------
    AnnotationError
        A list is missing, or the file is COCO's panoptic format.
    """
    for key in ("images", "annotations", "categories"):
        if not isinstance(document.get(key), list):
            raise AnnotationError(f"not COCO instances: there is no list {key!r}", path=path)
    annotations = document["annotations"]
    if annotations and isinstance(annotations[0], dict) and "segments_info" in annotations[0]:
        raise UnknownFormatError("COCO's panoptic format; only instances can be read", path=path)
    problems: list[Problem] = []
    categories = _categories(document["categories"], problems)
    images = _images(document["images"], problems)
    shapes: dict[int | str, list[Shape]] = {key: [] for key in images}
    problems_of: dict[int | str, list[Problem]] = {key: [] for key in images}
    ids: set[int | str] = set()
    for number, item in enumerate(annotations):
        image_id, identity = _identity(item, "image_id"), _identity(item, "id")
        if image_id is None or image_id not in images:
            text = f"no image of this file has the id {_shown(item, 'image_id')}"
            problems.append(Problem(_where(number, item), text, number))
            continue
        # Merged files number their annotations twice; the parts of each belong together all the same.
        unique = f"annotation number {number}" if identity is None or identity in ids else identity
        ids.add(unique)
        try:
            shapes[image_id] += _shapes(number, item, unique, categories, images[image_id].size)
        except ValueError as error:
            problems_of[image_id].append(Problem(_where(number, item), str(error), number))
    frames = (
        (image.image, Reading(_with_shapes(image, shapes[key]), tuple(problems_of[key]), "coco"))
        for key, image in images.items()
    )
    return Instances(tuple(frames), tuple(problems))


def _with_shapes(image: Annotation, shapes: list[Shape]) -> Annotation:
    return Annotation(image.width, image.height, tuple(shapes), image.image, image.extra)


def _identity(item: Any, key: str) -> int | str | None:
    value = item.get(key) if isinstance(item, dict) else None
    return value if isinstance(value, (int, str)) and not isinstance(value, bool) else None


def _shown(item: Any, key: str) -> str:
    return printable(repr(item.get(key)) if isinstance(item, dict) else "?", 40)


def _where(number: int, item: Any, noun: str = "annotation") -> str:
    identity = _identity(item, "id")
    # An integer of thousands of digits cannot be printed, and need not.
    if identity is None or (isinstance(identity, int) and abs(identity) >= 10**20):
        return f"{noun} number {number}"
    return f"{noun} id {printable(str(identity), 40)}"


def _categories(items: list[Any], problems: list[Problem]) -> dict[int | str, str]:
    found: dict[int | str, str] = {}
    for number, item in enumerate(items):
        identity = _identity(item, "id")
        name = item.get("name") if isinstance(item, dict) else None
        if identity is None or not isinstance(name, str) or not name.strip():
            problems.append(Problem(_where(number, item, "category"), "it has no id or no name"))
        elif found.setdefault(identity, name.strip()) != name.strip():
            problems.append(Problem(_where(number, item, "category"), "the id stands twice; the first name counts"))
    return found


def _images(items: list[Any], problems: list[Problem]) -> dict[int | str, Annotation]:
    found: dict[int | str, Annotation] = {}
    for number, item in enumerate(items):
        identity = _identity(item, "id")
        name = item.get("file_name") if isinstance(item, dict) else None
        width, height = (item.get(key) if isinstance(item, dict) else None for key in ("width", "height"))
        if identity is None or not isinstance(name, str) or not name.strip():
            text: str | None = "it has no id or no file name"
        elif identity in found:
            text = "the id stands twice; the first image counts"
        else:
            text = None if width is None and height is None else check_size(width, height)
        if text is None and identity is not None and isinstance(name, str):
            extra = {key: value for key, value in item.items() if key not in _IMAGE_OWN}
            found[identity] = Annotation(width or 0, height or 0, (), name, extra)
        else:
            problems.append(Problem(_where(number, item, "image"), text or ""))
    return found


def _shapes(
    number: int, item: Any, unique: int | str, categories: Mapping[int | str, str], size: tuple[int, int]
) -> list[Shape]:
    category = _identity(item, "category_id")
    if category is None or category not in categories:
        raise ValueError(f"no category of this file has the id {_shown(item, 'category_id')}")
    crowd = item.get("iscrowd", 0)
    if not isinstance(crowd, (bool, int)) or crowd not in (0, 1):
        raise ValueError(f"'iscrowd' is {_shown(item, 'iscrowd')}, not 0 or 1")
    label = categories[category] + ("group" if crowd else "")
    group = _identity(item, "group_id")
    extra = {key: value for key, value in item.items() if key not in ANNOTATION_KEYS}
    segmentation = item.get("segmentation")
    if isinstance(segmentation, dict):
        points, mask = runlength.decode(segmentation, size)
        return [Shape(label, points, "mask", number, group=group, mask=mask, extra=extra)]
    if not isinstance(segmentation, list):
        raise ValueError("no segmentation" if segmentation is None else "the segmentation is no list and no mask")
    if not segmentation:
        raise ValueError("the segmentation is empty")
    if len(segmentation) > 1 and group is None:
        group = unique
    return [
        Shape(label, _polygon(i, values), POLYGON, number, group=group, extra=extra)
        for i, values in enumerate(segmentation)
    ]


def _polygon(i: int, values: Any) -> NDArray[np.float64]:
    if not isinstance(values, list):
        raise ValueError(f"polygon {i} is no list of numbers")
    if len(values) % 2:
        raise ValueError(f"polygon {i} has an odd count of numbers: {len(values)}")
    try:
        return as_points(list(zip(values[::2], values[1::2], strict=True)))
    except PointsError as error:
        raise ValueError(f"polygon {i}: {error}") from error
