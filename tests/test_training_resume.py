from __future__ import annotations

import csv
import dataclasses
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("lightning_fabric", reason="Lightning Fabric is not installed")

from iddkit.errors import CheckpointError  # noqa: E402
from iddkit.training import loop  # noqa: E402
from iddkit.training.checkpoint import Checkpoint  # noqa: E402
from iddkit.training.dataset import LabelledData  # noqa: E402
from iddkit.training.device import start  # noqa: E402
from iddkit.training.loop import train  # noqa: E402
from iddkit.training.recipe import Recipe  # noqa: E402
from iddkit.training.state import COMPLETE, INTERRUPTED, Moment, Trained  # noqa: E402
from tests.training_data import label_path, make_recipe, open_small, write_small_dataset  # noqa: E402

#: Eight frames in batches of four: two steps an epoch.
RECIPES = {
    "float32": make_recipe("essnetb-d", epochs=3, schedule="one-cycle", validate_every=2),
    "bfloat16": make_recipe("essnetb-d", epochs=3, precision="bfloat16"),
    "plateau": make_recipe(
        "essnetb-d", epochs=4, schedule="plateau", plateau_patience=0, learning_rate=1e-7, early_stop=9
    ),
    "two phases, grouping": make_recipe(
        "essnet-dg2", epochs=5, schedule="one-cycle", encoder_part=0.5, frozen_part=0.1, gradual_part=0.6
    ),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> LabelledData:
    return open_small(write_small_dataset(tmp_path_factory.mktemp("small"), train=8, val=3))


@pytest.fixture(scope="module")
def undisturbed(data: LabelledData, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that gives the folder of a run of a recipe that nothing disturbed."""
    folders: dict[str, Path] = {}

    def of(name: str) -> Path:
        if name not in folders:
            folder = tmp_path_factory.mktemp("undisturbed")
            assert go(data, RECIPES[name], folder).finished == COMPLETE
            folders[name] = folder
        return folders[name]

    return of


def go(
    data: LabelledData, recipe: Recipe, folder: Path, stop_after: int | None = None, *, resume: bool = True
) -> Trained:
    """Train; after so many steps Ctrl-C is pressed."""
    left = [stop_after]

    def watch(_: Moment) -> None:
        if left[0] is not None:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGINT)

    return train(data, recipe, folder, start("cpu", precision=recipe.precision), resume=resume, watch=watch)


def log_of(folder: Path) -> list[dict[str, str]]:
    rows = [*csv.DictReader((folder / "log.csv").read_text().splitlines())]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def timeless(value: Any) -> Any:
    """Return what a checkpoint keeps without the seconds of the clock."""
    if isinstance(value, dict):
        return {key: timeless(one) for key, one in value.items() if key != "seconds"}
    if isinstance(value, list | tuple):
        return [timeless(one) for one in value]
    return (value.dtype, value.numpy().tobytes()) if isinstance(value, torch.Tensor) else value


def assert_same(one: Path, other: Path) -> None:
    assert log_of(one) == log_of(other)
    for name in ("last.pt", "best.pt"):
        first, second = (Checkpoint.load(folder / name) for folder in (one, other))
        assert first.weights.keys() == second.weights.keys()
        for weight in first.weights:
            assert torch.equal(first.weights[weight], second.weights[weight]), (name, weight)
        assert (first.epoch, first.mean_iou) == (second.epoch, second.mean_iou)
        assert timeless(first.state) == timeless(second.state)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("stops", [(3,), (2, 2), (1, 1, 1, 1)], ids=str)
def test_a_resumed_training_comes_to_the_numbers_of_an_undisturbed_one(
    data: LabelledData, undisturbed: Callable[[str], Path], tmp_path: Path, name: str, stops: tuple[int, ...]
) -> None:
    for stop in stops:
        assert go(data, RECIPES[name], tmp_path, stop).finished == INTERRUPTED
    assert go(data, RECIPES[name], tmp_path).finished == COMPLETE
    assert_same(tmp_path, undisturbed(name))


def test_the_plateau_of_the_recipe_above_does_lower_its_rate(undisturbed: Callable[[str], Path]) -> None:
    rates = {row["learning_rate"] for row in log_of(undisturbed("plateau"))}
    assert len(rates) > 1


class Killed(BaseException):
    """Stands for a kill that nothing catches."""


@pytest.mark.parametrize("name", ["float32", "two phases, grouping"])
def test_a_training_that_was_killed_goes_on_from_the_last_epoch(
    data: LabelledData,
    undisturbed: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setattr(loop, "_SAVE_BETWEEN", 0)
    recipe, steps = RECIPES[name], []

    def watch(moment: Moment) -> None:
        steps.append(moment.epoch)
        if len(steps) == 4:
            raise Killed

    with pytest.raises(Killed):
        train(data, recipe, tmp_path, start("cpu", precision="float32"), watch=watch)
    assert Checkpoint.load(tmp_path / "last.pt").epoch == 1
    go(data, recipe, tmp_path)
    assert_same(tmp_path, undisturbed(name))


def test_a_training_that_is_over_is_only_told_again(
    data: LabelledData, undisturbed: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = undisturbed("two phases, grouping")
    before = {path.name: path.read_bytes() for path in folder.glob("*.*")}
    steps: list[Moment] = []
    recipe = RECIPES["two phases, grouping"]
    again = train(data, recipe, folder, start("cpu", precision="float32"), resume=True, watch=steps.append)
    assert not steps
    assert again.finished == COMPLETE
    assert len(again.epochs) == recipe.epochs
    assert again.best == folder / "best.pt"
    assert again.conversion is not None
    assert {path.name: path.read_bytes() for path in folder.glob("*.*")} == before


def test_there_is_nothing_to_resume_before_the_first_time(data: LabelledData, tmp_path: Path) -> None:
    assert go(data, make_recipe("essnetb-d", epochs=1), tmp_path).finished == COMPLETE


def test_without_resume_a_training_begins_anew(data: LabelledData, tmp_path: Path) -> None:
    recipe = make_recipe("essnetb-d", epochs=1)
    go(data, recipe, tmp_path, 1)
    again = go(data, recipe, tmp_path, resume=False)
    assert (again.finished, again.epochs[0].images) == (COMPLETE, 8)


@pytest.fixture
def stopped(data: LabelledData, tmp_path: Path) -> tuple[Recipe, Path]:
    """Return the recipe and the folder of a training that was stopped."""
    recipe = make_recipe("essnetb-d", epochs=2)
    go(data, recipe, tmp_path, 1)
    return recipe, tmp_path


def refused(data: LabelledData, recipe: Recipe, folder: Path) -> str:
    before = (folder / "last.pt").read_bytes()
    with pytest.raises(CheckpointError) as caught:
        go(data, recipe, folder)
    assert str(caught.value).startswith(f"{folder / 'last.pt'}: ")
    assert "\n" not in str(caught.value)
    assert (folder / "last.pt").read_bytes() == before
    return caught.value.problem


@pytest.mark.parametrize(
    ("changes", "names"),
    [({"seed": 5}, "seed"), ({"scale": (1.0, 1.0), "flip": 0.0}, "flip, scale"), ({"model": "erfnet"}, "model")],
)
def test_another_recipe_is_refused(
    data: LabelledData, stopped: tuple[Recipe, Path], changes: dict[str, Any], names: str
) -> None:
    settings = {"model": "essnetb-d", "epochs": 2, **changes}
    problem = refused(data, make_recipe(**settings), stopped[1])
    assert problem == f"trained by another recipe: of another {names}; --overwrite begins anew"


def test_another_size_is_refused(data: LabelledData, stopped: tuple[Recipe, Path]) -> None:
    recipe, folder = stopped
    other = open_small(data.index.root, (40, 24))
    assert (
        refused(other, recipe, folder)
        == "trained with another size (height x width): 24x32, not 24x40; --overwrite begins anew"
    )


def test_another_length_is_refused(data: LabelledData, stopped: tuple[Recipe, Path]) -> None:
    recipe, folder = stopped
    longer = dataclasses.replace(recipe, epochs=9)
    problem = refused(data, longer, folder)
    assert problem == "trained with another number of epochs: 2, not 9; --overwrite begins anew"
    before = (folder / "last.pt").read_bytes()
    with pytest.raises(CheckpointError, match="another budget in minutes: none, not 5"):
        train(data, recipe, folder, start("cpu", precision="float32"), budget=300.0, resume=True)
    assert (folder / "last.pt").read_bytes() == before


def test_other_data_and_another_level_are_refused(stopped: tuple[Recipe, Path], tmp_path: Path) -> None:
    recipe, folder = stopped
    root = write_small_dataset(tmp_path / "other", train=8, val=3)
    go(open_small(root), recipe, folder, 1)  # the same files elsewhere are the same data
    path = label_path(root, "val", "4", "frame0008")
    path.write_bytes(label_path(root, "val", "4", "frame0009").read_bytes())
    assert (
        refused(open_small(root), recipe, folder)
        == "trained with another content of the dataset; --overwrite begins anew"
    )
    problem = refused(open_small(root, label_level="level2"), recipe, folder)
    assert problem.startswith("trained on 7 classes of level1 of the label map idd, which are not those")


@pytest.mark.parametrize(
    "damage",
    [
        lambda kept: kept["state"].pop("optimizer"),
        lambda kept: kept["state"].update(phase="nothing"),
        lambda kept: kept["state"].update(alpha=None),
        lambda kept: kept["state"].update(state={}),
        lambda kept: kept["state"]["state"].update(more=1),
        lambda kept: kept["state"]["state"].update(epochs=[{"a": 1}]),
        lambda kept: kept["state"]["optimizer"].update(param_groups=[]),
        lambda kept: kept["weights"].popitem(),
        lambda kept: kept["weights"].update(dict.fromkeys(kept["weights"], torch.ones(3))),
    ],
)
def test_a_checkpoint_of_which_something_is_missing_is_refused(
    data: LabelledData, stopped: tuple[Recipe, Path], damage: Callable[[Any], object]
) -> None:
    recipe, folder = stopped
    kept = torch.load(folder / "last.pt", weights_only=True)
    damage(kept)
    torch.save(kept, folder / "last.pt")
    problem = refused(data, recipe, folder)
    assert problem.startswith("a damaged checkpoint: ")
    assert len(problem) < 400


def test_half_a_checkpoint_and_one_of_something_else_are_refused(
    data: LabelledData, stopped: tuple[Recipe, Path]
) -> None:
    recipe, folder = stopped
    content = (folder / "last.pt").read_bytes()
    (folder / "last.pt").write_bytes(content[: len(content) // 2])
    assert "not a checkpoint, or a damaged one" in refused(data, recipe, folder)
    torch.save({"weight": torch.ones(3)}, folder / "last.pt")
    assert refused(data, recipe, folder) == "not a checkpoint of iddkit"


def test_the_best_network_of_a_run_is_nothing_to_go_on_from(data: LabelledData, tmp_path: Path) -> None:
    recipe = make_recipe("essnetb-d", epochs=1)
    go(data, recipe, tmp_path)
    (tmp_path / "best.pt").replace(tmp_path / "last.pt")
    assert refused(data, recipe, tmp_path)
