from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iddkit.statistics.table import CELL_UNIT, CELLS
from iddkit.subset import Candidates
from iddkit.subset.distance import BLOCK, features
from iddkit.subset.quality import (
    HELD_BY,
    SCALARS,
    Errors,
    measure_errors,
    percentile,
    prepare,
    random_errors,
    random_members,
)

EVERY_CELL = CELLS * CELLS


def candidates_from(pixels: Sequence[Sequence[int]], **more: np.ndarray) -> Candidates:
    counts = np.array(pixels, dtype=np.int32)
    return Candidates(np.zeros(len(counts), dtype=np.intp), counts, more.get("layout"), more.get("colors"))


@st.composite
def frames_with_a_choice(draw: st.DrawFn) -> tuple[Candidates, np.ndarray]:
    """Draw frames, some with nothing but void, some labels in none of them, and rows of at least one."""
    frames, classes = draw(st.integers(1, 12)), draw(st.integers(1, 4))
    counts = st.lists(st.sampled_from([0, 0, 1, 3, 40, 57600]), min_size=classes + 1, max_size=classes + 1)
    pixels = draw(st.lists(counts, min_size=frames, max_size=frames))
    bits = np.random.default_rng(draw(st.integers(0, 99)))
    more: dict[str, np.ndarray] = {}
    if draw(st.booleans()):
        more["layout"] = bits.integers(0, CELL_UNIT + 1, (frames, EVERY_CELL, classes)).astype(np.uint16)
    if draw(st.booleans()):
        more["colors"] = bits.integers(-32768, 65281, (frames, 5)).astype(np.int32)
    chosen = draw(st.lists(st.integers(0, frames - 1), min_size=1, unique=True))
    return candidates_from(pixels, **more), np.array(chosen, dtype=np.intp)


def mean_shares(candidates: Candidates, rows: Sequence[int]) -> list[float]:
    shares = []
    for row in rows:
        labelled = int(candidates.pixels[row, :-1].sum())
        if labelled:
            shares.append([int(count) / labelled for count in candidates.pixels[row, :-1]])
    return [sum(column) / len(shares) for column in zip(*shares, strict=True)] or [0.0] * candidates.classes


def entropy(distribution: Sequence[float]) -> float:
    return -sum(p * math.log2(p) for p in distribution if p > 0)


def part_that_holds(candidates: Candidates, rows: Sequence[int], *labels: int) -> float:
    return sum(all(candidates.pixels[row, label] > 0 for label in labels) for row in rows) / len(rows)


@given(frames_with_a_choice())
def test_errors_are_what_plain_loops_find(drawn: tuple[Candidates, np.ndarray]) -> None:
    candidates, chosen = drawn
    errors = measure_errors(prepare(candidates), chosen)
    everything, rows, labels = range(len(candidates)), chosen.tolist(), range(candidates.classes)
    source, found = mean_shares(candidates, everything), mean_shares(candidates, rows)
    if any(source) and any(found):
        middle = [(p + q) / 2 for p, q in zip(source, found, strict=True)]
        expected = entropy(middle) - (entropy(source) + entropy(found)) / 2
        assert errors.js == pytest.approx(expected, abs=1e-7)
    for label in labels:
        if source[label]:
            assert errors.shares[label] == pytest.approx(found[label] / source[label] - 1, abs=1e-4)
        else:
            assert math.isnan(errors.shares[label])
        change = part_that_holds(candidates, rows, label) - part_that_holds(candidates, everything, label)
        assert errors.presence[label] == pytest.approx(change)
    common = [x for x in labels if source[x] and part_that_holds(candidates, everything, x) >= HELD_BY]
    assert errors.worst_share == max((abs(errors.shares[label]) for label in common), default=0)
    assert errors.worst_presence == max(abs(errors.presence))
    changes = [
        abs(part_that_holds(candidates, rows, *pair) - part_that_holds(candidates, everything, *pair))
        for pair in combinations(labels, 2)
    ]
    assert errors.pairs == pytest.approx(max(changes, default=0))
    if candidates.layout is None:
        assert math.isnan(errors.layout)
        return
    total = 0.0
    for cell in range(EVERY_CELL):
        for label in labels:
            column = candidates.layout[:, cell, label].astype(int).tolist()
            total += abs(sum(column[row] for row in rows) / len(rows) - sum(column) / len(column)) / CELL_UNIT
    assert errors.layout == pytest.approx(total / EVERY_CELL)


@given(frames_with_a_choice())
def test_a_choice_of_all_frames_has_no_error_at_all(drawn: tuple[Candidates, np.ndarray]) -> None:
    candidates, _ = drawn
    errors = measure_errors(prepare(candidates), np.arange(len(candidates)))
    for name in SCALARS:
        if not (name == "layout" and candidates.layout is None):
            assert getattr(errors, name) == 0
    assert not np.nan_to_num(errors.shares).any()
    assert not errors.presence.any()


def scalars(errors: Errors) -> list[float]:
    return [getattr(errors, name) for name in SCALARS]


@given(frames_with_a_choice(), st.randoms(use_true_random=False))
def test_the_order_of_the_chosen_rows_is_of_no_matter(drawn: tuple[Candidates, np.ndarray], chance: object) -> None:
    candidates, chosen = drawn
    space = prepare(candidates)
    np.testing.assert_array_equal(
        scalars(measure_errors(space, chosen)), scalars(measure_errors(space, np.sort(chosen)[::-1]))
    )


@given(frames_with_a_choice(), st.integers(0, 99))
def test_errors_of_random_choices_are_those_of_each(drawn: tuple[Candidates, np.ndarray], seed: int) -> None:
    candidates, chosen = drawn
    space, count = prepare(candidates), len(chosen)
    randoms = random_errors(space, count, subsets=3, seed=seed)
    for number, member in enumerate(random_members(len(candidates), count, subsets=3, seed=seed)):
        errors = measure_errors(space, np.flatnonzero(member))
        for name in SCALARS:
            assert getattr(randoms, name)[number] == pytest.approx(getattr(errors, name), abs=1e-12, nan_ok=True)


@given(st.integers(1, 40), st.integers(0, 99), st.data())
def test_random_choices_are_the_smallest_of_raw_random_bits(frames: int, seed: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, frames))
    bits = np.random.PCG64(seed)
    members = list(random_members(frames, count, subsets=3, seed=seed))
    assert len(members) == 3
    for member in members:
        order = np.argsort(bits.random_raw(frames), kind="stable")
        assert np.flatnonzero(member).tolist() == sorted(order[:count].tolist())


def test_random_choices_are_the_same_on_every_machine() -> None:
    members = [np.flatnonzero(member).tolist() for member in random_members(20, 5, subsets=3, seed=7)]
    assert members == [[3, 4, 6, 11, 12], [3, 4, 12, 17, 19], [0, 6, 12, 14, 15]]


def test_random_choices_take_each_frame_equally_often() -> None:
    taken = sum(member.astype(int) for member in random_members(30, 6, subsets=2000))
    assert np.abs(taken / 2000 - 0.2).max() < 0.04  # four and a half standard errors


def many_frames(count: int, seed: int = 0) -> Candidates:
    bits = np.random.default_rng(seed)
    shares = bits.dirichlet([3.0, 2.0, 1.0, 0.1], count)
    layout = np.repeat((shares[:, None, :-1] * CELL_UNIT).astype(np.uint16), EVERY_CELL, axis=1)
    colors = bits.integers(0, 65281, (count, 5)).astype(np.int32)
    return Candidates(np.zeros(count, np.intp), (shares * 57600).astype(np.int32), layout, colors)


def test_more_frames_than_a_block_holds_are_counted_whole() -> None:
    candidates = many_frames(BLOCK + 13)
    space = prepare(candidates)
    randoms = random_errors(space, 500, subsets=2, seed=3)
    for number, member in enumerate(random_members(len(candidates), 500, subsets=2, seed=3)):
        errors = measure_errors(space, np.flatnonzero(member))
        assert [getattr(randoms, name)[number] for name in SCALARS] == pytest.approx(scalars(errors))
    assert scalars(measure_errors(space, np.arange(len(candidates)))) == [0] * len(SCALARS)


def scattered_frames() -> Candidates:
    """Return frames that grow brighter and vary more with their number; their colours differ in luminance alone."""
    candidates = many_frames(200)
    assert candidates.layout is not None
    assert candidates.colors is not None
    candidates.layout[:, 5:] = 7
    candidates.colors[:, 1:] = 99
    candidates.colors[:, 0].sort()
    candidates.colors[:100, 0] = 20000
    return candidates


@pytest.mark.parametrize("what", ["late", "much of a label"])
def test_the_feature_distance_is_that_of_a_gaussian_kernel(what: str) -> None:
    candidates = scattered_frames()
    chosen = np.arange(140, 200) if what == "late" else np.argsort(candidates.pixels[:, 0])[:60]
    points = np.zeros((len(candidates), 0))
    for group in np.split(features(candidates), [3, 3 + 3 * EVERY_CELL], axis=1):
        varying = group[:, group.std(axis=0) > 0]
        points = np.append(points, varying / varying.std(axis=0) / math.sqrt(varying.shape[1]), axis=1)
    squares = ((points[:, None] - points) ** 2).sum(axis=2)
    width = np.median(np.sqrt(squares[np.triu_indices(len(points), 1)]))
    kernel = np.exp(-squares / (2 * width**2))
    inside, between = kernel[np.ix_(chosen, chosen)].mean(), kernel[chosen].mean()
    expected = math.sqrt(inside - 2 * between + kernel.mean())
    assert measure_errors(prepare(candidates), chosen).mmd == pytest.approx(expected, rel=0.06)


def test_the_feature_distance_is_of_differences_alone() -> None:
    candidates, chosen = many_frames(100), np.arange(30)
    brighter = replace(candidates, colors=candidates.colors + 1000 if candidates.colors is not None else None)
    distances = [measure_errors(prepare(source), chosen).mmd for source in (candidates, brighter)]
    assert distances[0] == pytest.approx(distances[1], rel=1e-4)


def test_average_frames_are_told_from_a_diverse_choice() -> None:
    # Frames of one label, of the other, and of both alike; the last ones alone have exactly the right shares.
    source = candidates_from([[100, 0, 0], [0, 100, 0], [50, 50, 0]] * 40)
    space = prepare(source)
    average = measure_errors(space, np.arange(2, 120, 3))
    randoms = random_errors(space, 40)
    assert average.js == pytest.approx(0, abs=1e-15)
    assert np.median(randoms.js) > 1e-4
    assert percentile(average.mmd, randoms.mmd) == 100


def test_frames_of_void_alone_have_nothing_in_common_with_the_source() -> None:
    space = prepare(candidates_from([[10, 5, 0], [20, 0, 0], [0, 0, 99]]))
    errors = measure_errors(space, np.array([2]))
    assert (errors.js, errors.worst_share) == (1, 1)
    assert errors.shares.tolist() == [-1, -1]
    assert errors.presence == pytest.approx([-2 / 3, -1 / 3])


def test_frames_of_void_alone_do_not_count_for_shares() -> None:
    space = prepare(candidates_from([[10, 5, 0], [10, 5, 70], [0, 0, 99]]))
    errors = measure_errors(space, np.array([0]))
    assert (errors.js, errors.worst_share) == (0, 0)
    assert errors.worst_presence == pytest.approx(1 / 3)


def test_a_source_without_any_label_can_be_measured() -> None:
    space = prepare(candidates_from([[0, 0, 9], [0, 0, 9]]))
    errors = measure_errors(space, np.array([1]))
    assert (errors.js, errors.worst_share, errors.worst_presence, errors.pairs, errors.mmd) == (0, 0, 0, 0, 0)
    assert np.isnan(errors.shares).all()


def test_one_frame_is_its_own_subset() -> None:
    space = prepare(candidates_from([[3, 1, 0]]))
    assert measure_errors(space, np.array([0])).js == 0
    assert random_errors(space, 1, subsets=4).mmd.tolist() == [0, 0, 0, 0]


def test_a_label_of_very_few_frames_does_not_make_the_worst_share() -> None:
    held = math.ceil(HELD_BY * 200)
    for frames, counts in ((held, True), (held - 1, False)):
        pixels = [[100, 10 if row < frames else 0, 0] for row in range(200)]
        errors = measure_errors(prepare(candidates_from(pixels)), np.arange(100, 200))
        assert errors.shares[1] == -1
        assert (errors.worst_share == 1) is counts


def test_a_percentile_counts_the_random_choices_that_are_better() -> None:
    randoms = np.arange(200) / 200
    assert percentile(0, randoms) == 0
    assert percentile(0.1, randoms) == 10
    assert percentile(2, randoms) == 100


def test_nothing_cannot_be_measured_nor_more_than_there_is_drawn() -> None:
    space = prepare(candidates_from([[3, 1, 0], [2, 2, 0]]))
    with pytest.raises(ValueError, match="nothing was chosen"):
        measure_errors(space, np.zeros(0, dtype=np.intp))
    for count in (0, 3):
        with pytest.raises(ValueError, match=f"{count} of 2 frames"):
            random_errors(space, count)
