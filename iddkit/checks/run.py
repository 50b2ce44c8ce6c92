"""Check an index of frames: in parallel, one bad frame at a time, then the dataset as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from iddkit import frames
from iddkit.checks.baseline import Baseline
from iddkit.checks.dataset import Batch
from iddkit.checks.finding import Finding
from iddkit.checks.frame import Checked, Checking, check_frame
from iddkit.checks.rules import apply_to_dataset, choose_rules, worst_first
from iddkit.checks.settings import Settings
from iddkit.checks.traits import Traits
from iddkit.errors import FrameError, OptionError
from iddkit.frames import Index
from iddkit.groundtruth.ledger import Ledger
from iddkit.labels import LabelMap
from iddkit.raster import FILLS
from iddkit.severity import Severity
from iddkit.workers import run_all

# What the workers need, loaded once for all of them.
_PRELOAD = ("iddkit.checks.frame", "iddkit.formats.cityscapes", "shapely", "cv2")


@dataclass(frozen=True)
class Report:
    """What was found in a dataset.

    Attributes
    ----------
    index
        Of the dataset.
    label_map
        The labels that there are.
    rules
        Names of those that were applied.
    frames
        Each frame that has an annotation, in the order of the index.
    drives
        What was found in a drive as a whole: split and sequence to findings.
    failures
        Files of the dataset that belong to no frame although they should, one line each.
    notes
        What a user should know although it is no finding: also lines.
    hidden
        Findings that were left out because the baseline knows them.
    """

    index: Index
    label_map: LabelMap
    rules: tuple[str, ...]
    frames: tuple[Checked, ...]
    drives: dict[str, tuple[Finding, ...]]
    failures: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    hidden: int = 0

    @property
    def findings(self) -> Iterator[tuple[str, Finding]]:
        """Every finding with the key of its frame, or split and sequence of its drive."""
        for frame in self.frames:
            for finding in frame.findings:
                yield frame.key, finding
        for drive, found in self.drives.items():
            for finding in found:
                yield drive, finding

    @property
    def ledger(self) -> Ledger:
        """The account of the objects of all frames that could be read."""
        return sum((frame.ledger for frame in self.frames if frame.ledger is not None), Ledger())

    def count(self) -> dict[Severity, int]:
        """Return how many findings are how bad."""
        return Counter(finding.severity for _, finding in self.findings)

    @property
    def ok(self) -> bool:
        """Whether nothing is critical, and every file could be used."""
        return not self.failures and not self.count().get(Severity.CRITICAL)

    def at_least(self, severity: Severity) -> Report:
        """Return the report without findings that are less bad."""
        return self._select(lambda key, finding: finding.severity.weight >= severity.weight)

    def without(self, baseline: Baseline) -> Report:
        """Return the report without findings that were known before."""
        known = baseline.matcher()
        left = self._select(lambda key, finding: not known(key, finding))
        return replace(left, hidden=sum(1 for _ in self.findings) - sum(1 for _ in left.findings))

    def _select(self, keep: Callable[[str, Finding], bool]) -> Report:
        def chosen(key: str, found: Iterable[Finding]) -> tuple[Finding, ...]:
            return tuple(finding for finding in found if keep(key, finding))

        kept = tuple(replace(frame, findings=chosen(frame.key, frame.findings)) for frame in self.frames)
        drives = {drive: chosen(drive, found) for drive, found in self.drives.items()}
        return replace(self, frames=kept, drives={drive: found for drive, found in drives.items() if found})


def check(
    source: Index | str | Path,
    label_map: LabelMap,
    *,
    rules: Sequence[str] = (),
    settings: Settings | None = None,
    fill: str | None = None,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Apply the rules to all annotations of a dataset.

    Parameters
    ----------
    source
        A dataset's folder, an annotation file, an index CSV, or an index.
    label_map
        The labels that there are.
    rules
        As `choose_rules` takes them; default: all.
    settings
        What the rules go by; default: `Settings`.
    fill
        Rule by which frames are painted; None for that of each format and the label map.
    jobs
        Worker processes. With more than one, a script needs ``if __name__ == "__main__":``.
    progress
        Called, in this process, with how many frames are done and how many there are.

    Returns
    -------
    Report
        The same for any number of jobs. Files that cannot be read are findings; they do not raise.

    Raises
    ------
    UserError
        Nothing can be done at all: no such dataset, rule or label map, no annotations.
    """
    if jobs < 1:
        raise OptionError(f"{jobs} jobs: at least one is needed")
    if fill is not None and fill not in FILLS:
        raise OptionError(f"no fill rule {fill!r}; known: {', '.join(FILLS)}")
    index = source if isinstance(source, Index) else frames.scan(Path(source))
    tasks = [frame for frame in index.frames if frame.annotation is not None]
    if not tasks:
        raise FrameError("no frame has an annotation; label images have no objects to check", path=index.root)
    chosen, has_images = choose_rules(rules), any(frame.image is not None for frame in tasks)
    how = Checking(Path(index.root), label_map, chosen, settings or Settings(), fill, has_images)
    found = run_all(partial(check_frame, how), tasks, jobs, _PRELOAD, lambda one: one[0].key, progress)
    failures, notes = _problems(index)
    ordered, foreign = _without_foreign([found[frame.key] for frame in tasks], index, len(tasks))
    of_frames = [one for _, one in ordered if one is not None]
    whole, drives = _add_of_dataset([one for one, _ in ordered], of_frames, how)
    skipped = sum(frame.annotation is None and frame.labels is not None for frame in index.frames)
    if skipped:
        notes.append(f"{skipped} frames come as label images, which have no objects to check")
    if not has_images:
        notes.append("no frame has an image: nothing is said of images")
    return Report(index, label_map, chosen, whole, drives, tuple(failures), tuple(notes + foreign))


def _add_of_dataset(
    checked: Sequence[Checked], traits: Sequence[Traits], how: Checking
) -> tuple[tuple[Checked, ...], dict[str, tuple[Finding, ...]]]:
    of_key: dict[str, list[Finding]] = {}
    for key, finding in apply_to_dataset(how.rules, Batch(traits, how.settings)):
        of_key.setdefault(key, []).append(finding)
    keys = {frame.key for frame in checked}
    drives = {key: tuple(found) for key, found in of_key.items() if key not in keys}
    with_others = tuple(
        replace(frame, findings=tuple(sorted([*frame.findings, *of_key.get(frame.key, ())], key=worst_first)))
        for frame in checked
    )
    return with_others, drives


def _problems(index: Index) -> tuple[list[str], list[str]]:
    failures: list[str] = []
    notes: list[str] = []
    for problem in index.problems:
        line = str(FrameError(problem.problem, path=Path(index.root) / problem.path))
        (failures if problem.is_error else notes).append(line)
    return failures, notes


def _without_foreign(
    found: Sequence[tuple[Checked, Traits | None]], index: Index, tasks: int
) -> tuple[list[tuple[Checked, Traits | None]], list[str]]:
    """Leave out files of a flat folder that are no annotations: they were only met on the way."""
    if index.layout != "flat" or tasks == 1:
        return list(found), []
    kept = [one for one in found if not one[0].is_foreign]
    lines = [
        str(FrameError("no annotation of a frame", path=Path(index.root) / one.annotation))
        for one, _ in found
        if one.is_foreign
    ]
    return kept, lines
