from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from iddkit import labels
from iddkit.errors import LabelMapError
from iddkit.metrics import Confusion, score_pair
from iddkit.statistics import classes
from iddkit.statistics.columns import column_of_number

NAMES = ("road", "car", "sky")
IDD = labels.load("idd")

seeds = st.integers(0, 9999)


def draw_columns(seed: int, size: int = 300, most: int = 5) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    truth, predicted = np.random.default_rng(seed).integers(0, most, (2, size), dtype=np.uint8)
    return truth, predicted


def count_plainly(truth: NDArray[np.uint8], predicted: NDArray[np.uint8]) -> NDArray[np.int64]:
    counts = np.zeros((3, 4), dtype=np.int64)
    for true, its in zip(truth.tolist(), predicted.tolist(), strict=True):
        if true < 3:
            counts[true, min(its, 3)] += 1
    return counts


@given(seeds, st.sampled_from([np.uint8, np.int16, np.int64]))
def test_pixels_are_counted_one_by_one_whatever_their_type(seed: int, dtype: type[np.integer]) -> None:
    truth, predicted = draw_columns(seed)
    confusion = Confusion.of(NAMES, truth.astype(dtype), predicted.astype(dtype))
    assert (confusion.counts == count_plainly(truth, predicted)).all()


@given(seeds)
def test_the_matrix_of_two_parts_is_the_sum_of_theirs(seed: int) -> None:
    truth, predicted = draw_columns(seed)
    parts = Confusion.of(NAMES, truth[:90], predicted[:90]) + Confusion.of(NAMES, truth[90:], predicted[90:])
    assert (parts.counts == Confusion.of(NAMES, truth, predicted).counts).all()
    assert ((Confusion.empty(NAMES) + parts).counts == parts.counts).all()


def test_scores_are_those_counted_by_hand() -> None:
    #                      road, road, road, road, car, car, void, void
    truth = np.array([0, 0, 0, 0, 1, 1, 255, 255], dtype=np.uint8)
    predicted = np.array([0, 0, 1, 255, 1, 0, 1, 2], dtype=np.uint8)
    confusion = Confusion.of(NAMES, truth, predicted)
    assert confusion.counts.tolist() == [[2, 1, 0, 1], [1, 1, 0, 0], [0, 0, 0, 0]]
    assert confusion.iou()[:2].tolist() == [2 / 5, 1 / 3]
    assert confusion.recall()[:2].tolist() == [2 / 4, 1 / 2]
    assert confusion.precision()[:2].tolist() == [2 / 3, 1 / 2]
    # 'sky' was predicted where the truth is void, which counts nowhere: it has no score, and is in no mean.
    assert np.isnan([confusion.iou()[2], confusion.recall()[2], confusion.precision()[2]]).all()
    assert confusion.mean_iou == pytest.approx((2 / 5 + 1 / 3) / 2)
    assert confusion.mean_accuracy == pytest.approx(1 / 2)
    assert confusion.pixel_accuracy == pytest.approx(3 / 6)


def test_without_pixels_there_is_no_score() -> None:
    empty = Confusion.empty(NAMES)
    assert np.isnan([empty.mean_iou, empty.mean_accuracy, empty.pixel_accuracy]).all()


@given(seeds, st.sampled_from(["level2", "level1"]))
def test_a_collapsed_matrix_is_that_of_collapsed_images(seed: int, coarse: str) -> None:
    rng = np.random.default_rng(seed)
    ids = np.array([*(label.id for label in IDD if label.drawn), 255], dtype=np.uint8)
    images = [rng.choice(ids, 400) for _ in range(2)]

    def at(level: str) -> Confusion:
        columns = [column_of_number(IDD, level)[IDD.lookup(level)[image]] for image in images]
        return Confusion.of([category.name for category in classes(IDD, level)], *columns)

    collapsed = at("level3").collapse(IDD, "level3", coarse)
    assert collapsed.classes == at(coarse).classes
    assert (collapsed.counts == at(coarse).counts).all()


@given(seeds)
def test_a_finer_truth_is_scored_as_its_coarser_image(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ids = np.array([label.id for label in IDD if label.drawn], dtype=np.uint8)
    truth = rng.choice(ids, (6, 9))
    predicted = rng.integers(0, 9, (6, 9), dtype=np.uint8)  # 7 and 8 are no numbers of level1
    fine = score_pair(truth, predicted, IDD, "level1", truth_level="id")
    coarse = score_pair(IDD.lookup("level1")[truth], predicted, IDD, "level1")
    assert (fine.counts == coarse.counts).all()
    assert fine.counts[:, -1].sum() == ((predicted > 6) & (IDD.lookup("level1")[truth] < 7)).sum()


def test_a_pair_is_brought_to_the_resolution() -> None:
    truth, predicted = np.zeros((4, 4), np.uint8), np.zeros((8, 6), np.uint8)
    assert score_pair(truth, predicted, IDD, "level1", resolution=(3, 2)).counts.sum() == 6
    with pytest.raises(ValueError, match="no pairs"):
        score_pair(truth, predicted, IDD, "level1")


def test_what_does_not_belong_together_does_not_add_up() -> None:
    with pytest.raises(ValueError, match="different classes"):
        Confusion.empty(NAMES) + Confusion.empty(("a",))
    with pytest.raises(ValueError, match="no confusion matrix"):
        Confusion(NAMES, np.zeros((3, 3), np.int64))
    with pytest.raises(LabelMapError, match="level4"):
        Confusion.empty([category.name for category in classes(IDD, "level4")]).collapse(IDD, "level4", "level3")
