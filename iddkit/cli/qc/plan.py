"""``iddkit qc plan``: what looking at some images of a batch proves. Only what was measured needs a database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from iddkit.cli import options as shared
from iddkit.cli.qc import options
from iddkit.cli.qc.plan_options import make_plan, plan_options, plan_text
from iddkit.errors import OptionError

if TYPE_CHECKING:
    from iddkit.qc.acceptance import OperatingPoint, ResolvedPlan, Risks, SamplingPlan
    from iddkit.qc.progress.intervals import Measured

# Qualities that are stated besides the plan's own levels: fractions of bad images.
_QUALITIES: Final = (0.0, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3)

# What stands for the sensitivity that planted errors showed.
_MEASURED: Final = "measured"

# Points of the curve in JSON and in the picture.
_POINTS: Final = 200


@click.command()
@click.option("--size", type=click.IntRange(1, 10_000_000), metavar="N", help="Images of the batch.  [default: no end]")
@plan_options
@click.option(
    "--sensitivity",
    metavar="P|measured",
    default="1",
    help="Part of the bad images that reviewers see; 'measured' is the part of planted errors that those of --stage "
    "caught, in the project of --db.",
    show_default=True,
)
@click.option("--stage", type=click.Choice(["qc1", "qc2", "qc3", "qc4"]), help="Of the reviewers.  [default: qc3]")
@options.database
@click.option(
    "--specificity", metavar="P", default="1", help="Part of the good images that they call good.", show_default=True
)
@click.option("--confidence", metavar="P", default="0.95", help="Of the upper bounds.", show_default=True)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Draw the operating characteristic: .png or .svg.",
)
@shared.as_json
@shared.overwrite
def plan(
    size: int | None,
    plan: SamplingPlan | None,
    sensitivity: str,
    stage: str | None,
    specificity: str,
    confidence: str,
    plot: Path | None,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Find a sampling plan, and say what it promises: sample, acceptance number, risks, OC curve and bounds.

    \b
    iddkit qc plan --size 1000                           the thesis rule: 20 % are looked at, 98 % have to be right
    iddkit qc plan --size 1000 --aql 1% --rql 5%         the smallest sample that tells 1 % bad from 5 %
    iddkit qc plan --size 1000 --aql 1% --rql 5% --sequential
    iddkit qc plan --size 200 --n 40 --c 0 --sensitivity 0.7
    iddkit qc plan --size 1000 --sensitivity measured --stage qc3 --db qc.db

    Probabilities are exact: hypergeometric, and binomial where no size is given.
    """  # noqa: D301 - click wants the character itself
    from iddkit.qc.acceptance import parse_rate, risks

    chosen = plan
    if chosen is None:
        chosen = make_plan("thesis")
        assert chosen is not None
    if plot is not None and plot.suffix.lower() not in (".png", ".svg"):
        raise click.UsageError(f"--plot {plot.name}: the figure is a .png or .svg file")
    if stage is not None and sensitivity != _MEASURED:
        raise click.UsageError("--stage says whose sensitivity is meant: --sensitivity measured")
    measured = _read_measured(stage or "qc3") if sensitivity == _MEASURED else None
    if measured is not None:
        sensitivity = f"{measured.caught}/{measured.judged}"
    resolved = chosen.resolve(size)
    seen = {"sensitivity": sensitivity, "specificity": specificity}
    its = risks(resolved, **seen)
    if not 0 < parse_rate(confidence, "the confidence") < 1:
        raise OptionError(f"a confidence of {confidence} cannot be: it lies between 0 and 1")
    bounds = _bounds(resolved, confidence)
    if as_json:
        document = _as_json(resolved, its, bounds, seen, confidence)
        if measured is not None:
            document["measured"] = _measured_json(resolved, measured, seen)
        click.echo(json.dumps(document, indent=1))
    else:
        _print(resolved, its, bounds, seen, confidence, measured)
    if plot is not None:
        _draw(resolved, seen, None if measured is None else measured.low, plot, overwrite)


def _read_measured(stage: str) -> Measured:
    """Return what the reviewers of a stage were measured to see.

    Raises
    ------
    OptionError
        Nothing was planted there, or not judged yet.
    """
    from iddkit.qc.progress.sensitivity import read_measured
    from iddkit.qc.store.database import open_store

    context = click.get_current_context()
    store = open_store(options.database_of(context))
    context.call_on_close(store.close)
    with store.reading() as connection:
        found = read_measured(connection, stage)
    if not found.judged:
        raise OptionError(f"the sensitivity at {stage} was not measured: no planted error was judged there")
    return found


def _measured_json(resolved: ResolvedPlan, measured: Measured, seen: dict[str, str]) -> dict[str, Any]:
    from iddkit.qc.acceptance import oc_curve, risks

    assert measured.low is not None
    at_low: dict[str, Any] = {"sensitivity": measured.low, "specificity": seen["specificity"]}
    return {
        "judged": measured.judged,
        "caught": measured.caught,
        "low": measured.low,
        "high": measured.high,
        "risks_at_low": risks(resolved, **at_low).to_json(),
        "curve_at_low": [point._asdict() for point in oc_curve(resolved, points=_POINTS, **at_low)],
    }


def _bounds(resolved: ResolvedPlan, confidence: str) -> list[tuple[int, int, int]]:
    """Return, after 0 and after c bad images: these, how many were looked at, and how many there may be in all."""
    from iddkit.qc.acceptance import upper_bound, upper_bound_when_stopped

    if resolved.size is None:
        return []
    found = []
    for bad in dict.fromkeys((0, resolved.c)):
        if not resolved.stops_early:
            found.append((bad, resolved.n, upper_bound(resolved.size, resolved.n, bad, confidence)))
            continue
        look = next((look for look in range(1, resolved.n + 1) if bad <= resolved.acceptance_number(look)), None)
        if look is not None:
            found.append((bad, look, upper_bound_when_stopped(resolved, look, bad, confidence)))
    return found


def _amounts(resolved: ResolvedPlan) -> list[Any]:
    """Return the numbers of bad images (without a size: fractions) that a table states, each once."""
    if resolved.size is None:
        return [str(quality) for quality in _QUALITIES]
    return list(dict.fromkeys(round(quality * resolved.size) for quality in _QUALITIES))


def _as_json(
    resolved: ResolvedPlan, its: Risks, bounds: list[tuple[int, int, int]], seen: dict[str, str], confidence: str
) -> dict[str, Any]:
    from iddkit.qc.acceptance import oc_curve, parse_rate

    def point(one: OperatingPoint | None) -> dict[str, Any] | None:
        return None if one is None else one._asdict()

    return {
        "plan": resolved.plan.to_json(),
        "size": resolved.size,
        "n": resolved.n,
        "c": resolved.c,
        **{name: float(parse_rate(value, name)) for name, value in seen.items()},
        "producer_risk": its.producer,
        "consumer_risk": its.consumer,
        "levels": [point(one) for one in its.levels],
        "mostly_accepted": point(its.mostly_accepted),
        "even": point(its.even),
        "mostly_rejected": point(its.mostly_rejected),
        "confidence": float(parse_rate(confidence, "the confidence")),
        "bounds": [{"bad": bad, "looked_at": look, "at_most": most} for bad, look, most in bounds],
        "curve": [point(one) for one in oc_curve(resolved, points=_POINTS, **seen)],
    }


def _print(
    resolved: ResolvedPlan,
    its: Risks,
    bounds: list[tuple[int, int, int]],
    seen: dict[str, str],
    confidence: str,
    measured: Measured | None,
) -> None:
    from iddkit.cli.console import print_table
    from iddkit.qc.acceptance import oc_curve, parse_rate, risks
    from iddkit.reporting.tables import Cell, Column, Table

    of = "" if resolved.size is None else f" of {resolved.size}"
    if resolved.lines is None:
        click.echo(f"look at {resolved.n}{of} images; accept with at most {resolved.c} bad")
    else:
        click.echo(f"look at {resolved.n}{of} images at most, one after the other, until it is decided")
    click.echo(f"plan  {plan_text(resolved.plan.to_json())}")
    if measured is not None and measured.low is not None and measured.high is not None:
        part = f"{measured.caught} of {measured.judged} planted errors caught, {float(measured.value):.2%}"
        click.echo(f"seen  {part}; at 95 % confidence {measured.low:.2%} to {measured.high:.2%}")
    if its.producer is not None and its.consumer is not None:
        good, poor = its.levels
        click.echo(f"risk  {its.producer:.2%} that a batch with {_amount(good)} is returned")
        click.echo(f"risk  {its.consumer:.2%} that a batch with {_amount(poor)} is accepted")
        if measured is not None and measured.low is not None:
            at_low = risks(resolved, sensitivity=measured.low, specificity=seen["specificity"])
            click.echo(f"risk  {at_low.consumer or 0:.2%} of that where {measured.low:.2%} are seen, the low end")
    for part, words, one in (
        ("95 %", "up to", its.mostly_accepted),
        ("50 %", "up to", its.even),
        ("10 %", "from", its.mostly_rejected),
    ):
        if one is not None:
            click.echo(f"{part} of batches are accepted {words} {_amount(one)}")
    level = float(parse_rate(confidence, "the confidence"))
    for bad, look, most in bounds:
        assert resolved.size is not None
        tenths = -(-1000 * most // resolved.size)  # upwards: a bound is never stated too small
        said = f"at most {most} of {resolved.size} are bad ({tenths / 10:.1f} %)"
        click.echo(f"after {bad} bad among {look}: {said}, at {100 * level:.6g} % confidence")
    if bounds and parse_rate(seen["sensitivity"]) < 1:
        click.echo("Note: the bounds count on reviewers who miss no bad image", err=True)
    click.echo()
    columns = [Column("bad images"), Column("bad %", 2), Column("accepted %", 2), Column("looked at", 1)]
    amounts = _amounts(resolved)
    rows: list[tuple[Cell, ...]] = [
        (point.bad, 100 * point.fraction, 100 * point.p_accept, point.average_looks)
        for point in oc_curve(resolved, points=amounts, **seen)
    ]
    others: dict[str, Any] = {} if measured is None else {"perfect reviewers": 1, "the low end": measured.low}
    for whose, rate in others.items():
        columns.append(Column(f"accepted %, {whose}", 2))
        curve = oc_curve(resolved, points=amounts, sensitivity=rate, specificity=seen["specificity"])
        rows = [(*row, 100 * point.p_accept) for row, point in zip(rows, curve, strict=True)]
    start = 0 if resolved.size is not None else 1
    print_table(Table(tuple(columns[start:]), tuple(row[start:] for row in rows)))


def _amount(point: OperatingPoint) -> str:
    return f"{point.fraction:.2%} bad" if point.bad is None else f"{point.bad} bad ({point.fraction:.2%})"


def _draw(resolved: ResolvedPlan, seen: dict[str, str], low: float | None, path: Path, overwrite: bool) -> None:
    from iddkit import files
    from iddkit.reporting.figure import render, styled
    from iddkit.reporting.qc_plan_figure import draw_oc_curve

    with styled():
        drawing = render(draw_oc_curve(resolved, **seen, low=low))
    files.write_new(path, drawing.png if path.suffix.lower() == ".png" else drawing.svg, overwrite)
    click.echo(f"{path}: written", err=True)
