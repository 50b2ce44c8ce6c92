"""Damaged and hostile annotation files: each is checked, or is one finding, in bounded memory; no object is lost."""

from __future__ import annotations

import base64
import io
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from iddkit import formats
from iddkit.checks import Checking, check
from iddkit.checks.frame import check_frame
from iddkit.errors import UnknownFormatError
from iddkit.files import MAX_TEXT_BYTES
from iddkit.formats import MAX_NODES
from iddkit.frames import Frame
from tests.strategies import IDD
from tests.test_fuzz import SEEDS, mutate

#: Files of each format: 300, and 10,000 with 'pytest --hypothesis-profile=explore'.
FILES = 5 * settings.default.max_examples if settings.default else 300


@pytest.mark.parametrize("name", SEEDS)
def test_a_damaged_file_is_checked_or_is_one_finding(name: str, tmp_path: Path) -> None:
    dice = np.random.default_rng(len(name))
    path = tmp_path / f"frame.{'xml' if name == 'labelme-xml' else 'json'}"
    how = Checking(tmp_path, IDD)
    frame = Frame("train", "0", "frame", annotation=Path(path.name))
    refused = checked = 0
    for _ in range(FILES):
        content = mutate(dice, SEEDS[name])
        path.write_bytes(content)
        found, traits = check_frame(how, frame)
        assert all("\n" not in str(finding) for finding in found.findings)
        if traits is None:
            assert [finding.rule for finding in found.findings] == ["unreadable-file"]
            refused += 1
            continue
        reading = formats.parse(content, path)
        assert found.ledger is None or found.ledger.objects == reading.object_count
        unread = {problem.number for problem in reading.problems if problem.number is not None}
        assert {finding.object for finding in found.findings if finding.rule == "unreadable-object"} == unread
        checked += 1
    assert refused > 20
    assert checked > 5


def _bomb(kind: str) -> bytes:
    head = b'{"imgWidth": 9, "imgHeight": 9, "objects": ['
    many = 20 * MAX_NODES
    if kind == "entities":
        lines = [f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12)]
        return f'<!DOCTYPE x [<!ENTITY a0 "ha">{"".join(lines)}]><annotation>&a11;</annotation>'.encode()
    if kind == "external entity":
        text = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><annotation><filename>&a;</filename></annotation>'
        return text.encode()
    return {
        "lists": head + b"[]," * many + b"1]}",
        "objects": head + b"{}," * many + b"1]}",
        "elements": b"<annotation>" + b"<object/>" * (3 * MAX_NODES) + b"</annotation>",
        "deep lists": head + b"[" * 500_000,
        "deep elements": b"<annotation>" + b"<a>" * 100_000,
        "100 MB": head + b" " * (100 * 10**6) + b"]}",
        "huge integer": b'{"imgWidth": ' + b"9" * 100_000 + b', "imgHeight": 9, "objects": []}',
        "huge exponent": b'{"imgWidth": 1e999999999, "imgHeight": 9, "objects": []}',
        "huge image": b'{"imgWidth": 60000, "imgHeight": 60000, "objects": []}',
    }[kind]


BOMBS = ["entities", "external entity", "lists", "objects", "elements", "deep lists", "deep elements", "100 MB"]
BOMBS += ["huge integer", "huge exponent", "huge image"]


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_one_critical_finding_and_costs_no_memory(kind: str, tmp_path: Path) -> None:
    content = _bomb(kind)
    path = tmp_path / ("a.xml" if content.startswith(b"<") else "a.json")
    path.write_bytes(content)
    del content
    tracemalloc.start()
    try:
        report = check(path, IDD)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    ((_, finding),) = report.findings
    assert finding.rule == "unreadable-file"
    assert not report.ok
    assert peak < 2 * MAX_TEXT_BYTES + 50 * 2**20


def test_an_image_inside_a_file_that_unpacks_to_more_than_any_frame_is_refused(tmp_path: Path) -> None:
    packed = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(packed, "PNG")
    bomb = base64.b64encode(packed.getvalue()).decode()
    mask = {"label": "car", "shape_type": "mask", "points": [[0, 0], [9_999, 9_999]], "mask": bomb}
    document = {"shapes": [mask], "imagePath": "../../etc/passwd", "imageData": bomb, "imageHeight": 9, "imageWidth": 9}
    path = tmp_path / "a.json"
    path.write_text(json.dumps(document))
    tracemalloc.start()
    try:
        report = check(path, IDD)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert {finding.rule for _, finding in report.findings} >= {"unreadable-object"}
    assert report.ledger.to_json()["dropped"] == {"cannot be read": 1}
    assert peak < 300 * 2**20


def test_a_file_of_very_many_lists_is_no_annotation_of_a_frame(tmp_path: Path) -> None:
    path = tmp_path / "coco.json"
    path.write_bytes(b'{"images": [], "annotations": [' + b"{}," * (MAX_NODES + 1) + b"{}]}")
    with pytest.raises(UnknownFormatError, match="which no annotation of one frame has"):
        formats.read(path)
