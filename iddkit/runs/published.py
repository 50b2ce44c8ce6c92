"""What was published of networks on the datasets that iddkit derives, to stand beside what a run measured.

Source of all numbers: Mishra 2024 (T1), sections 3.5 to 3.7: Table 3.4 (mean IoU on the validation splits), Table 3.5
(run time on a Raspberry Pi 3B), Table 3.6 (challenges on the test split of IDD-lite), Fig 3.9 (training time).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

#: Where the scores, the run times and the results of challenges were published.
SCORES_SOURCE: Final = "Mishra 2024, Table 3.4"
SECONDS_SOURCE: Final = "Mishra 2024, Table 3.5"
CHALLENGES_SOURCE: Final = "Mishra 2024, Table 3.6"

#: Fig 3.9: on IDD-lite ERFNet passes this mean IoU on the validation split after so many seconds of training, on one
#: GPU with so many bytes of its memory.
EARLY_SCORE: Final = 0.50
EARLY_SECONDS: Final = 15 * 60.0
EARLY_BYTES: Final = 4 * 10**9
EARLY_SOURCE: Final = "Mishra 2024, Fig 3.9"

#: The machine of Table 3.5.
SECONDS_MACHINE: Final = "Raspberry Pi 3B"

#: Names of the registry (`iddkit.models`) to those of the tables. Others have no published score.
TITLES: Final[Mapping[str, str]] = MappingProxyType({"erfnet": "ERFNet", "drn": "DRN-d-22", "drn-d-22": "DRN-d-22"})


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge on the test split of a dataset: the mean IoU of its best entries, parts of 1, the best first.

    Entries ran with restricted memory, on a CPU, and in limited time.
    """

    name: str
    mean_ious: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Published:
    """What was published on one dataset.

    Attributes
    ----------
    dataset
        Its name: ``IDD-lite``.
    label_map, level
        By which its labels are numbered.
    labels
        How many there are, as Table 3.4 counts them: Cityscapes' 19 and void make 20.
    size
        Width and height at which images were validated.
    frames
        Training and validation images of its releases; the scores are of the first.
    mean_ious
        Network, as the table calls it, to mean IoU on the validation split, a part of 1.
    seconds
        Network to seconds for an image on a Raspberry Pi 3B. Its DRN-18 is not the DRN-d-22 of the scores.
    challenges
        On the test split, whose labels are not public.
    """

    dataset: str
    label_map: str
    level: str
    labels: int
    size: tuple[int, int]
    frames: tuple[tuple[int, int], ...]
    mean_ious: Mapping[str, float]
    seconds: Mapping[str, float]
    challenges: tuple[Challenge, ...] = ()

    def mean_iou_of(self, model: str) -> float | None:
        """Return the published mean IoU of a network of the registry, a part of 1; None if there is none.

        Examples
        --------
        >>> published_for("idd", "level1").mean_iou_of("erfnet")
        0.6614
        """
        return self.mean_ious.get(TITLES.get(model.lower(), ""))


def _row(
    dataset: str,
    numbering: tuple[str, str],
    labels: int,
    size: tuple[int, int],
    frames: tuple[tuple[int, int], ...],
    scores: tuple[float, float],
    seconds: tuple[float, float] | None = None,
    challenges: tuple[Challenge, ...] = (),
) -> Published:
    mean_ious = MappingProxyType(dict(zip(("ERFNet", "DRN-d-22"), scores, strict=True)))
    times = MappingProxyType(dict(zip(("ERFNet", "DRN-18"), seconds, strict=True) if seconds else ()))
    return Published(dataset, *numbering, labels, size, frames, mean_ious, times, challenges)


#: The rows of Table 3.4, in its order, with what else was published on the same dataset. Numbers of images are those of
#: section 3.4; IDD-lite was released once more, with 1,403 and 204.
PUBLISHED: Final = (
    _row("Cityscapes", ("cityscapes", "train"), 20, (1024, 512), ((2975, 500),), (0.7150, 0.6800)),
    _row("IDD", ("idd", "level3"), 26, (1024, 512), ((6993, 981),), (0.5540, 0.5224), (10.60, 95.94)),
    _row("IDD-mini", ("idd", "level2"), 16, (640, 480), ((1794, 253),), (0.5791, 0.5331), (5.99, 78.47)),
    _row(
        "IDD-lite",
        ("idd", "level1"),
        7,
        (256, 128),
        ((673, 110), (1403, 204)),
        (0.6614, 0.5503),
        (1.12, 56.61),
        (
            Challenge("ICCV 2019", (0.6185, 0.6072, 0.5911)),
            Challenge("NCVPRIPG 2019", (0.6276, 0.6245, 0.6167)),
        ),
    ),
)


def published_for(label_map: str, level: str) -> Published | None:
    """Return what was published on the dataset whose labels are of this level; None if nothing was.

    Parameters
    ----------
    label_map, level
        Names of a label map and of a level of it, the latter with or without ``_id``.

    Notes
    -----
    Table 3.4 gives sizes as height x width (480x640 for IDD-mini); here they are width and height, as everywhere.

    Examples
    --------
    >>> published_for("idd", "level2").size
    (640, 480)
    >>> published_for("idd", "id") is None
    True
    """
    numbering = label_map, level.removesuffix("_id")
    return next((row for row in PUBLISHED if (row.label_map, row.level) == numbering), None)
