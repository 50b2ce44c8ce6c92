"""What a user should know although nothing failed: a screen of it, not hundreds of lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iddkit.errors import FrameError

if TYPE_CHECKING:
    from iddkit.frames import Index
    from iddkit.metrics import EvaluationProblem

#: Notes, and problems of one kind, that are printed: a screen of them.
LISTED = 20

#: Kinds of problems of an index that say that a file has no partner, as test splits have none.
_PARTNERS = ("no annotation", "no image", "unknown name")


def print_notes(notes: Sequence[str], index: Index) -> None:
    """Print notes to standard error; those of the index, files without a partner, are only counted."""
    known = {str(FrameError(p.problem, path=Path(index.root) / p.path)) for p in index.problems if p.kind in _PARTNERS}
    others = [line for line in notes if line not in known]
    for line in others[:LISTED]:
        click.echo(f"Note: {line}", err=True)
    if len(others) > LISTED:
        click.echo(f"... and {len(others) - LISTED} more; --json lists them", err=True)
    partners = len(notes) - len(others)
    if partners:
        are = "notes" if partners > 1 else "note"
        click.echo(f"{partners} {are} on files without a partner: 'iddkit index' lists them", err=True)


def print_problems(problems: Sequence[EvaluationProblem], notes: Sequence[str]) -> None:
    """Print problems to standard error, those of a kind up to `LISTED`, then notes."""
    counts = Counter(problem.kind for problem in problems)
    printed: Counter[str] = Counter()
    for problem in problems:
        printed[problem.kind] += 1
        if printed[problem.kind] <= LISTED:
            click.echo(str(problem), err=True)
    for kind, count in counts.items():
        if count > LISTED:
            click.echo(f"... and {count - LISTED} more: {kind}; --json lists them", err=True)
    for note in notes:
        click.echo(f"Note: {note}", err=True)
