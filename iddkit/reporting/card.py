"""``DATASET_CARD.md``: what a derived dataset is, for people who find it.

The front matter is that of Hugging Face's dataset cards (https://huggingface.co/docs/hub/datasets-cards).
"""

from __future__ import annotations

import json
from typing import Final

from iddkit.errors import printable
from iddkit.reporting.figure import hexadecimal, percent, signed
from iddkit.reporting.label_figures import order_labels
from iddkit.reporting.subset_page import failures_markdown, plan_rows
from iddkit.reporting.subset_tables import make_tables
from iddkit.reporting.subset_words import again_sentence, cautions, describe, facts, lost_sentence, verdicts
from iddkit.reporting.tables import Column, Table, escape_markdown, to_markdown
from iddkit.subset.evidence import SubsetEvidence

#: What stands where the user has not said something, so that nobody overlooks it.
TO_DO: Final = "**to be filled in**"

_SIZES: Final = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))

_HOW: Final = {
    "balanced": """Frames were chosen split by split. Each sequence gets as many as its length asks for, spread over
        its time. Then chosen frames are exchanged for others of the same sequence as long as that brings the mean of
        the subset nearer to the mean of the source: label shares, presence of labels and of pairs of labels, layout of
        the image, colours. The goal is a small dataset on which a model scores as on the large one, so frames are not
        picked for being typical: their variety is kept as well.""",
    "random": "Frames were drawn at random in each split, all frames being equally likely.",
    "every-kth": "Every k-th frame of each split was taken, from a random start.",
}

_VERIFY: Final = (
    "`manifest.json` names every file with its SHA-256, and for each frame its source files with theirs. This command "
    "checks all of it, and names each missing, changed or foreign file:"
)

_LISTED: Final = "The frames are those of a list that was given."


def write_card(evidence: SubsetEvidence) -> bytes:
    """Return the content of ``DATASET_CARD.md``. Same evidence, same bytes."""
    tables = make_tables(evidence)
    splits = ", ".join(f"{name or 'all'} {count:,}" for name, count in evidence.derived.images.items())
    parts = [
        _front_matter(evidence),
        f"# {escape_markdown(evidence.name)}",
        escape_markdown(describe(evidence)),
        *failures_markdown(evidence),
        *(escape_markdown(text) for text in cautions(evidence)),
        "\n".join(f"- **{fact.title}**: {fact.value} ({escape_markdown(fact.note)})" for fact in facts(evidence)),
        "The full report, with figures: [report.html](report.html), or as text: [report.md](report.md).",
        "## What is in it",
        f"Labelled images: {escape_markdown(splits)}. {_files(evidence)}",
        to_markdown(_labels(evidence)),
        "## Beside its source",
        to_markdown(tables["datasets"]),
        "![Proportion of labels](figures/shares.png)",
        "## How the frames were chosen",
        _how(evidence),
        "\n\n".join(escape_markdown(text) for text in verdicts(evidence)),
        escape_markdown(lost_sentence(evidence)),
        "## How it was made",
        *([escape_markdown(again_sentence(evidence))] if evidence.command else []),
        *(["```console\n$ " + printable(evidence.command, 20_000) + "\n```"] if evidence.command else []),
        "\n".join(f"- {key}: {escape_markdown(value)}" for key, value in plan_rows(evidence)),
        _drift(evidence),
        "## How to verify it",
        _VERIFY,
        "```console\n$ iddkit verify FOLDER\n```",
        "## Licence",
        escape_markdown(evidence.license) if evidence.license else _no_license(evidence),
        "## Source and citation",
        f"Derived from {escape_markdown(evidence.source.name)}. Where it comes from and how to cite it: {TO_DO}.",
    ]
    return ("\n\n".join(part.rstrip("\n") for part in parts if part) + "\n").encode("utf-8", "replace")


def _front_matter(evidence: SubsetEvidence) -> str:
    total = sum(evidence.derived.images.values()) + sum(evidence.derived.unlabelled.values())
    size = next((name for limit, name in _SIZES if total < limit), "n>1M")
    # A JSON text is a YAML text, whatever a name holds.
    given = json.dumps(printable(evidence.license, 2000), ensure_ascii=False)
    lines = [
        "---",
        f"pretty_name: {json.dumps(printable(evidence.name), ensure_ascii=False)}",
        f"license: {given}" if evidence.license else "# license: to be filled in",
        "task_categories:",
        "- image-segmentation",
        "size_categories:",
        f"- {size}",
        "tags:",
        "- semantic-segmentation",
        "- driving-scenes",
        "- croissant",
        "---",
    ]
    return "\n".join(lines)


def _files(evidence: SubsetEvidence) -> str:
    layout = evidence.plan.get("layout")
    unlabelled = sum(evidence.derived.unlabelled.values())
    text = (
        f"The files lie as in the {'published IDD-lite' if layout == 'idd-lite' else 'Cityscapes'} tree: images below "
    )
    text += (
        "`leftImg8bit/{split}/{sequence}/`, label images below `gtFine/{split}/{sequence}/`; `frames.csv` lists them. "
    )
    text += "Label images hold the numbers of this table, and one number for pixels of no label (void)."
    return text + (f" {unlabelled:,} images have no labels." if unlabelled else "")


def _labels(evidence: SubsetEvidence) -> Table:
    labels = evidence.splits[0].level(evidence.level).labels
    shares = evidence.derived.shares
    columns = (Column("number"), Column("label"), Column("colour"), Column("share %", 3), Column("source share %", 3))
    rows = []
    for i in sorted(order_labels(evidence), key=lambda i: labels[i].number):
        share, source = ((100 * (value or 0.0)) for value in (shares[i], evidence.source.shares[i]))
        rows.append((labels[i].number, labels[i].name, hexadecimal(labels[i].color), share, source))
    return Table(columns, tuple(rows))


def _how(evidence: SubsetEvidence) -> str:
    if evidence.plan.get("frames") is not None:
        return _LISTED
    return " ".join(_HOW.get(str(evidence.plan.get("method")), "").split())


def _drift(evidence: SubsetEvidence) -> str:
    drifts = [
        (label, split.name, label.resize_drift)
        for split in evidence.splits
        for label in split.level(evidence.level).labels
        if label.common and label.resize_drift is not None
    ]
    text = "Images were scaled by area averaging, label images by the label under each pixel's centre."
    if drifts:
        label, name, drift = max(drifts, key=lambda one: abs(one[2]))
        where = f", {name}" if name else ""
        share = percent(label.source.share)
        text += f" Scaling alone changed the share of a common label by {signed(100 * drift)} % at most "
        text += f"({label.quoted}{where}, {share} of the source)."
    return escape_markdown(text)


def _no_license(evidence: SubsetEvidence) -> str:
    source = escape_markdown(evidence.source.name)
    return f"The licence is {TO_DO}. A derived dataset is bound to the terms of its source, {source}."
