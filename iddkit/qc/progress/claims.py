"""What follows from the verdicts of a sample: the decision, the bound, and the sentences of a certificate.

The bounds are exact for draws in which each set of n images is as likely as any other, and so for ours (see
`iddkit.qc.sampling.draw`) where the bad images lie in the list by chance. Ours is stratified and systematic. It is the
safer one where bad images lie together; where they are spread evenly over annotators or sequences it misses them a
little more often. An example: of N = 50 images in 10 groups of 5, each of its own annotator, n = 10 are drawn; D = 12
are bad, one in each of 8 groups and two in each of 2. No bad one is then drawn with a probability of exactly
0.8^8 * 0.6^2 = 0.0604, where the hypergeometric distribution has 0.0460: the bound of 11 is too small in 6 of 100 such
cases, and not in 5.
"""

from __future__ import annotations

from typing import Final

from iddkit.qc.acceptance import Decision, SamplingPlan, decide, risks, upper_bound, upper_bound_when_stopped
from iddkit.qc.progress.intervals import measure
from iddkit.qc.progress.rounds import CONFIDENCE, Bound, Earlier, Judged, Planted, Reopened, Round
from iddkit.qc.stages import Action, Stage
from iddkit.qc.state import OPEN


def is_bad(plan: SamplingPlan, verdict: str, worst: str) -> bool:
    """Return whether a verdict, with the gravest severity of its defects, makes an image bad under a plan."""
    return verdict == Action.FAIL and worst != "" and plan.makes_bad(worst)


def weigh(plan: SamplingPlan, size: int, judged: tuple[Judged, ...]) -> tuple[Decision, Bound]:
    """Return what a plan makes of the verdicts, in the sealed order, and what they show of the list."""
    resolved = plan.resolve(size)
    flags: list[bool] = []
    for one in judged:
        if plan.kind == "sequential" and one.position != len(flags) + 1:
            break  # its steps are those of the sealed order
        flags.append(one.bad)
    decision = decide(resolved, flags)
    inspected, bad = decision.inspected, decision.bad
    if decision.outcome == "continue":
        return decision, Bound(None, "the sample is not concluded")
    if resolved.lines is not None:
        how = "exact for the sequential plan: its outcomes in their order, accepted early first"
        return decision, Bound(upper_bound_when_stopped(resolved, inspected, bad, CONFIDENCE), how)
    if not resolved.stops_early or inspected == resolved.n:
        return decision, Bound(upper_bound(size, inspected, bad, CONFIDENCE), "exact, hypergeometric")
    if all(one.position == place for place, one in enumerate(judged[:inspected], start=1)):
        how = "exact, hypergeometric, for the images looked at until the outcome was certain"
        return decision, Bound(upper_bound_when_stopped(resolved, inspected, bad, CONFIDENCE), how)
    if decision.outcome == "accept":
        how = (
            f"exact, hypergeometric, as if all {resolved.c} bad ones that are allowed had been seen among {resolved.n}"
        )
        return decision, Bound(upper_bound(size, resolved.n, resolved.c, CONFIDENCE), f"{how}: {_OUT_OF_ORDER}")
    return decision, Bound(None, _OUT_OF_ORDER)


def weigh_planted(plan: SamplingPlan, size: int, caught: int, judged: int, *, is_drawn: bool) -> Planted:
    """Return what is known of reviewers who caught so many of the planted errors that they judged, and what follows."""
    found = measure(caught, judged)
    if found.low is None or not is_drawn:
        return Planted(judged, caught, found.low, found.high, {}, {})
    resolved = plan.resolve(size)
    its, at_low = (risks(resolved, sensitivity=rate).to_json() for rate in (found.value, found.low))
    return Planted(judged, caught, found.low, found.high, its, at_low)


_OUT_OF_ORDER: Final = "its images were not looked at in the sealed order"


def weigh_imported(judged: tuple[Judged, ...]) -> tuple[Decision, Bound]:
    """Return the same of a sample that was not drawn by lot: it bounds nothing."""
    bad = sum(one.bad for one in judged)
    decision = Decision("continue", len(judged), bad, 0, f"{bad} bad among {len(judged)}")
    return decision, Bound(None, "the sample was not drawn by lot here: it shows what it shows of its own images alone")


def percent(images: int, size: int) -> str:
    """Return a share of images in per cent with one digit, rounded up: a bound is never stated too small.

    Examples
    --------
    >>> percent(13, 1000), percent(1, 3)
    ('1.3', '33.4')
    """
    tenths = -(-images * 1000 // size)
    return f"{tenths // 10}.{tenths % 10}"


def state(
    project: str,
    batch: str,
    stage: str,
    rounds: tuple[Round, ...],
    earlier: tuple[Earlier, ...],
    reopened: tuple[Reopened, ...],
) -> tuple[str, ...]:
    """Return what a certificate says first, in sentences that follow from its numbers."""
    said = [_state_outcome(project, batch, stage, rounds)]
    last = [one for one in rounds if one.round == rounds[-1].round and one.verdict == Action.ACCEPT] if rounds else []
    # The largest sample speaks first: which that is was fixed before anyone looked.
    said += [_state_bound(one) for one in sorted(last, key=lambda one: (-one.n, one.stage))]
    if last:
        said.append(_state_bad(last))
        said.append("Each bound holds by itself, and assumes that the reviewers of the sample overlook no bad image.")
        said += _state_planted(last)
    if any(one.bound.images is not None for one in last):
        said.append(ASSUMED)
    said += [
        f"The seed of the {one.stage.upper()} sample was chosen by {one.drawn_by}, and not drawn by the machine."
        for one in last
        if one.given and one.is_drawn
    ]
    returned = [one for one in rounds if one.verdict == Action.RETURN]
    if returned:
        count = f"{len(returned)} sample{'s' if len(returned) > 1 else ''} of this batch before"
        was = "were" if len(returned) > 1 else "was"
        said.append(
            f"{count} {was} returned and {'are' if len(returned) > 1 else 'is'} listed below: "
            f"a batch that nobody mended would have had {len(returned) + 1} chances to pass."
            if last
            else f"{len(returned)} of its samples {was} returned."
        )
    said += [*_state_left(rounds), *_state_earlier(earlier)]
    mended = [entry for one in last for entry in one.mended]
    if mended:
        again = sum(entry.passed != "" for entry in mended)
        said.append(
            f"The bad images that the accepted samples showed, {len(mended)}, were sent back: {again} "
            f"{'were' if again != 1 else 'was'} mended and passed again, {len(mended) - again} not yet."
        )
    if reopened:
        keys = len({one.key for one in reopened})
        said.append(
            f"{keys} image{'s' if keys > 1 else ''} {'were' if keys > 1 else 'was'} changed after the acceptance; "
            "the certificate speaks of the version before."
        )
    return tuple(said)


#: What the exactness of the bounds rests on; the figures are above.
ASSUMED: Final = (
    "The 95 % are exact if the bad images lie in the list by chance; if they are spread evenly over annotators or "
    "sequences, a bound can be too small slightly more often than in 5 of 100 cases."
)


def _state_planted(rounds: list[Round]) -> list[str]:
    """Return what is known of the reviewers' sight; nothing for a certificate of before that was told."""
    said = []
    unknown = [one.stage.upper() for one in rounds if one.planted is not None and not one.planted.judged]
    if unknown:
        whose = " and ".join(unknown)
        said.append(
            f"What the reviewers of {whose} overlook was not measured: no errors were planted among what they judged."
        )
    for one in rounds:
        found, stage = one.planted, one.stage.upper()
        if found is None or found.low is None or found.high is None:
            continue
        were = "were" if found.caught != 1 else "was"
        said.append(
            f"{stage}: {found.caught} of {found.judged} planted errors {were} caught by the project's reviewers of "
            f"{stage} until then: {100 * found.caught / found.judged:.1f} %, and {100 * found.low:.2f} to "
            f"{100 * found.high:.2f} % at 95 % confidence. That is of errors like those planted, and corrects no bound."
        )
    return said


# Failed samples that are told of one by one; a table has them all.
_TOLD: Final = 5


def _state_left(rounds: tuple[Round, ...]) -> list[str]:
    """Return how many images were in an earlier list of the batch and are not in its last one."""
    if not rounds or not rounds[-1].list:
        return []
    last = {row[0] for row in rounds[-1].list}
    left = {row[0] for one in rounds for row in one.list} - last
    if not left:
        return []
    bad = len(left & {entry.key for one in rounds for entry in one.judged if entry.bad})
    if len(left) == 1:
        had = "had" if bad else "had not"
        return [f"1 image left the list of this batch between its samples; it {had} been found bad in one of them."]
    return [
        f"{len(left)} images left the list of this batch between its samples; {bad} of them had been found bad in one."
    ]


def _state_earlier(earlier: tuple[Earlier, ...]) -> list[str]:
    """Return which failed samples of other batches images of this one were in."""
    said = [
        f"{one.here} of these images {'were' if one.here != 1 else 'was'} in batch {one.batch} when its sample failed: "
        f"{one.bad} bad among {one.inspected} ({one.stage.upper()}, round {one.round})."
        for one in earlier[:_TOLD]
    ]
    more = len(earlier) - _TOLD
    return [*said, f"So it was with {more} more failed samples, which are listed below."] if more > 0 else said


def _state_outcome(project: str, batch: str, stage: str, rounds: tuple[Round, ...]) -> str:
    name = f"Batch {batch} of {project}"
    if stage == Stage.ACCEPTED:
        size = rounds[-1].size if rounds else 0
        return f"{name} is accepted: {size} image{'s' if size != 1 else ''}."
    if not rounds:
        return f"{name} is not accepted: no sample of it was drawn."
    where = "it was returned and is open again" if stage == OPEN else f"it stands at {stage}"
    return f"{name} is not accepted: {where}."


def _state_bound(one: Round) -> str:
    found = (
        f"{one.counted} bad {'one was' if one.counted == 1 else 'ones were'} found among the {one.inspected} looked at"
    )
    if one.bound.images is None:
        return f"{one.stage.upper()}: {found}; {one.bound.how}."
    share = percent(one.bound.images, one.size)
    return (
        f"{one.stage.upper()}: at most {share} % of the images are bad, at 95 % confidence: {found}, "
        f"and that bounds the batch at {one.bound.images} of {one.size}, as it was when the sample was drawn."
    )


def _state_bad(rounds: list[Round]) -> str:
    meant = {one.stage: SamplingPlan.from_json(one.plan).bad_from for one in rounds}
    words = {
        "critical": "at least one critical defect",
        "major": "at least one critical or major defect",
        "minor": "at least one defect, even a minor one",
    }
    if len(set(meant.values())) == 1:
        return f"Bad is an image with {words[next(iter(meant.values()))]}."
    parts = "; ".join(f"{stage.upper()}: with {words[bad]}" for stage, bad in sorted(meant.items()))
    return f"What a bad image is differs: {parts}."
