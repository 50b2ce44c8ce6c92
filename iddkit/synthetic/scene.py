"""From a street and a moment to an annotated frame, as annotators would have drawn it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from iddkit.annotation import Annotation, Shape, check_size
from iddkit.errors import OptionError
from iddkit.synthetic.camera import LAYOUT_HEIGHT, Camera
from iddkit.synthetic.dice import Dice
from iddkit.synthetic.hand import click
from iddkit.synthetic.view import Draft, Surface, view
from iddkit.synthetic.world import FRAME, World, world

#: Smallest frame, in pixels.
MIN_SIZE = (64, 36)

_USERS = tuple(f"annotator{k:02d}" for k in range(1, 26))
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A frame: its annotation, and for each shape what the renderer draws (None for what is not there).

    Attributes
    ----------
    annotation
        The polygons, far to near.
    surfaces
        One for each shape; None for deleted shapes and for those without an area.
    distances
        Metres to each shape, never increasing.
    camera
        In layout pixels.
    world
        The street.
    time
        Seconds into the drive.
    """

    annotation: Annotation
    surfaces: tuple[Surface | None, ...]
    distances: tuple[float, ...]
    camera: Camera
    world: World
    time: float


def scene(
    seed: int,
    *,
    time: float = 0.0,
    width: int = 1920,
    height: int = 1080,
    labels: str = "idd",
    incomplete: float = 0.03,
) -> Scene:
    """Return the frame that a camera sees `time` seconds into the drive `seed`.

    Equal arguments give equal polygons on every machine. A frame has the same polygons at every size of one
    aspect ratio, but for the scale.

    Parameters
    ----------
    seed
        The drive sequence: another seed is another street.
    time
        In seconds, from 0.
    width, height
        In pixels, at least 64 x 36.
    labels
        ``idd``, or ``cityscapes`` for labels that both label maps know.
    incomplete
        Share of the frames that hold an object of no or two points, as real files do.

    Raises
    ------
    OptionError
        A size that is too small or too large, an unknown set of labels, a negative seed or time.

    Examples
    --------
    >>> frame = scene(7, width=640, height=360)
    >>> frame.annotation.size, frame.annotation.shapes[0].label
    ((640, 360), 'sky')
    """
    wrong = check_size(width, height)
    if wrong is None and (width < MIN_SIZE[0] or height < MIN_SIZE[1]):
        wrong = f"a scene of {width} x {height} pixels is too small; the least is {MIN_SIZE[0]} x {MIN_SIZE[1]}"
    if wrong is None and not 0.0 <= time < 1e6:
        wrong = f"the time is {time}; it must be between 0 and 1000000 seconds"
    if wrong is not None:
        raise OptionError(wrong)
    street = world(seed, labels)
    camera = street.camera(time, width * LAYOUT_HEIGHT / height)
    return _annotate(street, camera, time, (width, height), incomplete)


def sequence(
    seed: int,
    frames: int,
    *,
    interval: float = 0.5,
    width: int = 1920,
    height: int = 1080,
    labels: str = "idd",
    incomplete: float = 0.03,
) -> Iterator[Scene]:
    """Yield the first `frames` frames of the drive `seed`, `interval` seconds apart; see `scene`."""
    for k in range(frames):
        yield scene(seed, time=k * interval, width=width, height=height, labels=labels, incomplete=incomplete)


def _annotate(street: World, camera: Camera, time: float, size: tuple[int, int], incomplete: float) -> Scene:
    """Return the frame with what annotators add: slips of the hand, deleted objects, numbers, dates."""
    drafts = view(street, camera, time)
    dice = Dice(street.seed, FRAME, round(time * 1000.0))
    scale = size[1] / LAYOUT_HEIGHT
    shapes: list[Shape] = []
    surfaces: list[Surface | None] = []
    distances: list[float] = []
    identity = dice.whole(0, 3)
    day, month, year = dice.whole(1, 28), dice.pick(_MONTHS), dice.whole(2017, 2019)
    minute = dice.whole(9 * 60, 15 * 60)
    user = dice.pick(_USERS)

    def add(label: str, points: NDArray[np.float64], draft: Draft, *, deleted: bool = False) -> None:
        nonlocal identity, minute
        identity += 1 + int(dice.chance(0.12)) * dice.whole(1, 4)
        minute += dice.whole(0, 2)
        date = f"{day:02d}-{month}-{year} {minute // 60:02d}:{minute % 60:02d}:{dice.whole(0, 59):02d}"
        number = len(shapes)
        extra: dict[str, object] = {"id": identity, "deleted": int(deleted), "verified": int(dice.chance(0.3))}
        extra |= {"date": date, "user": user, "draw": not deleted}
        # Adding 0.0 turns -0.0 into 0.0.
        rounded = np.floor(points * (scale * 100.0) + 0.5) / 100.0 + 0.0
        shapes.append(Shape(label, rounded, number=number, deleted=deleted, author=user, date=date, extra=extra))
        drawn = not deleted and len(points) > 2
        surfaces.append(_scaled(draft.surface, scale) if drawn else None)
        distances.append(draft.distance)

    flawed = dice.whole(0, len(drafts) - 1) if dice.chance(incomplete) else -1
    for k, draft in enumerate(drafts):
        points = click(draft, camera, street.seed, dice)
        if len(points) < 3:
            continue
        if dice.chance(0.075):
            drift = np.array((dice.between(-6.0, 6.0), dice.between(-4.0, 4.0)))
            step = dice.whole(1, 3) if len(points) > 12 else 1
            add(draft.label, points[::step] + drift, draft, deleted=True)
        if k == flawed:
            add(draft.label, points[: dice.pick((0, 2))], draft)
        if dice.chance(0.05):
            repeated = dice.whole(0, len(points) - 1)
            points = np.insert(points, repeated, points[repeated], axis=0)
        if dice.chance(0.015):
            points = np.concatenate((points, points[:1]))
        add(draft.label, points, draft)
    return Scene(Annotation(*size, tuple(shapes)), tuple(surfaces), tuple(distances), camera, street, time)


def _scaled(surface: Surface, scale: float) -> Surface:
    return replace(
        surface,
        points=surface.points * np.array((scale, scale, 1.0)),
        paint=tuple((corners * scale, color) for corners, color in surface.paint),
        shadow=None if surface.shadow is None else surface.shadow * scale,
    )
