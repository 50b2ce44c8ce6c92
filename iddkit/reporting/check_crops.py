"""Pictures of findings: a part of the frame with the outlines of its objects, the one that is meant in front."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from iddkit.annotation import Annotation, Shape
from iddkit.checks.finding import Finding, Gap, Region
from iddkit.geometry import polygons
from iddkit.reporting.sections import data_uri

#: Size of a picture, and what it shows around a region: this part of its longer side, so many pixels at least.
WIDTH, HEIGHT = 300, 200
_AROUND, _LEAST = 0.6, 24

#: The object that is meant, the others, the region, gaps; the paper where there is no image, and beyond its edge.
_MEANT, _OTHER, _REGION, _GAP = (213, 0, 50), (250, 250, 248), (255, 196, 0), (214, 0, 214)
_GREY, _BEYOND = (120, 120, 120), (40, 40, 40)

#: Of an overview with the gaps.
_OVERVIEW: Final = 960


def draw_crop(finding: Finding, annotation: Annotation, image: NDArray[np.uint8] | None) -> NDArray[np.uint8] | None:
    """Return the part of a frame that a finding speaks of: uint8 (200, 300, 3) RGB; None where it speaks of no place.

    Parameters
    ----------
    finding
        With a region.
    annotation
        Of the frame; its outlines are drawn thin and white, that of the finding's object thick and red.
    image
        uint8 (H, W, 3) RGB, or None for a grey ground.
    """
    if finding.region is None or annotation.width == 0:
        return None
    left, top, scale = _window(finding.region)
    picture = _ground(image, (annotation.width, annotation.height), left, top, scale)
    draw = ImageDraw.Draw(picture)
    shapes = sorted(annotation.shapes, key=lambda shape: shape.number == finding.object)
    for shape in shapes:
        is_meant = shape.number == finding.object
        if not shape.deleted or is_meant:
            _draw_outline(draw, shape, left, top, scale, _MEANT if is_meant else _OTHER, 3 if is_meant else 1)
    x, y, width, height = finding.region
    small = finding.object is None or max(width, height) <= 4
    if small:
        box = [(x - left) * scale, (y - top) * scale, (x + width - left) * scale, (y + height - top) * scale]
        draw.rectangle([box[0] - 3, box[1] - 3, box[2] + 3, box[3] + 3], outline=_REGION, width=2)
    return np.array(picture)


def draw_gaps(gaps: Sequence[Gap], size: tuple[int, int], image: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """Return a frame at most 960 pixels wide with the boxes of its gaps: uint8 (h, w, 3) RGB.

    Parameters
    ----------
    gaps
        Of the frame.
    size
        Its width and height in pixels.
    image
        uint8 (H, W, 3) RGB, or None for a grey ground.
    """
    width, height = size
    scale = min(1.0, _OVERVIEW / width)
    fitted = max(1, round(width * scale)), max(1, round(height * scale))
    ground = Image.new("RGB", size, _GREY) if image is None else Image.fromarray(image)
    picture = ground.resize(fitted, Image.Resampling.BOX)
    draw = ImageDraw.Draw(picture)
    for gap in gaps:
        x, y, w, h = (value * scale for value in gap.region)
        draw.rectangle([x - 2, y - 2, x + w + 2, y + h + 2], outline=_GAP, width=2)
    return np.array(picture)


def as_data(picture: NDArray[np.uint8]) -> str:
    """Return a picture as the address of an image inside a page: a JPEG in base64."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=80)
    return data_uri("image/jpeg", file.getvalue())


def _window(region: Region) -> tuple[float, float, float]:
    """Return the left and top edge of what is shown, in pixels of the frame, and how much it is enlarged."""
    x, y, width, height = region
    around = max(_AROUND * max(width, height), _LEAST)
    scale = min(WIDTH / (width + 2 * around), HEIGHT / (height + 2 * around), 8.0)
    return x + width / 2 - WIDTH / scale / 2, y + height / 2 - HEIGHT / scale / 2, scale


def _ground(
    image: NDArray[np.uint8] | None, size: tuple[int, int], left: float, top: float, scale: float
) -> Image.Image:
    picture = Image.new("RGB", (WIDTH, HEIGHT), _BEYOND)
    # Only what is shown is enlarged: a frame has millions of pixels.
    x0, y0 = max(0, int(left)), max(0, int(top))
    x1, y1 = min(size[0], int(left + WIDTH / scale) + 2), min(size[1], int(top + HEIGHT / scale) + 2)
    if x1 <= x0 or y1 <= y0:
        return picture
    part = Image.new("RGB", (x1 - x0, y1 - y0), _GREY) if image is None else Image.fromarray(image[y0:y1, x0:x1])
    fitted = max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale))
    way = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
    picture.paste(part.resize(fitted, way), (round((x0 - left) * scale), round((y0 - top) * scale)))
    return picture


def _draw_outline(
    draw: ImageDraw.ImageDraw,
    shape: Shape,
    left: float,
    top: float,
    scale: float,
    color: tuple[int, int, int],
    width: int,
) -> None:
    try:
        rings = polygons(shape)
    except ValueError:  # a line of several points has no outline
        rings = [shape.points]
    for ring in rings:
        if not len(ring):
            continue
        shown = (np.concatenate([ring, ring[:1]]) - (left, top)) * scale
        # What is far beyond the picture would overflow in the drawing of lines.
        draw.line(np.clip(shown, -4096, 4096).ravel().tolist(), fill=color, width=width)


def group_by_frame(findings: Sequence[tuple[str, Finding]]) -> Mapping[str, list[int]]:
    """Return the places of the findings of each frame: a frame is read once for all of them."""
    places: dict[str, list[int]] = {}
    for place, (key, _) in enumerate(findings):
        places.setdefault(key, []).append(place)
    return places
