"""Buildings and plants along the road, in metres; they face the road as the models of `iddkit.synthetic.street` do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iddkit.synthetic.dice import Dice, jags, lattice
from iddkit.synthetic.solids import FLANK, TOP, Color, Model, Modeller, Part, Point2, finer_circle, rectangle, shade

_PANE: tuple[Color, ...] = ((58, 66, 76), (74, 84, 92), (48, 50, 56))
_SIGNS: tuple[Color, ...] = (
    *((206, 40, 44), (36, 84, 160), (242, 200, 60), (50, 130, 80), (240, 240, 236), (214, 110, 40), (120, 40, 110)),
)
_AWNING: tuple[Color, ...] = ((60, 100, 160), (190, 60, 50), (90, 140, 100), (190, 170, 130))

STOREY = 3.1


def building(dice: Dice, side: float, long: float, storeys: int, palette: Sequence[Color]) -> Model:
    """Return a plastered house with windows, balconies, shops below, and a tank or a stair head on its roof."""
    color = shade(dice.pick(palette), dice.between(0.86, 1.06))
    deep = dice.between(7.0, 12.0)
    tall = storeys * STOREY + dice.between(0.3, 1.0)
    x0, x1 = min(0.0, side * deep), max(0.0, side * deep)
    m = Modeller()
    m.card(rectangle(x0, 0.0, x1, tall), color, long)
    m.face([(x0, tall, 0.0), (x1, tall, 0.0), (x1, tall, long), (x0, tall, long)], shade(color, TOP))
    m.flank(rectangle(0.0, 0.0, long, tall), shade(color, FLANK), 0.0)
    shops = dice.chance(0.6)
    pane = dice.pick(_PANE)
    bays = max(2, int(long / dice.between(2.2, 3.4)))
    step = long / bays
    trim = shade(color, dice.pick((0.7, 1.25)))
    for k in range(storeys):
        floor = k * STOREY
        if k:
            m.flank(rectangle(0.0, floor - 0.12, long, floor + 0.1), trim, 0.0, detail=True)
        for bay in range(bays):
            z = bay * step
            if k == 0 and shops:
                _shop(m, dice, z, step)
            elif dice.chance(0.85):
                m.flank(rectangle(z + 0.24 * step, floor + 0.8, z + 0.76 * step, floor + 2.35), trim, 0.0, detail=True)
                m.flank(rectangle(z + 0.3 * step, floor + 0.9, z + 0.7 * step, floor + 2.25), pane, 0.0, detail=True)
    for k in range(1, storeys):
        if dice.chance(0.4):
            _balcony(m, dice, side, k * STOREY, dice.between(0.0, 0.3) * long, dice.between(0.6, 1.0) * long, trim)
    _roof(m, dice, side, deep, tall, long, color)
    m.card(rectangle(x0, 0.0, x1, tall), color)
    if dice.chance(0.6):
        columns = max(1, int(deep / 3.5))
        for k in range(storeys):
            for column in range(columns):
                if dice.chance(0.7):
                    x = x0 + (column + 0.3) * deep / columns
                    floor = k * STOREY
                    m.card(rectangle(x, floor + 0.9, x + 0.4 * deep / columns, floor + 2.2), pane, detail=True)
    m.card(rectangle(x0, 0.0, x1, 0.4), shade(color, 0.7), detail=True)
    return (Part("building", m.solid()),)


def _shop(m: Modeller, dice: Dice, z: float, step: float) -> None:
    inside: Color = dice.pick(((50, 42, 38), (70, 60, 52), (120, 124, 126), (86, 96, 104)))
    m.flank(rectangle(z + 0.08 * step, 0.1, z + 0.92 * step, 2.3), inside, 0.0, detail=True)
    for k in range(dice.whole(0, 3)):
        low = 0.3 + 0.5 * k
        goods = rectangle(z + dice.between(0.1, 0.4) * step, low, z + dice.between(0.5, 0.9) * step, low + 0.34)
        m.flank(goods, shade(dice.pick(_SIGNS), 0.8), 0.0, detail=True)
    m.flank(rectangle(z + 0.04 * step, 2.35, z + 0.96 * step, 2.95), dice.pick(_SIGNS), 0.0, detail=True)
    letters: Color = dice.pick(((30, 30, 34), (246, 240, 220)))
    m.flank(rectangle(z + 0.2 * step, 2.55, z + 0.7 * step, 2.76), letters, 0.0, detail=True)


def _balcony(m: Modeller, dice: Dice, side: float, floor: float, z0: float, z1: float, color: Color) -> None:
    out = -side * dice.between(0.6, 1.1)
    m.box((min(0.0, out), max(0.0, out)), (floor - 0.1, floor + 0.9), (z0, z1), color)


def _roof(m: Modeller, dice: Dice, side: float, deep: float, tall: float, long: float, color: Color) -> None:
    if dice.chance(0.55):
        z = dice.between(0.0, 0.5) * long
        x = sorted((side * 0.3 * deep, side * 0.7 * deep))
        m.box((x[0], x[1]), (tall, tall + 2.4), (z, z + 0.4 * long), shade(color, 0.92))
    for _ in range(dice.whole(0, 2)):  # the black tank of every Indian roof
        x0, z0 = side * dice.between(0.6, 0.3 * deep), dice.between(0.05, 0.8) * long
        m.box((x0 - 0.5, x0 + 0.5), (tall + 0.3, tall + 1.5), (z0, z0 + 1.0), (44, 46, 50))
        m.box((x0 - 0.4, x0 + 0.4), (tall, tall + 0.3), (z0 + 0.1, z0 + 0.9), (130, 126, 120))
    if dice.chance(0.3):
        x0, z0 = side * dice.between(0.4, 1.6), dice.between(0.1, 0.9) * long
        m.limb((x0, tall, z0), (x0, tall + 2.2, z0), 0.08, (90, 90, 92))


def stall(dice: Dice, side: float) -> Model:
    """Return a roadside kiosk under an awning, which counts as a building."""
    long, deep, tall = dice.between(2.0, 3.4), dice.between(1.5, 2.2), dice.between(2.1, 2.6)
    color: Color = dice.pick(((70, 110, 150), (160, 70, 60), (110, 130, 90), (150, 140, 120)))
    m = Modeller()
    m.box((min(0.0, side * deep), max(0.0, side * deep)), (0.0, tall), (0.0, long), color)
    m.flank(rectangle(0.2, 0.9, long - 0.2, tall - 0.3), (52, 44, 40), 0.0)
    for k in range(4):
        z = 0.3 + 0.22 * (long - 0.6) * k
        m.flank(rectangle(z, 0.95, z + 0.3, 1.35), dice.pick(_SIGNS), 0.0, detail=True)
    roof = dice.pick(_AWNING)
    out = -side * 0.7
    low, high = (out, tall - 0.25), (side * deep, tall + 0.2)
    m.face([(*low, -0.1), (*high, -0.1), (*high, long), (*low, long)], shade(roof, TOP))
    m.card([(out, tall - 0.25), (side * deep, tall + 0.2), (side * deep, tall - 0.05), (out, tall - 0.4)], roof, -0.12)
    return (Part("building", m.solid()),)


_LEAVES = finer_circle(48)


def _crown(dice: Dice, x: float, y: float, wide: float, tall: float, rough: float) -> list[Point2]:
    key = dice.whole(0, 1 << 30)
    steps = np.arange(48.0)
    radius = 1.0 + 0.8 * rough * jags(key, steps, 6.0) + 0.6 * rough * jags(key + 1, steps, 1.0)
    return [(x + wide * r * c, y + tall * r * s) for r, (c, s) in zip(radius.tolist(), _LEAVES, strict=True)]


def tree(dice: Dice) -> Model:
    """Return a broad tree, a slender one or a palm."""
    kind = dice.weighted({"broad": 0.6, "slender": 0.25, "palm": 0.15})
    bark: Color = dice.pick(((96, 76, 58), (120, 104, 86), (84, 70, 60)))
    m = Modeller()
    if kind == "palm":
        tall = dice.between(5.5, 8.5)
        lean = dice.between(-0.6, 0.6)
        m.card([(-0.16, 0.0), (0.16, 0.0), (lean + 0.11, tall), (lean - 0.11, tall)], bark)
        for c, s in ((1.0, 0.3), (-1.0, 0.3), (0.8, 0.9), (-0.8, 0.9), (0.9, -0.35), (-0.9, -0.35), (0.1, 1.1)):
            reach = dice.between(1.5, 2.2)
            x, y = lean + 0.55 * reach * c, tall + 0.55 * reach * s
            tip = lean + reach * c, tall + 0.9 * reach * s - 0.4
            m.card([(lean, tall - 0.15), (x, y + 0.05), tip, (x, y + 0.5), (lean, tall + 0.15)], None)
        return (Part("vegetation", m.solid()),)
    broad = kind == "broad"
    wide = dice.between(1.8, 3.6) if broad else dice.between(0.8, 1.4)
    tall = dice.between(1.7, 2.8) if broad else dice.between(2.0, 3.2)
    stem = dice.between(1.3, 2.4)
    thick = dice.between(0.13, 0.26)
    m.card([(-thick, 0.0), (thick, 0.0), (0.7 * thick, stem + 0.3 * tall), (-0.7 * thick, stem + 0.3 * tall)], bark)
    m.card(_crown(dice, dice.between(-0.3, 0.3), stem + tall, wide, tall, 0.16), None, -0.02)
    return (Part("vegetation", m.solid()),)


def bush(dice: Dice) -> Model:
    """Return a bush or a clump of tall grass."""
    wide, tall = dice.between(0.5, 1.5), dice.between(0.4, 1.1)
    m = Modeller()
    m.card([(x, max(0.0, y)) for x, y in _crown(dice, 0.0, 0.4 * tall, wide, 0.8 * tall, 0.22)], None)
    return (Part("vegetation", m.solid()),)


def greenery(dice: Dice, side: float, long: float, tall: float) -> Model:
    """Return a strip of hedge or a row of trees without gaps, with a ragged top."""
    count = int(long / 0.55)
    key = dice.whole(0, 1 << 30)
    steps = np.arange(count + 1.0)
    top = tall * (1.0 + 0.22 * jags(key, steps, 5.0) + 0.12 * jags(key + 1, steps, 1.0))
    line = [(long * k / count, float(y)) for k, y in enumerate(top.tolist())]
    deep = side * min(3.0, 0.8 * tall)
    m = Modeller()
    m.flank([(0.0, 0.0), *line, (long, 0.0)], None, deep)
    m.flank([(0.0, 0.0), *((z, 0.85 * y) for z, y in line), (long, 0.0)], None, 0.0)
    worn = lattice(key + 2, np.arange(8)).tolist()
    front = [(deep * k / 7, line[0][1] * (0.85 + 0.25 * w)) for k, w in enumerate(worn)]
    m.card([(0.0, 0.0), *front, (deep, 0.0)], None)
    return (Part("vegetation", m.solid()),)
