"""What a training keeps on disk: ``last.pt``, from which it goes on, and ``best.pt``, the network for others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from iddkit.errors import CheckpointError, printable
from iddkit.models.grouping import convert
from iddkit.training.checkpoint import Checkpoint
from iddkit.training.device import CPU
from iddkit.training.state import State

if TYPE_CHECKING:
    from iddkit.training.loop import Training

LAST, BEST = "last.pt", "best.pt"


def save_best(training: Training, mean_iou: float) -> None:
    """Keep the network as others use it: grouped, and without the encoder's head.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    network = convert(training.network) if training.recipe.gradual_part else training.network
    weights = {
        name: tensor.detach().to(CPU, copy=True, memory_format=torch.contiguous_format)
        for name, tensor in network.state_dict().items()
        if not name.startswith("head.")
    }
    _save(training, BEST, mean_iou, weights, {})


def save_last(training: Training) -> None:
    """Keep all that going on needs.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    state = {
        "fingerprint": training.data.fingerprint,
        "phase": training.phase.name,
        "alpha": training.alpha,
        "optimizer": training.optimizer.state_dict(),
        "state": training.state.to_json(),
    }
    _save(training, LAST, None, training.network.state_dict(), state)


def _save(
    training: Training, name: str, mean_iou: float | None, weights: Mapping[str, Tensor], state: Mapping[str, Any]
) -> None:
    if not training.fabric.is_global_zero:
        return
    recipe = training.recipe
    Checkpoint(
        model=recipe.model,
        classes=training.data.classes,
        size=recipe.size or training.data.size,
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
    path, data, kept = training.folder / LAST, training.data, checkpoint.state
    settings = training.recipe.to_json()
    differing = sorted(
        key for key in {*settings, *checkpoint.recipe} if checkpoint.recipe.get(key) != settings.get(key)
    )
    if differing:
        raise CheckpointError(f"trained by another recipe: of another {', '.join(differing)}", path=path)
    size = training.recipe.size or data.size
    if checkpoint.size != size:
        problem = f"trained on images of {checkpoint.size[0]}x{checkpoint.size[1]} pixels, not of {size[0]}x{size[1]}"
        raise CheckpointError(problem, path=path)
    if checkpoint.classes != data.classes:
        classes = checkpoint.classes
        problem = f"trained on {len(classes)} classes of {classes.level} of the label map {classes.label_map}"
        raise CheckpointError(f"{problem}, which are not those of this dataset", path=path)
    if kept.get("fingerprint") != data.fingerprint:
        raise CheckpointError("trained on other data: frames of the dataset are not what they were", path=path)
    try:
        training.begin(next(phase for phase in training.phases if phase.name == kept["phase"]))
        training.state = State.from_json(kept["state"])
        training.alpha = float(kept["alpha"])
        training.network.load_state_dict(checkpoint.weights)
        training.optimizer.load_state_dict(kept["optimizer"])
    except (KeyError, TypeError, ValueError, RuntimeError, StopIteration) as error:
        reason = printable(str(error) or type(error).__name__, 200)
        raise CheckpointError(f"a damaged checkpoint: {reason}", path=path) from error
