"""Converting annotation files from one format into another, one by one or a whole tree.

>>> from iddkit.conversion import convert
>>> report = convert("Annotations", "converted", "labelme-json")    # doctest: +SKIP
>>> report.objects, report.converted, len(report.listed)            # doctest: +SKIP
(1204, 1201, 3)
"""

from iddkit.conversion.report import ConversionReport, Listed
from iddkit.conversion.run import convert
from iddkit.conversion.sources import TARGETS

__all__ = ["TARGETS", "ConversionReport", "Listed", "convert"]
