from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from iddkit import errors, files
from iddkit.errors import AnnotationError, OutputError, UserError


def test_a_file_is_written_with_its_folders_and_nothing_beside_it(tmp_path: Path) -> None:
    files.write_bytes(tmp_path / "a" / "b" / "c.txt", b"1")
    files.write_bytes(tmp_path / "a" / "b" / "c.txt", b"2")
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == b"2"
    assert [p.name for p in (tmp_path / "a" / "b").iterdir()] == ["c.txt"]


def test_a_failed_write_leaves_the_old_file_and_no_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c.txt"
    files.write_bytes(path, b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OutputError, match="c.txt: cannot be written: No space left on device"):
        files.write_bytes(path, b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["c.txt"]
    assert path.read_bytes() == b"old"


def test_a_file_in_the_place_of_a_folder_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be written"):
        files.write_bytes(tmp_path / "a" / "b.txt", b"1")
    with pytest.raises(OutputError, match="cannot be written"):
        files.write_bytes(tmp_path / "a" / "deep" / "b.txt", b"1")


def test_a_folder_in_the_place_of_a_file_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        files.write_bytes(tmp_path / "a", b"1")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_only_regular_files_of_a_sane_size_are_read(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"12345")
    os.mkfifo(tmp_path / "pipe")
    for path, problem in [
        (tmp_path, "cannot be read|not a regular file"),
        (tmp_path / "pipe", "not a regular file"),
        (tmp_path / "none", "No such file"),
        (tmp_path / "nul\0", "cannot be read"),
    ]:
        with pytest.raises(AnnotationError, match=problem):
            files.read_bytes(path)
    with pytest.raises(AnnotationError, match="5 bytes, more than the 4"):
        files.read_bytes(tmp_path / "big", limit=4)


def test_an_error_is_one_line_whatever_its_parts() -> None:
    error = AnnotationError("not\nwell  formed", path="a\nb.xml", where="line 3")
    assert str(error) == "a\\nb.xml: line 3: not well formed"


def test_errors_travel_between_processes() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, UserError)]
    assert len(kinds) >= 8
    for kind in kinds:
        error = kind("wrong", path="a.json", where="object 3")
        back = pickle.loads(pickle.dumps(error))
        assert (type(back), str(back), back.where) == (kind, str(error), "object 3")
