"""Batches by the API and their pages: who may see and do what, and what is told of a sealed sample."""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from iddkit.frames import Index
from iddkit.qc import queue
from iddkit.qc.acceptance import SamplingPlan
from iddkit.qc.progress.certificate import redraw
from iddkit.qc.store.database import create_store
from tests.qc_project import Review, check_log, make_index, start_review
from tests.web_browsers import SignIn, open_browsers, require_nobody, require_strange

PLAN = SamplingPlan("fixed", n=4, c=1).to_json()

READS = (
    "",
    "/1",
    "/1/sample",
    "/1/burndown",
    "/1/burndown.csv",
    "/1/burndown.svg",
    "/1/certificate",
    "/1/certificate.html",
)
MOVES = ("freeze", "sample", "conclude")


@pytest.fixture
def review(tmp_path: Path) -> Iterator[Review]:
    """A batch of six frames, all of them ready."""
    store = create_store(str(tmp_path / "qc.db"), durable=False)
    made = start_review(store, 6, plan3=PLAN, plan4=PLAN, files=str(tmp_path / "files"))
    made.to_ready(*range(1, 7))
    yield made
    store.close()


@pytest.fixture
def sign_in(review: Review, monkeypatch: pytest.MonkeyPatch) -> Iterator[SignIn]:
    with open_browsers(review.store, monkeypatch) as opened:
        yield opened


def draw(review: Review) -> list[str]:
    """Freeze the batch and draw; return the keys of the sample."""
    review.freeze()
    review.draw()
    return [frame.key for frame in review.frames() if frame.sample is not None]


def test_an_annotator_learns_nothing_of_batches(sign_in: SignIn, review: Review) -> None:
    draw(review)
    ann = sign_in("ann")
    requests = [f"/api/v1/batches{path}" for path in (*READS, "/99", "/99/sample")]
    pages = ("/batches", "/batches/1", "/batches/99")
    require_strange(ann, "supervisors, researchers, experts and leads", requests, pages)
    for move in MOVES:
        assert ann.post(f"/api/v1/batches/1/{move}", json={}).status_code == 403, move


def test_who_is_not_signed_in_gets_nothing(sign_in: SignIn) -> None:
    client = sign_in("")
    require_nobody(client, [f"/api/v1/batches{path}" for path in READS], ("/batches", "/batches/1"))
    for move in MOVES:
        assert client.post(f"/api/v1/batches/1/{move}", json={}).status_code == 401, move


@pytest.mark.parametrize("name", ["lea", "sue", "rex", "eve"])
def test_others_see_every_batch(sign_in: SignIn, name: str) -> None:
    client = sign_in(name)
    for path in READS:
        assert client.get(f"/api/v1/batches{path}").status_code == 200, path
    (one,) = client.get("/api/v1/batches").json()["batches"]
    assert one == client.get("/api/v1/batches/1").json()
    assert (one["name"], one["stage"], one["frames"], one["stages"]["ready"]) == ("b", "open", 6, 6)
    assert (one["step"], one["may"], one["sample"]) == ("freeze", name != "sue", None)
    assert 'href="/batches/1"' in client.get("/batches").text
    assert ("Freeze the batch" in client.get("/batches/1").text) == (name != "sue")


def test_a_batch_that_is_not_there_is_not_found(sign_in: SignIn) -> None:
    client = sign_in("lea")
    for path in READS[1:]:
        assert client.get(f"/api/v1/batches{path.replace('1', '99', 1)}").json() == {"detail": "no such batch"}, path
    for move in MOVES:
        assert client.post(f"/api/v1/batches/99/{move}", json={}).status_code == 404, move
    assert client.get("/batches/99").status_code == 404
    for number in ("0", "-1", "x", "99999999999999999999"):
        assert client.get(f"/api/v1/batches/{number}").status_code == 422, number


def test_a_batch_goes_through_both_samples(sign_in: SignIn, review: Review) -> None:
    rex = sign_in("rex")
    said = rex.post("/api/v1/batches/1/freeze", json={}).json()
    assert (said["stage"], said["step"], said["round"]) == ("qc3", "sample", 1)
    for name, stage in (("rex", "qc3"), ("eve", "qc4")):
        said = rex.post("/api/v1/batches/1/sample", json={"seed": f"a seed of {stage}"}).json()
        assert (said["step"], said["sample"]["stage"], said["sample"]["n"]) == ("conclude", stage, 4)
        refused = rex.post("/api/v1/batches/1/conclude", json={})
        assert refused.status_code == 409
        assert "cannot be concluded yet: 0 bad among 0 so far" in refused.json()["detail"]
        review.now = datetime.now(UTC)
        review.judge_sample(name)
        said = rex.get("/api/v1/batches/1/sample").json()["sample"]
        assert (said["judged"], said["bad"], said["outcome"], said["needed"]) == (4, 0, "accept", 0)
        said = rex.post("/api/v1/batches/1/conclude", json={}).json()
        assert (said["verdict"], said["to_mend"], said["sample"]) == ("accept", 0, None)
    assert (said["stage"], said["step"], said["may"]) == ("accepted", None, False)
    assert "passed both samples" in rex.get("/batches/1").text
    assert redraw(rex.get("/api/v1/batches/1/certificate").content) == []
    check_log(review.store)


def test_moves_are_refused_as_the_queue_refuses_them(sign_in: SignIn, review: Review) -> None:
    lea, sue = sign_in("lea"), sign_in("sue")
    said = sue.post("/api/v1/batches/1/freeze", json={})
    assert said.status_code == 409
    assert "is for researcher or expert or lead, and sue is none" in said.json()["detail"]
    for move in ("sample", "conclude"):
        assert "is not frozen" in lea.post(f"/api/v1/batches/1/{move}", json={}).json()["detail"]
    assert lea.post("/api/v1/batches/1/freeze", json={}).status_code == 200
    assert "is at qc3 already" in lea.post("/api/v1/batches/1/freeze", json={}).json()["detail"]
    assert "has no open sample" in lea.post("/api/v1/batches/1/conclude", json={}).json()["detail"]
    assert lea.post("/api/v1/batches/1/sample", json={}).status_code == 200
    assert "has an open sample" in lea.post("/api/v1/batches/1/sample", json={}).json()["detail"]
    refused = [event.data["action"] for event in review.events() if event.kind == "refused"]
    assert refused == ["freeze", "sample", "conclude", "freeze", "conclude", "sample"]


def test_frames_that_are_not_ready_are_left_to_another_batch(sign_in: SignIn, review: Review) -> None:
    client, person = sign_in("rex"), review.person("lea")
    late = Index(Path("/data"), "idd", make_index(8).frames[6:])
    review.do(lambda work: queue.add_frames(work, late, "b", person))
    said = client.post("/api/v1/batches/1/freeze", json={})
    assert said.status_code == 409
    assert "has frames that are not ready: 2 at annotate" in said.json()["detail"]
    assert "Leave the 2 others to batch" in client.get("/batches/1").text
    assert client.post("/api/v1/batches/1/freeze", json={"leave_to": "later"}).json()["frames"] == 6
    names = [(one["name"], one["frames"]) for one in client.get("/api/v1/batches").json()["batches"]]
    assert names == [("b", 6), ("later", 2)]


def test_the_running_result_tells_what_remains(sign_in: SignIn, review: Review) -> None:
    draw(review)
    drawn = sorted((one for one in review.frames() if one.sample), key=lambda one: one.position or 0)
    review.fails("rex", drawn[0].id)
    review.passes("rex", drawn[2].id)
    sue = sign_in("sue")
    said = sue.get("/api/v1/batches/1/sample").json()["sample"]
    told = {name: said[name] for name in ("stage", "n", "c", "judged", "bad", "outcome", "needed", "bad_to_return")}
    assert told == {
        "stage": "qc3",
        "n": 4,
        "c": 1,
        "judged": 2,
        "bad": 1,
        "outcome": "continue",
        "needed": 2,
        "bad_to_return": 1,
    }
    assert said["reason"] == "1 bad among 2 so far; at most 2 more to look at"
    assert said["remains"] == "2 more images to look at; 1 more bad one would return the batch"
    page = sue.get("/batches/1").text
    assert said["remains"] in page
    assert "Conclude QC3" not in page
    assert "disabled" in sign_in("rex").get("/batches/1").text


def test_only_those_who_judge_samples_learn_which_images_are_in_an_open_one(sign_in: SignIn, review: Review) -> None:
    drawn = draw(review)
    sue, rex = sign_in("sue"), sign_in("rex")
    for client in (sue, rex):
        for path in ("/api/v1/batches", "/api/v1/batches/1", "/api/v1/batches/1/sample", "/batches", "/batches/1"):
            assert not any(key in client.get(path).text for key in drawn), path
    for client, path in itertools.product((sue, rex), ("certificate", "certificate.html")):
        said = client.get(f"/api/v1/batches/1/{path}")
        assert said.status_code == 403
        assert not any(key in said.text for key in drawn)
    assert sorted(sign_in("lea").get("/api/v1/batches/1/certificate").json()["rounds"][0]["sample"]) == sorted(drawn)
    assert "certificate.html" not in sue.get("/batches/1").text
    review.judge_sample("rex")
    review.conclude()
    assert sue.get("/api/v1/batches/1/certificate").status_code == 200
    assert "certificate.html" in sue.get("/batches/1").text


def test_giving_back_does_not_tell_who_works_on_a_sample(sign_in: SignIn, review: Review) -> None:
    drawn = draw(review)
    rex, sue, ann = sign_in("rex"), sign_in("sue"), sign_in("ann")
    number = rex.post("/api/v1/tasks/next", json={}).json()["frame"]["id"]
    keys = {frame.id: frame.key for frame in review.frames()}
    assert keys[number] in drawn
    for client in (sue, ann):
        said = {client.post(f"/api/v1/frames/{one}/release").json()["detail"] for one in keys}
        assert len({words.partition(": ")[2] or words for words in said}) == 1
    assert rex.post(f"/api/v1/frames/{number}/release").status_code == 200


def test_a_sample_that_fails_returns_the_batch(sign_in: SignIn, review: Review) -> None:
    draw(review)
    drawn = [one.id for one in review.frames() if one.sample]
    review.judge_sample("rex", *drawn[:2])
    rex = sign_in("rex")
    assert "Conclude QC3: the batch is returned" in rex.get("/batches/1").text
    said = rex.post("/api/v1/batches/1/conclude", json={}).json()
    assert (said["verdict"], said["to_mend"], said["stage"], said["step"]) == ("return", 2, "open", "freeze")
    assert said["stages"]["repair"] == 2


def test_a_certificate_is_shown_with_its_own_style_and_no_script(sign_in: SignIn, review: Review) -> None:
    draw(review)
    said = sign_in("lea").get("/api/v1/batches/1/certificate.html")
    policy = said.headers["content-security-policy"]
    style = said.text.partition("<style>")[2].partition("</style>")[0]
    assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() in policy
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy


def test_the_burn_down_is_the_same_in_numbers(sign_in: SignIn) -> None:
    client = sign_in("rex")
    told: dict[str, Any] = client.get("/api/v1/batches/1/burndown").json()
    _, *lines = client.get("/api/v1/batches/1/burndown.csv").text.splitlines()
    series = [list(map(int, line.split(",")[1:])) for line in lines]
    assert series == [list(counts) for counts in zip(*told["left"].values(), strict=True)]
    said = client.get("/api/v1/batches/1/burndown.svg")
    assert said.headers["content-type"] == "image/svg+xml"
    assert b"<svg" in said.content


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"seed": ""}', b'{"seed": "\\u0000"}', b'{"seed": "\\ud800"}', b'{"x": 1}']
)
def test_odd_bodies_are_told_to_be_wrong(sign_in: SignIn, review: Review, body: bytes) -> None:
    client, before = sign_in("lea"), review.rows()
    for move in MOVES:
        said = client.post(
            f"/api/v1/batches/1/{move}",
            content=body.replace(b"seed", b"leave_to") if move == "freeze" else body,
            headers={"content-type": "application/json"},
        )
        assert said.status_code == 422, (move, said.text)
    assert review.rows() == before


def test_no_history_tells_what_is_in_an_open_sample(sign_in: SignIn, review: Review) -> None:
    keys = draw(review)
    number = next(frame.id for frame in review.frames() if frame.key in keys)
    for name, knows in (("rex", True), ("eve", True), ("lea", True), ("sue", False), ("ann", False)):
        told = sign_in(name).get(f"/api/v1/frames/{number}/history").json()["history"]
        assert ("sample" in str(told)) is knows, name
    sign_in("rex").post("/api/v1/tasks/next", json={"stage": "qc3"})
    claims = sign_in("sue").get("/api/v1/claims").json()["claims"]
    assert [(one["number"], one["frame"]) for one in claims] == [(None, "an image of the sample")]
    assert "an image of the sample" in sign_in("sue").get("/dashboard").text
    (claim,) = sign_in("lea").get("/api/v1/claims").json()["claims"]
    assert claim["frame"] in keys
    assert f"/api/v1/frames/{claim['number']}/release" in sign_in("lea").get("/dashboard").text


def test_who_knows_no_sample_learns_of_none_by_what_nobody_can_judge(sign_in: SignIn, review: Review) -> None:
    keys = draw(review)
    lead, supervisor = sign_in("lea"), sign_in("sue")
    with review.store.writing(review.now) as work:
        lea = queue.find_person(work, "lea")
        for name in ("rex", "rob", "lea"):
            queue.set_absence(work, queue.find_person(work, name), lea, 0, None)
    stuck = lead.get("/api/v1/standing").json()["stuck"]
    assert {one["frame"] for one in stuck} == {*keys}
    told = supervisor.get("/api/v1/standing").json()["stuck"]
    assert [(one["number"], one["frame"]) for one in told] == [(None, "an image of the sample")] * len(stuck)
    for path in ("/dashboard", "/api/v1/tables/stuck.csv"):
        text = supervisor.get(path).text
        assert "an image of the sample" in text, path
        assert not any(key in text for key in keys), path
