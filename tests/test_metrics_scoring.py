from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from iddkit import frames, labels
from iddkit.demo import write_dataset
from iddkit.errors import FrameError, LabelMapError, OptionError
from iddkit.groundtruth import make_plan, rasterize
from iddkit.metrics import Evaluation, evaluate
from tests.conftest import Writer

IDD = labels.load("idd")
SQUARE = [[2, 2], [9, 2], [9, 9], [2, 9]]

Pixels = NDArray[np.uint8]


def save(path: Path, pixels: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_pairs(root: Path, seed: int, count: int = 4, numbers: int = 9) -> tuple[Path, Path]:
    """Write label images and predictions of several sizes, void and unknown numbers among them."""
    rng = np.random.default_rng(seed)
    truth, predicted = root / "gtFine" / "val", root / "predicted"
    for number in range(count):
        name = f"{number % 2}/{number}_label.png"
        for folder in (truth, predicted):
            height, width = rng.integers(3, 12, 2)
            pixels = rng.integers(0, numbers, (height, width), dtype=np.uint8)
            pixels[rng.random((height, width)) < 0.2] = 255
            save(folder / name, pixels)
    return truth, predicted


def score_officially(truth: Path, predicted: Path, width: int, height: int) -> NDArray[np.int64]:
    """Return the matrix as the official protocol counts it: pixel by pixel, void in the eighth row and column."""
    matrix = np.zeros((8, 8), dtype=np.int64)
    for path in sorted(truth.glob("*/*_label.png")):
        images = [Image.open(one) for one in (path, predicted / path.relative_to(truth))]
        resized = [np.array(one.resize((width, height), Image.Resampling.NEAREST)) for one in images]
        for row, column in zip(*(one.ravel().tolist() for one in resized), strict=True):
            matrix[min(row, 7), min(column, 7)] += 1
    return matrix


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.integers(0, 9999), st.integers(1, 15), st.integers(1, 15))
def test_the_matrix_is_the_official_one(
    tmp_path_factory: pytest.TempPathFactory, seed: int, width: int, height: int
) -> None:
    truth, predicted = write_pairs(tmp_path_factory.mktemp("pairs"), seed)
    official = score_officially(truth, predicted, width, height)
    found = evaluate(truth, predicted, IDD, "level1", resolution=(width, height))
    assert (found.confusion.counts == official[:7]).all()
    # The official score: void in no row, and a miss in the column.
    hit, union = official.diagonal()[:7], official[:7].sum(axis=1) + official[:7, :7].sum(axis=0)
    with np.errstate(invalid="ignore"):
        ious = hit / (union - hit)
    assert found.confusion.mean_iou == pytest.approx(np.nanmean(ious))


@pytest.fixture
def pairs(tmp_path: Path) -> tuple[Path, Path]:
    """Two frames, truth of 6 x 4 pixels, predictions equal to it."""
    truth, predicted = tmp_path / "lite/gtFine/val", tmp_path / "predicted"
    for name in ("0/a_label.png", "1/b_label.png"):
        pixels = np.array([[0, 0, 0, 1, 1, 6]] * 4, dtype=np.uint8)
        save(truth / name, pixels)
        save(predicted / name, pixels)
    return truth, predicted


def problems(found: Evaluation) -> list[tuple[str, str]]:
    return [(problem.kind, problem.key) for problem in found.problems]


def test_a_perfect_prediction_has_every_score_and_no_problem(pairs: tuple[Path, Path]) -> None:
    found = evaluate(*pairs, IDD, "level1")
    assert found.ok
    assert (found.level, found.split, found.wanted, len(found.frames)) == ("level1", "val", 2, 2)
    assert (found.confusion.mean_iou, found.confusion.pixel_accuracy) == (1, 1)
    assert found.confusion.counts.sum() == 2 * 24


def test_labels_without_a_score_are_left_out_of_the_mean_and_named(pairs: tuple[Path, Path]) -> None:
    (note,) = evaluate(*pairs, IDD, "level1").notes
    assert note.startswith("neither true nor predicted")
    assert note.endswith(": living things, vehicles, roadside objects, far objects")


def test_a_missing_prediction_is_listed_and_the_others_are_scored(pairs: tuple[Path, Path]) -> None:
    (pairs[1] / "1/b_label.png").unlink()
    found = evaluate(*pairs, IDD, "level1")
    assert problems(found) == [("missing", "val/1/b")]
    assert str(found.problems[0]) == f"{pairs[1]}: val/1/b: no prediction"
    assert (found.wanted, found.confusion.counts.sum()) == (2, 24)


def test_a_prediction_of_another_size_needs_a_resolution(pairs: tuple[Path, Path]) -> None:
    save(pairs[1] / "1/b_label.png", np.zeros((2, 3), np.uint8))
    found = evaluate(*pairs, IDD, "level1")
    assert problems(found) == [("size", "val/1/b")]
    assert "3x2, and the truth is 6x4" in found.problems[0].problem
    assert found.confusion.counts.sum() == 24
    resized = evaluate(*pairs, IDD, "level1", resolution=(6, 4))
    assert resized.ok
    assert resized.confusion.counts.sum() == 48


def test_another_aspect_ratio_is_noted(pairs: tuple[Path, Path]) -> None:
    def notes() -> list[str]:
        found = evaluate(*pairs, IDD, "level1", resolution=(256, 128))
        assert found.ok
        return [note for note in found.notes if "aspect" in note]

    save(pairs[1] / "0/a_label.png", np.zeros((128, 256), np.uint8))  # as a network puts it out
    assert notes() == []
    save(pairs[1] / "1/b_label.png", np.zeros((300, 300), np.uint8))
    (note,) = notes()
    assert note.endswith("1/b_label.png: 300x300, its truth is 6x4")


def test_the_truth_is_no_prediction_of_itself(pairs: tuple[Path, Path]) -> None:
    root = pairs[0].parent.parent
    for predicted in (root, pairs[0]):
        with pytest.raises(FrameError, match="holds no predictions: every file found is the label image itself"):
            evaluate(root, predicted, IDD, "level1")
    link = pairs[1] / "0/a_label.png"
    link.unlink()
    link.symlink_to(pairs[0] / "0/a_label.png")
    found = evaluate(root, pairs[1], IDD, "level1")
    assert problems(found) == [("missing", "val/0/a")]
    assert str(found.problems[0]) == f"{link}: no prediction: is the label image itself"
    assert [frame.key for frame in found.frames] == ["val/1/b"]


@pytest.mark.parametrize("name", ["validation", "valid"])
def test_the_split_to_score_has_several_names(pairs: tuple[Path, Path], name: str) -> None:
    root = pairs[0].parent.parent
    pairs[0].rename(pairs[0].with_name(name))
    save(root / "gtFine/train/5/t_label.png", np.zeros((2, 2), np.uint8))
    assert evaluate(root, pairs[1], IDD, "level1").split == name


def test_unknown_numbers_are_scored_as_no_class_and_named(pairs: tuple[Path, Path]) -> None:
    save(pairs[1] / "0/a_label.png", np.array([[0, 0, 0, 1, 8, 255], [7, 0, 0, 1, 8, 6]], np.uint8).repeat(2, axis=0))
    found = evaluate(*pairs, IDD, "level1")
    assert problems(found) == [("unknown numbers", "val/0/a")]
    assert found.problems[0].numbers == (7, 8)
    assert "6 pixels have numbers that are no label, counted as no class: 7, 8" in str(found.problems[0])
    assert found.confusion.counts[:, -1].tolist() == [2, 4, 0, 0, 0, 0, 2]
    assert found.confusion.counts.sum() == 48


def test_unknown_numbers_of_the_truth_are_void_and_named(pairs: tuple[Path, Path]) -> None:
    save(pairs[0] / "0/a_label.png", np.array([[0, 0, 0, 1, 99, 255]] * 4, np.uint8))
    found = evaluate(*pairs, IDD, "level1")
    assert problems(found) == [("unknown numbers", "val/0/a")]
    assert (found.problems[0].path, found.problems[0].numbers) == (pairs[0] / "0/a_label.png", (99,))
    assert found.confusion.counts.sum() == 24 + 16


@pytest.mark.parametrize("which", [0, 1])
def test_a_damaged_file_is_a_line_and_no_other_frame_suffers(pairs: tuple[Path, Path], which: int) -> None:
    path = pairs[which] / "0/a_label.png"
    path.write_bytes(path.read_bytes()[:-20])
    found = evaluate(*pairs, IDD, "level1")
    assert problems(found) == [("damaged", "val/0/a")]
    assert str(found.problems[0]) == f"{path}: a damaged PNG file: cut, or with a wrong check sum"
    assert [frame.key for frame in found.frames] == ["val/1/b"]


def test_a_color_image_is_no_prediction(pairs: tuple[Path, Path]) -> None:
    save(pairs[1] / "0/a_label.png", np.zeros((4, 6, 3), np.uint8))
    found = evaluate(*pairs, IDD, "level1")
    assert problems(found) == [("damaged", "val/0/a")]
    assert "one channel" in found.problems[0].problem


def test_frames_are_listed_worst_first_and_void_ones_last(tmp_path: Path) -> None:
    rows = {"a": [0, 0], "b": [0, 1], "c": [1, 1], "d": [0, 0]}
    for name, pixels in rows.items():
        save(tmp_path / f"gtFine/val/0/{name}_label.png", np.array([[255, 255] if name == "a" else [0, 0]], np.uint8))
        save(tmp_path / f"predicted/0/{name}.png", np.array([pixels], np.uint8))
    found = evaluate(tmp_path / "gtFine/val", tmp_path / "predicted", IDD, "level1")
    assert [(frame.key[-1], frame.mean_iou, frame.pixel_accuracy, frame.pixels) for frame in found.frames[:3]] == [
        ("c", 0.0, 0.0, 2),
        ("b", 0.25, 0.5, 2),
        ("d", 1.0, 1.0, 2),
    ]
    assert (found.frames[3].key, math.isnan(found.frames[3].mean_iou)) == ("val/0/a", True)
    assert found.frames[1].iou[:2] == (0.5, 0.0)
    assert found.frames[1].predicted == Path("0/b.png")


def test_extra_predictions_are_a_note(pairs: tuple[Path, Path]) -> None:
    save(pairs[1] / "9/z_label.png", np.zeros((1, 1), np.uint8))
    found = evaluate(*pairs, IDD, "level1")
    assert found.ok
    assert "1 prediction is of no frame that is scored, the first 9/z_label.png" in found.notes


def test_val_is_scored_if_there_is_one_and_the_test_split_passed_over(pairs: tuple[Path, Path]) -> None:
    root = pairs[0].parent.parent
    save(root / "gtFine/train/5/t_label.png", np.zeros((2, 2), np.uint8))
    save(root / "leftImg8bit/test/8/x_image.png", np.zeros((2, 2, 3), np.uint8))
    found = evaluate(root, pairs[1], IDD, "level1")
    assert found.ok
    assert (found.split, found.wanted) == ("val", 2)
    assert "scored: the split val, 2 frames; not train (--split says which)" in found.notes
    save(pairs[1] / "train/5/t_label.png", np.zeros((2, 2), np.uint8))
    assert evaluate(root, pairs[1], IDD, "level1", split="train").confusion.counts.sum() == 4
    for split in ("test", "nothing"):
        with pytest.raises(FrameError, match=f"no frame of the split '{split}' has labels; splits that do: train, val"):
            evaluate(root, pairs[1], IDD, "level1", split=split)


def test_an_index_of_chosen_frames_is_a_truth(pairs: tuple[Path, Path], tmp_path: Path) -> None:
    index = frames.scan(pairs[0].parent.parent)
    path = tmp_path / "some.csv"
    frames.write_csv(frames.Index(index.root, index.layout, index.frames[:1]), path)
    found = evaluate(path, pairs[1], IDD, "level1")
    assert [frame.key for frame in found.frames] == ["val/0/a"]
    assert any("1 prediction is of no frame" in note for note in found.notes)


def test_a_flat_folder_of_plain_images_is_a_truth_of_the_level(tmp_path: Path) -> None:
    pixels = np.array([[0, 1, 2]], np.uint8)
    for folder in ("truth", "predicted"):
        save(tmp_path / folder / "a.png", pixels)
        save(tmp_path / folder / "b.png", pixels)
    found = evaluate(tmp_path / "truth", tmp_path / "predicted", IDD, "level2")
    assert (found.ok, found.level, found.split, found.confusion.mean_iou) == (True, "level2", None, 1)
    assert evaluate(tmp_path / "truth", tmp_path / "predicted", IDD, "level1", source_level="level3").ok
    with pytest.raises(FrameError, match="--source-level does"):
        evaluate(tmp_path / "truth", tmp_path / "predicted", IDD)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Polygons of four drives, one of them in val, with their label images of all levels beside them."""
    root = tmp_path_factory.mktemp("demo") / "IDD"
    write_dataset(root, drives=4, frames=2, size=(160, 90))
    assert rasterize(root, plan=make_plan(IDD, ["all"])).ok
    return root


def predict(demo: Path, folder: Path, level: str) -> Path:
    """Write predictions of the val frames of a level: their label images with every tenth column wrong."""
    for path in demo.glob(f"gtFine/val/*/*_label{level}*.png"):
        pixels = np.array(Image.open(path))
        pixels[:, ::10] = 1
        save(folder / path.parent.name / path.name.replace(f"_gtFine_label{level}Ids", "_label"), pixels)
    return folder


def test_what_was_painted_of_polygons_is_no_prediction_of_them(demo: Path) -> None:
    for predicted in (demo, demo / "gtFine", demo / "gtFine" / "val"):
        with pytest.raises(FrameError, match="holds no predictions: every file found is the label image itself"):
            evaluate(demo, predicted, IDD, "level3")


@pytest.mark.parametrize("level", ["level3", "level1"])
def test_polygons_are_scored_as_their_label_images_are(demo: Path, tmp_path: Path, level: str) -> None:
    predicted = predict(demo, tmp_path / "predicted", level)
    for path in demo.glob("gtFine/val/*/*.png"):
        if path.name.endswith(("_labellevel3Ids.png", "_labelids.png")):
            copy = tmp_path / path.name.rpartition("_")[2] / path.relative_to(demo)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    truths = [demo, tmp_path / "labellevel3Ids.png", tmp_path / "labelids.png"]
    for resolution in (None, (50, 30)):
        found = [evaluate(truth, predicted, IDD, level, resolution=resolution) for truth in truths]
        assert all(one.ok and len(one.frames) == 2 for one in found)
        assert 0.3 < found[0].confusion.mean_iou < 1
        assert (found[0].confusion.counts == found[1].confusion.counts).all()
        assert (found[0].confusion.counts == found[2].confusion.counts).all()


def test_coarser_levels_are_those_of_coarser_images(demo: Path, tmp_path: Path) -> None:
    fine = evaluate(demo, predict(demo, tmp_path / "fine", "level3"), IDD, "level3")
    assert list(fine.levels) == ["level3", "level2", "level1"]
    table = {category.number: category.labels[0].numbers["level1"] for category in IDD.categories("level3")}
    for path in (tmp_path / "fine").rglob("*.png"):
        coarse = np.vectorize(table.__getitem__, otypes=[np.uint8])(np.array(Image.open(path)))
        save(tmp_path / "coarse" / path.relative_to(tmp_path / "fine"), coarse)
    coarse_found = evaluate(demo, tmp_path / "coarse", IDD, "level1")
    assert (fine.levels["level1"].counts == coarse_found.confusion.counts).all()
    assert list(coarse_found.levels) == ["level1"]


def test_the_level_is_that_of_the_truth_unless_it_is_said(demo: Path, tmp_path: Path, pairs: tuple[Path, Path]) -> None:
    assert evaluate(demo, predict(demo, tmp_path / "p", "level1"), IDD).level == "level1"  # polygons
    assert evaluate(*pairs, IDD).level == "level1"
    with pytest.raises(FrameError, match="its labels are of level1, which cannot be turned into level3"):
        evaluate(*pairs, IDD, "level3")
    with pytest.raises(LabelMapError, match="no level 'level9'"):
        evaluate(*pairs, IDD, "level9")


def test_labels_of_several_levels_need_a_level(tmp_path: Path) -> None:
    save(tmp_path / "gtFine/val/0/a_gtFine_labellevel3Ids.png", np.zeros((2, 2), np.uint8))
    save(tmp_path / "gtFine/val/0/b_gtFine_labellevel2Ids.png", np.zeros((2, 2), np.uint8))
    save(tmp_path / "predicted/0/a.png", np.zeros((2, 2), np.uint8))
    save(tmp_path / "predicted/0/b.png", np.zeros((2, 2), np.uint8))
    with pytest.raises(OptionError, match="several levels, level2, level3"):
        evaluate(tmp_path, tmp_path / "predicted", IDD)
    assert evaluate(tmp_path, tmp_path / "predicted", IDD, "level2").ok
    found = evaluate(tmp_path, tmp_path / "predicted", IDD, "level3")
    assert problems(found) == [("dataset", "val/0/b")]
    assert found.confusion.counts.sum() == 4


def test_cityscapes_is_scored_by_its_train_numbers(tmp_path: Path) -> None:
    cityscapes = labels.load("cityscapes")
    save(tmp_path / "gtFine/val/ulm/ulm_0_0_gtFine_labelIds.png", np.array([[7, 7, 26, 4]], np.uint8))
    save(tmp_path / "predicted/ulm_0_0_leftImg8bit.png", np.array([[0, 13, 13, 0]], np.uint8))
    found = evaluate(tmp_path, tmp_path / "predicted", cityscapes, "train")
    assert found.ok
    assert len(found.confusion.classes) == 19
    assert (found.confusion.pixel_accuracy, found.confusion.counts.sum()) == (2 / 3, 3)


def test_an_object_of_an_unknown_label_is_a_problem_of_its_frame(tmp_path: Path, write_polygons: Writer) -> None:
    write_polygons("gtFine/val/0/a_gtFine_polygons.json", [("road", SQUARE)])
    write_polygons("gtFine/val/0/b_gtFine_polygons.json", [("spaceship", SQUARE)])
    for name in "ab":
        save(tmp_path / f"predicted/0/{name}.png", np.zeros((12, 16), np.uint8))
    found = evaluate(tmp_path, tmp_path / "predicted", IDD, "level1")
    assert problems(found) == [("damaged", "val/0/b")]
    assert "spaceship" in str(found.problems[0])
    assert evaluate(tmp_path, tmp_path / "predicted", IDD, "level1", unknown="void").ok


def test_two_annotations_of_a_frame_count_in_their_split_alone(pairs: tuple[Path, Path]) -> None:
    root = pairs[0].parent.parent
    for split in ("train", "val"):
        for suffix in (".png", ".jpg"):
            save(root / f"leftImg8bit/{split}/4/c_image{suffix}", np.zeros((2, 2, 3), np.uint8))
    found = evaluate(root, pairs[1], IDD, "level1")
    assert [problem.path.parent for problem in found.problems] == [root / "leftImg8bit/val/4"]


def test_the_scores_are_the_same_with_workers(tmp_path: Path) -> None:
    truth, predicted = write_pairs(tmp_path, 5, count=310)
    steps: list[tuple[int, int]] = []
    alone = evaluate(truth, predicted, IDD, "level1", resolution=(9, 9))
    many = evaluate(
        truth, predicted, IDD, "level1", resolution=(9, 9), jobs=2, progress=lambda *step: steps.append(step)
    )
    assert (alone.confusion.counts == many.confusion.counts).all()
    assert json.dumps([frame.iou for frame in alone.frames]) == json.dumps([frame.iou for frame in many.frames])
    assert (alone.problems, alone.notes) == (many.problems, many.notes)
    assert steps[-1] == (310, 310)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"jobs": 0}, "0 jobs"),
        ({"resolution": (0, 5)}, "resolution"),
        ({"unknown": "perhaps"}, "perhaps"),
        ({"fill": "none"}, "none"),
    ],
)
def test_options_that_cannot_be_are_refused(pairs: tuple[Path, Path], options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        evaluate(*pairs, IDD, "level1", **options)


def test_where_nothing_can_be_scored_there_is_one_error(pairs: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FrameError, match="no prediction of any of the 2 frames; looked for such as 0/a_label.png"):
        evaluate(pairs[0], tmp_path / "empty", IDD, "level1")
    save(tmp_path / "other/0/a_gtFine_labellevel3Ids.png", np.zeros((4, 6), np.uint8))
    with pytest.raises(FrameError, match="0/a_gtFine_labellevel3Ids.png is of another level by its name"):
        evaluate(pairs[0], tmp_path / "other", IDD, "level1")
    save(tmp_path / "images/leftImg8bit/test/8/x_image.png", np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(FrameError, match="no frame has labels"):
        evaluate(tmp_path / "images", pairs[1], IDD, "level1")
