"""One frame as A and B have it: two label images in, a tally for each level out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iddkit.agreement.pairs import Pair
from iddkit.agreement.side import Side
from iddkit.agreement.tally import Tally, tally_pair
from iddkit.errors import UserError
from iddkit.metrics.evaluation import DAMAGED, SIZE, EvaluationProblem
from iddkit.statistics.columns import classes, collapse


@dataclass(frozen=True)
class Method:
    """How all pairs are compared. Made by `method_of`.

    Attributes
    ----------
    a, b
        Where frames are read from, and how.
    levels
        At which they are compared, the finest first.
    columns
        For each level uint8: the column of each of the finest level's columns, void last.
    tolerances
        Of boundary F1, in pixels, in ascending order.
    ratio
        Of boundary IoU: a share of the image's diagonal.
    """

    a: Side
    b: Side
    levels: tuple[str, ...]
    columns: tuple[NDArray[np.uint8], ...]
    tolerances: tuple[int, ...]
    ratio: float


@dataclass(frozen=True, slots=True)
class Compared:
    """What became of a pair: a tally for each level, or why there is none."""

    place: int
    tallies: tuple[Tally, ...] = ()
    problem: EvaluationProblem | None = None


def method_of(a: Side, b: Side, levels: tuple[str, ...], tolerances: tuple[int, ...], ratio: float) -> Method:
    """Return how frames are compared at levels of which the first can be turned into each other one."""
    label_map = a.reader.label_map
    columns = tuple(
        np.append(collapse(label_map, levels[0], level), len(classes(label_map, level))).astype(np.uint8)
        for level in levels
    )
    return Method(a, b, levels, columns, tolerances, ratio)


def compare_frame(how: Method, pair: Pair) -> Compared:
    """Compare a pair; a problem of its own files never raises."""
    try:
        a, b = read_pair(how, pair)
    except UserError as error:
        path = Path(error.path or how.a.file(pair.a))
        return Compared(pair.place, problem=EvaluationProblem(DAMAGED, pair.key, path, error.problem, error.where))
    if a.shape != b.shape:
        text = f"{b.shape[1]}x{b.shape[0]}, and A's is {a.shape[1]}x{a.shape[0]}"
        return Compared(pair.place, problem=EvaluationProblem(SIZE, pair.key, how.b.file(pair.b), text))
    tallies = [
        tally_pair(columns[a], columns[b], int(columns[-1]), how.tolerances, how.ratio) for columns in how.columns
    ]
    return Compared(pair.place, tuple(tallies))


def read_pair(how: Method, pair: Pair) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the columns of a frame in A and in B at the finest level: uint8 (H, W) each, of whatever sizes.

    Raises
    ------
    UserError
        One of them cannot be read. It names the file.
    """
    level = how.levels[0]
    try:
        a = how.a.read(pair.a, level)
    except UserError as error:
        raise error.located(how.a.file(pair.a)) from error
    try:
        return a, how.b.read(pair.b, level)
    except UserError as error:
        raise error.located(how.b.file(pair.b)) from error
