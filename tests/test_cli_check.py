"""`iddkit check` and `iddkit rules`, as users call them."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from click.testing import CliRunner, Result

from iddkit.checks import RULES
from iddkit.cli import group
from iddkit.demo import write_dataset
from tests.test_cli import run_process
from tests.test_project import ROOT


def run(*words: object) -> Result:
    return CliRunner().invoke(group, [str(word) for word in words], catch_exceptions=False)


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Four drives of two frames, and in the first frame a misspelt label and a car that crosses itself."""
    root = tmp_path / "my IDD"
    write_dataset(root, drives=4, frames=2, size=(160, 90))
    path = root / "gtFine/train/0/frame0000_gtFine_polygons.json"
    document = json.loads(path.read_text())
    document["objects"].append({"label": "caar", "polygon": [[10, 10], [60, 50], [60, 10], [10, 50]]})
    path.write_text(json.dumps(document))
    return root


def test_findings_are_lines_and_the_summary_accounts_for_all(dataset: Path) -> None:
    done = run("check", dataset, "-j", "1")
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert lines[0].startswith("critical  train/0/frame0000: unknown-label: object ")
    assert lines[0].endswith("unknown label 'caar', perhaps 'car'")
    assert re.search(
        r"^major +train/0/frame0000: self-crossing: object \d+: the outline crosses itself;", done.stdout, re.M
    )
    drawn, hidden, dropped, whole = map(
        int,
        re.search(r"polygons  (\d+) drawn \+ (\d+) hidden \+ (\d+) dropped = (\d+)", done.stdout).groups(),  # type: ignore[union-attr]
    )
    assert drawn + hidden + dropped == whole
    assert re.search(r"findings  1 critical, \d+ major, \d+ minor", done.stdout)


def test_what_is_not_critical_ends_with_0(dataset: Path) -> None:
    assert run("check", dataset, "-j", "1", "--rules", "-unknown-label").exit_code == 0
    assert run("check", dataset, "-j", "1", "--rules", "self-crossing,spike", "--severity", "major").exit_code == 0


def test_every_format_holds_every_finding(dataset: Path, tmp_path: Path) -> None:
    document = json.loads(run("check", dataset, "-j", "1", "--format", "json").stdout)
    findings = document["findings"]
    assert document["counts"]["critical"] == 1
    assert document["frames"] == 8
    ledger = document["polygons"]
    assert ledger["drawn"] + ledger["hidden"] + sum(ledger["dropped"].values()) == ledger["objects"]
    rows = list(csv.DictReader(io.StringIO(run("check", dataset, "-j", "1", "--format", "csv").stdout)))
    assert [row["fingerprint"] for row in rows] == [one["fingerprint"] for one in findings]
    sarif = json.loads(run("check", dataset, "-j", "1", "--format", "sarif").stdout)
    (ran,) = sarif["runs"]
    assert (sarif["version"], ran["tool"]["driver"]["name"]) == ("2.1.0", "iddkit")
    assert [one["partialFingerprints"]["iddkit/v1"] for one in ran["results"]] == [
        one["fingerprint"] for one in findings
    ]
    for result in ran["results"]:
        assert ran["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        artifact = result["locations"][0]["physicalLocation"]["artifactLocation"]
        assert (dataset / unquote(artifact["uri"])).is_file()
    worst = ran["results"][0]
    assert (worst["level"], worst["ruleId"]) == ("error", "unknown-label")
    github = run("check", dataset, "-j", "1", "--format", "github").stdout.splitlines()
    assert len(github) == len(findings)
    assert github[0].startswith(
        f"::error file={dataset}/gtFine/train/0/frame0000_gtFine_polygons.json,title=unknown-label::"
    )
    out = tmp_path / "out" / "check.sarif"
    assert run("check", dataset, "-j", "1", "--format", "sarif", "-o", out).exit_code == 1
    assert json.loads(out.read_text()) == sarif


def test_a_baseline_hides_what_is_known(dataset: Path, tmp_path: Path) -> None:
    known = tmp_path / "known.json"
    run("check", dataset, "-j", "1", "--format", "json", "-o", known)
    done = run("check", dataset, "-j", "1", "--baseline", known)
    assert done.exit_code == 0
    assert re.search(r"findings  none \(\d+ in the baseline\)", done.stdout)


def test_mended_copies_are_written_with_a_list_of_the_changes(dataset: Path, tmp_path: Path) -> None:
    done = run("check", dataset, "-j", "1", "--mend", tmp_path / "mended")
    assert done.exit_code == 1  # of what was found in the dataset
    assert "(caar): 'car' instead" in done.stderr
    rows = table(tmp_path / "mended" / "mends.csv")
    assert ("train/0/frame0000", "caar", "unknown-label") in {(row["frame"], row["label"], row["rule"]) for row in rows}
    again = run("check", tmp_path / "mended", "-j", "1", "--rules", "unknown-label,repeated-points")
    assert (again.exit_code, "findings  none" in again.stdout) == (0, True)
    for inside in (dataset, dataset / "mended"):
        refused = run_process("check", dataset, "--mend", inside)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "mended copies need one of their own" in refused.stderr
    assert run_process("check", dataset, "-o", tmp_path / "x").returncode == 2


def test_tables_and_a_page_with_pictures_are_written(dataset: Path, tmp_path: Path) -> None:
    page, tables = tmp_path / "out" / "check.html", tmp_path / "tables"
    path = dataset / "gtFine/train/1/frame0000_gtFine_polygons.json"
    document = json.loads(path.read_text())
    document["objects"] = document["objects"][:1]
    path.write_text(json.dumps(document))
    run("check", dataset, "-j", "1", "--html", page, "--tables", tables)
    text = page.read_text()
    assert text.count('<img src="data:image/jpeg;base64,') > 5
    assert "unknown label &#39;caar&#39;" in text
    assert "Frames with most unlabelled pixels" in text
    assert {file.name for file in tables.iterdir()} == {"findings.csv", "gaps.csv", "ledgers.csv"}
    ledgers = table(tables / "ledgers.csv")
    assert ledgers[-1]["frame"] == "all"
    assert int(ledgers[-1]["objects"]) == sum(int(row["objects"]) for row in ledgers[:-1])
    gaps = table(tables / "gaps.csv")
    assert {gap["frame"] for gap in gaps} == {"train/1/frame0000"}
    assert run_process("check", dataset, "--html", page, "--rules", "spike").returncode == 1  # another page is there
    without = tmp_path / "without.html"
    run("check", dataset, "-j", "1", "--html", without, "--pictures", "0")
    assert "<img" not in without.read_text()


def test_names_with_markup_and_line_ends_stay_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "[red]a\nb"
    folder.mkdir()
    document = {
        "imgWidth": 9,
        "imgHeight": 9,
        "objects": [{"label": "<b>\n[bold]", "polygon": [[0, 0], [5, 0], [5, 5]]}],
    }
    (folder / "x.json").write_text(json.dumps(document))
    done = run("check", folder, "-j", "1", "--html", tmp_path / "page.html")
    assert done.stdout.splitlines()[0].startswith("critical  x: unknown-label: object 0: unknown label '<b>\\n[bold]'")
    assert "<b>" not in (tmp_path / "page.html").read_text()
    github = run("check", folder, "-j", "1", "--format", "github").stdout
    assert "file=" in github
    assert "%0A" in github.splitlines()[0]
    assert len(github.splitlines()) == len(json.loads(run("check", folder, "--format", "json").stdout)["findings"])


def test_what_cannot_be_checked_is_one_line(tmp_path: Path) -> None:
    assert run("rules", "Spike").exit_code == 0
    for words in (("check", tmp_path / "none"), ("check", tmp_path, "--rules", "x"), ("rules", "x")):
        done = run_process(*words)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
        assert done.stderr.startswith("Error: ")


def test_rules_are_listed_and_explained() -> None:
    listed = run("rules").stdout
    assert all(name in listed for name in RULES)
    assert "cut by a bridge" in run("rules", "self-crossing").stdout
    assert [one["rule"] for one in json.loads(run("rules", "--json").stdout)] == [*RULES]


def test_every_rule_is_in_the_readme_with_its_severity() -> None:
    text = (ROOT / "README.md").read_text()
    for name, rule in RULES.items():
        assert f"| `{name}` | {rule.scope} | {rule.severity} |" in text
