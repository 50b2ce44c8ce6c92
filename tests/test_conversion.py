"""Conversion: nothing is lost on the way from format to format, and what cannot go along is listed."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from iddkit import formats, labels
from iddkit.annotation import Annotation, Shape
from iddkit.cli.convert import convert as command
from iddkit.conversion import TARGETS, ConversionReport, convert
from iddkit.errors import AnnotationError, OptionError, OutputError
from iddkit.formats import coco

SQUARE: list[list[float]] = [[2, 3], [12, 3], [12.5, 9], [2, 9]]


def polygon(label: str = "car", points: Any = SQUARE, **changes: Any) -> Shape:
    return Shape(label, np.array(points, dtype=np.float64).reshape(-1, 2), **changes)


def write(path: Path, to: str, *shapes: Shape, size: tuple[int, int] = (30, 20), image: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    annotation = Annotation(*size, shapes, image)
    if to == "coco":
        path.write_bytes(coco.dump_instances([(image, annotation)]).content)
    else:
        path.write_bytes(formats.dumper(to)(annotation))
    return path


def read(path: Path) -> Annotation:
    reading = formats.read(path)
    assert not reading.problems
    return reading.annotation


def lines(report: ConversionReport) -> list[str]:
    return [line.problem.text for line in report.listed]


def failures(report: ConversionReport) -> list[str]:
    return [str(error) for error in report.failed]


def essence(shape: Shape) -> tuple[Any, ...]:
    return shape.label, shape.kind, shape.points.tolist(), shape.deleted, shape.group


# -- round trips ---------------------------------------------------------------------------------------------------

coordinates = st.floats(-50, 80) | st.integers(-50, 80).map(float)
single_frame = st.sampled_from([name for name in TARGETS if name != "coco"])
shapes = st.builds(
    polygon,
    st.sampled_from(["car", "cargroup", "traffic sign", "\u0917\u093e\u0921\u093c\u0940", "<a & b>"]),
    st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=6),
    deleted=st.booleans(),
    group=st.none() | st.integers(0, 5),
    author=st.sampled_from(["", "anue"]),
)


@settings(max_examples=60, deadline=None)
@given(chain=st.lists(single_frame, min_size=2, max_size=6), wanted=st.lists(shapes, max_size=5))
def test_polygons_go_through_any_chain_of_formats_unchanged(
    chain: list[str], wanted: list[Shape], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("chain")
    path = write(folder / "0" / "x_leftImg8bit.json", chain[0], *wanted, image="x_leftImg8bit.png")
    for i, to in enumerate(chain[1:], start=1):
        report = convert(path.parent, folder / str(i), to)
        assert (failures(report), lines(report)) == ([], [])
        assert report.converted == report.objects == len(wanted)
        (path,) = report.written
    annotation = read(path)
    assert annotation.size == (30, 20)
    assert [essence(shape) for shape in annotation.shapes] == [essence(shape) for shape in wanted]
    assert [shape.author for shape in annotation.shapes] == [shape.author for shape in wanted]


@pytest.mark.parametrize("to", ["cityscapes", "labelme-json", "labelme-xml"])
def test_polygon_without_points_is_kept(to: str, tmp_path: Path) -> None:
    path = write(tmp_path / "x.xml", "labelme-xml", polygon("a", []), polygon("b"))
    (there,) = convert(path, tmp_path / "there", to).written
    (back,) = convert(there, tmp_path / "back", "cityscapes").written
    # labelme opens no file that has one; there it stands apart, behind the others.
    assert sorted(essence(shape) for shape in read(back).shapes) == [
        ("a", "polygon", [], False, None),
        ("b", "polygon", SQUARE, False, None),
    ]


@settings(max_examples=60, deadline=None)
@given(chain=st.lists(st.sampled_from(TARGETS), min_size=2, max_size=5), wanted=st.lists(shapes, max_size=4))
def test_polygons_with_area_go_through_coco_as_well(
    chain: list[str], wanted: list[Shape], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("chain")
    # What COCO drops is tested below; the members of a group come together there.
    content = coco.dump_instances([("x.png", Annotation(30, 20, tuple(wanted)))]).content
    ((_, reading),) = coco.parse(json.loads(content), Path("x")).frames
    kept = reading.annotation.shapes
    path = write(folder / "0" / "x.json", chain[0], *kept, image="x.png")
    for i, to in enumerate(chain[1:], start=1):
        report = convert(path, folder / str(i), to)
        assert (failures(report), lines(report)) == ([], [])
        (path,) = report.written
    if chain[-1] != "coco":
        path = convert(path, folder / "last", chain[-1]).written[0]
        result = read(path).shapes
    else:
        result = coco.read(path).frames[0][1].annotation.shapes
    assert [essence(shape) for shape in result] == [essence(shape) for shape in kept]


def test_cityscapes_to_cityscapes_loses_no_key(tmp_path: Path) -> None:
    item = {
        "label": "car",
        "polygon": SQUARE,
        "id": 7,
        "deleted": 1,
        "verified": 0,
        "user": "a",
        "date": "b",
        "draw": True,
    }
    document = {"imgWidth": 30, "imgHeight": 20, "objects": [item, item | {"group_id": 4}], "note": {"a": [None, 1.5]}}
    source = tmp_path / "in" / "train" / "7" / "x_gtFine_polygons.json"
    source.parent.mkdir(parents=True)
    source.write_text(json.dumps(document))
    report = convert(tmp_path / "in", tmp_path / "out", "cityscapes")
    assert report.written == (tmp_path / "out" / "train" / "7" / "x_gtFine_polygons.json",)
    assert json.loads(report.written[0].read_text()) == document


def test_keys_of_idd_come_back_from_labelme(tmp_path: Path) -> None:
    item = {
        "label": "car",
        "polygon": SQUARE,
        "id": 7,
        "deleted": 0,
        "verified": 0,
        "user": "a",
        "date": "b",
        "draw": True,
    }
    (tmp_path / "x_gtFine_polygons.json").write_text(
        json.dumps({"imgWidth": 30, "imgHeight": 20, "objects": [item], "note": 1})
    )
    convert(tmp_path / "x_gtFine_polygons.json", tmp_path / "labelme", "labelme-json")
    (path,) = convert(tmp_path / "labelme", tmp_path / "back", "cityscapes").written
    document = json.loads(path.read_text())
    assert item.items() <= document["objects"][0].items()
    assert document["note"] == 1


def test_image_inside_a_labelme_file_stays_there(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", "labelme-json", polygon())
    document = json.loads(path.read_text()) | {"imageData": "no image", "version": "5.0"}
    path.write_text(json.dumps(document))
    for to in ("cityscapes", "labelme-xml", "coco"):
        (written,) = convert(path, tmp_path / to, to).written
        assert "no image" not in written.read_text()


# -- shapes that a format does not know ------------------------------------------------------------------------------


def patch(*rows: str) -> NDArray[np.bool_]:
    return np.array([[character == "#" for character in row] for row in rows])


def other_kinds() -> list[Shape]:
    mask = patch("##..#", "##..#")
    holed = patch("###", "#.#", "###")
    return [
        polygon("a", [[1, 2], [9, 7]], kind="rectangle"),
        polygon("b", [[10, 10], [14, 10]], kind="circle", number=1),
        polygon("c", [[3, 4], [7, 5]], kind="mask", mask=mask, number=2),
        polygon("d", [[3, 4], [5, 6]], kind="mask", mask=holed, number=3),
        polygon("e", [[3, 4], [5, 6]], kind="line", number=4),
        polygon("f", [[3, 4], [5, 6], [3, 8]], kind="linestrip", number=5),
        polygon("g", [[3, 4]], kind="point", number=6),
        polygon("h", SQUARE, kind="oriented_rectangle", number=7),
    ]


def test_labelme_keeps_every_kind_of_shape(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", "labelme-json", *other_kinds())
    (written,) = convert(path, tmp_path / "out", "labelme-json").written
    assert [essence(s) for s in read(written).shapes] == [essence(s) for s in other_kinds()]


@pytest.mark.parametrize("to", ["cityscapes", "labelme-xml"])
def test_other_kinds_become_polygons_or_are_listed(to: str, tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", "labelme-json", *other_kinds())
    report = convert(path, tmp_path / "out", to)
    assert [(line.problem.number, line.problem.text) for line in report.listed] == [
        (3, "the mask has holes, which its outline fills"),
        (4, "a line, written as 2 points, which are not drawn"),
        (5, "a linestrip of 3 points has no area, and would be filled as a polygon"),
        (6, "a point, written as 1 points, which are not drawn"),
    ]
    assert (report.objects, report.converted) == (8, 4)
    written = formats.read(report.written[0]).annotation.shapes
    assert [shape.label for shape in written] == ["a", "b", "c", "c", "d", "e", "g", "h"]
    parts = [shape for shape in written if shape.label == "c"]
    assert parts[0].group == parts[1].group is not None, "the parts of a mask are one object"
    assert {shape.kind for shape in written} == {"polygon"}


def test_coco_lists_what_it_cannot_hold_and_the_count_adds_up(tmp_path: Path) -> None:
    write(tmp_path / "in" / "x.json", "labelme-json", *other_kinds(), polygon("gone", deleted=True), image="x.png")
    write(tmp_path / "in" / "y.xml", "labelme-xml", polygon(), polygon(points=[[1, 1]]), image="y.png")
    report = convert(tmp_path / "in", tmp_path / "out", "coco")
    assert (report.objects, report.converted, len(report.listed)) == (11, 6, 5)
    assert [str(line) for line in report.listed][-1] == (
        f"{tmp_path / 'in' / 'y.xml'}: object 1: a polygon of 1 points has no area"
    )
    document = json.loads((tmp_path / "out" / "instances.json").read_text())
    assert len(document["annotations"]) == 6
    assert [image["file_name"] for image in document["images"]] == ["x.png", "y.png"]


def test_label_map_gives_the_categories_of_coco(tmp_path: Path) -> None:
    path = write(tmp_path / "x.xml", "labelme-xml", polygon("bus"), polygon("cargroup"), polygon("persn"))
    report = convert(path, tmp_path / "val.json", "coco", label_map=labels.load("idd"))
    assert report.written == (tmp_path / "val.json",)
    idd = labels.load("idd")
    found = [(a["category_id"], a["iscrowd"]) for a in json.loads((tmp_path / "val.json").read_text())["annotations"]]
    assert found == [(idd["bus"].id, 0), (idd["car"].id, 1)]
    assert lines(report) == ["the label 'persn' is not in the label map; is 'person' meant?"]


def test_objects_of_a_coco_file_are_counted_once_each(tmp_path: Path) -> None:
    flat = [value for point in SQUARE for value in point]
    whole = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [flat, flat]}
    lost = [whole | {"image_id": 9, "id": 2}, whole | {"segmentation": [], "id": 3}]
    image = {"id": 1, "file_name": "a/x.jpg", "width": 30, "height": 20}
    document = {"images": [image], "annotations": [whole, *lost], "categories": [{"id": 1, "name": "car"}]}
    (tmp_path / "c.json").write_text(json.dumps(document))
    report = convert(tmp_path / "c.json", tmp_path / "out", "cityscapes")
    assert report.written == (tmp_path / "out" / "a" / "x_gtFine_polygons.json",)
    assert (report.objects, report.converted) == (3, 1)
    assert sorted(line.problem.where for line in report.listed) == ["annotation id 2", "annotation id 3"]
    assert [shape.group for shape in read(report.written[0]).shapes] == [1, 1]


# -- names and images ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "to", "expected"),
    [
        ("a/x_gtFine_polygons.json", "labelme-xml", "a/x.xml"),
        ("a/x_gtFine_polygons.json", "labelme-json", "a/x.json"),
        ("a/x_leftImg8bit.json", "cityscapes", "a/x_gtFine_polygons.json"),
        ("a/x.y.JSON", "labelme-xml", "a/x.y.xml"),
        ("x.json", "cityscapes", "x_gtFine_polygons.json"),
    ],
)
def test_files_are_named_as_the_format_names_them(name: str, to: str, expected: str, tmp_path: Path) -> None:
    write(tmp_path / "in" / name, "cityscapes", polygon())
    report = convert(tmp_path / "in", tmp_path / "out", to)
    assert report.written == (tmp_path / "out" / expected,)


def test_format_is_found_by_content_and_not_by_name(tmp_path: Path) -> None:
    path = write(tmp_path / "x.txt", "labelme-xml", polygon())
    assert convert(path, tmp_path / "x.json", "labelme-json").written == (tmp_path / "x.json",)
    assert formats.read(tmp_path / "x.json").format == "labelme-json"


def save_image(path: Path, size: tuple[int, int]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size).save(path)
    return path


@pytest.mark.parametrize("image", ["Images/street/x.jpg", "Annotations/street/x.jpg"])
def test_unknown_size_is_that_of_the_image(image: str, tmp_path: Path) -> None:
    write(tmp_path / "Annotations" / "street" / "x.xml", "labelme-xml", polygon(), size=(0, 0), image="x.jpg")
    save_image(tmp_path / image, (33, 22))
    for to in ("cityscapes", "labelme-json", "labelme-xml"):
        (path,) = convert(tmp_path / "Annotations", tmp_path / to, to).written
        assert read(path).size == (33, 22)
    (path,) = convert(tmp_path / "Annotations", tmp_path / "coco", "coco").written
    ((name, reading),) = coco.read(path).frames
    assert (name, reading.annotation.size) == ("street/x.jpg", (33, 22))


@pytest.mark.parametrize("damaged", [False, True])
def test_size_that_nobody_knows_is_an_error_only_where_it_is_needed(damaged: bool, tmp_path: Path) -> None:
    path = write(tmp_path / "x.xml", "labelme-xml", polygon(), size=(0, 0), image="x.jpg")
    if damaged:
        (tmp_path / "x.jpg").write_bytes(b"no image")
    expected = "x.jpg: no image" if damaged else "x.xml: it does not state its size, and its image x.jpg was not found"
    for to in ("cityscapes", "coco"):
        report = convert(path, tmp_path / to, to)
        assert (report.written, report.objects) == ((), 0)
        (line,) = failures(report)
        assert expected in line
        assert not (tmp_path / to).exists()
    assert read(convert(path, tmp_path / "out", "labelme-xml").written[0]).size == (0, 0)


def test_labelme_file_names_its_image_from_where_it_lies(tmp_path: Path) -> None:
    image = save_image(tmp_path / "leftImg8bit" / "val" / "1" / "x_leftImg8bit.png", (30, 20))
    write(tmp_path / "gtFine" / "val" / "1" / "x_gtFine_polygons.json", "cityscapes", polygon())
    (path,) = convert(tmp_path / "gtFine", tmp_path / "out", "labelme-json").written
    stated = read(path).image
    assert not Path(stated).is_absolute()
    assert (path.parent / stated).resolve() == image.resolve()
    (back,) = convert(tmp_path / "out", tmp_path / "xml", "labelme-xml").written
    assert read(back).image == "x_leftImg8bit.png"


# -- files that fail ---------------------------------------------------------------------------------------------------


def test_damaged_file_is_named_and_the_others_are_converted(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write(folder / "a.json", "cityscapes", polygon())
    (folder / "b.json").write_text('{"objects": [')
    (folder / "c.xml").write_text("<annotation>")
    (folder / "d.json").write_text('{"objects": 3, "imgWidth": 3, "imgHeight": 3}')
    write(folder / "e.xml", "labelme-xml", polygon())
    for i, to in enumerate(TARGETS):
        report = convert(folder, tmp_path / str(i), to)
        assert [Path(error.path or "").name for error in report.failed] == ["b.json", "c.xml", "d.json"]
        assert (report.files, report.objects, report.converted, report.ok) == (2, 2, 2, False)
        assert len(report.written) == (1 if to == "coco" else 2)


def test_file_without_annotation_is_passed_over_in_a_folder_and_an_error_alone(tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.json", "cityscapes", polygon())
    manifest = tmp_path / "in" / "manifest.json"
    manifest.write_text('{"frames": []}')
    (tmp_path / "in" / "list.json").write_text("[1, 2]")
    (tmp_path / "in" / "page.xml").write_text("<html/>")
    report = convert(tmp_path / "in", tmp_path / "out", "labelme-xml")
    assert [path.name for path in report.passed_over] == ["list.json", "manifest.json", "page.xml"]
    assert report.ok
    alone = convert(manifest, tmp_path / "out", "labelme-xml")
    assert not alone.ok
    assert "no annotation format" in failures(alone)[0]
    (tmp_path / "in" / "a.json").unlink()
    assert not convert(tmp_path / "in", tmp_path / "out", "labelme-xml").ok


def test_existing_file_is_kept_unless_told_otherwise(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", "cityscapes", polygon())
    target = tmp_path / "out" / "x.xml"
    target.parent.mkdir()
    target.write_text("mine")
    (line,) = failures(convert(path, tmp_path / "out", "labelme-xml"))
    assert line == f"{target}: exists already, and is not overwritten"
    assert target.read_text() == "mine"
    assert convert(path, tmp_path / "out", "labelme-xml", overwrite=True).ok
    assert read(target).shapes


@pytest.mark.parametrize("to", TARGETS)
def test_same_command_again_changes_nothing(to: str, tmp_path: Path) -> None:
    write(tmp_path / "in" / "x.json", "cityscapes", polygon())
    first = convert(tmp_path / "in", tmp_path / "in" / "out", to)
    before = first.written[0].stat().st_mtime_ns
    assert convert(tmp_path / "in", tmp_path / "in" / "out", to) == first, "the output inside the source is not read"
    assert first.written[0].stat().st_mtime_ns == before


def test_coco_file_inside_the_source_is_not_read_again(tmp_path: Path) -> None:
    write(tmp_path / "x.json", "cityscapes", polygon())
    first = convert(tmp_path, tmp_path / "val.json", "coco")
    assert convert(tmp_path, tmp_path / "val.json", "coco", overwrite=True) == first


def test_source_is_never_replaced(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", "cityscapes", polygon())
    before = path.read_bytes()
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    for out in (tmp_path, path, tmp_path / "link"):
        (line,) = failures(convert(path, out, "labelme-json", overwrite=True))
        assert "x.json: is itself a file to convert; name another folder" in line
    assert path.read_bytes() == before


def test_folder_can_be_filled_with_its_own_conversion(tmp_path: Path) -> None:
    write(tmp_path / "x.json", "labelme-json", polygon())
    write(tmp_path / "y.xml", "labelme-xml", polygon())
    for _ in range(2):
        report = convert(tmp_path, tmp_path, "labelme-json")
        assert failures(report) == []
        assert {path.name for path in report.written} == {"x.json", "y.json"}


def test_two_files_of_one_name_are_both_named_and_none_is_lost(tmp_path: Path) -> None:
    first = write(tmp_path / "in" / "x.json", "labelme-json", polygon("a"))
    second = write(tmp_path / "in" / "x.xml", "labelme-xml", polygon("b"))
    report = convert(tmp_path / "in", tmp_path / "out", "cityscapes")
    (line,) = failures(report)
    assert f"{first} and {second} would both be written as this" in line
    assert [shape.label for shape in read(report.written[0]).shapes] == ["a"]
    (line,) = failures(convert(tmp_path / "in", tmp_path / "coco", "coco"))
    assert str(first) in line
    assert str(second) in line


@pytest.mark.parametrize(
    "name",
    ["../x.jpg", "/etc/x.jpg", "a/../../x.jpg", "..\\x.jpg", "C:\\x.jpg", "a\0b.jpg", "\ud800.jpg", ".", "x" * 300],
)
def test_image_name_of_a_coco_file_never_leads_out_of_the_folder(name: str, tmp_path: Path) -> None:
    images = [{"id": i, "file_name": n, "width": 30, "height": 20} for i, n in enumerate([name, "good.jpg"])]
    path = tmp_path / "in" / "c.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"images": images, "annotations": [], "categories": []}))
    report = convert(path, tmp_path / "deep" / "er" / "out", "labelme-xml")
    (line,) = failures(report)
    assert "no file name inside the output folder" in line
    assert len(line.splitlines()) == 1
    assert report.written == (tmp_path / "deep" / "er" / "out" / "good.xml",)
    assert {p.name for p in tmp_path.rglob("*") if p.is_file()} == {"c.json", "good.xml"}


def test_frames_of_a_coco_file_do_not_fit_into_one_file(tmp_path: Path) -> None:
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 30, "height": 20} for i in range(2)]
    (tmp_path / "c.json").write_text(json.dumps({"images": images, "annotations": [], "categories": []}))
    (line,) = failures(convert(tmp_path / "c.json", tmp_path / "x.xml", "labelme-xml"))
    assert "2 frames, which need a folder" in line


def test_file_in_the_way_of_a_folder_is_an_error_per_file(tmp_path: Path) -> None:
    write(tmp_path / "in" / "a" / "x.json", "cityscapes", polygon())
    write(tmp_path / "in" / "b.json", "cityscapes", polygon())
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_text("in the way")
    report = convert(tmp_path / "in", tmp_path / "out", "labelme-xml")
    assert "cannot be written" in failures(report)[0]
    assert report.written == (tmp_path / "out" / "b.xml",)


def test_options_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", "cityscapes", polygon())
    with pytest.raises(OptionError, match="no annotation format 'voc'"):
        convert(path, tmp_path / "out", "voc")
    with pytest.raises(OptionError, match="label map is for the categories of COCO"):
        convert(path, tmp_path / "out", "cityscapes", label_map=labels.load("idd"))
    with pytest.raises(OptionError, match=r"a file \.json is no labelme-xml file"):
        convert(path, tmp_path / "y.json", "labelme-xml")
    with pytest.raises(AnnotationError, match="no such file or folder"):
        convert(tmp_path / "no", tmp_path / "out", "coco")
    (tmp_path / "empty").mkdir()
    with pytest.raises(AnnotationError, match="no JSON or XML file"):
        convert(tmp_path / "empty", tmp_path / "out", "coco")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="not a folder"):
        convert(path, tmp_path / "file", "cityscapes")


def test_progress_tells_files_done_of_all(tmp_path: Path) -> None:
    for name in "ab":
        write(tmp_path / "in" / f"{name}.json", "cityscapes", polygon())
    calls: list[tuple[int, int]] = []
    convert(tmp_path / "in", tmp_path / "out", "coco", progress=lambda done, total: calls.append((done, total)))
    assert calls == [(0, 2), (1, 2), (2, 2)]
    assert all(a <= b for a, b in pairwise(calls))


# -- the command -------------------------------------------------------------------------------------------------------


def test_command_prints_a_summary_and_lists_the_rest_on_stderr(tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.json", "labelme-json", *other_kinds())
    (tmp_path / "in" / "b.json").write_text("[]")
    arguments = [str(tmp_path / "in"), str(tmp_path / "out"), "--to", "cityscapes"]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "files    1 read, 1 written, 0 failed, 1 without annotation",
        "objects  4 converted + 4 listed = 8",
    ]
    assert f"{tmp_path / 'in' / 'a.json'}: object 5: a linestrip of 3 points" in result.stderr
    assert f"{tmp_path / 'in' / 'b.json'}: no annotation format" in result.stderr
    (tmp_path / "in" / "c.json").write_text("{")
    result = CliRunner().invoke(command, [*arguments, "--json"])
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert (document["objects"], document["converted"], len(document["listed"])) == (8, 4, 4)
    assert "c.json: line 1, column 2: not JSON" in document["failed"][0]


def test_command_takes_a_label_map_by_name(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", "cityscapes", polygon("bus"))
    result = CliRunner().invoke(command, [str(path), str(tmp_path / "y.json"), "--to", "coco", "--label-map", "idd"])
    assert result.exit_code == 0
    (category,) = {a["category_id"] for a in json.loads((tmp_path / "y.json").read_text())["annotations"]}
    assert category == labels.load("idd")["bus"].id


def test_command_prints_no_more_lines_than_can_be_read(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", "cityscapes", *(polygon(deleted=True) for _ in range(60)))
    result = CliRunner().invoke(command, [str(path), str(tmp_path / "y.json"), "--to", "coco"])
    assert result.exit_code == 0
    assert len(result.stderr.splitlines()) == 51
    assert "... and 10 more" in result.stderr
