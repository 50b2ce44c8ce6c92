from __future__ import annotations

import html.parser
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from iddkit.errors import OptionError, OutputError
from iddkit.reporting.benchmark_entries import make_entries
from iddkit.reporting.benchmark_examples import Example
from iddkit.reporting.benchmark_page import make_report, write_report
from iddkit.reporting.benchmark_words import describe, facts, readings
from iddkit.reporting.sections import SHOWN_ROWS
from iddkit.runs import Run
from iddkit.runs.verdict import judge
from tests.fake_runs import make_run, several

FILES = {
    "report.html",
    "report.md",
    "scores.csv",
    "classes.csv",
    "confusion.csv",
    "log.csv",
    "layers.csv",
    "frames.csv",
    "published.csv",
}
EMPTY = tuple((0,) * 8 for _ in range(7))


class Page(html.parser.HTMLParser):
    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(content.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def values(self, tag: str, name: str) -> list[str]:
        return [its[name] or "" for found, its in self.tags if found == tag and name in its]


def frame(run: str = "") -> Example:
    labels = np.zeros((8, 16), dtype=np.uint8)
    return Example("val/0/1", "best", np.zeros((8, 16, 3), np.uint8), labels, labels, run)


def test_a_report_is_written_whole_and_the_same_again(tmp_path: Path) -> None:
    written = write_report([make_run()], tmp_path / "a")
    assert written.page == tmp_path / "a" / "report.html"
    write_report([make_run()], tmp_path / "b")
    first, second = (
        {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "a", tmp_path / "b")
    )
    assert first == second
    assert set(first) >= FILES
    assert {"figures/progress.png", "figures/progress.svg", "figures/layers.png"} <= set(first)
    assert "examples.png" not in first


def test_other_files_are_kept_unless_they_may_be_replaced(tmp_path: Path) -> None:
    write_report([make_run()], tmp_path)
    write_report([make_run()], tmp_path, overwrite=False)  # the same: nothing to replace
    before = (tmp_path / "report.html").read_bytes()
    with pytest.raises(OutputError, match="is there already"):
        write_report([make_run(seed=5)], tmp_path, overwrite=False)
    assert (tmp_path / "report.html").read_bytes() == before
    write_report([make_run(seed=5)], tmp_path)
    assert (tmp_path / "report.html").read_bytes() != before


def test_a_report_of_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError):
        write_report([], tmp_path)
    assert not list(tmp_path.iterdir())


def names_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("gone", ["", "report.html", "report.md"])
def test_nothing_of_an_earlier_report_is_left_in_a_new_one(tmp_path: Path, gone: str) -> None:
    runs = several()
    write_report(runs, tmp_path, examples=[frame(run.name) for run in runs])
    assert {"pairs.csv", "examples-drn.png", "figures/costs.svg", "figures/layers-drn.svg"} <= names_in(tmp_path)
    if gone:
        (tmp_path / gone).unlink()
    write_report(runs[:1], tmp_path)
    assert names_in(tmp_path) == set(make_report(runs[:1]))


def test_files_that_no_report_led_to_stay(tmp_path: Path) -> None:
    own = [
        "notes.csv",
        "examples-mine.png",
        "examples.jpg",
        "figures/mine.png",
        "figures/layers-mine.svg",
        "drn/run.json",
    ]
    write_report(several(), tmp_path, examples=[frame("drn")])
    for name in own:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")
    page = tmp_path / "report.html"
    page.write_bytes(page.read_bytes() + b'<a href="notes.csv"></a><a href="../x/pairs.csv"></a><a href="scores.csv/">')
    write_report([make_run()], tmp_path)
    assert names_in(tmp_path) == {*make_report([make_run()]), *own}


def test_what_cannot_be_written_leaves_the_earlier_report_whole(tmp_path: Path) -> None:
    write_report(several(), tmp_path, examples=[frame("drn")])
    before = names_in(tmp_path)
    (tmp_path / "scores.csv").unlink()
    (tmp_path / "scores.csv").mkdir()
    with pytest.raises(OutputError):
        write_report([make_run()], tmp_path)
    assert names_in(tmp_path) == before - {"scores.csv"}


@pytest.mark.parametrize(
    "make",
    [
        lambda root: (root / "gtFine").mkdir(),
        lambda root: (root / "leftImg8bit" / "val").mkdir(parents=True),
        lambda root: (root / "manifest.json").write_text('{"format": "iddkit subset 1"}'),
    ],
    ids=["labels", "images", "derived"],
)
def test_a_dataset_is_no_folder_for_a_report(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path)
    before = names_in(tmp_path)
    with pytest.raises(OutputError, match="folder of a dataset"):
        write_report([make_run()], tmp_path)
    assert names_in(tmp_path) == before
    write_report([make_run(layers=1)], tmp_path / "benchmark")


def test_a_manifest_of_something_else_makes_no_dataset(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"name": "my page"}')
    assert write_report([make_run(layers=1)], tmp_path).page.exists()


def test_the_verdict_that_is_returned_is_the_one_on_the_page(tmp_path: Path) -> None:
    written = write_report([make_run("erfnet", seed=1), make_run("erfnet", seed=2)], tmp_path)
    assert [entry.name for entry in written.entries] == ["erfnet", "erfnet (2)"]
    assert "erfnet (2)" in written.verdict.summary
    assert written.verdict.summary in "".join(Page(written.page.read_bytes()).words)


@pytest.mark.parametrize("runs", [(make_run(),), several()], ids=["one", "several"])
def test_the_page_needs_no_other_file_and_links_to_those_beside_it(runs: tuple[Run, ...]) -> None:
    content = make_report(runs)
    page = Page(content["report.html"])
    assert all(source.startswith("data:image/") for source in page.values("img", "src"))
    assert not page.values("script", "src")
    assert not page.values("link", "href")
    links = page.values("a", "href")
    ids = [its["id"] for _, its in page.tags if "id" in its]
    assert len(ids) == len(set(ids))
    for link in links:
        assert link[1:] in ids if link.startswith("#") else link in content


def test_the_page_can_be_read_without_eyes() -> None:
    page = Page(make_report(several())["report.html"])
    images = [its for tag, its in page.tags if tag == "img"]
    assert all(len(its["alt"] or "") > 40 for its in images)
    assert len({its["alt"] for its in images}) == len(images)
    assert all("scope" in its for tag, its in page.tags if tag == "th")
    assert page.values("html", "lang") == ["en"]
    assert [tag for tag, _ in page.tags if tag == "h1"] == ["h1"]


def test_the_verdict_comes_first_on_the_page_and_in_markdown() -> None:
    run = make_run()
    verdict, content = judge([run]), make_report([run])
    words, text = "".join(Page(content["report.html"]).words), content["report.md"].decode()
    assert verdict.findings
    for one in (verdict.summary, *(found.title for found in verdict.findings)):
        assert one in words
        assert words.index(one) < words.index("Published scores")
    assert text.index("## Verdict on the split") < text.index("## Scores")


def test_runs_of_one_name_are_told_apart_in_the_verdict_too() -> None:
    runs = [make_run("erfnet", seed=1), make_run("erfnet", seed=2)]
    words = "".join(Page(make_report(runs)["report.html"]).words)
    assert "training of erfnet (2)" in words


def test_markdown_shows_the_figures_and_its_tables_are_whole() -> None:
    content = make_report(several())
    text = content["report.md"].decode()
    pictures = re.findall(r"!\[[^\]]*(?:\\\][^\]]*)*\]\(([^)]+)\)", text)
    assert set(pictures) == {name for name in content if name.endswith(".png")}
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.M):
        bars = [len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()]
        assert len(set(bars)) == 1


def test_hostile_names_do_no_harm() -> None:
    run = make_run("../<b>|`x`\n&", dataset="<script>alert(1)</script>", command="x ``` y <i>")
    run = replace(run, labels=tuple(f"<{label}|" for label in run.labels))
    content = make_report([run, replace(run, seed=9)])
    assert not any(".." in name or "<" in name for name in content)
    assert b"<script>" not in content["report.html"]
    assert b"<b>" not in content["report.html"]
    text = content["report.md"].decode().split("```console")[0]
    assert "<script>" not in text
    assert not re.search(r"(?<!\\)<b", text)


def test_examples_are_a_file_of_their_own_that_the_page_shows() -> None:
    runs = several()
    alone = make_report(runs[:1], [frame()])
    assert "examples.png" in alone
    assert "examples.png" in Page(alone["report.html"]).values("img", "src")
    both = make_report(runs, [frame("drn"), frame("erfnet"), frame("nobody")])
    assert {name for name in both if name.startswith("examples")} == {"examples-drn.png", "examples-erfnet.png"}
    assert b"examples" not in make_report(runs)["report.html"].lower().replace(b"examples of", b"")


@pytest.mark.parametrize(
    "runs",
    [
        [make_run(epochs=0, counts=EMPTY, frames=0, best_epoch=0, speed=None, leakage=None)],
        [make_run(epochs=1)],
        [make_run(level="level3"), make_run("drn", label_map="mine"), make_run("c", counts=EMPTY, epochs=0)],
        [make_run(f"run{i}", layers=2) for i in range(9)],
    ],
    ids=["never validated", "one epoch", "different", "nine"],
)
def test_runs_of_any_kind_have_a_report_that_never_says_nan(runs: list[Run]) -> None:
    content = make_report(runs)
    words = "".join(Page(content["report.html"]).words)
    assert not re.search(r"\bnan\b", words, flags=re.I)
    assert not re.search(r"\bnan\b|\bNone +\|", content["report.md"].decode())


def test_a_class_table_is_shown_for_each_group_and_said_to_be() -> None:
    words = "".join(Page(make_report([make_run("a"), make_run("b", level="level3")])["report.html"]).words)
    assert "7 classes of idd level1" in words
    assert "26 classes of idd level3" in words
    assert "tables of classes stand side by side only within each group" in words
    same = "".join(Page(make_report(several())["report.html"]).words)
    assert "only within each group" not in same


def test_a_long_log_is_cut_on_the_page_and_whole_in_the_file() -> None:
    content = make_report([make_run(epochs=SHOWN_ROWS + 30)])
    words = "".join(Page(content["report.html"]).words)
    assert f"The first {SHOWN_ROWS} of {SHOWN_ROWS + 30} rows" in words
    assert content["log.csv"].count(b"\n") == SHOWN_ROWS + 31


def test_facts_say_the_score_and_how_far_it_is_from_the_published_one() -> None:
    (entry,) = make_entries([make_run()])
    found = {fact.title: fact for fact in facts([entry])}
    assert found["mean IoU"].value == f"{100 * entry.confusion.mean_iou:.2f} %"
    assert found["published mean IoU"].value == "66.14 %"
    assert "\N{MINUS SIGN}" in found["published mean IoU"].note
    assert "published mean IoU" not in {fact.title for fact in facts(make_entries([make_run("unet")]))}


def test_the_lead_says_how_many_frames_and_at_which_size() -> None:
    assert "1,403 frames of idd_lite" in describe(make_entries([make_run()]))
    assert "at 128x256 pixels (height x width)" in describe(make_entries([make_run()]))
    assert "the same 20 validation frames" in describe(make_entries(several()))
    assert "its own dataset" in describe(make_entries([make_run("a"), make_run("b", dataset="other")]))


def test_readings_say_that_a_score_still_rose_when_time_was_up() -> None:
    run = make_run(epochs=8)
    rising = replace(run, epochs=tuple(replace(one, mean_iou=one.number / 10) for one in run.epochs), best_epoch=8)
    flat = replace(run, epochs=tuple(replace(one, mean_iou=0.5) for one in run.epochs), best_epoch=1)
    few = make_run(epochs=2)

    def says(run: Run) -> str:
        return dict(readings(make_entries([run])))["How long it was trained"]

    assert "rose by 10.00 points: it was still improving" in says(rising)
    assert "did not rise" in says(flat)
    assert "too few" in says(few)


def test_what_the_encoder_alone_scored_is_not_said_of_the_network() -> None:
    """Best 90 %, last 50 %, did not rise: of the encoder against labels that are eight times as coarse."""
    run = make_run(epochs=18)
    assert {one.phase for one in run.epochs} == {"encoder", "whole"}
    run = replace(
        run,
        epochs=tuple(replace(one, mean_iou=0.9 if one.phase == "encoder" else one.number / 36) for one in run.epochs),
        best_epoch=18,
    )
    said = dict(readings(make_entries([run])))
    assert "rose by" in said["How long it was trained"]
    chosen = said["The best epoch was picked on the validation split"]
    assert "12 validations, best 50.00 %, last 50.00 %" in chosen
    assert "90.00" not in "".join(Page(make_report([run])["report.html"]).values("img", "alt"))


def test_readings_name_the_chance_in_a_small_split() -> None:
    text = dict(readings(make_entries([make_run(frames=20)])))["Chance"]
    few = dict(readings(make_entries([make_run(frames=1)])))["Chance"]
    assert re.search(r"erfnet \d+\.\d\d % ± \d+\.\d \(20 frames of 20 sequences\)", text)
    assert "too few validation sequences" in few


def test_readings_say_that_another_size_was_published() -> None:
    text = dict(readings(make_entries([make_run(size=(320, 227))])))["Beside the published scores"]
    assert "at 227x320 pixels (height x width)" in text
    assert "128x256" in text
    assert "320" not in dict(readings(make_entries([make_run()])))["Beside the published scores"]
