from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed")

from torch.nn import functional  # noqa: E402

from iddkit.labels import VOID  # noqa: E402
from iddkit.training.losses import class_weights, cross_entropy, shrink_labels  # noqa: E402


@given(st.lists(st.floats(0, 1), min_size=1, max_size=26), st.floats(1.01, 3))
def test_a_class_weighs_one_by_the_logarithm_of_its_share(shares: list[float], constant: float) -> None:
    found = class_weights(np.array(shares), constant)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, [1 / math.log(constant + share) for share in shares], rtol=1e-5)


def test_a_rare_class_weighs_more_and_a_missing_one_most() -> None:
    # T2 3.4: between 1 / ln(2.1) and 1 / ln(1.1).
    weights = class_weights(np.array([1.0, 0.5, 0.01, 0.0])).tolist()
    assert weights == sorted(weights)
    assert weights[0] == pytest.approx(1.3478, abs=1e-4)
    assert weights[-1] == pytest.approx(10.492, abs=1e-3)


@settings(max_examples=30)
@given(st.integers(1, 5), st.integers(0, 2**32), st.booleans(), st.floats(0, 1))
def test_the_loss_is_the_weighted_mean_of_the_labelled_pixels(
    classes: int, seed: int, weighs: bool, void: float
) -> None:
    dice = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, classes, 4, 5, generator=dice)
    columns = torch.randint(classes, (2, 4, 5), generator=dice)
    columns[torch.rand(columns.shape, generator=dice) < void] = VOID
    weights = torch.rand(classes, generator=dice) + 0.5 if weighs else None
    found = cross_entropy(logits, columns, weights)
    assert found.shape == ()
    if (columns != VOID).any():
        expected = functional.cross_entropy(logits, columns, weights, ignore_index=VOID)
        assert float(found) == pytest.approx(float(expected), rel=1e-5, abs=1e-6)
    else:
        assert float(found) == 0


@pytest.mark.parametrize("weights", [None, torch.ones(3)])
def test_a_batch_without_labels_has_no_loss_and_no_gradient(weights: Any) -> None:
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    loss = cross_entropy(logits, torch.full((1, 2, 2), VOID), weights)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert logits.grad is not None
    assert logits.grad.abs().max() == 0


def test_void_pixels_have_no_gradient_and_the_loss_of_short_floats_is_a_long_one() -> None:
    logits = torch.zeros(1, 3, 1, 2, dtype=torch.bfloat16, requires_grad=True)
    loss = cross_entropy(logits, torch.tensor([[[1, VOID]]]), torch.ones(3))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(math.log(3))
    assert logits.grad is not None
    assert logits.grad[..., 1].abs().max() == 0
    assert logits.grad[..., 0].abs().min() > 0


@given(st.integers(1, 40), st.integers(1, 40))
def test_shrunk_labels_are_those_near_the_middle_of_each_square(height: int, width: int) -> None:
    columns = torch.arange(height * width).reshape(1, height, width)
    found = shrink_labels(columns, 8)
    # The size of an encoder's output.
    assert found.shape == (1, -(-height // 8), -(-width // 8))
    for row, line in enumerate(found[0].tolist()):
        for column, value in enumerate(line):
            y, x = row * 8 + 4, column * 8 + 4
            assert value == (y * width + x if y < height and x < width else VOID)
