from __future__ import annotations

import dataclasses
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from iddkit import labels, models  # noqa: E402
from iddkit.errors import CheckpointError, OutputError  # noqa: E402
from iddkit.training.checkpoint import FORMAT, VERSION, Checkpoint, Classes  # noqa: E402

MODEL = "essnetb-dg8"


def make(**changes: Any) -> Checkpoint:
    torch.manual_seed(5)
    classes = Classes.of(labels.load("idd"), "level1")
    checkpoint = Checkpoint(
        model=MODEL,
        classes=classes,
        size=(32, 24),
        weights=models.build(MODEL, 7).state_dict(),
        epoch=3,
        mean_iou=0.5,
        recipe={"model": MODEL, "scale": [0.5, 2.0]},
        versions={"iddkit": "1"},
        state={"a": [1, {"b": torch.ones(2)}]},
    )
    return dataclasses.replace(checkpoint, **changes)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("checkpoint") / "best.pt"
    make().save(path)
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "best.pt"
    path.write_bytes(content)
    return path


def problem_of(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        Checkpoint.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    return caught.value.problem


def test_a_checkpoint_comes_back_as_it_was(path: Path) -> None:
    saved, loaded = make(), Checkpoint.load(path)
    for name in ("model", "classes", "size", "epoch", "mean_iou", "recipe", "versions"):
        assert getattr(loaded, name) == getattr(saved, name)
    assert loaded.weights.keys() == saved.weights.keys()
    assert all(torch.equal(loaded.weights[name], saved.weights[name]) for name in saved.weights)
    assert loaded.state["a"][1]["b"].tolist() == [1, 1]
    # A folder stands for the best of the run in it.
    assert Checkpoint.load(path.parent).classes == saved.classes


def test_the_network_of_a_checkpoint_computes_what_the_saved_one_did(path: Path) -> None:
    images = torch.randn(1, 3, 24, 32)
    make(state={}).save(path)
    expected, found = make(state={}).network(), Checkpoint.load(path).network()
    assert not found.training
    with torch.no_grad():
        assert torch.equal(found(images), expected(images))


def test_classes_are_those_of_the_level_without_void() -> None:
    idd = labels.load("idd")
    classes = Classes.of(idd, "level1")
    assert len(classes) == 7
    assert classes.numbers == (0, 1, 2, 3, 4, 5, 6)
    assert (classes.label_map, classes.sha256) == ("idd", idd.sha256)
    assert len(Classes.of(idd, "level3")) == 26


class Exploit:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    for name, write in (("one", torch.save), ("other", lambda value, file: file.write_bytes(pickle.dumps(value)))):
        path = tmp_path / name
        write({"format": FORMAT, "version": VERSION, "weights": Exploit(trap)}, path)
        assert "not a checkpoint, or a damaged one" in problem_of(path)
        assert not trap.exists()


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda content: b"", "not a checkpoint, or a damaged one"),
        (lambda content: b"\0" * 100, "not a checkpoint, or a damaged one"),
        (lambda content: b"PK\x03\x04" + b"\0" * 50, "not a checkpoint, or a damaged one"),
        (lambda content: b"\x89PNG\r\n\x1a\n", "not a checkpoint, or a damaged one"),
        (lambda content: pickle.dumps([1, 2]), "not a checkpoint"),
        (lambda content: content[:-1], "not a checkpoint, or a damaged one"),
        (lambda content: content[: len(content) // 2], "not a checkpoint, or a damaged one"),
        (lambda content: content[100:], "not a checkpoint, or a damaged one"),
    ],
)
def test_a_damaged_checkpoint_is_one_line(path: Path, damage: Callable[[bytes], bytes], problem: str) -> None:
    path.write_bytes(damage(path.read_bytes()))
    assert problem in problem_of(path)


def test_a_flipped_byte_is_found_or_harmless(path: Path, content: bytes) -> None:
    dice = np.random.default_rng(3)
    # The ends of the file, where its structure is, and the weights between.
    ends = [*range(400), *range(len(content) - 400, len(content))]
    refused = 0
    for place in [*dice.choice(ends, 60), *dice.integers(0, len(content), 30)]:
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(dice.integers(8))
        path.write_bytes(damaged)
        try:
            loaded = Checkpoint.load(path)
        except CheckpointError:
            refused += 1
        else:
            assert all(torch.equal(loaded.weights[name], value) for name, value in make().weights.items())
    assert refused > 30


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"weight": torch.ones(2)}, "not a checkpoint of iddkit"),
        ([1, 2], "not a checkpoint of iddkit"),
        ({"format": "iddkit checkpoint"}, "a checkpoint of version None"),
        ({"format": FORMAT, "version": VERSION + 1}, f"a checkpoint of version {VERSION + 1}, this iddkit reads"),
        ({"format": FORMAT, "version": VERSION}, "a damaged checkpoint"),
    ],
)
def test_what_another_program_or_a_later_iddkit_wrote_is_refused(tmp_path: Path, value: Any, problem: str) -> None:
    path = tmp_path / "other.pt"
    torch.save(value, path)
    assert problem in problem_of(path)


@pytest.mark.parametrize(
    "change",
    [
        {"classes": 5},
        {"classes": {"level": "x"}},
        {"weights": None},
        {"weights": {"a": 1}},
        {"model": 3},
        {"more": 1},
        {"size": None},
        {"size": "abc"},
        {"size": (-1, 5)},
        {"size": (0, 5)},
        {"epoch": "x"},
        {"mean_iou": "x"},
    ],
)
def test_a_checkpoint_with_values_that_cannot_be_is_refused(tmp_path: Path, content: bytes, change: Any) -> None:
    path = tmp_path / "strange.pt"
    path.write_bytes(content)
    value = torch.load(path, weights_only=True) | change
    torch.save(value, path)
    with pytest.raises(CheckpointError) as caught:
        Checkpoint.load(path).network()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"names": 7},
        {"names": (1, 2, 3, 4, 5, 6, 7)},
        {"names": ()},
        {"numbers": (0, 1, 2, 3, 4, 5, 300)},
        {"numbers": (0, 1, 2)},
        {"numbers": (0, 1, 2, 3, 4, 5, True)},
        {"colors": ((1, 2),) * 7},
        {"colors": ((1, 2, 256),) * 7},
        {"label_map": 1},
    ],
)
def test_classes_that_no_label_image_could_hold_are_refused(tmp_path: Path, content: bytes, change: Any) -> None:
    path = tmp_path / "strange.pt"
    path.write_bytes(content)
    value = torch.load(path, weights_only=True)
    torch.save(value | {"classes": value["classes"] | change}, path)
    assert "a damaged checkpoint" in problem_of(path)


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(CheckpointError, match="its weights are not those of erfnet for 7 classes") as caught:
        make(model="erfnet", state={}).network()
    assert len(str(caught.value)) < 400
    with pytest.raises(CheckpointError, match="no network 'resnet'"):
        make(model="resnet", state={}).network()
    with pytest.raises(CheckpointError, match="for 26 classes"):
        make(classes=Classes.of(labels.load("idd"), "level3"), state={}).network()


def test_a_missing_checkpoint_and_one_that_cannot_be_written_are_one_line(tmp_path: Path) -> None:
    assert "cannot be read" in problem_of(tmp_path / "none.pt")
    with pytest.raises(CheckpointError, match=r"best\.pt: cannot be read"):
        Checkpoint.load(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError):
        make().save(tmp_path / "file" / "best.pt")


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("iddkit.files.os.replace", refuse)
    with pytest.raises(OutputError, match="No space left"):
        make(epoch=9).save(path)
    assert path.read_bytes() == before
    assert [*path.parent.iterdir()] == [path]


def test_what_is_kept_to_go_on_is_no_network(path: Path) -> None:
    with pytest.raises(CheckpointError, match="best.pt beside it is the network"):
        Checkpoint.load(path).network()


def test_an_archive_behind_something_else_is_refused(path: Path) -> None:
    # PyTorch decides by the first bytes, and zipfile by the last.
    path.write_bytes(b"\x80\x02}q\x00." + path.read_bytes())
    with pytest.raises(CheckpointError, match="it does not begin as one"):
        Checkpoint.load(path)
