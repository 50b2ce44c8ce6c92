"""Five thousand damaged annotation files: each is read, or refused in one line."""

from __future__ import annotations

import json
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from iddkit import formats
from iddkit.errors import UserError
from iddkit.groundtruth import make_plan, rasterize
from iddkit.panoptic import segment
from iddkit.raster import default_fill, instance_image, level_image, paint
from tests.conftest import DATA
from tests.strategies import IDD

SQUARE: list[list[float]] = [[2, 2], [30.5, 2], [30, 20], [2, 20.25]]
CITYSCAPES = (DATA / "scene_gtFine_polygons.json").read_bytes()
LABELME = json.dumps(
    {
        "version": "5.5.0",
        "flags": {},
        "imagePath": "a.jpg",
        "imageData": None,
        "imageHeight": 48,
        "imageWidth": 64,
        "shapes": [
            {"label": "road", "points": SQUARE, "group_id": None, "shape_type": "polygon", "flags": {}},
            {"label": "car", "points": SQUARE[:2], "group_id": 1, "shape_type": "rectangle", "flags": {}},
            {"label": "car", "points": SQUARE[:2], "group_id": 1, "shape_type": "circle", "flags": {}},
            {"label": "pole", "points": SQUARE[:2], "group_id": None, "shape_type": "line", "flags": {}},
            {"label": "pole", "points": SQUARE, "group_id": None, "shape_type": "linestrip", "flags": {}},
            {"label": "traffic sign", "points": SQUARE[:1], "group_id": None, "shape_type": "point", "flags": {}},
        ],
    }
).encode()
POINTS = "".join(f"<pt><x>\n{x}\n</x><y>\n{y}\n</y></pt>" for x, y in SQUARE)
OBJECT = (
    f"<object><name>car</name><deleted>0</deleted><id>0</id><polygon><username>a</username>{POINTS}</polygon></object>"
)
SIZE = "<imagesize><nrows>48</nrows><ncols>64</ncols></imagesize>"
XML = f"<annotation><filename>a.jpg</filename><folder>f</folder>{OBJECT * 3}{SIZE}</annotation>".encode()
SEEDS = {"cityscapes": CITYSCAPES, "labelme-json": LABELME, "labelme-xml": XML}
TOKENS = [
    b"NaN",
    b"1e300",
    b"-1",
    b"999999999",
    b'"x"',
    b"null",
    b"[",
    b"]",
    b"{}",
    b"<",
    b">",
    b"</pt>",
    b"\xff",
    b"\x00",
]
TOKENS += [b"true", b"[[1,2]]", b"0", b"1" * 400, b"polygon", b"shapes", b"<object>", b"&amp;", b"\n", b'","']


def mutate(rng: np.random.Generator, content: bytes) -> bytes:
    """Return the file with one to four damages: bytes changed, cut out, doubled, or replaced by a hostile token."""
    damaged = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(0, max(len(damaged), 1)))
        span = int(rng.choice([1, 1, 3, 20, 200]))
        match int(rng.integers(0, 5)):
            case 0 if damaged:
                damaged[min(at, len(damaged) - 1)] = int(rng.integers(0, 256))
            case 1:
                del damaged[at : at + span]
            case 2:
                damaged[at:at] = damaged[at : at + span]
            case 3:
                damaged[at : at + span] = TOKENS[int(rng.integers(len(TOKENS)))]
            case _:
                del damaged[max(at, len(damaged) // 2) :]
    return bytes(damaged)


@pytest.mark.parametrize("part", range(10))
@pytest.mark.parametrize("name", SEEDS)
def test_a_damaged_file_is_drawn_or_refused_in_one_line(name: str, part: int, tmp_path: Path) -> None:
    rng, lines = np.random.default_rng([part, len(name)]), list[str]()
    tracemalloc.start()
    try:
        for _ in range(170):
            try:
                reading = formats.parse(mutate(rng, SEEDS[name]), tmp_path / "frame")
                if 0 < reading.annotation.width * reading.annotation.height <= 4096 * 4096:
                    painting = paint(reading.annotation, IDD, default_fill(reading.format, IDD), unknown="void")
                    level_image(painting, IDD, "level3")
                    instance_image(painting, IDD, "level3")
                    segment(painting, IDD, "level3")
                # An object is read or it is named, not both.
                unread = {problem.number for problem in reading.problems}
                assert unread.isdisjoint(shape.number for shape in reading.annotation.shapes)
                lines += [str(problem) for problem in reading.problems]
            except UserError as error:
                lines.append(str(error))
        assert lines
        assert not [line for line in lines if "\n" in line]
        assert tracemalloc.get_traced_memory()[1] < 400 * 2**20
    finally:
        tracemalloc.stop()


def test_damaged_files_leave_the_others_as_they_would_be(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    plan = make_plan(IDD, ["all"], instances=True, panoptic=True, color=True, unknown="void")
    good = tmp_path / "good"
    good.mkdir()
    for i in range(3):
        shutil.copy(DATA / f"stress{i}_gtFine_polygons.json", good / f"good{i}.json")
    rasterize(good, tmp_path / "alone", plan)
    for i, content in enumerate([*SEEDS.values()] * 60):
        (good / f"bad{i}.{'xml' if content is XML else 'json'}").write_bytes(mutate(rng, content))
    report = rasterize(good, tmp_path / "among", plan)
    assert report.failed > 20
    assert report.done + report.failed + len([n for n in report.notes if "no annotation format" in n]) == 183
    assert all("\n" not in line and "bad" in line for line in report.failures)
    for path in (tmp_path / "alone").glob("good*.png"):
        assert (tmp_path / "among" / path.name).read_bytes() == path.read_bytes()
    assert not [path for path in (tmp_path / "among").rglob("*") if path.suffix == ".tmp"]
