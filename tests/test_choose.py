from __future__ import annotations

import json
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from iddkit.errors import OptionError
from iddkit.statistics.counts import unit_shares
from iddkit.subset import METHODS, Candidates, choose
from iddkit.subset.dice import Dice
from iddkit.subset.features import UNIT, make_features
from iddkit.subset.quota import share_out
from iddkit.subset.swaps import MOST_LOOKED_AT, Swaps
from tests.conftest import DATA
from tests.simulated import simulate

DRIVES = [31, 8, 54, 1, 17, 40, 2, 23, 60, 12, 5, 36, 44, 9, 28]
sizes = st.lists(st.integers(1, 40), min_size=1, max_size=8)


@given(sizes, st.integers(1, 5), st.integers(0, 3), st.data())
def test_a_choice_is_so_many_different_frames_in_order(
    drives: list[int], labels: int, seed: int, data: st.DataObject
) -> None:
    candidates = simulate(drives, labels, seed)
    count = data.draw(st.integers(0, sum(drives)))
    for method in METHODS:
        chosen = choose(candidates, count, method=method, seed=seed)
        assert chosen.dtype == np.intp
        assert len(chosen) == count
        assert (np.diff(chosen) > 0).all()
        assert chosen.size == 0 or 0 <= chosen[0] <= chosen[-1] < len(candidates)


@given(sizes, st.integers(0, 3), st.data())
def test_drives_are_represented_in_proportion(drives: list[int], seed: int, data: st.DataObject) -> None:
    candidates = simulate(drives, 3, seed)
    total = sum(drives)
    count = data.draw(st.integers(1, total))
    chosen = choose(candidates, count, seed=seed)
    for number, size in enumerate(drives):
        expected = Fraction(size * count, total)
        given = int((candidates.sequence[chosen] == number).sum())
        assert abs(given - expected) <= Fraction(12, 10)
        assert given >= 1 or expected < 1


@given(sizes, st.integers(0, 3), st.data())
def test_no_two_neighbours_are_chosen(drives: list[int], seed: int, data: st.DataObject) -> None:
    candidates = simulate(drives, 3, seed)
    total = sum(drives)
    count = data.draw(st.integers(1, max(1, total // 2)))
    chosen = choose(candidates, count, seed=seed)
    for one, other in pairwise(chosen):
        size = drives[candidates.sequence[one]]
        most = -(-size * count // total) + 1
        allowed = min(total // count // 2, (size - 1) // max(1, most - 1) - 1)
        assert candidates.sequence[one] != candidates.sequence[other] or other - one > allowed


def test_at_the_published_factors_chosen_frames_are_further_apart_than_half_the_factor() -> None:
    for factor in (4, 10):
        candidates = simulate(DRIVES, 7)
        chosen = choose(candidates, round(len(candidates) / factor), seed=3)
        same = candidates.sequence[chosen[1:]] == candidates.sequence[chosen[:-1]]
        assert np.diff(chosen)[same].min() > factor // 2


@pytest.mark.parametrize("factor", [4, 10])
@pytest.mark.parametrize("seed", range(3))
def test_a_balanced_choice_has_the_statistics_of_its_source(factor: int, seed: int) -> None:
    candidates = simulate([*DRIVES, *DRIVES, *DRIVES], 7, seed)
    count = round(len(candidates) / factor)
    chosen = choose(candidates, count, seed=seed)
    randoms = [choose(candidates, count, method="random", seed=100 + i) for i in range(40)]
    assert 300 * divergence(candidates, chosen) <= np.median([divergence(candidates, r) for r in randoms])
    present = candidates.pixels[:, :-1] > 0
    missing = present[chosen].sum(axis=0) - present.mean(axis=0) * count
    assert np.abs(missing).max() <= 3
    assert layout_error(candidates, chosen) <= 0.4 * np.median([layout_error(candidates, r) for r in randoms])


def divergence(candidates: Candidates, chosen: NDArray[np.intp]) -> float:
    """Return the Jensen-Shannon divergence of mean shares, in bits, as the textbook writes it."""
    shares = candidates.pixels[:, :-1] / candidates.pixels[:, :-1].sum(axis=1, keepdims=True)
    p, q = shares.mean(axis=0), shares[chosen].mean(axis=0)
    m = (p + q) / 2
    return float(sum(0.5 * a * np.log2(a / b) for x in (p, q) for a, b in zip(x, m, strict=True) if a > 0))


def layout_error(candidates: Candidates, chosen: NDArray[np.intp]) -> float:
    assert candidates.layout is not None
    layout = candidates.layout / 65535
    return float(np.abs(layout[chosen].mean(axis=0) - layout.mean(axis=0)).sum(axis=1).mean())


def test_no_label_that_enough_frames_hold_is_lost() -> None:
    drives = [20] * 30
    pixels = simulate(drives, 3, void=False).pixels
    rare = np.zeros((len(pixels), 8), dtype=np.int32)
    for label in range(8):  # each in ten frames, which is what the factor asks for, of one drive or of several
        holders = np.arange(10) + 20 * label if label % 2 else np.arange(10) * 60 + label
        rare[holders, label] = 1
    candidates = Candidates(np.repeat(np.arange(30), 20), np.concatenate([rare, pixels], axis=1).astype(np.int32))
    for seed in range(20):
        chosen = choose(candidates, 60, seed=seed)
        assert (candidates.pixels[chosen][:, :8] > 0).any(axis=0).all()


@given(sizes, st.integers(0, 3))
def test_every_drive_is_covered_where_that_is_asked_for(drives: list[int], seed: int) -> None:
    candidates = simulate(drives, 2, seed)
    chosen = choose(candidates, len(drives), seed=seed, cover=True)
    assert candidates.sequence[chosen].tolist() == list(range(len(drives)))


def test_same_seed_same_list_and_another_seed_another_list() -> None:
    candidates = simulate(DRIVES)
    for method in METHODS:
        lists = [choose(candidates, 37, method=method, seed=seed).tolist() for seed in (1, 1, 2)]
        assert lists[0] == lists[1] != lists[2]


def test_the_list_of_a_seed_is_the_one_on_record() -> None:
    # 'python tests/data/make_goldens.py' writes it; it is the same on every machine and Python version.
    for entry in json.loads((DATA / "choices.json").read_text()):
        candidates = simulate(entry["drives"], entry["labels"])
        chosen = choose(candidates, entry["count"], method=entry["method"], seed=entry["seed"])
        assert chosen.tolist() == entry["chosen"]


@pytest.mark.parametrize("seed", range(8))
def test_blocks_of_drives_keep_the_rules_of_the_whole(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr("iddkit.subset.choice.BLOCK", 100)  # several blocks, and drives longer than half a block
    candidates = simulate([*DRIVES, 130], 7)
    count = round(len(candidates) / 5)
    chosen = choose(candidates, count, seed=seed)
    randoms = [choose(candidates, count, method="random", seed=i) for i in range(20)]
    assert len(chosen) == count
    assert 100 * divergence(candidates, chosen) <= np.median([divergence(candidates, r) for r in randoms])
    given = np.bincount(candidates.sequence[chosen], minlength=16)
    assert (np.abs(given - np.array([*DRIVES, 130]) * count / len(candidates)) <= 1.2).all()
    same = candidates.sequence[chosen[1:]] == candidates.sequence[chosen[:-1]]
    assert np.diff(chosen)[same].min() > 1


def test_a_dataset_without_drives_is_one_long_drive() -> None:
    candidates = simulate([2 * MOST_LOOKED_AT], 4)
    chosen = choose(candidates, MOST_LOOKED_AT // 5, seed=1)
    random = choose(candidates, MOST_LOOKED_AT // 5, method="random", seed=1)
    assert divergence(candidates, chosen) < divergence(candidates, random) / 100


def test_frames_without_labels_or_colors_are_chosen_all_the_same() -> None:
    blank = Candidates(np.repeat(np.arange(3), 10), np.full((30, 1), 57600, dtype=np.int32))
    assert len(choose(blank, 3)) == 3
    nothing_labelled = Candidates(np.zeros(30, np.intp), np.tile(np.array([0, 0, 9], np.int32), (30, 1)))
    assert len(choose(nothing_labelled, 6)) == 6


def test_more_frames_than_there_are_cannot_be_chosen() -> None:
    with pytest.raises(OptionError, match="11 frames cannot be chosen of 10"):
        choose(simulate([10]), 11)
    with pytest.raises(OptionError, match="'best' is none of balanced, random, every-kth"):
        choose(simulate([10]), 3, method="best")


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=40), st.booleans(), st.integers(0, 9), st.data())
@settings(max_examples=200)
def test_quotas_add_up_and_are_next_to_the_fair_part(
    sizes: list[int], cover: bool, seed: int, data: st.DataObject
) -> None:
    count = data.draw(st.integers(0, sum(sizes)))
    quotas = share_out(np.array(sizes), count, Dice(seed), cover=cover)
    assert quotas.counts.sum() == count
    assert (quotas.counts <= np.array(sizes)).all()
    assert (quotas.least <= quotas.counts).all()
    assert (quotas.counts <= quotas.most).all()
    assert (quotas.most - quotas.least <= 1).all()
    if cover:
        assert count < len(sizes) or quotas.counts.min() >= 1
    else:
        fair = [Fraction(size * count, sum(sizes)) for size in sizes]
        assert max(abs(int(q) - f) for q, f in zip(quotas.counts, fair, strict=True)) <= Fraction(12, 10)
        assert all(q >= 1 for q, f in zip(quotas.counts, fair, strict=True) if f >= 1)


@given(sizes, st.integers(1, 5), st.integers(0, 3))
@settings(max_examples=30)
def test_swaps_keep_their_books_and_never_make_it_worse(drives: list[int], labels: int, seed: int) -> None:
    candidates = simulate(drives, labels, seed)
    starts = np.cumsum([0, *drives])
    dice = Dice(seed)
    state = Swaps.begin(starts, share_out(np.array(drives), sum(drives) // 2, dice), 1, dice)
    features = make_features(candidates, sum(drives) // 2)
    state.aim(features)
    goals = [state.goal]
    for passes in (1, 40):
        state.improve(dice, passes)
        goals.append(state.goal)
        state.exchange(dice)
        goals.append(state.goal)
    assert goals == sorted(goals, reverse=True)
    state.aim(features)
    assert state.goal == goals[-1]
    given = [int(state.chosen[a:b].sum()) for a, b in pairwise(starts)]
    assert given == state.quotas.counts.tolist()


@given(sizes, st.integers(1, 5))
@settings(max_examples=30)
def test_features_are_whole_numbers_centred_on_the_source(drives: list[int], labels: int) -> None:
    features = make_features(simulate(drives, labels), 1)
    assert (features.values == np.rint(features.values)).all()
    assert np.abs(features.values).max(initial=0) < 2**24
    assert np.abs(features.values.mean(axis=0, dtype=np.float64)).max(initial=0) <= 0.5
    shares = make_features(simulate(drives, labels), 1, ("share",))
    assert np.allclose(shares.values.std(axis=0, dtype=np.float64), UNIT, rtol=0.01)


def test_shares_are_parts_of_the_labelled_pixels() -> None:
    shares = unit_shares(np.array([[3, 1, 96], [0, 0, 100]]))
    assert (shares / 2**32).tolist() == [[0.75, 0.25], [0.0, 0.0]]
