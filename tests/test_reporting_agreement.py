from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from iddkit import labels
from iddkit.agreement import agree
from iddkit.reporting.agreement_page import draw_figures, draw_level, make_report
from iddkit.reporting.agreement_pictures import draw_difference, draw_worst
from iddkit.reporting.agreement_tables import class_table, measure_table
from iddkit.reporting.figure import styled
from tests.test_agreement_run import sides as sides

IDD = labels.load("idd")
PALETTE = np.array([[200, 0, 0], [0, 200, 0], *([[0, 0, 0]] * 254)], dtype=np.uint8)


def test_pixels_that_differ_have_the_colour_of_their_side_and_the_others_a_faint_one() -> None:
    a = np.zeros((40, 60), np.uint8)
    b = a.copy()
    b[20:26, 30:36] = 1
    b[30, 50] = 2
    image, of_a, of_b, difference = draw_difference(a, b, None, PALETTE, 2)
    assert (image == 128).all()
    assert (of_a[20, 30].tolist(), of_b[20, 30].tolist(), of_b[30, 50].tolist()) == (
        [200, 0, 0],
        [0, 200, 0],
        [0, 0, 0],
    )
    assert of_a[0, 0].tolist() == of_b[0, 0].tolist()
    assert of_a[0, 0, 0] > of_a[0, 0, 1]
    assert abs(int(of_a[0, 0, 0]) - 200) > 20
    assert difference[20, 30].tolist() != difference[30, 50].tolist()
    assert len(np.unique(difference[0, 0])) == 1  # grey
    assert (of_a[19, 30] == of_b[19, 31]).all()  # the outline
    assert (of_a[19, 30] < 50).all()
    assert (of_a[29, 50] > 50).all()  # a single pixel has none


def test_only_frames_that_differ_are_drawn(sides: tuple[Path, Path]) -> None:
    both, one = (draw_worst(agree(*sides, IDD), most) for most in (6, 1))
    assert both is not None
    assert one is not None
    assert both.shape == one.shape  # of two frames one differs
    assert draw_worst(agree(sides[0], sides[0], IDD)) is None


def test_the_matrix_has_the_classes_that_occur_and_void(sides: tuple[Path, Path]) -> None:
    found = agree(*sides, IDD)
    with styled():
        words = {one.text for one in draw_level(found.finest).words}
    assert {"drivable", "non-drivable", "sky", "void", "83.3", "16.7"} <= words  # 20 and 4 of 24 pixels
    assert "vehicles" not in words
    drawing = draw_figures(found)["confusion_level1"]
    assert drawing.png.startswith(b"\x89PNG")
    assert b"<svg" in drawing.svg


def test_the_same_agreement_gives_the_same_bytes(sides: tuple[Path, Path]) -> None:
    found = agree(*sides, IDD)
    assert make_report(found, "iddkit agree A B") == make_report(found, "iddkit agree A B")


def test_tables_have_a_row_a_measure_and_a_class(sides: tuple[Path, Path]) -> None:
    found = agree(*sides, IDD)
    assert len(measure_table(found).rows) == 6 + 3
    rows = class_table(found, found.finest).rows
    assert len(rows) == 7
    assert rows[0][:2] == (0, "drivable")
    assert rows[0][2] == pytest.approx(100 * 20 / 24)


def test_problems_and_names_are_escaped_in_the_page(sides: tuple[Path, Path]) -> None:
    (sides[1] / "gtFine/val/0/a_label.png").rename(sides[1] / "gtFine/val/0/<b>_label.png")
    page = make_report(agree(*sides, IDD))["report.html"].decode()
    assert "2 problems: what is listed here was not compared." in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
