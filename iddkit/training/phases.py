"""Phases of a run: the encoder alone, the decoder on an encoder that stands still, the whole network.

Source: Vallurupalli 2022, section 3.4.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from torch import Tensor, nn
from torch.nn import functional

from iddkit.errors import RecipeError
from iddkit.models.encoder_decoder import EncoderDecoder
from iddkit.models.sizes import crop
from iddkit.training.losses import cross_entropy, shrink_labels
from iddkit.training.recipe import Recipe
from iddkit.training.schedules import alpha_at

ENCODER, DECODER, WHOLE = "encoder", "decoder", "whole"

#: Labels for the encoder alone are so many times smaller than the image.
_ENCODER_STRIDE: Final = 8


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a run, with its own optimizer and its own course of the learning rate.

    Attributes
    ----------
    name
        `ENCODER`, `DECODER` or `WHOLE`.
    begin, end
        Parts of the run, 0 to 1.
    """

    name: str
    begin: float
    end: float

    def progress(self, of_run: float) -> float:
        """Return how much of the phase is over when this part of the run is."""
        return min(1.0, (of_run - self.begin) / (self.end - self.begin))


def phases_of(recipe: Recipe) -> tuple[Phase, ...]:
    """Return the phases of a recipe, in order.

    Examples
    --------
    >>> [phase.name for phase in phases_of(Recipe("erfnet", encoder_part=0.4, frozen_part=0.1))]
    ['encoder', 'decoder', 'whole']
    """
    alone, still = recipe.encoder_part, recipe.encoder_part + recipe.frozen_part
    every = (Phase(ENCODER, 0.0, alone), Phase(DECODER, alone, still), Phase(WHOLE, still, 1.0))
    return tuple(phase for phase in every if phase.end > phase.begin)


def phase_at(phases: tuple[Phase, ...], progress: float) -> Phase:
    """Return the phase that a part of the run falls into."""
    return next((phase for phase in phases if progress < phase.end), phases[-1])


def check_length(recipe: Recipe, steps: int) -> None:
    """Refuse a training that would end before the network is as it will be used: that leaves nothing to score.

    Parameters
    ----------
    recipe
        Its phases, and its part of gradual grouping.
    steps
        Of the whole run.

    Raises
    ------
    RecipeError
        The last step falls into an earlier phase, or finds convolutions that are not yet grouped.
    """
    phases, last = phases_of(recipe), 1 - 1 / steps
    alpha = alpha_at(recipe, phases[0].progress(last)) if recipe.gradual_part else 0.0
    if phase_at(phases, last) != phases[-1] or alpha > 0:
        what = f"{steps} step{'s' if steps > 1 else ''} of training are too few for its phases"
        raise RecipeError(f"{what}: more epochs, or smaller batches, are needed")


class Lesson(nn.Module):
    """A network with its loss, as one module, which is what several devices have to share.

    Parameters
    ----------
    network
        With an encoder and its head, where the phase is not `WHOLE`.
    weights
        Of the classes in the loss, float32 (C,), or None.
    phase
        What of the network learns. CHOICE: Vallurupalli 2022 has the encoder's rate at 5e-20 in `DECODER`; here it
        stands still.
    """

    def __init__(self, network: nn.Module, weights: Tensor | None, phase: str) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("weights", weights, persistent=False)
        self.phase = phase
        if not isinstance(network, EncoderDecoder):
            return  # what stands still of it (DRN's last layer) does so always
        learns = {ENCODER: ("encoder.", "head."), DECODER: ("decoder.",), WHOLE: ("encoder.", "decoder.")}[phase]
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(name.startswith(learns))

    def forward(self, images: Tensor, columns: Tensor) -> Tensor:
        """Return the loss of a batch: float32 (); see `iddkit.training.losses.cross_entropy`."""
        weights = self.weights
        assert weights is None or isinstance(weights, Tensor)
        if self.phase == ENCODER:
            logits = self.network.encode(images)  # type: ignore[operator]
            return cross_entropy(logits, shrink_labels(columns, _ENCODER_STRIDE), weights)
        return cross_entropy(self.network(images), columns, weights)


class EncoderView(nn.Module):
    """An encoder as a network of its own: the logits of its head, brought to the size of the image."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Return logits float (N, C, H, W)."""
        logits = self.network.encode(images)  # type: ignore[operator]
        height, width = (-(-side // _ENCODER_STRIDE) * _ENCODER_STRIDE for side in images.shape[-2:])
        return crop(functional.interpolate(logits, size=(height, width), mode="bilinear"), images)
