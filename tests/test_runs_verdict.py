from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iddkit.metrics import Confusion
from iddkit.runs import Epoch, Leakage, NearDuplicate, Run, SplitFacts
from iddkit.runs.learning import MARGIN, course_of, standings
from iddkit.runs.verdict import Finding, Verdict, judge

LABELS = ("drivable", "non-drivable", "living things", "vehicles", "roadside objects", "far objects", "sky")
PIXELS = (32_000, 2_200, 1_300, 8_000, 11_000, 26_000, 19_500)

CLEAN = Leakage((), 0, (), 0)


def curve(scores: Sequence[float], images: int, losses: Sequence[float] | None = None) -> tuple[Epoch, ...]:
    """Return a log with one validation an epoch; `images` are those of the whole training."""
    steps = len(scores)
    fallen = losses or [1 / (1 + k) for k in range(steps)]
    return tuple(
        Epoch(k + 1, "whole", images * (k + 1) // steps, 60.0 * (k + 1), 1e-4, 1.0, loss, score, score)
        for k, (score, loss) in enumerate(zip(scores, fallen, strict=True))
    )


RISEN = (0.2, 0.4, 0.5, 0.55, 0.58, 0.6, 0.601, 0.6, 0.602, 0.601)


def confusion(ious: Sequence[float], pixels: Sequence[int] = PIXELS) -> tuple[tuple[int, ...], ...]:
    """Return counts in which each label has about this IoU: what is missed is predicted as no class."""
    counts = np.zeros((len(pixels), len(pixels) + 1), dtype=int)
    for i, (iou, count) in enumerate(zip(ious, pixels, strict=True)):
        counts[i, i] = round(iou * count)
        counts[i, -1] = count - counts[i, i]
    return tuple(tuple(int(n) for n in row) for row in counts)


def a_run(
    ious: Sequence[float] = (0.9, 0.5, 0.4, 0.7, 0.5, 0.7, 0.95),
    *,
    name: str = "erfnet",
    pixels: Sequence[int] = PIXELS,
    trained: Sequence[int] | None = None,
    passes: float = 60,
    **more: object,
) -> Run:
    frames = 1403
    given = {
        "epochs": curve(RISEN, int(passes * frames)),
        "leakage": CLEAN,
        "model": "erfnet",
        "dataset": "lite",
    } | more
    labels = tuple(f"label {i}" for i in range(len(pixels))) if len(pixels) != 7 else LABELS
    run = Run(
        name=name,
        model="",
        parameters=1,
        gmacs=1.0,
        peak_bytes=None,
        dataset="",
        label_map="idd",
        level="level1",
        labels=labels,
        colors=((0, 0, 0),) * len(labels),
        size=(256, 128),
        train=SplitFacts("train", frames, 100, tuple(7 * n for n in (trained or pixels))),
        val=SplitFacts("val", 204, 20, tuple(pixels)),
        fingerprint="lite",
        recipe={},
        seed=0,
        device="a processor",
        precision="float32",
        devices=1,
        epochs=(),
        best_epoch=9,
        finished="complete",
        counts=confusion(ious, pixels),
        frames=(),
        speed=None,
        prior=None,
        leakage=None,
        conversion=None,
        versions={},
        command="",
    )
    return replace(run, **given)  # type: ignore[arg-type]


def find(verdict: Verdict, words: str) -> Finding:
    found = [one for one in verdict.findings if words in one.title]
    assert len(found) == 1, (words, [one.title for one in verdict.findings])
    return found[0]


def test_a_good_run_on_a_clean_split_is_a_good_verdict() -> None:
    verdict = judge([a_run()])
    assert verdict.summary.startswith("The split does what it is for: all 7 labels learned; no validation frame")
    assert "1,403 training and 204 validation frames" in verdict.summary
    assert {one.level for one in verdict.findings} == {"good"}


def test_no_runs_have_no_verdict() -> None:
    with pytest.raises(ValueError, match="no runs"):
        judge([])


@given(st.integers(2, 8), st.integers(0, 2**32 - 1))
def test_no_prediction_without_the_image_is_above_chance(classes: int, seed: int) -> None:
    # Everything as one label, or at random with any rates: in expectation the counts are an outer product.
    dice = np.random.default_rng(seed)
    truth, rates = dice.integers(1, 1000, classes), dice.random(classes) * dice.integers(0, 2, classes)
    rates = rates / rates.sum() if rates.sum() else np.eye(classes)[0]
    counts = np.zeros((classes, classes + 1))
    counts[:, :-1] = truth[:, None] * rates[None, :] * 10_000_000
    run = a_run([0.0] * classes, pixels=truth.tolist())
    run = replace(run, counts=tuple(tuple(int(n) for n in row) for row in counts))
    for one in standings(run):
        assert one.iou <= one.chance + 1e-6
        assert not one.is_learned


@given(st.floats(0, 1), st.floats(0.01, 0.99))
def test_what_is_above_chance_is_a_part_of_what_chance_leaves(iou: float, share: float) -> None:
    pixels = (round(1e6 * share), round(1e6 * (1 - share)))
    one = standings(a_run((iou, 0.5), pixels=pixels))[0]
    assert one.above_chance == pytest.approx((iou - share) / (1 - share), abs=1e-3)
    assert one.is_learned == (one.above_chance >= MARGIN)


def test_a_label_below_chance_after_a_long_training_is_held_against_the_split() -> None:
    verdict = judge([a_run((0.9, 0.02, 0.4, 0.7, 0.5, 0.7, 0.95))])
    found = find(verdict, "not learned: non-drivable")
    assert found.level == "bad"
    assert "IoU of 2.0 % (chance 2.2 %, 2.2 % of the training pixels)" in found.text
    assert verdict.summary.startswith("The split has faults: not learned: non-drivable")


def test_a_short_training_leaves_the_verdict_open() -> None:
    for more in (
        {"passes": 3},
        {"finished": "interrupted"},
        {"epochs": curve([0.05 * k for k in range(1, 11)], 84_180)},
    ):
        verdict = judge([a_run((0.9, 0.0, 0.0, 0.7, 0.5, 0.7, 0.95), **more)])
        assert verdict.summary.startswith("The verdict is open: 5 of 7 labels learned"), more
        assert not [one for one in verdict.findings if one.level == "bad"], more


RISING = curve([0.05 * k for k in range(1, 11)], 84_180)


@pytest.mark.parametrize("schedule", ["one-cycle", "poly"])
def test_a_rate_that_ends_at_zero_gains_by_design(schedule: str) -> None:
    for finished in ("complete", "budget"):
        run = a_run(epochs=RISING, recipe={"schedule": schedule}, finished=finished)
        assert course_of(run).is_enough
        last = judge([run]).findings[-1]
        assert (last.level, last.title) == ("good", "training of erfnet went through its schedule")
        assert "gained 10.0 points, where the learning rate falls to zero" in last.text
    for finished in ("early stop", "interrupted"):
        assert not course_of(a_run(epochs=RISING, recipe={"schedule": schedule}, finished=finished)).is_enough


@pytest.mark.parametrize("schedule", ["plateau", "constant"])
def test_a_rate_that_stays_needs_a_curve_at_rest(schedule: str) -> None:
    recipe = {"schedule": schedule}
    assert course_of(a_run(recipe=recipe)).is_enough
    assert not course_of(a_run(recipe=recipe, epochs=RISING)).is_enough
    assert not course_of(a_run(recipe=recipe, epochs=curve([0.6], 84_180))).is_enough
    assert course_of(a_run(recipe={"schedule": "poly"}, epochs=curve([0.6], 84_180))).is_enough


def test_too_few_images_are_not_enough_whatever_the_schedule() -> None:
    assert not course_of(a_run(recipe={"schedule": "one-cycle"}, passes=3)).is_enough


def test_a_good_verdict_of_a_short_training_is_qualified() -> None:
    summary = judge([a_run(passes=3)]).summary
    assert summary.startswith("The split does what it is for, as far as can be told: all 7 labels learned")


def test_chance_is_what_a_picture_that_never_changes_reaches_where_that_is_more() -> None:
    prior = (0.72, 0.0, None, 0.1, 0.1, 0.44, 0.5)
    ones = standings(a_run(prior=prior))
    shares = [one.chance for one in standings(a_run())]
    assert [one.chance for one in ones] == [max(share, still or 0) for share, still in zip(shares, prior, strict=True)]
    weak = (0.73, 0.5, 0.4, 0.7, 0.5, 0.7, 0.95)
    assert find(judge([a_run(weak)]), "all 7 labels learned").text.endswith("how much was not measured.")
    found = find(judge([a_run(weak, prior=prior)]), "not learned: drivable")
    assert "chance 72.0 %" in found.text
    assert found.text.endswith("at each place the most frequent label of training.")
    mixed = judge([a_run(weak, prior=prior), a_run(weak, name="b")]).findings[0]
    assert "not measured for b, whose chance is the share alone" in mixed.text


def test_few_images_are_a_short_training_however_often_they_were_seen() -> None:
    run = a_run(epochs=curve(RISEN, 9_000), train=SplitFacts("train", 30, 3, PIXELS))
    assert course_of(run).passes == 300
    assert course_of(run).is_short


def test_a_label_that_is_hardly_there_is_not_held_against_the_split() -> None:
    pixels = (*PIXELS[:-1], 20)
    found = judge([a_run((0.9, 0.5, 0.4, 0.7, 0.5, 0.7, 0.0), pixels=pixels)]).findings[0]
    assert found.level == "note"
    assert "6 of 7 labels learned" in found.title
    assert "hardly a pixel" in found.title


def test_labels_without_pixels_on_one_side_are_faults() -> None:
    zero = (*PIXELS[:-1], 0)
    unscored = judge([a_run((0.9, 0.5, 0.4, 0.7, 0.5, 0.7, 0.0), pixels=zero, trained=PIXELS)])
    assert find(unscored, "not in validation: sky").level == "bad"
    untrained = judge([a_run((0.9, 0.5, 0.4, 0.7, 0.5, 0.7, 0.0), trained=zero)])
    assert find(untrained, "not in training: sky").level == "bad"
    neither = judge([a_run((0.9, 0.5, 0.4, 0.7, 0.5, 0.7, 0.0), pixels=zero)])
    assert find(neither, "in neither split: sky").level == "note"
    assert find(neither, "all 6 labels learned").level == "good"


def test_an_empty_validation_is_a_fault_and_no_crash() -> None:
    verdict = judge([a_run([0.0] * 7, pixels=[0] * 7, trained=PIXELS)])
    assert find(verdict, "nothing was scored").level == "bad"


def test_one_network_that_learns_a_label_is_enough() -> None:
    weak, strong = (0.9, 0.0, 0.4, 0.7, 0.5, 0.7, 0.95), (0.9, 0.5, 0.4, 0.7, 0.5, 0.7, 0.95)
    verdict = judge([a_run(weak, name="a"), a_run(strong, name="b", model="drn")])
    found = find(verdict, "all 7 labels learned")
    assert found.level == "good"
    assert "a did not learn non-drivable with an IoU of 0.0 %" in found.text
    both = judge([a_run(weak, name="a"), a_run(weak, name="b", model="drn")])
    assert find(both, "learned by no network: non-drivable").level == "bad"


def test_a_long_run_counts_although_another_was_short() -> None:
    weak = (0.9, 0.0, 0.4, 0.7, 0.5, 0.7, 0.95)
    assert judge([a_run(weak, passes=1), a_run(weak, name="b")]).findings[0].level == "bad"


def pairs(*places: str, train: str = "train/1/a") -> tuple[NearDuplicate, ...]:
    return tuple(NearDuplicate(train, f"val/{place}", 3.0) for place in places)


def shared(frames: dict[str, int], *duplicates: NearDuplicate) -> Leakage:
    """Return leakage with sequences of the same name that have so many validation frames."""
    keys = tuple(tuple(f"val/{name}/{i}" for i in range(count)) for name, count in frames.items())
    return Leakage(tuple(frames), sum(frames.values()), duplicates, 0, keys)


def test_near_duplicates_are_a_fault_from_one_per_cent_on() -> None:
    few = judge([a_run(leakage=Leakage((), 0, pairs("2/b", "2/c"), 0))])
    assert find(few, "leakage: 2 near-duplicates of training frames").level == "note"
    many = judge([a_run(leakage=Leakage((), 0, pairs("2/b", "2/c", "2/d"), 0))])
    assert find(many, "leakage").level == "bad"
    assert "3 of 204 (1.5 %), val/2/b like train/1/a first of all" in find(many, "leakage").text
    same = judge([a_run(leakage=Leakage((), 0, pairs("2/b"), 1))])
    assert find(same, "leakage").level == "bad"


def test_sequences_of_one_name_are_leakage_where_the_name_tells_drives_apart() -> None:
    found = find(judge([a_run(leakage=shared({"madhapur_0007": 38, "20190521": 2}))]), "leakage")
    assert (found.level, found.title) == (
        "bad",
        "leakage: 40 validation frames in sequences of the same name as in training",
    )
    assert "40 of 204 validation frames (19.6 %): madhapur_0007 and 20190521." in found.text
    assert find(judge([a_run(leakage=shared({"hyderabad": 2}))]), "leakage").level == "note"


def test_sequences_whose_names_are_small_numbers_are_no_proof() -> None:
    verdict = judge([a_run(leakage=shared({"0": 20, "0001": 20}))])
    found = find(verdict, "perhaps leakage: 40 validation frames in sequences of the same name")
    assert found.level == "note"
    assert "each split may have been numbered anew" in found.text
    assert "as far as can be told" in verdict.summary


def test_a_near_duplicate_in_the_sequence_of_the_same_name_proves_it() -> None:
    elsewhere = shared({"7": 30, "8": 10}, *pairs("7/3", train="train/17/a"))
    assert find(judge([a_run(leakage=elsewhere)]), "leakage: 1 near-duplicate").level == "note"
    within = shared({"7": 30, "8": 10}, *pairs("7/3", train="train/7/a"))
    found = find(judge([a_run(leakage=within)]), "leakage: 30 validation frames in sequences of the same name")
    assert found.level == "bad"
    assert "Taken together, 30 frames (14.7 %)." in found.text  # the duplicate is one of them


def test_frames_that_leak_in_two_ways_count_once() -> None:
    both = shared({"hyderabad": 1}, *pairs("hyderabad/0", "9/x"))
    found = find(judge([a_run(leakage=both)]), "leakage: 1 validation frame in sequences")
    assert (found.level, "Taken together, 2 frames" in found.text) == ("note", True)
    more = shared({"hyderabad": 2}, *pairs("hyderabad/0", "9/x"))
    assert find(judge([a_run(leakage=more)]), "leakage: 2 validation frames in sequences").level == "bad"


def test_leakage_that_nobody_looked_for_is_said_and_any_run_that_did_counts() -> None:
    verdict = judge([a_run(leakage=None)])
    assert find(verdict, "leakage was not looked for").level == "note"
    assert "as far as can be told" in verdict.summary
    assert find(judge([a_run(leakage=None), a_run(name="b")]), "no validation frame was seen").level == "good"


def test_the_published_score_stands_beside_with_what_else_differs() -> None:
    found = find(judge([a_run([0.5] * 7, size=(320, 227), passes=12)]), "points below the published 66.1 %")
    assert found.level == "note"
    assert found.title == "erfnet is 16.1 points below the published 66.1 %"
    for words in (
        "published 66.1 % (Mishra 2024, Table 3.4, IDD-lite)",
        "1,403 images 12.0 times, in 10 min on a processor",
        "673 training and 110 validation images, this one of 1,403 and 204",
        "128x256 pixels and this one at 227x320",
        "After 4 min it had passed 50.0 %, for which 15 min are published, with 4 GB of a GPU",
    ):
        assert words in found.text


def test_a_score_far_below_the_published_one_is_a_fault_only_after_a_full_training() -> None:
    far = [0.4] * 7
    assert find(judge([a_run(far)]), "below the published").level == "bad"
    for more in ({"passes": 30}, {"size": (320, 227)}):
        verdict = judge([a_run(far, **more)])
        assert find(verdict, "below the published").level == "note"
        assert verdict.summary.startswith("The split does what it is for, as far as can be told:")


def test_a_score_on_other_frames_is_no_fault_and_no_leakage() -> None:
    others: tuple[dict[str, Any], ...] = (
        {"train": SplitFacts("train", 300, 9, PIXELS)},
        {"val": SplitFacts("val", 110, 9, PIXELS)},
    )
    for split in others:
        for iou, percent in ((0.05, "5.0 %"), (0.9, "90.0 %")):
            run = a_run([iou] * 7, passes=600, **split)
            found = find(judge([run]), f"erfnet has a mean IoU of {percent}")
            assert found.level == "note"
            assert "Labels as in IDD-lite; whether the frames are its frames is not known" in found.text
            assert "released were 673 and 110 or 1,403 and 204" in found.text
            assert "published 66.1 %" in found.text
            assert not [
                words for words in ("below", "seen", "15 min") if words in found.title + found.text.split("This")[0]
            ]


def test_the_frames_of_the_published_score_leave_nothing_to_say_of_frames() -> None:
    run = a_run(train=SplitFacts("train", 673, 9, PIXELS), val=SplitFacts("val", 110, 9, PIXELS))
    text = find(judge([run]), "the published").text
    assert "673 and 110" not in text
    assert "is not known" not in text


def test_another_number_of_labels_than_published_is_said() -> None:
    splits: dict[str, Any] = {"train": SplitFacts("train", 2975, 9, PIXELS), "val": SplitFacts("val", 500, 9, PIXELS)}
    run = a_run([0.2] * 7, label_map="cityscapes", level="train_id", size=(1024, 512), passes=600, **splits)
    found = find(judge([run]), "below the published")
    assert found.level == "note"
    assert "stated for 20 labels and this one is the mean over 7" in found.text


def test_a_score_far_above_the_published_one_asks_for_leakage() -> None:
    found = find(judge([a_run([0.9] * 7)]), "23.9 points above the published")
    assert found.level == "note"
    assert "look for validation frames that training has seen" in found.text
    assert find(judge([a_run([0.65] * 7)]), "1.1 points below the published").level == "good"


def test_networks_and_levels_without_a_published_score_are_said_once() -> None:
    verdict = judge([a_run(model="essnet-dg2"), a_run(name="b", model="unet")])
    assert find(verdict, "no published score of essnet-dg2 and unet").level == "note"
    assert find(judge([a_run(level="id")]), "no published score of erfnet").level == "note"


def test_unlike_shares_of_labels_are_told_with_the_label_that_differs_most() -> None:
    little = (20_000, *PIXELS[1:])
    assert find(judge([a_run(trained=little)]), "somewhat different").level == "note"
    found = find(judge([a_run(trained=(1_000, *PIXELS[1:]))]), "hold the labels in different shares")
    assert found.level == "bad"
    assert "most for drivable: 1.4 % in training, 32.0 % in validation" in found.text


def test_small_splits_may_differ_by_chance() -> None:
    for trained, validated, level in ((1403, 49, "note"), (49, 204, "note"), (1403, 50, "bad"), (50, 204, "bad")):
        train = SplitFacts("train", trained, 9, (1_000, *PIXELS[1:]))
        found = find(judge([a_run(train=train, val=SplitFacts("val", validated, 9, PIXELS))]), "in different shares")
        assert found.level == level
        assert ("split of 49 frames, chance alone" in found.text) == (level == "note")


def test_the_course_of_a_training_is_told() -> None:
    rest = judge([a_run()]).findings[-1]
    assert (rest.level, rest.title) == ("good", "training of erfnet had come to rest")
    rising = judge([a_run(epochs=curve([0.05 * k for k in range(1, 11)], 84_180))]).findings[-1]
    assert rising.title.endswith("was still improving at its end")
    assert "gained 10.0 points" in rising.text
    fallen = judge([a_run(epochs=curve((*RISEN, 0.5), 84_180))]).findings[-1]
    assert fallen.title.endswith("went on after its best")
    assert "fell by 10.2 points" in fallen.text
    few = judge([a_run(epochs=curve(RISEN[-2:], 84_180))]).findings[-1]
    assert "validated too seldom" in few.title


def test_a_score_that_falls_with_the_loss_rising_is_no_overfitting() -> None:
    worse = curve((*RISEN, 0.5), 84_180, losses=[*(1 / (1 + k) for k in range(10)), 3.0])
    assert not course_of(a_run(epochs=worse)).overfits


def test_the_encoder_alone_counts_for_images_and_not_for_the_curve() -> None:
    log = curve((0.7, *RISEN), 84_180)
    log = (replace(log[0], phase="encoder"), *log[1:])
    course = course_of(a_run(epochs=log))
    assert len(course.scores) == 10
    assert course.images == 84_180
    assert course.since_best == pytest.approx(0.001)


def test_a_run_without_a_log_is_judged_as_short() -> None:
    verdict = judge([a_run(epochs=(), best_epoch=0)])
    assert "is too short" in verdict.findings[-1].title


def test_other_frames_of_one_number_are_judged_apart() -> None:
    other = a_run((0.9, 0.0, 0.4, 0.7, 0.5, 0.7, 0.95), name="b", fingerprint="other frames")
    verdict = judge([a_run(), other])
    assert find(verdict, "(1,403 + 204 frames), files lite: all 7 labels learned").level == "good"
    assert find(verdict, "(1,403 + 204 frames), files other fr: not learned: non-drivable").level == "bad"


def test_the_same_frames_in_another_folder_are_judged_together() -> None:
    assert judge([a_run(), a_run(name="b", dataset="a copy")]).summary.count("Judged by erfnet and b") == 1


def test_different_splits_are_judged_apart() -> None:
    other = a_run(
        (0.9, 0.0, 0.4, 0.7, 0.5, 0.7, 0.95), name="b", val=SplitFacts("val", 110, 9, PIXELS), fingerprint="b"
    )
    verdict = judge([a_run(), other])
    assert find(verdict, "lite at level1 (1,403 + 204 frames): all 7 labels learned").level == "good"
    assert find(verdict, "lite at level1 (1,403 + 110 frames): not learned: non-drivable").level == "bad"
    assert verdict.summary.count("Judged by") == 2


def test_runs_at_different_sizes_may_have_lost_a_label_of_few_pixels() -> None:
    small = replace(a_run((0.9, 0.5, 0.4, 0.7, 0.5, 0.7, 0.0), name="small"), size=(64, 32))
    counts = [list(row) for row in small.counts]
    counts[-1] = [0] * 8
    small = replace(small, counts=tuple(tuple(row) for row in counts))
    assert find(judge([small, a_run()]), "all 7 labels learned").level == "good"


def test_names_of_a_dataset_cannot_break_a_line() -> None:
    run = a_run((0.0,) * 7, name="a\nb", labels=("x\ny", *LABELS[1:]))
    assert "\n" not in "".join([judge([run]).summary, *(one.title + one.text for one in judge([run]).findings)])


def test_the_scores_of_the_made_up_runs_are_as_asked() -> None:
    iou = Confusion(LABELS, np.array(confusion([0.5] * 7), dtype=np.int64)).iou()
    assert iou == pytest.approx([0.5] * 7, abs=1e-3)
