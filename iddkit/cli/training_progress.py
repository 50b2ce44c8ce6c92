"""How far a training is, on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from iddkit.training.state import Moment


#: Seconds between lines.
_QUIET: Final = 60.0


@contextmanager
def watching(name: str) -> Iterator[Callable[[Moment], None]]:
    """Yield a function that shows how far a training is: as a bar on a terminal, else as a line a minute."""
    if not sys.stderr.isatty():
        told = [time.monotonic()]

        def tell(moment: Moment) -> None:
            if time.monotonic() - told[0] >= _QUIET or moment.progress >= 1:
                told[0] = time.monotonic()
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
