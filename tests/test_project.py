"""What holds of the project as a whole."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest

import iddkit
from iddkit.cli import COMMANDS
from iddkit.cli.qc import COMMANDS as QC
from iddkit.demo import write_dataset

ROOT = Path(__file__).parents[1]


def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def test_the_packages_of_setup_cfg_are_the_folders_that_exist() -> None:
    listed = set(setup_cfg()["options"]["packages"].split())
    folders = {str(p.parent.relative_to(ROOT)).replace("/", ".") for p in (ROOT / "iddkit").rglob("__init__.py")}
    assert listed == folders | {"iddkit.label_maps", "iddkit.pipelines"}


def test_every_requirement_is_pinned_in_the_constraints() -> None:
    def plain(name: str) -> str:
        return re.sub(r"[-_.]+", "-", name).lower()

    pinned = {
        plain(line.split("==")[0]) for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
    }
    options = setup_cfg()
    extras = options["options.extras_require"]
    wanted = "\n".join((options["options"]["install_requires"], *(extras[name] for name in ("dev", "train", "web"))))
    names = {plain(re.split(r"[ <>=!\[]", line)[0]) for line in wanted.splitlines() if line.strip()}
    assert names <= pinned


def test_the_command_line_loads_neither_torch_nor_a_web_server_nor_an_image_library() -> None:
    heavy = (
        "torch",
        "fastapi",
        "pydantic",
        "argon2",
        "cv2",
        "pandas",
        "matplotlib",
        "shapely",
        "pycocotools",
        "sqlalchemy",
        "PIL",
    )
    code = f"import sys, iddkit.cli; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_reading_an_annotation_loads_no_image_library_beyond_pillow() -> None:
    heavy = ("cv2", "pandas", "matplotlib", "shapely", "pycocotools", "click", "rich")
    code = f"import sys, iddkit.formats; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_shown_in_the_readme(command: str) -> None:
    assert f"iddkit {command}" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("command", QC)
def test_every_command_of_the_review_is_shown_in_the_readme(command: str) -> None:
    assert f"iddkit qc {command}" in (ROOT / "README.md").read_text()


def test_the_plain_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.S)
    plain = [block for block in blocks if ">>>" not in block]
    assert len(plain) >= 3
    monkeypatch.chdir(tmp_path)
    write_dataset("IDD", drives=4, frames=2, size=(160, 90))  # every fourth drive is held out
    write_dataset(".", drives=1, frames=1, size=(160, 90), to="labelme-xml")
    for block in plain:
        if "iddkit.training" in block:
            pytest.importorskip("torch", reason="torch is not installed")
        exec(compile(block, "README.md", "exec"), {"__name__": "readme"})
    assert {p.name for p in tmp_path.iterdir()} >= {"labels", "converted", "idd.csv", "demo", "benchmark"}


def test_package_data_exists() -> None:
    for package, patterns in setup_cfg()["options.package_data"].items():
        beside = ROOT / package.removeprefix("iddkit.")  # data that lies beside the package in the checkout
        folder = beside if beside.is_dir() else ROOT / package.replace(".", "/")
        for pattern in patterns.replace(",", " ").split():
            assert list(folder.glob(pattern)), (package, pattern)


def test_the_changelog_speaks_of_this_version() -> None:
    assert f"## {iddkit.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_environment_is_not_asked_for_settings() -> None:
    # No environment variables: what a command does is on its command line.
    readers = [p for p in (ROOT / "iddkit").rglob("*.py") if "os.environ" in p.read_text() or "getenv" in p.read_text()]
    assert readers == []
