from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from iddkit.errors import UserError
from iddkit.frames import Frame
from iddkit.likeness import ALIKE, details, read_thumbnail
from iddkit.runs import leakage
from iddkit.runs.leakage import find_leakage
from iddkit.synthetic import render, sequence

PHOTOS = [render(next(iter(sequence(seed, 1, width=320, height=180)))) for seed in range(6)]


def frame(split: str, drive: str, name: str, suffix: str = "jpg") -> Frame:
    return Frame(split, drive, name, image=Path(f"{split}/{drive}/{name}.{suffix}"))


def put(root: Path, one: Frame, pixels: NDArray[np.uint8] | Image.Image, quality: int = 90) -> Frame:
    assert one.image is not None
    path = root / one.image
    path.parent.mkdir(parents=True, exist_ok=True)
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    if path.suffix == ".jpg":
        image.save(path, quality=quality)
    else:
        image.save(path)
    return one


def test_a_clean_split_has_no_leakage(tmp_path: Path) -> None:
    train = [put(tmp_path, frame("train", str(i), "a"), PHOTOS[i]) for i in range(3)]
    val = [put(tmp_path, frame("val", str(i), "a"), PHOTOS[i]) for i in range(3, 6)]
    found = find_leakage(train, val, tmp_path)
    assert (found.sequences, found.frames, found.duplicates, found.identical) == ((), 0, (), 0)


def test_names_of_sequences_on_both_sides_are_told_with_their_validation_frames(tmp_path: Path) -> None:
    train = [Frame("train", drive, "a") for drive in ("1", "2", "2", "")]
    val = [Frame("val", drive, name) for drive, name in (("2", "b"), ("3", "b"), ("2", "c"), ("", "d"))]
    found = find_leakage(train, val, tmp_path)
    assert found.sequences == ("2",)
    assert found.frames == 2
    assert found.sequence_frames == (("val/2/b", "val/2/c"),)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.resize((160, 90)),
        lambda image: image.resize((320, 227)),
        lambda image: ImageEnhance.Brightness(image).enhance(0.6),
        lambda image: ImageEnhance.Contrast(image).enhance(0.7),
        lambda image: image.crop((3, 2, 317, 178)),
        lambda image: image.convert("L"),
    ],
)
def test_an_image_that_was_written_anew_is_a_near_duplicate(tmp_path: Path, change: object) -> None:
    train = [put(tmp_path, frame("train", "1", str(i)), PHOTOS[i]) for i in range(6)]
    assert callable(change)
    val = [put(tmp_path, frame("val", "2", "x"), change(Image.fromarray(PHOTOS[4])), quality=60)]
    found = find_leakage(train, val, tmp_path)
    assert [(pair.train, pair.val) for pair in found.duplicates] == [("train/1/4", "val/2/x")]
    assert 0 < found.duplicates[0].distance < 20
    assert found.identical == 0


def test_equal_files_are_counted_and_come_first(tmp_path: Path) -> None:
    train = [put(tmp_path, frame("train", "1", str(i)), PHOTOS[i]) for i in range(3)]
    val = [
        put(tmp_path, frame("val", "2", "again"), PHOTOS[0], quality=50),
        put(tmp_path, frame("val", "2", "same"), PHOTOS[2]),
    ]
    found = find_leakage(train, val, tmp_path)
    assert found.identical == 1
    assert [(pair.train, pair.val) for pair in found.duplicates] == [
        ("train/1/2", "val/2/same"),
        ("train/1/0", "val/2/again"),
    ]
    assert found.duplicates[0].distance == 0 < found.duplicates[1].distance


def test_images_that_show_nothing_are_alike_only_as_files(tmp_path: Path) -> None:
    black, grey = np.zeros((64, 96, 3), np.uint8), np.full((64, 96, 3), 99, np.uint8)
    train = [put(tmp_path, frame("train", "1", "a", "png"), black)]
    assert not find_leakage(train, [put(tmp_path, frame("val", "2", "b", "png"), grey)], tmp_path).duplicates
    assert find_leakage(train, [put(tmp_path, frame("val", "2", "c", "png"), black)], tmp_path).identical == 1


def test_files_of_one_size_and_other_pixels_are_not_the_same(tmp_path: Path) -> None:
    dots = [np.array(PHOTOS[0]), np.array(PHOTOS[0])]
    dots[1][90, 160] ^= 1
    frames = [put(tmp_path, frame(s, s, "a", "bmp"), one) for s, one in zip(("train", "val"), dots, strict=True)]
    found = find_leakage(frames[:1], frames[1:], tmp_path)
    assert found.identical == 0
    assert len(found.duplicates) == 1


def test_a_damaged_image_is_told_of_and_the_others_are_compared(tmp_path: Path) -> None:
    train = [put(tmp_path, frame("train", "1", "a"), PHOTOS[0]), frame("train", "1", "gone")]
    val = [put(tmp_path, frame("val", "2", "b"), PHOTOS[0]), frame("val", "2", "cut")]
    (tmp_path / "val/2/cut.jpg").write_bytes((tmp_path / "val/2/b.jpg").read_bytes()[:300])
    told: list[UserError] = []
    found = find_leakage(train, val, tmp_path, failed=told.append)
    assert found.identical == 1
    assert [Path(error.path or "").name for error in told] == ["gone.jpg", "cut.jpg"]


def test_progress_counts_every_image(tmp_path: Path) -> None:
    train = [put(tmp_path, frame("train", "1", str(i)), PHOTOS[i]) for i in range(3)]
    seen: list[tuple[int, int]] = []
    find_leakage(train, [Frame("val", "2", "no image")], tmp_path, progress=lambda *at: seen.append(at))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_several_workers_find_the_same(tmp_path: Path) -> None:
    train = [put(tmp_path, frame("train", "1", f"{i}{j}"), PHOTOS[i]) for i in range(5) for j in range(3)]
    val = [put(tmp_path, frame("val", "2", str(i)), PHOTOS[i], quality=70) for i in range(6)]
    found = find_leakage(train, val, tmp_path, jobs=2)
    assert found == find_leakage(train, val, tmp_path, jobs=1)
    # Of equally similar frames the first is named.
    assert [(pair.val, pair.train) for pair in sorted(found.duplicates, key=lambda pair: pair.val)] == [
        (f"val/2/{i}", f"train/1/{i}0") for i in range(5)
    ]


def test_blocks_do_not_change_what_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train = [put(tmp_path, frame("train", "1", f"{i}{j}"), PHOTOS[i]) for j in range(2) for i in range(5)]
    val = [put(tmp_path, frame("val", "2", str(i)), PHOTOS[i], quality=70) for i in range(6)]
    whole = find_leakage(train, val, tmp_path)
    assert len(whole.duplicates) == 5
    for block in (1, 3):
        monkeypatch.setattr(leakage, "_BLOCK", block)
        assert find_leakage(train, val, tmp_path) == whole


@given(st.integers(0, 2**32 - 1), st.floats(0.3, 1.0), st.floats(0, 60))
def test_light_and_contrast_do_not_count(seed: int, contrast: float, light: float) -> None:
    image = np.random.default_rng(seed).integers(40, 180, (1, 32, 32)).astype(np.uint8)
    other = np.round(image * contrast + light).astype(np.uint8)
    assert (details(image) @ details(other).T).item() > 0.98 > ALIKE


def test_details_are_the_correlation_with_the_mean_around_taken_away() -> None:
    cv2 = pytest.importorskip("cv2")
    dice = np.random.default_rng(0)
    thumbnails = dice.integers(0, 256, (2, 32, 32)).astype(np.uint8)
    grey = [one.astype(np.float32) for one in thumbnails]
    left = [one - cv2.blur(one, (5, 5), borderType=cv2.BORDER_REFLECT_101) for one in grey]
    expected = np.corrcoef(left[0].ravel(), left[1].ravel())[0, 1]
    found = details(thumbnails)
    assert (found[0] @ found[1]).item() == pytest.approx(expected, abs=1e-5)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1)


def test_a_turned_photograph_is_read_as_it_is_shown(tmp_path: Path) -> None:
    upright = Image.fromarray(PHOTOS[0])
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png")
    stored = Image.open(tmp_path / "turned.png")
    content = io.BytesIO()
    stored.save(content, "JPEG", quality=95, exif=exif)
    (tmp_path / "turned.jpg").write_bytes(content.getvalue())
    upright.save(tmp_path / "upright.jpg", quality=95)
    pair = [
        np.frombuffer(read_thumbnail(tmp_path / name), np.uint8).reshape(1, 32, 32)
        for name in ("turned.jpg", "upright.jpg")
    ]
    assert (details(pair[0]) @ details(pair[1]).T).item() > 0.95
