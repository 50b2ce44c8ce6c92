from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iddkit import formats
from iddkit.annotation import Reading
from iddkit.errors import AnnotationError
from iddkit.formats import cityscapes
from tests.conftest import DATA
from tests.strategies import polygons

PATH = Path("frame.json")
finite = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.floats(allow_nan=False, allow_infinity=False)
)
values = finite | st.sampled_from([float("inf"), float("-inf")])  # Python writes and reads them; JSON has none
keys = st.text(min_size=1, max_size=8).filter(lambda k: k not in {"label", "polygon", "deleted", "objects"})
keys = keys.filter(lambda k: k not in {"imgWidth", "imgHeight", "shapes", "images", "annotations"})
IDD_KEYS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.integers(0, 500),
        "deleted": st.sampled_from([0, 1, True, False]),
        "verified": finite,
        "user": finite,
        "date": st.text(max_size=9),
        "draw": st.booleans(),
        "group_id": finite,
    },
)


@st.composite
def documents(draw: st.DrawFn, unknown_keys: bool) -> dict[str, Any]:
    """Draw a polygon document as Cityscapes' tool, IDD or somebody else writes it."""
    objects = []
    for polygon in draw(st.lists(polygons(), max_size=5)):
        item = draw(IDD_KEYS) | {"label": draw(st.text(max_size=9)), "polygon": [list(p) for p in polygon]}
        objects.append(item | (draw(st.dictionaries(keys, values, max_size=2)) if unknown_keys else {}))
    extra = draw(st.dictionaries(keys, values, max_size=2)) if unknown_keys else {}
    return extra | {"imgWidth": draw(st.integers(1, 99)), "imgHeight": draw(st.integers(1, 99)), "objects": objects}


def same(one: Reading, other: Reading) -> bool:
    """Return whether two readings are equal, points and extra keys included."""

    def plain(reading: Reading) -> Any:
        a = reading.annotation
        shapes = [(s.label, s.points.tolist(), s.kind, s.number, s.deleted, s.group) for s in a.shapes]
        rest = [(s.author, s.date, dict(s.extra)) for s in a.shapes]
        return reading.format, reading.problems, a.size, a.image, dict(a.extra), shapes, rest

    return bool(plain(one) == plain(other))


@given(documents(unknown_keys=True))
def test_reading_and_writing_loses_nothing(document: dict[str, Any]) -> None:
    reading = formats.parse(json.dumps(document).encode(), PATH)
    assert reading.problems == ()
    written = json.loads(cityscapes.dump(reading.annotation))
    assert written == json.loads(json.dumps(document))


@given(documents(unknown_keys=False))
def test_the_fast_way_reads_as_the_careful_one(document: dict[str, Any]) -> None:
    fast = cityscapes.parse_plain(json.dumps(document).encode())
    assert fast is not None
    assert same(fast, cityscapes.parse(document, PATH))
    assert all(shape.points.dtype == np.float64 for shape in fast.annotation.shapes)


@pytest.mark.parametrize("value", ["Infinity", "-Infinity", "NaN"])
def test_numbers_that_json_does_not_have_are_read_the_careful_way(value: str) -> None:
    content = b'{"imgWidth": 9, "imgHeight": 9, "objects": [{"label": "car", "polygon": [], "group_id": %s}]}'
    assert cityscapes.parse_plain(content % value.encode()) is None
    reading = formats.parse(content % value.encode(), PATH)
    assert [(s.label, str(s.extra["group_id"])) for s in reading.annotation.shapes] == [("car", str(float(value)))]


@given(st.data())
def test_the_fast_way_leaves_what_is_unusual_to_the_careful_one(data: st.DataObject) -> None:
    content = bytearray((DATA / "scene_gtFine_polygons.json").read_bytes()[:1500])
    content = bytearray(content[: content.rindex(b"}") + 1] + b"]}")
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 6))] = data.draw(
            st.sampled_from(
                [b"", b"1", b'"', b"null", b"true", b"1e300", b"-5", b"[", b"}", b",", b'"deleted": 2,', b"0.5"]
            )
        )
    fast = cityscapes.parse_plain(bytes(content))
    if fast is not None:
        assert same(fast, cityscapes.parse(json.loads(content), PATH))


def test_half_a_surrogate_pair_is_written_so_that_it_can_be_read() -> None:
    document = {"imgWidth": 9, "imgHeight": 9, "objects": [{"label": "\ud800", "polygon": []}]}
    reading = formats.parse(json.dumps(document).encode(), PATH)
    again = formats.parse(cityscapes.dump(reading.annotation), PATH)
    assert again.annotation.shapes[0].label == "\ud800"


def test_whole_numbers_are_written_as_integers() -> None:
    document = {"imgWidth": 9, "imgHeight": 9, "objects": [{"label": "car", "polygon": [[1.0, 2.5]]}]}
    reading = formats.parse(json.dumps(document).encode(), PATH)
    assert json.loads(cityscapes.dump(reading.annotation))["objects"][0]["polygon"] == [[1, 2.5]]
    assert b"1.0" not in cityscapes.dump(reading.annotation)


@pytest.mark.parametrize(
    ("objects", "problem"),
    [
        ([7], "object 0: not a JSON object"),
        ([{"label": "car", "polygon": []}, {"label": 3, "polygon": []}], "object 1: the label is not text"),
        ([{"label": "car", "polygon": [], "deleted": "1"}], "object 0: 'deleted' is '1', not 0 or 1"),
        ([{"label": "car", "polygon": [], "deleted": 2}], "object 0: 'deleted' is 2, not 0 or 1"),
        ([{"label": "car", "polygon": "no"}], "object 0: the points are 'no', not a list"),
    ],
)
def test_a_bad_object_is_named_and_the_others_are_read(objects: list[Any], problem: str) -> None:
    good = {"label": "sky", "polygon": [[0, 0], [1, 0], [0, 1]]}
    document = {"imgWidth": 9, "imgHeight": 9, "objects": [*objects, good]}
    reading = formats.parse(json.dumps(document).encode(), PATH)
    assert [str(p) for p in reading.problems] == [problem]
    assert reading.annotation.shapes[-1].label == "sky"
    assert reading.object_count == len(objects) + 1


@pytest.mark.parametrize(
    "change", [{"imgWidth": 0}, {"imgWidth": "9"}, {"imgHeight": 10**9}, {"objects": {}}, {"imgWidth": 1.5}]
)
def test_a_document_without_a_size_or_a_list_is_refused(change: dict[str, Any]) -> None:
    document = {"imgWidth": 9, "imgHeight": 9, "objects": []} | change
    with pytest.raises(AnnotationError, match=r"frame\.json: "):
        formats.parse(json.dumps(document).encode(), PATH)


def test_a_size_written_as_a_float_is_a_whole_number() -> None:
    reading = formats.parse(b'{"imgWidth": 9.0, "imgHeight": 8.0, "objects": []}', PATH)
    assert reading.annotation.size == (9, 8)
