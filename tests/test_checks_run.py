"""A dataset checked as a whole: what was found, what was known, what was mended."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from iddkit import formats
from iddkit.annotation import Annotation, Shape
from iddkit.checks import RULES, Checking, Report, check, check_reading
from iddkit.checks.baseline import load_baseline
from iddkit.checks.mend import mend, write_mended
from iddkit.demo import write_dataset
from iddkit.errors import FrameError, OptionError, RecipeError
from iddkit.groundtruth import make_plan, rasterize
from iddkit.groundtruth.ledger import account
from iddkit.labels import ID
from iddkit.raster import FILLS, level_image, paint
from iddkit.reporting.check_formats import to_json
from iddkit.severity import Severity
from tests.conftest import Writer
from tests.planted import PLANTS, clean_frame, reading_of
from tests.strategies import IDD, annotated_frames, polygons

SQUARE = [[2, 2], [12, 2], [12, 10], [2, 10]]
HOW = Checking(Path(), IDD)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A demo of IDD's layout: four drives of two frames."""
    root = tmp_path / "IDD"
    write_dataset(root, drives=4, frames=2, size=(160, 90))
    return root


def polygon_files(root: Path) -> list[Path]:
    return sorted(root.rglob("*_polygons.json"))


def change(path: Path, **changed: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


def rules_of(report: Report, key: str) -> set[str]:
    return {finding.rule for where, finding in report.findings if where == key}


def texts(found: Iterable[tuple[str, object]]) -> list[str]:
    return [f"{key} {finding}" for key, finding in found]


def test_a_dataset_is_checked_frame_by_frame_the_same_with_workers(dataset: Path) -> None:
    report = check(dataset, IDD)
    assert [frame.key for frame in report.frames] == [
        f"{'val' if drive == 3 else 'train'}/{drive}/frame000{frame}" for drive in range(4) for frame in range(2)
    ]
    assert report.ok
    assert texts(check(dataset, IDD, jobs=2).findings) == texts(report.findings)


def test_the_account_of_objects_is_that_of_rasterize_and_adds_up(dataset: Path, tmp_path: Path) -> None:
    report = check(dataset, IDD)
    made = rasterize(dataset, tmp_path / "out", make_plan(IDD, ["id"]))
    assert report.ledger == made.ledger
    for frame in report.frames:
        assert frame.ledger is not None
        ledger = frame.ledger
        whole = len(json.loads((dataset / frame.annotation).read_text())["objects"])
        assert ledger.drawn + ledger.hidden + sum(ledger.dropped.values()) == ledger.objects == whole


def test_objects_that_cannot_be_read_are_in_the_account(write_polygons: Writer) -> None:
    path = write_polygons(objects=[("road", [[0, 0], [16, 0], [16, 12], [0, 12]]), ("car", [[1, "x"]]), ("car", [])])
    (frame,) = check(path, IDD).frames
    assert frame.ledger is not None
    assert frame.ledger.to_json() == {
        "objects": 3,
        "drawn": 1,
        "hidden": 0,
        "dropped": {"cannot be read": 1, "no points": 1},
    }


def test_files_and_images_that_are_damaged_are_findings_and_the_others_go_on(dataset: Path) -> None:
    before = check(dataset, IDD)
    files = polygon_files(dataset)
    files[0].write_bytes(files[0].read_bytes()[:100])
    images = sorted(dataset.rglob("*.jpg"))
    images[1].write_bytes(images[1].read_bytes()[:-3000])
    images[2].unlink()
    Image.new("RGB", (80, 45)).save(images[3])
    report = check(dataset, IDD)
    assert not report.ok
    assert rules_of(report, "train/0/frame0000") == {"unreadable-file"}
    assert "image-unreadable" in rules_of(report, "train/0/frame0001")
    assert "image-missing" in rules_of(report, "train/1/frame0000")
    assert "size-mismatch" in rules_of(report, "train/1/frame0001")
    assert "cannot be read" not in str(report.ledger)
    for key in ("train/2/frame0000", "val/3/frame0001"):
        assert rules_of(report, key) == rules_of(before, key)


def test_a_dataset_without_images_misses_none(dataset: Path) -> None:
    shutil.rmtree(dataset / "leftImg8bit")
    report = check(dataset, IDD)
    assert not {finding.rule for _, finding in report.findings} & {"image-missing", "image-unreadable"}
    assert "no frame has an image: nothing is said of images" in report.notes


def test_a_file_of_a_flat_folder_that_is_no_annotation_is_a_note(tmp_path: Path) -> None:
    write_dataset(tmp_path, drives=1, frames=2, size=(160, 90), to="labelme-json")
    (tmp_path / "0" / "settings.json").write_text('{"a": 1}')
    report = check(tmp_path / "0", IDD)
    assert report.ok
    assert any("settings.json" in note for note in report.notes)


def test_only_the_rules_that_are_asked_for_are_applied(dataset: Path) -> None:
    change(
        polygon_files(dataset)[0], objects=[{"label": "car", "polygon": SQUARE}, {"label": "car", "polygon": SQUARE}]
    )
    assert rules_of(check(dataset, IDD, rules=["duplicate-shape"]), "train/0/frame0000") == {"duplicate-shape"}
    assert "duplicate-shape" not in rules_of(check(dataset, IDD, rules=["-duplicate-shape"]), "train/0/frame0000")


def test_what_cannot_be_checked_is_one_error(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no rule"):
        check(dataset, IDD, rules=["x"])
    with pytest.raises(OptionError, match="no fill rule"):
        check(dataset, IDD, fill="x")
    with pytest.raises(OptionError, match="at least one"):
        check(dataset, IDD, jobs=0)
    rasterize(dataset, plan=make_plan(IDD, ["level3"]))
    for path in polygon_files(dataset):
        path.unlink()
    with pytest.raises(FrameError, match="no frame has an annotation"):
        check(dataset, IDD)


def test_a_report_by_severity_leaves_out_what_is_less_bad(write_polygons: Writer) -> None:
    path = write_polygons(objects=[("care", SQUARE), ("car", SQUARE)])
    report = check(path, IDD)
    assert set(report.count()) >= {Severity.CRITICAL, Severity.MINOR}
    assert set(report.at_least(Severity.CRITICAL).count()) == {Severity.CRITICAL}
    assert report.at_least(Severity.MAJOR).ledger == report.ledger


def test_findings_of_a_baseline_are_left_out_wherever_their_objects_are_numbered(
    write_polygons: Writer, tmp_path: Path
) -> None:
    path = write_polygons(objects=[("car", SQUARE[:2]), ("tree", SQUARE), ("sky", SQUARE)])
    baseline = tmp_path / "known.json"
    baseline.write_text(to_json(check(path, IDD)))
    known = load_baseline(baseline)
    again = check(path, IDD).without(known)
    assert (list(again.findings), again.hidden) == ([], len(list(check(path, IDD).findings)))
    # Another object before them, and one more of a kind that is known: only that one is new.
    write_polygons(objects=[("road", SQUARE), ("car", SQUARE[:2]), ("tree", SQUARE), ("tree", SQUARE), ("sky", SQUARE)])
    new = [finding for _, finding in check(path, IDD, rules=["unknown-label"]).without(known).findings]
    assert [(finding.rule, finding.object) for finding in new] == [("unknown-label", 3)]


def test_what_became_worse_since_the_baseline_is_told(write_polygons: Writer, tmp_path: Path) -> None:
    whole = [[0, 0], [16, 0], [16, 12], [0, 12]]
    cases: list[tuple[str, list[Any], list[Any]]] = [
        ("unlabelled-share", [("road", [[0, 0], [16, 0], [16, 10], [0, 10]])], []),
        ("duplicate-shape", [("car", SQUARE), ("car", SQUARE)], [("car", SQUARE), ("truck", SQUARE)]),
        ("size-mismatch", [("road", whole)], [("road", whole)]),
    ]
    for rule, before, after in cases:
        path = write_polygons(objects=before)
        image = tmp_path / "leftImg8bit/train/0/frame0000_leftImg8bit.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (15, 12) if rule == "size-mismatch" else (16, 12)).save(image)
        known = tmp_path / "known.json"
        known.write_text(to_json(check(path, IDD, rules=[rule])))
        assert len(list(check(path, IDD, rules=[rule]).findings)) == 1
        assert not list(check(path, IDD, rules=[rule]).without(load_baseline(known)).findings)
        write_polygons(objects=after)
        if rule == "size-mismatch":
            Image.new("L", (3, 12)).save(image)
        assert len(list(check(path, IDD, rules=[rule]).without(load_baseline(known)).findings)) == 1, rule


def test_objects_of_a_file_without_a_size_are_in_the_account(tmp_path: Path) -> None:
    points = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in SQUARE)
    path = tmp_path / "a.xml"
    path.write_text(f"<annotation><object><name>car</name><polygon>{points}</polygon></object></annotation>")
    (frame,) = check(path, IDD).frames
    assert frame.ledger is not None
    assert frame.ledger.to_json() == {"objects": 1, "drawn": 0, "hidden": 0, "dropped": {"no image size": 1}}


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"findings": 3}', '{"findings": [{}]}', "[" * 100_000])
def test_a_baseline_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "known.json"
    path.write_text(content)
    with pytest.raises(RecipeError, match="no baseline"):
        load_baseline(path)
    with pytest.raises(RecipeError, match="cannot be read"):
        load_baseline(tmp_path / "none.json")


@pytest.mark.parametrize("kind", [name for name, rule in RULES.items() if rule.mends and name != "beyond-image"])
def test_a_mended_annotation_has_nothing_left_to_mend_and_is_drawn_as_it_was(kind: str) -> None:
    for seed in range(3):
        clean = clean_frame(seed)
        planted = PLANTS[kind](clean, np.random.default_rng(seed))
        mended, changes = mend(reading_of(planted), HOW)
        assert {change.rule for change in changes} >= {kind}
        assert not any(finding.mend for finding in check_reading(HOW, reading_of(mended)).findings)
        drawn, before = (level_image(paint(one, IDD, unknown="void"), IDD, ID) for one in (mended, clean))
        assert np.array_equal(drawn, before), seed


def reaching(*polygons: list[tuple[float, float]]) -> Annotation:
    shapes = (Shape("car", np.array(points, dtype=float), number=i) for i, points in enumerate(polygons))
    return Annotation(200, 100, tuple(shapes))


BOX = [(150.0, 20.0), (260.0, 20.0), (260.0, 60.0), (150.0, 60.0)]
# Its two arms are joined beyond the border: cut there, they would be joined along it.
ARMS = [
    (-40.0, 10.0),
    (30.0, 10.0),
    (30.0, 20.0),
    (-20.0, 20.0),
    (-20.0, 60.0),
    (30.0, 60.0),
    (30.0, 70.0),
    (-40.0, 70.0),
]
SLANTED = [(-37.0, 13.0), (101.0, -29.0), (233.0, 57.0), (77.0, 141.0)]


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("points", [BOX, ARMS, SLANTED])
def test_a_polygon_is_cut_only_where_no_pixel_changes(points: list[tuple[float, float]], fill: str) -> None:
    annotation = reaching(points)
    how = replace(HOW, fill=fill)
    (finding,) = (one for one in check_reading(how, reading_of(annotation)).findings if one.rule == "beyond-image")
    mended, changes = mend(reading_of(annotation), how)
    assert bool(changes) == (finding.mend is not None)
    assert np.array_equal(paint(mended, IDD, fill).index, paint(annotation, IDD, fill).index)
    if points is BOX:
        assert mended.shapes[0].points.max() == 200


@given(polygons(), st.sampled_from(FILLS))
def test_whatever_is_cut_is_drawn_as_it_was(points: list[tuple[float, float]], fill: str) -> None:
    annotation = reaching(points)
    mended, _ = mend(reading_of(annotation), replace(HOW, fill=fill, rules=("beyond-image",)))
    assert np.array_equal(paint(mended, IDD, fill).index, paint(annotation, IDD, fill).index)


def test_nothing_is_cut_while_the_size_of_the_image_is_in_doubt(tmp_path: Path) -> None:
    image = tmp_path / "a.png"
    Image.new("L", (400, 200)).save(image)
    annotation = reaching([(0, 0), (400, 0), (400, 200), (0, 200)], [(250, 10), (300, 10), (300, 60)])
    checked = check_reading(HOW, reading_of(annotation), "a", image)
    assert "size-mismatch" in {finding.rule for finding in checked.findings}
    assert not {"beyond-image", "outside-image"} & {finding.rule for finding in checked.findings}
    assert mend(reading_of(annotation), HOW, "a", image) == (annotation, [])


def test_a_duplicate_that_says_something_else_is_not_dropped() -> None:
    box = np.array(BOX)
    for one in ({"group": 1}, {"extra": {"attributes": "left half"}}, {"extra": {"parts": {"hasparts": "3"}}}):
        shapes = (Shape("car", box, number=0, **one), Shape("car", box, number=1))
        found = check_reading(HOW, reading_of(Annotation(200, 100, shapes))).findings
        (twice,) = (finding for finding in found if finding.rule == "duplicate-shape")
        assert twice.mend is None
    shapes = (Shape("car", box, number=0, extra={"id": 3}), Shape("car", box, number=1, extra={"id": 4}))
    assert len(mend(reading_of(Annotation(200, 100, shapes)), HOW)[0].shapes) == 1


@given(annotated_frames())
def test_a_mend_of_any_frame_ends_and_keeps_every_other_object(annotation: Annotation) -> None:
    reading = reading_of(annotation)
    mended, changes = mend(reading, HOW)
    dropped = len(annotation.shapes) - len(mended.shapes)
    assert dropped == sum(change.text.startswith("dropped") for change in changes)
    numbers = {change.object for change in changes}
    by_number = {shape.number: shape for shape in mended.shapes}
    for shape in annotation.shapes:
        if shape.number not in numbers:
            assert by_number[shape.number] is shape
    before, after = (account(paint(one, IDD)) for one in (annotation, mended))
    assert before.objects - after.objects == dropped


def test_mended_copies_hold_everything_else_and_the_dataset_stays_as_it_is(dataset: Path, tmp_path: Path) -> None:
    first = polygon_files(dataset)[0]
    document = json.loads(first.read_text())
    document["objects"][0] |= {"label": "skyy", "deleted": 0}
    document["objects"][0]["note"] = "mine"
    first.write_text(json.dumps(document | {"about": 1}))
    before = {path: path.read_bytes() for path in dataset.rglob("*") if path.is_file()}
    report = check(dataset, IDD)
    done = write_mended(report, tmp_path / "mended")
    assert not done.failures
    assert {path: path.read_bytes() for path in dataset.rglob("*") if path.is_file()} == before
    copy = tmp_path / "mended" / first.relative_to(dataset)
    assert copy in done.files
    mended = json.loads(copy.read_text())
    assert (mended["about"], mended["objects"][0]["note"], mended["objects"][0]["label"]) == (1, "mine", "sky")
    assert any((change.rule, change.object, change.label) == ("unknown-label", 0, "skyy") for change in done.changes)
    # The same again changes nothing, and other content is not replaced unasked.
    assert write_mended(report, tmp_path / "mended").files == done.files
    copy.write_text("{}")
    assert "--overwrite" in write_mended(report, tmp_path / "mended").failures[0]
    assert not write_mended(report, tmp_path / "mended", overwrite=True).failures
    assert formats.read(copy).annotation.shapes[0].label == "sky"
    assert write_mended(report, dataset, overwrite=True).failures
    assert {path: path.read_bytes() for path in dataset.rglob("*") if path.is_file()} == before


def test_a_file_whose_objects_would_be_lost_is_not_mended(write_polygons: Writer, tmp_path: Path) -> None:
    path = write_polygons(objects=[("skyy", SQUARE), ("car", [[1, "x"]])])
    done = write_mended(check(path, IDD), tmp_path / "mended")
    assert not done.files
    assert done.failures == (f"{path}: 1 of its objects cannot be read, and would be lost in a mended copy",)


def test_formats_stay_what_they_are(tmp_path: Path) -> None:
    for form in ("labelme-json", "labelme-xml"):
        root = tmp_path / form
        write_dataset(root, drives=1, frames=2, size=(320, 180), to=form)
        report = check(root / "0" if form == "labelme-json" else root, IDD)
        repeated = [frame for frame in report.frames if any(one.mend for one in frame.findings)]
        done = write_mended(report, tmp_path / "mended" / form)
        assert len(done.files) == len(repeated) > 0
        for frame, copy in zip(repeated, done.files, strict=True):
            one, other = formats.read(report.index.root / frame.annotation), formats.read(copy)
            assert (one.format, one.annotation.size) == (other.format, other.annotation.size)
            assert len(one.annotation.shapes) == len(other.annotation.shapes)
            assert one.annotation.extra == other.annotation.extra


def test_a_frame_outside_the_dataset_is_not_mended(write_polygons: Writer, tmp_path: Path) -> None:
    path = write_polygons(objects=[("skyy", SQUARE)])
    report = check(path, IDD)
    outside = replace(report, frames=(replace(report.frames[0], annotation=Path("../x.json")),))
    assert "lies outside the dataset" in write_mended(outside, tmp_path / "mended").failures[0]
