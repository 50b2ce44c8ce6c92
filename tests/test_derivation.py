from __future__ import annotations

import shutil
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from iddkit import frames, labels
from iddkit.demo import write_dataset
from iddkit.derivation import derive, select
from iddkit.derivation.command import command_of
from iddkit.errors import OptionError, UserError
from iddkit.images import OutputSize
from iddkit.statistics import collect
from iddkit.subset import METHODS, SubsetPlan
from iddkit.subset.manifest import Manifest
from iddkit.subset.origin import numbering_of

IDD = labels.load("idd")
PLAN = SubsetPlan(factor=Fraction(3), longest_side=64, name="small")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset of four drives with four frames each, three drives to train and one to validate."""
    folder = tmp_path_factory.mktemp("source") / "IDD"
    write_dataset(folder, drives=4, frames=4, size=(160, 90))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_derived_dataset_holds_what_the_choice_was_made_of(dataset: Path, tmp_path: Path) -> None:
    derived = derive(dataset, tmp_path / "out", PLAN, report=False)
    assert derived.ok
    assert derived.chosen == {"train": (12, 4), "val": (4, 1)}
    assert (derived.built, derived.skipped, derived.failed) == (5, 0, 0)
    index = frames.scan(tmp_path / "out")
    label_map, level = numbering_of(index)
    counted = collect(index, label_map, level=level).table
    source = collect(dataset, IDD, output_size=OutputSize(longest_side=64)).table
    chosen = Manifest.load(tmp_path / "out").frames
    assert len(counted) == 5
    rows = np.array([i for i, frame in enumerate(source.frames) if frame.key in chosen])
    expected = source.rows(rows).statistics("level1", sampled=True)
    found = counted.statistics("level1")
    for values in ("pixels", "frames", "share_sum"):
        assert getattr(found, values).tolist() == getattr(expected, values).tolist()


def test_the_same_command_does_nothing_more_and_another_folder_gets_the_same_bytes(
    dataset: Path, tmp_path: Path
) -> None:
    derive(dataset, tmp_path / "one", PLAN, jobs=2)
    before = contents(tmp_path / "one")
    again = derive(dataset, tmp_path / "one", PLAN)
    assert (again.built, again.skipped) == (0, 5)
    assert contents(tmp_path / "one") == before
    derive(dataset, tmp_path / "two", PLAN, cache=tmp_path / "cache")
    assert contents(tmp_path / "two") == before
    assert {"report.html", "report.md", "manifest.json", "frames.csv", "DATASET_CARD.md", "croissant.json"} <= {*before}
    assert set(Manifest.load(tmp_path / "one").files) == {*before} - {"manifest.json"}


@pytest.mark.parametrize("method", METHODS)
def test_splits_and_drives_stay_apart(dataset: Path, method: str) -> None:
    counted = collect(dataset, IDD, output_size=PLAN.output_size, images=True)
    chosen = select(counted, SubsetPlan(factor=Fraction(2), method=method, seed=3))
    for split, rows in chosen.labelled.items():
        assert {counted.table.frames[row].split for row in rows} == {split}
    sides: dict[str, set[str]] = {}
    for frame in chosen.frames:
        sides.setdefault(frame.sequence, set()).add(frame.split)
    assert all(len(splits) == 1 for splits in sides.values())
    assert chosen.counts == {"train": (12, 6), "val": (4, 2)}


def test_counts_of_splits_go_before_the_factor_and_a_list_before_both(dataset: Path) -> None:
    counted = collect(dataset, IDD, output_size=PLAN.output_size, images=True)
    assert select(counted, SubsetPlan(factor=Fraction(2), counts={"train": 5})).counts["train"] == (12, 5)
    assert select(counted, SubsetPlan(counts={"val": 2})).counts == {"train": (12, 0), "val": (4, 2)}
    keys = ("train/2/frame0003", "val/3/frame0000")
    listed = select(counted, SubsetPlan(frames=(*keys, "train/9/gone")))
    assert tuple(frame.key for frame in listed.frames) == keys
    assert [line.partition(":")[0] for line in listed.missing] == ["train/9/gone"]
    with pytest.raises(OptionError, match="no split 'tset'"):
        select(counted, SubsetPlan(counts={"tset": 1}))
    with pytest.raises(OptionError, match="5 frames of val are asked for; it has 4"):
        select(counted, SubsetPlan(counts={"val": 5}))
    with pytest.raises(OptionError, match="factor 17 is larger than the dataset of 16 frames"):
        select(counted, SubsetPlan(factor=Fraction(17)))


def test_images_without_labels_come_along_where_that_is_asked_for(dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(dataset, tmp_path / "IDD")
    shutil.move(tmp_path / "IDD/leftImg8bit/val", tmp_path / "IDD/leftImg8bit/test")
    shutil.rmtree(tmp_path / "IDD/gtFine/val")
    plan = SubsetPlan(factor=Fraction(2), longest_side=64, unlabelled=True)
    derived = derive(tmp_path / "IDD", tmp_path / "out", plan, report=False)
    assert derived.chosen == {"train": (12, 6), "test": (4, 2)}
    assert len(list((tmp_path / "out/leftImg8bit/test").rglob("*.jpg"))) == 2
    assert not (tmp_path / "out/gtFine/test").exists()
    counted = collect(tmp_path / "IDD", IDD, output_size=PLAN.output_size, images=True)
    assert select(counted, PLAN).counts == {"train": (12, 4)}
    with pytest.raises(OptionError, match="the split test has no labels; --with-unlabelled"):
        select(counted, SubsetPlan(counts={"test": 2}))


def test_damaged_frames_are_named_and_left_out_of_the_choice(dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(dataset, tmp_path / "IDD")
    image = sorted((tmp_path / "IDD/leftImg8bit/train").rglob("*.jpg"))[0]
    image.write_bytes(image.read_bytes()[:900])
    polygons = sorted((tmp_path / "IDD/gtFine/train").rglob("*.json"))[-1]
    polygons.write_text("{")
    derived = derive(tmp_path / "IDD", tmp_path / "out", PLAN, report=False)
    assert not derived.ok
    assert (derived.failed, derived.chosen["train"]) == (2, (10, 3))
    assert len(derived.failures) == 2
    assert str(image) in derived.failures[0]
    assert str(polygons) in derived.failures[1]
    assert derived.evidence is not None
    assert len(derived.evidence.failures) == 2


def test_where_all_frames_are_taken_a_damaged_image_is_named_as_well(dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(dataset, tmp_path / "IDD")
    image = sorted((tmp_path / "IDD/leftImg8bit/train").rglob("*.jpg"))[0]
    image.write_bytes(image.read_bytes()[:900])
    derived = derive(tmp_path / "IDD", tmp_path / "out", SubsetPlan(factor=Fraction(1), longest_side=64), report=False)
    assert (derived.built, derived.failed) == (15, 1)
    assert str(image) in derived.failures[0]
    assert derived.evidence is not None
    assert [(split.frames, split.chosen) for split in derived.evidence.splits] == [(12, 11), (4, 4)]


def test_a_source_of_label_images_is_derived_from_as_well(dataset: Path, tmp_path: Path) -> None:
    first = SubsetPlan(factor=Fraction(2), longest_side=120, level="level2")
    derive(dataset, tmp_path / "mini", first, report=False)
    second = derive(
        tmp_path / "mini", tmp_path / "lite", PLAN, level=numbering_of(frames.scan(tmp_path / "mini")).level
    )
    assert second.ok
    assert second.chosen == {"train": (6, 2), "val": (2, 1)}
    for path in (tmp_path / "lite/gtFine").rglob("*_label.png"):
        assert np.array(Image.open(path)).shape == (36, 64)
    with pytest.raises(UserError, match="labels of id cannot be made of those of the source, which are of level2"):
        derive(tmp_path / "mini", tmp_path / "fine", SubsetPlan(factor=Fraction(2), level="id"), level="level2")


def test_the_command_of_a_plan_names_what_is_unusual() -> None:
    plan = SubsetPlan(factor=Fraction("3.9"), size=(320, 227), seed=7, cover_sequences=True, license="CC BY 4.0")
    assert command_of(plan) == (
        "iddkit subset SOURCE OUT --factor 39/10 --level level1 --size 320x227 --label-map idd --seed 7 "
        "--cover-all-sequences --license 'CC BY 4.0'"
    )
    listed = SubsetPlan(frames=("a",), factor=Fraction(2), image_format="png", quality=10)
    assert "--from FRAMES.csv --level level1 --label-map idd --image-format png" in command_of(listed)


def test_a_dataset_without_splits_becomes_one_to_train_with(tmp_path: Path) -> None:
    write_dataset(tmp_path / "Label Me", drives=2, frames=3, size=(96, 54), to="labelme-json")
    derived = derive(tmp_path / "Label Me", tmp_path / "out", SubsetPlan(factor=Fraction(3)), report=False)
    assert derived.chosen == {"": (6, 2)}
    assert derived.evidence is not None
    assert derived.evidence.chosen == 2
    assert len(list((tmp_path / "out/leftImg8bit/train").rglob("*_image.jpg"))) == 2


def test_a_derived_source_says_itself_at_which_level_its_labels_are(tmp_path: Path) -> None:
    # Numbers that level1 has, too: nothing but the manifest tells that 5 is a vehicle, not something far away.
    for number in (2, 5):
        folder = tmp_path / f"source/{{}}/train/{number}"
        image, label = (Path(str(folder).format(top)) for top in ("leftImg8bit", "gtFine"))
        image.mkdir(parents=True)
        label.mkdir(parents=True)
        Image.new("RGB", (8, 6)).save(image / "a_leftImg8bit.png")
        Image.new("L", (8, 6), number).save(label / "a_gtFine_labellevel2Ids.png")
    everything = SubsetPlan(factor=Fraction(1), level="level2")
    derive(tmp_path / "source", tmp_path / "mini", everything, report=False)
    derived = derive(tmp_path / "mini", tmp_path / "lite", SubsetPlan(factor=Fraction(1)), report=False)
    assert derived.ok
    for number in (2, 5):
        found = np.array(Image.open(tmp_path / f"lite/gtFine/train/{number}/a_label.png"))
        coarse = next(c for c in IDD.categories("level2") if c.number == number).labels[0].numbers["level1"]
        assert set(found.ravel().tolist()) == {coarse} != {number}
    assert Manifest.load(tmp_path / "lite").source_level == "level2"
    city = SubsetPlan(label_map=labels.load("cityscapes"), factor=Fraction(1), level="category")
    with pytest.raises(UserError):
        derive(tmp_path / "mini", tmp_path / "city", city, report=False)


def test_what_the_reports_say_of_failures_does_not_depend_on_where_the_folders_lie(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source, out = tmp_path / "n", tmp_path / "out"  # 'train/' ends with the name of the source and a slash
    shutil.copytree(dataset, source)
    broken = sorted((source / "gtFine/train").rglob("*.json"))[-1]
    broken.write_text("{")
    found = []
    for root, folder in ((source, out), (Path("n"), Path("out"))):
        evidence = derive(root, folder, PLAN, report=False).evidence
        assert evidence is not None
        assert [line.partition(":")[0] for line in evidence.failures] == [broken.relative_to(source).as_posix()]
        found.append(contents(out))
        shutil.rmtree(out)
    assert found[0] == found[1]
    assert not [path for path, content in found[0].items() if str(tmp_path).encode() in content]


def test_the_reason_is_said_where_no_frame_can_be_read(dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(dataset, tmp_path / "IDD")
    for path in (tmp_path / "IDD/gtFine").rglob("*_polygons.json"):
        path.write_text("{")
    with pytest.raises(UserError, match="no frame has labels that can be read; the first of 16 problems: .*: line 1"):
        derive(tmp_path / "IDD", tmp_path / "out", PLAN)


def test_what_is_shown_beside_is_looked_for_before_the_work(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The pages take their time.
    monkeypatch.setattr(sys.modules["iddkit.derivation.derive"], "_write_pages", lambda *_: None)
    with pytest.raises(UserError, match="no such file or folder"):
        derive(dataset, tmp_path / "out", PLAN, beside=[tmp_path / "none"])
    assert not (tmp_path / "out").exists()
    derive(dataset, tmp_path / "out", PLAN, report=False)
    with pytest.raises(OptionError, match="cannot be shown beside itself"):
        derive(dataset, tmp_path / "out", PLAN, beside=[tmp_path / "out" / "gtFine"])
    shutil.copytree(dataset / "leftImg8bit/val", tmp_path / "bare/leftImg8bit/test")
    derived = derive(dataset, tmp_path / "out", PLAN, beside=[tmp_path / "bare"])
    assert any("not shown beside, as no frame has labels" in note for note in derived.notes)


def test_a_dataset_of_no_frame_is_not_made(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no frame at all is asked for"):
        derive(dataset, tmp_path / "out", SubsetPlan(counts={"train": 0}))
    assert not (tmp_path / "out").exists()


def test_labels_can_be_those_of_a_numbering_for_training(tmp_path: Path) -> None:
    write_dataset(tmp_path / "city", drives=2, frames=2, size=(96, 54), label_map="cityscapes")
    plan = SubsetPlan(labels.load("cityscapes"), "train", Fraction(2), layout="cityscapes")
    derived = derive(tmp_path / "city", tmp_path / "out", plan, report=False)
    assert derived.ok
    assert derived.evidence is not None
    assert derived.evidence.splits[0].level("train").labels[0].name == "road"
    written = list((tmp_path / "out/gtFine").rglob("*_gtFine_labelTrainIds.png"))
    assert written
    assert {int(n) for path in written for n in np.unique(np.array(Image.open(path)))} <= {*range(19), 255}
