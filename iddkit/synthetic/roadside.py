"""What stands still along the street, cell by cell: lots, furniture, poles with their cables, medians, bridges.

Each kind has cells along the road; a cell's key rolls what is in it, so any stretch of any street can be looked up
without a memory. `side` is 0 for the left of the road and 1 for the right.
"""

from __future__ import annotations

from functools import lru_cache

from iddkit.synthetic import creatures, frontage, street
from iddkit.synthetic.dice import Dice
from iddkit.synthetic.solids import Model
from iddkit.synthetic.things import Thing, keep_known, place, place_walker
from iddkit.synthetic.world import FURNITURE, LOT, MEDIAN, OVERHEAD, POLE, World

LOT_CELL, FURNITURE_CELL, OVERHEAD_CELL, MEDIAN_CELL = 13.0, 8.5, 60.0, 12.0


@lru_cache(maxsize=192)
def lot(world: World, side: int, index: int) -> tuple[Thing, ...]:
    """Return what a lot has towards the street: a house, a wall, a fence, a hedge, or nothing but bushes."""
    dice = Dice(world.seed, LOT, side, index)
    sign = 2 * side - 1
    long = dice.between(9.0, LOT_CELL - 0.3)
    z = LOT_CELL * index
    if world.in_junction(z, z + long, sign):
        return ()
    front = world.front[side]
    weights = {
        "city": {"building": 0.68, "wall": 0.12, "fence": 0.08, "greenery": 0.08, "open": 0.04},
        "town": {"building": 0.58, "wall": 0.16, "fence": 0.06, "greenery": 0.12, "open": 0.08},
        "village": {"building": 0.26, "wall": 0.12, "fence": 0.08, "greenery": 0.3, "open": 0.24},
        "highway": {"building": 0.16, "wall": 0.12, "fence": 0.12, "greenery": 0.34, "open": 0.26},
    }[world.theme]
    kind = dice.weighted(weights)
    found: list[Thing] = []

    def add(model: Model, away: float, reach: float, *, opaque: bool = False, shift: float = 0.0) -> None:
        found.append(place(world, model, sign * (front + away), z + shift, dice, reach, opaque=opaque))

    def house(away: float) -> None:
        storeys = dice.whole(*world.storeys)
        add(frontage.building(dice, sign, long, storeys, world.look.walls), away, 180.0, opaque=True)

    if kind == "building":
        house(dice.between(0.0, 1.2))
    elif kind == "wall":
        add(street.wall(dice, sign, long), 0.0, 110.0, opaque=True)
        if dice.chance(0.5):
            add(frontage.greenery(dice, sign, long, dice.between(3.0, 6.5)), 1.5, 90.0, opaque=True)
        else:
            house(dice.between(4.0, 8.0))
    elif kind == "fence":
        add(street.fence(dice, long), 0.0, 80.0)
        if dice.chance(0.6):
            add(frontage.greenery(dice, sign, long, dice.between(2.5, 6.0)), 2.0, 90.0, opaque=True)
        else:
            house(dice.between(5.0, 9.0))
    elif kind == "greenery":
        add(frontage.greenery(dice, sign, long, dice.between(1.6, 6.5)), dice.between(0.0, 2.0), 115.0, opaque=True)
    else:
        for _ in range(dice.whole(1, 3)):
            add(frontage.bush(dice), dice.between(0.0, 5.0), 70.0, shift=dice.between(0.0, long))
        add(frontage.tree(dice), dice.between(2.0, 8.0), 85.0, shift=dice.between(0.0, long))
        if dice.chance(0.5):
            add(frontage.greenery(dice, sign, long, dice.between(3.0, 7.0)), 12.0, 115.0, opaque=True)
    if world.theme == "highway" and dice.chance(0.4):
        rail = keep_known(world, street.guard_rail(dice, long))
        found.append(Thing((rail,), sign * (world.half + world.shoulder[side] + 0.3), z, index, 80.0))
    return tuple(found)


@lru_cache(maxsize=192)
def furniture(world: World, side: int, index: int) -> tuple[Thing, ...]:
    """Return what stands between the road and the lots: trees, signs, stalls, people, animals."""
    dice = Dice(world.seed, FURNITURE, side, index)
    sign = 2 * side - 1
    z = FURNITURE_CELL * index + dice.between(0.0, 4.0)
    if world.in_junction(z, z + 3.0, sign):
        return ()
    kerb, front = world.half + world.shoulder[side], world.front[side]
    people, green, idd = world.people, world.green, world.labels == "idd"
    kinds = {
        "nothing": 0.95,
        "tree": 0.36 * green,
        "bush": 0.22 * green,
        "post": 0.12,
        "sign": 0.13,
        "polegroup": 0.05,
        "billboard": 0.055 if idd else 0.0,
        "person": 0.3 * people,
        "people": 0.07 * people,
        "cow": 0.09 if idd else 0.0,
        "dog": 0.06 if idd else 0.0,
        "stall": 0.14 * people,
        "heap": 0.07,
    }
    found: list[Thing] = []
    for _ in range(2):
        kind = dice.weighted(kinds)
        near, middle = sign * (kerb + dice.between(0.3, 0.7)), sign * (0.5 * (kerb + front) + dice.between(-0.4, 0.4))
        if kind == "tree":
            found.append(place(world, frontage.tree(dice), middle, z, dice, 85.0, shadow=(1.4, 1.0)))
        elif kind == "bush":
            found.append(place(world, frontage.bush(dice), middle, z, dice, 60.0))
        elif kind == "post":
            found.append(place(world, street.pole(dice, sign, "post"), near, z, dice, 50.0))
        elif kind == "sign":
            found.append(place(world, street.sign(dice), near, z, dice, 75.0))
        elif kind == "polegroup":
            found.append(place(world, street.pole_group(dice), near, z, dice, 55.0))
        elif kind == "billboard":
            found.append(place(world, street.billboard(dice, sign), sign * front, z, dice, 90.0))
        elif kind == "person":
            found.append(place_walker(world, dice, middle, z))
        elif kind == "people":
            found.append(place(world, (creatures.people(dice),), middle, z, dice, 60.0, shadow=(0.9, 0.6)))
        elif kind in ("cow", "dog"):
            model = creatures.cow(dice) if kind == "cow" else creatures.dog(dice)
            where = sign * (world.half + dice.between(-0.6, 0.8))
            found.append(place(world, model, where, z, dice, 55.0, shadow=(0.7, 0.4)))
        elif kind == "stall":
            found.append(place(world, frontage.stall(dice, sign), sign * (front - 1.6), z, dice, 80.0))
        elif kind == "heap":
            found.append(place(world, street.heap(dice), sign * (front - 0.6), z, dice, 45.0))
        z += FURNITURE_CELL * 0.5
    return tuple(found)


@lru_cache(maxsize=96)
def poles(world: World, side: int, index: int) -> tuple[Thing, ...]:
    """Return electric poles with their cables on one side, lamps on the other."""
    dice = Dice(world.seed, POLE, side, index)
    sign = 2 * side - 1
    electric = side == world.seed % 2
    z = world.pole_gap * index
    x = sign * (world.half + world.shoulder[side] + 0.5)
    pole = street.pole(dice, sign, "electric" if electric else "lamp")
    found = []
    if not world.in_junction(z - 0.5, z + 0.5, sign):
        found.append(place(world, pole, x, z, dice, 68.0))
    if electric:
        for low in (7.4, 6.7)[: dice.whole(0, 2)]:
            model = street.cable(dice, (0.0, low, 0.0), (0.0, low, world.pole_gap))
            found.append(place(world, model, x + dice.between(-0.3, 0.3), z, dice, 55.0))
    return tuple(found)


@lru_cache(maxsize=64)
def overhead(world: World, index: int) -> tuple[Thing, ...]:
    """Return cables from side to side, gates and bridges."""
    dice = Dice(world.seed, OVERHEAD, index)
    z = OVERHEAD_CELL * index + dice.between(4.0, 30.0)
    found = []
    if world.labels == "idd":
        left, right = -world.half - 2.0, world.half + 2.0
        for _ in range(dice.whole(0, 2)):
            at = z + dice.between(0.0, 26.0)
            ends = (left, dice.between(6.0, 8.0), 0.0), (right, dice.between(6.0, 8.0), dice.between(-4.0, 4.0))
            found.append(place(world, street.cable(dice, *ends), 0.0, at, dice, 50.0))
        if dice.chance(0.1):
            found.append(place(world, street.arch(dice, world.half), 0.0, z + 28.0, dice, 110.0))
    if dice.chance(0.12 if world.theme in ("city", "highway") else 0.0):
        found.append(place(world, street.bridge(dice, world.half), 0.0, z + 20.0, dice, 220.0))
    return tuple(found)


@lru_cache(maxsize=64)
def median(world: World, index: int) -> tuple[Thing, ...]:
    """Return a piece of the kerb between the two directions, with what grows and stands on it."""
    # Short pieces: what is on one side of a long one would have to be drawn before it, what is on the other after it.
    z, long = MEDIAN_CELL * index, MEDIAN_CELL - 0.6
    if not world.median or world.in_junction(z, z + long, -1) or world.in_junction(z, z + long, 1):
        return ()
    dice = Dice(world.seed, MEDIAN, index)
    found = [place(world, street.median(dice, long, 0.4), 0.0, z, dice, 46.0)]
    if world.seed % 2 and dice.chance(0.8):
        found.append(place(world, street.fence(dice, long - 1.0), 0.0, z + 0.5, dice, 50.0))
    elif dice.chance(0.5):
        found += [place(world, frontage.bush(dice), 0.0, z + 2.0 + 5.0 * k, dice, 46.0) for k in range(2)]
    if dice.chance(0.2):
        found.append(place(world, street.pole(dice, dice.pick((-1.0, 1.0)), "lamp"), 0.0, z + 0.5 * long, dice, 90.0))
    return tuple(found)
