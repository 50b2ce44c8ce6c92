"""From shapes to label images: paint once, then look up.

`paint` draws a frame's shapes into one object-index image by a named fill rule. Every label image, instance
image and colour image of any level is a table lookup in it (`level_image`, `instance_image`).
"""

from iddkit.raster.lookup import instance_image, instance_numbers, level_image, level_numbers
from iddkit.raster.paint import FILLS, UNKNOWN, Dropped, Painted, Painting, default_fill, paint

__all__ = [
    "FILLS",
    "UNKNOWN",
    "Dropped",
    "Painted",
    "Painting",
    "default_fill",
    "instance_image",
    "instance_numbers",
    "level_image",
    "level_numbers",
    "paint",
]
