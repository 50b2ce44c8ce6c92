"""People, riders and animals as solids, in metres, standing at the origin."""

from __future__ import annotations

from iddkit.synthetic.dice import Dice
from iddkit.synthetic.solids import Color, Model, Modeller, Part, Point2, Solid, crowd, rectangle, shade, shift

_SKIN: tuple[Color, ...] = ((150, 104, 76), (128, 86, 60), (172, 122, 92), (104, 70, 50))
_CLOTH: tuple[Color, ...] = (
    *((216, 212, 204), (178, 40, 50), (40, 70, 140), (226, 150, 40), (60, 120, 80), (150, 60, 130)),
    *((60, 60, 66), (232, 196, 70), (112, 150, 190), (196, 96, 110), (120, 84, 60), (236, 230, 214)),
)
_TROUSERS: tuple[Color, ...] = ((48, 52, 64), (70, 62, 54), (96, 92, 84), (36, 36, 38), (130, 118, 96))
_HAIR: Color = (28, 22, 20)
_HELMET: tuple[Color, ...] = ((36, 36, 40), (190, 40, 40), (214, 214, 210), (50, 70, 130), (200, 170, 60))

# Outlines of a body of height 1, and of hair around the unit circle.
_TORSO: tuple[Point2, ...] = (
    *((-0.1, 0.46), (-0.115, 0.66), (-0.145, 0.8), (-0.06, 0.84)),
    *((0.06, 0.84), (0.145, 0.8), (0.115, 0.66), (0.1, 0.46)),
)
_CAP: tuple[Point2, ...] = ((1, 0.2), (0.8, 0.75), (0, 1), (-0.8, 0.75), (-1, 0.2), (0, 0.45))

#: Poses of a walking person, between which the time chooses.
STRIDES: tuple[float, ...] = (-1.0, 0.0, 1.0, 0.0)


def person(dice: Dice) -> tuple[Solid, ...]:
    """Return a standing or walking person, a solid for each of `STRIDES`."""
    tall = dice.between(1.52, 1.78) if dice.chance(0.9) else dice.between(1.0, 1.35)
    skin, upper, lower = dice.pick(_SKIN), dice.pick(_CLOTH), dice.pick(_TROUSERS)
    skirt = dice.chance(0.36)
    bag = dice.chance(0.3)
    girth = dice.between(0.9, 1.2)
    return tuple(_standing(tall, girth, skin, upper, upper if skirt else lower, skirt, bag, s) for s in STRIDES)


def _standing(
    tall: float, girth: float, skin: Color, upper: Color, lower: Color, skirt: bool, bag: bool, stride: float
) -> Solid:
    m = Modeller()
    swing = 0.075 * stride

    def scaled(points: list[Point2]) -> list[Point2]:
        return [(tall * girth * x, tall * y) for x, y in points]

    for s in (-1.0, 1.0):
        foot = s * (0.06 + swing)
        m.card(scaled([(s * 0.015, 0.5), (s * 0.105, 0.5), (foot + 0.035, 0.03), (foot - 0.035, 0.03)]), lower, 0.03)
        m.card(scaled(rectangle(foot - 0.045, 0.0, foot + 0.05, 0.035)), (46, 38, 34), 0.02)
    if skirt:
        m.card(scaled([(-0.1, 0.56), (0.1, 0.56), (0.15 + abs(swing), 0.03), (-0.15 - abs(swing), 0.03)]), lower, 0.01)
        m.card(scaled([(-0.02, 0.54), (0.02, 0.54), (0.05, 0.04), (-0.03, 0.04)]), shade(lower, 0.8), 0.01, detail=True)
    m.card(scaled([(-0.045, 0.82), (0.045, 0.82), (0.04, 0.9), (-0.04, 0.9)]), skin, 0.0)
    m.card(scaled(list(_TORSO)), upper, 0.0)
    m.card(scaled([(0.03, 0.47), (0.04, 0.82), (0.14, 0.79), (0.1, 0.47)]), shade(upper, 0.84), detail=True)
    for s in (-1.0, 1.0):
        hand = s * 0.18 - 0.6 * s * swing
        arm: list[Point2] = [(s * 0.105, 0.8), (s * 0.16, 0.78), (hand + s * 0.025, 0.5), (hand - s * 0.02, 0.5)]
        m.card(scaled(arm), shade(upper, 0.92), -0.01)
        m.card(scaled(rectangle(hand - 0.025, 0.43, hand + 0.03, 0.5)), skin, -0.02)
    if bag:
        m.card(scaled(rectangle(0.13, 0.3, 0.25, 0.46)), shade(upper, 0.55), -0.02)
    y = 0.93 * tall
    m.disc(0.0, y, (0.056 * tall, 0.07 * tall), skin, -0.02)
    m.card([(0.06 * tall * c, y + 0.072 * tall * s) for c, s in _CAP], _HAIR, -0.02, detail=True)
    if skirt:
        veil = ((-0.07, 0.95), (-0.03, 0.99), (-0.03, 0.8), (-0.09, 0.74))
        m.card([(tall * x, tall * h) for x, h in veil], shade(upper, 1.1), -0.02)
    return m.solid()


def people(dice: Dice) -> Part:
    """Return three to six people close together, as one ``persongroup``."""
    count = dice.whole(3, 6)
    solids = []
    for k in range(count):
        standing = person(dice)[dice.whole(0, 3)]
        aside = 0.38 * (k - 0.5 * count) + dice.between(-0.06, 0.06)
        moved = shift((Part("person", standing),), aside, 0.0, 0.3 * (count - k))
        solids.append(moved[0].solid)
    return crowd("persongroup", solids)


def rider(dice: Dice, z: float, seat: float, *, reach: bool) -> Part:
    """Return a rider who sits at depth `z` and height `seat`, with the hands on the bar where `reach`."""
    skin, upper, lower = dice.pick(_SKIN), dice.pick(_CLOTH), dice.pick(_TROUSERS)
    helmet = dice.chance(0.55)
    shell = dice.pick(_HELMET) if helmet else _HAIR
    m = Modeller()
    lean = 0.12 if reach else 0.0
    for s in (-1.0, 1.0):
        knee = (s * 0.24, seat - 0.12, z + 0.42)
        m.limb((s * 0.11, seat + 0.05, z), knee, 0.17, lower)
        m.limb(knee, (s * 0.2, 0.34, z + 0.3), 0.13, lower)
        m.box((s * 0.2 - 0.06, s * 0.2 + 0.06), (0.26, 0.35), (z + 0.2, z + 0.46), (44, 38, 34))
    back = [(-0.12, 0.5), (0.02, 0.58), (0.14, 0.48)]
    profile = [(z - 0.14, seat), *((z + lean + a, seat + b) for a, b in back), (z + 0.14, seat)]
    m.prism(profile, 0.17, shade(upper, 0.97), inset=-0.05)
    for s in (-1.0, 1.0):
        shoulder = (s * 0.23, seat + 0.5, z + lean)
        elbow = (s * 0.32, seat + 0.26, z + 0.22 + lean)
        m.limb(shoulder, elbow, 0.12, shade(upper, 0.88))
        hand = (s * 0.32, seat + 0.27, z + 0.5 + lean) if reach else (s * 0.2, seat + 0.16, z + 0.32)
        m.limb(elbow, hand, 0.09, skin)
    m.limb((0.0, seat + 0.56, z + lean), (0.0, seat + 0.66, z + lean), 0.1, skin)
    m.ball(0.0, seat + 0.74, z + lean + 0.02, 0.14 if helmet else 0.12, shell if helmet else skin, shell)
    return Part("rider", m.solid())


def cow(dice: Dice) -> Model:
    """Return a cow or a buffalo, seen from its side."""
    coat: Color = dice.pick(((196, 178, 150), (122, 82, 56), (226, 218, 204), (66, 58, 54), (160, 120, 84)))
    size, side = dice.between(0.9, 1.1), dice.pick((-1.0, 1.0))
    return (Part("animal", _beast(coat, 1.35 * size, 1.7 * size, side, hump=True)),)


def dog(dice: Dice) -> Model:
    """Return a street dog, seen from its side."""
    coat: Color = dice.pick(((176, 134, 86), (206, 186, 150), (70, 60, 54), (140, 96, 60)))
    return (Part("animal", _beast(coat, 0.55, 0.75, dice.pick((-1.0, 1.0)), hump=False)),)


def _beast(coat: Color, tall: float, long: float, side: float, *, hump: bool) -> Solid:
    m = Modeller()

    def place(points: list[Point2]) -> list[Point2]:
        return [(side * long * x, tall * y) for x, y in points]

    for x, z in ((-0.34, 0.02), (-0.24, -0.01), (0.24, 0.02), (0.33, -0.01)):
        m.card(place([(x - 0.05, 0.5), (x + 0.05, 0.5), (x + 0.03, 0.0), (x - 0.03, 0.0)]), shade(coat, 0.8), z)
    m.card(place([(-0.46, 0.82), (-0.42, 0.82), (-0.46, 0.3), (-0.5, 0.32)]), shade(coat, 0.75), 0.01)
    back = 0.96 if hump else 0.88
    body: list[Point2] = [
        *((-0.46, 0.62), (-0.44, 0.84), (-0.2, 0.87), (0.1, 0.86), (0.22, back), (0.36, 0.88)),
        *((0.44, 0.66), (0.3, 0.46), (0.0, 0.4), (-0.3, 0.44)),
    ]
    m.card(place(body), coat, 0.0)
    belly: list[Point2] = [(-0.42, 0.6), (0.4, 0.6), (0.3, 0.46), (0.0, 0.4), (-0.3, 0.44)]
    m.card(place(belly), shade(coat, 0.82), 0.0, detail=True)
    m.card(place([(0.3, 0.86), (0.42, 0.62), (0.56, 0.74), (0.5, 0.96)]), coat, -0.01)
    head: list[Point2] = [(0.44, 0.98), (0.42, 0.8), (0.6, 0.66), (0.68, 0.7), (0.6, 0.92), (0.52, 1.0)]
    m.card(place(head), shade(coat, 1.06), -0.02)
    m.card(place([(0.62, 0.66), (0.68, 0.7), (0.64, 0.77), (0.57, 0.72)]), shade(coat, 0.5), -0.02, detail=True)
    ear: list[Point2] = [(0.42, 0.95), (0.34, 0.9), (0.4, 0.86)]
    m.card(place(ear), shade(coat, 0.75), -0.03)
    if hump:
        m.card(place([(0.46, 0.97), (0.5, 0.98), (0.5, 1.14), (0.44, 1.12)]), (70, 62, 54), -0.02)
    return m.solid()
