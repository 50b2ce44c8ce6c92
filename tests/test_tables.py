from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import pytest
from click import command, unstyle
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from iddkit.cli import console
from iddkit.errors import OptionError
from iddkit.frames import Frame
from iddkit.reporting.tables import (
    Cell,
    Column,
    Table,
    dataset_table,
    label_table,
    sequence_table,
    split_table,
    to_csv,
    to_markdown,
)
from iddkit.statistics import FrameTable
from iddkit.statistics.summary import DatasetSummary, summarize
from tests.tables_by_hand import frame_tables, table

# Any text but lone surrogates, which csv.reader is asked to give back below; they have a test of their own.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
cells: st.SearchStrategy[Cell] = st.one_of(st.none(), texts, st.integers(), st.floats())


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Draw a table of 1-4 columns with any cells."""
    columns = draw(st.lists(st.builds(Column, texts, st.integers(0, 4), texts), min_size=1, max_size=4))
    rows = draw(st.lists(st.tuples(*[cells] * len(columns)), max_size=5))
    return Table(tuple(columns), tuple(rows), draw(texts))


@pytest.fixture
def idd() -> DatasetSummary:
    """Two frames in two sequences of train, one in val, and an image without labels in test."""
    keys = [("train", "2", "a"), ("train", "10", "a"), ("val", "1", "a")]
    pixels = [[600, 0, 0, 0, 0, 0, 200, 24], [100, 0, 0, 0, 0, 0, 0, 0], [0, 50, 0, 0, 0, 0, 50, 0]]
    frames = table(keys, pixels, shapes=[[3, 0, 0, 0, 0, 0, 1, 0], [1, *[0] * 7], [0, 1, 0, 0, 0, 0, 1, 2]])
    return summarize(frames, [Frame("test", "7", "z", Path("z.jpg"))], name="IDD")


@pytest.fixture
def lite() -> DatasetSummary:
    return summarize(table([("", "", "a")], [[30, 0, 0, 0, 0, 0, 10, 0]]), name="lite")


@given(tables())
def test_csv_gives_back_every_cell(made: Table) -> None:
    text = to_csv(made).decode()
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert rows[0] == [column.name for column in made.columns]
    for read, row in zip(rows[1:], made.rows, strict=True):
        for back, cell in zip(read, row, strict=True):
            if cell is None or (isinstance(cell, float) and not math.isfinite(cell)):
                assert back == ""
            elif isinstance(cell, float):
                assert float(back) == pytest.approx(cell, rel=1e-8)
            else:
                assert back == str(cell)


@given(tables())
def test_markdown_has_a_line_a_row_and_no_more_cells_than_columns(made: Table) -> None:
    lines = to_markdown(made).split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(made.rows) + 2 + 2 * bool(made.title)
    for line in lines[2 * bool(made.title) :]:
        assert line.isprintable()
        assert line.replace("\\\\", "").replace("\\|", "").count("|") == len(made.columns) + 1


def test_numbers_are_written_for_people_and_for_scripts() -> None:
    made = Table((Column("n"), Column("x", 2), Column("y", 2)), ((1234567, 1 / 3, None), (-1, 2e9, math.nan)))
    assert made.texts() == [["1,234,567", "0.33", "-"], ["-1", "2,000,000,000.00", "-"]]
    assert to_csv(made) == b"n,x,y\n1234567,0.333333333,\n-1,2e+09,\n"


def test_markup_in_names_is_text() -> None:
    made = Table((Column("a_b"),), (("<b>*x*|y",), ("line\nbreak",)), "# [t](u)")
    assert to_markdown(made).splitlines() == [
        r"**\# \[t\](u)**",
        "",
        r"| a\_b          |",
        r"| ------------- |",
        r"| \<b\>\*x\*\|y |",
        r"| line\\nbreak  |",
    ]


def test_a_name_that_is_not_utf_8_comes_back_byte_for_byte() -> None:
    assert to_csv(Table((Column("sequence"),), (("drive\udcff",),))) == b"sequence\ndrive\xff\n"


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="2 cells under 1 columns"):
        Table((Column("a"),), ((1, 2),))


def test_the_row_of_a_dataset_is_that_of_the_paper(idd: DatasetSummary, lite: DatasetSummary) -> None:
    made = dataset_table([idd, lite])
    assert [column.name for column in made.columns] == [
        "dataset",
        "mean height",
        "mean width",
        "annotated pixels 10^6",
        "frames train",
        "frames val",
        "frames test",
        "frames all",
        "frames labelled",
        "disk MB",
        "labels level",
        "labels total",
        "labels found",
    ]
    assert made.rows == (
        ("IDD", 180.0, 320.0, 0.001, 2, 1, 1, None, 3, 0.0003, "level1", 7, 3),
        ("lite", 180.0, 320.0, 0.00004, None, None, None, 1, 1, 0.0001, "level1", 7, 2),
    )


def test_the_row_of_a_dataset_counts_labels_of_a_level_that_is_asked_for() -> None:
    fine = summarize(table([("", "", "a")], [[5] * 36], level="id"), name="fine")
    assert dataset_table([fine]).rows[0][-3:] == ("id", 35, 35)
    assert dataset_table([fine], ["level2", "level3"]).rows[0][-3:] == ("level3", 26, 26)


def test_splits_have_a_row_each_and_all_of_them_one(idd: DatasetSummary, lite: DatasetSummary) -> None:
    assert split_table([idd, lite]).rows == (
        ("IDD", "train", 2, 2, 0.0009, 2, 1, 1.0, 1),
        ("IDD", "val", 1, 1, 0.0001, 1, 1, 1.0, 1),
        ("IDD", "test", 1, 0, 0.0, 1, 1, 1.0, 1),
        ("IDD", "all", 4, 3, 0.001, 4, 1, 1.0, 1),
        ("lite", "all", 1, 1, 0.00004, 1, 1, 1.0, 1),
    )


def test_frames_without_a_split_are_not_all_where_others_have_one() -> None:
    mixed = summarize(table([("", "", "a"), ("train", "", "a")], [[1] * 8] * 2), name="mixed")
    assert [row[1] for row in split_table([mixed]).rows] == ["train", "no split", "all"]


def test_sequences_are_listed_with_their_sizes(idd: DatasetSummary) -> None:
    assert sequence_table(idd).rows == (
        ("test", "7", 1, 0),
        ("train", "2", 1, 1),
        ("train", "10", 1, 1),
        ("val", "1", 1, 1),
    )


def test_labels_have_their_shares_both_ways_and_their_counts(idd: DatasetSummary) -> None:
    made = label_table([idd], "level1")
    assert made.title == "level1: 3 of 7 labels"
    assert [column.name for column in made.columns] == [
        *("number", "label", "pooled %", "mean %", "presence %", "pixels", "frames", "shapes")
    ]
    road, nondrivable, *_, sky, void = (list(row) for row in made.rows)
    assert road == [0, "drivable", 70.0, pytest.approx(175 / 3), pytest.approx(200 / 3), 700, 2, 4]
    assert nondrivable == [1, "non-drivable", 5.0, pytest.approx(50 / 3), pytest.approx(100 / 3), 50, 1, 1]
    assert sky == [6, "sky", 25.0, pytest.approx(25), pytest.approx(200 / 3), 250, 2, 2]
    assert void == [None, "void", None, None, pytest.approx(100 / 3), 24, 1, 2]


def test_labels_of_one_split_are_those_of_its_frames(idd: DatasetSummary) -> None:
    made = label_table([idd], "level1", "val")
    assert made.title == "level1, val: 2 of 7 labels"
    assert [row[5] for row in made.rows] == [0, 50, 0, 0, 0, 0, 50, 0]
    assert {row[2] for row in label_table([idd], "level1", "test").rows} == {None}


def test_datasets_stand_side_by_side_measure_by_measure(idd: DatasetSummary, lite: DatasetSummary) -> None:
    made = label_table([idd, lite], "level1")
    assert made.title == "level1: 3, 2 of 7 labels"
    names = [column.name for column in made.columns]
    assert names[2:6] == ["pooled % IDD", "pooled % lite", "mean % IDD", "mean % lite"]
    assert names[-1] == "shapes IDD"  # lite comes as label images, which have none
    assert made.rows[0][2:4] == (70.0, 75.0)


@given(frame_tables())
def test_the_columns_of_labels_add_up(frames: FrameTable) -> None:
    summary = summarize(frames, name="x")
    for level in summary.levels:
        rows = label_table([summary], level).rows
        shares = [row[2] for row in rows[:-1] if isinstance(row[2], float)]
        assert sum(shares) == pytest.approx(100 if summary.whole.annotated_pixels else 0)
        assert sum(row[5] for row in rows if isinstance(row[5], int)) == frames.pixels.sum()


def test_labels_of_different_maps_are_not_set_side_by_side(idd: DatasetSummary) -> None:
    other = summarize(table([("", "", "a")], [[1] * 8], level="category", map_name="cityscapes"), name="x")
    with pytest.raises(OptionError, match="different label maps"):
        label_table([idd, other], "level1")


def show(made: Table, monkeypatch: pytest.MonkeyPatch, width: int | None) -> list[str]:
    """Return the lines that a terminal of some width shows, or those that go into a pipe."""
    if width is not None:
        monkeypatch.setenv("TTY_COMPATIBLE", "1")
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", str(width))
    result = CliRunner().invoke(command()(lambda: console.print_table(made)), catch_exceptions=False)
    return [line.rstrip() for line in unstyle(result.output).splitlines()]


def wide() -> Table:
    """Return a table that is as wide as label tables of three datasets are."""
    groups = ("pooled %", "mean %", "presence %")
    columns = [Column(f"dataset {name}", 3, group) for group in groups for name in "ABC"]
    row: tuple[Cell, ...] = (0, "truck, bus, caravan, trailer, train, vehicle fallback", *([12.3456] * 9))
    return Table((Column("number"), Column("label"), *columns), (row, (1, "[red]sky[/]", *([None] * 9))), "labels")


def test_nothing_is_cut_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = show(wide(), monkeypatch, None)
    assert len(lines) == 7  # title, two headings, rule, two rows, an empty line
    assert "truck, bus, caravan, trailer, train, vehicle fallback" in lines[4]
    assert lines[4].count("12.346") == 9
    assert "[red]sky[/]" in lines[5]
    assert not any(line.startswith("\x1b") for line in lines)


@pytest.mark.parametrize("width", [80, 107, 140])
def test_a_terminal_shows_every_column_within_its_width(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    lines = show(wide(), monkeypatch, width)
    assert max(len(line) for line in lines) <= width
    text = "\n".join(lines)
    assert text.count("12.346") == 9
    assert text.count("dataset A") == 3
    assert "…" not in text
    assert text.count("[red]sky[/]") == {80: 3, 107: 2, 140: 1}[width]  # the labels stand in each block
