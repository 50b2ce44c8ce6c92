"""``iddkit qc init``, ``settings``, ``checklist``: a project, how it works, and what its reviewers are asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from iddkit.cli import options as shared
from iddkit.cli.qc import options
from iddkit.cli.qc.plan_options import parse_plan, plan_text
from iddkit.errors import printable

if TYPE_CHECKING:
    from iddkit.qc.checklist import Checklist
    from iddkit.qc.state import Project
    from iddkit.qc.store.database import Store

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_SETTINGS = (
    click.option("--name", metavar="TEXT", help="Of the dataset."),
    click.option("--week-start", type=click.Choice(DAYS), help="Day that a week begins on.  [at first: wednesday]"),
    click.option("--timezone", metavar="ZONE", help="Whose midnight that is: Asia/Kolkata.  [at first: UTC]"),
    click.option(
        "--max-rounds",
        type=click.IntRange(0, 1000),
        help="Repairs of a frame before it goes to the lead.  [at first: 3]",
    ),
    click.option(
        "--claim-hours",
        type=click.FloatRange(0, 10_000, min_open=True),
        help="How long a frame is one person's to work on.  [at first: 8]",
    ),
    click.option(
        "--seed", type=click.IntRange(0, 2**31 - 1), help="Of the lots by which peers are assigned.  [at first: 1]"
    ),
    click.option("--checklist", metavar="NAME|FILE", help="Questions and reasons of the reviews.  [at first: idd]"),
    click.option("--plan3", metavar="PLAN", help="Of QC3's samples; see 'iddkit qc plan --help'.  [at first: thesis]"),
    click.option("--plan4", metavar="PLAN", help="Of QC4's samples.  [at first: qc4]"),
    click.option(
        "--label-map", metavar="MAP", help="Labels that annotations are checked by: name or CSV file.  [at first: idd]"
    ),
    click.option(
        "--findings",
        type=click.Choice(["off", "show", "no-critical"]),
        help="What 'iddkit check' finds in a hand-in: nothing is looked for, it is shown, or a critical one refuses it."
        "  [at first: show]",
    ),
    click.option(
        "--files",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="FOLDER",
        help="Where handed-in files are kept; PostgreSQL needs it, a folder that all can reach."
        "  [at first: qc_files beside the SQLite file]",
    ),
)


def _with_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_SETTINGS):
        command = option(command)
    return command


@click.command()
@_with_settings
@click.option("--lead", metavar="NAME", help="The first person, who leads.")
@options.database
@click.pass_context
def init(context: click.Context, /, lead: str | None, name: str | None, **given: Any) -> None:
    """Begin a project: a database with its settings, and nobody and nothing in it yet.

    'iddkit qc people add' adds those who take part, 'iddkit qc add' the frames. All settings can be changed later, by
    'iddkit qc settings'.
    """
    from iddkit.qc import queue
    from iddkit.qc.stages import Role
    from iddkit.qc.store.database import create_store

    url = options.database_of(context)
    changes = _changes(given)
    if name is None:
        name = Path.cwd().name if "://" in url else Path(url).absolute().parent.name
    store = create_store(url)
    context.call_on_close(store.close)
    with store.writing() as work:
        made = queue.start_project(work, name or "review", **changes)
        if lead is not None:
            queue.add_person(work, lead, [Role.LEAD])
    click.echo(f"{printable(store.url, 4096)}: project {printable(made.name)}, files in {store.files(made)}")


@click.command()
@_with_settings
@options.as_lead
@shared.as_json
@options.project
def settings(store: Store, as_name: str | None, as_json: bool, **given: Any) -> None:
    """Print the settings of the project, or change some of them, as only a lead may.

    A batch that is frozen keeps the plan that its sample was drawn by.
    """
    from iddkit.qc import queue

    changes = _changes(given)
    if changes:
        with store.writing() as work:
            project = queue.change_project(work, options.find_actor(work, as_name), **changes)
    else:
        project = options.read_settings(store)
    said = _as_json(project, store)
    if as_json:
        click.echo(json.dumps(said, indent=1))
        return
    for key, value in said.items():
        click.echo(f"{key.replace('_', ' '):<12}  {_in_words(value)}")


@click.command()
@click.argument("which", metavar="[NAME|FILE]", required=False)
@click.option("--stage", type=click.Choice(["qc1", "qc2", "qc3", "qc4"]), help="Only the questions of this review.")
@shared.as_json
@options.database
@click.pass_context
def checklist(context: click.Context, which: str | None, stage: str | None, as_json: bool) -> None:
    """Print what the reviewers are asked, and the reasons why a frame can fail.

    Without a name it is the checklist of the project. A TOML file of one's own is checked by this, too.
    """
    from iddkit.qc.checklist import load_checklist
    from iddkit.qc.store.database import open_store

    if which is None:
        store = open_store(options.database_of(context))
        context.call_on_close(store.close)
        which = options.read_settings(store).checklist
    found = load_checklist(which)
    if as_json:
        click.echo(json.dumps(_checklist_json(found, stage), indent=1))
        return
    click.echo(f"checklist {printable(found.name)}, version {found.version}")
    for question in found.questions:
        if stage in (None, question.stage):
            click.echo(f"{question.stage}  {printable(question.code):<20}  {printable(question.text, 500)}")
    for reason in found.reasons:
        click.echo(f"fail {printable(reason.code):<20}  {reason.severity:<8}  {printable(reason.text, 500)}")


def _changes(given: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that options change, as `iddkit.qc.queue` takes them."""
    changes = {name: value for name, value in given.items() if value is not None}
    if "week_start" in changes:
        changes["week_start"] = DAYS.index(changes["week_start"])
    if "claim_hours" in changes:
        changes["claim_seconds"] = max(1, round(3600 * changes.pop("claim_hours")))
    for name in ("plan3", "plan4"):
        if name in changes:
            changes[name] = parse_plan(changes[name]).to_json()
    if "checklist" in changes and Path(changes["checklist"]).is_file():
        changes["checklist"] = str(Path(changes["checklist"]).absolute())
    if "label_map" in changes and Path(changes["label_map"]).is_file():
        changes["label_map"] = str(Path(changes["label_map"]).absolute())
    if "files" in changes:
        changes["files"] = str(changes["files"].absolute())
    return changes


def _as_json(project: Project, store: Store) -> dict[str, Any]:
    said: dict[str, Any] = {
        field.name: getattr(project, field.name) for field in fields(project) if field.name not in ("id", "files")
    }
    said["week_start"] = DAYS[project.week_start]
    said["claim_hours"] = said.pop("claim_seconds") / 3600
    said |= {"plan3": json.loads(project.plan3), "plan4": json.loads(project.plan4)}
    return {**said, "files": str(store.files(project)), "database": store.url}


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return plan_text(value)
    return printable(f"{value:g}" if isinstance(value, float) else str(value), 4096)


def _checklist_json(found: Checklist, stage: str | None) -> dict[str, Any]:
    return {
        "name": found.name,
        "version": found.version,
        "questions": [
            {"stage": q.stage, "code": q.code, "text": q.text} for q in found.questions if stage in (None, q.stage)
        ],
        "reasons": [{"code": r.code, "text": r.text, "severity": str(r.severity)} for r in found.reasons],
    }
