"""``iddkit verify``: whether a derived dataset is still what its manifest says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from iddkit import labels
from iddkit.cli import options
from iddkit.cli.progress import progress_bar

if TYPE_CHECKING:
    from iddkit.subset.verify import Verification


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--source", type=click.Path(path_type=Path), help="Also check that the files it was derived from are the same."
)
@options.label_map
@options.as_json
def verify(out: Path, source: Path | None, label_map_name: str | None, as_json: bool) -> None:
    """Check every file of OUT, a dataset that iddkit derived, against its manifest.

    Each missing, changed or foreign file is a line, and the exit code is 1. Images and labels are decoded: they have to
    have the size that the plan says, and labels only numbers of the level. Hidden files (.git, .DS_Store) are passed
    over.
    """
    from iddkit.subset.verify import verify as check

    label_map = None if label_map_name is None else labels.load(label_map_name)
    with progress_bar("verify") as progress:
        found = check(out, source=source, label_map=label_map, progress=progress)
    if as_json:
        click.echo(json.dumps(_as_json(found), indent=1))
    else:
        _print(found)
    raise click.exceptions.Exit(0 if found.ok else 1)


def _as_json(found: Verification) -> dict[str, Any]:
    return {
        "ok": found.ok,
        "findings": [
            {"kind": finding.kind, "path": str(finding.path), "problem": finding.problem} for finding in found.findings
        ],
        "notes": list(found.notes),
        "frames": len(found.manifest.frames),
        "files": len(found.manifest.files),
        "checked": found.checked,
    }


def _print(found: Verification) -> None:
    for finding in found.findings:
        click.echo(str(finding))
    for note in found.notes:
        click.echo(f"Note: {note}", err=True)
    count = len(found.findings)
    said = "all as the manifest says" if found.ok else f"{count} not as the manifest says"
    click.echo(f"{len(found.manifest.frames)} frames, {found.checked} files: {said}")
