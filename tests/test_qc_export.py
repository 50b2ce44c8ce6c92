from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from iddkit.cli import group
from iddkit.errors import FrameError, OptionError, OutputError
from iddkit.frames import read_csv
from iddkit.qc.events import Kind
from iddkit.qc.progress.export import Exported, _is_safe, _place, export
from iddkit.qc.stages import Stage
from iddkit.qc.state import Frame
from iddkit.qc.store import contents
from iddkit.qc.store.database import open_store
from tests.qc_run import Run, polygons, start

XML = (
    b"<annotation><filename>a.jpg</filename><imagesize><nrows>12</nrows><ncols>16</ncols></imagesize>"
    b"<object><name>road</name><deleted>0</deleted><polygon><pt><x>0</x><y>0</y></pt><pt><x>8</x><y>0</y></pt>"
    b"<pt><x>8</x><y>6</y></pt></polygon></object></annotation>"
)
LABELME = json.dumps(
    {"imageWidth": 16, "imageHeight": 12, "shapes": [{"label": "road", "points": [[0, 0], [8, 0], [8, 6]]}]}
).encode()


def write_images(run: Run, count: int) -> None:
    for i in range(count):
        path = run.folder / "data" / f"leftImg8bit/train/{i % 2}/{i:04}_leftImg8bit.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.Generator(np.random.PCG64(i)).integers(0, 255, (12, 16, 3), np.uint8)
        Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = start(tmp_path_factory.mktemp("export") / "p", 12)
    write_images(run, 12)
    run.finish("B")
    run.store.close()
    return run


@pytest.fixture
def accepted(made: Run, tmp_path: Path) -> Run:
    shutil.copytree(made.folder, tmp_path / "p")
    run = Run(open_store(str(tmp_path / "p" / "qc.db"), durable=False), tmp_path / "p", now=made.now)
    move(run, "root", str(tmp_path / "p" / "data"))
    return run


def move(run: Run, column: str, value: str, where: str = "true") -> None:
    """Change a row as the log of another project might have it."""
    from sqlalchemy import text

    with run.store.writing() as work:
        work.connection.execute(text(f"UPDATE frame SET {column} = :value WHERE {where}"), {"value": value})


def send(run: Run, out: Path, *, by: Sequence[str] = (), **more: Any) -> Exported:
    with run.store.reading() as connection:
        return export(connection, run.folder / "qc_files", out, named=by, **more)


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def invoke(*arguments: object) -> str:
    result = CliRunner().invoke(group, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("place", ["p/out", "p/data/accepted", "elsewhere/deep/out"])
def test_rasterize_stats_and_make_lite_take_an_export(accepted: Run, tmp_path: Path, place: str) -> None:
    out = tmp_path / place
    exported = send(accepted, out)
    assert (exported.written, exported.problems) == (12, ())
    invoke("rasterize", out / "frames.csv", "--out", tmp_path / "labels", "-j", 1)
    assert len(list((tmp_path / "labels").rglob("*.png"))) >= 12
    assert "road" in invoke("stats", out / "frames.csv", "-j", 1, "--json")
    invoke("make-lite", out / "frames.csv", tmp_path / "lite", "-j", 1, "--size", "16x12")
    assert json.loads((tmp_path / "lite" / "manifest.json").read_text())["frames"]
    invoke("verify", tmp_path / "lite", "--source", read_csv(out / "frames.csv").root)


def test_files_come_byte_for_byte_and_images_are_named_where_they_are(accepted: Run, tmp_path: Path) -> None:
    send(accepted, tmp_path / "out")
    index = read_csv(tmp_path / "out" / "frames.csv")
    assert len(index) == 12
    for frame in index:
        row = accepted.frame(frame.key)
        assert frame.annotation is not None
        assert frame.image is not None
        handed_in = accepted.folder / f"{row.name}_gtFine_polygons.json"
        assert (index.root / frame.annotation).read_bytes() == handed_in.read_bytes()
        assert (index.root / frame.image).samefile(Path(row.root) / row.image)
        assert ".." not in frame.annotation.parts


def test_export_again_writes_nothing_and_is_the_same(accepted: Run, tmp_path: Path) -> None:
    send(accepted, tmp_path / "out")
    before = tree(tmp_path / "out")
    again = send(accepted, tmp_path / "out")
    assert (again.written, again.there) == (0, 12)
    assert tree(tmp_path / "out") == before


def test_only_accepted_frames_unless_other_stages_are_named(tmp_path: Path) -> None:
    run = start(tmp_path / "p", 4)
    with pytest.raises(OptionError, match="no frame is accepted"):
        send(run, tmp_path / "out")
    run.work()
    with pytest.raises(OptionError, match="no frame in B is accepted"):
        send(run, tmp_path / "out", by=["B"])
    assert len(send(run, tmp_path / "out", stages=[Stage.READY]).index) == 4
    with pytest.raises(OptionError, match="no batch 'C'"):
        send(run, tmp_path / "out", by=["C"])


def test_file_that_differs_stops_before_anything_is_written(accepted: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    last = out / "gtFine/train/1/0011_gtFine_polygons.json"
    last.parent.mkdir(parents=True)
    last.write_text("mine")
    with pytest.raises(OutputError, match="differs; --overwrite"):
        send(accepted, out)
    assert tree(out) == {"gtFine/train/1/0011_gtFine_polygons.json": b"mine"}
    assert send(accepted, out, overwrite=True).written == 12
    assert last.read_bytes() != b"mine"


def test_frame_that_is_no_longer_accepted_leaves_an_export_that_is_written_over(accepted: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    send(accepted, out)
    key = accepted.frames("accepted")[0].key
    accepted.submit(key, "ann", polygons(3, note=77))
    mine = out / "gtFine" / "train" / "0" / "mine.json"
    mine.write_text("{}")
    with pytest.raises(OutputError, match="index of another export"):
        send(accepted, out)
    assert len(read_csv(out / "frames.csv")) == 12
    done = send(accepted, out, overwrite=True)
    assert (done.removed, len(done.index)) == (1, 11)
    assert len(list(out.rglob("*_polygons.json"))) == 11
    assert mine.exists()


def test_only_what_was_handed_in_is_ever_removed(accepted: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    send(accepted, out)
    own = out / "gtFine" / "train" / "0" / "own.json"
    own.write_text('{"drawn": "by hand"}')
    lines = (out / "frames.csv").read_text()
    root = lines.splitlines()[1].rsplit(",", 1)[1]
    (out / "frames.csv").write_text(f"{lines}train,0,own,,out/gtFine/train/0/own.json,,{root}\n")
    assert send(accepted, out, overwrite=True).removed == 0
    assert own.exists()


def test_dataset_itself_is_no_place_for_an_export(accepted: Run, tmp_path: Path) -> None:
    for out in (accepted.folder / "data", accepted.folder):
        with pytest.raises(OutputError, match="holds the dataset itself"):
            send(accepted, out, overwrite=True)


def test_each_format_keeps_its_suffix_and_has_its_place(tmp_path: Path) -> None:
    run = start(tmp_path / "p", 3)
    for name, content, suffix in (("0000", XML, ".XML"), ("0001", LABELME, ".json"), ("0002", polygons(2), ".json")):
        key = f"train/{int(name) % 2}/{name}"
        with run.store.writing(run.tick()) as work:
            work.append(Kind.CLAIMED, 2, frame=int(name) + 1, stage="annotate", data={"until": work.at + 10**9})
        run.submit(key, "ann", content, f"{name}{suffix}")
    send(run, tmp_path / "out", stages=[Stage.QC1])
    assert set(tree(tmp_path / "out")) == {
        "Annotations/train/0/0000.xml",
        "Annotations/train/1/0001.json",
        "gtFine/train/0/0002_gtFine_polygons.json",
        "frames.csv",
    }
    assert (tmp_path / "out" / "Annotations/train/0/0000.xml").read_bytes() == XML


def test_place_that_the_index_gave_is_kept(accepted: Run, tmp_path: Path) -> None:
    move(accepted, "annotation", "labels/a/b.json", "id = 1")
    move(accepted, "annotation", "labels/a/b.xml", "id = 2")  # what was handed in is JSON
    found = tree_names(send(accepted, tmp_path / "out"))
    assert "labels/a/b.json" in found[0]
    assert "gtFine/train/1/0001_gtFine_polygons.json" in found[1]


def tree_names(exported: Exported) -> list[str]:
    return [f"{frame.annotation}" for frame in sorted(exported.index, key=lambda frame: frame.name)]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("name", "../../evil"),
        ("name", ".."),
        ("name", "a/b"),
        ("name", "a\\b"),
        ("name", "C:evil"),
        ("name", "a\nb"),
        ("split", ".."),
        ("split", "/etc"),
        ("split", "a/.."),
        ("sequence", "../../.."),
        ("sequence", "/abs"),
        ("sequence", "a//../b"),
        ("sequence", "."),
        ("annotation", "../../evil.json"),
        ("annotation", "/tmp/evil.json"),
        ("annotation", "a/../../../evil.json"),
        ("annotation", "C:\\evil.json"),
    ],
)
def test_no_name_leads_out_of_the_export(accepted: Run, tmp_path: Path, column: str, value: str) -> None:
    move(accepted, column, value, "id = 3")
    before = set(tmp_path.rglob("*"))
    out = tmp_path / "deep" / "er" / "out"
    done = send(accepted, out)
    outside = set(tmp_path.rglob("*")) - before
    assert all(path in (out.parent, out.parent.parent, out) or out in path.parents for path in outside)
    written = [path for path in tree(out) if path != "frames.csv"]
    assert all(path.startswith("gtFine/train/") for path in written)
    assert len(written) + len(done.problems) == 12  # one that is bad never stops the others
    assert len(done.problems) == (column != "annotation")
    assert len(read_csv(out / "frames.csv")) == len(written)


@given(st.text(max_size=12), st.text(max_size=12), st.text(max_size=12), st.text(max_size=12))
def test_place_of_any_names_is_inside(split: str, sequence: str, name: str, annotation: str) -> None:
    content = polygons(1)
    folder = KEPT / "files"
    digest = contents.keep(folder, content, durable=False)
    frame = Frame(1, "k", split, sequence, name, "", "", annotation, 1)
    try:
        place = _place(folder, frame, digest, "a.json")
    except FrameError:
        return
    assert _is_safe(place)
    inside = (KEPT / "out" / place).resolve()
    assert (KEPT / "out").resolve() in inside.parents
    assert ".." not in place.parts


@pytest.fixture(autouse=True, scope="module")
def _kept(tmp_path_factory: pytest.TempPathFactory) -> None:
    global KEPT
    KEPT = tmp_path_factory.mktemp("kept")


KEPT = Path()


def test_link_that_leads_out_of_the_export_is_not_followed(accepted: Run, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "out" / "gtFine").symlink_to(tmp_path / "other")
    done = send(accepted, tmp_path / "out")
    assert len(done.problems) == 12
    assert "leads out" in done.problems[0]
    assert not any((tmp_path / "other").iterdir())


def test_two_frames_never_share_a_file(accepted: Run, tmp_path: Path) -> None:
    move(accepted, "annotation", "a.json", "id IN (3, 4)")
    done = send(accepted, tmp_path / "out")
    assert len(done.problems) == 1
    assert "would be the same file" in done.problems[0]


def damage(run: Run, act: Callable[[Path], object]) -> None:
    with run.store.reading() as connection:
        from iddkit.qc.store.tables import revisions

        row = connection.execute(revisions.select().where(revisions.c.frame == 5)).first()
    assert row is not None
    act(contents.path_of(run.folder / "qc_files", row.sha256))


@pytest.mark.parametrize("act", [lambda path: path.unlink(), lambda path: path.write_bytes(b"{}")])
def test_damaged_file_leaves_its_frame_out_and_no_other(
    accepted: Run, tmp_path: Path, act: Callable[[Path], object]
) -> None:
    damage(accepted, act)
    done = send(accepted, tmp_path / "out")
    assert len(done.problems) == 1
    assert len(done.index) == 11
