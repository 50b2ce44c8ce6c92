"""Decisions and operating characteristics: by enumeration of small batches, and by simulation of large ones."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from itertools import combinations, pairwise, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iddkit.errors import OptionError
from iddkit.qc.acceptance import (
    ResolvedPlan,
    SamplingPlan,
    accept_probability,
    decide,
    oc_curve,
    risks,
)

PROMISE: dict[str, Any] = {"aql": "1%", "rql": "5%"}
WIDE: dict[str, Any] = {"aql": "10%", "rql": "50%", "producer_risk": "20%", "consumer_risk": "20%"}

SMALL_PLANS = [
    SamplingPlan("fixed", n=4, c=1),
    SamplingPlan("fixed", n=4, c=1, curtailed=True),
    SamplingPlan("fixed", n=5, c=0, curtailed=True),
    SamplingPlan("fixed", n=5, c=4, curtailed=True),
    SamplingPlan("fraction", fraction=0.7, pass_rate=0.6, curtailed=True),
    SamplingPlan("two-point", **WIDE, curtailed=True),
    SamplingPlan("sequential", **WIDE),
    SamplingPlan("sequential", aql="20%", rql="60%", producer_risk=0.3, consumer_risk=0.3),
    SamplingPlan("sequential", aql=0, rql="40%"),
]


def enumerate_orders(resolved: ResolvedPlan, size: int, bad: int) -> tuple[Fraction, Fraction]:
    """Return P(accept) and the average number of looks over all orders of a batch."""
    accepted = looks = count = 0
    for places in combinations(range(size), bad):
        decision = decide(resolved, [place in places for place in range(resolved.n)])
        accepted += decision.outcome == "accept"
        looks += decision.inspected
        count += 1
    return Fraction(accepted, count), Fraction(looks, count)


@given(st.integers(1, 30), st.data())
def test_a_curtailed_decision_is_that_of_the_whole_sample(n: int, data: st.DataObject) -> None:
    c = data.draw(st.integers(0, n - 1))
    flags = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    full = decide(SamplingPlan("fixed", n=n, c=c).resolve(n), flags)
    plan = SamplingPlan("fixed", n=n, c=c, curtailed=True).resolve(n)
    curtailed = decide(plan, flags)
    assert curtailed.outcome == full.outcome == ("accept" if sum(flags) <= c else "reject")
    assert full.inspected == n
    assert curtailed.bad == sum(flags[: curtailed.inspected])
    assert decide(plan, flags[: curtailed.inspected]) == curtailed


@given(st.integers(1, 30), st.data())
def test_a_curtailed_plan_goes_on_only_while_both_outcomes_are_possible(n: int, data: st.DataObject) -> None:
    c = data.draw(st.integers(0, n - 1))
    flags = data.draw(st.lists(st.booleans(), max_size=n))
    plan = SamplingPlan("fixed", n=n, c=c, curtailed=True).resolve(None)
    rest = n - len(flags)
    ends = {decide(plan, [*flags, *[bad] * rest]).outcome for bad in (False, True)}
    assert (decide(plan, flags).outcome == "continue") == (ends == {"accept", "reject"})


@given(st.lists(st.booleans(), max_size=300), st.sampled_from([200, 1000, None]))
def test_a_sequential_decision_stands_whatever_follows(flags: list[bool], size: int | None) -> None:
    plan = SamplingPlan("sequential", **PROMISE).resolve(size)
    flags = flags[: plan.n]
    decision = decide(plan, flags)
    if decision.outcome == "continue":
        assert (decision.inspected, decision.needed) == (len(flags), plan.n - len(flags))
        assert decide(plan, [*flags, *[False] * decision.needed]).outcome != "continue"
        assert decide(plan, [*flags, *[True] * decision.needed]).outcome == "reject"
    else:
        assert decision.needed == 0
        assert decide(plan, flags[: decision.inspected]) == decision
        assert decide(plan, flags[: decision.inspected - 1]).outcome == "continue"


@given(st.integers(1, 800), st.sampled_from(["fraction", "two-point", "sequential"]), st.booleans(), st.data())
def test_a_worse_batch_is_accepted_less_often(size: int, kind: str, curtailed: bool, data: st.DataObject) -> None:
    levels: dict[str, Any] = {} if kind == "fraction" else PROMISE
    plan = SamplingPlan(kind, curtailed=curtailed, **levels).resolve(size)
    sees = data.draw(st.sampled_from(["0.7", "1"]))
    points = oc_curve(plan, sensitivity=sees, specificity="0.999", points=20)
    chances = [point.p_accept for point in points]
    assert all(after <= before + 1e-13 for before, after in pairwise(chances))
    assert all(0 <= point.average_looks <= plan.n + 1e-9 for point in points)


@pytest.mark.parametrize("plan", SMALL_PLANS, ids=lambda plan: f"{plan.kind}-{plan.curtailed}")
@pytest.mark.parametrize("size", [5, 6, 9])
def test_enumerating_all_orders_gives_the_same_curve(plan: SamplingPlan, size: int) -> None:
    resolved = plan.resolve(size)
    curve = oc_curve(resolved, points=range(size + 1))
    for point in curve:
        assert point.bad is not None
        accepted, looks = enumerate_orders(resolved, size, point.bad)
        assert abs(point.p_accept - accepted) < 1e-13
        assert abs(point.average_looks - looks) < 1e-12
        assert point.fraction == point.bad / size


@pytest.mark.parametrize("plan", SMALL_PLANS, ids=lambda plan: f"{plan.kind}-{plan.curtailed}")
def test_enumerating_all_errors_of_reviewers_gives_the_same_curve(plan: SamplingPlan) -> None:
    size, sees, passes = 5, Fraction(7, 10), Fraction(9, 10)
    resolved = plan.resolve(size)
    for point in oc_curve(resolved, sensitivity=sees, specificity=passes, points=range(size + 1)):
        assert point.bad is not None
        accepted = looks = Fraction(0)
        for places in combinations(range(size), point.bad):
            for flags in product((False, True), repeat=size):
                chance = Fraction(1, math.comb(size, point.bad))
                for place, flag in enumerate(flags):
                    alarm = sees if place in places else 1 - passes
                    chance *= alarm if flag else 1 - alarm
                decision = decide(resolved, flags[: resolved.n])
                accepted += chance * (decision.outcome == "accept")
                looks += chance * decision.inspected
        assert abs(point.p_accept - accepted) < 1e-13
        assert abs(point.average_looks - looks) < 1e-12


def test_in_a_lot_without_end_verdicts_are_independent() -> None:
    for plan in (SamplingPlan("fixed", n=6, c=1, curtailed=True), SamplingPlan("sequential", **WIDE)):
        resolved = plan.resolve(None)
        assert resolved.n < 14
        for bad in (Fraction(1, 10), Fraction(1, 2)):
            (point,) = oc_curve(resolved, points=[bad])
            accepted = looks = Fraction(0)
            for flags in product((False, True), repeat=resolved.n):
                chance = bad ** sum(flags) * (1 - bad) ** (resolved.n - sum(flags))
                decision = decide(resolved, flags)
                accepted += chance * (decision.outcome == "accept")
                looks += chance * decision.inspected
            assert point.bad is None
            assert abs(point.p_accept - accepted) < 1e-13
            assert abs(point.average_looks - looks) < 1e-12


@pytest.mark.parametrize(
    ("plan", "bad", "sees", "passes"),
    [
        (SamplingPlan("fraction"), 20, 1.0, 1.0),
        (SamplingPlan("fraction", curtailed=True), 50, 0.7, 1.0),
        (SamplingPlan("two-point", **PROMISE, curtailed=True), 25, 0.9, 0.998),
        (SamplingPlan("sequential", **PROMISE), 22, 1.0, 1.0),
        (SamplingPlan("sequential", **PROMISE), 40, 0.7, 0.995),
    ],
    ids=lambda value: value.kind if isinstance(value, SamplingPlan) else str(value),
)
def test_ten_thousand_simulated_batches_follow_the_curve(
    plan: SamplingPlan, bad: int, sees: float, passes: float
) -> None:
    size, batches = 1000, 10_000
    resolved = plan.resolve(size)
    rng = np.random.default_rng(4)
    accepted, looks = 0, np.zeros(batches)
    for batch in range(batches):
        drawn = rng.choice(size, resolved.n, replace=False) < bad
        dice = rng.random(resolved.n)
        flags = np.where(drawn, dice < sees, dice >= passes)
        decision = decide(resolved, flags.tolist())
        accepted += decision.outcome == "accept"
        looks[batch] = decision.inspected
    (point,) = oc_curve(resolved, sensitivity=sees, specificity=passes, points=[bad])
    sigma = math.sqrt(batches * point.p_accept * (1 - point.p_accept))
    assert abs(accepted - batches * point.p_accept) < 3 * sigma
    error = looks.std() / math.sqrt(batches)
    assert abs(looks.mean() - point.average_looks) <= 3 * error + 1e-9
    assert (error > 0) == resolved.stops_early


def test_a_sequential_test_looks_at_28_to_105_images_on_average() -> None:
    # at 1 % and 5 % in 1000 images, as far as 10 % of them are bad
    resolved = SamplingPlan("sequential", **PROMISE).resolve(1000)
    looks = [point.average_looks for point in oc_curve(resolved, points=range(101))]
    assert min(looks) == pytest.approx(28.3, abs=0.05)
    assert max(looks) == pytest.approx(97.4, abs=0.05)
    single = SamplingPlan("two-point", **PROMISE).resolve(1000)
    assert max(looks) < single.n


def test_curtailing_changes_the_looks_and_not_the_outcome() -> None:
    full, curtailed = (SamplingPlan("fraction", curtailed=flag).resolve(1000) for flag in (False, True))
    for one, other in zip(oc_curve(full), oc_curve(curtailed), strict=True):
        assert other.bad == one.bad
        assert abs(other.p_accept - one.p_accept) < 1e-12
        assert one.average_looks == 200
        assert other.average_looks < 200


def test_a_curve_reaches_from_always_to_hardly_ever() -> None:
    resolved = SamplingPlan("fraction").resolve(1000)
    points = oc_curve(resolved, points=11)
    assert len(points) == 11
    assert (points[0].bad, points[0].p_accept) == (0, 1)
    last = points[-1].bad
    assert last is not None
    assert points[-1].p_accept <= 0.001 < accept_probability(1000, 200, 4, last - 1)
    assert [point.bad for point in oc_curve(SamplingPlan("fraction").resolve(3))] == [0, 1, 2, 3]
    for point in points:
        assert point.bad is not None
        assert point.p_accept == accept_probability(1000, 200, 4, point.bad)


def test_a_curve_of_blind_reviewers_is_flat() -> None:
    points = oc_curve(SamplingPlan("fraction").resolve(200), sensitivity=0, points=5)
    assert [point.p_accept for point in points] == pytest.approx([1] * 5)
    assert points[-1].bad == 200


@pytest.mark.parametrize("points", [1, [-1], [201], [0.5], ["many"]])
def test_points_that_cannot_be_are_refused(points: int | list[int]) -> None:
    with pytest.raises(OptionError):
        oc_curve(SamplingPlan("fraction").resolve(200), points=points)


def test_no_points_are_no_curve() -> None:
    assert oc_curve(SamplingPlan("sequential", **PROMISE).resolve(200), points=[]) == []


def test_the_thesis_rule_does_not_promise_98_percent() -> None:
    found = risks(SamplingPlan("fraction").resolve(1000))
    assert (found.producer, found.consumer) == (None, None)
    assert [point.bad for point in found.levels] == [10, 20, 50, 100]
    assert [round(point.p_accept, 3) for point in found.levels] == [0.968, 0.630, 0.016, 0.0]
    assert found.mostly_accepted is not None
    assert found.even is not None
    assert found.mostly_rejected is not None
    assert (found.mostly_accepted.bad, found.even.bad, found.mostly_rejected.bad) == (11, 22, 38)
    assert [risks(SamplingPlan("fraction").resolve(50)).levels[i].bad for i in range(4)] == [1, 1, 3, 5]


@given(st.integers(20, 400), st.sampled_from(["fraction", "two-point", "sequential"]))
def test_risks_are_the_last_or_the_first_batch_of_their_kind(size: int, kind: str) -> None:
    resolved = SamplingPlan(kind, **({} if kind == "fraction" else PROMISE)).resolve(size)
    found = risks(resolved)
    chances = [point.p_accept for point in oc_curve(resolved, points=range(size + 1))]
    assert found.mostly_accepted is not None
    assert found.even is not None
    assert found.mostly_rejected is not None
    assert found.mostly_accepted.bad == max(bad for bad, chance in enumerate(chances) if chance >= 0.95)
    assert found.even.bad == max(bad for bad, chance in enumerate(chances) if chance >= 0.5)
    assert found.mostly_rejected.bad == min(bad for bad, chance in enumerate(chances) if chance <= 0.1)
    assert json.loads(json.dumps(found.to_json()))["even"]["bad"] == found.even.bad


def test_risks_at_the_plans_own_levels_are_as_promised() -> None:
    found = risks(SamplingPlan("two-point", **PROMISE).resolve(1000))
    assert [point.bad for point in found.levels] == [10, 50]
    assert found.producer == pytest.approx(1 - accept_probability(1000, 128, 3, 10))
    assert found.consumer == pytest.approx(accept_probability(1000, 128, 3, 50))
    assert found.producer is not None
    assert found.consumer is not None
    assert found.producer <= 0.05
    assert found.consumer <= 0.1


def test_risks_of_a_lot_without_end_are_fractions() -> None:
    plan = SamplingPlan("two-point", aql=0.05, rql=0.15, consumer_risk=0.075).resolve(None)
    found = risks(plan)
    assert found.mostly_accepted is not None
    assert found.mostly_rejected is not None
    assert found.mostly_accepted.bad is None
    assert 0.05 <= found.mostly_accepted.fraction < 0.06
    assert 0.14 < found.mostly_rejected.fraction <= 0.15
    assert accept_probability(None, 80, 7, found.mostly_accepted.fraction) >= 0.95


def test_risks_of_bad_reviewers_are_told() -> None:
    plan = SamplingPlan("zero-defect").resolve(200)
    blind = risks(plan, sensitivity=0)
    assert blind.mostly_rejected is None
    assert blind.even is not None
    assert blind.even.bad == 200
    nervous = risks(plan, specificity=0.9)
    assert nervous.mostly_accepted is None
    assert nervous.to_json()["mostly_accepted"] is None
    assert nervous.mostly_rejected is not None
    assert nervous.mostly_rejected.bad == 0
    with pytest.raises(OptionError, match="tell no batches apart"):
        risks(plan, sensitivity=0.3, specificity=0.3)


def test_reasons_are_given_in_words() -> None:
    full = SamplingPlan("fixed", n=4, c=1).resolve(20)
    assert decide(full, [True, True]).reason == "2 bad among 2 so far; at most 2 more to look at"
    assert decide(full, [True, True, False, False]).reason == "2 bad among 4: more than the 1 allowed"
    assert decide(full, [True, False, False, False]).reason == "1 bad among 4: no more than the 1 allowed"
    early = SamplingPlan("fixed", n=4, c=1, curtailed=True).resolve(20)
    assert "allowed among 4, whatever the others are" in decide(early, [False, False, False]).reason
    assert "more than the 1 allowed among 4" in decide(early, [True, True]).reason
    lines = SamplingPlan("sequential", **PROMISE).resolve(1000)
    assert decide(lines, [False] * 60).reason == "0 bad among 55: at or below the acceptance line of 0"
    assert decide(lines, [True] * 5).reason == "2 bad among 2: at or above the rejection line of 2"
    assert decide(lines, []).outcome == "continue"


def test_more_verdicts_than_images_are_refused() -> None:
    with pytest.raises(OptionError, match="5 verdicts on a sample of 4 images"):
        decide(SamplingPlan("fixed", n=4, c=1).resolve(20), [False] * 5)
