"""DRN-d-22 (Yu, Koltun, Funkhouser 2017): a residual network that dilates where others shrink further."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from iddkit.models.sizes import crop

#: By what the backbone shrinks images, and the last layer enlarges them.
STRIDE = 8


class ConvolutionStage(nn.Module):
    """A convolution without bias, normalised; height and width are divided by `stride`, rounded up."""

    def __init__(self, channels_in: int, channels_out: int, size: int = 3, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        padding = dilation * (size // 2)
        self.convolution = nn.Conv2d(
            channels_in, channels_out, size, stride=stride, padding=padding, dilation=dilation, bias=False
        )
        self.norm = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of shape (N, channels_out, H / stride, W / stride)."""
        return functional.relu(self.norm(self.convolution(x)))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a sum; where the shape changes, the other summand goes through a 1x1 convolution."""

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.first = ConvolutionStage(channels_in, channels_out, stride=stride, dilation=dilation)
        self.convolution = nn.Conv2d(channels_out, channels_out, 3, padding=dilation, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm2d(channels_out)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels_out:
            convolution = nn.Conv2d(channels_in, channels_out, 1, stride=stride, bias=False)
            self.shortcut = nn.Sequential(convolution, nn.BatchNorm2d(channels_out))

    def forward(self, x: Tensor) -> Tensor:
        """Return features of shape (N, channels_out, H / stride, W / stride)."""
        return functional.relu(self.norm(self.convolution(self.first(x))) + self.shortcut(x))


class DRN(nn.Module):
    """A dilated residual network: backbone, 1x1 classifier, fixed bilinear enlargement by 8.

    Any size goes in and comes out: the convolutions round sizes up, and what is enlarged beyond the image is cropped
    (227 rows come out as 232).
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            ConvolutionStage(3, 16, size=7),
            ConvolutionStage(16, 16),
            ConvolutionStage(16, 32, stride=2),
            BasicBlock(32, 64, stride=2),
            BasicBlock(64, 64),
            BasicBlock(64, 128, stride=2),
            BasicBlock(128, 128),
            BasicBlock(128, 256, dilation=2),
            BasicBlock(256, 256, dilation=2),
            BasicBlock(256, 512, dilation=4),
            BasicBlock(512, 512, dilation=4),
            ConvolutionStage(512, 512, dilation=2),
            ConvolutionStage(512, 512),
        )
        self.head = nn.Conv2d(512, classes, 1)
        self.enlarge = nn.ConvTranspose2d(
            classes, classes, 2 * STRIDE, stride=STRIDE, padding=STRIDE // 2, groups=classes, bias=False
        )
        self._initialise()

    def _initialise(self) -> None:
        """Fill weights as the public code does: He et al. 2015, normal by fan-out.

        CHOICE: but those of the classifier, whose fan-out is so small that a network without pretraining would begin
        with logits of ten and more; it keeps PyTorch's uniform ones by fan-in, and a bias of zero. There are no weights
        of ImageNet here, with which the published scores were reached.
        """
        for module in self.backbone.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        assert self.head.bias is not None
        nn.init.zeros_(self.head.bias)
        ramp = 1 - (torch.arange(2 * STRIDE) - (STRIDE - 0.5)).abs() / STRIDE
        with torch.no_grad():
            self.enlarge.weight.copy_(ramp[:, None] * ramp[None, :])
        self.enlarge.weight.requires_grad_(False)

    def stages(self) -> list[tuple[str, nn.Module]]:
        """Return the parts in running order, with their names in the network."""
        backbone = [(f"backbone.{name}", stage) for name, stage in self.backbone.named_children()]
        return [*backbone, ("head", self.head), ("enlarge", self.enlarge)]

    def forward(self, x: Tensor) -> Tensor:
        """Return logits float (N, C, H, W) of images float (N, 3, H, W)."""
        logits: Tensor = self.enlarge(self.head(self.backbone(x)))
        return crop(logits, x)


def drn_d_22(classes: int) -> DRN:
    """Return DRN-d-22 with fresh weights: 15886135 parameters for 7 classes, 1792 of them fixed.

    Batch normalisation has PyTorch's epsilon of 1e-5, as in the public code.

    Parameters
    ----------
    classes
        C, channels out.
    """
    return DRN(classes)
