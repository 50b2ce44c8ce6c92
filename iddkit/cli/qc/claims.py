"""``iddkit qc next``: what a person is to do now."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from iddkit.cli import options as shared
from iddkit.cli.qc import options
from iddkit.cli.qc.findings import finding_lines
from iddkit.cli.qc.marks import mark_text
from iddkit.errors import printable
from iddkit.qc.stages import ASKED, Stage

if TYPE_CHECKING:
    from iddkit.qc.queue import Task
    from iddkit.qc.state import Person
    from iddkit.qc.store.database import Store
    from iddkit.qc.store.work import Work

_STAGES = [str(stage) for stage in Stage if stage in (*ASKED, Stage.REPAIR)]


@click.command("next")
@options.as_person
@click.option("--stage", type=click.Choice(_STAGES), help="Only of this stage.  [default: by the person's roles]")
@shared.as_json
@options.project
def take_next(store: Store, as_name: str, stage: str | None, as_json: bool) -> None:
    """Take the next frame: nobody else gets it until it is handed in, judged or released, or the claim lapses.

    The same frame comes again until then. Repairs come before reviews, reviews before new frames, and what has waited
    longest comes first. With nothing to do it says so, and the exit code is 0.
    """
    from iddkit.qc import queue
    from iddkit.qc.checklist import load_checklist

    with store.writing() as work:
        person = queue.find_person(work, as_name)
        task = queue.take_next(work, person, None if stage is None else Stage(stage))
        document = None if task is None else _describe(work, store, person, task)
    if document is not None:
        checklist = load_checklist(options.read_settings(store).checklist)
        asked = checklist.of(document["review"])
        document["questions"] = [{"code": question.code, "text": question.text} for question in asked]
    if as_json:
        click.echo(json.dumps(document, indent=1))
    elif document is None:
        click.echo("nothing to do")
    else:
        _print(document)


def _describe(work: Work, store: Store, person: Person, task: Task) -> dict[str, Any]:
    """Return what a person has to know of their task, as JSON values."""
    from iddkit.qc.progress.brief import read_brief
    from iddkit.qc.store import contents

    frame = task.frame
    brief = read_brief(store, work, frame, person)
    if brief.problem:
        click.echo(f"Note: {printable(frame.key)} could not be looked through: {brief.problem}", err=True)
    root, kept, checked = Path(os.path.normpath(frame.root)), brief.revision, brief.checked
    if kept is not None:
        annotation = str(contents.path_of(store.files(work.project), kept.sha256).absolute())
    else:  # what the dataset came with, to begin from
        annotation = str(root / frame.annotation) if frame.annotation else ""
    return {
        "frame": frame.key,
        "stage": frame.stage,
        "review": brief.review,
        "again": task.again,
        "claimed_until": options.local_text(frame.claimed_until or 0, work.project.timezone),
        "image": str(root / frame.image) if frame.image else "",
        "annotation": annotation,
        "revision": frame.revision,
        "file_name": "" if kept is None else kept.file_name,
        "by": brief.by,
        "round": frame.rounds,
        "failures": [failure.to_json() for failure in brief.failures],
        "findings": [] if checked is None else [finding.to_json() for finding in checked.findings],
        "gaps": [] if checked is None else [gap.to_json() for gap in checked.gaps],
    }


def _print(document: dict[str, Any]) -> None:
    click.echo(f"frame       {printable(document['frame'])}")
    until = f"yours until {document['claimed_until']}"
    click.echo(f"stage       {document['stage']}{', again' if document['again'] else ''}; {until}")
    click.echo(f"image       {printable(document['image'], 4096) or '-'}")
    click.echo(f"annotation  {printable(document['annotation'], 4096) or '-'}")
    if document["revision"]:
        click.echo(
            f"revision    {document['revision']}, {printable(document['file_name'])} by {printable(document['by'])}"
        )
    for failure in document["failures"]:
        by, revision = printable(failure["by"]), failure["revision"]
        click.echo(f"failed      {failure['stage']} by {by}, revision {revision}{_because(failure)}")
        for mark in failure["marks"]:
            click.echo(f"            {mark_text(mark)}")
    for line in finding_lines(document["findings"]):
        click.echo(f"found       {line}")
    for question in document["questions"]:
        click.echo(f"asked       {printable(question['code'])}: {printable(question['text'], 500)}")


def _because(failure: dict[str, Any]) -> str:
    return f": {printable(failure['text'], 500)}" if failure["text"] else ""
