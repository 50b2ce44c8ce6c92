from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iddkit.errors import OutputError
from iddkit.runs import Run
from tests.fake_runs import make_run, several


@pytest.mark.parametrize("run", [*several(), make_run(epochs=0, speed=None, leakage=None, peak_bytes=None)])
def test_a_saved_run_is_read_back_as_it_was(run: Run, tmp_path: Path) -> None:
    path = run.save(tmp_path)
    assert path == tmp_path / "run.json"
    for place in (tmp_path, path, str(path)):
        assert Run.load(place) == run


def test_saving_a_run_again_gives_the_same_bytes(tmp_path: Path) -> None:
    first = make_run().save(tmp_path / "a").read_bytes()
    assert Run.load(tmp_path / "a").save(tmp_path / "b").read_bytes() == first


def test_a_run_has_the_time_of_its_last_epoch_and_the_scores_of_its_matrix() -> None:
    run = make_run(minutes=15)
    assert run.seconds == 900
    assert replace(run, epochs=()).seconds == 0
    assert run.confusion.counts.shape == (7, 8)
    assert run.confusion.classes == run.labels
    assert int(run.confusion.counts.sum()) == sum(map(sum, run.counts))
    assert run.speed is not None
    assert run.speed.fps == pytest.approx(1000 / 29.4)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda found: [found], "not a run"),
        (lambda found: found | {"format": "something else"}, "not a run"),
        (lambda found: found | {"version": 99}, "version 99"),
        (lambda found: {"format": found["format"], "version": found["version"]}, "damaged"),
        (lambda found: found | {"run": found["run"] | {"seed": "seven"}}, "damaged"),
    ],
    ids=["list", "format", "version", "empty", "type"],
)
def test_a_file_that_is_no_run_is_refused_by_its_name(change: object, problem: str, tmp_path: Path) -> None:
    assert callable(change)
    path = make_run().save(tmp_path)
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(OutputError, match=problem) as caught:
        Run.load(tmp_path)
    assert str(path) in str(caught.value)


def test_half_a_file_and_no_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no run: it has no run.json"):
        Run.load(tmp_path)
    with pytest.raises(OutputError, match="cannot be read"):
        Run.load(tmp_path / "run.json")
    path = make_run().save(tmp_path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(OutputError, match="damaged"):
        Run.load(path)


def test_a_folder_of_runs_names_those_in_it(tmp_path: Path) -> None:
    for name in ("erfnet", "drn"):
        make_run().save(tmp_path / name)
    with pytest.raises(OutputError, match="a folder of runs; name one of them: drn, erfnet$"):
        Run.load(tmp_path)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("labels",), []),
        (("labels", 1), "drivable"),
        (("counts",), [[1, 2]]),
        (("counts", 2), [1, 2]),
        (("counts", 0, 0), -1),
        (("counts", 0, 0), 2**62 + 2**62),
        (("colors", 0, 0), 256),
        (("colors",), []),
        (("train", "pixels"), [1]),
        (("val", "pixels", 0), -1),
        (("val", "frames"), -1),
        (("prior",), [0.5]),
        (("prior", 0), 1.5),
        (("size", 0), 0),
        (("speed", "milliseconds"), 0),
        (("speed", "size", 1), 0),
        (("epochs", 0, "seconds"), -1),
        (("leakage", "frames"), 7),
        (("frames",), [7]),
        (("epochs",), None),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_a_run_whose_parts_do_not_fit_together_is_refused(
    place: tuple[Any, ...], value: object, tmp_path: Path
) -> None:
    path = make_run().save(tmp_path)
    document = json.loads(path.read_text())
    at = document["run"]
    for key in place[:-1]:
        at = at[key]
    assert at[place[-1]] != value
    at[place[-1]] = value
    path.write_text(json.dumps(document))
    with pytest.raises(OutputError, match="damaged") as caught:
        Run.load(tmp_path)
    assert str(path) in str(caught.value)
