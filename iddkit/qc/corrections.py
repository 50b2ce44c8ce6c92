"""Marks as the correction boxes of the Cityscapes annotation tool, read and written (XML).

The tool keeps a file of boxes beside each image: what they are (1 to correct, 2 to review, 3 resolved, 4 a question), a
remark and a rectangle. It has no reasons, so the remark carries the mark as `iddkit.qc.checklist.parse_mark` reads it;
a remark in plain words is a mark of the reason that the caller names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from iddkit import files, formats
from iddkit.annotation import Annotation
from iddkit.errors import AnnotationError, OptionError, RecipeError, printable
from iddkit.qc.checklist import Checklist, Mark, parse_mark

#: What a box can be in the tool; of these, resolved ones are no marks any more.
TO_CORRECT, TO_REVIEW, RESOLVED, QUESTION = "1", "2", "3", "4"

_SIDES: Final = ("x", "y", "width", "height")


def read_corrections(path: Path, checklist: Checklist, reason: str) -> list[Mark]:
    """Return the boxes of a correction file that are not resolved, as marks with their region.

    Parameters
    ----------
    path
        The file.
    checklist
        Whose reasons a remark may name.
    reason
        Of a box whose remark is plain words.

    Raises
    ------
    RecipeError
        It cannot be read, is no correction file, or a box has no type or no rectangle: it says which.
    """
    try:
        root = formats.decode_xml(files.read_bytes(path), path)
    except AnnotationError as error:
        raise RecipeError(error.problem, path=path, where=error.where) from error
    if root.tag != "correction":
        raise RecipeError(f"no correction file: it begins with {printable(root.tag, 40)}", path=path)
    marks = []
    for number, box in enumerate(root.findall("correction")):
        try:
            kind = (box.findtext("type") or "").strip()
            if kind not in (TO_CORRECT, TO_REVIEW, RESOLVED, QUESTION):
                raise OptionError(f"type {printable(kind, 40)!r}: the tool knows 1 to 4")
            if kind != RESOLVED:
                marks.append(_read_mark(box, checklist, reason))
        except OptionError as error:
            raise RecipeError(error.problem, path=path, where=f"correction {number}") from error
    return marks


def _read_mark(box: Element, checklist: Checklist, reason: str) -> Mark:
    words = " ".join((box.findtext("annotation") or "").split())
    words = "" if words == "None" else words  # the tool writes this where nothing was said
    try:
        x, y, width, height = (round(float(box.findtext(f"bbox/{side}") or "")) for side in _SIDES)
    except (ValueError, OverflowError) as error:
        raise OptionError("no rectangle: a box has x, y, width and height in pixels") from error
    try:
        mark = parse_mark(words, checklist)
    except OptionError:
        known = checklist.reason(reason)
        mark = Mark(known.code, known.severity, text=words)
    return Mark(mark.reason, mark.severity, mark.shape, mark.label, (x, y, max(0, width), max(0, height)), mark.text)


def encode_corrections(marks: Sequence[Mapping[str, Any]], annotation: Annotation, image: str) -> bytes:
    """Return a correction file with a box to correct for each mark.

    Parameters
    ----------
    marks
        As the log keeps them (`Mark.to_json`).
    annotation
        The version that was judged: a mark without a region has the box of its polygon, or the whole image.
    image
        Name of the image's file.
    """
    root = Element("correction")
    SubElement(root, "filename").text = image
    size = SubElement(root, "imagesize")
    SubElement(size, "nrows").text = str(annotation.height)
    SubElement(size, "ncols").text = str(annotation.width)
    for mark in marks:
        box = SubElement(root, "correction")
        SubElement(box, "type").text = TO_CORRECT
        SubElement(box, "annotation").text = _remark(mark)
        sides = SubElement(box, "bbox")
        for side, value in zip(_SIDES, mark.get("region") or _bound(mark.get("shape"), annotation), strict=True):
            SubElement(sides, side).text = str(value)
    indent(root, "")
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _remark(mark: Mapping[str, Any]) -> str:
    parts = [str(mark["reason"]), f"!{mark['severity']}"]
    parts += [f"@{mark['shape']}"] if mark.get("shape") is not None else []
    parts += [f">{mark['label']}"] if mark.get("label") else []
    parts += [f"={mark['text']}"] if mark.get("text") else []
    return printable("".join(parts), 2000)


def _bound(shape: int | None, annotation: Annotation) -> tuple[int, int, int, int]:
    points = annotation.shapes[shape].points if shape is not None and shape < len(annotation.shapes) else None
    if points is None or not len(points):
        return 0, 0, annotation.width or 0, annotation.height or 0
    left, top = (int(value) for value in points.min(axis=0))
    right, bottom = (int(value) for value in points.max(axis=0))
    return left, top, right - left, bottom - top
