from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from iddkit import formats, labels
from iddkit.annotation import Annotation, Shape
from iddkit.cli import options
from iddkit.errors import OptionError, RasterError
from iddkit.raster import FILLS, UNKNOWN, default_fill, instance_image, instance_numbers, level_image, paint
from tests import slow
from tests.strategies import IDD, annotated_frames, shape

DATA = Path(__file__).parent / "data"
SQUARE = [(2.0, 2.0), (9.0, 2.0), (9.0, 9.0), (2.0, 9.0)]
LEFT, RIGHT = [(0.0, 0.0), (5.0, 0.0), (5.0, 11.0), (0.0, 11.0)], [(8.0, 0.0), (15.0, 0.0), (15.0, 11.0), (8.0, 11.0)]
fills = st.sampled_from(FILLS)
levels = st.sampled_from(IDD.levels)


def frame(*shapes: tuple[str, list[tuple[float, float]]]) -> Annotation:
    return Annotation(16, 12, tuple(shape(i, name, polygon) for i, (name, polygon) in enumerate(shapes)))


@given(annotated_frames(), fills, levels)
def test_every_level_is_what_drawing_it_directly_gives(annotation: Annotation, fill: str, level: str) -> None:
    drawn = level_image(paint(annotation, IDD, fill), IDD, level)
    assert drawn.dtype == np.uint8
    assert (drawn == slow.draw_numbers(annotation, IDD, level, fill)).all()


@given(annotated_frames(), fills, levels)
def test_the_id_image_looked_up_is_the_level(annotation: Annotation, fill: str, level: str) -> None:
    painting = paint(annotation, IDD, fill)
    assert (IDD.lookup(level)[level_image(painting, IDD, "id")] == level_image(painting, IDD, level)).all()


@given(annotated_frames(), fills, st.sampled_from(["id", "level4", "level3", "level2", "level1"]))
def test_instances_are_numbered_per_number_of_the_level(annotation: Annotation, fill: str, level: str) -> None:
    numbers = slow.count_instances(annotation, IDD, level)
    drawn = instance_image(paint(annotation, IDD, fill), IDD, level)
    assert drawn.dtype == np.uint16
    assert (drawn == slow.draw_numbers(annotation, IDD, level, fill, numbers)).all()


@given(annotated_frames(), fills, st.randoms(use_true_random=False))
def test_moving_objects_that_are_not_drawn_changes_nothing(
    annotation: Annotation, fill: str, random: st.DrawFn
) -> None:
    def is_drawn(s: Shape) -> bool:
        return not s.deleted and len(s.points) >= 3

    drawn = [s for s in annotation.shapes if is_drawn(s)]
    others = [s for s in annotation.shapes if not is_drawn(s)]
    for other in others:
        drawn.insert(random.randint(0, len(drawn)), other)  # type: ignore[attr-defined]
    moved = replace(annotation, shapes=tuple(drawn))
    assert (paint(moved, IDD, fill).index == paint(annotation, IDD, fill).index).all()


@given(annotated_frames(), fills)
def test_every_object_is_drawn_hidden_or_dropped(annotation: Annotation, fill: str) -> None:
    painting = paint(annotation, IDD, fill)
    numbers = [o.number for o in painting.objects] + [d.number for d in painting.dropped]
    assert sorted(numbers) == [s.number for s in annotation.shapes]
    counts = painting.pixel_counts()
    assert counts.sum() == painting.index.size
    assert counts.tolist() == [int((painting.index == k).sum()) for k in range(len(painting.objects) + 1)]


@given(annotated_frames(), fills)
def test_more_than_255_objects_are_painted_alike(annotation: Annotation, fill: str) -> None:
    small = paint(annotation, IDD, fill)
    many = tuple(shape(1000 + i, "sky", [(0, 0), (3, 0), (0, 3)]) for i in range(300))
    large = paint(replace(annotation, shapes=many + annotation.shapes), IDD, fill)
    assert (small.index.dtype.name, large.index.dtype.name) == ("uint8", "uint16")
    known = small.index > 0
    assert (large.index[known] == small.index[known].astype(np.uint16) + 300).all()
    for level in ("id", "level1"):
        assert (level_image(large, IDD, level)[known] == level_image(small, IDD, level)[known]).all()
    assert (instance_image(large, IDD, "level3")[known] == instance_image(small, IDD, "level3")[known]).all()
    assert large.pixel_counts()[301:].tolist() == small.pixel_counts()[1:].tolist()


def test_a_later_shape_covers_an_earlier_one() -> None:
    drawn = level_image(paint(frame(("road", SQUARE), ("car", SQUARE)), IDD), IDD, "id")
    assert set(np.unique(drawn)) == {IDD["car"].id, IDD.background("id")}


def test_background_is_the_void_label_of_the_map() -> None:
    empty = Annotation(3, 2, ())
    assert (level_image(paint(empty, IDD), IDD, "level3") == 255).all()
    assert (level_image(paint(empty, IDD), IDD, "id") == 35).all()
    cityscapes = labels.load("cityscapes")
    assert (level_image(paint(empty, cityscapes), cityscapes, "id") == 0).all()


def test_objects_that_are_not_drawn_are_accounted_for_by_reason() -> None:
    cityscapes = labels.load("cityscapes")
    shapes = (
        replace(shape(0, "car", SQUARE), deleted=True),
        shape(1, "car", []),
        shape(2, "car", SQUARE[:2]),
        shape(3, "license plate", SQUARE),
        shape(4, "zebra", SQUARE),
        shape(5, "car", SQUARE),
    )
    painting = paint(Annotation(16, 12, shapes), cityscapes, unknown="skip")
    assert [(d.number, d.reason) for d in painting.dropped] == [
        (0, "deleted"),
        (1, "no points"),
        (2, "fewer than 3 points"),
        (3, "label that is never drawn"),
        (4, "unknown label"),
    ]
    assert [o.number for o in painting.objects] == [5]


def test_an_unknown_label_is_refused_with_its_object_and_the_nearest_label() -> None:
    annotation = frame(("road", SQUARE), ("autoriksha", SQUARE), ("autoriksha", SQUARE))
    with pytest.raises(RasterError) as caught:
        paint(annotation, IDD)
    assert str(caught.value) == "object 1: unknown label 'autoriksha', perhaps 'autorickshaw' (and 1 more of it)"


def test_an_unknown_label_can_be_painted_void() -> None:
    painting = paint(frame(("road", SQUARE), ("zebra", SQUARE)), IDD, unknown="void")
    assert (level_image(painting, IDD, "level3") == 255).all()


def test_unknown_labels_of_objects_that_are_not_drawn_do_no_harm() -> None:
    annotation = Annotation(16, 12, (replace(shape(0, "junk", SQUARE), deleted=True), shape(1, "junk", [])))
    assert len(paint(annotation, IDD).dropped) == 2


def test_a_region_to_ignore_is_void() -> None:
    painting = paint(frame(("road", SQUARE), ("__ignore__", SQUARE)), IDD, "labelme")
    assert (level_image(painting, IDD, "level3") == 255).all()


def test_groups_have_no_instance_number() -> None:
    numbers = instance_numbers(paint(frame(("car", LEFT), ("cargroup", RIGHT), ("car", SQUARE)), IDD), IDD, "level3")
    assert numbers.tolist() == [255, 9000, 9, 9001]


def test_shapes_of_one_group_id_are_one_instance() -> None:
    shapes = tuple(
        replace(shape(i, name, SQUARE), group=group)
        for i, (name, group) in enumerate(
            [("car", 1), ("car", 1), ("bus", 1), ("car", None), ("car", None), ("car", "1")]
        )
    )
    numbers = instance_numbers(paint(Annotation(16, 12, shapes), IDD), IDD, "level3")
    assert numbers[1:].tolist() == [9000, 9000, 11000, 9001, 9002, 9003]


@pytest.mark.peer
def test_instances_of_two_labels_that_share_a_number_never_collide() -> None:
    # The peer counts per level3 number at every level: motorcycle and bicycle both become 6000 at level2.
    painting = paint(frame(("motorcycle", LEFT), ("bicycle", RIGHT), ("car", SQUARE)), IDD)
    assert instance_numbers(painting, IDD, "level2")[1:].tolist() == [6000, 6001, 7000]
    assert instance_numbers(painting, IDD, "level1")[1:].tolist() == [3000, 3001, 3002]


@pytest.mark.peer
def test_instances_of_a_void_number_stay_void_and_are_never_clipped() -> None:
    # The peer writes autorickshaw at csTrainId as 255000, clipped to 65535.
    painting = paint(frame(("autorickshaw", LEFT), ("car", RIGHT)), IDD)
    assert instance_numbers(painting, IDD, "cs_train")[1:].tolist() == [255, 13000]


def test_an_instance_number_beyond_16_bits_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_text("name,id,has_instances,ignore_in_eval,red,green,blue\ncar,70,1,0,1,2,3\nbus,0,1,0,1,2,3\n")
    wide = labels.load(path)
    with pytest.raises(RasterError, match="object 0: the instance number 70000 at id does not fit 16 bits"):
        instance_image(paint(frame(("car", SQUARE)), wide), wide, "id")
    with pytest.raises(RasterError, match="object 0: id gives a label with instances the number 0"):
        instance_image(paint(frame(("bus", SQUARE)), wide), wide, "id")


def test_more_than_a_thousand_instances_of_a_number_are_an_error() -> None:
    cars = Annotation(16, 12, tuple(shape(i, "car", SQUARE) for i in range(1001)))
    with pytest.raises(RasterError, match="object 1000: more than 1000 instances of level3 9"):
        instance_image(paint(cars, IDD), IDD, "level3")
    few = replace(cars, shapes=cars.shapes[:1000])
    assert instance_image(paint(few, IDD), IDD, "level3").max() == 9999


def test_the_default_rule_follows_format_and_map() -> None:
    cityscapes = labels.load("cityscapes")
    assert default_fill("cityscapes", cityscapes) == "cityscapes"
    assert default_fill("cityscapes", IDD) == "pillow"
    assert default_fill("labelme-xml", IDD) == "pillow"
    assert default_fill("labelme-json", IDD) == "labelme"


def test_an_annotation_without_a_size_is_refused() -> None:
    with pytest.raises(RasterError, match="the width is 0"):
        paint(Annotation(0, 0, ()), IDD)


def test_unknown_rules_and_policies_are_refused() -> None:
    with pytest.raises(OptionError, match="known: cityscapes, pillow, labelme"):
        paint(frame(), IDD, "opencv")
    with pytest.raises(OptionError, match="known: error, void, skip"):
        paint(frame(("car", SQUARE)), IDD, unknown="guess")


def test_the_cityscapes_rule_is_not_pillows() -> None:
    thin = frame(("car", [(2, 1), (12, 3), (3, 9)]))
    assert (paint(thin, IDD, "cityscapes").index != paint(thin, IDD, "pillow").index).any()


def test_more_objects_than_an_index_image_holds_are_refused() -> None:
    many = tuple(shape(i, "sky", [(0, 0), (1, 0), (0, 1)]) for i in range(2**16))
    with pytest.raises(RasterError, match="65536 objects to paint"):
        paint(Annotation(4, 4, many), IDD)


def test_blanks_around_a_label_do_not_make_it_a_group() -> None:
    with pytest.raises(RasterError, match="unknown label 'car ', perhaps 'car'"):
        paint(frame(("car ", SQUARE)), IDD)


def test_the_command_line_knows_the_same_rules() -> None:
    assert (options.FILLS, options.UNKNOWN) == (FILLS, UNKNOWN)


GOLDEN = json.loads((DATA / "golden.json").read_text())


@pytest.mark.parametrize("name", sorted(GOLDEN["pillow"]))
def test_pillow_draws_what_it_drew_when_the_goldens_were_made(name: str) -> None:
    annotation = formats.read(DATA / f"{name}_gtFine_polygons.json").annotation
    for fill in ("pillow", "labelme"):
        index = paint(annotation, IDD, fill).index.astype(np.uint16)
        assert hashlib.sha256(index.astype("<u2").tobytes()).hexdigest() == GOLDEN[fill][name]


@pytest.mark.parametrize("path", sorted(DATA.glob("*_cityscapes.png")), ids=lambda p: p.stem)
def test_the_cityscapes_rule_draws_the_goldens(path: Path) -> None:
    annotation = formats.read(path.with_name(path.name.replace("_cityscapes.png", "_gtFine_polygons.json"))).annotation
    golden = np.array(Image.open(path))
    assert (paint(annotation, IDD, "cityscapes").index == golden).all()
