from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from iddkit.cli import COMMANDS, group
from tests.conftest import DATA, Writer

SQUARE = [[2, 2], [9, 2], [9, 9], [2, 9]]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(group, [str(a) for a in arguments], catch_exceptions=False)


def run_process(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, with the boundary for expected errors around it."""
    command = [sys.executable, "-m", "iddkit", *(str(a) for a in arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


@pytest.fixture
def polygons(tmp_path: Path) -> Path:
    path = tmp_path / "idd/gtFine/val/1/frame0001_gtFine_polygons.json"
    path.parent.mkdir(parents=True)
    shutil.copy(DATA / "scene_gtFine_polygons.json", path)
    image = tmp_path / "idd/leftImg8bit/val/1/frame0001_leftImg8bit.png"
    image.parent.mkdir(parents=True)
    Image.new("RGB", (64, 48), (90, 120, 150)).save(image)
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.output
    assert len(result.output.splitlines()) > 5


def test_help_lists_every_command() -> None:
    output = run("--help").output
    assert all(command in output for command in COMMANDS)


def test_labels_prints_every_label_with_its_colour() -> None:
    output = run("labels").output
    assert "autorickshaw" in output
    assert "255 204 54" in output
    assert "living things" in run("labels", "idd", "--level", "level1").output


def test_labels_as_json_is_the_map() -> None:
    rows = json.loads(run("labels", "cityscapes", "--json").output)
    assert rows[7] == {
        "name": "road",
        "id": 7,
        "category": 1,
        "train": 0,
        "color": [128, 64, 128],
        "has_instances": False,
        "ignore_in_eval": False,
    }
    assert [r["number"] for r in json.loads(run("labels", "--level", "level1", "--json").output)] == [*range(7), 255]


def test_rasterize_prints_the_account_of_all_polygons(polygons: Path, tmp_path: Path) -> None:
    result = run("rasterize", tmp_path / "idd", "--level", "all", "--instances", "--panoptic", "--color", "-j", 1)
    assert result.exit_code == 0
    assert "frames    1 done, 0 up to date, 0 failed" in result.output
    assert "images    9 written" in result.output
    assert "fill rule pillow (1)" in result.output
    again = json.loads(run("rasterize", tmp_path / "idd", "--level", "all", "--json", "-j", 1).stdout)
    assert (again["done"], again["skipped"]) == (0, 1)
    account = again["polygons"]
    assert account["drawn"] + account["hidden"] + sum(account["dropped"].values()) == account["objects"] == 12


def test_rasterize_takes_the_map_of_the_layout(write_polygons: Writer, tmp_path: Path) -> None:
    write_polygons("gtFine/val/lindau/lindau_000001_000019_gtFine_polygons.json", [("car", SQUARE)])
    result = run("rasterize", tmp_path, "-j", 1)
    assert "label map cityscapes, fill rule cityscapes (1)" in result.output


def test_rasterize_lists_what_failed_and_ends_with_1(polygons: Path, write_polygons: Writer, tmp_path: Path) -> None:
    write_polygons("idd/gtFine/val/1/bad_gtFine_polygons.json", [("carr", SQUARE)])
    done = run_process("rasterize", tmp_path / "idd", "-j", 1)
    assert done.returncode == 1
    assert "bad_gtFine_polygons.json: object 0: unknown label 'carr', perhaps 'car'" in done.stderr
    assert "1 done, 0 up to date, 1 failed" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rasterize", "nowhere"], "Error: nowhere: no such file or folder"),
        (["rasterize", ".", "--level", "level9"], "no frame"),
        (["labels", "kitti"], "Error: kitti: no label map of this name or path"),
        (["labels", "idd", "--level", "7"], "Error: the label map idd has no level '7'"),
        (["show", "nothing.json"], "Error: nothing.json: "),
        (["index", "nowhere"], "Error: nowhere: no such file or folder"),
    ],
)
def test_what_a_user_can_mend_is_one_line_and_exit_code_1(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = run_process(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_a_command_that_is_not_understood_ends_with_2(tmp_path: Path) -> None:
    for arguments in (["rasterise"], ["rasterize", ".", "--size", "big"], ["rasterize", ".", "-j", "0"]):
        done = run_process(*arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.4])
def test_an_interrupted_run_ends_with_130_and_goes_on_later(tmp_path: Path, delay: float) -> None:
    folder = tmp_path / "gtFine/val/1"
    folder.mkdir(parents=True)
    for i in range(400):
        shutil.copy(DATA / "stress1_gtFine_polygons.json", folder / f"frame{i:04d}_gtFine_polygons.json")
    command = [sys.executable, "-m", "iddkit", "rasterize", str(tmp_path), "--level", "all", "-j", "2"]
    # As a terminal does: the signal goes to every process of the group.
    process = subprocess.Popen(
        command, text=True, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    journal = tmp_path / "rasterize.jsonl"
    while process.poll() is None and not journal.exists():
        time.sleep(0.002)
    time.sleep(delay)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate()
    # Where the interrupt meets Python inside exec() of a string, as in making a dataclass, Python ends itself by the
    # signal although it was caught; a shell calls that 130 as well.
    assert process.returncode in (130, -signal.SIGINT, 0)
    assert "Traceback" not in errors
    assert run("rasterize", tmp_path, "--level", "all", "-j", 1).exit_code == 0
    assert len(list(folder.glob("*_labelids.png"))) == 400


def test_workers_do_not_outlive_a_command_that_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "gtFine/val/1"
    folder.mkdir(parents=True)
    for i in range(400):
        shutil.copy(DATA / "stress1_gtFine_polygons.json", folder / f"frame{i:04d}_gtFine_polygons.json")
    command = [sys.executable, "-m", "iddkit", "rasterize", str(tmp_path), "--level", "all", "-j", "2"]
    for kind in (signal.SIGTERM, signal.SIGKILL):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        journal = tmp_path / "rasterize.jsonl"
        while process.poll() is None and not (journal.exists() and journal.stat().st_size > 1):
            time.sleep(0.002)
        process.send_signal(kind)
        # The pipe ends when the last process that holds it is gone.
        output, _ = process.communicate(timeout=30)
        assert "Traceback" not in output


def test_brackets_in_names_are_no_markup(tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_text("name,id,has_instances,ignore_in_eval,red,green,blue\n[/b]car[red],0,1,0,1,2,3\n")
    for arguments in (("labels", path), ("labels", path, "--level", "id")):
        assert "[/b]car[red]" in run(*arguments).output


def test_what_the_machine_cannot_do_is_one_line(tmp_path: Path) -> None:
    for arguments in (["labels", "x" * 300], ["show", str(DATA / "scene_gtFine_polygons.json"), "--out", "y" * 300]):
        done = run_process(*arguments, cwd=tmp_path)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1


def test_show_writes_a_picture_with_image_labels_and_legend(polygons: Path, tmp_path: Path) -> None:
    out = tmp_path / "look.png"
    result = run("show", polygons, "--out", out)
    assert result.exit_code == 0
    picture = np.array(Image.open(out))
    assert picture.shape[0] == 48
    assert picture.shape[1] > 64
    assert len(np.unique(picture[:, :64].reshape(-1, 3), axis=0)) > 5
    assert run("show", polygons, "--out", out).exit_code == 0
    done = run_process("show", polygons, "--out", out, "--level", "level1")
    assert done.returncode == 1
    assert "is there already; --overwrite replaces it" in done.stderr
    assert run("show", polygons, "--out", out, "--overwrite", "--level", "level1", "--opacity", 1).exit_code == 0


def test_show_says_what_it_could_not_read_and_shows_the_rest(write_polygons: Writer, tmp_path: Path) -> None:
    path = write_polygons(objects=[("road", SQUARE), ("car", [["1", 2]]), ("zebra", SQUARE)])
    result = run("show", path, "--out", tmp_path / "look.png")
    assert result.exit_code == 1
    assert "object 1: point 0: x is '1', not a number" in result.stderr
    assert (255, 0, 255) in {tuple(p) for p in np.array(Image.open(tmp_path / "look.png")).reshape(-1, 3).tolist()}


def test_version_names_what_decides_about_pixels() -> None:
    output = run("version", "--verbose").output
    assert all(name in output for name in ("iddkit", "pillow", "numpy", "opencv", "zlib-ng", "cityscapes fill rule"))
    assert len(run("version").output.splitlines()) == 1


def test_output_into_a_closed_pipe_is_no_traceback() -> None:
    command = f"{sys.executable} -m iddkit labels --json | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout == "[\n"
    assert done.stderr == ""
