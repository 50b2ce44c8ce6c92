"""The blocks that ESSNet has in place of ERFNet's: depthwise separable convolutions, and an upsampler without 3x3.

Source: Vallurupalli et al. 2018, "Efficient Semantic Segmentation Using Gradual Grouping", section 3; Vallurupalli 2022
(thesis), section 3.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from iddkit.models.blocks import normalisation
from iddkit.models.grouping import GradualConv2d


class Shuffle(nn.Module):
    """Deal the channels of each group out to all groups; it has no parameters.

    PyTorch's own ``nn.ChannelShuffle`` gives the same, but cannot be exported, and loses channels-last memory on a GPU.
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the shape and memory format of `x`."""
        n, c, h, w = x.shape
        dealt = x.reshape(n, self.groups, c // self.groups, h, w).transpose(1, 2)
        if x.is_contiguous(memory_format=torch.channels_last):
            return dealt.permute(0, 3, 4, 1, 2).reshape(n, h, w, c).permute(0, 3, 1, 2)
        return dealt.reshape(n, c, h, w)


class DilatedDepthwiseConv2d(nn.Conv2d):
    """A depthwise convolution that is computed in float32 on processors, whatever the precision around it.

    PyTorch 2.13.0's CPU build (oneDNN 3.12.0) gives wrong gradients of the weights of a dilated depthwise convolution
    in bfloat16 with channels last: of 128 channels, 16 x 32 pixels and a dilation of 2 they differ from the right ones
    by 1.4 times their length, and now and then are infinite. Gradients of the input, other dilations at this size, and
    all other convolutions of these networks are right (``tests/test_models_precision.py``).
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the shape that `torch.nn.Conv2d` gives."""
        if x.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            with torch.autocast("cpu", enabled=False):
                return super().forward(x.float())
        return super().forward(x)


class DepthwiseBlock(nn.Module):
    """The papers' D, DG and DGS: two depthwise 3x3 convolutions, each with a 1x1 after it, and a sum.

    It has 18 c + 2 c² / groups + 8 c parameters. CHOICE: the papers' counts fix that there are two convolutions of each
    kind and nothing else; where normalisation and ReLU stand, that all convolutions have a bias, and that the second
    depthwise one is dilated is as in ERFNet's block, with 3x3 depthwise for 3x1 and 1x1 for 1x3.

    Parameters
    ----------
    channels
        c, in and out.
    dropout
        The share of channels that training drops before the sum.
    dilation
        Of the second depthwise convolution.
    groups
        Of the 1x1 convolutions.
    shuffle
        Shuffle channels after each of them (DGS).
    gradual
        Make them dense ones that training groups (`iddkit.models.grouping`).
    """

    def __init__(
        self,
        channels: int,
        dropout: float = 0.0,
        dilation: int = 1,
        groups: int = 1,
        *,
        shuffle: bool = False,
        gradual: bool = False,
    ) -> None:
        super().__init__()
        c, d = channels, dilation
        self.depthwise_1 = nn.Conv2d(c, c, 3, padding=1, groups=c)
        self.pointwise_1 = _pointwise(c, groups, gradual=gradual)
        self.norm_1 = normalisation(c)
        self.depthwise_2 = DilatedDepthwiseConv2d(c, c, 3, padding=d, dilation=d, groups=c)
        self.pointwise_2 = _pointwise(c, groups, gradual=gradual)
        self.norm_2 = normalisation(c)
        self.shuffle = Shuffle(groups) if shuffle else nn.Identity()
        self.dropout = nn.Dropout2d(dropout) if dropout else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the shape of `x`."""
        y = functional.relu(self.depthwise_1(x))
        y = functional.relu(self.norm_1(self.shuffle(self.pointwise_1(y))))
        y = functional.relu(self.depthwise_2(y))
        y = self.dropout(self.norm_2(self.shuffle(self.pointwise_2(y))))
        return functional.relu(x + y)


def _pointwise(channels: int, groups: int, *, gradual: bool) -> nn.Conv2d:
    if gradual and groups > 1:
        return GradualConv2d(channels, channels, groups)
    return nn.Conv2d(channels, channels, 1, groups=groups)


class LightUpsampler(nn.Module):
    """Twice the height and width: a 1x1 convolution, then bilinear, normalised.

    CHOICE: the papers say that the 3x3 deconvolution becomes a 1x1 one. A transposed 1x1 convolution of stride 2 has
    the same number of weights, but three of four pixels out of it are the bias alone. Convolution and enlargement can
    be swapped without another result; this way round it takes a quarter of the multiply-adds.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels_in, channels_out, 1)
        self.norm = normalisation(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of shape (N, channels_out, 2 H, 2 W)."""
        y = functional.interpolate(self.convolution(x), scale_factor=2, mode="bilinear", align_corners=False)
        return functional.relu(self.norm(y))
