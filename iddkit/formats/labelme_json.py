"""The JSON of labelme (wkentaro/labelme), versions 3 to 7: all nine types of shape, masks, groups, flags.

What labelme reads is read, and what it once wrote: ``shape_type`` absent or null is a polygon, ``imageHeight`` and
``imageWidth`` may be absent. Keys that `iddkit.annotation` has no place for are kept and written again, the image
inside the file (``imageData``) among them. labelme cannot delete a shape; here a shape's flag ``deleted`` does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iddkit.annotation import (
    POLYGON,
    Annotation,
    Problem,
    Reading,
    Shape,
    as_points,
    check_kind,
    check_size,
    point_list,
)
from iddkit.errors import AnnotationError, printable
from iddkit.formats.embedded_image import PixelBudget, decode_mask, encode_mask, read_size

#: Stated in files that did not come from labelme: the first version that writes all the keys that `dump` writes.
VERSION = "5.5.0"

#: labelme opens no file that has a shape without points. `dump` puts such shapes under this key of the file.
EMPTY_SHAPES = "emptyShapes"

_SHAPE_OWN = ("label", "points", "shape_type", "group_id")


def parse(document: Mapping[str, Any], path: Path) -> Reading:
    """Read a decoded labelme document.

    The size is that which the file states, else that of the image inside it, else unknown (0 and 0).

    Raises
    ------
    AnnotationError
        ``shapes`` is no list, or the size is impossible.
    """
    items = document.get("shapes")
    if not isinstance(items, list):
        raise AnnotationError("'shapes' is not a list", path=path)
    extra = {k: v for k, v in document.items() if k not in ("shapes", "imagePath", "imageHeight", "imageWidth")}
    if isinstance(extra.get(EMPTY_SHAPES), list):
        items = items + extra.pop(EMPTY_SHAPES)
    problems: list[Problem] = []
    width, height = _stated_size(document, path)
    if document.get("imageData") is not None:
        try:
            inside = read_size(document["imageData"])
            if not width:
                width, height = inside
                # So that a file which leaves its size to the image is written again as it was.
                extra |= {k: document[k] for k in ("imageHeight", "imageWidth") if k in document}
            elif inside != (width, height):
                raise ValueError(f"the image is {inside[0]} x {inside[1]}, the file says {width} x {height}")
        except ValueError as error:
            problems.append(Problem("imageData", str(error)))
    image = document.get("imagePath")
    if not isinstance(image, str):
        if image is not None:
            problems.append(Problem("imagePath", f"{_shown(image)} is not text"))
        image = ""
    elif "\\" in image:
        # labelme on Windows writes its separator, labelme anywhere reads it.
        extra["imagePath"] = image
        image = image.replace("\\", "/")
    shapes = []
    budget = PixelBudget()
    for number, item in enumerate(items):
        try:
            shapes.append(_shape(number, item, budget))
        except ValueError as error:  # PointsError among them
            problems.append(Problem(f"object {number}", str(error), number))
    return Reading(Annotation(width, height, tuple(shapes), image, extra), tuple(problems), "labelme-json")


def _stated_size(document: Mapping[str, Any], path: Path) -> tuple[int, int]:
    width, height = (_whole(document.get(key)) for key in ("imageWidth", "imageHeight"))
    if width is None or height is None:
        return 0, 0
    wrong = check_size(width, height)
    if wrong:
        raise AnnotationError(wrong, path=path)
    return width, height


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _shown(value: Any) -> str:
    try:
        return printable(repr(value), 40)
    except (RecursionError, ValueError):  # nested too deeply, or an integer of thousands of digits
        return f"a {type(value).__name__}"


def _shape(number: int, item: Any, budget: PixelBudget) -> Shape:
    if not isinstance(item, dict):
        raise ValueError("not a JSON object")
    for key in ("label", "points"):
        if key not in item:
            raise ValueError(f"the key {key!r} is missing")
    label, kind, group = item["label"], item.get("shape_type"), _whole(item.get("group_id"))
    if not isinstance(label, str):
        raise ValueError("the label is not text")
    if kind is not None and not isinstance(kind, str):
        raise ValueError(f"the shape type is {_shown(kind)}, not text")
    kind = kind or POLYGON
    points = as_points(item["points"])
    wrong = check_kind(kind, len(points))
    if wrong:
        raise ValueError(wrong)
    if isinstance(group, bool) or not isinstance(group, int | str | None):
        raise ValueError(f"the group is {_shown(group)}, not a number")
    flags = item.get("flags")
    if not isinstance(flags, dict | None):
        raise ValueError(f"the flags are {_shown(flags)}, not a JSON object")
    extra = {key: value for key, value in item.items() if key not in _SHAPE_OWN}
    if label != label.strip():
        extra["label"] = label
    return Shape(
        label.strip(),
        points,
        kind,
        number,
        deleted=_is_deleted(flags),
        group=group,
        author=_text(item.get("author")),
        date=_text(item.get("date")),
        mask=_mask(item.get("mask"), points, budget) if kind == "mask" else None,
        extra=extra,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _mask(text: Any, points: NDArray[np.float64], budget: PixelBudget) -> NDArray[np.bool_]:
    """Return the patch of a mask, bool (h, w), whose first pixel is the rounded first point.

    As labelme 7.1 draws it (``shapes_to_label`` in its ``examples/utils.py``): the points are the first and the last
    pixel. If they are whole numbers, a larger patch is cut to them; if not, the patch's own size counts.
    """
    whole = np.array_equal(points, np.trunc(points))
    width, height = (int(v) + 1 for v in points[1] - points[0])
    try:
        return decode_mask(text, (width, height) if whole else None, budget)
    except ValueError as error:
        raise ValueError(f"mask: {error}") from error


def dump(annotation: Annotation) -> bytes:
    """Return the file's content, which labelme opens: UTF-8 JSON, laid out as labelme does.

    Every key that `parse` found is written again. What another format holds and labelme has no place for:

    - a deleted shape has the flag ``deleted``;
    - groups that are text are numbered, from the largest number on;
    - shapes without points stand apart (`EMPTY_SHAPES`): labelme would not open the file;
    - a key that means something else to labelme (``flags`` that are a list, say) becomes ``original_flags``.

    labelme finds the image by ``imagePath``, relative to the file: set `Annotation.image` before.

    Raises
    ------
    ValueError
        A shape of kind ``mask`` has none.
    """
    texts = dict.fromkeys(shape.group for shape in annotation.shapes if isinstance(shape.group, str))
    first = max((shape.group for shape in annotation.shapes if isinstance(shape.group, int)), default=-1) + 1
    numbers = {text: first + i for i, text in enumerate(texts)}
    items = [_item(shape, numbers) for shape in annotation.shapes]
    empty = [item for item in items if not item["points"]]
    fits: dict[str, Callable[[Any], bool]] = {
        "version": _is_text,
        "flags": _are_flags,
        "shapes": _never,
        "imagePath": lambda path: _is_text(path) and path.replace("\\", "/") == annotation.image,
        "imageData": _is_text_or_null,
        # Not by `==` alone: False is 0 to Python, and no number to labelme.
        "imageHeight": lambda height: height is None or (type(height) is int and height == annotation.height),
        "imageWidth": lambda width: width is None or (type(width) is int and width == annotation.width),
        EMPTY_SHAPES: lambda value: not empty and not isinstance(value, list),
    }
    document = {
        "version": VERSION,
        "flags": {},
        "shapes": [item for item in items if item["points"]],
        "imagePath": annotation.image,
        "imageData": None,
        "imageHeight": annotation.height or None,
        "imageWidth": annotation.width or None,
        **_fitting(annotation.extra, fits),
        **({EMPTY_SHAPES: empty} if empty else {}),
    }
    text = json.dumps(document, indent=2, ensure_ascii=False)
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which only an escape can hold
        return json.dumps(document, indent=2).encode()


def _item(shape: Shape, numbers: Mapping[str, int]) -> dict[str, Any]:
    fits: dict[str, Callable[[Any], bool]] = {
        "label": lambda label: _is_text(label) and label.strip() == shape.label,
        "points": _never,
        "group_id": _never,
        "description": _is_text_or_null,
        "shape_type": _never,
        "flags": _are_flags,
        "mask": lambda mask: mask is None or shape.kind == "mask",
    }
    item: dict[str, Any] = {
        "label": shape.label,
        "points": point_list(shape.points),
        "group_id": numbers[shape.group] if isinstance(shape.group, str) else shape.group,
        "description": "",
        "shape_type": shape.kind,
        "flags": {},
        "mask": None,
        **_fitting(shape.extra, fits),
    }
    if shape.kind == "mask":
        item |= _mask_keys(shape)
    if shape.deleted != _is_deleted(item["flags"]):
        item["flags"] = {**(item["flags"] or {}), "deleted": shape.deleted}
    item |= {"author": shape.author} if shape.author and not item.get("author") else {}
    item |= {"date": shape.date} if shape.date and not item.get("date") else {}
    return item


def _fitting(extra: Mapping[str, Any], fits: Mapping[str, Callable[[Any], bool]]) -> dict[str, Any]:
    return {k if k not in fits or fits[k](v) else f"original_{k}": v for k, v in extra.items()}


def _never(_: Any) -> bool:
    return False


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_text_or_null(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _are_flags(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and all(type(flag) is bool for flag in value.values()))


def _is_deleted(flags: Mapping[str, Any] | None) -> bool:
    return flags is not None and flags.get("deleted") is True


def _mask_keys(shape: Shape) -> dict[str, Any]:
    if shape.mask is None:
        raise ValueError(f"object {shape.number} is a mask without pixels")
    kept = shape.extra.get("mask")
    try:
        if np.array_equal(_mask(kept, shape.points, PixelBudget()), shape.mask):
            return {"mask": kept}  # as the file had it: no two encoders write the same bytes
    except ValueError:
        pass
    # The corners that make labelme place the patch where it lies, and cut nothing off.
    (x, y), (height, width) = shape.points[0].round(), shape.mask.shape
    corners = np.array([[x, y], [x + width - 1, y + height - 1]])
    return {"points": point_list(corners), "mask": encode_mask(shape.mask)}
