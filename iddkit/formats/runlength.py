"""Run-length encoded masks, as COCO writes them: runs of background and object in turn, down the columns.

Encoding is pycocotools' own. Decoding is done here, because pycocotools reads past the end of a damaged text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iddkit.annotation import MAX_PIXELS, Shape, check_size
from iddkit.errors import printable

#: Compressed text longer than this is no mask that anyone drew: a full-HD image of pure noise needs half of it.
MAX_CHARACTERS = 2**22


def decode(segmentation: Mapping[str, Any], size: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the first and the last pixel, float64 (2, 2), and the pixels, bool (h, w), of an encoded mask.

    Parameters
    ----------
    segmentation
        ``size``, [height, width], and ``counts``, a list or text.
    size
        Width and height of the image, or two zeros when unknown.

    Raises
    ------
    ValueError
        It is damaged, of another size than the image, or empty.
    """
    height, width = _size(segmentation.get("size"))
    if any(size) and size != (width, height):
        raise ValueError(f"the mask is of {width} x {height} pixels, the image of {size[0]} x {size[1]}")
    runs = decode_runs(segmentation.get("counts"))
    if int(runs.sum()) != width * height:
        raise ValueError(f"the mask's runs cover {int(runs.sum())} pixels of {width * height}")
    ends = runs.cumsum()
    starts, stops = (ends - runs)[1::2], ends[1::2]
    starts, stops = starts[stops > starts], stops[stops > starts]
    if not len(starts):
        raise ValueError("the mask has no pixel")
    # Only the columns that the mask touches are unpacked.
    left, right = int(starts[0]) // height, int(stops[-1] - 1) // height
    steps = np.zeros(height * (right - left + 1) + 1, dtype=np.int8)
    steps[starts - left * height] += 1
    steps[stops - left * height] -= 1
    columns = steps[:-1].cumsum(dtype=np.int8).astype(np.bool_).reshape(-1, height)
    rows = np.flatnonzero(columns.any(axis=0))
    top, bottom = int(rows[0]), int(rows[-1])
    points = np.array([[left, top], [right, bottom]], dtype=np.float64)
    return points, np.ascontiguousarray(columns[:, top : bottom + 1].T)


def _size(value: Any) -> tuple[int, int]:
    match value:
        case [height, width]:
            wrong = check_size(width, height)
        case _:
            wrong = f"{printable(repr(value), 40)} is not [height, width]"
    if wrong:
        raise ValueError(f"the mask's size: {wrong}")
    return height, width


def decode_runs(counts: Any) -> NDArray[np.int64]:
    """Return the run lengths of an encoded mask, background first: int64 (N,).

    `counts` is a list of whole numbers, or pycocotools' text: numbers in groups of five bits, lowest first, one
    character (from ``0`` on) a group, its sixth bit set while more follow, the last group signed; from the fourth
    number on, differences to the number two before (maskApi.c, ``rleToString``).

    Raises
    ------
    ValueError
        It is neither, or a run is negative or longer than any image.
    """
    if isinstance(counts, str):
        runs = _decode_text(counts)
    elif isinstance(counts, list):
        if not all(type(v) is int and abs(v) < 2**62 for v in counts):
            raise ValueError("the mask's counts are not all whole numbers")
        runs = np.array(counts, dtype=np.int64)
    else:
        raise ValueError("the mask has no counts")
    if len(runs) and not 0 <= runs.min() <= runs.max() <= MAX_PIXELS:
        raise ValueError("the mask's counts are damaged: a run is negative or longer than any image")
    return runs


def _decode_text(text: str) -> NDArray[np.int64]:
    if not text or len(text) > MAX_CHARACTERS:
        raise ValueError(f"the mask's counts are a text of {len(text)} characters")
    try:
        groups = np.frombuffer(text.encode("ascii"), dtype=np.uint8).astype(np.int64) - 48
    except UnicodeEncodeError as error:
        raise ValueError(f"the mask's counts are damaged at character {error.start}") from error
    wrong = np.flatnonzero((groups < 0) | (groups > 63))
    if len(wrong):
        raise ValueError(f"the mask's counts are damaged at character {int(wrong[0])}")
    last = np.flatnonzero(groups & 32 == 0)
    first = np.concatenate(([0], last[:-1] + 1))
    if not len(last) or last[-1] != len(groups) - 1:
        raise ValueError("the mask's counts are damaged: the last number does not end")
    lengths = last - first + 1
    # Differences of numbers up to MAX_PIXELS take 28 bits with the sign.
    if lengths.max() > 6:
        raise ValueError("the mask's counts are damaged: a number is longer than any image")
    shifts = 5 * (np.arange(len(groups)) - np.repeat(first, lengths))
    numbers = np.add.reduceat((groups & 31) << shifts, first)
    numbers -= np.where(groups[last] & 16, 1 << (5 * lengths), 0)
    for start in (1, 2):
        numbers[start::2] = numbers[start::2].cumsum()
    return numbers


def encode(shape: Shape, width: int, height: int) -> dict[str, Any]:
    """Return a shape of kind ``mask`` as pycocotools does: ``size``, and ``counts`` as bytes."""
    from pycocotools import mask as coco_mask

    whole = np.zeros((height, width), dtype=np.uint8, order="F")
    if shape.mask is not None:
        left, top = (int(v) for v in np.round(shape.points[0]))
        rows, columns = shape.mask.shape
        inside = whole[max(top, 0) : max(top + rows, 0), max(left, 0) : max(left + columns, 0)]
        y, x = max(-top, 0), max(-left, 0)
        inside[...] = shape.mask[y : y + inside.shape[0], x : x + inside.shape[1]]
    encoded: dict[str, Any] = coco_mask.encode(whole)
    return encoded
