"""The HTTP API of the review: signing in, who may see and do what, and that nothing is done twice or lost."""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
import os
import re
import sys
import threading
import tracemalloc
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="needs iddkit[web]: fastapi is not installed")
pytest.importorskip("argon2", reason="needs iddkit[web]: argon2-cffi is not installed")
pytest.importorskip("httpx2", reason="needs httpx2")

import httpx2
from starlette.testclient import TestClient

from iddkit import formats, labels
from iddkit.checks import Checked, Finding, check_reading
from iddkit.files import data_folder, sha256
from iddkit.qc import accounts, queue
from iddkit.qc.events import Kind, to_microseconds
from iddkit.qc.stages import Stage
from iddkit.qc.state import Frame
from iddkit.qc.store import contents
from iddkit.qc.store.database import Store
from iddkit.qc.verify import verify
from iddkit.raster import paint
from iddkit.severity import Severity
from iddkit.web.app import create_app
from iddkit.web.settings import Settings
from tests.web_browsers import PASSWORD, SignIn, bring, make_street, open_browsers


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A project of two frames in two batches."""
    made = make_street(tmp_path, {"B": 1, "C": 1})
    yield made
    made.close()


@pytest.fixture
def sign_in(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[SignIn]:
    with open_browsers(store, monkeypatch, Settings(attempts=3, pause=60.0, most_bytes=2_000_000)) as opened:
        yield opened


def polygons(store: Store, number: int = 0) -> bytes:
    return next((store.folder / f"idd/gtFine/train/{number}").glob("*.json")).read_bytes()


def hand_in(client: TestClient, number: int, content: bytes) -> dict[str, Any]:
    assert client.post("/api/v1/tasks/next", json={"stage": "annotate"}).json()["frame"]["id"] == number
    said = client.post(f"/api/v1/frames/{number}/annotation?name=a.json", content=content)
    assert said.status_code == 200, said.text
    found: dict[str, Any] = said.json()
    return found


def test_a_password_that_is_wrong_too_often_makes_wait(sign_in: SignIn) -> None:
    client = sign_in("")
    wrong = {"name": "bo", "password": "wrong horse"}
    assert [client.post("/api/v1/session", json=wrong).status_code for _ in range(4)] == [401, 401, 401, 429]
    # Of the name, too, from wherever it is tried, and with the right password.
    said = sign_in("").post("/api/v1/session", json={"name": "bo", "password": PASSWORD})
    assert said.status_code == 429
    assert int(said.headers["retry-after"]) > 0
    nobody = sign_in("").post("/api/v1/session", json={"name": "nobody", "password": PASSWORD})
    assert nobody.status_code == 401
    assert nobody.json() == {"detail": "no such name with this password"}


def test_guesses_at_once_count_like_one_after_another(sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(4)

    def check(*_: object) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(0.3)  # for others, if others can come

    monkeypatch.setattr(accounts, "check_password", check)
    clients = [sign_in("") for _ in range(8)]
    with ThreadPoolExecutor(len(clients)) as pool:
        body = {"name": "ann", "password": "a wrong one"}
        said = list(pool.map(lambda client: client.post("/api/v1/session", json=body).status_code, clients))
    assert sorted(said) == [401] * 3 + [429] * 5


def test_a_link_works_once_and_brings_a_password(sign_in: SignIn) -> None:
    path = sign_in("lea").post("/api/v1/links", json={"name": "cy"}).json()["path"]
    token, client = path.partition("#")[2], sign_in("")
    before = sign_in("cy")
    assert client.post("/api/v1/session/link", json={"token": token, "password": "short"}).status_code == 422
    said = client.post("/api/v1/session/link", json={"token": token, "password": "another horse"})
    assert (said.status_code, said.json()["name"]) == (200, "cy")
    again = sign_in("").post("/api/v1/session/link", json={"token": token, "password": "another horse"})
    assert again.status_code == 401
    assert before.get("/api/v1/me").status_code == 401  # who was signed in by the name no longer is
    assert sign_in("").post("/api/v1/session", json={"name": "cy", "password": PASSWORD}).status_code == 401


def test_no_script_and_no_other_site_gets_the_cookie_of_a_session(sign_in: SignIn) -> None:
    client = sign_in("bo")
    cookie = client.post("/api/v1/session", json={"name": "bo", "password": PASSWORD}).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


def test_a_frame_goes_from_hand_in_to_repair_and_back(sign_in: SignIn, store: Store) -> None:
    ann, bo = sign_in("ann"), sign_in("bo")
    said = hand_in(ann, 1, polygons(store))
    assert (said["stage"], said["handed_in"], said["conflict"]) == ("qc1", 1, "")
    peer = next(one for one in (bo, sign_in("cy")) if one.get("/api/v1/desk").json()["queue"])
    found = peer.post("/api/v1/tasks/next", json={}).json()["frame"]
    assert (found["id"], found["stage"]) == (1, "qc1")
    document = peer.get("/api/v1/frames/1").json()
    assert document["claimed"]
    assert document["questions"]
    mark = {"reason": "wrong-label", "shape": 3, "label": "truck", "text": "it carries bricks"}
    verdict = {"verdict": "fail", "revision": 1, "marks": [mark], "request": "one"}
    assert peer.post("/api/v1/frames/1/verdict", json=verdict).json()["stage"] == "repair"
    (repair,) = ann.get("/api/v1/desk").json()["repairs"]
    assert repair["failure"]["marks"][0]["text"] == "it carries bricks"
    assert "it carries bricks" in ann.get("/").text
    done = peer.get("/api/v1/desk").json()["done"]
    assert [(one["kind"], one["verdict"], one["count"]) for one in done] == [("reviewed", "fail", 1)]
    changed = polygons(store).replace(b'"sky"', b'"building"', 1)
    again = ann.post("/api/v1/frames/1/annotation?name=a.json&base=1", content=changed).json()
    assert (again["stage"], again["handed_in"]) == ("qc1", 2)
    assert ann.get("/api/v1/frames/1/annotation?revision=1").content == polygons(store)
    assert verify(store).findings == ()


def test_a_verdict_that_is_sent_twice_counts_once(sign_in: SignIn, store: Store) -> None:
    hand_in(sign_in("ann"), 1, polygons(store))
    peer = next(one for one in (sign_in("bo"), sign_in("cy")) if one.get("/api/v1/desk").json()["queue"])
    verdict = {"verdict": "pass", "revision": 1, "request": "a-word"}
    first, second = (peer.post("/api/v1/frames/1/verdict", json=verdict) for _ in range(2))
    assert (first.status_code, first.json()["was_there"]) == (200, False)
    assert (second.status_code, second.json()["was_there"], second.json()["stage"]) == (200, True, "qc2")
    # Under another word it is another verdict, and not this person's to give.
    assert peer.post("/api/v1/frames/1/verdict", json={**verdict, "request": "other"}).status_code == 409
    with store.looking() as work:
        rows = work.connection.exec_driver_sql("SELECT kind FROM event").scalars().all()
    assert rows.count(str(Kind.REVIEWED)) == 1


def test_a_verdict_is_refused_as_the_review_refuses_it(sign_in: SignIn, store: Store) -> None:
    ann = sign_in("ann")
    hand_in(ann, 1, polygons(store))
    said = ann.post("/api/v1/frames/1/verdict", json={"verdict": "pass", "revision": 1})
    assert said.status_code == 409
    assert "nobody reviews what they drew" in said.json()["detail"]
    said = sign_in("sue").post("/api/v1/frames/1/verdict", json={"verdict": "pass", "revision": 1})
    assert said.status_code == 409
    bad = {"verdict": "fail", "revision": 1, "marks": [{"reason": "no-such-reason"}]}
    assert sign_in("bo").post("/api/v1/frames/1/verdict", json=bad).status_code == 422


def test_who_has_no_part_in_a_batch_sees_nothing_of_it(sign_in: SignIn, store: Store) -> None:
    hand_in(sign_in("ann"), 1, polygons(store))
    for name in ("ann", "lea", "sue"):
        assert sign_in(name).get("/api/v1/frames/1").status_code == 200, name
    ann, rex = sign_in("ann"), sign_in("rex")
    for client, number in ((ann, 2), (rex, 1)):
        for what in ("", "/image", "/index", "/annotation", "/history"):
            said = client.get(f"/api/v1/frames/{number}{what}")
            # Not told from one that is not there.
            assert (said.status_code, said.json()) == (404, {"detail": "no such frame"}), what
        assert client.post(f"/api/v1/frames/{number}/release").status_code == 404
        assert client.post(f"/api/v1/frames/{number}/annotation?name=a.json", content=b"{}").status_code == 404
    assert ann.get("/api/v1/frames/99").json() == {"detail": "no such frame"}


def test_the_index_image_tells_the_object_at_each_pixel(sign_in: SignIn, store: Store) -> None:
    client = sign_in("ann")
    hand_in(client, 1, polygons(store))
    document = client.get("/api/v1/frames/1").json()
    said = client.get(document["index"])
    pixels = np.array(Image.open(io.BytesIO(said.content))).astype(int)
    idd = labels.load("idd")
    painting = paint(formats.parse(polygons(store), Path("a.json")).annotation, idd, "pillow", unknown="void")
    assert np.array_equal(pixels[..., 0] + 256 * pixels[..., 1], painting.index)
    assert document["objects"] == [one.number for one in painting.objects]
    assert {shape["number"] for shape in document["shapes"]} >= {*document["objects"]}
    assert client.get(document["image"]).headers["content-type"] == "image/png"
    # The next version has another address: what a browser kept is never taken for it.
    assert "immutable" in said.headers["cache-control"]
    assert "immutable" not in client.get("/api/v1/frames/1/index").headers.get("cache-control", "")
    # What is asked for by its content is that or nothing.
    for what, of in (("index", document["index"].split("=")[1]), ("thumbnail", document["sha256"])):
        found = [client.get(f"/api/v1/frames/1/{what}?of={asked}").status_code for asked in (of, "0" * 64)]
        assert found == [200, 404], what


def test_files_that_are_no_annotations_are_refused_and_nothing_is_kept(sign_in: SignIn, store: Store) -> None:
    client = sign_in("ann")
    client.post("/api/v1/tasks/next", json={})
    bomb = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><annotation>&d;</annotation>'
    for name, content in (("a.json", b"{"), ("a.xml", bomb), ("a.zip", b"PK\x03\x04"), ("../../a.json", b"[" * 10_000)):
        said = client.post("/api/v1/frames/1/annotation", params={"name": name}, content=content)
        assert said.status_code == 422, name
        assert str(store.folder) not in said.text
    assert client.post("/api/v1/frames/1/annotation?name=a.json", content=b" " * 2_000_001).status_code == 413
    assert not list(store.folder.glob("qc_files/**/*.json"))
    assert not [path for path in store.folder.glob("qc_files/**/*") if path.is_file()]


def test_every_answer_tells_the_browser_what_it_may_do(sign_in: SignIn) -> None:
    client = sign_in("bo")
    for path in ("/", "/sign-in", "/static/review.js", "/api/v1/me", "/nowhere", "/static/../app.py"):
        headers = client.get(path).headers
        assert "script-src 'self'" in headers["content-security-policy"], path
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    assert client.get("/static/%2e%2e/app.py").status_code == 404
    for name in ("sign_in", "welcome", "home", "review"):
        template = Path(__file__).parents[1] / f"iddkit/web/templates/{name}.html"
        assert "onclick" not in template.read_text()
        assert "style=" not in template.read_text()


def test_a_path_that_leads_out_of_the_dataset_is_no_image(sign_in: SignIn, store: Store) -> None:
    (store.folder / "secret.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE frame SET image = '../secret.png' WHERE id = 1")
    lea, there = sign_in("lea"), polygons(store)
    assert lea.get("/api/v1/frames/1/image").status_code == 404
    assert lea.get("/api/v1/frames/1").json()["shapes"]
    (store.folder / "secret.json").write_bytes(there)
    for path in ("../secret.json", str(store.folder / "secret.json")):
        with store.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE frame SET annotation = ? WHERE id = 1", (path,))
        assert not lea.get("/api/v1/frames/1").json()["shapes"], path


def test_the_api_describes_itself(sign_in: SignIn) -> None:
    paths = sign_in("").get("/api/v1/openapi.json").json()["paths"]
    assert {"/api/v1/session", "/api/v1/tasks/next", "/api/v1/frames/{number}/verdict"} <= paths.keys()
    assert all(path.startswith("/api/v1/") for path in paths)
    for path, methods in paths.items():
        for method, told in methods.items():
            assert told.get("description"), (method, path)


ODD = (
    b"[" * 100_000,
    b"\xff",
    b'{"name": "\\ud800", "password": "x"}',
    b'{"name": "a\\u0000", "password": "x\\u0000"}',
    b'{"verdict": "pass", "revision": 1, "text": "\\ud800"}',
    b'{"verdict": "pass", "revision": 1, "text": "\\u0000"}',
    b'{"verdict": "pass", "revision": 1e400}',
    b'{"verdict": "pass", "revision": NaN}',
    b'{"verdict": "pass", "revision": 99999999999999999999}',
    b'{"verdict": "fail", "revision": 1, "marks": [{"reason": "wrong-label", "region": [1, 2, 3, 99999999999]}]}',
    b'{"verdict": "fail", "revision": 1, "\\ud800": 1}',
)


@pytest.mark.parametrize("body", ODD, ids=range(len(ODD)))
def test_what_nobody_would_send_is_told_to_be_wrong(sign_in: SignIn, body: bytes) -> None:
    client = sign_in("lea")
    kind = {"content-type": "application/json"}
    for path in ("session", "session/link", "tasks/next", "links", "frames/1/verdict"):
        said = client.post(f"/api/v1/{path}", content=body, headers=kind)
        assert said.status_code in (400, 401, 422, 429), (path, said.text)
    assert client.put("/api/v1/me/password", content=body, headers=kind).status_code in (400, 422)


def test_odd_names_and_numbers_are_told_to_be_wrong(sign_in: SignIn, store: Store) -> None:
    client = sign_in("ann")
    client.post("/api/v1/tasks/next", json={})
    for name in ("a\0.json", "..", "/", "\\", "x" * 201):
        said = client.post("/api/v1/frames/1/annotation", params={"name": name}, content=b"{")
        assert said.status_code == 422, name
    for path in ("api/v1/frames/99999999999999999999", "api/v1/frames/-1", "api/v1/frames/1/annotation?revision=9"):
        assert client.get(f"/{path}").status_code in (404, 422), path
    for path in ("api/v1/tasks/ahead?stage=x", "frames/99", "frames/abc"):
        assert client.get(f"/{path}").status_code in (404, 422), path
    said = client.post("/api/v1/frames/1/annotation", params={"name": "é\0.json"}, content=polygons(store))
    assert said.status_code == 422


def test_a_verdict_has_the_time_that_was_measured(
    sign_in: SignIn, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_in(sign_in("ann"), 1, polygons(store))
    peer = next(one for one in (sign_in("bo"), sign_in("cy")) if one.get("/api/v1/desk").json()["queue"])
    assert not peer.post("/api/v1/frames/1/beat").json()["counts"]  # only of what they have claimed
    assert peer.get("/api/v1/frames/1").json()["step"] == "judge"
    assert peer.post("/api/v1/frames/1/claim").json()["id"] == 1
    start = to_microseconds(datetime.now(UTC))
    for seconds in (0, 25, 50):
        monkeypatch.setattr("iddkit.qc.store.database.to_microseconds", lambda _, at=start + seconds * 1_000_000: at)
        assert peer.post("/api/v1/frames/1/beat").json() == {"counts": True, "added": 25.0 if seconds else 0.0}
    monkeypatch.undo()
    verdict = {"verdict": "pass", "revision": 1, "request": "a-word"}
    assert peer.post("/api/v1/frames/1/verdict", json=verdict).status_code == 200
    (done,) = peer.get("/api/v1/desk").json()["done"]
    assert (done["stage"], done["seconds"]) == ("qc1", 50)


def test_only_whose_step_it_is_can_claim_a_frame(sign_in: SignIn, store: Store) -> None:
    ann = sign_in("ann")
    hand_in(ann, 1, polygons(store))
    assert ann.get("/api/v1/frames/1").json()["step"] == ""
    assert ann.post("/api/v1/frames/1/claim").status_code == 409  # nobody reviews what they drew
    assert sign_in("sue").post("/api/v1/frames/1/claim").status_code == 409
    assert sign_in("rex").post("/api/v1/frames/1/claim").status_code == 404


def test_several_frames_are_claimed_at_once_and_others_beside_them(sign_in: SignIn, store: Store) -> None:
    ann, peers = sign_in("ann"), [sign_in("bo"), sign_in("cy")]
    for number in (1, 2):
        hand_in(ann, number, polygons(store, number - 1))
        peer = next(one for one in peers if one.get("/api/v1/desk").json()["queue"])
        passed = peer.post(f"/api/v1/frames/{number}/verdict", json={"verdict": "pass", "revision": 1})
        assert passed.status_code == 200, passed.text
    sue = sign_in("sue")

    def several(**body: object) -> list[int]:
        said = sue.post("/api/v1/tasks/several", json={"stage": "qc2", **body})
        return [one["id"] for one in said.json()["frames"]]

    assert several(count=1) == [1]
    assert several() == several() == [1, 2]
    assert several(besides=[1]) == [2]
    assert sue.post("/api/v1/tasks/next", json={"stage": "qc2", "besides": [1, 2]}).json()["frame"] is None
    # Nor one that they no longer have, while their verdict on it is on the way.
    assert sue.post("/api/v1/frames/1/release").status_code == 200
    assert sue.post("/api/v1/tasks/next", json={"stage": "qc2", "besides": [1, 2]}).json()["frame"] is None
    assert sue.get("/api/v1/tasks/ahead", params={"stage": "qc2", "besides": [1, 2]}).json()["frame"] is None
    assert ann.post("/api/v1/tasks/several", json={"stage": "qc2"}).status_code == 409


def test_what_comes_next_is_what_is_claimed_already(sign_in: SignIn, store: Store) -> None:
    ann = sign_in("ann")

    def ahead(*besides: int) -> int | None:
        frame = ann.get("/api/v1/tasks/ahead", params={"besides": besides}).json()["frame"]
        return None if frame is None else int(frame["id"])

    assert ahead() == 1
    assert ann.post("/api/v1/frames/2/claim").status_code == 404  # of a batch in which they have no part yet
    assert ann.post("/api/v1/tasks/next", json={}).json()["frame"]["id"] == 1
    assert ann.post("/api/v1/tasks/next", json={"besides": [1]}).json()["frame"]["id"] == 2
    assert (ahead(), ahead(1), ahead(2), ahead(1, 2)) == (1, 2, 1, None)
    assert ann.get("/api/v1/tasks/ahead?besides=0").status_code == 422


def test_what_the_dataset_came_with_can_be_had_by_its_name(sign_in: SignIn, store: Store) -> None:
    ann = sign_in("ann")
    ann.post("/api/v1/tasks/next", json={})
    document = ann.get("/api/v1/frames/1").json()
    said = ann.get(document["annotation"])
    assert (document["revision"], said.content) == (0, polygons(store))
    assert "frame0000_gtFine_polygons.json" in said.headers["content-disposition"]
    hand_in(ann, 1, polygons(store) + b"\n")
    assert ann.get("/api/v1/frames/1/annotation").content == polygons(store) + b"\n"
    assert ann.get("/api/v1/frames/1/annotation?revision=0").content == polygons(store)
    name = 'odd "name"; \u00e9.json'
    ann.post("/api/v1/tasks/next", json={})
    assert ann.post("/api/v1/frames/2/annotation", params={"name": name}, content=polygons(store, 1)).status_code == 200
    told = ann.get("/api/v1/frames/2/annotation").headers["content-disposition"]
    assert told == "attachment; filename*=UTF-8''odd%20%22name%22%3B%20%C3%A9.json"
    next((store.folder / "idd/gtFine/train/0").glob("*.json")).unlink()
    said = ann.get("/api/v1/frames/1/annotation?revision=0")
    assert (said.status_code, said.json()["detail"]) == (422, "cannot be read: No such file or directory")


def test_what_the_machine_found_is_kept_and_a_long_list_is_cut(
    sign_in: SignIn, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def check(checking: Any, reading: Any, key: str, image: Path | None) -> Checked:
        looked.append(key)
        found = tuple(Finding(Severity.MINOR, f"number {number}") for number in range(1000))
        return replace(check_reading(checking, reading, key, image), findings=found)

    ann = sign_in("ann")
    hand_in(ann, 1, polygons(store))
    monkeypatch.setattr("iddkit.qc.examination.check_reading", check)
    documents = [ann.get("/api/v1/frames/1").json() for _ in range(3)]
    assert looked == ["train/0/frame0000"]
    assert [len(one["findings"]) for one in documents] == [200] * 3
    assert {one["finding_count"] for one in documents} == {1000}
    # An image that was written anew is looked at anew.
    image = next((store.folder / "idd/leftImg8bit/train/0").glob("*.png"))
    os.utime(image, (1, 1))
    ann.get("/api/v1/frames/1")
    assert len(looked) == 2


def test_a_hand_in_that_is_refused_tells_all_that_was_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_street(tmp_path / "other", {"B": 1}, findings="no-critical")
    document = json.loads(polygons(store))
    for x in (10, 40, 70):
        document["objects"].append({"label": "no such label", "polygon": [[x, 1], [x + 20, 1], [x + 20, 20]]})
    with open_browsers(store, monkeypatch) as opened:
        ann = opened("ann")
        ann.post("/api/v1/tasks/next", json={})
        said = ann.post("/api/v1/frames/1/annotation?name=a.json", content=json.dumps(document).encode())
    store.close()
    assert said.status_code == 409
    assert "a critical finding" in said.json()["detail"]
    critical = [one["rule"] for one in said.json()["findings"] if one["severity"] == "critical"]
    assert critical == ["unknown-label"] * 3


def test_a_frame_whose_file_is_missing_says_so_and_can_be_given_back(sign_in: SignIn, store: Store) -> None:
    hand_in(sign_in("ann"), 1, polygons(store))
    peer = next(one for one in (sign_in("bo"), sign_in("cy")) if one.get("/api/v1/desk").json()["queue"])
    peer.post("/api/v1/frames/1/claim")
    with store.looking() as work:
        contents.path_of(store.files(work.project), sha256(polygons(store))).unlink()
    document = peer.get("/api/v1/frames/1").json()
    assert (document["claimed"], document["index"], document["shapes"]) == (True, None, [])
    assert "No such file" in document["problem"]
    assert str(store.folder) not in json.dumps(document)
    assert peer.get("/api/v1/frames/1/annotation").status_code == 503
    assert peer.post("/api/v1/frames/1/release").status_code == 200


def test_labels_that_were_changed_in_place_are_drawn_anew(
    sign_in: SignIn, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.csv"
    own.write_bytes(data_folder("label_maps").joinpath("idd.csv").read_bytes())
    with store.writing() as work:
        queue.change_project(work, queue.find_person(work, "lea"), label_map=str(own))
    ann = sign_in("ann")
    hand_in(ann, 1, polygons(store))
    before = ann.get("/api/v1/frames/1").json()
    own.write_text(own.read_text().replace("\nsky,", "\nheaven,"))
    after = ann.get("/api/v1/frames/1").json()
    for document, is_known in ((before, True), (after, False)):
        assert {shape["known"] for shape in document["shapes"] if shape["label"] == "sky"} == {is_known}
        assert any("unknown label 'sky'" in one["text"] for one in document["findings"]) is not is_known
    assert before["index"] != after["index"]


def test_a_file_that_is_named_after_another_frame_is_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_street(tmp_path / "other", {"B": 2})
    with open_browsers(store, monkeypatch) as opened:
        ann = opened("ann")
        ann.post("/api/v1/tasks/next", json={})

        def submit(name: str, **more: str) -> httpx2.Response:
            return ann.post("/api/v1/frames/1/annotation", params={"name": name, **more}, content=polygons(store))

        said = submit("frame0001_gtFine_polygons.json")
        assert (said.status_code, said.json()["misnamed"]) == (409, True)
        assert "is of train/0/frame0001, and this is train/0/frame0000" in said.json()["detail"]
        assert submit("frame0001.json", anyway="true").json()["handed_in"] == 1
        for name in ("frame0000_gtFine_polygons.json", "frame0000.json", "frame0000_frame0001.json", "mended.json"):
            assert submit(name).json()["was_there"], name
    store.close()


def test_the_script_of_the_documentation_passes_what_the_machine_finds_nothing_in(
    sign_in: SignIn, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        bring(store, number, Stage.QC2)
    monkeypatch.setattr(
        "iddkit.qc.examination.check_reading", lambda _, reading, key, image: Checked(key, Path(), image)
    )

    def connect(base_url: str) -> TestClient:
        client = sign_in("")
        client.base_url = base_url.replace("127.0.0.1:8000", "testserver")
        return client

    monkeypatch.setitem(sys.modules, "httpx", SimpleNamespace(Client=connect))
    text = (Path(__file__).parents[1] / "docs/review_api.md").read_text()
    (script,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(script.replace('"..."', repr(PASSWORD)))
    with store.looking() as work:
        assert [work.state.get(Frame, number).stage for number in (1, 2)] == [Stage.READY] * 2


def test_the_description_of_the_api_names_every_request(store: Store) -> None:
    text = (Path(__file__).parents[1] / "docs/review_api.md").read_text()
    named = set(re.findall(r"^\| `([A-Z]+ \S+)` \|", text, re.MULTILINE))
    paths = create_app(store).openapi()["paths"]
    there = {f"{way.upper()} {path.removeprefix('/api/v1')}" for path, ways in paths.items() for way in ways}
    assert named == there


def bombs() -> dict[str, bytes]:
    """Return small files that are huge when they are opened, by name."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", b" " * 200_000_000)
    blank = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(blank, "PNG")
    mask = base64.b64encode(blank.getvalue()).decode()
    shape = {"label": "car", "shape_type": "mask", "points": [[0, 0], [29_999, 29_999]], "mask": mask}
    labelme = {"version": "5.5.0", "shapes": [shape], "imagePath": "a.jpg", "imageHeight": 90, "imageWidth": 160}
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    return {
        "a.zip": packed.getvalue(),
        "gzip.json": gzip.compress(b"[" * 200_000_000),
        "mask.json": json.dumps({**labelme, "imageData": None}).encode(),
        "wide.json": json.dumps({"imgWidth": 10**9, "imgHeight": 10**9, "objects": []}).encode(),
        "deep.json": b'{"objects": ' + b"[" * 900_000,
        "laughs.xml": f'<!DOCTYPE a [<!ENTITY e0 "ha">{entities}]><annotation>&e11;</annotation>'.encode(),
    }


def test_bombs_are_refused_and_cost_little(sign_in: SignIn, store: Store) -> None:
    client = sign_in("ann")
    client.post("/api/v1/tasks/next", json={})
    for name, content in bombs().items():
        tracemalloc.start()
        try:
            more = {"content-encoding": "gzip"} if name.startswith("gzip") else {}
            said = client.post(f"/api/v1/frames/1/annotation?name={name}", content=content, headers=more)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        # An object that cannot be read is told; the others of the file could be.
        told = said.json().get("problems", ()) if name == "mask.json" else ()
        assert said.status_code in (413, 422) or (said.json()["shapes"], len(told)) == (0, 1), name
        assert peak < 100_000_000, name


def test_a_body_that_never_says_how_long_it_is_ends_at_the_limit(sign_in: SignIn) -> None:
    sent = []

    def endless() -> Iterator[bytes]:
        for _ in range(1000):
            sent.append(1)
            yield b" " * 100_000

    said = sign_in("ann").post("/api/v1/frames/1/annotation?name=a.json", content=endless())
    assert said.status_code == 413


def test_who_is_not_signed_in_cannot_make_the_server_read_much(sign_in: SignIn) -> None:
    body = b"[" + b"[]," * 400_000 + b"[]]"
    for path in ("session", "plants", "frames/1/annotation?name=a.json"):
        assert sign_in("").post(f"/api/v1/{path}", content=body).status_code == 413, path


def test_a_page_that_is_not_there_is_told_in_a_page(sign_in: SignIn) -> None:
    lea = sign_in("lea")
    for path in ("/frames/99", "/batches/99", "/nowhere"):
        said = lea.get(path)
        assert said.status_code == 404, path
        assert "Back to your work" in said.text, path
    assert lea.get("/api/v1/nowhere").json() == {"detail": "Not Found"}


def test_a_verdict_counts_only_where_the_frame_stood_when_it_was_looked_at(sign_in: SignIn, store: Store) -> None:
    hand_in(sign_in("ann"), 1, polygons(store))
    lea = sign_in("lea")
    verdict = {"verdict": "pass", "stage": "qc1", "revision": 1}
    assert lea.post("/api/v1/frames/1/verdict", json={**verdict, "request": "one"}).json()["stage"] == "qc2"
    again = lea.post("/api/v1/frames/1/verdict", json={**verdict, "request": "two"})
    assert (again.status_code, "is at qc2 by now" in again.text) == (409, True)
