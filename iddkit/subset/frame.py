"""One frame of a derived dataset: where its files lie, and what is in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iddkit import images
from iddkit.errors import FrameError, LabelMapError, OptionError, RasterError
from iddkit.files import sha256
from iddkit.frames import LAYOUTS, Frame, locate
from iddkit.groundtruth import make_plan
from iddkit.images import OutputSize
from iddkit.labels import LabelMap, nests
from iddkit.raster import Painting, instance_image, level_image
from iddkit.statistics.source import LabelReader, LabelSource, label_file, read_file
from iddkit.subset.manifest import FrameRecord, check_path
from iddkit.subset.plan import IMAGE_FORMATS, SubsetPlan
from iddkit.subset.resize import resize_image

#: What a split and a sequence are called in a derived dataset, where the source has none.
SPLIT, SEQUENCE = "train", "0"


@dataclass(frozen=True)
class FramePlan:
    """The part of a plan that decides about a frame's files.

    Attributes
    ----------
    reader
        How labels are read.
    level
        Of the label images.
    output_size
        Of all images.
    image_format, quality
        As `iddkit.subset.SubsetPlan` has them.
    templates
        ``image``, ``label``, ``instances``: where each file of a frame lies (`iddkit.frames.locate`).
    """

    reader: LabelReader
    level: str
    output_size: OutputSize
    image_format: str
    quality: int
    templates: Mapping[str, str]
    _tables: dict[str, NDArray[np.uint8]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, plan: SubsetPlan, source_level: str | None = None) -> FramePlan:
        """Return the part of `plan`; `source_level` is that of label images whose names do not say it."""
        reader = LabelReader(plan.label_map, plan.fill, plan.unknown, source_level)
        size = plan.output_size
        return cls(reader, plan.level, size, plan.image_format, plan.quality, _templates(plan))

    def table(self, level: str) -> NDArray[np.uint8]:
        """Return `level_table` from another level to that of the plan, made once for each."""
        if level not in self._tables:
            self._tables[level] = level_table(self.reader.label_map, level, self.level)
        return self._tables[level]

    def outputs(self, frame: Frame) -> dict[str, str]:
        """Return the path of each file that the frame may have in the derived dataset.

        Raises
        ------
        FrameError
            A name that cannot be that of a file, or that would be passed over when the dataset is read.
        """
        split, sequence = frame.split or SPLIT, frame.sequence.strip("/").replace("/", "-") or SEQUENCE
        for part in (split, sequence, frame.name):
            if part.startswith(".") or not part or any(mark in part for mark in "/\\\0"):
                raise FrameError(f"{part!r} cannot be part of a file's name", path=frame.key)
        paths = {role: locate(template, split, sequence, frame.name) for role, template in self.templates.items()}
        try:
            return {role: check_path(path.as_posix()) for role, path in paths.items()}
        except ValueError as error:
            raise FrameError(str(error), path=frame.key) from error


def _templates(plan: SubsetPlan) -> dict[str, str]:
    layout = LAYOUTS["idd-lite" if plan.layout == "idd-lite" else "idd"]
    suffix = IMAGE_FORMATS[plan.image_format]
    image = next(template for template in layout.images if template.endswith(suffix))
    if plan.layout == "idd-lite":
        return {"image": image, "label": layout.labels[0], "instances": layout.products[0]}
    # Named as 'iddkit rasterize' names them, by the label map's own custom.
    label, instances = make_plan(plan.label_map, [plan.level], instances=True).products
    stem = layout.annotations[0].removesuffix("_polygons.json")
    return {"image": image, "label": stem + label.suffix, "instances": stem + instances.suffix}


@dataclass(frozen=True, slots=True)
class FrameSource:
    """The files of a frame in the source, read whole.

    Attributes
    ----------
    frame
        Paths relative to `root`.
    root
        Folder of the source.
    contents
        ``image``, ``annotation`` or ``labels`` to the content of the file.
    files
        The same to path and SHA-256, as `iddkit.subset.manifest.FrameRecord.source` has them.
    """

    frame: Frame
    root: Path
    contents: Mapping[str, bytes]
    files: Mapping[str, tuple[str, str]]


def read_frame(frame: Frame, root: Path) -> FrameSource:
    """Read the files of a frame that its derived files are made of.

    Raises
    ------
    UserError
        One of them cannot be read, or lies outside `root`; or there are none.
    """
    contents, hashes = {}, {}
    for role, path in _source_paths(frame):
        try:
            relative = check_path(path.as_posix())
        except ValueError as error:
            raise FrameError("lies outside the dataset, so that no manifest can name it", path=root / path) from error
        contents[role] = read_file(root / path)
        hashes[role] = relative, sha256(contents[role])
    if not contents:
        raise FrameError("neither an image nor labels", path=frame.key)
    return FrameSource(frame, root, contents, hashes)


def _source_paths(frame: Frame) -> Iterator[tuple[str, Path]]:
    if frame.image is not None:
        yield "image", frame.image
    labels = label_file(frame)
    if labels is not None:
        yield _role_of_labels(frame), labels


@dataclass(frozen=True, slots=True)
class FrameFiles:
    """What a derived dataset holds of one frame.

    Attributes
    ----------
    record
        For the manifest.
    contents
        Path in the derived dataset to the content of the file.
    notes
        What a user may want to know: one line each.
    """

    record: FrameRecord
    contents: Mapping[str, bytes]
    notes: tuple[str, ...] = ()


def make_frame(source: FrameSource, plan: FramePlan) -> FrameFiles:
    """Return the files of a frame: its image, its labels, and its instances where the source knows them.

    Raises
    ------
    UserError
        The image or the labels are damaged, do not fit one another, or cannot be had at the level of the plan.
    """
    frame, root = source.frame, source.root
    paths, made, notes = plan.outputs(frame), {}, []
    size = None if frame.image is None else images.read_size(root / frame.image, source.contents["image"])
    labels = instances = None
    relative = label_file(frame)
    if relative is not None:
        path = root / relative
        read = plan.reader.parse(source.contents[_role_of_labels(frame)], path, frame, size)
        if size is None:
            size = read.size
            notes.append(f"{path}: labels without an image")
        labels, instances, note = _sample(read, plan, *plan.output_size.of(*size))
        if note:
            notes.append(f"{path}: {note}")
    assert size is not None  # a frame has an image or labels
    across, down = plan.output_size.of(*size)
    if frame.image is not None:
        content, path = source.contents["image"], root / frame.image
        form, quality = plan.image_format, plan.quality
        made["image"] = resize_image(content, across, down, path=path, image_format=form, quality=quality)
    if labels is not None:
        made["label"] = images.encode_png(labels)
    if instances is not None:
        made["instances"] = images.encode_png(instances)
    outputs = {role: paths[role] for role in made}
    record = FrameRecord(frame.split or SPLIT, size, (across, down), source.files, outputs)
    return FrameFiles(record, {paths[role]: content for role, content in made.items()}, tuple(notes))


def _role_of_labels(frame: Frame) -> str:
    return "labels" if frame.annotation is None else "annotation"


def _sample(
    read: LabelSource, plan: FramePlan, width: int, height: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint16] | None, str]:
    """Return labels and instances at the output's size, and why there are no instances of a painted frame."""
    label_map = plan.reader.label_map
    if read.painting is None:
        return np.take(plan.table(read.level), read.sample(width, height)), None, ""
    index = images.resize_labels(read.painting.index, width, height)
    painting = Painting(index, read.painting.objects, read.painting.dropped)
    labels = level_image(painting, label_map, plan.level)
    try:
        return labels, instance_image(painting, label_map, plan.level), ""
    except (RasterError, OptionError) as error:
        return labels, None, f"no instances: {error}"


def level_table(label_map: LabelMap, fine: str, coarse: str) -> NDArray[np.uint8]:
    """Return the number at level `coarse` of each number at level `fine`: uint8 (256,).

    Numbers that the fine level does not have, `iddkit.labels.VOID` among them, become the coarse level's void.

    Raises
    ------
    LabelMapError
        One number of the fine level is several of the coarse one.

    Examples
    --------
    >>> from iddkit import labels
    >>> idd = labels.load("idd")
    >>> level_table(idd, "level3", "level1")[[0, 4, 9, 255]].tolist()
    [0, 2, 3, 255]
    """
    if fine != coarse and not nests(label_map, fine, coarse):
        raise LabelMapError(f"labels of {fine} cannot be turned into {coarse}: one number of it is several of {coarse}")
    table = np.full(256, label_map.void(coarse), dtype=np.uint8)
    for category in label_map.categories(fine):
        table[category.number] = category.labels[0].numbers[coarse]
    return table


def level_names(label_map: LabelMap, level: str) -> dict[int, str]:
    """Return each number that label images of a level may hold, and the name of its category."""
    names = {category.number: category.name for category in label_map.categories(level)}
    for number in (label_map.void(level), label_map.background(level)):
        names.setdefault(number, "void")
    return names
