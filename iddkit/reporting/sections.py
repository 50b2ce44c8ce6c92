"""The parts of a report, and how a page shows them: figures, tables, what is to be read in them."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from iddkit.errors import printable
from iddkit.reporting.figure import Drawing
from iddkit.reporting.tables import Table

#: Long tables are shown with so many rows; CSV files hold all.
SHOWN_ROWS: Final = 100

#: A figure is embedded as SVG up to so many bytes, else as PNG.
MOST_SVG: Final = 160_000


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure of a section: its name in `benchmark_figures.draw_figures`, and in words what it shows."""

    name: str
    says: str


@dataclass(frozen=True, slots=True)
class Listing:
    """A table of a section.

    Attributes
    ----------
    heading
        Above it, or "".
    table
        As people read it.
    csv
        Name of the file that has all of its numbers, or "".
    folded
        It is long: the page shows it on demand, Markdown leaves it to the file.
    """

    heading: str
    table: Table
    csv: str = ""
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report: its name in the page, its title, what its figures and tables tell, and these."""

    name: str
    title: str
    reading: str
    pictures: tuple[Picture, ...]
    listings: tuple[Listing, ...]


def plain(listing: Listing, colors: Mapping[str, str]) -> dict[str, Any]:
    """Return a listing as the macros of ``listing.html`` take it.

    Parameters
    ----------
    listing
        Its first `SHOWN_ROWS` rows are shown.
    colors
        By class, as HTML writes them: classes in columns that are called so have a chip of theirs.
    """
    return {
        "heading": listing.heading,
        "title": printable(listing.table.title),
        "csv": listing.csv,
        "folded": listing.folded,
        **plain_table(listing.table, ("class", "true class"), colors, SHOWN_ROWS),
    }


def plain_table(table: Table, named: Collection[str], colors: Mapping[str, str], most: int) -> dict[str, Any]:
    """Return a table as templates take it: headings and their groups, and its first rows.

    Parameters
    ----------
    table
        What is shown.
    named
        Headings of the columns whose texts have a chip of their color.
    colors
        By text, as HTML writes them.
    most
        Rows that are shown.
    """
    numbers = [table.is_number(i) for i in range(len(table.columns))]
    groups: list[list[Any]] = []
    for column in table.columns:
        if groups and column.group == groups[-1][0]:
            groups[-1][1] += 1
        else:
            groups.append([printable(column.group), 1])
    return {
        "groups": groups if any(text for text, _ in groups) else [],
        "headings": [(printable(column.heading), flag) for column, flag in zip(table.columns, numbers, strict=True)],
        "rows": [
            [
                {
                    "text": text.replace("-", "\N{MINUS SIGN}") if numbers[i] else text,
                    "is_number": numbers[i],
                    "color": colors.get(text, "") if table.columns[i].heading in named else "",
                }
                for i, text in enumerate(row)
            ]
            for row in table.texts()[:most]
        ],
        "total": len(table.rows),
    }


def embed(drawing: Drawing, most_svg: int = MOST_SVG) -> dict[str, Any]:
    """Return a figure as the attributes of an image that a page holds in itself, as SVG up to so many bytes."""
    kind, content = ("svg+xml", drawing.svg) if len(drawing.svg) <= most_svg else ("png", drawing.png)
    return {"source": data_uri(f"image/{kind}", content), "width": drawing.width, "height": drawing.height}


def data_uri(kind: str, content: bytes) -> str:
    """Return the address of a content of some media type that holds the content."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
