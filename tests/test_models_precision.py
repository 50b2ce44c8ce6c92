"""Every convolution of the networks learns in bfloat16 what it learns in float32.

PyTorch's kernels for short numbers are other code than those for long ones, chosen by shape and machine, and some are
wrong: see `iddkit.models.essnet_blocks.DilatedDepthwiseConv2d`.
"""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from torch import Tensor, nn  # noqa: E402

from iddkit import models  # noqa: E402

Shapes = tuple[Any, Any]

#: Bfloat16 has 8 bits: a sum of many products is off by some thousandths.
TOLERANCE = 0.02


def shapes_of(network: nn.Module, size: tuple[int, int]) -> dict[str, Shapes]:
    """Return the shapes that go into each convolution and come out of it: name to both."""
    shapes: dict[str, Shapes] = {}

    def note(name: str) -> Any:
        def hook(module: nn.Module, given: tuple[Tensor, ...], result: Tensor) -> None:
            shapes[name] = given[0].shape, result.shape

        return hook

    handles = [
        module.register_forward_hook(note(name))
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
    ]
    with torch.no_grad():
        network(torch.zeros(2, 3, *size).to(memory_format=torch.channels_last))
    for handle in handles:
        handle.remove()
    return shapes


def gradients(module: nn.Module, x: Tensor, wanted: Tensor, short: bool) -> list[Tensor]:
    module.zero_grad()
    x.grad = None
    with torch.autocast("cpu", torch.bfloat16, enabled=short):
        y = module(x)
    y.backward(wanted.to(y.dtype))
    found = [module.get_parameter("weight").grad, x.grad]
    return [grad.clone() for grad in found if grad is not None]


@pytest.mark.parametrize("model", ["erfnet", "essnet-d", "essneta-dg2", "essnet-dg4", "essnet-dg8s"])
def test_gradients_in_bfloat16_are_those_of_float32(model: str) -> None:
    torch.manual_seed(0)
    network = models.build(model, 7).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    modules = dict(network.named_modules())
    seen = set()
    for name, (given, result) in shapes_of(network, (128, 256)).items():
        module = modules[name]
        kind = given, result, module.get_parameter("weight").shape, module.dilation, module.groups
        if kind in seen:
            continue
        seen.add(kind)
        x = torch.randn(given).to(memory_format=torch.channels_last).requires_grad_()
        wanted = torch.randn(result).to(memory_format=torch.channels_last)
        right = gradients(module, x, wanted, short=False)
        for _ in range(2):  # what is wrong now and then is wrong the second time
            for short, long in zip(gradients(module, x, wanted, short=True), right, strict=True):
                assert float((short - long).norm() / long.norm()) < TOLERANCE, (name, given)
