"""Rules of a dataset: a frame beside the others, a drive beside the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iddkit.checks.finding import Finding
from iddkit.checks.settings import Settings
from iddkit.checks.traits import Traits
from iddkit.errors import printable
from iddkit.likeness import details, stack
from iddkit.severity import Severity

#: Makes a median absolute deviation the standard deviation of a normal distribution (Rousseeuw and Croux 1993).
_MAD: Final = 1.4826

#: Deviations are no smaller than this: of the logarithm of an area, above the median and below it, where pieces of what
#: is far away or half hidden are usual; of the root of a share; of the root of a number.
_ABOVE, _BELOW, _LEAST_SHARE, _LEAST_NUMBER = 0.5, 1.0, 0.03, 0.25

#: Drives that have to be there for what is usual to be known, frames of a drive, and the part of the drives in which a
#: label is usual.
_DRIVES, _FRAMES, _USUAL = 8, 3, 0.75

#: Frames that are compared with all before them at once.
_BLOCK: Final = 1024

#: From this correlation on two images are one.
_SAME: Final = 0.995


@dataclass(frozen=True, slots=True)
class Batch:
    """The frames of a dataset, in order, and what the rules go by."""

    frames: Sequence[Traits]
    settings: Settings


#: Key of a frame, or split and sequence of a drive, and what is to be said of it.
Located = tuple[str, Finding]


def unusual_area(batch: Batch) -> Iterator[Located]:
    """Find an object much larger or smaller than what its label has at its height in the images of the dataset.

    By the median of the logarithms of the areas and their absolute deviation from it, where at least 30 objects
    of a label end in one of eight bands of the image; from 6 robust standard deviations on.
    """
    found: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for place, frame in enumerate(batch.frames):
        for i, one in enumerate(frame.objects):
            found.setdefault((one.label, one.band), []).append((place, i))
    strange: list[tuple[int, Finding]] = []
    for (label, _), places in found.items():
        if len(places) < batch.settings.least:
            continue
        logs = np.log([batch.frames[place].objects[i].area for place, i in places])
        middle, far = _deviations(logs, _ABOVE)
        far = np.where(far < 0, _deviations(logs, _BELOW)[1], far)
        for k in np.flatnonzero(abs(far) > batch.settings.far).tolist():
            place, i = places[k]
            one = batch.frames[place].objects[i]
            side = "larger" if far[k] > 0 else "smaller"
            text = f"{_part(one.area)} of the image, far {side} than a {label} here: {_part(float(np.exp(middle)))}"
            finding = Finding(Severity.MINOR, text, one.number, one.region, identity=f"{label} {one.region}")
            strange.append((place, finding))
    for place, finding in sorted(strange, key=lambda each: (each[0], each[1].object or 0)):
        yield batch.frames[place].key, finding


def near_duplicate_frame(batch: Batch) -> Iterator[Located]:
    """Find a frame whose image looks like that of an earlier one: labour spent twice, and a leak between splits.

    By the correlation of their thumbnails' details, 0.8 and more, measured on IDD's drives (`iddkit.likeness`); major
    where the two are the same image.
    """
    seen = [frame for frame in batch.frames if frame.thumbnail]
    if len(seen) < 2:
        return
    vectors = details(stack(frame.thumbnail for frame in seen))
    for begin in range(0, len(seen), _BLOCK):
        likeness = vectors[begin : begin + _BLOCK] @ vectors[: begin + _BLOCK].T
        for row, values in enumerate(likeness):
            place = begin + row
            if place and float(values[:place].max()) >= batch.settings.alike:
                # Rounded, so that the last bit of a sum does not decide between equal frames.
                other = int(np.round(values[:place], 4).argmax())
                same = values[other] >= _SAME
                text = f"the image {'is that' if same else 'looks like that'} of {printable(seen[other].key)}"
                text += "" if same else f" (correlation {values[other]:.2f})"
                yield (
                    seen[place].key,
                    Finding(Severity.MAJOR if same else Severity.MINOR, text, identity=seen[other].key),
                )


def sequence_habit(batch: Batch) -> Iterator[Located]:
    """Find a drive in which a usual label is drawn far more or less than in the others: a habit of who drew it.

    Of labels that three quarters of at least 8 drives show: their share of the pixels, and how many objects a frame
    has, by the median and absolute deviation of their roots; from 6 robust standard deviations on.
    """
    drives: dict[str, list[Traits]] = {}
    for frame in batch.frames:
        if frame.shares is not None:
            drives.setdefault(frame.sequence, []).append(frame)
    names = [name for name, frames in drives.items() if len(frames) >= _FRAMES]
    if len(names) < _DRIVES:
        return
    labels = sorted({label for name in names for frame in drives[name] for label in frame.shares or ()})
    shares = np.array([[_mean_share(drives[name], label) for label in labels] for name in names])
    numbers = np.array([_mean_numbers(drives[name], labels) for name in names])
    found = []
    for j in np.flatnonzero((shares > 0).mean(axis=0) >= _USUAL).tolist():
        for what, values, least in (("share", shares[:, j], _LEAST_SHARE), ("number", numbers[:, j], _LEAST_NUMBER)):
            middle, far = _deviations(np.sqrt(values), least)
            for i in np.flatnonzero(abs(far) > batch.settings.far).tolist():
                if what == "share":
                    text = f"{labels[j]} covers {100 * values[i]:.1f} % of what is labelled, "
                    text += f"{100 * middle**2:.1f} % in the middle of {len(names)} drives"
                else:
                    text = f"{values[i]:.1f} objects a frame are {labels[j]}, "
                    text += f"{middle**2:.1f} in the middle of {len(names)} drives"
                found.append(
                    (i, Finding(Severity.MINOR, text + _drawn_by(drives[names[i]]), identity=labels[j] + what))
                )
    for i, finding in sorted(found, key=lambda each: each[0]):
        yield names[i], finding


def _mean_share(frames: Sequence[Traits], label: str) -> float:
    return sum((frame.shares or {}).get(label, 0.0) for frame in frames) / len(frames)


def _mean_numbers(frames: Sequence[Traits], labels: Sequence[str]) -> NDArray[np.float64]:
    place = {label: j for j, label in enumerate(labels)}
    counts = np.bincount([place[one.label] for frame in frames for one in frame.objects], minlength=len(labels))
    return counts / len(frames)


def _drawn_by(frames: Sequence[Traits]) -> str:
    authors = sorted(set().union(*(frame.authors for frame in frames)))
    if not authors or len(authors) > 3:
        return ""
    return f"; drawn by {', '.join(printable(author, 40) for author in authors)}"


def _deviations(values: NDArray[np.float64], least: float) -> tuple[float, NDArray[np.float64]]:
    """Return the median, and how many robust standard deviations each value is from it."""
    middle = float(np.median(values))
    spread = max(_MAD * float(np.median(abs(values - middle))), least)
    return middle, (values - middle) / spread


def _part(share: float) -> str:
    return f"{100 * share:.2g} %"
