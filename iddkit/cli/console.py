"""Tables on a terminal, or as text in a pipe."""

from __future__ import annotations

from collections.abc import Iterator

from iddkit.errors import printable
from iddkit.reporting.tables import Table

#: Text wider than this is folded on a terminal: the names of some categories are lists of labels.
_WIDEST = 30

# Between two columns.
_GAP = 2


def print_table(table: Table) -> None:
    """Print a table to standard output.

    On a terminal, columns that do not fit its width follow in a second table under the same rows; in a pipe, a table is
    as wide as it needs.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    texts = table.texts()
    console = Console(highlight=False)
    blocks: list[list[int]]
    if console.is_terminal:
        blocks = list(_split_columns(table, texts, console.width))
    else:
        blocks = [list(range(len(table.columns)))]
        console = Console(highlight=False, width=1_000_000)
    grouped = any(column.group for column in table.columns)
    for number, block in enumerate(blocks):
        shown = RichTable(
            title=Text(printable(table.title, 500)) if table.title and not number else None,
            title_style="bold",
            title_justify="left",
            box=box.SIMPLE_HEAD,
            show_edge=False,
            padding=(0, _GAP - 1, 0, 0),
        )
        before = ""
        for i in block:
            column = table.columns[i]
            # A group is named over the first of its columns.
            lines = [column.group if column.group != before else ""] if grouped else []
            heading = Text("\n".join([*lines, printable(column.heading)]))
            before = column.group
            if table.is_number(i):
                shown.add_column(heading, justify="right", no_wrap=True)
            else:
                shown.add_column(heading, overflow="fold", max_width=_WIDEST if console.is_terminal else None)
        for row in texts:
            shown.add_row(*(Text(row[i]) for i in block))  # brackets in a name are no markup
        console.print(shown)
        console.print()


def _split_columns(table: Table, texts: list[list[str]], width: int) -> Iterator[list[int]]:
    """Yield the columns of each block of at most `width` characters: groups whole, the leading columns in each."""
    groups = _group_columns(table)
    keys = groups.pop(0)
    room = width - sum(_width(table, texts, i) for i in keys)
    block: list[int] = []
    used = 0
    for group in groups:
        needed = sum(_width(table, texts, i) for i in group)
        if block and used + needed > room:
            yield keys + block
            block, used = [], 0
        block += group
        used += needed
    yield keys + block


def _group_columns(table: Table) -> list[list[int]]:
    """Return the columns up to the first of text with those of text after it, then each group."""
    columns = range(len(table.columns))
    is_text = [not table.is_number(i) for i in columns]
    first = is_text.index(True) if True in is_text else 0
    keys = next((i for i in columns if i > first and not is_text[i]), len(is_text))
    groups = [list(range(keys))]
    for i in columns[keys:]:
        group = table.columns[i].group
        if group and i > keys and table.columns[i - 1].group == group:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


def _width(table: Table, texts: list[list[str]], i: int) -> int:
    from rich.cells import cell_len

    column = table.columns[i]
    is_first = i == 0 or table.columns[i - 1].group != column.group
    widest = max((cell_len(row[i]) for row in texts), default=0)
    widest = widest if table.is_number(i) else min(widest, _WIDEST)
    return max(widest, cell_len(printable(column.heading)), cell_len(column.group) if is_first else 0) + _GAP
