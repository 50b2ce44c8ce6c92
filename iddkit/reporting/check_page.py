"""The page of `iddkit check`: what was found, with a picture of each finding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iddkit import __version__, formats, images
from iddkit.annotation import Annotation
from iddkit.checks import RULES, Checked, Finding, Report
from iddkit.errors import UserError, printable
from iddkit.reporting.check_crops import as_data, draw_crop, draw_gaps, group_by_frame
from iddkit.reporting.check_tables import count_table, summary
from iddkit.reporting.page import Fact, render_page
from iddkit.severity import Severity

#: Frames with gaps that are shown as a whole: those with most unlabelled pixels.
_OVERVIEWS: Final = 12


@dataclass(frozen=True, slots=True)
class Entry:
    """A finding on the page: its frame or drive, what was found, a picture or "" for none."""

    key: str
    severity: str
    text: str
    mend: str
    picture: str


@dataclass(frozen=True, slots=True)
class Section:
    """A rule on the page: name, what it finds, its help, its findings, and how many of them are not shown."""

    rule: str
    summary: str
    help: str
    entries: tuple[Entry, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Overview:
    """A frame with its gaps: key, number of gaps, their pixels, a picture."""

    key: str
    gaps: int
    area: int
    picture: str


def render_check(
    report: Report,
    *,
    pictures: int = 200,
    fill: str | None = None,
    command: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> str:
    """Return the page of a report: HTML that needs no other file.

    Parameters
    ----------
    report
        What was found.
    pictures
        Findings that are shown, the worst first, evenly over the rules; 0 for none.
    fill
        Rule by which frames are painted, as `iddkit.checks.check` was given it.
    command
        That made the report, for its end.
    progress
        Called with how many frames were drawn and how many there are.
    """
    chosen = _choose(report, pictures)
    drawn = _draw(report, chosen, progress)
    by_rule: dict[str, list[Entry]] = {}
    for (key, one), picture in zip(chosen, drawn, strict=True):
        mend = "" if one.mend is None else one.mend.text
        by_rule.setdefault(one.rule, []).append(Entry(key, str(one.severity), str(one), mend, picture))
    totals = Counter(one.rule for _, one in report.findings)
    sections = [
        Section(
            rule,
            summary(rule),
            _flow(RULES[rule].help.partition("\n")[2]),
            tuple(by_rule.get(rule, ())),
            totals[rule] - len(by_rule.get(rule, ())),
        )
        for rule in RULES
        if totals[rule]
    ]
    return render_page(
        "check.html",
        made_by=f"iddkit {__version__}",
        title=Path(report.index.root).name or str(report.index.root),
        facts=_facts(report),
        counts=count_table(report),
        sections=sections,
        overviews=_overviews(report) if pictures else [],
        failures=report.failures,
        notes=[printable(note, 500) for note in report.notes],
        command=command,
    )


def _flow(text: str) -> str:
    """Return a text whose paragraphs have one line each: how wide they are is the page's business."""
    return "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))


def _facts(report: Report) -> list[Fact]:
    counts, ledger = report.count(), report.ledger
    clean = sum(not frame.findings for frame in report.frames)
    gaps = [gap for frame in report.frames for gap in frame.gaps]
    known = f", {report.hidden:,} in the baseline" if report.hidden else ""
    dropped = ", ".join(f"{count:,} {reason}" for reason, count in sorted(ledger.dropped.items())) or "none dropped"
    account = f"{ledger.drawn:,} drawn, {ledger.hidden:,} hidden, {sum(ledger.dropped.values()):,} dropped"
    worst = ", ".join(f"{counts.get(severity, 0):,} {severity}" for severity in Severity)
    return [
        Fact("frames", f"{len(report.frames):,}", f"{clean:,} without a finding"),
        Fact("findings", f"{sum(counts.values()):,}", worst + known),
        Fact("objects in the files", f"{ledger.objects:,}", f"{account}: {dropped}"),
        Fact("gaps", f"{len(gaps):,}", f"{sum(gap.area for gap in gaps):,} px without a label"),
    ]


def _choose(report: Report, most: int) -> list[tuple[str, Finding]]:
    """Return so many findings, in turn one of each rule, so that none takes the place of all others."""
    queues: dict[str, list[tuple[str, Finding]]] = {rule: [] for rule in RULES}
    for key, one in sorted(report.findings, key=lambda each: -each[1].severity.weight):
        queues[one.rule].append((key, one))
    chosen: list[tuple[str, Finding]] = []
    turn = 0
    while len(chosen) < most and any(len(queue) > turn for queue in queues.values()):
        chosen += [queue[turn] for queue in queues.values() if len(queue) > turn]
        turn += 1
    return chosen[:most]


def _draw(
    report: Report, chosen: Sequence[tuple[str, Finding]], progress: Callable[[int, int], None] | None
) -> list[str]:
    frames = {frame.key: frame for frame in report.frames}
    drawn = [""] * len(chosen)
    groups = group_by_frame(chosen)
    for done, (key, places) in enumerate(groups.items(), start=1):
        frame = frames.get(key)
        if frame is not None and any(chosen[place][1].region is not None for place in places):
            annotation, image = _read(Path(report.index.root), frame)
            for place in places:
                crop = None if annotation is None else draw_crop(chosen[place][1], annotation, image)
                drawn[place] = "" if crop is None else as_data(crop)
        if progress is not None:
            progress(done, len(groups))
    return drawn


def _read(root: Path, frame: Checked) -> tuple[Annotation | None, NDArray[np.uint8] | None]:
    """Return annotation and image of a frame as far as they can be read."""
    try:
        annotation = formats.read(root / frame.annotation).annotation.with_size(frame.width, frame.height)
    except UserError:
        return None, None
    return annotation, _image(root, frame)


def _image(root: Path, frame: Checked) -> NDArray[np.uint8] | None:
    if frame.image is None:
        return None
    try:
        image = images.read_rgb(root / frame.image)
    except UserError:
        return None
    return image if image.shape[:2] == (frame.height, frame.width) else None


def _overviews(report: Report) -> list[Overview]:
    ranked = sorted((frame for frame in report.frames if frame.gaps), key=lambda frame: -_unlabelled(frame))
    return [
        Overview(
            frame.key,
            len(frame.gaps),
            _unlabelled(frame),
            as_data(draw_gaps(frame.gaps, (frame.width, frame.height), _image(Path(report.index.root), frame))),
        )
        for frame in ranked[:_OVERVIEWS]
    ]


def _unlabelled(frame: Checked) -> int:
    return sum(gap.area for gap in frame.gaps)
