from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iddkit.errors import OutputError
from iddkit.journal import Journal, replay

values = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
entries = st.lists(st.dictionaries(st.text(max_size=4), values | st.lists(values, max_size=3), max_size=3), max_size=6)


@given(entries, entries, st.floats(0, 1))
def test_what_was_finished_before_a_run_was_killed_is_read_and_the_rest_follows(
    first: list[dict[str, Any]], second: list[dict[str, Any]], part: float
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.jsonl"
        with Journal(path) as journal:
            for entry in first:
                journal.add(entry)
            assert list(replay(path)) == first
        if path.exists():
            content = path.read_bytes()
            path.write_bytes(content[: round(part * len(content))])  # killed while it was writing
        kept = list(replay(path))
        assert kept == first[: len(kept)]
        assert part < 1 or kept == first
        with Journal(path) as journal:
            for entry in second:
                journal.add(entry)
        assert list(replay(path)) == kept + second


def test_a_run_that_ended_well_leaves_no_journal(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "run.jsonl"
    with Journal(path) as journal:
        assert not journal.resumed
        journal.add({"frame": 1})
        journal.clear()
    assert not path.exists()
    assert list(replay(path)) == []


def test_a_journal_knows_that_a_run_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(b"\n")  # before it had finished anything: it may have left temporary files all the same
    with Journal(path) as journal:
        assert journal.resumed
    assert not path.exists()


def test_only_one_run_at_a_time_writes(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with Journal(path) as journal:
        journal.add({"frame": 1})
        with pytest.raises(OutputError, match="another run is writing here"), Journal(path):
            pass
        journal.add({"frame": 2})
    assert [entry["frame"] for entry in replay(path)] == [1, 2]
    with Journal(path):
        pass


def test_lines_that_are_no_entries_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(b'7\n[]\n{"a": 1}\nnonsense\n' + b"[" * 100_000 + b'\n\xff\n{"a": 2}\n{"a"')
    assert list(replay(path)) == [{"a": 1}, {"a": 2}]


def test_a_journal_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"), Journal(tmp_path / "file" / "run.jsonl"):
        pass
