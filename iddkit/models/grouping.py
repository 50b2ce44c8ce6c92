"""Gradual grouping: a dense 1x1 convolution that training turns into a grouped one.

What lies outside the groups is multiplied by alpha, which falls from 1 to 0 in training: at 1 the convolution is dense,
at 0 it is a grouped one, and `convert` makes it one.

Source: Vallurupalli et al. 2018, "Efficient Semantic Segmentation Using Gradual Grouping", section 3.3.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional


class GradualConv2d(nn.Conv2d):
    """A dense 1x1 convolution with the weights outside of `groups` groups multiplied by alpha.

    The groups are those of ``nn.Conv2d(..., groups=groups)``: its weight is the blocks on the diagonal of this one's.
    Alpha is a buffer, kept in the state: 1 at first. Weights outside the groups get no gradient at alpha 0.

    Parameters
    ----------
    channels_in, channels_out
        Multiples of `target_groups`.
    target_groups
        Of the convolution at alpha 0.

    Raises
    ------
    ValueError
        The channels cannot be divided so.
    """

    alpha: Tensor
    inside: Tensor

    def __init__(self, channels_in: int, channels_out: int, target_groups: int) -> None:
        if channels_in % target_groups or channels_out % target_groups:
            raise ValueError(f"{channels_in} and {channels_out} channels cannot be divided into {target_groups} groups")
        super().__init__(channels_in, channels_out, 1)
        self.target_groups = target_groups
        row, column = (torch.arange(n) // (n // target_groups) for n in (channels_out, channels_in))
        inside = (row[:, None] == column[None, :]).to(self.weight.dtype)[:, :, None, None]
        self.register_buffer("inside", inside, persistent=False)
        self.register_buffer("alpha", torch.ones((), dtype=self.weight.dtype))

    def forward(self, x: Tensor) -> Tensor:
        """Return features of shape (N, channels_out, H, W)."""
        return functional.conv2d(x, self.weight * (self.inside + self.alpha * (1 - self.inside)), self.bias)

    def grouped(self) -> nn.Conv2d:
        """Return the grouped convolution that this one is at alpha 0, with copies of its weights."""
        rows, columns = self.out_channels // self.target_groups, self.in_channels // self.target_groups
        blocks = [
            self.weight.detach()[k * rows : (k + 1) * rows, k * columns : (k + 1) * columns]
            for k in range(self.target_groups)
        ]
        convolution = nn.Conv2d(self.in_channels, self.out_channels, 1, groups=self.target_groups)
        convolution = convolution.to(self.weight).train(self.training)
        assert convolution.bias is not None
        assert self.bias is not None
        with torch.no_grad():
            convolution.weight.copy_(torch.cat(blocks))
            convolution.bias.copy_(self.bias)
        for grouped, dense in ((convolution.weight, self.weight), (convolution.bias, self.bias)):
            grouped.requires_grad_(dense.requires_grad)
        return convolution


def set_alpha(network: nn.Module, alpha: float) -> int:
    """Set alpha of every gradual convolution of `network`, and return how many there are.

    Raises
    ------
    ValueError
        Alpha is not from 0 to 1.
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha is from 0 to 1, not {alpha}")
    found = [module for module in network.modules() if isinstance(module, GradualConv2d)]
    for convolution in found:
        convolution.alpha.fill_(alpha)
    return len(found)


def convert(network: nn.Module) -> nn.Module:
    """Return a copy of `network` with a grouped convolution in place of each gradual one.

    Its state is that of the network as the registry builds it: it loads into ``build(name, classes)``.

    Raises
    ------
    ValueError
        Alpha is not 0 somewhere: the copy would be another function.
    """
    left = {float(m.alpha) for m in network.modules() if isinstance(m, GradualConv2d)} - {0.0}
    if left:
        raise ValueError(f"convolutions are not grouped yet: alpha is {max(left):g}")
    return _replace(copy.deepcopy(network))


def _replace(module: nn.Module) -> nn.Module:
    if isinstance(module, GradualConv2d):
        return module.grouped()
    for name, child in module.named_children():
        setattr(module, name, _replace(child))
    return module


def conversion_difference(network: nn.Module, images: Tensor) -> float:
    """Return the largest absolute difference of logits that `convert` makes on `images`, float (N, 3, H, W).

    Both networks run on the CPU, in evaluation mode, in the precision of their weights: a GPU may round the factors of
    a product (TF32), and that would be measured instead. `network` stays as it is. A grouped convolution adds up fewer
    terms, so that in float32 1e-7 of the size of the logits is to be expected, not zero.

    Raises
    ------
    ValueError
        As of `convert`.
    """
    before = copy.deepcopy(network).cpu().eval()
    after = convert(before)
    weight = next(before.parameters())
    with torch.no_grad():
        x = images.detach().to(weight)
        return float((before(x) - after(x)).abs().max())
