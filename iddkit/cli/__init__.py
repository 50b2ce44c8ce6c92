"""The command line: one module per group of commands, no work in any of them.

A command is imported when it is called, so that ``iddkit labels`` does not wait for OpenCV.
"""

from __future__ import annotations

import os
import signal
import sys

import click

from iddkit import __version__
from iddkit.cli.lazy import lazy_group
from iddkit.errors import UserError, printable

# Command name to the module and the object in it. The order is that of the work.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("iddkit.cli.demo", "demo"),
    "labels": ("iddkit.cli.labels", "labels"),
    "index": ("iddkit.cli.index", "index"),
    "convert": ("iddkit.cli.convert", "convert"),
    "check": ("iddkit.cli.check", "check"),
    "rules": ("iddkit.cli.rules", "rules"),
    "qc": ("iddkit.cli.qc", "qc"),
    "rasterize": ("iddkit.cli.rasterize", "rasterize"),
    "stats": ("iddkit.cli.stats", "stats"),
    "make-mini": ("iddkit.cli.subset", "make_mini"),
    "make-lite": ("iddkit.cli.subset", "make_lite"),
    "subset": ("iddkit.cli.subset", "subset"),
    "verify": ("iddkit.cli.verify", "verify"),
    "models": ("iddkit.cli.models", "models"),
    "benchmark": ("iddkit.cli.benchmark", "benchmark"),
    "predict": ("iddkit.cli.predict", "predict"),
    "evaluate": ("iddkit.cli.evaluate", "evaluate"),
    "agree": ("iddkit.cli.agree", "agree"),
    "export": ("iddkit.cli.export", "export"),
    "show": ("iddkit.cli.show", "show"),
    "version": ("iddkit.cli.version", "version"),
}


@click.command(
    cls=lazy_group(COMMANDS), context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, prog_name="iddkit")
def group() -> None:
    """From annotators' polygons to a validated small driving-scene dataset.

    Data goes to standard output, progress and notes to standard error. Exit codes: 0 all done, 1 something could not
    be done and is listed, 2 the command was not understood, 130 interrupted.
    """


def main() -> None:
    """Run the command line; the one place where expected errors become a line and an exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        # Commands return nothing; an exit code comes back from 'Exit'.
        sys.exit(group.main(standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except UserError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    except _Terminated:
        sys.exit(128 + signal.SIGTERM)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # 'iddkit ... | head': the reader has seen enough. Nothing more can be flushed to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        # A full disk, a name too long, a folder that is gone: the machine's, and the user's to mend.
        place = "" if error.filename is None else f"{printable(str(error.filename))}: "
        click.echo(f"Error: {place}{error.strerror or error}", err=True)
        sys.exit(1)


class _Terminated(BaseException):
    """SIGTERM arrived: end as Ctrl-C does, so that worker processes end, too."""


def _terminate(*_: object) -> None:
    raise _Terminated
