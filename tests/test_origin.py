from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iddkit import frames, images, labels
from iddkit.cli.stats import stats
from iddkit.errors import LabelMapError, OptionError, OutputError
from iddkit.frames import Index
from iddkit.subset.manifest import Manifest
from iddkit.subset.origin import numbering_of

IDD = labels.load("idd")


def derived(root: Path, label_map: str = "idd", level: str = "level2", **other: Any) -> Index:
    """Write a frame of a derived dataset with two labels, and its manifest; return the index."""
    path = root / "gtFine/train/0/a_label.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(images.encode_png(np.array([[0, 5], [5, 5]], dtype=np.uint8)))
    plan = {"label_map": label_map, "label_map_sha256": IDD.sha256, "level": level}
    categories = {category.number: category.name for category in IDD.categories("level2")}
    Manifest("0.3", "it", "..", plan, other.get("categories", categories), {}, {}).save(root)
    return frames.scan(root)


def test_a_derived_dataset_says_by_which_map_and_level_it_is_numbered(tmp_path: Path) -> None:
    assert numbering_of(derived(tmp_path)) == (IDD, "level2")
    assert numbering_of(frames.scan(tmp_path / "gtFine/train")) == (IDD, "level2")


def test_what_a_user_says_goes_before_the_manifest(tmp_path: Path) -> None:
    index = derived(tmp_path)
    assert numbering_of(index, level="level3Ids") == (IDD, "level3")
    cityscapes = labels.load("cityscapes")
    assert numbering_of(index, "cityscapes", "id") == (cityscapes, "id")
    with pytest.raises(LabelMapError, match="has no level 'level2'"):
        numbering_of(index, "cityscapes")


def test_without_a_manifest_names_and_layout_tell(tmp_path: Path) -> None:
    index = derived(tmp_path)
    (tmp_path / "manifest.json").unlink()
    assert numbering_of(index) == (IDD, None)
    assert numbering_of(index, level="level2") == (IDD, "level2")
    assert numbering_of(Index(tmp_path, "cityscapes", ())) == (labels.load("cityscapes"), None)


def test_names_that_tell_the_level_need_no_manifest(tmp_path: Path) -> None:
    derived(tmp_path)
    path = tmp_path / "gtFine/train/0/a_label.png"
    path.rename(path.with_name("a_gtFine_labellevel1Ids.png"))
    assert numbering_of(frames.scan(tmp_path)) == (IDD, None)


def test_another_map_than_those_of_iddkit_has_to_be_given(tmp_path: Path) -> None:
    others: tuple[dict[str, Any], ...] = ({"label_map": "mine"}, {"categories": {0: "runway"}})
    for number, other in enumerate(others):
        index = derived(tmp_path / str(number), **other)
        with pytest.raises(OptionError, match="--label-map says where it is"):
            numbering_of(index)
        assert numbering_of(index, "idd") == (IDD, "level2")


def test_a_level_that_no_map_has_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabelMapError, match="no level 'level7'"):
        numbering_of(derived(tmp_path, level="level7"))


def test_a_manifest_of_others_is_passed_over_and_a_damaged_one_is_not(tmp_path: Path) -> None:
    index = derived(tmp_path)
    path = tmp_path / "manifest.json"
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with pytest.raises(OutputError, match="damaged"):
        numbering_of(index)
    path.write_bytes(b'{"name": "an app", "icons": []}')
    assert numbering_of(index) == (IDD, None)


def test_stats_reads_derived_datasets_of_several_levels(tmp_path: Path) -> None:
    from click.testing import CliRunner

    derived(tmp_path / "mini")
    shutil.copytree(tmp_path / "mini", tmp_path / "lite")
    (tmp_path / "lite/manifest.json").unlink()
    paths = [str(tmp_path / "mini"), str(tmp_path / "lite")]
    result = CliRunner().invoke(stats, [*paths, "--json", "--no-cache", "-j", "1"], catch_exceptions=False)
    mini, lite = json.loads(result.stdout)
    assert (mini["source_level"], lite["source_level"]) == ("level2", "level1")
    found = [[one["name"] for one in each["levels"]["level1"]["labels"] if one["pixels"]] for each in (mini, lite)]
    assert found == [["drivable", "living things"], ["drivable", "far objects"]]
