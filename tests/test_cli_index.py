from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from iddkit.cli.index import count_splits, index
from iddkit.errors import FrameError, OutputError
from iddkit.frames import read_csv, scan


def run(*arguments: object) -> Result:
    return CliRunner().invoke(index, [str(argument) for argument in arguments])


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two frames with all files in train, one without image in val, thirty images without annotation in test."""
    paths = [f"gtFine/{key}_gtFine_polygons.json" for key in ("train/0/a", "train/1/b", "val/0/c")]
    paths += [f"leftImg8bit/{key}_leftImg8bit.png" for key in ("train/0/a", "train/1/b")]
    paths += [f"leftImg8bit/test/0/{i}_leftImg8bit.png" for i in range(30)]
    root = tmp_path / "data"
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def test_counts_are_printed_by_split(dataset: Path) -> None:
    result = run(dataset)
    assert result.exit_code == 0
    assert f"{dataset}: layout idd, 33 frames" in result.stdout
    rows = [line.replace("│", " ").split() for line in result.stdout.splitlines()]
    assert ["test", "1", "30", "30", "0", "0"] in rows
    assert ["train", "2", "2", "2", "2", "0"] in rows
    assert ["val", "1", "1", "0", "1", "0"] in rows
    assert ["all", "4", "33", "32", "3", "0"] in rows
    assert result.stderr == ""


def test_twenty_problems_are_listed_then_a_count(dataset: Path) -> None:
    result = run(dataset)
    assert "31 problems: no annotation 30, no image 1" in result.stdout
    assert result.stdout.count("such as") == 20
    assert "... and 11 more; --all lists them" in result.stdout
    everything = run(dataset, "--all")
    assert everything.stdout.count("such as") == 31
    assert "more" not in everything.stdout


def test_images_without_annotation_are_an_error_only_if_strict(dataset: Path) -> None:
    assert run(dataset).exit_code == 0
    assert run(dataset, "--strict").exit_code == 1
    assert run(dataset / "gtFine/train", "--strict").exit_code == 0


def test_duplicate_is_an_error_and_listed_first(dataset: Path) -> None:
    (dataset / "leftImg8bit/train/0/a_leftImg8bit.jpg").touch()
    result = run(dataset)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    first = next(i for i, line in enumerate(lines) if " problems: " in line) + 1
    assert lines[first].startswith("leftImg8bit/train/0/a_leftImg8bit.png: 2 files for the frame train/0/a")


def test_json_has_the_counts_and_all_problems(dataset: Path) -> None:
    document = json.loads(run(dataset, "--json").stdout)
    assert (document["layout"], document["frames"], len(document["problems"])) == ("idd", 33, 31)
    assert document["splits"][1] == {
        "split": "train",
        "sequences": 2,
        "frames": 2,
        "images": 2,
        "polygons": 2,
        "labels": 0,
    }
    assert document["problems"][0]["kind"] == "no image"


def test_csv_is_written_beside_the_output_and_not_overwritten(dataset: Path, tmp_path: Path) -> None:
    target = tmp_path / "lists/index.csv"
    result = run(dataset, "--json", "--csv", target)
    assert result.exit_code == 0
    json.loads(result.stdout)
    assert result.stderr == f"{target}: 33 frames written\n"
    assert read_csv(target).frames == scan(dataset).frames
    again = run(dataset, "--csv", target)
    assert isinstance(again.exception, OutputError)
    assert run(dataset / "gtFine/train", "--csv", target, "--overwrite").exit_code == 0
    assert len(read_csv(target)) == 2
    assert run(target).stdout.startswith(f"{dataset}: layout idd, 2 frames")


def test_frame_errors_reach_the_caller(tmp_path: Path) -> None:
    assert isinstance(run(tmp_path / "nowhere").exception, FrameError)


def test_hostile_names_stay_on_their_line(tmp_path: Path) -> None:
    root = tmp_path / "gtFine"
    for split in ("[red]x", "new\nline", "\x1b[2J", "\udcff"):
        folder = root / split / "0"
        folder.mkdir(parents=True)
        (folder / "a\nb_gtFine_polygons.json").touch()
    result = run(tmp_path)
    assert result.exit_code == 0
    assert "[red]x" in result.stdout
    assert "\\x1b[2J" in result.stdout
    assert "\x1b" not in result.stdout
    assert "new\\nline" in result.stdout
    assert result.stdout.count("a\\nb_gtFine_polygons.json: ") == 4
    document = json.loads(run(tmp_path, "--json").stdout)
    assert {count["split"] for count in document["splits"]} == {"[red]x", "new\nline", "\x1b[2J", "\udcff"}


def test_counts_add_up_to_the_frames(dataset: Path) -> None:
    counts = count_splits(scan(dataset))
    assert sum(count.frames for count in counts) == 33
    assert [count.split for count in counts] == ["test", "train", "val"]
