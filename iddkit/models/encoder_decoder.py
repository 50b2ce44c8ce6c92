"""`EncoderDecoder`: what ERFNet and ESSNet have in common, and what training in two phases needs of them."""

from __future__ import annotations

from torch import Tensor, nn

from iddkit.models.sizes import crop, pad_to_multiple


class EncoderDecoder(nn.Module):
    """An encoder to 128 channels at an eighth of the size, and a decoder to logits at full size.

    Any size goes in and comes out: it is padded with zeros at the bottom and right to multiples of 8, and cropped
    (CHOICE: 227 rows become 232; zeros are the mean colour after normalisation).

    Parameters
    ----------
    encoder
        (N, 3, H, W) to (N, 128, H / 8, W / 8).
    decoder
        That to logits (N, `classes`, H, W).
    classes
        C.
    head
        Adds a 1x1 convolution 128 to C, through which `encode` gives logits at an eighth of the size: training of the
        encoder alone, against labels of that size (Romera et al. 2018).
    """

    stride = 8

    def __init__(self, encoder: nn.Module, decoder: nn.Module, classes: int, *, head: bool = False) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.head = nn.Conv2d(128, classes, 1) if head else None

    def stages(self) -> list[tuple[str, nn.Module]]:
        """Return the blocks in running order, with their names in the network; the encoder's own head is none."""
        parts = (("encoder", self.encoder), ("decoder", self.decoder))
        return [(f"{part}.{name}", block) for part, blocks in parts for name, block in blocks.named_children()]

    def forward(self, x: Tensor) -> Tensor:
        """Return logits float (N, C, H, W) of images float (N, 3, H, W)."""
        logits: Tensor = self.decoder(self.encoder(pad_to_multiple(x, self.stride)))
        return crop(logits, x)

    def encode(self, x: Tensor) -> Tensor:
        """Return logits of the encoder's own head, float (N, C, ceil(H / 8), ceil(W / 8)).

        Raises
        ------
        RuntimeError
            The network was made without a head.
        """
        if self.head is None:
            raise RuntimeError("this network was made without a head on its encoder")
        logits: Tensor = self.head(self.encoder(pad_to_multiple(x, self.stride)))
        return logits
