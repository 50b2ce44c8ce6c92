"""Pictures of frames beside what a network made of them (Mishra 2024, Fig 3.8)."""

from __future__ import annotations

import io
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

# Of the legend below the pictures, in pixels.
_LINE, _CHIP, _PAPER, _INK = 24, 12, (250, 250, 248), (30, 30, 30)


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
    from iddkit.reporting.contact_sheet import draw_contact_sheet

    palette = np.full((256, 3), _VOID, dtype=np.uint8)
    palette[: len(colors)] = np.array(colors, dtype=np.uint8).reshape(-1, 3)
    rows, captions = [], []
    for one in examples:
        image = _fit(one.image, one.truth.shape[1], one.truth.shape[0])
        rows.append([image, palette[one.predicted], palette[one.truth], mark_wrong(image, one, len(labels))])
        captions.append(f"{printable(one.key, 80)}   |   {printable(one.caption, 80)}")
    sheet = draw_contact_sheet(rows, ("image", "prediction", "truth", "wrong pixels"), captions, _WIDTH)
    return np.concatenate([sheet, _draw_legend(labels, colors, sheet.shape[1])])


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


def to_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return a sheet as a PNG file. Same sheet, same bytes, as long as Pillow is the same."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=9)
    return file.getvalue()


def _fit(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    from PIL import Image

    if image.shape[:2] == (height, width):
        return image
    return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


def _draw_legend(labels: Sequence[str], colors: Sequence[tuple[int, int, int]], width: int) -> NDArray[np.uint8]:
    from PIL import Image, ImageDraw

    from iddkit.reporting.canvas import font

    text = font(13)
    entries = [*zip((printable(label, 40) for label in labels), colors, strict=True), ("void or no class", _VOID)]
    entries.append(("wrong", _WRONG))
    places, x, y = [], 8.0, 4
    for name, _ in entries:
        length = _CHIP + 6 + text.getlength(name) + 22
        if x > 8 and x + length > width:
            x, y = 8.0, y + _LINE
        places.append((x, y))
        x += length
    legend = Image.new("RGB", (width, y + _LINE + 4), _PAPER)
    draw = ImageDraw.Draw(legend)
    for (name, color), (left, top) in zip(entries, places, strict=True):
        draw.rectangle((left, top + 2, left + _CHIP, top + 2 + _CHIP), fill=color, outline=(95, 107, 120))
        draw.text((left + _CHIP + 6, top), name, fill=_INK, font=text)
    return np.array(legend)
