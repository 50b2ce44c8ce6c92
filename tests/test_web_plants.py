"""Planted errors in the browser: nothing that a reviewer is told gives them away."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="needs iddkit[web]: fastapi is not installed")
pytest.importorskip("argon2", reason="needs iddkit[web]: argon2-cffi is not installed")
pytest.importorskip("httpx2", reason="needs httpx2")

from starlette.testclient import TestClient

from iddkit import formats, synthetic
from iddkit.qc.events import Kind
from iddkit.qc.store import contents
from iddkit.qc.store.tables import frames
from iddkit.qc.verify import verify
from tests.qc_run import Run, start
from tests.web_browsers import SignIn, open_browsers


def street(number: int) -> bytes:
    return formats.dumper("cityscapes")(synthetic.scene(number, width=480, height=270).annotation)


@pytest.fixture
def run(tmp_path: Any) -> Iterator[Run]:
    """A project of three frames that wait at QC2."""
    made = start(tmp_path / "p", 3)
    for frame in made.frames("annotate"):
        made.submit(frame.key, "ann", street(frame.id))
    made.step_all("qc1")
    yield made
    made.store.close()


@pytest.fixture
def sign_in(run: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[SignIn]:
    with open_browsers(run.store, monkeypatch) as opened:
        yield opened


def plant(client: TestClient, **asked: Any) -> dict[str, Any]:
    said = client.post("/api/v1/plants", json=asked)
    assert said.status_code == 200, said.text
    (made,) = said.json()["plants"]
    found: dict[str, Any] = made
    return found


def number_of(run: Run, made: dict[str, Any]) -> int:
    return run.frame(made["frame"]).id


def kinds(run: Run, *wanted: Kind) -> list[str]:
    with run.store.looking() as work:
        rows = work.connection.exec_driver_sql("SELECT kind FROM event").scalars().all()
    return [kind for kind in rows if kind in wanted]


#: What differs because other objects are drawn, and nothing else.
DRAWN = {"sha256", "index", "objects", "shapes", "findings", "finding_count", "gaps", "gap_count"}


def test_the_document_of_a_copy_says_what_that_of_the_frame_says(run: Run, sign_in: SignIn) -> None:
    lead, sue = sign_in("lead"), sign_in("sue")
    before = {number: sue.get(f"/api/v1/frames/{number}").json() for number in (1, 2, 3)}
    made = plant(lead, seed=3)
    number = number_of(run, made)
    document = sue.get(f"/api/v1/frames/{number}").json()
    assert document["sha256"] == made["sha256"] != before[number]["sha256"]
    assert document.keys() == before[number].keys()
    assert {key for key in document if document[key] != before[number][key]} <= DRAWN
    assert {"sha256", "index", "shapes"} <= {key for key in document if document[key] != before[number][key]}
    assert "plant" not in json.dumps(document)
    for shape, one in zip(document["shapes"], before[number]["shapes"], strict=False):
        assert shape.keys() == one.keys()
    # The others are as they were, and so is this one to all others.
    for other in {1, 2, 3} - {number}:
        assert sue.get(f"/api/v1/frames/{other}").json() == before[other]
    for client in (lead, sign_in("ann")):
        assert client.get(f"/api/v1/frames/{number}").json()["sha256"] == before[number]["sha256"]


def test_every_door_shows_the_same_version(run: Run, sign_in: SignIn) -> None:
    lead, sue = sign_in("lead"), sign_in("sue")
    number = number_of(run, made := plant(lead, kinds=["boundary"]))
    copy = contents.fetch(run.folder / "qc_files", made["sha256"])
    document = sue.get(f"/api/v1/frames/{number}").json()
    assert sue.get(f"/api/v1/frames/{number}/annotation").content == copy
    assert sue.get(f"/api/v1/frames/{number}/annotation?revision=1").content == copy
    assert lead.get(f"/api/v1/frames/{number}/annotation").content == street(number)
    shown, plain = (client.get(f"/api/v1/frames/{number}/index").content for client in (sue, lead))
    assert shown == sue.get(document["index"]).content
    assert shown != plain
    hidden, told = (client.get(f"/api/v1/frames/{number}/history").json()["history"] for client in (sue, lead))
    assert "plant" not in json.dumps(hidden)
    assert [entry["kind"] for entry in told] == [*(entry["kind"] for entry in hidden), "planted"]


def test_a_verdict_on_a_copy_is_answered_like_any_other_and_counts_once(run: Run, sign_in: SignIn) -> None:
    lead, sue = sign_in("lead"), sign_in("sue")
    number = number_of(run, plant(lead, reviewer="sue"))
    other = number % 3 + 1
    answers = {}
    for frame in (number, other):
        verdict = {"verdict": "pass", "revision": 1, "request": f"word-{frame}", "seconds": 30}
        first, second = (sue.post(f"/api/v1/frames/{frame}/verdict", json=verdict).json() for _ in range(2))
        assert (first["was_there"], second["was_there"]) == (False, True)
        answers[frame] = [{**said, "id": 0, "key": ""} for said in (first, second)]
    assert answers[number] == answers[other]
    assert kinds(run, Kind.REVIEWED, Kind.PROBED).count(str(Kind.PROBED)) == 1
    done = sue.get("/api/v1/desk").json()["done"]
    assert [(one["kind"], one["count"], one["seconds"]) for one in done] == [("reviewed", 2, 60)]
    # Afterwards the frame comes as it is.
    assert sue.get(f"/api/v1/frames/{number}/annotation").content == street(number)
    verdict = {"verdict": "fail", "revision": 1, "request": "again", "marks": [{"reason": "gap"}]}
    assert sue.post(f"/api/v1/frames/{number}/verdict", json=verdict).json()["stage"] == "repair"
    assert verify(run.store).findings == ()


def test_a_page_that_was_open_before_judges_what_it_shows(run: Run, sign_in: SignIn) -> None:
    lead, sue = sign_in("lead"), sign_in("sue")
    shown = {number: sue.get(f"/api/v1/frames/{number}").json()["sha256"] for number in (1, 2, 3)}
    number = number_of(run, plant(lead))
    verdict = {"verdict": "pass", "revision": 1, "sha256": "0" * 64}
    assert sue.post(f"/api/v1/frames/{number}/verdict", json=verdict).status_code == 409
    said = sue.post(f"/api/v1/frames/{number}/verdict", json={**verdict, "sha256": shown[number]})
    assert said.json()["stage"] == "ready"
    (one,) = lead.get("/api/v1/plants").json()["plants"]
    assert one["state"] == "void"


def test_only_leads_plant_and_read_what_is_planted(run: Run, sign_in: SignIn) -> None:
    for name in ("sue", "ann", "rex"):
        client = sign_in(name)
        assert client.post("/api/v1/plants", json={}).status_code == 409
        for path in ("plants", "sensitivity", "tables/sensitivity.csv", "tables/plants.csv"):
            assert client.get(f"/api/v1/{path}").status_code == 403, path
    assert "lanted" in sign_in("lead").get("/dashboard").text
    assert "lanted" not in sign_in("sue").get("/dashboard").text
    assert kinds(run, Kind.PLANTED) == []


def test_sensitivity_is_told(run: Run, sign_in: SignIn) -> None:
    lead, sue = sign_in("lead"), sign_in("sue")
    made = plant(lead, kinds=["boundary"])
    assert made["reason"] == "boundary"
    x, y, width, height = made["region"]
    mark = {"reason": "gap", "region": [x + width // 2, y + height // 2, 2, 2]}
    verdict = {"verdict": "fail", "revision": 1, "marks": [mark]}
    assert sue.post(f"/api/v1/frames/{number_of(run, made)}/verdict", json=verdict).json()["stage"] == "repair"
    seen = lead.get("/api/v1/sensitivity?batch=B").json()
    assert seen["stages"]["qc2"]["caught"] == seen["stages"]["qc2"]["of"] == seen["stages"]["qc2"]["located"] == 1
    assert [(one["stage"], one["reviewer"]) for one in seen["reviewers"]] == [("qc2", "sue")]
    (one,) = lead.get("/api/v1/plants").json()["plants"]
    assert (one["state"], one["judge"], one["located"]) == ("caught", "sue", True)
    (row,) = csv.DictReader(io.StringIO(lead.get("/api/v1/tables/plants.csv").text))
    assert (row["frame"], row["state"], row["judged by"]) == (one["frame"], "caught", "sue")
    assert one["frame"] in lead.get("/dashboard").text


def test_a_leads_own_copy(run: Run, sign_in: SignIn) -> None:
    lead = sign_in("lead")
    own = street(1).replace(b'"building"', b'"wall"').decode()
    made = plant(lead, frame=1, content=own, reason="wrong-label", reviewer="sue")
    assert (made["frame"], made["reason"], made["reviewer"]) == (run.frames("qc2")[0].key, "wrong-label", "sue")
    assert sign_in("sue").get("/api/v1/frames/1/annotation").content == own.encode()
    assert plant(lead, frame=2)["frame"] == run.frames("qc2")[1].key


@pytest.mark.parametrize(
    "body",
    [
        {"content": "{}"},
        {"frame": 9},
        {"frame": 1, "content": "{"},
        {"frame": 1, "content": "\ud800"},
        {"frame": 1, "content": "{}", "reason": "no-such"},
        {"stage": "annotate"},
        {"batch": "nowhere"},
        {"reviewer": "nobody"},
        {"stage": "qc4"},
        {"kinds": ["gap"]},
        {"count": 0},
        {"planted": True},
    ],
)
def test_what_cannot_be_planted_is_told(run: Run, sign_in: SignIn, body: dict[str, Any]) -> None:
    said = sign_in("lead").post(
        "/api/v1/plants", content=json.dumps(body), headers={"content-type": "application/json"}
    )
    assert said.status_code in (404, 422), said.text
    assert str(run.folder) not in said.text
    assert kinds(run, Kind.PLANTED) == []


def test_the_history_does_not_tell_what_the_copy_lacks(run: Run, sign_in: SignIn) -> None:
    lead, sue = sign_in("lead"), sign_in("sue")
    number = number_of(run, plant(lead, kinds=["missing-object"]))
    told = sue.get(f"/api/v1/frames/{number}/history").text
    assert "shapes" not in told
    assert "shapes" in lead.get(f"/api/v1/frames/{number}/history").text


def test_a_judge_sees_their_verdict_on_a_copy_among_those_of_the_sample(run: Run, sign_in: SignIn) -> None:
    run.step_all("qc2")
    run.freeze("B", "a seed")
    lead, rex, eve = sign_in("lead"), sign_in("rex"), sign_in("eve")

    def told(client: TestClient) -> list[tuple[int, int]]:
        samples = [client.get("/api/v1/batches/1/sample").json()["sample"]]
        samples += [client.get("/api/v1/batches").json()["batches"][0]["sample"]]
        return [(one["judged"], one["bad"]) for one in samples]

    number = number_of(run, plant(lead, stage="qc3", reviewer="rex"))
    assert told(rex) == told(lead) == [(0, 0)] * 2
    verdict = {"verdict": "fail", "revision": 1, "marks": [{"reason": "gap", "severity": "critical"}]}
    assert rex.post(f"/api/v1/frames/{number}/verdict", json=verdict).status_code == 200
    assert told(rex) == [(1, 1)] * 2
    assert told(lead) == told(eve) == [(0, 0)] * 2
    # It decides nothing, and is told no more once the image itself is judged.
    assert "cannot be concluded yet" in rex.post("/api/v1/batches/1/conclude", json={}).json()["detail"]
    assert (
        rex.post(f"/api/v1/frames/{number}/verdict", json={**verdict, "verdict": "pass", "marks": []}).status_code
        == 200
    )
    assert told(rex) == told(lead) == [(1, 0)] * 2
    assert verify(run.store).findings == ()


def test_no_number_of_a_version_gives_a_copy_away(run: Run, sign_in: SignIn) -> None:
    lead, sue = sign_in("lead"), sign_in("sue")
    for frame in run.frames("qc2"):  # what was handed in is what the dataset came with
        path = Path(frame.root, "came_with.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        with run.store.writing(run.tick()) as work:
            annotation = f"came_with_{frame.id}.json"
            Path(frame.root, annotation).write_bytes(street(frame.id))
            work.connection.execute(frames.update().where(frames.c.id == frame.id).values(annotation=annotation))
    planted = number_of(run, plant(lead))
    for number in (1, 2, 3):
        said = [sue.get(f"/api/v1/frames/{number}/annotation{of}").content for of in ("", "?revision=0", "?revision=1")]
        assert said == [said[0]] * 3
        assert (said[0] == street(number)) is (number != planted)
    assert lead.get(f"/api/v1/frames/{planted}/annotation?revision=0").content == street(planted)
