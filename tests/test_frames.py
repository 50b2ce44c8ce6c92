from __future__ import annotations

import io
import os
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from iddkit import frames
from iddkit.errors import FrameError, OutputError
from iddkit.frames import (
    IMAGE_SUFFIXES,
    LAYOUTS,
    Frame,
    FrameProblem,
    Index,
    find_image,
    locate,
    read_csv,
    scan,
    write_csv,
)
from iddkit.frames.index import sort_frames
from iddkit.groundtruth.plan import stem

POLYGONS = "_gtFine_polygons.json"
LEFT = "_leftImg8bit.png"


def make(root: Path, *paths: str) -> Path:
    """Make empty files, with their folders."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def make_idd(root: Path, *keys: str) -> Path:
    for key in keys:
        make(root, f"gtFine/{key}{POLYGONS}", f"leftImg8bit/{key}{LEFT}")
    return root


def keys(index: Index) -> list[str]:
    return [frame.key for frame in index]


def found(index: Index) -> list[tuple[str, str]]:
    return [(problem.kind, problem.path.as_posix()) for problem in index.problems]


# --- properties -------------------------------------------------------------------------------------------------------

HOSTILE = [
    "a\nb",
    "a,b",
    'say "x"',
    "-rf",
    "0003438",
    "frame0029",
    "frame29",
    "=1+1",
    "{name}",
    "[red]",
    "x\r",
    " x ",
    "\\",
]
HOSTILE += ["घर", "a.b.c", "ü", "u\u0308", "\udcff", ";", "%s", "~", "x" * 60]


def is_plain(name: str) -> bool:
    """Return whether a name means nothing to any layout."""
    special = ("_label", "_instance", "_color", "_panoptic", "_inst", "_leftImg8bit", "_gtFine", "_gtCoarse", "_image")
    reserved = {"gtFine", "gtCoarse", "leftImg8bit", "Annotations", "Images", "Masks", "Scribbles"}
    return (
        not name.startswith(".")
        and not name.lower().endswith((*IMAGE_SUFFIXES, ".json", ".xml"))
        and not any(word in name for word in special)
        and name not in reserved | {"rasterize", "manifest", "instances", "panoptic"}
        and not name.startswith("panoptic_")
    )


random_text = st.text(st.characters(exclude_characters="/\x00", exclude_categories=["Cs"]), min_size=1, max_size=8)
words = (st.sampled_from(HOSTILE) | random_text).filter(is_plain)


@st.composite
def indexes(draw: st.DrawFn, layout_name: str) -> Index:
    """An index as `scan` would return it, of frames with any mixture of files."""
    layout = LAYOUTS[layout_name]
    has_splits = "{split}" in layout.images[0]
    drawn: dict[tuple[str, str, str], Frame] = {}
    for _ in range(draw(st.integers(1, 6))):
        split = draw(words) if has_splits else ""
        sequence = draw(words) if has_splits else "/".join(draw(st.lists(words, max_size=2)))
        name = draw(words)
        name = f"{sequence}_{name}" if layout_name == "cityscapes" else name
        assume(layout_name == "cityscapes" or not name.startswith(f"{sequence}_"))
        have = draw(
            st.sampled_from(["image", "labels", "image labels"] if not layout.annotations else ["image annotation"])
        )
        have = draw(st.sampled_from([have, *have.split()]))
        if layout.annotations and layout.labels:
            have = draw(st.sampled_from([have, have.replace("annotation", "labels")]))
        templates = {"image": layout.images, "annotation": layout.annotations, "labels": layout.labels}
        files = {role: locate(draw(st.sampled_from(templates[role])), split, sequence, name) for role in have.split()}
        drawn[split, sequence, name] = Frame(split, sequence, name, **files)
    made = sort_frames(drawn.values())
    # A LabelMe tree is known by its annotations.
    assume(layout_name != "labelme" or any(frame.annotation for frame in made))
    # Coarse polygons and label images of one frame lie side by side with nothing to tell which is meant.
    return Index(Path(), layout_name, made)


def plant(index: Index, root: Path) -> None:
    for frame in index:
        for file in (frame.image, frame.annotation, frame.labels):
            if file is not None:
                make(root, str(file))


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_scan_finds_the_index_that_a_tree_was_made_from(layout: str, data: st.DataObject) -> None:
    wanted = data.draw(indexes(layout))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        plant(wanted, root)
        index = scan(root)
    assert (index.root, index.layout, index.frames) == (root, layout, wanted.frames)
    lonely = {("no image", f.annotation or f.labels) for f in wanted if f.image is None}
    lonely |= {("no annotation", f.image) for f in wanted if f.annotation is None and f.labels is None}
    assert {(problem.kind, problem.path) for problem in index.problems} == lonely
    assert all(problem.problem.isprintable() for problem in index.problems)


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_csv_gives_the_index_back(layout: str, data: st.DataObject) -> None:
    frames_only = data.draw(indexes(layout)).frames
    place = data.draw(st.sampled_from(["data/index.csv", "index.csv", "other/folder/index.csv"]))
    with tempfile.TemporaryDirectory() as folder:
        index = Index(Path(folder, "data"), layout, frames_only)
        write_csv(index, Path(folder, place))
        assert read_csv(Path(folder, place)) == index
        assert scan(Path(folder, place)) == index


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=60)
    | st.text('split,name\r\n";image/.0\t', max_size=60).map(lambda text: b"name,image\n" + text.encode())
)
def test_csv_of_any_bytes_is_an_index_or_a_frame_error(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "index.csv")
        path.write_bytes(content)
        try:
            index = read_csv(path)
        except FrameError:
            return
        assert len(set(keys(index))) == len(index)


@given(st.lists(st.text("a09_/", max_size=6)))
def test_natural_order_tells_all_names_apart(names: list[str]) -> None:
    backwards = names[::-1]
    assert sorted(names, key=frames.natural_order) == sorted(backwards, key=frames.natural_order)
    assert len({frames.natural_order(name) for name in names}) == len(set(names))


def test_numbers_in_names_are_ordered_by_value() -> None:
    names = ["frame10", "frame9", "frame0009", "0003438", "10", "9", "a", "1" * 5000]
    assert sorted(names, key=frames.natural_order)[:4] == ["9", "10", "0003438", "1" * 5000]
    assert sorted(names, key=frames.natural_order)[4:] == ["a", "frame0009", "frame9", "frame10"]


# --- published layouts ------------------------------------------------------------------------------------------------


def test_idd_tree_is_read_with_split_sequence_and_name(tmp_path: Path) -> None:
    make_idd(tmp_path, "train/201/frame0029", "train/9/0003438")
    make(tmp_path, f"leftImg8bit/test/0/x{LEFT}", f"gtFine/val/1/y{POLYGONS}", "leftImg8bit/val/1/z_leftImg8bit.jpg")
    index = scan(tmp_path)
    assert index.layout == "idd"
    assert keys(index) == ["test/0/x", "train/9/0003438", "train/201/frame0029", "val/1/y", "val/1/z"]
    assert index.frames[1] == Frame(
        *("train", "9", "0003438"),
        image=Path(f"leftImg8bit/train/9/0003438{LEFT}"),
        annotation=Path(f"gtFine/train/9/0003438{POLYGONS}"),
    )
    assert found(index) == [
        ("no image", f"gtFine/val/1/y{POLYGONS}"),
        ("no annotation", f"leftImg8bit/test/0/x{LEFT}"),
        ("no annotation", "leftImg8bit/val/1/z_leftImg8bit.jpg"),
    ]
    assert not any(problem.is_error for problem in index.problems)


def test_cityscapes_is_told_by_frames_that_begin_with_their_city(tmp_path: Path) -> None:
    make_idd(tmp_path, "train/aachen/aachen_000000_000019", "val/ulm/ulm_000001_000019")
    assert scan(tmp_path).layout == "cityscapes"


def test_coarse_polygons_are_those_of_cityscapes(tmp_path: Path) -> None:
    make(tmp_path, "gtCoarse/train/0/a_gtCoarse_polygons.json")
    assert scan(tmp_path).layout == "cityscapes"


def test_fine_polygons_come_before_coarse_ones(tmp_path: Path) -> None:
    make_idd(tmp_path, "train/ulm/ulm_1_1")
    make(
        tmp_path,
        *(f"gtCoarse/{key}_gtCoarse_polygons.json" for key in ("train/ulm/ulm_1_1", "train_extra/bonn/bonn_1_1")),
    )
    index = scan(tmp_path)
    assert index.layout == "cityscapes"
    assert [str(frame.annotation).split("/")[0] for frame in index] == ["gtFine", "gtCoarse"]
    coarse = scan(tmp_path / "gtCoarse")
    assert coarse.root == tmp_path
    assert [str(frame.annotation).split("/")[0] for frame in coarse] == ["gtCoarse", "gtCoarse"]


def test_idd_lite_has_labels_and_no_instance_images(tmp_path: Path) -> None:
    make(tmp_path, "leftImg8bit/train/0/a_image.jpg", "gtFine/train/0/a_label.png", "gtFine/train/0/a_inst_label.png")
    index = scan(tmp_path)
    assert index.layout == "idd-lite"
    assert index.frames == (
        Frame("train", "0", "a", Path("leftImg8bit/train/0/a_image.jpg"), None, Path("gtFine/train/0/a_label.png")),
    )
    assert index.problems == ()
    assert scan(make(tmp_path, "gtFine/train/a_inst_label.png")) == index


def test_file_without_a_frame_name_is_no_frame(tmp_path: Path) -> None:
    make(make_idd(tmp_path, "train/0/a"), f"gtFine/train/0/{POLYGONS}")
    index = scan(tmp_path)
    assert keys(index) == ["train/0/a"]
    assert found(index) == [("unknown name", f"gtFine/train/0/{POLYGONS}")]


PRODUCTS = [
    "labelids",
    "labellevel3Ids",
    "labelcsTrainIds",
    "instancelevel3Ids",
    "labelColors",
    "labelIds",
    "labelTrainIds",
]
PRODUCTS += ["instanceIds", "instanceids", "color", "panopticlevel3Ids", "panoptic", "labelmineIds"]


def test_label_images_and_manifests_beside_polygons_change_nothing(tmp_path: Path) -> None:
    before = scan(make_idd(tmp_path, "train/0/a", "val/1/b"))
    make(tmp_path, *(f"gtFine/train/0/a_gtFine_{product}.png" for product in PRODUCTS))
    make(
        tmp_path,
        "rasterize.json",
        "gtFine/rasterize.json",
        "gtFine/val_panoptic.json",
        "gtFine/train/0/.iddkit-1-x.json.tmp",
    )
    make(tmp_path, "gtFine/val_panoptic/1_b_gtFine_panopticlevel3Ids.png", f"gtFine/val_panoptic/1/b{POLYGONS}")
    make(tmp_path, f"gtFine/train/0/.hidden{POLYGONS}", f"gtFine/train/.git/x{POLYGONS}")
    assert scan(tmp_path) == before


def test_label_images_alone_are_found_and_the_labels_own_numbers_come_first(tmp_path: Path) -> None:
    make(tmp_path, *(f"gtFine/train/0/a_gtFine_{product}.png" for product in PRODUCTS))
    make(tmp_path, "gtFine/train/0/b_gtFine_labellevel3Ids.png", "gtFine/train/0/b_gtFine_instancelevel3Ids.png")
    index = scan(tmp_path)
    assert [str(frame.labels) for frame in index] == [
        "gtFine/train/0/a_gtFine_labelids.png",
        "gtFine/train/0/b_gtFine_labellevel3Ids.png",
    ]


@pytest.mark.parametrize("ending", ["label", "gtFine_labelids", "labellevel3Ids", "gtFine_labelTrainIds", "labelIds"])
@pytest.mark.parametrize("image", ["", ".jpg", "_image.jpg", "_leftImg8bit.png"])
def test_a_flat_folder_of_label_images_is_a_dataset(tmp_path: Path, ending: str, image: str) -> None:
    make(tmp_path, f"a_{ending}.png", f"drive/b_{ending}.png", "a_inst_label.png", "a_gtFine_labelColors.png")
    if image:
        make(tmp_path, f"a{image}", f"drive/b{image}")
    index = scan(tmp_path)
    pictures = [Path(f"a{image}"), Path(f"drive/b{image}")] if image else [None, None]
    assert index.layout == "flat"
    assert index.frames == (
        Frame("", "", "a", pictures[0], None, Path(f"a_{ending}.png")),
        Frame("", "drive", "b", pictures[1], None, Path(f"drive/b_{ending}.png")),
    )
    assert {kind for kind, _ in found(index)} == (set() if image else {"no image"})
    write_csv(index, tmp_path / "index.csv")
    assert read_csv(tmp_path / "index.csv").frames == index.frames


ANNOTATIONS = [
    "a.json",
    "a.xml",
    "a_image.json",
    "a_leftImg8bit.xml",
    "a_gtFine_polygons.json",
    "a_gtCoarse_polygons.json",
]


@pytest.mark.parametrize("annotation", ANNOTATIONS)
def test_label_images_beside_the_polygons_of_a_flat_folder_are_products(tmp_path: Path, annotation: str) -> None:
    before = scan(make(tmp_path, annotation, "drive/b.json"))
    assert keys(before) == ["a", "drive/b"]
    start = str(stem(PurePosixPath(annotation)))
    make(tmp_path, *(f"{start}_{product}.png" for product in PRODUCTS), "a_label.png", "a_inst_label.png")
    assert scan(tmp_path) == before
    assert scan(tmp_path / annotation).frames == before.frames[:1]


def test_a_label_image_that_was_annotated_itself_is_an_image(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "a_label.png", "a_label.json", "b_inst_label.png", "b_inst_label.json")
    index = scan(tmp_path)
    assert index.frames == (
        Frame("", "", "a", Path("a.jpg")),
        Frame("", "", "a_label", Path("a_label.png"), Path("a_label.json")),
        Frame("", "", "b_inst_label", Path("b_inst_label.png"), Path("b_inst_label.json")),
    )
    assert scan(tmp_path / "a_label.json").frames == index.frames[1:2]


def test_the_finest_of_several_label_images_in_a_flat_folder_is_taken(tmp_path: Path) -> None:
    make(tmp_path, *(f"a_gtFine_{product}.png" for product in PRODUCTS), "a_label.png", "a_labelids.png")
    assert [frame.labels for frame in scan(tmp_path)] == [Path("a_gtFine_labelids.png")]


def test_suffix_in_capitals_is_a_suffix(tmp_path: Path) -> None:
    make(tmp_path, "gtFine/train/0/a_gtFine_polygons.JSON", "leftImg8bit/train/0/a_leftImg8bit.JPG")
    frame = scan(tmp_path).frames[0]
    assert (frame.image is not None, frame.annotation is not None) == (True, True)


def test_labelme_tree_has_its_folders_as_sequences(tmp_path: Path) -> None:
    make(
        tmp_path, "Annotations/users/ann/p1.xml", "Images/users/ann/p1.jpg", "Annotations/p2.xml", "Images/users/p3.jpg"
    )
    make(
        tmp_path,
        "Masks/users/ann/p1_mask_1.png",
        "Scribbles/p1_scribble_1.png",
        "annotationCache/XMLTemplates/labelme.xml",
    )
    index = scan(tmp_path)
    assert index.layout == "labelme"
    assert [(frame.sequence, frame.name) for frame in index] == [("", "p2"), ("users", "p3"), ("users/ann", "p1")]
    assert found(index) == [("no image", "Annotations/p2.xml"), ("no annotation", "Images/users/p3.jpg")]


def test_labelme_annotations_have_the_same_keys_without_their_images(tmp_path: Path) -> None:
    make(tmp_path, "Annotations/a/p1.xml")
    assert (scan(tmp_path).layout, keys(scan(tmp_path))) == ("labelme", ["a/p1"])


def test_flat_folder_may_be_called_annotations(tmp_path: Path) -> None:
    make(tmp_path, "Annotations/a/p1.xml", "Annotations/a/p1.jpg")
    assert (scan(tmp_path).layout, keys(scan(tmp_path))) == ("flat", ["Annotations/a/p1"])
    assert scan(tmp_path / "Annotations/a/p1.xml").frames[0].image == Path("p1.jpg")


# --- flat folders -----------------------------------------------------------------------------------------------------


def test_flat_folder_pairs_images_with_the_annotations_beside_them(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "a.json", "b/c.PNG", "b/c.xml", "b/d.tif", "e.json", "notes.txt", "index.csv")
    index = scan(tmp_path)
    assert index.layout == "flat"
    assert [(frame.sequence, frame.name) for frame in index] == [("", "a"), ("", "e"), ("b", "c"), ("b", "d")]
    assert found(index) == [("no annotation", "b/d.tif"), ("no image", "e.json")]


def test_flat_folder_pairs_loose_files_of_idd(tmp_path: Path) -> None:
    make(tmp_path, f"a{POLYGONS}", f"a{LEFT}", f"b{LEFT}", "b_leftImg8bit.json")
    index = scan(tmp_path)
    assert keys(index) == ["a", "b"]
    assert all(frame.image and frame.annotation for frame in index)


def test_products_in_a_flat_folder_are_no_frames_unless_they_are_annotated(tmp_path: Path) -> None:
    make(tmp_path, "a.json", "a.jpg", *(f"a_gtFine_{product}.png" for product in PRODUCTS), "street_colorado.png")
    make(
        tmp_path,
        "b_color.png",
        "b_color.json",
        "instances.json",
        "manifest.json",
        "panoptic.json",
        "panoptic_level1.json",
    )
    make(tmp_path, "Masks/a_mask_0.png", "Scribbles/a_scribble_0.png", "panoptic/a_gtFine_panopticlevel3Ids.png")
    assert keys(scan(tmp_path)) == ["a", "b_color", "street_colorado"]


def test_images_of_idd_annotated_in_place_are_a_flat_folder(tmp_path: Path) -> None:
    make(tmp_path, f"leftImg8bit/train/0/a{LEFT}", "leftImg8bit/train/0/a_leftImg8bit.json")
    index = scan(tmp_path)
    assert (index.layout, keys(index)) == ("flat", ["leftImg8bit/train/0/a"])
    assert index.problems == ()


def test_tree_of_images_alone_is_no_flat_folder_because_of_a_stray_file(tmp_path: Path) -> None:
    make(tmp_path, f"leftImg8bit/test/0/a{LEFT}", "package.json")
    assert (scan(tmp_path).layout, keys(scan(tmp_path))) == ("idd", ["test/0/a"])


def test_dataset_inside_a_folder_is_named_and_not_scanned(tmp_path: Path) -> None:
    make_idd(tmp_path / "part 1", "train/0/a")
    make(tmp_path, "web/Images/x.jpg", "web/Annotations/x.xml", "web/annotationCache/y.xml")
    with pytest.raises(FrameError, match="datasets in part 1, web"):
        scan(tmp_path)
    make(tmp_path, "b.jpg", "b.json")
    index = scan(tmp_path)
    assert keys(index) == ["b"]
    assert found(index) == [("dataset", "part 1"), ("dataset", "web")]


# --- what does not fit ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "twice",
    [("a.xml", "a.json"), ("a.jpg", "a.png"), ("a.jpg", "a.JPG"), (f"a{POLYGONS}", "a.json"), (f"a{LEFT}", "a.jpg")],
)
def test_files_of_one_key_are_named_and_none_is_chosen(tmp_path: Path, twice: tuple[str, str]) -> None:
    make(tmp_path, "a.xml" if "json" not in twice[1] else "a.jpg", "b.xml", "b.jpg", *twice)
    index = scan(tmp_path)
    assert keys(index) == ["b"]
    (problem,) = index.problems
    assert problem.kind == "duplicate"
    assert problem.is_error
    assert all(name in problem.problem for name in twice)
    assert "frame a," in problem.problem


def test_png_and_jpeg_of_one_idd_frame_are_a_duplicate(tmp_path: Path) -> None:
    make_idd(tmp_path, "train/0/a", "train/0/b")
    make(tmp_path, "leftImg8bit/train/0/a_leftImg8bit.jpg")
    index = scan(tmp_path)
    assert keys(index) == ["train/0/b"]
    assert found(index) == [("duplicate", f"leftImg8bit/train/0/a{LEFT}")]


def test_folder_of_duplicates_alone_is_an_error_that_names_one(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match=r"no frames; errors: 1, the first a.json: .*a\.json, a\.xml"):
        scan(make(tmp_path, "a.json", "a.xml"))


def test_folder_named_like_a_file_is_named(tmp_path: Path) -> None:
    make_idd(tmp_path, "train/0/a")
    make(tmp_path, f"gtFine/train/0/b{POLYGONS}/x.txt", f"leftImg8bit/train/c{LEFT}/d{LEFT}")
    index = scan(tmp_path)
    assert keys(index) == ["train/0/a"]
    assert found(index) == [("folder", f"gtFine/train/0/b{POLYGONS}"), ("folder", f"leftImg8bit/train/c{LEFT}")]
    flat = scan(make(tmp_path / "flat", "a.json/x", "b.xml"))
    assert ("folder", "a.json") in found(flat)


def test_files_in_the_wrong_depth_are_named(tmp_path: Path) -> None:
    make_idd(tmp_path, "train/0/a")
    make(tmp_path, f"gtFine/train/x{POLYGONS}", f"leftImg8bit/y{LEFT}", f"gtFine/train/0/deep/z{POLYGONS}")
    index = scan(tmp_path)
    assert keys(index) == ["train/0/a"]
    assert {kind for kind, _ in found(index)} == {"wrong depth"}
    assert [path for _, path in found(index)] == [
        *(f"gtFine/train/0/deep/z{POLYGONS}", f"gtFine/train/x{POLYGONS}", f"leftImg8bit/y{LEFT}")
    ]
    assert index.problems[1].is_error


def test_tree_without_sequences_is_an_error_that_says_so(tmp_path: Path) -> None:
    make(tmp_path, f"gtFine/train/x{POLYGONS}", f"leftImg8bit/train/x{LEFT}")
    with pytest.raises(
        FrameError, match=r"errors: 2, the first gtFine/train/x_.*belong into gtFine/{split}/{sequence}"
    ):
        scan(tmp_path)
    assert keys(scan(tmp_path / "gtFine/train")) == ["x"]


def test_tree_of_duplicates_alone_is_no_flat_folder(tmp_path: Path) -> None:
    make(make_idd(tmp_path, "train/0/a"), "leftImg8bit/train/0/a_leftImg8bit.jpg")
    for part in ("", "gtFine/train/0"):
        with pytest.raises(FrameError, match=r"errors: 1, the first leftImg8bit/train/0/a_.*none was chosen"):
            scan(tmp_path / part)


def test_strange_names_in_a_tree_are_notes(tmp_path: Path) -> None:
    make_idd(tmp_path, "train/0/a")
    make(
        tmp_path, "leftImg8bit/train/0/photo.jpg", "gtFine/train/0/a.json", "gtFine/train/0/a_image.jpg", "gtFine/x.txt"
    )
    make(tmp_path, "leftImg8bit/train/0/b_image.jpg")
    index = scan(tmp_path)
    assert keys(index) == ["train/0/a"]
    assert {kind for kind, _ in found(index)} == {"unknown name"}
    assert len(index.problems) == 4


def test_folder_that_cannot_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_idd(tmp_path, "train/0/a", "train/1/b")
    real = os.scandir

    def closed(path: Any) -> Any:
        if Path(path) == tmp_path / "gtFine/train/1":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", closed)
    index = scan(tmp_path)
    assert ("unreadable", "gtFine/train/1") in found(index)
    assert keys(index) == ["train/0/a", "train/1/b"]


def test_links_are_followed_and_loops_are_not(tmp_path: Path) -> None:
    make_idd(tmp_path / "disk", "train/0/a")
    data = tmp_path / "data"
    data.mkdir()
    (data / "gtFine").symlink_to(tmp_path / "disk/gtFine")
    (data / "leftImg8bit").symlink_to(tmp_path / "disk/leftImg8bit")
    (tmp_path / "disk/gtFine/val").symlink_to("train")
    (tmp_path / "disk/gtFine/train/0/round").symlink_to("..")
    (tmp_path / "disk/gtFine/train/0/self").symlink_to("self")
    index = scan(data)
    assert keys(index) == ["train/0/a", "val/0/a"]
    assert ("link", "gtFine/train/0/round") in found(index)


def test_links_that_multiply_the_folders_are_not_followed_for_ever(tmp_path: Path) -> None:
    for i in range(8):
        make(tmp_path, f"d{i}/a.json")
        for j in range(3):
            (tmp_path / f"d{i}/to{j}").symlink_to(f"../d{i + 1}")
    index = scan(tmp_path)
    assert len(index) <= 8 * (1 + 3 + 9 + 27)
    assert any(problem.kind == "link" for problem in index.problems)


def test_flat_folders_that_link_to_each_other_end(tmp_path: Path) -> None:
    make(tmp_path, "x/a.json", "y/b.json")
    for i in range(4):
        (tmp_path / f"x/to_y{i}").symlink_to("../y")
        (tmp_path / f"y/to_x{i}").symlink_to("../x")
    index = scan(tmp_path)
    assert {"x/a", "y/b"} <= set(keys(index))
    assert "link" in {kind for kind, _ in found(index)}
    assert len(index) < 100


def test_what_is_no_regular_file_is_no_file_of_a_frame(tmp_path: Path) -> None:
    make(tmp_path, "a.json", "a.jpg")
    (tmp_path / "b.json").symlink_to("nowhere")
    (tmp_path / "c.json").symlink_to("c.json")
    (tmp_path / "d.txt").symlink_to("nowhere")
    (tmp_path / "link.json").symlink_to("a.json")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "e.json")
    index = scan(tmp_path)
    assert keys(index) == ["a", "link"]
    unreadable = [path for kind, path in found(index) if kind == "unreadable"]
    assert unreadable == ["b.json", "c.json", *(["e.json"] if hasattr(os, "mkfifo") else [])]


def test_scan_opens_no_file_and_lists_each_folder_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_idd(tmp_path, "train/0/a", "train/0/b", "val/1/c")
    listed: list[str] = []
    real = os.scandir

    def scandir(path: Any) -> Any:
        listed.append(os.fspath(path))
        return real(path)

    def refuse(*arguments: Any, **options: Any) -> Any:
        raise AssertionError("a file was opened")

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(io, "open", refuse)
    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr(os, "open", refuse)
    scan(tmp_path)
    assert len(listed) == len(set(listed)) == 10


# --- parts of a dataset -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "wanted"),
    [
        ("gtFine", ["train/0/a", "train/1/b", "val/0/c"]),
        ("gtFine/train", ["train/0/a", "train/1/b"]),
        ("gtFine/train/1", ["train/1/b"]),
        ("leftImg8bit/val", ["val/0/c"]),
    ],
)
def test_part_of_a_dataset_keeps_the_root_of_the_whole(tmp_path: Path, part: str, wanted: list[str]) -> None:
    make_idd(tmp_path, "train/0/a", "train/1/b", "val/0/c")
    index = scan(tmp_path / part)
    assert (index.root, index.layout, keys(index), index.problems) == (tmp_path, "idd", wanted, ())
    whole = {frame.key: frame for frame in scan(tmp_path)}
    assert all(frame == whole[frame.key] for frame in index)


@pytest.mark.parametrize("part", ["Annotations/a", "Images/a"])
def test_part_of_a_labelme_tree_keeps_the_root_of_the_whole(tmp_path: Path, part: str) -> None:
    make(tmp_path, "Annotations/a/p1.xml", "Images/a/p1.jpg", "Annotations/b/p2.xml")
    index = scan(tmp_path / part)
    assert (index.root, keys(index)) == (tmp_path, ["a/p1"])


def test_folder_inside_a_dataset_that_is_not_of_it_is_a_flat_folder(tmp_path: Path) -> None:
    make(tmp_path, "gtFine/mine/a.json", "gtFine/mine/a.jpg")
    index = scan(tmp_path / "gtFine/mine")
    assert (index.root, index.layout, keys(index)) == (tmp_path / "gtFine/mine", "flat", ["a"])


def test_relative_paths_are_seen_in_their_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_idd(tmp_path, "train/0/a", "val/0/b")
    monkeypatch.chdir(tmp_path / "gtFine/train")
    assert keys(scan(".")) == ["train/0/a"]
    assert keys(scan("../val")) == ["val/0/b"]
    assert keys(scan(f"0/a{POLYGONS}")) == ["train/0/a"]
    assert (scan("../..").root, len(scan("../.."))) == (Path("../.."), 2)


# --- one file ---------------------------------------------------------------------------------------------------------


def test_one_file_of_a_tree_has_its_split_and_sequence(tmp_path: Path) -> None:
    make_idd(tmp_path, "train/0/a", "train/0/b", "train/0/ab")
    make(tmp_path, f"gtFine/train/0/bad{LEFT}")
    index = scan(tmp_path / f"gtFine/train/0/a{POLYGONS}")
    assert index == Index(tmp_path, "idd", (scan(tmp_path).frames[0],))
    assert keys(index) == ["train/0/a"]


def test_one_coarse_file_is_that_file_and_not_the_fine_one(tmp_path: Path) -> None:
    make_idd(tmp_path, "train/ulm/ulm_1_1")
    make(tmp_path, "gtCoarse/train/ulm/ulm_1_1_gtCoarse_polygons.json")
    index = scan(tmp_path / "gtCoarse/train/ulm/ulm_1_1_gtCoarse_polygons.json")
    assert [str(frame.annotation) for frame in index] == ["gtCoarse/train/ulm/ulm_1_1_gtCoarse_polygons.json"]
    assert index.frames[0].image is not None


def test_one_file_of_a_labelme_tree_has_its_folder(tmp_path: Path) -> None:
    make(tmp_path, "Annotations/a/p1.xml", "Images/a/p1.jpg", "Annotations/a/p2.xml")
    index = scan(tmp_path / "Annotations/a/p1.xml")
    assert index == Index(
        tmp_path, "labelme", (Frame("", "a", "p1", Path("Images/a/p1.jpg"), Path("Annotations/a/p1.xml")),)
    )


def test_one_file_is_taken_although_it_has_a_twin(tmp_path: Path) -> None:
    make(tmp_path, "a.json", "a.xml", "a.jpg", "b.json", "b.xml")
    for name in ("a.json", "a.xml"):
        index = scan(tmp_path / name)
        assert index == Index(tmp_path, "flat", (Frame("", "", "a", Path("a.jpg"), Path(name)),))


def test_one_file_with_two_images_is_a_duplicate(tmp_path: Path) -> None:
    make(tmp_path, "a.json", "a.jpg", "a.png", "other.jpg/x")
    index = scan(tmp_path / "a.json")
    assert (index.frames, found(index)) == ((), [("duplicate", "a.png")])


@pytest.mark.parametrize(
    "path", [f"gtFine/train/x{POLYGONS}", f"gtFine/a/b/c/x{POLYGONS}", f"leftImg8bit/train/0/x{POLYGONS}"]
)
def test_one_file_outside_the_layouts_is_flat(tmp_path: Path, path: str) -> None:
    make(tmp_path, path, f"gtFine/train/0/x{POLYGONS}", f"leftImg8bit/train/0/x{LEFT}")
    index = scan(tmp_path / path)
    assert (index.root, index.layout, keys(index)) == ((tmp_path / path).parent, "flat", ["x"])
    assert str(index.frames[0].annotation) == f"x{POLYGONS}"


@pytest.mark.parametrize("name", ["a.txt", ".a.json", "a_panoptic.json", "rasterize.json", "a", "-x.json", "a\nb.json"])
def test_one_file_may_be_called_anything(tmp_path: Path, name: str) -> None:
    index = scan(make(tmp_path, name) / name)
    assert [frame.annotation for frame in index] == [Path(name)]


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nowhere", "nul\x00", "x" * 300, "a.png", "empty"])
def test_path_without_frames_is_a_frame_error(tmp_path: Path, name: str) -> None:
    make(tmp_path, "a.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FrameError) as caught:
        scan(tmp_path / name)
    assert "\n" not in str(caught.value)
    if name == "empty":
        assert all(layout in str(caught.value) for layout in LAYOUTS)


def test_values_survive_pickling(tmp_path: Path) -> None:
    make(tmp_path, "a.json")
    index = scan(tmp_path)
    assert pickle.loads(pickle.dumps(index)) == index


def test_image_is_found_beside_in_images_and_in_leftimg8bit(tmp_path: Path) -> None:
    make_idd(tmp_path / "idd", "train/0/a")
    make(tmp_path / "web", "Annotations/f/p.xml", "Images/f/p.jpg")
    make(tmp_path / "flat", "x.json", "x.JPG")
    assert find_image(tmp_path / f"idd/gtFine/train/0/a{POLYGONS}") == tmp_path / f"idd/leftImg8bit/train/0/a{LEFT}"
    assert find_image(tmp_path / "web/Annotations/f/p.xml") == tmp_path / "web/Images/f/p.jpg"
    assert find_image(str(tmp_path / "flat/x.json")) == tmp_path / "flat/x.JPG"
    assert find_image(tmp_path / "flat/y.json") is None


def test_own_name_comes_before_the_stated_one(tmp_path: Path) -> None:
    make(tmp_path, "a.json", "a.jpg", "b.jpg", "a.png")
    assert find_image(tmp_path / "a.json", "b.jpg") == tmp_path / "a.png"
    assert find_image(tmp_path / "a.json", "a.jpg") == tmp_path / "a.jpg"
    assert find_image(tmp_path / "c.json", "b.jpg") == tmp_path / "b.jpg"


@pytest.mark.parametrize("stated", ["../data/b.jpg", "C:\\photos\\b.jpg", "/etc/b.jpg", "\n b.jpg\n", "x/../b.jpg"])
def test_only_the_last_part_of_a_stated_name_counts(tmp_path: Path, stated: str) -> None:
    make(tmp_path, "data/a.json", "data/b.jpg")
    assert find_image(tmp_path / "data/a.json", stated) == tmp_path / "data/b.jpg"


@pytest.mark.parametrize(
    "stated",
    [
        "..",
        ".",
        "",
        "/",
        "../secret.jpg",
        "secret.jpg",
        "a.json",
        "x\x00.jpg",
        "\ud800.jpg",
        "y" * 5000 + ".jpg",
        "d.jpg",
    ],
)
def test_stated_name_never_leads_out_of_the_dataset(tmp_path: Path, stated: str) -> None:
    make(tmp_path, "secret.jpg", "data/a.json", "data/d.jpg/x")
    assert find_image(tmp_path / "data/a.json", stated) is None


# --- tables -----------------------------------------------------------------------------------------------------------

HEADER = "split,sequence,name,image,annotation,labels\n"


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def test_csv_is_plain_and_leading_zeros_stay(tmp_path: Path) -> None:
    write_csv(scan(make_idd(tmp_path, "train/007/0003438")), tmp_path / "index.csv")
    row = f"train,007,0003438,leftImg8bit/train/007/0003438{LEFT},gtFine/train/007/0003438{POLYGONS},\n"
    assert (tmp_path / "index.csv").read_bytes().decode() == HEADER + row
    assert read_csv(tmp_path / "index.csv") == scan(tmp_path)


def test_dataset_can_be_moved_with_its_csv(tmp_path: Path) -> None:
    index = scan(make_idd(tmp_path / "here/data", "train/0/a"))
    write_csv(index, tmp_path / "here/lists/index.csv")
    (tmp_path / "here").rename(tmp_path / "there")
    moved = read_csv(tmp_path / "there/lists/index.csv")
    assert moved == Index(tmp_path / "there/data", "idd", index.frames)
    assert (moved.root / str(moved.frames[0].image)).is_file()


def test_csv_may_point_above_its_folder(tmp_path: Path) -> None:
    index = read_csv(write(tmp_path / "i.csv", "name,image,annotation\na,../x/a.png,../y/a.json\n"))
    assert index == Index(tmp_path, "table", (Frame("", "", "a", Path("../x/a.png"), Path("../y/a.json")),))


@pytest.mark.parametrize(
    ("change", "encoding"),
    [
        (lambda text: text, "utf-8-sig"),
        (lambda text: text.replace("\n", "\r\n"), "utf-8-sig"),
        (lambda text: text.replace("\n", "\r"), "utf-8"),
        (lambda text: text.replace(",", ";"), "utf-8"),
        (lambda text: text.replace(",", "\t"), "utf-8"),
        (lambda text: text.replace("\n", ",,\n"), "utf-8"),
        (lambda text: text + ",,,,,\n\n", "utf-8"),
        (lambda text: text.replace("split,", "Split ,"), "utf-8"),
        (lambda text: text.replace(f"{POLYGONS},", POLYGONS), "utf-8"),
        (lambda text: text.removesuffix("\n"), "utf-8"),
    ],
)
def test_csv_survives_spreadsheet_programs(tmp_path: Path, change: Callable[[str], str], encoding: str) -> None:
    index = scan(make_idd(tmp_path, "train/0/0003438", "train/0/घर"))
    write_csv(index, tmp_path / "index.csv")
    write(tmp_path / "index.csv", change((tmp_path / "index.csv").read_text("utf-8")), encoding)
    assert read_csv(tmp_path / "index.csv") == index


def test_quoted_commas_and_line_ends_in_names_come_back(tmp_path: Path) -> None:
    text = HEADER + 'train,"0,1","a\nb",,"x,""y"".json",\n'
    assert read_csv(write(tmp_path / "i.csv", text)).frames == (
        Frame("train", "0,1", "a\nb", annotation=Path('x,"y".json')),
    )


def test_rows_of_one_key_are_all_left_out(tmp_path: Path) -> None:
    text = HEADER + "t,0,a,a.png,,\nt,0,b,b.png,,\nt,0,a,c.png,,\n,t/0,a,d.png,,\n"
    index = read_csv(write(tmp_path / "i.csv", text))
    assert keys(index) == ["t/0/b"]
    (problem,) = index.problems
    assert problem == FrameProblem("duplicate", Path("i.csv"), "the rows 2, 4, 5 are one frame, t/0/a; none was chosen")


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ("", "", "the file is empty"),
        ("name\na\n", "row 1", "no index"),
        ("split,image\n", "row 1", "no index"),
        ("name,image,name\n", "row 1", "stands twice"),
        (HEADER + "t,0,a,a.png,,\nt,0,,b.png,,\n", "row 3", "the name is empty"),
        (HEADER + "t,0,a,,,\n", "row 2", "no file"),
        (HEADER + "t,0,a\n", "row 2", "no file"),
        (HEADER + "t,0,a,a.png,,\nt,0,b,leftImg", "row 3", "4 cells under 6 columns"),
        (HEADER + "t,0,a,a.png,,,more\n", "row 2", "7 cells under 6 columns"),
        (HEADER + "t,0,../a,a.png,,\n", "row 2", "the name is '../a'"),
        (HEADER + "t,0,..,a.png,,\n", "row 2", "the name is '..'"),
        (HEADER + "..,0,a,a.png,,\n", "row 2", "the split is '..'"),
        (HEADER + "t,../x,a,a.png,,\n", "row 2", "the sequence is '../x'"),
        (HEADER + "t,/x,a,a.png,,\n", "row 2", "the sequence is '/x'"),
        (HEADER + "t,0,3438,0003438_leftImg8bit.png,,\n", "row 2", "lost the zeros"),
        (HEADER + 't,0,"a,a.png,,\n', "row 2", "not CSV"),
        (HEADER + f"t,0,a,{'x' * 200000},,\n", "row 2", "not CSV"),
        ("name,image,root\na,a.png,x\nb,b.png,y\n", "row 3", "another root"),
        (HEADER + "t,0,a\x00,a.png,,\n", "", "not a CSV file in UTF-8"),
    ],
)
def test_row_that_cannot_be_used_is_named(tmp_path: Path, text: str, where: str, problem: str) -> None:
    with pytest.raises(FrameError, match=problem.replace(".", r"\.")) as caught:
        read_csv(write(tmp_path / "i.csv", text))
    assert (caught.value.where, caught.value.path) == (where, str(tmp_path / "i.csv"))


def test_csv_in_utf_16_or_missing_is_a_frame_error(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match="UTF-8"):
        read_csv(write(tmp_path / "i.csv", HEADER, "utf-16"))
    with pytest.raises(FrameError, match="cannot be read"):
        read_csv(tmp_path / "missing.csv")


def test_index_without_frames_is_a_csv_without_rows(tmp_path: Path) -> None:
    write_csv(Index(tmp_path, "idd", ()), tmp_path / "i.csv")
    assert read_csv(tmp_path / "i.csv") == Index(tmp_path, "table", ())


def test_csv_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    make(tmp_path, "file")
    with pytest.raises(OutputError):
        write_csv(Index(tmp_path, "idd", ()), tmp_path / "file/i.csv")
