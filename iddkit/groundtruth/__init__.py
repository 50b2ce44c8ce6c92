"""Ground truth on disk: polygon files in, label, instance, colour and panoptic images out.

`rasterize` runs over an index of frames; `rasterize_frame` is the work on one of them.
"""

from iddkit.groundtruth.frame import FrameResult, Task, rasterize_frame
from iddkit.groundtruth.ledger import Ledger
from iddkit.groundtruth.plan import Plan, Product, make_plan
from iddkit.groundtruth.record import Record
from iddkit.groundtruth.run import Report, rasterize

__all__ = [
    "FrameResult",
    "Ledger",
    "Plan",
    "Product",
    "Record",
    "Report",
    "Task",
    "make_plan",
    "rasterize",
    "rasterize_frame",
]
