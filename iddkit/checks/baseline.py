"""Findings that are known: what was found once, and is not to be told again.

A finding is known by its rule, how bad it is, its frame and the content that it speaks of: the label and the points of
an object, the box of a gap. Numbers of objects may change when others are added before them; what has become worse is
told again.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from iddkit import files
from iddkit.checks.finding import Finding
from iddkit.errors import AnnotationError, RecipeError


def fingerprint(key: str, finding: Finding) -> str:
    """Return what a finding of a frame, or drive, is known by: 24 hexadecimal digits."""
    content = "\n".join((finding.rule, finding.severity, key, finding.identity))
    return hashlib.sha256(content.encode("utf-8", "surrogateescape")).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Baseline:
    """Fingerprints of known findings, and how often each occurs."""

    known: Counter[str]

    def matcher(self) -> Callable[[str, Finding], bool]:
        """Return a function that tells whether a finding is known; each known one is found once."""
        left = Counter(self.known)

        def is_known(key: str, finding: Finding) -> bool:
            mark = fingerprint(key, finding)
            left[mark] -= 1
            return left[mark] >= 0

        return is_known


def load_baseline(path: Path) -> Baseline:
    """Load the findings of an earlier run: what ``iddkit check --format json`` wrote.

    Raises
    ------
    RecipeError
        It cannot be read, or is nothing of the kind.
    """
    try:
        document = json.loads(files.read_bytes(path))
        marks = [finding["fingerprint"] for finding in document["findings"]]
    except AnnotationError as error:
        raise RecipeError(error.problem, path=path) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        problem = "no baseline: 'iddkit check --format json' writes one"
        raise RecipeError(problem, path=path) from error
    if not all(isinstance(mark, str) for mark in marks):
        raise RecipeError("no baseline: a fingerprint is no text", path=path)
    return Baseline(Counter(marks))
