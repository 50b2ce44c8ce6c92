"""``iddkit qc plant``, ``plants``: errors on purpose, to measure what reviewers see."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from iddkit.cli import options as shared
from iddkit.cli.qc import options
from iddkit.errors import printable

if TYPE_CHECKING:
    from iddkit.qc.store.database import Store

# As `iddkit.qc.spoiling.KINDS`, which loads what the help does not need.
_KINDS: Final = ("wrong-label", "missing-object", "boundary")


@click.command()
@click.argument("frame_names", metavar="[FRAME...]", nargs=-1)
@options.as_lead
@click.option("--stage", type=click.Choice(["qc1", "qc2", "qc3", "qc4"]), help="Only at this review.")
@click.option("--reviewer", metavar="NAME", help="For this person.  [default: whoever reviews the frame first]")
@click.option("--batch", "batch_name", metavar="B", help="Only in this batch.")
@click.option("--count", type=click.IntRange(1, 1000), metavar="N", help="How many.  [default: 1, or each FRAME]")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), metavar="S", help="Of the lots.  [default: by the machine]")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(_KINDS), help="What is wrong; repeatable.")
@click.option(
    "--file",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A spoiled copy of your own, of one FRAME.",
)
@click.option("--reason", metavar="CODE", help="What is wrong with it, by the checklist.")
@shared.as_json
@options.project
def plant(
    store: Store,
    frame_names: tuple[str, ...],
    as_name: str | None,
    stage: str | None,
    reviewer: str | None,
    batch_name: str | None,
    count: int | None,
    seed: int | None,
    kinds: tuple[str, ...],
    path: Path | None,
    reason: str | None,
    as_json: bool,
) -> None:
    """Show reviewers spoiled copies of frames that wait for them, to measure what they see.

    Frames are chosen by lot among those that wait for a review and that nobody works on; or they are named. One object
    is given a label that annotators confuse with its own, is left out, or is moved. The reviewer sees the copy in place
    of the frame; their verdict is noted for the copy alone, and the frame comes again later as it is. A copy whose
    frame goes on without it is void. Nothing of it can reach a sample's result, an accepted batch or an export. In a
    sample the one who judged the copy comes to the frame last: a plan that stops early stops later for it.

    \b
    iddkit qc plant --stage qc1 --count 10                    ten frames at QC1, by lot
    iddkit qc plant --reviewer sue --kind boundary
    iddkit qc plant frame0029 --file bad.json --reason gap    a copy of your own
    """  # noqa: D301 - click wants the character itself
    from iddkit import files
    from iddkit.qc.progress.plants import read_plants
    from iddkit.qc.queue.planting import plant_by_lot, plant_own

    if (path is None) != (reason is None):
        raise click.UsageError("--file and --reason belong together")
    with options.looking(store) as work:
        lead = options.find_actor(work, as_name).name
    if path is not None:
        if len(frame_names) != 1 or any(value for value in (stage, batch_name, count, seed, kinds)):
            raise click.UsageError("--file is a copy of one FRAME, and nothing is chosen by lot")
        content = files.read_bytes(path)
        numbers = [plant_own(store, lead, frame_names[0], content, reason or "", path=path, reviewer=reviewer).id]
    else:
        import secrets

        from iddkit.qc.stages import Stage

        seed = secrets.randbits(32) if seed is None else seed
        done = plant_by_lot(
            store,
            lead,
            stage=None if stage is None else Stage(stage),
            batch=batch_name,
            reviewer=reviewer,
            frames=frame_names,
            count=count or max(1, len(frame_names)),
            seed=seed,
            kinds=kinds or _KINDS,
        )
        click.echo(f"Note: seed {seed}", err=True)
        for key, problem in done.problems.items():
            click.echo(f"{printable(key)}: {problem}", err=True)
        numbers = [one.id for one in done.plants]
        count = count or max(1, len(frame_names))
        if len(numbers) < count:
            click.echo(f"Note: {len(numbers)} of {count} could be planted", err=True)
    with options.looking(store) as work:
        found = [one for one in read_plants(work.connection) if one.id in numbers]
    if as_json:
        click.echo(json.dumps([one.to_json() for one in found], indent=1))
    else:
        from iddkit.reporting.qc_plants import describe_plant

        for one in found:
            whom = f"for {printable(one.reviewer)}" if one.reviewer else "for whoever reviews it first"
            click.echo(f"{printable(one.frame)}: planted at {one.stage} {whom}: {describe_plant(one)}")
    if not found:
        raise click.exceptions.Exit(1)


@click.command()
@shared.as_json
@options.project
def plants(store: Store, as_json: bool) -> None:
    """List what was planted and what became of it, and how much of it reviewers caught.

    \b
    open     waits to be judged
    caught   failed; in a sample with a defect that its plan counts
    missed   passed
    void     its frame went on without it

    Each share has its interval at 95 % (Clopper and Pearson); of a person it is said from 20 cases on.
    """  # noqa: D301 - click wants the character itself
    from iddkit.cli.console import print_table
    from iddkit.qc.progress.plants import read_plants
    from iddkit.qc.progress.sensitivity import read_sensitivity
    from iddkit.reporting.qc_plants import plant_table, sensitivity_table

    with store.reading() as connection:
        found, seen = read_plants(connection), read_sensitivity(connection)
    if as_json:
        document = {"plants": [one.to_json() for one in found], "sensitivity": seen.to_json()}
        click.echo(json.dumps(document, indent=1))
    elif not found:
        click.echo("nothing was planted")
    else:
        print_table(plant_table(found))
        if seen.stages:
            print_table(sensitivity_table(seen))
