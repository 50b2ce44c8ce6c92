"""Checking a certificate without the database: everything that can be computed again is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from iddkit.errors import UserError, printable, shown
from iddkit.qc.acceptance import SamplingPlan, risks
from iddkit.qc.progress.claims import is_bad, state, weigh, weigh_imported
from iddkit.qc.progress.rounds import CONFIDENCE, Certificate, Round
from iddkit.qc.sampling import Listed, draw, hash_list, seal


def redraw(content: bytes | str | Mapping[str, Any]) -> list[str]:
    """Draw the samples of a certificate again, from the certificate alone; return what is not as it says.

    Of every sample: the hash of the list, n and c of the plan, the images that the seed draws, the seal, what makes an
    image bad, the decision, the bound and the risks; then the sentences. That a seed was not chosen to please, and that
    all verdicts are there, only the log shows.

    Raises
    ------
    OptionError
        It is no certificate.
    """
    certificate = Certificate.from_json(content)
    problems = []
    for number, one in enumerate(certificate.rounds, start=1):
        where = f"sample {number} ({printable(one.stage, 20)})"
        try:
            problems += [f"{where}: {problem}" for problem in _problems(one)]
        except _NO_NUMBERS as error:
            problems.append(f"{where}: {_reason(error)}")
    try:
        said = state(
            certificate.project, certificate.batch, certificate.stage, certificate.rounds, certificate.reopened
        )
    except _NO_NUMBERS as error:
        return [*problems, f"the statement: {_reason(error)}"]
    if said != certificate.statement:
        problems.append("the statement does not follow from the numbers")
    if certificate.confidence != CONFIDENCE:
        problems.append(f"the confidence is not {CONFIDENCE}")
    return problems


# What numbers that fit nothing make of arithmetic.
_NO_NUMBERS: Final = (UserError, ArithmeticError, ValueError, KeyError, TypeError)


def _reason(error: Exception) -> str:
    return error.problem if isinstance(error, UserError) else "its numbers cannot be"


def _problems(one: Round) -> list[str]:
    plan = SamplingPlan.from_json(one.plan)
    listed = [Listed(*row) for row in one.list]
    problems = []
    if one.is_drawn or listed:
        if hash_list(listed) != one.list_hash:
            problems.append("the list has another hash")
        if seal(one.list_hash, one.seed, one.plan, one.sample) != one.seal:
            problems.append("the seal does not fit list, seed, plan and sample")
    if len(listed) != one.size and (one.is_drawn or listed):
        # Nothing is computed for a batch of a size that its list does not have.
        return [*problems, f"the list has {len(listed)} images and not {shown(one.size)}"]
    if len(one.sample) != one.n:
        problems.append(f"the sample has {len(one.sample)} images and not {shown(one.n)}")
    places = {key: place for place, key in enumerate(one.sample, start=1)}
    if any(places.get(entry.key) != entry.position for entry in one.judged):
        problems.append("images were judged that are not in the sample at their place")
    if len({entry.key for entry in one.judged}) < len(one.judged):
        problems.append("an image was judged twice")
    if any(entry.bad != is_bad(plan, entry.verdict, entry.worst) for entry in one.judged):
        problems.append("an image is called bad, or good, that is not by the plan")
    if not one.is_drawn:
        decision, bound = weigh_imported(one.judged)
        expected = (decision.inspected, decision.bad, bound)
        if one.verdict and (one.inspected, one.counted, one.bound) != expected:
            problems.append("what it shows is not what its verdicts say")
        return problems
    resolved = plan.resolve(one.size)
    if (resolved.n, resolved.c) != (one.n, one.c):
        problems.append(f"the plan asks for n = {resolved.n}, c = {resolved.c}")
    if [listed[i].key for i in draw(listed, resolved.n, one.seed)] != list(one.sample):
        problems.append("the seed draws other images")
    if one.risks != msgspec.to_builtins(risks(resolved).to_json()):
        problems.append("the risks are not those of the plan")
    if len(one.judged) > resolved.n:
        return [*problems, "more images were judged than drawn"]
    decision, bound = weigh(plan, one.size, one.judged)
    outcome = {"accept": "accept", "reject": "return", "continue": ""}[decision.outcome]
    if one.verdict and one.verdict != outcome:
        problems.append(f"the verdict is {printable(one.verdict, 20)!r}, and by the plan {outcome or 'still open'!r}")
    if one.verdict and one.bound != bound:
        problems.append("the bound is not what the sample shows")
    if (one.inspected, one.counted) != (decision.inspected, decision.bad):
        problems.append(f"{decision.bad} bad among {decision.inspected} decide, by its verdicts")
    return problems
