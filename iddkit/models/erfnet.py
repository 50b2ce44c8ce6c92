"""ERFNet (Romera et al. 2018): an encoder of factorised residual blocks, and a small decoder."""

from __future__ import annotations

from torch import nn

from iddkit.models.blocks import Downsampler, NonBottleneck1D, Upsampler
from iddkit.models.encoder_decoder import EncoderDecoder

#: Of the residual blocks with 64 and with 128 channels. CHOICE: as in ERFNet's public code; Vallurupalli 2022, 4.3,
#: states 0.3 for all.
DROPOUT_64, DROPOUT_128 = 0.03, 0.3

#: Of the eight residual blocks with 128 channels.
DILATIONS = (2, 4, 8, 16, 2, 4, 8, 16)


def erfnet(classes: int, *, head: bool = False) -> EncoderDecoder:
    """Return ERFNet with fresh weights: 2063411 parameters for 7 classes.

    Parameters
    ----------
    classes
        C, channels out.
    head
        With the encoder's own 1x1 classifier, for the first phase of training in two (129 C more parameters).
    """
    encoder = nn.Sequential(
        Downsampler(3, 16),
        Downsampler(16, 64),
        *(NonBottleneck1D(64, DROPOUT_64) for _ in range(5)),
        Downsampler(64, 128),
        *(NonBottleneck1D(128, DROPOUT_128, dilation) for dilation in DILATIONS),
    )
    return EncoderDecoder(encoder, decoder(classes), classes, head=head)


def decoder(classes: int) -> nn.Sequential:
    """Return ERFNet's decoder: (N, 128, H / 8, W / 8) to logits (N, classes, H, W)."""
    return nn.Sequential(
        Upsampler(128, 64),
        NonBottleneck1D(64),
        NonBottleneck1D(64),
        Upsampler(64, 16),
        NonBottleneck1D(16),
        NonBottleneck1D(16),
        nn.ConvTranspose2d(16, classes, 2, stride=2),
    )
