"""The report of a derived dataset: one page that opens offline, the same as Markdown, its tables and its figures."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from iddkit.errors import printable
from iddkit.images import read_labels, read_rgb
from iddkit.reporting.contact_sheet import draw_contact_sheet
from iddkit.reporting.figure import Drawing, hexadecimal
from iddkit.reporting.figures import draw_figures
from iddkit.reporting.page import render_page
from iddkit.reporting.sections import data_uri, embed, plain_table
from iddkit.reporting.subset_sections import glossary, sections
from iddkit.reporting.subset_tables import BY_SPLIT, make_tables, name_of
from iddkit.reporting.subset_words import (
    again_sentence,
    cautions,
    comparisons,
    describe,
    facts,
    failure_lines,
    failures_sentence,
    lost_sentence,
    verdicts,
)
from iddkit.reporting.tables import Table, escape_markdown, to_csv, to_markdown
from iddkit.subset.evidence import SubsetEvidence

#: Long tables are shown with so many rows in the page and in Markdown; CSV files hold all.
SHOWN_ROWS: Final = {"pairs": 15, "sequences": 60, "layout": 20}

#: A figure is embedded as SVG up to so many bytes, else as PNG.
_MOST_SVG = 100_000

#: Pixels of a picture of the contact sheet, and the quality of its JPEG.
_SAMPLE_WIDTH, _SAMPLE_QUALITY = 320, 90

# Settings that have decided nothing where the frames are those of a list.
_OF_CHOICE = ("factor", "counts", "method", "seed", "cover_sequences")

# What stands in the place of a picture that is not there.
_PAPER = 250


@dataclass(frozen=True, eq=False)
class Sample:
    """A frame to show.

    Attributes
    ----------
    key
        Of the frame.
    image
        uint8 (H, W, 3) RGB.
    labels
        uint8 (H, W): numbers at the level of the dataset.
    """

    key: str
    image: NDArray[np.uint8]
    labels: NDArray[np.integer]


def read_samples(evidence: SubsetEvidence, folder: str | Path) -> tuple[Sample, ...]:
    """Return the sample frames of a derived dataset, read from its folder.

    Raises
    ------
    ImageError
        One of them cannot be read.
    """
    root = Path(folder)
    return tuple(
        Sample(one.key, read_rgb(root / one.image), read_labels(root / one.labels)) for one in evidence.samples
    )


def write_report(evidence: SubsetEvidence, samples: Sequence[Sample] = ()) -> dict[str, bytes]:
    """Return the files of the report: relative path to content. Same input, same bytes.

    ``report.html``, ``report.md``, ``tables/*.csv``, ``figures/*.png`` and ``.svg``, and ``figures/samples.jpg`` where
    there are samples.
    """
    tables, drawings = make_tables(evidence), draw_figures(evidence)
    sheet = _encode(draw_samples(evidence, samples)) if samples else None
    content = {
        "report.html": _page(evidence, tables, drawings, sheet).encode("utf-8", "replace"),
        "report.md": _markdown(evidence, tables, sheet is not None).encode("utf-8", "replace"),
    }
    for name, table in tables.items():
        content[f"tables/{name}.csv"] = to_csv(table)
    for name, drawing in drawings.items():
        content[f"figures/{name}.png"] = drawing.png
        content[f"figures/{name}.svg"] = drawing.svg
    if sheet is not None:
        content["figures/samples.jpg"] = sheet.content
    return content


@dataclass(frozen=True, slots=True)
class _Sheet:
    content: bytes
    width: int
    height: int


def draw_samples(evidence: SubsetEvidence, samples: Sequence[Sample]) -> NDArray[np.uint8]:
    """Return a sheet of frames, two in a row, each beside its labels in colour: uint8 (H, W, 3) RGB."""
    palette = np.zeros((256, 3), dtype=np.uint8)
    for label in evidence.splits[0].level(evidence.level).labels:
        palette[label.number] = label.color
    pictures = [(sample.image, palette[np.minimum(sample.labels, 255)]) for sample in samples]
    rows, captions = [], []
    for i in range(0, len(pictures), 2):
        blank = np.full_like(pictures[i][0], _PAPER)  # the last row may want one
        second = pictures[i + 1] if i + 1 < len(pictures) else (blank, blank)
        rows.append([*pictures[i], *second])
        captions.append("   |   ".join(printable(sample.key, 48) for sample in samples[i : i + 2]))
    return draw_contact_sheet(rows, ("image", "labels", "image", "labels"), captions, _SAMPLE_WIDTH)


def _encode(pixels: NDArray[np.uint8]) -> _Sheet:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=_SAMPLE_QUALITY, subsampling=0)
    return _Sheet(file.getvalue(), pixels.shape[1], pixels.shape[0])


def _page(
    evidence: SubsetEvidence, tables: Mapping[str, Table], drawings: Mapping[str, Drawing], sheet: _Sheet | None
) -> str:
    labels = [label for split in evidence.splits for level in split.levels for label in level.labels]
    colors = {printable(label.name, 2000): hexadecimal(label.color) for label in labels}
    return render_page(
        "subset.html",
        name=printable(evidence.name),
        source=printable(evidence.source.name),
        made_by=evidence.made_by,
        description=describe(evidence),
        verdicts=verdicts(evidence),
        facts=facts(evidence),
        sections=sections(evidence),
        headings=_headings(evidence),
        tables={name: _plain_table(name, table, colors) for name, table in tables.items()},
        figures={name: embed(drawing, _MOST_SVG) for name, drawing in drawings.items()},
        sheet=sheet and {"source": data_uri("image/jpeg", sheet.content), "width": sheet.width, "height": sheet.height},
        legend=[
            {"name": printable(label.name), "color": hexadecimal(label.color)}
            for label in evidence.splits[0].level(evidence.level).labels
        ],
        command=printable(evidence.command, 20_000),
        plan=plan_rows(evidence),
        comparisons=comparisons(evidence),
        notes=[printable(note, 2000) for note in evidence.notes],
        cautions=cautions(evidence),
        again=again_sentence(evidence),
        lost=lost_sentence(evidence),
        failed=failures_sentence(evidence),
        failures=failure_lines(evidence),
        glossary=glossary(),
    )


def _plain_table(name: str, table: Table, colors: Mapping[str, str]) -> dict[str, Any]:
    kept = _kept(name)
    return plain_table(table, ("label", "and label"), colors, kept) | {"left_out": len(table.rows) > kept}


def _kept(name: str) -> int:
    return next((rows for kind, rows in SHOWN_ROWS.items() if name == kind or name.startswith(f"{kind}-")), 10**9)


def _headings(evidence: SubsetEvidence) -> dict[str, str]:
    # Figures and tables of single splits are headed by them.
    named = {name_of(kind, split): split.name for split in evidence.splits for kind in BY_SPLIT}
    every = [name for section in sections(evidence) for name in (*section.figures, *section.tables)]
    return {name: printable(named.get(name, "")) for name in every}


def plan_rows(evidence: SubsetEvidence) -> list[tuple[str, str]]:
    """Return the plan as rows of text: setting and value; what was not asked for is left out."""
    rows = []
    is_listed = evidence.plan.get("frames") is not None
    for key, value in evidence.plan.items():
        if value is None or value in ("", {}) or (is_listed and key in _OF_CHOICE):
            continue
        if isinstance(value, Mapping):
            value = ", ".join(f"{split or 'all'}={count}" for split, count in value.items())
        elif isinstance(value, list | tuple):
            value = " x ".join(map(str, value))
        elif isinstance(value, bool):
            value = "yes" if value else "no"
        rows.append((key.replace("_", " "), printable(str(value), 2000)))
    return [*rows, ("made by", evidence.made_by)]


def _markdown(evidence: SubsetEvidence, tables: Mapping[str, Table], has_sheet: bool) -> str:
    headings = _headings(evidence)
    parts = [f"# {escape_markdown(evidence.name)}", escape_markdown(describe(evidence))]
    parts += failures_markdown(evidence)
    parts += [escape_markdown(text) for text in cautions(evidence)]
    parts += [f"- {escape_markdown(text)}" for text in verdicts(evidence)]
    parts.append(
        "\n".join(f"- **{fact.title}**: {fact.value} ({escape_markdown(fact.note)})" for fact in facts(evidence))
    )
    for section in sections(evidence):
        parts += [f"## {section.title}", escape_markdown(section.reading)]
        for name in section.figures:
            title = " ".join(part for part in (section.title, headings[name]) if part)
            parts.append(f"![{escape_markdown(title)}](figures/{name}.png)")
        for name in section.tables:
            parts += [f"### {escape_markdown(headings[name])}"] if headings[name] else []
            parts += ["### Labels left out", escape_markdown(lost_sentence(evidence))] if name == "lost" else []
            parts.append(_table_markdown(name, tables[name]))
        parts += [escape_markdown(text) for text in comparisons(evidence) if section.name == "shares"]
    if has_sheet:
        parts += ["## Sample frames", "![Sample frames with their labels](figures/samples.jpg)"]
    parts.append("## How it was made")
    if evidence.command:
        parts.append(escape_markdown(again_sentence(evidence)))
        parts.append("```console\n$ " + printable(evidence.command, 20_000).replace("```", "'''") + "\n```")
    parts.append("\n".join(f"- {key}: {escape_markdown(value)}" for key, value in plan_rows(evidence)))
    parts += [escape_markdown(note) for note in evidence.notes]
    parts.append("## Glossary")
    parts.append("\n".join(f"- **{term}**: {escape_markdown(meaning)}" for term, meaning in glossary()))
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _table_markdown(name: str, table: Table) -> str:
    if not table.rows:
        return "None."
    if name.partition("-")[0] == "layout":  # sixteen columns: nobody reads them as text
        return f"The numbers, a row for each label: [tables/{name}.csv](tables/{name}.csv)"
    kept = _kept(name)
    shown = Table(table.columns, table.rows[:kept])
    more = f"The first {kept} of {len(table.rows)} rows; all" if len(table.rows) > kept else "The same numbers"
    return f"{to_markdown(shown)}\n{more}: [tables/{name}.csv](tables/{name}.csv)"


def failures_markdown(evidence: SubsetEvidence) -> list[str]:
    """Return the paragraphs on frames that could not be read, if there are any."""
    if not evidence.failures:
        return []
    lines = "\n".join(f"- {escape_markdown(line)}" for line in failure_lines(evidence))
    return [escape_markdown(failures_sentence(evidence)), lines]
