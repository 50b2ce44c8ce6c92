from __future__ import annotations

import json
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from iddkit import frames
from iddkit.files import sha256
from iddkit.frames import Frame, Index
from iddkit.reporting.croissant import glob_patterns, write_croissant
from iddkit.subset.evidence import SubsetEvidence
from tests.evidence_tables import make_evidence, make_table

# Warnings of mlcroissant and of what it stands on are not ours.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


@pytest.fixture
def mlc() -> Any:
    """Return mlcroissant."""
    return pytest.importorskip("mlcroissant", reason="mlcroissant is not installed: pip install 'iddkit[dev]'")


@pytest.fixture(scope="module")
def evidence() -> SubsetEvidence:
    table = make_table({"train": (2, 4), "val": (1, 4)})
    return make_evidence(table, {"train": 4, "val": 2}, subsets=0, source_name="Straßen <7>")


def write_dataset(folder: Path, *, layout: str = "idd-lite") -> tuple[tuple[Frame, ...], list[str]]:
    """Write images, labels and instances; the last split has no labels. Returns frames and paths of instances."""
    image_end, label_end, instance_end = {
        "idd-lite": ("_image.jpg", "_label.png", "_inst_label.png"),
        "cityscapes": ("_leftImg8bit.png", "_gtFine_labellevel1Ids.png", "_gtFine_instancelevel1Ids.png"),
    }[layout]
    written, instances = [], []
    for split in ("train", "val", "test"):
        for number in range(2):
            name = f"000{number}"
            image = Path("leftImg8bit", split, "007", name + image_end)
            label = None if split == "test" else Path("gtFine", split, "007", name + label_end)
            files = {image: np.full((9, 16, 3), 40 + 90 * number, np.uint8)}
            if label is not None:
                instances.append(label.with_name(name + instance_end).as_posix())
                files |= {
                    label: np.full((9, 16), 1 + number, np.uint8),
                    Path(instances[-1]): np.zeros((9, 16), np.uint8),
                }
            for path, pixels in files.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(folder / path)
            written.append(Frame(split, "007", name, image, labels=label))
    (folder / "figures").mkdir()
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(folder / "figures" / "x_label.png")
    return tuple(written), instances


def describe(folder: Path, evidence: SubsetEvidence, written: tuple[Frame, ...], instances: list[str]) -> Path:
    table = frames.table.encode_csv(Index(folder, "table", written), folder)
    (folder / "frames.csv").write_bytes(table)
    path = folder / "croissant.json"
    path.write_bytes(write_croissant(evidence, written, table, instances=instances))
    return path


@pytest.mark.parametrize("layout", ["idd-lite", "cityscapes"])
def test_records_are_loaded_from_the_folder(mlc: Any, tmp_path: Path, evidence: SubsetEvidence, layout: str) -> None:
    written, instances = write_dataset(tmp_path, layout=layout)
    dataset = mlc.Dataset(jsonld=str(describe(tmp_path, evidence, written, instances)))
    # What iddkit cannot know is recommended, and missing; there is nothing else to say.
    assert dataset.metadata.issues.errors == set()
    missing = {str(warning).split('"')[1].rpartition("/")[2] for warning in dataset.metadata.issues.warnings}
    assert missing == {"citeAs", "datePublished", "license"}
    records = sorted(dataset.records("frames"), key=lambda record: record["frames/path"])
    assert [record["frames/path"].decode() for record in records] == sorted(str(frame.image) for frame in written)
    assert {record["frames/split"] for record in records} == {b"train", b"val", b"test"}
    assert {(record["frames/sequence"], record["frames/name"]) for record in records} == {
        (b"007", b"0000"),
        (b"007", b"0001"),
    }
    assert {np.array(record["frames/image"]).mean().round() for record in records} == {40, 130}
    assert sum(record["frames/labels"] is None for record in records) == 2
    labels = list(dataset.records("labels"))
    assert sorted(record["labels/path"].decode() for record in labels) == sorted(
        str(frame.labels) for frame in written if frame.labels is not None
    )
    for record in labels:
        assert np.array(record["labels/label"]).max() == 1 + int(record["labels/name"])
    names = [record["label_names/name"] for record in dataset.records("label_names")]
    assert names == [label.name for label in evidence.splits[0].level("level1").labels]


def test_with_a_licence_the_validator_misses_less(mlc: Any, tmp_path: Path) -> None:
    table = make_table({"train": (2, 4)})
    evidence = make_evidence(table, {"train": 4}, subsets=0, plan={"license": "CC-BY-4.0"})
    written, _ = write_dataset(tmp_path)
    dataset = mlc.Dataset(jsonld=str(describe(tmp_path, evidence, written, [])))
    assert len(dataset.metadata.issues.warnings) == 2
    assert dataset.metadata.license == ["CC-BY-4.0"]


def test_the_description_names_the_files_and_the_hash_of_the_list(tmp_path: Path, evidence: SubsetEvidence) -> None:
    written, instances = write_dataset(tmp_path)
    path = describe(tmp_path, evidence, written, instances)
    document = json.loads(path.read_bytes())
    listed, *sets = document["distribution"]
    assert listed["sha256"] == sha256((tmp_path / listed["contentUrl"]).read_bytes())
    assert [one["@id"] for one in sets] == ["image-files", "label-files", "instance-files"]
    assert sets[2]["includes"] == "gtFine/*/*/*_inst_label.png"
    assert "Straßen <7>" in document["description"]
    assert "license" not in document
    assert path.read_bytes() == describe(tmp_path, evidence, written, instances).read_bytes()


def test_without_labels_or_instances_there_are_no_sets_of_them(tmp_path: Path, evidence: SubsetEvidence) -> None:
    written, _ = write_dataset(tmp_path)
    bare = tuple(frame for frame in written if frame.labels is None)
    document = json.loads(describe(tmp_path, evidence, bare, []).read_bytes())
    assert [one["@id"] for one in document["distribution"]] == ["frames.csv", "image-files"]
    assert [one["@id"] for one in document["recordSet"]] == ["frames", "label_names"]


@given(st.text("tsni_0a", max_size=6))
def test_patterns_of_labels_take_every_label_and_no_instances(name: str) -> None:
    patterns = glob_patterns(Path("gtFine/val/7/0001_label.png"), "0001")
    path = f"gtFine/val/7/x{name}_label.png"
    assert any(fnmatch(path, pattern) for pattern in patterns) == (not path.endswith("_inst_label.png"))
    assert not any(fnmatch(f"figures/{name}_label.png", pattern) for pattern in patterns)
