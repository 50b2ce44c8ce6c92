"""What remains until a sample decides, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass

from iddkit.qc.acceptance.decide import Decision
from iddkit.qc.acceptance.plans import ResolvedPlan


@dataclass(frozen=True, slots=True)
class Outlook:
    """What would decide on a batch.

    Attributes
    ----------
    needed
        Images that are still to be looked at, at most.
    good_to_accept
        So many more images, all of them good, would accept the batch; None if no number of them would.
    bad_to_return
        So many more bad ones would return it: of a sequential plan, if they come next. None if no number of them would.
    words
        The same in a sentence, without a full stop.
    """

    needed: int
    good_to_accept: int | None
    bad_to_return: int | None
    words: str


def look_out(resolved: ResolvedPlan, decision: Decision) -> Outlook:
    """Return what remains until a sample decides.

    Parameters
    ----------
    resolved
        The plan.
    decision
        What the verdicts so far say (`decide`).

    Examples
    --------
    >>> from iddkit.qc.acceptance import SamplingPlan, decide
    >>> plan = SamplingPlan("fixed", n=15, c=2).resolve(100)
    >>> look_out(plan, decide(plan, [False, True, False])).words
    '12 more images to look at; 2 more bad ones would return the batch'
    >>> plan = SamplingPlan("fixed", n=15, c=2, curtailed=True).resolve(100)
    >>> look_out(plan, decide(plan, [False, True, False])).words
    'at most 12 more images to look at; 11 more good ones would accept the batch, 2 more bad ones return it'
    """
    if decision.outcome != "continue":
        outcome = "passes" if decision.outcome == "accept" else "is returned"
        return Outlook(0, None, None, f"nothing more to look at; the stage can be concluded, and the batch {outcome}")
    look, bad, needed = decision.inspected, decision.bad, decision.needed
    steps = range(1, needed + 1)
    good = next((more for more in steps if bad <= resolved.acceptance_number(look + more)), None)
    if resolved.stops_early:
        worse = next((more for more in steps if bad + more >= resolved.rejection_number(look + more)), None)
    else:  # all are looked at, and it is their number that counts
        left = max(0, resolved.c + 1 - bad)
        worse = left if left <= needed else None
    return Outlook(needed, good, worse, _say(resolved, needed, good, worse))


def _say(resolved: ResolvedPlan, needed: int, good: int | None, worse: int | None) -> str:
    many = f"{needed} more image{'' if needed == 1 else 's'} to look at"
    if not resolved.stops_early:
        if worse is None:
            return f"{many}; the batch is then accepted, whatever they are"
        if not worse:
            return f"{many}; the batch is then returned, whatever they are"
        return f"{many}; {worse} more bad {_ones(worse)} would return the batch"
    each = "in a row" if resolved.lines is not None else "more"
    said = [f"{good} {_order(each, 'good', good)} would accept the batch"] if good is not None else []
    if worse is not None:
        said.append(f"{worse} {_order(each, 'bad', worse)} {'return it' if said else 'would return the batch'}")
    return f"at most {many}; {', '.join(said)}"


def _order(each: str, kind: str, count: int) -> str:
    return f"more {kind} {_ones(count)}" if each == "more" else f"{kind} {_ones(count)} {each}"


def _ones(count: int) -> str:
    return "one" if count == 1 else "ones"
