"""Measure what `iddkit check` finds of planted defects, and what it finds in frames that have none.

Usage: python benchmarks/defects.py [--frames 200] [--first 0] [--size 640x360] [--plants 2]

Frame k is the synthetic street of seed k without the slips of a hand (`tests/planted.py`). Into each one, as many times
as --plants says, each kind of defect is planted that the tests know, and found if the rule of that name finds more than
before. Thresholds of rules were chosen by seeds below 6000: take others to judge them.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from iddkit import labels
from iddkit.annotation import Annotation
from iddkit.checks import Checking, Finding, check_reading

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the tests' defects
from tests.planted import PLANTS, Plant, clean_frame, reading_of


def find(annotation: Annotation) -> tuple[Finding, ...]:
    """Return all findings of a frame."""
    return check_reading(Checking(Path(), labels.load("idd")), reading_of(annotation)).findings


def count_found(kind: str, plant: Plant, frames: dict[int, Annotation], plants: int) -> tuple[int, int]:
    """Return how many defects of a kind were found, and how many were planted."""
    found = planted = 0
    for seed, frame in frames.items():
        before = sum(finding.rule == kind for finding in find(frame))
        for number in range(plants):
            try:
                worse = plant(frame, np.random.default_rng([seed, number]))
            except ValueError:  # nothing in it that the defect could be planted into
                continue
            planted += 1
            after = [finding for finding in find(worse) if finding.rule == kind]
            found += len(after) > before
    return found, planted


def main() -> None:
    """Print the alarms of clean frames, and the recall of each kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--size", default="640x360", help="width and height")
    parser.add_argument("--plants", type=int, default=2)
    given = parser.parse_args()
    width, height = map(int, given.size.split("x"))
    frames = {k: clean_frame(k, width, height) for k in range(given.first, given.first + given.frames)}
    alarmed, rules = 0, Counter[str]()
    for k, frame in frames.items():
        findings = find(frame)
        alarmed += bool(findings)
        rules.update({finding.rule for finding in findings})
        for finding in findings:
            print(f"frame {k}: {finding.rule} ({finding.severity}): {finding}")
    share = 100 * alarmed / len(frames)
    print(f"{alarmed} of {len(frames)} clean frames have a finding ({share:.2f} %): {dict(rules)}\n")
    for kind, plant in PLANTS.items() if given.plants else ():
        found, planted = count_found(kind, plant, frames, given.plants)
        print(f"{kind:<24} {found:>5} of {planted:>5}  {found / max(planted, 1):.3f}")


if __name__ == "__main__":
    main()
