"""``iddkit labels``: a label map as a table with colours."""

from __future__ import annotations

import json

import click

from iddkit import labels as label_maps
from iddkit.cli import options
from iddkit.errors import printable


@click.command()
@click.argument("label_map_name", metavar="[MAP]", default="idd")
@click.option("--level", help="Show the categories of one level (level1, level3, id, ...) instead of every label.")
@options.as_json
def labels(label_map_name: str, level: str | None, as_json: bool) -> None:
    """Print the labels of MAP (idd, cityscapes, or the path of a CSV file) with their numbers and colours.

    Loading a map checks it: numbers within 0-255, unique ids and names, each level nested in the next.
    """
    label_map = label_maps.load(label_map_name)
    level = None if level is None else label_map.level(level)
    if as_json:
        click.echo(json.dumps(_rows_as_json(label_map, level), indent=1))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    def chip(color: tuple[int, int, int]) -> Text:
        return Text("    ", style=f"on rgb({color[0]},{color[1]},{color[2]})")

    def plain(text: str) -> Text:
        return Text(printable(text, 2000))  # brackets in a label are no markup

    table = Table(title=plain(f"{label_map.name}: {level or 'labels'}"), title_justify="left")
    if level is None:
        for heading in ("", "label", *label_map.levels, "instances", "evaluated", "rgb"):
            table.add_column(heading, justify="right" if heading in label_map.levels else "left", no_wrap=True)
        for label in label_map:
            numbers = [str(label.numbers[name]) for name in label_map.levels]
            flags = ["yes" if label.has_instances else "", "" if label.ignore_in_eval else "yes"]
            table.add_row(chip(label.color), plain(label.name), *numbers, *flags, " ".join(map(str, label.color)))
    else:
        for heading in ("", level, "category", "labels", "instances", "evaluated"):
            table.add_column(heading, justify="right" if heading == level else "left")
        for category in label_map.categories(level):
            members = ", ".join(label.name for label in category.labels)
            flags = ["yes" if category.isthing else "", "" if category.ignore_in_eval else "yes"]
            table.add_row(chip(category.color), str(category.number), plain(category.name), plain(members), *flags)
    # A table that is piped into a file is as wide as it needs.
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    console.print(table)


def _rows_as_json(label_map: label_maps.LabelMap, level: str | None) -> list[dict[str, object]]:
    if level is None:
        return [
            {
                "name": label.name,
                **{name: label.numbers[name] for name in label_map.levels},
                "color": list(label.color),
                "has_instances": label.has_instances,
                "ignore_in_eval": label.ignore_in_eval,
            }
            for label in label_map
        ]
    return [
        {
            "number": category.number,
            "name": category.name,
            "labels": [label.name for label in category.labels],
            "color": list(category.color),
            "isthing": category.isthing,
            "ignore_in_eval": category.ignore_in_eval,
        }
        for category in label_map.categories(level)
    ]
