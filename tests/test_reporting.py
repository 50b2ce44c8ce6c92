from __future__ import annotations

import numpy as np

from iddkit.annotation import Annotation
from iddkit.raster import instance_numbers, paint
from iddkit.reporting.canvas import UNKNOWN_COLOR, instance_colors, label_colors
from iddkit.reporting.contact_sheet import draw_contact_sheet
from iddkit.reporting.overlay import draw_overlay
from tests.strategies import IDD, shape
from tests.test_raster import LEFT, RIGHT, SQUARE, frame


def test_labels_have_the_colours_of_the_map_and_unknown_ones_a_colour_of_their_own() -> None:
    painting = paint(frame(("road", LEFT), ("zebra", RIGHT)), IDD, unknown="void")
    colors = label_colors(painting, IDD, "id")
    assert tuple(colors[5, 2]) == IDD["road"].color
    assert tuple(colors[5, 12]) == UNKNOWN_COLOR
    assert UNKNOWN_COLOR not in {label.color for label in IDD}


def test_each_instance_has_a_colour_of_its_own() -> None:
    cars = tuple(shape(i, "car", [(2 * i, 0), (2 * i + 1, 0), (2 * i + 1, 9), (2 * i, 9)]) for i in range(8))
    painting = paint(Annotation(16, 12, cars), IDD)
    colors = instance_colors(painting, IDD, "level3", stuff=False)
    assert len({tuple(c) for c in colors[5, ::2].tolist()}) == len(set(instance_numbers(painting, IDD, "level3"))) - 1
    assert not colors[11].any()


def test_stuff_is_black_or_as_its_label() -> None:
    painting = paint(frame(("road", LEFT), ("car", RIGHT)), IDD)
    assert tuple(instance_colors(painting, IDD, "id", stuff=True)[5, 2]) == IDD["road"].color
    assert tuple(instance_colors(painting, IDD, "id", stuff=False)[5, 2]) == (0, 0, 0)


def test_an_overlay_mixes_image_and_labels_as_asked() -> None:
    image = np.full((12, 16, 3), 200, dtype=np.uint8)
    annotation = frame(("car", SQUARE))
    clear, half, full = (draw_overlay(annotation, IDD, image, opacity=o)[6, 6].tolist() for o in (0.0, 0.5, 1.0))
    assert clear == [200, 200, 200]
    assert full == list(IDD["car"].color)
    assert half == [100, 100, 171]
    assert draw_overlay(annotation, IDD, image)[11, 1].tolist() == [200, 200, 200]


def test_an_overlay_shows_the_outline_of_what_is_hidden() -> None:
    covered = draw_overlay(frame(("car", SQUARE), ("road", SQUARE)), IDD, opacity=1.0)
    alone = draw_overlay(frame(("road", SQUARE)), IDD, opacity=1.0)
    assert (covered[6, 6] == alone[6, 6]).all()


def test_a_sheet_has_a_cell_for_each_picture() -> None:
    pictures = [[np.full((9, 16, 3), 10 * (3 * r + c + 1), dtype=np.uint8) for c in range(3)] for r in range(2)]
    sheet = draw_contact_sheet(pictures, ("a", "b", "c"), ("first", "second"), width=64)
    found = {tuple(color) for color in sheet.reshape(-1, 3).tolist()}
    assert {(10 * k,) * 3 for k in range(1, 7)} <= found
    assert sheet.shape[1] == 8 + 3 * (64 + 8)


def test_pictures_of_any_shape_find_their_place_on_a_sheet() -> None:
    shapes = [(3, 6000, 3), (6000, 1, 3), (1, 1, 3), (90, 160, 3)]
    pictures = [np.full(shape, 120, dtype=np.uint8) for shape in shapes]
    sheet = draw_contact_sheet([pictures], ("a", "b", "c", "d"), ("all",), width=64)
    assert 192 < sheet.shape[0] < 300
    assert sheet.shape[1] == 8 + 4 * 72
