from __future__ import annotations

import csv
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from iddkit import labels
from iddkit.cli.evaluate import evaluate
from iddkit.demo import write_dataset
from iddkit.derivation import derive
from iddkit.groundtruth import make_plan, rasterize
from iddkit.subset import SubsetPlan
from tests.test_cli import run_process
from tests.test_metrics_scoring import save


def run(*arguments: object) -> Result:
    line = [str(argument) for argument in arguments]
    return CliRunner().invoke(evaluate, [*line, "-j", "1"], catch_exceptions=False)


@pytest.fixture
def lite(tmp_path: Path) -> tuple[Path, Path]:
    """An IDD-lite of two frames of 6 x 4 pixels, and predictions of 12 x 8 with one wrong column of three."""
    truth, predicted = tmp_path / "lite", tmp_path / "predicted"
    for name in ("0/a", "1/b"):
        pixels = np.array([[0, 0, 0, 1, 255, 6]] * 4, dtype=np.uint8)
        save(truth / f"gtFine/val/{name}_label.png", pixels)
        pixels[:, 0] = 1
        save(predicted / f"val/{name}_label.png", pixels.repeat(2, axis=0).repeat(2, axis=1))
    return truth, predicted


def test_the_output_has_the_classes_and_the_means(lite: tuple[Path, Path]) -> None:
    result = run(*lite, "--level", "level1", "--resolution", "4x6")
    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines()]
    assert "level1, split val, at 4 x 6 (height x width): 2 of 2 frames scored" in result.stdout
    assert ["0", "drivable", "66.67", "66.67", "100.00", "24", "16"] in rows
    assert ["1", "non-drivable", "50.00", "100.00", "50.00", "8", "16"] in rows
    assert ["3", "vehicles", "-", "-", "-", "0", "0"] in rows
    assert ["level1", "7", "72.22", "80.00", "88.89"] in rows
    without = "living things, vehicles, roadside objects, far objects"
    assert result.stderr == f"Note: neither true nor predicted anywhere, left out of the mean: {without}\n"


def test_each_problem_is_a_line_and_the_exit_code_1(lite: tuple[Path, Path]) -> None:
    truth, predicted = lite
    (predicted / "val/0/a_label.png").unlink()
    result = run(truth, predicted, "--level", "level1")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[:2] == [
        f"{predicted}: val/0/a: no prediction",
        f"{predicted}/val/1/b_label.png: 12x8, and the truth is 6x4; --resolution brings both to one size",
    ]
    assert "0 of 2 frames scored" in result.stdout


def test_many_problems_of_a_kind_are_a_screen(lite: tuple[Path, Path]) -> None:
    truth, predicted = lite
    for number in range(30):
        save(truth / f"gtFine/val/2/c{number}_label.png", np.zeros((1, 1), np.uint8))
    result = run(truth, predicted, "--level", "level1", "--resolution", "4x6")
    assert result.exit_code == 1
    assert sum("no prediction" in line for line in result.stderr.splitlines()) == 20
    assert "... and 10 more: missing; --json lists them" in result.stderr


def test_json_holds_everything(lite: tuple[Path, Path]) -> None:
    truth, predicted = lite
    save(predicted / "val/1/b_label.png", np.full((4, 6), 9, np.uint8))
    result = run(truth, predicted, "--level", "level1", "--resolution", "4x6", "--json")
    assert result.exit_code == 1
    found: dict[str, Any] = json.loads(result.stdout)
    assert (found["level"], found["split"], found["frames"], found["scored"]) == ("level1", "val", 2, 2)
    assert found["resolution"] == {"height": 4, "width": 6}
    assert [frame["frame"] for frame in found["worst_first"]] == ["val/1/b", "val/0/a"]
    level = found["levels"]["level1"]
    assert level["confusion"][0] == [8, 4, 0, 0, 0, 0, 0, 12]
    assert level["classes"][0] == {"name": "drivable", "iou": 8 / 24, "accuracy": 8 / 24, "precision": 1}
    assert level["classes"][3] == {"name": "vehicles", "iou": None, "accuracy": None, "precision": None}
    (problem,) = found["problems"]
    assert (problem["kind"], problem["frame"], problem["numbers"]) == ("unknown numbers", "val/1/b", [9])


def test_files_of_scores_and_of_the_matrix_are_written(lite: tuple[Path, Path], tmp_path: Path) -> None:
    scores, matrix = tmp_path / "out/frames.csv", tmp_path / "out/confusion.csv"
    arguments = (*lite, "--level", "level1", "--resolution", "4x6", "--csv", scores, "--confusion", matrix)
    assert run(*arguments).exit_code == 0
    with open(scores, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["frame"] for row in rows] == ["val/0/a", "val/1/b"]
    assert (rows[0]["mIoU %"], rows[0]["pixels"], rows[0]["IoU % drivable"]) == ("72.2222222", "20", "66.6666667")
    assert (rows[0]["IoU % vehicles"], rows[0]["predicted"]) == ("", "val/0/a_label.png")
    with open(matrix, newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0][:3] == ["true", "predicted drivable", "predicted non-drivable"]
    assert lines[0][-1] == "predicted no class"
    assert lines[1] == ["drivable", "16", "8", "0", "0", "0", "0", "0", "0"]
    scores.write_text("mine")
    result = run_process("evaluate", *arguments)
    assert result.returncode == 1
    assert "--overwrite replaces it" in result.stderr
    assert scores.read_text() == "mine"


def test_the_folder_that_the_official_script_takes_is_a_truth(lite: tuple[Path, Path]) -> None:
    truth, predicted = lite
    both = [
        run(*paths, "--level", "level1", "--resolution", "4x6").stdout
        for paths in ((truth, predicted), (truth / "gtFine/val", predicted / "val"))
    ]
    assert both[0] == both[1]


def test_the_level_of_a_derived_dataset_is_that_of_its_manifest(tmp_path: Path) -> None:
    source, derived = tmp_path / "idd", tmp_path / "lite"
    write_dataset(source, drives=4, frames=2, size=(160, 90))
    assert rasterize(source, plan=make_plan(labels.load("idd"), ["level3"])).ok
    assert derive(source, derived, SubsetPlan(factor=Fraction(1), level="level3", longest_side=80)).ok
    predicted = tmp_path / "predicted"
    for path in (derived / "gtFine/val").glob("*/*_label.png"):
        save(predicted / path.relative_to(derived / "gtFine/val"), np.array(Image.open(path)))
    result = run(derived, predicted)
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines()]
    assert [row[:3] for row in rows if row and row[0].startswith("level")][-3:] == [
        ["level3", "26", "100.00"],
        ["level2", "16", "100.00"],
        ["level1", "7", "100.00"],
    ]


@pytest.mark.parametrize("resolution", ["128", "0x256", "h128xw256"])
def test_a_resolution_that_is_none_is_told_the_form(lite: tuple[Path, Path], resolution: str) -> None:
    result = run(*lite, "--resolution", resolution)
    assert result.exit_code == 2
    assert "height x width" in result.stderr


def test_a_truth_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    result = run_process("evaluate", tmp_path / "nothing", tmp_path, "--level", "level1")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"Error: {tmp_path}/nothing: no such file or folder\n"


def test_scoring_loads_no_heavy_library(lite: tuple[Path, Path]) -> None:
    script = (
        "import sys; from iddkit.cli.evaluate import evaluate\n"
        f"evaluate([{str(lite[0])!r}, {str(lite[1])!r}, '--resolution', '4x6'], standalone_mode=False)\n"
        "heavy = {'torch', 'cv2', 'pandas', 'matplotlib', 'pyarrow', 'scipy', 'sqlalchemy', 'iddkit.subset'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stderr.splitlines()[-1] == "[]"


def test_tables_that_cannot_be_written_are_refused_before_the_work(lite: tuple[Path, Path], tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    assert run_process("evaluate", *lite, "--csv", table, "--confusion", table).returncode == 2
    done = run_process("evaluate", *lite, "--csv", lite[0] / "gtFine/val/0/a_label.png", "--overwrite")
    assert (done.returncode, done.stdout) == (1, "")
    assert "ends with .csv" in done.stderr
    table.write_text("mine")
    done = run_process("evaluate", *lite, "--confusion", tmp_path / "other.csv", "--csv", table)
    assert (done.returncode, done.stdout, table.read_text()) == (1, "", "mine")
    assert not (tmp_path / "other.csv").exists()
