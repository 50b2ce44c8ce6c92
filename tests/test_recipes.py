from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iddkit import recipes
from iddkit.errors import RecipeError
from iddkit.recipes import Key

KEYS = {
    "batch_size": Key("size", recipes.count(1, 9), "a whole number from 1 to 9"),
    "rate": Key("rate", recipes.number(0, 2, above=True), "a number above 0, up to 2"),
    "order": Key("order", recipes.one_of("up", "down"), "up or down"),
}
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


def write(folder: Path, text: str | bytes, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def problem_of(path: Path) -> str:
    with pytest.raises(RecipeError) as caught:
        recipes.read_settings(path, KEYS)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{path}: ")


def test_recipes_of_training_name_a_network_and_those_of_datasets_do_not() -> None:
    training, datasets = (recipes.names(of_training=value) for value in (True, False))
    assert training == ("drn", "erfnet", "essnet", "unet")
    assert datasets == ("idd_lite", "idd_mini")


@pytest.mark.parametrize("of_training", [True, False])
def test_a_recipe_is_found_by_name_and_by_path_and_never_the_one_of_the_other_kind(
    tmp_path: Path, of_training: bool
) -> None:
    own, other = recipes.names(of_training=of_training), recipes.names(of_training=not of_training)
    for name in own:
        assert recipes.locate(name, of_training=of_training).name == f"{name}.toml"
    path = write(tmp_path, "")
    assert recipes.locate(path, of_training=of_training) == path
    for missing in (*other, str(tmp_path / "none.toml"), str(tmp_path)):
        with pytest.raises(RecipeError, match=f"known by name: {', '.join(own)}"):
            recipes.locate(missing, of_training=of_training)


def test_a_file_beside_does_not_hide_a_recipe_of_the_same_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "", "erfnet")
    assert recipes.locate("erfnet", of_training=True).suffix == ".toml"


def test_settings_go_to_the_fields_of_their_keys(tmp_path: Path) -> None:
    path = write(tmp_path, 'batch_size = 4\nrate = 1\norder = "up"')
    assert recipes.read_settings(path, KEYS) == {"size": 4, "rate": 1.0, "order": "up"}
    assert recipes.read_settings(write(tmp_path, "\ufeff# a mark of bytes, and nothing else"), KEYS) == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("batch-size = 4", "batch-size: unknown key; the nearest known one is batch_size"),
        ("RATE = 1", "RATE: unknown key; the nearest known one is rate"),
        ('"" = 1', "unknown key"),
        ("batch_size = 0", "batch_size: 0 is not a whole number from 1 to 9"),
        ("batch_size = 4.0", "batch_size: 4.0 is not a whole number"),
        ("batch_size = true", "batch_size: True is not a whole number"),
        ("rate = 0", "rate: 0 is not a number above 0"),
        ("rate = nan", "rate: nan is not a number"),
        ("rate = inf", "rate: inf is not a number"),
        ("rate = '1'", "rate: '1' is not a number"),
        (f"rate = {10**400}", "rate: an enormous integer is not a number"),
        ("order = 'sideways'", "order: 'sideways' is not up or down"),
        ("order = []", "order: [] is not up or down"),
        ("rate = 1\nrate = 2", "line 2, column 9: not TOML"),
        ("rate =", "line 1, column 7: not TOML"),
        (b"rate = \xff", "not UTF-8 at byte 7"),
        ("rate = " + "[" * 5000, "nested too deep"),
    ],
)
def test_what_cannot_be_is_one_line_that_names_its_place(tmp_path: Path, text: str | bytes, problem: str) -> None:
    assert problem in problem_of(write(tmp_path, text))


def test_a_page_is_read_and_a_book_is_not(tmp_path: Path) -> None:
    assert recipes.read_toml(write(tmp_path, "#" * recipes.MAX_BYTES)) == {}
    assert "accepted" in problem_of(write(tmp_path, "#" * (recipes.MAX_BYTES + 1)))
    assert "not a regular file" in problem_of(tmp_path) or "directory" in problem_of(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in problem_of(tmp_path / "pipe")


@given(value=anything)
@pytest.mark.parametrize(
    ("read", "holds"),
    [
        (recipes.text, lambda v: isinstance(v, str)),
        (recipes.name, lambda v: isinstance(v, str) and v.strip() != ""),
        (recipes.whole, lambda v: type(v) is int),
        (recipes.flag, lambda v: type(v) is bool),
        (recipes.count(-3, 3), lambda v: type(v) is int and -3 <= v <= 3),
        (recipes.number(-3, 3), lambda v: type(v) is float and -3 <= v <= 3),
        (recipes.number(0, 3, above=True), lambda v: type(v) is float and 0 < v <= 3),
        (recipes.one_of("a", "b"), lambda v: v in ("a", "b")),
        (recipes.size, lambda v: len(v) == 2 and all(type(side) is int for side in v)),
    ],
)
def test_a_reader_gives_what_it_says_or_a_value_error(
    read: Callable[[object], Any], holds: Callable[[Any], bool], value: object
) -> None:
    try:
        found = read(value)
    except ValueError:
        return
    assert holds(found)


@given(st.floats(allow_nan=False))
def test_numbers_of_a_range_are_taken_and_no_others(value: float) -> None:
    read = recipes.number(0.5, 2)
    if math.isfinite(value) and 0.5 <= value <= 2:
        assert read(value) == value
    else:
        with pytest.raises(ValueError):  # noqa: PT011 - a reader's error has no text
            read(value)
