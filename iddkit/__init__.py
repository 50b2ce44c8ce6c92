"""iddkit: from annotators' polygons to a validated small driving-scene dataset.

The package is imported by parts (``from iddkit import labels, formats, groundtruth``), so that a
script that reads one polygon file pays for nothing else.
"""

__version__ = "0.1.0"
