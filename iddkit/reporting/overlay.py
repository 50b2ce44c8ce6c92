"""One frame to look at: the image under its labels, with outlines and a legend."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from iddkit.annotation import POLYGON, Annotation
from iddkit.labels import LabelMap
from iddkit.raster import Painting, paint
from iddkit.reporting.canvas import UNKNOWN_COLOR, font, label_colors

_PAPER, _INK, _FAINT = (250, 250, 248), (30, 30, 30), (120, 120, 120)


def draw_overlay(
    annotation: Annotation,
    label_map: LabelMap,
    image: NDArray[np.uint8] | None = None,
    *,
    level: str = "id",
    fill: str = "pillow",
    opacity: float = 0.5,
    title: str = "",
) -> NDArray[np.uint8]:
    """Return a picture of an annotated frame: uint8 (H, W + legend, 3) RGB.

    Parameters
    ----------
    annotation
        With a known size. Unknown labels are shown in magenta and named in the legend.
    label_map, level, fill
        Which numbers and colours, painted by which rule (`iddkit.raster.paint`).
    image
        uint8 (H, W, 3) RGB of the same size, or None for a grey ground.
    opacity
        Of the labels, 0-1.
    title
        A line above the legend.
    """
    painting = paint(annotation, label_map, fill, unknown="void")
    ground = np.full((*painting.index.shape, 3), 128, dtype=np.uint8) if image is None else image
    colors = label_colors(painting, label_map, level)
    cover = Image.fromarray(np.where(painting.index > 0, np.uint8(round(255 * opacity)), np.uint8(0)))
    mixed = Image.composite(Image.fromarray(colors), Image.fromarray(ground), cover)
    _draw_outlines(mixed, annotation, painting, label_map)
    legend = _legend(annotation, painting, label_map, level, mixed.height, title)
    picture = Image.new("RGB", (mixed.width + legend.width, mixed.height), _PAPER)
    picture.paste(mixed, (0, 0))
    picture.paste(legend, (mixed.width, 0))
    return np.array(picture)


def _draw_outlines(picture: Image.Image, annotation: Annotation, painting: Painting, label_map: LabelMap) -> None:
    draw = ImageDraw.Draw(picture)
    width = max(1, round(max(picture.size) / 1000))
    by_number = {shape.number: shape for shape in annotation.shapes}
    for painted in painting.objects:
        shape = by_number[painted.number]
        color = UNKNOWN_COLOR if painted.label is None else _darker(label_map[painted.label].color)
        if shape.kind == POLYGON:
            closed = np.concatenate([shape.points, shape.points[:1]])
            draw.line(closed.ravel().tolist(), fill=color, width=width)


def _darker(color: tuple[int, int, int]) -> tuple[int, int, int]:
    red, green, blue = (channel * 6 // 10 for channel in color)
    return red, green, blue


def _legend(
    annotation: Annotation, painting: Painting, label_map: LabelMap, level: str, height: int, title: str
) -> Image.Image:
    rows = _legend_rows(annotation, painting, label_map, level)
    line = int(np.clip(height / (len(rows) + 4), 9, max(height / 36, 13)))
    text = font(max(8, int(line * 0.72)))
    heading = [title or "frame", f"{annotation.width} x {annotation.height}, {level}"]
    widest = max(text.getlength(words) for words in [*heading, *(f"{name}  {note}" for _, name, note in rows)])
    legend = Image.new("RGB", (int(widest + 3.5 * line), height), _PAPER)
    draw = ImageDraw.Draw(legend)
    for i, words in enumerate(heading):
        draw.text((line, line * (0.6 + i)), words, fill=_INK if i == 0 else _FAINT, font=text)
    for i, (color, name, note) in enumerate(rows, start=3):
        top = line * i
        if color is not None:
            draw.rectangle((line, top + 0.15 * line, 1.8 * line, top + 0.85 * line), fill=color, outline=_FAINT)
        draw.text((2.3 * line, top), name, fill=_INK, font=text)
        draw.text((2.3 * line + text.getlength(name + "  "), top), note, fill=_FAINT, font=text)
    return legend


def _legend_rows(
    annotation: Annotation, painting: Painting, label_map: LabelMap, level: str
) -> list[tuple[tuple[int, int, int] | None, str, str]]:
    # One row a category: its colour, its name, its objects and its share of the pixels.
    pixels = painting.pixel_counts()
    objects: dict[int | None, int] = {}
    area: dict[int | None, int] = {}
    for k, shape in enumerate(painting.objects, start=1):
        number = None if shape.label is None else label_map[shape.label].numbers[level]
        objects[number] = objects.get(number, 0) + 1
        area[number] = area.get(number, 0) + int(pixels[k])
    rows: list[tuple[tuple[int, int, int] | None, str, str]] = []
    for category in label_map.categories(level):
        if category.number in objects:
            share = 100 * area[category.number] / painting.index.size
            name = category.name if len(category.name) <= 34 else category.name[:32] + "..."
            rows.append((category.color, name, f"{objects[category.number]}, {share:.1f} %"))
    if None in objects:
        strangers = sorted({s.label for s in annotation.shapes if label_map.find(s.label) is None and not s.deleted})
        rows.append((UNKNOWN_COLOR, "unknown: " + ", ".join(strangers)[:40], str(objects[None])))
    rows.append((None, "nothing painted", f"{100 * pixels[0] / painting.index.size:.1f} %"))
    if painting.dropped:
        rows.append((None, "not drawn", f"{len(painting.dropped)} objects"))
    return rows
