"""Who may ask for what: a table of every request and page by role, and forgeries of all kinds."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from iddkit.qc import queue
from iddkit.qc.accounts import SESSION
from iddkit.qc.stages import Stage
from iddkit.qc.store.database import Store
from iddkit.qc.store.tables import events
from iddkit.web import overview_pages, pages, signing
from iddkit.web.app import create_app
from iddkit.web.guards import MOST_JSON
from tests.web_browsers import PASSWORD, SignIn, bring, make_street, open_browsers

#: One of each role; bo is frame 1's peer, and none of the others has a part in it.
ROLES = {"annotator": "bo", "supervisor": "sue", "researcher": "rex", "expert": "eve", "lead": "lea"}

#: The request, its body, and the answers to annotator, supervisor, researcher, expert and lead. Nobody else gets one.
#: Frame 1 waits at QC1 in batch 1; the frames of batch 2 are ready.
TABLE: tuple[tuple[str, Any, str], ...] = (
    ("GET /me", None, "200 200 200 200 200"),
    ("GET /desk", None, "200 200 200 200 200"),
    ("GET /tasks/ahead", None, "200 200 200 200 200"),
    ("GET /frames/1", None, "200 200 404 404 200"),
    ("GET /frames/1/image", None, "200 200 404 404 200"),
    ("GET /frames/1/index", None, "200 200 404 404 200"),
    ("GET /frames/1/thumbnail", None, "200 200 404 404 200"),
    ("GET /frames/1/annotation", None, "200 200 404 404 200"),
    ("GET /frames/1/history", None, "200 200 404 404 200"),
    ("GET /batches", None, "403 200 200 200 200"),
    ("GET /batches/1", None, "403 200 200 200 200"),
    ("GET /batches/1/sample", None, "403 200 200 200 200"),
    ("GET /batches/1/burndown", None, "403 200 200 200 200"),
    ("GET /batches/1/burndown.csv", None, "403 200 200 200 200"),
    ("GET /batches/1/burndown.svg", None, "403 200 200 200 200"),
    ("GET /batches/1/certificate", None, "403 200 200 200 200"),
    ("GET /batches/1/certificate.html", None, "403 200 200 200 200"),
    ("GET /weeks", None, "403 200 403 403 200"),
    ("GET /standing", None, "403 200 403 403 200"),
    ("GET /claims", None, "403 200 403 403 200"),
    ("GET /people/yields", None, "403 200 403 403 200"),
    ("GET /tables/people.csv", None, "403 200 403 403 200"),
    ("GET /figures/weeks.svg", None, "403 200 403 403 200"),
    ("GET /sensitivity", None, "403 403 403 403 200"),
    ("GET /plants", None, "403 403 403 403 200"),
    ("POST /plants", {"count": 1}, "409 409 409 409 200"),
    ("POST /links", {"name": "ann"}, "409 409 409 409 200"),
    ("POST /frames/1/claim", {}, "200 409 404 404 200"),
    ("POST /frames/1/beat", {}, "200 200 404 404 200"),
    ("POST /frames/1/release", {}, "200 409 404 404 200"),
    ("POST /frames/1/verdict", {"verdict": "pass", "revision": 1}, "200 409 404 404 200"),
    ("POST /frames/1/annotation?name=a.json", b"{}", "422 422 404 404 422"),
    ("POST /tasks/several", {"stage": "qc2"}, "409 200 409 409 200"),
    ("POST /tasks/next", {"stage": "qc4"}, "409 409 409 200 200"),
    ("POST /batches/2/freeze", {}, "403 409 200 200 200"),
    ("POST /batches/2/sample", {}, "403 409 200 200 200"),
    ("POST /batches/2/conclude", {}, "403 409 409 409 409"),  # nobody has looked at it yet
    ("PUT /me/password", {"old": "wrong", "new": PASSWORD}, "403 403 403 403 403"),
    ("DELETE /session", None, "200 200 200 200 200"),
    ("POST /session", {"name": "ann", "password": PASSWORD}, "200 200 200 200 200"),
    ("POST /session/link", {"token": "x", "password": PASSWORD}, "401 401 401 401 401"),
)

#: The same of pages; who is not signed in is sent to where they can be.
PAGES = (
    ("/", "200 200 200 200 200"),
    ("/grid", "200 200 200 200 200"),
    ("/frames/1", "200 200 404 404 200"),
    ("/batches", "403 200 200 200 200"),
    ("/batches/1", "403 200 200 200 200"),
    ("/dashboard", "403 200 403 403 200"),
)
OPEN_PAGES = ("/sign-in", "/welcome")

#: Requests that one makes to be signed in.
OPEN = ("POST /session", "POST /session/link")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Frame 1 at QC1 with bo, frames 2 to 4 ready in a batch of their own, drawn by cy."""
    made = make_street(tmp_path, {"B": 1, "C": 3})
    bring(made, 1, Stage.QC1)
    for number in (2, 3, 4):
        bring(made, number, Stage.READY, ("cy", "ann", "sue"))
    yield made
    made.close()


@pytest.fixture
def sign_in(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[SignIn]:
    with open_browsers(store, monkeypatch) as opened:
        yield opened


def send(client: Any, request: str, body: Any, **more: Any) -> Any:
    way, path = request.split(" ")
    given = {"content": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
    return client.request(way, f"/api/v1{path}", **given, **more)


@pytest.mark.parametrize(("place", "name"), [*enumerate(ROLES.values())], ids=[*ROLES])
def test_each_role_may_what_the_table_says(sign_in: SignIn, place: int, name: str) -> None:
    client = sign_in(name)
    wanted = {request: int(answers.split()[place]) for request, _, answers in TABLE}
    found = {request: send(client, request, body) for request, body, _ in TABLE}
    assert {request: said.status_code for request, said in found.items()} == wanted
    # Who is refused learns why, and nothing of what is there.
    for request, said in found.items():
        if said.status_code == 404:
            assert said.json() == {"detail": "no such frame"}, request


@pytest.mark.parametrize(("place", "name"), [*enumerate(ROLES.values())], ids=[*ROLES])
def test_each_role_sees_the_pages_that_the_table_says(sign_in: SignIn, place: int, name: str) -> None:
    client = sign_in(name)
    wanted = {path: int(answers.split()[place]) for path, answers in PAGES}
    assert {path: client.get(path).status_code for path in wanted} == wanted


def test_who_is_not_signed_in_gets_nothing_at_all(sign_in: SignIn, store: Store) -> None:
    client, before = sign_in(""), count_events(store)
    for request, body, _ in TABLE:
        if request not in OPEN:
            assert send(client, request, body).status_code == 401, request
    for path, _ in PAGES:
        said = client.get(path, follow_redirects=False)
        assert (said.status_code, said.headers["location"]) == (303, "/sign-in"), path
    assert {client.get(path).status_code for path in OPEN_PAGES} == {200}
    assert count_events(store) == before


def test_the_tables_hold_every_request_and_page(store: Store) -> None:
    app = create_app(store)
    there = {
        f"{way.upper()} {path.removeprefix('/api/v1')}" for path, ways in app.openapi()["paths"].items() for way in ways
    }
    examples = {"number": "1", "name": "people"}
    named = {request.split("?")[0] for request, _, _ in TABLE}
    assert {path.format(**examples).replace("/batches/2", "/batches/1") for path in there} == {
        name.replace("/batches/2", "/batches/1") for name in named
    }
    routes: list[Any] = [*pages.router.routes, *overview_pages.router.routes]
    assert {route.path.format(number=1) for route in routes} == {*OPEN_PAGES, *(path for path, _ in PAGES)}


@pytest.mark.parametrize("forged", [None, "", "x" * 43])
def test_no_change_without_the_token_of_the_session(sign_in: SignIn, store: Store, forged: str | None) -> None:
    client = sign_in("lea")
    other = sign_in("ann").headers["X-CSRF-Token"]  # a token, and not of this session
    before = count_events(store)
    for token in (forged, other):
        if token is None:
            client.headers.pop("X-CSRF-Token", None)
        else:
            client.headers["X-CSRF-Token"] = token
        for request, body, _ in TABLE:
            if not request.startswith("GET") and request not in OPEN:
                assert send(client, request, body).status_code == 403, request
    assert count_events(store) == before


def test_a_session_that_is_over_is_worth_nothing(sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    signed_out, expired = sign_in("sue"), sign_in("rex")
    kept = dict(signed_out.cookies)
    signed_out.delete("/api/v1/session")
    signed_out.cookies.update(kept)
    assert signed_out.get("/api/v1/me").status_code == 401
    assert expired.get("/api/v1/me").status_code == 200
    later = signing.now() + SESSION + 1
    monkeypatch.setattr(signing, "now", lambda: later)
    assert expired.get("/api/v1/me").status_code == 401


def test_who_has_left_is_signed_out(sign_in: SignIn, store: Store) -> None:
    client = sign_in("bo")
    with store.writing() as work:
        queue.change_person(work, queue.find_person(work, "bo"), queue.find_person(work, "lea"), active=False)
    assert client.get("/api/v1/frames/1").status_code == 401
    said = sign_in("").post("/api/v1/session", json={"name": "bo", "password": PASSWORD})
    assert said.status_code == 401


FORGED = ("0", "-1", "5", "99", "2147483647", "2147483648", "1e9", "x", "%00", "1%2F..%2F2")


def test_forged_numbers_are_no_frames_and_no_batches(sign_in: SignIn) -> None:
    client = sign_in("lea")
    for request, body, _ in TABLE:
        if "/1" not in request and "/2" not in request:
            continue
        for number in FORGED:
            forged = request.replace("/frames/1", f"/frames/{number}")
            forged = forged.replace("/batches/1", f"/batches/{number}").replace("/batches/2", f"/batches/{number}")
            assert send(client, forged, body).status_code in (404, 405, 422), forged


ELSEWHERE = (
    "/static/../app.py",
    "/static/%2e%2e/app.py",
    "/static/..%2f..%2fqc.db",
    "/static//etc/passwd",
    "/static/%2fetc%2fpasswd",
    "/static/..\\app.py",
    "/api/v1/frames/1/image/../../../../qc.db",
    "/frames/../qc.db",
)


def test_no_path_leads_to_other_files(sign_in: SignIn) -> None:
    client = sign_in("lea")
    for path in ELSEWHERE:
        said = client.get(path)
        assert said.status_code in (200, 404), path
        for inside in (b"create_app", b"root:", b"SQLite"):
            assert inside not in said.content, path


def test_json_that_holds_a_file_costs_little_whoever_sends_it(sign_in: SignIn) -> None:
    client, kind = sign_in("ann"), {"content-type": "application/json"}
    body = b'{"content": [' + b"[]," * 1_390_000 + b"[]]}"
    tracemalloc.start()
    try:
        said = client.post("/api/v1/plants", content=body, headers=kind)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert said.status_code == 422
    assert peak < 200_000_000
    assert client.post("/api/v1/plants", content=b" " * (MOST_JSON + 1), headers=kind).status_code == 413


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
def test_a_form_of_another_site_signs_nobody_in(sign_in: SignIn, kind: str | None) -> None:
    client = sign_in("")
    body = f'{{"name": "ann", "password": "{PASSWORD}"}}'.encode()
    said = client.post("/api/v1/session", content=body, headers={"content-type": kind} if kind else {})
    assert said.status_code == 422
    assert not client.cookies


def count_events(store: Store) -> int:
    with store.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(events)).scalar_one())
