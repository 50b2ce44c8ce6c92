"""A frame as the page draws it: its image, and which object is seen at each pixel."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from iddkit import formats, labels
from iddkit.annotation import Reading, Shape
from iddkit.errors import ImageError
from iddkit.files import read_bytes
from iddkit.geometry import polygons
from iddkit.images import encode_png, read_rgb
from iddkit.raster import default_fill, paint
from iddkit.reporting.canvas import UNKNOWN_COLOR

#: How files of these kinds begin: what every browser shows as it is.
_KINDS: Final = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"))


@dataclass(frozen=True, slots=True)
class Drawing:
    """An annotation ready to be drawn.

    Attributes
    ----------
    width, height
        In pixels; 0 where neither file nor image says it.
    encoded
        `shapes` as JSON: a seventh of what thousands of outlines take as lists while a drawing is kept.
    objects
        Number of the object that each value of the index image stands for, from 1 on.
    index
        PNG, RGB: red + 256 green is the value at a pixel, 0 where nothing was drawn. None without a size.
    """

    width: int
    height: int
    encoded: bytes
    objects: tuple[int, ...]
    index: bytes | None

    @property
    def shapes(self) -> list[dict[str, Any]]:
        """All objects of the file as JSON values.

        Number, label, color, whether it is deleted, how many of its pixels are seen, why it is not drawn, its outlines.
        """
        return json.loads(self.encoded)  # type: ignore[no-any-return]


#: Of a frame that has nothing to be drawn.
NOTHING: Final = Drawing(0, 0, b"[]", (), None)


def draw(content: bytes, name: str, label_map_name: str, size: tuple[int, int] | None) -> Drawing:
    """Return an annotation file as the page draws it, painted by the rule of its format.

    Parameters
    ----------
    content, name
        Of the file.
    label_map_name
        As `iddkit.labels.load` takes it.
    size
        Width and height of the image, where it is at hand: what the file leaves open.

    Raises
    ------
    UserError
        The file or the label map cannot be read, or there are more objects than can be painted.
    """
    label_map, reading = labels.load(label_map_name), formats.parse(content, Path(name))
    annotation = reading.annotation
    if annotation.size == (0, 0) and size is not None:
        annotation = annotation.with_size(*size)
    if annotation.size == (0, 0):
        return Drawing(0, 0, _encode(reading, label_map, {}, {}), (), None)
    painting = paint(annotation, label_map, default_fill(reading.format, label_map), unknown="void")
    counts = painting.pixel_counts()[1:].tolist()
    seen = {one.number: count for one, count in zip(painting.objects, counts, strict=True)}
    dropped = {one.number: one.reason for one in painting.dropped}
    index = np.zeros((*painting.index.shape, 3), dtype=np.uint8)
    index[..., 0], index[..., 1] = painting.index & 255, painting.index.astype(np.uint16) >> 8
    encoded = _encode(reading, label_map, seen, dropped)
    return Drawing(*annotation.size, encoded, tuple(one.number for one in painting.objects), encode_png(index))


def _encode(reading: Reading, label_map: labels.LabelMap, seen: dict[int, int], dropped: dict[int, str]) -> bytes:
    described = []
    for shape in reading.annotation.shapes:
        found = label_map.find(shape.label)
        color = UNKNOWN_COLOR if found is None else label_map[found[0]].color
        described.append(
            {
                "number": shape.number,
                "label": shape.label,
                "known": found is not None,
                "color": "#{:02x}{:02x}{:02x}".format(*color),
                "deleted": shape.deleted,
                "pixels": seen.get(shape.number, 0),
                "dropped": dropped.get(shape.number, ""),
                "outlines": _outlines(shape),
            }
        )
    return json.dumps(described).encode()


def _outlines(shape: Shape) -> list[list[list[float]]]:
    try:
        return [outline.tolist() for outline in polygons(shape)]
    except ValueError:  # too few points for its kind
        return []


def read_picture(path: Path) -> tuple[str, bytes]:
    """Return an image as a browser shows it: media type and content, made into a PNG if it is neither that nor JPEG.

    Raises
    ------
    ImageError
        There is none, or it cannot be read.
    """
    if not path.is_file():
        raise ImageError("there is no such file", path=path)
    content = read_bytes(path)
    for beginning, kind in _KINDS:
        if content.startswith(beginning):
            return kind, content
    return "image/png", encode_png(read_rgb(path))
