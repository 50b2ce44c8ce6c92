from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from iddkit.cli.predict import predict
from iddkit.errors import CheckpointError, OptionError
from tests.tiny_networks import save_checkpoint, write_photographs


def run(*arguments: object) -> Result:
    return CliRunner().invoke(predict, [str(a) for a in arguments], catch_exceptions=False)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("lightning_fabric", reason="lightning-fabric is not installed")
    return save_checkpoint(tmp_path / "run/best.pt")


def test_a_folder_is_predicted_and_counted(checkpoint: Path, tmp_path: Path) -> None:
    write_photographs(tmp_path / "in", ["a.png", "b/c.png"])
    result = run(checkpoint.parent, tmp_path / "in", tmp_path / "out", "--overlay", "-j", 1)
    assert result.exit_code == 0
    assert "images  2 predicted, 0 there already, 0 failed" in result.stdout
    assert "height 29, width 45" in result.stdout
    assert {path.name for path in (tmp_path / "out").rglob("*.png")} == {
        *("a_label.png", "a_overlay.png", "c_label.png", "c_overlay.png")
    }
    again = run(checkpoint.parent, tmp_path / "in", tmp_path / "out", "--overlay", "-j", 1)
    assert "images  0 predicted, 2 there already, 0 failed" in again.stdout


def test_sizes_are_height_by_width(checkpoint: Path, tmp_path: Path) -> None:
    from iddkit.images import read_size

    write_photographs(tmp_path / "in", ["a.png"])
    result = run(
        checkpoint, tmp_path / "in/a.png", tmp_path / "out", "--size", "16x32", "--resolution", "20x48", "--json"
    )
    document = json.loads(result.stdout)
    assert (document["height"], document["width"], document["predicted"]) == (16, 32, 1)
    assert read_size(tmp_path / "out/a_label.png") == (48, 20)


def test_a_bad_image_is_a_line_and_exit_code_1(checkpoint: Path, tmp_path: Path) -> None:
    write_photographs(tmp_path / "in", ["a.png", "b.png"])
    (tmp_path / "in/a.png").write_bytes(b"no image")
    result = run(checkpoint, tmp_path / "in", tmp_path / "out")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "a.png: no image that can be read" in result.stderr
    assert "images  1 predicted, 0 there already, 1 failed" in result.stdout


def test_a_checkpoint_that_is_none_is_one_line(checkpoint: Path, tmp_path: Path) -> None:
    write_photographs(tmp_path / "in", ["a.png"])
    with pytest.raises(CheckpointError, match=r"in/a\.png: not a checkpoint"):
        run(tmp_path / "in/a.png", tmp_path / "in", tmp_path / "out")


def test_without_torch_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    words = r"a prediction needs torch and lightning_fabric: pip install 'iddkit\[train\]'"
    with pytest.raises(OptionError, match=words):
        run(tmp_path / "best.pt", tmp_path, tmp_path / "out")


def test_its_help_loads_no_torch() -> None:
    code = (
        "import sys; from iddkit.cli.predict import predict; from iddkit.cli.export import export\n"
        "predict(['--help'], standalone_mode=False); export(['--help'], standalone_mode=False)\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'numpy', 'onnx', 'cv2')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0
