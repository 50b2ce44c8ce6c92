from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from iddkit.cli import group
from iddkit.errors import OptionError, OutputError, UserError

#: Without torch and what needs it, as in a plain installation.
BARE = """
import importlib.abc, sys

HIDDEN = ("torch", "lightning_fabric", "onnx", "onnxruntime", "tensorboard")

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in HIDDEN else find(name, package)
sys.argv = ["iddkit", *sys.argv[1:]]
from iddkit.cli import main
main()
"""


def call_bare(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", BARE, *words], capture_output=True, text=True, check=False)


def test_without_torch_a_benchmark_says_what_to_install(tmp_path: Path) -> None:
    done = call_bare("benchmark", "erfnet", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == "Error: a benchmark needs torch and lightning_fabric: pip install 'iddkit[train]'\n"


@pytest.mark.parametrize(
    "words",
    [("--help",), ("models",), ("benchmark", "--help"), ("evaluate", "--help"), ("labels", "--help"), ("version",)],
)
def test_without_torch_other_commands_work(words: tuple[str, ...]) -> None:
    done = call_bare(*words)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert done.stdout


def test_without_torch_saved_runs_are_drawn(tmp_path: Path) -> None:
    from tests.fake_runs import make_run

    for name in ("one", "other"):
        make_run(name).save(tmp_path / name)
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "run.json").write_text("{")
    paths = [str(tmp_path / name) for name in ("one", "torn", "other")]
    done = call_bare("benchmark", "--compare", *paths, "-o", str(tmp_path / "report"))
    # The one that cannot be read is listed, the others are drawn.
    assert done.returncode == 1
    assert done.stderr.count("Error: ") == 1
    assert "torn" in done.stderr
    assert (tmp_path / "report" / "report.html").stat().st_size > 1000
    again = call_bare("benchmark", "--compare", paths[0], "-o", str(tmp_path / "report"))
    assert again.returncode == 1
    assert "--overwrite" in again.stderr


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(group, ["benchmark", *map(str, words)])


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("erfnet",),
        ("erfnet", "x", "--resume", "--overwrite"),
        ("erfnet", "x", "--budget-minutes", "nan"),
        ("erfnet", "x", "--budget-minutes", "0"),
        ("erfnet", "x", "--learning-rate", "inf"),
        ("erfnet", "x", "--learning-rate", "1e38"),
        ("erfnet", "x", "--epochs", "0"),
        ("erfnet", "x", "--size", "128"),
    ],
)
def test_options_that_cannot_be_are_not_understood(words: tuple[str, ...]) -> None:
    pytest.importorskip("lightning_fabric", reason="Lightning Fabric is not installed")
    assert run(*words).exit_code == 2


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("lightning_fabric", reason="Lightning Fabric is not installed")
    from tests.training_data import write_small_dataset

    return write_small_dataset(tmp_path_factory.mktemp("data") / "small lite", train=8, val=3)


SMALL = ("--resolution", "24x32", "--device", "cpu", "--precision", "float32", "--batch-size", "4", "--no-speed")


def error_of(result: Result) -> UserError:
    assert isinstance(result.exception, UserError), result.output
    assert "\n" not in str(result.exception)
    return result.exception


def test_what_cannot_be_trained_is_one_line_before_anything_is_read(data: Path, tmp_path: Path) -> None:
    for words, kind, problem in (
        (("resnet", data), OptionError, "nearest known one is"),
        (("essnetb-d", "essnetb-d", data), OptionError, "named twice"),
        (("essnetb-d", tmp_path / "nothing"), UserError, "nothing"),
        (("essnetb-d", data, "--level", "level3"), UserError, "level3"),
        (("essnetb-d", data, "--recipe", "idd_lite"), UserError, "a recipe of a derived dataset"),
        (("essnetb-d", data, "--recipe", "nothing"), UserError, "known by name"),
        (("essnetb-d", data, "--train-split", "x"), UserError, "no split x; there are train, val"),
    ):
        result = run(*words, "-o", tmp_path / "out", *SMALL)
        assert isinstance(error_of(result), kind)
        assert problem in str(result.exception)
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """Return the folder of a benchmark of two networks, and what the command printed."""
    out = tmp_path_factory.mktemp("a report") / "out"
    words = ("essnetb-d", "essnetb-dg2", data, "-o", out, "--epochs", "3", "--json", *SMALL)
    return out, run(*words)


def test_a_benchmark_trains_scores_and_reports(trained: tuple[Path, Result]) -> None:
    out, result = trained
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert [one["name"] for one in document["runs"]] == ["essnetb-d", "essnetb-dg2"]
    assert document["verdict"]
    assert document["findings"]
    for one in document["runs"]:
        assert (one["epochs"], one["finished"], len(one["iou"])) == (3, "complete", 7)
        folder = out / one["name"]
        kept = json.loads((folder / "run.json").read_text())["run"]
        assert [epoch["number"] for epoch in kept["epochs"]] == [1, 2, 3]
        assert kept["finished"] == "complete"
        assert (kept["conversion"] is None) == (one["name"] == "essnetb-d")
        assert len(kept["frames"]) == 3
        rows = [*csv.DictReader((folder / "log.csv").read_text().splitlines())]
        # In float32 the best network scores what its validation in training came to.
        assert float(rows[one["best_epoch"] - 1]["mean_iou"]) == pytest.approx(one["mean_iou"], abs=1e-3)
        assert {"best.pt", "last.pt"} <= {path.name for path in folder.iterdir()}
    assert {"report.html", "report.md", "scores.csv", "classes.csv"} <= {path.name for path in out.iterdir()}
    assert [*out.glob("examples*.png")]
    assert "8 frames of train, 3 of val, 7 classes of level1" in result.stderr


def test_a_training_is_not_begun_anew_unless_asked(trained: tuple[Path, Result], data: Path, tmp_path: Path) -> None:
    out = shutil.copytree(trained[0], tmp_path / "out")
    before = {path: path.read_bytes() for path in out.rglob("*.pt")}
    words = ("essnetb-d", data, "-o", out, "--epochs", "3", "--no-pictures", *SMALL)
    assert isinstance(error_of(run(*words)), OutputError)
    # Nothing is left to do, and the report is drawn again.
    (out / "report.html").unlink()
    result = run(*words, "--resume")
    assert result.exit_code == 0, result.output
    assert {path: path.read_bytes() for path in out.rglob("*.pt")} == before
    assert (out / "report.html").exists()
    result = run(*words, "--resume", "--seed", "5")
    assert result.exit_code == 1
    assert "Error: essnetb-d: " in result.stderr
    assert "of another seed" in result.stderr
    result = run(*words, "--overwrite", "--seed", "5")
    assert result.exit_code == 0, result.output
    changed = {path.name for path, content in before.items() if path.read_bytes() != content}
    assert changed == {"best.pt", "last.pt"}


def test_one_network_that_cannot_be_trained_does_not_stop_the_next(data: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "essnetb-d").write_bytes(b"")
    result = run("essnetb-d", "essnetb-dg2", data, "-o", tmp_path / "out", "--epochs", "3", "--no-pictures", *SMALL)
    assert result.exit_code == 1
    assert "Error: essnetb-d: " in result.stderr
    assert (tmp_path / "out" / "essnetb-dg2" / "run.json").exists()
    assert (tmp_path / "out" / "report.html").exists()


def test_a_training_too_short_to_be_scored_is_told_as_such(data: Path, tmp_path: Path) -> None:
    words = ("essnetb-dg2", data, "-o", tmp_path / "out", "--epochs", "1", *SMALL[:-2], "16", "--no-speed")
    for more in ((), ("--resume",)):
        result = run(*words, *more)
        assert result.exit_code == 1
        assert "1 step of training are too few for its phases" in result.stderr
        assert not (tmp_path / "out" / "essnetb-dg2" / "last.pt").exists()
        assert "Interrupted" not in result.stderr


@pytest.mark.parametrize("model", ["erfnet", "drn", "essnet-dg4", "unet"])
def test_a_network_of_every_family_is_trained_scored_and_predicts(model: str, data: Path, tmp_path: Path) -> None:
    # Two epochs of four steps: enough for the phases of ESSNet.
    words = ("-o", tmp_path / "out", "--epochs", "2", "--batch-size", "2", "--no-pictures")
    result = run(model, data, *words, *(word for word in SMALL if word not in ("--batch-size", "4")))
    assert result.exit_code == 0, result.output
    told = json.loads((tmp_path / "out" / model / "run.json").read_text())["run"]
    done = CliRunner().invoke(
        group, ["predict", str(tmp_path / "out" / model), str(data), str(tmp_path / "labels"), "--split", "val"]
    )
    assert done.exit_code == 0, done.output
    assert "seen    at height 24, width 32" in done.output
    assert len(list((tmp_path / "labels").rglob("*_label.png"))) == 3
    assert told["model"] == model


def test_predictions_score_what_the_benchmark_says_whatever_it_was_trained_at(data: Path, tmp_path: Path) -> None:
    result = run("essnetb-d", data, "-o", tmp_path / "out", "--epochs", "3", "--size", "16x40", *SMALL)
    assert result.exit_code == 0, result.output
    call = CliRunner().invoke
    places = map(str, (tmp_path / "out" / "essnetb-d", data, tmp_path / "labels"))
    done = call(group, ["predict", *places, "--split", "val", "--resolution", "24x32"])
    assert done.exit_code == 0, done.output
    done = call(group, ["evaluate", str(data), str(tmp_path / "labels"), "--resolution", "24x32", "--json"])
    assert done.exit_code == 0, done.output
    confusion = json.loads(done.stdout)["levels"]["level1"]["confusion"]
    assert confusion == json.loads((tmp_path / "out" / "essnetb-d" / "run.json").read_text())["run"]["counts"]


def test_a_budget_too_short_to_be_scored_is_told_as_such(data: Path, tmp_path: Path) -> None:
    words = ("essnetb-dg2", data, "-o", tmp_path / "out", "--budget-minutes", "0.00001", *SMALL)
    for more in ((), ("--resume",)):
        result = run(*words, *more)
        assert result.exit_code == 1
        assert "more epochs or minutes help" in result.stderr
        assert "Interrupted" not in result.stderr


def test_labels_that_get_lost_at_a_small_size_are_told(data: Path, tmp_path: Path) -> None:
    import numpy as np

    from iddkit import images

    root = shutil.copytree(data, tmp_path / "data")
    numbers = np.full((48, 64), 255, dtype=np.uint8)
    numbers[0, 0] = 3
    for path in (root / "gtFine" / "val").rglob("*.png"):
        path.write_bytes(images.encode_png(numbers))
    result = run("essnetb-d", root, "-o", tmp_path / "out", "--epochs", "3", *SMALL)
    assert result.exit_code == 1
    assert "no labelled pixel of the validation split is left at this size" in result.stderr


def test_a_frame_with_unknown_numbers_is_listed_and_the_others_are_trained(data: Path, tmp_path: Path) -> None:
    from iddkit import images

    root = shutil.copytree(data, tmp_path / "data")
    path = next((root / "gtFine" / "train").rglob("*.png"))
    numbers = images.read_labels(path).astype("uint8")
    numbers[0, 0] = 7
    path.write_bytes(images.encode_png(numbers))
    result = run("essnetb-d", root, "-o", tmp_path / "out", "--epochs", "2", "--no-pictures", *SMALL)
    assert result.exit_code == 1
    assert f"{path.name}: 1 pixels have the number 7, which is no label of level1" in result.stderr
    assert "7 frames of train" in result.stderr
    assert (tmp_path / "out" / "report.html").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_benchmark_that_was_stopped_goes_on(
    data: Path, tmp_path: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("essnetb-d", str(data), "-o", str(tmp_path / "out"), *SMALL, "--no-pictures", "--epochs", "4000")
    process = subprocess.Popen([sys.executable, "-m", "iddkit", "benchmark", *words], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    with process, process.stderr as lines:
        log = tmp_path / "out" / "essnetb-d" / "log.csv"
        while not log.exists() or len(log.read_text().splitlines()) < 4:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(number)
        rest = lines.read()
        code = process.wait(60)
    folder = tmp_path / "out" / "essnetb-d"
    if number == signal.SIGINT:
        assert code == 130
        assert "Interrupted. What was learnt is saved; the same command with --resume goes on." in rest
        assert (folder / "last.pt").exists()
    else:
        assert code == -signal.SIGKILL
    assert not (folder / "run.json").exists()
    assert len((folder / "log.csv").read_text().splitlines()) > 2
    # The same command goes on; Ctrl-C is pressed at once.
    from iddkit.training import loop

    step: Callable[..., None] = loop.Training.step
    steps: list[tuple[int, int]] = []

    def stopped(training: loop.Training, *batch: object) -> None:
        steps.append((training.state.epoch, training.state.step))
        step(training, *batch)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(loop.Training, "step", stopped)
    result = run(*words, "--resume")
    assert result.exit_code == 130
    assert len(steps) == 1
    if number == signal.SIGINT:
        assert steps[0] > (0, 0)
