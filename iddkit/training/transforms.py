"""What a network sees: images at one size, as normalised tensors."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

#: Mean and standard deviation of the channels R, G, B of photographs on a scale of 0 to 1 (those of ImageNet, as
#: torchvision states them). They only have to be about right: batch normalisation follows.
MEAN: Final = (0.485, 0.456, 0.406)
STD: Final = (0.229, 0.224, 0.225)


def resize_image(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return an image in the size that a network takes: means of areas where it shrinks, bilinear where it grows.

    Parameters
    ----------
    image
        uint8 (H, W, 3).
    size
        Width and height in pixels.
    """
    height, width = image.shape[:2]
    if (width, height) == size:
        return image
    shrinks = size[0] <= width and size[1] <= height
    return np.asarray(
        cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR), dtype=np.uint8
    )


def to_tensor(images: NDArray[np.uint8]) -> Tensor:
    """Return images uint8 (N, H, W, 3) as float32 (N, 3, H, W), normalised, in memory channels last."""
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) * 255 for values in (MEAN, STD))
    return (pixels - mean) / std
