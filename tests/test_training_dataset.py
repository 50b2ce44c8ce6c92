from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")

from iddkit import frames, images, labels
from iddkit.errors import FrameError, LabelMapError, OptionError, TrainingError, UserError
from iddkit.labels import VOID
from iddkit.training.dataset import open_dataset
from tests.training_data import (
    image_path,
    label_path,
    make_frame,
    open_small,
    write_frame,
    write_small_dataset,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_small_dataset(tmp_path / "a b", train=4, val=2)


def test_a_dataset_tells_what_a_training_needs(root: Path) -> None:
    data = open_dataset(root)
    assert data.name == "a b"
    assert (len(data.train), len(data.val)) == (4, 2)
    assert (data.train_facts.frames, data.train_facts.sequences) == (4, 2)
    # T1 Table 3.4 has IDD-lite at 256x128.
    assert data.size == (256, 128)
    assert data.classes.names == tuple(c.name for c in labels.load("idd").categories("level1") if c.number < 7)
    numbers = np.concatenate(
        [images.read_labels(root / str(frame.labels)).reshape(-1) for frame in data.train if frame.labels]
    )
    counts = np.bincount(numbers[numbers != VOID], minlength=7)
    assert data.train_facts.pixels == tuple(counts)
    np.testing.assert_allclose(data.shares, counts / counts.sum())
    assert (data.failures, data.notes) == ((), ())


def test_the_size_is_that_of_the_first_frame_where_nothing_is_published(root: Path) -> None:
    data = open_dataset(root, label_level="level2")
    assert data.classes.level == "level2"
    assert data.size != (256, 128)
    assert open_dataset(root, size=(10, 20)).size == (10, 20)


def test_an_index_is_as_good_as_a_folder(root: Path, tmp_path: Path) -> None:
    frames.write_csv(frames.scan(root), tmp_path / "index.csv")
    assert open_dataset(tmp_path / "index.csv").fingerprint == open_dataset(root).fingerprint


def test_a_split_goes_by_its_usual_names_or_by_an_option(tmp_path: Path) -> None:
    usual = write_small_dataset(tmp_path / "usual", train=2, val=1, splits=("training", "validation"))
    assert [facts.name for d in [open_small(usual)] for facts in (d.train_facts, d.val_facts)] == [
        "training",
        "validation",
    ]
    odd = write_small_dataset(tmp_path / "odd", train=2, val=1, splits=("my train", "é"))
    with pytest.raises(FrameError, match=r"no split train; --train-split says which one it is. Splits: my train, é"):
        open_small(odd)
    with pytest.raises(FrameError, match="no split val; --val-split says"):
        open_small(odd, train_split="my train")
    data = open_small(odd, train_split="my train", val_split="é")
    assert (data.train_facts.name, data.val_facts.name) == ("my train", "é")
    with pytest.raises(FrameError, match="no split nothing; there are my train, é"):
        open_small(odd, train_split="nothing")
    with pytest.raises(OptionError, match="not both"):
        open_small(odd, train_split="é", val_split="é")


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_split_without_frames_to_use_or_without_labels_is_refused(root: Path, split: str) -> None:
    for path in (root / "gtFine" / split).rglob("*.png"):
        path.write_bytes(images.encode_png(np.full((48, 64), VOID, dtype=np.uint8)))
    with pytest.raises(TrainingError, match=f"the split {split} has no labelled pixel: all is void at level1"):
        open_small(root)
    shutil.rmtree(root / "gtFine" / split)
    with pytest.raises(TrainingError, match=f"the split {split} has no frame with image and labels"):
        open_small(root)
    shutil.rmtree(root / "leftImg8bit" / split)
    with pytest.raises(FrameError, match=f"no split {split}"):
        open_small(root)


def test_a_size_that_no_memory_holds_is_refused(root: Path) -> None:
    with pytest.raises(OptionError, match="height 16384, width 16384: more than 16,777,216 pixels to validate at"):
        open_dataset(root, size=(16384, 16384))


def test_where_all_files_of_a_split_are_damaged_the_first_reason_is_told(root: Path) -> None:
    for path in (root / "gtFine" / "val").rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(TrainingError, match="of all files 2 cannot be used, the first: .*_label.png") as caught:
        open_small(root)
    assert "\n" not in str(caught.value)


def test_a_dataset_without_any_labels_or_any_frame_is_refused(root: Path, tmp_path: Path) -> None:
    shutil.rmtree(root / "gtFine")
    with pytest.raises(UserError):
        open_small(root)
    with pytest.raises(UserError):
        open_small(tmp_path / "nothing")


def test_frames_without_images_are_left_out_and_told(root: Path) -> None:
    image_path(root, "train", "0", "frame0000").unlink()
    data = open_small(root)
    assert len(data.train) == 3
    assert data.notes == ("1 frame has no image",)


@pytest.mark.parametrize("damage", ["number", "image", "half an image", "labels", "size", "colours"])
def test_a_frame_that_cannot_be_used_is_listed_and_the_others_go_on(root: Path, damage: str) -> None:
    image, numbers = make_frame(0)
    picture, path = image_path(root, "train", "0", "frame0000"), label_path(root, "train", "0", "frame0000")
    if damage == "number":
        numbers[3:5, 7:9] = 9
        path.write_bytes(images.encode_png(numbers))
    elif damage == "image":
        picture.write_bytes(b"no image")
    elif damage == "half an image":
        picture.write_bytes(picture.read_bytes()[: picture.stat().st_size // 2])
    elif damage == "labels":
        path.write_bytes(path.read_bytes()[:60])
    elif damage == "size":
        path.write_bytes(images.encode_png(numbers[:, ::2].copy()))
    else:
        path.write_bytes(images.encode_png(image))
    data = open_small(root)
    assert [frame.name for frame in data.train] == ["frame0001", "frame0002", "frame0003"]
    (failure,) = data.failures
    assert "frame0000" in str(failure)
    assert "\n" not in str(failure)
    if damage == "number":
        assert "4 pixels have the number 9, which is no label of level1" in str(failure)


def test_if_no_frame_can_be_used_the_first_reason_is_told(root: Path) -> None:
    for path in (root / "gtFine").rglob("*.png"):
        path.write_bytes(images.encode_png(np.full((48, 64), 77, dtype=np.uint8)))
    with pytest.raises(TrainingError, match=r"no frame of it can be used; the first: .* the number 77"):
        open_small(root)


def test_a_finer_level_than_the_labels_have_is_refused_and_an_unknown_one(root: Path) -> None:
    for level in ("level3", "nothing"):
        with pytest.raises(LabelMapError, match=level):
            open_small(root, level=level)


def test_the_fingerprint_is_that_of_files_and_classes(root: Path) -> None:
    one = open_small(root).fingerprint
    assert open_small(root, size=(16, 16)).fingerprint == one
    moved = root.with_name("moved")
    shutil.copytree(root, moved)
    assert open_small(moved).fingerprint == one
    assert open_small(root, label_level="level2").fingerprint != one
    for path in (label_path(root, "val", "2", "frame0004"), image_path(root, "train", "1", "frame0003")):
        before = path.read_bytes()
        other = path.with_name(path.name.replace("0004", "0005").replace("0003", "0002"))
        path.write_bytes(other.read_bytes())
        assert open_small(root).fingerprint != one
        path.write_bytes(before)
    assert open_small(root).fingerprint == one
    write_frame(root, "train", "9", "more", *make_frame(3))
    assert open_small(root).fingerprint != one


def test_images_of_mixed_sizes_and_classes_that_are_missing_are_no_failure(tmp_path: Path) -> None:
    root = write_small_dataset(tmp_path, train=4, val=2, sizes=((64, 48), (5, 7), (90, 20)))
    for path in (root / "gtFine" / "train").rglob("*.png"):
        numbers = images.read_labels(path)
        path.write_bytes(images.encode_png(np.where(numbers == 2, 0, numbers).astype(np.uint8)))
    data = open_small(root)
    assert (len(data.train), data.failures) == (4, ())
    assert data.shares[2] == 0


def test_a_dataset_is_a_value(root: Path) -> None:
    data = open_small(root)
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.name = "other"  # type: ignore[misc]
