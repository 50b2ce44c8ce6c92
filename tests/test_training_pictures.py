from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")

from iddkit import images, labels
from iddkit.demo import write_dataset
from iddkit.errors import UserError
from iddkit.labels import VOID
from iddkit.metrics.resize import resize_nearest
from iddkit.statistics.columns import column_of_number
from iddkit.training import memory, pictures
from iddkit.training.dataset import LabelledData, open_dataset
from iddkit.training.pictures import Pictures
from iddkit.training.transforms import resize_image
from tests.training_data import image_path, label_path, open_small, write_small_dataset


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> LabelledData:
    return open_small(write_small_dataset(tmp_path_factory.mktemp("small"), ending=".png"))


def pictures_of(data: LabelledData, size: tuple[int, int], *, exact: bool = False) -> Pictures:
    return Pictures(data.index.root, data.train, data.reader, data.classes.level, size, exact=exact)


def test_a_picture_is_the_image_and_the_column_of_each_pixel(data: LabelledData) -> None:
    found = pictures_of(data, (64, 48))
    assert len(found) == 8
    for place, frame in enumerate(data.train):
        image, columns = found[place]
        assert frame.image is not None
        assert frame.labels is not None
        assert (image == images.read_rgb(data.index.root / frame.image)).all()
        # Of level1 the numbers are the columns.
        assert (columns == images.read_labels(data.index.root / frame.labels)).all()
        assert image.dtype == columns.dtype == np.uint8
        assert (columns == VOID).any()


@pytest.mark.parametrize(
    ("size", "kept"),
    [((64, 48), (64, 48)), ((32, 24), (64, 48)), ((31, 23), (62, 46)), ((16, 12), (32, 24)), ((8, 24), (64, 48))],
)
def test_images_are_shrunk_only_where_both_sides_are_beyond_twice_the_size(
    data: LabelledData, size: tuple[int, int], kept: tuple[int, int]
) -> None:
    whole, columns = pictures_of(data, (64, 48))[0]
    image, shrunk = pictures_of(data, size)[0]
    assert (image == resize_image(whole, kept)).all()
    assert (shrunk == images.resize_labels(columns, *kept)).all()


@pytest.mark.parametrize("size", [(64, 48), (33, 17), (100, 90)])
def test_to_validate_all_have_the_size_itself_by_the_official_rule(data: LabelledData, size: tuple[int, int]) -> None:
    whole, columns = pictures_of(data, (64, 48))[0]
    image, found = pictures_of(data, size, exact=True)[0]
    assert (image == resize_image(whole, size)).all()
    assert (found == resize_nearest(columns, *size)).all()


def test_finer_labels_fall_into_the_classes_of_the_level(tmp_path: Path) -> None:
    idd = labels.load("idd")
    root = write_small_dataset(tmp_path, train=1, val=1, ending=".png")
    lookup = np.array([next(one.id for one in idd if one.numbers["level1"] == n) for n in range(7)], dtype=np.uint8)
    coarse = {}
    for split in ("train", "val"):
        path = next((root / "gtFine" / split).rglob("*.png"))
        numbers = images.read_labels(path)
        coarse[split] = numbers
        path.write_bytes(images.encode_png(np.where(numbers == VOID, VOID, lookup[numbers % 7]).astype(np.uint8)))
    data = open_dataset(root, label_level="id", level="level1", size=(64, 48))
    assert (data.classes.level, len(data.classes)) == ("level1", 7)
    assert (pictures_of(data, (64, 48))[0][1] == coarse["train"]).all()


@pytest.mark.parametrize("exact", [False, True])
def test_ids_that_are_void_at_the_trained_level_are_void_in_training(tmp_path: Path, exact: bool) -> None:
    cityscapes = labels.load("cityscapes")
    root = write_small_dataset(tmp_path, train=1, val=1, ending=".png")
    ids = np.array(sorted(label.id for label in cityscapes if 0 <= label.id < VOID), dtype=np.uint8)
    numbers = np.resize(ids, (48, 64))
    for split in ("train", "val"):
        next((root / "gtFine" / split).rglob("*.png")).write_bytes(images.encode_png(numbers))
    data = open_dataset(root, label_map_name="cityscapes", label_level="id", level="train", size=(64, 48))
    assert len(data.classes) == 19
    # Of Cityscapes' train numbers the columns are the numbers, and parking, rail track, bridge ... have none.
    expected = cityscapes.lookup("train")[numbers]
    columns = pictures_of(data, (64, 48), exact=exact)[0][1]
    assert (columns == expected).all()
    assert set(np.unique(columns)) == {*range(19), VOID}


def test_polygons_are_labels_as_good_as_images(tmp_path: Path) -> None:
    root = tmp_path / "IDD"
    write_dataset(root, drives=4, frames=1, size=(160, 90))
    data = open_dataset(root, size=(64, 36))
    assert (data.classes.level, len(data.classes)) == ("level3", 26)
    assert (data.train_facts.frames, data.val_facts.frames) == (3, 1)
    image, columns = pictures_of(data, (64, 36))[0]
    assert image.shape == (72, 128, 3)
    assert columns.shape == (72, 128)
    source = data.reader.parse(
        (root / str(data.train[0].annotation)).read_bytes(), root / str(data.train[0].annotation), data.train[0]
    )
    idd = data.reader.label_map
    table = column_of_number(idd, "level3")[idd.lookup("level3")]
    expected = table[source.sample(128, 72)]
    assert (np.where(columns == VOID, 26, columns) == expected).all()


@pytest.mark.parametrize("exact", [False, True])
def test_without_memory_for_all_they_are_read_each_time_and_are_the_same(
    data: LabelledData, monkeypatch: pytest.MonkeyPatch, exact: bool
) -> None:
    kept = pictures_of(data, (32, 24), exact=exact)
    assert kept.keep_in_memory(2)
    bytes_of_all = 8 * kept[0][1].size * 4
    monkeypatch.setattr(pictures, "available_memory", lambda: 2 * bytes_of_all - 1)
    read = pictures_of(data, (32, 24), exact=exact)
    assert not read.keep_in_memory(2)
    for place in range(8):
        assert kept[place][0] is kept[place][0]
        assert read[place][0] is not read[place][0]
        assert all((one == other).all() for one, other in zip(kept[place], read[place], strict=True))
    monkeypatch.setattr(pictures, "available_memory", lambda: 2 * bytes_of_all)
    assert read.keep_in_memory(2)


def test_nothing_fits_into_memory_always(data: LabelledData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "available_memory", lambda: 0)
    assert Pictures(data.index.root, (), data.reader, "level1", (8, 8)).keep_in_memory()


def test_processes_share_the_memory(data: LabelledData, monkeypatch: pytest.MonkeyPatch) -> None:
    bytes_of_all = 8 * pictures_of(data, (32, 24))[0][1].size * 4
    monkeypatch.setattr(pictures, "available_memory", lambda: 3 * bytes_of_all)
    assert pictures_of(data, (32, 24)).keep_in_memory()
    assert not pictures_of(data, (32, 24)).keep_in_memory(processes=2)


def test_a_control_group_limits_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = memory.available_memory()
    assert whole > 2**20
    monkeypatch.setattr(memory, "_GROUP", tmp_path)
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("400000\n")
    assert memory.available_memory() == 600000
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.available_memory() > 2**20


def test_the_peak_of_memory_can_begin_anew() -> None:
    memory.reset_peak("cpu")
    before = memory.peak_memory("cpu")
    # From the system, not from what the process has freed and kept.
    with mmap.mmap(-1, 2**26) as held:
        held.write(b"1" * 2**26)
        peak = memory.peak_memory("cpu")
    memory.reset_peak("cpu")
    after = memory.peak_memory("cpu")
    if before is None or peak is None or after is None:
        assert not Path("/proc/self/status").exists()
        return
    assert peak - before > 2**25
    assert after <= peak


def test_a_file_that_is_damaged_meanwhile_is_named(tmp_path: Path) -> None:
    root = write_small_dataset(tmp_path, train=2, val=1)
    data = open_small(root)
    found = pictures_of(data, (32, 24))
    image_path(root, "train", "0", "frame0000").write_bytes(b"no image")
    with pytest.raises(UserError, match="frame0000_image"):
        found[0]
    with pytest.raises(UserError, match="frame0000_image"):
        found.keep_in_memory()
    label_path(root, "train", "0", "frame0001").unlink()
    with pytest.raises(UserError, match="frame0001_label"):
        found[1]
