"""Groups of commands that are imported when they are called."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

import click


def lazy_group(commands: Mapping[str, tuple[str, str]]) -> type[click.Group]:
    """Return a kind of group whose commands are looked up in a table: name to module, and the object in it.

    Examples
    --------
    >>> kind = lazy_group({"version": ("iddkit.cli.version", "version")})
    >>> kind("iddkit").list_commands(click.Context(kind("iddkit")))
    ['version']
    """

    class Commands(click.Group):
        def list_commands(self, ctx: click.Context) -> list[str]:
            return list(commands)

        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            if cmd_name not in commands:
                return None
            module, attribute = commands[cmd_name]
            command: click.Command = getattr(import_module(module), attribute)
            return command

    return Commands
