"""The dashboard and its API: who may read it, and that page, JSON and CSV say the same."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from iddkit.qc import queue
from iddkit.qc.stages import Stage
from iddkit.qc.store.database import create_store
from tests.qc_project import Review, start_review
from tests.web_browsers import SignIn, open_browsers, require_nobody, require_strange

TABLES = (
    *("annotation", "quality_control", "carried_over", "weeks"),
    *("frames", "waits", "repairs", "stuck", "claims", "people"),
)
READS = (
    *("weeks", "standing", "claims", "people/yields", "figures/weeks.svg"),
    *(f"tables/{name}.csv" for name in TABLES),
)


@pytest.fixture
def review(tmp_path: Path) -> Iterator[Review]:
    """Eight frames in two batches, handed in three weeks ago as far as they were: a repair, a claim, some passes."""
    store = create_store(str(tmp_path / "qc.db"), durable=False)
    made = start_review(store, 8, files=str(tmp_path / "files"))
    made.now = datetime.now(UTC) - timedelta(days=21)
    made.to_ready(1, 2)
    made.to_qc2(3)
    made.submit("bo", 4)
    made.fails(made.holder(4), 4)
    made.take("cy", Stage.ANNOTATE)
    yield made
    store.close()


@pytest.fixture
def sign_in(review: Review, monkeypatch: pytest.MonkeyPatch) -> Iterator[SignIn]:
    with open_browsers(review.store, monkeypatch) as opened:
        yield opened


def rows_of(content: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content)))


@pytest.mark.parametrize("name", ["ann", "rex", "eve"])
def test_others_than_leads_and_supervisors_learn_nothing(sign_in: SignIn, name: str) -> None:
    requests = [f"/api/v1/{path}" for path in (*READS, "weeks?weeks=3")]
    require_strange(sign_in(name), "supervisors and leads", requests, ["/dashboard"])


def test_who_is_not_signed_in_gets_nothing(sign_in: SignIn) -> None:
    require_nobody(sign_in(""), [f"/api/v1/{path}" for path in READS], ["/dashboard"])


@pytest.mark.parametrize("name", ["lea", "sue"])
def test_a_lead_and_a_supervisor_read_all_of_it(sign_in: SignIn, name: str) -> None:
    client = sign_in(name)
    for path in READS:
        assert client.get(f"/api/v1/{path}").status_code == 200, path
    page = client.get("/dashboard?weeks=4")
    assert page.status_code == 200
    assert 'href="/dashboard" aria-current="page"' in page.text
    for table in TABLES:
        assert f"/api/v1/tables/{table}.csv" in page.text, table
    assert "/api/v1/figures/weeks.svg?weeks=4" in page.text
    assert "/api/v1/batches/1/burndown.svg" in page.text
    assert "too few to say" in page.text
    assert "train/0/0003" in page.text  # the repair
    # A link is a lead's to make.
    assert ('id="invite"' in page.text) == (name == "lea")


@pytest.mark.parametrize(
    "query", ["weeks=0", "weeks=105", "weeks=-1", "weeks=x", "day=x", "day=0001-01-01", "day=2019-02-30"]
)
def test_weeks_that_cannot_be_shown_are_told_to_be_wrong(sign_in: SignIn, query: str) -> None:
    client = sign_in("lea")
    for path in ("api/v1/weeks", "api/v1/tables/weeks.csv", "api/v1/figures/weeks.svg", "dashboard"):
        assert client.get(f"/{path}?{query}").status_code == 422, path


def test_as_many_weeks_as_asked_for_are_told(sign_in: SignIn) -> None:
    client = sign_in("lea")
    assert len(client.get("/api/v1/weeks").json()["weeks"]) == 8
    for weeks in (1, 104):
        assert len(client.get(f"/api/v1/weeks?weeks={weeks}").json()["weeks"]) == weeks
    (old,) = client.get("/api/v1/weeks?weeks=1&day=2019-08-01").json()["weeks"]
    assert old["first"] <= "2019-08-01" <= old["last"]
    assert client.get("/dashboard?weeks=2&day=").status_code == 200
    assert "weeks=2&amp;day=2019-08-01" in client.get("/dashboard?weeks=2&day=2019-08-01").text
    assert client.get("/api/v1/tables/nothing.csv").status_code == 422


def test_files_of_weeks_say_what_the_json_says(sign_in: SignIn) -> None:
    client = sign_in("sue")
    told = client.get("/api/v1/weeks?weeks=5").json()["weeks"]
    assert sum(week["raw"] for week in told) == 4
    rows = rows_of(client.get("/api/v1/tables/weeks.csv?weeks=5").text)
    for week, row in zip(told, rows, strict=True):
        assert (row["first"], int(row["raw"]), int(row["annotated"])) == (week["first"], week["raw"], week["annotated"])
        assert {stage: int(row[f"carried_{stage}"]) for stage in week["carried"]} == week["carried"]
    work = rows_of(client.get("/api/v1/tables/annotation.csv?weeks=5").text)
    assert [int(row["raw frames"]) for row in work] == [week["raw"] for week in told]
    passed = rows_of(client.get("/api/v1/tables/quality_control.csv?weeks=5").text)
    assert [int(row["QC1 passed"]) for row in passed] == [week["passed"]["qc1"] for week in told]
    carried = rows_of(client.get("/api/v1/tables/carried_over.csv?weeks=5").text)
    assert [int(row["repair"]) for row in carried] == [week["carried"]["repair"] for week in told]


def test_files_of_the_present_say_what_the_json_says(sign_in: SignIn) -> None:
    client = sign_in("sue")
    told = client.get("/api/v1/standing").json()
    rows = rows_of(client.get("/api/v1/tables/frames.csv").text)
    assert [(row["batch"], int(row["ready"]), int(row["annotate"])) for row in rows] == [
        (one["name"], one["stages"]["ready"], one["stages"]["annotate"]) for one in told["batches"]
    ]
    (repair,) = told["repairs"]
    (row,) = rows_of(client.get("/api/v1/tables/repairs.csv").text)
    assert (row["frame"], row["owner"], row["reason"]) == (repair["frame"], "bo", repair["reason"])
    assert float(row["days"]) == pytest.approx(repair["days"], abs=0.01)
    waits = rows_of(client.get("/api/v1/tables/waits.csv").text)
    assert [(row["stage"], int(row["frames"])) for row in waits] == [
        (one["stage"], one["frames"]) for one in told["waits"]
    ]
    assert client.get("/api/v1/tables/stuck.csv").text.splitlines() == ["frame,stage,problem"]


def test_a_claim_that_was_forgotten_is_told_with_its_age(sign_in: SignIn) -> None:
    client = sign_in("lea")
    (claim,) = client.get("/api/v1/claims").json()["claims"]
    assert (claim["frame"], claim["person"], claim["is_lapsed"]) == ("train/1/0004", "cy", True)
    assert 20 * 24 < claim["hours"] < 21 * 24
    (row,) = rows_of(client.get("/api/v1/tables/claims.csv").text)
    assert (row["frame"], row["claimed by"]) == (claim["frame"], "cy")
    assert row["until"].endswith("(lapsed)")
    assert "/release" not in client.get("/dashboard").text  # anyone may take it as it is
    client.post("/api/v1/frames/5/release")
    sign_in("ann").post("/api/v1/tasks/next", json={"stage": "annotate"})
    (claim,) = client.get("/api/v1/claims").json()["claims"]
    assert (claim["person"], claim["is_lapsed"]) == ("ann", False)
    assert claim["hours"] < 1
    # A lead can give back what another has; a supervisor reads of it.
    for name, may in (("lea", True), ("sue", False)):
        assert (f'data-post="/api/v1/frames/{claim["number"]}/release"' in sign_in(name).get("/dashboard").text) is may


def test_yields_are_told_with_intervals_or_not_at_all(sign_in: SignIn, review: Review) -> None:
    client = sign_in("sue")
    told = {one["name"]: one for one in client.get("/api/v1/people/yields").json()["people"]}
    assert told["ann"]["first_pass"]["qc1"] == {"count": 3, "of": 3, "too_few": True, "fewest": 20}
    rows = {row["name"]: row for row in rows_of(client.get("/api/v1/tables/people.csv").text)}
    assert rows.keys() == told.keys()
    assert (rows["ann"]["first_qc1_share"], rows["ann"]["first_qc1_of"]) == ("", "3")


def test_who_is_asked_for_and_not_there_is_told_as_stuck(sign_in: SignIn, review: Review) -> None:
    review.now = datetime.now(UTC)
    for name in ("sue", "sam"):
        review.change(name, active=False)
    with review.store.writing() as work:
        lead = queue.find_person(work, "lea")
        queue.set_absence(work, lead, lead, 0, None)
    client = sign_in("lea")
    told = client.get("/api/v1/standing").json()["stuck"]
    assert ("train/0/0002", "qc2") in [(one["frame"], one["stage"]) for one in told]
    rows = rows_of(client.get("/api/v1/tables/stuck.csv").text)
    assert [row["problem"] for row in rows] == [one["problem"] for one in told]
    assert 'class="alarm"' in client.get("/dashboard").text


def test_figures_are_drawn_for_many_at_a_time(sign_in: SignIn) -> None:
    client = sign_in("lea")
    paths = [f"/api/v1/figures/weeks.svg?weeks={weeks}" for weeks in (1, 2, 3, 4)] + ["/api/v1/batches/1/burndown.svg"]
    alone = [client.get(path).content for path in paths]
    with ThreadPoolExecutor(5) as pool:
        for _ in range(3):
            together = [said.content for said in pool.map(client.get, paths)]
            assert together == alone


def test_what_pages_hold_is_no_script_and_no_style(sign_in: SignIn, review: Review) -> None:
    with review.store.writing() as work:
        queue.add_batch(work, "<script>alert(1)</script>", review.person("lea").id)
    client = sign_in("lea")
    for path in ("/dashboard", "/batches", "/batches/2"):
        text = client.get(path).text
        assert "<script>alert" not in text
        for part in ("onclick", " style=", "<style"):
            assert part not in text, (path, part)
