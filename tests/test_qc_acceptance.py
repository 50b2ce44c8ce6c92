"""Probabilities of acceptance: against the published table, by enumeration, and for lots of any size."""

from __future__ import annotations

import json
from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iddkit.errors import OptionError
from iddkit.qc.acceptance import accept_probability, accept_probability_exact, parse_rate, show_rate
from iddkit.qc.acceptance.hypergeometric import EXACT_BITS, compare_probability, count_bad, count_seen
from tests.conftest import DATA

ROWS = json.loads((DATA / "acceptance_probabilities.json").read_text())["rows"]
SENSES = [Fraction(0), Fraction(7, 10), Fraction(19, 20), Fraction(1)]


def mix_over_the_lot(size: int, n: int, c: int, bad: int, sees: Fraction, passes: Fraction) -> Fraction:
    """Return P(at most c called bad) by another way: first all of the lot is reviewed, then n are drawn."""
    total = Fraction(0)
    for found in range(bad + 1):
        for alarms in range(size - bad + 1):
            chance = comb(bad, found) * sees**found * (1 - sees) ** (bad - found)
            chance *= comb(size - bad, alarms) * (1 - passes) ** alarms * passes ** (size - bad - alarms)
            total += chance * accept_probability_exact(size, n, c, found + alarms)
    return total


@given(st.data())
def test_a_number_is_the_same_by_floating_point_as_by_integers(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 4000))
    n, bad = data.draw(st.integers(0, size)), data.draw(st.integers(0, size))
    c = data.draw(st.integers(max(0, n * bad // size - 30), n * bad // size + 30))
    exact = accept_probability_exact(size, n, c, bad)
    assert abs(Fraction(count_bad(size, n, bad).at_most(c)) - exact) < 1e-14
    assert abs(Fraction(accept_probability(size, n, c, bad)) - exact) < 1e-14


@given(st.integers(0, 400), st.fractions(0, 1, max_denominator=1000), st.data())
def test_a_lot_without_end_is_binomial(n: int, bad: Fraction, data: st.DataObject) -> None:
    c = data.draw(st.integers(0, n))
    exact = accept_probability_exact(None, n, c, bad)
    direct = sum(comb(n, k) * bad**k * (1 - bad) ** (n - k) for k in range(c + 1))
    assert exact == direct
    assert abs(Fraction(count_bad(None, n, bad).at_most(c)) - exact) < 1e-14
    assert abs(accept_probability(None, n, c, bad) - exact) < 1e-14


@given(st.data())
def test_reviewing_a_sample_is_sampling_a_reviewed_lot(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 12))
    n, bad, c = (data.draw(st.integers(0, size)) for _ in range(3))
    sees, passes = data.draw(st.sampled_from(SENSES)), data.draw(st.sampled_from(SENSES))
    given_ = accept_probability(size, n, c, bad, sensitivity=sees, specificity=passes)
    assert abs(given_ - mix_over_the_lot(size, n, c, bad, sees, passes)) < 1e-13


@given(st.integers(1, 3000), st.data())
def test_a_distribution_adds_up_to_one(size: int, data: st.DataObject) -> None:
    n, bad = data.draw(st.integers(0, size)), data.draw(st.integers(0, size))
    counts = count_seen(size, n, bad, "0.7", "0.99")
    assert counts.chances.sum() == pytest.approx(1, abs=1e-12)
    expected = n * (0.7 * bad + 0.01 * (size - bad)) / size
    assert float(counts.numbers @ counts.chances) == pytest.approx(expected, rel=1e-10, abs=1e-10)
    assert (counts.chances >= 0).all()


def test_all_196_published_probabilities_are_met() -> None:
    assert len(ROWS) == 196
    for row in ROWS:
        lot = row["N"], row["n"], row["c"], row["D"]
        assert row["exact"] is None or accept_probability_exact(*lot) == Fraction(row["exact"])
        assert abs(accept_probability(*lot) - row["Pa"]) < 1e-12
        assert abs(count_bad(row["N"], row["n"], row["D"]).at_most(row["c"]) - row["Pa"]) < 1e-12


@pytest.mark.parametrize("size", range(13))
def test_counting_all_samples_gives_the_same(size: int) -> None:
    samples = np.arange(2**size, dtype=np.uint32)
    drawn = np.bitwise_count(samples)
    for bad in range(size + 1):
        seen = np.bitwise_count(samples & np.uint32(2**bad - 1))
        for n in range(size + 1):
            for c in range(n + 1):
                accepted = int(((drawn == n) & (seen <= c)).sum())
                assert accept_probability_exact(size, n, c, bad) == Fraction(accepted, comb(size, n))


@pytest.mark.parametrize(
    ("size", "n", "c", "bad"),
    [(100_000, 20_000, 400, 2100), (150_000, 500, 30, 7500), (80_000, 40_000, 39_900, 79_900)],
)
def test_large_lots_are_right_to_twelve_digits(size: int, n: int, c: int, bad: int) -> None:
    assert abs(accept_probability(size, n, c, bad) - accept_probability_exact(size, n, c, bad)) < 1e-12


def test_a_lot_too_large_for_integers_is_answered() -> None:
    assert min(200_000, 20_000) * 20 > EXACT_BITS
    assert accept_probability(1_000_000, 200_000, 4000, 20_000) == pytest.approx(0.505, abs=0.002)
    assert accept_probability(1_000_000, 200_000, 0, 1_000_000) == 0
    assert accept_probability(1_000_000, 200_000, 200_000, 1_000_000) == 1


def test_only_numbers_that_can_be_seen_are_kept() -> None:
    # 4000 bad ones are expected, with a standard deviation of 56
    counts = count_bad(1_000_000, 200_000, 20_000)
    assert counts.first < 4000 - 8 * 56
    assert counts.numbers[-1] > 4000 + 8 * 56
    assert len(counts.chances) < 1500
    assert max(counts.chances[0], counts.chances[-1]) < 1e-16


# The table of the thesis rule, rounded as it was written down.
@pytest.mark.parametrize(
    ("size", "n", "c", "bad", "expected"),
    [
        (50, 10, 0, 1, 0.800),
        (50, 10, 0, 2, 0.637),
        (50, 10, 0, 3, 0.504),
        (50, 10, 0, 5, 0.311),
        (200, 40, 0, 2, 0.639),
        (200, 40, 0, 4, 0.406),
        (200, 40, 0, 10, 0.101),
        (200, 40, 0, 20, 0.009),
        (1000, 200, 4, 10, 0.968),
        (1000, 200, 4, 20, 0.630),
        (1000, 200, 4, 50, 0.016),
    ],
)
def test_what_the_thesis_rule_accepts(size: int, n: int, c: int, bad: int, expected: float) -> None:
    assert accept_probability(size, n, c, bad) == pytest.approx(expected, abs=0.0005)


def test_reviewers_who_miss_three_of_ten_accept_ten_times_as_often() -> None:
    assert accept_probability(1000, 200, 4, 50) == pytest.approx(0.016, abs=0.0005)
    missed = accept_probability(1000, 200, 4, 50, sensitivity=0.7)
    sees = Fraction(7, 10)
    exact = sum(
        Fraction(comb(50, k) * comb(950, 200 - k), comb(1000, 200))
        * sum(comb(k, j) * sees**j * (1 - sees) ** (k - j) for j in range(min(4, k) + 1))
        for k in range(51)
    )
    assert abs(missed - exact) < 1e-12
    assert missed == pytest.approx(0.149, abs=0.001)  # 0.14849 exactly


def test_errors_of_reviewers_are_a_change_of_quality_in_a_lot_without_end() -> None:
    seen = accept_probability(None, 100, 3, "0.05", sensitivity=0.8, specificity=0.98)
    changed = Fraction(5, 100) * Fraction(8, 10) + Fraction(95, 100) / 50
    assert seen == pytest.approx(accept_probability(None, 100, 3, changed), abs=1e-14)


def test_a_tie_is_a_tie() -> None:
    assert compare_probability(20, 19, 0, 1, Fraction(1, 20)) == 0
    assert compare_probability(20, 19, 0, 1, Fraction(1, 20) + Fraction(1, 10**30)) == -1
    assert compare_probability(20, 19, 0, 1, Fraction(1, 20) - Fraction(1, 10**30)) == 1


def test_a_tie_of_long_integers_is_decided_by_them() -> None:
    exact = accept_probability_exact(5000, 1000, 60, 300)
    assert exact.denominator.bit_length() > 1000
    for shift, expected in ((0, 0), (1, -1), (-1, 1)):
        assert compare_probability(5000, 1000, 60, 300, exact + Fraction(shift, 10**40)) == expected


@pytest.mark.parametrize(
    ("lot", "words"),
    [
        ((-1, 0, 0, 0), "a batch of -1"),
        ((10, 11, 0, 0), "11 images cannot be drawn from 10"),
        ((10, -1, 0, 0), "a sample of -1"),
        ((10, 5, -1, 0), "acceptance number of -1"),
        ((10, 5, 0, 11), "11 bad images among 10"),
        ((10, 5, 0, 0.5), "0.5 bad images among 10"),
        ((None, 5, 0, 2), "fraction of bad images is 2"),
    ],
)
def test_lots_that_cannot_be_are_refused(lot: tuple[int | None, int, int, float], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        accept_probability(*lot)


@given(st.fractions(0, 1))
def test_a_rate_is_read_back_as_written(rate: Fraction) -> None:
    if rate.denominator < 10**12:
        assert parse_rate(show_rate(rate)) == rate


@given(st.integers(0, 10**6))
def test_a_rate_is_the_decimal_that_was_written(millionths: int) -> None:
    rate = Fraction(millionths, 10**6)
    for written in (f"0.{millionths:06d}" if millionths < 10**6 else "1", f"{millionths}/1000000", rate):
        assert parse_rate(written) == rate
    if millionths >= 100 or millionths == 0:  # below, a float is written with an exponent, and is still that decimal
        assert parse_rate(millionths / 10**6) == rate
    assert parse_rate(f"{millionths // 10_000}.{millionths % 10_000:04d} %") == rate


@pytest.mark.parametrize(
    "value", ["", "much", "-0.1", "1.5", "101%", "1e-3", "1/0", float("nan"), 2, -1, True, "0." + "1" * 99]
)
def test_what_is_no_rate_is_refused(value: float | str) -> None:
    with pytest.raises(OptionError, match="the AQL is"):
        parse_rate(value, "the AQL")
