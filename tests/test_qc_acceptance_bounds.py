"""Upper confidence bounds: known answers, and their coverage by enumeration."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from functools import cache
from itertools import combinations
from math import comb
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iddkit.errors import OptionError
from iddkit.qc.acceptance import (
    SamplingPlan,
    accept_probability_exact,
    decide,
    upper_bound,
    upper_bound_when_stopped,
)

CONFIDENCES = [Fraction(1, 2), Fraction(9, 10), Fraction(95, 100), Fraction(99, 100)]
WIDE: dict[str, Any] = {"aql": "10%", "rql": "50%", "producer_risk": "20%", "consumer_risk": "20%"}


@given(st.integers(1, 2000), st.data(), st.sampled_from(CONFIDENCES))
def test_a_bound_is_the_largest_number_that_is_not_ruled_out(
    size: int, data: st.DataObject, confidence: Fraction
) -> None:
    n = data.draw(st.integers(0, size))
    seen = data.draw(st.integers(0, n))
    bound = upper_bound(size, n, seen, confidence)
    most = size - (n - seen)
    assert seen <= bound <= most
    assert accept_probability_exact(size, n, seen, bound) > 1 - confidence
    if bound < most:
        assert accept_probability_exact(size, n, seen, bound + 1) <= 1 - confidence


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize("size", [1, 2, 5, 10, 20])
def test_a_bound_holds_as_often_as_it_says(size: int, confidence: Fraction) -> None:
    for n in range(size + 1):
        bounds = [upper_bound(size, n, seen, confidence) for seen in range(n + 1)]
        for bad in range(size + 1):
            seen_at_bounds = sum(
                comb(bad, seen) * comb(size - bad, n - seen) for seen in range(min(n, bad) + 1) if bounds[seen] >= bad
            )
            assert Fraction(seen_at_bounds, comb(size, n)) >= confidence


@pytest.mark.parametrize(
    "plan",
    [
        SamplingPlan("sequential", **WIDE),
        SamplingPlan("sequential", aql="20%", rql="60%", producer_risk=0.3, consumer_risk=0.3),
        SamplingPlan("sequential", aql=0, rql="40%"),
        SamplingPlan("fixed", n=6, c=2, curtailed=True),
        SamplingPlan("fixed", n=6, c=0, curtailed=True),
        SamplingPlan("fixed", n=6, c=2),
    ],
    ids=lambda plan: f"{plan.kind}-{plan.c}-{plan.curtailed}",
)
@pytest.mark.parametrize("size", [6, 9, 11])
def test_a_bound_holds_as_often_as_it_says_after_early_stopping(plan: SamplingPlan, size: int) -> None:
    resolved = plan.resolve(size)

    @cache
    def bound(inspected: int, bad: int, confidence: Fraction) -> int:
        return upper_bound_when_stopped(resolved, inspected, bad, confidence)

    for bad in range(size + 1):
        outcomes: Counter[tuple[int, int]] = Counter()
        for places in combinations(range(size), bad):
            decision = decide(resolved, [place in places for place in range(resolved.n)])
            outcomes[decision.inspected, decision.bad] += 1
        for confidence in CONFIDENCES:
            held = sum(times for end, times in outcomes.items() if bound(*end, confidence) >= bad)
            assert Fraction(held, outcomes.total()) >= confidence
        for inspected, seen in outcomes:
            assert seen <= bound(inspected, seen, CONFIDENCES[2]) <= size - (inspected - seen)


@given(st.integers(1, 40), st.data())
def test_a_bound_of_a_whole_sample_is_the_plain_one(n: int, data: st.DataObject) -> None:
    seen = data.draw(st.integers(0, n))
    plain = upper_bound(60, n, seen)
    assert upper_bound_when_stopped(SamplingPlan("fixed", n=n, c=0).resolve(60), n, seen) == plain


@given(st.lists(st.booleans(), min_size=300, max_size=300), st.integers(200, 2000))
def test_a_sequential_bound_is_near_that_of_the_same_images_drawn_at_once(flags: list[bool], size: int) -> None:
    resolved = SamplingPlan("sequential", aql="5%", rql="20%").resolve(size)
    decision = decide(resolved, flags[: resolved.n])
    bound = upper_bound_when_stopped(resolved, decision.inspected, decision.bad)
    plain = upper_bound(size, decision.inspected, decision.bad)
    assert bound <= plain or decision.outcome == "accept"
    assert abs(bound - plain) <= 0.5 * plain


@pytest.mark.parametrize(("size", "n", "percent"), [(50, 10, 22), (200, 40, 6), (1000, 200, 1.3)])
def test_what_a_perfect_sample_of_the_thesis_rule_shows(size: int, n: int, percent: float) -> None:
    assert upper_bound(size, n, 0) == percent * size / 100


def test_a_large_batch_has_a_bound() -> None:
    bound = upper_bound(1_000_000, 200_000, 4000)
    assert 20_000 < bound < 20_600
    assert upper_bound(1_000_000, 200_000, 0) == 13


def test_seeing_everything_leaves_no_doubt() -> None:
    assert upper_bound(40, 40, 7) == 7
    assert upper_bound(40, 0, 0) == 40


def test_a_tie_is_ruled_out() -> None:
    # one bad image among 20 stays unseen in 19 draws in exactly 5 % of samples
    assert upper_bound(20, 19, 0, "0.95") == 0
    assert upper_bound(20, 19, 0, "0.951") == 1


def test_a_sequential_acceptance_without_a_bad_image_is_a_plain_sample() -> None:
    resolved = SamplingPlan("sequential", aql="1%", rql="5%").resolve(1000)
    assert decide(resolved, [False] * 55).outcome == "accept"
    assert upper_bound_when_stopped(resolved, 55, 0) == upper_bound(1000, 55, 0)


def test_a_late_rejection_is_milder_than_an_early_one() -> None:
    resolved = SamplingPlan("fixed", n=40, c=1, curtailed=True).resolve(200)
    late, early = (upper_bound_when_stopped(resolved, looks, 2) for looks in (40, 10))
    assert late < early
    assert early <= upper_bound(200, 10, 2)


@pytest.mark.parametrize(
    ("sample", "confidence", "words"),
    [
        ((10, 11, 0), 0.95, "11 images cannot be drawn"),
        ((10, 5, 6), 0.95, "6 bad images among 5"),
        ((10, 5, -1), 0.95, "-1 bad images"),
        ((10, 5, 0), 1, "a confidence of 1 cannot be"),
        ((10, 5, 0), 0, "a confidence of 0 cannot be"),
        ((10, 5, 0), 95, "the confidence is 95"),
    ],
)
def test_samples_that_cannot_be_are_refused(sample: tuple[int, int, int], confidence: float, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        upper_bound(*sample, confidence)


def test_outcomes_that_cannot_be_are_refused() -> None:
    plan = SamplingPlan("fixed", n=6, c=2)
    with pytest.raises(OptionError, match="7 bad images among 6 of 6"):
        upper_bound_when_stopped(plan.resolve(20), 6, 7)
    with pytest.raises(OptionError, match="0 bad images among 7 of 6"):
        upper_bound_when_stopped(plan.resolve(20), 7, 0)
    with pytest.raises(OptionError, match="size of the batch"):
        upper_bound_when_stopped(plan.resolve(None), 6, 0)
