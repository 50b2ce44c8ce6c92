from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iddkit.errors import OptionError
from iddkit.qc import queue
from iddkit.qc.acceptance import SamplingPlan, accept_probability, risks, upper_bound
from iddkit.qc.events import Kind
from iddkit.qc.progress.certificate import BEFORE_PLANTS, Certificate, Planted, percent, read_certificate, redraw
from iddkit.qc.progress.claims import state, weigh_planted
from iddkit.qc.progress.comparison import compare_certificate
from iddkit.qc.sampling import IMPORTED, Listed, draw, hash_list, seal
from iddkit.qc.stages import Stage
from iddkit.qc.state import Batch, Frame
from iddkit.qc.store.database import create_store, open_store
from iddkit.qc.verify import verify
from iddkit.reporting.qc_certificate import certificate_markdown, certificate_page
from tests.qc_project import Review, start_review
from tests.qc_run import Run, polygons, start


def certify(run: Run, name: str = "B") -> Certificate:
    with run.store.reading() as connection:
        return read_certificate(connection, run.batch(name))


def ready(folder: Path, count: int = 30, **settings: Any) -> Run:
    run = start(folder / "p", count, **settings)
    run.work()
    return run


def judge(run: Run, name: str, stage: str, bad: int = 0, *, mark: str = "gap", only: int | None = None) -> None:
    """Look at the open sample in its order; the first `bad` images fail."""
    drawn = sorted((f for f in run.frames(stage) if f.sample is not None), key=lambda frame: frame.position or 0)
    for place, frame in enumerate(drawn[:only]):
        run.review(frame.key, name, *([mark] if place < bad else []))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A batch whose first sample is returned, and whose next two are accepted, the last with a bad image."""
    fraction = {"kind": "fraction", "fraction": "0.2", "pass_rate": "0.8"}
    run = ready(tmp_path_factory.mktemp("accepted"), plan3={**fraction, "pass_rate": "1"}, plan4=fraction)
    run.freeze("B", "one")
    judge(run, "rex", "qc3", bad=2)
    run.conclude("B")
    run.work()
    run.freeze("B", "two")
    judge(run, "rex", "qc3")
    run.conclude("B")
    run.draw("B", "three")
    judge(run, "eve", "qc4", bad=1)
    run.conclude("B")
    run.store.close()
    return run


@pytest.fixture
def accepted(made: Run, tmp_path: Path) -> Run:
    """A copy of it."""
    shutil.copytree(made.folder, tmp_path / "p")
    return Run(open_store(str(tmp_path / "p" / "qc.db"), durable=False), tmp_path / "p", now=made.now)


def make_ready(folder: Path, count: int = 30, **settings: Any) -> Run:
    """A project whose frames have passed QC2 without having been looked at: what a sample needs."""
    run = start(folder / "p", count, **settings)
    with run.store.writing(run.tick()) as work:
        for number in range(1, count + 1):
            data = {"sha256": f"{number:064}", "file": "a.json", "shapes": 5}
            work.append(Kind.SUBMITTED, 2, frame=number, stage=Stage.ANNOTATE, revision=1, data=data)
            work.append(Kind.REVIEWED, 3, frame=number, batch=1, stage=Stage.QC1, verdict="pass", revision=1)
            work.append(Kind.REVIEWED, 5, frame=number, batch=1, stage=Stage.QC2, verdict="pass", revision=1)
    return run


def test_certificate_states_every_sample_and_what_it_shows(accepted: Run) -> None:
    certificate = certify(accepted)
    rounds = certificate.rounds
    assert [(one.round, one.stage, one.verdict) for one in rounds] == [
        (1, "qc3", "return"),
        (2, "qc3", "accept"),
        (2, "qc4", "accept"),
    ]
    assert [(one.size, one.n, one.c, len(one.judged), one.inspected, one.counted) for one in rounds] == [
        (30, 6, 0, 6, 6, 2),
        (30, 6, 0, 6, 6, 0),
        (30, 6, 1, 6, 6, 1),
    ]
    assert [one.bound.images for one in rounds] == [upper_bound(30, 6, bad) for bad in (2, 0, 1)]
    assert [one.seed for one in rounds] == ["one", "two", "three"]
    assert {one.drawn_by for one in rounds} == {"rex"}
    assert {entry.by for one in rounds for entry in one.judged} == {"rex", "eve"}
    assert rounds[0].judged[0].worst == "major"
    assert redraw(certificate.to_json()) == []


def test_statement_begins_with_the_claim(accepted: Run) -> None:
    said = certify(accepted).statement
    assert said[0] == "Batch B of street is accepted: 30 images."
    bound = upper_bound(30, 6, 0)
    assert said[1].startswith(
        f"QC3: at most {percent(bound, 30)} % of the images are bad, at 95 % confidence: 0 bad ones"
    )
    assert said[2].startswith(f"QC4: at most {percent(upper_bound(30, 6, 1), 30)} % of the images are bad")
    text = " ".join(said)
    assert "Bad is an image with at least one critical or major defect." in text
    assert "1 sample of this batch before was returned and is listed below" in text
    assert "2 chances to pass" in text
    assert "1, were sent back: 0 were mended and passed again, 1 not yet" in text


def test_perfect_fifth_of_a_thousand_bounds_the_batch_at_1_3_percent() -> None:
    assert percent(upper_bound(1000, 200, 0), 1000) == "1.3"


@given(st.integers(1, 10**6), st.data())
def test_share_is_rounded_up_and_never_by_more_than_a_tenth(size: int, data: st.DataObject) -> None:
    images = data.draw(st.integers(0, size))
    tenths = int(percent(images, size).replace(".", ""))
    assert images * 1000 <= tenths * size < images * 1000 + size


def test_mended_images_are_shown_with_the_review_that_passed_them(accepted: Run) -> None:
    before = certify(accepted).rounds[-1].mended
    assert [(one.handed_in != "", one.passed) for one in before] == [(False, "")]
    accepted.work()
    returned, _, last = certify(accepted).rounds
    assert [(one.stage, one.by) for one in last.mended] == [("qc4", "eve")]
    assert [(one.stage, one.by) for one in returned.mended] == [("qc2", "sue")] * 2
    assert "1 was mended and passed again, 0 not yet" in " ".join(certify(accepted).statement)
    assert redraw(certify(accepted).to_json()) == []


def test_reopened_frames_are_named(accepted: Run) -> None:
    accepted.work()
    key = accepted.frames("accepted")[0].key
    accepted.submit(key, "ann", polygons(9, note=999))
    certificate = certify(accepted)
    assert [(one.key, one.by, one.batch, one.stage) for one in certificate.reopened] == [
        (key, "ann", "B.reopened", "qc1")
    ]
    assert "1 image was changed after the acceptance" in certificate.statement[-1]
    other = certify(accepted, "B.reopened")
    assert other.statement == ("Batch B.reopened of street is not accepted: no sample of it was drawn.",)


def test_open_returned_and_waiting_batches_have_a_certificate_that_says_so(tmp_path: Path) -> None:
    run = make_ready(tmp_path)
    assert "no sample of it was drawn" in certify(run).statement[0]
    assert redraw(certify(run).to_json()) == []
    run.freeze("B", "1")
    judge(run, "rex", "qc3", bad=1, only=3)
    certificate = certify(run)
    assert certificate.statement[0] == "Batch B of street is not accepted: it stands at qc3."
    assert certificate.rounds[0].bound.images is None
    assert redraw(certificate.to_json()) == []
    for frame in [frame for frame in run.frames("qc3") if frame.sample is not None and not frame.verdict]:
        run.review(frame.key, "rex")
    run.conclude("B")
    certificate = certify(run)
    assert "it was returned and is open again" in certificate.statement[0]
    assert "1 of its samples was returned." in certificate.statement
    assert redraw(certificate.to_json()) == []


def curtailed(**more: object) -> dict[str, object]:
    return {"kind": "fraction", "fraction": "0.4", "pass_rate": "0.7", "curtailed": True, **more}


def test_curtailed_sample_is_bounded_by_what_was_looked_at(tmp_path: Path) -> None:
    run = make_ready(tmp_path, plan3=curtailed())
    run.freeze("B", "1")  # n = 12, c = 3: nine good ones decide
    judge(run, "rex", "qc3", only=9)
    run.conclude("B")
    one = certify(run).rounds[0]
    assert (one.n, one.c, one.inspected, one.verdict) == (12, 3, 9, "accept")
    assert one.bound.images == upper_bound(30, 9, 0)
    assert "until the outcome was certain" in one.bound.how
    assert redraw(certify(run).to_json()) == []


def test_curtailed_sample_out_of_order_is_bounded_by_what_is_certain(tmp_path: Path) -> None:
    run = make_ready(tmp_path, plan3=curtailed())
    run.freeze("B", "1")
    drawn = sorted((f for f in run.frames("qc3") if f.sample is not None), key=lambda frame: frame.position or 0)
    for frame in drawn[3:]:
        run.review(frame.key, "rex")
    run.conclude("B")
    one = certify(run).rounds[0]
    assert one.verdict == "accept"
    assert one.bound.images == upper_bound(30, 12, 3)
    assert "not looked at in the sealed order" in one.bound.how
    assert redraw(certify(run).to_json()) == []


def test_sequential_sample_states_how_it_is_bounded(tmp_path: Path) -> None:
    run = make_ready(tmp_path, plan3={"kind": "sequential", "aql": "0.05", "rql": "0.4"})
    run.freeze("B", "1")
    while True:
        try:
            run.conclude("B")
            break
        except Exception:
            waiting = [f for f in run.frames("qc3") if f.sample is not None and not f.verdict]
            run.review(min(waiting, key=lambda frame: frame.position or 0).key, "rex")
    one = certify(run).rounds[0]
    assert one.verdict == "accept"
    assert one.inspected < one.n
    assert one.bound.images is not None
    assert "sequential" in one.bound.how
    assert redraw(certify(run).to_json()) == []


def test_imported_sample_is_not_drawn_by_lot_and_bounds_nothing(tmp_path: Path) -> None:
    run = make_ready(tmp_path, 10)
    rex = run.person("rex")
    plan = SamplingPlan("fixed", n=2, c=0)
    with run.store.writing(run.tick()) as work:
        queue.freeze(work, work.state.get(Batch, 1), rex)
        frames = sorted(run.frames("ready"), key=lambda frame: frame.id)
        listed = [Listed(frame.key, "a" * 64, "ann", frame.sequence) for frame in frames]
        digest = hash_list(listed)
        data = {
            "id": 1,
            "seed": IMPORTED,
            "plan": plan.to_json(),
            "size": 10,
            "allowed": 0,
            "list_hash": digest,
            "seal": seal(digest, IMPORTED, plan.to_json(), [frames[0].key, frames[1].key]),
            "positions": [frames[0].id, frames[1].id],
            "list": [one.to_json() for one in listed],
        }
        work.append(Kind.SAMPLE, rex.id, batch=1, stage=Stage.QC3, data=data)
    judge(run, "rex", "qc3")
    run.conclude("B")
    certificate = certify(run)
    assert certificate.rounds[0].bound.images is None
    assert "not drawn by lot" in certificate.rounds[0].bound.how
    assert not any("at most" in sentence for sentence in certificate.statement)
    assert redraw(certificate.to_json()) == []


def test_certificate_names_the_event_that_a_later_check_can_ask_for(accepted: Run) -> None:
    certificate = certify(accepted)
    accepted.work()
    assert verify(accepted.store, anchors={certificate.log_events: certificate.log_hash}).ok


def test_same_log_same_bytes_and_back_again(accepted: Run) -> None:
    content = certify(accepted).to_json()
    assert content == certify(accepted).to_json()
    assert Certificate.from_json(content).to_json() == content


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"format": "x"}', b"[" * 100_000])
def test_what_is_no_certificate_is_refused_in_a_line(content: bytes) -> None:
    with pytest.raises(OptionError, match="no certificate"):
        redraw(content)


@cache
def example_run() -> tuple[Run, dict[str, Any]]:
    run = start(Path(mkdtemp()) / "p", 20)
    run.finish("B", 0.4)
    content: dict[str, Any] = json.loads(certify(run).to_json())
    return run, content


def example() -> dict[str, Any]:
    return example_run()[1]


def change(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value / 2 + 0.001
    return f"{value}x" if isinstance(value, str) else 7


#: What the other numbers of a certificate determine. Names of people, times and what became of bad images they do not.
BOUND_TOGETHER = (
    "size",
    "n",
    "c",
    "seed",
    "list_hash",
    "seal",
    "list",
    "sample",
    "plan",
    "risks",
    "inspected",
    "counted",
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in paths(item, (*path, key))]
    if isinstance(value, list):
        return [leaf for place, item in enumerate(value) for leaf in paths(item, (*path, place))]
    return [path]


@given(st.data())
def test_any_change_of_list_seed_plan_sample_or_seal_is_found(data: st.DataObject) -> None:
    certificate = json.loads(json.dumps(example()))
    number = data.draw(st.integers(0, len(certificate["rounds"]) - 1))
    key = data.draw(st.sampled_from(BOUND_TOGETHER))
    path = data.draw(st.sampled_from(paths(certificate["rounds"][number][key], (key,))))
    target: Any = certificate["rounds"][number]
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = change(target[path[-1]])
    with contextlib.suppress(OptionError):  # it can no longer be read at all
        assert redraw(certificate)


ODD: st.SearchStrategy[object] = st.sampled_from(
    [0, -1, 10**30, 10**4299, "", "x", None, [], {}, True, 1e300, -0.5, "\ud800", "imported", "1/0"]
)


@given(st.data(), ODD)
def test_any_nonsense_is_answered_and_never_a_crash(data: st.DataObject, odd: object) -> None:
    certificate = json.loads(json.dumps(example()))
    path = data.draw(st.sampled_from(paths(certificate)))
    target: Any = certificate
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = odd
    with contextlib.suppress(OptionError):
        assert isinstance(redraw(certificate), list)


@given(st.data(), st.sampled_from(["list", "sample"]), st.sampled_from(["swap", "drop", "double"]))
def test_lists_that_are_cut_doubled_or_put_in_another_order_are_found(data: st.DataObject, key: str, how: str) -> None:
    certificate = json.loads(json.dumps(example()))
    one = data.draw(st.sampled_from(certificate["rounds"]))
    place = data.draw(st.integers(0, len(one[key]) - 2))
    if how == "swap":
        one[key][place], one[key][place + 1] = one[key][place + 1], one[key][place]
    elif how == "drop":
        del one[key][place]
    else:
        one[key].insert(place, one[key][place])
    assert redraw(certificate)


def forge_seed(one: dict[str, Any]) -> None:
    """Another seed, with a seal that fits it."""
    one["seed"] = "other"
    one["seal"] = seal(one["list_hash"], one["seed"], one["plan"], one["sample"])


def forge_list(one: dict[str, Any]) -> None:
    """A frame fewer, with hash and seal that fit."""
    one["list"] = one["list"][:-1]
    one["list_hash"] = hash_list([Listed(*row) for row in one["list"]])
    one["seal"] = seal(one["list_hash"], one["seed"], one["plan"], one["sample"])


def forge_lot(one: dict[str, Any]) -> None:
    one["seed"] = IMPORTED


def forge_verdict(one: dict[str, Any]) -> None:
    one["verdict"] = "return" if one["verdict"] == "accept" else "accept"


def forge_bound(one: dict[str, Any]) -> None:
    one["bound"]["images"] -= 1


def forge_bad(one: dict[str, Any]) -> None:
    """A bad image is called good."""
    for entry in one["judged"]:
        entry["verdict"] = "fail"
        entry["worst"] = "major"


@pytest.mark.parametrize("forge", [forge_seed, forge_list, forge_lot, forge_verdict, forge_bound, forge_bad])
def test_forgeries_that_fit_in_themselves_are_found(forge: Callable[[dict[str, Any]], None]) -> None:
    certificate = json.loads(json.dumps(example()))
    forge(certificate["rounds"][-1])
    assert redraw(certificate)


def test_another_statement_or_confidence_is_found() -> None:
    certificate = json.loads(json.dumps(example()))
    certificate["statement"][1] = certificate["statement"][1].replace("at most", "less than")
    assert redraw(certificate) == ["the statement does not follow from the numbers"]
    assert redraw({**example(), "confidence": "0.99"}) == ["the confidence is not 0.95"]


def test_page_opens_offline_begins_with_the_claim_and_shows_all_samples(accepted: Run) -> None:
    certificate = certify(accepted)
    page = certificate_page(certificate).decode()
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page
    assert page.index("at most") < page.index("<table")
    for one in certificate.rounds:
        assert one.seal in page
        assert one.list_hash in page
    assert certificate_page(certificate) == page.encode()


def test_markdown_states_the_same(accepted: Run) -> None:
    certificate = certify(accepted)
    text = certificate_markdown(certificate)
    assert text.startswith("# Certificate of batch B\n")
    for one in certificate.rounds:
        assert one.seal in text
    assert "at most" in text


def accept(review: Review, name: str) -> None:
    """Take a batch whose frames are ready to its acceptance."""
    review.freeze(name=name)
    for stage, person in (("qc3", "rex"), ("qc4", "eve")):
        assert review.batch(name).stage == stage
        review.draw(name=name)
        review.judge_sample(person)
        review.conclude(name=name)


def certify_of(review: Review, name: str) -> Certificate:
    with review.store.reading() as connection:
        return read_certificate(connection, review.batch(name))


def mend(review: Review) -> None:
    """Take up what was returned, until all is ready."""
    for frame in review.frames():
        if frame.stage == "repair":
            review.submit("ann", frame.id)
        if review.frame(frame.id).stage == "qc1":
            review.passes(review.holder(frame.id), frame.id)
        if review.frame(frame.id).stage == "qc2":
            review.passes("sue", frame.id)


def returned(folder: Path, count: int = 20) -> tuple[Review, int]:
    """A batch whose sample of 4 failed; the number of the bad frame."""
    review = start_review(create_store(str(folder / "qc.db"), durable=False), count)
    review.to_ready(*range(1, count + 1))
    review.freeze()
    review.draw(plan=SamplingPlan("fixed", n=4, c=0))
    bad = min((frame for frame in review.frames() if frame.position), key=lambda frame: frame.position or 0).id
    review.judge_sample("rex", bad)
    review.conclude()
    return review, bad


def test_failed_sample_follows_its_images_into_another_batch(tmp_path: Path) -> None:
    review, _ = returned(tmp_path)
    kept = next(frame.id for frame in review.frames() if frame.stage == "qc2")
    review.passes("sue", kept)
    review.freeze(leave_to="fresh")
    mend(review)
    accept(review, "fresh")
    certificate = certify_of(review, "fresh")
    assert [(one.batch, one.round, one.stage, one.inspected, one.bad, one.here) for one in certificate.earlier] == [
        ("b", 1, "qc3", 4, 1, 19)
    ]
    said = "19 of these images were in batch b when its sample failed: 1 bad among 4 (QC3, round 1)."
    assert said in certificate.statement
    assert said in certificate_page(certificate).decode()
    assert "## Failed samples of other batches" in certificate_markdown(certificate)
    assert redraw(certificate.to_json()) == []
    assert verify(review.store, files=False, certificates=[certificate]).ok
    content = json.loads(certificate.to_json())
    content["earlier"], content["statement"] = [], [one for one in content["statement"] if one != said]
    assert redraw(content) == []  # only the log shows it
    found = verify(review.store, files=False, certificates=[Certificate.from_json(content)])
    assert "earlier: 0 entries, and 1 by the log" in [finding.problem for finding in found.findings]


def test_failed_sample_follows_a_frame_that_is_dropped_and_restored_elsewhere(tmp_path: Path) -> None:
    review, bad = returned(tmp_path)
    review.drop(bad)
    review.do(lambda work: queue.add_batch(work, "other"))
    review.restore(bad, batch="other")
    mend(review)
    accept(review, "other")
    assert "1 of these images was in batch b" in " ".join(certify_of(review, "other").statement)
    accept(review, "b")
    certificate = certify_of(review, "b")
    assert certificate.earlier == ()
    said = "1 image left the list of this batch between its samples; it had been found bad in one of them."
    assert said in certificate.statement
    assert redraw(certificate.to_json()) == []


def test_failure_after_the_acceptance_is_no_earlier_one(tmp_path: Path) -> None:
    review = start_review(create_store(str(tmp_path / "qc.db"), durable=False), 6)
    review.to_ready(*range(1, 7))
    accept(review, "b")
    for number in (1, 2, 3):
        review.submit("ann", number)
    mend(review)
    review.freeze(name="b.reopened")
    review.draw(name="b.reopened", plan=SamplingPlan("fixed", n=3, c=0))
    review.judge_sample("rex", 1, 2, 3)
    review.conclude(name="b.reopened")
    assert certify_of(review, "b").earlier == ()
    assert len({one.key for one in certify_of(review, "b").reopened}) == 3


def test_batch_of_reopened_frames_does_not_say_that_they_changed_after_it(tmp_path: Path) -> None:
    review = start_review(create_store(str(tmp_path / "qc.db"), durable=False), 5)
    review.to_ready(*range(1, 6))
    accept(review, "b")
    review.submit("ann", 1)
    mend(review)
    accept(review, "b.reopened")
    assert certify_of(review, "b.reopened").reopened == ()
    before = certify_of(review, "b")
    assert [(one.key, one.batch, one.stage) for one in before.reopened] == [
        (review.frame(1).key, "b.reopened", "accepted")
    ]
    review.submit("ann", 1)
    assert [one.stage for one in certify_of(review, "b.reopened").reopened] == ["qc1"]
    assert len(certify_of(review, "b").reopened) == 2
    # What stood at accepted then stands at QC1 now: the certificate is still right.
    assert verify(review.store, files=False, certificates=[before]).ok


def test_named_seed_is_shown_as_chosen(accepted: Run) -> None:
    certificate = certify(accepted)
    assert {one.given for one in certificate.rounds} == {True}
    assert "The seed of the QC3 sample was chosen by rex, and not drawn by the machine." in certificate.statement
    assert "two (chosen by rex)" in certificate_page(certificate).decode()
    assert "chosen by rex" in certificate_markdown(certificate)


def test_seed_of_the_machine_is_shown_as_that(tmp_path: Path) -> None:
    review, _ = returned(tmp_path, 8)
    certificate = certify_of(review, "b")
    assert [one.given for one in certificate.rounds] == [False]
    assert "(drawn by the machine)" in certificate_page(certificate).decode()
    assert not any("chosen by" in sentence for sentence in certificate.statement)


def test_statement_says_what_the_exactness_assumes(accepted: Run) -> None:
    assert any("slightly more often than in 5 of 100 cases" in sentence for sentence in certify(accepted).statement)


def test_evenly_spread_bad_images_are_missed_as_often_as_is_stated() -> None:
    listed = [Listed(f"t/{group}/{i}", "", f"a{group}", f"s{group}") for group in range(10) for i in range(5)]
    bad = {group * 5 for group in range(10)} | {1, 6}
    count = 3000
    missed = sum(bad.isdisjoint(draw(listed, 10, str(seed))) for seed in range(count)) / count
    assert accept_probability(50, 10, 0, 12) == pytest.approx(0.0460, abs=5e-5)
    assert pytest.approx(0.0604, abs=5e-5) == 0.8**8 * 0.6**2
    assert missed == pytest.approx(0.0604, abs=4 * (0.0604 * 0.94 / count) ** 0.5)


def restate(content: dict[str, Any]) -> dict[str, Any]:
    """Write the sentences that follow from the numbers."""
    one = Certificate.from_json(content)
    said = state(one.project, one.batch, one.stage, one.rounds, one.earlier, one.reopened)
    return {**content, "statement": list(said)}


def cut_first(content: dict[str, Any]) -> None:
    del content["rounds"][0]


def cut_first_and_number(content: dict[str, Any]) -> None:
    del content["rounds"][0]
    for one in content["rounds"]:
        one["round"] -= 1


def cut_last(content: dict[str, Any]) -> None:
    del content["rounds"][-1]


def call_open(content: dict[str, Any]) -> None:
    content["stage"] = "open"


def turn_times(content: dict[str, Any]) -> None:
    content["rounds"][-1]["drawn_at"] = "2999-01-01 00:00:00Z"


def turn_events(content: dict[str, Any]) -> None:
    content["rounds"][-1]["drawn_seq"] = 1


def turn_rounds(content: dict[str, Any]) -> None:
    content["rounds"].reverse()


def widen_list(content: dict[str, Any]) -> None:
    """QC3's list loses images that QC4's has."""
    one = content["rounds"][1]
    one["list"] = [row for row in one["list"] if row[0] in one["sample"]]


@pytest.mark.parametrize(
    ("forge", "said"),
    [
        (cut_first, "cannot follow"),
        (cut_last, "cannot be at accepted"),
        (call_open, "cannot be at open"),
        (turn_times, "times do not ascend"),
        (turn_events, "numbers of its events do not ascend"),
        (turn_rounds, "cannot follow"),
        (widen_list, "has images that the one of QC3 does not have"),
    ],
)
def test_samples_that_contradict_one_another_are_found(
    accepted: Run, forge: Callable[[dict[str, Any]], None], said: str
) -> None:
    content = json.loads(certify(accepted).to_json())
    forge(content)
    assert said in " ".join(redraw(restate(content)))


@pytest.mark.parametrize("forge", [cut_first, cut_first_and_number, cut_last, turn_times, turn_events])
def test_certificate_that_is_not_the_log_s_is_found_by_the_log(
    accepted: Run, forge: Callable[[dict[str, Any]], None]
) -> None:
    certificate = certify(accepted)
    accepted.work()  # the log goes on
    assert verify(accepted.store, files=False, certificates=[certificate]).ok
    content = json.loads(certificate.to_json())
    forge(content)
    found = verify(accepted.store, files=False, certificates=[Certificate.from_json(restate(content))])
    assert {finding.kind for finding in found.findings} == {"certificates"}
    if forge is cut_first_and_number:
        assert redraw(restate(content)) == []  # nothing in it is wrong by itself
        assert "leaves out the sample of round 1 (qc3" in found.findings[0].problem


@given(st.data())
def test_any_change_of_a_certificate_is_found_by_the_log(data: st.DataObject) -> None:
    run, content = example_run()
    forged = json.loads(json.dumps(content))
    path = data.draw(st.sampled_from([path for path in paths(content) if path[0] not in ("format", "log_events")]))
    target: Any = forged
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = change(target[path[-1]])
    with contextlib.suppress(OptionError), run.store.reading() as connection:
        assert compare_certificate(connection, Certificate.from_json(forged))


def test_certificate_of_another_project_is_a_finding_and_no_crash(accepted: Run, tmp_path: Path) -> None:
    certificate = certify(accepted)
    other = start(tmp_path / "other", 2, batch="other")
    for log_events in (certificate.log_events, 3):
        shown = Certificate.from_json({**json.loads(certificate.to_json()), "log_events": log_events})
        assert not verify(other.store, files=False, certificates=[shown]).ok


NASTY = "<b>x</b> | [a](b) \\ {{7*7}}"


def test_names_are_text_in_page_and_markdown(tmp_path: Path) -> None:
    run = start(tmp_path / "p", 6, batch=NASTY)
    run.work()
    run.freeze(NASTY, NASTY)
    certificate = certify(run, NASTY)
    page = certificate_page(certificate).decode()
    assert "<b>x</b>" not in page
    assert "{{7*7}}" in page
    assert "<b>x" not in certificate_markdown(certificate)


# --- planted errors


def probe(run: Run, name: str, *catches: bool) -> None:
    """Plant errors at frames of the open sample, one for each, which a person catches or not."""
    lead, stage = run.person("lead"), "qc3" if name == "rex" else "qc4"
    waiting = [f for f in run.frames(stage) if f.sample is not None and not f.verdict]
    for number, (frame, catch) in enumerate(zip(waiting * 9, catches, strict=False)):
        copy = queue.Copy(f"{stage}{number}".encode().hex().ljust(64, "0"), "wrong-label")
        with run.store.writing(run.tick()) as work:
            queue.plant(work, work.state.get(Frame, frame.id), lead, copy)
        run.review(frame.key, name, *(["gap"] if catch else []))


@pytest.fixture
def probed(tmp_path: Path) -> Run:
    """A batch that is accepted; of 6 errors that were planted at QC3, 4 were caught, and none was planted at QC4."""
    fraction = {"kind": "fraction", "fraction": "0.2", "pass_rate": "0.8"}
    run = make_ready(tmp_path, plan3=fraction, plan4=fraction)
    run.freeze("B", "one")
    probe(run, "rex", True, True, False, True, False, True)
    judge(run, "rex", "qc3")
    run.conclude("B")
    run.draw("B", "two")
    judge(run, "eve", "qc4")
    run.conclude("B")
    return run


def test_certificate_states_what_was_caught_of_what_was_planted(probed: Run) -> None:
    certificate = certify(probed)
    one, other = certificate.rounds
    assert one.planted is not None
    assert (one.planted.caught, one.planted.judged) == (4, 6)
    assert (one.planted.low, one.planted.high) == (0.2227, 0.9568)
    resolved = SamplingPlan.from_json(one.plan).resolve(one.size)
    assert one.planted.risks == risks(resolved, sensitivity="2/3").to_json()
    assert one.planted.risks_at_low == risks(resolved, sensitivity="0.2227").to_json()
    assert other.planted == Planted(0, 0, None, None, {}, {})
    text = " ".join(certificate.statement)
    assert (
        "QC3: 4 of 6 planted errors were caught by the project's reviewers of QC3 until then: 66.7 %, and 22.27 to "
        "95.68 % at 95 % confidence." in text
    )
    assert "What the reviewers of QC4 overlook was not measured: no errors were planted among what they judged." in text
    assert redraw(certificate.to_json()) == []
    assert verify(probed.store, files=False, certificates=[certificate]).findings == ()


def test_what_was_planted_is_not_in_the_sample(probed: Run) -> None:
    one = certify(probed).rounds[0]
    assert (one.inspected, one.counted, one.verdict) == (6, 0, "accept")
    assert one.bound.images == upper_bound(30, 6, 0)
    assert [entry.verdict for entry in one.judged] == ["pass"] * 6


def test_what_is_planted_later_is_no_part_of_a_sample_before(probed: Run) -> None:
    before = certify(probed).rounds[0].planted
    with probed.store.writing(probed.tick()) as work:
        data = {"plant": 1, "caught": True, "located": False}
        work.append(Kind.PROBED, 6, frame=1, batch=1, stage="qc3", verdict="fail", revision=1, data=data)
    assert certify(probed).rounds[0].planted == before


def test_page_and_markdown_show_the_risks_with_those_reviewers(probed: Run) -> None:
    certificate = certify(probed)
    text, page = certificate_markdown(certificate), certificate_page(certificate).decode()
    for shown in (text, page):
        assert "accepted % at 66.7 % caught" in shown
        assert "accepted % at 22.3 % caught" in shown
        assert "planted errors caught" in shown
        assert "4 of 6" in shown
    assert "planted errors caught" not in certificate_markdown(replace(certificate, rounds=certificate.rounds[1:]))


@pytest.mark.parametrize("name", ["judged", "caught", "low", "high", "risks", "risks_at_low"])
def test_a_change_of_what_was_planted_is_found(probed: Run, name: str) -> None:
    content = json.loads(certify(probed).to_json())
    planted = content["rounds"][0]["planted"]
    planted[name] = {} if isinstance(planted[name], dict) else planted[name] + 1
    assert redraw(restate(content)) != []


def test_errors_that_were_made_up_are_found_by_the_log(probed: Run) -> None:
    content = json.loads(certify(probed).to_json())
    one = certify(probed).rounds[0]
    made_up = weigh_planted(SamplingPlan.from_json(one.plan), one.size, 60, 60, is_drawn=True)
    content["rounds"][0]["planted"] = msgspec.to_builtins(made_up)
    content = restate(content)
    assert redraw(content) == []
    (finding,) = [
        found
        for found in verify(probed.store, files=False, certificates=[Certificate.from_json(content)]).findings
        if "planted" in found.problem
    ]
    assert "planted: not as in the log" in finding.problem


def test_a_certificate_of_before_errors_were_planted_still_holds(accepted: Run) -> None:
    content = json.loads(certify(accepted).to_json())
    for one in content["rounds"]:
        del one["planted"]
    old = restate({**content, "format": BEFORE_PLANTS})
    assert "measured" not in " ".join(old["statement"])
    assert redraw(old) == []
    certificate = Certificate.from_json(old)
    assert json.loads(certificate.to_json()) == old
    assert verify(accepted.store, files=False, certificates=[certificate]).findings == ()
    assert certificate_page(certificate)
    for mixed in ({**content, "format": BEFORE_PLANTS.replace("1", "2")}, {**old, "format": "iddkit qc certificate 3"}):
        with pytest.raises(OptionError, match="no certificate"):
            redraw(mixed)
