"""A synthetic dataset on disk: polygons and images in a published layout, ready for every command."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iddkit import files, formats, images, labels, synthetic
from iddkit.annotation import Annotation
from iddkit.errors import OptionError
from iddkit.labels import LabelMap
from iddkit.raster import default_fill, paint
from iddkit.reporting.canvas import instance_colors, label_colors
from iddkit.reporting.contact_sheet import draw_contact_sheet

#: The two sizes of IDD's cameras: drives take them in turn when no size is asked for.
SIZES = ((1920, 1080), (1280, 720))

#: Every fourth drive is held out for validation.
_VALIDATION = 4

_CITIES = ("hyderabad", "bangalore", "secunderabad", "chennai", "pune", "kochi", "indore", "surat")


@dataclass(frozen=True, slots=True)
class Written:
    """One frame that was written: where its files lie, relative to the dataset's root."""

    drive: int
    frame: int
    split: str
    image: Path
    annotation: Path


def write_dataset(
    out: str | Path,
    *,
    drives: int = 4,
    frames: int = 3,
    seed: int = 0,
    size: tuple[int, int] | None = None,
    to: str = "cityscapes",
    label_map: str = "idd",
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[Written]:
    """Write drives of synthetic scenes: polygon files and JPEG images.

    Parameters
    ----------
    out
        Folder of the dataset.
    drives, frames
        Drive sequences, and frames of each, half a second apart.
    seed
        Of the first drive; the others follow. Equal arguments give equal polygons everywhere.
    size
        Width and height in pixels; default: `SIZES` in turn.
    to
        Format of the polygons (`iddkit.formats.FORMATS`) and with it the layout: IDD's or Cityscapes' tree for
        ``cityscapes``, a LabelMe tree for ``labelme-xml``, a folder of pairs per drive for ``labelme-json``.
    label_map
        ``idd`` or ``cityscapes``: whose labels, and whose file names.
    overwrite
        Replace files that are there.
    progress
        Called after each frame with how many are done, and how many there will be.

    Raises
    ------
    OptionError, OutputError
    """
    if drives < 1 or frames < 1:
        raise OptionError(f"{drives} drives of {frames} frames: nothing to write")
    out = Path(out)
    dump = formats.dumper(to)
    written = []
    for drive in range(drives):
        width, height = size or SIZES[drive % len(SIZES)]
        scenes = synthetic.sequence(seed + drive, frames, width=width, height=height, labels=label_map)
        for number, scene in enumerate(scenes):
            one = _place(drive, number, to, label_map)
            annotation = _naming_its_image(scene.annotation, one, to)
            image = _jpeg(synthetic.render(scene))
            for path, content in ((one.annotation, dump(annotation)), (one.image, image)):
                files.write_new(out / path, content, overwrite)
            written.append(one)
            if progress is not None:
                progress(len(written), drives * frames)
    return written


def _place(drive: int, number: int, to: str, label_map: str) -> Written:
    split = "val" if drive % _VALIDATION == _VALIDATION - 1 else "train"
    sequence, name = str(drive), f"frame{number:04d}"
    if label_map == "cityscapes":
        sequence = _CITIES[drive % len(_CITIES)]
        name = f"{sequence}_{drive:06d}_{number:06d}"
    if to == "labelme-xml":
        place = Path("Images", sequence, f"{name}.jpg"), Path("Annotations", sequence, f"{name}.xml")
    elif to == "labelme-json":
        place = Path(sequence, f"{name}.jpg"), Path(sequence, f"{name}.json")
    else:
        folder = Path(split, sequence)
        place = (
            Path("leftImg8bit") / folder / f"{name}_leftImg8bit.jpg",
            Path("gtFine") / folder / f"{name}_gtFine_polygons.json",
        )
    return Written(drive, number, split if to == "cityscapes" else "", *place)


def _naming_its_image(annotation: Annotation, one: Written, to: str) -> Annotation:
    # LabelMe's files name their image, LabelMe XML also its folder; those of the Cityscapes tool say nothing.
    if to == "cityscapes":
        return annotation
    extra = {"folder": one.image.parent.name} if to == "labelme-xml" else {}
    return replace(annotation, image=one.image.name, extra=extra)


def _jpeg(image: NDArray[np.uint8]) -> bytes:
    import cv2

    encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
    return bytes(encoded.tobytes())


def draw_sheet(root: Path, written: list[Written], label_map_name: str, most: int = 6) -> NDArray[np.uint8]:
    """Return a contact sheet of some frames, drawn from the files on disk: uint8 (H, W, 3) RGB.

    Each row is a frame: image, labels, the coarsest level, instances, panoptic segments.
    """
    label_map = labels.load(label_map_name)
    coarse = label_map.hierarchy[-1]
    chosen = [written[i] for i in np.unique(np.linspace(0, len(written) - 1, min(most, len(written))).astype(int))]
    rows, captions = [], []
    for one in chosen:
        reading = formats.read(root / one.annotation)
        rows.append(list(_pictures(reading.annotation, images.read_rgb(root / one.image), label_map, reading.format)))
        size = "{} x {}".format(*reading.annotation.size)
        captions.append(f"{one.annotation}   {size}, {len(reading.annotation.shapes)} objects")
    return draw_contact_sheet(rows, ("image", "labels", coarse, "instances", "panoptic"), captions)


def _pictures(
    annotation: Annotation, image: NDArray[np.uint8], label_map: LabelMap, format_name: str
) -> Iterator[NDArray[np.uint8]]:
    painting = paint(annotation, label_map, default_fill(format_name, label_map))
    finest, coarsest = label_map.hierarchy[0], label_map.hierarchy[-1]
    fine = "level3" if "level3" in label_map.levels else finest
    yield image
    yield label_colors(painting, label_map, finest)
    yield label_colors(painting, label_map, coarsest)
    yield instance_colors(painting, label_map, fine, stuff=False)
    yield instance_colors(painting, label_map, fine, stuff=True)


def count_files(folder: Path) -> Mapping[str, tuple[int, int]]:
    """Return what lies below a folder by kind of file: number of files and their bytes, the kinds sorted."""
    found: dict[str, tuple[int, int]] = {}
    for path in folder.rglob("*"):
        if path.is_file():
            kind = _kind(path.name)
            count, size = found.get(kind, (0, 0))
            found[kind] = count + 1, size + path.stat().st_size
    return dict(sorted(found.items()))


def _kind(name: str) -> str:
    # 'frame0000_gtFine_labelids.png' -> '*_gtFine_labelids.png', 'frame0000.xml' -> '*.xml'
    for mark in ("_gtFine", "_leftImg8bit"):
        at = name.find(mark)
        if at > 0:
            return "*" + name[at:]
    return name if name.startswith("rasterize") or "panoptic" in name else "*" + Path(name).suffix
