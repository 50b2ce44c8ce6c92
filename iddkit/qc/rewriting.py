"""An annotation file with one object changed, and all else as it was, down to the way it is laid out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np

from iddkit import formats
from iddkit.annotation import Annotation, Reading, Shape, point_list
from iddkit.errors import AnnotationError
from iddkit.qc.spoiling import Spoiled

# Where a JSON format has its objects, and an object its points.
_KEYS: Final = {"cityscapes": ("objects", "polygon"), "labelme-json": ("shapes", "points")}

# How tools lay out JSON: Python's two, without blanks, and indented.
_LAYOUTS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"separators": (",", ":")},
    *({"indent": indent} for indent in (4, 2, 1)),
)


def rewrite(content: bytes, reading: Reading, spoiled: Spoiled, path: Path) -> bytes:
    """Return the file of a spoiled annotation.

    Parameters
    ----------
    content, path
        Of the file as it is.
    reading
        What was read from it.
    spoiled
        Made of the annotation of `reading`, perhaps with the size of its image.

    Raises
    ------
    AnnotationError
        The file cannot be written so that nothing else changes: objects of it could not be read, say.
    """
    if reading.problems:
        raise AnnotationError(f"not all of it can be read: {reading.problems[0]}", path=path)
    made = _rewrite_json(content, reading.format, spoiled) if reading.format in _KEYS else None
    if made is None:
        made = formats.dumper(reading.format)(spoiled.annotation.with_size(*reading.annotation.size))
    again = formats.parse(made, path)
    if again.problems or not _is_only_change(reading.annotation, again.annotation, spoiled):
        raise AnnotationError("cannot be written again without another change", path=path)
    return made


def _rewrite_json(content: bytes, name: str, spoiled: Spoiled) -> bytes | None:
    """Return the same document with one object changed; None if it is laid out as no tool that is known does."""
    try:
        text = content.decode()
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    body = text.rstrip()
    layout = next((its for its in _layouts() if json.dumps(document, **its) == body), None)
    if layout is None:
        return None
    items, points = _KEYS[name]
    if spoiled.changed is None:
        del document[items][spoiled.number]
    else:
        item = document[items][spoiled.number]
        if spoiled.changed.label != str(item["label"]).strip():
            item["label"] = spoiled.changed.label
        else:
            item[points] = point_list(spoiled.changed.points)
    return (json.dumps(document, **layout) + text[len(body) :]).encode()


def _layouts() -> Iterator[dict[str, Any]]:
    for layout, is_plain in product(_LAYOUTS, (True, False)):
        yield {**layout, "ensure_ascii": is_plain}


def _is_only_change(before: Annotation, after: Annotation, spoiled: Spoiled) -> bool:
    expected = [
        spoiled.changed if shape.number == spoiled.number else shape
        for shape in before.shapes
        if shape.number != spoiled.number or spoiled.changed is not None
    ]
    return (
        (before.size, before.image, dict(before.extra)) == (after.size, after.image, dict(after.extra))
        and len(expected) == len(after.shapes)
        and all(one is not None and _is_same(one, other) for one, other in zip(expected, after.shapes, strict=True))
    )


def _is_same(one: Shape, other: Shape) -> bool:
    def plain(shape: Shape) -> tuple[object, ...]:
        kept = {key: value for key, value in shape.extra.items() if key != "label"}
        return shape.label, shape.kind, shape.deleted, shape.group, shape.author, shape.date, kept

    return (
        plain(one) == plain(other)
        and np.array_equal(one.points, other.points)
        and (one.mask is None) == (other.mask is None)
        and (one.mask is None or other.mask is None or np.array_equal(one.mask, other.mask))
    )
