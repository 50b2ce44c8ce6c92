"""`View`: a frame as the rules see it. What several rules need is worked out once, and only if one asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from iddkit.annotation import Annotation, Reading, Shape
from iddkit.checks.finding import Gap, Region, region_of
from iddkit.checks.gaps import find_gaps
from iddkit.checks.rings import Rings
from iddkit.checks.settings import Settings
from iddkit.labels import LabelMap
from iddkit.raster import Painting, default_fill, paint


@dataclass(frozen=True)
class View:
    """A frame that could be read.

    Attributes
    ----------
    reading
        Its annotation file.
    label_map
        The labels that there are.
    settings
        What the rules go by.
    image_size
        Width and height of its image; None where there is none, or it cannot be read.
    image_problem
        Why there is no image that can be read, or "".
    has_images
        Whether any frame of the dataset has an image: where none has, nothing is missing.
    fill
        Rule by which it is painted; None for that of the format and the label map.
    """

    reading: Reading
    label_map: LabelMap
    settings: Settings = field(default_factory=Settings)
    image_size: tuple[int, int] | None = None
    image_problem: str = ""
    has_images: bool = True
    fill: str | None = None

    @cached_property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels: of the annotation, else of the image; (0, 0) where nobody knows."""
        stated = self.reading.annotation.size
        return stated if stated != (0, 0) else (self.image_size or (0, 0))

    @cached_property
    def annotation(self) -> Annotation:
        """The annotation, of a known size if there is one."""
        annotation = self.reading.annotation
        return annotation if annotation.size == self.size else annotation.with_size(*self.size)

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """The shapes that are not deleted: what the rules speak of."""
        return tuple(shape for shape in self.annotation.shapes if not shape.deleted)

    @cached_property
    def by_number(self) -> dict[int, Shape]:
        """The same by their number in the file."""
        return {shape.number: shape for shape in self.shapes}

    @cached_property
    def rings(self) -> Rings:
        """Their polygons."""
        return Rings.of(self.shapes)

    @cached_property
    def regions(self) -> dict[int, Region]:
        """The box around each shape that has points, by its number: of rectangles and circles around their outline."""
        ringed = {shape.number for shape in self.rings.shapes}
        others = (shape for shape in self.shapes if shape.number not in ringed)
        found = {shape.number: box for shape in others if (box := region_of(shape.points)) is not None}
        low, high = np.floor(self.rings.boxes[:, :2]), np.ceil(self.rings.boxes[:, 2:])
        boxes = np.hstack([low, np.maximum(high - low, 1)]).astype(int).tolist()
        found |= {shape.number: (x, y, w, h) for shape, (x, y, w, h) in zip(self.rings.shapes, boxes, strict=True)}
        return found

    @property
    def is_size_certain(self) -> bool:
        """Whether annotation and image do not contradict each other about their size."""
        return self.image_size is None or self.reading.annotation.size in ((0, 0), self.image_size)

    @cached_property
    def painting(self) -> Painting | None:
        """The frame painted, unknown labels as void; None where its size is not known."""
        if self.size == (0, 0):
            return None
        fill = self.fill or default_fill(self.reading.format, self.label_map)
        return paint(self.annotation, self.label_map, fill, unknown="void")

    @cached_property
    def gaps(self) -> tuple[Gap, ...]:
        """The regions that no shape covers, of `Settings.gap` pixels or more."""
        return () if self.painting is None else find_gaps(self.painting, self.settings.gap)

    def label_of(self, shape: Shape) -> str | None:
        """Return the label of the map that a shape has, of a group that of its members; None if it is not known."""
        found = self.label_map.find(shape.label)
        return None if found is None else found[0]

    def is_thing(self, shape: Shape) -> bool:
        """Return whether a shape is of a label that is counted by instance."""
        label = self.label_of(shape)
        return label is not None and self.label_map[label].has_instances
