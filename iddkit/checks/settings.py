"""`Settings`: the numbers and labels that the rules go by, as a TOML file says them.

Each has a value that fits driving scenes of one to three million pixels; ``iddkit check --settings FILE`` takes others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from iddkit import recipes
from iddkit.recipes import Key


@dataclass(frozen=True, slots=True)
class Settings:
    """What the rules go by.

    Attributes
    ----------
    margin
        Pixels by which a vertex may lie beyond the image; real ones often lie a little beyond (of Cityscapes' polygons
        one in 170 has a negative vertex).
    overlap
        Intersection over union from which on two outlines of one label are near-duplicates.
    covered
        Part of a thing that what lies behind everything (`behind`) may hide.
    unlabelled, unlabelled_major
        Part of the image that may be without a label; from the second on the finding is major.
    gap
        Pixels of the smallest region that counts as a gap.
    sliver
        A gap that is at most so many pixels wide, and at least four times as long, is a sliver.
    behind
        Labels that are never in front of a thing: the sky, and the ground.
    required
        Groups of labels, of each of which a frame shows at least one.
    partners
        Label to those of which at least one has to be near it: a rider has a two-wheeler, or what else is ridden.
    alike
        Correlation from which on two frames are near-duplicates (`iddkit.likeness`).
    far
        How far the area of an object may be from what its label has at its place, and the habit of a sequence from that
        of the others, in robust standard deviations.
    least
        Objects of a label at a place, and sequences, from which on it is known what is usual.
    """

    margin: float = 10.0
    overlap: float = 0.9
    covered: float = 0.2
    unlabelled: float = 0.01
    unlabelled_major: float = 0.05
    gap: int = 4
    sliver: int = 2
    behind: tuple[str, ...] = (
        "sky",
        "road",
        "parking",
        "drivable fallback",
        "sidewalk",
        "rail track",
        "non-drivable fallback",
        "ground",
        "terrain",
    )
    required: tuple[tuple[str, ...], ...] = (("road", "parking", "drivable fallback", "ground"),)
    partners: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {
            "rider": (
                "motorcycle",
                "bicycle",
                "animal",
                "vehicle fallback",
                "trailer",
                "autorickshaw",
            )
        }
    )
    alike: float = 0.8
    far: float = 6.0
    least: int = 30


def load_settings(path: str | Path) -> Settings:
    """Load settings from a TOML file; what it does not say is as `Settings` has it.

    Raises
    ------
    RecipeError
        It cannot be read, or holds an unknown key or a value that cannot be.
    """
    return Settings(**recipes.read_settings(Path(path), KEYS))


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError
    return tuple(recipes.name(one) for one in value)


def _groups(value: object) -> tuple[tuple[str, ...], ...]:
    if not isinstance(value, list):
        raise ValueError
    return tuple(_names(group) for group in value)


def _partners(value: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise ValueError
    return {recipes.name(label): _names(others) for label, others in value.items()}


_PART: Final = "a part from 0 to 1"

_READERS: Final[Mapping[str, tuple[Any, str]]] = {
    "margin": (recipes.number(0, 10_000), "a number of pixels, from 0 to 10000"),
    "overlap": (recipes.number(0.5, 1), "a part from 0.5 to 1"),
    "covered": (recipes.number(0, 1), _PART),
    "unlabelled": (recipes.number(0, 1), _PART),
    "unlabelled_major": (recipes.number(0, 1), _PART),
    "gap": (recipes.count(1, 10**6), "a whole number of pixels from 1 on"),
    "sliver": (recipes.count(0, 1000), "a whole number of pixels"),
    "behind": (_names, "a list of labels"),
    "required": (_groups, "a list of lists of labels"),
    "partners": (_partners, 'a table of labels, each with a list: rider = ["motorcycle"]'),
    "alike": (recipes.number(0, 1, above=True), "a correlation above 0, up to 1"),
    "far": (recipes.number(1, 1000), "a number from 1 on"),
    "least": (recipes.count(3, 10**9), "a whole number from 3 on"),
}

#: Key of the file to the field of `Settings`, the function that reads it and what it expects.
KEYS: Final[Mapping[str, Key]] = {one.name: Key(one.name, *_READERS[one.name]) for one in fields(Settings)}
