"""COCO instances: what pycocotools writes and reads, what is damaged, and that nothing is dropped in silence."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from iddkit import labels
from iddkit.annotation import MAX_PIXELS, Annotation, Shape
from iddkit.errors import AnnotationError
from iddkit.formats import coco, runlength

SQUARE = [2, 3, 12, 3, 12, 9, 2, 9]


def document(*annotations: Any, **changes: Any) -> dict[str, Any]:
    return {
        "images": [{"id": 7, "file_name": "a/x.png", "width": 30, "height": 20}],
        "annotations": list(annotations),
        "categories": [{"id": 1, "name": "car"}, {"id": 2, "name": " person "}],
    } | changes


def annotation(**changes: Any) -> dict[str, Any]:
    return {"id": 5, "image_id": 7, "category_id": 1, "segmentation": [SQUARE], "iscrowd": 0} | changes


def parse(*annotations: Any, **changes: Any) -> coco.Instances:
    return coco.parse(document(*annotations, **changes), Path("x.json"))


def only_shape(**changes: Any) -> Shape:
    ((_, reading),) = parse(annotation(**changes)).frames
    assert not reading.problems
    (shape,) = reading.annotation.shapes
    return shape


def problem_of(item: Any) -> str:
    instances = parse(item)
    problems = [*instances.problems, *instances.frames[0][1].problems]
    assert not instances.frames[0][1].annotation.shapes
    (problem,) = problems
    assert problem.number == 0
    return str(problem)


def polygon(*points: tuple[float, float], label: str = "car", **changes: Any) -> Shape:
    return Shape(label, np.array(points, dtype=np.float64).reshape(-1, 2), **changes)


def load_with_pycocotools(content: bytes, folder: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    from pycocotools.coco import COCO

    path = folder / "instances.json"
    path.write_bytes(content)
    loaded = COCO(str(path))
    capsys.readouterr()  # it prints
    return loaded


def test_polygon_keeps_its_points_its_label_and_unknown_keys() -> None:
    shape = only_shape(category_id=2, segmentation=[[0.1, 2, 3.5, 4.25, -1, 99]], attributes={"occluded": True})
    assert shape.points.tolist() == [[0.1, 2], [3.5, 4.25], [-1, 99]]
    assert (shape.label, shape.kind, shape.group, shape.number) == ("person", "polygon", None, 0)
    assert shape.extra == {"attributes": {"occluded": True}}


def test_polygons_of_one_annotation_share_number_and_group() -> None:
    two = annotation(segmentation=[SQUARE, [0, 0, 1, 0, 1, 1]])
    ((_, reading),) = parse(two, two, annotation(id=6)).frames
    assert [shape.number for shape in reading.annotation.shapes] == [0, 0, 1, 1, 2]
    first, second = reading.annotation.shapes[0].group, reading.annotation.shapes[2].group
    assert first == 5
    assert second not in (None, 5), "an id that stands twice must not make one object of two"
    assert [shape.group for shape in reading.annotation.shapes] == [first, first, second, second, None]


def test_crowd_is_read_as_a_group_of_its_label() -> None:
    assert only_shape(iscrowd=1).label == "cargroup"


@settings(max_examples=200)
@given(hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_mask_is_read_as_pycocotools_wrote_it(mask: NDArray[np.bool_]) -> None:
    from pycocotools import mask as coco_mask

    encoded = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    segmentation = {"size": encoded["size"], "counts": encoded["counts"].decode()}
    size = (mask.shape[1], mask.shape[0])
    if not mask.any():
        with pytest.raises(ValueError, match="no pixel"):
            runlength.decode(segmentation, size)
        return
    points, patch = runlength.decode(segmentation, size)
    plain = {"size": encoded["size"], "counts": runlength.decode_runs(segmentation["counts"]).tolist()}
    assert coco_mask.frPyObjects(plain, *mask.shape) == encoded
    assert np.array_equal(runlength.decode(plain, size)[1], patch)
    (x0, y0), (x1, y1) = points.astype(int)
    assert np.array_equal(mask[y0 : y1 + 1, x0 : x1 + 1], patch)
    assert mask.sum() == patch.sum()
    assert patch[0].any() and patch[-1].any() and patch[:, 0].any() and patch[:, -1].any()  # noqa: PT018
    assert runlength.encode(Shape("a", points, "mask", mask=patch), *size) == encoded


@given(st.lists(st.integers(0, MAX_PIXELS), min_size=1, max_size=30))
def test_compressed_runs_of_any_length_are_decoded(runs: list[int]) -> None:
    # The rule of rleToString, written out plainly.
    text = ""
    for i, run in enumerate(runs):
        value = run - (runs[i - 2] if i > 2 else 0)
        more = True
        while more:
            bits = value & 31
            value >>= 5
            more = value != -1 if bits & 16 else value != 0
            text += chr(48 + (bits | 32 if more else bits))
    assert runlength.decode_runs(text).tolist() == runs


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"image_id": 8}, "no image of this file has the id 8"),
        ({"image_id": "7"}, "no image of this file has the id '7'"),
        ({"image_id": True}, "no image"),
        ({"category_id": 9}, "no category of this file has the id 9"),
        ({"category_id": [1]}, "no category"),
        ({"iscrowd": 2}, "'iscrowd' is 2, not 0 or 1"),
        ({"iscrowd": "0"}, "'iscrowd' is '0'"),
        ({"segmentation": None}, "no segmentation"),
        ({"segmentation": []}, "the segmentation is empty"),
        ({"segmentation": "x"}, "no list and no mask"),
        ({"segmentation": [1, 2, 3, 4, 5, 6]}, "polygon 0 is no list of numbers"),
        ({"segmentation": [SQUARE, [1, 2, 3]]}, "polygon 1 has an odd count of numbers: 3"),
        ({"segmentation": [[1, 2, 3, float("nan"), 5, 6]]}, "polygon 0: point 1: y is nan"),
        ({"segmentation": [[1, 2, "3", 4, 5, 6]]}, "polygon 0: point 1: x is '3', not a number"),
        ({"segmentation": [[1, 2, 1e300, 4, 5, 6]]}, "polygon 0: point 1: x is 1e+300, no pixel coordinate"),
        ({"segmentation": {"counts": [600]}}, "the mask's size"),
        ({"segmentation": {"size": [20, 31], "counts": [620]}}, "the mask is of 31 x 20 pixels, the image of 30 x 20"),
        ({"segmentation": {"size": [10**9, 10**9], "counts": [1]}}, "larger than"),
        ({"segmentation": {"size": [20, 30]}}, "the mask has no counts"),
        ({"segmentation": {"size": [20, 30], "counts": [600]}}, "the mask has no pixel"),
        ({"segmentation": {"size": [20, 30], "counts": [0, 599]}}, "the mask's runs cover 599 pixels of 600"),
        ({"segmentation": {"size": [20, 30], "counts": [700, -100]}}, "a run is negative"),
        ({"segmentation": {"size": [20, 30], "counts": [10**30]}}, "not all whole numbers"),
        ({"segmentation": {"size": [20, 30], "counts": [300, 300.0]}}, "not all whole numbers"),
        ({"segmentation": {"size": [20, 30], "counts": ""}}, "a text of 0 characters"),
        ({"segmentation": {"size": [20, 30], "counts": "00P"}}, "the last number does not end"),
        ({"segmentation": {"size": [20, 30], "counts": "0!0"}}, "damaged at character 1"),
        ({"segmentation": {"size": [20, 30], "counts": "0\u09470"}}, "damaged at character 1"),
        ({"segmentation": {"size": [20, 30], "counts": "PPPPPP1"}}, "a number is longer than any image"),
    ],
)
def test_damaged_annotation_is_named_and_the_others_are_read(changes: dict[str, Any], text: str) -> None:
    line = problem_of(annotation(**changes))
    assert line.startswith("annotation id 5: ")
    assert text in line
    instances = parse(annotation(**changes), annotation(id=6))
    assert [shape.number for shape in instances.frames[0][1].annotation.shapes] == [1]


@pytest.mark.parametrize("item", [None, 3, [], {}, {"id": None}, {"id": 10**30, "image_id": 10**30}])
def test_annotation_without_an_id_is_named_by_its_place(item: Any) -> None:
    assert problem_of(item).startswith("annotation number 0: no image")


def test_images_and_categories_that_cannot_be_used_are_listed_with_their_annotations() -> None:
    images = [
        {"id": 7, "file_name": "x.png", "width": 30, "height": 20},
        {"id": 7, "file_name": "y.png", "width": 30, "height": 20},
        {"id": 8, "file_name": "z.png", "width": 10**9, "height": 10**9},
        {"id": 9},
        "no image",
    ]
    categories = [{"id": 1, "name": "car"}, {"id": 1, "name": "bus"}, {"id": 2}]
    instances = parse(annotation(), annotation(id=6, image_id=8), images=images, categories=categories)
    assert [name for name, _ in instances.frames] == ["x.png"]
    assert [p.where for p in instances.problems if p.number is None] == [
        "category id 1",
        "category id 2",
        "image id 7",
        "image id 8",
        "image id 9",
        "image number 4",
    ]
    assert [p.where for p in instances.problems if p.number is not None] == ["annotation id 6"]


def test_image_without_a_size_is_read() -> None:
    ((_, reading),) = parse(annotation(), images=[{"id": 7, "file_name": "x.png"}]).frames
    assert reading.annotation.size == (0, 0)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"images": {}}, "no list 'images'"),
        ({"categories": None}, "no list 'categories'"),
        ({"annotations": [{"segments_info": [], "image_id": 7}]}, "panoptic"),
    ],
)
def test_file_that_is_no_instances_file_is_refused(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(AnnotationError, match=text):
        parse(**changes)


def test_file_without_images_is_not_coco(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"objects": []}')
    with pytest.raises(AnnotationError, match="not COCO"):
        coco.read(path)


# -- out -----------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:pycocotools")
def test_pycocotools_loads_what_is_written_and_agrees_on_every_area(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    patch = np.zeros((5, 4), dtype=np.bool_)
    patch[1:, 1:3] = True
    shapes = (
        polygon((2, 3), (12.5, 3), (12, 9), (2, 9.75), label="car"),
        polygon((-5, -5), (8, -3), (4, 50), label="road"),
        polygon((0, 0), (9, 0), (9, 9), label="person", group=3),
        polygon((20, 0), (29, 0), (29, 9), label="person", group=3),
        polygon((0, 0), (9, 0), (9, 9), label="bicyclegroup"),
        Shape("car", np.array([[28.0, 17.0], [31.0, 21.0]]), "mask", mask=patch),
        Shape("bus", np.array([[10.0, 10.0], [14.0, 10.0]]), "circle"),
        Shape("bus", np.array([[3.0, 4.0], [1.0, 8.0]]), "rectangle"),
    )
    frames = [("a.png", Annotation(30, 20, shapes)), ("b.png", Annotation(40, 19, shapes))]
    written = coco.dump_instances(frames, labels.load("idd"))
    assert written.dropped == ()
    loaded = load_with_pycocotools(written.content, tmp_path, capsys)
    assert [(image["id"], image["file_name"]) for image in loaded.dataset["images"]] == [(1, "a.png"), (2, "b.png")]
    assert [item["id"] for item in loaded.dataset["annotations"]] == list(range(1, 15))
    for item in loaded.dataset["annotations"]:
        mask = loaded.annToMask(item)
        rows, columns = np.nonzero(mask)
        assert item["area"] == mask.sum() > 0
        x, y = columns.min(), rows.min()
        assert item["bbox"] == [x, y, columns.max() + 1 - x, rows.max() + 1 - y]
    names = {category["id"]: category["name"] for category in loaded.dataset["categories"]}
    assert names == {label.id: label.name for label in labels.load("idd") if label.drawn}
    first = loaded.dataset["annotations"][:7]
    assert [names[item["category_id"]] for item in first] == ["car", "road", "person", "bicycle", "car", "bus", "bus"]
    assert [item["iscrowd"] for item in first] == [0, 0, 0, 1, 0, 0, 0]
    assert [type(item["segmentation"]) for item in first] == [list, list, list, dict, dict, list, list]
    assert len(first[2]["segmentation"]) == 2
    assert first[0]["segmentation"] == [[2, 3, 12.5, 3, 12, 9, 2, 9.75]]


def test_without_a_label_map_labels_stay_as_typed_and_are_numbered_as_they_come() -> None:
    triangle = ((0, 0), (9, 0), (9, 9))
    shapes = tuple(polygon(*triangle, label=label) for label in ("zebra", "cargroup", "zebra"))
    document = json.loads(coco.dump_instances([("a.png", Annotation(10, 10, shapes))]).content)
    assert [(c["id"], c["name"]) for c in document["categories"]] == [(1, "zebra"), (2, "cargroup")]
    assert [item["category_id"] for item in document["annotations"]] == [1, 2, 1]
    assert [item["iscrowd"] for item in document["annotations"]] == [0, 0, 0]


def test_shapes_that_cannot_be_written_are_returned_with_the_reason() -> None:
    triangle = ((0, 0), (9, 0), (9, 9))
    far = [(-4e6, 0.0), (4e6, 9.0)]
    shapes = [
        polygon(*triangle, deleted=True),
        polygon(*triangle[:2]),
        polygon(),
        polygon((50, 50), (60, 50), (60, 60)),
        polygon((3, 3), (3, 3), (3, 3)),
        polygon(*triangle, label="persn"),
        polygon(*triangle, label="license plate"),
        Shape("car", np.array([[0.0, 0.0], [9.0, 9.0]]), "line"),
        Shape("car", np.array([[0.0, 0.0], [9.0, 9.0], [0.0, 9.0]]), "linestrip"),
        Shape("car", np.array([[0.0, 0.0], [1.0, 1.0]]), "mask", mask=np.zeros((2, 2), dtype=np.bool_)),
        polygon(*far, *far, *far),
        polygon(*triangle),
    ]
    shapes = [Shape(s.label, s.points, s.kind, i, s.deleted, mask=s.mask) for i, s in enumerate(shapes)]
    written = coco.dump_instances([("a.png", Annotation(20, 20, tuple(shapes)))], labels.load("cityscapes"))
    expected = [
        "deleted",
        "a polygon of 2 points has no area",
        "a polygon of 0 points has no area",
        "covers no pixel of the image",
        "covers no pixel of the image",
        "the label 'persn' is not in the label map; is 'person' meant?",
        "the label 'license plate' is never drawn",
        "a line of 2 points has no area",
        "a linestrip of 3 points has no area, and would be filled as a polygon",
        "covers no pixel of the image",
        "its outline is 48000000 pixels long",
    ]
    assert [(name, p.where, p.text) for name, p in written.dropped] == [
        ("a.png", f"object {i}", text) for i, text in enumerate(expected)
    ]
    assert [p.number for _, p in written.dropped] == list(range(11))
    assert len(json.loads(written.content)["annotations"]) == 1


def test_image_of_unknown_size_is_refused() -> None:
    with pytest.raises(AnnotationError, match=r"a\.png: the size of its image is unknown"):
        coco.dump_instances([("a.png", Annotation(0, 0, ()))])


points_lists = st.lists(st.tuples(*[st.floats(-50, 80) | st.integers(-50, 80).map(float)] * 2), min_size=3, max_size=8)


@settings(max_examples=150)
@given(st.lists(st.tuples(points_lists, st.sampled_from(["car", "bus", "\U0001f600", "\ud800"]), st.booleans())))
def test_written_polygons_are_read_again_point_by_point(objects: list[tuple[Any, str, bool]]) -> None:
    shapes = tuple(
        polygon(*points, label=label, number=i, group=i if grouped else None, extra={"score": i})
        for i, (points, label, grouped) in enumerate(objects)
    )
    written = coco.dump_instances([("a.png", Annotation(60, 40, shapes, extra={"license": 3}))])
    dropped = {problem.number for _, problem in written.dropped}
    ((name, reading),) = coco.parse(json.loads(written.content), Path("x")).frames
    assert not reading.problems
    assert (name, reading.annotation.size, reading.annotation.extra) == ("a.png", (60, 40), {"license": 3})
    kept = [shape for shape in shapes if shape.number not in dropped]
    assert [(s.label, s.group, s.points.tolist(), s.extra) for s in reading.annotation.shapes] == [
        (s.label, s.group, s.points.tolist(), s.extra) for s in kept
    ]
    again = coco.dump_instances([(name, reading.annotation)])
    assert again.content == written.content


# -- mutations -----------------------------------------------------------------------------------------------------

STRANGE: list[Any] = [
    None,
    True,
    -1,
    0,
    3,
    2.5,
    10**30,
    1e300,
    float("nan"),
    "",
    "7",
    "\ud800",
    [],
    {},
    [[]],
    [None],
    {"a": 1},
]


def mutate(value: Any, rng: random.Random) -> Any:
    """Put something strange at a random place of a decoded document."""
    if isinstance(value, (dict, list)) and value and rng.random() < 0.93:
        key = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
        if rng.random() < 0.05:
            del value[key]
        else:
            value[key] = mutate(value[key], rng)
        return value
    if isinstance(value, str) and value and rng.random() < 0.5:
        place = rng.randrange(len(value))
        return value[:place] + chr(rng.randrange(32, 130)) + value[place + rng.randrange(2) :]
    return copy.deepcopy(rng.choice(STRANGE))


def test_thousands_of_damaged_documents_never_end_in_a_crash() -> None:
    from pycocotools import mask as coco_mask

    noise = np.random.default_rng(0).random((20, 30)) < 0.5
    encoded = coco_mask.encode(np.asfortranarray(noise.astype(np.uint8)))
    compressed = {"size": [20, 30], "counts": encoded["counts"].decode()}
    plain = {"size": [20, 30], "counts": runlength.decode_runs(compressed["counts"]).tolist()}
    items = [annotation(id=i, segmentation=s) for i, s in enumerate([[SQUARE, SQUARE], compressed, plain])]
    rng = random.Random(0)
    outcomes = {"read": 0, "listed": 0, "refused": 0}
    for _ in range(4000):
        damaged = document(*copy.deepcopy(items))
        for _ in range(rng.randint(1, 4)):
            damaged = mutate(damaged, rng)
        try:
            instances = coco.parse(damaged if isinstance(damaged, dict) else {}, Path("x.json"))
        except AnnotationError:
            outcomes["refused"] += 1
            continue
        problems = [*instances.problems, *(p for _, reading in instances.frames for p in reading.problems)]
        numbers = {p.number for p in problems} | {s.number for _, r in instances.frames for s in r.annotation.shapes}
        assert numbers - {None} == set(range(len(damaged["annotations"])))
        outcomes["listed" if problems else "read"] += 1
        coco.dump_instances(
            (name, reading.annotation if all(reading.annotation.size) else reading.annotation.with_size(30, 20))
            for name, reading in instances.frames
            if reading.annotation.width * reading.annotation.height < 10**6
        )
    assert min(outcomes.values()) > 200, outcomes
