"""The certificate of a batch as a page that opens offline and prints, and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

import iddkit
from iddkit.errors import printable
from iddkit.qc.acceptance import SamplingPlan, oc_curve
from iddkit.qc.progress.certificate import Certificate, Round, percent
from iddkit.qc.progress.claims import ASSUMED
from iddkit.reporting.figure import Drawing, render, styled
from iddkit.reporting.page import render_page
from iddkit.reporting.qc_plan_figure import draw_oc_curve
from iddkit.reporting.sections import embed
from iddkit.reporting.tables import Cell, Column, Table, to_markdown

_VERDICTS: Final = {"accept": "accepted", "return": "returned", "": "open"}

_SEALED: Final = (
    "The list of the batch is frozen and hashed, and a seed draws the sample. The hash of list, seed, plan and sample "
    "together, the seal, is written to the project's log before anyone looks. Whoever has list and seed can draw the "
    "same sample again."
)

_BOUND: Final = (
    "The largest number of bad images in the batch that the sample does not rule out: with more of them, a sample "
    "would show so few bad ones in at most 5 of 100 cases (Clopper and Pearson, for draws without replacement). "
    + ASSUMED
)

_PLANTED: Final = (
    "Copies of frames with an error made on purpose, which reviewers judge without knowing it. The part that they "
    "catch is their sensitivity, for errors of these kinds. No copy is in the list, in a sample or among the verdicts."
)

_GLOSSARY: Final = (
    ("Bad image", "One with a defect of the severity that the plan names, or a graver one."),
    ("Sealed sample", _SEALED),
    ("N, n, c", "Images in the batch, in the sample, and how many bad ones in the sample are accepted."),
    ("Bound at 95 % confidence", _BOUND),
    ("Risks", "How probably the plan accepts a batch: a good one may be returned, and a bad one accepted."),
    ("Planted errors", _PLANTED),
)


def certificate_page(certificate: Certificate) -> bytes:
    """Return the certificate as a page of HTML that needs no other file. Same certificate, same bytes."""
    page = render_page(
        "qc_certificate.html",
        project=printable(certificate.project),
        batch=printable(certificate.batch),
        is_accepted=certificate.stage == "accepted",
        statement=[printable(sentence, 2000) for sentence in certificate.statement],
        facts=_facts(certificate),
        samples=_plain(sample_table(certificate)),
        plans=[
            {
                "title": title,
                "words": _plan_words(one),
                "risks": _plain(_risk_table(one)) if one.risks else None,
                "figure": None if (drawing := _draw(one)) is None else embed(drawing),
            }
            for title, one in _plans(certificate)
        ],
        bad=_plain(bad_table(certificate)),
        earlier=_plain(earlier_table(certificate)),
        reopened=_plain(reopened_table(certificate)),
        seals=_seals(certificate),
        log=_log_sentence(certificate),
        glossary=_GLOSSARY,
        made_by=f"iddkit {iddkit.__version__}",
    )
    return page.encode("utf-8", "replace")


def certificate_markdown(certificate: Certificate) -> str:
    """Return the certificate as Markdown; pictures are left out."""
    parts = [f"# Certificate of batch {_escape(certificate.batch)}"]
    parts += [_escape(sentence) for sentence in certificate.statement]
    parts += ["## Samples", to_markdown(sample_table(certificate))] if certificate.rounds else []
    for title, one in _plans(certificate):
        parts += [f"## {title}", _escape(_plan_words(one))]
        if one.risks:
            parts.append(to_markdown(_risk_table(one)))
    for title, table in (
        ("Bad images", bad_table(certificate)),
        ("Failed samples of other batches", earlier_table(certificate)),
        ("Re-opened since", reopened_table(certificate)),
    ):
        if table.rows:
            parts += [f"## {title}", to_markdown(table)]
    if certificate.rounds:
        parts.append("## Seals")
        parts += [
            f"- {_escape(title)}: seed {_escape(seed)}, list `{digest}`, seal `{seal}`"
            for title, seed, digest, seal in _seals(certificate)
        ]
    parts.append(_escape(_log_sentence(certificate)))
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def sample_table(certificate: Certificate) -> Table:
    """Return a row a sample, in the order in which they were drawn; none is left out."""
    columns: tuple[Column, ...] = (
        Column("round"),
        Column("stage"),
        Column("N"),
        Column("n"),
        Column("c"),
        Column("looked at"),
        Column("bad"),
        Column("verdict"),
        Column("bound"),
        Column("bound %", 1),
        Column("judged by"),
        Column("concluded"),
    )
    rows: list[tuple[Cell, ...]] = []
    for one in certificate.rounds:
        share = None if one.bound.images is None else float(percent(one.bound.images, one.size))
        judges = ", ".join(dict.fromkeys(entry.by for entry in one.judged))
        numbers = (one.size, one.n, one.c, one.inspected, one.counted)
        verdict = _VERDICTS[one.verdict]
        rows.append(
            (
                *(one.round, one.stage.upper(), *numbers, verdict, one.bound.images, share, judges),
                one.concluded_at[:10] or "-",
            )
        )
    if any(one.planted is not None and one.planted.judged for one in certificate.rounds):
        columns += (Column("planted errors caught"),)
        rows = [(*row, _caught(one)) for row, one in zip(rows, certificate.rounds, strict=True)]
    return Table(columns, tuple(rows), "samples")


def _caught(one: Round) -> str:
    found = one.planted
    return "-" if found is None or not found.judged else f"{found.caught} of {found.judged}"


def bad_table(certificate: Certificate) -> Table:
    """Return a row a bad image that a sample showed: why, who found it, and what became of it."""
    columns = (
        Column("round"),
        Column("stage"),
        Column("image"),
        Column("severity"),
        Column("reasons"),
        Column("found by"),
        Column("handed in anew"),
        Column("passed again"),
    )
    rows: list[tuple[Cell, ...]] = []
    for one in certificate.rounds:
        mended = {entry.key: entry for entry in one.mended}
        for entry in one.judged:
            if entry.bad:
                later = mended.get(entry.key)
                passed = (
                    f"{later.stage.upper()}, {later.by}, {later.passed[:10]}" if later and later.passed else "not yet"
                )
                again = later.handed_in[:10] if later and later.handed_in else "not yet"
                place = (one.round, one.stage.upper(), entry.key)
                rows.append((*place, entry.worst, entry.reasons, entry.by, again, passed))
    return Table(columns, tuple(rows), "bad images")


def earlier_table(certificate: Certificate) -> Table:
    """Return a row a failed sample of another batch that images of this one were in before."""
    columns = (
        Column("batch"),
        Column("round"),
        Column("stage"),
        Column("looked at"),
        Column("bad"),
        Column("images here"),
        Column("returned"),
    )
    rows = tuple(
        (one.batch, one.round, one.stage.upper(), one.inspected, one.bad, one.here, one.concluded_at[:10])
        for one in certificate.earlier
    )
    return Table(columns, rows, "failed samples of other batches")


def reopened_table(certificate: Certificate) -> Table:
    """Return a row a frame that was changed after the acceptance."""
    columns = tuple(Column(name) for name in ("image", "changed", "by", "revision", "now in batch", "stands at"))
    rows = tuple((one.key, one.at, one.by, one.revision, one.batch, one.stage) for one in certificate.reopened)
    return Table(columns, rows, "re-opened")


def _risk_table(one: Round) -> Table:
    """Return what the plan does to batches, with perfect reviewers and, where that was measured, with those there are.

    The rows are those of the certificate's risks; at other numbers of bad images the curve is computed anew.
    """
    columns = [Column("bad images"), Column("bad %", 2), Column("accepted %", 2), Column("looks", 1)]
    marks = ("mostly_accepted", "even", "mostly_rejected")
    points = [*one.risks["levels"], *(one.risks[name] for name in marks)]
    found = one.planted
    if found is not None and found.risks:
        points += [its[name] for its in (found.risks, found.risks_at_low) for name in marks]
    bad = sorted({point["bad"] for point in points if point is not None})
    resolved = SamplingPlan.from_json(one.plan).resolve(one.size)
    rows: list[tuple[Cell, ...]] = [
        (point.bad, 100 * point.fraction, 100 * point.p_accept, point.average_looks)
        for point in oc_curve(resolved, points=bad)
    ]
    if found is not None and found.risks and found.low is not None:
        for rate in (Fraction(found.caught, found.judged), found.low):
            columns.append(Column(f"accepted % at {100 * float(rate):.1f} % caught", 2))
            curve = oc_curve(resolved, points=bad, sensitivity=rate)
            rows = [(*row, 100 * point.p_accept) for row, point in zip(rows, curve, strict=True)]
    return Table(tuple(columns), tuple(rows), "what the plan does to batches of this size")


def _plans(certificate: Certificate) -> list[tuple[str, Round]]:
    """Return the last sample of each stage: its plan is the one that the batch was judged by."""
    last = {one.stage: one for one in certificate.rounds}
    return [(f"The plan of {stage.upper()}", one) for stage, one in last.items()]


def _plan_words(one: Round) -> str:
    plan = SamplingPlan.from_json(one.plan)
    values = ", ".join(
        f"{name.replace('_', ' ')} {value}" for name, value in one.plan.items() if name not in ("kind", "curtailed")
    )
    stops = " It may stop as soon as the outcome is certain." if plan.curtailed else ""
    how = f" The bound is {one.bound.how}." if one.bound.images is not None else f" No bound: {one.bound.how}."
    allowed = f"at most {one.c}" if one.c else "none"
    resolved = f"{one.n} of the {one.size} images are drawn, and {allowed} of these may be bad."
    return f"A {plan.kind} plan ({values}): {resolved}{stops}{how}"


def _draw(one: Round) -> Drawing | None:
    if not one.is_drawn:
        return None
    resolved, found = SamplingPlan.from_json(one.plan).resolve(one.size), one.planted
    with styled():
        if found is None or found.low is None:
            return render(draw_oc_curve(resolved))
        return render(draw_oc_curve(resolved, sensitivity=Fraction(found.caught, found.judged), low=found.low))


def _facts(certificate: Certificate) -> list[dict[str, str]]:
    rounds = certificate.rounds
    if not rounds:
        return []
    last = rounds[-1]
    returned = sum(one.verdict == "return" for one in rounds)
    seen = sum(one.inspected for one in rounds if one.round == last.round)
    bad = sum(one.counted for one in rounds if one.round == last.round)
    passed = [one for one in rounds if one.round == last.round and one.verdict == "accept"]
    facts = [
        {"title": "Images", "value": f"{last.size:,}", "note": "in the frozen list"},
        {"title": "Looked at", "value": f"{seen:,}", "note": f"in the samples of round {last.round}"},
        {"title": "Bad ones found", "value": f"{bad:,}", "note": "among these"},
    ]
    largest = max(passed, key=lambda one: (one.n, one.stage == "qc3"), default=None)
    if largest is not None and largest.bound.images is not None:
        value = f"{percent(largest.bound.images, largest.size)} %"
        note = f"bad at most, at 95 % confidence ({largest.stage.upper()})"
        facts.insert(0, {"title": "Bound", "value": value, "note": note})
    facts.append({"title": "Returned before", "value": str(returned), "note": "samples that failed; all are shown"})
    return facts


def _seals(certificate: Certificate) -> list[tuple[str, str, str, str]]:
    return [
        (
            f"round {one.round}, {one.stage.upper()}, drawn {one.drawn_at} by {printable(one.drawn_by)}",
            printable(f"{one.seed} ({one.seeded})", 200),
            one.list_hash,
            one.seal,
        )
        for one in certificate.rounds
    ]


def _log_sentence(certificate: Certificate) -> str:
    return (
        f"The project's log had {certificate.log_events} events by {certificate.log_until}; "
        f"the hash of the last one is {certificate.log_hash}."
    )


def _plain(table: Table) -> dict[str, Any]:
    numbers = [table.is_number(i) for i in range(len(table.columns))]
    texts: Sequence[Sequence[str]] = table.texts()
    return {
        "headings": [(column.name, flag) for column, flag in zip(table.columns, numbers, strict=True)],
        "rows": [list(zip(row, numbers, strict=True)) for row in texts],
    }


def _escape(text: str) -> str:
    plain = printable(text, 20_000)
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>|#~&" else letter for letter in plain)
