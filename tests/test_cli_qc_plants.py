"""``iddkit qc plant``, ``plants``, and what other commands say of planted errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from iddkit import formats, synthetic
from iddkit.cli.qc.plants import _KINDS
from iddkit.frames import scan
from iddkit.qc.spoiling import KINDS
from tests.qc_commands import begin, call, do, pass_all, refused, take


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def waiting() -> list[str]:
    """A project of four frames with real scenes that wait at QC2."""
    files = begin(4)
    for number, path in enumerate(files):
        path.write_bytes(formats.dumper("cityscapes")(synthetic.scene(number, width=480, height=270).annotation))
        do("submit", path, "--as", "asha")
    for name in ("bo", "cy"):
        pass_all(name, "qc1")
    return [frame.key for frame in scan("IDD").frames]


def test_a_planted_error_is_shown_judged_and_listed(waiting: list[str]) -> None:
    said = do("plant", "--count", 2, "--seed", 4, "--stage", "qc2")
    assert "seed 4" in said.err
    assert said.out.count("planted at qc2 for whoever reviews it first") == 2
    listed = do("plants", "--json").json
    assert [one["state"] for one in listed["plants"]] == ["open", "open"]
    shas = {one["frame"]: one["sha256"] for one in listed["plants"]}
    kinds = {one["frame"]: one["reason"] for one in listed["plants"]}
    judged: list[str] = []
    for _ in range(4):
        task = take("sue")
        key = task["frame"]
        assert (key in shas) == (shas.get(key, "none")[2:] in task["annotation"])
        shown = Path(task["annotation"]).read_text()
        assert do("get", key, "--as", "sue").out == do("get", key, "--as", "sue", "--revision", 1).out == shown
        assert (do("get", key).out != shown) == (key in shas)
        assert do("findings", key, "--as", "sue", "--json").json["revision"] == 1
        if key in shas and not judged:
            passed = do("review", key, "--as", "sue", "--fail", "--reason", kinds[key])
            assert passed.out == f"{key}: failed qc2, revision 1; now at repair\n"
        else:
            passed = do("review", key, "--as", "sue", "--pass")
            # What was planted is answered as all else is.
            assert passed.out == f"{key}: passed qc2, revision 1; now at ready\n"
        judged += [key] if key in shas else []
    assert len(judged) == 2
    listed = do("plants", "--json").json
    assert sorted((one["state"], one["located"]) for one in listed["plants"]) == [("caught", True), ("missed", False)]
    stage = listed["sensitivity"]["stages"]["qc2"]
    assert (stage["caught"], stage["of"], stage["located"], stage["value"]) == (1, 2, 1, 0.5)
    shown = do("plants").out
    assert "too few to say" in shown
    assert "50.0" in shown
    assert "planted" not in do("history", judged[0]).out
    assert "planted" not in do("history", judged[0], "--as", "sue").out
    assert "caught the planted copy" in do("history", judged[0], "--as", "lee").out
    # Both come again as they are.
    assert pass_all("sue", "qc2") == 2
    assert do("verify").code == 0


def test_the_commands_know_what_can_be_made_wrong() -> None:
    assert _KINDS == KINDS


def test_the_seed_chooses_and_frames_can_be_named(waiting: list[str]) -> None:
    said = do("plant", waiting[2], "--reviewer", "sue", "--kind", "wrong-label", "--json").json
    assert [(one["frame"], one["reviewer"], one["reason"]) for one in said] == [(waiting[2], "sue", "wrong-label")]
    assert "planted already" in refused("plant", waiting[2])
    assert "no batch" in refused("plant", "--batch", "nowhere")
    assert "no frame at which anything can be planted" in refused("plant", "--stage", "qc3")
    assert "lead" in refused("plant", "--as", "sue")


def test_a_copy_of_the_leads_own(waiting: list[str]) -> None:
    path = next(Path("IDD").glob(f"gtFine/{waiting[0].rsplit('/', 1)[0]}/*.json"))
    document = json.loads(path.read_text())
    for item in document["objects"]:
        if item["label"] == "building":
            item["label"] = "wall"
    Path("bad.json").write_text(json.dumps(document))
    said = do("plant", waiting[0], "--file", "bad.json", "--reason", "wrong-label")
    assert said.out.startswith(f"{waiting[0]}: planted at qc2 for whoever reviews it first: wrong-label")
    assert call("plant", waiting[0], "--file", "bad.json").code == 2
    assert call("plant", "--file", "bad.json", "--reason", "gap").code == 2


def test_where_nothing_was_planted_it_says_so() -> None:
    begin(1)
    assert do("plants").out == "nothing was planted\n"
    said = refused("plan", "--sensitivity", "measured")
    assert "the sensitivity at qc3 was not measured" in said
    assert call("plan", "--stage", "qc3").code == 2


def test_a_plan_with_the_measured_sensitivity(waiting: list[str]) -> None:
    do("plant", "--count", 3, "--seed", 1)
    for fails in (True, True, False, False):
        key = take("sue")["frame"]
        do("review", key, "--as", "sue", *(["--fail", "--reason", "boundary"] if fails else ["--pass"]))
    listed = do("plants", "--json").json["sensitivity"]["stages"]["qc2"]
    options = ("plan", "--size", 200, "--aql", "1%", "--rql", "5%")
    said = do(*options, "--sensitivity", "measured", "--stage", "qc2", "--json").json
    given = do(*options, "--sensitivity", f"{listed['caught']}/{listed['of']}", "--json").json
    measured = said.pop("measured")
    assert said == given
    assert (measured["caught"], measured["judged"]) == (listed["caught"], listed["of"])
    assert 0 <= listed["low"] - measured["low"] < 1e-4
    at_low = do(*options, "--sensitivity", measured["low"], "--json").json
    assert measured["risks_at_low"]["consumer"] == at_low["consumer_risk"]
    assert measured["curve_at_low"] == at_low["curve"]
    shown = do(*options, "--sensitivity", "measured", "--stage", "qc2", "--plot", "oc.svg").out
    assert f"{listed['caught']} of {listed['of']} planted errors caught" in shown
    assert "accepted %, the low end" in shown
    do(*options, "--sensitivity", f"{listed['caught']}/{listed['of']}", "--plot", "plain.svg")
    assert len(Path("oc.svg").read_text()) > len(Path("plain.svg").read_text())
