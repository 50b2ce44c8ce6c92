"""`Recipe`: how a network is trained, as a TOML file says it. ``pipelines/README.md`` explains each key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from iddkit import models, recipes
from iddkit.errors import RecipeError, UserError, shown
from iddkit.recipes import Key

ONE_CYCLE, POLY, PLATEAU, CONSTANT = SCHEDULES = ("one-cycle", "poly", "plateau", "constant")
ADAM, ADAMW = OPTIMIZERS = ("adam", "adamw")
AUTO, FLOAT32, BFLOAT16 = PRECISIONS = ("auto", "float32", "bfloat16")

#: Pixels of the largest image that a network is trained or validated on: eight times those of Cityscapes.
MOST_PIXELS: Final = 2**24


@dataclass(frozen=True, slots=True)
class Recipe:
    """All settings of a training.

    Attributes
    ----------
    model
        Name of a network (`iddkit.models`).
    size
        Width and height in pixels of the images that it is trained on; None for the size at which the dataset is
        validated.
    epochs, batch_size
        Passes over the training split, where no budget of time ends it earlier; images a step.
    optimizer, learning_rate, momentum, weight_decay
        ``adam`` or ``adamw``; its highest rate; its first beta. Biases and normalisation do not decay.
    schedule
        Of the learning rate: ``one-cycle`` (up over the `warmup` part of the run, then down to zero along a cosine),
        ``poly`` (down by ``(1 - progress) ** power``), ``plateau`` (times `plateau_factor` after `plateau_patience`
        validations that were no better), ``constant``.
    clip
        Longest gradient, by its L2 norm.
    class_weights
        Weigh the loss of each class by ``1 / ln(weight_constant + its share of the pixels)`` (Vallurupalli 2022, 3.4).
    flip, scale, translate, jitter
        Augmentation: chance of a mirrored image; lowest and highest factor of its size; how far it is moved beyond
        what scaling leaves free, as a part of its size; how much brightness, contrast, saturation and tint change.
    encoder_part, frozen_part
        Training in two phases: the part of the run in which the encoder is trained alone, and the part after it in
        which it stands still while the decoder is trained.
    gradual_part
        Gradual grouping: the part of the first phase, the whole run where there is only one, over which alpha falls
        from 1 to 0; zero trains grouped convolutions as such.
    early_stop
        End after so many validations that were no better than the best; 0 never.
    validate_every
        Epochs between validations.
    precision
        Of the computations: ``float32``, ``bfloat16`` (weights stay float32), or ``auto``: bfloat16 where the processor
        computes in it.
    seed
        Of weights, order, augmentation and dropout.
    """

    model: str
    size: tuple[int, int] | None = None
    epochs: int = 100
    batch_size: int = 8
    optimizer: str = ADAM
    learning_rate: float = 5e-4
    momentum: float = 0.9
    weight_decay: float = 2e-4
    schedule: str = PLATEAU
    warmup: float = 0.25
    power: float = 0.9
    plateau_factor: float = 0.5
    plateau_patience: int = 5
    clip: float = 5.0
    class_weights: bool = True
    weight_constant: float = 1.10
    flip: float = 0.5
    scale: tuple[float, float] = (0.5, 2.0)
    translate: float = 0.0
    jitter: float = 0.0
    encoder_part: float = 0.0
    frozen_part: float = 0.0
    gradual_part: float = 0.0
    early_stop: int = 0
    validate_every: int = 1
    precision: str = AUTO
    seed: int = 0

    def __post_init__(self) -> None:
        known = models.find(self.model)
        if self.frozen_part and not self.encoder_part:
            raise RecipeError("frozen_part: the encoder cannot stand still before it was trained alone (encoder_part)")
        if self.encoder_part + self.frozen_part >= 1:
            raise RecipeError("encoder_part and frozen_part leave nothing of the run to the whole network")
        if self.encoder_part and not known.two_phase:
            raise RecipeError(f"encoder_part: {known.title} has no encoder that could be trained alone")
        if self.gradual_part and known.groups < 2:
            raise RecipeError(f"gradual_part: {known.title} has no groups")

    def to_json(self) -> dict[str, Any]:
        """Return all settings as JSON has them: key of a recipe to value."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items() if v is not None}


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Load a recipe of training by name (``erfnet``, ``drn``, ``essnet``, ``unet``) or by path.

    Raises
    ------
    RecipeError
        There is no such recipe, or it cannot be; see `iddkit.recipes.read_settings`.

    Examples
    --------
    >>> load_recipe("erfnet").schedule
    'one-cycle'
    """
    path = recipes.locate(name_or_path, of_training=True)
    settings = recipes.read_settings(path, KEYS)
    if recipes.MODEL not in settings:
        raise RecipeError("it names no network: model = ...", path=path)
    try:
        return Recipe(**settings)
    except UserError as error:
        raise RecipeError(error.problem, path=path) from error


def recipe_of(model: str, name_or_path: str | Path | None = None, **overrides: Any) -> Recipe:
    """Return the recipe by which a network is trained.

    Parameters
    ----------
    model
        Name of the network; it takes the place of the recipe's.
    name_or_path
        Of a recipe; default: the one that iddkit brings along for its family.
    overrides
        Fields of `Recipe` in place of the recipe's; None for those that stay.

    Raises
    ------
    OptionError
        There is no such network.
    RecipeError
        The recipe cannot be.

    Examples
    --------
    >>> recipe_of("erfnet", epochs=3).epochs
    3
    """
    known = models.find(model)
    settings = {name: _read(name, value) for name, value in overrides.items() if value is not None}
    # A family of networks shares a module, and a recipe of the same name.
    family = known.function.partition(":")[0].rpartition(".")[2]
    recipe = load_recipe(name_or_path or family)
    # What the family's recipe says of groups holds for those of its networks that have any.
    if known.groups < 2 and "gradual_part" not in settings:
        settings["gradual_part"] = 0.0
    return replace(recipe, model=known.name, **settings)


def _read(name: str, value: object) -> Any:
    try:
        return KEYS[name].read(list(value) if isinstance(value, tuple) else value)
    except ValueError as error:
        problem = f"{name} {shown(value)} is not {KEYS[name].expected}"
        raise RecipeError(str(error) or problem) from error


def _pair(value: object) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError
    low, high = (recipes.number(0.1, 10)(number) for number in value)
    if low > high:
        raise ValueError
    return low, high


def _size(value: object) -> tuple[int, int]:
    width, height = recipes.size(value)
    if not (8 <= width <= 2**14 and 8 <= height <= 2**14 and width * height <= MOST_PIXELS):
        raise ValueError
    return width, height


_PART: Final = (recipes.number(0, 1), "a part of the run, from 0 to 1")

_READERS: Final[Mapping[str, tuple[Any, str]]] = {
    "model": (recipes.name, "the name of a network"),
    "size": (_size, "a width and a height in pixels, as in [256, 128], of 8 at least and 16 million together at most"),
    "epochs": (recipes.count(1, 10**6), "a whole number from 1 on"),
    "batch_size": (recipes.count(1, 10**5), "a whole number from 1 on"),
    "optimizer": (recipes.one_of(*OPTIMIZERS), f"one of {', '.join(OPTIMIZERS)}"),
    "learning_rate": (recipes.number(0, 100, above=True), "a number above 0"),
    "momentum": (recipes.number(0, 0.9999), "a number from 0 to below 1"),
    "weight_decay": (recipes.number(0, 10), "a number from 0 on"),
    "schedule": (recipes.one_of(*SCHEDULES), f"one of {', '.join(SCHEDULES)}"),
    "warmup": (recipes.number(0, 0.99), "a part of the run, from 0 to below 1"),
    "power": (recipes.number(0, 10), "a number from 0 to 10"),
    "plateau_factor": (recipes.number(0, 1, above=True), "a number above 0, up to 1"),
    "plateau_patience": (recipes.count(0, 10**6), "a whole number from 0 on"),
    "clip": (recipes.number(0, 10**9, above=True), "a number above 0"),
    "class_weights": (recipes.flag, "true or false"),
    "weight_constant": (recipes.number(1, 100, above=True), "a number above 1"),
    "flip": (recipes.number(0, 1), "a chance from 0 to 1"),
    "scale": (_pair, "a lowest and a highest factor, as in [0.5, 2.0]"),
    "translate": (recipes.number(0, 1), "a part of the image, from 0 to 1"),
    "jitter": (recipes.number(0, 1), "a number from 0 to 1"),
    "encoder_part": _PART,
    "frozen_part": _PART,
    "gradual_part": (recipes.number(0, 0.99), "a part of the run, from 0 to below 1"),
    "early_stop": (recipes.count(0, 10**6), "a whole number from 0 on"),
    "validate_every": (recipes.count(1, 10**6), "a whole number from 1 on"),
    "precision": (recipes.one_of(*PRECISIONS), f"one of {', '.join(PRECISIONS)}"),
    "seed": (recipes.count(0, 2**32 - 1), "a whole number from 0 to 4294967295"),
}

#: Key of a recipe to the field of `Recipe`, the function that reads it and what it expects.
KEYS: Final[Mapping[str, Key]] = {field.name: Key(field.name, *_READERS[field.name]) for field in fields(Recipe)}
