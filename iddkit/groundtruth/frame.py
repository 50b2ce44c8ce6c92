"""The work on one frame: read, paint, look up, write."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from iddkit import files, formats, images
from iddkit.annotation import Annotation, Reading
from iddkit.errors import FrameError, OutputError, UnknownFormatError, UserError
from iddkit.frames import Frame
from iddkit.groundtruth.encode import encode
from iddkit.groundtruth.ledger import account
from iddkit.groundtruth.plan import Plan, Product, product_path
from iddkit.groundtruth.record import Record
from iddkit.raster import Painting, default_fill, paint
from iddkit.raster.paint import obstacles, unknown_labels


@dataclass(frozen=True, slots=True)
class FrameResult:
    """What was done for one frame.

    Attributes
    ----------
    key
        The frame's key in the index.
    status
        ``done``, ``skipped`` (up to date), ``failed``, or ``foreign`` (a JSON or XML file that is no annotation).
    problems
        Why it failed, one line each, ``path: where: problem``.
    warnings
        What its file holds that could not be read, but is no object: also lines.
    record
        What the manifest says of the frame.
    panoptic
        What COCO's panoptic JSON says of the frame (``image``, ``annotation``), and the ``path`` of its PNG.
    written
        Image files that were written; those that were in place already are not.
    """

    key: str
    status: str
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    record: Record | None = None
    panoptic: Mapping[str, Any] | None = None
    written: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """One frame to rasterize.

    Attributes
    ----------
    frame
        With an annotation; paths relative to `root`.
    root, out
        Folder of the dataset, and of the images (the same to write beside the polygons).
    plan
        What to make.
    previous
        The record of an earlier run with the same settings. If the annotation still has its hash and the
        images still have theirs, the frame is up to date.
    needs_segments
        The frame's panoptic segments are not at hand: paint it although its images are up to date.
    overwrite
        Paint the frame although it is up to date, and replace images that no earlier run recorded.
    other_source
        The record is of another dataset: its images are not this one's to replace.
    made_by
        What the record is to say of the versions at work (`iddkit.versions.made_by`).
    """

    frame: Frame
    root: Path
    out: Path
    plan: Plan
    previous: Record | None = None
    needs_segments: bool = False
    overwrite: bool = False
    other_source: bool = False
    made_by: str = ""

    @property
    def annotation(self) -> PurePosixPath:
        """The annotation file, relative to the root."""
        return PurePosixPath((self.frame.annotation or Path()).as_posix())

    @property
    def path(self) -> Path:
        """The annotation file."""
        return self.root / self.annotation

    def outputs(self) -> dict[Product, str]:
        """Return where each product lies, relative to `out`.

        Raises
        ------
        FrameError
            The annotation lies outside the dataset, so that its images would lie outside `out`.
        """
        outside = self.annotation.is_absolute() or ".." in self.annotation.parts
        if outside and self.out != self.root:
            raise FrameError("lies outside the dataset, whose tree is to be mirrored", path=self.path)
        frame, plan = self.frame, self.plan
        return {p: str(product_path(plan, p, self.annotation, frame.split, frame.sequence)) for p in plan.products}


def rasterize_frame(task: Task) -> FrameResult:
    """Write all images of a plan for one frame, or none of them.

    Parameters
    ----------
    task
        What to do.

    Returns
    -------
    FrameResult
        A problem of the frame's own files never raises: it is in the result.
    """
    frame = task.frame
    try:
        if frame.annotation is None:
            raise FrameError("no annotation", path=frame.key)
        content = files.read_bytes(task.path)
        image_size = None if frame.image is None else images.read_size(task.root / frame.image)
        source = _Source(files.sha256(content), image_size)
        if _up_to_date(task, source):
            return FrameResult(frame.key, "skipped", record=task.previous)
        reading = formats.parse(content, task.path)
        annotation = reading.annotation.fitted(image_size, frame.image.name if frame.image else "")
        problems = obstacles(reading, task.plan.label_map, task.plan.unknown)
        if problems:
            lines = tuple(str(UserError(problem.text, path=task.path, where=problem.where)) for problem in problems)
            return FrameResult(frame.key, "failed", lines)
        return _draw(task, source, reading, annotation)
    except OutputError as error:
        return FrameResult(frame.key, "failed", (str(error),))
    except UnknownFormatError as error:
        return FrameResult(frame.key, "foreign", (str(error),))
    except UserError as error:
        return FrameResult(frame.key, "failed", (str(error.located(task.path)),))


@dataclass(frozen=True, slots=True)
class _Source:
    sha256: str
    image_size: tuple[int, int] | None


def _up_to_date(task: Task, source: _Source) -> bool:
    previous = task.previous
    if previous is None or task.needs_segments or task.overwrite:
        return False
    if (previous.sha256, previous.image_size) != (source.sha256, source.image_size):
        return False
    fill = task.plan.fill or default_fill(previous.format, task.plan.label_map)
    # Without unknown labels in it, a frame is the same under every way to treat them.
    if previous.fill != fill or previous.unknown not in (None, task.plan.unknown):
        return False
    recorded = previous.outputs
    return all(path in recorded and _hash(task.out / path) == recorded[path] for path in task.outputs().values())


def _hash(path: Path) -> str | None:
    """Return the hash of an image file, or None without one."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise OutputError("cannot be written: not a regular file is there", path=path)
        return files.sha256(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror or error}", path=path) from error


def _draw(task: Task, source: _Source, reading: Reading, annotation: Annotation) -> FrameResult:
    plan, paths = task.plan, task.outputs()
    fill = plan.fill or default_fill(reading.format, plan.label_map)
    strangers = bool(unknown_labels(annotation.shapes, plan.label_map))
    painting = paint(annotation, plan.label_map, fill, plan.unknown)
    ledger = account(painting)
    if plan.size is not None:
        painting = Painting(images.resize_labels(painting.index, *plan.size), painting.objects, painting.dropped)
    encoded, segments = encode(painting, plan)
    contents = {paths[product]: content for product, content in encoded.items()}
    hashes = {path: files.sha256(content) for path, content in contents.items()}
    record = Record(
        str(task.annotation),
        source.sha256,
        source.image_size,
        reading.format,
        fill,
        plan.unknown if strangers else None,
        ledger,
        task.made_by,
        hashes,
    )
    if not task.overwrite:
        _refuse_other_state(task, record)
    # First look at all that lies there, then write: a frame is made whole or left alone.
    missing = [path for path in contents if not _in_place(task, path, hashes[path])]
    files.write_all({task.out / path: contents[path] for path in missing})
    panoptic = None
    if plan.panoptic is not None:
        panoptic = _panoptic_entry(task.frame, painting, PurePosixPath(paths[plan.panoptic]), segments)
    warnings = tuple(str(UserError(problem.text, path=task.path, where=problem.where)) for problem in reading.problems)
    record = _with_earlier_images(record, task)
    return FrameResult(task.frame.key, "done", (), warnings, record, panoptic, len(missing))


def _refuse_other_state(task: Task, record: Record) -> None:
    # Images of an older annotation are iddkit's own, to be replaced. Another rule, or another dataset, is not meant
    # to be where it is without a word.
    previous = task.previous
    if previous is None or previous.state == record.state:
        return
    if task.other_source:
        problem = "its images there are of another dataset; --overwrite replaces them, another --out keeps them"
        raise OutputError(problem, path=task.path)
    if (previous.sha256, previous.image_size) == (record.sha256, record.image_size):
        was = previous.fill if previous.fill != record.fill else f"unknown labels: {previous.unknown}"
        raise OutputError(f"its images were painted otherwise ({was}); --overwrite replaces them", path=task.path)


def _in_place(task: Task, relative: str, digest: str) -> bool:
    """Return whether the file is there as it should be; raise where it must not be replaced."""
    path, previous = task.out / relative, task.previous
    present = _hash(path)
    if present is None or present == digest or task.overwrite:
        return present == digest
    recorded = None if previous is None else previous.outputs.get(relative, previous.stale.get(relative))
    if present != recorded:
        reason = "is there already, and not from this run" if recorded is None else "was changed since it was written"
        raise OutputError(f"{reason}; --overwrite replaces it", path=path)
    return False


def _with_earlier_images(record: Record, task: Task) -> Record:
    # Images of other levels stay on record: as they should be while the frame is in the same state, else as stale.
    previous = task.previous
    if previous is None:
        return record
    same = previous.state == record.state
    there = {path: digest for path, digest in previous.outputs.items() if (task.out / path).is_file()}
    old = {path: digest for path, digest in previous.stale.items() if (task.out / path).is_file()}
    outputs = {**(there if same else {}), **record.outputs}
    stale = {path: digest for path, digest in {**old, **there}.items() if path not in outputs}
    return replace(record, outputs=outputs, stale=stale)


def _panoptic_entry(
    frame: Frame, painting: Painting, path: PurePosixPath, segments: tuple[dict[str, Any], ...]
) -> dict[str, Any]:
    # The image's id is the start of the file's name, as in Cityscapes' panoptic files.
    image_id = path.name.partition("_gtFine_")[0].partition("_gtCoarse_")[0]
    height, width = painting.index.shape
    file_name = frame.image.name if frame.image is not None else path.name
    return {
        "path": str(path),
        "image": {"id": image_id, "width": width, "height": height, "file_name": file_name},
        "annotation": {"image_id": image_id, "file_name": path.name, "segments_info": list(segments)},
    }
