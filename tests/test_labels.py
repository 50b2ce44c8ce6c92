from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from iddkit import labels
from iddkit.errors import LabelMapError
from iddkit.labels import VOID

HEADER = "name,id,level1_id,has_instances,ignore_in_eval,red,green,blue\n"


@pytest.mark.parametrize(("level", "count"), [("level4", 30), ("level3", 26), ("level2", 16), ("level1", 7)])
def test_idd_levels_have_the_published_number_of_classes_besides_void(level: str, count: int) -> None:
    numbers = [c.number for c in labels.load("idd").categories(level)]
    assert numbers == [*range(count), VOID]


def test_idd_level1_has_the_names_of_the_published_table() -> None:
    names = [c.name for c in labels.load("idd").categories("level1")]
    expected = ["drivable", "non-drivable", "living things", "vehicles", "roadside objects", "far objects", "sky"]
    assert names == [*expected, "void"]


def test_levels_nest_but_for_the_published_exception() -> None:
    idd = labels.load("idd")
    pairs = list(zip(idd.hierarchy, idd.hierarchy[1:], strict=False))
    assert [pair for pair in pairs if not labels.nests(idd, *pair)] == [("level4", "level3")]
    assert idd["sidewalk"].numbers["level4"] == idd["rail track"].numbers["level4"]


def test_number_355_of_the_published_table_is_void() -> None:
    assert labels.load("idd")["vehicle fallback"].numbers["cs"] == VOID


def test_every_label_of_cityscapes_that_idd_refers_to_has_that_id() -> None:
    by_id = {label.id: label.name for label in labels.load("cityscapes")}
    renamed = {"non-drivable fallback": "terrain"}
    for label in labels.load("idd"):
        if label.numbers["cs"] != VOID:
            assert by_id[label.numbers["cs"]] == renamed.get(label.name, label.name)


def test_a_group_is_its_label_unless_it_is_a_label_itself() -> None:
    idd = labels.load("idd")
    assert idd.find("cargroup") == ("car", True)
    assert idd.find("polegroup") == ("polegroup", False)
    assert idd.find("group") is None
    assert idd.find("zebragroup") is None


def test_the_nearest_label_is_named_for_a_misspelt_one() -> None:
    idd = labels.load("idd")
    assert idd.nearest("Auto-Rikshaw") == "autorickshaw"
    assert idd.nearest("traffic_light") == "traffic light"
    assert idd.nearest("qqqq") is None


@pytest.mark.parametrize("spelling", ["level3", "level3Id", "level3_id", "labellevel3Ids", "LEVEL3"])
def test_a_level_is_found_by_every_published_spelling(spelling: str) -> None:
    assert labels.load("idd").level(spelling) == "level3"


def test_the_id_level_and_the_exchange_levels_are_found() -> None:
    idd = labels.load("idd")
    assert [idd.level(name) for name in ("id", "ids", "csTrainId", "csId")] == ["id", "id", "cs_train", "cs"]
    with pytest.raises(LabelMapError, match="it has id, level4"):
        idd.level("level9")


def test_lookup_is_the_number_of_each_id_and_void_elsewhere() -> None:
    idd = labels.load("idd")
    table = idd.lookup("level3")
    assert table.dtype == np.uint8
    assert table.shape == (256,)
    assert all(table[label.id] == label.numbers["level3"] for label in idd)
    assert (table[len(idd) :] == VOID).all()


def test_a_label_with_a_negative_id_is_in_no_table() -> None:
    cityscapes = labels.load("cityscapes")
    assert not cityscapes["license plate"].drawn
    assert all(c.number >= 0 for c in cityscapes.categories("train"))


def test_background_is_unlabeled_of_each_map() -> None:
    assert labels.load("cityscapes").background("id") == 0
    assert labels.load("cityscapes").background("train") == VOID
    assert labels.load("idd").background("id") == 35
    assert labels.load("idd").background("level3") == VOID


def test_palette_takes_the_colour_of_a_label_that_is_evaluated() -> None:
    idd = labels.load("idd")
    assert tuple(idd.palette("level3")[12]) == idd["vehicle fallback"].color  # caravan stands first, and is ignored


def test_a_map_loads_by_path_with_a_mark_and_foreign_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(b"\xef\xbb\xbf" + (HEADER + "road,0,0,0,0,1,2,3\n").replace("\n", "\r\n").encode())
    mine = labels.load(path)
    assert (mine.name, mine.levels, mine["road"].color) == ("mine", ("id", "level1"), (1, 2, 3))


def test_labelme_label_lists_are_numbered_from_the_background(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("__ignore__\n_background_\ncar\ntv/monitor\n")
    found = labels.load(path)
    assert [(label.name, label.id) for label in found] == [
        ("__ignore__", VOID),
        ("_background_", 0),
        ("car", 1),
        ("tv/monitor", 2),
    ]
    assert found.background("id") == 0
    assert found.void("id") == VOID
    assert found["car"].color == (128, 0, 0)  # PASCAL VOC's first colour


BAD_MAPS = {
    "road,256,0,0,0,1,2,3": "row 2: id 256 is beyond 255",
    "road,0,355,0,0,1,2,3": "row 2: level1_id 355 is beyond 255",
    "road,0,-1,0,0,1,2,3": "row 2: a number is negative although the id is not",
    "road,x,0,0,0,1,2,3": "row 2: id is 'x', not a whole number",
    "road,0,0,maybe,0,1,2,3": "row 2: has_instances is 'maybe', not 0 or 1",
    "road,0,0,0,0,1,2,300": "row 2: the colour",
    "road,0,0,0,0,1,2": "row 2: 7 cells under 8 columns",
    ",0,0,0,0,1,2,3": "row 2: a label without a name",
    "\nroad,0,0,0,0,1,2,3\n\n\nroad,1,0,0,0,1,2,3": "row 6: the label 'road' stands twice",
    "car,255,0,1,0,1,2,3": "row 2: the id 255 is that of void",
    "road,0,0,0,0,1,2,3\nroad,1,0,0,0,1,2,3": "row 3: the label 'road' stands twice",
    "road,0,0,0,0,1,2,3\nsky,0,0,0,0,1,2,3": "row 3: 'sky' and 'road' have the id 0",
}


@pytest.mark.parametrize(("rows", "message"), BAD_MAPS.items())
def test_a_map_that_contradicts_itself_is_refused_with_its_row(tmp_path: Path, rows: str, message: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(HEADER + rows + "\n")
    with pytest.raises(LabelMapError) as caught:
        labels.load(path)
    assert f"bad.csv: {message}" in str(caught.value)


def test_levels_that_do_not_nest_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    header = "name,id,level2_id,level1_id,has_instances,ignore_in_eval,red,green,blue\n"
    path.write_text(header + "road,0,0,0,0,0,1,2,3\nsky,1,0,1,0,0,1,2,3\n")
    with pytest.raises(LabelMapError, match="level2 0 does not nest in level1: road 0, sky 1"):
        labels.load(path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"name\n", b"name,id\nroad,0\n", b'"road\n'])
def test_a_file_that_is_no_map_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(LabelMapError):
        labels.load(path)


@pytest.mark.parametrize("column", ["_id", "a/b_id", "all_id", "level_1_id"])
def test_names_of_levels_are_fit_for_file_names(tmp_path: Path, column: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(HEADER.replace("level1_id", f"level1_id,{column}") + "road,0,0,0,0,0,1,2,3\n")
    with pytest.raises(LabelMapError, match="row 1: "):
        labels.load(path)


def test_an_unlabeled_that_is_never_drawn_is_no_background(tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_text(HEADER + "unlabeled,-2,-2,0,1,0,0,0\nroad,0,0,0,0,1,2,3\n")
    assert (labels.load(path).void("id"), labels.load(path).background("id")) == (VOID, VOID)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(LabelMapError, match="cityscapes, idd"):
        labels.load("kitti")


def test_every_column_of_the_maps_is_explained_in_their_readme() -> None:
    folder = Path(__file__).parents[1] / "label_maps"
    text = (folder / "README.md").read_text()
    for path in folder.glob("*.csv"):
        for column in path.read_text().splitlines()[0].split(","):
            assert f"`{column}`" in text, (path.name, column)
