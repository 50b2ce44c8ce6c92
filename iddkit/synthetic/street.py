"""What stands beside and over a road: poles, signs, lights, billboards, cables, walls, fences, medians.

Roadside models face the road with their plane x = 0 and reach outwards to x = `side` times their depth; `side` is
-1 on the left and 1 on the right. Lengths run along z. All in metres.
"""

from __future__ import annotations

import numpy as np

from iddkit.synthetic.dice import Dice, lattice
from iddkit.synthetic.solids import (
    CIRCLE,
    FLANK,
    TOP,
    Color,
    Model,
    Modeller,
    Part,
    Point2,
    Point3,
    rectangle,
    shade,
    shift,
)

_CLOTH: tuple[Color, ...] = ((214, 60, 40), (240, 180, 40), (60, 140, 80), (240, 236, 220), (200, 60, 130))
_PRINT: tuple[Color, ...] = (
    *((226, 40, 50), (250, 210, 60), (30, 90, 180), (240, 240, 236), (60, 160, 110), (230, 120, 40)),
    *((130, 50, 130), (30, 30, 40), (250, 150, 170)),
)


def pole(dice: Dice, side: float, kind: str) -> Model:
    """Return an electric pole, a street lamp or a plain post; `kind` is electric, lamp or post."""
    color: Color = dice.pick(((132, 130, 126), (112, 108, 104), (150, 148, 144), (96, 98, 100)))
    tall = {"electric": dice.between(7.5, 9.5), "lamp": dice.between(6.5, 9.0), "post": dice.between(2.2, 4.0)}[kind]
    thick = {"electric": 0.13, "lamp": 0.1, "post": 0.055}[kind]
    m = Modeller()
    _shaft(m, 0.0, tall, thick, color)
    if kind == "electric":
        m.box((-0.9, 0.9), (tall - 0.7, tall - 0.58), (-0.05, 0.05), shade(color, 0.8))
        if dice.chance(0.5):
            m.box((-0.6, 0.6), (tall - 1.5, tall - 1.38), (-0.05, 0.05), shade(color, 0.8))
        if dice.chance(0.25):
            m.box((-0.35, 0.35), (tall - 3.4, tall - 2.4), (-0.5, -0.1), (98, 102, 96))
    elif kind == "lamp":
        m.limb((0.0, tall - 0.1, 0.0), (-side * 1.7, tall + 0.35, 0.0), 0.1, color)
        tip = (min(-side * 1.5, -side * 2.2), max(-side * 1.5, -side * 2.2))
        m.card(rectangle(tip[0], tall + 0.26, tip[1], tall + 0.42), (206, 204, 190), -0.05)
    return (Part("pole", m.solid()),)


def _shaft(m: Modeller, x: float, tall: float, thick: float, color: Color, y: float = 0.0) -> None:
    m.flank([(-thick, y), (thick, y), (0.75 * thick, tall), (-0.75 * thick, tall)], shade(color, FLANK), x)
    m.card([(x - thick, y), (x + thick, y), (x + 0.75 * thick, tall), (x - 0.75 * thick, tall)], color)
    m.card([(x, y), (x + thick, y), (x + 0.75 * thick, tall), (x, tall)], shade(color, 0.72), detail=True)


def pole_group(dice: Dice) -> Model:
    """Return several thin posts close together, with boards and boxes: ``polegroup``."""
    m = Modeller()
    count = dice.whole(3, 5)
    gap = 0.32
    m.card(rectangle(-0.05, 0.9, gap * (count - 1) + 0.05, 1.05), (120, 116, 110), 0.02)
    for k in range(count):
        _shaft(m, gap * k, dice.between(2.4, 5.5), 0.05, shade((132, 130, 126), dice.between(0.7, 1.1)))
    return (Part("polegroup", m.solid()),)


def sign(dice: Dice) -> Model:
    """Return a traffic sign on its post: a ring, a triangle or a board with directions."""
    kind = dice.weighted({"ring": 0.35, "triangle": 0.35, "board": 0.3})
    tall = dice.between(2.3, 3.1)
    post, m = Modeller(), Modeller()
    _shaft(post, 0.0, tall if kind != "board" else tall + 0.8, 0.045, (150, 150, 150))
    if kind == "ring":
        m.disc(0.0, tall - 0.25, (0.38, 0.38), (200, 30, 34), -0.08)
        m.disc(0.0, tall - 0.25, (0.28, 0.28), (240, 240, 236), -0.08, detail=True)
        m.card(rectangle(-0.12, tall - 0.36, 0.12, tall - 0.14), (40, 40, 44), -0.08, detail=True)
    elif kind == "triangle":
        m.card([(-0.46, tall - 0.6), (0.46, tall - 0.6), (0.0, tall + 0.2)], (206, 34, 36), -0.08)
        m.card([(-0.3, tall - 0.51), (0.3, tall - 0.51), (0.0, tall + 0.02)], (242, 240, 232), -0.08, detail=True)
        m.card(rectangle(-0.05, tall - 0.48, 0.05, tall - 0.2), (40, 40, 44), -0.08, detail=True)
    else:
        color: Color = dice.pick(((24, 104, 62), (28, 76, 150)))
        m.card(rectangle(-0.85, tall - 0.3, 0.85, tall + 0.85), color, -0.08)
        for k in range(3):
            y = tall - 0.16 + 0.32 * k
            m.card(rectangle(-0.7, y, dice.between(0.1, 0.7), y + 0.16), (236, 238, 234), -0.08, detail=True)
    return Part("pole", post.solid()), Part("traffic sign", m.solid())


def traffic_light(dice: Dice, side: float) -> Model:
    """Return a signal on a post, sometimes with a second one on an arm over the road."""
    post, m = Modeller(), Modeller()
    tall = dice.between(3.2, 3.8)
    _shaft(post, 0.0, tall, 0.08, (226, 190, 40))
    lit = dice.whole(0, 2)
    parts = [Part("pole", post.solid())]
    _signal(m, 0.0, tall - 0.9, lit)
    parts.append(Part("traffic light", m.solid()))
    if dice.chance(0.5):
        arm, second = Modeller(), Modeller()
        _shaft(arm, 0.0, 5.8, 0.11, (140, 142, 140))
        arm.limb((0.0, 5.7, 0.0), (-side * 3.4, 5.8, 0.0), 0.14, (140, 142, 140))
        _signal(second, -side * 3.3, 4.75, lit)
        extra = shift((Part("pole", arm.solid()), Part("traffic light", second.solid())), side * 0.5, 0.0, 0.3)
        parts = [*extra, *parts]
    return tuple(parts)


def _signal(m: Modeller, x: float, y: float, lit: int) -> None:
    m.card(rectangle(x - 0.19, y, x + 0.19, y + 1.05), (38, 40, 40), -0.14)
    lamps: tuple[Color, ...] = ((70, 230, 130), (250, 180, 40), (250, 50, 40))
    for k, color in enumerate(lamps):
        m.disc(x, y + 0.2 + 0.32 * k, (0.12, 0.12), color if k == lit else shade(color, 0.3), -0.14, detail=True)


def billboard(dice: Dice, side: float) -> Model:
    """Return a hoarding with a printed picture on two posts."""
    wide, tall, low = dice.between(3.2, 7.0), dice.between(2.0, 3.6), dice.between(2.4, 4.4)
    x0 = 0.0 if side > 0 else -wide
    posts, m = Modeller(), Modeller()
    for x in (x0 + 0.2 * wide, x0 + 0.8 * wide):
        _shaft(posts, x, low + 0.3, 0.12, (104, 102, 100))
    m.card(rectangle(x0, low, x0 + wide, low + tall), dice.pick(_PRINT), -0.15)
    m.card(rectangle(x0 + 0.1, low + 0.1, x0 + 0.42 * wide, low + tall - 0.1), dice.pick(_PRINT), -0.15, detail=True)
    face = (x0 + 0.22 * wide, low + 0.5 * tall)
    m.disc(*face, (0.11 * wide, 0.32 * tall), (190, 140, 106), -0.15, detail=True)
    for k in range(3):
        y = low + tall * (0.2 + 0.25 * k)
        line = rectangle(x0 + 0.48 * wide, y, x0 + wide * dice.between(0.62, 0.95), y + 0.13 * tall)
        m.card(line, dice.pick(_PRINT), -0.15, detail=True)
    return Part("pole", posts.solid()), Part("billboard", m.solid())


def arch(dice: Dice, half_road: float) -> Model:
    """Return a festival gate across the road: cloth over bamboo."""
    first, second = dice.pick(_CLOTH), dice.pick(_CLOTH)
    reach, tall = half_road + dice.between(0.8, 1.6), dice.between(4.6, 5.6)
    m = Modeller()
    for s in (-1.0, 1.0):
        x0, x1 = sorted((s * reach, s * (reach + 0.7)))
        m.card(rectangle(x0, 0.0, x1, tall), first)
        for k in range(4):
            y = 0.4 + 1.1 * k
            m.card(rectangle(x0, y, x1, y + 0.45), second, detail=True)
    roof = ((1.0, 0.0), (0.5, 1.0), (0.0, 1.5), (-0.5, 1.0), (-1.0, 0.0))
    upper: list[Point2] = [((reach + 0.7) * x, tall + y) for x, y in roof]
    scallops: list[Point2] = [(reach * (0.2 * k - 1.0), tall - (0.65 if k % 2 else 0.3)) for k in range(11)]
    m.card([*scallops, *upper], first, -0.05)
    panel = ((-0.6, 0.0), (0.6, 0.0), (0.4, 0.7), (-0.4, 0.7))
    m.card([(reach * x, tall + y) for x, y in panel], second, -0.05, detail=True)
    for k in range(7):
        x = reach * (-0.45 + 0.15 * k)
        m.card(rectangle(x, tall + 0.15, x + 0.09 * reach, tall + 0.5), (60, 30, 30), -0.05, detail=True)
    return (Part("obs-str-bar-fallback", m.solid()),)


def cable(dice: Dice, start: Point3, end: Point3) -> Model:
    """Return a bundle of wires that sags between two points."""
    thick, sag = dice.between(0.05, 0.11), dice.between(0.25, 0.8)
    steps = [k / 10 for k in range(11)]
    line = [
        (
            start[0] + (end[0] - start[0]) * t,
            start[1] + (end[1] - start[1]) * t - 4.0 * sag * t * (1.0 - t),
            start[2] + (end[2] - start[2]) * t,
        )
        for t in steps
    ]
    m = Modeller()
    m.face([*line, *((x, y - thick, z) for x, y, z in reversed(line))], (44, 42, 42))
    return (Part("obs-str-bar-fallback", m.solid()),)


def wall(dice: Dice, side: float, long: float) -> Model:
    """Return a boundary wall with a worn top, painted panels and posters."""
    color: Color = dice.pick(((186, 150, 122), (206, 196, 170), (160, 96, 76), (176, 176, 168), (196, 170, 96)))
    tall = dice.between(1.3, 2.5)
    count = int(long / 1.1)
    worn = lattice(dice.whole(0, 1 << 30), np.arange(count + 1))
    top = [(long * k / count, tall - (0.35 if worn[k] > 0.9 else 0.05) * float(worn[k])) for k in range(count + 1)]
    m = Modeller()
    m.face([*((0.0, y, z) for z, y in top), *((side * 0.25, y, z) for z, y in reversed(top))], shade(color, TOP))
    m.flank([(0.0, 0.0), *top, (long, 0.0)], shade(color, FLANK), 0.0)
    m.flank(rectangle(0.0, 0.0, long, 0.25), shade(color, 0.6), 0.0, detail=True)
    for k in range(int(long / 2.6)):
        z = 2.6 * k
        m.flank(rectangle(z, 0.2, z + 0.22, tall - 0.15), shade(color, 0.68), 0.0, detail=True)
        if dice.chance(0.3):
            low = dice.between(0.4, 0.7)
            m.flank(rectangle(z + 0.5, low, z + 1.5, low + 0.75 * (tall - 0.7)), dice.pick(_PRINT), 0.0, detail=True)
    m.card(rectangle(min(0.0, side * 0.25), 0.0, max(0.0, side * 0.25), top[0][1]), color)
    return (Part("wall", m.solid()),)


def fence(dice: Dice, long: float) -> Model:
    """Return a see-through fence of rails and bars."""
    color: Color = dice.pick(((70, 96, 80), (120, 120, 124), (146, 60, 50), (60, 70, 110), (190, 186, 176)))
    tall = dice.between(1.0, 1.8)
    m = Modeller()
    m.flank(rectangle(0.0, 0.04, long, tall), None, 0.0)
    for y in (0.16, 0.5 * tall, tall - 0.1):
        m.flank(rectangle(0.0, y - 0.035, long, y + 0.035), color, 0.0, detail=True)
    for k in range(int(long / 0.5)):
        m.flank(rectangle(0.5 * k, 0.05, 0.5 * k + 0.06, tall), shade(color, 0.92), 0.0, detail=True)
    for k in range(int(long / 3.0) + 1):
        z = min(3.0 * k, long - 0.1)
        m.flank(rectangle(z, 0.0, z + 0.1, tall + 0.14), shade(color, 0.8), 0.0)
    return (Part("fence", m.solid()),)


def guard_rail(dice: Dice, long: float) -> Model:
    """Return a steel crash barrier."""
    color: Color = shade((170, 172, 172), dice.between(0.85, 1.1))
    m = Modeller()
    for k in range(int(long / 2.0) + 1):
        m.flank(rectangle(2.0 * k, 0.0, 2.0 * k + 0.14, 0.6), shade(color, 0.6), 0.05)
    m.flank(rectangle(0.0, 0.44, long, 0.78), color, 0.0)
    m.flank(rectangle(0.0, 0.58, long, 0.64), shade(color, 0.7), 0.0, detail=True)
    m.card(rectangle(-0.06, 0.44, 0.1, 0.78), shade(color, 0.8))
    return (Part("guard rail", m.solid()),)


def median(dice: Dice, long: float, half: float) -> Model:
    """Return a raised median with painted kerb stones."""
    tall = dice.between(0.25, 0.4)
    dark: Color = dice.pick(((40, 40, 40), (210, 170, 40)))
    m = Modeller()
    pale: Color = (214, 212, 204)
    m.face([(-half, tall, 0.0), (half, tall, 0.0), (half, tall, long), (-half, tall, long)], (150, 134, 110))
    for side in (-half, half):
        m.flank(rectangle(0.0, 0.0, long, tall), shade(pale, FLANK), side)
        for k in range(int(long / 2.0)):
            m.flank(rectangle(2.0 * k, 0.0, 2.0 * k + 1.0, tall), dark, side, detail=True)
    m.card(rectangle(-half, 0.0, half, tall), pale)
    return (Part("curb", m.solid()),)


def bridge(dice: Dice, half_road: float) -> Model:
    """Return a flyover across the road, on pillars beside it."""
    color: Color = shade((168, 164, 156), dice.between(0.85, 1.1))
    low = dice.between(5.4, 6.4)
    deep, wide = 1.3, 9.0
    m = Modeller()
    for x in (-half_road - 22.0, -half_road - 5.0, half_road + 4.0, half_road + 21.0):
        m.box((x, x + 1.3), (0.0, low), (1.5, 3.0), shade(color, 0.85))
    m.face([(-70.0, low, 0.0), (70.0, low, 0.0), (70.0, low, wide), (-70.0, low, wide)], shade(color, 0.42))
    m.card(rectangle(-70.0, low, 70.0, low + deep), color)
    m.card(rectangle(-70.0, low, 70.0, low + 0.25), shade(color, 0.7), detail=True)
    for k in range(-16, 16):
        m.card(rectangle(4.0 * k, low + 0.5, 4.0 * k + 2.4, low + deep - 0.2), shade(color, 0.9), detail=True)
    m.card(rectangle(-70.0, low + deep, 70.0, low + deep + 0.8), shade(color, 0.8))
    return (Part("bridge", m.solid()),)


def heap(dice: Dice) -> Model:
    """Return a heap of rubbish or rubble, which the annotators leave 'unlabeled'."""
    color: Color = dice.pick(((126, 112, 96), (150, 130, 104), (104, 100, 98)))
    wide, tall = dice.between(0.6, 1.4), dice.between(0.3, 0.8)
    m = Modeller()
    rough = lattice(dice.whole(0, 1 << 30), np.arange(12))
    top = [(wide * c, tall * s * (0.7 + 0.5 * float(r))) for (c, s), r in zip(CIRCLE[:7], rough, strict=False)]
    m.card(top, color)
    for _ in range(5):
        x, y = wide * dice.between(-0.6, 0.6), tall * dice.between(0.05, 0.45)
        m.card(rectangle(x, y, x + 0.2, y + 0.14), dice.pick(_PRINT), detail=True)
    return (Part("unlabeled", m.solid()),)
