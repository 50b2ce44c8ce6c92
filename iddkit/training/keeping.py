"""What a training keeps on disk: ``last.pt``, from which it goes on, and ``best.pt``, the network for others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

from iddkit.errors import CheckpointError, TrainingError, printable
from iddkit.models.encoder_decoder import EncoderDecoder
from iddkit.models.grouping import conversion_difference, convert
from iddkit.training.checkpoint import Checkpoint
from iddkit.training.device import CPU
from iddkit.training.state import NO_LIMIT, State
from iddkit.training.transforms import to_tensor

if TYPE_CHECKING:
    from iddkit.training.loop import Training

LAST, BEST = "last.pt", "best.pt"

#: Logits are of the size of 10; grouped sums differ from dense ones by some 1e-6 of that.
_MOST_DIFFERENCE: Final = 1e-3


def save_best(training: Training) -> None:
    """Keep the network as others use it: grouped, and without the encoder's head.

    Raises
    ------
    OutputError
        It cannot be written.
    TrainingError
        Grouping the convolutions changed what the network computes.
    """
    if not training.fabric.is_global_zero:
        return
    network, state = training.network, training.state
    if training.recipe.gradual_part:
        image, _ = training.unseen[0]
        state.conversion = conversion_difference(network, to_tensor(image[None]))
        if not state.conversion <= _MOST_DIFFERENCE:
            problem = f"grouping its convolutions changed logits by {state.conversion:.3g}: a fault of iddkit"
            raise TrainingError(problem, path=training.folder)
        network = convert(network)
    # Of the other networks the head is the classifier itself.
    spare = "head." if isinstance(network, EncoderDecoder) else None
    weights = {
        name: tensor.detach().to(CPU, copy=True, memory_format=torch.contiguous_format)
        for name, tensor in network.state_dict().items()
        if spare is None or not name.startswith(spare)
    }
    _save(training, BEST, state.best_iou, weights, {})


def save_last(training: Training) -> None:
    """Keep all that going on needs.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    state = {
        "conditions": _conditions(training),
        "phase": training.phase.name,
        "alpha": training.alpha,
        "optimizer": training.optimizer.state_dict(),
        "state": training.state.to_json(),
    }
    if training.fabric.is_global_zero:
        _save(training, LAST, None, training.network.state_dict(), state)


def _conditions(training: Training) -> dict[str, Any]:
    """Return what else decides about the numbers of a training: what it is called to its value."""
    data, recipe = training.data, training.recipe
    minutes = None if training.budget is None else training.budget / 60
    width, height = recipe.size or data.size
    return {
        "size (height x width)": f"{height}x{width}",
        "validation resolution (height x width)": f"{data.size[1]}x{data.size[0]}",
        "fill rule": data.reader.fill,
        "way with unknown labels": data.reader.unknown,
        "number of epochs": None if recipe.epochs >= NO_LIMIT else recipe.epochs,
        "budget in minutes": minutes,
        "number of devices": training.fabric.world_size,
        "precision": training.precision,
        "content of the dataset": data.fingerprint,
    }


def _save(
    training: Training, name: str, mean_iou: float | None, weights: Mapping[str, Tensor], state: Mapping[str, Any]
) -> None:
    recipe = training.recipe
    Checkpoint(
        model=recipe.model,
        classes=training.data.classes,
        size=training.data.size,
        weights=weights,
        epoch=training.state.epoch,
        mean_iou=mean_iou,
        recipe=recipe.to_json(),
        versions=training.versions,
        state=state,
    ).save(training.folder / name)


def restore(training: Training, checkpoint: Checkpoint) -> None:
    """Go on where a checkpoint was written.

    Raises
    ------
    CheckpointError
        It is of another recipe, dataset or label map, or damaged.
    """
    path, classes, kept = training.folder / LAST, checkpoint.classes, checkpoint.state
    settings = training.recipe.to_json() | {"epochs": None}  # which are among the conditions
    before = {**checkpoint.recipe, "epochs": None}
    differing = sorted(key for key in {*settings, *before} if before.get(key) != settings.get(key))
    if differing:
        problem = f"trained by another recipe: of another {', '.join(differing)}; --overwrite begins anew"
        raise CheckpointError(problem, path=path)
    if classes != training.data.classes:
        problem = f"trained on {len(classes)} classes of {classes.level} of the label map {classes.label_map}"
        raise CheckpointError(f"{problem}, which are not those of this dataset", path=path)
    known = kept.get("conditions")
    for what, now in _conditions(training).items():
        earlier = known.get(what) if isinstance(known, dict) else None
        if earlier != now:
            shown = "" if what.startswith("content") else f": {_named(earlier)}, not {_named(now)}"
            problem = f"trained with another {what}{shown}; --overwrite begins anew"
            raise CheckpointError(problem, path=path)
    try:
        training.begin(next(phase for phase in training.phases if phase.name == kept["phase"]))
        training.state = State.from_json(kept["state"])
        training.alpha = float(kept["alpha"])
        training.network.load_state_dict(checkpoint.weights)
        training.optimizer.load_state_dict(kept["optimizer"])
    except (KeyError, TypeError, ValueError, RuntimeError, StopIteration) as error:
        reason = printable(str(error) or type(error).__name__, 200)
        raise CheckpointError(f"a damaged checkpoint: {reason}", path=path) from error


def _named(value: object) -> str:
    return "none" if value is None else printable(f"{value:g}" if isinstance(value, float) else str(value), 40)
