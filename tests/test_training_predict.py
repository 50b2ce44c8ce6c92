from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("lightning_fabric", reason="lightning-fabric is not installed")

import torch
from torch import Tensor, nn

from iddkit import frames, images, labels
from iddkit.errors import CheckpointError, FrameError, OptionError, OutputError, TrainingError
from iddkit.frames import Frame, Index
from iddkit.training import predict as module
from iddkit.training.checkpoint import Checkpoint, Classes
from iddkit.training.predict import predict, predict_batch
from iddkit.training.prediction_folder import JOURNAL, NAME, PredictionFolder
from iddkit.training.predictions import Settings, open_images
from iddkit.training.transforms import resize_image, to_tensor
from tests.tiny_networks import SIZE, photograph, save_checkpoint, write_photographs

LITE = [
    f"leftImg8bit/{split}/{drive}/{name}_image.jpg"
    for split, drive, name in (("train", "1", "a"), ("val", "2", "b"), ("val", "2", "c"), ("val", "3", "b"))
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("run") / "best.pt")


@pytest.fixture
def lite(tmp_path: Path) -> Path:
    return write_photographs(tmp_path / "lite", LITE)


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.png")}


def network_of(checkpoint: Path) -> nn.Module:
    return Checkpoint.load(checkpoint).network()


def test_a_batch_is_predicted_as_its_images_are_one_by_one(checkpoint: Path) -> None:
    network = network_of(checkpoint)
    batch = np.stack([photograph(seed, *SIZE) for seed in range(3)])
    found = predict_batch(network, batch)
    assert found.dtype == np.uint8
    assert found.shape == (3, SIZE[1], SIZE[0])
    with torch.inference_mode():
        alone = [network(to_tensor(batch[i : i + 1])).argmax(1)[0].numpy() for i in range(3)]
    assert np.mean(found == np.stack(alone)) > 0.999
    assert len(np.unique(found)) > 1


def test_logits_are_enlarged_before_the_largest_is_taken() -> None:
    class Wedge(nn.Module):
        """Two classes, whose logits cross in the middle of the image."""

        def __init__(self) -> None:
            super().__init__()
            self.sign = nn.Parameter(torch.ones(1))

        def forward(self, x: Tensor) -> Tensor:
            ramp = torch.linspace(-1.0, 1.1, x.shape[3]) * self.sign
            return torch.stack([ramp, -ramp]).expand(len(x), 2, -1)[:, :, None].expand(-1, -1, x.shape[2], -1)

    found = predict_batch(Wedge(), np.zeros((2, 4, 4, 3), np.uint8), (40, 8))
    assert found.shape == (2, 8, 40)
    # Of labels enlarged by themselves the edge would lie on a multiple of ten.
    assert np.flatnonzero(np.diff(found[0, 0].astype(int))).tolist() == [18]


def test_label_images_have_the_numbers_of_the_level_and_the_size_of_each_image(
    checkpoint: Path, tmp_path: Path
) -> None:
    write_photographs(tmp_path / "in", ["a.png"], 64, 40)
    write_photographs(tmp_path / "in", ["b.png", "c.png"], 33, 70)
    report = predict(checkpoint, open_images(tmp_path / "in"), tmp_path / "out")
    assert (report.done, report.skipped, report.failures, report.size) == (3, 0, (), SIZE)
    sizes = {name: images.read_size(tmp_path / "out" / f"{name}_label.png") for name in "abc"}
    assert sizes == {"a": (64, 40), "b": (33, 70), "c": (33, 70)}
    image = images.read_rgb(tmp_path / "in/c.png")
    expected = predict_batch(network_of(checkpoint), resize_image(image, SIZE)[None], (33, 70))[0]
    # Numbers of level1 are places.
    assert np.mean(images.read_labels(tmp_path / "out/c_label.png") == expected) > 0.999


def test_numbers_of_classes_are_written_and_not_their_places(checkpoint: Path, tmp_path: Path) -> None:
    found = Checkpoint.load(checkpoint)
    moved = replace(found.classes, numbers=tuple(10 + 3 * n for n in found.classes.numbers))
    other = save_checkpoint(tmp_path / "moved.pt", classes=moved)
    index = open_images(write_photographs(tmp_path / "in", ["a.png"]))
    predict(checkpoint, index, tmp_path / "plain")
    predict(other, index, tmp_path / "moved", Settings(color=True, overlay=True))
    plain, numbers = (images.read_labels(tmp_path / where / "a_label.png") for where in ("plain", "moved"))
    assert np.array_equal(numbers, 10 + 3 * plain)
    color = images.read_rgb(tmp_path / "moved/a_color.png")
    expected = np.array(moved.colors, dtype=np.uint8)[plain]
    assert np.array_equal(color, expected)
    overlay = images.read_rgb(tmp_path / "moved/a_overlay.png").astype(int)
    assert np.abs(2 * overlay - expected.astype(int) - photograph(0)).max() <= 1


def test_a_dataset_is_predicted_in_the_layout_of_the_leaderboard(checkpoint: Path, lite: Path, tmp_path: Path) -> None:
    report = predict(checkpoint, open_images(lite), tmp_path / "val", splits=["val"])
    assert report.done == 3
    assert set(files_of(tmp_path / "val")) == {"2/b_label.png", "2/c_label.png", "3/b_label.png"}
    predict(checkpoint, open_images(lite), tmp_path / "all")
    assert set(files_of(tmp_path / "all")) == {
        "train/1/a_label.png",
        "val/2/b_label.png",
        "val/2/c_label.png",
        "val/3/b_label.png",
    }


def test_predictions_are_found_by_the_evaluation(checkpoint: Path, lite: Path, tmp_path: Path) -> None:
    from iddkit.metrics.predictions import find_predictions

    index = frames.scan(lite)
    predict(checkpoint, index, tmp_path / "out", Settings(overlay=True, color=True))
    found = find_predictions(tmp_path / "out", index.frames, labels.load("idd"), "level1")
    assert len(found.files) == 4
    assert not found.missing
    assert not found.extra
    assert all(path.name.endswith("_label.png") for path in found.files.values())


def test_frames_of_idd_are_called_as_its_own_label_images_are(tmp_path: Path) -> None:
    write_photographs(tmp_path / "idd", ["leftImg8bit/val/7/f1_leftImg8bit.png"])
    fine = save_checkpoint(tmp_path / "fine.pt", level="level3")
    predict(fine, open_images(tmp_path / "idd"), tmp_path / "out")
    assert set(files_of(tmp_path / "out")) == {"7/f1_gtFine_labellevel3Ids.png"}


@pytest.mark.parametrize("given", ["folder/one_image.png", "index.csv", "folder"])
def test_images_come_as_a_file_a_table_or_a_folder(checkpoint: Path, tmp_path: Path, given: str) -> None:
    write_photographs(tmp_path / "folder", ["one_image.png"])
    table = Index(tmp_path / "folder", "flat", (Frame("", "", "one", image=Path("one_image.png")),))
    frames.write_csv(table, tmp_path / "index.csv")
    report = predict(checkpoint, open_images(tmp_path / given), tmp_path / "out")
    assert report.done == 1
    assert set(files_of(tmp_path / "out")) == {"one_label.png"}


def test_nested_folders_are_kept(checkpoint: Path, tmp_path: Path) -> None:
    write_photographs(tmp_path / "in", ["a/b/x.png", "a/x.png"])
    predict(checkpoint, open_images(tmp_path / "in"), tmp_path / "out")
    assert set(files_of(tmp_path / "out")) == {"a/b/x_label.png", "a/x_label.png"}


def test_one_bad_image_is_one_line_and_the_others_are_as_without_it(
    checkpoint: Path, lite: Path, tmp_path: Path
) -> None:
    index = open_images(lite)
    predict(checkpoint, index, tmp_path / "good")
    bad = lite / LITE[1]
    bad.write_bytes(bad.read_bytes()[:200])
    report = predict(checkpoint, index, tmp_path / "out")
    assert report.done == 3
    assert len(report.failures) == 1
    assert "b_image.jpg: no image that can be read" in report.failures[0]
    left = files_of(tmp_path / "good")
    del left["val/2/b_label.png"]
    assert files_of(tmp_path / "out") == left


def test_a_run_that_was_stopped_does_what_is_missing_to_the_same_bytes(
    checkpoint: Path, lite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, out = open_images(lite), tmp_path / "out"
    settings = Settings(batch=2, overlay=True)
    predict(checkpoint, index, out, settings)
    whole = files_of(out)
    (out / "val/2/b_label.png").unlink()
    computed: list[int] = []
    compute = module._compute

    def watch(network: nn.Module, batch: NDArray[np.uint8]) -> Tensor:
        computed.append(len(batch))
        return compute(network, batch)

    monkeypatch.setattr(module, "_compute", watch)
    report = predict(checkpoint, index, out, settings)
    assert (report.done, report.skipped, computed) == (2, 2, [2])
    assert files_of(out) == whole
    # Overlays that were not asked for before are drawn now.
    predict(checkpoint, index, out, replace(settings, color=True))
    assert len(files_of(out)) == 12


def test_length_of_batches_and_number_of_threads_do_not_matter(checkpoint: Path, lite: Path, tmp_path: Path) -> None:
    seen = []
    for number, (batch, threads) in enumerate(((8, 1), (3, 2))):
        predict(checkpoint, open_images(lite), tmp_path / str(number), Settings(batch=batch), threads=threads)
        seen.append(files_of(tmp_path / str(number)))
    assert seen[0] == seen[1]


def test_predictions_of_other_weights_or_sizes_are_not_mixed(checkpoint: Path, lite: Path, tmp_path: Path) -> None:
    index, out = open_images(lite), tmp_path / "out"
    predict(checkpoint, index, out)
    other = save_checkpoint(tmp_path / "other.pt", seed=1)
    before = files_of(out)
    with pytest.raises(OutputError, match="holds predictions of another checkpoint; --overwrite"):
        predict(other, index, out)
    with pytest.raises(OutputError, match="another size"):
        predict(checkpoint, index, out, Settings(size=(32, 32)))
    with pytest.raises(OutputError, match="another resolution"):
        predict(checkpoint, index, out, Settings(resolution=(32, 32)))
    with pytest.raises(OutputError, match="of other images"):
        predict(checkpoint, open_images(write_photographs(tmp_path / "elsewhere", LITE)), out)
    assert files_of(out) == before
    report = predict(other, index, out, overwrite=True)
    assert report.done == 4
    assert files_of(out) != before
    assert json.loads((out / NAME).read_text())["model"] == "essnet-dg8"


def test_a_frame_that_the_new_network_cannot_read_does_not_keep_the_old_prediction(
    checkpoint: Path, lite: Path, tmp_path: Path
) -> None:
    index, out = open_images(lite), tmp_path / "out"
    predict(checkpoint, index, out, Settings(overlay=True))
    (out / "val/2/notes.txt").write_text("mine")
    (lite / LITE[3]).write_bytes(b"no image")
    report = predict(save_checkpoint(tmp_path / "other.pt", seed=1), index, out, overwrite=True)
    assert (report.done, len(report.failures)) == (3, 1)
    assert set(files_of(out)) == {"train/1/a_label.png", "val/2/b_label.png", "val/2/c_label.png"}
    assert not (out / "val/3").exists()
    assert (out / "val/2/notes.txt").read_text() == "mine"
    assert set(json.loads((out / NAME).read_text())["files"]) == set(files_of(out))


@pytest.mark.parametrize(("first", "then"), [(["train"], ["val"]), ([], ["val"]), (["val"], [])])
def test_a_folder_holds_the_same_splits_always(
    checkpoint: Path, lite: Path, tmp_path: Path, first: list[str], then: list[str]
) -> None:
    index, out = open_images(lite), tmp_path / "out"
    predict(checkpoint, index, out, splits=first)
    before = files_of(out)
    with pytest.raises(OutputError, match="of other splits; --overwrite"):
        predict(checkpoint, index, out, splits=then)
    assert files_of(out) == before
    predict(checkpoint, index, out, splits=then, overwrite=True)
    predict(checkpoint, index, tmp_path / "alone", splits=then)
    assert files_of(out) == files_of(tmp_path / "alone")


def test_what_a_stopped_run_wrote_is_its_own_and_goes_with_another_checkpoint(
    checkpoint: Path, lite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, out, settings = open_images(lite), tmp_path / "out", Settings(batch=2)
    compute, calls = module._compute, [0]

    def stop(network: nn.Module, batch: NDArray[np.uint8]) -> Tensor:
        calls[0] += 1
        if calls[0] == 2:
            raise KeyboardInterrupt
        return compute(network, batch)

    monkeypatch.setattr(module, "_compute", stop)
    with pytest.raises(KeyboardInterrupt):
        predict(checkpoint, index, out, settings)
    monkeypatch.undo()
    assert json.loads((out / NAME).read_text())["files"] == {}
    assert (out / JOURNAL).is_file()
    halves = files_of(out)
    assert len(halves) == 2
    report = predict(checkpoint, index, out, settings)
    assert (report.done, report.skipped) == (2, 2)
    assert not (out / JOURNAL).exists()
    whole = files_of(out)
    predict(checkpoint, index, tmp_path / "whole", settings)
    assert whole == files_of(tmp_path / "whole")
    # Stopped again, while others were to replace them: nothing of the first is taken for theirs.
    calls[0] = 0
    monkeypatch.setattr(module, "_compute", stop)
    other = save_checkpoint(tmp_path / "other.pt", seed=1)
    with pytest.raises(KeyboardInterrupt):
        predict(other, index, out, settings, overwrite=True)
    monkeypatch.undo()
    assert len(files_of(out)) == 2
    with pytest.raises(OutputError, match="another checkpoint"):
        predict(checkpoint, index, out, settings)
    predict(other, index, out, settings)
    predict(other, index, tmp_path / "others", settings)
    assert files_of(out) == files_of(tmp_path / "others") != whole


def test_two_runs_never_write_one_folder(checkpoint: Path, lite: Path, tmp_path: Path) -> None:
    pytest.importorskip("fcntl", reason="this system has no locks")
    with (
        PredictionFolder(tmp_path / "out", {}),
        pytest.raises(OutputError, match="another run is writing here"),
    ):
        predict(checkpoint, open_images(lite), tmp_path / "out")


@pytest.mark.parametrize("files", [{"../a_label.png": "0" * 64}, {"a_label.png": 1}, [], {"/etc/x": "0" * 64}])
def test_a_damaged_record_removes_nothing(checkpoint: Path, tmp_path: Path, files: object) -> None:
    index, out = open_images(write_photographs(tmp_path / "in", ["a.png"])), tmp_path / "out"
    predict(checkpoint, index, out)
    (tmp_path / "a_label.png").write_bytes(b"mine")
    record = json.loads((out / NAME).read_text()) | {"files": files}
    (out / NAME).write_text(json.dumps(record))
    with pytest.raises(OutputError, match="a damaged record of predictions"):
        predict(checkpoint, index, out, overwrite=True)
    assert (tmp_path / "a_label.png").read_bytes() == b"mine"
    assert (out / "a_label.png").is_file()


def test_a_prediction_that_was_changed_since_is_of_someone_else(checkpoint: Path, tmp_path: Path) -> None:
    index, out = open_images(write_photographs(tmp_path / "in", ["a.png", "b.png"])), tmp_path / "out"
    predict(checkpoint, index, out)
    (out / "a_label.png").write_bytes(b"mine")
    for _ in range(2):
        report = predict(checkpoint, index, out)
        assert len(report.failures) == 1
        assert "a_label.png: is there already; --overwrite replaces it" in report.failures[0]
        assert (out / "a_label.png").read_bytes() == b"mine"
    assert predict(checkpoint, index, out, overwrite=True).failures == ()
    assert (out / "a_label.png").read_bytes() != b"mine"


def test_problems_of_other_splits_are_none_of_this_one(checkpoint: Path, lite: Path, tmp_path: Path) -> None:
    write_photographs(lite, [f"leftImg8bit/{split}/4/x_image{end}" for split in ("train",) for end in (".jpg", ".png")])
    assert predict(checkpoint, open_images(lite), tmp_path / "val", splits=["val"]).failures == ()
    report = predict(checkpoint, open_images(lite), tmp_path / "train", splits=["train"])
    assert len(report.failures) == 1
    assert "leftImg8bit/train/4" in report.failures[0]


def test_files_of_someone_else_are_not_replaced(checkpoint: Path, tmp_path: Path) -> None:
    index = open_images(write_photographs(tmp_path / "in", ["a.png", "b.png"]))
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a_label.png").write_bytes(b"mine")
    for done in (1, 0):  # every time alike
        report = predict(checkpoint, index, tmp_path / "out", Settings(batch=1))
        assert report.done == done
        assert "is there already; --overwrite replaces it" in report.failures[0]
        assert (tmp_path / "out/a_label.png").read_bytes() == b"mine"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / NAME).write_text("{}")
    with pytest.raises(OutputError, match="no record of predictions"):
        predict(checkpoint, index, tmp_path / "other")


def test_predictions_never_get_into_the_way_of_the_dataset(checkpoint: Path, lite: Path, tmp_path: Path) -> None:
    for out in (lite, lite.parent, lite / "gtFine/val"):
        with pytest.raises(OutputError, match="predictions need a folder of their own"):
            predict(checkpoint, open_images(lite), out)
    flat = write_photographs(tmp_path / "flat", ["a.png"])
    with pytest.raises(OutputError, match="lies among the images"):
        predict(checkpoint, open_images(flat), flat / "out")
    truth = flat / "x/a_label.png"
    truth.parent.mkdir()
    truth.write_bytes(b"truth")
    table = Index(flat, "table", (Frame("", "", "a", image=Path("a.png"), labels=Path("x/a_label.png")),))
    with pytest.raises(OutputError, match="a file of the dataset"):
        predict(checkpoint, table, flat / "x", overwrite=True)
    assert truth.read_bytes() == b"truth"


def write_manifest(root: Path, classes: Classes) -> None:
    plan = {"label_map": classes.label_map, "label_map_sha256": classes.sha256, "level": classes.level}
    from iddkit.subset.manifest import Manifest

    categories = dict(zip(classes.numbers, classes.names, strict=True))
    manifest = Manifest("1", "iddkit 1", "source", plan, categories, {}, {})
    (root / "manifest.json").write_bytes(manifest.encode())


def test_a_network_of_another_label_map_than_the_dataset_is_refused(
    checkpoint: Path, lite: Path, tmp_path: Path
) -> None:
    mine = Checkpoint.load(checkpoint).classes
    write_manifest(lite, replace(mine, label_map="cityscapes", sha256="0" * 64))
    with pytest.raises(
        CheckpointError, match=r"best\.pt: .*level1 of the map idd, the dataset's those of the map city"
    ):
        predict(checkpoint, open_images(lite), tmp_path / "out")
    write_manifest(lite, replace(mine, sha256="0" * 64, names=("asphalt", *mine.names[1:])))
    with pytest.raises(CheckpointError, match="where 0 is drivable; in the dataset it is asphalt"):
        predict(checkpoint, open_images(lite), tmp_path / "out")
    write_manifest(lite, Classes.of(labels.load("idd"), "level2"))
    report = predict(checkpoint, open_images(lite), tmp_path / "out")
    assert report.notes == ("predictions are of level1, the dataset's label images of level2",)
    write_manifest(lite, mine)
    assert predict(checkpoint, open_images(lite), tmp_path / "out").notes == ()


def test_what_cannot_be_used_is_said(checkpoint: Path, lite: Path, tmp_path: Path) -> None:
    index = open_images(lite)
    with pytest.raises(FrameError, match="no split test; splits: train, val"):
        predict(checkpoint, index, tmp_path / "out", splits=["test"])
    with pytest.raises(FrameError, match="no image to predict"):
        predict(checkpoint, Index(lite, "flat", (Frame("", "", "a", labels=Path("a.png")),)), tmp_path / "out")
    with pytest.raises(FrameError, match="no such file"):
        open_images(tmp_path / "gone.png")
    (tmp_path / "cut.pt").write_bytes(checkpoint.read_bytes()[:5000])
    with pytest.raises(CheckpointError, match=r"cut\.pt: not a checkpoint"):
        predict(tmp_path / "cut.pt", index, tmp_path / "out")
    weights = dict(Checkpoint.load(checkpoint).weights)
    weights.popitem()
    broken = save_checkpoint(tmp_path / "broken.pt", weights=weights)
    with pytest.raises(CheckpointError, match=r"broken\.pt: its weights are not those of essnet-dg8"):
        predict(broken, index, tmp_path / "out")
    if not torch.cuda.is_available():
        with pytest.raises(OptionError, match="no device cuda here"):
            predict(checkpoint, index, tmp_path / "out", device="cuda")
    assert not (tmp_path / "out").exists()


def test_too_little_memory_is_advice(
    checkpoint: Path, lite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 byte")

    monkeypatch.setattr(module, "_compute", fail)
    with pytest.raises(TrainingError, match="too little memory for 4 images at once: --batch-size"):
        predict(checkpoint, open_images(lite), tmp_path / "out")
    with pytest.raises(TrainingError, match="too little memory for 1 image: --size makes it smaller"):
        predict(checkpoint, open_images(lite), tmp_path / "out", Settings(batch=1))

    def break_down(*_: object) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(module, "_compute", break_down)
    with pytest.raises(RuntimeError, match="illegal"):
        predict(checkpoint, open_images(lite), tmp_path / "out")


def test_progress_ends_with_all_images(checkpoint: Path, lite: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    predict(checkpoint, open_images(lite), tmp_path / "out", Settings(batch=3), progress=lambda *at: seen.append(at))
    assert seen == [(3, 4), (4, 4)]
