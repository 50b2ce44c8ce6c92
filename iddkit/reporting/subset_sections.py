"""The parts of a derived dataset's report, in order: headings, how to read them, figures, tables, and the glossary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from iddkit.reporting.subset_tables import BY_SPLIT, name_of
from iddkit.reporting.subset_words import measured_levels, presence_sentence
from iddkit.subset.evidence import SubsetEvidence
from iddkit.subset.quality import HELD_BY


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report.

    Attributes
    ----------
    name, title
        Anchor and heading.
    reading
        How to read what follows, in a few sentences.
    figures, tables
        By the names of `iddkit.reporting.figures.draw_figures` and `iddkit.reporting.subset_tables.make_tables`.
    folded
        The tables are shown on demand.
    """

    name: str
    title: str
    reading: str
    figures: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    folded: bool = False


_SECTIONS: Final = (
    Section(
        "datasets",
        "The datasets side by side",
        """As dataset papers state it (Mishra 2024, Table 3.3). Annotated pixels are those with a label. Labels are
        those of the level that is named which at least one frame holds.""",
        tables=("datasets",),
    ),
    Section(
        "random",
        "Beside random subsets",
        """Each grey dot is one random subset of the same size; the diamond is this one. The farther left, the nearer
        to the source; 1 is the median random subset. Label shares alone can be matched by average-looking frames,
        so presence, layout and feature distance stand beside them as guards. The errors are those of the labels of
        {levels}, at the subset's image size. {presence}""",
        ("random",),
        ("random",),
    ),
    Section(
        "shares",
        "Proportion of labels",
        """The most frequent label of the source comes first. {bars} of a label should be equally long (Mishra
        2024, Fig 3.6); on the log scale, where rare labels can be seen, the diamond should lie inside the
        grey disc. The source is shown at the subset's image size.""",
        ("shares",),
        ("shares",),
    ),
    Section(
        "pixels",
        "Annotated pixels",
        """Pixels of each label, each dataset at its own image size, on a log scale (Mishra 2024, Fig 3.7). Fewer and
        smaller images have fewer pixels; the distance from the source's dot to the subset's should be the same for
        all labels.""",
        ("pixels",),
        ("pixels",),
        folded=True,
    ),
    Section(
        "share-errors",
        "Share error of each label",
        """The dot is the error of this subset; zero is best. The grey bar spans two standard errors of a random subset
        of the same size to each side, as the table's columns '± 2 s.e.' do: about 95 % of them lie inside.""",
        ("share_errors",),
        ("errors",),
    ),
    Section(
        "presence-errors",
        "Presence error of each label",
        """The same for the part of the frames that hold a label, at {presence_level}. {presence} The numbers are in the
        table {where}.""",
        ("presence_errors",),
        ("presence",),
    ),
    Section(
        "levels",
        "Every level, and labels left out",
        """The errors at each level of the label hierarchy, fine to coarse. Below them are the labels that frames of a
        split hold in the source, at its own image size, and none of its chosen frames does.""",
        tables=("levels", "lost"),
    ),
    Section(
        "drift",
        "Drift by resizing and by choosing",
        """Two changes of each label's share, one after the other: the open diamond is what resizing all frames of the
        source changed, the dot what choosing some of them changed.""",
        ("drift",),
        ("drift",),
        folded=True,
    ),
    Section(
        "pairs",
        "Pairs of labels",
        """How often two labels of {presence_level} come in one frame. Left: each dot is a pair; on the line it is as
        frequent in the subset as in the source. Right: the difference, pair by pair; pale is good: the scale goes to
        two frames of the subset at least. The table begins with the largest differences.""",
        ("pairs",),
        ("pairs",),
        folded=True,
    ),
    Section(
        "layout",
        "Layout",
        """Where in the image labels lie: mean share of each cell in per cent, as one sees the image. The first two
        rows should look alike; the third is their difference, on one scale for all labels.""",
        ("layout",),
        ("layout",),
        folded=True,
    ),
    Section(
        "sequences",
        "Sequences",
        """Each dot is a sequence with frames in the subset, each cross one without. The grey bars are what the length
        of the sequence asks for; whole frames cannot come nearer to them than within one.""",
        ("sequences",),
        ("sequences",),
        folded=True,
    ),
)

# Figures that are drawn for each split, as the tables of `BY_SPLIT` are.
_FIGURES_BY_SPLIT = ("pairs", "layout")

_GLOSSARY: Final = f"""
frame: One image with its labels. A frame without any labelled pixel has no shares and counts in no mean of shares.

sequence: The frames of one drive, in order. A sequence stays whole in its split: train, val or test.

level: A numbering of the labels. Coarse levels (level1) group the labels of finer ones (level3, id). '+2' after the
names of labels stands for two more that share their number.

share: A label's part of the labelled pixels of one frame; of several frames, the mean of their shares, so that each
frame counts the same whatever its size. Void pixels belong to no label.

share error: The subset's share less the source's, in per cent of the source's, both at the subset's image size.

standard error (s.e.): The spread of a number over random subsets of the same size, drawn without replacement. About
95 % of them lie within two standard errors.

common label: One that at least {100 * HELD_BY:g} % of the source's frames hold. The share of a rarer one hangs on
single frames.

presence: The part of the frames in which a label has at least one pixel.

presence error: The subset's presence less the source's, in points: hundredths of the frames.

pair presence: The part of the frames that hold both of two labels.

layout: A label's share in each of 4 x 4 cells of the image, as the mean over the frames. The layout error is the sum
of the absolute differences over the labels, as the mean over the cells.

JS divergence: Jensen-Shannon divergence (Lin 1991) of the subset's label shares from the source's, in bits: 0 for
equal ones, 1 for datasets that have no label in common. It grows with the square of the differences.

feature distance (MMD): Maximum mean discrepancy (Gretton et al. 2012) with a Gaussian kernel on shares, layout and
colours of the frames. It is large for a subset of average-looking frames, even where their label shares are right.

random subset: As many frames drawn from the same split, all frames being equally likely: what one gets without care.

drift: The change of a label's share. Resizing changes it (thin objects lose pixels), and so does choosing some
frames.
"""


def sections(evidence: SubsetEvidence) -> tuple[Section, ...]:
    """Return the parts of the report that hold figures and tables, in order."""
    measured = any(split.measures for split in evidence.splits)

    has_presence = evidence.presence_level != evidence.level
    words = {
        "levels": " and, below them, of ".join(measured_levels(evidence)),
        "presence": presence_sentence(evidence),
        "presence_level": evidence.presence_level,
        "bars": "The two bars" if len(evidence.compared) == 2 else "The two upper bars",
        "where": "below" if has_presence else "above",
    }

    def spread(names: tuple[str, ...], kinds: tuple[str, ...]) -> tuple[str, ...]:
        found: list[str] = []
        for name in names:
            found += [name_of(name, split) for split in evidence.splits] if name in kinds else [name]
        return tuple(found)

    return tuple(
        Section(
            section.name,
            section.title,
            " ".join(section.reading.format_map(words).split()),
            spread(section.figures, _FIGURES_BY_SPLIT),
            spread(section.tables, BY_SPLIT) if has_presence or section.tables != ("presence",) else (),
            section.folded,
        )
        for section in _SECTIONS
        if measured or section.name != "random"
    )


def glossary() -> tuple[tuple[str, str], ...]:
    """Return the terms of the report with their definitions."""
    entries = (" ".join(entry.split()).partition(": ") for entry in _GLOSSARY.strip().split("\n\n"))
    return tuple((term, meaning) for term, _, meaning in entries)
