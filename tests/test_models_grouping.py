from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed")

from torch import nn  # noqa: E402

from iddkit import models  # noqa: E402
from iddkit.errors import OptionError  # noqa: E402
from iddkit.models.counting import count_parameters  # noqa: E402
from iddkit.models.grouping import GradualConv2d, conversion_difference, convert, set_alpha  # noqa: E402

groups_and_channels = st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**16))


def convolution(channels_in: int, channels_out: int, groups: int, seed: int = 0) -> GradualConv2d:
    torch.manual_seed(seed)
    return GradualConv2d(channels_in, channels_out, groups).double()


def trained(name: str, alpha: float, classes: int = 4) -> nn.Module:
    """Return a gradual network whose batch normalisation has seen an image, so that it is no identity."""
    torch.manual_seed(2)
    network = models.build(name, classes, gradual=True).train()
    with torch.no_grad():
        network(torch.randn(2, 3, 24, 40))
    set_alpha(network, alpha)
    return network.eval()


@given(groups_and_channels)
@settings(max_examples=25, deadline=None)
def test_at_alpha_one_it_is_exactly_the_dense_convolution(drawn: tuple[int, int, int, int]) -> None:
    groups, columns, rows, seed = drawn
    gradual = convolution(groups * columns, groups * rows, groups, seed)
    x = torch.randn(2, groups * columns, 3, 4, dtype=torch.float64)
    assert torch.equal(gradual(x), nn.functional.conv2d(x, gradual.weight, gradual.bias))


@given(groups_and_channels)
@settings(max_examples=25, deadline=None)
def test_at_alpha_zero_it_is_the_grouped_convolution(drawn: tuple[int, int, int, int]) -> None:
    groups, columns, rows, seed = drawn
    gradual = convolution(groups * columns, groups * rows, groups, seed)
    set_alpha(gradual, 0)
    grouped = gradual.grouped()
    assert (grouped.groups, grouped.weight.numel()) == (groups, groups * rows * columns)
    x = torch.randn(2, groups * columns, 3, 4, dtype=torch.float64)
    torch.testing.assert_close(gradual(x), grouped(x), rtol=0, atol=1e-12)


def test_between_it_is_between() -> None:
    gradual = convolution(8, 4, 2)
    x = torch.randn(1, 8, 2, 2, dtype=torch.float64)
    ends = []
    for alpha in (1.0, 0.0):
        set_alpha(gradual, alpha)
        ends.append(gradual(x))
    set_alpha(gradual, 0.25)
    torch.testing.assert_close(gradual(x), 0.25 * ends[0] + 0.75 * ends[1])
    assert not torch.allclose(ends[0], ends[1])


def test_weights_outside_the_groups_get_no_gradient_at_alpha_zero() -> None:
    gradual = convolution(8, 8, 4)
    x = torch.randn(2, 8, 3, 3, dtype=torch.float64)
    outside = gradual.inside == 0
    for alpha in (1.0, 0.0):
        set_alpha(gradual, alpha)
        (gradient,) = torch.autograd.grad(gradual(x).square().sum(), [gradual.weight])
        assert bool((gradient[outside] != 0).all()) == bool((gradient[outside] != 0).any()) == (alpha == 1)
        assert (gradient[~outside] != 0).all()


def test_channels_that_cannot_be_divided_are_refused() -> None:
    with pytest.raises(ValueError, match="6 and 8 channels cannot be divided into 4 groups"):
        GradualConv2d(6, 8, 4)


def test_alpha_is_kept_in_the_state() -> None:
    source, target = convolution(4, 4, 2), convolution(4, 4, 2, seed=1)
    set_alpha(source, 0.5)
    target.load_state_dict(source.state_dict())
    assert float(target.alpha) == 0.5
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="alpha is from 0 to 1"):
            set_alpha(source, wrong)


@pytest.mark.parametrize(("name", "count"), [("essnet-dg2", 26), ("essnetb-dg8s", 26), ("essneta-dg4", 12)])
def test_the_encoders_1x1_convolutions_are_gradual_and_no_others(name: str, count: int) -> None:
    network = models.build(name, 3, gradual=True)
    found = [path for path, module in network.named_modules() if isinstance(module, GradualConv2d)]
    assert set_alpha(network, 1) == len(found) == count
    assert all(path.startswith("encoder.") and ".pointwise_" in path for path in found)
    assert set_alpha(models.build(name, 3), 1) == 0


@pytest.mark.parametrize("name", ["essnet-dg4", "essnet-dg2s", "essneta-dg8", "essnetb-dg8s"])
def test_a_converted_network_is_the_same_function_and_the_registrys_network(name: str) -> None:
    network = trained(name, 0)
    x = torch.randn(1, 3, 37, 50)
    assert conversion_difference(network, x) < 1e-5
    built = models.build(name, 4)
    built.load_state_dict(convert(network).state_dict())
    assert not any(isinstance(module, GradualConv2d) for module in built.modules())
    with torch.no_grad():
        before, after = network(x), built.eval()(x)
    torch.testing.assert_close(before, after, rtol=0, atol=1e-5)
    assert torch.equal(before.argmax(1), after.argmax(1))
    groups = models.find(name).groups
    divided = 147456 if name.startswith("essneta") else 303104
    assert count_parameters(network) - count_parameters(built) == divided - divided // groups


def test_conversion_in_float64_changes_nothing_to_speak_of() -> None:
    network = trained("essnet-dg4", 0).double()
    assert conversion_difference(network, torch.randn(1, 3, 16, 16)) < 1e-12


def test_difference_is_that_of_the_logits() -> None:
    network = trained("essnet-dg2", 0)
    x = torch.randn(1, 3, 16, 24)
    with torch.no_grad():
        assert conversion_difference(network, x) == float((network(x) - convert(network)(x)).abs().max())


def test_a_network_that_is_not_grouped_yet_is_not_converted() -> None:
    network = trained("essnet-dg4", 0.5)
    with pytest.raises(ValueError, match=r"not grouped yet: alpha is 0\.5"):
        convert(network)
    with pytest.raises(ValueError, match="not grouped yet"):
        conversion_difference(network, torch.zeros(1, 3, 8, 8))


def test_conversion_leaves_the_network_as_it_is() -> None:
    network = trained("essnet-dg2", 0).train()
    state = {key: value.clone() for key, value in network.state_dict().items()}
    conversion_difference(network, torch.randn(1, 3, 16, 16))
    converted = convert(network)
    assert set_alpha(network, 0) == 26
    assert network.training
    assert converted.training
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
    with torch.no_grad():
        next(converted.parameters()).add_(1)
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


def test_what_stands_still_stands_still_after_conversion() -> None:
    network = trained("essnet-dg2", 0)
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    assert not any(parameter.requires_grad for parameter in convert(network).parameters())


def test_networks_without_groups_have_no_gradual_grouping() -> None:
    for name in ("erfnet", "drn", "unet", "essnet-d"):
        with pytest.raises(OptionError, match="has no groups"):
            models.build(name, 3, gradual=True)
        models.build(name, 3, gradual=False)
