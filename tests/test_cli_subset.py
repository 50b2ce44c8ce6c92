from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from iddkit import frames, labels
from iddkit.cli import group
from iddkit.cli.subset import make_lite, make_mini, subset
from iddkit.demo import write_dataset
from iddkit.errors import FrameError, LabelMapError, OptionError, RecipeError
from iddkit.frames import Index
from iddkit.subset.evidence import LostLabel, Measure
from iddkit.subset.plan import SubsetPlan
from iddkit.subset.recipe import KEYS, load_recipe, plan_of


@dataclass
class Derived:
    """What a derivation gives, as far as the commands look at it."""

    chosen: dict[str, tuple[int, int]] = field(default_factory=lambda: {"train": (5, 2), "val": (1, 1), "test": (0, 0)})
    built: int = 2
    skipped: int = 1
    failed: int = 0
    failures: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    evidence: Any = None
    manifest: Path = Path("out/manifest.json")
    report: Path | None = Path("out/report.html")


@dataclass
class Calls:
    """The calls of `derive`, and what it gives."""

    gives: Derived = field(default_factory=Derived)
    seen: list[tuple[Index, Path, SubsetPlan, dict[str, Any]]] = field(default_factory=list)

    def derive(self, source: Index, out: Path, plan: SubsetPlan, **options: Any) -> Derived:
        self.seen.append((source, out, plan, options))
        return self.gives

    @property
    def plan(self) -> SubsetPlan:
        return self.seen[-1][2]

    @property
    def options(self) -> dict[str, Any]:
        return self.seen[-1][3]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    found = Calls()
    module = ModuleType("iddkit.derivation")
    module.derive = found.derive  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "iddkit.derivation", module)
    return found


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five frames in train, one in val, an image without labels in test: names alone."""
    root = tmp_path_factory.mktemp("idd")
    paths = [f"gtFine/train/{i // 3}/frame{i}_gtFine_polygons.json" for i in range(5)]
    paths += ["gtFine/val/9/frame0_gtFine_polygons.json", "leftImg8bit/test/7/frame0_leftImg8bit.png"]
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def run(*arguments: object, cache: bool = True) -> Result:
    # An expected error ends the command with its exception; 'iddkit.cli.main' makes a line of it.
    no_cache = ("--no-cache",) if cache and "--cache" not in arguments else ()
    return CliRunner().invoke(group, [str(a) for a in (*arguments, *no_cache)])


def run_well(*arguments: object, cache: bool = True) -> Result:
    result = run(*arguments, cache=cache)
    assert result.exit_code == 0, result.output
    return result


def test_the_two_recipes_are_the_plans_of_their_commands(calls: Calls, source: Path) -> None:
    for command, recipe in (("make-mini", "idd_mini"), ("make-lite", "idd_lite")):
        run_well(command, source, "out")
        assert calls.plan == plan_of(load_recipe(recipe))
        index, out, _, options = calls.seen[-1]
        assert (index.root, len(index), out) == (source, 7, Path("out"))
        assert options | {"jobs": 0, "progress": None} == {
            "level": None,
            "cache": None,
            "jobs": 0,
            "overwrite": False,
            "beside": (),
            "report": True,
            "progress": None,
        }


# Option of the command line, a value other than every recipe's, and what the plan has of it.
GIVEN: dict[str, tuple[Sequence[object], object]] = {
    "name": (["small"], "small"),
    "license": (["CC0-1.0"], "CC0-1.0"),
    "factor": (["39/10"], Fraction(39, 10)),
    "count": (["train=3,val=1"], {"train": 3, "val": 1}),
    "longest_side": ([99], 99),
    "size": (["320x227"], (320, 227)),
    "label_map": (["cityscapes", "--level", "id"], labels.load("cityscapes")),
    "level": (["level3"], "level3"),
    "cover_all_sequences": ([], True),
    "seed": ([7], 7),
    "method": (["every-kth"], "every-kth"),
    "layout": (["cityscapes"], "cityscapes"),
    "image_format": (["png"], "png"),
    "quality": ([80], 80),
    "with_unlabelled": ([], True),
    "fill": (["labelme"], "labelme"),
    "unknown": (["void"], "void"),
}


@pytest.mark.parametrize("key", KEYS)
def test_every_key_of_a_recipe_is_an_option_that_takes_its_place(calls: Calls, source: Path, key: str) -> None:
    values, expected = GIVEN[key]
    option = "--" + key.replace("_", "-")
    assert all(option in (o for p in c.params for o in p.opts) for c in (make_mini, make_lite, subset))
    run_well("make-lite", source, "out", option, *values)
    assert getattr(calls.plan, KEYS[key].field) == expected


def test_what_is_not_given_is_the_recipe_of_ones_own(calls: Calls, source: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text("factor = 2\nsize = [64, 32]\ncover_all_sequences = true\nwith_unlabelled = true\nseed = 5\n")
    run_well("subset", source, "out", "--recipe", recipe)
    assert calls.plan == plan_of(load_recipe(recipe))
    run_well("subset", source, "out", "--recipe", recipe, "--longest-side", 9, "--no-cover-all-sequences", "--seed", 0)
    assert (calls.plan.size, calls.plan.longest_side, calls.plan.cover_sequences, calls.plan.seed) == (
        None,
        9,
        False,
        0,
    )
    assert calls.plan.unlabelled
    run_well("subset", source, "out", "--recipe", "idd_lite", "--without-unlabelled")
    assert calls.plan == plan_of(load_recipe("idd_lite"))


def test_counts_may_be_named_together_or_one_by_one(calls: Calls, source: Path) -> None:
    run_well("subset", source, "out", "--count", "train=3, val = 1")
    together = calls.plan
    run_well("subset", source, "out", "--count", "train=3", "--count", "val=1")
    assert calls.plan == together
    assert (together.counts, together.factor) == ({"train": 3, "val": 1}, None)
    # Splits without a count are cut by the factor of the recipe.
    run_well("make-lite", source, "out", "--count", "train=3")
    assert calls.plan.count_frames({"train": 5, "val": 20}) == {"train": 3, "val": 2}


def test_a_count_alone_is_for_a_dataset_without_splits(calls: Calls, source: Path, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.json").touch()
        (tmp_path / f"{name}.jpg").touch()
    run_well("subset", tmp_path, "out", "--count", 2)
    assert calls.plan.counts == {"": 2}
    result = run("subset", source, "out", "--count", 2)
    assert isinstance(result.exception, OptionError)
    assert str(result.exception) == "a count of 2 in a dataset with splits: say of which, test, train, val"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--count", "train=1", "--count", "train=2"], "a split is named twice"),
        (["--count", "train=1,2"], "a number without a split stands alone"),
        (["--count", "train=many"], "'train=many' is no count; write split=number, as in train=673,val=110"),
        (["--count", "train=-1"], "'train=-1' is no count"),
        (["--factor", "ten"], "the factor 'ten' is not a number such as 10, 3.9 or '39/10'"),
        (["--size", "320"], "'320' is no size"),
        (["--method", "best"], "'best' is not one of"),
    ],
)
def test_what_is_not_understood_ends_with_2(calls: Calls, source: Path, arguments: list[str], message: str) -> None:
    result = run("subset", source, "out", *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert calls.seen == []


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ([], OptionError, "how many frames? a factor, counts or a list of frames are needed"),
        (["--factor", "0.5"], OptionError, "a factor of 0.5 asks for more frames than there are"),
        (["--factor", "2", "--size", "9x9", "--longest-side", "9"], OptionError, "only one of them can hold"),
        (["--factor", "2", "--quality", "0"], OptionError, "the quality 0 is not between 1 and 100"),
        (["--factor", "2", "--level", "level9"], LabelMapError, "has no level 'level9'"),
        (["--recipe", "idd_light"], RecipeError, "known by name: idd_lite, idd_mini"),
        (["--factor", "2", "--from", "none.csv"], OptionError, "--factor has no place beside it"),
        (["--seed", "2", "--from", "none.csv"], OptionError, "--seed has no place beside it"),
        (["--cover-all-sequences", "--from", "none.csv"], OptionError, "--cover-all-sequences has no place beside it"),
        (["--from", "none.csv"], FrameError, "none.csv: cannot be read: No such file or directory"),
    ],
)
def test_what_a_user_can_mend_is_an_error_before_any_work(
    calls: Calls, source: Path, arguments: list[str], kind: type[Exception], message: str
) -> None:
    result = run("subset", source, "out", *arguments)
    assert type(result.exception) is kind
    assert message in str(result.exception)
    assert calls.seen == []


def test_a_list_of_frames_takes_the_place_of_the_number_of_frames(calls: Calls, source: Path, tmp_path: Path) -> None:
    listed = tmp_path / "frames.csv"
    listed.write_text("split,sequence,name\nval,9,frame0\ntrain,1,frame4\n")
    run_well("make-lite", source, "out", "--from", listed)
    assert (calls.plan.frames, calls.plan.factor, calls.plan.counts) == (("train/1/frame4", "val/9/frame0"), None, {})
    assert calls.plan.longest_side == 320
    listed.write_text("split,sequence,name\nval,9,frame1\n")
    result = run("subset", source, "out", "--from", listed)
    assert f"{listed}: row 2: val/9/frame1 is no frame of {source}, perhaps val/9/frame0" == str(result.exception)


def test_the_label_map_is_that_of_the_layout_the_recipe_or_the_option(
    calls: Calls, source: Path, tmp_path: Path
) -> None:
    city = tmp_path / "city/gtFine/val/lindau/lindau_000000_000019_gtFine_polygons.json"
    city.parent.mkdir(parents=True)
    city.touch()
    run_well("subset", tmp_path / "city", "out", "--factor", 1, "--level", "category")
    assert calls.plan.label_map.name == "cityscapes"
    recipe = tmp_path / "idd.toml"
    recipe.write_text("factor = 1\nlabel_map = 'idd'\n")
    run_well("subset", tmp_path / "city", "out", "--recipe", recipe)
    assert calls.plan.label_map.name == "idd"
    run_well("subset", source, "out", "--recipe", recipe, "--label-map", "cityscapes", "--level", "train")
    assert calls.plan.label_map.name == "cityscapes"


def test_the_options_of_the_run_are_passed_on(calls: Calls, source: Path, tmp_path: Path) -> None:
    arguments = ["--beside", "mini", "--beside", "city", "-j", 1, "--overwrite", "--no-report"]
    run_well("make-lite", source, "out", "--source-level", "level3", "--cache", tmp_path, *arguments)
    assert {name: value for name, value in calls.options.items() if name != "progress"} == {
        "level": "level3",
        "cache": tmp_path,
        "jobs": 1,
        "overwrite": True,
        "beside": (Path("mini"), Path("city")),
        "report": False,
    }


LOST = (("val", "sky"), ("train", "sky"), ("val", "bus"))


@dataclass
class Evidence:
    """A `SubsetEvidence`, as far as the commands look at it."""

    splits: tuple[Any, ...]
    level: str = "level1"
    finest: str = "id"

    def lost(self) -> dict[str, tuple[Any, ...]]:
        lost = [LostLabel(split, SimpleNamespace(name=name, quoted=name)) for split, name in LOST]  # type: ignore[arg-type]
        return {"level1": tuple(lost[:1]), "id": tuple(lost[1:])}


@pytest.fixture
def evidence() -> Evidence:
    measures = (
        Measure("js", "label shares (JS divergence)", "bits", 9.71e-8, (0.00031, 0.0120061, 0.014), "level1"),
        Measure("pairs", "largest pair error", "points", 0.0, (0.0, 0.0), "level1"),
        Measure("worst_share", "largest share error", "%", 0.2834, (0.1, 13.8), "id", '"car, bus"'),
        Measure("mmd", "feature distance (MMD)", "", 0.5, (), "id"),
    )
    return Evidence((SimpleNamespace(name="train", measures=measures, chosen=12, frames=40),))


def test_the_summary_says_what_was_chosen_and_how_well_and_ends_with_the_report(
    calls: Calls, source: Path, evidence: Evidence
) -> None:
    calls.gives.evidence = evidence
    result = run_well("make-lite", source, "out")
    lines = result.stdout.splitlines()
    assert lines[:2] == ["chosen    train 2 of 5, val 1 of 1 frames", "frames    2 written, 1 up to date, 0 failed"]
    cells = [" ".join(line.split()) for line in lines]
    assert "train level1 label shares (JS divergence) - bits 9.71e-08 0.012 3 of 3" in cells
    assert 'train id largest share error "car, bus" % 0.283 6.95 1 of 2' in cells
    assert "train id feature distance (MMD) - - 0.5 - -" in cells
    assert not any("pair" in line for line in cells)  # random choices have no error there, either
    assert lines[-4:] == [
        "no frame  of sky (val), at level1",
        "no frame  of labels at id: 1 (train), 1 (val)",
        "manifest  out/manifest.json",
        "report    out/report.html",
    ]
    assert result.stderr.startswith("Note: So few chosen frames as 12 (train) cannot hold")


def test_without_labels_or_report_the_summary_is_short(calls: Calls, source: Path) -> None:
    calls.gives = Derived(chosen={"": (3, 1)}, report=None)
    assert run_well("make-mini", source, "out").stdout.splitlines() == [
        "chosen    1 of 3 frames",
        "frames    2 written, 1 up to date, 0 failed",
        "manifest  out/manifest.json",
    ]


def test_failures_are_listed_and_end_with_1(calls: Calls, source: Path) -> None:
    calls.gives = Derived(failed=1, failures=("a.png: no image that can be read",), notes=("a note",))
    result = run("make-lite", source, "out")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == ["a.png: no image that can be read", "Note: a note"]
    # A frame that could not be read is left out of the choice: nothing failed in the building, and yet it is missing.
    calls.gives = Derived(failures=("a.png: no image that can be read",))
    assert run("make-lite", source, "out").exit_code == 1


def test_json_has_all_of_the_summary(calls: Calls, source: Path, evidence: Evidence) -> None:
    calls.gives.evidence = evidence
    document = json.loads(run_well("make-lite", source, "out", "--json").stdout)
    assert document["splits"]["train"] == {"frames": 5, "chosen": 2}
    assert (document["written"], document["up_to_date"], document["failed"]) == (2, 1, 0)
    assert document["errors"]["train"]["level1"]["js"]["value"] == 9.71e-8
    assert document["errors"]["train"]["level1"]["js"]["percentile"] == 0
    assert document["errors"]["train"]["id"]["worst_share"]["label"] == '"car, bus"'
    assert document["lost"]["level1"] == [{"split": "val", "label": "sky"}]
    assert document["report"] == "out/report.html"
    calls.gives = Derived(report=None)
    plain = json.loads(run_well("make-lite", source, "out", "--json").stdout)
    assert (plain["errors"], plain["report"]) == ({}, None)


@pytest.fixture(scope="module")
def drives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three drives of four frames for train, and one for val, with polygons and images."""
    root = tmp_path_factory.mktemp("drives") / "IDD"
    write_dataset(root, drives=4, frames=4, size=(96, 54))
    return root


def files_of(folder: Path) -> dict[str, bytes]:
    parts = (folder / "gtFine", folder / "leftImg8bit")
    return {str(p.relative_to(folder)): p.read_bytes() for part in parts for p in part.rglob("*") if p.is_file()}


def test_a_dataset_is_derived_once_and_by_the_list_of_its_frames_again(drives: Path, tmp_path: Path) -> None:
    lite, again, listed = tmp_path / "lite", tmp_path / "again", tmp_path / "lite.csv"
    command = ("make-lite", drives, lite, "--factor", 4, "--size", "32x18", "--no-report", "-j", 1)
    first = run_well(*command).stdout.splitlines()
    assert first[:2] == ["chosen    train 3 of 12, val 1 of 4 frames", "frames    4 written, 0 up to date, 0 failed"]
    assert first[-1] == f"manifest  {lite}/manifest.json"
    made = files_of(lite)
    assert len(made) == 3 * 4  # image, labels, instances
    assert run_well(*command).stdout.splitlines()[1] == "frames    0 written, 4 up to date, 0 failed"
    run_well("index", lite, "--csv", listed, cache=False)
    run_well("make-lite", drives, again, "--from", listed, "--size", "32x18", "--no-report", "-j", 1)
    assert files_of(again) == made


def test_a_frame_that_cannot_be_read_is_listed_and_the_rest_is_derived(drives: Path, tmp_path: Path) -> None:
    source = tmp_path / "IDD"
    shutil.copytree(drives, source)
    broken = source / "gtFine/train/0/frame0001_gtFine_polygons.json"
    broken.write_text("{")
    result = run("subset", source, tmp_path / "out", "--count", "train=11", "--no-report", "-j", 1)
    assert result.exit_code == 1
    assert str(broken) in result.stderr
    assert "chosen    train 11 of 11, val 0 of 4 frames" in result.stdout
    assert "frames    11 written, 0 up to date, 1 failed" in result.stdout
    more = run("subset", source, tmp_path / "more", "--count", "train=12", "--no-report", "-j", 1)
    assert str(more.exception) == "12 frames of train are asked for; it has 11"


def test_files_without_a_partner_are_counted_and_not_listed(calls: Calls, source: Path) -> None:
    index = frames.scan(source)
    lines = [str(FrameError(p.problem, path=index.root / p.path)) for p in index.problems]
    assert lines
    calls.gives = Derived(notes=(*lines, "another"))
    stderr = run_well("make-lite", source, "out").stderr
    assert stderr.splitlines() == [
        "Note: another",
        f"{len(lines)} notes on files without a partner: 'iddkit index' lists them",
    ]
    assert json.loads(run_well("make-lite", source, "out", "--json").stdout)["notes"] == [*lines, "another"]
