"""The four weeks of the thesis: its two printed tables come out of a log that the real commands import."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from iddkit.qc import queue
from iddkit.qc.progress.weekly import WeekRow, read_weeks
from iddkit.qc.store.database import Store, create_store, read_project
from iddkit.qc.verify import verify
from iddkit.qc.worklog import ImportReport, import_log
from iddkit.reporting.qc_tables import review_table, work_table
from iddkit.reporting.tables import Table, to_csv
from tests.data.make_thesis_log import TABLE_1, TABLE_2, write_log


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("thesis") / "log.csv"
    write_log(path)
    return path


@pytest.fixture(scope="module")
def project(log: Path) -> Iterator[tuple[Store, ImportReport]]:
    """The project, with the log imported: what 'iddkit qc init' and 'iddkit qc import-log' do."""
    store = create_store(str(log.parent / "qc.db"), durable=False)
    with store.writing() as work:
        queue.start_project(work, "IDD", timezone="Asia/Kolkata")
    yield store, import_log(store, log)
    store.close()


@pytest.fixture(scope="module")
def rows(project: tuple[Store, ImportReport]) -> list[WeekRow]:
    """What 'iddkit qc status --week 2019-08-13 --weeks 4' shows."""
    with project[0].reading() as connection:
        settings = read_project(connection)
        return read_weeks(connection, settings, containing=date(2019, 8, 13), weeks=4, now=datetime.now(UTC))


def cells_of(table: Table, headings: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return the cells as people read them; the thesis has no commas in its numbers."""
    places = [[column.heading for column in table.columns].index(heading) for heading in headings]
    return [tuple(row[place].replace(",", "") for place in places) for row in table.texts()]


def test_the_log_is_that_of_twenty_five_annotators(log: Path) -> None:
    with log.open(newline="") as file:
        listed = list(csv.DictReader(file))
    assert len({row["Person"] for row in listed if row["Action"] == "Submit"}) == 25
    assert {row["Person"].split()[0] for row in listed} == {"annotator", "supervisor", "researcher"}


def test_no_row_of_the_log_is_refused(project: tuple[Store, ImportReport], log: Path) -> None:
    store, report = project
    assert report.problems == ()
    assert report.imported == report.rows == len(log.read_text().splitlines()) - 1
    assert report.frames == 1155 + 3802 + 1661 + 30 + 17
    assert verify(store).findings == ()


def test_table_3_1_comes_out_cell_by_cell(rows: list[WeekRow]) -> None:
    headings = ("timeline", "raw frames", "annotated images", "man-hours annotation", "man-hours QC")
    expected = [tuple(str(cell) for cell in row) for row in TABLE_1]
    assert cells_of(work_table(rows), headings) == expected
    assert to_csv(work_table(rows)).decode().splitlines() == [",".join(headings), *map(",".join, expected)]


def test_table_3_2_comes_out_cell_by_cell(rows: list[WeekRow]) -> None:
    headings = ("timeline", "QC1 passed", "QC2 passed", "QC3 passed", "remarks")
    expected = [tuple(str(cell) for cell in row) for row in TABLE_2]
    assert cells_of(review_table(rows[:3]), headings) == expected
    assert {row.passed["qc4"] for row in rows} == {0}


def test_what_the_repair_queue_holds_is_raw_less_annotated(rows: list[WeekRow]) -> None:
    assert [row.repairs for row in rows] == [0, 20, 35, 594]
    # six of the 35 were not handed in again before the last week
    assert [row.carried["repair"] for row in rows] == [0, 26, 35, 594]


def test_the_same_log_again_changes_nothing(project: tuple[Store, ImportReport], log: Path) -> None:
    store, report = project
    before = verify(store)
    again = import_log(store, log)
    assert (again.imported, again.there, again.problems) == (0, report.rows, ())
    assert (again.frames, again.people) == (0, ())
    assert verify(store) == before
