from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from iddkit import labels
from iddkit.agreement import agree as compare
from iddkit.cli.agree import agree
from tests.test_agreement_run import sides as sides
from tests.test_cli import run_process
from tests.test_metrics_scoring import save


def run(*arguments: object) -> Result:
    line = [str(argument) for argument in arguments]
    return CliRunner().invoke(agree, [*line, "-j", "1"], catch_exceptions=False)


def test_the_output_has_measures_with_intervals_classes_and_frames(sides: tuple[Path, Path]) -> None:
    result = run(*sides)
    assert result.exit_code == 0
    assert "level1: 2 of 2 frames compared" in result.stdout
    assert "95 % interval" in result.stdout
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["pixel", "agreement,", "with", "void", "83.33", "66.67", "100.00"] in rows
    assert ["pixel", "agreement,", "without", "void", "90.91", "80.00", "100.00"] in rows
    (drivable,) = (row for row in rows if "drivable" in row)
    assert (drivable[:3], drivable[-2:]) == (["0", "drivable", "83.33"], ["24", "20"])
    assert [row[:2] for row in rows if row and row[0].startswith("val/")] == [["val/1/b", "33.33"], ["val/0/a", "0.00"]]


def test_each_problem_is_a_line_and_the_exit_code_1(sides: tuple[Path, Path]) -> None:
    a, b = sides
    save(b / "gtFine/val/0/a_label.png", np.zeros((8, 12), np.uint8))
    save(a / "gtFine/val/0/c_label.png", np.zeros((4, 6), np.uint8))
    result = run(a, b)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[:2] == [
        f"{a}/gtFine/val/0/c_label.png: in A only, not in B",
        f"{b}/gtFine/val/0/a_label.png: 12x8, and A's is 6x4",
    ]
    assert "1 of 3 frames compared" in result.stdout
    (b / "gtFine/val/0/a_label.png").unlink()
    assert run(a, b, "--common").exit_code == 0


def test_json_holds_what_python_gives(sides: tuple[Path, Path]) -> None:
    result = run(*sides, "--json", "--bootstrap", 30, "--seed", 5, "--confidence", "90%", "--tolerance", 3)
    found: dict[str, Any] = json.loads(result.stdout)
    assert found["bootstrap"] == {"resamples": 30, "seed": 5, "confidence": 0.9}
    assert (found["tolerances"], found["boundary_ratio"], found["compared"]) == ([3], 0.02, 2)
    level = found["levels"]["level1"]
    assert level["measures"]["agreement"]["value"] == 40 / 44
    assert level["classes"][2]["iou"] is None
    assert list(level["classes"][0]["boundary_f1"]) == ["3"]
    whole = compare(*sides, labels.load("idd"), tolerances=[3]).finest
    assert level["confusion"] == whole.tally.counts.tolist()
    assert level["measures"]["mean_boundary_f1_3"]["value"] == whole.measures["mean_boundary_f1_3"].value
    assert [one["differing"] for one in found["worst_first"]] == [8, 0]


def test_the_report_is_a_page_with_tables_and_figures(sides: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(*sides, "-o", out).exit_code == 0
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert names == {
        *("report.html", "worst_frames.png", "measures.csv", "frames.csv", "problems.csv"),
        *("classes_level1.csv", "confusion_level1.csv"),
        *("figures/confusion_level1.png", "figures/confusion_level1.svg"),
    }
    page = (out / "report.html").read_text()
    assert "83.33 %" in page
    assert page.count("data:image/") == 2
    assert 'src="http' not in page
    assert 'href="http' not in page
    with open(out / "frames.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["frame"], row["differing %"]) for row in rows] == [("val/1/b", "33.3333333"), ("val/0/a", "0")]
    with open(out / "confusion_level1.csv", newline="") as file:
        lines = list(csv.reader(file))
    assert lines[1][:3] == ["drivable", "20", "4"]
    assert (lines[0][-1], lines[-1][0]) == ("B void", "void")


def test_a_report_without_pictures_holds_no_pixel_of_the_dataset(sides: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(*sides, "-o", out, "--worst", 0)
    assert not (out / "worst_frames.png").exists()
    assert (out / "report.html").read_text().count("data:image/") == 1


def test_the_page_alone_leads_to_no_file(sides: tuple[Path, Path], tmp_path: Path) -> None:
    page = tmp_path / "one.html"
    assert run(*sides, "--html", page, "--csv", tmp_path / "tables").exit_code == 0
    assert ".csv" not in page.read_text()
    assert ".png" not in page.read_text()
    assert (tmp_path / "tables/measures.csv").is_file()


def test_files_are_replaced_only_if_that_is_asked_for(sides: tuple[Path, Path], tmp_path: Path) -> None:
    tables = tmp_path / "tables"
    run(*sides, "--csv", tables)
    (tables / "measures.csv").write_text("mine")
    result = run_process("agree", *sides, "--csv", tables)
    assert result.returncode == 1
    assert "--overwrite replaces it" in result.stderr
    assert (tables / "measures.csv").read_text() == "mine"
    assert run(*sides, "--csv", tables, "--overwrite").exit_code == 0
    assert (tables / "measures.csv").read_text() != "mine"


@pytest.mark.parametrize(
    "wrong",
    [
        ("--confidence", "95"),
        ("--confidence", "most"),
        ("--tolerance", "65"),
        ("--bootstrap", "-1"),
        ("--boundary-ratio", "0"),
    ],
)
def test_options_that_cannot_be_are_not_understood(sides: tuple[Path, Path], wrong: tuple[str, str]) -> None:
    assert run(*sides, *wrong).exit_code == 2


def test_a_share_is_written_in_per_cent_or_as_a_part_of_1(sides: tuple[Path, Path]) -> None:
    both = [
        run(*sides, "--confidence", share, "--boundary-ratio", ratio)
        for share, ratio in (("80%", "5%"), ("0.8", "0.05"))
    ]
    assert both[0].stdout == both[1].stdout
    assert "80 % interval" in both[0].stdout
