"""The training loop.

`train` prepares, `Training.run` is the loop, and everything that decides about a result is in the recipe, the data and
the place in the run: the order of frames, augmentation and dropout of a step follow from the seed and the number of the
step alone. So a training that is resumed comes, in float32 and bfloat16 alike, to the numbers of an undisturbed one on
the same processor, wherever it was stopped; on a GPU some sums of gradients are not made in the same order twice. (With
a budget of time the learning rate follows the clock, and the clock is never the same.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from iddkit import models
from iddkit.errors import TrainingError
from iddkit.models.grouping import set_alpha
from iddkit.runs import Epoch
from iddkit.training.checkpoint import Checkpoint
from iddkit.training.dataset import LabelledData
from iddkit.training.device import CUDA, advice_on_memory, precision_of
from iddkit.training.feed import Feed, check_batch
from iddkit.training.interruption import stopped_by_signals
from iddkit.training.keeping import BEST, LAST, restore, save_best, save_last
from iddkit.training.logs import Board, write_log
from iddkit.training.losses import class_weights
from iddkit.training.optimizer import make_optimizer
from iddkit.training.phases import ENCODER, EncoderView, Lesson, Phase, check_length, phase_at, phases_of
from iddkit.training.pictures import Pictures
from iddkit.training.recipe import PLATEAU, Recipe
from iddkit.training.schedules import Plateau, alpha_at, rate_factor
from iddkit.training.state import BUDGET, COMPLETE, EARLY_STOP, INTERRUPTED, NO_LIMIT, Clock, Moment, State, Trained
from iddkit.training.validate import Validation, validate

#: Seconds of training between checkpoints at the ends of epochs, at the least (epochs of a few frames are over in no
#: time, and writing would take as long), and within an epoch.
_SAVE_BETWEEN, _SAVE_WITHIN = 10.0, 300.0

_DROPOUT: Final = 3  # the name of a stream of chance, beside those of `iddkit.training.feed`


def train(
    data: LabelledData,
    recipe: Recipe,
    folder: Path,
    fabric: Fabric,
    *,
    budget: float | None = None,
    resume: bool = False,
    threads: int = 1,
    versions: Mapping[str, str] | None = None,
    watch: Callable[[Moment], None] | None = None,
) -> Trained:
    """Train a network.

    Parameters
    ----------
    data
        What on.
    recipe
        How.
    folder
        Where ``last.pt``, ``best.pt``, ``log.csv`` and TensorBoard's log are written.
    fabric
        The devices, and the precision: `iddkit.training.device.start`.
    budget
        Seconds of training, validations included, after which it ends; None for all epochs of the recipe.
    resume
        Go on from ``last.pt``, if there is one.
    threads
        That read and augment pictures.
    versions
        Kept in the checkpoints.
    watch
        Called after every step.

    Raises
    ------
    TrainingError
        The loss is no number, or there is too little memory.
    CheckpointError
        To resume: the checkpoint is damaged, or of another recipe or dataset.
    OptionError
        No step can be made of such batches.
    UserError
        A file cannot be read or written.
    """
    with advice_on_memory(recipe.batch_size):
        training = Training(data, recipe, folder, fabric, budget, threads, versions or {}, watch)
        if resume and (folder / LAST).is_file():
            restore(training, Checkpoint.load(folder / LAST))
        finished = training.run()
    state = training.state
    best = folder / BEST if state.best_epoch else None
    return Trained(tuple(state.epochs), state.best_epoch, best, finished, training.in_memory, state.conversion)


class Training:
    """One training: the network, its optimizer, its data, and where it is. `train` says what the parameters are."""

    def __init__(
        self,
        data: LabelledData,
        recipe: Recipe,
        folder: Path,
        fabric: Fabric,
        budget: float | None,
        threads: int,
        versions: Mapping[str, str],
        watch: Callable[[Moment], None] | None,
    ) -> None:
        cv2.setNumThreads(1)  # pictures are made by threads of our own, each of which would start some more
        self.data, self.recipe, self.folder, self.fabric = data, recipe, folder, fabric
        self.precision, self.budget, self.threads = precision_of(fabric), budget, threads
        self.versions, self.watch = versions, watch
        self.state = State()
        self.alpha = 1.0  # of gradual grouping
        self.saved = 0.0  # seconds of training when that was done last
        self.phases = phases_of(recipe)
        size = recipe.size or data.size
        check_batch(recipe.batch_size, size, fabric.world_size)
        root, level = data.index.root, data.classes.level
        seen = Pictures(root, data.train, data.reader, level, size)
        self.unseen = Pictures(root, data.val, data.reader, level, data.size, exact=True)
        self.feed = Feed(seen, recipe, size, fabric.global_rank, fabric.world_size)
        if recipe.epochs < NO_LIMIT:
            check_length(recipe, recipe.epochs * self.feed.steps)
        self.in_memory = seen.keep_in_memory(threads, fabric.world_size)
        if fabric.is_global_zero:  # which validates for all
            self.in_memory &= self.unseen.keep_in_memory(threads)
        torch.manual_seed(recipe.seed)
        settings: dict[str, Any] = {"head": True} if recipe.encoder_part else {}
        settings |= {"gradual": True} if recipe.gradual_part else {}
        network = models.build(recipe.model, len(data.classes), **settings)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        # On several GPUs the share of each is too small to be normalised by itself.
        shares = fabric.world_size > 1 and fabric.device.type == CUDA
        self.network = nn.SyncBatchNorm.convert_sync_batchnorm(network) if shares else network  # type: ignore[no-untyped-call]
        self.weights = class_weights(data.shares, recipe.weight_constant) if recipe.class_weights else None
        self.begin(self.phases[0])

    def begin(self, phase: Phase) -> None:
        """Begin a phase: other parameters learn, and the optimizer knows nothing yet."""
        self.state.plateau, self.state.validations_since_best = Plateau(), 0
        lesson = Lesson(self.network, self.weights, phase.name)
        self.phase = phase
        self.lesson, self.optimizer = self.fabric.setup(lesson, make_optimizer(lesson, self.recipe))

    def run(self) -> str:
        """Train to the end, and return how it ended."""
        state = self.state
        clock = Clock(state.seconds)
        board = Board(self.folder) if self.fabric.is_global_zero else None
        with closing(board) if board else nullcontext(), stopped_by_signals() as stop:
            while not (ended := self.ended()):
                with self.feed.epoch(state.epoch, state.step, self.threads) as batches:
                    for images, labels in batches:
                        self.step(self.fabric.to_device(images), self.fabric.to_device(labels))
                        # One clock, and one Ctrl-C, for all devices.
                        state.seconds, stopped = self.fabric.broadcast((clock.seconds(), stop.is_set()))
                        if stopped:
                            save_last(self)
                            return INTERRUPTED
                        if self.is_out_of_time():
                            break
                        self.save_now_and_then(_SAVE_WITHIN)
                state.epoch, state.step = state.epoch + 1, 0
                self.end_epoch(clock, board)
            # Ctrl-C while the last epoch was validated: the run is whole, but who pressed it wants to stop.
            return INTERRUPTED if self.fabric.broadcast(stop.is_set()) else ended

    def step(self, images: Tensor, labels: Tensor) -> None:
        """Learn from one batch."""
        self.follow_schedules()
        self.seed()
        loss = self.lesson(images, labels)
        self.fabric.backward(loss)
        norm = self.fabric.clip_gradients(
            self.lesson, self.optimizer, max_norm=self.recipe.clip, error_if_nonfinite=False
        )
        value = self.check_finite(loss, norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        state = self.state
        state.step, state.images = state.step + 1, state.images + self.recipe.batch_size
        state.losses, state.counted = state.losses + value, state.counted + 1
        self.tell(value)

    def follow_schedules(self) -> None:
        """Enter the phase that it is time for, and set its learning rate and alpha of gradual grouping."""
        recipe, progress = self.recipe, self.progress()
        phase = phase_at(self.phases, progress)
        if phase != self.phase:
            self.begin(phase)
        if recipe.gradual_part:
            self.alpha = alpha_at(recipe, phase.progress(progress) if phase == self.phases[0] else 1.0)
            set_alpha(self.network, self.alpha)
        is_plateau = recipe.schedule == PLATEAU
        factor = self.state.plateau.factor if is_plateau else rate_factor(recipe, phase.progress(progress))
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.learning_rate * factor

    def seed(self) -> None:
        """Let chance follow from the number of the step, whatever came before."""
        key = [self.recipe.seed, _DROPOUT, self.state.epoch, self.state.step, self.fabric.global_rank]
        torch.manual_seed(int(np.random.SeedSequence(key).generate_state(1)[0]))

    def check_finite(self, loss: Tensor, norm: Tensor | None) -> float:
        """Return the loss, the mean of all devices.

        Raises
        ------
        TrainingError
            It, or the length of the gradient, is no number: on all devices, so that they end together.
        """
        mean = self.fabric.all_reduce(loss.detach())
        assert isinstance(mean, Tensor)
        assert norm is not None
        value, length = float(mean), float(norm)
        if math.isfinite(value) and math.isfinite(length):
            return value
        what = f"the gradient's length is {length}" if math.isfinite(value) else f"the loss is {value}"
        advice = f"to begin anew (--overwrite) with a smaller learning rate than {self.rate:.3g} may help"
        where = f"epoch {self.state.epoch + 1}, step {self.state.step + 1}"
        raise TrainingError(f"{what}: {advice}, or with --precision float32", path=self.folder, where=where)

    def end_epoch(self, clock: Clock, board: Board | None) -> None:
        """Validate, write the log, and keep the network."""
        state, recipe = self.state, self.recipe
        is_due = state.epoch % recipe.validate_every == 0 or state.epoch >= recipe.epochs or self.is_out_of_time()
        found = self.validate() if is_due and self.fabric.is_global_zero else None
        scores = None if found is None else (found.confusion.mean_iou, found.confusion.pixel_accuracy)
        state.seconds, scores = self.fabric.broadcast((clock.seconds(), scores))
        mean_iou, pixel_accuracy = scores or (None, None)
        epoch = Epoch(
            number=state.epoch,
            phase=self.phase.name,
            images=state.images,
            seconds=round(state.seconds, 3),
            learning_rate=self.rate,
            alpha=self.alpha,
            loss=state.losses / max(1, state.counted),
            mean_iou=mean_iou,
            pixel_accuracy=pixel_accuracy,
        )
        state.epochs.append(epoch)
        state.losses, state.counted = 0.0, 0
        is_better = mean_iou is not None and self.is_best(mean_iou)
        if is_better:
            save_best(self)
        if board is not None:
            write_log(state.epochs, self.folder)
            board.show(epoch)
        # The two checkpoints belong together.
        self.save_now_and_then(0 if is_better or self.ended() else _SAVE_BETWEEN)

    def is_best(self, mean_iou: float) -> bool:
        """Take notice of a validation, and return whether it is the best of the network as it will be."""
        state = self.state
        state.plateau.see(self.recipe, mean_iou)
        is_grouped = self.alpha == (0.0 if self.recipe.gradual_part else 1.0)
        if self.phase.name == ENCODER or not is_grouped:
            return False
        if self.phase == self.phases[-1]:  # before it, early stop would end a network half trained
            state.validations_since_best += 1
        if not mean_iou > state.best_iou:
            return False
        state.best_iou, state.best_epoch, state.validations_since_best = mean_iou, state.epoch, 0
        return True

    def save_now_and_then(self, seconds: float) -> None:
        """Keep all that going on needs, if that was done so many seconds of training ago."""
        if self.state.seconds - self.saved >= seconds:
            self.saved = self.state.seconds
            save_last(self)

    def ended(self) -> str:
        """Return how the run ended; "" if it goes on."""
        state, recipe = self.state, self.recipe
        if state.epoch >= recipe.epochs:
            return COMPLETE
        if self.is_out_of_time():
            return BUDGET
        return EARLY_STOP if recipe.early_stop and state.validations_since_best >= recipe.early_stop else ""

    def is_out_of_time(self) -> bool:
        """Return whether the budget is spent."""
        return self.budget is not None and self.state.seconds >= self.budget

    def validate(self) -> Validation:
        """Validate the network as it is; the encoder alone through its own head."""
        network = EncoderView(self.network) if self.phase.name == ENCODER else self.network
        device = self.fabric.device.type
        names = self.data.classes.names
        return validate(network, self.unseen, names, device=device, precision=self.precision, threads=self.threads)

    def progress(self) -> float:
        """Return which part of the run is over: of its epochs, or of its time where that is further."""
        state = self.state
        by_epochs = (state.epoch + state.step / self.feed.steps) / self.recipe.epochs
        return by_epochs if self.budget is None else max(by_epochs, state.seconds / self.budget)

    @property
    def rate(self) -> float:
        """The learning rate."""
        return float(self.optimizer.param_groups[0]["lr"])

    def tell(self, loss: float) -> None:
        """Tell those who watch how far the training is."""
        if self.watch is None or not self.fabric.is_global_zero:
            return
        state, progress = self.state, self.progress()
        known = [epoch.mean_iou for epoch in state.epochs if epoch.mean_iou is not None]
        self.watch(
            Moment(
                epoch=state.epoch + 1,
                epochs=None if self.recipe.epochs >= NO_LIMIT else self.recipe.epochs,
                step=state.step,
                steps=self.feed.steps,
                progress=min(1.0, progress),
                seconds=state.seconds,
                seconds_left=state.seconds * (1 - progress) / progress if 0 < progress < 1 else 0.0,
                phase=self.phase.name,
                learning_rate=self.rate,
                loss=loss,
                mean_iou=known[-1] if known else None,
            )
        )
