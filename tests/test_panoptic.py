from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iddkit import labels
from iddkit.annotation import Annotation
from iddkit.panoptic import coco_categories, evaluated_categories, segment
from iddkit.raster import FILLS, instance_image, level_image, paint
from tests.strategies import IDD, annotated_frames, shape
from tests.test_raster import LEFT, RIGHT, SQUARE, frame


def ids_of(image: np.ndarray) -> np.ndarray:
    channels = image.astype(np.int64)
    return channels[..., 0] + 256 * channels[..., 1] + 65536 * channels[..., 2]


@given(annotated_frames(), st.sampled_from(FILLS), st.sampled_from(["id", "level3", "level2", "level1"]))
def test_segments_are_what_counting_pixels_one_by_one_gives(annotation: Annotation, fill: str, level: str) -> None:
    painting = paint(annotation, IDD, fill)
    panoptic = segment(painting, IDD, level)
    numbers, instances = level_image(painting, IDD, level), instance_image(painting, IDD, level)
    known = {c.number: c for c in evaluated_categories(IDD, level)}
    expected = []
    for value in np.unique(instances).tolist():
        mask = instances == value
        number = int(numbers[mask][0])
        if number in known:
            rows, columns = np.nonzero(mask)
            box = [int(columns.min()), int(rows.min()), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1]
            crowd = int(known[number].isthing and value < 1000)
            expected.append((value + 1, number, int(mask.sum()), box, crowd))
    found = [tuple(s[key] for key in ("id", "category_id", "area", "bbox", "iscrowd")) for s in panoptic.segments]
    assert found == expected
    drawn = ids_of(panoptic.image)
    assert set(np.unique(drawn).tolist()) - {0} == {s["id"] for s in panoptic.segments}
    for found_segment in panoptic.segments:
        assert int((drawn == found_segment["id"]).sum()) == found_segment["area"]


@pytest.mark.peer
def test_segments_are_the_same_in_every_run_and_of_full_size() -> None:
    # The peer draws random ids, and resizes the instance image to 1280 x 720 with a filter that invents ids.
    annotation = frame(("road", LEFT), ("car", RIGHT), ("car", SQUARE))
    first, second = (segment(paint(annotation, IDD), IDD, "level3") for _ in range(2))
    assert first.image.tobytes() == second.image.tobytes()
    assert first.image.shape == (12, 16, 3)
    assert [s["id"] for s in first.segments] == [1, 9001, 9002]


def test_groups_of_things_are_crowds_and_stuff_is_not() -> None:
    panoptic = segment(paint(frame(("road", LEFT), ("cargroup", RIGHT)), IDD), IDD, "level3")
    assert [(s["category_id"], s["iscrowd"]) for s in panoptic.segments] == [(0, 0), (9, 1)]


def test_void_and_ignored_labels_are_no_segment() -> None:
    panoptic = segment(paint(frame(("out of roi", LEFT), ("license plate", RIGHT)), IDD), IDD, "level3")
    assert panoptic.segments == ()
    assert not panoptic.image.any()
    cityscapes = labels.load("cityscapes")
    panoptic = segment(paint(frame(("parking", LEFT), ("road", RIGHT)), cityscapes), cityscapes, "id")
    assert [s["category_id"] for s in panoptic.segments] == [7]


def test_a_hidden_object_is_no_segment() -> None:
    panoptic = segment(paint(frame(("car", SQUARE), ("road", SQUARE)), IDD), IDD, "level3")
    assert [s["category_id"] for s in panoptic.segments] == [0]


def test_more_than_255_objects_have_their_segments() -> None:
    cars = tuple(shape(i, "car", [(i % 16, i // 16), (i % 16, i // 16), (i % 16, i // 16)]) for i in range(192))
    many = tuple(shape(1000 + i, "sky", SQUARE) for i in range(100))
    panoptic = segment(paint(Annotation(16, 12, many + cars), IDD), IDD, "level3")
    assert len(panoptic.segments) == 192
    assert all(s["area"] == 1 for s in panoptic.segments)


@pytest.mark.parametrize("level", ["id", "level3", "level2", "level1"])
def test_categories_have_names_of_their_own_level(level: str) -> None:
    categories = coco_categories(IDD, level)
    names = [c["name"] for c in categories]
    assert len(set(names)) == len(names)
    assert [c["id"] for c in categories] == sorted({c["id"] for c in categories})
    assert all(set(c) == {"id", "name", "supercategory", "color", "isthing"} for c in categories)
    if level == "level1":
        assert "living things" in names
