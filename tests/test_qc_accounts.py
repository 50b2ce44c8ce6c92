"""Passwords, links and sessions of the review page."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("argon2", reason="needs iddkit[web]: argon2-cffi is not installed")

from iddkit.errors import OptionError
from iddkit.qc import accounts, queue
from iddkit.qc.stages import Role
from iddkit.qc.store.database import create_store


def test_nothing_that_is_kept_lets_anyone_in(tmp_path: Path) -> None:
    store = create_store(str(tmp_path / "qc.db"), durable=False)
    with store.writing() as work:
        queue.start_project(work, "street")
        bo = queue.add_person(work, "bo", [Role.LEAD])
        accounts.set_password(work.connection, bo, "correct horse")
        link = accounts.make_link(work.connection, bo, work.at)
        token, session = accounts.open_session(work.connection, bo, work.at)
    store.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("qc.db*"))
    assert b"$argon2id$" in kept
    for secret in ("correct horse", link, token):
        assert secret.encode() not in kept
    with store.reading() as connection:
        found = accounts.find_session(connection, token, session.until - 1)
        assert found is not None
        assert found.person.name == "bo"
        assert accounts.find_session(connection, token, session.until) is None
        assert accounts.check_password(connection, "bo", "correct horse") == bo
        assert accounts.check_password(connection, "bo", "correct house") is None
        assert accounts.check_password(connection, "nobody", "correct horse") is None
    with store.writing() as work:
        assert accounts.use_link(work.connection, link, work.at + accounts.LINK) is None  # too late
        assert accounts.use_link(work.connection, link, work.at) is None  # and void by the attempt
        first, second = (accounts.make_link(work.connection, bo, work.at) for _ in range(2))
        assert accounts.use_link(work.connection, first, work.at) is None  # the second took its place
        assert accounts.use_link(work.connection, second, work.at) == bo
        with pytest.raises(OptionError, match="8 characters"):
            accounts.set_password(work.connection, bo, "short")
        queue.add_person(work, "lea", [Role.LEAD], bo)
        queue.change_person(work, bo, bo, active=False)
        work.flush()
        assert accounts.check_password(work.connection, "bo", "correct horse") is None
        assert accounts.find_session(work.connection, token, work.at) is None
    store.close()
