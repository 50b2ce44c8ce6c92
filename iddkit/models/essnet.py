"""ESSNetA, ESSNetB and ESSNet (Vallurupalli et al. 2018): ERFNet with cheaper blocks.

All three have ERFNet's downsamplers, channels, dilations and dropout. ESSNetA has depthwise separable blocks in the
later part of each half of the encoder, ESSNetB in the whole encoder, ESSNet in the decoder as well, with upsamplers
that have no 3x3 convolution. The 1x1 convolutions of these blocks are in 1, 2, 4 or 8 groups (D, DG2, DG4, DG8), with
shuffled channels in DG2S and so on; those of the decoder are never grouped.

CHOICE: shapes are those that the papers' parameter counts prove (`iddkit.models.ledger`): where a table gives the first
three blocks of ESSNetA 128 channels, it means 64. As in ERFNet's public code the decoder has two blocks on each level
(the papers count one), and dropout is 0.03 with 64 channels, 0.3 with 128 (Vallurupalli 2022, 4.3, states 0.3 for all).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from iddkit.models import erfnet
from iddkit.models.blocks import Downsampler, NonBottleneck1D
from iddkit.models.encoder_decoder import EncoderDecoder
from iddkit.models.erfnet import DILATIONS, DROPOUT_64, DROPOUT_128
from iddkit.models.essnet_blocks import DepthwiseBlock, LightUpsampler

#: How many of the encoder's 5 blocks with 64 channels, and of its 8 with 128, are ERFNet's own in ESSNetA.
DENSE_64, DENSE_128 = 3, 4


def essnet_a(
    classes: int, *, groups: int = 1, shuffle: bool = False, head: bool = False, gradual: bool = False
) -> EncoderDecoder:
    """Return ESSNetA with fresh weights: 1337651 parameters for 7 classes and 1 group; parameters as of `essnet`."""
    encoder = _encoder(DENSE_64, DENSE_128, groups, shuffle=shuffle, gradual=gradual)
    return EncoderDecoder(encoder, erfnet.decoder(classes), classes, head=head)


def essnet_b(
    classes: int, *, groups: int = 1, shuffle: bool = False, head: bool = False, gradual: bool = False
) -> EncoderDecoder:
    """Return ESSNetB with fresh weights: 572083 parameters for 7 classes and 1 group; parameters as of `essnet`."""
    encoder = _encoder(0, 0, groups, shuffle=shuffle, gradual=gradual)
    return EncoderDecoder(encoder, erfnet.decoder(classes), classes, head=head)


def essnet(
    classes: int, *, groups: int = 1, shuffle: bool = False, head: bool = False, gradual: bool = False
) -> EncoderDecoder:
    """Return ESSNet with fresh weights: 414195 parameters for 7 classes and 1 group.

    Parameters
    ----------
    classes
        C, channels out.
    groups
        Of the encoder's 1x1 convolutions: 1, 2, 4, 8.
    shuffle
        Shuffle channels after each of them.
    head
        With the encoder's own 1x1 classifier, for the first phase of training in two (129 C more parameters).
    gradual
        With dense 1x1 convolutions that training groups (`iddkit.models.grouping`).
    """
    encoder = _encoder(0, 0, groups, shuffle=shuffle, gradual=gradual)
    return EncoderDecoder(encoder, _light_decoder(classes), classes, head=head)


def _encoder(dense_64: int, dense_128: int, groups: int, *, shuffle: bool, gradual: bool) -> nn.Sequential:
    """Return an encoder whose first `dense_64` and `dense_128` blocks are ERFNet's."""

    def blocks(channels: int, dropout: float, dilations: Sequence[int], dense: int) -> list[nn.Module]:
        return [
            NonBottleneck1D(channels, dropout, dilation)
            if i < dense
            else DepthwiseBlock(channels, dropout, dilation, groups, shuffle=shuffle, gradual=gradual)
            for i, dilation in enumerate(dilations)
        ]

    return nn.Sequential(
        Downsampler(3, 16),
        Downsampler(16, 64),
        *blocks(64, DROPOUT_64, (1,) * 5, dense_64),
        Downsampler(64, 128),
        *blocks(128, DROPOUT_128, DILATIONS, dense_128),
    )


def _light_decoder(classes: int) -> nn.Sequential:
    return nn.Sequential(
        LightUpsampler(128, 64),
        DepthwiseBlock(64),
        DepthwiseBlock(64),
        LightUpsampler(64, 16),
        DepthwiseBlock(16),
        DepthwiseBlock(16),
        nn.ConvTranspose2d(16, classes, 2, stride=2),
    )
