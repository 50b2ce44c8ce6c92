"""``iddkit version``."""

from __future__ import annotations

import platform

import click

from iddkit import __version__


@click.command()
@click.option("--verbose", is_flag=True, help="Also the versions of all that decides about pixels.")
def version(verbose: bool) -> None:
    """Print iddkit's version."""
    if not verbose:
        click.echo(__version__)
        return
    from iddkit.raster.scanline import fill_compiled
    from iddkit.versions import pixel_versions

    for name, number in pixel_versions().items():
        click.echo(f"{name:24} {number}")
    click.echo(f"{'python':24} {platform.python_version()} ({platform.system()} {platform.machine()})")
    click.echo(f"{'cityscapes fill rule':24} {'compiled' if fill_compiled else 'NumPy (no compiler at installation)'}")
