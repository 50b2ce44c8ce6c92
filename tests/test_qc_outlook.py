"""What remains of a sample: the words agree with what the plan decides when it comes so."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from iddkit.qc.acceptance import SamplingPlan, decide, look_out

PLANS = (
    SamplingPlan("fixed", n=12, c=2),
    SamplingPlan("fixed", n=12, c=0, curtailed=True),
    SamplingPlan("fixed", n=12, c=2, curtailed=True),
    SamplingPlan("sequential", aql="1%", rql="30%"),
)


@given(st.sampled_from(PLANS), st.lists(st.booleans(), max_size=12))
def test_what_would_decide_does(plan: SamplingPlan, flags: list[bool]) -> None:
    resolved = plan.resolve(60)
    flags = flags[: resolved.n]
    decision = decide(resolved, flags)
    outlook = look_out(resolved, decision)
    if decision.outcome != "continue":
        assert (outlook.needed, outlook.good_to_accept, outlook.bad_to_return) == (0, None, None)
        return
    assert outlook.needed == decision.needed == resolved.n - len(flags)
    good, bad = outlook.good_to_accept, outlook.bad_to_return
    if good is not None:
        assert decide(resolved, [*flags, *[False] * good]).outcome == "accept"
        assert decide(resolved, [*flags, *[False] * (good - 1)]).outcome == "continue"
    if bad is not None and not resolved.stops_early:
        left = resolved.n - len(flags)
        for many in range(left + 1):
            whole = [*flags, *[True] * many, *[False] * (left - many)]
            assert (decide(resolved, whole).outcome == "reject") == (many >= bad)
    elif bad is not None:
        assert decide(resolved, [*flags, *[True] * bad]).outcome == "reject"
        assert decide(resolved, [*flags, *[True] * (bad - 1)]).outcome == "continue"


def words(plan: SamplingPlan, *flags: bool) -> str:
    resolved = plan.resolve(60)
    return look_out(resolved, decide(resolved, flags)).words


def test_the_words_are_those_of_the_plan() -> None:
    whole, _, curtailed, sequential = PLANS
    assert words(whole) == "12 more images to look at; 3 more bad ones would return the batch"
    assert words(whole, *[True] * 2, *[False] * 9) == "1 more image to look at; 1 more bad one would return the batch"
    assert words(whole, *[True] * 3).endswith("the batch is then returned, whatever they are")
    assert words(whole, *[False] * 10).endswith("the batch is then accepted, whatever they are")
    assert words(curtailed, *[False] * 9).endswith("1 more good one would accept the batch, 3 more bad ones return it")
    assert (
        words(curtailed, *[True] * 3)
        == "nothing more to look at; the stage can be concluded, and the batch is returned"
    )
    assert "good ones in a row would accept the batch, " in words(sequential)
