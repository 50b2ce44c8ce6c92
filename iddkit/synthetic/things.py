"""A model at its place in the street."""

from __future__ import annotations

from dataclasses import dataclass

from iddkit.synthetic import creatures
from iddkit.synthetic.dice import Dice
from iddkit.synthetic.solids import Model, Part, Point2, turn
from iddkit.synthetic.vehicles import VEHICLES
from iddkit.synthetic.world import World


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """A model that stands at one place of its stream.

    Attributes
    ----------
    poses
        The model in each pose of its movement; most things have one.
    x, z
        Metres from the middle of the road and along it.
    key
        A number of its own.
    reach
        The distance in metres up to which annotators draw it.
    opaque
        It stands on the ground and hides what is behind it.
    shadow
        Half the width and the length of its shadow on the ground, or (0, 0).
    across
        Metres a second to the right, for what crosses the road; it comes again and again.
    """

    poses: tuple[Model, ...]
    x: float
    z: float
    key: int
    reach: float
    opaque: bool = False
    shadow: Point2 = (0.0, 0.0)
    across: float = 0.0


def keep_known(world: World, model: Model) -> Model:
    """Return the parts that the world's label set knows, under its names."""
    kept = []
    for part in model:
        label = world.label(part.label)
        if label is not None:
            kept.append(Part(label, part.solid))
    return tuple(kept)


def place(
    world: World,
    model: Model,
    x: float,
    z: float,
    dice: Dice,
    reach: float,
    *,
    opaque: bool = False,
    shadow: Point2 = (0.0, 0.0),
) -> Thing:
    """Return a model at its place, with the parts that the world's label set knows."""
    return Thing((keep_known(world, model),), x, z, dice.whole(0, 1 << 30), reach, opaque, shadow)


def place_vehicle(world: World, kind: str, direction: Point2, x: float, z: float, dice: Dice) -> Thing:
    """Return a vehicle of `VEHICLES` that drives in `direction`, a little askew."""
    make, half, long = VEHICLES[kind]
    model = make(dice)
    c, s = direction
    skew = dice.between(-0.05, 0.05)  # half the tangent: a small turn by arithmetic alone
    turned = ((1.0 - skew * skew) / (1.0 + skew * skew), 2.0 * skew / (1.0 + skew * skew))
    model = turn(model, (c * turned[0] - s * turned[1], s * turned[0] + c * turned[1]), 0.5 * long)
    reach = {"bus": 120.0, "truck": 120.0, "car": 95.0, "autorickshaw": 80.0}.get(kind, 62.0)
    # Two-wheelers and carts hide little.
    opaque = kind in ("car", "bus", "truck", "autorickshaw")
    return place(world, model, x, z, dice, reach, opaque=opaque, shadow=(half, long))


def place_walker(world: World, dice: Dice, x: float, z: float) -> Thing:
    """Return somebody on foot, or now and then several together."""
    if dice.chance(0.08):
        return place(world, (creatures.people(dice),), x, z, dice, 60.0)
    poses = tuple((Part("person", solid),) for solid in creatures.person(dice))
    return Thing(poses, x, z, dice.whole(0, 1 << 30), 60.0, shadow=(0.3, 0.4))
