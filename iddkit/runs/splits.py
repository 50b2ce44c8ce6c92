"""What is said of two splits themselves: labels that one is without, frames seen in training, shares of labels."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Final

from iddkit.errors import printable
from iddkit.runs.finding import Finding, Level, counted, listed, percent, quoted
from iddkit.runs.record import Leakage, Run

#: Validation frames that training has seen, or nearly: from this part on they can move the score.
LEAKS: Final = 0.01

#: A sequence's name that is a small number and nothing else. Where each split is numbered from 0 on, ``train/0`` and
#: ``val/0`` are different drives, so that such a name on both sides proves nothing.
SMALL_NUMBER: Final = re.compile(r"[0-9]{1,4}")

#: Jensen-Shannon divergence of the label shares of the two splits, in bits: up to the first they are alike, from the
#: second on they are not. Published IDD-lite (1,403 and 204 frames, level1) has 0.0008.
ALIKE_BITS: Final = 0.005
UNLIKE_BITS: Final = 0.05

#: With fewer frames in a split, chance alone makes such differences. Measured with 1,000 random divisions each of the
#: training frames of IDD-lite (level1), whole drives at a time: a set of 50 frames differed from the rest by 0.004 bits
#: in the median, 0.024 in the 99th percentile and 0.036 at most; one of 20 by 0.008, 0.048 and 0.061; one of 8 by
#: 0.017, 0.078 and 0.16.
LEAST_FRAMES: Final = 50


def find_absent(run: Run) -> Iterator[Finding]:
    """Yield which labels a split is without."""
    both = list(zip(run.labels, run.train.pixels, run.val.pixels, strict=True))
    unscored = [name for name, train, val in both if train and not val]
    untrained = [name for name, train, val in both if val and not train]
    unknown = [name for name, train, val in both if not train and not val]
    if unscored:
        text = "Training has pixels of it and validation none: what a network makes of it is not scored."
        yield Finding("bad", f"not in validation: {quoted(unscored)}", text)
    if untrained:
        text = "Validation has pixels of it and training none: it cannot be learned, and lowers the mean IoU."
        yield Finding("bad", f"not in training: {quoted(untrained)}", text)
    if unknown:
        yield Finding("note", f"in neither split: {quoted(unknown)}", "It counts nowhere.")


def find_leaks(runs: Sequence[Run]) -> Finding:
    """Return what is to be said of validation frames that training has seen.

    Near-duplicates count, and frames of a sequence whose name is on both sides, if the name tells drives apart (it is
    no mere small number) or one of its frames has a near-duplicate in the training sequence of that name. They are a
    fault from one per cent of the validation frames on, or if one file is in both splits.
    """
    found = next((run.leakage for run in runs if run.leakage is not None), None)
    if found is None:
        return Finding("note", "leakage was not looked for", "No run compared the frames of the two splits.")
    frames, alike = max(1, runs[0].val.frames), len(found.duplicates)
    words = ["No name of a sequence is in both splits."]
    proven, seen = _seen(found)
    if found.sequences:
        part = f"{found.frames:,} of {frames:,} validation frames ({percent(found.frames / frames)})"
        words = [f"Sequences of the same name are in both splits, with {part}: {quoted(found.sequences)}."]
        if len(proven) < len(found.sequences):
            words.append(
                "Where a name is a mere small number, each split may have been numbered anew, so that it proves "
                "nothing unless a frame of it looks like one of the same name in training."
            )
    if alike:
        nearest = found.duplicates[0]
        words.append(
            f"Validation frames that look like one of training: {alike:,} of {frames:,} ({percent(alike / frames)}), "
            f"{printable(nearest.val, 120)} like {printable(nearest.train, 120)} first of all; in {found.identical:,} "
            "the files are the same."
        )
    else:
        words.append("No validation frame looks like one of training.")
    if proven and alike:
        words.append(f"Taken together, {counted(len(seen), 'frame')} ({percent(len(seen) / frames)}).")
    text = " ".join(words)
    if not found.sequences and not alike:
        return Finding("good", "no validation frame was seen in training", text)
    of_name = sum(map(len, proven.values())) if seen else found.frames
    parts = [f"{counted(of_name, 'validation frame')} in sequences of the same name as in training"] if of_name else []
    parts += [f"{counted(alike, 'near-duplicate')} of training frames"] if alike else []
    if not seen:
        return Finding("note", f"perhaps leakage: {listed(parts)}", text)
    leaks = found.identical > 0 or len(seen) >= LEAKS * frames
    return Finding("bad" if leaks else "note", f"leakage: {listed(parts)}", text)


def _seen(found: Leakage) -> tuple[dict[str, frozenset[str]], set[str]]:
    """Return the sequences that are proof of leakage with their frames, and all validation frames that training saw."""
    pairs = [(duplicate.train, duplicate.val) for duplicate in found.duplicates]
    proven, seen = {}, {val for _, val in pairs}
    for name, keys in zip(found.sequences, found.sequence_frames, strict=True):
        own = frozenset(keys)
        if not SMALL_NUMBER.fullmatch(name) or any(val in own and _is_in(train, name) for train, val in pairs):
            proven[name] = own
            seen |= own
    return proven, seen


def _is_in(key: str, sequence: str) -> bool:
    """Return whether a frame, by its key, is of a sequence: ``split/sequence/name``, perhaps without a split."""
    folder = key.rpartition("/")[0]
    return folder == sequence or folder.endswith(f"/{sequence}")


def find_shares(run: Run) -> Finding:
    """Return whether the two splits hold the same labels."""
    train, val = run.train.pixels, run.val.pixels
    if not sum(train) or not sum(val):
        which = "training" if not sum(train) else "validation"
        return Finding("bad", f"no labelled pixel in {which}", "The shares of labels cannot be compared.")
    shares = [(a / sum(train), b / sum(val)) for a, b in zip(train, val, strict=True)]
    bits = _divergence(shares)
    at = max(range(len(shares)), key=lambda i: abs(shares[i][0] - shares[i][1]))
    text = (
        f"The shares of the labels in the labelled pixels differ by {bits:.2g} bits (Jensen-Shannon divergence: 0 if "
        f"they are equal, 1 without a common label), most for {quoted([run.labels[at]])}: {percent(shares[at][0])} in "
        f"training, {percent(shares[at][1])} in validation."
    )
    if bits <= ALIKE_BITS:
        return Finding("good", "training and validation hold the labels in the same shares", text)
    fewest = min(run.train.frames, run.val.frames)
    if fewest < LEAST_FRAMES:
        text += f" With a split of {counted(fewest, 'frame')}, chance alone can make such a difference."
    if bits < UNLIKE_BITS:
        return Finding("note", "training and validation hold the labels in somewhat different shares", text)
    level: Level = "note" if fewest < LEAST_FRAMES else "bad"
    return Finding(level, "training and validation hold the labels in different shares", text)


def _divergence(shares: Sequence[tuple[float, float]]) -> float:
    """Return the Jensen-Shannon divergence (Lin 1991) of two distributions, in bits."""
    return sum(x / 2 * math.log2(2 * x / (a + b)) for a, b in shares for x in (a, b) if x)
