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
    aliases
        Other names that `find` knows it by. What is written anywhere is `name`.
    two_phase
        It has an encoder that can be trained alone, through a classifier of its own (``head=True``).
    groups
        Into how many groups its encoder's 1x1 convolutions are divided; from 2 on, training can divide them gradually
        (``gradual=True``).
    """

    name: str
    title: str
    function: str
    source: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    two_phase: bool = False
    groups: int = 1


_ERFNET = Model(
    "erfnet", "ERFNet", "iddkit.models.erfnet:erfnet", "Romera et al. 2018, arXiv 1710.03518", two_phase=True
)
_DRN = Model(
    "drn", "DRN-d-22", "iddkit.models.drn:drn_d_22", "Yu, Koltun, Funkhouser 2017, arXiv 1705.09914", {}, ("drn-d-22",)
)
_UNET = Model("unet", "UNet", "iddkit.models.unet:unet", "Ronneberger et al. 2015, in the size of Mishra 2024")


def _essnet(family: str, function: str, groups: int, *, shuffle: bool = False) -> Model:
    """Return one of the papers' variants: D has no groups, DG2 two, DG2S shuffles them."""
    variant = "D" if groups == 1 else f"DG{groups}{'S' if shuffle else ''}"
    return Model(
        f"{family}-{variant}".lower(),
        f"{family}-{variant}",
        f"iddkit.models.essnet:{function}",
        "Vallurupalli et al. 2018, arXiv 1806.08522",
        {"groups": groups, "shuffle": shuffle},
        two_phase=True,
        groups=groups,
    )


_ESSNETS = tuple(
    _essnet(family, function, groups, shuffle=shuffle)
    for family, function in (("ESSNetA", "essnet_a"), ("ESSNetB", "essnet_b"), ("ESSNet", "essnet"))
    for shuffle in (False, True)
    for groups in ((2, 4, 8) if shuffle else (1, 2, 4, 8))
)

#: Name to network.
MODELS: Final[Mapping[str, Model]] = MappingProxyType(
    {model.name: model for model in (_ERFNET, _DRN, _UNET, *_ESSNETS)}
)


def find(name: str) -> Model:
    """Return the network of a name or an alias, in any case.

    Raises
    ------
    OptionError
        There is none; the nearest known one is named.

    Examples
    --------
    >>> find("DRN-d-22").name
    'drn'
    """
    known = {alias: model for model in MODELS.values() for alias in (model.name, *model.aliases)}
    model = known.get(name.lower())
    if model is None:
        near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0)[0]
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
        ``gradual=True`` for convolutions that are to be grouped in training. False is taken for every network.

    Raises
    ------
    OptionError
        There is no such network, or it has no encoder to train alone, or no groups.
    """
    model = find(name)
    if not model.two_phase and settings.pop("head", False):
        raise OptionError(f"{model.title} has no encoder that can be trained alone")
    if model.groups == 1 and settings.pop("gradual", False):
        raise OptionError(f"{model.title} has no groups; gradual grouping is for networks with DG in their name")
    module, function = model.function.split(":")
    network: nn.Module = getattr(import_module(module), function)(classes, **{**model.settings, **settings})
    return network
