"""Options and parameter types that several commands share."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from pathlib import Path
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


class Resolution(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """``128x256``: height and width in pixels, in the order in which the published tables write resolutions.

    `Size` has the width first, as image programs write it. What networks are trained and scored at is published height
    first (Mishra 2024, Table 3.4: 128x256 for IDD-lite, 512x1024 for Cityscapes) and copied from there; turned round
    without a word, it would give another network input and another score. So these options keep the published order,
    their metavar is HxW, and every command that takes one states "height 128, width 256" in what it prints.
    """

    name = "HxW"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Return (width, height): the order that the code has everywhere."""
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"(\d{1,6})x(\d{1,6})", str(value).strip().lower())
        if found is None or "0" in (size := [str(int(n)) for n in found.groups()]):
            self.fail(f"{value!r} is no resolution; write height x width, as in 128x256", param, ctx)
        return int(size[1]), int(size[0])


#: The fill rules and the ways with unknown labels, as `iddkit.raster` has them (a test holds them together).
FILLS = ("cityscapes", "pillow", "labelme")
UNKNOWN = ("error", "void", "skip")

label_map = click.option(
    "--label-map", "label_map_name", metavar="MAP", help="Label map by name (idd, cityscapes) or path of a CSV file."
)
fill = click.option("--fill", type=click.Choice(FILLS), help="Fill rule.  [default: by format and map]")
unknown = click.option(
    "--unknown",
    type=click.Choice(UNKNOWN),
    default="error",
    help="What to do with unknown labels.",
    show_default=True,
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


def cache(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--cache FOLDER`` and ``--no-cache``: the command takes ``cache``, a `Path`, or None for no cache."""

    @click.option(
        "--cache",
        "cache_folder",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="FOLDER",
        help="Where the counts of each frame are kept.  [default: the user's cache folder]",
    )
    @click.option("--no-cache", is_flag=True, help="Read every frame anew, and keep nothing.")
    @functools.wraps(command)
    def with_cache(*arguments: Any, cache_folder: Path | None, no_cache: bool, **named: Any) -> Any:
        if no_cache and cache_folder is not None:
            raise click.UsageError("--cache and --no-cache: only one of them can hold")
        if not no_cache and cache_folder is None:
            from iddkit.statistics.cache import default_cache_folder

            cache_folder = default_cache_folder()
        return command(*arguments, cache=cache_folder, **named)

    return with_cache
