"""The blocks that ERFNet and, for the most part, ESSNet are made of.

All take and give float tensors of shape (N, C, H, W). Convolutions have a bias and batch normalisation an epsilon of
1e-3, as in ERFNet's public code; the number of each block's parameters is given in its docstring.

Source: Romera et al. 2018, "ERFNet: Efficient Residual Factorized ConvNet", and its public code.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Of ERFNet's batch normalisation; PyTorch's own default is 1e-5.
BATCH_NORM_EPSILON = 1e-3


def normalisation(channels: int) -> nn.BatchNorm2d:
    """Return batch normalisation as ERFNet has it: epsilon 1e-3, momentum 0.1; 2 `channels` parameters."""
    return nn.BatchNorm2d(channels, eps=BATCH_NORM_EPSILON)


class Downsampler(nn.Module):
    """Half the height and width: a strided 3x3 convolution beside a 2x2 maximum, normalised.

    The convolution gives the first ``channels_out - channels_in`` channels, pooling the last ``channels_in``.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels_in, channels_out - channels_in, 3, stride=2, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.norm = normalisation(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of shape (N, channels_out, H / 2, W / 2)."""
        return functional.relu(self.norm(torch.cat([self.convolution(x), self.pool(x)], dim=1)))


class NonBottleneck1D(nn.Module):
    """ERFNet's residual block: two 3x3 convolutions, each split into a 3x1 and a 1x3; 12 c² + 8 c parameters.

    Parameters
    ----------
    channels
        c, in and out.
    dropout
        The share of channels that training drops before the sum.
    dilation
        Of the second pair of convolutions.
    """

    def __init__(self, channels: int, dropout: float = 0.0, dilation: int = 1) -> None:
        super().__init__()
        c, d = channels, dilation
        self.column_1 = nn.Conv2d(c, c, (3, 1), padding=(1, 0))
        self.row_1 = nn.Conv2d(c, c, (1, 3), padding=(0, 1))
        self.norm_1 = normalisation(c)
        self.column_2 = nn.Conv2d(c, c, (3, 1), padding=(d, 0), dilation=(d, 1))
        self.row_2 = nn.Conv2d(c, c, (1, 3), padding=(0, d), dilation=(1, d))
        self.norm_2 = normalisation(c)
        self.dropout = nn.Dropout2d(dropout) if dropout else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the shape of `x`."""
        y = functional.relu(self.column_1(x))
        y = functional.relu(self.norm_1(self.row_1(y)))
        y = functional.relu(self.column_2(y))
        y = self.dropout(self.norm_2(self.row_2(y)))
        return functional.relu(x + y)


class Upsampler(nn.Module):
    """Twice the height and width by a transposed 3x3 convolution, normalised."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.convolution = nn.ConvTranspose2d(channels_in, channels_out, 3, stride=2, padding=1, output_padding=1)
        self.norm = normalisation(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of shape (N, channels_out, 2 H, 2 W)."""
        return functional.relu(self.norm(self.convolution(x)))
