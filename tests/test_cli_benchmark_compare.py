from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from iddkit.cli import group
from iddkit.cli.documents import finite
from tests.fake_runs import make_run


def compare(*words: str | Path) -> str:
    result = CliRunner().invoke(group, ["benchmark", "--compare", *map(str, words)])
    assert result.exit_code == 0, result.output
    return result.stdout


def refuse(name: str) -> Any:
    raise AssertionError(f"{name} is no JSON")


def test_runs_of_one_network_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    paths = [tmp_path / f"seed{seed}" / "erfnet" for seed in range(2)]
    for seed, path in enumerate(paths):
        make_run("erfnet", seed=seed, layers=2).save(path)
    out = tmp_path / "both"
    document = json.loads(compare(*paths, "-o", out, "--json"))
    assert [one["name"] for one in document["runs"]] == ["seed0", "seed1"]
    assert any("training of seed1" in one["title"] for one in document["findings"])
    page = (out / "report.html").read_text()
    assert document["verdict"] in page
    assert "erfnet (2)" not in page
    assert "erfnet (2)" not in compare(*paths, "-o", out, "--overwrite")
    assert document["verdict"] in compare(*paths, "-o", out)


def test_a_run_without_a_score_is_valid_json(tmp_path: Path) -> None:
    make_run(counts=tuple((0,) * 8 for _ in range(7)), frames=0).save(tmp_path / "run")
    text = compare(tmp_path / "run", "-o", tmp_path / "out", "--json")
    (run,) = json.loads(text, parse_constant=refuse)["runs"]
    assert run["mean_iou"] is run["pixel_accuracy"] is run["mean_accuracy"] is None
    assert {*run["iou"].values()} == {None}


@pytest.mark.parametrize(("value", "expected"), [(math.nan, None), (math.inf, None), (-math.inf, None), (0.25, 0.25)])
def test_what_json_has_no_number_for_is_null(value: float, expected: float | None) -> None:
    assert finite(value) == expected
