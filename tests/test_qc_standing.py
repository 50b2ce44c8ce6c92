"""Where frames stand: counts, repairs, who waits for whom, frames that nobody can do, and burn-downs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from iddkit.qc import queue
from iddkit.qc.events import to_microseconds
from iddkit.qc.progress.burndown import _MOST, PASSED, BurnDown, read_burn_down
from iddkit.qc.progress.open_claims import OpenClaim, read_open_claims
from iddkit.qc.progress.standing import Standing, Wait, read_standing
from iddkit.qc.simulation import simulate
from iddkit.qc.stages import Stage
from iddkit.qc.state import Batch, Frame
from iddkit.qc.store.database import Store, create_store
from iddkit.qc.store.tables import batches, frames
from tests.qc_project import Review, make_handin, start_review

MILD: dict[str, Any] = {"plan3": {"kind": "fixed", "n": 2, "c": 1}, "plan4": {"kind": "fixed", "n": 2, "c": 1}}


def stand(review: Review, batch: str | None = None) -> Standing:
    found = None if batch is None else review.batch(batch)
    with review.store.reading() as connection:
        standing = read_standing(connection, now=review.now, batch=found)
    json.dumps(standing.to_json())
    return standing


def waits(standing: Standing) -> list[tuple[str, str, int]]:
    return [(wait.stage, wait.person or f"any {wait.role}", wait.frames) for wait in standing.waits]


def burn(review: Review, name: str = "b") -> BurnDown:
    with review.store.reading() as connection:
        return read_burn_down(connection, review.batch(name))


def test_frames_are_counted_by_stage_in_the_project_and_in_each_batch(store: Store) -> None:
    review = start_review(store, 4)
    review.to_ready(1)
    review.to_qc2(2)
    review.submit("ann", 3)
    standing = stand(review)
    expected = {**dict.fromkeys(Stage, 0), Stage.READY: 1, Stage.QC2: 1, Stage.QC1: 1, Stage.ANNOTATE: 1}
    assert standing.stages == {str(stage): count for stage, count in expected.items()}
    assert [(one.name, one.stage, one.frames) for one in standing.batches] == [("b", "open", 4)]
    assert standing.batches[0].stages == standing.stages
    assert stand(review, "b") == standing


def test_each_frame_waits_for_the_one_it_was_given_to_or_for_anyone_of_a_role(store: Store) -> None:
    review = start_review(store, 4)
    review.to_qc2(1)
    review.submit("ann", 2)
    peer = review.holder(2)
    at = review.at
    review.submit("bo", 3)
    review.fails(review.holder(3), 3)
    assert waits(stand(review)) == [
        ("annotate", "any annotator", 1),
        ("qc1", peer, 1),
        ("qc2", "any supervisor", 1),
        ("repair", "bo", 1),
    ]
    assert stand(review).waits[1] == Wait("qc1", peer, "annotator", 1, at)
    assert stand(review).stuck == ()


def test_of_a_sample_the_images_wait_that_nobody_has_judged(store: Store) -> None:
    review = start_review(store, 5, **MILD)
    review.to_ready(1, 2, 3, 4, 5)
    assert waits(stand(review)) == [("ready", "any researcher", 5)]
    review.freeze()
    assert stand(review).waits == ()  # for the sample of their batch
    review.draw()
    assert waits(stand(review)) == [("qc3", "any researcher", 2)]
    first = next(frame.id for frame in review.frames() if frame.position == 1)
    review.fails("rex", first)
    assert waits(stand(review)) == [("qc3", "any researcher", 1)]
    (one,) = stand(review).batches
    assert one.sample is not None
    assert (one.sample.drawn, one.seen, one.bad, one.stage) == (2, 1, 1, "qc3")
    review.judge_sample("rob")
    review.conclude()
    assert stand(review).batches[0].sample is None
    review.submit("ann", first)
    assert waits(stand(review)) == [("recheck", "rex", 1)]


def test_a_repair_names_its_owner_its_reason_and_since_when(store: Store) -> None:
    review = start_review(store, 2, max_rounds=1)
    for number in (1, 2):
        review.submit("ann", number)
        review.fails(review.holder(number), number)
        failed = review.at
        if number == 1:
            review.submit("ann", number)
    review.fails(review.holder(1), 1)
    two, one = stand(review).repairs
    assert (two.frame, two.batch, two.owner, two.failed_at, two.rounds) == ("train/0/0001", "b", "ann", "qc1", 1)
    assert (two.reason, two.since, two.is_escalated, two.is_away) == ("wrong-label", failed, False, False)
    assert (one.frame, one.owner, one.is_escalated) == ("train/0/0000", "", True)
    assert waits(stand(review))[-1] == ("escalated", "any lead", 1)
    review.absent("ann", review.now, None)
    assert stand(review).repairs[0].is_away


def test_a_frame_that_everybody_drew_is_named(store: Store) -> None:
    review = start_review(store, 2, {"lea": "l", "ann": "a", "sue": "s"})
    review.submit("ann", 1)
    review.submit("ann", 2)  # a lead can look at both
    assert stand(review).stuck == ()
    lea = review.person("lea")
    assert review.frame(1).holder == lea.id
    review.absent("lea", review.now, None)
    stuck = stand(review).stuck
    assert [(one.frame, one.stage) for one in stuck] == [("train/0/0000", "qc1"), ("train/0/0001", "qc1")]
    assert stuck[0].problem == "no one can review it: every annotator or lead who is there drew it"
    review.absent("ann", review.now, None)
    assert stand(review).stuck[0].problem == "no one can review it: no annotator or lead is there"


def test_work_of_a_role_that_nobody_has_is_named(store: Store) -> None:
    review = start_review(store, 1, {"lea": "l", "ann": "a", "bo": "a"})
    review.to_qc2(1)
    assert stand(review).stuck == ()  # a lead may do it
    review.absent("lea", review.now, None)
    assert stand(review).stuck[0].problem == "no one can review it: no supervisor or lead is there"


def test_what_was_given_to_one_who_is_away_can_be_done_by_others(store: Store) -> None:
    review = start_review(store, 1)
    review.submit("ann")
    review.fails(review.holder())
    review.absent("ann", review.now, None)
    assert stand(review).stuck == ()
    assert waits(stand(review)) == [("repair", "ann", 1)]


def test_another_batch_is_left_out_where_one_is_asked_for(store: Store) -> None:
    review = start_review(store, 3)
    review.to_ready(1)
    review.submit("ann", 2)
    review.fails(review.holder(2), 2)
    review.freeze(leave_to="rest")
    assert [one.name for one in stand(review, "rest").batches] == ["rest"]
    assert stand(review, "rest").stages["qc3"] == 0
    assert len(stand(review, "rest").repairs) == 1
    assert stand(review, "b").repairs == ()
    assert stand(review).stages["qc3"] == 1


# -- burn-down


def left(review: Review, name: str = "b") -> list[int]:
    """Return how many frames have not passed each stage now."""
    return [series[-1] for series in burn(review, name).left.values()]


def test_a_batch_burns_down_stage_by_stage(store: Store) -> None:
    review = start_review(store, 4, **MILD)
    assert left(review) == [4, 4, 4, 4, 4]
    review.submit("ann", 1)
    assert left(review) == [3, 4, 4, 4, 4]
    review.fails(review.holder(1), 1)
    assert left(review) == [3, 4, 4, 4, 4]
    review.submit("ann", 1)
    review.passes(review.holder(1), 1)
    assert left(review) == [3, 3, 4, 4, 4]
    review.passes("sue", 1)
    review.to_ready(2, 3, 4)
    assert left(review) == [0, 0, 0, 4, 4]
    review.freeze()
    review.draw()
    (bad, _) = review.judge_sample("rex", next(frame.id for frame in review.frames() if frame.position == 1))
    assert left(review) == [0, 0, 0, 4, 4]  # a batch passes, not an image
    review.conclude()
    assert left(review) == [0, 0, 0, 1, 4]
    review.submit("ann", bad)
    assert left(review) == [0, 0, 0, 1, 4]
    review.passes("rex", bad)
    assert left(review) == [0, 0, 0, 0, 4]
    review.draw("eve")
    review.judge_sample("eve")
    review.conclude("eve")
    assert left(review) == [0, 0, 0, 0, 0]
    review.submit("ann", 1)  # it is opened again, in another batch
    assert left(review) == [0, 0, 0, 0, 0]
    assert left(review, "b.reopened") == [0, 1, 1, 1, 1]
    series = burn(review)
    assert series.times[0] == to_microseconds(datetime(2019, 7, 17, 6, 1, tzinfo=UTC))
    assert list(series.times) == sorted(series.times)
    assert [series.left[stage][0] for stage in PASSED] == [4, 4, 4, 4, 4]


def test_a_returned_batch_burns_up_again(store: Store) -> None:
    review = start_review(store, 4, plan3={"kind": "fixed", "n": 2, "c": 0})
    review.to_ready(1, 2, 3, 4)
    review.freeze()
    review.draw()
    review.judge_sample("rex", 1, 2, 3, 4)
    review.conclude()
    assert left(review) == [0, 0, 4, 4, 4]


def test_frames_that_are_dropped_or_leave_count_no_more(store: Store) -> None:
    review = start_review(store, 4)
    review.to_ready(1)
    review.drop(2)
    assert left(review) == [2, 2, 2, 3, 3]
    review.restore(2)
    assert left(review) == [3, 3, 3, 4, 4]
    review.drop(2)
    review.freeze(leave_to="rest")
    assert left(review) == [0, 0, 0, 1, 1]
    assert left(review, "rest") == [2, 2, 2, 2, 2]
    review.restore(2, batch="rest")
    assert left(review, "rest") == [3, 3, 3, 3, 3]
    assert left(review) == [0, 0, 0, 1, 1]


def test_a_batch_without_a_frame_has_no_moment(store: Store) -> None:
    review = start_review(store, 0)
    assert burn(review).times == ()
    assert set(burn(review).left.values()) == {()}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = create_store(str(tmp_path_factory.mktemp("simulated") / "qc.db"), durable=False)
    simulate(store, frames=160, annotators=5, weeks=2, seed=2, planted=0.2)
    yield store
    store.close()


#: How many stages of `PASSED` a frame has left behind where it stands; None: it depends on where it goes back to.
BEHIND = {"annotate": 0, "qc1": 1, "qc2": 2, "ready": 3, "qc3": 3, "qc4": 4, "accepted": 5}


def test_a_burn_down_ends_where_the_frames_stand(simulated: Store) -> None:
    with simulated.reading() as connection:
        listed = [Batch(*row) for row in connection.execute(batches.select())]
        everyone = [Frame(*row) for row in connection.execute(frames.select())]
        found = {batch.id: read_burn_down(connection, batch) for batch in listed}
    assert len({frame.stage for frame in everyone}) >= 3
    for batch in listed:
        behind = []
        for frame in everyone:
            if frame.batch == batch.id and frame.stage != Stage.DROPPED:
                stage = frame.back if frame.stage in ("repair", "escalated") else frame.stage
                stage = {"qc4": "qc3", "accepted": "qc4"}[frame.after] if stage == "recheck" else stage
                behind.append(BEHIND[stage])
        expected = [sum(count <= place for count in behind) for place in range(len(PASSED))]
        assert [series[-1] for series in found[batch.id].left.values()] == expected, batch.name
        assert len(found[batch.id].times) <= _MOST + 2


def test_the_standing_of_a_project_adds_up(simulated: Store) -> None:
    with simulated.reading() as connection:
        standing = read_standing(connection, now=datetime(2019, 8, 1, tzinfo=UTC))
        everyone = [Frame(*row) for row in connection.execute(frames.select())]
    counts = Counter(frame.stage for frame in everyone)
    assert {stage: count for stage, count in standing.stages.items() if count} == dict(counts)
    mended = [frame.key for frame in everyone if frame.stage in ("repair", "escalated")]
    assert sorted(one.frame for one in standing.repairs) == sorted(mended)
    waiting = sum(wait.frames for wait in standing.waits)
    one_by_one = [f for f in everyone if f.stage in BEHIND and f.stage not in ("qc3", "qc4", "accepted")]
    sampled = [f for f in everyone if f.sample is not None and not f.verdict]
    others = [f for f in everyone if f.stage in ("repair", "recheck", "escalated")]
    assert waiting == len(one_by_one) + len(sampled) + len(others)


def claims(review: Review) -> list[OpenClaim]:
    with review.store.reading() as connection:
        return list(read_open_claims(connection, now=review.now))


def test_a_claim_is_as_old_as_the_person_has_had_the_frame_without_a_break(store: Store) -> None:
    review = start_review(store, 2)
    assert claims(review) == []
    review.take("ann")
    first = review.at
    (claim,) = claims(review)
    assert (claim.frame, claim.batch, claim.stage, claim.person) == ("train/0/0000", "b", "annotate", "ann")
    assert (claim.since, claim.is_lapsed, claim.hours) == (first, False, 0)
    review.wait(days=2)
    with review.refused("rex is researcher"):
        review.do(lambda work: queue.submit(work, review.frame(), review.person("rex"), make_handin(1)))
    (claim,) = claims(review)
    assert (claim.since, claim.is_lapsed) == (first, True)
    review.take("ann")  # once more, after it lapsed
    (claim,) = claims(review)
    assert (claim.since, claim.is_lapsed) == (first, False)
    frame, ann = review.frame(), review.person("ann")
    review.do(lambda work: queue.release(work, frame, ann))
    assert claims(review) == []
    review.take("bo")
    review.wait(hours=1)
    review.take("ann")
    assert [(claim.person, claim.frame) for claim in claims(review)] == [
        ("bo", "train/0/0000"),
        ("ann", "train/0/0001"),
    ]
    assert claims(review)[0].since > first
    review.submit("bo", 1)
    assert [claim.person for claim in claims(review)] == ["ann"]
