from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from iddkit import frames, images, labels
from iddkit.demo import write_dataset
from iddkit.errors import FrameError, ImageError, LabelMapError, OptionError, UserError
from iddkit.frames import Frame
from iddkit.groundtruth import make_plan, rasterize
from iddkit.images import OutputSize
from iddkit.statistics import Collection, classes, collect, decode, measure
from iddkit.statistics import cache as caches
from iddkit.statistics.lab import lab_axes
from iddkit.statistics.measure import cell_shares, count_cells
from iddkit.statistics.source import LabelReader, level_of, read_source
from iddkit.statistics.table import CELL_UNIT, CELLS, COLOR_UNIT, Sampled
from iddkit.statistics.thumbnail import average, measure_colors, read_thumbnail
from tests.conftest import Writer

IDD, CITYSCAPES = labels.load("idd"), labels.load("cityscapes")
SMALL = OutputSize(longest_side=50)
SQUARE = [[2, 2], [9, 2], [9, 9], [2, 9]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one dataset in many forms, none of which may be changed."""
    root = tmp_path_factory.mktemp("made")
    for to in ("cityscapes", "labelme-xml", "labelme-json"):
        write_dataset(root / to, drives=4, frames=3, size=(160, 90), to=to)
    rasterize(root / "cityscapes", root / "labels", make_plan(IDD, ["all"], instances=True, panoptic=True, color=True))
    shutil.copytree(root / "cityscapes" / "leftImg8bit", root / "labels" / "leftImg8bit")
    flat = root / "flat"
    flat.mkdir()
    for frame in frames.scan(root / "labels"):
        assert frame.image is not None
        assert frame.labels is not None
        name = f"{frame.split}{frame.sequence}{frame.name}"
        shutil.copy(root / "labels" / frame.labels, flat / f"{name}_gtFine_labelids.png")
        shutil.copy(root / "labels" / frame.image, flat / f"{name}.jpg")
        lite = root / "lite"
        for top, ending, source in (
            ("leftImg8bit", "_image.jpg", frame.image),
            ("gtFine", "_label.png", Path(str(frame.labels).replace("labelids", "labellevel1Ids"))),
        ):
            path = lite / top / frame.split / frame.sequence / f"{frame.name}{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / "labels" / source, path)
    return root


@pytest.fixture
def dataset(made: Path, tmp_path: Path) -> Path:
    """Return an IDD-lite dataset of 9 train and 3 val frames that can be changed."""
    return Path(shutil.copytree(made / "lite", tmp_path / "lite"))


def assert_same(one: Collection, other: Collection, *, but: tuple[str, ...] = ()) -> None:
    """Assert that two collections of equal frames hold the same, `but` for some arrays."""

    def values(collection: Collection) -> dict[str, Any]:
        table = collection.table
        found = {name: getattr(table, name) for name in ("level", "sizes", "pixels", "shapes", "bytes", "label_hashes")}
        found |= {"image_hashes": table.image_hashes, "frames": table.frames}
        found |= {f"sampled.{name}": value for name, value in (vars(table.sampled) if table.sampled else {}).items()}
        found |= {"unlabelled": collection.unlabelled, "colors": collection.unlabelled_colors}
        return found | {"failures": collection.failures, "notes": collection.notes}

    for name, value in values(one).items():
        if name not in but:
            assert np.array_equal(value, values(other)[name]), name


def sampled_of(collection: Collection) -> Sampled:
    assert collection.table.sampled is not None
    return collection.table.sampled


def shapes_of(collection: Collection) -> NDArray[np.int64]:
    assert collection.table.shapes is not None
    return collection.table.shapes


def test_every_form_of_a_dataset_holds_the_same_pixels(made: Path) -> None:
    whole = {
        form: collect(made / form, IDD, fill="pillow", images=True, output_size=SMALL)
        for form in ("cityscapes", "labelme-xml", "labelme-json", "labels", "flat", "lite")
    }
    assert {form: (c.table.level, len(c.table), c.read, c.failures) for form, c in whole.items()} == {
        form: ("level1" if form == "lite" else "id", 12, 12, ()) for form in whole
    }
    polygons = whole["cityscapes"]
    for level in ("id", "level3", "level1"):
        for sampled in (False, True):
            wanted = polygons.table.statistics(level, sampled=sampled)
            for form, found in whole.items():
                if level in found.table.levels():
                    assert found.table.statistics(level, sampled=sampled).pixels.tolist() == wanted.pixels.tolist(), (
                        form
                    )
                    assert found.table.statistics(level, sampled=sampled).frames.tolist() == wanted.frames.tolist()
    shapes = {form: None if c.table.shapes is None else int(c.table.shapes.sum()) for form, c in whole.items()}
    assert shapes["cityscapes"] == shapes["labelme-xml"] == shapes["labelme-json"] != 0
    assert [shapes[form] for form in ("labels", "flat", "lite")] == [None, None, None]
    for form in ("labels", "flat", "lite"):
        # The same JPEG files: the same colours.
        assert np.array_equal(sampled_of(whole[form]).colors, sampled_of(polygons).colors)


@pytest.mark.parametrize("level", ["id", "level4", "level3", "level2", "level1", "cs_train"])
def test_label_images_of_each_level_are_counted_as_the_polygons_are(made: Path, tmp_path: Path, level: str) -> None:
    rasterize(made / "cityscapes", tmp_path, make_plan(IDD, [level]))
    found = collect(tmp_path, IDD)
    assert found.table.level == level
    wanted = collect(made / "cityscapes", IDD).table.statistics(level)
    assert found.table.statistics(level).pixels.tolist() == wanted.pixels.tolist()
    assert found.table.statistics(level).share_sum.tolist() == wanted.share_sum.tolist()


def test_counts_are_those_of_numpy(made: Path) -> None:
    found = collect(made / "lite", IDD, output_size=SMALL)
    for row, frame in enumerate(found.table.frames):
        assert frame.labels is not None
        numbers = np.array(Image.open(made / "lite" / frame.labels))
        assert found.table.sizes[row].tolist() == [160, 90]
        assert found.table.pixels[row].tolist() == [int((numbers == n).sum()) for n in (*range(7), 255)]
        small = images.resize_labels(numbers, 50, 28)
        assert sampled_of(found).sizes[row].tolist() == [50, 28]
        assert sampled_of(found).pixels[row].tolist() == [int((small == n).sum()) for n in (*range(7), 255)]
        top_left = small[:7, :12]
        share = [int((top_left == n).sum()) * CELL_UNIT // top_left.size for n in range(7)]
        assert sampled_of(found).layout[row, 0].tolist() == share
        files = [made / "lite" / file for file in (frame.image, frame.labels) if file]
        assert found.table.bytes[row] == sum(file.stat().st_size for file in files)


def test_the_number_of_jobs_changes_nothing(dataset: Path, tmp_path: Path) -> None:
    (dataset / "gtFine/train/0/frame0001_label.png").write_bytes(b"damaged")
    (dataset / "gtFine/train/1/frame0000_label.png").unlink()
    seen: list[tuple[int, int]] = []
    settings: dict[str, Any] = {"output_size": SMALL, "images": True}
    one = collect(dataset, IDD, **settings)
    two = collect(dataset, IDD, **settings, jobs=2, progress=lambda done, total: seen.append((done, total)))
    assert_same(one, two)
    assert (len(one.table), len(one.unlabelled), len(one.failures)) == (10, 1, 1)
    assert seen == [(i + 1, 12) for i in range(12)]
    first = collect(dataset, IDD, **settings, jobs=2, cache=tmp_path / "cache")
    again = collect(dataset, IDD, **settings, jobs=2, cache=tmp_path / "cache")
    assert_same(one, first)
    assert_same(one, again)
    assert (first.read, again.read) == (11, 0)


# --- the cache --------------------------------------------------------------------------------------------------------


def forbid_pixels(patch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a pixel was read")

    patch.setattr(LabelReader, "parse", refuse)
    patch.setattr(measure, "read_thumbnail", refuse)


@pytest.mark.parametrize("form", ["cityscapes", "labelme-xml", "lite"])
@pytest.mark.parametrize("with_images", [False, True])
def test_a_second_run_reads_no_pixel(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, with_images: bool
) -> None:
    settings: dict[str, Any] = {"output_size": SMALL, "images": with_images, "cache": tmp_path}
    first = collect(made / form, IDD, **settings)
    assert first.read == 12
    forbid_pixels(monkeypatch)
    second = collect(made / form, IDD, **settings)
    assert second.read == 0
    assert_same(first, second)
    assert len(list(tmp_path.iterdir())) == 1


def test_only_what_changed_is_read_again(dataset: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"output_size": SMALL, "images": True, "cache": tmp_path / "cache"}
    collect(dataset, IDD, **settings)
    label, picture = dataset / "gtFine/train/0/frame0000_label.png", dataset / "leftImg8bit/val/3/frame0000_image.jpg"
    Image.fromarray(np.full((90, 160), 6, np.uint8)).save(label)
    Image.new("RGB", (160, 90), (9, 9, 9)).save(picture)
    found = collect(dataset, IDD, **settings)
    assert found.read == 2
    assert_same(found, collect(dataset, IDD, output_size=SMALL, images=True))
    assert found.table.pixels[0].tolist() == [0, 0, 0, 0, 0, 0, 160 * 90, 0]


def test_files_that_were_renamed_are_not_read_again(dataset: Path, tmp_path: Path) -> None:
    collect(dataset, IDD, cache=tmp_path / "cache")
    (dataset / "gtFine/train/0").rename(dataset / "gtFine/train/9")
    (dataset / "leftImg8bit/train/0").rename(dataset / "leftImg8bit/train/9")
    found = collect(dataset, IDD, cache=tmp_path / "cache")
    assert found.read == 0
    assert_same(found, collect(dataset, IDD))


def test_one_content_at_two_levels_is_two_rows(tmp_path: Path) -> None:
    for name in ("a_gtFine_labellevel3Ids.png", "b_gtFine_labellevel1Ids.png"):
        Image.fromarray(np.full((4, 4), 2, np.uint8)).save(tmp_path / name)
    first = collect(tmp_path, IDD, cache=tmp_path / "cache")
    assert first.table.level == "level1"
    # Sidewalk is non-drivable at level1; 2 at level1 are living things.
    assert first.table.pixels[:, :3].tolist() == [[0, 16, 0], [0, 0, 16]]
    again = collect(tmp_path, IDD, cache=tmp_path / "cache")
    assert again.read == 0
    assert_same(first, again)


def test_each_setting_has_its_own_rows(made: Path, tmp_path: Path) -> None:
    choices: list[dict[str, Any]] = [
        {},
        {"output_size": SMALL},
        {"output_size": OutputSize(size=(50, 28))},
        {"images": True},
        {"fill": "cityscapes"},
        {"unknown": "void"},
    ]
    for settings in choices:
        found = collect(made / "cityscapes", IDD, cache=tmp_path, **settings)
        assert found.read == 12, settings
        assert_same(found, collect(made / "cityscapes", IDD, **settings))
    for settings in choices:
        assert collect(made / "cityscapes", IDD, cache=tmp_path, **settings).read == 0, settings


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def write_text(path: Path) -> None:
    path.write_text("something else")


def write_foreign(path: Path) -> None:
    import pandas as pd

    pd.DataFrame({"a": [1, 2]}).to_parquet(path)


def write_empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut, write_text, write_foreign, write_empty])
def test_a_damaged_cache_is_ignored_and_replaced(made: Path, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    first = collect(made / "lite", IDD, cache=tmp_path)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    damage(path)
    second = collect(made / "lite", IDD, cache=tmp_path)
    assert second.read == 12
    assert_same(first, second)
    assert path.read_bytes() == whole
    assert collect(made / "lite", IDD, cache=tmp_path).read == 0


def test_no_wrong_byte_in_a_cache_is_a_wrong_count(made: Path, tmp_path: Path) -> None:
    first = collect(made / "lite", IDD, cache=tmp_path)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    read = []
    for place in range(0, len(whole), len(whole) // 40):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        found = collect(made / "lite", IDD, cache=tmp_path)
        read.append(found.read)
        assert_same(first, found)
    # Some bytes say nothing.
    assert set(read) == {0, 12}


def test_a_cache_that_cannot_be_written_is_a_note(made: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = collect(made / "lite", IDD, cache=tmp_path / "file")
    assert found.failures == ()
    assert "cannot be written" in found.notes[-1]
    assert_same(found, collect(made / "lite", IDD), but=("notes",))


def test_an_interrupted_run_keeps_what_it_measured(made: Path, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collect(made / "lite", IDD, cache=tmp_path, progress=interrupt)
    seen: list[int] = []
    assert collect(made / "lite", IDD, cache=tmp_path, progress=lambda done, total: seen.append(done)).read == 7
    assert seen == list(range(1, 13))


def test_rows_of_a_part_of_the_dataset_are_kept_but_not_without_end(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(part: str) -> int:
        return collect(dataset / part, IDD, cache=tmp_path / "cache").read

    assert (read("gtFine/train"), read("gtFine/val"), read(".")) == (9, 3, 0)
    monkeypatch.setattr(caches, "MOST_UNUSED", 2)
    Image.fromarray(np.zeros((90, 160), np.uint8)).save(dataset / "gtFine/val/3/frame0000_label.png")
    # Of ten rows that are not of this part, two are kept: the last of train, and that of the image before.
    assert (read("gtFine/val"), read(".")) == (1, 8)


def test_the_cache_of_the_user_lies_where_the_system_wants_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert caches.default_cache_folder().name == "iddkit"


# --- what is wrong with a frame ---------------------------------------------------------------------------------------


def test_each_bad_frame_is_one_line_and_the_others_are_counted(dataset: Path) -> None:
    def save(name: str, pixels: Any) -> None:
        Image.fromarray(np.asarray(pixels)).save(dataset / name)

    whole = (dataset / "gtFine/train/0/frame0001_label.png").read_bytes()
    (dataset / "gtFine/train/0/frame0001_label.png").write_bytes(whole[: len(whole) // 2])
    save("gtFine/train/0/frame0002_label.png", np.zeros((90, 160, 3), np.uint8))
    save("gtFine/train/1/frame0000_label.png", np.zeros((90, 160), np.uint16))
    strange = np.zeros((90, 160), np.uint8)
    strange[0, :5], strange[1, :7] = 7, 200
    save("gtFine/train/1/frame0001_label.png", strange)
    save("gtFine/train/1/frame0002_label.png", np.zeros((45, 160), np.uint8))
    picture = dataset / "leftImg8bit/val/3/frame0000_image.jpg"
    picture.write_bytes(picture.read_bytes()[:1500])
    (dataset / "leftImg8bit/val/3/frame0001_image.jpg").write_bytes(b"no image")
    (dataset / "gtFine/train/2/frame0000_label.png").unlink()
    (dataset / "gtFine/train/2/frame0000_label.png").mkdir()
    found = collect(dataset, IDD, images=True, output_size=SMALL)
    said = {
        "train/0/frame0001_label.png": "a damaged PNG file",
        "train/0/frame0002_label.png": "one channel of 8 bits, this one is RGB",
        "train/1/frame0000_label.png": "16 bits a pixel",
        "train/1/frame0001_label.png": "5 pixels have the number 7, which is no label of level1",
        "train/1/frame0002_label.png": "160x45, and its image is 160x90",
        "train/2/frame0000_label.png": "a folder, named like a file",
        "val/3/frame0000_image.jpg": "image file is truncated",
        "val/3/frame0001_image.jpg": "no image that can be read",
    }
    assert len(found.failures) == len(said)
    for name, problem in said.items():
        (line,) = (line for line in found.failures if f"/{name}: " in line)
        assert problem in line
        assert "\n" not in line
    assert [frame.key for frame in found.table.frames] == [
        *("train/0/frame0000", "train/2/frame0001", "train/2/frame0002", "val/3/frame0002")
    ]
    # Whose image is not looked at is not asked for it.
    assert len(collect(dataset, IDD).table) == 7


def test_an_unknown_label_fails_the_frame_and_names_the_nearest(write_polygons: Writer, tmp_path: Path) -> None:
    write_polygons("gtFine/train/0/a_gtFine_polygons.json", [("autoriksha", SQUARE), ("zebra", SQUARE)])
    write_polygons("gtFine/train/0/b_gtFine_polygons.json", [("car", SQUARE)])
    write_polygons("gtFine/train/0/c_gtFine_polygons.json", [("car", [["1", 2]])])
    found = collect(tmp_path, IDD)
    assert [line.partition("polygons.json: ")[2] for line in found.failures] == [
        "object 0: unknown label 'autoriksha', perhaps 'autorickshaw' (and 1 more such problems)",
        "object 0: point 0: x is '1', not a number",
    ]
    assert [frame.name for frame in found.table.frames] == ["b"]
    for unknown in ("void", "skip"):
        lenient = collect(tmp_path, IDD, unknown=unknown)
        assert [frame.name for frame in lenient.table.frames] == ["a", "b"]
        assert shapes_of(lenient)[0].tolist() == [0] * 35 + [2]
        # The background is void as well.
        assert lenient.table.pixels[0, -1] == 16 * 12


def test_shapes_are_counted_by_object(write_polygons: Writer, tmp_path: Path) -> None:
    objects = [("car", SQUARE), ("cargroup", SQUARE), ("polegroup", SQUARE), ("pole", []), ("__ignore__", SQUARE)]
    write_polygons(objects=[*objects, {"label": "car", "polygon": SQUARE, "deleted": 1}])
    shapes = [("car", 1), ("car", 1), ("car", 2), ("person", 1)]
    labelme = {
        "imagePath": "b.jpg",
        "imageWidth": 16,
        "imageHeight": 12,
        "shapes": [
            {"label": label, "points": SQUARE, "group_id": group, "shape_type": "polygon"} for label, group in shapes
        ],
    }
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "b.json").write_text(json.dumps(labelme))
    names = {category.labels[0].name: column for column, category in enumerate(classes(IDD, "id"))}
    first, second = (shapes_of(collect(path, IDD)) for path in (tmp_path / "gtFine", tmp_path / "flat"))
    assert {name: first[0, column] for name, column in names.items() if first[0, column]} == {
        "car": 2,
        "polegroup": 1,
        "pole": 1,
    }
    assert first[0, -1] == 1
    assert {name: second[0, column] for name, column in names.items() if second[0, column]} == {"car": 2, "person": 1}


def test_labels_that_are_never_drawn_are_void_shapes(write_polygons: Writer, tmp_path: Path) -> None:
    write_polygons(objects=[("license plate", SQUARE), ("car", SQUARE)])
    shapes = shapes_of(collect(tmp_path, CITYSCAPES))
    assert (int(shapes.sum()), int(shapes[0, -1])) == (2, 1)


def test_images_without_labels_are_kept_apart_with_their_colours(dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(dataset / "leftImg8bit/val", dataset / "leftImg8bit/test")
    (dataset / "leftImg8bit/test/3/frame0001_image.jpg").write_bytes(b"damaged")
    plain = collect(dataset, IDD)
    assert [frame.key for frame in plain.unlabelled] == [f"test/3/frame000{i}" for i in range(3)]
    assert plain.unlabelled_colors is None
    for _ in range(2):
        found = collect(dataset, IDD, images=True, output_size=SMALL, cache=tmp_path / "cache")
        assert [frame.key for frame in found.unlabelled] == ["test/3/frame0000", "test/3/frame0002"]
        assert found.unlabelled_colors is not None
        assert found.unlabelled_colors.tolist() == sampled_of(found).colors[[9, 11]].tolist()
        assert len(found.failures) == 1


def test_problems_of_the_index_are_failures_or_notes(dataset: Path) -> None:
    shutil.copy(dataset / "leftImg8bit/val/3/frame0000_image.jpg", dataset / "leftImg8bit/val/3/frame0000_image.png")
    (dataset / "leftImg8bit/val/3/frame0001_image.jpg").unlink()
    found = collect(dataset, IDD)
    assert len(found.failures) == 1
    assert "2 files for the frame val/3/frame0000" in found.failures[0]
    assert "no image such as" in found.notes[0]
    assert len(found.table) == 11
    assert not found.ok


def test_a_file_that_is_no_annotation_is_a_note_in_a_flat_folder(write_polygons: Writer, tmp_path: Path) -> None:
    write_polygons("a.json", [("car", SQUARE)])
    (tmp_path / "notes.json").write_text('{"todo": []}')
    found = collect(tmp_path, IDD)
    assert (len(found.table), found.failures) == (1, ())
    assert any("notes.json: no annotation format" in note for note in found.notes)
    assert collect(tmp_path / "notes.json", IDD).failures != ()


def test_polygons_take_their_size_from_the_image(write_polygons: Writer, tmp_path: Path) -> None:
    write_polygons("a.json", [("car", SQUARE)], size=(16, 12))
    Image.new("RGB", (12, 16)).save(tmp_path / "a.jpg")
    assert "the annotation is of an image of 16x12, a.jpg is 12x16" in collect(tmp_path, IDD).failures[0]
    # As it is displayed: a camera says that it was turned.
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (12, 16)).save(tmp_path / "a.jpg", exif=exif)
    for with_images in (False, True):
        found = collect(tmp_path, IDD, images=with_images, cache=tmp_path / "cache")
        assert (found.failures, found.read) == ((), 1)
    # Another image of another size: another row, although its content is not looked at.
    Image.new("RGB", (12, 16)).save(tmp_path / "a.jpg")
    assert collect(tmp_path, IDD, cache=tmp_path / "cache").failures != ()


def test_an_image_that_is_missing_fails_its_frame(dataset: Path) -> None:
    frames.write_csv(frames.scan(dataset), dataset / "index.csv")
    (dataset / "leftImg8bit/val/3/frame0001_image.jpg").unlink()
    for with_images in (False, True):
        found = collect(dataset / "index.csv", IDD, images=with_images)
        assert len(found.table) == 11
        assert "frame0001_image.jpg: cannot be read: No such file" in found.failures[0]


def test_what_cannot_be_done_at_all_is_an_error(made: Path, tmp_path: Path) -> None:
    cases: list[tuple[dict[str, Any], type[UserError]]] = [
        ({"jobs": 0}, OptionError),
        ({"fill": "opencv"}, OptionError),
        ({"unknown": "guess"}, OptionError),
        ({"level": "level9"}, LabelMapError),
    ]
    for settings, error in cases:
        with pytest.raises(error):
            collect(made / "lite", IDD, **settings)
    with pytest.raises(FrameError):
        collect(tmp_path / "nowhere", IDD)


def test_a_dataset_of_nothing_but_images_has_an_empty_table(dataset: Path) -> None:
    shutil.rmtree(dataset / "gtFine")
    found = collect(dataset, IDD, output_size=SMALL)
    assert (len(found.table), len(found.unlabelled), found.read) == (0, 12, 0)
    statistics = found.table.statistics("level1")
    assert (statistics.images, statistics.pixels.tolist()) == (0, [0] * 8)
    assert sampled_of(found).layout.shape == (0, 16, 35)


# --- levels -----------------------------------------------------------------------------------------------------------


def frame_of(name: str) -> Frame:
    return Frame("", "", "a", labels=Path(name))


@pytest.mark.parametrize(
    ("label_map", "name", "level"),
    [
        (IDD, "a_gtFine_labelids.png", "id"),
        (IDD, "a_gtFine_labellevel4Ids.png", "level4"),
        (IDD, "a_gtFine_labellevel1Ids.PNG", "level1"),
        (IDD, "a_gtFine_labelcsTrainIds.png", "cs_train"),
        (IDD, "a_label.png", "level1"),
        (IDD, "a_labellevel2Ids.png", "level2"),
        (CITYSCAPES, "a_gtFine_labelIds.png", "id"),
        (CITYSCAPES, "a_gtFine_labelTrainIds.png", "train"),
        (CITYSCAPES, "a_gtCoarse_labelTrainIds.png", "train"),
        (CITYSCAPES, "a_label.png", "category"),
    ],
)
def test_the_name_of_a_label_image_says_its_level(label_map: labels.LabelMap, name: str, level: str) -> None:
    assert level_of(frame_of(name), label_map) == level
    assert level_of(frame_of(name), label_map, "ids") == "id"
    assert level_of(Frame("", "", "a", None, Path("a.json"), Path(name)), label_map, "level1") == "id"


def test_a_name_that_says_no_level_needs_one_that_is_given(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 5), 3, np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "index.csv").write_text("name,labels\na,a.png\n")
    found = collect(tmp_path / "index.csv", IDD)
    assert "a.png: its name does not say of which level" in found.failures[0]
    found = collect(tmp_path / "index.csv", IDD, level="level1")
    assert found.table.pixels.tolist() == [[0, 0, 0, 20, 0, 0, 0, 0]]
    with pytest.raises(LabelMapError, match="has no level 'labellevel3Ids'"):
        level_of(frame_of("a_gtFine_labellevel3Ids.png"), CITYSCAPES)


def test_label_images_of_several_levels_are_counted_at_the_coarsest(made: Path, tmp_path: Path) -> None:
    plans = {"level3": "train", "level1": "val"}
    for level, split in plans.items():
        rasterize(made / "cityscapes" / "gtFine" / split, tmp_path, make_plan(IDD, [level]))
    found = collect(tmp_path, IDD, output_size=SMALL)
    assert (found.table.level, found.failures) == ("level1", ())
    wanted = collect(made / "lite", IDD, output_size=SMALL)
    assert found.table.pixels.tolist() == wanted.table.pixels.tolist()
    assert sampled_of(found).layout.tolist() == sampled_of(wanted).layout.tolist()


def test_polygons_beside_label_images_are_counted_at_the_level_of_those(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "cityscapes" / "gtFine" / "train", tmp_path / "gtFine" / "train")
    rasterize(made / "cityscapes" / "gtFine" / "val", tmp_path, make_plan(IDD, ["level3"]))
    (tmp_path / "rasterize.json").unlink()
    found = collect(tmp_path, IDD)
    assert found.table.level == "level3"
    wanted = collect(made / "cityscapes", IDD).table
    assert found.table.statistics("level3").pixels.tolist() == wanted.statistics("level3").pixels.tolist()
    train = wanted.rows(np.arange(9))
    assert found.table.statistics("level3").shapes.tolist() == train.statistics("level3").shapes.tolist()
    assert any("3 frames come as label images" in note for note in found.notes)


def test_levels_that_do_not_nest_leave_out_the_fewer_frames(made: Path, tmp_path: Path) -> None:
    for level, split in (("level3", "train"), ("level4", "val")):
        rasterize(made / "cityscapes" / "gtFine" / split, tmp_path, make_plan(IDD, [level]))
    found = collect(tmp_path, IDD)
    assert (found.table.level, len(found.table), len(found.failures)) == ("level3", 9, 3)
    assert "labellevel4Ids.png: its labels are of level4, which cannot be turned into level3" in found.failures[0]


# --- one source -------------------------------------------------------------------------------------------------------


def test_a_source_is_read_from_polygons_and_from_their_image_alike(made: Path) -> None:
    for frame, image in zip(frames.scan(made / "cityscapes"), frames.scan(made / "labels"), strict=True):
        drawn, read = read_source(made / "cityscapes", frame, IDD), read_source(made / "labels", image, IDD)
        assert (drawn.level, read.level) == ("id", "id")
        assert drawn.numbers.dtype == read.numbers.dtype == np.uint8
        assert np.array_equal(drawn.numbers, read.numbers)
        assert np.array_equal(drawn.counts, read.counts)
        assert drawn.painting is not None
        assert drawn.shapes is not None
        assert (read.painting, read.shapes) == (None, None)


def test_a_source_that_cannot_be_read_names_its_file(made: Path, tmp_path: Path) -> None:
    with pytest.raises(FrameError, match=r"a_label.png: cannot be read: No such file"):
        read_source(tmp_path, frame_of("a_label.png"), IDD)
    (tmp_path / "a_label.png").write_bytes(b"")
    with pytest.raises(ImageError, match=r"a_label.png: no image that can be read"):
        read_source(tmp_path, frame_of("a_label.png"), IDD)
    (tmp_path / "a_labellevel3Ids.png").write_bytes(b"")
    with pytest.raises(LabelMapError, match=r"a_labellevel3Ids.png: the label map cityscapes has no level"):
        read_source(tmp_path, frame_of("a_labellevel3Ids.png"), CITYSCAPES)


# --- cells and colours ------------------------------------------------------------------------------------------------


@given(st.data(), st.integers(1, 13), st.integers(1, 13), st.integers(0, 99))
def test_cells_hold_each_pixel_once(data: st.DataObject, height: int, width: int, seed: int) -> None:
    numbers = np.random.default_rng(seed).integers(0, 4, (height, width), dtype=np.uint8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode, "count", data.draw(st.sampled_from([decode.count, decode.count_pillow])))
        counted = count_cells(numbers)
    assert counted.sum(axis=0).tolist() == np.bincount(numbers.ravel(), minlength=256).tolist()
    cells = counted[:, :4]
    shares = cell_shares(cells)
    assert shares.dtype == np.uint16
    for row in range(CELLS):
        for column in range(CELLS):
            part = numbers[
                row * height // CELLS : (row + 1) * height // CELLS,
                column * width // CELLS : (column + 1) * width // CELLS,
            ]
            cell = row * CELLS + column
            assert cells[cell].tolist() == [(part == c).sum() for c in range(4)]
            assert shares[cell].tolist() == [int((part == c).sum()) * CELL_UNIT // max(part.size, 1) for c in range(3)]


@given(st.integers(1, 80), st.integers(1, 130), st.integers(0, 99))
def test_a_thumbnail_is_the_mean_of_whole_pixels(height: int, width: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    small = average(pixels, 36, 64)
    rows, columns = min(36, height), min(64, width)
    assert small.shape == (rows, columns, 3)
    i, j = seed % rows, seed % columns
    part = pixels[i * height // rows : (i + 1) * height // rows, j * width // columns : (j + 1) * width // columns]
    assert small[i, j].tolist() == (part.reshape(-1, 3).sum(axis=0, dtype=np.int64) // (part.size // 3)).tolist()


def test_axes_of_all_colours_are_those_of_opencv() -> None:
    for red in range(0, 256, 16):
        levels = (np.arange(red, red + 16), np.arange(256), np.arange(256))
        pixels = np.stack(np.meshgrid(*levels, indexing="ij"), axis=-1).astype(np.uint8).reshape(-1, 256, 3)
        found = np.stack(lab_axes(pixels), axis=-1)
        assert (found == cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)[:, :, 1:]).all()


def test_colours_are_the_same_on_every_machine() -> None:
    steps = np.arange(36 * 64 * 3, dtype=np.int64).reshape(36, 64, 3)
    found = measure_colors((steps * steps // 77 % 256).astype(np.uint8))
    assert found.tolist() == [31810, 12043, 12978, 1285, 1321]
    plain = measure_colors(np.full((36, 64, 3), 100, np.uint8))
    assert plain.tolist() == [100 * COLOR_UNIT, 0, 0, 0, 0]
    halves = np.zeros((2, 2, 3), np.uint8)
    halves[:, 1] = 200
    assert measure_colors(halves)[:3].tolist() == [100 * COLOR_UNIT, 100 * COLOR_UNIT, 100 * COLOR_UNIT]
    red = np.zeros((1, 1, 3), np.uint8)
    red[:, :, 0] = 255
    assert (measure_colors(red)[3:] > 60 * COLOR_UNIT).all()


def test_a_jpeg_is_measured_at_a_fraction_of_its_size(made: Path) -> None:
    image = next((made / "cityscapes" / "leftImg8bit").rglob("*.jpg"))
    whole = measure_colors(average(images.read_rgb(image), 36, 64))
    assert np.abs(measure_colors(read_thumbnail(image.read_bytes(), image)) - whole).max() < 2 * COLOR_UNIT


def test_a_damaged_png_has_no_thumbnail(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(path)
    content = bytearray(path.read_bytes())
    assert read_thumbnail(bytes(content), path).shape == (36, 50, 3)
    content[len(content) // 2] ^= 1
    with pytest.raises(ImageError, match="a damaged PNG file"):
        read_thumbnail(bytes(content), path)
