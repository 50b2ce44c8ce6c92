"""The polygon JSON of the Cityscapes annotation tool, as Cityscapes and IDD publish it.

One object per polygon with ``label`` and ``polygon``; IDD's files add ``id``, ``deleted``, ``verified``, ``user``,
``date`` and ``draw``. Unknown keys, of the file and of each object, are kept and written again. ``group_id`` is
iddkit's own: labelme's group, for files that were converted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from iddkit.annotation import (
    MAX_COORDINATE,
    MAX_POINTS,
    Annotation,
    Problem,
    Reading,
    Shape,
    as_points,
    check_size,
    point_list,
)
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


class _Object(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    # gc=False: thousands of short-lived objects in which no cycle can be.
    label: str
    polygon: list[tuple[float, float]]
    deleted: int | bool | msgspec.UnsetType = msgspec.UNSET
    id: Any = msgspec.UNSET
    verified: Any = msgspec.UNSET
    user: Any = msgspec.UNSET
    date: Any = msgspec.UNSET
    draw: Any = msgspec.UNSET
    group_id: Any = msgspec.UNSET


class _Document(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    imgWidth: int  # noqa: N815 - the file's own names
    imgHeight: int  # noqa: N815
    objects: list[_Object]


_PLAIN = msgspec.json.Decoder(_Document)
_PLAIN_KEYS = ("deleted", "id", "verified", "user", "date", "draw", "group_id")


def parse_plain(content: bytes) -> Reading | None:
    """Read a file that holds IDD's keys and nothing unusual, in half the time of `parse`, and as `parse` does.

    None for every other file: `parse` reads it, or says what is wrong.
    """
    try:
        document = _PLAIN.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # a ValidationError is a DecodeError
        return None
    pairs: list[tuple[float, float]] = []
    for item in document.objects:
        pairs += item.polygon
    points = np.fromiter(chain.from_iterable(pairs), np.float64, 2 * len(pairs)).reshape(-1, 2)
    if check_size(document.imgWidth, document.imgHeight) or not (np.abs(points) <= MAX_COORDINATE).all():
        return None
    shapes, start = [], 0
    for number, item in enumerate(document.objects):
        extra = {key: value for key in _PLAIN_KEYS if (value := getattr(item, key)) is not msgspec.UNSET}
        end = start + len(item.polygon)
        if end - start > MAX_POINTS or extra.get("deleted", 0) not in (0, 1):
            return None
        shapes.append(_make(number, item.label, points[start:end], extra))
        start = end
    return Reading(Annotation(document.imgWidth, document.imgHeight, tuple(shapes)), (), "cityscapes")


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
    extra = {key: value for key, value in item.items() if key not in _OBJECT_OWN}
    return _make(number, item["label"], as_points(item["polygon"]), extra)


def _make(number: int, label: str, points: NDArray[np.float64], extra: dict[str, Any]) -> Shape:
    group = extra.get("group_id")
    return Shape(
        label,
        points,
        number=number,
        deleted=bool(extra.get("deleted", 0)),
        group=group if isinstance(group, (int, str)) and not isinstance(group, bool) else None,
        author=_text(extra.get("user")),
        date=_text(extra.get("date")),
        extra=extra,
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
