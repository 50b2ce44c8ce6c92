"""Pictures of frames beside what a network made of them (Mishra 2024, Fig 3.8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iddkit.errors import printable
from iddkit.reporting.benchmark_entries import rank_frames
from iddkit.runs import FrameScore, Run

#: Width of a picture, in pixels.
_WIDTH: Final = 320

#: Wrong pixels; what has no class is black, and right ones are grey.
_WRONG, _VOID = (213, 94, 0), (0, 0, 0)


@dataclass(frozen=True, eq=False, slots=True)
class Example:
    """A validation frame to show.

    Attributes
    ----------
    key, caption
        Of the frame, and what is to be said of it: ``best: mean IoU 81.2 %``.
    image
        uint8 (H, W, 3) RGB.
    predicted, truth
        uint8 (h, w), both of one size: columns of the run's labels; what is no column of them is void, or no class.
    run
        Name of the run that predicted it; "" for the first one of a report.
    """

    key: str
    caption: str
    image: NDArray[np.uint8]
    predicted: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    run: str = ""


def choose_frames(run: Run, each: int = 2) -> tuple[tuple[FrameScore, str], ...]:
    """Return the best, the median and the worst frames of a run with their captions, so many of each; none twice.

    Equal scores stand in the order of the split.
    """
    ranked = rank_frames(run)
    middle = max(0, (len(ranked) - each) // 2)
    chosen: dict[str, tuple[FrameScore, str]] = {}
    for name, part in (
        ("best", ranked[:each]),
        ("median", ranked[middle : middle + each]),
        ("worst", ranked[max(0, len(ranked) - each) :]),
    ):
        for one in part:
            chosen.setdefault(one.key, (one, f"{name}: mean IoU {100 * one.mean_iou:.1f} %"))
    return tuple(chosen.values())


def draw_examples(
    examples: Sequence[Example], labels: Sequence[str], colors: Sequence[tuple[int, int, int]]
) -> NDArray[np.uint8]:
    """Return a sheet with a row a frame, image, prediction, truth and wrong pixels: uint8 (H, W, 3) RGB.

    Parameters
    ----------
    examples
        At least one.
    labels, colors
        Names and RGB colours of the classes, in the order of the columns.
    """
    from iddkit.reporting.contact_sheet import draw_contact_sheet, draw_key, fit_image

    palette = np.full((256, 3), _VOID, dtype=np.uint8)
    palette[: len(colors)] = np.array(colors, dtype=np.uint8).reshape(-1, 3)
    rows, captions = [], []
    for one in examples:
        image = fit_image(one.image, one.truth.shape[1], one.truth.shape[0])
        rows.append([image, palette[one.predicted], palette[one.truth], mark_wrong(image, one, len(labels))])
        captions.append(f"{printable(one.key, 80)}   |   {printable(one.caption, 80)}")
    sheet = draw_contact_sheet(rows, ("image", "prediction", "truth", "wrong pixels"), captions, _WIDTH)
    key = [*zip((printable(label, 40) for label in labels), colors, strict=True), ("void or no class", _VOID)]
    return np.concatenate([sheet, draw_key([*key, ("wrong", _WRONG)], sheet.shape[1])])


def mark_wrong(image: NDArray[np.uint8], example: Example, size: int) -> NDArray[np.uint8]:
    """Return where a prediction is wrong, over the image in grey: uint8 (h, w, 3) RGB; void pixels are black.

    Parameters
    ----------
    image
        uint8 (h, w, 3) RGB, of the size of the truth.
    example
        The prediction and the truth.
    size
        How many classes there are.
    """
    grey = (0.6 * image.mean(axis=2, keepdims=True) + 80).astype(np.uint8)
    shown = np.repeat(grey, 3, axis=2)
    shown[(example.predicted != example.truth) & (example.truth < size)] = _WRONG
    shown[example.truth >= size] = _VOID
    return shown
