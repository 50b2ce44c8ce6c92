"""Tables and figures of the review, as values: no database is needed for them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from iddkit.qc.events import to_microseconds
from iddkit.qc.progress.burndown import PASSED, BurnDown
from iddkit.qc.progress.carried import WAITING
from iddkit.qc.progress.repairs import Repair
from iddkit.qc.progress.standing import BatchStanding, Standing, Stuck, Wait
from iddkit.qc.progress.weekly import Week, WeekRow
from iddkit.qc.stages import Stage
from iddkit.qc.state import Sample
from iddkit.reporting import qc_figures
from iddkit.reporting.figure import Drawing, hexadecimal
from iddkit.reporting.qc_figures import COLORS, draw_burn_down, draw_weeks
from iddkit.reporting.qc_tables import (
    burn_down_table,
    carried_table,
    name_week,
    repair_table,
    review_table,
    standing_table,
    stuck_table,
    wait_table,
    work_table,
)
from iddkit.reporting.tables import to_csv, to_markdown

DAY = 86_400_000_000
START = to_microseconds(datetime(2019, 7, 17, tzinfo=UTC))


def week(first: date = date(2019, 7, 31)) -> Week:
    start = to_microseconds(datetime(first.year, first.month, first.day, tzinfo=UTC))
    return Week(first, start, start + 7 * DAY)


def row(**more: object) -> WeekRow:
    passed = {"qc1": 9, "qc2": 1972, "qc3": 0, "qc4": 0}
    return replace(WeekRow(week(), 29, 9, 20 * 3600, 273 * 3600, passed), **more)  # type: ignore[arg-type]


def rows(count: int) -> list[WeekRow]:
    firsts = [date(2019, 8, 7) - timedelta(weeks=i) for i in range(count)]
    return [
        row(week=week(first), passed={"qc1": 10 + i, "qc2": 20, "qc3": i % 3, "qc4": i % 2})
        for i, first in enumerate(firsts)
    ]


@pytest.mark.parametrize(
    ("first", "name"),
    [
        (date(2019, 8, 7), "07 Aug - 13 Aug 2019"),
        (date(2019, 7, 31), "31 July - 06 Aug 2019"),
        (date(2019, 7, 24), "24 July - 30 July 2019"),
        (date(2019, 12, 30), "30 Dec 2019 - 05 Jan 2020"),
        (date(2020, 2, 26), "26 Feb - 03 March 2020"),
    ],
)
def test_a_week_is_called_as_the_thesis_does(first: date, name: str) -> None:
    assert name_week(week(first)) == name


def test_a_week_of_the_thesis_is_its_row() -> None:
    assert work_table([row()]).texts() == [["31 July - 06 Aug 2019", "29", "9", "20", "273"]]
    assert review_table([row()]).texts() == [["31 July - 06 Aug 2019", "9", "1,972", "-", "-", "-"]]


def test_nothing_is_a_dash_only_for_the_sampled_reviews() -> None:
    none = WeekRow(week())
    assert work_table([none]).texts()[0][1:] == ["0", "0", "0", "0"]
    assert review_table([none]).texts()[0][1:] == ["0", "0", "-", "-", "-"]
    assert carried_table([none]).texts()[0][1:] == ["0"] * len(WAITING)


def test_hours_are_whole_for_people_and_exact_for_scripts() -> None:
    made = work_table([row(annotation_seconds=5400, qc_seconds=20)])
    assert made.texts()[0][3:] == ["2", "0"]
    assert to_csv(made).decode().splitlines()[1].endswith("29,9,1.5,0.00555555556")


def test_remarks_name_what_became_of_batches() -> None:
    told = row(frozen=("a", "b"), returned=("c",))
    assert review_table([told]).texts()[0][-1] == "frozen: a, b; returned: c"


def test_what_a_week_left_is_told_by_stage() -> None:
    left = {**dict.fromkeys(map(str, WAITING), 0), "qc2": 1358, "repair": 26}
    made = carried_table([row(carried=left)])
    cells = dict(zip([column.heading for column in made.columns], made.texts()[0], strict=True))
    assert (cells["qc2"], cells["repair"], cells["ready"]) == ("1,358", "26", "0")


def counts(**some: int) -> dict[str, int]:
    return {**{str(stage): 0 for stage in Stage}, **some}


SAMPLE = Sample(1, 1, "qc3", 2, "7", "{}", 40, 8, 1, "", "")
STANDING = Standing(
    counts(qc1=3, qc3=40, repair=1),
    (
        BatchStanding(1, "one", "open", 0, counts(qc1=3, repair=1)),
        BatchStanding(2, "two|x", "qc3", 2, counts(qc3=40), SAMPLE, 5, 1),
    ),
    (
        Repair(1, "train/0/a", "one", "ann", True, "qc1", "gap", 2, False, START, 0.5),
        Repair(2, "train/0/b", "one", "", False, "qc2", "", 4, True, START, 0.5),
        Repair(3, "train/0/c", "one", "", False, "qc2", "", 1, False, START, 0.5),
    ),
    (Wait("qc1", "bo", "annotator", 3, START), Wait("qc3", "", "researcher", 3, START)),
    (Stuck(1, "train/0/a", "qc1", "no one can review it: no annotator or lead is there"),),
)


def test_batches_stand_in_a_row_each_and_all_in_one() -> None:
    made = standing_table(STANDING)
    headings = [column.heading for column in made.columns]
    cells = [dict(zip(headings, texts, strict=True)) for texts in made.texts()]
    assert [(one["batch"], one["state"], one["frames"]) for one in cells] == [
        ("one", "open", "4"),
        ("two|x", "qc3, round 2", "40"),
        ("all", "-", "44"),
    ]
    assert cells[1]["sample"] == "5 of 8 seen, 1 bad, 1 allowed"
    assert cells[2]["qc3"] == "40"
    assert "dropped" not in headings
    one = replace(STANDING, batches=STANDING.batches[:1])
    assert [texts[0] for texts in standing_table(one).texts()] == ["one"]
    assert "two\\|x" in to_markdown(made)


def test_waits_repairs_and_stuck_frames_are_named() -> None:
    assert [texts[:3] for texts in wait_table(STANDING).texts()] == [["qc1", "bo", "3"], ["qc3", "any researcher", "3"]]
    owners = [texts[2] for texts in repair_table(STANDING.repairs).texts()]
    assert owners == ["ann (away)", "a lead (escalated)", "a lead"]
    assert repair_table(STANDING.repairs).texts()[0][-1] == "2019-07-17 00:00:00Z"
    assert stuck_table(STANDING).texts()[0][2].startswith("no one can review it")


def burn_down(times: Sequence[int], *series: Sequence[int], name: str = "b") -> BurnDown:
    return BurnDown(name, tuple(times), {str(stage): tuple(series[i % len(series)]) for i, stage in enumerate(PASSED)})


def test_a_burn_down_is_a_row_a_moment() -> None:
    made = burn_down_table(burn_down([START, START + DAY], [4, 0], [4, 2]))
    assert made.texts() == [
        ["2019-07-17 00:00:00Z", "4", "4", "4", "4", "4"],
        ["2019-07-18 00:00:00Z", "0", "2", "0", "2", "0"],
    ]


# -- figures


def colors_of(drawing: Drawing) -> set[str]:
    picture = np.array(Image.open(io.BytesIO(drawing.png)).convert("RGB")).reshape(-1, 3)
    return {hexadecimal((int(r), int(g), int(b))) for r, g, b in np.unique(picture, axis=0)}


def test_each_review_has_its_bars_in_the_figure_of_weeks() -> None:
    drawing = draw_weeks(rows(4))
    assert set(COLORS.values()) <= colors_of(drawing)
    assert b"<svg" in drawing.svg


def test_a_longer_bar_has_more_pixels() -> None:
    def area(passed: int) -> int:
        few = {"qc1": 100, "qc2": passed, "qc3": 0, "qc4": 0}
        drawing = draw_weeks([row(passed=few, qc_seconds=0)])
        picture = np.array(Image.open(io.BytesIO(drawing.png)).convert("RGB"))
        return int((picture[:, :, :] == [int(COLORS["qc2"][i : i + 2], 16) for i in (1, 3, 5)]).all(axis=2).sum())

    assert area(10) < area(50) < area(90)


@settings(max_examples=15)
@given(count=st.integers(1, 60), scale=st.sampled_from([0, 1, 10**6]))
def test_any_number_of_weeks_can_be_drawn(count: int, scale: int) -> None:
    made = [
        replace(one, passed={stage: value * scale for stage, value in one.passed.items()}, qc_seconds=scale)
        for one in rows(count)
    ]
    drawing = draw_weeks(made)
    assert drawing.width > drawing.height


def test_the_same_weeks_give_the_same_bytes() -> None:
    assert draw_weeks(rows(5)) == draw_weeks(rows(5))


def test_a_burn_down_has_a_line_for_each_stage() -> None:
    series = [[9 - min(9, max(0, t - delay)) for t in range(30)] for delay in range(5)]
    drawing = draw_burn_down([burn_down([START + t * DAY for t in range(30)], *series)], "Asia/Kolkata")
    assert set(COLORS.values()) <= colors_of(drawing)


@settings(max_examples=20)
@given(
    times=st.lists(st.integers(0, 4 * 10**8), max_size=30, unique=True),
    batches=st.integers(0, 4),
    most=st.sampled_from([0, 1, 7, 10**5]),
    zone=st.sampled_from(["UTC", "Asia/Kolkata", "America/New_York"]),
)
def test_any_burn_down_can_be_drawn(times: list[int], batches: int, most: int, zone: str) -> None:
    moments = [START + seconds * 1_000_000 for seconds in sorted(times)]
    one = burn_down(moments, [most - most * i // 40 for i in range(len(times))], name="a\nb")
    draw_burn_down([one] * batches, zone)


def test_days_of_a_long_time_are_few() -> None:
    for days in (1, 3, 20, 100, 900, 4000):
        found = qc_figures._find_days(START, START + days * DAY, ZoneInfo("UTC"))
        assert 1 <= len(found) <= 10
    assert qc_figures._find_days(START + 1, START + 2, ZoneInfo("UTC")) == []


def test_a_year_stands_at_its_first_tick_where_there_are_several() -> None:
    days = [date(2019, 11, 1), date(2019, 12, 1), date(2020, 1, 1)]
    assert qc_figures._name_days(days) == ["1 Nov 2019", "1 Dec", "1 Jan 2020"]
    assert qc_figures._name_days(days[:2]) == ["1 Nov", "1 Dec"]
