"""Images of any size through networks that take multiples of a number only."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Return (N, C, H, W) with zeros at the bottom and right, so that H and W are multiples of `multiple`."""
    bottom, right = -x.shape[-2] % multiple, -x.shape[-1] % multiple
    return functional.pad(x, (0, right, 0, bottom)) if bottom or right else x


def pad_to_least(x: Tensor, least: int) -> Tensor:
    """Return (N, C, H, W) with zeros at the bottom and right where H or W is less than `least`."""
    bottom, right = max(0, least - x.shape[-2]), max(0, least - x.shape[-1])
    return functional.pad(x, (0, right, 0, bottom)) if bottom or right else x


def crop(x: Tensor, like: Tensor) -> Tensor:
    """Return the top left of `x` in the height and width of `like`."""
    return x[..., : like.shape[-2], : like.shape[-1]]
