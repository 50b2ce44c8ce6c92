"""``iddkit models``: the baseline networks, how large they are, and what the papers print."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import click

from iddkit import models as networks
from iddkit.cli import options
from iddkit.models import ledger

#: Where the figures of parameters and multiply-adds stand: of the network as built, by the ledger, in the papers.
_BUILT, _LEDGER, _PUBLISHED = "built", "paper ledger", "published"


@click.command()
@click.option("--classes", type=click.IntRange(1, 255), default=7, show_default=True, help="Channels out.")
@click.option(
    "--size",
    type=options.Resolution(),
    metavar="HxW",
    default="128x256",
    help="Height and width, in this order, of the image that multiply-adds are counted for.  [default: height 128, "
    "width 256]",
)
@options.as_json
def models(classes: int, size: tuple[int, int], as_json: bool) -> None:
    """List the baseline networks with their parameters and multiply-adds.

    \b
    built         the network that iddkit trains, for --classes and --size; a GMAC is 1e9 multiply-adds of convolutions
    paper ledger  as the ESSNet papers count: weights alone, one decoder block a level, 20 classes, 512x1024
    published     what these papers print

    Figures of a built network need PyTorch: pip install 'iddkit[train]'.
    """  # noqa: D301 - click wants the character itself
    width, height = size
    has_torch = importlib.util.find_spec("torch") is not None
    rows = [_describe(model, classes, size, has_torch) for model in networks.MODELS.values()]
    if as_json:
        document = {"classes": classes, "height": height, "width": width, "models": rows}
        click.echo(json.dumps(document, indent=1))
    else:
        _print(rows, f"networks for {classes} classes and images of height {height}, width {width}")
        click.echo(f"Note: {_LEDGER} and {_PUBLISHED} are for 20 classes, height 512, width 1024", err=True)
        _print_notes(rows)
    if not has_torch:
        click.echo("Note: figures of built networks need PyTorch: pip install 'iddkit[train]'", err=True)


def _describe(model: networks.Model, classes: int, size: tuple[int, int], has_torch: bool) -> dict[str, Any]:
    built: dict[str, Any] = dict.fromkeys(("params", "params_trainable", "gmacs"))
    if has_torch:
        from iddkit.models.counting import count_model

        counts = count_model(model.name, classes, size)
        built = {
            "params": counts.parameters,
            "params_trainable": counts.trainable,
            "gmacs": counts.macs / 1e9,
        }
    row = ledger.paper_ledger(model.name)
    return {
        "name": model.name,
        "aliases": list(model.aliases),
        "title": model.title,
        "source": model.source,
        "two_phase": model.two_phase,
        "groups": model.groups,
        **built,
        "params_paper_ledger": row and row.params_paper_ledger,
        "gmacs_paper_ledger": row and row.gmacs_paper_ledger,
        "params_published": row and row.params_published,
        "gmacs_published": row and row.gmacs_published,
        "published_mismatch": row is not None and row.published_mismatch,
    }


def _print(rows: list[dict[str, Any]], title: str) -> None:
    from iddkit.cli.console import print_table
    from iddkit.reporting.tables import Column, Table

    columns = [Column("name"), Column("network")]
    keys = ["name", "title"]
    for group, suffix in ((_BUILT, ""), (_LEDGER, "_paper_ledger"), (_PUBLISHED, "_published")):
        columns += [Column("parameters", 0, group), Column("GMACs", 3, group)]
        keys += [f"params{suffix}", f"gmacs{suffix}"]
    print_table(Table(tuple(columns), tuple(tuple(row[key] for key in keys) for row in rows), title))


def _print_notes(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if row["params"] != row["params_trainable"]:
            fixed = row["params"] - row["params_trainable"]
            click.echo(f"Note: {fixed:,} parameters of {row['name']} are fixed: it enlarges by bilinear ones", err=True)
        if row["published_mismatch"]:
            click.echo(
                f"Note: what is printed of {row['name']} does not follow from the ledger that all other rows fit",
                err=True,
            )
