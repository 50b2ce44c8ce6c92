"""``iddkit qc review``, ``repairs``: verdicts, and what came of the bad ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
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
    from iddkit.qc.store.work import Work


@click.command()
@click.argument("frame_name", metavar="FRAME")
@options.as_person
@click.option("--pass", "passes", is_flag=True, help="The verdict: as it should be.")
@click.option("--fail", "fails", is_flag=True, help="The verdict: it has to be mended.")
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
    metavar="FILE",
    help="Defects as JSON, a list of objects (reason, severity, shape, label, region, text), or the Cityscapes tool's "
    "correction boxes (XML; --reason is that of boxes whose remark names none).",
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
    passes: bool,
    fails: bool,
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

    if passes == fails:
        raise click.UsageError("say how it is: --pass or --fail")
    checklist = load_checklist(options.read_settings(store).checklist)
    found = [parse_mark(mark, checklist) for mark in marks]
    if marks_path is not None:
        found += read_marks(marks_path, checklist, reasons[0] if reasons else "")
    said = {mark.reason for mark in found}
    found += [parse_mark(checklist.reason(code).code, checklist) for code in reasons if code not in said]
    with store.writing() as work:
        frame, person = queue.find_frame(work, frame_name), queue.find_person(work, as_name)
        stage = frame.failed_at if frame.stage == Stage.RECHECK else frame.stage
        event = queue.review(
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
        judged = queue.told_frame(work, frame, event)
    verdict = "passed" if passes else "failed"
    where = f"stays at {judged.stage} with its batch" if judged.sample is not None else f"now at {judged.stage}"
    click.echo(f"{printable(judged.key)}: {verdict} {stage}, revision {judged.revision}; {where}")
    if fails and judged.sample is not None and not judged.bad:
        click.echo("Note: under the plan of the sample these defects do not make the image a bad one", err=True)


@click.command()
@click.option("--batch", "batch_name", metavar="B", help="Only of this batch.")
@click.option("--of", "owner", metavar="NAME", help="Only those that are this person's to mend.")
@click.option(
    "--corrections",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Also write the marks as correction files of the Cityscapes tool.",
)
@shared.as_json
@options.project
def repairs(store: Store, batch_name: str | None, owner: str | None, folder: Path | None, as_json: bool) -> None:
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
        if folder is not None:
            _write_corrections(store, work, [one.frame for one in found], folder)
    if as_json:
        listed = [
            {**{key: getattr(one, key) for key in Repair.__slots__}, "since": to_text(one.since)} for one in found
        ]
        click.echo(json.dumps(listed, indent=1))
    elif found:
        print_table(repair_table(found))
    else:
        click.echo("no frame is in repair")


def _write_corrections(store: Store, work: Work, keys: Sequence[str], folder: Path) -> None:
    from iddkit import files, formats
    from iddkit.qc import queue
    from iddkit.qc.corrections import encode_corrections
    from iddkit.qc.progress.failures import read_failures
    from iddkit.qc.state import Revision
    from iddkit.qc.store import contents

    for key in keys:
        frame = queue.find_frame(work, key)
        failure = read_failures(work.connection, [frame.id])[frame.id][-1]
        revision = work.state.get(Revision, frame.id, failure.revision)
        content = contents.fetch(store.files(work.project), revision.sha256)
        annotation = formats.parse(content, Path(revision.file_name)).annotation
        image = Path(frame.image).name if frame.image else annotation.image or frame.name
        # The tool looks for the image's name with another ending, in a folder of its city.
        place = folder / frame.split / frame.sequence / Path(image).with_suffix(".xml").name
        files.write_bytes(place, encode_corrections(failure.marks, annotation, image))
        click.echo(f"{place}: {len(failure.marks)} corrections", err=True)
