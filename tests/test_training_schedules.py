from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed")

from iddkit import models  # noqa: E402
from iddkit.training.optimizer import make_optimizer  # noqa: E402
from iddkit.training.phases import DECODER, ENCODER, WHOLE, EncoderView, Lesson, phase_at, phases_of  # noqa: E402
from iddkit.training.recipe import CONSTANT, ONE_CYCLE, PLATEAU, POLY, SCHEDULES, Recipe  # noqa: E402
from iddkit.training.schedules import Plateau, alpha_at, rate_factor  # noqa: E402

progress = st.floats(0, 1)
warmup = st.floats(0, 0.99)


@given(st.sampled_from(SCHEDULES), st.floats(-1, 2), warmup, st.floats(0, 10))
def test_a_factor_is_from_0_to_1(schedule: str, at: float, warm: float, power: float) -> None:
    recipe = Recipe("erfnet", schedule=schedule, warmup=warm, power=power)
    assert 0 <= rate_factor(recipe, at) <= 1


@given(progress, progress, warmup, st.floats(0, 10))
def test_one_cycle_goes_up_then_down_and_poly_down(one: float, other: float, warm: float, power: float) -> None:
    low, high = sorted((one, other))
    cycle = Recipe("erfnet", schedule=ONE_CYCLE, warmup=warm)
    if high < warm:
        assert rate_factor(cycle, low) <= rate_factor(cycle, high)
    if low >= warm:
        assert rate_factor(cycle, low) >= rate_factor(cycle, high)
    poly = Recipe("erfnet", schedule=POLY, power=power)
    assert rate_factor(poly, low) >= rate_factor(poly, high)


@given(warmup)
def test_one_cycle_has_its_highest_rate_where_warming_up_ends(warm: float) -> None:
    recipe = Recipe("erfnet", schedule=ONE_CYCLE, warmup=warm)
    assert rate_factor(recipe, warm) == 1
    assert rate_factor(recipe, 1.0) == pytest.approx(0, abs=1e-12)
    assert rate_factor(recipe, 0.0) == pytest.approx(0.04 if warm else 1)


def test_poly_and_constant_at_known_places() -> None:
    assert rate_factor(Recipe("erfnet", schedule=POLY, power=0.9), 0.5) == pytest.approx(0.5**0.9)
    assert rate_factor(Recipe("erfnet", schedule=POLY), 1.0) == 0
    assert rate_factor(Recipe("erfnet", schedule=CONSTANT), 0.7) == 1


def test_a_plateau_lowers_the_rate_after_more_than_its_patience_without_a_better_score() -> None:
    recipe = Recipe("erfnet", schedule=PLATEAU, plateau_patience=2, plateau_factor=0.5)
    plateau, factors = Plateau(), []
    for score in (0.3, 0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.4, 0.4, 0.4, 0.5, 0.1):
        plateau.see(recipe, score)
        factors.append(plateau.factor)
    assert factors == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25]
    assert plateau.best == 0.5


@given(st.lists(progress, max_size=40), st.integers(0, 3))
def test_a_plateau_is_what_torch_has(scores: list[float], patience: int) -> None:
    recipe = Recipe("erfnet", schedule=PLATEAU, plateau_patience=patience)
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    other = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, mode="max", factor=0.5, patience=patience, threshold=0, eps=0
    )
    plateau = Plateau()
    for score in scores:
        plateau.see(recipe, score)
        other.step(score)
        assert plateau.factor == optimizer.param_groups[0]["lr"]


@given(progress, progress, st.floats(0.01, 0.99))
def test_alpha_falls_in_a_line_from_1_to_0_and_stays(one: float, other: float, part: float) -> None:
    recipe = Recipe("essnet-dg2", gradual_part=part)
    low, high = sorted((one, other))
    assert 0 <= alpha_at(recipe, high) <= alpha_at(recipe, low) <= 1
    assert alpha_at(recipe, 0.0) == 1
    assert alpha_at(recipe, part / 2) == pytest.approx(0.5)
    assert alpha_at(recipe, max(part, high)) == 0 or high < part
    assert alpha_at(recipe, part) == 0


@given(st.floats(0, 0.5), st.floats(0, 0.49), progress)
def test_phases_follow_each_other_without_a_gap(alone: float, still: float, at: float) -> None:
    recipe = Recipe("essnet-d", encoder_part=alone, frozen_part=still if alone else 0.0)
    phases = phases_of(recipe)
    assert phases[0].begin == 0
    assert (phases[-1].name, phases[-1].end) == (WHOLE, 1)
    assert all(one.end == other.begin for one, other in itertools.pairwise(phases))
    found = phase_at(phases, at)
    assert found.begin <= at <= found.end
    assert 0 <= found.progress(at) <= 1
    assert phase_at(phases, 1.7) == phases[-1]
    assert phases[-1].progress(1.7) == 1


def parts(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize(
    ("phase", "learns"), [(ENCODER, {"encoder", "head"}), (DECODER, {"decoder"}), (WHOLE, {"encoder", "decoder"})]
)
def test_each_phase_teaches_its_part_of_the_network_only(phase: str, learns: set[str]) -> None:
    torch.manual_seed(0)
    network = models.build("essnetb-dg2", 3, head=True)
    before = {name: value.clone() for name, value in network.named_parameters()}
    # Whatever phase was before.
    Lesson(network, None, DECODER if phase != DECODER else ENCODER)
    lesson = Lesson(network, torch.ones(3), phase)
    optimizer = make_optimizer(lesson, Recipe("essnetb-dg2", weight_decay=0.1))
    loss = lesson(torch.randn(2, 3, 16, 24), torch.randint(3, (2, 16, 24)))
    loss.backward()
    optimizer.step()
    changed = {name for name, value in network.named_parameters() if not torch.equal(value, before[name])}
    assert parts(changed) == learns


def test_weights_decay_and_biases_and_normalisation_do_not() -> None:
    network = models.build("erfnet", 3)
    for kind, name in ((torch.optim.Adam, "adam"), (torch.optim.AdamW, "adamw")):
        recipe = Recipe("erfnet", optimizer=name, learning_rate=0.1, momentum=0.8, weight_decay=0.3)
        optimizer = make_optimizer(Lesson(network, None, WHOLE), recipe)
        assert type(optimizer) is kind
        decay, none = optimizer.param_groups
        assert (decay["weight_decay"], none["weight_decay"]) == (0.3, 0)
        assert {p.ndim for p in decay["params"]} == {4}
        assert {p.ndim for p in none["params"]} == {1}
        assert len(decay["params"]) + len(none["params"]) == len([*network.parameters()])
        assert {(g["lr"], g["betas"]) for g in optimizer.param_groups} == {(0.1, (0.8, 0.999))}


def test_what_stands_still_of_a_network_does_so_in_training() -> None:
    network = models.build("drn", 3)
    fixed = {name for name, value in network.named_parameters() if not value.requires_grad}
    lesson = Lesson(network, None, WHOLE)
    assert {name for name, value in network.named_parameters() if not value.requires_grad} == fixed
    count = sum(len(group["params"]) for group in make_optimizer(lesson, Recipe("drn")).param_groups)
    assert count == len([*network.parameters()]) - len(fixed)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (24, 40), (23, 37), (5, 3)])
def test_the_encoder_alone_predicts_at_the_size_of_the_image(height: int, width: int) -> None:
    network = models.build("essnetb-d", 4, head=True).eval()
    images: Any = torch.randn(2, 3, height, width)
    assert EncoderView(network)(images).shape == (2, 4, height, width)
    loss = Lesson(network, None, ENCODER)(images, torch.randint(4, (2, height, width)))
    assert torch.isfinite(loss)
