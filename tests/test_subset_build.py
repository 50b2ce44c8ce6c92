from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from iddkit import files, frames, images, labels, raster
from iddkit.demo import write_dataset
from iddkit.errors import LabelMapError, OptionError, OutputError
from iddkit.formats import read
from iddkit.frames import Frame, Index
from iddkit.groundtruth import make_plan, rasterize
from iddkit.subset import SubsetPlan
from iddkit.subset.build import build
from iddkit.subset.folder import JOURNAL, DatasetFolder
from iddkit.subset.frame import level_table
from iddkit.subset.manifest import Manifest
from iddkit.subset.verify import verify

IDD, CITYSCAPES = labels.load("idd"), labels.load("cityscapes")
LITE = SubsetPlan(factor=Fraction(10), longest_side=40, level="level1")


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder with its bytes."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def pixels(path: Path) -> np.ndarray:
    return np.array(Image.open(path))


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("source") / "idd"
    write_dataset(root, drives=4, frames=2, size=(160, 90))
    return root


@pytest.fixture
def source(pristine: Path, tmp_path: Path) -> Index:
    """Return a small IDD dataset of its own: 4 drives of 2 frames, polygons and JPEG images of 160x90."""
    shutil.copytree(pristine, tmp_path / "idd")
    return frames.scan(tmp_path / "idd")


def test_the_layout_is_that_of_the_published_idd_lite(source: Index, tmp_path: Path) -> None:
    built = build(source, source.root, tmp_path / "lite", LITE)
    assert (built.done, built.skipped, built.failed, built.written) == (8, 0, 0, 24)
    assert {name for name in tree(tmp_path / "lite") if "/3/" in name} == {
        f"{top}/val/3/frame000{i}{end}"
        for i in (0, 1)
        for top, end in (
            ("leftImg8bit", "_image.jpg"),
            ("gtFine", "_label.png"),
            ("gtFine", "_inst_label.png"),
        )
    }
    index = frames.scan(tmp_path / "lite")
    assert (index.layout, len(index), index.problems) == ("idd-lite", 8, ())
    assert [frame.key for frame in index] == [frame.key for frame in source]
    assert verify(tmp_path / "lite", source=source.root).ok


@pytest.mark.parametrize("label_map", [IDD, CITYSCAPES], ids=lambda m: m.name)
def test_the_cityscapes_layout_has_the_names_that_rasterize_gives(label_map: labels.LabelMap, tmp_path: Path) -> None:
    write_dataset(tmp_path / "source", drives=1, frames=1, size=(160, 90), label_map=label_map.name)
    source = frames.scan(tmp_path / "source")
    level = "level1" if label_map is IDD else "train"
    plan = replace(LITE, label_map=label_map, layout="cityscapes", level=level, image_format="png")
    assert build(source, source.root, tmp_path / "out", plan).ok
    rasterize(source, tmp_path / "full", make_plan(label_map, [level], instances=True))
    stem = (source.frames[0].image or Path()).as_posix().removesuffix(".jpg")
    expected = {name for name in tree(tmp_path / "full") if name.endswith(".png")} | {f"{stem}.png"}
    assert set(tree(tmp_path / "out")) == expected | {"manifest.json"}
    assert frames.scan(tmp_path / "out").frames[0].key == source.frames[0].key


def test_labels_and_instances_are_those_of_the_whole_size_under_the_pixel_centres(
    source: Index, tmp_path: Path
) -> None:
    build(source, source.root, tmp_path / "lite", replace(LITE, longest_side=None, size=(33, 47), level="level2"))
    frame = source.frames[5]
    annotation = read(source.root / (frame.annotation or Path())).annotation
    painting = raster.paint(annotation, IDD, "pillow")
    stem = tmp_path / "lite/gtFine" / frame.split / frame.sequence / frame.name
    whole = raster.level_image(painting, IDD, "level2")
    assert (pixels(Path(f"{stem}_label.png")) == images.resize_labels(whole, 33, 47)).all()
    instances = pixels(Path(f"{stem}_inst_label.png"))
    assert instances.dtype == np.uint16
    assert (instances == images.resize_labels(raster.instance_image(painting, IDD, "level2"), 33, 47)).all()
    assert (instances >= 1000).any()
    assert pixels(tmp_path / "lite/leftImg8bit" / frame.split / frame.sequence / f"{frame.name}_image.jpg").shape == (
        *(47, 33),
        3,
    )


def test_label_images_are_turned_to_the_level_by_lookup(source: Index, tmp_path: Path) -> None:
    rasterize(source, tmp_path / "labels", make_plan(IDD, ["level3"]))
    shutil.copytree(source.root / "leftImg8bit", tmp_path / "labels/leftImg8bit")
    index = frames.scan(tmp_path / "labels")
    assert index.frames[0].labels is not None
    build(index, index.root, tmp_path / "of_labels", LITE)
    build(source, source.root, tmp_path / "of_polygons", LITE)
    found, expected = tree(tmp_path / "of_labels"), tree(tmp_path / "of_polygons")
    assert not [name for name in found if "inst" in name]
    for name, content in found.items():
        if name != "manifest.json":
            assert content == expected[name]
    assert verify(tmp_path / "of_labels", source=index.root).ok


def test_the_level_of_label_images_can_be_said(tmp_path: Path) -> None:
    # A dataset in IDD-lite's layout at level2, as IDD-mini is: the names do not say it.
    path = tmp_path / "mini/gtFine/train/0/a_label.png"
    path.parent.mkdir(parents=True)
    Image.fromarray(np.array([[0, 1, 5, 15, 255]], dtype=np.uint8)).save(path)
    index = frames.scan(tmp_path / "mini")
    out = tmp_path / "out"
    assert build(index, index.root, out, LITE, source_level="level2").ok
    expected = level_table(IDD, "level2", "level1")[[0, 1, 5, 15, 255]]
    assert pixels(out / "gtFine/train/0/a_label.png")[0].tolist() == expected.tolist()
    assert Manifest.load(out).source_level == "level2"
    with pytest.raises(OutputError, match="another source level"):
        build(index, index.root, out, LITE, source_level="level1")


def test_a_level_that_does_not_nest_is_an_error_of_the_frame() -> None:
    with pytest.raises(LabelMapError, match="one number of it is several of level3"):
        level_table(IDD, "level4", "level3")
    assert level_table(IDD, "id", "id")[[0, 34, 254]].tolist() == [0, 34, IDD.void("id")]


def test_sources_without_splits_or_with_nested_folders_get_ones(tmp_path: Path) -> None:
    write_dataset(tmp_path / "lm", drives=1, frames=1, size=(64, 40), to="labelme-json")
    folder = tmp_path / "lm"
    shutil.copytree(folder / "0", folder / "a/b")
    for path in (folder / "0").iterdir():
        shutil.copy(path, folder)
    source = frames.scan(folder)
    assert sorted(frame.sequence for frame in source) == ["", "0", "a/b"]
    source = replace(source, frames=tuple(frame for frame in source if frame.sequence != "0"))
    assert build(source, folder, tmp_path / "out", LITE).ok
    assert {name for name in tree(tmp_path / "out") if "label" not in name} == {
        "manifest.json",
        "leftImg8bit/train/0/frame0000_image.jpg",
        "leftImg8bit/train/a-b/frame0000_image.jpg",
    }
    assert len(frames.scan(tmp_path / "out")) == 2


def test_frames_with_one_output_are_named_both_and_the_others_made(source: Index, tmp_path: Path) -> None:
    twin = replace(source.frames[0], split="", sequence="0", name=source.frames[0].name)
    mark = replace(source.frames[1], name="frame0000_inst")  # its label would be frame0000's instances
    built = build([*source, twin, mark], source.root, tmp_path / "lite", LITE)
    assert (built.done, built.failed) == (8, 2)
    assert (
        "0/frame0000: its file leftImg8bit/train/0/frame0000_image.jpg would be that of train/0/frame0000"
        in (built.failures[0])
    )
    assert "train/0/frame0000_inst: its file gtFine/train/0/frame0000_inst_label.png" in built.failures[1]
    assert verify(tmp_path / "lite").ok


@pytest.mark.parametrize("name", ["..", "a/b", ".hidden", "a\0b", "a\\b"])
def test_names_that_are_none_of_a_file_are_an_error(name: str, source: Index, tmp_path: Path) -> None:
    wrong = [replace(source.frames[0], name=name), replace(source.frames[1], split=name)]
    built = build([*wrong, source.frames[2]], source.root, tmp_path / "out", LITE)
    assert (built.done, built.failed) == (1, 2)
    assert all(line.endswith("cannot be part of a file's name") for line in built.failures)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["idd", "out"]


def test_source_files_outside_the_source_are_refused(source: Index, tmp_path: Path) -> None:
    frame = source.frames[0]
    assert frame.image is not None
    shutil.copy(source.root / frame.image, tmp_path / "outside.jpg")
    wrong = [replace(frame, image=Path("../outside.jpg")), replace(frame, name="b", image=tmp_path / "outside.jpg")]
    built = build(wrong, source.root, tmp_path / "out", LITE)
    assert built.failed == 2
    assert all("lies outside the dataset" in line for line in built.failures)


def test_frames_with_half_of_their_files_give_what_they_have(source: Index, tmp_path: Path) -> None:
    first, second, third = source.frames[:3]
    some = [replace(first, annotation=None), replace(second, image=None), Frame("train", "0", "nothing")]
    built = build([*some, third], source.root, tmp_path / "lite", LITE)
    assert (built.done, built.failed) == (3, 1)
    assert "nothing: neither an image nor labels" in built.failures[0]
    assert len(built.notes) == 1
    assert "labels without an image" in built.notes[0]
    names = set(tree(tmp_path / "lite"))
    assert {name for name in names if "frame0000" in name and "/0/" in name} == {f"leftImg8bit/{first.key}_image.jpg"}
    of_second = {name for name in names if "frame0001" in name}
    assert of_second == {f"gtFine/{second.key}_label.png", f"gtFine/{second.key}_inst_label.png"}
    assert verify(tmp_path / "lite", source=source.root).ok


def test_corrupt_files_fail_their_frame_and_the_others_are_made(source: Index, tmp_path: Path) -> None:
    paths = [source.root / (frame.image or Path()) for frame in source]
    paths[0].write_bytes(paths[0].read_bytes()[:-100])
    paths[1].write_bytes(b"")
    paths[2].unlink()
    (source.root / (source.frames[3].annotation or Path())).write_text('{"imgWidth": 1')
    Image.new("RGB", (30, 30)).save(paths[4])
    built = build(source, source.root, tmp_path / "lite", LITE)
    assert (built.done, built.failed, len(built.failures)) == (3, 5, 5)
    for line, frame, problem in zip(
        built.failures,
        source,
        ("no image that can be read", "no image", "cannot be read: No such file", "not JSON", "is of an image of"),
        strict=False,
    ):
        assert problem in line
        assert frame.name in line
        assert "\n" not in line
    assert len(frames.scan(tmp_path / "lite")) == 3
    assert verify(tmp_path / "lite", source=source.root).ok


def test_instances_that_cannot_be_numbered_are_left_out_with_a_note(source: Index, tmp_path: Path) -> None:
    # In Cityscapes' own numbers vehicles are 7 of 0 to 7; a map may as well give them the 0.
    header, *rows = ((Path(__file__).parents[1] / "label_maps" / "cityscapes.csv").read_text()).splitlines()
    column = header.split(",").index("category_id")
    path = tmp_path / "map.csv"
    lines = [header]
    for row in rows:
        cells = row.split(",")
        cells[column] = str((int(cells[column]) + 1) % 8)
        lines.append(",".join(cells))
    path.write_text("\n".join(lines) + "\n")
    write_dataset(tmp_path / "cs", drives=1, frames=1, size=(160, 90), label_map="cityscapes")
    index = frames.scan(tmp_path / "cs")
    built = build(index, index.root, tmp_path / "out", replace(LITE, label_map=labels.load(path), level="category"))
    assert built.ok
    assert "no instances: " in built.notes[0]
    assert not [name for name in tree(tmp_path / "out") if "inst" in name]


def test_a_second_run_makes_nothing(source: Index, tmp_path: Path) -> None:
    out = tmp_path / "lite"
    build(source, source.root, out, LITE)
    before, times = tree(out), {p: p.stat().st_mtime_ns for p in out.rglob("*.*") if p.name != "manifest.json"}
    again = build(source, source.root, out, LITE)
    assert (again.done, again.skipped, again.written) == (0, 8, 0)
    assert tree(out) == before
    assert {p: p.stat().st_mtime_ns for p in times} == times
    assert JOURNAL not in before


def test_what_is_missing_or_damaged_is_made_again(source: Index, tmp_path: Path) -> None:
    out = tmp_path / "lite"
    build(source, source.root, out, LITE)
    before = tree(out)
    (out / "gtFine/train/0/frame0000_label.png").unlink()
    damaged = out / "gtFine/train/1/frame0000_label.png"
    again = build(source, source.root, out, LITE)
    assert (again.done, again.skipped, again.failed, again.written) == (1, 7, 0, 1)
    damaged.write_bytes(b"changed")
    damaged_tree = tree(out)
    with pytest.raises(OutputError, match="frame0000_label.png: was changed since it was written; --overwrite"):
        build(source, source.root, out, LITE)
    assert tree(out) == damaged_tree  # its manifest, too: 'verify' still names the file and no other
    assert [finding.path.name for finding in verify(out).findings] == ["frame0000_label.png"]
    again = build(source, source.root, out, LITE, overwrite=True)
    assert (again.done, again.skipped, again.failed, again.written) == (1, 7, 0, 1)
    assert tree(out) == before


def test_a_changed_source_is_made_anew(source: Index, tmp_path: Path) -> None:
    out = tmp_path / "lite"
    build(source, source.root, out, LITE)
    path = source.root / (source.frames[0].image or Path())
    Image.new("RGB", (160, 90), (200, 10, 10)).save(path)
    assert not verify(out, source=source.root).ok
    again = build(source, source.root, out, LITE)
    assert (again.done, again.skipped) == (1, 7)
    assert verify(out, source=source.root).ok


def test_workers_write_the_same_bytes_as_one_process(source: Index, tmp_path: Path) -> None:
    many = [replace(frame, sequence=f"{frame.sequence}-{i}") for i in range(3) for frame in source]
    seen: list[tuple[int, int]] = []
    many[7:17:3] = [replace(frame, image=None) for frame in many[7:17:3]]
    one = build(many, source.root, tmp_path / "one", LITE)
    two = build(many, source.root, tmp_path / "two", LITE, jobs=2, progress=lambda *done: seen.append(done))
    assert (one.done, two.done) == (24, 24)
    assert len(one.notes) == 4
    assert one.notes == two.notes
    assert seen == [(i, 24) for i in range(1, 25)]
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_versions_that_decide_about_pixels_make_all_frames_anew(
    source: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "lite"
    monkeypatch.setattr("iddkit.subset.folder.made_by", lambda: "an older iddkit")
    build(source, source.root, out, LITE)
    assert Manifest.load(out).made_by == "an older iddkit"
    monkeypatch.undo()
    again = build(source, source.root, out, LITE)
    assert (again.done, again.skipped, again.written) == (8, 0, 0)
    assert Manifest.load(out).made_by != "an older iddkit"


def test_a_name_or_licence_is_no_other_dataset(source: Index, tmp_path: Path) -> None:
    build(source, source.root, tmp_path / "lite", LITE)
    again = build(source, source.root, tmp_path / "lite", replace(LITE, name="mine", license="CC-BY-4.0"))
    assert again.skipped == 8
    assert Manifest.load(tmp_path / "lite").plan["license"] == "CC-BY-4.0"


def test_another_plan_or_source_needs_overwrite_and_leaves_nothing_of_the_old(source: Index, tmp_path: Path) -> None:
    out = tmp_path / "lite"
    build(source, source.root, out, LITE)
    before = tree(out)
    other = replace(LITE, longest_side=50, layout="cityscapes")
    with pytest.raises(OutputError, match="was made with another longest side, layout; --overwrite replaces it"):
        build(source.frames[:3], source.root, out, other)
    shutil.copytree(source.root, tmp_path / "copy")
    with pytest.raises(OutputError, match="was made with another source"):
        build(source, tmp_path / "copy", out, LITE)
    assert tree(out) == before
    (out / "notes.txt").write_text("mine")
    built = build(source.frames[:3], source.root, out, other, overwrite=True)
    build(source.frames[:3], source.root, tmp_path / "fresh", other)
    assert built.done == 3
    fresh = tree(tmp_path / "fresh")
    assert tree(out) == fresh | {"notes.txt": b"mine"}
    assert not (out / "gtFine/val").exists()


def test_frames_that_are_no_longer_wanted_go_with_overwrite_only(source: Index, tmp_path: Path) -> None:
    out = tmp_path / "lite"
    build(source, source.root, out, LITE)
    with pytest.raises(OutputError, match="holds the frame val/3/frame0000 and 1 more, not wanted now"):
        build(source.frames[:6], source.root, out, LITE)
    changed = out / "gtFine/val/3/frame0001_label.png"
    changed.write_bytes(b"somebody's")
    built = build(source.frames[:6], source.root, out, LITE, overwrite=True)
    assert (built.skipped, built.done) == (6, 0)
    assert [p for p in tree(out) if "/val/" in p] == ["gtFine/val/3/frame0001_label.png"]
    assert "1 files of earlier runs were changed since, and stay" in built.notes[0]


def test_nothing_is_removed_while_frames_fail(source: Index, tmp_path: Path) -> None:
    out = tmp_path / "lite"
    build(source, source.root, out, LITE)
    before = tree(out)
    shutil.rmtree(source.root / "leftImg8bit")  # a disk that is not mounted
    built = build(source, source.root, out, LITE)
    assert built.failed == 8
    assert tree(out) == before  # and the manifest still says so
    built = build(source, source.root, out, replace(LITE, longest_side=20), overwrite=True)
    assert built.failed == 8
    assert set(tree(out)) == set(before)
    assert "24 files of earlier runs stay, as frames failed" in built.notes[0]


def test_files_that_iddkit_did_not_write_are_not_replaced(source: Index, tmp_path: Path) -> None:
    out = tmp_path / "lite"
    theirs = out / "leftImg8bit/train/0/frame0000_image.jpg"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"theirs")
    with pytest.raises(OutputError, match="leftImg8bit: lies here already, and not from this command"):
        build(source, source.root, out, LITE)
    assert tree(out) == {"leftImg8bit/train/0/frame0000_image.jpg": b"theirs"}
    shutil.rmtree(out)
    build(source.frames[2:], source.root, out, LITE)
    theirs.parent.mkdir()
    theirs.write_bytes(b"theirs")
    built = build(source, source.root, out, LITE)
    assert (built.done, built.skipped, built.failed) == (1, 6, 1)
    assert "is there already, and not from this run; --overwrite replaces it" in built.failures[0]
    assert theirs.read_bytes() == b"theirs"
    assert "gtFine/train/0/frame0000_label.png" not in tree(out)  # whole or not at all
    assert build(source, source.root, out, LITE, overwrite=True).ok
    assert verify(out).ok


def test_the_source_is_never_the_output(source: Index, tmp_path: Path) -> None:
    for out in (source.root, source.root / "gtFine" / "..", tmp_path):
        with pytest.raises(OutputError, match="holds the source"):
            build(source, source.root, out, LITE, overwrite=True)
    assert build(source, source.root, source.root / "lite", LITE).ok
    assert len(frames.scan(source.root)) == 8
    for folder in ("gtFine", "leftImg8bit/train"):
        with pytest.raises(OutputError, match="of the source; a derived dataset needs a folder of its own"):
            build(source, source.root, source.root / folder, LITE, overwrite=True)


def test_no_file_of_the_source_is_written_over(tmp_path: Path) -> None:
    # The root of an index need not be the folder in which its files lie as a dataset.
    image = tmp_path / "part/leftImg8bit/train/0/a_image.png"
    image.parent.mkdir(parents=True)
    Image.new("RGB", (8, 6)).save(image)
    before = tree(tmp_path)
    frame = Frame("train", "0", "a", image=image.relative_to(tmp_path))
    png = replace(LITE, image_format="png")
    for root in (tmp_path, tmp_path / "part" / ".."):
        built = build([frame], root, tmp_path / "part", png, overwrite=True)
        assert [line.partition(": ")[2] for line in built.failures] == [
            "its file leftImg8bit/train/0/a_image.png would be written over a file of the source"
        ]
        assert {path: tree(tmp_path)[path] for path in before} == before


def test_a_damaged_manifest_is_not_replaced(source: Index, tmp_path: Path) -> None:
    (tmp_path / "lite").mkdir()
    (tmp_path / "lite/manifest.json").write_text('{"format": "other"}')
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="manifest.json: not a manifest .* move it away to start again"):
            build(source, source.root, tmp_path / "lite", LITE, overwrite=overwrite)
    assert sorted(tree(tmp_path / "lite")) == ["manifest.json"]


def test_a_damaged_journal_is_passed_over(source: Index, tmp_path: Path) -> None:
    out = tmp_path / "lite"
    build(source, source.root, tmp_path / "whole", LITE)
    out.mkdir()
    hashes = {"a": "0" * 64}
    lines: list[Any] = [5, {}, {"files": 3}, {"files": {"../a": "0" * 64}}, {"files": {"a": 1}}]
    lines += [{"key": "k", "files": hashes, "record": 3}, {"state": 1, "key": [], "files": hashes}]
    (out / JOURNAL).write_text("\n".join(json.dumps(line) for line in lines) + '\n{"files": {"a"')
    assert build(source, source.root, out, LITE).done == 8
    assert tree(out) == tree(tmp_path / "whole")


def test_two_runs_at_once_do_not_share_a_folder(source: Index, tmp_path: Path) -> None:
    with (
        DatasetFolder(tmp_path / "lite", source.root, LITE),
        pytest.raises(OutputError, match="another run is writing"),
    ):
        build(source, source.root, tmp_path / "lite", LITE)
    assert build(source, source.root, tmp_path / "lite", LITE).ok


def test_reports_are_files_of_the_dataset(source: Index, tmp_path: Path) -> None:
    out = tmp_path / "lite"
    for _ in range(2):
        with DatasetFolder(out, source.root, LITE) as folder:
            assert folder.build(source).ok
            assert list(folder.records) == [frame.key for frame in source]
            for name in ("report.html", "croissant.json", "DATASET_CARD.md", "frames.csv", "figures/shares.png"):
                folder.write(name, name.encode())
            with pytest.raises(OutputError, match="is a file of the dataset already"):
                folder.write("gtFine/train/0/frame0000_label.png", b"")
            manifest = folder.finish({"shares": [0.25]})
        assert Manifest.load(out) == manifest
        assert manifest.numbers == {"shares": [0.25]}
    assert verify(out).ok
    index = frames.scan(out)
    assert (index.layout, len(index), index.problems) == ("idd-lite", 8, ())
    # A report that is no longer written goes; one that a user has changed stays.
    (out / "report.html").write_text("annotated")
    with pytest.raises(OutputError, match="report.html: was changed since"), DatasetFolder(out, source.root, LITE):
        pass
    with DatasetFolder(out, source.root, LITE, overwrite=True) as folder:
        folder.build(source)
        folder.finish()
    assert [finding.path.name for finding in verify(out).findings] == ["report.html"]
    assert not (out / "figures").exists()


def test_finish_needs_a_build(source: Index, tmp_path: Path) -> None:
    with DatasetFolder(tmp_path / "lite", source.root, LITE) as folder:
        with pytest.raises(ValueError, match="build comes before finish"):
            folder.finish()
        with pytest.raises(OptionError):
            folder.build(source, jobs=0)
    assert tree(tmp_path / "lite") == {}


def test_equal_datasets_have_equal_manifests_without_a_time(source: Index, tmp_path: Path) -> None:
    build(source, source.root, tmp_path / "one", LITE)
    for path in source.root.rglob("*"):
        os.utime(path, (10**9, 10**9))
    build(source, source.root, tmp_path / "two", LITE, jobs=2)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    manifest = Manifest.load(tmp_path / "one")
    assert manifest.source == "../idd"
    assert manifest.label_map == ("idd", IDD.sha256)
    assert manifest.files == {k: files.sha256(v) for k, v in tree(tmp_path / "one").items() if k != "manifest.json"}


SCRIPT = """
import os, signal, sys
from fractions import Fraction
from iddkit import files, frames
from iddkit.subset import SubsetPlan
from iddkit.subset.folder import DatasetFolder

source, out, after = sys.argv[1], sys.argv[2], int(sys.argv[3])
replace, left = os.replace, [after]

def count(one, other):
    # The process is killed in the middle of the files of a frame, of a report or of the manifest.
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    replace(one, other)

os.replace = count
index = frames.scan(source)
with DatasetFolder(out, index.root, SubsetPlan(factor=Fraction(10), longest_side=40, level="level1")) as folder:
    folder.build(index)
    folder.write("report.html", b"report")
    folder.finish({"n": 1})
"""


def test_a_run_that_is_killed_anywhere_and_started_again_ends_with_the_same_bytes(
    source: Index, tmp_path: Path
) -> None:
    script = tmp_path / "run.py"
    script.write_text(SCRIPT)
    index = replace(source, frames=source.frames[:3])
    for frame in source.frames[3:]:
        for path in (frame.image, frame.annotation):
            (source.root / (path or Path())).unlink()
    with DatasetFolder(tmp_path / "whole", index.root, LITE) as folder:
        folder.build(index)
        folder.write("report.html", b"report")
        folder.finish({"n": 1})
    out = tmp_path / "killed"
    for after in (0, 1, 4, 4, 1, 0):  # in the files of frames, twice before the report, twice before the manifest
        run = subprocess.run([sys.executable, str(script), str(source.root), str(out), str(after)], check=False)
        assert run.returncode == -signal.SIGKILL
        assert (out / JOURNAL).is_file()
    with DatasetFolder(out, index.root, LITE) as folder:
        built = folder.build(index)
        assert (built.done, built.skipped, built.written) == (0, 3, 0)
        folder.write("report.html", b"report")
        folder.finish({"n": 1})
    assert tree(out) == tree(tmp_path / "whole")


PARALLEL = """
import sys
from fractions import Fraction
from dataclasses import replace
from iddkit import frames
from iddkit.subset import SubsetPlan
from iddkit.subset.build import build

if __name__ == "__main__":
    index = frames.scan(sys.argv[1])
    many = [replace(frame, sequence=f"{frame.sequence}-{i}") for i in range(12) for frame in index]
    plan = SubsetPlan(factor=Fraction(10), longest_side=40, level="level1")
    build(many, index.root, sys.argv[2], plan, jobs=2, progress=lambda done, total: print(done, flush=True))
"""


def test_workers_that_are_killed_leave_no_trace_in_the_end(source: Index, tmp_path: Path) -> None:
    many = [replace(frame, sequence=f"{frame.sequence}-{i}") for i in range(12) for frame in source]
    build(many, source.root, tmp_path / "whole", LITE)
    script = tmp_path / "run.py"
    script.write_text(PARALLEL)
    out = tmp_path / "killed"
    for lines in (1, 40):
        command = [sys.executable, str(script), str(source.root), str(out)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
        assert process.stdout is not None
        for _ in range(lines):
            assert process.stdout.readline()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        time.sleep(0.05)
    built = build(many, source.root, out, LITE)
    assert built.skipped >= 40
    assert built.skipped + built.done == 96
    assert tree(out) == tree(tmp_path / "whole")


def test_a_full_disk_ends_the_run_with_one_line_and_no_half_frame(
    source: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "lite"
    write, left = files._write, [5]

    def fail_in_the_second_frame(path: Path, content: bytes) -> None:
        left[0] -= 1
        if left[0] < 0:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content[:7])
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, content)

    monkeypatch.setattr(files, "_write", fail_in_the_second_frame)
    with pytest.raises(OutputError, match="No space left on device; when there is room, start the same command again"):
        build(source, source.root, out, LITE)
    there = [name for name in tree(out) if name != JOURNAL]
    assert sorted(there) == sorted(f"{name}" for name in there if "0/frame0000" in name)
    assert len(there) == 3
    assert not list(out.rglob(f"{files.TEMPORARY_PREFIX}*"))
    monkeypatch.undo()
    built = build(source, source.root, out, LITE)
    assert (built.done, built.skipped) == (7, 1)
    build(source, source.root, tmp_path / "whole", LITE)
    assert tree(out) == tree(tmp_path / "whole")


def test_a_disk_that_is_really_full_is_one_line(source: Index, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    script = tmp_path / "run.py"
    script.write_text(PARALLEL.replace("jobs=2", "jobs=1"))
    inside = f"mount -t tmpfs -o size=128k none '{disk}' || exit 99; '{sys.executable}' '{script}' '{source.root}' \
        '{disk}/lite'; find '{disk}' -name '.iddkit-*'"
    if shutil.which("unshare") is None:
        pytest.skip("no unshare")
    run = subprocess.run(["unshare", "-rm", "sh", "-c", inside], capture_output=True, text=True, check=False)
    if run.returncode == 99 or "unshare" in run.stderr:
        pytest.skip("no mount without privileges")
    assert "OutputError" in run.stderr
    assert "No space left on device" in run.stderr.splitlines()[-1]
    assert "iddkit-" not in run.stdout
