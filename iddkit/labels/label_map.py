"""The values: a label, a category of one level, the map of all labels, and the tables made of it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iddkit.errors import LabelMapError

#: The number of a pixel that belongs to no class, in every numbering that has no other for it.
VOID: Final = 255

#: The level whose numbers are a label's own, one to one.
ID: Final = "id"


@dataclass(frozen=True, slots=True)
class Label:
    """One row of a label map.

    Attributes
    ----------
    name
        As annotators type it.
    numbers
        Level name to number: 0-255, or negative for a label that is never drawn.
    color
        Red, green, blue, 0-255.
    has_instances
        Objects of this label are counted one by one ('things').
    ignore_in_eval
        Left out by the published evaluation.
    category
        The wider category that the published table names, or "".
    """

    name: str
    numbers: Mapping[str, int]
    color: tuple[int, int, int]
    has_instances: bool = False
    ignore_in_eval: bool = False
    category: str = ""

    @property
    def id(self) -> int:
        """The label's own number."""
        return self.numbers[ID]

    @property
    def drawn(self) -> bool:
        """Whether polygons of this label are painted at all: its id is not negative."""
        return self.id >= 0


@dataclass(frozen=True, slots=True)
class Category:
    """A number of one level with all the labels that share it."""

    number: int
    name: str
    labels: tuple[Label, ...]

    @property
    def color(self) -> tuple[int, int, int]:
        """Colour of the first label that is evaluated, or of the first."""
        return next((label for label in self.labels if not label.ignore_in_eval), self.labels[0]).color

    @property
    def isthing(self) -> bool:
        """Whether any of its labels is counted by instance."""
        return any(label.has_instances for label in self.labels)

    @property
    def ignore_in_eval(self) -> bool:
        """Whether the evaluation leaves out every one of its labels."""
        return all(label.ignore_in_eval for label in self.labels)


@dataclass(frozen=True)
class LabelMap:
    """All labels of a dataset, and their numberings.

    Attributes
    ----------
    name
        Name of the map: its file name without the suffix.
    labels
        In the order of the file.
    levels
        Names of the numberings in the order of the file, `ID` among them.
    category_names
        Level to number to name, from the columns ``<level>_name``.
    sha256
        Hash of the file's bytes: what manifests record.

    Examples
    --------
    >>> from iddkit import labels
    >>> idd = labels.load("idd")
    >>> int(idd.lookup("level1")[idd["autorickshaw"].id])
    3
    >>> idd.find("cargroup")
    ('car', True)
    """

    name: str
    labels: tuple[Label, ...]
    levels: tuple[str, ...]
    category_names: Mapping[str, Mapping[int, str]]
    sha256: str

    @cached_property
    def _by_name(self) -> dict[str, Label]:
        return {label.name: label for label in self.labels}

    def __getitem__(self, name: str) -> Label:
        """Return the label called `name`; `KeyError` if there is none."""
        return self._by_name[name]

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Label]:
        return iter(self.labels)

    def __len__(self) -> int:
        return len(self.labels)

    def find(self, name: str) -> tuple[str, bool] | None:
        """Return (name of the label, is a group) for a label as typed in a file, or None.

        ``<label>group`` stands for several objects of ``<label>`` unless it is a label itself (as
        ``polegroup`` is); a group has no instance number.
        """
        if name in self._by_name:
            return name, False
        base = name.removesuffix("group").rstrip() if name.endswith("group") else ""
        return (base, True) if base in self._by_name else None

    def nearest(self, name: str) -> str | None:
        """Return the known label whose spelling is nearest to `name`, if one is near."""
        plain = {label.lower(): label for label in self._by_name}
        near = difflib.get_close_matches(name.lower()[:100].replace("_", " "), plain, n=1, cutoff=0.7)
        return plain[near[0]] if near else None

    def level(self, name: str) -> str:
        """Return the level that `name` means: ``level3``, ``level3Id``, ``csTrainIds`` and so on.

        Raises
        ------
        LabelMapError
            No such level; the known ones are named.
        """
        wanted = _plain_level(name)
        for level in self.levels:
            if _plain_level(level) == wanted:
                return level
        raise LabelMapError(f"the label map {self.name} has no level {name!r}; it has {', '.join(self.levels)}")

    @cached_property
    def hierarchy(self) -> tuple[str, ...]:
        """The levels that group labels, fine to coarse: ``id``, then ``level4`` ... ``level1`` or ``category``.

        The other levels are numberings for exchange (``cs``, ``cs_train``, ``train``), not groupings.
        """
        numbered = sorted(
            (lv for lv in self.levels if re.fullmatch(r"level\d+", lv)), key=_trailing_number, reverse=True
        )
        return (ID, *numbered, *(lv for lv in self.levels if lv == "category"))

    def background(self, level: str) -> int:
        """Return the number at `level` of a pixel that no shape covers.

        It is that of the label ``unlabeled``, else of labelme's ``_background_``, else `VOID`.
        """
        for name in ("unlabeled", "_background_"):
            if name in self._by_name and self._by_name[name].drawn:
                return self._by_name[name].numbers[level]
        return VOID

    def void(self, level: str) -> int:
        """Return the number at `level` of a pixel that is to be ignored: that of ``unlabeled``, else `VOID`."""
        unlabeled = self._by_name.get("unlabeled")
        return unlabeled.numbers[level] if unlabeled is not None and unlabeled.drawn else VOID

    def lookup(self, level: str) -> NDArray[np.uint8]:
        """Return the table from label id to number at `level`: uint8 (256,), `VOID` where no label is."""
        table = np.full(256, VOID, dtype=np.uint8)
        for label in self.labels:
            if label.drawn:
                table[label.id] = label.numbers[level]
        return table

    def palette(self, level: str) -> NDArray[np.uint8]:
        """Return the colour of each number at `level`: uint8 (256, 3) RGB, black where no label is."""
        table = np.zeros((256, 3), dtype=np.uint8)
        for category in self.categories(level):
            table[category.number] = category.color
        return table

    def categories(self, level: str) -> tuple[Category, ...]:
        """Return the numbers of `level` in ascending order, each with its name and labels.

        The name is that of the column ``<level>_name``, else the names of the labels together.
        Labels that are never drawn are in none.
        """
        members: dict[int, list[Label]] = {}
        for label in self.labels:
            if label.drawn:
                members.setdefault(label.numbers[level], []).append(label)
        names = self.category_names.get(level, {})
        return tuple(
            Category(number, names.get(number) or ", ".join(label.name for label in labels), tuple(labels))
            for number, labels in sorted(members.items())
        )


def _plain_level(name: str) -> str:
    plain = name.lower().replace("_", "").replace("-", "")
    plain = plain.removeprefix("label") if plain != "label" else plain
    for suffix in ("ids", "id"):
        if plain.endswith(suffix) and plain != suffix:
            return plain[: -len(suffix)]
    return ID if plain in ("ids", "id", "") else plain


def _trailing_number(level: str) -> int:
    return int(level.removeprefix("level"))


def nests(label_map: LabelMap, fine: str, coarse: str) -> bool:
    """Return whether every number of level `fine` lies within one number of level `coarse`.

    Then images and matrices of the fine level can be turned into the coarse one. In IDD all levels nest but
    level4 in level3 (see ``label_maps/README.md``).
    """
    return all(len({label.numbers[coarse] for label in c.labels}) == 1 for c in label_map.categories(fine))
