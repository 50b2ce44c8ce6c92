"""The baseline networks by name. Nothing here needs torch until a network is built.

>>> from iddkit import models
>>> models.find("erfnet").title
'ERFNet'
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from iddkit.errors import OptionError, printable

if TYPE_CHECKING:
    from torch import nn

__all__ = ["MODELS", "Model", "build", "find"]


@dataclass(frozen=True, slots=True)
class Model:
    """A network of the registry.

    Attributes
    ----------
    name, title
        As on the command line, and as papers write it.
    function
        ``module:function`` that builds it, called with the number of classes and `settings`.
    settings
        Of that function.
    source
        Where it was published.
    """

    name: str
    title: str
    function: str
    source: str
    settings: Mapping[str, Any] = field(default_factory=dict)


_ROMERA = "Romera et al. 2018"

#: Name to network.
MODELS: Final[Mapping[str, Model]] = MappingProxyType(
    {model.name: model for model in (Model("erfnet", "ERFNet", "iddkit.models.erfnet:erfnet", _ROMERA),)}
)


def find(name: str) -> Model:
    """Return the network of a name, in any case.

    Raises
    ------
    OptionError
        There is none; the nearest known one is named.
    """
    model = MODELS.get(name.lower())
    if model is None:
        near = difflib.get_close_matches(name.lower(), MODELS, n=1, cutoff=0)[0]
        raise OptionError(f"no network {printable(name, 40)!r}; the nearest known one is {near}")
    return model


def build(name: str, classes: int, **settings: Any) -> nn.Module:
    """Return a network with fresh weights.

    Parameters
    ----------
    name
        Of `MODELS`.
    classes
        Channels out.
    settings
        Of the network's function, in place of the registry's: ``head=True`` for the encoder's own classifier,
        ``gradual=True`` for convolutions that are to be grouped in training.

    Raises
    ------
    OptionError
        There is no such network.
    """
    model = find(name)
    module, function = model.function.split(":")
    network: nn.Module = getattr(import_module(module), function)(classes, **{**model.settings, **settings})
    return network
