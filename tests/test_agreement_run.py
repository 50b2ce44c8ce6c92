from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from iddkit import frames, labels
from iddkit.agreement import Agreement, Resampling, agree
from iddkit.demo import write_dataset
from iddkit.errors import FrameError, LabelMapError, OptionError
from iddkit.groundtruth import make_plan, rasterize
from tests.conftest import Writer
from tests.test_metrics_scoring import save

IDD = labels.load("idd")
CITYSCAPES = labels.load("cityscapes")
FEW = Resampling(resamples=20)
SQUARE = [[2, 2], [9, 2], [9, 9], [2, 9]]
MOVED = [[3, 2], [10, 2], [10, 9], [3, 9]]


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Path, Path]:
    """Two frames of 6 x 4 pixels; in B a column of the second frame is another class, and one void."""
    for side in "AB":
        for name in ("0/a", "1/b"):
            pixels = np.array([[0, 0, 0, 1, 1, 6]] * 4, dtype=np.uint8)
            if side == "B" and name == "1/b":
                pixels[:, 2], pixels[:, 5] = 1, 255
            save(tmp_path / side / f"gtFine/val/{name}_label.png", pixels)
    return tmp_path / "A", tmp_path / "B"


def problems(found: Agreement) -> list[tuple[str, str]]:
    return [(problem.kind, problem.key) for problem in found.problems]


def value(found: Agreement, name: str) -> float:
    return found.finest.measures[name].value


def test_agreement_is_that_of_the_pixels_of_both_frames(sides: tuple[Path, Path]) -> None:
    found = agree(*sides, IDD)
    assert found.ok
    assert (found.finest.level, found.wanted, len(found.frames), found.matched_by) == ("level1", 2, 2, "key")
    assert value(found, "agreement_with_void") == 40 / 48
    assert value(found, "agreement") == 40 / 44
    assert found.finest.tally.iou()[:2].tolist() == [20 / 24, 16 / 20]
    assert found.finest.tally.counts[0, 1] == 4  # A's class 0 is B's class 1
    assert [(one.key, one.differing) for one in found.frames] == [("val/1/b", 8), ("val/0/a", 0)]


def test_exchanged_sides_have_the_same_measures_and_intervals(sides: tuple[Path, Path]) -> None:
    one, other = agree(*sides, IDD), agree(*sides[::-1], IDD)
    assert repr(one.finest.measures) == repr(other.finest.measures)  # as text, in which NaN is NaN
    assert np.array_equal(one.finest.tally.counts, other.finest.tally.counts.T)


def test_intervals_lie_between_the_frames_and_follow_the_seed(sides: tuple[Path, Path]) -> None:
    found = agree(*sides, IDD, resampling=FEW)
    its = found.finest.measures["agreement_with_void"]
    assert (its.low, its.high) == (16 / 24, 1)
    assert repr(agree(*sides, IDD, resampling=FEW).finest.measures) == repr(found.finest.measures)


def test_one_frame_has_no_interval_and_a_note_says_so(sides: tuple[Path, Path]) -> None:
    for side in sides:
        shutil.rmtree(side / "gtFine/val/0")
    found = agree(*sides, IDD)
    assert found.ok
    its = found.finest.measures["agreement"]
    assert (its.value, np.isnan(its.low), np.isnan(its.high)) == (16 / 20, True, True)
    assert "one frame: no interval over frames" in found.notes


def test_a_frame_of_one_side_is_a_problem_unless_only_the_common_ones_are_asked_for(sides: tuple[Path, Path]) -> None:
    a, b = sides
    (b / "gtFine/val/0/a_label.png").unlink()
    save(b / "gtFine/val/0/c_label.png", np.zeros((4, 6), np.uint8))
    found = agree(a, b, IDD)
    assert problems(found) == [("missing", "val/0/a"), ("missing", "val/0/c")]
    assert str(found.problems[0]) == f"{a}/gtFine/val/0/a_label.png: in A only, not in B"
    assert str(found.problems[1]) == f"{b}/gtFine/val/0/c_label.png: in B only, not in A"
    assert (found.wanted, len(found.frames)) == (3, 1)
    common = agree(a, b, IDD, common=True)
    assert common.ok
    assert common.wanted == 1
    assert common.notes[:2] == (
        "1 frames are in A only, the first val/0/a",
        "1 frames are in B only, the first val/0/c",
    )


def test_no_frame_in_common_is_an_error_that_names_one_of_each(sides: tuple[Path, Path]) -> None:
    a, b = sides
    shutil.rmtree(b / "gtFine/val")
    for name in ("c", "d"):
        save(b / f"gtFine/val/0/{name}_label.png", np.zeros((4, 6), np.uint8))
    with pytest.raises(FrameError, match="no frame in common.*2 frames of A, 2 of B.*val/0/a and val/0/c"):
        agree(a, b, IDD)


def test_a_damaged_file_is_a_problem_of_its_own_and_the_others_are_compared(sides: tuple[Path, Path]) -> None:
    for side in sides:
        file = side / "gtFine/val/0/a_label.png"
        whole = file.read_bytes()
        file.write_bytes(whole[:40])
        found = agree(*sides, IDD)
        assert problems(found) == [("damaged", "val/0/a")]
        assert str(found.problems[0]).startswith(f"{file}: ")
        assert len(found.frames) == 1
        file.write_bytes(whole)


def test_numbers_that_are_no_label_refuse_their_frame(sides: tuple[Path, Path]) -> None:
    save(sides[1] / "gtFine/val/0/a_label.png", np.full((4, 6), 77, np.uint8))
    found = agree(*sides, IDD)
    assert problems(found) == [("damaged", "val/0/a")]
    assert "24 pixels have the number 77" in found.problems[0].problem


def test_sizes_that_differ_are_a_problem(sides: tuple[Path, Path]) -> None:
    save(sides[1] / "gtFine/val/0/a_label.png", np.zeros((8, 12), np.uint8))
    found = agree(*sides, IDD)
    assert problems(found) == [("size", "val/0/a")]
    assert found.problems[0].problem == "12x8, and A's is 6x4"
    assert found.finest.tally.counts.sum() == 24


def test_without_any_frame_that_can_be_compared_there_is_no_score(sides: tuple[Path, Path]) -> None:
    for name in ("0/a", "1/b"):
        save(sides[1] / f"gtFine/val/{name}_label.png", np.zeros((2, 2), np.uint8))
    found = agree(*sides, IDD)
    assert (len(found.problems), len(found.frames)) == (2, 0)
    assert np.isnan(value(found, "agreement_with_void"))


def test_frames_that_are_void_alone_are_compared_with_void(sides: tuple[Path, Path]) -> None:
    for side in sides:
        for name in ("0/a", "1/b"):
            save(side / f"gtFine/val/{name}_label.png", np.full((4, 6), 255, np.uint8))
    found = agree(*sides, IDD)
    assert found.ok
    assert value(found, "agreement_with_void") == 1
    assert np.isnan(value(found, "agreement"))
    assert np.isnan(value(found, "mean_iou"))


def test_only_the_split_that_is_asked_for_is_compared(sides: tuple[Path, Path]) -> None:
    save(sides[0] / "gtFine/train/0/z_label.png", np.zeros((4, 6), np.uint8))
    assert problems(agree(*sides, IDD)) == [("missing", "train/0/z")]
    assert agree(*sides, IDD, split="val").ok
    with pytest.raises(FrameError, match="no frame of the split 'test' has labels; splits: train, val"):
        agree(*sides, IDD, split="test")


def test_the_same_files_are_noted(sides: tuple[Path, Path]) -> None:
    found = agree(sides[0], sides[0], IDD)
    assert value(found, "kappa") == 1
    assert "2 frames have the same file in A and B, the first val/0/a" in found.notes


def test_polygons_and_the_label_images_made_of_them_agree_wholly(tmp_path: Path) -> None:
    write_dataset(tmp_path / "polygons", drives=1, frames=2, size=(160, 90))
    rasterize(tmp_path / "polygons", tmp_path / "images", make_plan(IDD, ["level3"]))
    found = agree(tmp_path / "polygons", tmp_path / "images", IDD, resampling=FEW)
    assert found.ok
    assert [one.level for one in found.levels] == ["level3", "level2", "level1"]
    for one in found.levels:
        assert one.measures["agreement_with_void"].value == 1
        assert one.measures["mean_boundary_f1_1"].value == 1
    flat = tmp_path / "flat"
    flat.mkdir()
    for file in (tmp_path / "images").rglob("*level3Ids.png"):
        shutil.copy(file, flat / file.name.replace("_gtFine_labellevel3Ids", ""))
    index = frames.scan(tmp_path / "polygons")
    by_name = agree(index, flat, IDD, "level3", resampling=FEW, common=True)
    assert value(by_name, "agreement_with_void") == 1
    assert (by_name.matched_by, len(by_name.frames)) == ("name", 2)


def test_coarser_levels_are_those_of_the_same_pixels(tmp_path: Path) -> None:
    for side, seed in (("A", 0), ("B", 1)):
        pixels = np.random.default_rng(seed).integers(0, 26, (2, 40, 60), dtype=np.uint8)
        for name, image in zip("ab", pixels, strict=True):
            save(tmp_path / side / f"gtFine/val/0/{name}_gtFine_labellevel3Ids.png", image)
    found = agree(tmp_path / "A", tmp_path / "B", IDD, tolerances=[1], resampling=FEW)
    fine = found.finest.tally.counts
    for one in found.levels[1:]:
        assert one.tally.counts.sum() == fine.sum()
        assert np.trace(one.tally.counts) >= np.trace(fine)
    drawn = agree(tmp_path / "A", tmp_path / "B", IDD, "level1", tolerances=[1], resampling=FEW)
    for name in ("counts", "bands", "ends"):
        assert np.array_equal(getattr(drawn.finest.tally, name), getattr(found.levels[-1].tally, name))


def test_levels_of_both_sides_that_do_not_meet_are_an_error(tmp_path: Path) -> None:
    save(tmp_path / "A/gtFine/val/0/a_gtFine_labelcsTrainIds.png", np.zeros((4, 6), np.uint8))
    save(tmp_path / "B/gtFine/val/0/a_gtFine_labellevel1Ids.png", np.zeros((4, 6), np.uint8))
    with pytest.raises(OptionError, match="none in common"):
        agree(tmp_path / "A", tmp_path / "B", IDD)
    with pytest.raises(FrameError, match="labellevel1Ids.png: its labels are of level1, which cannot be turned into"):
        agree(tmp_path / "A", tmp_path / "B", IDD, "cs_train")


def test_two_single_files_of_different_kinds_are_compared(write_polygons: Writer, tmp_path: Path) -> None:
    a = write_polygons("A/one_gtFine_polygons.json", [("car", SQUARE)])
    b = write_polygons("B/other_gtFine_polygons.json", [("car", MOVED)])
    found = agree(a, b, IDD, "id")
    car = [category.name for category in found.finest.classes].index("car")
    assert found.matched_by == "being the only ones"
    assert found.notes[0] == "one and other were compared, as the only frame of each side"
    assert found.finest.tally.iou()[car] == 1  # what only one of them drew is void on the other side
    assert found.finest.measures["agreement_with_void"].value == (16 * 12 - 16) / (16 * 12)
    rasterize(b, tmp_path / "out", make_plan(IDD, ["id"]))
    (image,) = (tmp_path / "out").rglob("*_labelids.png")
    painted = agree(a, image, IDD, "id")
    assert painted.finest.measures["agreement_with_void"].value == (16 * 12 - 16) / (16 * 12)


def test_unknown_labels_are_refused_or_void(write_polygons: Writer) -> None:
    a = write_polygons("A/one_gtFine_polygons.json", [("car", SQUARE)])
    b = write_polygons("B/one_gtFine_polygons.json", [("spaceship", SQUARE)])
    found = agree(a, b, IDD)
    assert problems(found) == [("damaged", "one")]
    assert "spaceship" in found.problems[0].problem
    assert agree(a, b, IDD, unknown="void").ok


def test_worker_processes_give_the_same_as_none(tmp_path: Path) -> None:
    pixels: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 7, (2, 50, 8, 9), dtype=np.uint8)
    for side, images in zip("AB", pixels, strict=True):
        for number, image in enumerate(images):
            save(tmp_path / side / f"gtFine/val/0/{number}_label.png", image)
    steps: list[tuple[int, int]] = []
    sides = tmp_path / "A", tmp_path / "B"
    found = [
        agree(*sides, IDD, resampling=FEW, jobs=jobs, progress=lambda *step: steps.append(step)) for jobs in (1, 2)
    ]
    assert steps == [(done, 50) for done in range(1, 51)] * 2
    assert repr(found[0].finest.measures) == repr(found[1].finest.measures)
    assert [one.key for one in found[0].frames] == [one.key for one in found[1].frames]


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"jobs": 0}, "0 jobs"),
        ({"fill": "mine"}, "no fill rule 'mine'"),
        ({"unknown": "mine"}, "no way 'mine'"),
        ({"ratio": 0.0}, "boundary ratio of 0"),
        ({"tolerances": [-1]}, "tolerance of -1"),
        ({"resampling": Resampling(-1)}, "-1 resamples"),
        ({"resampling": Resampling(confidence=1)}, "confidence of 1"),
    ],
)
def test_options_that_cannot_be_are_refused(sides: tuple[Path, Path], wrong: dict[str, object], text: str) -> None:
    with pytest.raises(OptionError, match=text):
        agree(*sides, IDD, **wrong)  # type: ignore[arg-type]


def test_a_level_that_the_map_does_not_have_is_refused(sides: tuple[Path, Path]) -> None:
    with pytest.raises(LabelMapError, match="no level 'level9'"):
        agree(*sides, IDD, "level9")


def test_a_side_without_labels_is_refused(sides: tuple[Path, Path], tmp_path: Path) -> None:
    save(tmp_path / "bare/leftImg8bit/val/0/a_leftImg8bit.png", np.zeros((4, 6), np.uint8))
    with pytest.raises(FrameError, match="no frame has labels"):
        agree(sides[0], tmp_path / "bare", IDD)
    with pytest.raises(FrameError, match="no such file or folder"):
        agree(sides[0], tmp_path / "nowhere", IDD)


def test_cityscapes_is_compared_at_its_ids(tmp_path: Path) -> None:
    write_dataset(tmp_path / "A", drives=1, frames=1, size=(160, 90), label_map="cityscapes")
    found = agree(tmp_path / "A", tmp_path / "A", CITYSCAPES)
    assert [one.level for one in found.levels] == ["id", "category"]
    assert value(found, "agreement_with_void") == 1
