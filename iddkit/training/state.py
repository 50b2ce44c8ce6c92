"""Where a training is, and what it came to: the values that the loop, its checkpoints and those who watch share."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from iddkit.runs import Epoch
from iddkit.training.schedules import Plateau

#: How a training ends.
COMPLETE, BUDGET, EARLY_STOP, INTERRUPTED = "complete", "budget", "early stop", "interrupted"

#: So many epochs are no limit: a budget of time decides alone.
NO_LIMIT: Final = 10**6


@dataclass(frozen=True, slots=True)
class Moment:
    """How far a training is, for those who watch.

    Attributes
    ----------
    epoch, epochs, step, steps
        From 1 on, of how many; `epochs` is None where only a budget ends it.
    progress
        Part of the run that is over, 0 to 1.
    seconds, seconds_left
        Of the training so far, and how many are left at this pace.
    phase, learning_rate, loss, mean_iou
        Now; `mean_iou` of the last validation, None before the first.
    """

    epoch: int
    epochs: int | None
    step: int
    steps: int
    progress: float
    seconds: float
    seconds_left: float
    phase: str
    learning_rate: float
    loss: float
    mean_iou: float | None


@dataclass(frozen=True)
class Trained:
    """What a training came to.

    Attributes
    ----------
    epochs
        The log.
    best_epoch, best
        The epoch that was validated best, and its checkpoint; 0 and None if the run ended before there was one.
    finished
        `COMPLETE`, `BUDGET`, `EARLY_STOP` or `INTERRUPTED`.
    in_memory
        Whether the pictures were kept there.
    conversion
        `iddkit.runs.Run.conversion`.
    """

    epochs: tuple[Epoch, ...]
    best_epoch: int
    best: Path | None
    finished: str
    in_memory: bool
    conversion: float | None


@dataclass(slots=True)
class State:
    """Where a training is: with the network and the optimizer, all that going on needs."""

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    images: int = 0
    losses: float = 0.0
    counted: int = 0
    best_epoch: int = 0
    best_iou: float = -1.0
    validations_since_best: int = 0
    conversion: float | None = None
    plateau: Plateau = field(default_factory=Plateau)
    epochs: list[Epoch] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the state as a checkpoint keeps it."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> State:
        """Return the state that a checkpoint kept; `TypeError` or `KeyError` if it is none."""
        epochs = [Epoch(**epoch) for epoch in kept["epochs"]]
        return cls(**{**kept, "plateau": Plateau(**kept["plateau"]), "epochs": epochs})


class Clock:
    """Seconds of training, from those on that were spent before."""

    def __init__(self, spent: float) -> None:
        self._began = time.monotonic() - spent

    def seconds(self) -> float:
        """Return how many they are."""
        return time.monotonic() - self._began
