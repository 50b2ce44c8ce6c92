"""What a user should know although nothing failed: a screen of it, not hundreds of lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iddkit.errors import FrameError

if TYPE_CHECKING:
    from iddkit.frames import Index

#: Notes, and problems of one kind, that are printed: a screen of them.
LISTED = 20


def print_notes(notes: Sequence[str], index: Index) -> None:
    """Print notes to standard error; those of the index, files without a partner, are only counted."""
    known = {str(FrameError(p.problem, path=Path(index.root) / p.path)) for p in index.problems if not p.is_error}
    others = [line for line in notes if line not in known]
    for line in others[:LISTED]:
        click.echo(f"Note: {line}", err=True)
    if len(others) > LISTED:
        click.echo(f"... and {len(others) - LISTED} more; --json lists them", err=True)
    partners = len(notes) - len(others)
    if partners:
        click.echo(f"{partners} notes on files without a partner: 'iddkit index' lists them", err=True)
