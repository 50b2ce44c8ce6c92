"""Options and parameter types that several commands share."""

from __future__ import annotations

import os
import re
from typing import Any

import click


class Size(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """``320x227``: width and height in pixels."""

    name = "WxH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Return (width, height)."""
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"(\d{1,6})x(\d{1,6})", str(value).strip().lower())
        if found is None or "0" in (size := [str(int(n)) for n in found.groups()]):
            self.fail(f"{value!r} is no size; write width x height, as in 320x227", param, ctx)
        return int(size[0]), int(size[1])


#: The fill rules and the ways with unknown labels, as `iddkit.raster` has them (a test holds them together).
FILLS = ("cityscapes", "pillow", "labelme")
UNKNOWN = ("error", "void", "skip")

label_map = click.option(
    "--label-map", "label_map_name", metavar="MAP", help="Label map by name (idd, cityscapes) or path of a CSV file."
)
jobs = click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    default=lambda: len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1),
    show_default="one per processor",
    help="Worker processes.",
)
overwrite = click.option("--overwrite", is_flag=True, help="Replace files that are there already.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
