"""`SubsetPlan`: what a derived dataset is to be, and nothing of how it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from iddkit import labels
from iddkit.errors import OptionError
from iddkit.images import OutputSize
from iddkit.labels import LabelMap

#: How frames are chosen: the algorithm of this package, and two plain ones to compare it with.
METHODS: Final = ("balanced", "random", "every-kth")

#: Layouts that derived datasets are written in: that of the published IDD-lite, and Cityscapes'.
OUTPUT_LAYOUTS: Final = ("idd-lite", "cityscapes")

#: Image formats to the suffix of their files.
IMAGE_FORMATS: Final = {"jpeg": ".jpg", "png": ".png"}


@dataclass(frozen=True)
class SubsetPlan:
    """What is to be derived from a dataset.

    Attributes
    ----------
    label_map, level
        Numbers of the label images.
    factor
        One frame of so many is chosen in each split.
    counts
        Split to the number of frames to choose there, instead of the factor. A split that is named nowhere is cut by
        the factor; where there is no factor, it is left out.
    longest_side, size
        Of the output in pixels: the longer side, the aspect ratio kept; or width and height. One of the two, or
        neither: as the source is.
    method, seed
        How frames are chosen (`METHODS`). Same source, plan and seed: same frames, on every machine.
    cover_sequences
        At least one frame of each sequence, whatever it costs the label statistics.
    frames
        Keys of the frames to take, instead of a choice.
    unlabelled
        Take along frames that have an image and no labels (a published test split), as many as the factor or
        the counts say.
    layout
        One of `OUTPUT_LAYOUTS`.
    image_format, quality
        One of `IMAGE_FORMATS`, and the quality of JPEG, 1-100.
    fill, unknown
        Fill rule for polygons (None: by format and map) and the way with unknown labels, as `iddkit.raster.paint` has
        them.
    name, license
        Of the derived dataset, for its card.
    """

    label_map: LabelMap = field(default_factory=lambda: labels.load("idd"))
    level: str = "level1"
    factor: Fraction | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    longest_side: int | None = None
    size: tuple[int, int] | None = None
    method: str = "balanced"
    seed: int = 0
    cover_sequences: bool = False
    frames: tuple[str, ...] | None = None
    unlabelled: bool = False
    layout: str = "idd-lite"
    image_format: str = "jpeg"
    quality: int = 95
    fill: str | None = None
    unknown: str = "error"
    name: str = "subset"
    license: str = ""

    def __post_init__(self) -> None:
        self.label_map.level(self.level)
        OutputSize(self.longest_side, self.size)
        known = (("method", self.method, METHODS), ("layout", self.layout, OUTPUT_LAYOUTS))
        for what, value, values in (*known, ("image format", self.image_format, tuple(IMAGE_FORMATS))):
            if value not in values:
                raise OptionError(f"the {what} {value!r} is none of {', '.join(values)}")
        if self.factor is not None and self.factor < 1:
            raise OptionError(f"a factor of {float(self.factor):g} asks for more frames than there are")
        if self.factor is None and not self.counts and self.frames is None:
            raise OptionError("how many frames? a factor, counts or a list of frames are needed")
        for split, count in self.counts.items():
            if count < 0:
                raise OptionError(f"{count} frames of {split or 'the dataset'}: a count is not negative")
        if self.seed < 0:
            raise OptionError(f"the seed {self.seed} is negative")
        if not 1 <= self.quality <= 100:
            raise OptionError(f"the quality {self.quality} is not between 1 and 100")

    @property
    def output_size(self) -> OutputSize:
        """The rule that gives the size of each output."""
        return OutputSize(self.longest_side, self.size)

    def count_frames(self, available: Mapping[str, int]) -> dict[str, int]:
        """Return how many frames are to be chosen in each split, given how many it has.

        ``available / factor`` to the nearest whole number, halves up, and at least one of a split that has any.

        Raises
        ------
        OptionError
            A split has fewer frames than are asked for, or all together have fewer than the factor.
        """
        for split in self.counts:
            if split not in available:
                known = ", ".join(repr(name) for name in available)
                raise OptionError(f"there is no split {split!r} to count frames of; there are: {known}")
        total = sum(available.values())
        if self.factor is not None and total < self.factor:
            raise OptionError(f"the factor {float(self.factor):g} is larger than the dataset of {total} frames")
        return {split: self._count(split, frames) for split, frames in available.items()}

    def _count(self, split: str, available: int) -> int:
        if split in self.counts:
            count = self.counts[split]
            if count > available:
                raise OptionError(f"{count} frames of {split or 'the dataset'} are asked for; it has {available}")
            return count
        if self.factor is None or available == 0:
            return 0
        return max(1, int((2 * available + self.factor) // (2 * self.factor)))

    def settings(self) -> dict[str, Any]:
        """Return the plan as JSON values, as the manifest records it."""
        return {
            "name": self.name,
            "label_map": self.label_map.name,
            "label_map_sha256": self.label_map.sha256,
            "level": self.level,
            "factor": None if self.factor is None else str(self.factor),
            "counts": dict(sorted(self.counts.items())),
            "longest_side": self.longest_side,
            "size": None if self.size is None else list(self.size),
            "method": self.method,
            "seed": self.seed,
            "cover_sequences": self.cover_sequences,
            "frames": None if self.frames is None else list(self.frames),
            "unlabelled": self.unlabelled,
            "layout": self.layout,
            "image_format": self.image_format,
            "quality": self.quality if self.image_format == "jpeg" else None,
            "fill": self.fill,
            "unknown": self.unknown,
            "license": self.license,
        }
