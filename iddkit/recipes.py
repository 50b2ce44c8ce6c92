"""Recipes: settings in TOML files. What they hold is the business of `iddkit.subset` and `iddkit.training`.

A recipe is known by the name of its file in ``pipelines/``, or by its path; its keys are a table of `Key`.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from iddkit import files
from iddkit.errors import AnnotationError, RecipeError, printable, shown

#: A recipe is a page; a file larger than this is none.
MAX_BYTES: Final = 2**20

#: The key that a recipe of training has, and one of a derived dataset has not.
MODEL: Final = "model"


class Key(NamedTuple):
    """A key of a recipe: the field that it fills, the function that reads its value, and what that expects.

    The function raises `ValueError`, with the problem or without a text, for a value that cannot be.
    """

    field: str
    read: Callable[[object], Any]
    expected: str


def names(*, of_training: bool) -> tuple[str, ...]:
    """Return the names of the recipes that iddkit brings along: those of networks, or those of derived datasets."""
    paths = files.data_folder("pipelines").glob("*.toml")
    return tuple(sorted(path.stem for path in paths if (MODEL in read_toml(path)) == of_training))


def locate(name_or_path: str | Path, *, of_training: bool) -> Path:
    """Return the file of a recipe that was given by name or by path.

    Raises
    ------
    RecipeError
        There is no such recipe.
    """
    text, known = str(name_or_path), names(of_training=of_training)
    path = files.data_folder("pipelines") / f"{text}.toml" if text in known else Path(text)
    if not path.is_file() and text in names(of_training=not of_training):
        problem = f"{_text_of_other(of_training=not of_training)}; known by name: {', '.join(known)}"
        raise RecipeError(problem, path=text)
    if not path.is_file():
        raise RecipeError(f"no recipe of this name or path; known by name: {', '.join(known)}", path=text)
    return path


def read_settings(path: Path, keys: Mapping[str, Key]) -> dict[str, Any]:
    """Return what a recipe says: field to value.

    Raises
    ------
    RecipeError
        It cannot be read, or is no TOML (line and column are named); it holds an unknown key (the nearest known one is
        named) or a value of the wrong type or beyond its range.
    """
    settings: dict[str, Any] = {}
    content = read_toml(path)
    of_training = MODEL in keys
    if (MODEL in content) != of_training and (MODEL in content or "factor" in content):
        raise RecipeError(_text_of_other(of_training=not of_training), path=path)
    for name, value in content.items():
        if name not in keys:
            near = difflib.get_close_matches(name.lower().replace("-", "_"), [*keys], n=1, cutoff=0)[0]
            raise RecipeError(f"unknown key; the nearest known one is {near}", path=path, where=printable(name, 40))
        try:
            settings[keys[name].field] = keys[name].read(value)
        except ValueError as error:
            problem = f"{shown(value)} is not {keys[name].expected}"
            raise RecipeError(str(error) or problem, path=path, where=name) from error
    return settings


def _text_of_other(*, of_training: bool) -> str:
    if of_training:
        return "a recipe of training, which 'iddkit benchmark' reads; this has to be one of a derived dataset"
    return "a recipe of a derived dataset, which 'iddkit subset' reads; this has to be one of training"


def read_toml(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file; `RecipeError` with line and column where it is none."""
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


def text(value: object) -> str:
    """Return a text of one line."""
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError
    return value


def name(value: object) -> str:
    """Return a text of one line that is not blank."""
    if not text(value).strip():
        raise ValueError
    return text(value)


def whole(value: object) -> int:
    """Return a whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError
    return value


def flag(value: object) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise ValueError
    return value


def one_of(*values: str) -> Callable[[object], str]:
    """Return a function that takes one of these texts."""

    def read(value: object) -> str:
        if value not in values:
            raise ValueError
        return text(value)

    return read


def size(value: object) -> tuple[int, int]:
    """Return a width and a height."""
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError
    return whole(value[0]), whole(value[1])


def number(low: float, high: float, *, above: bool = False) -> Callable[[object], float]:
    """Return a function that takes numbers from `low` (with `above`: greater than it) to `high`."""

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError
        if not low <= value <= high or (above and value == low):
            raise ValueError
        return float(value)

    return read


def count(low: int, high: int) -> Callable[[object], int]:
    """Return a function that takes whole numbers from `low` to `high`."""

    def read(value: object) -> int:
        if not low <= whole(value) <= high:
            raise ValueError
        return whole(value)

    return read
