"""`Finding`: one answer of a verdict, and the words that answers are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from iddkit.errors import printable
from iddkit.runs.record import Run

Level = Literal["good", "note", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer.

    Attributes
    ----------
    level
        ``good``; ``bad`` for a fault of the split; ``note`` for what is open, or what a reader should know.
    title
        A few words, in lower case: the part of a sentence.
    text
        Sentences with the numbers.
    """

    level: Level
    title: str
    text: str


def name_of(run: Run) -> str:
    """Return by which name people read of a run."""
    return printable(run.name, 60)


def quoted(names: Sequence[str]) -> str:
    """Return names as a list, those that hold a comma in quotes; of more than eight the first.

    Examples
    --------
    >>> quoted(["road", "wall, fence", "sky"])
    'road, "wall, fence" and sky'
    """
    shown = [f'"{name}"' if "," in name else name for name in (printable(name, 60) for name in names[:8])]
    return listed([*shown, *([f"{len(names) - 8:,} more"] if len(names) > 8 else [])])


def listed(parts: Sequence[str]) -> str:
    """Return parts as one reads them: ``a, b and c``."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def counted(number: int, what: str) -> str:
    """Return how many there are of something: ``1 frame``, ``2 frames``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def percent(share: float) -> str:
    """Return a part of 1 in per cent, very small ones with two digits that count.

    Examples
    --------
    >>> percent(0.5314), percent(0.00042), percent(0)
    ('53.1 %', '0.042 %', '0.0 %')
    """
    return f"{100 * share:.2g} %" if 0 < share < 0.001 else f"{100 * share:.1f} %"


def duration(seconds: float) -> str:
    """Return a time in seconds, minutes or hours.

    Examples
    --------
    >>> duration(9.4), duration(89), duration(900), duration(3 * 3600)
    ('9 s', '89 s', '15 min', '3.0 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7170 else f"{seconds / 3600:.1f} h"


def resolution_text(size: tuple[int, int]) -> str:
    """Return a size (width, height) as it is published and given on the command line: height x width.

    Examples
    --------
    >>> resolution_text((256, 128))
    '128x256'
    """
    width, height = size
    return f"{height}x{width}"
