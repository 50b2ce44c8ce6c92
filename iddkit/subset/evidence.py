"""`SubsetEvidence`: every number that is said of a derived dataset, in one value.

Report, tables, card and manifest are written from it, so that they cannot disagree. Numbers are rounded to
`DIGITS` significant digits, which hides the last bit in which machines differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from iddkit.subset.label_evidence import SHORT, Counts, LabelEvidence, LevelEvidence, Measure

__all__ = [
    "DIGITS",
    "MOST_FOREIGN",
    "SHORT",
    "Counts",
    "DatasetEvidence",
    "LabelEvidence",
    "LevelEvidence",
    "LostLabel",
    "Measure",
    "SampleFrame",
    "SequenceEvidence",
    "SplitEvidence",
    "SubsetEvidence",
]

#: Significant digits of every fraction that the evidence holds.
DIGITS: Final = 9

#: A dataset with more of its labelled pixels under labels of its own cannot be compared label by label.
MOST_FOREIGN: Final = 0.5


@dataclass(frozen=True, slots=True)
class SequenceEvidence:
    """Frames of a drive, and how many of them were chosen."""

    name: str
    frames: int
    chosen: int


@dataclass(frozen=True, slots=True)
class SplitEvidence:
    """One split of the source from which frames were chosen.

    Attributes
    ----------
    name
        Of the split; "" in a dataset without splits.
    frames, chosen
        Labelled frames of the source, and how many of them were chosen.
    sequences
        In the order of the source.
    levels
        The level of the counts and the coarser ones, fine to coarse; then that of the output, if it is none of them.
    pairs, pairs_chosen
        Part of the frames (all, chosen) that hold both of two labels of `SubsetEvidence.presence_level`: a row for each
        label, with as many columns; presence on the diagonal.
    layout, layout_chosen
        Mean over the frames (all, chosen) of each label's share in 4 x 4 cells, by rows from the top left: a row for
        each label of the output's level.
    measures
        Errors of the choice among those of random subsets: of the labels of the output's level, then of the finest one.
    """

    name: str
    frames: int
    chosen: int
    sequences: tuple[SequenceEvidence, ...]
    levels: tuple[LevelEvidence, ...]
    pairs: tuple[tuple[float, ...], ...]
    pairs_chosen: tuple[tuple[float, ...], ...]
    layout: tuple[tuple[float, ...], ...]
    layout_chosen: tuple[tuple[float, ...], ...]
    measures: tuple[Measure, ...] = ()

    def level(self, name: str) -> LevelEvidence:
        """Return the labels of one level."""
        return next(level for level in self.levels if level.level == name)

    def measured(self, level: str) -> tuple[Measure, ...]:
        """Return the measures of one level that random subsets have an error in."""
        return tuple(measure for measure in self.measures if measure.level == level and measure.can_differ)

    def has_fixed_presence(self, level: str) -> bool:
        """Return whether each label of a level is in so many of the frames, or so few, that a subset hardly differs.

        Those that have it, or those that have it not, are less than one frame in a random subset of this size.
        """
        presences = [label.resized.presence for label in self.level(level).labels]
        return all(min(part, 1 - part) * self.chosen < 1 for part in presences)


@dataclass(frozen=True, slots=True)
class LostLabel:
    """A label that frames of a split hold in the source, and none of the chosen ones does."""

    split: str
    label: LabelEvidence

    def __str__(self) -> str:
        return f"{self.label.quoted} ({self.split})" if self.split else self.label.quoted


@dataclass(frozen=True, slots=True)
class DatasetEvidence:
    """One dataset beside others: its row of Mishra 2024, Table 3.3, and its bars of Figs 3.6 and 3.7.

    Attributes
    ----------
    name
        As the report calls it.
    height, width
        Mean of the frames' sizes in pixels.
    annotated
        Labelled pixels.
    images
        Split to the number of labelled frames, by name; "" where there are no splits.
    unlabelled
        Split to the number of images without labels.
    sequences
        Drives with a labelled frame.
    bytes
        Of its image, annotation and label files; None where it is not known.
    level, labels
        Level of its labels, and how many of them a frame holds.
    shares
        Share of each label of the output's level (`Counts.share`); None: the dataset's label map has no such label.
    pixels
        Pixels of each label of the output's level, in the same way.
    foreign
        Part of its labelled pixels whose label the output's level does not have.
    """

    name: str
    height: float
    width: float
    annotated: int
    images: dict[str, int]
    unlabelled: dict[str, int]
    sequences: int
    bytes: int | None
    level: str
    labels: int
    shares: tuple[float | None, ...]
    pixels: tuple[int | None, ...]
    foreign: float


@dataclass(frozen=True, slots=True)
class SampleFrame:
    """A frame of the derived dataset to show: its files relative to the dataset's folder."""

    key: str
    image: str
    labels: str


@dataclass(frozen=True, slots=True)
class SubsetEvidence:
    """What a derived dataset is, and how near to its source.

    Attributes
    ----------
    name, license
        Of the derived dataset; the licence is "" where the user has not said.
    level
        Of its label images.
    datasets
        The source, the derived dataset, then others to show beside them. Bars of the source are of the splits from
        which frames were chosen.
    splits
        Those from which frames were chosen.
    presence_level
        The level at which presence and pairs are shown: the output's, or the finest where nothing could differ at the
        output's (`SplitEvidence.has_fixed_presence`).
    plan
        `SubsetPlan.settings`, a list of frames as their number.
    command
        What a user types to make it again, or "".
    failures
        Frames of the source that could not be read, one line each: they were left out of everything.
    samples
        Some frames to look at.
    made_by
        iddkit and its version.
    notes
        What else a reader should know, a sentence each.
    """

    name: str
    license: str
    level: str
    datasets: tuple[DatasetEvidence, ...]
    splits: tuple[SplitEvidence, ...]
    presence_level: str
    plan: dict[str, Any]
    command: str = ""
    failures: tuple[str, ...] = ()
    samples: tuple[SampleFrame, ...] = ()
    made_by: str = ""
    notes: tuple[str, ...] = ()

    @property
    def source(self) -> DatasetEvidence:
        """The dataset that the frames come from."""
        return self.datasets[0]

    @property
    def derived(self) -> DatasetEvidence:
        """The derived dataset."""
        return self.datasets[1]

    @property
    def compared(self) -> tuple[DatasetEvidence, ...]:
        """The datasets whose labels the output's level has, for the most part: those that figures show."""
        return tuple(d for place, d in enumerate(self.datasets) if place < 2 or d.foreign <= MOST_FOREIGN)

    @property
    def frames(self) -> int:
        """Labelled frames of the source in the splits that were chosen from."""
        return sum(split.frames for split in self.splits)

    @property
    def chosen(self) -> int:
        """Chosen frames."""
        return sum(split.chosen for split in self.splits)

    @property
    def finest(self) -> str:
        """The finest level that the source's labels are of."""
        return self.splits[0].levels[0].level if self.splits else self.level

    def lost(self) -> dict[str, tuple[LostLabel, ...]]:
        """Return, by level, what splits lost: labels that their frames hold at the source's size, and no chosen one.

        The output's level comes first, then the others, fine to coarse.
        """
        names = [level.level for level in self.splits[0].levels] if self.splits else []
        return {
            name: tuple(
                LostLabel(split.name, label)
                for split in self.splits
                for label in split.level(name).labels
                if label.lost
            )
            for name in sorted(names, key=lambda name: name != self.level)
        }

    def summary(self) -> dict[str, Any]:
        """Return what a manifest is to hold, as JSON values: no matrices, and random subsets as a few numbers."""
        document = self.to_json()
        for split, its in zip(document["splits"], self.splits, strict=True):
            for name in ("pairs", "pairs_chosen", "layout", "layout_chosen"):
                del split[name]
            for values, measure in zip(split["measures"], its.measures, strict=True):
                values["random"] = {
                    "best": measure.random[0] if measure.random else None,
                    "median": measure.median,
                    "worst": measure.random[-1] if measure.random else None,
                    "beaten": measure.beaten,
                    "of": len(measure.random),
                }
        return document

    def to_json(self) -> dict[str, Any]:
        """Return the evidence as JSON values; `from_json` makes the same evidence of them."""
        import msgspec

        built: dict[str, Any] = msgspec.to_builtins(self)
        return built

    @classmethod
    def from_json(cls, document: Any) -> SubsetEvidence:
        """Return the evidence of which `to_json` gave the values.

        Raises
        ------
        msgspec.ValidationError
            It is no such document.
        """
        import msgspec

        return msgspec.convert(document, cls)
