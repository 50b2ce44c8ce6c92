"""``iddkit qc serve`` and ``link``: where the server listens, what it warns of, and who comes in."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from iddkit.cli.qc import serve
from tests.qc_commands import call, do

pytest.importorskip("uvicorn", reason="needs iddkit[web]: uvicorn is not installed")
pytest.importorskip("argon2", reason="needs iddkit[web]: argon2-cffi is not installed")


@pytest.fixture
def project(tmp_path: Path) -> str:
    """A project of a lead and an annotator."""
    url = str(tmp_path / "qc.db")
    do("--db", url, "init", "--name", "street", "--lead", "lee")
    do("--db", url, "people", "add", "ann", "--role", "annotator")
    return url


def test_the_server_says_where_it_listens_and_ends_with_ctrl_c(project: str) -> None:
    command = [sys.executable, "-m", "iddkit", "qc", "--db", project, "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            found = re.search(r"http://127\.0\.0\.1:\d+", server.stderr.readline())
            assert found is not None
            connection = http.client.HTTPConnection(found.group().removeprefix("http://"), timeout=10)
            connection.auto_open = False  # one connection for both
            connection.connect()
            for pause in (6, 0):
                connection.request("GET", "/sign-in")
                answer = connection.getresponse()
                assert answer.status == 200
                assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
                answer.read()
                time.sleep(pause)  # longer than a connection is kept by uvicorn's default
            connection.close()
            server.send_signal(signal.SIGINT)
            server.wait(30)
        finally:
            server.kill()


def test_a_port_that_is_taken_is_said_in_a_line(project: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        said = call("--db", project, "serve", "--port", port)
    assert said.code == 1
    assert f"cannot listen at 127.0.0.1, port {port}" in said.err


def test_what_is_accepted_is_sent_at_once() -> None:
    # asyncio turns Nagle's algorithm off only for sockets that name their protocol.
    with serve.listen("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP


@pytest.mark.parametrize(
    ("more", "warns"),
    [
        (["--host", "127.0.0.1"], False),
        (["--host", "localhost"], False),
        (["--host", "0.0.0.0"], True),
        (["--host", "0.0.0.0", "--trusted-proxy", "10.0.0.1"], False),
    ],
)
def test_passwords_in_the_clear_are_warned_of(
    project: str, monkeypatch: pytest.MonkeyPatch, more: list[str], warns: bool
) -> None:
    monkeypatch.setattr("uvicorn.Server.run", lambda self, sockets: None)
    said = do("--db", project, "serve", "--port", "0", *more)
    assert ("passwords travel unencrypted" in said.err) is warns


def test_a_link_is_for_one_person_and_made_by_a_lead(project: str) -> None:
    said = do("--db", project, "link", "ann", "--url", "https://review.example/")
    assert re.fullmatch(r"ann: https://review\.example/welcome#[\w-]{20,}\n", said.out)
    refused = call("--db", project, "link", "lee", "--as", "ann")
    assert refused.code == 1
    assert "lead" in refused.err
