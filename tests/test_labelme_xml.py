"""The LabelMe web tool's XML: the dialects that files have are read, round trips lose nothing, masks lie right."""

import io
import os
import random
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from iddkit import formats
from iddkit.annotation import Annotation, Reading, Shape
from iddkit.errors import AnnotationError, UnknownFormatError
from iddkit.formats import mask_file
from iddkit.formats.labelme_xml import dump
from iddkit.formats.xml_values import tag_for, value, write
from iddkit.geometry import outline

PATH = Path("site/Annotations/street/frame.xml")
POINTS = "<pt><x>1</x><y>2</y></pt><pt><x>7</x><y>2</y></pt><pt><x>4</x><y>9.5</y></pt>"
CAR = f"<object><name>car</name><deleted>0</deleted><polygon><username>asha</username>{POINTS}</polygon></object>"
SIZE = "<imagesize><nrows>12</nrows><ncols>16</ncols></imagesize>"
#: What `dump` adds where a file has it not.
OBJECT_DEFAULTS = {"verified": "0", "occluded": "", "attributes": "", "parts": {"hasparts": "", "ispartof": ""}}
ROOT_DEFAULTS = {"folder": "", "source": {"sourceImage": "", "sourceAnnotation": "iddkit"}}


def document(*parts: str) -> bytes:
    return f"<annotation><filename>frame.jpg</filename>{''.join(parts)}</annotation>".encode()


def read(*parts: str, path: Path = PATH) -> Reading:
    return formats.parse(document(*parts), path)


def read_one(item: str) -> Shape:
    reading = read(item)
    assert reading.problems == ()
    (shape,) = reading.annotation.shapes
    return shape


def with_polygon(content: str) -> str:
    return f"<object><name>car</name><polygon>{content}</polygon></object>"


def facts(shape: Shape) -> tuple[Any, ...]:
    mask = None if shape.mask is None else shape.mask.tolist()
    return shape.label, shape.points.tolist(), shape.kind, shape.deleted, shape.group, shape.author, shape.date, mask


# --- What the tool writes, and what people have made of it


def test_polygon_of_the_tool_is_read_whole() -> None:
    reading = read(
        "<folder>street</folder><source><sourceImage>MIT</sourceImage></source>",
        "<object><name>car</name><deleted>0</deleted><verified>1</verified><occluded>no</occluded>",
        "<attributes>red, parked</attributes><parts><hasparts>1,2</hasparts><ispartof></ispartof></parts>",
        "<date>25-May-2012 00:09:48</date><id>0</id><polygon><username>asha</username>",
        "<pt><x>1078</x><y>858</y><time>7</time></pt><pt><x>1123.5</x><y>-4</y></pt><closed_date>x</closed_date>",
        "</polygon></object><imagesize><nrows>1920</nrows><ncols>2560</ncols></imagesize>",
    )
    annotation, (shape,) = reading.annotation, reading.annotation.shapes
    assert (reading.format, reading.problems, annotation.size, annotation.image) == (
        *("labelme-xml", (), (2560, 1920), "frame.jpg"),
    )
    assert annotation.extra == {"folder": "street", "source": {"sourceImage": "MIT"}}
    points = [[1078, 858], [1123.5, -4]]
    assert facts(shape) == ("car", points, "polygon", False, None, "asha", "25-May-2012 00:09:48", None)
    assert shape.extra == {
        "verified": "1",
        "occluded": "no",
        "attributes": "red, parked",
        "parts": {"hasparts": "1,2", "ispartof": ""},
        "id": "0",
        "polygon": {"pt": [{"time": "7"}, {}], "closed_date": "x"},
    }


def test_text_is_read_without_its_padding() -> None:
    content = document(
        "\n<object>\n<name>\n traffic \n light \n</name>\n<deleted>\n1\n</deleted>\n<polygon>\n<username>\nasha\n",
        "</username>\n<pt>\n<x>\n470\n</x>\n<y>\n473\n</y>\n</pt>\n</polygon>\n</object>\n",
        "<imagesize>\n<ncols>\n 16.0\n</ncols><nrows>\n12\n</nrows></imagesize>\n",
    ).replace(b"frame.jpg", b"\nframe.jpg\n")
    annotation = formats.parse(content, PATH).annotation
    assert facts(annotation.shapes[0]) == ("traffic light", [[470, 473]], "polygon", True, None, "asha", "", None)
    assert (annotation.size, annotation.image, annotation.extra) == ((16, 12), "frame.jpg", {})


@pytest.mark.parametrize(
    "item",
    [
        "<object><name>groundplane</name><type>plane</type><plane><lines/></plane></object>",
        "<object><name>groundplane</name><type>box</type><polygon><username>a</username></polygon></object>",
        "<object><name>groundplane</name><polygon/></object>",
        "<object><name>groundplane</name><polygon><pt><x/><y> </y></pt><pt/></polygon></object>",
        "<object><name>groundplane</name><segm><mask/><scribbles/></segm></object>",
    ],
)
def test_object_without_points_is_a_shape_without_points(item: str) -> None:
    shape = read_one(item)
    assert (shape.label, shape.kind, shape.points.shape) == ("groundplane", "polygon", (0, 2))


def test_object_without_a_name_keeps_its_place() -> None:
    labels = [shape.label for shape in read("<object/>", CAR, "<object><name> </name></object>").annotation.shapes]
    assert labels == ["", "car", ""]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("", (0, 0)),
        ("<imagesize/>", (0, 0)),
        ("<imagesize><nrows></nrows><ncols> </ncols></imagesize>", (0, 0)),
        ("<imagesize><ncols>16</ncols><nrows>12.0</nrows></imagesize>", (16, 12)),
        ("<imagesize><nrows>12</nrows></imagesize><imagesize><ncols>16</ncols></imagesize>", (16, 12)),
        ("<size><width>16</width><height>12</height><depth>3</depth></size>", (16, 12)),
    ],
)
def test_size_is_read_or_unknown(size: str, expected: tuple[int, int]) -> None:
    reading = read(size, CAR)
    assert (reading.annotation.size, reading.problems) == (expected, ())


def test_what_else_a_size_holds_is_kept() -> None:
    annotation = read("<imagesize><nrows>12</nrows><ncols>16</ncols><depth>3</depth></imagesize>").annotation
    assert annotation.extra == {"imagesize": {"depth": "3"}}
    assert ET.fromstring(dump(annotation)).findtext("imagesize/depth") == "3"


@pytest.mark.parametrize(
    "size", [("0", "10"), ("10", ""), ("1000000000", "1000000000"), ("10", "ten"), ("9" * 300, "5"), ("1.5", "2")]
)
def test_impossible_size_is_a_problem_and_the_objects_are_read(size: tuple[str, str]) -> None:
    reading = read("<imagesize><nrows>{}</nrows><ncols>{}</ncols></imagesize>".format(*size), CAR)
    (problem,) = reading.problems
    assert (problem.where, problem.number, reading.annotation.size) == ("imagesize", None, (0, 0))
    assert len(reading.annotation.shapes) == 1


@pytest.mark.parametrize(
    ("item", "named"),
    [
        (with_polygon("<pt><x>1</x><y>2</y></pt><pt><x>1</x></pt>"), "point 1: y is missing"),
        (with_polygon("<pt><x/><y>2</y></pt>"), "point 0: x is missing"),
        (with_polygon("<pt><x>470,5</x><y>2</y></pt>"), "point 0: x is '470,5', not a number"),
        (with_polygon("<pt><x>1</x><y>NaN</y></pt>"), "point 0: y is nan"),
        (with_polygon("<pt><x>1e300</x><y>1</y></pt>"), "point 0: x is 1e+300"),
        (with_polygon("<pt><x>1_0</x><y>1</y></pt>"), "'1_0'"),
        (with_polygon("<pt><x>٣</x><y>1</y></pt>"), "not a number"),
        (with_polygon(f"<pt><x>{'9' * 5000}</x><y>1</y></pt>"), "not a number"),
        (with_polygon("<pt><x>1</x><x>2</x><y>1</y></pt>"), "<x> is given 2 times"),
        (with_polygon("<t>0,1</t><x>1,2;1,2</x><y>1,2;1,2</y>"), "video"),
        ("<object><name>car</name><name>bus</name></object>", "<name> is given 2 times"),
        ("<object><deleted>maybe</deleted></object>", "<deleted> is 'maybe'"),
        ("<object><bndbox><xmin>1</xmin></bndbox></object>", "bndbox: ymin is missing"),
        ("<object><segm><mask><a>1</a></mask></segm></object>", "name of the mask"),
        (f"<object>{'<a>' * 5000}{'</a>' * 5000}</object>", "nested"),
    ],
)
def test_broken_object_is_named_and_the_others_are_read(item: str, named: str) -> None:
    reading = read(CAR, item, CAR)
    (problem,) = reading.problems
    assert (problem.where, problem.number) == ("object 1", 1)
    assert named in problem.text
    assert len(str(problem)) < 200
    assert [shape.number for shape in reading.annotation.shapes] == [0, 2]
    assert reading.object_count == 3


@pytest.mark.parametrize(
    ("text", "deleted"),
    [("0", False), ("1", True), ("", False), (" 1\n", True), ("yes", True), ("No", False), ("TRUE", True)],
)
def test_deleted_is_read(text: str, deleted: bool) -> None:
    assert read_one(f"<object><deleted>{text}</deleted></object>").deleted is deleted


def test_first_polygon_counts_and_the_others_are_told_and_kept() -> None:
    second = "<polygon><pt><x>3</x><y>4</y></pt></polygon>"
    item = f"<object><polygon/><polygon>{POINTS}</polygon>{second}</object>"
    reading = read(item)
    (shape,), (problem,) = reading.annotation.shapes, reading.problems
    assert shape.points.tolist() == [[1, 2], [7, 2], [4, 9.5]]
    assert (problem.where, problem.number, reading.object_count) == ("object 0", None, 1)
    again = formats.parse(dump(reading.annotation), PATH)
    assert again.annotation.shapes[0].extra["polygon"] == [{}, "", {"pt": {"x": "3", "y": "4"}}]
    assert again.problems == reading.problems


def test_namespaces_and_capitals_are_seen_through() -> None:
    plain = read_one(CAR)
    spaced = CAR.replace("<object>", '<object xmlns="http://www.w3.org/1999/xhtml">')
    shouted = re.sub(r"</?\w+>", lambda tag: tag[0].upper(), CAR)
    assert facts(read_one(spaced)) == facts(read_one(shouted)) == facts(plain)
    assert read_one(spaced.replace("</name>", "</name><parts><hasparts>1</hasparts></parts>")).extra == {
        "parts": {"hasparts": "1"}
    }


def test_pascal_voc_file_is_read_as_rectangles_and_called_so() -> None:
    box = "<bndbox><xmin>3</xmin><ymin>4</ymin><xmax>9</xmax><ymax>8</ymax></bndbox>"
    reading = read(CAR, f"<object><name>bus</name>{box}</object>", "<object><bndbox/></object>")
    assert [shape.kind for shape in reading.annotation.shapes] == ["polygon", "rectangle", "polygon"]
    assert reading.annotation.shapes[1].points.tolist() == [[3, 4], [9, 8]]
    (problem,) = reading.problems
    assert "PASCAL VOC" in str(problem)
    assert reading.object_count == 3
    again = formats.parse(dump(reading.annotation), PATH).annotation.shapes[1]
    assert again.points.tolist() == outline(reading.annotation.shapes[1]).tolist()
    assert again.extra["type"] == "bounding_box"


@pytest.mark.parametrize("content", [b"<html><body/></html>", b"<plist/>"])
def test_other_root_element_is_no_labelme_file(content: bytes) -> None:
    with pytest.raises(UnknownFormatError, match="root element"):
        formats.parse(content, PATH)


@pytest.mark.parametrize(
    "content",
    [
        document(CAR) + b"</annotation>",
        document(CAR)[:-5],
        document("<a>" * 5000, "</a>" * 5000),
        document("<filename>other.jpg</filename>"),
        b'<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>',
    ],
)
def test_damaged_file_is_one_line(content: bytes) -> None:
    with pytest.raises(AnnotationError) as caught:
        formats.parse(content, PATH)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


# --- Round trips

#: Any character that XML may hold.
characters = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff") | st.sampled_from(
    "\n\r\t"
)
texts = st.text(characters, max_size=6) | st.sampled_from(["car", " traffic  light\n", "<&>\"'", "]]>", "\u00fcber"])
tags = st.sampled_from(
    ["Xmax", "viewpoint", "gr\u00f6\u00dfe", "_x0041_b", "_x006E_ame", "a.b-c", "Type", "pt", "mask"]
)
numbers = st.integers(-300, 3000) | st.floats(-(2.0**22), 2.0**22, allow_nan=False)
paddings = st.sampled_from(["", "\n", " \r\n\t"])


def element(tag: str, text: str = "", children: Any = (), attributes: Any = (), tail: str = "") -> ET.Element:
    made = ET.Element(tag, dict(attributes))
    made.text, made.tail = text, tail
    made.extend(children)
    return made


leaves = st.builds(element, tags, texts)
elements = st.recursive(
    leaves,
    lambda inner: st.builds(
        element, tags, texts, st.lists(inner, max_size=3), st.dictionaries(tags, texts, max_size=2), texts
    ),
    max_leaves=6,
)


@st.composite
def polygon_elements(draw: st.DrawFn) -> ET.Element:
    points = []
    for x, y in draw(st.lists(st.tuples(numbers, numbers), max_size=4)):
        own = [element(axis, draw(paddings) + repr(v) + draw(paddings)) for axis, v in (("x", x), ("y", y))]
        points.append(element("pt", draw(paddings), draw(st.permutations(own + draw(st.lists(elements, max_size=1))))))
    rest = [element("username", name) for name in draw(st.lists(texts, max_size=1))] + draw(
        st.lists(leaves, max_size=2)
    )
    # An unknown <pt> of `leaves` would be a point; here points are drawn.
    return element("polygon", "", draw(st.permutations(points + [e for e in rest if e.tag != "pt"])))


@st.composite
def object_elements(draw: st.DrawFn) -> ET.Element:
    own = [
        element(tag, draw(strategy))
        for tag, strategy in (
            ("name", texts),
            ("deleted", st.sampled_from(["0", "1", "", "\n1\n", "yes"])),
            ("date", texts),
            ("occluded", st.sampled_from(["", "no", "yes"])),
            ("attributes", texts),
            ("id", st.integers(0, 99).map(str)),
            ("group_id", st.sampled_from(["", "7", "-3", "007", "front"])),
        )
        if draw(st.booleans())
    ]
    own += draw(st.lists(polygon_elements(), max_size=2)) + draw(st.lists(elements, max_size=3))
    if draw(st.booleans()):
        own.append(element("parts", "", [element("hasparts", "1,2"), element("ispartof")]))
    if draw(st.booleans()):
        own.append(element("segm", "", [element("username", draw(texts)), element("box")]))
    return element("object", draw(texts), draw(st.permutations(own)), draw(st.dictionaries(tags, texts, max_size=1)))


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    parts = draw(st.lists(object_elements(), max_size=4)) + draw(st.lists(elements, max_size=3))
    if draw(st.booleans()):
        size = [element("nrows", "12"), element("ncols", "16"), *draw(st.lists(leaves, max_size=1))]
        parts.append(element("imagesize", "", draw(st.permutations(size))))
    parts.append(element("filename", draw(texts)))
    root = element(
        "annotation", draw(texts), draw(st.permutations(parts)), draw(st.dictionaries(tags, texts, max_size=1))
    )
    content: bytes = ET.tostring(root, "utf-8")
    return content


@given(documents())
@example(
    document(
        with_polygon("<username>a</username>").replace("<polygon>", "<segm><username>b</username></segm><polygon>")
    )
)
@example(document(with_polygon("<pt><time>1</time></pt><pt/>")))
@example(document("<_x0040_a><b>1</b></_x0040_a><_x0023_text><b>2</b></_x0023_text>"))
def test_nothing_is_lost_in_a_round_trip(content: bytes) -> None:
    first = formats.parse(content, PATH)
    assert not [problem for problem in first.problems if problem.number is not None]
    assert len(first.annotation.shapes) == len(ET.fromstring(content).findall("object"))
    written = dump(first.annotation)
    again = formats.parse(written, PATH)
    assert again.problems == first.problems
    for i, (before, after) in enumerate(zip(first.annotation.shapes, again.annotation.shapes, strict=True)):
        assert facts(after) == facts(before)
        assert after.extra == {**OBJECT_DEFAULTS, "id": str(i), **before.extra}
    assert again.annotation.extra == {**ROOT_DEFAULTS, **first.annotation.extra}
    assert (again.annotation.size, again.annotation.image) == (first.annotation.size, first.annotation.image)
    assert dump(again.annotation) == written


def texts_in(kept: Any) -> list[str]:
    if isinstance(kept, dict):
        return [text for item in kept.values() for text in texts_in(item)]
    if isinstance(kept, list):
        return [text for item in kept for text in texts_in(item)]
    return [" ".join(kept.split())]


@given(object_elements())
def test_every_text_of_an_object_is_kept(item: ET.Element) -> None:
    content: bytes = ET.tostring(element("annotation", "", [item]), "utf-8")
    (shape,) = formats.parse(content, PATH).annotation.shapes
    kept = texts_in([shape.label, shape.author, shape.date, shape.extra])
    # What the parser makes of it: line ends are one character in XML.
    for found in ET.fromstring(content)[0].iter():
        pieces = [found.tail or "", *found.attrib.values()]
        pieces += [] if found.tag in ("deleted", "group_id", "x", "y") else [found.text or ""]
        for piece in pieces:
            assert any(" ".join(piece.split()) in text for text in kept)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
keys = st.text(max_size=6) | st.sampled_from(
    ["name", "Object", "object", "pt", "xmlns", "polygon", "filename", "my flag"]
)


@given(
    st.lists(st.tuples(st.text(max_size=6), st.dictionaries(keys, anything, max_size=4)), max_size=3),
    st.dictionaries(keys, anything, max_size=4),
)
def test_keys_of_other_formats_are_carried_and_mean_nothing_new(
    items: list[tuple[str, dict[str, Any]]], extra: dict[str, Any]
) -> None:
    points = np.array([[1.5, 2], [7, 2], [4, 9]])
    shapes = tuple(Shape(label, points, number=3 * i, extra=other) for i, (label, other) in enumerate(items))
    again = formats.parse(dump(Annotation(16, 12, shapes, "a.jpg", extra)), PATH)
    drawn = [problem for problem in again.problems if problem.number is not None]
    assert drawn == []
    assert (again.annotation.image, again.annotation.size) == ("a.jpg", (16, 12))
    assert len(again.annotation.shapes) == len(shapes)
    for shape in again.annotation.shapes:
        assert shape.points.tolist() == points.tolist()
    unfit = {"", "#text", "polygon", "imagesize", "date", "deleted", "group_id", "filename", "imageData"}
    before = [extra, *(other for _, other in items)]
    after = [again.annotation.extra, *(shape.extra for shape in again.annotation.shapes)]
    for given_keys, kept in zip(before, after, strict=True):
        assert {key for key in given_keys if not key.startswith("@")} - unfit <= kept.keys()


@example("_x0041_")
@example("_x0041\u00e9")
@given(st.text(min_size=1).filter(lambda key: not key.startswith("@") and key != "#text"))
def test_any_key_is_a_tag_and_comes_back(key: str) -> None:
    for own in (frozenset[str](), frozenset({"name", "x"}), frozenset({key.lower()})):
        root = ET.fromstring(f"<a><{tag_for(key, own)}>1</{tag_for(key, own)}><_>2</_></a>")
        assert root[0].tag.lower() not in own - {"_"}
        if key != "_":
            assert value(root) == {key: "1", "_": "2"}


def test_attributes_come_back_those_that_xml_reserves_among_them() -> None:
    kept = {"@xmlns": "http://www.w3.org/2000/xmlns/", "@xml:lang": "hi", "@a b": '\n\t\r"<&', "#text": "1\r2"}
    assert value(ET.fromstring(write("name", kept))) == kept


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("a\x00b", "a\ufffdb"),
        ("\ud83d", "\ufffd"),
        ("\uffff", "\ufffd"),
        ("b\u00fcs <&> \U0001f697", None),
        ("a\x1fb", None),
    ],
)
def test_characters_that_xml_cannot_hold_are_replaced(label: str, expected: str | None) -> None:
    annotation = Annotation(16, 12, (Shape(label, np.zeros((3, 2))),))
    expected = "a\ufffdb" if label == "a\x1fb" else label if expected is None else expected
    assert formats.parse(dump(annotation), PATH).annotation.shapes[0].label == expected


def test_values_nested_too_deeply_are_an_error_that_names_the_object() -> None:
    deep: Any = "x"
    for _ in range(5000):
        deep = {"a": deep}
    with pytest.raises(AnnotationError, match="object 4: .*nested"):
        dump(Annotation(16, 12, (Shape("car", np.zeros((3, 2)), number=4, extra={"k": deep}),)))


def test_tool_finds_all_that_it_looks_for() -> None:
    corners = np.array([[1.0, 2], [7.25, 1e-7]])
    shapes = (
        Shape("car", corners, "rectangle", 4, author="asha", date="today", group=3, extra={"deleted": 0, "draw": True}),
        Shape("pole", np.zeros((0, 2)), deleted=True),
    )
    content = dump(Annotation(16, 12, shapes, "frame.jpg", {"imageData": "iVBORw0KGgo="}))
    root = ET.fromstring(content)
    assert [root.findtext(tag) for tag in ("filename", "folder", "imagesize/nrows", "imagesize/ncols")] == (
        ["frame.jpg", "", "12", "16"]
    )
    assert [e.tag for e in root.findall("source/*")] == ["sourceImage", "sourceAnnotation"]
    assert root.find("imageData") is None
    tags_of_object = ["name", "deleted", "verified", "occluded", "attributes", "date", "id", "polygon/username"]
    assert [[item.findtext(tag) for tag in tags_of_object] for item in root.findall("object")] == [
        ["car", "0", "0", "", "", "today", "0", "asha"],
        ["pole", "1", "0", "", "", "", "1", ""],
    ]
    car = root.findall("object")[0]
    assert [e.tag for e in car.findall("parts/*")] == ["hasparts", "ispartof"]
    assert (car.findtext("type"), car.findtext("group_id"), len(car.findall("deleted"))) == ("bounding_box", "3", 1)
    # The tool's parseInt() would read 1 from '1e-07'.
    drawn = [(point.findtext("x"), point.findtext("y")) for point in car.findall("polygon/pt")]
    assert drawn == [("1", "2"), ("7.25", "2"), ("7.25", "0.0000001"), ("1", "0.0000001")]
    assert content.startswith(b"<annotation>")


@pytest.mark.parametrize("kind", ["circle", "oriented_rectangle", "line", "point", "mask"])
def test_shape_of_another_kind_is_written_as_its_outline(kind: str) -> None:
    count = {"oriented_rectangle": 4, "point": 1}.get(kind, 2)
    points = np.array([[2.0, 3], [6, 3], [6, 5], [2, 5]])[:count]
    shape = Shape("car", points, kind, mask=np.ones((1, 5), dtype=bool) if kind == "mask" else None)
    (again,) = formats.parse(dump(Annotation(16, 12, (shape,))), PATH).annotation.shapes
    assert (again.kind, again.points.tolist()) == ("polygon", outline(shape).tolist())


def test_line_of_several_points_is_refused_by_name() -> None:
    with pytest.raises(AnnotationError, match="object 2: a linestrip"):
        dump(Annotation(16, 12, (Shape("lane", np.zeros((3, 2)), "linestrip", 2),)))


# --- Masks

Bits = NDArray[np.bool_]
SEGMENT = "<object><name>car</name><segm><username>asha</username><mask>m.png</mask></segm></object>"


def colored(bits: Any, *color: int) -> Image.Image:
    """Return an image that is 0 in all channels but where the bits are."""
    return Image.fromarray((np.array(bits, dtype=bool)[..., None] * np.array(color)).astype(np.uint8))


def grey(bits: Bits) -> Image.Image:
    return Image.fromarray(bits.astype(np.uint8))


def transparent_palette(bits: Bits) -> Image.Image:
    image = grey(~bits).convert("P")
    image.info["transparency"] = 1
    return image


WRITERS: dict[str, Callable[[Bits], Image.Image]] = {
    "the tool's": lambda bits: colored(bits, 153, 51, 255, 153),
    "faint": lambda bits: colored(bits, 9, 9, 9, 20),
    "colour": lambda bits: colored(bits, 0, 0, 1),
    "opaque": lambda bits: colored(bits, 0, 0, 1).convert("RGBA"),
    "grey": grey,
    "grey with alpha": lambda bits: Image.merge(
        "LA", [Image.new("L", (5, 4)), Image.fromarray(bits.astype(np.uint8) * 200)]
    ),
    "one bit": lambda bits: Image.fromarray(bits),
    "16 bits": lambda bits: Image.fromarray(bits.astype(np.uint16) * 256),
    "palette": lambda bits: grey(bits).convert("P"),
    "transparent palette": transparent_palette,
}


def save(path: Path, image: Image.Image | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(image, bytes):
        path.write_bytes(image)
    else:
        image.save(path)
    return path


def tool_mask(bits: Bits) -> Image.Image:
    return WRITERS["the tool's"](bits)


def spot(width: int = 16, height: int = 12) -> Bits:
    bits = np.zeros((height, width), dtype=bool)
    bits[3:6, 4:9] = True
    bits[3, 4] = False
    return bits


def placed(shape: Shape, size: tuple[int, int]) -> Bits:
    canvas = np.zeros((size[1], size[0]), dtype=bool)
    assert shape.mask is not None
    (x0, y0), (x1, y1) = shape.points.astype(int)
    canvas[y0 : y1 + 1, x0 : x1 + 1] = shape.mask
    return canvas


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    header = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, data in (header, *chunks, (b"IEND", b"")):
        parts.append(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))
    return b"".join(parts)


@pytest.mark.parametrize("writer", WRITERS)
@settings(max_examples=15)
@given(data=st.data())
def test_mask_lies_where_its_png_shows_it(
    tmp_path_factory: pytest.TempPathFactory, writer: str, data: st.DataObject
) -> None:
    bits = np.array(data.draw(st.lists(st.lists(st.booleans(), min_size=5, max_size=5), min_size=4, max_size=4)))
    if "transparent" in writer or "alpha" in writer:
        bits[0, 0] = False  # an image that is opaque all over is looked at for its colours
    path = tmp_path_factory.mktemp("masks") / "frame.xml"
    save(path.with_name("m.png"), WRITERS[writer](bits))
    reading = read(SEGMENT, path=path)
    (shape,) = reading.annotation.shapes
    assert reading.problems == ()
    if not bits.any():
        assert (shape.kind, len(shape.points)) == ("polygon", 0)
        return
    assert (shape.kind, shape.author, reading.annotation.size) == ("mask", "asha", (5, 4))
    corners = np.argwhere(bits)[:, ::-1]
    assert shape.points.tolist() == [corners.min(axis=0).tolist(), corners.max(axis=0).tolist()]
    np.testing.assert_array_equal(placed(shape, (5, 4)), bits)


def test_edges_that_the_tool_blurred_are_cut_where_the_tool_cuts_them(tmp_path: Path) -> None:
    pixels = np.zeros((12, 16, 4), dtype=np.uint8)
    pixels[5, 4:9, 3] = [70, 71, 153, 71, 1]
    save(tmp_path / "m.png", Image.fromarray(pixels))
    (shape,) = read(SEGMENT, path=tmp_path / "frame.xml").annotation.shapes
    assert shape.points.tolist() == [[5, 5], [7, 5]]


@pytest.mark.parametrize(
    ("xml", "mask"),
    [
        ("Annotations/street/frame.xml", "Masks/street/m.png"),
        ("Annotations/a/b/frame.xml", "Masks/a/b/m.png"),
        ("Annotations/frame.xml", "Masks/m.png"),
        ("Annotations/old/Annotations/a/frame.xml", "Annotations/old/Masks/a/m.png"),
        ("annotationCache/TmpAnnotations/street/frame.xml", "Masks/street/m.png"),
        ("frame.xml", "Masks/m.png"),
        ("Annotations/street/frame.xml", "Annotations/street/m.png"),
    ],
)
def test_mask_is_found_where_the_tool_and_others_put_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, xml: str, mask: str
) -> None:
    save(tmp_path / mask, tool_mask(spot()))
    path = save(tmp_path / xml, document(SEGMENT))
    assert [shape.kind for shape in formats.read(path).annotation.shapes] == ["mask"]
    monkeypatch.chdir(path.parent)
    assert [shape.kind for shape in formats.read("frame.xml").annotation.shapes] == ["mask"]


@pytest.mark.parametrize(
    "name", ["../m.png", "/etc/hostname", "a/m.png", "..", ".", "..\\m.png", "C:\\m.png", "C:m.png", "&#xFFFD;/m.png"]
)
def test_mask_of_another_folder_is_refused(tmp_path: Path, name: str) -> None:
    save(tmp_path / "m.png", tool_mask(spot()))
    save(tmp_path / "a/m.png", tool_mask(spot()))
    reading = read(SEGMENT.replace("m.png", name), path=tmp_path / "a/frame.xml")
    (problem,) = reading.problems
    assert problem.number == 0
    assert "plain name" in problem.text


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (None, "is missing in"),
        (b"", "not a PNG"),
        (b"GIF89a nothing of the sort", "not a PNG"),
        (png(16, 12, (b"IDAT", zlib.compress(bytes(17 * 12))[:6])), "cannot be read"),
        (png(16, 12, (b"IDAT", b"no zlib")), "cannot be read"),
        (png(16, 12), "cannot be read"),
        (png(17, 12, (b"IDAT", zlib.compress(bytes(18 * 12)))), "17 x 12 pixels, but the image has 16 x 12"),
        (png(50_000, 50_000, (b"IDAT", zlib.compress(bytes(99)))), "pixels"),
        (png(10_000, 10_000, (b"IDAT", zlib.compress(bytes(99)))), "larger than"),
        (png(16, 12, (b"IHDR", struct.pack(">IIBBBBB", 12_000, 12_000, 8, 0, 0, 0, 0)), (b"IDAT", b"")), "pixels"),
        ("folder", "directory"),
        ("jpeg", "not a PNG"),
    ],
)
def test_bad_mask_is_a_problem_of_its_object(tmp_path: Path, content: bytes | str | None, named: str) -> None:
    if content == "folder":
        (tmp_path / "m.png").mkdir()
    elif content == "jpeg":
        file = io.BytesIO()
        Image.new("L", (16, 12)).save(file, "JPEG")
        save(tmp_path / "m.png", file.getvalue())
    elif isinstance(content, bytes):
        save(tmp_path / "m.png", content)
    reading = read(SIZE, CAR, SEGMENT, path=tmp_path / "frame.xml")
    (problem,) = reading.problems
    assert problem.number == 1
    assert named in problem.text
    assert "\n" not in str(problem)
    assert [shape.label for shape in reading.annotation.shapes] == ["car"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipe_in_place_of_a_mask_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m.png")
    (problem,) = read(SEGMENT, path=tmp_path / "frame.xml").problems
    assert "not a regular file" in problem.text


def test_deleted_object_needs_no_mask(tmp_path: Path) -> None:
    deleted = SEGMENT.replace("<segm>", "<deleted>1</deleted><segm>")
    reading = read(deleted, path=tmp_path / "frame.xml")
    assert reading.problems == ()
    assert reading.annotation.shapes[0].deleted
    again = formats.parse(dump(reading.annotation), tmp_path / "frame.xml")
    assert facts(again.annotation.shapes[0]) == facts(reading.annotation.shapes[0])


def test_masks_of_one_file_agree_on_the_size(tmp_path: Path) -> None:
    save(tmp_path / "m.png", tool_mask(spot()))
    save(tmp_path / "n.png", tool_mask(spot(17)))
    reading = read(CAR, SEGMENT, SEGMENT.replace("m.png", "n.png"), path=tmp_path / "frame.xml")
    assert reading.annotation.size == (16, 12)
    (problem,) = reading.problems
    assert (problem.number, "17 x 12 pixels, but the image has 16 x 12" in problem.text) == (2, True)


def test_mask_is_a_mask_again_until_its_polygon_is_changed(tmp_path: Path) -> None:
    path = tmp_path / "frame.xml"
    mask = save(tmp_path / "m.png", tool_mask(spot()))
    reading = read(SIZE, SEGMENT, path=path)
    (shape,) = reading.annotation.shapes
    written = dump(reading.annotation)
    polygon = ET.fromstring(written).findall("object/polygon/pt")
    assert len(polygon) == len(outline(shape))
    assert facts(formats.parse(written, path).annotation.shapes[0]) == facts(shape)
    first = written.index(b"<x>") + 3
    edited = written[:first] + b"1" + written[first:]
    assert formats.parse(edited, path).annotation.shapes[0].kind == "polygon"
    mask.unlink()
    alone = formats.parse(written, path)
    assert alone.problems == ()
    assert alone.annotation.shapes[0].points.tolist() == outline(shape).tolist()


def test_masks_are_read_once_and_only_so_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mask_file, "MAX_MASK_PIXELS", 20)  # a spot has 15
    save(tmp_path / "m.png", tool_mask(spot()))
    save(tmp_path / "n.png", tool_mask(spot()))
    items = [SEGMENT, SEGMENT, SEGMENT.replace("m.png", "n.png")]
    reading = read(*items, path=tmp_path / "frame.xml")
    assert [shape.kind for shape in reading.annotation.shapes] == ["mask", "mask"]
    (problem,) = reading.problems
    assert (problem.number, "more than 20 pixels" in problem.text) == (2, True)


# --- Damage

SEEDS = (
    document(SIZE, CAR, SEGMENT, CAR.replace("<name>car", "<occluded>yes</occluded><id>3</id><name>bus")),
    document(
        "<object><name>a</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></object>"
    ),
)
TAGS = ["object", "polygon", "pt", "x", "y", "segm", "mask", "name", "deleted", "bndbox", "imagesize", "nrows", "date"]
TEXTS = ["NaN", "1e400", "-1e308", "1,5", "1_0", "0x10", "4194305", "-0", "&#13;", "../x", "", "9" * 5000, "\n8\n"]


def mutate(content: bytes, chance: random.Random) -> bytes:
    text = content.decode("latin-1")
    for _ in range(chance.choice([1, 1, 2, 4])):
        i, j = chance.randrange(len(text) + 1), chance.randrange(len(text) + 1)
        leaves_of = list(re.finditer(r"<(\w+)>([^<]*)</\1>", text))
        leaf = chance.choice(leaves_of) if leaves_of else None
        kind = chance.randrange(7)
        if kind == 0:
            text = text[:i] + chr(chance.randrange(256)) + text[i + 1 :]
        elif kind == 1:
            text = text[:i] + text[i + chance.randrange(30) :]
        elif kind == 2:
            text = text[:i] + text[j : j + 60] + text[i:]
        elif kind == 3:
            old, new = chance.choice(TAGS), chance.choice(TAGS)
            text = text.replace(f"<{old}>", f"<{new}>").replace(f"</{old}>", f"</{new}>")
        elif leaf and kind == 4:
            text = text[: leaf.start(2)] + chance.choice(TEXTS) + text[leaf.end(2) :]
        elif leaf and kind == 5:
            text = text[: leaf.end()] + leaf[0] * chance.randrange(3) + text[leaf.end() :]
        elif leaf:
            text = text[: leaf.start()] + text[leaf.end() :]
    return text.encode("latin-1", "replace")


def test_damage_never_escapes_and_what_is_read_can_be_written(tmp_path: Path) -> None:
    chance = random.Random(2019)
    path = tmp_path / "frame.xml"
    file = io.BytesIO()
    tool_mask(spot()).save(file, "PNG")
    whole = file.getvalue()
    read_files = 0
    for _ in range(700):
        damaged = bytearray(whole)
        if chance.random() < 0.5:
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        save(tmp_path / "m.png", bytes(damaged))
        try:
            reading = formats.parse(mutate(chance.choice(SEEDS), chance), path)
        except AnnotationError as error:
            assert "\n" not in str(error)  # noqa: PT017
            continue
        read_files += 1
        again = formats.parse(dump(reading.annotation), path).annotation.shapes
        for before, after in zip(reading.annotation.shapes, again, strict=True):
            assert before.kind == "rectangle" or facts(before) == facts(after)
    assert read_files > 200
