from __future__ import annotations

import importlib.resources
import os
import re
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from iddkit import files
from iddkit.cli import COMMANDS, group
from iddkit.demo import write_dataset
from iddkit.subset.plan import SubsetPlan
from iddkit.subset.recipe import KEYS, load_recipe, names, plan_of

FOLDER = Path(__file__).parents[1] / "pipelines"
SCRIPT = FOLDER / "release.sh"

#: Stands for iddkit on the path: notes what it is called with, and fails where it is told to.
FAKE = """#!/bin/sh
echo "$@" >> {log}
case "$1" in {fails}) exit 1 ;; esac
"""


def rows_of_readme() -> dict[str, list[str]]:
    """Return the table of keys of derived datasets: key to its cells."""
    # Those of training come after; tests/test_training_recipe.py holds them to the code.
    lines = (FOLDER / "README.md").read_text().partition("## Recipes of training")[0].splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| key |"))
    table = [line.strip("|").split("|") for line in lines[start + 2 :] if line.startswith("|")]
    rows = [[cell.strip() for cell in cells] for cells in table]
    return {row[0].strip("`"): row for row in rows}


def test_the_readme_explains_each_key_and_no_other() -> None:
    rows = rows_of_readme()
    assert [*rows] == [*KEYS]
    assert all(len(row) == 3 and all(row) for row in rows.values())


@pytest.mark.parametrize("key", KEYS)
def test_the_readme_states_the_default_of_each_key(key: str) -> None:
    fields = SubsetPlan.__dataclass_fields__
    default, stated = fields[KEYS[key].field].default, rows_of_readme()[key][2]
    if isinstance(default, (bool, int)) or key in ("level", "method", "layout", "image_format", "unknown"):
        assert stated == f"`{str(default).lower()}`"
    else:
        assert not re.fullmatch(r"`[^`]*`", stated)


def test_the_recipes_are_those_of_the_published_datasets() -> None:
    # Mishra 2024, section 3.4 and Table 3.3.
    mini, lite = (plan_of(load_recipe(name)) for name in ("idd_mini", "idd_lite"))
    assert (mini.factor, mini.longest_side, mini.level, mini.method) == (Fraction(4), 720, "level2", "balanced")
    assert (lite.factor, lite.longest_side, lite.level, lite.method) == (Fraction(10), 320, "level1", "balanced")
    assert mini.count_frames({"train": 6993, "val": 981}) == {"train": 1748, "val": 245}
    assert lite.count_frames({"train": 6993, "val": 981}) == {"train": 699, "val": 98}
    assert mini.output_size.of(1920, 1080) == (720, 405)
    assert lite.output_size.of(1920, 1080) == (320, 180)


@pytest.mark.parametrize("name", names())
def test_each_line_of_a_recipe_has_its_reason_above_it(name: str) -> None:
    blocks = (FOLDER / f"{name}.toml").read_text().strip().split("\n\n")
    head, *rest = blocks
    assert all(line.startswith("#") for line in head.splitlines())
    assert "Mishra 2024, section 3.4" in head
    for block in rest:
        assert re.fullmatch(r"(# .+\n)+(\w+ = .+\n?)+", block), block


@pytest.mark.parametrize("name", names())
def test_a_recipe_is_named_in_the_readme_and_by_its_command(name: str) -> None:
    assert f"`{name}.toml`" in (FOLDER / "README.md").read_text()
    assert load_recipe(name).settings["name"] == name


def test_data_is_looked_for_inside_the_package_then_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "iddkit"
    monkeypatch.setattr(importlib.resources, "files", lambda name: tmp_path / name)
    assert files.data_folder("pipelines") == tmp_path / "pipelines"
    for name in ("pipelines", "label_maps"):
        shutil.copytree(FOLDER.parent / name, package / name)
    assert files.data_folder("pipelines") == package / "pipelines"
    assert load_recipe("idd_lite").path == package / "pipelines/idd_lite.toml"


def release(*arguments: object, path: Path, cache: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{path}{os.pathsep}{os.environ['PATH']}", "XDG_CACHE_HOME": cache}
    command = [str(SCRIPT), *(str(a) for a in arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def fake(folder: Path, fails: str = "nothing") -> Path:
    """Put a fake iddkit into a folder, and return the file that holds its calls."""
    folder.mkdir()
    log = folder / "log"
    (folder / "iddkit").write_text(FAKE.format(log=log, fails=fails))
    (folder / "iddkit").chmod(0o755)
    return log


def test_the_release_script_calls_the_commands_in_the_order_of_the_work(tmp_path: Path) -> None:
    log = fake(tmp_path / "bin")
    assert release("IDD", "out", path=tmp_path / "bin").returncode == 0
    calls = [line.split() for line in log.read_text().splitlines()]
    order = ["rasterize", "stats", "make-mini", "make-lite", "verify", "verify", "stats"]
    assert [call[0] for call in calls] == order
    assert calls[3][-2:] == ["--beside", "out/idd_mini"]


def test_every_option_of_the_release_script_is_one_of_its_command(tmp_path: Path) -> None:
    log = fake(tmp_path / "bin")
    release("IDD", "out", path=tmp_path / "bin")
    for line in log.read_text().splitlines():
        name, *arguments = line.split()
        assert name in COMMANDS
        command = group.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None
        command.make_context(name, arguments)  # parses, and does nothing


@pytest.mark.parametrize("step", ["rasterize", "make-lite"])
def test_the_release_script_stops_at_a_step_that_fails(tmp_path: Path, step: str) -> None:
    log = fake(tmp_path / "bin", fails=step)
    assert release("IDD", "out", path=tmp_path / "bin").returncode == 1
    assert log.read_text().splitlines()[-1].split()[0] == step


def test_the_release_script_says_how_it_is_used(tmp_path: Path) -> None:
    log = fake(tmp_path / "bin")
    for arguments in ([], ["IDD"], ["IDD", "out", "more"]):
        done = release(*arguments, path=tmp_path / "bin")
        assert done.returncode == 2
        assert "SOURCE OUT" in done.stderr
    assert not log.exists()


def test_the_release_script_takes_names_with_blanks(tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    fake(folder)
    (folder / "iddkit").write_text(f'#!/bin/sh\nfor a in "$@"; do echo "<$a>" >> {folder}/log; done\n')
    release("my data", "all out", path=folder)
    assert {"<my data>", "<all out/idd_mini>"} <= set((folder / "log").read_text().splitlines())


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX script")
def test_a_release_of_a_small_dataset_is_made_and_verified(tmp_path: Path) -> None:
    source, out = tmp_path / "IDD", tmp_path / "out"
    write_dataset(source, drives=4, frames=3, size=(160, 90))
    done = release(source, out, path=Path(sys.executable).parent, cache=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stdout + done.stderr
    for name, images in (("idd_mini", 3), ("idd_lite", 2)):
        assert {"manifest.json", "report.html", "frames.csv"} <= {path.name for path in (out / name).iterdir()}
        assert len(list(out.glob(f"{name}/leftImg8bit/*/*/*_image.jpg"))) == images
    assert done.stdout.count("all as the manifest says") == 2
    assert (out / "statistics/datasets.csv").read_text().count("\n") == 4
    assert "idd_mini" in (out / "idd_lite/report.html").read_text()
