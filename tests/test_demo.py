from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from iddkit import demo, formats, frames, images
from iddkit.errors import OptionError, OutputError
from tests.test_cli import run, run_process

SMALL = (160, 90)


@pytest.mark.parametrize(
    ("to", "label_map", "layout"),
    [
        ("cityscapes", "idd", "idd"),
        ("cityscapes", "cityscapes", "cityscapes"),
        ("labelme-xml", "idd", "labelme"),
        ("labelme-json", "idd", "flat"),
    ],
)
def test_each_format_is_written_in_its_layout(tmp_path: Path, to: str, label_map: str, layout: str) -> None:
    written = demo.write_dataset(tmp_path, drives=4, frames=1, size=SMALL, to=to, label_map=label_map)
    index = frames.scan(tmp_path)
    assert index.layout == layout
    assert index.problems == ()
    assert len(index.frames) == 4
    assert {frame.split for frame in index.frames} == ({"train", "val"} if to == "cityscapes" else {""})
    for one in written:
        reading = formats.read(tmp_path / one.annotation)
        assert (reading.format, reading.problems, reading.annotation.size) == (to, (), SMALL)
        assert images.read_size(tmp_path / one.image) == SMALL


def test_all_formats_hold_the_same_polygons(tmp_path: Path) -> None:
    read = []
    for to in ("cityscapes", "labelme-xml", "labelme-json"):
        one = demo.write_dataset(tmp_path / to, drives=1, frames=1, size=SMALL, to=to, seed=3)[0]
        shapes = formats.read(tmp_path / to / one.annotation).annotation.shapes
        read.append([(s.label, s.points.tolist(), s.deleted) for s in shapes if len(s.points) > 2])
    assert read[0] == read[1] == read[2]


def test_drives_take_both_sizes_in_turn(tmp_path: Path) -> None:
    written = demo.write_dataset(tmp_path, drives=2, frames=1)
    assert [formats.read(tmp_path / one.annotation).annotation.size for one in written] == [(1920, 1080), (1280, 720)]


def test_a_dataset_of_another_seed_is_not_overwritten(tmp_path: Path) -> None:
    demo.write_dataset(tmp_path, drives=1, frames=1, size=SMALL)
    demo.write_dataset(tmp_path, drives=1, frames=1, size=SMALL)
    with pytest.raises(OutputError, match="is there already"):
        demo.write_dataset(tmp_path, drives=1, frames=1, size=SMALL, seed=1)
    demo.write_dataset(tmp_path, drives=1, frames=1, size=SMALL, seed=1, overwrite=True)


def test_nothing_to_write_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="nothing to write"):
        demo.write_dataset(tmp_path, drives=0)


def test_the_command_leaves_a_dataset_its_rasters_and_a_sheet_to_look_at(tmp_path: Path) -> None:
    arguments = ("demo", tmp_path / "d", "--drives", 2, "--frames", 2, "--size", "160x90", "-j", 1)
    result = run(*arguments)
    assert result.exit_code == 0
    assert "*_gtFine_labellevel1Ids.png" in result.stdout
    assert str(tmp_path / "d" / "contact_sheet.png") in result.stdout.replace("\n", "")
    sheet = np.array(Image.open(tmp_path / "d" / "contact_sheet.png"))
    assert sheet.shape[1] > 5 * 300
    assert len(np.unique(sheet.reshape(-1, 3), axis=0)) > 100
    manifest = json.loads((tmp_path / "d" / "rasterize.json").read_text())
    assert len(manifest["frames"]) == 4
    assert run(*arguments).exit_code == 0
    refused = run_process("demo", tmp_path / "d", "--drives", 2, "--size", "160x90", "--seed", 9)
    assert refused.returncode == 1
    assert "--overwrite" in refused.stderr
