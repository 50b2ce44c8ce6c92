"""Correction boxes of the Cityscapes tool."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iddkit.annotation import Annotation, Shape
from iddkit.errors import RecipeError
from iddkit.qc.checklist import Mark, load_checklist
from iddkit.qc.corrections import encode_corrections, read_corrections
from iddkit.severity import Severity

CHECKLIST = load_checklist()
ANNOTATION = Annotation(64, 48, (Shape("road", np.array([[2.0, 3.0], [20.5, 3.0], [20.5, 30.0]])),))
SIDES = "<bbox><x>1</x><y>2.6</y><width>3</width><height>4</height></bbox>"
BOX = f"<correction><type>{{}}</type><annotation>{{}}</annotation>{SIDES}</correction>"

WORDS = st.text(st.characters(categories=("L", "N", "P", "S")), max_size=20)
MARKS = st.builds(
    Mark,
    st.sampled_from([reason.code for reason in CHECKLIST.reasons]),
    st.sampled_from(Severity),
    st.none() | st.integers(0, 900),
    st.sampled_from(["", "truck", "traffic sign"]),
    st.tuples(*[st.integers(0, 4000)] * 4),
    WORDS,
)


def file(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "boxes.xml"
    path.write_text(content, encoding="utf-8")
    return path


@given(st.lists(MARKS, max_size=4))
def test_marks_come_back_from_a_correction_file(tmp_path_factory: pytest.TempPathFactory, marks: list[Mark]) -> None:
    path = tmp_path_factory.mktemp("boxes") / "boxes.xml"
    path.write_bytes(encode_corrections([mark.to_json() for mark in marks], ANNOTATION, "a.png"))
    assert read_corrections(path, CHECKLIST, "gap") == marks


def test_a_remark_in_plain_words_has_the_reason_that_is_named(tmp_path: Path) -> None:
    path = file(tmp_path, f"<correction>{BOX.format(1, 'too coarse here')}{BOX.format(4, 'None')}</correction>")
    coarse, question = read_corrections(path, CHECKLIST, "boundary")
    assert coarse == Mark("boundary", Severity.MAJOR, None, "", (1, 3, 3, 4), "too coarse here")
    assert question.text == ""


def test_resolved_boxes_are_no_marks(tmp_path: Path) -> None:
    assert read_corrections(file(tmp_path, f"<correction>{BOX.format(3, 'gap')}</correction>"), CHECKLIST, "gap") == []


def test_a_mark_without_a_region_has_the_box_of_its_polygon_or_the_image(tmp_path: Path) -> None:
    marks = [{"reason": "gap", "severity": "major", "shape": 0}, {"reason": "gap", "severity": "major", "shape": 9}]
    path = tmp_path / "boxes.xml"
    path.write_bytes(encode_corrections(marks, ANNOTATION, "a.png"))
    assert [mark.region for mark in read_corrections(path, CHECKLIST, "gap")] == [(2, 3, 18, 27), (0, 0, 64, 48)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<correction><correction>", "not well formed"),
        ("<annotation/>", "no correction file: it begins with annotation"),
        (f"<correction>{BOX.format(7, 'gap')}</correction>", "correction 0: type '7'"),
        ("<correction><correction><type>1</type></correction></correction>", "correction 0: no rectangle"),
        (f"<correction>{BOX.format(1, 'words')}</correction>", "correction 0: no reason ''"),
    ],
)
def test_what_is_no_correction_file_is_said(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        read_corrections(file(tmp_path, content), CHECKLIST, "")
