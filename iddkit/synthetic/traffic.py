"""What stands and moves along the street at a moment.

What moves keeps its place in cells that move along with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from iddkit.synthetic import roadside, street
from iddkit.synthetic.dice import Dice
from iddkit.synthetic.solids import AWAY, LEFT, RIGHT, TOWARDS, Model, Point2, crowd, shift, turn
from iddkit.synthetic.things import Thing, place, place_vehicle, place_walker
from iddkit.synthetic.vehicles import VEHICLES
from iddkit.synthetic.world import JUNCTION_CELL, PARKED, TRAFFIC, WALKER, World

_PARKED_CELL = 9.0


@dataclass(frozen=True, slots=True)
class Stream:
    """Things that move along the road in step, in cells `cell` metres long."""

    number: int
    speed: float
    x: float
    cell: float
    share: float
    kinds: tuple[tuple[str, float], ...]
    direction: Point2


def things(world: World, time: float, first: float, last: float) -> Iterator[tuple[Thing, float, float, Model]]:
    """Yield what is between `first` and `last` metres along the road: thing, its x and z now, its model now."""
    for side in (0, 1):
        for cell, make in (
            (roadside.LOT_CELL, roadside.lot),
            (roadside.FURNITURE_CELL, roadside.furniture),
            (world.pole_gap, roadside.poles),
            (_PARKED_CELL, _parked),
        ):
            for k in range(int(first // cell), int(last // cell) + 1):
                for thing in make(world, side, k):
                    yield thing, thing.x, thing.z, thing.poses[0]
    for cell, make_across in (
        (roadside.OVERHEAD_CELL, roadside.overhead),
        (roadside.MEDIAN_CELL, roadside.median),
        (JUNCTION_CELL, _crossing),
    ):
        for k in range(int(first // cell), int(last // cell) + 1):
            for thing in make_across(world, k):
                yield thing, thing.x + _crossed(thing, time), thing.z, _pose(thing, time)
    for stream in streams(world):
        moved = stream.speed * time
        for k in range(int((first - moved) // stream.cell), int((last - moved) // stream.cell) + 1):
            for thing in _travellers(world, stream, k):
                yield thing, thing.x, thing.z + moved, _pose(thing, time)


def _pose(thing: Thing, time: float) -> Model:
    return thing.poses[int(2.5 * time + thing.key) % len(thing.poses)]


def _crossed(thing: Thing, time: float) -> float:
    if not thing.across:
        return 0.0
    span = 14.0 if abs(thing.across) < 2.0 else 60.0
    return (thing.across * time + thing.key % 997) % span - 0.5 * span


@lru_cache(maxsize=64)
def streams(world: World) -> tuple[Stream, ...]:
    """Return the traffic and the walkers of a world."""
    small: tuple[tuple[str, float], ...] = (("motorcycle", 0.7), ("bicycle", 0.2))
    mixed: tuple[tuple[str, float], ...] = (("motorcycle", 0.3), ("car", 0.32), ("bus", 0.07), ("truck", 0.1))
    if world.labels == "idd":
        small += (("autorickshaw", 0.3),)
        mixed += (("autorickshaw", 0.17), ("tractor", 0.03), ("handcart", 0.01))
    lane, edge = 0.5 * world.half, world.half - 0.75
    v, busy, people = world.speed, world.traffic, world.people
    listed = [
        Stream(0, v, -lane, 13.0, 0.5 * busy, mixed, AWAY),
        Stream(1, -0.8 * v - 2.0, lane, 13.0, 0.56 * busy, mixed, TOWARDS),
        Stream(2, 0.6 * v, -edge, 9.0, 0.42 * busy, small, AWAY),
        Stream(3, -0.5 * v - 1.0, edge, 9.0, 0.42 * busy, small, TOWARDS),
        Stream(4, 1.1, -world.front[0] + 0.9, 5.0, 0.28 * people, (("person", 1.0),), AWAY),
        Stream(5, -1.2, world.front[1] - 0.9, 5.0, 0.28 * people, (("person", 1.0),), TOWARDS),
        Stream(6, -0.9, -world.half - 0.5, 8.0, 0.2 * people, (("person", 1.0),), TOWARDS),
        Stream(7, 1.0, world.half + 0.5, 8.0, 0.2 * people, (("person", 1.0),), AWAY),
    ]
    if world.half > 4.6 and not world.median:
        listed.append(Stream(8, v + 2.5, -0.12 * world.half, 19.0, 0.4 * busy, small, AWAY))
    return tuple(listed)


@lru_cache(maxsize=512)
def _travellers(world: World, stream: Stream, index: int) -> tuple[Thing, ...]:
    dice = Dice(world.seed, TRAFFIC, stream.number, index)
    if not dice.chance(stream.share):
        return ()
    kind = dice.weighted(dict(stream.kinds))
    x = stream.x + dice.between(-0.4, 0.4)
    slack = stream.cell - (VEHICLES[kind][2] if kind in VEHICLES else 0.5)
    z = stream.cell * index + dice.between(0.0, max(0.1, slack))
    if kind == "person":
        return (place_walker(world, dice, x, z),)
    return (place_vehicle(world, kind, stream.direction, x, z, dice),)


@lru_cache(maxsize=128)
def _parked(world: World, side: int, index: int) -> tuple[Thing, ...]:
    dice = Dice(world.seed, PARKED, side, index)
    sign = 2 * side - 1
    share = (0.36 if world.theme in ("city", "town") else 0.12) * (1.0 if world.half > 3.2 else 0.7)
    z = _PARKED_CELL * index
    if not dice.chance(share) or world.in_junction(z, z + _PARKED_CELL, sign):
        return ()
    idd = world.labels == "idd"
    small = {"parked motorcycle": 0.5, "parked bicycle": 0.12, "car": 0.2}
    kinds = small | ({"autorickshaw": 0.2, "handcart": 0.16} if idd else {})
    direction = AWAY if side == 0 else TOWARDS
    middle = sign * (world.half + 0.5 * world.shoulder[side] + 0.4)
    if dice.chance(0.09):
        return (place(world, _row(dice, "motorcycle", 0.75), middle, z, dice, 60.0),)
    if dice.chance(0.06):
        return (place(world, _row(dice, "car", 4.4), middle, z, dice, 90.0, opaque=True),)
    found = []
    at = z
    for _ in range(dice.whole(1, 2)):
        kind = dice.weighted(kinds)
        width, long = VEHICLES[kind][1:]
        if at + long > z + _PARKED_CELL:
            break
        x = sign * (world.half + max(0.5 * world.shoulder[side], width - 0.35) + 0.15)
        found.append(place_vehicle(world, kind, direction, x, at, dice))
        at += long + dice.between(0.5, 2.0)
    return tuple(found)


def _row(dice: Dice, kind: str, gap: float) -> Model:
    """Return parked vehicles so close together that annotators draw them as one ``<label>group``."""
    make, _, long = VEHICLES["parked motorcycle" if kind == "motorcycle" else kind]
    count = dice.whole(4, 7) if kind == "motorcycle" else 2
    solids = []
    for k in reversed(range(count)):
        # Motorcycles stand side by side, aslant to the road.
        model = turn(make(dice), (0.6, 0.8), 0.5 * long) if kind == "motorcycle" else make(dice)
        solids.append(shift(model, dice.between(-0.1, 0.1), 0.0, gap * k)[0].solid)
    return (crowd(f"{kind}group", solids),)


@lru_cache(maxsize=64)
def _crossing(world: World, index: int) -> tuple[Thing, ...]:
    """Return the signals of a junction, and who crosses there."""
    junction = world.junction(index)
    if junction is None or junction.rails:
        return ()
    dice = Dice(world.seed, WALKER, index)
    found: list[Thing] = []
    for _ in range(dice.whole(0, 2)):
        walker = place_walker(world, dice, 0.0, junction.start - dice.between(1.0, 3.0))
        found.append(replace(walker, across=dice.pick((-1.1, 1.1))))
    kinds = ("motorcycle", "car", "autorickshaw" if world.labels == "idd" else "car", "bicycle", "truck")
    for _ in range(dice.whole(0, 2)):
        direction = dice.pick((LEFT, RIGHT))
        lane = junction.start + (0.3 if direction is LEFT else 0.7) * (junction.end - junction.start)
        kind = dice.pick(kinds)
        vehicle = place_vehicle(world, kind, direction, 0.0, lane - 0.5 * VEHICLES[kind][2], dice)
        found.append(replace(vehicle, across=-4.0 if direction is LEFT else 4.0))
    if dice.chance({"city": 0.8, "town": 0.5, "village": 0.0, "highway": 0.4}[world.theme]):
        for side in (0, 1) if dice.chance(0.6) else (0,):
            sign = 2 * side - 1
            lights = street.traffic_light(dice, sign)
            found.append(place(world, lights, sign * (world.half + 0.6), junction.start - 2.0, dice, 90.0))
    return tuple(found)
