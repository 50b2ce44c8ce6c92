"""Frames: which files of a dataset belong together, and the ordered list of them that every command reads.

>>> from iddkit.frames import scan
>>> index = scan("/data/IDD")                       # doctest: +SKIP
>>> index.layout, len(index.frames)                 # doctest: +SKIP
('idd', 10003)
>>> index.root / index.frames[0].annotation         # doctest: +SKIP
PosixPath('/data/IDD/gtFine/test/0/000000_gtFine_polygons.json')

`scan` looks at a folder, `read_csv` and `write_csv` keep an index as a table, `find_image` looks for the image
of one annotation file.
"""

from iddkit.frames.image import find_image
from iddkit.frames.index import (
    DATASET,
    DEPTH,
    DUPLICATE,
    FOLDER,
    LINK,
    NAME,
    NO_ANNOTATION,
    NO_IMAGE,
    UNREADABLE,
    Frame,
    FrameProblem,
    Index,
    natural_order,
)
from iddkit.frames.layout import IMAGE_SUFFIXES, LAYOUTS, Layout, locate
from iddkit.frames.scan import scan
from iddkit.frames.table import encode_csv, read_csv, write_csv

__all__ = [
    "DATASET",
    "DEPTH",
    "DUPLICATE",
    "FOLDER",
    "IMAGE_SUFFIXES",
    "LAYOUTS",
    "LINK",
    "NAME",
    "NO_ANNOTATION",
    "NO_IMAGE",
    "UNREADABLE",
    "Frame",
    "FrameProblem",
    "Index",
    "Layout",
    "encode_csv",
    "find_image",
    "locate",
    "natural_order",
    "read_csv",
    "scan",
    "write_csv",
]
