"""A derived dataset from beginning to end, in one call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from iddkit import frames
from iddkit.derivation.command import command_of
from iddkit.derivation.select import Rows, Selection, has_choice, select
from iddkit.errors import OptionError, printable
from iddkit.frames import Frame, Index
from iddkit.statistics import Collection, FrameTable, collect
from iddkit.subset import SubsetPlan
from iddkit.subset.compare import compare
from iddkit.subset.evidence import Measure, SubsetEvidence
from iddkit.subset.folder import DatasetFolder
from iddkit.subset.gather import gather_evidence
from iddkit.subset.manifest import NAME, FrameRecord
from iddkit.subset.origin import Numbering, numbering_of, stated_level

#: The report's page, the list of frames, the card and the machine-readable description, in the derived folder.
REPORT: Final = "report.html"
FRAMES: Final = "frames.csv"
CARD: Final = "DATASET_CARD.md"
CROISSANT: Final = "croissant.json"

#: A choice is compared with so many random ones.
RANDOM_SUBSETS = 200

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Derived:
    """What was derived.

    Attributes
    ----------
    chosen
        Split to the number of frames that could have been chosen, and that were.
    built, skipped, failed
        Frames that were written, found up to date, and not made, among them those of the source that could not be read.
    failures, notes
        One line each: what was not done (``path: where: problem``), and what a user may want to know.
    evidence
        All numbers of the report; None where no labelled frame was chosen.
    manifest, report
        Paths of ``manifest.json`` and of the report's page, which is None where no report was asked for.
    """

    chosen: Mapping[str, tuple[int, int]]
    built: int
    skipped: int
    failed: int
    failures: tuple[str, ...]
    notes: tuple[str, ...]
    evidence: SubsetEvidence | None
    manifest: Path
    report: Path | None

    @property
    def ok(self) -> bool:
        """Whether every frame could be used."""
        return not self.failures


def derive(
    source: Index | str | Path,
    out: str | Path,
    plan: SubsetPlan,
    *,
    level: str | None = None,
    cache: Path | None = None,
    jobs: int = 1,
    overwrite: bool = False,
    beside: Sequence[str | Path] = (),
    report: bool = True,
    progress: Progress | None = None,
) -> Derived:
    """Write a dataset derived from another one, with its manifest, its card and a report of what was kept.

    Parameters
    ----------
    source
        A dataset's folder, an index CSV, or an index.
    out
        Folder of the derived dataset.
    plan
        What is to be derived.
    level
        Level of the source's label images, where their names do not say it. Default: what the manifest of a derived
        dataset says.
    cache
        Folder for the counts of frames (`iddkit.statistics.collect`), or None.
    jobs
        Worker processes. With more than one, a script needs ``if __name__ == "__main__":``.
    overwrite
        Replace the dataset of another plan that lies in `out`, and files there that are not iddkit's.
    beside
        Other datasets that the report shows, too.
    report
        Write the report, the card and the description, not the dataset and its manifest alone.
    progress
        Called with how many frames are done and how many there are, first of counting, then of writing.

    Returns
    -------
    Derived
        Frames that cannot be read are left out of the choice and are in its ``failures``; they do not raise. The
        same command over the same source gives the same bytes, also when it was interrupted and started again.

    Raises
    ------
    UserError
        Nothing can be done at all: no such dataset, more frames asked for than there are, a full disk, a folder that
        holds something else.
    """
    index = source if isinstance(source, Index) else frames.scan(Path(source))
    out = Path(out)
    level = stated_level(index, plan.label_map) if level is None else level
    chooses = has_choice(index, plan)
    shown = _find_others(beside, out) if report else []
    with DatasetFolder(out, index.root, plan, source_level=level, overwrite=overwrite) as folder:
        collection = collect(
            index,
            plan.label_map,
            fill=plan.fill,
            unknown=plan.unknown,
            level=level,
            output_size=plan.output_size,
            images=chooses,  # their colours decide about the choice and about nothing else
            cache=cache,
            jobs=jobs,
            progress=progress,
        )
        if not collection.table.can_be(plan.level):
            _refuse_level(collection.table, plan)
        selection = select(collection, plan)
        built = folder.build(selection.frames, jobs=jobs, progress=progress)
        failures = (*collection.failures, *selection.missing, *built.failures)
        written = _written(selection.frames, folder.records)
        counts = selection.counts
        notes: list[str] = []
        evidence = None
        taken = _taken(collection.table, selection.labelled, set(folder.records))
        if any(len(rows) for rows in taken.values()):
            others = _count_others(shown, cache, jobs, notes)
            selection = replace(selection, labelled=taken)
            evidence = _evidence(collection, selection, plan, out, written, others, failures)
            if report:
                _write_pages(folder, evidence, written, out)
        manifest = folder.finish({} if evidence is None else {"evidence": evidence.summary()})
        has_report = REPORT in manifest.files
        return Derived(
            counts,
            built.done,
            built.skipped,
            built.failed + len(collection.failures) + len(selection.missing),
            failures,
            (*collection.notes, *built.notes, *folder.notes, *notes),
            evidence,
            out / NAME,
            out / REPORT if has_report else None,
        )


def _refuse_level(table: FrameTable, plan: SubsetPlan) -> None:
    raise OptionError(
        f"labels of {plan.level} cannot be made of those of the source, which are of {table.level}; "
        f"possible: {', '.join(table.levels())}"
    )


def _taken(table: FrameTable, chosen: Mapping[str, Rows], made: set[str]) -> dict[str, Rows]:
    """Return the rows of the frames that could be made, too: what the report is to speak of."""
    return {split: rows[[table.frames[i].key in made for i in rows]] for split, rows in chosen.items()}


def _written(chosen: Sequence[Frame], records: Mapping[str, FrameRecord]) -> tuple[Frame, ...]:
    """Return the frames of the derived dataset, their files relative to its folder."""
    found = []
    for frame in chosen:
        record = records.get(frame.key)
        if record is not None:
            image, label = (record.outputs.get(role) for role in ("image", "label"))
            sequence = Path(image or label or "").parent.name
            paths = {"image": None if image is None else Path(image), "labels": None if label is None else Path(label)}
            found.append(Frame(record.split, sequence, frame.name, **paths))
    return tuple(found)


def _find_others(paths: Sequence[str | Path], out: Path) -> list[tuple[Path, Index, Numbering]]:
    """Return the datasets to show beside; what is wrong with their paths is said before the work."""
    found = []
    for path in map(Path, paths):
        index = frames.scan(path)
        if Path(index.root).resolve() == out.resolve():
            raise OptionError("is what is to be written, and cannot be shown beside itself", path=path)
        found.append((path, index, numbering_of(index)))
    return found


def _count_others(
    others: Sequence[tuple[Path, Index, Numbering]], cache: Path | None, jobs: int, notes: list[str]
) -> list[tuple[str, FrameTable]]:
    found = []
    for path, index, (label_map, level) in others:
        other = collect(index, label_map, level=level, unknown="void", cache=cache, jobs=jobs)
        notes += [f"left out of what is shown beside: {line}" for line in other.failures]
        if len(other.table):
            found.append((path.resolve().name, other.table))
        else:
            notes.append(f"{path}: not shown beside, as no frame has labels that can be read")
    return found


def _evidence(
    collection: Collection,
    selection: Selection,
    plan: SubsetPlan,
    out: Path,
    written: Sequence[Frame],
    others: Sequence[tuple[str, FrameTable]],
    failures: Sequence[str],
) -> SubsetEvidence:
    table, root = collection.table, Path(collection.index.root)
    measures: dict[str, tuple[Measure, ...]] = {}
    for split, rows in selection.labelled.items():
        if len(rows):
            places = [i for i, frame in enumerate(table.frames) if frame.split == split]
            part = table.rows(np.array(places, dtype=np.intp))
            chosen = np.searchsorted(places, rows)
            measures[split] = compare(part, chosen, plan.level, subsets=RANDOM_SUBSETS)
    unlabelled = Counter(frame.split for frame in collection.unlabelled)
    extra = sum(_size(root / frame.image) for frame in collection.unlabelled if frame.image is not None)
    return gather_evidence(
        table,
        selection.labelled,
        plan,
        source_name=root.resolve().name or "source",
        measures=measures,
        beside=others,
        written=written,
        source_bytes=int(table.bytes.sum()) + extra,
        written_bytes=sum(_size(out / path) for f in written for path in (f.image, f.labels) if path is not None),
        unlabelled=unlabelled,
        unlabelled_taken={split: len(places) for split, places in selection.unlabelled.items()},
        failures=tuple(_without_folder(line, (out, root)) for line in failures),
        command=command_of(plan),
        notes=(),
    )


def _without_folder(line: str, folders: Sequence[Path]) -> str:
    """Return a problem with its path inside one of the folders: a report does not depend on where they lie."""
    for folder in folders:
        prefix = printable(f"{folder}/", 4096)
        if line.startswith(prefix):
            return line.removeprefix(prefix)
    return line


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _write_pages(folder: DatasetFolder, evidence: SubsetEvidence, written: Sequence[Frame], out: Path) -> None:
    # matplotlib is imported here, by those who want a report.
    from iddkit.reporting.card import write_card
    from iddkit.reporting.croissant import write_croissant
    from iddkit.reporting.subset_page import read_samples, write_report

    for name, content in write_report(evidence, read_samples(evidence, out)).items():
        folder.write(name, content)
    listed = frames.encode_csv(Index(out, "table", tuple(written)), out)
    instances = [path for r in folder.records.values() for role, path in r.outputs.items() if role == "instances"]
    folder.write(FRAMES, listed)
    folder.write(CARD, write_card(evidence))
    folder.write(CROISSANT, write_croissant(evidence, written, listed, csv_name=FRAMES, instances=instances))
