"""The XML of the LabelMe web tool (Russell et al., IJCV 2008), one file per image.

What the tool reads and writes is taken from its source (CSAILVision/LabelMeAnnotationTool at 99e70d4,
``annotationTools/js``: handler.js, xml_accessors.js, startup.js, scribble.js), and what else occurs from files that
people have: numbers padded with newlines, ``<imagesize>`` absent or empty, thousands of objects without a polygon.

- An object without a polygon (types ``plane`` and ``box`` of the 3D tool, scribbles that were never segmented), with an
  empty one or with blank points is a shape without points: nothing to draw, and no error. So is one without a name.
- The tool draws the first polygon of an object. So does iddkit, and says so; the others are kept.
- A segmentation (``<segm>``) is read from its PNG file: see `iddkit.formats.mask_file`. An object that has a polygon as
  well is read as the mask only while that polygon is nothing but the mask's outline, as `dump` writes it.
- Nothing is guessed: a decimal comma, a missing y, two different names make the object a `Problem`.
- A PASCAL VOC file has the same root element and boxes (``<bndbox>``). They are read as rectangles, with the numbers
  as they stand, and a `Problem` says that it is such a file: boxes filled are no ground truth.
- Everything else is kept in ``extra`` as dictionaries and texts (`iddkit.formats.xml_values`): of an object
  ``occluded``, ``verified``, ``attributes``, ``parts``, ``id``, ``segm`` ..., and under ``polygon`` what that holds
  beside points and username: ``closed_date``, and as ``pt`` a list of what each point has beside x and y.

Lost are XML attributes of the elements that iddkit reads itself (``<name>``, ``<x>`` ...), and empty ``<pt>``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from iddkit.annotation import (
    MAX_COORDINATE,
    MAX_POINTS,
    POLYGON,
    Annotation,
    Problem,
    Reading,
    Shape,
    as_points,
    check_size,
)
from iddkit.errors import AnnotationError, UnknownFormatError, printable
from iddkit.formats.mask_file import MaskFolder
from iddkit.formats.xml_values import fields, local_name, one_text, text, value, write, write_element
from iddkit.geometry import outline

_IN_ROOT = frozenset({"filename", "imagesize", "object"})
_IN_OBJECT = frozenset({"name", "deleted", "date", "group_id", "polygon"})

_IN_POLYGON, _IN_POINT, _IN_SIZE = frozenset({"username", "pt"}), frozenset({"x", "y"}), frozenset({"nrows", "ncols"})

_YES, _NO = frozenset({"1", "yes", "true"}), frozenset({"", "0", "no", "false"})

#: A coordinate has no more characters (the smallest double, written out, has 326).
_MAX_DIGITS = 400

# What the tool gives every object, and every file.
_OBJECT_DEFAULTS: Mapping[str, Any] = {
    "verified": "0",
    "occluded": "",
    "attributes": "",
    "parts": {"hasparts": "", "ispartof": ""},
}
_ROOT_DEFAULTS: Mapping[str, Any] = {"folder": "", "source": {"sourceImage": "", "sourceAnnotation": "iddkit"}}


def parse(document: Element, path: Path) -> Reading:
    """Read the root element of a LabelMe document.

    The size is that of ``<imagesize>``, else that of the masks, else unknown (0 and 0).

    Raises
    ------
    AnnotationError
        The root element is not ``<annotation>``, or what is not an object is nested too deeply.
    """
    name = local_name(document.tag)
    if name.lower() != "annotation":
        raise UnknownFormatError(f"no LabelMe file: the root element is <{printable(name, 40)}>", path=path)
    problems: list[Problem] = []
    try:
        own, extra = fields(document, _IN_ROOT)
        image = one_text(own, "filename")
    except ValueError as error:
        raise AnnotationError(str(error), path=path) from error
    width = height = 0
    try:
        width, height = _size(own.get("imagesize", []), extra)
    except ValueError as error:
        problems.append(Problem("imagesize", str(error)))
    masks = MaskFolder(path, width, height)
    shapes = []
    for number, element in enumerate(own.get("object", [])):
        try:
            shape, more = _shape(number, element, masks)
        except ValueError as error:  # PointsError among them
            problems.append(Problem(f"object {number}", str(error), number))
        else:
            shapes.append(shape)
            if more:
                # Without a number: the object was read, and counts once.
                problems.append(Problem(f"object {number}", f"{more} more outlines are kept, but the first one counts"))
    boxes = sum(shape.kind == "rectangle" for shape in shapes)
    if boxes:
        problems.append(Problem("", f"a PASCAL VOC file: {boxes} objects are boxes without an outline"))
    return Reading(Annotation(*masks.size, tuple(shapes), image, extra), tuple(problems), "labelme-xml")


def _size(elements: list[Element], extra: dict[str, Any]) -> tuple[int, int]:
    """Return width and height, (0, 0) if not stated; other content of ``<imagesize>`` is added to `extra`."""
    found: dict[str, list[Element]] = {}
    rest: dict[str, Any] = {}
    for element in elements:
        own, other = fields(element, _IN_SIZE)
        rest |= other
        for name, children in own.items():
            found.setdefault(name, []).extend(children)
    if rest:
        extra["imagesize"] = rest
    stated = [one_text(found, "ncols"), one_text(found, "nrows")]
    if stated == ["", ""] and isinstance(extra.get("size"), dict):  # PASCAL VOC
        stated = [text(extra["size"].get(key)) for key in ("width", "height")]
    if stated == ["", ""]:
        return 0, 0
    width, height = (_whole(number) for number in stated)
    wrong = check_size(width, height)
    if wrong:
        raise ValueError(wrong)
    return width, height


def _whole(number: str) -> Any:
    try:
        return int(parsed) if (parsed := _number(number, "")).is_integer() else parsed
    except ValueError:
        return number


def _shape(number: int, element: Element, masks: MaskFolder) -> tuple[Shape, int]:
    """Return an object, and how many outlines it has beside the one that counts."""
    own, extra = fields(element, _IN_OBJECT)
    label = " ".join(one_text(own, "name").split())
    is_deleted = one_text(own, "deleted").lower()
    if is_deleted not in _YES | _NO:
        raise ValueError(f"<deleted> is {printable(repr(is_deleted), 40)}, not 0 or 1")
    deleted = is_deleted in _YES
    points, author, more = _polygon(own.get("polygon", []), extra)
    names = [segment["mask"] for segment in _segments(extra) if segment.get("mask")]
    kind, mask = POLYGON, None
    if names:
        try:
            patch = masks.read(names[0])
        except ValueError:
            # The polygon stands for the mask; and nobody draws what is deleted.
            if not len(points) and not deleted:
                raise
            patch = None
        if patch is not None and (not len(points) or masks.has_outline(names[0], points)):
            kind, (points, mask) = "mask", patch
    elif not len(points) and isinstance(extra.get("bndbox"), dict):
        points = _box(extra["bndbox"])
        kind = "rectangle" if len(points) else POLYGON
    group, date = _group(one_text(own, "group_id")), one_text(own, "date")
    shape = Shape(label, points, kind, number, deleted, group, author or _segment_author(extra), date, mask, extra)
    return shape, more + len(names[1:])


def _segments(extra: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [segment for segment in _listed(extra.get("segm")) if isinstance(segment, Mapping)]


def _segment_author(extra: Mapping[str, Any]) -> str:
    names = [segment.get("username") for segment in _segments(extra)]
    return next((name for name in names if name and isinstance(name, str)), "")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _group(name: str) -> int | str | None:
    # The tool has no groups; `dump` writes those of labelme, which are numbers.
    return int(name) if re.fullmatch("0|-?[1-9][0-9]{0,17}", name) else name or None


def _polygon(elements: list[Element], extra: dict[str, Any]) -> tuple[NDArray[np.float64], str, int]:
    """Return points, author, and the number of further polygons; what else they hold is added to `extra`."""
    if not elements:
        return np.empty((0, 2)), "", 0
    parts = [_polygon_parts(element) for element in elements]
    drawn = [i for i, (coordinates, _, _) in enumerate(parts) if coordinates]
    first = drawn[0] if drawn else 0
    coordinates, author, rest = parts[first]
    others = [value(element) for i, element in enumerate(elements) if i != first]
    if others or rest:
        extra["polygon"] = [rest, *others] if others else rest
    return _points(coordinates), author, len(drawn[1:])


def _polygon_parts(element: Element) -> tuple[list[tuple[str, str]], str, dict[str, Any]]:
    """Return the texts of x and y of each point, none if all are blank, the username, and all else."""
    plain = _plain_polygon(element)
    if plain is not None:
        coordinates, author = plain
        return coordinates if any(x or y for x, y in coordinates) else [], author, {}
    own, rest = fields(element, _IN_POLYGON)
    if "pt" not in own and {"x", "y"} <= rest.keys():
        raise ValueError("a polygon of the video tool, with all frames in one list, is not read")
    coordinates = []
    others: dict[int, dict[str, Any]] = {}
    for i, point in enumerate(own.get("pt", [])):
        found, other = fields(point, _IN_POINT)
        coordinates.append((one_text(found, "x"), one_text(found, "y")))
        if other:
            others[i] = other
    if others:
        rest["pt"] = [others.get(i, {}) for i in range(len(coordinates))]
    return coordinates if any(x or y for x, y in coordinates) else [], one_text(own, "username"), rest


def _plain_polygon(element: Element) -> tuple[list[tuple[str, str]], str] | None:
    """Return what nearly all polygons hold and nothing else, points and a username; None for any other."""
    nodes = list(element.iter())  # the element itself, then what it holds, in the order of the file
    texts = [node.text or "" for node in nodes]
    tags = [node.tag for node in nodes]
    tails = [node.tail for node in nodes]
    author = ""
    if "username" in tags:
        at = tags.index("username")
        if len(nodes[at]) or (tails[at] or "").strip():
            return None
        author = texts[at].strip()
        for listed in (nodes, texts, tags, tails):
            del listed[at]
    points = len(tags) // 3
    # In this order elements are points if each pt holds two others, and these hold none.
    if tags[1:] != ["pt", "x", "y"] * points or list(map(len, nodes[1:])) != [2, 0, 0] * points:
        return None
    # Asked for by 'keys': 'attrib' would make a dictionary for each of thousands of elements.
    if any(map(Element.keys, (nodes[0], *nodes[1::3]))):
        return None
    if "".join([texts[0], *texts[1::3], *filter(None, tails[1:])]).strip():
        return None
    return list(zip(map(str.strip, texts[2::3]), map(str.strip, texts[3::3]), strict=True)), author


def _points(coordinates: list[tuple[str, str]]) -> NDArray[np.float64]:
    """Return the points that texts state: float64 (N, 2); ValueError names the first that is none."""
    together = "".join(chain.from_iterable(coordinates))
    if together.isascii() and "_" not in together and len(together) <= _MAX_DIGITS * len(coordinates):
        try:
            flat = np.fromiter(map(float, chain.from_iterable(coordinates)), np.float64, 2 * len(coordinates))
            if len(coordinates) <= MAX_POINTS and (np.abs(flat) <= MAX_COORDINATE).all():
                return flat.reshape(-1, 2)
        except ValueError:
            pass  # one of them is no number, or missing
    return as_points(
        [[_number(x, f"point {i}: x"), _number(y, f"point {i}: y")] for i, (x, y) in enumerate(coordinates)]
    )


def _number(digits: str, where: str) -> float:
    if not digits:
        raise ValueError(f"{where} is missing")
    try:
        # float() takes more than numbers have: '1_0', digits of other scripts.
        if len(digits) <= _MAX_DIGITS and digits.isascii() and "_" not in digits:
            return float(digits)
    except ValueError:
        pass
    raise ValueError(f"{where} is {printable(repr(digits), 40)}, not a number")


def _box(box: Mapping[str, Any]) -> NDArray[np.float64]:
    sides = {key: text(box.get(key)) for key in ("xmin", "ymin", "xmax", "ymax")}
    if not any(sides.values()):
        return np.empty((0, 2))
    x0, y0, x1, y1 = (_number(side, f"bndbox: {key}") for key, side in sides.items())
    return as_points([[x0, y0], [x1, y1]])


def dump(annotation: Annotation) -> bytes:
    """Return the file's content, which the tool opens: UTF-8 XML, one object a line.

    What `parse` found is written again. The tool knows only polygons, so every other shape is written as its
    `iddkit.geometry.outline`; a rectangle has the type ``bounding_box`` as well, and a mask that came from a ``<segm>``
    keeps it, so that it is a mask again when it is read beside the same ``Masks``. Every object gets the elements
    that the tool gives it. Characters that XML cannot hold become U+FFFD. Left out are labelme's images and masks in
    base64 (``imageData``, ``mask``): the tool has both in files of their own.

    Raises
    ------
    AnnotationError
        A shape has no outline (a line of several points), or ``extra`` is nested too deeply.
    """
    extra = {**_ROOT_DEFAULTS, **annotation.extra}
    extra.pop("imageData", None)
    head = "\n" + write("filename", annotation.image)
    size = {"nrows": annotation.height, "ncols": annotation.width} if annotation.width else {}
    kept = extra.pop("imagesize") if isinstance(extra.get("imagesize"), Mapping) else {}
    if size or kept:
        inner = "".join(write(key, number) for key, number in size.items())
        head += write_element("imagesize", kept, _IN_SIZE, before=inner)
    lines = ["\n"]
    for i, shape in enumerate(annotation.shapes):
        try:
            lines.append(_object(i, shape) + "\n")
        except AnnotationError as error:
            raise AnnotationError(error.problem, where=f"object {shape.number}") from error
        except ValueError as error:
            raise AnnotationError(str(error), where=f"object {shape.number}") from error
    return (write_element("annotation", extra, _IN_ROOT, before=head, after="".join(lines)) + "\n").encode()


def _object(index: int, shape: Shape) -> str:
    own: dict[str, Any] = {"name": shape.label, "deleted": shape.deleted, "date": shape.date}
    if shape.group is not None:
        own["group_id"] = shape.group
    # Cityscapes files keep these in `extra` as well; they need not be there twice.
    extra = {k: v for k, v in shape.extra.items() if k not in ("deleted", "date") or text(v) != text(own[k])}
    if shape.mask is not None and "segm" not in extra:
        extra.pop("mask", None)  # not the tool's
    kept = _kept_polygons(extra)
    points = outline(shape)
    inner = "".join(write(key, value) for key, value in own.items())
    # A polygon without points would hide a segmentation from the tool.
    if len(points) or kept or "segm" not in extra or shape.author != _segment_author(extra):
        inner += _polygon_element(points, shape.author, kept[0] if kept else {})
        inner += "".join(write("polygon", other) for other in kept[1:])
    defaults = {**_OBJECT_DEFAULTS, "id": index, **({"type": "bounding_box"} if shape.kind == "rectangle" else {})}
    return write_element("object", defaults | extra, _IN_OBJECT, before=inner)


def _kept_polygons(extra: dict[str, Any]) -> list[Any]:
    """Take what `parse` kept of an object's polygons out of `extra`; another format may mean something else by it."""
    kept = _listed(extra.get("polygon"))
    if not kept or not isinstance(kept[0], Mapping):
        return []
    del extra["polygon"]
    return kept


def _polygon_element(points: NDArray[np.float64], author: str, kept: Mapping[str, Any]) -> str:
    rest = dict(kept)
    of_points = rest.pop("pt", None)
    if not isinstance(of_points, list) or not all(isinstance(other, Mapping) for other in of_points):
        of_points = []
    elements = [write("username", author)]
    for i, (x, y) in enumerate(points.tolist()):
        inner = f"<x>{_digits(x)}</x><y>{_digits(y)}</y>"
        other = of_points[i] if i < len(of_points) else {}
        elements.append(write_element("pt", other, _IN_POINT, before=inner) if other else f"<pt>{inner}</pt>")
    if not len(points):
        elements += [write_element("pt", other, _IN_POINT) for other in of_points]
    return write_element("polygon", rest, _IN_POLYGON, before="".join(elements))


def _digits(number: float) -> str:
    return str(int(number)) if number.is_integer() else text(number)
