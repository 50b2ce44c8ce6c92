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

#: Schedules that take the learning rate to zero. Such a training gains most at its very end, however long it is, so
#: that its gain there does not tell whether a longer one would have learned more.
ENDS_AT_ZERO: Final = ("one-cycle", "poly")

#: How such a training ends when it went through the whole schedule (`iddkit.runs.Run.finished`).
_WENT_THROUGH: Final = ("complete", "budget")

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
        The larger of two: its share of the scored pixels, which is the IoU of a network that predicts it everywhere and
        the most for one that ignores content and place; and its IoU in a picture that never changes (`Run.prior`), the
        most for one that knows places alone. Only the first where the second was not measured.
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
    went_through
        Whether it went through a schedule that ends at a rate of zero.
    """

    passes: float
    images: int
    scores: tuple[tuple[Epoch, float], ...]
    gain: float | None
    since_best: float
    interrupted: bool
    went_through: bool

    @property
    def is_short(self) -> bool:
        """Whether it saw too few images to say what cannot be learned."""
        return self.passes < LEAST_PASSES or self.images < LEAST_IMAGES

    @property
    def still_improves(self) -> bool:
        """Whether the score was rising when it ended, other than by the schedule's last fall of the rate."""
        return self.gain is not None and self.gain >= STILL_GAINS and not self.went_through

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
        if self.is_short or self.interrupted:
            return False
        return self.went_through or (self.gain is not None and not self.still_improves)


def standings(run: Run) -> tuple[Standing, ...]:
    """Return how each label of a run stands, in order."""
    confusion = run.confusion
    prior = run.prior or (None,) * len(run.labels)
    pixels = confusion.counts.sum(axis=1).tolist()
    total, trained = max(1, sum(pixels)), max(1, sum(run.train.pixels))
    return tuple(
        Standing(label, 0.0 if math.isnan(iou) else iou, max(count / total, still or 0.0), count, seen / trained)
        for label, iou, still, count, seen in zip(
            run.labels, confusion.iou().tolist(), prior, pixels, run.train.pixels, strict=True
        )
    )


def course_of(run: Run) -> Course:
    """Return how the training of a run went.

    The first phase of a training in two, the encoder alone, counts for the images that were seen, but not for the
    curve: its scores are those of another network. So are those before gradual grouping has made all groups.
    """
    images = run.epochs[-1].images if run.epochs else 0
    phase, alpha = (run.epochs[-1].phase, run.epochs[-1].alpha) if run.epochs else ("", 1.0)
    scores = tuple(
        (epoch, epoch.mean_iou)
        for epoch in run.epochs
        if (epoch.phase == "encoder") == (phase == "encoder")
        and epoch.alpha == alpha
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
        went_through=run.finished in _WENT_THROUGH and run.recipe.get("schedule") in ENDS_AT_ZERO,
    )
