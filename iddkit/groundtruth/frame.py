"""The work on one frame: read, paint, look up, write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from iddkit import files, formats, images
from iddkit.annotation import Annotation, Reading
from iddkit.errors import FrameError, OutputError, UserError
from iddkit.frames import Frame
from iddkit.groundtruth.encode import Encoder
from iddkit.groundtruth.ledger import account
from iddkit.groundtruth.plan import Plan, Product, product_path
from iddkit.raster import Painting, default_fill, paint
from iddkit.raster.paint import unknown_labels


@dataclass(frozen=True, slots=True)
class FrameResult:
    """What was done for one frame.

    Attributes
    ----------
    key
        The frame's key in the index.
    status
        ``done``, ``skipped`` (up to date) or ``failed``.
    problems
        Why it failed, one line each, ``path: where: problem``.
    record
        What the manifest says of the frame: annotation, sha256, size, fill, ledger, outputs.
    panoptic
        What COCO's panoptic JSON says of the frame (``image``, ``annotation``), and the ``path`` of its PNG.
    """

    key: str
    status: str
    problems: tuple[str, ...] = ()
    record: Mapping[str, Any] | None = None
    panoptic: Mapping[str, Any] | None = None


def rasterize_frame(
    frame: Frame,
    root: Path,
    out: Path,
    plan: Plan,
    *,
    previous: Mapping[str, Any] | None = None,
    needs_segments: bool = False,
    overwrite: bool = False,
    encoder: Encoder | None = None,
) -> FrameResult:
    """Write all images of a plan for one frame, or none of them.

    Parameters
    ----------
    frame
        With an annotation; paths relative to `root`.
    root, out
        Folder of the dataset, and of the images (the same to write beside the polygons).
    previous
        The record of an earlier run with the same settings. If the annotation still has its hash and the
        images still have theirs, the frame is up to date.
    needs_segments
        The frame's panoptic segments are not at hand: paint it although its images are up to date.
    overwrite
        Paint the frame although it is up to date, and replace images that no earlier run recorded.
    encoder
        One that earlier frames used, to save the time of new memory.

    Returns
    -------
    FrameResult
        A problem of the frame's own files never raises: it is in the result.
    """
    path = root / str(frame.annotation)
    try:
        if frame.annotation is None:
            raise FrameError("no annotation", path=frame.key)
        content = files.read_bytes(path)
        digest = files.sha256(content)
        image_size = _image_size(frame, root)
        outputs = _output_paths(frame, plan)
        if previous is not None and (previous["sha256"], previous["image_size"]) != (digest, _as_list(image_size)):
            # Images of an older annotation: iddkit's own, and to be replaced.
            previous = {**previous, "sha256": None}
        if (
            previous is not None
            and not (needs_segments or overwrite)
            and _up_to_date(previous, digest, plan, outputs, out)
        ):
            return FrameResult(frame.key, "skipped", record=previous)
        reading = formats.parse(content, path)
        annotation = _sized(reading.annotation, image_size, path, root / str(frame.image))
        problems = [*reading.problems]
        if plan.unknown == "error":
            problems += unknown_labels(annotation.shapes, plan.label_map)
        if problems:
            lines = tuple(str(UserError(problem.text, path=path, where=problem.where)) for problem in problems)
            return FrameResult(frame.key, "failed", lines)
        source = _Source(path, digest, image_size, reading, annotation)
        return _draw(frame, out, plan, source, previous, overwrite, encoder or Encoder())
    except OutputError as error:
        return FrameResult(frame.key, "failed", (str(error),))
    except UserError as error:
        located = error if error.path else type(error)(error.problem, path=path, where=error.where)
        return FrameResult(frame.key, "failed", (str(located),))


@dataclass(frozen=True, slots=True)
class _Source:
    path: Path
    sha256: str
    image_size: tuple[int, int] | None
    reading: Reading
    annotation: Annotation


def _image_size(frame: Frame, root: Path) -> tuple[int, int] | None:
    return None if frame.image is None else images.read_size(root / str(frame.image))


def _sized(annotation: Annotation, image_size: tuple[int, int] | None, path: Path, image: Path) -> Annotation:
    if image_size is None:
        if annotation.size == (0, 0):
            raise FrameError("no image size in the file, and no image to take it from", path=path)
        return annotation
    if annotation.size == (0, 0):
        return annotation.with_size(*image_size)
    if annotation.size != image_size:
        stated, real = ("x".join(map(str, size)) for size in (annotation.size, image_size))
        raise FrameError(f"the annotation is of an image of {stated}, {image.name} is {real}", path=path)
    return annotation


def _output_paths(frame: Frame, plan: Plan) -> dict[Product, str]:
    annotation = PurePosixPath(str(frame.annotation).replace("\\", "/"))
    return {p: str(product_path(plan, p, annotation, frame.split, frame.sequence)) for p in plan.products}


def _up_to_date(
    previous: Mapping[str, Any], digest: str, plan: Plan, outputs: Mapping[Product, str], out: Path
) -> bool:
    if previous["sha256"] != digest or not _painted_alike(previous, plan, plan.fill):
        return False
    recorded = previous["outputs"]
    return all(path in recorded and _has_hash(out / path, recorded[path]) for path in outputs.values())


def _painted_alike(previous: Mapping[str, Any], plan: Plan, fill: str | None) -> bool:
    # Without unknown labels in it, a frame is the same under every way to treat them.
    return fill in (None, previous["fill"]) and previous["unknown"] in (None, plan.unknown)


def _as_list(size: tuple[int, int] | None) -> list[int] | None:
    return None if size is None else list(size)


def _has_hash(path: Path, digest: str) -> bool:
    try:
        return files.sha256(path.read_bytes()) == digest
    except OSError:
        return False


def _draw(
    frame: Frame,
    out: Path,
    plan: Plan,
    source: _Source,
    previous: Mapping[str, Any] | None,
    overwrite: bool,
    encoder: Encoder,
) -> FrameResult:
    fill = plan.fill or default_fill(source.reading.format, plan.label_map)
    strangers = bool(unknown_labels(source.annotation.shapes, plan.label_map))
    if previous is not None and previous["sha256"] and not overwrite and not _painted_alike(previous, plan, fill):
        was = previous["fill"] if previous["fill"] != fill else f"unknown labels {previous['unknown']}"
        raise OutputError(f"its images were painted otherwise ({was}); --overwrite replaces them", path=source.path)
    painting = paint(source.annotation, plan.label_map, fill, plan.unknown)
    ledger = account(painting)
    if plan.size is not None:
        painting = Painting(images.resize_labels(painting.index, *plan.size), painting.objects, painting.dropped)
    paths = _output_paths(frame, plan)
    encoded, segments = encoder.encode(painting, plan)
    contents = {paths[product]: content for product, content in encoded.items()}
    recorded = {} if previous is None else previous["outputs"]
    hashes = {path: files.sha256(content) for path, content in contents.items()}
    # First look at all that lies there, then write: a frame is made whole or left alone.
    missing = [path for path in contents if not _in_place(out / path, hashes[path], recorded.get(path), overwrite)]
    for path in missing:
        files.write_bytes(out / path, contents[path])
    record = {
        "annotation": PurePosixPath(str(frame.annotation)).as_posix(),
        "sha256": source.sha256,
        "image_size": _as_list(source.image_size),
        "format": source.reading.format,
        "fill": fill,
        "unknown": plan.unknown if strangers else None,
        "ledger": ledger.to_json(),
        "outputs": dict(sorted({**_still_there(previous, out), **hashes}.items())),
    }
    panoptic = None
    if plan.panoptic is not None:
        panoptic = _panoptic_entry(frame, painting, PurePosixPath(paths[plan.panoptic]), segments)
    return FrameResult(frame.key, "done", record=record, panoptic=panoptic)


def _still_there(previous: Mapping[str, Any] | None, out: Path) -> dict[str, str]:
    # Images of other levels from an earlier run stay on record while they are of the same annotation.
    if previous is None or previous["sha256"] is None:
        return {}
    return {path: digest for path, digest in previous["outputs"].items() if (out / path).is_file()}


def _in_place(path: Path, digest: str, recorded: str | None, overwrite: bool) -> bool:
    """Return whether the file is there as it should be; raise where it must not be replaced."""
    try:
        present = files.sha256(path.read_bytes())
    except FileNotFoundError:
        return False
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror or error}", path=path) from error
    if present == digest:
        return True
    if not overwrite and present != recorded:
        reason = "is there already, and not from this run" if recorded is None else "was changed since it was written"
        raise OutputError(f"{reason}; --overwrite replaces it", path=path)
    return False


def _panoptic_entry(
    frame: Frame, painting: Painting, path: PurePosixPath, segments: tuple[dict[str, Any], ...]
) -> dict[str, Any]:
    # The image's id is the start of the file's name, as in Cityscapes' panoptic files.
    image_id = path.name.partition("_gtFine_")[0]
    height, width = painting.index.shape
    file_name = frame.image.name if frame.image is not None else path.name
    return {
        "path": str(path),
        "image": {"id": image_id, "width": width, "height": height, "file_name": file_name},
        "annotation": {"image_id": image_id, "file_name": path.name, "segments_info": list(segments)},
    }
