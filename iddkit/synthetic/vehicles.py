"""Vehicles of Indian roads as solids: the rear at z = 0, driving away along z, centred on x = 0.

Sizes are in metres, of common models: a Maruti hatchback, a Bajaj autorickshaw, a Tata truck, a city bus.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from iddkit.synthetic.creatures import rider
from iddkit.synthetic.dice import Dice
from iddkit.synthetic.solids import FLANK, Color, Model, Modeller, Part, Point2, Point3, finer_circle, rectangle, shade

GLASS: Color = (52, 62, 72)
TYRE: Color = (34, 32, 32)
TAIL: Color = (190, 28, 24)
LAMP: Color = (248, 244, 214)

_PAINT: tuple[Color, ...] = (
    *((236, 236, 232), (232, 232, 230), (196, 198, 202), (150, 154, 160), (98, 100, 106), (44, 46, 52)),
    *((164, 30, 34), (196, 62, 38), (36, 62, 128), (70, 104, 150), (120, 92, 66), (188, 176, 150)),
)
_TRUCK: tuple[Color, ...] = ((206, 98, 30), (150, 60, 36), (46, 92, 130), (212, 164, 44), (110, 112, 84), (96, 66, 50))
_BUS: tuple[Color, ...] = (
    *((196, 44, 40), (40, 110, 70), (230, 226, 214), (60, 110, 176), (226, 150, 40), (128, 60, 108)),
)
_TAXI: tuple[tuple[Color, Color], ...] = (
    ((34, 112, 60), (238, 196, 40)),
    ((236, 196, 36), (44, 42, 40)),
    ((30, 34, 34), (240, 200, 44)),
)


def car(dice: Dice) -> Model:
    """Return a hatchback, a saloon or an off-roader with its number plates."""
    color = dice.pick(_PAINT)
    kind = dice.weighted({"hatchback": 0.5, "saloon": 0.25, "off-roader": 0.25})
    sizes = {"hatchback": (3.7, 0.81, 1.5), "saloon": (4.3, 0.85, 1.48), "off-roader": (4.4, 0.9, 1.78)}
    long, half, roof = sizes[kind]
    long, roof = long * dice.between(0.96, 1.05), roof * dice.between(0.97, 1.04)
    belt = 0.6 * roof
    boot = 0.85 if kind == "saloon" else 0.06
    cowl = 0.7 * long
    m = Modeller()
    for z in (0.72, long - 0.78):
        for side in (-half, half):
            m.wheel(side, z, 0.31, 0.19)
    arches = [
        ([(z + 0.33 * x, 0.3 + 0.33 * y) for x, y in ((1, 0), (0.7, 0.7), (0, 1), (-0.7, 0.7), (-1, 0))], TYRE)
        for z in (0.72, long - 0.78)
    ]
    tyres = [([(z + 0.3 * x, 0.3 + 0.3 * y) for x, y in _OCTAGON], TYRE) for z in (0.72, long - 0.78)]
    hubs = [([(z + 0.16 * x, 0.3 + 0.16 * y) for x, y in _OCTAGON], (150.0, 150.0, 152.0)) for z in (0.72, long - 0.78)]
    sill = [(rectangle(0.1, 0.24, long - 0.1, 0.36), shade(color, 0.5))]
    body = [(0.0, 0.24), (0.0, 0.62), (0.06, belt), (cowl, belt + 0.02), (long - 0.2, 0.74), (long, 0.6), (long, 0.24)]
    m.prism(body, half, color, flanks=[*sill, *arches, *tyres, *hubs])
    cabin = [(boot, belt - 0.02), (boot + 0.28, roof), (0.52 * long, roof), (cowl, belt)]
    middle = 0.5 * (boot + 0.28 + 0.52 * long)
    sill_line, head_line = belt + 0.04, roof - 0.1
    back, front, end = boot + 0.24, middle + 0.04, 0.51 * long
    rear_pane = [(back, sill_line), (back + 0.12, head_line), (front - 0.08, head_line), (front - 0.08, sill_line)]
    front_pane = [(front, sill_line), (front, head_line), (end, head_line), (cowl - 0.2, sill_line)]
    windows: list[tuple[list[Point2], Color]] = [(rear_pane, GLASS), (front_pane, GLASS)]
    m.prism(cabin, half - 0.04, color, inset=0.16, flanks=windows, strips=[(0, GLASS), (2, GLASS)])
    _ends(m, half, (0.36, 0.52), (0.64, 0.82), long, color)
    return (Part("car", m.solid()), *_plates(long, 0.44 if kind != "off-roader" else 0.6))


_OCTAGON: tuple[Point2, ...] = ((1, 0), (0.7, 0.7), (0, 1), (-0.7, 0.7), (-1, 0), (-0.7, -0.7), (0, -1), (0.7, -0.7))


def _ends(m: Modeller, half: float, bumper: Point2, lights: Point2, long: float, color: Color) -> None:
    """Bumpers and lights on both ends."""
    low, high = lights
    for z, tone in ((-0.02, TAIL), (long + 0.02, LAMP)):
        m.card(rectangle(-half, bumper[0] - 0.12, half, bumper[1]), shade(color, 0.62), z)
        for side in (-1.0, 1.0):
            inner, outer = side * (half - 0.3), side * (half - 0.03)
            m.card(rectangle(min(inner, outer), low, max(inner, outer), high), tone, z)
    m.card(rectangle(-0.45 * half, low, 0.45 * half, high - 0.02), (40, 40, 42), long + 0.03)


def _plates(long: float, y: float, half: float = 0.26) -> Model:
    plates = []
    for z in (-0.04, long + 0.04):
        m = Modeller()
        m.card(rectangle(-half, y, half, y + 0.14), (238, 232, 196), z)
        m.card(rectangle(-0.8 * half, y + 0.04, 0.8 * half, y + 0.1), (60, 58, 56), z, detail=True)
        plates.append(Part("license plate", m.solid()))
    return tuple(plates)


def autorickshaw(dice: Dice) -> Model:
    """Return a three-wheeled taxi: yellow above green, or black and yellow."""
    low, top = dice.pick(_TAXI)
    dark: Color = (40, 36, 34)
    m = Modeller()
    m.wheel(-0.62, 0.45, 0.23, 0.13)
    m.wheel(0.62, 0.45, 0.23, 0.13)
    m.wheel(0.06, 2.25, 0.23, 0.12)
    body = [(0.0, 0.28), (0.04, 0.86), (1.5, 0.86), (2.3, 0.98), (2.6, 0.62), (2.55, 0.24)]
    m.prism(body, 0.64, low, flanks=[([(1.05, 0.34), (1.05, 0.86), (1.65, 0.86), (1.55, 0.34)], dark)])
    hood = [(0.05, 0.84), (0.1, 1.56), (0.4, 1.74), (1.7, 1.74), (2.12, 1.5), (2.3, 0.9)]
    openings: list[tuple[list[Point2], Color]] = [
        ([(0.62, 0.86), (0.66, 1.42), (1.18, 1.48), (1.18, 0.86)], dark),
        ([(1.26, 0.86), (1.26, 1.48), (1.86, 1.46), (2.1, 0.94)], (62, 60, 58)),
    ]
    m.prism(hood, 0.62, top, inset=0.06, flanks=openings, strips=[(4, GLASS)])
    m.card(rectangle(-0.34, 1.16, 0.34, 1.44), dark, -0.02)
    for side in (-0.54, 0.42):
        m.card(rectangle(side, 0.66, side + 0.12, 0.8), TAIL, -0.03)
    m.card(rectangle(-0.1, 0.66, 0.1, 0.84), LAMP, 2.66)
    if dice.chance(0.5):
        m.card(rectangle(-0.4, 0.88, 0.4, 1.08), dice.pick(_BUS), -0.03)
    return (Part("autorickshaw", m.solid()), *_plates(2.6, 0.44, 0.2))


def bus(dice: Dice) -> Model:
    """Return a city bus with a row of windows."""
    color, long, half, roof = dice.pick(_BUS), dice.between(8.5, 11.0), 1.24, dice.between(2.95, 3.25)
    m = Modeller()
    for z in (2.1, long - 1.9):
        for side in (-half, half):
            m.wheel(side, z, 0.5, 0.3)
    count = int(long / 1.25)
    step = (long - 0.8) / count
    panes = [(rectangle(0.4 + k * step, 1.55, 0.28 + (k + 1) * step, 2.4), GLASS) for k in range(count)]
    band = [(rectangle(0.05, 0.95, long - 0.05, 1.25), shade(dice.pick(_BUS), FLANK))]
    tyres = [([(z + 0.5 * x, 0.5 + 0.5 * y) for x, y in _OCTAGON], TYRE) for z in (2.1, long - 1.9)]
    body = [(0.0, 0.4), (0.0, roof - 0.15), (0.2, roof), (long - 0.3, roof), (long, roof - 0.4), (long, 0.4)]
    m.prism(body, half, color, inset=0.06, flanks=[*band, *panes, *tyres])
    m.card(rectangle(-0.95, 1.5, 0.95, 2.3), GLASS, -0.02)
    m.card(rectangle(-0.8, 2.42, 0.8, 2.66), (240, 214, 90), -0.02)
    m.card(rectangle(-1.1, 1.3, 1.1, 2.4), GLASS, long + 0.02)
    m.card(rectangle(-0.9, 2.5, 0.9, 2.76), (240, 214, 90), long + 0.02)
    _ends(m, half, (0.6, 0.7), (0.84, 1.02), long, color)
    return (Part("bus", m.solid()), *_plates(long, 0.66))


def truck(dice: Dice) -> Model:
    """Return a goods carrier: a painted tailboard, tall sides, sometimes a load that stands above them."""
    color, cab = dice.pick(_TRUCK), dice.pick(_TRUCK)
    long, half, tall = dice.between(5.8, 8.2), dice.between(1.0, 1.2), dice.between(2.3, 2.9)
    bed = long - 1.9
    m = Modeller()
    for z in (1.0, 1.95, long - 1.0):
        for side in (-half, half):
            m.wheel(side, z, 0.48, 0.32)
    m.box((-0.8 * half, 0.8 * half), (0.5, 0.95), (0.1, long - 0.4), (66, 60, 56))
    front = [(bed + 0.1, 0.6), (bed + 0.1, 2.3), (long - 0.2, 2.3), (long, 1.5), (long, 0.6)]
    m.prism(front, half - 0.06, cab, strips=[(2, GLASS)])
    ribs = [(rectangle(z, 0.95, z + 0.1, tall), shade(color, 0.6)) for z in (0.1, 0.28 * bed, 0.52 * bed, 0.76 * bed)]
    m.prism([(0.0, 0.9), (0.0, tall), (bed, tall), (bed, 0.9)], half, color, flanks=ribs)
    if dice.chance(0.5):
        load: Color = dice.pick(((170, 150, 110), (86, 110, 60), (60, 86, 130), (190, 184, 170)))
        rise = dice.between(0.3, 0.9)
        top = [(0.1, tall), (0.3, tall + rise), (0.6 * bed, tall + 1.1 * rise), (bed - 0.1, tall)]
        m.prism(top, half - 0.08, load, inset=0.3)
    m.card(rectangle(-half + 0.1, 1.0, half - 0.1, 1.5), shade(color, 0.7), -0.02)
    slogan: Color = dice.pick(((240, 214, 60), (236, 236, 226), (60, 130, 80)))
    m.card(rectangle(-0.7 * half, 1.58, 0.7 * half, 1.86), slogan, -0.03)
    m.card(rectangle(-half, 0.62, half, 0.86), (212, 176, 46), -0.03)
    for side in (-half + 0.05, half - 0.3):
        m.card(rectangle(side, 0.66, side + 0.25, 0.82), TAIL, -0.04)
        m.card(rectangle(side, 0.8, side + 0.25, 1.0), LAMP, long + 0.04)
    m.card(rectangle(-0.6, 0.8, 0.6, 1.1), (50, 48, 46), long + 0.04)
    return (Part("truck", m.solid()), *_plates(long, 0.68))


def motorcycle(dice: Dice, riders: int = 1) -> Model:
    """Return a motorcycle or scooter with nobody, a rider, or a rider and a pillion passenger."""
    color: Color = dice.pick(((36, 36, 40), (150, 26, 30), (40, 60, 120), (196, 198, 200), (110, 30, 40), (70, 74, 70)))
    scooter = dice.chance(0.35)
    radius = 0.22 if scooter else 0.3
    m = Modeller()
    for z in (radius, 1.85 - radius):
        m.wheel(0.06, z, radius, 0.12)
    body: list[Point2]
    if scooter:
        body = [(0.05, 0.42), (0.0, 0.72), (0.75, 0.76), (1.2, 0.4), (1.2, 0.24), (0.4, 0.24)]
        m.prism(body, 0.19, color)
        m.prism([(1.3, 0.3), (1.2, 0.5), (1.42, 1.02), (1.55, 0.98), (1.48, 0.5)], 0.2, color)
    else:
        body = [(0.5, 0.26), (0.25, 0.6), (0.0, 0.78), (1.2, 0.98), (1.42, 0.8), (1.05, 0.28)]
        m.prism(body, 0.13, color, flanks=[([(0.5, 0.3), (0.5, 0.56), (1.0, 0.6), (1.02, 0.3)], (96, 96, 98))])
        m.limb((0.0, 0.32, 1.58), (0.0, 1.02, 1.3), 0.1, (70, 70, 72))
    m.limb((-0.36, 1.03, 1.28), (0.36, 1.03, 1.28), 0.06, (40, 40, 42))
    m.card(rectangle(-0.07, 0.6, 0.07, 0.72), TAIL, -0.03)
    m.card(rectangle(-0.1, 0.78, 0.1, 0.96), LAMP, 1.6)
    for side in (-0.34, 0.3):
        m.card(rectangle(side, 1.04, side + 0.07, 1.22), (30, 30, 32), 1.26)
    parts = [Part("motorcycle", m.solid())]
    seat = 0.74
    if riders > 1:
        parts.append(rider(dice, 0.34, seat, reach=False))
    if riders:
        parts.append(rider(dice, 0.72, seat, reach=True))
    return (*parts, *(_plates(1.6, 0.46, 0.12) if dice.chance(0.5) else ()))


def bicycle(dice: Dice, riders: int = 1) -> Model:
    """Return a bicycle, with or without a rider."""
    color: Color = dice.pick(((40, 44, 48), (30, 70, 60), (140, 40, 40), (50, 60, 110)))
    m = Modeller()
    for z in (0.34, 1.4):
        for grow, tone in ((1.0, TYRE), (0.86, (128.0, 122.0, 114.0))):
            rim = [(z + 0.34 * grow * c, 0.34 + 0.34 * grow * s) for c, s in _RIM]
            m.flank(rim, tone, 0.0, detail=grow < 1.0)
        m.card(rectangle(-0.03, 0.0, 0.03, 0.68), TYRE, z)
    stays: tuple[tuple[Point3, Point3], ...] = (
        *(((0, 0.34, 0.34), (0, 0.86, 0.62)), ((0, 0.3, 0.78), (0, 0.9, 1.2)), ((0, 0.34, 1.4), (0, 1.0, 1.2))),
        *(((0, 0.34, 0.34), (0, 0.3, 0.78)), ((0, 0.82, 0.64), (0, 0.86, 1.2))),
    )
    for start, end in stays:
        m.limb(start, end, 0.06, color)
    m.limb((-0.28, 1.0, 1.16), (0.28, 1.0, 1.16), 0.05, color)
    m.card(rectangle(-0.09, 0.84, 0.09, 0.92), TYRE, 0.6)
    m.card(rectangle(-0.05, 0.5, 0.05, 0.58), TAIL, -0.01)
    return (Part("bicycle", m.solid()), *((rider(dice, 0.62, 0.86, reach=True),) if riders else ()))


_RIM = finer_circle(24)


def handcart(dice: Dice) -> Model:
    """Return a vendor's cart with goods on it, IDD's 'vehicle fallback'."""
    wood: Color = (128, 88, 54)
    m = Modeller()
    for z in (0.4, 1.5):
        for side in (-0.55, 0.55):
            m.wheel(side, z, 0.34, 0.08, (70, 62, 56))
    m.box((-0.6, 0.6), (0.62, 0.8), (0.0, 1.9), wood)
    heap: Color = dice.pick(((214, 130, 40), (90, 140, 50), (196, 60, 44), (222, 196, 80), (150, 120, 90)))
    m.prism([(0.1, 0.8), (0.35, 1.08), (0.95, 1.18), (1.5, 1.06), (1.8, 0.8)], 0.52, heap, inset=0.22)
    if dice.chance(0.5):
        cover: Color = dice.pick(((60, 96, 160), (190, 50, 50), (226, 220, 200), (60, 130, 90)))
        for x in (-0.52, 0.52):
            m.limb((x, 0.8, 0.1), (x, 2.0, 0.1), 0.06, wood)
            m.limb((x, 0.8, 1.8), (x, 2.0, 1.8), 0.06, wood)
        m.prism([(-0.1, 1.96), (0.95, 2.2), (2.0, 1.96)], 0.72, cover)
    return (Part("vehicle fallback", m.solid()),)


def tractor(dice: Dice) -> Model:
    """Return a tractor ('vehicle fallback') that pulls a trailer."""
    color: Color = dice.pick(((186, 40, 34), (40, 84, 150), (50, 110, 60)))
    trailer, m = Modeller(), Modeller()
    for side in (-0.95, 0.95):
        trailer.wheel(side, 1.4, 0.42, 0.24)
    tall = dice.between(1.7, 2.3)
    trailer.box((-0.95, 0.95), (0.8, tall), (0.0, 3.2), shade(dice.pick(_TRUCK), 0.9))
    heap: Color = dice.pick(((188, 160, 92), (104, 124, 56), (150, 96, 70)))
    trailer.prism([(0.1, tall), (0.7, tall + 0.5), (2.4, tall + 0.5), (3.1, tall)], 0.9, heap, inset=0.3)
    trailer.card(rectangle(-0.8, 0.86, -0.6, 1.0), TAIL, -0.02)
    trailer.card(rectangle(0.6, 0.86, 0.8, 1.0), TAIL, -0.02)
    for side in (-0.8, 0.8):
        m.wheel(side, 4.3, 0.62, 0.34)
        m.wheel(0.8 * side, 6.0, 0.36, 0.2)
    m.prism([(3.9, 0.7), (3.9, 1.1), (4.9, 1.35), (6.4, 1.3), (6.5, 0.6)], 0.34, color)
    m.prism([(3.9, 2.1), (3.9, 2.2), (5.0, 2.2), (5.0, 2.1)], 0.6, shade(color, 0.9))
    for x in (-0.55, 0.55):
        m.limb((x, 1.0, 3.95), (x, 2.1, 3.95), 0.08, (50, 50, 50))
        m.limb((x, 1.0, 4.95), (x, 2.1, 4.95), 0.08, (50, 50, 50))
    return Part("vehicle fallback", m.solid()), Part("trailer", trailer.solid())


#: Builders by name, with half the width and the length that shadows and headways need.
VEHICLES: Mapping[str, tuple[Callable[[Dice], Model], float, float]] = MappingProxyType(
    {
        "car": (car, 0.85, 4.0),
        "autorickshaw": (autorickshaw, 0.64, 2.6),
        "bus": (bus, 1.25, 10.0),
        "truck": (truck, 1.15, 7.5),
        "motorcycle": (lambda dice: motorcycle(dice, 2 if dice.chance(0.35) else 1), 0.35, 1.9),
        "parked motorcycle": (lambda dice: motorcycle(dice, 0), 0.35, 1.9),
        "bicycle": (bicycle, 0.3, 1.75),
        "parked bicycle": (lambda dice: bicycle(dice, 0), 0.3, 1.75),
        "handcart": (handcart, 0.65, 2.0),
        "tractor": (tractor, 0.95, 6.6),
    }
)
