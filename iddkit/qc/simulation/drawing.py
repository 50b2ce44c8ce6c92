"""What simulated frames show, how it is drawn, and what can be wrong with a drawing.

Small street scenes of one or two dozen polygons: made for files that differ where annotators err, not to be looked at
as those of `iddkit.synthetic` are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from iddkit.annotation import Annotation, Shape
from iddkit.qc.checklist import Checklist, Mark
from iddkit.qc.spoiling import CONFUSED
from iddkit.synthetic.dice import Dice

WIDTH: Final = 1920
HEIGHT: Final = 1080

#: Things that stand in the street, and how wide and high they are in metres.
_THINGS: Final[dict[str, tuple[float, float]]] = {
    "car": (1.8, 1.5),
    "autorickshaw": (1.4, 1.7),
    "truck": (2.4, 3.0),
    "bus": (2.5, 3.1),
    "motorcycle": (0.8, 1.2),
    "bicycle": (0.7, 1.1),
    "person": (0.6, 1.7),
}
_SMALL: Final = ("traffic sign", "traffic light", "pole")

#: What a defect does to a file by the reason of the checklist that names it, and how often annotators make it.
WEIGHTS: Final[dict[str, float]] = {
    "wrong-label": 0.40,
    "missing-object": 0.20,
    "missing-small-object": 0.15,
    "boundary": 0.15,
    "gap": 0.05,
    "duplicate": 0.05,
}

# Defects for which there is no polygon to point at.
_MISSING: Final = ("missing-object", "missing-small-object", "gap")

# Pixels that a boundary is off where it is a defect, and where it is only drawn by hand.
_OFF: Final = 24
_HAND: Final = 2


@dataclass(frozen=True, slots=True)
class Thing:
    """An object of a scene: its label and its outline, (x, y) in whole pixels."""

    label: str
    outline: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Defect:
    """What is wrong with one object of a drawing.

    Attributes
    ----------
    reason
        A key of `WEIGHTS`.
    thing
        Its place in the scene.
    label
        What a wrongly labelled one is called.
    hidden
        Hard to see.
    """

    reason: str
    thing: int
    label: str = ""
    hidden: bool = False


def make_scene(seed: int, number: int) -> tuple[Thing, ...]:
    """Return what a frame shows, far to near: the truth that a drawing can be compared with."""
    dice = Dice(seed, 1, number)
    horizon = dice.whole(380, 520)
    things = [
        Thing("sky", _box(0, 0, WIDTH, horizon)),
        Thing(
            "road", ((0, HEIGHT), (dice.whole(700, 860), horizon), (dice.whole(1000, 1200), horizon), (WIDTH, HEIGHT))
        ),
        Thing("sidewalk", ((WIDTH, HEIGHT), (1210, horizon), (1320, horizon), (WIDTH, dice.whole(700, 900)))),
    ]
    for side in (0, 1):
        width = dice.whole(380, 640)
        left = 0 if side == 0 else WIDTH - width
        things.append(Thing("building", _box(left, dice.whole(40, 240), width, horizon)))
        low = dice.pick(("wall", "fence"))
        things.append(Thing(low, _box(left, horizon - 40, width, horizon + dice.whole(10, 60))))
    things += [Thing("vegetation", _bush(dice, horizon)) for _ in range(dice.whole(1, 3))]
    if dice.chance(0.5):
        things.append(Thing("billboard", _box(dice.whole(60, 1700), dice.whole(60, 160), 160, 240)))
    things += [_small(dice, horizon) for _ in range(dice.whole(1, 3))]
    nearness = sorted(dice.between(0.05, 0.7) for _ in range(dice.whole(3, 8)))
    for near in nearness:  # depth order: what is nearer is drawn over what is farther
        things += _traffic(dice, horizon, near)
    return tuple(things)


def _box(x: int, y: int, width: int, bottom: int) -> tuple[tuple[int, int], ...]:
    return (x, y), (x + width, y), (x + width, bottom), (x, bottom)


def _bush(dice: Dice, horizon: int) -> tuple[tuple[int, int], ...]:
    x, width, top = dice.whole(0, 1500), dice.whole(150, 400), horizon - dice.whole(60, 200)
    crown = [(x + width * i // 6, top + dice.whole(0, 50)) for i in range(7)]
    return (*crown, (x + width, horizon + 20), (x, horizon + 20))


def _small(dice: Dice, horizon: int) -> Thing:
    label = dice.pick(_SMALL)
    x, top = dice.whole(500, 1400), horizon - dice.whole(60, 140)
    if label == "pole":
        return Thing(label, _box(x, top, 9, horizon + 30))
    return Thing(label, _box(x, top, dice.whole(18, 34), top + dice.whole(22, 40)))


def _traffic(dice: Dice, horizon: int, near: float) -> list[Thing]:
    label = dice.pick(tuple(_THINGS))
    scale = 20 + 230 * near
    width, height = (max(6, int(size * scale)) for size in _THINGS[label])
    bottom = int(horizon + (HEIGHT - horizon) * near)
    x = dice.whole(200, 1600)
    found = [Thing(label, _body(x, bottom, width, height))]
    if label in ("motorcycle", "bicycle"):
        found.append(Thing("rider", _body(x + width // 8, bottom - height // 2, width * 3 // 4, height)))
    return found


def _body(x: int, bottom: int, width: int, height: int) -> tuple[tuple[int, int], ...]:
    edge = width // 5
    top = bottom - height
    return (
        (x, bottom),
        (x, top + height // 3),
        (x + edge, top),
        (x + width - edge, top),
        (x + width, top + height // 3),
        (x + width, bottom),
    )


def make_defect(
    dice: Dice, scene: Sequence[Thing], reason: str, taken: Iterable[int] = (), *, hidden: bool = False
) -> Defect | None:
    """Return a defect of a kind at an object that has none yet; None if the scene has no object for it."""
    able = [place for place in range(len(scene)) if place not in set(taken) and _fits(scene[place].label, reason)]
    if not able:
        return None
    place = dice.pick(able)
    label = dice.pick(CONFUSED[scene[place].label]) if reason == "wrong-label" else ""
    return Defect(reason, place, label, hidden)


def _fits(label: str, reason: str) -> bool:
    thing = label in _THINGS or label == "rider"
    if reason == "wrong-label":
        return label in CONFUSED
    if reason == "missing-small-object":
        return label in _SMALL
    if reason == "gap":
        return label in ("vegetation", "sidewalk", "wall", "fence")
    return thing


def draw(
    scene: Sequence[Thing], defects: Iterable[Defect], hand: Dice, signed: Mapping[int, tuple[str, str]]
) -> Annotation:
    """Return the annotation that a person makes of a scene.

    Parameters
    ----------
    scene
        What there is to see.
    defects
        What they do wrong, of an object one at most.
    hand
        Of their hand: all is a little off. The same dice draw the same lines.
    signed
        By object: who drew it last and when.
    """
    wrong = {defect.thing: defect for defect in defects}
    shapes: list[Shape] = []
    for place, thing in enumerate(scene):
        points = np.array(thing.outline, np.float64)
        points += np.array([hand.whole(-_HAND, _HAND) for _ in range(points.size)]).reshape(-1, 2)
        defect = wrong.get(place)
        if defect is not None and defect.reason in _MISSING:
            continue
        if defect is not None and defect.reason == "boundary":
            points += _OFF
        label = defect.label if defect is not None and defect.label else thing.label
        points = points.clip(0, (WIDTH, HEIGHT))
        author, date = signed[place]
        for _ in range(2 if defect is not None and defect.reason == "duplicate" else 1):
            number = len(shapes)
            extra = {"id": number, "deleted": 0, "verified": 0, "user": author, "date": date, "draw": True}
            shapes.append(Shape(label, points, number=number, author=author, date=date, extra=extra))
    return Annotation(WIDTH, HEIGHT, tuple(shapes))


def make_mark(scene: Sequence[Thing], defects: Sequence[Defect], defect: Defect, checklist: Checklist) -> Mark:
    """Return how a reviewer says what is wrong: the polygon's number in the file, or where one is missing."""
    before = [other.reason for other in defects if other.thing < defect.thing]
    number = defect.thing - sum(reason in _MISSING for reason in before) + before.count("duplicate")
    severity = checklist.reason(defect.reason).severity
    thing = scene[defect.thing]
    if defect.reason in _MISSING:
        xs, ys = zip(*thing.outline, strict=True)
        region = (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))
        return Mark(defect.reason, severity, None, thing.label, region)
    return Mark(defect.reason, severity, number, thing.label if defect.reason == "wrong-label" else "")
