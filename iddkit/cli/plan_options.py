"""Options that make a `SubsetPlan`: what is not given is None, so that the recipe's value stands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import click

from iddkit.cli import options
from iddkit.errors import RecipeError
from iddkit.subset.plan import IMAGE_FORMATS, METHODS, OUTPUT_LAYOUTS
from iddkit.subset.recipe import parse_factor


class Factor(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """``10``, ``3.9``, ``39/10``: one frame of so many."""

    name = "NUMBER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        """Return the number as it was written."""
        try:
            return parse_factor(value)
        except RecipeError as error:
            self.fail(error.problem, param, ctx)


class SplitCounts(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """``train=673,val=110``, or ``100`` for a dataset without splits."""

    name = "SPLIT=N,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[tuple[str, int]]:
        """Return pairs of split, "" where there is none, and number of frames."""
        if isinstance(value, list):
            return value
        pairs = []
        for part in str(value).split(","):
            found = re.fullmatch(r"\s*(?:([^=,]*[^=,\s])\s*=)?\s*(\d{1,9})\s*", part, flags=re.ASCII)
            if found is None:
                self.fail(f"{part!r} is no count; write split=number, as in train=673,val=110", param, ctx)
            pairs.append((found[1] or "", int(found[2])))
        return pairs


def _merge_counts(context: click.Context, param: click.Parameter, values: Iterable[list[tuple[str, int]]]) -> Any:
    pairs = [pair for value in values for pair in value]
    counts = dict(pairs)
    if len(counts) < len(pairs):
        raise click.BadParameter("a split is named twice", context, param)
    if "" in counts and len(counts) > 1:
        raise click.BadParameter("a number without a split stands alone", context, param)
    return counts or None


#: Decorators, in the order of the help. The names of the parameters are the fields of `SubsetPlan`.
PLAN_OPTIONS = (
    click.option("--factor", type=Factor(), help="Choose one frame of so many, in each split."),
    click.option(
        "--count",
        "counts",
        type=SplitCounts(),
        multiple=True,
        callback=_merge_counts,
        help="Choose so many frames of these splits, whatever the factor; repeatable. A number alone is for a dataset "
        "without splits.",
    ),
    click.option(
        "--longest-side", type=int, metavar="PIXELS", help="Of the output; the aspect ratio is kept. Instead of a size."
    ),
    click.option(
        "--size", type=options.Size(), help="Of the output, whatever the source's. Instead of a longest side."
    ),
    click.option("--level", metavar="LEVEL", help="Level of the label images."),
    click.option(
        "--cover-all-sequences/--no-cover-all-sequences",
        "cover_sequences",
        default=None,
        help="At least one frame of each sequence, whatever it costs the label statistics.",
    ),
    click.option("--seed", type=int, help="Another seed is another choice."),
    click.option("--method", type=click.Choice(METHODS), help="How frames are chosen."),
    click.option("--layout", type=click.Choice(OUTPUT_LAYOUTS), help="Folders and file names of the output."),
    click.option("--image-format", type=click.Choice(tuple(IMAGE_FORMATS)), help="Of the images."),
    click.option("--quality", type=int, metavar="1-100", help="Of JPEG images."),
    click.option(
        "--with-unlabelled/--without-unlabelled",
        "unlabelled",
        default=None,
        help="Take along images without labels (a published test split), as many as the factor or the count says.",
    ),
    click.option("--fill", type=click.Choice(options.FILLS), help="Fill rule.  [default: by format and map]"),
    click.option("--unknown", type=click.Choice(options.UNKNOWN), help="What to do with unknown labels."),
    click.option("--name", help="Of the dataset, in its card and report."),
    click.option("--license", metavar="TEXT", help="That the card states."),
)
