"""The report of an agreement: one page that opens offline, its tables as CSV and its figures as PNG and SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

import iddkit
from iddkit.agreement import Agreement, LevelAgreement
from iddkit.errors import printable
from iddkit.reporting import agreement_tables as tables
from iddkit.reporting.agreement_pictures import draw_worst
from iddkit.reporting.confusion_figure import draw_matrix
from iddkit.reporting.figure import Drawing, hexadecimal, percent, render, styled
from iddkit.reporting.page import Fact, render_page
from iddkit.reporting.sections import Listing, Picture, Section, data_uri, embed, plain
from iddkit.reporting.sheet import Sheet
from iddkit.reporting.tables import to_csv

#: The page, and the sheet of the worst frames beside it.
PAGE, SHEET = "report.html", "worst_frames.png"

_AGREEMENT: Final = (
    "The share of pixels that have one class on both sides. With void it is that of all pixels, void being a class of "
    "its own; without void it is that of the pixels that are void on neither side. Cityscapes (Cordts et al. 2016, "
    "2.3) reports 96 % and 98 % for 30 images that were labelled twice."
)

_KAPPA: Final = (
    "Agreement beyond chance: 0 for what two would reach who give classes to pixels at random, as often as these do; "
    "100 % for full agreement. A class's own is that of the class against all others."
)

_BOUNDARY_IOU: Final = (
    "IoU of the bands along the inside of a class's outline, as wide as a share of the image's diagonal (Cheng et al. "
    "2021). The image's edge is part of the outline. Void is outside of every class."
)

_BOUNDARY_F1: Final = (
    "The harmonic mean of two shares: boundary pixels of A with one of the same class in B within a distance, and the "
    "reverse (Csurka et al. 2013). The image's edge is no boundary."
)

_MEAN: Final = (
    "Over the classes that occur on either side. Pixels are added up over all frames first: a large frame weighs more "
    "than a small one."
)

_INTERVAL: Final = (
    "Frames are drawn anew with replacement, and the scores computed each time; the interval holds the middle part of "
    "them. It says how far the score depends on which frames were labelled twice, and nothing of other annotators. "
    "Frames of one drive are alike, which makes it rather too narrow. One frame has none."
)

_GLOSSARY: Final = (
    ("A, B", "The two annotations, in the order in which they were given. Neither is the truth."),
    ("Pixel agreement", _AGREEMENT),
    ("IoU", "Of the pixels that are a class on either side and void on neither, the share that are it on both."),
    ("Cohen's kappa", _KAPPA),
    ("Boundary IoU", _BOUNDARY_IOU),
    ("Boundary F1", _BOUNDARY_F1),
    ("Mean", _MEAN),
    ("Interval", _INTERVAL),
)


def draw_figures(found: Agreement) -> dict[str, Drawing]:
    """Return name to figure: the matrix of each level. Same agreement, same bytes."""
    with styled():
        return {f"confusion_{one.level}": render(draw_level(one)) for one in found.levels if one.tally.counts.any()}


def draw_level(one: LevelAgreement) -> Sheet:
    """Draw the matrix of a level, of the classes that a side has, and of void; call it inside `figure.styled`."""
    counts = one.tally.counts
    shown = np.flatnonzero(counts.sum(axis=0) + counts.sum(axis=1))
    heads: list[tuple[str, tuple[int, int, int] | None]] = [(its.name, its.color) for its in one.classes]
    heads.append(("void", None))
    named = [heads[i] for i in shown.tolist()]
    title = f"{one.level}: class in B of the pixels of each class of A, %"
    return draw_matrix(counts[np.ix_(shown, shown)].astype(np.int64), named, named, title, "class in A")


def make_report(found: Agreement, command: str = "", worst: int = 6) -> dict[str, bytes]:
    """Return the files of the report: path relative to its folder, with ``/``, to content. Same input, same bytes.

    ``report.html``, a CSV file for each table, ``figures/*.png`` and ``.svg``, and ``worst_frames.png`` where frames
    differ. The page holds the pictures itself.

    Parameters
    ----------
    found
        The agreement.
    command
        That made it, to be shown.
    worst
        How many frames are shown as pictures, at most; with 0 no file has pixels of the dataset.
    """
    from iddkit.reporting.contact_sheet import to_png

    pixels = draw_worst(found, worst) if worst else None
    sheet = None if pixels is None else (to_png(pixels), pixels.shape[1], pixels.shape[0])
    drawings = draw_figures(found)
    content = {f"{name}.csv": to_csv(table) for name, table in tables.make_tables(found).items()}
    for name, drawing in drawings.items():
        content[f"figures/{name}.png"] = drawing.png
        content[f"figures/{name}.svg"] = drawing.svg
    if sheet is not None:
        content[SHEET] = sheet[0]
    content[PAGE] = _page(found, command, drawings, sheet, has_files=True).encode("utf-8", "replace")
    return content


def make_page(found: Agreement, command: str = "", worst: int = 6) -> bytes:
    """Return the page alone, which leads to no other file."""
    from iddkit.reporting.contact_sheet import to_png

    pixels = draw_worst(found, worst) if worst else None
    sheet = None if pixels is None else (to_png(pixels), pixels.shape[1], pixels.shape[0])
    return _page(found, command, draw_figures(found), sheet, has_files=False).encode("utf-8", "replace")


def _page(
    found: Agreement,
    command: str,
    drawings: Mapping[str, Drawing],
    sheet: tuple[bytes, int, int] | None,
    *,
    has_files: bool,
) -> str:
    colors = {
        printable(category.name, 2000): hexadecimal(category.color) for one in found.levels for category in one.classes
    }
    return render_page(
        "agreement.html",
        title=f"{_name(found.a)} and {_name(found.b)}",
        made_by=f"iddkit {iddkit.__version__}",
        description=_describe(found),
        facts=_facts(found),
        sections=[
            {
                "name": section.name,
                "title": section.title,
                "reading": section.reading,
                "pictures": [
                    {"name": one.name, "says": one.says, **embed(drawings[one.name])} for one in section.pictures
                ],
                "listings": [plain(one, colors) for one in section.listings],
            }
            for section in _sections(found, drawings, has_files)
        ],
        sheet=None if sheet is None else _embed_sheet(*sheet),
        has_files=has_files,
        problems=[printable(str(one), 2000) for one in found.problems[:20]],
        problem_count=len(found.problems),
        notes=[printable(note, 2000) for note in found.notes],
        command=printable(command, 20_000),
        settings=_settings(found),
        glossary=_GLOSSARY,
    )


def _embed_sheet(content: bytes, width: int, height: int) -> dict[str, Any]:
    return {"source": data_uri("image/png", content), "width": width, "height": height, "file": SHEET}


def _name(path: Path) -> str:
    return printable(str(path), 500)


def _describe(found: Agreement) -> str:
    of = f"the split {printable(found.split)}" if found.split else "all splits"
    levels = ", ".join(one.level for one in found.levels)
    return (
        f"{len(found.frames)} of {found.wanted} frames of {of} were compared, at {levels} of the label map "
        f"{printable(found.label_map.name)}. Neither side is the truth: exchanged, they have the same scores."
    )


def _facts(found: Agreement) -> list[Fact]:
    facts = []
    shown = (
        ("agreement_with_void", "Pixel agreement, with void"),
        ("agreement", "Pixel agreement, without void"),
        ("kappa", "Cohen's kappa, without void"),
        ("mean_iou", "Mean IoU"),
        ("mean_boundary_iou", "Mean boundary IoU"),
    )
    for short, title in shown:
        its = found.finest.measures[short]
        note = f"{percent(its.low)} to {percent(its.high)}, {tables.interval_of(found)}"
        value = "none" if np.isnan(its.value) else percent(its.value, 4)
        facts.append(Fact(title, value, "no interval" if np.isnan(its.low) else note))
    return facts


def _sections(found: Agreement, drawings: Mapping[str, Drawing], has_files: bool) -> Sequence[Section]:
    def csv(name: str) -> str:
        return name if has_files else ""

    finest, coarser = found.finest, found.levels[1:]
    classes = [Listing("", tables.class_table(found, finest), csv(f"classes_{finest.level}"))]
    classes += [
        Listing(f"Classes of {one.level}", tables.class_table(found, one), csv(f"classes_{one.level}"), True)
        for one in coarser
    ]
    pictures = tuple(
        Picture(f"confusion_{one.level}", f"Matrix of the pixels at {one.level}: A's classes by B's.")
        for one in found.levels
        if f"confusion_{one.level}" in drawings
    )
    sections = (
        Section(
            "measures",
            f"All frames together, at {finest.level}",
            "Each score with the interval in which it lies when other frames are drawn. Kappa is given in hundredths.",
            (),
            (Listing("", tables.measure_table(found, finest), csv("measures")),),
        ),
        Section(
            "levels",
            "Levels",
            "The same pixels at coarser levels of the label map: what two labels of one category were taken for is no "
            "difference there.",
            (),
            (Listing("", tables.level_table(found), csv("measures")),) if coarser else (),
        ),
        Section(
            "classes",
            "Classes",
            "A class with a high IoU and a low boundary score is found by both, and drawn differently.",
            (),
            tuple(classes),
        ),
        Section(
            "confusion",
            "Which classes are taken for which",
            "Of the pixels of each class of A, the part that is each class in B. The diagonal, in blue, is agreement.",
            pictures,
            (),
        ),
        Section(
            "frames",
            "Frames",
            "The frames of which the largest part of the pixels differs stand first; void counts as a class there.",
            (),
            (Listing("", tables.frame_table(found), csv("frames")),) if found.frames else (),
        ),
    )
    return [section for section in sections if section.pictures or section.listings]


def _settings(found: Agreement) -> list[tuple[str, str]]:
    tolerances = ", ".join(map(str, found.how.tolerances))
    return [
        ("A", _name(found.a)),
        ("B", _name(found.b)),
        ("frames matched by", found.matched_by),
        ("label map", printable(found.label_map.name)),
        ("boundary IoU", f"bands of {percent(found.how.ratio)} of the image's diagonal"),
        ("boundary F1", f"tolerances of {tolerances} pixels"),
        ("intervals", f"{found.resamples} resamples of the frames, seed {found.seed}, {tables.interval_of(found)}"),
    ]
