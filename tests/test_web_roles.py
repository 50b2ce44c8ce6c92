"""Who may do what: every route by every role, and by nobody who is signed in."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from iddkit.qc import accounts, queue
from iddkit.qc.store.database import Store, open_store
from iddkit.web.app import create_app
from iddkit.web.settings import Settings
from iddkit.web.signing import now
from tests.web_browsers import PASSWORD, give_passwords, hash_quickly
from tests.web_project import AT_ANNOTATE, AT_QC1, BATCHES, DRAWN, FROZEN, JUDGED, READY, make_staged_project

#: One of each role, and nobody.
NAMES = ("bo", "sue", "rex", "eve", "lea", "")
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Row:
    """A request, and the status that each of `NAMES` is answered with."""

    method: str
    route: str
    path: str
    statuses: str
    body: Any = None

    @property
    def title(self) -> str:
        return f"{self.method} {self.path}"


def reads(statuses: str, prefix: str, numbered: str, *paths: str) -> list[Row]:
    """Return rows of what is read: `numbered` stands in a path where its route has the number."""
    return [Row("GET", prefix + path.replace(numbered, "{number}"), prefix + path, statuses) for path in paths]


OF_FRAME = ("", "/image", "/index", "/thumbnail", "/annotation", "/history")
OF_BATCH = ("", "/sample", "/burndown", "/burndown.csv", "/burndown.svg", "/certificate", "/certificate.html")

ALL, NO_SESSION = "200 200 200 200 200 401", "200 200 200 200 200 200"
INSIDERS, OVERSEERS = "403 200 200 200 200 401", "403 200 403 403 200 401"
# By name:   bo  sue rex eve lea -
TABLE = [
    Row("POST", "/api/v1/session", "/api/v1/session", NO_SESSION, {"name": "cy", "password": PASSWORD}),
    Row(
        *("POST", "/api/v1/session/link", "/api/v1/session/link", NO_SESSION),
        {"token": "{link}", "password": "another horse"},
    ),
    Row("DELETE", "/api/v1/session", "/api/v1/session", ALL),
    Row("GET", "/api/v1/me", "/api/v1/me", ALL),
    Row("PUT", "/api/v1/me/password", "/api/v1/me/password", ALL, {"old": PASSWORD, "new": "another horse"}),
    Row("POST", "/api/v1/links", "/api/v1/links", "409 409 409 409 200 401", {"name": "cy"}),
    Row("GET", "/api/v1/desk", "/api/v1/desk", ALL),
    Row("POST", "/api/v1/tasks/next", "/api/v1/tasks/next", ALL, {}),
    Row("POST", "/api/v1/tasks/several", "/api/v1/tasks/several", "409 200 409 409 200 401", {"stage": "qc2"}),
    Row("GET", "/api/v1/tasks/ahead", "/api/v1/tasks/ahead", ALL),
    *(
        Row("GET", f"/api/v1/frames/{{number}}{path}", f"/api/v1/frames/{number}{path}", statuses)
        for number, statuses in ((AT_QC1, "200 200 404 404 200 401"), (FROZEN, "404 200 200 200 200 401"))
        for path in OF_FRAME
    ),
    *(
        Row("POST", f"/api/v1/frames/{{number}}/{path}", f"/api/v1/frames/{number}/{path}", statuses, body)
        for number, path, statuses, body in (
            (AT_QC1, "claim", "200 409 404 404 200 401", None),
            (AT_ANNOTATE, "release", "200 409 404 404 200 401", None),
            (AT_QC1, "beat", "200 200 404 404 200 401", None),
            (AT_QC1, "verdict", "200 409 404 404 409 401", {"verdict": "pass", "revision": 1}),
            (DRAWN, "verdict", "404 409 200 409 200 401", {"verdict": "pass", "revision": 1}),
        )
    ),
    Row(
        *("POST", "/api/v1/frames/{number}/annotation", f"/api/v1/frames/{AT_ANNOTATE}/annotation?name=a.json"),
        *("200 409 404 404 409 401", "{polygons}"),
    ),
    Row("GET", "/api/v1/batches", "/api/v1/batches", INSIDERS),
    *(
        Row("GET", f"/api/v1/batches/{{number}}{path}", f"/api/v1/batches/{BATCHES[READY]}{path}", INSIDERS)
        for path in OF_BATCH
    ),
    *(  # the images of an open sample are told to those who judge it
        Row("GET", f"/api/v1/batches/{{number}}/{path}", f"/api/v1/batches/{BATCHES[DRAWN]}/{path}", statuses)
        for path, statuses in (
            ("sample", INSIDERS),
            ("certificate", "403 403 200 200 200 401"),
            ("certificate.html", "403 403 200 200 200 401"),
        )
    ),
    *(
        Row(
            *("POST", f"/api/v1/batches/{{number}}/{path}", f"/api/v1/batches/{BATCHES[frame]}/{path}"),
            *("403 409 200 200 200 401", {}),
        )
        for frame, path in ((READY, "freeze"), (FROZEN, "sample"), (JUDGED, "conclude"))
    ),
    *(
        Row("GET", f"/api/v1/{path}", f"/api/v1/{path}", OVERSEERS)
        for path in ("weeks", "standing", "claims", "people/yields", "figures/weeks.svg", "sensitivity")
    ),
    Row("GET", "/api/v1/tables/{name}.csv", "/api/v1/tables/people.csv", OVERSEERS),
    Row("GET", "/api/v1/plants", "/api/v1/plants", "403 403 403 403 200 401"),
    Row("POST", "/api/v1/plants", "/api/v1/plants", "409 409 409 409 200 401", {"seed": 1}),
    Row("GET", "/sign-in", "/sign-in", NO_SESSION),
    Row("GET", "/welcome", "/welcome", NO_SESSION),
    Row("GET", "/", "/", "200 200 200 200 200 303"),
    Row("GET", "/frames/{number}", f"/frames/{AT_QC1}", "200 200 404 404 200 303"),
    Row("GET", "/grid", "/grid", "200 200 200 200 200 303"),
    Row("GET", "/dashboard", "/dashboard", "403 200 403 403 200 303"),
    Row("GET", "/batches", "/batches", "403 200 200 200 200 303"),
    Row("GET", "/batches/{number}", f"/batches/{BATCHES[READY]}", "403 200 200 200 200 303"),
    Row("GET", "/api/v1/openapi.json", "/api/v1/openapi.json", NO_SESSION),
    Row("GET", "/static", "/static/style.css", NO_SESSION),
]
CHANGES = [row for row in TABLE if row.method in UNSAFE]
#: Of them those which anybody can ask for.
OPEN = ("/api/v1/session", "/api/v1/session/link")
BEHIND = [row for row in CHANGES if row.method == "DELETE" or row.route not in OPEN]


@dataclass
class Stage:
    """A project in which nothing that one test does is seen by the next."""

    app: FastAPI
    template: Path
    tokens: dict[str, tuple[str, str]]
    link: str
    polygons: bytes
    store: Store

    def browser(self, name: str, csrf: str | None = None) -> TestClient:
        """Return the browser of one who is signed in; with another proof that a page of ours asks, if given."""
        client = TestClient(self.app, follow_redirects=False)
        if name:
            token, proof = self.tokens[name]
            client.cookies.set("iddkit", token)
            client.headers["X-CSRF-Token"] = proof if csrf is None else csrf
        return client

    def ask(self, client: TestClient, row: Row) -> Any:
        """Send the request of a row, and return the answer."""
        if row.body == "{polygons}":
            return client.request(row.method, row.path, content=self.polygons)
        body = {**row.body, "token": self.link} if isinstance(row.body, dict) and "token" in row.body else row.body
        return client.request(row.method, row.path, json=body)

    def dump(self) -> list[str]:
        """Return all that the database holds."""
        with self.store.reading() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            return list(driver.iterdump())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("roles")
    with pytest.MonkeyPatch.context() as patch:
        hash_quickly(patch)
        store = make_staged_project(folder)
        give_passwords(store)
        tokens = {}
        with store.writing() as work:
            for person in queue.people.read_people(work):
                token, session = accounts.open_session(work.connection, person, now())
                tokens[person.name] = (token, session.csrf)
            link = accounts.make_link(work.connection, queue.find_person(work, "cy"), now())
        store.close()
        content = next((folder / "idd/gtFine/train/1").glob("*.json")).read_bytes()
        app = create_app(store, Settings(attempts=10**9, most_bytes=2_000_000))
        yield Stage(app, folder / "qc.db", tokens, link, content, store)


NUMBERS = itertools.count(1)


@pytest.fixture
def stage(made: Stage) -> Iterator[Stage]:
    """The same project for each test, as it was in the beginning."""
    copy = made.template.with_name(f"copy{next(NUMBERS)}.db")
    shutil.copyfile(made.template, copy)
    store = open_store(str(copy), durable=False)
    made.app.state.desk = replace(made.app.state.desk, store=store)
    yield replace(made, store=store)
    store.close()
    copy.unlink()


def test_the_table_has_every_route(made: Stage) -> None:
    found = set()
    for route in made.app.routes:
        if isinstance(route, Mount):
            found.add(("GET", route.path))
        else:
            assert isinstance(route, Route | APIRoute)
            found |= {(method, route.path) for method in route.methods or () if method != "HEAD"}
    for path, methods in made.app.openapi()["paths"].items():
        found |= {(method.upper(), path) for method in methods}
    assert {(row.method, row.route) for row in TABLE} == found


@pytest.mark.parametrize(
    "place", range(len(NAMES)), ids=["annotator", "supervisor", "researcher", "expert", "lead", "nobody"]
)
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.title)
def test_each_role_is_answered_as_the_table_says(stage: Stage, row: Row, place: int) -> None:
    before = stage.dump() if row.method in UNSAFE else []
    said = stage.ask(stage.browser(NAMES[place]), row)
    assert said.status_code == int(row.statuses.split()[place]), said.text
    if row.method in UNSAFE and said.status_code in (401, 403, 404):
        assert stage.dump() == before
