"""Agreement of two annotations of the same frames: neither is the truth.

>>> from iddkit import labels
>>> from iddkit.agreement import agree
>>> found = agree("by_asha", "by_bo", labels.load("idd"))   # doctest: +SKIP
>>> found.finest.measures["agreement"].value, found.frames[0].key   # doctest: +SKIP
(0.9731, 'val/3/004942')
"""

from iddkit.agreement.agreement import Agreement, FrameAgreement, LevelAgreement, Measure
from iddkit.agreement.boundary import boundary_iou
from iddkit.agreement.kappa import cohen_kappa
from iddkit.agreement.run import agree
from iddkit.agreement.summarize import Resampling
from iddkit.agreement.tally import Tally, tally_pair

__all__ = [
    "Agreement",
    "FrameAgreement",
    "LevelAgreement",
    "Measure",
    "Resampling",
    "Tally",
    "agree",
    "boundary_iou",
    "cohen_kappa",
    "tally_pair",
]
