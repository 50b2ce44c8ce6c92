"""The command that makes a plan: what a report says to a reader who wants the same dataset."""

from __future__ import annotations

import shlex
from fractions import Fraction

from iddkit.subset import SubsetPlan


def command_of(plan: SubsetPlan) -> str:
    """Return the command line of a plan, with SOURCE and OUT for the folders.

    Examples
    --------
    >>> command_of(SubsetPlan(factor=Fraction(10), longest_side=320, name="idd_lite"))
    'iddkit subset SOURCE OUT --factor 10 --level level1 --longest-side 320 --label-map idd --name idd_lite'
    """
    default = SubsetPlan(factor=Fraction(1))
    words = ["iddkit", "subset", "SOURCE", "OUT"]

    def add(option: str, value: object, usual: object = None) -> None:
        if value != usual:
            words.extend((option, str(value)))

    if plan.frames is not None:
        add("--from", "FRAMES.csv")
    elif plan.factor is not None:
        add("--factor", plan.factor)
    if plan.counts and plan.frames is None:
        add("--count", ",".join(f"{split}={count}" if split else str(count) for split, count in plan.counts.items()))
    add("--level", plan.level)
    add("--longest-side", plan.longest_side)
    add("--size", None if plan.size is None else "{}x{}".format(*plan.size))
    add("--label-map", plan.label_map.name)
    if plan.frames is None:
        add("--method", plan.method, default.method)
        add("--seed", plan.seed, default.seed)
    add("--layout", plan.layout, default.layout)
    add("--image-format", plan.image_format, default.image_format)
    if plan.image_format == "jpeg":
        add("--quality", plan.quality, default.quality)
    add("--fill", plan.fill, default.fill)
    add("--unknown", plan.unknown, default.unknown)
    words += ["--cover-all-sequences"] * (plan.cover_sequences and plan.frames is None) + [
        "--with-unlabelled"
    ] * plan.unlabelled
    add("--name", plan.name, default.name)
    add("--license", plan.license, default.license)
    return shlex.join(words)
