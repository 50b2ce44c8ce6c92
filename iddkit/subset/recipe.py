"""Recipes: what a derived dataset is to be, as a TOML file. ``pipelines/README.md`` explains each key."""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NamedTuple

from iddkit import files, labels
from iddkit.errors import AnnotationError, RecipeError, UserError, printable, shown
from iddkit.labels import LabelMap
from iddkit.raster import FILLS, UNKNOWN
from iddkit.subset.plan import SubsetPlan

#: A recipe is a page; a file larger than this is none.
MAX_BYTES = 2**20


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
    """Return the names of the recipes that iddkit brings along."""
    return tuple(sorted(path.stem for path in files.data_folder("pipelines").glob("*.toml")))


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
    text = str(name_or_path)
    path = files.data_folder("pipelines") / f"{text}.toml" if text in names() else Path(text)
    if not path.is_file():
        raise RecipeError(f"no recipe of this name or path; known by name: {', '.join(names())}", path=text)
    settings: dict[str, Any] = {"name": path.stem}
    for key, value in _read(path).items():
        if key not in KEYS:
            near = difflib.get_close_matches(key.lower().replace("-", "_"), [*KEYS], n=1, cutoff=0)[0]
            raise RecipeError(f"unknown key; the nearest known one is {near}", path=path, where=printable(key, 40))
        try:
            settings[KEYS[key].field] = KEYS[key].read(value)
        except ValueError as error:
            problem = f"{shown(value)} is not {KEYS[key].expected}"
            raise RecipeError(str(error) or problem, path=path, where=key) from error
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


def _read(path: Path) -> dict[str, Any]:
    text = ""
    try:
        text = files.read_bytes(path, MAX_BYTES).decode("utf-8-sig")
        return tomllib.loads(text)
    except AnnotationError as error:
        raise RecipeError(error.problem, path=path) from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"not UTF-8 at byte {error.start}", path=path) from error
    except RecursionError as error:
        raise RecipeError("nested too deep for a recipe", path=path) from error
    except ValueError as error:  # tomllib's own error is one; others come from numbers that Python refuses
        found = re.fullmatch(r"(.*) \(at (.*)\)", str(error), flags=re.S)
        problem, where = found.groups() if found else (str(error), "")
        if where == "end of document":
            lines = text.split("\n")
            where = f"line {len(lines)}, column {len(lines[-1]) + 1}"
        raise RecipeError(f"not TOML: {problem[:1].lower()}{problem[1:]}", path=path, where=where) from error


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


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError
    return value


def _name(value: object) -> str:
    if not _text(value).strip():
        raise ValueError
    return _text(value)


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _one_of(values: tuple[str, ...]) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in values:
            raise ValueError
        return _text(value)

    return read


def _size(value: object) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError
    return _whole(value[0]), _whole(value[1])


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
    return Fraction(_whole(value))


def _counts(value: object) -> dict[str, int]:
    if not isinstance(value, dict):
        return {"": _whole(value)}
    for split in value:
        if split in KEYS:  # 'seed = 1' below the line '[count]' is read as a split
            raise ValueError(f"the split {split!r} is called like a key; a table stands at the end of the file")
    return {split: _whole(count) for split, count in value.items()}


class _Key(NamedTuple):
    field: str
    read: Callable[[object], Any]
    expected: str


_NUMBER_OF_FRAMES: Final = "a table of splits and whole numbers, or a whole number where there are no splits"

#: Key of a recipe to the field of `SubsetPlan`, the function that reads it and what it expects. The keys are the
#: options of ``iddkit subset``, written with underscores.
KEYS: Final[Mapping[str, _Key]] = {
    "name": _Key("name", _name, "a name"),
    "license": _Key("license", _text, "a text of one line"),
    "factor": _Key("factor", _factor, "a number such as 10, 3.9 or '39/10'"),
    "count": _Key("counts", _counts, _NUMBER_OF_FRAMES),
    "longest_side": _Key("longest_side", _whole, "a whole number of pixels"),
    "size": _Key("size", _size, "a width and a height in pixels, as in [320, 227]"),
    "label_map": _Key("label_map", _name, "a label map's name or path"),
    "level": _Key("level", _name, "the name of a level"),
    "cover_all_sequences": _Key("cover_sequences", _flag, "true or false"),
    "seed": _Key("seed", _whole, "a whole number"),
    "method": _Key("method", _name, "the name of a method"),
    "layout": _Key("layout", _name, "the name of a layout"),
    "image_format": _Key("image_format", _name, "the name of an image format"),
    "quality": _Key("quality", _whole, "a whole number"),
    "with_unlabelled": _Key("unlabelled", _flag, "true or false"),
    "fill": _Key("fill", _one_of(FILLS), f"one of {', '.join(FILLS)}"),
    "unknown": _Key("unknown", _one_of(UNKNOWN), f"one of {', '.join(UNKNOWN)}"),
}
