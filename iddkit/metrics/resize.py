"""Label images at another size, by the rule with which the official scores were made: Pillow's ``NEAREST``.

`iddkit.images.resize_labels` takes the pixel under each centre in whole numbers, which is exact. Pillow means the same,
but adds up its step in floating point, and where a centre lies on the edge of two pixels (10 pixels to 3, say) the
rounding of the sum decides. Scores that have to equal official ones to the last pixel need Pillow's sum.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from iddkit.errors import OptionError

Number = TypeVar("Number", bound=np.integer)


@lru_cache(maxsize=64)  # the images of a dataset have one size, or a few
def sample_nearest(source: int, target: int) -> NDArray[np.intp]:
    """Return which of `source` pixels Pillow's ``NEAREST`` takes for each of `target` pixels: intp (target,).

    Source: ``ImagingScaleAffine`` of Pillow (Geometry.c): it begins at half a step and adds a step for each pixel, as
    doubles.

    Examples
    --------
    >>> sample_nearest(6, 3).tolist()
    [1, 3, 5]
    """
    if source < 1 or target < 1:
        raise OptionError(f"no image of {source} pixels can be sampled at {target}")
    steps = np.full(target, source / target)
    steps[0] /= 2
    # One after the other, each sum rounded: 'accumulate' keeps the order, which a sum in pairs would not.
    positions = np.add.accumulate(steps).astype(np.intp)
    positions.flags.writeable = False
    return positions


def resize_nearest(pixels: NDArray[Number], width: int, height: int) -> NDArray[Number]:
    """Return label numbers at another size, pixel for pixel as Pillow's ``Image.resize(..., NEAREST)`` does.

    Parameters
    ----------
    pixels
        (H, W), uint8 or other integers.
    width, height
        Of the result, in pixels.

    Returns
    -------
    numpy.ndarray
        (height, width) of the same dtype, in C order; `pixels` itself if it has that size.

    Raises
    ------
    OptionError
        A side without pixels.
    """
    if pixels.shape == (height, width):
        return pixels
    rows, columns = sample_nearest(pixels.shape[0], height), sample_nearest(pixels.shape[1], width)
    # First whole rows, then columns: a third of the time of both at once.
    return np.ascontiguousarray(pixels[rows][:, columns])
