from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from iddkit import images, labels
from iddkit.errors import FrameError, LabelMapError, OptionError, OutputError
from iddkit.groundtruth import Ledger, rasterize
from iddkit.groundtruth.plan import Plan, make_plan
from iddkit.journal import Journal
from iddkit.raster.scanline import fill_numpy
from tests.conftest import DATA, Writer

IDD, CITYSCAPES = labels.load("idd"), labels.load("cityscapes")
SQUARE = [[2, 2], [9, 2], [9, 9], [2, 9]]
CAR = [("road", SQUARE), ("car", [[4, 4], [6, 4], [6, 6]])]
ALL = make_plan(IDD, ["all"], instances=True, panoptic=True, color=True)


def read(path: Path) -> np.ndarray:
    return np.array(Image.open(path))


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder with its bytes."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def products(folder: Path) -> list[str]:
    """Return the files below a folder that are no source."""
    return [name for name in tree(folder) if not name.endswith(("_polygons.json", "_leftImg8bit.png"))]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Return a small IDD dataset: two drives of the training split, one of the validation split."""
    root = tmp_path / "idd"
    names = ["train/0/frame0029", "train/0/frame0300", "train/7/0003438", "val/12/frame0001"]
    for i, (name, source) in enumerate(zip(names, ["stress0", "stress1", "stress2", "stress3"], strict=True)):
        path = root / f"gtFine/{name}_gtFine_polygons.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(DATA / f"{source}_gtFine_polygons.json", path)
        image = root / f"leftImg8bit/{name}_leftImg8bit.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (131, 97), (i, i, i)).save(image)
    return root


def test_idd_products_have_their_published_names(dataset: Path) -> None:
    report = rasterize(dataset, plan=ALL)
    assert report.ok
    assert (report.done, report.images) == (4, 36)
    stem = "gtFine/val/12/frame0001_gtFine"
    expected = [f"{stem}_labelids.png", f"{stem}_labelColors.png", f"{stem}_instancelevel3Ids.png"]
    expected += [f"{stem}_labellevel{n}Ids.png" for n in (1, 2, 3, 4)] + [f"{stem}_labelcsTrainIds.png"]
    expected += ["gtFine/val_panoptic/12_frame0001_gtFine_panopticlevel3Ids.png", "gtFine/val_panoptic.json"]
    assert {name for name in products(dataset) if "val" in name} == set(expected)


def test_cityscapes_products_have_their_published_names(write_polygons: Writer, tmp_path: Path) -> None:
    stem = "gtFine/val/lindau/lindau_000001_000019_gtFine"
    write_polygons(f"{stem}_polygons.json", CAR)
    rasterize(tmp_path, plan=make_plan(CITYSCAPES, instances=True, panoptic=True, color=True))
    names = [f"{stem}{end}" for end in ("_color.png", "_instanceIds.png", "_labelIds.png", "_labelTrainIds.png")]
    panoptic = ["gtFine/cityscapes_panoptic_val.json"]
    panoptic += ["gtFine/cityscapes_panoptic_val/lindau_000001_000019_gtFine_panoptic.png"]
    assert sorted(products(tmp_path)) == sorted([*panoptic, *names, "rasterize.json"])
    assert read(tmp_path / names[2])[0, 0] == 0
    assert read(tmp_path / names[1])[5, 5] == 26000


def test_images_are_written_beside_the_polygons_or_mirror_the_tree(dataset: Path, tmp_path: Path) -> None:
    beside = rasterize(dataset)
    mirrored = rasterize(dataset, tmp_path / "out")
    assert (beside.done, mirrored.done) == (4, 4)
    below = tree(tmp_path / "out")
    assert sorted(below) == sorted(products(dataset))
    assert all(tree(dataset)[name] == content for name, content in below.items() if name.endswith(".png"))


def test_colour_is_the_palette_image_of_the_ids(dataset: Path) -> None:
    rasterize(dataset, plan=ALL)
    stem = dataset / "gtFine/train/0/frame0029_gtFine"
    color = Image.open(f"{stem}_labelColors.png")
    ids = read(Path(f"{stem}_labelids.png"))
    assert color.mode == "P"
    assert (np.array(color.convert("RGB")) == IDD.palette("id")[ids]).all()


@pytest.mark.peer
def test_without_color_there_is_no_colour_image(dataset: Path) -> None:
    # The peer's '--color False' switches colour on.
    rasterize(dataset, plan=make_plan(IDD, ["level3"]))
    assert [name for name in products(dataset) if "olor" in name] == []


def test_another_size_is_sampled_at_pixel_centres(dataset: Path, tmp_path: Path) -> None:
    rasterize(dataset, tmp_path / "full")
    rasterize(dataset, tmp_path / "small", make_plan(IDD, size=(40, 33)))
    name = "gtFine/train/7/0003438_gtFine_labellevel3Ids.png"
    small = images.resize_labels(images.read_labels(tmp_path / "full" / name).astype(np.uint8), 40, 33)
    assert (read(tmp_path / "small" / name) == small).all()


def test_workers_write_the_same_bytes_as_one_process(dataset: Path, tmp_path: Path) -> None:
    for i in range(20):
        shutil.copy(DATA / "scene_gtFine_polygons.json", dataset / f"gtFine/val/12/extra{i}_gtFine_polygons.json")
    one = rasterize(dataset, tmp_path / "one", ALL)
    two = rasterize(dataset, tmp_path / "two", ALL, jobs=2)
    assert (one.done, one.ledger) == (two.done, two.ledger) == (24, one.ledger)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_a_second_run_does_nothing(dataset: Path) -> None:
    first = rasterize(dataset, plan=ALL)
    before = tree(dataset)
    times = {p: p.stat().st_mtime_ns for p in dataset.rglob("*.png")}
    second = rasterize(dataset, plan=ALL)
    assert (second.done, second.skipped, second.failed) == (0, 4, 0)
    assert second.ledger == first.ledger
    assert tree(dataset) == before
    assert {p: p.stat().st_mtime_ns for p in dataset.rglob("*.png")} == times


def test_only_what_changed_is_made_again(dataset: Path) -> None:
    rasterize(dataset, plan=ALL)
    shutil.copy(DATA / "stress3_gtFine_polygons.json", dataset / "gtFine/train/0/frame0029_gtFine_polygons.json")
    (dataset / "gtFine/train/0/frame0300_gtFine_labelids.png").unlink()
    report = rasterize(dataset, plan=ALL)
    assert (report.done, report.skipped, report.failed) == (2, 2, 0)
    changed, same = (dataset / f"gtFine/{n}_gtFine_labelids.png" for n in ("train/0/frame0029", "val/12/frame0001"))
    assert changed.read_bytes() == same.read_bytes()
    segments = json.loads((dataset / "gtFine/train_panoptic.json").read_text())["annotations"]
    assert [a["file_name"][:11] for a in segments] == ["0_frame0029", "0_frame0300", "7_0003438_g"]


def test_more_levels_are_added_to_those_that_are_there(dataset: Path, tmp_path: Path) -> None:
    rasterize(dataset, tmp_path / "steps", make_plan(IDD, ["level3"]))
    second = rasterize(dataset, tmp_path / "steps", make_plan(IDD, ["level1"], panoptic_level="level3"))
    assert (second.done, second.failed) == (4, 0)
    again = rasterize(dataset, tmp_path / "steps", make_plan(IDD, ["level3", "level1"], panoptic_level="level3"))
    assert (again.done, again.skipped) == (0, 4)


def test_lost_segments_are_found_again(dataset: Path) -> None:
    rasterize(dataset, plan=ALL)
    before = tree(dataset)
    (dataset / "gtFine/train_panoptic.json").unlink()
    rasterize(dataset, plan=ALL)
    assert tree(dataset) == before


def test_a_file_of_somebody_else_is_not_overwritten(dataset: Path) -> None:
    theirs = dataset / "gtFine/train/0/frame0029_gtFine_labellevel1Ids.png"
    theirs.write_bytes(b"theirs")
    report = rasterize(dataset, plan=ALL)
    assert (report.done, report.failed) == (3, 1)
    assert "frame0029_gtFine_labellevel1Ids.png: is there already" in report.failures[0]
    assert theirs.read_bytes() == b"theirs"
    # Nothing of the frame is half written.
    assert [n for n in products(dataset) if "frame0029" in n] == ["gtFine/train/0/frame0029_gtFine_labellevel1Ids.png"]
    report = rasterize(dataset, plan=ALL, overwrite=True)
    assert report.ok
    assert theirs.read_bytes() != b"theirs"


def test_an_image_that_was_changed_by_hand_is_not_overwritten(dataset: Path) -> None:
    rasterize(dataset)
    ours = dataset / "gtFine/train/0/frame0029_gtFine_labellevel3Ids.png"
    ours.write_bytes(b"touched")
    report = rasterize(dataset)
    assert report.failed == 1
    assert "was changed since it was written" in report.failures[0]
    assert ours.read_bytes() == b"touched"


def test_another_fill_rule_does_not_replace_images_silently(dataset: Path) -> None:
    rasterize(dataset)
    before = tree(dataset)
    report = rasterize(dataset, plan=make_plan(IDD, fill="cityscapes"))
    assert report.failed == 4
    assert "painted otherwise (pillow); --overwrite" in report.failures[0]
    assert {n: c for n, c in tree(dataset).items() if n.endswith(".png")} == {
        n: c for n, c in before.items() if n.endswith(".png")
    }
    assert rasterize(dataset, plan=make_plan(IDD, fill="cityscapes"), overwrite=True).fills == {"cityscapes": 4}
    # The rule that is asked for by name is the one that is recorded: nothing to do.
    assert rasterize(dataset, plan=make_plan(IDD, fill="cityscapes")).skipped == 4


def test_another_label_map_or_size_does_not_replace_images_silently(dataset: Path) -> None:
    rasterize(dataset)
    with pytest.raises(OutputError, match="another size"):
        rasterize(dataset, plan=make_plan(IDD, size=(10, 10)))
    with pytest.raises(OutputError, match="another label_map"):
        rasterize(dataset, plan=make_plan(CITYSCAPES, unknown="skip"))
    assert rasterize(dataset, plan=make_plan(IDD, size=(10, 10)), overwrite=True).done == 4


def test_a_damaged_manifest_is_not_overwritten(dataset: Path) -> None:
    (dataset / "rasterize.json").write_text('{"frames": 3')
    with pytest.raises(OutputError, match="rasterize.json: not a manifest of iddkit"):
        rasterize(dataset)


def test_the_manifest_records_every_file_with_its_hash(dataset: Path, tmp_path: Path) -> None:
    from iddkit import files

    report = rasterize(dataset, tmp_path / "out", ALL)
    manifest = json.loads((tmp_path / "out" / "rasterize.json").read_text())
    assert report.manifest == tmp_path / "out" / "rasterize.json"
    assert sorted(manifest["frames"]) == [
        "train/0/frame0029",
        "train/0/frame0300",
        "train/7/0003438",
        "val/12/frame0001",
    ]
    recorded = dict(manifest["outputs"])
    for record in manifest["frames"].values():
        recorded |= record["outputs"]
        assert files.sha256((dataset / record["annotation"]).read_bytes()) == record["sha256"]
        assert record["fill"] == "pillow"
    written = tree(tmp_path / "out")
    del written["rasterize.json"]
    assert {name: files.sha256(content) for name, content in written.items()} == recorded


def test_drawn_hidden_and_dropped_are_the_polygons_of_the_files(write_polygons: Writer, tmp_path: Path) -> None:
    objects: list[Any] = [*CAR, ("sky", []), ("sky", SQUARE[:2]), ("car", [[50, 50], [60, 50], [60, 60]])]
    objects += [{"label": "person", "polygon": SQUARE, "deleted": 1}, ("bus", [[5, 5], [5, 5], [5, 5]])]
    objects += [("truck", SQUARE)]
    write_polygons(objects=objects)
    report = rasterize(tmp_path)
    assert report.ledger.to_json() == {
        "objects": 8,
        "drawn": 1,
        "hidden": 4,
        "dropped": {"deleted": 1, "fewer than 3 points": 1, "no points": 1},
    }


def test_ledgers_add_up() -> None:
    first, second = Ledger(5, 2, 1, {"deleted": 2}), Ledger(3, 0, 1, {"deleted": 1, "no points": 1})
    assert first + second == Ledger(8, 2, 2, {"deleted": 3, "no points": 1})
    assert Ledger.from_json((first + second).to_json()) == first + second


def broken_files(root: Path) -> dict[str, str]:
    """Write one bad file of each kind; return its name and what has to be said of it."""
    good = json.dumps({"imgWidth": 16, "imgHeight": 12, "objects": [{"label": "car", "polygon": SQUARE}]})
    one = '{"imgWidth": 16, "imgHeight": 12, "objects": [{"label": "road", "polygon": []}, %s]}'
    cases: dict[str, tuple[str | bytes, str]] = {
        "nan": (one % '{"label": "car", "polygon": [[1, 2], [NaN, 4], [5, 6]]}', "object 1: point 1: x is nan"),
        "huge": (one % '{"label": "car", "polygon": [[1, 2], [3, 1e300], [5, 6]]}', "object 1: point 1: y is 1e+300"),
        "text": (one % '{"label": "car", "polygon": [["1", 2], [3, 4], [5, 6]]}', "object 1: point 0: x is '1'"),
        "nolabel": (one % '{"polygon": [[1, 2], [3, 4], [5, 6]]}', "object 1: the key 'label' is missing"),
        "nopolygon": (one % '{"label": "car"}', "object 1: the key 'polygon' is missing"),
        "noobject": (one % "7", "object 1: not a JSON object"),
        "nowidth": ('{"imgHeight": 12, "objects": []}', "the key 'imgWidth' is missing"),
        "zero": ('{"imgWidth": 0, "imgHeight": 12, "objects": []}', "the width is 0"),
        "vast": ('{"imgWidth": 1000000000, "imgHeight": 12, "objects": []}', "larger than"),
        "truncated": (good[:-30], "not JSON"),
        "empty": ("", "the file is empty"),
        "latin": (good.replace("car", "v\xe4g").encode("latin-1"), "not UTF-8 at byte"),
        "other": ('{"version": 1}', "no annotation format that iddkit knows"),
        "unknown": (good.replace("car", "autoriksha"), "object 0: unknown label 'autoriksha', perhaps 'autorickshaw'"),
        "deep": ("[" * 100_000, "not an annotation: nested too deeply"),
        "size": (good, "the annotation is of an image of 16x12, size_leftImg8bit.png is 3x3"),
        "noimage": (good, "noimage_leftImg8bit.png: no image that can be read"),
    }
    for name, (content, _) in cases.items():
        path = root / f"gtFine/train/1/{name}_gtFine_polygons.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    pictures = root / "leftImg8bit/train/1"
    pictures.mkdir(parents=True)
    Image.new("RGB", (3, 3)).save(pictures / "size_leftImg8bit.png")
    (pictures / "noimage_leftImg8bit.png").write_bytes(b"no image")
    (root / "gtFine/train/1/folder_gtFine_polygons.json").mkdir()
    (root / "gtFine/train/1/link_gtFine_polygons.json").symlink_to("nowhere")
    said = {name: message for name, (_, message) in cases.items()}
    return said | {"folder": "folder", "link": "link"}


def test_each_bad_file_is_one_line_and_the_others_are_done(dataset: Path, tmp_path: Path) -> None:
    said = broken_files(dataset)
    report = rasterize(dataset, tmp_path / "out", ALL)
    assert (report.done, report.failed) == (4, len(said))
    assert len(report.failures) == len(said)
    for name, message in said.items():
        line = next(line for line in report.failures if f"/{name}_" in line)
        assert message in line, line
        assert "\n" not in line
    assert not [name for name in tree(tmp_path / "out") if "/train/1/" in name]


def test_duplicated_frame_keys_are_refused_and_the_others_done(tmp_path: Path) -> None:
    folder = tmp_path / "flat"
    folder.mkdir()
    for name in ("a.json", "b.json"):
        shutil.copy(DATA / "scene_gtFine_polygons.json", folder / name)
    (folder / "a.xml").write_text("<annotation><filename>a.jpg</filename></annotation>")
    report = rasterize(folder, tmp_path / "out")
    assert (report.done, report.failed) == (1, 1)
    assert "a.json" in report.failures[0] or "a.xml" in report.failures[0]
    assert sorted(tree(tmp_path / "out")) == ["b_gtFine_labellevel3Ids.png", "rasterize.json"]


def test_an_output_folder_that_cannot_be_written_is_one_line(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match="cannot be written"):
        rasterize(dataset, tmp_path / "out")


def test_a_full_disk_leaves_no_part_of_a_frame(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from iddkit import files

    write, left = files._write, [13]

    def fail_in_the_second_frame(path: Path, content: bytes) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise OSError(28, "No space left on device")
        write(path, content)

    monkeypatch.setattr(files, "_write", fail_in_the_second_frame)
    report = rasterize(dataset, tmp_path / "out", ALL)
    assert (report.done, report.failed) == (3, 1)
    assert "No space left on device" in report.failures[0]
    assert not [name for name in tree(tmp_path / "out") if "frame0300" in name]


def test_an_empty_folder_is_an_error_and_not_a_crash(tmp_path: Path) -> None:
    with pytest.raises(FrameError):
        rasterize(tmp_path)


def test_an_index_csv_is_a_source(dataset: Path, tmp_path: Path) -> None:
    from iddkit import frames

    index = frames.scan(dataset / "gtFine" / "val")
    frames.write_csv(index, dataset / "val.csv")
    report = rasterize(dataset / "val.csv", tmp_path / "out")
    assert (report.done, report.failed) == (1, 0)


def test_labelme_files_take_their_size_from_the_image(tmp_path: Path) -> None:
    points = "".join(f"<pt><x>\n{x}\n</x><y>\n{y}\n</y></pt>" for x, y in SQUARE)
    parts = f"<object><name>\ncar\n</name><deleted>0</deleted><polygon>{points}</polygon></object>"
    path = tmp_path / "Annotations/street/p1.xml"
    path.parent.mkdir(parents=True)
    path.write_text(f"<annotation><filename>p1.jpg</filename><folder>street</folder>{parts}</annotation>")
    report = rasterize(tmp_path, tmp_path / "out")
    assert "no image size in the file, and no image to take it from" in report.failures[0]
    (tmp_path / "Images/street").mkdir(parents=True)
    Image.new("RGB", (20, 10)).save(tmp_path / "Images/street/p1.jpg")
    assert rasterize(tmp_path, tmp_path / "out").ok
    drawn = read(tmp_path / "out/Annotations/street/p1_gtFine_labellevel3Ids.png")
    assert drawn.shape == (10, 20)
    assert drawn[5, 5] == 9


@pytest.mark.peer
def test_panoptic_files_are_what_coco_asks_for(dataset: Path) -> None:
    rasterize(dataset, plan=ALL)
    document = json.loads((dataset / "gtFine/train_panoptic.json").read_text())
    images_by_id = {image["id"]: image for image in document["images"]}
    assert len(images_by_id) == len(document["annotations"]) == 3
    known = {category["id"] for category in document["categories"]}
    for annotation in document["annotations"]:
        png = read(dataset / "gtFine/train_panoptic" / annotation["file_name"]).astype(np.int64)
        ids = png @ np.array([1, 256, 65536])
        assert (images_by_id[annotation["image_id"]]["width"], images_by_id[annotation["image_id"]]["height"]) == (
            131,
            97,
        )
        assert {s["id"] for s in annotation["segments_info"]} == set(np.unique(ids).tolist()) - {0}
        for segment in annotation["segments_info"]:
            assert segment["category_id"] in known
            assert segment["area"] == int((ids == segment["id"]).sum())


SCRIPT = """
import sys
from iddkit import labels
from iddkit.groundtruth import rasterize
from iddkit.groundtruth.plan import make_plan
if __name__ == "__main__":
    plan = make_plan(labels.load("idd"), ["all"], instances=True, panoptic=True, color=True)
    rasterize(sys.argv[1], sys.argv[2], plan, jobs=2, progress=lambda done, total: print(done, flush=True))
"""


def test_a_killed_run_that_is_started_again_ends_with_the_same_bytes(dataset: Path, tmp_path: Path) -> None:
    for i in range(60):
        shutil.copy(DATA / "stress1_gtFine_polygons.json", dataset / f"gtFine/val/12/extra{i}_gtFine_polygons.json")
    rasterize(dataset, tmp_path / "whole", ALL)
    script = tmp_path / "run.py"
    script.write_text(SCRIPT)
    out = tmp_path / "killed"
    command = [sys.executable, str(script), str(dataset), str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    for _ in range(10):
        assert process.stdout.readline()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    time.sleep(0.05)
    assert (out / "rasterize.jsonl").is_file()
    assert not (out / "rasterize.json").exists()
    report = rasterize(dataset, out, ALL)
    assert report.ok
    assert report.skipped >= 10
    assert report.done + report.skipped == 64
    assert tree(out) == tree(tmp_path / "whole")


def test_plans_follow_what_is_named() -> None:
    def suffixes(plan: Plan) -> list[str]:
        return [product.suffix for product in plan.products]

    assert suffixes(make_plan(IDD)) == ["_labellevel3Ids.png"]
    assert suffixes(make_plan(IDD, ["level2"], instances=True)) == ["_labellevel2Ids.png", "_instancelevel2Ids.png"]
    assert suffixes(make_plan(IDD, ["id"], instances=True)) == ["_labelids.png", "_instanceids.png"]
    assert suffixes(make_plan(IDD, ["all"], instances=True))[-1] == "_instancelevel3Ids.png"
    assert suffixes(make_plan(IDD, ["all"])).count("_labellevel3Ids.png") == 1
    assert suffixes(make_plan(IDD, ["csId"])) == ["_labelcsIds.png"]
    assert suffixes(make_plan(IDD, ["level1"], panoptic=True)) == ["_labellevel1Ids.png", "_panopticlevel1Ids.png"]
    assert suffixes(make_plan(IDD, ["level1", "level3"], panoptic=True))[-1] == "_panopticlevel3Ids.png"
    assert suffixes(make_plan(CITYSCAPES, ["category"])) == ["_labelCategoryIds.png"]


def test_plans_refuse_what_does_not_exist() -> None:
    with pytest.raises(LabelMapError, match="no level 'level7'"):
        make_plan(IDD, ["level7"])
    with pytest.raises(OptionError, match="no fill rule 'opencv'"):
        make_plan(IDD, fill="opencv")
    with pytest.raises(OptionError, match="no way 'guess'"):
        make_plan(IDD, unknown="guess")


@pytest.mark.peer
def test_train_ids_are_drawn(dataset: Path) -> None:
    # The peer's 'trainIds' encoding crashes.
    rasterize(dataset, plan=make_plan(IDD, ["csTrainIds"]))
    assert read(dataset / "gtFine/train/0/frame0029_gtFine_labelcsTrainIds.png").shape == (97, 131)


def test_without_a_compiler_the_same_bytes_are_written(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(IDD, ["all"], instances=True, panoptic=True, color=True, fill="cityscapes")
    rasterize(dataset, tmp_path / "as_built", plan)
    monkeypatch.setattr("iddkit.raster.scanline.fill", fill_numpy)
    rasterize(dataset, tmp_path / "numpy", plan)
    assert tree(tmp_path / "as_built") == tree(tmp_path / "numpy")


def test_images_of_other_levels_are_known_to_be_older_than_an_edited_annotation(dataset: Path) -> None:
    rasterize(dataset, plan=ALL)
    edited = dataset / "gtFine/train/0/frame0029_gtFine_polygons.json"
    shutil.copy(DATA / "stress3_gtFine_polygons.json", edited)
    report = rasterize(dataset, plan=make_plan(IDD, ["level3"]))
    assert (report.done, report.failed) == (1, 0)
    assert "8 images are of an older state of their frame" in report.warnings[-1]
    report = rasterize(dataset, plan=ALL)
    assert (report.done, report.failed, report.warnings) == (1, 0, [])
    fresh = rasterize(dataset, dataset.parent / "fresh", ALL)
    assert fresh.ok
    written = {name: content for name, content in tree(dataset.parent / "fresh").items() if name != "rasterize.json"}
    assert {name: (dataset / name).read_bytes() for name in written} == written


def test_another_rule_for_one_level_does_not_speak_for_the_others(dataset: Path) -> None:
    rasterize(dataset, plan=make_plan(IDD, ["level3", "level1"]))
    rasterize(dataset, plan=make_plan(IDD, ["level3"], fill="cityscapes"), overwrite=True)
    report = rasterize(dataset, plan=make_plan(IDD, ["level1"], fill="cityscapes"))
    assert (report.done, report.skipped, report.failed) == (4, 0, 0)
    rasterize(dataset, dataset.parent / "fresh", make_plan(IDD, ["level1"], fill="cityscapes"))
    name = "gtFine/train/0/frame0029_gtFine_labellevel1Ids.png"
    assert (dataset / name).read_bytes() == (dataset.parent / "fresh" / name).read_bytes()


def test_two_runs_at_once_do_not_share_a_folder(dataset: Path, tmp_path: Path) -> None:
    with Journal(tmp_path / "out" / "rasterize.jsonl"), pytest.raises(OutputError, match="another run is writing here"):
        rasterize(dataset, tmp_path / "out")
    assert rasterize(dataset, tmp_path / "out").ok
    assert not (tmp_path / "out" / "rasterize.jsonl").exists()


def test_two_frames_with_one_output_are_told_apart_or_refused(tmp_path: Path, write_polygons: Writer) -> None:
    write_polygons("gtFine/train/1/x_gtFine_polygons.json", CAR)
    write_polygons("gtFine/train/1/1_x_gtFine_polygons.json", CAR)
    report = rasterize(tmp_path, tmp_path / "out", make_plan(IDD, panoptic=True), overwrite=True)
    assert (report.done, report.failed) == (1, 1)
    assert "would be that of train/1/" in report.failures[0]


def test_a_table_cannot_lead_out_of_the_output_folder(tmp_path: Path, write_polygons: Writer) -> None:
    outside = write_polygons("outside/b_gtFine_polygons.json", CAR)
    (tmp_path / "index").mkdir()
    for row in (str(outside), "../outside/b_gtFine_polygons.json"):
        table = tmp_path / "index" / "index.csv"
        table.write_text(f"split,sequence,name,image,annotation,labels\n,,b,,{row},\n")
        with contextlib.suppress(FrameError):
            report = rasterize(table, tmp_path / "index" / "out")
            assert report.failed == 1
            assert "lies outside the dataset" in report.failures[0]
        assert [p.name for p in (tmp_path / "outside").iterdir()] == ["b_gtFine_polygons.json"]


def test_another_dataset_does_not_replace_images_silently(tmp_path: Path, write_polygons: Writer) -> None:
    first = write_polygons("a/f.json", CAR)
    second = write_polygons("b/f.json", [("sky", SQUARE)])
    assert rasterize(first, tmp_path / "out").ok
    report = rasterize(second, tmp_path / "out")
    assert "its images there are of another dataset" in report.failures[0]
    assert rasterize(first, tmp_path / "out").skipped == 1
    assert rasterize(second, tmp_path / "out", overwrite=True).done == 1


DAMAGED: list[Any] = [5, None, {}, [], "x", {"outputs": 3}, {"sha256": []}, {"ledger": None}, {"fill": {}}]


@pytest.mark.parametrize("damage", DAMAGED, ids=repr)
def test_a_damaged_record_is_as_good_as_none(dataset: Path, damage: Any) -> None:
    rasterize(dataset)
    before = tree(dataset)
    path = dataset / "rasterize.json"
    document = json.loads(path.read_text())
    record = document["frames"]["train/0/frame0029"]
    document["frames"]["train/0/frame0029"] = record | damage if isinstance(damage, dict) and damage else damage
    path.write_text(json.dumps(document))
    (dataset / "rasterize.jsonl").write_text('{"key": null}\n[]\n7\n{"settings": 1, "record": {}}\nnonsense')
    report = rasterize(dataset)
    assert (report.done, report.skipped, report.failed) == (1, 3, 0)
    assert tree(dataset) == before


def test_a_manifest_of_another_version_is_left_alone(dataset: Path) -> None:
    rasterize(dataset)
    path = dataset / "rasterize.json"
    path.write_text(path.read_text().replace("iddkit rasterize 1", "iddkit rasterize 9"))
    with pytest.raises(OutputError, match="another version of iddkit"):
        rasterize(dataset)


def test_each_record_keeps_the_versions_that_made_it(dataset: Path) -> None:
    rasterize(dataset)
    path = dataset / "rasterize.json"
    older = path.read_text().replace("pillow ", "pillow 0.")
    path.write_text(older)
    assert rasterize(dataset).skipped == 4
    assert path.read_text() == older


def test_frames_that_are_gone_are_forgotten(dataset: Path) -> None:
    rasterize(dataset, plan=ALL)
    (dataset / "gtFine/train/0/frame0029_gtFine_polygons.json").unlink()
    rasterize(dataset, plan=ALL)
    assert len(json.loads((dataset / "rasterize.json").read_text())["frames"]) == 3


def test_files_that_are_no_annotation_are_passed_over_in_a_folder(tmp_path: Path) -> None:
    shutil.copy(DATA / "scene_gtFine_polygons.json", tmp_path / "a.json")
    (tmp_path / "notes.json").write_text('{"todo": []}')
    report = rasterize(tmp_path)
    assert (report.done, report.failed) == (1, 0)
    assert any("notes.json: no annotation format" in note for note in report.notes)
    assert rasterize(tmp_path / "notes.json").failed == 1


def test_what_is_no_object_and_cannot_be_read_is_a_warning(tmp_path: Path) -> None:
    points = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in SQUARE)
    twice = f"<object><name>car</name><polygon>{points}</polygon><polygon>{points}</polygon></object>"
    size = "<imagesize><nrows>20</nrows><ncols>20</ncols></imagesize>"
    (tmp_path / "p.xml").write_text(f"<annotation><filename>p.jpg</filename>{twice}{size}</annotation>")
    report = rasterize(tmp_path)
    assert (report.done, report.failed) == (1, 0)
    assert len(report.warnings) == 1
    assert "p.xml: object 0" in report.warnings[0]


def test_frames_without_any_annotation_are_an_error(tmp_path: Path) -> None:
    Image.new("RGB", (3, 3)).save(tmp_path / "a.png")
    with pytest.raises(FrameError):
        rasterize(tmp_path)


@pytest.mark.parametrize("size", [(10**6, 10), (0, 5), (30_000, 20_000)])
def test_impossible_sizes_are_refused_before_the_work(size: tuple[int, int]) -> None:
    with pytest.raises(OptionError):
        make_plan(IDD, size=size)


def test_numbers_without_a_counterpart_are_no_class(tmp_path: Path, write_polygons: Writer) -> None:
    write_polygons(objects=[("autorickshaw", SQUARE), ("curb", [[0, 0], [1, 0], [1, 1]])])
    report = rasterize(tmp_path, plan=make_plan(IDD, ["cs"], instances=True, panoptic=True))
    assert report.ok
    assert read(tmp_path / "gtFine/train/0/frame0000_gtFine_instancecsIds.png")[5, 5] == 255
    document = json.loads((tmp_path / "gtFine/train_panoptic_cs.json").read_text())
    assert document["annotations"][0]["segments_info"] == []
