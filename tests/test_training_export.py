from __future__ import annotations

import re
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("lightning_fabric", reason="lightning-fabric is not installed")
pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

import onnx
import torch

from iddkit import models
from iddkit.errors import CheckpointError, OptionError, OutputError
from iddkit.training import export as module
from iddkit.training.checkpoint import Checkpoint
from iddkit.training.comparison import compare, open_session, run_session
from iddkit.training.export import encode, export, read_metadata
from iddkit.training.predictions import open_images
from iddkit.training.transforms import to_tensor
from tests.tiny_networks import SIZE, photograph, save_checkpoint, write_photographs


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("run") / "best.pt")


@pytest.fixture(scope="module")
def exported(checkpoint: Path) -> Path:
    export(checkpoint, checkpoint.with_name("m.onnx"))
    return checkpoint.with_name("m.onnx")


@pytest.mark.parametrize("name", ["essnet-dg4s", "essneta-d", "essnetb-dg2", "erfnet", "drn", "unet"])
def test_every_family_of_networks_computes_the_same_in_onnx(name: str) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = models.build(name, 7).eval()
    photos = np.stack([photograph(seed, *SIZE) for seed in range(3)])
    check = compare(network, encode(network, SIZE, {}), photos, repeats=1)
    assert check.ok
    assert check.difference < 1e-4
    assert check.equal > 0.999
    assert check.images == 3


def test_any_number_of_images_goes_in(exported: Path) -> None:
    session = open_session(exported.read_bytes(), 1)
    photos = to_tensor(np.stack([photograph(seed, *SIZE) for seed in range(5)])).numpy()
    many = run_session(session, photos)
    assert many.shape == (5, 7, SIZE[1], SIZE[0])
    assert many.dtype == np.float32
    assert np.allclose(many[4:], run_session(session, photos[4:]), atol=1e-5)


def test_the_file_says_how_it_is_used(checkpoint: Path, tmp_path: Path) -> None:
    done = export(checkpoint, tmp_path / "m.onnx", size=(32, 24), opset=13)
    classes = Checkpoint.load(checkpoint).classes
    texts = read_metadata(tmp_path / "m.onnx")
    assert [(one["number"], one["name"], tuple(one["color"])) for one in texts["classes"]] == list(
        zip(classes.numbers, classes.names, classes.colors, strict=True)
    )
    assert texts["mean"] == [0.485, 0.456, 0.406]
    assert (texts["model"], texts["label_map"], texts["level"]) == ("essnet-dg8", "idd", "level1")
    assert (texts["height"], texts["width"]) == ("24", "32")
    model = onnx.load(tmp_path / "m.onnx")
    assert model.opset_import[0].version == done.opset == 13
    sides = [side.dim_value or side.dim_param for side in model.graph.input[0].type.tensor_type.shape.dim]
    assert sides == ["N", 3, 24, 32]
    assert done.bytes == (tmp_path / "m.onnx").stat().st_size


def test_the_metadata_is_all_that_is_needed(checkpoint: Path, exported: Path) -> None:
    texts = read_metadata(exported)
    photo = photograph(3, *SIZE)
    image = ((photo / 255 - texts["mean"]) / texts["std"]).astype(np.float32).transpose(2, 0, 1)[None]
    found = run_session(open_session(exported.read_bytes(), 1), image)
    with torch.inference_mode():
        expected = Checkpoint.load(checkpoint).network()(to_tensor(photo[None])).numpy()
    assert np.allclose(found, expected, atol=1e-4)


def test_same_network_same_bytes_and_no_trace_of_where_it_was_made(
    checkpoint: Path, exported: Path, tmp_path: Path
) -> None:
    export(checkpoint, tmp_path / "again.onnx")
    content = exported.read_bytes()
    assert content == (tmp_path / "again.onnx").read_bytes()
    assert not re.search(rb"[/\\](site-packages|models|torch)[/\\]", content)


def test_no_warning_comes_out(checkpoint: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        export(checkpoint, tmp_path / "m.onnx")
    assert caught == []
    assert capfd.readouterr() == ("", "")


def test_it_is_compared_on_the_images_that_are_given(checkpoint: Path, tmp_path: Path) -> None:
    write_photographs(tmp_path / "in", [f"{i:02}.png" for i in range(40)])
    (tmp_path / "in/00.png").write_bytes(b"")
    done = export(checkpoint, tmp_path / "m.onnx", index=open_images(tmp_path / "in"))
    assert (done.check.images, done.check.are_synthetic) == (15, False)
    assert len(done.failures) == 1
    assert "00.png" in done.failures[0]
    assert export(checkpoint, tmp_path / "n.onnx").check.are_synthetic


def test_without_one_good_image_nothing_is_written(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").write_bytes(b"")
    with pytest.raises(OptionError, match="no image to compare with"):
        export(checkpoint, tmp_path / "m.onnx", index=open_images(tmp_path / "in"))
    assert not (tmp_path / "m.onnx").exists()


def test_a_file_that_computes_something_else_is_not_written(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Checkpoint.load(save_checkpoint(tmp_path / "other.pt", seed=1)).network()
    monkeypatch.setattr(module, "encode", lambda network, *a, **k: encode(other, *a, **k))
    with pytest.raises(OutputError, match="not written: its logits differ from PyTorch's by up to"):
        export(checkpoint, tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


def test_a_network_that_computes_no_numbers_is_not_written(tmp_path: Path) -> None:
    network = Checkpoint.load(save_checkpoint(tmp_path / "sound.pt")).network()
    weights = {
        name: value * (float("nan") if value.is_floating_point() else 1) for name, value in network.state_dict().items()
    }
    broken = save_checkpoint(tmp_path / "broken.pt", weights=weights)
    with pytest.raises(OutputError, match="not written: its logits differ from PyTorch's by up to nan"):
        export(broken, tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


def test_a_file_that_is_there_is_replaced_only_when_asked(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.onnx"
    out.write_bytes(b"mine")
    with pytest.raises(OutputError, match="--overwrite replaces it"):
        export(checkpoint, out)
    assert out.read_bytes() == b"mine"
    export(checkpoint, out, overwrite=True)
    export(checkpoint, out)  # the same bytes: nothing to replace
    assert read_metadata(out)["model"] == "essnet-dg8"


def test_what_cannot_be_used_is_said(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="opset 10: 11 to 20"):
        export(checkpoint, tmp_path / "m.onnx", opset=10)
    with pytest.raises(OptionError, match="a side of"):
        export(checkpoint, tmp_path / "m.onnx", size=(10**6, 8))
    (tmp_path / "cut.pt").write_bytes(checkpoint.read_bytes()[:900])
    with pytest.raises(CheckpointError, match=r"cut\.pt"):
        export(tmp_path / "cut.pt", tmp_path / "m.onnx")
    found = Checkpoint.load(checkpoint)
    replace(found, model="erfnet").save(tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match=r"other\.pt: its weights are not those of erfnet"):
        export(tmp_path / "other.pt", tmp_path / "m.onnx")
    (tmp_path / "no.onnx").write_bytes(b"\x00 nothing")
    with pytest.raises(OutputError, match="not an ONNX file"):
        read_metadata(tmp_path / "no.onnx")
    with pytest.raises(OutputError, match="cannot be read"):
        read_metadata(tmp_path / "gone.onnx")
