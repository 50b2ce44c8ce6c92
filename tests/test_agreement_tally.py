from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iddkit.agreement import Tally, cohen_kappa, tally_pair
from iddkit.agreement.bootstrap import bootstrap
from iddkit.agreement.kappa import class_kappa
from iddkit.agreement.summarize import score
from tests.test_agreement_boundary import two_of

seeds = st.integers(0, 9999)


@given(seeds)
def test_exchanged_sides_have_the_transposed_tally_and_the_same_scores(seed: int) -> None:
    a, b = two_of(seed)
    one, other = tally_pair(a, b, 3, [1, 3]), tally_pair(b, a, 3, [1, 3])
    turned = other.transposed()
    for name in ("counts", "bands", "ends"):
        assert np.array_equal(getattr(one, name), getattr(turned, name))
    assert score(one) == pytest.approx(score(other), nan_ok=True)


@given(seeds)
def test_an_image_agrees_with_itself_wholly(seed: int) -> None:
    a, _ = two_of(seed)
    tally = tally_pair(a, a, 3, [0])
    found = score(tally)
    assert np.isin(found[~np.isnan(found)], 1).all()
    assert tally.agreement(void=True) == 1
    if len(np.unique(a)) > 1:
        assert tally.kappa(void=True) == 1


@given(seeds)
def test_scores_are_shares(seed: int) -> None:
    a, b = two_of(seed)
    found = score(tally_pair(a, b, 3, [1, 2]))
    known = found[~np.isnan(found)]
    assert (known <= 1).all()
    assert (np.delete(found, [2, 3])[~np.isnan(np.delete(found, [2, 3]))] >= 0).all()  # kappa alone may be below 0


@given(seeds, seeds)
def test_a_larger_tolerance_gives_no_smaller_f1(seed: int, tolerance: int) -> None:
    a, b = two_of(seed)
    near = 1 + tolerance % 4
    f1 = tally_pair(a, b, 3, [near, near + 1]).boundary_f1()
    known = ~np.isnan(f1[0])
    assert (f1[1][known] >= f1[0][known]).all()


@given(seeds, seeds)
def test_tallies_of_frames_add_up(first: int, second: int) -> None:
    pairs = [two_of(first), two_of(second)]
    whole = tally_pair(*pairs[0], 3, [2]) + tally_pair(*pairs[1], 3, [2])
    assert whole.counts.sum() == sum(a.size for a, _ in pairs)
    agreeing = sum(int((a == b).sum()) for a, b in pairs)
    assert whole.agreement(void=True) == pytest.approx(agreeing / whole.counts.sum())


def test_void_is_a_class_with_void_and_counts_nowhere_without() -> None:
    a = np.array([[0, 0, 1, 2, 2]], np.uint8)
    b = np.array([[0, 1, 1, 2, 0]], np.uint8)
    tally = tally_pair(a, b, 2, [1])
    assert tally.agreement(void=True) == 3 / 5
    assert tally.agreement(void=False) == 2 / 3
    assert tally.iou().tolist() == [1 / 2, 1 / 2]


def test_frames_that_are_void_alone_have_no_score_without_void() -> None:
    void = np.full((4, 4), 2, np.uint8)
    tally = tally_pair(void, void, 2, [1])
    assert tally.agreement(void=True) == 1
    for found in (tally.agreement(void=False), tally.kappa(void=False), tally.mean_iou(), tally.mean_boundary_iou()):
        assert np.isnan(found)
    assert np.isnan(tally.kappa(void=True))  # one class everywhere: nothing is left beyond chance


def test_a_class_that_the_other_side_left_void_has_no_iou_but_a_boundary_iou_of_0() -> None:
    a, b = np.zeros((4, 4), np.uint8), np.full((4, 4), 1, np.uint8)
    tally = tally_pair(a, b, 1, [1])
    assert np.isnan(tally.iou()[0])
    assert np.isnan(tally.class_kappa()[0])
    assert tally.boundary_iou()[0] == 0


def test_images_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="shapes"):
        tally_pair(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), 1, [1])


def test_kappa_is_that_of_the_textbook() -> None:
    # 50 applications, two readers: 20 both yes, 15 both no; p_o = 0.7, p_e = 0.5 * 0.6 + 0.5 * 0.4 = 0.5.
    assert cohen_kappa(np.array([[20, 5], [10, 15]])) == pytest.approx(0.4)


def test_kappa_below_chance_is_negative() -> None:
    assert cohen_kappa(np.array([[0, 5], [5, 0]])) == -1


def test_kappa_of_no_pixels_and_of_one_class_is_none() -> None:
    assert np.isnan(cohen_kappa(np.zeros((3, 3), np.int64)))
    assert np.isnan(cohen_kappa(np.array([[7, 0], [0, 0]])))


@given(seeds)
def test_the_kappa_of_a_class_is_that_of_the_matrix_of_it_and_the_rest(seed: int) -> None:
    counts = np.random.default_rng(seed).integers(0, 9, (4, 4))
    found = class_kappa(counts)
    for i in range(4):
        hit, row, column = counts[i, i], counts[i].sum(), counts[:, i].sum()
        pair = np.array([[hit, row - hit], [column - hit, counts.sum() - row - column + hit]])
        assert found[i] == pytest.approx(cohen_kappa(pair).item(), nan_ok=True)


def intervals(shares: list[int], seed: int = 0, resamples: int = 200) -> list[float]:
    hit = np.array(shares, dtype=np.int64)
    whole = np.full(len(shares), 100, dtype=np.int64)

    def share(hits: np.ndarray, wholes: np.ndarray) -> np.ndarray:
        return np.asarray((hits / wholes)[:, None])

    ends = bootstrap([hit, whole], share, resamples=resamples, seed=seed, confidence=0.95)
    return [float(end) for end in ends[:, 0]]


@given(st.lists(st.integers(0, 100), min_size=2, max_size=30))
def test_the_interval_holds_the_estimate_and_lies_within_the_frames(shares: list[int]) -> None:
    low, high = intervals(shares)
    assert min(shares) / 100 - 1e-12 <= low <= np.mean(shares) / 100 + 1e-12
    assert np.mean(shares) / 100 - 1e-12 <= high <= max(shares) / 100 + 1e-12


def test_the_interval_is_that_of_the_normal_law_for_many_frames() -> None:
    shares = np.random.default_rng(3).integers(40, 100, 400).tolist()
    low, high = intervals(shares, resamples=4000)
    error = np.std(shares) / 100 / np.sqrt(400)
    assert low == pytest.approx(np.mean(shares) / 100 - 1.96 * error, abs=0.15 * error)
    assert high == pytest.approx(np.mean(shares) / 100 + 1.96 * error, abs=0.15 * error)


def test_the_same_seed_gives_the_same_interval_and_another_one_another() -> None:
    shares = [3, 50, 71, 90, 12, 44]
    assert intervals(shares) == intervals(shares)
    assert intervals(shares) != intervals(shares, seed=1, resamples=23)


@pytest.mark.parametrize(("shares", "resamples"), [([40], 200), ([40, 60], 0)])
def test_without_frames_to_draw_or_draws_there_is_no_interval(shares: list[int], resamples: int) -> None:
    assert np.isnan(intervals(shares, resamples=resamples)).all()


def test_draws_in_parts_are_the_draws_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = [3, 50, 71, 90, 12, 44]
    at_once = intervals(shares)
    monkeypatch.setattr("iddkit.agreement.bootstrap._AT_ONCE", 30)
    assert intervals(shares) == at_once


def test_a_class_that_a_resample_lacks_says_nothing_there() -> None:
    empty = Tally.empty(2, 1)
    assert np.isnan(score(empty)).all()
    counts = np.zeros((2, 3, 3), np.int64)
    counts[0, 0, 0] = counts[1, 1, 1] = 10  # each frame has a class of its own

    def iou(sums: np.ndarray) -> np.ndarray:
        bands, ends = np.zeros((len(sums), 3, 2)), np.zeros((len(sums), 2, 2, 2))
        return Tally(sums, bands, ends).iou()

    ends = bootstrap([counts], iou, resamples=50, seed=0, confidence=0.9)
    assert ends.tolist() == [[1, 1], [1, 1]]
