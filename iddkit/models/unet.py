"""UNet (Ronneberger et al. 2015), in the size that Mishra 2024, Table 5.1, states: 7.786 million parameters.

CHOICE: base 64, four levels, convolutions that keep the size, normalised and without bias, and bilinear enlargement are
what gives that number to its last digit. The multiply-adds of the same row, 20.84e9, are of another decoder; at height
128 and width 256 this network has 21.21e9.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from iddkit.models.sizes import crop, pad_to_least

#: Of the levels, from full size to an eighth.
CHANNELS = (64, 128, 256, 512)

#: Images smaller than this would be pooled to nothing.
LEAST = 2 ** (len(CHANNELS) - 1)


class DoubleConvolution(nn.Sequential):
    """Two 3x3 convolutions without bias, each normalised; 9 (i + o) o + 4 o parameters."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(
            nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(),
            nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(),
        )


class DownLevel(nn.Module):
    """Half the height and width, rounded down, by 2x2 maxima, then a double convolution."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.convolutions = DoubleConvolution(channels_in, channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of shape (N, channels_out, H // 2, W // 2)."""
        y: Tensor = self.convolutions(functional.max_pool2d(x, 2))
        return y


class UpLevel(nn.Module):
    """Bilinear to the size of the skip connection, joined with it, then a double convolution.

    CHOICE: to that size and not by two, so that odd sizes need no padding; for even ones it is the same.
    """

    def __init__(self, channels_in: int, channels_skip: int, channels_out: int) -> None:
        super().__init__()
        self.convolutions = DoubleConvolution(channels_in + channels_skip, channels_out)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Return features of shape (N, channels_out, H, W), those of `skip`."""
        larger = functional.interpolate(x, size=skip.shape[-2:], mode="bilinear", align_corners=False)
        y: Tensor = self.convolutions(torch.cat([larger, skip], dim=1))
        return y


class UNet(nn.Module):
    """Any size goes in and comes out; smaller ones than 8 x 8 are padded at the bottom and right, and cropped."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.first = DoubleConvolution(3, CHANNELS[0])
        self.down = nn.ModuleList(DownLevel(a, b) for a, b in pairwise(CHANNELS))
        self.up = nn.ModuleList(UpLevel(b, a, a) for a, b in reversed(list(pairwise(CHANNELS))))
        self.head = nn.Conv2d(CHANNELS[0], classes, 1)
        # CHOICE: He et al. 2015, normal by fan-out; Ronneberger et al. state the same by fan-in.
        for convolution in self.modules():
            if isinstance(convolution, nn.Conv2d) and convolution is not self.head:
                nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")

    def stages(self) -> list[tuple[str, nn.Module]]:
        """Return the levels in running order, with their names in the network."""
        down = [(f"down.{i}", level) for i, level in enumerate(self.down)]
        up = [(f"up.{i}", level) for i, level in enumerate(self.up)]
        return [("first", self.first), *down, *up, ("head", self.head)]

    def forward(self, x: Tensor) -> Tensor:
        """Return logits float (N, C, H, W) of images float (N, 3, H, W)."""
        levels = [self.first(pad_to_least(x, LEAST))]
        for down in self.down:
            levels.append(down(levels[-1]))
        y = levels.pop()
        for up in self.up:
            y = up(y, levels.pop())
        return crop(self.head(y), x)


def unet(classes: int) -> UNet:
    """Return UNet with fresh weights: 7786119 parameters for 7 classes.

    Parameters
    ----------
    classes
        C, channels out.
    """
    return UNet(classes)
