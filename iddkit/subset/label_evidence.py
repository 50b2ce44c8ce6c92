"""The parts of a `SubsetEvidence` that are said of single labels and of single errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: Letters of a label's short name, which figures and narrow tables use.
SHORT: Final = 26


@dataclass(frozen=True, slots=True)
class Counts:
    """What one label has in some frames, at one size.

    Attributes
    ----------
    pixels, frames, shapes
        `iddkit.statistics.LabelStatistics` has them; shapes are 0 where there are no polygons.
    share
        Mean over the labelled frames of its proportion in the frame's labelled pixels.
    pooled
        Its proportion in the labelled pixels of all frames together.
    presence
        Part of the frames that hold a pixel of it.
    """

    pixels: int
    frames: int
    shapes: int
    share: float
    pooled: float
    presence: float


@dataclass(frozen=True, slots=True)
class LabelEvidence:
    """One label of a level, in one split.

    Attributes
    ----------
    number, name, short, color
        Of the class; `short` is the name in at most `SHORT` letters; the colour is RGB, 0-255.
    source
        All frames at their own size.
    resized
        All frames at the size of the output: what the choice has to match.
    subset
        The chosen frames at the size of the output.
    share_error
        ``subset.share / resized.share - 1``; None for a label that no frame holds at the output's size.
    share_noise
        Standard error of the share of a random subset of this size, as a part of ``resized.share``
        (sampling without replacement); None as above.
    presence_error
        ``subset.presence - resized.presence``.
    presence_noise
        Standard error of the presence of a random subset of this size.
    resize_drift
        ``resized.share / source.share - 1``; None for a label that no frame holds.
    common
        At least `iddkit.subset.quality.HELD_BY` of the frames hold it at the output's size, so that its share is more
        than a matter of single frames.
    lost
        Frames of the source hold it, and none of the chosen ones does, at the size of the output.
    """

    number: int
    name: str
    short: str
    color: tuple[int, int, int]
    source: Counts
    resized: Counts
    subset: Counts
    share_error: float | None
    share_noise: float | None
    presence_error: float
    presence_noise: float
    resize_drift: float | None
    common: bool
    lost: bool

    @property
    def quoted(self) -> str:
        """The short name as it stands in a sentence: between quotes if it is several names, joined by commas."""
        return f'"{self.short}"' if "," in self.short else self.short


@dataclass(frozen=True, slots=True)
class LevelEvidence:
    """The labels of one level, in one split, in ascending order of their numbers.

    Attributes
    ----------
    level
        Of the label map.
    labels
        All classes of the level, also those that no frame holds.
    js
        Jensen-Shannon divergence of the shares of the chosen frames from those of all, in bits.
    js_resize
        The same of all frames at the output's size from all at their own: what resizing alone changed.
    """

    level: str
    labels: tuple[LabelEvidence, ...]
    js: float
    js_resize: float

    @property
    def worst_share(self) -> LabelEvidence | None:
        """The common label with the largest share error; None where no label is common."""
        common = [label for label in self.labels if label.common and label.share_error is not None]
        return max(common, key=lambda label: abs(label.share_error or 0.0), default=None)

    @property
    def worst_presence(self) -> LabelEvidence | None:
        """The label with the largest presence error."""
        return max(self.labels, key=lambda label: abs(label.presence_error), default=None)


@dataclass(frozen=True, slots=True)
class Measure:
    """One kind of error of the choice, among those of random subsets of the same size. Smaller is better.

    Attributes
    ----------
    name
        Key of the measure, as `iddkit.subset.quality` calls it.
    title
        What to call it in figures and tables.
    unit
        ``bits``, ``%`` (of the source's share), ``points`` (hundredths of all frames), or "".
    value
        Of the choice, in this unit.
    random
        Of random subsets, ascending.
    level
        Of the labels that it is an error of.
    label
        The label or the pair of labels that has the largest error, where that is the measure; else "".
    """

    name: str
    title: str
    unit: str
    value: float
    random: tuple[float, ...]
    level: str = ""
    label: str = ""

    @property
    def can_differ(self) -> bool:
        """Whether random subsets have an error: where they have none, there is nothing to be better than."""
        return bool(self.median)

    @property
    def beaten(self) -> int:
        """Number of random subsets whose error is larger."""
        return sum(other > self.value for other in self.random)

    @property
    def percentile(self) -> float | None:
        """Where the choice stands among the random subsets: 0 is better than all, 100 worse; ties count half."""
        if not self.random:
            return None
        below = sum(other < self.value for other in self.random)
        ties = len(self.random) - below - self.beaten
        return 100 * (below + ties / 2) / len(self.random)

    @property
    def median(self) -> float | None:
        """Median of the random subsets."""
        middle = len(self.random) // 2
        if not self.random:
            return None
        return (self.random[middle] + self.random[~middle]) / 2
