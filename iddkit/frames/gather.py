"""One look at a folder: the files that are named as some layouts ask, and the index that they make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from iddkit.frames.index import DATASET, DEPTH, NAME, FrameProblem, Index
from iddkit.frames.layout import (
    ANNOTATION,
    DERIVED,
    DRIVE_FOLDERS,
    DRIVES,
    IMAGE,
    IMAGE_SUFFIXES,
    LABELME_FOLDERS,
    LABELS,
    LAYOUTS,
    PRODUCT,
    Layout,
    Meaning,
    NameRule,
    begin_with_sequence,
    has_splits,
    is_product,
    name_rules,
)
from iddkit.frames.pair import File, Key, pair_files
from iddkit.frames.walk import Parts, walk

_SUFFIXES = (*IMAGE_SUFFIXES, ".json", ".xml")
_LABELME_PRODUCTS = frozenset({"Masks", "Scribbles"})


@dataclass(frozen=True)
class Look:
    """One way to see a path.

    Attributes
    ----------
    root
        The root of the dataset.
    layouts
        The layouts that it may have: ``DRIVES``, or one other.
    tops
        The folders at the root to look into, `at` among them; ("",) for the root itself.
    at, within
        The top folder in which the path lies that was asked for, and the folders below it, which all tops share.
    only
        The name of the one annotation file that was asked for.
    """

    root: Path
    layouts: tuple[Layout, ...]
    tops: tuple[str, ...] = ("",)
    at: str = ""
    within: Parts = ()
    only: str = ""


def gather(look: Look) -> Index:
    """Return the index of what one look finds; it may be empty."""
    return _Gathering(look).index()


class _Gathering:
    """The state of one look: what was found so far."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self.rules: Mapping[str, NameRule] = name_rules(look.layouts)
        self.needs_splits = has_splits(look.layouts[0])
        self.files: dict[str, dict[Key, list[File]]] = {layout.name: {} for layout in look.layouts}
        self.counts: Counter[str] = Counter()
        self.problems: list[FrameProblem] = []
        read = self.rules[look.at].read(look.only) if look.only else None
        self.only_frame = read[0] if read else Path(look.only).stem

    def index(self) -> Index:
        look = self.look
        starts = [((top,) if top else ()) + look.within for top in look.tops]
        folders = walk(
            look.root,
            starts,
            self._is_wanted,
            self.problems,
            leave_out=self._leave_out,
            recurse=not look.only,
        )
        for parts, names in folders:
            self._read_folder(parts, names)
        if look.only and look.layouts == (LAYOUTS["flat"],):
            self._insist()
        return self._judge()

    def _top(self, parts: Parts) -> str:
        return parts[0] if parts and parts[0] in self.rules else ""

    def _is_wanted(self, parts: Parts, name: str) -> bool:
        """Return whether a file of this name in this folder would be part of a frame."""
        readings = [] if is_product(name) else _readings(self.rules[self._top(parts)], name)
        return any(not self.look.only or frame == self.only_frame for frame, _ in readings)

    def _leave_out(self, parts: Parts, names: set[str]) -> set[str]:
        left_out = {name for name in names if is_product(name)}
        if self.look.layouts == (LAYOUTS["flat"],):
            left_out |= names & _LABELME_PRODUCTS
            if parts and (names.intersection(DRIVE_FOLDERS) or names.issuperset(LABELME_FOLDERS)):
                self.problems.append(FrameProblem(DATASET, Path(*parts), "a dataset of its own, not scanned"))
                left_out |= names
        return left_out

    def _read_folder(self, parts: Parts, names: list[str]) -> None:
        look = self.look
        top = self._top(parts)
        rule = self.rules[top]
        below = parts[1:] if top else parts
        misplaced = self.needs_splits and len(below) != 2
        split, sequence = below if self.needs_splits and not misplaced else ("", "/".join(below))
        folder = "/".join(parts)
        for name in names:
            if is_product(name):
                continue
            readings = _readings(rule, name)
            if not readings and name.lower().endswith(_SUFFIXES) and not DERIVED.search(name):
                self._note(NAME, parts, name, f"not named as a file in {top} is")
            for frame, (layout, role, rank) in readings:
                if role == PRODUCT:
                    continue
                if look.only:
                    mine = role != ANNOTATION or (top, name) == (look.at, look.only)
                    if misplaced or frame != self.only_frame or not mine:
                        continue
                elif misplaced:
                    place = f"{top}/{{split}}/{{sequence}}"
                    self._note(DEPTH, parts, name, f"files of this name belong into {place}")
                    continue
                self.counts[layout] += 1
                self.files[layout].setdefault((split, sequence, frame), []).append(File(folder, name, role, rank))

    def _note(self, kind: str, parts: Parts, name: str, problem: str) -> None:
        if not self.look.only or name.startswith(f"{self.only_frame}."):
            self.problems.append(FrameProblem(kind, Path(*parts, name), problem))

    def _insist(self) -> None:
        """Take the one file that was asked for, whatever it is called."""
        key = ("", "", self.only_frame)
        files = self.files["flat"].setdefault(key, [])
        if not any(file.role == ANNOTATION for file in files):
            files.append(File("", self.look.only, ANNOTATION, 0))

    def _judge(self) -> Index:
        """Decide between the layouts, and pair the files."""
        layout = max(self.look.layouts, key=lambda layout: self.counts[layout.name])
        found = self.files[layout.name]
        for other in self.look.layouts:
            if other is not layout:
                for files in self.files[other.name].values():
                    for file in files:
                        if not DERIVED.search(file.name):
                            problem = f"named as in the layout {other.name}, not as in {layout.name}"
                            self.problems.append(FrameProblem(NAME, Path(file.path), problem))
        if layout is DRIVES[0]:
            cities = _has_coarse(found) or begin_with_sequence((sequence, name) for _, sequence, name in found)
            layout = LAYOUTS["cityscapes" if cities else "idd"]
        index = pair_files(self.look.root, layout, found, self.problems)
        unnamed = any(problem.kind == NAME for problem in self.problems)
        if layout is LAYOUTS["labelme"] and unnamed and not any(frame.image for frame in index):
            # Images in Annotations and none in Images: a flat folder that happens to be called so.
            return replace(index, frames=(), problems=())
        return index


def _readings(rule: NameRule, file_name: str) -> list[tuple[str, Meaning]]:
    """Return what a file's name may mean: frame and meaning. In a flat folder a label image is an image as well."""
    read = rule.read(file_name)
    if read is None:
        return []
    meaning = read[1]
    if meaning.layout == "flat" and meaning.role in (LABELS, PRODUCT):
        # Someone may have annotated the very file.
        return [read, (Path(file_name).stem, Meaning(meaning.layout, IMAGE, 0))]
    return [read]


def _has_coarse(found: Mapping[Key, list[File]]) -> bool:
    return any(file.folder.startswith("gtCoarse/") for files in found.values() for file in files)
