"""The polygon JSON of the Cityscapes annotation tool, as Cityscapes and IDD publish it.

One object per polygon with ``label`` and ``polygon``; IDD's files add ``id``, ``deleted``, ``verified``, ``user``,
``date`` and ``draw``. Unknown keys, of the file and of each object, are kept and written again. ``group_id`` is
iddkit's own: labelme's group, for files that were converted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from iddkit.annotation import Annotation, Problem, Reading, Shape, as_points, check_size, point_list
from iddkit.errors import AnnotationError, shown
from iddkit.geometry import outline

_OWN = ("imgWidth", "imgHeight", "objects")
_OBJECT_OWN = ("label", "polygon")


def parse(document: Mapping[str, Any], path: Path) -> Reading:
    """Read a decoded Cityscapes document.

    Raises
    ------
    AnnotationError
        The size is missing or impossible, or ``objects`` is no list.
    """
    for key in _OWN:
        if key not in document:
            raise AnnotationError(f"the key {key!r} is missing", path=path)
    width, height = (_whole(document[key]) for key in ("imgWidth", "imgHeight"))
    wrong = check_size(width, height)
    if wrong:
        raise AnnotationError(wrong, path=path)
    if not isinstance(document["objects"], list):
        raise AnnotationError("'objects' is not a list", path=path)
    shapes, problems = [], []
    for number, item in enumerate(document["objects"]):
        try:
            shapes.append(_shape(number, item))
        except ValueError as error:  # PointsError among them
            problems.append(Problem(f"object {number}", str(error), number))
    extra = {key: value for key, value in document.items() if key not in _OWN}
    return Reading(Annotation(width, height, tuple(shapes), extra=extra), tuple(problems), "cityscapes")


def _whole(value: Any) -> Any:
    # Some writers put 1920.0; the peer's reader takes int() of it.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _shape(number: int, item: Any) -> Shape:
    if not isinstance(item, dict):
        raise ValueError("not a JSON object")
    for key in _OBJECT_OWN:
        if key not in item:
            raise ValueError(f"the key {key!r} is missing")
    if not isinstance(item["label"], str):
        raise ValueError("the label is not text")
    deleted = item.get("deleted", 0)
    if not isinstance(deleted, (bool, int)) or deleted not in (0, 1):
        raise ValueError(f"'deleted' is {shown(deleted)}, not 0 or 1")
    group = item.get("group_id")
    return Shape(
        item["label"],
        as_points(item["polygon"]),
        number=number,
        deleted=bool(deleted),
        group=group if isinstance(group, (int, str)) and not isinstance(group, bool) else None,
        author=_text(item.get("user")),
        date=_text(item.get("date")),
        extra={key: value for key, value in item.items() if key not in _OBJECT_OWN},
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def dump(annotation: Annotation) -> bytes:
    """Return the file's content: UTF-8 JSON with sorted keys, as the tool writes it.

    Every key that `parse` found is written again, so reading and writing loses nothing. Shapes that are no
    polygon become one (`iddkit.geometry.outline`).
    """
    document = dict(annotation.extra) | {
        "imgWidth": annotation.width,
        "imgHeight": annotation.height,
        "objects": [_object(shape) for shape in annotation.shapes],
    }
    text = json.dumps(document, indent=4, sort_keys=True, ensure_ascii=False) + "\n"
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can hold as an escape only
        return (json.dumps(document, indent=4, sort_keys=True) + "\n").encode()


def _object(shape: Shape) -> dict[str, Any]:
    item = dict(shape.extra)
    item |= {"label": shape.label, "polygon": point_list(outline(shape))}
    if shape.deleted != bool(item.get("deleted", 0)):
        item["deleted"] = int(shape.deleted)
    if shape.group is not None:
        item["group_id"] = shape.group
    if shape.author and not item.get("user"):
        item["user"] = shape.author
    if shape.date and not item.get("date"):
        item["date"] = shape.date
    return item
