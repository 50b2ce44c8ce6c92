"""``iddkit qc findings``: what the machine says of a frame's annotation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from iddkit.cli import options as shared
from iddkit.cli.qc import options
from iddkit.errors import printable

if TYPE_CHECKING:
    from iddkit.checks import Checked
    from iddkit.qc.store.database import Store

#: Findings that are told beside something else; 'iddkit qc findings' tells all.
_TOLD = 10


@click.command()
@click.argument("frame_name", metavar="FRAME")
@click.option("--revision", type=click.IntRange(0), metavar="N", help=options.WHICH_VERSION)
@options.as_shown
@shared.as_json
@options.project
def findings(store: Store, frame_name: str, revision: int | None, as_name: str | None, as_json: bool) -> None:
    """Print what 'iddkit check' finds in a version of FRAME's annotation, and the regions that have no label."""
    from iddkit.qc import queue
    from iddkit.qc.examination import examine_content
    from iddkit.qc.progress.brief import fetch_shown

    with options.looking(store) as work:
        frame, project = queue.find_frame(work, frame_name), work.project
        person = None if as_name is None else queue.find_person(work, as_name)
        version = fetch_shown(store, work, frame, person, revision)
    checked = examine_content(project, frame, version.content, version.file_name)
    found = [] if checked is None else [finding.to_json() for finding in checked.findings]
    gaps = [] if checked is None else [gap.to_json() for gap in checked.gaps]
    if as_json:
        ledger = None if checked is None or checked.ledger is None else checked.ledger.to_json()
        document = {"frame": frame.key, "revision": version.number, "findings": found, "gaps": gaps, "polygons": ledger}
        click.echo(json.dumps(document, indent=1))
        return
    if checked is None:
        click.echo("the project looks for nothing: 'iddkit qc settings --findings show'")
        return
    for line in finding_lines(found, len(found)):
        click.echo(line)
    click.echo(f"{printable(frame.key)}, revision {version.number}: {len(found)} findings, {len(gaps)} gaps")


def print_findings(key: str, checked: Checked | None) -> None:
    """Print what was found in a hand-in of a frame, the worst of it, to standard error."""
    if checked is not None:
        for line in finding_lines([finding.to_json() for finding in checked.findings]):
            click.echo(f"{printable(key)}: found {line}", err=True)


def finding_lines(found: Sequence[Mapping[str, Any]], most: int = _TOLD) -> Iterator[str]:
    """Yield findings, as JSON has them, a line each, the worst first; of those above `most` only how many there are."""
    for one in found[:most]:
        where = "" if one["object"] is None else f"object {one['object']}: "
        yield f"{one['severity']}, {one['rule']}: {where}{printable(one['text'], 300)}"
    if len(found) > most:
        yield f"... and {len(found) - most} more: 'iddkit qc findings' tells them"
