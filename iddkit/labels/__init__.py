"""Labels, their numbers at every level of the hierarchy, and the tables made of them.

A label map is a CSV file; ``label_maps/README.md`` explains each column. A column ``<level>_id`` is a
numbering, so a new level is a new column and not new code.
"""

from iddkit.labels.label_map import ID, VOID, Category, Label, LabelMap, nests
from iddkit.labels.parse import load, names, parse

__all__ = ["ID", "VOID", "Category", "Label", "LabelMap", "load", "names", "nests", "parse"]
