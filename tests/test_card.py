from __future__ import annotations

import json
import re
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from iddkit.reporting.card import write_card
from iddkit.subset import SubsetPlan
from iddkit.subset.evidence import SubsetEvidence
from iddkit.subset.gather import gather_evidence
from tests.evidence_tables import make_evidence, make_table


def card(evidence: SubsetEvidence) -> str:
    return write_card(evidence).decode()


@pytest.fixture(scope="module")
def evidence() -> SubsetEvidence:
    table = make_table({"train": (4, 6), "val": (2, 6)}, level="id", seed=2)
    return make_evidence(table, {"train": 6, "val": 4}, subsets=9, source_name="IDD", command="iddkit subset A B")


def front_matter(text: str) -> dict[str, str]:
    start, body, _ = text.split("---\n", 2)
    assert start == ""
    lines = [line for line in body.splitlines() if ": " in line and not line.startswith("#")]
    return {key: json.loads(value) for key, _, value in (line.partition(": ") for line in lines)}


def test_the_licence_is_left_to_the_user_and_cannot_be_overlooked(evidence: SubsetEvidence) -> None:
    text = card(evidence)
    assert "license" not in front_matter(text)
    assert "# license: to be filled in" in text
    assert "The licence is **to be filled in**" in text
    given = card(replace(evidence, license="CC-BY-4.0"))
    assert front_matter(given)["license"] == "CC-BY-4.0"
    assert "licence is **to be filled in**" not in given


@pytest.mark.parametrize("name", ['a"b\n---\nlicense: mit', "x: [1]", "# *b* <i>", "सड़क"])
def test_no_name_breaks_the_front_matter_or_the_text(evidence: SubsetEvidence, name: str) -> None:
    text = card(replace(evidence, name=name, license=name))
    assert text.count("\n---\n") == 1
    assert set(front_matter(text)) == {"pretty_name", "license"}
    assert "<i>" not in text.split("---\n", 2)[2].replace("\\<i\\>", "")


def test_the_card_says_what_the_evidence_says(evidence: SubsetEvidence) -> None:
    text = card(evidence)
    rows = re.findall(r"^\| +(\d+) \| ([a-z -]+?) +\| \\#([0-9a-f]{6}) \| +([\d.]+) \|", text, flags=re.M)
    labels = evidence.splits[0].level("level1").labels
    assert [(int(number), name) for number, name, _, _ in rows] == [(label.number, label.name) for label in labels]
    for (_, _, _, share), expected in zip(rows, evidence.derived.shares, strict=True):
        assert float(share) == pytest.approx(100 * (expected or 0), abs=6e-4)
    assert "train 6, val 4" in text
    assert "iddkit verify" in text
    assert "$ iddkit subset A B" in text
    assert "n<1K" in text
    assert write_card(evidence) == write_card(evidence)


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"method": "balanced"}, "exchanged for others of the same sequence"),
        ({"method": "random"}, "drawn at random"),
        ({"method": "every-kth"}, "Every k-th frame"),
        ({"method": "balanced", "frames": 10}, "those of a list that was given"),
    ],
)
def test_the_card_says_how_the_frames_were_chosen(
    evidence: SubsetEvidence, plan: dict[str, object], words: str
) -> None:
    text = card(replace(evidence, plan={**evidence.plan, **plan}))
    assert words in text
    assert ("exchanged" in text) == (words.startswith("exchanged"))


def test_labels_that_were_left_out_are_named() -> None:
    table = make_table({"train": (3, 6)}, level="level1", rare=0)
    assert table.sampled is not None
    for counts in (table.pixels, table.sampled.pixels):
        counts[1:, 2] = 0
        counts[0, 2] = 5
    plan = SubsetPlan(level="level1", factor=Fraction(6))
    for rows, words in (
        ([3, 9], "level1: living things (train)."),
        ([0, 9], "At level1, no label that frames of a split hold"),
    ):
        assert words in card(gather_evidence(table, {"train": np.array(rows)}, plan))


def test_the_number_of_images_has_its_class_of_size(evidence: SubsetEvidence) -> None:
    for count, size in ((999, "n<1K"), (1000, "1K<n<10K"), (123_456, "100K<n<1M"), (2_000_000, "n>1M")):
        derived = replace(evidence.derived, images={"train": count})
        assert f"- {size}\n" in card(replace(evidence, datasets=(evidence.source, derived)))
