"""Which frame of A and which of B are one frame, and which stand alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from iddkit.frames import Frame


@dataclass(frozen=True, slots=True)
class Pair:
    """One frame, as both sides have it. Its key is that of A."""

    place: int
    a: Frame
    b: Frame

    @property
    def key(self) -> str:
        """The frame's key in A."""
        return self.a.key


@dataclass(frozen=True, slots=True)
class Pairs:
    """Frames of two sides laid side by side.

    Attributes
    ----------
    pairs
        In the order of A.
    by
        What they were matched by: ``key``, ``sequence and name``, ``name``, or `ONLY`.
    only_a, only_b
        Frames without a partner, each with the reason.
    """

    pairs: tuple[Pair, ...]
    by: str
    only_a: tuple[tuple[Frame, str], ...]
    only_b: tuple[tuple[Frame, str], ...]


#: How the only frame of A and the only one of B are matched.
ONLY: Final = "being the only ones"

_Identity = Callable[[Frame], str]

# What identifies a frame, from the strictest on: datasets are passed round without their splits, and frames without
# their folders.
_IDENTITIES: Final[tuple[tuple[str, _Identity], ...]] = (
    ("key", lambda frame: f"{frame.split}/{frame.sequence}/{frame.name}"),
    ("sequence and name", lambda frame: f"{frame.sequence}/{frame.name}"),
    ("name", lambda frame: frame.name),
)


def pair_frames(a: Sequence[Frame], b: Sequence[Frame]) -> Pairs:
    """Return which frames of both sides are one.

    Frames are matched by split, sequence and name; if no frame of A is in B so, by sequence and name; if none is so
    either, by name alone. What several frames of a side share matches none of them. Where each side has one frame,
    these are a pair, whatever they are called.

    Examples
    --------
    >>> pairs = pair_frames([Frame("val", "0", "x"), Frame("val", "0", "y")], [Frame("", "", "y"), Frame("", "", "z")])
    >>> [pair.key for pair in pairs.pairs], pairs.by
    (['val/0/y'], 'name')
    >>> [frame.key for frame, _ in pairs.only_a], [frame.key for frame, _ in pairs.only_b]
    (['val/0/x'], ['z'])
    """
    if len(a) == 1 and len(b) == 1:
        return Pairs((Pair(0, a[0], b[0]),), ONLY, (), ())
    by, identity = next(
        (one for one in _IDENTITIES if not {one[1](frame) for frame in a}.isdisjoint(one[1](frame) for frame in b)),
        _IDENTITIES[0],
    )
    times = Counter(map(identity, a)), Counter(map(identity, b))
    there = {identity(frame): frame for frame in b}
    is_pair = {key for key in times[0].keys() & times[1].keys() if times[0][key] == times[1][key] == 1}
    matched = [(frame, there[identity(frame)]) for frame in a if identity(frame) in is_pair]
    return Pairs(
        tuple(Pair(place, *frames) for place, frames in enumerate(matched)),
        by,
        tuple((one, _reason(identity(one), *times)) for one in a if identity(one) not in is_pair),
        tuple((one, _reason(identity(one), *times[::-1])) for one in b if identity(one) not in is_pair),
    )


def _reason(identity: str, own: Counter[str], other: Counter[str]) -> str:
    if not other[identity]:
        return ""
    if own[identity] > 1:
        return f"{own[identity]} frames are called so here"
    return f"{other[identity]} frames are called so there"
