from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iddkit.qc.events import Kind
from iddkit.qc.progress.intervals import (
    FEWEST_CASES,
    FEWEST_POLYGONS,
    FEWEST_TASKS,
    Estimate,
    estimate_median,
    estimate_rate,
    estimate_share,
)
from iddkit.qc.progress.person import Confusion, PersonReport, read_people_table, read_person
from iddkit.qc.store import contents
from iddkit.qc.store.work import Work
from iddkit.reporting.qc_people import people_table, person_tables, say_estimate, say_share
from iddkit.reporting.tables import to_markdown
from tests.qc_run import Run, polygons, start

ANN, BO, SUE, REX = 2, 3, 5, 6  # as `start` numbers them


def binomial(k: int, n: int, p: float) -> float:
    """P(at most k)."""
    return sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))


def poisson(k: int, mean: float) -> float:
    """P(at most k)."""
    return sum(math.exp(-mean) * mean**i / math.factorial(i) for i in range(k + 1))


@given(st.integers(1, 60), st.data())
def test_ends_of_a_share_are_those_at_which_it_is_seen_in_a_fortieth(of: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, of))
    share = estimate_share(count, of)
    assert share.low is not None
    assert share.high is not None
    assert share.low == 0 if count == 0 else 1 - binomial(count - 1, of, share.low) == pytest.approx(0.025, rel=1e-6)
    assert share.high == 1 if count == of else binomial(count, of, share.high) == pytest.approx(0.025, rel=1e-6)
    assert share.value == count / of


@given(st.integers(0, 60), st.integers(1, 10_000))
def test_ends_of_a_rate_are_those_at_which_it_is_seen_in_a_fortieth(defects: int, polygons: int) -> None:
    rate = estimate_rate(defects, polygons)
    assert rate.low is not None
    assert rate.high is not None
    low, high = rate.low * polygons / 100, rate.high * polygons / 100
    assert low == 0 if defects == 0 else 1 - poisson(defects - 1, low) == pytest.approx(0.025, rel=1e-5)
    assert poisson(defects, high) == pytest.approx(0.025, rel=1e-6)


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=80, unique=True))
def test_interval_of_a_median_is_the_shortest_that_covers_it(values: list[int]) -> None:
    median = estimate_median(values)
    size, ordered = len(values), sorted(values)

    def misses(k: int) -> Fraction:  # that the k smallest and the k largest hold the median outside of them
        return Fraction(2 * sum(math.comb(size, i) for i in range(k)), 2**size)

    best = max((k for k in range(size // 2 + 1) if misses(k) <= Fraction(1, 20)), default=0)
    if best == 0:
        assert (median.low, median.high) == (None, None)
        assert not median.says
    else:
        assert (median.low, median.high) == (ordered[best - 1], ordered[-best])
    assert (size >= FEWEST_TASKS) == (best > 0)


def test_nothing_is_said_of_too_few_cases() -> None:
    assert not estimate_share(FEWEST_CASES - 1, FEWEST_CASES - 1).says
    assert estimate_share(0, FEWEST_CASES).says
    assert not estimate_rate(7, FEWEST_POLYGONS - 1).says
    assert estimate_rate(0, FEWEST_POLYGONS).says
    assert estimate_share(3, 5).to_json() == {"count": 3, "of": 5, "too_few": True, "fewest": FEWEST_CASES}
    assert say_share(estimate_share(3, 5)) == "too few to say"
    assert say_share(estimate_share(18, 20)) == "90 (68 to 99)"
    assert say_estimate(estimate_rate(3, 600)) == "0.50 (0.10 to 1.46)"
    assert say_share(estimate_share(0, 0)) is None
    assert say_estimate(estimate_rate(0, 0)) is None
    assert say_estimate(estimate_median([])) is None


def mark(reason: str, shape: int | None = None, label: str = "") -> dict[str, Any]:
    said = {"reason": reason, "severity": "major", "shape": shape, "label": label}
    return {name: value for name, value in said.items() if value not in (None, "")}


def hand_in(work: Work, frame: int, person: int, revision: int, digest: str, shapes: int, seconds: int) -> None:
    data = {"sha256": digest, "file": "a.json", "shapes": shapes}
    stage = "annotate" if revision == 1 else "repair"
    work.append(Kind.SUBMITTED, person, frame=frame, stage=stage, revision=revision, seconds=seconds, data=data)


def judge(
    work: Work, frame: int, person: int, stage: str, revision: int, *marks: dict[str, Any], seconds: int = 60
) -> None:
    work.append(
        Kind.REVIEWED,
        person,
        frame=frame,
        batch=1,
        stage=stage,
        verdict="fail" if marks else "pass",
        revision=revision,
        reason=" ".join(dict.fromkeys(one["reason"] for one in marks)),
        seconds=seconds,
        data={"marks": list(marks)} if marks else {},
    )


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """ann draws 20 frames of 30 polygons; 3 fail at QC1 and one of the 17 others at QC2; bo mends one of the 3."""
    run = start(tmp_path_factory.mktemp("person") / "p", 21)
    folder = run.folder / "qc_files"
    digest = contents.keep(folder, polygons(30, "rider"), durable=False)
    other = contents.keep(folder, polygons(30, "truck"), durable=False)
    with run.store.writing(run.tick()) as work:
        for frame in range(1, 21):
            hand_in(work, frame, ANN, 1, digest, 30, 600 + frame)
        for frame in range(1, 4):
            judge(work, frame, BO, "qc1", 1, mark("wrong-label", 2, "person"), mark("gap"), seconds=120)
        for frame in range(4, 21):
            judge(work, frame, BO, "qc1", 1, seconds=120)
        judge(work, 4, SUE, "qc2", 1, mark("wrong-label", 999, "person"), mark("wrong-label", 0))
        for frame in range(5, 21):
            judge(work, frame, SUE, "qc2", 1)
        hand_in(work, 1, ANN, 2, digest, 31, 0)  # how long it took is not known
        judge(work, 1, BO, "qc1", 2)
        judge(work, 1, SUE, "qc2", 2, mark("wrong-label", 1, "person"))
        hand_in(work, 2, BO, 2, other, 30, 300)
        judge(work, 2, SUE, "qc1", 2, mark("wrong-label", 1, "bus"))
        data = {"sha256": other, "file": "a.json", "shapes": 30, "problem": "x"}
        work.append(Kind.CONFLICT, ANN, frame=5, revision=2, seconds=60, data=data)
        work.append(Kind.WORKED, ANN, stage="annotation", seconds=1800)
        work.append(Kind.WORKED, ANN, stage="qc", seconds=900)
    yield run
    run.store.close()


def report(run: Run, name: str, *, files: bool = True) -> PersonReport:
    person = run.person(name)
    with run.store.reading() as connection:
        return read_person(connection, run.folder / "qc_files" if files else None, person)


def counts(estimate: Estimate) -> tuple[int, int]:
    return estimate.count, estimate.of


def test_first_pass_yield_counts_first_hand_ins_at_their_first_review(known: Run) -> None:
    ann = report(known, "ann")
    assert ann.frames == 20
    assert counts(ann.first_qc1) == (17, 20)
    assert ann.first_qc1.value == 0.85
    assert counts(ann.first_qc2) == (16, 17)  # frame 1 came there only after a repair
    assert report(known, "bo").frames == 0
    assert counts(report(known, "bo").first_qc1) == (0, 0)


def test_defects_are_marks_on_the_versions_that_a_person_handed_in(known: Run) -> None:
    ann = report(known, "ann")
    # 20 first versions and the second of frame 1; the version in conflict was never judged
    assert ann.judged == 21
    assert counts(ann.defects) == (9, 20 * 30 + 31)
    assert ann.defects.value == pytest.approx(900 / 631)
    assert {reason: counts(rate) for reason, rate in ann.by_reason} == {"wrong-label": (6, 631), "gap": (3, 631)}
    assert [reason for reason, _ in ann.by_reason] == ["wrong-label", "gap"]
    assert counts(report(known, "bo").defects) == (1, 30)


def test_confused_labels_are_read_from_the_file_that_was_judged(known: Run) -> None:
    assert report(known, "ann").confused == (Confusion("rider", "person", 4), Confusion("", "person", 1))
    assert report(known, "bo").confused == (Confusion("truck", "bus", 1),)
    assert report(known, "ann", files=False).confused == (Confusion("", "person", 5),)


def test_hours_of_annotation_and_qc_are_apart(known: Run) -> None:
    ann, bo = report(known, "ann"), report(known, "bo")
    assert ann.annotation_hours == pytest.approx((sum(range(601, 621)) + 60 + 1800) / 3600)
    assert ann.qc_hours == pytest.approx(900 / 3600)
    assert bo.annotation_hours == pytest.approx(300 / 3600)
    assert bo.qc_hours == pytest.approx((20 * 120 + 60) / 3600)


def test_medians_are_of_tasks_whose_time_is_known(known: Run) -> None:
    tasks = dict(report(known, "ann").tasks)
    assert list(tasks) == ["annotate"]
    # of 20 values the 6th smallest and the 6th largest: P(at most 5 of 20 below the median) = 0.0207
    annotate = tasks["annotate"]
    assert [annotate.value, annotate.low, annotate.high] == pytest.approx([610.5 / 60, 606 / 60, 615 / 60])
    assert [(task, minutes.of) for task, minutes in report(known, "bo").tasks] == [("repair", 1), ("qc1", 21)]


def test_reviews_given_are_counted_with_their_failures(known: Run) -> None:
    bo, sue = report(known, "bo"), report(known, "sue")
    assert counts(bo.reviews) == (3, 21)
    assert counts(sue.reviews) == (3, 19)
    assert [(stage, counts(share)) for stage, share in sue.by_stage] == [("qc1", (1, 1)), ("qc2", (2, 18))]


def test_table_of_all_people_says_the_same_as_each_alone(known: Run) -> None:
    with known.store.reading() as connection:
        everyone = read_people_table(connection)
    assert [one.name for one in everyone] == ["lead", "ann", "bo", "cy", "sue", "rex", "eve"]
    assert everyone == [report(known, one.name, files=False) for one in everyone]


def test_reports_of_a_real_run_add_up(tmp_path: Path) -> None:
    run = start(tmp_path / "p", 12)
    run.finish("B", 0.4)
    with run.store.reading() as connection:
        everyone = read_people_table(connection)
    assert sum(one.frames for one in everyone) == 12
    assert sum(one.first_qc1.of for one in everyone) == 12
    failed = sum(one.reviews.count for one in everyone)
    assert failed > 0
    assert sum(one.defects.count for one in everyone) == failed  # one mark each
    assert sum(one.reviews.of for one in everyone) >= 36
    seconds = sum(3600 * (one.annotation_hours + one.qc_hours) for one in everyone)
    with run.store.reading() as connection:
        from sqlalchemy import text

        assert seconds == pytest.approx(connection.execute(text("SELECT sum(seconds) FROM event")).scalar())


def test_tables_show_numbers_with_intervals_and_what_is_too_few(known: Run) -> None:
    with known.store.reading() as connection:
        text = to_markdown(people_table(read_people_table(connection)))
    assert "85 (62 to 97)" in text
    assert "too few to say" in text
    shown = "\n".join(to_markdown(table) for table in person_tables(report(known, "ann")))
    assert "| rider" in shown
    assert "| ? " in shown
    assert person_tables(report(known, "eve")) == []
    assert report(known, "ann").to_json()["first_pass"]["qc1"]["value"] == 0.85


def test_marks_of_a_log_without_marks_are_its_reasons(tmp_path: Path) -> None:
    run = start(tmp_path / "p", 1)
    with run.store.writing(run.tick()) as work:
        hand_in(work, 1, ANN, 1, "0" * 64, 10, 60)
        work.append(
            Kind.REVIEWED,
            BO,
            frame=1,
            batch=1,
            stage="qc1",
            verdict="fail",
            revision=1,
            reason="gap order",
        )
    assert [reason for reason, _ in report(run, "ann").by_reason] == ["gap", "order"]
