"""``iddkit qc freeze``, ``sample``, ``conclude``: a batch is frozen, and a sealed sample decides."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from iddkit.cli import options as shared
from iddkit.cli.qc import options
from iddkit.cli.qc.plan_options import plan_options
from iddkit.errors import OptionError, printable

if TYPE_CHECKING:
    from iddkit.qc.acceptance import SamplingPlan
    from iddkit.qc.state import Batch, Frame, Sample
    from iddkit.qc.store.database import Store
    from iddkit.qc.store.work import Work

_batch = click.argument("batch_name", metavar="BATCH")


@click.command()
@_batch
@click.option("--leave-to", metavar="B", help="Batch that takes the frames which are not ready.")
@options.as_lead
@options.project
def freeze(store: Store, batch_name: str, leave_to: str | None, as_name: str | None) -> None:
    """Freeze BATCH: the list of its frames, all of which have passed QC2, is fixed for the samples of QC3 and QC4."""
    from iddkit.qc import queue

    with store.writing() as work:
        actor = options.find_actor(work, as_name)
        batch = queue.freeze(work, queue.find_batch(work, batch_name), actor, leave_to=leave_to)
    click.echo(
        f"batch {printable(batch.name)}: {batch.frames} frames frozen, round {batch.round}, now at {batch.stage}"
    )
    click.echo(f"list  {batch.list_hash}")


@click.command()
@_batch
@click.option(
    "--seed", metavar="TEXT", help="Of the draw; no sample of the batch may have had it.  [default: by chance]"
)
@click.option("--list", "only_list", is_flag=True, help="Draw nothing: list the sample that is open.")
@plan_options
@options.as_lead
@shared.as_json
@options.project
def sample(
    store: Store,
    batch_name: str,
    seed: str | None,
    only_list: bool,
    plan: SamplingPlan | None,
    as_name: str | None,
    as_json: bool,
) -> None:
    """Draw and seal the sample of BATCH for QC3, then for QC4, and list it in the order in which it is looked at.

    Without options of a plan it is the project's for the stage. Annotators and sequences have their part in the sample;
    the seal binds list, seed, plan and sample, and 'iddkit qc redraw' draws it again from the certificate.
    """
    from iddkit.qc import queue

    if only_list and (seed is not None or plan is not None):
        raise click.UsageError("--list draws nothing, so neither a seed nor a plan has a place beside it")
    if only_list:
        with options.looking(store) as work:
            batch = queue.find_batch(work, batch_name)
            document = _sample_json(work, batch, _open_sample(work, batch))
    else:
        with store.writing() as work:
            batch = queue.find_batch(work, batch_name)
            drawn = queue.draw_sample(work, batch, options.find_actor(work, as_name), plan=plan, seed=seed)
            document = _sample_json(work, batch, drawn)
    if as_json:
        click.echo(json.dumps(document, indent=1))
    else:
        _print_sample(document)


@click.command()
@_batch
@options.as_lead
@shared.as_json
@options.project
def conclude(store: Store, batch_name: str, as_name: str | None, as_json: bool) -> None:
    """Conclude the stage that BATCH is at by what its sample showed: it goes on, or is returned.

    Accepted, it goes on to QC4 or is done; bad frames of the sample are mended first. Returned, the bad frames go to
    repair and all others back to QC2; then it is frozen and sampled anew.
    """
    from iddkit.qc import queue

    with store.writing() as work:
        actor = options.find_actor(work, as_name)
        concluded = queue.conclude(work, queue.find_batch(work, batch_name), actor)
    batch, judged, to_mend = concluded.batch, concluded.sample, concluded.to_mend
    if as_json:
        document = {
            "batch": batch.name,
            "stage": judged.stage,
            "verdict": judged.verdict,
            "reason": concluded.decision.reason,
            "seen": judged.seen,
            "bad": judged.bad,
            "batch_stage": batch.stage,
            "to_mend": [frame.key for frame in to_mend],
        }
        click.echo(json.dumps(document, indent=1))
        return
    outcome = "accepted" if judged.verdict == "accept" else "returned"
    click.echo(f"batch {printable(batch.name)}: {outcome} at {judged.stage}; {concluded.decision.reason}")
    click.echo(f"now at {batch.stage}" + ("" if outcome == "accepted" else ", the others of its frames at qc2"))
    for frame in to_mend:
        click.echo(f"repair  {printable(frame.key)}")


def _open_sample(work: Work, batch: Batch) -> Sample:
    from iddkit.qc.state import Sample

    found = None if batch.sample is None else work.state.get(Sample, batch.sample)
    if found is None or found.verdict:
        raise OptionError(f"batch {printable(batch.name)} has no open sample")
    return found


def _sample_json(work: Work, batch: Batch, drawn: Sample) -> dict[str, Any]:
    from iddkit.qc.queue.batches import read_frames

    its: list[Frame] = [frame for frame in read_frames(work, batch) if frame.sample == drawn.id]
    return {
        "batch": batch.name,
        "stage": drawn.stage,
        "round": drawn.round,
        "size": drawn.size,
        "n": drawn.drawn,
        "c": drawn.allowed,
        "plan": json.loads(drawn.plan),
        "seed": drawn.seed,
        "list_hash": drawn.list_hash,
        "seal": drawn.seal,
        "frames": [
            {"position": frame.position, "frame": frame.key, "revision": frame.revision, "verdict": frame.verdict}
            for frame in sorted(its, key=lambda frame: frame.position or 0)
        ],
    }


def _print_sample(document: dict[str, Any]) -> None:
    from iddkit.cli.console import print_table
    from iddkit.cli.qc.plan_options import plan_text
    from iddkit.reporting.tables import Column, Table

    head = f"batch {printable(document['batch'])}, {document['stage']}, round {document['round']}"
    chosen = f"look at {document['n']} of {document['size']} frames; accepted with at most {document['c']} bad"
    click.echo(f"{head}: {chosen}")
    click.echo(f"plan  {plan_text(document['plan'])}")
    click.echo(f"seed  {printable(document['seed'])}")
    click.echo(f"seal  {document['seal']}")
    rows = tuple((str(f["position"]), f["frame"], str(f["revision"]), f["verdict"]) for f in document["frames"])
    print_table(Table(tuple(map(Column, ("place", "frame", "revision", "verdict"))), rows))
