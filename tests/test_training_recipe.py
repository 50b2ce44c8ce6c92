from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iddkit import files, models, recipes
from iddkit.errors import OptionError, RecipeError
from iddkit.training.recipe import KEYS, OPTIMIZERS, PRECISIONS, SCHEDULES, Recipe, load_recipe, recipe_of

FOLDER = Path(__file__).parents[1] / "pipelines"
PART = st.floats(0, 1)
# What a recipe may hold, key by key.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "model": st.sampled_from(["erfnet", "essnet-d", "essnetb-dg4s"]),
    "size": st.tuples(st.integers(8, 4096), st.integers(8, 4096)).map(list),
    "epochs": st.integers(1, 10**6),
    "batch_size": st.integers(1, 10**5),
    "optimizer": st.sampled_from(OPTIMIZERS),
    "learning_rate": st.floats(1e-9, 100),
    "momentum": st.floats(0, 0.9999),
    "weight_decay": st.floats(0, 10),
    "schedule": st.sampled_from(SCHEDULES),
    "warmup": st.floats(0, 0.99),
    "power": st.floats(0, 10),
    "plateau_factor": st.floats(1e-9, 1),
    "plateau_patience": st.integers(0, 99),
    "clip": st.floats(1e-9, 1e9),
    "class_weights": st.booleans(),
    "weight_constant": st.floats(1.001, 100),
    "flip": PART,
    "scale": st.lists(st.floats(0.1, 10), min_size=2, max_size=2).map(sorted),
    "translate": PART,
    "jitter": PART,
    "encoder_part": st.floats(0.1, 0.5),
    "frozen_part": st.floats(0, 0.4),
    "gradual_part": st.just(0.0),
    "early_stop": st.integers(0, 99),
    "validate_every": st.integers(1, 99),
    "precision": st.sampled_from(PRECISIONS),
    "seed": st.integers(0, 2**32 - 1),
}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recipes") / "mine.toml"


def rows_of_readme() -> dict[str, tuple[str, str]]:
    """Return the table of keys of training: key to what it says of the value, and of its default."""
    text = (FOLDER / "README.md").read_text().partition("## Recipes of training")[2]
    table = [line.strip("|").split("|") for line in text.partition("| key |")[2].splitlines()[2:] if line[:1] == "|"]
    rows: dict[str, tuple[str, str]] = {}
    for keys, value, default in table:
        names = re.findall(r"`(\w+)`", keys)
        defaults = [cell.strip() for cell in default.split("`, `")] if len(names) > 1 else [default.strip()]
        rows |= {name: (value.strip(), default.strip(" `")) for name, default in zip(names, defaults, strict=True)}
    return rows


def test_the_readme_explains_each_key_and_no_other_in_their_order() -> None:
    assert [*rows_of_readme()] == [*KEYS] == [field.name for field in dataclasses.fields(Recipe)]
    assert VALUES.keys() == KEYS.keys()


def test_the_readme_states_the_default_of_each_key() -> None:
    stated = {key: default for key, (_, default) in rows_of_readme().items()}
    assert stated.pop("model") == "must be there"
    assert stated.pop("size") == "the size of validation"
    for key, text in stated.items():
        default = Recipe.__dataclass_fields__[key].default
        found = tomllib.loads(f"x = {text if text[:1] in '[0123456789tf' else json.dumps(text)}")["x"]
        assert found == (list(default) if isinstance(default, tuple) else default), key


@given(st.fixed_dictionaries({"model": VALUES["model"]}, optional={k: v for k, v in VALUES.items() if k != "model"}))
def test_a_recipe_has_what_its_file_says_and_the_defaults_else(path: Path, values: dict[str, Any]) -> None:
    if "frozen_part" in values:
        values.setdefault("encoder_part", 0.1)
    path.write_text("\n".join(f"{key} = {json.dumps(value)}" for key, value in values.items()))
    recipe = load_recipe(path)
    for key, value in values.items():
        found = getattr(recipe, key)
        assert (list(found) if isinstance(found, tuple) else found) == value
    default = Recipe(values["model"], encoder_part=values.get("encoder_part", 0.0))
    for key in KEYS.keys() - values.keys():
        assert getattr(recipe, key) == getattr(default, key)
    # What a run and a checkpoint keep of it says the same, and survives JSON.
    kept = json.loads(json.dumps(recipe.to_json()))
    assert kept == {**default.to_json(), **values}


@pytest.mark.parametrize("name", recipes.names(of_training=True))
def test_the_recipes_that_come_along_train_their_network_and_say_where_they_are_from(name: str) -> None:
    text = (files.data_folder("pipelines") / f"{name}.toml").read_text()
    recipe = load_recipe(name)
    assert "Source" in text
    assert recipe.schedule == "one-cycle"
    family = models.find(recipe.model).function.partition(":")[0].rpartition(".")[2]
    assert family == name


@pytest.mark.parametrize("name", models.MODELS)
def test_every_network_has_a_recipe(name: str) -> None:
    recipe = recipe_of(name)
    assert recipe.model == name
    known = models.find(name)
    assert bool(recipe.gradual_part) == (known.groups > 1)
    assert bool(recipe.encoder_part) == name.startswith("essnet")


def test_an_option_takes_the_place_of_a_line_and_one_that_was_not_given_does_not() -> None:
    recipe = recipe_of("DRN-d-22", epochs=3, seed=0, size=(64, 32), batch_size=None)
    assert (recipe.model, recipe.epochs, recipe.seed, recipe.size) == ("drn", 3, 0, (64, 32))
    assert recipe.batch_size == load_recipe("drn").batch_size
    assert recipe_of("essnet-dg2", gradual_part=0.0).gradual_part == 0
    assert recipe_of("essnet-dg2", "erfnet").gradual_part == 0
    assert recipe_of("unet", "erfnet").learning_rate == load_recipe("erfnet").learning_rate


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("epochs = 3", "it names no network: model = ..."),
        ('model = "erfnett"', "no network 'erfnett'; the nearest known one is erfnet"),
        ('model = "erfnet"\nepoch = 3', "epoch: unknown key; the nearest known one is epochs"),
        ('model = "erfnet"\nsize = [4, 128]', "size: [4, 128] is not a width and a height in pixels"),
        ('model = "erfnet"\nsize = 128', "size: 128 is not a width"),
        ('model = "erfnet"\nscale = [2.0, 0.5]', "scale: [2.0, 0.5] is not a lowest and a highest factor"),
        ('model = "erfnet"\nscale = [0, 0.5]', "scale: [0, 0.5] is not"),
        ('model = "erfnet"\nscale = [1]', "scale: [1] is not"),
        ('model = "erfnet"\nepochs = 0', "epochs: 0 is not a whole number from 1 on"),
        ('model = "erfnet"\nlearning_rate = 0.0', "learning_rate: 0.0 is not a number above 0"),
        ('model = "erfnet"\nmomentum = 1', "momentum: 1 is not"),
        ('model = "erfnet"\nweight_constant = 1', "weight_constant: 1 is not a number above 1"),
        ('model = "erfnet"\nprecision = "float16"', "precision: 'float16' is not one of auto, float32, bfloat16"),
        ('model = "erfnet"\nfrozen_part = 0.2', "the encoder cannot stand still before it was trained alone"),
        ('model = "erfnet"\nencoder_part = 0.6\nfrozen_part = 0.4', "leave nothing of the run to the whole network"),
        ('model = "erfnet"\nencoder_part = 1.0', "leave nothing of the run"),
        ('model = "drn"\nencoder_part = 0.4', "DRN-d-22 has no encoder that could be trained alone"),
        ('model = "essnet-d"\ngradual_part = 0.5', "ESSNet-D has no groups"),
    ],
)
def test_a_recipe_that_cannot_be_is_one_line_with_its_path(path: Path, text: str, problem: str) -> None:
    path.write_text(text)
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_recipe_of_a_dataset_is_none_of_training() -> None:
    with pytest.raises(RecipeError, match="known by name: drn, erfnet, essnet, unet"):
        load_recipe("idd_lite")
    with pytest.raises(OptionError, match="nearest"):
        recipe_of("resnet")
    with pytest.raises(RecipeError, match="no encoder"):
        recipe_of("unet", "essnet")
