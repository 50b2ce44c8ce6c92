"""Sampling plans: what they resolve to, that they are the smallest, that they keep their promises and their form."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iddkit.errors import OptionError
from iddkit.qc.acceptance import (
    KINDS,
    SEVERITIES,
    SamplingPlan,
    accept_probability,
    accept_probability_exact,
    oc_curve,
)
from iddkit.qc.acceptance.find import bad_at_levels, find_two_point
from iddkit.qc.acceptance.sequential import Lots

RISKS = st.sampled_from([Fraction(1, 100), Fraction(5, 100), Fraction(10, 100), Fraction(25, 100), Fraction(2, 5)])
LEVELS = st.sampled_from([Fraction(0), *(Fraction(i, 100) for i in (1, 2, 5, 10, 15, 30, 60, 100))])
PROMISE: dict[str, Any] = {"aql": "1%", "rql": "5%"}


def two_levels(data: st.DataObject) -> tuple[Fraction, Fraction]:
    aql, rql = sorted([data.draw(LEVELS), data.draw(LEVELS)])
    return (aql, rql) if aql < rql else (Fraction(1, 100), Fraction(1, 20))


@given(st.integers(1, 40), st.data(), RISKS, RISKS)
def test_no_smaller_plan_keeps_both_promises(
    size: int, data: st.DataObject, producer: Fraction, consumer: Fraction
) -> None:
    aql, rql = two_levels(data)
    good, poor = bad_at_levels(size, aql, rql)
    smallest = next(
        (n, c)
        for n in range(size + 1)
        for c in range(n + 1)
        if accept_probability_exact(size, n, c, good) >= 1 - producer
        and accept_probability_exact(size, n, c, poor) <= consumer
    )
    assert find_two_point(size, aql, rql, producer, consumer) == smallest


@given(st.sampled_from([(1, 10), (5, 15), (5, 30), (0, 4), (20, 40), (50, 100)]), RISKS, RISKS)
def test_no_smaller_plan_keeps_them_in_a_lot_without_end(
    levels: tuple[int, int], producer: Fraction, consumer: Fraction
) -> None:
    aql, rql = (Fraction(level, 100) for level in levels)
    n, c = find_two_point(None, aql, rql, producer, consumer)
    assert accept_probability_exact(None, n, c, aql) >= 1 - producer
    assert accept_probability_exact(None, n, c, rql) <= consumer
    for smaller in range(n):
        # the smallest c that the producer's promise allows is the best for the consumer
        least = next(k for k in range(smaller + 1) if accept_probability_exact(None, smaller, k, aql) >= 1 - producer)
        assert accept_probability_exact(None, smaller, least, rql) > consumer


@given(st.integers(1, 600), st.data(), RISKS, RISKS)
def test_a_sequential_plan_keeps_both_promises(
    size: int, data: st.DataObject, producer: Fraction, consumer: Fraction
) -> None:
    aql, rql = two_levels(data)
    plan = SamplingPlan("sequential", aql=aql, rql=rql, producer_risk=producer, consumer_risk=consumer)
    resolved = plan.resolve(size)
    good, poor = oc_curve(resolved, points=bad_at_levels(size, aql, rql))
    assert good.p_accept >= 1 - producer - 1e-11
    assert poor.p_accept <= consumer + 1e-11
    assert resolved.n <= size


@given(st.integers(1, 500), st.data())
def test_lines_rise_and_meet_at_the_end(size: int, data: st.DataObject) -> None:
    aql, rql = two_levels(data)
    lines = SamplingPlan("sequential", aql=aql, rql=rql).resolve(size).lines
    assert lines is not None
    assert len(lines.accept) == len(lines.reject) == lines.n + 1
    for numbers in (lines.accept, lines.reject):
        assert all(0 <= after - before <= 1 for before, after in pairwise(numbers))
    assert all(low + 1 < high for low, high in zip(lines.accept[:-1], lines.reject[:-1], strict=True))
    assert lines.accept[-1] + 1 == lines.reject[-1]


@given(st.integers(2, 30), st.data())
def test_lines_are_those_of_the_exact_likelihood_ratio(size: int, data: st.DataObject) -> None:
    good = data.draw(st.integers(0, size - 1))
    poor = data.draw(st.integers(good + 1, size))
    lots = Lots(size, Fraction(good), Fraction(poor))
    # limits that some ratios meet exactly
    finite = sorted({r for k in range(size) for g in range(size - k) if 0 < (r := lots.ratio(k, g)) < math.inf})
    least = data.draw(st.sampled_from([Fraction(2, 19), *(Fraction(r) for r in finite if r < 1)]))
    most = data.draw(st.sampled_from([Fraction(18), *(Fraction(r) for r in finite if r > 1)]))
    n = data.draw(st.integers(1, size))
    lines = lots.lines(n, least, most)
    for look in range(n + 1):
        # what neither lot can show has no ratio; a line was crossed before
        shown = [k for k in range(look + 1) if any(k <= bad and look - k <= size - bad for bad in (good, poor))]
        low, high = lines.accept[look], lines.reject[look]
        for k in shown:
            assert (k <= low) == (lots.ratio(k, look - k) <= least)
            assert (k >= high) == (lots.ratio(k, look - k) >= most)


@given(st.sampled_from(sorted(KINDS)), st.booleans(), st.sampled_from(SEVERITIES), st.data())
def test_a_plan_is_read_back_from_json(kind: str, curtailed: bool, bad_from: str, data: st.DataObject) -> None:
    values: dict[str, Any] = {"kind": kind, "curtailed": curtailed, "bad_from": bad_from}
    if kind == "fixed":
        values |= {"n": 40, "c": 3}
    if "aql" in KINDS[kind]:
        values |= {"aql": data.draw(st.fractions(0, Fraction(1, 4), max_denominator=999)), "rql": 0.3}
    if "fraction" in KINDS[kind] and data.draw(st.booleans()):
        values |= {"fraction": 0.1}
    plan = SamplingPlan(**values)
    again = SamplingPlan.from_json(json.loads(json.dumps(plan.to_json())))
    assert again == plan
    assert hash(again) == hash(plan)
    assert again.resolve(100) == plan.resolve(100)


@pytest.mark.parametrize(("size", "expected"), [(1000, (128, 3)), (200, (89, 2)), (50, (27, 0)), (1_000_000, (132, 3))])
def test_known_two_point_plans_are_found(size: int, expected: tuple[int, int]) -> None:
    resolved = SamplingPlan("two-point", **PROMISE).resolve(size)
    assert (resolved.n, resolved.c) == expected


def test_a_lot_without_end_gives_the_plan_of_the_r_package() -> None:
    # AcceptanceSampling: find.plan(PRP = c(.05, .95), CRP = c(.15, .075), type = "binom")
    resolved = SamplingPlan("two-point", aql=0.05, rql=0.15, producer_risk=0.05, consumer_risk=0.075).resolve(None)
    assert (resolved.n, resolved.c) == (80, 7)


def test_the_thesis_rule_is_a_saw_tooth() -> None:
    thesis = SamplingPlan("fraction")
    allowed = [thesis.resolve(size).c for size in range(1, 1001)]
    jumps = [size for size, (before, after) in enumerate(pairwise(allowed), 2) if before < after]
    assert jumps == [246, 496, 746, 996]
    for jump in jumps:
        before, after = (thesis.resolve(size) for size in (jump - 1, jump))
        bad = math.ceil(0.02 * jump)
        chances = [accept_probability(r.size, r.n, r.c, bad) for r in (before, after)]
        assert chances[1] > chances[0] + 0.05


def test_the_rule_of_the_fourth_stage_has_both_readings() -> None:
    lenient = SamplingPlan("fraction", fraction=0.1).resolve(1000)
    strict = SamplingPlan("zero-defect", fraction=0.1).resolve(1000)
    assert (lenient.n, lenient.c, strict.n, strict.c) == (100, 2, 100, 0)


def test_rates_are_decimals_and_not_binary_numbers() -> None:
    assert math.ceil(0.07 * 100) == 8  # what a float does
    assert SamplingPlan("zero-defect", fraction=0.07).resolve(100).n == 7
    assert 100 - math.ceil(0.55 * 100) == 44
    assert SamplingPlan("fraction", fraction=1, pass_rate=0.55).resolve(100).c == 45


def test_every_batch_has_a_sample() -> None:
    for size in range(1, 300):
        for kind in ("fraction", "zero-defect"):
            resolved = SamplingPlan(kind).resolve(size)
            assert resolved.n == -(-size // 5)
            assert 0 <= resolved.c < resolved.n


def test_a_sequential_plan_is_cut_off_before_the_whole_batch() -> None:
    resolved = SamplingPlan("sequential", **PROMISE).resolve(1000)
    assert resolved.n <= 192
    assert resolved.plan.curtailed
    assert SamplingPlan("sequential", **PROMISE).resolve(50).n == 27


@pytest.mark.parametrize(
    ("bad_from", "bad"), [("critical", ["critical"]), ("major", ["critical", "major"]), ("minor", list(SEVERITIES))]
)
def test_a_plan_says_what_makes_an_image_bad(bad_from: str, bad: list[str]) -> None:
    plan = SamplingPlan("fraction", bad_from=bad_from)
    assert [severity for severity in SEVERITIES if plan.makes_bad(severity)] == bad
    with pytest.raises(OptionError, match="no severity 'grave'"):
        plan.makes_bad("grave")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"kind": "lucky"}, "no kind of plan 'lucky'"),
        ({"kind": None}, "no kind of plan"),
        ({"kind": "fraction", "bad_from": "grave"}, "no severity 'grave'"),
        ({"kind": "fraction", "curtailed": 1}, "curtailed is 1"),
        ({"kind": "fraction", "fraction": 0}, "fraction has to be above 0"),
        ({"kind": "fraction", "fraction": 1.2}, "fraction is 1.2"),
        ({"kind": "fraction", "pass_rate": "0"}, "pass rate has to be above 0"),
        ({"kind": "fraction", "n": 3}, "takes no n"),
        ({"kind": "zero-defect", "pass_rate": 0.98}, "takes no pass rate"),
        ({"kind": "fixed", "n": 3}, "c is missing"),
        ({"kind": "fixed", "n": 3, "c": 3}, "n has to be above c"),
        ({"kind": "fixed", "n": 0, "c": 0}, "n has to be above c"),
        ({"kind": "fixed", "n": 3, "c": -1}, "not a whole number"),
        ({"kind": "fixed", "n": 3.0, "c": 1}, "not a whole number"),
        ({"kind": "fixed", "n": True, "c": 0}, "not a whole number"),
        ({"kind": "two-point", "aql": 0.01}, "RQL is missing"),
        ({"kind": "two-point", "aql": 0.05, "rql": 0.05}, "below the RQL"),
        ({"kind": "sequential", "aql": 0.05, "rql": 0.01}, "below the RQL"),
        ({"kind": "two-point", "aql": 0, "rql": 0.1, "consumer_risk": 0}, "consumer risk has to be above 0"),
        ({"kind": "two-point", "aql": 0, "rql": 0.1, "producer_risk": 1}, "producer risk has to be below 1"),
        ({"kind": "two-point", "aql": 0, "rql": 0.1, "producer_risk": 0.5, "consumer_risk": 0.5}, "add up to less"),
        ({"kind": "two-point", "aql": "one", "rql": 0.1}, "the AQL is 'one'"),
        ({"kind": "fraction", "colour": "red"}, "a plan has no colour"),
        ({"fraction": 0.2}, "needs its kind"),
        (["fraction"], "is no sampling plan"),
    ],
)
def test_plans_that_cannot_be_are_refused(values: Any, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        SamplingPlan.from_json(values)


@pytest.mark.parametrize(
    ("plan", "size", "words"),
    [
        (SamplingPlan("fraction"), 0, "a batch of 0 images"),
        (SamplingPlan("fraction"), None, "needs the size of the batch"),
        (SamplingPlan("fixed", n=51, c=0), 50, "51 images cannot be drawn from a batch of 50"),
        (SamplingPlan("two-point", **PROMISE), -5, "a batch of -5 images"),
    ],
)
def test_batches_that_a_plan_cannot_take_are_refused(plan: SamplingPlan, size: int | None, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        plan.resolve(size)


def test_a_rate_that_a_plan_lacks_is_named() -> None:
    with pytest.raises(OptionError, match="a fraction plan has no AQL"):
        SamplingPlan("fraction").rate("aql")
