from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iddkit.errors import FrameError
from iddkit.frames import Frame, Index, write_csv
from iddkit.subset.frame_list import read_frame_list

FRAMES = tuple(
    Frame(split, sequence, f"frame{i:04d}", image=Path(split, sequence, f"{i}.png"))
    for split, sequence in (("train", "0"), ("train", "1"), ("val", "0"))
    for i in range(4)
)
SOURCE = Index(Path("data"), "idd", FRAMES)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lists") / "frames.csv"


def read(path: Path, text: str, source: Index = SOURCE) -> tuple[str, ...]:
    path.write_text(text)
    return read_frame_list(path, source)


def problem_of(path: Path, text: str) -> str:
    with pytest.raises(FrameError) as caught:
        read(path, text)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


@given(st.sets(st.sampled_from(FRAMES), min_size=1), st.integers())
def test_the_frames_of_a_list_come_in_the_order_of_the_source(path: Path, wanted: set[Frame], seed: int) -> None:
    rows = sorted(wanted, key=lambda frame: frame.key)
    random.Random(seed).shuffle(rows)
    keys = tuple(frame.key for frame in FRAMES if frame in wanted)
    assert read(path, "\n".join(["key", *(frame.key for frame in rows)])) == keys
    columns = (f"{frame.name},{frame.split},{frame.sequence},9" for frame in rows)
    assert read(path, "\n".join(["name,split,sequence,score", *columns])) == keys
    write_csv(Index(path.parent, "table", tuple(rows)), path)
    assert read_frame_list(path, SOURCE) == keys


def test_a_dataset_without_splits_needs_names_alone(path: Path) -> None:
    flat = Index(Path("flat"), "flat", (Frame("", "", "a"), Frame("", "b/c", "a")))
    assert read(path, "name\na\n", flat) == ("a",)
    assert read(path, "sequence;name\nb/c;a\n;a\n", flat) == ("a", "b/c/a")


def test_a_frame_that_is_not_in_the_source_is_named_with_its_row_and_the_nearest(path: Path) -> None:
    problem = problem_of(path, "key\ntrain/0/frame0001\n\ntrain/0/frame001\ntrain/7/frame0001")
    nearest = "train/0/frame001 is no frame of data, perhaps train/0/frame0001"
    assert problem == f"row 4: {nearest}; nor are 1 more of the 3 that are listed"
    assert problem_of(path, "name\nframe0001") == (
        "row 2: frame0001 is no frame of data, whose first is train/0/frame0000"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("key\nval/0/frame0001\nval/0/frame0001\n", "row 3: val/0/frame0001 stands in row 2 already"),
        ("split,sequence,name\nval,0,frame0001\nval,0,\n", "row 3: the row names no frame"),
        ("key\n", "no frames are listed"),
        ("", "the file is empty"),
        ("frame\nval/0/frame0001\n", "row 1: no list of frames: it needs a column key, or the columns split, "),
        ("name,name\na,b\n", "row 1: a column stands twice"),
        ("key\n\x00", "not a CSV file in UTF-8"),
    ],
)
def test_what_is_no_list_of_frames_is_one_line(path: Path, text: str, problem: str) -> None:
    assert problem_of(path, text).startswith(problem)


def test_a_list_that_is_missing_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match=r"none\.csv: cannot be read: No such file"):
        read_frame_list(tmp_path / "none.csv", SOURCE)
