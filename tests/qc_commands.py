"""The review's commands, called as a user calls them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from iddkit.cli import group
from iddkit.errors import UserError


@dataclass
class Said:
    """What a command printed, and its exit code; an expected error is the line that a user sees."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def call(*arguments: object) -> Said:
    """Call ``iddkit qc ...``; what is no expected error is raised."""
    done = CliRunner().invoke(group, ["qc", *map(str, arguments)])
    error = done.exception
    if isinstance(error, UserError):
        return Said(1, done.stdout, f"{done.stderr}Error: {error}\n")
    if error is not None and not isinstance(error, SystemExit):
        raise error
    return Said(done.exit_code, done.stdout, done.stderr)


def do(*arguments: object) -> Said:
    """Call a command that has to succeed."""
    said = call(*arguments)
    assert said.code == 0, said.err
    return said


def refused(*arguments: object) -> str:
    """Call a command that has to end with exit code 1, and return the one line that it says."""
    said = call(*arguments)
    assert said.code == 1, (said.out, said.err)
    assert said.err.count("\n") == 1, said.err
    return said.err.rstrip("\n")


def polygons(count: int, label: str = "road", note: int = 0) -> str:
    """Return a Cityscapes file of an image of 16 x 12 pixels."""
    objects = [{"label": label, "polygon": [[0, 0], [8, 0], [8, 6 + i % 6], [0, 6]]} for i in range(count)]
    return json.dumps({"imgWidth": 16, "imgHeight": 12, "objects": objects, "note": note})


def write_frames(root: Path, count: int, sequences: int = 2) -> list[Path]:
    """Write an IDD tree of polygons and empty images; return the polygon files."""
    written = []
    for i in range(count):
        sequence, name = str(i % sequences), f"frame{i:04}"
        path = root / "gtFine" / "train" / sequence / f"{name}_gtFine_polygons.json"
        image = root / "leftImg8bit" / "train" / sequence / f"{name}_leftImg8bit.png"
        for file in (path, image):
            file.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(polygons(3, note=i))
        image.write_bytes(b"")
        written.append(path)
    return written


PEOPLE = {
    "asha": "annotator",
    "bo": "annotator",
    "cy": "annotator",
    "sue": "supervisor",
    "rex": "researcher",
    "eve": "expert",
}


def begin(count: int = 6, *settings: object, batch: str = "B") -> list[Path]:
    """Make a project in the current folder, with `PEOPLE`, the lead lee, and frames; return the polygon files.

    Unless it is said otherwise the machine looks for nothing: the polygons are of no street.
    """
    quiet = () if "--findings" in settings else ("--findings", "off")
    do("init", "--name", "street", "--lead", "lee", *settings, *quiet)
    for name, role in PEOPLE.items():
        do("people", "add", name, "--role", role)
    files = write_frames(Path("IDD"), count)
    do("add", "IDD", "--batch", batch)
    return files


def take(name: str, *more: object) -> dict[str, Any]:
    """Return the next task of a person."""
    task: dict[str, Any] = do("next", "--as", name, "--json", *more).json
    return task


def hand_in(path: Path, name: str = "asha", *more: object) -> Said:
    """Hand in a file that differs from the one before."""
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "note": document["note"] + 100}))
    return do("submit", path, "--as", name, *more)


def pass_all(name: str, stage: str) -> int:
    """Let a person pass all frames that they are given at a stage; return how many."""
    count = 0
    while task := take(name, "--stage", stage):
        do("review", task["frame"], "--as", name, "--pass")
        count += 1
    return count


def work_through(files: list[Path]) -> None:
    """Hand in all frames by asha, and pass them at QC1 and QC2."""
    for path in files:
        do("submit", path, "--as", "asha")
    for name in ("bo", "cy"):
        pass_all(name, "qc1")
    pass_all("sue", "qc2")
