from __future__ import annotations

from pathlib import Path

import pytest

from iddkit import labels
from iddkit.errors import FrameError
from iddkit.frames import Frame
from iddkit.metrics.predictions import Predictions, find_predictions

IDD = labels.load("idd")
FRAMES = (Frame("val", "3", "a"), Frame("val", "7", "b"))


def find(tmp_path: Path, files: list[str], frames: tuple[Frame, ...] = FRAMES, level: str = "level1") -> Predictions:
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    return find_predictions(tmp_path, frames, IDD, level)


@pytest.mark.parametrize(
    "folders",
    [
        "{s}/",
        "val/{s}/",
        "gtFine/val/{s}/",
        "leftImg8bit/val/{s}/",
        "gtFine/{s}/",
        "",
        "val/",
        "gtFine/val/",
        "gtFine/",
    ],
)
@pytest.mark.parametrize(
    "ending",
    [
        "_label.png",
        ".png",
        ".PNG",
        "_leftImg8bit.png",
        "_image.png",
        "_pred.png",
        "_gtFine_labellevel1Ids.png",
        "_leftImg8bit_label.png",
    ],
)
def test_a_prediction_is_found_in_every_usual_place(tmp_path: Path, folders: str, ending: str) -> None:
    files = [folders.format(s=frame.sequence) + frame.name + ending for frame in FRAMES]
    found = find(tmp_path, files)
    assert [path.as_posix() for path in found.files.values()] == files
    assert (dict(found.missing), found.extra) == ({}, ())


@pytest.mark.parametrize(
    "files",
    [
        ["val/3/a_label.png", "3/a_label.png"],
        ["3/a_label.png", "3/a_gtFine_labellevel1Ids.png"],
        ["3/a.png", "a.png"],
        ["3/a.png", "3/a_leftImg8bit.png"],
        ["3/a_pred.png", "3/a_out.png"],
    ],
)
def test_two_files_that_may_be_the_prediction_are_refused(tmp_path: Path, files: list[str]) -> None:
    found = find(tmp_path, [*files, "7/b.png"])
    assert list(found.files) == ["val/7/b"]
    assert found.missing["val/3/a"].startswith("2 files may be its prediction")
    assert all(file in found.missing["val/3/a"] for file in files)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("3/a_label.png", "3/a.png"),
        ("gtFine/val/3/a_label.png", "leftImg8bit/val/3/a_leftImg8bit.png"),
        ("3/a.png", "3/a_confidence.png"),
    ],
)
def test_a_file_called_a_label_image_goes_before_others(tmp_path: Path, better: str, worse: str) -> None:
    assert find(tmp_path, [better, worse]).files["val/3/a"] == Path(better)


@pytest.mark.parametrize(
    "file",
    [
        "train/3/a_label.png",  # another split
        "7/a_label.png",  # another sequence
        "other/3/a_label.png",
        "3/a_2.png",  # another frame, perhaps
        "3/ab_label.png",
        "3/a_color.png",
        "3/a_overlay.png",
        "3/a_inst_label.png",
        "3/a_gtFine_instanceids.png",
        "3/a_label.jpg",
        "3/.a_label.png",
        "val_panoptic/a_label.png",
    ],
)
def test_what_is_of_another_frame_or_no_label_image_is_not_taken(tmp_path: Path, file: str) -> None:
    found = find(tmp_path, [file, "3/b_label.png"])
    assert found.missing["val/3/a"] == "no prediction"


def test_labels_of_another_level_are_not_taken_and_named(tmp_path: Path) -> None:
    found = find(tmp_path, ["3/a_gtFine_labellevel3Ids.png", "7/b_label.png"])
    assert found.missing == {"val/3/a": "no prediction: 3/a_gtFine_labellevel3Ids.png is of another level by its name"}
    assert find(tmp_path, [], level="level3").files["val/3/a"] == Path("3/a_gtFine_labellevel3Ids.png")


def test_a_name_of_several_frames_needs_the_folder_of_its_sequence(tmp_path: Path) -> None:
    frames = (Frame("val", "3", "a"), Frame("val", "7", "a"))
    found = find(tmp_path, ["a.png"], frames)
    assert not found.files
    assert found.missing["val/3/a"] == "no prediction in its own folder, and 2 frames are called so"
    assert found.extra == (Path("a.png"),)
    assert len(find(tmp_path, ["7/a.png", "val/3/a.png"], frames).files) == 2


def test_frames_of_a_flat_folder_are_found_by_their_names(tmp_path: Path) -> None:
    frames = (Frame("", "", "a"), Frame("", "", "a_b"))
    found = find(tmp_path, ["deep/in/a_label.png", "a_b_label.png"], frames)
    assert [path.as_posix() for path in found.files.values()] == ["deep/in/a_label.png", "a_b_label.png"]


def test_frames_without_a_split_are_found_below_one(tmp_path: Path) -> None:
    assert find(tmp_path, ["val/3/a.png"], (Frame("", "3", "a"),)).files == {"3/a": Path("val/3/a.png")}
    found = find(tmp_path, ["train/3/a.png"], (Frame("", "3", "a"),))
    assert found.missing["3/a"].startswith("2 files may be")


def test_a_file_of_a_longer_name_is_not_of_the_frame_it_begins_with(tmp_path: Path) -> None:
    (tmp_path / "a_night_label.png").touch()
    (tmp_path / "a_night.png").touch()
    known = [Frame("train", "3", "a_night")]
    found = find_predictions(tmp_path, FRAMES[:1], IDD, "level1", known)
    assert not found.files
    assert found.extra == (Path("a_night.png"), Path("a_night_label.png"))


def test_files_of_no_frame_are_extra_in_natural_order(tmp_path: Path) -> None:
    found = find(tmp_path, ["3/a.png", "7/b.png", "x10.png", "x9.png", "x9_color.png", "manifest.json"])
    assert [path.name for path in found.extra] == ["x9.png", "x10.png"]


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file.png").touch()
    with pytest.raises(FrameError, match="no such folder"):
        find_predictions(tmp_path / "nothing", FRAMES, IDD, "level1")
    with pytest.raises(FrameError, match="not a folder"):
        find_predictions(tmp_path / "file.png", FRAMES, IDD, "level1")
