from __future__ import annotations

import csv
import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("lightning_fabric", reason="Lightning Fabric is not installed")

from torch import nn  # noqa: E402

from iddkit import images, models  # noqa: E402
from iddkit.errors import OptionError, OutputError, RecipeError, TrainingError, UserError  # noqa: E402
from iddkit.models.grouping import GradualConv2d  # noqa: E402
from iddkit.runs import Epoch  # noqa: E402
from iddkit.training import loop, pictures  # noqa: E402
from iddkit.training.checkpoint import Checkpoint  # noqa: E402
from iddkit.training.dataset import LabelledData  # noqa: E402
from iddkit.training.device import start  # noqa: E402
from iddkit.training.feed import Feed  # noqa: E402
from iddkit.training.loop import train  # noqa: E402
from iddkit.training.optimizer import make_optimizer  # noqa: E402
from iddkit.training.phases import WHOLE, Lesson  # noqa: E402
from iddkit.training.pictures import Pictures  # noqa: E402
from iddkit.training.state import BUDGET, COMPLETE, EARLY_STOP, NO_LIMIT, Moment, Trained  # noqa: E402
from iddkit.training.validate import Validation, validate  # noqa: E402
from tests.training_data import label_path, make_recipe, open_small, write_small_dataset  # noqa: E402

SMALL = "essnetb-d"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> LabelledData:
    return open_small(write_small_dataset(tmp_path_factory.mktemp("small"), train=8, val=3))


def run(data: LabelledData, folder: Path, model: str = SMALL, **more: Any) -> Trained:
    options = {name: more.pop(name) for name in ("budget", "threads", "watch", "versions", "resume") if name in more}
    recipe = make_recipe(model, **more)
    return train(data, recipe, folder, start("cpu", precision=recipe.precision), **options)


def weights_of(folder: Path, name: str = "best.pt") -> dict[str, Any]:
    return dict(Checkpoint.load(folder / name).weights)


def equal(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_network_learns_one_batch_by_heart(data: LabelledData) -> None:
    recipe = make_recipe(SMALL, learning_rate=1e-2, flip=0.0, scale=(1.0, 1.0), jitter=0.0)
    few = Pictures(data.index.root, data.train[:4], data.reader, data.classes.level, (32, 24))
    feed = Feed(few, recipe, (32, 24))
    images, columns = feed.batch(0, 0, feed.order(0))
    torch.manual_seed(0)
    lesson = Lesson(models.build(SMALL, 7), None, WHOLE)
    for module in lesson.modules():
        if isinstance(module, nn.Dropout | nn.Dropout2d):
            module.p = 0.0
    optimizer = make_optimizer(lesson, recipe)
    losses = []
    for _ in range(80):
        loss = lesson(images, columns)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 1.5
    assert losses[-1] < 0.1


def test_training_learns_what_it_was_not_shown(data: LabelledData, tmp_path: Path) -> None:
    trained = run(data, tmp_path, epochs=24, learning_rate=1e-2, schedule="one-cycle", validate_every=6)
    scores = [epoch.mean_iou for epoch in trained.epochs if epoch.mean_iou is not None]
    assert len(scores) == 4
    assert trained.finished == COMPLETE
    assert max(scores) > 0.25 > scores[0]
    assert trained.epochs[-1].loss < 0.8 * trained.epochs[0].loss
    # The best one was kept, and scores what the log says.
    best = Checkpoint.load(tmp_path)
    assert best.epoch == trained.best_epoch == trained.epochs[trained.best_epoch - 1].number
    assert best.mean_iou == max(scores)
    unseen = Pictures(data.index.root, data.val, data.reader, "level1", data.size, exact=True)
    found = validate(best.network(), unseen, data.classes.names)
    assert found.confusion.mean_iou == pytest.approx(max(scores), abs=1e-12)
    assert len(found.frames) == len(data.val)


def test_what_is_kept_says_what_it_is_of(data: LabelledData, tmp_path: Path) -> None:
    moments: list[Moment] = []
    trained = run(data, tmp_path, epochs=2, batch_size=3, watch=moments.append, versions={"iddkit": "1"})
    assert {path.name for path in tmp_path.iterdir()} >= {"best.pt", "last.pt", "log.csv"}
    best, last = (Checkpoint.load(tmp_path / name) for name in ("best.pt", "last.pt"))
    for checkpoint in (best, last):
        assert (checkpoint.model, checkpoint.classes, checkpoint.size) == (SMALL, data.classes, (32, 24))
        assert checkpoint.recipe == make_recipe(SMALL, epochs=2, batch_size=3).to_json()
        assert checkpoint.versions == {"iddkit": "1"}
    assert not best.state
    assert trained.best == tmp_path / "best.pt"
    best.network()
    # Three steps of three make an epoch of eight frames.
    assert [(m.epoch, m.step, m.steps) for m in moments] == [(e, s, 3) for e in (1, 2) for s in (1, 2, 3)]
    assert [round(m.progress, 6) for m in moments] == [round(i / 6, 6) for i in range(1, 7)]
    assert [m.mean_iou is None for m in moments] == [True] * 3 + [False] * 3
    assert all(m.epochs == 2 and m.seconds_left >= 0 and m.loss > 0 for m in moments)
    rows = [*csv.DictReader((tmp_path / "log.csv").read_text().splitlines())]
    assert [*rows[0]] == [field.name for field in dataclasses.fields(Epoch)]
    assert [int(row["images"]) for row in rows] == [9, 18]
    assert [float(row["loss"]) for row in rows] == [epoch.loss for epoch in trained.epochs]
    assert trained.epochs[0].loss == pytest.approx(sum(m.loss for m in moments[:3]) / 3)


def test_equal_seeds_give_equal_weights_and_others_others(data: LabelledData, tmp_path: Path) -> None:
    runs: tuple[tuple[str, dict[str, Any]], ...] = (
        ("one", {"seed": 1}),
        ("same", {"seed": 1, "threads": 4}),
        ("other", {"seed": 2}),
    )
    for name, settings in runs:
        run(data, tmp_path / name, epochs=1, **settings)
    one, same, other = (weights_of(tmp_path / name) for name in ("one", "same", "other"))
    assert equal(one, same)
    assert not equal(one, other)


def test_pictures_that_are_read_each_time_train_the_same_network(
    data: LabelledData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(data, tmp_path / "kept", epochs=1).in_memory
    monkeypatch.setattr(pictures, "available_memory", lambda: 0)
    assert not run(data, tmp_path / "read", epochs=1).in_memory
    assert equal(weights_of(tmp_path / "kept"), weights_of(tmp_path / "read"))


@pytest.mark.parametrize("model", ["essnet-dg2", "essnetb-dg4s"])
def test_gradual_grouping_ends_in_the_grouped_network(data: LabelledData, tmp_path: Path, model: str) -> None:
    recipe = {"encoder_part": 0.5, "frozen_part": 0.1, "gradual_part": 0.6, "epochs": 10, "batch_size": 8}
    trained = run(data, tmp_path, model, **recipe)
    phases = [epoch.phase for epoch in trained.epochs]
    assert phases == ["encoder"] * 5 + ["decoder"] + ["whole"] * 4
    alphas = [epoch.alpha for epoch in trained.epochs]
    assert alphas == pytest.approx([1, 2 / 3, 1 / 3, 0, 0, 0, 0, 0, 0, 0], abs=1e-6)
    assert all(epoch.mean_iou is not None for epoch in trained.epochs)
    # An encoder alone is not the network that was asked for, however well it scores.
    assert trained.best_epoch >= 6
    assert trained.conversion is not None
    assert 0 <= trained.conversion < 1e-4
    best = Checkpoint.load(tmp_path)
    network = best.network()
    assert not any(isinstance(module, GradualConv2d) for module in network.modules())
    assert equal(dict(network.state_dict()), dict(models.build(model, 7).state_dict() | dict(best.weights)))
    unseen = Pictures(data.index.root, data.val, data.reader, "level1", data.size, exact=True)
    score = validate(network, unseen, data.classes.names).confusion.mean_iou
    assert score == pytest.approx(trained.epochs[trained.best_epoch - 1].mean_iou, abs=1e-3)


def test_each_phase_leaves_the_rest_of_the_network_alone(data: LabelledData, tmp_path: Path) -> None:
    seen: dict[str, dict[str, Any]] = {}

    class Spy(loop.Training):
        def end_epoch(self, *arguments: Any) -> None:
            seen[self.phase.name] = {n: p.detach().clone() for n, p in self.network.named_parameters()}
            super().end_epoch(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "Training", Spy)
        run(data, tmp_path, encoder_part=0.3, frozen_part=0.3, epochs=3, batch_size=8)
    assert [*seen] == ["encoder", "decoder", "whole"]

    def changed(one: str, other: str) -> set[str]:
        return {n.partition(".")[0] for n, p in seen[one].items() if not torch.equal(p, seen[other][n])}

    assert changed("encoder", "decoder") == {"decoder"}
    assert changed("decoder", "whole") == {"encoder", "decoder"}


@pytest.mark.parametrize("schedule", ["one-cycle", "poly", "constant"])
def test_the_rate_follows_its_schedule(data: LabelledData, tmp_path: Path, schedule: str) -> None:
    rates: list[float] = []
    run(
        data,
        tmp_path,
        epochs=4,
        schedule=schedule,
        warmup=0.25,
        power=1.0,
        learning_rate=1e-3,
        validate_every=9,
        watch=lambda moment: rates.append(moment.learning_rate),
    )
    cosine = [1e-3 * (1 + math.cos(math.pi * (i / 8 - 0.25) / 0.75)) / 2 for i in range(2, 8)]
    expected = {
        "one-cycle": [4e-5, 1e-3 * 0.52, *cosine],
        "poly": [1e-3 * (1 - i / 8) for i in range(8)],
        "constant": [1e-3] * 8,
    }
    assert rates == pytest.approx(expected[schedule])


def script(monkeypatch: pytest.MonkeyPatch, scores: list[float]) -> None:
    """Let validations come to these scores, one after the other."""
    left = iter(scores)

    class Confusion:
        pixel_accuracy = 0.5

        def __init__(self) -> None:
            self.mean_iou = next(left)

    fake: Any = Confusion
    monkeypatch.setattr(loop, "validate", lambda *_, **__: Validation(fake(), ()))


def test_a_training_that_gets_no_better_stops_early(
    data: LabelledData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(monkeypatch, [0.1, 0.3, 0.2, 0.3, 0.1, 0.9])
    trained = run(data, tmp_path, epochs=9, batch_size=8, early_stop=3)
    assert (trained.finished, len(trained.epochs), trained.best_epoch) == (EARLY_STOP, 5, 2)
    assert Checkpoint.load(tmp_path).mean_iou == 0.3


def test_on_a_plateau_the_rate_falls(data: LabelledData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(monkeypatch, [0.1, 0.3, 0.2, 0.3, 0.4])
    recipe: dict[str, Any] = {
        "schedule": "plateau",
        "plateau_patience": 1,
        "plateau_factor": 0.1,
        "learning_rate": 1e-3,
    }
    trained = run(data, tmp_path, epochs=5, batch_size=8, **recipe)
    assert [epoch.learning_rate for epoch in trained.epochs] == pytest.approx([1e-3, 1e-3, 1e-3, 1e-3, 1e-4])


def test_a_budget_ends_a_run_and_its_schedule_with_it(
    data: LabelledData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments: list[Moment] = []

    class Clock:
        """A second a step; validations take no time."""

        def __init__(self, spent: float) -> None:
            self.spent = spent

        def seconds(self) -> float:
            return self.spent + len(moments)

    monkeypatch.setattr(loop, "Clock", Clock)
    recipe: dict[str, Any] = {"epochs": NO_LIMIT, "schedule": "poly", "power": 1.0, "learning_rate": 1e-3}
    trained = run(data, tmp_path, budget=5.0, watch=moments.append, **recipe)
    assert (trained.finished, [epoch.seconds for epoch in trained.epochs]) == (BUDGET, [2, 4, 5])
    assert [epoch.mean_iou is not None for epoch in trained.epochs] == [True] * 3
    assert all(moment.epochs is None for moment in moments)
    assert [m.learning_rate for m in moments] == pytest.approx([1e-3 * (1 - t / 5) for t in range(5)])
    # One that is never reached leaves the schedule to the epochs.
    moments.clear()
    trained = run(data, tmp_path / "long", budget=1e9, watch=moments.append, **{**recipe, "epochs": 2})
    assert trained.finished == COMPLETE
    assert [m.learning_rate for m in moments] == pytest.approx([1e-3, 7.5e-4, 5e-4, 2.5e-4])


def test_a_run_too_short_for_its_groups_to_be_made_is_refused(data: LabelledData, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="1 step of training are too few for its phases"):
        run(data, tmp_path, "essnetb-dg2", encoder_part=0.5, gradual_part=0.5, epochs=1, batch_size=8)
    assert not (tmp_path / "last.pt").exists()
    assert run(data, tmp_path, "essnetb-dg2", encoder_part=0.5, gradual_part=0.5, epochs=4, batch_size=8).best_epoch


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_the_run_with_a_line(
    data: LabelledData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    forward = Lesson.forward
    steps = iter([1.0, 1.0, 1.0, value])
    monkeypatch.setattr(Lesson, "forward", lambda *arguments: forward(*arguments) * next(steps))
    monkeypatch.setattr(loop, "_SAVE_BETWEEN", 0)
    with pytest.raises(TrainingError) as caught:
        run(data, tmp_path, epochs=3)
    text = str(caught.value)
    assert text.startswith(f"{tmp_path}: epoch 2, step 2: the loss is {value}: to begin anew (--overwrite) with")
    assert "\n" not in text
    # What was saved before is whole, and is gone on with.
    assert Checkpoint.load(tmp_path / "last.pt").epoch == 1
    monkeypatch.setattr(Lesson, "forward", forward)
    assert run(data, tmp_path, epochs=3, resume=True).finished == COMPLETE


def test_a_gradient_that_is_no_number_never_reaches_the_weights(
    data: LabelledData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = Lesson.forward
    # Its value is that of the loss, its derivative at 0 infinite.
    monkeypatch.setattr(Lesson, "forward", lambda *a: forward(*a) + torch.sqrt(forward(*a) * 0))
    with pytest.raises(TrainingError, match="step 1: the gradient's length is nan"):
        run(data, tmp_path, epochs=1, batch_size=8)
    assert not (tmp_path / "last.pt").exists()


def test_an_absurd_rate_ends_in_a_line(data: LabelledData, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="a smaller learning rate than 1e"):
        run(data, tmp_path, epochs=30, learning_rate=1e30)


def test_too_little_memory_is_advice(data: LabelledData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("can't allocate memory")):

        def refuse(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(Lesson, "forward", refuse)
        with pytest.raises(TrainingError, match="--batch-size 4 halves what a step needs"):
            run(data, tmp_path, batch_size=8)


def test_batches_of_void_alone_teach_nothing_and_break_nothing(tmp_path: Path) -> None:
    root = write_small_dataset(tmp_path / "data", train=4, val=2)
    for name in ("frame0001", "frame0002", "frame0003"):
        path = next((root / "gtFine").rglob(f"{name}_label.png"))
        path.write_bytes(images.encode_png(np.full(images.read_labels(path).shape, 255, dtype=np.uint8)))
    trained = run(open_small(root), tmp_path / "out", epochs=1, batch_size=1, flip=0.0, scale=(1.0, 1.0))
    assert trained.finished == COMPLETE
    assert trained.epochs[0].loss > 0


@pytest.mark.parametrize(
    ("frames", "recipe"),
    [
        ((1, 1), {"batch_size": 1}),
        ((1, 1), {"batch_size": 16}),
        ((3, 2), {"batch_size": 4, "size": (8, 8)}),
        ((2, 1), {"batch_size": 2, "size": (9, 17), "translate": 1.0, "scale": (0.1, 10.0)}),
        ((2, 1), {"batch_size": 2, "size": (40, 8), "class_weights": False, "optimizer": "adam"}),
    ],
)
def test_small_splits_and_odd_sizes_train(tmp_path: Path, frames: tuple[int, int], recipe: dict[str, Any]) -> None:
    root = write_small_dataset(tmp_path / "a b", train=frames[0], val=frames[1], sizes=((64, 48), (5, 7), (90, 20)))
    trained = run(open_small(root, (20, 11)), tmp_path / "out put", "erfnet", epochs=1, **recipe)
    assert trained.finished == COMPLETE
    assert trained.best_epoch == 1
    assert math.isfinite(trained.epochs[0].loss)


def test_one_image_too_small_to_normalise_is_refused(data: LabelledData, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="of one image of 8x8 pixels cannot be normalised; --batch-size"):
        run(data, tmp_path, "erfnet", batch_size=1, size=(8, 8))


def test_a_folder_that_cannot_be_written_is_one_line(data: LabelledData, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="file"):
        run(data, tmp_path / "file", epochs=1)


def test_a_label_file_that_goes_away_meanwhile_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_small_dataset(tmp_path / "data", train=4, val=2)
    data = open_small(root)
    monkeypatch.setattr(pictures, "available_memory", lambda: 0)
    with pytest.raises(UserError, match="frame0002_label"):
        run(data, tmp_path / "out", epochs=2, batch_size=2, watch=lambda _: _unlink(root))


def _unlink(root: Path) -> None:
    label_path(root, "train", "1", "frame0002").unlink(missing_ok=True)
