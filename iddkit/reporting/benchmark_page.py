"""The report of benchmark runs: one page that opens offline, the same as Markdown, its tables and its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import iddkit
from iddkit.errors import printable
from iddkit.reporting.benchmark_conditions import recipe_table, version_table
from iddkit.reporting.benchmark_csv import make_csv_tables
from iddkit.reporting.benchmark_entries import Entry, make_entries
from iddkit.reporting.benchmark_examples import Example, draw_examples
from iddkit.reporting.benchmark_figures import draw_figures, figure_of
from iddkit.reporting.benchmark_folder import PAGE, TEXT, check_folder, write_contents
from iddkit.reporting.benchmark_sections import make_sections
from iddkit.reporting.benchmark_words import describe, facts, glossary, readings, title_of
from iddkit.reporting.figure import Drawing, hexadecimal
from iddkit.reporting.page import render_page
from iddkit.reporting.sections import SHOWN_ROWS, Listing, Section, embed, plain
from iddkit.reporting.tables import Table, escape_markdown, to_csv, to_markdown
from iddkit.runs import Run
from iddkit.runs.verdict import Verdict, judge

#: What the levels of a finding are called where people read.
_LEVELS: Final = {"good": "good", "note": "note", "bad": "problem"}


@dataclass(frozen=True, eq=False, slots=True)
class Report:
    """A report that was written: path of its page, its runs under the names that it gives them, and its verdict."""

    page: Path
    entries: tuple[Entry, ...]
    verdict: Verdict


def write_report(
    runs: Sequence[Run], folder: str | Path, *, examples: Sequence[Example] = (), overwrite: bool = True
) -> Report:
    """Write the report of one run, or of several side by side.

    ``report.html``, ``report.md``, ``scores.csv``, ``classes.csv``, ``confusion.csv``, ``log.csv``, ``layers.csv``,
    ``frames.csv``, ``published.csv``, for several runs ``pairs.csv``, ``figures/*.png`` and ``.svg``, and
    ``examples.png`` where there are examples: no other file has pixels of the dataset. Same input, same bytes. What an
    earlier report in the folder has beyond that is removed, its examples first of all.

    Parameters
    ----------
    runs
        At least one.
    folder
        Where the files go; it is made if it is not there.
    examples
        Validation frames to show; `Example.run` says of which run.
    overwrite
        Whether files that are there may be replaced by others.

    Raises
    ------
    OptionError
        There is no run.
    OutputError
        The folder is that of a dataset; or a file is there already, or cannot be written; then none is.
    """
    check_folder(folder)
    entries = make_entries(runs)
    verdict = _judge(entries)
    write_contents(folder, _make_files(entries, verdict, examples), overwrite=overwrite)
    return Report(Path(folder) / PAGE, entries, verdict)


def make_report(runs: Sequence[Run], examples: Sequence[Example] = ()) -> dict[str, bytes]:
    """Return the files of the report: relative path to content, as `write_report` writes them."""
    entries = make_entries(runs)
    return _make_files(entries, _judge(entries), examples)


def _judge(entries: Sequence[Entry]) -> Verdict:
    # Under the names of the report: two runs may have been saved under one.
    return judge([replace(entry.run, name=entry.name) for entry in entries])


def _make_files(entries: Sequence[Entry], verdict: Verdict, examples: Sequence[Example]) -> dict[str, bytes]:
    drawings, sections = draw_figures(entries), make_sections(entries)
    sheets = _draw_sheets(entries, examples)
    content = {
        PAGE: _page(entries, verdict, sections, drawings, sheets).encode("utf-8", "replace"),
        TEXT: _markdown(entries, verdict, sections, sheets).encode("utf-8", "replace"),
    }
    for name, table in make_csv_tables(entries).items():
        content[f"{name}.csv"] = to_csv(table)
    for name, drawing in drawings.items():
        content[f"figures/{name}.png"] = drawing.png
        content[f"figures/{name}.svg"] = drawing.svg
    for name, (_, pixels, _, _) in sheets.items():
        content[f"{name}.png"] = pixels
    return content


def _draw_sheets(entries: Sequence[Entry], examples: Sequence[Example]) -> dict[str, tuple[str, bytes, int, int]]:
    """Return name of the file to: name of the run, content, width, height."""
    if not examples:
        return {}
    from iddkit.reporting.contact_sheet import to_png

    sheets = {}
    for place, entry in enumerate(entries):
        own = [one for one in examples if one.run == entry.run.name or (not one.run and place == 0)]
        if own:
            pixels = draw_examples(own, entry.run.labels, entry.run.colors)
            name = figure_of("examples", entry, entries)
            sheets[name] = entry.name, to_png(pixels), pixels.shape[1], pixels.shape[0]
    return sheets


def _page(
    entries: Sequence[Entry],
    verdict: Verdict,
    sections: Sequence[Section],
    drawings: Mapping[str, Drawing],
    sheets: Mapping[str, tuple[str, bytes, int, int]],
) -> str:
    colors = {
        printable(label, 2000): hexadecimal(color)
        for entry in reversed(entries)
        for label, color in zip(entry.run.labels, entry.run.colors, strict=True)
    }
    return render_page(
        "benchmark.html",
        title=title_of(entries),
        made_by=f"iddkit {iddkit.__version__}",
        description=describe(entries),
        summary=printable(verdict.summary, 5000),
        findings=[
            {
                "level": one.level,
                "word": _LEVELS.get(one.level, one.level),
                "title": printable(one.title, 500),
                "text": printable(one.text, 5000),
            }
            for one in verdict.findings
        ],
        facts=facts(entries),
        sections=[
            {
                "name": section.name,
                "title": section.title,
                "reading": section.reading,
                "pictures": [
                    {"name": one.name, "says": printable(one.says, 5000), **embed(drawings[one.name])}
                    for one in section.pictures
                ],
                "listings": [plain(one, colors) for one in section.listings],
            }
            for section in sections
        ],
        sheets=[
            {"file": f"{name}.png", "run": run, "width": width, "height": height}
            for name, (run, _, width, height) in sheets.items()
        ],
        readings=readings(entries),
        commands=_commands(entries),
        settings=[plain(one, {}) for one in _settings(entries)],
        glossary=glossary(),
    )


def _commands(entries: Sequence[Entry]) -> list[str]:
    return list(dict.fromkeys(printable(entry.run.command, 20_000) for entry in entries if entry.run.command))


def _settings(entries: Sequence[Entry]) -> list[Listing]:
    found = (
        Listing("Settings, defaults included", recipe_table(entries), "", True),
        Listing("Versions", version_table(entries), "", True),
    )
    return [one for one in found if one.table.rows]


def _markdown(
    entries: Sequence[Entry],
    verdict: Verdict,
    sections: Sequence[Section],
    sheets: Mapping[str, tuple[str, bytes, int, int]],
) -> str:
    parts = [f"# {escape_markdown(title_of(entries))}", escape_markdown(describe(entries)), "## Verdict on the split"]
    parts.append(f"**{escape_markdown(verdict.summary)}**")
    if verdict.findings:
        parts.append(
            "\n".join(
                f"- {_LEVELS.get(one.level, one.level)}: **{escape_markdown(one.title)}**. {escape_markdown(one.text)}"
                for one in verdict.findings
            )
        )
    for section in sections:
        parts += [f"## {section.title}", escape_markdown(section.reading)]
        parts += [f"![{escape_markdown(one.says)}](figures/{one.name}.png)" for one in section.pictures]
        parts += [_listing_markdown(one) for one in section.listings if not one.folded]
        folded = dict.fromkeys(one.csv for one in section.listings if one.folded)
        parts += [f"All numbers: [{name}.csv]({name}.csv)" for name in folded if name]
        if section.name == "confusion":
            parts += _sheets_markdown(sheets)
    parts.append("## What these runs can and cannot show")
    parts.append("\n".join(f"- **{title}**: {escape_markdown(text)}" for title, text in readings(entries)))
    parts.append("## How it was made")
    parts += [f"```console\n$ {command.replace('```', chr(39) * 3)}\n```" for command in _commands(entries)]
    parts += [_listing_markdown(Listing(one.heading, one.table)) for one in _settings(entries)]
    parts.append("## Glossary")
    parts.append("\n".join(f"- **{term}**: {escape_markdown(meaning)}" for term, meaning in glossary()))
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _sheets_markdown(sheets: Mapping[str, tuple[str, bytes, int, int]]) -> list[str]:
    shown = [
        f"![Frames of the validation split with what {escape_markdown(run)} predicted]({name}.png)"
        for name, (run, _, _, _) in sheets.items()
    ]
    return ["## Examples", *shown] if shown else []


def _listing_markdown(listing: Listing) -> str:
    heading = f"### {escape_markdown(listing.heading)}\n\n" if listing.heading else ""
    link = f"[{listing.csv}.csv]({listing.csv}.csv)"
    table = Table(listing.table.columns, listing.table.rows[:SHOWN_ROWS])
    return heading + to_markdown(table) + (f"\nThe numbers: {link}" if listing.csv else "")
