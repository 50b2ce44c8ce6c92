"""Recipes: what a derived dataset is to be, as a TOML file. ``pipelines/README.md`` explains each key."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from iddkit import labels, recipes
from iddkit.errors import RecipeError, UserError, shown
from iddkit.labels import LabelMap
from iddkit.raster import FILLS, UNKNOWN
from iddkit.recipes import Key
from iddkit.subset.plan import SubsetPlan


@dataclass(frozen=True)
class Recipe:
    """What a recipe says of a derived dataset, and no more: what it leaves out is `SubsetPlan`'s default.

    Attributes
    ----------
    path
        Of the file.
    settings
        Field of `SubsetPlan` to value. The name is always there: the file's, where it states none.
    """

    path: Path
    settings: Mapping[str, Any]


def names() -> tuple[str, ...]:
    """Return the names of the recipes of derived datasets that iddkit brings along."""
    return recipes.names(of_training=False)


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Load a recipe by name (``idd_mini``, ``idd_lite``) or by path.

    Raises
    ------
    RecipeError
        There is no such recipe; it is no TOML (line and column are named); it holds an unknown key (the nearest known
        one is named) or a value of the wrong type or beyond its range.
    LabelMapError
        The label map that it names cannot be used.

    Examples
    --------
    >>> recipe = load_recipe("idd_lite")
    >>> recipe.settings["longest_side"], recipe.settings["level"]
    (320, 'level1')
    """
    path = recipes.locate(name_or_path, of_training=False)
    settings = {"name": path.stem, **recipes.read_settings(path, KEYS)}
    if "label_map" in settings:
        settings["label_map"] = _load_map(settings["label_map"], path)
    recipe = Recipe(path, settings)
    _check(recipe)
    return recipe


def plan_of(recipe: Recipe, **overrides: Any) -> SubsetPlan:
    """Return the plan of a recipe, with some of its fields replaced.

    Of two settings that exclude each other the override stands: a longest side replaces a size and the reverse, a
    factor replaces counts, a list of frames both. Counts leave the factor in place for the splits that they do not
    name.

    Parameters
    ----------
    recipe
        What `load_recipe` gave.
    overrides
        Fields of `SubsetPlan`; the factor as any number or text that `parse_factor` takes.

    Raises
    ------
    OptionError, LabelMapError
        The plan cannot be.

    Examples
    --------
    >>> plan = plan_of(load_recipe("idd_lite"), size=(320, 227))
    >>> plan.longest_side, plan.output_size.of(1920, 1080)
    (None, (320, 227))
    """
    settings = dict(recipe.settings)
    for given, replaced in _REPLACES.items():
        if overrides.get(given) is not None:
            for field in replaced:
                settings.pop(field, None)
    settings |= overrides
    if settings.get("factor") is not None:
        settings["factor"] = parse_factor(settings["factor"])
    plan = SubsetPlan(**settings)
    return replace(plan, level=plan.label_map.level(plan.level))  # 'level2Ids' is 'level2'


# Setting to those of the recipe that it takes the place of.
_REPLACES: Final = {
    "longest_side": ("size",),
    "size": ("longest_side",),
    "factor": ("counts",),
    "frames": ("factor", "counts"),
}


def parse_factor(value: int | float | str | Fraction) -> Fraction:
    """Return a factor as the number that was written: ``10``, ``3.9``, ``"39/10"``.

    Raises
    ------
    RecipeError
        It is none of these.

    Examples
    --------
    >>> parse_factor(3.9) == parse_factor("39/10")
    True
    """
    try:
        return _factor(value)
    except ValueError as error:
        raise RecipeError(f"the factor {shown(value)} is not {KEYS['factor'].expected}") from error


def _load_map(text: str, recipe: Path) -> LabelMap:
    return labels.load(text if text in labels.names() else recipe.parent / text)


def _check(recipe: Recipe) -> None:
    """Refuse values that no plan can have, whatever else a command line adds."""
    settings = dict(recipe.settings)
    if not any(settings.get(field) for field in ("factor", "counts")):
        settings["factor"] = Fraction(1)
    if not {"label_map", "level"} <= settings.keys():
        settings["level"] = labels.ID  # every map has it; the other half of the two comes with the dataset
    try:
        SubsetPlan(**settings)
    except UserError as error:
        raise RecipeError(error.problem, path=recipe.path) from error


def _factor(value: object) -> Fraction:
    if isinstance(value, Fraction):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return Fraction(repr(value))  # 3.9 is 39/10, not the binary number next to it
    if isinstance(value, str):
        # No exponents, which could ask for numbers of a billion digits.
        if re.fullmatch(r"\d{1,12}(\.\d{1,12}|/0*[1-9]\d{0,11})?", value.strip(), flags=re.ASCII) is None:
            raise ValueError
        return Fraction(value.strip())
    return Fraction(recipes.whole(value))


def _counts(value: object) -> dict[str, int]:
    if not isinstance(value, dict):
        return {"": recipes.whole(value)}
    for split in value:
        if split in KEYS:  # 'seed = 1' below the line '[count]' is read as a split
            raise ValueError(f"the split {split!r} is called like a key; a table stands at the end of the file")
    return {split: recipes.whole(count) for split, count in value.items()}


_NUMBER_OF_FRAMES: Final = "a table of splits and whole numbers, or a whole number where there are no splits"

#: Key of a recipe to the field of `SubsetPlan`, the function that reads it and what it expects. The keys are the
#: options of ``iddkit subset``, written with underscores.
KEYS: Final[Mapping[str, Key]] = {
    "name": Key("name", recipes.name, "a name"),
    "license": Key("license", recipes.text, "a text of one line"),
    "factor": Key("factor", _factor, "a number such as 10, 3.9 or '39/10'"),
    "count": Key("counts", _counts, _NUMBER_OF_FRAMES),
    "longest_side": Key("longest_side", recipes.whole, "a whole number of pixels"),
    "size": Key("size", recipes.size, "a width and a height in pixels, as in [320, 227]"),
    "label_map": Key("label_map", recipes.name, "a label map's name or path"),
    "level": Key("level", recipes.name, "the name of a level"),
    "cover_all_sequences": Key("cover_sequences", recipes.flag, "true or false"),
    "seed": Key("seed", recipes.whole, "a whole number"),
    "method": Key("method", recipes.name, "the name of a method"),
    "layout": Key("layout", recipes.name, "the name of a layout"),
    "image_format": Key("image_format", recipes.name, "the name of an image format"),
    "quality": Key("quality", recipes.whole, "a whole number"),
    "with_unlabelled": Key("unlabelled", recipes.flag, "true or false"),
    "fill": Key("fill", recipes.one_of(*FILLS), f"one of {', '.join(FILLS)}"),
    "unknown": Key("unknown", recipes.one_of(*UNKNOWN), f"one of {', '.join(UNKNOWN)}"),
}
