"""Spoiled annotations: what is made wrong can be seen, is chosen by the seed alone, and is all that changes."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iddkit import formats, synthetic
from iddkit.annotation import Annotation, Shape, as_points
from iddkit.errors import AnnotationError
from iddkit.labels import load
from iddkit.qc.rewriting import rewrite
from iddkit.qc.spoiling import (
    CONFUSED,
    KINDS,
    LEAST_PIXELS,
    MOST_SHARE,
    Spoiled,
    find_difference,
    find_spoilings,
    spoil,
)
from iddkit.raster import paint

IDD = load("idd")
SIZE = (480, 270)


@cache
def scene(number: int) -> Annotation:
    return synthetic.scene(number, width=SIZE[0], height=SIZE[1]).annotation


@cache
def spoiled_scenes() -> tuple[tuple[Annotation, Spoiled], ...]:
    """Return everything that can be made wrong in some scenes."""
    return tuple((scene(number), one) for number in range(3) for one in find_spoilings(scene(number), IDD, seed=number))


def square(label: str, x: int, y: int, side: int, number: int = 0) -> Shape:
    points = as_points([[x, y], [x + side, y], [x + side, y + side], [x, y + side]])
    return Shape(label, points, number=number)


def label_image(annotation: Annotation) -> np.ndarray[Any, Any]:
    painting = paint(annotation, IDD, unknown="void")
    names = np.array(["", *(one.label or "" for one in painting.objects)])
    return names[painting.index]


def test_every_kind_is_made() -> None:
    assert {one.reason for _, one in spoiled_scenes()} == set(KINDS)


def test_what_is_wrong_can_be_seen_and_is_in_its_region() -> None:
    for before, one in spoiled_scenes():
        differs = label_image(before) != label_image(one.annotation)
        assert differs.sum() >= LEAST_PIXELS
        assert differs.mean() <= 2 * MOST_SHARE  # it is where it was, and where it is
        rows, columns = np.nonzero(differs)
        x, y, width, height = one.region
        assert (columns.min(), rows.min()) == (x, y)
        assert (columns.max() + 1, rows.max() + 1) == (x + width, y + height)
        assert find_difference(before, one.annotation, IDD) == one.region
        assert find_difference(before, before, IDD) is None


def test_one_object_changes_and_no_other() -> None:
    for before, one in spoiled_scenes():
        others = [shape for shape in before.shapes if shape.number != one.number]
        assert [shape for shape in one.annotation.shapes if shape is not one.changed] == others
        (was,) = (shape for shape in before.shapes if shape.number == one.number)
        assert IDD.find(was.label) == (one.label, False)
        if one.changed is None:
            assert one.reason == "missing-object"
            assert IDD[one.label].has_instances
        elif one.reason == "wrong-label":
            assert one.changed.label in CONFUSED[one.label]
            assert np.array_equal(one.changed.points, was.points)
        else:
            assert one.changed.label == was.label
            assert one.changed.points.shape == was.points.shape
            assert (one.changed.points >= 0).all()
            assert (one.changed.points <= SIZE).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 5), st.integers(0, 2**64), st.sampled_from([None, *KINDS]))
def test_the_seed_chooses(number: int, seed: int, kind: str | None) -> None:
    one, other = (spoil(scene(number), IDD, kind=kind, seed=seed) for _ in range(2))
    assert (one.reason, one.number, one.region) == (other.reason, other.number, other.region)
    assert kind in (None, one.reason)


def test_seeds_differ() -> None:
    assert len({(one.reason, one.number) for seed in range(20) for one in [spoil(scene(0), IDD, seed=seed)]}) > 5


@pytest.mark.parametrize(
    "shapes",
    [
        (),
        (square("car", 10, 10, 15),),  # too small
        (square("car", 0, 0, 100),),  # too large
        (square("cargroup", 10, 10, 30),),
        (square("no such label", 10, 10, 30),),
        (square("sky", 10, 10, 30),),  # neither a thing, nor taken for another
        (square("car", 10, 10, 30), square("sky", 9, 9, 40, 1)),  # hidden
        (square("road", 0, 0, 100), square("car", 10, 10, 30, 1), square("truck", 10, 10, 30, 2)),
    ],
)
def test_what_nobody_could_see_is_not_made_wrong(shapes: tuple[Shape, ...]) -> None:
    annotation = Annotation(100, 100, shapes)
    found = list(find_spoilings(annotation, IDD, seed=1))
    assert all(one.number == 2 for one in found)  # the truck that hides the car
    if len(shapes) < 3:
        with pytest.raises(AnnotationError, match="no object is large enough"):
            spoil(annotation, IDD)


def test_one_of_two_of_a_label_that_hide_one_another_is_not_left_out() -> None:
    under = (square("car", 10, 10, 30), square("car", 10, 10, 30, 1))
    assert not list(find_spoilings(Annotation(100, 100, under), IDD, kinds=["missing-object"]))


# --- files


def layouts(name: str, annotation: Annotation) -> list[bytes]:
    content = formats.dumper(name)(annotation)
    if name == "labelme-xml":
        return [content]
    document = json.loads(content)
    plain = json.dumps(document).encode()
    return [content, plain, json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode() + b"\n\n"]


@pytest.mark.parametrize("name", formats.FORMATS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_written_again_with_nothing_else_changed(name: str, kind: str) -> None:
    for content in layouts(name, scene(1)):
        path = Path("a.xml" if name == "labelme-xml" else "a.json")
        reading = formats.parse(content, path)
        assert reading.format == name
        one = spoil(reading.annotation, IDD, kind=kind, seed=3)
        made = rewrite(content, reading, one, path)
        assert made != content
        again = formats.parse(made, path).annotation
        expected = one.annotation.shapes
        assert [shape.label for shape in again.shapes] == [shape.label for shape in expected]
        assert [shape.points.tolist() for shape in again.shapes] == [shape.points.tolist() for shape in expected]
        assert [dict(shape.extra) for shape in again.shapes] == [dict(shape.extra) for shape in expected]
        # It is laid out as it was: of its lines only those of the object are others.
        lines, were = made.splitlines(), content.splitlines()
        assert len(set(lines) ^ set(were)) <= 2 + 8 * (2 + max(len(shape.points) for shape in expected))


def test_a_file_that_cannot_be_read_whole_is_not_spoiled() -> None:
    document = json.loads(formats.dumper("cityscapes")(scene(0)))
    document["objects"].append({"label": "car"})
    content = json.dumps(document).encode()
    reading = formats.parse(content, Path("a.json"))
    with pytest.raises(AnnotationError, match="not all of it can be read"):
        rewrite(content, reading, spoil(reading.annotation, IDD), Path("a.json"))


def test_an_odd_layout_is_written_as_the_tool_does() -> None:
    content = b"  " + formats.dumper("cityscapes")(scene(0)).replace(b'"label"', b'"label" ')
    reading = formats.parse(content, Path("a.json"))
    one = spoil(reading.annotation, IDD, seed=2)
    assert rewrite(content, reading, one, Path("a.json")) == formats.dumper("cityscapes")(one.annotation)
