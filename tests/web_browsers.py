"""Browsers that are signed in: what the tests of pages have in common."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("fastapi", reason="needs iddkit[web]: fastapi is not installed")
pytest.importorskip("argon2", reason="needs iddkit[web]: argon2-cffi is not installed")
pytest.importorskip("httpx2", reason="needs httpx2")

from argon2 import PasswordHasher
from starlette.testclient import TestClient

from iddkit.qc import accounts, queue
from iddkit.qc.store.database import Store
from iddkit.web.app import create_app

PASSWORD = "correct horse"

SignIn = Callable[[str], TestClient]


@contextlib.contextmanager
def open_browsers(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[SignIn]:
    """Give everybody a password, one that costs no time, and yield what signs a person in; "" for nobody."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(accounts, "_hasher", lambda: hasher)
    with store.writing() as work:
        for person in queue.people.read_people(work):
            accounts.set_password(work.connection, person, PASSWORD)
    app, addresses = create_app(store), itertools.count(1)
    with contextlib.ExitStack() as opened:

        def sign_in(name: str) -> TestClient:
            client = TestClient(app, client=(f"10.0.0.{next(addresses)}", 1))
            opened.callback(client.close)
            if name:
                said = client.post("/api/v1/session", json={"name": name, "password": PASSWORD})
                assert said.status_code == 200, said.text
                client.headers["X-CSRF-Token"] = said.json()["csrf"]
            return client

        yield sign_in
