"""Parameters and multiply-adds of a network as it is built, in all and layer by layer.

A multiply-add (MAC) is one product and one sum of a convolution; biases, normalisation, pooling and interpolation are
not counted. What the ESSNet papers print is another count: `iddkit.models.ledger`.

Nothing is computed: a copy of the network without memory (PyTorch's meta device) tells the shapes.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Literal, Protocol, cast

import torch
from torch import Tensor, nn

from iddkit.models import build

#: Where the multiply-adds of a transposed convolution are counted: each weight is used once for every pixel that comes
#: in (as computed), or, as many counters have it, once for every pixel that goes out.
Transposed = Literal["input", "output"]


@dataclass(frozen=True, slots=True)
class Layer:
    """One stage of a network.

    Attributes
    ----------
    name, kind
        Its name in the network, and what it is: ``Downsampler``, ``NonBottleneck1D``, ``ConvTranspose2d``.
    shape
        C, H, W of its output.
    parameters, macs
        Of it.
    """

    name: str
    kind: str
    shape: tuple[int, int, int]
    parameters: int
    macs: int


@dataclass(frozen=True, slots=True)
class Counts:
    """A network in three numbers.

    Attributes
    ----------
    parameters, trainable
        All, and those that training changes: DRN enlarges by fixed ones.
    macs
        Of one image, as computed.
    """

    parameters: int
    trainable: int
    macs: int


class Staged(Protocol):
    """What every network of the registry has."""

    def stages(self) -> list[tuple[str, nn.Module]]:
        """Return its stages in running order: each runs once in a forward pass, and no parameter lies outside."""


def layers(network: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return the stages of a network of the registry in running order, with their names in it.

    Each is called once in a forward pass, so that hooks on them can time it.
    """
    return cast(Staged, network).stages()


def count_model(name: str, classes: int, size: tuple[int, int]) -> Counts:
    """Return the counts of a network of the registry, for a number of classes and one image of a width and height.

    It is built without memory, too, which is what takes most time where many are listed.

    Raises
    ------
    OptionError
        There is no such network.
    """
    with torch.device("meta"):
        network = build(name, classes)
    return Counts(count_parameters(network), count_parameters(network, trainable=True), count_macs(network, size))


def count_parameters(network: nn.Module, *, trainable: bool = False) -> int:
    """Return the number of parameters, or of those that training changes."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad or not trainable)


def count_macs(network: nn.Module, size: tuple[int, int], *, transposed: Transposed = "input") -> int:
    """Return the multiply-adds of one image.

    Parameters
    ----------
    network
        Of the registry, on any device; it stays as it is. Gradual convolutions count as the dense ones that they are.
    size
        Width and height in pixels. Padding that the network adds is counted.
    transposed
        Where those of transposed convolutions are counted.

    Examples
    --------
    ERFNet for IDD-lite, 7 classes at height 128 and width 256:

    >>> from iddkit.models import build
    >>> count_macs(build("erfnet", 7), (256, 128))
    1656479744
    """
    macs, _ = _trace(network, size)
    return sum(count[transposed] for count in macs.values())


def count_layers(network: nn.Module, size: tuple[int, int]) -> tuple[Layer, ...]:
    """Return the stages of a network in running order, for one image of a width and height.

    The multiply-adds of all are those of `count_macs`. The parameters of an encoder's own head are in none of them.
    """
    macs, shapes = _trace(network, size)
    return tuple(
        Layer(
            name,
            type(module).__name__,
            shapes[name],
            count_parameters(module),
            sum(count["input"] for inner, count in macs.items() if f"{inner}.".startswith(f"{name}.")),
        )
        for name, module in layers(network)
    )


def _trace(
    network: nn.Module, size: tuple[int, int]
) -> tuple[dict[str, dict[Transposed, int]], dict[str, tuple[int, int, int]]]:
    """Return the multiply-adds of each convolution that runs, and the output shape of each module, by name."""
    shadow = copy.deepcopy(network).to("meta").eval()
    macs: dict[str, dict[Transposed, int]] = {}
    shapes: dict[str, tuple[int, int, int]] = {}

    def watch(name: str, module: nn.Module) -> None:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            channels, height, width = output.shape[1:]
            shapes[name] = (channels, height, width)
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                weights, out = module.weight.numel(), height * width
                its = inputs[0].shape[-2] * inputs[0].shape[-1] if isinstance(module, nn.ConvTranspose2d) else out
                macs[name] = {"input": weights * its, "output": weights * out}

        module.register_forward_hook(hook)

    for name, module in shadow.named_modules():
        watch(name, module)
    with torch.no_grad():
        shadow(torch.empty(1, 3, size[1], size[0], device="meta"))
    return macs, shapes
