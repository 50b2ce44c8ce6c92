"""The parameters and multiply-adds that the ESSNet papers print: a ledger, not counts of a built network.

Vallurupalli et al. 2018, Tables 3 to 5, and Vallurupalli 2022, Tables 3.2, 3.4 and 3.5, state parameters and GFLOPs of
ERFNet and the ESSNets. A network built as the text describes has others (`iddkit.models.counting`). All rows but
ESSNetA-D follow, to the last digit, from eight rules, which the papers do not state and which were inferred from the
rows:

1.  Biases do not count.
2.  Nor does batch normalisation.
3.  A downsampler's convolution counts with all its output channels, although pooling gives some of them.
4.  The decoder has one block on each level, not two.
5.  The last layer is a 2x2 deconvolution from 16 channels to 20 classes.
6.  The encoder's own classifier does not count.
7.  What is called GFLOPs are multiply-adds in units of 1e9, of convolutions only, at width 1024 and height 512.
8.  Upsamplers count at the resolution of their output, which is four times what is computed; the last layer counts at
    that of its input, which is what is computed.

The ledger tells how the numbers were worked out, not which network was trained. Vallurupalli 2022, Table 3.2, prints
683568 for ESSNetB-D: its 547120 with the decoder, 136448, counted twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from iddkit.models import find

#: Of rules 5 and 7. Only 20 classes fit: with 19 every row is short of 64.
CLASSES: Final = 20
WIDTH, HEIGHT = 1024, 512

#: Weights, and the pixels at which each is used once.
_Row = tuple[int, int]

# Pixels of the levels with 16, 64 and 128 channels: half, a quarter, an eighth of the size.
_PIXELS: Final = {c: WIDTH * HEIGHT // shrunk**2 for c, shrunk in ((16, 2), (64, 4), (128, 8))}


@dataclass(frozen=True, slots=True)
class PaperLedger:
    """A row of the ledger.

    Attributes
    ----------
    params_paper_ledger, gmacs_paper_ledger
        By the eight rules: weights, and multiply-adds in units of 1e9.
    params_published, gmacs_published
        What is printed, there with three decimals; None where nothing is.
    """

    params_paper_ledger: int
    gmacs_paper_ledger: float
    params_published: int | None = None
    gmacs_published: float | None = None

    @property
    def published_mismatch(self) -> bool:
        """Whether something else is printed than follows from the rules: of ESSNetA-D, 1291648 and 19.025.

        The rows of ESSNetA-DG2, DG4 and DG8 beside it leave no choice but 1312688 and 19.803.
        """
        if self.params_published is None or self.gmacs_published is None:
            return False
        found = (self.params_paper_ledger, f"{self.gmacs_paper_ledger:.3f}")
        return found != (self.params_published, f"{self.gmacs_published:.3f}")


#: What is printed: parameters and GFLOPs. A variant with shuffled channels has the row of the one without.
_PUBLISHED: Final[Mapping[str, tuple[int, float]]] = MappingProxyType(
    {
        "erfnet": (2038448, 27.705),
        "essneta-d": (1291648, 19.025),
        "essneta-dg2": (1238960, 18.998),
        "essneta-dg4": (1202096, 18.595),
        "essneta-dg8": (1183664, 18.394),
        "essneta-dg2s": (1238960, 18.998),
        "essneta-dg4s": (1202096, 18.595),
        "essneta-dg8s": (1183664, 18.394),
        "essnetb-d": (547120, 10.597),
        "essnetb-dg2": (395568, 8.852),
        "essnetb-dg4": (319792, 7.980),
        "essnetb-dg8": (281904, 7.543),
        "essnetb-dg2s": (395568, 8.852),
        "essnetb-dg4s": (319792, 7.980),
        "essnetb-dg8s": (281904, 7.543),
        "essnet-d": (431312, 5.773),
        "essnet-dg2": (279760, 4.029),
        "essnet-dg4": (203984, 3.156),
    }
)

#: How many of the encoder's 5 blocks with 64 and 8 with 128 channels are ERFNet's own; whether the decoder is light.
_FAMILIES: Final[Mapping[str, tuple[int, int, bool]]] = MappingProxyType(
    {"erfnet": (5, 8, False), "essneta": (3, 4, False), "essnetb": (0, 0, False), "essnet": (0, 0, True)}
)


def paper_ledger(name: str) -> PaperLedger | None:
    """Return the ledger's row of a network of the registry; None for one that the ESSNet papers do not have.

    Raises
    ------
    OptionError
        There is no such network.

    Examples
    --------
    >>> row = paper_ledger("essnet-dg4")
    >>> row.params_paper_ledger, row.gmacs_paper_ledger, row.gmacs_published
    (203984, 3.15621376, 3.156)
    >>> paper_ledger("essneta-d").published_mismatch
    True
    """
    model = find(name)
    family = _FAMILIES.get(model.name.split("-")[0])
    if family is None:
        return None
    dense_64, dense_128, light = family
    rows = [*_encoder(dense_64, dense_128, model.groups), *(_light_decoder() if light else _decoder())]
    macs = sum(weights * pixels for weights, pixels in rows)
    return PaperLedger(sum(weights for weights, _ in rows), macs / 1e9, *_PUBLISHED.get(model.name, ()))


def _encoder(dense_64: int, dense_128: int, groups: int) -> Iterable[_Row]:
    for channels_in, channels in ((3, 16), (16, 64), (64, 128)):
        yield 9 * channels_in * channels, _PIXELS[channels]
    for channels, blocks, dense in ((64, 5, dense_64), (128, 8, dense_128)):
        yield dense * _factorised(channels), _PIXELS[channels]
        yield (blocks - dense) * _separable(channels, groups), _PIXELS[channels]


def _decoder() -> Iterable[_Row]:
    for channels_in, channels in ((128, 64), (64, 16)):
        yield 9 * channels_in * channels, _PIXELS[channels]
        yield _factorised(channels), _PIXELS[channels]
    yield _last()


def _light_decoder() -> Iterable[_Row]:
    for channels_in, channels in ((128, 64), (64, 16)):
        yield channels_in * channels, _PIXELS[channels]
        yield _separable(channels, 1), _PIXELS[channels]
    yield _last()


def _last() -> _Row:
    return 4 * 16 * CLASSES, _PIXELS[16]


def _factorised(channels: int) -> int:
    """Return the weights of ERFNet's block: four convolutions of three taps."""
    return 4 * 3 * channels**2


def _separable(channels: int, groups: int) -> int:
    """Return the weights of a D or DG block: two depthwise 3x3 convolutions and two 1x1 in groups."""
    return 2 * 9 * channels + 2 * channels**2 // groups
