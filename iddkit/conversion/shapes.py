"""Shapes as the format that they are written in can hold them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from iddkit.annotation import POLYGON, Problem, Shape
from iddkit.geometry import has_holes, outline, polygons

#: Formats that hold nothing but polygons, and the kinds that their writer turns into one by itself.
_POLYGONS_ONLY: Mapping[str, frozenset[str]] = {
    "cityscapes": frozenset({POLYGON}),
    "labelme-xml": frozenset({POLYGON, "rectangle"}),
}

# labelme's image and masks inside the file: of no use to another tool, and larger than all the rest.
_ONLY_FOR_LABELME = ("imageData", "mask")


def fit(shapes: tuple[Shape, ...], came_from: str, to: str) -> tuple[tuple[Shape, ...], tuple[Problem, ...]]:
    """Return shapes read from the format `came_from` as `to` can hold them, and what changes by that.

    Where `to` knows only polygons, a mask becomes a polygon for each of its parts, of one group, and circles and
    boxes become polygons. What has no area is left out if it would become one.
    """
    if came_from == to:
        return shapes, ()
    fitted: list[Shape] = []
    problems: list[Problem] = []
    for shape in shapes:
        text = ""
        mine = replace(shape, extra=carried(shape.extra, to))
        if to not in _POLYGONS_ONLY or shape.kind in _POLYGONS_ONLY[to]:
            fitted.append(mine)
            continue
        try:
            parts = _as_polygons(mine)
            fitted += parts
            if shape.kind == "mask" and shape.mask is not None and has_holes(shape.mask):
                text = "the mask has holes, which its outline fills"
            elif not any(len(part.points) > 2 for part in parts):
                text = f"a {shape.kind}, written as {len(parts and parts[0].points)} points, which are not drawn"
        except ValueError as error:
            text = str(error)
        if text:
            problems.append(Problem(f"object {shape.number}", text, shape.number))
    return tuple(fitted), tuple(problems)


def _as_polygons(shape: Shape) -> list[Shape]:
    if shape.kind != "mask":
        return [replace(shape, kind=POLYGON, points=outline(shape))]
    rings = polygons(shape)
    group = shape.group
    if len(rings) > 1 and group is None:
        group = f"mask {shape.number}"
    return [replace(shape, kind=POLYGON, mask=None, group=group, points=ring) for ring in rings]


def carried(extra: Mapping[str, Any], to: str) -> Mapping[str, Any]:
    """Return the source format's own keys that are written into a file of another format.

    Formats with room for unknown keys carry them, so that what comes back from another tool is complete; COCO
    files carry none.
    """
    if to == "coco":
        return {}
    dropped = () if to == "labelme-json" else _ONLY_FOR_LABELME
    return {key: value for key, value in extra.items() if key not in dropped}
