from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from iddkit.cli.export import export
from iddkit.errors import OptionError
from tests.tiny_networks import save_checkpoint, write_photographs


def run(*arguments: object) -> Result:
    return CliRunner().invoke(export, [str(a) for a in arguments], catch_exceptions=False)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    for name in ("torch", "lightning_fabric", "onnx", "onnxruntime"):
        pytest.importorskip(name, reason=f"{name} is not installed")
    return save_checkpoint(tmp_path / "run/best.pt")


def test_it_tells_what_was_written_and_how_it_compares(checkpoint: Path, tmp_path: Path) -> None:
    result = run(checkpoint.parent, tmp_path / "m.onnx", "--size", "16x32")
    assert result.exit_code == 0
    assert result.stderr == ""
    lines = {line.partition(" ")[0]: line for line in result.stdout.splitlines()}
    assert "opset 17" in lines["file"]
    assert "float32 (N, 3, 16, 32), normalised RGB: height 16, width 32" in lines["takes"]
    assert "4 synthetic images (--images takes real ones)" in lines["equal"]
    assert "ms by PyTorch" in lines["latency"]
    assert "ms by ONNX Runtime" in lines["latency"]


def test_images_that_cannot_be_read_are_lines_and_exit_code_1(checkpoint: Path, tmp_path: Path) -> None:
    write_photographs(tmp_path / "in", ["a.png", "b.png"])
    (tmp_path / "in/a.png").write_bytes(b"no image")
    result = run(checkpoint, tmp_path / "m.onnx", "--images", tmp_path / "in", "--opset", 12, "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert (document["opset"], document["check"]["images"], document["check"]["are_synthetic"]) == (12, 1, False)
    assert len(document["failures"]) == 1
    assert result.stderr.startswith("Error: ")


@pytest.mark.parametrize("opset", [10, 21])
def test_operators_that_cannot_be_written_are_refused(tmp_path: Path, opset: int) -> None:
    result = run(tmp_path / "best.pt", tmp_path / "m.onnx", "--opset", opset)
    assert result.exit_code == 2
    assert f"{opset} is not in the range 11<=x<=20" in result.stderr


def test_without_onnx_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnx" else name)
    with pytest.raises(OptionError, match=r"an export needs onnx: pip install 'iddkit\[train\]'"):
        run(tmp_path / "best.pt", tmp_path / "m.onnx")
