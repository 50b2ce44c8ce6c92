"""What a dataset holds, counted frame by frame: pixels, frames and shapes of each label at every level.

`collect` reads a dataset into a `FrameTable`; its ``statistics(level)`` gives the `LabelStatistics` of all its frames.
"""

from iddkit.statistics.collect import Collection, collect
from iddkit.statistics.columns import classes
from iddkit.statistics.counts import LabelStatistics
from iddkit.statistics.summary import DatasetSummary, summarize
from iddkit.statistics.table import FrameTable, Sampled

__all__ = [
    "Collection",
    "DatasetSummary",
    "FrameTable",
    "LabelStatistics",
    "Sampled",
    "classes",
    "collect",
    "summarize",
]
