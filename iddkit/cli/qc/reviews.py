"""``iddkit qc review``, ``repairs``: verdicts, and what came of the bad ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iddkit.cli import options as shared
from iddkit.cli.qc import options
from iddkit.cli.qc.marks import parse_answers, read_marks
from iddkit.errors import printable

if TYPE_CHECKING:
    from iddkit.qc.store.database import Store


@click.command()
@click.argument("frame_name", metavar="FRAME")
@options.as_person
@click.option("--pass/--fail", "passes", default=None, help="The verdict.")
@click.option("--reason", "reasons", multiple=True, metavar="CODE", help="Why it fails; repeatable.")
@click.option(
    "--mark",
    "marks",
    multiple=True,
    metavar="MARK",
    help="A defect: REASON[!SEVERITY][@POLYGON][>LABEL][#X,Y,WIDTH,HEIGHT][=TEXT]; repeatable.",
)
@click.option(
    "--marks",
    "marks_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.json",
    help="Defects as a list of objects: reason, severity, shape, label, region, text.",
)
@click.option("--answer", "answers", multiple=True, metavar="CODE=yes|no", help="To a question; repeatable.")
@click.option("--text", default="", metavar="TEXT", help="What else there is to say.")
@options.minutes
@click.option(
    "--revision",
    type=click.IntRange(1),
    metavar="N",
    help="The revision that was looked at: if another counts by now, refuse.",
)
@options.project
def review(
    store: Store,
    frame_name: str,
    as_name: str,
    passes: bool | None,
    reasons: tuple[str, ...],
    marks: tuple[str, ...],
    marks_path: Path | None,
    answers: tuple[str, ...],
    text: str,
    seconds: int,
    revision: int | None,
) -> None:
    """Pass or fail FRAME at the review at which it stands.

    A failure needs a reason of the checklist ('iddkit qc checklist' lists them), and should say where: the number of
    the polygon (from 0, deleted ones counted), the label that it ought to have, a region.

    \b
    iddkit qc review frame0029 --as bo --fail --mark 'wrong-label@17>truck=it carries bricks'
    iddkit qc review frame0030 --as bo --fail --reason gap --text 'the whole left side'
    """  # noqa: D301 - click wants the character itself
    from iddkit.qc import queue
    from iddkit.qc.checklist import load_checklist, parse_mark
    from iddkit.qc.stages import REVIEWS, Action, Stage
    from iddkit.qc.state import Frame

    if passes is None:
        raise click.UsageError("say how it is: --pass or --fail")
    checklist = load_checklist(options.read_settings(store).checklist)
    found = [parse_mark(checklist.reason(code).code, checklist) for code in reasons]
    found += [parse_mark(mark, checklist) for mark in marks]
    found += read_marks(marks_path, checklist) if marks_path is not None else []
    with store.writing() as work:
        frame, person = queue.find_frame(work, frame_name), queue.find_person(work, as_name)
        stage = frame.failed_at if frame.stage == Stage.RECHECK else frame.stage
        queue.review(
            work,
            frame,
            person,
            Action.PASS if passes else Action.FAIL,
            checklist=checklist,
            marks=found,
            answers=parse_answers(answers, checklist, stage) if stage in REVIEWS else None,
            seconds=seconds,
            revision=revision,
            text=text,
        )
        judged = work.state.get(Frame, frame.id)
    verdict = "passed" if passes else "failed"
    where = f"stays at {judged.stage} with its batch" if judged.sample is not None else f"now at {judged.stage}"
    click.echo(f"{printable(judged.key)}: {verdict} {stage}, revision {judged.revision}; {where}")


@click.command()
@click.option("--batch", "batch_name", metavar="B", help="Only of this batch.")
@click.option("--of", "owner", metavar="NAME", help="Only those that are this person's to mend.")
@shared.as_json
@options.project
def repairs(store: Store, batch_name: str | None, owner: str | None, as_json: bool) -> None:
    """List the frames that failed and are being mended: whose they are, why, and since when; the longest first."""
    from iddkit.cli.console import print_table
    from iddkit.qc import queue
    from iddkit.qc.events import to_text
    from iddkit.qc.progress.repairs import Repair, read_repairs
    from iddkit.reporting.qc_tables import repair_table

    with options.looking(store) as work:
        batch = None if batch_name is None else queue.find_batch(work, batch_name)
        name = None if owner is None else queue.find_person(work, owner).name
        found = read_repairs(work.connection, now=datetime.now(UTC), batch=batch)
    found = tuple(one for one in found if name in (None, one.owner))
    if as_json:
        listed = [
            {**{key: getattr(one, key) for key in Repair.__slots__}, "since": to_text(one.since)} for one in found
        ]
        click.echo(json.dumps(listed, indent=1))
    elif found:
        print_table(repair_table(found))
    else:
        click.echo("no frame is in repair")
