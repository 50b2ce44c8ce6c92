"""How faithful a choice of frames is to its source, and how faithful a random choice of so many frames would be.

All of it compares the labels at the size of the output, so it says what choosing did and nothing of resizing. Matching
the shares of labels alone is easy and misleads: a choice of average-looking frames has the right shares, and scores
measured on it are too high. So there are guards beside them: presence, pairs, layout, and the distance of features.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iddkit.statistics.counts import SHARE_UNIT, unit_shares
from iddkit.statistics.table import CELL_UNIT, CELLS
from iddkit.subset.candidates import Candidates
from iddkit.subset.distance import FREQUENCIES, WAVE_UNIT, Embedding, blocks, embed, pick

#: The errors that are one number, attributes of `Errors` and `RandomErrors`, to what they are called in a table.
SCALARS: Final = {
    "js": "JS divergence of label shares, bits",
    "worst_share": "largest relative share error",
    "worst_presence": "largest presence error",
    "pairs": "largest pair presence error",
    "layout": "4x4 layout error",
    "mmd": "feature distance",
}

#: Labels that fewer frames of the source hold are no part of `Errors.worst_share`: a single frame more or less of
#: those is an error of many percent. One of 71 frames.
HELD_BY = 0.014


@dataclass(frozen=True)
class Space:
    """What has to be known of a source to measure choices from it (`prepare`)."""

    candidates: Candidates
    embedding: Embedding
    #: float64 (K,): sums over all frames of what `_quantities` gives.
    sums: NDArray[np.float64]


@dataclass(frozen=True)
class Errors:
    """The difference between chosen frames and their source.

    Attributes
    ----------
    js
        Jensen-Shannon divergence, in bits, of the two distributions of labels. A distribution is the mean over the
        frames of each label's share of the frame's labelled pixels; frames with none do not count. 1 if only one
        of the two has labels at all.
    shares
        float64 (L,): relative error of each label's mean share, 0.02 for two percent too much; NaN for a label that
        the source does not have.
    presence
        float64 (L,): part of the chosen frames that hold the label, less that of the source's.
    pairs
        Largest absolute difference in the part of frames that hold both of two labels.
    layout
        Mean over the 16 cells of the sum over labels of the absolute difference in the label's mean part of the cell;
        NaN where the layout is not known.
    mmd
        Distance of the means of shares, layout and colours in a kernel's space (`iddkit.subset.distance`).
    worst_share
        Largest absolute `shares` of the labels that at least `HELD_BY` of the source's frames hold.
    worst_presence
        Largest absolute `presence`.
    """

    js: float
    shares: NDArray[np.float64]
    presence: NDArray[np.float64]
    pairs: float
    layout: float
    mmd: float
    worst_share: float
    worst_presence: float


@dataclass(frozen=True)
class RandomErrors:
    """The errors of random choices of equal size: float64 (number of choices,) each; see `Errors`."""

    js: NDArray[np.float64]
    pairs: NDArray[np.float64]
    layout: NDArray[np.float64]
    mmd: NDArray[np.float64]
    worst_share: NDArray[np.float64]
    worst_presence: NDArray[np.float64]


def prepare(candidates: Candidates) -> Space:
    """Return what is needed of a source to measure choices from it."""
    embedding = embed(candidates)
    sums = np.zeros(sum(_widths(candidates).values()))
    for block in blocks(len(candidates)):
        sums += _quantities(candidates.rows(block.start, block.stop), embedding).sum(axis=0)
    return Space(candidates, embedding, sums)


def measure_errors(space: Space, chosen: NDArray[np.intp]) -> Errors:
    """Return the errors of a choice: rows of the source's candidates, intp (n,), none twice.

    Raises
    ------
    ValueError
        Nothing was chosen.
    """
    sums = np.zeros((1, len(space.sums)))
    for block in blocks(len(chosen)):
        sums[0] += _quantities(pick(space.candidates, chosen[block]), space.embedding).sum(axis=0)
    found = _compare(space, sums, len(chosen))
    return Errors(
        **{name: float(found[name][0]) for name in SCALARS}, shares=found["shares"][0], presence=found["presence"][0]
    )


def random_errors(space: Space, count: int, *, subsets: int = 200, seed: int = 0) -> RandomErrors:
    """Return the errors of random choices of `count` frames, all frames being equally likely.

    Equal arguments give equal choices on every machine (`random_members`).

    Raises
    ------
    ValueError
        `count` is not between 1 and the number of frames.
    """
    frames = len(space.candidates)
    # A bit for each frame of each choice, and sums as products of matrices: of whole numbers, thus exact.
    members = np.stack([np.packbits(member) for member in random_members(frames, count, subsets=subsets, seed=seed)])
    sums = np.zeros((subsets, len(space.sums)))
    for block in blocks(frames):  # of a length that whole bytes hold
        part = np.unpackbits(members[:, block.start // 8 : -(-block.stop // 8)], axis=1)[:, : block.stop - block.start]
        values = _quantities(space.candidates.rows(block.start, block.stop), space.embedding)
        sums += part.astype(np.float64) @ values
    found = _compare(space, sums, count)
    return RandomErrors(**{name: found[name] for name in SCALARS})


def random_members(frames: int, count: int, *, subsets: int = 200, seed: int = 0) -> Iterator[NDArray[np.bool_]]:
    """Yield random choices: whether each of `frames` is one of the `count` chosen, bool (frames,).

    Those with the `count` smallest of raw random bits, 64 for each frame.
    """
    if not 1 <= count <= frames:
        raise ValueError(f"{count} of {frames} frames cannot be drawn")
    bits = np.random.PCG64(seed)
    for _ in range(subsets):
        raw = bits.random_raw(frames)
        yield raw <= np.partition(raw, count - 1)[count - 1]


def percentile(value: float, randoms: NDArray[np.float64]) -> float:
    """Return where an error stands among those of random choices: how many percent of them are smaller.

    Examples
    --------
    >>> percentile(0.3, np.array([0.1, 0.2, 0.3, 0.4]))
    50.0
    """
    return 100 * float(np.count_nonzero(randoms < value)) / max(1, len(randoms))


def _widths(candidates: Candidates) -> dict[str, int]:
    """Return how many numbers of each kind `_quantities` gives of a frame, in their order."""
    labels = candidates.classes
    return {
        "labelled": 1,
        "shares": labels,
        "presence": labels,
        "pairs": labels * (labels - 1) // 2,
        "layout": 0 if candidates.layout is None else int(np.prod(candidates.layout.shape[1:])),
        "waves": 2 * FREQUENCIES,
    }


def _quantities(part: Candidates, embedding: Embedding) -> NDArray[np.float64]:
    """Return of each frame what is summed over frames: float64 (n, K), whole numbers.

    Their sums stay below 2**53 for two million frames, so they are the same in whatever order they are added.
    """
    present = part.pixels[:, :-1] > 0
    one, other = np.triu_indices(part.classes, k=1)
    columns = [
        present.any(axis=1, keepdims=True),
        unit_shares(part.pixels),
        present,
        present[:, one] & present[:, other],
        *([] if part.layout is None else [part.layout.reshape(len(part), -1)]),
        embedding.waves(part),
    ]
    return np.concatenate(columns, axis=1, dtype=np.float64)


def _compare(space: Space, sums: NDArray[np.float64], count: int) -> dict[str, NDArray[np.float64]]:
    """Return the errors of choices of `count` frames, given the sums over their frames, float64 (S, K)."""
    if count < 1:
        raise ValueError("nothing was chosen")
    frames = len(space.candidates)
    ends = np.cumsum(list(_widths(space.candidates).values()))[:-1]
    labelled, shares, *sampled = np.split(sums, ends, axis=1)
    all_labelled, all_shares, *source = np.split(space.sums, ends)
    mean = shares / (SHARE_UNIT * np.maximum(labelled, 1))
    all_mean = all_shares / (SHARE_UNIT * max(1.0, float(all_labelled[0])))
    # Differences are of whole numbers, too: a choice of all frames has no error, not 1e-17.
    presence, pairs, layout, waves = (
        (part * frames - whole * count) / (frames * count) for part, whole in zip(sampled, source, strict=True)
    )
    share_errors = np.full_like(mean, np.nan)
    np.divide(mean - all_mean, all_mean, out=share_errors, where=all_mean > 0)
    common = (all_mean > 0) & (source[0] >= HELD_BY * frames)
    has_layout = space.candidates.layout is not None
    cells = np.abs(layout).sum(axis=1) / (CELLS * CELLS * CELL_UNIT)
    return {
        "js": divergence(mean, all_mean),
        "shares": share_errors,
        "presence": presence,
        "pairs": np.abs(pairs).max(axis=1, initial=0.0),
        "layout": cells if has_layout else np.full_like(cells, np.nan),
        "mmd": np.sqrt((waves * waves).sum(axis=1) / FREQUENCIES) / WAVE_UNIT,
        "worst_share": np.abs(share_errors[:, common]).max(axis=1, initial=0.0),
        "worst_presence": np.abs(presence).max(axis=1, initial=0.0),
    }


def divergence(found: NDArray[np.float64], source: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Jensen-Shannon divergence in bits of each row of (S, L) from (L,), scaled to sum to 1.

    Lin, Divergence measures based on the Shannon entropy, IEEE Trans. Inf. Theory 37 (1991).
    """
    if not source.sum() > 0:
        return np.where(found.any(axis=1), 1.0, 0.0)
    p = found / np.maximum(found.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    q = source / source.sum()
    middle = (p + q) / 2
    terms = np.zeros_like(p)
    for side in (p, np.broadcast_to(q, p.shape)):
        ratio = np.ones_like(p)
        np.divide(side, middle, out=ratio, where=side > 0)
        terms += side * np.log2(ratio) / 2
    # Rounding can leave -1e-17; and nothing at all has nothing in common with the source.
    return np.where(p.any(axis=1), np.maximum(terms.sum(axis=1), 0), 1.0)
