from __future__ import annotations

import json
import sys

import click
import pytest
from click.testing import CliRunner, Result

from iddkit.cli.models import models as command
from iddkit.cli.options import Resolution, Size
from iddkit.models import MODELS


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def test_resolutions_have_the_height_first_and_sizes_the_width() -> None:
    assert Resolution().convert("128x256", None, None) == (256, 128)
    assert Resolution().convert(" 0480X640 ", None, None) == (640, 480)
    assert Resolution().convert((256, 128), None, None) == (256, 128)
    assert Size().convert("320x227", None, None) == (320, 227)
    for wrong in ("128", "0x5", "5x0", "128x", "1e3x2", "-1x4", "128 x 256", "1234567x1", ""):
        with pytest.raises(click.BadParameter, match="height x width"):
            Resolution().convert(wrong, None, None)


def test_help_says_which_number_comes_first() -> None:
    output = run("--help").output
    assert "--size HxW" in output
    assert "Height and width, in this order" in " ".join(output.split())


def test_without_torch_names_and_ledger_figures_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    result = run()
    assert result.exit_code == 0
    rows = {line.split()[0]: line.split() for line in result.stdout.splitlines() if line.split()[:1]}
    assert set(MODELS) <= set(rows)
    assert rows["essnet-dg4"] == ["essnet-dg4", "ESSNet-DG4", "-", "-", "203,984", "3.156", "203,984", "3.156"]
    assert rows["drn"] == ["drn", "DRN-d-22", "-", "-", "-", "-", "-", "-"]
    assert "pip install 'iddkit[train]'" in result.stderr
    document = json.loads(run("--json").stdout)
    assert all(row["params"] is None and row["gmacs"] is None for row in document["models"])


def test_parameters_and_multiply_adds_stand_beside_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    monkeypatch.setattr("iddkit.models.MODELS", {name: MODELS[name] for name in ("erfnet", "drn", "essneta-d")})
    result = run()
    rows = {line.split()[0]: line.split() for line in result.stdout.splitlines() if line.split()[:1]}
    assert "networks for 7 classes and images of height 128, width 256" in result.stdout
    figures = ["2,063,411", "1.656", "2,038,448", "27.705", "2,038,448", "27.705"]
    assert rows["erfnet"] == ["erfnet", "ERFNet", *figures]
    assert "1,792 parameters of drn are fixed" in result.stderr
    assert "what is printed of essneta-d does not follow" in result.stderr


def test_json_is_for_the_classes_and_the_size_asked_for() -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    document = json.loads(run("--json", "--classes", "20", "--size", "512x1024").stdout)
    assert (document["classes"], document["height"], document["width"]) == (20, 512, 1024)
    rows = {row["name"]: row for row in document["models"]}
    assert list(rows) == list(MODELS)
    assert rows["erfnet"]["gmacs"] == pytest.approx(26.612728, abs=1e-6)
    assert (rows["drn"]["params"], rows["drn"]["params_trainable"]) == (15896132, 15891012)
    assert rows["drn"]["aliases"] == ["drn-d-22"]
    assert rows["drn"]["params_paper_ledger"] is None
    assert [name for name, row in rows.items() if row["published_mismatch"]] == ["essneta-d"]
    assert rows["essnet-dg2"]["params_paper_ledger"] == rows["essnet-dg2"]["params_published"] == 279760


@pytest.mark.parametrize("arguments", [("--size", "128"), ("--classes", "0"), ("--classes", "256")])
def test_options_that_cannot_be_are_refused(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2
