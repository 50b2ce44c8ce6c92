"""Browsers that are signed in, and a project that they look at: what the tests of pages have in common."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs iddkit[web]: fastapi is not installed")
pytest.importorskip("argon2", reason="needs iddkit[web]: argon2-cffi is not installed")
pytest.importorskip("httpx2", reason="needs httpx2")

from argon2 import PasswordHasher
from PIL import Image
from starlette.testclient import TestClient

from iddkit import formats, frames, synthetic
from iddkit.qc import accounts, queue
from iddkit.qc.checklist import load_checklist
from iddkit.qc.stages import Action, Role, Stage
from iddkit.qc.state import Frame
from iddkit.qc.store.database import Store, create_store
from iddkit.web.app import create_app
from iddkit.web.settings import Settings

PASSWORD = "correct horse"

#: The first is the lead.
TEAM = {
    "lea": Role.LEAD,
    "ann": Role.ANNOTATOR,
    "bo": Role.ANNOTATOR,
    "cy": Role.ANNOTATOR,
    "sue": Role.SUPERVISOR,
    "rex": Role.RESEARCHER,
    "eve": Role.EXPERT,
}

SignIn = Callable[[str], TestClient]


def make_street(
    folder: Path,
    batches: Mapping[str, int],
    *,
    size: tuple[int, int] = (160, 90),
    team: Mapping[str, Role] = TEAM,
    **settings: str,
) -> Store:
    """Make a project of batches of so many frames, each batch a sequence, each frame with its image and annotation."""
    root = folder / "idd"
    for sequence, count in enumerate(batches.values()):
        for kind in ("gtFine", "leftImg8bit"):
            (root / f"{kind}/train/{sequence}").mkdir(parents=True)
        for number in range(count):
            scene = synthetic.scene(100 * sequence + number, width=size[0], height=size[1])
            content = formats.dumper("cityscapes")(scene.annotation)
            (root / f"gtFine/train/{sequence}/frame{number:04d}_gtFine_polygons.json").write_bytes(content)
            picture = Image.fromarray(synthetic.render(scene))
            picture.save(root / f"leftImg8bit/train/{sequence}/frame{number:04d}_leftImg8bit.png")
    store, index = create_store(str(folder / "qc.db"), durable=False), frames.scan(root)
    with store.writing() as work:
        queue.start_project(work, "street", **settings)
        lead = None
        for name, role in team.items():
            person = queue.add_person(work, name, [role], lead)
            lead = lead or person
        for sequence, name in enumerate(batches):
            part = tuple(frame for frame in index if frame.sequence == str(sequence))
            queue.add_frames(work, replace(index, frames=part), name, lead)
    return store


def bring(store: Store, number: int, stage: Stage, hands: tuple[str, str, str] = ("ann", "bo", "sue")) -> None:
    """Bring a frame to a stage: who hands it in, and who passes it at QC1 and at QC2."""
    checklist = load_checklist()
    with store.looking() as work:
        frame, settings = work.state.get(Frame, number), work.project
    handin = queue.read_handin(Path(frame.root, frame.annotation), store.files(settings), frame, settings)
    with store.writing() as work:
        queue.submit(work, frame, queue.find_person(work, hands[0]), handin)
        peer = queue.find_person(work, hands[1])
        given = work.state.get(Frame, number)
        if given.holder != peer.id:
            queue.give(work, given, peer, queue.find_person(work, "lea"))
    for name in hands[1:][: (Stage.QC1, Stage.QC2, Stage.READY).index(stage)]:
        with store.writing() as work:
            now = work.state.get(Frame, number)
            queue.review(work, now, queue.find_person(work, name), Action.PASS, checklist=checklist)


def make_passwords_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let passwords cost no time; how they are kept is a test of its own."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(accounts, "_hasher", lambda: hasher)


def give_passwords(store: Store) -> None:
    """Give everybody the same password."""
    with store.writing() as work:
        for person in queue.people.read_people(work):
            accounts.set_password(work.connection, person, PASSWORD)


def require_strange(client: TestClient, whom: str, requests: Iterable[str], pages: Iterable[str]) -> None:
    """Require that requests and pages are refused as being for others, and that no page leads to the first of them."""
    for path in requests:
        said = client.get(path)
        assert (said.status_code, said.json()) == (403, {"detail": f"this is for {whom}"}), path
    for path in pages:
        said = client.get(path)
        assert said.status_code == 403, path
        assert f"This page is for {whom}" in said.text
        assert f'href="{path}"' not in client.get("/").text


def require_nobody(client: TestClient, requests: Iterable[str], pages: Iterable[str]) -> None:
    """Require that who is not signed in is refused, and led from pages to where they can."""
    for path in requests:
        assert client.get(path).status_code == 401, path
    for path in pages:
        assert client.get(path, follow_redirects=False).headers["location"] == "/sign-in"


@contextlib.contextmanager
def open_browsers(store: Store, monkeypatch: pytest.MonkeyPatch, settings: Settings | None = None) -> Iterator[SignIn]:
    """Give everybody a password, one that costs no time, and yield what signs a person in; "" for nobody."""
    make_passwords_quick(monkeypatch)
    give_passwords(store)
    app, addresses = create_app(store, settings), itertools.count(1)
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
