"""What the verdicts so far say of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from iddkit.errors import OptionError
from iddkit.qc.acceptance.plans import ResolvedPlan

Outcome = Literal["accept", "reject", "continue"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done with a batch.

    Attributes
    ----------
    outcome
        ``accept``, ``reject`` or ``continue``.
    inspected
        Verdicts that it rests on. Verdicts beyond the one that decided do not count.
    bad
        Bad images among these.
    needed
        Images that are still to be looked at, at most; 0 when it is decided.
    reason
        The same in words, without a full stop.
    """

    outcome: Outcome
    inspected: int
    bad: int
    needed: int
    reason: str


def decide(resolved: ResolvedPlan, bad_flags: Sequence[bool]) -> Decision:
    """Decide on a batch, or say that more images are to be looked at.

    Parameters
    ----------
    resolved
        The plan.
    bad_flags
        Whether the first, second, ... image of the sealed sample is bad; no image left out. The order matters to
        sequential plans: with verdicts out of order, only those before the first gap can be given.

    Returns
    -------
    Decision
        A curtailed plan's is that of the whole sample, whatever the missing verdicts will be.

    Raises
    ------
    OptionError
        There are more verdicts than images in the sample.

    Examples
    --------
    >>> from iddkit.qc.acceptance import SamplingPlan
    >>> plan = SamplingPlan("fixed", n=40, c=1, curtailed=True).resolve(200)
    >>> decide(plan, [False, True, False, True]).reason
    '2 bad among 4: more than the 1 allowed among 40, whatever the others are'
    """
    if len(bad_flags) > resolved.n:
        raise OptionError(f"{len(bad_flags)} verdicts on a sample of {resolved.n} images")
    bad = 0
    for look, flag in enumerate(bad_flags, 1):
        bad += bool(flag)
        if bad <= resolved.acceptance_number(look):
            return Decision("accept", look, bad, 0, _accepted(resolved, look, bad))
        if bad >= resolved.rejection_number(look):
            return Decision("reject", look, bad, 0, _rejected(resolved, look, bad))
    look = len(bad_flags)
    needed = resolved.n - look
    return Decision("continue", look, bad, needed, f"{bad} bad among {look} so far; at most {needed} more to look at")


def _accepted(resolved: ResolvedPlan, look: int, bad: int) -> str:
    seen = f"{bad} bad among {look}"
    if look == resolved.n:
        return f"{seen}: no more than the {resolved.c} allowed"
    if bad + resolved.n - look <= resolved.c:
        return f"{seen}: no more than the {resolved.c} allowed among {resolved.n}, whatever the others are"
    return f"{seen}: at or below the acceptance line of {resolved.acceptance_number(look)}"


def _rejected(resolved: ResolvedPlan, look: int, bad: int) -> str:
    seen = f"{bad} bad among {look}"
    if look == resolved.n:
        return f"{seen}: more than the {resolved.c} allowed"
    if bad > resolved.c:
        return f"{seen}: more than the {resolved.c} allowed among {resolved.n}, whatever the others are"
    return f"{seen}: at or above the rejection line of {resolved.rejection_number(look)}"
