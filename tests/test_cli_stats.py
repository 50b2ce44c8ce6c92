from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from iddkit import labels
from iddkit.cli.stats import name_datasets, stats
from iddkit.demo import write_dataset
from iddkit.groundtruth import make_plan, rasterize
from iddkit.statistics import classes
from tests.conftest import Writer
from tests.test_cli import run_process

SQUARE = [[2, 2], [9, 2], [9, 9], [2, 9]]


def run(*arguments: object, cache: object = None) -> Result:
    wanted = ["--no-cache"] if cache is None else ["--cache", str(cache)]
    line = [str(argument) for argument in arguments] + wanted
    return CliRunner().invoke(stats, [*line, "-j", "1"], catch_exceptions=False)


def documents(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Polygons of four drives, one of them in val, with their label images of all levels beside them."""
    root = tmp_path_factory.mktemp("demo") / "IDD"
    write_dataset(root, drives=4, frames=2, size=(160, 90))
    assert rasterize(root, plan=make_plan(labels.load("idd"), ["all"])).ok
    return root


@pytest.fixture(scope="module")
def images(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same dataset without polygons: label images of level3."""
    root = tmp_path_factory.mktemp("images") / "level3"
    for path in demo.rglob("*"):
        if path.name.endswith(("_labellevel3Ids.png", "_leftImg8bit.jpg")):
            (root / path.relative_to(demo)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, root / path.relative_to(demo))
    return root


def count_plainly(root: Path, ending: str, level: str) -> list[tuple[int, int, int, float]]:
    """Return number, pixels, frames and mean share of each class, counted by NumPy in the label images of a tree."""
    numbers = [category.number for category in classes(labels.load("idd"), level)]
    rows = []
    for path in sorted(root.rglob(f"*{ending}")):
        found, counts = np.unique(np.array(Image.open(path)), return_counts=True)
        its = dict(zip(found.tolist(), counts.tolist(), strict=True))
        rows.append([its.get(number, 0) for number in numbers])
    pixels = np.array(rows)
    shares = (pixels / pixels.sum(axis=1, keepdims=True)).mean(axis=0)
    return list(
        zip(numbers, pixels.sum(axis=0).tolist(), (pixels > 0).sum(axis=0).tolist(), shares.tolist(), strict=True)
    )


ENDINGS = {"id": "_labelids.png", "level3": "_labellevel3Ids.png", "level1": "_labellevel1Ids.png"}


@pytest.mark.parametrize("level", ENDINGS)
def test_polygons_are_counted_as_their_label_images_are(demo: Path, level: str) -> None:
    document = documents(run(demo, "--json"))[0]
    plain = count_plainly(demo, ENDINGS[level], level)
    counted = document["levels"][level]["labels"]
    assert [(one["number"], one["pixels"], one["frames"]) for one in counted] == [row[:3] for row in plain]
    assert [one["mean_share"] for one in counted] == pytest.approx([row[3] for row in plain], abs=1e-8)
    total = sum(row[1] for row in plain)
    assert [one["pooled"] for one in counted] == pytest.approx([row[1] / total for row in plain])
    assert document["annotated_pixels"] == total


def test_label_images_are_counted_as_their_polygons_are(demo: Path, images: Path) -> None:
    polygons, pngs = documents(run(demo, images, "--json"))
    assert (polygons["source_level"], pngs["source_level"]) == ("id", "level3")
    assert list(pngs["levels"]) == ["level3", "level2", "level1"]
    for level in pngs["levels"]:
        mine, others = pngs["levels"][level]["labels"], polygons["levels"][level]["labels"]
        assert [one | {"shapes": 0} for one in mine] == [one | {"shapes": 0} for one in others]
        assert {one["shapes"] for one in mine} == {None}


@pytest.mark.parametrize("to", ["labelme-xml", "labelme-json"])
def test_every_format_is_counted(to: str, tmp_path: Path) -> None:
    write_dataset(tmp_path, drives=1, frames=2, size=(160, 90), to=to)
    document = documents(run(tmp_path, "--json"))[0]
    assert (document["frames"], document["labelled"], document["splits"][0]["split"]) == (2, 2, "")
    assert document["annotated_pixels"] > 2 * 160 * 90 * 0.9
    assert sum(one["shapes"] for one in document["levels"]["id"]["labels"]) > 20


def test_cityscapes_has_its_own_map(tmp_path: Path) -> None:
    write_dataset(tmp_path, drives=1, frames=1, size=(160, 90), label_map="cityscapes")
    document = documents(run(tmp_path, "--json"))[0]
    assert document["label_map"] == "cityscapes"
    assert list(document["levels"]) == ["id", "category"]


def test_datasets_of_different_maps_have_tables_of_their_own(demo: Path, tmp_path: Path) -> None:
    write_dataset(tmp_path / "cs", drives=1, frames=1, size=(160, 90), label_map="cityscapes")
    result = run(demo, tmp_path / "cs", "--csv", tmp_path / "out")
    assert result.exit_code == 0
    names = {path.stem for path in (tmp_path / "out").iterdir()}
    assert {"datasets", "splits", "labels_idd_level1", "labels_cityscapes_category"} <= names
    assert len((tmp_path / "out/datasets.csv").read_text().splitlines()) == 3


def test_the_output_has_the_rows_of_the_paper_and_the_labels(demo: Path) -> None:
    result = run(demo)
    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["dataset", "height", "width", "pixels", "10^6", "train", "val", "labelled", "MB"] in [
        row[:9] for row in rows
    ]
    assert ["IDD", "90", "160"] in [row[:3] for row in rows]
    assert ["IDD", "all", "8", "8"] in [row[:4] for row in rows]
    titles = [row[0] for row in rows if row[1:] and row[-1] == "labels" and row[0].endswith(":")]
    assert titles == ["id:", "level4:", "level3:", "level2:", "level1:"]
    assert sum(row[1:2] == ["drivable"] and row[2] != "fallback" for row in rows) == 1
    assert result.stderr == "8 frames read, 0 from the cache\n"


def test_only_the_levels_that_are_asked_for_are_printed(demo: Path, images: Path) -> None:
    assert "level2:" not in run(demo, "--level", "level1", "--level", "level3Ids").stdout
    assert "id:" not in run(demo, images).stdout
    assert "level3: " in run(demo, images).stdout


def test_a_second_run_reads_no_pixel(demo: Path, tmp_path: Path) -> None:
    first = run(demo, "--json", cache=tmp_path / "cache")
    assert first.stderr == "8 frames read, 0 from the cache\n"
    second = run(demo, "--json", cache=tmp_path / "cache")
    assert second.stderr == "0 frames read, 8 from the cache\n"
    assert [one["levels"] for one in documents(first)] == [one["levels"] for one in documents(second)]
    assert (documents(first)[0]["read"], documents(second)[0]["read"]) == (8, 0)


def test_tables_are_written_as_csv_and_not_overwritten(demo: Path, tmp_path: Path) -> None:
    out = tmp_path / "tables"
    result = run(demo, "--level", "level1", "--by-split", "--sequences", "--csv", out)
    assert result.exit_code == 0
    assert result.stderr.splitlines()[-1] == f"{out}: 6 tables written"
    stems = ["datasets", "labels_level1", "labels_level1_train", "labels_level1_val", "sequences", "splits"]
    assert sorted(path.name for path in out.iterdir()) == [f"{stem}.csv" for stem in stems]
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    whole, *parts = (
        [int(row["pixels"]) for row in csv.DictReader((out / f"labels_level1{end}.csv").read_text().splitlines())]
        for end in ("", "_train", "_val")
    )
    assert whole == [sum(pair) for pair in zip(*parts, strict=True)]
    assert run(demo, "--level", "level1", "--by-split", "--sequences", "--csv", out).exit_code == 0
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    (out / "splits.csv").write_text("mine")
    done = run_process("stats", demo, "--level", "level1", "--no-cache", "-j", 1, "--csv", out)
    assert done.returncode == 1
    assert "splits.csv: is there already; --overwrite replaces it" in done.stderr
    assert run(demo, "--level", "level1", "--csv", out, "--overwrite").exit_code == 0
    assert (out / "splits.csv").read_bytes() == before["splits.csv"]


def test_markdown_is_printed(demo: Path) -> None:
    lines = run(demo, "--level", "level1", "--markdown").stdout.splitlines()
    assert lines[0] == "**datasets**"
    assert "**level1: " in "\n".join(lines)
    assert any(line.startswith("|      0 | drivable") for line in lines)


def test_what_fails_is_listed_and_the_rest_counted(write_polygons: Writer, tmp_path: Path) -> None:
    write_polygons("gtFine/val/1/good_gtFine_polygons.json", [("car", SQUARE)])
    write_polygons("gtFine/val/1/bad_gtFine_polygons.json", [("carr", SQUARE)])
    result = run(tmp_path, "--json")
    assert result.exit_code == 1
    assert "bad_gtFine_polygons.json: object 0: unknown label 'carr', perhaps 'car'" in result.stderr
    assert "1 frames read" in result.stderr
    document = json.loads(result.stdout)[0]
    assert (document["labelled"], document["annotated_pixels"], len(document["failures"])) == (1, 64, 1)
    assert run(tmp_path, "--unknown", "void").exit_code == 0


def test_a_dataset_that_is_none_does_not_stop_the_others(demo: Path, tmp_path: Path) -> None:
    result = run(tmp_path / "nowhere", demo)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[0] == f"Error: {tmp_path / 'nowhere'}: no such file or folder"
    assert "level1: " in result.stdout
    alone = run(tmp_path / "nowhere")
    assert (alone.exit_code, alone.stdout) == (1, "")
    assert len(alone.stderr.splitlines()) == 1


def test_images_alone_are_no_labelled_dataset(tmp_path: Path) -> None:
    (tmp_path / "leftImg8bit/train/0").mkdir(parents=True)
    (tmp_path / "leftImg8bit/train/0/a_leftImg8bit.png").touch()
    result = run(tmp_path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"Error: {tmp_path}: no frame has labels\n"


def test_files_without_a_partner_are_counted_in_one_line(images: Path, tmp_path: Path) -> None:
    root = tmp_path / "IDD"
    shutil.copytree(images / "gtFine", root / "gtFine")
    result = run(root)
    assert result.exit_code == 0
    assert "8 notes on files without a partner" in result.stderr
    assert len(result.stderr.splitlines()) == 2


def test_images_without_labels_count_as_frames(demo: Path, tmp_path: Path) -> None:
    root = tmp_path / "IDD"
    shutil.copytree(demo, root)
    extra = root / "leftImg8bit/test/9/frame0_leftImg8bit.jpg"
    extra.parent.mkdir(parents=True)
    extra.write_bytes(b"12345")
    before, after = documents(run(demo, root, "--json"))
    assert after["bytes"] == before["bytes"] + 5
    assert (after["frames"], after["labelled"]) == (9, 8)
    assert after["levels"] == before["levels"]
    assert {"split": "test", "sequence": "9", "frames": 1, "labelled": 0} in after["sequence_sizes"]


def test_the_level_of_label_images_can_be_said(images: Path) -> None:
    # Level3 numbers up to 15 are numbers of level2 as well; those above are not, and say so.
    result = run(images, "--source-level", "level2")
    assert result.exit_code == 1
    assert "is no label of level2" in result.stderr


def test_a_level_that_cannot_be_counted_is_an_error(images: Path, demo: Path) -> None:
    assert "level3 cannot be turned into id" in run(images, "--level", "id").stderr
    result = run(demo, "--level", "level9")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no level 'level9'" in result.stderr


@pytest.mark.parametrize("arguments", [(), ("x", "--json", "--markdown"), ("x", "--cache", "y", "--no-cache")])
def test_what_contradicts_itself_is_not_understood(arguments: tuple[str, ...]) -> None:
    assert CliRunner().invoke(stats, arguments).exit_code == 2


def test_datasets_are_told_apart_by_the_folders_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here = tmp_path.name
    assert name_datasets([Path()]) == [here]
    assert name_datasets([Path("a/x/IDD"), Path("b/x/IDD"), Path("a/lite")]) == ["a/x/IDD", "b/x/IDD", "lite"]
    assert name_datasets([Path("a"), Path("./a"), Path("a.csv")]) == ["a", "a (2)", "a (3)"]
