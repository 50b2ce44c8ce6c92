from __future__ import annotations

import shlex
from fractions import Fraction
from typing import Any

import click
from hypothesis import given
from hypothesis import strategies as st

from iddkit import labels
from iddkit.cli.subset import subset
from iddkit.derivation.command import command_of
from iddkit.images import OutputSize
from iddkit.subset.plan import IMAGE_FORMATS, METHODS, OUTPUT_LAYOUTS, SubsetPlan

SIZES = st.one_of(
    st.just(OutputSize()),
    st.integers(1, 999).map(lambda side: OutputSize(longest_side=side)),
    st.tuples(st.integers(1, 999), st.integers(1, 999)).map(lambda size: OutputSize(size=size)),
)
COUNTS = st.one_of(
    st.dictionaries(st.sampled_from(["train", "val", "my split"]), st.integers(0, 99)),
    st.integers(0, 99).map(lambda count: {"": count}),
)


@st.composite
def plans(draw: st.DrawFn) -> SubsetPlan:
    size, name = draw(SIZES), draw(st.sampled_from(["idd", "cityscapes"]))
    return SubsetPlan(
        label_map=labels.load(name),
        level=draw(st.sampled_from(labels.load(name).levels)),
        factor=draw(st.fractions(1, 99, max_denominator=99)),
        counts=draw(COUNTS),
        longest_side=size.longest_side,
        size=size.size,
        method=draw(st.sampled_from(METHODS)),
        seed=draw(st.integers(0, 9)),
        cover_sequences=draw(st.booleans()),
        unlabelled=draw(st.booleans()),
        layout=draw(st.sampled_from(OUTPUT_LAYOUTS)),
        image_format=draw(st.sampled_from([*IMAGE_FORMATS])),
        quality=draw(st.integers(1, 100)),
        fill=draw(st.sampled_from([None, "cityscapes", "pillow", "labelme"])),
        unknown=draw(st.sampled_from(["error", "void", "skip"])),
        name=draw(st.sampled_from(["subset", "my set", "it's"])),
        license=draw(st.sampled_from(["", "CC BY 4.0"])),
    )


def parse(command: str) -> dict[str, Any]:
    """Return what the command line makes of a command, as fields of a plan."""
    program, name, *arguments = shlex.split(command)
    assert (program, name) == ("iddkit", "subset")
    with click.Context(subset) as parent:
        given = subset.make_context(name, arguments, parent=parent).params
    given["label_map"] = labels.load(given.pop("label_map_name"))
    fields = SubsetPlan.__dataclass_fields__
    return {field: value for field, value in given.items() if field in fields and value is not None}


@given(plans())
def test_the_command_of_a_plan_makes_that_plan(plan: SubsetPlan) -> None:
    assert SubsetPlan(**parse(command_of(plan))).settings() == plan.settings()


def test_a_list_of_frames_stands_instead_of_the_number_of_frames() -> None:
    command = command_of(SubsetPlan(frames=("train/0/a",), factor=Fraction(2), counts={"val": 3}))
    assert command == "iddkit subset SOURCE OUT --from FRAMES.csv --level level1 --label-map idd"
