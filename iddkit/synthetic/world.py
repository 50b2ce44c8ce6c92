"""The street of one drive sequence: what its seed decides once, for all frames.

The road runs along z and bends around the axis x = 0. India drives on the left, so the camera does too, and what comes
towards it is on the right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from iddkit.errors import OptionError
from iddkit.synthetic.camera import LAYOUT_HEIGHT, Camera
from iddkit.synthetic.dice import Dice, waves
from iddkit.synthetic.solids import Color, mix, shade

#: Label sets that scenes can be restricted to.
LABEL_SETS = ("idd", "cityscapes")

# What stands for a label that Cityscapes does not know; None leaves the thing out of the street.
_IN_CITYSCAPES: Mapping[str, str | None] = MappingProxyType(
    {
        "drivable fallback": "parking",
        "non-drivable fallback": "sidewalk",
        "fallback background": "vegetation",
        **dict.fromkeys(("autorickshaw", "vehicle fallback", "animal", "curb", "billboard", "obs-str-bar-fallback")),
    }
)

# Topics: the second number of every key, so that no two things roll the same dice.
LOOK, LOT, FURNITURE, POLE, PARKED, OVERHEAD, MEDIAN, TRAFFIC, WALKER, JUNCTION, FRAME, GROUND = range(12)


@dataclass(frozen=True, slots=True)
class Look:
    """Colours and light, RGB 0-255. `haze_range` is the distance in metres at which half of a colour is haze."""

    sky_top: Color
    sky_low: Color
    cloud: float
    haze: Color
    haze_range: float
    road: Color
    soil: Color
    paving: Color
    leaf: Color
    light: float
    walls: tuple[Color, ...]


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """All that a sequence's frames share. Metres, seconds; pairs are (left, right) of the road.

    Attributes
    ----------
    seed, labels
        What it was made from.
    theme
        city, town, village or highway.
    speed
        Of the camera, in metres a second.
    height, focal, horizon
        Of the camera: metres, and pixels of a frame 1080 pixels high.
    bend
        How far the road swings from its axis.
    half
        Half the width of the road.
    wear
        Depth of the bites in the road's edge.
    shoulder, walk, front
        Width of the unmade shoulder, of the sidewalk (0 without one), and distance from the axis to the frontage.
    """

    seed: int
    labels: str
    theme: str
    look: Look
    speed: float
    height: float
    focal: float
    horizon: float
    bend: float
    half: float
    wear: float
    shoulder: tuple[float, float]
    walk: tuple[float, float]
    front: tuple[float, float]
    median: bool
    lanes: bool
    traffic: float
    people: float
    green: float
    storeys: tuple[int, int]
    pole_gap: float
    hood: float
    border: str

    def label(self, label: str) -> str | None:
        """Return `label` as this world's label set has it, or None when it is to be left out."""
        if self.labels == "idd":
            return label
        base = label.removesuffix("group") if label != "polegroup" else label
        name = _IN_CITYSCAPES.get(base, base)
        return label if name == base else name

    def center(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far the middle of the road lies to the right of the axis at `z`."""
        return self.bend * waves(self.seed * 7 + 3, z, 95.0)

    def slope(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the metres to the right that the road gains a metre ahead, at `z`."""
        return 0.25 * (self.center(z + 2.0) - self.center(z - 2.0))

    def camera(self, time: float, width: float) -> Camera:
        """Return the camera `time` seconds into the drive, for a layout frame `width` pixels wide."""
        z = self.speed * time
        here = np.array((z,))
        sway = waves(self.seed * 7 + 5, np.array((z, z + 40.0, z + 900.0)), 17.0).tolist()
        lane = -0.5 * self.half if self.half > 2.6 else -0.2 * self.half
        return Camera(
            width,
            self.focal,
            self.horizon + 9.0 * float(sway[1]),
            float(self.center(here)[0]) + lane + 0.35 * float(sway[0]),
            self.height,
            z,
            float(self.slope(here)[0]) + 0.02 * float(sway[2]),
        )

    def junction(self, index: int) -> Junction | None:
        """Return what crosses the road in cell `index`, if anything does."""
        return _junction(self, index)

    def in_junction(self, z0: float, z1: float, side: int) -> bool:
        """Return whether the stretch from `z0` to `z1` of one side is open for a side road."""
        for index in range(int(z0 // JUNCTION_CELL), int(z1 // JUNCTION_CELL) + 1):
            found = self.junction(index)
            if found and found.side in (0, side) and found.start - 1.0 < z1 and z0 < found.end + 1.0:
                return True
        return False


@dataclass(frozen=True, slots=True)
class Junction:
    """A side road from `start` to `end` (metres along the road) on a side: -1, 1, or 0 for both; or rails across."""

    start: float
    end: float
    side: int
    rails: bool


JUNCTION_CELL = 110.0


@lru_cache(maxsize=256)
def _junction(world: World, index: int) -> Junction | None:
    dice = Dice(world.seed, JUNCTION, index)
    if not dice.chance({"city": 0.7, "town": 0.6, "village": 0.5, "highway": 0.25}[world.theme]):
        return None
    start = JUNCTION_CELL * index + dice.between(25.0, 80.0)
    if world.theme in ("town", "village") and dice.chance(0.18):
        return Junction(start, start + 4.0, 0, rails=True)
    return Junction(start, start + dice.between(6.0, 11.0), dice.pick((-1, 1, 0)), rails=False)


_WALLS: tuple[tuple[Color, ...], ...] = (
    ((222, 206, 178), (210, 186, 150), (196, 176, 158), (226, 220, 206)),
    ((198, 146, 132), (222, 176, 160), (206, 120, 96), (190, 168, 150)),
    ((176, 192, 206), (150, 170, 186), (206, 212, 216), (190, 186, 178)),
    ((226, 204, 132), (214, 178, 104), (196, 190, 160), (168, 190, 160)),
    ((172, 168, 162), (150, 146, 142), (190, 184, 174), (134, 126, 120)),
)


@lru_cache(maxsize=32)
def world(seed: int, labels: str = "idd") -> World:
    """Return the street of a sequence.

    Parameters
    ----------
    seed
        Any whole number from 0; another seed is another street with its own weather.
    labels
        ``idd``, or ``cityscapes`` for labels that both label maps know.

    Raises
    ------
    OptionError
        The seed is negative or the label set is unknown.
    """
    if labels not in LABEL_SETS:
        raise OptionError(f"no set of labels {labels!r}; known: {', '.join(LABEL_SETS)}")
    if seed < 0:
        raise OptionError(f"the seed is {seed}; it must not be negative")
    dice = Dice(seed, LOOK)
    theme = dice.weighted({"city": 0.34, "town": 0.3, "village": 0.18, "highway": 0.18})
    urban, wide = theme in ("city", "town"), theme in ("city", "highway")
    half = dice.between(4.8, 7.0) if wide else dice.between(2.9, 4.4)
    shoulder = tuple(dice.between(0.5, 1.6) if urban else dice.between(0.9, 2.6) for _ in range(2))
    walk = tuple(dice.between(1.5, 2.8) if dice.chance(0.75 if urban else 0.1) else 0.0 for _ in range(2))
    verge = [dice.between(0.4, 2.0) if urban else dice.between(2.0, 6.0) for _ in range(2)]
    return World(
        seed=seed,
        labels=labels,
        theme=theme,
        look=_look(dice, theme),
        speed=dice.between(9.0, 14.0) if theme == "highway" else dice.between(4.5, 9.0),
        height=dice.between(1.25, 1.75),
        focal=LAYOUT_HEIGHT * dice.between(1.18, 1.5),
        horizon=LAYOUT_HEIGHT * dice.between(0.4, 0.5),
        bend=dice.between(0.0, 9.0),
        half=half,
        wear=dice.between(0.1, 0.35) if wide else dice.between(0.25, 0.6),
        shoulder=(shoulder[0], shoulder[1]),
        walk=(walk[0], walk[1]),
        front=(half + shoulder[0] + walk[0] + verge[0], half + shoulder[1] + walk[1] + verge[1]),
        median=wide and dice.chance(0.5),
        lanes=dice.chance(0.85 if wide else 0.4),
        traffic=dice.between(0.6, 1.2) if urban else dice.between(0.35, 0.8),
        people=dice.between(0.5, 1.2) if urban else dice.between(0.15, 0.5),
        green=dice.between(0.2, 0.7) if urban else dice.between(0.6, 1.2),
        storeys={"city": (2, 6), "town": (1, 4), "village": (1, 2), "highway": (1, 4)}[theme],
        pole_gap=dice.between(18.0, 34.0),
        hood=dice.between(0.04, 0.09) if dice.chance(0.25) else 0.0,
        border=dice.weighted({"": 0.7, "out of roi": 0.15, "rectification border": 0.15}),
    )


# Colours of the sky, above and at the horizon, and the range of the light's strength.
_SKIES: Mapping[str, tuple[Color, Color, tuple[float, float]]] = MappingProxyType(
    {
        "clear": ((92.0, 146.0, 212.0), (196.0, 214.0, 230.0), (0.98, 1.14)),
        "hazy": ((176.0, 190.0, 204.0), (222.0, 218.0, 204.0), (0.92, 1.04)),
        "overcast": ((164.0, 168.0, 176.0), (206.0, 208.0, 210.0), (0.8, 0.95)),
    }
)


def _look(dice: Dice, theme: str) -> Look:
    weather = dice.weighted({"clear": 0.4, "hazy": 0.35, "overcast": 0.25})
    top, low, brightness = _SKIES[weather]
    low = mix(low, (238.0, 206.0, 164.0), dice.between(0.0, 0.35))
    soil = mix((164.0, 128.0, 92.0), (142.0, 118.0, 100.0), dice.random())
    soil = mix(soil, (176.0, 98.0, 66.0), dice.between(0.0, 0.45))
    soil = mix(soil, (112.0, 124.0, 70.0), dice.between(0.0, 0.25 if theme == "city" else 0.6))
    grey = dice.between(84.0, 128.0)
    return Look(
        sky_top=shade(top, dice.between(0.92, 1.08)),
        sky_low=low,
        cloud={"clear": dice.between(0.1, 0.7), "hazy": 0.15, "overcast": dice.between(0.3, 0.6)}[weather],
        haze=mix(low, (206.0, 200.0, 188.0), 0.5),
        haze_range={"clear": 230.0, "hazy": 85.0, "overcast": 150.0}[weather] * dice.between(0.8, 1.3),
        road=mix((grey, grey, grey + 3.0), soil, dice.between(0.03, 0.16)),
        soil=soil,
        paving=dice.pick(((178.0, 168.0, 156.0), (190.0, 150.0, 130.0), (196.0, 184.0, 148.0), (160.0, 158.0, 158.0))),
        leaf=mix((70.0, 104.0, 48.0), dice.pick(((116.0, 124.0, 60.0), (48.0, 92.0, 56.0))), dice.random()),
        light=dice.between(*brightness),
        walls=dice.pick(_WALLS),
    )
