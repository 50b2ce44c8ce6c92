from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from iddkit.cli.qc.plan_options import RULES, make_plan, parse_plan, plan_text
from iddkit.errors import OptionError
from iddkit.qc.acceptance import SamplingPlan, accept_probability
from iddkit.qc.queue.project import PLAN3, PLAN4
from iddkit.reporting.figure import Drawing, render, styled
from iddkit.reporting.qc_plan_figure import draw_oc_curve
from tests.qc_commands import call, do, refused


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# --- plans in a line


plans = st.one_of(
    st.builds(
        lambda n, c, curtailed, bad: SamplingPlan("fixed", n=n + c, c=c, curtailed=curtailed, bad_from=bad),
        st.integers(1, 500),
        st.integers(0, 20),
        st.booleans(),
        st.sampled_from(["critical", "major", "minor"]),
    ),
    st.builds(
        lambda kind, low, high: SamplingPlan(kind, aql=f"{low}%", rql=f"{low + high}%"),
        st.sampled_from(["two-point", "sequential"]),
        st.integers(0, 20),
        st.integers(1, 20),
    ),
    st.builds(
        lambda part, rate: SamplingPlan("fraction", fraction=f"{part}%", pass_rate=f"{rate}%"),
        *[st.integers(1, 100)] * 2,
    ),
    st.builds(lambda part: SamplingPlan("zero-defect", fraction=f"1/{part}"), st.integers(1, 30)),
)


@given(plans)
def test_a_plan_comes_back_from_its_line(plan: SamplingPlan) -> None:
    assert parse_plan(plan_text(plan.to_json())) == plan


@given(st.text(max_size=60))
def test_any_line_is_a_plan_or_a_problem_that_a_user_can_mend(text: str) -> None:
    with contextlib.suppress(OptionError):
        assert isinstance(parse_plan(text), SamplingPlan)


def test_the_named_rules_are_those_of_a_new_project() -> None:
    assert RULES["thesis"] == PLAN3
    assert RULES["qc4"] == PLAN4


def test_no_option_is_no_plan_and_zero_is_one() -> None:
    assert make_plan() is None
    assert make_plan(n=10, c=0) == SamplingPlan("fixed", n=10, c=0)
    assert call("plan", "--size", "50", "--c", "0").code == 1  # n is missing


# --- what a plan promises


@pytest.mark.parametrize(("size", "expected"), [(1000, (128, 3)), (200, (89, 2)), (50, (27, 0))])
def test_the_smallest_plan_for_two_points_is_found(size: int, expected: tuple[int, int]) -> None:
    said = do("plan", "--size", size, "--aql", "1%", "--rql", "0.05", "--json").json
    assert (said["n"], said["c"]) == expected
    assert said["producer_risk"] <= 0.05
    assert said["consumer_risk"] <= 0.10


def test_a_lot_without_end_gives_the_plan_of_acceptance_sampling_in_r() -> None:
    # find.plan(PRP=c(.05,.95), CRP=c(.15,.075), type="binom") is n=80, c=7.
    said = do("plan", "--aql", "5%", "--rql", "15%", "--consumer-risk", "7.5%", "--json").json
    assert (said["n"], said["c"], said["size"], said["bounds"]) == (80, 7, None, [])
    assert "look at 80 images; accept with at most 7 bad" in do("plan", "--n", "80", "--c", "7").out


@pytest.mark.parametrize(("size", "bad", "share"), [(50, 11, "22.0"), (200, 12, "6.0"), (1000, 13, "1.3")])
def test_the_thesis_rule_is_shown_where_nothing_is_said(size: int, bad: int, share: str) -> None:
    said = do("plan", "--size", size)
    assert f"look at {size // 5} of {size} images" in said.out
    assert f"after 0 bad among {size // 5}: at most {bad} of {size} are bad ({share} %), at 95 % confidence" in said.out


def test_the_curve_is_that_of_the_arithmetic() -> None:
    said = do("plan", "--size", "200", "--n", "40", "--c", "1", "--sensitivity", "70%", "--json").json
    assert said["sensitivity"] == 0.7
    assert len(said["curve"]) > 20
    for point in said["curve"]:
        expected = accept_probability(200, 40, 1, point["bad"], sensitivity="0.7")
        assert point["p_accept"] == pytest.approx(expected, abs=1e-12)


def test_reviewers_who_miss_something_weaken_a_plan_but_not_its_bounds() -> None:
    perfect, others = (do("plan", "--size", "1000", *more) for more in ((), ("--sensitivity", "0.7")))
    assert "count on reviewers who miss no bad image" in others.err
    assert not perfect.err
    rows = [
        next(row for row in said.out.splitlines() if row.split()[:2] == ["50", "5.00"]) for said in (perfect, others)
    ]
    # P(accept | 5 % bad, N = 1000): 0.016 and 0.149.
    assert [row.split()[2] for row in rows] == ["1.64", "14.85"]


def test_a_sequential_plan_looks_at_fewer_images() -> None:
    said = do("plan", "--size", "1000", "--aql", "1%", "--rql", "5%", "--sequential", "--json").json
    assert said["plan"]["kind"] == "sequential"
    assert min(point["average_looks"] for point in said["curve"]) < 128
    assert "one after the other" in do("plan", "--size", "1000", "--plan", "sequential aql=1% rql=5%").out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--aql", "5%", "--rql", "1%"), "has to be below the RQL"),
        (("--aql", "1%"), "RQL is missing"),
        (("--size", "10", "--n", "20", "--c", "0"), "cannot be drawn from a batch of 10"),
        (("--rule", "thesis"), "needs the size of the batch"),
        (("--size", "10", "--rule", "thesis", "--sequential"), "two plans"),
        (("--size", "10", "--sensitivity", "2"), "the sensitivity is '2'"),
        (("--size", "10", "--confidence", "100%"), "a confidence of 100% cannot be"),
    ],
)
def test_what_cannot_be_planned_is_one_line(arguments: tuple[str, ...], problem: str) -> None:
    assert problem in refused("plan", *arguments)


# --- the picture


def picture(plan: SamplingPlan, size: int | None, **more: Any) -> Drawing:
    with styled():
        return render(draw_oc_curve(plan.resolve(size), **more))


def test_the_curve_is_drawn_into_a_file() -> None:
    do("plan", "--size", "200", "--plot", "oc.png")
    with Image.open("oc.png") as image:
        assert image.width > 1000
    do("plan", "--size", "200", "--plot", "oc.svg")
    assert Path("oc.svg").read_text().startswith("<?xml")
    assert "is there already" in call("plan", "--size", "300", "--plot", "oc.png").err
    do("plan", "--size", "300", "--plot", "oc.png", "--overwrite")
    assert call("plan", "--size", "300", "--plot", "oc.pdf").code == 2


def test_the_picture_is_the_same_every_time_and_another_of_another_plan() -> None:
    thesis = SamplingPlan("fraction")
    assert picture(thesis, 200) == picture(thesis, 200)
    assert picture(thesis, 200).png != picture(SamplingPlan("zero-defect", fraction="0.1"), 200).png


def test_reviewers_who_miss_something_have_a_second_curve() -> None:
    plan = SamplingPlan("fixed", n=40, c=1)

    def colors(drawing: Drawing) -> set[Any]:
        found = Image.open(io.BytesIO(drawing.png)).convert("RGB").getcolors(2**24)
        return {color for count, color in found or [] if count > 200}

    grey = (201, 206, 213)
    assert grey not in colors(picture(plan, 200))
    assert grey in colors(picture(plan, 200, sensitivity="0.5"))


@pytest.mark.parametrize(
    "plan", [SamplingPlan("two-point", aql="1%", rql="5%"), SamplingPlan("sequential", aql="1%", rql="5%")]
)
@pytest.mark.parametrize("size", [7, 1000, None])
def test_every_kind_of_plan_has_a_picture(plan: SamplingPlan, size: int | None) -> None:
    assert picture(plan, size).height > 200


def test_words_at_the_end_of_a_curve_are_on_the_sheet() -> None:
    for plan, size in ((SamplingPlan("fixed", n=1, c=0), 2), (SamplingPlan("fixed", n=200, c=190), 200)):
        pixels = np.asarray(Image.open(io.BytesIO(picture(plan, size).png)).convert("L"))
        assert (pixels[:, -8:] == 255).all()


def test_a_plan_that_accepts_everything_has_a_picture() -> None:
    assert picture(SamplingPlan("fixed", n=2, c=1), 1000).height > 200
    assert picture(SamplingPlan("fixed", n=1, c=0), 1).height > 200
