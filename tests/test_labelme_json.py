"""labelme's JSON: nothing lost in a round trip, nothing written that labelme refuses, no damage that brings it down."""

import base64
import functools
import io
import json
import math
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from iddkit import formats, images
from iddkit.annotation import MAX_COORDINATE, Annotation, Reading, Shape
from iddkit.errors import AnnotationError
from iddkit.formats import embedded_image, labelme_json

PATH = Path("frame.json")
COUNTS = {"rectangle": 2, "oriented_rectangle": 4, "circle": 2, "line": 2, "point": 1, "mask": 2}
KINDS = ["polygon", "linestrip", "points", *COUNTS]


def encode(array: NDArray[Any], file_format: str = "PNG") -> str:
    file = io.BytesIO()
    Image.fromarray(array).save(file, format=file_format)
    return base64.b64encode(file.getvalue()).decode()


def make_shape(**changes: Any) -> dict[str, Any]:
    shape = {"label": "car", "points": [[1, 2], [3.5, 2], [2, 5]], "group_id": None, "description": ""}
    return {**shape, "shape_type": "polygon", "flags": {}, "mask": None} | changes


def make_mask(array: Any, points: Any = ((2, 1), (4, 2)), **changes: Any) -> dict[str, Any]:
    points = [list(point) for point in points]
    return make_shape(shape_type="mask", points=points, mask=encode(np.array(array, dtype=np.uint8)), **changes)


def make_document(*shapes: Any, **changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = {
        "version": "5.5.0",
        "flags": {},
        "shapes": list(shapes),
        "imagePath": "frame.jpg",
        "imageData": None,
    }
    return {**document, "imageHeight": 48, "imageWidth": 64} | changes


def parse(document: Any) -> Reading:
    """Read a document by the way of its bytes, as a user would."""
    return formats.parse(json.dumps(document).encode(), PATH)


def problems(*shapes: Any, **changes: Any) -> list[str]:
    return [str(problem) for problem in parse(make_document(*shapes, **changes)).problems]


texts = st.text(st.characters(codec="utf-8"), max_size=8)
scalars = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | texts
values = st.recursive(scalars, lambda v: st.lists(v, max_size=2) | st.dictionaries(texts, v, max_size=2), max_leaves=4)
flags = st.dictionaries(texts | st.just("deleted"), st.booleans(), max_size=3)
coordinates = st.floats(-MAX_COORDINATE, MAX_COORDINATE) | st.integers(-(2**22), 2**22)


def extras(*own: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(texts.filter(lambda key: key not in own), values, max_size=2)


@st.composite
def well_formed_shapes(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(KINDS))
    least, most = (COUNTS[kind],) * 2 if kind in COUNTS else (2, 5)
    points = [list(p) for p in draw(st.lists(st.tuples(coordinates, coordinates), min_size=least, max_size=most))]
    shape = make_shape(
        label=draw(texts),
        points=points,
        group_id=draw(st.none() | st.integers()),
        description=draw(st.none() | texts),
        shape_type=kind,
        flags=draw(st.none() | flags),
    )
    if kind == "mask":
        width, height, seed = draw(st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(0, 99)))
        x, y = draw(st.tuples(st.integers(-99, 99), st.integers(-99, 99)))
        pixels = np.random.default_rng(seed).integers(0, 2, (height, width), dtype=np.uint8)
        corner = draw(st.sampled_from([0, 1, 0.3]))  # the box of the patch, one that cuts it, one between pixels
        right, bottom = (max(v - 1 - corner, 0) for v in (width, height))
        shape |= {"points": [[x, y], [x + right, y + bottom]], "mask": encode(pixels * 255)}
    return draw(extras(*shape)) | shape


@st.composite
def well_formed_documents(draw: st.DrawFn) -> dict[str, Any]:
    document = make_document(
        *draw(st.lists(well_formed_shapes(), max_size=3)),
        version=draw(texts),
        flags=draw(flags),
        imagePath=draw(texts | st.just("..\\images\\a b.jpg")),
    )
    if draw(st.booleans()):
        document["imageData"] = encode(np.zeros((48, 64), dtype=np.uint8), draw(st.sampled_from(["PNG", "JPEG"])))
    if draw(st.booleans()):
        document |= {"imageHeight": None, "imageWidth": None}
    return draw(extras(*document, labelme_json.EMPTY_SHAPES)) | document


@settings(max_examples=200)
@given(well_formed_documents())
def test_reading_and_writing_loses_nothing(document: dict[str, Any]) -> None:
    reading = parse(document)
    assert reading.problems == ()
    assert json.loads(labelme_json.dump(reading.annotation)) == document


def labelme_refuses(document: Any) -> str:
    """Return why labelme 7.1 would not open a document, or "": the checks of its label file reader."""
    count = dict.fromkeys(("polygon", "linestrip", "points")) | COUNTS
    if not isinstance(document["imagePath"], str) or not isinstance(document["imageData"], str | None):
        return "image"
    if not all(document[key] is None or type(document[key]) is int for key in ("imageHeight", "imageWidth")):
        return "size"
    for item in [document, *document["shapes"]]:
        if not all(type(flag) is bool for flag in (item["flags"] or {}).values()):
            return "flags"
    for shape in document["shapes"]:
        points, mask, kind = shape["points"], shape["mask"], shape["shape_type"]
        if not isinstance(shape["label"], str) or not isinstance(shape["description"], str | None):
            return "text"
        if shape["group_id"] is not None and type(shape["group_id"]) is not int:
            return "group"
        if not points or not all(len(p) == 2 and all(math.isfinite(v) for v in p) for p in points):
            return "points"
        if kind not in count or count[kind] not in (None, len(points)) or (mask is not None) != (kind == "mask"):
            return "kind"
    return ""


@st.composite
def foreign_annotations(draw: st.DrawFn) -> Annotation:
    """Whatever other readers may hold, with keys that mean something else to labelme."""
    shapes = []
    for number in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(["polygon", "rectangle", "mask"]))
        points = draw(st.lists(st.tuples(coordinates, coordinates), max_size=4))
        mask = None
        if kind == "mask":
            mask = np.ones(draw(st.tuples(st.integers(1, 5), st.integers(1, 5))), dtype=np.bool_)
            corner = draw(st.tuples(st.integers(-9, 9), st.integers(-9, 9)))
            points = [corner, (corner[0] + mask.shape[1], corner[1] + mask.shape[0])]  # one too far for labelme
        elif kind == "rectangle":
            points = [(0, 0), (4, 4)]
        keys = st.sampled_from([*make_shape(), "deleted", "id", "user"])
        shapes.append(
            Shape(
                draw(texts).strip(),
                np.array(points, dtype=np.float64).reshape(-1, 2),
                kind,
                number,
                draw(st.booleans()),
                draw(st.none() | st.integers(0, 9) | texts),
                draw(texts),
                draw(texts),
                mask,
                draw(st.dictionaries(keys, values, max_size=3)),
            )
        )
    extra = draw(st.dictionaries(st.sampled_from([*make_document(), labelme_json.EMPTY_SHAPES]), values, max_size=3))
    return Annotation(*draw(st.sampled_from([(64, 48), (0, 0)])), tuple(shapes), draw(texts), extra)


@settings(max_examples=200)
@given(foreign_annotations())
def test_labelme_opens_what_came_from_another_format(annotation: Annotation) -> None:
    content = labelme_json.dump(annotation)
    document = json.loads(content)
    assert labelme_refuses(document) == ""
    again = formats.parse(content, PATH)
    assert [p for p in again.problems if p.where != "imageData"] == []
    kept = [s for s in annotation.shapes if len(s.points)] + [s for s in annotation.shapes if not len(s.points)]
    assert len(again.annotation.shapes) == len(kept)
    for new, old in zip(again.annotation.shapes, kept, strict=True):
        assert (new.label, new.kind, new.deleted) == (old.label, old.kind, old.deleted)
        assert old.extra.get("author") or new.author == old.author
        assert old.extra.get("date") or new.date == old.date
        assert np.array_equal(new.points[:1], old.points[:1])
        assert old.kind == "mask" or np.array_equal(new.points, old.points)
        assert (new.mask is None and old.mask is None) or np.array_equal(new.mask, old.mask)  # type: ignore[arg-type]
    same = [[a.group == b.group for a in kept] for b in kept]
    assert [[a.group == b.group for a in again.annotation.shapes] for b in again.annotation.shapes] == same


def test_every_field_of_a_shape_is_read() -> None:
    reading = parse(make_document(make_shape(group_id=3, author="A. B.", date="2019", flags={"deleted": True}, id=7)))
    (shape,) = reading.annotation.shapes
    assert reading.format == "labelme-json"
    assert reading.annotation.size == (64, 48)
    assert reading.annotation.image == "frame.jpg"
    assert (shape.label, shape.kind, shape.number, shape.group) == ("car", "polygon", 0, 3)
    assert (shape.deleted, shape.author, shape.date, shape.extra["id"]) == (True, "A. B.", "2019", 7)
    assert shape.points.tolist() == [[1, 2], [3.5, 2], [2, 5]]


def test_a_file_of_version_3_is_read_and_brought_up_to_date() -> None:
    old: dict[str, Any] = {
        "flags": {},
        "shapes": [{"label": "car", "line_color": None, "fill_color": None, "points": [[0, 0], [4, 0]]}],
    }
    old |= {"lineColor": [0, 255, 0, 128], "imagePath": "a.jpg", "imageData": None}
    reading = parse(old)
    (shape,) = reading.annotation.shapes
    assert (shape.kind, reading.annotation.size, reading.problems) == ("polygon", (0, 0), ())
    new = json.loads(labelme_json.dump(reading.annotation))
    assert labelme_refuses(new) == ""
    assert new["lineColor"] == [0, 255, 0, 128]
    assert "fill_color" in new["shapes"][0]
    assert new["imageHeight"] is None


def test_a_shape_type_that_is_null_is_a_polygon() -> None:
    (shape,) = parse(make_document(make_shape(shape_type=None))).annotation.shapes
    assert shape.kind == "polygon"


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_polygon_of_fewer_than_three_points_is_read(count: int) -> None:
    (shape,) = parse(make_document(make_shape(points=[[1, 2]] * count))).annotation.shapes
    assert shape.points.shape == (count, 2)


def test_the_image_inside_the_file_gives_the_size() -> None:
    data = encode(np.zeros((30, 20, 3), dtype=np.uint8), "JPEG")
    for unknown in ({"imageHeight": None, "imageWidth": None}, {"imageHeight": 30, "imageWidth": None}):
        reading = parse(make_document(imageData=data, **unknown))
        assert (reading.annotation.size, reading.problems) == ((20, 30), ())


def test_a_header_far_inside_the_image_is_found() -> None:
    # A JPEG with a preview of 60 KiB before its size, as cameras write.
    content = base64.b64decode(encode(np.zeros((30, 20, 3), dtype=np.uint8), "JPEG"))
    preview = b"\xff\xe2" + struct.pack(">H", 60_000) + bytes(59_998)
    data = base64.b64encode(content[:2] + preview + content[2:]).decode()
    assert len(preview) > 2**16 * 3 // 4
    assert parse(make_document(imageData=data, imageHeight=None)).annotation.size == (20, 30)


def test_an_image_of_another_size_than_stated_is_a_problem() -> None:
    data = encode(np.zeros((30, 20), dtype=np.uint8))
    assert problems(imageData=data) == ["imageData: the image is 20 x 30, the file says 64 x 48"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (5, "imageData: int instead of text"),
        ("abc", "imageData: not base64: Incorrect padding"),
        ("Ünsinn", "imageData: not base64: string argument should contain only ASCII characters"),
        ("bm8gaW1hZ2U=", "imageData: no image (JPEG, PNG, BMP, GIF, TIFF, WEBP)"),
        (encode(np.zeros((30, 20), dtype=np.uint8))[:24], "imageData: no image that can be read: Truncated File Read"),
    ],
)
def test_an_image_that_cannot_be_read_is_a_problem(data: Any, text: str) -> None:
    assert problems(make_shape(), imageData=data) == [text]


def test_windows_separators_are_turned_and_kept() -> None:
    annotation = parse(make_document(imagePath="..\\images\\a.jpg")).annotation
    assert annotation.image == "../images/a.jpg"
    assert json.loads(labelme_json.dump(annotation))["imagePath"] == "..\\images\\a.jpg"
    moved = Annotation(64, 48, (), "b.jpg", annotation.extra)
    assert json.loads(labelme_json.dump(moved))["imagePath"] == "b.jpg"


def test_white_space_around_a_label_is_removed_and_kept() -> None:
    annotation = parse(make_document(make_shape(label=" car\n"))).annotation
    assert annotation.shapes[0].label == "car"
    assert json.loads(labelme_json.dump(annotation))["shapes"][0]["label"] == " car\n"


def test_a_size_that_became_known_is_written() -> None:
    annotation = parse(make_document(imageHeight=None, imageWidth=None)).annotation
    document = json.loads(labelme_json.dump(annotation.with_size(7, 5)))
    assert (document["imageWidth"], document["imageHeight"]) == (7, 5)


def test_deleting_and_restoring_a_shape_changes_its_flag() -> None:
    (shape,) = parse(make_document(make_shape(flags={"occluded": True, "deleted": True}))).annotation.shapes
    restored = Shape(shape.label, shape.points, extra=shape.extra)
    (item,) = json.loads(labelme_json.dump(Annotation(64, 48, (restored,))))["shapes"]
    assert item["flags"] == {"occluded": True, "deleted": False}
    assert not parse(make_document(item)).annotation.shapes[0].deleted


def test_text_groups_are_numbered_after_the_largest_number() -> None:
    groups: list[int | str | None] = ["b", 4, None, "a", "b"]
    shapes = tuple(Shape("car", np.zeros((1, 2)), "point", i, group=group) for i, group in enumerate(groups))
    document = json.loads(labelme_json.dump(Annotation(64, 48, shapes)))
    assert [item["group_id"] for item in document["shapes"]] == [5, 4, None, 6, 5]


def test_half_a_surrogate_pair_is_written_so_that_it_can_be_read() -> None:
    reading = parse(make_document(make_shape(label="car \ud800")))
    assert formats.parse(labelme_json.dump(reading.annotation), PATH).annotation.shapes[0].label == "car \ud800"


def test_a_mask_is_cut_to_whole_corners() -> None:
    patch = [[1, 0, 1, 1], [0, 2, 0, 1], [1, 1, 1, 1]]
    (shape,) = parse(make_document(make_mask(patch))).annotation.shapes
    assert shape.mask is not None
    assert shape.mask.tolist() == [[True, False, True], [False, True, False]]


def test_a_mask_between_pixels_keeps_its_own_size() -> None:
    (shape,) = parse(make_document(make_mask(np.ones((3, 4)), [[2.5, 1.2], [4.4, 2.2]]))).annotation.shapes
    assert shape.mask is not None
    assert shape.mask.shape == (3, 4)


def test_a_mask_that_was_changed_is_written_as_it_is_now() -> None:
    (shape,) = parse(make_document(make_mask(np.ones((2, 3))))).annotation.shapes
    changed = Shape("car", shape.points, "mask", mask=np.array([[True, False]]), extra=shape.extra)
    (again,) = formats.parse(labelme_json.dump(Annotation(64, 48, (changed,))), PATH).annotation.shapes
    assert again.mask is not None
    assert again.mask.tolist() == [[True, False]]
    assert again.points.tolist() == [[2, 1], [3, 1]]


def test_a_mask_without_pixels_is_not_written() -> None:
    with pytest.raises(ValueError, match="object 4 is a mask without pixels"):
        labelme_json.dump(Annotation(64, 48, (Shape("car", np.zeros((2, 2)), "mask", 4),)))


def make_bomb(width: int, height: int) -> str:
    """Return a PNG whose header declares far more than its data hold."""
    content = images.assemble_png(width, height, zlib.compress(bytes(1000)))
    return base64.b64encode(content).decode()


WHOLE = encode(np.random.default_rng(0).integers(0, 2, (20, 30), dtype=np.uint8))


@pytest.mark.parametrize(
    ("mask", "points", "text"),
    [
        (None, [[0, 0], [2, 1]], "NoneType instead of text"),
        ([1, 0], [[0, 0], [2, 1]], "list instead of text"),
        ("abc", [[0, 0], [2, 1]], "not base64: Incorrect padding"),
        ("bm8gaW1hZ2U=", [[0, 0], [2, 1]], "no image (PNG)"),
        (encode(np.ones((2, 3), dtype=np.uint8), "GIF"), [[0, 0], [2, 1]], "no image (PNG)"),
        (encode(np.ones((2, 3, 3), dtype=np.uint8)), [[0, 0], [2, 1]], "an image of mode RGB, not of one channel"),
        (WHOLE, [[0, 0], [30, 19]], "30 x 20 pixels for a box of 31 x 20"),
        (WHOLE, [[5, 5], [0, 0]], "30 x 20 pixels for a box of -4 x -4"),
        (make_bomb(10_000, 10_000), [[0, 0], [2, 1]], "the size 10000 x 10000 is larger than 89478485 pixels"),
        (make_bomb(2**31 - 1, 2**31 - 1), [[0, 0], [2, 1]], "no image that can be read: Image size"),
        (WHOLE[:100], [[0, 0], [29, 19]], "no PNG that can be read: "),
        (make_bomb(2000, 1000), [[0, 0], [1999, 999]], "no PNG that can be read: "),
    ],
)
def test_a_mask_that_cannot_be_read_is_a_problem_of_its_object(mask: Any, points: Any, text: str) -> None:
    shapes = make_shape(), make_shape(shape_type="mask", points=points, mask=mask)
    (problem,) = problems(*shapes)
    assert problem.startswith(f"object 1: mask: {text}")


def test_many_masks_together_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labelme_json, "PixelBudget", functools.partial(embedded_image.PixelBudget, 20))
    mask = make_mask(np.ones((2, 5)), [[0, 0], [0, 0]])
    text = "object 2: mask: 10 pixels, where only 0 are left for all the masks of a file"
    assert problems(mask, mask, mask) == [text]


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ("car", "not a JSON object"),
        (None, "not a JSON object"),
        ({"points": []}, "the key 'label' is missing"),
        ({"label": "car"}, "the key 'points' is missing"),
        (make_shape(label=5), "the label is not text"),
        (make_shape(points={"x": 1}), "the points are {'x': 1}, not a list"),
        (make_shape(points=[[1, 2], [1]]), "point 1 is [1], not a pair of numbers"),
        (make_shape(points=[[1, "2"]]), "point 0: y is '2', not a number"),
        (make_shape(points=[[1, float("nan")]]), "point 0: y is nan, no pixel coordinate"),
        (make_shape(points=[[1, 1e300]]), "point 0: y is 1e+300, no pixel coordinate"),
        (make_shape(shape_type="cuboid"), "unknown shape type 'cuboid'"),
        (make_shape(shape_type=["line"]), "the shape type is ['line'], not text"),
        (make_shape(shape_type="circle"), "a circle needs 2 points, this one has 3"),
        (make_shape(shape_type="linestrip", points=[[1, 2]]), "a linestrip needs at least 2 points, this one has 1"),
        (make_shape(group_id={"a": 1}), "the group is {'a': 1}, not a number"),
        (make_shape(group_id=True), "the group is True, not a number"),
        (make_shape(group_id=1.5), "the group is 1.5, not a number"),
        (make_shape(flags=["deleted"]), "the flags are ['deleted'], not a JSON object"),
    ],
)
def test_a_shape_that_cannot_be_read_is_a_problem_and_the_others_are_read(shape: Any, text: str) -> None:
    reading = parse(make_document(make_shape(), shape, make_shape()))
    assert [str(p) for p in reading.problems] == [f"object 1: {text}"]
    assert [s.number for s in reading.annotation.shapes] == [0, 2]
    assert reading.object_count == 3


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"shapes": {}}, "'shapes' is not a list"),
        ({"shapes": None}, "'shapes' is not a list"),
        ({"imageWidth": 0}, "the width is 0"),
        ({"imageHeight": -3}, "the height is -3"),
        ({"imageHeight": "48"}, "the height is '48', not a whole number of pixels"),
        ({"imageHeight": 10**9}, "the height is 1000000000, larger than 65535"),
        ({"imageHeight": 1e400}, "the height is inf, not a whole number of pixels"),
    ],
)
def test_a_file_without_shapes_or_of_an_impossible_size_is_refused(changes: Any, text: str) -> None:
    with pytest.raises(AnnotationError) as caught:
        parse(make_document(**changes))
    assert str(caught.value) == f"frame.json: {text}"


def test_a_whole_number_with_a_decimal_point_is_a_size_and_a_group() -> None:
    reading = parse(make_document(make_shape(group_id=2.0), imageHeight=48.0))
    assert reading.annotation.size == (64, 48)
    assert reading.annotation.shapes[0].group == 2


def test_an_image_path_that_is_no_text_is_a_problem() -> None:
    assert problems(imagePath=["a.jpg"]) == ["imagePath: ['a.jpg'] is not text"]


def mutate(value: Any, rng: random.Random) -> Any:
    """Return the value with something in it replaced, removed or doubled."""
    odd: list[Any] = [
        None,
        True,
        0,
        -1,
        1e308,
        10**30,
        "",
        "x",
        [],
        {},
        [[1, 2]],
        {"a": []},
        "AAAA",
        float("nan"),
        2**31,
    ]
    if not isinstance(value, dict | list) or not value or rng.random() < 0.1:
        return rng.choice(odd)
    at = rng.choice(list(value) if isinstance(value, dict) else range(len(value)))
    action = rng.random()
    if action < 0.2:
        del value[at]
    elif action < 0.3 and isinstance(value, list):
        value.insert(at, value[at])
    else:
        value[at] = mutate(value[at], rng)
    return value


def test_no_damage_brings_the_reader_down() -> None:
    rng = random.Random(5)
    shapes = [make_shape(shape_type=kind, points=[[1, 2], [3, 4]][: COUNTS.get(kind, 2)]) for kind in KINDS[:-2]]
    document = make_document(*shapes, make_mask(np.ones((2, 3))), imageData=WHOLE, imageHeight=20, imageWidth=30)
    content = json.dumps(document)
    read = 0
    for _ in range(1500):
        damaged = json.loads(content)
        for _ in range(rng.randint(1, 3)):
            damaged = mutate(damaged, rng)
        text = bytearray(json.dumps(damaged).encode())
        if rng.random() < 0.2:
            for _ in range(rng.randint(1, 4)):
                text[rng.randrange(len(text))] = rng.randrange(256)
        try:
            reading = formats.parse(bytes(text), PATH)
        except AnnotationError as error:
            assert "\n" not in str(error)  # noqa: PT017
            continue
        read += 1
        assert all("\n" not in str(problem) for problem in reading.problems)
        again = formats.parse(labelme_json.dump(reading.annotation), PATH)
        assert len(again.annotation.shapes) == len(reading.annotation.shapes)
    assert read > 500
