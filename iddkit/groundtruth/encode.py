"""Every product of a painted frame as a PNG file."""

from __future__ import annotations

from typing import Any

import numpy as np

from iddkit import images
from iddkit.groundtruth.plan import Plan, Product
from iddkit.panoptic import segment
from iddkit.raster import Painting, instance_numbers, level_numbers


def encode(painting: Painting, plan: Plan) -> tuple[dict[Product, bytes], tuple[dict[str, Any], ...]]:
    """Return the PNG file of each product of `plan`, and the panoptic segments (none without such a product).

    Raises
    ------
    RasterError
        As `iddkit.raster.instance_numbers`.
    """
    label_map = plan.label_map
    height, width = painting.index.shape
    # Compressing is most of the work. Levels with equal numbers share it, and so does the colour image, which is the
    # id image with a palette.
    compressed: dict[bytes, bytes] = {}
    encoded: dict[Product, bytes] = {}
    segments: tuple[dict[str, Any], ...] = ()
    for product in plan.products:
        palette = None
        if product.kind == "instance":
            numbers = instance_numbers(painting, label_map, product.level)
            table, bits = numbers.astype(">u2").view(np.uint8).reshape(-1, 2), 16
        elif product.kind == "panoptic":
            panoptic = segment(painting, label_map, product.level)
            table, bits, segments = panoptic.colors, 8, panoptic.segments
        else:
            table, bits = level_numbers(painting, label_map, product.level).astype(np.uint8)[:, None], 8
            palette = label_map.palette(product.level) if product.kind == "color" else None
        key = table.tobytes()
        if key not in compressed:
            compressed[key] = images.compress_rows(painting.seams.png_rows(table), table.shape[1])
        channels = table.shape[1] * 8 // bits
        encoded[product] = images.assemble_png(
            width, height, compressed[key], bits=bits, channels=channels, palette=palette
        )
    return encoded, segments
