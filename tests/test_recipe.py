from __future__ import annotations

import contextlib
import dataclasses
import json
import pickle
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iddkit import labels
from iddkit.errors import LabelMapError, OptionError, RecipeError, UserError
from iddkit.recipes import MAX_BYTES
from iddkit.subset.plan import IMAGE_FORMATS, METHODS, OUTPUT_LAYOUTS, SubsetPlan
from iddkit.subset.recipe import KEYS, load_recipe, names, parse_factor, plan_of

SPLITS = st.sampled_from(["train", "val", "test", "a b"])
COUNTS = st.one_of(st.integers(0, 9999), st.dictionaries(SPLITS, st.integers(0, 9999), min_size=1))
# What a recipe may hold, key by key.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "name": st.text("abc_-é 0", min_size=1).filter(str.strip),
    "license": st.text("abc-4.0 "),
    "factor": st.one_of(st.integers(1, 999), st.decimals(1, 99, places=2).map(float), st.just("6993/1794")),
    "count": COUNTS,
    "longest_side": st.integers(1, 4096),
    "size": st.tuples(st.integers(1, 4096), st.integers(1, 4096)).map(list),
    "label_map": st.sampled_from(["idd", "cityscapes"]),
    "level": st.just("id"),
    "cover_all_sequences": st.booleans(),
    "seed": st.integers(0, 2**40),
    "method": st.sampled_from(METHODS),
    "layout": st.sampled_from(OUTPUT_LAYOUTS),
    "image_format": st.sampled_from([*IMAGE_FORMATS]),
    "quality": st.integers(1, 100),
    "with_unlabelled": st.booleans(),
    "fill": st.sampled_from(["cityscapes", "pillow", "labelme"]),
    "unknown": st.sampled_from(["error", "void", "skip"]),
}


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recipes") / "mine.toml"


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def problem_of(path: Path, text: str | bytes) -> str:
    with pytest.raises(RecipeError) as caught:
        load_recipe(write(path, text))
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    return str(caught.value).removeprefix(f"{path}: ")


def test_the_keys_are_all_of_a_plan_but_the_list_of_frames() -> None:
    assert {key.field for key in KEYS.values()} == {f.name for f in dataclasses.fields(SubsetPlan)} - {"frames"}
    assert VALUES.keys() == KEYS.keys()


@given(st.fixed_dictionaries({}, optional=VALUES).filter(lambda d: not {"size", "longest_side"} <= d.keys()))
def test_a_plan_has_what_its_recipe_says_and_the_defaults_else(path: Path, values: dict[str, Any]) -> None:
    recipe = load_recipe(write(path, "\n".join(f"{key} = {toml(value)}" for key, value in values.items())))
    assert recipe.settings.keys() == {KEYS[key].field for key in values} | {"name"}
    values.setdefault("factor", 7)
    plan = plan_of(recipe, level="id", **({} if "factor" in recipe.settings else {"factor": 7}))
    said = plan.settings()
    assert said["name"] == values.get("name", "mine")
    assert plan.factor == parse_factor(values["factor"])
    if "count" in values and "factor" in recipe.settings:
        assert plan.counts == (values["count"] if isinstance(values["count"], dict) else {"": values["count"]})
    for key, field in (("cover_all_sequences", "cover_sequences"), ("with_unlabelled", "unlabelled")):
        assert said[field] == values.get(key, False)
    for key in ("license", "longest_side", "size", "label_map", "seed", "method", "layout", "fill", "unknown"):
        assert said[key] == values.get(key, SubsetPlan(factor=Fraction(1)).settings()[key])


@given(st.sampled_from([*KEYS]), st.data())
def test_an_unknown_key_is_an_error_that_names_the_nearest_known_one(path: Path, key: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(key) - 1))
    wrong = data.draw(st.sampled_from([key[:at] + key[at + 1 :], key[:at] + key[at] + key[at:], key.upper()]))
    wrong = wrong if wrong not in KEYS else key + "s"
    assert problem_of(path, f"{wrong} = 1") == f"{wrong}: unknown key; the nearest known one is {key}"


def test_an_option_as_the_command_line_writes_it_is_an_unknown_key(path: Path) -> None:
    assert problem_of(path, "longest-side = 320") == "longest-side: unknown key; the nearest known one is longest_side"


def test_a_key_that_is_like_none_still_names_one(path: Path) -> None:
    assert problem_of(path, '"\\u0007 x" = 1').startswith("\\x07 x: unknown key; the nearest known one is ")
    assert "subset: unknown key" in problem_of(path, "[subset]\nfactor = 4")


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("value", ["1979-05-27", "[[1]]", "nan", "{a = [1]}", '"\\n"'])
def test_a_value_of_a_wrong_type_is_an_error_that_names_its_key_and_what_fits(path: Path, key: str, value: str) -> None:
    problem = problem_of(path, f"{key} = {value}")
    assert problem.startswith(f"{key}: ")
    assert problem.endswith(f" is not {KEYS[key].expected}")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("factor = true", "factor: True is not a number such as 10, 3.9 or '39/10'"),
        ("factor = '1e999999999'", "factor: '1e999999999' is not a number such as 10, 3.9 or '39/10'"),
        ("factor = '1/0'", "factor: '1/0' is not a number such as 10, 3.9 or '39/10'"),
        ("factor = 0.5", "a factor of 0.5 asks for more frames than there are"),
        ("quality = 0", "the quality 0 is not between 1 and 100"),
        ("quality = 95.0", "quality: 95.0 is not a whole number"),
        ("seed = -1", "the seed -1 is negative"),
        ("count = {train = -4}", "-4 frames of train: a count is not negative"),
        ("count = {train = 4.0}", "count: {'train': 4.0} is not a table of splits"),
        ("size = [320]", "size: [320] is not a width and a height in pixels, as in [320, 227]"),
        ("size = [320, 0]", "a side of 0 pixels: it has to be between 1 and"),
        ("longest_side = 3\nsize = [3, 2]", "a size and a longest side: only one of them can hold"),
        ("method = 'best'", "the method 'best' is none of balanced, random, every-kth"),
        ("fill = 'opencv'", "fill: 'opencv' is not one of cityscapes, pillow, labelme"),
        ("label_map = 'idd'\nlevel = 'level9'", "the label map idd has no level 'level9'"),
        ("[count]\ntrain = 3\nseed = 1", "count: the split 'seed' is called like a key; a table stands at the end"),
    ],
)
def test_a_value_that_no_plan_can_have_is_an_error_of_the_recipe(path: Path, line: str, problem: str) -> None:
    assert problem_of(path, line).startswith(problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name = 'a'\nfactor 4", "line 2, column 8: not TOML: "),
        ("factor = 4\nfactor = 5", "line 2, column 11: not TOML: cannot overwrite a value"),
        ("name = 'a", "line 1, column 10: not TOML: "),
        (b"name = '\xff'", "not UTF-8 at byte 8"),
        ("seed = " + "9" * 5000, "not TOML: "),
        ("a = " + "[" * 100_000, ""),
        ("#" * (MAX_BYTES + 1), f"{MAX_BYTES + 1} bytes, more than the {MAX_BYTES} that are accepted"),
    ],
)
def test_a_file_that_is_no_toml_is_an_error_with_its_place(path: Path, text: str | bytes, problem: str) -> None:
    assert problem_of(path, text).startswith(problem)


@given(st.one_of(st.binary(), st.text(st.sampled_from("=[]{}'\"\n,.#_ 1a")).map(str.encode)))
def test_any_bytes_are_a_recipe_or_one_line(path: Path, content: bytes) -> None:
    write(path, content)
    with contextlib.suppress(RecipeError):  # any other exception is a bug
        assert load_recipe(path).path == path


def test_an_unknown_name_is_an_error_that_lists_the_known_ones(tmp_path: Path) -> None:
    for wrong in ("idd_light", str(tmp_path), "a\0b"):
        with pytest.raises(RecipeError, match="no recipe of this name or path; known by name: idd_lite, idd_mini"):
            load_recipe(wrong)
    assert names() == ("idd_lite", "idd_mini")


def test_a_recipe_is_found_by_name_and_by_path() -> None:
    recipe = load_recipe("idd_mini")
    assert load_recipe(recipe.path) == recipe


def test_a_file_with_a_byte_order_mark_and_windows_line_ends_is_a_recipe(path: Path) -> None:
    assert load_recipe(write(path, b"\xef\xbb\xbffactor = 4\r\nseed = 2\r\n")).settings["seed"] == 2


def test_a_label_map_of_ones_own_lies_beside_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps/mine.csv").write_text(
        "name,id,group_id,has_instances,ignore_in_eval,red,green,blue\nroad,0,0,0,0,1,2,3\n"
    )
    recipe = load_recipe(write(tmp_path / "r.toml", "factor = 2\nlabel_map = 'maps/mine.csv'\nlevel = 'group'"))
    assert plan_of(recipe).label_map == labels.load(tmp_path / "maps/mine.csv")
    with pytest.raises(LabelMapError, match=r"none\.csv: no label map"):
        load_recipe(write(tmp_path / "r.toml", "label_map = 'none.csv'"))


def test_an_override_takes_the_place_of_the_setting_that_it_excludes(path: Path) -> None:
    recipe = load_recipe(write(path, "factor = 10\nlongest_side = 320\ncount = {train = 5}"))
    plan = plan_of(recipe, size=(320, 227), seed=3)
    assert (plan.size, plan.longest_side, plan.seed) == ((320, 227), None, 3)
    assert (plan.factor, plan.counts) == (Fraction(10), {"train": 5})
    assert plan_of(load_recipe(write(path, "factor = 2\nsize = [3, 2]")), longest_side=9).size is None
    by_factor = plan_of(recipe, factor="39/10")
    assert (by_factor.factor, by_factor.counts) == (Fraction(39, 10), {})
    by_count = plan_of(recipe, counts={"val": 7})
    assert (by_count.factor, by_count.counts) == (Fraction(10), {"val": 7})
    listed = plan_of(recipe, frames=("train/0/a",))
    assert (listed.factor, listed.counts, listed.frames) == (None, {}, ("train/0/a",))
    with pytest.raises(OptionError, match="only one of them can hold"):
        plan_of(recipe, size=(3, 2), longest_side=9)


def test_a_recipe_without_a_number_of_frames_waits_for_one(path: Path) -> None:
    recipe = load_recipe(write(path, "level = 'level2'"))
    with pytest.raises(OptionError, match="how many frames"):
        plan_of(recipe)
    assert plan_of(recipe, factor=4).level == "level2"
    with pytest.raises(RecipeError, match="the factor 'ten' is not a number"):
        plan_of(recipe, factor="ten")


def test_levels_that_only_the_map_of_the_dataset_has_are_left_to_it(path: Path) -> None:
    recipe = load_recipe(write(path, "factor = 2\nlevel = 'category'"))
    assert plan_of(recipe, label_map=labels.load("cityscapes")).level == "category"
    with pytest.raises(UserError, match="the label map idd has no level 'category'"):
        plan_of(recipe)
    assert plan_of(recipe, level="labellevel2Ids").level == "level2"


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_factor_is_the_number_that_was_written(whole: int, part: int) -> None:
    assert parse_factor(f"{whole}/{part}") == Fraction(whole, part)
    assert parse_factor(f"{whole}.{part}") == Fraction(f"{whole}.{part}")
    assert parse_factor(float(f"{whole}.{part}")) == Fraction(f"{whole}.{part}")
