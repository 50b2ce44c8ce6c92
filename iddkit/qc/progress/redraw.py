"""Checking a certificate without the database: everything that can be computed again is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import msgspec

from iddkit.errors import UserError, printable, shown
from iddkit.qc.acceptance import SamplingPlan, risks
from iddkit.qc.progress.claims import is_bad, state, weigh, weigh_imported, weigh_planted
from iddkit.qc.progress.rounds import CONFIDENCE, Certificate, Round
from iddkit.qc.sampling import Listed, draw, hash_list, seal
from iddkit.qc.stages import Action, Stage
from iddkit.qc.state import OPEN


def redraw(content: bytes | str | Mapping[str, Any]) -> list[str]:
    """Draw the samples of a certificate again, from the certificate alone; return what is not as it says.

    Of every sample: the hash of the list, n and c of the plan, the images that the seed draws, the seal, what makes an
    image bad, the decision, the bound, the risks, and what
    follows from the planted errors that were caught. Of all together: whether they can follow one another and lead to
    the stage that is stated, and the sentences. That a seed was not chosen to please, and that all samples and verdicts
    are there, only the log shows: `iddkit.qc.verify` compares.

    Raises
    ------
    OptionError
        It is no certificate.
    """
    certificate = Certificate.from_json(content)
    problems: list[str] = []
    for number, one in enumerate(certificate.rounds, start=1):
        where = f"sample {number} ({printable(one.stage, 20)})"
        try:
            problems += [f"{where}: {problem}" for problem in _problems(one)]
        except _NO_NUMBERS as error:
            problems.append(f"{where}: {_reason(error)}")
    problems += _problems_of_order(certificate)
    try:
        said = state(
            certificate.project,
            certificate.batch,
            certificate.stage,
            certificate.rounds,
            certificate.earlier,
            certificate.reopened,
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


def _problems_of_order(certificate: Certificate) -> list[str]:
    """Return which of its samples cannot have followed one another, and what cannot have come of them."""
    rounds, problems = certificate.rounds, []
    for number, one in enumerate(rounds, start=1):
        before = rounds[number - 2] if number > 1 else None
        is_new = before is None or before.verdict == Action.RETURN
        expected = (1 if before is None else before.round + is_new, Stage.QC3 if is_new else Stage.QC4)
        where = f"sample {number} ({printable(one.stage, 20)})"
        if (one.round, one.stage) != expected:
            problems.append(f"{where}: cannot follow: round {shown(expected[0])} has to be at {expected[1]} here")
        if not one.verdict and number < len(rounds):
            problems.append(f"{where}: is open, and another one was drawn after it")
        if before is not None and not is_new:
            problems += [f"{where}: {problem}" for problem in _problems_of_lists(before, one)]
        seqs = [
            0 if before is None else before.concluded_seq,
            one.drawn_seq,
            *([one.concluded_seq] * bool(one.verdict)),
        ]
        if any(first >= second for first, second in pairwise(seqs)) or bool(one.verdict) != bool(one.concluded_seq):
            problems.append(f"{where}: the numbers of its events do not ascend")
        problems += [f"{where}: {problem}" for problem in _problems_of_times(before, one)]
    stage = certificate.stage
    last = rounds[-1] if rounds else None
    if last is None or last.verdict == Action.RETURN:
        possible = {OPEN, Stage.QC3}  # it may be frozen, and not be sampled yet
    elif last.verdict:
        possible = {Stage.QC4 if last.stage == Stage.QC3 else Stage.ACCEPTED}
    else:
        possible = {last.stage}
    if stage not in possible:
        problems.append(f"the batch cannot be at {printable(stage, 20)} after these samples")
    listed = {row[0] for row in last.list} if last is not None else set()
    for other in certificate.earlier:
        if other.here != len(set(other.keys)) or not set(other.keys) <= listed or not other.here:
            problems.append(f"batch {printable(other.batch)}: its images are not those of the list")
        if last is None or not 0 < other.concluded_seq < last.drawn_seq:
            problems.append(f"batch {printable(other.batch)}: its sample did not fail before")
    if any(entry.key not in listed for entry in certificate.reopened):
        problems.append("images were changed that are not in the list")
    return problems


def _problems_of_lists(before: Round, one: Round) -> list[str]:
    # Between an accepted QC3 and QC4 only what was found bad can change: it is mended, or dropped.
    rows = {row[0]: row for row in before.list}
    bad = {entry.key for entry in before.judged if entry.bad}
    there = {row[0]: row for row in one.list}
    problems = []
    if not there.keys() <= rows.keys():
        problems.append("its list has images that the one of QC3 does not have")
    if any(key not in there for key in rows.keys() - bad):
        problems.append("its list lacks images of QC3's that nobody found bad")
    if any(rows.get(key, row) != row for key, row in there.items() if key not in bad):
        problems.append("images were changed since QC3 that nobody found bad")
    return problems


def _problems_of_times(before: Round | None, one: Round) -> list[str]:
    if one.is_imported or (before is not None and before.is_imported):
        return []
    times = [one.frozen_at, one.drawn_at, *([one.concluded_at] if one.verdict else [])]
    if before is not None:
        times.insert(1, before.concluded_at) if before.round == one.round else times.insert(0, before.concluded_at)
    try:
        when = [datetime.strptime(time, "%Y-%m-%d %H:%M:%SZ") for time in times]
    except ValueError:
        return ["its times cannot be read"]
    if any(later < earlier - _SKEW for earlier, later in pairwise(when)):
        return ["its times do not ascend"]
    return []


# Clocks of people who work on one server differ.
_SKEW: Final = timedelta(hours=1)


def _problems(one: Round) -> list[str]:
    plan = SamplingPlan.from_json(one.plan)
    listed = [Listed(*row) for row in one.list]
    problems = []
    if len({frame.key for frame in listed}) < len(listed):
        problems.append("an image is in the list twice")
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
        problems += _problems_of_planted(one, plan)
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
    problems += _problems_of_planted(one, plan)
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


def _problems_of_planted(one: Round, plan: SamplingPlan) -> list[str]:
    """Return whether interval and risks do not follow from how many planted errors were caught."""
    found = one.planted
    if found is None:
        return []
    if not 0 <= found.caught <= found.judged:
        return ["more planted errors were caught than judged"]
    made = weigh_planted(plan, one.size, found.caught, found.judged, is_drawn=one.is_drawn)
    if msgspec.to_builtins(found) != msgspec.to_builtins(made):
        return ["what is said of the reviewers does not follow from the planted errors that they caught"]
    return []
