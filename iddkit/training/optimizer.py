"""The optimizer of a phase."""

from __future__ import annotations

import torch
from torch import nn

from iddkit.training.recipe import ADAMW, Recipe


def make_optimizer(lesson: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the optimizer of what learns; weights decay, biases and normalisation do not."""
    learning = [parameter for parameter in lesson.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in learning if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in learning if p.ndim <= 1], "weight_decay": 0.0},
    ]
    kind = torch.optim.AdamW if recipe.optimizer == ADAMW else torch.optim.Adam
    return kind(groups, lr=recipe.learning_rate, betas=(recipe.momentum, 0.999))
