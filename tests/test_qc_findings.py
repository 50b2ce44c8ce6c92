"""What the machine finds enters the queue: at hand-in, with the next task, in the log."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from alembic import command

from iddkit.qc.store.database import VERSION, create_store, open_store, read_project
from iddkit.qc.store.migrate import make_config
from iddkit.qc.verify import verify
from tests.qc_commands import begin, call, do, refused, take


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IDDKIT_DB", raising=False)


def draw(path: Path, *objects: tuple[str, list[list[float]]]) -> Path:
    """Write polygons for an image of 16 x 12 pixels, a road over all of it first."""
    whole = ("road", [[0, 0], [16, 0], [16, 12], [0, 12]])
    items = [{"label": label, "polygon": points} for label, points in (whole, *objects)]
    path.write_text(json.dumps({"imgWidth": 16, "imgHeight": 12, "objects": items}))
    return path


CAR: list[list[float]] = [[2, 2], [9, 2], [9, 8], [2, 8]]


def test_findings_are_told_at_hand_in_and_to_the_reviewer_and_stand_in_the_log() -> None:
    first, *_ = begin(2, "--findings", "show")
    task = take("asha")
    said = do("submit", draw(first, ("caar", CAR), ("car", CAR[:2])), "--as", "asha")
    found = said.err.splitlines()
    assert found[0] == "train/0/frame0000: found critical, unknown-label: object 1: unknown label 'caar', perhaps 'car'"
    assert found[1].startswith("train/0/frame0000: found major, too-few-points: object 2: ")
    assert "now at qc1" in said.out
    for name in ("bo", "cy"):
        task = take(name)
        if task is not None and task["stage"] == "qc1":
            break
    assert task["stage"] == "qc1"
    assert [(one["rule"], one["object"]) for one in task["findings"]][:2] == [
        ("unknown-label", 1),
        ("too-few-points", 2),
    ]
    assert "found       critical, unknown-label: object 1" in do("next", "--as", name).out
    assert "; findings: 1 critical, 1 major" in do("history", "frame0000").out
    document = do("findings", "frame0000", "--json").json
    assert document["findings"] == task["findings"]
    assert document["polygons"] == {"objects": 3, "drawn": 2, "hidden": 0, "dropped": {"fewer than 3 points": 1}}
    assert do("findings", "frame0000").out.splitlines()[-1] == "train/0/frame0000, revision 1: 2 findings, 0 gaps"


def test_gaps_are_told_for_the_page_that_shows_them() -> None:
    first, *_ = begin(2, "--findings", "show")
    first.write_text(json.dumps({"imgWidth": 16, "imgHeight": 12, "objects": [{"label": "road", "polygon": CAR}]}))
    do("submit", first, "--as", "asha")
    (gap,) = do("findings", "frame0000", "--json").json["gaps"]
    assert (gap["region"], gap["area"]) == ([0, 0, 16, 12], 16 * 12 - 8 * 7)


def test_a_project_may_refuse_what_is_critical() -> None:
    first, second = begin(2, "--findings", "no-critical")
    line = refused("submit", draw(first, ("caar", CAR)), "--as", "asha")
    assert line.endswith(
        "train/0/frame0000: a critical finding, unknown-label: object 1: unknown label 'caar', perhaps 'car'"
    )
    assert "tried to submit, refused: train/0/frame0000: a critical finding" in do("history", "frame0000").out
    # What is not critical passes, and so does all of it once the lead allows it.
    do("submit", draw(second, ("car", CAR[:2])), "--as", "bo")
    do("submit", draw(first, ("car", CAR)), "--as", "asha")
    do("settings", "--findings", "show", "--as", "lee")
    assert do("settings", "--json").json["findings"] == "show"
    with open_store("qc.db").reading() as connection:
        assert read_project(connection).findings == "show"


def test_a_project_may_look_for_nothing_or_by_other_labels() -> None:
    first, _ = begin(2, "--findings", "off")
    assert "found" not in do("submit", draw(first, ("caar", CAR)), "--as", "asha").err
    assert "findings" not in do("history", "frame0000").out
    assert "looks for nothing" in do("findings", "frame0000").out
    Path("my.txt").write_text("road\ncaar\n")
    do("settings", "--findings", "show", "--label-map", "my.txt", "--as", "lee")
    assert do("findings", "frame0000", "--json").json["findings"] == []
    assert do("settings", "--json").json["label_map"] == str(Path("my.txt").absolute())
    assert "no label map" in refused("settings", "--label-map", "nothing", "--as", "lee")
    assert call("settings", "--findings", "x", "--as", "lee").code == 2


def test_labels_that_are_gone_are_told_and_keep_nobody_from_handing_in() -> None:
    first, second = begin(2, "--findings", "show")
    Path("my.txt").write_text("road\ncar\n")
    do("settings", "--label-map", "my.txt", "--as", "lee")
    do("submit", draw(first, ("car", CAR)), "--as", "asha")
    Path("my.txt").unlink()
    assert "no label map" in refused("findings", "frame0000")
    said = do("submit", draw(second, ("car", CAR)), "--as", "bo")
    assert "Note: could not be looked through: " in said.err
    assert "could not be looked through" in do("next", "--as", "bo").err + do("next", "--as", "cy").err


def test_an_image_that_is_damaged_is_no_fault_of_the_hand_in() -> None:
    first, _ = begin(2, "--findings", "no-critical")  # the images are empty files
    assert do("submit", draw(first, ("car", CAR)), "--as", "asha").code == 0


def test_the_log_with_findings_is_verified() -> None:
    first, second = begin(2, "--findings", "show")
    do("submit", draw(first, ("caar", CAR)), "--as", "asha")
    do("settings", "--findings", "no-critical", "--as", "lee")
    refused("submit", draw(second, ("caar", CAR)), "--as", "bo")
    store = open_store("qc.db")
    assert verify(store).ok
    store.close()


def test_a_project_of_before_is_brought_up_to_date() -> None:
    store = create_store("qc.db")
    store.close()
    Path("qc.db").unlink()
    from sqlalchemy import create_engine

    engine = create_engine("sqlite:///qc.db")
    with engine.connect() as connection:
        command.upgrade(make_config(connection), "0001")
        connection.commit()
    engine.dispose()
    with sqlite3.connect("qc.db") as old:
        columns = [row[1] for row in old.execute("PRAGMA table_info(project)")]
        assert "findings" not in columns
        values = (1, "old", 2, "UTC", 3, 60, 1, "idd", "{}", "{}", "qc_files")
        old.execute(f"INSERT INTO project ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", values)
    old.close()
    assert f"'iddkit qc upgrade' brings them to {VERSION}" in refused("people")
    do("upgrade")
    with open_store("qc.db").reading() as connection:
        project = read_project(connection)
    assert (project.name, project.label_map, project.findings) == ("old", "idd", "show")
