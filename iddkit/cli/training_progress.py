"""How far a training is, on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from iddkit.training.state import Moment


@contextmanager
def watching(name: str) -> Iterator[Callable[[Moment], None]]:
    """Yield a function that shows how far a training is: as a bar on a terminal, else as a line for each validation."""
    if not sys.stderr.isatty():
        seen: list[float | None] = [None]

        def tell(moment: Moment) -> None:
            if moment.mean_iou != seen[0]:
                seen[0] = moment.mean_iou
                click.echo(f"{name}: {_text(moment)}", err=True)

        yield tell
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn(name), BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda moment: bar.update(task, completed=moment.progress, description=_text(moment))


def _text(moment: Moment) -> str:
    of = "" if moment.epochs is None else f" of {moment.epochs}"
    score = "" if moment.mean_iou is None else f", val mIoU {moment.mean_iou:.1%}"
    phase = "" if moment.phase == "whole" else f" ({moment.phase})"
    left = f"{int(moment.seconds_left // 60)}:{int(moment.seconds_left % 60):02}"
    return f"epoch {moment.epoch}{of}{phase}, loss {moment.loss:.3f}{score}, {left} left"
