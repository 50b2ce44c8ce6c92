from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from iddkit import files, frames, images, labels
from iddkit.cli import group
from iddkit.demo import write_dataset
from iddkit.errors import FrameError, OutputError
from iddkit.subset import SubsetPlan
from iddkit.subset.build import build
from iddkit.subset.folder import JOURNAL, DatasetFolder
from iddkit.subset.manifest import FrameRecord, Manifest, check_path
from iddkit.subset.verify import CHANGED, DAMAGED, FOREIGN, MISSING, Verification, verify

LITE = SubsetPlan(factor=Fraction(10), longest_side=40, level="level1")
LABEL = "gtFine/train/0/frame0000_label.png"
INSTANCES = "gtFine/train/0/frame0000_inst_label.png"
IMAGE = "leftImg8bit/train/0/frame0000_image.jpg"


@pytest.fixture(scope="module")
def derived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a derived dataset of two frames with a report, beside its source."""
    root = tmp_path_factory.mktemp("verify")
    write_dataset(root / "idd", drives=1, frames=2, size=(160, 90))
    index = frames.scan(root / "idd")
    with DatasetFolder(root / "lite", index.root, LITE) as folder:
        assert folder.build(index).ok
        folder.write("report.html", b"<p>report")
        folder.finish({"shares": [0.5]})
    return root / "lite"


@pytest.fixture
def lite(derived: Path, tmp_path: Path) -> Path:
    """Return a copy of it that a test can damage."""
    shutil.copytree(derived.parent, tmp_path / "copy")
    return tmp_path / "copy" / "lite"


def found(out: Path, **options: Any) -> list[tuple[str, str]]:
    """Return kind and path of each finding."""
    result = verify(out, **options)
    assert result.ok == (not result.findings)
    return [(finding.kind, finding.path.relative_to(out).as_posix()) for finding in result.findings]


def seal(out: Path, change: Callable[[Manifest], Manifest]) -> None:
    """Write the manifest anew, as if it had been so from the beginning."""
    change(Manifest.load(out)).save(out)


def with_hash(out: Path, name: str) -> Callable[[Manifest], Manifest]:
    digest = files.sha256((out / name).read_bytes())
    return lambda manifest: replace(manifest, files={**manifest.files, name: digest})


def test_what_was_derived_is_as_its_manifest_says(derived: Path) -> None:
    result = verify(derived, source=derived.parent / "idd")
    assert result.ok
    assert result.checked == 2 * 3 + 1 + 2 * 2
    assert result.notes == ()


@given(data=st.data())
def test_every_byte_that_changes_is_named(derived: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(Manifest.load(derived).files)))
    path = derived / name
    content = path.read_bytes()
    changed = bytearray(content)
    changed[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        path.write_bytes(changed)
        assert found(derived) == [(CHANGED, name)]
        path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
        assert found(derived) == [(CHANGED, name)]
        path.unlink()
        assert found(derived) == [(MISSING, name)]
    finally:
        path.write_bytes(content)


@given(data=st.data())
def test_every_byte_of_the_manifest_that_changes_is_an_error(derived: Path, data: st.DataObject) -> None:
    path = derived / "manifest.json"
    content = path.read_bytes()
    changed = bytearray(content)
    changed[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        for damaged in (bytes(changed), content[:-1], content + b"\n"):
            path.write_bytes(damaged)
            with pytest.raises(OutputError, match=r"manifest\.json: "):
                verify(derived)
    finally:
        path.write_bytes(content)


@pytest.mark.parametrize(
    "name", ["a.txt", "gtFine/train/0/frame0002_label.png", "gtFine/new/x", "Thumbs.db", "manifest.json.bak", JOURNAL]
)
def test_every_file_that_is_added_is_named(lite: Path, name: str) -> None:
    (lite / name).parent.mkdir(exist_ok=True)
    (lite / name).write_bytes(b"")
    assert found(lite) == [(FOREIGN, name)]


def test_hidden_files_are_the_systems_but_not_the_traces_of_a_killed_run(lite: Path) -> None:
    (lite / ".git").mkdir()
    (lite / ".git/config").write_text("")
    (lite / "gtFine/.DS_Store").write_text("")
    (lite / "empty").mkdir()
    assert found(lite) == []
    left = f"gtFine/train/{files.TEMPORARY_PREFIX}7-x{files.TEMPORARY_SUFFIX}"
    (lite / left).write_text("")
    assert found(lite) == [(FOREIGN, left)]


def test_all_that_is_wrong_is_named_in_order(lite: Path) -> None:
    (lite / LABEL).write_bytes(b"")
    (lite / IMAGE).unlink()
    (lite / "a").write_text("")
    (lite / INSTANCES).unlink()
    (lite / INSTANCES).mkdir()
    (lite / "report.html").unlink()
    (lite / "report.html").symlink_to("nowhere")
    assert found(lite) == [
        (FOREIGN, "a"),
        (CHANGED, INSTANCES),
        (CHANGED, LABEL),
        (MISSING, IMAGE),
        (CHANGED, "report.html"),
    ]


def test_folders_that_are_links_are_foreign_and_not_followed(lite: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/file").write_text("")
    (lite / "link").symlink_to(tmp_path / "elsewhere")
    assert found(lite) == [(FOREIGN, "link")]


def test_images_that_are_not_what_the_plan_says_are_named_though_their_hash_is_right(lite: Path) -> None:
    Image.new("RGB", (41, 23)).save(lite / IMAGE, "JPEG")
    seal(lite, with_hash(lite, IMAGE))
    assert [str(f).partition(": ")[2] for f in verify(lite).findings] == ["41x23 pixels, not 40x23"]
    (lite / IMAGE).write_bytes((lite / IMAGE).read_bytes()[:-40])
    seal(lite, with_hash(lite, IMAGE))
    assert "no image that can be read" in verify(lite).findings[0].problem
    assert found(lite) == [(DAMAGED, IMAGE)]


def test_labels_of_another_level_or_size_are_named(lite: Path) -> None:
    numbers = images.read_labels(lite / LABEL).astype(np.uint8)
    numbers[3, 3:5] = 9, 200
    (lite / LABEL).write_bytes(images.encode_png(numbers))
    seal(lite, with_hash(lite, LABEL))
    findings = verify(lite).findings
    assert [f.problem for f in findings] == [
        "2 pixels are of another label than in frame0000_label.png",
        "numbers that the level does not have: 9, 200",
    ]
    (lite / LABEL).write_bytes(images.encode_png(numbers[:20]))
    seal(lite, with_hash(lite, LABEL))
    assert [f.problem for f in verify(lite).findings] == ["40x20 pixels, not 40x23"]


def test_void_is_a_number_of_the_level(lite: Path) -> None:
    (lite / INSTANCES).unlink()
    (lite / LABEL).write_bytes(images.encode_png(np.full((23, 40), 255, np.uint8)))
    seal(lite, with_hash(lite, LABEL))
    assert found(lite) == [(MISSING, INSTANCES)]


def test_a_size_that_the_plan_does_not_give_is_named(lite: Path) -> None:
    seal(lite, lambda manifest: replace(manifest, plan={**manifest.plan, "longest_side": 50}))
    assert [f.problem for f in verify(lite).findings] == [
        f"the frame train/0/frame000{i} of 160x90 is 40x23: not the size of the plan" for i in (0, 1)
    ]
    for wrong in ("x", -3, 1.5, [7], None):
        seal(lite, lambda manifest, wrong=wrong: replace(manifest, plan={**manifest.plan, "size": wrong}))  # type: ignore[misc]
        assert (DAMAGED, "manifest.json") in found(lite)


def test_a_changed_or_missing_source_is_named(lite: Path) -> None:
    source = lite.parent / "idd"
    image, annotation = source / "leftImg8bit/train/0/frame0001_leftImg8bit.jpg", source / "gtFine/train/0"
    image.write_bytes(image.read_bytes() + b"?")
    shutil.rmtree(annotation)
    assert found(lite) == []
    findings = verify(lite, source=source).findings
    assert [(f.kind, f.path.relative_to(source).as_posix()) for f in findings] == [
        (MISSING, "gtFine/train/0/frame0000_gtFine_polygons.json"),
        (MISSING, "gtFine/train/0/frame0001_gtFine_polygons.json"),
        (CHANGED, "leftImg8bit/train/0/frame0001_leftImg8bit.jpg"),
    ]


def test_a_source_that_is_not_there_is_one_error(lite: Path) -> None:
    with pytest.raises(FrameError, match="gone: no such folder"):
        verify(lite, source=lite / "gone")


def test_another_label_map_of_the_same_name_is_named(lite: Path) -> None:
    assert found(lite, label_map=labels.load("idd")) == []
    assert (
        "the label map cityscapes is not the idd"
        in verify(lite, label_map=labels.load("cityscapes")).findings[0].problem
    )
    seal(lite, lambda manifest: replace(manifest, plan={**manifest.plan, "label_map_sha256": "0" * 64}))
    assert found(lite) == [(CHANGED, "manifest.json")]
    # A name in a manifest is never a path to read.
    path = str(Path(__file__).parents[1] / "label_maps/idd.csv")
    seal(lite, lambda manifest: replace(manifest, plan={**manifest.plan, "label_map": path}))
    result = verify(lite)
    assert result.ok
    assert "is not at hand" in result.notes[0]


OUTSIDE = ["../a", "/etc/passwd", "a/../../b", "a/..", "", ".", "./a", "a//b", "a/", "a\\b", "C:/a", "a\0", 3, None]


@pytest.mark.parametrize("path", OUTSIDE, ids=repr)
def test_a_path_that_leads_out_of_the_folder_is_an_error(lite: Path, path: Any) -> None:
    with pytest.raises(ValueError, match="does not lie inside its folder|where a text should be"):
        check_path(path)
    if not isinstance(path, str):
        return
    whole = Manifest.load(lite)
    record = whole.frames["train/0/frame0000"]
    digest = "0" * 64
    for damaged in (
        replace(whole, files={**whole.files, path: digest}),
        replace(whole, frames={"k": replace(record, outputs={"image": path})}, files={**whole.files, path: digest}),
        replace(whole, frames={"k": replace(record, source={"image": (path, digest)})}),
    ):
        damaged.save(lite)
        with pytest.raises(OutputError, match="does not lie inside its folder"):
            verify(lite)


DAMAGES = [
    ("", "not JSON"),
    ("[" * 100_000, "not JSON"),
    ("[]", "where an object should be"),
    ('{"format": "iddkit subset 9"}', "its format is 'iddkit subset 9', not 'iddkit subset 1'"),
    ('{"format": "iddkit subset 1"}', "where a text should be"),
]


@pytest.mark.parametrize(("content", "said"), DAMAGES, ids=lambda text: text[:30])
def test_what_is_no_manifest_is_an_error(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(OutputError) as error:
        verify(tmp_path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


WRONG: dict[str, list[Any]] = {
    "files": [[], {"a": "0"}, {"a": None}, 3],
    "frames": [[], {"a": []}, {"a": {}}, {"a": {"split": 3}}],
    "categories": [{"x": "a"}, {"256": "a"}, {"1": 3}, []],
    "plan": [[], None],
    "numbers": [[], 3],
    "source": [None, 3],
    "source_level": [3],
}
CHANGES = [(key, value) for key, values in WRONG.items() for value in values]


@pytest.mark.parametrize("change", CHANGES, ids=repr)
def test_a_manifest_of_wrong_values_is_an_error(lite: Path, change: tuple[str, Any]) -> None:
    path = lite / "manifest.json"
    document = json.loads(path.read_text())
    document[change[0]] = change[1]
    path.write_text(json.dumps(document))
    with pytest.raises(OutputError, match="not a manifest of a derived dataset, or a damaged one"):
        verify(lite)


@pytest.mark.parametrize("key", ["split", "source_size", "size", "source", "outputs"])
@pytest.mark.parametrize("value", [None, [], [0, 3], [1.5, 2], {"audio": "a"}, {"image": {}}, 7], ids=repr)
def test_a_record_of_wrong_values_is_an_error(key: str, value: Any) -> None:
    record = FrameRecord("train", (2, 3), (1, 2), {"image": ("a.png", "0" * 64)}, {"image": "b.jpg"}).to_json()
    FrameRecord.from_json(record)
    with pytest.raises(ValueError, match="where|no size|unknown kind|no SHA-256"):
        FrameRecord.from_json({**record, key: value})


def test_an_output_that_is_not_among_the_files_is_an_error(lite: Path) -> None:
    seal(lite, lambda manifest: replace(manifest, files={}))
    with pytest.raises(OutputError, match="of the frame 'train/0/frame0000' is not among the files"):
        verify(lite)


texts = st.text(st.characters(codec="utf-8"), max_size=9)
paths = st.lists(st.sampled_from(["a", "b c", "\xe9", "\udce9", "x.png"]), min_size=1, max_size=3).map("/".join)
hashes = st.text("0123456789abcdef", min_size=64, max_size=64)
sizes = st.tuples(st.integers(1, 9), st.integers(1, 9))
records = st.builds(
    FrameRecord,
    texts,
    sizes,
    sizes,
    st.dictionaries(st.sampled_from(["image", "annotation", "labels"]), st.tuples(paths, hashes)),
    st.just({}),
)
values = st.recursive(st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts, st.lists)


@given(
    st.builds(
        Manifest,
        texts,
        texts,
        texts,
        st.dictionaries(texts, values),
        st.dictionaries(st.integers(0, 255), texts),
        st.dictionaries(texts, records),
        st.dictionaries(paths, hashes),
        st.dictionaries(texts, values),
        st.none() | texts,
    )
)
def test_a_manifest_comes_back_from_its_file(tmp_path_factory: pytest.TempPathFactory, manifest: Manifest) -> None:
    folder = tmp_path_factory.getbasetemp()
    manifest.save(folder)
    assert Manifest.load(folder) == manifest
    assert json.loads((folder / "manifest.json").read_bytes())["format"] == "iddkit subset 1"


def test_the_order_in_which_files_were_made_does_not_show(lite: Path) -> None:
    whole = Manifest.load(lite)
    assert replace(whole, files=dict(sorted(whole.files.items(), reverse=True))).encode() == whole.encode()


# --- the command


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(group, ["verify", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, (SystemExit, OutputError)), result.exception
    return result.exit_code, result.stdout, result.stderr


def test_the_command_prints_a_line_for_each_finding_and_ends_with_1(lite: Path) -> None:
    assert run(lite, "--source", lite.parent / "idd") == (0, "2 frames, 11 files: all as the manifest says\n", "")
    (lite / LABEL).unlink()
    (lite / "a\nb").write_text("")
    code, out, _ = run(lite)
    assert code == 1
    assert out.splitlines() == [
        f"{lite}/a\\nb: foreign: not in the manifest",
        f"{lite}/{LABEL}: missing",
        "2 frames, 7 files: 2 not as the manifest says",
    ]


def test_the_command_prints_json(lite: Path) -> None:
    (lite / LABEL).unlink()
    code, out, _ = run(lite, "--json", "--label-map", "idd")
    assert code == 1
    assert json.loads(out) == {
        "ok": False,
        "findings": [{"kind": "missing", "path": str(lite / LABEL), "problem": "missing"}],
        "notes": [],
        "frames": 2,
        "files": 7,
        "checked": 7,
    }


def test_the_command_needs_a_derived_dataset(lite: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(group, ["verify", str(tmp_path)])
    assert isinstance(result.exception, OutputError)
    assert str(result.exception) == f"{tmp_path}: no manifest.json here: not a dataset that iddkit derived"


def test_progress_counts_every_file(derived: Path) -> None:
    seen: list[tuple[int, int]] = []
    result: Verification = verify(derived, source=derived.parent / "idd", progress=lambda *step: seen.append(step))
    assert seen == [(i, result.checked) for i in range(1, result.checked + 1)]


def test_a_dataset_derived_from_a_derived_one_verifies(derived: Path, tmp_path: Path) -> None:
    index = frames.scan(derived)
    assert build(index, index.root, tmp_path / "tiny", replace(LITE, longest_side=20)).ok
    assert verify(tmp_path / "tiny", source=derived).ok
