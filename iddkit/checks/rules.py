"""The rules by name, and how they are chosen."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from inspect import cleandoc
from typing import Any, Final

from iddkit.checks import dataset, names, overlaps, scene, shapes
from iddkit.checks.dataset import Batch, Located
from iddkit.checks.finding import Finding
from iddkit.checks.view import View
from iddkit.errors import OptionError, UserError, printable
from iddkit.severity import Severity


class Scope(StrEnum):
    """What a rule looks at."""

    FILE = "file"
    OBJECT = "object"
    FRAME = "frame"
    DATASET = "dataset"


def unreadable_file(error: UserError) -> Iterator[Finding]:
    """Find an annotation file that cannot be read at all: damaged, of no known format, or too large to be one."""
    where = f"{error.where}: " if error.where else ""
    yield Finding(Severity.CRITICAL, where + error.problem, identity=error.problem)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule.

    Attributes
    ----------
    scope
        What it looks at.
    severity
        Of its gravest findings.
    find
        The function; its docstring is the help text.
    mends
        Whether some of its findings have a mend.
    """

    scope: Scope
    severity: Severity
    find: Callable[[Any], Iterator[Any]]
    mends: bool = False

    @property
    def help(self) -> str:
        """What it finds, and why: the docstring of its function."""
        return cleandoc(self.find.__doc__ or "")


#: Every rule, in the order in which findings are listed.
RULES: Final[Mapping[str, Rule]] = {
    "unreadable-file": Rule(Scope.FILE, Severity.CRITICAL, unreadable_file),
    "unreadable-object": Rule(Scope.OBJECT, Severity.CRITICAL, shapes.unreadable_object),
    "unknown-label": Rule(Scope.OBJECT, Severity.CRITICAL, names.unknown_label, mends=True),
    "group-without-instances": Rule(Scope.OBJECT, Severity.MINOR, names.group_without_instances, mends=True),
    "too-few-points": Rule(Scope.OBJECT, Severity.MAJOR, shapes.too_few_points),
    "zero-area": Rule(Scope.OBJECT, Severity.MAJOR, shapes.zero_area),
    "self-crossing": Rule(Scope.OBJECT, Severity.MAJOR, shapes.self_crossing),
    "spike": Rule(Scope.OBJECT, Severity.MINOR, shapes.spike),
    "repeated-points": Rule(Scope.OBJECT, Severity.MINOR, shapes.repeated_points, mends=True),
    "outside-image": Rule(Scope.OBJECT, Severity.MAJOR, shapes.outside_image),
    "beyond-image": Rule(Scope.OBJECT, Severity.MINOR, shapes.beyond_image, mends=True),
    "duplicate-shape": Rule(Scope.FRAME, Severity.CRITICAL, overlaps.duplicate_shape, mends=True),
    "near-duplicate-shape": Rule(Scope.FRAME, Severity.MAJOR, overlaps.near_duplicate_shape),
    "hidden-shape": Rule(Scope.FRAME, Severity.MINOR, overlaps.hidden_shape),
    "order-inversion": Rule(Scope.FRAME, Severity.MAJOR, overlaps.order_inversion),
    "missing-partner": Rule(Scope.FRAME, Severity.MAJOR, scene.missing_partner),
    "required-label": Rule(Scope.FRAME, Severity.MINOR, scene.required_label),
    "unlabelled-share": Rule(Scope.FRAME, Severity.CRITICAL, scene.unlabelled_share),
    "gap": Rule(Scope.FRAME, Severity.MINOR, scene.gap),
    "sliver": Rule(Scope.FRAME, Severity.MINOR, scene.sliver),
    "size-mismatch": Rule(Scope.FRAME, Severity.CRITICAL, scene.size_mismatch),
    "image-missing": Rule(Scope.FRAME, Severity.MAJOR, scene.image_missing),
    "image-unreadable": Rule(Scope.FRAME, Severity.CRITICAL, scene.image_unreadable),
    "unusual-area": Rule(Scope.DATASET, Severity.MINOR, dataset.unusual_area),
    "near-duplicate-frame": Rule(Scope.DATASET, Severity.MAJOR, dataset.near_duplicate_frame),
    "sequence-habit": Rule(Scope.DATASET, Severity.MINOR, dataset.sequence_habit),
}

_ORDER: Final = {name: place for place, name in enumerate(RULES)}


def choose_rules(wanted: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the names of the rules to apply, in the order of `RULES`.

    Parameters
    ----------
    wanted
        Names, several in one text separated by commas or blanks; with a minus before it (``-gap``), a rule is left
        out. Without a name that is not so, all others are taken; so is ``all``.

    Raises
    ------
    OptionError
        There is no such rule; the nearest one is named.

    Examples
    --------
    >>> choose_rules(["spike, self-crossing"]), len(choose_rules(["-gap"])) == len(RULES) - 1
    (('self-crossing', 'spike'), True)
    """
    parts = [part.lower() for text in wanted for part in re.split(r"[,\s]+", text) if part]
    for part in parts:
        if part.removeprefix("-") not in RULES and part != "all":
            near = difflib.get_close_matches(part.removeprefix("-").lower(), RULES, n=1, cutoff=0)[0]
            raise OptionError(f"no rule {printable(part, 40)!r}, perhaps {near}; 'iddkit rules' lists them")
    named = {part for part in parts if not part.startswith("-")}
    chosen = set(RULES) if not named or "all" in named else named
    chosen -= {part[1:] for part in parts if part.startswith("-")}
    return tuple(name for name in RULES if name in chosen)


def apply(rules: Iterable[str], view: View) -> Iterator[Finding]:
    """Yield what those of the rules that look at objects and frames find in a frame, rule by rule."""
    for name in rules:
        if RULES[name].scope in (Scope.OBJECT, Scope.FRAME):
            for finding in RULES[name].find(view):
                yield replace(finding, rule=name)


def apply_to_dataset(rules: Iterable[str], batch: Batch) -> Iterator[Located]:
    """Yield what those of the rules that look at a dataset find, with the frame or drive that it is said of."""
    for name in rules:
        if RULES[name].scope is Scope.DATASET:
            for key, finding in RULES[name].find(batch):
                yield key, replace(finding, rule=name)


def worst_first(finding: Finding) -> tuple[int, int, int]:
    """Return what findings of a frame are ordered by: how bad they are, their rule, their object."""
    object_number = -1 if finding.object is None else finding.object
    return -finding.severity.weight, _ORDER.get(finding.rule, len(_ORDER)), object_number
