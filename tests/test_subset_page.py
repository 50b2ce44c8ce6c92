from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from iddkit.reporting import figure, label_figures
from iddkit.reporting.card import write_card
from iddkit.reporting.subset_page import Sample, draw_samples, plan_rows, read_samples, write_report
from iddkit.reporting.subset_sections import glossary, sections
from iddkit.reporting.subset_tables import make_tables
from iddkit.reporting.subset_words import (
    again_sentence,
    cautions,
    comparisons,
    describe,
    facts,
    lost_sentence,
    presence_sentence,
    verdicts,
)
from iddkit.statistics.columns import collapse
from iddkit.subset.evidence import LevelEvidence, Measure, SampleFrame, SubsetEvidence
from tests.evidence_tables import make_evidence, make_table

ROOT = Path(__file__).parents[1]
NASTY = "<script>alert('{{7*7}}')</script>"


def small(**more: object) -> SubsetEvidence:
    table = make_table({"train": (4, 6), "val": (2, 6)}, level="id", seed=2)
    return make_evidence(table, {"train": 6, "val": 4}, level="level1", subsets=9, **more)  # type: ignore[arg-type]


def samples(count: int = 3) -> tuple[Sample, ...]:
    dice = np.random.Generator(np.random.PCG64(1))
    return tuple(
        Sample(f"train/1/{i}", dice.integers(0, 255, (18, 32, 3), np.uint8), dice.integers(0, 8, (18, 32), np.uint8))
        for i in range(count)
    )


@pytest.fixture(scope="module")
def evidence() -> SubsetEvidence:
    return replace(
        small(source_name=NASTY, command=f"iddkit subset SOURCE OUT --name {NASTY}", failures=[f"a.png: {NASTY}"]),
        name=NASTY,
    )


@pytest.fixture(scope="module")
def report(evidence: SubsetEvidence) -> dict[str, bytes]:
    return write_report(evidence, samples())


class Page(HTMLParser):
    """Collects what a page refers to, and checks that its elements are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("href", "src", "xlink:href", "action", "poster"):
                self.links.append(value or "")
            if name == "id":
                self.ids.append(value or "")
        if tag not in ("meta", "img", "link", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_is_whole_and_needs_nothing_from_elsewhere(report: dict[str, bytes]) -> None:
    text = report["report.html"].decode()
    page = Page(text)
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids
        elif not link.startswith("data:image/"):
            assert link in report
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert page.tags.count("img") == 12  # 7 figures, pairs and layout of two splits, the contact sheet
    assert len(page.ids) == len(set(page.ids))


def test_names_cannot_break_out_of_their_place(report: dict[str, bytes]) -> None:
    page = Page(report["report.html"].decode())
    assert "script" not in page.tags
    assert any(NASTY in words for words in page.words)
    markdown = report["report.md"].decode()
    assert not re.search(r"(?<!\\)[<>{}]script", re.sub(r"```.*?```", "", markdown, flags=re.S))
    assert "\\<script\\>" in markdown


def test_every_file_that_the_markdown_shows_is_there(report: dict[str, bytes]) -> None:
    text = report["report.md"].decode()
    found = re.findall(r"\]\(([^)]+)\)", text)
    assert set(found) <= set(report)
    assert {name for name in report if name.endswith(".png")} <= set(found)
    assert {name for name in report if name.endswith(".csv")} <= set(found)


def test_tables_say_what_the_evidence_says(evidence: SubsetEvidence, report: dict[str, bytes]) -> None:
    rows = list(csv.DictReader(io.StringIO(report["tables/errors-train.csv"].decode())))
    labels = {label.name: label for label in evidence.splits[0].level("level1").labels}
    assert [row["label"] for row in rows] != sorted(labels)
    for row in rows:
        label = labels[row["label"]]
        assert float(row["share % source"]) == pytest.approx(100 * label.resized.share)
        assert float(row["presence error, points subset"]) == pytest.approx(100 * label.presence_error, abs=1e-7)
        assert int(row["frames subset"]) == label.subset.frames
    shares = list(csv.DictReader(io.StringIO(report["tables/shares.csv"].decode())))
    assert sum(float(row["share % tiny"]) for row in shares) == pytest.approx(100)
    random = list(csv.DictReader(io.StringIO(report["tables/random.csv"].decode())))
    places = [(row["split"], row["level"]) for row in random]
    expected = [(split, level) for split in ("train", "val") for level in ("level1", "id")]
    assert places == [place for place in expected for _ in range(6)]
    assert {row["of"] for row in random} == {"9"}


def test_a_long_name_of_a_dataset_is_shown_as_it_is(evidence: SubsetEvidence) -> None:
    assert describe(evidence).startswith("10 of 36 labelled frames of <script>")
    assert "level1" in describe(evidence)
    assert "balanced swaps (seed 0)" in describe(evidence)


def test_the_same_evidence_gives_the_same_bytes_in_every_process(evidence: SubsetEvidence) -> None:
    code = (
        "import hashlib\n"
        "from tests.test_subset_page import samples\n"
        "from tests.evidence_tables import make_evidence, make_table\n"
        "from iddkit.reporting.subset_page import write_report\n"
        "table = make_table({'train': (2, 5)}, level='level1', seed=2)\n"
        "report = write_report(make_evidence(table, {'train': 4}, subsets=9), samples())\n"
        "print(hashlib.sha256(repr(sorted(report.items())).encode()).hexdigest())\n"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": locale},
        )
        for seed, locale in (("1", "C"), ("77", "C.UTF-8"))
    ]
    first, second = (process.communicate()[0] for process in running)
    assert len(first.strip()) == 64
    assert first == second


def test_many_labels_stay_below_three_megabytes() -> None:
    table = make_table({"train": (30, 8)}, level="id", rare=0.8)
    evidence = make_evidence(table, {"train": 60}, level="id", subsets=200)
    dice = np.random.Generator(np.random.PCG64(1))
    noise = dice.integers(0, 255, (405, 720, 3), np.uint8)
    report = write_report(evidence, [Sample(str(i), noise, noise[:, :, 0] % 35) for i in range(8)])
    assert len(report["report.html"]) < 3_000_000


def test_the_sheet_shows_images_beside_labels_in_their_colours(evidence: SubsetEvidence) -> None:
    label = evidence.splits[0].level("level1").labels[2]
    one = Sample("a", np.full((9, 16, 3), (10, 200, 30), np.uint8), np.full((9, 16), label.number, np.uint8))
    other = Sample("b", np.full((9, 16, 3), 99, np.uint8), np.full((9, 16), 255, np.uint8))
    sheet = draw_samples(evidence, [one, other, one])
    centres = [tuple(int(v) for v in sheet[80, 8 + 160 + 328 * i]) for i in range(4)]
    for found, expected in zip(centres, ((10, 200, 30), label.color, (99, 99, 99), (0, 0, 0)), strict=True):
        assert found == expected
    assert sheet.shape[1] == 8 + 4 * 328
    assert sheet.shape[0] == 28 + 2 * (180 + 28)


def test_samples_are_read_from_the_dataset(tmp_path: Path, evidence: SubsetEvidence) -> None:
    Image.fromarray(np.full((3, 4, 3), 7, np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(np.full((3, 4), 2, np.uint8)).save(tmp_path / "b.png")
    (sample,) = read_samples(replace(evidence, samples=(SampleFrame("k", "a.png", "b.png"),)), tmp_path)
    assert (sample.key, sample.image.shape, int(sample.labels.max())) == ("k", (3, 4, 3), 2)


def with_measures(evidence: SubsetEvidence, *measures: Measure) -> SubsetEvidence:
    return replace(evidence, splits=(replace(evidence.splits[0], measures=measures),))


def test_datasets_whose_labels_differ_are_said_to_and_left_out_of_figures_if_most_do(evidence: SubsetEvidence) -> None:
    near, far = (replace(evidence.derived, name=name, foreign=part) for name, part in (("Near", 0.031), ("Far", 0.7)))
    several = replace(evidence, datasets=(*evidence.datasets, near, far, replace(near, name="Same", foreign=0.0)))
    assert [dataset.name for dataset in several.compared[2:]] == ["Near", "Same"]
    assert comparisons(several) == (
        "3.1 % of the labelled pixels of Near have labels that level1 lacks.",
        "70 % of the labelled pixels of Far have labels that level1 lacks: the figures leave it out.",
    )
    with figure.styled():
        written = [words.text for words in label_figures.draw_pixels(several).words]
    assert written[2:4] == ["Near", "Same"]
    assert "Far" not in written
    assert "Far" in {row[0] for row in make_tables(several)["datasets"].rows}


def test_labels_that_a_split_lost_are_listed_with_it(evidence: SubsetEvidence) -> None:
    rows = make_tables(evidence)["lost"].rows
    expected = [
        (split.name, level.level, label.name)
        for split in evidence.splits
        for level in split.levels
        for label in level.labels
        if label.source.frames and not label.subset.frames
    ]
    assert expected
    assert [row[:3] for row in rows] == expected


def test_the_verdict_says_where_the_subset_stands(evidence: SubsetEvidence) -> None:
    share = Measure("worst_share", "largest share error", "%", 0.5, (9.0, 10.0, 40.0), "level1", '"bus, car"')
    js = Measure("js", "label shares (JS divergence)", "bits", 5.6e-6, (0.001, 0.002, 0.003), "level1")
    layout = Measure("layout", "layout", "", 2.0, (1.0, 3.0, 4.0), "level1")
    fixed = Measure("pairs", "pairs", "points", 0.0, (0.0, 0.0, 0.0), "level1")
    mmd = Measure("mmd", "distance", "", 9.0, (1.0, 3.0, 4.0), "id")
    text, finest = verdicts(with_measures(evidence, share, js, layout, fixed, mmd))
    assert text == (
        'train, level1, 6 of 24 frames: the largest share error of a common label is 0.5 % ("bus, car"), 20 times '
        "smaller than in the median random subset (10 %). The JS divergence of the shares is 5.6e-06 bits, 360 times "
        "smaller than in the median random subset (0.002). Nearer to the source than all 3 random subsets of this size "
        "in largest share error and label shares; than 2 of 3 in layout."
    )
    assert finest == (
        "train, id, 6 of 24 frames: nearer to the source than none of 3 random subsets of this size in distance."
    )
    (text,) = verdicts(with_measures(evidence, replace(js, value=0.0019)))
    assert "times smaller" not in text
    assert "0.0019 bits, beside 0.002 in the median" in text
    (text,) = verdicts(with_measures(evidence, replace(js, value=0.0, random=(0.0, 0.0))))
    assert "no error, either" in text
    assert verdicts(with_measures(evidence)) == ()


def test_the_headlines_name_the_worst_label_and_what_is_left_out(evidence: SubsetEvidence) -> None:
    found = {fact.title: fact for fact in facts(evidence)}
    worst = max(
        (label for split in evidence.splits for label in split.level("level1").labels if label.common),
        key=lambda label: abs(label.share_error or 0),
    )
    assert worst.quoted in found["largest share error"].note
    assert "level1" in found["largest share error"].note
    assert found["frames"].value == "10"
    assert found["frames"].note == "train 6 of 24, val 4 of 12"
    lost = evidence.lost()
    assert found["labels left out"].value == str(len(lost["level1"]))
    counts = [sum(one.split == split for one in lost["id"]) for split in ("train", "val")]
    assert found["labels left out"].note.endswith(f"of id: {counts[0]} (train), {counts[1]} (val)")
    assert "beside random" not in {fact.title for fact in facts(with_measures(evidence))}


def lose(evidence: SubsetEvidence, split: str, *names: str) -> SubsetEvidence:
    """Return the evidence, as if a split had lost labels of the output's level."""

    def of(level: LevelEvidence) -> LevelEvidence:
        names_of = names if level.level == "level1" else ()
        return replace(level, labels=tuple(replace(label, lost=label.name in names_of) for label in level.labels))

    return replace(
        evidence,
        splits=tuple(
            replace(one, levels=tuple(of(level) if one.name == split else level for level in one.levels))
            for one in evidence.splits
        ),
    )


def test_a_label_that_one_split_lost_is_named_with_it_everywhere(evidence: SubsetEvidence) -> None:
    # Nothing is lost at any level, but these.
    lost = lose(lose(lose(evidence, "train"), "val"), "val", "sky", "vehicles")
    tile = next(fact for fact in facts(lost) if fact.title == "labels left out")
    assert (tile.value, tile.note) == ("2", "of level1: vehicles (val), sky (val); of id: 0")
    sentence = lost_sentence(lost)
    assert "at level1: vehicles (val), sky (val)." in sentence
    assert sentence.endswith("At id, the finest level: 0.")
    report = write_report(lost)
    for text in (report["report.html"], report["report.md"], write_card(lost)):
        assert sentence in text.decode()
    assert [row[:3] for row in make_tables(lost)["lost"].rows] == [("val", "level1", n) for n in ("vehicles", "sky")]


def test_few_frames_and_frames_that_could_not_be_read_are_said_before_the_numbers(evidence: SubsetEvidence) -> None:
    failed = replace(evidence, failures=tuple(f"gtFine/{i}.json: no JSON" for i in range(23)))
    report = write_report(failed)
    for name in ("report.html", "report.md", "card"):
        text = (write_card(failed) if name == "card" else report[name]).decode()
        place = text.index("23 frames could not be read and are left out of everything")
        assert place < text.index("and 3 more") < text.index("largest share error of a common label")
        assert "gtFine/19.json" in text
        assert "gtFine/20.json" not in text
        assert text.count("So few chosen frames as 6 (train) and 4 (val)" if name == "report.html" else "So few") == 1
    many = [replace(split, chosen=30, frames=90) for split in evidence.splits]
    assert cautions(replace(evidence, splits=tuple(many))) == ()
    assert cautions(replace(evidence, splits=(replace(many[0], chosen=29), many[1])))[0].startswith(
        "So few chosen frames as 29 (train) cannot"
    )
    # All frames of a small split are no sample.
    assert cautions(replace(evidence, splits=(replace(many[0], chosen=5, frames=5),))) == ()


def test_the_command_is_said_to_give_the_same_bytes_only_where_it_does(evidence: SubsetEvidence) -> None:
    assert "byte for byte" in again_sentence(evidence)
    text = again_sentence(replace(evidence, datasets=(*evidence.datasets, replace(evidence.derived, name="City"))))
    assert "byte for byte" not in text
    assert "also shows City, given by --beside" in text


def test_presence_is_shown_at_the_finest_level_where_every_frame_holds_every_label() -> None:
    table = make_table({"train": (4, 12)}, level="id", seed=2)
    assert table.sampled is not None
    into = collapse(table.label_map, "id", "level1")
    first = [int(np.flatnonzero(into == i)[0]) for i in range(7)]
    table.sampled.pixels[:, first] += 1  # one label of each group is in every frame
    evidence = make_evidence(table, {"train": 12}, level="level1", subsets=9)
    split = evidence.splits[0]
    assert all(label.resized.presence == 1 for label in split.level("level1").labels)
    assert evidence.presence_level == "id"
    assert len(split.pairs) == len(split.level("id").labels)
    assert not {"worst_presence", "pairs"} & {measure.name for measure in split.measured("level1")}
    assert {"worst_presence", "pairs"} <= {measure.name for measure in split.measured("id")}
    tile = next(fact for fact in facts(evidence) if fact.title == "largest presence error")
    assert "of id" in tile.note
    report = write_report(evidence)
    assert "Every label of level1 is in every frame, or in none" in report["report.html"].decode()
    assert {"tables/presence-train.csv", "figures/presence_errors.png"} <= set(report)
    assert presence_sentence(make_evidence(table, {"train": 12}, level="id", subsets=0)) == ""


def test_each_part_of_the_report_has_its_figures_and_tables(evidence: SubsetEvidence, report: dict[str, bytes]) -> None:
    for one in (evidence, make_evidence(make_table({"": (2, 4)}), {"": 2}, subsets=0)):
        tables = make_tables(one)
        listed = [name for section in sections(one) for name in section.tables]
        assert sorted(listed) == sorted(set(tables) - (set() if one is evidence else {"random"}))
    listed = [f"figures/{name}.png" for section in sections(evidence) for name in section.figures]
    assert sorted(listed) == sorted(name for name in report if name.endswith(".png"))


def test_every_term_has_a_meaning() -> None:
    assert len(glossary()) == len({term for term, _ in glossary()}) >= 12
    assert all(term and meaning.endswith(".") for term, meaning in glossary())


def test_the_plan_is_shown_without_what_was_not_asked_for(evidence: SubsetEvidence) -> None:
    rows = dict(plan_rows(replace(evidence, plan={**evidence.plan, "counts": {"train": 6, "": 2}, "size": [320, 227]})))
    assert rows["counts"] == "train=6, all=2"
    assert rows["size"] == "320 x 227"
    assert rows["cover sequences"] == "no"
    assert not {"frames", "fill", "license"} & set(rows)
    assert {"method", "seed"} <= set(rows)
    listed = dict(plan_rows(replace(evidence, plan={**evidence.plan, "frames": 10})))
    assert listed["frames"] == "10"
    assert not {"method", "seed", "factor", "cover sequences"} & set(listed)
