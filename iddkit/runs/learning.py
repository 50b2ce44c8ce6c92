"""What one run says of its network's learning: each label beside chance, and whether training was long enough."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from iddkit.runs.record import Epoch, Run

#: A label is learned when this part of the gap from chance to an IoU of 1 is closed.
MARGIN: Final = 0.1

#: A training that saw each image fewer times, or fewer images in all, is too short to say what cannot be learned. On
#: IDD-lite a plain ERFNet is past its steepest part after ten passes of 1,403 images.
LEAST_PASSES, LEAST_IMAGES = 10, 10_000

#: Gain of mean IoU in the last fifth of a training from which on it was still improving, and the loss of it since the
#: best epoch from which on it has learned its training images by heart.
STILL_GAINS, OVERFITS = 0.01, 0.03

#: With fewer validations a curve tells nothing.
LEAST_VALIDATIONS: Final = 5


@dataclass(frozen=True, slots=True)
class Standing:
    """How one label stands in one run.

    Attributes
    ----------
    label
        Its name.
    iou
        On the validation split; 0 for a label that is neither there nor predicted.
    chance
        Its share of the scored pixels: the IoU of a network that predicts it everywhere, which no network passes that
        does not look at the image's content or at the place in it.
    pixels
        Of it that were scored.
    in_training
        Its share of the labelled pixels of the training split.
    """

    label: str
    iou: float
    chance: float
    pixels: int
    in_training: float

    @property
    def above_chance(self) -> float:
        """Which part of the gap from chance to 1 is closed; negative below chance."""
        return (self.iou - self.chance) / (1 - self.chance) if self.chance < 1 else self.iou

    @property
    def is_learned(self) -> bool:
        """Whether it is well above chance."""
        return self.above_chance >= MARGIN


@dataclass(frozen=True, slots=True)
class Course:
    """How a training went.

    Attributes
    ----------
    passes, images
        How often it saw each training image, and how many images in all.
    scores
        (epoch, mean IoU) of each validation.
    gain
        What the best score of the last fifth of the validations is above the best before; None if there are too few.
    since_best
        What the last score lies below the best.
    interrupted
        Whether someone stopped it.
    """

    passes: float
    images: int
    scores: tuple[tuple[Epoch, float], ...]
    gain: float | None
    since_best: float
    interrupted: bool

    @property
    def is_short(self) -> bool:
        """Whether it saw too few images to say what cannot be learned."""
        return self.passes < LEAST_PASSES or self.images < LEAST_IMAGES

    @property
    def still_improves(self) -> bool:
        """Whether the score was rising when it ended."""
        return self.gain is not None and self.gain >= STILL_GAINS

    @property
    def overfits(self) -> bool:
        """Whether the score fell after its best while the loss went on falling."""
        if self.since_best < OVERFITS or self.gain is None:
            return False
        best = max(self.scores, key=lambda one: one[1])[0]
        return self.scores[-1][0].loss < best.loss

    @property
    def is_enough(self) -> bool:
        """Whether a label that was not learned in it can be held against the split."""
        return not (self.is_short or self.still_improves or self.interrupted)


def standings(run: Run) -> tuple[Standing, ...]:
    """Return how each label of a run stands, in order."""
    confusion = run.confusion
    pixels = confusion.counts.sum(axis=1).tolist()
    total, trained = max(1, sum(pixels)), max(1, sum(run.train.pixels))
    return tuple(
        Standing(label, 0.0 if math.isnan(iou) else iou, count / total, count, seen / trained)
        for label, iou, count, seen in zip(
            run.labels, confusion.iou().tolist(), pixels, run.train.pixels or (0,) * len(run.labels), strict=True
        )
    )


def course_of(run: Run) -> Course:
    """Return how the training of a run went.

    The first phase of a training in two, the encoder alone, counts for the images that were seen, but not for the
    curve: its scores are those of another network.
    """
    images = run.epochs[-1].images if run.epochs else 0
    phase = run.epochs[-1].phase if run.epochs else ""
    scores = tuple(
        (epoch, epoch.mean_iou)
        for epoch in run.epochs
        if (epoch.phase == "encoder") == (phase == "encoder")
        and epoch.mean_iou is not None
        and not math.isnan(epoch.mean_iou)
    )
    values = [value for _, value in scores]
    late = max(1, len(values) // 5)
    gain = max(values[-late:]) - max(values[:-late]) if len(values) >= LEAST_VALIDATIONS else None
    return Course(
        passes=images / max(1, run.train.frames),
        images=images,
        scores=scores,
        gain=gain,
        since_best=max(values) - values[-1] if values else 0.0,
        interrupted=run.finished == "interrupted",
    )
