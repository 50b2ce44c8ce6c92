"""An annotated frame: shapes in depth order, whatever tool drew them.

The list order is the depth order, far to near: a later shape paints over an earlier one (thesis on
IDD-mini and IDD-lite, Mishra 2024, section 3.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iddkit.errors import FrameError, printable, shown

POLYGON = "polygon"

#: Every kind of shape with the number of points it needs: (least, most or None).
KINDS: Mapping[str, tuple[int, int | None]] = MappingProxyType(
    {
        POLYGON: (0, None),
        "rectangle": (2, 2),
        "oriented_rectangle": (4, 4),
        "circle": (2, 2),
        "line": (2, 2),
        "linestrip": (2, None),
        "point": (1, 1),
        "points": (1, None),
        "mask": (2, 2),
    }
)

#: No pixel coordinate is larger. Half-pixel arithmetic in float32 is exact below 2**23, and no
#: camera or orthophoto comes near; a larger number is a damaged file.
MAX_COORDINATE = float(2**22)

#: The longest side of an image in pixels: JPEG's limit.
MAX_SIDE = 65_535

#: Points of the largest polygon; the time to fill one grows with their number times the height of the image.
#: Annotators click some dozen, machines draw some thousand.
MAX_POINTS = 50_000

#: Pixels of the largest image that is accepted: the limit at which Pillow warns of a decompression bomb.
MAX_PIXELS = 89_478_485

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """One object of an annotation file.

    Attributes
    ----------
    label
        The label as the annotator typed it, without the white space around it.
    points
        float64 (N, 2), x and y in pixels, x to the right and y down, (0, 0) the outer corner of
        the first pixel. A polygon may have fewer than three points: real files do; it is then not drawn.
    kind
        A key of `KINDS`. Rectangles hold two opposite corners, circles the centre and a point on
        the rim, masks the two corners of the patch.
    number
        Position of the object in its file, from 0: what error messages and ledgers speak of.
    deleted
        Marked as deleted by the annotator: kept, and never drawn.
    group
        labelme's ``group_id``: shapes of one label and one group are one instance.
    author, date
        As the file says, or "".
    mask
        bool (h, w), for kind ``mask`` only: the patch, its first pixel at ``points[0]``.
    extra
        The file's own other keys, kept for writing the file again.
    """

    label: str
    points: NDArray[np.float64]
    kind: str = POLYGON
    number: int = 0
    deleted: bool = False
    group: int | str | None = None
    author: str = ""
    date: str = ""
    mask: NDArray[np.bool_] | None = None
    extra: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True, eq=False)
class Annotation:
    """All shapes of one frame, in draw order.

    Attributes
    ----------
    width, height
        Size in pixels, or 0 and 0 where the file does not say (LabelMe XML often does not): then
        the image must be asked (`with_size`).
    shapes
        In depth order, far to near.
    image
        The image's file name as the annotation file states it, or "".
    extra
        The file's own other keys, kept for writing the file again.
    """

    width: int
    height: int
    shapes: tuple[Shape, ...]
    image: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels; (0, 0) when unknown."""
        return self.width, self.height

    def with_size(self, width: int, height: int) -> Annotation:
        """Return the same annotation for an image of `width` x `height` pixels."""
        return Annotation(width, height, self.shapes, self.image, self.extra)

    def fitted(self, image_size: tuple[int, int] | None, image_name: str = "the image") -> Annotation:
        """Return the same annotation with the size of its image, which is None where there is no image.

        Raises
        ------
        FrameError
            Neither states a size, or the two differ.
        """
        if image_size is None and self.size == (0, 0):
            raise FrameError("no image size in the file, and no image to take it from")
        if image_size is not None and self.size not in ((0, 0), image_size):
            stated, real = (f"{width}x{height}" for width, height in (self.size, image_size))
            raise FrameError(f"the annotation is of an image of {stated}, {printable(image_name)} is {real}")
        return self if image_size is None else self.with_size(*image_size)


@dataclass(frozen=True, slots=True)
class Problem:
    """A part of a file that could not be read, and why. `number` is the object's, if it is one object's."""

    where: str
    text: str
    number: int | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.text}" if self.where else self.text


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader made of a file: the annotation, and the objects it could not read.

    ``len(annotation.shapes)`` and the problems that name an object add up to the objects in the
    file: nothing is dropped in silence.
    """

    annotation: Annotation
    problems: tuple[Problem, ...] = ()
    format: str = ""

    @property
    def object_count(self) -> int:
        """Objects in the file, readable or not."""
        return len(self.annotation.shapes) + len({p.number for p in self.problems if p.number is not None})


class PointsError(ValueError):
    """Numbers that are no points in an image. The text names the first one that is wrong."""


def as_points(values: Sequence[Any]) -> NDArray[np.float64]:
    """Return a list of [x, y] pairs as float64 (N, 2).

    Only numbers pass: a string, a boolean, null, a triple, NaN or a number beyond `MAX_COORDINATE` is
    named. Nothing is guessed: a guessed vertex is a wrong raster that nobody notices.

    Raises
    ------
    PointsError

    Examples
    --------
    >>> as_points([[1, 2.5], [3, 4]])
    array([[1. , 2.5],
           [3. , 4. ]])
    >>> as_points([[1, 2], [3, "4"]])
    Traceback (most recent call last):
    iddkit.annotation.PointsError: point 1: y is '4', not a number
    """
    if isinstance(values, (list, tuple)) and not values:
        return np.empty((0, 2))
    if isinstance(values, (list, tuple)) and len(values) > MAX_POINTS:
        raise PointsError(f"{len(values)} points, more than the {MAX_POINTS} that are accepted")
    try:
        # NumPy would take strings and booleans for numbers.
        if set(map(type, chain.from_iterable(values))) <= {int, float}:
            points = np.array(values, dtype=np.float64)
            # One comparison catches NaN as well: every comparison with NaN is false.
            if points.ndim == 2 and points.shape[1] == 2 and (np.abs(points) <= MAX_COORDINATE).all():
                return points
    except (ValueError, TypeError, OverflowError):
        pass
    raise PointsError(_first_wrong_point(values))


def _first_wrong_point(values: Sequence[Any]) -> str:
    if not isinstance(values, (list, tuple)):
        return f"the points are {shown(values)}, not a list"
    for i, pair in enumerate(values):
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            return f"point {i} is {shown(pair)}, not a pair of numbers"
        for axis, value in zip("xy", pair, strict=True):
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                return f"point {i}: {axis} is {shown(value)}, not a number"
            if not abs(value) <= MAX_COORDINATE:
                return f"point {i}: {axis} is {shown(value)}, no pixel coordinate"
    raise AssertionError("as_points refused points that are right")  # pragma: no cover


def point_list(points: NDArray[np.float64]) -> list[list[float | int]]:
    """Return [[x, y], ...] with whole numbers written as integers, as the tools do."""
    return [[int(v) if v.is_integer() else v for v in pair] for pair in points.tolist()]


def check_size(width: Any, height: Any) -> str | None:
    """Return what is wrong with an image size, or None when it is usable.

    Sizes are whole numbers from 1, and at most `MAX_PIXELS` pixels together.
    """
    for name, value in (("width", width), ("height", height)):
        if isinstance(value, bool) or not isinstance(value, int):
            return f"the {name} is {shown(value)}, not a whole number of pixels"
        if value < 1:
            return f"the {name} is {shown(value)}"
        if value > MAX_SIDE:
            return f"the {name} is {shown(value)}, larger than {MAX_SIDE}"
    if width * height > MAX_PIXELS:
        return f"the size {shown(width)} x {shown(height)} is larger than {MAX_PIXELS} pixels"
    return None


def check_kind(kind: str, count: int) -> str | None:
    """Return what is wrong with `count` points for a shape of this `kind`, or None."""
    if kind not in KINDS:
        return f"unknown shape type {shown(kind)}"
    least, most = KINDS[kind]
    if count < least or (most is not None and count > most):
        wanted = str(least) if least == most else f"at least {least}"
        return f"a {kind} needs {wanted} points, this one has {count}"
    return None
