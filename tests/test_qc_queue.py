"""Every move of the review and every refusal, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from iddkit.errors import OptionError, RefusedError
from iddkit.frames import Index
from iddkit.qc import queue
from iddkit.qc.acceptance import SamplingPlan
from iddkit.qc.checklist import parse_mark
from iddkit.qc.events import Kind, to_microseconds
from iddkit.qc.sampling import Listed, draw, hash_list, seal
from iddkit.qc.stages import Action, Role, Stage
from iddkit.qc.store.database import Store
from iddkit.qc.store.work import Work
from tests.qc_project import CHECKLIST, MARK, MINOR, Review, check_log, make_handin, make_index, start_review

ONE = SamplingPlan("fixed", n=1, c=0).to_json()
ALL = SamplingPlan("zero-defect", fraction="0.9999").to_json()
LENIENT = SamplingPlan("fixed", n=3, c=1).to_json()


@pytest.fixture(autouse=True)
def _whole(store: Store) -> object:
    yield
    check_log(store)


def to_frozen(review: Review, *numbers: int) -> None:
    review.to_ready(*numbers)
    review.freeze()


def to_accepted(review: Review) -> None:
    """Bring all frames of the batch ``b`` to their end, without a fault."""
    to_frozen(review, *(frame.id for frame in review.frames()))
    for name in ("rex", "eve"):
        review.draw()
        review.judge_sample(name)
        review.conclude()


# The way of a frame


def test_a_frame_goes_through_all_stages_in_their_order(store: Store) -> None:
    review = start_review(store, 3)
    seen = [review.frame().stage]
    taken = review.take("ann")
    assert taken is not None
    assert taken.id == 1
    review.submit("ann")
    seen.append(review.frame().stage)
    review.passes(review.holder())
    seen.append(review.frame().stage)
    review.passes("sue")
    seen.append(review.frame().stage)
    review.to_ready(2, 3)
    review.freeze()
    for name in ("rex", "eve"):
        seen.append(review.frame().stage)
        assert review.draw().stage == review.frame().stage
        review.judge_sample(name)
        assert review.conclude().decision.outcome == "accept"
    seen.append(review.frame().stage)
    assert seen == ["annotate", "qc1", "qc2", "ready", "qc3", "qc4", "accepted"]
    assert review.batch().stage == "accepted"
    frame = review.frame()
    assert (frame.passed, frame.author, frame.editor) == ("qc1,qc2,qc3,qc4", review.person("ann").id, frame.author)
    assert {frame.stage for frame in review.frames()} == {"accepted"}


def test_a_failed_frame_goes_to_its_author_and_back_to_the_same_reviewer(store: Store) -> None:
    review = start_review(store)
    review.submit("ann")
    peer = review.holder()
    review.fails(peer, text="the truck is a bus")
    assert (review.frame().stage, review.holder()) == ("repair", "ann")
    task = review.take("ann")
    assert task is not None
    assert task.stage == "repair"
    review.submit("ann")
    assert (review.frame().stage, review.holder()) == ("qc1", peer)
    review.passes(peer)
    review.fails("sam")
    review.submit("ann")
    assert (review.frame().stage, review.holder()) == ("qc2", "sam")
    assert review.take("sue") is None
    review.passes("sam")
    assert review.frame().stage == "ready"


def test_a_repair_has_to_change_something(store: Store) -> None:
    review = start_review(store)
    review.submit("ann", file=5)
    review.fails(review.holder())
    with review.refused("train/0/0000", "the same as revision 1", "nothing is mended"):
        review.submit("ann", file=5)
    assert review.submit("ann", file=6).revision.number == 2


def test_after_too_many_rounds_the_lead_decides(store: Store) -> None:
    review = start_review(store, max_rounds=2)
    review.submit("ann")
    peer = review.holder()
    for _ in range(2):
        review.fails(peer)
        assert review.frame().stage == "repair"
        review.submit("ann")
    review.fails(peer)
    assert (review.frame().stage, review.frame().holder) == ("escalated", None)
    assert review.take("ann") is None
    taken = review.take("lea")
    assert taken is not None
    assert taken.id == 1
    review.submit("lea")
    assert (review.frame().stage, review.holder()) == ("qc1", peer)
    frame = review.frame()
    assert (frame.author, frame.editor) == (review.person("ann").id, review.person("lea").id)


def test_the_lead_can_give_an_escalated_frame_to_another_annotator(store: Store) -> None:
    review = start_review(store, max_rounds=0)
    review.to_qc2()
    review.fails("sue")
    assert review.frame().stage == "escalated"
    review.give("bo")
    assert (review.frame().stage, review.holder(), review.frame().rounds) == ("repair", "bo", 0)
    review.submit("bo")
    assert (review.frame().stage, review.holder()) == ("qc2", "sue")
    assert review.frame().hands == f",{review.person('ann').id},{review.person('bo').id},"


def test_people_are_kept_apart_for_ever(store: Store) -> None:
    review = start_review(store, max_rounds=0)
    review.submit("ann")
    peer = review.holder()
    review.fails(peer)
    other = ({"bo", "cy"} - {peer}).pop()
    review.give(other)
    review.submit(other)
    review.passes(peer)
    review.passes("sue")
    frame = review.frame()
    named = (frame.author, frame.editor, frame.reviewer1, frame.reviewer2)
    assert [review.name(number) for number in named] == ["ann", other, peer, "sue"]


# Refusals


@pytest.mark.parametrize("verdict", [Action.PASS, Action.FAIL])
def test_a_frame_that_nobody_drew_cannot_be_reviewed(store: Store, verdict: Action) -> None:
    review = start_review(store)
    with review.refused(f"train/0/0000: {verdict} is not possible now; possible at annotate: submit (annotator"):
        review.judge("bo", verdict)


def test_nobody_reviews_what_they_drew(store: Store) -> None:
    team = {"lea": "la", "ann": "asre", "bo": "a", "sue": "s"}
    review = start_review(store, team=team, plan3=ONE, plan4=ONE)
    review.submit("ann")
    with review.refused("ann drew it, and nobody reviews what they drew"):
        review.passes("ann")
    review.passes(review.holder())
    with review.refused("ann drew it"):
        review.passes("ann")
    review.passes("sue")
    review.freeze("ann")
    review.draw("ann")
    with review.refused("ann drew it"):
        review.passes("ann")
    assert review.take("ann", Stage.QC3) is None


def test_one_who_repaired_a_frame_does_not_review_it_either(store: Store) -> None:
    review = start_review(store, max_rounds=0, team={"lea": "ls", "ann": "a", "bo": "a", "sue": "s"})
    review.submit("ann")
    review.fails("bo")
    review.submit("lea")
    review.passes("bo")
    with review.refused("lea drew it"):
        review.passes("lea")
    with review.refused("lea drew it"):
        review.give("lea")
    assert review.take("lea", Stage.QC2) is None
    review.passes("sue")


def test_only_the_peer_whom_it_was_given_to_reviews(store: Store) -> None:
    review = start_review(store)
    review.submit("ann")
    peer = review.holder()
    other = ({"bo", "cy"} - {peer}).pop()
    with review.refused(f"its review at qc1 is {peer}'s"):
        review.passes(other)
    review.passes("lea")  # a lead stands in for anyone


@pytest.mark.parametrize(
    ("name", "said"),
    [("ann", "pass at qc2 is for supervisor or lead, and ann is annotator"), ("rex", "and rex is researcher")],
)
def test_a_role_is_needed(store: Store, name: str, said: str) -> None:
    review = start_review(store)
    review.to_qc2(author="bo")
    with review.refused(said):
        review.passes(name)


def test_those_who_review_do_not_hand_in(store: Store) -> None:
    review = start_review(store)
    with review.refused("submit at annotate is for annotator or lead, and sue is supervisor"):
        review.submit("sue")


def test_a_failure_needs_a_reason(store: Store) -> None:
    review = start_review(store)
    review.submit("ann")
    with review.refused("a failed review needs a reason: ", "wrong-label"):
        review.fails(review.holder(), marks=[])


def test_a_verdict_on_an_older_version_is_refused(store: Store) -> None:
    review = start_review(store)
    review.submit("ann")
    peer = review.holder()
    review.fails(peer)
    review.submit("ann")
    with review.refused("revision 1 was looked at, and 2 counts by now"):
        review.passes(peer, revision=1)
    assert review.passes(peer, revision=2).revision == 2


def test_a_verdict_is_given_once(store: Store) -> None:
    review = start_review(store)
    review.submit("ann")
    peer = review.holder()
    review.passes(peer)
    with review.refused("pass at qc2 is for supervisor or lead"):
        review.passes(peer)
    review.passes("sue")
    with review.refused("fail is not possible now; possible at ready: freeze (researcher or expert or lead)"):
        review.fails("sue")


@pytest.mark.parametrize("name", ["ann", "sue", "rex", "eve"])
def test_what_only_the_lead_may_do(store: Store, name: str) -> None:
    review = start_review(store)
    review.submit("bo")
    person = review.person(name)
    with review.refused("only a lead may add people", f"{name} is none"):
        review.do(lambda work: queue.add_person(work, "dee", [Role.ANNOTATOR], person))
    with review.refused("only a lead may add frames"):
        review.do(lambda work: queue.add_frames(work, make_index(9), "b", person))
    with review.refused("only a lead may change settings"):
        review.do(lambda work: queue.change_project(work, person, max_rounds=9))
    with review.refused("only a lead may change people"):
        review.change("bo", by=name, active=False)
    with review.refused("only a lead may give frames to people"):
        review.give("cy", by=name)
    with review.refused("drop at qc1 is for lead"):
        review.drop(by=name)
    with review.refused("only a lead may say that others are away"):
        review.absent("bo", review.now, None, by=name)


def test_the_only_lead_cannot_go(store: Store) -> None:
    review = start_review(store)
    for options in ({"active": False}, {"roles": [Role.ANNOTATOR]}):
        with review.refused("the only lead cannot go"):
            review.change("lea", **options)
    review.change("sue", roles=[Role.SUPERVISOR, Role.LEAD])
    review.change("lea", active=False)
    with review.refused("only a lead may change people; lea is none"):
        review.change("bo", active=False)


def test_people_who_left_do_nothing(store: Store) -> None:
    review = start_review(store)
    review.change("ann", active=False)
    with review.refused("ann is away or has left"):
        review.take("ann")
    with review.refused("ann has left"):
        review.submit("ann")


def test_a_second_project_is_refused(store: Store) -> None:
    review = start_review(store)
    log = review.events()
    with pytest.raises(RefusedError, match="there is a project already"):
        review.do(lambda work: queue.start_project(work, "again", files="/nowhere"))
    assert review.events() == log


# Claims


def test_no_two_people_get_one_frame(store: Store) -> None:
    review = start_review(store, 3)
    taken = [review.take(name) for name in ("ann", "bo", "cy")]
    assert [frame.id for frame in taken if frame is not None] == [1, 2, 3]
    assert review.take("lea", Stage.ANNOTATE) is None


def test_a_lost_answer_is_given_again(store: Store) -> None:
    review = start_review(store, 2)
    person = review.person("ann")
    first = review.do(lambda work: queue.take_next(work, person))
    again = review.do(lambda work: queue.take_next(work, person))
    assert first is not None
    assert again is not None
    assert (first.frame.id, first.again, again.frame.id, again.again) == (1, False, 1, True)
    assert len(review.events(Kind.CLAIMED)) == 1


def test_a_claim_lapses(store: Store) -> None:
    review = start_review(store, claim_seconds=3600)
    review.take("ann")
    review.wait(minutes=57)
    assert review.take("bo") is None
    review.wait(minutes=2)
    frame = review.take("bo")
    assert frame is not None
    assert frame.claimant == review.person("bo").id
    outcome = review.submit("ann")
    assert outcome.conflict == "bo works on it"
    assert review.submit("bo").conflict == ""


def test_a_claim_can_be_released_by_its_owner_and_by_the_lead(store: Store) -> None:
    review = start_review(store)
    review.take("ann")
    frame = review.frame()
    with review.refused("only ann or a lead can release it"):
        review.do(lambda work: queue.release(work, frame, queue.find_person(work, "bo")))
    review.do(lambda work: queue.release(work, frame, queue.find_person(work, "ann")))
    assert review.take("bo") is not None
    frame = review.frame()
    review.do(lambda work: queue.release(work, frame, queue.find_person(work, "lea")))
    assert review.take("cy") is not None
    review.wait(hours=9)
    frame = review.frame()
    with review.refused("nobody works on it"):
        review.do(lambda work: queue.release(work, frame, queue.find_person(work, "cy")))


def test_a_frame_that_another_works_on_is_not_reviewed(store: Store) -> None:
    review = start_review(store)
    review.to_qc2()
    assert review.take("sue") is not None
    with review.refused("sue works on it until 2019-07-17", "or until it is released"):
        review.passes("sam")
    review.passes("sue")


def test_next_is_refused_to_those_who_have_no_part(store: Store) -> None:
    review = start_review(store)
    with review.refused("qc2 is for supervisors"):
        review.take("ann", Stage.QC2)
    review.absent("ann", review.now, review.now + timedelta(hours=1))
    with review.refused("ann is away or has left"):
        review.take("ann")
    assert review.take("rex") is None


def test_what_was_given_to_a_person_comes_first(store: Store) -> None:
    review = start_review(store, 4)
    review.submit("ann", 3)
    review.fails(review.holder(3), 3)
    taken = review.take("ann")
    assert taken is not None
    assert (taken.id, taken.stage) == (3, "repair")


def test_a_lead_stands_in_only_where_they_ask_to(store: Store) -> None:
    review = start_review(store, 2)
    assert review.take("lea") is None
    taken = review.take("lea", Stage.ANNOTATE)
    assert taken is not None
    assert taken.id == 1


# Conflicts


def test_of_two_writers_both_versions_are_kept(store: Store) -> None:
    review = start_review(store)
    review.take("ann")
    late = review.submit("bo", seconds=100)
    assert late.conflict == "ann works on it"
    assert (late.revision.number, late.revision.counts, late.frame.stage) == (1, 0, "annotate")
    first = review.submit("ann")
    assert (first.conflict, first.revision.number, first.frame.revision) == ("", 2, 2)
    review.submit("cy")
    assert [event.kind for event in review.events(Kind.SUBMITTED, Kind.CONFLICT)] == [
        Kind.CONFLICT,
        Kind.SUBMITTED,
        Kind.CONFLICT,
    ]
    frame = review.frame()
    assert (frame.revision, frame.revisions, frame.editor) == (2, 3, review.person("ann").id)
    with store.writing() as work:
        from iddkit.qc.state import Revision

        kept = [work.state.get(Revision, 1, number) for number in (1, 2, 3)]
    assert [review.name(revision.person) for revision in kept] == ["bo", "ann", "cy"]


def test_a_version_made_from_an_older_one_is_a_conflict(store: Store) -> None:
    review = start_review(store)
    review.submit("ann")
    review.fails(review.holder())
    late = review.submit("ann", base=0)
    assert late.conflict == "it was made from revision 0, and 1 counts by now"
    assert review.submit("ann", base=1).conflict == ""


def test_a_version_of_a_frame_under_review_is_kept_and_does_not_count(store: Store) -> None:
    review = start_review(store)
    review.submit("ann")
    late = review.submit("ann")
    assert late.conflict.startswith("revision 1 by ann is under review; possible at qc1: pass (annotator or lead")
    assert review.frame().revision == 1


def test_a_repair_that_was_given_to_another_is_a_conflict(store: Store) -> None:
    review = start_review(store)
    review.submit("ann")
    review.fails(review.holder())
    assert review.submit("cy").conflict == "it was given to ann"
    assert review.frame().stage == "repair"


def test_handing_in_the_same_file_again_does_nothing(store: Store) -> None:
    review = start_review(store)
    first = review.submit("ann", file=5)
    log = review.events()
    again = review.submit("ann", file=5)
    assert (again.was_there, again.revision, again.conflict) == (True, first.revision, "")
    assert review.events() == log
    review.passes(review.holder())
    assert review.submit("ann", file=5).was_there


def test_handing_in_a_conflicting_file_again_says_so_again(store: Store) -> None:
    review = start_review(store)
    review.submit("ann")
    review.submit("bo", file=5)
    log = review.events()
    again = review.submit("bo", file=5)
    assert again.conflict
    assert not again.was_there
    assert review.events() == log


# People who come and go


def test_peer_reviews_of_those_who_are_away_go_to_others(store: Store) -> None:
    review = start_review(store)
    review.submit("ann")
    peer = review.holder()
    other = ({"bo", "cy"} - {peer}).pop()
    review.absent(peer, review.now, review.now + timedelta(days=2))
    assert review.holder() == other
    review.passes(other)


def test_peer_reviews_of_those_who_leave_go_to_others(store: Store) -> None:
    review = start_review(store)
    review.submit("ann")
    peer = review.holder()
    review.change(peer, active=False)
    assert review.holder() not in ("ann", peer)


def test_without_any_peer_the_lead_reviews(store: Store) -> None:
    review = start_review(store)
    review.change("bo", active=False)
    review.absent("cy", review.now, None)
    review.submit("ann")
    assert review.holder() == "lea"
    review.passes("lea")


def test_a_frame_without_anyone_who_could_review_it_waits_for_one(store: Store) -> None:
    review = start_review(store, team={"lea": "l"})
    review.submit("lea")
    assert (review.frame().stage, review.frame().holder) == ("qc1", None)
    with store.writing() as work:
        queue.add_person(work, "dee", [Role.ANNOTATOR], queue.find_person(work, "lea"))
    taken = review.take("dee")
    assert taken is not None
    assert taken.stage == "qc1"


def test_an_absence_begins_and_ends_at_its_times(store: Store) -> None:
    review = start_review(store, 3)
    start = review.now + timedelta(hours=10)
    review.absent("ann", start, start + timedelta(hours=2), by="ann")
    assert review.take("ann") is not None
    review.wait(hours=10)
    with review.refused("ann is away"):
        review.take("ann")
    review.wait(hours=2)
    assert review.take("ann") is not None


def test_an_absence_without_an_end_is_ended_by_the_next(store: Store) -> None:
    review = start_review(store)
    review.absent("ann", review.now, None)
    review.wait(days=3)
    with review.refused("ann is away"):
        review.take("ann")
    review.absent("ann", review.now, review.now + timedelta(minutes=1))
    review.wait(minutes=5)
    assert review.take("ann") is not None
    with pytest.raises(OptionError, match="an absence ends after it begins"):
        review.absent("ann", review.now, review.now)


def test_a_repair_of_one_who_left_can_be_done_by_others(store: Store) -> None:
    review = start_review(store)
    review.submit("ann")
    peer = review.holder()
    review.fails(peer)
    review.change("ann", active=False)
    review.give("lea")
    assert review.holder() == "lea"
    review.submit("lea")
    assert review.holder() == peer


def test_a_second_look_of_a_supervisor_who_left_is_taken_by_another(store: Store) -> None:
    review = start_review(store)
    review.to_qc2()
    review.fails("sue")
    review.submit("ann")
    assert review.take("sam") is None
    review.change("sue", active=False)
    taken = review.take("sam")
    assert taken is not None
    assert taken.stage == "qc2"
    review.passes("sam")


def test_a_claim_of_a_stand_in_is_not_taken_from_them(store: Store) -> None:
    review = start_review(store, team={"lea": "l", "ann": "a", "bo": "a", "cy": "a"})
    review.submit("ann")
    peer = review.holder()
    other = ({"bo", "cy"} - {peer}).pop()
    # Nobody is told of the absence before it begins: nothing is handed over.
    review.absent(peer, review.now + timedelta(minutes=2), None)
    review.wait(minutes=3)
    assert review.take("lea", Stage.QC1) is not None
    assert review.take(other) is None
    assert review.frame().claimant == review.person("lea").id


def test_peer_reviews_of_one_who_is_no_annotator_any_more_go_to_others(store: Store) -> None:
    review = start_review(store)
    review.submit("ann")
    peer = review.holder()
    review.change(peer, roles=[Role.SUPERVISOR])
    assert review.holder() not in ("ann", peer)


def test_one_whose_version_was_kept_in_a_conflict_does_not_review_the_other(store: Store) -> None:
    review = start_review(store)
    review.submit("ann")
    peer = review.holder()
    assert review.submit(peer).conflict
    assert review.holder() not in ("ann", peer)
    with review.refused(f"{peer} drew it"):
        review.passes(peer)


def test_next_gives_nobody_what_they_drew_to_look_at_again(store: Store) -> None:
    review = start_review(store, 3, plan3=LENIENT, max_rounds=0)
    to_frozen(review, 1, 2, 3)
    review.draw()
    review.judge_sample("lea", 1)
    review.conclude()
    review.submit("lea", 1)
    assert review.frame(1).stage == "recheck"
    assert review.take("lea") is None
    review.passes("rex", 1)


def test_a_claim_ends_when_who_made_it_leaves(store: Store) -> None:
    review = start_review(store)
    review.take("ann")
    review.change("ann", active=False)
    assert review.take("bo") is not None


def test_handing_in_the_same_file_again_does_nothing_though_another_came_between(store: Store) -> None:
    review = start_review(store)
    review.submit("ann", file=5)
    review.submit("bo", file=6)
    assert review.submit("ann", file=5).was_there


def test_the_lead_cannot_give_a_frame_to_one_who_cannot_do_it(store: Store) -> None:
    review = start_review(store)
    review.submit("ann")
    with review.refused("ann drew it"):
        review.give("ann")
    with review.refused("sue is no annotator"):
        review.give("sue")
    review.change("bo", active=False)
    with review.refused("bo is away or has left"):
        review.give("bo")
    review.give("cy")
    assert review.holder() == "cy"
    review.passes("cy")
    review.passes("sue")
    with review.refused("assign is not possible now; possible at ready: freeze (researcher or expert or lead)"):
        review.give("cy")


# Batches


def test_a_batch_with_frames_that_are_not_ready_is_not_frozen(store: Store) -> None:
    review = start_review(store, 3)
    review.to_ready(1)
    review.to_qc2(2)
    with review.refused("batch b has frames that are not ready: 1 at qc2, 1 at annotate; leave them to another batch"):
        review.freeze()
    with review.refused("cannot leave frames to b"):
        review.freeze(leave_to="b")
    assert review.freeze(leave_to="later").frames == 1
    assert [frame.stage for frame in review.frames()] == ["qc3", "qc2", "annotate"]
    later = review.batch("later").id
    assert [frame.batch == later for frame in review.frames()] == [False, True, True]
    with review.refused("is at qc3 already"):
        review.freeze()
    with review.refused("batch later has no frame that passed QC2"):
        review.freeze(name="later", leave_to="b2")
    with review.refused("batch b is at qc3: its list is frozen"):
        review.do(lambda work: queue.add_frames(work, make_index(9), "b", queue.find_person(work, "lea")))


@pytest.mark.parametrize("name", ["ann", "sue"])
def test_batches_are_for_those_who_judge_samples(store: Store, name: str) -> None:
    review = start_review(store)
    review.to_ready(1)
    with review.refused("is for researcher or expert or lead"):
        review.freeze(name)
    review.freeze()
    with review.refused("is for researcher or expert or lead"):
        review.draw(name)
    review.draw()
    with review.refused("is for researcher or expert or lead"):
        review.conclude(name)


def test_a_sample_can_be_drawn_again_by_anyone(store: Store) -> None:
    review = start_review(store, 12, plan3=SamplingPlan("fraction", fraction="0.3").to_json())
    to_frozen(review, *range(1, 13))
    sample = review.draw()
    data = review.events(Kind.SAMPLE)[0].data
    listed = [Listed(*row) for row in data["list"]]
    places = draw(listed, 4, sample.seed)
    assert hash_list(listed) == sample.list_hash == review.batch().list_hash
    assert seal(sample.list_hash, sample.seed, data["plan"], [listed[i].key for i in places]) == sample.seal
    drawn = sorted((f for f in review.frames() if f.sample), key=lambda frame: frame.position or 0)
    assert [frame.key for frame in drawn] == [listed[i].key for i in places]
    assert (sample.size, sample.drawn, sample.allowed) == (12, 4, 0)


def test_two_samples_have_seeds_that_nobody_knew(store: Store) -> None:
    review = start_review(store, 2, plan3=ONE, plan4=ONE)
    to_frozen(review, 1, 2)
    review.draw()
    review.judge_sample("rex")
    review.conclude()
    review.draw()
    seeds = [int(sample.seed) for sample in review.samples()]
    assert len(set(seeds)) == 2
    assert all(0 <= seed < 2**64 for seed in seeds)


def test_each_sample_needs_its_own_seed(store: Store) -> None:
    review = start_review(store, 2, plan3=ONE, plan4=ONE)
    to_frozen(review, 1, 2)
    review.draw(seed="mine")
    with review.refused("has an open sample for qc3; conclude it first"):
        review.draw(seed="better")
    review.judge_sample("rex")
    review.conclude()
    with review.refused("had a sample with the seed mine; each needs its own"):
        review.draw(seed="mine")
    review.draw(seed="other")


def test_reviews_outside_the_sample_do_not_count(store: Store) -> None:
    review = start_review(store, 3, plan3=ONE)
    to_frozen(review, 1, 2, 3)
    with review.refused("is not in a sealed sample of its batch, and reviews outside of it do not count"):
        review.passes("rex")
    review.draw()
    (inside,) = [frame.id for frame in review.frames() if frame.sample]
    outside = 1 + inside % 3
    with review.refused("is not in a sealed sample"):
        review.fails("rex", outside)
    taken = review.take("rex")
    assert taken is not None
    assert taken.id == inside
    review.passes("rex", inside)
    with review.refused("rex has judged it already: pass"):
        review.fails("rob", inside)
    assert review.take("rob") is None


def test_a_sample_is_concluded_when_its_plan_can_decide(store: Store) -> None:
    review = start_review(store, 3, plan3=LENIENT)
    to_frozen(review, 1, 2, 3)
    with review.refused("has no open sample; 'iddkit qc sample' draws one for qc3"):
        review.conclude()
    review.draw()
    with review.refused("cannot be concluded yet: 0 bad among 0 so far; at most 3 more to look at"):
        review.conclude()
    review.passes("rex", 1)
    review.passes("rex", 2)
    with review.refused("at most 1 more to look at"):
        review.conclude()
    review.passes("rob", 3)
    assert review.conclude().decision.reason == "0 bad among 3: no more than the 1 allowed"


def test_a_curtailed_sample_is_concluded_as_soon_as_it_is_certain(store: Store) -> None:
    plan = SamplingPlan("fixed", n=4, c=1, curtailed=True).to_json()
    review = start_review(store, 4, plan3=plan)
    to_frozen(review, 1, 2, 3, 4)
    review.draw()
    review.fails("rex", 4)
    with review.refused("cannot be concluded yet"):
        review.conclude()
    review.fails("rex", 2)
    concluded = review.conclude()
    assert (concluded.sample.verdict, concluded.sample.seen, concluded.sample.bad) == ("return", 2, 2)
    assert {frame.id: frame.stage for frame in review.frames()} == {1: "qc2", 2: "repair", 3: "qc2", 4: "repair"}


def test_a_sequential_sample_is_judged_in_its_sealed_order(store: Store) -> None:
    plan = SamplingPlan("sequential", aql="10%", rql="50%", producer_risk="10%").to_json()
    review = start_review(store, 6, plan3=plan)
    to_frozen(review, *range(1, 7))
    review.draw()
    drawn = sorted((f for f in review.frames() if f.sample), key=lambda frame: frame.position or 0)
    first = review.take("rex")
    assert first is not None
    assert first.id == drawn[0].id
    review.fails("rob", drawn[1].id)
    with review.refused("cannot be concluded yet: 0 bad among 0"):
        review.conclude()  # what comes after a gap does not count
    review.passes("rex", drawn[0].id)
    assert review.conclude().sample.verdict == "return"


def test_a_returned_batch_goes_back_and_is_drawn_anew(store: Store) -> None:
    review = start_review(store, 4, plan3=SamplingPlan("fixed", n=2, c=0).to_json(), plan4=ONE)
    to_frozen(review, 1, 2, 3, 4)
    review.draw()
    first, second = (frame.id for frame in review.frames() if frame.sample)
    review.judge_sample("rex", first)
    concluded = review.conclude()
    assert [frame.id for frame in concluded.to_mend] == [first]
    assert (concluded.batch.stage, concluded.batch.list_hash, concluded.sample.verdict) == ("open", "", "return")
    for frame in review.frames():
        assert (frame.stage, frame.sample, frame.verdict) == ("repair" if frame.id == first else "qc2", None, "")
        assert frame.passed == "qc1"
    assert review.holder(first) == "ann"
    review.submit("ann", first)
    assert (review.frame(first).stage, review.holder(first)) == ("qc2", "sue")
    with review.refused("is not frozen"):
        review.draw()
    for number in range(1, 5):
        review.passes("sue", number)
    assert review.freeze().round == 2
    again = review.draw()
    assert again.seed != review.samples()[0].seed
    assert (again.round, again.list_hash != review.samples()[0].list_hash) == (2, True)
    review.judge_sample("rob")
    assert review.conclude().batch.stage == "qc4"
    assert second in {frame.id for frame in review.frames() if frame.stage == "qc4"}


def test_bad_frames_of_an_accepted_sample_are_mended_and_looked_at_again(store: Store) -> None:
    review = start_review(store, 3, plan3=LENIENT, plan4=ONE)
    to_frozen(review, 1, 2, 3)
    review.draw()
    review.judge_sample("rex", 2)
    concluded = review.conclude()
    assert (concluded.sample.verdict, concluded.batch.stage) == ("accept", "qc4")
    assert [(frame.stage, frame.passed) for frame in review.frames()] == [
        ("qc4", "qc1,qc2,qc3"),
        ("repair", "qc1,qc2"),
        ("qc4", "qc1,qc2,qc3"),
    ]
    with review.refused("batch b waits for 1 of its frames: train/0/0001 at repair"):
        review.draw()
    review.submit("ann", 2)
    assert (review.frame(2).stage, review.holder(2)) == ("recheck", "rex")
    with review.refused("its review at recheck is rex's"):
        review.passes("rob", 2)
    taken = review.take("rex")
    assert taken is not None
    assert taken.id == 2
    assert review.fails("rex", 2).stage == "qc3"
    assert review.frame(2).stage == "repair"
    review.submit("ann", 2)
    review.passes("rex", 2)
    assert (review.frame(2).stage, review.frame(2).passed) == ("qc4", "qc1,qc2,qc3")
    review.draw()
    review.judge_sample("eve")
    assert review.conclude().batch.stage == "accepted"


def test_what_is_mended_after_the_last_stage_is_accepted_by_its_own_recheck(store: Store) -> None:
    review = start_review(store, 3, plan3=ONE, plan4=LENIENT)
    to_frozen(review, 1, 2, 3)
    review.draw()
    review.judge_sample("rex")
    review.conclude()
    review.draw("eve")
    review.judge_sample("eve", 3)
    assert review.conclude("eve").batch.stage == "accepted"
    assert [frame.stage for frame in review.frames()] == ["accepted", "accepted", "repair"]
    review.submit("ann", 3)
    review.passes("eve", 3)
    assert review.frame(3).stage == "accepted"
    assert review.frame(3).passed == "qc1,qc2,qc3,qc4"


def test_a_failed_recheck_escalates_after_too_many_rounds_and_still_ends(store: Store) -> None:
    review = start_review(store, 3, plan3=LENIENT, max_rounds=1)
    to_frozen(review, 1, 2, 3)
    review.draw()
    review.judge_sample("rex", 1)
    review.conclude()
    for _ in range(2):
        review.submit("ann", 1)
        review.fails("rex", 1)
    assert review.frame(1).stage == "escalated"
    review.submit("lea", 1)
    assert (review.frame(1).stage, review.holder(1)) == ("recheck", "rex")
    review.passes("rex", 1)
    assert review.frame(1).stage == "qc4"


def test_the_plan_says_how_bad_a_bad_image_is(store: Store) -> None:
    review = start_review(store, 1, plan3=ONE, plan4=SamplingPlan("fixed", n=1, c=0, bad_from="minor").to_json())
    to_frozen(review, 1)
    review.draw()
    review.judge_sample("rex", 1, marks=[MINOR])
    concluded = review.conclude()
    assert (concluded.sample.verdict, concluded.sample.bad, concluded.to_mend) == ("accept", 0, ())
    review.draw()
    review.judge_sample("eve", 1, marks=[MINOR])
    assert review.conclude().sample.verdict == "return"


def test_a_plan_that_asks_for_more_than_there_is_says_so(store: Store) -> None:
    review = start_review(store, 2, plan3=LENIENT)
    to_frozen(review, 1, 2)
    log = review.events()
    with pytest.raises(OptionError, match="a sample of 3 images cannot be drawn from a batch of 2"):
        review.draw()
    assert review.events() == log
    review.draw(plan=SamplingPlan("fixed", n=2, c=0))


def test_a_batch_keeps_the_plan_that_its_sample_was_drawn_by(store: Store) -> None:
    review = start_review(store, 3, plan3=LENIENT)
    to_frozen(review, 1, 2, 3)
    review.draw()
    review.judge_sample("rex", 2)
    strict = SamplingPlan("fixed", n=3, c=0).to_json()
    review.do(lambda work: queue.change_project(work, queue.find_person(work, "lea"), plan3=strict))
    assert review.conclude().sample.verdict == "accept"


# Accepted frames, and those that are taken out


def test_a_new_version_of_an_accepted_frame_opens_it_again(store: Store) -> None:
    review = start_review(store, 2, plan3=ONE, plan4=ONE)
    to_accepted(review)
    with review.refused("the same as revision 1; nothing is mended"):
        review.submit("ann", file=1)
    outcome = review.submit("bo", base=1)
    assert (outcome.conflict, outcome.frame.stage, outcome.frame.passed) == ("", "qc1", "")
    event = review.events(Kind.SUBMITTED)[-1]
    assert (event.stage, event.data["reopened"]) == ("accepted", True)
    assert review.batch("b.reopened").id == review.frame().batch == event.batch
    assert review.batch().stage == "accepted"
    assert review.frame().author == review.person("ann").id
    assert review.holder() == "cy"  # neither of those who drew it
    review.passes("cy")
    review.passes("sue")
    review.freeze(name="b.reopened")
    for name in ("rex", "eve"):
        review.draw(name="b.reopened")
        review.judge_sample(name)
        review.conclude(name="b.reopened")
    assert review.frame().stage == "accepted"
    review.submit("bo")
    assert review.batch("b.reopened2").id == review.frame().batch


def test_a_dropped_frame_is_out_and_can_be_restored(store: Store) -> None:
    review = start_review(store, 2, plan3=ONE)
    with review.refused("say why the frame is dropped"):
        review.drop(reason="  ")
    review.drop()
    assert review.frame().stage == "dropped"
    with review.refused("submit is not possible now; possible at dropped: restore (lead)"):
        review.submit("ann")
    with review.refused("restore at dropped is for lead"):
        review.restore(by="sue")
    assert review.restore().stage == "annotate"
    with review.refused("restore is not possible now"):
        review.restore()
    review.to_qc2()
    review.drop(reason="the plate can be read")
    assert review.events(Kind.DROPPED)[-1].reason == "the plate can be read"
    assert review.restore().stage == "qc1"
    assert (review.frame().passed, review.frame().revision) == ("", 1)
    assert review.holder() != "ann"


def test_a_dropped_frame_does_not_hold_up_its_batch(store: Store) -> None:
    review = start_review(store, 3, plan3=ONE)
    review.to_ready(1, 2)
    review.drop(3)
    assert review.freeze().frames == 2
    with review.refused("drop is not possible now; possible at qc3: pass"):
        review.drop(1)
    with review.refused("batch b is at qc3; name an open one"):
        review.restore(3)
    review.do(lambda work: queue.add_batch(work, "c"))
    assert review.restore(3, batch="c").batch == review.batch("c").id
    review.draw()


# Names and settings


def test_unknown_names_are_errors_that_name_what_there_is(store: Store) -> None:
    review = start_review(store, 6)

    def ask(what: str, name: str) -> object:
        find = {"person": queue.find_person, "batch": queue.find_batch, "frame": queue.find_frame}[what]
        return review.do(lambda work: find(work, name))

    log = review.events()
    for what, name, said in [
        ("person", "anne", "nobody is called 'anne'; do you mean ann"),
        ("person", "zzzz", "nobody is called 'zzzz'; 'iddkit qc people' lists them"),
        ("batch", "x\n", "no batch 'x.*'; there are b"),
        ("frame", "9999", "no frame '9999' in the project"),
        ("frame", "val/0/0000", "no frame 'val/0/0000' in the project"),
    ]:
        with pytest.raises(OptionError, match=said):
            ask(what, name)
    assert review.events() == log
    assert review.do(lambda work: queue.find_person(work, " ANN ")) == review.person("ann")
    for name in ("train/1/0004", "1/0004", "0004", "/0004/"):
        assert review.do(lambda work, name=name: queue.find_frame(work, name)).id == 5  # type: ignore[misc]


def test_a_name_that_several_frames_have_is_not_guessed(store: Store) -> None:
    review = start_review(store)
    from iddkit.frames import Frame

    index = Index(make_index(1).root, "idd", (Frame("val", "0", "0000"), Frame("val", "9", "0000")))
    review.do(lambda work: queue.add_frames(work, index, "c", queue.find_person(work, "lea")))
    with pytest.raises(OptionError, match="3 frames are called '0000': train/0/0000, val/0/0000, val/9/0000"):
        review.do(lambda work: queue.find_frame(work, "0000"))
    with pytest.raises(OptionError, match="2 frames are called '0/0000'"):
        review.do(lambda work: queue.find_frame(work, "0/0000"))
    assert review.do(lambda work: queue.find_frame(work, "9/0000")).split == "val"


def test_adding_frames_again_adds_what_is_new(store: Store) -> None:
    review = start_review(store, 3)
    added = review.do(lambda work: queue.add_frames(work, make_index(5), "c", queue.find_person(work, "lea")))
    assert (added.added, len(added.there)) == (2, 3)
    assert [frame.batch for frame in review.frames()] == [1, 1, 1, 2, 2]


@pytest.mark.parametrize("name", ["", "  ", "ann", "ANN", "a\nb", "\x1b[2J"])
def test_names_of_people_are_whole_and_their_own(store: Store, name: str) -> None:
    review = start_review(store)
    with pytest.raises(OptionError):
        review.do(lambda work: queue.add_person(work, name, [Role.ANNOTATOR], queue.find_person(work, "lea")))
    with pytest.raises(OptionError, match="has no role"):
        review.do(lambda work: queue.add_person(work, "dee", [], queue.find_person(work, "lea")))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"week_start": 7}, "week_start 7: 0 is Monday"),
        ({"timezone": "Asia/Atlantis"}, "no time zone 'Asia/Atlantis'"),
        ({"timezone": "../etc"}, "no time zone"),
        ({"max_rounds": -1}, "cannot be negative"),
        ({"claim_seconds": 0}, "cannot be negative, nor the latter zero"),
        ({"colour": "red"}, "no setting colour"),
        ({"checklist": "none"}, "no checklist of this name"),
        ({"plan3": {"kind": "dice"}}, "no kind of plan 'dice'"),
        ({"plan4": {"kind": "fixed", "n": 3}}, "c is missing"),
    ],
)
def test_settings_that_cannot_be_are_refused(store: Store, settings: dict[str, object], said: str) -> None:
    from iddkit.errors import UserError

    review = start_review(store)
    log = review.events()
    with pytest.raises(UserError, match=said):
        review.do(lambda work: queue.change_project(work, queue.find_person(work, "lea"), **settings))
    assert review.events() == log


def test_settings_change_by_an_event(store: Store) -> None:
    review = start_review(store)
    review.do(lambda work: queue.change_project(work, queue.find_person(work, "lea"), max_rounds=0, week_start=0))
    review.submit("ann")
    review.fails(review.holder())
    assert review.frame().stage == "escalated"
    assert len(review.events(Kind.PROJECT)) == 2


# What the log keeps


def test_the_log_tells_who_did_what_when_and_why(store: Store) -> None:
    review = start_review(store)
    review.submit("ann", seconds=600)
    peer = review.holder()
    mark = parse_mark("wrong-label!critical@17>truck#1,2,3,4=it carries bricks", CHECKLIST)
    event = review.fails(peer, marks=[mark, MARK], seconds=90, answers={"labels": False}, text="see below")
    assert review.events()[-1] == event
    assert (event.kind, event.stage, event.verdict, event.revision) == (Kind.REVIEWED, "qc1", "fail", 1)
    assert (event.reason, event.seconds, event.at) == ("wrong-label", 90, review.at)
    assert event.data["marks"][0] == {
        "reason": "wrong-label",
        "severity": "critical",
        "shape": 17,
        "label": "truck",
        "region": [1, 2, 3, 4],
        "text": "it carries bricks",
    }
    assert event.data["checklist"] == f"{CHECKLIST.name} {CHECKLIST.version}"
    assert event.data["answers"] == {"labels": False}


def test_a_transaction_may_hold_many_moves(store: Store) -> None:
    review = start_review(store, 30)

    def all_of_it(work: Work) -> None:
        ann, sue = queue.find_person(work, "ann"), queue.find_person(work, "sue")
        for number in range(1, 31):
            frame = queue.find_frame(work, f"{number - 1:04}")
            frame = queue.submit(work, frame, ann, make_handin(number)).frame
            assert frame.holder is not None
            from iddkit.qc.state import Frame, Person

            queue.review(work, frame, work.state.get(Person, frame.holder), Action.PASS, checklist=CHECKLIST)
            queue.review(work, work.state.get(Frame, number), sue, Action.PASS, checklist=CHECKLIST)

    review.do(all_of_it)
    assert {frame.stage for frame in review.frames()} == {"ready"}
    assert {event.at for event in review.events(Kind.REVIEWED)} == {to_microseconds(review.now)}


def test_a_pass_cannot_have_a_grave_defect(store: Store) -> None:
    review = start_review(store)
    review.submit("ann")
    with review.refused("a defect of this severity makes it fail"):
        review.passes(review.holder(), marks=[MARK])


def test_a_repair_that_brings_back_an_older_version_mends_nothing(store: Store) -> None:
    review = start_review(store)
    review.submit("ann", file=5)
    peer = review.holder()
    review.fails(peer)
    review.submit("ann", file=6)
    review.fails(peer)
    with review.refused("the file is the same as revision 1; nothing is mended"):
        review.submit("ann", file=5)


def test_an_absence_leaves_a_later_one_as_it_is(store: Store) -> None:
    review = start_review(store)
    review.absent("bo", review.now + timedelta(days=30), review.now + timedelta(days=40))
    review.absent("bo", review.now, review.now + timedelta(days=1))
    review.wait(days=35)
    assert not review.person("bo").is_available(review.at)


def test_a_lead_stands_in_for_a_peer_only_until_one_is_there(store: Store) -> None:
    review = start_review(store, team={"lea": "l", "ann": "a", "bo": "a"})
    review.absent("bo", review.now, review.now + timedelta(days=1))
    review.submit("ann")
    assert review.holder() == "lea"
    seen = len(review.events())
    assert review.take("ann") is None
    assert len(review.events()) == seen  # it is not given to the same lead again and again
    review.wait(days=2)
    assert review.take("bo") is not None
    assert review.holder() == "bo"
